"""Fuzzes one target with atheris: `python -m tests.fuzz.run TARGET [libFuzzer options] [FOLDER…]`.

Without a folder it works in `.fuzz/TARGET` and starts from what is committed in `tests/fuzz/corpus/TARGET`. A finding
is written to `.fuzz` as `crash-…`, `timeout-…` or `oom-…`; put it into the corpus when it is mended.
`tests.fuzz.minimize` takes over what else is new.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

CORPUS = Path(__file__).parent / "corpus"


def main() -> None:
    name = sys.argv[1]
    with atheris.instrument_imports(include=["signing", "schemas"]):
        from tests.fuzz.targets import TARGETS
    options = sys.argv[2:]
    Path(".fuzz").mkdir(exist_ok=True)
    if not any(not option.startswith("-") for option in options):
        work = Path(".fuzz") / name
        work.mkdir(parents=True, exist_ok=True)
        options += [str(work), str(CORPUS / name)]
    limits = ["-artifact_prefix=.fuzz/", "-timeout=10", "-rss_limit_mb=1024", "-max_len=20000"]
    words = CORPUS / f"{name}.dict"
    if words.exists():
        limits.append(f"-dict={words}")
    atheris.Setup([sys.argv[0], *limits, *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
