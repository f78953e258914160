"""What a reader would call a change, and what changed between two revisions. Pure.

`key` digests the texts of an article as a reader takes them in: the same key, the same article. What servers and
templates do to a page without anybody having edited it does not count: kinds of quotation marks and dashes, white
space, counters ("5 comments", "1,203 views", "3 min read"), times that run ("2 hours ago"), and rotating lists that
hold nothing but links.

`changes` puts two articles beside each other: paragraph by paragraph first, then word by word inside those that were
rewritten, in Chinese and Japanese character by character. It needs no word lists and no language, and its time is
bounded whatever the texts are: what is too different is said to be replaced as a whole.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from mirror.model import (
    Article,
    Block,
    Draft,
    Embed,
    Heading,
    Link,
    List,
    Paragraph,
    Quote,
    Table,
    Update,
)

if TYPE_CHECKING:
    from mirror.archive.state import ArticleRow

_T = TypeVar("_T", bound=Hashable)
Op = tuple[Literal["same", "removed", "added"], int, int]  # which, and from where to where in the list it is about

# A new number with every change of what is digested: keys of different numbers say nothing about each other.
KEY: Final = "2:"
REMOVED: Final = " removed"

# --- what counts ------------------------------------------------------------------------------------------------------

# Invisible and without meaning: soft hyphen, zero-width space, word joiner, byte-order mark. Joiners and bidi marks are
# spelling and stay.
_PLAIN: Final = {
    **dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"), ""),
    **dict.fromkeys(map(ord, "‘’‚‛′＇`´"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»＂"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
    ord("…"): "...",
}

_COUNTED = (
    r"comments?|views?|reads?|shares?|likes?|reactions?|replies|reply|followers|votes?|claps|reposts?|retweets?|"
    r"комментари(?:й|я|ев)|просмотр(?:а|ов)?|прочтени[йея]|лайк(?:а|ов)?|репост(?:а|ов)?|ответ(?:а|ов)?|"
    r"коментар(?:і|ів)?|перегляд(?:и|ів)?|komentarzy?|komentarze|wyświetleń|kommentare?|aufrufe|commentaires?|vues|"
    r"comentarios?|comentários?|visitas|visualizaciones|yorum|görüntülenme|"
    r"نظر|دیدگاه|بازدید|تعليقات?|مشاهدات?|مشاهدة|条?评论|條?評論|次?阅读|次?閱讀|次?浏览|次?瀏覽|阅读|评论|点赞|"
    r"コメント|件のコメント"
)
_SPAN = (
    r"sec(?:ond)?s?|min(?:ute)?s?|hours?|hrs?|h|m|s|d|days?|weeks?|months?|years?|"
    r"секунд[ыу]?|сек|минут[ыу]?|мин|час(?:а|ов)?|ч|д(?:ень|ня|ней)|недел[юиь]|месяц(?:а|ев)?|год(?:а)?|лет|"
    r"хвилин[иу]?|годин[иу]?|дні[в]?|minut[ye]?|godzin[yę]?|dni|sekunden?|minuten?|stunden?|tage?n?|"
    r"heures?|jours?|minutos?|horas?|d[ií]as?|dakika|saat|gün|"
    r"ثانیه|دقیقه|ساعت|روز|هفته|ماه|سال|دقائق|دقيقة|ساعات|ساعة|أيام|يوم|秒钟?|分钟|分鐘|小时|小時|天|分|時間|日"
)
_NUMBER = r"[0-9٠-٩۰-۹]{1,4}(?:[.,٫٬ ’'][0-9٠-٩۰-۹]{1,3}){0,4} ?(?:k|m|b|тыс\.?|млн|千|万|萬)?"
# One part of a line between separators, whole. Anchored, without nested repetition: linear.
_NOISE = re.compile(
    rf"(?:(?:updated|posted|published|edited|last updated|обновлено|опубликовано|به‌روزرسانی|更新(?:于|於)?|发布于?)?"
    rf":? ?)?"
    rf"(?:{_NUMBER} ?(?:{_COUNTED})|(?:{_COUNTED}) ?:? ?\(?{_NUMBER}\)?|(?:no|нет|بدون) (?:{_COUNTED})|"
    rf"(?:about |a |an )?(?:{_NUMBER})? ?(?:{_SPAN}) ?(?:ago|назад|тому|temu|önce|پیش|قبل|前)|"
    rf"(?:vor|il y a|hace|قبل|منذ|há) (?:{_NUMBER} )?(?:{_SPAN})|just now|только что|刚刚|剛剛|たった今|همین حالا|"
    rf"{_NUMBER} ?-? ?(?:{_SPAN}) ?(?:read(?:ing time)?|to read|чтения|на чтение|читать|lesezeit|de lecture|de lectura|"
    rf"czytania|okuma|مطالعه|阅读|閱讀)|"
    rf"(?:reading time|read time|время чтения|lesezeit|temps de lecture|زمان مطالعه):? ?{_NUMBER} ?(?:{_SPAN})|"
    rf"(?:阅读|閱讀)(?:时间|時間)?:? ?{_NUMBER} ?(?:{_SPAN}))\.?",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[·|•∙/;]|,\s|\s-\s")
_SHORT = 120  # characters; nothing longer is a line of counters


def plain_form(text: str) -> str:
    """`text` as it is compared: NFC, one kind of quotes and dashes, runs of white space as one space."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_PLAIN).split())


def is_noise(line: str) -> bool:
    """Whether a line, in its plain form, holds nothing but counters and times that run."""
    if not line or len(line) > _SHORT:
        return False
    if _NOISE.fullmatch(line):
        return True
    parts = [part.strip() for part in _PARTS.split(line)]
    return len(parts) <= 6 and all(_NOISE.fullmatch(part) for part in parts if part) and any(parts)


def key(draft: Draft | Article) -> str:
    """A digest of what a reader would read: two snapshots with the same key differ in nothing worth a new revision.
    That the outlet removed the page is such a difference."""
    hasher = hashlib.sha256()
    for text in _texts(draft):
        hasher.update(text.encode("utf-8", "surrogatepass") + b"\n")
    digest = KEY + hasher.hexdigest()
    return removed_key(digest) if isinstance(draft, Article) and draft.removed else digest


def removed_key(content_key: str) -> str:
    """The key of the revision which says that the page with this one is gone."""
    return content_key.removesuffix(REMOVED) + REMOVED


def is_removed(row: ArticleRow) -> bool:
    """Whether this revision says that the outlet removed its page."""
    return row.content_key.endswith(REMOVED)


def comparable(content_key: str) -> bool:
    """Whether a stored key was made by these rules."""
    return content_key.startswith(KEY)


def _texts(draft: Draft | Article) -> Iterator[str]:
    yield plain_form(draft.title)
    yield plain_form(draft.lead or "")
    lines = [plain_form(text) for where, text in _lines(draft.blocks) if where != "link"]
    # As one: where a long paragraph was cut into two is no matter.
    yield " ".join(line for line in lines if line and not is_noise(line))
    for caption in _captions(draft):
        yield plain_form(caption)


def _captions(draft: Draft | Article) -> Iterator[str]:
    pictures = draft.pictures if isinstance(draft, Draft) else draft.resources
    for picture in pictures:
        yield from (text for text in (picture.caption, picture.credit) if text)


# --- an article as lines ----------------------------------------------------------------------------------------------


def _lines(blocks: Sequence[Block]) -> list[tuple[str, str]]:
    """What there is to read, a paragraph, point or row at a time, with what it is: `text`, `caption` of a table, or
    `link` for what only leads elsewhere. In an article that is a list of links, links are text."""
    found = list(_walk(blocks))
    letters = sum(len(text) for where, text in found if where != "link")
    links = sum(len(text) for where, text in found if where == "link")
    if links > letters:
        return [("text" if where == "link" else where, text) for where, text in found]
    return found


def _walk(blocks: Iterable[Any]) -> Iterator[tuple[str, str]]:  # noqa: PLR0912 - one branch a kind of block
    from mirror.pack import plain, text_of

    listed = list(blocks)
    alone = [_only_links(block) for block in listed]
    waiting: str | None = None  # a heading: it belongs to what follows it
    for at, block in enumerate(listed):
        if isinstance(block, Heading):
            if waiting is not None:
                yield "text", waiting
            waiting = plain(block.content)
            continue
        # A single line that is a link stands for something the author wanted read; several are a list.
        only_links = alone[at] and (isinstance(block, List) or any(alone[max(at - 1, 0) : at] + alone[at + 1 : at + 2]))
        if waiting is not None:
            yield ("link" if only_links else "text"), waiting
            waiting = None
        match block:
            case Paragraph(content=content):
                yield ("link" if only_links else "text"), plain(content)
            case Quote(blocks=inner, source=source):
                yield from _walk(inner)
                if source:
                    yield "text", source
            case List(items=items):
                for item in items:
                    yield ("link" if only_links else "text"), text_of(item).replace("\n\n", "\n")
            case Table(rows=rows, caption=caption):
                if caption:
                    yield "caption", caption
                for row in rows:
                    yield "text", "\t".join(plain(cell.content) for cell in row)
            case Update(title=title, blocks=inner):
                if title:
                    yield "text", title
                yield from _walk(inner)
            case Embed(text=text):
                if text:
                    yield "text", text
            case _:
                if text := text_of((block,)):
                    yield "text", text
    if waiting is not None:
        yield "text", waiting


def _only_links(block: Any) -> bool:
    """Whether this block does nothing but lead elsewhere."""
    if isinstance(block, Paragraph):
        return _is_link(block)
    if not isinstance(block, List) or not block.items:
        return False
    return all(len(item) == 1 and isinstance(item[0], Paragraph) and _is_link(item[0]) for item in block.items)


def _is_link(paragraph: Paragraph) -> bool:
    from mirror.pack import plain

    rest = [one for one in paragraph.content if not isinstance(one, Link)]
    return len(rest) < len(paragraph.content) and not any(plain((one,)).strip(" \u00a0-–—·|•:") for one in rest)


# --- what changed -----------------------------------------------------------------------------------------------------

Where = Literal["title", "lead", "authors", "text", "caption"]
Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some words of a paragraph, in their order; `removed` ones stand before the `added` ones that took their place."""

    kind: Literal["same", "removed", "added"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One paragraph (or title, lead, caption …) that was added, removed or changed. Of an added or removed one there
    is one piece. `moved` is never told apart: such a paragraph was removed in one place and added in another."""

    where: Where
    kind: Kind
    pieces: tuple[Piece, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "where": self.where,
            "kind": self.kind,
            "pieces": [{"kind": piece.kind, "text": piece.text} for piece in self.pieces],
        }


# Lines and words that are compared exactly. Beyond, time grows with the square: what differs is told as a whole.
_STEPS = 400  # differing lines or words of one comparison
_PAIRS = 900  # paragraphs gone times paragraphs new, between two that stayed
_TOKENS = 6000  # words of one paragraph
_ALIKE = 0.4  # share of words in common from which on a paragraph counts as rewritten, not as another one


_WORK = 1_500_000  # steps of all comparisons of two articles together, about a second


@dataclass(slots=True)
class _Work:
    """How many steps may still be spent. When none are left, what is not compared yet is told as a whole."""

    left: int = _WORK

    def spend(self, steps: int) -> bool:
        self.left -= steps
        return self.left >= 0


def changes(before: Article, after: Article) -> tuple[Change, ...]:
    """What differs, in the order of the article: title, lead, authors, paragraphs, captions. Empty when nothing does
    that a reader would see. Parts have been joined (`mirror.pack.join`)."""
    made: list[Change] = []
    work = _Work()
    made += _one("title", before.title, after.title, work)
    made += _one("lead", before.lead or "", after.lead or "", work)
    made += _one("authors", ", ".join(before.authors), ", ".join(after.authors), work)
    made += _many("text", _told(before, "text"), _told(after, "text"), work)
    made += _many("caption", _told(before, "caption"), _told(after, "caption"), work)
    return tuple(made)


def _told(article: Article, where: str) -> list[str]:
    lines = [text for kind, text in _lines(article.blocks) if kind == where]
    if where == "caption":
        lines += _captions(article)
    return [line for line in lines if (plain := plain_form(line)) and not is_noise(plain)]


def _one(where: Where, before: str, after: str, work: _Work) -> list[Change]:
    if plain_form(before) == plain_form(after):
        return []
    if not before or not after:
        return [_whole(where, "added" if after else "removed", after or before)]
    return [Change(where=where, kind="changed", pieces=_words(before, after, work))]


def _whole(where: Where, kind: Literal["added", "removed"], text: str) -> Change:
    return Change(where=where, kind=kind, pieces=(Piece(kind=kind, text=text),))


def _many(where: Where, before: list[str], after: list[str], work: _Work) -> Iterator[Change]:
    old, new = [plain_form(line) for line in before], [plain_form(line) for line in after]
    gone: list[int] = []
    come: list[int] = []
    for op, start, end in [*_diff(old, new, work), ("same", 0, 0)]:
        if op == "removed":
            gone += range(start, end)
        elif op == "added":
            come += range(start, end)
        else:
            yield from _rewritten(where, [before[at] for at in gone], [after[at] for at in come], work)
            gone, come = [], []


def _rewritten(where: Where, gone: list[str], come: list[str], work: _Work) -> Iterator[Change]:
    """Paragraphs in the place of others: those that are alike are changed ones."""
    at = 0
    pairs = _pairs(gone, come, work)
    for old, new in pairs:
        for line in gone[at:old]:
            yield _whole(where, "removed", line)
        at = old + 1
        if new is None:
            yield _whole(where, "removed", gone[old])
        else:
            yield Change(where=where, kind="changed", pieces=_words(gone[old], come[new], work))
    for line in gone[at:]:
        yield _whole(where, "removed", line)
    taken = {new for _, new in pairs if new is not None}
    for number, line in enumerate(come):
        if number not in taken:
            yield _whole(where, "added", line)


def _pairs(gone: list[str], come: list[str], work: _Work) -> list[tuple[int, int | None]]:
    """Which of the new paragraphs each of the old ones became, in order on both sides, so that as much as possible is
    alike."""
    rows, columns = len(gone), len(come)
    if not rows or not columns:
        return []
    letters = sum(map(len, gone)) * columns + sum(map(len, come)) * rows
    if rows * columns > _PAIRS or not work.spend(letters // 8):
        return [(at, at) for at in range(min(rows, columns)) if rows == columns]
    left, right = [_bag(line) for line in gone], [_bag(line) for line in come]
    score = [[_alike(a, b) for b in right] for a in left]
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            both = score[i][j] + best[i + 1][j + 1] if score[i][j] >= _ALIKE else 0.0
            best[i][j] = max(both, best[i + 1][j], best[i][j + 1])
    found: list[tuple[int, int | None]] = []
    i = j = 0
    while i < rows and j < columns:
        if score[i][j] >= _ALIKE and best[i][j] == score[i][j] + best[i + 1][j + 1]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _bag(line: str) -> Counter[str]:
    return Counter(token for token in _tokens(plain_form(line))[:_TOKENS] if not token.isspace())


def _alike(a: Counter[str], b: Counter[str]) -> float:
    both = (a & b).total()
    return 2 * both / (a.total() + b.total()) if both else 0.0


# --- words ------------------------------------------------------------------------------------------------------------

# Scripts written without spaces go character by character, each with what modifies it.
_ALONE = "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u1000-\u102a\u1780-\u17b3"
_ALONE += "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARKS = "\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u17b4-\u17d3"
_MARKS += "\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef"
_POINTS = r""".,:;!?()\[\]{}"/|«»“”„‟‹›…—–―،؛؟٪。，、！？；：（）「」『』《》〈〉【】·¿¡"""
_TOKEN = re.compile(
    rf"\s+|[0-9٠-٩۰-۹]+(?:[.,:٫٬][0-9٠-٩۰-۹]+)*|[{_ALONE}][{_MARKS}]*|[^\s{_POINTS}{_ALONE}]+|.", re.DOTALL
)


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _words(before: str, after: str, work: _Work) -> tuple[Piece, ...]:
    """One paragraph beside the other, by words."""
    old, new = _tokens(before), _tokens(after)
    if max(len(old), len(new)) > _TOKENS or not work.spend(len(old) + len(new)):
        return _ends(before, after)
    ops = _diff([_same_word(word) for word in old], [_same_word(word) for word in new], work)
    return _joined(_runs(ops, old, new))


def _same_word(word: str) -> str:
    return " " if word.isspace() else unicodedata.normalize("NFC", word).translate(_PLAIN)


def _ends(before: str, after: str) -> tuple[Piece, ...]:
    """For what is too long to compare: what is between the beginning and the end that both have."""
    limit, start = min(len(before), len(after)), 0
    while start < limit and before[start] == after[start]:
        start += 1
    end = 0
    while end < limit - start and before[-1 - end] == after[-1 - end]:
        end += 1
    pieces = [("same", before[:start]), ("removed", before[start : len(before) - end])]
    pieces += [("added", after[start : len(after) - end]), ("same", after[len(after) - end :])]
    return tuple(Piece(kind=kind, text=text) for kind, text in pieces if text)  # type: ignore[arg-type]


def _runs(ops: Iterable[Op], old: list[str], new: list[str]) -> Iterator[tuple[str, str, str]]:
    """Alternately what stayed and what changed, as (same, removed, added)."""
    removed = added = ""
    at = 0  # in `new`
    for op, start, end in ops:
        if op == "removed":
            removed += "".join(old[start:end])
        elif op == "added":
            added += "".join(new[start:end])
            at = end
        else:
            yield "", removed, added
            removed = added = ""
            yield "".join(new[at : at + end - start]), "", ""
            at += end - start
    yield "", removed, added


def _joined(runs: Iterable[tuple[str, str, str]]) -> tuple[Piece, ...]:
    """Runs as pieces; a blank between two changes is part of them, or every other word would stand alone."""
    made: list[tuple[str, str, str]] = []  # same, removed, added: either the first or the others
    for found in runs:
        if not any(found):
            continue
        run = found
        if made and not run[0] and not made[-1][0]:
            before = made.pop()
            run = ("", before[1] + run[1], before[2] + run[2])
        elif len(made) > 1 and not run[0] and made[-1][0].isspace():
            blank, before = made.pop()[0], made.pop()
            run = ("", before[1] + blank + run[1], before[2] + blank + run[2])
        made.append(run)
    pieces: list[Piece] = []
    for same, removed, added in made:
        if same:
            pieces.append(Piece(kind="same", text=same))
        if removed.strip():
            pieces.append(Piece(kind="removed", text=removed))
        if added.strip() or (added and not removed.strip()):
            pieces.append(Piece(kind="added", text=added))
    return tuple(pieces)


# --- two lists --------------------------------------------------------------------------------------------------------


def _diff(a: Sequence[_T], b: Sequence[_T], work: _Work) -> list[Op]:
    """How to make `b` of `a`, as runs in order; ranges of `same` and `removed` are of `a`, those of `added` of `b`.
    The shortest way when few items differ (Myers 1986, O((N+M)D) with D at most `_STEPS`); otherwise the items that are
    unique on both sides stay where they are and what is between them is compared on its own."""
    ops: list[Op] = []
    _between(a, b, (0, len(a), 0, len(b)), ops, work=work)
    return ops


_Range = tuple[int, int, int, int]  # from and to in `a`, from and to in `b`


def _between(a: Sequence[_T], b: Sequence[_T], span: _Range, ops: list[Op], *, work: _Work, deep: int = 0) -> None:
    i, k, j, m = span
    start = i
    while i < k and j < m and a[i] == b[j]:
        i, j = i + 1, j + 1
    if i > start:
        ops.append(("same", start, i))
    tail = 0
    while i < k - tail and j < m - tail and a[k - 1 - tail] == b[m - 1 - tail]:
        tail += 1
    if i < k - tail or j < m - tail:
        _differing(a, b, (i, k - tail, j, m - tail), ops, work=work, deep=deep)
    if tail:
        ops.append(("same", k - tail, k))


def _differing(a: Sequence[_T], b: Sequence[_T], span: _Range, ops: list[Op], *, work: _Work, deep: int) -> None:
    i, k, j, m = span
    # Nothing in common is quickly seen, and is the one case in which the search below is slowest.
    if i < k and j < m and set(a[i:k]) & set(b[j:m]):
        found = _shortest(a[i:k], b[j:m], work)
        if found is not None:
            ops += [(op, s + (j if op == "added" else i), e + (j if op == "added" else i)) for op, s, e in found]
            return
        anchors = _anchors(a, b, span) if deep < 8 else []
        if anchors:
            for x, y in [*anchors, (k, m)]:
                _between(a, b, (i, x, j, y), ops, work=work, deep=deep + 1)
                if x < k:
                    ops.append(("same", x, x + 1))
                i, j = x + 1, y + 1
            return
    if i < k:
        ops.append(("removed", i, k))
    if j < m:
        ops.append(("added", j, m))


def _shortest(a: Sequence[_T], b: Sequence[_T], work: _Work) -> list[Op] | None:
    """The shortest way by Myers' greedy search; None when it is longer than `_STEPS`, or no work is left."""
    n, m = len(a), len(b)
    reach = {1: 0}
    trail: list[dict[int, int]] = []
    for d in range(min(n + m, _STEPS) + 1):
        if not work.spend(d + 1):
            return None
        trail.append(dict(reach))
        for diagonal in range(-d, d + 1, 2):
            down = diagonal == -d or (diagonal != d and reach[diagonal - 1] < reach[diagonal + 1])
            x = reach[diagonal + 1] if down else reach[diagonal - 1] + 1
            y = x - diagonal
            while x < n and y < m and a[x] == b[y]:
                x, y = x + 1, y + 1
            reach[diagonal] = x
            if x >= n and y >= m:
                return _way_back(trail, n, m)
    return None


def _way_back(trail: list[dict[int, int]], x: int, y: int) -> list[Op]:
    ops: list[Op] = []
    for d in range(len(trail) - 1, -1, -1):
        reach, diagonal = trail[d], x - y
        down = diagonal == -d or (diagonal != d and reach[diagonal - 1] < reach[diagonal + 1])
        came = diagonal + 1 if down else diagonal - 1
        from_x = reach[came] if d else 0
        from_y = from_x - came if d else 0
        middle = from_x if down else from_x + 1
        if not d:
            middle = 0
        if x > middle:
            ops.append(("same", middle, x))
        if d:
            ops.append(("added", from_y, from_y + 1) if down else ("removed", from_x, from_x + 1))
        x, y = from_x, from_y
    ops.reverse()
    return ops


def _anchors(a: Sequence[_T], b: Sequence[_T], span: _Range) -> list[tuple[int, int]]:
    """Places of items that occur once on each side, as many as come in the same order on both (patience)."""
    from bisect import bisect_left

    i, k, j, m = span
    left, right = Counter(a[i:k]), Counter(b[j:m])
    places = {item: at for at, item in enumerate(b[j:m], j) if right[item] == 1}
    pairs = [(at, places[item]) for at, item in enumerate(a[i:k], i) if left[item] == 1 and item in places]
    ends: list[int] = []  # smallest last place of an increasing run of each length
    last: list[int] = []
    back: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        if length == len(ends):
            ends.append(place)
            last.append(number)
        else:
            ends[length] = place
            last[length] = number
        back.append(last[length - 1] if length else -1)
    found: list[tuple[int, int]] = []
    at = last[-1] if last else -1
    while at >= 0:
        found.append(pairs[at])
        at = back[at]
    found.reverse()
    return found
