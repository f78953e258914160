"""S3 and compatible stores, Google Cloud Storage, Azure: what is known of each."""

from __future__ import annotations

from typing import Final

from mirror.providers import Provider

PROVIDERS: Final[tuple[Provider, ...]] = ()
