"""Pages made up for the tests: whole ones, with the furniture real pages have around the article."""


# ruff: noqa: E501

from __future__ import annotations

from mirror.extract import Extraction, extract
from mirror.extract.blocks import text_of_blocks
from mirror.model import Draft

URL = "https://news.example/2027/03/01/bridge-reopens"
TITLE = "The river bridge is open again after two years"
PARAGRAPHS = (
    "The bridge over the river Sorn was opened to traffic on Monday morning, two years after a barge tore away one of "
    "its pillars and cut the town in two.",
    "Several hundred people had come to walk across before the first buses did. A brass band played, and the mayor "
    "cut the ribbon with a pair of garden shears because nobody had brought scissors.",
    "“For two years my way to school was eleven kilometres long,” said Ilse Marn, a teacher who lives on the left "
    "bank. “From today it is four hundred metres again, and I can sleep until seven.”",
    "The repair cost nineteen million crowns, a third more than planned. Engineers found cracks in the second pillar "
    "when they drained the pit around the first one, and had to begin again.",
    "Heavy lorries will have to keep using the motorway bridge until the autumn, when the last tests of the new "
    "bearings are to be finished, the road office said.",
)
PERSIAN = (
    "پل روی رودخانهٔ سورن روز دوشنبه پس از دو سال دوباره باز شد و مردم شهر می‌توانند بدون دور زدن از آن بگذرند.",
    "شهردار گفت که کارگران شبانه‌روز کار کرده‌اند و هزینهٔ بازسازی بیش از آنچه پیش‌بینی می‌شد بوده است، اما کیفیت کار خوب است.",
    "به گفتهٔ او کامیون‌های سنگین تا پاییز نمی‌توانند از این پل بگذرند و باید از بزرگراه استفاده کنند تا آزمایش‌ها پایان یابد.",
)
ARABIC = (
    "أعيد افتتاح الجسر فوق نهر سورن صباح الاثنين بعد عامين من اصطدام سفينة بأحد أعمدته وانقسام المدينة إلى نصفين.",
    "وقال رئيس البلدية إن تكلفة الإصلاح بلغت تسعة عشر مليونا، أي أكثر بالثلث مما كان مخططا له عند بداية العمل.",
    "وستبقى الشاحنات الثقيلة تستخدم جسر الطريق السريع حتى الخريف حين تنتهي الاختبارات الأخيرة للمحامل الجديدة.",
)
CHINESE = (
    "索恩河大桥周一上午重新通车。两年前，一艘驳船撞毁了大桥的一个桥墩，这座城市从此被分成了两半。",
    "数百名市民在第一班公共汽车驶过之前步行过桥。市长用一把园艺剪刀剪了彩，因为没有人带剪刀。",
    "修复工程耗资一千九百万，比原计划多出三分之一。工程师在抽干第一个桥墩周围的积水时发现第二个桥墩也有裂缝。",
    "交通部门说，重型卡车在秋天之前仍须使用高速公路大桥，届时新支座的最后测试将会完成。",
)
RUSSIAN = (
    "Мост через реку Сорн открыли для движения в понедельник утром, через два года после того, как баржа снесла одну из опор.",
    "Несколько сотен человек пришли пройти по нему раньше первых автобусов. Мэр перерезал ленту садовыми ножницами.",
    "Ремонт обошёлся в девятнадцать миллионов крон, на треть дороже, чем планировалось, сообщили в дорожной службе города.",
)


def paragraphs(texts: tuple[str, ...] = PARAGRAPHS) -> str:
    return "\n".join(f"<p>{text}</p>" for text in texts)


def page(
    body: str | None = None,
    *,
    title: str = TITLE,
    head: str = "",
    lang: str = "en",
    before: str = "",
    after: str = "",
    around: str = "<article><h1>{title}</h1>{body}</article>",
) -> bytes:
    """A page with menu and footer; `body` stands in the article, `before` and `after` beside it."""
    inner = around.format(title=title, body=paragraphs() if body is None else body)
    return (
        f"<!DOCTYPE html><html lang='{lang}'><head><meta charset='utf-8'><title>{title} - The Example</title>"
        f"<meta property='og:title' content='{title}'><meta property='og:type' content='article'>"
        f"<meta property='og:site_name' content='The Example'>"
        f"<meta property='article:published_time' content='2027-03-01T09:15:00+01:00'>{head}</head><body>"
        "<nav><ul><li><a href='/world'>World</a></li><li><a href='/sport'>Sport</a></li></ul></nav>"
        f"{before}<main>{inner}</main>{after}"
        "<footer><p>© The Example, all rights reserved.</p><a href='/imprint'>Imprint</a></footer></body></html>"
    ).encode()


def read(data: bytes, *, url: str = URL, **options: object) -> Extraction:
    return extract(data, url=url, **options)  # type: ignore[arg-type]


def article(data: bytes, *, url: str = URL, **options: object) -> Draft:
    found = read(data, url=url, **options)
    assert found.state == "ok", found
    assert found.article is not None
    return found.article


def text(draft: Draft) -> str:
    return text_of_blocks(draft.blocks)


def lines(draft: Draft) -> list[str]:
    return text(draft).split("\n\n")
