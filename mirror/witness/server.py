"""A witness's HTTP: `POST /add-checkpoint`, `GET /<hex SHA-256 of origin>/checkpoint`, `GET /health`.

Requests are a few KB and answers a line, so the little of HTTP/1.1 that this takes is here, and every byte of it has a
deadline: a connection gets `DEADLINE` seconds a request, from its first wait to the last byte of the answer, and at
most `CONNECTIONS` are open. When one more comes, the one that has kept us waiting longest for a request makes room:
whoever is slow on purpose loses to whoever has something to say. Requests with a transfer coding are refused (411).

Decisions are made in one thread (`store`), which syncs to disk; the network is asyncio's.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mirror.errors import TamizdatError
from mirror.witness.store import MAX_BODY, TEXT, Answer, Witness

CONNECTIONS = 64
DEADLINE = 15.0
REQUESTS = 100  # on one connection
WAITING = 256  # requests that wait for the disk
HEAD = 8192  # bytes of request line and headers

_REASONS = {
    200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
    411: "Length Required", 413: "Content Too Large", 422: "Unprocessable Entity", 500: "Internal Server Error",
    503: "Service Unavailable",
}  # fmt: skip
_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) (/[\x21-\x7e]{0,300}) HTTP/1\.([01])")
_MONITORED = re.compile(r"/([0-9a-f]{64})/checkpoint")
_LENGTH = re.compile(rb"[0-9]{1,9}")


@dataclass(slots=True, kw_only=True)
class _Connection:
    """An open connection; `since` is when it began to wait for a request, None while one is being answered."""

    task: asyncio.Task[None]
    since: float | None


class Server:
    """A witness behind a port of this machine. The caller holds the witness's lock (`Witness.serving`)."""

    def __init__(
        self,
        witness: Witness,
        *,
        connections: int = CONNECTIONS,
        deadline: float = DEADLINE,
        clock: Callable[[], float] = time.time,
        note: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.witness = witness
        self._limit = connections
        self._deadline = deadline
        self._clock = clock
        self._note = note
        self._open: list[_Connection] = []
        self._waiting = 0
        self._decider = ThreadPoolExecutor(max_workers=1, thread_name_prefix="witness")
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port. Raises `TamizdatError`."""
        try:
            self._server = await asyncio.start_server(self._connected, host, port, limit=HEAD, backlog=128)
        except OSError as error:
            raise TamizdatError(f"{host}:{port}: {error.strerror or error}") from error
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Answer what is being decided, then close everything."""
        if self._server is not None:
            self._server.close()
        for one in list(self._open):
            one.task.cancel()
        await asyncio.gather(*(one.task for one in list(self._open)), return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, self._decider.shutdown)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio starts this as a task
        if len(self._open) >= self._limit:
            waiting = [one for one in self._open if one.since is not None]
            if waiting:
                longest = min(waiting, key=lambda one: one.since or 0.0)
                self._open.remove(longest)
                longest.task.cancel()
        mine = _Connection(task=task, since=time.monotonic())
        self._open.append(mine)
        try:
            if len(self._open) <= self._limit:
                await self._talk(reader, writer, mine)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # slow, gone, cut, too much, or making room
        finally:
            with contextlib.suppress(ValueError):
                self._open.remove(mine)
            # Not `close`: that would wait for a client which does not read its answer.
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mine: _Connection) -> None:
        for _ in range(REQUESTS):
            async with asyncio.timeout(self._deadline):
                mine.since = time.monotonic()
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                except asyncio.LimitOverrunError:
                    await self._send(writer, Answer(status=400, body=b"too many headers\n"), last=True)
                    return
                method, path, headers, keep = _parse_head(head)
                problem = self._refused(method, path, headers)
                if problem is not None:
                    await self._send(writer, problem, last=True)
                    return
                if headers.get(b"expect", b"").lower() == b"100-continue":
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await reader.readexactly(int(headers.get(b"content-length", b"0")))
                mine.since = None
            answer = await self._decide(method, path, body)
            async with asyncio.timeout(self._deadline):
                await self._send(writer, answer, last=not keep, head=method == "HEAD")
            if not keep:
                return

    def _refused(self, method: str, path: str, headers: dict[bytes, bytes]) -> Answer | None:
        """What is wrong with a request before its body is read."""
        if not method:
            return Answer(status=400, body=b"not an HTTP request\n")
        if b"transfer-encoding" in headers:
            return Answer(status=411, body=b"say how long the request is\n")
        length = headers.get(b"content-length", b"0")
        if not _LENGTH.fullmatch(length):
            return Answer(status=400, body=b"Content-Length is a number\n")
        if int(length) > MAX_BODY:
            return Answer(status=413, body=b"a request has at most %d bytes\n" % MAX_BODY)
        allowed = {"/add-checkpoint": ("POST",), "/health": ("GET", "HEAD")}.get(path)
        if allowed is None and _MONITORED.fullmatch(path):
            allowed = ("GET", "HEAD")
        if allowed is None:
            return Answer(status=404, body=b"nothing here\n")
        return None if method in allowed else Answer(status=405, body=b"not by this method\n")

    async def _decide(self, method: str, path: str, body: bytes) -> Answer:
        if path == "/health":
            return Answer(status=200, body=f"{self.witness.signer.verifier.text}\n".encode())
        if self._waiting >= WAITING:
            return Answer(status=503, body=b"busy\n")
        self._waiting += 1
        # Shielded: a client that goes away must not leave a decision half counted.
        decided = asyncio.get_running_loop().run_in_executor(self._decider, self._decided, method, path, body)
        decided.add_done_callback(self._settled)
        return await asyncio.shield(decided)

    def _settled(self, done: asyncio.Future[Answer]) -> None:
        self._waiting -= 1
        if not done.cancelled():
            done.exception()

    def _decided(self, method: str, path: str, body: bytes) -> Answer:
        try:
            if method == "POST":
                return self.witness.add_checkpoint(body, int(self._clock()))
            found = _MONITORED.fullmatch(path)
            return self.witness.monitored(found[1] if found else "")
        except (OSError, TamizdatError) as error:
            # A disk that is full or broken: nothing was signed. Whoever asks learns no paths.
            self._note(f"{path}: {error}")
            return Answer(status=500, body=b"this witness cannot store what it would sign\n")

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer, *, last: bool, head: bool = False) -> None:
        lines = [
            f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}",
            f"Content-Type: {answer.kind}",
            f"Content-Length: {len(answer.body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
        ]
        if answer.kind == TEXT:
            lines.append("Access-Control-Allow-Origin: *")
        if last:
            lines.append("Connection: close")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if head else answer.body))
        await writer.drain()


def _parse_head(head: bytes) -> tuple[str, str, dict[bytes, bytes], bool]:
    """Method ("" for what is no request), path, headers with small names, and whether the connection is to stay."""
    first, *rest = head[:-4].split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    headers: dict[bytes, bytes] = {}
    for line in rest:
        name, colon, value = line.partition(b":")
        # A repeated or folded header is how two servers come to read two different requests.
        if not colon or not name or name.strip() != name or name.lower() in headers:
            if name.lower() in (b"content-length", b"transfer-encoding") or name.strip() != name or not colon:
                return "", "", {}, False
            continue
        headers[name.lower()] = value.strip(b" \t")
    if match is None:
        return "", "", {}, False
    method, path, minor = match.groups()
    keep = minor == b"1" and headers.get(b"connection", b"").lower() != b"close"
    return method.decode(), path.decode(), headers, keep


async def serve(server: Server, host: str, port: int, *, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called with the port once requests are taken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ready(await server.start(host, port))
    try:
        await stop.wait()
    finally:
        await server.stop()
