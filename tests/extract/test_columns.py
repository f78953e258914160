"""Scripts that are set in columns: Mongolian's own, and Japanese set vertically. Text is text whatever way it runs."""

from __future__ import annotations

import re

import pytest

from mirror.extract.page import squeeze
from mirror.model import Paragraph
from mirror.pack import plain
from tests.extract.made_up import article, lines, page, paragraphs

# With free variation selectors (U+180B to U+180D, U+180F), vowel separators (U+180E) and the narrow no-break spaces
# (U+202F) that endings hang on.
MONGOLIAN = (
    "ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ᠌ ᠦᠨ ᠰᠤᠷᠭᠠᠭᠤᠯᠢ᠎ᠶᠢᠨ ᠰᠤᠷᠤᠭᠴᠢᠳ ᠬᠣᠲᠠ᠎ᠠᠴᠠ ᠢᠷᠡᠪᠡ᠃ ᠲᠡᠳᠡ ᠨᠣᠮ᠎ᠤᠨ ᠰᠠᠩ᠎ᠳᠤ ᠣᠷᠤᠵᠤ ᠰᠠᠭᠤᠪᠠ᠃",
    "ᠬᠣᠲᠠ\u202fᠶᠢᠨ ᠳᠠᠷᠤᠭ᠎ᠠ ᠬᠡᠯᠡᠬᠦ\u202fᠳᠦ᠂ ᠭᠡᠷ᠋ ᠭᠡᠷ\u202fᠢᠶᠡᠨ ᠵᠠᠰᠠᠬᠤ ᠬᠡᠷᠡᠭᠲᠡᠢ᠃ ᠭᠦᠭᠦᠷᠭᠡ᠍ ᠦᠨ ᠵᠠᠰᠠᠪᠤᠷᠢ ᠳᠠᠭᠤᠰᠪᠠ᠃",
    "ᠬᠣᠶᠠᠷ ᠵᠢᠯ\u202fᠦᠨ ᠳᠠᠷᠠᠭ᠎ᠠ ᠵᠠᠮ ᠨᠡᠭᠡᠭᠳᠡᠪᠡ᠃ ᠣᠯᠠᠨ ᠬᠦᠮᠦᠨ ᠭᠦᠭᠦᠷᠭᠡ\u202fᠪᠠᠷ ᠶᠠᠪᠤᠵᠤ ᠭᠠᠷᠤᠯᠠ᠃ ᠪᠢᠴᠢᠭ᠏ ᠪᠢᠴᠢᠯᠭᠡ᠃",
    "ᠮᠠᠷᠭᠠᠰᠢ\u202fᠠᠴᠠ ᠶᠡᠬᠡ ᠲᠡᠷᠭᠡ ᠶᠠᠪᠤᠨ᠎ᠠ᠃ ᠵᠠᠮ\u202fᠤᠨ ᠠᠯᠪᠠᠨ\u202fᠤ ᠬᠡᠯᠡᠮᠡᠷᠴᠢ ᠡᠨᠡ ᠲᠤᠬᠠᠢ ᠮᠡᠳᠡᠭᠦᠯᠪᠡ᠃ ᠬᠠᠪᠤᠷ ᠪᠣᠯᠪᠠ᠃",
)
MONGOLIAN_TITLE = "ᠭᠦᠭᠦᠷᠭᠡ ᠳᠠᠬᠢᠨ ᠨᠡᠭᠡᠭᠳᠡᠪᠡ"
SELECTORS = re.compile("[\u180b-\u180f\u202f]")

# As set for columns: ruby over hard words, numbers turned upright in spans of their own (tate-chu-yoko).
JAPANESE = (
    '<ruby>港町<rp>（</rp><rt>みなとまち</rt><rp>）</rp></ruby>の橋が<span class="tcy">12</span>月'
    '<span class="tcy">24</span>日の朝、<span class="tcy">2</span>年ぶりに通れるようになった。',
    '市長は「<span style="text-combine-upright:all">3</span>割も高くついたが、待ったかいがあった」と話し、'
    "園芸用のはさみでテープを切った。拍手はしばらく鳴りやまなかった。",
    '橋の長さは<span class="tcy">480</span>メートル。<ruby>渡<rt>わた</rt></ruby>り初めには<i>数百人</i>が集まり、'
    'バスの一番車より先に歩いて渡った<span class="upright">！？</span>',
    "大型トラックは秋まで高速道路の橋を使わなければならない。新しい支えの試験がまだ終わっていないためだという。",
)
JAPANESE_TEXT = (
    "港町（みなとまち）の橋が12月24日の朝、2年ぶりに通れるようになった。",
    "市長は「3割も高くついたが、待ったかいがあった」と話し、園芸用のはさみでテープを切った。拍手はしばらく鳴りやまなかった。",
    "橋の長さは480メートル。渡（わた）り初めには数百人が集まり、バスの一番車より先に歩いて渡った！？",
    "大型トラックは秋まで高速道路の橋を使わなければならない。新しい支えの試験がまだ終わっていないためだという。",
)


@pytest.mark.parametrize("claim", ["mn-Mong", "mn-Mong-CN", "mn", "mvf", "zh-CN", "en"])
def test_mongolian_in_its_own_script_comes_whole_with_everything_that_shapes_it(claim: str) -> None:
    style = "<style>body{writing-mode:vertical-lr;-webkit-writing-mode:vertical-lr}</style>"
    found = article(page(paragraphs(MONGOLIAN), title=MONGOLIAN_TITLE, lang=claim, head=style))
    assert lines(found) == list(MONGOLIAN)
    assert found.title == MONGOLIAN_TITLE
    assert (found.language, found.direction) == ("mvf" if claim == "mvf" else "mn-Mong", "ltr")
    assert len(SELECTORS.findall("".join(lines(found)))) == len(SELECTORS.findall("".join(MONGOLIAN))) > 15


def test_mongolian_in_cyrillic_is_plain_mongolian() -> None:
    text = (
        "Сорн голын гүүр хоёр жилийн дараа даваа гарагийн өглөө дахин нээгдлээ. Олон хүн гүүрээр алхан гарсан байна.",
        "Хотын дарга засварын ажил төлөвлөснөөс гуравны нэгээр үнэтэй болсон ч үр дүнд нь сэтгэл хангалуун байна гэв.",
        "Хүнд даацын машин намар болтол хурдны замын гүүрээр явах ёстой гэж замын албаныхан мэдээллээ.",
    )
    found = article(page(paragraphs(text), title="Гүүр дахин нээгдлээ", lang="mn"))
    assert (found.language, lines(found)) == ("mn", list(text))


def test_japanese_set_in_columns_keeps_its_order_its_numbers_and_its_readings() -> None:
    style = "<style>html{writing-mode:vertical-rl}.tcy{text-combine-upright:all}</style>"
    body = f"<div style='writing-mode:vertical-rl' class='tategaki'>{paragraphs(JAPANESE)}</div>"
    found = article(page(body, title="橋が2年ぶりに通れるようになった", lang="ja", head=style))
    told = ["".join(plain(block.content).split()) for block in found.blocks if isinstance(block, Paragraph)]
    assert told == list(JAPANESE_TEXT)
    assert (found.language, found.direction) == ("ja", "ltr")


def test_only_the_narrow_space_inside_a_mongolian_word_is_more_than_a_space() -> None:
    assert squeeze("ᠵᠢᠯ\u202fᠦᠨ \n ᠳᠠᠷᠠᠭ\u202f ᠠ\u202f") == "ᠵᠢᠯ\u202fᠦᠨ ᠳᠠᠷᠠᠭ ᠠ"
    assert squeeze("\u202f«\u202fOui\u202f!\u202f»\u00a0 ") == "« Oui ! »"
