"""Radio Free Europe/Radio Liberty and the Voice of America: many sites in many languages, one publishing system. The
text is `.wsw`; players, "read also" and appeals to subscribe stand inside it as `.wsw__embed` and `.media-block`, and
boxes beside the article are `.wsw` too. A picture's own `.wsw__embed` stays.

Addresses are as public readers' lists had them in 2026, and none was tried: `outlet add` tries each. `/api/` is the
feed that the front pages declare; some of the sites forbid it to robots, and have a sitemap for them. The feeds of
single sections have names nobody can guess and are left out. Voice of America has published little since March 2025.
"""

from __future__ import annotations

from mirror.outlets import Preset, Rules, named

_DROP = (
    ".wsw .media-block, .wsw .media-block-wrap, .wsw .infgraphicsAttach, .wsw .c-mmp, .wsw .media-pholder, .wsw .quiz",
    ".also-read, .body-container .region, .article-share, .share--box, .sticky-share-container, .c-spinner, .ico",
    ".wsw aside, .wsw .author-hlight, .js-comments, .comments",
    *named("subscri", "donat", "promo", within=".wsw"),
)
_RULES = (
    # Before the sites were made for small screens there was one column with other names.
    Rules(body=("#article .articleContent", ".zoomMe", ".article_txt"), drop=(".boxwidget_part, .factbox",)),
    Rules(drop=_DROP, since="2014-06-01"),
)
_RFERL_ONION = "rferlo2zxgv23tct66v45s5mecftol5vod3hf4rqbipfp46fqu2q56ad.onion"
_VOA_ONION = "voanews5aitmne6gs2btokcacixclgfl43cv27sirgbauyyjylwpdtqd.onion"
_NO_TEXT = ("*/radio/*", "*/tv/*", "*/embed/*", "*/z/*", "*/t/*", "*/podcast/*", "*/schedule/*")


def _site(id: str, name: str, language: str, host: str, *mirrors: str, telegram: tuple[str, ...] = ()) -> Preset:
    bare = host.removeprefix("www.")
    return Preset(
        id=id,
        name=name,
        url=f"https://{host}/",
        language=language,
        hosts=(bare, *mirrors),
        feeds=(f"https://{host}/api/",),
        sitemaps=(f"https://{host}/sitemap.xml",),
        telegram=tuple(f"https://t.me/s/{channel}" for channel in telegram),
        exclude=_NO_TEXT,
        rules=_RULES,
    )


PRESETS = (
    _site("rferl", "Radio Free Europe/Radio Liberty", "en", "www.rferl.org", _RFERL_ONION),
    _site("svoboda", "Радио Свобода", "ru", "www.svoboda.org", f"svoboda.{_RFERL_ONION}", telegram=("radiosvoboda",)),
    _site("currenttime", "Настоящее Время", "ru", "www.currenttime.tv", telegram=("currenttime",)),
    _site("radiofarda", "رادیو فردا", "fa", "www.radiofarda.com", telegram=("radiofarda",)),
    _site("azattyq", "Азаттык", "kk", "www.azattyq.org"),
    _site("azattyq-ru", "Радио Азаттык", "ru", "rus.azattyq.org"),
    _site("azattyk", "Азаттык", "ky", "www.azattyk.org"),
    _site("azadliq", "AzadlıqRadiosu", "az", "www.azadliq.org"),
    _site("ozodlik", "Озодлик", "uz", "www.ozodlik.org"),
    _site("azathabar", "Azatlyk Radiosy", "tk", "www.azathabar.com"),
    _site("ozodi", "Радиои Озодӣ", "tg", "www.ozodi.org"),
    _site("svaboda", "Радыё Свабода", "be", "www.svaboda.org"),
    _site("radiosvoboda", "Радіо Свобода", "uk", "www.radiosvoboda.org"),
    _site("idelreal", "Idel.Реалии", "ru", "www.idelreal.org"),
    _site("sibreal", "Сибирь.Реалии", "ru", "www.sibreal.org"),
    _site("severreal", "Север.Реалии", "ru", "www.severreal.org"),
    _site("kavkazr", "Кавказ.Реалии", "ru", "www.kavkazr.com"),
    _site("krymr", "Крым.Реалии", "ru", "ru.krymr.com"),
    _site("voanews", "Voice of America", "en", "www.voanews.com", _VOA_ONION),
    _site("golosameriki", "Голос Америки", "ru", "www.golosameriki.com", "golos-ameriki.ru"),
    _site("voapersian", "صدای آمریکا", "fa", "ir.voanews.com", telegram=("farsivoa",)),
    _site("voachinese", "美国之音", "zh", "www.voachinese.com"),
)
