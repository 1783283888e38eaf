"""How a network is trained."""

from typing import Literal

from pydantic import Field

from genreflow.config.base import Settings

# A small collection has few batches a pass: 900 slices make 9 of 100, too few updates in 20 epochs to learn from.
MIN_STEPS_PER_EPOCH = 15

Optimizer = Literal["adam", "adadelta", "adamax", "sgd"]


class TrainingSettings(Settings):
    """The training of one run. Optimiser defaults are those of Keras 2.2, which the study used."""

    optimizer: Optimizer = Field("adam", description="Optimiser.")
    learning_rate: float | None = Field(None, gt=0, le=100, description="Step size; the optimiser's own if not given.")
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="Step size over the training: falling to 0 as a half cosine, or constant."
    )
    batch: int = Field(100, ge=1, description="Slices a step, in equal numbers a class.")
    epochs: int = Field(20, ge=1, description="Epochs.")
    steps_per_epoch: int | None = Field(
        None,
        ge=1,
        description=f"Steps an epoch; if not given, one pass over the slices, but at least {MIN_STEPS_PER_EPOCH}.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 where the hardware has it, float32 elsewhere."
    )
    seed: int = Field(0, ge=0, description="Seed of initial weights, batches and dropout.")
