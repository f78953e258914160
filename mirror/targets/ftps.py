"""FTP with TLS: `ftps://[user@]host[:port]/folder` (AUTH TLS, port 21), `ftps+implicit://…` (TLS at once, port 990).

    user           or in the URL                       password   a reference: env:NAME, file:/path or cred:NAME
    tls            none: everything goes in the clear, the password too (the probe warns, except on this machine)
    workers        connections at once, at most (default 4): many hosts allow few
    ca, fingerprint, egress                            mirror/targets/_wire.py

The folder is below the one the account is put into; `ftps://host//srv/www` begins at the server's root. It must exist
(`make_root` makes it, never what is above it). RFC 959, 4217 (TLS), 3659 (MLST), 2640 (names in UTF-8).

A file is stored as `.tamizdat-tmp/…` and renamed. FTP marks a file's end by ending the connection, so a server takes a
connection that broke for a whole file: under its own name it would stand there half. Renaming onto a file that exists
works on Unix; where a server refuses it, the old file is deleted first, and for a moment there is none (`caps.atomic`).

What is easily missed:
- a server may demand that the data connection resumes the control connection's TLS session (vsftpd, ProFTPD,
  FileZilla): else 522 or a broken connection. ftplib doesn't do that;
- the address in a PASV answer is often one behind NAT: only its port is used (ftplib does the same since 3.6);
- connections beyond what the account may have are refused with 421 or 530: then fewer are used, and nothing fails;
- LIST hides names with a dot in front: MLSD where there is one, else `LIST -a`.

    no connection, no name              unreachable
    530 at login                        auth
    530 or 421 "too many", while others are open: fewer connections; else rate_limited
    534 522 431, certificate            tls
    550 553 to a folder that is missing: it is made. 550 553 else: forbidden
    550 at the target's folder          no_container
    452 552, or words of a full disk    quota          (vsftpd: 451 "Failure writing to local file")
    500 502 504                         unsupported
    421 425 426 450 451, lost, silent   transient
"""

from __future__ import annotations

import contextlib
import dataclasses
import ftplib
import hashlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import quote, unquote, urlsplit

from mirror.targets import Caps, Check, Kind, Meta, Secret, TargetError, check_key, meta_for, refuse_unknown
from mirror.targets._probe import Failed, Step, files_steps, public_steps, walk
from mirror.targets._wire import SETTINGS as WAY_SETTINGS
from mirror.targets._wire import Deadline, Way, Wires, read_way, reveal, tls_told, way_steps

SETTINGS: Final = ("user", "password", "tls", "workers", *WAY_SETTINGS)
TEMPORARY: Final = ".tamizdat-tmp"
IDLE_SECONDS: Final = 60.0
WHOLE_SECONDS: Final = 120.0
_LISTING_CAP: Final = 64 * 2**20
_DEPTH: Final = 64
_LISTED: Final = 1 << 20  # files and folders of one listing in all, more than which nobody publishes
_PIECE: Final = 65_536
_FULL: Final = re.compile(r"space|quota|disk.{0,9}full|exceed|failure writing|allocation", re.IGNORECASE)
_MANY: Final = re.compile(r"too many|maximum|limit|already logged in|connections", re.IGNORECASE)
_DENIED: Final = re.compile(r"denied|not permitted|permission|forbidden|read.?only", re.IGNORECASE)
_INSISTS: Final = re.compile(
    r"(tls|ssl|encrypt\w*).{0,30}(required|only|must)|(require|must|only|non-anonymous).{0,40}(tls|ssl|encrypt)",
    re.IGNORECASE,
)
_UNIX: Final = re.compile(
    rb"([-dl])[-rwxsStT]{9}[.+@]?\s+\d+\s+\S+\s+\S+\s+\d+\s+\w{3}\s+\d{1,2}\s+[\d:]{4,5} (.+)", re.DOTALL
)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the URL and the settings say, checked; nothing secret but references. `root` is the folder as it is told to
    the server, "" for the one the account is put into."""

    name: str
    address: str
    way: Way
    implicit: bool
    root: str
    user: str
    workers: int
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)


class _Talk(ftplib.FTP):
    """One control connection, with every wait bounded and every socket known to `wires`."""

    encoding = "utf-8"

    def __init__(self, wires: Wires, place: Place, *, idle: float, whole: float) -> None:
        self._wires, self._place, self._seconds = wires, place, (idle, whole)
        self.features: set[str] = set()
        super().__init__(timeout=idle)

    def start(self, password: str) -> None:
        """Connects, turns TLS on, logs in, goes to the target's folder. Raises TargetError and ftplib's errors."""
        place, wires = self._place, self._wires
        self.host, self.port = place.way.host, place.way.port
        sock = wires.connect()
        if place.way.tls and place.implicit:
            sock = wires.secure(sock)
        self._take(sock)
        try:
            self.welcome = self.getresp()
            if place.way.tls and not place.implicit:
                self.voidcmd("AUTH TLS")
                self._take(wires.secure(sock))
            self.login(place.user or "anonymous", password or "anonymous@")
            if place.way.tls:
                self.voidcmd("PBSZ 0")
                self.voidcmd("PROT P")
            with contextlib.suppress(ftplib.error_perm):
                told = self.sendcmd("FEAT")
                self.features = {line.split()[0].upper() for line in told.splitlines()[1:-1] if line.strip()}
            if "UTF8" in self.features:
                with contextlib.suppress(ftplib.error_perm):
                    self.sendcmd("OPTS UTF8 ON")
            self.voidcmd("TYPE I")
        except BaseException:
            self.drop()
            raise

    def _take(self, sock: socket.socket) -> None:
        self.sock = sock
        self.af = sock.family
        sock.settimeout(self._seconds[0])
        # Answers are cut by ftplib at 8,192 bytes a line; names that are no UTF-8 must not end a listing.
        self.file = sock.makefile("r", encoding=self.encoding, errors="surrogateescape")

    def drop(self) -> None:
        """Ends it without a word: the server may not be listening."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.close()
            self.file = None
        if self.sock is not None:
            self._wires.forget(self.sock)
            self.sock = None

    def getmultiline(self) -> str:
        # ftplib reads as many lines as the server sends.
        line = text = self.getline()
        if line[3:4] == "-":
            code = line[:3]
            while True:
                line = self.getline()
                text += "\n" + line
                if len(text) > 262_144:
                    raise ftplib.Error("an answer without an end")  # noqa: S321 - an exception, not a connection
                if line[:3] == code and line[3:4] != "-":
                    break
        return text

    def data(self, command: str) -> socket.socket:
        """The connection for what this command sends or takes."""
        _, port = self.makepasv()
        sock = self._wires.connect(port)  # to the host we know, whatever address the server names
        try:
            answer = self.sendcmd(command)
            if answer[0] == "2":
                answer = self.getresp()
            if answer[0] != "1":
                raise ftplib.error_reply(answer)  # noqa: S321 - an exception, not a connection
            if self._place.way.tls:
                # Only now: servers begin TLS when they have accepted the command (RFC 4217, section 10).
                session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
                sock = self._wires.secure(sock, session=session)
        except BaseException:
            self._wires.forget(sock)
            raise
        return sock

    def store(self, name: str, data: bytes) -> None:
        deadline = Deadline(idle=self._seconds[0], whole=self._seconds[1])
        sock = self.data(f"STOR {name}")
        broke: OSError | None = None
        try:
            view = memoryview(data)
            while view:
                sock.settimeout(deadline.left())
                sock.sendall(view[:_PIECE])
                deadline.moved(len(view[:_PIECE]))
                view = view[_PIECE:]
            self._end(sock, deadline)
        except OSError as error:
            broke = error  # a full disk ends the data connection; the answer says why
            if isinstance(error, TimeoutError):
                raise
        finally:
            self._wires.forget(sock)
        self.voidresp()
        if broke is not None:
            raise broke

    def fetch(self, command: str, cap: int) -> bytes:
        """What the command sends, at most `cap` bytes and one more: then the connection is of no further use."""
        deadline = Deadline(idle=self._seconds[0], whole=self._seconds[1])
        sock = self.data(command)
        parts: list[bytes] = []
        size = 0
        try:
            while size <= cap:
                sock.settimeout(deadline.left())
                part = sock.recv(_PIECE)
                if not part:
                    break
                deadline.moved(len(part))
                parts.append(part)
                size += len(part)
            else:
                return b"".join(parts)
            self._end(sock, deadline)
        finally:
            self._wires.forget(sock)
        self.voidresp()
        return b"".join(parts)

    @staticmethod
    def _end(sock: socket.socket, deadline: Deadline) -> None:
        # The server waits for TLS' own end, to know that nobody cut the file short. Some never send theirs.
        if isinstance(sock, ssl.SSLSocket):
            sock.settimeout(min(deadline.left(), 10.0))
            with contextlib.suppress(ssl.SSLError, TimeoutError, ConnectionError):
                sock.unwrap()


class FtpsTarget:
    def __init__(
        self, *, place: Place, secret: Secret, idle: float = IDLE_SECONDS, whole: float = WHOLE_SECONDS
    ) -> None:
        self.name, self.address, self.place = place.name, place.address, place
        self.caps: Caps = Caps(workers=place.workers, headers=False)
        self.wires = Wires(place.name, place.way)
        self._secret, self._seconds = secret, (idle, whole)
        self._password: str | None = None
        self._idle: list[_Talk] = []
        self._open = 0  # connections, those in use included
        self._most = place.workers
        self._free = threading.Condition()
        self._folders: set[str] = {""}
        self._making = threading.Lock()

    # --- the operations ---------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        check_key(key)
        # The same name each time: what a crash leaves behind is overwritten by the next try.
        temporary = f"{TEMPORARY}/{hashlib.sha256(key.encode()).hexdigest()[:32]}"

        def act(talk: _Talk) -> None:
            self._store(talk, temporary, data)
            self._rename(talk, temporary, key)

        self._with(act, key)

    def flush(self) -> None:
        """Nothing to do: there is no command for it."""

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        for key, data in pointers.items():
            self.put(key, data, meta_for(key, data))

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        check_key(key)
        limit = 2**62 if cap is None else cap

        def act(talk: _Talk) -> bytes | None:
            try:
                data = talk.fetch(f"RETR {key}", limit)
            except ftplib.error_perm as error:
                if _code(error) in (550, 551) and not (_DENIED.search(str(error)) and self._exists(talk, key)):
                    return None
                raise
            if len(data) > limit:
                talk.drop()
                raise TargetError(f"{self.name}: {key} has more than the {cap} bytes expected", kind="too_large")
            return data

        return self._with(act, key)

    def list(self, prefix: str = "") -> Iterator[str]:
        found = self._with(lambda talk: self._walk(talk, prefix), prefix or "(list)")
        return (key for key in sorted(found) if key.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            check_key(key)
            # The default binds the loop's value; mypy has no type for such a lambda.
            self._with(lambda talk, key=key: self._delete(talk, key), key)  # type: ignore[misc]

    def close(self) -> None:
        """Ends also what other threads are waiting for."""
        self.wires.close()
        with self._free:
            talks, self._idle = self._idle, []
            self._free.notify_all()
        for talk in talks:
            talk.drop()

    def make_root(self) -> None:
        """Makes the target's folder, when it isn't there; never the one above it. Raises TargetError."""

        def act(talk: _Talk) -> None:
            with contextlib.suppress(ftplib.error_perm):
                talk.mkd(self.place.root)
            talk.cwd(self.place.root)

        if self.place.root:
            self._with(act, "", home=False)

    # --- connections ------------------------------------------------------------------------------------------------

    def _with(self, act: Callable[[_Talk], Result], key: str, *, home: bool = True) -> Result:
        """Does it on a connection of its own for that time. Raises TargetError."""
        what = f"{self.name}: {self.address}: {key}".rstrip(": ")
        while True:
            talk, used = self._borrow(home=home)
            good = False
            try:
                result = act(talk)
                good = talk.sock is not None and home
                return result
            except ftplib.error_perm as error:
                good = home  # an answer was heard to its end: the connection is in order
                raise explain(error, what) from None
            except ftplib.error_temp as error:
                if used and _code(error) == 421:
                    continue  # it had been idle for too long
                raise explain(error, what) from None
            except (EOFError, OSError, ValueError, ftplib.Error) as error:
                if used and isinstance(error, EOFError | ConnectionError) and not self.wires.closed:
                    continue
                raise self._broken(error, what) from None
            finally:
                self._give_back(talk, good=good)

    def _borrow(self, *, home: bool) -> tuple[_Talk, bool]:
        with self._free:
            while True:
                if self._idle and home:
                    return self._idle.pop(), True
                if self._open < self._most or self.wires.closed:
                    self._open += 1
                    break
                self._free.wait(1.0)
        try:
            return self._start(home=home), False
        except _TooMany as error:
            with self._free:
                self._open -= 1
                if self._open == 0:
                    raise error.told from None
                # So many, and no more, for as long as this target is open.
                self._most = max(1, min(self._most, self._open))
            return self._borrow(home=home)
        except BaseException:
            with self._free:
                self._open -= 1
                self._free.notify()
            raise

    def _start(self, *, home: bool) -> _Talk:
        if self._password is None:
            self._password = reveal(self.name, self._secret, self.place.settings, "password")
        idle, whole = self._seconds
        talk = _Talk(self.wires, self.place, idle=idle, whole=whole)
        what = f"{self.name}: {self.address}"
        try:
            talk.start(self._password)
            if home and self.place.root:
                talk.cwd(self.place.root)
        except TargetError:
            raise
        except (ftplib.error_perm, ftplib.error_temp) as error:
            in_folder = talk.sock is not None
            talk.drop()
            told = explain(error, what)
            if _code(error) in (421, 530) and _MANY.search(str(error)):
                hint = "set workers to fewer: so many connections are more than this account may have"
                many = TargetError(f"{what}: too many connections ({_code(error)})", kind="rate_limited", hint=hint)
                raise _TooMany(many) from None
            if in_folder and _code(error) == 550:
                raise TargetError(
                    f"{what}: there is no such folder ({_said(error)})",
                    kind="no_container",
                    hint="correct the path (/x is below the account's own folder, //x is not), or make it there",
                ) from None
            if _code(error) in (500, 502, 503, 504, 534, 431) and self.place.way.tls and not in_folder:
                raise TargetError(
                    f"{what}: the server offers no TLS ({_said(error)})",
                    kind="tls",
                    hint="turn it on there, or use sftp://; ftps+implicit:// if it is on port 990",
                ) from None
            raise told from None
        except (EOFError, OSError, ValueError, ftplib.Error) as error:
            talk.drop()
            raise self._broken(error, what) from None
        return talk

    def _give_back(self, talk: _Talk, *, good: bool) -> None:
        if not good or self.wires.closed:
            talk.drop()
        with self._free:
            if talk.sock is not None:
                self._idle.append(talk)
            else:
                self._open -= 1
            self._free.notify()

    def _broken(self, error: Exception, what: str) -> TargetError:
        if isinstance(error, EOFError):
            error = ConnectionError("the server ended it")
        elif not isinstance(error, OSError) or isinstance(error, ftplib.Error):
            error = ConnectionError(f"not understood: {_said(error)}")
        told = self.wires.explain(error, "FTP")
        return TargetError(f"{what}: {str(told).rpartition('FTP: ')[2]}", kind=told.kind, hint=told.hint)

    # --- commands ---------------------------------------------------------------------------------------------------

    def _store(self, talk: _Talk, name: str, data: bytes) -> None:
        try:
            talk.store(name, data)
        except ftplib.error_perm as error:
            if _code(error) not in (550, 553) or _FULL.search(str(error)):
                raise
            # Again also when nothing had to be made: another thread may have done it meanwhile.
            self._folder(talk, name.rpartition("/")[0], anew=True)
            talk.store(name, data)

    def _rename(self, talk: _Talk, source: str, key: str) -> None:
        folder = key.rpartition("/")[0]
        if folder not in self._folders:
            self._folder(talk, folder)
        if self.caps.atomic:
            try:
                talk.rename(source, key)
                return
            except ftplib.error_perm as error:
                if _code(error) not in (550, 553):
                    raise
                first = error
            # Has the folder gone, or does this server not rename onto what is there?
            self._folder(talk, folder, anew=True)
            with contextlib.suppress(ftplib.error_perm):
                talk.rename(source, key)
                return
            if not self._exists(talk, key):
                raise first
        self._delete(talk, key)
        talk.rename(source, key)
        self.caps = dataclasses.replace(self.caps, atomic=False)

    def _folder(self, talk: _Talk, folder: str, *, anew: bool = False) -> bool:
        """Makes the folder and what is missing above it, below the root. Whether anything had to be made. One thread
        at a time: two that make one folder at once have lost files."""
        made = False
        with self._making:
            parts = folder.split("/") if folder else []
            for depth in range(1, len(parts) + 1):
                above = "/".join(parts[:depth])
                if above in self._folders and not anew:
                    continue
                try:
                    talk.voidcmd(f"MKD {above}")
                    made = True
                except ftplib.error_perm as error:
                    # 550 and 521 mean "there is one" as well as "you may not": the next command tells.
                    if _code(error) not in (521, 550, 553):
                        raise
                self._folders.add(above)
        return made

    def _exists(self, talk: _Talk, key: str) -> bool:
        try:
            talk.sendcmd(f"SIZE {key}")
        except ftplib.error_perm as error:
            return _code(error) != 550  # a server that doesn't know SIZE can't tell
        return True

    def _delete(self, talk: _Talk, key: str) -> None:
        try:
            talk.delete(key)
        except ftplib.error_perm as error:
            # 550 says both "there is none" and "you may not".
            if _code(error) != 550 or self._exists(talk, key):
                raise
        except ftplib.error_temp as error:
            if _code(error) != 450 or self._exists(talk, key):
                raise

    def _walk(self, talk: _Talk, prefix: str) -> Sequence[str]:
        found: list[str] = []
        waiting = [prefix.rpartition("/")[0]]
        folders = 0
        while waiting:
            folder = waiting.pop()
            folders += 1
            if len(found) + len(waiting) + 100 * folders > _LISTED:  # each folder costs a round trip or two
                talk.drop()
                message = f"{self.name}: {prefix or '(list)'}: a list without end"
                raise TargetError(message, kind="corrupt", scope="target", hint="leave this host")
            for name, is_folder in self._children(talk, folder):
                key = f"{folder}/{name}" if folder else name
                try:
                    check_key(key)
                except TargetError:
                    continue
                if not is_folder:
                    found.append(key)
                elif key == TEMPORARY or key.count("/") >= _DEPTH:
                    continue
                elif key.startswith(prefix) or prefix.startswith(key + "/"):
                    waiting.append(key)
        return found

    def _children(self, talk: _Talk, folder: str) -> Iterator[tuple[str, bool]]:
        if folder:
            # Into it and back: names with spaces or dashes confuse servers that hand LIST's words to ls.
            try:
                talk.voidcmd(f"CWD {folder}")
            except ftplib.error_perm as error:
                if _code(error) == 550:
                    return
                raise
        command = "MLSD" if "MLST" in talk.features or "MLSD" in talk.features else "LIST -a"
        data = talk.fetch(command, _LISTING_CAP)
        if len(data) > _LISTING_CAP:
            talk.drop()
            raise TargetError(f"{self.name}: {folder or '/'} has more files than fit a list", kind="corrupt")
        for _ in range(folder.count("/") + 1 if folder else 0):
            talk.voidcmd("CDUP")
        parse = _machine_line if command == "MLSD" else _unix_line
        for line in data.split(b"\n"):
            entry = parse(line.rstrip(b"\r"))
            if entry is not None:
                yield entry

    # --- the probe --------------------------------------------------------------------------------------------------

    def probe(self, public: str | None = None) -> Iterator[Check]:
        yield from walk(self, self._steps(public))

    def _steps(self, public: str | None) -> Iterator[Step]:
        place, way = self.place, self.place.way
        met: dict[str, TargetError] = {}

        def secrets() -> str:
            reveal(self.name, self._secret, place.settings, "password")
            return f"there, for {place.user}" if place.user else "none: anonymous"

        def tls() -> str:
            if not way.tls and not way.private:
                fix = "turn TLS on at the server, then take tls = none out; or use sftp://"
                raise Failed("none, as the settings say: everybody on the way reads the password", fix)
            if not way.tls or place.implicit:
                return tls_told(self.wires, self.wires.open)
            return tls_told(self.wires, self._explicit)

        def account() -> str:
            try:
                self._with(lambda talk: talk.voidcmd("NOOP"), "")
            except TargetError as error:
                if error.kind != "no_container":
                    raise
                met["folder"] = error
            return f"{place.user or 'anonymous'} is known"

        def folder() -> str:
            if "folder" in met:
                raise met["folder"]
            return "it is there"

        def clock() -> str:
            return self._with(self._clock, "")

        yield Step("configuration", lambda: self.address)
        yield Step("secrets", secrets)
        yield from way_steps(self.wires, secure=False)
        yield Step("TLS", tls, required=way.tls)
        yield Step("authentication", account)
        yield Step("folder", folder)
        yield from files_steps(self)
        yield Step("clock", clock, required=False)
        yield Step("replacing", self._replacing, required=False)
        if public:
            yield from public_steps(self, public)

    def _explicit(self) -> socket.socket:
        """A connection with TLS, by AUTH TLS."""
        talk = _Talk(self.wires, self.place, idle=10, whole=20)
        try:
            talk._take(self.wires.connect())
            talk.getresp()
            talk.voidcmd("AUTH TLS")
            sock = talk.sock
            if sock is None:
                raise EOFError
            talk.file, talk.sock = None, None
            return self.wires.secure(sock)
        except ftplib.Error as error:
            raise Failed(f"the server offers no TLS ({_said(error)})", "turn it on there, or use sftp://") from None
        except (EOFError, OSError) as error:
            raise Failed(f"no FTP there ({_said(error)})", "correct host and port") from None

    def _clock(self, talk: _Talk) -> str:
        """By the time of a file just written (MDTM, RFC 3659, section 3)."""
        name = f"{TEMPORARY}/clock"
        self._store(talk, name, b"")
        try:
            told = talk.sendcmd(f"MDTM {name}")[4:].strip()[:14]
            there = time.mktime(time.strptime(told, "%Y%m%d%H%M%S")) - time.timezone
        except (ftplib.Error, ValueError, OverflowError):
            return "the server doesn't tell its time"
        finally:
            with contextlib.suppress(ftplib.Error):
                talk.delete(name)
        apart = time.time() - there
        if abs(apart) > 60:
            # The server's own clock or time zone; nothing here is signed by it.
            return f"{apart:+.0f} s from the server's, which may be its time zone"
        return f"{apart:+.0f} s from the server's"

    def _replacing(self) -> str:
        if not self.caps.atomic:
            fix = "another server software would do it (vsftpd, ProFTPD, Pure-FTPd); readers try again"
            raise Failed("a file is deleted before its successor takes its place: for a moment there is none", fix)
        return "in one step"


class _TooMany(Exception):
    def __init__(self, told: TargetError) -> None:
        super().__init__(str(told))
        self.told = told


# --- what a server says --------------------------------------------------------------------------------------------


def _machine_line(line: bytes) -> tuple[str, bool] | None:
    """(name, whether it is a folder) of a line of MLSD (RFC 3659, section 7.2); None for what is neither."""
    facts, space, name = line.partition(b" ")
    kind = re.search(rb"(?:^|;)type=([^;]*);", facts.lower())
    if not space or not kind or kind[1] not in (b"file", b"dir"):
        return None
    return _named(name, kind[1] == b"dir")


def _unix_line(line: bytes) -> tuple[str, bool] | None:
    """The same of a line of `ls -l`, which is what LIST sends nearly everywhere. Links lead elsewhere: left out."""
    matched = _UNIX.fullmatch(line)
    return _named(matched[2], matched[1] == b"d") if matched and matched[1] != b"l" else None


def _named(name: bytes, is_folder: bool) -> tuple[str, bool] | None:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return None
    return None if text in (".", "..") or "/" in text else (text, is_folder)


def _code(error: Exception) -> int:
    told = str(error)[:3]
    return int(told) if told.isascii() and told.isdigit() else 0


def _said(error: Exception) -> str:
    return re.sub(r"[^\x20-\x7e]", " ", str(error))[:120].strip()


_ACCOUNT: Final = "check user and password; some hosts have an FTP account of its own"
_MEANT: Final[dict[int, tuple[Kind, str, str]]] = {
    331: ("auth", "the server wants a password", "--set password=env:NAME"),
    332: ("auth", "the server wants an account", "this kind of login isn't known here"),
    421: ("transient", "the server ends the connection", "set workers to fewer, if it stays so"),
    425: ("transient", "no connection for the data", "open the server's passive ports in its firewall"),
    426: ("transient", "the connection for the data broke", "the next run goes on"),
    431: ("tls", "the server can't do TLS", "turn it on there, or use sftp://"),
    450: ("transient", "the file is busy", "the next run goes on"),
    451: ("transient", "the server failed", "the next run goes on; the server's log says why"),
    452: ("quota", "nothing more fits", "make room there, or raise the quota"),
    500: ("unsupported", "the server doesn't know that command", "is it an FTP server?"),
    502: ("unsupported", "the server doesn't do that", "another server, or sftp://"),
    504: ("unsupported", "the server doesn't do that", "another server, or sftp://"),
    521: ("tls", "the server wants or doesn't want TLS for data", "allow PROT P there"),
    522: (
        "tls",
        "the server refuses the connection for the data",
        "allow TLS sessions to be resumed (require_ssl_reuse)",
    ),
    530: ("auth", "the server doesn't take this user and password", _ACCOUNT),
    532: ("auth", "the server wants an account", "this kind of login isn't known here"),
    533: ("tls", "the server wants TLS for data", "take tls = none out"),
    534: ("tls", "the server refuses TLS for data", "allow PROT P there"),
    550: ("forbidden", "refused", "let this account write, rename and delete in that folder"),
    551: ("unsupported", "refused", "the server's log says why"),
    552: ("quota", "nothing more fits", "make room there, or raise the quota"),
    553: ("forbidden", "refused", "let this account write, rename and delete in that folder"),
}


def explain(error: Exception, what: str) -> TargetError:
    """The TargetError for an answer that is not the one hoped for."""
    code = _code(error)
    if code in (450, 451, 550, 553, 426) and _FULL.search(str(error)):
        kind, why, hint = _MEANT[452]
    elif code == 421 and _MANY.search(str(error)):
        kind, why, hint = "rate_limited", "too many connections", "set workers to fewer"
    elif code in (421, 500, 503, 521, 530, 550) and _INSISTS.search(str(error)):
        kind, why, hint = "tls", "the server wants TLS", "take tls = none out"
    elif code in _MEANT:
        kind, why, hint = _MEANT[code]
    else:
        kind, why, hint = "transient", "not understood", "is it an FTP server?"
    return TargetError(f"{what}: {why} ({_said(error)})", kind=kind, hint=hint)


# --- settings ------------------------------------------------------------------------------------------------------


def read_place(name: str, url: str, settings: Mapping[str, str]) -> Place:
    """The place that the URL and the settings name; raises TargetError (`config`) for what cannot work."""

    def wrong(message: str, hint: str | None) -> TargetError:
        return TargetError(f"{name}: {message}", kind="config", hint=hint)

    refuse_unknown(name, settings, SETTINGS)
    form = "ftps://user@host/folder"
    try:
        parts = urlsplit(url)
        implicit = {"ftps": False, "ftps+implicit": True}[parts.scheme]
        host, port = (parts.hostname or "").rstrip("."), parts.port or (990 if implicit else 21)
    except (ValueError, KeyError):
        raise wrong("that is no address for this kind", form) from None
    if not host or parts.query or parts.fragment or re.search(r"[^0-9A-Za-z._:-]", host):
        raise wrong("that is no address for this kind", f"{form}, without ? and #; a name in ASCII (xn--…)")
    if parts.password is not None:
        raise wrong("a password does not belong into the address", "--set password=env:NAME")
    path = unquote(parts.path.removeprefix("/"), errors="surrogateescape")
    root = path.strip("/")
    if root:
        check_key(root)
    root = f"/{root}" if path.startswith("/") else root
    if settings.get("tls", "yes") not in ("yes", "none"):
        raise wrong(f"tls {settings['tls']!r}", "yes or none")
    tls = settings.get("tls") != "none"
    if implicit and not tls:
        raise wrong("ftps+implicit:// is TLS from the start", "take tls = none out")
    user = unquote(parts.username) if parts.username else settings.get("user", "")
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", user):
        raise wrong("the user name holds a control character", None)
    if user and not settings.get("password"):
        raise wrong(f"the password of {user} is missing", "--set password=env:NAME, file:/path or cred:NAME")
    if settings.get("password") and not user:
        raise wrong("there is a password, but no user", f"--set user=NAME, or {form}")
    workers = settings.get("workers", "4")
    if not re.fullmatch(r"[1-9]|[12][0-9]|3[0-2]", workers):
        raise wrong(f"workers {workers!r}", "a whole number from 1 to 32")
    way = read_way(name, host, port, tls=tls, settings=settings)
    shown = f"[{host}]" if ":" in host else host
    usual = port == (990 if implicit else 21)
    address = f"{parts.scheme}://{shown}" + ("" if usual else f":{port}") + "/" + quote(root, safe="/~")
    return Place(
        name=name,
        address=address.rstrip("/"),
        way=way,
        implicit=implicit,
        root=root,
        user=user,
        workers=int(workers),
        settings=dict(settings),
    )


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> FtpsTarget:
    return FtpsTarget(place=read_place(name, url, settings), secret=secret)
