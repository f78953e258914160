"""What is wrong with a configuration, by its schema and by the rules that no schema can say, in the operator's words.

The first mistake is reported by line and column, an unknown key with the known one it resembles. No message repeats a
value: a mistyped line may be the one with the password.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import schemas
from mirror.errors import ConfigError
from mirror.toml_positions import Path as Place
from mirror.toml_positions import locate
from mirror.units import duration

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

_DURATIONS = (
    ("edition", "due", 60, 366 * 86400),
    ("fetch", "deadline", 1, 3600),  # a request that takes an hour is a stuck one
    ("fetch", "per_host_delay", 0, 3600),
    ("publish", "deadline", 5, 86400),
    ("publish", "filling", 0, 86400),
    ("audit", "deadline", 5, 3600),
    ("audit", "sweep", 3600, 366 * 86400),
    ("mirrors", "drop_after", 600, 366 * 86400),
    ("mirrors", "return_after", 60, 31 * 86400),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mistake:
    place: Place
    message: str
    hint: str | None = None


def checked(text: str, path: Path) -> dict[str, Any]:
    """The parsed document, which satisfies the schema and the rules no schema can say."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = re.search(r" \(at line (\d+), column (\d+)\)$", message)
        line, column = (int(at[1]), int(at[2])) if at else (text.count("\n") + 1, None)
        message = message[: at.start()] if at else message.removesuffix(" (at end of document)")
        raise ConfigError(f"not TOML: {message}", path=str(path), line=line, column=column) from None
    except RecursionError:
        raise ConfigError("nested too deeply", path=str(path)) from None
    mistakes = list(dict.fromkeys(_explain(error) for error in _validator().iter_errors(data)))
    if not mistakes:
        mistakes = list(_further_mistakes(data))
    if not mistakes:
        return data
    positions = locate(text)
    spans = [(positions.of(mistake.place), mistake) for mistake in mistakes]
    span, first = min(spans, key=lambda pair: pair[0].start if pair[0] else 0)
    more = f" (and {len(mistakes) - 1} more below)" if len(mistakes) > 1 else ""
    raise ConfigError(
        first.message + more,
        path=str(path),
        line=span.line if span else 1,
        column=span.column if span else 1,
        hint=first.hint,
    )


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schemas.source("config"))


def _explain(error: ValidationError) -> _Mistake:
    """jsonschema's finding in the operator's words, and without the value it may quote."""
    place: Place = tuple(error.absolute_path)
    schema: Any = error.schema
    instance: Any = error.instance
    keys: Any = error.validator_value
    if error.validator == "additionalProperties" and error.validator_value is False:
        known = list(schema["properties"])
        unknown = next(key for key in instance if key not in known)
        message = f"unknown key {quoted(unknown)}"
        close = difflib.get_close_matches(unknown, known, n=1, cutoff=0.6)
        if close:
            return _Mistake(place=(*place, unknown), message=f'{message}, did you mean "{close[0]}"?')
        return _Mistake(place=(*place, unknown), message=message, hint=f"known here: {', '.join(known)}")
    if error.validator == "required":
        missing = next(key for key in keys if key not in instance)
        table = f"[{'.'.join(map(str, place))}] " if place else ""
        named = f'needs "{missing}"' if place else f"needs a table [{missing}]"
        return _Mistake(place=place, message=f"{table}{named}")
    expected = schema.get("title", "something else")
    if "propertyNames" in error.absolute_schema_path:
        return _Mistake(place=(*place, instance), message=f"{quoted(instance)} must be {expected}")
    name = quoted(_name(place)) if place else "this"
    return _Mistake(place=place, message=f"{name} must be {expected}{_instead(error)}")


def _instead(error: ValidationError) -> str:
    """What stands there, as far as that gives nothing away: the type, where the type is what is wrong."""
    if error.validator != "type":
        return ""
    names = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return f", not {names.get(type(error.instance), 'a date or time')}"


def _name(place: Place) -> str:
    """The key this place is known by: for a member of a list, the list's."""
    return next((part for part in reversed(place) if isinstance(part, str)), "")


def quoted(key: str) -> str:
    # A line without quotes around a secret can make the secret a key; long keys are cut so as not to repeat all of it.
    shown = key if len(key) <= 40 else key[:16] + "…"
    return json.dumps(shown, ensure_ascii=False)


def _bad_selectors(table: Mapping[str, Any], place: Place) -> Iterator[_Mistake]:
    for key in ("keep", "drop"):
        for index, given in enumerate(table.get(key, ())):
            from mirror.outlets import SelectorError, compiled

            try:
                compiled(given)
            except SelectorError as error:
                yield _Mistake(place=(*place, key, index), message=str(error), hint="CSS, as in a style sheet")


def _further_mistakes(data: Mapping[str, Any]) -> Iterator[_Mistake]:
    """What JSON Schema cannot say, or says differently in two dialects (`$` before a final newline)."""
    yield from _control_characters(data, ())
    for name, table in data.get("target", {}).items():
        yield from _secrets_in_target(table, ("target", name))
        yield from _same_place_twice(data["target"], name)
    for name, table in data.get("outlet", {}).items():
        yield from _bad_lists(table, ("outlet", name))
        yield from _bad_selectors(table, ("outlet", name))
        for index, rules in enumerate(table.get("rules", ())):
            yield from _bad_selectors(rules, ("outlet", name, "rules", index))
    yield from _bad_ways(data)
    yield from _bad_durations(data)


def _secrets_in_target(table: Mapping[str, Any], place: Place) -> Iterator[_Mistake]:
    if _secret_in(table["url"]):
        yield _Mistake(
            place=(*place, "url"),
            message='"url" must not have a secret in it',
            hint=f'say [target.{place[-1]}.settings] password = "env:NAME" (or file:, cred:) instead',
        )
    for name, value in table.get("settings", {}).items():
        if isinstance(value, str) and re.search(r"PRIVATE[ +]KEY", value):
            yield _Mistake(
                place=(*place, "settings", name),
                message=f'"{name}" must not be a key itself',
                hint='put it in a file (mode 600) and say "file:/path"',
            )
        elif isinstance(value, str) and "://" in value and _secret_in(value):
            yield _Mistake(
                place=(*place, "settings", name),
                message=f'"{name}" must not have a secret in it',
                hint="leave it out there; each kind of target has a setting of its own for it (docs/mirrors)",
            )


def _bad_lists(table: Mapping[str, Any], place: Place) -> Iterator[_Mistake]:
    for index, given in enumerate(table.get("lists", ())):
        here = (*place, "lists", index)
        inside = os.path.normpath(given)
        if "://" in given and not re.match(r"https?://[^\s/?#@\\]+([/?#]\S*)?$", given):
            yield _Mistake(place=here, message='"lists" must hold files or web addresses')
        elif "://" not in given and (os.path.isabs(inside) or inside.split(os.sep)[0] == ".."):
            yield _Mistake(
                place=here,
                message='"lists" must hold files below the publication\'s folder',
                hint="copy the file there; its path starts at the folder of this configuration",
            )


def _bad_durations(data: Mapping[str, Any]) -> Iterator[_Mistake]:
    given: list[tuple[Place, Any, int, int]] = [
        ((section, key), data.get(section, {}).get(key), least, most) for section, key, least, most in _DURATIONS
    ]
    given += [
        (("target", name, key), one.get(key), 1, 86400)
        for name, one in data.get("target", {}).items()
        for key in ("deadline", "min_interval")
    ]
    for place, value, least, most in given:
        # Written so that "not a number", which compares as false with everything, is refused too.
        if value is not None and not least <= duration(value) <= most:
            yield _Mistake(place=place, message=f'"{place[-1]}" must be between {least} and {most} seconds')


def _bad_ways(data: Mapping[str, Any]) -> Iterator[_Mistake]:
    for section in ("fetch", "audit"):
        yield from _bad_egress(data.get(section, {}), (section,))
    for key, table in data.get("outlet", {}).items():
        yield from _bad_egress(table, ("outlet", key))
    for key, table in data.get("target", {}).items():
        yield from _bad_egress(table, ("target", key), "audit_egress")


def _bad_egress(table: Mapping[str, Any], place: Place, key: str = "egress") -> Iterator[_Mistake]:
    """A way out that is no way out, or has a password in it. References are followed when they are used."""
    from mirror.egress import EgressError, parse
    from mirror.secrets import is_reference

    if key not in table or is_reference(table[key]):
        return
    try:
        parse(table[key])
    except EgressError as error:
        yield _Mistake(place=(*place, key), message=str(error), hint=error.hint)


def _secret_in(url: str) -> bool:
    """Whether this address has a password before its host, or a query key with the name of a secret."""
    try:
        parts = urlsplit(url)
        secret = parts.password
    except ValueError:
        return "@" in url  # not an address by any rule; the target's own module will say so
    return secret is not None or any(is_for_secret(key.lower()) for key, _ in parse_qsl(parts.query))


def is_for_secret(name: str) -> bool:
    """Whether a setting of this name holds a secret."""
    schema: Any = _validator().schema
    named = next(iter(schema["$defs"]["target"]["properties"]["settings"]["patternProperties"]))
    return re.search(named, name) is not None


def _same_place_twice(targets: Mapping[str, Any], name: str) -> Iterator[_Mistake]:
    for other, table in targets.items():
        if other == name:
            return
        if _where(table) == _where(targets[name]):
            yield _Mistake(
                place=("target", name, "url"),
                message=f'"{name}" and "{other}" push to the same place',
                hint="remove one of them: each would delete what the other still needs",
            )


_APART = ("endpoint", "provider", "account", "config", "folder")


def _where(table: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells two places apart: two stores may each have a bucket of one name."""
    url, settings = str(table["url"]), table.get("settings", {})
    if not re.match(r"[a-z][a-z0-9+.-]+:", url) or url.startswith("file:"):
        return ("file", os.path.realpath(re.sub(r"^file:(//)?", "", url)))
    head, slashes, rest = url.partition("://")
    host, _, path = rest.partition("/")
    place = f"{host}/{path}".rstrip("/") if slashes else url.rstrip("/")
    return (head, place, *(str(settings.get(key, "")).rstrip("/") for key in _APART))


def _control_characters(value: Any, place: Place) -> Iterator[_Mistake]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _control_characters(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _control_characters(inner, (*place, index))
    elif isinstance(value, str) and re.search(r"[\x00-\x1f\x7f]", value):
        yield _Mistake(place=place, message=f"{quoted(_name(place))} must be one line without control characters")
