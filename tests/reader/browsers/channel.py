"""A websocket to a browser: commands go out, answers come back to whoever asked, everything else is told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp

from tests.reader.waiting import PATIENCE

Json = dict[str, Any]


class BrowserError(Exception):
    """The browser refused, a script in the page threw, or what was waited for did not come."""


class Channel:
    """A websocket to a browser. `call` sends a command and gives back its result; everything else that comes goes to
    `heard`, on the channel's own thread."""

    def __init__(self, url: str, heard: Callable[[Json], None]) -> None:
        self._heard = heard
        self._count = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._connect(url))

    def _run(self, what: Coroutine[Any, Any, Any], patience: float = PATIENCE) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(patience)

    async def _connect(self, url: str) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(url, max_msg_size=1 << 28, heartbeat=None)
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                said: Json = json.loads(message.data)
                waiting = self._waiting.pop(said.get("id", 0), None)
                if waiting is None:
                    self._heard(said)
                elif not waiting.done():
                    waiting.set_result(said)
        finally:
            for left in self._waiting.values():
                if not left.done():
                    left.set_exception(BrowserError("the browser ended"))

    async def _ask(self, message: Json) -> Json:
        answer: asyncio.Future[Json] = self._loop.create_future()
        self._waiting[message["id"]] = answer
        await self._socket.send_json(message)
        return await answer

    def call(self, method: str, params: Json | None = None, *, patience: float = PATIENCE, **envelope: str) -> Json:
        """The result. BrowserError when the browser says no, or nothing in time."""
        message: Json = {"id": next(self._count), "method": method, "params": params or {}, **envelope}
        try:
            answer: Json = self._run(self._ask(message), patience)
        except TimeoutError:
            raise BrowserError(f"{method}: no answer in {patience:.0f} s") from None
        except aiohttp.ClientError as error:
            raise BrowserError(f"{method}: {error}") from None
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']} {answer.get('message', '')}"[:600])
        result: Json = answer.get("result", {})
        return result

    def close(self) -> None:
        async def end() -> None:
            await self._socket.close()
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            await self._session.close()

        with contextlib.suppress(TimeoutError, BrowserError):
            self._run(end(), 10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
