"""Articles and editions for the tests of pages: one with every kind of block, and hostile text for every field."""

from __future__ import annotations

from typing import Any

from mirror.model import (
    Article,
    Block,
    Break,
    Cell,
    Code,
    Direction,
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

DIGEST = "ab" * 32


def paragraph(text: str) -> Paragraph:
    return Paragraph(content=(text,))


def blocks(text: str, url: str) -> tuple[Block, ...]:
    """Every kind of block and inline, with this text wherever text can stand and this address wherever one can."""
    return (
        Paragraph(
            content=(
                text,
                Link(url=url, content=(text,)),
                Styled(style="strong", content=(text,)),
                Styled(style="emphasis", content=(text,)),
                Styled(style="sub", content=(text,)),
                Styled(style="sup", content=(text,)),
                InlineCode(text=text),
                Break(),
                Note(label=text),
            )
        ),
        Heading(level=2, content=(text,)),
        Quote(blocks=(paragraph(text),), source=text),
        List(
            ordered=True,
            items=((paragraph(text),), (paragraph(text), List(ordered=False, items=((paragraph(text),),)))),
        ),
        Table(rows=((Cell(content=(text,), header=True),), (Cell(content=(text,)),)), caption=text),
        Picture(resource=0),
        Embed(kind="other", url=url, title=text, text=text),
        Embed(kind=text, url=url),
        Rule(),
        Code(text=text),
        Update(time="2027-03-01T08:15:00Z", title=text, blocks=(paragraph(text), Picture(resource=1))),
        Update(time=text, title=None, blocks=()),
        Footnotes(items=(Footnote(label=text, content=(paragraph(text),)),)),
    )


def article(
    text: str = "A calm line of text.",
    *,
    url: str = "https://outlet.example/2027/an-article?a=1&b=2",
    language: str = "en",
    direction: Direction = "ltr",
    digest: str = DIGEST,
    media_type: str = "image/webp",
    body: tuple[Block, ...] | None = None,
    parts: tuple[Part, ...] = (),
    removed: Removed | None = None,
) -> Article:
    picture = Resource(
        role="picture",
        digest=digest,
        size=1000,
        media_type=media_type,
        width=1200,
        height=800,
        alt=text,
        caption=text,
        credit=text,
        cover=True,
    )
    return Article(
        outlet="outlet",
        outlet_name=text,
        url=url,
        title=text,
        fetched="2027-03-01T09:00:00Z",
        language=language,
        direction=direction,
        blocks=blocks(text, url) if body is None else body,
        revision=1,
        salt="00" * 16,
        generator=text,
        published="2027-03-01T08:15:00Z",
        modified="2027-03-01T08:45:00Z",
        lead=text,
        authors=(text, text),
        section=text,
        tags=(text,),
        resources=(picture, picture),
        parts=parts,
        removed=removed,
    )


def item(text: str, *, url: str, language: str = "en", direction: str = "ltr") -> dict[str, Any]:
    return {
        "title": text,
        "lead": text,
        "published": "2027-03-01T08:15:00Z",
        "fetched": "2027-03-01T09:00:00Z",
        "language": language,
        "direction": direction,
        "url": url,
        "digest": DIGEST,
        "size": 1000,
        "index": 7,
        "revision": 1,
        "thumbnail": DIGEST,
    }


def edition(text: str = "A calm line", *, url: str = "https://outlet.example/an-article") -> dict[str, Any]:
    """An edition with an English and a Persian outlet, mirrors and a withdrawal."""
    return {
        "v": 1,
        "kind": "edition",
        "publication": {"name": text, "origin": "example.org"},
        "serial": 12,
        "time": "2027-03-01T10:00:00Z",
        "next": "2027-03-02T10:00:00Z",
        "outlets": [
            {
                "id": "one",
                "name": text,
                "url": url,
                "language": "en",
                "direction": "ltr",
                "articles": [item(text, url=url), item("سلام", url=url + "2", language="fa", direction="rtl")],
                "older": {"digest": DIGEST, "size": 100, "articles": 40},
            },
            {
                "id": "two",
                "name": text,
                "url": url,
                "language": "fa",
                "direction": "rtl",
                "articles": [item(text, url=url + "3", language="fa", direction="rtl")],
            },
        ],
        "mirrors": [
            {
                "url": url,
                "kind": "https",
                "since": "2027-01-01T00:00:00Z",
                "network": text,
                "country": "NL",
                "note": text,
            }
        ],
        "withdrawals": [{"digest": DIGEST, "time": "2027-02-01T00:00:00Z", "reason": text}],
        "trust": {"digest": DIGEST, "size": 10},
        "generator": "tamizdat/0.1.0",
    }


HOSTILE = (
    "<script>document.title='pwned';fetch('http://evil.invalid/1')</script>",
    '"><img src=x onerror="document.title=\'pwned\'">',
    "' onmouseover='document.title=1' autofocus onfocus='document.title=2",
    "</style><style>*{background:url(http://evil.invalid/2)}</style>",
    "</title><meta http-equiv=refresh content='0;url=http://evil.invalid/3'>",
    "--><svg onload=alert(1)><a xlink:href='javascript:alert(2)'>x</a></svg><!--",
    "<iframe srcdoc='&lt;script&gt;parent.document.title=1&lt;/script&gt;'></iframe><base href=http://evil.invalid/>",
    "<link rel=preconnect href=http://evil.invalid/><form action=http://evil.invalid/><button>go",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62; ]]><![CDATA[",
    "\x00\x01\x0b\x1b[31m\ud800\udfff\ufffe\u202e\u2066 text turned around",
    "{{7*7}} ${7*7} {publication} %s {0}",
    "javascript:alert(1)",
)
HOSTILE_URLS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//evil.invalid/x",
    "\\\\evil.invalid\\x",
    'https://outlet.example/"onclick="alert(1)',
    "https://outlet.example/'onclick='alert(1)",
    "https://outlet.example/<script>alert(1)</script>",
    "https:javascript:alert(1)",
    "https://[::1",
    "",
)
