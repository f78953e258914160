"""Injects one fault into one `init`, runs a plain `init` in the same folder, and looks what is there then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mirror import publication as publications
from mirror.errors import TamizdatError
from mirror.publication import Publication
from mirror.run import seal
from tests.archive import newsroom
from tests.faults import driver
from tests.faults.harness import ATTEMPTS, Bench, Fault, Point, Unrecovered, happened, points
from tests.faults.walk import Broken, Key, walk

CONFIG = "tamizdat.toml"


class Start:
    """What `init` finds: nothing, or what an interrupted one left."""

    def __init__(self, bench: Bench, left: Path | None = None) -> None:
        self.bench, self._left = bench, left
        self.points = self._points()

    def reset(self) -> None:
        folder = self.bench.folder
        if folder.exists():
            shutil.rmtree(folder)
        if self._left is not None:
            shutil.copytree(self._left, folder)

    def _points(self) -> list[Point]:
        self.reset()
        return points(self.bench, "--init")

    def interrupted(self, at: Path) -> Start:
        """The start that has the most to clear away: all is moved out of the hidden folder but the configuration."""
        last = [point for point in self.points if point.call.startswith("rename") and f"/{CONFIG}" in point.what][-1]
        self.reset()
        self.bench.run("--init", strace=Fault(last, "kill").strace)
        names = {path.name for path in self.bench.folder.iterdir()}
        assert names > {"archive", "state", "keys"}
        assert CONFIG not in names
        shutil.copytree(self.bench.folder, at)
        return Start(self.bench, at)


def trial(start: Start, fault: Fault) -> None:
    """Returns when all went well after `fault`; raises `Unrecovered`."""
    bench = start.bench
    for _ in range(ATTEMPTS):
        start.reset()
        first = bench.run("--init", strace=fault.strace, thread=fault.point.thread)
        if happened(fault, first):
            break
    if fault.kind == "kill":
        _need(first["status"] == -9, f"was not killed: {first['status']} {first['said']}")
    else:
        _need("(INJECTED)" in first["trace"], f"the fault did not happen: {first['trace'][-300:]}")
        _need(first["status"] in (0, 1), f"did not fail in good order: {first['status']} {first['said']}")
        _need(_good_order(first["said"]), f"did not fail in good order: {first['said']}")
    there = (bench.folder / CONFIG).exists()
    if there:
        _need(fault.kind == "kill" or first["status"] == 0, "said that it failed, and left a publication")
        check_whole(bench.folder)
    else:
        try:
            Publication.open(bench.folder)
        except TamizdatError:
            pass
        else:
            raise Unrecovered("`run` would use what is half made")

    again = bench.run("--init")
    if there:
        _need(again["status"] == 2, f"the next init ended with {again['status']}: {again['said']}")
        _need("there is a publication already" in again["said"], f"the next init said {again['said']}")
        _need(_good_order(again["said"]), f"the next init said {again['said']}")
    else:
        _need((again["status"], again["said"]) == (0, ""), f"the next init: {again['status']} {again['said']}")
        left = [path.name for path in bench.folder.iterdir() if path.name.startswith(".")]
        _need(not left, f"left over: {left}")
    check_whole(bench.folder)
    _use(bench.folder)


def _good_order(said: str) -> bool:
    lines = said.splitlines()
    return len(lines) <= 2 and all(line.startswith("tamizdat: ") for line in lines) and "mistake" not in said


def check_whole(folder: Path) -> None:
    """Returns when there are all keys, and the trust files and the log name these and no others."""
    try:
        keys = {role: publications.read_key(folder / "keys" / f"{role}.key") for role in publications.ROLES}
        (trusted,) = (folder / "archive" / "trust" / "targets").glob("*.trust.json")
        document = json.loads(trusted.read_bytes())
        roles = json.loads((folder / "archive" / "trust" / "1.root.json").read_bytes())["signed"]
        with Publication.open(folder).archive() as archive:
            origin = archive.head().origin
    except (TamizdatError, OSError, ValueError) as error:
        raise Unrecovered(f"a half publication: {error!r}") from error
    _need([log["key"] for log in document["logs"]] == [keys["log"].verifier.text], "the log's key is another")
    _need([one["key"] for one in document["publishers"]] == [keys["publisher"].verifier.text], "the publisher's is")
    for role, of in {"root": "root", "targets": "root", "snapshot": "online", "timestamp": "online"}.items():
        known = [roles["keys"][one]["keyval"]["public"] for one in roles["roles"][role]["keyids"]]
        _need(known == [keys[of].verifier.public.hex()], f"the key for {role} is another")
    _need(origin == keys["log"].name, "the log's name is another")


def _use(folder: Path) -> None:
    """A first edition comes out, and is as the format says."""
    publication = Publication.open(folder)
    with publication.archive() as archive, archive.locked():
        archive.store.reserve = 0
        seal(publication, archive, driver.OUT, now=newsroom.at(60))
    keys = publication.keys()
    try:
        walk(
            folder / "archive",
            log=Key.of(keys.log.verifier.text),
            publisher=Key.of(keys.publisher.verifier.text),
            expected=set(),
        )
    except Broken as error:
        raise Unrecovered(f"the first edition: {error}") from error


def _need(condition: object, otherwise: str) -> None:
    if not condition:
        raise Unrecovered(otherwise)
