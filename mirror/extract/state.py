"""Whether a page is an article at all. Anything else that gets signed and mirrored is a lie nobody meant to tell.

Told apart by what such pages have in common: the titles and scripts of bot walls, consent dialogues with nothing beside
them, "not found" with status 200, front pages and lists, pages whose text comes by script, articles cut at a paywall.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from lxml import etree

from mirror import links
from mirror.extract.metadata import Metadata
from mirror.extract.page import Run, attribute, marks, text_of

State = Literal["ok", "challenge", "consent", "paywall", "gone", "index", "script-only", "error"]
Verdict = tuple[State, str]

SHORT = 220  # letters and digits; less is no article unless the page says firmly that it is one
SHORT_CJK = 80

_CHALLENGE_TITLE = re.compile(
    r"^(?:just a moment\b|attention required|checking your browser|please wait\.{2,}|one moment, please|verif(?:y|"
    r"ying) (?:that )?you are (?:a )?human|ddos[- ]guard|ddos protection|access denied|"
    r"access to this page has been denied|are you (?:a )?(?:human|robot)|pardon our interruption|security check|"
    r"bot verification|human verification|captcha|robot or human|request unsuccessful|"
    r"un momento|einen moment|nur einen moment|один момент|подождите|проверка браузера|ваш браузер проверяется|"
    r"доступ ограничен|请稍候|正在检查|لحظة من فضلك|forbidden|403\b|429\b|too many requests|"
    r"the request could not be satisfied|error 1020|sorry, you have been blocked|site en maintenance|"
    r"service unavailable|bad gateway|502\b|503\b|504\b)",
    re.IGNORECASE,
)
_CHALLENGE_MARK = re.compile(
    r"cf-chl-|_cf_chl_opt|/cdn-cgi/challenge-platform/h/|challenge-form|cf-browser-verification|"
    r"cf-turnstile-response|awswafintegration|aws-waf-token|_incapsula_resource|captcha-delivery\.com|"
    r"px-captcha|perimeterx|ddos-guard/js-challenge|js-challenge|sucuri_cloudproxy|bot-?protection|distil_r_captcha|"
    r"geo\.captcha|datadome|kpsdk|g-recaptcha|h-captcha|smartcaptcha",
    re.IGNORECASE,
)
_CHALLENGE_TEXT = re.compile(
    r"verif(?:y|ying) (?:that )?you are (?:a )?human|checking (?:if the site connection is secure|your browser)|"
    r"needs to review the security of your connection|enable javascript and cookies to continue|"
    r"complete the security check|unusual traffic from your|prove you(?:'|’)re not a robot|why have i been blocked|"
    r"you have been blocked|performance (?:&|and) security by cloudflare|ray id|"
    r"подтвердите, что (?:вы не робот|запросы отправляли вы)|проверяем ваш браузер|请完成(?:安全)?验证|人机验证|"
    r"من فضلك تحقق أنك|تأیید کنید که ربات نیستید",
    re.IGNORECASE,
)
_CONSENT_TEXT = re.compile(
    r"before you continue|we (?:and our (?:\d+ )?partners )?(?:use|store|value) (?:cookies|your privacy|"
    r"and/or access)|your privacy (?:choices|is important)|accept (?:all|cookies)|reject all|manage (?:options|"
    r"preferences|cookies)|"
    r"consent to (?:the use|our)|wir (?:verwenden|benötigen|brauchen) (?:cookies|ihre (?:zustimmung|einwilligung))|"
    r"ihre privatsphäre|alle akzeptieren|mit werbung (?:weiter|lesen)|pur-abo|nous (?:utilisons|et nos partenaires)|"
    r"tout (?:accepter|refuser)|"
    r"continuer sans accepter|utilizamos cookies|aceptar (?:todo|y continuar)|mы используем|"
    r"мы используем (?:файлы )?cookie|принять все|нажимая .{0,30}cookie|accetta|wij gebruiken cookies|"
    r"używamy plików cookie|"
    r"نستخدم ملفات تعريف الارتباط|از کوکی|我们使用\s?cookie|接受所有",
    re.IGNORECASE,
)
_GONE_TITLE = re.compile(
    r"\b404\b|\b410\b|page (?:not|could ?n.t be) found|not found|page (?:doesn.t|does not|no longer) exists?|"
    r"(?:content|page|article|story) (?:is )?(?:not|no longer|un)\s?available|"
    r"страница не найдена|материал (?:не найден|удал[её]н)|сторінк[ау] не знайдено|нет такой страницы|ошибка 404|"
    r"page (?:non|introuvable)|introuvable|página no encontrada|no encontrad[ao]|seite (?:wurde )?nicht gefunden|"
    r"nicht gefunden|pagina (?:non|niet|no) |nie znaleziono|sayfa bulunamadı|صفحه (?:مورد نظر )?(?:یافت|پیدا) نشد|"
    r"صفحه.{0,20}وجود ندارد|الصفحة غير موجودة|لم يتم العثور|"
    r"页面(?:不存在|未找到|没有找到)|找不到(?:页面|網頁|网页)|ページが見つかりません|"
    r"oops",
    re.IGNORECASE,
)
_PAYWALL_TEXT = re.compile(
    r"subscribe (?:now )?to (?:continue|keep|read|unlock)|(?:continue|keep) reading (?:with|by|this article)|"
    r"to (?:continue|keep) reading|already a subscriber\?|this (?:article|content|story) is (?:for|only available to|"
    r"reserved for|exclusive)|"
    r"subscribers? only|for subscribers|unlock this (?:article|story)|register (?:now )?to (?:continue|read)|"
    r"sign in to (?:continue|read)|create a free account to|you(?:'|’)ve (?:reached|read) your|"
    r"только для подписчиков|чтобы (?:прочитать|читать) (?:полностью|дальше|целиком)|оформите подписку, чтобы|"
    r"доступно (?:только )?по подписке|"
    r"weiterlesen mit|(?:diesen|den) artikel (?:weiter)?lesen|jetzt weiterlesen|mit .{0,20}abo (?:weiter|lesen)|"
    r"exklusiv für abonnent|dieser artikel ist .{0,30}abonnent|réservé aux abonnés|"
    r"la suite (?:de cet article )?est réservée|"
    r"il vous reste .{0,10}% de cet article|pour lire la suite|contenido exclusivo|para seguir leyendo|(?:hazte|"
    r"solo para) suscriptor|riservato agli abbonati|per continuare a leggere|assine para|pozostało .{0,10}artykułu|"
    r"订阅(?:后|以)(?:继续)?阅读|登录后.{0,6}阅读|会员专享|この記事は有料|للمشتركين فقط|برای ادامه .{0,20}مشترک",
    re.IGNORECASE,
)
_SCRIPT_TEXT = re.compile(
    r"(?:enable|requires?|turn on|activate|without) javascript|javascript (?:is )?(?:disabled|required|not enabled)|"
    r"включите javascript|javascript aktivieren|activer javascript|habilit\w+ javascript|请启用\s?javascript|"
    r"جاوا ?اسکریپت",
    re.IGNORECASE,
)


def before(root: etree._Element, metadata: Metadata, url: str, source: str) -> Verdict | None:
    """What can be said before the body was looked for."""
    title = page_title(root)
    visible = _visible(root)
    if len(visible) < 3000:
        marked = _CHALLENGE_MARK.search(source[:400_000])
        if _CHALLENGE_TITLE.match(title) and (marked or len(visible) < 1200):
            return "challenge", f'the page is a bot check: "{title[:80]}"'
        if _CHALLENGE_TEXT.search(visible) and (marked or len(visible) < 1200):
            return "challenge", "the page asks to prove that a person reads it"
        if marked and len(visible) < 300:
            return "challenge", "the page is a bot check"
    if "http-equiv" in source[:4000].lower() and len(visible) < 200:
        for meta in root.iter("meta"):
            if attribute(meta, "http-equiv").lower() == "refresh" and "url=" in attribute(meta, "content").lower():
                return "script-only", "the page only sends readers on to another one"
    host = links.host_of(url)
    if re.match(r"(?:consent|privacy|cmp|guce)\.", host) and len(visible) < 20_000:
        return "consent", "the address is a consent dialogue"
    return None


def after(root: etree._Element, metadata: Metadata, url: str, chosen: Sequence[Run]) -> Verdict:  # noqa: PLR0911, PLR0912 - one branch a kind
    """The verdict once the body was looked for. `chosen` are the runs of the body."""
    letters = sum(len(run.key) for run in chosen)
    cjk = bool(re.search(r"[\u3040-\u30ff\u3400-\u9fff]", "".join(run.key for run in chosen[:20])))
    short = letters < (SHORT_CJK if cjk else SHORT)
    scant = letters < 3 * (SHORT_CJK if cjk else SHORT)
    claims = bool(metadata.linked) or metadata.type == "article" or metadata.published is not None
    title = page_title(root)
    heading = metadata.title or title
    body = " ".join(run.text for run in chosen)
    if _GONE_TITLE.search(f"{title} {heading}") and (scant or not (claims and metadata.published)):
        return "gone", f'the page says that there is nothing here: "{(heading or title)[:80]}"'
    elif short and _GONE_TITLE.search(body[:400]):
        return "gone", "the page says that there is nothing here"
    if scant and _CHALLENGE_TEXT.search(body):
        return "challenge", "the page asks to prove that a person reads it"
    everything = _visible(root)
    asks = len(_CONSENT_TEXT.findall(body or everything))
    if scant and asks and (len(everything) < 6000 or _CONSENT_TEXT.search(body)) and (asks >= 2 or not claims):
        return "consent", "the page asks for consent and holds no article"
    if links.is_home(url) and not metadata.linked:
        return "index", "the address is a front page"
    if _is_list(root, metadata, chosen, letters, claims):
        return "index", "the page is a list of articles"
    if metadata.free is False and letters < 2500 and (_PAYWALL_TEXT.search(everything) or letters < 900):
        return "paywall", "the page says that it is not free, and holds only the beginning"
    if letters < 1500 and _PAYWALL_TEXT.search(_around(root, chosen)) and _has_wall(root):
        return "paywall", "the text stops where the page asks readers to pay"
    if short:
        if _PAYWALL_TEXT.search(everything) and _has_wall(root):
            return "paywall", "the page asks readers to pay and holds no text"
        if _needs_script(root, everything):
            return "script-only", "the page has no text of its own: it comes by script"
        if not letters:
            return "error", "no article text was found in the page"
        if not claims or letters < 40:
            return "error", f"only {letters} letters of text were found in the page"
    return "ok", ""


def page_title(root: etree._Element) -> str:
    element = next(iter(root.iter("title")), None)
    return text_of(element)[:300] if element is not None else ""


def _visible(root: etree._Element) -> str:
    body = root.find("body")
    parts: list[str] = []
    length = 0
    for element in (body if body is not None else root).iter(etree.Element):
        if element.tag not in ("script", "style", "template", "noscript", "svg") and element.text:
            parts.append(element.text)
            length += len(element.text)
        if element.tail:
            parts.append(element.tail)
            length += len(element.tail)
        if length > 60_000:
            break
    return re.sub(r"\s+", " ", " ".join(parts)).strip()


def _around(root: etree._Element, chosen: Sequence[Run]) -> str:
    """The text after the last chosen run, a little of it."""
    if not chosen:
        return _visible(root)[:3000]
    whole = _visible(root)
    tail = chosen[-1].text[-40:]
    place = whole.rfind(tail)
    return whole[place : place + 1500] if place >= 0 else whole[:3000]


def _has_wall(root: etree._Element) -> bool:
    return any(
        re.search(
            r"paywall|pay-wall|piano|premium-?(?:box|wall)|subscri(?:be|ption)[-_]?(?:wall|box|prompt|overlay)|"
            r"regwall|meter|abo-?(?:wall|box)",
            marks(element),
            re.IGNORECASE,
        )
        for element in root.iter("div", "section", "aside", "p")
    )


def _is_list(root: etree._Element, metadata: Metadata, chosen: Sequence[Run], letters: int, claims: bool) -> bool:
    if metadata.linked or metadata.type == "article" or metadata.published:
        return False
    if not chosen:
        return False
    linked = sum(len(run.key) * run.linked for run in chosen)
    if linked > 0.5 * letters:
        return True
    links = sum(1 for run in chosen if run.linked > 0.8)
    if metadata.type in ("website", "object") and links >= 8 and linked > 0.25 * letters:
        return True
    articles = sum(1 for _ in root.iter("article"))
    return metadata.type == "website" and articles >= 8 and linked > 0.15 * letters


def _needs_script(root: etree._Element, visible: str) -> bool:
    if _SCRIPT_TEXT.search(visible) or any(_SCRIPT_TEXT.search(text_of(element)) for element in root.iter("noscript")):
        return True
    for element in root.iter("div", "main"):
        if (
            attribute(element, "id") in ("root", "app", "__next", "__nuxt", "svelte", "___gatsby", "q-app")
            and len(text_of(element)) < 200
        ):
            return True
    scripts = sum(len(script.text or "") + 2000 * (script.get("src") is not None) for script in root.iter("script"))
    return len(visible) < 1500 and scripts > 20 * max(100, len(visible))
