"""Runs the driver many times without starting Python many times.

A process that has imported everything and forks for every run. The child, or the one of its threads that is to be
traced, waits until strace is attached; then it works, and exits. Requests and answers are lines of JSON on stdin and
stdout:

    {"words": ["FOLDER", …], "strace": ["-e", "inject=fsync:error=EIO:when=3", …] | null, "thread": 0, "trace": "/path"}
    {"status": 1, "said": "tamizdat: error: …"}                 status as subprocess has it: -9 when killed

The words are the driver's; threads are numbered in the order in which they are started, 0 is the first one. The
argument is a publication to warm up with, as `driver.make` makes it.
"""

from __future__ import annotations

import ctypes
import gc
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import schemas
from mirror import catchup, cosign, mend, pack
from mirror.archive import adopt
from mirror.witness import client
from tests.faults import driver, steps

_WARM = (catchup, cosign, mend, adopt, client, steps)  # imported late, where they are used
_PR_SET_PTRACER = 0x59616D61


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:  # everything that is imported late is imported now
        _remember_checks()
        warm = Path(folder) / "warm"
        driver.place(Path(sys.argv[1]), warm)
        driver.run(warm)
        driver.init(Path(folder) / "new")
    gc.collect()
    gc.freeze()  # or every child would copy all of memory, just by looking whether it is garbage
    gc.disable()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(one(**json.loads(line))), flush=True)


def _remember_checks() -> None:
    """A document that was found good is not checked again. Half of a run's time is schemas, and every run checks the
    same documents; what they say does not depend on the disk."""
    check, good = schemas.check_twice, set[tuple[str, str]]()

    def checked(name: str, document: object) -> None:
        key = name, json.dumps(document)
        if key not in good:
            check(name, document)
            good.add(key)

    schemas.check_twice = pack.check_twice = checked


def one(words: list[str], strace: list[str] | None, thread: int, trace: str) -> dict[str, Any]:
    said = f"{trace}.said"
    go, start = os.pipe()
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(start)
        os.close(hear)
        _child(words, said, None if strace is None else thread, go=go, tell=tell)
    os.close(go)
    os.close(tell)
    tracer = None
    # Nothing is heard when there is no such thread; then nothing is traced.
    if strace is not None and (told := os.read(hear, 20)):
        traced = int(told)
        tracer = subprocess.Popen(
            ["strace", "-y", "-o", trace, *strace, "-p", str(traced)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        while not _traced(traced):
            if tracer.poll() is not None:
                os.kill(child, 9)
                os.waitpid(child, 0)
                assert tracer.stderr is not None
                return {"status": None, "said": tracer.stderr.read().decode()}
            time.sleep(0.001)
        os.write(start, b"go")
    os.close(start)
    os.close(hear)
    _, status = os.waitpid(child, 0)
    if tracer is not None:
        tracer.communicate()
    return {"status": os.waitstatus_to_exitcode(status), "said": Path(said).read_text("utf-8")}


def _child(words: list[str], said: str, thread: int | None, *, go: int, tell: int) -> None:
    status = 70
    try:
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        # Where Yama allows tracing only by parents: anybody may trace this one.
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)

        def wait() -> None:
            os.write(tell, str(threading.get_native_id()).encode())
            os.read(go, 2)

        if thread == 0:
            wait()
        elif thread is not None:
            _in_thread(thread, wait)
        status = driver.main(words)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _in_thread(number: int, wait: Any) -> None:
    """`wait` is called first thing in the thread that is started as this one."""
    numbers, start, run = itertools.count(1), threading.Thread.start, threading.Thread.run
    chosen: list[threading.Thread] = []

    def numbered_start(thread: threading.Thread) -> None:
        if next(numbers) == number:
            chosen.append(thread)
        start(thread)

    def waiting_run(thread: threading.Thread) -> None:
        if thread in chosen:
            wait()
        run(thread)

    threading.Thread.start, threading.Thread.run = numbered_start, waiting_run  # type: ignore[method-assign]


def _traced(thread: int) -> bool:
    try:
        return "TracerPid:\t0\n" not in Path(f"/proc/{thread}/status").read_text("ascii", "replace")
    except OSError:
        return False


if __name__ == "__main__":
    main()
