"""What is extracted can be bundled: the schema takes it as it is."""

# ruff: noqa: E501

from __future__ import annotations

from mirror import pack
from mirror.model import Article, Draft, Resource
from schemas import check
from tests.extract.made_up import ARABIC, CHINESE, PARAGRAPHS, PERSIAN, article, page, paragraphs
from tests.needs import shared


def bundled(draft: Draft) -> dict[str, object]:
    """The document of a draft as if all its pictures had been fetched."""
    resources = tuple(
        Resource(
            role="picture",
            digest=f"{number:064x}",
            size=1000,
            media_type="image/webp",
            width=640,
            height=480,
            alt=ref.alt,
            caption=ref.caption,
            credit=ref.credit,
            cover=ref.cover,
        )
        for number, ref in enumerate(draft.pictures)
    )
    made = Article(
        outlet="example",
        outlet_name="The Example",
        url=draft.url,
        title=draft.title,
        fetched="2027-03-01T12:00:00Z",
        language=draft.language or "und",
        direction=draft.direction,
        blocks=draft.blocks,
        revision=1,
        salt="0" * 32,
        generator="tamizdat/0.1.0",
        published=draft.published,
        modified=draft.modified,
        lead=draft.lead,
        authors=draft.authors,
        section=draft.section,
        tags=draft.tags,
        resources=resources,
    )
    document = pack.to_document(made)
    check("bundle", document)
    assert pack.from_document(document) == made
    return document


RICH = (
    "<figure><img src='/img/river-bridge.jpg'><figcaption>The new pillar. Photo: A. Lens</figcaption></figure>"
    "<h2>What it cost</h2><ul><li>one<ul><li>two<ul><li>three<ul><li>four<ul><li>five<ul><li>six<ul><li>seven</li></ul></li></ul>"
    "</li></ul></li></ul></li></ul></li></ul></li></ul>"
    "<blockquote><blockquote><p>A quote within a quote, said somebody who was there.</p></blockquote></blockquote>"
    "<table><tr><th>Year</th><th></th></tr><tr><td>2025</td><td><a href='https://a.example/?q=ü b'>8</a></td></tr></table>"
    "<pre>code\n\tmore</pre><hr><iframe src='https://www.youtube.com/embed/dQw4w9WgXcQ'></iframe>"
    "<p><a href='http://https://a.example/x'>a broken link</a> and <a href='https://пример.рф/путь'>one in Cyrillic</a>.</p>"
)  # fmt: skip


def test_every_kind_of_block_passes_the_schema_and_comes_back() -> None:
    document = bundled(article(page(paragraphs(PARAGRAPHS[:2]) + RICH + paragraphs(PARAGRAPHS[2:]))))
    kinds = {block["type"] for block in document["blocks"]}  # type: ignore[attr-defined]
    assert kinds == {"paragraph", "picture", "heading", "list", "quote", "table", "code", "rule", "embed"}


def test_other_scripts_pass_the_schema_too() -> None:
    for texts in (PERSIAN, ARABIC, CHINESE):
        bundled(article(page(paragraphs(texts), title=texts[0][:40])))


def test_nothing_unwanted_is_anywhere_in_the_bundle_of_the_moscow_times_article() -> None:
    import json

    truth = json.loads(shared("corpus/moscowtimes/a76564.json").read_text("utf-8"))
    data = shared("corpus/moscowtimes/a76564.html").read_bytes()
    line = pack.one_line(bundled(article(data, url="http://127.0.0.1:8099/a76564"))).decode()
    for unwanted in truth["must_not_contain"]:
        assert unwanted not in line
    assert truth["caption"] in line
