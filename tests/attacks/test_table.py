"""The attack table in DESIGN.md, these tests, and the lists that bind them are the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.attacks import ATTACKS
from tests.needs import ROOT
from tests.web.test_twin import JAVASCRIPT

HERE = Path(__file__).parent


def _rows() -> list[list[str]]:
    text = (ROOT / "DESIGN.md").read_text("utf-8")
    (table,) = re.findall(r"<!-- attacks -->\n(.*?)<!-- /attacks -->", text, re.DOTALL)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
    assert rows[0][0] == "attack"
    return rows[2:]


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
    printed = {row[0]: tuple(re.findall(r"`(test_\w+)`", row[3])) for row in _rows()}
    assert printed == {attack: tuple(test.partition("::")[2] for test in tests) for attack, tests in ATTACKS.items()}


def test_the_design_prints_exactly_the_tests_in_javascript() -> None:
    there = set(re.findall(r"^  attack\('([^']+)'", (ROOT / "tests/web/attacks.test.mjs").read_text("utf-8"), re.M))
    assert len(there) > 10
    printed = {row[0]: tuple(re.findall("“([^”]+)”", row[4])) or row[4] for row in _rows()}
    assert printed == {attack: JAVASCRIPT.get(attack, "–") for attack in ATTACKS}
    named = {name for names in JAVASCRIPT.values() for name in names}
    assert there - named == {"an honest mirror is believed, and what to remember is plain data"}, "no attack"
    assert named <= there
