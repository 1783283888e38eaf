"""JSON schemas of settings and study files, made from the settings classes, for completion and checks in editors.

They know keys, types, bounds and words. What depends on several values, on the music or on other files,
`genreflow check` finds.
"""

from collections.abc import Mapping
from typing import Any

from genreflow.config.pipeline import PipelineSettings
from genreflow.config.study import StudySettings
from genreflow.models.entry import Choice, Count, Number, Option
from genreflow.models.registry import MODELS
from genreflow.plan.validate import SECTIONS
from genreflow.project.shipped import shipped

CONFIG, STUDY = "config", "study"
Schema = dict[str, Any]
_DIALECT = "http://json-schema.org/draft-07/schema#"  # the newest one that every editor knows
_PARTIAL = "changed-"  # begins the name of a part whose keys may all be left out
_SECTION = {
    "small": "With `size: small`, what differs: usually other music and fewer epochs. null leaves an entry out.",
    "medium": "With `size: medium`, what differs: usually fewer models, folds and epochs. null leaves an entry out.",
    "without_weights": "What differs where public weights that an input names are not on this machine.",
}


def schemas() -> dict[str, Schema]:
    """Return the schemas: name -> JSON schema of `genreflow.yaml` and the like, and of study files."""
    return {CONFIG: _config(), STUDY: _study()}


def schema_line(name: str) -> str:
    """Return the first line of a file of settings, by which editors find the schema `CONFIG` or `STUDY`."""
    return f"# yaml-language-server: $schema={shipped('resources', 'schemas', f'{name}.json').as_uri()}\n"


def _study() -> Schema:
    schema = _of(StudySettings, "A study of genreflow")
    parts = schema["definitions"]
    parts["ModelSettings"]["properties"]["input"]["anyOf"].append(_list_of({"type": "string"}))
    for name, entry in MODELS.items():
        parts[f"model-{name}"] = {
            "description": f"{entry.source}. Input: {entry.expected_input}.",
            "allOf": [{"$ref": "#/definitions/ModelSettings"}],
            "properties": {"options": {"properties": {key: _option(option) for key, option in entry.options.items()}}},
        }
    schema["properties"]["models"]["properties"] = {name: _reference(f"model-{name}") for name in MODELS}
    changed = _changed(schema)
    parts |= changed.pop("definitions")
    schema["properties"] |= {
        name: {"description": text, **changed, "type": "object"} for name, text in _SECTION.items()
    }
    return schema


def _config() -> Schema:
    """Return the schema of settings; a dataset without a layout changes a shipped one, and studies may stand inside."""
    schema = _of(PipelineSettings, "Settings of genreflow")
    layouts = schema["properties"]["datasets"]["additionalProperties"]
    known: Schema = {}
    for reference in layouts["oneOf"]:
        known |= schema["definitions"][reference["$ref"].rsplit("/", 1)[1]]["properties"]
    schema["properties"]["datasets"]["additionalProperties"] = {
        "if": {"required": ["layout"]},
        "then": {"oneOf": layouts["oneOf"]},
        "else": {"type": "object", "propertyNames": {"enum": sorted(known)}},
    }
    schema["properties"]["studies"] = {
        "description": schema["properties"]["studies"]["description"],
        "anyOf": [_list_of({"type": "string"}), {"type": "object", "additionalProperties": {"$ref": f"{STUDY}.json"}}],
    }
    return schema


def _of(kind: type, title: str) -> Schema:
    """Return the schema of a settings class, without what the program fills in."""
    schema = _plain(kind.model_json_schema(ref_template="#/definitions/{model}"))  # type: ignore[attr-defined]
    schema["definitions"] = schema.pop("$defs", {})
    return {"$schema": _DIALECT, **schema, "title": title}


def _plain(value: Any) -> Any:
    """Return a part of a schema without internal fields, marks of ours, generated titles and keywords of OpenAPI."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    result = {key: _plain(each) for key, each in value.items() if key not in ("later", "discriminator", "default")}
    if isinstance(value.get("title"), str):
        result.pop("title")
    if "default" in value and not isinstance(value["default"], Mapping):
        result["default"] = value["default"]
    if isinstance(value.get("properties"), Mapping):
        fields = value["properties"].items()
        result["properties"] = {name: _plain(each) for name, each in fields if not each.get("internal")}
    return result


def _changed(schema: Schema) -> Schema:
    """Return a schema of what differs from a file of `schema`: no key must be given, and entries may be null."""
    parts = schema["definitions"]
    demanding = {name for name in parts if _demands(parts[name], parts)}

    def partial(value: Any) -> Any:
        if isinstance(value, list):
            return [partial(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        result = {key: partial(each) for key, each in value.items() if key not in ("required", "minProperties")}
        if (name := _name(value)) in demanding:
            result = _reference(f"{_PARTIAL}{name}")
        return result

    properties = {key: partial(value) for key, value in schema["properties"].items()}
    for section in (properties[name] for name in SECTIONS):
        entries = section.get("properties", {}).items()
        section["properties"] = {name: {"anyOf": [each, {"type": "null"}]} for name, each in entries}
        section["additionalProperties"] = {"anyOf": [section["additionalProperties"], {"type": "null"}]}
    return {
        "properties": properties,
        "additionalProperties": False,
        "definitions": {f"{_PARTIAL}{name}": partial(parts[name]) for name in sorted(demanding)},
    }


def _demands(value: Any, parts: Mapping[str, Schema]) -> bool:
    """Return whether a part of a schema, or one that it refers to, demands a key."""
    if isinstance(value, list):
        return any(_demands(each, parts) for each in value)
    if not isinstance(value, Mapping):
        return False
    if "required" in value or "minProperties" in value:
        return True
    return any(_demands(each, parts) for each in value.values()) or _demands(parts.get(_name(value)), parts)


def _reference(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _name(value: Mapping[str, Any]) -> str:
    """Return the name of the definition that a part refers to, if it does."""
    reference = value.get("$ref", "")
    return reference.rsplit("/", 1)[1] if isinstance(reference, str) and "#/definitions/" in reference else ""


def _option(option: Option) -> Schema:
    facts: Schema = {"description": option.help, "default": option.default}
    match option:
        case Choice():
            return {**facts, "enum": list(option.allowed)}
        case Number():
            return {**facts, "type": "number", "minimum": option.low, "exclusiveMaximum": option.high}
        case Count():
            return {**facts, "type": "integer", "minimum": option.low, "maximum": option.high}
        case _:
            number = {key: value for key, value in _option(option.option).items() if key not in facts}
            return {**facts, "anyOf": [number, {"const": option.default}]}


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}
