"""What documents look like: one JSON Schema (draft 2020-12) a kind, and the few rules a schema cannot say.

    check("bundle", document)      returns None, or raises SchemaError

    bundle   the JSON of an article's note          edition  the JSON of an edition's note
    part     further blocks of a long article       page     older articles of one outlet
    trust    trust.json, a TUF target               evidence what proves a contradiction
    config   tamizdat.toml

The files beside this one are the contract and are meant for other programs too; they are closed (an unknown key is
refused), every string and list has a limit, and addresses can only be http or https. Nothing is fetched: references
between the files are by URN and resolved here.

Beyond the schemas a document may be nested at most `MAX_DEPTH` deep and hold at most `MAX_CONTAINERS` lists and objects
(looked at first, without recursion, so that no document can exhaust the stack), days must exist, `picture.resource`
must point at a resource with role picture, and `resource.thumbnail` at one with role thumbnail. A picture inside a
*part* points into the list of the bundle; whoever joins the two checks that (`mirror.pack.join`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from schemas.compiled import Compiler, Refused, Unsupported

NAMES = ("bundle", "edition", "page", "part", "trust", "mirrors", "evidence", "config")

# A list in a list in a list … costs three levels each; eight such lists in a quote in a live blog fit. Far below
# Python's and every browser's recursion limit.
MAX_DEPTH = 48
# An article within the size limits has a few thousand. This bounds time, not taste: about 0.1 s.
MAX_CONTAINERS = 100_000


class SchemaError(ValueError):
    """A document that does not fit its schema: `name`, `pointer` (RFC 6901) and a one-line `message` say where, why."""

    def __init__(self, name: str, pointer: str, message: str) -> None:
        super().__init__(f"{name}: {pointer or '/'}: {message}")
        self.name, self.pointer, self.message = name, pointer, message


def check(name: str, document: object) -> None:
    """None when `document` (as `json` or `tomllib` parses it) is a good `name`.

    Raises `SchemaError` with the first fault found, and `KeyError` when there is no schema of that name.
    """
    validate = _validator(name)
    try:
        _bounded(document)
        validate(document)
        if name == "bundle":
            _pictures_point_at_pictures(document)
    except Refused as refused:
        raise SchemaError(name, _pointer(reversed(refused.path)), refused.message) from None


def check_twice(name: str, document: object) -> None:
    """`check`, and then `jsonschema`'s own opinion: before anything is signed, and when a reader looks at one article.

    Our compiled form of the schemas is a hundred times faster, which is what reading a whole mirror needs, and the
    tests hold it against jsonschema's; here nobody has to rely on that. Raises as `check` does.
    """
    check(name, document)  # first: it bounds what the slower one gets to see
    error = _second_opinion(name).best(document)
    if error is not None:
        raise SchemaError(name, *error)


class _JsonSchema:
    """jsonschema with all of our files in its registry; nothing is fetched."""

    def __init__(self, name: str) -> None:
        from jsonschema import Draft202012Validator
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        files = [source(each) for each in NAMES]
        registry: Registry[Any] = Registry().with_resources(
            (file["$id"], DRAFT202012.create_resource(file)) for file in files
        )
        self._validator = Draft202012Validator(files[NAMES.index(name)], registry=registry)

    def best(self, document: object) -> tuple[str, str] | None:
        """Pointer and message of the first error; None when there is none."""
        error = next(self._validator.iter_errors(document), None)
        if error is None:
            return None
        return _pointer(error.absolute_path), ascii(" ".join(error.message.split())[:200])[1:-1]


@cache
def _second_opinion(name: str) -> _JsonSchema:
    return _JsonSchema(name)


def source(name: str) -> dict[str, Any]:
    """The schema itself, parsed. Raises `KeyError` when there is none of that name."""
    if name not in NAMES:
        raise KeyError(name)
    text = resources.files(__name__).joinpath(f"{name}.schema.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def _pointer(path: Any) -> str:
    # ascii: a key is the document's own text and may hold anything
    steps = (ascii(str(step)[:60])[1:-1] for step in path)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


@cache
def _compiler() -> Compiler:
    return Compiler(
        (source(name) for name in NAMES if name != "config"),
        extra={"urn:tamizdat:schema:bundle#/$defs/time": _day_exists},
    )


@cache
def _validator(name: str) -> Callable[[object], None]:
    schema = source(name)
    if name != "config":
        return _compiler().compile(schema["$id"])
    try:
        return Compiler([schema]).compile(schema["$id"])
    except Unsupported:
        return _general(schema)


def _general(schema: dict[str, Any]) -> Callable[[object], None]:
    """A check by `jsonschema`, for a schema with keywords that `schemas.compiled` does not know. Slow, and only for
    documents of our own: it must never stand between a reader and a mirror."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    validator = Draft202012Validator(schema)

    def validate(document: object) -> None:
        error = best_match(validator.iter_errors(document))
        if error is not None:
            refused = Refused(" ".join(error.message.split())[:300])
            refused.path = list(reversed(error.absolute_path))
            raise refused

    return validate


def _bounded(document: object) -> None:
    level: list[dict[str, object] | list[object]] = [document] if isinstance(document, dict | list) else []
    depth = seen = 0
    while level:
        depth += 1
        seen += len(level)
        if depth > MAX_DEPTH:
            raise Refused(f"is nested more than {MAX_DEPTH} deep")
        if seen > MAX_CONTAINERS:
            raise Refused(f"holds more than {MAX_CONTAINERS} lists and objects")
        level = [
            entry
            for container in level
            for entry in (container.values() if isinstance(container, dict) else container)
            if isinstance(entry, dict | list)
        ]


def _day_exists(value: object) -> None:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        raise Refused(f"is no date that exists: {value!a}") from None


def _pictures_point_at_pictures(document: Any) -> None:
    roles = [resource["role"] for resource in document["resources"]]

    def refuse(message: str, *path: str | int) -> None:
        refused = Refused(message)
        refused.path = list(reversed(path))
        raise refused

    for place, resource in enumerate(document["resources"]):
        small = resource.get("thumbnail")
        if small is not None and (small >= len(roles) or roles[small] != "thumbnail"):
            refuse(f"resource {small} is no thumbnail", "resources", place, "thumbnail")
    # Pictures stand at the top or in an update: the schema allows them nowhere else.
    for place, block in enumerate(document["blocks"]):
        inside = block["blocks"] if block["type"] == "update" else []
        for path, each in [((), block), *((("blocks", at), below) for at, below in enumerate(inside))]:
            if each["type"] == "picture" and (each["resource"] >= len(roles) or roles[each["resource"]] != "picture"):
                refuse(f"resource {each['resource']} is no picture", "blocks", place, *path, "resource")
