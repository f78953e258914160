"""Articles and documents for tests: one whole example of everything, and Hypothesis strategies for any."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mirror.model import (
    Article,
    Break,
    Cell,
    Code,
    Embed,
    Footnote,
    Footnotes,
    Heading,
    InlineCode,
    Link,
    List,
    Note,
    Paragraph,
    Part,
    Picture,
    Quote,
    Removed,
    Resource,
    Rule,
    Styled,
    Table,
    Update,
)

DIGEST = "0123456789abcdef" * 4
TIME = "2027-03-01T08:15:00Z"
ZWNJ = "\u200c"

EVERYTHING = Article(
    outlet="example",
    outlet_name="Example News",
    url="https://example.org/news/1",
    title=f"خبر نمی{ZWNJ}شود",
    fetched=TIME,
    language="fa",
    direction="rtl",
    revision=2,
    replaces=DIGEST,
    captured=TIME,
    removed=Removed(noticed=TIME, answer="410 Gone"),
    salt="00112233445566778899aabbccddeeff",
    generator="tamizdat/0.1.0",
    published=TIME,
    modified=TIME,
    lead="خلاصه",
    authors=("A. Author", "نویسنده"),
    section="World",
    tags=("one", "دو"),
    resources=(
        Resource(
            role="picture",
            digest=DIGEST,
            size=40000,
            media_type="image/webp",
            width=1200,
            height=800,
            alt="alt",
            caption="caption",
            credit="credit",
            cover=True,
            thumbnail=1,
        ),
        Resource(role="thumbnail", digest=DIGEST, size=2000, media_type="image/webp", width=160, height=107),
        Resource(role="evidence", digest=DIGEST, size=100000, media_type="application/gzip"),
    ),
    parts=(Part(digest=DIGEST, size=12288),),
    blocks=(
        Picture(resource=0),
        Paragraph(
            content=(
                "plain ",
                Link(url="https://example.org/a?b=c#d", content=("a ", Styled(style="strong", content=("link",)))),
                Styled(style="emphasis", content=("em",)),
                Styled(style="sub", content=("2",)),
                Styled(style="sup", content=("3",)),
                InlineCode(text="x = 1"),
                Break(),
                "after",
                Note(label="1"),
            )
        ),
        Heading(level=2, content=("Heading",)),
        Quote(
            blocks=(Paragraph(content=("Said",)), List(ordered=False, items=((Paragraph(content=("i",)),),))),
            source="She",
        ),
        List(
            ordered=True,
            items=(
                (Paragraph(content=("one",)), List(ordered=False, items=((Paragraph(content=("deep",)),),))),
                (Paragraph(content=("two",)),),
            ),
        ),
        Table(rows=((Cell(content=("h",), header=True), Cell(content=())), (Cell(content=("c",)),)), caption="numbers"),
        Embed(kind="youtube", url="https://youtu.be/x", title="Video", text="What it shows"),
        Rule(),
        Code(text="line 1\n\tline 2\n"),
        Update(
            time=TIME,
            title="Live",
            blocks=(
                Paragraph(content=("now",)),
                Heading(level=4, content=("h",)),
                Quote(blocks=(Paragraph(content=("q",)),)),
                Table(rows=((Cell(content=("c",)),),)),
                Picture(resource=0),
                Embed(kind="x", url="https://x.com/a"),
            ),
        ),
        Footnotes(
            items=(
                Footnote(
                    label="1",
                    content=(Paragraph(content=("noted",)), List(ordered=False, items=((Paragraph(content=("i",)),),))),
                ),
                Footnote(label="*", content=(Paragraph(content=("by hand",)),)),
            )
        ),
    ),
)

_chars = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
texts = st.text(_chars, min_size=1, max_size=40)
codes = st.text(_chars | st.sampled_from("\n\t"), min_size=1, max_size=40)
urls = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20})(\.[a-z]{2,8}){1,3}", fullmatch=True),
    st.sampled_from(["", ":80", ":8443"]),
    st.from_regex(r"([/?#][A-Za-z0-9%&=/._~()\[\]'پچ-]{0,30})?", fullmatch=True),
)
times = st.datetimes().map(lambda moment: moment.strftime(f"{moment.year:04}-%m-%dT%H:%M:%SZ"))
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def tuples(strategy: st.SearchStrategy[Any], least: int = 0, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


inlines: st.SearchStrategy[Any] = st.recursive(
    texts | st.builds(InlineCode, text=codes) | st.builds(Break) | st.builds(Note, label=texts),
    lambda inner: (
        st.builds(Link, url=urls, content=tuples(inner, 1))
        | st.builds(Styled, style=st.sampled_from(["strong", "emphasis", "sub", "sup"]), content=tuples(inner, 1))
    ),
    max_leaves=4,
)
contents = tuples(inlines, 1)
paragraphs = st.builds(Paragraph, content=contents)
flows = st.recursive(
    paragraphs,
    lambda inner: st.builds(List, ordered=st.booleans(), items=tuples(tuples(inner, 1), 1)),
    max_leaves=4,
)
headings = st.builds(Heading, level=st.integers(2, 4), content=contents)
quotes = st.builds(Quote, blocks=tuples(flows, 1), source=optional(texts))
lists = st.builds(List, ordered=st.booleans(), items=tuples(tuples(flows, 1), 1))
cells = st.builds(Cell, content=tuples(inlines), header=st.booleans())
tables = st.builds(Table, rows=tuples(tuples(cells, 1), 1), caption=optional(texts))
embeds = st.builds(
    Embed, kind=st.sampled_from(["youtube", "x", "other"]), url=urls, title=optional(texts), text=optional(texts)
)


def blocks(pictures: int) -> st.SearchStrategy[Any]:
    common = [paragraphs, headings, quotes, lists, tables, embeds]
    if pictures:
        common.append(st.builds(Picture, resource=st.integers(0, pictures - 1)))
    updates = st.builds(Update, time=optional(times), title=optional(texts), blocks=tuples(st.one_of(common), 1))
    notes = st.builds(Footnotes, items=tuples(st.builds(Footnote, label=texts, content=tuples(flows, 1)), 1))
    return st.one_of([*common, updates, notes, st.builds(Rule), st.builds(Code, text=codes)])


@st.composite
def articles(draw: st.DrawFn) -> Article:
    count = draw(st.integers(0, 2))
    pictures = draw(
        tuples(
            st.builds(
                Resource,
                role=st.just("picture"),
                digest=digests,
                size=st.integers(1, 10**6),
                media_type=st.sampled_from(["image/webp", "image/jpeg"]),
                width=optional(st.integers(1, 4000)),
                height=optional(st.integers(1, 4000)),
                alt=optional(texts),
                caption=optional(texts),
                credit=optional(texts),
                cover=st.booleans(),
                thumbnail=st.sampled_from([None, count]),
            ),
            count,
            count,
        )
    )
    small = Resource(role="thumbnail", digest=draw(digests), size=900, media_type="image/webp")
    return draw(
        st.builds(
            Article,
            outlet=st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True),
            outlet_name=texts,
            url=urls,
            title=texts,
            fetched=times,
            language=st.sampled_from(["fa", "ru", "zh-Hant", "en-GB", "und"]),
            direction=st.sampled_from(["ltr", "rtl"]),
            blocks=tuples(blocks(count)),
            revision=st.integers(1, 1000000),
            salt=st.binary(min_size=16, max_size=16).map(bytes.hex),
            generator=st.just("tamizdat/0.1.0"),
            replaces=optional(digests),
            captured=optional(times),
            removed=optional(st.builds(Removed, noticed=times, answer=texts)),
            published=optional(times),
            modified=optional(times),
            lead=optional(texts),
            authors=tuples(texts),
            section=optional(texts),
            tags=tuples(texts),
            resources=st.just((*pictures, small)),
            parts=tuples(st.builds(Part, digest=digests, size=st.integers(1, 12288))),
        )
    )


# --- the other documents ---------------------------------------------------------------------------------------------


def an_item(number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "title": f"Title {number}",
        "lead": "What it is about",
        "published": TIME,
        "fetched": TIME,
        "language": "en",
        "direction": "ltr",
        "url": f"https://example.org/news/{number}",
        "digest": DIGEST,
        "size": 4000,
        "index": number,
        "revision": 1,
        "thumbnail": DIGEST,
    } | more


OLDER = {"digest": DIGEST, "size": 12000, "articles": 32}
EDITION: dict[str, Any] = {
    "v": 1,
    "kind": "edition",
    "publication": {"name": "Example", "origin": "example.org"},
    "serial": 12,
    "time": TIME,
    "next": "2027-03-01T09:15:00Z",
    "outlets": [
        {
            "id": "example",
            "name": "Example News",
            "url": "https://example.org/",
            "language": "en",
            "direction": "ltr",
            "articles": [an_item()],
            "older": OLDER,
        }
    ],
    "mirrors": [
        {
            "url": "https://m1.example/x/",
            "kind": "s3",
            "since": TIME,
            "network": "AS1",
            "country": "NL",
            "note": "fast",
        }
    ],
    "withdrawals": [{"digest": DIGEST, "time": TIME, "reason": "safety"}],
    "trust": {"digest": DIGEST, "size": 900},
    "generator": "tamizdat/0.1.0",
}
PAGE: dict[str, Any] = {"v": 1, "kind": "page", "outlet": "example", "articles": [an_item()], "older": OLDER}
PART: dict[str, Any] = {
    "v": 1,
    "kind": "part",
    "blocks": [{"type": "paragraph", "content": ["more"]}],
    "salt": "00112233445566778899aabbccddeeff",
}
KEY = "example.org/log/2027+0a1b2c3d+" + "A" * 44
TRUST: dict[str, Any] = {
    "v": 1,
    "kind": "trust",
    "origin": "example.org",
    "name": "Example",
    "time": TIME,
    "logs": [
        {
            "origin": "example.org/log/2027",
            "key": KEY,
            "from": TIME,
            "until": TIME,
            "frozen": {"size": 42, "root": DIGEST, "earlier": True},
        },
        {"origin": "example.org/log/2028", "key": KEY, "from": TIME, "path": "log/2028", "unwitnessed": 7},
    ],
    "successors": {"log": DIGEST},
    "publishers": [{"key": KEY, "outlets": ["*", "example"], "from": TIME, "until": TIME}],
    "root": {"version": 1, "digest": DIGEST},
}
EVIDENCE: dict[str, Any] = {
    "v": 1,
    "kind": "evidence",
    "type": "fork",
    "origin": "example.org/log/2027",
    "reason": "two histories",
    "where": "https://m2.example",
    "time": TIME,
    "checkpoints": ["one", "two"],
    "prefix": DIGEST,
    "hashes": ["A" * 43 + "="],
    "metadata": ["{}", "{}"],
    "files": {"trust/1.root.json": "{}"},
}
