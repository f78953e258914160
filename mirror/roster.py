"""The mirrors in `tamizdat status`: how many are well, those that need somebody first, and of each what is known.

    mirrors: 200, named to readers: 195 · 168 ok · 2 slow · 20 dead · 5 tampered · 5 stale
    ! bucket     tampered since 5 h · edition 40, 2 behind · last good 6 h ago · not named to readers: tampered since …
                 o/3f/… is not what was pushed; what came is in evidence/mirrors/bucket/…
      folder     ok since 3 days · edition 42 · 0 files to send

What a mirror is called is what looks agree on; while that is not yet so, the last look is named with a question mark:
`dead? (1 look; ok before)`. Nothing is contacted for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mirror.audit import GOOD
from mirror.interval import due
from mirror.output import count, one_line
from mirror.words import span

if TYPE_CHECKING:
    from mirror.archive.state import TargetRow, Tx
    from mirror.config import Config, TargetConfig

SHORT: Final = 20  # with no more mirrors than these, every one has its line
# The worst first.
_ORDER: Final = (
    "forked", "tampered", "ahead", "blocked", "dead", "stale", "incomplete", "push", "slow", "filling", "ok", "new",
    "paused",
)  # fmt: skip


def gather(config: Config, tx: Tx, now: datetime) -> list[dict[str, Any]]:
    """All that is known of every target, those that need somebody first, else in the configuration's order."""
    head, serial = tx.head_seq(), tx.head().serial
    sums: dict[tuple[int, int, int], tuple[int, int]] = {}
    made = []
    for target in config.targets.values():
        row = tx.target(target.name)
        key = (row.cursor, row.immutable_cursor, row.filling or 0)
        if key not in sums:
            sums[key] = tx.backlog_of(*key)
        one = _one(target, row, now, head=head, serial=serial, backlog=sums[key], damaged=_damaged(tx, row))
        then = due(tx, target, row, now) if one["backlog"] else None
        made.append({**one, "not_due": f"{then:%Y-%m-%dT%H:%M:%SZ}" if then else None})
    made.sort(key=lambda one: _ORDER.index(one["class"]))
    return made


def _damaged(tx: Tx, row: TargetRow) -> dict[str, int]:
    return dict(Counter(one.problem for one in tx.damaged(row.name)))


def _one(
    target: TargetConfig,
    row: TargetRow,
    now: datetime,
    *,
    head: int,
    serial: int,
    backlog: tuple[int, int],
    damaged: dict[str, int],
) -> dict[str, Any]:
    lag = None if row.served_serial is None else max(0, serial - row.served_serial)
    named = target.public is not None and not target.paused and row.listed is not False
    return {
        "name": target.name,
        "url": target.url,
        "public": target.public,
        "paused": target.paused,
        "class": _class(target, row),
        "state": row.state,
        "state_since": row.state_since,
        "audit": row.audit_result,
        "audited": row.last_audit,
        "detail": row.audit_detail,
        "looks_ok": row.looks_ok,
        "looks_bad": row.looks_bad,
        "last_good": row.last_good,
        "serial": row.served_serial,
        "lag_serial": lag,
        "lag_seconds": row.lag_seconds if lag else 0 if lag == 0 else None,
        "listed": named,
        "listed_rule": target.listed,
        "listed_since": row.listed_since,
        "listed_why": row.listed_why,
        "backlog": head - row.cursor,
        "backlog_files": backlog[0],
        "backlog_bytes": backlog[1],
        "filling": row.filling is not None,
        "last_ok": row.last_ok,
        "ok_age": ago(row.last_ok, now),
        "error": row.last_error,
        "failures": row.failures,
        "next_try": row.next_try,
        "deadline_missed": row.deadline_missed,
        "damaged": damaged,
        "repaired": row.repaired,
        "repaired_at": row.repaired_at,
        "relapses": row.relapses,
        "evidence": row.evidence,
        "sweep": {"began": row.sweep_began, "files": row.sweep_files, "done": row.sweep_done},
    }


def _class(target: TargetConfig, row: TargetRow) -> str:
    """What to count it as: by its last look, which knows more than the push; and a push that fails is trouble too."""
    if target.paused:
        return "paused"
    if row.audit_result not in (None, *GOOD):
        return str(row.audit_result)
    if row.last_error is not None:
        return "push"
    return row.audit_result or "new"


def needs_somebody(one: Mapping[str, Any]) -> bool:
    """Whether an operator should look at it."""
    return one["class"] not in (*GOOD, "new", "paused")


def lines(targets: list[dict[str, Any]], now: datetime, *, everything: bool = False) -> list[str]:
    """The mirrors for people."""
    if not targets:
        return []
    classes = Counter("push fails" if one["class"] == "push" else one["class"] for one in targets)
    named = sum(one["listed"] for one in targets)
    said = [
        f"mirrors: {len(targets)}, named to readers: {named} · "
        + " · ".join(f"{number} {name}" for name, number in sorted(classes.items(), key=lambda pair: _rank(pair[0])))
    ]
    fine = [one for one in targets if not needs_somebody(one)]
    for one in targets:
        if needs_somebody(one):
            said.append(f"! {line(one, now)}")
            told = dict.fromkeys(text for text in (one["detail"], one["error"]) if text)
            said += [" " * 21 + one_line(text) for text in told]
    if everything or len(targets) <= SHORT:
        said += [f"  {line(one, now)}" for one in fine]
    elif fine:
        said.append(f"  {count(len(fine), 'mirror')} more: fine (tamizdat status --all)")
    return said


def _rank(name: str) -> int:
    return _ORDER.index("push" if name == "push fails" else name)


def line(one: Mapping[str, Any], now: datetime) -> str:
    """One mirror in one line."""
    parts = [_state(one, now)]
    if one["serial"] is not None:
        behind = f", {one['lag_serial']} behind" if one["lag_serial"] else ""
        late = f" ({span(one['lag_seconds'])})" if one["lag_serial"] and one["lag_seconds"] else ""
        parts.append(f"edition {one['serial']}{behind}{late}")
    if needs_somebody(one):
        parts.append(f"last good {ago(one['last_good'], now) or 'never'}")
    if one["backlog_files"]:
        what = "to be filled in" if one["filling"] else "to send"
        parts.append(f"{count(one['backlog_files'], 'file')} {what}, {_size(one['backlog_bytes'])}")
    if one["not_due"] and not one["paused"]:
        parts.append(f"not due before {one['not_due'][11:16]} UTC")
    if one["damaged"]:
        parts.append(", ".join(f"{number} {problem}" for problem, number in sorted(one["damaged"].items())))
    if one["repaired"]:
        parts.append(f"{one['repaired']} sent again, last {ago(one['repaired_at'], now)}")
    parts.append(f"last push {one['ok_age'] or 'never'}")
    if one["public"] and not one["paused"] and not one["listed"]:
        parts.append(f"not named to readers: {one['listed_why'] or 'by rule'}")
    elif one["listed_rule"] != "auto" and one["public"]:
        parts.append(f'listed = "{one["listed_rule"]}"')
    return f"{one['name']:18} " + one_line(" · ".join(parts))


def _state(one: Mapping[str, Any], now: datetime) -> str:
    if one["paused"]:
        return "paused"
    if one["audit"] is None:
        return "push fails" if one["error"] else "not looked at yet"
    if one["audit"] != one["state"] and one["state"] in GOOD and one["audit"] not in GOOD:
        return f"{one['audit']}? ({count(one['looks_bad'] or 1, 'look')}; {one['state']} before)"
    since = ago(one["state_since"], now)
    shown = f"{one['audit']} since {since.removesuffix(' ago')}" if since else str(one["audit"])
    return f"{shown}, but the push fails" if one["class"] == "push" else shown


def ago(time: str | None, now: datetime) -> str | None:
    """How long ago that was, in words."""
    if time is None:
        return None
    return f"{span(max(0, int((now - datetime.fromisoformat(time)).total_seconds())))} ago"


def _size(size: int) -> str:
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 1000)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size} bytes"
