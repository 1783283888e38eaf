"""How a network is trained."""

from typing import Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from genreflow.config.base import LATER, MAX_SEED, Settings

Optimizer = Literal["adam", "adamw", "adadelta", "adamax", "sgd"]
Schedule = Literal["cosine", "constant", "plateau", "won2020"]
Sampling = Literal["balanced", "shuffled", "weighted"]
Tracker = Literal["none", "tensorboard", "mlflow", "wandb-offline"]
ALL_BUT_HEAD = "all_but_head"


class TrackerPackage(NamedTuple):
    """What a tracker needs: the module that is imported, and the package that has it."""

    module: str
    package: str


TRACKERS = {
    "tensorboard": TrackerPackage("tensorboardX", "tensorboardX"),
    "mlflow": TrackerPackage("mlflow", "mlflow"),
    "wandb-offline": TrackerPackage("wandb", "wandb"),
}


class TrainingSettings(Settings):
    """The training of one run. Optimizer defaults are those of Keras 2.2, which the studies used."""

    optimizer: Optimizer = Field("adam", description="Optimizer.")
    learning_rate: float | None = Field(None, gt=0, le=100, description="Step size; the optimizer's own if not given.")
    momentum: float = Field(0.0, ge=0, lt=1, description="Of sgd: Nesterov's.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="L2 penalty on the weights; with adamw, their decay.")
    keras_epsilon: bool = Field(
        False,
        json_schema_extra=LATER,
        description="adam: add epsilon as Keras 2 did, before the second moment is corrected for its bias; the first "
        "steps of parameters with tiny gradients are then shorter.",
    )
    schedule: Schedule = Field(
        "cosine",
        description="Step size over the training: falling to 0 as a half cosine; constant; plateau: smaller when the "
        "monitored quantity stops improving; won2020: Adam, then SGD in three steps from the best weights so far, the "
        "200 epochs of Won et al. (2020) scaled to `epochs`, with their own step sizes, momentum and weight decay.",
    )
    plateau_patience: int = Field(
        5, ge=1, le=1_000_000, description="plateau: epochs without improvement before a smaller step."
    )
    plateau_factor: float = Field(0.1, gt=0, lt=1, description="plateau: the step size is multiplied by it.")
    sampling: Sampling = Field(
        "balanced",
        description="balanced: as many slices of each class in every batch; shuffled: all, before any comes again; "
        "weighted: drawn with replacement, classes (or tags) alike on average.",
    )
    crop: int | None = Field(
        None,
        ge=1,
        le=1_000_000_000,
        description="Train on a random part of each slice, so many samples or frames long, another one each epoch.",
    )
    crop_windows: int = Field(
        16, ge=1, le=1_000, description="Predictions of a slice are the mean over so many parts at equal steps."
    )
    shift: float = Field(0.0, ge=0, le=1, description="Shift in time, at random by up to this share of the length.")
    mask_time: float = Field(
        0.0, ge=0, le=1, description="Blank a stretch of up to this share of the frames (SpecAugment)."
    )
    mask_bands: float = Field(0.0, ge=0, le=1, description="Blank up to this share of the bands (SpecAugment).")
    mixup: float = Field(0.0, ge=0, le=10, description="Mix pairs of slices; the alpha of the beta distribution.")
    gain: float = Field(0.0, ge=0, le=24, description="Change the level at random by up to so many dB.")
    noise: float = Field(
        0.0, ge=0, le=1, description="Add normal noise, of up to this share of the deviation of a slice."
    )
    batch: int = Field(64, ge=1, le=1_000_000, description="Slices a step.")
    accumulate: int = Field(1, ge=1, le=1_000, description="Parts that a batch is computed in, to save memory.")
    epochs: int = Field(20, ge=1, le=1_000_000, description="Epochs, at most.")
    steps_per_epoch: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Steps an epoch; if not given, one pass over the slices, but at least `min_steps_per_epoch`.",
    )
    min_steps_per_epoch: int = Field(
        50,
        ge=1,
        le=1_000_000,
        description="A pass over few slices is too few steps to learn from: 900 make 15 of 64. With 20 epochs there "
        "are at least 1,000 steps. 15 in the studies.",
    )
    monitor: Literal["accuracy", "loss"] = Field(
        "accuracy",
        description="The quantity that decides which epoch is the best: of the validation tracks if the "
        "folds have any, else of the training slices. For tags, accuracy is the mean area under the ROC curve.",
    )
    restore_best: bool = Field(
        True, description="End with the weights of the best epoch; if false, with those of the last one."
    )
    early_stopping_patience: int | None = Field(
        None, ge=1, le=1_000_000, description="Stop after so many epochs without improvement."
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="auto: bfloat16 where the hardware has it, float16 on NVIDIA GPUs that multiply it faster (V100, "
        "T4), float32 elsewhere. With float16 the loss is scaled, and a step whose gradients overflow is left out.",
    )
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Seed of initial weights, batches, augmentation and dropout.")
    init: str | None = Field(
        None,
        json_schema_extra=LATER,
        min_length=1,
        description="Fine-tuning: start from trained weights, of the folder of a run or of an exported model. Network, "
        "options, front-end and length of the segments must be those of that training; standardization is taken over, "
        "and the output layer starts anew.",
    )
    keep_head: bool = Field(
        False, json_schema_extra=LATER, description="init: keep the output layer, too; the classes must be the same."
    )
    freeze: float | str | None = Field(
        None,
        json_schema_extra=LATER,
        description="init: layers that are not trained: a share of them, from the input on; the name of the last such "
        "layer; or all_but_head. Their batch normalization keeps its statistics.",
    )
    unfreeze_after: int | None = Field(
        None,
        json_schema_extra=LATER,
        ge=1,
        le=1_000_000,
        description="freeze: train these layers too after so many epochs.",
    )
    unfreeze_layers: int | None = Field(
        None,
        json_schema_extra=LATER,
        ge=1,
        le=1_000,
        description="unfreeze_after: so many layers more each time, those nearest to the output first; all at once if "
        "not given.",
    )
    layer_decay: float = Field(
        1.0,
        json_schema_extra=LATER,
        gt=0,
        le=1,
        description="init: the step size of a layer is this times that of the next one towards the output.",
    )
    predict_training: bool = Field(False, description="Also predict the training slices, which shows overfitting.")
    tracking: Tracker = Field(
        "none",
        json_schema_extra=LATER,
        description="Also follow each training in an experiment tracker, in files below `logs/`: "
        + "; ".join(f"{name} (pip install {tracker.package})" for name, tracker in TRACKERS.items())
        + ". It changes no result.",
    )

    @field_validator("freeze")
    @classmethod
    def _freeze_is_a_share_or_a_name(cls, value: float | str | None) -> float | str | None:
        if isinstance(value, float) and not 0 <= value <= 1:
            raise ValueError(f"a share of the layers is a number from 0 to 1, not {value:g}")
        if value == "":
            raise ValueError(f"this is a share of the layers, the name of a layer, or {ALL_BUT_HEAD}")
        return value

    @model_validator(mode="after")
    def _values_agree(self) -> "TrainingSettings":
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(f"momentum is of sgd, and optimizer is {self.optimizer}: leave it out")
        given = [name for name, default in FINE_TUNING.items() if getattr(self, name) != default]
        if given and self.init is None:
            raise ValueError(f"{', '.join(given)}: of fine-tuning only; set init beside it, or leave it out")
        if self.unfreeze_after is not None and self.freeze is None:
            raise ValueError("unfreeze_after: nothing is frozen; set freeze, or leave it out")
        if self.unfreeze_layers is not None and self.unfreeze_after is None:
            raise ValueError("unfreeze_layers: set unfreeze_after, too, or leave it out")
        return self


# Settings that need `init` -> their defaults.
FINE_TUNING = {
    name: TrainingSettings.model_fields[name].default
    for name in ("keep_head", "freeze", "unfreeze_after", "unfreeze_layers", "layer_decay")
}
