"""Cases about a mirror: what it serves is right, wrong in one way, old, or another history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signing.packing import digest_of
from tests.vectors.book import Book
from tests.vectors.publication import (
    FIRST,
    SECOND,
    THIRD,
    Publication,
    article,
    one_line,
    salt,
    stored,
    trust_files,
)

GOOD: Mapping[str, Any] = {"authentic": True, "check": None, "error": None, "evidence": None}
FRESH = {**GOOD, "fresh": "fresh", "current": "current", "seen": "first"}


def failed(check: int) -> dict[str, Any]:
    return {"authentic": False, "check": check, "error": None, "evidence": None}


def write(book: Book) -> None:
    """Every case that has a mirror."""
    before, plain = plain_mirror(book)
    good(book, plain)
    checks_1_to_4(book, plain)


def o(digest: str) -> str:
    return f"o/{digest[:2]}/{digest[2:]}"


def proof(digest: str) -> str:
    return f"proof/{digest[:2]}/{digest[2:]}"


def ask(digest: str, **more: Any) -> dict[str, Any]:
    return {"what": "bundle", "digest": digest, **more}


FRONT = {"what": "front"}


def first_half(publication: Publication) -> None:
    """Two seals: an article that will be revised, a long one, one that will be withdrawn."""
    publication.add("story", article(1))
    part = one_line(
        {
            "v": 1,
            "kind": "part",
            "blocks": [{"type": "paragraph", "content": ["The rest of it."]}],
            "salt": salt("part"),
        }
    )
    made = stored(part)
    publication.digests["part"] = publication.put(made)
    publication.add("long", article(2, parts=[{"digest": digest_of(made), "size": len(made)}]))
    publication.seal(FIRST)
    publication.add("secret", article(3))
    publication.seal(SECOND)


def plain_mirror(book: Book) -> tuple[Publication, Publication]:
    """The mirror before and after its third seal, in which one article was revised and one withdrawn."""
    before = Publication(trust_files())
    first_half(before)
    book.mirror("earlier", "The mirror `plain` half an hour earlier: two seals.", before)
    plain = Publication(trust_files())
    first_half(plain)
    plain.withdraw("secret", article(3)["url"], THIRD)
    plain.add("story, revised", article(1, revision=2, replaces=plain.digests["story"], fetched=THIRD))
    plain.add("quiet", article(4))
    del plain.items[article(4)["url"]]  # published, but no longer in the newest edition's lists
    plain.seal(THIRD)
    book.mirror("plain", "One root key, no witnesses, one log, three seals.", plain)
    return before, plain


def good(book: Book, plain: Publication) -> None:
    names = plain.digests
    url = article(1)["url"]
    asked = book.asked
    asked("plain", "good-article", "The newest revision of an article.", ask(names["story, revised"], url=url), FRESH)
    asked("plain", "good-article-by-digest", "Asked for by digest alone.", ask(names["story, revised"]), FRESH)
    asked("plain", "good-long-article", "An article with a further part.", ask(names["long"]), FRESH)
    asked("plain", "good-edition", "An older edition is a bundle too.", ask(names["edition 1"], kind="edition"),
          {**GOOD, "fresh": "fresh", "current": "unknown"})  # fmt: skip
    asked("plain", "good-front", "The front page.", FRONT, FRESH)
    asked("plain", "good-listed", "An article that the front page lists needs no proof of its own.",
          {"what": "listed", "digest": names["story, revised"]}, {**GOOD, "fresh": "fresh", "current": "current"},
          change={proof(names["story, revised"]): None})  # fmt: skip
    size = len(plain.files[o(names["part"])])
    asked("plain", "good-part", "The further part.", {"what": "part", "digest": names["part"], "size": size},
          {"authentic": True, "check": None})  # fmt: skip
    asked("plain", "good-not-listed", "No list has it any more; the log says that nothing came after it.",
          ask(names["quiet"]), FRESH)  # fmt: skip
    asked("plain", "superseded", "An earlier revision is as authentic as it was.", ask(names["story"]),
          {**FRESH, "current": "superseded"})  # fmt: skip
    asked("plain", "withdrawn", "A copy of a withdrawn article: authentic, and withdrawn.", ask(names["secret"]),
          {**FRESH, "current": "withdrawn"})  # fmt: skip


def checks_1_to_4(book: Book, plain: Publication) -> None:
    names, files = plain.digests, plain.files
    digest = names["quiet"]
    data = files[o(digest)]
    asked = book.asked

    asked("plain", "1-too-large", "The object is larger than 12,288 bytes.", ask(digest), failed(1),
          change={o(digest): data + bytes(12_288)})  # fmt: skip
    asked("plain", "2-one-byte", "One byte of the object is another.", ask(digest), failed(2),
          change={o(digest): data[:-1] + bytes([data[-1] ^ 1])})  # fmt: skip
    asked("plain", "2-other-object", "Another article stands under this name.", ask(digest), failed(2),
          change={o(digest): files[o(names["story"])]})  # fmt: skip
    asked("plain", "missing-object", "The object is not there.", ask(digest), {"authentic": False, "error": "missing"},
          change={o(digest): None})  # fmt: skip
    asked("plain", "missing-proof", "The proof is not there.", ask(digest), {"authentic": False, "error": "missing"},
          change={proof(digest): None})  # fmt: skip
