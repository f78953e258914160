"""An object store that speaks S3: `s3://BUCKET` or `s3://BUCKET/PREFIX`.

    endpoint       https://s3.eu-central-1.amazonaws.com, https://ACCOUNT.r2.cloudflarestorage.com, … (default: AWS)
    region         found from the endpoint where that is possible, else us-east-1
    access_key     the key's id
    secret_key     a reference: env:NAME, file:/path or cred:NAME
    session_token  a reference, for credentials that expire
    style          path (default with an endpoint) or virtual (default for AWS)

Backblaze B2 through its S3 address too: its own protocol cannot set Cache-Control. The bucket must exist; a push never
makes one, since a typing mistake would become a bucket.

Built on opendal's blocking `Operator` only. Its async one aborts the interpreter at exit now and then (the process has
done everything and reports 134). opendal is imported, and secrets are resolved, at the first request: a run with
nothing new to push pays for neither. Credentials come from the settings alone; opendal would look for others in the
environment, in ~/.aws and at a cloud's metadata address.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from mirror.errors import TamizdatError
from mirror.targets import Caps, Check, Kind, Meta, Secret, TargetError, check_key, meta_for, refuse_unknown
from mirror.targets._probe import Step, clock_step, dns_step, files_steps, public_steps, tcp_step, tls_step, walk

CAPS: Final = Caps(workers=16, headers=True, max_object=5 * 2**30)
SETTINGS: Final = ("endpoint", "region", "access_key", "secret_key", "session_token", "style")
CONTROL_SECONDS: Final = 20.0
# One read or write call. A whole object is one call, so this bounds the slowest line: 16 MiB in 120 s.
TRANSFER_SECONDS: Final = 120.0
_CHUNK: Final = 1 << 20
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the URL and the settings say, checked; nothing secret in it but references."""

    bucket: str
    prefix: str
    endpoint: str
    region: str
    virtual: bool
    access_key: str
    secret_key: str
    session_token: str | None = None
    host: str = field(default="")
    port: int = field(default=0)
    tls: bool = field(default=True)


class S3Target:
    caps = CAPS

    def __init__(
        self,
        *,
        name: str,
        place: Place,
        secret: Secret,
        control_seconds: float = CONTROL_SECONDS,
        transfer_seconds: float = TRANSFER_SECONDS,
    ) -> None:
        self.name = name
        self.place = place
        self.address = f"s3://{place.bucket}/{place.prefix}".rstrip("/")
        self._secret = secret
        self._seconds = control_seconds, transfer_seconds
        self._operator: Any = None
        self._lock = threading.Lock()

    # --- the operations ---------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        check_key(key)
        self._call(
            key,
            lambda: self._open().write(key, data, content_type=meta.content_type, cache_control=meta.cache_control),
        )

    def flush(self) -> None:
        """Nothing to do: S3 answers a put when it is kept."""

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        for key, data in pointers.items():
            self.put(key, data, meta_for(key, data))

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        check_key(key)
        try:
            return self._call(key, lambda: self._read(key, cap))
        except _Absent:
            return None

    def list(self, prefix: str = "") -> Iterator[str]:
        # The service lists folders; the rest of the prefix is a filter here. While opendal lists (and only then) it
        # holds the interpreter's lock, so every other thread waits: one more reason to leave listing to repairs.
        folder = prefix.rpartition("/")[0]
        top = f"{folder}/" if folder else "/"
        entries = self._call(prefix or "/", lambda: [entry.path for entry in self._open().list(top, recursive=True)])
        return (key for key in sorted(entries) if key.startswith(prefix) and not key.endswith("/"))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            check_key(key)
            with contextlib.suppress(_Absent):
                # The default binds the loop's value; mypy has no type for such a lambda.
                self._call(key, lambda key=key: self._open().delete(key))  # type: ignore[misc]

    def close(self) -> None:
        with self._lock:
            self._operator = None

    # --- inside -----------------------------------------------------------------------------------------------------

    def _open(self) -> Any:
        with self._lock:
            if self._operator is None:
                import opendal
                from opendal import layers

                place = self.place
                options = {
                    "bucket": place.bucket,
                    "root": f"/{place.prefix}",
                    "endpoint": place.endpoint,
                    "region": place.region,
                    "access_key_id": self._reveal(place.access_key),
                    "secret_access_key": self._reveal(place.secret_key),
                    "disable_config_load": "true",
                    "disable_ec2_metadata": "true",
                }
                if place.session_token:
                    options["session_token"] = self._reveal(place.session_token)
                if place.virtual:
                    options["enable_virtual_host_style"] = "true"
                control, transfer = self._seconds
                timeout = layers.TimeoutLayer(timeout=control, io_timeout=transfer)
                self._operator = opendal.Operator("s3", **options).layer(timeout)
            return self._operator

    def _reveal(self, value: str) -> str:
        if not re.match(r"(env|file|cred):", value):
            return value
        try:
            return self._secret(value)
        except TamizdatError as error:
            raise TargetError(f"{self.name}: {error}", kind="config", hint=error.hint) from error

    def _read(self, key: str, cap: int | None) -> bytes:
        if cap is None:
            return bytes(self._open().read(key))
        # By parts, so that a server which sends for ever is not believed: the whole is never asked for at once.
        parts: list[bytes] = []
        size = 0
        with self._open().open(key, "rb") as file:
            while size <= cap:
                part = file.read(min(_CHUNK, cap + 1 - size))
                if not part:
                    return b"".join(parts)
                parts.append(bytes(part))
                size += len(part)
        raise TargetError(f"{self.name}: {key} has more than the {cap} bytes expected", kind="too_large")

    def _call(self, key: str, action: Callable[[], Result]) -> Result:
        try:
            return action()
        except (TargetError, _Absent):
            raise
        except Exception as error:
            if not _FORM.match(str(error)):
                raise
            raise explain(error, what=f"{self.name}: {self.address}: {key}") from None

    # --- the probe --------------------------------------------------------------------------------------------------

    def probe(self, public: str | None = None) -> Iterator[Check]:
        yield from walk(self, self._steps(public))

    def _steps(self, public: str | None) -> Iterator[Step]:
        place = self.place
        met: dict[str, TargetError] = {}

        def secrets() -> str:
            self._reveal(place.access_key)
            self._reveal(place.secret_key)
            return "access key and secret key are there"

        def auth() -> str:
            try:
                self._call("(list)", lambda: self._open().check())
            except TargetError as error:
                met["list"] = error
                if error.kind not in ("no_container", "forbidden"):
                    raise
            return "the keys are known"

        def container() -> str:
            error = met.get("list")
            if error and error.kind == "no_container":
                raise error
            return "there, but these keys may not list it" if error else f"{place.bucket} is there"

        yield Step("configuration", lambda: f"{self.address} at {place.endpoint}, region {place.region}")
        yield Step("secrets", secrets)
        yield dns_step(place.host, place.port)
        yield tcp_step(place.host, place.port)
        yield tls_step(place.host, place.port, tls=place.tls)
        yield Step("authentication", auth)
        yield Step("bucket", container)
        yield clock_step(f"{place.endpoint}/")
        yield from files_steps(self)
        if public:
            yield from public_steps(self, public)


# --- errors --------------------------------------------------------------------------------------------------------


class _Absent(Exception):
    """The key is not there: an answer, not an error."""


# What opendal says: `Kind (temporary|permanent|persistent) at operation[ => message]`, then lines of context, among
# them `response: Parts { status: 403, …, headers: {"retry-after": "7"} }`. The exception's class is not enough: refused
# connections, TLS errors, timeouts, 301 and 507 are all `Unexpected`, and `File` raises OSError whatever it was.
_FORM: Final = re.compile(r"(\w+) \((temporary|permanent|persistent)\) at (\w*)")
_STATUS: Final = re.compile(r"response: Parts \{ status: (\d{3})")
_CODE: Final = re.compile(r'S3Error \{ code: "([A-Za-z0-9.]+)", message: "((?:[^"\\]|\\.){0,300})')
_RETRY: Final = re.compile(r'"retry-after": "(\d{1,5})"')
_REGION: Final = re.compile(r'"x-amz-bucket-region": "([a-z0-9-]{1,40})"')

_KEYS_FIX: Final = "make new keys in the provider's console and put the new ones where access_key and secret_key point"
_CODES: Final[dict[str, tuple[Kind, str, str]]] = {
    "SignatureDoesNotMatch": ("auth", "the secret key is wrong", _KEYS_FIX),
    "InvalidAccessKeyId": ("auth", "the server doesn't know the access key", _KEYS_FIX),
    "InvalidToken": ("auth", "the session token is wrong", "get a new one"),
    "ExpiredToken": ("auth", "the session token has expired", "get a new one, or use keys that don't expire"),
    "AuthorizationHeaderMalformed": ("config", "signed for another region", 'set region = "…" to the bucket\'s own'),
    "AuthorizationQueryParametersError": ("config", "signed for another region", 'set region = "…"'),
    "RequestTimeTooSkewed": ("config", "this machine's clock is wrong", "set it: timedatectl set-ntp true"),
    "AccessDenied": (
        "forbidden",
        "these keys may not do that",
        "allow them s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket on this bucket",
    ),
    "NoSuchBucket": (
        "no_container",
        "the bucket does not exist",
        "make it, or correct its name; it is never made here",
    ),
    "InvalidBucketName": ("config", "no bucket can have that name", "correct the URL: s3://BUCKET/PREFIX"),
    "PermanentRedirect": ("config", "the bucket lives elsewhere", "set endpoint and region to the bucket's own"),
    "EntityTooLarge": ("too_large", "the file is larger than the server takes", "raise the server's limit"),
    "QuotaExceeded": ("quota", "over the quota", "raise the quota, or make room"),
    "InvalidObjectState": ("forbidden", "the object is archived or locked", "turn object lock off for this bucket"),
    "SlowDown": ("rate_limited", "too fast for the server", "set workers to fewer"),
}
_STATUSES: Final[dict[int, tuple[Kind, str, str]]] = {
    301: _CODES["PermanentRedirect"],
    307: _CODES["PermanentRedirect"],
    400: ("config", "the server doesn't understand the request", "check endpoint, region and style"),
    401: ("auth", "the server doesn't accept the keys", _KEYS_FIX),
    403: _CODES["AccessDenied"],
    404: ("no_container", "there is no bucket at this address", "check endpoint, bucket and style"),
    405: ("config", "that is no S3 server", "correct the endpoint: the S3 address, not the one readers use"),
    409: ("conflict", "somebody else writes the same key", "one publication, one target"),
    411: ("config", "a proxy on the way changes requests", "go around it"),
    412: ("conflict", "somebody else wrote the same key", "one publication, one target"),
    413: _CODES["EntityTooLarge"],
    429: _CODES["SlowDown"],
    507: ("quota", "the server's disk is full", "make room there"),
}


# What is known only by the text, first match wins. `{0}` is what the first group caught.
_TEXTS: Final[tuple[tuple[re.Pattern[str], Kind, str, str], ...]] = (
    (re.compile("timeout reached"), "transient", "no answer in time", "set workers to fewer, if it stays so"),
    (re.compile("dns error"), "unreachable", "the endpoint's name has no address", "correct it, or this machine's DNS"),
    (
        re.compile("client error .*?((?:Connection refused|No route|[A-Z][a-z]+ (?:is )?unreachable).{0,60})"),
        "unreachable",
        "can't be reached: {0}",
        "is the server up, and the port right?",
    ),
    (
        re.compile(
            "client error .*?((?:invalid peer certificate|received corrupt|received fatal|.*certificate).{0,120})"
        ),
        "tls",
        "no safe connection: {0}",
        "check the endpoint's name and its certificate",
    ),
    (re.compile("error sending request: (.{1,160})"), "transient", "the connection broke: {0}", "the next run goes on"),
    (re.compile("RateLimited"), *_CODES["SlowDown"]),
    (re.compile("PermissionDenied"), *_CODES["AccessDenied"]),
    (re.compile("ConfigInvalid[^>]*=> (.{1,200})"), "config", "{0}", "correct the target's settings"),
    (re.compile("(.{0,200})"), "transient", "{0}", "the next run goes on"),
)


def _by_text(text: str) -> tuple[Kind, str, str]:
    found = next((rule, matched) for rule in _TEXTS if (matched := rule[0].search(text)))
    (_, kind, why, hint), matched = found
    return kind, why.format(*matched.groups()), hint


def explain(error: Exception, *, what: str) -> TargetError:
    """The TargetError for what opendal raised; raises `_Absent` when it only says that a key is not there. Nothing of
    the answer but codes and short messages gets into it."""
    text = str(error)
    form, status, code = _FORM.match(text), _STATUS.search(text), _CODE.search(text)
    said, number = code[1] if code else "", int(status[1]) if status else 0
    if said == "NoSuchKey" or (form and form[1] == "NotFound" and said != "NoSuchBucket"):
        raise _Absent
    if said in _CODES:
        kind, why, hint = _CODES[said]
    elif number in _STATUSES:
        kind, why, hint = _STATUSES[number]
    elif number >= 500:
        kind, why, hint = "transient", "the server failed", "the next run goes on"
    else:
        kind, why, hint = _by_text(text)
    region, retry = _REGION.search(text), _RETRY.search(text)
    if kind == "config" and region:
        hint = f'set region = "{region[1]}", and an endpoint of that region'
    told = " ".join(part for part in (str(number or ""), said) if part)
    return TargetError(
        f"{what}: {why}" + (f" ({told})" if told else ""),
        kind=kind,
        hint=hint,
        retry_after=float(retry[1]) if retry else None,
    )


# --- settings ------------------------------------------------------------------------------------------------------


def default_region(endpoint: str) -> str:
    """The region an endpoint's name tells, `auto` for R2, else us-east-1, which most others take."""
    host = urlsplit(endpoint).hostname or ""
    if host.endswith(".r2.cloudflarestorage.com"):
        return "auto"
    told = re.match(r"(?:s3[.-]|.+\.s3[.-])(?:dualstack\.)?([a-z]{2,}(?:-[a-z0-9]+)+)\.", host)
    return told[1] if told else "us-east-1"


def read_place(name: str, url: str, settings: Mapping[str, str]) -> Place:
    """The place these settings name; raises TargetError (`config`) for what cannot work."""

    def wrong(message: str, hint: str) -> TargetError:
        return TargetError(f"{name}: {message}", kind="config", hint=hint)

    refuse_unknown(name, settings, SETTINGS)
    bucket, _, prefix = url.removeprefix("s3:").removeprefix("//").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise wrong(f"no bucket in {url!r}", "write s3://BUCKET or s3://BUCKET/PREFIX")
    prefix = prefix.strip("/")
    if prefix:
        check_key(prefix)
    for needed in ("access_key", "secret_key"):
        if not settings.get(needed):
            raise wrong(f'the setting "{needed}" is missing', f'add it: --set {needed}=env:NAME, or under "settings"')
    region = settings.get("region")
    endpoint = settings.get("endpoint", "")
    amazon = not endpoint
    if amazon:
        region = region or "us-east-1"
        endpoint = f"https://s3.{region}.amazonaws.com"
    if "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    try:
        parts = urlsplit(endpoint)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise wrong(f"{endpoint!r} is no address", "for instance https://s3.example.org") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.path.strip("/"):
        raise wrong(f"{endpoint!r} is no S3 endpoint", "scheme and host alone: https://s3.example.org")
    if parts.username or parts.password:
        raise wrong("keys do not belong into the endpoint", "use access_key and secret_key")
    style = settings.get("style", "virtual" if amazon or parts.hostname.endswith(".amazonaws.com") else "path")
    if style not in ("path", "virtual"):
        raise wrong(f"style {style!r}", "path or virtual")
    virtual = style == "virtual" and "." not in bucket  # no certificate covers a bucket's name with dots
    return Place(
        bucket=bucket,
        prefix=prefix,
        endpoint=endpoint.rstrip("/"),
        region=region or default_region(endpoint),
        virtual=virtual,
        access_key=settings["access_key"],
        secret_key=settings["secret_key"],
        session_token=settings.get("session_token"),
        host=f"{bucket}.{parts.hostname}" if virtual else parts.hostname,
        port=port,
        tls=parts.scheme == "https",
    )


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> S3Target:
    return S3Target(name=name, place=read_place(name, url, settings), secret=secret)
