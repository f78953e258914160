"""What is wrong with a place is said by `target add` in one line, with the setting that mends it: one mistake a case.

Those that belong to one kind of target (keys, host keys, certificates of the place pushed to …) stand in that kind's
own tests; here are those every mirror can have.
"""

# ruff: noqa: E501 - a case stands on one line

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mirror.cli import main
from tests.needs import ROOT, program
from tests.servers import S3Server, free_port
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.faulty import faulty, says
from tests.servers.webs import Web, web

ALLOW = 'add_header Access-Control-Allow-Origin "*" always;'
KEEP = 'add_header Cache-Control "no-cache" always;'
PLAIN = f"{ALLOW} {KEEP} default_type application/octet-stream; types {{ text/html html; }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`site` is what stands in nginx's `server`. `check` is what must fail first, `told` and `fix` are in its words."""

    name: str
    site: str
    check: str
    told: str
    fix: str
    fatal: bool = False
    certificate: str = ""
    path: str = ""


CASES = (
    Case(name="no-cors", site=f"{KEEP} types {{ text/html html; }}", check="CORS", told="no Access-Control-Allow-Origin for a reader opened from a file", fix='add_header Access-Control-Allow-Origin "*" always'),
    Case(name="cors-for-one", site=f'{KEEP} add_header Access-Control-Allow-Origin "https://our.site" always;', check="CORS", told="shuts out a reader opened from a file", fix="add_header Access-Control-Allow-Origin"),
    Case(name="cors-not-null", site=f'{KEEP} if ($http_origin ~ "^https?://") {{ set $o $http_origin; }} add_header Vary Origin always; add_header Access-Control-Allow-Origin $o always;', check="CORS", told="no Access-Control-Allow-Origin for a reader opened from a file", fix="add_header"),
    Case(name="cors-only-null", site=f"{KEEP} if ($http_origin = null) {{ set $o null; }} add_header Vary Origin always; add_header Access-Control-Allow-Origin $o always;", check="CORS", told="a page of another mirror, though for a reader opened from a file", fix="add_header"),
    Case(name="cors-twice", site=f"{PLAIN} {ALLOW}", check="CORS", told="comes twice (*, *)", fix="in one place only"),
    Case(name="cors-echo", site=f"{KEEP} add_header Access-Control-Allow-Origin $http_origin always;", check="CORS", told="without `Vary: Origin`", fix="add_header"),
    Case(name="cors-not-for-404", site=f'{KEEP} add_header Access-Control-Allow-Origin "*";', check="CORS", told="not with 404s", fix="always"),
    Case(name="spa", site=f"{PLAIN} location / {{ try_files $uri /index.html; }}", check="missing file in public", told="status 200 and a page (Our news)", fix="try_files $uri =404"),
    Case(name="home-for-404", site=f"{PLAIN} error_page 404 =302 /;", check="missing file in public", told="a redirect to", fix="=404"),
    Case(name="kept-404", site=f'{PLAIN} location ~ -missing$ {{ {ALLOW} add_header Cache-Control "max-age=86400" always; return 404; }}', check="missing file in public", told="may be kept for 86400 s", fix="404"),
    Case(name="gzip-label", site=f"{PLAIN} add_header Content-Encoding gzip;", check="anonymous read", told="Content-Encoding: gzip", fix="gzip off", fatal=True),
    Case(name="gzip-on-the-way", site=f"{PLAIN} gzip on; gzip_types *; gzip_min_length 1;", check="compression", told="compressed on the way", fix="gzip off"),
    Case(name="pointers-kept", site=f"{ALLOW} expires 1h;", check="caching", told="pointers may be kept for 3600 s", fix="no-cache"),
    Case(name="no-cache-control", site=ALLOW, check="caching", told="no Cache-Control", fix="no-cache"),
    Case(name="proxy-cache", site='location / { proxy_pass http://127.0.0.1:@GOOD@; proxy_cache stale; proxy_cache_valid 200 10m; proxy_ignore_headers Cache-Control; add_header X-Cache $upstream_cache_status always; }', check="caching", told="still served as it was (X-Cache: HIT)", fix="proxy_cache"),
    Case(name="page-as-text", site=f"{ALLOW} {KEEP} types {{}} default_type text/plain; add_header X-Content-Type-Options nosniff;", check="content types", told="a page comes as text/plain: browsers show its source", fix="text/html"),
    Case(name="objects-as-html", site=f"{ALLOW} {KEEP} default_type text/html;", check="content types", told="an object comes as text/html", fix="application/octet-stream"),
    Case(name="wrong-charset", site=f"{PLAIN} charset windows-1251;", check="content types", told="windows-1251", fix="charset utf-8"),
    Case(name="attachment", site=f"{PLAIN} add_header Content-Disposition attachment;", check="content types", told="an attachment", fix="text/html"),
    Case(name="injected", site=f"""{PLAIN} sub_filter_once on; sub_filter "</body>" "<script src='https://ads.example/x.js'></script></body>";""", check="rewriting", told="https://ads.example/x.js was put in", fix="sub_filter"),
    Case(name="no-ranges", site=f"{PLAIN} max_ranges 0;", check="ranges", told="status 200", fix="max_ranges 1"),
    Case(name="to-https", site="return 301 https://127.0.0.1:@PORT@$request_uri;", check="anonymous read", told="redirects to https://", fix="--public https://127.0.0.1", fatal=True),
    Case(name="to-www", site="return 302 http://www.localhost:@PORT@$request_uri;", check="anonymous read", told="redirects to http://www.localhost", fix="--public http://www.localhost", fatal=True),
    Case(name="to-login", site="return 302 http://127.0.0.1:@PORT@/login;", check="anonymous read", told="/login", fix="redirect", fatal=True),
    Case(name="wrong-folder", site=f"{PLAIN} root @FOLDER@;", check="anonymous read", told="status 404 for a file just written", fix="the very folder", fatal=True),
    Case(name="wrong-path", site=PLAIN, path="/news", check="anonymous read", told="status 404", fix="the very folder", fatal=True),
    Case(name="denied", site=f"{PLAIN} deny all;", check="anonymous read", told="status 403", fix="no deny", fatal=True),
    Case(name="password", site=f"{PLAIN} auth_basic news; auth_basic_user_file @FOLDER@/conf;", check="anonymous read", told="status 401", fix="auth_basic", fatal=True),
    Case(name="cloudflare", site="add_header cf-mitigated challenge always; return 403;", check="anonymous read", told="Cloudflare's check for bots", fix="Bot Fight Mode", fatal=True),
    Case(name="cookie-wall", site="default_type text/html; return 200 \"<html><body><script src='/aes.js'></script><script>document.cookie='__test='+toHex(slowAES.decrypt(c,2,a,b))</script></body></html>\";", check="anonymous read", told="a script that sets a cookie", fix="challenge", fatal=True),
    Case(name="parked", site="default_type text/html; return 200 \"<html><title>Domain for sale</title></html>\";", check="anonymous read", told="a page of the host (Domain for sale)", fix="very folder", fatal=True),
    Case(name="cut-off", site=f"{PLAIN} location ~ -object$ {{ return 200 'half'; }}", check="anonymous read", told="others came out", fix="sub_filter", fatal=True),
    Case(name="expired", site=PLAIN, certificate="expired", check="public TLS", told="certificate has expired", fix="renew it", fatal=True),
    Case(name="other-name", site=PLAIN, certificate="wrong_name", check="public TLS", told="certificate refused", fix="name", fatal=True),
    Case(name="self-signed", site=PLAIN, certificate="self_signed", check="public TLS", told="self-signed", fix="signed by itself", fatal=True),
    Case(name="no-tls", site=PLAIN, certificate="none", check="public TLS", told="no TLS", fix="http", fatal=True),
    Case(name="old-tls", site=f"{PLAIN} ssl_protocols TLSv1; ssl_ciphers ALL:@SECLEVEL=0;", certificate="good", check="public TLS", told="no TLS that browsers speak", fix="TLS 1.2", fatal=True),
)  # fmt: skip


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def wrong(certificates: Certificates) -> Iterator[tuple[Web, dict[str, int]]]:
    """One nginx with a server for each case, on a port of its own, all over the same folder."""
    good, *others = (free_port() for _ in range(1 + len(CASES)))
    ports = {case.name: port for case, port in zip(CASES, others, strict=True)}
    site = "proxy_cache_path @FOLDER@/cache keys_zone=stale:1m; access_log off; "
    site += f"server {{ listen 127.0.0.1:{good}; root @ROOT@; {PLAIN} }}\n"
    for case in CASES:
        pair = {"": None, "none": None}.get(case.certificate, getattr(certificates, case.certificate, None))
        tls = f"ssl_certificate {pair}; ssl_certificate_key {pair};" if pair else ""
        root = "" if "root @FOLDER@" in case.site else "root @ROOT@;"
        body = case.site.replace("@PORT@", str(ports[case.name])).replace("@GOOD@", str(good))
        site += f"server {{ listen 127.0.0.1:{ports[case.name]}{' ssl' if pair else ''}; {tls} {root} {body} }}\n"
    with web("nginx", site, port=good) as served:
        (served.root / "index.html").write_text("<!doctype html><title>Our news</title>")
        yield served, ports


@pytest.fixture(scope="module")
def publication(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("publication") / "p"
    assert main(["init", str(folder), "--name", "X", "--quiet"]) == 0
    return folder


Checks = list[dict[str, object]]


@pytest.fixture
def add(
    publication: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, Checks, dict[str, object]]]]:
    """`target add`, by program; what it added is taken out again."""
    capsys.readouterr()

    def adding(*words: str) -> tuple[int, Checks, dict[str, object]]:
        status = main(["target", "add", "wrong", *words, "--json", "--config", str(publication)])
        document = json.loads(capsys.readouterr().out)
        return status, document.get("checks", []), document

    yield adding
    if '"wrong"' in (text := (publication / "tamizdat.toml").read_text()) or "[target.wrong]" in text:
        main(["target", "remove", "wrong", "--quiet", "--config", str(publication)])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_wrong_at_the_readers_address_is_named_with_what_mends_it(
    case: Case,
    wrong: tuple[Web, dict[str, int]],
    add: Callable[..., tuple[int, Checks, dict[str, object]]],
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    served, ports = wrong
    scheme = "https" if case.certificate else "http"
    status, checks, document = add(str(served.root), "--public", f"{scheme}://127.0.0.1:{ports[case.name]}{case.path}")
    bad = [check for check in checks if not check["ok"]]
    assert bad, "nothing was found"
    assert bad[0]["name"] == case.check, bad
    assert case.told in str(bad[0]["detail"]), bad[0]
    assert case.fix in str(bad[0]["fix"]), bad[0]
    assert bad[0]["must"] is case.fatal
    assert status == (1 if case.fatal else 0)
    assert document["added"] is not case.fatal
    assert all("\n" not in f"{check['detail']}{check['fix']}" for check in checks)
    assert not (served.root / "tamizdat-probe").exists()


@pytest.mark.parametrize(
    ("public", "told", "fix"),
    [
        ("http://no-such-host.invalid/", "the name has no address", "DNS record"),
        ("http://127.0.0.1:@FREE@/", "connection refused", "is the web server up"),
        ("https://127.0.0.1:@FREE@/", "connection refused", "is the web server up"),
    ],
)
def test_an_address_where_nobody_is(
    public: str, told: str, fix: str, tmp_path: Path, add: Callable[..., tuple[int, Checks, dict[str, object]]]
) -> None:
    (tmp_path / "www").mkdir()
    status, checks, _ = add(str(tmp_path / "www"), "--public", public.replace("@FREE@", str(free_port())))
    assert status == 1
    assert checks[-1]["name"] == ("public TLS" if public.startswith("https") else "anonymous read")
    assert told in str(checks[-1]["detail"])
    assert fix in str(checks[-1]["fix"])


def test_a_folder_that_is_not_there(tmp_path: Path, add: Callable[..., tuple[int, Checks, dict[str, object]]]) -> None:
    status, checks, _ = add(str(tmp_path / "usb" / "mirror"))
    assert status == 1
    assert (checks[-1]["name"], "mount the disk" in str(checks[-1]["fix"])) == ("folder exists", True)


@pytest.mark.parametrize(
    ("options", "told", "fix"),
    [("size=8k", "No space left", "make room"), ("size=1m,ro", "Read-only file system", "remount,rw")],
)
def test_a_disk_that_takes_nothing(
    options: str, told: str, fix: str, tmp_path: Path, add: Callable[..., tuple[int, Checks, dict[str, object]]]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=False)
    if mounted.returncode:
        pytest.skip("no right to mount here")
    try:
        status, checks, _ = add(str(place))
    finally:
        subprocess.run(["umount", str(place)], check=True)
    bad = [check for check in checks if not check["ok"] and check["must"]]
    assert status == 1
    assert bad[0]["name"] == "put"
    assert told in str(bad[0]["detail"])
    assert fix in str(bad[0]["fix"])


# --- object stores, as far as every kind of them has it ---------------------------------------------------------------


@contextlib.contextmanager
def keys(monkeypatch: pytest.MonkeyPatch, secret: str) -> Iterator[list[str]]:
    monkeypatch.setenv("ID", "test")
    monkeypatch.setenv("KEY", secret)
    yield ["--set", "access_key=env:ID", "--set", "secret_key=env:KEY", "--set", "region=us-east-1"]


def test_keys_buckets_and_addresses_that_are_not_right(
    rclone: S3Server,
    add: Callable[..., tuple[int, Checks, dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = f"endpoint={rclone.endpoint}"
    wanted = [
        ("s3://news/x", "testtest", f"endpoint={rclone.endpoint.replace('http:', 'https:')}", "TLS", "http:// instead"),
        ("s3://news/x", "testtest", f"endpoint=http://127.0.0.1:{free_port()}", "TCP", "correct the port"),
        ("s3://news/x", "testtest", "endpoint=http://no-such-host.invalid", "DNS", "correct the host's name"),
        ("s3://news/x", "wrong", here, "authentication", "keys"),
        ("s3://no-such-bucket", "testtest", here, "bucket", "make it"),
    ]
    for url, secret, endpoint, check, fix in wanted:
        with keys(monkeypatch, secret) as given:
            status, checks, _ = add(url, *given, "--set", endpoint)
        assert status == 1
        assert (checks[-1]["name"], checks[-1]["ok"]) == (check, False)
        assert fix in str(checks[-1]["fix"])


@pytest.mark.parametrize(
    "case",
    [
        ("PUT", "AccessDenied", "put", "s3:PutObject"),
        ("PUT", "QuotaExceeded", "put", "quota"),
        ("GET", "PermanentRedirect", "authentication", 'region = "eu-west-3"'),
    ],
)
def test_keys_for_reading_alone_and_another_region(
    rclone: S3Server,
    add: Callable[..., tuple[int, Checks, dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[str, str, str, str],
) -> None:
    method, code, check, fix = case
    with faulty(rclone.endpoint) as proxy, keys(monkeypatch, "testtest") as given:
        headers = {"x_amz_bucket_region": "eu-west-3"} if code == "PermanentRedirect" else {}
        proxy.first(99, says(301 if headers else 403, code, **headers), method)
        status, checks, _ = add("s3://news/y", *given, "--set", f"endpoint={proxy.url}")
    assert status in (1, 2)
    assert (checks[-1]["name"], checks[-1]["ok"]) == (check, False)
    assert fix in str(checks[-1]["fix"])


def test_a_clock_that_is_two_hours_off(rclone: S3Server, publication: Path) -> None:
    command = [
        program("faketime"),
        "-f",
        "+2h",
        sys.executable,
        "-m",
        "mirror.cli",
        "target",
        "add",
        "late",
        "s3://news/z",
    ]
    command += ["--set", f"endpoint={rclone.endpoint}", "--set", "access_key=env:ID", "--set", "secret_key=env:KEY"]
    done = subprocess.run(
        [*command, "--json", "--config", str(publication)],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "ID": "test", "KEY": "testtest", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    document = json.loads(done.stdout)
    found = {check["name"]: check for check in document["checks"]}
    assert not found["clock"]["ok"]
    assert 7190 < int(str(found["clock"]["detail"]).partition(" ")[0]) < 7260
    assert "timedatectl" in found["clock"]["fix"]


# --- is it true? A real browser is the judge ------------------------------------------------------------------------

FETCHING = """<!doctype html><title>reader</title><script>
const cases = CASES, results = {};
Promise.all(cases.map(async ([name, url]) => {
  try {
    const answer = await fetch(url, {credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer', cache: 'no-store'});
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await answer.arrayBuffer()));
    const hex = [...digest].map(b => b.toString(16).padStart(2, '0')).join('');
    results[name] = answer.status === 200 && hex === 'WANTED' ? 'good' : 'other bytes';
  } catch (error) { results[name] = 'refused'; }
})).then(() => fetch('REPORT', {method: 'POST', mode: 'no-cors', body: JSON.stringify({origin: String(self.origin), results})}));
</script>"""


def unreadable(origin: str) -> set[str]:
    """The cases that a page of this origin cannot use, by what the probe says of each."""
    fatal = {case.name for case in CASES if case.fatal}
    shut_out = {
        case.name for case in CASES if case.check == "CORS" and not case.told.startswith(("without", "not with"))
    }
    return fatal | shut_out - ({"cors-only-null"} if origin == "null" else {"cors-not-null"})


@pytest.mark.parametrize("opened", ["from a file", "from another mirror"])
def test_a_browser_gets_what_the_probe_calls_good_and_is_refused_what_it_calls_bad(
    opened: str, wrong: tuple[Web, dict[str, int]], tmp_path: Path
) -> None:
    served, ports = wrong
    data = gzip.compress(os.urandom(5000))
    name = f"{opened[-4:]}-object"  # of its own: one of these servers keeps what it gave once
    (served.root / name).write_bytes(data)
    answers: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page)

        def do_POST(self) -> None:
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        here = f"http://127.0.0.1:{server.server_address[1]}/"
        tried = [
            (case.name, f"http://127.0.0.1:{ports[case.name]}{case.path}/{name}")
            for case in CASES
            if not case.certificate
        ]
        text = FETCHING.replace("CASES", json.dumps(tried)).replace("WANTED", hashlib.sha256(data).hexdigest())
        page = text.replace("REPORT", here).encode()
        file = tmp_path / "reader.html"
        file.write_bytes(page)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        browser = subprocess.Popen(
            [
                program("chromium", "chromium-browser", "google-chrome"),
                "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                f"--user-data-dir={tmp_path / 'profile'}", file.as_uri() if opened == "from a file" else here,
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            found = answers.get(timeout=60)
        finally:
            browser.kill()
            browser.wait(30)
            server.shutdown()
            thread.join()
            (served.root / name).unlink()
    origin = "null" if opened == "from a file" else here.rstrip("/")
    assert found["origin"] == origin
    bad = {case for case, result in found["results"].items() if result != "good"}
    assert bad == unreadable(origin) & {case for case, _ in tried}
    assert 10 < len(bad) < len(tried) - 10
