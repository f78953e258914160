"""deploy/nginx/mirror.conf: nginx accepts it, and a mirror served with it behaves as readers need."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.targets import meta_for
from tests.needs import ROOT, program
from tests.servers import free_port

CONF = ROOT / "deploy/nginx/mirror.conf"
FILES = {
    "front": b"\x1f\x8bfront",
    "checkpoint": b"example.org/log/2030\n1\n",
    "index.html": "<!doctype html><title>Новости</title>".encode(),
    "feed.xml": b"<feed/>",
    "a/0123456789ab.html": b"<!doctype html>",
    "o/ab/" + "c" * 62: bytes(range(256)) * 80,
    "tile/0/000": b"t" * 8192,
    "tile/entries/000.p/3": b"abc",
    "proof/ab/" + "c" * 62: b"c2sp.org/tlog-proof@v1\n",
    "trust/1.root.json": b"{}",
    "trust/timestamp.json": b"{}",
    ".front.tmp": b"half",
    "o/ab/.tmp": b"half",
}


class Mirror:
    """A started nginx. `get` gives status, headers (lower-case names) and body."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()


def configuration(folder: Path, port: int) -> Path:
    """The shipped file inside a minimal http block, with its address and folder changed and nothing else."""
    text = CONF.read_text("utf-8")
    for said, meant in (
        ("    listen 80 default_server;\n", f"    listen 127.0.0.1:{port} default_server;\n"),
        ("    listen [::]:80 default_server;\n", ""),
        ("    root /srv/tamizdat-mirror;\n", f"    root {folder}/www;\n"),
    ):
        assert text.count(said) == 1
        text = text.replace(said, meant)
    (folder / "mirror.conf").write_text(text)
    whole = folder / "nginx.conf"
    # The most talkative logs there are outside the server block: whatever reaches them would be a leak.
    temporary = "".join(
        f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    whole.write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log info;\n"
        f"events {{ worker_connections 64; }}\nhttp {{\n{temporary}    access_log {folder}/access.log;\n"
        f"    gzip on;\n    gzip_types *;\n    include {folder}/mirror.conf;\n}}\n"
    )
    return whole


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    binary = program("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    for name, content in FILES.items():
        path = folder / "www" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    port = free_port()
    whole = configuration(folder, port)
    arguments = [binary, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(whole)]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.05)
        yield Mirror(port, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def test_nginx_accepts_the_shipped_file_as_it_is(tmp_path: Path) -> None:
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ access_log off; include {CONF}; }}\n")
    arguments = [program("nginx"), "-t", "-p", str(tmp_path), "-e", str(tmp_path / "error.log"), "-c", str(whole)]
    checked = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if "Address family not supported" in checked.stderr:
        pytest.skip("no IPv6 here")
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr


@pytest.mark.parametrize("name", [name for name in FILES if "/." not in f"/{name}"])
def test_every_file_is_served_as_it_is_and_with_the_same_rules_as_by_any_other_target(nginx: Mirror, name: str) -> None:
    status, headers, body = nginx.get(f"/{name}", **{"Accept-Encoding": "gzip, br", "Origin": "https://r.example"})
    assert (status, body) == (200, FILES[name])
    assert "content-encoding" not in headers
    meta = meta_for(name)
    # nginx cannot look into a file for its type; a browser shows a picture by its bytes all the same.
    assert headers["content-type"] == ("application/octet-stream" if name.startswith("o/") else meta.content_type)
    assert headers["cache-control"] == meta.cache_control
    assert headers["access-control-allow-origin"] == "*"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["server"] == "nginx"


def test_the_front_page_has_the_short_address(nginx: Mirror) -> None:
    status, headers, body = nginx.get("/")
    assert (status, body) == (200, FILES["index.html"])
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == meta_for("index.html").cache_control


@pytest.mark.parametrize(
    "path", ["/nothing", "/o/ab/" + "d" * 62, "/o/", "/o", "/a/", "/.front.tmp", "/o/ab/.tmp", "/front/",
             "/o/../../pid", "/index.html/x", "/%2e%2e/nginx.conf", "/trust/9.root.json"],
)  # fmt: skip
def test_what_is_not_there_is_a_true_404_that_a_page_may_read_and_nobody_keeps(nginx: Mirror, path: str) -> None:
    status, headers, body = nginx.get(path, Origin="https://reader.example")
    if "../" in path or "%2e" in path:
        assert status in (400, 404)
        return
    assert (status, body) == (404, b"not here\n")
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"


def test_a_download_can_be_resumed(nginx: Mirror) -> None:
    name = "o/ab/" + "c" * 62
    status, headers, body = nginx.get(f"/{name}", Range="bytes=100-199")
    assert (status, body) == (206, FILES[name][100:200])
    assert headers["content-range"] == f"bytes 100-199/{len(FILES[name])}"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cache-control"] == meta_for(name).cache_control
    assert nginx.get(f"/{name}", Range="bytes=20000-")[2] == FILES[name][20000:]
    assert nginx.get(f"/{name}", Range="bytes=99999-")[0] == 416


def test_an_unchanged_pointer_costs_no_body(nginx: Mirror) -> None:
    _, headers, _ = nginx.get("/front")
    status, again, body = nginx.get("/front", **{"If-None-Match": headers["etag"]})
    assert (status, body) == (304, b"")
    assert again["cache-control"] == "no-cache"
    assert again["access-control-allow-origin"] == "*"


def test_a_browser_may_ask_before_it_asks_for_a_range(nginx: Mirror) -> None:
    status, headers, _ = nginx.get("/front", "OPTIONS", **{"Access-Control-Request-Headers": "range"})
    assert status == 204
    assert headers["access-control-allow-headers"] == "Range"
    assert "GET" in headers["access-control-allow-methods"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(nginx: Mirror, method: str) -> None:
    status, headers, _ = nginx.get("/front", method)
    assert status in (403, 405)
    assert headers["access-control-allow-origin"] == "*"
    assert (nginx.folder / "www/front").read_bytes() == FILES["front"]


def test_no_log_has_the_readers_address(nginx: Mirror) -> None:
    nginx.get("/nothing")
    nginx.get("/o/")
    nginx.get("/front", "POST")
    for nonsense in (
        b"\x16\x03\x01nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /a\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", nginx.port), timeout=5) as raw:
            raw.sendall(nonsense)
            raw.recv(1000)
    time.sleep(0.2)
    for log in nginx.folder.glob("*.log"):
        assert "client" not in log.read_text("utf-8", "replace"), log.name
        assert "127.0.0.1" not in log.read_text("utf-8", "replace"), log.name
    assert not (nginx.folder / "access.log").exists() or (nginx.folder / "access.log").stat().st_size == 0
