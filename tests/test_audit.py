"""Auditing: whatever a mirror does to its readers has a name, and an honest one is called honest."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mirror.archive import Archive, CorruptArchive
from mirror.audit import Audited, audit
from mirror.config import TargetConfig
from mirror.publish import publish
from mirror.targets import open_target
from mirror.targets.memory import MemoryTarget
from tests.servers import free_port
from tests.servers.faulty import Handler, faulty, says
from tests.servers.web import web_server
from tests.world import World, article, picture


class Newsstand:
    """A publication with one mirror in a folder."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "publication")
        self.mirror = folder / "mirror"
        self.mirror.mkdir()
        self.config = TargetConfig(name="m", url=str(self.mirror))
        self.days = 0.0

    def news(self, *numbers: int) -> list[str]:
        shown, data = picture(numbers[0])
        more = {"resources": (shown,), "words": 4000}
        digests = self.world.add(article(numbers[0], **more), objects={shown.digest: data})  # type: ignore[arg-type]
        digests += self.world.add(*[article(number) for number in numbers[1:]])
        self.world.seal()
        return digests

    def push(self) -> None:
        with Archive(self.world.publication.folder, reserve=0) as archive:
            publish(archive, open_target("m", self.config.url, {}, str), self.config, now="2031-04-02T09:00:00Z")

    def look(self, public: str | None = None, *, sample: int = 50) -> Audited:
        config = self.config if public is None else TargetConfig(name="m", url=self.config.url, public=public)
        now = self.world.now + timedelta(days=self.days)
        with Archive(self.world.publication.folder, reserve=0) as archive:
            found = audit(
                open_target("m", config.url, {}, str),
                config,
                self.world.publication,
                archive,
                now=now,
                sample=sample,
                chance=random.Random(1),
            )
            with archive.state.reading() as tx:
                row = tx.target("m")
        assert (row.audit_result, row.audit_detail) == (found.state, found.detail)
        assert "\n" not in found.detail
        return found

    def file(self, digest: str, kind: str = "o") -> Path:
        return self.mirror / kind / digest[:2] / digest[2:]


@pytest.fixture
def stand(tmp_path: Path) -> Newsstand:
    return Newsstand(tmp_path)


def test_an_honest_mirror_is_ok(stand: Newsstand) -> None:
    stand.news(1, 2, 3, 4)
    stand.push()
    found = stand.look()
    assert (found.state, found.ok, found.anonymous) == ("ok", True, False)
    assert "credentials" in found.detail
    assert found.articles > 4
    with web_server(stand.mirror) as web:
        found = stand.look(web.url)
        assert (found.state, found.anonymous, found.articles > 4) == ("ok", True, True)
        assert "credentials" not in found.detail
        asked = len(web.requests)
        assert stand.look(web.url, sample=2).articles in (2, 3, 4)
        assert len(web.requests) - asked < 30


def test_a_publication_without_articles_is_ok_too(stand: Newsstand) -> None:
    stand.world.seal()
    stand.push()
    assert stand.look().state == "ok"


def test_an_old_front_page_is_stale(stand: Newsstand) -> None:
    stand.news(1, 2)
    stand.push()
    before = {name: (stand.mirror / name).read_bytes() for name in ("front", "checkpoint")}
    stand.news(3, 4)
    assert stand.look().state == "stale"  # not pushed yet
    stand.push()
    assert stand.look().state == "ok"
    (stand.mirror / "front").write_bytes(before["front"])
    found = stand.look()
    assert found.state == "stale"
    assert "were published" in found.detail
    stand.news(5)
    stand.push()
    (stand.mirror / "checkpoint").write_bytes(before["checkpoint"])
    assert stand.look().state == "stale"


@pytest.mark.parametrize("tile", ["tile/entries/000.p/*", "tile/0/000.p/*"])
def test_a_damaged_tile_of_our_own_is_no_mirrors_doing(stand: Newsstand, tile: str) -> None:
    stand.news(1, 2)
    stand.push()
    before = (stand.mirror / "checkpoint").read_bytes()
    stand.news(3)
    stand.push()
    ours = max((stand.world.publication.folder / "archive").glob(tile), key=lambda path: int(path.name))
    ours.write_bytes(bytes([ours.read_bytes()[0] ^ 1]) + ours.read_bytes()[1:])
    with pytest.raises(CorruptArchive, match="tiles do not fit"):
        stand.look()
    if tile.startswith("tile/0/"):
        (stand.mirror / "checkpoint").write_bytes(before)
        with pytest.raises(CorruptArchive, match="tiles do not fit"):
            stand.look()
    assert not (stand.world.publication.folder / "evidence").exists()


def test_trust_files_that_have_expired_are_stale(stand: Newsstand) -> None:
    stand.news(1)
    stand.push()
    stand.days = 20
    assert stand.look().state == "stale"


@pytest.mark.parametrize(
    "name", ["front", "checkpoint", "trust/timestamp.json", "trust/1.root.json", "trust/2.targets.json"]
)
def test_a_missing_pointer_is_incomplete(stand: Newsstand, name: str) -> None:
    stand.news(1)
    stand.push()
    (stand.mirror / name).unlink()
    found = stand.look()
    assert (found.state, found.ok) == ("incomplete", False)
    assert name in found.detail


@pytest.mark.parametrize("kind", ["o", "proof"])
def test_a_missing_article_or_proof_is_incomplete(stand: Newsstand, kind: str) -> None:
    digest = stand.news(1, 2)[1]
    stand.push()
    stand.file(digest, kind).unlink()
    found = stand.look()
    assert found.state == "incomplete"
    assert digest[2:] in found.detail


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


@pytest.mark.parametrize("name", ["front", "checkpoint", "trust/timestamp.json", "trust/1.root.json"])
def test_a_flipped_bit_in_a_pointer_is_tampered(stand: Newsstand, name: str) -> None:
    stand.news(1)
    stand.push()
    flip(stand.mirror / name)
    assert stand.look().state == "tampered"


def test_a_flipped_bit_in_anything_an_article_needs_is_tampered(stand: Newsstand) -> None:
    digests = stand.news(1, 2)
    stand.push()
    files = [file for file in (stand.mirror / "o").rglob("*") if file.is_file()]
    files += [stand.file(digest, "proof") for digest in digests]
    files += [file for file in (stand.mirror / "tile" / "entries").rglob("*") if file.is_file()]
    edition = max(files, key=lambda file: file.stat().st_mtime_ns)
    assert len(files) > 6
    wrong = 0
    for file in files:
        kept = file.read_bytes()
        flip(file)
        found = stand.look()
        assert found.state in ("ok", "tampered")
        wrong += found.state == "tampered"
        file.write_bytes(kept)
    # All but the edition's own object, which readers take from `front`, and what the sample happened not to meet.
    assert wrong >= len(files) - 2, edition
    assert stand.look().state == "ok"


def test_another_publication_under_our_address_is_tampered(stand: Newsstand, tmp_path: Path) -> None:
    stand.news(1)
    (tmp_path / "other").mkdir()
    other = Newsstand(tmp_path / "other")
    other.news(1)
    other.push()
    shutil.rmtree(stand.mirror)
    shutil.copytree(other.mirror, stand.mirror)
    assert stand.look().state == "tampered"


def test_two_histories_of_one_log_are_forked_and_the_proof_convinces_others(stand: Newsstand, tmp_path: Path) -> None:
    stand.news(1)
    copy = tmp_path / "copy"
    shutil.copytree(stand.world.publication.folder, copy)
    stand.news(2)
    stand.push()
    shutil.rmtree(stand.world.publication.folder)
    shutil.copytree(copy, stand.world.publication.folder)
    # Restored from an old copy: the mirror is ahead of us, by our own signature.
    found = stand.look()
    assert (found.state, found.ok, found.evidence) == ("ahead", False, None)
    assert "this archive has" in found.detail
    # And once we went on regardless, it contradicts us.
    stand.news(3)
    stand.news(4)
    found = stand.look()
    assert found.state == "forked"
    assert found.evidence is not None
    evidence = json.loads(Path(found.evidence).read_text())
    assert evidence["origin"] == "world.example/log/2031"
    assert len(evidence["checkpoints"]) == 2
    from signing.evidence import prove

    proven = prove(evidence, pin=stand.world.publication.fingerprint(), now="2031-04-02T09:00:00Z")
    assert proven.type == "fork"


def test_a_mirror_that_waits_with_us_for_witnesses_is_ok(stand: Newsstand) -> None:
    import hashlib

    from signing.cosignature import witness_key

    stand.news(1)
    stand.push()
    witness = witness_key("w.example/1", hashlib.sha256(b"w").digest()).verifier
    stand.world.add(article(2))
    with Archive(stand.world.publication.folder, reserve=0) as archive, archive.locked():
        sealed = archive.seal(
            keys=stand.world.publication.keys(),
            publication=stand.world.publication.config.publication,
            outlets=tuple(stand.world.publication.config.outlets.values()),
            due_seconds=86400,
            now=stand.world.now + timedelta(hours=1),
            witnesses=[witness],
        )
        assert sealed is not None
    assert stand.look().state == "ok"
    stand.push()
    found = stand.look()
    assert (found.state, found.detail.partition(",")[0]) == ("ok", "edition 1")


def test_nobody_there_is_dead(stand: Newsstand) -> None:
    stand.news(1)
    stand.push()
    assert stand.look(f"http://127.0.0.1:{free_port()}").state == "dead"


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (says(403), "blocked"),
        (says(451), "blocked"),
        (says(302, Location="http://blocked.invalid/sorry"), "blocked"),
        (says(503), "dead"),
        (says(404), "incomplete"),
        (says(200), "tampered"),
    ],
)
def test_what_stands_between_a_mirror_and_its_readers_is_named(
    stand: Newsstand, fault: Callable[[Handler], None], state: str
) -> None:
    stand.news(1)
    stand.push()
    with web_server(stand.mirror) as web, faulty(web.url) as proxy:
        assert stand.look(proxy.url).state == "ok"
        proxy.plan = lambda method, path, before: fault
        assert stand.look(proxy.url).state == state


def test_a_mirror_that_takes_long_is_slow_but_ok(stand: Newsstand, monkeypatch: pytest.MonkeyPatch) -> None:
    stand.news(1)
    stand.push()
    monkeypatch.setattr("mirror.audit.SLOW_SECONDS", 0.0)
    found = stand.look()
    assert (found.state, found.ok) == ("slow", True)


def test_a_target_whose_own_get_fails_is_dead(stand: Newsstand) -> None:
    stand.news(1)
    stand.push()
    stand.mirror.rename(stand.mirror.with_name("gone"))
    found: Any = stand.look()
    assert found.state == "dead"
    assert "does not exist" in found.detail


def test_a_light_mirror_without_pictures_is_ok(stand: Newsstand) -> None:
    stand.config = TargetConfig(name="m", url=str(stand.mirror), light=True)
    big, data = picture(9, 200_000)
    stand.world.add(article(9, resources=(big,)), objects={big.digest: data})
    stand.world.seal()
    stand.push()
    assert not stand.file(big.digest).exists()
    assert stand.look().state == "ok"


def test_memory_serves_as_a_mirror_too(stand: Newsstand) -> None:
    stand.news(1, 2)
    target = MemoryTarget(name="m")
    with Archive(stand.world.publication.folder, reserve=0) as archive:
        publish(archive, target, stand.config, now="2031-04-02T09:00:00Z")
        now = stand.world.now
        assert audit(target, stand.config, stand.world.publication, archive, now=now).state == "ok"
