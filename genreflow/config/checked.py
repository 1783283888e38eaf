"""Checking values against a settings class: all problems as sentences, and the settings without them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import Any, Generic, TypeVar, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from genreflow.config.base import Settings
from genreflow.config.names import renamed
from genreflow.errors import did_you_mean

S = TypeVar("S")
Place = tuple[str | int, ...]
_LONGEST = 80  # characters of a value in a sentence
_NOT_A_MAPPING = ("dict_type", "model_type", "model_attributes_type", "mapping_type")
_NUMBERS = ("int_type", "float_type", "int_from_float")
# Type of pydantic's error -> the expected value.
_EXPECTED = {
    "string_type": "text",
    "list_type": "a list, as in [a, b]",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_too_short": "text that is not empty",
}


class Unreadable:
    """Stands for a value that has been reported already."""


UNREADABLE = Unreadable()


@dataclass
class Checked(Generic[S]):
    """Settings without the wrong values.

    Attributes
    ----------
    settings
        The settings, with defaults in place of wrong values; None if the rest is not enough.
    problems
        Place of each wrong value -> a sentence that begins with its key.
    left_out
        Places of all values that were left out.
    """

    settings: S | None = None
    problems: dict[Place, str] = field(default_factory=dict)
    left_out: set[Place] = field(default_factory=set)

    @property
    def usable(self) -> S:
        """The settings; only where something could be made of the values."""
        assert self.settings is not None
        return self.settings

    def is_sound(self, *place: str) -> bool:
        """Return whether nothing at or below a place was left out."""
        return all(out[: len(place)] != place for out in self.left_out)


def checked(kind: type[S], values: Mapping[str, Any]) -> Checked[S]:
    """Check `values` against a settings class; leave wrong values out, so that the rest is checked as well."""
    result: Checked[S] = Checked()
    rest = _copied(values)
    while result.settings is None:
        try:
            result.settings = _adapter(kind).validate_python(rest)  # type: ignore[arg-type]  # classes are hashable
        except ValidationError as error:
            faults = [_Fault(rest, each) for each in error.errors(include_url=False)]
            before = set(result.left_out)
            for place, group in groupby(faults, key=lambda fault: fault.place):
                alike = list(group)
                if alike[0].input is not UNREADABLE and not alike[0].follows_from(before):
                    result.problems[place] = f"{path_of(place)}: {_sentence(kind, alike)}"
            for fault in faults:
                result.left_out.add(fault.out or fault.place)
                _leave_out(rest, fault)
            if result.left_out == before or () in result.left_out:
                break
    return result


def shortened(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def shown(value: Any) -> str:
    """Return a value as a sentence shows it."""
    if value is None:
        return "nothing"
    try:
        return shortened(repr(value))
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a whole number of thousands of digits"


def path_of(place: Place) -> str:
    """Return a place as text: ``datasets.mine.path``."""
    steps = (str(step) if str(step).isprintable() else repr(step) for step in place)
    return ".".join(shortened(step) for step in steps) or "(top level)"


class _Fault:
    """An error of pydantic at its place in the values, which has no names of classes.

    `out` is the place of the smallest part that must be left out for the rest to be valid.
    """

    def __init__(self, values: Any, error: Mapping[str, Any]) -> None:
        self.kind, self.message, self.input = error["type"], error["msg"], error["input"]
        self.context = error.get("ctx", {})
        self.place, self.out = _places(values, error["loc"])
        if self.is_missing:
            key = self.context["discriminator"].strip("'") if "discriminator" in self.context else error["loc"][-1]
            self.place = (*self.place, key)
        elif self.kind == "union_tag_invalid":
            self.place = (*self.place, self.context["discriminator"].strip("'"))

    @property
    def is_missing(self) -> bool:
        return self.kind in ("missing", "union_tag_not_found")

    def follows_from(self, left_out: Iterable[Place]) -> bool:
        """Return whether something at, above or below its place was left out before."""
        return any(out[: len(self.place)] == self.place or self.place[: len(out)] == out for out in left_out)


def _places(values: Any, steps: Iterable[str | int]) -> tuple[Place, Place]:
    """Return the place that steps lead to, and that of the list around it, if any, or else itself again."""
    place: list[str | int] = []
    end = None
    for step in steps:
        if isinstance(values, dict) and step in values:
            values = values[step]
        elif isinstance(values, list) and isinstance(step, int) and step < len(values):
            end, values = len(place) if end is None else end, values[step]
        else:
            continue
        place.append(step)
    return tuple(place), tuple(place[:end])


def _leave_out(values: dict[str | int, Any], fault: _Fault) -> None:
    """Remove the part with a fault; at the top level, set a missing key to an empty text."""
    if not fault.out:
        values.update({str(fault.place[-1]): ""} if fault.is_missing else {})
        return
    for step in fault.out[:-1]:
        values = values.get(step, {})
    values.pop(fault.out[-1], None)


def _copied(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {key: _copied(value) for key, value in values.items()}
    return [_copied(value) for value in values] if isinstance(values, list) else values


@cache
def _adapter(kind: Any) -> TypeAdapter:
    return TypeAdapter(kind)


def _sentence(kind: type, faults: list[_Fault]) -> str:
    fault, place = faults[0], faults[0].place
    if fault.kind == "extra_forbidden":
        key, known = str(place[-1]), _known_keys(kind, place[:-1])
        hint = renamed(key) or _belongs_to(kind, key, place) or did_you_mean(key, known)
        return f"this key is not known.{hint}"
    if fault.is_missing:
        return "this key is missing."
    if fault.kind == "union_tag_invalid":
        tag, tags = fault.context["tag"], re.findall(r"'(\w+)'", fault.context["expected_tags"])
        return f"{shown(tag)} is none of {', '.join(tags)}.{did_you_mean(tag, tags)}"
    if fault.kind == "value_error":
        return f"{fault.message.removeprefix('Value error, ')}."
    if fault.kind in _NOT_A_MAPPING:
        return f"this must be `key: value` pairs; found {shown(fault.input)}."
    if len({each.kind for each in faults}) > 1:  # of a union, none of whose types it has
        return f"this must be text, a finite number, true or false; found {shown(fault.input)}."
    return f"this must be {_expected(fault)}; found {shown(fault.input)}.{_decimal(fault)}{renamed(fault.input)}"


def _expected(fault: _Fault) -> str:
    if fault.kind == "too_short":
        return f"a list of {fault.context['min_length']} or more"
    if fault.kind == "literal_error":
        return f"one of {fault.context['expected'].replace(' or ', ', ')}"
    return _EXPECTED.get(fault.kind, fault.message.removeprefix("Input should be "))


def _belongs_to(kind: type, key: str, place: Place) -> str:
    """Return a sentence if a key at the top level is one of its mappings instead, as `path` is of a dataset."""
    fields = kind.model_fields if len(place) == 1 and issubclass(kind, Settings) else {}
    homes = [
        f"{name}.NAME" if get_origin(field.annotation) is dict else name
        for name, field in fields.items()
        if key in _known_keys(field.annotation, ("NAME",) if get_origin(field.annotation) is dict else ())
    ]
    return f" It belongs to `{homes[0]}`." if homes else ""


def _decimal(fault: _Fault) -> str:
    is_number = isinstance(fault.input, str) and re.fullmatch(r"[-+]?[0-9][0-9a-fA-FxobXOB_:.]*", fault.input)
    if fault.kind not in _NUMBERS or not is_number:
        return ""
    return " Numbers are plain decimals, without quotes, leading zeros or colons."


def _known_keys(kind: Any, steps: Place) -> set[str]:
    """Return the keys of all settings classes that may be at `steps` below `kind`."""
    candidates: list[Any] = [kind]
    for step in steps:
        following: list[Any] = []
        for candidate in candidates:
            following.extend(_below(candidate, step))
        candidates = following
    known: set[str] = set()
    while candidates:
        candidate = candidates.pop()
        if isinstance(candidate, type) and issubclass(candidate, Settings):
            known.update(candidate.model_fields)
        else:
            candidates.extend(a for a in getattr(candidate, "__args__", ()) if not isinstance(a, str))
    return known


def _below(candidate: Any, step: str | int) -> list[Any]:
    """Return the types that may be under a key of a type."""
    if fields := getattr(candidate, "model_fields", None):
        return [fields[step].annotation] if step in fields else []
    members = [each for each in get_args(candidate) if not isinstance(each, str)]
    if get_origin(candidate) in (dict, list):
        return members[-1:]
    return [below for member in members for below in _below(member, step)]
