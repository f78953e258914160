"""Durations and sizes as the configuration writes them: `"500ms"`, `"15m"`, `"7d"` or seconds; `"8MiB"` or bytes."""

from __future__ import annotations

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def duration(value: str | float) -> float:
    """Seconds. Raises ValueError or KeyError for what the configuration's schema refuses."""
    if not isinstance(value, str):
        return float(value)
    unit = value.lstrip("0123456789.")
    return float(value.removesuffix(unit)) * _SECONDS[unit]


def whole_seconds(value: str | float) -> int:
    """At least one second; raises as `duration`."""
    return max(1, round(duration(value)))


def size(value: str | int) -> int:
    """Bytes; raises as `duration`."""
    if not isinstance(value, str):
        return value
    unit = value.lstrip("0123456789 ")
    return int(value.removesuffix(unit)) * _BYTES[unit]
