"""Azurite, Microsoft's own imitation of Azure Storage (npm package azurite; `.ci/run` puts it into .ci/node).

It refuses wrong keys, wrong and expired SAS, and what a SAS doesn't allow; obeys the service's CORS rules and the
container's public access. `--skipApiVersionCheck`: clients name versions newer than it knows.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import hmac
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from tests.needs import ROOT, missing
from tests.servers import free_port, listening, running, wait_for

ACCOUNT = "devstoreaccount1"
# The one key Azurite has (github.com/Azure/Azurite, README, "Default Storage Account"); no secret of anybody's.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
VERSION = "2021-12-02"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Azurite:
    endpoint: str  # with the account in its path
    container: str = "news"

    @property
    def public_url(self) -> str:
        return f"{self.endpoint}/{self.container}"

    def sas(self, permissions: str, *, hours: float = 1, container: str = "") -> str:
        """A service SAS for the container (learn.microsoft.com/rest/api/storageservices/create-service-sas)."""
        ends = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        name = container or self.container
        signed = [permissions, "", ends, f"/blob/{ACCOUNT}/{name}", "", "", "", VERSION, "c", "", "", *[""] * 5]
        fields = {"sv": VERSION, "sr": "c", "sp": permissions, "se": ends, "sig": _sign("\n".join(signed))}
        return urlencode(fields)

    def make(self, container: str, *, public: bool) -> None:
        """A container; what is in it may be read by anybody, or by nobody."""
        extra = {"x-ms-blob-public-access": "blob"} if public else {}
        self._ask("PUT", f"/{container}?restype=container", b"", extra)

    def allow_all_origins(self) -> None:
        rule = "<AllowedOrigins>*</AllowedOrigins><AllowedMethods>GET,HEAD</AllowedMethods>"
        rule += "<AllowedHeaders>*</AllowedHeaders><ExposedHeaders>*</ExposedHeaders>"
        rule += "<MaxAgeInSeconds>86400</MaxAgeInSeconds>"
        body = f"<StorageServiceProperties><Cors><CorsRule>{rule}</CorsRule></Cors></StorageServiceProperties>"
        self._ask("PUT", "/?restype=service&comp=properties", body.encode(), {"Content-Type": "application/xml"})

    def head(self, key: str) -> dict[str, str]:
        """Headers of a file, as anybody gets them."""
        request = urllib.request.Request(f"{self.public_url}/{quote(key)}", method="HEAD")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return {name.lower(): value for name, value in answer.headers.items()}

    def _ask(self, method: str, path: str, body: bytes, extra: dict[str, str]) -> None:
        """A request signed with the account's key (…/authorize-with-shared-key)."""
        headers = {"x-ms-date": format_datetime(datetime.now(UTC), usegmt=True), "x-ms-version": VERSION, **extra}
        ours = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-ms-"))
        where, _, query = path.partition("?")
        asked = "".join("\n" + pair.replace("=", ":") for pair in sorted(query.split("&")))
        kind, size = headers.get("Content-Type", ""), str(len(body) or "")
        plain = "\n".join([method, "", "", size, "", kind, "", "", "", "", "", "", ours])
        plain += f"/{ACCOUNT}/{ACCOUNT}{where}{asked}"
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{_sign(plain)}"
        if body == b"":
            headers["Content-Length"] = "0"
        request = urllib.request.Request(self.endpoint + path, data=body or None, method=method, headers=headers)
        urllib.request.urlopen(request, timeout=10).close()


def _sign(text: str) -> str:
    return base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)).decode()


@contextlib.contextmanager
def azurite() -> Iterator[Azurite]:
    """A running server with a container that anybody may read, from any page."""
    folder = ROOT / ".ci/node/node_modules/.bin"
    program = shutil.which("azurite-blob", path=str(folder)) or shutil.which("azurite-blob")
    if program is None:
        missing("azurite (npm install --prefix .ci/node azurite)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="azurite-", ignore_cleanup_errors=True) as place:
        log = Path(place) / "log"
        command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "-l", place, "--silent"]
        with running([*command, "--skipApiVersionCheck", "--disableTelemetry"], log=log):
            wait_for(lambda: listening(port), seconds=60, what="azurite", log=log)
            server = Azurite(endpoint=f"http://127.0.0.1:{port}/{ACCOUNT}")
            server.make(server.container, public=True)
            server.allow_all_origins()
            yield server
