"""Taking an article back, from finding it to its deletion on every mirror that can be reached.

What goes and what stays is in `mirror.archive.withdrawal`. Here: what an operator is shown before, and the steps in
their order: queue it → seal → publish. Deletions that a target could not be told now reach it with the next push, since
they are lines of the journal like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirror.errors import PartlyDone, TwoHistories

if TYPE_CHECKING:
    from mirror.archive import Archive, Found, Sealed
    from mirror.output import Output
    from mirror.publication import Publication
    from mirror.publishing import TargetReport

BEYOND_REACH = (
    "Copies that readers saved, and mirrors that others run and do not obey, can not be called back. "
    "They will show as withdrawn to everyone who sees a newer edition."
)


@dataclass(slots=True, kw_only=True)
class Withdrawn:
    """What became of it. `scrubbed` is False while the text may still be in free pages of the state file; `uncosigned`
    is True when the seal that carries it out waits for witnesses."""

    found: Found
    sealed: Sequence[Sealed] = ()
    targets: list[TargetReport] = field(default_factory=list)
    scrubbed: bool = True
    uncosigned: bool = False

    @property
    def status(self) -> int:
        if any(target.forked for target in self.targets):
            return TwoHistories.status
        whole = self.scrubbed and not self.uncosigned and all(target.ok for target in self.targets)
        return 0 if whole and self.carried_out else PartlyDone.status

    @property
    def carried_out(self) -> bool:
        """Whether it is in the log, or never had to be."""
        logged = sum(1 for row in self.found.revisions if row.idx is not None)
        return not logged or any(one.withdrawn for one in self.sealed)

    def as_json(self) -> dict[str, Any]:
        return {
            **shown(self.found),
            "carried_out": self.carried_out,
            "uncosigned": self.uncosigned,
            "scrubbed": self.scrubbed,
            "sealed": [{"size": one.size, "serial": one.serial} for one in self.sealed],
            "targets": [target.as_json() for target in self.targets],
        }


def shown(found: Found) -> dict[str, Any]:
    """The article as a program is told what goes."""
    kinds = list(found.objects.values())
    return {
        "outlet": found.outlet,
        "url": found.url,
        "title": found.title,
        "page": found.page,
        "revisions": [row.digest for row in found.revisions],
        "objects": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
    }


def withdraw(
    publication: Publication,
    archive: Archive,
    found: Found,
    reason: str | None,
    out: Output,
    *,
    now: datetime,
    publish: bool = True,
) -> Withdrawn:
    """Withdraws the article, seals, and publishes to every target that isn't paused. The archive is locked. Raises
    what sealing raises; what goes wrong with one target is in the report."""
    from mirror.run import publish_all, seal

    done = Withdrawn(found=archive.withdraw(found.revisions[-1].digest, reason, now))
    done.sealed = seal(publication, archive, out, now=now)
    done.scrubbed = not archive.unscrubbed()
    done.uncosigned = archive.uncosigned() is not None
    if publish:
        done.targets = publish_all(publication, archive, out, now=now)
    return done
