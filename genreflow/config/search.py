"""A search for the settings of a model."""

from typing import Literal

from pydantic import Field, model_validator

from genreflow.config.base import MAX_SEED, Settings

Value = str | int | float | bool
Metric = Literal["track_accuracy", "slice_accuracy", "log_loss", "roc_auc"]


class Range(Settings):
    """Numbers that a search draws from."""

    low: int | float = Field(description="Least value.")
    high: int | float = Field(description="Greatest value.")
    log: bool = Field(False, description="Draw the logarithm evenly, as for learning rates.")

    @model_validator(mode="after")
    def _values_agree(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"low must be less than high; found {self.low:g} and {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"log: there is no logarithm of low, {self.low:g}; set it above 0")
        return self


class SearchSettings(Settings):
    """A search for the best settings of a model, by inner folds of the training tracks of each fold (Optuna's TPE)."""

    model: str | None = Field(None, description="The model; the study's first if not given.")
    trials: int = Field(40, ge=1, le=9_999, description="Combinations that are tried for each fold.")
    metric: Metric = Field(
        "track_accuracy",
        description="What is to be best, in the mean over inner folds: the accuracy of tracks by majority vote, or of "
        "slices; the log loss of slices; for tags, roc_auc: the mean area under the ROC curve, over tracks.",
    )
    space: dict[str, Range | list[Value]] = Field(
        description="Option of the model or training setting -> a list of values, or `{low, high}` for numbers, with "
        "`log: true` where their logarithm counts. The first trial is the study's own setting.",
    )
    folds: int = Field(3, ge=2, le=20, description="Inner folds, grouped as the study's own.")
    parallel: int = Field(
        1, ge=1, le=100, description="Trials of a fold that may run at a time; more of them learn less from each other."
    )
    prune: bool = Field(
        True, description="End a trial when it is worse than the median of those before it at the same epoch."
    )
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Seed of the inner folds and of the trials.")
