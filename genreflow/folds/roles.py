"""The roles of tracks in a fold table."""

TRAIN = "train"
VALIDATION = "validation"
TEST = "test"
HOLDOUT = "holdout"

FINAL = "final"
"""The fold of the final model, which is trained on all tracks except the holdout."""
