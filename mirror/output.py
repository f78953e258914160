"""How a command speaks: results on stdout, everything else on stderr.

With `--json`, stdout carries one JSON object (or one per line for a stream) and nothing else. Progress bars show only
on a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from mirror.errors import TamizdatError


class Bar(Protocol):
    """Progress of one long piece of work."""

    def update(self, n: int = 1) -> object: ...

    def total(self, n: int) -> None: ...


class _NoBar:
    def update(self, n: int = 1) -> object:
        return None

    def total(self, n: int) -> None:
        return None


def printable(text: str) -> str:
    """`text` fit for a terminal: control and bidi-override characters shown as escapes, so that no mirror or outlet
    can move the cursor, hide a line or reorder one."""
    return "".join(
        char if char in "\n\t" or not (ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or char in _OVERRIDES)
        else f"\\u{ord(char):04x}"
        for char in text
    )  # fmt: skip


_OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2028\u2029"


@dataclass(slots=True, kw_only=True)
class Output:
    as_json: bool = False
    quiet: bool = False
    progress: bool = True

    def say(self, text: str = "") -> None:
        """A line of the result, for people."""
        if not self.as_json:
            _write(sys.stdout, printable(text))

    def result(self, document: dict[str, Any]) -> None:
        """The result, for programs."""
        if self.as_json:
            _write(sys.stdout, json.dumps(document, ensure_ascii=False))

    def note(self, text: str) -> None:
        """Something worth knowing that isn't the result."""
        if not self.quiet:
            _write(sys.stderr, f"tamizdat: {printable(text)}")

    def error(self, error: TamizdatError) -> None:
        _write(sys.stderr, f"tamizdat: error: {printable(' '.join(str(error).split()))}")
        if error.hint:
            _write(sys.stderr, f"tamizdat: hint: {printable(error.hint)}")
        self.result({**error.facts, "error": str(error), "hint": error.hint, "status": error.status})

    @contextmanager
    def bar(self, what: str, total: int | None = None, unit: str = "file") -> Iterator[Bar]:
        """A progress bar, where one makes sense."""
        if self.quiet or not self.progress or not sys.stderr.isatty():
            yield _NoBar()
            return
        from tqdm import tqdm

        with tqdm(desc=what, total=total, unit=unit, leave=False, file=sys.stderr) as inner:
            yield _Wrapped(inner)


class _Wrapped:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def update(self, n: int = 1) -> object:
        return self._inner.update(n)

    def total(self, n: int) -> None:
        self._inner.total = n
        self._inner.refresh()


def _write(stream: Any, text: str) -> None:
    try:
        stream.write(text + "\n")
        stream.flush()
    except UnicodeEncodeError:  # a terminal that isn't UTF-8
        stream.write(text.encode("ascii", "backslashreplace").decode() + "\n")
