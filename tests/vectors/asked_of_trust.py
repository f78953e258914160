"""The walk over the trust files, and evidence."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from signing import authority, evidence
from signing.keys import SignerKey
from signing.packing import digest_of
from signing.trust import fingerprint
from tests.vectors.asked_of_mirrors import first_half
from tests.vectors.asked_of_time import note_at, second_history
from tests.vectors.book import Book, b64
from tests.vectors.publication import (
    BEGIN,
    LOG,
    NOW,
    ONLINE,
    POLICY,
    PUBLISHER,
    ROOTS,
    SECOND,
    THIRD,
    Log,
    Publication,
    key,
    log_key,
    publisher_key,
    trust_files,
    trust_json,
)

TRUST = {"what": "trust"}
REFUSED = {"ok": False, "error": "trust"}
NEW_ONLINE = key("example.org/online-2")
FOURTH = key("example.org/root-4")


def write(book: Book, plain: Publication) -> None:
    one_root(book, plain)
    rotated(book)
    documents(book)
    evidence_of_forks(book, plain)
    evidence_of_freezes(book)
    evidence_of_trust(book)


def only_trust(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if path.startswith("trust/")}


def changed(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in new.items() if old.get(path) != data}


def one_root(book: Book, plain: Publication) -> None:
    files = only_trust(plain.files)
    asked = book.asked
    target = next(path for path in files if path.startswith("trust/targets/"))
    good = {"ok": True, "root": 1, "versions": [1, 1, 1, 1], "expired": [], "trust": digest_of(files[target])}
    asked("plain", "trust-good", "The first state of a publication.", TRUST, good)
    all_roles = ["root", "timestamp", "snapshot", "targets"]
    for name, now, expired in (
        ("timestamp", "2027-03-15T08:00:00Z", ["timestamp"]),
        ("snapshot", "2027-05-30T08:00:00Z", ["timestamp", "snapshot"]),
        ("everything", "2028-02-29T08:00:00Z", all_roles),
    ):
        asked(
            "plain",
            f"trust-expired-{name}",
            "A date that passed is told, and refuses nothing.",
            TRUST,
            {**good, "expired": expired},
            now=now,
        )
    asked("plain", "trust-other-pin", "Another publication was pinned.", TRUST, REFUSED, pin="sha256:" + "ab" * 32)
    asked(
        "plain",
        "trust-pin-in-capitals",
        "A fingerprint has one spelling.",
        TRUST,
        REFUSED,
        pin="sha256:" + plain.pin.removeprefix("sha256:").upper(),
    )
    page = {"trust/2.root.json": b"<!DOCTYPE html><title>Not found</title>"}
    asked("plain", "trust-web-page", "A host that answers with a page has no further root.", TRUST, good, change=page)
    marked = {"trust/2.root.json": b"\xef\xbb\xbf\n<html>"}
    asked("plain", "trust-web-page-marked", "The same behind a byte order mark.", TRUST, good, change=marked)
    nonsense = {"trust/2.root.json": b"Not found"}
    asked(
        "plain",
        "trust-no-web-page",
        "Anything else at the next root's place is refused.",
        TRUST,
        REFUSED,
        change=nonsense,
    )
    for path in sorted(files):
        name = path.removeprefix("trust/").removeprefix("targets/").split(".")
        word = name[-2] if name[0] != "timestamp" else "timestamp"
        asked("plain", f"trust-missing-{word}", f"{word} is missing.", TRUST, REFUSED, change={path: None})
        at = files[path].index(b"2028" if b"2028" in files[path] else b"2027")
        spoilt = files[path][:at] + b"2029" + files[path][at + 4 :]
        asked("plain", f"trust-changed-{word}", f"A year in {word} was changed.", TRUST, REFUSED, change={path: spoilt})
    stamp = files["trust/timestamp.json"]
    spaced = json.dumps(json.loads(stamp)).encode()
    asked(
        "plain",
        "trust-white-space",
        "White space is signed by nobody, and is refused.",
        TRUST,
        REFUSED,
        change={"trust/timestamp.json": spaced},
    )
    document = json.loads(stamp)
    document["signatures"][0]["sig"] = document["signatures"][0]["sig"].upper()
    compact = json.dumps(document, separators=(",", ":")).encode()
    asked(
        "plain",
        "trust-signature-in-capitals",
        "So are capitals in a signature.",
        TRUST,
        REFUSED,
        change={"trust/timestamp.json": compact},
    )
    line = {"trust/timestamp.json": stamp + b"\n"}
    asked("plain", "trust-line-feed", "And a line feed at the end.", TRUST, REFUSED, change=line)
    thief = trust_files()  # the same publication, made by somebody who has its online key but not its root key
    forged = authority.create(root=[FOURTH], threshold=1, online=ONLINE, trust_document=trust_json(), now=BEGIN)
    assert thief == files
    asked(
        "plain",
        "trust-targets-by-a-stranger",
        "Everything but the root is signed by another root key.",
        TRUST,
        REFUSED,
        change={path: data for path, data in forged.items() if "1.root" not in path},
    )

    later = files | authority.refresh(files.get, ONLINE, SECOND)
    asked(
        "plain",
        "trust-refreshed",
        "The timestamp was signed again.",
        TRUST,
        {**good, "versions": [1, 2, 1, 1]},
        change=changed(files, later),
    )
    asked("plain", "trust-rollback-timestamp", "A newer timestamp was seen before.", TRUST, REFUSED, trust=later)
    renamed = later | authority.retarget(later.get, ROOTS[:1], ONLINE, trust_json(name="Renamed", time=THIRD), THIRD)
    new = {**good, "versions": [1, 3, 2, 2], "trust": digest_of(of_name(renamed, b"Renamed"))}
    change = changed(files, renamed)
    asked("plain", "trust-retargeted", "A new trust.json.", TRUST, new, change=change)
    asked(
        "plain",
        "trust-retargeted-seen",
        "A new trust.json, to one who has seen the old one.",
        TRUST,
        new,
        change=change,
        trust=files,
    )
    asked("plain", "trust-rollback", "A new trust.json was seen before.", TRUST, REFUSED, trust=renamed)
    mixed = {"trust/timestamp.json": renamed["trust/timestamp.json"]}
    asked(
        "plain",
        "trust-new-timestamp-only",
        "The new timestamp without the files it lists.",
        TRUST,
        REFUSED,
        change=mixed,
    )
    mix = {**change, "trust/2.snapshot.json": files["trust/1.snapshot.json"]}
    asked("plain", "trust-mix-snapshot", "The old snapshot under the new one's name.", TRUST, REFUSED, change=mix)
    mix = {**change, "trust/2.targets.json": files["trust/1.targets.json"]}
    asked("plain", "trust-mix-targets", "The old targets under the new ones' name.", TRUST, REFUSED, change=mix)
    path = next(path for path, data in renamed.items() if b"Renamed" in data and "targets/" in path)
    mix = {**change, path: files[target]}
    asked("plain", "trust-mix-trust", "The old trust.json under the new one's name.", TRUST, REFUSED, change=mix)


def of_name(files: Mapping[str, bytes], text: bytes) -> bytes:
    return next(data for path, data in files.items() if path.startswith("trust/targets/") and text in data)


def rotated(book: Book) -> None:
    """2 of 3 root keys; then another online key; then another root key in place of a lost one."""
    first = trust_files(roots=ROOTS, threshold=2)
    second = first | authority.rotate(
        first.get, signers=ROOTS[:2], root=ROOTS, threshold=2, online=NEW_ONLINE, now=SECOND
    )
    third = second | authority.rotate(
        second.get, signers=ROOTS[:2], root=[*ROOTS[:2], FOURTH], threshold=2, online=NEW_ONLINE, now=THIRD
    )
    publication = Publication(third)
    first_half(publication)
    book.mirror("rotated", "2 of 3 root keys; the online key was replaced, then one root key.", publication)
    asked = book.asked
    target = next(path for path in first if path.startswith("trust/targets/"))
    versions = [json.loads(third[path])["signed"]["version"] for path in ("trust/timestamp.json",)]
    good = {"ok": True, "root": 3, "expired": [], "trust": digest_of(third[target])}
    assert versions[0] > 1
    asked("rotated", "root-chain", "From the first root to the third.", TRUST, good)
    asked(
        "rotated",
        "root-chain-years-later",
        "Expired roots on the way are passed; only dates are told.",
        TRUST,
        good | {"expired": ["root", "timestamp", "snapshot", "targets"]},
        now="2031-01-01T00:00:00Z",
    )
    asked(
        "rotated",
        "root-chain-front",
        "A reader who slept through it reads the front.",
        {"what": "front"},
        {"authentic": True, "check": None, "seen": "first", "fresh": "fresh"},
    )
    asked(
        "rotated",
        "root-gap",
        "The second root is missing: the first one's online key no longer signs.",
        TRUST,
        REFUSED,
        change={"trust/2.root.json": None},
    )
    frozen = {path: None for path in third if path not in second} | changed(third, second)
    asked(
        "rotated",
        "root-cut-off",
        "A mirror that stopped at the second root: consistent, and old.",
        TRUST,
        {"ok": True, "root": 2, "expired": []},
        change=frozen,
    )
    asked(
        "rotated",
        "root-new-signer-old-root",
        "The third root is missing, and a key that only it names has signed.",
        TRUST,
        REFUSED,
        change={"trust/3.root.json": None},
    )
    asked("rotated", "root-rollback", "The third root was seen before.", TRUST, REFUSED, change=frozen, trust=third)
    asked(
        "rotated",
        "root-skipped",
        "The third root in the second one's place.",
        TRUST,
        REFUSED,
        change={"trust/2.root.json": third["trust/3.root.json"]},
    )
    old_online = first | authority.refresh(first.get, ONLINE, THIRD)
    asked(
        "rotated",
        "root-thief-with-the-old-online-key",
        "The old online key signs a timestamp.",
        TRUST,
        REFUSED,
        change={"trust/timestamp.json": old_online["trust/timestamp.json"]},
    )

    def without(path: str, kept: int) -> bytes:
        document = json.loads(third[path])
        document["signatures"] = document["signatures"][:kept]
        return json.dumps(document, separators=(",", ":")).encode()

    two = "trust/2.root.json"
    asked(
        "rotated",
        "root-one-signature",
        "A root with one of two signatures.",
        TRUST,
        REFUSED,
        change={two: without(two, 1)},
    )
    document = json.loads(third[two])
    document["signatures"] = [document["signatures"][0], document["signatures"][0]]
    twice = json.dumps(document, separators=(",", ":")).encode()
    asked("rotated", "root-one-signature-twice", "One signature twice is one.", TRUST, REFUSED, change={two: twice})
    stranger = authority.create(
        root=[FOURTH, key("x.example/a")], threshold=2, online=NEW_ONLINE, trust_document=trust_json(), now=SECOND
    )
    usurped = json.loads(stranger["trust/1.root.json"])["signed"] | {"version": 2}
    forged = signed_again(usurped, [FOURTH, key("x.example/a")])
    asked(
        "rotated", "root-by-itself", "A root that only its own new keys signed.", TRUST, REFUSED, change={two: forged}
    )


def signed_again(signed: Mapping[str, Any], keys: list[SignerKey]) -> bytes:
    """TUF metadata in the form we write, signed with these keys."""
    from tuf.api.metadata import Metadata, Root
    from tuf.api.serialization.json import JSONSerializer

    metadata = Metadata(Root.from_dict(copy.deepcopy(dict(signed))))
    document = metadata.to_dict()
    for one in keys:
        ids = [id for id, listed in signed["keys"].items() if listed["keyval"]["public"] == one.verifier.public.hex()]
        signature = one.sign(metadata.signed_bytes).hex()
        document["signatures"].append({"keyid": ids[0], "sig": signature})
    made = Metadata.from_dict(document)
    data: bytes = made.to_bytes(JSONSerializer(compact=True))
    return data


def documents(book: Book) -> None:
    """trust.json and witness.policy that are validly signed and make no sense."""

    def case(name: str, about: str, **changes: Any) -> None:
        publication = Publication(trust_files(**changes))
        book.mirrors[f"~{name}"] = (about, dict(publication.files))
        book.pins[f"~{name}"] = publication.pin
        # Too small for a mirror of its own: everything is in `change`.
        book.asked("empty", f"trust-{name}", about, TRUST, REFUSED, change=publication.files, pin=publication.pin)
        del book.mirrors[f"~{name}"]

    end = {"size": 4, "root": "ab" * 32, "earlier": True}
    publisher_as_log = SignerKey(LOG.name, PUBLISHER.seed).verifier
    case("one-key-two-roles", "One key is the log's and the publisher's.", logs=[log_key(publisher_as_log)])
    other = key("example.org/log/2028").verifier
    case(
        "two-growing-logs",
        "Two logs, and none is frozen.",
        logs=[log_key(LOG.verifier), log_key(other, path="log/2028")],
    )
    case("frozen-current-log", "The only log is frozen.", logs=[log_key(LOG.verifier, frozen=end)])
    case(
        "two-logs-in-one-place",
        "Two logs in the mirror's root.",
        logs=[log_key(LOG.verifier, frozen=end), log_key(other)],
    )
    case(
        "log-elsewhere",
        "The path of a log leads out of its folder.",
        logs=[log_key(LOG.verifier, frozen=end), log_key(other, path="log/../../x")],
    )
    case(
        "key-named-otherwise",
        "A log's key has another name than the log.",
        logs=[{**log_key(LOG.verifier), "origin": "example.org/log/x"}],
    )
    case(
        "no-publishers",
        "An outlet list that is empty.",
        publishers=[{**publisher_key(PUBLISHER.verifier), "outlets": []}],
    )
    case("policy-without-quorum", "A witness policy without a quorum.", policy=POLICY.replace(b"quorum", b"# "))
    own = SignerKey(LOG.name, LOG.seed, 4).verifier.text
    case("own-key-as-witness", "The log's key as a witness.", policy=f"witness w {own}\nquorum w\n".encode())


def evidence_of_forks(book: Book, plain: Publication) -> None:
    files = only_trust(plain.files)
    facts: dict[str, Any] = {
        "origin": LOG.name,
        "files": files,
        "time": NOW,
        "reason": "two histories",
        "where": "test",
    }
    ours = plain.files["checkpoint"]
    same, six = second_history(10).signed(), second_history(6).signed()

    def proves(name: str, about: str, document: Mapping[str, Any] | bytes, found: str | None, **more: Any) -> None:
        data = document if isinstance(document, bytes) else evidence.encode(document)
        expect = {"evidence": found, **({"origin": LOG.name} if found else {})}
        book.asked("plain", f"evidence-{name}", about, {"what": "evidence", "data": b64(data)}, expect, **more)

    fork = evidence.fork_document([ours, same], **facts)
    proves("fork-same-size", "Two roots of one size.", fork, "fork")
    proves("fork-other-order", "In the other order.", evidence.fork_document([same, ours], **facts), "fork")
    proves("fork-years-later", "Evidence does not expire.", fork, "fork", now="2037-01-01T00:00:00Z")
    prefix_log = Log(LOG)
    tree = plain.log.tree
    roots = {size: note_at(plain, name) for size, name in ((4, "story"), (6, "secret"))}
    prefix = root_in(roots[6])
    shown = {"prefix": prefix, "hashes": tree.consistency(6)}
    proves(
        "fork-smaller",
        "6 entries, and 10 that do not begin with them.",
        evidence.fork_document([six, ours], **facts, **shown),
        "fork",
    )
    proves("no-fork-same", "Twice the same checkpoint.", evidence.fork_document([ours, ours], **facts), None)
    proves(
        "no-fork-one-history",
        "6 entries, and 10 that do begin with them.",
        evidence.fork_document([roots[6], ours], **facts, **shown),
        None,
    )
    proves(
        "no-fork-without-proof",
        "6 and 10 of two histories, and nothing to show it.",
        evidence.fork_document([six, ours], **facts),
        None,
    )
    wrong = {"prefix": root_in(roots[4]), "hashes": tree.consistency(6)}
    proves(
        "no-fork-wrong-prefix",
        "A prefix that the proof does not lead to.",
        evidence.fork_document([roots[6], ours], **facts, **wrong),
        None,
    )
    invented = {"prefix": bytes(32), "hashes": [bytes(32)] * 3}
    proves(
        "no-fork-invented-proof",
        "Honest checkpoints and an invented proof.",
        evidence.fork_document([roots[6], ours], **facts, **invented),
        None,
    )
    bent = same.replace(b"\n10\n", b"\n11\n")
    proves(
        "no-fork-unsigned",
        "The second checkpoint's size was changed.",
        evidence.fork_document([ours, bent], **facts, **shown),
        None,
    )
    thief = Log(SignerKey(LOG.name, bytes(32)))
    for number in range(10):
        thief.tree.append(b"x %d" % number)
    proves(
        "no-fork-other-key",
        "The second is signed by another key of that name.",
        evidence.fork_document([ours, thief.signed()], **facts),
        None,
    )
    other = {**facts, "origin": "example.org/log/2026"}
    proves(
        "no-fork-other-log",
        "Of a log that the trust files do not have.",
        evidence.fork_document([ours, same], **other),
        None,
    )
    proves("no-fork-other-pin", "To somebody who pinned another publication.", fork, None, pin="sha256:" + "ab" * 32)
    cut = {path: data for path, data in files.items() if "snapshot" not in path}
    proves(
        "no-fork-files-missing",
        "A trust file is missing.",
        evidence.fork_document([ours, same], **{**facts, "files": cut}),
        None,
    )
    proves("no-fork-three", "Three checkpoints.", {**fork, "checkpoints": [ours.decode()] * 3}, None)
    proves("no-such-type", "A type that does not exist.", {**fork, "type": "theft"}, None)
    proves("v-is-true", "The version is written as true, which some languages take for 1.", {**fork, "v": True}, None)
    proves("no-evidence", "A document of another kind.", {**fork, "kind": "article"}, None)
    proves("no-json", "A web page.", b"<html></html>\n", None)
    assert prefix_log.tree.size == 0


def root_in(note_bytes: bytes) -> bytes:
    from signing import checkpoint, note

    return checkpoint.parse_text(note.parse(note_bytes).text).root


def evidence_of_freezes(book: Book) -> None:
    for mirror in ("year", "stolen"):
        files = book.mirrors[mirror][1]
        final = files["log/2027/checkpoint"]
        honest = Log(LOG)
        from signing.tiles import decode_entries

        entries = decode_entries(files["tile/entries/000.p/10"])
        for data in entries[:6]:
            honest.tree.append(data)
        six = honest.signed()
        for data in entries[6:]:
            honest.tree.append(data)
        facts: dict[str, Any] = {"origin": LOG.name, "files": only_trust(files), "time": NOW, "reason": "frozen"}

        def proves(name: str, about: str, document: Mapping[str, Any], found: str | None, at: str = mirror) -> None:
            asked = {"what": "evidence", "data": b64(evidence.encode(document))}
            expect = {"evidence": found, **({"origin": LOG.name} if found else {})}
            book.asked(at, f"evidence-{at}-{name}", about, asked, expect)

        later = second_history(12).signed()
        proves("later", "12 entries, but the log ended at 10.", evidence.freeze_document(later, **facts), "freeze")
        same = second_history(10).signed()
        proves("other-root", "10 entries with another root.", evidence.freeze_document(same, **facts), "freeze")
        shown = {"prefix": root_in(six), "hashes": honest.tree.consistency(6)}
        other = second_history(6).signed()
        proves(
            "earlier",
            "6 entries that the frozen log does not begin with.",
            evidence.freeze_document(other, **facts, **shown),
            "freeze",
        )
        proves("no-proof", "The same with nothing to show it.", evidence.freeze_document(other, **facts), None)
        proves("honest", "An honest earlier checkpoint.", evidence.freeze_document(six, **facts, **shown), None)
        proves("the-end", "The last checkpoint itself.", evidence.freeze_document(final, **facts), None)
        new = files["checkpoint"]
        of_new = {**facts, "origin": "example.org/log/2028"}
        proves("not-frozen", "A checkpoint of the log that grows.", evidence.freeze_document(new, **of_new), None)


def evidence_of_trust(book: Book) -> None:
    first = trust_files(roots=ROOTS, threshold=2)

    def renamed(name: str, signers: tuple[SignerKey, ...]) -> dict[str, bytes]:
        return first | authority.retarget(first.get, signers, ONLINE, trust_json(name=name, time=SECOND), SECOND)

    one, other = renamed("One", ROOTS[:2]), renamed("Other", ROOTS[:2])
    again = renamed("One", ROOTS[1:])
    pin = book.pins["rotated"]
    facts: dict[str, Any] = {
        "origin": "example.org",
        "files": only_trust(one),
        "time": NOW,
        "reason": "two of one version",
    }

    def proves(name: str, about: str, metadata: list[bytes], found: str | None, **changes: Any) -> None:
        document = evidence.trust_document(metadata, **{**facts, **changes})
        expect = {"evidence": found, **({"origin": "example.org"} if found else {})}
        asked = {"what": "evidence", "data": b64(evidence.encode(document))}
        book.asked("rotated", f"evidence-trust-{name}", about, asked, expect, pin=pin)

    path = "trust/2.targets.json"
    proves("targets", "Two targets files of version 2.", [one[path], other[path]], "trust")
    stamp = "trust/timestamp.json"
    about = (
        "Two timestamps of one version: the online key alone signs them, and whoever copied it could go on accusing."
    )
    proves("timestamp", about, [one[stamp], other[stamp]], None)
    snapshot = "trust/2.snapshot.json"
    proves("snapshot", "Two snapshots of one version.", [one[snapshot], other[snapshot]], None)
    proves("same", "Twice the same file.", [one[path], one[path]], None)
    proves("other-signers", "One statement, signed by other two of the three keys.", [one[path], again[path]], None)
    proves("two-versions", "Version 1 and version 2.", [first["trust/1.targets.json"], one[path]], None)
    document = json.loads(other[path])
    document["signatures"] = document["signatures"][:1]
    weak = json.dumps(document, separators=(",", ":")).encode()
    proves("below-the-threshold", "The second is signed by one key of two.", [one[path], weak], None)
    proves("other-publication", "It names another publication.", [one[path], other[path]], None, origin="other.example")
    proves("garbage", "No metadata.", [one[path], b"{}"], None)
    third = first | authority.rotate(first.get, signers=ROOTS[1:], root=ROOTS, threshold=2, online=ONLINE, now=SECOND)
    second = first | authority.rotate(
        first.get, signers=ROOTS[1:], root=ROOTS, threshold=2, online=NEW_ONLINE, now=SECOND
    )
    path = "trust/2.root.json"
    proves("root", "Two roots of version 2, both signed by the first one's keys.", [second[path], third[path]], "trust")
    proves(
        "root-against-timestamp",
        "Two roles of version 2 are no contradiction.",
        [second[path], one["trust/2.targets.json"]],
        None,
    )

    alone = trust_files()
    joint = alone | authority.rotate(alone.get, signers=ROOTS[:1], root=ROOTS, threshold=2, online=ONLINE, now=SECOND)
    forged = alone | authority.retarget(alone.get, ROOTS[:1], ONLINE, trust_json(name="Forged", time=SECOND), SECOND)
    path = "trust/2.targets.json"
    document = evidence.trust_document([joint[path], forged[path]], **{**facts, "files": only_trust(joint)})
    book.asked(
        "rotated",
        "evidence-trust-counted-alone-once",
        "A key that counted alone once, and is one of three now, signed other targets: the newer root is in the files.",
        {"what": "evidence", "data": b64(evidence.encode(document))},
        {"evidence": None},
        pin=fingerprint(alone["trust/1.root.json"]),
    )
