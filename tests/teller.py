"""Typing commands as a reader does, and what the tool says to them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mirror import gather, read
from mirror.cli import main
from mirror.read import Patience

QUICK = Patience(connect=2.0, idle=0.6, total=1.5, rate=1e9, look=8.0, slowest=1e9, glance=2.0)


class Told:
    """What a command said and how it ended."""

    def __init__(self, status: int, out: str, err: str, seconds: float) -> None:
        self.status, self.out, self.err, self.seconds = status, out, err, seconds

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Everything, for messages that may stand on either side."""
        return self.out + self.err


Say = Callable[..., Told]


def teller(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Types a command in an empty folder; nothing it does may leave a traceback, or a file beside its output. It waits
    for mirrors as little as tests can bear."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "memory"))
    monkeypatch.setenv("TAMIZDAT_DEBUG", "1")  # a mistake in the tool is raised, not told in one line
    monkeypatch.setattr(read, "PATIENCE", QUICK)
    monkeypatch.setattr(gather, "PATIENCE", QUICK)

    def type_(*words: str) -> Told:
        capsys.readouterr()
        began = time.monotonic()
        status = main(list(words))
        seconds = time.monotonic() - began
        told = Told(status, *capsys.readouterr(), seconds)
        assert "Traceback" not in told.err + told.out
        for line in told.err.splitlines():
            assert line.startswith("tamizdat: "), line
        assert len(told.err.splitlines()) <= 6
        assert {one.name for one in here.iterdir()} <= {"out", "pack.tamizdat"}
        return told

    return type_
