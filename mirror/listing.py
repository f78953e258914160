"""Which mirrors readers are told of: all with a public address, less those that are of no use to them.

`[target.NAME] listed` overrules with "always" and "never". With "auto":

    drop      at once: tampered, forked; or mended `RELAPSES` times and wrong again each time.
              dead, blocked, stale, incomplete: when it has been so for `drop_after`, and several looks in a row said so
    keep      never fewer than `keep_at_least`, for mere deadness: those that were good last stay. And when no mirror at
              all can be read it is this machine's network that is down, and nobody is dropped
    return    after `return_looks` good looks in a row, over at least `return_after`; one that undid every repair comes
              back by hand only (`tamizdat audit --repair NAME`)

Looks are `mirror.watching`'s. The decision is made when an edition could be signed, and stands in the target's row; a
list that changed is reason enough for a new edition. So that mirrors that come and go don't make one at every run, the
list changes once in `AT_MOST_EVERY`; only liars go at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from mirror.archive.rows import TargetRow
from mirror.watching import FLAKY, RELAPSES, stamp

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.config import Config, MirrorInfo, TargetConfig
    from mirror.output import Output

LIES: Final = frozenset({"tampered", "forked"})
USELESS: Final = frozenset({"dead", "blocked", "stale", "incomplete"})
AT_MOST_EVERY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a mirror is named, and why. `urgent`: readers must not wait for that."""

    name: str
    listed: bool
    why: str
    urgent: bool = False


def listed(config: Config, rows: Iterable[TargetRow], now: datetime) -> tuple[MirrorInfo, ...]:
    """The mirrors that readers are told of, in the configuration's order; writes nothing."""
    known = {row.name: row for row in rows}
    named = {one.name for one in decide(config, known, now) if one.listed}
    by_url = {target.public: target.name for target in config.targets.values() if not target.paused}
    return tuple(mirror for mirror in config.mirrors if by_url[mirror.url] in named)


def refresh(archive: Archive, config: Config, now: datetime, out: Output | None = None) -> tuple[MirrorInfo, ...]:
    """The same, with what was decided written down, and said where it changed."""
    with archive.state.writing() as tx:
        known = {row.name: row for row in tx.targets()}
        for one in decide(config, known, now):
            row = known.get(one.name) or TargetRow(name=one.name)
            if row.listed is one.listed and row.listed_why == one.why:
                continue
            columns: dict[str, object] = {"listed": one.listed, "listed_why": one.why}
            if row.listed is not one.listed:
                columns["listed_since"] = stamp(now)
            tx.change_target(one.name, **columns)
            if out is not None and row.listed is not None and row.listed is not one.listed:
                verb = "named to readers again" if one.listed else "not named to readers any more"
                out.note(f"mirror {one.name}: {verb}: {one.why}")
        rows = tx.targets()
    return listed(config, rows, now)


def decide(config: Config, rows: Mapping[str, TargetRow], now: datetime) -> list[Decision]:
    """One decision for every target with a public address that isn't paused, in the configuration's order."""
    targets = [one for one in config.targets.values() if one.public and not one.paused]
    rule = config.listing
    made = {one.name: _by_itself(one, _row(rows, one), config, now) for one in targets}
    made = _spare(made, targets, rows, keep=rule.keep_at_least)
    return list(_not_too_often(made, targets, rows, now).values())


def _row(rows: Mapping[str, TargetRow], target: TargetConfig) -> TargetRow:
    return rows.get(target.name) or TargetRow(name=target.name)


def _by_itself(target: TargetConfig, row: TargetRow, config: Config, now: datetime) -> Decision:
    """What this mirror's own looks say."""
    name = target.name
    if target.listed != "auto":
        return Decision(name=name, listed=target.listed == "always", why=f'listed = "{target.listed}"', urgent=True)
    if row.relapses >= RELAPSES:
        return Decision(
            name=name,
            listed=False,
            why=f"it was mended {row.relapses} times and was wrong again each time",
            urgent=row.listed is not False,
        )
    if row.state in LIES:
        return Decision(name=name, listed=False, why=f"{row.state} since {row.state_since}", urgent=True)
    if row.listed is False:
        return _return(name, row, config, now)
    if row.state in USELESS and row.looks_bad >= FLAKY and row.bad_since:
        gone = now - datetime.fromisoformat(row.bad_since)
        if gone >= timedelta(seconds=config.listing.drop_after):
            return Decision(name=name, listed=False, why=f"{row.state} since {row.bad_since}")
    return Decision(name=name, listed=True, why="good" if row.last_good else "new")


def _return(name: str, row: TargetRow, config: Config, now: datetime) -> Decision:
    rule = config.listing
    if row.looks_ok == 0 or row.good_since is None:
        return Decision(name=name, listed=False, why=row.listed_why or f"{row.state} since {row.state_since}")
    good = now - datetime.fromisoformat(row.good_since)
    if row.looks_ok >= rule.return_looks and good >= timedelta(seconds=rule.return_after):
        return Decision(name=name, listed=True, why=f"good again since {row.good_since}")
    back = datetime.fromisoformat(row.good_since) + timedelta(seconds=rule.return_after)
    return Decision(name=name, listed=False, why=f"good again since {row.good_since}; it comes back {stamp(back)}")


def _spare(
    made: dict[str, Decision], targets: list[TargetConfig], rows: Mapping[str, TargetRow], *, keep: int
) -> dict[str, Decision]:
    """Nobody is dropped for mere deadness when nobody answers, nor so that fewer than `keep` are left."""
    dropped = [
        one
        for one in targets
        if not made[one.name].listed and not made[one.name].urgent and _row(rows, one).state in USELESS
        if _row(rows, one).listed is not False
    ]
    auto = [one for one in targets if one.listed == "auto"]
    if len(auto) > 1 and all(_row(rows, one).audit_result in ("dead", "blocked") for one in auto):
        spared = dropped
        why = "no mirror can be read from here, so it may be this machine's network"
    else:
        left = sum(one.listed for one in made.values())
        dropped.sort(key=lambda one: _row(rows, one).last_good or "", reverse=True)
        spared = dropped[: max(0, keep - left)]
        why = f"one of the last {keep}"
    for one in spared:
        made[one.name] = Decision(name=one.name, listed=True, why=f"{made[one.name].why}, but {why}")
    return made


def _not_too_often(
    made: dict[str, Decision], targets: list[TargetConfig], rows: Mapping[str, TargetRow], now: datetime
) -> dict[str, Decision]:
    """What isn't urgent waits until the list has been the same for a while."""
    changes = [row.listed_since for one in targets if (row := _row(rows, one)).listed_since is not None]
    if not changes or now - datetime.fromisoformat(max(changes)) >= AT_MOST_EVERY:
        return made
    for one in targets:
        row, decision = _row(rows, one), made[one.name]
        if row.listed is not None and row.listed is not decision.listed and not decision.urgent:
            made[one.name] = Decision(
                name=one.name, listed=row.listed, why=f"{decision.why}; the list changes once an hour"
            )
    return made
