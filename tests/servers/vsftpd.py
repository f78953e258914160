"""vsftpd on loopback: FTP with TLS that wants the session resumed, and knows no MLSD. Debian: `vsftpd`.

It logs system users in, so a test that may not make any lets it run as whoever runs the test, where everybody who comes
is anonymous (any password); what needs a password stands in `tests/servers/ftpd.py`.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.needs import program
from tests.servers import free_port, listening, running, wait_for

CONF = """listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root={folder}/www
ftp_username={user}
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
write_enable=YES
local_enable=NO
run_as_launching_user={launching}
nopriv_user={nobody}
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
one_process_model=NO
allow_writeable_chroot=YES
check_shell=NO
pasv_min_port={low}
pasv_max_port={high}
pasv_address={pasv}
xferlog_enable=NO
log_ftp_protocol=YES
vsftpd_log_file={folder}/log.ftp
secure_chroot_dir={folder}/empty
ssl_enable=YES
allow_anon_ssl=YES
force_anon_data_ssl={force}
force_anon_logins_ssl={force}
implicit_ssl={implicit}
ssl_sslv3=NO
require_ssl_reuse=YES
rsa_cert_file={certificate}
rsa_private_key_file={certificate}
max_per_ip={most}
{more}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FtpServer:
    """A running FTP server; `folder` is what a login sees as its own."""

    name: str
    port: int
    folder: Path
    user: str = ""
    password: str = ""
    log: Path | None = None


@contextlib.contextmanager
def vsftpd(
    certificate: Path,
    *,
    implicit: bool = False,
    most: int = 0,
    force: bool = True,
    pasv: str = "127.0.0.1",
    more: str = "",
) -> Iterator[FtpServer]:
    """vsftpd over a folder that anybody may write to, below `pub`. `most`: connections for one address."""
    binary = program("vsftpd")
    with tempfile.TemporaryDirectory(prefix="vsftpd-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        folder.chmod(0o755)
        for name in ("www", "www/pub", "empty"):
            (folder / name).mkdir()
        (folder / "www/pub").chmod(0o777)
        (folder / "www").chmod(0o555)
        root = os.geteuid() == 0
        low = 30_000 + free_port() % 2_000  # above what `free_port` gives, below what the system does
        server = FtpServer(name="vsftpd", port=free_port(), folder=folder / "www/pub", log=folder / "log.ftp")
        conf, log = folder / "vsftpd.conf", folder / "log"
        yes = {True: "YES", False: "NO"}
        conf.write_text(
            CONF.format(
                folder=folder,
                port=server.port,
                certificate=certificate,
                user="daemon" if root else getpass.getuser(),
                nobody="nobody",
                launching=yes[not root],
                low=low,
                high=low + 400,
                implicit=yes[implicit],
                force=yes[force],
                most=most,
                pasv=pasv,
                more=more,
            )
        )
        conf.chmod(0o600)
        with running([binary, str(conf)], log=log):
            wait_for(lambda: listening(server.port), seconds=20, what="vsftpd", log=log)
            yield server
