"""How many of a publication's mirrors somebody who blocks, seizes or switches off takes with one decision.

Mirrors that share one of these are one mirror to whoever decides about it:

    network      the autonomous system of its addresses: what a censor blocks by prefix, and a host's upstream cuts off
    cdn          Cloudflare, Fastly …: blocked together, and gone together when it drops a customer
    provider     whose account it is (`mirror.providers`): one complaint closes them all
    domain       the registered name above it: seized, expired or blocked as a whole
    registrar    who can take such a name away; known when the operator says so, or asks (`mirrors check --registrar`)
    country      where the network is registered: one court

`look` needs DNS; `tamizdat target add`, `mirrors check` and, once a day, `run` do it and keep what was found, so that
`status` contacts nobody.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from mirror import durable
from mirror.networks import Networks, NoNetworks

if TYPE_CHECKING:
    from mirror.config import MirrorInfo

DAY: Final = timedelta(days=1)
PRIVATE: Final = "addresses of this network alone"
DIMENSIONS: Final = ("network", "cdn", "provider", "domain", "registrar", "country")
_SAID: Final = {
    "network": "in the network {value}: one block takes them all",
    "cdn": "behind {value}: blocked together, and gone together when it drops you",
    "provider": "with the provider {value}: one complaint closes them all",
    "domain": "below the name {value}: seized or blocked as a whole",
    "registrar": "below names that the registrar {value} can take away",
    "country": "in the country {value}: one court closes them all",
}
_CDNS: Final = {
    13335: "Cloudflare", 209242: "Cloudflare", 132892: "Cloudflare", 395747: "Cloudflare",
    54113: "Fastly", 20940: "Akamai", 16625: "Akamai", 35994: "Akamai", 32787: "Akamai",
    200325: "Bunny", 60068: "CDN77", 19551: "Imperva", 30148: "Sucuri", 199524: "Gcore", 22822: "Edgio",
    262254: "DDoS-Guard", 57724: "DDoS-Guard",
}  # fmt: skip
_CDN_HOSTS: Final = {".cloudfront.net": "CloudFront", ".b-cdn.net": "Bunny", ".azureedge.net": "Azure CDN",
                     ".fastly.net": "Fastly", ".akamaized.net": "Akamai", ".r2.dev": "Cloudflare",
                     ".pages.dev": "Cloudflare", ".workers.dev": "Cloudflare"}  # fmt: skip

Resolve = Callable[[str], Sequence[str]]


class Reached(Protocol):
    """The part of a target's configuration that says where readers reach it (`mirror.config.TargetConfig` is one)."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def public(self) -> str | None: ...
    @property
    def network(self) -> str | None: ...
    @property
    def country(self) -> str | None: ...
    @property
    def registrar(self) -> str | None: ...
    @property
    def settings(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where one mirror is. What is not known is None; `addresses` are those its name had when it was looked at, at
    `time`, `problem` says why there are none."""

    name: str
    public: str
    time: str
    addresses: tuple[str, ...] = ()
    network: str | None = None
    cdn: str | None = None
    provider: str | None = None
    domain: str | None = None
    registrar: str | None = None
    country: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """`mirrors` are so many, and count as `independent`: the fewest different values in any dimension, which is
    `weakest` (None where all differ). `counts` has the number for each dimension where it is known of two or more."""

    mirrors: int
    independent: int
    weakest: str | None
    counts: Mapping[str, int]
    advice: tuple[str, ...]

    def line(self) -> str:
        """One line for people; empty without mirrors."""
        if not self.mirrors:
            return ""
        if self.weakest is None:
            return f"{self.mirrors} mirrors, each of its own kind" if self.mirrors > 1 else "1 mirror"
        return f"{self.mirrors} mirrors, which count as {self.independent} by {self.weakest}"


def judge(spots: Iterable[Spot]) -> Diversity:
    """How independent these mirrors are, with one line of advice for every value that more than half of them share."""
    listed = list(spots)
    counts: dict[str, int] = {}
    advice: list[str] = []
    for dimension in DIMENSIONS:
        values: list[str | None] = [getattr(spot, dimension) for spot in listed]
        known = [value for value in values if value]
        if len(known) < 2:
            continue
        # A mirror of which this isn't known counts as one of its own: nobody is warned for what isn't known.
        counts[dimension] = len(set(known)) + len(values) - len(known)
        value, many = Counter(known).most_common(1)[0]
        if many >= 2 and 2 * many > len(listed):
            names = ", ".join(spot.name for spot in listed if getattr(spot, dimension) == value)
            all_of = "all" if many == len(listed) else f"{many} of {len(listed)}"
            if many > 6:
                names = f"{many} of them"
            advice.append(f"{all_of} mirrors ({names}) are {_SAID[dimension].format(value=value)}")
    least = min(counts.values(), default=len(listed))
    shared = least < len(listed)
    return Diversity(
        mirrors=len(listed),
        independent=min(least, len(listed)),
        weakest=next((name for name in DIMENSIONS if counts.get(name) == least), None) if shared else None,
        counts=counts,
        advice=tuple(advice),
    )


def look(target: Reached, networks: Networks | None, *, now: str, resolve: Resolve | None = None) -> Spot:
    """Where this mirror is, asking DNS for its name and nobody else. What the operator wrote in the configuration
    counts more than what was found. `target.public` must be there."""
    from mirror.providers import by_host

    public = target.public or ""
    host = (urlsplit(public).hostname or "").rstrip(".")
    said = by_host(public) or by_host(target.settings.get("endpoint", "")) or by_host(target.url)
    spot = Spot(
        name=target.name,
        public=public,
        time=now,
        provider=target.settings.get("provider") or (said.id if said else None),
        domain=registered(host),
        registrar=target.registrar,
        cdn=(said.cdn if said else None) or next((cdn for end, cdn in _CDN_HOSTS.items() if host.endswith(end)), None),
    )
    if host.endswith(".onion"):
        spot = replace(spot, network="Tor", domain=host, country=None)
    else:
        spot = _placed(spot, host, networks, resolve or addresses_of)
    return replace(spot, network=target.network or spot.network, country=target.country or spot.country)


def _placed(spot: Spot, host: str, networks: Networks | None, resolve: Resolve) -> Spot:
    try:
        found = tuple(sorted(set(resolve(host))))[:16]
    except OSError as error:
        return replace(spot, problem=f"{host} has no address ({error})")
    spot = replace(spot, addresses=found)
    if networks is None:
        return spot
    met = [network for address in found if (network := networks.find(address))]
    if not met:
        inside = bool(found) and not any(ipaddress.ip_address(address).is_global for address in found)
        return replace(spot, network=PRIVATE) if inside else spot
    most = Counter(one.asn for one in met).most_common(1)[0][0]
    network = next(one for one in met if one.asn == most)
    cdn = spot.cdn or next((_CDNS[one.asn] for one in met if one.asn in _CDNS), None)
    return replace(spot, network=str(network), country=network.country, cdn=cdn)


def addresses_of(host: str) -> list[str]:
    """What the resolver says; OSError when it says nothing."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"not a host's name: {error}") from error
    return [str(each[4][0]).partition("%")[0] for each in found]


def registered(host: str) -> str | None:
    """The name somebody registered, above this host, by the Public Suffix List: `example.co.uk` for
    `m.example.co.uk`, and `user.github.io` for itself. None for addresses and single labels."""
    try:
        ipaddress.ip_address(host)
        return None
    except ValueError:
        pass
    if "." not in host:
        return None
    import tld

    found = tld.get_fld(f"https://{host}", fail_silently=True, search_private=True)
    return str(found) if found else ".".join(host.split(".")[-2:])


def shares(spot: Spot, others: Iterable[Spot]) -> list[str]:
    """What a new mirror has in common with those there are, in words; empty when it stands alone."""
    said = []
    listed = list(others)
    for dimension in DIMENSIONS:
        value = getattr(spot, dimension)
        names = [one.name for one in listed if value and getattr(one, dimension) == value]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            said.append(f"the same {dimension} as {', '.join(names[:3])}{more}: {value}")
    return said


def described(mirrors: Iterable[MirrorInfo], state: Path) -> tuple[MirrorInfo, ...]:
    """These mirrors with network and country as found last, where the operator said nothing."""
    known = {spot.public: spot for spot in load(state).values()}
    found = []
    for one in mirrors:
        spot = known.get(one.url)
        if spot is None or spot.network == PRIVATE:
            found.append(one)
        else:
            found.append(replace(one, network=one.network or spot.network, country=one.country or spot.country))
    return tuple(found)


# --- what was found, kept -------------------------------------------------------------------------------------------


def load(state: Path) -> dict[str, Spot]:
    """What `save` kept last, by target; empty when there is nothing, or somebody's editor was at it."""
    try:
        found = json.loads((state / "places.json").read_bytes())
        return {
            str(name): Spot(**{**spot, "addresses": tuple(map(str, spot.get("addresses", ())))})
            for name, spot in found.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def save(state: Path, spots: Mapping[str, Spot]) -> None:
    """Keeps these. Raises OSError."""
    document: dict[str, Any] = {name: asdict(spot) for name, spot in spots.items()}
    durable.write(state / "places.json", json.dumps(document, indent=1).encode())


def current(
    state: Path,
    targets: Iterable[Reached],
    *,
    now: datetime,
    again: timedelta | None = DAY,
    resolve: Resolve | None = None,
) -> dict[str, Spot]:
    """Where all these mirrors are: as kept, looked at again where that is older than `again` (None: never, nobody is
    contacted), their address changed or nothing is known. What was found is kept. A table of networks that can't be
    read is like one that knows nothing; `tamizdat doctor` tells."""
    kept = load(state)
    mirrors = [one for one in targets if one.public]
    known = {one.name: spot for one in mirrors if (spot := kept.get(one.name)) and spot.public == one.public}
    due = [one for one in mirrors if again is not None and _is_due(known.get(one.name), now, again)]
    if due:
        networks, time = _networks(state), f"{now:%Y-%m-%dT%H:%M:%SZ}"
        # Resolvers take their time to say that a name is gone; 200 of them one after the other would be a long time.
        with ThreadPoolExecutor(max_workers=min(len(due), 16)) as pool:
            found = pool.map(lambda one: look(one, networks, now=time, resolve=resolve), due)
            known |= {seen.name: _since(known.get(seen.name), seen) for seen in found}
    spots = {
        one.name: replace(
            spot,
            network=one.network or spot.network,
            country=one.country or spot.country,
            registrar=one.registrar or spot.registrar,
        )
        for one in mirrors
        if (spot := known.get(one.name))
    }
    if due and spots != kept:
        save(state, spots)
    return spots


def _since(before: Spot | None, seen: Spot) -> Spot:
    """What is known after a further look: a resolver that fails today has not moved the mirror, and registrars are
    asked on request only."""
    if before is None:
        return seen
    if seen.problem:
        return replace(before, time=seen.time, problem=seen.problem)
    return replace(seen, registrar=seen.registrar or before.registrar)


def _networks(state: Path) -> Networks | None:
    try:
        return Networks.open(state)
    except NoNetworks:
        return None


def _is_due(spot: Spot | None, now: datetime, again: timedelta) -> bool:
    if spot is None:
        return True
    try:
        return now - datetime.fromisoformat(spot.time) > again
    except (ValueError, TypeError):
        return True
