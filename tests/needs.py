"""What a test may need from outside the project: shared vectors and pages, and real servers.

Locally a missing program skips the test with a reason. Under `CI` it fails instead: a suite that skips in silence
proves nothing, and `.ci/run` knows how to install each. The shared material is not the project's to install, so
without it tests skip everywhere.
"""

from __future__ import annotations

import functools
import hashlib
import os
import random
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
IN_CI = bool(os.environ.get("CI"))


@functools.cache
def _seed() -> str:
    sources = sorted(path for name in ("mirror", "schemas", "signing") for path in (ROOT / name).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def chance(what: str) -> tuple[random.Random, str]:
    """What a sample is drawn with, and the seed, for messages. Seeds are made from the program's sources: the same
    program meets the same sample, a changed one another. `TAMIZDAT_SEED` is taken instead where it is set."""
    seed = os.environ.get("TAMIZDAT_SEED") or _seed()
    return random.Random(f"{what} {seed}"), seed


def missing(what: str) -> NoReturn:
    """Skip, or under CI fail."""
    if IN_CI:
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


def shared(path: str) -> Path:
    """A file or folder of the shared test material (`$TAMIZDAT_SHARED`, by default beside the project)."""
    found = Path(os.environ.get("TAMIZDAT_SHARED", ROOT.parent / "shared")) / path
    if not found.exists():
        pytest.skip(f"shared test material {path} is missing")
    return found


def program(*names: str) -> str:
    """The first of these programs that is installed, on the path, beside this Python, or for administrators."""
    for name in names:
        found = shutil.which(name) or shutil.which(name, path=f"{Path(sys.executable).parent}:/usr/sbin:/sbin")
        if found:
            return found
    missing(f"program {' or '.join(names)}")
