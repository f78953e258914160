"""What is fuzzed: functions that take any bytes and return nothing.

A target may raise only what its parsers promise (`SigningError`); anything else, an assertion included, is a finding.
What must hold beyond "no crash" is asserted: a parser's output encodes to its input, and what is verified is what was
signed. Bytes behind a signature are reached by signing them here: the first byte of the input chooses. Nothing depends
on time or randomness, so that a finding repeats.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import schemas
from signing import checkpoint, cosignature, evidence, front, minisign, note, packing, proof
from signing.authority import create, key_id, rotate
from signing.entry import entry_of
from signing.entry import parse as parse_entry
from signing.errors import BadSignature, FormatError, SigningError
from signing.keys import SignerKey, VerifierKey
from signing.merkle import check_consistency, check_inclusion, leaf_hash
from signing.policy import Policy
from signing.roles import Trust
from signing.trust import TrustError, fingerprint, walk
from signing.verify import verify_bundle, verify_front
from tests.signing.world import FROM, LOG, PUBLISHER, World, key, one_line, trust

WITNESS_KEY: Final = cosignature.witness_key("witness.example/w1", bytes(range(96, 128)))
WITNESS: Final = WITNESS_KEY.verifier
NOW: Final = datetime(2027, 3, 1, 8, 0, 0, tzinfo=UTC)
KEYS: Final = (LOG.verifier, PUBLISHER.verifier, WITNESS)


def fuzz_note(data: bytes) -> None:
    """First byte odd: the rest is signed first, as a text. Else the rest is a note."""
    mode, body = data[:1], data[1:]
    if mode and mode[0] & 1:
        try:
            signed = note.sign(body, LOG, PUBLISHER)
        except FormatError:
            return
        opened = note.open_note(signed, KEYS)
        assert opened.text == body
        assert opened.signers == (LOG.verifier, PUBLISHER.verifier)
        body = signed + mode[1:]
    try:
        parsed = note.parse(body)
    except FormatError:
        return
    assert parsed.encode() == body
    try:
        opened = note.open_note(body, KEYS)
    except BadSignature:
        return
    assert opened.text == parsed.text
    assert opened.signers


def fuzz_keys(data: bytes) -> None:
    """Key texts, public and private."""
    text = data.decode("utf-8", "surrogateescape")
    for kind in (VerifierKey, SignerKey):
        try:
            key = kind.parse(text)
        except SigningError:
            continue
        assert key.text == text


def fuzz_checkpoint(data: bytes) -> None:
    """First byte odd: the rest is signed first, by the log's key. Else the rest is a signed checkpoint."""
    mode, body = data[:1], data[1:]
    if mode and mode[0] & 1:
        try:
            body = note.sign(body, LOG)
        except FormatError:
            return
    try:
        found = checkpoint.open_checkpoint(body, LOG.verifier, LOG.name)
    except SigningError:
        return
    assert found.origin == LOG.name
    assert found.text == note.parse(body).text


def fuzz_proof(data: bytes) -> None:
    """A proof, and its hashes as proofs of inclusion and of consistency."""
    try:
        found = proof.parse(data)
    except FormatError:
        return
    assert found.encode() == data
    try:
        at = checkpoint.parse_text(note.parse(found.checkpoint).text)
    except SigningError:
        return
    leaf = leaf_hash(data)
    for size in (at.size, found.index + 1, found.index):
        try:
            check_inclusion(leaf=leaf, index=found.index, size=size, root=at.root, hashes=found.hashes)
        except SigningError:
            pass
        else:
            # `leaf` depends on the root that would have to come out.
            assert not found.hashes, "a proof of a hash nobody can have"
        try:
            check_consistency(old_size=found.index, old_root=leaf, new_size=size, new_root=at.root, hashes=found.hashes)
        except SigningError:
            pass
        else:
            assert found.index in (0, size) or not found.hashes, "a proof of a hash nobody can have"


def fuzz_cosignature(data: bytes) -> None:
    """First byte 1: a signature line, attached to a checkpoint. 2: a text that a witness cosigns. Else a checkpoint
    with all its lines."""
    mode, body = data[:1], data[1:]
    known = World().checkpoint()
    try:
        if mode == b"\1":
            body = cosignature.attach(known, [body])
            assert note.parse(body).lines[0].name == LOG.name
        elif mode == b"\2":
            line = cosignature.sign(body, WITNESS_KEY, 1_800_000_000)
            body = cosignature.attach(note.sign(body, LOG), [line])
            assert cosignature.cosigners(body, [WITNESS]) == {WITNESS: 1_800_000_000}
        found = cosignature.cosigners(body, [WITNESS])
    except SigningError:
        return
    assert set(found) <= {WITNESS}


def fuzz_policy(data: bytes) -> None:
    """A witness policy."""
    try:
        policy = Policy.parse(data)
    except SigningError:
        return
    assert policy.text == data
    assert policy.satisfied(policy.keys) or policy.required
    assert not policy.satisfied([]) or not policy.required
    assert "\n" not in policy.need


def fuzz_entry(data: bytes) -> None:
    """A log entry."""
    try:
        entry = parse_entry(data)
    except FormatError:
        return
    assert entry.encode() == data


def fuzz_json(data: bytes) -> None:
    """Strict JSON, and gzip around it."""
    for body in (data, packing.gzip_bytes(data)):
        try:
            text = packing.gunzip(body, 100_000)
            packing.parse_json(text)
        except FormatError:
            continue
        assert packing.gunzip(body, len(text)) == text
    with contextlib.suppress(FormatError):
        json.dumps(packing.parse_json(data), allow_nan=False).encode()


@cache
def _trust() -> Trust:
    return trust()


def fuzz_bundle(data: bytes) -> None:
    """Checks 1 to 10 with the real schemas. First byte 1: the text of a bundle, signed, packed and logged here. 2: a
    note, packed. 3: a front file's text, packed. 4: a front file. 5: a proof of a good bundle. Else a bundle as
    stored."""
    mode, body = data[:1], data[1:]
    trusted = _trust()
    with contextlib.suppress(SigningError):
        if mode in (b"\3", b"\4"):
            stored = packing.gzip_bytes(body) if mode == b"\3" else body
            with contextlib.suppress(SigningError):
                assert front.parse(front.parse(stored).encode()) == front.parse(stored)
            verify_front(stored, trust=trusted, schema=schemas.check)
            return
        given = World()
        evident = given.proof(0)
        stored = body
        if mode == b"\1":
            stored = packing.gzip_bytes(note.sign(body, PUBLISHER))
            document = packing.parse_json(body)
            if isinstance(document, dict):
                try:
                    entry = entry_of(document, packing.digest_of(stored), len(stored)).encode()
                except SigningError:
                    entry = b""
                evident = given.proof(given.tree.append(entry)) if entry else evident
        elif mode == b"\2":
            stored = packing.gzip_bytes(body)
        elif mode == b"\5":
            evident, stored = body, b""
        digest = packing.digest_of(stored)
        found = verify_bundle(stored, digest=digest, proof=evident, trust=trusted, schema=schemas.check, cap=12_288)
        assert found.digest == digest
        assert found.document["kind"] == found.kind
        assert mode == b"\1", "only what was signed here is authentic"


ROOTS: Final = tuple(key(f"example.org/root{number}", number) for number in range(1, 4))
ONLINE: Final = key("example.org/online", 9)
DOCUMENT: Final = one_line(
    {
        "v": 1,
        "kind": "trust",
        "origin": "example.org",
        "name": "Example",
        "time": FROM,
        "logs": [{"origin": LOG.name, "key": LOG.verifier.text, "from": FROM}],
        "publishers": [{"key": PUBLISHER.verifier.text, "outlets": ["*"], "from": FROM}],
        "root": {"version": 1, "digest": "0" * 64},
    }
).encode()
_POLICY: Final = f"witness w1 {WITNESS.text}\nquorum w1\n".encode()
_FILES: Final = ("2.root", "timestamp", "2.snapshot", "2.targets", "trust.json", "witness.policy")


@cache
def repository() -> dict[str, bytes]:
    """A repository with two roots, and a policy."""
    files = create(root=ROOTS, threshold=2, online=ONLINE, trust_document=DOCUMENT, now=NOW)
    return files | rotate(files.get, signers=ROOTS, root=ROOTS, threshold=2, online=ONLINE, now=NOW)


def _signed(signed: object, signers: tuple[SignerKey, ...]) -> bytes:
    from securesystemslib.formats import encode_canonical

    payload = encode_canonical(signed)
    assert isinstance(payload, str)
    made = [{"keyid": key_id(one), "sig": one.sign(payload.encode()).hex()} for one in signers]
    return json.dumps({"signatures": made, "signed": signed}, sort_keys=True, separators=(",", ":")).encode()


def fuzz_trust(data: bytes) -> None:
    """The walk. The first byte chooses the file that is replaced, whether what is signed in it is signed anew (and
    listed anew above), and whether our own form is asked for."""
    if not data:
        return
    which, again, exact = _FILES[data[0] % 6], bool(data[0] & 64), bool(data[0] & 128)
    files = dict(repository())
    body = data[1:]
    path = next((path for path in files if which in path), f"trust/{which}.json")
    files[path] = _again(files, which, body) if again and which in _FILES[:4] else body
    pin = fingerprint(files["trust/1.root.json"])
    try:
        view = walk(lambda asked, _cap: files.get(asked), pin=pin, now=NOW, exact=exact)
    except TrustError:
        return
    assert view.trust == DOCUMENT or again
    with contextlib.suppress(TrustError):
        assert walk(lambda asked, _cap: files.get(asked), pin=pin, now=NOW, exact=exact, known=view) == view


def _again(files: dict[str, bytes], which: str, body: bytes) -> bytes:
    """The signed part `body` under the signatures that its role needs, and listed above where it is listed."""
    try:
        signed = json.loads(body)
        made = _signed(signed, ROOTS if which in ("2.root", "2.targets") else (ONLINE,))
    except Exception:  # what is no JSON, or not what canonical JSON can say: securesystemslib raises what it likes
        return body
    if which in ("2.snapshot", "2.targets"):
        upper, name = {
            "2.snapshot": ("trust/timestamp.json", "snapshot.json"),
            "2.targets": ("trust/2.snapshot.json", "targets.json"),
        }[which]
        above: dict[str, Any] = json.loads(files[upper])["signed"]
        above["meta"][name] |= {"length": len(made), "hashes": {"sha256": hashlib.sha256(made).hexdigest()}}
        files[upper] = _signed(above, (ONLINE,))
        if which == "2.targets":
            files["trust/2.snapshot.json"] = _again(files, "2.snapshot", json.dumps(above).encode())
    return made


def fuzz_document(data: bytes) -> None:
    """trust.json, with its schema and without."""
    try:
        document = packing.parse_json(data)
    except FormatError:
        return
    with contextlib.suppress(SigningError):
        Trust.from_document(document)
    with contextlib.suppress(SigningError, schemas.SchemaError):
        schemas.check("trust", document)
        Trust.from_document(document, policy=_POLICY)


def fuzz_evidence(data: bytes) -> None:
    """Evidence, against a publication of ours."""
    pin = fingerprint(repository()["trust/1.root.json"])
    try:
        found = evidence.prove(data, pin=pin, now=NOW)
    except SigningError:
        return
    assert "\n" not in found.text


def fuzz_minisign(data: bytes) -> None:
    """A signature file, a public key file."""
    signer = key("example.org/minisign", 4)
    with contextlib.suppress(SigningError):
        found = minisign.PublicKey.parse(data)
        assert minisign.PublicKey.parse(found.text) == found
    with contextlib.suppress(SigningError):
        minisign.verify(b"file", data, minisign.PublicKey.of(signer))


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "note": fuzz_note,
    "keys": fuzz_keys,
    "checkpoint": fuzz_checkpoint,
    "proof": fuzz_proof,
    "cosignature": fuzz_cosignature,
    "policy": fuzz_policy,
    "entry": fuzz_entry,
    "json": fuzz_json,
    "bundle": fuzz_bundle,
    "trust": fuzz_trust,
    "document": fuzz_document,
    "evidence": fuzz_evidence,
    "minisign": fuzz_minisign,
}
