"""Witnesses between sealing and publishing: the policy in force, and getting the newest checkpoint cosigned.

The policy is the target `witness.policy` of the archive's own trust files; without one nobody is asked. What a seal
promises is held back until as many witnesses as the policy wants have cosigned it (`Archive.uncosigned`).
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirror.archive.errors import CorruptArchive
from signing.errors import SigningError

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.output import Output
    from signing.policy import Policy


def policy_of(archive: Archive) -> Policy | None:
    """The witness policy that the archive's own trust files list; None without one. Nothing is verified: these are our
    own files, and whoever signs on top of them walks them. Raises `CorruptArchive`."""
    from signing.policy import Policy

    def metadata(name: str) -> dict[str, Any]:
        data = archive.store.read(f"trust/{name}")
        if data is None:
            raise CorruptArchive(f"{archive.store.root}/trust/{name}: missing", hint="restore it from a mirror")
        document: dict[str, Any] = json.loads(data)["signed"]
        return document

    try:
        snapshot = metadata(f"{metadata('timestamp.json')['meta']['snapshot.json']['version']}.snapshot.json")
        targets = metadata(f"{snapshot['meta']['targets.json']['version']}.targets.json")["targets"]
        if "witness.policy" not in targets:
            return None
        path = f"trust/targets/{targets['witness.policy']['hashes']['sha256']}.witness.policy"
        return Policy.parse(archive.store.read(path) or b"")
    except (ValueError, KeyError, TypeError, SigningError) as error:
        raise CorruptArchive(
            f"{archive.store.root}/trust: the witness policy can't be read: {error}", hint="restore it from a mirror"
        ) from error


def cosign_head(archive: Archive, policy: Policy | None, out: Output, now: datetime) -> bool:
    """Whether the newest checkpoint has the cosignatures it needs, or needs none. Asks for those that are missing, and
    attaches what comes; what is said of a witness that gave none is a note."""
    checkpoint = archive.uncosigned()
    if checkpoint is None:
        return True
    from mirror.witness.client import cosign
    from signing.cosignature import attach, cosigners
    from signing.tiles import TileHashes

    head = archive.head()
    if policy is None:
        # The policy was taken back after this was sealed.
        archive.attach_cosignatures([], complete=True, now=now)
        return archive.uncosigned() is None

    def tile(path: str) -> bytes:
        data = archive.store.read(f"{head.path}/{path}" if head.path else path)
        if data is None:
            raise LookupError(f"{path} is missing")
        return data

    hashes = TileHashes(head.size, head.root, tile)
    lines = cosign(checkpoint, policy, hashes.consistency, report=out.note)
    have = cosigners(attach(checkpoint, lines), policy.keys)
    complete = policy.satisfied(have)
    if lines or complete:
        archive.attach_cosignatures(lines, complete=complete, now=now)
    if not complete:
        out.note(
            f"the checkpoint of {head.size} entries has {len(have)} cosignatures; the policy wants {policy.need}: "
            "it is held back until the witnesses answer"
        )
    return complete
