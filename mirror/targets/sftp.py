"""A folder on another computer, over SSH: `sftp://USER@HOST[:PORT]/PATH`, or `/~/PATH` below the account's home.

Settings: those of `mirror.targets._ssh` (key, passphrase, host_key, known_hosts, proxy), and

    password     a reference; a key is better
    sync         auto (default): what is put is on the server's disk before anything points at it, as long as that is
                 little (up to 100 files at a time); all: always, which may take ten times as long; pointers: only these

A file appears whole or not at all: it is written below `.tamizdat-tmp/` in the folder and renamed onto its name, with
OpenSSH's `posix-rename`, which replaces in one step. A server without it (`caps.atomic` is False then) moves the old
file aside first: for one exchange there is none. Files get mode 0644 and folders 0755 whatever the umask there says,
since somebody else, the web server, has to read them. The folder must exist: a push never makes it.

One connection, many requests in it: 64 files at a time, three exchanges each. What a broken-off push left below
`.tamizdat-tmp/` is removed by a later one, once it is older than ten minutes by the server's clock.

    server's answer                                     kind           what is said to do
    no such file, for the folder itself                 no_container   make it: ssh USER@HOST mkdir -p PATH
    no such file, below it                              conflict       a file stands where a folder belongs
    permission denied (also `internal-sftp -R`)         forbidden      give the account write access
    failure, and statvfs finds the disk full            quota          make room (OpenSSH's only word for ENOSPC)
    failure, and statvfs finds it read-only             forbidden      mount it for writing
    failure of a write, with room on the disk           quota          the account's quota
    failure of a rename, and a folder is there          conflict       remove that folder
    bad message                                         unsupported    names too long for that file system
    no SFTP subsystem                                   unsupported    Subsystem sftp internal-sftp, or rsync://
    text before the first answer                        config         the account's login scripts print something
    silence for a minute, connection lost               transient      tried again on a new connection
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import secrets
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mirror.targets import Caps, Check, Kind, Meta, Retrying, Secret, TargetError, _sftp, check_key, refuse_unknown
from mirror.targets._probe import Failed, Step, files_steps, public_steps, walk
from mirror.targets._sftp import Attrs, Fields, Garbled, SftpError, Syncing, Upload, Wire, open_session, status, string
from mirror.targets._ssh import (
    CONNECT_SECONDS,
    LOGIN_SECONDS,
    SETTINGS,
    Login,
    Loop,
    connect,
    explain,
    owning,
    read_login,
    way_steps,
)

if TYPE_CHECKING:
    import asyncssh

CAPS: Final = Caps(workers=64, headers=False)
TEMPORARY: Final = ".tamizdat-tmp"
IDLE_SECONDS: Final = 60.0  # without any answer while some are due
SYNCED: Final = 100  # files; after a power cut in the middle of a first push, an audit finds what is broken
OLD: Final = 600  # seconds; younger files below TEMPORARY may be another process's
LOW_SPACE: Final = 256 * 2**20  # bytes; less than this is reported by the probe
MOST_FILES: Final = 10_000_000  # of a listing; a server that names more is not believed
DEEPEST: Final = 64  # folders; keys have 512 bytes, ours are five deep
_FOLDER, _FILE = 0o040000, 0o100000
_SECONDS: Final = 3600.0  # for a whole listing or a batch of deletes; silence ends it long before
_AT_ONCE: Final = 64

Result = TypeVar("Result")


class SftpTarget:
    def __init__(
        self, *, name: str, login: Login, secret: Secret, sync: int = SYNCED, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self.name = name
        self.login = login
        self.address = login.address
        self.caps = CAPS
        self._secret, self._sync, self._idle = secret, sync, idle_seconds
        self._root = login.path.encode()
        self._token = secrets.token_hex(4)
        self._numbers = iter(range(1, 1 << 62))
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._closed = False
        self._loop: Loop | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._wire: Wire | None = None
        self._tried = 0  # how often a connection was tried
        self._problem: TargetError | None = None  # why the last try failed
        self._ready = False  # there is a folder for temporary files
        self._folders: set[bytes] = set()  # known to exist, in this connection
        self._unsynced: set[bytes] = set()
        self._queue: collections.deque[Upload] = collections.deque()
        self._pumping = False

    # --- the operations ---------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        path = self._path(key)
        self._write(key, path, data)
        with self._lock:
            if len(self._unsynced) <= self._sync:
                self._unsynced.add(path)

    def flush(self) -> None:
        """On servers that can (`fsync@openssh.com`), what was put is on their disk, if it isn't too much."""
        with self._lock:
            paths, self._unsynced = self._unsynced, set()
        if not paths or len(paths) > self._sync:
            return
        try:
            self._do("(sync)", lambda wire: self._sync_all(wire, sorted(paths)))
        except TargetError:
            with self._lock:
                self._unsynced |= paths
            raise

    def commit(self, pointers: Mapping[str, bytes], standing: set[str] | None = None) -> None:
        """All are written under temporary names at once, then renamed in order. `standing` collects those that are in
        place, so that another try doesn't begin again at them."""
        standing = set() if standing is None else standing
        paths = {key: self._path(key) for key in pointers if key not in standing}
        self.flush()
        if not paths:
            return
        staged = {key: self._upload(path, pointers[key], hold=True) for key, path in paths.items()}
        for key, upload in staged.items():
            upload.wait()
            if upload.error:
                self._do_quietly(lambda wire: self._remove_temporary(wire, staged.values()))
                raise self._told(key, upload.error, upload.wire, size=len(pointers[key]), folders=upload.folder_error)
        for key in paths:
            upload = staged[key]
            try:
                self._place(key, upload)
            except TargetError:
                self._do_quietly(lambda wire: self._remove_temporary(wire, staged.values()))
                raise
            standing.add(key)

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        path = self._path(key)
        return self._do(key, lambda wire: self._read(wire, key, path, cap))

    def list(self, prefix: str = "") -> Iterator[str]:
        folder = prefix.rpartition("/")[0]
        found = self._do(prefix or "/", lambda wire: self._walk(wire, folder), seconds=_SECONDS)
        return (key for key in sorted(found) if key.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        paths = [(key, self._path(key)) for key in keys]
        if paths:
            work = lambda wire: _some_at_once(self._remove(wire, path) for _, path in paths)  # noqa: E731
            self._do(paths[0][0], work, seconds=_SECONDS)

    def close(self) -> None:
        """Ends the connection. With nothing on its way the folder for temporary files goes as well; what hangs is torn
        off, and its caller gets an error at once. A closed target stays closed."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            loop, wire, connection, ready = self._loop, self._wire, self._connection, self._ready
        if loop is None:
            return
        if wire is not None and ready:
            with contextlib.suppress(TimeoutError):
                loop.call(self._leave(wire), 2.0)

        def end() -> None:
            if wire is not None:
                wire.end("the target was closed")
            self._pump()
            if connection is not None:
                connection.abort()

        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.loop.call_soon_threadsafe(end)
            loop.stop()

    async def _leave(self, wire: Wire) -> None:
        for _ in range(20):
            if not wire.busy:
                await wire.ask(_sftp.RMDIR, string(self._temporary()))
                return
            await asyncio.sleep(0.01)  # handles that are being closed; whatever takes longer isn't waited for

    # --- the connection ---------------------------------------------------------------------------------------------

    def _path(self, key: str) -> bytes:
        return self._below(check_key(key).encode())

    def _below(self, name: bytes) -> bytes:
        return self._root.rstrip(b"/") + b"/" + name

    def _temporary(self) -> bytes:
        return self._below(TEMPORARY.encode())

    def _session(self) -> tuple[Loop, Wire]:
        """The session, opened anew if the last one ended. Raises TargetError. Threads that wait for one and the same
        try get its outcome: sixty wrong logins at once would get this machine banned."""
        tried = self._tried
        with self._opening:
            if self._closed:
                raise TargetError(f"{self.name}: closed", kind="unreachable")
            if self._wire is not None and self._wire.lost is None and self._loop is not None:
                return self._loop, self._wire
            if self._problem is not None and tried != self._tried:
                raise self._problem
            with self._lock:
                loop = self._loop = self._loop or Loop(self.name)
            self._tried += 1
            self._problem = None
            try:
                self._wire = loop.call(self._open(), CONNECT_SECONDS + 2 * LOGIN_SECONDS)
            except (TargetError, TimeoutError) as error:
                self._problem = explain(error, self.login) if not self._closed else _closed(self.name)
                raise self._problem from None
            self._ready = False
            self._folders = set()
            return loop, self._wire

    async def _open(self) -> Wire:
        login = self.login
        connection = self._connection = await connect(login, self._secret)
        import asyncssh

        try:
            wire = await open_session(connection, idle=self._idle)
            root = await wire.stat(self._root)
        except asyncssh.ChannelOpenError as error:
            connection.abort()
            raise self._no_sftp(error.reason) from None
        except SftpError as error:
            connection.abort()
            if error.what == "stat" and error.code in (_sftp.NO_SUCH_FILE, _sftp.PERMISSION_DENIED):
                raise self._no_folder(error.code) from None
            if error.what == "version" and "exit status 127" in error.said:
                raise self._no_sftp("its program isn't there") from None
            raise self._lost(error.said) from None
        except (asyncssh.Error, OSError, Garbled) as error:
            connection.abort()
            raise explain(error, login) from None
        if root.is_a(_FOLDER) is False:
            connection.abort()
            hint = "give the path of a folder"
            raise TargetError(f"{self.name}: {login.path} there is no folder", kind="config", hint=hint)
        self.caps = dataclasses.replace(CAPS, atomic=_sftp.POSIX_RENAME in wire.extensions)
        return wire

    def _do(self, what: str, work: Callable[[Wire], Coroutine[Any, Any, Result]], seconds: float = 600.0) -> Result:
        loop, wire = self._session()
        return self._on(loop, wire, what, work(wire), seconds)

    def _on(self, loop: Loop, wire: Wire, what: str, work: Coroutine[Any, Any, Result], seconds: float) -> Result:
        try:
            return loop.call(work, seconds)
        except SftpError as error:
            raise self._told(what, error, wire) from None
        except Garbled as error:
            raise TargetError(
                f"{self.name}: {what}: {error}", kind="transient", hint="is that an SFTP server?"
            ) from None
        except TimeoutError:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                loop.loop.call_soon_threadsafe(wire.abort, "too slow")
            raise _closed(self.name) if self._closed else self._lost(f"{what} took too long") from None

    def _do_quietly(self, work: Callable[[Wire], Coroutine[Any, Any, None]]) -> None:
        with contextlib.suppress(TargetError):
            self._do("", work, 20.0)

    # --- writing ----------------------------------------------------------------------------------------------------

    def _write(self, key: str, path: bytes, data: bytes) -> None:
        upload = self._upload(path, data)
        upload.wait()
        error = upload.error
        if error is None:
            return
        if error.what == "rename":
            self._place(key, upload)
            return
        raise self._told(key, error, upload.wire, size=len(data), folders=upload.folder_error)

    def _upload(self, path: bytes, data: bytes, *, hold: bool = False) -> Upload:
        loop, wire = self._session()
        if not self._ready:
            with self._opening:
                if not self._ready:
                    self._on(loop, wire, TEMPORARY, self._make_ready(wire), 60.0)
                    self._ready = True
        missing = []
        folder = path.rpartition(b"/")[0]
        with self._lock:
            while len(folder) > len(self._root) and folder not in self._folders:
                self._folders.add(folder)
                missing.append(folder)
                folder = folder.rpartition(b"/")[0]
        upload = Upload(
            wire,
            temporary=self._temporary() + f"/{self._token}-{next(self._numbers)}".encode(),
            path=path,
            data=data,
            folders=reversed(missing),
            hold=hold,
        )
        self._queue.append(upload)
        if not self._pumping:
            self._pumping = True
            try:
                loop.loop.call_soon_threadsafe(self._pump)
            except RuntimeError:
                raise _closed(self.name) from None
        return upload

    def _pump(self) -> None:
        # First the mark, then the queue: a thread that finds the mark unset wakes the loop once more, for nothing.
        self._pumping = False
        while self._queue:
            self._queue.popleft().start()

    def _place(self, key: str, upload: Upload) -> None:
        """Gives a written file its name, where the plain way didn't (yet) work."""

        async def place(wire: Wire) -> None:
            if wire is not upload.wire:
                raise SftpError("rename", _sftp.LOST, upload.wire.lost or "")
            try:
                await self._rename(wire, upload.temporary, upload.path)
            except SftpError as error:
                if error.code != _sftp.NO_SUCH_FILE:
                    raise
                # The folder went away with the last file in it, between the check and here.
                folder = upload.path.rpartition(b"/")[0]
                await self._make_folders(wire, folder)
                await self._rename(wire, upload.temporary, upload.path)

        if upload.error and upload.error.code not in (_sftp.NO_SUCH_FILE, _sftp.FAILURE, _sftp.FILE_ALREADY_EXISTS):
            raise self._told(key, upload.error, upload.wire)
        loop, wire = self._session()
        try:
            loop.call(place(wire), 60.0)
        except SftpError as error:
            told = self._told(key, error, wire, folders=upload.folder_error)
            self._do_quietly(lambda wire: self._remove_temporary(wire, (upload,)))
            raise told from None
        except TimeoutError:
            raise _closed(self.name) if self._closed else self._lost(f"{key}: no answer to a rename") from None

    async def _rename(self, wire: Wire, old: bytes, new: bytes) -> None:
        if _sftp.POSIX_RENAME in wire.extensions:
            await wire.ok("rename", _sftp.EXTENDED, string(_sftp.POSIX_RENAME), string(old), string(new))
            return
        try:
            await wire.ok("rename", _sftp.RENAME, string(old), string(new))
        except SftpError as error:
            if error.code not in (_sftp.FAILURE, _sftp.FILE_ALREADY_EXISTS):
                raise
            # Version 3 doesn't rename onto a file that exists. The old one stays until the new one is in place.
            aside = self._temporary() + f"/{self._token}-{next(self._numbers)}".encode()
            await wire.ok("rename", _sftp.RENAME, string(new), string(aside))
            try:
                await wire.ok("rename", _sftp.RENAME, string(old), string(new))
            except SftpError:
                wire.forget(_sftp.RENAME, string(aside), string(new))
                raise
            wire.forget(_sftp.REMOVE, string(aside))

    async def _make_folders(self, wire: Wire, folder: bytes) -> None:
        above = []
        while len(folder) > len(self._root):
            above.append(folder)
            folder = folder.rpartition(b"/")[0]
        for each in reversed(above):
            kind, body = await wire.ask(_sftp.MKDIR, string(each), struct.pack(">II", _sftp.MODE, 0o755))
            with contextlib.suppress(SftpError):  # it exists; or else the rename that follows fails
                wire.check("make folder", _sftp.STATUS, kind, body)
                wire.forget(_sftp.SETSTAT, string(each), struct.pack(">II", _sftp.MODE, 0o755))

    async def _make_ready(self, wire: Wire) -> None:
        """Makes the folder for temporary files. If it is there, an earlier push didn't end well, or another process is
        at it: what is old goes."""
        place = self._temporary()
        try:
            await wire.ok("make folder", _sftp.MKDIR, string(place), struct.pack(">II", _sftp.MODE, 0o700))
            return
        except SftpError as error:
            if error.code not in (_sftp.FAILURE, _sftp.FILE_ALREADY_EXISTS):
                raise
            try:
                found = await wire.names(place, MOST_FILES)
            except SftpError as other:
                raise (error if other.code == _sftp.NO_SUCH_FILE else other) from None
        if not found:
            return
        now = await self._time_there(wire)
        ours = self._token.encode() + b"-"
        old = [
            name
            for name, attrs in found
            if name.startswith(ours) or (now and attrs.mtime is not None and now - attrs.mtime > OLD)
        ]
        await _some_at_once(wire.ask(_sftp.REMOVE, string(place + b"/" + name)) for name in old)

    async def _time_there(self, wire: Wire) -> int | None:
        """The server's clock, told by a file just made."""
        path = self._temporary() + f"/{self._token}-clock".encode()
        with contextlib.suppress(SftpError):
            wire.forget(_sftp.REMOVE, string(path))
            handle = await wire.open(path, _sftp.NEW_FILE)
            try:
                return (await wire.fstat(handle)).mtime
            finally:
                wire.forget(_sftp.CLOSE, handle)
                wire.forget(_sftp.REMOVE, string(path))
        return None

    async def _remove_temporary(self, wire: Wire, uploads: Iterable[Upload]) -> None:
        await _some_at_once(wire.ask(_sftp.REMOVE, string(each.temporary)) for each in uploads)

    async def _sync_all(self, wire: Wire, paths: Iterable[bytes]) -> None:
        if _sftp.FSYNC in wire.extensions:
            await Syncing(wire, paths).done

    # --- the rest ---------------------------------------------------------------------------------------------------

    async def _read(self, wire: Wire, key: str, path: bytes, cap: int | None) -> bytes | None:
        try:
            handle = await wire.open(path, _sftp.READ_ONLY)
        except SftpError as error:
            if error.code == _sftp.NO_SUCH_FILE:
                return None
            raise
        try:
            about = await wire.fstat(handle)
            if about.is_a(_FILE) is False:
                return None
            parts: list[bytes] = []
            size = 0
            while True:
                # What the server said the size is, is only how much is asked for at once.
                due = max((about.size or 0) - size, wire.chunk)
                if cap is not None:
                    due = min(due, cap + 1 - size)
                part = await self._read_some(wire, handle, size, due)
                if not part:
                    return b"".join(parts)
                parts.append(part)
                size += len(part)
                if cap is not None and size > cap:
                    raise TargetError(f"{self.name}: {key} has more than the {cap} bytes expected", kind="too_large")
        finally:
            wire.forget(_sftp.CLOSE, handle)

    async def _read_some(self, wire: Wire, handle: bytes, start: int, due: int) -> bytes:
        """From `start` on, some of the bytes due, in parts asked for together; nothing at the end of the file."""
        wanted = [
            (at, min(wire.chunk, start + due - at))
            for at in range(start, min(start + due, start + 16 * wire.chunk), wire.chunk)
        ]
        answers = await asyncio.gather(
            *(wire.ask(_sftp.READ, handle, struct.pack(">QI", at, size)) for at, size in wanted)
        )
        found = []
        for (_, size), (kind, body) in zip(wanted, answers, strict=True):
            if kind == _sftp.STATUS and status(body)[0] == _sftp.EOF:
                break
            part = Fields(wire.check("read", _sftp.DATA, kind, body)).string()
            if len(part) > size:
                raise Garbled("more bytes than were asked for")
            found.append(part)
            if len(part) < size:
                break  # what comes after it begins too late
        return b"".join(found)

    async def _walk(self, wire: Wire, folder: str) -> Sequence[str]:
        found: list[str] = []
        todo = [folder]
        while todo:
            batch, todo = todo[:_AT_ONCE], todo[_AT_ONCE:]
            told = await asyncio.gather(*(self._names(wire, each, MOST_FILES - len(found)) for each in batch))
            for inside, names in zip(batch, told, strict=True):
                for name, attrs in names:
                    key = f"{inside}/{name}" if inside else name
                    if key == TEMPORARY:
                        continue
                    if attrs.is_a(_FOLDER):
                        if key.count("/") < DEEPEST:
                            todo.append(key)
                    else:
                        found.append(key)
        return found

    async def _names(self, wire: Wire, folder: str, most: int) -> Sequence[tuple[str, Attrs]]:
        path = self._below(folder.encode()) if folder else self._root
        try:
            names = await wire.names(path, most)
        except SftpError as error:
            if error.code == _sftp.NO_SUCH_FILE and folder:
                return []
            raise
        # A name that isn't UTF-8 is none of ours.
        return [(name.decode(), attrs) for name, attrs in names if _is_text(name)]

    async def _remove(self, wire: Wire, path: bytes) -> None:
        asked: list[Awaitable[tuple[int, bytes]]] = [asyncio.ensure_future(wire.ask(_sftp.REMOVE, string(path)))]
        # Folders left empty go too, in the same packet: one that isn't empty stays, and its own above it.
        folder = path.rpartition(b"/")[0]
        above = []
        while len(folder) > len(self._root):
            above.append(folder)
            asked.append(asyncio.ensure_future(wire.ask(_sftp.RMDIR, string(folder))))
            folder = folder.rpartition(b"/")[0]
        (kind, body), *gone = await asyncio.gather(*asked)
        for each, (answer, said) in zip(above, gone, strict=True):
            if answer == _sftp.STATUS and status(said)[0] == _sftp.OK:
                with self._lock:
                    self._folders.discard(each)
        try:
            wire.check("remove", _sftp.STATUS, kind, body)
        except SftpError as error:
            if error.code != _sftp.NO_SUCH_FILE:
                raise

    # --- errors -----------------------------------------------------------------------------------------------------

    def _lost(self, why: str) -> TargetError:
        if "not SFTP" in why:
            return TargetError(
                f"{self.name}: {self.login.place}: {why}",
                kind="config",
                hint="that account's login scripts print text: let .bashrc return early when not interactive",
            )
        message = f"{self.name}: {self.login.place}: the connection broke: {why or 'no reason given'}"
        return TargetError(message, kind="transient", hint="the next run goes on")

    def _no_sftp(self, why: str) -> TargetError:
        return TargetError(
            f"{self.name}: {self.login.place}: this account has no SFTP ({' '.join(why.split())[:100]})",
            kind="unsupported",
            hint="there: `Subsystem sftp internal-sftp` in sshd_config; or, with a shell and rsync, rsync://…",
        )

    def _no_folder(self, code: int) -> TargetError:
        login = self.login
        if code == _sftp.PERMISSION_DENIED:
            hint = f"let the account {login.user} enter every folder above it: chmod o+x"
            return TargetError(f"{self.name}: {login.path} can't be entered there", kind="forbidden", hint=hint)
        port = "" if login.port == 22 else f" -p {login.port}"
        return TargetError(
            f"{self.name}: the folder {login.path} does not exist there",
            kind="no_container",
            hint=f"make it: ssh{port} {login.user}@{login.host} mkdir {login.path} (without a shell: sftp, then mkdir)",
        )

    def _told(
        self, key: str, error: SftpError, wire: Wire, *, size: int = 0, folders: SftpError | None = None
    ) -> TargetError:
        """The error as a caller should see it. What a bare "failure" means is found out by asking for the disk."""
        if self._closed:
            return _closed(self.name)
        code, said = error.code, f" ({error.said})" if error.said and error.said.lower() != "failure" else ""
        if code == _sftp.LOST:
            return self._lost(error.said or wire.lost or "")
        if folders and folders.code == _sftp.PERMISSION_DENIED:
            code = folders.code
        what, user = f"{self.name}: {key}", self.login.user
        if code in (_sftp.FAILURE, _sftp.NO_SUCH_FILE, _sftp.FILE_ALREADY_EXISTS):
            return self._failure(key, error, size, said)
        if code in (_sftp.NO_SPACE, _sftp.QUOTA_EXCEEDED):
            return _full(what, "the server says that its disk or the quota is full")
        kind: Kind
        if code == _sftp.PERMISSION_DENIED:
            kind, why = "forbidden", f"the account {user} may not {error.what} there"
            hint = f"{owning(self.login)} (and not read-only: internal-sftp -R)"
        elif code == _sftp.WRITE_PROTECT:
            kind, why, hint = "forbidden", *_READ_ONLY
        elif code == _sftp.OP_UNSUPPORTED:
            kind, why = "unsupported", f"the server can't {error.what}"
            hint = "another SFTP server, or another kind of target"
        elif code == _sftp.BAD_MESSAGE and not error.said.startswith(("an answer", "more than")):
            kind, why = "unsupported", "the server refuses that name"
            hint = "its file system has shorter names than a mirror needs"
        else:
            kind, why, hint = "transient", f"{error.what}: status {code}{said}", "the next run goes on"
        return TargetError(f"{what}: {why}", kind=kind, hint=hint)

    def _failure(self, key: str, error: SftpError, size: int, said: str) -> TargetError:
        async def look(wire: Wire) -> tuple[_sftp.Space | None, bool, bool | None]:
            space, there = await wire.space(self._root), None
            try:
                await wire.stat(self._root)
            except SftpError:
                return space, False, None
            with contextlib.suppress(SftpError):
                there = (await wire.stat(self._path(key), follow=False)).is_a(_FOLDER)
            return space, True, there

        try:
            loop, wire = self._session()
            space, rooted, folder_there = loop.call(look(wire), 30.0)
        except (TargetError, SftpError, Garbled, TimeoutError):
            space, rooted, folder_there = None, True, None
        what = f"{self.name}: {key}"
        kind: Kind = "conflict"
        if not rooted:
            return self._no_folder(_sftp.NO_SUCH_FILE)
        if space is not None and (space.free < max(size, 65_536) or space.files == 0):
            fits = f"{space.free / 1024:,.0f} KiB free" if space.files != 0 else "no further file fits"
            return _full(what, f"the disk there is full: {fits}")
        words = error.said.lower()  # OpenSSH says "Failure", others what the system said
        if "space" in words or "quota" in words:
            return _full(what, f"the server says: {error.said}")
        if error.what in ("write", "close", "sync"):
            return _full(what, "the server could not write, and does not say why; most often that is a quota")
        if space is not None and space.read_only:
            kind, why, hint = "forbidden", *_READ_ONLY
        elif folder_there:
            why, hint = "a folder is in the way", "a folder stands where a file belongs: remove it"
        elif error.code == _sftp.NO_SUCH_FILE or "not a directory" in words:
            why, hint = "its folder can't be made", "a file stands where a folder belongs: remove it"
        else:
            kind, why = "transient", f"the server could not {error.what}, and does not say why{said}"
            hint = "its log may say more; a full disk and a quota look like that"
        return TargetError(f"{what}: {why}", kind=kind, hint=hint)

    # --- the probe --------------------------------------------------------------------------------------------------

    def probe(self, public: str | None = None) -> Iterator[Check]:
        yield from walk(self, self._steps(public))

    def _steps(self, public: str | None) -> Iterator[Step]:
        login = self.login

        def call(work: Coroutine[Any, Any, Any], seconds: float) -> Any:
            with self._lock:
                loop = self._loop = self._loop or Loop(self.name)
            try:
                return loop.call(work, seconds)
            except TimeoutError as error:
                raise explain(error, login) from None

        def auth() -> str:
            try:
                self._session()
            except TargetError as error:
                if error.kind != "no_container" and not (error.kind == "forbidden" and "entered" in str(error)):
                    raise
                missing.append(error)
            return f"logged in as {login.user}"

        def folder() -> str:
            if missing:
                raise missing[0]
            return f"{login.path} is there"

        missing: list[TargetError] = []
        yield Step("configuration", lambda: self.address)
        yield from way_steps(login, self._secret, call)
        yield Step("authentication", auth)
        yield Step("folder exists", folder)
        yield Step("space", self._space, required=False)
        yield Step("replacing", self._replacing, required=False)
        yield from files_steps(self)
        yield Step("clock", self._clock, required=False)
        if public:
            yield from public_steps(self, public)

    def _space(self) -> str:
        space = self._do("(space)", lambda wire: wire.space(self._root))
        if space is None:
            return "the server doesn't tell"
        detail = f"{space.free / 2**20:,.0f} MiB free"
        if space.free < LOW_SPACE:
            raise Failed(detail, "make room: one edition with pictures needs some hundred MiB")
        if space.files is not None and space.files < 10_000:
            raise Failed(f"{space.files} files more fit in", "make the file system again with more inodes")
        return detail

    def _replacing(self) -> str:
        wire = self._session()[1]
        if _sftp.POSIX_RENAME not in wire.extensions:
            raise Failed(
                "the server can't replace a file in one step: a reader may find none for a moment",
                "an OpenSSH server can (posix-rename@openssh.com)",
            )
        return "in one step" + (
            ", and on the disk before anything points at it" if _sftp.FSYNC in wire.extensions else ""
        )

    def _clock(self) -> str:
        there = self._do("(clock)", self._time_there)
        if there is None:
            return "the server doesn't tell its time"
        apart = time.time() - there
        if abs(apart) > 60:
            raise Failed(f"{apart:+.0f} s from the server's", "set the clock that is wrong: timedatectl set-ntp true")
        return f"{apart:+.0f} s from the server's"


class _Whole(Retrying):
    """Retries as everywhere, but the pointers of one commit are written together: with a far server, three exchanges
    and one for each, instead of four for each."""

    inner: SftpTarget

    @property
    def caps(self) -> Caps:
        return dataclasses.replace(self.inner.caps, retries=True)

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        standing: set[str] = set()
        self._again(lambda: self.inner.commit(pointers, standing))


def _closed(name: str) -> TargetError:
    return TargetError(f"{name}: closed while something was on its way", kind="unreachable")


def _full(what: str, why: str) -> TargetError:
    return TargetError(f"{what}: {why}", kind="quota", hint="make room there or raise the quota, then run again")


_READ_ONLY: Final = ("the disk there is read-only", "mount it for writing")


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


async def _some_at_once(work: Iterable[Coroutine[Any, Any, Any]]) -> None:
    """Does all, some at a time; raises the first error when all that began have ended."""
    todo = iter(work)
    errors: list[BaseException] = []

    async def one() -> None:
        for each in todo:
            if errors:
                each.close()
                continue
            try:
                await each
            except SftpError as error:
                errors.append(error)

    await asyncio.gather(*(one() for _ in range(_AT_ONCE)))
    if errors:
        raise errors[0]


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> Retrying:
    """For `sftp://USER@HOST[:PORT]/PATH`. Nothing is contacted."""
    refuse_unknown(name, settings, (*SETTINGS, "password", "sync"))
    syncs = {"auto": SYNCED, "all": MOST_FILES, "pointers": 0}
    sync = settings.get("sync", "auto")
    if sync not in syncs:
        raise TargetError(f"{name}: sync {sync!r}", kind="config", hint=", ".join(syncs))
    login = read_login(name, "sftp", url, settings)
    return _Whole(SftpTarget(name=name, login=login, secret=secret, sync=syncs[sync]))
