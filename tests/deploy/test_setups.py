"""The configurations of `target setup` and of deploy/: real servers take them and serve a mirror as readers need it."""

from __future__ import annotations

import http.client
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.errors import UsageError
from mirror.setups import KINDS, make, root_of
from mirror.targets import meta_for, open_target
from tests.deploy.test_nginx import FILES
from tests.needs import ROOT, program
from tests.servers import free_port
from tests.servers.certificates import make_certificates
from tests.servers.webs import KINDS as SERVERS
from tests.servers.webs import Web, accepts, web
from tests.targets.suite import no_secrets

COMMITTED = {"nginx": "nginx/mirror.conf", "apache": "apache/mirror.conf", "caddy": "caddy/Caddyfile",
             "lighttpd": "lighttpd/mirror.conf", "tor": "tor/torrc"}  # fmt: skip


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, Web]]:
    port = free_port()
    site = make(request.param, root="/ROOT", public=f"http://127.0.0.1:{port}/").replace("/ROOT", "@ROOT@")
    with web(request.param, site, port=port) as served:
        for name, data in FILES.items():
            path = served.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        yield request.param, served


def get(served: Web, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    try:
        connection.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
        answer = connection.getresponse()
        found: dict[str, str] = {}
        for name, value in answer.getheaders():
            assert name.lower() not in found, f"{name} comes twice"
            found[name.lower()] = value
        return answer.status, found, answer.read()
    finally:
        connection.close()


def test_the_probe_finds_nothing_to_mend(server: tuple[str, Web]) -> None:
    _, served = server
    target = open_target("t", str(served.root), {}, no_secrets)
    assert [(check.name, check.detail) for check in target.probe(f"{served.url}/") if not check.ok] == []


def test_files_come_as_they_are_stored_with_their_type_and_time(server: tuple[str, Web]) -> None:
    who, served = server
    for name, data in FILES.items():
        if "/." in f"/{name}":
            continue
        status, headers, body = get(served, f"/{name}", Accept_Encoding="gzip, br", Origin="null")
        meta = meta_for(name, data)
        kind = "application/octet-stream" if name.startswith("o/") else meta.content_type
        assert (status, body) == (200, data), name
        assert headers["content-type"].replace('"', "").lower() == kind, name
        kept = "public, max-age=300" if who == "lighttpd" and "max-age" in meta.cache_control else meta.cache_control
        assert headers["cache-control"] == kept, name
        assert headers["access-control-allow-origin"] == "*"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "content-encoding" not in headers
    status, headers, body = get(served, "/")
    assert (status, body, headers["cache-control"]) == (200, FILES["index.html"], "public, max-age=300")
    assert headers["content-type"].lower().startswith("text/html; charset=utf-8")


def test_what_is_not_there_is_a_true_404_that_a_page_may_read_and_nobody_keeps(server: tuple[str, Web]) -> None:
    kind, served = server
    for path in (
        "/nothing",
        "/o/ab/" + "d" * 62,
        "/o/",
        "/a/",
        "/.front.tmp",
        "/o/ab/.tmp",
        "/trust/9.root.json",
        "/o",
    ):
        status, headers, body = get(served, path, Origin="https://reader.example")
        # lighttpd answers for a folder without its slash with one more redirect, and 403 for what it may not give.
        assert status in ((404, 403, 301) if kind == "lighttpd" else (404, 403)), path
        assert not any(data in body for data in FILES.values() if len(data) > 10), path
        assert b"half" not in body
        if kind == "lighttpd" and status != 404:
            continue
        assert headers["access-control-allow-origin"] == "*", path
        assert headers["cache-control"] in ("no-store", "no-cache", "public, max-age=300"), path
    assert get(served, "/nothing")[0] == get(served, "/o/ab/" + "d" * 62)[0] == 404


def test_a_download_can_be_resumed_and_a_pointer_asked_for_again(server: tuple[str, Web]) -> None:
    _, served = server
    name = "o/ab/" + "c" * 62
    status, headers, body = get(served, f"/{name}", Range="bytes=100-199")
    assert (status, body) == (206, FILES[name][100:200])
    assert headers["content-range"] == f"bytes 100-199/{len(FILES[name])}"
    _, headers, _ = get(served, "/front")
    status, again, _ = get(served, "/front", If_None_Match=headers["etag"])
    assert status == 304
    assert again["access-control-allow-origin"] == "*"


def test_nothing_can_be_written(server: tuple[str, Web]) -> None:
    _, served = server
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert get(served, "/front", method)[0] in (403, 404, 405, 501)
    assert (served.root / "front").read_bytes() == FILES["front"]
    status, headers, _ = get(served, "/front", "OPTIONS", Access_Control_Request_Headers="range")
    assert status in (200, 204)
    assert headers["access-control-allow-headers"] == "Range"


def test_no_log_has_the_readers_address(server: tuple[str, Web]) -> None:
    _, served = server
    for path, method in (("/nothing", "GET"), ("/front", "POST"), ("/%2e%2e/conf", "GET"), ("/.x", "GET")):
        get(served, path, method)
    time.sleep(0.2)
    for log in (*served.folder.glob("*.log"), served.folder / "log"):
        text = log.read_text("utf-8", "replace")
        assert "/nothing" not in text, log.name
        assert "client" not in text.lower(), log.name


# --- what is printed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COMMITTED)
def test_the_files_of_deploy_are_what_is_generated(kind: str) -> None:
    assert (ROOT / "deploy" / COMMITTED[kind]).read_text("utf-8") == make(kind)


@pytest.mark.parametrize("kind", SERVERS)
def test_servers_take_the_configuration_for_https(kind: str, tmp_path: Path) -> None:
    pair = make_certificates(tmp_path / "certificates").good
    site = make(kind, root=f"{tmp_path}/www", public="https://mirror.example/")
    assert "mirror.example" in site
    assert "@" not in site.replace("@asking", "").replace("@writing", "").replace("@hidden", "").replace("@missing", "")
    (tmp_path / "www").mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        site = site.replace(f"/etc/letsencrypt/live/mirror.example/{name}", str(pair))
    assert accepts(kind, tmp_path, free_port(), site) == ""


def test_tor_takes_the_configuration_of_an_onion_service(tmp_path: Path) -> None:
    service = tmp_path / "service"
    service.mkdir(mode=0o700)
    conf = tmp_path / "torrc"
    text = make("tor").replace("/var/lib/tor/tamizdat-mirror/", f"{service}/")
    conf.write_text(f"DataDirectory {tmp_path}/data\nSocksPort 0\n{text}")
    command = [program("tor"), "--verify-config", "-f", str(conf), "--defaults-torrc", "/dev/null"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout
    assert [line for line in done.stdout.splitlines() if "[warn]" in line and "as root" not in line] == []


def test_an_onions_web_server_listens_where_tor_sends_its_readers(tmp_path: Path) -> None:
    site = make("nginx-onion", root="/srv/mirror")
    assert "listen unix:/run/tamizdat-mirror.sock;" in site
    assert "HiddenServicePort 80 unix:/run/tamizdat-mirror.sock" in make("tor", public="http://abc.onion/")
    assert " ssl" not in site
    assert accepts("nginx", tmp_path, free_port(), site.replace("/run/", f"{tmp_path}/")) == ""


@pytest.mark.parametrize("root", ["/a;b", "/a\nb", '/a"b', "/a$b", "/a{b", "relative", "/a*"])
def test_a_folder_that_would_be_read_as_a_command_is_refused(root: str) -> None:
    for kind in KINDS:
        with pytest.raises(UsageError, match="can't hold that path"):
            make(kind, root=root)


@pytest.mark.parametrize(
    ("public", "told"),
    [
        ("ftp://x.example", "no host's name"),
        ("https://x.example/news", "below a path"),
        ("https://x.example:x", "could not be cast"),
        ("https://x;y.example", "no host's name"),
        ("http://abc.onion", "answered by nginx"),
    ],
)
def test_an_address_that_no_server_can_have_is_refused(public: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make("apache", public=public)


def test_the_folder_is_known_from_the_targets_address() -> None:
    assert root_of("/srv/x") == root_of("file:///srv/x") == root_of("sftp://u@h:22/srv/x") == "/srv/x"
    assert root_of("s3://bucket/x") is None
    assert root_of("rsync://u@h/") is root_of("sftp://u@h/~/www") is None  # the account's own, wherever that is there


def test_a_whole_disk_is_never_served() -> None:
    with pytest.raises(UsageError, match="everything on that machine"):
        make("nginx", root="//", public="https://x.example/")
