"""Proxies on loopback: SOCKS5 (RFC 1928, 1929) and HTTP, which write down what they are asked."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One connection that was asked for: by a name or an address, as `kind` says."""

    host: str
    port: int
    kind: str  # name, ipv4, ipv6, http
    login: tuple[str, str] | None = None


@dataclass(slots=True)
class Proxy:
    """`names` are the hosts it can reach, as ports of this machine; anything else it refuses with `reply`."""

    port: int = 0
    names: Mapping[str, int] = field(default_factory=dict)
    login: tuple[str, str] | None = None
    reply: int = 4  # host unreachable
    log: list[Wanted] = field(default_factory=list)


Serve = Callable[[Proxy, asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _join(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes = b"") -> None:
    there, back = await asyncio.open_connection("127.0.0.1", port)
    back.write(first)
    try:
        await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
    finally:
        back.close()


async def _socks(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _, count = await reader.readexactly(2)
    methods = await reader.readexactly(count)
    login = None
    if 2 in methods:
        writer.write(b"\x05\x02")
        _, size = await reader.readexactly(2)
        name = await reader.readexactly(size)
        (size,) = await reader.readexactly(1)
        login = (name.decode(), (await reader.readexactly(size)).decode())
        good = proxy.login is None or login == proxy.login
        writer.write(b"\x01\x00" if good else b"\x01\x01")
        if not good:
            return
    else:
        writer.write(b"\x05\x00" if proxy.login is None else b"\x05\xff")
    _, _, _, kind = await reader.readexactly(4)
    if kind == 3:
        (size,) = await reader.readexactly(1)
        host = (await reader.readexactly(size)).decode()
    else:
        host = (await reader.readexactly(4 if kind == 1 else 16)).hex()
    port = int.from_bytes(await reader.readexactly(2), "big")
    proxy.log.append(Wanted(host=host, port=port, kind={1: "ipv4", 3: "name", 4: "ipv6"}[kind], login=login))
    known = proxy.names.get(host)
    writer.write(bytes([5, 0 if known else proxy.reply, 0, 1]) + b"\0" * 6)
    if known:
        await _join(known, reader, writer)


async def _http(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    method, target, _ = head.split("\r\n")[0].split(" ")
    place = target if method == "CONNECT" else target.removeprefix("http://").partition("/")[0]
    host, _, port = place.partition(":")
    login = None
    for line in head.split("\r\n"):
        if line.lower().startswith("proxy-authorization: basic "):
            name, _, password = base64.b64decode(line.rpartition(" ")[2]).decode().partition(":")
            login = (name, password)
    proxy.log.append(Wanted(host=host, port=int(port or 80), kind=method, login=login))
    if proxy.login not in (None, login):
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    elif host not in proxy.names:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    elif method == "CONNECT":
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _join(proxy.names[host], reader, writer)
    else:
        path = "/" + target.removeprefix("http://").partition("/")[2]
        await _join(proxy.names[host], reader, writer, head.replace(target, path, 1).encode())


@contextlib.asynccontextmanager
async def _running(serve: Serve, made: Proxy) -> AsyncIterator[Proxy]:
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await serve(made, reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()
        talks.discard(task)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


def socks(**settings: Any) -> contextlib.AbstractAsyncContextManager[Proxy]:
    return _running(_socks, Proxy(**settings))


def http(**settings: Any) -> contextlib.AbstractAsyncContextManager[Proxy]:
    return _running(_http, Proxy(**settings))
