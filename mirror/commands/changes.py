"""`tamizdat changes`: what changed between two revisions of an article, both verified as `verify` does it."""

from __future__ import annotations

import argparse
import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mirror import pack
from mirror.commands.reader import find, own_publication, pin_and_memory, refuse
from mirror.errors import UsageError
from mirror.findings import Verdict
from mirror.known import Memory
from mirror.model import Article
from mirror.output import Output, one_line
from mirror.read import Mirror, close, object_path, open_mirror
from mirror.revisions import Change, changes
from mirror.verdict import check_article
from signing.verify import VerifiedBundle

ALL = 1000  # revisions of one article that are followed back


@dataclass(frozen=True, slots=True, kw_only=True)
class _Revision:
    """A verified revision, whole."""

    article: Article
    bundle: VerifiedBundle
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        document: dict[str, Any] = self.bundle.document
        keys = ("url", "revision", "fetched", "captured", "removed")
        return {"digest": self.bundle.digest, **{key: document[key] for key in keys if key in document}}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    pin: str | bytes | None
    memory: Memory
    now: datetime


def show(args: argparse.Namespace, out: Output) -> int:
    """Compare the article with the revision before it, or with the one given second."""
    pin, memory = pin_and_memory(args)
    asked = _Asked(pin=pin, memory=memory, now=datetime.now(UTC))
    if args.all and args.other is not None:
        raise UsageError("--all goes back through one article's revisions; it takes no second one")
    with contextlib.ExitStack() as opened:
        mirror, after = _given(args.article, args, asked, opened)
        if args.other is not None:
            _, before = _given(args.other, args, asked, opened)
            compared = [(before, after)]
        else:
            compared = _back(mirror, after, asked, many=ALL if args.all else 1)
    if not compared:
        out.say(one_line(f"{after.article.title}: the first revision, nothing came before it"))
        out.result({"after": after.as_json(), "before": None, "changes": []})
        return 0
    for earlier, later in compared:
        _tell(earlier, later, out)
    return 0


def _back(mirror: Mirror, after: _Revision, asked: _Asked, *, many: int) -> list[tuple[_Revision, _Revision]]:
    found: list[tuple[_Revision, _Revision]] = []
    while after.article.replaces is not None and len(found) < many:
        before = _verified(mirror, asked, digest=after.article.replaces)
        if (before.article.url, before.article.outlet) != (after.article.url, after.article.outlet):
            raise UsageError(f"{after.bundle.digest} says that it replaces another article: {before.article.url}")
        if before.article.revision >= after.article.revision:
            raise UsageError(f"{after.bundle.digest} says that it replaces a later revision")
        found.append((before, after))
        after = before
    return found


# --- which ------------------------------------------------------------------------------------------------------------


def _given(
    what: str, args: argparse.Namespace, asked: _Asked, opened: contextlib.ExitStack
) -> tuple[Mirror, _Revision]:
    """The mirror and the revision that somebody named: anything that `verify` takes for an article; an article's own
    address, looked up on the mirror given or in the publication one is in; a digest."""
    digest, stored, url = None, None, None
    elsewhere = args.mirror
    if re.fullmatch(r"[0-9a-f]{64}", what):
        mirror, digest = _mirror(args), what
    elif (page := _at_outlet(what, args)) is not None:
        mirror, digest, url = page
    else:
        subject = find(what, mirror=elsewhere)
        mirror, digest, stored = subject.mirror, subject.digest, subject.stored
    opened.callback(close, mirror)
    if digest is None and stored is None:
        raise UsageError(
            f"{what}: is a whole mirror; say which article",
            hint="its page there (…/a/….html), its digest, or its own address with --mirror",
        )
    return mirror, _verified(mirror, asked, digest=digest, stored=stored, url=url, what=what)


def _mirror(args: argparse.Namespace) -> Mirror:
    if args.mirror is not None:
        return open_mirror(args.mirror)
    publication = own_publication(args.config)
    if publication is None:
        raise UsageError("say which mirror it is on: --mirror https://…")
    return open_mirror(str(publication.tree))


def _at_outlet(what: str, args: argparse.Namespace) -> tuple[Mirror, str, str] | None:
    """Mirror, digest and address of an article named by its address at the outlet; None when this is something else.
    The page for people says the digest; what it says is checked with the rest."""
    from mirror.commands.reader import PAGE_BYTES, named_in
    from mirror.pages.article import page_path

    if not re.match(r"https?://", what, re.IGNORECASE):
        return None
    if args.mirror is None and (own_publication(args.config) is None or re.search(r"/(?:a|o|proof)/[0-9a-f]", what)):
        return None
    if args.mirror is not None and what.startswith(args.mirror.rstrip("/") + "/"):
        return None
    mirror = _mirror(args)
    try:
        page = mirror.get(page_path(what), PAGE_BYTES)
        if page is None:
            raise UsageError(f"{mirror.name}: has no article {what}", hint="is that its address at the outlet?")
        return mirror, named_in(page, what), what
    except BaseException:
        close(mirror)
        raise


def _verified(
    mirror: Mirror,
    asked: _Asked,
    *,
    digest: str | None = None,
    stored: bytes | None = None,
    url: str | None = None,
    what: str | None = None,
) -> _Revision:
    """The revision, after all checks of `verify`; refused like there when one fails or something of it is missing."""
    name = what or f"{mirror.name}: {object_path(digest or '')}"
    verdict, bundle = check_article(
        mirror, digest=digest, stored=stored, url=url, pin=asked.pin, memory=asked.memory, now=asked.now, what=name
    )
    if bundle is None or verdict.problems:
        raise refuse(verdict)
    if bundle.kind != "article":
        raise UsageError(f"{name}: is an {bundle.kind}, not an article")
    article = pack.from_document(bundle.document)
    whole = pack.join(article, verdict.parts) if article.parts else article
    return _Revision(article=whole, bundle=bundle, verdict=verdict)


# --- in words ---------------------------------------------------------------------------------------------------------


def _tell(before: _Revision, after: _Revision, out: Output) -> None:
    found = changes(before.article, after.article)
    old, new = before.article, after.article
    out.say(one_line(new.title))
    out.say(one_line(f"  {new.url}"))
    out.say(f"  revision {old.revision}, fetched {old.fetched}  sha256:{before.bundle.digest}")
    out.say(f"  revision {new.revision}, fetched {new.fetched}  sha256:{after.bundle.digest}")
    if new.url != old.url:
        out.say(one_line(f"  these are two articles: the first is {old.url}"))
    if new.removed and not old.removed:
        out.say(one_line(f"  REMOVED at the outlet, noticed {new.removed.noticed}: {new.removed.answer}"))
    if old.removed and not new.removed:
        out.say("  back at the outlet")
    for change in found:
        out.say(_line(change))
    if not found:
        out.say("  nothing in the text changed")
    out.say()
    out.result(
        {
            "before": before.as_json(),
            "after": after.as_json(),
            "current": after.verdict.current,
            "changes": [change.as_json() for change in found],
        }
    )


def _line(change: Change) -> str:
    """As word-wise comparisons are written: [-removed-] {+added+}. Marks in the text itself are no marks of ours: it
    reads `[ -` there."""
    text = ""
    for piece in change.pieces:
        words = " ".join(piece.text.split(" ")).replace("[-", "[ -").replace("{+", "{ +")
        text += words if piece.kind == "same" else f"[-{words}-]" if piece.kind == "removed" else f"{{+{words}+}}"
    label = "" if change.where == "text" else f"{change.where}: "
    sign = {"added": "+", "removed": "-", "changed": "~"}[change.kind]
    return one_line(f"  {sign} {label}{text}")
