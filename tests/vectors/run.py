"""The Python runner: what `signing` says of a case. `README.md` has the steps; this follows them one by one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import schemas
from signing import checkpoint, entry, evidence, merkle, note, packing, policy, proof, trust
from signing import front as fronts
from signing.checkpoint import Checkpoint
from signing.entry import Entry
from signing.errors import (
    BadEvidence,
    BadKey,
    BadProof,
    BadSignature,
    Fork,
    FormatError,
    FrozenLog,
    SigningError,
    Unwitnessed,
    VerifyError,
)
from signing.keys import VerifierKey
from signing.roles import LogKey, Trust
from signing.tiles import FULL, TileHashes
from signing.trust import TrustView
from signing.verify import (
    PIECE,
    VerifiedBundle,
    check_checkpoint,
    check_current,
    check_fresh,
    check_seen,
    unwitnessed,
    verify_bundle,
    verify_front,
    verify_listed,
    verify_part,
)

HERE = Path(__file__).parent
CLASSES: tuple[tuple[type[SigningError], str], ...] = (
    (Unwitnessed, "unwitnessed"),
    (FrozenLog, "frozen"),
    (BadSignature, "signature"),
    (BadKey, "key"),
    (BadProof, "proof"),
    (trust.TrustError, "trust"),
    (BadEvidence, "evidence"),
    (FormatError, "format"),
)

Case = Mapping[str, Any]
Result = dict[str, Any]


def unbase64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def mirror_of(case: Case, folder: Path = HERE) -> dict[str, bytes]:
    """The files of the case's mirror, with what the case changes."""
    if "mirror" not in case:
        return {}
    name = case["mirror"]
    document = json.loads((folder / "mirrors" / f"{name}.json").read_text())
    files = {path: unbase64(text) for path, text in document["files"].items()}
    for path, text in case.get("change", {}).items():
        if text is None:
            files.pop(path)
        else:
            files[path] = unbase64(text)
    return files


def run(case: Case, files: Mapping[str, bytes]) -> Result:
    """What comes out, to be compared with `expect`, member by member."""
    return ASKS[case["ask"]["what"]](case, files)


# --- with a mirror ---------------------------------------------------------------------------------------------------


class Ended(Exception):
    """A signed checkpoint that contradicts the end of its log."""


class _Reader:
    """One look at a mirror: the trust files, and what is found in the end."""

    def __init__(self, case: Case, files: Mapping[str, bytes]) -> None:
        self.case, self.files = case, files
        self.result: Result = {
            "authentic": False,
            "check": None,
            "error": None,
            "fresh": "unknown",
            "current": "unknown",
            "seen": None,
            "evidence": None,
            "witnesses": [],
        }

    def go(self, look: Callable[[], None]) -> Result:
        try:
            self.open()
            look()
        except Fork:
            self.result |= {"authentic": False, "evidence": "fork"}
        except Ended:
            self.result |= {"authentic": False, "evidence": "freeze"}
        except VerifyError as error:
            self.result |= {"authentic": False, "check": error.check}
            if error.check == 10:
                self.refused()
        except trust.TrustError:
            self.result |= {"authentic": False, "error": "trust"}
        except LookupError:
            self.result |= {"authentic": False, "error": "missing"}
        return self.result

    def open(self) -> None:
        case = self.case
        view = walk(self.files, case)
        self.behind = False
        remembered = case.get("remembers", {}).get("trust")
        if remembered is not None:
            seen = walk({path: unbase64(text) for path, text in remembered.items()}, case)
            paths = [f"trust/{number}.root.json" for number in range(1, min(seen.root_version, view.root_version) + 1)]
            if seen.versions["targets"] == view.versions["targets"]:
                paths.append(f"trust/{view.versions['targets']}.targets.json")
            for path in paths:
                if trust.same_version_contradiction(seen.files[path], view.files[path], {**view.files, **seen.files}):
                    self.result["evidence"] = "trust"
                    raise trust.TrustError("two different files of one version")
            served, view = view, newest(seen, view, case)
            self.behind = order(served) < order(view)
        self.view = view
        self.trust = trusted(view)

    def bundle(self) -> None:
        ask = self.case["ask"]
        digest = ask["digest"]
        where = f"{digest[:2]}/{digest[2:]}"
        stored, proved = self.files[f"o/{where}"], self.files[f"proof/{where}"]
        found = verify_bundle(
            stored,
            digest=digest,
            proof=proved,
            trust=self.trust,
            schema=schemas.check_twice,
            kind=ask.get("kind"),
            url=ask.get("url"),
            cap=PIECE,
        )
        self.result |= {"authentic": True, "witnesses": list(found.witnesses)}
        if "front" not in self.files:
            return
        try:
            edition, front, head = verify_front(self.files["front"], trust=self.trust, schema=schemas.check)
        except VerifyError:
            return
        self.time(edition)
        own = self.log(found.checkpoint)
        if own.frozen is not None:
            self.ended(own, found.checkpoint)
        elif found.checkpoint.origin == head.origin:
            old, new = sorted((found.checkpoint, head), key=lambda one: one.size)
            check_seen(old, new, front.consistency if new == head else (), self.read(self.log(head)))
        self.newest(edition, head, front.consistency)
        if found.kind == "article":
            try:
                _, current = check_current(found, edition, self.trust, self.entries(head))
            except (SigningError, LookupError):
                current = "unknown"
            self.result["current"] = current

    def front(self) -> None:
        edition, front, head = self._front()
        self.result |= {"authentic": True, "current": "current", "witnesses": list(edition.witnesses)}
        self.time(edition)
        self.newest(edition, head, front.consistency)

    def listed(self) -> None:
        edition, _, _ = self._front()
        digest = self.case["ask"]["digest"]
        item = next(
            item
            for outlet in edition.document["outlets"]  # type: ignore[attr-defined]
            for item in outlet["articles"]
            if item["digest"] == digest
        )
        stored = self.files[f"o/{digest[:2]}/{digest[2:]}"]
        found = verify_listed(stored, item=item, edition=edition, trust=self.trust, schema=schemas.check_twice)
        self.result |= {"authentic": True, "current": "current", "witnesses": list(found.witnesses)}
        self.time(edition)

    def _front(self) -> Any:
        return verify_front(self.files["front"], trust=self.trust, schema=schemas.check)

    def time(self, edition: VerifiedBundle) -> None:
        document: dict[str, Any] = edition.document
        closed = edition.checkpoint.origin != self.trust.current.origin
        _, self.result["fresh"] = check_fresh(
            document["time"],
            document["next"],
            self.case["now"],
            expired=self.view.expired,
            behind=self.behind,
            late=[*(["its log was closed"] if closed else []), *filter(None, [unwitnessed(edition, self.trust)])],
        )

    def refused(self) -> None:
        """What check 10 refused because of a freeze may be evidence against the log's key."""
        digest = self.case["ask"].get("digest", "")
        path = f"proof/{digest[:2]}/{digest[2:]}"
        if self.case["ask"]["what"] != "bundle":
            data = proof.parse(fronts.parse(self.files["front"]).proof).checkpoint
        elif path in self.files:
            data = proof.parse(self.files[path]).checkpoint
        else:
            return
        try:
            check_checkpoint(data, self.trust)
        except FrozenLog:
            claimed = checkpoint.parse_text(note.parse(data).text)
            try:
                self.ended(self.log(claimed), claimed)
            except Ended:
                self.result["evidence"] = "freeze"
        except SigningError:
            pass

    def ended(self, log: LogKey, seen: Checkpoint) -> None:
        """Ended, if this checkpoint, which the log signed, cannot be of the log that was frozen."""
        frozen = log.frozen
        if frozen is None or (seen.size, seen.root) == (frozen.size, frozen.root):
            return
        if seen.size < frozen.size:
            try:
                hashes = TileHashes(frozen.size, frozen.root, self.read(log))
                if merkle.range_hash(0, seen.size, hashes.read) == seen.root:
                    return
            except (SigningError, LookupError):
                return
        raise Ended

    def newest(self, edition: VerifiedBundle, head: Checkpoint, consistency: Any) -> None:
        for origin, kept in self.case.get("remembers", {}).get("checkpoints", {}).items():
            ended = self.trust.log(origin)
            if ended is not None and ended.frozen is not None:
                self.ended(ended, checkpoint.open_checkpoint(unbase64(kept), ended.key, origin))
        known = self.case.get("remembers", {}).get("checkpoints", {}).get(head.origin)
        log = self.log(head)
        before = None if known is None else checkpoint.open_checkpoint(unbase64(known), log.key, log.origin)
        _, seen = check_seen(before, head, consistency, self.read(log))
        self.result["seen"] = seen
        if seen in ("older", "unknown"):
            self.result["fresh"] = "stale" if seen == "older" else "unknown"

    def log(self, head: Checkpoint) -> LogKey:
        log = self.trust.log(head.origin)
        assert log is not None
        return log

    def read(self, log: LogKey) -> Callable[[str], bytes]:
        return lambda path: self.files[log.prefix + path]

    def entries(self, head: Checkpoint) -> Callable[[LogKey, int, int], Iterable[Entry]]:
        def entries(log: LogKey, start: int, end: int) -> Iterable[Entry]:
            root = log.frozen.root if log.frozen is not None else head.root
            hashes = TileHashes(end, root, self.read(log))
            for number in range(start // FULL, -(-end // FULL)):
                for place, data in enumerate(hashes.entries(number), number * FULL):
                    if place >= start:
                        yield entry.parse(data)

        return entries


def walk(files: Mapping[str, bytes], case: Case, known: TrustView | None = None) -> TrustView:
    return trust.walk(lambda path, _cap: files.get(path), pin=case["pin"], now=case["now"], known=known)


def order(view: TrustView) -> tuple[int, int]:
    return view.root_version, view.versions["targets"]


def newest(seen: TrustView, served: TrustView, case: Case) -> TrustView:
    """The newest roots of both with the newest targets of both, if those roots still vouch for them."""
    before, after = sorted((seen, served), key=order)
    if before.versions["targets"] <= after.versions["targets"] or before.online != after.online:
        return after
    files = {**after.files, **{path: data for path, data in before.files.items() if not path.endswith(".root.json")}}
    try:
        return walk(files, case)
    except trust.TrustError:
        return after


def trusted(view: TrustView) -> Trust:
    try:
        document = packing.parse_json(view.trust)
        schemas.check("trust", document)
        return Trust.from_document(document, view.policy)
    except (SigningError, schemas.SchemaError) as error:
        raise trust.TrustError(str(error)) from error


def bundle(case: Case, files: Mapping[str, bytes]) -> Result:
    reader = _Reader(case, files)
    return reader.go(reader.bundle)


def front(case: Case, files: Mapping[str, bytes]) -> Result:
    reader = _Reader(case, files)
    return reader.go(reader.front)


def listed(case: Case, files: Mapping[str, bytes]) -> Result:
    reader = _Reader(case, files)
    return reader.go(reader.listed)


def part(case: Case, files: Mapping[str, bytes]) -> Result:
    digest = case["ask"]["digest"]
    try:
        verify_part(
            files[f"o/{digest[:2]}/{digest[2:]}"],
            digest,
            case["ask"]["size"],
            kind=case["ask"].get("kind", "part"),
            schema=schemas.check,
        )
    except VerifyError as error:
        return {"authentic": False, "check": error.check}
    return {"authentic": True, "check": None}


def trust_files(case: Case, files: Mapping[str, bytes]) -> Result:
    try:
        remembered = case.get("remembers", {}).get("trust")
        known = remembered and walk({path: unbase64(text) for path, text in remembered.items()}, case)
        view = walk(files, case, known)
        trusted(view)
    except trust.TrustError:
        return {"ok": False, "error": "trust"}
    return {
        "ok": True,
        "error": None,
        "root": view.root_version,
        "versions": [view.versions[role] for role in ("root", "timestamp", "snapshot", "targets")],
        "expired": list(view.expired),
        "trust": packing.digest_of(view.trust),
    }


def one_checkpoint(case: Case, files: Mapping[str, bytes]) -> Result:
    def check() -> Result:
        found = check_checkpoint(
            unbase64(case["ask"]["checkpoint"]), trusted(walk(files, case)), time=case["ask"].get("time")
        )
        return {
            "origin": found.checkpoint.origin,
            "size": found.checkpoint.size,
            "root": found.checkpoint.root.hex(),
            "witnesses": list(found.names),
            "witnessed": found.witnessed,
        }

    return attempt(check)


def one_evidence(case: Case, _files: Mapping[str, bytes]) -> Result:
    try:
        found = evidence.prove(unbase64(case["ask"]["data"]), pin=case["pin"], now=case["now"])
    except BadEvidence:
        return {"evidence": None}
    return {"evidence": found.type, "origin": found.origin}


# --- bytes alone -----------------------------------------------------------------------------------------------------


def attempt(make: Callable[[], Result | None]) -> Result:
    try:
        found = make()
    except SigningError as error:
        return {"ok": False, "error": next((name for kind, name in CLASSES if isinstance(error, kind)), "?")}
    return {"ok": True, "error": None, **(found or {})}


def one_note(case: Case, _files: Mapping[str, bytes]) -> Result:
    def check() -> Result:
        keys = [VerifierKey.parse(text) for text in case["ask"]["keys"]]
        found = note.open_note(unbase64(case["ask"]["data"]), keys)
        return {"signers": [key.text for key in found.signers]}

    return attempt(check)


def one_proof(case: Case, _files: Mapping[str, bytes]) -> Result:
    def check() -> Result:
        found = proof.parse(unbase64(case["ask"]["data"]))
        return {"index": found.index, "hashes": [one.hex() for one in found.hashes]}

    return attempt(check)


def one_entry(case: Case, _files: Mapping[str, bytes]) -> Result:
    def check() -> Result:
        data = unbase64(case["ask"]["data"])
        found = entry.parse(data)
        return {"kind": found.kind, "leaf": merkle.leaf_hash(data).hex()}

    return attempt(check)


def one_member(case: Case, _files: Mapping[str, bytes]) -> Result:
    def check() -> Result:
        return {"digest": packing.digest_of(packing.gunzip(unbase64(case["ask"]["data"]), case["ask"]["cap"]))}

    return attempt(check)


def one_json(case: Case, _files: Mapping[str, bytes]) -> Result:
    def check() -> None:
        packing.parse_json(unbase64(case["ask"]["data"]))

    return attempt(check)


def one_base64(case: Case, _files: Mapping[str, bytes]) -> Result:
    return attempt(lambda: {"data": packing.from_base64(case["ask"]["text"].encode()).hex()})


def one_number(case: Case, _files: Mapping[str, bytes]) -> Result:
    return attempt(lambda: {"number": str(packing.from_decimal(case["ask"]["text"].encode()))})


def one_time(case: Case, _files: Mapping[str, bytes]) -> Result:
    def check() -> None:
        packing.check_time(case["ask"]["text"])

    return attempt(check)


def one_key(case: Case, _files: Mapping[str, bytes]) -> Result:
    def check() -> Result:
        found = VerifierKey.parse(case["ask"]["text"])
        return {"name": found.name, "type": found.kind, "public": found.public.hex()}

    return attempt(check)


def one_policy(case: Case, _files: Mapping[str, bytes]) -> Result:
    def check() -> Result:
        found = policy.Policy.parse(unbase64(case["ask"]["data"]))
        signed = [VerifierKey.parse(text) for text in case["ask"].get("cosigned", [])]
        return {"satisfied": found.satisfied(signed)}

    return attempt(check)


def inclusion(case: Case, _files: Mapping[str, bytes]) -> Result:
    ask = case["ask"]

    def check() -> None:
        merkle.check_inclusion(
            leaf=bytes.fromhex(ask["leaf"]),
            index=ask["index"],
            size=ask["size"],
            root=bytes.fromhex(ask["root"]),
            hashes=[bytes.fromhex(one) for one in ask["hashes"]],
        )

    return attempt(check)


def consistency(case: Case, _files: Mapping[str, bytes]) -> Result:
    ask = case["ask"]

    def check() -> None:
        merkle.check_consistency(
            old_size=ask["old"]["size"],
            old_root=bytes.fromhex(ask["old"]["root"]),
            new_size=ask["new"]["size"],
            new_root=bytes.fromhex(ask["new"]["root"]),
            hashes=[bytes.fromhex(one) for one in ask["hashes"]],
        )

    return attempt(check)


ASKS: Mapping[str, Callable[[Case, Mapping[str, bytes]], Result]] = {
    "bundle": bundle,
    "front": front,
    "listed": listed,
    "part": part,
    "trust": trust_files,
    "checkpoint": one_checkpoint,
    "evidence": one_evidence,
    "note": one_note,
    "proof": one_proof,
    "entry": one_entry,
    "gzip": one_member,
    "json": one_json,
    "base64": one_base64,
    "number": one_number,
    "time": one_time,
    "key": one_key,
    "policy": one_policy,
    "inclusion": inclusion,
    "consistency": consistency,
}
