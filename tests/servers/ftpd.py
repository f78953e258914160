"""pyftpdlib on loopback: FTP with TLS, a password and MLSD, which fails when it is told to.

Wheels: pyftpdlib, pyopenssl. A process of its own, started as `python -m tests.servers.ftpd SETTINGS.json`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.needs import ROOT, missing
from tests.servers import free_port, listening, running, wait_for
from tests.servers.vsftpd import FtpServer


@contextlib.contextmanager
def ftpd(certificate: Path, **settings: Any) -> Iterator[FtpServer]:
    """A server over an empty folder, account pub/testtest. Settings: `most` (connections for one address),
    `perm` (pyftpdlib's letters), `replaces` (False: RNTO onto a file is refused, as IIS does), `mlsd` (False: there is
    none), `nat` (an address to name in PASV).

    What stands in the file `fault` beside the folder is done at the next STORs, a line each: a line to answer, or
    `hang`; `lose` (at PASV) ends everything after 100,000 bytes."""
    if not all(importlib.util.find_spec(name) for name in ("pyftpdlib", "OpenSSL")):
        missing("pyftpdlib and pyopenssl")
    with tempfile.TemporaryDirectory(prefix="ftpd-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        (folder / "www").mkdir()
        server = FtpServer(name="pyftpdlib", port=free_port(), folder=folder / "www", user="pub", password="testtest")
        told = {"port": server.port, "folder": str(server.folder), "certificate": str(certificate), **settings}
        conf, log = folder / "settings.json", folder / "log"
        conf.write_text(json.dumps(told))
        command = [sys.executable, "-W", "ignore", "-m", "tests.servers.ftpd", str(conf)]
        with running(command, log=log, env={"PYTHONPATH": str(ROOT)}):
            wait_for(lambda: listening(server.port), seconds=30, what="pyftpdlib", log=log)
            yield server


def main(settings: dict[str, Any]) -> None:
    warnings.simplefilter("ignore")
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import TLS_DTPHandler, TLS_FTPHandler
    from pyftpdlib.servers import FTPServer

    fault = Path(settings["folder"]).parent / "fault"

    class Handler(TLS_FTPHandler):
        certfile = settings["certificate"]
        tls_control_required = True
        tls_data_required = True
        masquerade_address = settings.get("nat")
        use_sendfile = False
        banner = "ready"

        def ftp_STOR(self, file: str, mode: str = "w") -> Any:
            told, _, later = fault.read_text().partition("\n") if fault.exists() else ("", "", "")
            fault.unlink(missing_ok=True)
            if later:
                fault.write_text(later)
            if told == "hang":
                return None
            if told:
                self.respond(told)
                return None
            return super().ftp_STOR(file, mode)

        def ftp_PASV(self, line: str) -> Any:
            # Whoever takes the connection is chosen when it comes, before STOR.
            losing = fault.exists() and fault.read_text() == "lose"
            if losing:
                fault.unlink()
            self.dtp_handler = Losing if losing else TLS_DTPHandler
            return super().ftp_PASV(line)

        def ftp_RNTO(self, path: str) -> Any:
            if not settings.get("replaces", True) and Path(path).exists():
                self.respond("550 Cannot create a file when that file already exists.")
                return None
            return super().ftp_RNTO(path)

    class Losing(TLS_DTPHandler):
        def handle_read_event(self) -> None:
            super().handle_read_event()
            if self.tot_bytes_received > 100_000:
                self.cmd_channel.close()
                self.close()

    if not settings.get("mlsd", True):
        commands = dict(Handler.proto_cmds)
        for name in ("MLSD", "MLST"):
            commands.pop(name)
        Handler.proto_cmds = commands
    Handler.authorizer = DummyAuthorizer()
    Handler.authorizer.add_user("pub", "testtest", settings["folder"], perm=settings.get("perm", "elradfmwMT"))
    Handler.auth_failed_timeout = 0
    server = FTPServer(("127.0.0.1", settings["port"]), Handler)
    server.max_cons_per_ip = settings.get("most", 0)
    server.serve_forever()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
