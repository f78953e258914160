"""Bytes of a page or a feed as text, whatever their sender says about them.

The order is: byte order mark, then the HTTP header, then what the document says of itself (`<meta charset>`, XML
prolog), then a guess. Three things overrule a declaration, because servers are often configured for a charset that the
pages stopped using years ago: text that is valid UTF-8 beyond chance, a declaration under which more than one
character in a thousand cannot be decoded while another one reads better, and one that reads every byte and yet gives
what nobody writes (`sense`): Cyrillic read as Latin or in the wrong Cyrillic charset, Big5 read as GB. The last counts
only when another charset gives what people do write. Text that was encoded as UTF-8 twice is put right on the same
terms, and left alone when there is any doubt.

Labels are taken as browsers take them (WHATWG Encoding Standard, section 4.2): `gb2312` is read as gb18030 and
`iso-8859-1` as windows-1252. Labels outside that list are not looked up at all: Python's codec registry also knows
`utf-7`, `unicode_escape`, `punycode` and others that must not be reachable from a header.

Nothing is normalised and nothing is dropped: ZERO WIDTH NON-JOINER and its relatives are spelling in Persian, Kurdish,
Urdu and Indic scripts. Only one leading byte order mark goes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

# Python codec → labels (WHATWG, lower case). A codec is listed even where Python's own name is a label already.
_LABELS: dict[str, str] = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8 utf-8-sig utf_8",
    "cp866": "866 cp866 csibm866 ibm866",
    "iso8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 l2 latin2",
    "iso8859-3": "csisolatin3 iso-8859-3 iso8859-3 iso88593 iso_8859-3 l3 latin3",
    "iso8859-4": "csisolatin4 iso-8859-4 iso8859-4 iso88594 iso_8859-4 l4 latin4",
    "iso8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5",
    "iso8859-6": "arabic asmo-708 csisolatinarabic ecma-114 iso-8859-6 iso-ir-127 iso8859-6 iso88596 iso_8859-6",
    "iso8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso8859-7 iso88597 iso_8859-7",
    "iso8859-8": "csisolatinhebrew hebrew iso-8859-8 iso-8859-8-i iso8859-8 iso88598 iso_8859-8 logical visual",
    "iso8859-10": "csisolatin6 iso-8859-10 iso8859-10 l6 latin6",
    "iso8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9 latin9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "mac-roman": "csmacintosh mac macintosh x-mac-roman",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp874": "dos-874 iso-8859-11 iso8859-11 tis-620 windows-874",
    "cp1250": "cp1250 windows-1250 x-cp1250 win-1250",
    "cp1251": "cp1251 windows-1251 x-cp1251 win-1251 windows1251",
    "cp1252": "ansi_x3.4-1968 ascii us-ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 "
    "iso_8859-1 l1 latin1 latin-1 windows-1252 x-cp1252 win-1252",
    "cp1253": "cp1253 windows-1253 x-cp1253",
    "cp1254": "cp1254 csisolatin5 iso-8859-9 iso8859-9 iso88599 iso_8859-9 l5 latin5 windows-1254 x-cp1254",
    "cp1255": "cp1255 windows-1255 x-cp1255",
    "cp1256": "cp1256 windows-1256 x-cp1256",
    "cp1257": "cp1257 windows-1257 x-cp1257",
    "cp1258": "cp1258 windows-1258 x-cp1258",
    "gb18030": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030 cp936 ms936 "
    "euc-cn",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5 cp950",
    "euc_jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022_jp": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis cp932",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 "
    "windows-949 cp949",
    "utf-16-be": "utf-16be unicodefffe",
    "utf-16-le": "utf-16 utf-16le csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff",
}
_CODECS = {label: codec for codec, labels in _LABELS.items() for label in labels.split()}

_BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_UNMARKED = (  # XML 1.0 appendix F: the prolog shows the width where the mark is missing
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00?\x00", "utf-16-le"),
    (b"\x00<\x00?", "utf-16-be"),
)

# WHATWG looks at 1024 bytes; sites put scripts and comments before their <meta>, so more is read here.
_HEAD = 8192
_SAMPLE = 65536  # bytes given to the detector: it is the slow step
_SPOILT = 0.001  # share of U+FFFD from which on a declaration is doubted
_BEYOND_CHANCE = 8  # continuation bytes; a GB2312 character happens to be valid UTF-8 once in about eight times

_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:+-]{1,40})", re.IGNORECASE)
_PROLOG = re.compile(rb"^\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']\s*([\w.:+-]{1,40})", re.IGNORECASE)
_META = re.compile(rb"<meta\b[^<>]{0,400}?\bcharset\s*=\s*[\"']?\s*([\w.:+-]{1,40})", re.IGNORECASE)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_TAG = re.compile(rb"<[^<>]*>")
_LATIN = frozenset({"cp1252", "iso8859-15"})  # what servers declare when nobody chose anything
_PLAUSIBLE = [  # fewer candidates: faster, and no EBCDIC
    *("utf_8", "cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "cp1256", "cp1255", "gb18030", "big5hkscs", "cp932"),
    *("euc_jp", "cp949", "cp1252", "cp1250", "iso8859_2", "cp1253", "cp1254", "cp1257", "cp1258", "cp874"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """`charset` is the Python codec that read the bytes, `replaced` how many characters could not be read."""

    text: str
    charset: str
    replaced: int


def codec_for(label: str | None) -> str | None:
    """The Python codec for a charset label as a browser reads it; None for labels that are not known."""
    return _CODECS.get(label.strip().strip("\"'").lower()) if label else None


def header_charset(content_type: str | None) -> str | None:
    """The codec a `Content-Type` value names, or None."""
    found = _HEADER.search(content_type[:500]) if content_type else None
    return codec_for(found.group(1)) if found else None


def decode(body: bytes, content_type: str | None = None) -> str:
    """The text of `body`. Never raises: what cannot be read becomes U+FFFD. `content_type` is the header's value."""
    return decoded(body, content_type).text


def decoded(body: bytes, content_type: str | None = None) -> Decoded:
    """As `decode`, with the charset that was used and how many characters were lost."""
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return _read(body[len(mark) :], codec)
    for start, codec in _UNMARKED:
        if body.startswith(start):
            return _read(body, codec)
    declared = dict.fromkeys(codec for codec in (header_charset(content_type), _of_itself(body)) if codec)
    utf8 = _as_utf8(body, next(iter(declared), "utf-8"))
    return _once(utf8, body) if utf8 is not None else _doubted(body, _weigh(body, declared))


def _as_utf8(body: bytes, declared: str) -> Decoded | None:
    """`body` as UTF-8 where it is that without doubt."""
    if body.isascii():
        # ISO-2022-JP is written in ASCII with escapes, so here the declaration does say something.
        return None if declared == "iso2022_jp" else Decoded(text=body.decode("ascii"), charset="utf-8", replaced=0)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if declared == "utf-8" or declared in _LATIN or len(body) - len(text) >= _BEYOND_CHANCE:
        return Decoded(text=text, charset="utf-8", replaced=0)
    return None


def _weigh(body: bytes, declared: Iterable[str]) -> Decoded:
    """The first reading that loses next to nothing: what was declared, damaged UTF-8, a guess; else the least bad."""
    best: Decoded | None = None
    for codec in (*declared, "utf-8", None):
        attempt = _read(body, codec or _guess(body) or "utf-8")
        if attempt.replaced <= _SPOILT * len(attempt.text):
            return attempt
        if best is None or attempt.replaced < best.replaced:
            best = attempt
    assert best is not None  # noqa: S101 - UTF-8 was tried
    return best


# --- what people write -----------------------------------------------------------------------------------------------

NONSENSE, SENSE = 0.4, 0.55  # what is doubted; what is believed instead
_READ = 12_000  # characters looked at
_ENOUGH = 30  # characters outside ASCII, without which nothing can be said
_MARKUP = re.compile(
    r"<(?:script|style)\b.*?(?:</(?:script|style)|$)|<[^<>]*>|&#?\w{1,10};|\s+", re.IGNORECASE | re.DOTALL
)
# Letters that make up at least so much of real text, by script: first code point, last, letters, share.
_COMMON = (
    (0x0400, 0x052F, frozenset("оеаинтсрвлкмдпуяізєћђјў"), 0.75),
    (0x0600, 0x06FF, frozenset("اليمنرتوهبدسیکأعةفق"), 0.75),
    (0x0370, 0x03FF, frozenset("αοιετσνηυρπκμλωάίόήέςύ"), 0.75),
    (0x0590, 0x05FF, frozenset("יוהלארתבשמנםדקע"), 0.75),
    (0x3040, 0x30FF, frozenset("のにはをたがでてとしれさいるなもっんすまりからこーンスルトイ"), 0.5),
    (
        0x4E00,
        0x9FFF,
        frozenset(
            "的一是不了在人有我他这这個个中上们们們國国大来來为為和到时時地以出就对對会會也年用發发說说后後家日月市"
        ),
        0.12,
    ),
    (0xAC00, 0xD7AF, frozenset("이다는에의을가고하지로도은사한인기를자대시정들스어있"), 0.3),
)
_OTHERS = (
    "cp1251",
    "koi8-r",
    "cp866",
    "cp1256",
    "gb18030",
    "big5hkscs",
    "cp932",
    "euc_jp",
    "cp949",
    "cp1253",
    "cp1255",
)


def sense(text: str) -> float | None:
    """0 to 1: how much a text's letters outside ASCII look like what people write; None when there are too few to say.

    Counted are the usual letters of each script, and what never stands side by side: capitals after small letters,
    letters of two alphabets, a letter between signs, accented Latin letters in a row."""
    sample = _MARKUP.sub(" ", text[: 4 * _SAMPLE])[:_READ]
    letters = [letter for letter in sample if letter > "\x7f" and letter.isalpha()]
    if len(letters) < _ENOUGH:
        return None
    if not any(
        letter.islower() for letter in letters
    ):  # all in capitals; else capitals are a sign of the wrong charset
        letters = [letter.lower()[0] for letter in letters]  # "İ" in small letters is two characters
    kinds = [_script(letter) for letter in sample]
    bad = sum(
        _odd(one, other, first, second)
        for one, other, first, second in zip(sample, sample[1:], kinds, kinds[1:], strict=False)
        if one > "\x7f" or other > "\x7f"
    )
    usual = weight = 0.0
    counts = [0] * len(_COMMON)
    hits = [0] * len(_COMMON)
    for letter in letters:
        kind = _script(letter)
        if kind < len(_COMMON):
            counts[kind] += 1
            hits[kind] += letter in _COMMON[kind][2]
        elif kind == _LATIN_LETTER:
            usual, weight = usual + 1, weight + 1
        else:
            weight += 0.5
            usual += 0.25
    for count, hit, (_, _, _, share) in zip(counts, hits, _COMMON, strict=True):
        usual += min(count, hit / share)
        weight += count
    return max(0.0, usual / weight - 1.5 * bad / len(letters))


_LATIN_LETTER, _SIGN, _SPACE, _OTHER_LETTER = 100, 101, 102, 103


@lru_cache(maxsize=8192)
def _script(letter: str) -> int:
    code = ord(letter)
    if code < 0x80:
        return _LATIN_LETTER if letter.isalpha() else _SPACE
    for place, (first, last, _, _) in enumerate(_COMMON):
        if first <= code <= last:
            return place
    if not letter.isalpha():
        # Quotation marks, dashes, format characters (ZWNJ) and vowel signs stand beside letters as they please.
        free = code in _FREE or 0x2000 <= code <= 0x206F or 0x3000 <= code <= 0x303F or code >= 0xFF00
        return _SPACE if free or unicodedata.category(letter)[0] == "M" else _SIGN
    return _LATIN_LETTER if code < 0x250 or 0x1E00 <= code < 0x1F00 else _OTHER_LETTER


_FREE = frozenset(map(ord, "«»·\xa0©®°№§¿¡\xad"))
_CJK = (4, 5, 6)


def _odd(one: str, other: str, first: int, second: int) -> bool:
    """Whether two neighbours, at least one of them outside ASCII, never stand side by side in what people write."""
    if _SPACE in (first, second):
        return False
    if _SIGN in (first, second):
        return True
    if first in _CJK or second in _CJK:
        return not (first in _CJK and second in _CJK) and (one > "\x7f" and other > "\x7f")
    if first != second:
        return True
    if first == _LATIN_LETTER:
        return one > "\x7f" and other > "\x7f"
    return one.islower() and other.isupper()


def _doubted(body: bytes, read: Decoded) -> Decoded:
    """Another reading of the bytes, when the first is nonsense and the other is not."""
    before = sense(read.text)
    if before is None or before > NONSENSE:
        return read
    best: tuple[float, Decoded] | None = None
    for codec in _OTHERS:
        if codec == read.charset:
            continue
        # The start of the text tells most of them apart; the whole is decoded only for the one that is believed.
        some = body[: 4 * _SAMPLE].decode(codec, "replace")
        if some.count("\ufffd") > max(1, _SPOILT * len(some)):
            continue
        score = sense(some)
        if score is not None and score >= SENSE and (best is None or score > best[0]):
            whole = _read(body, codec)
            if whole.replaced <= max(1, _SPOILT * len(whole.text)):
                best = score, whole
    return best[1] if best is not None else read


def _once(read: Decoded, body: bytes) -> Decoded:
    """Text that was encoded as UTF-8, read as a charset of single bytes and encoded again, as it was at first: only
    when the whole of it can be undone, and what comes out makes sense while what went in makes none."""
    # What every character of such a text begins with, and real text has rarely: cheap to look for first. A single byte,
    # which all of them begin with in UTF-8, is found quickest.
    count = read.text.count
    latin = sum(map(count, _FIRST_LATIN)) if body.count(b"\xc3") >= _ENOUGH / 2 else 0
    cyrillic = sum(map(count, "РСШЩ")) - sum(map(count, "оа")) if body.count(b"\xd0") >= _ENOUGH / 2 else 0
    if latin < _ENOUGH / 2 and cyrillic < _ENOUGH / 2:
        return read
    before = sense(read.text)
    if before is None or before > NONSENSE:
        return read
    for codec in ("cp1252", "cp1251"):
        table = _bytes_of(codec)
        try:
            text = bytes(map(table.__getitem__, read.text)).decode("utf-8")
        except (KeyError, UnicodeDecodeError):
            continue
        after = sense(text)
        if after is not None and after >= SENSE:
            return Decoded(text=text, charset="utf-8", replaced=0)
    return read


_FIRST_LATIN = ("Ã", "Ð", "Ñ", "Ø", "Ù", "â€", "ã", "ç", "æ")


@cache
def _bytes_of(codec: str) -> dict[str, int]:
    table: dict[str, int] = {}
    for byte in range(256):
        letter = bytes([byte]).decode(codec, "replace")
        table[chr(byte) if letter == "\ufffd" else letter] = byte
    return table


def _of_itself(body: bytes) -> str | None:
    head = body[:_HEAD]
    found = _PROLOG.search(head) or _META.search(_COMMENT.sub(b"", head))
    codec = codec_for(found.group(1).decode("ascii")) if found else None
    # These bytes were read as ASCII, so the document cannot be UTF-16 whatever it says (WHATWG 13.2.3.3).
    return "utf-8" if codec and codec.startswith("utf-16") else codec


def _read(body: bytes, codec: str) -> Decoded:
    text = body.decode(codec, "replace")
    return Decoded(text=text, charset=codec, replaced=text.count("\ufffd"))


def _guess(body: bytes) -> str | None:
    """What charset-normalizer (which requests and trafilatura bring) makes of the text without its tags."""
    from charset_normalizer import from_bytes

    sample = _TAG.sub(b" ", body[: 4 * _SAMPLE])[:_SAMPLE]
    cut = max(sample.rfind(b" "), sample.rfind(b"\n"))  # never through the middle of a character
    best = from_bytes(sample[:cut] if cut > 0 else sample, cp_isolation=_PLAUSIBLE).best()
    return best.encoding if best else None
