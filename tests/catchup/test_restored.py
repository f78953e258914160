"""Yesterday's archive and keys are put back, and `run` is called: no fork, no lost entry, no index twice."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mirror.archive import Addition, CorruptArchive, Rollback
from mirror.archive.judged import HeldRow, hold
from mirror.errors import TamizdatError, TwoHistories
from mirror.held import Store
from mirror.run import publish_all
from signing.evidence import prove
from signing.keys import SignerKey
from tests.catchup.desk import OUT, Desk
from tests.faults.walk import load
from tests.world import article


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.make(tmp_path)
    made.run(made.additions(7))
    return made


def test_a_restored_archive_catches_up_and_goes_on(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run([*desk.additions(40), desk.revision(2, 2)])
    desk.run(desk.additions(3))
    desk.run([desk.revision(2, 3), *desk.additions(30)])
    lost = desk.walk()
    desk.restore(backup)
    report = desk.run(desk.additions(2))
    assert report.status == 0
    assert report.caught_up is not None
    assert report.caught_up.entries == lost.head.size - 9
    after = desk.check()
    assert after.head.size == lost.head.size + 3
    assert after.articles[: len(lost.articles)] == lost.articles


def test_keys_are_restored_too_and_yesterday_s_waiting_articles_are_sealed_once(desk: Desk) -> None:
    waiting = desk.additions(3)
    desk.wait(waiting)
    backup = desk.copy("yesterday")
    desk.run([*waiting, *desk.additions(2)])
    desk.restore(backup)
    assert desk.run(desk.additions(1)).caught_up is not None
    assert len(desk.check().articles) == 7 + 3 + 2 + 1


def test_a_waiting_article_that_was_sealed_in_other_words_of_the_same_text_is_not_sealed_again(desk: Desk) -> None:
    before, after = (desk.addition(replace(article(100), salt=salt)) for salt in ("01" * 16, "02" * 16))
    assert before.stored != after.stored
    desk.wait([before])
    backup = desk.copy("yesterday")
    desk.forget_waiting()
    desk.run([after])
    desk.restore(backup)
    assert desk.run().caught_up is not None
    desk.check()
    assert not desk.object_of(before).exists()


def test_the_rows_are_those_that_sealing_itself_would_have_made(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run([*desk.additions(40), desk.revision(2, 2)])
    desk.run([desk.revision(2, 3), *desk.additions(35)])
    lost = desk.rows()
    desk.restore(backup)
    report = desk.run()
    assert report.caught_up is not None
    assert report.sealed == []
    assert desk.rows() == lost
    desk.check()


def test_nothing_is_asked_twice_when_nothing_is_new(desk: Desk) -> None:
    assert desk.run().caught_up is None
    assert desk.run(desk.additions(2)).caught_up is None


@pytest.mark.parametrize("parts", [("state",), ("archive",)])
def test_state_and_archive_of_different_age_come_together_again(desk: Desk, parts: tuple[str, ...]) -> None:
    backup = desk.copy("yesterday")
    desk.run([*desk.additions(40), desk.revision(2, 2)])
    desk.run(desk.additions(5))
    desk.restore(backup, *parts)
    report = desk.run(desk.additions(2))
    assert report.status == 0
    assert desk.check().editions == 4


def test_an_archive_older_than_its_state_has_nothing_left_of_what_was_withdrawn(desk: Desk) -> None:
    sealed, waiting = desk.additions(2)
    desk.run([sealed])
    desk.wait([waiting])
    backup = desk.copy("yesterday")
    for one in (sealed, waiting):
        desk.withdraw(one)
    desk.run()
    desk.restore(backup, "archive")
    assert desk.object_of(sealed).exists()
    assert desk.object_of(waiting).exists()
    desk.run()
    desk.check()
    assert not desk.object_of(sealed).exists()
    assert not desk.object_of(waiting).exists()


def test_a_state_of_the_moment_between_two_logs_goes_on_with_a_newer_archive(desk: Desk) -> None:
    desk.begin_log("2032", stolen=False)
    backup = desk.copy("yesterday")
    desk.run(desk.additions(2))
    desk.new_online_key()
    desk.run(desk.additions(1))
    desk.restore(backup, "state")
    assert desk.run(desk.additions(1)).status == 0
    desk.check()


def test_a_publisher_key_that_is_no_longer_trusted_signs_nothing(desk: Desk) -> None:
    shown = [load(target) for target in desk.targets]
    key = desk.publication.key_path("publisher")
    right = key.read_text()
    key.write_text(SignerKey("world.example/publisher", b"n" * 32).text + "\n")
    with pytest.raises(TamizdatError, match=r"publisher\.key is no longer trusted"):
        desk.run(force=True)
    assert [load(target) for target in desk.targets] == shown
    key.write_text(right)
    assert desk.run(force=True).status == 0


def test_a_state_older_than_its_tree_is_mended_from_the_tree_alone(tmp_path: Path) -> None:
    desk = Desk.make(tmp_path, targets=0)
    desk.run(desk.additions(7), publish=False)
    backup = desk.copy("yesterday")
    desk.run([*desk.additions(40), desk.revision(2, 2)], publish=False)
    desk.restore(backup, "state")
    desk.run(desk.additions(2), publish=False)
    assert desk.walk().editions == 3


def test_a_tree_older_than_its_state_stays_refused_without_a_mirror(tmp_path: Path) -> None:
    desk = Desk.make(tmp_path, targets=0)
    desk.run(desk.additions(7), publish=False)
    backup = desk.copy("yesterday")
    desk.run(desk.additions(4), publish=False)
    desk.restore(backup, "archive")
    before = load(desk.folder / "archive")
    with pytest.raises(CorruptArchive, match="on no mirror"):
        desk.run(publish=False)
    assert load(desk.folder / "archive") == before


# --- mirrors that lack something ------------------------------------------------------------------------------------


def test_what_one_mirror_lacks_is_taken_from_another(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run(desk.additions(20))
    for number, target in enumerate(desk.targets):
        for place, path in enumerate(sorted((target / "o").rglob("*"))):
            if path.is_file() and place % 2 == number and not (backup / "archive" / path.relative_to(target)).exists():
                path.write_bytes(b"damaged") if place % 3 else path.unlink()
    desk.restore(backup)
    assert desk.run().caught_up is not None
    desk.walk()


def test_what_nobody_has_is_named_and_nothing_is_changed(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    made = desk.additions(5)
    desk.run(made)
    missing = hashlib.sha256(made[3].stored).hexdigest()
    for target in desk.targets:
        (target / "o" / missing[:2] / missing[2:]).unlink()
    desk.restore(backup)
    for _ in range(2):
        with pytest.raises(Rollback, match=missing[2:]):
            desk.run(desk.additions(1))
        with desk.publication.archive() as archive:
            assert archive.head().size == 9
    with desk.publication.archive() as archive, archive.locked():
        pass
    assert load(desk.folder / "archive") == load(backup / "archive")


def test_a_larger_checkpoint_without_its_log_stops_the_press(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run(desk.additions(5))
    for target in desk.targets:
        shutil.rmtree(target / "tile")
    desk.restore(backup)
    with pytest.raises(Rollback, match="can't be read from any mirror"):
        desk.run(desk.additions(1))


# --- contradictions -------------------------------------------------------------------------------------------------


def test_a_second_history_is_evidence_and_nothing_is_signed(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run(desk.additions(5), publish=False)  # sealed, never shown
    other = desk.copy("other")
    desk.restore(backup)
    desk.run(desk.additions(6))
    desk.restore(other)
    size = desk.head().size
    with pytest.raises(TwoHistories, match="contradicts this archive"):
        desk.run(desk.additions(1))
    assert desk.head().size == size
    (file,) = (desk.folder / "evidence").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    found = prove(file.read_bytes(), pin=desk.publication.fingerprint(), now=desk.now)
    assert found.type == "fork"


def test_a_second_history_of_the_same_size_is_evidence(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run(desk.additions(2), publish=False)
    other = desk.copy("other")
    desk.restore(backup)
    desk.run(desk.additions(2))
    desk.restore(other)
    with pytest.raises(TwoHistories):
        desk.run()
    (file,) = (desk.folder / "evidence").iterdir()
    assert prove(file.read_bytes(), pin=desk.publication.fingerprint(), now=desk.now).type == "fork"


def test_an_older_mirror_of_another_history_is_evidence_too(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run(desk.additions(2), publish=False)
    other = desk.copy("other")
    desk.restore(backup)
    desk.run(desk.additions(1))
    desk.restore(other)
    with pytest.raises(TwoHistories):
        desk.run()
    (file,) = (desk.folder / "evidence").iterdir()
    assert prove(file.read_bytes(), pin=desk.publication.fingerprint(), now=desk.now).type == "fork"


@pytest.mark.parametrize(
    "served",
    [
        b"",
        b"<html>hello",
        b"world.example/log/2031\n999\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 world.example/log/2031 AAAA\n",
    ],
)
def test_nobody_stops_the_press_by_an_invention(desk: Desk, served: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (desk.targets[0] / "checkpoint").write_bytes(served)
    report = desk.run(desk.additions(1))
    assert report.caught_up is None
    assert len(report.sealed) == 1
    assert "not ours" in capsys.readouterr().err


# --- more than articles ---------------------------------------------------------------------------------------------


def test_what_was_withdrawn_meanwhile_is_withdrawn_here_too(desk: Desk) -> None:
    first, second, third = desk.additions(3)  # the second one has a picture
    old = desk.additions(40)
    desk.run([first, second, *old])
    held = _hold(desk, second)
    backup = desk.copy("yesterday")
    desk.run([third, *desk.additions(2)])
    for one in (second, third, old[0]):
        desk.withdraw(one)
    desk.run(desk.additions(1))
    lost = desk.rows()
    desk.restore(backup)
    report = desk.run()
    assert report.caught_up is not None
    assert report.caught_up.withdrawn == 3
    assert not any(desk.object_of(one).exists() for one in (second, third, old[0]))
    with desk.publication.archive() as archive:
        assert all(archive.is_withdrawn("lantern", one.article.url) for one in (second, third, old[0]))
        assert not archive.is_withdrawn("lantern", first.article.url)
    now = desk.rows()
    assert {name for name in now if name not in ("heads", "journal") and now[name] != lost[name]} <= {
        "editions",
        "checkpoints",
        "entries",
        "open_pages",
    }
    assert desk.check().withdrawn
    assert not held.exists()
    with desk.publication.archive() as archive:
        assert not archive.unscrubbed()
    for file in (desk.folder / "state").glob("state.sqlite*"):
        assert second.article.title.encode() not in file.read_bytes()


def _hold(desk: Desk, addition: Addition) -> Path:
    """A page at the article's address is held back; the file with its bytes."""
    article, body = addition.article, b"<html>another text of the article"
    digest = hashlib.sha256(body).hexdigest()
    row = HeldRow(
        outlet=article.outlet, url=article.url, final_url=article.url, content_type="text/html",
        fetched=article.fetched, digest=digest, size=len(body), state="shrunk", reason="", since=article.fetched,
        letters=30, title=article.title,
    )  # fmt: skip
    with desk.publication.archive() as archive:
        with archive.state.writing() as tx:
            hold(tx, row)
        store = Store(archive.folder)
        store.put(digest, body, dict)
    return store.folder / digest


def test_trust_files_that_readers_have_seen_are_exceeded_not_reused(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    for _ in range(5):
        desk.run()
    seen = desk.timestamp_version()
    desk.restore(backup)
    report = desk.run()
    assert report.caught_up is not None
    assert (report.caught_up.trust, report.caught_up.entries) == (True, 0)
    assert desk.timestamp_version() == seen + 1
    desk.check()


def test_a_new_trust_document_is_taken_over_whether_it_was_logged_or_not(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.world().retrust(lambda document: document.update(name="New World"))
    desk.run(desk.additions(1))
    desk.restore(backup)
    assert desk.run().caught_up is not None
    desk.check()
    desk.world().retrust(lambda document: document.update(name="Newer World"))
    publication = desk.publication
    with publication.archive() as archive, archive.locked():
        publish_all(publication, archive, OUT, now=desk.now)  # before it is sealed
    desk.restore(backup)
    assert desk.run(desk.additions(1)).caught_up is not None
    assert b"Newer World" in desk.world().view().trust
    with publication.archive() as archive:
        assert archive.head().trust_digest == hashlib.sha256(desk.world().view().trust).hexdigest()
    desk.check()


def test_an_online_key_that_is_no_longer_in_the_root_is_refused_until_the_right_one_is_back(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.new_online_key()
    desk.run(desk.additions(2))
    newest = desk.copy("newest")
    desk.restore(backup)
    before = load(desk.folder / "archive")
    with pytest.raises(TamizdatError, match=r"keys/online\.key is not the online key of the newest root \(version 2\)"):
        desk.run(desk.additions(1))
    assert load(desk.folder / "archive") == before
    desk.restore(newest, "keys")
    assert desk.run(desk.additions(1)).caught_up is not None
    desk.check()


@pytest.mark.parametrize("stolen", [False, True])
def test_a_log_that_was_frozen_and_one_that_began_meanwhile(desk: Desk, stolen: bool) -> None:
    desk.run(desk.additions(30))
    backup = desk.copy("yesterday")
    desk.run([*desk.additions(20), desk.revision(2, 2)])
    desk.begin_log("2032", stolen=stolen)
    desk.run(desk.additions(20))
    desk.run([desk.revision(2, 3), *desk.additions(20)])
    newest = desk.copy("newest")
    lost = desk.rows()
    desk.check()
    desk.restore(backup)
    desk.now += timedelta(minutes=10)
    with pytest.raises(TamizdatError, match=r"keys/log\.key is not the key of the current log world\.example/log/2032"):
        desk.run()
    desk.restore(newest, "keys")
    report = desk.run()
    assert report.caught_up is not None
    assert report.sealed == []
    now = desk.rows()
    assert {name for name in now if now[name] != lost[name]} <= {"logs"}  # when it was closed is not in any file
    desk.run(desk.additions(2))
    desk.check()


def test_a_log_that_began_meanwhile_and_is_empty(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run(desk.additions(2))
    desk.begin_log("2032", stolen=True)
    publication = desk.publication
    with publication.archive() as archive, archive.locked():
        publish_all(publication, archive, OUT, now=desk.now)
    newest = desk.copy("newest")
    desk.restore(backup)
    desk.restore(newest, "keys")
    assert desk.run(desk.additions(3)).caught_up is not None
    assert desk.head().origin == "world.example/log/2032"
    desk.check()
