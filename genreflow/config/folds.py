"""How tracks are divided into training, test and holdout."""

from pydantic import Field

from genreflow.config.base import Settings


class FoldSettings(Settings):
    """Stratified cross-validation over whole tracks or whole groups, and a holdout no fold ever sees."""

    count: int = Field(5, ge=2, description="Folds; every track outside the holdout is tested in exactly one.")
    seed: int = Field(0, ge=0, description="Seed of the shuffling.")
    holdout: int = Field(
        0, ge=0, description="Tracks put aside for the final model, unless the dataset marks its own (split: holdout)."
    )
    group: bool = Field(True, description="Keep the tracks of a group (artist, album) on one side of every fold.")
