"""What can be wrong with an installation, looked at one by one, with what to do about it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mirror import keys
from mirror.errors import TamizdatError
from mirror.output import count, entries
from mirror.publication import Publication

if TYPE_CHECKING:
    from signing.trust import TrustView

State = Literal["ok", "warn", "bad"]

LIBRARIES = ("aiohttp", "requests", "cryptography", "jsonschema", "sqlalchemy", "tuf", "lxml", "trafilatura",
             "feedparser", "PIL", "tomlkit", "aiohttp_socks", "protego", "warcio", "cssselect")  # fmt: skip


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
        detail=f"{config.path}: {count(len(config.outlets), 'outlet')}, {count(len(config.targets), 'target')}",
    )
    yield from _outlets(publication)
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
        fix="install it again, in the folder of the sources: pip install .",
    )


def _outlets(publication: Publication) -> Iterator[Finding]:
    """Whether each outlet could be asked: its way out, cookies and headers. Nobody is."""
    from mirror import egress

    config = publication.config
    for one in config.outlets.values():
        if one.paused or not (one.egress or config.fetch.egress != "direct" or one.cookies or one.headers):
            continue
        try:
            way = egress.parse(one.egress or config.fetch.egress, folder=config.fetch.folder)
            egress.credentials(one, folder=config.fetch.folder, tor=way.kind == "tor")
        except TamizdatError as error:
            yield Finding(name=f"outlet {one.id}", state="bad", detail=str(error), fix=error.hint)
            continue
        told = [name for name in ("cookies", "headers") if getattr(one, name)]
        yield Finding(name=f"outlet {one.id}", state="ok", detail=", ".join([f"way out: {way.label}", *told]))


# Without one of these nothing can be signed. The others belong elsewhere.
_NEEDED = ("publisher", "log", "online")
_OFFLINE = {
    "root": "whoever breaks in can take the publication over for good",
    "log-successor": "whoever steals the log's key steals the next one with it",
}


def _keys(publication: Publication) -> Iterator[Finding]:
    folder = publication.config.keys.folder
    files = keys.files_in(folder)
    retired = _retired(publication)
    there = {one.role for one in files if not one.waiting}
    for role in _NEEDED:
        if role not in there:
            yield Finding(
                name=f"key {role}",
                state="bad",
                detail=f"{publication.key_path(role)}: no such key",
                fix="restore it from your backup of the keys folder; if there is none, see the runbook for a lost key",
            )
    for one in files:
        name = f"key {one.role}"
        if one.problem is not None or one.key is None:
            yield Finding(name=name, state="bad", detail=one.problem or str(one.path), fix=f"chmod 600 {one.path}")
        elif one.waiting:
            yield Finding(
                name=name,
                state="warn",
                detail=f"{one.path} waits for a change to be installed",
                fix="`tamizdat key install`, or `tamizdat key cancel` to give it up",
            )
        elif one.key.public in retired:
            yield Finding(
                name=name,
                state="ok",
                detail=f"{one.path} was a root key and has no say any more; it is useless, to thieves as well. "
                "It can be destroyed",
            )
        elif one.role in _OFFLINE:
            yield Finding(
                name=name,
                state="warn",
                detail=f"{one.path} is on this computer; {_OFFLINE[one.role]}",
                fix="move it to two USB sticks kept in two places; daily runs do not need it",
            )
        else:
            yield Finding(name=name, state="ok", detail=one.key.text)
    if "root" not in there:
        yield Finding(name="key root", state="ok", detail="not on this computer, as it should be")
    bare = [one.path.name for one in files if one.key is not None and not one.sealed]
    if bare:
        yield Finding(
            name="keys encrypted",
            state="warn",
            detail=f"not under a passphrase: {', '.join(bare)}",
            fix="tamizdat key encrypt --passphrase file:/path (or cred:NAME, prompt)",
        )
    elif files:
        yield from _passphrase(publication, files)
    if folder.is_dir() and folder.stat().st_mode & 0o077:
        yield Finding(
            name="keys folder", state="bad", detail=f"{folder}: others can look in", fix=f"chmod 700 {folder}"
        )


def _retired(publication: Publication) -> frozenset[bytes]:
    """Root keys that the newest root has no more; none where the root files can't be read, which `trust` tells."""
    from mirror.changes import retired_roots
    from signing.errors import SigningError

    try:
        return retired_roots(publication)
    except (OSError, SigningError):
        return frozenset()


def _passphrase(publication: Publication, files: tuple[keys.KeyFile, ...]) -> Iterator[Finding]:
    """Whether the passphrase that the configuration names opens the keys that every run needs."""
    if publication.config.keys.passphrase == keys.PROMPT:
        yield Finding(name="keys encrypted", state="ok", detail="all; the passphrase is asked for")
        return
    wrong = []
    for one in files:
        if one.role in _NEEDED and not one.waiting and one.sealed:
            try:
                keys.read_key(one.path, publication.passphrase())
            except TamizdatError as error:
                wrong.append(str(error))
    yield Finding(
        name="keys encrypted",
        state="bad" if wrong else "ok",
        detail=wrong[0] if wrong else f"all; {publication.config.keys.passphrase} opens them",
        fix="put the right passphrase where `[keys] passphrase` says, or see the runbook for a lost one",
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
    from mirror.archive.plan import below
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
            yield Finding(name="archive", state="ok", detail=f"log {head.origin} is empty; `tamizdat run` fills it")
            return
        try:
            served = open_checkpoint((archive.tree / "checkpoint").read_bytes(), publication.public("log"), head.origin)
            Tree.load(head.size, head.root, lambda path: (archive.tree / below(head.path, path)).read_bytes())
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
            detail=f"log {head.origin} of {entries(head.size)}, right edge checked"
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
            fix="`tamizdat run` re-signs timestamp and snapshot; root and targets: tamizdat key renew",
        )
    yield from _ceremonies(publication, view, now)


def _ceremonies(publication: Publication, view: TrustView, now: datetime) -> Iterator[Finding]:
    """What the root keys should do, or have left undone."""
    from mirror.changes import document_of, reminders
    from signing.authority import root_facts
    from signing.errors import SigningError

    try:
        facts = root_facts(view.files[f"trust/{view.root_version}.root.json"])
    except SigningError as error:
        yield Finding(name="root", state="bad", detail=str(error), fix="was it made with another tool?")
        return
    alone = facts.threshold == 1
    yield Finding(
        name="root",
        state="warn" if alone else "ok",
        detail=f"{facts.threshold} of {len(facts.keys)} keys must sign"
        + ("; whoever gets one of them can take the publication over for good" if alone else ""),
        fix="make it two of three: deploy/runbooks/two-of-three.md, in the folder of the sources",
    )
    promised = "log" in document_of(view.trust).get("successors", {})
    yield Finding(
        name="successor",
        state="ok" if promised else "warn",
        detail="the log's next key is promised" if promised else "readers were promised no next key for the log",
        fix="the next `tamizdat key freeze` promises one",
    )
    with publication.archive() as archive:
        for line in reminders(publication, archive, now):
            yield Finding(name="ceremony", state="warn", detail=line)


def _targets(publication: Publication) -> Iterator[Finding]:
    for name, config in publication.config.targets.items():
        if config.paused:
            continue
        try:
            target = publication.open_target(config)
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
