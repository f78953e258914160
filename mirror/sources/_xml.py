"""XML from strangers, read as a stream.

No DTD is obeyed: the document type declaration is cut out before parsing, so there are no entities to expand and
nothing to fetch. HTML's named entities, which feeds use without declaring them, are read as what they mean. Depth and
length are bounded, and what was read before a document breaks off is kept: cut-off sitemaps are common.
"""

from __future__ import annotations

import html.entities
import re
from collections.abc import Generator
from typing import Protocol
from xml.parsers import expat

from mirror.charset import decode

MAX_NAMES = 1000
MAX_DEPTH = 200  # feeds nest a dozen deep; XHTML content some more
XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
TOO_DEEP = f"elements are nested more than {MAX_DEPTH} deep"
ENTITIES = "it declares entities"

_HEAD = 65536
_PIECE = 1 << 18
_BEFORE = re.compile(  # declaration, comments, stylesheets, document type: whatever may stand before the root element
    r"(?:<\?.{0,4000}?\?>|<!--.{0,20000}?-->|<!DOCTYPE\b[^>\[]{0,4000}(?:\[.{0,60000}?\]\s{0,100})?>)\s*",
    re.DOTALL | re.IGNORECASE,
)
_CONTROLS = bytes(code for code in range(0x20) if code not in (0x9, 0xA, 0xD))
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Stop(Exception):
    """Raised by a sink to end the reading."""


class Sink(Protocol):
    """Names are `(namespace, local)`; attributes likewise."""

    def start(self, name: tuple[str, str], attributes: dict[tuple[str, str], str]) -> None: ...

    def end(self, name: tuple[str, str]) -> None: ...

    def data(self, text: str) -> None: ...


def text_of(body: bytes, content_type: str) -> str:
    """The document as text that an XML parser can begin with: charset resolved, no declaration, no document type, no
    characters XML forbids."""
    text = decode(body, content_type)
    data = text.encode("utf-8", "replace")
    # Looked for in bytes, which takes a tenth of the time.
    if len(data.translate(None, _CONTROLS)) != len(data) or "\ufffe" in text or "\uffff" in text:
        text = _ILLEGAL.sub("", text)
    text = text.lstrip()
    place = 0
    while place < _HEAD and (found := _BEFORE.match(text, place)):
        place = found.end()
    return text[place:]


def root_of(text: str) -> str:
    """The local name of the first element, in lower case; "" where there is none."""
    found = re.search(r"<(?:[\w.-]{1,60}:)?([a-z][\w.-]{0,60})[\s/>]", text[:_HEAD], re.IGNORECASE)
    return found.group(1).lower() if found else ""


def read(text: str, sink: Sink) -> str | None:
    """Tells `sink` what `text` (from `text_of`) holds. None when it is complete, else in one line why reading ended."""
    pieces = read_pieces(text, sink)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            problem: str | None = end.value
            return problem


def read_pieces(text: str, sink: Sink) -> Generator[None, None, str | None]:
    """As `read`, a piece at a time: after each, `sink` may be emptied."""
    parser = expat.ParserCreate("utf-8", " ", {})
    parser.buffer_text = True
    parser.buffer_size = 1 << 16
    parser.ordered_attributes = False
    depth = 0
    names = _Names()

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise _Broken(TOO_DEEP)
        sink.start(names[name], {names[key]: value for key, value in attributes.items()} if attributes else {})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        sink.end(names[name])

    def entity(name: str, is_parameter: bool) -> None:
        if not is_parameter:
            sink.data(html.entities.html5.get(name + ";", ""))

    def declared(*_: object) -> None:
        raise _Broken(ENTITIES)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = sink.data
    parser.EntityDeclHandler = declared
    # With a foreign DTD that turns out empty, undeclared entities are skipped and told of instead of being errors.
    parser.UseForeignDTD(True)
    parser.ExternalEntityRefHandler = lambda *_: 1
    parser.SkippedEntityHandler = entity
    try:
        for place in range(0, len(text), _PIECE):
            parser.Parse(text[place : place + _PIECE].encode("utf-8", "replace"), False)
            yield
        parser.Parse(b"", True)
    except Stop:
        return None
    except _Broken as error:
        return str(error)
    except expat.ExpatError as error:
        return f"line {error.lineno}: {expat.ErrorString(error.code)}"
    return None


class _Broken(Exception):
    pass


class _Names(dict[str, tuple[str, str]]):
    """Namespace and local part of each name; a document has few names, and says them often."""

    def __missing__(self, name: str) -> tuple[str, str]:
        namespace, _, local = name.rpartition(" ")
        if len(self) < MAX_NAMES:
            self[name] = namespace, local
        return namespace, local
