"""The words of a fold table."""

TRAIN = "train"
VALIDATION = "validation"
TEST = "test"
HOLDOUT = "holdout"

FINAL = "final"
"""The fold of the final model: trained on every track but the holdout."""
