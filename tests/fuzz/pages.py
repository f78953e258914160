"""Hostile pages and feeds, by number: `python -m tests.fuzz.pages [--count 10000] [--from 0] [--corpus FOLDER]`.

Every case is made from its number alone: a seed page or feed made up here (with `--corpus`, real ones from a folder as
well), damaged in one to three ways, or a page built to be expensive in one way. It goes through the sandbox that the
product uses, with the product's limits. What is stopped there, or raises anything but what parsers promise, is a
finding and is written to `.fuzz/`. At the end the slowest and the largest are told.
"""

# ruff: noqa: E501 - one line a kind
from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mirror.errors import TamizdatError
from mirror.sandbox import PAGE, Sandbox

SCRIPTS = {
    "latin": "The council met on Tuesday to talk about the bridge and what is left of the money for it.",
    "cyrillic": "Совет собрался во вторник, чтобы обсудить мост и то, что осталось от денег на него.",
    "persian": "شورا روز سه‌شنبه برای گفت‌وگو دربارهٔ پل و پولی که از آن مانده است گرد هم آمد.",
    "chinese": "市议会星期二开会，讨论那座桥以及修桥剩下的经费问题，会议持续了三个小时。",
}
CHARSETS = (
    "utf-8",
    "utf-16",
    "utf-16-le",
    "windows-1251",
    "koi8-r",
    "gb18030",
    "big5",
    "shift_jis",
    "iso-2022-jp",
    "utf-7",
)
TYPES = (
    "text/html",
    "text/html; charset=utf-8",
    "text/html; charset=windows-1251",
    "text/html; charset=x",
    "",
    "text/plain",
)
URL = "https://news.example/2027/03/story-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    number: int
    kind: str  # page, or the name of a source
    how: str
    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    case: Case
    outcome: str
    seconds: float  # of processor time
    memory: int  # bytes resident at most
    finding: bool


# --- seeds ------------------------------------------------------------------------------------------------------------


def article(script: str = "latin", paragraphs: int = 8) -> str:
    line = SCRIPTS[script]
    told = json.dumps(
        {
            "@context": "https://schema.org",
            "@type": "NewsArticle",
            "headline": line[:40],
            "datePublished": "2027-03-01T08:00:00Z",
            "author": [{"@type": "Person", "name": "A. Writer"}],
            "image": {"@type": "ImageObject", "url": "https://news.example/a.jpg", "caption": line},
        }
    )
    body = "".join(f"<p class=t>{line} <a href='/{n}'>{n}</a> {line}</p>" for n in range(paragraphs))
    return f"""<!doctype html><html lang=en><head><meta charset=utf-8><title>{line[:40]} | News</title>
<link rel=canonical href="{URL}"><meta property=og:title content="{line[:40]}"><meta property=og:type content=article>
<script type="application/ld+json">{told}</script></head><body><nav><ul><li><a href=/>Home</a><li><a href=/b>B</a></ul></nav>
<main><article><h1>{line[:40]}</h1><time datetime=2027-03-01>1 March</time><p class=byline>By A. Writer</p>
<figure><picture><source srcset="/a.webp 1x, /a2.webp 2x"><img src=/a.jpg alt="{line[:20]}"></picture><figcaption>{line}
Photo: B</figcaption></figure>{body}<blockquote><p>{line}</p></blockquote><table><tr><th>a<td>b<tr><td>c<td>d</table>
<ul><li>{line}<li>{line}</ul><iframe src="https://www.youtube.com/embed/abc"></iframe><aside><p>Read more: {line}</aside>
</article></main><footer><p>© News 2027</footer></body></html>"""


def live_blog() -> str:
    posts = [
        {
            "@type": "BlogPosting",
            "headline": f"Post {n}",
            "articleBody": SCRIPTS["latin"],
            "datePublished": "2027-03-01",
        }
        for n in range(12)
    ]
    told = json.dumps({"@type": "LiveBlogPosting", "headline": "Live", "liveBlogUpdate": posts})
    return article().replace("</head>", f"<script type='application/ld+json'>{told}</script></head>")


def old_portal() -> str:
    rows = "".join(f"<tr><td width=20>&nbsp;<td><font size=2>{SCRIPTS['chinese'] * 4}<br><br>" for _ in range(6))
    return f"<html><head><title>新闻</title></head><body><table><tr><td><table>{rows}</table></table></body></html>"


def rss(items: int = 12) -> str:
    made = "".join(
        f"<item><title>{SCRIPTS['cyrillic'][:30]} {n}</title><link>https://news.example/{n}</link><guid>{n}</guid>"
        f"<pubDate>Mon, 01 Mar 2027 08:{n % 60:02d}:00 GMT</pubDate><description>&lt;p&gt;{SCRIPTS['latin']}&lt;/p&gt;"
        f"</description><content:encoded><![CDATA[<p>{SCRIPTS['persian']}</p>]]></content:encoded></item>"
        for n in range(items)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/">'
        f"<channel><title>News</title><link>https://news.example/</link><ttl>60</ttl>{made}</channel></rss>"
    )


def atom(items: int = 12) -> str:
    made = "".join(
        f"<entry><title type='html'>{n} &lt;b&gt;</title><link href='/{n}'/><id>urn:{n}</id>"
        f"<updated>2027-03-01T08:00:00Z</updated><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>"
        f"<p>{SCRIPTS['latin']}</p></div></content></entry>"
        for n in range(items)
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://news.example/"><title>N</title>{made}</feed>'


def json_feed(items: int = 12) -> str:
    made = [{"id": str(n), "url": f"https://news.example/{n}", "content_html": f"<p>{n}"} for n in range(items)]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "N", "items": made})


def sitemap(items: int = 30) -> str:
    made = "".join(
        f"<url><loc>https://news.example/{n}</loc><lastmod>2027-03-01</lastmod><news:news><news:title>{n}</news:title>"
        "<news:publication_date>2027-03-01</news:publication_date></news:news></url>"
        for n in range(items)
    )
    return (
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        f'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">{made}</urlset>'
    )


PAGES: tuple[bytes, ...] = tuple(
    page.encode()
    for page in (*(article(script) for script in SCRIPTS), live_blog(), old_portal(), article("latin", 200))
)
FEEDS: tuple[tuple[str, bytes], ...] = (
    *(("feed", text.encode()) for text in (rss(), atom(), json_feed())),
    ("sitemap", sitemap().encode()),
    ("sitemap", gzip.compress(sitemap(300).encode(), mtime=0)),
)

# --- damage -----------------------------------------------------------------------------------------------------------

_TOKENS = (
    *(
        b"<",
        b">",
        b"</",
        b"<!--",
        b"-->",
        b"<![CDATA[",
        b"]]>",
        b"<!DOCTYPE x [",
        b"&",
        b"&#",
        b"&#x110000;",
        b"&nbsp",
        b'"',
    ),
    *(
        b"'",
        b"\x00",
        b"\xff",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xe2\x80\x8c",
        b"\xe2\x80\xae",
        b"</html>",
    ),
    *(
        b"<script>",
        b"<style>",
        b"<textarea>",
        b"<plaintext>",
        b"<svg>",
        b"<math>",
        b"<template>",
        b"<noscript>",
        b"<table>",
    ),
    *(
        b"<p",
        b"</p>",
        b"<article>",
        b"</article>",
        b"<base href=//x/>",
        b"{",
        b"}",
        b"[",
        b"\\u0000",
        b"1e999",
        b"<item>",
    ),
)


def truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def flip(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(chance.randint(1, 40)):
        if made:
            made[chance.randrange(len(made))] = chance.randrange(256)
    return bytes(made)


def insert(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(data) + 1)
        data = data[:at] + chance.choice(_TOKENS) * chance.choice((1, 1, 1, 5, 400)) + data[at:]
    return data


def splice(data: bytes, chance: random.Random) -> bytes:
    other = chance.choice((*PAGES, *(body for _, body in FEEDS)))
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]


def repeat(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(max(1, len(data)))
    piece = data[start : start + chance.randint(1, 2000)]
    return data[:start] + piece * chance.choice((2, 10, 200)) + data[start:]


def remove(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(max(1, len(data)))
    return data[:start] + data[start + chance.randint(1, 3000) :]


def recode(data: bytes, chance: random.Random) -> bytes:
    return data.decode("utf-8", "replace").encode(chance.choice(CHARSETS), "replace")


def nest(data: bytes, chance: random.Random) -> bytes:
    tag = chance.choice(
        (b"div", b"span", b"b", b"ul", b"table", b"blockquote", b"article", b"section", b"a", b"font", b"p")
    )
    at = data.find(b"<p") if chance.random() < 0.7 else chance.randrange(len(data) + 1)
    return data[:at] + (b"<" + tag + b">") * chance.choice((50, 1000, 20_000)) + data[at:]


DAMAGE: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    truncate, flip, insert, splice, repeat, remove, recode, nest,
)  # fmt: skip

# --- pages built to be expensive --------------------------------------------------------------------------------------


def _around(inside: str, script: str = "latin") -> str:
    return article(script).replace("<blockquote>", f"{inside}<blockquote>", 1)


def _ld(value: str) -> str:
    return article().replace("</head>", f"<script type='application/ld+json'>{value}</script></head>", 1)


def expensive(chance: random.Random) -> tuple[str, bytes]:
    line = chance.choice(list(SCRIPTS.values()))
    size = chance.choice((10, 300, 3000, 25_000))
    kinds: dict[str, Callable[[], str]] = {
        "depth": lambda: _around("<div>" * size + line),
        "unclosed inline": lambda: _around("<b><i><u><a href=x>" * size + line),
        "tables in tables": lambda: _around("<table><tr><td>" * min(size, 3000) + line),
        "one wide table": lambda: _around("<table>" + ("<tr>" + "<td>x" * 50) * (size // 50 + 1) + "</table>"),
        "lists in lists": lambda: _around("<ul><li>x" * min(size, 3000) + line),
        "paragraphs": lambda: _around(f"<p>{line}</p>" * min(size, 20_000)),
        "empty paragraphs": lambda: _around("<p></p>" * size),
        "line breaks": lambda: _around(f"<div>{line}" + "<br>" * size + line),
        "pictures": lambda: _around("".join(f"<img src=/{n}.jpg width=900 height=600 alt=x>" for n in range(size))),
        "figures": lambda: _around(f"<figure><img src=/x.jpg><figcaption>{line}</figcaption></figure>" * size),
        "sources": lambda: _around("<picture>" + "<source srcset='/a.jpg 1x, /b.jpg 2x'>" * size + "<img src=c.jpg></picture>"),
        "one srcset": lambda: _around("<img srcset='" + "/a.jpg 100w, " * size + "'>"),
        "commas in a srcset": lambda: _around("<img srcset='" + "," * (size * 20) + " x'>"),
        "huge attribute": lambda: _around(f"<p class='{'a ' * size * 10}' style='{'x' * size * 10}'>{line}"),
        "many attributes": lambda: _around("<p " + " ".join(f"a{n}=b" for n in range(size)) + f">{line}"),
        "links": lambda: _around("<p>" + "<a href=/x>word</a> " * size),
        "entities": lambda: _around("<p>" + "&amp;&lt;&nbsp;&#x5d0;" * size),
        "numbers as entities": lambda: _around("<p>" + "&#" * size + ";"),
        "one long word": lambda: _around("<p>" + "a" * size * 40),
        "spaces": lambda: _around("<p>a" + " \t\u00a0" * size * 10 + "b"),
        "joiners": lambda: _around("<p>" + "\u200c\u200d\u200e\u0301" * size * 5),
        "punctuation": lambda: _around("<p>" + "(((\"'«»—…" * size),
        "digits": lambda: _around("<p>Photo: " + "1:2/3-4." * size),
        "scripts": lambda: _around("<script>var a=1</script>" * size),
        "one long script": lambda: article().replace("</head>", f"<script>{'{[(' * size * 10}</script></head>"),
        "comments": lambda: _around("<!-- x -->" * size),
        "metas": lambda: article().replace("</head>", "<meta property=og:image content=/a.jpg>" * size + "</head>"),
        "authors": lambda: article().replace("</head>", "<meta name=author content='By A, B and C'>" * size + "</head>"),
        "long title": lambda: article().replace("<title>", "<title>" + "a | b - c « d " * size),
        "titles": lambda: _around("<h1>x y z</h1>" * size),
        "headings": lambda: _around(f"<h2>{line}</h2><p>{line}" * min(size, 10_000)),
        "JSON-LD nesting": lambda: _ld("[" * size * 4 + "]" * size * 4),
        "JSON-LD objects": lambda: _ld('{"a":' * size * 2 + "1" + "}" * size * 2),
        "JSON-LD list": lambda: _ld("[" + '{"@type":"NewsArticle","headline":"x","articleBody":"y"},' * size + "{}]"),
        "JSON-LD long number": lambda: _ld('{"@type":"NewsArticle","wordCount":' + "9" * size * 10 + "}"),
        "JSON-LD broken": lambda: _ld('{"@type":"NewsArticle","headline":"' + '\\" {"' * size),
        "JSON-LD commas": lambda: _ld('{"@type":"Article"' + ",\n" * size + "}"),
        "JSON-LD scripts": lambda: article().replace(
            "</head>", "<script type='application/ld+json'>{\"@type\":\"Article\"}</script>" * size + "</head>"
        ),
        "JSON-LD graph": lambda: _ld(json.dumps({"@graph": [{"@id": f"#{n}", "author": {"@id": f"#{n + 1}"}} for n in range(size)]})),
        "live posts": lambda: _ld(
            json.dumps({"@type": "LiveBlogPosting", "liveBlogUpdate": [{"articleBody": line, "headline": "x"}] * size})
        ),
        "microdata": lambda: _around("<div itemscope itemtype='https://schema.org/Article'><b itemprop=author>x</b>" * size),
        "quotes": lambda: _around("<blockquote>" * min(size, 2000) + f"<p>{line}</p>" * 20),
        "embeds": lambda: _around("<blockquote class=twitter-tweet><p>x</p><a href=https://twitter.com/a/status/1>y</a></blockquote>" * size),
        "iframes": lambda: _around("<iframe src='https://www.youtube.com/embed/abcdefghijk'></iframe>" * size),
        "footnotes": lambda: _around("".join(f"<sup><a href=#f{n} id=r{n}>{n}</a></sup>" for n in range(size)))
        + "".join(f"<li id=f{n}>{line} <a href=#r{n}>↩</a>" for n in range(size)),
        "identical articles": lambda: "<html><body>" + f"<article><h1>x</h1><p>{line * 3}</article>" * size,
        "hidden": lambda: _around(f"<div style='display:none' hidden>{line}</div>" * size),
        "frames of text": lambda: _around("".join(f"<div class='c{n % 7}'><div>{line}</div></div>" for n in range(min(size, 9000)))),
        "noscript": lambda: _around("<noscript><img src=/a.jpg></noscript>" * size),
        "bases": lambda: article().replace("</head>", "<base href=https://x.example/>" * size + "</head>"),
        "times": lambda: _around("<time datetime='2027-03-01T00:00:00+99:99'>yesterday</time>" * size),
        "nothing": lambda: "",
        "only text": lambda: line * size,
        "zero bytes": lambda: "\0" * size * 10,
        "doctype": lambda: "<!DOCTYPE html [<!ENTITY a 'aaaaaaaaaa'>" + "<!ENTITY b '&a;&a;&a;'>" * size + "]>" + article(),
    }  # fmt: skip
    name = chance.choice(list(kinds))
    return f"{name} x {size}", kinds[name]().encode("utf-8", "surrogatepass")[: 8 << 20]


def expensive_feed(chance: random.Random) -> tuple[str, str, bytes]:
    size = chance.choice((10, 1000, 30_000))
    line = SCRIPTS["latin"]
    head = '<?xml version="1.0"?>'
    bomb = '<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
    kinds: dict[str, tuple[str, Callable[[], str]]] = {
        "items": ("feed", lambda: rss(size)),
        "entries": ("feed", lambda: atom(size)),
        "json items": ("feed", lambda: json_feed(size)),
        "urls": ("sitemap", lambda: sitemap(size)),
        "entity bomb": ("feed", lambda: head + bomb + rss().replace('<?xml version="1.0" encoding="utf-8"?>', "").replace("News", "&c;")),
        "outside entity": ("feed", lambda: head + '<!DOCTYPE rss SYSTEM "file:///etc/passwd">' + rss(2)[38:]),
        "depth": ("feed", lambda: "<rss><channel>" + "<item>" * size),
        "sitemap depth": ("sitemap", lambda: "<urlset>" + "<url>" * size),
        "attributes": ("feed", lambda: "<rss " + " ".join(f"a{n}='b'" for n in range(size)) + ">"),
        "namespaces": ("feed", lambda: "<rss " + " ".join(f"xmlns:a{n}='urn:{n}'" for n in range(size)) + ">" + rss(3)),
        "json nesting": ("feed", lambda: '{"version":"https://jsonfeed.org/version/1.1","items":' + "[" * size),
        "long title": ("feed", lambda: rss(1).replace("News", line * size)),
        "encoded html": ("feed", lambda: rss(3).replace("&lt;p&gt;", "&lt;div&gt;" * size)),
        "dates": ("feed", lambda: rss(min(size, 2000)).replace("Mon, 01 Mar 2027", "9" * 400)),
        "not closed": ("feed", lambda: rss(50).replace("</item>", "").replace("</title>", "") * (size // 1000 + 1)),
        "links": ("sitemap", lambda: "\n".join(f"https://news.example/{n}" for n in range(size))),
        "index": ("sitemap", lambda: "<sitemapindex>" + "<sitemap><loc>https://news.example/s.xml</loc></sitemap>" * size + "</sitemapindex>"),
    }  # fmt: skip
    name = chance.choice(list(kinds))
    kind, make = kinds[name]
    data = make().encode()[: 10 << 20]
    if kind == "sitemap" and chance.random() < 0.3:
        data = gzip.compress(data if chance.random() < 0.5 else b"\0" * (64 << 20), 6, mtime=0)
        name += ", packed"
    return kind, f"{name} x {size}", data


def case(number: int, corpus: Sequence[bytes] = ()) -> Case:
    """The case of this number; the same each time."""
    chance = random.Random(number)
    what = chance.random()
    if what < 0.12:
        kind, how, data = expensive_feed(chance)
    elif what < 0.25:
        kind, data = chance.choice(FEEDS)
        how = "feed"
    elif what < 0.5:
        kind = "page"
        how, data = expensive(chance)
    else:
        kind, how = "page", "seed"
        data = chance.choice(corpus if corpus and chance.random() < 0.6 else PAGES)
    for _ in range(chance.choice((0, 1) if "x" in how.split() else (1, 1, 2, 3))):
        damage = chance.choice(DAMAGE)
        how += f", {damage.__name__}"
        data = damage(data, chance)
    return Case(number=number, kind=kind, how=how, data=data[: 10 << 20], content_type=chance.choice(TYPES))


# --- running ----------------------------------------------------------------------------------------------------------


def work(kind: str, data: bytes, content_type: str) -> tuple[str, float, int]:
    """In the child: what came out, the processor time it took, and the most memory that was in use."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # VmHWM starts anew
    began = time.process_time()
    outcome = page(data, content_type) if kind == "page" else feed(kind, data, content_type)
    seconds = time.process_time() - began
    status = Path("/proc/self/status").read_text("ascii")
    most = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return outcome, seconds, int(most.split()[1]) * 1024


def page(data: bytes, content_type: str) -> str:
    from mirror import pack
    from mirror.extract import extract

    found = extract(data, url=URL, content_type=content_type)
    assert (found.article is not None) or found.state != "ok"
    if found.article is not None and found.state == "ok":
        pack.content_key(found.article)
    return found.state


def feed(kind: str, data: bytes, content_type: str) -> str:
    from mirror.sources import NotUnderstood, sources

    try:
        parsed = sources()[kind].parse(data, content_type=content_type, url="https://news.example/feed")
    except NotUnderstood:
        return "not understood"
    assert all(item.url.startswith(("http://", "https://")) for item in parsed.items)
    return parsed.format


async def run(
    cases: Sequence[int], corpus: Sequence[bytes] = (), told: Callable[[Result], None] | None = None
) -> list[Result]:
    """A result for each number, in no order. Sandboxed, two at a time."""
    sandbox = Sandbox(2)
    results: list[Result] = []
    waiting = iter(cases)

    async def worker() -> None:
        for number in waiting:
            one = case(number, corpus)
            began = time.monotonic()
            try:
                # The product's limits, but for the clock: this machine may be busy.
                outcome, seconds, memory = await sandbox.call_within(
                    replace(PAGE, seconds=600.0), work, one.kind, one.data, one.content_type
                )
                result = Result(case=one, outcome=outcome, seconds=seconds, memory=memory, finding=False)
            except TamizdatError as error:
                result = Result(case=one, outcome=str(error), seconds=time.monotonic() - began, memory=0, finding=True)
            results.append(result)
            if told is not None:
                told(result)

    try:
        await asyncio.gather(worker(), worker())
    finally:
        sandbox.close()
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--corpus", type=Path, help="a folder of real pages, *.html or *.html.gz")
    options = parser.parse_args()
    corpus: list[bytes] = []
    if options.corpus:
        for path in sorted(options.corpus.rglob("*.html*")):
            corpus.append(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    findings = Path(".fuzz")
    seen = 0

    def told(result: Result) -> None:
        nonlocal seen
        seen += 1
        if result.finding or result.seconds > 2.5:
            word = "FOUND" if result.finding else "slow"
            print(
                f"{word} {result.case.number} {result.case.kind} {result.seconds:.1f} s: {result.case.how}: {result.outcome}",
                flush=True,
            )
        if result.finding:
            findings.mkdir(exist_ok=True)
            (findings / f"page-{result.case.number}").write_bytes(result.case.data)
        if seen % 500 == 0:
            print(f"{seen} of {options.count}", file=sys.stderr, flush=True)

    results = asyncio.run(run(range(options.first, options.first + options.count), corpus, told))
    found = [result for result in results if result.finding]
    outcomes: dict[str, int] = {}
    for result in results:
        outcomes["finding" if result.finding else result.outcome] = (
            outcomes.get("finding" if result.finding else result.outcome, 0) + 1
        )
    print(f"{len(results)} cases, {len(found)} findings; {outcomes}")
    print(f"processor time {sum(result.seconds for result in results):.0f} s; the slowest:")
    for result in sorted(results, key=lambda result: -result.seconds)[:10]:
        print(f"  {result.seconds:6.2f} s  {len(result.case.data):9,} bytes  {result.case.number} {result.case.how}")
    print("the largest:")
    for result in sorted(results, key=lambda result: -result.memory)[:5]:
        print(
            f"  {result.memory >> 20:4} MiB  {len(result.case.data):9,} bytes  {result.case.number} {result.case.how}"
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
