"""The attack table in DESIGN.md, these tests, and the list that binds them are the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.attacks import ATTACKS
from tests.needs import ROOT

HERE = Path(__file__).parent


def _table() -> dict[str, tuple[str, ...]]:
    text = (ROOT / "DESIGN.md").read_text("utf-8")
    (table,) = re.findall(r"<!-- attacks -->\n(.*?)<!-- /attacks -->", text, re.DOTALL)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
    assert rows[0][0] == "attack"
    return {row[0]: tuple(re.findall(r"`(test_\w+)`", row[3])) for row in rows[2:]}


def _written(file: Path) -> set[str]:
    """The tests in a file."""
    found = ast.parse(file.read_text("utf-8")).body
    return {one.name for one in found if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}


def test_every_attack_names_tests_that_exist_and_every_test_is_named() -> None:
    there = {
        f"{file.name}::{name}" for file in HERE.glob("test_*.py") if file != Path(__file__) for name in _written(file)
    }
    assert len(there) > 20
    named = {test for tests in ATTACKS.values() for test in tests}
    assert named == there


def test_the_design_prints_exactly_these() -> None:
    assert _table() == {attack: tuple(test.partition("::")[2] for test in tests) for attack, tests in ATTACKS.items()}
