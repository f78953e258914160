"""The configuration, `tamizdat.toml`: read, checked, and edited without losing a comment.

`schemas/config.schema.json` is the contract: every key, its type and its bounds. `load` reports the first mistake as
`file:line:column: message`, an unknown key with the known one it resembles. No message repeats a value: a mistyped line
may be the one with the password.

    [publication]
    name = "Example in exile"
    origin = "example.org"

    [outlet.sample]
    name = "Sample Outlet"
    url = "https://sample.example/"
    feeds = ["https://sample.example/feed.xml"]

    [target.bucket]
    url = "s3://example-news/"
    public = "https://example-news.example/"
    [target.bucket.settings]
    secret_key = "env:BUCKET_SECRET"

Durations are `"500ms"`, `"15m"`, `"24h"`, `"7d"` or seconds; sizes `"512KiB"`, `"8MiB"` or bytes. Secrets are
references (`mirror.secrets`). The editing functions change the lines they must and no others, prove that by parsing
the result and comparing, and replace the file atomically with its mode kept.
"""

from __future__ import annotations

import contextlib
import copy
import difflib
import fcntl
import json
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import parse_qsl, urlsplit

import schemas
from mirror.errors import ConfigError, UsageError
from mirror.toml_positions import Path as Place
from mirror.toml_positions import Positions, locate

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

    from mirror.outlets import Rules

FILE_NAME = "tamizdat.toml"
ENVIRONMENT = "TAMIZDAT_CONFIG"
LARGEST = 8 * 1024 * 1024  # bytes; 10,000 outlets are about 3 MB

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
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
_BYTES = {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

Section = Literal["outlet", "target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationConfig:
    name: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysConfig:
    folder: Path = Path("keys")
    """Absolute once loaded."""
    passphrase: str = "prompt"  # noqa: S105 - where to get one
    """Where the passphrase of the keys is, if they are under one: a reference of `mirror.secrets`, or "prompt"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionConfig:
    due: int = 24 * 3600
    """Seconds until the next edition is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchConfig:
    contact: str | None = None
    user_agent: str | None = None
    deadline: float = 60.0
    """Seconds for one request with its redirects."""
    concurrency: int = 8
    per_host_delay: float = 1.0
    """Seconds between two requests to one host."""
    max_page: int = 8 * 1024**2
    """Bytes, as are all sizes here."""
    max_picture: int = 16 * 1024**2
    egress: str = "direct"
    """The way out (`mirror.egress`), for outlets that name none."""
    folder: Path = Path()
    """Of the configuration: where relative `file:` references start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturesConfig:
    enabled: bool = True
    max_width: int = 1200
    max_bytes: int = 60 * 1024
    """Of one picture as published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    reserve: int = 512 * 1024**2
    """Bytes of disk that are never used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishConfig:
    """How a run pushes; see `mirror.publishing`. Times in seconds."""

    deadline: float = 600.0
    """For all targets together; who needs longer goes on with the next run."""
    filling: float = 300.0
    """From the beginning on, for sending older files to new targets."""
    workers: int = 64
    """Transfers at once, over all targets."""
    retries: int = 3
    """Of one request that may work the next time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditConfig:
    """How mirrors are watched; see `mirror.watching`."""

    sample: int = 3
    """Articles, and as many log entries, that are read and verified after a push."""
    sweep: int = 7 * 86400
    """Seconds in which every file of every mirror is read once."""
    deadline: float = 120.0
    """Seconds for the looks of one run, all mirrors together."""
    workers: int = 16
    repair: bool = True
    """Send again what is missing or damaged."""
    egress: str = "direct"
    """The way out (`mirror.egress`), for targets that name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorsConfig:
    """Which mirrors editions name; see `mirror.listing`. Times in seconds."""

    drop_after: int = 24 * 3600
    return_after: int = 3600
    return_looks: int = 2
    keep_at_least: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletConfig:
    id: str
    name: str
    url: str
    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    wordpress: tuple[str, ...] = ()
    telegram: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    """Addresses, or absolute paths of files below the publication's folder."""
    sections: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    """Patterns of `mirror.sources._patterns`, like `exclude`."""
    exclude: tuple[str, ...] = ()
    language: str | None = None
    allow_private: bool = False
    robots: Literal["obey", "ignore"] = "obey"
    max_new: int = 100
    """New articles taken in one run."""
    text: Literal["auto", "page", "feed"] = "auto"
    """Where articles' texts come from; `mirror.reading` says what each means."""
    backfill: int = 0
    """Older articles taken in one run, once `tamizdat backfill` has begun with them."""
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    rules: tuple[Rules, ...] = ()
    """`keep` and `drop` with the day from which the outlet's pages look like that."""
    pictures: bool = True
    """Already combined with `[pictures] enabled`."""
    evidence: bool = False
    """Whether what was fetched is kept beside each article, as a WARC file."""
    paused: bool = False
    egress: str | None = None
    """Instead of `[fetch] egress`, for this outlet."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent to the outlet's own host alone; values may be references."""
    cookies: str | None = None
    """A reference to a Netscape cookie file or a line `a=b; c=d`."""
    user_agent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetConfig:
    name: str
    url: str
    public: str | None = None
    since: str | None = None
    network: str | None = None
    country: str | None = None
    registrar: str | None = None
    note: str | None = None
    light: bool = False
    packs: bool = False
    """Objects and proofs in a few packs, for a host that punishes many files."""
    paused: bool = False
    workers: int | None = None
    bandwidth: int | None = None
    """Bytes a second."""
    deadline: float | None = None
    """Seconds for its part of one run, where it is to have less than all."""
    min_interval: float | None = None
    """Seconds between two pushes, at least; see `mirror.interval`."""
    listed: Literal["auto", "always", "never"] = "auto"
    """Whether editions name it; "auto": by the rule of `mirror.listing`."""
    audit_egress: str | None = None
    """Instead of `[audit] egress`, for this mirror."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """For the target's own module; values may be references, resolved by `mirror.secrets` when they are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorInfo:
    """One line of an edition's mirror list: a target that readers can reach. Optional facts are None."""

    url: str
    kind: Literal["https", "http", "onion"]
    since: str | None
    network: str | None
    country: str | None
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    path: Path
    """Of the file itself; `folder` is the publication's folder around it."""
    publication: PublicationConfig
    keys: KeysConfig
    edition: EditionConfig = EditionConfig()
    fetch: FetchConfig = FetchConfig()
    pictures: PicturesConfig = PicturesConfig()
    limits: LimitsConfig = LimitsConfig()
    publish: PublishConfig = PublishConfig()
    audit: AuditConfig = AuditConfig()
    listing: MirrorsConfig = MirrorsConfig()
    outlets: Mapping[str, OutletConfig] = field(default_factory=dict)
    targets: Mapping[str, TargetConfig] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def mirrors(self) -> tuple[MirrorInfo, ...]:
        """The targets with a public address that are not paused, in the file's order."""
        return tuple(
            MirrorInfo(
                url=target.public,
                kind=_kind(target.public),
                since=target.since,
                network=target.network,
                country=target.country,
                note=target.note,
            )
            for target in self.targets.values()
            if target.public and not target.paused
        )


def _kind(url: str) -> Literal["https", "http", "onion"]:
    parts = urlsplit(url)
    if (parts.hostname or "").endswith(".onion"):
        return "onion"
    return "https" if parts.scheme == "https" else "http"


# ── Finding and reading ─────────────────────────────────────────────────────────────────────────────────────────────


def find(given: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The configuration to use: the one given (or its folder), else ./tamizdat.toml, else $TAMIZDAT_CONFIG.

    Raises UsageError when there is none.
    """
    if given is None and Path(FILE_NAME).is_file():
        given = FILE_NAME
    given = given or environ.get(ENVIRONMENT) or None
    if given is None:
        raise UsageError(
            f"no {FILE_NAME} here",
            hint=f"go to the publication's folder, or give --config FILE or ${ENVIRONMENT}; `tamizdat init` makes one",
        )
    path = Path(given)
    return path / FILE_NAME if path.is_dir() else path


def load(path: str | Path) -> Config:
    """The configuration in this file. Raises ConfigError for the first mistake in it, by line."""
    path = Path(path)
    return parse(_read(path), path)


def parse(text: str, path: Path) -> Config:
    """What `load` gives for a file of this content; `path` appears in messages and is where relative paths start."""
    data = _checked(text, path)
    where = Path(os.path.abspath(path))  # not resolve(): the folder is where the operator sees it, links included
    pictures = _section(PicturesConfig, data, "pictures", max_bytes=_size)
    outlets = {
        name: OutletConfig(
            id=name,
            **{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
            | {"pictures": table.get("pictures", pictures.enabled)}
            | {"rules": tuple(_rules(one) for one in table.get("rules", ()))}
            | {"lists": tuple(_list_place(where.parent, one) for one in table.get("lists", ()))},
        )
        for name, table in data.get("outlet", {}).items()
    }
    targets = {
        name: TargetConfig(
            name=name,
            **{key: _TARGET_VALUES.get(key, _same)(value) for key, value in table.items()},
        )
        for name, table in data.get("target", {}).items()
    }
    return Config(
        path=where,
        publication=_section(PublicationConfig, data, "publication"),
        keys=KeysConfig(
            folder=where.parent / data.get("keys", {}).get("folder", "keys"),
            passphrase=data.get("keys", {}).get("passphrase", "prompt"),
        ),
        edition=_section(EditionConfig, data, "edition", due=_whole_seconds),
        fetch=_section(
            FetchConfig,
            {"fetch": data.get("fetch", {}) | {"folder": where.parent}},
            "fetch",
            deadline=_duration,
            per_host_delay=_duration,
            max_page=_size,
            max_picture=_size,
        ),
        pictures=pictures,
        limits=_section(LimitsConfig, data, "limits", reserve=_size),
        publish=_section(PublishConfig, data, "publish", deadline=_duration, filling=_duration),
        audit=_section(AuditConfig, data, "audit", sweep=_whole_seconds, deadline=_duration),
        listing=_section(MirrorsConfig, data, "mirrors", drop_after=_whole_seconds, return_after=_whole_seconds),
        outlets=outlets,
        targets=targets,
    )


def _rules(table: Mapping[str, Any]) -> Rules:
    from mirror.outlets import Rules

    return Rules(since=table["since"], body=tuple(table.get("keep", ())), drop=tuple(table.get("drop", ())))


_T = TypeVar("_T")


def _section(kind: type[_T], data: Mapping[str, Any], name: str, **convert: Callable[[Any], Any]) -> _T:
    return kind(**{key: convert.get(key, _same)(value) for key, value in data.get(name, {}).items()})


def _same(value: Any) -> Any:
    return value


def _duration(value: str | float) -> float:
    if not isinstance(value, str):
        return float(value)
    unit = value.lstrip("0123456789.")
    return float(value.removesuffix(unit)) * _SECONDS[unit]


def _whole_seconds(value: str | float) -> int:
    return max(1, round(_duration(value)))


def _size(value: str | int) -> int:
    if not isinstance(value, str):
        return value
    unit = value.lstrip("0123456789 ")
    return int(value.removesuffix(unit)) * _BYTES[unit]


def _list_place(folder: Path, given: str) -> str:
    """A list's address as it is, a file's path made absolute."""
    return given if given.startswith(("http://", "https://")) else os.path.normpath(folder / given)


def _settings(table: Mapping[str, Any]) -> Mapping[str, str]:
    return {key: json.dumps(value) if isinstance(value, bool) else str(value) for key, value in table.items()}


_TARGET_VALUES: Mapping[str, Callable[[Any], Any]] = {
    "bandwidth": _size,
    "deadline": _duration,
    "min_interval": _duration,
    "settings": _settings,
}


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ConfigError(
            "no such file", path=str(path), hint="`tamizdat init DIR` makes a new publication with a configuration"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", path=str(path)) from None
    if len(data) > LARGEST:
        raise ConfigError(f"larger than {LARGEST} bytes", path=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError("not UTF-8 text", path=str(path), line=line, hint="save the file as UTF-8") from None


# ── Checking ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mistake:
    place: Place
    message: str
    hint: str | None = None


def _checked(text: str, path: Path) -> dict[str, Any]:
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
        message = f"unknown key {_quoted(unknown)}"
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
        return _Mistake(place=(*place, instance), message=f"{_quoted(instance)} must be {expected}")
    name = _quoted(_name(place)) if place else "this"
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


def _quoted(key: str) -> str:
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
    for key, table in data.get("target", {}).items():
        place: Place = ("target", key)
        if _secret_in(table["url"]):
            yield _Mistake(
                place=(*place, "url"),
                message='"url" must not have a secret in it',
                hint=f'say [target.{key}.settings] password = "env:NAME" (or file:, cred:) instead',
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
        yield from _same_place_twice(data["target"], key)
    for key, table in data.get("outlet", {}).items():
        for index, given in enumerate(table.get("lists", ())):
            inside = os.path.normpath(given)
            if "://" in given and not re.match(r"https?://[^\s/?#@\\]+([/?#]\S*)?$", given):
                place = ("outlet", key, "lists", index)
                yield _Mistake(place=place, message='"lists" must hold files or web addresses')
            elif "://" not in given and (os.path.isabs(inside) or inside.split(os.sep)[0] == ".."):
                yield _Mistake(
                    place=("outlet", key, "lists", index),
                    message='"lists" must hold files below the publication\'s folder',
                    hint="copy the file there; its path starts at the folder of this configuration",
                )
        yield from _bad_selectors(table, ("outlet", key))
        for index, rules in enumerate(table.get("rules", ())):
            yield from _bad_selectors(rules, ("outlet", key, "rules", index))
    yield from _bad_ways(data)
    yield from _bad_durations(data)


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
        if value is not None and not least <= _duration(value) <= most:
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
        yield _Mistake(place=place, message=f"{_quoted(_name(place))} must be one line without control characters")


# ── Editing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def default_text(name: str, origin: str, passphrase: str | None = None) -> str:
    """The commented configuration of a new publication. Raises ConfigError when name or origin will not do."""
    text = resources.files("mirror").joinpath("tamizdat.toml.in").read_text("utf-8")
    text = text.replace("@NAME@", _toml(name)).replace("@ORIGIN@", _toml(origin))
    if passphrase is not None:
        text = re.sub(r"^# passphrase = .*$", lambda _: f"passphrase = {_toml(passphrase)}", text, flags=re.MULTILINE)
    parse(text, Path(FILE_NAME))
    return text


def add_outlet(
    path: str | Path,
    *,
    id: str,
    name: str,
    url: str,
    feeds: Sequence[str] = (),
    sitemaps: Sequence[str] = (),
    wordpress: Sequence[str] = (),
    telegram: Sequence[str] = (),
    lists: Sequence[str] = (),
    sections: Sequence[str] = (),
    articles: Sequence[str] = (),
    exclude: Sequence[str] = (),
    language: str | None = None,
    allow_private: bool = False,
) -> None:
    """Writes `[outlet.ID]` behind the last outlet. Raises UsageError when the id is taken, ConfigError as `load`."""
    table: dict[str, Any] = {"name": name, "url": url}
    given = {
        **{"feeds": feeds, "sitemaps": sitemaps, "wordpress": wordpress, "telegram": telegram, "lists": lists},
        **{"sections": sections, "articles": articles, "exclude": exclude},
    }
    table |= {key: list(values) for key, values in given.items() if values}
    if language:
        table["language"] = language
    if allow_private:
        table["allow_private"] = True
    _add(Path(path), "outlet", id, table)


def add_target(
    path: str | Path,
    *,
    name: str,
    url: str,
    public: str | None = None,
    light: bool = False,
    packs: bool = False,
    min_interval: str | None = None,
    since: datetime | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Writes `[target.NAME]` behind the last target; raises as `add_outlet`. A secret in `settings` is a reference."""
    table: dict[str, Any] = {"url": url}
    if public:
        table["public"] = public
    if since:
        table["since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if light:
        table["light"] = True
    if packs:
        table["packs"] = True
    if min_interval:
        table["min_interval"] = min_interval
    if settings:
        table["settings"] = dict(settings)
    _add(Path(path), "target", name, table)


def remove_outlet(path: str | Path, id: str) -> None:
    """Takes `[outlet.ID]` and the comment right above it out. Raises UsageError when there is none."""
    _remove(Path(path), "outlet", id)


def remove_target(path: str | Path, name: str) -> None:
    """Takes `[target.NAME]` with its settings out; raises as `remove_outlet`."""
    _remove(Path(path), "target", name)


def set_paused(path: str | Path, section: Section, name: str, paused: bool) -> None:
    """Sets `paused` of one outlet or target. Raises UsageError when there is none."""
    path = Path(path)

    def change(text: str, data: dict[str, Any]) -> str:
        _existing(path, data, section, name)["paused"] = paused
        positions = locate(text)
        place: Place = (section, name)
        written = positions.values.get((*place, "paused"))
        if written:
            return text[: written.start] + _toml(paused) + text[written.end :]
        if place not in positions.headers:
            return _with_library(text, lambda document: document[section][name].__setitem__("paused", paused))
        at = _keys_end(text, positions, place)
        return text[:at] + f"paused = {_toml(paused)}\n" + text[at:]

    _edit(path, change)


def set_passphrase(path: str | Path, reference: str) -> None:
    """Sets where the passphrase of the keys is. Raises ConfigError as `load`."""

    def change(text: str, data: dict[str, Any]) -> str:
        data.setdefault("keys", {})["passphrase"] = reference
        positions = locate(text)
        written = positions.values.get(("keys", "passphrase"))
        if written:
            return text[: written.start] + _toml(reference) + text[written.end :]
        line = f"passphrase = {_toml(reference)}\n"
        if ("keys",) in positions.headers:
            at = _keys_end(text, positions, ("keys",))
            return text[:at] + line + text[at:]
        return _with_library(
            text, lambda document: document.setdefault("keys", {}).__setitem__("passphrase", reference)
        )

    _edit(Path(path), change)


def write(path: str | Path, text: str, *, new_mode: int = 0o600) -> None:
    """Replaces a file with this text, atomically and durably, keeping its mode and owner; a new one gets `new_mode`.

    New configurations are private by default: they say whose mirrors these are, and who is read.
    """
    path = Path(path).resolve()  # a link stays a link: what it points at is replaced
    try:
        about = path.stat()
        mode, owner, group = stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid
    except FileNotFoundError:
        mode, owner, group = new_mode, -1, -1
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            os.fchmod(handle, mode)
            with contextlib.suppress(PermissionError):
                os.fchown(handle, owner, group)
            file.flush()
            os.fsync(handle)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _add(path: Path, section: Section, name: str, table: Mapping[str, Any]) -> None:
    def change(text: str, data: dict[str, Any]) -> str:
        tables = data.setdefault(section, {})
        if name in tables:
            raise UsageError(f'{path}: there is a {section} "{name}" already', hint="give another name, or remove it")
        tables[name] = copy.deepcopy(dict(table))
        positions = locate(text)
        ends = [_section_end(text, positions, place) for place in positions.headers if place[0] == section]
        at = max(ends, default=len(text))
        between = "" if text[:at].endswith("\n\n") or not at else "\n"
        return text[:at] + between + _rendered(section, name, table) + text[at:]

    _edit(path, change)


def _remove(path: Path, section: Section, name: str) -> None:
    def change(text: str, data: dict[str, Any]) -> str:
        _existing(path, data, section, name)
        del data[section][name]
        if not data[section]:
            del data[section]
        positions = locate(text)
        mine = [place for place in positions.headers if place[:2] == (section, name)]
        if not mine:
            return _with_library(text, lambda document: document[section].pop(name))
        for place in reversed(mine):  # from the end of the file, so that earlier offsets stay true
            start = _comment_start(text, positions.headers[place].start)
            before, after = text[:start], text[_section_end(text, positions, place) :]
            if not before.strip() or before.endswith("\n\n"):
                after = after.lstrip("\n")  # of the empty lines that meet here, one is enough
            text = before + after if after else before.rstrip("\n") + "\n"
        return text

    _edit(path, change)


def _existing(path: Path, data: Mapping[str, Any], section: Section, name: str) -> dict[str, Any]:
    tables: dict[str, dict[str, Any]] = data.get(section, {})
    if name not in tables:
        close = difflib.get_close_matches(name, tables, n=1)
        listed = ", ".join(tables) or "none"
        raise UsageError(
            f"{path}: no {section} {_quoted(name)}" + (f', did you mean "{close[0]}"?' if close else ""),
            hint=f"there: {listed}",
        )
    return tables[name]


def _edit(path: Path, change: Callable[[str, dict[str, Any]], str]) -> None:
    """Applies `change`, which is given the text and its parsed copy, alters the copy and returns the new text.

    The result is written only if it parses to exactly the altered copy and passes all checks.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY) if path.parent.is_dir() else None
    try:
        if folder is not None:
            fcntl.flock(folder, fcntl.LOCK_EX)  # two editors at once: the second sees what the first wrote
        text = _read(path)
        line_end = "\r\n" if "\r\n" in text else "\n"
        text = text.replace("\r\n", "\n")
        text += "" if text.endswith("\n") or not text else "\n"
        wanted = _checked(text, path)
        changed = change(text, wanted)
        try:
            result = _checked(changed, path)
        except ConfigError as error:  # its line would be one that is not in the file
            message = str(error).removeprefix(f"{path}:").lstrip("0123456789: ")
            raise UsageError(f"{path}: not changed: {message}", hint=error.hint) from None
        if _normal(result) != _normal(wanted):
            raise ConfigError(
                "this file is laid out in a way the tool cannot edit", path=str(path), hint="edit by hand"
            )
        write(path, changed.replace("\n", line_end))
    finally:
        if folder is not None:
            os.close(folder)


def _normal(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` without empty sections: `[outlet]` with nothing in it means what no `[outlet]` means."""
    return {key: value for key, value in data.items() if value or key not in ("outlet", "target")}


def _with_library(text: str, change: Callable[[Any], object]) -> str:
    """For inline and dotted tables, which have no lines of their own: tomlkit keeps the rest of the layout.

    It is not used for `[outlet.ID]` tables because it takes the comment above a table for the end of the one before.
    """
    import tomlkit

    document = tomlkit.parse(text)
    change(document)
    return tomlkit.dumps(document)


# A comment belongs to the table header right below it, else to the lines right above it; one with empty lines around it
# belongs to neither and stays where it is.


def _region(text: str, positions: Positions, header: Place) -> tuple[int, int]:
    """From this header to the next one, or to the end of the text."""
    start = positions.headers[header].start
    return start, min((span.start for span in positions.headers.values() if span.start > start), default=len(text))


def _keys_end(text: str, positions: Positions, header: Place) -> int:
    """Behind the line of the last key that stands directly under this header."""
    start, end = _region(text, positions, header)
    ends = [span.end for span in positions.values.values() if start <= span.start < end]
    return _line_end(text, max(ends, default=positions.headers[header].end))


def _section_end(text: str, positions: Positions, header: Place) -> int:
    """Behind the last key under this header and the comment lines right below that key."""
    end = limit = _keys_end(text, positions, header)
    while text[limit : limit + 1] and text[limit:].lstrip(" \t").startswith("#"):
        limit = _line_end(text, limit)
    # The comment goes on to the next header: then it is that one's.
    return end if text[limit:].lstrip(" \t").startswith("[") else limit


def _comment_start(text: str, header: int) -> int:
    """Where the comment lines right above the header at this offset begin; its own line when there are none."""
    start = text.rfind("\n", 0, header) + 1
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        if not text[above:start].lstrip(" \t").startswith("#"):
            break
        start = above
    return start


def _line_end(text: str, at: int) -> int:
    """Behind the newline of the line that `at` is in."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _toml(value: object) -> str:
    import tomlkit

    return tomlkit.item(value).as_string()


def _rendered(section: Section, name: str, table: Mapping[str, Any]) -> str:
    """`[section.name]` with its keys, and tables inside it as tables behind them."""
    import tomlkit

    def key(text: str) -> str:
        return tomlkit.key(text).as_string()

    lines = [f"[{section}.{key(name)}]"]
    lines += [f"{key(inner)} = {_toml(value)}" for inner, value in table.items() if not isinstance(value, dict)]
    for inner, values in table.items():
        if isinstance(values, dict):
            lines += ["", f"[{section}.{key(name)}.{key(inner)}]"]
            lines += [f"{key(setting)} = {_toml(value)}" for setting, value in values.items()]
    return "\n".join(lines) + "\n"
