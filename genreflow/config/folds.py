"""How tracks are divided into training, validation, test and holdout."""

from typing import Literal

from pydantic import Field, model_validator

from genreflow.config.base import LATER, MAX_SEED, Settings


class FoldSettings(Settings):
    """How tracks, whole groups of them, or their segments are divided; and a holdout that no fold ever sees."""

    scheme: Literal["stratified", "random", "given", "leave_one_collection_out"] = Field(
        "stratified",
        description="stratified: `count` folds with all classes alike, every track outside the holdout tested in "
        "exactly one; random: `count` times a share `test` drawn at random, of groups with all classes alike as far "
        "as groups allow, of single tracks as scikit-learn's train_test_split draws it; given: the split that the "
        "dataset comes with; leave_one_collection_out: train on all but one of the parts of a dataset with "
        "`layout: collections`, and test on that; classes of a single part are left out.",
    )
    unit: Literal["track", "segment"] = Field(
        "track",
        description="segment: divide the segments one by one, so that those of one track are trained on and tested. "
        "Such accuracies are too high; it is there to repeat a study that did so. Needs scheme: random.",
    )
    count: int = Field(
        5,
        ge=1,
        le=1_000,
        description="Folds, or draws of scheme random; a given split is one, of collections there are as many.",
    )
    fewer_if_needed: bool = Field(
        False,
        json_schema_extra=LATER,
        description="stratified: where a class has fewer groups of tracks than `count`, divide into as many folds as "
        "it has groups, but at least two.",
    )
    test: float = Field(0.2, gt=0, lt=1, description="random: share that is tested.")
    valid: float = Field(0.0, ge=0, lt=1, description="random: share that the best epoch is chosen by.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Seed of the draw; another draws folds and holdout anew.")
    validation: bool = Field(
        False,
        description="stratified: of each fold, do not train on the tracks that the next one tests, but choose the "
        "best epoch by them (feature_maps study: ten folds of 80, 10 and 10 %). Needs three folds.",
    )
    holdout: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="Tracks held out for the final model, unless the dataset marks its own (split: holdout). What was "
        "held out stays so, until `seed` changes.",
    )
    group: Literal["auto"] | bool = Field(
        True,
        description="true: keep the tracks of a group (artist, album) on one side of every fold; auto: likewise, where "
        "the group of a track is its artist, by the dataset or else by the tags of its file, or its album where no "
        "artist is known. Groups that a table names stay.",
    )

    @model_validator(mode="after")
    def _values_agree(self) -> "FoldSettings":
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> list[str]:
        stratified = self.scheme == "stratified"
        return [
            sentence
            for sentence, is_wrong in (
                ("count: stratified folds are two or more", stratified and self.count < 2),
                (
                    "validation needs a fold to train on besides: set count to 3 or more",
                    self.validation and self.count < 3,
                ),
                ("validation is of stratified folds: set `valid` to a share", self.validation and not stratified),
                ("fewer_if_needed is of stratified folds", self.fewer_if_needed and not stratified),
                ("test and valid leave nothing to train on", self.scheme == "random" and self.test + self.valid >= 1),
                ("segments are divided by scheme random only", self.unit == "segment" and self.scheme != "random"),
                ("segments belong to no group: set group to false", self.unit == "segment" and self.group),
                ("a holdout of segments cannot be drawn", self.unit == "segment" and self.holdout > 0),
                ("a given split has its own holdout, or none", self.scheme == "given" and self.holdout > 0),
                (
                    "leave_one_collection_out holds out collections, and nothing else",
                    self.scheme == "leave_one_collection_out" and self.holdout > 0,
                ),
            )
            if is_wrong
        ]

    @property
    def leaves_collections_out(self) -> bool:
        """Whether each fold tests one collection."""
        return self.scheme == "leave_one_collection_out"

    @property
    def names(self) -> list[str]:
        """The folds that are tested; beside them there is `final`."""
        return [str(number) for number in range(1, self.n_names + 1)]

    @property
    def n_names(self) -> int:
        """How many folds are tested."""
        return 1 if self.scheme == "given" else self.count
