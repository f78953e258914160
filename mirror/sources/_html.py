"""Web pages from strangers as a tree: capped, without network, entities or comments."""

from __future__ import annotations

from typing import Any

from mirror.charset import decode
from mirror.sources import NotUnderstood

MAX_HTML = 2_000_000  # characters; lists of articles are a tenth of it


def tree_of(body: bytes, content_type: str) -> Any:
    """The page's root element (lxml's); raises `NotUnderstood` for what is no page."""
    from lxml import etree

    text = decode(body[: 4 * MAX_HTML], content_type)[:MAX_HTML].lstrip("\ufeff \t\r\n").replace("\x00", "")
    if not text.startswith("<"):
        raise NotUnderstood("it is not a web page")
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True, collect_ids=False
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.ParserError:
        root = None
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        raise NotUnderstood("it is a web page with nothing in it")
    return root


def classes(element: Any) -> frozenset[str]:
    """An element's classes."""
    return frozenset((element.get("class") or "").split())


def inner_text(element: Any) -> str:
    """An element's text on one line."""
    return " ".join("".join(element.itertext("*")).split())
