"""How a command speaks: results on stdout, everything else on stderr.

With `--json`, stdout carries one JSON object (or one per line for a stream) and nothing else. Progress bars show only
on a terminal.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

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


# C0 and C1 controls; characters that turn or isolate the writing direction (the invisible marks of Persian and Hebrew
# text, U+200C to U+200F, stay); line and paragraph separators; halves of surrogate pairs, from file names.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` fit for a terminal: control and bidi-override characters shown as escapes, so that no mirror or outlet
    can move the cursor, hide a line or reorder one. Line breaks and tabs stay."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def one_line(text: str) -> str:
    """`text` as one line: for what others wrote, so that it can't add lines of its own to what we say."""
    indent = text[: len(text) - len(text.lstrip(" "))]
    return indent + " ".join(text.split())


def count(number: int, one: str, many: str | None = None) -> str:
    """A number and what is counted: 1 log, 2 logs."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def entries(number: int) -> str:
    """1 entry, 2 entries."""
    return count(number, "entry", "entries")


def in_a_sentence(text: str) -> str:
    """An operating system's sentence ("Connection refused") as a part of one of ours."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


@dataclass(slots=True, kw_only=True)
class Output:
    as_json: bool = False
    quiet: bool = False
    progress: bool = True

    def say(self, text: str = "") -> None:
        """A line of the result, for people."""
        if not self.as_json:
            _write(sys.stdout, printable(text))

    def result(self, document: Mapping[str, Any]) -> None:
        """The result, for programs."""
        if self.as_json:
            encoding = getattr(sys.stdout, "encoding", None) or "ascii"
            utf8 = encoding.lower().replace("-", "") == "utf8"
            # printable() makes JSON escapes of what must not reach a terminal raw, and there only stand in strings.
            _write(sys.stdout, printable(json.dumps(document, ensure_ascii=not utf8)))

    def note(self, text: str) -> None:
        """Something worth knowing that isn't the result."""
        if not self.quiet:
            _write(sys.stderr, f"tamizdat: {printable(one_line(text))}")

    def error(self, error: TamizdatError) -> None:
        _write(sys.stderr, f"tamizdat: error: {printable(one_line(str(error)))}")
        if error.hint:
            _write(sys.stderr, f"tamizdat: hint: {printable(one_line(error.hint))}")
        self.result({**error.facts, "error": str(error), "hint": error.hint, "status": error.status})

    @contextmanager
    def bar(self, what: str, total: int | None = None, unit: str = "file") -> Iterator[Bar]:
        """A progress bar, where one makes sense."""
        if self.quiet or not self.progress or sys.stderr is None or not sys.stderr.isatty():
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


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed before we were started
        return
    try:
        stream.write(text + "\n")
    except UnicodeEncodeError:  # not UTF-8, and not set up by `prepare`
        stream.write(text.encode("ascii", "backslashreplace").decode() + "\n")
    stream.flush()


def prepare() -> None:
    """Make the standard streams take whatever there is to say: a terminal that isn't UTF-8 gets escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
