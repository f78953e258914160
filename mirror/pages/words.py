"""What our pages say in their own name, in the reader's eight languages, and how they write dates.

`words(language)` gives the `Words` for a language tag, English when we have none for it. Dates are those of a newspaper
("3 March 2027"), never ages ("2 hours ago"): a page may be opened years later, from a memory stick. Persian readers get
the Solar Hijri calendar and their own digits. Times of day are UTC and say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mirror.model import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """`{…}` are filled in by the pages. Texts are plain: no markup."""

    language: str
    direction: Direction
    skip: str
    neutral: str  # {publication}
    how: str
    front: str
    by: str
    comma: str
    published: str
    modified: str
    rest: str
    embed: dict[str, str]  # by kind; "other" is the fallback
    opens: str  # {host}
    scroll: str
    check: str
    nothing: str  # {publication}
    with_what: str
    more: str
    says: str  # {publication}
    does_not_say: str  # {outlet}
    steps: tuple[str, str]
    original: str
    fetched: str
    revision: str
    index: str
    picture: str
    edition: str  # {serial}
    due: str
    mirrors: str
    mirrors_say: str
    since: str
    older: str  # {count}
    reader: str
    keep: str
    forged: str  # {publication}
    feed: str
    withdrawn: str
    removed: str  # {noticed}, {answer}
    captured: str  # {publication}, {time}
    changed: str  # {revision}, {time}
    changed_more: str  # {count}
    changed_none: str
    earlier: str
    wheres: dict[str, str]  # by what changed; paragraphs have none
    notes: str
    back: str
    original_site: str
    check_front: str  # {publication}

    @property
    def dot(self) -> str:
        """What stands between facts. A middle dot looks like a zero among Persian and Arabic digits."""
        return " | " if self.direction == "rtl" else " · "

    @property
    def gap(self) -> str:
        """What follows a label with a colon. The Chinese colon is as wide as a character and has its blank inside."""
        return "" if self.language == "zh" else " "


ENGLISH = Words(
    language="en",
    direction="ltr",
    skip="Skip to the text",
    neutral="A copy kept by {publication}. A page cannot prove itself:",
    how="how to check it",
    front="Front page",
    by="By",
    comma=", ",
    published="Published",
    modified="changed",
    rest="This article is longer than this page: the rest is in the signed files, and the reader shows it.",
    embed={
        "youtube": "Video on YouTube",
        "vimeo": "Video on Vimeo",
        "tiktok": "Video on TikTok",
        "video": "Video",
        "telegram": "Post on Telegram",
        "x": "Post on X",
        "facebook": "Post on Facebook",
        "instagram": "Post on Instagram",
        "soundcloud": "Sound on SoundCloud",
        "audio": "Sound",
        "chart": "Chart",
        "map": "Map",
        "document": "Document",
        "post": "Post",
        "other": "Shown here on the original page",
    },
    opens="opens {host}",
    scroll="Table",
    check="How to check this page",
    nothing="Anybody can run a mirror, so a page opened from one proves nothing, not even this sentence. What can be "
    "checked is the signed file behind it.",
    with_what="With the reader or the tamizdat tool, from people you trust, not from this page.",
    more="More on the front page",
    says="An article’s signature says one thing: {publication} fetched it from the address on its page, at the time "
    "told there, and kept this text of it. It does not say that the outlet wrote it.",
    does_not_say="It does not say that {outlet} wrote it.",
    steps=(
        "Get the tamizdat tool and the publication’s fingerprint from people or places you trust. Not from this page.",
        "Then run:",
    ),
    original="Original",
    fetched="Fetched",
    revision="Revision",
    index="Place in the log",
    picture="Photo:",
    edition="Edition {serial}",
    due="The next one is due by",
    mirrors="Mirrors",
    mirrors_say="The same edition, at other addresses:",
    since="since",
    older="This outlet’s articles on this mirror: {count}.",
    reader="The reader shows them all.",
    keep="Easier: the reader, one file that you keep. It checks everything by itself, and finds other mirrors when "
    "this one is gone:",
    forged="A mirror can give you a forged one. Before you open it, compare its SHA-256 with the one that "
    "{publication} tells on its own channels, not here:",
    feed="Feed",
    withdrawn="Withdrawn articles",
    captured="Its signature says one thing: others captured the page at the address below on {time}, {publication} "
    "took it over from their archive at the time below, and kept this text of it.",
    changed="What changed since revision {revision} of {time}",
    changed_more="Further changes, not shown here: {count}.",
    changed_none="Nothing in the text.",
    earlier="The earlier revision, signed as well:",
    wheres={"title": "Title", "lead": "Lead", "authors": "Authors", "caption": "Caption"},
    removed="The outlet removed this page; this copy is kept. Noticed {noticed}; its server answered: {answer}.",
    notes="Notes",
    back="back to the text",
    original_site="Original site",
    check_front="The edition behind it is signed by {publication} and written into a public log, with the digest of "
    "every article named here.",
)

RUSSIAN = Words(
    language="ru",
    direction="ltr",
    skip="Перейти к тексту",
    neutral="Копия, которую хранит {publication}. Сама страница не может доказать свою подлинность:",
    how="как проверить",
    front="Главная",
    by="Автор:",
    comma=", ",
    published="Опубликовано",
    modified="изменено",
    rest="Статья длиннее этой страницы: продолжение лежит в подписанных файлах, его покажет читалка.",
    embed={
        "youtube": "Видео на YouTube",
        "vimeo": "Видео на Vimeo",
        "tiktok": "Видео в TikTok",
        "video": "Видео",
        "telegram": "Пост в Telegram",
        "x": "Пост в X",
        "facebook": "Пост в Facebook",
        "instagram": "Пост в Instagram",
        "soundcloud": "Звук на SoundCloud",
        "audio": "Звук",
        "chart": "График",
        "map": "Карта",
        "document": "Документ",
        "post": "Пост",
        "other": "Вставка на исходной странице",
    },
    opens="откроется {host}",
    scroll="Таблица",
    check="Как проверить эту страницу",
    nothing="Зеркало может завести кто угодно, поэтому открытая с него страница ничего не доказывает, даже эта фраза. "
    "Проверить можно подписанный файл, из которого она сделана.",
    with_what="Читалкой или программой tamizdat, взятыми у тех, кому вы доверяете, а не отсюда.",
    more="Подробнее на главной",
    says="Подпись под статьёй говорит лишь об одном: издатель {publication} получил её по адресу, указанному на её "
    "странице, в указанное там время и сохранил из неё этот текст. Она не означает, что текст написала редакция.",
    does_not_say="Она не означает, что текст написала редакция «{outlet}».",
    steps=(
        "Возьмите программу tamizdat и отпечаток издателя у людей и в местах, которым доверяете. Не с этой страницы.",
        "Затем выполните:",
    ),
    original="Оригинал",
    fetched="Получено",
    revision="Версия",
    index="Место в журнале",
    picture="Фото:",
    edition="Выпуск {serial}",
    due="Следующий ожидается до",
    mirrors="Зеркала",
    mirrors_say="Тот же выпуск по другим адресам:",
    since="с",
    older="Статей этого издания на зеркале: {count}.",
    reader="Все они есть в читалке.",
    keep="Проще: читалка — один файл, который остаётся у вас. Она сама всё проверяет и находит другие зеркала, когда "
    "это исчезнет:",
    forged="Зеркало может подсунуть подделку. Прежде чем открыть файл, сравните его SHA-256 с тем, который "
    "издатель {publication} называет в своих каналах, а не здесь:",
    feed="Лента",
    withdrawn="Отозванные статьи",
    captured="Подпись говорит лишь об одном: страницу по указанному ниже адресу сохранили другие ({time}), издатель "
    "{publication} взял её из их архива в указанное ниже время и сохранил из неё этот текст.",
    changed="Что изменилось по сравнению с версией {revision} от {time}",
    changed_more="Изменений, не показанных здесь: {count}.",
    changed_none="Текст не изменился.",
    earlier="Прежняя версия, тоже подписанная:",
    wheres={"title": "Заголовок", "lead": "Подводка", "authors": "Авторы", "caption": "Подпись"},
    removed="Редакция убрала эту страницу; копия сохранена. Замечено {noticed}; ответ её сервера: {answer}.",
    notes="Примечания",
    back="назад к тексту",
    original_site="Исходный сайт",
    check_front="Выпуск, из которого она сделана, подписал издатель {publication}; он записан в открытый журнал "
    "вместе с отпечатком каждой названной здесь статьи.",
)

PERSIAN = Words(
    language="fa",
    direction="rtl",
    skip="رفتن به متن",
    neutral="نسخه‌ای که {publication} نگه داشته است. هیچ صفحه‌ای نمی‌تواند درستی خودش را ثابت کند:",
    how="چگونه بررسی کنیم",
    front="صفحهٔ نخست",
    by="نوشتهٔ",
    comma="، ",
    published="انتشار",
    modified="ویرایش",
    rest="این مقاله از این صفحه بلندتر است: بقیهٔ آن در فایل‌های امضاشده است و برنامهٔ خواننده آن را نشان می‌دهد.",
    embed={
        "youtube": "ویدیو در یوتیوب",
        "vimeo": "ویدیو در ویمئو",
        "tiktok": "ویدیو در تیک‌تاک",
        "video": "ویدیو",
        "telegram": "پست تلگرام",
        "x": "پست ایکس",
        "facebook": "پست فیس‌بوک",
        "instagram": "پست اینستاگرام",
        "soundcloud": "صدا در ساندکلاد",
        "audio": "صدا",
        "chart": "نمودار",
        "map": "نقشه",
        "document": "سند",
        "post": "پست",
        "other": "آنچه در صفحهٔ اصلی اینجا آمده است",
    },
    opens="باز می‌شود: {host}",
    scroll="جدول",
    check="چگونه این صفحه را بررسی کنیم",
    nothing="هر کسی می‌تواند آینه‌ای راه بیندازد؛ پس صفحه‌ای که از آینه باز شده چیزی را ثابت نمی‌کند، حتی همین جمله را. "
    "آنچه می‌شود بررسی کرد فایل امضاشده‌ای است که این صفحه از آن ساخته شده است.",
    with_what="با برنامهٔ خواننده یا ابزار tamizdat، که از جایی مطمئن گرفته باشید، نه از این صفحه.",
    more="بیشتر در صفحهٔ نخست",
    says="امضای هر مقاله فقط یک چیز می‌گوید: {publication} آن را از نشانی نوشته‌شده در صفحهٔ مقاله و در زمان نوشته‌شده "
    "در همان‌جا دریافت کرده و این متن را از آن نگه داشته است. امضا نمی‌گوید که رسانه آن را نوشته است.",
    does_not_say="امضا نمی‌گوید که «{outlet}» آن را نوشته است.",
    steps=(
        "ابزار tamizdat و اثرانگشت نشریه را از کسی یا جایی بگیرید که به آن اعتماد دارید؛ نه از این صفحه.",
        "سپس این فرمان را اجرا کنید:",
    ),
    original="نشانی اصلی",
    fetched="زمان دریافت",
    revision="نسخه",
    index="جایگاه در دفتر ثبت",
    picture="عکس:",
    edition="شمارهٔ {serial}",
    due="شمارهٔ بعدی تا",
    mirrors="آینه‌ها",
    mirrors_say="همین شماره در نشانی‌های دیگر:",
    since="از",
    older="شمار مقاله‌های این رسانه روی این آینه: {count}.",
    reader="برنامهٔ خواننده همه را نشان می‌دهد.",
    keep="ساده‌تر: برنامهٔ خواننده، یک فایل که نزد شما می‌ماند. خودش همه چیز را بررسی می‌کند و اگر این آینه از کار بیفتد "
    "آینه‌های دیگر را پیدا می‌کند:",
    forged="آینه می‌تواند فایلی جعلی بدهد. پیش از باز کردن، SHA-256 آن را با آنچه {publication} در کانال‌های خودش، نه "
    "اینجا، اعلام کرده است مقایسه کنید:",
    feed="خوراک",
    withdrawn="مقاله‌های پس‌گرفته‌شده",
    captured="امضای آن فقط یک چیز می‌گوید: دیگران صفحهٔ نشانی زیر را در {time} ثبت کرده‌اند، {publication} آن را در زمان "
    "زیر از بایگانی ایشان برداشته و این متن را از آن نگه داشته است.",
    changed="تغییرها نسبت به نسخهٔ {revision}، {time}",
    changed_more="تغییرهای دیگری که اینجا نیامده: {count}.",
    changed_none="متن تغییری نکرده است.",
    earlier="نسخهٔ پیشین که آن هم امضا شده است:",
    wheres={"title": "عنوان", "lead": "لید", "authors": "نویسندگان", "caption": "شرح عکس"},
    removed="رسانه این صفحه را حذف کرده است؛ این نسخه نگه داشته شده است. زمان مشاهده: {noticed}؛ "
    "پاسخ سرور آن: {answer}.",
    notes="یادداشت‌ها",
    back="بازگشت به متن",
    original_site="وب‌گاه اصلی",
    check_front="شماره‌ای که این صفحه از آن ساخته شده به امضای {publication} رسیده و همراه با اثرانگشت همهٔ مقاله‌های "
    "این صفحه در دفتری همگانی ثبت شده است.",
)

CHINESE = Words(
    language="zh",
    direction="ltr",
    skip="跳到正文",
    neutral="{publication}保存的副本。网页无法证明自己：",
    how="如何核对",
    front="首页",
    by="作者：",
    comma="、",
    published="发布于",
    modified="修改于",
    rest="本文比这一页更长：其余部分在已签名的文件中，可用阅读器查看。",
    embed={
        "youtube": "YouTube 视频",
        "vimeo": "Vimeo 视频",
        "tiktok": "TikTok 视频",
        "video": "视频",
        "telegram": "Telegram 帖子",
        "x": "X 帖子",
        "facebook": "Facebook 帖子",
        "instagram": "Instagram 帖子",
        "soundcloud": "SoundCloud 音频",
        "audio": "音频",
        "chart": "图表",
        "map": "地图",
        "document": "文档",
        "post": "帖子",
        "other": "原网页在此处嵌入的内容",
    },
    opens="将打开 {host}",
    scroll="表格",
    check="如何核对本页",
    nothing="任何人都可以架设镜像，所以从镜像打开的网页什么也证明不了，连这句话也一样。可以核对的，是网页背后那份已签名的文件。",
    with_what="用阅读器或 tamizdat 工具，它们须取自您信任的人，而非本页。",
    more="详见首页",
    says="文章的签名只说明一件事：{publication}在文章页面所列的时间从所列的网址取得了它，并保留了这些文字。签名并不说明文章出自该媒体之手。",
    does_not_say="签名并不说明文章出自“{outlet}”之手。",
    steps=(
        "请从您信任的人或渠道取得 tamizdat 工具和本刊物的指纹，不要从本页取得。",
        "然后运行：",
    ),
    original="原文网址",
    fetched="取得时间",
    revision="版本",
    index="日志中的位置",
    picture="图片：",
    edition="第 {serial} 期",
    due="下一期不迟于",
    mirrors="镜像",
    mirrors_say="同一期内容的其他网址：",
    since="始于",
    older="本镜像存有该媒体的文章 {count} 篇。",
    reader="可用阅读器查看全部。",
    keep="更简便：阅读器，一个由您自己保存的文件。它会自行核对一切，并在此镜像失效时找到其他镜像：",
    forged="镜像可能提供伪造的文件。打开之前，请将其 SHA-256 与{publication}在其自有渠道（而非此处）公布的值比较：",
    feed="订阅源",
    withdrawn="已撤回的文章",
    captured="签名只说明一件事：他人于 {time} 采集了下列网址的网页，{publication}"
    "在下列时间从其存档取得，并保留了这些文字。",
    changed="与第 {revision} 版（{time}）相比的改动",
    changed_more="另有 {count} 处改动未在此列出。",
    changed_none="正文没有改动。",
    earlier="先前的版本，同样经过签名：",
    wheres={"title": "标题", "lead": "导语", "authors": "作者", "caption": "图片说明"},
    removed="该媒体已撤下此页面，本副本予以保留。发现时间：{noticed}；其服务器的答复：{answer}。",
    notes="注释",
    back="返回正文",
    original_site="原网站",
    check_front="这一期由{publication}签名，并连同本页每篇文章的摘要值一起写入公开日志。",
)

UKRAINIAN = Words(
    language="uk",
    direction="ltr",
    skip="Перейти до тексту",
    neutral="Копія, яку зберігає {publication}. Сама сторінка не може довести своєї справжності:",
    how="як перевірити",
    front="Головна",
    by="Автор:",
    comma=", ",
    published="Опубліковано",
    modified="змінено",
    rest="Стаття довша за цю сторінку: продовження лежить у підписаних файлах, його покаже читалка.",
    embed={
        "youtube": "Відео на YouTube",
        "vimeo": "Відео на Vimeo",
        "tiktok": "Відео в TikTok",
        "video": "Відео",
        "telegram": "Допис у Telegram",
        "x": "Допис у X",
        "facebook": "Допис у Facebook",
        "instagram": "Допис в Instagram",
        "soundcloud": "Звук на SoundCloud",
        "audio": "Звук",
        "chart": "Графік",
        "map": "Мапа",
        "document": "Документ",
        "post": "Допис",
        "other": "Вставка на сторінці-джерелі",
    },
    opens="відкриється {host}",
    scroll="Таблиця",
    check="Як перевірити цю сторінку",
    nothing="Дзеркало може створити будь-хто, тож відкрита з нього сторінка нічого не доводить, навіть це речення. "
    "Перевірити можна підписаний файл, з якого її зроблено.",
    with_what="Читалкою або програмою tamizdat, узятими в тих, кому ви довіряєте, а не звідси.",
    more="Докладніше на головній",
    says="Підпис під статтею свідчить лише про одне: видавець {publication} отримав її за адресою, вказаною на її "
    "сторінці, у вказаний там час і зберіг із неї цей текст. Він не означає, що текст написала редакція.",
    does_not_say="Він не означає, що текст написала редакція «{outlet}».",
    steps=(
        "Візьміть програму tamizdat і відбиток видавця в людей і в місцях, яким довіряєте. Не з цієї сторінки.",
        "Потім виконайте:",
    ),
    original="Оригінал",
    fetched="Отримано",
    revision="Версія",
    index="Місце в журналі",
    picture="Фото:",
    edition="Випуск {serial}",
    due="Наступний очікується до",
    mirrors="Дзеркала",
    mirrors_say="Той самий випуск за іншими адресами:",
    since="з",
    older="Статей цього видання на дзеркалі: {count}.",
    reader="Усі вони є в читалці.",
    keep="Простіше: читалка — один файл, який лишається у вас. Вона сама все перевіряє і знаходить інші дзеркала, коли "
    "це зникне:",
    forged="Дзеркало може підсунути підробку. Перш ніж відкрити файл, порівняйте його SHA-256 з тим, який "
    "видавець {publication} називає у своїх каналах, а не тут:",
    feed="Стрічка",
    withdrawn="Відкликані статті",
    captured="Підпис свідчить лише про одне: сторінку за вказаною нижче адресою зберегли інші ({time}), видавець "
    "{publication} узяв її з їхнього архіву у вказаний нижче час і зберіг із неї цей текст.",
    changed="Що змінилося порівняно з версією {revision} від {time}",
    changed_more="Змін, не показаних тут: {count}.",
    changed_none="Текст не змінився.",
    earlier="Попередня версія, теж підписана:",
    wheres={"title": "Заголовок", "lead": "Вступ", "authors": "Автори", "caption": "Підпис"},
    removed="Редакція прибрала цю сторінку; копію збережено. Помічено {noticed}; відповідь її сервера: {answer}.",
    notes="Примітки",
    back="назад до тексту",
    original_site="Сайт-джерело",
    check_front="Випуск, з якого зроблено цю сторінку, підписав видавець {publication}; його записано у відкритий "
    "журнал разом із відбитком кожної названої тут статті.",
)

BELARUSIAN = Words(
    language="be",
    direction="ltr",
    skip="Перайсці да тэксту",
    neutral="Копія, якую захоўвае {publication}. Сама старонка не можа даказаць сваю сапраўднасць:",
    how="як праверыць",
    front="Галоўная",
    by="Аўтар:",
    comma=", ",
    published="Апублікавана",
    modified="зменена",
    rest="Артыкул даўжэйшы за гэтую старонку: працяг ляжыць у падпісаных файлах, яго пакажа чыталка.",
    embed={
        "youtube": "Відэа на YouTube",
        "vimeo": "Відэа на Vimeo",
        "tiktok": "Відэа ў TikTok",
        "video": "Відэа",
        "telegram": "Допіс у Telegram",
        "x": "Допіс у X",
        "facebook": "Допіс у Facebook",
        "instagram": "Допіс у Instagram",
        "soundcloud": "Гук на SoundCloud",
        "audio": "Гук",
        "chart": "Графік",
        "map": "Карта",
        "document": "Дакумент",
        "post": "Допіс",
        "other": "Устаўка на зыходнай старонцы",
    },
    opens="адкрыецца {host}",
    scroll="Табліца",
    check="Як праверыць гэтую старонку",
    nothing="Люстэрка можа завесці хто заўгодна, таму адкрытая з яго старонка нічога не даказвае, нават гэты сказ. "
    "Праверыць можна падпісаны файл, з якога яна зроблена.",
    with_what="Чыталкай або праграмай tamizdat, узятымі ў тых, каму вы давяраеце, а не адсюль.",
    more="Падрабязней на галоўнай",
    says="Подпіс пад артыкулам сведчыць толькі пра адно: выдавец {publication} атрымаў яго па адрасе, пазначаным на "
    "яго старонцы, у пазначаны там час і захаваў з яго гэты тэкст. Ён не азначае, што тэкст напісала рэдакцыя.",
    does_not_say="Ён не азначае, што тэкст напісала рэдакцыя «{outlet}».",
    steps=(
        "Вазьміце праграму tamizdat і адбітак выдаўца ў людзей і ў месцах, якім давяраеце. Не з гэтай старонкі.",
        "Потым выканайце:",
    ),
    original="Арыгінал",
    fetched="Атрымана",
    revision="Версія",
    index="Месца ў журнале",
    picture="Фота:",
    edition="Выпуск {serial}",
    due="Наступны чакаецца да",
    mirrors="Люстэркі",
    mirrors_say="Той самы выпуск па іншых адрасах:",
    since="з",
    older="Артыкулаў гэтага выдання на люстэрку: {count}.",
    reader="Усе яны ёсць у чыталцы.",
    keep="Прасцей: чыталка — адзін файл, які застаецца ў вас. Яна сама ўсё правярае і знаходзіць іншыя люстэркі, калі "
    "гэтае знікне:",
    forged="Люстэрка можа падсунуць падробку. Перш чым адкрыць файл, параўнайце яго SHA-256 з тым, які выдавец "
    "{publication} называе ў сваіх каналах, а не тут:",
    feed="Стужка",
    withdrawn="Адкліканыя артыкулы",
    captured="Подпіс сведчыць толькі пра адно: старонку па пазначаным ніжэй адрасе захавалі іншыя ({time}), выдавец "
    "{publication} узяў яе з іх архіва ў пазначаны ніжэй час і захаваў з яе гэты тэкст.",
    changed="Што змянілася ў параўнанні з версіяй {revision} ад {time}",
    changed_more="Змен, не паказаных тут: {count}.",
    changed_none="Тэкст не змяніўся.",
    earlier="Ранейшая версія, таксама падпісаная:",
    wheres={"title": "Загаловак", "lead": "Уступ", "authors": "Аўтары", "caption": "Подпіс"},
    removed="Рэдакцыя прыбрала гэтую старонку; копія захавана. Заўважана {noticed}; адказ яе сервера: {answer}.",
    notes="Заўвагі",
    back="назад да тэксту",
    original_site="Зыходны сайт",
    check_front="Выпуск, з якога зроблена гэтая старонка, падпісаў выдавец {publication}; ён запісаны ў адкрыты журнал "
    "разам з адбіткам кожнага названага тут артыкула.",
)

SPANISH = Words(
    language="es",
    direction="ltr",
    skip="Ir al texto",
    neutral="Una copia que guarda {publication}. Una página no puede demostrar que es auténtica:",
    how="cómo comprobarla",
    front="Portada",
    by="Por",
    comma=", ",
    published="Publicado el",
    modified="modificado el",
    rest="Este artículo es más largo que esta página: el resto está en los archivos firmados, y el lector lo muestra.",
    embed={
        "youtube": "Vídeo en YouTube",
        "vimeo": "Vídeo en Vimeo",
        "tiktok": "Vídeo en TikTok",
        "video": "Vídeo",
        "telegram": "Publicación en Telegram",
        "x": "Publicación en X",
        "facebook": "Publicación en Facebook",
        "instagram": "Publicación en Instagram",
        "soundcloud": "Audio en SoundCloud",
        "audio": "Audio",
        "chart": "Gráfico",
        "map": "Mapa",
        "document": "Documento",
        "post": "Publicación",
        "other": "Contenido de la página original",
    },
    opens="abre {host}",
    scroll="Tabla",
    check="Cómo comprobar esta página",
    nothing="Cualquiera puede abrir un espejo, así que una página abierta desde uno no prueba nada, ni siquiera esta "
    "frase. Lo que sí se puede comprobar es el archivo firmado del que procede.",
    with_what="Con el lector o la herramienta tamizdat, conseguidos de personas de confianza, no de aquí.",
    more="Más en la portada",
    says="La firma de un artículo dice una sola cosa: {publication} lo obtuvo de la dirección que figura en su página, "
    "en el momento indicado allí, y guardó de él este texto. No dice que lo escribiera el medio.",
    does_not_say="No dice que lo escribiera {outlet}.",
    steps=(
        "Consiga la herramienta tamizdat y la huella de la publicación de personas o lugares de confianza. No de esta "
        "página.",
        "Después ejecute:",
    ),
    original="Original",
    fetched="Obtenido",
    revision="Revisión",
    index="Lugar en el registro",
    picture="Foto:",
    edition="Edición {serial}",
    due="La siguiente se espera antes del",
    mirrors="Espejos",
    mirrors_say="La misma edición, en otras direcciones:",
    since="desde el",
    older="Artículos de este medio en este espejo: {count}.",
    reader="El lector los muestra todos.",
    keep="Más fácil: el lector, un solo archivo que usted guarda. Lo comprueba todo por sí mismo y encuentra otros "
    "espejos cuando este desaparezca:",
    forged="Un espejo puede darle uno falso. Antes de abrirlo, compare su SHA-256 con el que {publication} anuncia en "
    "sus propios canales, no aquí:",
    feed="Feed",
    withdrawn="Artículos retirados",
    captured="Su firma dice una sola cosa: otros guardaron la página de la dirección indicada abajo el {time}, "
    "{publication} la tomó de su archivo en el momento indicado abajo y guardó de ella este texto.",
    changed="Qué ha cambiado desde la revisión {revision} del {time}",
    changed_more="Otros cambios, no mostrados aquí: {count}.",
    changed_none="Nada en el texto.",
    earlier="La revisión anterior, también firmada:",
    wheres={"title": "Título", "lead": "Entradilla", "authors": "Autores", "caption": "Pie de foto"},
    removed="El medio retiró esta página; se conserva esta copia. Se advirtió el {noticed}; su servidor respondió: "
    "{answer}.",
    notes="Notas",
    back="volver al texto",
    original_site="Sitio original",
    check_front="La edición de la que procede está firmada por {publication} e inscrita en un registro público, con la "
    "huella de cada artículo nombrado aquí.",
)

ARABIC = Words(
    language="ar",
    direction="rtl",
    skip="انتقل إلى النص",
    neutral="نسخة يحتفظ بها الناشر {publication}. لا تستطيع أي صفحة أن تثبت صحتها بنفسها:",
    how="كيف تتحقق منها",
    front="الصفحة الأولى",
    by="بقلم",
    comma="، ",
    published="نُشر في",
    modified="عُدّل في",
    rest="هذا المقال أطول من هذه الصفحة: بقيته في الملفات الموقّعة، ويعرضها القارئ.",
    embed={
        "youtube": "فيديو على YouTube",
        "vimeo": "فيديو على Vimeo",
        "tiktok": "فيديو على TikTok",
        "video": "فيديو",
        "telegram": "منشور على Telegram",
        "x": "منشور على X",
        "facebook": "منشور على Facebook",
        "instagram": "منشور على Instagram",
        "soundcloud": "صوت على SoundCloud",
        "audio": "صوت",
        "chart": "رسم بياني",
        "map": "خريطة",
        "document": "مستند",
        "post": "منشور",
        "other": "محتوى من الصفحة الأصلية",
    },
    opens="يفتح {host}",
    scroll="جدول",
    check="كيف تتحقق من هذه الصفحة",
    nothing="يستطيع أي شخص أن يشغّل مرآة، فالصفحة المفتوحة منها لا تثبت شيئًا، ولا حتى هذه الجملة. ما يمكن التحقق منه هو "
    "الملف الموقّع الذي صُنعت منه.",
    with_what="بالقارئ أو بأداة tamizdat، ممن تثق بهم، لا من هذه الصفحة.",
    more="المزيد في الصفحة الأولى",
    says="توقيع المقال يقول شيئًا واحدًا: جلبه الناشر {publication} من العنوان المذكور في صفحته في الوقت المذكور "
    "هناك، واحتفظ منه بهذا النص. ولا يقول إن الموقع الأصلي كتبه.",
    does_not_say="ولا يقول إن المقال من كتابة «{outlet}».",
    steps=(
        "احصل على أداة tamizdat وبصمة الناشر ممن تثق بهم أو من مكان تثق به. لا من هذه الصفحة.",
        "ثم نفّذ:",
    ),
    original="الأصل",
    fetched="وقت الجلب",
    revision="النسخة",
    index="الموضع في السجل",
    picture="الصورة:",
    edition="العدد {serial}",
    due="العدد التالي متوقع قبل",
    mirrors="المرايا",
    mirrors_say="العدد نفسه في عناوين أخرى:",
    since="منذ",
    older="عدد مقالات هذا الموقع على هذه المرآة: {count}.",
    reader="يعرضها القارئ كلها.",
    keep="الأسهل: القارئ، ملف واحد تحتفظ به. يتحقق من كل شيء بنفسه، ويجد مرايا أخرى حين تختفي هذه:",
    forged="قد تعطيك المرآة ملفًا مزوّرًا. قبل أن تفتحه قارن SHA-256 الخاص به بما يعلنه الناشر "
    "{publication} في قنواته، لا هنا:",
    feed="الخلاصة",
    withdrawn="مقالات مسحوبة",
    captured="توقيعها يقول شيئًا واحدًا: حفظ آخرون الصفحة من العنوان أدناه في {time}، وأخذها الناشر {publication} من "
    "أرشيفهم في الوقت أدناه، واحتفظ منها بهذا النص.",
    changed="ما تغيّر منذ النسخة {revision} بتاريخ {time}",
    changed_more="تغييرات أخرى لا تظهر هنا: {count}.",
    changed_none="لم يتغيّر النص.",
    earlier="النسخة السابقة، وهي موقّعة أيضًا:",
    wheres={"title": "العنوان", "lead": "المقدمة", "authors": "الكتّاب", "caption": "شرح الصورة"},
    removed="أزال الموقع الأصلي هذه الصفحة، وبقيت هذه النسخة. لوحظ ذلك في {noticed}، وأجاب خادمه: {answer}.",
    notes="الحواشي",
    back="العودة إلى النص",
    original_site="الموقع الأصلي",
    check_front="العدد الذي صُنعت منه موقّع من الناشر {publication} ومسجّل في سجل عام، مع بصمة كل مقال مذكور هنا.",
)

ALL = {words.language: words for words in (ENGLISH, RUSSIAN, PERSIAN, CHINESE, UKRAINIAN, BELARUSIAN, SPANISH, ARABIC)}

MONTHS = {
    language: tuple(names.split(" "))
    for language, names in {
        "en": "January February March April May June July August September October November December",
        "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
        "uk": "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
        "be": "студзеня лютага сакавіка красавіка мая чэрвеня ліпеня жніўня верасня кастрычніка лістапада снежня",
        "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "ar": "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
        "fa": "فروردین اردیبهشت خرداد تیر مرداد شهریور مهر آبان آذر دی بهمن اسفند",
    }.items()
}
PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


def words(language: str) -> Words:
    """The words for a language tag (`fa-IR` is `fa`), English for a language we have none for."""
    return ALL.get(language.partition("-")[0].lower(), ENGLISH)


def solar_hijri(year: int, month: int, day: int) -> tuple[int, int, int]:
    """A Gregorian date as year, month and day of the Iranian calendar, by the usual 33-year rule."""
    days_before = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
    leap_year = year + 1 if month > 2 else year
    days = 355666 + 365 * year + (leap_year + 3) // 4 - (leap_year + 99) // 100 + (leap_year + 399) // 400
    days += day + days_before[month - 1]
    result = -1595 + 33 * (days // 12053)
    days %= 12053
    result += 4 * (days // 1461)
    days %= 1461
    if days > 365:
        result += (days - 1) // 365
        days = (days - 1) % 365
    if days < 186:
        return result, 1 + days // 31, 1 + days % 31
    return result, 7 + (days - 186) // 30, 1 + (days - 186) % 30


def moment(time: str, language: str, *, clock: bool = True) -> str:
    """A time of the format (`2027-03-01T08:15:00Z`) as people of that language write it; the text unchanged when it is
    not such a time."""
    try:
        when = datetime.strptime(time, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return time
    tag = words(language).language
    hour = f"{when:%H:%M}"
    if tag == "zh":
        date = f"{when.year}年{when.month}月{when.day}日"
        return f"{date} {hour}（UTC）" if clock else date
    if tag == "fa":
        year, month, day = solar_hijri(when.year, when.month, when.day)
        date = f"{day} {MONTHS['fa'][month - 1]} {year}".translate(PERSIAN_DIGITS)
        return f"{date}، {hour.translate(PERSIAN_DIGITS)} (UTC)" if clock else date
    between = " de " if tag == "es" else " "
    date = between.join((str(when.day), MONTHS[tag][when.month - 1], str(when.year)))
    return f"{date}{words(language).comma}{hour} UTC" if clock else date


def number(value: int, language: str) -> str:
    """A whole number with that language's digits."""
    return str(value).translate(PERSIAN_DIGITS) if words(language).language == "fa" else str(value)
