"""What the benchmarks share: servers in processes of their own, pages to feed the pipeline with, CPU time, a table.

Servers run as `python _common.py KIND FOLDER`, on loopback, on a port of their own choosing that they print. Being
other processes, they cost the measured one nothing.

    site     a news site: the files of FOLDER with an ETag; what is asked for as `image/*` is one of a few photographs
    bucket   an object store that speaks enough S3 for `mirror.targets.s3` and that already holds what is in FOLDER.
             What is put stays in memory. Signatures aren't looked at. `GET /-/counts` tells requests and bytes.
    mirror   `tamizdat serve`'s server
    outlets  any number of outlets with nothing new: `/<outlet>/feed.xml` lists twenty articles, conditionally;
             `GET /-/counts` tells how often feeds, robots.txt and pages were asked for
    past     an outlet with a long past: `/<urls>/sitemap.xml` leads to as many articles, made up when asked for
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import resource
import socket
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SHARED = Path(os.environ.get("TAMIZDAT_SHARED") or ROOT.parent / "shared")


def setting(name: str, usual: int) -> int:
    """A size that the environment may change, for a quick try: TAMIZDAT_BENCH_<NAME>."""
    return int(os.environ.get(f"TAMIZDAT_BENCH_{name}") or usual)


def cpu() -> float:
    """User and system seconds of this process and of those children that have ended and were waited for."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def show(rows: Sequence[Sequence[str]]) -> None:
    """Rows of one table, the first its heads: the first column to the left, the others to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        first, *rest = row
        told = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        print("  ".join(told).rstrip(), flush=True)


def commas(number: float, digits: int = 0) -> str:
    return f"{number:,.{digits}f}"


# --- servers --------------------------------------------------------------------------------------------------------


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[str]:
    """The address of a server of this kind in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), kind, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def answer(self, status: int, body: bytes = b"", *, kind: str = "text/plain", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def file(self, key: str) -> bytes | None:
        place = self.folder / key
        return place.read_bytes() if ".." not in key and place.is_file() else None

    def log_message(self, *args: Any) -> None: ...


class _Site(_Handler):
    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        if self.headers.get("Accept", "").startswith("image/"):
            self.answer(200, photographs()[hashlib.sha256(path.encode()).digest()[0] % 8], kind="image/jpeg")
            return
        # Pages stand under the hash of their address, so that any address can be had.
        body = self.file(path) or self.file(hashlib.sha256(path.encode()).hexdigest()[:32])
        if body is None:
            self.answer(404)
            return
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == tag:
            self.answer(304, ETag=tag)
        else:
            self.answer(200, body, kind="application/rss+xml" if path.endswith(".xml") else "text/html", ETag=tag)


class _Bucket(_Handler):
    put: dict[str, bytes | None] = {}  # noqa: RUF012 - one server a process
    counts: Counter[str] = Counter()  # noqa: RUF012 - one server a process
    lock = threading.Lock()

    def _note(self, size: int = 0) -> str:
        key = urlsplit(self.path).path.lstrip("/").partition("/")[2]
        with self.lock:
            self.counts[self.command] += 1
            self.counts["bytes"] += size
            self.counts[f"bytes {key.partition('/')[0]}"] += size
        return key

    def _find(self, key: str) -> bytes | None:
        return self.put[key] if key in self.put else self.file(key)

    def do_GET(self) -> None:
        if self.path == "/-/counts":
            self.answer(200, json.dumps(self.counts).encode(), kind="application/json")
            return
        body = self._find(self._note())
        if body is None:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>", kind="application/xml")
        else:
            self.answer(200, body, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.put[self._note(len(body))] = body
        self.answer(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def do_DELETE(self) -> None:
        self.put[self._note()] = None
        self.answer(204)


class _Outlets(_Handler):
    counts: Counter[str] = Counter()  # noqa: RUF012 - one server a process

    def do_GET(self) -> None:
        outlet, _, rest = self.path.lstrip("/").partition("/")
        if outlet == "-":
            self.answer(200, json.dumps(self.counts).encode(), kind="application/json")
            return
        self.counts["feeds" if rest == "feed.xml" else "robots.txt" if outlet == "robots.txt" else "pages"] += 1
        if rest != "feed.xml":
            self.answer(404)
        elif self.headers.get("If-None-Match") == '"1"':
            self.counts["not modified"] += 1
            self.answer(304, ETag='"1"')
        else:
            host = self.headers["Host"]
            items = "".join(
                f"<item><title>Article {n}</title><link>http://{host}/{outlet}/{n}</link><guid>{outlet}-{n}</guid></item>"
                for n in range(20)
            )
            feed = f'<?xml version="1.0"?><rss version="2.0"><channel><title>{outlet}</title>{items}</channel></rss>'
            self.answer(200, feed.encode(), kind="application/rss+xml", ETag='"1"')


class _Past(_Handler):
    def do_GET(self) -> None:
        many, _, rest = self.path.lstrip("/").partition("/")
        base = f"http://{self.headers['Host']}/{many}"
        space = "http://www.sitemaps.org/schemas/sitemap/0.9"
        if rest == "sitemap.xml":
            parts = "".join(f"<sitemap><loc>{base}/s{n}.xml</loc></sitemap>" for n in range(0, int(many), 1000))
            self.answer(200, f'<sitemapindex xmlns="{space}">{parts}</sitemapindex>'.encode(), kind="application/xml")
        elif re.fullmatch(r"s\d+\.xml", rest):
            first = int(rest[1:-4])
            urls = "".join(
                f"<url><loc>{base}/a{n}</loc><lastmod>{_day(n)}</lastmod></url>"
                for n in range(first, min(first + 1000, int(many)))
            )
            self.answer(200, f'<urlset xmlns="{space}">{urls}</urlset>'.encode(), kind="application/xml")
        elif re.fullmatch(r"a\d+", rest):
            self.answer(200, _story(int(rest[1:])), kind="text/html; charset=utf-8", ETag=f'"{rest}"')
        else:
            self.answer(404)


def _day(number: int) -> str:
    return f"{2000 + number % 20}-{1 + number // 20 % 12:02}-{1 + number // 240 % 28:02}"


def _story(number: int) -> bytes:
    import random

    chance = random.Random(number)
    said = "".join(
        "<p>"
        + " ".join(f"{chance.choice(_NOUNS)} {chance.choice(_VERBS)} {chance.choice(_NOUNS)}." for _ in range(12))
        + "</p>"
        for _ in range(4)
    )
    return (
        f"<html lang=en><head><title>Story {number}</title><meta property='og:type' content='article'>"
        f"<meta property='article:published_time' content='{_day(number)}T08:00:00Z'></head>"
        f"<body><article><h1>Story {number}</h1>{said}</article></body></html>"
    ).encode()


_NOUNS = [
    f"{one}{two}" for one in ("Har", "Lan", "Bri", "Mar", "Tor", "Ves", "Quar", "Il") for two in ("bour", "tern", "ket")
]
_VERBS = ["met", "saw", "paid", "left", "built", "lost", "found", "asked", "heard", "sold"]


def counts(bucket: str) -> Counter[str]:
    """What a bucket was asked for so far: requests by method, `bytes` put, and `bytes tile` put into that folder."""
    with urllib.request.urlopen(f"{bucket}/-/counts") as answer:
        return Counter(json.load(answer))


class Wire:
    """A pipe to a server that counts every byte, headers and all: `up` and `down`."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._to = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.up = self.down = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(self._to)
            for source, sink, name in ((near, far, "up"), (far, near, "down")):
                threading.Thread(target=self._pass, args=(source, sink, name), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, name: str) -> None:
        try:
            while data := source.recv(1 << 16):
                setattr(self, name, getattr(self, name) + len(data))  # each name has one writer a connection
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self._listening.close()


# --- pages ----------------------------------------------------------------------------------------------------------

_made: list[bytes] = []


def photographs() -> list[bytes]:
    """Eight JPEGs of 1600 by 1067 and about 280 KB: smooth areas with noise, as hard to encode as a photograph."""
    if not _made:
        import io
        import random

        from PIL import Image

        for number in range(8):
            chance = random.Random(number)
            coarse = Image.frombytes("RGB", (48, 32), chance.randbytes(48 * 32 * 3)).resize((1600, 1067), 3)
            fine = Image.frombytes("RGB", (800, 533), chance.randbytes(800 * 533 * 3)).resize((1600, 1067), 2)
            out = io.BytesIO()
            Image.blend(coarse, fine, 0.12).save(out, "JPEG", quality=82)
            _made.append(out.getvalue())
    return _made


Page = tuple[str, bytes]
"""A page's address without the scheme, and its bytes."""


def pages(count: int) -> tuple[str, list[Page]]:
    """So many pages, and what they are: real ones from the shared corpus, otherwise copies of the sample outlet's."""
    if (SHARED / "corpus" / "dev").is_dir():
        return "real pages of many outlets", _corpus(count)
    return "pages of the built-in sample outlet, copied", _sample(count)


def _corpus(count: int) -> list[Page]:
    found: list[Page] = []
    seen: set[str] = set()
    for place in sorted((SHARED / "corpus" / "dev").glob("*/*.html.gz")):
        told = json.loads(place.with_name(place.name.removesuffix(".html.gz") + ".json").read_text("utf-8"))
        url = told.get("url") or f"https://{told.get('outlet') or 'example.org'}/2020/01/01/{place.name[:16]}"
        address = re.sub(r"^\w+://|#.*$", "", url)
        if address not in seen and address.isascii() and told.get("body_text"):
            seen.add(address)
            found.append((address, gzip.decompress(place.read_bytes())))
    step = max(1, len(found) // count)
    chosen = found[::step][:count]
    # More than there are: copies at other addresses.
    return [
        (address if round_ == 0 else f"copy{round_}.{address}", body)
        for round_ in range(-(-count // max(1, len(chosen))))
        for address, body in chosen
    ][:count]


def _sample(count: int) -> list[Page]:
    from mirror import sample

    with sample.serve() as outlet:
        found = [(truth.url.removeprefix(outlet.url), _get(truth.url)) for truth in outlet.ground_truth()]
        here = outlet.url.encode()
    made = []
    for number in range(count):
        path, body = found[number % len(found)]
        host = f"copy{number // len(found)}.sample.example"
        made.append((host + path, body.replace(here, f"http://{host}".encode())))
    return made


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        body: bytes = answer.read()
    return body


# Addresses that are names of vocabularies, not places.
_WORDS = (b"schema.org", b"w3.org", b"ogp.me", b"rdfs.org", b"purl.org")
_ADDRESS = re.compile(rb"(?:https?:)?(\\?/\\?/)((?:[a-z0-9-]+\.)+[a-z]{2,})(?::\d+)?(?=[/\"'\\?#&\s])", re.I)


def lay_out(folder: Path, site: Callable[[str], str], made: Sequence[Page], *, feed: str = "feed.xml") -> None:
    """Puts pages and a feed that names them into `folder`. In the pages every absolute address leads to `site(host)`,
    so that nothing is asked for beyond loopback."""

    def here(found: re.Match[bytes]) -> bytes:
        if found[2].lower().endswith(_WORDS):
            return found[0]
        place = site(found[2].decode()).encode()
        return place.replace(b"/", found[1][:-1] + b"/") if b"\\" in found[1] else place

    items = []
    for address, body in made:
        host, slash, rest = address.partition("/")
        url = site(host) + slash + rest
        key = urlsplit(url)
        asked = key.path.lstrip("/") + (f"?{key.query}" if key.query else "")
        (folder / hashlib.sha256(asked.encode()).hexdigest()[:32]).write_bytes(_ADDRESS.sub(here, body))
        items.append(f"<item><title>{escape(address)}</title><link>{escape(url)}</link></item>")
    text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Bench</title>{"".join(items)}</channel></rss>'
    (folder / feed).write_text(text)


@contextmanager
def only_loopback() -> Iterator[list[str]]:
    """Within, no name is looked up; collects those that somebody tried to."""
    real, tried = socket.getaddrinfo, []

    def refuse(host: Any, *args: Any, **more: Any) -> Any:
        if str(host) not in ("127.0.0.1", "localhost"):
            tried.append(str(host))
            raise socket.gaierror(f"{host}: not in a benchmark")
        return real(host, *args, **more)

    socket.getaddrinfo = refuse
    try:
        yield tried
    finally:
        socket.getaddrinfo = real


def _serve(kind: str, folder: Path) -> None:
    if kind == "mirror":
        from mirror.serve import Served

        with Served(folder) as served:
            print(served.url, flush=True)
            served.wait()
        return
    handler = type(
        "_Bound", ({"site": _Site, "bucket": _Bucket, "outlets": _Outlets, "past": _Past}[kind],), {"folder": folder}
    )
    if kind == "site":
        photographs()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]))
