"""The settings of a whole run: `config.yaml`."""

from typing import Literal

from pydantic import Field

from genreflow.config.audio import AudioSettings
from genreflow.config.base import Settings
from genreflow.config.datasets import Dataset


class Limits(Settings):
    """What one job may use."""

    shard_size: int = Field(32, ge=1, le=4096, description="Most tracks in a shard, the unit of one job.")
    track_timeout: float = Field(600.0, gt=0, description="Seconds after which a track is given up, s.")
    train_threads: int = Field(8, ge=1, description="Most CPU threads of one training job.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where networks are trained.")
    max_runs: int = Field(2_000, ge=1, description="Most training runs a study may ask for.")


class PredictRequest(Settings):
    """What `snakemake predict` classifies."""

    study: str = Field(description="Study whose final model is used.")
    files: list[str] = Field(min_length=1, description="Audio files and folders.")


class PipelineSettings(Settings):
    """Everything in `config.yaml`."""

    studies: list[str] = Field(default_factory=list, description="Names in studies/, or paths to study files.")
    datasets: dict[str, Dataset] = Field(default_factory=dict)
    audio: AudioSettings = AudioSettings()
    limits: Limits = Limits()
    predict: PredictRequest | None = None
