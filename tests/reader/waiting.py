"""Waiting for what comes when it comes: trials name what they wait for, never how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE: Final = 60.0  # seconds for one answer or one state: two noisy cores

T = TypeVar("T")


def until(ask: Callable[[], T], seconds: float = PATIENCE) -> T:
    """The first answer that counts as true; the last one when none did in this time."""
    end = time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer
