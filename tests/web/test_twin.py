"""The JavaScript twin against Python: trust files made and attacked with python-tuf, and thousands of mutated bytes."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import random
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.formats import encode_canonical

from signing import note, proof
from signing.authority import create, key_id, refresh, retarget, rotate
from signing.entry import entry_of
from signing.errors import FormatError
from signing.keys import SignerKey
from signing.merkle import leaf_hash
from signing.packing import digest_of, gzip_bytes
from signing.trust import fingerprint
from tests.attacks import ATTACKS
from tests.needs import ROOT
from tests.vectors import publication as world
from tests.vectors.publication import BEGIN, NOW, ONLINE, PUBLISHER, ROOTS, Publication, article, trust_json
from tests.web.twin import Case, b64, differences, in_javascript, in_python

OTHER_ONLINE = world.key("example.org/online-2")
STRANGER = world.key("example.org/stranger")
LATER = "2027-03-02T08:00:00Z"
# By row of the attack table, the tests in attacks.test.mjs; each runs with WebCrypto and without.
JAVASCRIPT: dict[str, tuple[str, ...]] = {
    "Tampered pack": ("an article that was changed is refused",),
    "Wrong article served": ("another article than the one asked for is refused",),
    "Rollback": ("a mirror cannot roll back a reader who was here before",),
    "Freeze": ("a mirror that stands still is stale when the next edition is due",),
    "Mix-and-match": (
        "files of different days cannot be mixed",
        "swapped tiles raise no alarm and prove nothing",
        "a newer root under older targets undoes no newer targets, nor the other way round",
    ),
    "Equivocation": (
        "two mirrors that show two histories are caught by comparing them",
        "a history that too few witnesses saw is not believed",
        "noise raises no alarm of two histories",
    ),
    "Forged article": ("every case about a mirror has the same verdict over the network",),
    "Endless data": ("data without end is cut off", "a bomb does not go off"),
    "Slow retrieval": ("a mirror that gives every file in the last moment is given up",),
    "Odd or redirecting host": (
        "a redirect to another host is not followed",
        "hosts that say oddly that there is no newer root",
    ),
    "Online key theft": ("a stolen online key changes nothing that readers believe",),
    "Publisher key theft": ("an edition dated ahead is not fresh",),
    "Log key theft, backdating": ("a stolen log key can do nothing once the log is frozen",),
    "Offline threshold theft": ("two trust files of one version are evidence against the root keys",),
    "Targeted trust.json": ("two trust files of one version are evidence against the root keys",),
    "Coerced history rewrite": ("a history that was rewritten is evidence to who saw the one before",),
    "Takedown for safety": ("what was withdrawn is gone and readers are told",),
}

Files = dict[str, bytes]
Document = dict[str, Any]


# --- trust files -----------------------------------------------------------------------------------------------------


def signed(document: Any, *keys: SignerKey) -> bytes:
    """Metadata that says `document`, whatever that is, in the form we write."""
    data = encode_canonical(document)
    assert data is not None
    signatures = [{"keyid": key_id(key), "sig": key.sign(data.encode()).hex()} for key in keys]
    return compact({"signatures": signatures, "signed": document})


def compact(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def edited(data: bytes, change: Callable[[Document], object], *keys: SignerKey) -> bytes:
    """The same metadata, changed and signed again."""
    document = json.loads(data)["signed"]
    change(document)
    return signed(document, *keys)


def whole(data: bytes, change: Callable[[Document], object]) -> bytes:
    """The same file, changed where nobody signs."""
    document = json.loads(data)
    change(document)
    return compact(document)


def listed(data: bytes, version: int) -> Document:
    return {"version": version, "length": len(data), "hashes": {"sha256": digest_of(data)}}


def put(name: str, value: object) -> Callable[[Document], object]:
    return lambda document: document.__setitem__(name, value)


class Repository:
    """A repository of version 2 of everything, and what its readers saw before."""

    def __init__(self) -> None:
        policy = {"witness.policy": world.POLICY}
        first = create(root=ROOTS, threshold=2, online=ONLINE, trust_document=trust_json(), now=BEGIN, targets=policy)
        self.first = dict(first)
        self.pin = fingerprint(first["trust/1.root.json"])
        files = dict(first)
        files |= rotate(files.get, signers=ROOTS[:2], root=ROOTS, threshold=2, online=ONLINE, now=LATER)
        self.files = files
        self.names = {
            role: next(p for p in sorted(files, reverse=True) if p.endswith(f"{role}.json"))
            for role in ("root", "timestamp", "snapshot", "targets")
        }

    def relinked(
        self,
        *,
        targets: Callable[[Document], object] | None = None,
        snapshot: Callable[[Document], object] | None = None,
        timestamp: Callable[[Document], object] | None = None,
    ) -> Files:
        """Targets, snapshot and timestamp changed and signed again by their keys, each listing the one below."""
        files: Files = {}
        data = self.files[self.names["targets"]]
        if targets is not None:
            data = edited(data, targets, *ROOTS[:2])
            files[self.names["targets"]] = data

        def link(name: str, made: bytes) -> Callable[[Document], object]:
            version = json.loads(made)["signed"]["version"]
            return lambda document: document["meta"].__setitem__(name, listed(made, version))

        made = edited(self.files[self.names["snapshot"]], link("targets.json", data), ONLINE)
        if snapshot is not None:
            made = edited(made, snapshot, ONLINE)
        newest = edited(self.files["trust/timestamp.json"], link("snapshot.json", made), ONLINE)
        version = json.loads(made)["signed"]["version"]
        if timestamp is not None:
            newest = edited(newest, timestamp, ONLINE)
        return {**files, f"trust/{version}.snapshot.json": made, "trust/timestamp.json": newest}

    def root(self, change: Callable[[Document], object], *keys: SignerKey, version: int = 3) -> Files:
        """The next root, made from the last one."""

        def next_one(document: Document) -> None:
            document["version"] = version
            change(document)

        return {f"trust/{version}.root.json": edited(self.files[self.names["root"]], next_one, *(keys or ROOTS[:2]))}


Changed = Mapping[str, bytes | None]


def trust_attacks(repository: Repository) -> dict[str, tuple[Changed, Mapping[str, bytes] | None]]:
    """By name: what a mirror changes, and what the reader remembers."""
    files, names = repository.files, repository.names
    root, timestamp, snapshot, targets = (files[names[role]] for role in ("root", "timestamp", "snapshot", "targets"))
    trust = next(path for path in files if path.endswith(".trust.json"))
    policy = next(path for path in files if path.endswith(".witness.policy"))
    nothing: Callable[[Document], object] = lambda document: None  # noqa: E731
    one_root = lambda change: {names["root"]: edited(root, change, *ROOTS[:2])}  # noqa: E731
    same_online = retarget(files.get, ROOTS[:2], ONLINE, trust_json(time=LATER), LATER)
    fresh = refresh(files.get, ONLINE, LATER)
    new_online = rotate(files.get, signers=ROOTS[:2], root=ROOTS, threshold=2, online=OTHER_ONLINE, now=LATER)
    far = edited(timestamp, put("version", 2**31), ONLINE)
    first_key = key_id(ROOTS[0])
    foreign = edited(snapshot, nothing, STRANGER)
    attacks: dict[str, tuple[Changed, Mapping[str, bytes] | None]] = {
        "nothing is wrong": ({}, None),
        "a reader who was here before": ({}, repository.first),
        "a reader who saw all of this": ({}, files),
        "a newer timestamp": (fresh, files),
        "newer targets": (same_online, files),
        "rollback of everything": ({p: repository.first.get(p) for p in files}, files),
        "rollback of the timestamp": ({"trust/timestamp.json": repository.first["trust/timestamp.json"]}, files),
        "rollback for a first visit": ({p: repository.first.get(p) for p in files}, None),
        "root hidden": ({names["root"]: None}, None),
        "root hidden from one who saw it": ({names["root"]: None}, files),
        "a page where the next root would be": ({"trust/3.root.json": b"\xef\xbb\xbf \n<!doctype html>"}, None),
        "garbage where the next root would be": ({"trust/3.root.json": b"not here"}, None),
        "an empty file where the next root would be": ({"trust/3.root.json": b""}, None),
        "the next root": (repository.root(nothing), None),
        "the next root by one key": (repository.root(nothing, ROOTS[0]), None),
        "the next root by strangers": (repository.root(nothing, STRANGER, OTHER_ONLINE), None),
        "the next root by one key twice": (
            {
                "trust/3.root.json": whole(
                    repository.root(nothing)["trust/3.root.json"],
                    lambda d: d["signatures"].__setitem__(1, d["signatures"][0]),
                )
            },
            None,
        ),
        "a root that skips a version": (
            {"trust/3.root.json": repository.root(nothing, version=4)["trust/4.root.json"]},
            None,
        ),
        "a root of a version before": ({"trust/3.root.json": root}, None),
        "a root with a threshold of none": (repository.root(lambda d: d["roles"]["root"].update(threshold=0)), None),
        "a root whose new keys did not sign": (
            repository.root(lambda d: d["roles"]["root"].update(threshold=3)),
            None,
        ),
        "a root with a key twice under two names": (
            repository.root(
                lambda d: (
                    d["keys"].update({"ab" * 32: d["keys"][first_key]}),
                    d["roles"]["root"].update(keyids=[first_key, "ab" * 32]),
                )
            ),
            None,
        ),
        "a root without a role": (repository.root(lambda d: d["roles"].pop("snapshot")), None),
        "a root with a role more": (repository.root(lambda d: d["roles"].update(mirrors=d["roles"]["root"])), None),
        "a root with a key that is not there": (
            repository.root(lambda d: d["roles"]["targets"]["keyids"].append("cd" * 32)),
            None,
        ),
        "a root with a key ID twice": (
            repository.root(lambda d: d["roles"]["targets"]["keyids"].append(first_key)),
            None,
        ),
        "a root without consistent snapshots": (repository.root(put("consistent_snapshot", False)), None),
        "a root that was without them once": (
            {
                **repository.root(put("consistent_snapshot", False)),
                **repository.root(put("consistent_snapshot", True), version=4),
            },
            None,
        ),
        "a root with a member of its own": (repository.root(put("x-more", {"a": [1, None, True]})), None),
        "a root with a fraction": (
            repository.root(nothing)
            | {
                "trust/3.root.json": repository.root(nothing)["trust/3.root.json"].replace(
                    b'"threshold":2', b'"threshold":2.0'
                )
            },
            None,
        ),
        "a root of another specification": (repository.root(put("spec_version", "2.0.0")), None),
        "a root of an older specification": (repository.root(put("spec_version", "1.0")), None),
        "a root with a version as text": (repository.root(put("spec_version", 1)), None),
        "a root with no date": (repository.root(lambda d: d.pop("expires")), None),
        "a root with a day that does not exist": (repository.root(put("expires", "2027-02-29T00:00:00Z")), None),
        "a root with fractions of a second": (repository.root(put("expires", "2028-02-28T00:00:00.5Z")), None),
        "a root that has expired": (repository.root(put("expires", "2027-01-01T00:00:00Z")), None),
        "another root of the same version": (one_root(put("expires", "2029-01-01T00:00:00Z")), files),
        "the same root with one signature less": (one_root(nothing), files),
        "the same root with an unknown signature": (
            {names["root"]: whole(root, lambda d: d["signatures"].append({"keyid": "ab" * 32, "sig": "cd" * 64}))},
            None,
        ),
        "the same root with spaces": ({names["root"]: json.dumps(json.loads(root)).encode()}, None),
        "the same root with a line feed": ({names["root"]: root + b"\n"}, None),
        "the same root with capital digits": (
            {names["root"]: whole(root, lambda d: d["signatures"][0].update(sig=d["signatures"][0]["sig"].upper()))},
            None,
        ),
        "the same root with a member outside": ({names["root"]: whole(root, put("more", 1))}, None),
        "a name twice": ({names["root"]: root.replace(b'"version":2', b'"version":2,"version":2')}, None),
        "a root as targets": ({names["targets"]: root}, None),
        "another pinned root": ({"trust/1.root.json": root}, None),
        "no pinned root": ({"trust/1.root.json": None}, None),
        "no timestamp": ({"trust/timestamp.json": None}, None),
        "a timestamp by a stranger": ({"trust/timestamp.json": edited(timestamp, nothing, STRANGER)}, None),
        "a timestamp by a root key": ({"trust/timestamp.json": edited(timestamp, nothing, ROOTS[0])}, None),
        "a timestamp of no version": ({"trust/timestamp.json": edited(timestamp, put("version", 0), ONLINE)}, None),
        "a timestamp of version true": (
            {"trust/timestamp.json": edited(timestamp, put("version", True), ONLINE)},
            None,
        ),
        "a timestamp with minus zero": (
            {
                "trust/timestamp.json": edited(timestamp, put("version", 7), ONLINE).replace(
                    b'"version":7', b'"version":-0'
                )
            },
            None,
        ),
        "a timestamp with a negative number more": (
            {"trust/timestamp.json": edited(timestamp, put("more", -5), ONLINE)},
            None,
        ),
        "a timestamp with letters above U+FFFF": (
            {
                "trust/timestamp.json": edited(
                    timestamp, put("more", {"\U0001f600": '\x7f\u2028é"\\', "\uffff": "/"}), ONLINE
                )
            },
            None,
        ),
        "a timestamp that has expired": (
            {"trust/timestamp.json": edited(timestamp, put("expires", BEGIN), ONLINE)},
            None,
        ),
        "a timestamp that lists more": (
            {
                "trust/timestamp.json": edited(
                    timestamp, lambda d: d["meta"].update({"more.json": {"version": 1}}), ONLINE
                )
            },
            None,
        ),
        "a timestamp that is too large": (
            {"trust/timestamp.json": edited(timestamp, put("more", "x" * 20_000), ONLINE)},
            None,
        ),
        "another timestamp of the same version": (
            {"trust/timestamp.json": edited(timestamp, put("expires", "2027-04-01T00:00:00Z"), ONLINE)},
            files,
        ),
        "fast-forward": ({"trust/timestamp.json": far}, files),
        "after a fast-forward": ({}, {**files, "trust/timestamp.json": far}),
        "after a fast-forward, and new keys": (new_online, {**files, "trust/timestamp.json": far}),
        "after new keys, the old key": ({**new_online, "trust/timestamp.json": far}, {**files, **new_online}),
        "mix-and-match of snapshot and timestamp": (
            {names["snapshot"]: repository.first["trust/1.snapshot.json"]},
            None,
        ),
        "no snapshot": ({names["snapshot"]: None}, None),
        "a snapshot with a flipped byte": ({names["snapshot"]: snapshot.replace(b"a", b"b", 1)}, None),
        "a snapshot by a stranger": (
            {
                **repository.relinked(),
                names["snapshot"]: foreign,
                "trust/timestamp.json": edited(
                    timestamp, lambda d: d["meta"].update({"snapshot.json": listed(foreign, 2)}), ONLINE
                ),
            },
            None,
        ),
        "a snapshot listed without its length": (
            repository.relinked(timestamp=lambda d: d["meta"]["snapshot.json"].pop("length")),
            None,
        ),
        "a snapshot listed without its hash": (
            repository.relinked(timestamp=lambda d: d["meta"]["snapshot.json"].pop("hashes")),
            None,
        ),
        "a snapshot listed with a length of null": (
            repository.relinked(timestamp=lambda d: d["meta"]["snapshot.json"].update(length=None)),
            None,
        ),
        "a snapshot listed as another version": (
            repository.relinked(timestamp=lambda d: d["meta"]["snapshot.json"].update(version=1)),
            None,
        ),
        "a snapshot listed with SHA-512 too": (
            repository.relinked(
                timestamp=lambda d: d["meta"]["snapshot.json"]["hashes"].update(sha512="ab" * 64),
            ),
            None,
        ),
        "a snapshot without targets": (repository.relinked(snapshot=lambda d: d["meta"].pop("targets.json")), None),
        "a snapshot that lists more": (
            repository.relinked(snapshot=lambda d: d["meta"].update({"more.json": {"version": 3}})),
            None,
        ),
        "a snapshot that no longer lists something": (
            {},
            {**files, **repository.relinked(snapshot=lambda d: d["meta"].update({"more.json": {"version": 3}}))},
        ),
        "targets by one key": (
            {names["targets"]: edited(targets, nothing, ROOTS[0])},
            None,
        ),
        "targets that were rolled back": (
            repository.relinked(
                snapshot=lambda d: d["meta"].update(
                    {"targets.json": listed(repository.first["trust/1.targets.json"], 1)}
                )
            ),
            files,
        ),
        "targets that were rolled back, for a first visit": (
            repository.relinked(
                snapshot=lambda d: d["meta"].update(
                    {"targets.json": listed(repository.first["trust/1.targets.json"], 1)}
                )
            ),
            None,
        ),
        "targets without trust.json": (repository.relinked(targets=lambda d: d["targets"].pop("trust.json")), None),
        "targets without a policy": (repository.relinked(targets=lambda d: d["targets"].pop("witness.policy")), None),
        "targets with a path": (
            repository.relinked(targets=lambda d: d["targets"].update({"../x": d["targets"]["trust.json"]})),
            None,
        ),
        "targets with another file": (
            repository.relinked(targets=lambda d: d["targets"].update({"reader.html": d["targets"]["trust.json"]})),
            None,
        ),
        "targets with a negative length": (
            repository.relinked(targets=lambda d: d["targets"]["trust.json"].update(length=-1)),
            None,
        ),
        "targets that delegate": (
            repository.relinked(targets=put("delegations", {"keys": {}, "roles": []})),
            None,
        ),
        "targets with no hashes": (
            repository.relinked(targets=lambda d: d["targets"]["trust.json"].update(hashes={})),
            None,
        ),
        "targets with a custom member": (
            repository.relinked(targets=lambda d: d["targets"]["trust.json"].update(custom={"a": 1})),
            None,
        ),
        "another trust.json": ({trust: files[trust].replace(b"Example", b"Exemple")}, None),
        "no trust.json": ({trust: None}, None),
        "endless trust.json": ({trust: files[trust] + b" " * 1_000_000}, None),
        "another policy": ({policy: files[policy].replace(b"2 w1", b"1 w1")}, None),
        "no policy": ({policy: None}, None),
    }
    return attacks


def test_the_trust_walk_decides_as_pythons_over_attacks_made_with_python_tuf(tmp_path: Path) -> None:
    repository = Repository()
    attacks = trust_attacks(repository)
    cases: list[Case] = []
    for about, (change, remembers) in attacks.items():
        case: Case = {
            "about": about,
            "ask": {"what": "trust"},
            "mirror": "trust",
            "pin": repository.pin,
            "now": LATER,
            "change": {path: None if data is None else b64(data) for path, data in change.items()},
        }
        if remembers is not None:
            case["remembers"] = {"trust": {path: b64(data) for path, data in remembers.items()}}
        cases.append(case)
    mirrors = {"trust": repository.files}
    python = in_python(mirrors, cases)
    # Both verdicts occur often, or the comparison would be worth little.
    assert sum(one["ok"] for one in python) > 15
    assert sum(not one["ok"] for one in python) > 40
    assert not python[[*attacks].index("rollback of everything")]["ok"]
    assert python[[*attacks].index("nothing is wrong")]["ok"]
    for fallback in (False, True):
        assert differences(cases, python, in_javascript(tmp_path, mirrors, cases, fallback=fallback)) == []


def test_the_attacks_are_named_as_they_are_in_the_javascript_tests() -> None:
    text = (ROOT / "tests" / "web" / "attacks.test.mjs").read_text("utf-8")
    named = set(re.findall(r"^  attack\('([^']+)'", text, flags=re.MULTILINE))
    assert set(JAVASCRIPT) <= set(ATTACKS)
    assert {name for names in JAVASCRIPT.values() for name in names} <= named


def test_the_trust_walk_decides_as_pythons_over_mutated_files(tmp_path: Path, everything: bool) -> None:
    repository = Repository()
    rng = random.Random(3)
    cases: list[Case] = []
    for number in range(1500 if everything else 150):
        path = rng.choice(sorted(repository.files))
        cases.append(
            {
                "about": f"{number}: {path}",
                "ask": {"what": "trust"},
                "mirror": "trust",
                "pin": repository.pin,
                "now": LATER,
                "change": {path: b64(mutated(repository.files[path], rng))},
            }
        )
    mirrors = {"trust": repository.files}
    assert differences(cases, in_python(mirrors, cases), in_javascript(tmp_path, mirrors, cases)) == []


# --- everything else -------------------------------------------------------------------------------------------------


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to three small changes."""
    out = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(out) + 1)
        choice = rng.randrange(6)
        if choice == 0 and place < len(out):
            out[place] ^= 1 << rng.randrange(8)
        elif choice == 1 and place < len(out):
            out[place] = rng.choice(b'\x00\n "\\+-=/019aAzZ{}[],:\x7f\xe2\xff')
        elif choice == 2:
            out[place:place] = rng.choice(
                (b"\n", b" ", b"0", b"=", b"\n\n", b"\xe2\x80\x94 ", b"\\u0041", b"e1", b"\x00")
            )
        elif choice == 3:
            del out[place : place + rng.randrange(1, 4)]
        elif choice == 4:
            end = place + rng.randrange(1, 40)
            out[place:place] = out[place:end]
        else:
            del out[place:]
    return bytes(out) if out else b"\n"


def a_publication(*, witnesses: bool = False) -> Publication:
    files = world.trust_files(policy=world.POLICY if witnesses else None)
    made = Publication(files, witnesses=world.WITNESSES if witnesses else ())
    made.add("one", article(1))
    made.add("two", article(2))
    made.seal(world.FIRST)
    made.add("one again", article(1, revision=2, replaces=made.digests["one"]))
    made.add("three", article(3, title="\U0001f600 three"))
    made.seal(world.SECOND)
    return made


def signed_again(document: Document, rng: random.Random) -> Document:
    """The document with a change that its publisher signs: for the schema, the entry, and what was asked for."""
    changed: Document = json.loads(json.dumps(document))
    target: Any = changed
    while True:
        inner = [
            v for v in (target.values() if isinstance(target, dict) else target) if isinstance(v, dict | list) and v
        ]
        if not inner or rng.random() < 0.4:
            break
        target = rng.choice(inner)
    values: list[Any] = [
        None,
        True,
        False,
        0,
        1,
        -1,
        2**53 - 1,
        2**53,
        1.5,
        "",
        "x",
        "\u0000",
        "\u2028",
        "\U0001f600" * 3,
        "é" * 300,
        [],
        {},
        [[]],
        "2027-02-30T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2027-03-01T08:15:00Z",
        "ab" * 32,
        "http://x",
        "javascript:x",
        "https://a.example/",
        {"type": "rule"},
        {"type": "picture", "resource": 0},
        {"type": "list", "ordered": True, "items": [[{"type": "paragraph", "content": ["a"]}]]},
        {"type": "paragraph", "content": [{"type": "strong", "content": ["\U0001f600" * 50]}]},
        {"type": "__proto__"},
    ]
    if isinstance(target, dict):
        key = rng.choice([*target, "__proto__", "constructor", "section", "lead", "modified", "x"])
        if rng.random() < 0.2:
            target.pop(key, None)
        else:
            target[key] = rng.choice(values)
    elif rng.random() < 0.5:
        target.append(rng.choice(values))
    else:
        target[rng.randrange(len(target))] = rng.choice(values)
    return changed


def bundle_case(made: Publication, about: str, stored: bytes, tlog_proof: bytes, **more: Any) -> Case:
    digest = digest_of(stored)
    where = f"{digest[:2]}/{digest[2:]}"
    change = {f"o/{where}": b64(stored), f"proof/{where}": b64(tlog_proof), **more.pop("change", {})}
    ask = {"what": "bundle", "digest": digest, **more}
    return {"about": about, "ask": ask, "mirror": "made", "change": change, "pin": made.pin, "now": NOW}


@pytest.mark.parametrize("witnesses", [False, True])
def test_bundles_fronts_proofs_and_notes_get_pythons_verdict_and_check_number(
    tmp_path: Path, everything: bool, witnesses: bool
) -> None:
    made = a_publication(witnesses=witnesses)
    mirrors = {"made": made.files}
    rng = random.Random(7)
    rounds = 120 if everything else 15
    digests = [made.digests["one"], made.digests["three"], made.digests["edition 1"]]
    cases: list[Case] = []

    def of(digest: str, folder: str = "o") -> bytes:
        return made.files[f"{folder}/{digest[:2]}/{digest[2:]}"]

    asked = {"pin": made.pin, "now": NOW, "mirror": "made"}
    for number in range(rounds):
        digest = rng.choice(digests)
        stored, tlog_proof = of(digest), of(digest, "proof")
        text = zlib.decompress(stored, 31)
        where = f"{digest[:2]}/{digest[2:]}"
        front = zlib.decompress(made.files["front"], 31)
        tiles = [path for path in made.files if path.startswith("tile/")]
        path = rng.choice([*tiles, "front", f"o/{where}", f"proof/{where}"])
        document = json.loads(note.parse(text).text)
        changed = signed_again(document, rng)
        again = gzip_bytes(note.sign(world.one_line(changed), PUBLISHER))
        again_proof = proof_alone(made, changed, again) or tlog_proof
        cases += [
            bundle_case(made, f"{number}: a note", gzip_bytes(mutated(text, rng)), tlog_proof),
            bundle_case(made, f"{number}: gzip", mutated(gzip_bytes(text), rng), tlog_proof),
            bundle_case(made, f"{number}: a proof", stored, mutated(tlog_proof, rng)),
            bundle_case(made, f"{number}: signed again", again, again_proof),
            bundle_case(made, f"{number}: signed again, asked for", again, again_proof, url=document.get("url", "x")),
            bundle_case(made, f"{number}: a checkpoint", stored, with_checkpoint(made, tlog_proof, rng)),
            {
                **asked,
                "about": f"{number}: a front",
                "ask": {"what": "front"},
                "change": {"front": b64(gzip_bytes(mutated(front, rng)))},
            },
            {
                **asked,
                "about": f"{number}: {path}",
                "ask": {"what": "bundle", "digest": digest},
                "change": {path: b64(mutated(made.files[path], rng))},
            },
            {
                **asked,
                "about": f"{number}: listed",
                "ask": {"what": "listed", "digest": made.digests["three"]},
                "change": {path: b64(mutated(made.files[path], rng))},
            },
            {"about": f"{number}: a proof alone", "ask": {"what": "proof", "data": b64(mutated(tlog_proof, rng))}},
            {
                "about": f"{number}: a note alone",
                "ask": {"what": "note", "data": b64(mutated(text, rng)), "keys": [PUBLISHER.verifier.text]},
            },
            {
                "about": f"{number}: a policy",
                "ask": {
                    "what": "policy",
                    "data": b64(mutated(world.POLICY, rng)),
                    "cosigned": [one.verifier.text for one in world.WITNESSES[:2]],
                },
            },
            {"about": f"{number}: a key", "ask": {"what": "key", "text": spelt(PUBLISHER.verifier.text, rng)}},
            {"about": f"{number}: a number", "ask": {"what": "number", "text": spelt(str(rng.randrange(2**64)), rng)}},
            {"about": f"{number}: a time", "ask": {"what": "time", "text": spelt(NOW, rng)}},
            {
                "about": f"{number}: a document",
                "ask": {"what": "json", "data": b64(mutated(note.parse(text).text, rng))},
            },
        ]
    python = in_python(mirrors, cases)
    checks = {one.get("check") for one in python}
    assert {3, 4, 5, 6, 9} <= checks
    assert any(one.get("authentic") for one in python)
    assert differences(cases, python, in_javascript(tmp_path, mirrors, cases)) == []
    # Signatures in plain JavaScript take ten times as long.
    some, answers = cases[: len(cases) // 4], python[: len(cases) // 4]
    assert differences(some, answers, in_javascript(tmp_path, mirrors, some, fallback=True)) == []


def proof_alone(made: Publication, document: Document, stored: bytes) -> bytes | None:
    """The proof of a bundle in a log that holds nothing else; None when it can have no entry."""
    try:
        entry = entry_of(document, digest_of(stored), len(stored)).encode()
    except FormatError:
        return None
    log = world.Log(world.LOG)
    log.tree.append(entry)
    return proof.Proof(index=0, hashes=(), checkpoint=log.signed(made.witnesses)).encode()


def with_checkpoint(made: Publication, tlog_proof: bytes, rng: random.Random) -> bytes:
    """The proof with a checkpoint that lacks lines, has one twice, or one of a stranger."""
    parsed = proof.parse(tlog_proof)
    opened = note.parse(parsed.checkpoint)
    lines = [line for line in opened.lines if rng.random() < 0.7]
    if rng.random() < 0.3:
        lines += opened.lines[:1]
    if rng.random() < 0.3 or not lines:
        lines += note.parse(note.sign(opened.text, STRANGER)).lines
    rng.shuffle(lines)
    changed = note.Note(text=opened.text, lines=tuple(lines)).encode()
    return proof.Proof(index=parsed.index, hashes=parsed.hashes, checkpoint=changed).encode()


def spelt(text: str, rng: random.Random) -> str:
    return mutated(text.encode(), rng).decode("utf-8", "replace")


def test_deflate_streams_are_read_or_refused_as_zlib_does(tmp_path: Path, everything: bool) -> None:
    rng = random.Random(11)
    cases: list[Case] = []
    for number in range(3000 if everything else 250):
        size = rng.choice((0, 1, 100, 3000, 70_000 if number % 10 == 0 else 500))
        kind = rng.randrange(3)
        data = (
            rng.randbytes(size) if kind == 0
            else bytes(rng.choices(b"abcdefgh \n", k=size)) if kind == 1
            else (b"the same again, " * (size // 16 + 1))[:size]
        )  # fmt: skip
        strategy = rng.choice((zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE))
        packer = zlib.compressobj(rng.randrange(10), zlib.DEFLATED, -15, rng.randrange(1, 10), strategy)
        body = packer.compress(data[: size // 2])
        if number % 3 == 0:
            body += packer.flush(zlib.Z_SYNC_FLUSH)
        stored = world.gzipped(body + packer.compress(data[size // 2 :]) + packer.flush(), data)
        if number % 2:
            stored = stored[:10] + mutated(stored[10:], rng)
        cap = rng.choice((size, size + 1, 1 << 20, max(size - 1, 0)))
        cases.append({"about": f"{number}", "ask": {"what": "gzip", "data": b64(stored), "cap": cap}})
    python = in_python({}, cases)
    assert sum(one["ok"] for one in python) > len(cases) // 5
    assert differences(cases, python, in_javascript(tmp_path, {}, cases)) == []


def test_proofs_between_random_trees_are_judged_alike(tmp_path: Path, everything: bool) -> None:
    from signing.tiles import Tree

    rng = random.Random(13)
    tree = Tree.load(0, hashlib.sha256(b"").digest(), world.nothing)
    roots, leaves = [tree.root], []
    for number in range(200):
        leaves.append(leaf_hash(b"%d" % number))
        tree.append(b"%d" % number)
        roots.append(tree.root)
    cases: list[Case] = []
    for number in range(1500 if everything else 200):
        old = rng.randrange(201)
        index = rng.randrange(200)
        hashes = [one.hex() for one in tree.consistency(old)]
        siblings = [one.hex() for one in tree.inclusion(index)]
        for some in (hashes, siblings):
            if some and rng.random() < 0.5:
                place = rng.randrange(len(some))
                some[place : place + rng.randrange(2)] = rng.choice(([], [some[0]], ["ab" * 32], ["ab" * 31]))
        shift = rng.choice((0, 0, 0, 1, -1, 2**62))
        cases += [
            {
                "about": f"{number}: consistency",
                "ask": {
                    "what": "consistency",
                    "old": {"size": max(old + rng.choice((0, 0, 0, 1)), 0), "root": roots[old].hex()},
                    "new": {"size": 200, "root": roots[200].hex()},
                    "hashes": hashes,
                },
            },
            {
                "about": f"{number}: inclusion",
                "ask": {
                    "what": "inclusion",
                    "leaf": leaves[index].hex(),
                    "index": max(index + rng.choice((0, 0, 1)), 0),
                    "size": max(200 + shift, 0),
                    "root": roots[200].hex(),
                    "hashes": siblings,
                },
            },
        ]
    python = in_python({}, cases)
    assert {one["ok"] for one in python} == {True, False}
    assert differences(cases, python, in_javascript(tmp_path, {}, cases)) == []


# --- packs -----------------------------------------------------------------------------------------------------------


def pack_said(file: Path, data: bytes, paths: Sequence[str], cap: int) -> dict[str, Any]:
    """What Python reads in these bytes as a pack: its digest (None: it is none) and the files by path."""
    from mirror.commands.reader import _packed
    from mirror.read import PackMirror, ReadError

    file.write_bytes(data)
    try:
        pack = PackMirror(file)
        with contextlib.closing(pack):
            said: dict[str, Any] = {"digest": _packed(pack), "files": {}}
            for path in paths:
                try:
                    found = pack.get(path, cap)
                    said["files"][path] = None if found is None else digest_of(found)
                except ReadError:
                    said["files"][path] = "refused"
            return said
    except ReadError:
        return {"digest": None}


def test_a_pack_is_never_one_thing_to_python_and_another_to_javascript(tmp_path: Path, everything: bool) -> None:
    from mirror.read import write_pack

    made = a_publication()
    digest = made.digests["one"]
    paths = [f"o/{digest[:2]}/{digest[2:]}", "front", "trust/1.root.json", "feed.xml"]
    about = b'{"v":1,"kind":"pack","digest":"%s"}' % digest.encode()
    good = {"pack.json": about, **{path: made.files[path] for path in paths[:3]}}
    file = tmp_path / "one.tamizdat"
    write_pack(file, good)
    whole = file.read_bytes()
    first = whole.index(b"PK\1\2")
    rng = random.Random(17)
    cases: list[Case] = []
    for number in range(3000 if everything else 400):
        data = bytearray(whole)
        for _ in range(rng.randrange(3)):
            # Mostly where names, sizes and places are told.
            start, end = rng.choice([(first, len(data)), (len(data) - 22, len(data)), (0, 120), (0, len(data))])
            place = rng.randrange(min(start, len(data) - 1), max(min(end, len(data)), 1))
            if rng.random() < 0.7:
                data[place] ^= 1 << rng.randrange(8)
            else:
                data[place] = rng.choice((0, 1, 8, 0x50, 0xFF))
        if rng.random() < 0.1:
            data = bytearray(mutated(bytes(data), rng))
        cap = rng.choice((1 << 20, 1 << 20, 500))
        ask = {"what": "pack", "data": b64(bytes(data)), "paths": paths, "cap": cap}
        cases.append({"about": f"{number}", "ask": ask})
    python = [pack_said(file, base64.b64decode(one["ask"]["data"]), paths, one["ask"]["cap"]) for one in cases]
    javascript = in_javascript(tmp_path, {}, cases)
    alike = 0
    for number, (one, other) in enumerate(zip(python, javascript, strict=True)):
        assert "crash" not in other, other
        if one["digest"] is None or other["digest"] is None:
            continue  # either may be stricter
        assert one["digest"] == other["digest"], number
        for path in paths:
            told = {one["files"][path], other["files"][path]} - {"refused"}
            assert len(told) <= 1, f"{number}: {path} is {told}"
            alike += told not in (set(), {None})
    assert alike > len(cases) // 2
    untouched = [answer for answer, one in zip(javascript, cases, strict=True) if one["ask"]["data"] == b64(whole)]
    assert untouched
    assert all(answer["files"]["feed.xml"] is None and answer["digest"] == digest for answer in untouched)


def test_lists_and_indexes_of_packed_mirrors_are_read_alike(tmp_path: Path, everything: bool) -> None:
    from mirror import packed

    rng = random.Random(19)
    names = [hashlib.sha256(b"%d" % number).hexdigest()[:32] for number in range(3)]
    packs = tuple(
        packed.Pack(name=name, size=100_000, index_offset=90_000 + at, index_size=500) for at, name in enumerate(names)
    )
    good = packed.list_bytes(packed.List(serial=7, packs=packs))
    places = {f"o/{name[:2]}/{name[2:]}": (number * 100, 50 + number) for number, name in enumerate(names)}
    index = packed.index_bytes(places)
    cases: list[Case] = []
    for number in range(1500 if everything else 200):
        change = mutated if number else lambda data, _rng: data
        cases += [
            {"about": f"{number}: a list", "ask": {"what": "packs", "data": b64(change(good, rng))}},
            {
                "about": f"{number}: an index",
                "ask": {
                    "what": "index",
                    "data": b64(gzip_bytes(change(index, rng))),
                    "size": rng.choice((252, 100_000)),
                },
            },
        ]

    def said(ask: Document) -> Document:
        data = base64.b64decode(ask["data"])
        try:
            if ask["what"] == "packs":
                found = packed.parse_list(data).packs
                return {"ok": True, "packs": [[p.name, p.size, p.index_offset, p.index_size] for p in found]}
            return {"ok": True, "files": {p: list(at) for p, at in packed.parse_index(data, ask["size"]).items()}}
        except FormatError:
            return {"ok": False, "error": "format"}

    python = [said(one["ask"]) for one in cases]
    assert python[0]["ok"]
    assert {one["ok"] for one in python} == {True, False}
    assert differences(cases, python, in_javascript(tmp_path, {}, cases)) == []
