"""Hosts that fail are left alone, for longer each time, and that is remembered over runs.

After five failures without a good answer in between a host is not asked for a quarter of an hour; when it fails again
after that, for half an hour, and so on up to a day. One good answer and it is forgotten. A failure is no connection, no
complete answer in time, or a 5xx; not a name without address (that costs the host nothing), not our own network being
down, and not a proxy that does not answer: none of these is the host's doing, and after a night without a network
everything should be asked at once. A host that names a time itself (`Retry-After`) is believed, for up to a day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

FAILURES = 5
FIRST = 15 * 60.0
LONGEST = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """What is remembered of one host: failures since the last good answer, and Unix times before which it is not
    asked: `until` by our own patience, `retry_after_until` by its own word."""

    failures: int = 0
    until: float = 0.0
    retry_after_until: float = 0.0


class Breakers(Protocol):
    """Where that is kept. A host is `name` or `name:port`, `for OUTLET` where it is not that outlet's own."""

    def load(self, host: str) -> HostState | None: ...

    def save(self, host: str, state: HostState) -> None: ...


@dataclass(slots=True)
class InMemory:
    """For one run, and for tests."""

    hosts: dict[str, HostState] = field(default_factory=dict)

    def load(self, host: str) -> HostState | None:
        return self.hosts.get(host)

    def save(self, host: str, state: HostState) -> None:
        self.hosts[host] = state


def wait(state: HostState, now: float) -> float:
    """Seconds the host is still left alone. A time further off than the longest there is comes from a clock that was
    wrong, and does not count."""
    left = max(state.until, state.retry_after_until) - now
    return left if 0 < left <= LONGEST * 1.5 else 0.0


def failed(state: HostState, now: float, chance: Callable[[], float]) -> HostState:
    """After one more failure. The pause is shorter or longer by a tenth at random, so that outlets on one broken
    network are not all asked again in the same minute."""
    failures = state.failures + 1
    if failures < FAILURES:
        return replace(state, failures=failures)
    pause = min(FIRST * 2.0 ** min(failures - FAILURES, 20), LONGEST)
    return replace(state, failures=failures, until=now + pause * (0.9 + 0.2 * chance()))


def told_to_wait(state: HostState, now: float, seconds: float) -> HostState:
    """After an answer that asked for patience."""
    return replace(state, retry_after_until=max(state.retry_after_until, now + min(seconds, LONGEST)))
