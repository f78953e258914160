"""Azure Blob Storage: `azblob://CONTAINER` or `azblob://CONTAINER/PREFIX`.

    account      the storage account's name
    account_key  a reference to one of its two keys, which may do everything in the account, or rather
    sas          a reference to a shared access signature for this container: sv=…&sp=rcwdl&sig=…
    endpoint     another address than https://ACCOUNT.blob.core.windows.net

A file goes up in one request (Put Blob), so readers see the old one or the new one. CORS is a setting of the account's
whole blob service; anonymous reading is allowed for the account first, then for the container. What answers mean is in
`_opendal.py`; Azure's own codes (learn.microsoft.com/rest/api/storageservices, "Common REST API error codes"):

    AuthenticationFailed, NoAuthenticationInformation, Invalid…Info     auth; Azure doesn't tell a wrong clock apart
    AuthorizationFailure                                                auth on Azurite; on Azure also its firewall
    AuthorizationPermissionMismatch, AccountIsDisabled …                forbidden
    ContainerNotFound, ContainerBeingDeleted, ResourceNotFound          no_container
    ServerBusy, OperationTimedOut                                       retried
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs

from mirror.targets import Secret, TargetError, refuse_unknown
from mirror.targets._opendal import (
    CAPS,
    CONFLICT,
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

SETTINGS: Final = ("account", "account_key", "sas", "endpoint")
_CONTAINER: Final = re.compile(r"\$web|[a-z0-9](?:-?[a-z0-9]){2,62}")
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")

_KEYS_FIX: Final = "copy the account's key anew, or make a new SAS (tamizdat target policy prints how)"
_WRONG: Final[Verdict] = ("auth", "the key or the SAS is wrong, or this machine's clock is", _KEYS_FIX)
_DENIED: Final[Verdict] = (
    "forbidden",
    "the SAS may not do that",
    "make one with --permissions rcwdl (tamizdat target policy prints how)",
)
_NONE: Final[Verdict] = (
    "no_container",
    "the container does not exist",
    "make it, or correct its name; it is never made here",
)
_CODES: Final[dict[str, Verdict]] = {
    "AuthenticationFailed": _WRONG,
    "AuthorizationFailure": (
        "auth",
        "the key or the SAS is wrong, or the account's firewall keeps this machine out",
        _KEYS_FIX,
    ),
    "NoAuthenticationInformation": _WRONG,
    "InvalidAuthenticationInfo": _WRONG,
    "AuthorizationPermissionMismatch": _DENIED,
    "AuthorizationResourceTypeMismatch": _DENIED,
    "AuthorizationServiceMismatch": _DENIED,
    "InsufficientAccountPermissions": _DENIED,
    "AuthorizationProtocolMismatch": ("config", "the SAS is for https alone", "use https:// in the endpoint"),
    "AuthorizationSourceIPMismatch": ("forbidden", "the SAS is for another address", "make one without --ip"),
    "KeyBasedAuthenticationNotPermitted": (
        "forbidden",
        "this account takes no keys",
        "az storage account update --allow-shared-key-access true, or a user delegation SAS",
    ),
    "PublicAccessNotPermitted": (
        "forbidden",
        "this account lets nobody read without keys",
        "az storage account update --allow-blob-public-access true",
    ),
    "AccountIsDisabled": ("forbidden", "the account is disabled", "Azure's portal or its mail says why"),
    "ContainerNotFound": _NONE,
    "ContainerBeingDeleted": ("no_container", "the container is being deleted", "wait, or use another name"),
    "ContainerDisabled": ("forbidden", "the container is disabled", "Azure's portal or its mail says why"),
    "ResourceNotFound": ("no_container", "no such account or container", "check account, endpoint and container"),
    "InvalidResourceName": ("config", "no container can have that name", "correct the URL: azblob://CONTAINER/PREFIX"),
    "ServerBusy": SLOW_DOWN,
    "OperationTimedOut": ("transient", "the server took too long", "the next run goes on"),
    "RequestBodyTooLarge": ("too_large", "the file is larger than the server takes", "at most 5,000 MiB"),
    "BlobImmutableDueToPolicy": ("forbidden", "files here may not be replaced", "turn the immutability policy off"),
    "LeaseIdMissing": CONFLICT,
    "BlobArchived": ("forbidden", "the file is archived", "use the tiers hot or cool"),
}
_STATUSES: Final[dict[int, Verdict]] = {
    **STATUSES,
    400: ("config", "the server doesn't understand the request", "check account, endpoint and container"),
    401: _WRONG,
    403: _DENIED,
    404: _NONE,
    405: ("config", "that is no Azure storage", "correct the endpoint, or leave it out"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the URL and the settings say, checked; nothing secret in it but references."""

    container: str
    prefix: str
    account: str
    endpoint: Address
    account_key: str | None
    sas: str | None


class AzblobTarget(ObjectStore):
    container = "container"
    service = Service(
        scheme="azblob",
        codes=_CODES,
        statuses=_STATUSES,
        # Answers to HEAD have no body; the header says it as well.
        code=re.compile(r'AzblobError \{ code: "([A-Za-z0-9]+)"|"x-ms-error-code": "([A-Za-z0-9]+)"'),
        absent=frozenset({"BlobNotFound"}),
        gone=frozenset({"ContainerNotFound", "ContainerBeingDeleted", "ResourceNotFound"}),
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
            address=f"azblob://{place.container}/{place.prefix}".rstrip("/"),
            endpoint=place.endpoint.url,
            host=place.endpoint.host,
            port=place.endpoint.port,
            tls=place.endpoint.tls,
            secret=secret,
            caps=replace(CAPS, max_object=5000 * 2**20),  # of one Put Blob
            control_seconds=control_seconds,
            transfer_seconds=transfer_seconds,
        )
        self.place = place

    def host(self) -> tuple[str | None, dict[str, str]]:
        place = self.place
        return "azure", {"container": place.container, "account": place.account, "endpoint": place.endpoint.url}

    def secrets(self) -> str:
        return "the account's key is there" if "account_key" in self._keys() else "the SAS is there"

    def options(self) -> tuple[dict[str, str], float]:
        place = self.place
        options = {
            "container": place.container,
            "root": f"/{place.prefix}",
            "endpoint": place.endpoint.url,
            "account_name": place.account,
        }
        return {**options, **self._keys()}, float("inf")

    def _keys(self) -> dict[str, str]:
        if self.place.sas is None:
            key = self.reveal(str(self.place.account_key)).strip()
            try:
                if not base64.b64decode(key, validate=True):
                    raise ValueError
            except (binascii.Error, ValueError):
                message, hint = f"{self.name}: the account's key is not whole", "copy it anew: it ends in =="
                raise TargetError(message, kind="config", hint=hint) from None
            return {"account_key": key}
        sas = self.reveal(self.place.sas).strip().removeprefix("?")
        fields = parse_qs(sas)
        if "sig" not in fields or "sv" not in fields:
            message = f"{self.name}: that is no SAS: sv= and sig= are missing"
            raise TargetError(message, kind="config", hint=_KEYS_FIX)
        ends = _instant(fields.get("se", [""])[0])
        if ends is not None and ends < datetime.now(UTC):
            message = f"{self.name}: the SAS has expired on {ends:%Y-%m-%d %H:%M} UTC"
            raise TargetError(message, kind="auth", hint=_KEYS_FIX)
        return {"sas_token": sas}


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# --- settings ------------------------------------------------------------------------------------------------------


def read_place(name: str, url: str, settings: Mapping[str, str]) -> Place:
    """The place these settings name; raises TargetError (`config`) for what cannot work."""
    refuse_unknown(name, settings, SETTINGS)
    container, prefix = split_place(name, url, "azblob", bucket=_CONTAINER, what="container")
    if not settings.get("account"):
        hint = "the storage account's name: --set account=NAME"
        raise TargetError(f'{name}: the setting "account" is missing', kind="config", hint=hint)
    account = settings["account"]
    if not _ACCOUNT.fullmatch(account):
        hint = "3 to 24 small letters and digits"
        raise TargetError(f"{name}: {account!r} is no storage account", kind="config", hint=hint)
    account_key, sas = settings.get("account_key") or None, settings.get("sas") or None
    if sas is None:
        if account_key is None:
            need(name, settings, "sas")
    elif account_key is not None:
        raise TargetError(f"{name}: account_key and sas are both set", kind="config", hint="keep the sas alone")
    for setting, value in (("account_key", account_key), ("sas", sas)):
        if value and not re.match(r"(env|file|cred):", value):
            hint = f"--set {setting}=env:NAME"
            raise TargetError(f"{name}: {setting} must be a reference", kind="config", hint=hint)
    cloud = f"https://{account}.blob.core.windows.net"
    endpoint = read_address(name, settings.get("endpoint", cloud), what="Azure endpoint", example=cloud, path=True)
    return Place(
        container=container, prefix=prefix, account=account, endpoint=endpoint, account_key=account_key, sas=sas
    )


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> AzblobTarget:
    return AzblobTarget(name=name, place=read_place(name, url, settings), secret=secret)


# --- least privilege -----------------------------------------------------------------------------------------------


def policy(name: str, url: str, settings: Mapping[str, str], public: str | None = None) -> str:
    """The commands that make a SAS for this container's files and nothing else, and let readers read. Raises
    TargetError (`config`) for settings that cannot work; neither key nor SAS need be there yet."""
    from mirror.providers import fill

    given = settings if settings.get("sas") or settings.get("account_key") else {**settings, "sas": "env:SAS"}
    place = read_place(name, url, given)
    names = {"container": place.container, "account": place.account}
    return fill(_POLICY, names).strip() + "\n"


_POLICY: Final = """
# In Azure's Cloud Shell, or wherever az is logged in as the account's owner.

# 1. The container. Readers may read a blob whose name is known ("blob"); "container" would let them list.
az storage account update --name {account} --allow-blob-public-access true
az storage container create --account-name {account} --name {container} --public-access blob

# 2. The publishing key: a SAS for this container alone - read, create, write, delete, list - that can be revoked
#    without changing the account's keys, because it stands on a stored policy. It ends after a year: note the date.
az storage container policy create --account-name {account} --container-name {container} --name tamizdat \\
  --permissions rcwdl --expiry "$(date -u -d '+1 year' +%Y-%m-%dT%H:%MZ)"
az storage container generate-sas --account-name {account} --name {container} --policy-name tamizdat \\
  --https-only --output tsv > sas.txt
chmod 600 sas.txt

# 3. Readers' pages, which come from other addresses (a setting of the account's whole blob service).
az storage cors add --account-name {account} --services b --methods GET HEAD --origins '*' \\
  --allowed-headers '*' --exposed-headers '*' --max-age 86400

# To revoke it: az storage container policy delete --account-name {account} --container-name {container} --name tamizdat
"""
