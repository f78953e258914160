"""reader.html: one file with which somebody finds a living mirror, and which believes none of them.

`template.html` is the program, built from `src/` by `build.mjs` and kept in the repository, so that nobody needs Node to
have it. A publication's reader is that file with one thing put into it: the *publication data*, one line of JSON in the
element `#publication`.

    {"v":1,"name":"The Example","origin":"example.org","pin":"sha256:<64 hex digits>","made":"2027-03-01T08:15:00Z",
     "trust":{"trust/1.root.json":"<text>",…},        the trust files at that time, all that a walk from the pin needs
     "mirrors":["https://m1.example",…],
     "reader":{"version":"0.2.0"}}                    of this tool

What else is in the file is the same for everybody. It holds the trust files as they were *before* the targets metadata
that lists it: a file cannot contain its own digest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib import resources
from typing import Any, Final

from mirror import __version__

NAME: Final = "reader.html"
"""The file beside a mirror's front page, and the target of the trust files."""

_PLACE: Final = '<script type="application/json" id="publication">'
# What would end the element or the line, or be read differently by an older engine; all of it can only be in strings.
_ESCAPED: Final = re.compile("[<>&\u2028\u2029]")


def template() -> str:
    """The program without anybody's data."""
    return resources.files(__package__).joinpath("template.html").read_text("utf-8")


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


def page(data: Mapping[str, Any]) -> bytes:
    """A publication's reader.html; the same data gives the same bytes."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    safe = _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    before, place, after = template().partition(_PLACE)
    return f"{before}{place}{safe}{after}".encode()
