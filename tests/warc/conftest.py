"""The publication that these stories are told with."""

from tests.revisions.newsroom import newsroom, opened

__all__ = ["newsroom", "opened"]
