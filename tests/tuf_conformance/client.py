#!/usr/bin/env python3
"""Our TUF client (`signing.trust`) behind the command protocol of the public suite tuf-conformance. See README.md.

The walk over root, timestamp, snapshot and targets is the product's. What this file adds is what a general client needs
and a reader of ours doesn't: a folder of trusted metadata, a refusal of what has expired (readers of ours are told),
targets by any name, and targets in delegated roles.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib import error, parse, request

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
try:
    import tuf  # noqa: F401
except ImportError:
    # Started by another Python than the project's environment.
    python = ROOT / ".venv" / "bin" / "python"
    if not python.exists() or Path(sys.executable) == python:
        sys.exit("client.py: the project is not installed: run `make test` once, or name a Python that has python-tuf")
    os.execv(python, [str(python), __file__, *sys.argv[1:]])  # noqa: S606

from signing.trust import CAPS, Roles, TrustError, load, walk_roles  # noqa: E402

# As python-tuf's client: how many roles one look-up may visit.
MAX_ROLES = 32
TARGET_CAP = 100_000_000
TIMEOUT = 20


class Client:
    """One repository at `url`, and the folder `trusted` of what has been believed of it. It is its own memory of
    earlier walks, as `signing.trust.Memory` wants it."""

    def __init__(self, trusted: Path, url: str) -> None:
        self.trusted, self.url, self.now = trusted, url.rstrip("/") + "/", datetime.now(UTC)
        self.pin = (trusted / "root.json").read_bytes()
        self.root = load("root", self.pin, None).signed
        self.root_version: int = self.root.version
        names = {"trust/timestamp.json": "timestamp", "trust/snapshot.json": "snapshot"}
        self.files = {path: data for path, role in names.items() if (data := self.stored(role)) is not None}
        self.files[f"trust/{self.root_version}.root.json"] = self.pin
        self.listed: dict[str, Any] = {}

    def refresh(self) -> Roles:
        """The repository's metadata, verified, not expired, and stored. Raises `TrustError` and `OSError`."""
        return walk_roles(self.read, pin=self.pin, known=self, exact=False, each=self.accept)

    def read(self, path: str, cap: int) -> bytes | None:
        name = path.removeprefix("trust/")
        if name == "timestamp.json" and self.root.expires <= self.now:
            raise TrustError("the root has expired")
        role = name.removesuffix(".json").rpartition(".")[2]
        if role in self.listed and (data := self.unchanged(role, self.listed[role], self.root)) is not None:
            return data
        return get(self.url + name, cap)

    def accept(self, role: str, metadata: Any, data: bytes) -> None:
        if role == "root":
            self.root = metadata.signed
        elif metadata.signed.expires <= self.now:
            raise TrustError(f"{role} has expired")
        if role == "timestamp":
            self.listed["snapshot"] = metadata.signed.snapshot_meta
        if role == "snapshot":
            self.listed |= {name.removesuffix(".json"): meta for name, meta in metadata.signed.meta.items()}
        store(self.trusted / f"{parse.quote(role, '')}.json", data)

    def stored(self, role: str) -> bytes | None:
        path = self.trusted / f"{parse.quote(role, '')}.json"
        return path.read_bytes() if path.exists() else None

    def unchanged(self, role: str, meta: Any, by: Any) -> bytes | None:
        """The stored file of `role`, if it is the one that is listed and `by` vouches for it."""
        data = self.stored(role)
        try:
            if data is not None and self.loaded(role, data, meta, by):
                return data
        except TrustError:
            pass
        return None

    def loaded(self, role: str, data: bytes, meta: Any, by: Any) -> Any:
        try:
            meta.verify_length_and_hashes(data)
        except Exception as problem:
            raise TrustError(f"{role}: {problem}") from None
        metadata = load(role, data, by, role if role == "snapshot" else "targets")
        if metadata.signed.version != meta.version:
            raise TrustError(f"{role} is version {metadata.signed.version}, not {meta.version}")
        return metadata

    def find(self, name: str, roles: Roles) -> Any:
        """What the most trusted role that lists the target `name` says of it: roles in pre-order, depth first (5.6.7).
        Raises `TrustError`, also for a role on the way that cannot be verified."""
        ahead: list[tuple[str, Any]] = [("targets", self.root)]
        visited: set[str] = set()
        while ahead and len(visited) <= MAX_ROLES:
            role, by = ahead.pop()
            if role in visited:
                continue
            visited.add(role)
            targets = roles.targets.signed if role == "targets" else self.delegated(role, by)
            if name in targets.targets:
                return targets.targets[name]
            below = []
            for child, terminating in targets.delegations.get_roles_for_target(name) if targets.delegations else ():
                below.append((child, targets))
                if terminating:
                    ahead.clear()
                    break
            ahead += reversed(below)
        raise TrustError(f"no role lists {name}")

    def delegated(self, role: str, by: Any) -> Any:
        meta = self.listed.get(role)
        if meta is None or role in ("root", "timestamp", "snapshot", "targets"):
            raise TrustError(f"the snapshot does not list {role}")
        data = self.unchanged(role, meta, by)
        if data is None:
            name = f"{parse.quote(role, '')}.json"
            if self.root.consistent_snapshot:
                name = f"{meta.version}.{name}"
            data = get(self.url + name, min(meta.length or CAPS["targets"], CAPS["targets"]))
        if data is None:
            raise TrustError(f"{role} is missing")
        metadata = self.loaded(role, data, meta, by)
        self.accept(role, metadata, data)
        return metadata.signed

    def download(self, name: str, base: str, folder: Path) -> None:
        """Leaves the target in `folder`, and asks for it only when it isn't there yet."""
        info = self.find(name, self.refresh())
        place = folder / parse.quote(name, "")
        if place.exists() and verified(info, place.read_bytes()) is None:
            return
        above, slash, last = name.rpartition("/")
        if self.root.consistent_snapshot:
            last = f"{info.hashes.get('sha256') or next(iter(info.hashes.values()))}.{last}"
        data = get(base.rstrip("/") + "/" + parse.quote(above + slash + last), min(info.length, TARGET_CAP))
        if data is None:
            raise TrustError(f"{name} is missing")
        if problem := verified(info, data):
            raise TrustError(f"{name}: {problem}")
        store(place, data)


def verified(info: Any, data: bytes) -> str | None:
    """None, or why these bytes aren't the target."""
    try:
        info.verify_length_and_hashes(data)
    except Exception as problem:
        return str(problem) or type(problem).__name__
    return None


def get(url: str, cap: int) -> bytes | None:
    """At most `cap` + 1 bytes of an answer; None when there is nothing. Raises `OSError` for every other status."""
    try:
        with request.urlopen(url, timeout=TIMEOUT) as answer:
            data: bytes = answer.read(cap + 1)
    except error.HTTPError as problem:
        if problem.code in (403, 404, 410):
            return None
        raise
    if len(data) > cap:
        raise TrustError(f"{url} is larger than {cap} bytes")
    return data


def store(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)
    with open(handle, "wb") as file:
        file.write(data)
    os.replace(temporary, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metadata-dir", type=Path, required=True)
    for option in ("--metadata-url", "--target-name", "--target-base-url"):
        parser.add_argument(option)
    parser.add_argument("--target-dir", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("trusted_root", type=Path)
    commands.add_parser("refresh")
    commands.add_parser("download")
    options = parser.parse_args(arguments)
    try:
        if options.command == "init":
            data = options.trusted_root.read_bytes()
            load("root", data, None)
            store(options.metadata_dir / "root.json", data)
        else:
            client = Client(options.metadata_dir, options.metadata_url)
            if options.command == "refresh":
                client.refresh()
            else:
                client.download(options.target_name, options.target_base_url, options.target_dir)
    except (TrustError, OSError) as problem:
        print(f"client.py: {' '.join(str(problem).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
