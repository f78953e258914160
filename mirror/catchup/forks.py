"""Evidence of a second history: two checkpoints that our own log key signed and that contradict each other."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from mirror import durable
from mirror.archive.errors import storage_error
from mirror.errors import TamizdatError
from signing import evidence
from signing.errors import SigningError
from signing.merkle import range_hash
from signing.tiles import TileHashes

_SAVING = threading.Lock()  # pushes to several targets meet one fork at once


def save_fork(
    folder: Path,
    *,
    origin: str,
    checkpoints: tuple[bytes, bytes],
    old: int,
    hashes: TileHashes,
    files: Mapping[str, bytes],
    where: str,
    now: datetime,
) -> Path:
    """The file with the evidence (`signing.evidence`): two signed checkpoints, the smaller one first, the trust files
    that say whose key signed them, and, when their sizes differ, a proof from the newer one's tiles of what the older
    one should have been."""
    prefix: bytes | None = None
    proof: tuple[bytes, ...] = ()
    with contextlib.suppress(SigningError, LookupError, TamizdatError):
        if old < hashes.size:
            prefix, proof = range_hash(0, old, hashes.read), hashes.consistency(old)
    data = evidence.encode(
        evidence.fork_document(
            checkpoints,
            origin=origin,
            files=files,
            time=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            reason="two checkpoints of one log, both signed by its key, contradict each other",
            where=where,
            prefix=prefix,
            hashes=proof,
        )
    )
    # Named by what contradicts: seen again, with another time or other cosignatures, it is the same.
    texts = sorted(note.partition(b"\n\n")[0] for note in checkpoints)
    named = hashlib.sha256(b"\0".join([origin.encode(), *texts])).hexdigest()[:16]
    file = folder / f"fork-{named}.json"
    with _SAVING:
        with contextlib.suppress(OSError):
            if file.stat().st_size >= len(data):
                return file
        try:
            durable.make_folder(folder)
            durable.write(file, data)
        except OSError as error:
            raise storage_error(error, "saving evidence of a second history", file) from error
    return file
