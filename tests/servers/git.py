"""Git repositories that a mirror is pushed to: as folders, over OpenSSH, and over smart HTTP with a token.

`git http-backend` (gitprotocol-http) behind a small server that asks for a token, as the hosts do. Rules of hosts are
hooks in the bare repository, which say what those hosts say.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.needs import missing, program

CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C", "HOME": "/nonexistent"}


@dataclass(frozen=True, slots=True)
class Repository:
    """A bare repository, looked into with git itself."""

    path: Path

    def git(self, *args: str, data: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        command = [program("git"), f"--git-dir={self.path}", *args]
        given = {**os.environ, **CLEAN, **(env or {})}
        done = subprocess.run(command, input=data, capture_output=True, check=False, env=given, timeout=60)
        if done.returncode:
            raise AssertionError(f"git {args[0]}: {done.stderr.decode()}")
        return done.stdout.decode().strip()

    def head(self, branch: str = "main") -> str:
        """The branch's newest commit, empty when there is no such branch."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def commits(self, branch: str = "main") -> list[str]:
        return self.git("rev-list", branch).split()

    def files(self, branch: str = "main") -> list[str]:
        return [name for name in self.git("ls-tree", "-r", "-z", "--name-only", branch).split("\0") if name]

    def text(self, name: str, branch: str = "main") -> str:
        return self.git("cat-file", "blob", f"{branch}:{name}")

    def size(self) -> int:
        """Bytes of all objects."""
        return sum(file.stat().st_size for file in (self.path / "objects").rglob("*") if file.is_file())

    def commit(
        self, branch: str = "main", *, name: str = "foreign.txt", text: str = "x", onto: str | None = None
    ) -> str:
        """Somebody else's commit on top of `onto` (default: the branch), which the branch is set to."""
        parent = self.head(branch) if onto is None else onto
        who = {f"GIT_{role}_{part}": text for role in ("AUTHOR", "COMMITTER") for part, text in WHO.items()}
        blob = self.git("hash-object", "-w", "--stdin", data=text.encode())
        kept = self.git("ls-tree", "-z", parent) if parent else ""
        tree = self.git("mktree", "-z", data=f"{kept}100644 blob {blob}\t{name}\0".encode())
        commit = self.git("commit-tree", tree, *(["-p", parent] if parent else []), "-m", "mine", env=who)
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def hook(self, script: str, name: str = "pre-receive") -> None:
        place = self.path / "hooks" / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"#!/bin/sh\n{script}\n")
        place.chmod(0o755)


WHO = {"NAME": "Mallory", "EMAIL": "mallory@example.org", "DATE": "1700000000 +0000"}


def bare(path: Path, *, partial: bool = True) -> Repository:
    """A new repository. `partial`: it leaves contents out when asked, as the hosts do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [program("git"), "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(path)]
    subprocess.run(command, check=True, env={**os.environ, **CLEAN}, timeout=60)
    made = Repository(path)
    made.git("config", "uploadpack.allowFilter", "true" if partial else "false")
    made.git("config", "http.receivepack", "true")
    return made


# --- smart HTTP ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class GitWeb:
    """`answer` may take a request's place: given its path, it returns a status and a text, or None."""

    root: Path
    url: str = ""
    token: str = "good-token"
    requests: list[str] = field(default_factory=list)
    answer: Callable[[str], tuple[int, str] | None] = lambda path: None
    location: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: GitWeb
    backend: str

    def _any(self) -> None:
        self.web.requests.append(f"{self.command} {self.path}")
        body = self._body()
        given = self.headers.get("Authorization", "")
        wanted = base64.b64encode(f"git:{self.web.token}".encode()).decode()
        told = self.web.answer(self.path)
        if told is not None:
            self._say(*told)
        elif given != f"Basic {wanted}":
            self._say(401, "who are you?")
        else:
            self._backend(body)

    do_GET = do_POST = _any

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _say(self, status: int, text: str) -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        if 300 <= status < 400:
            self.send_header("Location", self.web.location + self.path)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        env = {
            **os.environ,
            **CLEAN,
            "GIT_PROJECT_ROOT": str(self.web.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "git",
            "REMOTE_ADDR": "127.0.0.1",
        }
        if self.headers.get("Content-Encoding"):
            env["HTTP_CONTENT_ENCODING"] = self.headers["Content-Encoding"]
        done = subprocess.run([self.backend], input=body, capture_output=True, env=env, check=False, timeout=60)
        head, _, out = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        self.send_response(int(headers.pop("Status", "200 OK").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    def log_message(self, *_: object) -> None:
        pass


class _Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up is what these tests are about; no traceback on stderr."""


@contextlib.contextmanager
def git_web(root: Path, *, certificate: tuple[Path, Path] | None = None) -> Iterator[GitWeb]:
    """Smart HTTP over the repositories below `root`; with a certificate and its key over TLS."""
    folder = subprocess.run([program("git"), "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    backend = Path(folder) / "git-http-backend"
    if not backend.exists():
        missing("git http-backend")
    web = GitWeb(root=root)
    server = _Quiet(("127.0.0.1", 0), type("Bound", (_Handler,), {"web": web, "backend": str(backend)}))
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    web.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
