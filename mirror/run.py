"""The whole flow, in order: catch up → fetch → snapshot → article → bundle → log → seal → cosign → publish → audit.

`run` is what cron calls. It may be called at any time, twice at once and after any crash: one lock, everything durable
before anything points at it, and each step starts from what the one before left on disk. It may also be called on an
old copy: before anything is fetched or signed, mirrors and witnesses are asked for something newer (`mirror.catchup`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mirror.collect import OutletReport, fetch_all
from mirror.errors import PartlyDone, TamizdatError, TwoHistories, UsageError
from mirror.output import Output
from mirror.publication import Publication
from mirror.publishing import TargetReport

if TYPE_CHECKING:
    from mirror.archive import Archive, Sealed
    from mirror.catchup import CaughtUp
    from mirror.config import OutletConfig, TargetConfig

BACKFILLING = 60.0  # seconds for which a run waits while an outlet's past is being taken


@dataclass(slots=True, kw_only=True)
class RunReport:
    outlets: list[OutletReport] = field(default_factory=list)
    sealed: list[Sealed] = field(default_factory=list)
    targets: list[TargetReport] = field(default_factory=list)
    caught_up: CaughtUp | None = None
    uncosigned: bool = False
    """A seal waits for witnesses, and is held back."""
    problem: str | None = None
    """What kept sealing or publishing from being tried at all."""

    @property
    def status(self) -> int:
        if any(target.forked for target in self.targets):
            return TwoHistories.status
        parts: list[OutletReport | TargetReport] = [*self.outlets, *self.targets]
        whole = all(part.ok for part in parts) and not self.uncosigned and self.problem is None
        return 0 if whole else PartlyDone.status

    def as_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "changed": bool(self.sealed or self.caught_up),
            "caught_up": self.caught_up and self.caught_up.as_json(),
            "uncosigned": self.uncosigned,
            "outlets": [outlet.as_json() for outlet in self.outlets],
            "sealed": [{"size": one.size, "serial": one.serial, "articles": one.articles} for one in self.sealed],
            "targets": [target.as_json() for target in self.targets],
        }


async def run(
    publication: Publication, out: Output, *, outlets: Iterable[str] = (), publish: bool = True, dry_run: bool = False,
    wait: float = 0.0,
) -> RunReport:  # fmt: skip
    """One pass over everything; returns what happened. Raises `Busy` when another run holds the lock."""
    now = datetime.now(UTC)
    report = RunReport()
    chosen = choose_outlets(publication, outlets)
    archive = publication.archive()
    with archive.state.reading() as tx:
        if any(row.ended is None for row in tx.backfills()):
            wait = max(wait, BACKFILLING)  # it lets go of the lock every half minute
    # A dry run signs nothing.
    with archive.locked(now, wait=wait) if dry_run else newest(publication, archive, out, wait=wait, report=report):
        report.outlets = await fetch_all(publication, archive, chosen, out, dry_run=dry_run, insist=bool(outlets))
        if dry_run:
            return report
        report.sealed = seal(publication, archive, out)
        report.uncosigned = archive.uncosigned() is not None
        if publish:
            report.targets = publish_all(publication, archive, out)
            watch_all(publication, archive, out, report.targets)
            _look_where_they_are(publication, now)
    return report


def _look_where_they_are(publication: Publication, now: datetime) -> None:
    """Once a day: which networks the mirrors are in, for `status` and the next edition."""
    from mirror import diversity

    targets = [one for one in publication.config.targets.values() if not one.paused]
    with contextlib.suppress(OSError):  # a full disk was said before, and tomorrow is another day
        diversity.current(publication.folder / "state", targets, now=now)


@contextlib.contextmanager
def newest(
    publication: Publication,
    archive: Archive,
    out: Output,
    *,
    wait: float = 0.0,
    report: RunReport | None = None,
    now: datetime | None = None,
    own_keys: bool = True,
) -> Iterator[Archive]:
    """The archive, locked, and as new as anything that mirrors and witnesses have seen of it; a change of keys that was
    interrupted is finished. What is done inside may sign: `own_keys` makes sure that the keys here are those in force.
    Raises `Busy`, and what `mirror.catchup.catch_up` does."""
    from mirror.catchup import catch_up, check_keys
    from mirror.changes import settle
    from mirror.mend import mend

    now = now or datetime.now(UTC)
    with archive.locked(wait=wait, mend=lambda problem: mend(publication, archive, out, problem)):
        settle(publication, archive)
        caught_up = catch_up(publication, archive, out, now)
        if caught_up is not None:
            out.note(caught_up.line())
            if report is not None:
                report.caught_up = caught_up
        if own_keys:
            check_keys(publication, archive, out, now)
        yield archive


def choose_outlets(publication: Publication, ids: Iterable[str]) -> list[OutletConfig]:
    """The outlets to ask: those named, else all that aren't paused. Raises `UsageError` for an unknown name."""
    known = publication.config.outlets
    wanted = list(ids)
    for name in wanted:
        if name not in known:
            raise UsageError(f"there is no outlet {name!r}", hint=f"known: {', '.join(known) or 'none yet'}")
    return [known[name] for name in wanted] if wanted else [one for one in known.values() if not one.paused]


# --- log → seal -----------------------------------------------------------------------------------------------------


def seal(
    publication: Publication, archive: Archive, out: Output, *, force: bool = False, now: datetime | None = None
) -> list[Sealed]:
    """Append what waits to the log and sign a new edition; nothing when nothing is due. Freshens the trust metadata."""
    from mirror.cosign import cosign_head, policy_of
    from mirror.diversity import described
    from mirror.listing import refresh
    from mirror.reader.issue import listed as has_reader
    from mirror.reader.issue import show as show_reader
    from mirror.render import Pages

    now = now or datetime.now(UTC)
    keys = publication.keys()
    config = publication.config
    sign_reader(publication, archive, out, now)
    policy = policy_of(archive)
    mirrors = described(refresh(archive, config, now, out), publication.folder / "state")
    done: list[Sealed] = []
    with out.bar("seal", unit="article") as bar:
        while cosign_head(archive, policy, out, now):
            sealed = archive.seal(
                keys=keys,
                publication=config.publication,
                outlets=tuple(config.outlets.values()),
                mirrors=mirrors,
                witnesses=policy.keys if policy else (),
                due_seconds=config.edition.due,
                now=now,
                render=Pages(
                    config.publication.name,
                    [mirror.url for mirror in mirrors],
                    reader=has_reader(publication) is not None,
                ),
                force=force and not done,
            )
            if sealed is None:
                break
            done.append(sealed)
            bar.update(sealed.articles)
            for problem in sealed.problems:
                out.note(problem)
    archive.refresh_trust(keys, now)
    show_reader(publication, archive)
    return done


def sign_reader(publication: Publication, archive: Archive, out: Output, now: datetime) -> None:
    """Where root keys lie beside the others: reader.html of this tool and with today's mirrors. What keeps it from
    being signed costs readers a newer one, not the seal."""
    from mirror.changes import keep_reader

    try:
        why = keep_reader(publication, archive, now)
        if why is not None:
            out.note(f"reader.html was made and signed anew with the root key that is here: {why}")
    except TamizdatError as error:
        out.note(f"reader.html stays as it was signed last: {error}")


# --- publish → audit ------------------------------------------------------------------------------------------------


def publish_all(
    publication: Publication,
    archive: Archive,
    out: Output,
    names: Iterable[str] = (),
    *,
    now: datetime | None = None,
) -> list[TargetReport]:
    """Push to every target that isn't paused, or to those named, and read each back as a reader would."""
    from mirror.publishing import publish_to

    names = list(names)
    targets = choose_targets(publication, names)
    return publish_to(publication, archive, targets, out, now=now, insist=bool(names)) if targets else []


def watch_all(publication: Publication, archive: Archive, out: Output, reports: list[TargetReport]) -> None:
    """A look at every mirror that was not looked at after its push; what is found goes into the reports, once it is
    more than a single lost look."""
    from mirror.audit import GOOD
    from mirror.watching import watch

    known = {one.name: one for one in reports}
    found = watch(
        publication,
        archive,
        out,
        audited={name: one.audited for name, one in known.items() if one.audited is not None},
        failed={name: one.problem for name, one in known.items() if one.problem is not None},
    )
    for one in found:
        report = known.get(one.target)
        if report is not None and (report.audited is not None or one.ok or one.settled not in GOOD):
            report.audited = one


def choose_targets(publication: Publication, names: Iterable[str]) -> list[TargetConfig]:
    """The targets to use: those named, else all that aren't paused. Raises `UsageError` for an unknown name."""
    known = publication.config.targets
    wanted = list(names)
    for name in wanted:
        if name not in known:
            raise UsageError(f"there is no target {name!r}", hint=f"known: {', '.join(known) or 'none yet'}")
    return [known[name] for name in wanted] if wanted else [one for one in known.values() if not one.paused]
