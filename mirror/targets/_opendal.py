"""What the object stores share: S3, Google Cloud Storage and Azure, over opendal's blocking `Operator`.

Its async one aborts the interpreter at exit now and then (the process has done everything and reports 134). opendal is
imported, and secrets are resolved, at the first request: a run with nothing new to push pays for neither. Credentials
come from the settings alone; opendal would look for others in the environment, in files and at a cloud's metadata
address.

Nothing here waits for ever. opendal bounds each step of an operation. A put or a delete is one step, so it is done in
the thread that asks for it, and somebody watches (`_Watch`): who is late or fills the memory has its connections shut,
and `close` does that to all. Reading is many steps: a server that sends a byte now and then keeps it busy as long as it
likes. So that runs in threads of this module (`_Hands`), and who asked waits only so long. The same goes for puts where
connections can't be found again: on other systems than Linux, and behind a proxy. (A change of threads takes a tenth of
a millisecond of the processor, half as much as the put itself.)

What an answer means is decided by its code (`SlowDown`, `ContainerNotFound`), then by its status, then by opendal's
words. A kind of store has tables for the first two; what follows holds for all of them.

    429, SlowDown                            rate_limited  retried, after Retry-After where the server names a time
    5xx, no answer, broken connection        transient     retried
    401 and wrong keys                       auth          a push ends at once, as with all that follow but the last two
    403                                      forbidden
    404 that is not about one key            no_container
    refused, no address, no route            unreachable
    no TLS, or a certificate for others      tls
    400, 405, another region, wrong clock    config
    507, over the quota                      quota
    409, 412                                 conflict      this one file
    413                                      too_large     this one file
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import queue
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import methodcaller
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from mirror.errors import TamizdatError
from mirror.targets import Caps, Check, Kind, Meta, Secret, TargetError, check_key, meta_for
from mirror.targets._probe import Step, clock_step, dns_step, files_steps, public_steps, tcp_step, tls_step, walk

CAPS: Final = Caps(workers=32, headers=True, max_object=5 * 2**30)
CONNECT_SECONDS: Final = 10.0
CONTROL_SECONDS: Final = 20.0
TRANSFER_SECONDS: Final = 120.0  # for one operation, whatever its size
BASE_SECONDS: Final = 30.0  # for an upload of nothing; its size is added at the rate below
SLOWEST: Final = 4096  # bytes a second and connection: a line of 1 Mbit/s with 32 uploads at once
READ_AT_MOST: Final = 2**30  # bytes, when the caller names no cap: no file of a publication is a tenth of it
LISTED_AT_MOST: Final = 10_000_000  # keys; a hundred times what a large publication has
LIST_SECONDS: Final = 3600.0  # for all pages; one page has CONTROL_SECONDS
# opendal reads whatever answers a put, and the text of every refusal, to its end before anybody may look at it. So
# while one waits, the process is looked at: when it has grown by so much, the connections are shut.
FLOOD: Final = 256 * 2**20
_LOOK = 0.1  # seconds between two looks: on a fast line a second more of it was 1.5 GB
_STEP: Final = 15.0  # seconds; times for puts are multiples of it, since each needs an operator of its own
_GRACE: Final = 5.0  # seconds that opendal may take to notice that time is up
_CHUNK: Final = 1 << 20
_LISTING: Final = Path(__file__).with_name("_listing.py")
# Where programs, libraries and certificates are, and proxies. Other targets' secrets are in the environment as well.
_FOR_CHILDREN: Final = re.compile(
    r"PATH|HOME|LANG|LC_\w+|TMPDIR|VIRTUAL_ENV|PYTHON\w+|LD_\w+|SSL_CERT_\w+|FAKETIME\w*|(?i:\w+_proxy)"
)

Result = TypeVar("Result")
Keys = list[str]
Verdict = tuple[Kind, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How one kind of store says no. `code` finds the error code in what opendal says; `absent` are the codes that
    mean one key is not there, `gone` those by which a 404 is about the whole place."""

    scheme: str
    codes: Mapping[str, Verdict]
    statuses: Mapping[int, Verdict]
    code: re.Pattern[str]
    absent: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    hint: Callable[[str, str], str] = field(default=lambda text, hint: hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A checked `http(s)://host[:port][/path]`."""

    url: str
    host: str
    port: int
    tls: bool
    path: str


def read_address(name: str, url: str, *, what: str, example: str, path: bool = False) -> Address:
    """What the setting says; raises TargetError (`config`) for what is no such address. `what`: "S3 endpoint"."""

    def wrong(message: str, hint: str) -> TargetError:
        return TargetError(f"{name}: {message}", kind="config", hint=hint)

    if "://" not in url:
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise wrong(f"{url!r} is no address", f"for instance {example}") from None
    if parts.username or parts.password:
        raise wrong("keys do not belong into the endpoint", "they have settings of their own")
    whole = parts.path.strip("/")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or (whole and not path):
        raise wrong(f"{url!r} is no {what}", f"scheme and host alone: {example}")
    return Address(url=url.rstrip("/"), host=parts.hostname, port=port, tls=parts.scheme == "https", path=whole)


def split_place(name: str, url: str, scheme: str, *, bucket: re.Pattern[str], what: str) -> tuple[str, str]:
    """Bucket and prefix of `scheme://BUCKET/PREFIX`; raises TargetError (`config`)."""
    found, _, prefix = url.removeprefix(f"{scheme}:").removeprefix("//").partition("/")
    if not bucket.fullmatch(found):
        hint = f"write {scheme}://{what.upper()} or {scheme}://{what.upper()}/PREFIX"
        raise TargetError(f"{name}: no {what} in {url!r}", kind="config", hint=hint)
    prefix = prefix.strip("/")
    try:
        return found, prefix and check_key(prefix)
    except TargetError as error:
        raise TargetError(f"{name}: {error}", kind="config", hint=f"correct what follows the {what}'s name") from None


def need(name: str, settings: Mapping[str, str], *keys: str) -> None:
    """Raises TargetError (`config`) for the first of these settings that is not there."""
    for key in keys:
        if not settings.get(key):
            hint = f'add it: --set {key}=env:NAME, or under "settings"'
            raise TargetError(f'{name}: the setting "{key}" is missing', kind="config", hint=hint)


class ObjectStore:
    """All but what a kind of store is asked with: `options` gives opendal's, `secrets` resolves those it needs."""

    service: Service
    container = "bucket"  # what a place is called there

    def __init__(
        self,
        *,
        name: str,
        address: str,
        endpoint: str,
        host: str,
        port: int,
        tls: bool,
        secret: Secret,
        caps: Caps = CAPS,
        control_seconds: float = CONTROL_SECONDS,
        transfer_seconds: float = TRANSFER_SECONDS,
    ) -> None:
        self.name, self.address, self.caps = name, address, caps
        self.endpoint, self._host, self._port, self._tls = endpoint, host, port, tls
        self._secret = secret
        self._control, self._transfer = control_seconds, transfer_seconds
        self._opened: _Opened | None = None
        self._lock = threading.Lock()
        self._failed: tuple[float, TargetError] | None = None
        self._peers: frozenset[tuple[object, ...]] = frozenset()
        self._hands = _Hands()
        self._closed = False
        self._listings: set[subprocess.Popen[str]] = set()

    # --- for each kind ----------------------------------------------------------------------------------------------

    def secrets(self) -> str:
        """Resolves every secret, and says which are there; raises TargetError (`config`)."""
        raise NotImplementedError

    def options(self) -> tuple[dict[str, str], float]:
        """opendal's options, and for how many seconds they may be used. Called at the first request."""
        raise NotImplementedError

    def configuration(self) -> str:
        return f"{self.address} at {self.endpoint}"

    def host(self) -> tuple[str | None, dict[str, str]]:
        """The id of the provider, when it is known, and what its texts call by name (`mirror.providers`)."""
        return None, {}

    # --- the operations ---------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        check_key(key)
        seconds = min(self._transfer, BASE_SECONDS + len(data) / SLOWEST)
        kind, cache = meta.content_type, meta.cache_control
        try:
            self._call_here(
                key,
                lambda store: store.write(key, data, content_type=kind, cache_control=cache),
                seconds=seconds,
                size=len(data),
            )
        except Absent:
            _, why, hint = self.service.statuses[404]
            raise TargetError(f"{self._where(key)}: {why} (404)", kind="no_container", hint=hint) from None

    def flush(self) -> None:
        """Nothing to do: a put is answered when it is kept."""

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        for key, data in pointers.items():
            self.put(key, data, meta_for(key, data))

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        check_key(key)
        given_up = threading.Event()
        try:
            size = READ_AT_MOST if cap is None else cap
            return self._call(key, lambda: self._read(key, cap, given_up), size=size)
        except Absent:
            return None
        finally:
            given_up.set()

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            check_key(key)
            with contextlib.suppress(Absent):
                self._call_here(key, methodcaller("delete", key))

    def list(self, prefix: str = "") -> Iterator[str]:
        # The service lists folders; the rest of the prefix is a filter here.
        folder = prefix.rpartition("/")[0]
        found: Keys = self._listed(f"{folder}/" if folder else "/")
        return (key for key in sorted(found) if key.startswith(prefix) and not key.endswith("/"))

    def close(self) -> None:
        """Whatever waits here ends now, in whichever thread; nothing more is done afterwards."""
        self._closed = True
        busy = self._hands.close()
        for process in tuple(self._listings):
            process.kill()
        if _WATCH.end(self) or busy:
            _hang_up(self._peers)
        self._opened = None

    # --- inside -----------------------------------------------------------------------------------------------------

    def _where(self, key: str) -> str:
        return f"{self.name}: {self.address}: {key}"

    def reveal(self, value: str) -> str:
        """The secret a reference stands for, or the value itself; raises TargetError (`config`)."""
        if not re.match(r"(env|file|cred):", value):
            return value
        try:
            return self._secret(value)
        except TamizdatError as error:
            raise TargetError(f"{self.name}: {error}", kind="config", hint=error.hint) from error

    def _open(self) -> Any:
        return self._ready().whole

    def _ready(self) -> _Opened:
        asked = time.monotonic()
        with self._lock:
            if self._opened is not None and asked < self._opened.until:
                return self._opened
            if self._failed is not None and self._failed[0] >= asked:
                # Found while this thread waited for the lock: thirty-two waits of ten seconds would be five minutes.
                known = self._failed[1]
                raise TargetError(str(known), kind=known.kind, retry_after=known.retry_after, hint=known.hint)
            try:
                import opendal
                from opendal import layers

                if self._opened is None:
                    self._reachable()
                options, seconds = self.options()
                timeout = layers.TimeoutLayer(timeout=self._control, io_timeout=self._transfer)
                operator = opendal.Operator(self.service.scheme, **options).layer(timeout)
                self._opened = _Opened(operator, self._control, time.monotonic() + seconds)
                return self._opened
            except TargetError as error:
                self._failed = time.monotonic(), error
                raise

    def _reachable(self) -> None:
        """Raises TargetError when nobody answers at that address within ten seconds; opendal would wait for minutes,
        and could not say what for."""
        scheme = "https" if self._tls else "http"
        if (scheme in getproxies() or "all" in getproxies()) and not proxy_bypass(self._host):
            return  # opendal goes by that proxy, so the way there says nothing
        where = f"{self.name}: {self.address}"
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            self._peers = frozenset(each[4][:2] for each in found)
            socket.create_connection((self._host, self._port), timeout=CONNECT_SECONDS).close()
        except (socket.gaierror, UnicodeError):
            message, hint = f"{where}: {self._host} has no address", "correct the name, or this machine's DNS"
            raise TargetError(message, kind="unreachable", hint=hint) from None
        except OSError as error:
            message = f"{where}: {self._host}:{self._port} can't be reached: {error.strerror or error}"
            hint = "is the server up, and the port right?"
            raise TargetError(message, kind="unreachable", hint=hint) from None

    def _read(self, key: str, cap: int | None, given_up: threading.Event) -> bytes:
        # By parts, so that a server which sends for ever is not believed: the whole is never asked for at once.
        most = READ_AT_MOST if cap is None else cap
        parts: list[bytes] = []
        size = 0
        with self._open().open(key, "rb") as file:
            while size <= most and not given_up.is_set():
                part = file.read(min(_CHUNK, most + 1 - size))
                if not part:
                    return b"".join(parts)
                parts.append(bytes(part))
                size += len(part)
        raise TargetError(f"{self.name}: {key} has more than the {most} bytes expected", kind="too_large")

    def _call(
        self, key: str, action: Callable[[], Result], *, seconds: float = TRANSFER_SECONDS, size: int = 0
    ) -> Result:
        """`size` is how many bytes go or come at most."""
        return self._told(key, lambda: self._hands.run(action, min(seconds, self._transfer), FLOOD + 3 * size))

    def _call_here(
        self, key: str, action: Callable[[Any], Result], *, seconds: float = TRANSFER_SECONDS, size: int = 0
    ) -> Result:
        """The same for an action of one step, which gets the operator; in this thread, where that is safe."""

        def act() -> Result:
            opened = self._opened
            if opened is None or time.monotonic() >= opened.until:
                # Looking up a name has no bound, and may not be ours to end.
                opened = self._hands.run(self._ready, self._transfer, FLOOD)
            limit = min(self._transfer, math.ceil(seconds / _STEP) * _STEP)
            store = opened.bounded(limit) if limit < self._transfer else opened.whole
            # An interrupt reaches the main thread, and only outside of opendal.
            if not self._peers or not _FINDS or threading.current_thread() is threading.main_thread():
                return self._hands.run(lambda: action(store), limit, FLOOD + 3 * size)
            return _WATCH.run(self, lambda: action(store), limit + _GRACE, FLOOD + 3 * size)

        return self._told(key, act)

    def _told(self, key: str, act: Callable[[], Result]) -> Result:
        try:
            return act()
        except (TargetError, Absent):
            raise
        except _Flooded:
            _hang_up(self._peers)
            message, hint = f"{self._where(key)}: its answer has no end", "that is no object store: leave this host"
            raise TargetError(message, kind="corrupt", scope="target", hint=hint) from None
        except _Late:
            hint = "set workers to fewer, if it stays so"
            raise TargetError(f"{self._where(key)}: no answer in time", kind="transient", hint=hint) from None
        except _Closed:
            hint = "the next run goes on"
            raise TargetError(f"{self._where(key)}: ended before it was done", kind="unreachable", hint=hint) from None
        except Exception as error:
            if not _FORM.match(str(error)):
                raise
            raise explain(str(error), self.service, what=self._where(key)) from None

    def _listed(self, top: str) -> Keys:
        options, _ = self._call(top, lambda: (self._open(), self.options())[1])
        asked = {"scheme": self.service.scheme, "options": options, "seconds": self._control, "top": top}
        keys: Keys = []
        with subprocess.Popen(
            [sys.executable, "-P", str(_LISTING)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if _FOR_CHILDREN.fullmatch(name)},
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process:
            self._listings.add(process)
            alarm = threading.Timer(LIST_SECONDS, process.kill)
            alarm.daemon = True
            alarm.start()
            try:
                with contextlib.suppress(BrokenPipeError), process.stdin or contextlib.nullcontext():
                    json.dump(asked, process.stdin or sys.stderr)
                for line in process.stdout or ():
                    found = json.loads(line)
                    if found is True:
                        return keys
                    if not isinstance(found, str):
                        raise explain(str(found["error"]), self.service, what=self._where(top))
                    keys.append(found)
                    if len(keys) > LISTED_AT_MOST:
                        message = f"{self._where(top)}: it lists more than {LISTED_AT_MOST} files"
                        raise TargetError(message, kind="corrupt", scope="target")
            except Absent:
                return keys
            finally:
                alarm.cancel()
                self._listings.discard(process)
                process.kill()
        message, hint = f"{self._where(top)}: the listing ended before it was done", "the next run tries again"
        raise TargetError(message, kind="transient", hint=hint)

    # --- the probe --------------------------------------------------------------------------------------------------

    def probe(self, public: str | None = None) -> Iterator[Check]:
        yield from walk(self, self._steps(public))

    def _steps(self, public: str | None) -> Iterator[Step]:
        met: dict[str, TargetError] = {}

        def auth() -> str:
            # A question about a key that isn't there: needs no right to list, and its refusal names what is wrong.
            try:
                self.get(f"tamizdat-probe/{os.urandom(8).hex()}", cap=4096)
            except TargetError as error:
                met["error"] = error
                if error.kind not in ("no_container", "forbidden"):
                    raise
            try:
                self._call("(list)", lambda: self._open().check())
            except Absent:
                pass
            except TargetError as error:
                met["list"] = error
                if error.kind not in ("no_container", "forbidden"):
                    raise
            return "the keys are known"

        def container() -> str:
            for error in met.values():
                if error.kind == "no_container":
                    raise error
            return "there, but these keys may not list it" if "list" in met else "there"

        yield Step("configuration", self.configuration)
        yield Step("secrets", self.secrets)
        yield dns_step(self._host, self._port)
        yield tcp_step(self._host, self._port)
        yield tls_step(self._host, self._port, tls=self._tls)
        # Before anything signed: stores refuse a signature that is minutes off, some without saying why.
        yield clock_step(f"{self.endpoint}/")
        yield Step("authentication", auth)
        yield Step(self.container, container)
        yield from files_steps(self)
        if public:
            provider, names = self.host()
            yield from public_steps(self, public, provider, **names)


# --- waiting only so long ------------------------------------------------------------------------------------------


class _Opened:
    """An operator, and those that give an operation less time than it does. They share its connections."""

    def __init__(self, operator: Any, control: float, until: float) -> None:
        self.whole = operator
        self.until = until  # on the monotonic clock; after that its credentials are too old
        self._control = control
        self._bounded: dict[float, Any] = {}

    def bounded(self, seconds: float) -> Any:
        found = self._bounded.get(seconds)
        if found is None:
            from opendal import layers

            layer = layers.TimeoutLayer(timeout=min(self._control, seconds), io_timeout=seconds)
            found = self._bounded[seconds] = self.whole.layer(layer)
        return found


class _Late(Exception):
    """The operation took longer than it may."""


class _Flooded(Exception):
    """An answer without end fills the memory."""


class _Closed(Exception):
    """The target was closed meanwhile."""


_Job = tuple[Callable[[], Any], "queue.SimpleQueue[tuple[bool, Any]]"]


class _Hands:
    """Threads that do what may hang, so that who waits for it need not. They are daemons: one that hangs in spite of
    every timeout must not keep the process from ending."""

    IDLE: Final = 10.0  # seconds after which a thread with nothing to do ends

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[queue.SimpleQueue[_Job | None]] = []
        self._waiting: set[queue.SimpleQueue[tuple[bool, Any]]] = set()
        self._closed = False

    def run(self, action: Callable[[], Result], seconds: float, most: int) -> Result:
        """What the action returns or raises; raises _Late, _Flooded (when the process grew by more than `most` bytes
        meanwhile) or _Closed, and leaves it to itself."""
        done: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
        with self._lock:
            if self._closed:
                raise _Closed
            self._waiting.add(done)
            jobs = self._idle.pop() if self._idle else None
        if jobs is None:
            jobs = queue.SimpleQueue()
            threading.Thread(target=self._work, args=(jobs,), name="object-store", daemon=True).start()
        end, before = time.monotonic() + seconds, _resident()
        jobs.put((action, done))
        try:
            while True:
                left = end - time.monotonic()
                with contextlib.suppress(queue.Empty):
                    good, value = done.get(timeout=max(0.0, min(left, _LOOK)))
                    break
                if left <= 0:
                    raise _Late
                if _resident() - before > most:
                    raise _Flooded
        finally:
            with self._lock:
                self._waiting.discard(done)
        if good:
            result: Result = value
            return result
        raise value

    def close(self) -> bool:
        """Nobody waits any longer. Whether anybody did."""
        with self._lock:
            self._closed = True
            waiting, idle = tuple(self._waiting), tuple(self._idle)
            self._idle.clear()
        for done in waiting:
            done.put((False, _Closed()))
        for jobs in idle:
            jobs.put(None)
        return bool(waiting)

    def _work(self, jobs: queue.SimpleQueue[_Job | None]) -> None:
        while True:
            try:
                job = jobs.get(timeout=self.IDLE)
            except queue.Empty:
                with self._lock:
                    if jobs in self._idle:
                        self._idle.remove(jobs)
                        return
                continue  # taken at this very moment: the job is on its way
            if job is None:
                return
            action, done = job
            try:
                outcome = True, action()
            except BaseException as error:
                outcome = False, error
            with self._lock:
                if not self._closed:
                    self._idle.append(jobs)
            done.put(outcome)
            if self._closed:
                return
            del action, done, outcome, job  # what was sent is not kept for as long as the thread idles


@dataclass(slots=True, eq=False)
class _Busy:
    """An operation on its way. `why` is what is wrong with it, `again` when its connections are shut the next time."""

    store: ObjectStore
    end: float
    before: int
    most: int
    why: type[Exception] | None = None
    again: float = 0.0
    pause: float = 1.0


class _Watch:
    """Looks after operations that threads of others wait for, inside opendal, where nobody can call them back. It shuts
    the connections of those that are late, or during which the process grew too much; they end with an error then. One
    thread for all stores, as long as there is something to look after."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: set[_Busy] = set()
        self._looking = False
        self._size = 0

    def run(self, store: ObjectStore, action: Callable[[], Result], seconds: float, most: int) -> Result:
        """What the action returns or raises; raises _Late, _Flooded or _Closed when that is why it failed."""
        with self._lock:
            if store._closed:
                raise _Closed
            if not self._looking:
                self._looking = True
                self._size = _resident()
                threading.Thread(target=self._look, name="object-stores", daemon=True).start()
            busy = _Busy(store, time.monotonic() + seconds, self._size, most)
            self._busy.add(busy)
        try:
            return action()
        except Exception:  # of whatever kind: the watch shut its connections, so the watch knows why
            if busy.why is not None:
                raise busy.why from None
            raise
        finally:
            with self._lock:
                self._busy.discard(busy)

    def end(self, store: ObjectStore) -> bool:
        """Whatever this store does shall end. Whether it did anything."""
        with self._lock:
            mine = [busy for busy in self._busy if busy.store is store]
            for busy in mine:
                busy.why = busy.why or _Closed
        return bool(mine)

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK)
            size, now = _resident(), time.monotonic()
            ending: set[frozenset[tuple[object, ...]]] = set()
            with self._lock:
                self._size = size
                if not self._busy:
                    self._looking = False
                    return
                for busy in self._busy:
                    if busy.why is None:
                        busy.why = _Flooded if size - busy.before > busy.most else _Late if now > busy.end else None
                    # More than once: it may have been between two connections. Not all the time: another store at that
                    # address loses its own as well.
                    if busy.why is not None and now >= busy.again:
                        busy.again, busy.pause = now + busy.pause, busy.pause * 2
                        ending.add(busy.store._peers)
            for peers in ending:
                _hang_up(peers)


_WATCH: Final = _Watch()
_FINDS: Final = os.path.isdir("/proc/self/fd")  # whether `_hang_up` can do anything


def _resident() -> int:
    """Bytes of memory this process has now; 0 where nobody tells."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _hang_up(peers: frozenset[tuple[object, ...]]) -> None:
    """Shuts this process's connections to these addresses, so that what waits on them ends. opendal has no way to; on
    Linux a process can find its own sockets. Another target at the same address loses its connections too and makes
    new ones: broken connections are retried."""
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return
    begun = _begun(peers)
    for number in numbers:
        try:
            called = os.readlink(f"/proc/self/fd/{number}")
            if not called.startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(number)) as found:
                if called in begun or found.getpeername()[:2] in peers:
                    found.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue  # closed meanwhile, or not connected


def _begun(peers: frozenset[tuple[object, ...]]) -> set[str]:
    """The sockets of connections to these that nobody has answered yet, as they are called in /proc/self/fd. The system
    doesn't tell a socket's peer before there is one."""
    found: set[str] = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/self/net/{name}") as file:
            for line in itertools.islice(file, 1, None):
                _, _, there, state, *_, inode = line.split()[:10]
                address, _, port = there.partition(":")
                if state == "02" and (_as_told(address), int(port, 16)) in peers:  # SYN_SENT
                    found.add(f"socket:[{inode}]")
    return found


def _as_told(address: str) -> str:
    """An address as /proc/net/tcp has it: words of four bytes, each as this machine keeps numbers."""
    words = struct.pack(f"={len(address) // 8}I", *struct.unpack(f">{len(address) // 8}I", bytes.fromhex(address)))
    return socket.inet_ntop(socket.AF_INET if len(words) == 4 else socket.AF_INET6, words)


# --- errors --------------------------------------------------------------------------------------------------------


class Absent(Exception):
    """The key is not there: an answer, not an error."""


# What opendal says: `Kind (temporary|permanent|persistent) at operation[ => message]`, then lines of context, among
# them `response: Parts { status: 403, …, headers: {"retry-after": "7"} }`. The exception's class is not enough: refused
# connections, TLS errors, timeouts, 301 and 507 are all `Unexpected`, and `File` raises OSError whatever it was.
_FORM: Final = re.compile(r"(\w+) \((temporary|permanent|persistent)\) at ([\w:]*)")
_STATUS: Final = re.compile(r"response: Parts \{ status: (\d{3})")
_QUERY: Final = re.compile(r"""(https?://[^\s?"'<>]*)\?[^\s,"'<>]*""", re.IGNORECASE)
_RETRY: Final = re.compile(r'"retry-after": "(\d{1,5})"')
# Some say that of a full bucket with the code of a refusal: Garage "Bucket size quota is reached", "Object quota is
# reached", Backblaze "… cap exceeded. See the Caps & Alerts page".
_FULL: Final = re.compile(r'message: "[^"]{0,200}(?:quota is reached|cap exceeded)', re.IGNORECASE)

SLOW_DOWN: Final[Verdict] = ("rate_limited", "too fast for the server", "set workers to fewer")
CONFLICT: Final[Verdict] = ("conflict", "somebody else writes the same key", "one publication, one target")
STATUSES: Final[dict[int, Verdict]] = {
    409: CONFLICT,
    411: ("config", "a proxy on the way changes requests", "go around it"),
    412: CONFLICT,
    413: ("too_large", "the file is larger than the server takes", "raise the server's limit"),
    429: SLOW_DOWN,
    507: ("quota", "the server's disk is full", "make room there"),
}

# What is known only by the text, first match wins. `{0}` is what the first group caught.
_TEXTS: Final[tuple[tuple[re.Pattern[str], Kind, str, str], ...]] = (
    (re.compile("timeout reached"), "transient", "no answer in time", "set workers to fewer, if it stays so"),
    (re.compile("dns error"), "unreachable", "the endpoint's name has no address", "correct it, or this machine's DNS"),
    (
        re.compile("client error .*?((?:Connection refused|No route|[A-Z][a-z]+ (?:is )?unreachable).{0,60})"),
        "unreachable",
        "can't be reached: {0}",
        "is the server up, and the port right?",
    ),
    (
        re.compile(
            "client error .*?((?:invalid peer certificate|received corrupt|received fatal|.*certificate).{0,120})"
        ),
        "tls",
        "no safe connection: {0}",
        "check the endpoint's name and its certificate",
    ),
    (re.compile("error sending request: (.{1,160})"), "transient", "the connection broke: {0}", "the next run goes on"),
    (
        re.compile("does not contain file content length"),
        "corrupt",
        "the server doesn't say how large the file is",
        "a proxy on the way changes answers: go around it",
    ),
    (re.compile("RateLimited"), *SLOW_DOWN),
    (re.compile("PermissionDenied"), "forbidden", "these keys may not do that", "see: tamizdat target policy"),
    (re.compile("ConfigInvalid[^>]*=> (.{1,200})"), "config", "{0}", "correct the target's settings"),
    (
        re.compile("=> deserialize"),
        "transient",
        "the answer makes no sense",
        "if it stays so: is that the store's own address, and nothing in front of it?",
    ),
    (re.compile(r"(?:\w+ \(\w+\) at [\w:]*[^=\n]*=> )?(.{0,200})"), "transient", "{0}", "the next run goes on"),
)


def _by_text(text: str) -> Verdict:
    found = next((rule, matched) for rule in _TEXTS if (matched := rule[0].search(text)))
    (_, kind, why, hint), matched = found
    return kind, why.format(*matched.groups()), hint


def explain(text: str, service: Service, *, what: str) -> TargetError:
    """The TargetError for what opendal said; raises `Absent` when it only says that a key is not there. Nothing of the
    answer but codes and short messages gets into it, and no query: a shared access signature is one."""
    text = _QUERY.sub(r"\1?…", text)
    form, status, code = _FORM.match(text), _STATUS.search(text), service.code.search(text)
    said = next((group for group in code.groups() if group), "") if code else ""
    number = int(status[1]) if status else 0
    if said in service.absent or (form and form[1] == "NotFound" and said not in service.gone):
        raise Absent
    if said in service.codes:
        kind, why, hint = service.codes[said]
    elif number in service.statuses:
        kind, why, hint = service.statuses[number]
    elif number >= 500:
        kind, why, hint = "transient", "the server failed", "the next run goes on"
    else:
        kind, why, hint = _by_text(text)
    if kind == "forbidden" and _FULL.search(text):
        kind, why, hint = "quota", "over what is allowed", "raise the quota or the cap in the provider's console"
    retry = _RETRY.search(text)
    told = " ".join(part for part in (str(number or ""), said) if part)
    return TargetError(
        f"{what}: {why}" + (f" ({told})" if told else ""),
        kind=kind,
        hint=service.hint(text, hint),
        retry_after=float(retry[1]) if retry else None,
    )
