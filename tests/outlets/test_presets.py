"""The presets' rules on pages made up in each outlet's markup: text, pictures, who and when, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mirror import outlets
from mirror.extract import extract
from mirror.extract.blocks import text_of_blocks
from mirror.outlets import Preset

PAGES = Path(__file__).parent / "pages"
NAMES = sorted(path.stem for path in PAGES.glob("*.html"))


def truth(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((PAGES / f"{name}.json").read_text("utf-8"))
    return read


def taken(data: bytes, wanted: dict[str, Any], *, url: str) -> dict[str, Any]:
    """What the page gives, in the form of its `.json`."""
    found = extract(data, url=url, content_type="text/html; charset=utf-8", captured=wanted.get("captured"))
    assert found.state == "ok", found
    assert found.article is not None
    article = found.article
    return {
        "title": article.title,
        "authors": list(article.authors),
        "published": article.published,
        "language": article.language,
        "direction": article.direction,
        "lead": article.lead,
        "lines": text_of_blocks(article.blocks).split("\n\n"),
        "captions": [picture.caption for picture in article.pictures],
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_page_gives_its_article_and_nothing_else(name: str) -> None:
    wanted = truth(name)
    data = (PAGES / f"{name}.html").read_bytes()
    assert outlets.rules_for(wanted["url"], captured=wanted.get("captured")) is not None
    found = taken(data, wanted, url=wanted["url"])
    assert found == {key: wanted[key] for key in found}
    told = json.dumps(found, ensure_ascii=False)
    for unwanted in wanted["never"]:
        assert unwanted in data.decode()
        assert unwanted not in told


def of_family(preset: Preset) -> str:
    """The page of this preset, or of one with the same rules."""
    alike = [one.id for one in outlets.presets().values() if one.rules == preset.rules]
    return next((name for name in (preset.id, *sorted(alike)) if name in NAMES), "")


@pytest.mark.parametrize("id", sorted(outlets.presets()))
def test_every_preset_has_a_page_and_takes_it_at_each_of_its_hosts(id: str) -> None:
    preset = outlets.presets()[id]
    name = of_family(preset)
    assert name, f"no page in tests/outlets/pages is of {id} or has its rules"
    wanted, data = truth(name), (PAGES / f"{name}.html").read_bytes()
    own = urlsplit(wanted["url"]).netloc
    for host in preset.hosts:
        moved = data.replace(own.encode(), host.encode())
        found = taken(moved, wanted, url=wanted["url"].replace(own, host))
        assert found["lines"] == wanted["lines"], host
