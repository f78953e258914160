"""Language and direction. The page's own claim holds unless its letters say otherwise: `lang="en"` stands on many pages
that are Russian, Persian or Chinese because a template was copied, and a Ukrainian desk's pages say `ru`.

The claims, in this order: the article's data, `<html lang>`, `og:locale`, the other meta elements, the outlet's
configuration. Where two languages share a script, only letters that one of them does not have decide against a claim;
in Latin script the small words do, when they leave no doubt or when another claim agrees with them. Chinese is told
apart by its characters: `zh-Hans` or `zh-Hant` where the page claims the other one or nothing; a plain `zh` stays.
Mongolian is `mn-Mong` where it is in its own script, which is set in columns, and `mn` in Cyrillic.
"""

# ruff: noqa: SIM905 - word lists are easier to read and to change as text

from __future__ import annotations

import re
from collections import Counter

from mirror.model import Direction

RIGHT_TO_LEFT = frozenset("ar fa he iw ur ps ku-arab ckb sd ug yi dv arc syr azb".split())

_SCRIPTS = {
    "cyrillic": re.compile(r"[\u0400-\u052f]"),
    "arabic": re.compile(r"[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]"),
    "hebrew": re.compile(r"[\u0590-\u05ff]"),
    "han": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"),
    "kana": re.compile(r"[\u3040-\u30ff]"),
    "hangul": re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"),
    "greek": re.compile(r"[\u0370-\u03ff]"),
    "georgian": re.compile(r"[\u10a0-\u10ff]"),
    "armenian": re.compile(r"[\u0530-\u058f]"),
    "thai": re.compile(r"[\u0e00-\u0e7f]"),
    "myanmar": re.compile(r"[\u1000-\u109f]"),
    "devanagari": re.compile(r"[\u0900-\u097f]"),
    "ethiopic": re.compile(r"[\u1200-\u137f]"),
    "tibetan": re.compile(r"[\u0f00-\u0fff]"),
    "mongolian": re.compile(r"[\u1810-\u1819\u1820-\u1878\u1880-\u18aa]"),
    "latin": re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]"),
}
_WRITTEN_IN = {
    "cyrillic": "ru uk be bg sr mk kk ky tg mn tt ba os ce uz az cv av".split(),
    "arabic": "fa ar ur ps ckb ku sd ug az uz pnb".split(),
    "hebrew": "he yi".split(),
    "han": "zh ja yue wuu".split(),
    "kana": ["ja"],
    "hangul": ["ko"],
    "greek": ["el"],
    "georgian": ["ka"],
    "armenian": ["hy"],
    "thai": ["th"],
    "myanmar": "my shn mnw".split(),
    "devanagari": "hi mr ne sa".split(),
    "ethiopic": "am ti".split(),
    "tibetan": "bo dz".split(),
    "mongolian": "mn mvf mnc sjo xal".split(),
}
_WORDS = {
    "en": "the and of to in that is was for with on as by from has are said",
    "de": "der die und das den von mit ist nicht ein eine auf für sich des dem",
    "fr": "le la les des et une que dans pour est sur pas qui par du aux",
    "es": "el la los las que de en una por con para del se como más",
    "it": "il di che la per una del con non della sono gli nel anche",
    "pt": "de que não uma para com os do da em mais por dos ao",
    "pl": "w na z się nie że do jest o jak to po przez od",
    "nl": "de het een van en dat is niet op te voor met zijn",
    "tr": "ve bir bu için ile olarak da de çok daha olan",
    "sv": "och att det som en är på av för med den inte",
    "no": "og det som en er på av for med den ikke til",
    "da": "og det som en er på af for med den ikke til",
    "fi": "ja on ei että se oli hän ovat myös kun",
    "cs": "a se na je že v s z do to jako",
    "ro": "și în de la cu pe că nu din este",
    "hu": "a az és hogy nem is egy meg volt",
    "vi": "và của là có được cho trong không người một",
    "id": "yang dan di dengan untuk dari ini itu tidak dalam",
}
_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_OLD = {
    "iw": "he",
    "in": "id",
    "ji": "yi",
    "jp": "ja",
    "cn": "zh",
    "ua": "uk",
    "cz": "cs",
    "gr": "el",
    "kr": "ko",
    "nb": "no",
    "nn": "no",
}


def tag_of(claim: str | None) -> str | None:
    """A claim (`en_US`, `fa-IR`, `zh-Hans-CN`) as a language tag, region dropped, script kept for Chinese; or None."""
    claim = (claim or "").strip().split(",")[0].strip()
    if not _TAG.fullmatch(claim):
        return None
    parts = re.split("[-_]", claim)
    language = _OLD.get(parts[0].lower(), parts[0].lower())
    if language in ("xx", "und", "mul", "zxx"):
        return None
    if language == "zh" and len(parts) > 1:
        last = parts[1].lower()
        if last in ("hant", "tw", "hk", "mo"):
            return "zh-Hant"
        if last in ("hans", "cn", "sg"):
            return "zh-Hans"
    return language


def script_of(text: str) -> str | None:
    """The script most letters are in; None without letters."""
    sample = text[:6000]
    numbers = Counter(sample)
    letters = "".join(numbers)
    counts = {name: sum(numbers[letter] for letter in pattern.findall(letters)) for name, pattern in _SCRIPTS.items()}
    counts["han"] *= 2  # a character is a word
    if counts["kana"] * 8 > counts["han"] > 0 and counts["kana"] > 20:
        counts["kana"] += counts["han"]
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else None


SAMPLE = 6000  # characters that are looked at
ENOUGH = 200  # letters before a claim is denied for its letters

# Characters of which one form is written with each of the two scripts of Chinese, and hardly ever in the other.
_SIMPLIFIED = frozenset(
    "们这来说时国会过对个还关开问间现东车长门马风话让记员报电级华无业严习书买争产亲从价众优传体两军农动务区医单历发变号听园图团场声处头学实"
    "审专导尔岛师带应张当录总战数条极标样权机气决济点热爱环监确离种称经结给统继续网职联脑节获见规视觉计认议设证评识词试调谈谢责败货资赛转轻边达"
    "运进远连选钟银错镇阳队难预领题飞馆验党龙"
)
_TRADITIONAL = frozenset(
    "們這來說時國會過對個還關開問間現東車長門馬風話讓記員報電級華無業嚴習書買爭產親從價眾優傳體兩軍農動務區醫單歷發變號聽園圖團場聲處頭學實"
    "審專導爾島師帶應張當錄總戰數條極標樣權機氣決濟點熱愛環監確離種稱經結給統繼續網職聯腦節獲見規視覺計認議設證評識詞試調談謝責敗貨資賽轉輕邊達"
    "運進遠連選鐘銀錯鎮陽隊難預領題飛館驗黨龍"
)
# Letters that only some of the languages of a script have, as a share of a text's characters that is beyond doubt.
_OWN_CYRILLIC = (
    ("tg", "[ӣӯҳҷ]", 0.004),
    ("kk", "[әғқұһ]", 0.01),
    ("tt", "[җә]", 0.02),
    ("ky", "[ңөү]", 0.01),
    ("be", "[ўЎ]", 0.002),
    ("uk", "[іїєґІЇЄҐ]", 0.01),
    ("sr", "[ђћљњџЂЋЉЊЏ]", 0.004),
)
_OWN_ARABIC = (
    ("ur", "[ٹڈڑےہں]", 0.01),
    ("ps", "[ټډړښږڼځڅۍ]", 0.01),
    ("ug", "[ەۈۋېۇ]", 0.03),
    ("ckb", "[ڵۆێڕ]", 0.01),
)


def guess(text: str) -> str | None:
    """The language as far as letters and small words tell."""
    script = script_of(text)
    sample = text[:SAMPLE]
    if script is None:
        return None
    if script in ("cyrillic", "arabic"):
        for language, letters, share in _OWN_CYRILLIC if script == "cyrillic" else _OWN_ARABIC:
            if len(re.findall(letters, sample)) > share * len(sample):
                return language
        if script == "arabic":
            return "fa" if _persian(sample) > 0.012 * len(sample) else "ar"
        return "ru" if re.search("[ыэЫЭ]", sample) or len(sample) < ENOUGH else "bg"
    if script == "latin":
        best, score, _ = _by_words(sample, "")
        return best if score >= FEW_WORDS else None
    return _refined("zh", sample) if script == "han" else _columned(_WRITTEN_IN[script][0], script)


FEW_WORDS = 0.06  # share of the words that are small ones
MANY_WORDS = 0.16


def _persian(sample: str) -> int:
    return len(re.findall("[پچژگ]", sample)) + len(re.findall("[یک]", sample)) // 4


def _by_words(sample: str, claimed: str) -> tuple[str | None, float, float]:
    """The language whose small words are the most, their share, and the share of the claimed language's."""
    words = re.findall(r"[^\W\d_]+", sample.lower())
    if len(words) < 12:
        return None, 0.0, 0.0
    counts = Counter(words)
    scores = {language: sum(counts[word] for word in small.split()) / len(words) for language, small in _WORDS.items()}
    best = max(scores, key=lambda language: scores[language])
    return best, scores[best], scores.get(claimed, 0.0)


def _refined(tag: str, text: str) -> str:
    """`zh` with the script that the characters are; the claimed one where they do not say."""
    if tag.partition("-")[0] != "zh":
        return tag
    sample = text[:SAMPLE]
    simplified = sum(character in _SIMPLIFIED for character in sample)
    traditional = sum(character in _TRADITIONAL for character in sample)
    if max(simplified, traditional) < 10 or min(simplified, traditional) > 0.1 * max(simplified, traditional):
        return tag
    return "zh-Hans" if simplified > traditional else "zh-Hant"


def _columned(tag: str, script: str) -> str:
    return "mn-Mong" if tag == "mn" and script == "mongolian" else tag


def settle(claims: list[str | None], text: str) -> str | None:
    """The first claim that the letters of the text allow; else what the letters say; else the first claim."""
    tags = [tag for claim in claims if (tag := tag_of(claim))]
    script = script_of(text)
    if script is None:
        return tags[0] if tags else None
    for tag in tags:
        if _fits(tag.partition("-")[0], script):
            other = _denied(tag, script, text[:SAMPLE], tags)
            return _columned(_refined(other or tag, text) if other or tag != "zh" else tag, script)
    return guess(text) or (tags[0] if tags else None)


def _denied(tag: str, script: str, sample: str, tags: list[str]) -> str | None:
    """The language that a text is beyond doubt, when that is another one than claimed, of the same script."""
    claimed = tag.partition("-")[0]
    if len(sample) < ENOUGH:
        return None
    own = guess(sample) if script in ("cyrillic", "arabic") else None
    if (claimed in ("ru", "bg") and own in ("uk", "be")) or (claimed == "ar" and own != "ar"):
        return own
    if claimed in ("uk", "be") and own == "ru" and not re.search("[іїєґўІЇЄҐЎ]", sample):
        return "ru"
    if claimed == "fa" and own == "ar" and _persian(sample) < 0.002 * len(sample) and re.search("[ةى]", sample):
        return "ar"
    if script == "latin" and claimed in _WORDS:
        best, score, its = _by_words(sample, claimed)
        agreed = any(other.partition("-")[0] == best for other in tags)
        if best != claimed and score >= FEW_WORDS and (agreed or (score >= MANY_WORDS and score > 2 * its)):
            return best
    return None


def _fits(language: str, script: str) -> bool:
    if script == "latin":
        only = {name for names in _WRITTEN_IN.values() for name in names} - {"az", "uz", "ku", "sr", "tt", "kk", "mn"}
        return language not in only
    return language in _WRITTEN_IN[script]


def direction_of(language: str | None, text: str) -> Direction:
    script = script_of(text)
    if script in ("arabic", "hebrew"):
        return "rtl"
    if script is None and language is not None and language.split("-")[0] in RIGHT_TO_LEFT:
        return "rtl"
    return "ltr"
