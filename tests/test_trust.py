"""The trust files: made by us, judged by python-tuf's own client, and walked over hostile mirrors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signing import trust
from signing.authority import create, refresh, retarget, rotate
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
