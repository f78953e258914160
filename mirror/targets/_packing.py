"""The same target with objects and proofs in a few packs (`mirror.packed`): a target around a target.

What is put waits in a spool on this computer. A commit makes a pack of it, so a seal is one file there whatever it
holds; small packs are merged with their neighbours of about the same size, `FAN` at a time, so that their number grows
with the logarithm of what was sealed and every byte is sent a few times at most. What is deleted is gone from the host
with the next commit: the packs that hold it are written anew without it.

    spool          what was put or deleted and is in no pack yet; synced by `flush`, so a power cut loses nothing
    packs.json     the list as this computer last knew it, packs that wait there to be listed (a full spool makes one
                   before the commit), and the paths of all that may lie there unlisted: leftovers are deleted by it
    index/<name>   the indexes of these packs

The host's own list counts: where it is newer (another computer published), or gone with the packs (somebody emptied the
host), this computer's is forgotten. Where the list alone is gone, or for a moment not to be had, it is written anew.
Lost state costs a read of the packs' indexes, nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import struct
import tempfile
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

from mirror import durable, packed
from mirror.packed import INDEX_NAME, PACK, POINTER, List, Pack, is_packed
from mirror.targets import Caps, Check, Meta, Target, TargetError, check_key, meta_for
from signing.errors import FormatError
from signing.packing import gzip_bytes

FAN: Final = 8
INDEXES: Final = 512 << 20  # bytes of indexes in all, kept here: what a list may make this computer load and store
SMALLEST: Final = 64 << 10  # bytes: packs below this are all of the lowest tier
_HEAD: Final = struct.Struct(">HQ16s")  # length of the key, of the data (_GONE: deleted), the data's digest
_GONE: Final = (1 << 64) - 1

_Spooled: TypeAlias = dict[str, tuple[int, int] | None]
"""Offset and size of what waits, in its order; None: deleted."""
_Holding: TypeAlias = tuple[Pack, tuple[str, ...]]
"""A pack, and those of its files that count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    listed: List = field(default_factory=List)
    ready: tuple[Pack, ...] = ()  # the newest first; newer than all that are listed
    sent: tuple[str, ...] = ()


class Packing:
    """See the module's text. `inner` retries by itself; `state` is a folder of this target's own."""

    def __init__(self, inner: Target, state: Path | None, *, pack: int = PACK, fan: int = FAN) -> None:
        self.inner = inner
        self._temporary = None if state else tempfile.TemporaryDirectory(prefix="packs-")
        self._folder = state or Path(self._temporary.name if self._temporary else "")
        self._pack, self._fan = pack, fan
        self._lock = threading.RLock()
        self._spooled: _Spooled | None = None
        self._known: _Known | None = None
        self._fresh = False  # the host's list was looked at since the last commit
        self._last: tuple[str, bytes] | None = None  # the pack read last

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def address(self) -> str:
        return self.inner.address

    @property
    def caps(self) -> Caps:
        return replace(self.inner.caps, staged=True, retries=True)

    def probe(self, public: str | None = None) -> Iterator[Check]:
        return self.inner.probe(public)

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        check_key(key)
        if not is_packed(key):
            self.inner.put(key, data, meta)
            return
        with self._lock, self._local():
            self._append(key, data)

    def flush(self) -> None:
        with self._lock:
            with self._local():
                file = self._folder / "spool"
                size = file.stat().st_size if file.exists() else 0
                if size:
                    with file.open("rb") as spool:
                        os.fsync(spool.fileno())
                    durable.sync_folder(self._folder)
            if size > self._pack:
                self._make_ready()
        self.inner.flush()

    def _make_ready(self) -> None:
        """Sends what waits, so that a first push needs no second copy of everything here. Deletions go on waiting."""
        with self._local():
            spooled = dict(self._spool())
        known = self._state()
        sent = [self._send(group) for group in self._groups(spooled)]
        with self._local():
            self._remember(replace(self._state(), ready=(*reversed(sent), *known.ready)))
            self._forget_spool()
            for key, place in spooled.items():
                if place is None:
                    self._append(key, None)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            check_key(key)
            if is_packed(key):
                with self._lock, self._local():
                    self._append(key, None)
            else:
                self.inner.delete((key,))

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        check_key(key)
        if not is_packed(key):
            return self.inner.get(key, cap)
        with self._lock:
            with self._local():
                place = self._spool().get(key, ())
            if place is None:
                return None
            if place:
                data = self._spooled_bytes(*place)
            else:
                holder = next((one for one in self._there() if key in self._index(one)), None)
                if holder is None:
                    return None
                found = self._from(holder, [key])
                if key not in found:
                    return None
                data = found[key]
        if cap is not None and len(data) > cap:
            raise TargetError(f"{self.name}: {key} has {len(data)} bytes, at most {cap} expected", kind="too_large")
        return data

    def list(self, prefix: str = "") -> Iterator[str]:
        with self._lock:
            found = {key for key in self.inner.list(prefix) if key != POINTER and not key.startswith("pack/")}
            for one in self._there() if _may_be_packed(prefix) else ():
                found |= set(self._index(one))
            with self._local():
                for key, place in self._spool().items():
                    (found.discard if place is None else found.add)(key)
        return (key for key in sorted(found) if key.startswith(prefix))

    def close(self) -> None:
        self.inner.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    # --- commit -----------------------------------------------------------------------------------------------------

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        with self._lock:
            self._fresh = False
            with self._local():
                spooled = dict(self._spool())
            if not spooled and not self._state().ready:
                self.inner.commit(pointers)
                return
            before = self._there()
            packs = self._renewed(before, spooled)
            after = List(serial=self._state().listed.serial + 1, packs=packs)
            staying = {one.path for one in packs}
            gone = [path for path in self._state().sent if path not in staying]
            self.inner.flush()
            if self.inner.caps.staged:
                self.inner.delete(gone)
            # First, since the others promise what is in it.
            self.inner.commit({POINTER: packed.list_bytes(after), **pointers})
            with self._local():
                self._remember(_Known(listed=after, sent=(*staying, *gone)))
                self._forget_spool()
            if not self.inner.caps.staged:
                self.inner.delete(gone)
            with self._local():
                self._remember(_Known(listed=after, sent=tuple(staying)))
            self._fresh = True

    def _renewed(self, there: Sequence[Pack], spooled: _Spooled) -> tuple[Pack, ...]:
        """The packs there are to be, the newest first; those that are new have been sent."""
        gone = {key for key, place in spooled.items() if place is None}
        packs = [(one, tuple(self._index(one))) for one in map(self._send, self._groups(spooled))]
        packs.reverse()
        # What stands in several packs counts as the newest has it. The others' copies are ballast: left out when a pack
        # is written anew, and a pack of nothing else is dropped.
        newer = set(spooled)
        for one in there:
            index = self._index(one)
            files = tuple(key for key in index if key not in newer)
            newer.update(files)
            # An object that comes again was wrong there: the pack is written anew with what is good of it.
            again = any(key in index for key in spooled if key.startswith("o/"))
            if files and (again or not gone.isdisjoint(index)):
                if held := self._from(one, files):
                    packs.append((self._send(held), tuple(held)))
            elif files:
                packs.append((one, files))
        return tuple(one for one, _ in self._merged(packs))

    def _alike(self, packs: Sequence[_Holding]) -> Sequence[_Holding]:
        """The first of these packs and those behind it that are of no higher tier."""
        tier = self._tier(packs[0][0])
        return [*itertools.takewhile(lambda one: self._tier(one[0]) <= tier, packs)]

    def _merged(self, packs: Sequence[_Holding]) -> Sequence[_Holding]:
        """Neighbours of one tier, `fan` of them or more, made into one; again while there are such."""
        merged = [*packs]
        at = 0
        while at < len(merged):
            group = self._alike(merged[at:])[: 4 * self._fan]
            size, files = sum(one.size for one, _ in group), sum(len(held) for _, held in group)
            if len(group) < self._fan or size > self._pack or files > packed.FILES:
                at += 1
                continue
            data: dict[str, bytes] = {}
            for one, held in reversed(group):  # the oldest first, so that the newest counts
                data |= self._from(one, held)
            merged[at : at + len(group)] = [(self._send(data), tuple(data))] if data else []
            at = 0
        return merged

    def _tier(self, pack: Pack) -> int:
        tier, size = 0, SMALLEST
        while pack.size > size:
            tier, size = tier + 1, size * self._fan
        return tier

    def _groups(self, spooled: _Spooled) -> Iterator[dict[str, bytes]]:
        """The files of the spool in their order, so many together as one pack takes."""
        group: dict[str, bytes] = {}
        size = 0
        for key, place in spooled.items():
            if place is None:
                continue
            if group and (size + place[1] > self._pack or len(group) >= packed.FILES):
                yield group
                group, size = {}, 0
            group[key] = self._spooled_bytes(*place)
            size += place[1]
        if group:
            yield group

    def _send(self, files: Mapping[str, bytes]) -> Pack:
        """Makes a pack of these files and sends it. The same files in the same order give the same pack."""
        buffer = io.BytesIO()
        places: dict[str, tuple[int, int]] = {}
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for key, data in files.items():
                archive.writestr(_entry(key), data)
                places[key] = buffer.tell() - len(data), len(data)
            index = gzip_bytes(packed.index_bytes(places))
            archive.writestr(_entry(INDEX_NAME), index)
            offset = buffer.tell() - len(index)
        whole = buffer.getvalue()
        name = hashlib.sha256(whole).hexdigest()[:32]
        pack = Pack(name=name, size=len(whole), index_offset=offset, index_size=len(index))
        with self._local():
            folder = self._folder / "index"
            durable.make_folder(folder)
            (folder / name).write_bytes(index)
            known = self._state()
            if pack.path not in known.sent:  # noted before it is there: a crash leaves no pack that nobody knows of
                self._remember(replace(known, sent=(*known.sent, pack.path)))
        self.inner.put(pack.path, whole, meta_for(pack.path, whole))
        return pack

    def _from(self, pack: Pack, keys: Sequence[str]) -> dict[str, bytes]:
        """These files of a pack on the host, each whole. From a pack that isn't as it was sent, without objects that
        aren't what their names say: an audit misses them, and they are sent again. Proofs are taken as they are:
        readers and audits look at what they say, wherever they lie."""
        name, whole = self._last or ("", None)
        if name != pack.name:
            whole = self.inner.get(pack.path, packed.WHOLE) or b""
        if whole is None:
            return {}
        places = self._index(pack)
        found = {key: whole[places[key][0] : sum(places[key])] for key in keys if key in places}
        if hashlib.sha256(whole).hexdigest()[:32] != pack.name:
            return {key: data for key, data in found.items() if _may_be(key, data, places[key][1])}
        self._last = pack.name, whole
        return found

    # --- what this computer knows -----------------------------------------------------------------------------------

    def _there(self) -> tuple[Pack, ...]:
        """The packs on the host, the newest first. Its own list counts, unless it only lags behind what this computer
        wrote last."""
        if not self._fresh:
            stored = self.inner.get(POINTER, packed.LIST)
            try:
                theirs = packed.parse_list(stored) if stored is not None else List()
            except FormatError as error:
                raise TargetError(
                    f"{self.name}: {POINTER}: {error}",
                    kind="corrupt",
                    scope="target",
                    hint=f"somebody changed the file {POINTER!r} there; delete it, and it is written anew",
                ) from None
            known = self._state()
            if stored is None and known.listed.packs and not self._still_there(known.listed.packs):
                self._known = _Known(sent=known.sent)  # emptied: what was ready is gone as well
            elif theirs.serial > known.listed.serial:
                if sum(one.index_size for one in theirs.packs) > INDEXES:
                    raise TargetError(
                        f"{self.name}: {POINTER}: lists more than was ever pushed there",
                        kind="corrupt",
                        scope="target",
                        hint=f"this host is not to be trusted; `tamizdat target remove {self.name}`",
                    )
                self._known = replace(known, listed=theirs, sent=(*known.sent, *(one.path for one in theirs.packs)))
            self._fresh = True
        known = self._state()
        return (*known.ready, *known.listed.packs)

    def _still_there(self, packs: Sequence[Pack]) -> bool:
        """Whether the host has the smallest of these: then it was not emptied."""
        try:
            return self.inner.get(min(packs, key=lambda one: one.size).path, 1) is not None
        except TargetError as error:
            if error.kind == "too_large":
                return True
            raise

    def _state(self) -> _Known:
        if self._known is None:
            with self._local():
                self._known = self._read_known()
        return self._known

    def _index(self, pack: Pack) -> dict[str, tuple[int, int]]:
        file = self._folder / "index" / pack.name
        with contextlib.suppress(OSError, FormatError):
            return packed.parse_index(file.read_bytes(), pack.size)
        whole = self.inner.get(pack.path, packed.WHOLE)
        if whole is None or hashlib.sha256(whole).hexdigest()[:32] != pack.name:
            return {}
        stored = whole[pack.index_offset : pack.index_offset + pack.index_size]
        try:
            places = packed.parse_index(stored, pack.size)
        except FormatError:
            return {}
        with self._local():
            durable.make_folder(file.parent)
            file.write_bytes(stored)
        return places

    def _read_known(self) -> _Known:
        try:
            document = json.loads((self._folder / "packs.json").read_bytes())
            listed, ready = (packed.parse_list(document[name].encode()) for name in ("listed", "ready"))
            return _Known(listed=listed, ready=ready.packs, sent=tuple(map(str, document["sent"])))
        except FileNotFoundError:
            return _Known()
        except (ValueError, KeyError, TypeError, AttributeError, FormatError):
            return _Known()  # somebody's editor: the host's list counts

    def _remember(self, known: _Known) -> None:
        self._known = known
        lists = {"listed": known.listed, "ready": List(packs=known.ready)}
        document = {name: packed.list_bytes(one).decode() for name, one in lists.items()}
        durable.make_folder(self._folder)
        durable.write(self._folder / "packs.json", json.dumps({**document, "sent": known.sent}).encode())
        names = {Path(path).stem for path in known.sent}
        for file in (self._folder / "index").glob("*"):
            if file.name not in names:
                file.unlink(missing_ok=True)

    # --- the spool --------------------------------------------------------------------------------------------------

    def _spool(self) -> _Spooled:
        """Where in the spool each file is. A record that a crash cut off is cut off here too: it was never flushed."""
        if self._spooled is None:
            found: _Spooled = {}
            file = self._folder / "spool"
            good = 0
            with contextlib.suppress(FileNotFoundError), file.open("r+b") as spool:
                while len(head := spool.read(_HEAD.size)) == _HEAD.size:
                    length, size, digest = _HEAD.unpack(head)
                    key = spool.read(length)
                    data = b"" if size == _GONE else spool.read(min(size, packed.WHOLE))
                    if len(key) != length or digest != _digest(key, data) or size not in (_GONE, len(data)):
                        break
                    found.pop(name := key.decode(), None)
                    found[name] = None if size == _GONE else (spool.tell() - size, size)
                    good = spool.tell()
                spool.truncate(good)
            self._spooled = found
        return self._spooled

    def _append(self, key: str, data: bytes | None) -> None:
        spooled = self._spool()
        durable.make_folder(self._folder)
        encoded = key.encode()
        with (self._folder / "spool").open("ab") as spool:
            start = spool.tell()
            size = _GONE if data is None else len(data)
            spool.write(_HEAD.pack(len(encoded), size, _digest(encoded, data or b"")) + encoded + (data or b""))
        spooled.pop(key, None)
        spooled[key] = None if data is None else (start + _HEAD.size + len(encoded), len(data))

    def _spooled_bytes(self, offset: int, size: int) -> bytes:
        with self._local(), (self._folder / "spool").open("rb") as spool:
            spool.seek(offset)
            return spool.read(size)

    def _forget_spool(self) -> None:
        (self._folder / "spool").unlink(missing_ok=True)
        durable.sync_folder(self._folder)
        self._spooled = {}

    @contextlib.contextmanager
    def _local(self) -> Iterator[None]:
        """This computer's disk, whose errors are no fault of the host's."""
        try:
            yield
        except OSError as error:
            message = f"{self.name}: {self._folder}: {error.strerror or error}"
            raise TargetError(message, kind="config", hint="make room on this computer's disk, or mend it") from error


def _may_be(key: str, data: bytes, size: int) -> bool:
    named = key[2:].replace("/", "") if key.startswith("o/") else None
    return len(data) == size and (named is None or named == hashlib.sha256(data).hexdigest())


def _may_be_packed(prefix: str) -> bool:
    return is_packed(prefix) or any(each.startswith(prefix) for each in ("o/", "proof/"))


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))


def _digest(key: bytes, data: bytes) -> bytes:
    return hashlib.sha256(key + b"\0" + data).digest()[:16]
