"""One log ends and another begins: nothing signed before loses its worth, nothing is ever signed twice."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.archive import Archive, Keys
from mirror.archive import logs as module
from mirror.archive.sequencer import Sequencer
from mirror.archive.staging import Staged
from mirror.archive.state import SCHEMA, State, Tx
from mirror.errors import TamizdatError, UsageError
from tests.archive import newsroom
from tests.archive.newsroom import KEYS, Pages, addition, at, begin, fill, log_keys, seal
from tests.faults import walk as walking
from tests.faults.walk import Key

OLD, NEW = Key.of(KEYS.log.verifier.text), Key.of(log_keys(2028).log.verifier.text)
PUBLISHER = Key.of(KEYS.publisher.verifier.text)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A publication whose log has two seals, of 40 articles and one."""
    folder = tmp_path_factory.mktemp("made") / "publication"
    with newsroom.create(folder) as archive, archive.locked():
        fill(archive, 40)
        seal(archive, at(60), render=Pages())
        fill(archive, 1, first=40)
        seal(archive, at(70), render=Pages())
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "publication"))


@pytest.fixture
def archive(folder: Path) -> Iterator[Archive]:
    with Archive(folder, reserve=0) as archive, archive.locked():
        yield archive


def walk(folder: Path, *, strict: bool = True, begun: bool = True) -> walking.Walked:
    if not begun:
        return walking.walk(folder / "archive", log=OLD, publisher=PUBLISHER, strict=strict)
    return walking.walk(
        folder / "archive", log=NEW, publisher=PUBLISHER, strict=strict, below="log/2028", closed=[("", OLD)]
    )


@pytest.mark.parametrize("reissue", [False, True])
def test_a_log_ends_and_the_next_one_goes_on_with_the_serial(archive: Archive, reissue: bool) -> None:
    old = archive.head()
    keys = begin(archive, 2028, at(100), reissue=reissue)
    assert [(log.origin, log.size, log.frozen) for log in archive.logs()] == [
        (old.origin, old.size, True),
        (keys.log.name, 0, False),
    ]
    assert archive.store.read("log/2027/checkpoint") == old.checkpoint == archive.store.read("checkpoint")
    fill(archive, 2, first=41)
    archive.add_many([addition(3, revision=2, fetched=at(105))])
    (done,) = seal(archive, at(110), keys=keys, render=Pages())
    assert (done.origin, done.size, done.serial) == (keys.log.name, 5, old.serial + 1)
    with archive.state.reading() as tx:
        first = tx.entry_at(old.size)
    assert first is not None
    assert first.kind == "trust", "the first thing the new log says is who names it"
    assert archive.store.read("checkpoint") == archive.store.read("log/2028/checkpoint") == done.checkpoint
    found = walk(archive.folder)
    assert (len(found.articles), found.editions) == (44, 3)
    (again,) = seal(archive, at(120), keys=keys, force=True)
    assert again.size == 6
    walk(archive.folder)


def test_every_proof_is_made_anew_against_the_last_checkpoint_in_bounded_pieces(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TOGETHER", 7)
    largest: list[int] = []
    commit = Sequencer.commit

    def watched(self: Sequencer, staged: Staged, *rest: object, **more: object) -> None:
        largest.append(len([file for file in staged.files if file.path.startswith("proof/")]))
        commit(self, staged, *rest, **more)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(Sequencer, "commit", watched)
    checkpoint = archive.head().checkpoint
    before = {path for path in archive.store.walk("proof") if checkpoint in (archive.store.read(path) or b"")}
    begin(archive, 2028, at(100), reissue=True)
    proofs = list(archive.store.walk("proof"))
    assert len(before) < len(proofs) == 43
    assert all((archive.store.read(path) or b"").endswith(b"\n\n" + checkpoint) for path in proofs)
    assert max(largest) <= 7
    assert len(largest) >= 7
    with archive.state.reading() as tx:
        offered = tx.offered(proofs)
    assert {path: line.sha256 for path, line in offered.items()} == {
        path: hashlib.sha256(archive.store.read(path) or b"").hexdigest() for path in proofs
    }


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("where", ["before the commit", "after the commit"])
def test_killed_anywhere_it_is_completed_by_calling_it_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(module, "_TOGETHER", 10)
    name = "put_fact" if where == "before the commit" else "apply"
    kind: type = Tx if name == "put_fact" else Staged
    true = getattr(kind, name)
    deaths = 0
    for death in range(30):
        left = death

        def die(self: object, *rest: object, **more: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            true(self, *rest, **more)

        copy = folder.parent / f"copy {death}"
        shutil.copytree(folder, copy)
        with Archive(copy, reserve=0) as archive:
            try:
                with archive.locked():
                    with monkeypatch.context() as patched:
                        patched.setattr(kind, name, die)
                        begin(archive, 2028, at(100), reissue=True)
                    break
            except Killed:
                deaths += 1
        walk(copy, strict=False, begun=False)
        with Archive(copy, reserve=0) as archive, archive.locked():
            begun = archive.head().origin == NEW.name
            keys = log_keys(2028) if begun else begin(archive, 2028, at(100), reissue=True)
            seal(archive, at(200), keys=keys)
            assert list((copy / "state" / "staging").iterdir()) == []
        walk(copy)
        shutil.rmtree(copy)
    assert deaths >= 6


def test_calling_it_again_changes_nothing(archive: Archive) -> None:
    keys = begin(archive, 2028, at(100), reissue=False)
    seal(archive, at(110), keys=keys)
    before = newsroom.tree(archive.folder / "archive"), archive.head()
    archive.begin_log(
        keys.log.name,
        "log/2028",
        trust_files={},
        trust_document=archive.store.read(next(p for p in archive.store.walk("trust/targets"))) or b"",
        reissue=True,
        now=at(120),
    )
    assert (newsroom.tree(archive.folder / "archive"), archive.head()) == before


def test_what_the_trust_document_says_must_be_what_happens(archive: Archive) -> None:
    before = newsroom.tree(archive.folder / "archive"), archive.head()
    with pytest.raises(UsageError, match=r"freezes .* at 7 entries"):
        begin(archive, 2028, at(100), reissue=False, size=7)
    with pytest.raises(UsageError, match="with root 0000"):
        begin(archive, 2028, at(100), reissue=False, root="0" * 64)
    with pytest.raises(UsageError, match="cannot have the folder"):
        archive.begin_log(
            "x/log/2027", "log/2027", trust_files={}, trust_document=b'{"kind":"trust","time":"2027-03-01T08:00:00Z"}',
            reissue=False, now=at(100),
        )  # fmt: skip
    with pytest.raises(UsageError, match="does not say where"):
        archive.begin_log(
            "x/log/2028", "log/2028", trust_files={}, trust_document=b'{"kind":"trust","time":"2027-03-01T08:00:00Z"}',
            reissue=False, now=at(100),
        )  # fmt: skip
    assert (newsroom.tree(archive.folder / "archive"), archive.head()) == before


def test_a_third_log_follows_and_a_closed_one_never_comes_back(archive: Archive) -> None:
    keys = begin(archive, 2028, at(100), reissue=False)
    fill(archive, 3, first=50)
    seal(archive, at(110), keys=keys)
    keys = begin(archive, 2029, at(200), reissue=True)
    fill(archive, 3, first=60)
    seal(archive, at(210), keys=keys)
    found = walking.walk(
        archive.folder / "archive",
        log=Key.of(keys.log.verifier.text),
        publisher=PUBLISHER,
        below="log/2029",
        closed=[("", OLD), ("log/2028", NEW)],
    )
    assert len(found.articles) == 47
    with pytest.raises(UsageError, match="closed already"):
        begin(archive, 2028, at(300), reissue=False)


def test_while_it_is_closing_nothing_is_sealed(archive: Archive) -> None:
    fill(archive, 1, first=90)
    archive.close_log("year")
    assert archive.closing()
    assert seal(archive, at(100), force=True) == []
    archive.cancel_closing()
    assert len(seal(archive, at(100))) == 1
    archive.close_log("stolen")
    keys = begin(archive, 2028, at(110), reissue=True)
    assert not archive.closing()
    assert len(seal(archive, at(120), keys=keys)) == 1


def test_consistency_proofs_in_the_front_are_of_the_same_log_alone(archive: Archive) -> None:
    from signing import front

    keys = begin(archive, 2028, at(100), reissue=False)
    seal(archive, at(110), keys=keys)
    assert front.parse(archive.store.read("front") or b"").consistency == ()
    fill(archive, 1, first=90)
    seal(archive, at(120), keys=keys)
    assert [size for size, _ in front.parse(archive.store.read("front") or b"").consistency] == [2]


def test_more_than_a_tile_in_a_later_log(archive: Archive) -> None:
    keys = begin(archive, 2028, at(100), reissue=False)
    for number in range(3):
        fill(archive, 90, first=100 * (number + 1))
        seal(archive, at(200 + number), keys=keys)
    assert archive.store.exists("log/2028/tile/0/000")
    assert not list(archive.store.walk("log/2028/tile/0/000.p"))
    walk(archive.folder)


# --- the state file of an earlier version -----------------------------------------------------------------------------


def downgrade(path: Path) -> None:
    """The state file as schema 1 had it."""
    with sqlite3.connect(path) as state:
        for table in ("logs", "withdrawals", "withdrawn", "held", "hosts", "backfills", "backlog", "damaged"):
            state.execute(f"DROP TABLE {table}")
        columns = [row[1] for row in state.execute("PRAGMA table_info(targets)")]
        for column in columns[columns.index("audit_detail") + 1 :]:
            state.execute(f"ALTER TABLE targets DROP COLUMN {column}")
        for index in ("pages_due", "pages_guid", "articles_same", "articles_news"):
            state.execute(f"DROP INDEX {index}")
        state.execute("ALTER TABLE articles DROP COLUMN aged")
        for column in ("guid", "due"):
            state.execute(f"ALTER TABLE pages DROP COLUMN {column}")
        for column in ("path", "base", "served"):
            state.execute(f"ALTER TABLE heads DROP COLUMN {column}")
        state.execute("DROP INDEX articles_current")
        state.execute("ALTER TABLE articles ADD COLUMN withdrawn TEXT")
        state.execute(
            "CREATE INDEX articles_current ON articles (outlet, idx) "
            "WHERE idx IS NOT NULL AND superseded_by IS NULL AND withdrawn IS NULL"
        )
        state.execute("DELETE FROM meta WHERE name = 'staged'")
        state.execute("UPDATE meta SET value = '1' WHERE name = 'schema'")
    state.close()


def schema(path: Path) -> list[str]:
    with sqlite3.connect(path) as state:
        rows = state.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    state.close()
    return sorted(" ".join(sql.replace('"', "").split()) for (sql,) in rows)


def test_a_state_file_of_schema_1_is_brought_up_to_date_where_it_is(folder: Path, tmp_path: Path) -> None:
    path = folder / "state" / "state.sqlite"
    with Archive(folder, reserve=0) as archive:
        head = archive.head()
    fresh = schema(path)
    downgrade(path)
    with Archive(folder, reserve=0) as archive, archive.locked():
        assert archive.head() == head
        fill(archive, 1, first=80)
        seal(archive, at(100))
        keys = begin(archive, 2028, at(200), reissue=True)
        seal(archive, at(210), keys=keys)
        with archive.state.reading() as tx:
            assert tx.fact("schema") == str(SCHEMA)
    walk(folder)
    assert [line.partition("(")[0] for line in schema(path)] == [line.partition("(")[0] for line in fresh]


def test_a_seal_of_schema_1_that_was_killed_is_finished_after_the_upgrade(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    with Archive(folder, reserve=0) as archive, archive.locked():
        fill(archive, 1, first=80)
        monkeypatch.setattr(Staged, "apply", die)
        with pytest.raises(Killed):
            seal(archive, at(100))
    monkeypatch.undo()
    (staged,) = (folder / "state" / "staging").iterdir()
    downgrade(folder / "state" / "state.sqlite")
    with State(folder / "state" / "state.sqlite").reading() as tx:
        head = tx.head()
    staged.rename(staged.with_name(f"{head.size}-{head.root.hex()}.tar"))
    with Archive(folder, reserve=0) as archive, archive.locked():
        assert not list((folder / "state" / "staging").iterdir())
    assert walk(folder, begun=False).head.size == head.size


def test_keys_of_the_old_log_seal_nothing_in_the_new_one(archive: Archive) -> None:
    begin(archive, 2028, at(100), reissue=False)
    wrong: Keys = KEYS
    with pytest.raises(TamizdatError, match="the log key is named"):
        seal(archive, at(110), keys=wrong)
