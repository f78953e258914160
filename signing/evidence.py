"""Portable evidence: one file from which anybody who has the pin can see that somebody contradicted himself.

    {"v":1,"kind":"evidence","type":"fork","origin":"example.org/log/2027","reason":"…","where":"https://m2.example",
     "time":"2027-03-01T10:00:00Z",
     "checkpoints":["example.org/log/2027\\n8\\n…","example.org/log/2027\\n8\\n…"],
     "files":{"trust/1.root.json":"{…}","trust/timestamp.json":"{…}", …}}

It is one line of JSON (`signing.packing`), at most 4 MiB. `files` are trust files as a mirror serves them, complete
enough to be walked from the pin: they say whose keys these are. `reason`, `where` and `time` are hearsay. What else
there is depends on `type`:

    fork    `checkpoints` are two of the log `origin`, both signed by its key. With the same size they have different
            roots. Otherwise `prefix` (hex) is the root that the larger tree has at the size of the smaller one,
            `hashes` (base64) are the consistency proof from there to the larger one, and `prefix` is not the root that
            was signed.
    freeze  `checkpoints` is one of the log `origin`, signed by its key, that cannot be reconciled with where trust.json
            says the log ended: it is larger, or as large with another root, or smaller and `prefix` and `hashes` show,
            as for a fork, that the frozen tree does not begin with it.
    trust   `metadata` are two TUF files of one role and one version that say different things, both signed by the
            threshold of keys that one root in `files` sets, the newest by which either is signed. The role is root or
            targets: an online key, which may be stolen any day, can sign two timestamps or snapshots of one version,
            and accuses nobody. `origin` is the publication's.

Signatures are all that counts: it doesn't matter who hands the file over, what he says about it, how old it is, or
whether witnesses signed. What is not proved this way is refused, so nobody can raise an alarm with garbage. A signed
checkpoint of an earlier size, a bad consistency line, expired files and missing ones are no misbehaviour.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from signing import checkpoint as checkpoints
from signing import packing
from signing.checkpoint import Checkpoint
from signing.errors import BadEvidence, SigningError, shown
from signing.merkle import MAX_HASHES, check_consistency
from signing.roles import LogKey, Trust

MAX_BYTES = 4 << 20
MAX_FILES = 300

# Whose files say who may sign; the others are about dates.
ACCUSING = ("root", "targets")

Kind = Literal["fork", "freeze", "trust"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """What was proved: the kind, whose log or publication it is, and one line that says who contradicted himself."""

    type: Kind
    origin: str
    text: str


# --- made ------------------------------------------------------------------------------------------------------------


def fork_document(
    checkpoints: Sequence[bytes],
    *,
    origin: str,
    files: Mapping[str, bytes],
    time: str,
    reason: str,
    where: str | None = None,
    prefix: bytes | None = None,
    hashes: Sequence[bytes] = (),
    type: Kind = "fork",
) -> dict[str, object]:
    """The document that shows these checkpoints (as they were served) to be irreconcilable: two for a fork, one for a
    freeze. `prefix` and `hashes` as in the module's docstring, absent when the sizes are equal. Nothing is verified."""
    document: dict[str, object] = {
        "v": 1,
        "kind": "evidence",
        "type": type,
        "origin": origin,
        "reason": reason,
        **({} if where is None else {"where": where}),
        "time": time,
        "checkpoints": [note.decode() for note in checkpoints],
    }
    if prefix is not None:
        document["prefix"] = prefix.hex()
        document["hashes"] = [base64.b64encode(one).decode() for one in hashes]
    document["files"] = {path: data.decode() for path, data in files.items()}
    return document


def freeze_document(checkpoint: bytes, **facts: object) -> dict[str, object]:
    """The document that shows this checkpoint to contradict the end of its log; arguments as for `fork_document`."""
    return fork_document([checkpoint], type="freeze", **facts)  # type: ignore[arg-type]  # the same facts


def trust_document(
    metadata: Sequence[bytes],
    *,
    origin: str,
    files: Mapping[str, bytes],
    time: str,
    reason: str,
    where: str | None = None,
) -> dict[str, object]:
    """The document that shows these two trust files to contradict each other. Nothing is verified."""
    return {
        "v": 1,
        "kind": "evidence",
        "type": "trust",
        "origin": origin,
        "reason": reason,
        **({} if where is None else {"where": where}),
        "time": time,
        "metadata": [data.decode() for data in metadata],
        "files": {path: data.decode() for path, data in files.items()},
    }


def encode(document: Mapping[str, object]) -> bytes:
    """The evidence as a file: one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


# --- proved ----------------------------------------------------------------------------------------------------------


def parse(data: bytes) -> dict[str, object]:
    """The document in a file, of which nothing is verified. BadEvidence unless it claims to be evidence."""
    if len(data) > MAX_BYTES:
        raise BadEvidence(f"evidence has at most {MAX_BYTES} bytes, not {len(data)}")
    try:
        document = packing.parse_json(data)
    except SigningError as error:
        raise BadEvidence(f"this is not evidence: {error}") from None
    if not isinstance(document, dict) or document.get("kind") != "evidence" or document.get("v") != 1:
        raise BadEvidence("this is not evidence")
    if isinstance(document["v"], bool):  # to Python, true is a 1
        raise BadEvidence("this is not evidence")
    return document


def prove(
    document: Mapping[str, object] | bytes,
    *,
    pin: str | bytes,
    now: datetime | str,
    roots: Mapping[str, bytes] = MappingProxyType({}),
) -> Misbehaviour:
    """What this document proves to somebody who pinned `pin`. BadEvidence when it proves nothing, whatever the reason.

    `pin` is the publication's fingerprint, or a root file. `now` decides nothing: dates are no part of evidence.
    `roots` are root files known from elsewhere, by path, verified: whoever hands evidence over may have left out those
    by which a key no longer counts alone.
    """
    try:
        return _prove(parse(document) if isinstance(document, bytes) else document, pin, now, roots)
    except BadEvidence:
        raise
    except SigningError as error:
        raise BadEvidence(str(error)) from error


def _prove(
    document: Mapping[str, object], pin: str | bytes, now: datetime | str, roots: Mapping[str, bytes]
) -> Misbehaviour:
    from signing.trust import walk

    kind, origin = document.get("type"), _text(document, "origin")
    files = _files(document)
    view = walk(lambda path, _cap: files.get(path), pin=pin, now=now)
    trust = Trust.from_document(packing.parse_json(view.trust), view.policy)
    if kind == "trust":
        if origin != trust.origin:
            raise BadEvidence(f"the trust files are of {shown(trust.origin)}, not of {shown(origin)}")
        return _prove_trust(document, trust, {**roots, **view.files})
    log = trust.log(origin)
    if log is None:
        raise BadEvidence(f"{shown(trust.origin)} has no log {shown(origin)}")
    if kind == "fork":
        return _prove_fork(document, log)
    if kind == "freeze":
        return _prove_freeze(document, log)
    raise BadEvidence(f"there is no evidence of type {shown(kind)}")


def _prove_fork(document: Mapping[str, object], log: LogKey) -> Misbehaviour:
    first, second = _checkpoints(document, log, 2)
    old, new = sorted((first, second), key=lambda one: one.size)
    if old == new:
        raise BadEvidence("both are the same checkpoint")
    _contradicts(document, old, new.size, new.root)
    text = (
        f"the key of the log {log.origin} ({log.key.id.hex()}) signed two histories: {old.size} entries with root "
        f"{old.root.hex()}, and {new.size} entries with root {new.root.hex()}, which does not continue it"
    )
    return Misbehaviour(type="fork", origin=log.origin, text=text)


def _prove_freeze(document: Mapping[str, object], log: LogKey) -> Misbehaviour:
    (one,) = _checkpoints(document, log, 1)
    frozen = log.frozen
    if frozen is None:
        raise BadEvidence(f"the log {shown(log.origin)} is not frozen")
    if one.size <= frozen.size:
        _contradicts(document, one, frozen.size, frozen.root)
    text = (
        f"the key of the log {log.origin} ({log.key.id.hex()}) signed {one.size} entries with root {one.root.hex()}, "
        f"but the trust files say that this log ended at {frozen.size} entries with root {frozen.root.hex()}"
    )
    return Misbehaviour(type="freeze", origin=log.origin, text=text)


def _contradicts(document: Mapping[str, object], old: Checkpoint, size: int, root: bytes) -> None:
    """Return if no log can have been `old` and then (size, root). BadEvidence or BadProof if that isn't shown."""
    if old.size == size:
        if old.root == root:
            raise BadEvidence("this is the checkpoint at which the log ended")
        return
    prefix = bytes.fromhex(packing.check_digest(document.get("prefix")))
    hashes = document.get("hashes")
    if not isinstance(hashes, list) or len(hashes) > MAX_HASHES or not all(isinstance(one, str) for one in hashes):
        raise BadEvidence(f'"hashes" is a list of at most {MAX_HASHES} texts')
    if prefix == old.root:
        raise BadEvidence("the larger tree begins with the smaller one: this is one history")
    proof = [packing.from_base64(one.encode()) for one in hashes]
    check_consistency(old_size=old.size, old_root=prefix, new_size=size, new_root=root, hashes=proof)


def _prove_trust(document: Mapping[str, object], trust: Trust, files: Mapping[str, bytes]) -> Misbehaviour:
    from signing.trust import same_version_contradiction

    texts = document.get("metadata")
    if not isinstance(texts, list) or len(texts) != 2 or not all(isinstance(one, str) for one in texts):
        raise BadEvidence('"metadata" is a list of two texts')
    first, second = (_encoded(one) for one in texts)
    found = same_version_contradiction(first, second, files)
    if found is None:
        raise BadEvidence("these two trust files do not contradict each other, or are not signed by the keys in force")
    role, version = found
    if role not in ACCUSING:
        raise BadEvidence(f"two {role} files of one version are the work of an online key, and accuse nobody")
    text = f"the keys of the role {role} of {trust.origin} signed two different files that are both version {version}"
    return Misbehaviour(type="trust", origin=trust.origin, text=text)


def _checkpoints(document: Mapping[str, object], log: LogKey, count: int) -> list[Checkpoint]:
    texts = document.get("checkpoints")
    if not isinstance(texts, list) or len(texts) != count or not all(isinstance(one, str) for one in texts):
        raise BadEvidence(f'"checkpoints" is a list of {count} texts')
    # Not `check_checkpoint`: the log's own signature is what it has to answer for, witnesses and freezes or not.
    return [checkpoints.open_checkpoint(_encoded(one), log.key, log.origin) for one in texts]


def _files(document: Mapping[str, object]) -> dict[str, bytes]:
    files = document.get("files")
    if not isinstance(files, Mapping) or len(files) > MAX_FILES:
        raise BadEvidence(f'"files" has at most {MAX_FILES} trust files by path')
    if not all(isinstance(text, str) for text in files.values()):
        raise BadEvidence('"files" holds texts')
    return {path: _encoded(text) for path, text in files.items()}


def _text(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise BadEvidence(f'"{name}" is not a text')
    return value


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadEvidence("a text cannot be written as UTF-8") from None
