"""How near an archive is to what a host allows: files, bytes, the size of one file."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from mirror import providers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mirror.archive.state import Tx
    from mirror.config import TargetConfig
    from mirror.providers import Limits, Provider
    from mirror.publication import Publication

NEAR: Final = 0.8  # of a limit; an archive grows by what is published, so there is time to act


def provider_of(target: TargetConfig) -> Provider | None:
    """Whose host it is: said in its settings, or told by its addresses."""
    said = target.settings.get("provider")
    if said and said in providers.known():
        return providers.known()[said]
    for address in (str(target.settings.get("endpoint", "")), target.url, target.public or ""):
        found = providers.by_host(address) if "." in address else None
        if found is not None:
            return found
    return None


def of_target(publication: Publication, target: TargetConfig) -> list[str]:
    """A line for each limit of this target's host that the archive is near or over."""
    with publication.archive() as archive, archive.state.reading() as tx:
        return of_targets((target,), tx)


def of_targets(targets: Iterable[TargetConfig], tx: Tx) -> list[str]:
    """The same of all these. The archive's own numbers are looked up once, and only when some host has limits."""
    told: list[str] = []
    totals: tuple[int, int, int] | None = None
    for target in targets:
        provider = provider_of(target)
        if provider is None:
            continue
        limits = provider.limits
        if limits.files is None and limits.bytes is None and limits.object_bytes is None:
            continue
        totals = totals or tx.offered_totals()
        files, size, largest = totals
        told += lines(target, provider, files=files, size=size, largest=largest)
    return told


def lines(target: TargetConfig, provider: Provider, *, files: int, size: int, largest: int) -> list[str]:
    told: list[str] = []
    small = "" if target.light else "; a light target (light = true) takes a part of it"
    packed = "" if target.packs else "; packs (packs = true) make few files of many"
    for have, most, what, help in (
        (files, provider.limits.files, "files", packed or small),
        (size, provider.limits.bytes, "bytes", small),
        (largest, provider.limits.object_bytes, "bytes in one file", ""),
    ):
        if most is None or have < NEAR * most or (what == "files" and target.packs):
            continue
        more = "is over" if have > most else "nears"
        told.append(
            f"target {target.name}: the archive ({have:,} {what}) {more} what {provider.name} allows ({most:,}){help}"
        )
    return told


def _size(number: int) -> str:
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if number >= factor:
            return f"{number / factor:.3g} {unit}"
    return f"{number:,} bytes"


def in_words(limits: Limits) -> str:
    """What a host allows, in a few words; empty when nothing is known."""
    parts = []
    if limits.files is not None:
        parts.append(f"{limits.files:,} files")
    if limits.bytes is not None:
        parts.append(_size(limits.bytes))
    if limits.object_bytes is not None:
        parts.append(f"{_size(limits.object_bytes)} a file")
    if limits.traffic_bytes_per_month is not None:
        parts.append(f"{_size(limits.traffic_bytes_per_month)} a month to readers")
    if limits.pushes_per_hour is not None:
        parts.append(f"{limits.pushes_per_hour} pushes an hour")
    told = ["at most " + ", ".join(parts)] if parts else []
    if limits.pointer_seconds is not None:
        told.append(f"news shows after up to {limits.pointer_seconds} s")
    return "; ".join(told)


def as_json(provider: Provider) -> dict[str, Any]:
    """What is known of it, for programs."""
    return {
        **{"id": provider.id, "name": provider.name, "kinds": list(provider.kinds), "endpoint": provider.endpoint},
        **{"needs": list(provider.needs), "limits": asdict(provider.limits), "price": provider.price},
        **{"asn": list(provider.asn), "cdn": provider.cdn, "mends": dict(provider.mends), "page": provider.page},
        "sources": list(provider.sources),
    }
