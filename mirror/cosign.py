"""Witnesses between sealing and publishing: the policy in force, and getting the newest checkpoint cosigned.

The policy is the target `witness.policy` of the archive's own trust files; without one nobody is asked. What a seal
promises is held back until as many witnesses as the policy wants have cosigned it (`Archive.uncosigned`).
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirror.archive.errors import CorruptArchive
from mirror.output import count, entries
from signing.errors import SigningError, shown

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.output import Output
    from signing.policy import Policy


# Which witnesses do not follow the current log: a fact of the state, for `status` and `doctor`.
UNFOLLOWED = "unfollowed"


def policy_of(archive: Archive) -> Policy | None:
    """The witness policy that the archive's own trust files list; None without one. Nothing is verified: these are our
    own files, and whoever signs on top of them walks them. Raises `CorruptArchive`."""
    from signing.policy import Policy

    try:
        data = _target(archive, "witness.policy")
        return None if data is None else Policy.parse(data)
    except (ValueError, KeyError, TypeError, SigningError) as error:
        raise CorruptArchive(
            f"{archive.store.root}/trust: the witness policy can't be read: {error}", hint="restore it from a mirror"
        ) from error


def _target(archive: Archive, name: str) -> bytes | None:
    """A target file of the archive's own trust files; None when they list none of this name."""

    def metadata(name: str) -> dict[str, Any]:
        data = archive.store.read(f"trust/{name}")
        if data is None:
            raise CorruptArchive(f"{archive.store.root}/trust/{name}: missing", hint="restore it from a mirror")
        document: dict[str, Any] = json.loads(data)["signed"]
        return document

    snapshot = metadata(f"{metadata('timestamp.json')['meta']['snapshot.json']['version']}.snapshot.json")
    targets = metadata(f"{snapshot['meta']['targets.json']['version']}.targets.json")["targets"]
    if name not in targets:
        return None
    return archive.store.read(f"trust/targets/{targets[name]['hashes']['sha256']}.{name}") or b""


def follow_line(key: str) -> str:
    """What the operator of each witness has to type before the log with this key is cosigned; DIR is its folder."""
    return f"tamizdat witness add-log DIR {key}"


def unfollowed(archive: Archive) -> tuple[tuple[str, ...], str] | None:
    """The witnesses that said, when they were asked last, that they do not follow the log whose newest checkpoint waits
    for them; and the log's key, which they have to be told. None when nothing waits, or all follow it."""
    if archive.uncosigned() is None:
        return None
    with archive.state.reading() as tx:
        fact = tx.fact(UNFOLLOWED)
    try:
        origin, names = json.loads(fact or "[null, []]")
        log = json.loads(_target(archive, "trust.json") or b"")["logs"][-1]
        key = str(log["key"])
    except (ValueError, KeyError, TypeError):
        return None  # `doctor` says what is wrong with the trust files
    return (tuple(map(str, names)), key) if names and origin == archive.head().origin == log["origin"] else None


def _note_unfollowed(archive: Archive, names: list[str]) -> None:
    fact = json.dumps([archive.head().origin, names]) if names else None
    with archive.state.reading() as tx:
        if tx.fact(UNFOLLOWED) == fact:
            return
    with archive.state.writing() as tx:
        if fact is None:
            tx.drop_fact(UNFOLLOWED)
        else:
            tx.put_fact(UNFOLLOWED, fact)


def cosign_head(archive: Archive, policy: Policy | None, out: Output, now: datetime) -> bool:
    """Whether the newest checkpoint has the cosignatures it needs, or needs none. Asks for those that are missing, and
    attaches what comes; what is said of a witness that gave none is a note."""
    checkpoint = archive.uncosigned()
    if checkpoint is None:
        return True
    from mirror.witness.client import ask
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
    lines: list[bytes] = []
    replies = ask(checkpoint, policy, hashes.consistency)
    for reply in replies:
        lines.extend(reply.lines)
        if reply.problem:
            out.note(reply.line)
    have = cosigners(attach(checkpoint, lines), policy.keys)
    complete = policy.satisfied(have)
    if lines or complete:
        archive.attach_cosignatures(lines, complete=complete, now=now)
    _note_unfollowed(archive, [] if complete else [shown(one.witness.name) for one in replies if not one.follows])
    if not complete:
        out.note(
            f"the checkpoint of {entries(head.size)} has {count(len(have), 'cosignature')}; "
            f"the policy wants {policy.need}: it is held back until the witnesses answer"
        )
        if (missing := unfollowed(archive)) is not None:
            out.note(f"whoever runs {', '.join(missing[0])} must give there: {follow_line(missing[1])}")
    return complete
