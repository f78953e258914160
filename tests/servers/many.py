"""Hundreds of mirrors in one process: a server whose every top folder is a mirror of its own, kept in memory.

    /w/NAME/key    PUT, GET, DELETE: how a publisher writes (`put+http://`)
    /r/NAME/key    GET: what readers get; for some mirrors that is something else

A mirror's name begins with what it does: `good`, `slow` (every request takes longer), `tampered` (readers get other
bytes of every object), `stale` (readers get what was there when `/freeze` was asked for last), `late` (a pointer is to
be seen a second after it was written). `/count` says how many requests there were.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import free_port, running, wait_for

SLOW = 0.4  # seconds more for every request to a slow one: an onion service, or another continent on a bad day
LATE = 1.0


@dataclass(frozen=True, slots=True)
class Mirrors:
    """The server, and a port that accepts connections and never says a word."""

    port: int
    hanging: int

    def write(self, name: str) -> str:
        return f"put+http://127.0.0.1:{self.port}/w/{name}"

    def read(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/r/{name}/"

    def ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=30) as answer:
            return json.load(answer)


@contextlib.contextmanager
def many_mirrors() -> Iterator[Mirrors]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener, tempfile.TemporaryDirectory() as place:
        held: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(listener.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        mirrors = Mirrors(free_port(), listener.getsockname()[1])
        log = Path(place, "log")
        with running([sys.executable, "-m", "tests.servers.many", str(mirrors.port)], log=log):
            wait_for(lambda: _up(mirrors), seconds=30, what="the mirrors", log=log)
            yield mirrors
        for one in held:
            one.close()
        # `accept` sleeps in the kernel: closing alone wouldn't wake it.
        listener.shutdown(socket.SHUT_RDWR)


def _up(mirrors: Mirrors) -> bool:
    with contextlib.suppress(OSError):
        return bool(mirrors.ask("count") >= 0)
    return False


def serve(port: int) -> None:
    from aiohttp import web

    files: dict[str, bytes] = {}
    frozen: dict[str, bytes] = {}
    before: dict[str, tuple[bytes | None, float]] = {}
    asked = [0]

    async def write(request: web.Request) -> web.Response:
        asked[0] += 1
        key = request.match_info["key"]
        body = await request.read()
        if key.startswith("slow"):
            await asyncio.sleep(SLOW)
        if request.method == "PUT":
            before[key] = files.get(key), time.monotonic()
            files[key] = body
            return web.Response(status=201)
        if request.method == "DELETE":
            return web.Response(status=204 if files.pop(key, None) is not None else 404)
        return answer(shown(key) if key.startswith("late") else files.get(key))

    async def read(request: web.Request) -> web.Response:
        asked[0] += 1
        key = request.match_info["key"]
        name, _, path = key.partition("/")
        if name.startswith("slow"):
            await asyncio.sleep(SLOW)
        if name.startswith("stale"):
            return answer(frozen.get(key))
        data = shown(key) if name.startswith("late") else files.get(key)
        if data and name.startswith("tampered") and path.startswith("o/"):
            data = data[:-1] + bytes([data[-1] ^ 1])
        return answer(data)

    def shown(key: str) -> bytes | None:
        old, when = before.get(key, (None, 0.0))
        return old if time.monotonic() - when < LATE and not key.partition("/")[2].startswith("o/") else files.get(key)

    def answer(data: bytes | None) -> web.Response:
        headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache"}
        if data is None:
            return web.Response(status=404, headers=headers)
        return web.Response(body=data, content_type="application/octet-stream", headers=headers)

    async def freeze(_: web.Request) -> web.Response:
        frozen.clear()
        frozen.update({key: data for key, data in files.items() if key.startswith("stale")})
        return web.json_response(len(frozen))

    async def count(_: web.Request) -> web.Response:
        return web.json_response(asked[0])

    app = web.Application(client_max_size=1 << 26)
    app.add_routes(
        [
            web.route("*", "/w/{key:.+}", write),
            web.get("/r/{key:.+}", read),
            web.get("/freeze", freeze),
            web.get("/count", count),
        ]
    )
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None, handle_signals=False)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
