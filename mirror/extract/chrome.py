"""What stands in an article's page and is not the article: donation boxes, newsletters, related links, share bars,
consent notices, advertisements.

Three kinds of rule, from the careful to the bold: boxes whose class or id says what they are (never taken out when they
hold a large share of the chosen text), short texts that begin with one of the known phrases, and texts that ask for
money or for an address. The phrases are in the languages the tool is made for; they are matched at the beginning of a
short run, so that an article *about* newsletters or donations keeps its sentences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lxml import etree

from mirror.extract.page import Run, attribute, is_hidden, marks, raw_text

# Words in a class or id that are never an article's own text.
_BOX = re.compile(
    r"(?:^|[\s_-])(?:newsletters?|subscri(?:be|ption|bers?)|abo(?:nnement)?[-_]?(?:box|teaser)|donat\w*|"
    r"contribute\w*|contribution[-_]\w+|support[-_]?us|"
    r"paywall|share|sharing|sharebar|sharedaddy|share[-_]?buttons?|social|socials|social[-_]?(?:media|links|share|"
    r"bar)|addthis\w*|"
    r"related|related[-_]\w+|recommend(?:ed|ation)s?|recirc\w*|read[-_]?(?:more|also|next)|more[-_]?(?:on|from|"
    r"stories|news)|see[-_]?also|"
    r"next[-_]?(?:article|post|story|up)|most[-_]?(?:read|popular|viewed)|popular|trending|outbrain|taboola|"
    r"promo|promos|promotion|promobox|advert\w*|ads?|ad[-_]?(?:slot|container|wrapper|unit|box|block|label|"
    r"placeholder)|adsbygoogle|dfp|gpt|sponsored|"
    r"banner|cookie[-_]?\w*|consent[-_]?\w*|gdpr|cmp|breadcrumbs?|comments?|comments?[-_](?:section|list|area|form|"
    r"block)|disqus\w*|respond|"
    r"tags?|tag[-_]?(?:list|cloud|links)|post[-_]tags|topics|keywords|byline|author[-_]?(?:bio|box|info|card)|"
    r"about[-_]?author|"
    r"print|toolbar|tools|sidebar|side[-_]?bar|widget[-_]area|pagination|pager|copyright|app[-_]?(?:promo|download)|"
    r"telegram[-_]?(?:promo|banner)|"
    r"follow[-_]?us|signup|sign[-_]?up|login|register|modal|popup|pop[-_]?up|overlay|toast|skip[-_]?link|"
    r"jp[-_]relatedposts|"
    r"disclaimer[-_]?box|inline[-_]?(?:related|promo)|callout[-_]?(?:newsletter|donate)|teaser[-_]?(?:list|"
    r"related))(?:$|[\s_-])",
    re.IGNORECASE,
)
# Taken out before trafilatura looks: boxes that hold whole sentences and mislead it.
_SURE_BOX = re.compile(
    r"(?:^|[\s_-])(?:newsletter[-_]?\w*|donat(?:e|ion|ions)|donation[-_]\w+|contribute[-_](?:article|modal|bar|"
    r"teaser|form|box|banner)\w*|"
    r"paywall[-_]?(?:modal|overlay|banner)|cookie[-_]?(?:banner|notice|consent|bar|law|policy[-_]?banner)\w*|"
    r"consent[-_]?(?:banner|modal|manager|popup)\w*|"
    r"gdpr[-_]?\w*|onetrust\w*|didomi\w*|cmp(?:box|lz)?[-_]?\w*|sharedaddy|addtoany\w*|jp[-_]relatedposts|"
    r"next[-_]article[-_]\w+|outbrain\w*|taboola\w*|"
    r"trc_related\w*|adsbygoogle|related[-_]?(?:articles?|posts?|stories|news|content|links)|read[-_]?also|"
    r"most[-_]?read)(?:$|[\s_-])",
    re.IGNORECASE,
)

_LABEL = re.compile(
    r"(?:read (?:more|also|next|the full|our)|also read|more (?:on this|from|stories|coverage|news)|(?:see|watch|"
    r"listen) (?:also|more|now)|related(?: (?:articles?|stor(?:y|ies)|"
    r"topics?|posts?|news|content|links?|coverage|reading))?\b|recommended|recommended (?:stories|articles|reading|"
    r"for you)|you (?:may|might) (?:also )?(?:like|be interested)|don.t miss|in case you missed|"
    r"more:|watch:|listen:|see also|up next|trending|most (?:read|popular|viewed)|editors?.? picks?|advertisement|"
    r"sponsored|"
    r"story continues below|article continues (?:below|after)|scroll to continue|continue reading|skip (?:to|past|"
    r"advert)|end of (?:newsletter|.{0,20}promotion)|"
    r"share (?:this|on|via|article|story|your)|follow (?:us|me|@|him|her|our)|follow .{2,40} on (?:twitter|facebook|"
    r"x|instagram|telegram)|like us on|join (?:us|our|the) |"
    r"sign up (?:for|to|here|now|today)|subscribe (?:to|now|today|here|for)|get (?:our|the) (?:latest|best|daily|"
    r"weekly|free)|click here|download (?:the|our) app|"
    r"(?:this|the) (?:article|story|piece) (?:was |is |has been )?(?:originally |first )?(?:published|appeared)|"
    r"(?:©|\(c\)|copyright)\s|all rights reserved|"
    r"читайте (?:также|ещ[её]|по теме|далее|нас|в|подробнее)|подробнее|смотрите также|см\. также|ещ[её] по теме|"
    r"материалы по теме|по теме|реклама\b|"
    r"подпис(?:ывайтесь|аться|ка)|подпишитесь|поддержите|поделиться|поделитесь|следите за|присоединяйтесь|"
    r"наш(?:и)? (?:телеграм|канал)|"
    r"читайте також|підпис(?:уйтесь|атися)|підтримайте|"
    r"همچنین بخوانید|بیشتر بخوانید|مطالب مرتبط|اخبار مرتبط|مطالب بیشتر|به اشتراک|اشتراک‌?گذاری|تبلیغات|"
    r"اقرأ (?:أيضا|أيضًا|أيضاً|المزيد|ايضا)|إقرأ أيضا|مواضيع (?:ذات صلة|متعلقة)|شاهد أيض|اشترك|شارك(?:ها)? على|"
    r"تابعونا|تابعنا|إعلان\b|"
    r"相关(?:阅读|新闻|链接|报道|文章)|延伸阅读|推荐阅读|更多(?:新闻|阅读)|分享到|点击进入|责任编辑|(?:\(|（)责任编辑|编辑[:：]|版权(?:所有|声明)|广告\b|扫码|扫一扫|"
    r"lesen sie (?:auch|mehr|hier|dazu)|mehr zum thema|mehr (?:dazu|lesen)|auch interessant|anzeige\b|"
    r"jetzt abonnieren|newsletter\b|weiterlesen|"
    r"(?:à )?lire (?:aussi|également|la suite)|voir aussi|sur le même sujet|publicité\b|abonnez-vous|partager|"
    r"inscrivez-vous|"
    r"le[ae] (?:también|más|tambien)|lee (?:también|más)|te puede interesar|publicidad\b|suscr[ií]bete|compartir|"
    r"síguenos|"
    r"leggi anche|pubblicità\b|iscriviti|condividi|leia (?:também|mais)|publicidade\b|"
    r"czytaj (?:też|także|więcej|również|dalej)|zobacz (?:też|także|również)|reklama\b|polecamy|"
    r"lees (?:ook|meer|verder)|ayrıca (?:okuyun|bakınız)|ilgili haber|läs (?:också|mer|även)|les (?:også|mer)|læs også|"
    r"関連記事|あわせて読みたい|続きを読む)",
    re.IGNORECASE,
)
_BEGGING = re.compile(
    r"(?:support|fund|defend|help) (?:us|our|independent|quality|free) (?:journalism|journalists|work|reporting|"
    r"newsroom|media)|make a (?:donation|contribution|one-time)|"
    r"donate (?:now|today|here)\b|(?:please|^) ?donate to|become a (?:member|patron|supporter|subscriber)|(?:your|"
    r"a) (?:support|donation|contribution)s?,? (?:helps?|makes?|allows?|keeps?|is|no matter|will)|"
    r"we need your (?:help|support)|please (?:consider )?(?:supporting|donat)|i would like to contribute|"
    r"sign up (?:for|to) (?:our|the|my|receive)|subscribe to (?:our|the|my) |"
    r"our (?:free |daily |weekly )*newsletter|in your inbox|straight to your inbox|accept (?:all )?cookies|"
    r"we use cookies|"
    r"поддержите (?:нас|наш|независим|редакц|работу|«|\")|сделайте пожертвование|оформите (?:пожертвование|подписку)|"
    r"станьте (?:нашим|патроном)|помогите нам|"
    r"подпис(?:ывайтесь|аться|итесь|ка) на (?:наш|нас|рассылк|канал|телеграм|telegram)|подпишитесь на|пожертвовать|"
    r"از ما حمایت کنید|حمایت مالی|عضو خبرنامه|در خبرنامه|ادعموا|ادعمنا|تبرع|اشترك في (?:نشر|قنات)|النشرة البريدية|"
    r"unterstützen sie (?:uns|unser)|jetzt spenden|newsletter (?:abonnieren|bestellen)|zum newsletter anmelden|"
    r"soutenez(?:-nous| notre| le)|faites un don|(?:apóya|apoya|hazte soci)|haz una donación|sostieni(?:ci)? |"
    r"fai una donazione|"
    r"订阅(?:我们|我們)|关注(?:我们|官方|微信)|扫(?:描|码).{0,12}(?:关注|下载|二维码)|"
    r"wesprzyj(?: nas)?|zapisz się (?:na|do)",
    re.IGNORECASE,
)
_CONSENT_PLACEHOLDER = re.compile(
    r"externer inhalt|an dieser stelle (?:finden sie|befindet sich|steht)|"
    r"empfohlener (?:externer )?(?:redaktioneller )?inhalt|inhalte? von (?:youtube|twitter|x|instagram|facebook|"
    r"tiktok|vimeo)|"
    r"(?:to|please) (?:view|see|watch|display) this (?:content|video|embed|post)|this (?:content|embed|video) (?:is|"
    r"could) (?:not (?:be )?(?:available|loaded)|hosted|blocked)|"
    r"your cookie (?:settings|preferences)|allow (?:twitter|youtube|instagram|facebook|tiktok|x|"
    r"google youtube) content|"
    r"personenbezogene daten an drittplattformen|mit (?:ihrer|deiner) (?:zustimmung|einwilligung)|"
    r"ce contenu (?:est bloqué|n.est pas)|pour (?:afficher|voir) ce contenu|"
    r"este contenido (?:está|no está|se aloja)|(?:чтобы|для) (?:посмотреть|просмотра) .{0,30}(?:cookie|контент)|"
    r"请(?:启用|允许).{0,8}cookie|"
    r"enable javascript|javascript (?:is|must be) (?:disabled|enabled)|your browser does not support|"
    r"ваш браузер не поддерживает|مرورگر شما|متصفحك لا يدعم",
    re.IGNORECASE,
)
_PAY_LINK = re.compile(
    r"donat|contribut|support|subscri|patreon|boosty|membership|newsletter|spenden|abo(?:nn|\b)|pozhertv|signup",
    re.IGNORECASE,
)
_PICTURE_FRAME = re.compile(r"share|sharing|social|modal|popup|pop-up|overlay|tools|toolbar|print", re.IGNORECASE)
MAX_LABEL = 240  # characters; a paragraph longer than this is text even when it begins like a label
MAX_BEGGING = 700


def prune(tree: etree._Element) -> None:
    """Takes hidden parts and the surest boxes out of a copy of the page."""
    for element in list(tree.iter("script", "style", "template")):
        if "ld+json" not in attribute(element, "type"):
            drop(element)
    total = sum(len(text) for text in tree.itertext())
    for element in list(
        tree.iter("div", "section", "aside", "p", "form", "ul", "span", "article", "figcaption", "nav")
    ):
        if element.getparent() is None:
            continue
        hidden = is_hidden(element)
        if hidden or (element.tag != "article" and _SURE_BOX.search(marks(element))):
            text = raw_text(element)
            if len(text) < (0.5 if hidden or _BEGGING.search(text) else 0.25) * total:
                drop(element)


def drop(element: etree._Element) -> None:
    """Takes an element out and leaves the text after it."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)


def is_label(text: str) -> bool:
    return len(text) <= MAX_LABEL and bool(_LABEL.match(text.lstrip(" ▶►▷→>»«·•*–—-|[(【■◆▲↓👉➡️📌🔗\u200f\u200e")))


def is_begging(text: str) -> bool:
    return len(text) <= MAX_BEGGING and bool(_BEGGING.search(text))


def is_chrome_run(run: Run) -> bool:
    """Whether a run is, by its own words, no part of the article."""
    text = run.text
    if not text:
        return False
    if is_label(text):
        bare = len(text) <= 60 or run.linked > 0.25 or text[:60].rstrip().endswith(":") or ":" in text[:40]
        if bare:
            return True
    if len(text) <= MAX_BEGGING and _CONSENT_PLACEHOLDER.search(text) and len(text) <= 420:
        return True
    return is_begging(text) and (run.linked > 0.1 or len(text) <= 260)


def box_above(element: etree._Element, top: etree._Element | None) -> etree._Element | None:
    """The nearest element from `element` up to (not including) `top` whose class or id names page furniture."""
    here: etree._Element | None = element
    while here is not None and here is not top and here.tag not in ("body", "html"):
        if here.tag in ("nav", "footer", "form") or _BOX.search(marks(here)):
            return here
        here = here.getparent()
    return None


def box_name(box: etree._Element) -> str:
    """How a person would name an element: `<div class="newsletter-signup">`."""
    for name in ("class", "id", "role"):
        if value := " ".join(attribute(box, name).split())[:60]:
            return f'<{box.tag} {name}="{value}">'
    return f"<{box.tag}>"


def may_show_pictures(box: etree._Element) -> bool:
    """Whether a box of furniture may still hold a picture of the article: a lightbox, a photo with share buttons."""
    return box.tag not in ("nav", "footer", "form") and bool(_PICTURE_FRAME.search(marks(box)))


def _drop_begging(chosen: Sequence[Run], top: etree._Element | None, total: int) -> None:
    """Takes out whole boxes that ask for money or an address, whatever they are called: several sentences that beg, or
    one beside a form or a link to pay. A box is the nearest one around the begging sentence that holds less than the
    article."""
    for run in chosen:
        if not (run.chosen or is_chrome_run(run)) or not is_begging(run.text):
            continue
        box = next(
            (
                here
                for here in run.element.iterancestors("div", "section", "aside", "form", "blockquote")
                if here is not top
            ),
            None,
        )
        if box is None or (top is not None and box in top.iterancestors()):
            continue
        inside = [other for other in chosen if box in other.element.iterancestors() or other.element is box]
        begging = sum(1 for other in inside if is_begging(other.text))
        asks = (
            any(_PAY_LINK.search(attribute(link, "href")) for link in box.iter("a"))
            or next(iter(box.iter("form", "button", "input")), None) is not None
        )
        if (
            sum(len(other.key) for other in inside) < 0.5 * total
            and begging >= (1 if asks else 2)
            and begging >= 0.2 * len(inside)
        ):
            for other in inside:
                other.leave_out("in a box that asks for money or an address")


def sift(chosen: Sequence[Run], top: etree._Element | None) -> list[Run]:
    """Unchooses page furniture; what is left, in order."""
    total = sum(len(run.key) for run in chosen) or 1
    held: dict[etree._Element, int] = {}
    boxes: dict[int, etree._Element] = {}
    around = set(top.iterancestors()) if top is not None else set()
    for run in chosen:
        box = box_above(run.element, top)
        if box is not None and box not in around:
            boxes[id(run)] = box
            held[box] = held.get(box, 0) + len(run.key)
    for run in chosen:
        furniture = boxes.get(id(run))
        if furniture is not None and held[furniture] < 0.15 * total:
            run.leave_out(f"in a box of the page's furniture: {box_name(furniture)}")
        elif is_chrome_run(run):
            run.leave_out("words of the page's furniture")
    _drop_begging(chosen, top, total)
    left = [run for run in chosen if run.chosen]
    if sum(len(run.key) for run in left) < 0.4 * total:  # the rules misread this page: believe trafilatura
        for run in chosen:
            run.chosen = True
        return list(chosen)
    return left
