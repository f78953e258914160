"""Footnotes: marks and notes as blogging systems, encyclopedias and word processors write them."""

# ruff: noqa: E501 - markup as real sites write it is wide

from __future__ import annotations

import pytest

from mirror.extract.footnotes import lift
from mirror.extract.page import parse
from mirror.model import Draft, Footnote, Footnotes, Link, List, Note, Paragraph, Styled
from mirror.pack import text_of
from tests.extract.made_up import PARAGRAPHS, PERSIAN, article, page, paragraphs

BODY = paragraphs(PARAGRAPHS[1:])
NOTED = "The first figure was given by the road office in May, the second one by the town."
FORMS = {
    "WordPress": (
        '<p>{text}<sup data-fn="9f-1" class="fn"><a href="#9f-1" id="9f-1-link">1</a></sup> And on.</p>',
        '<ol class="wp-block-footnotes"><li id="9f-1">{note} <a href="#9f-1-link" aria-label="Jump to footnote reference 1">↩︎</a></li></ol>',
    ),
    "Markdown": (
        '<p>{text}<sup id="fnref:1"><a href="#fn:1" class="footnote-ref" role="doc-noteref">1</a></sup> And on.</p>',
        '<section class="footnotes" role="doc-endnotes"><hr><ol><li id="fn:1" role="doc-endnote"><p>{note}&#160;<a href="#fnref:1" class="footnote-backref" role="doc-backlink">&#8617;</a></p></li></ol></section>',
    ),
    "GitHub": (
        '<p>{text}<sup><a href="#user-content-fn-1" id="user-content-fnref-1" data-footnote-ref aria-describedby="footnote-label">1</a></sup> And on.</p>',
        '<section data-footnotes class="footnotes"><h2 id="footnote-label" class="sr-only">Footnotes</h2><ol><li id="user-content-fn-1"><p>{note} <a href="#user-content-fnref-1" data-footnote-backref class="data-footnote-backref">↩</a></p></li></ol></section>',
    ),
    "Substack": (
        '<p>{text}<a class="footnote-anchor" data-component-name="FootnoteAnchorToDOM" id="footnote-anchor-1" href="#footnote-1" target="_self">1</a> And on.</p>',
        '<div class="footnote" data-component-name="FootnoteToDOM"><a id="footnote-1" href="#footnote-anchor-1" class="footnote-number" contenteditable="false">1</a><div class="footnote-content"><p>{note}</p></div></div>',
    ),
    "Wikipedia": (
        '<p>{text}<sup id="cite_ref-Road_1-0" class="reference"><a href="#cite_note-Road-1"><span class="cite-bracket">[</span>1<span class="cite-bracket">]</span></a></sup> And on.</p>',
        '<div class="reflist"><ol class="references"><li id="cite_note-Road-1"><span class="mw-cite-backlink"><b><a href="#cite_ref-Road_1-0">^</a></b></span> <span class="reference-text">{note}</span></li></ol></div>',
    ),
    "Word": (
        '<p class=MsoNormal>{text}<a href="#_ftn1" name="_ftnref1"><span class=MsoFootnoteReference>[1]</span></a> And on.</p>',
        '<div><br clear=all><hr align=left size=1 width="33%"><div id=ftn1><p class=MsoFootnoteText><a href="#_ftnref1" name="_ftn1"><span>[1]</span></a> {note}</p></div></div>',
    ),
    "by hand": (
        '<p>{text} [<a href="#note1" name="back1">1</a>] And on.</p>',
        '<p><a name="note1"></a>[1] {note} <a href="#back1">Back to text</a></p>',
    ),
    "EPUB": (
        '<p>{text}<a epub:type="noteref" href="#n-a">1</a> And on.</p>',
        '<aside id="n-a" epub:type="footnote"><p>{note}</p></aside>',
    ),
    "table": (
        '<p>{text}<sup><a href="#e1">1</a></sup> And on.</p>',
        '<table><tr><td><a name="e1">1</a></td><td>{note}</td></tr></table>',
    ),
}


def notes_of(one: Draft) -> list[Footnote]:
    return [note for block in one.blocks if isinstance(block, Footnotes) for note in block.items]


@pytest.mark.parametrize("form", FORMS)
def test_a_mark_and_its_note_are_found_in_every_form(form: str) -> None:
    mark, note = FORMS[form]
    found = article(page(mark.format(text=PARAGRAPHS[0], note=NOTED) + BODY + note.format(note=NOTED)))
    first = found.blocks[0]
    assert isinstance(first, Paragraph)
    assert [inline for inline in first.content if not isinstance(inline, str)] == [Note(label="1")]
    assert (
        "".join(each for each in first.content if isinstance(each, str)).split() == f"{PARAGRAPHS[0]} And on.".split()
    )
    assert notes_of(found) == [Footnote(label="1", content=(Paragraph(content=(NOTED,)),))]
    assert text_of(found.blocks).count(NOTED) == 1
    assert isinstance(found.blocks[-1], Footnotes)
    assert text_of(found.blocks).endswith(f"[1] {NOTED}")


def test_notes_keep_links_lists_and_emphasis() -> None:
    mark = f'<p>{PARAGRAPHS[0]}<sup><a href="#fn1">1</a></sup></p>'
    note = '<ol class=footnotes><li id=fn1><p>See <a href="https://roads.example/r.pdf"><em>the report</em></a>:</p><ul><li>page 4</li><li>page 9</li></ul></li></ol>'
    assert notes_of(article(page(mark + BODY + note))) == [
        Footnote(
            label="1",
            content=(
                Paragraph(
                    content=(
                        "See ",
                        Link(
                            url="https://roads.example/r.pdf",
                            content=(Styled(style="emphasis", content=("the report",)),),
                        ),
                        ":",
                    )
                ),
                List(ordered=False, items=((Paragraph(content=("page 4",)),), (Paragraph(content=("page 9",)),))),
            ),
        )
    ]


def test_a_note_with_several_marks_stands_once_and_notes_of_one_label_are_numbered() -> None:
    marks = f'<p>{PARAGRAPHS[0]}<sup><a href="#fn1">*</a></sup></p><p>{PARAGRAPHS[1]}<sup><a href="#fn2">*</a></sup> and<sup><a href="#fn1">*</a></sup></p>'
    notes = "<p id=fn1>* The road office said so.</p><p id=fn2>* The town said so.</p>"
    found = article(page(marks + paragraphs(PARAGRAPHS[2:]) + notes))
    labels = [
        each.label
        for block in found.blocks
        if isinstance(block, Paragraph)
        for each in block.content
        if isinstance(each, Note)
    ]
    assert labels == ["1", "2", "1"]
    assert [(note.label, text_of(note.content)) for note in notes_of(found)] == [
        ("1", "The road office said so."),
        ("2", "The town said so."),
    ]


def test_marks_with_a_comma_between_and_words_in_brackets_stay_readable() -> None:
    marks = f'<p>{PARAGRAPHS[0]}<sup><a href="#fn1">1</a>,<a href="#fn2">2</a></sup> (so they say)</p>'
    notes = "<ol><li id=fn1>(Unpublished) figures of May.</li><li id=fn2>Figures of June.</li></ol>"
    found = article(page(marks + BODY + notes))
    assert found.blocks[0] == Paragraph(
        content=(PARAGRAPHS[0], Note(label="1"), ",", Note(label="2"), " (so they say)")
    )
    assert [text_of(note.content) for note in notes_of(found)] == ["(Unpublished) figures of May.", "Figures of June."]


def test_notes_beside_the_text_are_notes() -> None:
    found = article(
        page(
            f'<p>{PARAGRAPHS[0]}<label for=s1 class="margin-toggle sidenote-number"></label><input type=checkbox id=s1 class=margin-toggle>'
            f'<span class="sidenote">{NOTED}</span> And on.</p>'
            f'<p>{PARAGRAPHS[1]}<sup class="modern-footnotes-footnote"><a href="javascript:void(0)">2</a></sup>'
            f'<span class="modern-footnotes-footnote__note" style="display:none">The second note of the text.</span></p>'
            + paragraphs(PARAGRAPHS[2:])
        )
    )
    assert [(note.label, text_of(note.content)) for note in notes_of(found)] == [
        ("1", NOTED),
        ("2", "The second note of the text."),
    ]
    assert found.blocks[0] == Paragraph(content=(PARAGRAPHS[0], Note(label="1"), " And on."))


def test_persian_numbers_are_marks_and_joiners_stay_in_notes() -> None:
    note = "می‌گویند که این رقم درست نیست."
    found = article(
        page(
            f'<p>{PERSIAN[0]}<sup><a href="#fn1">۱</a></sup></p>'
            + paragraphs(PERSIAN[1:])
            + f"<p id=fn1>۱. {note}</p>",
            lang="fa",
        )
    )
    assert notes_of(found) == [Footnote(label="۱", content=(Paragraph(content=(note,)),))]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<ul><li><a href="#c1">1</a></li><li><a href="#c2">2</a></li></ul>', "<h2 id=c1>One</h2><h2 id=c2>Two</h2>"),
        ('<p>Go to <a href="#c1">what it cost in the end</a> or read on here.</p>', "<p id=c1>{note}</p>"),
        ('<p><a href="#p1">1</a> <a href="#p2">2</a></p>', "<div id=p1><p>{note}</p></div><div id=p2><p>x</p></div>"),
        ('<p>As the table in part <a href="#t1">1</a> shows to everybody.</p>', "<p id=t1>{note}</p>"),
        ('<p>A mark<sup><a href="#gone">1</a></sup> that leads nowhere at all.</p>', "<p>{note}</p>"),
    ],
)
def test_other_links_within_a_page_take_nothing_out_of_the_text(before: str, after: str) -> None:
    found = article(page(paragraphs(PARAGRAPHS[:2]) + before + after.format(note=NOTED) + paragraphs(PARAGRAPHS[2:])))
    assert notes_of(found) == []
    assert ("{note}" not in after) or NOTED in text_of(found.blocks)


def test_notes_of_what_is_not_the_article_stay_away() -> None:
    comment = '<section class=comments><p>I do not believe a word of this story<sup><a href="#fn9">1</a></sup></p><ol><li id=fn9>Not one.</li></ol></section>'
    assert notes_of(article(page(paragraphs() + comment))) == []


def test_a_page_that_uses_our_own_element_gets_no_marks() -> None:
    found = article(page(f"<p>{PARAGRAPHS[0]}<tamizdat-note label=7></tamizdat-note> And on.</p>" + BODY))
    assert found.blocks[0] == Paragraph(content=(f"{PARAGRAPHS[0]} And on.",))


def test_nine_thousand_links_in_one_paragraph_are_looked_at_once() -> None:
    many = "".join(f'<a href="#n{n}">{n % 99}</a> word ' for n in range(9000)) + "<p id=n1>x</p>" * 2000
    notes = lift(parse(page(f"<p>{many}</p>").decode())).notes
    assert list(notes) == []
