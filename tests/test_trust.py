"""The trust files: made by us, judged by python-tuf's own client, and walked over hostile mirrors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from signing import trust
from signing.authority import create, key_id, refresh, retarget, rotate
from signing.errors import SigningError
from signing.keys import SignerKey
from signing.trust import TrustError, TrustView, fingerprint, walk

NOW = datetime(2027, 3, 1, 8, 0, 0, tzinfo=UTC)
ROOTS = tuple(SignerKey(f"example.org/root{number}", bytes([number]) * 32) for number in range(1, 8))
ONLINE = SignerKey("example.org/online", b"o" * 32)
OTHER_ONLINE = SignerKey("example.org/online", b"p" * 32)
DOCUMENT = b'{"v":1,"kind":"trust"}\n'


class Mirror(dict[str, bytes]):
    """Files by path, and what readers asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(files)
        self.asked: list[tuple[str, int]] = []

    def read(self, path: str, cap: int = 0) -> bytes | None:
        self.asked.append((path, cap))
        return self.get(path)

    @property
    def pin(self) -> str:
        return fingerprint(self["trust/1.root.json"])

    def walked(
        self, *, now: datetime = NOW, known: TrustView | None = None, pin: str | bytes | None = None
    ) -> TrustView:
        return walk(self.read, pin=self.pin if pin is None else pin, now=now, known=known)


def a_repository(threshold: int = 1, keys: int = 1) -> Mirror:
    return Mirror(create(root=ROOTS[:keys], threshold=threshold, online=ONLINE, trust_document=DOCUMENT, now=NOW))


def refused(what: Callable[[], object], *words: str) -> None:
    with pytest.raises(TrustError) as caught:
        what()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


# --- what is made ----------------------------------------------------------------------------------------------------


def test_a_new_repository_has_five_small_files_and_says_what_was_signed() -> None:
    mirror = a_repository()
    names = sorted(path if "targets/" not in path else "trust/targets/…" for path in mirror)
    assert names == sorted(
        [
            "trust/1.root.json",
            "trust/1.snapshot.json",
            "trust/1.targets.json",
            "trust/targets/…",
            "trust/timestamp.json",
        ]
    )
    assert sum(map(len, mirror.values())) < 5000
    view = mirror.walked()
    assert view.trust == DOCUMENT
    assert view.fresh
    assert view.expired == ()
    assert view.root_version == 1
    assert view.fingerprint == mirror.pin == "sha256:" + view.root_digest
    assert view.files == dict(mirror)
    assert view.expires == {
        "root": "2028-02-29T08:00:00Z",
        "targets": "2028-02-29T08:00:00Z",
        "snapshot": "2027-05-30T08:00:00Z",
        "timestamp": "2027-03-15T08:00:00Z",
    }


def test_making_it_twice_gives_the_same_bytes() -> None:
    assert dict(a_repository(2, 3)) == dict(a_repository(2, 3))


def test_trust_json_can_name_the_root_it_stands_under() -> None:
    seen: list[tuple[int, str]] = []

    def document(version: int, digest: str) -> bytes:
        seen.append((version, digest))
        return json.dumps({"root": digest}).encode()

    files = create(root=ROOTS[:1], threshold=1, online=ONLINE, trust_document=document, now="2027-03-01T08:00:00Z")
    assert [f"sha256:{digest}" for _, digest in seen] == [fingerprint(files["trust/1.root.json"])]
    assert seen[0][1].encode() in Mirror(files).walked().trust


def test_files_that_were_walked_can_be_walked_again_without_the_mirror() -> None:
    mirror = a_repository()
    kept = mirror.walked().files
    assert walk(lambda path, cap: kept.get(path), pin=mirror.pin, now=NOW).trust == DOCUMENT


def test_a_root_file_can_be_pinned_instead_of_its_fingerprint() -> None:
    mirror = a_repository(2, 3)
    first = mirror["trust/1.root.json"]
    mirror |= rotate(mirror.read, signers=ROOTS[:2], root=ROOTS[:3], threshold=2, online=ONLINE, now=NOW)
    second = mirror["trust/2.root.json"]
    assert mirror.walked(pin=first).root_version == 2
    view = mirror.walked(pin=second)
    assert view.root_version == 2
    assert view.fingerprint == fingerprint(second)
    assert "trust/1.root.json" not in view.files


@pytest.mark.parametrize(
    ("keys", "threshold", "online"),
    [(ROOTS[:2], 3, ONLINE), (ROOTS[:2], 0, ONLINE), ((ROOTS[0], ROOTS[0]), 1, ONLINE), (ROOTS[:1], 1, ROOTS[0])],
    ids=["threshold above keys", "threshold zero", "one key twice", "online key is a root key"],
)
def test_a_repository_that_could_not_hold_is_not_made(
    keys: tuple[SignerKey, ...], threshold: int, online: SignerKey
) -> None:
    refused(lambda: create(root=keys, threshold=threshold, online=online, trust_document=DOCUMENT, now=NOW))


def test_too_few_private_root_keys_make_nothing() -> None:
    keys = (ROOTS[0], ROOTS[1].verifier, ROOTS[2].verifier)
    refused(lambda: create(root=keys, threshold=2, online=ONLINE, trust_document=DOCUMENT, now=NOW), "root")
    files = create(root=(*ROOTS[:2], ROOTS[2].verifier), threshold=2, online=ONLINE, trust_document=DOCUMENT, now=NOW)
    assert Mirror(files).walked().trust == DOCUMENT


# --- what the independent client says --------------------------------------------------------------------------------


def updater(mirror: Mirror, folder: Path, bootstrap: bytes | None = None) -> bytes:
    """What python-tuf's own client gets as trust.json."""
    from tuf.api.exceptions import DownloadHTTPError
    from tuf.ngclient import Updater
    from tuf.ngclient.fetcher import FetcherInterface

    class FromDict(FetcherInterface):
        def _fetch(self, url: str) -> Iterator[bytes]:
            data = mirror.get(url.removeprefix("https://mirror.example/"))
            if data is None:
                raise DownloadHTTPError("not found", 404)
            yield data

    client = Updater(
        str(folder),
        "https://mirror.example/trust/",
        str(folder),
        "https://mirror.example/trust/targets/",
        fetcher=FromDict(),
        bootstrap=mirror["trust/1.root.json"] if bootstrap is None else bootstrap,
    )
    client.refresh()
    info = client.get_targetinfo("trust.json")
    assert info is not None
    return Path(client.download_target(info)).read_bytes()


def living(now: datetime | None = None) -> tuple[Mirror, datetime]:
    """A repository made today: python-tuf's client looks at the real clock."""
    now = now or datetime.now(UTC)
    return Mirror(create(root=ROOTS[:3], threshold=2, online=ONLINE, trust_document=DOCUMENT, now=now)), now


def test_python_tufs_client_accepts_every_stage_of_a_repositorys_life(tmp_path: Path) -> None:
    mirror, now = living()
    assert updater(mirror, tmp_path) == DOCUMENT
    mirror |= refresh(mirror.read, ONLINE, now)
    assert updater(mirror, tmp_path) == DOCUMENT
    mirror |= retarget(mirror.read, ROOTS[1:3], ONLINE, b"second", now)
    assert updater(mirror, tmp_path) == b"second"
    mirror |= rotate(mirror.read, signers=ROOTS[:2], root=ROOTS[2:5], threshold=2, online=OTHER_ONLINE, now=now)
    assert updater(mirror, tmp_path) == b"second"
    mirror |= retarget(mirror.read, ROOTS[3:5], OTHER_ONLINE, b"third", now)
    mirror |= refresh(mirror.read, OTHER_ONLINE, now)
    assert updater(mirror, tmp_path) == b"third"
    assert mirror.walked(now=now).trust == b"third"


def test_python_tufs_client_refuses_flipped_bits_where_we_do(tmp_path: Path) -> None:
    from tuf.api.exceptions import RepositoryError

    good, now = living()
    for path in good:
        mirror = Mirror(good)
        mirror[path] = flipped(good[path], len(good[path]) // 2)
        if path != "trust/1.root.json":
            folder = tmp_path / path.replace("/", "-")
            folder.mkdir()
            with pytest.raises(RepositoryError):
                updater(mirror, folder)
        refused(lambda mirror=mirror: mirror.walked(now=now, pin=good.pin))


# --- what is refused -------------------------------------------------------------------------------------------------


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_another_root_than_the_pinned_one_is_refused_with_both_fingerprints() -> None:
    mirror = a_repository()
    wrong = "sha256:" + "0" * 64
    refused(lambda: mirror.walked(pin=wrong), wrong, mirror.pin)
    for pin in ("", "sha256:", mirror.pin.upper(), mirror.pin[7:], mirror.pin + "\n", "md5:" + "0" * 64):
        refused(lambda pin=pin: mirror.walked(pin=pin), "fingerprint")


@pytest.mark.parametrize("name", ["1.root", "2.root", "snapshot", "targets.json", "timestamp", "trust.json"])
def test_no_flipped_bit_of_any_file_goes_unseen(name: str, everything: bool) -> None:
    good = a_repository(2, 3)
    good |= rotate(good.read, signers=ROOTS[:2], root=ROOTS[1:4], threshold=2, online=ONLINE, now=NOW)
    before = good.walked()
    path = next(path for path in sorted(before.files) if name in path)
    data = good[path]
    pin: str | bytes = good.pin
    for at in range(0, len(data), 1 if everything else 41):
        mirror = Mirror(good)
        mirror[path] = flipped(data, at)
        try:
            view = mirror.walked(pin=pin)
        except TrustError:
            continue
        # python-tuf reads JSON, so a bit may change a spelling, one of more signatures than needed, or a number that
        # ends the chain of roots ("2.root" absent). It must never change what is believed.
        assert view.trust == before.trust
        assert (view.versions, view.expires) == (before.versions, before.expires)


@pytest.mark.parametrize(
    "path", ["trust/timestamp.json", "trust/1.snapshot.json", "trust/1.targets.json", "trust/1.root.json"]
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b'{"signed":{},"signatures":[]}',
        b'{"signed":{"_type":"root"},"signatures":{}}',
        b"[" * 10000,
        b'{"signed":' * 5000,
        b"<html>not found</html>",
        b'{"signatures":[],"signed":{"_type":"timestamp","version":1e999}}',
        b'{"signatures":[],"signed":{"_type":"timestamp","version":' + b"9" * 9000 + b"}}",
    ],
    ids=range(13),
)
def test_garbage_in_place_of_metadata_is_a_trust_error(path: str, body: bytes) -> None:
    mirror = a_repository()
    pin = mirror.pin if path != "trust/1.root.json" else fingerprint(body)
    mirror[path] = body
    refused(lambda: mirror.walked(pin=pin))


def test_a_missing_file_is_named() -> None:
    for path in a_repository():
        mirror = a_repository()
        pin = mirror.pin
        del mirror[path]
        refused(lambda mirror=mirror, pin=pin: mirror.walked(pin=pin), path, "missing")


def test_files_larger_than_their_cap_are_refused_even_by_a_read_that_does_not_stop() -> None:
    mirror = a_repository()
    mirror["trust/timestamp.json"] += b" " * 20_000
    refused(mirror.walked, "larger than 16384")
    mirror = a_repository()
    mirror["trust/2.root.json"] = b" " * 600_000
    refused(mirror.walked, "larger than 512000")
    mirror = a_repository()
    mirror["trust/1.snapshot.json"] += b" "
    refused(mirror.walked, "larger than")
    caps = dict(mirror.asked)
    assert caps["trust/1.root.json"] == 512_000
    assert caps["trust/timestamp.json"] == 16_384
    assert caps["trust/1.snapshot.json"] < 1000  # what the timestamp says


def test_a_web_page_in_place_of_the_next_root_means_there_is_none() -> None:
    for page in (b"<!doctype html><title>404", b"\n  <html>", b"\xef\xbb\xbf<html>", b"<" + b"x" * 600_000):
        mirror = a_repository()
        mirror["trust/2.root.json"] = page
        assert mirror.walked().root_version == 1
    mirror["trust/2.root.json"] = b"404 not found"
    refused(mirror.walked)


def test_metadata_of_another_role_or_repository_is_refused() -> None:
    other = Mirror(create(root=ROOTS[5:6], threshold=1, online=OTHER_ONLINE, trust_document=b"other", now=NOW))
    for path in ("trust/timestamp.json", "trust/1.snapshot.json", "trust/1.targets.json"):
        mirror = a_repository()
        mirror[path] = other[path]
        refused(mirror.walked)
        mirror[path] = mirror["trust/1.root.json"]
        refused(mirror.walked)


def test_an_old_snapshot_or_old_targets_beside_a_new_timestamp_are_refused() -> None:
    mirror = a_repository()
    old = dict(mirror)
    mirror |= retarget(mirror.read, ROOTS[:1], ONLINE, b"second", NOW)
    for kind in ("snapshot", "targets"):
        mixed = Mirror(mirror)
        mixed[f"trust/2.{kind}.json"] = old[f"trust/1.{kind}.json"]
        refused(mixed.walked)


def test_a_mirror_cannot_roll_back() -> None:
    mirror = a_repository()
    old = Mirror(mirror)
    mirror |= refresh(mirror.read, ONLINE, NOW)
    newer = mirror.walked()
    refused(lambda: old.walked(known=newer), "timestamp", "version 1", "2 was seen")
    assert old.walked().fresh  # without a memory it cannot be known
    assert mirror.walked(known=newer) == newer
    mirror |= rotate(mirror.read, signers=ROOTS[:1], root=ROOTS[:1], threshold=1, online=ONLINE, now=NOW)
    with_root = mirror.walked(known=newer)
    del mirror["trust/2.root.json"]
    refused(lambda: mirror.walked(known=with_root), "root", "seen before")


def test_two_roots_of_one_version_are_told_apart() -> None:
    mirror = a_repository()
    twin = Mirror(mirror)
    mirror |= rotate(mirror.read, signers=ROOTS[:1], root=ROOTS[:1], threshold=1, online=ONLINE, now=NOW)
    twin |= rotate(twin.read, signers=ROOTS[:1], root=ROOTS[:2], threshold=1, online=ONLINE, now=NOW)
    refused(lambda: twin.walked(known=mirror.walked()), "two different roots")


def test_a_new_online_key_ends_what_a_thief_did_with_the_old_one() -> None:
    mirror = a_repository()
    honest = Mirror(mirror)
    for _ in range(5):
        mirror |= refresh(mirror.read, ONLINE, NOW)  # the thief counts up
    locked_out = mirror.walked()
    assert locked_out.versions["timestamp"] == 6
    honest |= rotate(honest.read, signers=ROOTS[:1], root=ROOTS[:1], threshold=1, online=OTHER_ONLINE, now=NOW)
    assert honest.walked(known=locked_out).versions["timestamp"] == 2
    honest["trust/timestamp.json"] = mirror["trust/timestamp.json"]
    refused(lambda: honest.walked(known=locked_out))


# --- the chain of roots ----------------------------------------------------------------------------------------------


def test_two_of_three_keys_hand_over_to_two_of_three_others() -> None:
    mirror = a_repository(2, 3)
    pin = mirror.pin
    mirror |= rotate(mirror.read, signers=ROOTS[1:3], root=ROOTS[3:6], threshold=2, online=OTHER_ONLINE, now=NOW)
    mirror |= rotate(mirror.read, signers=ROOTS[4:6], root=ROOTS[4:7], threshold=3, online=OTHER_ONLINE, now=NOW)
    view = mirror.walked(pin=pin)
    assert view.root_version == 3
    assert view.fingerprint == pin
    assert view.trust == DOCUMENT
    refused(lambda: retarget(mirror.read, ROOTS[:3], OTHER_ONLINE, b"by the old keys", NOW))
    refused(lambda: refresh(mirror.read, ONLINE, NOW), "online key")


def test_too_few_of_the_old_or_of_the_new_keys_make_no_next_root() -> None:
    mirror = a_repository(2, 3)
    new = ROOTS[3:6]
    refused(lambda: rotate(mirror.read, signers=ROOTS[:1], root=new, threshold=2, online=ONLINE, now=NOW))
    refused(lambda: rotate(mirror.read, signers=(), root=new, threshold=2, online=ONLINE, now=NOW))
    halves = (new[0], new[1].verifier, new[2].verifier)
    refused(lambda: rotate(mirror.read, signers=ROOTS[:2], root=halves, threshold=2, online=ONLINE, now=NOW))


def test_a_root_signed_only_by_its_own_keys_is_refused() -> None:
    mirror, thief = (
        a_repository(2, 3),
        Mirror(create(root=ROOTS[3:6], threshold=2, online=OTHER_ONLINE, trust_document=b"forged", now=NOW)),
    )
    thief |= rotate(thief.read, signers=ROOTS[3:5], root=ROOTS[3:6], threshold=2, online=OTHER_ONLINE, now=NOW)
    thief["trust/1.root.json"] = mirror["trust/1.root.json"]
    refused(lambda: thief.walked(pin=mirror.pin), "root")


def test_no_version_of_the_root_can_be_left_out() -> None:
    mirror = a_repository()
    for _ in range(2):
        mirror |= rotate(mirror.read, signers=ROOTS[:1], root=ROOTS[:1], threshold=1, online=ONLINE, now=NOW)
    mirror["trust/2.root.json"] = mirror["trust/3.root.json"]
    refused(mirror.walked, "2.root.json", "version 3")


def test_a_chain_of_roots_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "MAX_ROOTS", 2)
    mirror = a_repository()
    mirror |= rotate(mirror.read, signers=ROOTS[:1], root=ROOTS[:1], threshold=1, online=ONLINE, now=NOW)
    assert mirror.walked().root_version == 2
    extra = Mirror(mirror)
    extra |= rotate(mirror.read, signers=ROOTS[:1], root=ROOTS[:1], threshold=1, online=ONLINE, now=NOW)
    refused(extra.walked, "more than 2 roots")


# --- bytes nobody signed, and bytes that should not have been signed ------------------------------------------------


def resigned(mirror: Mirror, path: str, change: Callable[[dict[str, Any]], None], *signers: SignerKey) -> bytes:
    """The metadata at `path` after `change` to its signed part, signed anew, written as we write it."""
    document = json.loads(mirror[path])
    change(document["signed"])
    from securesystemslib.formats import encode_canonical

    payload = encode_canonical(document["signed"])
    assert isinstance(payload, str)
    keys = {key_id(signer): signer for signer in signers}
    document["signatures"] = [
        {"keyid": keyid, "sig": signer.sign(payload.encode()).hex()} for keyid, signer in keys.items()
    ]
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def test_a_surplus_signature_may_be_dropped_and_an_honest_mirror_is_still_believed() -> None:
    mirror = a_repository(2, 3)
    mirror |= rotate(mirror.read, signers=ROOTS[:3], root=ROOTS[:3], threshold=2, online=ONLINE, now=NOW)
    hostile = Mirror(mirror)
    document = json.loads(mirror["trust/2.root.json"])
    assert len(document["signatures"]) == 3
    document["signatures"].pop()
    hostile["trust/2.root.json"] = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    seen = hostile.walked()
    assert seen.root_digest != mirror.walked().root_digest
    assert mirror.walked(known=seen).root_version == 2
    assert trust.same_statement(hostile["trust/2.root.json"], mirror["trust/2.root.json"])
    assert not trust.same_statement(mirror["trust/1.root.json"], mirror["trust/2.root.json"])


def test_a_signature_of_a_key_that_no_root_names_is_refused_in_our_own_files() -> None:
    mirror = a_repository()
    document = json.loads(mirror["trust/timestamp.json"])
    document["signatures"].append({"keyid": "0" * 64, "sig": "0" * 128})
    mirror["trust/timestamp.json"] = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    refused(mirror.walked, "does not name")
    assert walk(mirror.read, pin=mirror.pin, now=NOW, exact=False).fresh


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (b'"version":1}', b'"version":1,"version":1}', "twice"),
        (b'"version":1}', b'"version":1.0}', "not whole"),
        (b'"version":1}', b'"version":1e0}', "not whole"),
        (b'"version":1}', b'"version":true}', "true or false"),
        (b'"version":1}', b'"version":NaN}', "not whole"),
        (b'"version":1}', b'"version":9007199254740992}', "larger than 2^53-1"),
        (b'"version":1}', b'"version":1,"x":' + b"[" * 70 + b"]" * 70 + b"}", "nested"),
        (b'"version":1}', b'"version":1,"x":"\\ud800"}', "timestamp"),
        (b'"sig":"', b'"sig":"zz', "timestamp"),
        (b'"sig":"', b'"sig":"\xc3\xa9', "timestamp"),
        (b'"signatures":[', b'"signatures":[1,', "timestamp"),
        (b'"signatures":[', b'"signatures":[[],', "timestamp"),
        (b'{"signatures"', b'\xef\xbb\xbf{"signatures"', "timestamp"),
        (b'"expires":"2', b'"expires":"-2', "timestamp"),
    ],
    ids=range(14),
)
@pytest.mark.parametrize("exact", [True, False])
def test_spellings_that_readers_could_take_differently_are_refused(
    old: bytes, new: bytes, word: str, exact: bool
) -> None:
    mirror = a_repository()
    assert old in mirror["trust/timestamp.json"]
    mirror["trust/timestamp.json"] = mirror["trust/timestamp.json"].replace(old, new)
    refused(lambda: walk(mirror.read, pin=mirror.pin, now=NOW, exact=exact), word)


@pytest.mark.parametrize("exact", [True, False])
def test_what_is_signed_and_cannot_be_right_is_refused(exact: bool) -> None:
    changes: list[Callable[[dict[str, Any]], None]] = [
        lambda signed: signed.update(version=0),
        lambda signed: signed.update(version=-1),
        lambda signed: signed.update(version=True),
        lambda signed: signed.update(version="1"),
        lambda signed: signed.update(expires="2027-13-01T00:00:00Z"),
        lambda signed: signed.update(spec_version="2.0.0"),
        lambda signed: signed["meta"]["snapshot.json"].update(length=0),
        lambda signed: signed["meta"]["snapshot.json"].update(length=-5),
        lambda signed: signed["meta"]["snapshot.json"].update(version=2),
        lambda signed: signed["meta"]["snapshot.json"].update(hashes={"sha256": "0" * 64}),
        lambda signed: signed["meta"]["snapshot.json"].update(hashes={"md4": "0" * 32}),
        lambda signed: signed["meta"]["snapshot.json"].update(hashes={}),
        lambda signed: signed["meta"].clear(),
    ]
    for change in changes:
        mirror = a_repository()
        mirror["trust/timestamp.json"] = resigned(mirror, "trust/timestamp.json", change, ONLINE)
        refused(lambda mirror=mirror: walk(mirror.read, pin=mirror.pin, now=NOW, exact=exact))


def test_one_key_under_two_ids_does_not_count_twice() -> None:
    def twice(signed: dict[str, Any]) -> None:
        keyid = signed["roles"]["root"]["keyids"][0]
        signed["keys"]["f" * 64] = signed["keys"][keyid]
        signed["roles"]["root"] = {"keyids": [keyid, "f" * 64], "threshold": 2}

    mirror = a_repository()
    mirror["trust/1.root.json"] = data = resigned(mirror, "trust/1.root.json", twice, ROOTS[0])
    document = json.loads(data)
    document["signatures"].append({**document["signatures"][0], "keyid": "f" * 64})
    mirror["trust/1.root.json"] = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    refused(lambda: walk(mirror.read, pin=mirror.pin, now=NOW, exact=False), "twice")
    refused(mirror.walked)


def test_a_key_of_ours_stands_under_its_own_id() -> None:
    def renamed(signed: dict[str, Any]) -> None:
        keyid = signed["roles"]["timestamp"]["keyids"][0]
        signed["keys"]["f" * 64] = signed["keys"].pop(keyid)
        for role in ("timestamp", "snapshot"):
            signed["roles"][role]["keyids"] = ["f" * 64]

    mirror = a_repository()
    mirror["trust/1.root.json"] = resigned(mirror, "trust/1.root.json", renamed, ROOTS[0])
    refused(mirror.walked, "own ID")


def test_a_listed_file_without_length_or_hash_is_only_for_others_repositories() -> None:
    def bare(signed: dict[str, Any]) -> None:
        signed["meta"]["snapshot.json"] = {"version": 1}

    mirror = a_repository()
    mirror["trust/timestamp.json"] = resigned(mirror, "trust/timestamp.json", bare, ONLINE)
    refused(mirror.walked, "without its length")
    assert walk(mirror.read, pin=mirror.pin, now=NOW, exact=False).fresh


def test_of_two_timestamps_with_one_version_the_first_seen_stays() -> None:
    mirror = a_repository()
    seen = mirror.walked()
    mirror["trust/timestamp.json"] = resigned(
        mirror, "trust/timestamp.json", lambda signed: signed.update(expires="2037-01-01T00:00:00Z"), ONLINE
    )
    assert mirror.walked().expires["timestamp"] == "2037-01-01T00:00:00Z"
    assert mirror.walked(known=seen).expires == seen.expires
    assert mirror.walked(known=seen).files == seen.files


def test_what_the_last_snapshot_listed_neither_goes_back_nor_away() -> None:
    mirror = a_repository()
    mirror |= retarget(mirror.read, ROOTS[:1], ONLINE, b"second", NOW)
    seen = mirror.walked()

    def older(signed: dict[str, Any]) -> None:
        signed.update(version=3)
        data = mirror["trust/1.targets.json"]
        signed["meta"]["targets.json"] = {
            "hashes": {"sha256": fingerprint(data)[7:]},
            "length": len(data),
            "version": 1,
        }

    for change, word in ((older, "targets is version 1"), (lambda signed: signed.update(version=3, meta={}), "lists")):
        hostile = Mirror(mirror)
        data = hostile["trust/3.snapshot.json"] = resigned(mirror, "trust/2.snapshot.json", change, ONLINE)
        listed = {"hashes": {"sha256": fingerprint(data)[7:]}, "length": len(data), "version": 3}
        hostile["trust/timestamp.json"] = resigned(
            mirror,
            "trust/timestamp.json",
            lambda signed, listed=listed: signed.update(version=3, meta={"snapshot.json": listed}),
            ONLINE,
        )
        refused(lambda hostile=hostile: hostile.walked(known=seen), word)


def test_every_listed_target_is_told_and_the_policy_is_read() -> None:
    policy = b"quorum none\n"

    def more(signed: dict[str, Any]) -> None:
        for name, data in (("witness.policy", policy), ("reader.html", b"<!doctype html>")):
            signed["targets"][name] = {"hashes": {"sha256": fingerprint(data)[7:]}, "length": len(data)}
        signed.update(version=2)

    def listing(path: str, role: str) -> Callable[[dict[str, Any]], None]:
        def change(signed: dict[str, Any]) -> None:
            data = mirror[path]
            listed = {"hashes": {"sha256": fingerprint(data)[7:]}, "length": len(data), "version": 2}
            signed.update(version=2, meta={role: listed})

        return change

    mirror = a_repository()
    mirror["trust/2.targets.json"] = resigned(mirror, "trust/1.targets.json", more, ROOTS[0])
    change = listing("trust/2.targets.json", "targets.json")
    mirror["trust/2.snapshot.json"] = resigned(mirror, "trust/1.snapshot.json", change, ONLINE)
    change = listing("trust/2.snapshot.json", "snapshot.json")
    mirror["trust/timestamp.json"] = resigned(mirror, "trust/timestamp.json", change, ONLINE)
    refused(mirror.walked, "witness.policy is missing")
    path = f"trust/targets/{fingerprint(policy)[7:]}.witness.policy"
    mirror[path] = policy.replace(b"none", b"some")
    refused(mirror.walked, "witness.policy")
    mirror[path] = policy
    view = mirror.walked()
    assert view.policy == policy
    assert view.targets["reader.html"].path("reader.html") not in view.files
    assert {name: info.size for name, info in view.targets.items()} == {
        "trust.json": len(DOCUMENT),
        "witness.policy": len(policy),
        "reader.html": 15,
    }
    assert a_repository().walked().policy is None


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A", ".x", "x" * 65, "\u202ex", "con\n"])
def test_a_target_that_could_not_be_a_file_name_is_refused(name: str) -> None:
    def odd(signed: dict[str, Any]) -> None:
        signed["targets"][name] = {"hashes": {"sha256": "0" * 64}, "length": 1}

    mirror = a_repository()
    targets = resigned(mirror, "trust/1.targets.json", odd, ROOTS[0])
    from signing.trust import _listed_targets, load

    metadata = load("targets", targets, load("root", mirror["trust/1.root.json"], None).signed)
    refused(lambda: _listed_targets(metadata, True), "file name")
    assert list(_listed_targets(metadata, False)) == ["trust.json"]


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "expired"),
    [
        (13, ()),
        (14, ("timestamp",)),
        (90, ("timestamp", "snapshot")),
        (5000, ("root", "timestamp", "snapshot", "targets")),
    ],
)
def test_what_has_expired_is_said_and_still_true(days: int, expired: tuple[str, ...]) -> None:
    view = a_repository().walked(now=NOW + timedelta(days=days))
    assert view.trust == DOCUMENT
    assert view.expired == expired
    assert view.fresh is not bool(expired)


def test_refreshing_signs_a_timestamp_and_only_near_its_end_a_snapshot() -> None:
    mirror = a_repository()
    later = NOW + timedelta(days=59)
    assert list(refresh(mirror.read, ONLINE, later)) == ["trust/timestamp.json"]
    later = NOW + timedelta(days=61)
    assert sorted(refresh(mirror.read, ONLINE, later)) == ["trust/2.snapshot.json", "trust/timestamp.json"]
    mirror |= refresh(mirror.read, ONLINE, later)
    view = mirror.walked(now=later)
    assert view.fresh
    assert view.versions == {"root": 1, "targets": 1, "snapshot": 2, "timestamp": 2}


def test_nothing_is_signed_on_top_of_damaged_files() -> None:
    mirror = a_repository()
    mirror["trust/1.targets.json"] = flipped(mirror["trust/1.targets.json"], 50)
    refused(lambda: refresh(mirror.read, ONLINE, NOW))
    refused(lambda: refresh(Mirror({}).read, ONLINE, NOW), "missing")


def test_trust_errors_are_signing_errors_and_tuf_is_not_loaded_before_it_is_used() -> None:
    assert issubclass(TrustError, SigningError)
    program = (
        "import sys, signing.trust; print([name for name in sys.modules if name.startswith(('tuf', 'securesys'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
