"""The tool's errors and the exit status each stands for.

    TamizdatError            1   something failed; the message says what, where and what to do
    ├ UsageError             2   bad arguments or configuration
    │ └ ConfigError          2   … with file, line and column
    ├ PartlyDone             3   some outlets or mirrors failed; the rest is published
    ├ DoNotTrust             4   what was checked is not authentic, or not fresh when that was asked for
    │ └ Unpinned             4   … because no trust root was given: nobody is accused
    ├ TwoHistories           5   validly signed contradiction; evidence was saved
    └ Busy                  75   another run holds the lock
    FetchError, TargetError, … stand beside the code that raises them and derive from TamizdatError.

Messages are one line. `hint` is what to do, printed on a line of its own. `facts` are for programs: `--json` shows them
beside the message.
"""

from __future__ import annotations

from typing import Any


class TamizdatError(Exception):
    status = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.facts: dict[str, Any] = {}


class UsageError(TamizdatError):
    status = 2


class ConfigError(UsageError):
    """A mistake in `tamizdat.toml`; `str()` begins with `file:line:column:`."""

    def __init__(
        self, message: str, *, path: str, line: int | None = None, column: int | None = None, hint: str | None = None
    ) -> None:
        where = ":".join(str(part) for part in (path, line, column) if part is not None)
        super().__init__(f"{where}: {message}", hint=hint)
        self.path, self.line, self.column = path, line, column


class PartlyDone(TamizdatError):
    status = 3


class DoNotTrust(TamizdatError):
    status = 4


class Unpinned(DoNotTrust):
    """No trust root was given and none is remembered: nothing can be said, which is not the same as forged."""


class TwoHistories(TamizdatError):
    status = 5


class Busy(TamizdatError):
    status = 75
