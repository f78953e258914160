"""A page's bytes as an article, or the reason why they are none.

    >>> found = extract(body, url="https://example.org/2027/03/01/bridge")
    >>> found.state, found.article.title
    ('ok', 'The bridge is open again')

Pure: nothing is fetched, no clock is read, the same bytes give the same article. Pages are hostile until shown
otherwise: everything is capped before it is parsed, and `extract` raises nothing for any bytes whatever.

How it goes (`assemble`): bytes to text (`mirror.charset`), text to tree (`page`), what the page says of itself
(`metadata` from `declared`, `titles`, `people`, `times`, `nearby`), which of its text is the article (`body`, less
`chrome`, `masthead` and `lead`), that text as blocks (`blocks`, `liveblog`, `embeds`), its pictures (`images`,
`captions`, `cover`), its `language`, and whether it may be called an article at all (`state`). Outlets that need rules
of their own have a file in `mirror/outlets/`.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mirror.extract.state import State
from mirror.model import Draft

if TYPE_CHECKING:
    from mirror.outlets import Rules


class Hints(Protocol):
    """What the source said of the article (a feed's item): used only where the page itself says nothing."""

    @property
    def title(self) -> str | None: ...
    @property
    def published(self) -> str | None: ...


Further = tuple[str, bytes, str | None]  # a further page of the same article: address, bytes, content type


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Text that stands in or near the article's body and is not taken for its own; `why` names the rule, in words for
    the operator."""

    text: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """`article` is there when `state` is `ok`; for `paywall` it is the part that everybody may read, for a person to
    look at and never to be published. `reason` is one line, empty for `ok`.

    `dated` is `article.published` by the page's own clock where that is known, with its zone
    (`2027-03-01T08:00:00+01:00`), or only the day that it gives: the outlet's calendar, which UTC may shift.

    `letters` counts the letters and digits of the body, whatever the state. `next` is the address of the article's next
    page and `amp` that of its AMP copy, both as the page gives them, made absolute; `dropped` is filled when `extract`
    was asked to explain."""

    state: State
    reason: str
    article: Draft | None = None
    dated: str | None = None
    letters: int = 0
    claimed: int = 0  # how many letters the article has by the page's own account (JSON-LD), about; 0: it says nothing
    next: str | None = None
    amp: str | None = None
    dropped: tuple[Dropped, ...] = ()


def extract(
    body: bytes,
    *,
    url: str,
    content_type: str | None = None,
    item: Hints | None = None,
    language: str | None = None,
    keep: tuple[str, ...] = (),
    drop: tuple[str, ...] = (),
    more: Sequence[Further] = (),
    force: bool = False,
    explain: bool = False,
    rules: tuple[Rules, ...] = (),
    captured: str | None = None,
) -> Extraction:
    """The article in a page.

    `url` is the address the bytes came from (after redirects), `content_type` the HTTP header, `language` what the
    outlet is configured to be written in: a claim that counts after the page's own. `keep` and `drop` are selectors
    (see `mirror.outlets`) for the article's body and for what never belongs to it; they come before the rules that the
    outlet has here. `rules` are the same with days, of which those count that held when the page was `captured` (RFC
    3339; None: now). A selector that is none is an `error`.

    `more` are the article's further pages in their order. `force` is an operator's word that this page is an article
    whatever it looks like: no state is looked for, and whatever text is there becomes the article (a page that cannot
    be read or holds no text at all is still an `error`). `explain` fills `dropped`."""
    from mirror.extract.assemble import assemble
    from mirror.extract.page import MAX_BYTES, PageError
    from mirror.outlets import SelectorError

    if len(body) > MAX_BYTES:
        return Extraction(state="error", reason=f"the page has {len(body)} bytes; {MAX_BYTES} are read at most")
    # A page is tens of thousands of objects that are all in use until its end: looking for garbage among them again and
    # again takes a twentieth of the time and finds none.
    collects = gc.isenabled()
    gc.disable()
    try:
        return assemble(
            body,
            url=url,
            content_type=content_type,
            item=item,
            language=language,
            keep=keep,
            drop=drop,
            more=tuple(more),
            force=force,
            explain=explain,
            rules=rules,
            captured=captured,
        )
    except PageError as error:
        return Extraction(state="error", reason=str(error))
    except SelectorError as error:
        return Extraction(state="error", reason=str(error))
    except RecursionError:
        return Extraction(state="error", reason="elements are nested too deep to be read whole")
    finally:
        if collects:
            gc.enable()


__all__ = ["Dropped", "Extraction", "Further", "Hints", "State", "extract"]
