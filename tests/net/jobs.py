"""What runs in the sandbox's children in tests: they are started afresh and import it by name."""

from __future__ import annotations

import os
import re
import signal
import time

from mirror.errors import TamizdatError
from mirror.sources import Item, NotUnderstood, Parsed


def whoami(given: int) -> tuple[int, int]:
    return given, os.getpid()


def loop() -> object:
    """Minutes inside the C code of one call, where no Python handler would run."""
    return re.match(r"(a+)+$", "a" * 60 + "b")


def swell(size: int) -> int:
    return len(bytearray(size))


_kept: list[bytes] = []


def keep(size: int) -> int:
    _kept.append(b"x" * size)
    return os.getpid()


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def stumble() -> None:
    raise KeyError("two\nlines")


def refuse() -> None:
    raise TamizdatError("not a page")


def spin(seconds: float) -> tuple[float, int]:
    """Uses that much processor time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return seconds, os.getpid()


class Swelling:
    """A reader of documents that some bytes make swell."""

    def parse(self, body: bytes, *, content_type: str, url: str) -> Parsed:
        if b"swell" in body:
            swell(600 << 20)
        if b"strange" in body:
            raise NotUnderstood("it is strange")
        return Parsed(format="rss", items=(Item(url=f"{url}#{os.getpid()}"),))
