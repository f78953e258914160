"""One Node process over many cases: what the JavaScript twin says of them, and what Python says."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.needs import ROOT, missing, program
from tests.vectors.run import run

RUNNER = ROOT / "tests" / "web" / "cases.mjs"

Case = dict[str, Any]


def node() -> str:
    """Node 18 or later, which has WebCrypto's Ed25519."""
    found = program("node")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    if int(version.lstrip("v").split(".")[0]) < 18:
        missing("Node 18 or later")
    return found


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def in_javascript(
    folder: Path, mirrors: Mapping[str, Mapping[str, bytes]], cases: Sequence[Case], *, fallback: bool = False
) -> list[Any]:
    """The twin's results, in order."""
    file = folder / "cases.json"
    written = {name: {path: b64(data) for path, data in files.items()} for name, files in mirrors.items()}
    file.write_text(json.dumps({"mirrors": written, "cases": cases}))
    command = [node(), str(RUNNER), str(file), *(["--fallback"] if fallback else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def in_python(mirrors: Mapping[str, Mapping[str, bytes]], cases: Sequence[Case]) -> list[Any]:
    results = []
    for case in cases:
        files = dict(mirrors.get(case.get("mirror", ""), {}))
        for path, text in case.get("change", {}).items():
            if text is None:
                files.pop(path, None)
            else:
                files[path] = base64.b64decode(text)
        results.append(json.loads(json.dumps(run(case, files))))
    return results


def differences(cases: Sequence[Case], python: Sequence[Any], javascript: Sequence[Any]) -> list[str]:
    """Where the two disagree in what Python says; a line each. `proved` is what the twin's own evidence proved."""
    assert len(cases) == len(python) == len(javascript)
    found = []
    for case, one, other in zip(cases, python, javascript, strict=True):
        for member, value in one.items():
            theirs = other.get(member, "nothing") if "crash" not in other else other["crash"]
            # JavaScript's JSON has no whole numbers above 2^53.
            if theirs != value and not (isinstance(value, int) and value > 2**53 and float(value) == theirs):
                found.append(f"{case.get('about')}: {member} is {value!r} in Python, {theirs!r} in JavaScript")
        if other.get("evidence") and "proved" in other and other["proved"] != other["evidence"]:
            found.append(f"{case.get('about')}: the twin's evidence proves {other['proved']!r}")
    return found
