"""Google Cloud Storage: `gcs://BUCKET` or `gcs://BUCKET/PREFIX`.

    credentials  a reference to a service account's key, the JSON file as Google gives it: file:key.json, env:NAME …
    endpoint     another address than https://storage.googleapis.com; without credentials on this machine alone, for a
                 server that imitates Google's

The key is exchanged here for a token that lasts an hour (RFC 7523; developers.google.com/identity/protocols/oauth2,
"service-account"), not by opendal: that one says "failed to load signing credential" whatever is wrong, and would look
for other keys in the environment and at the cloud's metadata address. The token is asked for with the least scope that
writes, and is sent to the store alone. Cache-Control is set on every file: without it Google serves a public file for
an hour as it was, pointers too. What answers mean is in `_opendal.py`; Google's own:

    invalid_grant                                auth: the key was deleted, or this machine's clock is wrong
    401, authError                               auth
    403 forbidden                                forbidden
    403 with a word of billing                   forbidden: the project's billing
    404 on a put, "bucket does not exist"        no_container
    429, rateLimitExceeded, 403 userRateLimit…   retried; one name may be written about once a second
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mirror.targets import Secret, TargetError, refuse_unknown
from mirror.targets._opendal import (
    CONNECT_SECONDS,
    CONTROL_SECONDS,
    SLOW_DOWN,
    STATUSES,
    TRANSFER_SECONDS,
    Address,
    ObjectStore,
    Service,
    Verdict,
    need,
    read_address,
    split_place,
)
from mirror.targets._probe import LOOPBACK

SETTINGS: Final = ("credentials", "endpoint")
GOOGLE: Final = "https://storage.googleapis.com"
SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_write"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_KEY_LIMIT: Final = 64 * 1024  # bytes; a service account's key has 2.4 KB
_ANSWER_LIMIT: Final = 64 * 1024
_EARLY: Final = 300.0  # seconds before its end at which a token is not used any more

_NEW_KEY: Final = "make a new key: gcloud iam service-accounts keys create key.json --iam-account=…"
_DENIED: Final[Verdict] = (
    "forbidden",
    "this service account may not do that",
    "give it roles/storage.objectUser on this bucket (tamizdat target policy prints how)",
)
_NONE: Final[Verdict] = (
    "no_container",
    "the bucket does not exist",
    "make it, or correct its name; it is never made here",
)
_BILLING: Final[Verdict] = (
    "forbidden",
    "the project's billing is off",
    "turn billing on for the project in Google's console",
)
_CODES: Final[dict[str, Verdict]] = {
    "The specified bucket does not exist": _NONE,
    "billing account": _BILLING,
    "rateLimitExceeded": SLOW_DOWN,
    "userRateLimitExceeded": SLOW_DOWN,
    "quotaExceeded": ("quota", "over the quota", "raise it in Google's console, IAM & Admin, Quotas"),
    "authError": ("auth", "Google doesn't accept the key", _NEW_KEY),
    "uploadTooLarge": ("too_large", "the file is larger than the server takes", "at most 5 TiB"),
}
_STATUSES: Final[dict[int, Verdict]] = {
    **STATUSES,
    400: ("config", "the server doesn't understand the request", "check the bucket's name and the endpoint"),
    401: ("auth", "Google doesn't accept the key", _NEW_KEY),
    403: _DENIED,
    404: _NONE,
    405: ("config", "that is no Google storage", "correct the endpoint, or leave it out"),
    408: ("transient", "the server waited too long for the file", "the next run goes on"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the URL and the settings say, checked; nothing secret in it but a reference."""

    bucket: str
    prefix: str
    endpoint: Address
    credentials: str | None


class GcsTarget(ObjectStore):
    service = Service(
        scheme="gcs",
        codes=_CODES,
        statuses=_STATUSES,
        code=re.compile(
            r"(The specified bucket does not exist|billing account)"
            r'|reason: "(rateLimitExceeded|userRateLimitExceeded|quotaExceeded|authError|uploadTooLarge)"'
        ),
        gone=frozenset({"The specified bucket does not exist"}),
    )

    def __init__(
        self,
        *,
        name: str,
        place: Place,
        secret: Secret,
        control_seconds: float = CONTROL_SECONDS,
        transfer_seconds: float = TRANSFER_SECONDS,
    ) -> None:
        super().__init__(
            name=name,
            address=f"gcs://{place.bucket}/{place.prefix}".rstrip("/"),
            endpoint=place.endpoint.url,
            host=place.endpoint.host,
            port=place.endpoint.port,
            tls=place.endpoint.tls,
            secret=secret,
            control_seconds=control_seconds,
            transfer_seconds=transfer_seconds,
        )
        self.place = place
        self._token_lock = threading.Lock()
        self._token = ("", 0.0)

    def host(self) -> tuple[str | None, dict[str, str]]:
        return "gcs", {"bucket": self.place.bucket, "endpoint": self.place.endpoint.url}

    def secrets(self) -> str:
        if self.place.credentials is None:
            return "none, on this machine's own address"
        return f"the key of {self._key()['client_email']} is there"

    def options(self) -> tuple[dict[str, str], float]:
        place = self.place
        options = {
            "bucket": place.bucket,
            "root": f"/{place.prefix}",
            "endpoint": place.endpoint.url,
            "disable_config_load": "true",
            "disable_vm_metadata": "true",
        }
        if place.credentials is None:
            return {**options, "skip_signature": "true"}, float("inf")
        with self._token_lock:
            token, until = self._token
            if time.monotonic() >= until:
                token, seconds = self._exchange(self._key())
                until = time.monotonic() + seconds - min(_EARLY, seconds / 2)
                self._token = token, until
        return {**options, "token": token}, until - time.monotonic()

    # --- a token for the key ----------------------------------------------------------------------------------------

    def _key(self) -> Mapping[str, str]:
        text = self.reveal(str(self.place.credentials))
        try:
            if len(text) > _KEY_LIMIT:
                raise ValueError
            key = json.loads(text)
            if key["type"] != "service_account":
                raise ValueError
            found = {name: str(key[name]) for name in ("client_email", "private_key", "token_uri")}
        except (ValueError, KeyError, TypeError):
            raise self._wrong("the credentials are no service account's key", _NEW_KEY) from None
        where = read_address(self.name, found["token_uri"], what="token_uri", example=GOOGLE, path=True)
        if not where.tls and not LOOPBACK.match(where.host):
            raise self._wrong("the key's token_uri is not https", _NEW_KEY)
        return found

    def _wrong(self, message: str, hint: str) -> TargetError:
        return TargetError(f"{self.name}: {message}", kind="config", hint=hint)

    def _exchange(self, key: Mapping[str, str]) -> tuple[str, float]:
        """The token and for how many seconds it is good."""
        import requests

        try:
            with requests.post(
                key["token_uri"],
                data={
                    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                    "assertion": self._assertion(key, int(time.time())),
                },
                timeout=(CONNECT_SECONDS, self._control),
                stream=True,
                allow_redirects=False,
            ) as answer:
                status = answer.status_code
                retry = answer.headers.get("Retry-After", "")
                body = answer.raw.read(_ANSWER_LIMIT, decode_content=True)
        except (requests.RequestException, OSError, ValueError) as error:
            kind: Any = "tls" if isinstance(error, requests.exceptions.SSLError) else "unreachable"
            host = read_address(self.name, key["token_uri"], what="token_uri", example=GOOGLE, path=True).host
            message = f"{self.name}: no token from {host}: {type(error).__name__}"
            raise TargetError(message, kind=kind, hint="check the way to it from this machine") from None
        try:
            said = json.loads(body)
            if status == 200:
                return str(said["access_token"]), min(max(float(said["expires_in"]), 0.0), 3600.0)
            code = str(said.get("error", ""))
        except (ValueError, KeyError, TypeError, AttributeError):
            code = ""
        told = " ".join(part for part in (str(status), code if re.fullmatch(r"\w{1,40}", code) else "") if part)
        if status == 429 or status >= 500:
            seconds = float(retry) if re.fullmatch(r"\d{1,5}", retry) else None
            message = f"{self.name}: no token ({told})"
            raise TargetError(message, kind="transient", retry_after=seconds, hint="the next run goes on")
        message = f"{self.name}: Google doesn't accept the key of {key['client_email']} ({told})"
        hint = f"is this machine's clock right (timedatectl)? else {_NEW_KEY}"
        raise TargetError(message, kind="auth", hint=hint)

    def _assertion(self, key: Mapping[str, str], now: int) -> str:
        """A JWT signed with the key, good for ten minutes (RFC 7523, section 3; RS256)."""
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        try:
            private = serialization.load_pem_private_key(key["private_key"].encode(), password=None)
            if not isinstance(private, rsa.RSAPrivateKey):
                raise ValueError
        except (ValueError, TypeError):
            raise self._wrong("the private key in the credentials cannot be read", _NEW_KEY) from None
        claims = {
            "iss": key["client_email"],
            "scope": SCOPE,
            "aud": key["token_uri"],
            "iat": now,
            "exp": now + 600,
        }
        parts = [_part({"alg": "RS256", "typ": "JWT"}), _part(claims)]
        signature = private.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
        return ".".join((*parts, _base64(signature)))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _part(value: Mapping[str, object]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


# --- settings ------------------------------------------------------------------------------------------------------


def read_place(name: str, url: str, settings: Mapping[str, str]) -> Place:
    """The place these settings name; raises TargetError (`config`) for what cannot work."""
    refuse_unknown(name, settings, SETTINGS)
    bucket, prefix = split_place(name, url, "gcs", bucket=_BUCKET, what="bucket")
    endpoint = read_address(name, settings.get("endpoint", GOOGLE), what="endpoint of Google storage", example=GOOGLE)
    credentials = settings.get("credentials") or None
    if credentials is None and not LOOPBACK.match(endpoint.host):
        need(name, settings, "credentials")
    if credentials and not re.match(r"(env|file|cred):", credentials):
        hint = "a reference to the JSON key: --set credentials=file:/path/key.json"
        raise TargetError(f"{name}: the credentials must be a reference", kind="config", hint=hint)
    return Place(bucket=bucket, prefix=prefix, endpoint=endpoint, credentials=credentials)


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> GcsTarget:
    return GcsTarget(name=name, place=read_place(name, url, settings), secret=secret)


# --- least privilege -----------------------------------------------------------------------------------------------

CORS: Final = [
    {
        "origin": ["*"],
        "method": ["GET", "HEAD"],
        "responseHeader": ["Content-Type", "Content-Length", "Content-Range", "Range", "ETag"],
        "maxAgeSeconds": 86400,
    }
]


def policy(name: str, url: str, settings: Mapping[str, str], public: str | None = None) -> str:
    """The commands that give one service account this bucket's files and nothing else, and readers the right to read.
    Raises TargetError (`config`) for settings that cannot work; the key need not be there yet."""
    from mirror.providers import fill

    place = read_place(name, url, {"credentials": "file:key.json", **settings})
    account = re.sub(r"[^a-z0-9-]", "-", f"tamizdat-{name.lower()}")[:30].rstrip("-")
    cors = json.dumps(CORS, indent=2)
    return fill(_POLICY, {"bucket": place.bucket, "account": account, "cors": cors}).strip() + "\n"


_POLICY: Final = """
# In Google's Cloud Shell, or wherever gcloud is logged in as the bucket's owner. PROJECT is the project's id.

# 1. The bucket: rights by roles alone, no single file's own; a day of "soft delete" would keep what was withdrawn.
gcloud storage buckets create gs://{bucket} --project=PROJECT --uniform-bucket-level-access --soft-delete-duration=0

# 2. The publishing key: a service account that may write, read, list and delete files here, and nothing else.
gcloud iam service-accounts create {account} --project=PROJECT
gcloud storage buckets add-iam-policy-binding gs://{bucket} \\
  --member=serviceAccount:{account}@PROJECT.iam.gserviceaccount.com --role=roles/storage.objectUser
gcloud iam service-accounts keys create key.json --iam-account={account}@PROJECT.iam.gserviceaccount.com
chmod 600 key.json

# 3. Readers: everybody may read a file whose name is known; nobody may list (objectViewer would let them).
gcloud storage buckets add-iam-policy-binding gs://{bucket} --member=allUsers --role=roles/storage.legacyObjectReader

# 4. Readers' pages, which come from other addresses. Save as cors.json:
{cors}
gcloud storage buckets update gs://{bucket} --cors-file=cors.json
"""
