"""An article that the outlet takes down: noticed, recorded, told of, and never deleted."""

from __future__ import annotations

from pathlib import Path

from tests.revisions.newsroom import NAMES, Newsroom


def take_down(newsroom: Newsroom, name: str) -> None:
    del newsroom.outlet.files[f"/news/{name}"]
    newsroom.outlet.feed(*(f"/news/{one}" for one in NAMES if f"/news/{one}" in newsroom.outlet.files))


def test_a_page_gone_for_a_day_is_a_revision_that_says_so_and_keeps_the_text(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    before = newsroom.newest("two")
    take_down(newsroom, "two")
    report = newsroom.run()
    assert (report["removed"], report["problem"]) == (0, None)
    assert "looked at again" in report["gone"][0]
    assert report["held"] == []
    newsroom.wait(23)
    assert newsroom.run()["removed"] == 0
    assert newsroom.newest("two")["digest"] == before["digest"]

    newsroom.wait(25)
    assert newsroom.run()["removed"] == 1
    after = newsroom.newest("two")
    assert (after["revision"], after["replaces"]) == (2, before["digest"])
    assert after["removed"]["answer"] == "answered 404"
    for key in ("title", "blocks", "fetched", "url", "resources"):
        assert after[key] == before[key]
    # Once is enough.
    assert newsroom.run()["removed"] == 0
    assert newsroom.newest("two")["digest"] == after["digest"]

    pin = newsroom("status")["fingerprint"]
    place = tmp_path / "near" / "o" / after["digest"][:2] / after["digest"][2:]
    verdict = newsroom("verify", str(place), "--trust", pin)
    assert verdict["article"]["removed"] == after["removed"]
    assert verdict["current"] == "current"
    assert "REMOVED at the outlet" in newsroom.said("verify", str(place), "--trust", pin)
    old = newsroom("verify", str(tmp_path / "near" / "o" / before["digest"][:2] / before["digest"][2:]))
    assert (old["authentic"], old["current"]) == (True, "superseded")
    assert "removed" not in old["article"]
    assert [one["removed"] for one in newsroom("status")["outlets"]] == [1]
    assert "removed there: The story of two" in newsroom.said(
        "status", status=3 if newsroom("status")["warnings"] else 0
    )
    # The page for people says it too, and is what the signed bundle renders to.
    people = next(file for file in (tmp_path / "near" / "a").iterdir() if after["digest"].encode() in file.read_bytes())
    assert b"answered 404" in people.read_bytes()
    assert newsroom("verify", str(people), "--trust", pin)["authentic"]


def test_a_page_that_comes_back_is_a_revision_without_it(newsroom: Newsroom) -> None:
    kept = newsroom.outlet.files["/news/three"]
    take_down(newsroom, "three")
    newsroom.run()
    newsroom.wait(30)
    assert newsroom.run()["removed"] == 1
    newsroom.outlet.files["/news/three"] = kept
    assert newsroom.run()["revised"] == 1
    back = newsroom.newest("three")
    assert back["revision"] == 3
    assert "removed" not in back
    assert newsroom.run()["revised"] == 0
    assert newsroom("status")["outlets"][0]["removed"] == 0


def test_a_page_that_is_there_at_the_second_look_was_never_removed(newsroom: Newsroom) -> None:
    kept = newsroom.outlet.files["/news/one"]
    take_down(newsroom, "one")
    newsroom.run()
    newsroom.wait(30)
    newsroom.outlet.files["/news/one"] = kept
    report = newsroom.run()
    assert (report["removed"], report["revised"]) == (0, 0)
    assert newsroom.newest("one")["revision"] == 1


def test_a_page_that_says_it_is_gone_or_turns_into_a_list_counts_too(newsroom: Newsroom) -> None:
    newsroom.outlet.page(
        "/news/four",
        "<html><head><title>404 Page not found</title></head><body><h1>Page not found</h1>"
        "<p>The page you are looking for does not exist.</p></body></html>",
    )
    newsroom.run()
    newsroom.wait(30)
    assert newsroom.run()["removed"] == 1
    assert "nothing" in newsroom.newest("four")["removed"]["answer"]


def test_an_outlet_that_goes_dark_removes_nothing(newsroom: Newsroom) -> None:
    before = {name: newsroom.newest(name)["digest"] for name in NAMES}
    kept = dict(newsroom.outlet.files)
    for gone in (NAMES, NAMES[:4]):
        newsroom.outlet.files = {path: page for path, page in kept.items() if path.removeprefix("/news/") not in gone}
        report = newsroom.run(status=3)
        assert report["removed"] == 0
        assert "taken for" in report["problem"]
        newsroom.wait(48)
    assert {name: newsroom.newest(name)["digest"] for name in NAMES} == before


def test_a_page_gone_while_the_front_page_fails_is_not_taken_for_removed(newsroom: Newsroom) -> None:
    kept = newsroom.outlet.files["/"]
    take_down(newsroom, "five")
    newsroom.run()
    newsroom.wait(30)
    del newsroom.outlet.files["/"]
    assert "its front page answers 404" in newsroom.run(status=3)["problem"]
    assert newsroom.newest("five")["revision"] == 1
    newsroom.outlet.files["/"] = kept
    assert newsroom.run()["removed"] == 1


def test_what_was_withdrawn_is_not_called_removed(newsroom: Newsroom) -> None:
    newsroom("withdraw", newsroom.url("six"), "--yes")
    take_down(newsroom, "six")
    newsroom.outlet.hits.clear()
    report = newsroom.run()
    assert (report["removed"], report["gone"], report["held"]) == (0, [], [])
    assert "/news/six" not in newsroom.outlet.hits
