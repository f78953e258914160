"""A server on loopback that says exactly the bytes a test wants, and clients that find it under any name."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from mirror.net import Client, Pace

Answer = bytes | Callable[["Talk"], Awaitable[None]]
AT_ONCE = Pace(interval=0.0, backoff=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    path: str
    headers: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Talk:
    """One request being answered by hand."""

    asked: Asked
    write: Callable[[bytes], Awaitable[None]]


@dataclass(slots=True)
class World:
    """`answers` maps paths to whole responses, or to functions that write one; everything asked is kept in `log`."""

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    log: list[Asked] = field(default_factory=list)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [asked.path for asked in self.log]

    def count(self, path: str) -> int:
        return self.paths().count(path)


def reply(body: bytes = b"", status: int = 200, reason: str = "OK", **headers: str) -> bytes:
    """A complete response; `content_type="text/xml"` becomes a header. `content_length=""` leaves it out."""
    lines = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body)), "Connection": "close"}
    lines |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"HTTP/1.1 {status} {reason}\r\n{head}\r\n".encode() + body


def moved(location: str, status: int = 302) -> bytes:
    return reply(b"", status, "Found", location=location)


@contextlib.asynccontextmanager
async def world(**kwargs: object) -> AsyncIterator[World]:
    """A running server; unknown paths are 404."""
    made = World()
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            pairs = (line.split(": ", 1) for line in lines if ": " in line)
            asked = Asked(path=first.split(" ")[1], headers={name.lower(): value for name, value in pairs})
            made.log.append(asked)
            answer = made.answers.get(asked.path, reply(b"no such page", 404, "Not Found"))

            async def write(data: bytes) -> None:
                writer.write(data)
                await writer.drain()

            if isinstance(answer, bytes):
                await write(answer)
            else:
                await answer(Talk(asked=asked, write=write))
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()
        talks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20, **kwargs)  # type: ignore[arg-type]
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


def names(addresses: Mapping[str, list[str]]) -> tuple[Callable[[str], Awaitable[list[str]]], list[str]]:
    """A name service that knows these names, and the list of what it was asked."""
    asked: list[str] = []

    async def lookup(host: str) -> list[str]:
        asked.append(host)
        if host not in addresses:
            raise OSError("Name or service not known")
        return addresses[host]

    return lookup, asked


def client(**settings: object) -> Client:
    """A client without pauses."""
    return Client(**({"pace": AT_ONCE} | settings))  # type: ignore[arg-type]
