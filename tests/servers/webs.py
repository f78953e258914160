"""Web servers over a folder, each with a configuration of ours or a wrong one: nginx, Apache, Caddy, lighttpd.

What is given is what an administrator would put into the server's folder of sites; everything around it is the least
that such a server starts with. Debian's packages: nginx-light, apache2-bin, caddy, lighttpd.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.needs import program
from tests.servers import free_port, listening, running, wait_for

KINDS = ("nginx", "apache", "caddy", "lighttpd")
_MODULES = Path("/usr/lib/apache2/modules")
_APACHE = (
    *(
        "mpm_event",
        "authz_core",
        "mime",
        "alias",
        "headers",
        "dir",
        "negotiation",
        "deflate",
        "filter",
        "setenvif",
        "env",
    ),
    *("ssl", "socache_shmcb", "http2", "rewrite", "autoindex"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    url: str
    port: int
    folder: Path  # `www` in it is what is served

    @property
    def root(self) -> Path:
        return self.folder / "www"


def around(kind: str, folder: Path, port: int, site: str) -> tuple[list[str], Path]:
    """The command that starts this server with `site`, and the file that holds its whole configuration."""
    conf = folder / "conf"
    if kind == "nginx":
        site = re.sub(rf"    listen \[::\]:{port}[^\n]*\n", "", site)
        site = re.sub(rf"    listen (?:\*:)?{port}", f"    listen 127.0.0.1:{port}", site)
        temporary = "".join(
            f"  {name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;\n" if os.geteuid() == 0 else ""  # test folders are closed to others
        conf.write_text(
            f"{user}worker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\n"
            f"  access_log {folder}/access.log;\n{temporary}{site}}}\n"
        )
        return [program("nginx"), "-e", f"{folder}/error.log", "-c", str(conf), "-g", "daemon off;"], conf
    if kind == "apache":
        loaded = "".join(
            f"LoadModule {name}_module {_MODULES}/mod_{name}.so\n"
            for name in _APACHE
            if (_MODULES / f"mod_{name}.so").exists()
        )
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        conf.write_text(
            f"ServerRoot {folder}\nPidFile {folder}/pid\nErrorLog {folder}/error.log\nServerName localhost\n"
            f'{user}{loaded}LogFormat "%h %r" all\nCustomLog {folder}/access.log all\nListen 127.0.0.1:{port}\n'
            f"TypesConfig /dev/null\n{site}"
        )
        return [program("apache2"), "-f", str(conf), "-DFOREGROUND"], conf
    if kind == "caddy":
        conf.write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}}\n{site}")
        return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(conf)], conf
    conf.write_text(
        f'server.bind = "127.0.0.1"\nserver.port = {port}\nserver.document-root = "{folder}/www"\n'
        f'server.errorlog = "{folder}/error.log"\nserver.modules += ( "mod_accesslog" )\n'
        f'accesslog.filename = "{folder}/access.log"\nserver.upload-dirs = ( "{folder}" )\n{site}'
    )
    return [program("lighttpd"), "-D", "-f", str(conf)], conf


def accepts(kind: str, folder: Path, port: int, site: str) -> str:
    """What the server says about this configuration without being started; empty when it takes it."""
    command, conf = around(kind, folder, port, site)
    check = {
        "nginx": [command[0], "-e", f"{folder}/error.log", "-t", "-c", str(conf)],
        "apache": [command[0], "-t", "-f", str(conf)],
        "caddy": [command[0], "validate", "--adapter", "caddyfile", "--config", str(conf)],
        "lighttpd": [command[0], "-tt", "-f", str(conf)],
    }[kind]
    env = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    done = subprocess.run(check, capture_output=True, text=True, check=False, env=env, timeout=30)
    return done.stdout + done.stderr if done.returncode else ""


@contextlib.contextmanager
def web(kind: str, site: str, *, port: int | None = None) -> Iterator[Web]:
    """A started server. In `site`, @ROOT@, @PORT@ and @FOLDER@ are replaced."""
    port = port or free_port()
    # Open to others: Apache's children are somebody else, and pytest's folders let nobody in.
    with tempfile.TemporaryDirectory(prefix=f"{kind}-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "www").mkdir()
        (folder / "www").chmod(0o755)
        for word, meant in (("ROOT", f"{folder}/www"), ("PORT", str(port)), ("FOLDER", str(folder))):
            site = site.replace(f"@{word}@", meant)
        command, _ = around(kind, folder, port, site)
        env = {"HOME": name, "XDG_DATA_HOME": name, "XDG_CONFIG_HOME": name}
        with running(command, log=folder / "log", env=env):
            wait_for(lambda: listening(port), seconds=20, what=kind, log=folder / "log")
            yield Web(url=f"http://127.0.0.1:{port}", port=port, folder=folder)
