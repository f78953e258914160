"""WsgiDAV on loopback: a WebDAV server that writes in place, so that half a file can be seen. Wheels: wsgidav, cheroot.

Not rclone's: `rclone serve webdav` (1.75) never answers a MOVE onto a file that exists.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.needs import missing
from tests.servers import free_port, listening, running, wait_for
from tests.servers.apache import DavServer


@contextlib.contextmanager
def wsgidav() -> Iterator[DavServer]:
    if not all(importlib.util.find_spec(name) for name in ("wsgidav", "cheroot")):
        missing("wsgidav and cheroot")
    with tempfile.TemporaryDirectory(prefix="wsgidav-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        (folder / "www").mkdir()
        server = DavServer(name="wsgidav", port=free_port(), folder=folder / "www")
        settings = {
            "host": "127.0.0.1",
            "port": server.port,
            "provider_mapping": {"/": str(server.folder)},
            "simple_dc": {"user_mapping": {"*": {server.user: {"password": server.password}}}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "server_args": {"numthreads": 16},
            "verbose": 1,
        }
        conf, log = folder / "wsgidav.json", folder / "log"
        conf.write_text(json.dumps(settings))
        command = [sys.executable, "-W", "ignore", "-m", "wsgidav.server.server_cli", "--config", str(conf)]
        with running(command, log=log):
            wait_for(lambda: listening(server.port), seconds=30, what="wsgidav", log=log)
            yield server
