"""What the handbook's pages say is to be typed into Apache and nginx works there as it stands."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.targets import open_target
from tests.needs import ROOT, missing, program
from tests.servers import free_port, listening, running, wait_for
from tests.servers.apache import MODULES
from tests.servers.nginx_dav import MODULE
from tests.targets.suite import PLAIN

PAGES = ROOT / "docs/mirrors"
APACHE = "mpm_event authn_core authn_file authz_core authz_user auth_basic dav dav_fs headers alias dir env setenvif"


def snippet(page: str, word: str) -> str:
    """The block of this page, not one of commands, that has this word."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", (PAGES / page).read_text(), re.DOTALL | re.MULTILINE)
    return next(block for language, block in blocks if not language and word in block)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="page-", ignore_cleanup_errors=True) as place:
        path = Path(place)
        path.chmod(0o755)
        hashed = base64.b64encode(hashlib.sha1(b"testtest").digest()).decode()  # noqa: S324 - what htpasswd -s writes
        (path / "passwd").write_text(f"publisher:{{SHA}}{hashed}\n")
        for name in ("mirror", "mirror-tmp"):
            (path / name).mkdir()
            (path / name).chmod(0o777)
        yield path


def at_home(text: str, path: Path) -> str:
    """The snippet with this test's folders in place of the machine's, in the clear: a test has no such certificate."""
    text = re.sub(r"^ *(?:listen|ssl_\w+|SSL\w+) .*\n", "", text, flags=re.MULTILINE)
    for said, meant in (
        ("/srv/tamizdat-mirror", "mirror"),
        ("/etc/nginx/mirror.passwd", "passwd"),
        ("/etc/apache2/mirror.passwd", "passwd"),
        ("/var/lib/apache2/dav/lock", "mirror-tmp/dav.lock"),
    ):
        text = text.replace(said, str(path / meant))
    assert "/srv/" not in text
    assert "/etc/" not in text
    return text


def works(kind: str, port: int, path: Path) -> None:
    url = f"{kind}+http://publisher@127.0.0.1:{port}/"
    target = open_target("page", url, {"password": "env:PASSWORD"}, {"env:PASSWORD": "testtest"}.__getitem__)
    assert [check for check in target.probe() if not check.ok] == []
    target.put("o/ab/cd", b"1" * 9000, PLAIN)
    assert (path / "mirror/o/ab/cd").read_bytes() == b"1" * 9000
    assert target.caps.atomic
    target.close()


@pytest.mark.parametrize(
    ("page", "word", "kind"), [("webdav.md", "dav_ext_methods", "webdav"), ("put.md", "create_full_put_path", "put")]
)
def test_the_lines_for_nginx(page: str, word: str, kind: str) -> None:
    binary = program("nginx")
    if not MODULE.exists():
        missing("libnginx-mod-http-dav-ext")
    with folder() as path:
        port = free_port()
        others = "".join(
            f"{each}_temp_path {path}/mirror-tmp/{each};" for each in ("proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user nobody nogroup;" if os.geteuid() == 0 else ""
        conf, log = path / "nginx.conf", path / "error.log"
        lines = at_home(snippet(page, word), path).replace("server {", f"server {{ listen 127.0.0.1:{port};", 1)
        conf.write_text(
            f"{user}load_module {MODULE};daemon off;pid {path}/pid;error_log {log};events{{}}\n"
            f"http{{access_log off;{others}\n{lines}}}\n"
        )
        with running([binary, "-c", str(conf), "-e", str(log)], log=path / "log"):
            wait_for(lambda: listening(port), seconds=20, what="nginx", log=log)
            works(kind, port, path)


def test_the_lines_for_apache() -> None:
    binary = program("apache2", "httpd")
    if not (MODULES / "mod_dav_fs.so").exists():
        missing("apache2-bin (mod_dav_fs)")
    with folder() as path:
        port = free_port()
        modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in APACHE.split())
        user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
        conf, log = path / "apache.conf", path / "error.log"
        conf.write_text(
            f"ServerRoot {path}\nPidFile {path}/pid\nErrorLog {log}\nServerName localhost\n{user}\n{modules}\n"
            f"Listen 127.0.0.1:{port}\nDefaultRuntimeDir {path}/mirror-tmp\n"
            + at_home(snippet("webdav.md", "DavLockDB"), path).replace("*:443", f"127.0.0.1:{port}")
        )
        with running([binary, "-f", str(conf), "-D", "FOREGROUND"], log=path / "log"):
            wait_for(lambda: listening(port), seconds=20, what="apache", log=log)
            works("webdav", port, path)
