"""Reading YAML strictly, and turning what is wrong with it into sentences."""

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from genreflow.config.base import Settings
from genreflow.errors import Gathering, Problems, UserError, did_you_mean

S = TypeVar("S")
MAX_BYTES = 1_000_000


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML without duplicate keys and aliases, in which ``1e-3`` is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise yaml.constructor.ConstructorError(None, None, f"line {line}: the key {key!r} is given twice")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1
            raise yaml.composer.ComposerError(None, None, f"line {line}: aliases (*name) are not accepted")
        return super().compose_node(parent, index)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:float"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    yaml.resolver.re.compile(r"^[-+]?(\d[\d_]*\.?[\d_]*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?)$"),
    list("-+0123456789."),
)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises
    ------
    UserError
        When it cannot be read, is larger than 1 MB, repeats a key, uses aliases, or is no mapping.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path} is larger than 1 MB; a settings file is a few kB.")
        content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read as YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: the top level must be `key: value` pairs.")
    return content


def check_files(paths: Iterable[str | Path]) -> None:
    """Refuse files that another reader has taken as YAML and that `read_yaml` would not, all of them at once."""
    errors = Gathering()
    for path in paths:
        with errors.step():
            read_yaml(path)
    errors.raise_any()


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
        All that is wrong, each with its key, the value found and what was expected.
    """
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        raise Problems(f"{source}:", [_sentence(kind, problem) for problem in error.errors()]) from None


def _sentence(kind: type, problem: Mapping[str, Any]) -> str:
    where = ".".join(str(step) for step in problem["loc"]) or "(top level)"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(kind, problem["loc"][:-1])
        return f"{where}: this key is not known.{did_you_mean(problem['loc'][-1], known)}"
    if problem["type"] == "missing":
        return f"{where}: this key is missing."
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{where}: {message}."
    return f"{where}: {message}; found {problem['input']!r}."


def _known_keys(kind: type, steps: tuple[str | int, ...]) -> set[str]:
    """Return the keys of every settings class that could stand at `steps` below `kind`."""
    candidates: list[Any] = [kind]
    for step in steps:
        following: list[Any] = []
        for candidate in candidates:
            fields = getattr(candidate, "model_fields", None)
            if fields is not None and step in fields:
                following.append(fields[step].annotation)
            else:
                following.extend(getattr(candidate, "__args__", ()))
        candidates = following
    known = set()
    while candidates:
        candidate = candidates.pop()
        if isinstance(candidate, type) and issubclass(candidate, Settings):
            known.update(candidate.model_fields)
        else:
            candidates.extend(a for a in getattr(candidate, "__args__", ()) if not isinstance(a, str))
    return known
