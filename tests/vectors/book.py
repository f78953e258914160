"""The mirrors and cases that `make.py` writes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.vectors.publication import NOW, Publication


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class Book:
    """`mirrors` by name: what they are, and their files; `cases` by name."""

    mirrors: dict[str, tuple[str, Mapping[str, bytes]]] = field(default_factory=dict)
    pins: dict[str, str] = field(default_factory=dict)
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)

    def mirror(self, name: str, about: str, publication: Publication) -> Publication:
        self.mirrors[name] = (about, dict(publication.files))
        self.pins[name] = publication.pin
        return publication

    def bytes(self, name: str, about: str, what: str, ask: Mapping[str, Any], /, **expect: Any) -> None:
        """A case that needs no mirror. Without `error` it is good."""
        expected = {"ok": "error" not in expect, "error": None, **expect}
        self._add(name, {"about": about, "ask": {"what": what, **ask}, "expect": expected})

    def asked(
        self,
        mirror: str,
        name: str,
        about: str,
        ask: Mapping[str, Any],
        expect: Mapping[str, Any],
        *,
        change: Mapping[str, bytes | None] | None = None,
        checkpoints: Mapping[str, bytes] | None = None,
        trust: Mapping[str, bytes] | None = None,
        now: str = NOW,
        pin: str | None = None,
    ) -> None:
        """A case about a mirror, some of whose files may be changed, and a reader who remembers something."""
        remembers: dict[str, Any] = {}
        if checkpoints is not None:
            remembers["checkpoints"] = {origin: b64(data) for origin, data in checkpoints.items()}
        if trust is not None:
            remembers["trust"] = {path: b64(data) for path, data in trust.items()}
        files = self.mirrors[mirror][1]
        # A change that changes nothing would be a case about something else.
        for path, data in (change or {}).items():
            if files.get(path) == data:
                raise ValueError(f"{name} changes nothing in {path}")
        case = {
            "about": about,
            "ask": dict(ask),
            "expect": dict(expect),
            "mirror": mirror,
            **(
                {"change": {path: None if data is None else b64(data) for path, data in change.items()}}
                if change
                else {}
            ),
            "pin": pin or self.pins[mirror],
            "now": now,
            **({"remembers": remembers} if remembers else {}),
        }
        self._add(name, case)

    def _add(self, name: str, case: dict[str, Any]) -> None:
        if name in self.cases:
            raise ValueError(f"two cases are {name}")
        self.cases[name] = case
