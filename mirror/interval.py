"""Hosts that build a site at each push: `[target.NAME] min_interval` is how long a new edition waits for the next one.

A push that comes earlier is not due yet: that is no failure, nobody is called stale for it, and the next run that comes
late enough brings everything. What must not wait goes at once: a withdrawn article, a new root or other keys, and what
mends the mirror. So does everything to a place that has nothing yet.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirror.archive.rows import TargetRow
    from mirror.archive.state import Tx
    from mirror.config import TargetConfig


def due(tx: Tx, config: TargetConfig, row: TargetRow, now: datetime) -> datetime | None:
    """When the next push is due by the target's `min_interval`; None when it is now."""
    if config.min_interval is None or row.last_ok is None or not row.cursor:
        return None
    then = datetime.fromisoformat(row.last_ok) + timedelta(seconds=config.min_interval)
    # Further off than it can be: this machine's clock was wrong then, or is now.
    if not now < then <= now + timedelta(seconds=config.min_interval):
        return None
    mended = row.repaired_at is not None and row.repaired_at > row.last_ok
    return None if mended or _is_urgent(tx, row) else then


def _is_urgent(tx: Tx, row: TargetRow) -> bool:
    """Whether something waits for this target that readers must not be without. A bundle is deleted when its article is
    withdrawn, and never else."""
    if any(line.kind == "bundle" for line in tx.changes(row.deletes_cursor, None, op="delete")):
        return True
    trust = tx.changes(row.immutable_cursor, None, mutable=False, op="put")
    return any(line.path.endswith((".root.json", ".trust.json")) for line in trust)
