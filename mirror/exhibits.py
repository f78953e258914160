"""What a mirror served that isn't what was published, kept whole, so that the operator can show it.

    DIR/evidence/mirrors/NAME/20310402T080000Z-<12 hex of SHA-256>.json   who, when, which file, headers, both hashes
    DIR/evidence/mirrors/NAME/20310402T080000Z-<12 hex of SHA-256>.body   the bytes that came, at most `MOST`

The edition or the log that names the right hash is signed, so the two files say by themselves that what came is another
one; that it came from that host, only the operator's word says.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mirror import durable

if TYPE_CHECKING:
    from mirror.answers import Answer

MOST: Final = 1 << 20  # bytes of one body
FILES: Final = 20  # of one mirror: a host that alters everything shall not fill the disk


def exhibit(folder: Path, target: str, answer: Answer, *, expected: str | None, why: str, now: datetime) -> Path | None:
    """The file that describes it; None when it could not be kept, or when there is enough of that mirror. The same
    bytes for the same file are kept once."""
    place = folder / "evidence" / "mirrors" / target
    digest = hashlib.sha256(answer.body).hexdigest()
    named = hashlib.sha256(f"{answer.path} {digest}".encode()).hexdigest()[:12]
    when = now.astimezone(UTC)
    try:
        there = sorted(place.glob("*.json")) if place.is_dir() else []
        if same := next((file for file in there if file.stem.endswith(named)), None):
            return same
        if len(there) >= FILES:
            return None
        durable.make_folder(place)
        file = place / f"{when:%Y%m%dT%H%M%SZ}-{named}.json"
        document: dict[str, Any] = {
            "kind": "exhibit",
            "target": target,
            "url": answer.url,
            "path": answer.path,
            "time": f"{when:%Y-%m-%dT%H:%M:%SZ}",
            "why": why[:1000],
            "status": answer.status,
            "headers": [list(pair) for pair in answer.headers],
            "sha256": digest,
            "size": len(answer.body),
            "expected_sha256": expected,
            "body": file.with_suffix(".body").name,
        }
        durable.write(file.with_suffix(".body"), answer.body[:MOST])
        durable.write(file, json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")
    except OSError:
        return None
    return file
