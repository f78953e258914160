"""Git repositories: as a folder, over SSH, over HTTP with a token; and who else pushes there."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from mirror.targets import Target, open_target
from tests.servers.git import bare
from tests.targets.suite import TargetSuite, no_secrets

FRESH = itertools.count(1)


class TestGitFolder(TargetSuite, scheme="git"):
    @pytest.fixture
    def again(self, tmp_path: Path) -> Callable[[], Target]:
        bare(tmp_path / "news.git")
        url = f"git+file://{tmp_path}/news.git"
        return lambda: open_target("pages", url, {}, no_secrets, state=tmp_path / "state")
