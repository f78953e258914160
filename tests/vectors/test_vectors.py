"""The conformance vectors: Python agrees with them, and they are what `make.py` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.vectors import make
from tests.vectors.run import ASKS, HERE, mirror_of, run

CASES = sorted((HERE / "cases").glob("*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_must_come_out_comes_out(path: Path) -> None:
    case: dict[str, Any] = json.loads(path.read_text())
    found = run(case, mirror_of(case))
    assert {name: found.get(name, "nothing") for name in case["expect"]} == case["expect"], case["about"]


def test_writing_them_again_gives_the_same_bytes(tmp_path: Path) -> None:
    make.write(tmp_path)

    def files(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for name in ("mirrors", "cases")
            for path in (folder / name).iterdir()
        }

    made, kept = files(tmp_path), files(HERE)
    assert sorted(made) == sorted(kept)
    assert [name for name in made if made[name] != kept[name]] == []


def test_there_are_cases_of_every_kind_and_they_are_small() -> None:
    cases = [json.loads(path.read_text()) for path in CASES]
    assert {case["ask"]["what"] for case in cases} == set(ASKS)
    assert all(case["about"] and case["expect"] for case in cases)
    assert sum(path.stat().st_size for path in HERE.rglob("*.json")) < 1_500_000
