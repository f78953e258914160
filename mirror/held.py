"""What is held back although it came from an outlet: why, where it is kept, and what the operator made of it.

Two kinds of pages are. Those that extraction found to be no article (`mirror.extract.state`), and those that look like
one, but not like the one that should be there; `judge` finds these. It knows what stood at the address before, what the
source said of it, and how the outlet's other pages look:

    shrunk     most of the text that was published is gone
    language   the page is suddenly in another language
    replaced   nothing in title or text is left of what was published
    alike      several addresses of the outlet have the same text
    stranger   a short page that has nothing to do with what the feed announced
    halved     the page holds far less than the feed or the page itself says that there is

What is written over and over with other numbers (weather, lottery, the day in brief) is not alike, live blogs may get
shorter, two addresses of one agency report are one report, and an edit that the outlet dates and that leaves parts of
the old text standing is an edit, however much it takes away.

Held pages keep their bytes in `state/held/`, compressed, for their owner only, up to `MOST` bytes in all: then the
oldest bytes go, and their rows say so. The rows are in the state file (`mirror.archive.judged`). A decision of the
operator holds for an address and for what stands there: released, the same text is let through from then on; dropped,
the same bytes are not shown again. Whatever comes there later is judged anew.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from mirror import pack
from mirror.archive import judged
from mirror.archive.judged import HeldGroup, HeldRow, TextRow
from mirror.errors import TamizdatError
from mirror.extract.language import guess, script_of
from mirror.extract.page import key_of
from mirror.model import Update

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.archive.rows import ArticleRow
    from mirror.config import OutletConfig
    from mirror.extract import Extraction
    from mirror.fetch import Snapshot
    from mirror.model import Article, Draft
    from mirror.sources import Item

MOST = 128 << 20  # bytes of held pages that are kept: some thousands, compressed
LARGEST = 16 << 20  # bytes of one page, decompressed; more than is ever fetched
ROOM = 40  # pages that wait to be compared with those behind them, an outlet
ROOM_BYTES = 16 << 20
_TEXT = 12_000  # letters that a fingerprint is made of
_SHORT = 1500  # letters; walls are not longer, and articles seldom so short
_KNOWN = 20  # pages of an outlet from which its usual languages are told

Why = Literal["shrunk", "language", "replaced", "alike", "stranger", "halved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a page is held back. `state` is one of the words above, `text` a sentence for the operator."""

    state: Why
    text: str

    def __str__(self) -> str:
        return f"{self.state}: {self.text}"


# --- how a text looks -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What of an article judging needs. `text_key` is the same for texts of the same letters and digits, `simhash` for
    texts that differ in numbers, and nearly so for those that differ in little else; `language` without region."""

    title: str
    text: str
    letters: int
    text_key: str
    title_key: str
    simhash: bytes
    language: str | None
    script: str | None
    live: bool = False
    signed: bool = False
    """Somebody is named as its author."""
    modified: str | None = None

    def row(self, outlet: str, url: str, article_url: str, *, held: bool = False) -> TextRow:
        return TextRow(
            outlet=outlet,
            url=url,
            article_url=article_url,
            letters=self.letters,
            text_key=self.text_key,
            title_key=self.title_key,
            simhash=self.simhash,
            language=self.language,
            held=held,
        )


def facts_of(article: Draft | Article) -> Facts:
    """How an article looks; linear in its length."""
    text = pack.text_of(article.blocks)
    key = key_of(text).casefold()
    spoken = guess(text) if len(key) >= 200 else None
    claimed = (article.language or "").split("-")[0]
    return Facts(
        title=article.title,
        text=text,
        letters=len(key),
        text_key=hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest(),
        title_key=hashlib.sha256(key_of(_WITH_DIGITS.sub("", article.title)).casefold().encode()).hexdigest(),
        simhash=simhash(text),
        language=spoken or (claimed if claimed not in ("", "und") else None),
        script=script_of(text),
        live=any(isinstance(block, Update) for block in article.blocks),
        signed=bool(article.authors),
        modified=article.modified,
    )


_WITH_DIGITS = re.compile(r"[^\W_]*\d[^\W_]*")


def simhash(text: str) -> bytes:
    """Charikar's fingerprint of a text, 8 bytes: those of two texts differ in as many bits as the texts differ. Made of
    runs of four letters, so scripts without spaces are served as well, and without words that have digits in them: what
    differs in numbers, dates and addresses alone is the same."""
    letters = key_of(_WITH_DIGITS.sub(" ", text[: 2 * _TEXT])).casefold()[:_TEXT]
    counted = Counter(letters[place : place + 4] for place in range(max(1, len(letters) - 3)))
    digests = bytearray()
    for run, number in counted.items():
        digests += hashlib.blake2b(run.encode("utf-8", "surrogatepass"), digest_size=8).digest() * number
    weight = len(digests) // 8
    spread = _spread()
    # Counted byte by byte in C: which values stand at each of the eight places, and how often.
    sums = [sum(spread[byte] * number for byte, number in Counter(digests[place::8]).items()) for place in range(8)]
    out = bytearray()
    for packed in sums:
        byte = 0
        for bit in range(8):
            if 2 * ((packed >> (24 * bit)) & 0xFFFFFF) > weight:
                byte |= 1 << bit
        out.append(byte)
    return bytes(out)


@functools.cache
def _spread() -> tuple[int, ...]:
    """Each byte with its bits 24 apart, so that eight of them are counted by one addition."""
    return tuple(sum(((byte >> bit) & 1) << (24 * bit) for bit in range(8)) for byte in range(256))


def common(one: str, other: str) -> float:
    """How much of the shorter text stands in the other one, 0 to 1, in runs of eight letters."""
    first, second = (_runs(text) for text in (one, other))
    smaller = min(len(first), len(second))
    return len(first & second) / smaller if smaller else 0.0


def _runs(text: str) -> set[str]:
    letters = key_of(text[:200_000]).casefold()
    return {letters[place : place + 8] for place in range(max(1, len(letters) - 7))} if letters else set()


_CJK = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORDS = re.compile(rf"[{_CJK}]+|[^\W\d_{_CJK}]{{3,}}")


def _words(text: str) -> set[str]:
    """The words that carry a title: beginnings of those with three letters and more (endings change in many
    languages), pairs of characters where there are no spaces."""
    found: set[str] = set()
    for word in _WORDS.findall(text[:8000].casefold()):
        if word[0] >= "\u3040":
            found.update(word[place : place + 2] for place in range(len(word) - 1))
        else:
            found.add(word[:5])
    return found


# --- what the source said ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was announced. `letters` is how long the feed's own text is, `claimed` how long the page says that the
    article is; 0 where nothing is known."""

    url: str
    title: str | None = None
    summary: str | None = None
    letters: int = 0
    claimed: int = 0
    language: str | None = None


def said_of(snapshot: Snapshot, found: Extraction, language: str | None) -> Said:
    """What is known of a page besides the page."""
    item = snapshot.item
    html = item.content_html if item is not None and not snapshot.given else None
    return Said(
        url=snapshot.url,
        title=item.title if item is not None else None,
        summary=item.summary if item is not None else None,
        letters=_letters_of(html) if html else 0,
        claimed=0 if snapshot.given else found.claimed,
        language=language,
    )


def _letters_of(html: str) -> int:
    """Letters in a piece of HTML, scripts left out; never parsed as more than text."""
    text = re.sub(r"<(?:script|style)\b[^<>]*>[^<]*", " ", html[: 1 << 20], flags=re.IGNORECASE)
    return len(key_of(re.sub(r"<[^<>]*>|&#?\w{1,10};", " ", text)))


def fits(said: Said, now: Facts) -> bool | None:
    """Whether a page is what was announced; None where too little was said to tell."""
    own = _words(f"{now.title} {now.text[:3000]}")
    title = _words(said.title or "")
    if len(title) >= 2 and len(title & own) >= 0.34 * len(title):
        return True
    path = unquote(urlsplit(said.url).path)
    slug = _words(" ".join(re.split(r"[^\w]+|_", path)[-14:]))
    if len(slug) >= 2 and len(slug & own) >= 0.34 * len(slug):
        return True
    summary = _words(said.summary or "")
    if len(summary) >= 5 and len(summary & own) >= 0.4 * len(summary):
        return True
    told = len(title) >= 3 and " " in (said.title or "").strip()  # some feeds have addresses for titles
    return False if told or (title and any(word[0] >= "\u3040" for word in title)) else None


# --- judging ----------------------------------------------------------------------------------------------------------


def judge(
    now: Facts,
    said: Said,
    *,
    before: Facts | None = None,
    alike: Sequence[TextRow] = (),
    usual: Mapping[str, int] | None = None,
    article_url: str = "",
) -> Reason | None:
    """Why a page that came out as an article is held back all the same; None when it isn't. Pure.

    `before` is the newest published revision, `alike` the outlet's other pages with the same or nearly the same text,
    `usual` in which languages how many of its pages were."""
    fitting = fits(said, now)
    if (reason := _alike(now, alike, fitting, article_url)) is not None:
        return reason
    if before is not None and before.text_key == now.text_key:
        return None
    if before is not None and (reason := _changed(now, before)) is not None:
        return reason
    if before is None and (reason := _new(now, said, fitting, usual or {})) is not None:
        return reason
    return _halved(now, said)


def _changed(now: Facts, before: Facts) -> Reason | None:  # noqa: PLR0911 - one return a reason
    """Against what was published at this address."""
    shared = common(now.text, before.text)
    if now.language and before.language and now.language != before.language and shared < 0.2 and now.letters >= 80:
        surely = now.script != before.script or min(now.letters, before.letters) >= 200
        if surely:
            return Reason(state="language", text=f"was in {before.language}, is in {now.language}")
    if shared < 0.1 and before.letters >= 80 and not _same_title(now, before):
        return Reason(state="replaced", text=f'nothing is left of what was published; its title is "{now.title[:80]}"')
    if now.live or before.letters < 200:
        return None
    if now.letters >= (0.5 if before.letters >= 600 else 0.3) * before.letters:
        return None
    if before.live and now.letters >= 600 and _same_title(now, before):
        return None  # a live blog that ended as a summary
    cut = key_of(before.text).startswith(key_of(now.text)[:-20] or " ")
    edited = now.modified is not None and now.modified != before.modified
    if edited and not cut and shared >= 0.6 and now.letters >= 300:
        return None  # a correction: the outlet says that it edited, and what is left stood there before
    return Reason(state="shrunk", text=f"{now.letters} letters are left of {before.letters}")


def _same_title(now: Facts, before: Facts) -> bool:
    one, other = _words(now.title), _words(before.title)
    return now.title_key == before.title_key or len(one & other) >= 0.34 * min(len(one), len(other)) > 0


def _alike(now: Facts, alike: Sequence[TextRow], fitting: bool | None, article_url: str) -> Reason | None:
    """Against the outlet's other pages. Two addresses of one article have the same text, too."""
    others = [row for row in alike if fitting is False or row.article_url != article_url]
    same = [row for row in others if row.text_key == now.text_key]
    text = f"{len(same) or len(others)} other pages of the outlet have the same text"
    if fitting is False and others and now.letters < 2 * _SHORT:
        return Reason(state="alike", text=text)
    if fitting is None and len(same) >= 2 and now.letters < 2000:
        return Reason(state="alike", text=text)
    titles = {row.title_key for row in same} - {now.title_key}
    if len(same) >= 2 and len(titles) >= 2 and now.letters < _SHORT:
        return Reason(state="alike", text=f"{text} under other titles")
    return None


def _new(now: Facts, said: Said, fitting: bool | None, usual: Mapping[str, int]) -> Reason | None:
    """An address of which nothing was published yet."""
    known = sum(usual.values())
    if now.language and known >= _KNOWN and usual.get(now.language, 0) < 0.02 * known:
        expected = (said.language or "").split("-")[0]
        if now.language != expected and (fitting is False or (fitting is None and now.letters < 2000)):
            most = max(usual, key=lambda language: usual[language])
            return Reason(state="language", text=f"is in {now.language}; the outlet's pages are in {most}")
    if fitting is False and now.letters < _SHORT and not now.signed:
        return Reason(state="stranger", text=f'"{now.title[:80]}" came where "{(said.title or "")[:80]}" was announced')
    return None


def _halved(now: Facts, said: Said) -> Reason | None:
    if said.letters >= 600 and now.letters < 0.5 * said.letters and not now.live:
        return Reason(state="halved", text=f"{now.letters} letters in the page, {said.letters} in the feed")
    if said.claimed >= 900 and now.letters < 0.4 * said.claimed and not now.live:
        return Reason(
            state="halved", text=f"{now.letters} letters found, about {said.claimed} by the page's own account"
        )
    return None


def may_wait(now: Facts, said: Said) -> bool:
    """Whether a new page is short and of so little name that those behind it should be seen before it is signed: when
    they have the same text, none of them is an article."""
    return now.letters < 2000 and fits(said, now) is not True


# --- one outlet in one run --------------------------------------------------------------------------------------------


class Holding:
    """Judges the pages of one outlet, and keeps those that are held back."""

    def __init__(self, archive: Archive, outlet: OutletConfig, *, dry_run: bool = False) -> None:
        self.archive = archive
        self.outlet = outlet
        self.dry_run = dry_run
        self.store = Store(archive.folder)
        self.rules = rules_of(outlet)
        self.counts: Counter[str] = Counter()
        self._room: list[Snapshot] = []
        self._usual: Mapping[str, int] | None = None
        self._unwritten: dict[str, TextRow] = {}

    def judge(
        self, snapshot: Snapshot, found: Extraction, draft: Draft, before: ArticleRow | None, *, last: bool = False
    ) -> Reason | Literal["wait"] | None:
        """Why this page is held back; "wait" when others should be seen first (never when `last`: then it is decided).
        `before` is the newest revision of its article."""
        now = facts_of(draft)
        said = said_of(snapshot, found, self.outlet.language)
        row = now.row(self.outlet.id, snapshot.url, draft.url)
        with self.archive.state.reading() as tx:
            known = judged.held(tx, self.outlet.id, snapshot.url)
            alike = judged.alike(tx, row)
            if self._usual is None:
                self._usual = judged.languages(tx, self.outlet.id)
            released = judged.released_text(tx, self.outlet.id, now.text_key)
        if known is not None and known.decided == "released" and known.text_key == now.text_key:
            return None
        near = (*(row for row in alike if row.url not in self._unwritten), *self._alike_unwritten(row))
        if near and released:
            near = ()
        reason = judge(now, said, before=self._before(before), alike=near, usual=self._usual, article_url=draft.url)
        self._looked(replace(row, held=reason is not None))
        if reason is None and before is None and not last and not self.dry_run and may_wait(now, said):
            size = sum(len(one.body) for one in self._room)
            if len(self._room) < ROOM and size < ROOM_BYTES:
                self._room.append(snapshot)
                return "wait"
        return reason

    def _alike_unwritten(self, row: TextRow) -> tuple[TextRow, ...]:
        return tuple(
            other
            for other in self._unwritten.values()
            if other.url != row.url and (other.text_key == row.text_key or judged.near(other.simhash, row.simhash))
        )

    def _looked(self, row: TextRow) -> None:
        """How the page's text looks is written down a hundred at a time: what a crash loses is seen again."""
        if not self.dry_run:
            self._unwritten[row.url] = row
            if len(self._unwritten) >= 100:
                self.flush()

    def flush(self) -> None:
        """What was to be written is."""
        rows, self._unwritten = self._unwritten, {}
        if rows:
            with self.archive.state.writing() as tx:
                for row in rows.values():
                    judged.put_text(tx, row)

    def waited(self) -> list[Snapshot]:
        """The pages that wait, to be judged for good; they wait no longer."""
        found, self._room = self._room, []
        return found

    def hold(
        self, snapshot: Snapshot, state: str, reason: str, found: Extraction, *, draft: Draft | None = None
    ) -> bool:
        """Keeps the page's bytes and writes down why it is held; False when the operator has dropped these bytes."""
        self.counts[state] += 1
        if self.dry_run:
            return True
        digest = hashlib.sha256(snapshot.body).hexdigest()
        draft = draft or found.article
        facts = facts_of(draft) if draft is not None else None
        with self.archive.state.writing() as tx:
            if judged.dropped(tx, self.outlet.id, digest):
                return False
            judged.hold(
                tx,
                HeldRow(
                    outlet=self.outlet.id,
                    url=snapshot.url,
                    final_url=snapshot.final_url,
                    content_type=snapshot.content_type,
                    fetched=snapshot.fetched,
                    digest=digest,
                    size=len(snapshot.body),
                    state=state,
                    reason=reason[:300],
                    since=snapshot.fetched,
                    letters=facts.letters if facts else found.letters,
                    title=draft.title[:300] if draft else None,
                    text_key=facts.text_key if facts else None,
                    item=_item_text(snapshot.item),
                    given=snapshot.given,
                    rules=self.rules,
                ),
            )
        self.store.put(digest, snapshot.body, self._wanted)
        return True

    def let_through(self, snapshot: Snapshot) -> None:
        """The page gave an article: nothing of it is held any more. A decision that it may is remembered."""
        if self.dry_run:
            return
        with self.archive.state.reading() as tx:
            known = judged.held(tx, self.outlet.id, snapshot.url)
        if known is not None and known.decided != "released":
            with self.archive.state.writing() as tx:
                judged.settle(tx, self.outlet.id, snapshot.url)

    def released(self, snapshot: Snapshot) -> HeldRow | None:
        """The operator's word that what stood at this address is an article, where there is one."""
        with self.archive.state.reading() as tx:
            known = judged.held(tx, self.outlet.id, snapshot.url)
        return known if known is not None and known.decided == "released" and known.text_key else None

    def outdated(self, limit: int = 200) -> list[Snapshot]:
        """Held pages that were judged by other rules than today's, from the bytes that were kept: the oldest first."""
        if self.dry_run:
            return []
        with self.archive.state.reading() as tx:
            rows = judged.waiting(tx, outlet=self.outlet.id, but_rules=self.rules, limit=limit)
        found = [(row, snapshot_of(self.archive, self.store, row)) for row in rows]
        gone = [row for row, snapshot in found if snapshot is None]
        if gone:  # nothing to judge: not looked at in every run
            with self.archive.state.writing() as tx:
                for row in gone:
                    judged.hold(tx, replace(row, rules=self.rules))
        return [snapshot for _, snapshot in found if snapshot is not None]

    def problem(self, taken: int) -> str | None:
        """What is wrong with an outlet all of whose pages were held back; None when some were not."""
        held = sum(self.counts.values())
        if not held or taken:
            return None
        kinds = ", ".join(f"{number} {state}" for state, number in self.counts.most_common())
        return f"all pages that came were held back ({kinds}): tamizdat held --outlet {self.outlet.id}"

    def _before(self, row: ArticleRow | None) -> Facts | None:
        if row is None:
            return None
        try:
            return facts_of(self.archive.article(row.digest))
        except TamizdatError:
            return None  # damaged: `doctor` and `audit` say so

    def _wanted(self) -> Mapping[str, bool]:
        with self.archive.state.reading() as tx:
            return dict(judged.kept(tx))


def rules_of(outlet: OutletConfig) -> str:
    """A name for the rules that pages of this outlet are judged by: it changes with the program's and with its own."""
    own = repr((outlet.keep, outlet.drop, outlet.language, getattr(outlet, "text", None)))
    return hashlib.sha256(f"{_program()} {own}".encode()).hexdigest()[:16]


@functools.cache
def _program() -> str:
    """A digest of what extracts and judges: this file, `mirror.extract`, `mirror.outlets`, the library's version."""
    from importlib.metadata import PackageNotFoundError, version

    here = Path(__file__).parent
    hasher = hashlib.sha256()
    for path in (Path(__file__), *sorted(here.glob("extract/*.py")), *sorted(here.glob("outlets/*.py"))):
        if path.is_file():
            hasher.update(path.read_bytes())
    with contextlib.suppress(PackageNotFoundError):
        hasher.update(version("trafilatura").encode())
    return hasher.hexdigest()


# --- bytes ------------------------------------------------------------------------------------------------------------


class Store:
    """Bytes of held pages, by digest, compressed: `state/held/<digest>`. Never more than `most` in all."""

    def __init__(self, folder: Path, *, most: int = MOST) -> None:
        self.folder = folder / "state" / "held"
        self.most = most

    def put(self, digest: str, body: bytes, wanted: Any = dict) -> None:
        """Keeps the bytes. What nobody wants any more goes, and then the oldest, when there is too much; `wanted()` are
        the digests that rows name, and whether somebody may want them. A full disk costs the bytes, nothing else."""
        path = self.folder / digest
        data = zlib.compress(body, 6)
        if path.exists() or len(data) > self.most:
            return
        temporary = self.folder / f".{digest}.{os.getpid()}"
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            return
        self._trim(path, wanted)

    def get(self, digest: str) -> bytes | None:
        """The bytes; None when they are gone, or are not those any more."""
        try:
            data = (self.folder / digest).read_bytes()
            unpacker = zlib.decompressobj()
            body = unpacker.decompress(data, LARGEST)
        except (OSError, zlib.error):
            return None
        return body if hashlib.sha256(body).hexdigest() == digest else None

    def has(self, digest: str) -> bool:
        return (self.folder / digest).is_file()

    def remove(self, digest: str) -> None:
        """Removes the bytes, if they are there."""
        (self.folder / digest).unlink(missing_ok=True)

    def tidy(self, archive: Archive) -> None:
        """`sweep`, by the archive's rows."""
        with archive.state.reading() as tx:
            wanted = dict(judged.kept(tx))
        self.sweep(wanted)

    def sweep(self, wanted: Mapping[str, bool]) -> None:
        """Removes what no row names, or nobody wants any more."""
        for entry in self._entries():
            if not wanted.get(entry.name):
                Path(entry.path).unlink(missing_ok=True)

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            return [entry for entry in os.scandir(self.folder) if entry.is_file(follow_symlinks=False)]
        except OSError:
            return []

    def _trim(self, newest: Path, wanted: Any) -> None:
        entries = [(entry.stat(), entry) for entry in self._entries()]
        total = sum(stat.st_size for stat, _ in entries)
        if total <= self.most:
            return
        known = wanted()
        entries.sort(key=lambda pair: (known.get(pair[1].name, False), pair[0].st_mtime_ns))
        for stat, entry in entries:
            if total <= 0.9 * self.most:
                break
            if entry.name != newest.name:
                Path(entry.path).unlink(missing_ok=True)
                total -= stat.st_size


def snapshot_of(archive: Archive, store: Store, row: HeldRow) -> Snapshot | None:
    """The page as it came; None when its bytes are gone."""
    from mirror.fetch import Snapshot
    from mirror.sources.state import PageState

    body = store.get(row.digest)
    if body is None:
        return None
    item = _item(row.item)
    given = row.given and item is not None
    page = archive.pages(row.outlet, [row.url]).get(row.url)
    if page is None:
        page = PageState(outlet=row.outlet, url=row.url, first_seen=row.since, checked=row.fetched)
    return Snapshot(
        url=row.url,
        final_url=row.final_url,
        fetched=row.fetched,
        status=200,
        content_type=row.content_type,
        body=body,
        item=item,
        page=page,
        given=given,
    )


def _item_text(item: Item | None) -> str | None:
    if item is None:
        return None
    text = json.dumps(asdict(item), ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= 100_000 else json.dumps({"url": item.url, "title": item.title})


def _item(text: str | None) -> Item | None:
    from mirror.sources import Item

    if text is None:
        return None
    try:
        found: dict[str, Any] = json.loads(text)
        known = {field.name for field in fields(Item)}
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in found.items() if name in known
        }
        return Item(**values)
    except (ValueError, TypeError, AttributeError):
        return None


# --- for people -------------------------------------------------------------------------------------------------------


def summary(groups: Sequence[HeldGroup]) -> list[dict[str, Any]]:
    """What waits, for `status`: a line for each outlet and reason, whatever their number."""
    return [
        {
            "outlet": group.outlet,
            "state": group.state,
            "count": group.count,
            "newest": {"url": group.newest.url, "reason": group.newest.reason, "since": group.newest.since},
        }
        for group in groups
    ]
