"""How tracks are divided into training, test and holdout."""

from pydantic import Field, model_validator

from genreflow.config.base import Settings


class FoldSettings(Settings):
    """Stratified cross-validation over whole tracks or whole groups, and a holdout no fold ever sees."""

    count: int = Field(5, ge=2, description="Folds; every track outside the holdout is tested in exactly one.")
    seed: int = Field(0, ge=0, description="Seed of the shuffling.")
    validation: bool = Field(
        False,
        description="Of each fold, do not train on the tracks that the next one tests, but choose the best epoch by "
        "them (feature_maps study: ten folds of 80, 10 and 10 %). Needs three folds.",
    )
    holdout: int = Field(
        0, ge=0, description="Tracks put aside for the final model, unless the dataset marks its own (split: holdout)."
    )
    group: bool = Field(True, description="Keep the tracks of a group (artist, album) on one side of every fold.")

    @model_validator(mode="after")
    def _values_agree(self) -> "FoldSettings":
        if self.validation and self.count < 3:
            raise ValueError("validation needs a fold to train on besides: set count to 3 or more")
        return self
