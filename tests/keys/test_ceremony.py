"""Requests and signatures: what holders of root keys are shown, and everything that is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mirror import ceremony
from mirror.ceremony import BadRequest
from signing import authority, cosignature
from signing import checkpoint as checkpoints
from signing.authority import Change
from signing.checkpoint import Checkpoint
from signing.keys import SignerKey, VerifierKey
from tests.keys.sandbox import SHARE_PASSPHRASE, Sandbox
from tests.test_trust import Mirror

NOW = datetime(2027, 3, 1, 8, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=100)
SHARES = tuple(SignerKey(f"share-{name}", name.encode() * 32) for name in "abcd")
ONLINE, NEW_ONLINE = SignerKey("example.org/online", b"o" * 32), SignerKey("example.org/online", b"p" * 32)
LOG, PUBLISHER = SignerKey("example.org/log/2027", b"l" * 32), SignerKey("example.org/publisher", b"q" * 32)
MALLORY = SignerKey("share-a", b"m" * 32)


def document(**changes: object) -> dict[str, Any]:
    made: dict[str, Any] = {
        "v": 1,
        "kind": "trust",
        "origin": "example.org",
        "name": "Example",
        "time": "2027-03-01T08:00:00Z",
        "logs": [{"origin": LOG.name, "key": LOG.verifier.text, "from": "2027-03-01T08:00:00Z"}],
        "publishers": [{"key": PUBLISHER.verifier.text, "outlets": ["*"], "from": "2027-03-01T08:00:00Z"}],
        "root": {"version": 1, "digest": "ab" * 32},
    }
    return {**made, **changes}


def encoded(one: dict[str, Any]) -> bytes:
    return json.dumps(one, separators=(",", ":")).encode()


def repository(keys: tuple[SignerKey, ...] = SHARES[:3], threshold: int = 2) -> Mirror:
    return Mirror(
        authority.create(root=keys, threshold=threshold, online=ONLINE, trust_document=encoded(document()), now=NOW)
    )


def a_request(mirror: Mirror, change: Change) -> bytes:
    view = mirror.walked(now=LATER)
    return ceremony.write_request(
        authority.propose(mirror.get, change, LATER),
        origin="example.org",
        roots=[view.files[f"trust/{number}.root.json"] for number in range(1, view.root_version + 1)],
        files={"trust.json": view.trust},
        checkpoint=b"",
        time="2027-06-09T08:00:00Z",
    )


HEX = "ab" * 32
ROTATION = Change(online=NEW_ONLINE.verifier)


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_what_is_shown_is_computed_from_what_would_be_signed() -> None:
    change = Change(
        root=(SHARES[0].verifier, SHARES[1].verifier, SHARES[3].verifier),
        threshold=1,
        online=NEW_ONLINE.verifier,
        targets={
            "trust.json": encoded(
                document(
                    name="Other",
                    publishers=[
                        {"key": PUBLISHER.verifier.text, "outlets": ["*"], "from": "2027-03-01T08:00:00Z",
                         "until": "2027-06-09T08:00:00Z"},
                        {"key": MALLORY.verifier.text, "outlets": ["lantern"], "from": "2027-06-09T08:00:00Z"},
                    ],
                )
            ),
            "minisign.pub": b"untrusted comment: a key\nabc\n",
        },
    )  # fmt: skip
    shown = "\n".join(ceremony.explain(ceremony.open_request(a_request(repository(), change), LATER)))
    for words in (
        "root key REMOVED: share-c",
        "root key ADDED: share-d",
        "2 of 3 → 1 of 3",
        "ONE root key alone",
        "online key CHANGED",
        "publisher key ADDED: share-a+",
        "for lantern",
        "to 2027-06-09T08:00:00Z",
        "name: Example → Other",
        "file minisign.pub: 29 bytes",
        "valid until: root 2028-02-29 → 2028-06-08",
    ):
        assert words in shown, (words, shown)


def test_a_summary_in_the_file_is_not_read() -> None:
    data = json.loads(a_request(repository(), ROTATION))
    data["changes"] = ["nothing at all"]
    shown = ceremony.explain(ceremony.open_request(encoded(data), LATER))
    assert any("online key CHANGED" in line for line in shown)
    assert "nothing at all" not in "\n".join(shown)


def test_two_of_three_sign_and_it_is_assembled() -> None:
    mirror = repository()
    request = ceremony.open_request(a_request(mirror, ROTATION), LATER)
    signatures = [ceremony.open_signature(ceremony.sign(request, key), request) for key in SHARES[1:3]]
    assert not authority.lacking(request.proposal, signatures)
    mirror |= authority.assemble(mirror.get, request.proposal, signatures, NEW_ONLINE, LATER)
    view = mirror.walked(now=LATER)
    assert (view.root_version, view.versions["targets"]) == (2, 2)
    assert view.online == {authority.key_id(NEW_ONLINE)}


def test_one_signature_given_twice_counts_once() -> None:
    request = ceremony.open_request(a_request(repository(), ROTATION), LATER)
    one = ceremony.open_signature(ceremony.sign(request, SHARES[0]), request)
    lacking = authority.lacking(request.proposal, [one, one])
    assert (lacking.old, lacking.new) == (1, 1)


def test_a_change_of_root_keys_needs_the_old_and_the_new() -> None:
    change = Change(root=tuple(key.verifier for key in (SHARES[3], MALLORY)), threshold=2)
    request = ceremony.open_request(a_request(repository(), change), LATER)
    signed = {key: ceremony.open_signature(ceremony.sign(request, key), request) for key in (*SHARES, MALLORY)}
    old, new = [signed[SHARES[0]], signed[SHARES[1]]], [signed[SHARES[3]], signed[MALLORY]]
    assert authority.lacking(request.proposal, old).new == 2
    assert authority.lacking(request.proposal, new).old == 2
    assert not authority.lacking(request.proposal, old + new)


# --- hostile requests -------------------------------------------------------------------------------------------------


def changed(path: tuple[str | int, ...], value: object) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        inner: Any = data
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value

    return change


def inside(name: str, change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """A change in the metadata that stands as text in the request."""

    def apply(data: dict[str, Any]) -> None:
        metadata = json.loads(data["proposed"][name])
        change(metadata["signed"])
        data["proposed"][name] = json.dumps(metadata, separators=(",", ":"))

    return apply


def double_key(signed: dict[str, Any]) -> None:
    """One key under two IDs, which would count twice."""
    id = signed["roles"]["root"]["keyids"][0]
    signed["keys"]["f" * 64] = signed["keys"][id]
    signed["roles"]["root"]["keyids"].append("f" * 64)
    signed["roles"]["targets"]["keyids"].append("f" * 64)


def weaker_targets(signed: dict[str, Any]) -> None:
    signed["roles"]["targets"]["threshold"] = 1


def targets_by_the_online_key(signed: dict[str, Any]) -> None:
    signed["roles"]["targets"] = dict(signed["roles"]["timestamp"])


HOSTILE: dict[str, Callable[[dict[str, Any]], None]] = {
    "no kind": changed(("kind",), "letter"),
    "another version": changed(("v",), 2),
    "a time of two lines": changed(("time",), "2027-06-09T08:00:00Z\nall is well"),
    "no roots": changed(("roots",), []),
    "roots that are numbers": changed(("roots",), [1]),
    "a root that is no root": changed(("roots", 0), "{}"),
    "nothing proposed": changed(("proposed",), None),
    "another origin": changed(("origin",), "evil.example"),
    "targets of nobody": changed(("targets",), '{"signed":{},"signatures":[]}'),
    "another trust.json in force": changed(("files", "trust.json"), encoded(document(name="Evil")).decode()),
    "a file nobody lists": changed(("proposed", "files"), {"evil.html": "x"}),
    "a checkpoint of nobody": changed(("checkpoint",), "example.org/log/2027\n0\nx\n\n"),
    "a root two versions on": inside("root", changed(("version",), 3)),
    "a root for ever": inside("root", changed(("expires",), "2099-01-01T00:00:00Z")),
    "a root that expired": inside("root", changed(("expires",), "2027-01-01T00:00:00Z")),
    "targets for ever": inside("targets", changed(("expires",), "2099-01-01T00:00:00Z")),
    "targets of an old version": inside("targets", changed(("version",), 1)),
    "delegations": inside("targets", changed(("delegations",), {"keys": {}, "roles": []})),
    "a climbing target": inside("targets", changed(("targets", "../x"), {"length": 1, "hashes": {"sha256": HEX}})),
    "an unknown member": inside("root", changed(("x",), 1)),
    "one key twice": inside("root", double_key),
    "weaker targets": inside("root", weaker_targets),
    "targets by the online key": inside("root", targets_by_the_online_key),
    "no consistent snapshots": inside("root", changed(("consistent_snapshot",), False)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_request_is_not_to_be_signed(name: str) -> None:
    data = json.loads(a_request(repository(), ROTATION))
    HOSTILE[name](data)
    with pytest.raises(BadRequest) as caught:
        ceremony.open_request(encoded(data), LATER)
    assert "\n" not in str(caught.value)


def frozen(size: int, root: str, **more: object) -> Change:
    logs = [
        {**document()["logs"][0], "frozen": {"size": size, "root": root, "earlier": False}},
        {"origin": "example.org/log/2027-2", "key": SignerKey("example.org/log/2027-2", b"n" * 32).verifier.text,
         "from": "2027-06-09T08:00:00Z", "path": "log/2027-2", **more},
    ]  # fmt: skip
    return Change(targets={"trust.json": encoded(document(logs=logs))})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (frozen(42, "ab" * 32), "does not hold its newest checkpoint"),
        (Change(targets={"trust.json": encoded(document(origin="evil.example"))}), "evil.example"),
        (
            Change(
                targets={
                    "trust.json": encoded(document(logs=[{**document()["logs"][0], "key": MALLORY.verifier.text}]))
                }
            ),
            "named otherwise",
        ),
        (
            Change(
                targets={
                    "trust.json": encoded(
                        document(logs=[{**document()["logs"][0], "key": SignerKey(LOG.name, b"z" * 32).verifier.text}])
                    )
                }
            ),
            "another key",
        ),
        (Change(targets={"trust.json": b"{}"}), "not to be signed"),
        (Change(targets={"trust.json": b"not json"}), "not JSON"),
    ],
)  # fmt: skip
def test_a_trust_file_that_rewrites_the_log_is_not_to_be_signed(change: Change, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        ceremony.open_request(a_request(repository(), change), LATER)


def _publishers(*more: dict[str, Any]) -> Change:
    return Change(targets={"trust.json": encoded(document(publishers=[*document()["publishers"], *more]))})


@pytest.mark.parametrize(
    ("change", "checkpoint", "words"),
    [
        (frozen(10, "ab" * 32, unwitnessed=10**9), True, "older than its witnesses"),
        (
            Change(
                targets={"trust.json": encoded(document(logs=[{**document()["logs"][0], "unwitnessed": 11}]))},
            ),
            True,
            "no witnesses beyond the 10 entries",
        ),
        (_publishers({**document()["publishers"][0], "until": "2027-06-01T00:00:00Z"}), False, "listed twice"),
        (
            Change(targets={"trust.json": encoded(document(root={"version": 9, "digest": "cd" * 32}))}),
            False,
            "another root",
        ),
    ],
)
def test_what_no_line_would_show_is_not_to_be_signed(change: Change, checkpoint: bool, words: str) -> None:
    mirror = repository()
    data = json.loads(a_request(mirror, change))
    if checkpoint:
        data["checkpoint"] = checkpoints.sign(Checkpoint(LOG.name, 10, bytes.fromhex("ab" * 32)), LOG).decode()
    with pytest.raises(BadRequest, match=words):
        ceremony.open_request(encoded(data), LATER)


def test_how_many_witnesses_are_needed_is_shown_whatever_the_group_is_called() -> None:
    lines = [
        f"witness w{number} {cosignature.witness_key(f'w{number}.example', bytes([number + 1]) * 32).verifier.text}"
        for number in range(3)
    ]
    policy = "\n".join([*lines, "group all-three 1 w0 w1 w2", "quorum all-three", ""]).encode()
    request = ceremony.open_request(a_request(repository(), Change(targets={"witness.policy": policy})), LATER)
    assert "witness policy ADDED: needed is 1 of (w0, w1, w2)" in ceremony.explain(request)
    assert "witnesses that each checkpoint needs: 1 of (w0, w1, w2)" in ceremony.outcome(request)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b'{"v":1,"v":1}', b"[" * 100_000])
def test_garbage_is_no_request_and_no_signature(data: bytes) -> None:
    request = ceremony.open_request(a_request(repository(), ROTATION), LATER)
    with pytest.raises(BadRequest):
        ceremony.open_request(data, LATER)
    with pytest.raises(BadRequest):
        ceremony.open_signature(data, request)


def test_a_request_too_large_is_not_parsed() -> None:
    with pytest.raises(BadRequest, match="at most"):
        ceremony.open_request(b"[" * (ceremony.LARGEST + 1), LATER)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("request", "00" * 32),
        ("root", "AAAA"),
        ("root", "!"),
        ("root", 5),
        ("targets", "A" * 86 + "=="),
        ("key", "nobody"),
        ("key", MALLORY.verifier.text),
        ("kind", "x"),
    ],
)
def test_a_signature_that_is_not_one_of_this_request_is_refused(member: str, value: object) -> None:
    request = ceremony.open_request(a_request(repository(), ROTATION), LATER)
    data = json.loads(ceremony.sign(request, SHARES[0]))
    data[member] = value
    with pytest.raises(BadRequest):
        ceremony.open_signature(encoded(data), request)


def test_a_key_without_a_say_signs_nothing() -> None:
    request = ceremony.open_request(a_request(repository(), ROTATION), LATER)
    with pytest.raises(Exception, match="not a root key"):
        ceremony.sign(request, MALLORY)


def test_names_in_a_request_cannot_move_the_cursor() -> None:
    change = Change(root=(*(key.verifier for key in SHARES[:3]), VerifierKey("x\u202ey", MALLORY.verifier.public)))
    lines = ceremony.explain(ceremony.open_request(a_request(repository(), change), LATER))
    assert any("ADDED" in line for line in lines)
    assert "\u202e" not in "".join(lines)


# --- a false history --------------------------------------------------------------------------------------------------


def test_a_share_that_has_signed_refuses_another_history(split: Sandbox) -> None:
    """The dangerous request: a chain made for the purpose, in which the attacker's keys were there all along, so that
    nothing seems to change, while the same bytes would follow the true root."""
    courier, stick = split.stick("courier"), split.stick("usb-a")
    key = stick / "share-a.key"
    with split.environment():
        from mirror.keys import read_key

        share = read_key(key)
    false = repository((share, MALLORY), 1)
    path = courier / "false.json"
    data = a_request(false, Change(renew=True))
    path.write_bytes(data)
    shown = ceremony.explain(ceremony.open_request(data, LATER))
    assert not any("ADDED" in line for line in shown)
    said = split.refused(4, "key", "sign", path, "--key", key, "-o", courier / "x.sig", "--yes")
    assert not (courier / "x.sig").exists()
    assert "another publication" in said or "past or too far" in said


def test_a_share_that_has_signed_refuses_to_go_back(split: Sandbox) -> None:
    courier, stick = split.stick("courier"), split.stick("usb-a")
    sign = ("key", "sign", courier / "renew.json", "--key", stick / "share-a.key", "-o", courier / "a.sig")
    split.ok("key", "renew", "-o", courier / "renew.json")
    split.ok(*sign)
    seen = stick / "share-a.key.seen"
    document = json.loads(seen.read_bytes())
    seen.write_text(json.dumps({**document, "version": document["version"] + 5}))
    assert "has seen" in split.refused(4, *sign)
    seen.write_text("{")
    assert "compared anew" in split.refused(1, *sign)


def test_the_first_time_the_fingerprint_must_be_given_or_compared(split: Sandbox) -> None:
    courier, stick = split.stick("courier"), split.stick("usb-c")
    split.ok("key", "renew", "-o", courier / "renew.json")
    (stick / "share-c.key.seen").unlink(missing_ok=True)
    sign = ("key", "sign", courier / "renew.json", "--key", stick / "share-c.key", "-o", courier / "c.sig")
    assert "--trust sha256" in split.refused(2, *sign, "--yes")
    assert "another publication" in split.refused(4, *sign, "--yes", "--trust", "sha256:" + "00" * 32)
    root = split.publication.tree / "trust/1.root.json"
    signed = split.ok(*sign, "--yes", "--trust", root, "--json").json
    assert signed["fingerprint"] == split.fingerprint
    assert (stick / "share-c.key.seen").exists()


def test_signing_needs_no_publication(split: Sandbox, tmp_path: Path) -> None:
    courier = split.stick("courier")
    split.ok("key", "renew", "-o", courier / "renew.json")
    elsewhere = Sandbox(tmp_path / "laptop")
    elsewhere.folder.mkdir()
    for path in (courier / "renew.json", split.stick("usb-a") / "share-a.key"):
        target = elsewhere.folder / path.name
        target.write_bytes(path.read_bytes())
        target.chmod(0o600)
    elsewhere.environ["SHARE"] = SHARE_PASSPHRASE
    said = elsewhere.ok(
        *("key", "sign", "renew.json", "--key", "share-a.key", "-o", "a.sig"),
        *("--trust", split.fingerprint, "--passphrase", "env:SHARE"),
    )
    assert "root keys, of which 2 must sign" in said.out
    assert "share-a" in elsewhere.ok("key", "list", "share-a.key").out
