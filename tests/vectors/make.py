"""Writes `mirrors/` and `cases/`, the same bytes each time: `python -m tests.vectors.make [folder]`."""

from __future__ import annotations

import base64
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.vectors import asked_of_mirrors, asked_of_time, asked_of_trust, bytes_alone
from tests.vectors.book import Book


def write(folder: Path) -> None:
    """All mirrors and cases, below `folder`; what was there before is removed."""
    book = Book()
    bytes_alone.write(book)
    before, plain = asked_of_mirrors.plain_mirrors(book)
    asked_of_mirrors.write(book, plain)
    asked_of_time.write(book, before, plain)
    asked_of_trust.write(book, plain)
    for name in ("mirrors", "cases"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    for name, (about, files) in book.mirrors.items():
        encoded = {path: base64.b64encode(data).decode() for path, data in sorted(files.items())}
        save(folder / "mirrors" / f"{name}.json", {"about": about, "files": encoded})
    for name, case in book.cases.items():
        save(folder / "cases" / f"{name}.json", case)


def save(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
