"""Takes into the corpus what is new in a folder that fuzzing filled: `python -m tests.fuzz.minimize TARGET [FOLDER]`.

New is an input that takes a step from one line to another, in `signing` or `schemas`, that no input of the corpus
takes. Of those the fewest and smallest are chosen; inputs above 6,000 bytes are left out. Without a folder it is
`.fuzz/TARGET`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
LARGEST = 6000
Steps = set[tuple[str, int | None, int]]


def steps(name: str, data: bytes) -> Steps:
    """Every step from line to line that this input takes."""
    taken: Steps = set()
    last: dict[int, int] = {}

    def line(frame: FrameType, event: str, _argument: Any) -> Any:
        # A line that raises is another step than one that does not.
        number = -frame.f_lineno if event == "exception" else frame.f_lineno
        taken.add((frame.f_code.co_filename, last.get(id(frame)), number))
        last[id(frame)] = number
        return line

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return line if {"signing", "schemas"} & set(Path(frame.f_code.co_filename).parts) else None

    sys.settrace(call)
    try:
        TARGETS[name](data)
    finally:
        sys.settrace(None)
    return taken


def main() -> None:
    """Copies what is new, and says how much there is."""
    name = sys.argv[1]
    source = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(".fuzz") / name
    known: Steps = set()
    for file in (CORPUS / name).iterdir():
        known |= steps(name, file.read_bytes())
    found = {file: file.read_bytes() for file in source.iterdir()}
    offered = {file: steps(name, data) for file, data in found.items() if len(data) <= LARGEST}
    kept = 0
    while offered:
        best = max(offered, key=lambda file: (len(offered[file] - known), -len(found[file])))
        new = offered.pop(best) - known
        if not new:
            break
        known |= new
        (CORPUS / name / best.name[:12]).write_bytes(found[best])
        kept += 1
    print(f"{name}: {kept} of {len(found)} inputs kept, {len(known)} steps")


if __name__ == "__main__":
    main()
