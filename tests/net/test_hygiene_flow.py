"""The guest's manners and precautions once more, through the whole way from a feed to the archive.

One outlet on loopback misbehaves in every way at once; it is asked twice, and in between its editors work. Each test
looks at what became of some of its pages. `test_hygiene` says which line of the list each of them keeps.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mirror import pack
from mirror.cli import main
from mirror.collect import OutletReport
from mirror.extract.joined import MAX_PAGES
from mirror.model import Article, Embed, Update
from tests.extract.made_up import PARAGRAPHS
from tests.extract.test_amp import amp_page
from tests.outlet import Outlet
from tests.test_collect import WALL, Desk, page, text

WALLS = Path(__file__).parents[1] / "held" / "pages"
RUSSIAN = "Совет собрался во вторник, чтобы обсудить мост и то, что осталось от денег на него. "
CHINESE = "市议会星期二开会，讨论那座桥以及修桥剩下的经费问题，会议持续了三个小时，没有作出决定。"
PERSIAN = "شورا روز سه‌شنبه برای گفت‌وگو دربارهٔ پل و پولی که از آن مانده است گرد هم آمد. "
TEXTS = {"ru": RUSSIAN, "zh": CHINESE, "fa": PERSIAN}
TEASER = "<p>The council met on Tuesday. It went on for hours, and when it was over nobody would say why.</p>"


@dataclass
class Issue:
    """What two runs made of it. `hits` are the paths that the first one asked for."""

    desk: Desk
    first: OutletReport
    second: OutletReport
    hits: list[str]
    later: list[str]

    def states(self) -> dict[str, str]:
        rows = self.desk.rows("SELECT url, state FROM pages")
        return {url.removeprefix(self.desk.site.url): state for url, state in rows}

    def article(self, path: str) -> Article:
        from mirror.publication import Publication

        with Publication.open(self.desk.folder).archive() as archive:
            row = archive.latest("site", self.desk.site.url + path)
            assert row is not None, path
            return archive.article(row.digest)

    def revisions(self, path: str) -> list[int]:
        return [revision for url, revision in self.desk.articles() if url == path]

    def held(self, path: str) -> str:
        """Why a page was held back by the first run."""
        (line,) = (one for one in self.first.held if one.startswith(f"{self.desk.site.url}{path}: "))
        return line.removeprefix(f"{self.desk.site.url}{path}: ")


def jpeg(width: int) -> bytes:
    from PIL import Image

    made = io.BytesIO()
    picture = Image.linear_gradient("L").resize((width, width * 2 // 3)).convert("RGB")
    exif = picture.getexif()
    exif[0x010F] = "Secret camera"
    picture.save(made, "jpeg", exif=exif)
    return made.getvalue()


def declared(kind: str, **fields: object) -> str:
    told = json.dumps({"@context": "https://schema.org", "@type": kind, **fields})
    return f"<script type='application/ld+json'>{told}</script>"


def live(*numbers: int) -> str:
    posts = "".join(
        f"<article class='live-post' id='post-{n}'><time datetime='2027-03-01T0{n}:00:00Z'>0{n}:00</time>"
        f"<h3>Post {n}</h3>{text(f'live {n}', 2)}</article>"
        for n in numbers
    )
    told = [
        {"@type": "BlogPosting", "headline": f"Post {n}", "datePublished": f"2027-03-01T0{n}:00:00Z"} for n in numbers
    ]
    head = declared("LiveBlogPosting", headline="As it happens", liveBlogUpdate=told)
    return page("As it happens", f"{text('live lead', 2)}<div class='live-blog'>{posts}</div>", head=head)


def is_it_the_article(desk: Desk) -> list[str]:
    """Pages that are none, some of them with a status that says so."""
    site = desk.site
    site.page("/no/challenge", WALL)
    site.page("/no/mitigated", page("A story", text("mitigated")))
    site.answers["/no/mitigated"] = (403, {"cf-mitigated": "challenge"})
    site.page("/no/waf", "")
    site.answers["/no/waf"] = (202, {"x-amzn-waf-action": "challenge"})
    site.page("/no/missing", page("Not found", "<p>The page you asked for does not exist.</p>"))
    for path, name in (("consent", "consent-onetrust"), ("gone", "gone-en"), ("block", "iran-filter-page")):
        site.page(f"/no/{path}", (WALLS / f"{name}.html").read_bytes())
    site.page("/no/script", (WALLS / "spa-react.html").read_bytes())
    site.moved["/no/home"] = "/"
    links = "".join(f"<h3><a href='/story/{n}'>A headline of some length, number {n}</a></h3>" for n in range(30))
    site.page("/", f"<html lang=en><head><title>Site</title></head><body><main>{links}</main></body></html>")
    names = ("challenge", "mitigated", "waf", "missing", "consent", "gone", "block", "script", "home")
    return [f"/no/{name}" for name in names]


def wrong_charsets(desk: Desk) -> list[str]:
    """Pages that name no charset, a wrong one, or a narrower one than they are in."""
    served = {
        "/charset/undeclared": ("ru", "windows-1251", "text/html", ""),
        "/charset/latin": ("ru", "windows-1251", "text/html; charset=iso-8859-1", ""),
        "/charset/koi8": ("ru", "koi8-r", "text/html", "koi8-r"),
        "/charset/gb2312": ("zh", "gb18030", "text/html; charset=gb2312", ""),
        "/charset/header": ("zh", "utf-8", "text/html; charset=utf-8", "gbk"),
        "/charset/mark": ("fa", "utf-8-sig", "text/html; charset=windows-1256", ""),
        "/charset/joiners": ("fa", "utf-8", "text/html", ""),
    }
    for path, (language, codec, kind, meta) in served.items():
        said = "".join(f"<p>{TEXTS[language] * 3}{path[9:]} {n}</p>" for n in range(4))
        named = f"<meta charset={meta}>" if meta else ""
        made = page(TEXTS[language][:30].strip(), said, head=named).replace("lang=en", f"lang={language}")
        desk.site.files[path] = (made.encode(codec), kind)
    return list(served)


def canonical_addresses(desk: Desk) -> list[str]:
    """Pages that say they are at another address: believed only for an article of this site."""
    own, site = desk.site.url, desk.site
    for name, where in {
        "home": f"{own}/",
        "home-too": f"{own}/",
        "elsewhere": "https://elsewhere.example/story",
        "inside": "http://169.254.169.254/latest/meta-data",
        "nonsense": "javascript:alert(1)",
    }.items():
        site.page(f"/canonical/{name}", page(f"Story {name}", text(name), head=f"<link rel=canonical href='{where}'>"))
    copy = f"<link rel=canonical href='{own}/canonical/true'>"
    site.page("/canonical/copy", page("Story true", text("true"), head=copy))
    return [f"/canonical/{name}" for name in ("home", "home-too", "elsewhere", "inside", "nonsense", "copy")]


def a_picture_book(desk: Desk) -> list[str]:
    """Pictures that come by script, in several sizes, and things that only look like pictures."""
    site = desk.site
    for width in (60, 320, 640, 700):
        site.files[f"/img/{width}.jpg"] = (jpeg(width), "image/jpeg")
    site.files["/img/blank.gif"] = (b"GIF89a" + b"\0" * 20, "image/gif")
    site.files["/img/evil.svg"] = (
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "image/svg+xml",
    )
    site.page(
        "/pictures",
        page(
            "Four pictures",
            text("pictures", 2)
            + "<figure><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' data-src='/img/640.jpg'>"
            "<figcaption>The harbour in the morning</figcaption></figure>"
            + text("between", 2)
            + "<figure><img src='/img/60.jpg' srcset='/img/320.jpg 320w, /img/700.jpg 700w'>"
            "<figcaption>The harbour at night</figcaption></figure>"
            + text("after", 2)
            + "<p><img src='/img/evil.svg' width=600 height=400></p>"
            "<p><img src='/img/gone.jpg' width=600 height=400></p>",
        ),
    )
    return ["/pictures"]


def embeds(desk: Desk) -> list[str]:
    """Players and posts, one of them a frame of the outlet's own, and what measures."""
    tweet = "<blockquote class='twitter-tweet'><p>The bridge is open.</p>&mdash; The Council (@council) "
    body = (
        text("embeds", 3)
        + "<iframe src='https://www.youtube.com/embed/dQw4w9WgXcQ' title='The opening'></iframe>"
        + tweet
        + "<a href='https://twitter.com/council/status/1234567890'>March 1</a></blockquote>"
        + "<iframe src='/frame/player?id=7'></iframe><img src='/pixel/count.gif' width=1 height=1>"
        + "<script src='/script/tracker.js'></script><link rel=stylesheet href='/style/site.css'>"
        + text("embeds end", 3)
    )
    desk.site.page("/embeds", page("A page of embeds", body))
    return ["/embeds"]


def walls_and_other_ways(desk: Desk) -> list[str]:
    """What readers are asked to pay or to agree to, with the whole text in the feed, and without."""
    unfree = declared("NewsArticle", headline="Paid", isAccessibleForFree=False)
    for path in ("/paid/closed", "/paid/in-the-feed"):
        desk.site.page(path, page("Paid for", TEASER, head=unfree))
    consent = (WALLS / "consent-sourcepoint.html").read_bytes()
    desk.site.page("/consent/in-the-feed", consent)
    named = "<link rel=amphtml href=/consent/amp><link rel=canonical href=/consent/amped>"
    desk.site.page("/consent/amped", consent.replace(b"</head>", f"{named}</head>".encode()))
    desk.site.page("/consent/amp", amp_page(url=f"{desk.site.url}/consent/amped", title="Behind the dialogue"))
    return ["/paid/closed", "/paid/in-the-feed", "/consent/in-the-feed", "/consent/amped"]


def pages_without_end(desk: Desk) -> list[str]:
    """Every page of it has a next one, and one story's next page is itself."""
    for number in range(1, 2 * MAX_PAGES):
        numbers = "".join(f"<a href='/endless{f'/{n}' if n > 1 else ''}'>{n}</a> " for n in range(1, number + 2))
        onward = f"<div class=pagination>{numbers}<a rel=next href='/endless/{number + 1}'>Next page</a></div>"
        head = f"<link rel=next href='{desk.site.url}/endless/{number + 1}'>"
        address = "/endless" if number == 1 else f"/endless/{number}"
        desk.site.page(address, page("Without end", text(f"endless {number}", 2) + onward, head=head))
    head = f"<link rel=next href='{desk.site.url}/circle'>"
    desk.site.page("/circle", page("A circle", text("circle"), head=head))
    return ["/endless", "/circle"]


def what_editors_change(desk: Desk, *, later: bool) -> list[str]:
    """Pages that look different on every visit, and say when; one was really changed."""
    moment = "2027-03-02T10:00:00Z" if later else "2027-03-01T09:00:00Z"
    stamp = f"<meta property='article:modified_time' content='{moment}'>"
    story = text("word")
    noise = f"<div class='ad'>Buy a {'boat' if later else 'house'}</div><p class='views'>{1000 + 234 * later} views</p>"
    spaced = text("none").replace(" ", "\n   ") if later else text("none")
    desk.site.page("/edit/none", page("Noise", f"{spaced}{noise}", head=stamp))
    desk.site.page("/edit/word", page("A word", story.replace("ferry", "tanker", 1) if later else story, head=stamp))
    desk.site.page("/live", live(1, 2, 3) if later else live(1, 2))
    return ["/edit/none", "/edit/word", "/live"]


def announced(desk: Desk, path: str) -> str:
    """The headline that the feed gives a page: its own, or one of its own where it is none."""
    html = desk.site.files.get(path, (b"", ""))[0].decode("utf-8", "replace")
    own = html.partition("<h1>")[2].partition("</h1>")[0]
    return own if own and "\ufffd" not in own else f"Story {path}" if not path.startswith("/charset/") else ""


@pytest.fixture(scope="module")
def issue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issue]:
    folder = tmp_path_factory.mktemp("flow") / "paper"
    assert main(["init", str(folder), "--name", "Paper", "--origin", "paper.example", "--quiet"]) == 0
    with Outlet() as site:
        desk = Desk(site=site, folder=folder)
        desk.configure()
        paths = [
            *is_it_the_article(desk),
            *wrong_charsets(desk),
            *canonical_addresses(desk),
            *a_picture_book(desk),
            *embeds(desk),
            *walls_and_other_ways(desk),
            *pages_without_end(desk),
            *what_editors_change(desk, later=False),
        ]
        full = {path: text(path, 8) for path in ("/paid/in-the-feed", "/consent/in-the-feed")}
        desk.feed(*(desk.item(path, html=full.get(path, ""), title=announced(desk, path)) for path in paths))
        first = desk.take()
        hits = list(site.hits)
        site.hits.clear()
        what_editors_change(desk, later=True)
        second = desk.take()
        yield Issue(desk=desk, first=first, second=second, hits=hits, later=list(site.hits))
    shutil.rmtree(folder)


def test_only_articles_are_published_and_everything_else_says_what_it_is(issue: Issue) -> None:
    states = issue.states()
    wanted = {
        **{"/no/challenge": "challenge", "/no/consent": "consent", "/no/gone": "gone", "/no/script": "script-only"},
    }
    assert {path: states[path] for path in wanted} == wanted
    assert not [path for path, _ in issue.desk.articles() if path.startswith("/no/") or path == "/"]
    refused = " ".join((*issue.first.failed, *issue.first.held, *issue.first.gone))
    for path in ("mitigated", "waf", "missing", "block", "home"):
        assert f"/no/{path}: " in refused


def test_articles_are_read_in_the_charset_they_are_in_whatever_they_say(issue: Issue) -> None:
    for path in [path for path in issue.states() if path.startswith("/charset/")]:
        article = issue.article(path)
        whole = pack.text_of(article.blocks)
        language = article.language.partition("-")[0]
        assert whole.count(TEXTS[language].strip()) == 12, path
        assert "\ufffd" not in whole
    assert len([path for path, _ in issue.desk.articles() if path.startswith("/charset/")]) == 7
    joiners = pack.text_of(issue.article("/charset/joiners").blocks).count("\u200c")
    assert joiners == 12 * PERSIAN.count("\u200c") > 0


def test_an_article_is_at_the_address_it_names_only_where_that_can_be_true(issue: Issue) -> None:
    paths = [path for path, _ in issue.desk.articles() if path.startswith("/canonical/")]
    assert paths == [f"/canonical/{name}" for name in ("elsewhere", "home", "home-too", "inside", "nonsense", "true")]
    assert "/canonical/true" not in issue.hits


def test_pictures_that_come_by_script_are_found_and_the_largest_is_taken(issue: Issue) -> None:
    asked = sorted({hit for hit in issue.hits if hit.startswith("/img/")})
    assert {"/img/640.jpg", "/img/700.jpg"} <= set(asked)
    assert not {"/img/60.jpg", "/img/320.jpg", "/img/blank.gif"} & set(asked)
    pictures = [one for one in issue.article("/pictures").resources if one.role == "picture"]
    assert [(one.media_type, one.width, one.caption) for one in pictures] == [
        ("image/webp", 640, "The harbour in the morning"),
        ("image/webp", 700, "The harbour at night"),
    ]
    tree = issue.desk.folder / "archive"
    for one in pictures:
        data = (tree / "o" / one.digest[:2] / one.digest[2:]).read_bytes()
        assert b"Secret camera" not in data


def test_embeds_become_labelled_links_and_nothing_of_theirs_is_asked_for(issue: Issue) -> None:
    article = issue.article("/embeds")
    found = [block for block in article.blocks if isinstance(block, Embed)]
    assert [one.kind for one in found][:2] == ["youtube", "x"]
    assert found[0].url == "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
    assert "The bridge is open." in json.dumps(pack.to_document(article), ensure_ascii=False)
    assert not [hit for hit in issue.hits if hit.startswith(("/frame/", "/pixel/", "/script/", "/style/"))]


def test_walls_are_not_broken_and_the_feed_gives_what_the_outlet_gives_everybody(issue: Issue) -> None:
    assert issue.held("/paid/closed").startswith("paywall: ")
    for path in ("/paid/in-the-feed", "/consent/in-the-feed"):
        assert text(path, 8)[3:100] in pack.text_of(issue.article(path).blocks)


def test_the_amp_copy_of_a_page_behind_a_consent_dialogue_gives_the_article_and_not_its_address(issue: Issue) -> None:
    paths = [path for path, _ in issue.desk.articles() if path.startswith("/consent/amp")]
    assert paths == ["/consent/amped"]
    article = issue.article("/consent/amped")
    assert (article.title, article.authors) == ("Behind the dialogue", ("Ilse Marn",))
    assert [line for line in PARAGRAPHS if line not in pack.text_of(article.blocks)] == []
    assert issue.hits.count("/consent/amp") == 1


def test_an_article_without_end_is_read_up_to_the_limit_and_a_circle_once(issue: Issue) -> None:
    asked = [hit for hit in issue.hits if hit.startswith("/endless")]
    assert len(asked) == len(set(asked)) == MAX_PAGES
    whole = pack.text_of(issue.article("/endless").blocks)
    assert all(text(f"endless {number}", 2)[3:100] in whole for number in (1, 2, MAX_PAGES))
    assert issue.hits.count("/circle") == 1
    assert text("circle")[3:100] in pack.text_of(issue.article("/circle").blocks)


def test_what_changes_on_every_visit_is_no_edit_and_a_word_is(issue: Issue) -> None:
    assert "/edit/none" in issue.later
    assert issue.revisions("/edit/none") == [1]
    assert issue.revisions("/edit/word") == [1, 2]
    assert "tanker" in pack.text_of(issue.article("/edit/word").blocks)
    assert issue.second.new == 0


def test_each_look_at_a_live_blog_is_a_revision_with_dated_posts(issue: Issue) -> None:
    assert issue.revisions("/live") == [1, 2]
    posts = [block for block in issue.article("/live").blocks if isinstance(block, Update)]
    assert [(one.time, one.title) for one in posts] == [(f"2027-03-01T0{n}:00:00Z", f"Post {n}") for n in (1, 2, 3)]


def test_no_page_was_asked_for_twice_in_one_run(issue: Issue) -> None:
    for hits in (issue.hits, issue.later):
        pages = [hit for hit in hits if not hit.startswith("/img/")]
        assert sorted(pages) == sorted(set(pages))
