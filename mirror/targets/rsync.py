"""A folder on another computer, by rsync over SSH: `rsync://USER@HOST[:PORT]/PATH`, or `/~/PATH` below the home.

It is the quickest way to fill a mirror far away: a whole batch costs the same few exchanges as one file. It needs rsync
on both sides, and an account that may run it; a key restricted to `rrsync FOLDER` will do, and then paths begin at that
folder. It is never rsync's own protocol at port 873, which anybody on the way could read and change.

Settings: those of `mirror.targets._ssh` but no proxy. There is no password: the program would ask a terminal for it.

`put` lays files into a folder on this machine; `flush` sends all of them in one go; `commit` sends pointers one after
the other, each on its own, since rsync sends in the order of names. rsync writes below `.tamizdat-tmp/` and renames, so
a file appears whole or not at all. After a break, files that arrived are compared (`--checksum`), not sent again. The
folder must exist. Deletes that threads ask for at the same time go together.

No secret is an argument, and none is written to disk: `ssh` reads the key from this process's memory (a memfd behind
/proc), and the server's key, which was checked before, from a file made for it. One connection serves all runs.

    what rsync or ssh says                              kind           what is said to do
    Permission denied (publickey)                       auth           authorized_keys
    Host key verification failed                        tls            see mirror.targets._ssh
    change_dir … No such file                           no_container   make the folder
    Permission denied (13), Read-only file system       forbidden      write access
    sending to read-only server not allowed (rrsync)    forbidden      rrsync without -ro
    No space left (28), Disk quota exceeded (122)       quota          make room
    rsync: command not found, sftp only                 unsupported    install rsync there, or use sftp://
    is your shell clean?                                config         login scripts print text
    timeout, connection closed, killed                  transient      tried again
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from mirror.targets import Caps, Check, Kind, Meta, Retrying, Secret, TargetError, check_key, refuse_unknown
from mirror.targets._probe import Failed, Step, files_steps, public_steps, walk
from mirror.targets._ssh import (
    CONNECT_SECONDS,
    LOGIN_SECONDS,
    SETTINGS,
    Login,
    Loop,
    host_key,
    known_hosts_line,
    owning,
    private_key,
    read_login,
    way_steps,
)

CAPS: Final = Caps(workers=32, headers=False, batch=4096)  # a run of rsync costs as much as fifty files
TEMPORARY: Final = ".tamizdat-tmp"
IDLE_SECONDS: Final = 60  # rsync's own limit for silence
KEPT_SECONDS: Final = 60  # an unused connection stays that long; a process that was killed leaves none for ever
GATHER_SECONDS: Final = 0.01  # for other threads' keys; a run takes ten times as long
SAID_AT_MOST: Final = 100_000  # bytes of a program's messages
LISTED_AT_MOST: Final = 2 * 2**30  # bytes of a listing: ten million names
_SPOOL: Final = "spool-"
_SEND: Final = ("-r", "--checksum", "--whole-file", "--perms", "--chmod=D755,F644", "--omit-dir-times")


class _Together:
    """Keys that threads asked for at the same time, and that go in one run: to read, with the most bytes expected, or
    to delete."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.most: int | None = 0  # None: no limit
        self.done = threading.Event()
        self.found: dict[str, bytes] = {}
        self.large: set[str] = set()
        self.error: TargetError | None = None


class RsyncTarget:
    caps = CAPS

    def __init__(
        self, *, name: str, login: Login, secret: Secret, state: Path | None = None, idle_seconds: int = IDLE_SECONDS
    ) -> None:
        self.name = name
        self.login = login
        self.address = login.address
        self._secret, self._state, self._idle = secret, state, idle_seconds
        self._lock = threading.Lock()  # the spool and what is noted here
        self._running = threading.Lock()  # one rsync at a time
        self._closed = False
        self._children: set[subprocess.Popen[bytes]] = set()
        self._spool: Path | None = None
        self._held: int | None = None  # the lock that says whose spool it is
        self._sockets: str | None = None
        self._key_file: int | None = None
        self._ssh: Sequence[str] = ()
        self._ready = False
        self._round = 0
        self._staged: set[str] = set()
        self._unsent: list[Path] = []
        self._reads = _Together()
        self._deletes = _Together()

    # --- the operations ---------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        check_key(key)
        with self._lock:
            self._alive()
            place = self._home() / f"out-{self._round}" / key
            _lay(self.name, place, data)
            self._staged.add(key)

    def flush(self) -> None:
        with self._running:
            self._send_staged()

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        for key in pointers:
            check_key(key)
        self.flush()
        for key, data in pointers.items():
            with self._running, self._folder("pointer") as folder:
                _lay(self.name, folder / key, data)
                self._send(folder, [key])

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        check_key(key)
        with self._lock:
            self._alive()
            batch = self._reads
            first = not batch.keys
            batch.keys.append(key)
            batch.most = None if cap is None or batch.most is None else max(cap, batch.most)
        self._together(batch, self._read, first=first)
        data = batch.found.get(key)
        if key in batch.large or (data is not None and cap is not None and len(data) > cap):
            raise TargetError(f"{self.name}: {key} has more than the {cap} bytes expected", kind="too_large")
        return data

    def list(self, prefix: str = "") -> Iterator[str]:
        folder = prefix.rpartition("/")[0]
        if folder:
            check_key(folder)
        with self._running:
            self._send_staged()
            self._connect()
            with self._folder("in") as inside:
                names = _write_names(inside, [folder or "."])
                (inside / "files").mkdir()
                # What it would bring into an empty folder is what is there.
                dry = ["-rn8", "--out-format=%n", f"--exclude=/{TEMPORARY}/", "--from0", f"--files-from={names}"]
                said = self._rsync(prefix or "/", [*dry, "--ignore-missing-args", self._there(), f"{inside}/files/"])
        return (key for key in sorted(_names(said)) if key.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        wanted = [check_key(key) for key in keys]
        if not wanted:
            return
        with self._lock:
            self._alive()
            batch = self._deletes
            first = not batch.keys
            batch.keys += wanted
        self._together(batch, self._remove, first=first)

    def close(self) -> None:
        """Ends the connection and whatever runs, and removes the files laid out for it. A closed target stays so."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            children = list(self._children)
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
        if self._sockets is not None:
            if os.path.exists(self._control()):
                with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                    command = [*self._ssh, "-O", "exit", self.login.host]
                    subprocess.run(command, check=False, capture_output=True, timeout=5, env=_environment())
            shutil.rmtree(self._sockets, ignore_errors=True)
        if self._key_file is not None:
            os.close(self._key_file)
            self._key_file = None
        if self._spool is not None:
            shutil.rmtree(self._spool, ignore_errors=True)
        if self._held is not None:
            os.close(self._held)
            self._held = None

    # --- the folder on this side ------------------------------------------------------------------------------------

    def _alive(self) -> None:
        if self._closed:
            raise TargetError(f"{self.name}: closed", kind="unreachable")

    def _home(self) -> Path:
        """This process's own folder; those of processes that ended without removing theirs go away."""
        if self._spool is None:
            base = self._state or Path(tempfile.gettempdir()) / f"tamizdat-rsync-{os.getuid()}"
            try:
                base.mkdir(mode=0o700, parents=True, exist_ok=True)
                if base.stat().st_uid != os.getuid():
                    raise TargetError(f"{self.name}: {base} belongs to another account", kind="config")
                for old in base.glob(f"{_SPOOL}*"):
                    _remove_if_left(old)
                made = Path(tempfile.mkdtemp(prefix=_SPOOL, dir=base))
                # No child gets a copy of the handle, so the lock ends with this process, however that ends.
                self._held = os.open(made / "lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise _here(self.name, error) from error
            self._spool = made
        return self._spool

    @contextlib.contextmanager
    def _folder(self, what: str) -> Iterator[Path]:
        with self._lock:
            self._alive()
            made = Path(tempfile.mkdtemp(prefix=f"{what}-", dir=self._home()))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    # --- sending ----------------------------------------------------------------------------------------------------

    def _send_staged(self) -> None:
        with self._lock:
            if self._staged:
                self._unsent.append(self._home() / f"out-{self._round}")
                self._round += 1
                self._staged = set()
            rounds = list(self._unsent)
        for folder in rounds:
            # Kept until it is sent: another try of the flush sends it then.
            keys = [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()]
            self._send(folder, keys)
            self._unsent.remove(folder)
            shutil.rmtree(folder, ignore_errors=True)

    def _send(self, folder: Path, keys: Sequence[str]) -> None:
        self._begin()
        with self._folder("names") as lists:
            names = _write_names(lists, keys)
            # A relative one begins at the folder given, but for rrsync at the folder it is restricted to.
            path = self.login.path
            temporary = f"{path.rstrip('/')}/{TEMPORARY}" if path.startswith("/") else TEMPORARY
            send = [*_SEND, f"--temp-dir={temporary}", "--from0", f"--files-from={names}"]
            self._rsync(keys[0] if len(keys) == 1 else f"{len(keys)} files", [*send, f"{folder}/", self._there()])

    def _begin(self) -> None:
        """A connection, and a folder for temporary files with nothing in it."""
        self._connect()
        if self._ready:
            return
        with self._folder("first") as folder:
            (folder / TEMPORARY).mkdir()
            names = _write_names(folder, [f"{TEMPORARY}/"])
            make = ["-r", "--delete", "--perms", "--chmod=D700", "--from0", f"--files-from={names}"]
            self._rsync(TEMPORARY, [*make, f"{folder}/", self._there()])
        self._ready = True

    # --- several at once --------------------------------------------------------------------------------------------

    def _together(self, batch: _Together, act: Callable[[_Together], None], *, first: bool) -> None:
        """Does it for all that wait: whoever came first, once the run before has ended. The outcome is everybody's."""
        if first:
            try:
                with self._running:
                    time.sleep(GATHER_SECONDS)
                    with self._lock:
                        if batch is self._reads:
                            self._reads = _Together()
                        else:
                            self._deletes = _Together()
                    self._send_staged()
                    self._connect()
                    act(batch)
            except TargetError as error:
                batch.error = error
            except BaseException:
                batch.error = TargetError(f"{self.name}: broken off", kind="transient")
                raise
            finally:
                batch.done.set()
        batch.done.wait()
        if batch.error:
            raise batch.error

    def _read(self, batch: _Together) -> None:
        with self._folder("in") as folder:
            inside = folder / "files"
            inside.mkdir()
            pull = ["--from0", f"--files-from={_write_names(folder, batch.keys)}", "--ignore-missing-args"]
            limits = [] if batch.most is None else [f"--max-size={batch.most}"]
            what = batch.keys[0]
            self._rsync(what, [*pull, *limits, self._there(), f"{inside}/"], most=batch.most)
            for key in batch.keys:
                data = _contents(inside / key, batch.most)
                if data is not None:
                    batch.found[key] = data
            if batch.most is not None and len(batch.found) < len(set(batch.keys)):
                # What is larger is passed over in silence, like what isn't there.
                more = ["-n8", "--out-format=%n", f"--min-size={batch.most + 1}"]
                for name in _names(self._rsync(what, [*more, *pull, self._there(), f"{folder}/"])):
                    batch.large.add(name)

    def _remove(self, batch: _Together) -> None:
        with self._folder("gone") as folder:
            nothing = folder / "nothing"
            for key in batch.keys:
                # Only the file is missing on this side: without its folders rsync would not look for it over there.
                (nothing / key).parent.mkdir(parents=True, exist_ok=True)
            names = _write_names(folder, batch.keys)
            gone = ["-r", "--delete-missing-args", "--no-implied-dirs", "--from0", f"--files-from={names}"]
            self._rsync(batch.keys[0], [*gone, f"{nothing}/", self._there()])

    def _there(self) -> str:
        # With a dot at the end, rsync doesn't make the last folder of a path that isn't there.
        login = self.login
        host = f"[{login.host}]" if ":" in login.host else login.host
        return f"{login.user}@{host}:{login.path.rstrip('/')}/."

    # --- the programs -----------------------------------------------------------------------------------------------

    def _control(self) -> str:
        return f"{self._sockets}/c"

    def _connect(self) -> None:
        """A connection that all runs share, when there is none (any more). Raises TargetError."""
        if self._sockets is not None and self._ssh and os.path.exists(self._control()):
            return
        for program in ("rsync", "ssh"):
            if shutil.which(program) is None:
                hint = f"apt install {'openssh-client' if program == 'ssh' else program}, or use sftp:// instead"
                raise TargetError(f"{self.name}: there is no {program} on this machine", kind="config", hint=hint)
        with self._lock:
            self._alive()
            if self._sockets is None:
                # Short, whatever the publication's folder is: a socket's path has at most 107 bytes.
                self._sockets = tempfile.mkdtemp(prefix="tamizdat-")
        if not self._ssh:
            self._ssh = self._command()
        said, code = self._run([*self._ssh, "-fNM", "-o", f"ControlPersist={KEPT_SECONDS}", self.login.host])[1:]
        if code:
            raise self._told(self.login.place, said, code)

    def _command(self) -> Sequence[str]:
        login = self.login
        loop = Loop(self.name)
        try:
            shown = loop.call(host_key(login), CONNECT_SECONDS + LOGIN_SECONDS)
        except TimeoutError:
            message = f"{self.name}: {login.place}: no answer in time"
            raise TargetError(message, kind="unreachable", hint="is the server up, and the port right?") from None
        finally:
            loop.stop()
        known = Path(f"{self._sockets}/known")
        known.write_text(known_hosts_line(login, shown))
        line = shown.algorithm
        given = {
            "BatchMode": "yes",
            "CheckHostIP": "no",
            "ClearAllForwardings": "yes",
            "Compression": "no",
            "ConnectTimeout": f"{CONNECT_SECONDS:.0f}",
            "ControlPath": self._control(),
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlgorithms": "rsa-sha2-512,rsa-sha2-256" if line == "ssh-rsa" else line,
            "KbdInteractiveAuthentication": "no",
            "LogLevel": "ERROR",
            "PasswordAuthentication": "no",
            "ServerAliveInterval": "15",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "UserKnownHostsFile": str(known),
        }
        command = ["ssh", "-F", "none", "-T", "-p", str(login.port), "-l", login.user]
        for name, value in given.items():
            command += ["-o", f"{name}={value}"]
        key = private_key(login, self._secret)
        if key is not None:
            # ssh closes what it inherits and refuses a key that others could read. So it opens ours, by its number in
            # this process, and the memory behind it has the mode of a private file.
            handle = os.memfd_create("key", os.MFD_CLOEXEC)
            os.fchmod(handle, 0o600)
            os.write(handle, key.export_private_key("openssh"))
            self._key_file = handle
            command += ["-o", "IdentitiesOnly=yes", "-i", f"/proc/{os.getpid()}/fd/{handle}"]
        return tuple(command)

    def _rsync(self, what: str, arguments: Sequence[str], *, most: int | None = None) -> bytes:
        """What the run wrote. Raises TargetError when it failed."""
        shell = " ".join(_quoted(each) for each in self._ssh)
        command = ["rsync", f"--timeout={self._idle}", "--no-motd", "-e", shell, *arguments]
        out, said, code = self._run(command, most=most)
        if code:
            raise self._told(what, said, code)
        return out

    def _run(self, command: Sequence[str], *, most: int | None = None) -> tuple[bytes, str, int]:
        """What it wrote, what it said and how it ended."""
        # Files, not pipes: the connection that stays in the background would keep a pipe open.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
            with self._lock:
                self._alive()
                try:
                    child = subprocess.Popen(
                        list(command),
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=said,
                        env=_environment(),
                        start_new_session=True,
                    )
                except OSError as error:
                    raise _here(self.name, error) from error
                self._children.add(child)
            if most is not None:
                import resource

                # A server may send more than it announced; this ends it before the disk is full.
                with contextlib.suppress(OSError, ValueError, ProcessLookupError):
                    limit = most + (1 << 20)
                    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (limit, limit))
            try:
                code = child.wait()
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                raise
            finally:
                with self._lock:
                    self._children.discard(child)
            out.seek(0)
            said.seek(0)
            return out.read(LISTED_AT_MOST), said.read(SAID_AT_MOST).decode("utf-8", "replace"), code

    def _told(self, what: str, said: str, code: int) -> TargetError:
        if self._closed:
            return TargetError(f"{self.name}: closed while something was on its way", kind="unreachable")
        other = _ENDED.get(code, ("transient", f"rsync ended with {code}", "the next run goes on"))
        kind, why, hint = next(((kind, why, hint) for form, kind, why, hint in _SAID if re.search(form, said)), other)
        lines = [line for line in said.split("\n") if line.strip() and not line.startswith("rsync error:")]
        text = "".join(each if each.isprintable() else " " for each in " ".join(lines[:2]))[:200]
        if kind in ("transient", "unreachable"):
            self._ready = False  # whoever answers next may be another
            with contextlib.suppress(OSError):
                if self._sockets and code in (255, 12, 30, 10):
                    os.unlink(self._control())
        place = {
            "owning": owning(self.login),
            "user": self.login.user,
            "path": self.login.path,
            "host": self.login.host,
            "port": self.login.port,
        }
        return TargetError(
            f"{self.name}: {what}: {why.format(**place)}" + (f" ({text})" if text else ""),
            kind=kind,
            scope=None if kind in ("conflict", "transient") else "target",
            hint=hint.format(**place),
        )

    # --- the probe --------------------------------------------------------------------------------------------------

    def probe(self, public: str | None = None) -> Iterator[Check]:
        yield from walk(self, self._steps(public))

    def _steps(self, public: str | None) -> Iterator[Step]:
        def programs() -> str:
            found = shutil.which("rsync"), shutil.which("ssh")
            if None in found:
                raise Failed("rsync and ssh must be on this machine", "apt install rsync openssh-client")
            return f"{found[0]} and {found[1]}"

        def auth() -> str:
            with self._running:
                self._connect()
            return f"logged in as {self.login.user}"

        def folder() -> str:
            with self._running:
                self._begin()
            return f"{self.login.path} is there, and rsync as well"

        yield Step("configuration", lambda: self.address)
        yield Step("programs", programs)
        loop = Loop(self.name)
        try:
            yield from way_steps(self.login, self._secret, loop.call)
        finally:
            loop.stop()
        yield Step("authentication", auth)
        yield Step("folder exists", folder)
        yield from files_steps(self)
        if public:
            yield from public_steps(self, public)


class _Whole(Retrying):
    """Retries as everywhere, but keys that are deleted together go in one run, and again is harmless."""

    @property
    def caps(self) -> Caps:
        return dataclasses.replace(self.inner.caps, retries=True)

    def delete(self, keys: Iterable[str]) -> None:
        wanted = tuple(keys)
        self._again(lambda: self.inner.delete(wanted))


# First match wins. Remote programs may say these in any language; the numbers behind stay.
_SAID: Final[tuple[tuple[str, Kind, str, str], ...]] = (
    (
        r"Permission denied \((publickey|password|keyboard|gssapi|hostbased)",
        "auth",
        "the server refuses the key for the account {user}",
        "put the public key into ~/.ssh/authorized_keys there: ssh-copy-id -i KEY.pub -p {port} {user}@{host}",
    ),
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION",
        "tls",
        "the server shows another host key than a moment ago",
        "somebody may be in between; ask the server's owner",
    ),
    (
        r"No space left on device|\(28\)|Disk quota exceeded|\(122\)",
        "quota",
        "the disk or the quota there is full",
        "make room there or raise the quota, then run again",
    ),
    (
        r"Read-only file system|read-only server|not allowed to (send|write)|read-only",
        "forbidden",
        "only reading is allowed there",
        "mount it for writing; rrsync without -ro",
    ),
    (
        r"change_dir.*(No such file|\(2\))|mkdir.*failed: No such file|rrsync(?s:.*)FileNotFoundError",
        "no_container",
        "the folder {path} does not exist there",
        "make it: ssh -p {port} {user}@{host} mkdir {path}",
    ),
    (
        r"Permission denied \(13\)|Operation not permitted|\(13\)",
        "forbidden",
        "the account {user} may not do that there",
        "{owning}",
    ),
    (
        r"command not found|rsync: not found|No such file or directory.*rrsync|allows sftp|sftp connections",
        "unsupported",
        "the account {user} can't run rsync there",
        "apt install rsync there, or use sftp:// instead",
    ),
    (r"Another instance of rrsync", "transient", "another rsync is at that folder", "wait until it ends"),
    (
        r"rrsync error|does not run rsync|SSH_ORIGINAL_COMMAND",
        "forbidden",
        "rrsync there refuses that",
        'its line in authorized_keys: command="rrsync FOLDER",restrict; and the path is below FOLDER',
    ),
    (
        r"is your shell clean|protocol version mismatch",
        "config",
        "what answers is not rsync alone",
        "that account's login scripts print text; or the account may use SFTP only: then sftp://",
    ),
    (
        r"Is a directory|\(21\)|Not a directory|\(20\)|cannot overwrite|could not make way",
        "conflict",
        "a folder stands where a file belongs, or the other way round",
        "remove it there",
    ),
    (r"File name too long|\(36\)", "unsupported", "its file system has shorter names", "another file system there"),
    (
        r"Could not resolve|Connection refused|No route to host|timed out|unreachable",
        "unreachable",
        "can't be reached",
        "is the server up, and the port right?",
    ),
)
_ENDED: Final[dict[int, tuple[Kind, str, str]]] = {
    1: ("unsupported", "the rsync there doesn't know an option", "update it: 3.1 or newer"),
    2: ("unsupported", "the two rsyncs don't understand each other", "update the older one"),
    30: ("transient", "no answer for too long", "the next run goes on"),
    12: ("transient", "the connection broke", "the next run goes on"),
    255: ("transient", "the connection broke", "the next run goes on"),
}


def _here(name: str, error: OSError) -> TargetError:
    """Something on this machine, not at the target: its disk, most likely."""
    said = error.strerror or str(error)
    hint = "make room on this machine: state/ of the publication, or $TMPDIR"
    return TargetError(f"{name}: here, {error.filename or 'on this machine'}: {said}", kind="config", hint=hint)


def _lay(name: str, place: Path, data: bytes) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{place.name[:40]}.part")
        part.write_bytes(data)
        part.replace(place)
    except OSError as error:
        raise _here(name, error) from error


def _names(said: bytes) -> set[str]:
    """The files that rsync named, one a line."""
    found = set()
    for line in said.split(b"\n"):
        with contextlib.suppress(UnicodeDecodeError):  # a name that isn't UTF-8 is none of ours
            key = line.decode().removeprefix("./")
            # `\\#012` and the like stand for characters that no key has.
            if key and not key.endswith("/") and "\\" not in key and " -> " not in key:
                found.add(key)
    return found


def _contents(place: Path, cap: int | None) -> bytes | None:
    if place.is_symlink() or not place.is_file():
        return None
    with place.open("rb") as file:
        data = file.read() if cap is None else file.read(cap + 1)
    return None if cap is not None and len(data) > cap else data


def _write_names(folder: Path, keys: Iterable[str]) -> Path:
    """A list of names for --files-from: with zero bytes between, nothing in a name means anything."""
    file = folder / "names"
    file.write_bytes(b"".join(f"./{key}".encode() + b"\0" for key in keys))
    return file


def _remove_if_left(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)


def _quoted(word: str) -> str:
    # rsync takes the command apart itself: quotes group, and a doubled quote inside stands for one.
    return word if re.fullmatch(r"[A-Za-z0-9@%_=+:,./-]+", word) else "'" + word.replace("'", "''") + "'"


def _environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SSH_AUTH_SOCK")
    return {"LC_ALL": "C.UTF-8", **{name: os.environ[name] for name in kept if name in os.environ}}


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret, state: Path | None = None) -> Retrying:
    """For `rsync://USER@HOST[:PORT]/PATH`. Nothing is contacted. `state` is where files wait to be sent."""
    if "password" in settings:
        hint = "a key: ssh-keygen -t ed25519 -N '' -f KEY, then --set key=file:KEY; or sftp://, which takes passwords"
        raise TargetError(f"{name}: rsync takes no password", kind="config", hint=hint)
    refuse_unknown(name, settings, [each for each in SETTINGS if each != "proxy"])
    login = read_login(name, "rsync", url, settings)
    return _Whole(RsyncTarget(name=name, login=login, secret=secret, state=state))
