"""What a page's bytes mean is decided by evidence, in a fixed order, and never by Python's codec registry."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.charset import codec_for, decode, decoded, header_charset

RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 6
PERSIAN = "این یک نوشتهٔ آزمایشی است که می‌خواهیم آن را بدون دست‌کاری بخوانیم. " * 6
CHINESE = "这是一个用来测试编码识别的中文段落，里面有足够多的汉字。" * 6
JAPANESE = "これは文字コードの判定を試すための日本語の文章です。" * 6
POLISH = "Zażółć gęślą jaźń i pchnij w tę łódź jeża lub ośm skrzyń fig. " * 6


def page(text: str, charset: str | None = None) -> str:
    meta = f'<meta charset="{charset}">' if charset else ""
    return f"<!doctype html><html><head>{meta}<title>x</title></head><body><p>{text}</p></body></html>"


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"\xff\xfe\0\0", "utf-32-le"),
        (b"\0\0\xfe\xff", "utf-32-be"),
    ],
)
def test_a_byte_order_mark_wins_over_everything_and_is_taken_off(mark: bytes, codec: str) -> None:
    read = decoded(mark + page(RUSSIAN, "koi8-r").encode(codec), "text/html; charset=windows-1251")
    assert read.text == page(RUSSIAN, "koi8-r")
    assert read.charset == codec


def test_the_header_wins_over_the_page() -> None:
    assert decode(page(RUSSIAN, "koi8-r").encode("cp1251"), "text/html; charset=windows-1251") == page(
        RUSSIAN, "koi8-r"
    )


def test_a_header_that_cannot_be_true_gives_way_to_the_page() -> None:
    assert decode(page(CHINESE, "gb2312").encode("gb18030"), "text/html; charset=utf-8") == page(CHINESE, "gb2312")


@pytest.mark.parametrize("label", ["iso-8859-1", "windows-1251", "gb2312", "utf-16"])
def test_text_that_is_utf8_beyond_chance_is_utf8_whatever_was_declared(label: str) -> None:
    for text in (RUSSIAN, PERSIAN, CHINESE):
        assert decode(page(text).encode(), f"text/html; charset={label}") == page(text)


def test_one_curly_quote_is_enough_against_a_latin_declaration_but_not_against_another() -> None:
    assert decode("it’s".encode(), "text/html; charset=iso-8859-1") == "it’s"
    assert decode("联通".encode("gb18030"), "text/html; charset=gb2312") == "联通"  # happens to be valid UTF-8


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("gb2312", "gb18030", "朱镕基"),  # 镕 is not in GB2312
        ("iso-8859-1", "cp1252", "“smart” quotes – and €"),
        ("windows-1251", "cp1251", RUSSIAN),
        ("shift_jis", "cp932", JAPANESE),
        ("x-sjis", "cp932", JAPANESE),
        ("ks_c_5601-1987", "cp949", "펲시"),
        ("windows-1256", "cp1256", "سلام دنيا"),
    ],
)
def test_labels_are_read_as_browsers_read_them(label: str, codec: str, text: str) -> None:
    body = page(text, label).encode(codec)
    assert decoded(body).text == page(text, label)
    assert decoded(body).charset == codec


@pytest.mark.parametrize(
    "form", ["<?xml version='1.0' encoding='{}'?><r>{}</r>", '<?xml version="1.0" encoding="{}"?>{}']
)
def test_the_xml_prolog_counts(form: str) -> None:
    text = form.format("KOI8-R", RUSSIAN)
    assert decode(text.encode("koi8-r"), "text/xml") == text


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_wide_prolog_without_mark_shows_its_width(codec: str) -> None:
    text = '<?xml version="1.0"?><r>ё</r>'
    assert decode(text.encode(codec)) == text


@pytest.mark.parametrize(
    ("text", "codec"),
    [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (CHINESE, "gb18030"), (JAPANESE, "cp932"), (JAPANESE, "euc_jp")],
)
def test_undeclared_text_is_guessed(text: str, codec: str) -> None:
    assert decode(page(text).encode(codec)) == page(text)


def test_turkish_in_capitals_is_read() -> None:
    body = page("İSTANBUL KÖPRÜSÜ YENİDEN AÇILDI, İKİ YIL SÜREN ÇALIŞMA BİTTİ. " * 6, "windows-1254")
    assert decode(body.encode("cp1254")) == body


def test_a_cut_character_does_not_make_utf8_something_else() -> None:
    body = page(RUSSIAN * 10).encode()
    read = decoded(body[:1501], "text/html")
    assert read.charset == "utf-8"
    assert read.replaced == 1


def test_a_meta_in_a_comment_does_not_count() -> None:
    body = b'<!-- <meta charset="koi8-r"> --><meta charset="windows-1251">' + RUSSIAN.encode("cp1251")
    assert decoded(body).charset == "cp1251"


def test_format_characters_stay() -> None:
    assert decode(PERSIAN.encode()).count("\u200c") == PERSIAN.count("\u200c") > 0
    assert decode(
        PERSIAN.replace("ٔ", "").replace("ی", "ي").replace("ک", "ك").encode("cp1256", "ignore"), "x; charset=cp1256"
    ).count("\u200c")


@pytest.mark.parametrize(
    "label", ["utf-7", "unicode_escape", "punycode", "idna", "rot13", "zlib", "hex", "undefined", "mbcs"]
)
def test_codecs_that_are_no_charsets_cannot_be_reached(label: str) -> None:
    assert codec_for(label) is None
    assert decode(b"+ADw-script+AD4-", f"text/html; charset={label}") == "+ADw-script+AD4-"
    assert decode("ё+ADw-".encode(), f"text/html; charset={label}") == "ё+ADw-"


def test_every_label_names_a_codec_python_has() -> None:
    for codec in {
        codec_for(label) for label in ("utf-8", "gbk", "x-mac-cyrillic", "iso-8859-16", "unicodefffe", "big5")
    }:
        assert codec is not None
        assert "a".encode(codec).decode(codec) == "a"


@pytest.mark.parametrize("value", [None, "", "text/html", "charset", "text/html; charset=", "text/html;charset=ё" * 90])
def test_a_header_without_a_known_charset_says_nothing(value: str | None) -> None:
    assert header_charset(value) is None


@pytest.mark.parametrize("unit", [b"<", b"<!--", b"<meta ", b"<?xml ", b"\x80", b"\xff\xfe", b"\x1b$B"])
def test_hostile_bytes_take_no_time(unit: bytes) -> None:
    began = time.process_time()
    decode(unit * (2_000_000 // len(unit)) + b"\xff", "text/html; charset=" + "x" * 100_000)
    assert time.process_time() - began < 5


@given(st.binary(max_size=400), st.sampled_from(["", "text/html; charset=utf-8", "a; charset=gbk", "a;charset=utf-16"]))
def test_no_bytes_make_it_raise(body: bytes, content_type: str) -> None:
    decode(body, content_type)


@given(st.text(max_size=200).filter(lambda text: not text.startswith(("\ufeff", "\0", "<\0"))))
def test_utf8_that_is_declared_comes_back_unchanged(text: str) -> None:
    assert decode(text.encode("utf-8", "ignore"), "text/html; charset=utf-8") == text


# --- lies that decode without an error ---

ARABIC = "أعيد افتتاح الجسر فوق نهر سورن صباح الاثنين بعد عامين من اصطدام سفينة بأحد أعمدته. " * 6
TRADITIONAL = "這是一個用來測試編碼識別的中文段落，裡面有足夠多的漢字。" * 6
KOREAN = "이것은 문자 인코딩 판별을 시험하기 위한 한국어 문장입니다. " * 6
PERSIAN_OLD = "اين يك نوشته آزمايشي است كه مي\u200cخواهيم آن را بدون دست\u200cكاري بخوانيم. " * 6
OTHERS = {
    "de": "Größe Äpfel schön für über Öl müßte Straße, wäre hätte könnte dürfte süß Höhe " * 5,
    "fr": "été à la façon élève naïve où déjà reçu forêt château côte être même après très première " * 5,
    "tr": "İstanbul güneşli çok öğrenci şöyle dağ ığ üç " * 5,
    "vi": "Việt Nam đã được người dân ở thành phố đường phố nước ngoài những việc làm " * 5,
    "hi": "यह पुल दो साल बाद फिर से खोला गया और लोग " * 5,
    "th": "สวัสดีครับ ประเทศไทย กรุงเทพ " * 6,
}


@pytest.mark.parametrize(
    ("text", "real", "declared"),
    [
        (RUSSIAN, "cp1251", "iso-8859-1"),
        (RUSSIAN, "cp1251", "koi8-r"),
        (RUSSIAN, "koi8-r", "windows-1251"),
        (RUSSIAN, "cp866", "windows-1251"),
        (ARABIC, "cp1256", "iso-8859-1"),
        (ARABIC, "cp1256", "windows-1251"),
        (PERSIAN_OLD, "cp1256", "windows-1252"),
        (CHINESE, "gb18030", "big5"),
        (CHINESE, "gb18030", "iso-8859-1"),
        (TRADITIONAL, "big5hkscs", "gb2312"),
        (TRADITIONAL, "big5hkscs", "iso-8859-1"),
        (JAPANESE, "euc_jp", "shift_jis"),
        (JAPANESE, "cp932", "iso-8859-1"),
        (KOREAN, "cp949", "iso-8859-1"),
    ],
)
@pytest.mark.parametrize("where", ["header", "page"])
def test_a_declaration_that_gives_what_nobody_writes_is_not_believed(
    text: str, real: str, declared: str, where: str
) -> None:
    body = page(text, declared if where == "page" else None)
    header = f"text/html; charset={declared}" if where == "header" else "text/html"
    read = decoded(body.encode(real), header)
    assert (read.text, read.charset, read.replaced) == (body, real, 0)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (OTHERS["de"], "cp1252"),
        (OTHERS["fr"], "cp1252"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (OTHERS["tr"], "cp1254"),
        (RUSSIAN.upper(), "cp1251"),
        (RUSSIAN, "cp866"),
        (ARABIC, "cp1256"),
        (TRADITIONAL, "big5hkscs"),
        ("«Ёлка» №5 – 20°C … " * 9, "cp1251"),
    ],
)
def test_a_true_declaration_is_believed(text: str, codec: str) -> None:
    read = decoded(page(text).encode(codec), f"text/html; charset={codec.replace('hkscs', '')}")
    assert read.text == page(text)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        *((text, "cp1252") for text in (RUSSIAN, PERSIAN, CHINESE, ARABIC, JAPANESE)),
        *((text, "cp1251") for text in (RUSSIAN, PERSIAN, ARABIC)),
    ],
)
def test_text_that_was_encoded_twice_is_put_right(text: str, codec: str) -> None:
    twice = "".join(
        letter if (letter := bytes([byte]).decode(codec, "replace")) != "\ufffd" else chr(byte)
        for byte in page(text).encode()
    )
    assert decode(twice.encode(), "text/html; charset=utf-8") == page(text)


@pytest.mark.parametrize("text", [RUSSIAN, PERSIAN, CHINESE, *OTHERS.values()])
def test_utf8_that_makes_sense_is_left_alone(text: str) -> None:
    assert decode(page(text).encode(), "text/html; charset=utf-8") == page(text)


def test_text_that_was_encoded_twice_only_in_part_is_left_alone() -> None:
    spoilt = page(RUSSIAN.encode().decode("latin-1") + "—" + "日本")
    assert decode(spoilt.encode(), "text/html; charset=utf-8") == spoilt
    assert decode("Ã©tÃ© Ã la mer".encode()) == "Ã©tÃ© Ã la mer"
