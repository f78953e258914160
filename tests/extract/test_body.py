"""Which text is the article's, and that its characters stay as they were."""


# ruff: noqa: E501

from __future__ import annotations

import pytest

from mirror.extract import body, chrome, layout
from mirror.extract.page import flow, key_of, parse
from tests.extract.made_up import (
    ARABIC,
    CHINESE,
    PARAGRAPHS,
    PERSIAN,
    RUSSIAN,
    TITLE,
    URL,
    article,
    lines,
    page,
    paragraphs,
    read,
    text,
)

CARRIERS = "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\u2060"


def test_an_article_is_its_paragraphs_and_nothing_of_the_page_around_them() -> None:
    found = article(page())
    assert found.title == TITLE
    assert lines(found) == list(PARAGRAPHS)
    assert found.direction == "ltr"
    assert found.language == "en"


def test_persian_keeps_its_zero_width_non_joiners() -> None:
    assert sum(line.count("\u200c") for line in PERSIAN) >= 8
    found = article(page(paragraphs(PERSIAN), title="پل دوباره باز شد و مردم می‌گذرند", lang="fa"))
    assert lines(found) == list(PERSIAN)
    assert found.title == "پل دوباره باز شد و مردم می‌گذرند"
    assert (found.language, found.direction) == ("fa", "rtl")


@pytest.mark.parametrize("carrier", CARRIERS)
def test_no_invisible_character_is_lost(carrier: str) -> None:
    marked = PARAGRAPHS[0].replace("river ", f"river{carrier} ")
    found = article(page(paragraphs((marked, *PARAGRAPHS[1:]))))
    assert lines(found)[0] == marked


def test_emoji_joined_into_one_sign_stay_one() -> None:
    marked = PARAGRAPHS[1] + " 👩‍👩‍👧 ❤️"
    assert lines(article(page(paragraphs((PARAGRAPHS[0], marked, *PARAGRAPHS[2:])))))[1] == marked


@pytest.mark.parametrize(
    ("texts", "language", "direction"), [(ARABIC, "ar", "rtl"), (RUSSIAN, "ru", "ltr"), (CHINESE, "zh", "ltr")]
)
def test_other_scripts_come_whole(texts: tuple[str, ...], language: str, direction: str) -> None:
    found = article(page(paragraphs(texts), lang=language, title=texts[0][:30]))
    assert lines(found) == list(texts)
    assert (found.language, found.direction) == (language, direction)


def test_chinese_paragraphs_set_with_double_breaks_are_paragraphs() -> None:
    body = "<div id='content'>" + "<br><br>".join(f"\u3000\u3000{line}" for line in CHINESE) + "</div>"
    found = article(page(body, title="索恩河大桥重新通车", lang="zh"))
    assert lines(found) == list(CHINESE)


def test_chinese_paragraphs_set_with_one_break_and_an_indent_are_paragraphs() -> None:
    body = "<div id='content'>" + "<br>".join(f"\u3000\u3000{line}" for line in CHINESE) + "</div>"
    assert lines(article(page(body, title="索恩河大桥重新通车", lang="zh"))) == list(CHINESE)


def test_a_page_in_gb2312_is_read_as_chinese() -> None:
    data = page(paragraphs(CHINESE), title="索恩河大桥重新通车", lang="zh").decode()
    encoded = data.replace("charset='utf-8'", "charset='gb2312'").replace("© ", "").encode("gb18030")
    found = article(encoded, content_type="text/html")
    assert lines(found) == list(CHINESE)
    assert found.title == "索恩河大桥重新通车"


def test_a_page_in_windows_1251_is_read_as_russian() -> None:
    data = page(paragraphs(RUSSIAN), title="Мост снова открыт после ремонта", lang="ru").decode()
    encoded = data.replace("charset='utf-8'", "charset='windows-1251'").encode("cp1251")
    assert lines(article(encoded)) == list(RUSSIAN)


def test_an_article_inside_an_article_is_told_once() -> None:
    found = article(page(around="<article><article><h1>{title}</h1>{body}</article></article>"))
    assert lines(found) == list(PARAGRAPHS)


DONATION = (
    "<{tag}{marked}><h3>A Message from The Example:</h3><p>Dear readers,</p>"
    "<p>We are facing unprecedented challenges. The authorities claim our work is unlawful and put our staff at risk.</p>"
    "<p>We refuse to be silenced. But to continue our work, <a href='/contribute'>we need your help</a>.</p>"
    "<p>Your support, no matter how small, makes a world of difference. If you can, please support us monthly.</p>"
    "<form><label><input type=radio>Once</label><button>Continue</button></form></{tag}>"
)


@pytest.mark.parametrize("marked", [" class='contribute-article'", " class='donation-box'", " class='x1a'", ""])
@pytest.mark.parametrize("place", ["in the middle", "at the end", "beside"])
def test_a_donation_box_is_no_part_of_the_article_whatever_it_is_called(marked: str, place: str) -> None:
    box = DONATION.format(tag="div", marked=marked)
    parts = [f"<p>{line}</p>" for line in PARAGRAPHS]
    if place == "in the middle":
        data = page("".join([*parts[:2], box, *parts[2:]]))
    elif place == "at the end":
        data = page("".join([*parts, box]))
    else:
        data = page(
            "".join(parts), around="<article><h1>{title}</h1><div class='body'>{body}</div>" + box + "</article>"
        )
    assert lines(article(data)) == list(PARAGRAPHS)


def test_an_article_about_donations_keeps_its_sentences() -> None:
    about = (
        "The foundation said on Tuesday that people who donate to the museum would be named on its wall, a practice that "
        "it had given up in 1987 after a dispute with the family of its founder.",
        *PARAGRAPHS[1:],
    )
    assert lines(article(page(paragraphs(about)))) == list(about)


@pytest.mark.parametrize(
    "furniture",
    [
        "<p>Read more: <a href='/x'>Ten things to know about bridges</a></p>",
        "<p><strong>Also read</strong> <a href='/x'>The barge captain speaks</a></p>",
        "<p><a href='/x'>Читайте также: Капитан баржи рассказал</a></p>",
        "<div class='newsletter-signup'><p>Sign up for our free weekly newsletter and never miss a story.</p></div>",
        "<aside class='related-articles'><h4>Related</h4><ul><li><a href='/y'>Five bridges that fell down</a></li></ul></aside>",
        "<div class='social-share'><a href='https://facebook.com/sharer'>Share</a> <a href='https://x.com/intent'>Tweet</a></div>",
        "<div class='ad-slot'><span>Advertisement</span><p>Buy our garden shears, now with a free ribbon for you.</p></div>",
        "<p>Advertisement</p>",
        "<p>Реклама</p>",
        "<p>بیشتر بخوانید: <a href='/z'>پل‌های دیگر</a></p>",
        "<p>اقرأ أيضا: <a href='/z'>جسور أخرى</a></p>",
        "<p>相关阅读：<a href='/z'>倒塌的桥</a></p>",
        "<script>var text = 'We need your help to keep providing you with the truth';</script>",
        "<style>.x{color:red}</style>",
        "<!-- a comment that nobody reads -->",
        "<p style='display:none'>Hidden words that no reader sees but that a machine would happily publish.</p>",
        "<p hidden>Hidden words that no reader sees but that a machine would happily publish.</p>",
        "<span class='sr-only'>Hidden words for screen readers only</span>",
        "<template><p>Words of a template that is never shown to anybody who reads this page.</p></template>",
        "<div class='consent'><p>Externer Inhalt: An dieser Stelle finden Sie einen Inhalt von YouTube. Mit Ihrer Zustimmung "
        "wird er geladen.</p><button>Alle akzeptieren</button></div>",
        "<p>To view this content, please accept cookies of YouTube in your cookie settings.</p>",
    ],
)
def test_furniture_between_the_paragraphs_is_left_out(furniture: str) -> None:
    parts = [f"<p>{line}</p>" for line in PARAGRAPHS]
    found = article(page("".join([*parts[:3], furniture, *parts[3:]])))
    assert lines(found) == list(PARAGRAPHS)


def test_the_next_article_on_the_same_page_is_left_out() -> None:
    following = "".join(
        f"<p>{line}</p>"
        for line in (
            "An owl that had escaped from the zoo in November was found in a church tower on Sunday evening, tired but well.",
            "The keepers said that they had known where it was for weeks, but that nobody had wanted to climb the stairs.",
        )
    )
    data = page(
        after=f"<div class='infinite-scroll next-article'><article><h1>The owl is back</h1>{following}</article></div>"
    )
    assert lines(article(data)) == list(PARAGRAPHS)


def test_most_read_and_related_stories_beside_the_article_are_left_out() -> None:
    beside = (
        "<aside class='sidebar'><h4>Most read</h4><ol><li><a href='/a'>Something Entirely Different</a></li></ol></aside>"
        "<section class='cluster cluster--related'><h3>Read more</h3><div><a href='/b'><h3>Another Story Altogether</h3>"
        "<p>Guards reported that nothing had happened in several regions at all.</p></a></div></section>"
    )
    found = article(page(after=beside))
    assert lines(found) == list(PARAGRAPHS)


def test_the_same_text_in_a_teaser_before_the_article_does_not_confuse_it() -> None:
    before = f"<div class='top'><a href='/x'><h3>{TITLE}</h3><p>{PARAGRAPHS[0]}</p></a></div>"
    found = article(page(before=before))
    assert lines(found) == list(PARAGRAPHS)
    assert "Link" not in repr(found.blocks[0])


def test_a_noscript_that_was_never_closed_does_not_swallow_the_article() -> None:
    data = page(around="<noscript><div id='nojs'></noscript><article><h1>{title}</h1>{body}</article>")
    assert lines(article(data)) == list(PARAGRAPHS)


def test_the_same_page_gives_the_same_article() -> None:
    data = page(paragraphs() + DONATION.format(tag="aside", marked=""))
    first = article(data)
    for _ in range(4):  # extractors with caches have given something else on the fourth call
        assert article(data) == first
    assert "help" not in text(first)


# --- appeals for money and addresses: never signed --------------------------------------------------------------------

APPEALS = (
    "Stand up for the facts! Our only agenda is to publish the truth so that you can take part in your own government.",
    "We need your help to keep this newsroom running.",
    "Make a monthly donation today. It takes less than a minute.",
    "Your support helps us remain independent and free for everyone to read.",
    "From as little as $2 a month you can keep independent journalism alive.",
    "Remind me next month.",
    "Become a member and join our community of readers.",
    "Поддержите нашу работу: даже небольшая сумма каждый месяц важна.",
    "Без вашей помощи мы не сможем продолжать работу.",
    "Сделайте пожертвование — это безопасно для вас.",
    "Станьте соучастником независимой журналистики.",
    "Підтримайте незалежну редакцію: станьте частиною нашої спільноти.",
    "Unterstützen Sie unabhängigen Journalismus mit einem Beitrag.",
    "Jetzt spenden: Ihre Spende hilft uns, frei zu berichten.",
    "Soutenez un journalisme indépendant, faites un don.",
    "Apoya el periodismo independiente. Tu apoyo nos permite seguir.",
    "با کمک‌های مالی شما می‌توانیم به کار خود ادامه دهیم.",
    "از ما حمایت کنید تا مستقل بمانیم.",
    "ادعمونا لنواصل عملنا: نحن بحاجة إلى دعمكم.".replace("ادعمونا", "ادعمنا"),
    "请支持我们的报道，您的捐款让独立媒体继续存在。",
    "ご支援をお願いします。",
    "Wesprzyj nas i czytaj bez ograniczeń.",
    "Bağımsız gazeteciliğe destek olun, bağış yapın.",
)


@pytest.mark.parametrize("appeal", APPEALS)
def test_an_appeal_is_known_in_many_languages(appeal: str) -> None:
    assert chrome.is_begging(appeal)
    parts = [f"<p>{line}</p>" for line in PARAGRAPHS]
    found = article(page("".join([*parts[:3], f"<p><strong>{appeal}</strong></p>", *parts[3:]])))
    assert lines(found) == list(PARAGRAPHS)


@pytest.mark.parametrize(
    "sentence",
    [
        "The foundation gave three million crowns to the hospital, its largest donation since the war ended in that year.",
        "Protesters said they would stand with the workers until the government changes the law on support for families.",
        "Фонд собрал пожертвования на лечение троих детей, сообщили в понедельник в городской больнице.",
        "Полиция сообщила, что поддержка со стороны жителей помогла найти пропавшего мальчика уже на следующий день.",
        "Die Partei muss nach dem Urteil eine Spende von zwei Millionen Euro zurückzahlen, wie ein Sprecher sagte.",
        "دولت اعلام کرد که کمک‌های مالی به خانواده‌های آسیب‌دیده از زلزله تا پایان ماه پرداخت خواهد شد.",
        "أعلنت الحكومة أن الدعم المقدم للمزارعين سيستمر حتى نهاية العام المقبل رغم ارتفاع الأسعار.",
        "基金会周一宣布向医院捐款三百万元，这是自战争结束以来最大的一笔捐款，院长对此表示感谢。",
    ],
)
def test_news_about_money_given_is_no_appeal(sentence: str) -> None:
    assert not chrome.is_begging(sentence)
    told = (PARAGRAPHS[0], sentence, *PARAGRAPHS[1:])
    assert lines(article(page(paragraphs(told)))) == list(told)


def test_a_fact_checkers_appeal_goes_with_all_its_lines() -> None:
    box = (
        "<section class='o-pick'><div class='o-pick__content'><h4>Stand up for the facts!</h4>"
        "<p>Our only agenda is to publish the truth so you can be an informed participant in democracy.<br>We need your "
        "help.</p><a href='/membership'>More Info</a><hr><h5>I would like to contribute</h5>"
        "<form><label>One Time</label><label>Monthly</label><label>Yearly</label><button>Join Now</button></form>"
        "</div></section>"
    )
    parts = [f"<p>{line}</p>" for line in PARAGRAPHS]
    for place in (2, len(parts)):
        data = page("".join([*parts[:place], box, *parts[place:]]))
        assert lines(article(data)) == list(PARAGRAPHS)


def test_a_bar_that_asks_for_contributions_goes_wherever_the_template_puts_it() -> None:
    message = (
        "<h3>A Message from the Editors:</h3><p>Dear readers,</p><p>We are facing unprecedented challenges. Prosecutors have "
        "called us an undesirable organization, criminalizing our work and putting our staff at risk.</p>"
        "<p>We remain independent, and we will not be silenced. But we can't do this without your help.</p>"
        "<p>Your support, however small, makes a world of difference. If you can, please support us monthly starting from "
        "just $2. It's quick to set up, and every contribution makes a significant impact.</p>"
        "<p><a href='/contribute?utm=x'>Continue</a></p><p>Not ready to support today? Remind me later.</p>"
    )
    parts = [f"<p>{line}</p>" for line in PARAGRAPHS]
    for wrap in ("<div class='contribute-bar'>{}</div>", "<div class='y7'>{}</div>", "<aside><div>{}</div></aside>"):
        for place in (1, 4, len(parts)):
            data = page("".join([*parts[:place], wrap.format(message), *parts[place:]]))
            assert lines(article(data)) == list(PARAGRAPHS), (wrap, place)


def test_an_appeal_without_a_box_takes_the_lines_beside_it_along() -> None:
    appeal = (
        "<p><strong>Дорогие читатели!</strong></p><p>Мы продолжаем работу, хотя нас признали нежелательной организацией. "
        "Независимая журналистика возможна только благодаря вашей помощи.</p>"
        "<p>Поддержите редакцию: оформите ежемесячное пожертвование.</p><p>Это безопасно. Спасибо!</p>"
    )
    parts = [f"<p>{line}</p>" for line in RUSSIAN]
    data = page("".join([*parts, appeal]), lang="ru", title=RUSSIAN[0][:40])
    assert lines(article(data)) == list(RUSSIAN)


def test_a_long_appeal_in_one_paragraph_goes_too() -> None:
    appeal = (
        "Gerade jetzt braucht es Zusammenhalt, auch mit den Menschen, die sich vor Ort für eine offene Stadt einsetzen. "
        + "Eine freie Gesellschaft braucht frei zugänglichen Journalismus und Menschen, die sich einmischen. " * 6
        + "Machen Sie mit und unterstützen Sie unsere Aktion. Sind Sie dabei? Jetzt unterstützen"
    )
    assert len(appeal) > chrome.MAX_BEGGING
    assert lines(article(page(paragraphs() + f"<div class='z'><p>{appeal}</p></div>"))) == list(PARAGRAPHS)


@pytest.mark.parametrize(
    "furniture",
    [
        "<p>The River Wire ™ & © 2027 River Network, Inc. All rights reserved.</p>",
        "<p>Нашли ошибку? Выделите текст и нажмите Ctrl + Enter.</p>",
        "<p>Have a tip? Write to us at <a href='mailto:x@news.example'>x@news.example</a>.</p>",
        "<p>Der Newsletter informiert Sie jeden Morgen über das Wichtigste. <a href='/n'>Hier geht es zur Anmeldung!</a></p>",
        "<p>Ein Klick für den Datenschutz</p>",
        "<p>Testen Sie die Zeitung zwei Wochen lang kostenlos. Danach ist Schluss.</p>",
        "<p><a href='/'>Home</a> | <a href='/w'>World</a> | <a href='/s'>Sport</a> | <a href='/c'>Contact</a></p>",
        "<p>（责任编辑：刘林源）</p>",
        "<p>版权所有 未经许可不得转载</p>",
        "<p>有料会員になると会員限定の記事もお読みいただけます。</p>",
        "<p>این گزارش در کانال ما: <a href='/t'>خبرنامه</a></p>",
    ],
)
def test_more_furniture_between_the_paragraphs(furniture: str) -> None:
    parts = [f"<p>{line}</p>" for line in PARAGRAPHS]
    assert lines(article(page("".join([*parts[:3], furniture, *parts[3:]])))) == list(PARAGRAPHS)


# --- what the layout says ---------------------------------------------------------------------------------------------


def test_an_article_in_several_boxes_of_one_kind_comes_whole() -> None:
    advert = "<div class='slot'><div class='title'>Advertisement</div></div>"
    rows = "".join(
        f"<div class='row'><div class='content'><div class='article-body{last}'><p>{line}</p></div></div></div>{advert}"
        for line, last in zip(PARAGRAPHS, ("", "", "", "", " -last"), strict=True)
    )
    found = article(page(around="<article><h1>{title}</h1>" + rows + "</article>"))
    assert lines(found) == list(PARAGRAPHS)


def test_a_second_half_that_the_engine_left_out_comes_back() -> None:
    def column(texts: tuple[str, ...]) -> str:
        return f"<div class='row'><div class='col'><div class='story-body'>{paragraphs(texts)}</div></div></div>"

    teaser = "<div class='row'><div class='col'><div class='story-body'><p><a href='/x'>Another story</a></p></div></div></div>"
    data = page(around="<div class='shell'>" + column(PARAGRAPHS[:3]) + teaser + column(PARAGRAPHS[3:]) + "</div>")
    runs = list(flow(parse(data.decode())).runs())
    for run in runs:
        run.chosen = run.text in PARAGRAPHS[:3]
    assert [run.text for run in layout.rejoin(runs, [run for run in runs if run.chosen])] == list(PARAGRAPHS)


FOREIGN = (
    "An owl that had escaped from the zoo in November was found in a church tower on Sunday evening, tired but well.",
    "The keepers said that they had known where it was for weeks, but that nobody had wanted to climb the stairs at night.",
)


@pytest.mark.parametrize(
    "other",
    [
        "<article class='card'><h2><a href='/2027/03/01/owl'>The owl is back</a></h2>{}</article>",
        "<article class='post-77 post'><h2>The owl is back</h2>{}</article>",
        "<article><a rel='bookmark' href='https://news.example/2027/03/01/owl'>Permalink</a>{}</article>",
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_another_article_on_the_page_is_cut_off(other: str, inside: bool) -> None:
    own = "<article class='post-12 post'><h1>{title}</h1>{body}"
    foreign = other.replace("{}", paragraphs(FOREIGN))
    around = own + foreign + "</article>" if inside else own + "</article>" + foreign
    assert lines(article(page(around="<div class='feed'>" + around + "</div>"))) == list(PARAGRAPHS)


def test_posts_of_a_live_report_on_the_same_address_are_not_other_articles() -> None:
    parts = "".join(
        f"<article><h3><a href='{URL}#p{n}'>Update {n}</a></h3><p>{t}</p></article>" for n, t in enumerate(PARAGRAPHS)
    )
    found = article(page(around="<article><h1>{title}</h1>" + parts + "</article>"))
    assert all(line in text(found) for line in PARAGRAPHS)


def test_of_a_weblogs_page_only_the_post_of_the_headline_is_taken() -> None:
    def post(title: str, texts: tuple[str, ...]) -> str:
        return (
            f"<tr><td class='post-title'>{title}</td></tr><tr><td class='post-body'>{paragraphs(texts)}</td></tr>"
            "<tr><td class='post-footer'>posted 12 times</td></tr>"
        )

    posts = post(TITLE, PARAGRAPHS) + post("An owl came back", FOREIGN) + post("Garden shears", FOREIGN[::-1])
    assert lines(article(page(around=f"<table>{posts}</table>"))) == list(PARAGRAPHS)


def test_an_old_portals_tables_give_the_text_and_not_its_menus() -> None:
    def menu(*names: str) -> str:
        return (
            "<table><tr><td>"
            + " | ".join(f"<a href='/{n}'>{name}</a>" for n, name in enumerate(names))
            + "</td></tr></table>"
        )

    links = "".join(f"<tr><td>·<a href='/l{n}'>今天城里另外一条不相干的消息之{n}</a></td></tr>" for n in range(9))
    body = "<br><br>".join(f"　　{line}" for line in CHINESE)
    data = (
        "<html><head><meta charset='gb2312'><title>索恩河大桥今日重新通车_新闻中心</title></head><body>"
        + menu("首页", "新闻", "体育", "财经", "汽车")
        + f"<table><tr><td><table><tr><td><b>索恩河大桥今日重新通车</b></td></tr><tr><td>{body}</td></tr>"
        + "<tr><td><a href='/p'>发表评论</a></td></tr>"
        + f"<tr><td>相关新闻</td></tr>{links}</table></td><td><table>{links}</table></td></tr></table>"
        + menu("公司简介", "联系我们", "广告服务", "招聘信息", "隐私权政策")
        + "<p>网页内容 ©1999-2005 版权所有</p></body></html>"
    ).encode("gb18030")
    assert lines(article(data)) == list(CHINESE)


def test_a_list_of_links_in_the_body_is_left_out_and_a_list_of_facts_stays() -> None:
    links = (
        "<ul>"
        + "".join(f"<li><a href='/n{n}'>Another story from town, number {n}</a></li>" for n in range(5))
        + "</ul>"
    )
    facts = ("It is 412 metres long.", "It has eleven pillars.", "It was built in 1931.")
    parts = [f"<p>{line}</p>" for line in PARAGRAPHS]
    listed = "<ul>" + "".join(f"<li>{fact}</li>" for fact in facts) + "</ul>"
    found = article(page("".join([*parts[:2], links, *parts[2:4], listed, parts[4]])))
    assert "Another story" not in text(found)
    assert all(fact in text(found) for fact in facts)


def test_cards_that_lead_to_other_articles_are_left_out() -> None:
    cards = "".join(
        f"<div class='card'><div class='card-content'><h2 class='t'><a href='/o{n}'>A story of another day {n}</a></h2>"
        f"<p class='dek'>What happened on that other day is told here in one sentence, number {n}.</p></div></div>"
        for n in range(4)
    )
    parts = [f"<p>{line}</p>" for line in PARAGRAPHS * 2]
    told = [line if n < 5 else f"Later: {line}" for n, line in enumerate(PARAGRAPHS * 2)]
    parts = [f"<p>{line}</p>" for line in told]
    found = article(page("".join([*parts[:6], f"<div class='c'>{cards}</div>", *parts[6:]])))
    assert lines(found) == told


def test_a_long_list_does_not_push_the_paragraphs_around_it_out() -> None:
    items = [
        f"Question number {n}, which the people of the town asked the search engine most often this year"
        for n in range(12)
    ]
    said = ("The town asked:", "As always: you are what you look for.")
    body = f"<p>{PARAGRAPHS[0]}</p><p>{said[0]}</p><ol>{''.join(f'<li>{item}</li>' for item in items)}</ol><p>{said[1]}</p>"
    found = article(page(body))
    assert all(line in text(found) for line in (PARAGRAPHS[0], *said, *items))


# --- what the caller is told ------------------------------------------------------------------------------------------


def test_the_letters_of_the_body_are_counted_whatever_the_state() -> None:
    found = read(page())
    assert found.letters == sum(character.isalnum() for line in PARAGRAPHS for character in line)
    assert read(b"<html><title>404 Not Found</title><body><p>Not found.</p></body></html>").letters < 20


def test_what_was_left_out_is_explained_only_when_asked() -> None:
    parts = [f"<p>{line}</p>" for line in PARAGRAPHS]
    data = page("".join([*parts[:2], "<div class='newsletter-x'><p>Words in a box that is not ours to keep.</p></div>",
                         "<p>Read more: <a href='/x'>Ten things about bridges</a></p>", *parts[2:]]))  # fmt: skip
    assert read(data).dropped == ()
    found = read(data, explain=True)
    assert found.article is not None
    assert lines(found.article) == list(PARAGRAPHS)
    told = {one.text: one.why for one in found.dropped}
    assert "furniture" in told["Read more: Ten things about bridges"]
    assert "Words in a box that is not ours to keep." in told
    assert not set(told) & set(PARAGRAPHS)


def test_a_page_that_a_person_released_becomes_an_article_whatever_it_looks_like() -> None:
    short = b"<html><head><title>Just a moment...</title></head><body><p>The bridge is open again.</p></body></html>"
    assert read(short).article is None
    found = read(short, force=True)
    assert found.state == "ok"
    assert found.article is not None
    assert lines(found.article) == ["The bridge is open again."]


def test_a_released_page_without_any_text_is_still_none() -> None:
    found = read(b"<html><head><title>Nothing</title></head><body><img src='/x.png'></body></html>", force=True)
    assert (found.state, found.article) == ("error", None)


def test_a_refrain_stays_and_a_copy_for_another_width_goes() -> None:
    refrain = "And still the river runs below the bridge, as it ran before the town was there at all."
    verses = [PARAGRAPHS[0], refrain, refrain, *PARAGRAPHS[1:]]
    assert lines(article(page(paragraphs(verses)))) == verses
    copies = [
        f"<p class='wide'>{refrain}</p><p class='narrow'>{refrain}</p>",
        f"<div><p>{refrain}</p></div><p>{refrain}</p>",
    ]
    for copy in copies:
        body = paragraphs(PARAGRAPHS[:2]) + copy + paragraphs(PARAGRAPHS[2:])
        assert lines(article(page(body))) == [*PARAGRAPHS[:2], refrain, *PARAGRAPHS[2:]]


def test_lists_quotations_and_headings_that_the_engine_loses_between_paragraphs_come_back() -> None:
    tree = flow(
        parse(
            f"<body><div><p>{PARAGRAPHS[0]}</p><h3>What it cost</h3><p>{PARAGRAPHS[1]}</p>"
            "<ul><li>The stone was paid by the town<ul><li>and the steel by the province</li></ul></li>"
            "<li>The lamps were a gift of the harbour</li></ul>"
            "<ul><li><a href='/a'>Harbour shut for a week</a></li></ul><h3>Read also</h3>"
            f"<blockquote><p>We had waited for it for two years.</p></blockquote><p>{PARAGRAPHS[2]}</p>"
            "<h3>After the end</h3><ul><li>A list that stands under the article</li></ul></div></body>"
        )
    )
    chosen = body.choose(tree, "".join(key_of(line) for line in PARAGRAPHS[:3]))
    assert len(chosen) == 3
    body.fill(tree, chosen)
    assert [run.text for run in tree.runs() if run.chosen and run.text not in PARAGRAPHS] == [
        "What it cost",
        "The stone was paid by the town",
        "and the steel by the province",
        "The lamps were a gift of the harbour",
        "We had waited for it for two years.",
    ]
