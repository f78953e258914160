"""A publication with very many mirrors, of which some are dead, hang, lie or stand still."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mirror.publication import Publication
from tests.needs import ROOT
from tests.servers import free_port
from tests.servers.many import Mirrors
from tests.world import OUTLET, World, article

RUN = """
import sys, time
from mirror import catchup, cli, publish, publishing
catchup.catch_up.__kwdefaults__["deadline"] = 1.0  # or every run here would wait for those that hang
def told(what, inner):
    def outer(job, *words):
        if what == "ended":
            inner(job, *words)
        seconds = time.monotonic() - job.round.began
        sys.stdout.write(f"{what} {job.config.name} {seconds:.3f} {time.process_time():.3f}\\n")
        sys.stdout.flush()
        if what == "pushed":
            inner(job, *words)
    return outer
publishing._Job._read_back = told("pushed", publishing._Job._read_back)
publishing._Job._work = told("ended", publishing._Job._work)
sys.argv = ["tamizdat", *sys.argv[1:]]
cli.entry()
"""


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    seconds: float
    out: str
    said: str
    pushed: dict[str, float]
    """When each target had everything, in seconds from the beginning of the pushes on."""
    ended: dict[str, float]
    """When it had been read back, too."""
    cpu: float

    @property
    def last_healthy(self) -> float:
        return max(seconds for name, seconds in self.pushed.items() if name.startswith(("good", "slow")))


class Thicket:
    def __init__(
        self,
        folder: Path,
        mirrors: Mirrors,
        *,
        good: int,
        slow: int = 0,
        dead: int = 0,
        hanging: int = 0,
        tampered: int = 0,
        stale: int = 0,
        publish: str = "",
    ) -> None:
        self.world = World(folder, now=datetime.now(UTC))
        self.folder, self.mirrors = folder, mirrors
        self.number = 0
        self.names = {
            kind: [f"{kind}{number:03}" for number in range(count)]
            for kind, count in {
                "good": good,
                "slow": slow,
                "dead": dead,
                "hanging": hanging,
                "tampered": tampered,
                "stale": stale,
            }.items()
        }
        path = folder / "tamizdat.toml"
        lines = [
            path.read_text()
            .replace('# reserve = "512MiB"', "reserve = 0")
            .replace("\n[publish]\n", f"\n[publish]\n{publish}")
        ]
        nobody = free_port()
        for kind, names in self.names.items():
            for name in names:
                url, public = mirrors.write(name), mirrors.read(name)
                if kind in ("dead", "hanging"):
                    port = nobody if kind == "dead" else mirrors.hanging
                    url, public = f"put+http://127.0.0.1:{port}/w/{name}", f"http://127.0.0.1:{port}/r/{name}/"
                lines.append(f'[target.{name}]\nurl = "{url}"\npublic = "{public}"\n')
        # Nothing is fetched: `articles` puts them in.
        lines.append(f'[outlet.{OUTLET.id}]\nname = "{OUTLET.name}"\nurl = "{OUTLET.url}"\npaused = true\n')
        path.write_text("\n".join(lines))
        self.world.publication = Publication.open(path)

    def articles(self, count: int) -> None:
        now = f"{self.world.now:%Y-%m-%dT%H:%M:%SZ}"
        numbers = range(self.number, self.number + count)
        self.world.add(*(article(number, fetched=now, published=now) for number in numbers))
        self.number += count

    def run(self, *words: str) -> Ran:
        """The command itself, in a process of its own."""
        began = time.monotonic()
        command = [sys.executable, "-c", RUN, *(words or ("run",)), "--no-progress", "--config", str(self.folder)]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        told = [line.split() for line in done.stdout.splitlines() if line.startswith(("pushed ", "ended "))]
        return Ran(
            done.returncode,
            time.monotonic() - began,
            done.stdout,
            done.stderr,
            {name: float(seconds) for what, name, seconds, _ in told if what == "pushed"},
            {name: float(seconds) for what, name, seconds, _ in told if what == "ended"},
            max((float(cpu) for *_, cpu in told), default=0.0),
        )

    def alone(self, name: str) -> float:
        """Seconds until this one has everything, when it is the only one."""
        self.run("seal")
        return self.run("publish", name).pushed[name]

    def status(self) -> dict[str, Any]:
        command = [sys.executable, "-m", "mirror.cli", "status", "--json", "--config", str(self.folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        found: dict[str, Any] = json.loads(done.stdout)
        return found
