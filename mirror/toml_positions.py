"""Where things stand in a TOML text: the position of every table header, key and value.

`tomllib` says what a document means but not where it says it, and a message about a configuration is worth little
without line and column. `locate` walks a text that `tomllib` has **already accepted** - it checks nothing again - and
keeps, for each path into the parsed document, where its key and its value are written:

    [outlet.sample]              headers: ("outlet", "sample")
    feeds = ["a", "b"]           keys:    ("outlet", "sample", "feeds")
                                 values:  ("outlet", "sample", "feeds"), (…, "feeds", 0), (…, "feeds", 1)

Paths are tuples of table keys and array indices, as jsonschema's `absolute_path` has them. Bare, quoted and dotted
keys, arrays of tables, inline tables and the four kinds of strings are understood (TOML 1.0).
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_FILL = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
# What ends a number, date or boolean. A date may hold a blank, so blanks do not end it; they are trimmed afterwards.
_SCALAR = re.compile(r"[^,\]}#\r\n]*")
_STRINGS = (
    re.compile(r'"""(?:[^\\]|\\.)*?"""(?!")', re.DOTALL),
    re.compile(r"'''.*?'''(?!')", re.DOTALL),
    re.compile(r'"(?:[^"\\]|\\.)*"'),
    re.compile(r"'[^']*'"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Offsets into the text, and the line and column (from 1, in characters) of the first."""

    start: int
    end: int
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    headers: dict[Path, Span] = field(default_factory=dict)
    keys: dict[Path, Span] = field(default_factory=dict)
    values: dict[Path, Span] = field(default_factory=dict)

    def of(self, path: Path) -> Span | None:
        """The best place to point at for this path: its key, its header, its value, else its parent's."""
        while path:
            found = self.keys.get(path) or self.headers.get(path) or self.values.get(path)
            if found:
                return found
            # A table named only as part of `[a.b]` or `a.b = 1`: point at the first thing written inside it.
            inside = [span for at, span in (*self.headers.items(), *self.keys.items()) if at[: len(path)] == path]
            if inside:
                return min(inside, key=lambda span: span.start)
            path = path[:-1]
        return None


def locate(text: str) -> Positions:
    """The positions in a text that `tomllib.loads` accepts; for any other text the answer means nothing."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found = Positions()
        self.tables_in_array: dict[Path, int] = {}
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def scan(self) -> Positions:
        table: Path = ()
        while self._skip(_FILL) < len(self.text):
            table = self._header() if self.text[self.at] == "[" else self._pair(table)
        return self.found

    def _header(self) -> Path:
        start, array = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        names = self._key()
        self.at += 2 if array else 1
        path: Path = ()
        for name, _ in names[:-1]:
            path = self._newest((*path, name))
        path = (*path, names[-1][0])
        if array:
            self.tables_in_array[path] = self.tables_in_array.get(path, 0) + 1
            path = self._newest(path)
        self.found.headers[path] = self._span(start)
        return path

    def _newest(self, path: Path) -> Path:
        """`path`, or where it is an array of tables, the path of its newest member."""
        count = self.tables_in_array.get(path)
        return (*path, count - 1) if count else path

    def _pair(self, table: Path) -> Path:
        """Reads `key = value`; gives back the table it stands in, unchanged."""
        path = table
        for name, span in self._key():
            path = (*path, name)
            self.found.keys.setdefault(path, span)
        self.at += 1  # the equals sign
        self._skip(_BLANK)
        self._value(path)
        return table

    def _key(self) -> list[tuple[str, Span]]:
        """A bare, quoted or dotted key, up to but without the `=` or `]` behind it."""
        names: list[tuple[str, Span]] = []
        while True:
            self._skip(_BLANK)
            start = self.at
            quoted = self.text[self.at] in "\"'"
            if quoted:
                self._skip_string()
            else:
                self._skip(_BARE_KEY)
            written = self.text[start : self.at]
            name = str(tomllib.loads(f"k = {written}")["k"]) if quoted else written
            names.append((name, self._span(start)))
            self._skip(_BLANK)
            if self.text[self.at] != ".":
                return names
            self.at += 1

    def _value(self, path: Path) -> None:
        start = self.at
        opening = self.text[start]
        if opening in "[{":
            self.at += 1
            closing, index = {"[": "]", "{": "}"}[opening], 0
            while self._skip(_FILL) < len(self.text) and self.text[self.at] != closing:
                if self.text[self.at] == ",":
                    self.at += 1
                elif opening == "[":
                    self._value((*path, index))
                    index += 1
                else:
                    self._pair(path)
            self.at += 1
        elif opening in "\"'":
            self._skip_string()
        else:
            self._skip(_SCALAR)
            self.at = start + len(self.text[start : self.at].rstrip())
        self.found.values[path] = self._span(start)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return self.at

    def _skip_string(self) -> None:
        for pattern in _STRINGS:
            match = pattern.match(self.text, self.at)
            if match:
                self.at = match.end()
                return
        self.at = len(self.text)  # not reached for a text tomllib accepts

    def _span(self, start: int) -> Span:
        low, high = 0, len(self.line_starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.line_starts[middle] <= start else (low, middle)
        return Span(start=start, end=self.at, line=low + 1, column=start - self.line_starts[low] + 1)
