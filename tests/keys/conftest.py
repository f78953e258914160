"""One publication for all tests of this folder, copied for each: making it costs seconds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirror import keys
from mirror.commands import keys as commands
from tests.keys.sandbox import PASSPHRASE, SHARE_PASSPHRASE, Sandbox


def typed(prompt: str, what: str) -> str:
    """What the people in these tests type: holders of shares one passphrase, the operator another."""
    ours = os.environ.get("KEYS_PASSPHRASE", PASSPHRASE)
    return SHARE_PASSPHRASE if "/media/" in what or what == "these keys" else ours


@pytest.fixture(autouse=True)
def _people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_typed", typed)
    monkeypatch.setattr(commands, "_confirm", lambda question: None)


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sandbox, Sandbox]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_typed", typed)
        patch.setattr(commands, "_confirm", lambda question: None)
        single = Sandbox(tmp_path_factory.mktemp("single"))
        single.make()
        split = single.copy_to(tmp_path_factory.mktemp("split") / "all")
        split.split_root()
    return single, split


@pytest.fixture
def single(_made: tuple[Sandbox, Sandbox], tmp_path: Path) -> Sandbox:
    """A new publication: one root key, on its machine."""
    return _made[0].copy_to(tmp_path / "single")


@pytest.fixture
def split(_made: tuple[Sandbox, Sandbox], tmp_path: Path) -> Sandbox:
    """A publication whose root is two of three, on sticks."""
    return _made[1].copy_to(tmp_path / "split")
