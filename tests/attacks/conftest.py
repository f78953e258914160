"""The scene of every attack: a publication, its mirror of yesterday and of today, and a second history."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirror.read import FolderMirror, object_path
from tests.liar import Liar, Lie, answer, honest
from tests.teller import Say, teller
from tests.world import World, article, picture


class Scene:
    """`world` is the publication as it is today; `yesterday` its tree two editions ago, `other` a history of its own
    since then, signed with the same keys. Articles: `first` (with a picture), `second`, then `third` today."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(folder / "publication", now=datetime.now(UTC) - timedelta(hours=3))
        self.pin = self.world.pin
        shown, data = picture(1)
        then = f"{self.world.now:%Y-%m-%dT%H:%M:%SZ}"
        self.first, self.second = self.world.add(
            article(1, resources=(shown,), fetched=then), article(2, fetched=then), objects={shown.digest: data}
        )
        self.world.seal()
        self.world.seal()
        self.yesterday = folder / "yesterday"
        shutil.copytree(self.world.tree, self.yesterday)
        self.other = self.world.split(folder / "other")
        self.other.add(article(7), article(8))
        self.other.seal()
        self.world.now += timedelta(hours=1)
        (self.third,) = self.world.add(article(3, fetched=then))
        self.world.seal()
        self.world.seal()
        self.tree = self.world.tree
        self.files = files_of(self.tree)

    def copy(self, tmp_path: Path) -> World:
        """The publication once more, for attacks that need new signatures."""
        return self.world.split(tmp_path / "copy")

    @property
    def article(self) -> str:
        return object_path(self.first)


def files_of(tree: Path) -> dict[str, bytes]:
    return {path: (tree / path).read_bytes() for path in FolderMirror(tree).walk()}


def instead(changed: dict[str, bytes | None]) -> Lie:
    """These files instead of the honest ones; None: there is none."""

    def lie(path: str, file: bytes | None) -> Iterator[bytes]:
        yield from honest(path, changed.get(path, file))

    return lie


def always(data: bytes) -> Lie:
    """The same answer to everything."""

    def lie(_path: str, _file: bytes | None) -> Iterator[bytes]:
        yield answer(data)

    return lie


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="session")
def good(scene: Scene) -> Iterator[Liar]:
    """An honest mirror of today."""
    with Liar(scene.tree, honest) as mirror:
        yield mirror


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    return teller(tmp_path, capsys, monkeypatch)
