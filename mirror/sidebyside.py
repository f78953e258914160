"""`preview` as one file for a browser: left the page as it came, right the article as readers will see it.

The file needs nothing else: pictures are in it, there is no script, and its policy (CSP) lets nothing be loaded. What
an outlet wrote stands in it as text only; the article's own page, which is built from typed blocks, sits in a frame
without any permission.
"""

from __future__ import annotations

import base64
import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from mirror.extract.original import Claim, Line
    from mirror.model import Draft
    from mirror.preview import Shown

ROOT = "https://preview.invalid/"  # where the frame looks for pictures; each is replaced by its bytes
_PICTURE = re.compile(re.escape(f'"{ROOT}o/') + r'([0-9a-f]{2})/([0-9a-f]{62})"')

_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-src data:; base-uri 'none'; form-action 'none'"
)
_STYLE = """
:root{color-scheme:light dark;--line:#8886;--kept:#2a7d4f;--gone:#b3362b}
body{margin:0;font:15px/1.5 system-ui,sans-serif}
header,section{padding:0 1rem}
h1{font-size:1.2rem;margin:.8rem 0 .2rem}
.state{font-weight:600}.state.ok{color:var(--kept)}.state.no{color:var(--gone)}
.sides{display:grid;grid-template-columns:1fr 1fr;gap:1rem;align-items:start}
@media(max-width:60rem){.sides{grid-template-columns:1fr}}
.side h2{font-size:1rem}
.line{margin:.25rem 0;padding:.1rem .5rem;border-inline-start:3px solid transparent;overflow-wrap:anywhere}
.line.kept{border-color:var(--kept)}
.line.gone{border-color:var(--gone);opacity:.75}
.line.gone s{text-decoration-thickness:1px}
.why{display:block;font-size:.8rem;color:var(--gone);text-decoration:none}
summary{cursor:pointer;padding:.2rem .5rem}
iframe{width:100%;height:85vh;border:1px solid var(--line);background:#fff}
table{border-collapse:collapse;font-size:.9rem;margin:.5rem 0}
td,th{border:1px solid var(--line);padding:.2rem .5rem;text-align:start;vertical-align:top;overflow-wrap:anywhere}
tr.used td{font-weight:600}
nav li.no a{color:var(--gone)}
hr{border:0;border-top:2px solid var(--line);margin:2rem 0}
"""


def page(shown: Sequence[Shown]) -> bytes:
    """The file, in UTF-8; with several pages it begins with an index of them."""
    index = "".join(
        f'<li class="{_tone(one)}"><a href="#p{number}">{_dir(_title(one))}</a> · {escape(one.state)}'
        f"{': ' + escape(one.reason) if one.reason else ''}</li>"
        for number, one in enumerate(shown)
    )
    listed = f"<nav><h1>{len(shown)} pages</h1><ol>{index}</ol></nav><hr>" if len(shown) > 1 else ""
    whole = "<hr>".join(_one(one, number) for number, one in enumerate(shown))
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Preview: {escape(_title(shown[0]) if shown else 'nothing')}</title><style>{_STYLE}</style></head>"
        f"<body><section>{listed}</section>{whole}</body></html>"
    )
    return text.encode("utf-8", "replace")


def _one(one: Shown, number: int) -> str:
    original = one.original
    lines = _lines(original.lines) if original is not None else ""
    # Not `srcdoc`: in a file opened from disk, no policy but "everything" would let it in.
    address = _data("text/html;charset=utf-8", one.rendered.encode("utf-8", "replace"))
    frame = (
        f'<iframe sandbox="" title="The article" src="{address}"></iframe>'
        if one.rendered
        else "<p>There is no article to show.</p>"
    )
    facts = _facts(one.article, original.claims if original is not None else ())
    notes = "".join(f"<li>{escape(note)}</li>" for note in one.notes)
    state = "would be published" if one.state == "ok" else f"NOT published: {escape(one.state)}"
    via = {"page": "", "feed": " · text from the feed", "amp": " · text from the AMP copy"}.get(one.via, "")
    return (
        f'<section id="p{number}"><header><h1>{_dir(_title(one))}</h1><p>{escape(one.source)}</p>'
        f'<p><span class="state {_tone(one)}">{state}</span>{": " + escape(one.reason) if one.reason else ""}{via}</p>'
        f"{f'<ul>{notes}</ul>' if notes else ''}</header>"
        '<div class="sides"><section class="side"><h2>The page as it came</h2>'
        f"{lines or '<p>No text in it.</p>'}</section>"
        f'<section class="side"><h2>The article</h2>{frame}</section></div>'
        f"<section><h2>What the page says of it</h2>{facts}</section></section>"
    )


def _tone(one: Shown) -> str:
    return "ok" if one.state == "ok" else "no"


def _title(one: Shown) -> str:
    return one.article.title if one.article is not None else one.source


def _dir(text: str) -> str:
    return f'<bdi dir="auto">{escape(text)}</bdi>'


def _lines(lines: Sequence[Line]) -> str:
    """Kept lines as they are, dropped ones struck out with the reason; long stretches far from the article folded."""
    parts = []
    for kept, group in groupby(lines, key=lambda line: line.kept):
        some = list(group)
        if kept:
            parts += [f'<p class="line kept" dir="auto">{escape(line.text)}</p>' for line in some]
            continue
        struck = "".join(
            f'<p class="line gone" dir="auto"><s>{escape(line.text)}</s>'
            f'<span class="why" dir="ltr">{escape(line.why)}</span></p>'
            for line in some
        )
        folded = len(some) > 12
        parts.append(f"<details><summary>{len(some)} lines dropped</summary>{struck}</details>" if folded else struck)
    return "".join(parts)


def _facts(article: Draft | None, claims: Sequence[Claim]) -> str:
    chosen = _chosen(article)
    rows = []
    for fact, value in chosen.items():
        mine = [claim for claim in claims if claim.fact == fact]
        places = ", ".join(dict.fromkeys(claim.place for claim in mine if claim.used))
        if value or mine:
            where = places or ("worked out from the page" if value else "-")
            rows.append(f'<tr class="used"><td>{fact}</td><td>{_dir(value or "-")}</td><td>{escape(where)}</td></tr>')
        others = [claim for claim in mine if not claim.used]
        rows += [f"<tr><td></td><td>{_dir(claim.value)}</td><td>{escape(claim.place)}</td></tr>" for claim in others]
    head = "<tr><th>fact</th><th>value</th><th>from</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _chosen(article: Draft | None) -> dict[str, str]:
    facts = ("title", "lead", "authors", "section", "published", "modified", "language", "address")
    if article is None:
        return dict.fromkeys(facts, "")
    return {
        "title": article.title,
        "lead": article.lead or "",
        "authors": ", ".join(article.authors),
        "section": article.section or "",
        "published": article.published or "",
        "modified": article.modified or "",
        "language": f"{article.language or ''} {article.direction}".strip(),
        "address": article.url,
    }


def _data(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def inlined(rendered: bytes, objects: Mapping[str, bytes], types: Mapping[str, str]) -> str:
    """A rendered article page whose pictures are in it."""

    def picture(found: re.Match[str]) -> str:
        digest = found[1] + found[2]
        data = objects.get(digest)
        if data is None:
            return '""'
        return f'"{_data(types.get(digest, "image/webp"), data)}"'

    return _PICTURE.sub(picture, rendered.decode("utf-8"))


class Once:
    """One page on loopback, for one reader: at an address that nobody can guess, until it was read. A context manager;
    `url` is the address."""

    def __init__(self, page: bytes) -> None:
        address = ""
        path = "/" + secrets.token_urlsafe(16)
        self._read = threading.Event()
        read = self._read

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                # A page elsewhere whose name points here now (DNS rebinding) asks under that name.
                mine = self.headers.get("Host") == address
                if not mine or self.path != path or read.is_set():
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", _POLICY)
                self.send_header("Cache-Control", "no-store")
                self.send_header("X-Content-Type-Options", "nosniff")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)
                read.set()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is written down."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{address}{path}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it was read, at last or within so many seconds."""
        return self._read.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def browse(url: str) -> None:
    """Open the address in this machine's browser, where there is one."""
    import webbrowser

    webbrowser.open(url)
