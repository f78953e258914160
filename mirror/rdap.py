"""Who a domain name is registered with: one request to the registry's RDAP service (RFC 9082, RFC 9083).

Only on request, since it tells that service, and whoever listens, which names somebody is interested in.
"""

from __future__ import annotations

import json
import time
from typing import Any, Final
from urllib.parse import quote

from mirror.errors import TamizdatError

SERVICE: Final = "https://rdap.org"
"""Redirects to the registry's own service, which IANA's bootstrap files name (RFC 9224)."""
LARGEST: Final = 1 << 20
SECONDS: Final = 30


def registrar_of(domain: str, service: str = SERVICE) -> str | None:
    """The registrar's name, at most 80 characters; None when the registry doesn't say. Raises TamizdatError when
    nobody answers."""
    import requests

    from mirror.read import reason

    url = f"{service}/domain/{quote(domain)}"
    try:
        with requests.get(url, stream=True, timeout=(10, 20), headers={"Accept": "application/rdap+json"}) as answer:
            if answer.status_code == 404:
                return None
            if answer.status_code != 200:
                raise TamizdatError(f"{domain}: the registry's service answers with status {answer.status_code}")
            data, end = b"", time.monotonic() + SECONDS
            while part := answer.raw.read1(65_536, decode_content=True):
                data += part
                if len(data) > LARGEST or time.monotonic() > end:
                    raise ValueError("too long an answer")
        return _registrar(json.loads(data))
    except (requests.RequestException, OSError, ValueError, RecursionError) as error:
        raise TamizdatError(f"{domain}: no registrar found: {reason(error)}") from error


def _registrar(document: Any) -> str | None:
    entities = document.get("entities") if isinstance(document, dict) else None
    for entity in entities if isinstance(entities, list) else ():
        if not isinstance(entity, dict) or "registrar" not in (entity.get("roles") or ()):
            continue
        card = entity.get("vcardArray")
        fields = card[1] if isinstance(card, list) and len(card) > 1 and isinstance(card[1], list) else ()
        for field in fields:
            if isinstance(field, list) and len(field) > 3 and field[0] == "fn" and isinstance(field[3], str):
                return " ".join(field[3].split())[:80] or None
    return None
