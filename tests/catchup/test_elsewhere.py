"""Mirrors over a network, and two copies of one publication at work."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mirror import catchup
from mirror import config as configuration
from mirror import publish as publishing
from mirror.archive import Archive, ClockWrong, CorruptArchive, DiskFull, Rollback
from mirror.errors import TwoHistories
from mirror.run import newest, publish_all, seal
from signing.checkpoint import Checkpoint, sign
from signing.entry import Entry
from signing.evidence import prove
from signing.tiles import Tree
from tests.catchup.desk import OUT, Desk
from tests.faults.walk import load
from tests.servers.faulty import Handler, faulty, says
from tests.servers.web import web_server


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.make(tmp_path)
    made.run(made.additions(7))
    return made


def _public(desk: Desk, number: int, url: str) -> None:
    """Readers find this target at `url`."""
    path = desk.folder / configuration.FILE_NAME
    text = path.read_text()
    before = f'url = "{desk.targets[number]}"'
    assert before in text
    path.write_text(text.replace(before, f'{before}\npublic = "{url}"'))


# --- over HTTP ------------------------------------------------------------------------------------------------------


def test_it_catches_up_over_http_and_a_quiet_run_costs_two_requests_a_mirror(desk: Desk) -> None:
    with web_server(desk.targets[0]) as web:
        _public(desk, 0, web.url)
        desk.run(desk.additions(1))  # the mirror list says so
        backup = desk.copy("yesterday")
        desk.run([*desk.additions(40), desk.revision(2, 2)])
        desk.restore(backup)
        assert desk.run(desk.additions(1)).caught_up is not None
        desk.check()
        web.requests.clear()
        assert desk.run().caught_up is None
        asked = [path for path in web.requests if not path.startswith("/front")]
        assert asked[:2] == ["/checkpoint", "/trust/timestamp.json"]
        assert desk.run(publish=False).caught_up is None


def test_a_mirror_that_says_not_found_with_a_page_is_no_obstacle(desk: Desk) -> None:
    with web_server(desk.targets[0]) as web:
        web.pages_for_missing = True
        _public(desk, 0, web.url)
        backup = desk.copy("yesterday")
        desk.run([*desk.additions(20), desk.revision(2, 2)])
        for path in sorted((desk.targets[0] / "o").rglob("*")):
            if path.is_file() and not (backup / "archive" / path.relative_to(desk.targets[0])).exists():
                path.unlink()
        desk.restore(backup)
        assert desk.run().caught_up is not None
        desk.walk()


@contextlib.contextmanager
def _silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    end = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            end.wait(30)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        end.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_mirror_that_hangs_costs_the_deadline_and_no_more(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run(desk.additions(2))
    desk.restore(backup)
    with _silent() as url:
        _public(desk, 0, url)
        publication = desk.publication
        with publication.archive() as archive, archive.locked():
            began = time.monotonic()
            found = catchup.catch_up(publication, archive, OUT, desk.now, deadline=1.0)
            assert time.monotonic() - began < 15
        assert found is not None, "the other one answered"
        assert found.where == "target t1"


def test_a_mirror_that_shows_its_checkpoint_and_then_fails_keeps_a_restored_copy_from_signing(desk: Desk) -> None:
    with web_server(desk.targets[0]) as web, faulty(web.url) as proxy:
        _public(desk, 0, proxy.url)
        old = shutil.copytree(desk.targets[1], desk.folder.parent / "old")
        backup = desk.copy("yesterday")
        desk.run(desk.additions(2))
        shutil.rmtree(desk.targets[1])
        old.rename(desk.targets[1])
        desk.restore(backup)
        proxy.plan = lambda method, path, before: says(500) if path.startswith("/trust/timestamp.json") else None
        found = desk.run(publish=False).caught_up
    assert found is not None
    assert found.where == "target t0"


def test_mirrors_that_were_silent_lately_do_not_take_the_place_of_those_that_answer(tmp_path: Path) -> None:
    desk = Desk.make(tmp_path, targets=catchup.ASKED + 1)
    desk.run(desk.additions(1))
    old = [shutil.copytree(target, tmp_path / f"old-{target.name}") for target in desk.targets[:-1]]
    with desk.publication.archive() as archive, archive.state.writing() as tx:
        for number in range(catchup.ASKED):
            wrong = {"failures": catchup.SILENT} if number % 2 else {"looks_bad": 9, "audit_result": "dead"}
            tx.change_target(f"t{number}", **wrong)
    backup = desk.copy("yesterday")
    desk.run(desk.additions(1))
    for target, before in zip(desk.targets, old, strict=False):
        shutil.rmtree(target)
        before.rename(target)
    desk.restore(backup)
    found = desk.run(publish=False).caught_up
    assert found is not None
    assert found.where == f"target t{catchup.ASKED}"


def test_a_mirror_that_was_silent_for_long_is_waited_for_like_any_other(desk: Desk) -> None:
    """It may have come back after the backup was made, and alone have what was signed since."""
    with desk.publication.archive() as archive, archive.state.writing() as tx:
        tx.change_target("t1", failures=50, looks_bad=50, audit_result="dead")
    backup = desk.copy("yesterday")
    old = shutil.copytree(desk.targets[0], desk.targets[0].with_name("old"))
    desk.run(desk.additions(2))
    shutil.rmtree(desk.targets[0])
    old.rename(desk.targets[0])
    desk.restore(backup)

    def thinks(handler: Handler) -> None:
        time.sleep(2.5)
        handler.answer(*handler.forward())

    with web_server(desk.targets[1]) as web, faulty(web.url) as slow:
        slow.plan = lambda method, path, before: thinks if path == "/checkpoint" else None
        _public(desk, 1, slow.url)
        found = desk.run(desk.additions(1), publish=False).caught_up
    assert found is not None
    assert found.where == "target t1"


def test_when_nobody_answers_it_goes_on_and_says_so_and_nothing_contradicts_what_comes_back(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = desk.copy("yesterday")
    desk.run(desk.additions(3))
    desk.restore(backup)
    away = [target.rename(target.with_name(f"{target.name}-away")) for target in desk.targets]
    report = desk.run(desk.additions(1))
    assert len(report.sealed) == 1, "it could not know"
    assert report.status == 3
    assert "nobody could be asked" in capsys.readouterr().err
    for target, there in zip(desk.targets, away, strict=True):
        there.rename(target)
    shown = [load(target) for target in desk.targets]
    with pytest.raises(TwoHistories):
        desk.run()
    assert [load(target) for target in desk.targets] == shown
    assert list((desk.folder / "evidence").iterdir())


# --- two copies at work ---------------------------------------------------------------------------------------------


def test_two_hosts_that_take_turns_catch_up_with_each_other(desk: Desk) -> None:
    there = desk.copy("other-host")
    here = desk.folder
    for turn in range(6):
        desk.folder = there if turn % 2 else here
        report = desk.run(desk.additions(3))
        assert (report.caught_up is not None) == (turn > 0)
        assert report.status == 0
        desk.check()
    desk.folder = here
    assert desk.run().caught_up is not None
    # With nothing new, taking turns adds nothing to the log.
    size = desk.head().size
    for folder in (there, here, there, here):
        desk.folder = folder
        assert desk.run().sealed == []
    assert desk.head().size == size


def test_of_two_hosts_that_seal_at_the_same_moment_one_does_not_publish(desk: Desk) -> None:
    here, there = desk.folder, desk.copy("other-host")
    mine = desk.additions(2)
    theirs = desk.additions(3)
    publication = desk.publication
    with publication.archive() as archive, newest(publication, archive, OUT, now=desk.now):
        archive.add_many(mine)
        seal(publication, archive, OUT, now=desk.now)
        desk.folder = there  # ... which has looked as well, and found nothing
        report = desk.run(theirs)
        assert report.status == 0
        shown = [load(target) for target in desk.targets]
        reports = publish_all(publication, archive, OUT, now=desk.now)
    assert all(report.forked for report in reports)
    assert [load(target) for target in desk.targets] == shown
    for file in (here / "evidence").iterdir():
        assert prove(file.read_bytes(), pin=publication.fingerprint(), now=desk.now).type == "fork"
    # The one that lost says so from now on, and the other goes on.
    desk.folder = here
    with pytest.raises(TwoHistories):
        desk.run()
    desk.folder = there
    desk.run(desk.additions(1))
    desk.check()


def test_a_host_that_publishes_while_another_one_pushes_is_found_before_the_pointers_go(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = desk.folder, desk.copy("other-host")
    mine, theirs = desk.additions(2), desk.additions(3)
    publication = desk.publication
    real = publishing._Push._immutable
    shown: list[dict[str, bytes]] = []

    def pushed(push: Any, head: int) -> None:
        """While the first one pushes what never changes, the other one does all of it."""
        real(push, head)
        if not shown:
            shown.append({})
            desk.folder = there
            assert desk.run(theirs).status == 0
            desk.folder = here
            shown[:] = [load(target) for target in desk.targets]

    with publication.archive() as archive, newest(publication, archive, OUT, now=desk.now):
        archive.add_many(mine)
        seal(publication, archive, OUT, now=desk.now)
        with monkeypatch.context() as patch:
            patch.setattr(publishing._Push, "_immutable", pushed)
            reports = publish_all(publication, archive, OUT, ["t0"], now=desk.now)
    assert [report.forked for report in reports] == [True]
    assert (desk.targets[0] / "checkpoint").read_bytes() == shown[0]["checkpoint"]


def test_a_host_that_sealed_nothing_does_not_push_old_files_over_newer_ones(desk: Desk) -> None:
    publication = desk.publication
    made = desk.additions(2)
    with publication.archive() as archive, newest(publication, archive, OUT, now=desk.now):
        archive.add_many(made)
        seal(publication, archive, OUT, now=desk.now)
        there = desk.copy("other-host")
        desk.folder, here = there, desk.folder
        desk.published.update(hashlib.sha256(one.stored).hexdigest() for one in made)
        desk.run(desk.additions(1))
        shown = [load(target) for target in desk.targets]
        reports = publish_all(publication, archive, OUT, now=desk.now)
        assert all("another copy of this publication is at work" in str(report.problem) for report in reports)
        assert [load(target) for target in desk.targets] == shown
    desk.folder = here
    assert desk.run(desk.additions(1)).caught_up is not None
    desk.check()


# --- a stolen log key, and mirrors that hide something --------------------------------------------------------------


def _append(desk: Desk, *entries: Entry) -> None:
    """What a thief of the log key alone can put on our mirrors."""
    head, key = desk.head(), desk.publication.key("log")
    for target in desk.targets:
        tree = Tree.load(head.size, head.root, lambda path, target=target: (target / path).read_bytes())  # type: ignore[misc]
        for entry in entries:
            tree.append(entry.encode())
        for path, data in tree.files().items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(data)
        (target / "checkpoint").write_bytes(sign(Checkpoint(head.origin, tree.size, tree.root), key))


def test_a_thief_of_the_log_key_can_not_have_us_withdraw_what_we_published(desk: Desk) -> None:
    made = desk.additions(2)
    desk.run(made)
    before, state = load(desk.folder / "archive"), desk.rows()
    withdrawals = [
        Entry(
            kind="withdrawal",
            outlet=one.article.outlet,
            url_digest=hashlib.sha256(one.article.url.encode()).hexdigest(),
            digest=hashlib.sha256(one.stored).hexdigest(),
            size=len(one.stored),
            time=desk.stamp(),
        )
        for one in made
    ]
    with desk.publication.archive() as archive, archive.state.reading() as tx:
        edition = tx.editions()[0]
    old = Entry(kind="edition", outlet=None, url_digest=None, digest=edition.digest, size=9, time=desk.stamp())
    for entries in (withdrawals, [*withdrawals, old], [old, old]):
        _append(desk, *entries)
        with pytest.raises((Rollback, CorruptArchive)):
            desk.run()
        assert load(desk.folder / "archive") == before
        assert desk.rows() == state


def test_three_mirrors_that_show_an_old_state_do_not_outweigh_one_that_has_the_newest(tmp_path: Path) -> None:
    desk = Desk.make(tmp_path, targets=5)
    desk.run(desk.additions(3))
    backup = desk.copy("yesterday")
    old = [shutil.copytree(target, tmp_path / f"old-{target.name}") for target in desk.targets[:3]]
    desk.run(desk.additions(2))
    for target, before in zip(desk.targets, old, strict=False):
        shutil.rmtree(target)
        before.rename(target)
    desk.restore(backup)
    assert desk.run(desk.additions(1)).caught_up is not None
    assert {target.name: (target / "checkpoint").read_bytes() for target in desk.targets} == {
        target.name: desk.head().checkpoint for target in desk.targets
    }


def test_a_mirror_that_hides_its_checkpoint_is_not_pushed_to(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    backup = desk.copy("yesterday")
    desk.run(desk.additions(3))
    desk.restore(backup)
    for target in desk.targets:
        (target / "checkpoint").rename(target / "hidden")
        (target / "trust/timestamp.json").unlink()
    shown = [load(target) for target in desk.targets]
    report = desk.run(desk.additions(1))
    assert all("shows none any more" in str(target.problem) for target in report.targets)
    assert "nobody could be asked" in capsys.readouterr().err
    assert [load(target) for target in desk.targets] == shown


# --- the machine itself ---------------------------------------------------------------------------------------------


def test_a_full_disk_while_catching_up_leaves_everything_as_it_was(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run(desk.additions(30))
    desk.restore(backup)
    before = load(desk.folder / "archive")
    publication = desk.publication
    with Archive(publication.folder, reserve=1 << 60) as archive:
        with pytest.raises(DiskFull) as caught, newest(publication, archive, OUT, now=desk.now):
            raise AssertionError
        assert "\n" not in str(caught.value)
        assert archive.head().size == 9
    with publication.archive() as archive, archive.locked():
        pass
    assert load(desk.folder / "archive") == before
    assert desk.run().caught_up is not None
    desk.check()


def test_with_a_clock_that_went_back_it_catches_up_and_signs_nothing(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run(desk.additions(3), minutes=600)
    desk.restore(backup)
    with pytest.raises(ClockWrong):
        desk.run(force=True, minutes=-590)
    assert desk.head().size == 13
    desk.run(minutes=600)
    desk.check()
