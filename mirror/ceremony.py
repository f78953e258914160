"""What travels on a stick when root keys must sign: the request, and each key's signature.

A **request** is one file of one line of JSON that holds all somebody needs to judge it without a network:

    {"v":1,"kind":"key-request","origin":"example.org","time":"2027-06-01T09:00:00Z",
     "roots":["<1.root.json>","<2.root.json>",…],        the chain readers follow, to the root in force
     "targets":"<targets metadata in force>",
     "files":{"trust.json":"…","witness.policy":"…"},    the target files in force (policy only where there is one)
     "checkpoint":"<newest checkpoint of the log>",      or null before the first seal
     "proposed":{"root":"<new root, unsigned>" or null,"targets":"<new targets, unsigned>","files":{…}}}

Nothing in it is a summary. Whoever is asked to sign has the roots checked from the first on, the metadata in force
against the newest of them, the target files against the metadata; and everything that would be different is computed
from the proposed files themselves and said in words (`explain`). What this tool would never propose is refused.

What a request cannot prove is that its chain is the publication's and not one made for the purpose: that is what the
*fingerprint* is for. It is compared with the one that readers pin, by the person who signs, the first time; from then
on it stands beside the key (`<key file>.seen`), with the newest root seen, and another chain, or an older one, is
refused.

A **signature** is one line of JSON as well, `request` being the SHA-256 of the request's file:

    {"v":1,"kind":"key-signature","origin":"example.org","request":"<64 hex digits>","key":"<verifier key>",
     "root":"<base64 of 64 bytes>" or null,"targets":"<base64 of 64 bytes>" or null}

Both are checked before anything else is done with them, whatever they hold. This module reads and writes bytes, not
files, but for the memory beside a key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import schemas
from mirror import discovery, reader
from mirror.errors import DoNotTrust, TamizdatError, UsageError
from signing import authority
from signing.authority import Proposal, RootFacts, Signature, TargetsFacts
from signing.checkpoint import Checkpoint, open_checkpoint
from signing.errors import SigningError, shown
from signing.keys import SignerKey, VerifierKey
from signing.packing import check_time, from_base64, parse_json, to_base64
from signing.policy import Policy
from signing.roles import LogKey, PublisherKey, Trust
from signing.trust import MAX_ROOTS, POLICY, TARGET, load

LARGEST = 8_000_000
"""Bytes: the most a request may have. One with 40 roots has 100 KB; a reader.html among its files may have 1 MB."""
LARGEST_SIGNATURE = 16_384

# Metadata that is valid for longer than we ever make it could not be taken back by waiting.
_LONGEST = timedelta(days=400)
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)


class BadRequest(DoNotTrust):
    """The request (or signature) is damaged, forged, or asks for something this tool never proposes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that was checked: what is in force (`before`…) and what would be (`after`…). `digest` is the file's
    SHA-256, `fingerprint` that of the first root, `roots` the SHA-256 of each root by version from 1."""

    digest: str
    origin: str
    time: str
    fingerprint: str
    roots: tuple[str, ...]
    proposal: Proposal = field(repr=False)
    before: Standing
    after: Standing
    checkpoint: Checkpoint | None

    @property
    def freezes(self) -> LogKey | None:
        """The log that this would freeze, as the new trust file has it."""
        if len(self.after.trust.logs) > len(self.before.trust.logs):
            return self.after.trust.logs[len(self.before.trust.logs) - 1]
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Who may sign what, at one time: the root, the targets, and trust.json as bytes, document and `Trust`."""

    root: RootFacts
    targets: TargetsFacts
    data: bytes = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    trust: Trust
    policy: bytes | None = field(repr=False)


# --- requests ---------------------------------------------------------------------------------------------------------


def write_request(
    proposal: Proposal, *, origin: str, roots: list[bytes], files: Mapping[str, bytes], checkpoint: bytes, time: str
) -> bytes:
    """The request for `proposal`. `files` are trust.json and witness.policy in force, `roots` the whole chain."""
    document = {
        "v": 1,
        "kind": "key-request",
        "origin": origin,
        "time": time,
        "roots": [root.decode() for root in roots],
        "targets": proposal.base_targets.decode(),
        "files": {name: data.decode() for name, data in files.items()},
        "checkpoint": checkpoint.decode() or None,
        "proposed": {
            "root": None if proposal.root is None else proposal.root.decode(),
            "targets": proposal.targets.decode(),
            "files": {name: data.decode() for name, data in proposal.files.items()},
        },
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def open_request(data: bytes, now: datetime) -> Request:
    """The request in these bytes, all of it checked except whose chain it is (see the module). Raises `BadRequest`."""
    try:
        return _open(data, now)
    except (SigningError, schemas.SchemaError) as error:
        raise BadRequest(f"this request is not to be signed: {error}") from None


def _open(data: bytes, now: datetime) -> Request:
    if len(data) > LARGEST:
        raise BadRequest(f"a request has at most {LARGEST} bytes, this has more")
    document = parse_json(data)
    if not isinstance(document, dict) or document.get("kind") != "key-request" or document.get("v") != 1:
        raise BadRequest("this file is not a request (of a version that this tool knows)")
    proposed = document.get("proposed")
    if not isinstance(proposed, dict):
        raise BadRequest("the request proposes nothing")
    texts = document.get("roots")
    if not isinstance(texts, list) or not 1 <= len(texts) <= MAX_ROOTS:
        raise BadRequest("the request has no chain of roots")
    origin, roots = _text(document, "origin"), [_encoded(text, "a root") for text in texts]

    signed: Any = None
    for number, root in enumerate(roots, 1):
        made = load("root", root, signed)
        if made.signed.version != number:
            raise BadRequest(f"root {number} of the request says it is version {shown(made.signed.version)}")
        signed = made.signed
    targets = _bytes(document, "targets")
    load("targets", targets, signed)
    files = _files(document.get("files"))
    before = _standing(roots[-1], targets, files, None)

    new_root = None if proposed.get("root") is None else _bytes(proposed, "root")
    proposal = Proposal(
        base_root=roots[-1],
        base_targets=targets,
        root=new_root,
        targets=_bytes(proposed, "targets"),
        files=_files(proposed.get("files")),
    )
    after = _standing(proposal.newest_root, proposal.targets, proposal.files, before)
    if origin != before.trust.origin or origin != after.trust.origin:
        others = {before.trust.origin, after.trust.origin} - {origin}
        raise BadRequest(f"the request is for {shown(origin)}, its trust files for {shown(', '.join(sorted(others)))}")
    if new_root is not None and after.root.version != before.root.version + 1:
        raise BadRequest(f"the new root is version {after.root.version} and follows version {before.root.version}")
    if after.targets.version != before.targets.version + 1:
        raise BadRequest(f"the new targets are version {after.targets.version}, after {before.targets.version}")
    for what, expires in (("root", after.root.expires if new_root else now), ("targets", after.targets.expires)):
        if expires < now or expires > now + _LONGEST:
            raise BadRequest(f"the new {what} would be valid until {expires:%Y-%m-%d}, which is past or too far away")

    checkpoint = None
    if document.get("checkpoint") is not None:
        current = before.trust.current
        checkpoint = open_checkpoint(_bytes(document, "checkpoint"), current.key, current.origin)
    _check_document(before, after, roots[-1])
    _check_logs(before, after, checkpoint)
    return Request(
        digest=hashlib.sha256(data).hexdigest(),
        origin=origin,
        time=check_time(document.get("time")),
        fingerprint=f"sha256:{hashlib.sha256(roots[0]).hexdigest()}",
        roots=tuple(hashlib.sha256(root).hexdigest() for root in roots),
        proposal=proposal,
        before=before,
        after=after,
        checkpoint=checkpoint,
    )


def _standing(root: bytes, targets: bytes, files: Mapping[str, bytes], before: Standing | None) -> Standing:
    """What these files say, after each target file was compared with the targets metadata. Of those `before`, files
    that stay the same are taken; files given must be listed."""
    facts = authority.targets_facts(targets)
    for name, data in files.items():
        if facts.targets.get(name) != (len(data), hashlib.sha256(data).hexdigest()):
            raise BadRequest(f"{name} is not the file that the targets metadata lists")
    given = dict(files)
    for name, listed in facts.targets.items():
        if not _NAME.fullmatch(name):
            raise BadRequest(f"a target can't be called {shown(name)}")
        if before is not None and name not in given:
            if before.targets.targets.get(name) != listed:
                raise BadRequest(f"{name} would change, and the request does not hold it")
            if name in (TARGET, POLICY):
                given[name] = before.data if name == TARGET else before.policy or b""
        if name in (TARGET, POLICY) and name not in given:
            raise BadRequest(f"the request does not hold {name}")
    if TARGET not in given:
        raise BadRequest(f"there is no {TARGET}")
    document = parse_json(given[TARGET])
    schemas.check("trust", document)
    policy = given.get(POLICY)
    assert isinstance(document, dict)  # noqa: S101 - the schema said so
    return Standing(
        root=authority.root_facts(root),
        targets=facts,
        data=given[TARGET],
        document=document,
        trust=Trust.from_document(document, policy),
        policy=policy,
    )


def _check_document(before: Standing, after: Standing, root: bytes) -> None:
    """The trust file names the root in force, and each publisher once. Raises `BadRequest`."""
    in_force = {"version": before.root.version, "digest": hashlib.sha256(root).hexdigest()}
    if after.document["root"] not in (before.document["root"], in_force):
        raise BadRequest("the new trust file names another root than the one in force")
    publishers = [one.key.public for one in after.trust.publishers]
    if len(set(publishers)) < len(publishers):
        # One of them could bring back a key that the other shows as ended.
        raise BadRequest("one publisher key would be listed twice")


def _check_logs(before: Standing, after: Standing, checkpoint: Checkpoint | None) -> None:
    """Logs are only ever added, and only the current one can be frozen, where it ends. Raises `BadRequest`."""
    old, new = before.trust.logs, after.trust.logs
    if any(one.unwitnessed for one in new[len(old) :]):
        raise BadRequest("a new log has no entries that are older than its witnesses")
    if len(new) not in (len(old), len(old) + 1):
        raise BadRequest("a log would be forgotten, or more than one begun")
    for was, is_now in zip(old, new, strict=False):
        if (was.origin, was.key, was.path) != (is_now.origin, is_now.key, is_now.path):
            raise BadRequest(f"log {shown(was.origin)} would have another key, name or place")
        if was.frozen is not None and was.frozen != is_now.frozen:
            raise BadRequest(f"log {shown(was.origin)} was frozen already, and would be frozen otherwise")
        size = was.frozen.size if was.frozen else checkpoint.size if checkpoint else 0
        if is_now.unwitnessed > max(was.unwitnessed, size):
            raise BadRequest(f"log {shown(was.origin)} would need no witnesses beyond the {size} entries it has")
    ends = new[len(old) - 1].frozen
    if (ends is not None) != (len(new) > len(old)):
        raise BadRequest("a log is frozen exactly when the next one begins")
    if ends is not None:
        if checkpoint is None:
            raise BadRequest("a log would be frozen, and the request does not hold its newest checkpoint")
        if (ends.size, ends.root) != (checkpoint.size, checkpoint.root):
            raise BadRequest(
                f"the log would be frozen at {ends.size} entries, its newest checkpoint here has {checkpoint.size}"
            )


def _bytes(document: Mapping[str, Any], name: str) -> bytes:
    return _encoded(document.get(name), name)


def _encoded(text: object, what: str) -> bytes:
    if not isinstance(text, str):
        raise BadRequest(f"{what} is not a text")
    return text.encode()


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"{name} is not a text")
    return value


def _files(value: object) -> dict[str, bytes]:
    if not isinstance(value, dict):
        raise BadRequest("the request has no list of target files")
    return {name: _encoded(text, shown(name)) for name, text in value.items()}


# --- in words ---------------------------------------------------------------------------------------------------------


def explain(request: Request) -> tuple[str, ...]:
    """What would be different, a line each; computed from the files that would be signed."""
    return tuple(_explain(request))


def _explain(request: Request) -> Iterator[str]:
    before, after = request.before, request.after
    yield from _explain_root(before.root, after.root, request.proposal.root is not None)
    yield from _explain_logs(before.trust, after.trust)
    yield from _explain_publishers(before.trust.publishers, after.trust.publishers)
    yield from _explain_policy(before.policy, after.policy)
    old, new = before.trust.successors.get("log"), after.trust.successors.get("log")
    if old != new:
        yield f"the log after this one is promised to have {f'key {new[:16]}…' if new else 'no particular key'}"
    if before.trust.name != after.trust.name:
        yield f"the publication's name: {shown(before.trust.name)} → {shown(after.trust.name)}"
    for name in sorted({*before.targets.targets, *after.targets.targets} - {TARGET, POLICY}):
        was, is_now = before.targets.targets.get(name), after.targets.targets.get(name)
        if was != is_now:
            what = "removed" if is_now is None else f"{is_now[0]} bytes, SHA-256 {is_now[1]}"
            yield f"file {name}: {what}{' (new)' if was is None else ''}"
            if name == discovery.NAME and name in request.proposal.files:
                yield from _explain_mirrors(request.proposal.files[name], request.origin)
            if name == reader.NAME and name in request.proposal.files:
                yield from _explain_reader(request.proposal.files[name], request)
    yield f"valid until: trust.json {before.targets.expires:%Y-%m-%d} → {after.targets.expires:%Y-%m-%d}"


def _explain_mirrors(data: bytes, origin: str) -> Iterator[str]:
    """The mirrors that a new list would have. Raises `BadRequest` when it isn't this publication's list."""
    try:
        listed = discovery.read_mirrors_json(data)
    except (SigningError, schemas.SchemaError) as error:
        raise BadRequest(f"{discovery.NAME}: {error}") from error
    if listed.origin != origin:
        raise BadRequest(f"{discovery.NAME} is of {shown(listed.origin)}, not of {shown(origin)}")
    for url in listed.mirrors:
        yield f"  mirror {shown(url, 200)}"


def _explain_reader(data: bytes, request: Request) -> Iterator[str]:
    """What readers would be given to run. Raises `BadRequest` when it isn't this publication's."""
    from mirror.reader import issue

    try:
        facts = issue.describe(data)
    except SigningError as error:
        raise BadRequest(f"{reader.NAME}: {error}") from error
    if (facts["origin"], facts["pin"]) != (request.origin, request.fingerprint):
        raise BadRequest(f"{reader.NAME} is of {shown(facts['origin'])} and pins {shown(facts['pin'], 80)}")
    which = "the one of the tool here" if facts["same_program"] else "NOT the one of the tool here"
    yield f"  its program, which readers would run, says it is of version {shown(facts['version'])}: {which}"
    if not facts["same_program"]:
        yield f"  sign only if version {shown(facts['version'])} of the tool, from where you trust it, has this program"
    for url in facts["mirrors"]:
        yield f"  mirror {shown(url, 200)}"


def _explain_root(before: RootFacts, after: RootFacts, changed: bool) -> Iterator[str]:
    if not changed:
        return
    old, new = {key.id: key for key in before.keys}, {key.id: key for key in after.keys}
    for id in sorted(old.keys() - new.keys()):
        yield f"root key REMOVED: {old[id].label}"
    for id in sorted(new.keys() - old.keys()):
        yield f"root key ADDED: {new[id].label}"
    for id in sorted(old.keys() & new.keys()):
        if old[id].name != new[id].name:
            yield f"root key RENAMED: {old[id].label} → {new[id].label}"
    was, is_now = f"{before.threshold} of {len(old)}", f"{after.threshold} of {len(new)}"
    if was != is_now:
        yield f"root keys that must sign: {was} → {is_now}"
        if after.threshold == 1 and before.threshold > 1:
            yield "  from then on ONE root key alone can take the publication over"
    if before.online.id != after.online.id:
        yield f"online key CHANGED: {before.online.label} → {after.online.label}"
    yield f"valid until: root {before.expires:%Y-%m-%d} → {after.expires:%Y-%m-%d}"


def _explain_logs(before: Trust, after: Trust) -> Iterator[str]:
    for was, is_now in zip(before.logs, after.logs, strict=False):
        if was.frozen != is_now.frozen and is_now.frozen is not None:
            which = "earlier checkpoints stay good" if is_now.frozen.earlier else "no other checkpoint of it counts"
            yield f"log FROZEN: {shown(is_now.origin)} at {is_now.frozen.size} entries; {which}"
        if (was.valid_from, was.valid_until) != (is_now.valid_from, is_now.valid_until):
            yield f"log {shown(is_now.origin)}: valid {_span(was)} → {_span(is_now)}"
        if was.unwitnessed != is_now.unwitnessed:
            yield f"log {shown(is_now.origin)}: checkpoints up to {is_now.unwitnessed} entries need no witnesses"
    for one in after.logs[len(before.logs) :]:
        yield f"log ADDED: {shown(one.origin)}, key {one.key.label}, in {one.path or 'the root'}, valid {_span(one)}"
        promised = before.successors.get("log")
        if promised is not None and hashlib.sha256(one.key.public).hexdigest() != promised:
            yield "  its key is NOT the announced successor; readers are told so"


def _explain_publishers(before: tuple[PublisherKey, ...], after: tuple[PublisherKey, ...]) -> Iterator[str]:
    old, new = {one.key: one for one in before}, {one.key: one for one in after}
    for key in old.keys() - new.keys():
        yield f"publisher key REMOVED: {key.label}; nothing it ever signed counts any more"
    for key, one in new.items():
        was = old.get(key)
        if was is None:
            yield f"publisher key ADDED: {key.label} for {shown(', '.join(one.outlets), 200)}, valid {_span(one)}"
        elif was != one:
            yield f"publisher key {key.label}: for {shown(', '.join(one.outlets), 200)}, valid {_span(one)}"


def _explain_policy(before: bytes | None, after: bytes | None) -> Iterator[str]:
    if before == after:
        return
    if after is None:
        yield "witness policy REMOVED: no witness is needed any more"
        return
    policy = Policy.parse(after)
    yield f"witness policy {'ADDED' if before is None else 'CHANGED'}: needed is {policy.need}"
    for one in policy.witnesses:
        yield f"  witness {shown(one.name)}: {one.key.label}"


def _span(one: LogKey | PublisherKey) -> str:
    return f"{one.valid_from[:10]} to {one.valid_until or 'further notice'}"


def outcome(request: Request) -> tuple[str, ...]:
    """Who may sign what afterwards, all of it, a line each."""
    after = request.after
    in_force = [log for log in after.trust.logs if log.frozen is None]
    lines = [f"root keys, of which {after.root.threshold} must sign:", *(f"  {key.label}" for key in after.root.keys)]
    lines.append(f"online key: {after.root.online.label}")
    lines += [f"log: {shown(log.origin)}, key {log.key.label}" for log in in_force]
    policy = after.trust.policy
    lines.append(f"witnesses that each checkpoint needs: {policy.need if policy else 'none'}")
    for one in after.trust.publishers:
        lines.append(f"publisher: {one.key.label} for {shown(', '.join(one.outlets), 200)}, valid {_span(one)}")
    return tuple(lines)


# --- signatures -------------------------------------------------------------------------------------------------------


def sign(request: Request, key: SignerKey) -> bytes:
    """This key's signature file. Raises `UsageError` when the key has no say in the request."""
    try:
        made = authority.sign_proposal(request.proposal, key)
    except SigningError as error:
        raise UsageError(
            str(error), hint="is this the right stick? `tamizdat key list FILE` says whose it is"
        ) from None
    document = {
        "v": 1,
        "kind": "key-signature",
        "origin": request.origin,
        "request": request.digest,
        "key": made.key.text,
        "root": None if made.root is None else to_base64(made.root).decode(),
        "targets": None if made.targets is None else to_base64(made.targets).decode(),
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def open_signature(data: bytes, request: Request) -> Signature:
    """The signature in this file, which is good for `request`. Raises `BadRequest`."""
    if len(data) > LARGEST_SIGNATURE:
        raise BadRequest(f"a signature file has at most {LARGEST_SIGNATURE} bytes")
    try:
        document = parse_json(data)
        if not isinstance(document, dict) or document.get("kind") != "key-signature" or document.get("v") != 1:
            raise BadRequest("this file is not a signature (of a version that this tool knows)")
        if document.get("request") != request.digest:
            raise BadRequest("this signature is of another request")
        made = Signature(
            key=VerifierKey.parse(_text(document, "key")),
            root=_signature(document, "root"),
            targets=_signature(document, "targets"),
        )
        authority.lacking(request.proposal, [made])
    except SigningError as error:
        raise BadRequest(str(error)) from None
    ids = {key.id for key in (*request.before.root.keys, *request.after.root.keys)}
    if authority.key_id(made.key) not in ids:
        raise BadRequest(f"{made.key.label} is not a root key, neither now nor after this change")
    return made


def _signature(document: Mapping[str, Any], name: str) -> bytes | None:
    value = document.get(name)
    if value is None:
        return None
    data = from_base64(_text(document, name).encode("ascii", "replace"))
    if len(data) != 64:
        raise BadRequest("a signature has 64 bytes")
    return data


# --- what a key has seen ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What stands beside a root key: which publication it signed for, and the newest root of it."""

    fingerprint: str
    version: int
    digest: str


def seen_path(key: Path) -> Path:
    """Where the memory of the key in this file is."""
    return key.with_name(key.name + ".seen")


def recall(key: Path) -> Seen | None:
    """What the key in this file has seen; None at its first time. Raises `TamizdatError` when that can't be read."""
    path = seen_path(key)
    try:
        with path.open("rb") as file:
            document = parse_json(file.read(4096))
    except FileNotFoundError:
        return None
    except (OSError, SigningError) as error:
        raise TamizdatError(f"{path}: {error}", hint="without it, the fingerprint must be compared anew") from None
    values = document if isinstance(document, dict) else {}
    pin, version, digest = values.get("fingerprint"), values.get("version"), values.get("digest")
    if not (isinstance(pin, str) and isinstance(version, int) and version >= 1 and isinstance(digest, str)):
        raise TamizdatError(f"{path}: not what this tool writes", hint="remove it, and compare the fingerprint anew")
    return Seen(fingerprint=pin, version=version, digest=digest)


def remember(key: Path, request: Request) -> None:
    """Write beside the key which publication, and which root of it, it signed for. Raises `OSError`."""
    from mirror.keys import replace_private

    document = {"fingerprint": request.fingerprint, "version": len(request.roots), "digest": request.roots[-1]}
    replace_private(seen_path(key), json.dumps(document).encode() + b"\n")


def check_seen(request: Request, seen: Seen) -> None:
    """Raise `BadRequest` when the request is not of the publication that a key signed for before, or of a root that is
    older than the newest it knows."""
    if request.fingerprint != seen.fingerprint:
        raise BadRequest(
            f"this request is of another publication: fingerprint {request.fingerprint}, this key signed for "
            f"{seen.fingerprint}",
            hint="somebody may be trying to have a root signed under a false history; ask by another channel",
        )
    if len(request.roots) < seen.version or request.roots[seen.version - 1] != seen.digest:
        raise BadRequest(
            f"this request does not know root {seen.version}, which this key has seen: it is old, or of other roots",
            hint="ask for a new request, made from the archive as it is now",
        )
