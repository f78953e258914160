"""Hosts of static pages that are fed by git: what is known of each."""

from __future__ import annotations

from typing import Final

from mirror.providers import Provider

PROVIDERS: Final[tuple[Provider, ...]] = ()
