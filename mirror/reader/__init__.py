"""reader.html: one file with which somebody finds a living mirror, and which believes none of them.

`template.html` is the program, built from `src/` by `build.mjs` and kept in the repository, so that nobody needs Node
to have it. A publication's reader is that file with one thing put into it: the *publication data*, one line of JSON in
the element `#publication`.

    {"v":1,"name":"The Example","origin":"example.org","pin":"sha256:<64 hex digits>","made":"2027-03-01T08:15:00Z",
     "trust":"<base64>",                              the trust files at that time, all that a walk from the pin needs:
                                                      gzip of {"trust/1.root.json":"<text>",…}
     "mirrors":["https://m1.example",…],
     "reader":{"version":"0.2.0"}}                    of the tool whose program this is

What else is in the file is the same for everybody. It holds the trust files as they were *before* the targets metadata
that lists it: a file cannot contain its own digest. How a publication's reader is made, signed and shown is
`mirror.reader.issue`; here are the bytes alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, Final

from mirror import __version__
from signing.errors import FormatError
from signing.packing import from_base64, gunzip, gzip_bytes, to_base64

NAME: Final = "reader.html"
"""The file beside a mirror's front page, and the target of the trust files."""

LARGEST: Final = 1 << 20  # bytes; ours have 100 KB, and readers take no larger one

_PLACE: Final = '<script type="application/json" id="publication">'
_CODE: Final = '<script type="text/plain" id="code">'
_END: Final = "</script>"
# What would end the element or the line, or be read differently by an older engine; all of it can only be in strings.
_ESCAPED: Final = re.compile("[<>&\u2028\u2029]")


def template(languages: Iterable[str] | None = None) -> str:
    """The program without anybody's data; of its languages only those given and English, when any are. FormatError for
    one that it doesn't speak."""
    text = resources.files(__package__).joinpath("template.html").read_text("utf-8")
    if languages is None:
        return text
    kept = {"en", *languages}
    before, place, program, others, after = _opened(text)
    unknown = kept - {"en", *(line[:2] for line in others)}
    if unknown:
        known = ", ".join(("en", *(line[:2] for line in others)))
        raise FormatError(f"the reader has no words in {', '.join(sorted(unknown))}; it has {known}")
    said = re.sub(r'<p lang="(..)".*\n', lambda match: match[0] if match[1] in kept else "", before)
    return said + place + "\n".join([program, *(line for line in others if line[:2] in kept)]) + after


def languages() -> tuple[str, ...]:
    """The codes of the languages that the program speaks."""
    return ("en", *(line[:2] for line in _opened(template())[3]))


def _opened(text: str) -> tuple[str, str, str, list[str], str]:
    """What stands before #code, its tag, the packed program with English words, a packed line for each other language,
    the rest. What is packed is for build.mjs and unpack.mjs alone."""
    before, place, rest = text.partition(_CODE)
    code, end, after = rest.partition(_END)
    program, *others = code.split("\n")
    return before, place, program, others, end + after


def publication_data(
    *, name: str, origin: str, pin: str, made: str, trust: Mapping[str, bytes], mirrors: Iterable[str]
) -> dict[str, Any]:
    """The document for `page`. `trust` are the trust files by path, `pin` the fingerprint of the first of them."""
    return {
        "v": 1,
        "name": name,
        "origin": origin,
        "pin": pin,
        "made": made,
        "trust": {path: data.decode() for path, data in sorted(trust.items())},
        "mirrors": list(mirrors),
        "reader": {"version": __version__},
    }


def page(data: Mapping[str, Any], languages: Iterable[str] | None = None) -> bytes:
    """A publication's reader.html; the same data gives the same bytes (for one build of zlib). `FormatError` for
    languages it doesn't have."""
    trust = to_base64(gzip_bytes(_json(data["trust"]).encode())).decode()
    text = _json({**data, "trust": trust})
    safe = _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    before, place, after = template(languages).partition(_PLACE)
    return f"{before}{place}{safe}{after}".encode()


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def parts(page: bytes) -> tuple[str, dict[str, Any]]:
    """What was put together: the program without data, and the data. FormatError for what `page` never makes."""
    try:
        before, place, rest = page.decode().partition(_PLACE)
        text, end, after = rest.partition(_END)
        data = json.loads(text)
        data["trust"] = json.loads(gunzip(from_base64(data["trust"].encode()), LARGEST))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise FormatError(f"not a reader of this tool: {error}") from None
    if not (place and end and isinstance(data["trust"], dict)):
        raise FormatError("not a reader of this tool")
    return f"{before}{place}{end}{after}", data
