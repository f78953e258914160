"""docs/mirrors: every page is in the index, and every command in them is one that the tool takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from mirror.cli import parser
from tests.needs import ROOT

FOLDER = ROOT / "docs" / "mirrors"
PAGES = sorted(FOLDER.glob("*.md"))


def commands(page: Path) -> list[list[str]]:
    """What stands after `tamizdat` in code, blocks and single lines alike; pipes and redirections are the shell's."""
    text = page.read_text("utf-8")
    blocks = "\n".join(re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)).replace("\\\n", " ")
    lines = [line.strip().removeprefix("$ ") for line in blocks.splitlines()]
    # In a sentence a command may be named without what it takes.
    lines += [
        line
        for line in re.findall(r"`(tamizdat [^`]+)`", re.sub(r"\s*\n\s*", " ", text))
        if len(line.split()) > 3 and "…" not in line
    ]
    found = []
    for line in lines:
        if line.startswith("tamizdat "):
            words = shlex.split(re.split(r"\s(?:[|>#;]|>>|&&)\s?", line)[0], comments=True)
            found.append(words[1:])
    return found


def test_there_is_an_index_and_it_names_every_page() -> None:
    index = (FOLDER / "README.md").read_text("utf-8")
    named = set(re.findall(r"\(([a-z0-9-]+\.md)\)", index))
    assert {page.name for page in PAGES} - {"README.md"} <= named
    assert len(PAGES) > 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_on_a_page_is_one_that_the_tool_takes(page: Path) -> None:
    for words in commands(page):
        parser().parse_args(words)


def test_the_pages_do_have_commands() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 20
