"""Whose names stand in a text of names: people, agencies, the publication itself; and what of it is none.

Better nobody than a wrong name: no role, no address, no login, no desk. An agency is named where the page names it.
"""

# ruff: noqa: SIM905 - word lists are easier to read and to change as text

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from mirror.extract.page import key_of, squeeze

MOST = 12

# What stands before a name, with a colon or without one.
BY_WORDS = (
    r"by|von|vom|par|por|per|di|da|de|av|af|door|przez|nga|autor(?:ka|ica|in|es|zy|s|ė|ius|iai|ii|ul)?|autors|auteure?s?|"
    r"autore|autori|autrice|authors?|author\(s\)|auteur\(s\)|autorin/autor|autor/in|avtor(?:ica)?|autori?ai|höfundur|"
    r"автор(?:ы|ка|и|ом|лар|лор)?|аутор(?:ка|и)?|аўтар(?:ы|ка)?|текст|муаллиф(?:он|лар)?|muallif(?:lar)?|müəllif(?:lər)?|awtor|"
    r"беседовал[аи]?|написал[аи]?|подготовил[аи]?|записал[аи]?|підготува(?:в|ла|ли)|записа(?:в|ла|ли)|пише|piše|"
    r"ავტორ(?:ი|ები)|հեղինակ(?:ներ)?|"
    r"نویسنده|نویسندگان|نوشتهٔ?|گزارش از|به قلم|بقلم|كتب|كتبت|كتبها|بواسطة|تحرير|تحریر|إعداد|لیکوال|مصنف|"
    r"作者|撰文|撰稿|采写|採訪|文|記者|记者|本报记者|"
    r"기자|글|執筆|redacción|texte|text|tekst|teksti|szerző|írta|yazar|yazan|geschreven door|scritto da|escrito por|"
    r"écrit par|a cura di|propos recueillis par|geschrieben von|verfasst von|skrevet af|skrevet av|"
    r"napisała?|napisa[ol]a?|scris de|opracowała?|posté par|publié par|publicado por|redactado por|γράφει (?:ο|η)|"
    r"γράφουν οι|oleh|bởi|mwandishi|מאת|द्वारा|लेखक|எழுதியவர்|โดย|ໂດຍ|ដោយ"
)
# What does so only with a colon: alone it is a word like others.
LABELS = (
    r"reporters?|journalist(?:e|in)?|redakteur(?:in)?|haber|muhabir|penulis|opracowanie|kirjoittaja|skribent|tác giả|"
    r"журналист(?:ка)?|журналіст(?:ка)?|корреспондент|кореспондент|хабаршы|мухбир|خبرنگار|گزارشگر|گزارش|رپورٹ|الكاتب|الكاتبة|"
    r"συντάκτης|συντάκτρια|ρεπορτάζ|रिपोर्ट|লেখক|ผู้เขียน"
)
# Those that names begin with too: "Von Miller", "Di Maria", "De Niro".
_PARTICLE = re.compile(r"(?:von|vom|di|da|de|av|af|per)\s", re.IGNORECASE)
BY = re.compile(
    rf"^(?:(?:written|posted|story|text|words|reported|edited|published|article|report|analysis|opinion|"
    rf"review)\s+)?(?:{BY_WORDS})\s*(?:[:：՝/|]\s*|\s)\s*(?=\S)|^(?:words|автор|作者|记者|記者|文|{LABELS})\s*[:：／/]\s*",
    re.IGNORECASE,
)


def without_by(text: str) -> str:
    """A name without the word that says that one follows. What names begin with as well is left where only one word
    follows, and where a capital "De" or "Da" begins it."""
    found = BY.match(text)
    if found is None:
        return text
    rest = text[found.end() :]
    if _PARTICLE.match(text) and ":" not in found.group():
        words = rest.split()
        if len(words) < 2 or not words[0][:1].isupper() or text.startswith(("De ", "Da ", "Per ")):
            return text
    return rest


HAN_FAMILIES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方"
    "石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚張劉陳楊趙黃吳孫馬羅鄭謝韓馮鄧許呂蘇盧蔣賈葉閻餘鐘"
)
_HAN_NAME = re.compile(rf"[{HAN_FAMILIES}][\u3400-\u9fff]{{1,2}}")
HANGUL_NAME = re.compile(
    r"[김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민류나진지엄채원천방공현함변염여추도소석선설마길연위표명기반라왕금]"
    r"[가-힣]{2}"
)
HAN_NO_NAME = re.compile(
    r"编辑|编辑部|報導|报道|报导|摄影|攝影|来源|來源|记者|記者|时间|日期|字号|点击|浏览|阅读|发布|评论|未知|佚名|匿名|网络|转载|本站|本网|不详"
)
_AGENCIES = (
    r"afp|ap|reuters|associated press|the associated press|ap news|agence france[- ]presse|dpa|dpa-afx|"
    r"deutsche presse[- ]agentur|apa|sda|keystone-sda|ats|"
    r"epa|agencia efe|efe|europa press|ansa|agi|adnkronos|lusa|belga|anp|ritzau|stt|tass|тасс|риа новости|"
    r"интерфакс|interfax|rfe/rl(?:['’]s [\w ]{1,30} service)?|xinhua|新华社|中新网|中新社|共同|時事|jiji|jiji press|"
    r"ria novosti|bloomberg(?: news)?|pap|ntb|tt|upi|ani|pti|ians|irna|isna|tasnim|yonhap|연합뉴스|kyodo(?: news)?|"
    r"belta|ukrinform|укрінформ|unian|уніан|anadolu(?: agency)?|aa|dha|iha|mti|"
    r"čtk|ctk|tanjug|hina|agerpres|mediafax|bns|elta|leta|notimex|télam|telam|ansa\.it|press association|pa media|"
    r"canadian press|the canadian press|australian associated press|aap|sid|kna|epd|ots|wam|spa|mena|petra|sana|رويترز|"
    r"أ ف ب|فرانس برس|د ب أ|خبرگزاری فرانسه|رویترز|ایسنا|ایرنا|roiters"
)
AGENCY = re.compile(rf"^(?:{_AGENCIES})$", re.IGNORECASE)
_NO_PERSON = re.compile(
    r"^(?:(?:user |super |web)?admin(?:istrator)?|editor(?:s|ial)?(?: board| team| desk)?|"
    r"(?:the )?staff(?: writer| reporter)?s?|redaktion\w*|die redaktion|redaktori?|redakcja|redakce|redakcija|"
    r"redazione|la redazione|redacción|la redacción|redacao|redação|da redação|la rédaction|rédaction|redaktsiya|"
    r"редакция|редакція|toimitus|(?:de )?redactie|editorial|newsroom|news ?desk|web ?desk|online|agenc(?:y|ies)|"
    r"agencias?|wires?|guest(?: author| contributor| post)?|contributor|correspondent|press release|unknown|anonymous|"
    r"website|reporter|the (?:author|writer|team|desk|office|public))(?:\b.{0,12})?$|"
    r"^(?:user|red|desk|national desk|agenturen|agences|wire (?:reports|services?)|staff and \S.*|contributed|anonymus|"
    r"no author|none|null|undefined|nan|n/?a|author|autor|auteur|name|follow(?: author)?|\w*admin\w*|"
    r"monday|tuesday|wednesday|thursday|friday|saturday|sunday|mr|mrs|dr|prof|jr|sr|ms|md|phd|rdn?|mph|mba|esq|"
    r"publi(?:ziert|shed|cado|é|cato)(?: am| on| el| le)?|佚名|网络|未知|匿名|本站|编辑|责任编辑|تحریریه|سردبیر|"
    r"التحرير|هيئة التحرير)\.?$",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(
    r"\s*(?:,(?:\s(?:and|und|et|y|e|и)\s)?|;|\||、|，|،|／|•|·(?=\s)|\s&\s|\sand\s|\sund\s|\set\s|\sy\s|\se\s|\si\s|\sи\s|\sі\s|\sта\s|\sو\s|"
    r"\swith\s|\smit\s|\savec\s|\scon\s|\soch\s|\sen\s|\sog\s|\sja\s|\sve\s|\sa\s(?=(?-i:[A-ZÀ-Ž]))|\sa\.\s)\s*(?=\S)",
    re.IGNORECASE,
)
_DASH = re.compile(r"\s+[-–—|]\s+")
ROLE = re.compile(
    r"^(?:.*\b(?:editor|correspondent|reporter|writer|journalist|staff|columnist|bureau|producer|contributor|chief|"
    r"director|redakteur\w*|korrespondent\w*|journaliste|periodista|giornalista|корреспондент|редактор|журналист|"
    r"обозреватель|updated|published|posted|veröffentlicht|aktualisiert|actualizado|photo\w*|min read|minutes?|ago|"
    r"copyright|special to|for|founder|фото|envoyée?s? spécia\w+|the .* times|news|press|magazine|media|tv|radio|"
    r"online|subscribe|follow|www\.|https?:)\b.*|.*\d.*|.*[@<>{}/\\©].*)$",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^[^\W\d_]{1,20}(?:\s[^\W\d_]{1,20})?\s*[:：]")
_LOGIN = re.compile(r"[A-Za-z0-9]+(?:[._][A-Za-z0-9]+)+|[a-z0-9]+(?:-[a-z0-9]+)+")
_TAIL = re.compile(
    r"\s+(?:envoyée?s? spécia\w+|correspondant\w*|our correspondent|special to|à [A-ZÀ-Ž]|aus [A-ZÄÖÜ]|"
    r"собкор|спецкор)\b.*$",
)
_SENTENCE = re.compile(r"(?<=[^\W\d_]{3})(?<!\b(?:Prof|Dipl))\.\s+[^\W\d_]{3}.*$")
_PARTICLES = frozenset(
    "de da do dos das del della der den di du van von vom zu zur ter ten te el al bin ibn la le las los y e i af av "
    "st".split()
)
_CASELESS = re.compile(
    r"[\u0590-\u08ff\u0900-\u0dff\u0e00-\u109f\u10d0-\u10ff\u1200-\u139f\u1780-\u17ff"
    r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af·•．\s]{2,14}")


@dataclass(slots=True)
class Names:
    """`people` are people, agencies and others who wrote; `own` is what names the publication itself."""

    people: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)


def clean_names(names: Iterable[str], own: set[str]) -> tuple[str, ...]:
    """Who is named, without "By", roles, addresses and the publication itself (`own`, letters only, small)."""
    return tuple(sorted_out(((name, False) for name in names), own).people.values())


def sorted_out(names: Iterable[tuple[str, bool]], own: set[str]) -> Names:
    """The names in texts of names; with each, whether it is declared to be an organisation's."""
    found = Names()
    for raw, organisation in islice(names, 20):
        text = squeeze(raw[:300])
        if text.lower().startswith(("http:", "https:", "www.")):
            continue
        text = re.sub(r"[\w.+-]{1,64}@[\w.-]{1,64}|@\w{1,64}", "", text)
        if not organisation and (address := _IN_BRACKETS.search(text)) is not None:
            text = text[: address.start()]
            if is_own(re.sub(r"^(?:https?://)?(?:www\.)?", "", address[1]), own):
                found.own.setdefault(key_of(text).casefold(), text.strip(EDGE))
                continue
        if organisation:
            _sort(found, text, own, organisation=True)
            continue
        text = re.sub(r"\s*\([^()]*\)", "", without_by(text)).strip(EDGE)
        if is_own(text, own):
            found.own.setdefault(key_of(text).casefold(), text)
            continue
        _split(found, text, own)
    found.people = dict(list(found.people.items())[:MOST])
    return found


def _split(found: Names, text: str, own: set[str]) -> None:
    """Puts the names in one text where they belong. What follows a person after a comma, a bar or a dash, and is no
    person, is what this one does and for whom: "A. N. Other, Director, Content & Marketing, The Example Institute"."""
    role = person = False
    begin = 0
    marks = [*((found_.start(), found_.end(), found_.group().strip()) for found_ in _SEPARATOR.finditer(text))]
    for start, end, mark in [*marks, (len(text), len(text), "")]:
        part, before, begin = text[begin:start], text[:begin].rstrip(), end
        for one in _apart(_trimmed(part)):
            role = role or bool(_POST.search(one))
            if role and (_OFFICE.search(one) or not is_name(one)):
                continue
            if person and before.endswith((",", "|", "，")) and _is_no_second(one.strip(EDGE), before):
                continue
            pieces = _DASH.split(one)
            for piece in pieces if len(pieces) <= 3 else ():
                count = len(found.people)
                if _sort(found, without_by(piece.strip(EDGE)), own, organisation=False):
                    person = len(found.people) > count and not _is_agency(piece)
                    break  # what comes after a dash is where or for whom
        if mark in (";", "；"):
            role = person = False


def _is_no_second(text: str, before: str) -> bool:
    """Whether what stands after a person and a comma is who pays, or something in small letters ("special to …"), and
    not a second author."""
    if _EMPLOYER.match(text):
        return True
    return text[:1].islower() and not before[:1].islower() and not _is_agency(text)


def _trimmed(name: str) -> str:
    """A name without what follows it with nothing between."""
    tail = _STAFF.search(name)
    own = name[: tail.start()] if tail is not None else name
    return own if tail is not None and (is_name(without_by(own)) or _is_agency(own)) else name


def _is_agency(text: str) -> bool:
    return AGENCY.match(text.strip(EDGE)) is not None


def _apart(text: str) -> list[str]:
    """The names that only a stroke parts ("A. N. Other/dpa"), and the Chinese or Korean ones that only spaces part:
    each of them begins with a family's."""
    if "/" in text and all(is_name(one.strip(), 4) or _is_agency(one) for one in text.split("/")):
        return text.split("/")
    words = text.split()
    if len(words) > 1 and all(_HAN_NAME.fullmatch(word) or HANGUL_NAME.fullmatch(word) for word in words):
        return words
    return [text]


# After a name, nothing between: "A. N. Other Staff Writer", "Reuters Staff", "홍길동 기자", "A. N. Other in London".
_STAFF = re.compile(
    r"\s+(?:(?:senior |chief )?(?:staff(?: (?:writer|reporter))?|newsroom|reporter|correspondent|columnist)|"
    r"(?:선임\s?|수석\s?|인턴\s?)?(?:기자|특파원)|(?-i:in|em|for) (?-i:[A-Z]).*|"
    r"(?:is|was|covers|writes|reports|joined|works) .*)$",
    re.IGNORECASE,
)
_POST = re.compile(
    r"\b(?:editor|correspondent|reporter|writer|journalist|columnist|producer|director|manager|president|officer|"
    r"founder|partner|professor|fellow|analyst|researcher|redakteur(?:in)?|korrespondent(?:in)?|"
    r"корреспондент|редактор|журналист|обозреватель|аналитик)\b",
    re.IGNORECASE,
)
_OFFICE = re.compile(
    r"\b(?:institut\w*|universit\w*|college|school|cent(?:er|re)|council|foundation|society|association|agency|network|"
    r"group|inc|llc|ltd|gmbh|department|ministry|bank|fund|committee|commission|union|party|post|journal|review|"
    r"services?|company|corporation|studios?|labs?|research|marketing|content|affairs|policy|politics|sports?|business)"
    r"\b",
    re.IGNORECASE,
)
# After a person: who pays. An agency in short is a second author ("…, dpa"), its name in full is not.
_EMPLOYER = re.compile(
    r"(?:(?:the )?associated press|(?:the )?canadian press|agence france-presse|press association|"
    r"(?-i:CNN|BBC|NPR|PBS|NBC|CBS|ABC|MSNBC|CNBC|CBC|DW|ARD|ZDF|VOA|RFI|RFE/RL|RTL)(?: \w+){0,3}$|the \S.*$|"
    r"\S*(?:studio|büro|bureau)\b.*$|(?:\S+ ){1,4}(?:times|news|tribune|herald|gazette|chronicle|today|network|"
    r"magazine|observer|newspapers?|institute|university|foundation|council|association)$|"
    r"(?:universit(?:y|ät|é)|universidad|institute?|school|college|academy|cent(?:er|re)|council|ministry)"
    r" (?:of|for|de|für|at) \S.*$)",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"\s*\(([^()]*)\)\s*$")
EDGE = " -–—:|,.()[]*•·/\u200e\u200f"


def _sort(found: Names, name: str, own: set[str], *, organisation: bool) -> bool:
    """Puts a single name where it belongs; whether it was somebody's."""
    name = re.sub(r"\s*\([^()]*\)", "", name).strip(EDGE)
    name = _SENTENCE.sub("", _TAIL.sub("", name)).strip(" -–—:|,()")
    name = _trimmed(name)
    key = key_of(name).casefold()
    if not 2 <= len(name) <= 60 or not key or len(name.split()) > 7:
        return False
    if is_own(name, own):
        found.own.setdefault(key, name)
        return False
    if AGENCY.match(name):
        found.people.setdefault(key, name)
        return True
    if _NO_PERSON.match(name) or _LABEL.match(name) or BY_WORD.fullmatch(name):
        return False
    if not organisation and (
        len(name.split()) > 6 or ROLE.match(name) or _LOGIN.fullmatch(name) or HAN_NO_NAME.search(name)
    ):
        return False
    name = re.sub(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])", "", name)  # 赵 培
    found.people.setdefault(key, name.title() if name.isupper() and len(name) > 4 else name)
    return True


BY_WORD = re.compile(rf"(?:{BY_WORDS})", re.IGNORECASE)
_DESK = re.compile(
    r"redaktion\w*|redacción|redazione|rédaction|redakcja|redakce|redactie|редакция|online|digital|news|desk|team|"
    r"staff|editorial|editors?|newsroom|office|web|com|the|der|die|das|le|la|el|il|von|of|de|and|agencies|agenturen",
    re.IGNORECASE,
)


def is_own(name: str, own: set[str]) -> bool:
    """Whether a name is the publication's: the same, a part of it, or that with words for a desk around it."""
    key = key_of(name).casefold()
    if any(key == other or (len(key) > 5 and key in other) for other in own):
        return True
    words = [key_of(word).casefold() for word in name.split()[:8]]
    for begin in range(len(words)):
        for end in range(begin + 1, len(words) + 1):
            if "".join(words[begin:end]) in own:
                rest = words[:begin] + words[end:]
                return all(_DESK.fullmatch(word) for word in rest if word)
    return False


def says_more(text: str) -> bool:
    """Whether a text of a few words has one in it that no name has: an invitation, a place, the name of a list."""
    return _NEVER.search(text) is not None


_NEVER = re.compile(
    r"^(?:the|to|an?|all|our|your|about|more|read|sign|join|meet|become|follow|listen|share|report|see|view|get|click|send|"
    r"subscribe|mehr|alle|unsere?|jetzt|lire|tous|nos|leer|todos|nuestros|leggi|tutti|все|наши|читать|همه)\s|"
    r"\b(?:us|this|you|stories|articles?|authors?|posts|images|books|newsletters?|alerts?|errors?|petition|demand|only|"
    r"appointment|morning|evening|numbers?|cookies|terms|privacy|comments?|monday|tuesday|wednesday|thursday|friday|"
    r"saturday|sunday)\b|^(?:new york|los angeles|san francisco|hong kong|tel aviv|new delhi|united \w+|"
    r"getty images|penguin \w+)$",
    re.IGNORECASE,
)


def is_name(text: str, most: int = 5) -> bool:
    """Whether a text looks like one person's name and nothing else."""
    words = text.split()
    if not 2 <= len(text) <= 40 or says_more(text) or re.search(r"[\d@<>{}/\\:：;!?。…\"“”«»]", text):
        return False
    if _CASELESS.search(text):
        return bool(_NO_SPACES.fullmatch(text)) or (2 <= len(words) <= most and all(len(word) <= 14 for word in words))
    capital = [word for word in words if word[:1].isupper()]
    return (
        2 <= len(words) <= most
        and len(capital) >= 2
        and all(
            word[:1].isupper() or word.casefold() in _PARTICLES or word[:2] in ("d'", "d’", "l'", "o'")
            for word in words
        )
    )
