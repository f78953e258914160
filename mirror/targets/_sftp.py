"""SFTP as targets need it: version 3 of the protocol (draft-ietf-secsh-filexfer-02) with OpenSSH's extensions.

asyncssh makes the connection and the channel. What goes through the channel is made here, because a push is thousands
of small files, and a coroutine per request costs more than the request: the same pushes took twice the processor time
with asyncssh's own client. Requests are gathered while the loop is busy and leave in one packet; answers are dispatched
to plain functions.

    request   uint32 length, byte kind, uint32 id, fields          a string is uint32 length and the bytes
    answer    the same; kind is 101 status, 102 handle, 103 data, 104 names, 105 attrs

An answer that nobody asked for, or is longer than any that was asked for, ends the connection.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncssh

INIT, VERSION = 1, 2
OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR = 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
REMOVE, MKDIR, RMDIR, STAT, RENAME, EXTENDED = 13, 14, 15, 17, 18, 200
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED_REPLY = 101, 102, 103, 104, 105, 201
LOST: Final = -1  # the kind of answer that comes when the connection ends first

OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, OP_UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8
FILE_ALREADY_EXISTS, WRITE_PROTECT, NO_SPACE, QUOTA_EXCEEDED = 11, 12, 14, 15

POSIX_RENAME: Final = b"posix-rename@openssh.com"
STATVFS: Final = b"statvfs@openssh.com"
FSYNC: Final = b"fsync@openssh.com"
LIMITS: Final = b"limits@openssh.com"

READ_ONLY, NEW_FILE = 0x1, 0x2 | 0x8 | 0x20  # read; write, create, and it must not exist
MODE: Final = 0x4  # attributes: only permissions
SAFE_SIZE: Final = 32_768  # bytes of data every server takes in one request (section 3 of the draft)
LARGEST_SIZE: Final = 131_072
LARGEST_ANSWER: Final = 300_000  # bytes; a folder's names come in parts of about 100
_AT_ONCE: Final = 4  # parts of one file on the way
_SYNCS: Final = 64  # files being synced

Answer = Callable[[int, bytes], None]


class SftpError(Exception):
    """A request the server refused: `code` is its status, or LOST."""

    def __init__(self, what: str, code: int, said: str = "") -> None:
        super().__init__(f"{what}: status {code} {said}")
        self.what, self.code, self.said = what, code, said


class Garbled(Exception):
    """The server's answer is none."""


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


class Fields:
    """The fields of an answer, read one after the other. Raises Garbled when there are fewer than expected."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise Garbled("an answer is shorter than it says")
        part, self._at = self._data[self._at : end], end
        return part

    def uint32(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def uint64(self) -> int:
        return int.from_bytes(self._take(8), "big")

    def string(self) -> bytes:
        return self._take(self.uint32())

    def attrs(self) -> Attrs:
        flags = self.uint32()
        size = self.uint64() if flags & 1 else None
        if flags & 2:
            self._take(8)
        mode = self.uint32() if flags & 4 else None
        times = (self.uint32(), self.uint32()) if flags & 8 else None
        if flags & 0x80000000:
            for _ in range(self.uint32()):
                self.string(), self.string()
        return Attrs(size=size, mode=mode, mtime=times[1] if times else None)

    @property
    def left(self) -> bool:
        return self._at < len(self._data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attrs:
    size: int | None
    mode: int | None
    mtime: int | None

    def is_a(self, kind: int) -> bool | None:
        """Whether the mode's type bits say so; None when the server doesn't tell."""
        return None if self.mode is None or not self.mode & 0o170000 else self.mode & 0o170000 == kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Of a file system: bytes and files that still fit, whether it is mounted read-only."""

    free: int
    files: int | None
    read_only: bool


def status(body: bytes) -> tuple[int, str]:
    """The code of a status, and its text as one short printable line."""
    fields = Fields(body)
    code = fields.uint32()
    said = fields.string().decode("utf-8", "replace") if fields.left else ""
    return code, " ".join("".join(each if each.isprintable() else " " for each in said).split())[:120]


class Wire:
    """One SFTP session. Everything but `lost` belongs to the loop's thread. `connection_made`, `data_received` and the
    like are what asyncssh calls on a session."""

    def __init__(self, *, idle: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.extensions: dict[bytes, bytes] = {}
        self.chunk = SAFE_SIZE
        self.lost: str | None = None  # why the session ended, once it has
        self.modes_kept = True  # new files get the mode we ask for
        self.modes_seen = False
        self.connection: asyncssh.SSHClientConnection | None = None
        self._idle = idle
        self._heard = self.loop.time()
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._exit = ""
        self._buffer = bytearray()
        self._waiting: dict[int, Answer] = {}
        self._number = 0
        self._out: list[bytes] = []
        self._watch: asyncio.TimerHandle | None = None

    # --- asyncssh's side --------------------------------------------------------------------------------------------

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def session_started(self) -> None:
        pass

    def exit_status_received(self, status: int) -> None:
        self._exit = f" (exit status {status})"

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        pass

    def pause_writing(self) -> None:
        pass  # how much is on the way is bounded by who puts

    def resume_writing(self) -> None:
        pass

    def xon_xoff_requested(self, client_can_do: bool) -> None:
        pass

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(str(exc) if exc else f"the server closed the session{self._exit}")

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype is not None:
            return  # standard error
        try:
            self._dispatch(data)
        except Garbled as error:
            self.abort(str(error))

    def _dispatch(self, data: bytes) -> None:
        buffer, at = self._buffer, 0
        buffer += data
        while len(buffer) - at >= 4:
            size = int.from_bytes(buffer[at : at + 4], "big")
            if not 5 <= size <= LARGEST_ANSWER:
                # The first four letters of what a login script prints, most often.
                raise Garbled(f"what comes is not SFTP ({bytes(buffer[at : at + 40])!r})")
            if len(buffer) - at - 4 < size:
                break
            kind, number = buffer[at + 4], int.from_bytes(buffer[at + 5 : at + 9], "big")
            body = bytes(buffer[at + 9 : at + 4 + size])
            at += 4 + size
            if kind == VERSION:
                number, body = 0, struct.pack(">I", number) + body
            done = self._waiting.pop(number, None)
            if done is None:
                raise Garbled("an answer to nothing that was asked")
            self._heard = self.loop.time()
            done(kind, body)
        del buffer[:at]

    # --- our side ---------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    def send(self, kind: int, done: Answer, *fields: bytes) -> None:
        """Sends a request; `done` gets the kind and the fields of its answer, or LOST."""
        if self.lost is not None:
            done(LOST, b"")
            return
        self._number = self._number % 0xFFFFFFFF + 1
        self._waiting[self._number] = done
        self._out.append(struct.pack(">IBI", 5 + sum(map(len, fields)), kind, self._number))
        self._out += fields
        self._leave()

    def _leave(self) -> None:
        if len(self._waiting) == 1:
            self._heard = self.loop.time()
        if self._watch is None:
            self._watch = self.loop.call_later(self._idle / 4, self._look)
        # After all that is ready to run now: what it sends leaves together.
        self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._out and self._channel is not None and self.lost is None:
            data = b"".join(self._out)
            self._out.clear()
            self._channel.write(data)

    def _look(self) -> None:
        self._watch = None
        if self._waiting and self.lost is None:
            if self.loop.time() - self._heard > self._idle:
                self.abort(f"no answer for {self._idle:.0f} s")
                return
            self._watch = self.loop.call_later(self._idle / 4, self._look)

    def abort(self, why: str) -> None:
        """Ends the session at once; everything that waits for an answer gets LOST."""
        self.end(why)
        if self.connection is not None:
            self.connection.abort()

    def end(self, why: str) -> None:
        if self.lost is None:
            self.lost = " ".join(why.split())[:200] or "connection lost"
        waiting, self._waiting = self._waiting, {}
        for done in waiting.values():
            done(LOST, b"")

    async def ask(self, kind: int, *fields: bytes) -> tuple[int, bytes]:
        """The kind and the fields of the answer, which may be LOST."""
        answered: asyncio.Future[tuple[int, bytes]] = self.loop.create_future()

        def done(kind: int, body: bytes) -> None:
            if not answered.done():
                answered.set_result((kind, body))

        self.send(kind, done, *fields)
        return await answered

    async def ok(self, what: str, kind: int, *fields: bytes) -> None:
        """Raises SftpError for every other status than OK."""
        await self.expect(what, STATUS, kind, *fields)

    async def expect(self, what: str, wanted: int, kind: int, *fields: bytes) -> bytes:
        """The fields of an answer of the kind wanted; raises SftpError for anything else."""
        answer, body = await self.ask(kind, *fields)
        return self.check(what, wanted, answer, body)

    def check(self, what: str, wanted: int, answer: int, body: bytes) -> bytes:
        if answer == LOST:
            raise SftpError(what, LOST, self.lost or "")
        if answer == STATUS:
            try:
                code, said = status(body)
            except Garbled as error:
                raise SftpError(what, BAD_MESSAGE, str(error)) from None
            if code != OK or wanted != STATUS:
                raise SftpError(what, code, said)
        elif answer != wanted:
            raise SftpError(what, BAD_MESSAGE, f"an answer of kind {answer}")
        return body

    def forget(self, kind: int, *fields: bytes) -> None:
        """A request whose outcome doesn't matter."""
        self.send(kind, lambda *_: None, *fields)

    # --- requests ---------------------------------------------------------------------------------------------------

    async def hello(self) -> None:
        """The first exchange: which extensions there are, and how much fits into one request."""
        answered: asyncio.Future[tuple[int, bytes]] = self.loop.create_future()
        self._waiting[0] = lambda kind, body: answered.set_result((kind, body))
        self._out.append(struct.pack(">IBI", 5, INIT, 3))
        self._leave()
        fields = Fields(self.check("version", VERSION, *await answered))
        try:
            fields.uint32()
            while fields.left and len(self.extensions) < 100:
                name = fields.string()
                self.extensions[name] = fields.string()
        except Garbled as error:
            raise SftpError("version", BAD_MESSAGE, str(error)) from None
        if LIMITS in self.extensions:
            kind, body = await self.ask(EXTENDED, string(LIMITS))
            if kind == EXTENDED_REPLY and len(body) >= 24:
                limit = struct.unpack(">QQQ", body[:24])[2]
                self.chunk = max(SAFE_SIZE, min(limit, LARGEST_SIZE))

    async def stat(self, path: bytes, *, follow: bool = True) -> Attrs:
        return Fields(await self.expect("stat", ATTRS, STAT if follow else LSTAT, string(path))).attrs()

    async def fstat(self, handle: bytes) -> Attrs:
        return Fields(await self.expect("stat", ATTRS, FSTAT, handle)).attrs()

    async def open(self, path: bytes, flags: int) -> bytes:
        """The handle, as the field it is in further requests."""
        return await self.expect("open", HANDLE, OPEN, string(path), struct.pack(">III", flags, MODE, 0o644))

    async def space(self, path: bytes) -> Space | None:
        """None when the server doesn't tell."""
        if STATVFS not in self.extensions:
            return None
        kind, body = await self.ask(EXTENDED, string(STATVFS), string(path))
        if kind != EXTENDED_REPLY or len(body) < 88:
            return None
        found = struct.unpack(">11Q", body[:88])
        # bsize, frsize, blocks, bfree, bavail, files, ffree, favail, fsid, flag, namemax
        unit = found[1] or found[0]
        return Space(free=found[4] * unit, files=found[7] if found[5] else None, read_only=bool(found[9] & 1))

    async def names(self, folder: bytes, most: int) -> list[tuple[bytes, Attrs]]:
        """What is in a folder, without . and .. . Raises SftpError, also when there are more than `most` names."""
        handle = await self.expect("open folder", HANDLE, OPENDIR, string(folder))
        found: list[tuple[bytes, Attrs]] = []
        try:
            while True:
                kind, body = await self.ask(READDIR, handle)
                if kind == STATUS and status(body)[0] == EOF:
                    return found
                fields = Fields(self.check("read folder", NAME, kind, body))
                for _ in range(fields.uint32()):
                    name, long = fields.string(), fields.string()
                    attrs = fields.attrs()
                    if attrs.is_a(0) is None:
                        kinds = {b"d": 0o040000, b"l": 0o120000, b"-": 0o100000}
                        attrs = Attrs(size=attrs.size, mode=kinds.get(long[:1], 0o100000), mtime=attrs.mtime)
                    if name not in (b".", b"..") and b"/" not in name:
                        found.append((name, attrs))
                if len(found) > most:
                    raise SftpError("read folder", BAD_MESSAGE, f"more than {most} names")
        except Garbled as error:
            raise SftpError("read folder", BAD_MESSAGE, str(error)) from None
        finally:
            self.forget(CLOSE, handle)


class Upload:
    """One file on its way: folders and a new file under a temporary name, its bytes, then the right name.

    The rename is asked for when everything before it was acknowledged: three exchanges, each with other files' requests
    around it. `wait` blocks until the end; then `error` says what went wrong, if anything did. With `hold` the file is
    synced and keeps its temporary name.
    """

    __slots__ = (
        "_at", "_chunk", "_data", "_done", "_handle", "_hold", "_open", "_waiting", "error", "folder_error", "folders",
        "path", "temporary", "wire",
    )  # fmt: skip

    def __init__(
        self, wire: Wire, *, temporary: bytes, path: bytes, data: bytes, folders: Iterable[bytes], hold: bool = False
    ) -> None:
        self.wire, self.temporary, self.path, self._data, self._hold = wire, temporary, path, data, hold
        self.folders = tuple(folders)
        self.error: SftpError | None = None
        self.folder_error: SftpError | None = None
        self._handle = b""
        self._at = self._waiting = 0
        self._open = False
        self._chunk = wire.chunk
        self._done = threading.Lock()
        self._done.acquire()

    def wait(self) -> None:
        looks = 0
        while not self._done.acquire(timeout=2.0):
            # A target that is closed takes its loop along, and nobody may be left to say so.
            looks += self.wire.lost is not None
            if looks > 1:
                self.error = SftpError("wait", LOST, self.wire.lost or "")
                return

    def start(self) -> None:
        self._waiting = 1 + len(self.folders)
        for folder in self.folders:
            # The default binds the loop's value.
            self.wire.send(
                MKDIR,
                lambda kind, body, folder=folder: self._made(folder, kind, body),  # type: ignore[misc]
                string(folder),
                struct.pack(">II", MODE, 0o755),
            )
        self.wire.send(OPEN, self._opened, string(self.temporary), struct.pack(">III", NEW_FILE, MODE, 0o644))

    def _made(self, folder: bytes, kind: int, body: bytes) -> None:
        try:
            self.wire.check("make folder", STATUS, kind, body)
        except SftpError as error:
            # It may just exist: if not, the rename will fail, and this says why.
            self.folder_error = self.folder_error or error
        else:
            # The server's umask may have made it less readable than a web server needs.
            self.wire.forget(SETSTAT, string(folder), struct.pack(">II", MODE, 0o755))
        self._next()

    def _opened(self, kind: int, body: bytes) -> None:
        try:
            self._handle = self.wire.check("open", HANDLE, kind, body)
            self._open = True
        except SftpError as error:
            self.error = error
        else:
            wire = self.wire
            if not wire.modes_seen:
                wire.modes_seen = True
                self._waiting += 1
                wire.send(FSTAT, self._seen, self._handle)
            if not wire.modes_kept:
                self._ask("set mode", FSETSTAT, self._handle, struct.pack(">II", MODE, 0o644))
            for _ in range(_AT_ONCE):
                self._write()
            self._finish_file()
        self._next()

    def _seen(self, kind: int, body: bytes) -> None:
        try:
            mode = Fields(self.wire.check("stat", ATTRS, kind, body)).attrs().mode
        except (SftpError, Garbled):
            mode = None
        if mode is not None and mode & 0o777 != 0o644:
            self.wire.modes_kept = False
            self._ask("set mode", SETSTAT, string(self.temporary), struct.pack(">II", MODE, 0o644))
        self._next()

    def _ask(self, what: str, kind: int, *fields: bytes) -> None:
        self._waiting += 1

        def done(kind: int, body: bytes) -> None:
            try:
                self.wire.check(what, STATUS, kind, body)
            except SftpError as error:
                if what != "set mode":
                    self.error = self.error or error
            if what == "write" and not self.error:
                self._write()
                self._finish_file()
            self._next()

        self.wire.send(kind, done, *fields)

    def _write(self) -> None:
        if self._at < len(self._data):
            part = self._data[self._at : self._at + self._chunk]
            place = struct.pack(">QI", self._at, len(part))
            self._at += len(part)
            self._ask("write", WRITE, self._handle, place, part)

    def _finish_file(self) -> None:
        if self._open and self._at >= len(self._data):
            self._open = False
            if self._hold and FSYNC in self.wire.extensions:
                self._ask("sync", EXTENDED, string(FSYNC), self._handle)
            self._ask("close", CLOSE, self._handle)

    def _next(self) -> None:
        self._waiting -= 1
        if self._waiting:
            return
        if self.error:
            if self._open:
                self.wire.forget(CLOSE, self._handle)
            if self._handle:
                self.wire.forget(REMOVE, string(self.temporary))
            self._done.release()
        elif self._hold:
            self._done.release()
        elif POSIX_RENAME in self.wire.extensions:
            fields = (string(POSIX_RENAME), string(self.temporary), string(self.path))
            self.wire.send(EXTENDED, self._renamed, *fields)
        else:
            self.wire.send(RENAME, self._renamed, string(self.temporary), string(self.path))

    def _renamed(self, kind: int, body: bytes) -> None:
        try:
            self.wire.check("rename", STATUS, kind, body)
        except SftpError as error:
            self.error = error
        self._done.release()


class Syncing:
    """Files that the server is to have on its disk: opened, synced and closed, some at a time. `done` has no result;
    or raises the first SftpError that isn't about a file that is gone."""

    __slots__ = ("_busy", "_error", "_todo", "_wire", "done")

    def __init__(self, wire: Wire, paths: Iterable[bytes]) -> None:
        self._wire, self._todo = wire, iter(paths)
        self._busy = 0
        self._error: SftpError | None = None
        self.done: asyncio.Future[None] = wire.loop.create_future()
        for _ in range(_SYNCS):
            self._next()

    def _next(self) -> None:
        path = None if self._error else next(self._todo, None)
        if path is not None:
            self._busy += 1
            self._wire.send(OPEN, self._opened, string(path), struct.pack(">III", READ_ONLY, MODE, 0o644))
        elif not self._busy and not self.done.done():
            if self._error:
                self.done.set_exception(self._error)
            else:
                self.done.set_result(None)

    def _opened(self, kind: int, body: bytes) -> None:
        try:
            handle = self._wire.check("open", HANDLE, kind, body)
        except SftpError as error:
            self._ended(None if error.code == NO_SUCH_FILE else error)
        else:
            self._wire.send(EXTENDED, self._synced, string(FSYNC), handle)
            self._wire.forget(CLOSE, handle)

    def _synced(self, kind: int, body: bytes) -> None:
        try:
            self._wire.check("sync", STATUS, kind, body)
        except SftpError as error:
            self._ended(error)
        else:
            self._ended(None)

    def _ended(self, error: SftpError | None) -> None:
        self._busy -= 1
        self._error = self._error or error
        self._next()


async def open_session(connection: asyncssh.SSHClientConnection, *, idle: float) -> Wire:
    """An SFTP session in this connection. Raises asyncssh's errors, and SftpError when what answers isn't SFTP."""
    wire = Wire(idle=idle)
    wire.connection = connection
    # A session is known by its methods; to be a subclass, this file would have to import asyncssh.
    factory: Any = lambda: wire  # noqa: E731
    await connection.create_session(factory, subsystem="sftp", encoding=None)
    await wire.hello()
    return wire
