"""What can be wrong with an installation, looked at one by one, with what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from mirror.errors import TamizdatError
from mirror.publication import ROLES, Publication, read_key

State = Literal["ok", "warn", "bad"]

LIBRARIES = ("aiohttp", "requests", "cryptography", "jsonschema", "sqlalchemy", "tuf", "lxml", "trafilatura",
             "feedparser", "PIL", "tomlkit")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    detail: str
    fix: str | None = None


def examine(given: Path | None, *, offline: bool = False) -> Iterator[Finding]:
    """Every check in order; stops early only when there is no configuration to go on with."""
    yield from _installation()
    try:
        publication = Publication.open(given)
    except TamizdatError as error:
        yield Finding(name="configuration", state="bad", detail=str(error), fix=error.hint)
        return
    config = publication.config
    yield Finding(
        name="configuration",
        state="ok",
        detail=f"{config.path}: {len(config.outlets)} outlets, {len(config.targets)} targets",
    )
    yield from _keys(publication)
    yield from _disk(publication)
    yield from _archive(publication)
    yield from _trust(publication)
    if not offline:
        yield from _targets(publication)


def _installation() -> Iterator[Finding]:
    from importlib.util import find_spec

    version = ".".join(map(str, sys.version_info[:3]))
    old = sys.version_info < (3, 11)
    yield Finding(name="Python", state="bad" if old else "ok", detail=version, fix="use Python 3.11 or newer")
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    yield Finding(
        name="libraries",
        state="bad" if missing else "ok",
        detail=f"missing: {', '.join(missing)}" if missing else f"{len(LIBRARIES)} found",
        fix="install the package again: pip install tamizdat",
    )


def _keys(publication: Publication) -> Iterator[Finding]:
    folder = publication.config.keys.folder
    for role in ROLES:
        path = folder / f"{role}.key"
        if role == "root" and not path.exists():
            yield Finding(name="key root", state="ok", detail="not on this computer, as it should be")
            continue
        try:
            key = read_key(path)
        except TamizdatError as error:
            yield Finding(name=f"key {role}", state="bad", detail=str(error), fix=error.hint)
            continue
        if role == "root":
            yield Finding(
                name="key root",
                state="warn",
                detail=f"{path} is on this computer; whoever breaks in can take the publication over for good",
                fix="move it to two USB sticks kept in two places; daily runs do not need it",
            )
        else:
            yield Finding(name=f"key {role}", state="ok", detail=key.verifier.text)
    if folder.is_dir() and folder.stat().st_mode & 0o077:
        yield Finding(
            name="keys folder", state="bad", detail=f"{folder}: others can look in", fix=f"chmod 700 {folder}"
        )


def _disk(publication: Publication) -> Iterator[Finding]:
    usage = shutil.disk_usage(publication.folder)
    reserve = publication.config.limits.reserve
    low = usage.free < 2 * reserve
    yield Finding(
        name="disk",
        state="bad" if usage.free < reserve else "warn" if low else "ok",
        detail=f"{usage.free >> 20:,} MiB free, {reserve >> 20:,} MiB of it kept in reserve",
        fix="free some space: a run stops before it uses the reserve up",
    )
    if not os.access(publication.folder / "state", os.W_OK):
        yield Finding(
            name="folder",
            state="bad",
            detail=f"{publication.folder / 'state'}: not writable by this user",
            fix="run as the user who made the publication",
        )


def _archive(publication: Publication) -> Iterator[Finding]:
    from signing.checkpoint import open_checkpoint
    from signing.errors import SigningError
    from signing.tiles import Tree

    try:
        archive = publication.archive()
    except TamizdatError as error:
        yield Finding(name="archive", state="bad", detail=str(error), fix=error.hint)
        return
    with archive:
        head = archive.head()
        now = datetime.now(UTC)
        then = datetime.strptime(head.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if then > now + timedelta(minutes=5):
            yield Finding(
                name="clock",
                state="bad",
                detail=f"it is {now:%Y-%m-%dT%H:%M:%SZ} here, but the log was signed at {head.time}",
                fix="set the clock (timedatectl set-ntp true); nothing is signed until then",
            )
        else:
            yield Finding(name="clock", state="ok", detail=f"{now:%Y-%m-%dT%H:%M:%SZ}, after the log's last signature")
        if head.size == 0:
            yield Finding(name="archive", state="ok", detail="empty so far; `tamizdat run` fills it")
            return
        try:
            served = open_checkpoint(
                (archive.tree / "checkpoint").read_bytes(), publication.key("log").verifier, head.origin
            )
            Tree.load(head.size, head.root, lambda path: (archive.tree / path).read_bytes())
        except (SigningError, OSError, TamizdatError) as error:
            yield Finding(
                name="archive",
                state="bad",
                detail=f"log {head.origin} of {head.size}: {error}",
                fix="a run repairs what a crash left; if it persists, restore the archive folder from a mirror",
            )
            return
        same = (served.size, served.root) == (head.size, head.root)
        yield Finding(
            name="archive",
            state="ok" if same else "warn",
            detail=f"log {head.origin} of {head.size} entries, right edge checked"
            if same
            else f"state is at {head.size}, the tree at {served.size}",
            fix="run `tamizdat run`: it finishes what was interrupted",
        )


def _trust(publication: Publication) -> Iterator[Finding]:
    from mirror.read import FolderMirror
    from signing.errors import SigningError
    from signing.trust import walk

    now = datetime.now(UTC)
    try:
        view = walk(FolderMirror(publication.tree).get, pin=publication.fingerprint(), now=now)
    except (SigningError, TamizdatError) as error:
        yield Finding(name="trust", state="bad", detail=str(error), fix="restore archive/trust from a mirror")
        return
    for role, expires in sorted(view.expires.items()):
        left = datetime.strptime(expires, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - now
        half = {"timestamp": 7, "snapshot": 45}.get(role, 180)
        state: State = "bad" if left < timedelta(0) else "warn" if left < timedelta(days=half) else "ok"
        yield Finding(
            name=f"trust {role}",
            state=state,
            detail=f"valid for {left.days} more days",
            fix="`tamizdat run` re-signs timestamp and snapshot; root and targets need the root key",
        )


def _targets(publication: Publication) -> Iterator[Finding]:
    from mirror.secrets import resolver
    from mirror.targets import open_target

    for name, config in publication.config.targets.items():
        if config.paused:
            continue
        try:
            target = open_target(name, config.url, config.settings, resolver(publication.folder))
            try:
                failed = [check for check in target.probe(config.public) if not check.ok]
            finally:
                target.close()
        except TamizdatError as error:
            yield Finding(name=f"target {name}", state="bad", detail=str(error), fix=error.hint)
            continue
        if not failed:
            yield Finding(name=f"target {name}", state="ok", detail="writes, reads back, serves as it should")
        for check in failed:
            yield Finding(
                name=f"target {name}",
                state="bad" if check.required else "warn",
                detail=f"{check.name}: {check.detail}",
                fix=check.fix,
            )
