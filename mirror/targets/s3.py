"""An object store that speaks S3: `s3://BUCKET` or `s3://BUCKET/PREFIX`.

    provider       aws, r2, b2, wasabi, hetzner, … (tamizdat target providers): knows endpoint, region and style
    account        where the provider's endpoint has one in it (R2)
    endpoint       https://s3.eu-central-1.amazonaws.com, https://ACCOUNT.r2.cloudflarestorage.com, … (default: AWS)
    region         found from the endpoint where that is possible, else us-east-1
    access_key     the key's id
    secret_key     a reference: env:NAME, file:/path or cred:NAME
    session_token  a reference, for credentials that expire
    style          path (default with an endpoint) or virtual (default for AWS)

Backblaze B2 through its S3 address too: its own protocol cannot set Cache-Control. The bucket must exist; a push never
makes one, since a typing mistake would become a bucket. What answers mean is in `_opendal.py`; S3's own codes:

    SignatureDoesNotMatch, InvalidAccessKeyId, ExpiredToken …    auth
    AccessDenied, AllAccessDisabled, InvalidObjectState          forbidden
    NoSuchBucket                                                 no_container
    PermanentRedirect, AuthorizationHeaderMalformed              config: another region, named when the answer names it
    RequestTimeTooSkewed                                         config: this machine's clock
    QuotaExceeded                                                quota
    EntityTooLarge                                               too_large
    SlowDown, TooManyRequests, RequestTimeout                    retried

Keys that may not list get 403 for a file that isn't there. That stays an error here, since a wrong policy looks the
same; so the policy below lets the publishing key list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mirror.providers import Provider, by_host, fill, known
from mirror.targets import Secret, TargetError, refuse_unknown
from mirror.targets._opendal import (
    CAPS,
    CONFLICT,
    CONTROL_SECONDS,
    SLOW_DOWN,
    STATUSES,
    TRANSFER_SECONDS,
    ObjectStore,
    Service,
    Verdict,
    need,
    read_address,
    split_place,
)

SETTINGS: Final = (
    "provider",
    "account",
    "endpoint",
    "region",
    "access_key",
    "secret_key",
    "session_token",
    "style",
)
# DigitalOcean answers 503 above 150 writes a second in a bucket; eight connections stay below.
_WORKERS: Final = {"digitalocean": 8}
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")

_KEYS_FIX: Final = "make new keys in the provider's console and put the new ones where access_key and secret_key point"
_ELSEWHERE: Final[Verdict] = ("config", "the bucket lives elsewhere", "set endpoint and region to the bucket's own")
_DENIED: Final[Verdict] = (
    "forbidden",
    "these keys may not do that",
    "allow them s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket on this bucket "
    "(tamizdat target policy prints what to paste)",
)
_DAMAGED: Final[Verdict] = ("transient", "the file was damaged on the way", "the next run goes on")
_CODES: Final[dict[str, Verdict]] = {
    "SignatureDoesNotMatch": ("auth", "the secret key is wrong", _KEYS_FIX),
    "InvalidAccessKeyId": ("auth", "the server doesn't know the access key", _KEYS_FIX),
    "Unauthorized": ("auth", "the server doesn't accept the keys", _KEYS_FIX),
    "InvalidToken": ("auth", "the session token is wrong", "get a new one"),
    "ExpiredToken": ("auth", "the session token has expired", "get a new one, or use keys that don't expire"),
    "AuthorizationHeaderMalformed": ("config", "signed for another region", 'set region = "…" to the bucket\'s own'),
    "AuthorizationQueryParametersError": ("config", "signed for another region", 'set region = "…"'),
    "RequestTimeTooSkewed": ("config", "this machine's clock is wrong", "set it: timedatectl set-ntp true"),
    "AccessDenied": _DENIED,
    "AllAccessDisabled": ("forbidden", "the provider has shut this bucket", "its console or its mail says why"),
    "AccountProblem": ("forbidden", "something is wrong with the account", "its console or its mail says what"),
    "NotSignedUp": ("forbidden", "this account has no storage", "sign up for it in the provider's console"),
    "NoSuchBucket": (
        "no_container",
        "the bucket does not exist",
        "make it, or correct its name; it is never made here",
    ),
    "InvalidBucketName": ("config", "no bucket can have that name", "correct the URL: s3://BUCKET/PREFIX"),
    "PermanentRedirect": _ELSEWHERE,
    "IllegalLocationConstraintException": _ELSEWHERE,
    "EntityTooLarge": ("too_large", "the file is larger than the server takes", "raise the server's limit"),
    "QuotaExceeded": ("quota", "over the quota", "raise the quota, or make room"),
    "XMinioAdminBucketQuotaExceeded": ("quota", "over the bucket's quota", "raise it: mc quota set"),
    "XMinioStorageFull": ("quota", "the server's disk is full", "make room there"),
    "InvalidObjectState": ("forbidden", "the object is archived or locked", "turn object lock off for this bucket"),
    "SlowDown": SLOW_DOWN,
    "TooManyRequests": SLOW_DOWN,
    "Throttling": SLOW_DOWN,
    "RequestTimeout": ("transient", "the server waited too long for the file", "the next run goes on"),
    "OperationAborted": CONFLICT,
    "BadDigest": _DAMAGED,
    "XAmzContentSHA256Mismatch": _DAMAGED,
    "IncompleteBody": _DAMAGED,
    "NotImplemented": ("unsupported", "the server cannot do that", "use another store, or a newer version of it"),
}
_STATUSES: Final[dict[int, Verdict]] = {
    **STATUSES,
    301: _ELSEWHERE,
    307: _ELSEWHERE,
    400: ("config", "the server doesn't understand the request", "check endpoint, region and style"),
    401: ("auth", "the server doesn't accept the keys", _KEYS_FIX),
    403: _DENIED,
    404: ("no_container", "there is no bucket at this address", "check endpoint, bucket and style"),
    405: ("config", "that is no S3 server", "correct the endpoint: the S3 address, not the one readers use"),
}
_REGION: Final = re.compile(
    r'"x-amz-bucket-region": "([a-z0-9-]{1,40})"'
    r"|the region [^;]{0,60}? is wrong; expecting [^a-z]{0,3}([a-z0-9-]{1,40})"
)


def _hint(text: str, hint: str) -> str:
    if "unexpected scope" in text:  # Garage, which doesn't say what it expects
        return 'set region to what s3_region says in garage.toml, "garage" if nothing'
    region = _REGION.search(text)
    if region and hint in (_ELSEWHERE[2], _CODES["AuthorizationHeaderMalformed"][2], _STATUSES[400][2]):
        return f'set region = "{region[1] or region[2]}", and an endpoint of that region'
    return hint


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
    provider: Provider | None = None
    account: str = ""
    host: str = field(default="")
    port: int = field(default=0)
    tls: bool = field(default=True)

    def names(self) -> dict[str, str]:
        """What texts about providers call by name."""
        named = {"bucket": self.bucket, "prefix": self.prefix, "endpoint": self.endpoint, "region": self.region}
        return {**named, "account": self.account}


class S3Target(ObjectStore):
    service = Service(
        scheme="s3",
        codes=_CODES,
        statuses=_STATUSES,
        code=re.compile(r'S3Error \{ code: "([A-Za-z0-9.]+)"'),
        absent=frozenset({"NoSuchKey"}),
        gone=frozenset({"NoSuchBucket"}),
        hint=_hint,
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
            address=f"s3://{place.bucket}/{place.prefix}".rstrip("/"),
            endpoint=place.endpoint,
            host=place.host,
            port=place.port,
            tls=place.tls,
            secret=secret,
            caps=replace(CAPS, workers=_WORKERS.get(place.provider.id if place.provider else "", CAPS.workers)),
            control_seconds=control_seconds,
            transfer_seconds=transfer_seconds,
        )
        self.place = place

    def configuration(self) -> str:
        place = self.place
        of = f" of {place.provider.name}" if place.provider else ""
        return f"{self.address} at {place.endpoint}{of}, region {place.region}"

    def host(self) -> tuple[str | None, dict[str, str]]:
        place = self.place
        return place.provider.id if place.provider else None, place.names()

    def secrets(self) -> str:
        self.reveal(self.place.access_key)
        self.reveal(self.place.secret_key)
        if self.place.session_token:
            self.reveal(self.place.session_token)
        return "access key and secret key are there"

    def options(self) -> tuple[dict[str, str], float]:
        place = self.place
        options = {
            "bucket": place.bucket,
            "root": f"/{place.prefix}",
            "endpoint": place.endpoint,
            "region": place.region,
            "access_key_id": self.reveal(place.access_key),
            "secret_access_key": self.reveal(place.secret_key),
            "disable_config_load": "true",
            "disable_ec2_metadata": "true",
        }
        if place.session_token:
            options["session_token"] = self.reveal(place.session_token)
        if place.virtual:
            options["enable_virtual_host_style"] = "true"
        return options, float("inf")


# --- settings ------------------------------------------------------------------------------------------------------


def default_region(endpoint: str) -> str:
    """The region an endpoint's name tells, `auto` for R2, else us-east-1, which most others take."""
    provider = by_host(endpoint)
    if provider is None:
        return "us-east-1"
    if provider.region:
        return provider.region
    host = read_address("", endpoint, what="S3 endpoint", example="https://s3.example.org").host
    for pattern in provider.hosts:
        matched = re.fullmatch(pattern, host, re.IGNORECASE)
        if matched and matched.groupdict().get("region"):
            return str(matched["region"]).lower()
    return "us-east-1"


def _preset(name: str, settings: Mapping[str, str]) -> tuple[Provider | None, str]:
    """The provider these settings name, or whose endpoint they give, and the endpoint."""
    endpoint = settings.get("endpoint", "")
    named = settings.get("provider", "").lower()
    if not named and endpoint:
        return by_host(endpoint), endpoint
    named = ALIASES.get(named, named) or "aws"
    found = known().get(named)
    if found is None or "s3" not in found.kinds:
        ours = ", ".join(one.id for one in known().values() if "s3" in one.kinds)
        raise TargetError(
            f'{name}: no provider of S3 is called "{settings["provider"]}"',
            kind="config",
            hint=f"known are {ours}; any other works with endpoint and region",
        )
    if endpoint:
        return found, endpoint
    if not found.endpoint:
        hint = "its own address, for instance --set endpoint=https://s3.example.org"
        raise TargetError(f'{name}: the setting "endpoint" is missing', kind="config", hint=hint)
    given = {"region": "us-east-1", **settings} if found.id == "aws" else settings
    for needed in found.needs:
        if not given.get(needed):
            example = {"account": "the account's id, in the console's address", "region": "as the console shows it"}
            hint = f"--set {needed}=… ({example.get(needed, 'from its console')})"
            message = f'{name}: for {found.name} the setting "{needed}" is missing'
            raise TargetError(message, kind="config", hint=hint)
        if not re.fullmatch(r"[A-Za-z0-9-]{1,63}", given[needed]):
            raise TargetError(f"{name}: {needed} {given[needed]!r} cannot be", kind="config", hint="correct it")
    return found, fill(found.endpoint, given)


ALIASES: Final = {
    "cloudflare": "r2",
    "amazon": "aws",
    "s3": "aws",
    "backblaze": "b2",
    "spaces": "digitalocean",
    "akamai": "linode",
    "idrive-e2": "idrive",
    "e2": "idrive",
    "radosgw": "ceph",
    "rgw": "ceph",
}


def read_place(name: str, url: str, settings: Mapping[str, str]) -> Place:
    """The place these settings name; raises TargetError (`config`) for what cannot work."""
    refuse_unknown(name, settings, SETTINGS)
    bucket, prefix = split_place(name, url, "s3", bucket=_BUCKET, what="bucket")
    need(name, settings, "access_key", "secret_key")
    provider, endpoint = _preset(name, settings)
    found = read_address(name, endpoint, what="S3 endpoint", example="https://s3.example.org")
    amazon = found.host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    style = settings.get("style", "virtual" if amazon else "path")
    if style not in ("path", "virtual"):
        raise TargetError(f"{name}: style {style!r}", kind="config", hint="path or virtual")
    virtual = style == "virtual" and "." not in bucket  # no certificate covers a bucket's name with dots
    return Place(
        bucket=bucket,
        prefix=prefix,
        endpoint=found.url,
        region=settings.get("region") or (provider and provider.region) or default_region(found.url),
        virtual=virtual,
        access_key=settings["access_key"],
        secret_key=settings["secret_key"],
        session_token=settings.get("session_token"),
        provider=provider,
        account=settings.get("account", ""),
        host=f"{bucket}.{found.host}" if virtual else found.host,
        port=found.port,
        tls=found.tls,
    )


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> S3Target:
    return S3Target(name=name, place=read_place(name, url, settings), secret=secret)


# --- least privilege -----------------------------------------------------------------------------------------------

CORS: Final = {
    "CORSRules": [
        {
            "AllowedOrigins": ["*"],
            "AllowedMethods": ["GET", "HEAD"],
            "AllowedHeaders": ["Range"],
            "ExposeHeaders": ["ETag", "Content-Length", "Content-Range"],
            "MaxAgeSeconds": 86400,
        }
    ]
}


def key_policy(bucket: str, prefix: str) -> dict[str, object]:
    """What the publishing key may do, and nothing more (IAM policy language, which Ceph, MinIO, Wasabi and others speak
    as well): write, read back and delete files of this place; list it, for repairs."""
    where = f"arn:aws:s3:::{bucket}"
    listing: dict[str, object] = {
        "Sid": "List",
        "Effect": "Allow",
        "Action": ["s3:ListBucket"],
        "Resource": [where],
    }
    if prefix:
        # IfExists: a GET has no s3:prefix, and without the right to list a missing file would be 403 instead of 404.
        listing["Condition"] = {"StringLikeIfExists": {"s3:prefix": [f"{prefix}/*"]}}
    files = {
        "Sid": "Files",
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
        "Resource": [f"{where}/{prefix}/*" if prefix else f"{where}/*"],
    }
    return {"Version": "2012-10-17", "Statement": [files, listing]}


def public_policy(bucket: str, prefix: str) -> dict[str, object]:
    """The bucket's policy with which everybody may read single files, and nobody may list."""
    statement = {
        "Sid": "Readers",
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/{prefix}/*" if prefix else f"arn:aws:s3:::{bucket}/*"],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def policy(name: str, url: str, settings: Mapping[str, str], public: str | None = None) -> str:
    """What to paste at this provider so that the publishing key can do its work and nothing else, and readers can read.
    Raises TargetError (`config`) for settings that cannot work; keys need not be there yet."""
    place = read_place(name, url, {"access_key": "env:ID", "secret_key": "env:KEY", **settings})
    provider = place.provider
    names = {
        **place.names(),
        "public": public or "",
        "name": name,
        "key_policy": json.dumps(key_policy(place.bucket, place.prefix), indent=2),
        "public_policy": json.dumps(public_policy(place.bucket, place.prefix), indent=2),
        "cors": json.dumps(CORS, indent=2),
        "cors_rules": json.dumps(CORS["CORSRules"], indent=2),
    }
    return fill((provider.policy if provider else None) or _ANY, names).strip() + "\n"


_ANY: Final = """
# 1. For the publishing key: write, read, delete and list in this bucket, nothing else. Where the provider has users
#    with policies (IAM), make a user for this key alone and give it this:
{key_policy}

# 2. For readers: every file may be read, nothing may be listed. Save as readers.json:
{public_policy}

# 3. For readers' pages, which come from other addresses. Save as cors.json:
{cors}

# 4. With keys that may change the bucket (not the publishing key):
aws s3api put-bucket-policy --endpoint-url {endpoint} --bucket {bucket} --policy file://readers.json
aws s3api put-bucket-cors --endpoint-url {endpoint} --bucket {bucket} --cors-configuration file://cors.json
"""
