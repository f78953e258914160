"""What a change is about to write, in one durable file, so that once it is committed it can be finished by anybody.

    state/staging/<log size>-<SHA-256 of the file, 32 hex digits>.tar
        plan.json       {"origin", "size", "root", "files": [[path, rank, replace], …], "deletes": [path, …]}
        0, 1, 2 …       the files, in the order of the plan

The sequencer writes it, commits the change to the state file - the fact `staged` in there then has the file's name -
and only then applies it to the mirror tree. A file of that name is applied again (every step can be repeated). One that
the fact `held` names belongs to a seal that waits for cosignatures. Any other is from a change that never happened and
is thrown away. Standard tar, so that it can be looked into.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mirror.archive.errors import CorruptArchive, storage_error
from mirror.archive.files import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """`rank` is the place in the format's writing order; `replace` says that the path may hold other bytes already."""

    path: str
    data: bytes
    rank: int
    replace: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    origin: str
    size: int
    root: bytes
    files: tuple[StagedFile, ...]
    deletes: tuple[str, ...]

    def encode(self) -> bytes:
        """The file's bytes."""
        plan = {
            "origin": self.origin,
            "size": self.size,
            "root": self.root.hex(),
            "files": [[file.path, file.rank, file.replace] for file in self.files],
            "deletes": list(self.deletes),
        }
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            _member(tar, "plan.json", json.dumps(plan).encode())
            for number, file in enumerate(self.files):
                _member(tar, str(number), file.data)
        return out.getvalue()

    def apply(self, store: Store, *, is_newest: Callable[[], bool]) -> None:
        """The files are in the tree, durably, in the order of their ranks: what points is written after what it points
        at is on the disk. Doing it again changes nothing. Pointers are left alone once `is_newest` says no: somebody
        got past the lock and has sealed on top of this."""
        for _, of_rank in groupby(sorted(self.files, key=lambda file: file.rank), key=lambda file: file.rank):
            some = tuple(of_rank)
            if fixed := {file.path: file.data for file in some if not file.replace}:
                store.write_many(fixed, replace=False)
            if (pointers := {file.path: file.data for file in some if file.replace}) and is_newest():
                store.write_many(pointers, replace=True)
        if self.deletes:
            store.delete(self.deletes)


def _member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def name_of(size: int, data: bytes) -> str:
    """The name of the staging file with these bytes."""
    return f"{size}-{hashlib.sha256(data).hexdigest()[:32]}.tar"


def old_name_of(size: int, root: bytes) -> str:
    """The name of a seal's staging file before the state file had a fact about it (schema 1)."""
    return f"{size}-{root.hex()}.tar"


def decode(data: bytes, path: Path) -> Staged:
    """What was staged; raises `CorruptArchive`: the file was synced before its head was committed, so half a file means
    that the disk lost something."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            members = _members(tar)
            plan = json.loads(next(members))
            files = tuple(
                StagedFile(path=name, data=next(members), rank=rank, replace=replace)
                for name, rank, replace in plan["files"]
            )
        return Staged(
            origin=plan["origin"],
            size=plan["size"],
            root=bytes.fromhex(plan["root"]),
            files=files,
            deletes=tuple(plan["deletes"]),
        )
    except (tarfile.TarError, ValueError, KeyError, TypeError, StopIteration, RuntimeError) as error:
        raise CorruptArchive(
            f"{path}: the staged files of the last change are damaged", hint="restore the archive from a mirror"
        ) from error


def _members(tar: tarfile.TarFile) -> Iterator[bytes]:
    for member in tar:
        file = tar.extractfile(member)
        if file is not None:
            yield file.read()


def staged_names(folder: Path) -> Sequence[str]:
    """The staging files there are."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise storage_error(error, "listing", folder) from error
