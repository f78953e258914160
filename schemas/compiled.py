"""JSON Schema as plain functions, for the part of draft 2020-12 that our closed schemas use.

`jsonschema` walks a typical article in about 30 ms, these functions in well under one, and a hostile document of a
megabyte must not keep a reader busy for half a minute. The schema files stay the contract: tests hold every verdict
given here against `jsonschema`'s.

What is understood: type, const, enum, pattern, minLength, maxLength, minimum, maximum, items, minItems, maxItems,
properties, required, additionalProperties (false or a schema), maxProperties, $ref, and oneOf whose branches differ
in JSON type or in the value of a required `type` key. `Compiler.compile` raises `Unsupported` for anything else; it
never skips a keyword.

One deviation, on purpose: `1.0` is not an integer here. In our formats a number has one spelling.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Check = Callable[[object], None]

_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "$comment", "default", "examples"}
_TYPES: dict[str, tuple[type, str]] = {
    "string": (str, "a string"),
    "integer": (int, "an integer"),
    "boolean": (bool, "true or false"),
    "array": (list, "a list"),
    "object": (dict, "an object"),
}


class Unsupported(Exception):
    """The schema uses a keyword, or a form of one, that is not understood here."""


class Refused(Exception):
    """The document does not fit. `path` holds keys and positions, the innermost first."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.path: list[str | int] = []


def shown(value: object) -> str:
    """A value for a message: short, one line, ASCII, so that it can neither flood nor repaint a terminal."""
    text = ascii(value[:60] if isinstance(value, str) else value) if isinstance(value, str | int) else _kind(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _kind(value: object) -> str:
    if value is None:
        return "null"
    for kind, words in _TYPES.values():
        if type(value) is kind:
            return words
    return "a number" if isinstance(value, float) else type(value).__name__


class Compiler:
    """Checks for schemas that may refer to each other by `$id`.

    `extra` adds a check written in Python to the definition at an absolute address (`urn:…#/$defs/time`): what a
    pattern cannot say.
    """

    def __init__(self, schemas: Iterable[Mapping[str, Any]], extra: Mapping[str, Check] | None = None) -> None:
        self._schemas = {str(schema["$id"]): schema for schema in schemas}
        self._extra = dict(extra or {})
        self._done: dict[str, Check] = {}

    def compile(self, address: str) -> Check:
        """The check for a schema's `$id`; it returns None or raises `Refused`. Raises `Unsupported`. From any thread:
        each builds by itself, and what is half built another one never sees."""
        building = copy.copy(self)
        building._done = dict(self._done)
        check = building._reference(address, "")
        self._done = building._done
        return check

    def _reference(self, reference: str, base: str) -> Check:
        address = base + reference if reference.startswith("#") else reference
        if address in self._done:
            return self._done[address]

        # A definition may contain itself: until it is built, those inside call it through this cell.
        def late(value: object) -> None:
            self._done[address](value)

        self._done[address] = late
        home, node = self._resolve(address)
        check = self._node(node, home)
        if extra := self._extra.get(address):
            check = _all([check, extra])
        self._done[address] = check
        return check

    def _resolve(self, address: str) -> tuple[str, Mapping[str, Any]]:
        home, _, pointer = address.partition("#")
        node: Any = self._schemas.get(home)
        for step in pointer.split("/")[1:]:
            node = node.get(step) if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping):
            raise Unsupported(f"reference to {address}, which does not exist")
        return home, node

    def _node(self, node: Mapping[str, Any], home: str) -> Check:
        if not isinstance(node, Mapping) or not isinstance(node.get("type", ""), str):
            raise Unsupported(f"schema {node!r}")
        keys = set(node) - _ANNOTATIONS
        checks: list[Check] = []
        if "$ref" in keys:
            checks.append(self._reference(node["$ref"], home))
        if "const" in keys:
            checks.append(_one_of([node["const"]]))
        if "enum" in keys:
            checks.append(_one_of(node["enum"]))
        if "oneOf" in keys:
            checks.append(self._one_of(node["oneOf"], home))
        if "type" in keys:
            builders = {"string": _string, "integer": _integer, "array": self._array, "object": self._object}
            if node["type"] == "boolean":
                checks.append(_typed("boolean"))
            elif node["type"] in builders:
                checks.append(builders[node["type"]](node, home))
            else:
                raise Unsupported(f"type {node['type']!r}")
        elif keys <= {"$ref", "maxLength"} and "maxLength" in keys:
            checks.append(_string({"type": "string", "maxLength": node["maxLength"]}, home))
        unknown = keys - _KEYWORDS.get(str(node.get("type")), {"maxLength"} if "$ref" in keys else set()) - _GENERAL
        if unknown or not checks:
            raise Unsupported(f"keywords {sorted(unknown)} in {sorted(keys)}")
        return checks[0] if len(checks) == 1 else _all(checks)

    def _array(self, node: Mapping[str, Any], home: str) -> Check:
        least, most = node.get("minItems", 0), node.get("maxItems", float("inf"))
        item = self._node(node["items"], home) if "items" in node else _anything

        def check(value: object) -> None:
            if type(value) is not list:
                raise Refused(f"must be a list, not {_kind(value)}")
            if not least <= len(value) <= most:
                raise Refused(f"must have {least} to {most} entries, has {len(value)}")
            place = 0
            try:
                for place, entry in enumerate(value):  # noqa: B007  read when an entry is refused
                    item(entry)
            except Refused as refused:
                refused.path.append(place)
                raise

        return check

    def _object(self, node: Mapping[str, Any], home: str) -> Check:
        others = node.get("additionalProperties", True)
        if others is True:
            raise Unsupported("an open object")
        other = None if others is False else self._node(others, home)
        most = node.get("maxProperties", float("inf"))
        properties = {key: self._node(sub, home) for key, sub in node.get("properties", {}).items()}
        required = tuple(node.get("required", ()))

        def check(value: object) -> None:
            if type(value) is not dict:
                raise Refused(f"must be an object, not {_kind(value)}")
            for key in required:
                if key not in value:
                    raise Refused(f'lacks the key "{key}"')
            if len(value) > most:
                raise Refused(f"must have at most {most} keys, has {len(value)}")
            key = ""
            try:
                for key, entry in value.items():
                    known = properties.get(key, other)
                    if known is None:
                        raise Refused("is no key of this format")
                    known(entry)
            except Refused as refused:
                refused.path.append(key)
                raise

        return check

    def _one_of(self, branches: list[Mapping[str, Any]], home: str) -> Check:
        by_name: dict[str, Check] = {}
        text: Check | None = None
        for branch in branches:
            if set(branch) != {"$ref"}:
                raise Unsupported("oneOf of anything but references")
            reference = branch["$ref"]
            _, node = self._resolve(home + reference if reference.startswith("#") else reference)
            check = self._reference(reference, home)
            if node.get("type") == "string" and text is None:
                text = check
                continue
            names = node.get("properties", {}).get("type", {})
            values = names.get("enum", [names["const"]] if "const" in names else [])
            if node.get("type") != "object" or "type" not in node.get("required", ()) or not values:
                raise Unsupported("oneOf whose branches have no `type` to tell them apart")
            for value in values:
                if not isinstance(value, str) or value in by_name:
                    raise Unsupported(f"oneOf with two branches for {value!r}")
                by_name[value] = check

        def choose(value: object) -> None:
            if text is not None and type(value) is str:
                text(value)
                return
            if type(value) is not dict:
                raise Refused(f"must be {'text or ' if text else ''}an object, not {_kind(value)}")
            name = value.get("type")
            chosen = by_name.get(name) if type(name) is str else None
            if chosen is None:
                raise Refused(f"type {shown(name)} is none of {', '.join(by_name)}")
            chosen(value)

        return choose


_GENERAL = {"$ref", "const", "enum", "oneOf", "type"}
_KEYWORDS: dict[str, set[str]] = {
    "string": {"pattern", "minLength", "maxLength"},
    "integer": {"minimum", "maximum"},
    "array": {"items", "minItems", "maxItems"},
    "object": {"properties", "required", "additionalProperties", "maxProperties"},
}


def _all(checks: list[Check]) -> Check:
    def check(value: object) -> None:
        for each in checks:
            each(value)

    return check


def _anything(value: object) -> None:
    """Every value is good."""


def _typed(name: str) -> Check:
    kind, words = _TYPES[name]

    def check(value: object) -> None:
        if type(value) is not kind:
            raise Refused(f"must be {words}, not {_kind(value)}")

    return check


def _one_of(values: list[object]) -> Check:
    if not all(type(value) in (str, int, bool) for value in values):
        raise Unsupported("const or enum of anything but strings, integers and booleans")
    allowed = {(type(value), value) for value in values}  # 1 == True in Python, not in JSON
    words = ", ".join("true" if value is True else "false" if value is False else str(value) for value in values)

    def check(value: object) -> None:
        if type(value) not in (str, int, bool) or (type(value), value) not in allowed:
            raise Refused(f"must be {'one of ' if len(values) > 1 else ''}{words}, not {shown(value)}")

    return check


def _string(node: Mapping[str, Any], home: str) -> Check:
    least, most = node.get("minLength", 0), node.get("maxLength", float("inf"))
    search = re.compile(node["pattern"]).search if "pattern" in node else None

    def check(value: object) -> None:
        if type(value) is not str:
            raise Refused(f"must be a string, not {_kind(value)}")
        # Length first: it bounds what the pattern has to read.
        if not least <= len(value) <= most:
            raise Refused(f"must be {least} to {most} characters long, is {len(value)}")
        if search is not None and not search(value):
            raise Refused(f"has characters or a form that is not allowed: {shown(value)}")

    return check


def _integer(node: Mapping[str, Any], home: str) -> Check:
    least, most = node.get("minimum", float("-inf")), node.get("maximum", float("inf"))

    def check(value: object) -> None:
        if type(value) is not int:
            raise Refused(f"must be an integer, not {_kind(value)}")
        if not least <= value <= most:
            raise Refused(f"must be {least} to {most}, is {shown(value)}")

    return check
