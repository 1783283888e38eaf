"""Strict YAML: no value changes silently, no code is evaluated, and all problems of a file are reported at once."""

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from genreflow.config.checked import UNREADABLE, Unreadable, checked, shortened
from genreflow.errors import Problems, UserError
from genreflow.store.regular import read_regular

S = TypeVar("S")
MAX_BYTES = 1_000_000
MAX_DEPTH = 50
_ABSENT = "does not exist."
_MAX_INTEGER = 2**63 - 1
_TAGS = "tag:yaml.org,2002:"
_TEMPLATES = "__use_yte__"  # by which Snakemake evaluates expressions in a file as it reads it


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML whose keys are text, without duplicate keys, aliases and tags, and with plain decimal numbers.

    Octal (``010``), sexagesimal (``1:30``) and hexadecimal numbers and dates of YAML 1.1 stay text.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.problems: list[str] = []
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise _refused(event, "aliases (*name) are not accepted; write the value out")
        if getattr(event, "tag", None) not in (None, "!"):
            raise _refused(event, f"tags ({event.tag.replace(_TAGS, '!!')}) are not accepted; write the value alone")
        if self._depth > MAX_DEPTH:
            raise _refused(event, f"more than {MAX_DEPTH} levels lie in one another; settings have fewer than ten")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = True) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._report(key_node, "a key is a word, and here it is a list or a mapping")
                continue
            key = self._text(key_node)
            if isinstance(key, Unreadable):
                continue
            if key == _TEMPLATES:
                self._report(key_node, f"{_TEMPLATES} is not accepted: settings hold values, and no code to evaluate")
                continue
            if key in values:
                self._report(key_node, f"the key {shortened(repr(key))} is given twice")
            values[key] = self.construct_object(value_node, deep=deep)
        return values

    def construct_whole(self, node: yaml.ScalarNode) -> int | Unreadable:
        digits = node.value.replace("_", "")
        if len(digits) > 20 or abs(int(digits)) > _MAX_INTEGER:
            return self._report(node, f"a whole number of {len(digits.lstrip('+-')):,} digits is too large")
        return int(digits)

    def construct_decimal(self, node: yaml.ScalarNode) -> float | Unreadable:
        value = float(node.value)
        if value in (float("inf"), float("-inf")):
            return self._report(node, f"the number {shortened(node.value)} is too large")
        return value

    def _text(self, node: yaml.ScalarNode) -> str | Unreadable:
        if re.search("[\0\ud800-\udfff]", node.value):
            return self._report(node, f"the text {shortened(repr(node.value))} holds a character that no name may hold")
        if node.style is None and _stops_others(node.value):
            return self._report(node, f"{node.value} has a meaning of its own in YAML 1.1; put it in quotes")
        return node.value

    def _report(self, node: yaml.Node, problem: str) -> Unreadable:
        self.problems.append(f"line {node.start_mark.line + 1}: {problem}.")
        return UNREADABLE


def _stops_others(text: str) -> bool:
    """Return whether Snakemake, which reads the same files as YAML 1.1, would fail at a text without quotes."""
    if not re.match("[-+0-9.=<]", text):
        return False
    try:
        yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return True
    return False


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML with a construct that no settings file needs."""


def _refused(event: yaml.Event, problem: str) -> _Refused:
    return _Refused(problem=problem, problem_mark=event.start_mark)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in (f"{_TAGS}bool", f"{_TAGS}null")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, _pattern, _construct in (
    ("int", r"[-+]?(0|[1-9][0-9_]*)", _StrictLoader.construct_whole),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", _StrictLoader.construct_decimal),
):
    _StrictLoader.add_implicit_resolver(f"{_TAGS}{_kind}", re.compile(f"^(?:{_pattern})$"), list("-+0123456789."))
    _StrictLoader.add_constructor(f"{_TAGS}{_kind}", _construct)
_StrictLoader.add_constructor(f"{_TAGS}str", _StrictLoader._text)
_StrictLoader.add_constructor(f"{_TAGS}map", lambda loader, node: loader.construct_mapping(node, deep=True))
_StrictLoader.add_constructor(f"{_TAGS}seq", lambda loader, node: loader.construct_sequence(node, deep=True))


@dataclass
class Parsed:
    """The content of a text or file.

    Attributes
    ----------
    values
        Its values; `UNREADABLE` stands for each that is reported in `problems`.
    whole
        Reason why it has no values, as the rest of a sentence that begins with the name of the file.
    """

    values: Any = None
    problems: list[str] = field(default_factory=list)
    whole: str = ""

    def error(self, source: str) -> UserError | None:
        """Return all problems as one error, if there are any."""
        if self.whole:
            return UserError(f"{source} {self.whole}")
        return Problems(f"{source}:", self.problems) if self.problems else None


def parse(text: str) -> Parsed:
    """Read YAML."""
    loader = None
    try:
        loader = _StrictLoader(text)
        values = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        return Parsed(whole=_sentence(error))
    except yaml.YAMLError as error:
        return Parsed(whole=f"cannot be read as YAML: {str(error).splitlines()[0]}.")
    finally:
        if loader is not None:
            loader.dispose()
    return Parsed(values, loader.problems)


def parse_file(path: str | Path) -> Parsed:
    """Read a YAML file whose top level is a mapping.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    try:
        content = read_regular(path, most=MAX_BYTES, expected="a settings file")
        parsed = parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Parsed(whole=f"is not UTF-8 text (line {line}). Save it with the encoding UTF-8.")
    except UserError as error:  # a folder, a pipe, a device, or a large file
        return Parsed(whole=str(error).removeprefix(f"{path} "))
    except ValueError:  # a path with a zero byte
        return Parsed(whole=_ABSENT)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise
        return Parsed(whole=_ABSENT)
    if parsed.values is None and not parsed.whole:
        parsed.values = {}
    if parsed.values is not None and not isinstance(parsed.values, dict):
        return Parsed(whole="is no settings file: the top level must be `key: value` pairs.")
    return parsed


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises
    ------
    UserError
        Every problem: not YAML, larger than 1 MB, duplicate keys, aliases, numbers too large.
    """
    parsed = parse_file(path)
    if error := parsed.error(str(path)):
        raise error
    return parsed.values


class _Dumper(yaml.SafeDumper):
    """YAML without aliases, whose text is in quotes unless it is a word, so that `parse` reads the same values."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        f"{_TAGS}str", text, style=None if re.fullmatch("[A-Za-z_][A-Za-z_0-9 -]*", text) else '"'
    ),
)


def as_yaml(values: Mapping[str, Any]) -> str:
    """Return plain values as a settings file."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with `changes`: mappings are merged, all else is replaced."""
    result = dict(values)
    for key, change in changes.items():
        if isinstance(change, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], change)
        else:
            result[key] = change
    return result


def settings_from(kind: type[S], values: Mapping[str, Any], source: str) -> S:
    """Check `values` against a settings class.

    Raises
    ------
    Problems
        Every problem, each with its key, the value found and the value expected.
    """
    result = checked(kind, values)
    if result.problems or result.settings is None:
        raise Problems(f"{source}:", result.problems.values())
    return result.settings


def _sentence(error: yaml.MarkedYAMLError) -> str:
    mark, what = error.problem_mark or error.context_mark, error.problem or error.context
    if isinstance(error, _Refused):
        return f"cannot be taken: line {mark.line + 1}: {what}."
    if "'\\t'" in what:
        what = "a tab stands where blanks must; indent with blanks"
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    start = error.context_mark
    if error.context and start and mark and start.line < mark.line:  # something that was not closed
        what += f" {error.context.replace('a flow', 'the flow')} that begins in line {start.line + 1}"
    return f"cannot be read as YAML: {where}{what}."
