"""Articles as documents, stored bytes and pieces."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from mirror.model import (
    Article,
    Block,
    Break,
    Cell,
    Code,
    Draft,
    Embed,
    Heading,
    Inline,
    InlineCode,
    Link,
    List,
    Paragraph,
    Picture,
    PictureRef,
    Quote,
    Resource,
    Styled,
    Table,
    Update,
)
from mirror.pack import (
    PIECE,
    UNPACKED,
    PackError,
    blocks_from_json,
    blocks_to_json,
    bundle,
    content_key,
    cut,
    from_document,
    join,
    object_bytes,
    one_line,
    shorten,
    split,
    text_of,
    to_document,
)
from schemas import SchemaError, check
from signing.keys import SignerKey
from signing.note import open_note
from signing.packing import digest_of, gunzip, parse_json
from tests.schemas.articles import DIGEST, EDITION, EVERYTHING, PAGE, PART, TRUST, ZWNJ, articles

SIGNER = SignerKey("example.org/publisher", b"p" * 32)
LONG_NAME = SignerKey("publisher-with-a-long-name.example.org/publisher-for-the-whole-of-the-news-room", b"q" * 32)


def salts() -> Callable[[], str]:
    numbers = iter(range(1000))
    return lambda: hashlib.sha256(b"salt %d" % next(numbers)).hexdigest()[:32]


def words(count: int, seed: int = 1, letters: str = "абвгдежзиклмнопрстуфхцчшэюя") -> str:
    """Text that compresses about as badly as text can."""
    rng = random.Random(seed)
    sentences: list[str] = []
    while count > 0:
        length = min(count, rng.randint(4, 20))
        sentences.append(" ".join("".join(rng.choices(letters, k=rng.randint(2, 12))) for _ in range(length)) + ".")
        count -= length
    return " ".join(sentences)


def article(*blocks: Block, **more: Any) -> Article:
    base = replace(EVERYTHING, blocks=blocks, parts=(), resources=(), replaces=None, revision=1)
    return replace(base, **more)


def paragraph(*content: Inline) -> Paragraph:
    return Paragraph(content=content)


def packed(whole: Article, signer: SignerKey = SIGNER) -> tuple[Article, dict[str, bytes]]:
    """The article split, after everything a reader relies on was checked."""
    first, stored = split(whole, salts())
    data = bundle(to_document(first), signer)
    assert len(data) <= PIECE
    assert [part.digest for part in first.parts] == list(stored)
    for part in first.parts:
        piece = stored[part.digest]
        assert digest_of(piece) == part.digest
        assert len(piece) == part.size <= PIECE
        check("part", parse_json(gunzip(piece, UNPACKED)))
    joined = join(first, [parse_json(gunzip(piece, UNPACKED)) for piece in stored.values()])  # type: ignore[misc]
    assert joined.parts == ()
    return joined, stored


def letters(blocks: tuple[Block, ...]) -> str:
    return "".join(text_of(blocks).split())


# --- documents -------------------------------------------------------------------------------------------------------


def test_everything_an_article_can_hold_survives_the_way_there_and_back() -> None:
    document = to_document(EVERYTHING)
    assert from_document(document) == EVERYTHING
    order = """
        v kind outlet url fetched captured published modified language direction title lead authors section tags blocks
        parts resources revision replaces removed salt generator
    """
    assert list(document) == order.split()
    assert b"null" not in one_line(document)
    assert f"نمی{ZWNJ}شود".encode() in one_line(document)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(articles())
def test_any_article_survives_the_way_there_and_back_byte_for_byte(whole: Article) -> None:
    line = one_line(to_document(whole))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    parsed = parse_json(line)
    check("bundle", parsed)
    again = from_document(parsed)  # type: ignore[arg-type]
    assert again == whole
    assert one_line(to_document(again)) == line
    assert blocks_to_json(blocks_from_json(parsed["blocks"])) == parsed["blocks"]  # type: ignore[index]


def test_a_bundle_is_a_gzipped_note_of_one_line_of_json() -> None:
    stored = bundle(to_document(EVERYTHING), SIGNER)
    assert stored == bundle(to_document(EVERYTHING), SIGNER)
    opened = open_note(gunzip(stored, UNPACKED), [SIGNER.verifier])
    assert opened.text == one_line(to_document(EVERYTHING))
    for document in (EDITION, TRUST):
        assert parse_json(open_note(gunzip(bundle(document, SIGNER), UNPACKED), [SIGNER.verifier]).text) == document
    for document in (PAGE, PART):
        assert gunzip(object_bytes(document), UNPACKED) == one_line(document)


def test_nothing_is_packed_that_its_schema_refuses() -> None:
    with pytest.raises(SchemaError, match="/blocks/0/content/0/url"):
        bundle(to_document(article(paragraph(Link(url="javascript:x", content=("x",))))), SIGNER)
    with pytest.raises(SchemaError):
        object_bytes({**PART, "blocks": []})
    for document in (PART, PAGE, {}, {"kind": None}, {"kind": "bundle"}):
        with pytest.raises(PackError):
            bundle(document, SIGNER)
    for document in (EDITION, {"kind": "trust"}, {}):
        with pytest.raises(PackError):
            object_bytes(document)
    with pytest.raises(PackError, match="more than 12288"):
        bundle(to_document(article(paragraph(words(3000)))), SIGNER)


# --- long articles ---------------------------------------------------------------------------------------------------


def test_an_article_that_fits_stays_whole() -> None:
    whole = replace(EVERYTHING, parts=())
    assert split(whole, salts()) == (whole, {})
    with pytest.raises(PackError, match="split already"):
        split(EVERYTHING, salts())


@pytest.mark.parametrize("paragraphs", [12, 40, 200, 700])
def test_a_long_article_goes_on_in_pieces_and_comes_back_whole(paragraphs: int) -> None:
    whole = article(*(paragraph(words(60, seed)) for seed in range(paragraphs)))
    joined, stored = packed(whole)
    assert joined == whole
    # Pieces are full: hardly more of them than there must be.
    assert len(stored) <= sum(map(len, stored.values())) / (PIECE * 0.85) + 1


def test_splitting_depends_on_nothing_but_the_article_and_the_salts() -> None:
    whole = article(*(paragraph(words(60, seed)) for seed in range(100)))
    assert split(whole, salts()) == split(whole, salts())
    first, other = split(whole, salts())[1], split(whole, lambda: "0" * 32)[1]
    assert not set(first) & set(other)


def test_there_is_room_for_a_second_signature_and_a_long_name() -> None:
    whole = article(*(paragraph(words(60, seed)) for seed in range(60)))
    first, _ = split(whole, salts())
    assert len(bundle(to_document(first), LONG_NAME)) + 110 <= PIECE


BIG = words(2500, 5)
MONSTERS: dict[str, Block] = {
    "paragraph": paragraph(BIG),
    "heading": Heading(level=2, content=(BIG,)),
    "link": paragraph("see ", Link(url="https://example.org/", content=(Styled(style="strong", content=(BIG,)),))),
    "inline code": paragraph(InlineCode(text=BIG)),
    "many inlines": paragraph(*(Styled(style="emphasis", content=(word,)) for word in BIG.split()[:1900])),
    "breaks": paragraph(*(part for at in range(0, 2400, 3) for part in (" ".join(BIG.split()[at : at + 3]), Break()))),
    "quote": Quote(blocks=(paragraph(BIG),), source="She"),
    "list": List(ordered=True, items=tuple((paragraph(words(50, seed)),) for seed in range(80))),
    "one item": List(ordered=False, items=((paragraph("a"), paragraph(BIG)),)),
    "table": Table(
        rows=tuple((Cell(content=(words(20, seed),)), Cell(content=("x",))) for seed in range(150)), caption="c"
    ),
    "wide table": Table(rows=(tuple(Cell(content=(words(40, seed),), header=True) for seed in range(90)),)),
    "one cell": Table(rows=((Cell(content=(BIG,)),),)),
    "code": Code(text=BIG.replace(". ", ";\n\t")),
    "update": Update(
        time="2027-03-01T08:15:00Z", title="Live", blocks=tuple(paragraph(words(60, s)) for s in range(60))
    ),
    "embed": Embed(kind="x", url="https://x.com/a", title="t", text=BIG),
    "one word": paragraph("".join(words(2500, 7).split())),
    "persian": paragraph(words(2500, 8, f"ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی{ZWNJ}")),
    "chinese": paragraph("。".join(words(4000, 9, "的一是不了人我在有他这为之大来以个中上们").split())),
}


@pytest.mark.parametrize("name", MONSTERS)
def test_a_block_too_long_for_a_piece_is_cut(name: str) -> None:
    whole = article(paragraph("before"), MONSTERS[name], paragraph("after"))
    joined, stored = packed(whole)
    assert stored
    assert letters(joined.blocks) == letters(whole.blocks)
    assert {type(block) for block in joined.blocks} <= {type(MONSTERS[name]), Paragraph}


def test_a_paragraph_is_cut_behind_a_sentence_and_a_word_never_before_an_accent() -> None:
    first, second = cut(paragraph("One sentence here. Another one there. And a third."))  # type: ignore[misc]
    assert first == paragraph("One sentence here. ")
    assert second == paragraph("Another one there. And a third.")
    assert cut(paragraph("aaaa bbbb")) == (paragraph("aaaa "), paragraph("bbbb"))
    first, second = cut(paragraph("ab" + "c\u0301" * 4))  # type: ignore[misc]
    assert not text_of([second]).startswith("\u0301")
    first, second = cut(paragraph("a" * 5 + "\u200d" * 3 + "b"))  # type: ignore[misc]
    assert "\u200d" not in (text_of([second])[0],)
    assert cut(paragraph("a")) is None
    assert cut(paragraph(Break())) is None


def test_text_that_compresses_a_thousandfold_is_split_all_the_same() -> None:
    whole = article(*(paragraph("a" * 50_000) for _ in range(40)))
    joined, stored = packed(whole)
    assert joined == whole
    assert all(len(gunzip(data, UNPACKED)) <= UNPACKED for data in stored.values())


def test_an_endless_article_and_a_headline_of_a_piece_are_refused() -> None:
    text = "".join(words(14_000).split())
    with pytest.raises(PackError, match="too long"):
        split(article(*(paragraph(text[at:] + text[:at]) for at in range(40))), salts())
    with pytest.raises(PackError, match="title"):
        split(article(authors=tuple(words(20, seed)[:200] for seed in range(100))), salts())


def test_of_too_many_pictures_the_last_are_left_out() -> None:
    resources: list[Resource] = []
    blocks: list[Block] = []
    for number in range(240):
        digest = hashlib.sha256(b"%d" % number).hexdigest()
        blocks += [paragraph(words(10, number)), Picture(resource=len(resources))]
        resources.append(
            Resource(role="picture", digest=digest, size=9000, media_type="image/webp", thumbnail=len(resources) + 1)
        )
        resources.append(Resource(role="thumbnail", digest=digest[::-1], size=900, media_type="image/webp"))
    evidence = Resource(role="evidence", digest=DIGEST, size=9, media_type="application/gzip")
    whole = article(*blocks, resources=(*resources, evidence))
    joined, _ = packed(whole)
    kept = [resource for resource in joined.resources if resource.role == "picture"]
    assert 50 < len(kept) < 240
    assert [resource.digest for resource in kept] == [resource.digest for resource in resources[::2]][: len(kept)]
    assert joined.resources[-1] == evidence
    for block in joined.blocks:
        if isinstance(block, Picture):
            assert joined.resources[block.resource].role == "picture"
    for picture in kept:
        assert picture.thumbnail is not None
        assert joined.resources[picture.thumbnail].digest == picture.digest[::-1]
    assert letters(joined.blocks) == letters(whole.blocks)


def test_a_picture_in_a_part_must_be_one_of_the_bundles() -> None:
    first = article(parts=EVERYTHING.parts, resources=EVERYTHING.resources)
    assert join(first, [{"blocks": [{"type": "picture", "resource": 0}]}]).blocks == (Picture(resource=0),)
    for number in (1, 3, 499):
        inside = {"type": "update", "blocks": [{"type": "picture", "resource": number}]}
        for block in ({"type": "picture", "resource": number}, inside):
            with pytest.raises(SchemaError, match="is no picture"):
                join(first, [{"blocks": [block]}])
    with pytest.raises(ValueError, match="1 parts, not 0"):
        join(first, [])


def test_splitting_a_long_article_takes_a_fraction_of_a_second() -> None:
    whole = article(*(paragraph(words(60, seed)) for seed in range(150)))
    started = time.process_time()
    split(whole, salts())
    assert time.process_time() - started < 3


# --- text ------------------------------------------------------------------------------------------------------------


def test_the_text_of_an_article_is_its_body_without_captions() -> None:
    assert text_of(EVERYTHING.blocks) == "\n\n".join(
        [
            "plain a linkem23x = 1\nafter[1]",
            "Heading",
            "Said\n\ni\n\nShe",
            "one\ndeep\ntwo",
            "h\t\nc",
            "What it shows",
            "line 1\n\tline 2\n",
            "Live\n\nnow\n\nh\n\nq\n\nc",
            "[1] noted\ni\n[*] by hand",
        ]
    )


def draft(**more: Any) -> Draft:
    base = Draft(url="https://example.org/1", title="Title", blocks=(paragraph("Body text."), Picture(resource=0)))
    return replace(base, **more)


def test_the_content_key_changes_with_what_is_read_and_with_nothing_else() -> None:
    key = content_key(draft())
    same = [
        draft(url="https://example.org/2"),
        draft(published="2027-03-01T08:15:00Z", tags=("x",), section="y", authors=("z",), language="fa"),
        draft(title=" Title\u00a0", blocks=(paragraph("Body \n text."), Picture(resource=0))),
        draft(blocks=(paragraph("Body ", Styled(style="strong", content=("text",)), "."),)),
        draft(pictures=(PictureRef(candidates=("https://example.org/p.jpg",)),)),
    ]
    assert {content_key(each) for each in same} == {key}
    different = [
        draft(title="Other"),
        draft(lead="Lead"),
        draft(blocks=(paragraph("Body texts."),)),
        draft(blocks=(paragraph(f"Body{ZWNJ} text."),)),
        draft(blocks=(paragraph("Body"), paragraph("text."), Table(rows=((Cell(content=()),),), caption="c"))),
        draft(pictures=(PictureRef(candidates=(), caption="caption"),)),
    ]
    assert len({content_key(each) for each in different} | {key}) == len(different) + 1
    assert content_key(draft(title="e\u0301")) == content_key(draft(title="\u00e9"))


def test_an_article_and_the_draft_it_was_made_from_have_one_content_key() -> None:
    picture = PictureRef(candidates=("https://example.org/p.jpg",), caption="caption", credit="credit")
    made = article(paragraph("Body text."), title="Title", lead="Lead", removed=None, resources=EVERYTHING.resources)
    assert content_key(made) == content_key(draft(lead="Lead", pictures=(picture,)))


def test_long_texts_are_shortened_at_the_end_of_a_word() -> None:
    assert shorten("short", 240) == "short"
    assert shorten("one two three four", 12) == "one two…"
    assert shorten("one two, three four", 12) == "one two…"
    assert shorten("x" * 50, 10) == "x" * 9 + "…"
    assert len(shorten(words(100), 240)) <= 240
    assert shorten("abcdefgh\u0301\u0301xyz", 10) == "abcdefg…"


def test_the_stored_json_is_readable_by_any_json_parser() -> None:
    assert json.loads(one_line(to_document(EVERYTHING))) == to_document(EVERYTHING)
