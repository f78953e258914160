"""A new target gets the newest first, so that it is of use at once.

What an archive of years holds takes hours to send. So a target that has nothing gets first what a reader of the newest
edition asks for - the edition, its articles with parts, pictures, proofs and pages, all tiles and trust files - and
then the pointers; what is older follows, from the newest on, over as many runs as it takes. Editions sealed meanwhile
arrive as everywhere.

In a target's row `filling` is the line of the journal down to which everything is there, and `ahead` names those lines
below it that are there all the same, as ranges: `3-17 40 52-53`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mirror.archive.state import Change, ResourceRow, TargetRow

# What readers need of the log and of trust, whichever article they ask for. Of ten thousand articles it is about
# eighty tiles.
ALWAYS = ("tile", "trust")


class Ranges:
    """Numbers, most of them in a row."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges = sorted(ranges)

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        place = bisect_right(self._ranges, (number, 1 << 63))
        return place > 0 and self._ranges[place - 1][1] >= number

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def with_more(self, numbers: Iterable[int]) -> Ranges:
        """These and those."""
        joined: list[tuple[int, int]] = []
        for first, last in sorted([*self._ranges, *((number, number) for number in numbers)]):
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(joined[-1][1], last)
            else:
                joined.append((first, last))
        return Ranges(joined)

    def text(self) -> str:
        return " ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in self._ranges)


def unpack(ahead: str | None) -> Ranges:
    """The numbers of `TargetRow.ahead`; whatever is no range in it is left out."""
    found = re.findall(r"(\d+)(?:-(\d+))?(?: |$)", ahead or "")
    return Ranges((int(first), int(last or first)) for first, last in found)


def is_there(change: Change, row: TargetRow, ahead: Container[int] | None = None) -> bool:
    """Whether the target should have this file, as far as filling goes. `ahead` saves unpacking the row's."""
    if row.filling is None or change.seq >= row.filling:
        return True
    return change.seq in (unpack(row.ahead) if ahead is None else ahead)


class Transaction(Protocol):
    def resources(self, articles: Iterable[str]) -> tuple[ResourceRow, ...]: ...


def named_by(tx: Transaction, front: bytes) -> set[str]:
    """The paths of what the newest edition names, which is in this file `front` of ours, and of what belongs to it: its
    own, its articles' bundles, parts, pictures, proofs and pages for people, and the newest page of older ones. Older
    such pages and what they name come with the filling."""
    from mirror.archive.plan import object_path, proof_path, read_document
    from mirror.archive.withdrawal import page_of
    from signing.front import parse
    from signing.packing import digest_of

    stored = parse(front).edition
    document: dict[str, Any] = read_document(stored)
    paths = {object_path(digest_of(stored)), proof_path(digest_of(stored))}
    articles = [item for outlet in document["outlets"] for item in outlet["articles"]]
    paths.update(object_path(outlet["older"]["digest"]) for outlet in document["outlets"] if "older" in outlet)
    for item in articles:
        paths |= {object_path(item["digest"]), proof_path(item["digest"]), page_of(item["url"])}
        if "thumbnail" in item:
            paths.add(object_path(item["thumbnail"]))
    paths.update(object_path(row.digest) for row in tx.resources([item["digest"] for item in articles]))
    return paths
