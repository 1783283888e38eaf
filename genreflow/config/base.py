"""The base of all settings classes."""

from pydantic import BaseModel, ConfigDict

MAX_SEED = 2**31 - 1  # of seeds, to which folds and repeats are added; scikit-learn takes 32 bits


class Settings(BaseModel):
    """Immutable settings that refuse unknown keys, wrong types and non-finite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True)
