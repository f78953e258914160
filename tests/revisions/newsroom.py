"""A publication with one outlet on loopback, and an operator who types commands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from mirror.archive import tables
from mirror.cli import main
from mirror.publication import Publication
from tests.outlet import Outlet

STORY = "The council met on Tuesday to discuss the new bridge over the river, which has been closed since March. "
NAMES = ("one", "two", "three", "four", "five", "six", "seven")


def page(title: str, *paragraphs: str, top: str = "", bottom: str = "") -> str:
    text = "".join(f"<p>{words} {STORY * 2}</p>" for words in paragraphs)
    return (
        f'<html lang="en"><head><title>{title}</title><meta property="og:type" content="article">'
        f'<meta property="og:title" content="{title}"></head>'
        f"<body>{top}<article><h1>{title}</h1>{text}</article>{bottom}</body></html>"
    )


def front() -> str:
    links = "".join(f'<li><a href="/news/{name}">The story of {name} and its river</a></li>' for name in NAMES)
    return f"<html><head><title>Paper</title></head><body><h1>Paper</h1><ul>{links}</ul></body></html>"


def story(name: str) -> str:
    return page(f"The story of {name} and its river", *(f"Part {part} of {name}." for part in range(5)))


@dataclass
class Newsroom:
    """Types commands inside a publication's folder and reads their JSON."""

    folder: Path
    outlet: Outlet
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str, status: int = 0) -> Any:
        self.capsys.readouterr()
        got = main([*words, "--json", "--config", str(self.folder / "tamizdat.toml")])
        captured = self.capsys.readouterr()
        lines = [json.loads(line) for line in captured.out.splitlines()]
        assert got == status, (words, captured.out, captured.err)
        return lines[0] if len(lines) == 1 else lines

    def said(self, *words: str, status: int = 0) -> str:
        self.capsys.readouterr()
        got = main([*words, "--no-progress", "--config", str(self.folder / "tamizdat.toml")])
        captured = self.capsys.readouterr()
        assert got == status, (words, captured.out, captured.err)
        return captured.out + captured.err

    def run(self, status: int = 0) -> Any:
        """A run in which every page's time has come."""
        with Publication.open(self.folder / "tamizdat.toml").archive() as archive, archive.state.writing() as tx:
            tx._c.execute(sa.update(tables.pages).values(due="2020-01-01T00:00:00Z"))
        return self("run", status=status)["outlets"][0]

    def wait(self, hours: float) -> None:
        """What was found gone was found so many hours earlier."""
        before = datetime.now(UTC) - timedelta(hours=hours)
        with Publication.open(self.folder / "tamizdat.toml").archive() as archive, archive.state.writing() as tx:
            gone = sa.update(tables.pages).where(tables.pages.c.state == "gone")
            tx._c.execute(gone.values(changed=f"{before:%Y-%m-%dT%H:%M:%SZ}"))

    def url(self, name: str) -> str:
        return f"{self.outlet.url}/news/{name}"

    def newest(self, name: str) -> dict[str, Any]:
        """Digest and document of an article's newest revision."""
        with Publication.open(self.folder / "tamizdat.toml").archive() as archive:
            row = archive.latest("paper", self.url(name))
            assert row is not None
            document, _ = archive.documents(row.digest)
        return {**document, "digest": row.digest}


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Outlet, dict[str, tuple[bytes, str]]]]:
    """A publication that has taken every article once, and its outlet with what it served."""
    base = tmp_path_factory.mktemp("opened")
    with Outlet() as outlet:
        outlet.page("/", front())
        for name in NAMES:
            outlet.page(f"/news/{name}", story(name))
        outlet.feed(*(f"/news/{name}" for name in NAMES))
        config = base / "publication" / "tamizdat.toml"
        assert main(["init", str(config.parent), "--name", "Test", "--origin", "test.example"]) == 0
        config.write_text(
            config.read_text().replace('# per_host_delay = "1s"', "per_host_delay = 0")
            + f'\n[outlet.paper]\nname = "Paper"\nurl = "{outlet.url}/"\nfeeds = ["{outlet.url}/feed.xml"]\n'
            "allow_private = true\n"
        )
        assert main(["target", "add", "near", str(base / "near"), "--config", str(config)]) == 0
        assert main(["run", "--quiet", "--config", str(config)]) == 0
        yield base, outlet, dict(outlet.files)


@pytest.fixture
def newsroom(
    opened: tuple[Path, Outlet, dict[str, tuple[bytes, str]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Newsroom:
    """A copy of it to do things to."""
    base, outlet, files = opened
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "memory"))
    outlet.files = dict(files)
    outlet.hits.clear()
    for name in ("publication", "near"):
        shutil.copytree(base / name, tmp_path / name)
    config = tmp_path / "publication" / "tamizdat.toml"
    config.write_text(config.read_text().replace(str(base), str(tmp_path)))
    return Newsroom(folder=config.parent, outlet=outlet, capsys=capsys)
