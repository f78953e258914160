"""What makes a revision, what changed in one, and who may see that."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror import revisions
from mirror.model import Article, Block, Draft, Link, List, Paragraph, PictureRef
from mirror.pages.changes import ROOM, changed
from mirror.pages.words import words
from mirror.revisions import changes, is_noise, plain_form
from tests.revisions.newsroom import Newsroom, page, story

DIGEST = "ab" * 32


def article(*paragraphs: str | Block, **more: Any) -> Article:
    blocks = tuple(Paragraph(content=(one,)) if isinstance(one, str) else one for one in paragraphs)
    facts: dict[str, Any] = {
        "outlet": "paper", "outlet_name": "Paper", "url": "https://news.example/a", "title": "Title",
        "fetched": "2027-03-01T08:15:00Z", "language": "en", "direction": "ltr", "revision": 1, "salt": "0" * 32,
        "generator": "t/1", "blocks": blocks,
    }  # fmt: skip
    return Article(**{**facts, **more})


def told(before: Article, after: Article) -> list[tuple[str, str, str]]:
    signs = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    return [
        (one.where, one.kind, "".join(signs[piece.kind].format(piece.text) for piece in one.pieces))
        for one in changes(before, after)
    ]


# --- what makes a revision --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "5 comments", "1,203 views", "3 min read", "2 hours ago", "Updated: 5 minutes ago · 1,203 views", "1.2K views",
        "Comments (12)", "No comments", "just now", "5 комментариев", "12 просмотров | 3 мин чтения", "2 часа назад",
        "10 000 просмотров", "۵ دیدگاه", "۲ ساعت پیش", "5条评论", "3分钟前", "vor 3 Stunden", "il y a 2 heures",
    ],
)  # fmt: skip
def test_counters_and_running_times_are_noise(line: str) -> None:
    assert is_noise(plain_form(line))
    said = article("The bridge is open.", line)
    assert revisions.key(said) == revisions.key(article("The bridge is open."))


@pytest.mark.parametrize(
    "line", ["5 people died", "He left 2 hours ago", "views", "5", "Three minutes", "5 домов разрушено", "2 часа дня"]
)
def test_a_sentence_with_a_number_is_text(line: str) -> None:
    assert not is_noise(plain_form(line))
    assert revisions.key(article("Text.", line)) != revisions.key(article("Text."))


def link(title: str) -> Paragraph:
    return Paragraph(content=(Link(url=f"https://news.example/{len(title)}", content=(title,)),))


def test_rotating_links_quotation_marks_and_picture_addresses_make_no_revision() -> None:
    text = "“We’re open”, he said – again…"
    one = Draft(
        url="https://news.example/a", title="Title",
        blocks=(Paragraph(content=(text,)), List(ordered=False, items=((link("first"),), (link("second"),)))),
        pictures=(PictureRef(candidates=("https://cdn.example/p.jpg?token=1",), caption="A bridge"),),
    )  # fmt: skip
    other = Draft(
        url="https://news.example/a", title="Title",
        blocks=(
            Paragraph(content=('"We\'re  open", he said - again...\u00ad',)),
            List(ordered=False, items=((link("third"),), (link("other"),), (link("more"),))),
        ),
        pictures=(PictureRef(candidates=("https://cdn2.example/q.jpg?token=2",), caption="A bridge"),),
    )  # fmt: skip
    assert revisions.key(one) == revisions.key(other)
    listing = article(List(ordered=False, items=((link("first title"),), (link("second title"),))))
    other_listing = article(List(ordered=False, items=((link("first title"),), (link("another title"),))))
    assert revisions.key(listing) != revisions.key(other_listing)


def test_a_word_a_number_a_joiner_or_a_caption_makes_one() -> None:
    base = article("Two men were seen.", "می\u200cروند")
    others = [
        article("Three men were seen.", "می\u200cروند"),
        article("Two men were seen.", "میروند"),
        article("Two men were seen.", "می\u200cروند", "Later it rained."),
        article("Two men were seen.", "می\u200cروند", title="Other"),
        article("Two men were seen.", "می\u200cروند", lead="Lead"),
    ]
    assert len({revisions.key(one) for one in (base, *others)}) == 6
    assert changes(base, base) == ()
    assert all(changes(base, one) for one in others)


def test_only_real_changes_reach_the_log(newsroom: Newsroom) -> None:
    noise = page(
        "The story of one and its river", *(f"Part {part} of one." for part in range(5)),
        top="<div>1,204 views</div>", bottom="<ul><li><a href='/news/two'>Two</a><li><a href='/news/six'>Six</a></ul>",
    )  # fmt: skip
    newsroom.outlet.page("/news/one", noise)
    newsroom.outlet.page("/news/two", story("two").replace("on Tuesday", "on Wednesday", 1))
    report = newsroom.run()
    assert (report["revised"], report["removed"]) == (1, 0)
    assert newsroom.newest("one")["revision"] == 1
    assert newsroom.newest("two")["revision"] == 2


# --- what changed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("They met on Tuesday, 1,203 came.", "They met on Friday, 1,204 came.",
         "They met on [-Tuesday-]{+Friday+}, [-1,203-]{+1,204+} came."),
        ("市议会星期二开会讨论新桥", "市议会星期三开会讨论旧桥", "市议会星期[-二-]{+三+}开会讨论[-新-]{+旧+}桥"),
        ("شورا سه\u200cشنبه دیدار کرد", "شورا چهارشنبه دیدار کرد", "شورا [-سه\u200cشنبه-]{+چهارشنبه+} دیدار کرد"),
        ("Совет собрался во вторник.", "Совет собрался в среду.", "Совет собрался [-во вторник-]{+в среду+}."),
    ],
)  # fmt: skip
def test_changes_are_shown_by_words_in_any_script(before: str, after: str, said: str) -> None:
    assert told(article(before), article(after)) == [("text", "changed", said)]


def test_paragraphs_added_removed_and_rewritten_stand_in_their_order() -> None:
    keep = [f"Paragraph {number} stays where it is and as it is." for number in range(4)]
    before = article(keep[0], "The minister denied it on Monday.", keep[1], keep[2], "Nobody was hurt.", keep[3])
    after = article(keep[0], "The minister confirmed it on Monday.", keep[1], "A new paragraph.", keep[2], keep[3])
    assert told(before, after) == [
        ("text", "changed", "The minister [-denied-]{+confirmed+} it on Monday."),
        ("text", "added", "{+A new paragraph.+}"),
        ("text", "removed", "[-Nobody was hurt.-]"),
    ]


def pieces_of(before: Article, after: Article, kind: str) -> str:
    return "".join(piece.text for one in changes(before, after) for piece in one.pieces if piece.kind in ("same", kind))


@given(st.lists(st.sampled_from("ab. 二三آ"), max_size=40), st.lists(st.sampled_from("ab. 二三آ"), max_size=40))
def test_what_stayed_and_what_went_is_the_old_text_and_with_what_came_the_new(one: list[str], two: list[str]) -> None:
    before, after = "x" + "".join(one) + "x", "x" + "".join(two) + "x"
    if plain_form(before) == plain_form(after):
        assert changes(article(before), article(after)) == ()
        return
    squeezed = "".join(pieces_of(article(before), article(after), "removed").split())
    assert squeezed == "".join(before.split())
    squeezed = "".join(pieces_of(article(before), article(after), "added").split())
    assert squeezed == "".join(after.split())


@given(st.lists(st.integers(0, 5), max_size=60), st.lists(st.integers(0, 5), max_size=60), st.integers(1, 400))
def test_a_comparison_of_lists_leads_from_one_to_the_other(a: list[int], b: list[int], steps: int) -> None:
    limit = revisions._STEPS
    revisions._STEPS = steps  # type: ignore[misc]
    try:
        ops = revisions._diff(a, b, revisions._Work())
    finally:
        revisions._STEPS = limit  # type: ignore[misc]
    made: list[int] = []
    at = 0
    for op, start, end in ops:
        if op == "added":
            assert start == len(made)
            made += b[start:end]
        else:
            assert start == at
            at = end
            made += a[start:end] if op == "same" else []
    assert (made, at) == (b, len(a))


def test_hostile_texts_are_compared_in_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: how often two items are looked at for being the same."""
    looked = 0

    class Word(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal looked
            looked += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    chance = random.Random(7)
    for letters in ("ab", "abcdefghijklmnopqrstuvwxyz"):
        a = [Word(chance.choice(letters) * 3) for _ in range(8_000)]
        b = [Word(chance.choice(letters) * 3) for _ in range(8_000)]
        looked = 0
        revisions._diff(a, b, revisions._Work())
        assert looked < 16_000 * revisions._STEPS // 4
    long = article("word " * 80_000, *(f"p{number} {chance.random()}" for number in range(1500)))
    other = article("word other " * 50_000, *(f"q{number} {chance.random()}" for number in range(1500)))
    assert len(changes(long, other)) > 1000


# --- shown ------------------------------------------------------------------------------------------------------------


def test_the_block_on_the_page_stays_small_and_says_what_it_leaves_out() -> None:
    before = article(*(f"Paragraph {number}: {'old ' * 300}" for number in range(200)))
    after = article(*(f"Paragraph {number}: {'new ' * 300}" for number in range(200)), revision=2, replaces=DIGEST)
    block = changed(after, before, words("en"), root="../", frame={})
    assert block is not None
    assert len(block) < 3 * ROOM
    assert "Further changes, not shown here: <bdi>1" in block
    assert f'href="../o/ab/{"ab" * 31}"' in block
    assert "2027" in block
    assert changed(after, None, words("en"), root="../", frame={}) is None


def test_nothing_in_a_text_becomes_markup_or_turns_the_line_around() -> None:
    before = article("The <b>bridge</b> is closed.")
    after = article("The <b>bridge</b> \u202eis <script>alert(1)</script> open.", replaces=DIGEST, revision=2)
    block = changed(after, before, words("en"), root="../", frame={})
    assert block is not None
    assert "<script" not in block
    assert "<ins><bdi>" in block


def test_readers_and_operators_see_what_changed_and_never_what_is_not_verified(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    first = newsroom.newest("two")
    newsroom.outlet.page("/news/two", story("two").replace("on Tuesday", "on Wednesday", 1))
    newsroom.run()
    second = newsroom.newest("two")
    newsroom.outlet.page("/news/two", story("two").replace("on Tuesday", "on Thursday", 1))
    newsroom.run()
    near, pin = tmp_path / "near", newsroom("status")["fingerprint"]
    trust = ("--trust", pin)

    # An operator names the article by its address.
    found = newsroom("changes", newsroom.url("two"))
    assert (found["before"]["digest"], found["before"]["revision"]) == (second["digest"], 2)
    assert found["after"]["revision"] == 3
    (change,) = found["changes"]
    assert [(one["kind"], one["text"]) for one in change["pieces"] if one["kind"] != "same"] == [
        ("removed", "Wednesday"),
        ("added", "Thursday"),
    ]
    assert len(newsroom("changes", newsroom.url("two"), "--all")) == 2
    assert "[-Wednesday-]{+Thursday+}" in newsroom.said("changes", newsroom.url("two"))

    # A reader by the page on a mirror, the bundle, or its address and a mirror.
    def place(digest: str) -> Path:
        return near / "o" / digest[:2] / digest[2:]

    people = next(file for file in (near / "a").iterdir() if found["after"]["digest"].encode() in file.read_bytes())
    assert b"<del><bdi>Wednesday" in people.read_bytes()
    assert second["digest"].encode() in people.read_bytes()
    for words_ in (
        (str(people),),
        (str(place(found["after"]["digest"])),),
        (newsroom.url("two"), "--mirror", str(near)),
    ):
        assert newsroom("changes", *words_, *trust)["changes"] == found["changes"]
    files = (str(place(found["after"]["digest"])), str(place(first["digest"])))
    assert newsroom("changes", *files, *trust)["before"]["revision"] == 1
    assert newsroom("verify", str(people), *trust)["authentic"]
    assert newsroom("changes", newsroom.url("one"), "--mirror", str(near), *trust)["changes"] == []

    # What was changed on the way is refused, not shown; and a page that says other changes is no page of ours.
    people.write_bytes(people.read_bytes().replace(b"<del><bdi>Wednesday", b"<del><bdi>Caturday"))
    assert not newsroom("verify", str(people), *trust, status=4)["authentic"]
    stored = bytearray(place(second["digest"]).read_bytes())
    stored[-20] ^= 1
    place(second["digest"]).write_bytes(stored)
    refused = newsroom("changes", str(place(found["after"]["digest"])), *trust, status=4)
    assert "changes" not in refused
    place(second["digest"]).unlink()
    refused = newsroom("changes", str(place(found["after"]["digest"])), *trust, status=4)
    assert "missing" in refused["error"]
    assert newsroom("changes", str(near), *trust, status=2)["status"] == 2
    missing = newsroom("changes", f"{newsroom.outlet.url}/news/none", "--mirror", str(near), *trust, status=2)
    assert missing["error"] == f"{near}: has no article {newsroom.outlet.url}/news/none"
