"""One publication: its folder, configuration, keys and archive.

DIR/tamizdat.toml   what the operator writes
DIR/keys/           one private key a file, mode 0600, possibly under a passphrase (`mirror.keys`)
DIR/archive/        exactly what a mirror serves
DIR/state/          lock, database, staging: the tool's own
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import schemas
from mirror import config as configuration
from mirror import config_edit
from mirror.errors import TamizdatError, UsageError
from mirror.keys import Ask, new_passphrase, passphrase, read_key, read_public, write_key
from mirror.secrets import Secret
from signing.keyfile import SALT
from signing.keys import SignerKey, VerifierKey, generate

if TYPE_CHECKING:
    from mirror.archive import Archive, Keys
    from mirror.config import Config, TargetConfig
    from mirror.targets import Target

__all__ = ["ROLES", "Created", "Publication", "as_json", "create", "read_key", "timestamp", "write_key"]

ROLES = ("publisher", "log", "online", "root", "log-successor", "minisign")
_ORIGIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,98}[a-z0-9])?(/[a-z0-9][a-z0-9._-]{0,40}){0,3}\Z")


def timestamp(now: datetime | None = None) -> str:
    """RFC 3339 in UTC, whole seconds: the one form of time in every format."""
    return (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    config: Config

    @property
    def folder(self) -> Path:
        return self.config.folder

    @property
    def tree(self) -> Path:
        """The mirror tree."""
        return self.folder / "archive"

    @staticmethod
    def open(given: Path | None) -> Publication:
        """The publication whose configuration is given or found. Raises `UsageError`."""
        return Publication(config=configuration.load(configuration.find(given)))

    def archive(self) -> Archive:
        from mirror.archive import Archive

        archive = Archive(self.folder, reserve=self.config.limits.reserve)
        if (self.folder / "state" / "ceremony.json").exists():
            from mirror.changes import settle

            # `key install` was killed: the trust files may be half new, and the keys still the old ones. Where this
            # can't be finished now, looking goes on; whoever is about to sign tries again (`mirror.run.newest`).
            with contextlib.suppress(TamizdatError), archive.locked():
                settle(self, archive)
        return archive

    def open_target(self, target: TargetConfig) -> Target:
        """This target, ready for use, with its own folder below `state/targets`; nothing is contacted. Raises
        `TargetError` for settings that cannot work."""
        from mirror.secrets import resolver
        from mirror.targets import open_target

        state = self.folder / "state" / "targets" / target.name
        opened = open_target(target.name, target.url, target.settings, resolver(self.folder), state=state)
        if target.packs:
            from mirror.targets._packing import Packing

            return Packing(opened, state / "packs")
        return opened

    def keys(self) -> Keys:
        """The keys that `run` needs; not the root's. Raises `UsageError` when one is missing or open to others."""
        from mirror.archive import Keys

        return Keys(publisher=self.key("publisher"), log=self.key("log"), online=self.key("online"))

    def key(self, role: str) -> SignerKey:
        """The private key of a role. Raises `UsageError`, also for a wrong passphrase."""
        return read_key(self.key_path(role), self.passphrase())

    def public(self, role: str) -> VerifierKey:
        """The public half of a role's key, for which no passphrase is needed."""
        return read_public(self.key_path(role))

    def key_path(self, role: str) -> Path:
        """Where the key of this role is, if it is on this computer."""
        return self.config.keys.folder / f"{role}.key"

    def passphrase(self) -> Ask:
        """What gives the passphrase of the keys, where they are under one."""
        keys = self.config.keys
        return passphrase(keys.passphrase, folder=self.folder, what=f"the keys in {keys.folder}")

    def fingerprint(self) -> str:
        """What readers pin: the SHA-256 of the first root file."""
        from signing.trust import fingerprint

        try:
            return fingerprint((self.tree / "trust" / "1.root.json").read_bytes())
        except OSError as error:
            raise TamizdatError(f"{error.filename}: {error.strerror}", hint="is the archive complete?") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    publication: Publication
    fingerprint: str


def create(folder: Path, *, name: str, origin: str | None, now: datetime, passphrase: str | None = None) -> Created:
    """Make a new publication in `folder`, which must be empty or absent. `passphrase` says where the passphrase of its
    keys is (a reference or "prompt"); without one they lie there in the clear.

    Everything is made and synced inside a hidden folder in there, then moved out, the configuration last: without one
    no command takes the folder for a publication. Not beside the folder, to be renamed onto it: that folder may be a
    mounted disk, the current directory of the shell, or all that this account may write to.

    An interrupted call leaves the hidden folder, and the configuration still in it says that what was moved out so far
    belongs to an attempt that nobody has used. The next call throws all of that away and makes new keys; so keys of two
    attempts never mix. After the last move the publication is complete, and the next call says that there is one.

    Raises `UsageError`, `Busy` when another `init` is at work in there, `StorageFailed`.
    """
    from mirror.archive import lock
    from mirror.archive.errors import storage_error

    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name or len(name) > 100 or any(unicodedata.category(char) == "Cc" for char in name):
        raise UsageError("--name must be 1 to 100 characters of text")
    origin = origin or _made_up(name)
    if not _ORIGIN.match(origin):
        raise UsageError(
            f"--origin {origin!r}: must look like a domain, possibly with a path: lower-case letters, digits, . - /",
            hint="take a domain that is yours, or leave it out",
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is not a folder", hint="choose another DIR; nothing was changed")
    if passphrase is not None and passphrase.startswith("file:"):
        # Typed here; in the configuration a path would begin in the new folder.
        passphrase = f"file:{os.path.abspath(os.path.expanduser(passphrase.removeprefix('file:')))}"
    secret = None if passphrase is None else new_passphrase(passphrase, folder=folder, what=f"the keys of {folder}")
    absent = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, "making the folder", folder) from error
    with lock.only_one(folder):
        try:
            _clear(folder)
        except OSError as error:
            raise storage_error(error, "clearing away what an interrupted init left", folder) from error
        try:
            _make_inside(folder, name=name, origin=origin, now=now, protect=(passphrase, secret))
        except BaseException as error:
            with contextlib.suppress(UsageError, OSError):  # the next call does it
                _clear(folder)
                if absent:
                    folder.rmdir()
            if isinstance(error, OSError):
                raise storage_error(error, "making the publication", folder) from error
            raise
    publication = Publication(config=configuration.load(folder / configuration.FILE_NAME))
    return Created(publication=publication, fingerprint=publication.fingerprint())


_MAKING = ".tamizdat-init-"
_PARTS = ("archive", "state", "keys")


Protect = tuple[str | None, Secret | None]
"""Where the passphrase of the keys is, and the passphrase."""


def _make_inside(folder: Path, *, name: str, origin: str, now: datetime, protect: Protect) -> None:
    from mirror.archive.files import sync_folder

    making = Path(tempfile.mkdtemp(prefix=_MAKING, dir=folder))
    _make(making, name=name, origin=origin, now=now, protect=protect)
    for made in (making / "keys", making, folder.absolute().parent):
        sync_folder(made)
    for part in _PARTS:
        (making / part).rename(folder / part)
    sync_folder(folder)
    config = folder / configuration.FILE_NAME
    (making / config.name).rename(config)
    try:
        sync_folder(folder)
    except BaseException:
        config.rename(making / config.name)
        raise
    with contextlib.suppress(OSError):  # empty and hidden
        making.rmdir()


def _clear(folder: Path) -> None:
    """Remove what an interrupted attempt left; raises `UsageError` when there is anything else, and removes nothing."""
    there = {path.name: path for path in folder.iterdir()}
    making = [path for name, path in there.items() if name.startswith(_MAKING) and not path.is_symlink()]
    ours = {path.name for path in making}
    if configuration.FILE_NAME in there:
        raise UsageError(
            f"{folder}: there is a publication already; nothing was changed",
            hint=f"choose another DIR, or go on with this one: tamizdat status --config {folder}",
        )
    if any((path / configuration.FILE_NAME).is_file() for path in making):
        ours.update(_PARTS)
    if there.keys() - ours:
        raise UsageError(f"{folder}: is not an empty folder", hint="choose another DIR; nothing was changed")
    # The parts first: as long as the configuration is in the hidden folder, the next call knows whose they are.
    for path in sorted(there.values(), key=lambda path: path.name.startswith(_MAKING)):
        if path.name in _PARTS:
            shutil.rmtree(path)
    for path in making:
        shutil.rmtree(path)


def _make(folder: Path, *, name: str, origin: str, now: datetime, protect: Protect) -> None:
    """Keys, configuration and empty archive of a new publication."""
    from mirror.archive import Archive, Keys
    from signing import authority, minisign

    log_origin = f"{origin}/log/{now:%Y}"
    names = {
        "publisher": f"{origin}/publisher",
        "log": log_origin,
        "online": f"{origin}/online",
        "root": f"{origin}/root",
        "log-successor": f"{origin}/log-successor",
        "minisign": f"{origin}/minisign",
    }
    keys = {role: generate(names[role], secrets.token_bytes(32)) for role in ROLES}
    key_folder = folder / "keys"
    key_folder.mkdir(mode=0o700)
    reference, secret = protect
    salt = secrets.token_bytes(SALT)
    for role, key in keys.items():
        write_key(key_folder / f"{role}.key", key, secret, salt=salt)
    config_edit.write(folder / configuration.FILE_NAME, config_edit.default_text(name, origin, reference))

    since = timestamp(now)
    document = {
        "v": 1,
        "kind": "trust",
        "origin": origin,
        "name": name,
        "time": since,
        "logs": [{"origin": log_origin, "key": keys["log"].verifier.text, "from": since}],
        "publishers": [{"key": keys["publisher"].verifier.text, "outlets": ["*"], "from": since}],
        "successors": {"log": hashlib.sha256(keys["log-successor"].verifier.public).hexdigest()},
    }
    made: list[bytes] = []

    def with_root(version: int, digest: str) -> bytes:
        whole = {**document, "root": {"version": version, "digest": digest}}
        schemas.check_twice("trust", whole)
        made.append(as_json(whole).encode())
        return made[0]

    files = authority.create(
        root=(keys["root"],),
        threshold=1,
        online=keys["online"],
        trust_document=with_root,
        now=now,
        targets={"minisign.pub": minisign.public_text(keys["minisign"])},
    )
    with Archive.create(
        folder,
        log_origin=log_origin,
        keys=Keys(publisher=keys["publisher"], log=keys["log"], online=keys["online"]),
        trust_files=_with_reader(files, made[0], keys, name=name, origin=origin, now=now),
        trust_document=made[0],
        now=now,
    ):
        pass


def _with_reader(
    files: dict[str, bytes], document: bytes, keys: Mapping[str, SignerKey], *, name: str, origin: str, now: datetime
) -> dict[str, bytes]:
    """The trust files of version 2, which list the reader that holds those of version 1."""
    from mirror import reader
    from signing import authority
    from signing.trust import fingerprint, walk

    root = files["trust/1.root.json"]
    view = walk(lambda path, _cap: files.get(path), pin=root, now=now)
    data = reader.publication_data(
        name=name, origin=origin, pin=fingerprint(root), made=timestamp(now), trust=view.files, mirrors=()
    )
    newer = authority.retarget(
        files.get, (keys["root"],), keys["online"], document, now, targets={reader.NAME: reader.page(data)}
    )
    # Nothing leads to what the first version was signed with.
    return {path: one for path, one in files.items() if not path.endswith((".targets.json", ".snapshot.json"))} | newer


def _made_up(name: str) -> str:
    """An origin nobody else has: words of the name, and chance."""
    words = re.sub(r"[^a-z0-9]+", "-", unicodedata.normalize("NFKD", name).lower()).strip("-")[:40].strip("-")
    return f"{words or 'publication'}-{secrets.token_hex(4)}.invalid"


def as_json(document: object) -> str:
    """Compact JSON for reports."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
