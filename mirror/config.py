"""The configuration, `tamizdat.toml`, as the program reads it.

`schemas/config.schema.json` is the contract: every key, its type and its bounds. `load` reports the first mistake as
`file:line:column: message` (`mirror.config_checks`). Commands that change the file do so with `mirror.config_edit`.

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

Durations are `"500ms"`, `"15m"`, `"24h"`, `"7d"` or seconds; sizes `"512KiB"`, `"8MiB"` or bytes (`mirror.units`).
Secrets are references (`mirror.secrets`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from mirror.config_checks import checked
from mirror.errors import ConfigError, UsageError
from mirror.units import duration, size, whole_seconds

if TYPE_CHECKING:
    from mirror.outlets import Rules

FILE_NAME = "tamizdat.toml"
ENVIRONMENT = "TAMIZDAT_CONFIG"
LARGEST = 8 * 1024 * 1024  # bytes; 10,000 outlets are about 3 MB


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
    return parse(read(path), path)


def parse(text: str, path: Path) -> Config:
    """What `load` gives for a file of this content; `path` appears in messages and is where relative paths start."""
    data = checked(text, path)
    where = Path(os.path.abspath(path))  # not resolve(): the folder is where the operator sees it, links included
    pictures = _section(PicturesConfig, data, "pictures", max_bytes=size)
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
        edition=_section(EditionConfig, data, "edition", due=whole_seconds),
        fetch=_section(
            FetchConfig,
            {"fetch": data.get("fetch", {}) | {"folder": where.parent}},
            "fetch",
            deadline=duration,
            per_host_delay=duration,
            max_page=size,
            max_picture=size,
        ),
        pictures=pictures,
        limits=_section(LimitsConfig, data, "limits", reserve=size),
        publish=_section(PublishConfig, data, "publish", deadline=duration, filling=duration),
        audit=_section(AuditConfig, data, "audit", sweep=whole_seconds, deadline=duration),
        listing=_section(MirrorsConfig, data, "mirrors", drop_after=whole_seconds, return_after=whole_seconds),
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


def _list_place(folder: Path, given: str) -> str:
    """A list's address as it is, a file's path made absolute."""
    return given if given.startswith(("http://", "https://")) else os.path.normpath(folder / given)


def _settings(table: Mapping[str, Any]) -> Mapping[str, str]:
    return {key: json.dumps(value) if isinstance(value, bool) else str(value) for key, value in table.items()}


_TARGET_VALUES: Mapping[str, Callable[[Any], Any]] = {
    "bandwidth": size,
    "deadline": duration,
    "min_interval": duration,
    "settings": _settings,
}


def read(path: Path) -> str:
    """The text of a configuration file. Raises ConfigError for one that is missing, too large or no text."""
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
