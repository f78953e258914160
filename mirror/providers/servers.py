"""Web servers one runs oneself, told by their `Server` header, and the caches in front of them."""

from __future__ import annotations

from typing import Final

from mirror.providers import Provider

PROVIDERS: Final[tuple[Provider, ...]] = ()
