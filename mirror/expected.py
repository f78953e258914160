"""What a target should have, by the journal and by how far the pushes to it are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mirror.filling import is_there, unpack

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.archive.state import Change
    from mirror.config import TargetConfig


class Expected:
    """Of one target, as of now. `row` is what is known of it."""

    def __init__(self, archive: Archive, config: TargetConfig) -> None:
        from mirror.publish import known_there

        self._archive, self._config = archive, config
        with archive.state.reading() as tx:
            self.row = known_there(tx.target(config.name), config)
        self._ahead = unpack(self.row.ahead)

    def line(self, path: str) -> Change | None:
        """The journal's line for this file; None when it offers none."""
        with self._archive.state.reading() as tx:
            return tx.offered([path]).get(path)

    def of(self, paths: Iterable[str]) -> dict[str, Change]:
        """Those of these files that should be there, with what they should be."""
        with self._archive.state.reading() as tx:
            found = tx.offered(paths)
        return {path: change for path, change in found.items() if self.has(change)}

    def has(self, change: Change) -> bool:
        """Whether this line was pushed there and is not on its way."""
        from mirror.publish import is_for

        reached = self.row.cursor if change.mutable else self.row.immutable_cursor
        return is_for(self._config, change) and change.seq <= reached and is_there(change, self.row, self._ahead)
