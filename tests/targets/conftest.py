"""S3 servers live as long as the session: a gateway takes fifteen seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import S3Server
from tests.servers.apache import DavServer, apache
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.nginx_dav import nginx_dav
from tests.servers.s3 import NAMES, s3_server
from tests.servers.wsgidav import wsgidav


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


# Web servers for webdav and put, one of each for all of them.


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def apache_server(certificates: Certificates) -> Iterator[DavServer]:
    with apache(certificates.good, certificates.expired) as server:
        yield server


@pytest.fixture(scope="session")
def nginx_server(certificates: Certificates) -> Iterator[DavServer]:
    with nginx_dav(certificates.good) as server:
        yield server


@pytest.fixture(scope="session")
def wsgidav_server() -> Iterator[DavServer]:
    with wsgidav() as server:
        yield server
