"""Everything that a publisher's signature could cover and a page should not do: nothing runs, nobody is asked, nothing
lies over the verdict. What the schema refuses is refused, whoever signed it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import pytest

from mirror import pack
from mirror.archive import Addition
from mirror.model import Article, Embed, Link, Paragraph, Resource, Update
from signing.note import sign
from signing.packing import gzip_bytes
from tests.pages.samples import blocks
from tests.reader import acts
from tests.reader.browsers import DESKTOP, PHONE, Browser, Page
from tests.reader.conftest import Trial
from tests.reader.hostile import ADDRESSES, DOCUMENTS, TEXTS, Beacon
from tests.reader.press import OUTLETS, Made, Press

# What no page of ours contains, and every careless one would.
FOREIGN = (
    "iframe,frame,object,embed,form,base,portal,fencedframe,video,audio,template,math,main link,main meta,main style"
)
SECURE = (
    "[window.pwned === undefined, Object.prototype.polluted === undefined, document.querySelectorAll('script').length,"
    f"document.querySelectorAll('{FOREIGN}').length, Object.keys(document.documentElement.attributes).length]"
)
# Whether the line that says the state can be seen and touched: five points of it, none covered.
UNCOVERED = """(() => {
  const line = document.querySelector('.state');
  const box = line.getBoundingClientRect();
  const spots = [0.02, 0.25, 0.5, 0.75, 0.98].map((share) => [box.left + box.width * share, box.top + box.height / 2]);
  return box.height > 10 && box.top >= 0 && box.bottom <= innerHeight + 1
    && spots.every(([x, y]) => line.contains(document.elementFromPoint(x, y)));
})()"""
TURNING = r"/[\u202a-\u202e\u2066-\u2069]/g"  # turns the line around; names are shown without
NARROW = "document.documentElement.scrollWidth <= document.documentElement.clientWidth + 1"

# Says that it is a picture, and is a drawing that runs and asks.
DRAWN = (
    b"<svg xmlns='http://www.w3.org/2000/svg' width='12' height='8' onload='window.pwned=[1]'><script>window.pwned=[1]"
    b"</script><image href='http://127.0.0.1:1/x'/><foreignObject><iframe src='http://127.0.0.1:1/'/></foreignObject></svg>"
)
_GIVEN = {hashlib.sha256(DRAWN).hexdigest(): DRAWN}


@dataclass(frozen=True, slots=True)
class Hostile:
    press: Press
    beacon: Beacon
    texts: list[Made]  # one for each hostile text, in all its fields
    links: Made
    refused: dict[str, Made]


def _article(press: Press, number: int, text: str, body: tuple[Any, ...], **changes: Any) -> Article:
    picture = Resource(
        role="picture", digest=hashlib.sha256(DRAWN).hexdigest(), size=len(DRAWN), media_type="image/webp", width=12,
        height=8, alt=text, caption=text, credit=text, cover=True,
    )  # fmt: skip
    outlet = OUTLETS[number % len(OUTLETS)]
    facts: dict[str, Any] = {
        "outlet": outlet.id, "outlet_name": text[:200], "url": f"{outlet.url}{number}", "title": text, "lead": text,
        "fetched": press._then(2), "published": press._then(3), "language": "en", "direction": "ltr", "blocks": body,
        "revision": 1, "salt": hashlib.sha256(b"%d" % number).hexdigest()[:32], "generator": "tamizdat/test",
        "authors": (text[:200], text[:200]), "section": text[:200], "tags": (text[:200],),
        "resources": (picture, picture),
    }  # fmt: skip
    return Article(**{**facts, **changes})


def _inside(text: str, url: str) -> tuple[Any, ...]:
    """Every kind of block, but for those with this text where the schema has a closed list or a time."""
    kept = []
    for block in blocks(text, url):
        if (isinstance(block, Embed) and block.kind == text) or (isinstance(block, Update) and block.time == text):
            continue
        kept.append(block)
    return tuple(kept)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A publication that signs all of it."""
    with Beacon() as beacon:
        press = Press(tmp_path_factory.mktemp("hostile") / "publication")
        press.mirrors = ()
        texts = []
        addresses = beacon.aimed(ADDRESSES)
        for number, text in enumerate(beacon.aimed(TEXTS)):
            url = addresses[number % len(addresses)]
            short = text if len(text) <= 1000 else text[:1000]
            made = _article(press, number, short, _inside(short, url))
            digest = press.put(made, _GIVEN)
            texts.append(Made(digest=digest, title=short, text="", language="en"))
        links = _article(
            press, 900, "Addresses", tuple(Paragraph(content=(Link(url=url, content=(url,)),)) for url in addresses)
        )
        listed = Made(digest=press.put(links, _GIVEN), title="Addresses", text="xn--", language="en")
        refused = {}
        signer = press.publication.key("publisher")
        for number, (name, change) in enumerate(DOCUMENTS.items(), 1000):
            title = f"Refused {number}"
            # Older than the rest, which is to be seen on the front page.
            body = _inside("Text that must not be seen.", "https://lantern.example/")
            article = _article(press, number, title, body, published=press._then(90), fetched=press._then(80))
            document = json.loads(json.dumps(pack.to_document(article)))
            change(document)
            line = json.dumps(document, separators=(",", ":")).encode() + b"\n"
            stored = gzip_bytes(sign(line.decode("utf-8", "surrogatepass"), signer))
            with press._archive() as archive, archive.locked(press.now):
                archive.add_many(
                    [Addition(article=article, stored=stored, objects=_GIVEN, content_key=f"{number:064x}")]
                )
            refused[name] = Made(
                digest=hashlib.sha256(stored).hexdigest(),
                title=title,
                text="Text that must not be seen.",
                language="en",
            )
        press.seal()
        yield Hostile(press, beacon, texts, listed, refused)


def safe(page: Page, scripts: int) -> None:
    clean, unpolluted, count, foreign, attributes = page.evaluate(SECURE)
    assert clean, page.evaluate("window.pwned")
    assert unpolluted
    assert (count, foreign) == (scripts, 0)
    assert attributes < 10
    assert page.evaluate(UNCOVERED), page.told()
    assert page.evaluate(NARROW), page.told()


def test_hostile_words_and_addresses_are_only_words(
    browser: Browser, hostile: Hostile, trial: Trial, everything: bool
) -> None:
    censor, shots = trial.censor, trial.shots
    mirror = censor.host("hostile.mirrors.test", hostile.press.tree)
    file = hostile.press.reader(trial.where / "reader.html", mirrors=(mirror.url,))
    chosen = [*hostile.texts, hostile.links]
    with browser.page(fresh=False) as page:
        page.look(PHONE)
        page.open(file)
        assert acts.settled(page) == "verified"
        page.await_one(selector="main .list")
        scripts = page.evaluate("document.querySelectorAll('script').length")
        safe(page, scripts)
        page.shot(shots / f"hostile-front-{browser.name}.png")
        for outlet in OUTLETS:
            page.evaluate(f"(() => {{ location.hash = '#outlet/{outlet.id}'; }})()")
            page.wait("document.querySelectorAll('main .list article').length > 5", what=f"the page of {outlet.id}")
            safe(page, scripts)
        for number, made in enumerate(chosen):
            acts.go(page, made)
            plain = f"{json.dumps(made.title)}.replace({TURNING}, '')"
            title = (
                f"((document.querySelector('main h1') || {{}}).textContent || '').replace({TURNING}, '') === {plain}"
            )
            page.wait(f"{title} && document.querySelector('main article')", what=f"article {made.title!r}")
            assert page.evaluate(f"!{TURNING}.test(document.title)")
            if number % 3 == 0 or everything:
                page.evaluate("window.scrollTo(0, document.body.scrollHeight / 2)")
                safe(page, scripts)
            if number in (0, 60, 66, 68, 69, 70, 71):
                page.shot(shots / f"hostile-{number}-{browser.name}.png")
        page.look(DESKTOP)
        safe(page, scripts)
        acts.button(page, "pass")
        page.click("button", acts.says("pass.as_html"))
        shared = page.downloaded()
        # What is passed on holds the same words.
        page.open(shared)
        assert page.evaluate("window.pwned === undefined")
        hostile.beacon.quiet()
        assert page.problems == []
    assert (hostile.beacon.connections, hostile.beacon.asked) == (0, [])
    assert censor.strangers == []


def test_what_no_article_may_be_is_refused_whoever_signed_it(
    browser: Browser, hostile: Hostile, trial: Trial, everything: bool
) -> None:
    censor = trial.censor
    mirror = censor.host("refused.mirrors.test", hostile.press.tree)
    file = hostile.press.reader(trial.where / "reader.html", mirrors=(mirror.url,))
    names = list(hostile.refused) if everything or browser.name == "chromium" else list(hostile.refused)[::5]
    told = json.dumps(acts.words()["refused.rejected"])
    with browser.page() as page:
        page.look(PHONE)
        page.open(file)
        assert acts.settled(page) == "verified"
        scripts = page.evaluate("document.querySelectorAll('script').length")
        for name in names:
            made = hostile.refused[name]
            acts.go(page, made)
            page.wait(f"document.querySelector('main').innerText.includes({told})", what=f"a refusal of {name}")
            assert not acts.shows(page, made), name
            safe(page, scripts)
            page.evaluate("(() => { location.hash = ''; })()")
            page.await_one(selector="main .list")
        assert page.problems == []
    assert (hostile.beacon.connections, hostile.beacon.asked) == (0, [])
