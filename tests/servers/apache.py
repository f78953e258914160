"""Apache with mod_dav, on loopback: a WebDAV server that writes beside and renames, and refuses a PUT without a folder.

Debian: `apache2-bin` is enough; `apache2` would add a service that takes port 80.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.needs import missing, program
from tests.servers import free_port, listening, running, wait_for

MODULES = Path("/usr/lib/apache2/modules")
_LOADED = (
    *("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "auth_digest"),
    *("dav", "dav_fs", "ssl", "socache_shmcb", "headers", "deflate", "filter", "alias"),
)

CONF = """ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
ServerName localhost
{user}
{modules}
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{secure}
Listen 127.0.0.1:{expired}
DavLockDB {folder}/state/locks
DefaultRuntimeDir {folder}/state
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 15
AcceptPathInfo Off
DocumentRoot {folder}/www
<Directory {folder}/www>
  Dav On
  AllowOverride None
  AuthType Basic
  AuthName test
  AuthUserFile {folder}/basic
  Require valid-user
</Directory>
<Location /digest>
  AuthType Digest
  AuthUserFile {folder}/digest
</Location>
<Location /small>
  LimitRequestBody 100000
</Location>
<Location /readonly>
  <LimitExcept GET HEAD OPTIONS PROPFIND>
    Require all denied
  </LimitExcept>
</Location>
<Location /zipped>
  SetOutputFilter DEFLATE
  RequestHeader set Accept-Encoding gzip
</Location>
<VirtualHost 127.0.0.1:{secure}>
  SSLEngine on
  SSLCertificateFile {certificate}
  SSLCertificateKeyFile {certificate}
</VirtualHost>
<VirtualHost 127.0.0.1:{expired}>
  SSLEngine on
  SSLCertificateFile {old}
  SSLCertificateKeyFile {old}
</VirtualHost>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DavServer:
    """A running web server: its name, loopback ports, folder on disk, and the one account it knows. `folder` has the
    subfolders that the server's own file describes."""

    name: str
    port: int
    folder: Path
    secure: int = 0  # the port with TLS
    expired: int = 0  # the port with TLS and an old certificate
    user: str = "pub"
    password: str = "testtest"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def apache(certificate: Path, old: Path) -> Iterator[DavServer]:
    """Apache over an empty folder. Below it: `digest` (Digest instead of Basic), `small` (bodies of at most 100,000
    bytes), `readonly`, `zipped` (compresses whatever is asked for)."""
    binary = program("apache2", "httpd")
    if not (MODULES / "mod_dav_fs.so").exists():
        missing("apache2-bin (mod_dav_fs)")
    with tempfile.TemporaryDirectory(prefix="apache-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        root = os.geteuid() == 0
        folder.chmod(0o755)
        for name in ("state", "www", "www/digest", "www/small", "www/readonly", "www/zipped"):
            (folder / name).mkdir()
            (folder / name).chmod(0o777)
        hashed = base64.b64encode(hashlib.sha1(b"testtest").digest()).decode()  # noqa: S324 - what htpasswd -s writes
        (folder / "basic").write_text(f"pub:{{SHA}}{hashed}\n")
        digest = hashlib.md5(b"pub:test:testtest").hexdigest()  # noqa: S324 - what htdigest writes
        (folder / "digest").write_text(f"pub:test:{digest}\n")
        server = DavServer(
            name="apache", port=free_port(), secure=free_port(), expired=free_port(), folder=folder / "www"
        )
        conf, log = folder / "apache.conf", folder / "log"
        conf.write_text(
            CONF.format(
                folder=folder,
                port=server.port,
                secure=server.secure,
                expired=server.expired,
                certificate=certificate,
                old=old,
                user="User nobody\nGroup nogroup" if root else "",
                modules="\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in _LOADED),
            )
        )
        with running([binary, "-f", str(conf), "-D", "FOREGROUND"], log=log):
            wait_for(lambda: listening(server.port), seconds=20, what="apache", log=folder / "error.log")
            yield server


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it."""
    pem = certificate.read_text().partition("-----BEGIN PRIVATE KEY-----")[0]
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
