"""Injects one fault into one run, runs again, and walks what is there then.

A *point* is the n-th call of a system call by which a run changes something below its folder. A *fault* is a point and
what happens there: SIGKILL, or the call fails with ENOSPC or EIO.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.archive import newsroom
from tests.faults import driver
from tests.faults.walk import Broken, Key, load, walk
from tests.needs import ROOT

# What changes a file system. A name this machine doesn't have is marked with `?`: strace then leaves it out.
CHANGES = (
    "write", "pwrite64", "writev", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range", "msync", "syncfs",
    "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "link", "linkat", "symlink",
    "symlinkat", "truncate", "ftruncate", "fallocate", "chmod", "fchmod", "fchmodat", "utimensat", "copy_file_range",
    "sendfile",
)  # fmt: skip
OPENS = ("open", "openat", "openat2", "creat")
KINDS = ("kill", "ENOSPC", "EIO")

LOG = Key.of(newsroom.KEYS.log.verifier.text)
PUBLISHER = Key.of(newsroom.KEYS.publisher.verifier.text)

_CALL = re.compile(r"^(\d+) +(\w+)\(")


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """`number` counts from 1; `what` is the traced call, for messages."""

    call: str
    number: int
    what: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    point: Point
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.point.call} {self.point.number}: {self.point.what}"

    @property
    def strace(self) -> list[str]:
        how = "signal=SIGKILL" if self.kind == "kill" else f"error={self.kind}"
        call = self.point.call
        return ["-e", f"trace={call}", "-e", f"inject={call}:{how}:when={self.point.number}"]


class Bench:
    """A publication to break, at one path (targets are known by theirs), and a process that runs the driver on it. One
    run at a time."""

    def __init__(self, above: Path) -> None:
        """Makes both, in the folder `above`."""
        self.folder, self._template = above / "publication", above / "template"
        self._trace = above / "trace"
        driver.make(self.folder)
        self.folder.rename(self._template)
        self.expected = driver.expected()
        self._good: set[bytes] = set()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def reset(self) -> Path:
        """The publication as it was."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        # Links are enough where files are only ever renamed onto each other; the state file is written in place.
        shutil.copytree(self._template, self.folder, copy_function=_link)
        return self.folder

    def run(self, *, strace: list[str] | None = None) -> dict[str, Any]:
        """Exit status (negative: killed by that signal), what was said, and strace's lines."""
        self._trace.write_text("")
        assert self._process.stdin is not None
        request = {"folder": str(self.folder), "strace": strace, "trace": str(self._trace)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return {**self._answer(), "trace": self._trace.read_text("utf-8", "replace")}

    def walk(self, files: dict[str, bytes], *, strict: bool, history: list[bytes]) -> None:
        """Walks these files, unless they and the question are as before: most faults leave one of few trees."""
        whole = hashlib.sha256(repr((strict, sorted(set(history)))).encode())
        for path in sorted(files):
            whole.update(f"{path} {len(files[path])} ".encode())
            whole.update(files[path])
        if whole.digest() not in self._good:
            expected = self.expected if strict else None
            walk(files, log=LOG, publisher=PUBLISHER, strict=strict, history=history, expected=expected)
            self._good.add(whole.digest())

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the zygote died"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


def work_folder() -> str | None:
    """In memory where that is possible: hundreds of runs and their fsyncs cost nothing there."""
    return "/dev/shm" if Path("/dev/shm").is_dir() and shutil.disk_usage("/dev/shm").free > 2**29 else None


def points(bench: Bench) -> list[Point]:
    """Every point of a run that nothing disturbs."""
    calls = ",".join(f"?{call}" for call in (*CHANGES, *OPENS))
    folder = bench.reset()
    done = bench.run(strace=["-e", f"trace={calls}"])
    assert done["status"] == 0, done["said"]
    return list(_points(done["trace"], folder))


def _points(trace: str, folder: Path) -> Iterator[Point]:
    counts: Counter[tuple[str, str]] = Counter()
    known: set[tuple[str, int]] = set()
    for line in trace.splitlines():
        call = _CALL.match(line)
        if call is None:
            continue
        thread, name = call.groups()
        # strace counts for every thread by itself, and so every thread that gets that far is hit.
        counts[thread, name] += 1
        number = counts[thread, name]
        if f"{folder}/" not in line or (name in OPENS and name != "creat" and "O_CREAT" not in line):
            continue
        if (name, number) not in known:
            known.add((name, number))
            what = line.replace(str(folder), "").partition(" ")[2].strip()
            yield Point(name, number, re.sub(r'"[^"/]{20,}"\.*', '"…"', what)[:160])


class Unrecovered(Exception):
    """What was wrong after a fault."""


def trial(bench: Bench, fault: Fault) -> None:
    """Returns when all went well after `fault`; raises `Unrecovered`."""
    folder = bench.reset()
    trees = (folder / "archive", folder / "target")
    history = {tree: [(tree / "checkpoint").read_bytes()] for tree in trees}

    first = bench.run(strace=fault.strace)
    if fault.kind == "kill":
        _need(first["status"] == -9, f"was not killed: {first['status']} {first['said']}")
    else:
        _need("(INJECTED)" in first["trace"], f"the fault did not happen: {first['trace'][-300:]}")
        # A failing call may be one that does not matter, or one that gets done in another way.
        good = first["status"] in (0, 1) and first["said"].count("\n") == first["status"]
        _need(good, f"did not fail in good order: {first['status']} {first['said']}")
    try:
        for tree in trees:
            # Half done, but no reader is promised what is not there.
            bench.walk(load(tree), strict=False, history=history[tree])
            history[tree].append((tree / "checkpoint").read_bytes())
    except Broken as error:
        raise Unrecovered(f"{tree.name} after the fault: {error}") from error

    again = bench.run()
    _need(again["status"] == 0, f"the next run failed: {again['status']} {again['said']}")
    every = [seen for some in history.values() for seen in some]
    one, other = (load(tree) for tree in trees)
    try:
        for files in (one, other):
            bench.walk(files, strict=True, history=every)
    except Broken as error:
        raise Unrecovered(f"after the next run: {error}") from error
    differ = sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))
    _need(not differ, f"archive and target differ: {differ[:5]}")
    left = [path for name in ("tmp", "staging") for path in (folder / "state" / name).iterdir()]
    _need(not left, f"left over: {left}")


def _need(condition: object, otherwise: str) -> None:
    if not condition:
        raise Unrecovered(otherwise)


def _link(source: str, target: str) -> None:
    (shutil.copyfile if "/state/" in source else os.link)(source, target)


def faults(found: list[Point], *, sample: int | None) -> list[Fault]:
    """All of them, or so many spread over the run, of every kind and every system call."""
    every = [Fault(point, kind) for point in found for kind in KINDS]
    if sample is None or len(every) <= sample:
        return every
    step = len(every) / sample
    # Steps that are no multiple of three go round the kinds.
    return [every[int(number * step)] for number in range(sample)]
