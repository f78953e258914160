"""What `status` says about witnesses, dates and evidence."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from mirror.status import Status, gather
from tests.world import World, article


def status(world: World, **later: float) -> Status:
    return gather(world.publication, now=world.now + timedelta(**later))


def said(report: Status) -> str:
    return "\n".join(report.lines())


def test_status_names_the_witnesses_and_what_waits_for_them(tmp_path: Path) -> None:
    world = World(tmp_path / "publication")
    world.add(article(1))
    world.seal()
    assert status(world).witnesses is None
    world.witnessed_by(3, 2)
    world.add(article(2))
    world.seal(cosigning=2)
    report = status(world, minutes=5)
    assert report.witnesses is not None
    assert (report.witnesses["cosigned"], report.witnesses["waiting"]) == (["w0", "w1"], False)
    assert "witnesses: 2 of 3 cosigned the newest checkpoint" in said(report)
    assert "w2" in said(report)
    assert "w1                 5 min ago" in said(report)
    # A seal that nobody has cosigned yet.
    world.now += timedelta(minutes=1)
    config = world.publication.config
    from mirror.render import Pages
    from tests.world import OUTLET

    world.add(article(3))
    with world._archive() as archive, archive.locked(world.now):
        archive.seal(
            keys=world.publication.keys(), publication=config.publication, outlets=(OUTLET,), mirrors=config.mirrors,
            due_seconds=config.edition.due, now=world.now, render=Pages("World"), force=True,
            witnesses=[one.verifier for one in world.witnesses],
        )  # fmt: skip
    report = status(world)
    assert report.status == 3
    assert "waits for witnesses: 0 cosigned" in said(report)


def test_status_warns_before_dates_pass(tmp_path: Path) -> None:
    world = World(tmp_path / "publication")
    world.add(article(1))
    world.seal()
    assert "timestamp" not in "\n".join(status(world).warnings)
    assert set(status(world).trust) == {"timestamp", "snapshot", "targets", "root"}
    assert "the timestamp file expires in 6 days" in said(status(world, days=7, hours=2))
    assert "the timestamp file expired" in said(status(world, days=15))
    assert "root expires on" in said(status(world, days=200))


def test_evidence_is_said_until_somebody_takes_it_away(tmp_path: Path) -> None:
    world = World(tmp_path / "publication")
    world.add(article(1))
    world.seal()
    assert status(world).status == 0
    folder = world.publication.folder / "evidence"
    folder.mkdir()
    (folder / "fork.json").write_text("{}")
    report = status(world)
    assert (report.status, report.evidence) == (3, [str(folder / "fork.json")])
    assert "evidence of two histories" in said(report)
