"""What fuzzing kept, once more: no crash, no hang, bounded memory. `make fuzz` looks for more."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS
from tests.needs import ROOT

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 5
"""For one input. The slowest takes 0.1 s when the machine has nothing else to do."""


@contextmanager
def within(seconds: int) -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise TimeoutError(f"more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_every_input_of_the_corpus_is_taken_or_refused(name: str) -> None:
    files = sorted((CORPUS / name).iterdir())
    assert files
    for file in files:
        with within(SECONDS):
            TARGETS[name](file.read_bytes())


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_inputs_cut_short_or_padded_are_taken_or_refused(name: str, everything: bool) -> None:
    for file in sorted((CORPUS / name).iterdir())[: None if everything else 6]:
        data = file.read_bytes()
        step = max(1, len(data) // (40 if everything else 5))
        with within(60):
            for at in range(0, len(data), step):
                TARGETS[name](data[:at])
                TARGETS[name](data[:at] + b"\xff" + data[at:])


def test_the_corpus_stays_small_and_has_a_folder_for_every_target() -> None:
    found = {path.name for path in CORPUS.iterdir() if path.is_dir()}
    assert found == set(TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 300_000


def test_no_target_needs_much_memory() -> None:
    """All of the corpus in a process that may have 600 MB of address space, and inputs that ask for more."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))

    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.fuzz.targets import TARGETS\n"
        "for name, target in TARGETS.items():\n"
        "    for file in sorted((Path(sys.argv[1]) / name).iterdir()):\n"
        "        target(file.read_bytes())\n"
        "    for big in (b'[' * 2_000_000, b'9' * 2_000_000, b'\\n' * 2_000_000, b'\\x01' + b'{\"a\":' * 400_000):\n"
        "        target(big)\n"
        "print('done')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(CORPUS)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-2000:]
