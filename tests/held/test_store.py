"""Bytes of held pages: capped, for their owner only; and rows that fifty thousand addresses do not slow down."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from mirror.archive import judged
from mirror.archive.judged import HeldRow, TextRow
from mirror.archive.state import State
from mirror.held import Store


def body(number: int, size: int = 20_000) -> tuple[str, bytes]:
    """Bytes that do not compress."""
    data = b"".join(hashlib.sha256(b"%d %d" % (number, part)).digest() for part in range(size // 32))
    return hashlib.sha256(data).hexdigest(), data


def row(number: int, *, outlet: str = "lantern", state: str = "challenge", digest: str = "") -> HeldRow:
    return HeldRow(
        outlet=outlet,
        url=f"https://lantern.example/{number}",
        final_url=f"https://lantern.example/{number}?landed",
        content_type="text/html",
        fetched="2027-03-01T08:00:00Z",
        digest=digest or f"{number:064x}",
        size=10,
        state=state,
        reason="the page is a bot check",
        since=f"2027-03-01T08:{number // 60 % 60:02}:{number % 60:02}Z",
        letters=0,
        rules="one",
    )


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State.create(tmp_path / "state.sqlite")


def test_what_is_kept_comes_back_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    store = Store(tmp_path)
    digest, data = body(1)
    store.put(digest, data)
    store.put(digest, data)
    assert store.get(digest) == data
    (file,) = store.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_damaged_and_exchanged_bytes_are_gone(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    store = Store(tmp_path)
    digest, data = body(1)
    other, more = body(2)
    store.put(digest, data)
    store.put(other, more)
    (store.folder / digest).write_bytes((store.folder / other).read_bytes())
    assert store.get(digest) is None
    (store.folder / other).write_bytes(b"no zlib")
    assert store.get(other) is None
    assert store.get("0" * 64) is None


def test_when_there_is_too_much_the_oldest_bytes_go_and_those_nobody_wants_before_them(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    store = Store(tmp_path, most=100_000)
    made = [body(number) for number in range(8)]
    wanted = {digest: number != 3 for number, (digest, _) in enumerate(made)}
    for number, (digest, data) in enumerate(made):
        store.put(digest, data, lambda: wanted)
        os.utime(store.folder / digest, (number, number))
    kept = [number for number, (digest, _) in enumerate(made) if store.has(digest)]
    assert sum(file.stat().st_size for file in store.folder.iterdir()) <= 100_000
    assert kept == [4, 5, 6, 7]
    store.sweep({made[5][0]: True, made[6][0]: False})
    assert [file.name for file in store.folder.iterdir()] == [made[5][0]]


def test_one_page_larger_than_everything_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    store = Store(tmp_path, most=1000)
    digest, data = body(1)
    store.put(digest, data)
    assert store.get(digest) is None


def test_five_hundred_pages_of_one_reason_are_one_line(state: State) -> None:
    with state.writing() as tx:
        for number in range(500):
            judged.hold(tx, row(number))
        judged.hold(tx, row(500, state="shrunk"))
        judged.hold(tx, row(501, outlet="other"))
    with state.reading() as tx:
        groups = judged.groups(tx)
        assert [(one.outlet, one.state, one.count) for one in groups] == [
            ("lantern", "challenge", 500),
            ("lantern", "shrunk", 1),
            ("other", "challenge", 1),
        ]
        assert groups[0].newest.url.endswith("/499")
        assert len(judged.waiting(tx, outlet="lantern", state="challenge")) == 500
        assert len(judged.waiting(tx, but_rules="one")) == 0
        assert len(judged.waiting(tx, but_rules="two", limit=7)) == 7


def test_a_decision_holds_for_the_bytes_that_it_was_made_about(state: State) -> None:
    with state.writing() as tx:
        judged.hold(tx, row(1))
        judged.hold(tx, row(2))
        judged.decide(tx, [row(1)], "dropped")
        judged.decide(tx, [row(2, digest="ff" * 32)], "dropped")
    with state.reading() as tx:
        assert [one.url for one in judged.waiting(tx)] == ["https://lantern.example/2"]
        assert judged.dropped(tx, "lantern", row(1).digest)
        assert not judged.dropped(tx, "other", row(1).digest)
        assert dict(judged.kept(tx)) == {row(1).digest: False, row(2).digest: True}
        assert judged.find(tx, "https://lantern.example/2?landed") == (row(2),)
    with state.writing() as tx:
        judged.forget(tx, "lantern", ["https://lantern.example/1", "https://lantern.example/2"])
        assert not list(judged.kept(tx))


def test_a_page_held_for_the_same_reason_again_waits_since_the_first_time(state: State) -> None:
    with state.writing() as tx:
        judged.hold(tx, row(1))
        judged.hold(tx, replace(row(1), since="2027-04-01T00:00:00Z", digest="aa" * 32))
        found = judged.held(tx, "lantern", row(1).url)
    assert found is not None
    assert (found.since, found.digest) == (row(1).since, "aa" * 32)


def test_looking_for_texts_alike_asks_indexes_alone(state: State) -> None:
    def text(number: int) -> TextRow:
        digest = hashlib.sha256(b"%d" % number).digest()
        return TextRow(
            outlet="lantern",
            url=f"https://lantern.example/{number}",
            article_url=f"https://lantern.example/{number}",
            letters=900,
            text_key=digest.hex(),
            title_key="t",
            simhash=digest[:8],
            language="ru" if number % 5 else "en",
        )

    with state.writing() as tx:
        for number in range(3000):
            judged.put_text(tx, text(number))
    flipped = (int.from_bytes(text(7).simhash) ^ 0b1000_0000_0000_0001_0000_0001).to_bytes(8)
    asked: list[tuple[str, object]] = []
    with state.reading() as tx:

        @sa.event.listens_for(tx._c, "before_cursor_execute")
        def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
            asked.append((statement, parameters))

        same = replace(text(7), url="x")
        assert [one.url for one in judged.alike(tx, same)] == [text(7).url]
        close = replace(same, simhash=flipped, text_key="")
        assert [one.url for one in judged.alike(tx, close)] == [text(7).url]
        assert judged.languages(tx, "lantern") == {"en": 600, "ru": 2400}
        assert len(asked) == 11
        for statement, parameters in asked[:]:
            plan = tx._c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()  # type: ignore[arg-type]
            assert all(("USING" in step[3] and "SCAN texts" not in step[3]) or "TEMP" in step[3] for step in plan), plan
