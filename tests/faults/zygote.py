"""Runs the driver many times without starting Python many times.

A process that has imported everything and forks for every run. The child waits until strace is attached, works, and
exits. Requests and answers are lines of JSON on stdin and stdout:

    {"folder": "…", "strace": ["-e", "inject=fsync:error=EIO:when=3", …] | null, "trace": "/path"}
    {"status": 1, "said": "tamizdat: error: …"}                 status as subprocess has it: -9 when killed
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from tests.faults import driver

_PR_SET_PTRACER = 0x59616D61


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:  # everything that is imported late is imported now
        driver.make(Path(folder) / "warm")
        driver.run(Path(folder) / "warm")
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(one(request["folder"], request["strace"], request["trace"])), flush=True)


def one(folder: str, strace: list[str] | None, trace: str) -> dict[str, Any]:
    said = f"{trace}.said"
    go, start = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(start)
        _child(folder, go, said)
    os.close(go)
    tracer = None
    if strace is not None:
        tracer = subprocess.Popen(
            ["strace", "-f", "-y", "-o", trace, *strace, "-p", str(child)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while not _traced(child):
            if tracer.poll() is not None:
                os.kill(child, 9)
                os.waitpid(child, 0)
                assert tracer.stderr is not None
                return {"status": None, "said": tracer.stderr.read().decode()}
            time.sleep(0.001)
    os.write(start, b"go")
    os.close(start)
    _, status = os.waitpid(child, 0)
    if tracer is not None:
        tracer.communicate()
    return {"status": os.waitstatus_to_exitcode(status), "said": Path(said).read_text("utf-8")}


def _child(folder: str, go: int, said: str) -> None:
    status = 70
    try:
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        # Where Yama allows tracing only by parents: anybody may trace this one.
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
        os.read(go, 2)
        status = driver.main([folder])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _traced(pid: int) -> bool:
    text = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    return "TracerPid:\t0\n" not in text


if __name__ == "__main__":
    main()
