"""What the targets over SSH share: who we are, who the server is, and what its failures mean.

Settings of both kinds:

    key          a private key: env:NAME, file:/path or cred:NAME (a bare path is taken for file:). Without one, the
                 keys in ~/.ssh and those an agent holds are tried, as `ssh` does
    passphrase   of that key, by reference
    host_key     the server's fingerprint, SHA256:…; several with a comma between them while a server changes its key
    known_hosts  the file with servers' keys when there is no `host_key` (default: ~/.ssh/known_hosts)
    proxy        tor, or socks5h://HOST:PORT: names are looked up there; an .onion address needs it

A server's key is never taken on trust, not even the first time: somebody between us and the server could then read the
credentials of a password login and give out another mirror as ours. The probe shows the fingerprint; the operator
compares it with what the server's owner says, and pins it. Another key later on is kind `tls`, with both fingerprints.

    what is met                                   kind           what is said to do
    no address, refused, no route                 unreachable    check host, port, firewall
    no SSH spoken there                           config         correct the port
    unknown host key                              tls            confirm it: --set host_key=SHA256:…
    another host key than before                  tls            ask the owner by another way first
    no common algorithm                           unsupported    update the server's OpenSSH
    key or password refused                       auth           put the public key into authorized_keys
    our key unreadable, passphrase wrong          config         which setting
    connection lost, silence                      transient      tried again
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import ctypes.util
import hashlib
import importlib
import os
import re
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from mirror.errors import TamizdatError
from mirror.targets import Kind, Secret, TargetError
from mirror.targets._probe import Failed, Step, dns_step, tcp_step

if TYPE_CHECKING:
    import asyncssh

SETTINGS: Final = ("key", "passphrase", "host_key", "known_hosts", "proxy")
CONNECT_SECONDS: Final = 10.0
LOGIN_SECONDS: Final = 20.0
ALIVE_SECONDS: Final = 15.0  # a dead line is noticed after three of these
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_USER: Final = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._@+-]{0,63}")
_HOST: Final = re.compile(r"[A-Za-z0-9.:_-]{1,255}")
_PATH: Final = re.compile(r"/[^\x00-\x1f\x7f]*")
_REFERENCE: Final = re.compile(r"(env|file|cred):")
_PLAIN_PATH = re.compile(r"[\w.-]{1,64}(/[\w.-]{1,64}){1,8}")

# Measured on one core, 5,500 files: AES-GCM 1.9 s, ChaCha20-Poly1305 3.9 s, AES-CTR with a MAC 4.5 s.
CIPHERS: Final = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where and as whom, checked; nothing secret but references. `path` is as the server takes it: absolute, or
    relative to the account's home."""

    name: str
    scheme: str
    user: str
    host: str
    port: int
    path: str
    key: str | None = None
    passphrase: str | None = None
    password: str | None = None
    host_keys: tuple[str, ...] = ()
    known_hosts: str | None = None
    proxy: tuple[str, int] | None = None

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 22 else f"{host}:{self.port}"

    @property
    def address(self) -> str:
        path = self.path if self.path.startswith("/") else f"/~/{self.path}"
        return f"{self.scheme}://{self.user}@{self.place}{path}"


def owning(login: Login) -> str:
    """What to do so that the account may write. Never `chown -R … /`: where the path is `/`, the account sees a part of
    the server as its whole, or was given the wrong folder."""
    if login.path == "/":
        return f"a folder in it that belongs to {login.user}, and its path in the address: {login.scheme}://…/www"
    return f"there, as root: chown -R {login.user} {login.path}"


def read_login(name: str, scheme: str, url: str, settings: Mapping[str, str]) -> Login:
    """The login that URL and settings name. Raises TargetError (`config`) for what cannot work. A password in the URL
    is refused and not repeated."""

    def wrong(message: str, hint: str) -> TargetError:
        return TargetError(f"{name}: {message}", kind="config", hint=hint)

    form = f"{scheme}://USER@HOST/PATH"
    try:
        parts = urlsplit(url)
        host, port = unquote(parts.hostname or ""), parts.port or 22
    except ValueError:
        raise wrong("the host or port in the address can't be read", f"write {form} or USER@HOST:PORT") from None
    if parts.password is not None:
        raise wrong("a password does not belong into the address", "--set password=env:NAME (sftp), or better a key")
    user, path = unquote(parts.username or ""), unquote(parts.path)
    if not _HOST.fullmatch(host) or host.startswith("-"):
        raise wrong(f"no host in {url!r}", f"write {form}")
    if not _USER.fullmatch(user):
        raise wrong("the address names no account", f"write {form}")
    if parts.query or parts.fragment or not _PATH.fullmatch(path) or "/../" in f"{path}/":
        raise wrong(f"no usable folder in {url!r}", f"write {form}, or {scheme}://USER@HOST/~/PATH below the home")
    pins = tuple(each.strip().rstrip("=") for each in settings.get("host_key", "").split(",") if each.strip())
    for pin in pins:
        if not _FINGERPRINT.fullmatch(pin):
            raise wrong("host_key is no fingerprint", "it looks like SHA256:… with 43 letters, from ssh-keygen -l")
    key = settings.get("key") or None
    if key and _PLAIN_PATH.fullmatch(key):
        key = f"file:{key}"  # below the publication's folder
    elif key and key.startswith(("/", "~/")):
        key = f"file:{Path(key).expanduser()}"
    for what, value in (("key", key), *((each, settings.get(each)) for each in ("passphrase", "password"))):
        if value and not _REFERENCE.match(value):
            # A file that is there is what was meant, and its name no secret.
            at = value if len(value) < 200 and Path(value).is_file() else "/path"
            raise wrong(f"{what} must say where it is kept", f"--set {what}=file:{at}, env:NAME or cred:NAME")
    proxy = _proxy(settings.get("proxy"), wrong)
    if host.endswith(".onion") and not proxy:
        raise wrong("an .onion address is reached through Tor only", "--set proxy=tor")
    return Login(
        name=name,
        scheme=scheme,
        user=user,
        host=host,
        port=port,
        path=_folder(path),
        key=key,
        passphrase=settings.get("passphrase") or None,
        password=settings.get("password") or None,
        host_keys=pins,
        known_hosts=settings.get("known_hosts") or None,
        proxy=proxy,
    )


def _folder(path: str) -> str:
    path = re.sub(r"/{2,}", "/", path).rstrip("/")
    if path == "/~" or path.startswith("/~/"):
        below = path[3:] or "."
        return f"./{below}" if below.startswith("-") else below  # not an option to any program
    return path or "/"


def _proxy(text: str | None, wrong: Callable[[str, str], TargetError]) -> tuple[str, int] | None:
    if not text or text == "direct":
        return None
    from mirror import egress

    try:
        way = egress.parse(text)
    except TamizdatError as error:
        raise wrong(str(error).replace("egress", "proxy"), "proxy=tor, or proxy=socks5h://HOST:PORT") from None
    if way.kind not in ("tor", "socks5h") or (way.kind == "socks5h" and way.username):
        raise wrong("proxy is not one that can be used here", "proxy=tor, or proxy=socks5h://HOST:PORT")
    return way.host, way.port


def reveal(login: Login, secret: Secret, reference: str) -> str:
    """What the reference stands for; raises TargetError (`config`) when that can't be had."""
    try:
        return secret(reference)
    except TamizdatError as error:
        raise TargetError(f"{login.name}: {error}", kind="config", hint=error.hint) from error


def private_key(login: Login, secret: Secret) -> asyncssh.SSHKey | None:
    """The key that the settings name, opened; None when they name none. Raises TargetError (`config`)."""
    import asyncssh

    if login.key is None:
        return None
    text = reveal(login, secret, login.key)
    passphrase = reveal(login, secret, login.passphrase) if login.passphrase else None
    try:
        return asyncssh.import_private_key(text + "\n", passphrase)
    except asyncssh.KeyEncryptionError:
        raise TargetError(
            f"{login.name}: the passphrase does not open the key", kind="config", hint="correct passphrase"
        ) from None
    except (asyncssh.KeyImportError, ValueError) as error:
        if "assphrase" in str(error):
            raise TargetError(
                f"{login.name}: the key is protected by a passphrase",
                kind="config",
                hint="--set passphrase=env:NAME, or make a key without one for this: ssh-keygen -t ed25519 -N ''",
            ) from None
        hint = "key must lead to the private one, the file without .pub"
        raise TargetError(f"{login.name}: that is no private key", kind="config", hint=hint) from None


_LOADING: Final = threading.Lock()


def load() -> None:
    """asyncssh is imported, in half the time: as if pyOpenSSL were not installed, which it needs for X.509 and nothing
    that is done here; and without a search for liboqs, when that isn't installed. It would add one way to exchange keys
    (the others safe from quantum computers come from cryptography), and the standard library searches by running
    ldconfig, then a compiler and a linker."""
    with _LOADING:
        if "asyncssh" in sys.modules:
            return
        usual = ctypes.util.find_library

        def find(name: str) -> str | None:
            return None if name in ("oqs", "liboqs") and not there else usual(name)

        try:
            there = bool(os.environ.get("LD_LIBRARY_PATH")) or b"liboqs" in Path("/etc/ld.so.cache").read_bytes()
        except OSError:
            there = True
        without = "asyncssh.crypto.x509"
        # Whoever else asks meanwhile gets a true answer as well.
        ctypes.util.find_library = find
        # None there is "not found" to whoever imports it (importlib's documentation); typeshed knows modules only.
        sys.modules[without] = None  # type: ignore[assignment]
        try:
            importlib.import_module("asyncssh")
        finally:
            ctypes.util.find_library = usual
            del sys.modules[without]


# --- who the server is ----------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Shown:
    """The key a server showed, and why it was not taken."""

    fingerprint: str = ""
    algorithm: str = ""
    line: str = ""  # as in known_hosts, without the host
    expected: tuple[str, ...] = ()  # fingerprints; empty: nothing is known of this server


def fingerprint(public: bytes) -> str:
    """`SHA256:…` as OpenSSH prints it, of a key's public blob (RFC 4253, section 6.6)."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")


def expected_keys(login: Login) -> tuple[str, ...]:
    """The fingerprints this server may show: those pinned, else those of the known_hosts file."""
    if login.host_keys:
        return login.host_keys
    import asyncssh

    found: list[str] = []
    for place in [login.known_hosts] if login.known_hosts else ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"]:
        file = os.path.expanduser(place)
        if not os.path.exists(file) and not login.known_hosts:
            continue
        try:
            keys = asyncssh.match_known_hosts(asyncssh.read_known_hosts(file), login.host, "", login.port)[0]
        except (OSError, ValueError) as error:
            message = f"{login.name}: known_hosts {file} can't be read ({error})"
            raise TargetError(message, kind="config", hint="--set host_key=SHA256:… instead") from None
        found += [fingerprint(key.public_data) for key in keys]
    return tuple(found)


def unsure(login: Login, shown: Shown) -> TargetError:
    """The error for a key that isn't known to be this server's."""
    told = f"{shown.fingerprint} ({shown.algorithm})"
    if not shown.expected:
        return TargetError(
            f"{login.name}: {login.place} shows the host key {told}; nobody has confirmed that it is the right one",
            kind="tls",
            hint=f"compare it with what the server's owner says, then: --set host_key={shown.fingerprint}",
        )
    known = " or ".join(shown.expected[:3])
    return TargetError(
        f"{login.name}: {login.place} shows ANOTHER HOST KEY: {told} instead of {known}; somebody may be in between",
        kind="tls",
        hint="nothing was sent. Ask the server's owner by another way; only if they changed it: host_key="
        + shown.fingerprint,
    )


def _client(login: Login, shown: Shown) -> type[asyncssh.SSHClient]:
    import asyncssh

    class Client(asyncssh.SSHClient):
        def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
            shown.fingerprint = fingerprint(key.public_data)
            shown.algorithm = key.get_algorithm()
            shown.line = key.export_public_key("openssh").decode("ascii").strip()
            return shown.fingerprint in shown.expected

        def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
            return False

    return Client


# Which key a server shows depends on what we say we take first. When it is not the expected one, the others are asked
# for: a server that got an Ed25519 key beside the RSA key that was pinned is still the same server.
_FAMILIES: Final = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
_ALL: Final = tuple(each for family in _FAMILIES for each in family)


async def connect(login: Login, secret: Secret) -> asyncssh.SSHClientConnection:
    """A connection, logged in, to the server that is expected. Raises TargetError."""
    # While asyncssh is loaded, the server gets ready for us.
    ways = [asyncio.ensure_future(_way(login))]
    try:
        await asyncio.to_thread(load)
        import asyncssh

        key = private_key(login, secret)
        options: dict[str, Any] = {"keepalive_interval": ALIVE_SECONDS, "kbdint_auth": False}
        if key is not None:
            options |= {"client_keys": [key], "agent_path": None}
        elif login.password:
            options |= {"client_keys": None, "agent_path": None, "password": reveal(login, secret, login.password)}
        else:
            options |= {"client_keys": _own_keys()}
        try:
            return (await _reach(login, options, ways=ways))[0]
        except asyncssh.PermissionDenied as error:
            raise explain(error, login) from None
    finally:
        for way in ways:  # nobody came to take it
            way.cancel()
            way.add_done_callback(_close)


async def host_key(login: Login) -> Shown:
    """The key the server shows before any login, which is one that is expected. Raises TargetError, also for another
    one."""
    import asyncssh

    shown: list[Shown] = []
    try:
        # Nothing is offered to log in with, so the connection ends after the key was shown.
        nothing = {"client_keys": None, "agent_path": None, "password_auth": False, "kbdint_auth": False}
        connection, _ = await _reach(login, nothing, shown)
        connection.abort()
    except asyncssh.PermissionDenied:
        pass
    return shown[-1]


async def _reach(
    login: Login,
    options: Mapping[str, Any],
    met: list[Shown] | None = None,
    ways: list[asyncio.Task[socket.socket]] | None = None,
) -> tuple[asyncssh.SSHClientConnection, Shown]:
    """Connects; raises TargetError for all that goes wrong but a refused login, which is asyncssh's PermissionDenied.
    The keys shown on the way are put into `met`. From `ways` connections are taken that are there already."""
    import asyncssh

    expected = expected_keys(login)
    met = [] if met is None else met
    refused: list[Shown] = []
    for algorithms in (_ALL, *_FAMILIES):
        shown = Shown(expected=expected)
        met.append(shown)
        try:
            way = await (ways.pop() if ways else _way(login))
            return await _open(login, shown, algorithms, options, way), shown
        except asyncssh.PermissionDenied:
            raise
        except asyncssh.HostKeyNotVerifiable:
            refused.append(shown)
            if not expected:
                break
        except (asyncssh.Error, OSError, EOFError, TimeoutError, TargetError) as error:
            if not refused:
                raise explain(error, login) from None
            # It has no key of that kind, and either side may be the one to hang up over it.
    raise unsure(login, refused[0])


async def _open(
    login: Login, shown: Shown, algorithms: tuple[str, ...], options: Mapping[str, Any], way: socket.socket
) -> asyncssh.SSHClientConnection:
    import asyncssh

    return await asyncssh.connect(
        login.host,
        login.port,
        client_factory=_client(login, shown),
        # Nothing is trusted by asyncssh itself, so that every key comes to `validate_host_public_key`.
        known_hosts=([], [], []),
        server_host_key_algs=algorithms,
        encryption_algs=CIPHERS,
        compression_algs=None,  # bundles and pictures are compressed already
        username=login.user,
        disable_trivial_auth=True,
        login_timeout=LOGIN_SECONDS,
        config=None,  # what ~/.ssh/config says is for people
        gss_host=None,
        connect_timeout=CONNECT_SECONDS,
        sock=way,
        **options,
    )


async def _way(login: Login) -> socket.socket:
    """A connection to that host, nothing said in it yet. Raises OSError, TimeoutError, TargetError."""
    if login.proxy:
        return await _through(login, login.proxy)
    loop = asyncio.get_running_loop()
    problem: OSError | None = None
    async with asyncio.timeout(CONNECT_SECONDS):
        for family, kind, number, _, address in await loop.getaddrinfo(login.host, login.port, type=socket.SOCK_STREAM):
            way = None
            try:
                way = _Prompt(family, kind, number)
                way.setblocking(False)
                await loop.sock_connect(way, address)
                return way
            except BaseException as error:
                if way is not None:
                    way.close()
                if not isinstance(error, OSError):
                    raise
                problem = problem or error
    raise problem or OSError("no address")


class _Prompt(socket.socket):
    """A socket that acknowledges at once what comes first. OpenSSH's server holds a small packet back until the one
    before it is acknowledged (Nagle's algorithm), and the system waits 40 ms for something to send along with that: in
    most logins once, between two answers."""

    __slots__ = ("_first",)

    def recv(self, size: int, flags: int = 0) -> bytes:
        data = super().recv(size, flags)
        self._first = getattr(self, "_first", 64) - 1
        if self._first > 0 and sys.platform == "linux":
            with contextlib.suppress(OSError):
                self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data


def _close(way: asyncio.Task[socket.socket]) -> None:
    if not way.cancelled() and way.exception() is None:
        way.result().close()


async def _through(login: Login, proxy: tuple[str, int]) -> socket.socket:
    from python_socks import ProxyError, ProxyTimeoutError, ProxyType
    from python_socks.async_.asyncio import Proxy

    host, port = proxy
    # Tor keeps streams with different user names apart (IsolateSOCKSAuth): each target has circuits of its own.
    user, apart = f"tamizdat-{login.name}"[:255], "0"
    way = Proxy(ProxyType.SOCKS5, host, port, username=user, password=apart, rdns=True)
    try:
        made: socket.socket = await way.connect(login.host, login.port, timeout=60)
    except (ProxyError, ProxyTimeoutError, OSError, TimeoutError) as error:
        raise TargetError(
            f"{login.name}: {login.place} can't be reached through the proxy at {host}:{port} ({error or 'no answer'})",
            kind="unreachable",
            hint="does the proxy run (Tor: systemctl status tor), and is the host up?",
        ) from None
    return made


def _own_keys() -> list[asyncssh.SSHKey]:
    """The keys in ~/.ssh that need no passphrase; an agent's come besides."""
    import asyncssh

    found = []
    for kind in ("id_ed25519", "id_ecdsa", "id_rsa"):
        with contextlib.suppress(OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
            found.append(asyncssh.read_private_key(os.path.expanduser(f"~/.ssh/{kind}")))
    return found


def explain(error: BaseException, login: Login) -> TargetError:
    """The TargetError for what asyncssh or the network raised."""
    import asyncssh

    if isinstance(error, TargetError):
        return error
    what = f"{login.name}: {login.place}"
    said = " ".join(str(getattr(error, "reason", "") or getattr(error, "strerror", "") or error).split())[:200]
    if isinstance(error, asyncssh.PermissionDenied):
        account = f"the account {login.user!r}"
        if login.password and not login.key:
            message, hint = f"refuses the password for {account}", "correct it, or use a key: --set key=file:/path"
        else:
            offered = "the key" if login.key else "every key in ~/.ssh and of the agent"
            message = f"refuses {offered} for {account}"
            hint = "put the public key into ~/.ssh/authorized_keys there: ssh-copy-id -i KEY.pub "
            hint += f"-p {login.port} {login.user}@{login.host}"
        return TargetError(f"{what} {message}", kind="auth", hint=hint)
    rules: tuple[tuple[tuple[type[BaseException], ...], Kind, str, str], ...] = (
        (
            (asyncssh.KeyExchangeFailed, asyncssh.MACError, asyncssh.CompressionError),
            "unsupported",
            "no common way to encrypt ({said})",
            "update the SSH server there",
        ),
        (
            (asyncssh.ProtocolNotSupported, asyncssh.ProtocolError, UnicodeError),
            "config",
            "that is no SSH server ({said})",
            "correct the port: SSH is usually at 22",
        ),
        (
            (socket.gaierror,),
            "unreachable",
            "that name has no address ({said})",
            "correct it, or this machine's DNS",
        ),
        (
            (asyncssh.Error, EOFError, ConnectionResetError, BrokenPipeError, ConnectionAbortedError),
            "transient",
            "the connection ended ({said})",
            "if it stays so, the server's log says why: MaxStartups, a ban, no such account",
        ),
        (
            (TimeoutError,),
            "unreachable",
            "no answer in time",
            "is the server up, the port right, a firewall in between?",
        ),
        ((OSError,), "unreachable", "can't be reached: {said}", "is the server up, and the port right?"),
        ((BaseException,), "transient", "{said}", "the next run goes on"),
    )
    _, kind, text, hint = next(rule for rule in rules if isinstance(error, rule[0]))
    return TargetError(f"{what}: {text.format(said=said or type(error).__name__)}", kind=kind, hint=hint)


# --- asyncio in a thread of its own ---------------------------------------------------------------------------------


class Loop:
    """An event loop in a thread, for callers that block. `call` gives what the coroutine returns."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"ssh-{name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        # Twice: what is cancelled first wakes up once more to clean up.
        for _ in range(2):
            self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def call(self, work: Coroutine[Any, Any, Result], seconds: float) -> Result:
        """Raises TimeoutError after that many seconds, having cancelled the work, or when the loop is stopped first."""
        try:
            started: Future[Result] = asyncio.run_coroutine_threadsafe(_within(work, seconds), self.loop)
        except RuntimeError:
            work.close()
            raise TimeoutError("stopped") from None
        try:
            return started.result()
        except CancelledError:
            raise TimeoutError("stopped") from None

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(5)


async def _within(work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    async with asyncio.timeout(seconds):
        return await work


# --- the probe ------------------------------------------------------------------------------------------------------


def way_steps(login: Login, secret: Secret, call: Callable[[Coroutine[Any, Any, Any], float], Any]) -> Iterator[Step]:
    """The steps up to a login: secrets, DNS, TCP, SSH, host key."""

    def secrets() -> str:
        if login.password:
            reveal(login, secret, login.password)
        if login.key:
            key = private_key(login, secret)
            return f"the key opens ({key.get_algorithm() if key else ''})"
        return "a password" if login.password else "the keys in ~/.ssh and of the agent"

    def key() -> str:
        shown: Shown = call(host_key(login), CONNECT_SECONDS + LOGIN_SECONDS)
        return f"{shown.fingerprint} ({shown.algorithm}), as expected"

    yield Step("secrets", secrets)
    if not login.proxy:
        yield dns_step(login.host, login.port)
        yield tcp_step(login.host, login.port)
        yield Step("SSH", lambda: banner(login))
    yield Step("host key", key)


def banner(login: Login) -> str:
    """What the server calls itself (RFC 4253, section 4.2). Raises Failed when it speaks no SSH."""
    data = b""
    try:
        with socket.create_connection((login.host, login.port), timeout=CONNECT_SECONDS) as plain:
            while b"\n" not in data and len(data) < 255:
                part = plain.recv(255 - len(data))
                if not part:
                    break
                data += part
    except OSError as error:
        raise Failed(f"silence ({error})", "is that the port of an SSH server? Usually it is 22") from None
    line = re.sub(r"[^\x20-\x7e]", "?", data.partition(b"\n")[0].strip().decode("latin-1"))
    if not line.startswith("SSH-2.0-") and not line.startswith("SSH-1.99-"):
        told = f"it says {line[:60]!r}" if line else "it hangs up at once"
        raise Failed(f"that is no SSH server: {told}", "correct the port; or the server refuses this machine's address")
    return line[:80]


def known_hosts_line(login: Login, shown: Shown) -> str:
    """A line for a known_hosts file that makes `ssh` expect exactly this key."""
    host = login.host if login.port == 22 else f"[{login.host}]:{login.port}"
    algorithm, _, rest = shown.line.partition(" ")
    blob = rest.split(" ")[0]
    try:
        base64.b64decode(blob, validate=True)
    except binascii.Error:
        raise TargetError(f"{login.name}: the host key can't be read", kind="tls") from None
    return f"{host} {algorithm} {blob}\n"
