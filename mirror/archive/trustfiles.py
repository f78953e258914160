"""The trust files in the archive: which of them went out of use, and the entry that the log gets for a trust.json."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from mirror.archive.rows import EntryRow

_READER = ".reader.html"


def superseded(paths: Iterable[str], newer: Iterable[str]) -> list[str]:
    """Those of `paths` that are snapshot or targets metadata of a lower version than one in `newer`, or another
    reader.html than one there. Nothing leads to them any more, so no reader could check them; old roots stay, since
    readers walk through them. (So do the other old targets: they are small.)"""
    newer = set(newer)
    versions = {role: number for role, number in map(_trust_version, newer) if role}
    another = any(path.endswith(_READER) for path in newer)
    old = []
    for path in paths:
        role, number = _trust_version(path)
        if number < versions.get(role, 0) or (another and path.endswith(_READER) and path not in newer):
            old.append(path)
    return old


def _trust_version(path: str) -> tuple[str, int]:
    number, _, role = path.removeprefix("trust/").removesuffix(".json").partition(".")
    return (role, int(number)) if role in ("snapshot", "targets") and number.isdigit() else ("", 0)


def trust_entry(document: bytes) -> EntryRow:
    """The entry of this trust.json; raises ValueError when it is none."""
    from signing.entry import entry_of
    from signing.packing import parse_json

    parsed = parse_json(document)
    if not isinstance(parsed, dict):
        raise ValueError("trust.json holds no document")
    entry = entry_of(parsed, hashlib.sha256(document).hexdigest(), len(document))
    return EntryRow(
        digest=entry.digest, kind=entry.kind, outlet=None, url_digest=None, size=entry.size, time=entry.time
    )
