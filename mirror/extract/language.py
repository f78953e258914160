"""Language and direction. The page's own claim holds unless its letters say otherwise: `lang="en"` stands on many pages
that are Russian, Persian or Chinese because a template was copied."""

# ruff: noqa: SIM905 - word lists are easier to read and to change as text

from __future__ import annotations

import re

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
    counts = {name: len(pattern.findall(sample)) for name, pattern in _SCRIPTS.items()}
    counts["han"] *= 2  # a character is a word
    if counts["kana"] * 8 > counts["han"] > 0 and counts["kana"] > 20:
        counts["kana"] += counts["han"]
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else None


def guess(text: str) -> str | None:  # noqa: PLR0911 - one return a kind
    """The language as far as letters and small words tell."""
    script = script_of(text)
    sample = text[:6000]
    if script is None:
        return None
    if script == "cyrillic":
        if re.search("[ўЎ]", sample):
            return "be"
        if len(re.findall("[іїєґІЇЄҐ]", sample)) > 0.01 * len(sample):
            return "uk"
        if re.search("[ђћљњџЂЋЉЊЏ]", sample):
            return "sr"
        return "ru" if re.search("[ыэЫЭ]", sample) or len(sample) < 200 else "bg"
    if script == "arabic":
        persian = len(re.findall("[پچژگ]", sample)) + len(re.findall("[یک]", sample)) // 4
        if len(re.findall("[ٹڈڑےہں]", sample)) > 0.01 * len(sample):
            return "ur"
        if len(re.findall("[ڵۆێڕ]", sample)) > 0.01 * len(sample):
            return "ckb"
        return "fa" if persian > 0.012 * len(sample) else "ar"
    if script == "latin":
        words = re.findall(r"[^\W\d_]+", sample.lower())
        if len(words) < 12:
            return None
        scores = {language: sum(words.count(word) for word in small.split()) for language, small in _WORDS.items()}
        best = max(scores, key=lambda language: scores[language])
        return best if scores[best] >= 0.06 * len(words) else None
    return _WRITTEN_IN[script][0]


def settle(claims: list[str | None], text: str) -> str | None:
    """The first claim that the letters of the text allow; else what the letters say; else the first claim."""
    tags = [tag for claim in claims if (tag := tag_of(claim))]
    script = script_of(text)
    if script is None:
        return tags[0] if tags else None
    for tag in tags:
        if _fits(tag.split("-")[0], script):
            return tag
    return guess(text) or (tags[0] if tags else None)


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
