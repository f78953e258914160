"""Articles go in, editions come out: what a seal makes, and what it leaves alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import schemas
from mirror.archive import Archive, plan
from mirror.archive.errors import ClockWrong, CorruptArchive, NewerState, Rollback
from mirror.archive.plan import read_document
from mirror.archive.state import Change
from mirror.config import MirrorInfo
from mirror.errors import TamizdatError, UsageError
from mirror.remembering import OutletNote
from mirror.sources.state import FeedState, PageState
from signing import authority, packing
from signing.checkpoint import Checkpoint, open_checkpoint
from signing.roles import Trust
from signing.verify import verify_bundle, verify_front
from tests.archive import newsroom
from tests.archive.newsroom import KEYS, LOG, Pages, addition, at, fill, seal
from tests.faults import walk as walking
from tests.faults.walk import Key

LOG_KEY = Key.of(KEYS.log.verifier.text)
PUBLISHER = Key.of(KEYS.publisher.verifier.text)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with newsroom.create(tmp_path / "publication") as made, made.locked():
        yield made


def walk(archive: Archive) -> walking.Walked:
    return walking.walk(archive.tree, log=LOG_KEY, publisher=PUBLISHER)


def edition(archive: Archive) -> dict[str, Any]:
    with archive.state.reading() as tx:
        newest = tx.editions()[0]
    return read_document(archive.store.read(f"o/{newest.digest[:2]}/{newest.digest[2:]}") or b"")


def titles(archive: Archive, outlet: int = 0) -> list[str]:
    return [item["title"] for item in edition(archive)["outlets"][outlet]["articles"]]


def journal(archive: Archive, **which: Any) -> list[Change]:
    with archive.state.reading() as tx:
        return list(tx.changes(0, None, **which))


def known_trust(archive: Archive) -> Trust:
    found = next(path for path in archive.store.walk("trust") if path.endswith(".trust.json"))
    return Trust.from_document(packing.parse_json(archive.store.read(found) or b""))


# --- making one ---------------------------------------------------------------------------------------------


def test_a_new_archive_has_trust_files_and_waits_to_log_them(archive: Archive) -> None:
    head = archive.head()
    assert (head.size, head.serial, head.origin) == (0, 0, LOG)
    assert archive.store.exists("trust/1.root.json")
    assert [line.path for line in journal(archive)][-1] == "trust/timestamp.json"
    assert len(seal(archive, at(1))) == 1
    found = walk(archive)
    assert (found.head.size, found.editions) == (2, 1)


def test_an_archive_is_not_made_over_another(tmp_path: Path) -> None:
    newsroom.create(tmp_path).close()
    with pytest.raises(UsageError, match="already"), newsroom.create(tmp_path):
        pass


def test_making_one_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    for folder in ("state", "archive/trust"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "archive/trust/1.root.json").write_bytes(b"of the one that was killed")
    with newsroom.create(tmp_path) as archive, archive.locked():
        seal(archive, at(1))
        walk(archive)


def test_the_log_key_is_named_like_the_log(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="named"):
        Archive.create(
            tmp_path, log_origin="other/log/1", keys=KEYS, trust_files={}, trust_document=b"{}", now=newsroom.START
        )


def test_a_folder_without_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no publication here"):
        Archive(tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- sealing ------------------------------------------------------------------------------------------------


def test_what_was_added_is_logged_once_proved_and_listed(archive: Archive) -> None:
    fill(archive, 3)
    (done,) = seal(archive, at(60))
    assert (done.articles, done.serial, done.size, done.origin) == (3, 1, 5, LOG)
    assert open_checkpoint(done.checkpoint, KEYS.log.verifier, LOG) == Checkpoint(LOG, 5, done.root)
    assert titles(archive) == ["News number 2", "News number 1", "News number 0"]
    assert len(walk(archive).articles) == 3
    row = archive.latest("outlet-0", "https://outlet-0.example/news/1")
    assert row is not None
    assert row.idx == 1


def test_a_reader_accepts_what_was_sealed(archive: Archive) -> None:
    archive.add_many([addition(7, picture=b"webp", long=True)])
    seal(archive, at(60))
    trusted = known_trust(archive)
    listed, front, checkpoint = verify_front(archive.store.read("front") or b"", trust=trusted, schema=schemas.check)
    assert checkpoint.size == archive.head().size
    assert front.consistency == ()
    item = listed.document["outlets"][0]["articles"][0]  # type: ignore[index]
    digest = item["digest"]
    found = verify_bundle(
        archive.store.read(f"o/{digest[:2]}/{digest[2:]}") or b"",
        digest=digest,
        proof=archive.store.read(f"proof/{digest[:2]}/{digest[2:]}") or b"",
        trust=trusted,
        schema=schemas.check,
        cap=12288,
    )
    assert found.index == item["index"]
    assert hashlib.sha256(b"small webp").hexdigest() == item["thumbnail"]


def test_nothing_new_makes_no_edition_until_one_is_due(archive: Archive) -> None:
    fill(archive, 1)
    seal(archive, at(0), due=1000)
    assert seal(archive, at(499), due=1000) == []
    assert len(seal(archive, at(500), due=1000)) == 1
    assert len(seal(archive, at(500), due=1000, force=True)) == 1
    assert archive.head().serial == 3
    walk(archive)


def test_a_new_mirror_is_a_reason_for_an_edition(archive: Archive) -> None:
    mirror = MirrorInfo(url="https://m.example/", kind="https", since=None, network=None, country="NL", note=None)
    fill(archive, 1)
    seal(archive, at(0))
    assert len(seal(archive, at(10), mirrors=[mirror])) == 1
    assert seal(archive, at(20), mirrors=[mirror]) == []
    listed = {"url": "https://m.example/", "kind": "https", "since": "2027-03-01T08:00:10Z", "country": "NL"}
    assert edition(archive)["mirrors"] == [listed]
    seal(archive, at(30), mirrors=[mirror], force=True)
    assert edition(archive)["mirrors"] == [listed], "since when does not move with every edition"


def test_the_log_is_in_the_order_of_the_news_whatever_order_they_came_in(archive: Archive) -> None:
    archive.add_many([addition(number) for number in (5, 2, 9)])
    seal(archive, at(60))
    assert titles(archive) == ["News number 9", "News number 5", "News number 2"]


def test_many_articles_take_several_seals(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BATCH", 4)
    fill(archive, 10)
    done = seal(archive, at(60))
    assert [one.articles for one in done] == [3, 4, 3]
    assert [one.serial for one in done] == [1, 2, 3]
    assert len(walk(archive).articles) == 10


def test_adding_again_is_no_news(archive: Archive) -> None:
    assert archive.add_many([addition(1), addition(1), addition(2)]) == 2
    assert archive.add_many([addition(1)]) == 0
    seal(archive, at(60))
    one = addition(1)
    assert not archive.add(one.article, one.stored, one.objects, one.content_key)
    assert seal(archive, at(61)) == []


def test_a_revision_takes_the_place_of_the_one_before(archive: Archive) -> None:
    fill(archive, 3)
    seal(archive, at(60), render=Pages())
    first = archive.latest("outlet-0", "https://outlet-0.example/news/1")
    assert first is not None
    archive.add_many([addition(1, revision=2, fetched=at(70), replaces=first.digest)])
    waiting = archive.latest("outlet-0", first.url)
    assert waiting is not None
    assert (waiting.revision, waiting.idx) == (2, None)
    seal(archive, at(80), render=Pages())
    assert titles(archive) == ["News number 1", "News number 2", "News number 0"]
    with archive.state.reading() as tx:
        assert tx.articles([first.digest])[first.digest].superseded_by == waiting.digest
    pages = [archive.store.read(path) or b"" for path in archive.store.walk("a")]
    assert len(pages) == 3
    assert sum(b"r2" in page for page in pages) == 1
    assert len(walk(archive).articles) == 4, "the old revision stays on the mirrors and in the log"


def test_of_two_revisions_sealed_together_the_higher_one_is_current(archive: Archive) -> None:
    archive.add_many([addition(1, revision=2, fetched=at(50)), addition(1, revision=1, fetched=at(90))])
    seal(archive, at(100), render=Pages())
    (item,) = edition(archive)["outlets"][0]["articles"]
    assert item["revision"] == 2
    (page,) = (archive.store.read(path) or b"" for path in archive.store.walk("a"))
    assert b"r2" in page
    walk(archive)


def test_the_same_address_in_two_outlets_is_two_articles(archive: Archive) -> None:
    archive.add_many([addition(1, of=0), addition(1, of=1)])
    seal(archive, at(60), outlets=2)
    assert titles(archive, 0) == titles(archive, 1) == ["News number 1"]


def test_an_object_that_is_missing_or_wrong_is_refused(archive: Archive) -> None:
    made = addition(1, picture=b"webp")
    with pytest.raises(ValueError, match="not given"):
        archive.add(made.article, made.stored, {}, made.content_key)
    wrong = dict.fromkeys(made.objects, b"other")
    with pytest.raises(ValueError, match="other bytes"):
        archive.add(made.article, made.stored, wrong, made.content_key)
    assert seal(archive, at(1))[0].articles == 0


def test_a_picture_two_articles_share_is_journaled_once(archive: Archive) -> None:
    archive.add_many([addition(1, picture=b"shared")])
    seal(archive, at(60))
    seq = max(line.seq for line in journal(archive))
    second = addition(2, picture=b"shared")
    archive.add(second.article, second.stored, {}, second.content_key)  # what is there need not be given again
    seal(archive, at(70))
    with archive.state.reading() as tx:
        assert not [line for line in tx.changes(seq, None) if line.kind in ("picture", "thumbnail")]
    walk(archive)


def test_a_page_that_cannot_be_rendered_does_not_stop_the_press(archive: Archive) -> None:
    class Broken(Pages):
        def article(self, document: Any, parts: Any, **more: Any) -> tuple[str, bytes]:
            if document["title"] == "News number 1":
                raise RuntimeError("no")
            return super().article(document, parts, **more)

    fill(archive, 3)
    (done,) = seal(archive, at(60), render=Broken())
    assert len(done.problems) == 1
    assert "news/1" in done.problems[0]
    assert len(list(archive.store.walk("a"))) == 2
    assert len(walk(archive).articles) == 3


def test_pages_get_the_whole_article(archive: Archive) -> None:
    archive.add_many([addition(1, long=True)])
    seal(archive, at(60), render=Pages())
    (page,) = (archive.store.read(path) or b"" for path in archive.store.walk("a"))
    assert b"The rest of number 1." in page
    digest = newsroom.digest(addition(1, long=True))
    assert len(archive.article(digest).blocks) == 2


# --- older articles, and what is pruned ---------------------------------------------------------------------


def chain(archive: Archive, outlet: int = 0) -> list[list[str]]:
    pages = []
    older = edition(archive)["outlets"][outlet].get("older")
    while older:
        digest = older["digest"]
        page = json.loads(packing.gunzip(archive.store.read(f"o/{digest[:2]}/{digest[2:]}") or b"", 10**6))
        pages.append([item["title"].split()[-1] for item in page["articles"]])
        older = page.get("older")
    return pages


def test_every_article_is_reached_by_older_pages(archive: Archive) -> None:
    fill(archive, 70)
    seal(archive, at(60))
    fill(archive, 30, first=70)
    seal(archive, at(120))
    pages = chain(archive)
    assert [len(page) for page in pages] == [4, 32, 32, 32]
    assert [int(title) for page in pages for title in page] == list(range(99, -1, -1))
    assert edition(archive)["outlets"][0]["older"]["articles"] == 100
    walk(archive)


def test_a_full_page_never_changes_and_a_quiet_outlet_costs_nothing(archive: Archive) -> None:
    fill(archive, 40, of=0)
    fill(archive, 5, of=1)
    seal(archive, at(60), outlets=2)
    before = {line.path for line in journal(archive) if line.kind == "page"}
    fill(archive, 1, first=40, of=0)
    seal(archive, at(70), outlets=2)
    new = {line.path for line in journal(archive) if line.kind == "page"} - before
    assert len(new) == 1, "only outlet 0's open page is new"


def test_eight_editions_are_kept_with_what_they_need(archive: Archive) -> None:
    for number in range(12):
        fill(archive, 1, first=number)
        seal(archive, at(100 + number))
    assert newsroom.editions(archive) == list(range(12, 4, -1))
    found = walk(archive)  # strict: nothing lies about, nothing is missing
    assert found.editions == 12
    deleted = journal(archive, op="delete")
    assert sorted(line.kind for line in deleted) == ["edition"] * 4 + ["page"] * 4 + ["proof"] * 4
    for line in deleted:
        assert not archive.store.exists(line.path)
    with archive.state.reading() as tx:
        assert [row.size for row in tx.checkpoints()] == list(range(25, 9, -2))


def test_partial_tiles_go_when_the_full_one_is_there(archive: Archive) -> None:
    for number in range(3):
        fill(archive, 80, first=80 * number)
        seal(archive, at(100 + number))
    assert sorted(p for p in archive.store.walk("tile") if ".p/" in p)
    fill(archive, 20, first=240)
    seal(archive, at(110))
    assert sorted(archive.store.walk("tile")) == [
        "tile/0/000",
        "tile/0/001.p/9",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/9",
    ]
    assert {line.kind for line in journal(archive, op="delete")} == {"tile"}
    walk(archive)


def test_front_fits_and_proves_the_last_seals(archive: Archive) -> None:
    words = " ".join(hashlib.sha256(str(n).encode()).hexdigest()[:7] for n in range(25))
    for number in range(10):
        made = [addition(n, of=n % 25, text=words) for n in range(number * 30, number * 30 + 30)]
        archive.add_many(made)
        seal(archive, at(10_000 + number), outlets=25)
    data = archive.store.read("front") or b""
    assert len(data) <= 8192
    _, front, _ = verify_front(data, trust=known_trust(archive), schema=schemas.check)
    sizes = [size for size, _ in front.consistency]
    assert len(sizes) == 8
    assert sizes[-1] == archive.head().size - 31
    walk(archive)


# --- journal ------------------------------------------------------------------------------------------------


def test_the_journal_has_one_line_a_path_in_an_order_that_promises_nothing_early(archive: Archive) -> None:
    for number in range(3):
        archive.add_many([addition(number, picture=b"x%d" % number, long=True)])
        seal(archive, at(100 + number), render=Pages())
        archive.refresh_trust(KEYS, at(100 + number))
    lines = journal(archive)
    paths = [line.path for line in lines]
    assert len(set(paths)) == len(paths)
    files = newsroom.tree(archive.tree)
    assert {line.path for line in lines if line.op == "put"} == set(files)
    for line in lines:
        assert line.sha256 == hashlib.sha256(files[line.path]).hexdigest()
        assert line.size == len(files[line.path])
    newest = [line for line in lines if line.log_size == archive.head().size and line.kind != "trust"]
    assert [line.rank for line in newest] == sorted(line.rank for line in newest)
    assert {line.path for line in lines if line.mutable} == {
        "checkpoint",
        "front",
        "feed.xml",
        "index.html",
        "trust/timestamp.json",
    }


def test_a_cursor_sees_only_what_is_new(archive: Archive) -> None:
    fill(archive, 2)
    seal(archive, at(60))
    with archive.state.reading() as tx:
        cursor = tx.head_seq()
        assert tx.changes(cursor, None) == ()
        assert len(tx.changes(0, 3)) == 3
    assert archive.refresh_trust(KEYS, at(70)) == 1
    with archive.state.reading() as tx:
        (line,) = tx.changes(cursor, None)
        assert line.path == "trust/timestamp.json"
        assert tx.changes(cursor, None, mutable=False) == ()
        assert tx.changes(cursor, None, mutable=True) == (line,)


def test_a_new_trust_file_is_journaled_at_once_and_logged_by_the_next_seal(archive: Archive) -> None:
    fill(archive, 1)
    seal(archive, at(60))
    old = edition(archive)["trust"]["digest"]
    document = packing.parse_json(archive.store.read(f"trust/targets/{old}.trust.json") or b"")
    assert isinstance(document, dict)
    new = json.dumps({**document, "name": "The New Room", "time": newsroom.stamp(at(70))}).encode()
    files = authority.retarget(archive.store.read, [newsroom.key("root")], KEYS.online, new, at(70))
    assert archive.replace_trust(files, new) >= 3
    assert len(seal(archive, at(80))) == 1
    assert edition(archive)["trust"]["digest"] == hashlib.sha256(new).hexdigest()
    walk(archive)


def test_refreshing_with_another_key_is_refused_in_one_line(archive: Archive) -> None:
    wrong = plan.Keys(publisher=KEYS.publisher, log=KEYS.log, online=newsroom.key("stranger"))
    with pytest.raises(TamizdatError, match="cannot be signed again") as caught:
        archive.refresh_trust(wrong, at(10))
    assert "\n" not in str(caught.value)


# --- refusing -----------------------------------------------------------------------------------------------


def test_writing_needs_the_lock(tmp_path: Path) -> None:
    with newsroom.create(tmp_path) as archive, pytest.raises(RuntimeError, match="locked"):
        archive.add_many([addition(1)])


def test_looking_needs_none_and_works_while_a_run_goes_on(archive: Archive) -> None:
    fill(archive, 2)
    seal(archive, at(60))
    with archive.state.writing() as tx:
        tx.put_fact("half", "done")
        with Archive(archive.folder) as other:
            assert other.head().size == 4
            assert other.latest("outlet-0", "https://outlet-0.example/news/1") is not None
            holder = other.holder()
            assert holder is not None
            with other.state.reading() as looking:
                assert looking.fact("half") is None


def test_a_clock_that_is_far_back_is_refused_and_a_little_back_is_evened_out(archive: Archive) -> None:
    fill(archive, 1)
    seal(archive, at(7200))
    fill(archive, 1, first=1)
    with pytest.raises(ClockWrong, match=r"08:30:00Z.*10:00:00Z"):
        seal(archive, at(1800))
    (done,) = seal(archive, at(7200 - 3500))
    assert done.time == newsroom.stamp(at(7200)), "time in the log never goes back"
    assert done.serial == 2
    walk(archive)


def test_a_damaged_tile_stops_the_press_before_anything_is_signed(archive: Archive) -> None:
    fill(archive, 2)
    seal(archive, at(60))
    for width, data in (("4", None), ("4", b"\0" * 128)):
        path = archive.tree / "tile/0/000.p" / width
        whole = path.read_bytes()
        path.unlink() if data is None else path.write_bytes(data)
        archive.add_many([addition(5)])
        with pytest.raises(CorruptArchive, match="tiles do not fit"):
            seal(archive, at(70))
        path.write_bytes(whole)
    assert len(seal(archive, at(70))) == 1
    walk(archive)


def test_another_logs_key_cannot_sign(archive: Archive) -> None:
    wrong = plan.Keys(publisher=KEYS.publisher, log=newsroom.key("stranger"), online=KEYS.online)
    fill(archive, 1)
    with pytest.raises(TamizdatError, match="log key is named"):
        archive.seal(
            keys=wrong,
            publication=newsroom.PUBLICATION,
            outlets=[newsroom.outlet()],
            due_seconds=10,
            now=at(10),
        )
    assert archive.head().size == 0


def test_a_state_from_an_old_backup_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "publication"
    with newsroom.create(folder) as archive:
        with archive.locked():
            fill(archive, 1)
            seal(archive, at(60))
        archive.state.settle()
        shutil.copy(folder / "state" / "state.sqlite", tmp_path / "backup")
        with archive.locked():
            fill(archive, 1, first=1)
            seal(archive, at(70))
    for path in (folder / "state").glob("state.sqlite*"):
        path.unlink()
    shutil.copy(tmp_path / "backup", folder / "state" / "state.sqlite")
    with Archive(folder, reserve=0) as archive, pytest.raises(Rollback, match="second history"), archive.locked():
        pass


def test_an_archive_folder_from_an_old_backup_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "publication"
    with newsroom.create(folder) as archive:
        with archive.locked():
            seal(archive, at(60))
        shutil.copytree(folder / "archive", tmp_path / "backup")
        with archive.locked():
            fill(archive, 1, first=1)
            seal(archive, at(70))
        shutil.rmtree(folder / "archive")
        shutil.copytree(tmp_path / "backup", folder / "archive")
        with pytest.raises(CorruptArchive, match="files are missing"), archive.locked():
            pass
        (folder / "archive" / "checkpoint").unlink()
        with pytest.raises(CorruptArchive, match="missing"), archive.locked():
            pass


def test_a_mirror_that_knows_more_than_this_archive_stops_it(archive: Archive) -> None:
    fill(archive, 1)
    seal(archive, at(60))
    head = archive.head()
    archive.refuse_if_behind(Checkpoint(LOG, head.size, head.root), "https://m.example")
    archive.refuse_if_behind(Checkpoint("other/log", 99, b"1" * 32), "https://m.example")
    for size, root in ((head.size + 1, b"1" * 32), (head.size, b"1" * 32), (head.size - 1, b"1" * 32)):
        with pytest.raises(Rollback, match=r"https://m\.example"):
            archive.refuse_if_behind(Checkpoint(LOG, size, root), "https://m.example")


def test_a_state_of_a_newer_tool_is_refused(archive: Archive) -> None:
    with archive.state.writing() as tx:
        tx.put_fact("schema", "99")
    with pytest.raises(NewerState, match="99"):
        Archive(archive.folder)


@pytest.mark.parametrize("data", [b"", b"this is no database" * 100])
def test_a_state_that_is_none_is_refused_in_one_line(archive: Archive, data: bytes) -> None:
    folder = archive.folder
    archive.close()
    for path in (folder / "state").glob("state.sqlite-*"):
        path.unlink()
    (folder / "state" / "state.sqlite").write_bytes(data)
    with pytest.raises(CorruptArchive, match=r"not a state file|damaged") as caught:
        Archive(folder)
    assert "\n" not in str(caught.value)


# --- what fetching remembers --------------------------------------------------------------------------------


def test_pages_feeds_and_outlets_are_remembered(archive: Archive) -> None:
    page = PageState(outlet="outlet-0", url="https://x.example/1", first_seen="2027-03-01T08:00:00Z", etag='"1"')
    archive.remember_page(page, state="ok", article_url="https://x.example/one")
    archive.remember_page(PageState(**{**newsroom.fields(page), "etag": '"2"', "state": "ok"}))
    assert archive.pages("outlet-0", [page.url, "https://x.example/2"]) == {
        page.url: PageState(**{**newsroom.fields(page), "etag": '"2"', "state": "ok"})
    }
    assert archive.pages("outlet-1", [page.url]) == {}
    with archive.state.reading() as tx:
        assert tx.article_url("outlet-0", page.url) == "https://x.example/one"
    feed = FeedState(url="https://x.example/feed", body_digest="ab", content="[]")
    archive.remember_feed(feed)
    assert archive.feed(feed.url) == feed
    assert archive.feed("https://x.example/other") is None
    good = OutletNote(now="2027-03-01T08:00:00Z", error=None, failed=False, yielded=True)
    bad = OutletNote(now="2027-03-01T09:00:00Z", error="refused", failed=True, yielded=False)
    archive.remember_all([], {}, {"outlet-0": good})
    archive.remember_all([], {}, {"outlet-0": bad})
    with archive.state.reading() as tx:
        (outlet,) = tx.outlets()
    assert (outlet.last_ok, outlet.last_yield, outlet.last_try) == (
        "2027-03-01T08:00:00Z",
        "2027-03-01T08:00:00Z",
        "2027-03-01T09:00:00Z",
    )
    assert (outlet.last_error, outlet.failures) == ("refused", 1)


def test_several_threads_add_at_once(archive: Archive) -> None:
    threads = [threading.Thread(target=fill, args=(archive, 10), kwargs={"first": 10 * n}) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seal(archive, at(60))[0].articles == 40
    walk(archive)
