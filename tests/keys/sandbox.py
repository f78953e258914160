"""A publication with its root in three pieces, sticks, mirrors and readers, driven through the command line.

Everything lies below one folder: `var/lib/tamizdat/publication`, `media/usb-a` to `usb-e`, `media/courier`, `mirrors/1`
and `2`, and a reader's memory. Passphrases are typed by `typed`; yes is said by `says_yes`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mirror import config as configuration
from mirror import config_edit, keys, pack
from mirror.archive import Addition
from mirror.cli import main
from mirror.publication import Publication, timestamp
from tests import world

OUTLET = """
[outlet.lantern]
name = "The Lantern"
url = "https://lantern.example/"
feeds = ["https://lantern.example/feed.xml"]
language = "en"
paused = true
"""

PASSPHRASE = "every morning the ferry waits"
SHARE_PASSPHRASE = "seven lemons in a blue bowl"


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.out.splitlines()[-1]))


class Sandbox:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cwd = folder
        self.environ: dict[str, str] = {}

    # Places

    @property
    def home(self) -> Path:
        return self.folder / "var/lib/tamizdat/publication"

    def stick(self, name: str) -> Path:
        path = self.folder / "media" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def mirror(self, number: int) -> Path:
        return self.folder / "mirrors" / str(number)

    @property
    def publication(self) -> Publication:
        return Publication.open(self.home)

    # Making

    def make(self) -> None:
        """A new publication with two mirrors and one article in the log."""
        for name in ("usb-a", "usb-b", "usb-c", "usb-d", "usb-e", "courier", "backup"):
            self.stick(name)
        self.home.parent.mkdir(parents=True)
        self.environ["KEYS_PASSPHRASE"] = PASSPHRASE
        self.ok(
            "init", self.home, "--name", "World", "--origin", "world.example", "--passphrase", "env:KEYS_PASSPHRASE"
        )
        config = self.home / configuration.FILE_NAME
        config_edit.write(config, config.read_text("utf-8").replace('"512MiB"', '"0B"') + OUTLET)
        for number in (1, 2):
            self.mirror(number).mkdir(parents=True)
            config_edit.add_target(config, name=f"mirror-{number}", url=str(self.mirror(number)))
        self.environ["FINGERPRINT"] = self.fingerprint
        self.cwd = self.home
        self.article(1)
        self.ok("run", "--quiet")

    def split_root(self) -> None:
        """Does what the runbook says."""
        self.runbook("two-of-three.md")

    def copy_to(self, folder: Path) -> Sandbox:
        """The same, elsewhere."""
        shutil.copytree(self.folder, folder, symlinks=True)
        made = Sandbox(folder)
        made.environ = dict(self.environ)
        config = made.home / configuration.FILE_NAME
        config_edit.write(config, config.read_text("utf-8").replace(str(self.folder), str(folder)))
        made.cwd = made.home
        return made

    @property
    def fingerprint(self) -> str:
        return self.publication.fingerprint()

    def article(self, number: int, *, time: str | None = None) -> str:
        """An article of now, or of `time`, that waits for the next seal; returns its address."""
        publication = self.publication
        now = time or timestamp(datetime.now(UTC))
        one = world.article(number, fetched=now, published=now)
        with self.environment(), publication.archive() as archive, archive.locked():
            whole, parts = pack.split(one, lambda: "ab" * 16)
            stored = pack.bundle(pack.to_document(whole), publication.key("publisher"))
            archive.add_many([Addition(article=whole, stored=stored, objects=parts, content_key=f"key {number}")])
        return one.url

    # Running

    def __call__(self, *words: object) -> Said:
        """A command of ours, in the current folder."""
        out, err = io.StringIO(), io.StringIO()
        with self.environment(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([str(word) for word in words])
        said = Said(status, out.getvalue(), err.getvalue())
        assert "Traceback" not in said.err
        assert "a mistake in this tool" not in said.err, said.err
        return said

    def ok(self, *words: object) -> Said:
        said = self(*words)
        assert said.status == 0, (words, said.out, said.err)
        return said

    def refused(self, status: int, *words: object) -> str:
        """What the command says on stderr: one line of error, at most one of advice, and this status."""
        said = self(*words)
        assert said.status == status, (words, said.out, said.err)
        errors = [line for line in said.err.splitlines() if line.startswith("tamizdat: error: ")]
        assert len(errors) == 1, said.err
        return said.err

    @contextlib.contextmanager
    def environment(self) -> Iterator[None]:
        before, here = dict(os.environ), Path.cwd()
        os.environ.update(self.environ)
        os.environ["XDG_STATE_HOME"] = str(self.folder / "memory")
        os.chdir(self.cwd)
        keys.forget_passphrases()
        try:
            yield
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ.update(before)

    def read(self, mirror: Path | int, *words: object) -> Said:
        """What a reader of this mirror is told."""
        return self("verify", self.mirror(mirror) if isinstance(mirror, int) else mirror, "--json", *words)

    # Runbooks

    def runbook(self, name: str) -> int:
        """Every command of a runbook, in order, as it stands there; how many there were."""
        from tests.needs import ROOT

        count = 0
        for line in commands((ROOT / "deploy/runbooks" / name).read_text("utf-8")):
            count += 1
            self.line(line)
        return count

    def line(self, line: str) -> None:
        """One line of a shell, which must end well."""
        text = line.replace("/media/", f"{self.folder}/media/").replace("/var/lib/", f"{self.folder}/var/lib/")
        text = text.replace("$FINGERPRINT", self.environ["FINGERPRINT"])
        words = shlex.split(text)
        if words[0] == "cd":
            self.cwd = Path(words[1])
        elif words[0] == "tamizdat":
            self.ok(*words[1:])
        else:
            done = subprocess.run(["sh", "-ec", text], cwd=self.cwd, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (line, done.stderr)


def commands(text: str) -> list[str]:
    """The lines of all command blocks of a page."""
    found: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("```"):
            assert inside or line == "```sh", f"a block without a language: {line}"
            inside = not inside
        elif inside and line.strip():
            found.append(line)
    assert not inside
    return found
