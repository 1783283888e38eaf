"""The base of all settings classes."""

from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

MAX_SEED = 2**31 - 1  # of seeds, to which folds and repeats are added; scikit-learn takes 32 bits

LATER: dict[str, Any] = {"later": True}
"""`json_schema_extra` of a field that was added after products had been made with the others."""


class Settings(BaseModel):
    """Immutable settings that refuse unknown keys, wrong types and non-finite numbers.

    A field marked `LATER` is written only where it differs from its default. The keys of products are digests of
    written settings, so a new setting makes nothing again until somebody uses it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True)

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values = handler(self)
        for name, field in type(self).model_fields.items():
            if field.json_schema_extra == LATER and getattr(self, name) == field.default:
                values.pop(name, None)
        return values
