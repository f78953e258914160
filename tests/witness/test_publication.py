"""From a policy in the trust files to a reader who asks for the quorum: publication, witnesses, mirror, monitor."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirror import run
from mirror.cli import main
from mirror.cosign import cosign_head, policy_of
from mirror.monitor import Monitor, Report
from mirror.output import Output
from mirror.witness.client import newest_cosigned
from mirror.witness.store import Witness
from signing import checkpoint as checkpoints
from signing import cosignature, evidence, note
from signing import front as fronts
from signing import proof as proofs
from signing.checkpoint import Checkpoint
from signing.trust import POLICY
from signing.verify import check_checkpoint
from tests.servers.web import web_server
from tests.witness.servers import Running, witness
from tests.world import World, article

QUIET = Output(quiet=True)


@dataclass
class Witnessed:
    """A publication with three witnesses, of which two are needed. `up` runs some of them."""

    world: World
    folders: list[Path]
    ports: list[str]

    @contextlib.contextmanager
    def up(self, *numbers: int) -> Iterator[list[Running]]:
        with contextlib.ExitStack() as stack:
            running = []
            for number in numbers:
                one = stack.enter_context(witness(self.folders[number], self.world.publication.key("log").verifier))
                running.append(one)
            self.announce(running)
            yield running

    def announce(self, running: list[Running]) -> None:
        """New ports, so a new policy: the same keys, other addresses."""
        urls = {one.folder: one.url for one in running}
        lines = [
            f"witness w{number} {Witness(folder).signer.verifier.text} {urls.get(folder, 'http://127.0.0.1:9')}"
            for number, folder in enumerate(self.folders)
        ]
        text = "\n".join([*lines, "group two 2 w0 w1 w2", "quorum two", ""]).encode()
        self.world.retrust(lambda _document: None, {POLICY: text})

    def seal(self) -> bool:
        """What `run` does between fetching and publishing; whether the seal can be shown to readers."""
        world = self.world
        world.now += timedelta(minutes=1)
        with world._archive() as archive, archive.locked(world.now):
            run.seal(world.publication, archive, QUIET, force=True, now=world.now)
            return archive.uncosigned() is None

    def size(self) -> int:
        with self.world._archive() as archive:
            return archive.head().size


@pytest.fixture
def witnessed(tmp_path: Path) -> Witnessed:
    world = World(tmp_path / "publication", now=datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1))
    folders = [tmp_path / f"w{number}" for number in range(3)]
    for number, folder in enumerate(folders):
        Witness.create(folder, f"witness{number}.example/w")
    return Witnessed(world, folders, [])


def verify(world: World, mirror: object) -> int:
    return main(["verify", str(mirror), "--trust", world.pin, "--no-memory", "--json", "--quiet"])


def strip(tree: Path, *, keep: int) -> None:
    """Every checkpoint of a mirror, in proofs and front as well, with so many of its cosignatures."""

    def less(data: bytes) -> bytes:
        parsed = note.parse(data)
        return note.Note(text=parsed.text, lines=parsed.lines[: keep + 1]).encode()

    def proof(data: bytes) -> bytes:
        parsed = proofs.parse(data)
        return replace(parsed, checkpoint=less(parsed.checkpoint)).encode()

    (tree / "checkpoint").write_bytes(less((tree / "checkpoint").read_bytes()))
    for file in (tree / "proof").glob("*/*"):
        file.write_bytes(proof(file.read_bytes()))
    front = fronts.parse((tree / "front").read_bytes())
    (tree / "front").write_bytes(replace(front, proof=proof(front.proof)).encode())


def test_a_quorum_is_asked_for_reached_published_and_demanded(
    witnessed: Witnessed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = witnessed.world
    pq = note.SignatureLine(name="pq.example/w", key_id=b"\0\1\2\3", signature=b"\6" * 2428)
    with witnessed.up(0, 1):  # the third is down
        world.add(article(1), article(2))
        assert witnessed.seal()
        data = (world.tree / "checkpoint").read_bytes()
        with world._archive() as archive:
            policy = policy_of(archive)
            assert policy is not None
            assert cosign_head(archive, policy, QUIET, world.now)  # nothing waits: nobody is asked
        assert len(cosignature.cosigners(data, policy.keys)) == 2
        newest = newest_cosigned(policy, data.split(b"\n")[0].decode())
        assert [checkpoints.parse_text(note.parse(one).text).size for _, one in newest] == [witnessed.size()] * 2
    with web_server(world.tree) as web:
        assert verify(world, web.url) == 0
        # A line of a kind that nobody here knows is nobody's business.
        (world.tree / "checkpoint").write_bytes(data + pq.encode())
        assert verify(world, web.url) == 0
        # The same mirror with one cosignature where two are needed, wherever there is one.
        strip(world.tree, keep=1)
        capsys.readouterr()
        assert verify(world, web.url) == 4
        assert "2 of (w0, w1, w2)" in capsys.readouterr().out


def test_without_a_quorum_nothing_new_is_shown_until_the_witnesses_are_back(
    witnessed: Witnessed, tmp_path: Path
) -> None:
    world = witnessed.world
    with witnessed.up(0, 1, 2):
        world.add(article(1))
        assert witnessed.seal()
    shown = (world.tree / "checkpoint").read_bytes()
    target = tmp_path / "mirror"
    shutil.copytree(world.tree, target)
    with witnessed.up(2):
        world.add(article(2))
        assert not witnessed.seal()
        assert (world.tree / "checkpoint").read_bytes() == shown
        size = witnessed.size()
        world.add(article(3))
        assert not witnessed.seal()
        assert witnessed.size() == size  # nothing is sealed upon what waits
        with web_server(world.tree) as web:
            assert verify(world, web.url) == 0
    with witnessed.up(1, 2):
        assert witnessed.seal()
        assert witnessed.size() > size
    assert verify(world, world.tree) == 0
    opened = check_checkpoint((world.tree / "checkpoint").read_bytes(), trust_of(world))
    assert len(opened.witnesses) == 2


def trust_of(world: World) -> object:
    from mirror.monitor import _trust_of

    return _trust_of(world.view())


def look(world: World, state: Path, *mirrors: object) -> Report:
    state.mkdir(exist_ok=True)
    return Monitor([str(one) for one in mirrors], pin=world.pin, folder=state).look(world.now)


def test_a_monitor_hears_of_a_second_history_from_a_witness(witnessed: Witnessed, tmp_path: Path) -> None:
    """A mirror shows one history, a witness was shown another: by somebody with the log's key, when it was new."""
    world = witnessed.world
    with witnessed.up(0, 1, 2) as running:
        world.add(article(1))
        assert witnessed.seal()
        assert look(world, tmp_path / "s", world.tree).status == 0
        # A witness that follows nobody yet is told of a log of the same size with another root.
        key = world.publication.key("log")
        head = Checkpoint(key.name, witnessed.size(), b"\7" * 32)
        stranger = tmp_path / "stranger"
        with witness(stranger, key.verifier, name="stranger.example/w") as other:
            with contextlib.closing(__import__("http.client").client.HTTPConnection(other.url[7:])) as connection:
                connection.request("POST", "/add-checkpoint", b"old 0\n\n" + checkpoints.sign(head, key))
                assert connection.getresponse().status == 200
            extra = tmp_path / "extra.policy"
            extra.write_text(other.line("stranger") + "quorum none\n")
            from signing.policy import Policy

            watching = Monitor(
                [str(world.tree)], pin=world.pin, folder=tmp_path / "s", policy=Policy.parse(extra.read_bytes())
            )
            report = watching.look(world.now)
        assert report.status == 5
        (alarm,) = report.alarms
        assert evidence.prove(Path(alarm.evidence or "").read_bytes(), pin=world.pin, now=world.now).type == "fork"
        assert len(running) == 3


def test_a_monitor_says_which_witness_is_down_and_that_a_mirror_lacks_the_quorum(
    witnessed: Witnessed, tmp_path: Path
) -> None:
    world = witnessed.world
    with witnessed.up(0, 1):
        world.add(article(1))
        assert witnessed.seal()
        report = look(world, tmp_path / "s", world.tree)
        assert report.status == 3
        assert [one.key for one in report.findings] == ["witness w2"]
        bare = tmp_path / "bare"
        shutil.copytree(world.tree, bare)
        parsed = note.parse((bare / "checkpoint").read_bytes())
        (bare / "checkpoint").write_bytes(note.Note(text=parsed.text, lines=parsed.lines[:1]).encode())
        report = look(world, tmp_path / "s", world.tree, bare)
        assert report.status == 4
        assert [one["state"] for one in report.mirrors] == ["fine", "invalid"]


def test_a_frozen_log_that_grows_is_evidence_and_a_new_one_is_followed(tmp_path: Path) -> None:
    world = World(tmp_path / "publication")
    world.add(article(1), article(2))
    world.seal()
    assert look(world, tmp_path / "s", world.tree).status == 0
    before = tmp_path / "before"
    shutil.copytree(world.tree, before)
    thief = world.begin_log("2032", earlier=False)
    world.add(article(3))
    world.seal()
    report = look(world, tmp_path / "s", world.tree)
    assert (report.status, [one.text for one in report.alarms]) == (0, [])
    assert [log["frozen"] for log in report.logs] == [True, False]
    assert [log["editions"] for log in report.logs] == [1, 1]  # serials went on: 1, then 2
    # From the beginning, by somebody who comes late.
    report = look(world, tmp_path / "late", world.tree)
    assert (report.status, len(report.logs)) == (0, 2)
    # The thief continues the old log for a reader who still sees the old mirror.
    (before / "checkpoint").write_bytes(
        checkpoints.sign(Checkpoint(thief.name, report.logs[0]["size"] + 2, b"\5" * 32), thief)
    )
    report = look(world, tmp_path / "s", world.tree, before)
    assert report.status == 5
    kinds = [
        evidence.prove(Path(one.evidence or "").read_bytes(), pin=world.pin, now=world.now).type
        for one in report.alarms
    ]
    assert kinds == ["freeze"]


def test_a_new_log_with_a_key_that_was_never_promised_is_an_alarm(tmp_path: Path) -> None:
    world = World(tmp_path / "publication")
    world.add(article(1))
    world.seal()
    assert look(world, tmp_path / "s", world.tree).status == 0
    world.begin_log("2032", earlier=True, promised=False)
    world.add(article(2))
    world.seal()
    report = look(world, tmp_path / "s", world.tree)
    assert report.status == 4
    assert "not the announced successor" in report.alarms[0].text
