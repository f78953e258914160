"""A censor's network: the one proxy through which the trials' browsers reach every host that isn't loopback.

Hosts are made up by each test (`censor.host`): a mirror, an https mirror, a block page, a stranger. Whatever is asked
for by a name that no test gave is written down in `strangers` and refused. Nothing here knows what is right: a host
answers from a function or a folder, and a `Treatment` says what becomes of the bytes on the way.

    cut        after so many bytes towards the reader the connection says no more (as Russian and Iranian networks do
    since            2025), or, with `torn`, is reset
    stalled    taken, never answered            refused   reset with the first byte
    rate, rtt  all connections of a `Line` share so many bytes a second; every question waits for a round trip, every
    new            connection for another one, TLS for one more (its bytes are real ones)
    lie        (path, file or None) -> what is sent instead: bytes, an `Answer`, or None for 404
    drip       bytes a second for this host alone

TLS is real: `https://` hosts are tunnelled (CONNECT) to a server with the certificate that the host was given, and the
treatment counts the encrypted bytes. A name that leads to the wrong server is a host with a certificate of another
name.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, Final
from urllib.parse import unquote, urlsplit

CUT: Final = 16_384
_MAX_HEAD: Final = 65_536
# What browsers ask for by themselves, whatever they are told: updates, settings, the time.
_OWN: Final = (".google.com", ".googleapis.com", ".gvt1.com", ".mozilla.org", ".mozilla.net", ".mozilla.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    cors: bool = True


Files = Callable[[str], bytes | None]
Lie = Callable[[str, bytes | None], "bytes | Answer | None"]


class Line:
    """What all connections share: `rate` bytes a second down, `rtt` seconds there and back."""

    def __init__(self, rate: float, rtt: float) -> None:
        self.rate, self.rtt = rate, rtt
        self._free = 0.0

    async def carry(self, count: int) -> None:
        """Comes back when so many more bytes have arrived."""
        now = time.monotonic()
        self._free = max(self._free, now) + count / self.rate
        await asyncio.sleep(self._free - now)


MODEM: Final = (50_000 / 8, 0.4)  # 50 kbit/s, 400 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    cut: int | None = None
    torn: bool = False
    stalled: bool = False
    refused: bool = False
    lie: Lie | None = None
    drip: float | None = None
    line: Line | None = None


@dataclass(slots=True)
class Host:
    """One name. `asked` are the paths in order (with "@first-last" where a range was), `down` the bytes sent to
    readers, headers and TLS included, `connections` how many were opened."""

    name: str
    files: Files
    treatment: Treatment
    certificate: Path | None = None
    asked: list[str] = field(default_factory=list)
    down: int = 0
    connections: int = 0
    ranges: bool = True

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://{self.name}"

    def treat(self, **changes: Any) -> None:
        """From now on, what is already on its way included."""
        self.treatment = replace(self.treatment, **changes)


class _Over(Exception):
    """This connection ends here."""


def folder(place: Path) -> Files:
    """A mirror of this folder."""

    def read(path: str) -> bytes | None:
        file = place / path
        return file.read_bytes() if ".." not in path and file.is_file() else None

    return read


class Censor:
    """Running from `__enter__` to `__exit__` on a thread of its own; `url` is what browsers are told."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.strangers: list[str] = []
        self.dark = False  # no network at all
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._behind: dict[Path, int] = {}
        self._servers: list[asyncio.Server] = []
        self._owner: dict[int, Host] = {}  # local port of a tunnel's inner end -> whose it is

    def __enter__(self) -> Censor:
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._do(self._serve(self._proxy))}"
        return self

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            for server in self._servers:
                server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.sleep(0)

        self._do(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    def host(
        self, name: str, files: Files | Path, *, certificate: Path | None = None, ranges: bool = True, **treated: Any
    ) -> Host:
        """A new host (or a new one of that name). With a certificate it is reached by https alone."""
        files = folder(files) if isinstance(files, Path) else files
        host = Host(name, files, Treatment(**treated), certificate, ranges=ranges)
        if certificate is not None and certificate not in self._behind:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._behind[certificate] = self._do(self._serve(self._behind_tls, context))
        self.hosts[name] = host
        return host

    def forget(self) -> None:
        """No hosts, nothing written down, no connection left."""

        async def drop() -> None:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        self._do(drop())
        self.hosts.clear()
        self.strangers.clear()
        self.dark = False

    # --- connections -------------------------------------------------------------------------------------------------

    async def _serve(self, handle: Any, context: ssl.SSLContext | None = None) -> int:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await handle(reader, writer)
            except (_Over, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
                pass
            except asyncio.CancelledError:
                self._tear(writer)
            finally:
                self._tasks.discard(task)
                with contextlib.suppress(Exception):
                    writer.close()

        server = await asyncio.start_server(run, "127.0.0.1", 0, ssl=context, limit=_MAX_HEAD)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    @staticmethod
    def _tear(writer: asyncio.StreamWriter) -> None:
        """Ends with RST."""
        raw = writer.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            raw.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def _proxy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = _Wire(self, writer)
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, target, _ = head.split(" ", 2)
            name = target.rpartition(":")[0] if method == "CONNECT" else urlsplit(target).hostname or ""
            host = self.hosts.get(name)
            if self.dark:
                self._tear(writer)
                return
            if host is None or (method == "CONNECT") != (host.certificate is not None):
                if not name.endswith(_OWN):
                    self.strangers.append(f"{method} {target}")
                writer.write(b"HTTP/1.1 502 No such host\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
                return
            await wire.belongs_to(host)
            if method == "CONNECT":
                await self._tunnel(host, wire, reader, writer)
                return
            path = unquote(urlsplit(target).path).lstrip("/")
            await self._answer(host, path, head, wire)

    async def _tunnel(
        self, host: Host, wire: _Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        assert host.certificate is not None
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._behind[host.certificate])
        self._owner[inner_writer.get_extra_info("sockname")[1]] = host

        async def up() -> None:
            while data := await reader.read(_MAX_HEAD):
                if host.treatment.line:
                    await asyncio.sleep(host.treatment.line.rtt / 2)
                inner_writer.write(data)
                await inner_writer.drain()

        rising = asyncio.ensure_future(up())
        try:
            late = 0.0
            while data := await inner_reader.read(_MAX_HEAD):
                # Half a round trip each way; what comes without a question in between is not late again.
                if host.treatment.line and time.monotonic() - late > host.treatment.line.rtt:
                    await asyncio.sleep(host.treatment.line.rtt / 2)
                await wire.send(data)
                late = time.monotonic()
        finally:
            rising.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await rising
            inner_writer.close()

    async def _behind_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = self._owner.pop(writer.get_extra_info("peername")[1])
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = unquote(urlsplit(head.split(" ", 2)[1]).path).lstrip("/")
            writer.write(self._made(host, path, head))
            await writer.drain()

    async def _answer(self, host: Host, path: str, head: str, wire: _Wire) -> None:
        if host.treatment.line:
            await asyncio.sleep(host.treatment.line.rtt)
        await wire.send(self._made(host, path, head))

    def _made(self, host: Host, path: str, head: str) -> bytes:
        """The bytes of an answer."""
        wanted = re.search(r"^range: bytes=(\d+)-(\d*)\s*$", head, re.I | re.M)
        host.asked.append(path + (f"@{wanted[1]}-{wanted[2]}" if wanted else ""))
        file = host.files(path)
        said = host.treatment.lie(path, file) if host.treatment.lie else file
        if said is None:
            said = Answer(body=b"not here", status=404)
        answer = said if isinstance(said, Answer) else Answer(body=said)
        body, status, extra = answer.body, answer.status, ""
        if wanted and status == 200 and host.ranges:
            first, last = int(wanted[1]), int(wanted[2] or len(body) - 1)
            if first >= len(body):
                status, extra, body = 416, f"Content-Range: bytes */{len(body)}\r\n", b""
            else:
                last = min(last, len(body) - 1)
                status, extra = 206, f"Content-Range: bytes {first}-{last}/{len(body)}\r\n"
                body = body[first : last + 1]
        kind = "text/html; charset=utf-8" if path.endswith(".html") else "application/octet-stream"
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", "Cache-Control: no-cache"]
        if answer.cors:
            lines.append("Access-Control-Allow-Origin: *")
        if not any(name.lower() == "content-type" for name, _ in answer.headers):
            lines.append(f"Content-Type: {kind}")
        lines += [f"{name}: {value}" for name, value in answer.headers]
        return ("\r\n".join(lines) + "\r\n" + extra + "\r\n").encode("latin-1") + body


class _Wire:
    """The way from a host to the reader, on one connection."""

    def __init__(self, censor: Censor, writer: asyncio.StreamWriter) -> None:
        self.censor, self.writer = censor, writer
        self.host: Host | None = None
        self.sent = 0

    async def belongs_to(self, host: Host) -> None:
        """The connection is opened, as far as the reader is concerned."""
        if self.host is not host:
            self.host, self.sent = host, 0
            host.connections += 1
            if host.treatment.line:
                await asyncio.sleep(host.treatment.line.rtt)
        await self.hindered()

    async def hindered(self) -> None:
        assert self.host is not None
        if self.host.treatment.refused:
            self.censor._tear(self.writer)
            raise _Over
        if self.host.treatment.stalled:
            await asyncio.sleep(3600)

    async def send(self, data: bytes) -> None:
        assert self.host is not None
        for at in range(0, len(data), 1024):
            await self.hindered()
            if self.censor.dark:
                self.censor._tear(self.writer)
                raise _Over
            treatment, piece = self.host.treatment, data[at : at + 1024]
            if treatment.cut is not None and self.sent + len(piece) > treatment.cut:
                piece = piece[: max(0, treatment.cut - self.sent)]
            if treatment.line:
                await treatment.line.carry(len(piece))
            if treatment.drip:
                await asyncio.sleep(len(piece) / treatment.drip)
            self.writer.write(piece)
            self.sent += len(piece)
            self.host.down += len(piece)
            await self.writer.drain()
            if treatment.cut is not None and self.sent >= treatment.cut:
                if treatment.torn:
                    self.censor._tear(self.writer)
                    raise _Over
                await asyncio.sleep(3600)
