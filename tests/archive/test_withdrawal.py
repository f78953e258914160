"""An article is taken back: every byte of it goes, and the log still adds up."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mirror.archive import Archive, StorageFailed
from mirror.archive.plan import object_path, read_document
from mirror.archive.sequencer import SCRUB
from mirror.archive.staging import Staged
from mirror.archive.state import Tx
from mirror.config import TargetConfig
from mirror.errors import UsageError
from mirror.publish import publish
from mirror.sources.state import FeedState, PageState
from mirror.targets.memory import MemoryTarget
from signing import packing
from tests.archive import newsroom
from tests.archive.newsroom import KEYS, Pages, addition, at, digest, fill, seal
from tests.faults import walk as walking
from tests.faults.walk import Key

LOG, PUBLISHER = Key.of(KEYS.log.verifier.text), Key.of(KEYS.publisher.verifier.text)
SECRET = "Zanzibarqux"  # a word that is in no other article
FIRST = addition(5, text=f"{SECRET} was here.", picture=b"a picture of Zanzibarqux", long=True)
SECOND = addition(5, revision=2, text=f"{SECRET} was here, and there.", picture=b"shared picture", fetched=at(65))
URL = FIRST.article.url


def secrets() -> list[bytes]:
    """Byte strings that must be nowhere afterwards: words, salts, the title."""
    found = [SECRET.encode(), b"In short: 5."]
    return [*found, *(made.article.salt.encode() for made in (FIRST, SECOND)), b"The rest of number 5."]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A publication with shelves of older articles; number 5 is on the first of them, in two revisions."""
    folder = tmp_path_factory.mktemp("made") / "publication"
    with newsroom.create(folder) as archive, archive.locked():
        archive.add_many([*(addition(n) for n in range(100) if n != 5), FIRST])
        archive.add_many([addition(7, of=1, picture=b"shared picture"), addition(8, of=1)])
        seal(archive, at(60), outlets=2, render=Pages())
        archive.add_many([SECOND, addition(6, revision=2, fetched=at(66))])
        seal(archive, at(70), outlets=2, render=Pages())
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "publication"))


@pytest.fixture
def archive(folder: Path) -> Iterator[Archive]:
    with Archive(folder, reserve=0) as archive, archive.locked():
        yield archive


def walk(tree: Path | dict[str, bytes], *, strict: bool = True) -> walking.Walked:
    return walking.walk(tree, log=LOG, publisher=PUBLISHER, strict=strict)


def withdraw(archive: Archive, what: str = URL, reason: str | None = "safety") -> Any:
    found = archive.withdraw(what, reason, at(200))
    (done,) = seal(archive, at(210), outlets=2, render=Pages())
    return found, done


def everything(folder: Path) -> dict[str, bytes]:
    """Every file of the publication as its bytes, and objects unpacked as well: compression hides words."""
    found: dict[str, bytes] = {}
    for path, data in newsroom.tree(folder).items():
        found[path] = data
        if data[:2] == b"\x1f\x8b":
            found[f"{path} unpacked"] = packing.gunzip(data, 1 << 24)
    return found


def assert_gone(folder: Path) -> None:
    for path, data in everything(folder).items():
        for secret in secrets():
            assert secret not in data, (path, secret)


def test_the_words_are_there_before(folder: Path) -> None:
    whole = b"".join(everything(folder).values())
    for secret in secrets():
        assert secret in whole


def test_nothing_of_it_is_left_and_the_log_adds_up(archive: Archive) -> None:
    before = walk(archive.tree)
    with archive.state.reading() as tx:
        archive.state.settle()
        assert tx.latest("outlet-0", URL) is not None
    found, done = withdraw(archive)
    assert [row.digest for row in found.revisions] == [digest(FIRST), digest(SECOND)]
    assert (done.articles, done.withdrawn, done.serial) == (0, 2, 3)
    assert not archive.unscrubbed()
    assert_gone(archive.folder)
    after = walk(archive.tree)
    assert after.withdrawn == {digest(FIRST), digest(SECOND)}
    assert set(before.articles) - set(after.articles) == after.withdrawn
    # A picture that another article has stays, one that no other has is gone.
    with archive.state.reading() as tx:
        shared = {row.digest for row in tx.resources([digest(addition(7, of=1, picture=b"shared picture"))])}
    assert all(archive.store.exists(object_path(one)) for one in shared)
    assert len(shared) == 2
    edition = read_document(archive.store.read(object_path(done.edition)) or b"")
    assert edition["withdrawals"] == [
        {"digest": one, "time": "2027-03-01T08:03:20Z", "reason": "safety"} for one in (digest(SECOND), digest(FIRST))
    ]
    seal(archive, at(300), outlets=2, force=True)
    assert walk(archive.tree).withdrawn == after.withdrawn


def test_older_pages_are_made_anew_from_the_shelf_it_was_on(archive: Archive) -> None:
    with archive.state.reading() as tx:
        kept = tx.last_shelf("outlet-1")
        before = tx.last_shelf("outlet-0")
    withdraw(archive)
    with archive.state.reading() as tx:
        assert tx.last_shelf("outlet-1") == kept
        after = tx.last_shelf("outlet-0")
        assert before is not None
        assert after is not None
        assert after.number <= before.number
        assert tx.article_count("outlet-0") == 99
    fill(archive, 40, first=200)
    seal(archive, at(400), outlets=2, render=Pages())
    walk(archive.tree)


@pytest.mark.parametrize("count", [1, 32, 33, 65])
def test_every_article_may_go_one_by_one(tmp_path: Path, count: int) -> None:
    with newsroom.create(tmp_path) as archive, archive.locked():
        fill(archive, count)
        seal(archive, at(60), render=Pages())
        for number in {0, count // 2, count - 1}:
            archive.withdraw(addition(number).article.url, None, at(100 + number))
            seal(archive, at(200 + number), render=Pages())
            walk(tmp_path / "archive")
        fill(archive, 2, first=300)
        seal(archive, at(400), render=Pages())
        walk(tmp_path / "archive")


def test_targets_lose_it_at_the_next_push_however_long_they_were_away(archive: Archive) -> None:
    near, far = MemoryTarget(name="near"), MemoryTarget(name="far")
    configs = {target.name: TargetConfig(name=target.name, url=f"memory:{target.name}") for target in (near, far)}
    for target in (near, far):
        publish(archive, target, configs[target.name], now="2027-03-01T09:00:00Z")
    withdraw(archive)
    publish(archive, near, configs["near"], now="2027-03-01T10:00:00Z")
    for number in range(12):  # so many editions later
        fill(archive, 1, first=300 + number)
        seal(archive, at(500 + number), outlets=2, render=Pages())
    late = MemoryTarget(name="late")
    publish(archive, late, TargetConfig(name="late", url="memory:late"), now="2027-03-01T11:00:00Z")
    for target in (near, far):
        publish(archive, target, configs[target.name], now="2027-03-01T11:00:00Z")
    for target in (near, far, late):
        files = {path: data for path, (data, _) in target.files.items()}
        assert files == newsroom.tree(archive.tree)
        walk(files)


def test_what_still_waits_for_the_log_is_gone_at_once_and_never_logged(archive: Archive) -> None:
    made = addition(900, text=f"{SECRET} again", picture=b"of Zanzibarqux", fetched=at(80))
    archive.add_many([made])
    assert archive.store.exists(object_path(digest(made)))
    found = archive.withdraw(digest(made), None, at(200))
    assert [row.idx for row in found.revisions] == [None]
    assert not archive.store.exists(object_path(digest(made)))
    assert seal(archive, at(210), outlets=2) == []
    assert archive.is_withdrawn("outlet-0", made.article.url)
    with archive.state.reading() as tx:
        assert tx.entry(digest(made)) is None
        assert tx.withdrawals(10) == ()
    assert archive.add_many([made]) == 0


def test_a_newer_revision_that_waits_goes_too(archive: Archive) -> None:
    third = addition(5, revision=3, text=f"{SECRET} once more", fetched=at(90))
    archive.add_many([third])
    found, _ = withdraw(archive)
    assert len(found.revisions) == 3
    assert_gone(archive.folder)
    assert len(walk(archive.tree).withdrawn) == 2


def test_nothing_is_taken_from_its_address_again(archive: Archive) -> None:
    tracked = f"{URL}?from=feed"
    page = PageState(outlet="outlet-0", url=tracked, first_seen="2027-03-01T08:00:00Z", etag=SECRET)
    archive.remember_page(page, state="ok", article_url=URL)
    archive.remember_feed(FeedState(url="https://outlet-0.example/feed", content=f'[["{tracked}", "{SECRET}"]]'))
    archive.remember_feed(FeedState(url="https://outlet-0.example/other", content='[["https://x.example/"]]'))
    withdraw(archive)
    assert_gone(archive.folder)
    assert archive.feed("https://outlet-0.example/feed") is None
    assert archive.feed("https://outlet-0.example/other") is not None
    assert archive.is_withdrawn("outlet-0", URL)
    assert not archive.is_withdrawn("outlet-1", URL)
    known = archive.pages("outlet-0", [URL, tracked, "https://outlet-0.example/news/1"])
    from datetime import UTC, datetime

    from mirror.fetch import is_due

    assert {url: one.state for url, one in known.items()} == {URL: "withdrawn", tracked: "withdrawn"}
    assert not any(is_due(one, datetime(2031, 1, 1, tzinfo=UTC)) for one in known.values())
    assert archive.add_many([FIRST, addition(5, revision=4, fetched=at(999))]) == 0


def test_a_feed_that_still_names_it_is_remembered_without_it(archive: Archive) -> None:
    withdraw(archive)
    items = [{"url": URL, "title": SECRET}, {"url": "https://outlet-0.example/news/1", "title": "one"}]
    content = json.dumps({"v": 1, "format": "rss", "items": items})
    archive.remember_feed(FeedState(url="https://outlet-0.example/feed", content=content))
    archive.remember_feed(FeedState(url="https://outlet-0.example/robots.txt", content="User-agent: *"))
    archive.state.settle()
    assert_gone(archive.folder)
    known = archive.feed("https://outlet-0.example/feed")
    assert known is not None
    assert [item["title"] for item in json.loads(known.content or "")["items"]] == ["one"]


def test_a_file_of_it_that_comes_back_is_litter(archive: Archive) -> None:
    withdraw(archive)
    path = object_path(digest(FIRST))
    archive.store.write_many({path: FIRST.stored}, replace=False)
    assert archive._sweep_orphans("2020-01-01T00:00:00Z") >= 1
    assert not archive.store.exists(path)


def test_it_is_found_by_digest_address_and_page(archive: Archive) -> None:
    page = archive.find(URL).page
    assert archive.store.exists(page)
    for what in (digest(FIRST), digest(SECOND), URL, page, f"https://mirror.example/{page}"):
        assert archive.find(what).url == URL
    assert set(archive.find(URL).objects.values()) == {"bundle", "part", "picture", "thumbnail"}
    for what in ("0" * 64, "https://outlet-0.example/news/none", "a/000000000000.html", ""):
        with pytest.raises(UsageError, match="no article here"):
            archive.find(what)


def test_a_second_withdrawal_says_that_there_is_nothing(archive: Archive) -> None:
    withdraw(archive)
    with pytest.raises(UsageError, match="no article here"):
        archive.withdraw(URL, None, at(300))


def test_before_the_seal_a_second_withdrawal_is_refused(archive: Archive) -> None:
    archive.withdraw(URL, None, at(200))
    with pytest.raises(UsageError, match="withdrawn already"):
        archive.withdraw(digest(FIRST), None, at(201))


@pytest.mark.parametrize("reason", ["", "  ", "x" * 101, "a\x00b"])
def test_a_reason_must_fit_the_edition(archive: Archive, reason: str) -> None:
    with pytest.raises(UsageError, match="the reason must be"):
        archive.withdraw(URL, reason, at(200))
    assert archive.find(URL)


def test_in_a_later_log_as_well(archive: Archive) -> None:
    keys = newsroom.begin(archive, 2028, at(100), reissue=True)
    third = addition(5, revision=3, text=f"{SECRET} once more", fetched=at(110))
    archive.add_many([third])
    seal(archive, at(120), keys=keys, outlets=2, render=Pages())
    archive.withdraw(URL, None, at(200))
    seal(archive, at(210), keys=keys, outlets=2, render=Pages())
    assert_gone(archive.folder)
    found = walking.walk(
        archive.tree,
        log=Key.of(keys.log.verifier.text),
        publisher=PUBLISHER,
        below="log/2028",
        closed=[("", LOG)],
    )
    assert len(found.withdrawn) == 3


def test_a_page_that_cannot_be_made_goes_rather_than_stay_as_it_was(archive: Archive) -> None:
    class Broken(Pages):
        def front(self, edition: dict[str, Any]) -> dict[str, bytes]:
            raise RuntimeError("no page today")

    archive.withdraw(URL, None, at(200))
    (done,) = seal(archive, at(210), outlets=2, render=Broken())
    assert done.problems == ("front page for people: RuntimeError: no page today",)
    assert not archive.store.exists("index.html")
    assert not archive.store.exists("feed.xml")
    walk(archive.tree)


# --- killed in the middle, no room ------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for SIGKILL."""


POINTS = [(Tx, "add_withdrawals"), (Tx, "put_fact"), (Tx, "forget_articles"), (Tx, "record"), (Staged, "apply")]


@pytest.mark.parametrize(("kind", "name"), POINTS)
@pytest.mark.parametrize("times", [0, 1])
def test_killed_in_the_middle_the_next_run_carries_it_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: type, name: str, times: int
) -> None:
    true, left = getattr(kind, name), times

    def die(self: object, *rest: object, **more: object) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return true(self, *rest, **more)

    monkeypatch.setattr(kind, name, die)
    try:
        with Archive(folder, reserve=0) as archive, archive.locked():
            withdraw(archive)
    except Killed:
        pass
    monkeypatch.undo()
    walk(folder / "archive", strict=False)
    with Archive(folder, reserve=0) as archive, archive.locked():
        if not archive.is_withdrawn("outlet-0", URL):
            archive.withdraw(URL, "safety", at(200))
        seal(archive, at(220), outlets=2, render=Pages())
        assert not archive.unscrubbed()
        assert not list((folder / "state" / "staging").iterdir())
    assert_gone(folder)
    assert len(walk(folder / "archive").withdrawn) == 2


def test_without_room_nothing_happens_and_the_next_run_carries_it_out(archive: Archive) -> None:
    from mirror.archive import DiskFull

    archive.store.reserve = 2**60
    with pytest.raises(DiskFull):
        archive.withdraw(URL, None, at(200))
    archive.store.reserve = 0
    archive._sequencer.recover()
    archive.withdraw(URL, None, at(200))
    archive.store.reserve = 2**60
    with pytest.raises(DiskFull):
        seal(archive, at(210), outlets=2, render=Pages())
    archive.store.reserve = 0
    assert len(walk(archive.tree).withdrawn) == 0
    seal(archive, at(220), outlets=2, render=Pages())
    assert_gone(archive.folder)


def test_while_somebody_reads_the_state_it_is_scrubbed_later(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    from mirror.archive.state import State

    def busy(_: State) -> None:
        raise StorageFailed("another process reads it")

    monkeypatch.setattr(State, "scrub", busy)
    withdraw(archive)
    assert archive.unscrubbed()
    monkeypatch.undo()
    archive._sequencer.recover()
    assert not archive.unscrubbed()
    assert_gone(archive.folder)


def test_a_state_file_that_somebody_writes_to_is_scrubbed_later(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirror.archive.state.PATIENCE", 0.05)
    with Archive(folder, reserve=0) as archive, archive.locked():
        with archive.state.writing() as tx:
            tx.put_fact(SCRUB, "due")
        with contextlib.closing(sqlite3.connect(archive.state.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            archive._sequencer.scrub()
            other.execute("ROLLBACK")
        assert archive.unscrubbed()
        archive._sequencer.scrub()
        assert not archive.unscrubbed()


def test_what_cannot_be_settled_while_somebody_reads_an_older_state_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirror.archive.state.PATIENCE", 0.05)
    with Archive(folder, reserve=0) as archive, archive.locked():
        with contextlib.closing(sqlite3.connect(archive.state.path, isolation_level=None)) as other:
            other.execute("BEGIN")
            assert other.execute("SELECT count(*) FROM journal").fetchone()
            with archive.state.writing() as tx:
                tx.put_fact("a", "b")
            with pytest.raises(StorageFailed, match="another process reads it"):
                archive.state.settle()
            other.execute("ROLLBACK")
        archive.state.settle()


def test_a_clock_that_was_set_back_withdraws_nothing_by_half(folder: Path, tmp_path: Path) -> None:
    from mirror.archive import ClockWrong

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    with Archive(copy, reserve=0) as archive, archive.locked():
        archive.withdraw(URL, None, at(-9000))
        with pytest.raises(ClockWrong):
            seal(archive, at(-9000), outlets=2)
        seal(archive, at(300), outlets=2, render=Pages())
    assert_gone(copy)
