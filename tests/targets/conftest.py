"""S3 servers live as long as the session: a gateway takes fifteen seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import S3Server
from tests.servers.s3 import NAMES, s3_server


@pytest.fixture(scope="session", params=NAMES)
def server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    """Every S3 server in turn."""
    with s3_server(request.param) as server:
        yield server


@pytest.fixture(scope="session")
def rclone() -> Iterator[S3Server]:
    """The light one that refuses wrong keys, for tests of what happens on the way to a server."""
    with s3_server("rclone") as server:
        yield server
