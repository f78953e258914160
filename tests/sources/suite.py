"""What it means to be a source. Every source runs this suite; `ENROLLED` is compared with the registry."""

from __future__ import annotations

import contextlib
import random
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from mirror.links import absolute, clean
from mirror.sources import MAX_ITEMS, NotUnderstood, Source, sources
from tests.net.world import client, reply, world
from tests.sources.memory import AnOutlet, InMemory

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
BOMB = (
    '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    + "]>"
)
EXTERNAL = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


class SourceSuite(ABC):
    source: ClassVar[str]

    @abstractmethod
    def document(self, base: str, names: list[str], *, extra: str = "", prolog: str = "") -> bytes:
        """A document that announces `base/NAME` for every name, the newest first; `extra` is in the first entry."""

    @abstractmethod
    def outlet(self, *urls: str) -> AnOutlet:
        """An outlet that has these documents."""

    @pytest.fixture
    def implementation(self) -> Source:
        return sources()[self.source]

    # --- parsing ------------------------------------------------------------------------------------------------------

    def test_every_article_is_announced_once_in_normal_form(self, implementation: Source) -> None:
        body = self.document("https://news.example", ["b?utm_source=rss&id=7", "ёж", "b?id=7", "a"])
        parsed = implementation.parse(body, content_type="", url="https://news.example/here.xml")
        urls = [item.url for item in parsed.items]
        assert set(urls) == {
            *("https://news.example/b?id=7", "https://news.example/%D1%91%D0%B6", "https://news.example/a")
        }
        assert all(url == clean(absolute(url, url) or "") for url in urls)

    def test_a_thousand_articles_are_enough(self, implementation: Source) -> None:
        body = self.document("https://news.example", [str(n) for n in range(3 * MAX_ITEMS)])
        assert len(implementation.parse(body, content_type="", url="https://news.example/x").items) == MAX_ITEMS

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"   \n",
            b"<!doctype html><html><body><a href='/a'>a</a></body></html>",
            b"<html><head><title>Just a moment...</title></head></html>",
            b"\x89PNG\r\n\x1a\n" + bytes(100),
            b"%PDF-1.7",
            b"Not found",
            b"{}",
            b"[]",
            b'{"items": 5}',
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"\x1f\x8b\x08broken",
        ],
    )
    def test_what_is_something_else_says_so(self, implementation: Source, body: bytes) -> None:
        with pytest.raises(NotUnderstood) as error:
            implementation.parse(body, content_type="text/html", url="https://news.example/")
        assert str(error.value)
        assert "\n" not in str(error.value)

    def test_a_document_that_breaks_off_keeps_what_it_said(self, implementation: Source) -> None:
        body = self.document("https://news.example", [str(n) for n in range(50)])
        parsed = implementation.parse(body[: len(body) * 4 // 5], content_type="", url="https://news.example/x")
        assert 30 <= len(parsed.items) < 50

    def test_entities_are_not_expanded_and_files_not_read(self, implementation: Source) -> None:
        for prolog, extra in ((BOMB, "&m;&m;&m;"), (EXTERNAL, "&x;")):
            body = self.document("https://news.example", ["a", "b"], extra=extra, prolog=prolog)
            began = time.process_time()
            parsed = implementation.parse(body, content_type="", url="https://news.example/x")
            assert time.process_time() - began < 1
            assert len(parsed.items) == 2
            assert "root:" not in repr(parsed)
            assert "aaaaaaaaaaaaaaaa" not in repr(parsed)
            assert len(repr(parsed)) < 5000

    def test_megabytes_of_nonsense_take_seconds_at_most(self, implementation: Source, everything: bool) -> None:
        units = ["<a>", "<!--", "<a b='"]
        if everything:
            units += [
                "<",
                "&",
                "<![CDATA[",
                "<?x ",
                "<item>",
                "<url>",
                "]]>",
                "<!DOCTYPE [",
                "[",
                "{",
                "</a>",
                "\u0627",
            ]
        body = self.document("https://news.example", ["a"])
        for unit in units:
            hostile = body[: len(body) * 2 // 3] + (unit * (10_000_000 // len(unit))).encode()
            began = time.process_time()
            with contextlib.suppress(NotUnderstood):
                found = implementation.parse(hostile, content_type="", url="https://news.example/x")
                assert len(found.items) <= MAX_ITEMS
            assert time.process_time() - began < 15, unit

    def test_no_damage_makes_it_raise_anything_else(self, implementation: Source, everything: bool) -> None:
        body = self.document("https://news.example", ["a", "b", "c"], extra="&amp; ‌می‌خواهم <![CDATA[<b>x</b>]]>")
        chance = random.Random(7)
        for _ in range(800 if everything else 200):
            damaged = bytearray(body)
            for _ in range(chance.randint(1, 6)):
                place = chance.randrange(len(damaged))
                damaged[place : place + chance.randint(0, 9)] = chance.randbytes(chance.randint(0, 4))
            try:
                parsed = implementation.parse(bytes(damaged), content_type="", url="https://news.example/x")
            except NotUnderstood:
                continue
            for item in parsed.items:
                assert item.url.startswith(("http://", "https://"))

    # --- finding ------------------------------------------------------------------------------------------------------

    async def test_documents_are_merged_and_remembered(self, implementation: Source) -> None:
        memory = InMemory()
        async with world() as site, client() as guest:
            site.answers["/one.xml"] = reply(self.document(site.url(""), ["a", "b"]), etag='"1"')
            site.answers["/two.xml"] = reply(self.document(site.url(""), ["b", "c"]))
            outlet = self.outlet(site.url("/one.xml"), site.url("/two.xml"))
            found = await implementation.find(guest, outlet, memory, now=NOW)
        assert found.problem is None
        assert found.changed
        assert {item.url for item in found.items} == {site.url("/a"), site.url("/b"), site.url("/c")}
        state = memory.feeds[site.url("/one.xml")]
        assert (state.etag, state.checked) == ('"1"', "2027-03-01T08:00:00Z")

    async def test_not_modified_still_yields_the_items(self, implementation: Source) -> None:
        memory = InMemory()
        async with world() as site, client() as guest:
            outlet = self.outlet(site.url("/one.xml"))
            site.answers["/one.xml"] = reply(self.document(site.url(""), ["a", "b"]), etag='"1"')
            first = await implementation.find(guest, outlet, memory, now=NOW)
            site.answers["/one.xml"] = reply(b"", 304, "Not Modified", content_length="", etag='"2"')
            second = await implementation.find(guest, outlet, memory, now=NOW + timedelta(hours=1))
        assert second.items == first.items
        assert not second.changed
        assert second.problem is None
        assert site.log[-1].headers["if-none-match"] == '"1"'
        assert memory.feeds[site.url("/one.xml")].etag == '"2"'
        assert memory.feeds[site.url("/one.xml")].checked == "2027-03-01T09:00:00Z"

    async def test_new_validators_are_kept_with_an_old_body(self, implementation: Source) -> None:
        memory = InMemory()
        async with world() as site, client() as guest:
            outlet = self.outlet(site.url("/one.xml"))
            body = self.document(site.url(""), ["a"])
            for tag in ('"1"', '"2"'):
                site.answers["/one.xml"] = reply(body, etag=tag)
                found = await implementation.find(guest, outlet, memory, now=NOW)
        assert not found.changed
        assert memory.feeds[site.url("/one.xml")].etag == '"2"'

    async def test_what_cannot_be_read_is_a_problem_and_the_old_items_stay(self, implementation: Source) -> None:
        memory = InMemory()
        async with world() as site, client() as guest:
            outlet = self.outlet(site.url("/one.xml"))
            site.answers["/one.xml"] = reply(self.document(site.url(""), ["a"]))
            await implementation.find(guest, outlet, memory, now=NOW)
            for answer, says in (
                (reply(b"<!doctype html><html></html>"), "web page"),
                (reply(b"", 404, "Not Found"), "404"),
                (reply(b"", 429, "Too Many", retry_after="90"), "90 s"),
                (reply(b"half", content_length="4000"), "ended before"),
            ):
                site.answers["/one.xml"] = answer
                found = await implementation.find(guest, outlet, memory, now=NOW)
                assert found.problem is not None
                assert says in found.problem
                assert site.url("/one.xml") in found.problem
                assert [item.url for item in found.items] == [site.url("/a")]

    async def test_a_document_without_articles_is_a_problem(self, implementation: Source) -> None:
        async with world() as site, client() as guest:
            site.answers["/one.xml"] = reply(self.document(site.url(""), []))
            found = await implementation.find(guest, self.outlet(site.url("/one.xml")), InMemory(), now=NOW)
        assert found.items == ()
        assert "no articles" in (found.problem or "")

    async def test_a_dry_run_writes_nothing(self, implementation: Source) -> None:
        memory = InMemory()
        async with world() as site, client() as guest:
            site.answers["/one.xml"] = reply(self.document(site.url(""), ["a"]))
            await implementation.find(guest, self.outlet(site.url("/one.xml")), memory, now=NOW, dry_run=True)
        assert memory == InMemory()

    async def test_robots_txt_is_obeyed_unless_the_outlet_permits(self, implementation: Source) -> None:
        async with world() as site, client() as guest:
            site.answers["/one.xml"] = reply(self.document(site.url(""), ["a"]))
            site.answers["/robots.txt"] = reply(b"User-agent: *\nDisallow: /one", content_type="text/plain")
            outlet = self.outlet(site.url("/one.xml"))
            found = await implementation.find(guest, outlet, InMemory(), now=NOW)
            assert "robots.txt" in (found.problem or "")
            assert site.count("/one.xml") == 0
            found = await implementation.find(guest, replace(outlet, robots="ignore"), InMemory(), now=NOW)
            assert len(found.items) == 1
