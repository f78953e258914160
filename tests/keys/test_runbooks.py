"""Every command of every runbook is run, as it stands there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest

from tests.keys.sandbox import Sandbox, commands
from tests.needs import ROOT

RUNBOOKS = ROOT / "deploy/runbooks"


def lose(*roles: str) -> Callable[[Sandbox], None]:
    def happens(sandbox: Sandbox) -> None:
        for role in roles:
            (sandbox.home / "keys" / f"{role}.key").unlink()

    return happens


def lose_share(name: str) -> Callable[[Sandbox], None]:
    def happens(sandbox: Sandbox) -> None:
        shutil.rmtree(sandbox.stick(f"usb-{name}"))

    return happens


def forget_the_passphrase(sandbox: Sandbox) -> None:
    sandbox.environ["KEYS_PASSPHRASE"] = "another one, since nobody knows the first"
    sandbox.environ["NEW_PASSPHRASE"] = "and a third that everybody will keep"


def break_the_disk(sandbox: Sandbox) -> None:
    shutil.copytree(sandbox.home, sandbox.stick("backup") / "publication")
    sandbox.article(2)
    sandbox.ok("run", "--quiet")
    shutil.rmtree(sandbox.home)
    sandbox.cwd = sandbox.folder


def nothing(sandbox: Sandbox) -> None:
    """The runbook is for a good day."""


HAPPENED = {
    "lost-online-key.md": lose("online"),
    "stolen-online-key.md": nothing,
    "lost-root-share.md": lose_share("b"),
    "stolen-root-share.md": nothing,
    "log-key.md": lose("log"),
    "new-year.md": nothing,
    "publisher-key.md": lose("publisher"),
    "lost-passphrase.md": forget_the_passphrase,
    "restore-from-backup.md": break_the_disk,
}


def test_every_runbook_is_run_here_and_listed_on_the_first_page() -> None:
    found = {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}
    assert found == {*HAPPENED, "two-of-three.md"}
    assert set(re.findall(r"\]\(([a-z-]+\.md)\)", (RUNBOOKS / "README.md").read_text("utf-8"))) == found


def test_every_runbook_says_what_readers_see() -> None:
    for path in RUNBOOKS.glob("*.md"):
        text = path.read_text("utf-8")
        assert path.name == "README.md" or "**Readers see**" in text, path.name
        assert len(commands(text)) >= 2 or path.name == "README.md"


@pytest.mark.parametrize("name", HAPPENED)
def test_a_runbook_does_what_it_says(name: str, split: Sandbox) -> None:
    """Afterwards a reader with the old pin, and one who remembers, both verify both mirrors, also a new article."""
    remembers = split.read(1, "--trust", split.fingerprint)
    assert remembers.status == 0, remembers
    HAPPENED[name](split)
    split.runbook(name)
    split.article(9)
    split.ok("run", "--quiet")
    for mirror in (1, 2):
        for words in ((), ("--trust", split.environ["FINGERPRINT"], "--no-memory")):
            read = split.read(mirror, *words)
            assert read.status == 0, (read.out, read.err)
            assert read.json["authentic"] is True
            assert read.json["fresh"] == "fresh"


def test_the_first_runbook_makes_the_root_two_of_three(split: Sandbox) -> None:
    root = split.ok("key", "list", "--json").json["root"]
    assert (root["threshold"], len(root["keys"]), root["here"]) == (2, 3, 0)
    assert split.read(1, "--trust", split.fingerprint).status == 0
