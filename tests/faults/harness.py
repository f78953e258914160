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
from tests.faults.walk import Broken, Key, load, read, walk
from tests.needs import ROOT, chance

# What changes a file system. A name this machine doesn't have is marked with `?`: strace then leaves it out.
CHANGES = (
    "write", "pwrite64", "writev", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range", "msync", "syncfs",
    "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "link", "linkat", "symlink",
    "symlinkat", "truncate", "ftruncate", "fallocate", "chmod", "fchmod", "fchmodat", "utimensat", "copy_file_range",
    "sendfile",
)  # fmt: skip
OPENS = ("open", "openat", "openat2", "creat")
CLONES = ("clone", "clone3")
KINDS = ("kill", "ENOSPC", "EIO")

LOG = Key.of(newsroom.KEYS.log.verifier.text)
PUBLISHER = Key.of(newsroom.KEYS.publisher.verifier.text)

_CALL = re.compile(r"^(\d+) +(\w+)\(")


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """`number` counts from 1, the calls of one thread; threads are numbered as they are started. `what` is the traced
    call, for messages."""

    thread: int
    call: str
    number: int
    what: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    point: Point
    kind: str

    def __str__(self) -> str:
        point = self.point
        return f"{self.kind} at {point.call} {point.number} of thread {point.thread}: {point.what}"

    @property
    def strace(self) -> list[str]:
        how = "signal=SIGKILL" if self.kind == "kill" else f"error={self.kind}"
        call = self.point.call
        return ["-e", f"trace={call}", "-e", f"inject={call}:{how}:when={self.point.number}"]


class Bench:
    """A publication to break, at one path (targets are known by theirs), and a process that runs the driver on it. One
    run at a time."""

    def __init__(self, above: Path, *, like: Bench | None = None) -> None:
        """Makes both, in the folder `above`; the publication like that of another bench is faster."""
        self.folder, self._template = above / "publication", above / "template"
        self._trace = above / "trace"
        self.made = like.made if like else above / "made"
        if like is None:
            driver.make(self.made)
        driver.place(self.made, self.folder)
        self.folder.rename(self._template)
        self.expected = driver.expected()
        self._good: set[bytes] = set()
        self._files = _Files(self._template)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote", str(self.made)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def reset(self) -> Path:
        """The publication as it was."""
        self._files.put_back(self.folder)
        return self.folder

    def load(self, tree: str) -> dict[str, bytes]:
        """Every file of one of the trees."""
        return self._files.load(self.folder, tree)

    def run(self, *options: str, strace: list[str] | None = None, thread: int = 0) -> dict[str, Any]:
        """Exit status (negative: killed by that signal), what was said, and strace's lines."""
        self._trace.write_text("")
        assert self._process.stdin is not None
        request = {"words": [str(self.folder), *options], "strace": strace, "thread": thread, "trace": str(self._trace)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return {**self._answer(), "trace": self._trace.read_text("utf-8", "replace")}

    def walk(self, files: dict[str, bytes], *, strict: bool, history: list[bytes]) -> None:
        """Walks these files, unless they and the question are as before: most faults leave one of few trees."""
        whole = hashlib.sha256(repr((strict, sorted(set(history)))).encode())
        for path in sorted(files):
            whole.update(path.encode() + self._files.digest(files[path]))
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


class _Files:
    """What a publication is reset to. Few files change from fault to fault: the others are links to those of a
    template, told by their inodes, and read and hashed once."""

    def __init__(self, template: Path) -> None:
        self._template = str(template)
        self._folders: list[str] = []
        self._inodes: dict[str, int] = {}
        self._known: dict[tuple[int, int, int], bytes] = {}
        self._digests: dict[bytes, bytes] = {}
        for folder, _, names in os.walk(template):
            self._folders.append(folder[len(self._template) :])
            for name in names:
                about = os.stat(f"{folder}/{name}")
                path = f"{folder}/{name}"[len(self._template) :]
                # Links are enough where files are only ever renamed onto each other; some of state/ are written in
                # place, and so are copied.
                self._inodes[path] = -1 if path.startswith("/state/") else about.st_ino
                # A file that somebody writes to in place is noticed.
                self._known[about.st_ino, about.st_mtime_ns, about.st_size] = Path(folder, name).read_bytes()

    def put_back(self, folder: Path) -> None:
        """The folder is like the template."""
        folder.mkdir(exist_ok=True)
        there = self._remove_others(str(folder))
        for path in self._folders:
            if path not in there:
                os.makedirs(f"{folder}{path}", exist_ok=True)
        for path, inode in self._inodes.items():
            if path not in there:
                (shutil.copyfile if inode == -1 else os.link)(f"{self._template}{path}", f"{folder}{path}")

    def _remove_others(self, top: str) -> set[str]:
        kept: set[str] = set()
        folders = set(self._folders)
        waiting = [top]
        while waiting:
            for entry in os.scandir(waiting.pop()):
                path = entry.path[len(top) :]
                if entry.is_dir(follow_symlinks=False):
                    if path in folders:
                        kept.add(path)
                        waiting.append(entry.path)
                    else:
                        shutil.rmtree(entry.path)
                elif self._inodes.get(path) == entry.inode():
                    kept.add(path)
                else:
                    os.unlink(entry.path)
        return kept

    def load(self, folder: Path, tree: str) -> dict[str, bytes]:
        return load(folder / tree, self._read)

    def _read(self, file: os.DirEntry[str]) -> bytes:
        about = file.stat()
        known = self._known.get((about.st_ino, about.st_mtime_ns, about.st_size))
        return read(file) if known is None else known

    def digest(self, data: bytes) -> bytes:
        found = self._digests.get(data)
        if found is None:
            found = self._digests[data] = hashlib.sha256(data).digest()
        return found


def work_folder() -> str | None:
    """In memory where that is possible: hundreds of runs and their fsyncs cost nothing there."""
    return "/dev/shm" if Path("/dev/shm").is_dir() and shutil.disk_usage("/dev/shm").free > 2**29 else None


def points(bench: Bench, *options: str) -> list[Point]:
    """Every point of a run that nothing disturbs and that starts with the folder as it is now."""
    calls = ",".join(f"?{call}" for call in (*CHANGES, *OPENS, *CLONES))
    done = bench.run(*options, strace=["-f", "-e", f"trace={calls}"])
    assert done["status"] == 0, done["said"]
    return list(_points(done["trace"], bench.folder))


def _points(trace: str, folder: Path) -> Iterator[Point]:
    counts: Counter[tuple[str, str]] = Counter()
    inside = re.compile(re.escape(str(folder)) + r'[/">]')
    threads: list[str] = []
    for line in trace.splitlines():
        if born := re.search(r"\bclone3?\b.* = (\d+)$", line):
            threads.append(born[1])
        call = _CALL.match(line)
        if call is None or call[2] in CLONES:
            continue
        if not threads:
            threads.append(call[1])
        thread, name = call.groups()
        counts[thread, name] += 1  # strace counts for every thread by itself
        if not inside.search(line) or (name in OPENS and name != "creat" and "O_CREAT" not in line):
            continue
        if re.search(r"\) += -1 E", line):
            continue  # it changed nothing
        what = line.replace(str(folder), "").partition(" ")[2].strip()
        what = re.sub(r'"[^"/]{20,}"\.*', '"…"', what)[:160]
        yield Point(threads.index(thread), name, counts[thread, name], what)


class Unrecovered(Exception):
    """What was wrong after a fault."""


# The tenth mkdir of one run may be the eleventh of another: a call more or less by the interpreter moves the count.
ATTEMPTS = 6
PART = 10  # CI tries one in so many


def happened(fault: Fault, run: dict[str, Any]) -> bool:
    """Whether the run met the fault."""
    return bool(run["status"] == -9 if fault.kind == "kill" else "(INJECTED)" in run["trace"])


def trial(bench: Bench, fault: Fault) -> None:
    """Returns when all went well after `fault`; raises `Unrecovered`."""
    trees = ("archive", "target")
    for _ in range(ATTEMPTS):
        folder = bench.reset()
        history = {tree: [(folder / tree / "checkpoint").read_bytes()] for tree in trees}
        first = bench.run(strace=fault.strace, thread=fault.point.thread)
        if happened(fault, first):
            break
    if fault.kind == "kill":
        _need(first["status"] == -9, f"was not killed: {first['status']} {first['said']}")
    else:
        _need("(INJECTED)" in first["trace"], f"the fault did not happen: {first['trace'][-300:]}")
        # A failing call may be one that does not matter, or one that gets done in another way.
        lines = first["said"].splitlines()
        good = first["status"] in (0, 1, 3) and bool(lines) == bool(first["status"]) and len(lines) <= 2
        good = good and all(line.startswith("tamizdat: ") for line in lines) and "mistake" not in first["said"]
        _need(good, f"did not fail in good order: {first['status']} {first['said']}")
    try:
        for tree in trees:
            # Half done, but no reader is promised what is not there.
            bench.walk(bench.load(tree), strict=False, history=history[tree])
            history[tree].append((folder / tree / "checkpoint").read_bytes())
    except Broken as error:
        raise Unrecovered(f"{tree} after the fault: {error}") from error

    again = bench.run()
    _need(again["status"] == 0, f"the next run failed: {again['status']} {again['said']}")
    every = [seen for some in history.values() for seen in some]
    one, other = (bench.load(tree) for tree in trees)
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


def faults(found: list[Point], *, sample: int | None, part: int = 1) -> list[Fault]:
    """All of them, or so many spread over the run, of every kind and every system call. With `part`, without `sample`:
    one of so many, taken by chance, so that several versions of the program meet them all in the end."""
    every = [Fault(point, kind) for point in found for kind in KINDS]
    if sample is None and part > 1:
        chosen = set(chance("faults")[0].sample(range(len(every)), len(every) // part))
        return [fault for number, fault in enumerate(every) if number in chosen]
    if sample is None or len(every) <= sample:
        return every
    step = len(every) / sample
    # Steps that are no multiple of three go round the kinds.
    return [every[int(number * step)] for number in range(sample)]
