"""The wrapper for the public conformance suite, against repositories made with python-tuf and served over HTTP."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from tests.tuf_conformance import client

LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10)
PAST = LATER - timedelta(days=20)
ROLES = ("root", "timestamp", "snapshot", "targets")


class Repository:
    """A repository under construction, and what it serves by path."""

    def __init__(self, *, consistent: bool = True) -> None:
        self.signers: dict[str, list[Any]] = {role: [CryptoSigner.generate_ed25519()] for role in ROLES}
        self.root = Root(version=1, expires=LATER, consistent_snapshot=consistent)
        self.targets = Targets(version=1, expires=LATER)
        self.snapshot = Snapshot(version=1, expires=LATER)
        self.timestamp = Timestamp(version=1, expires=LATER)
        for role in ROLES:
            self.root.add_key(self.signers[role][0].public_key, role)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.publish("root", "targets", "snapshot", "timestamp")

    def publish(self, *roles: str, again: bool = False) -> None:
        """Signs and serves these roles, in this order; with `again` as the next version."""
        for role in roles:
            signed = getattr(self, role)
            signed.version += again
            if role == "snapshot":
                signed.meta["targets.json"] = MetaFile(version=self.targets.version)
            if role == "timestamp":
                signed.snapshot_meta = MetaFile(version=self.snapshot.version)
            self.serve(role, signed)

    def serve(self, role: str, signed: Any) -> None:
        metadata = Metadata(signed)
        for signer in self.signers[role]:
            metadata.sign(signer, append=True)
        versioned = role == "root" or (self.root.consistent_snapshot and role != "timestamp")
        self.files[f"metadata/{signed.version}.{role}.json" if versioned else f"metadata/{role}.json"] = (
            metadata.to_bytes()
        )

    def add(self, name: str, data: bytes, targets: Targets | None = None) -> None:
        info = TargetFile.from_data(name, data, ["sha256"])
        (targets or self.targets).targets[name] = info
        above, slash, last = name.rpartition("/")
        prefix = f"{info.hashes['sha256']}." if self.root.consistent_snapshot else ""
        self.files[f"targets/{above}{slash}{prefix}{last}"] = data

    def rotate(self, role: str) -> None:
        for signer in self.signers[role]:
            self.root.revoke_key(signer.public_key.keyid, role)
        self.signers[role] = [CryptoSigner.generate_ed25519()]
        self.root.add_key(self.signers[role][0].public_key, role)


class World:
    def __init__(self, repository: Repository, url: str, folder: Path) -> None:
        self.repository, self.url, self.folder = repository, url, folder
        for name in ("trusted", "found"):
            (folder / name).mkdir(parents=True)
        (folder / "first.json").write_bytes(repository.files["metadata/1.root.json"])
        self.arguments = ["--metadata-dir", str(folder / "trusted"), "--metadata-url", url + "metadata/"]

    def init(self) -> int:
        return client.main(["--metadata-dir", str(self.folder / "trusted"), "init", str(self.folder / "first.json")])

    def refresh(self) -> int:
        return client.main([*self.arguments, "refresh"])

    def download(self, name: str) -> int:
        where = ["--target-name", name, "--target-base-url", self.url + "targets", "--target-dir"]
        return client.main([*self.arguments, *where, str(self.folder / "found"), "download"])

    @property
    def found(self) -> list[bytes]:
        return sorted(path.read_bytes() for path in (self.folder / "found").iterdir())

    @property
    def trusted(self) -> dict[str, int]:
        files = (self.folder / "trusted").glob("*.json")
        return {path.stem: Metadata[Any].from_file(str(path)).signed.version for path in files}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    repository = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            repository.asked.append(path)
            data = repository.files.get(path)
            if data is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a test is quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made = World(repository, f"http://127.0.0.1:{server.server_address[1]}/", tmp_path / "client")
    assert made.init() == 0
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_refresh_asks_for_four_files_and_keeps_four(world: World) -> None:
    assert world.repository.asked == []
    assert world.refresh() == 0
    assert [path.removeprefix("metadata/") for path in world.repository.asked] == [
        "2.root.json",
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
    ]
    assert world.trusted == dict.fromkeys(ROLES, 1)
    world.repository.asked.clear()
    assert world.refresh() == 0
    assert len(world.repository.asked) == 2  # nothing new: no snapshot, no targets


def test_the_three_commands_work_as_a_program(world: World) -> None:
    world.repository.add("a/b.txt", b"hello")
    world.repository.publish("targets", "snapshot", "timestamp", again=True)
    where = ["--target-name", "a/b.txt", "--target-base-url", world.url + "targets/"]
    into = ["--target-dir", str(world.folder / "found")]
    for last in (["init", str(world.folder / "first.json")], ["refresh"], [*where, *into, "download"]):
        done = subprocess.run([sys.executable, client.__file__, *world.arguments, *last], check=False)
        assert done.returncode == 0
    assert world.found == [b"hello"]
    done = subprocess.run(
        [sys.executable, client.__file__, *world.arguments, "--target-name", "none", *where[2:], *into, "download"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (1, "client.py: no role lists none\n")


def test_a_target_is_asked_for_once_and_other_bytes_are_not_kept(world: World) -> None:
    world.repository.add("one", b"good")
    world.repository.add("two", b"good too")
    world.repository.publish("targets", "snapshot", "timestamp", again=True)
    assert world.download("one") == 0
    for path in [path for path in world.repository.files if path.startswith("targets/")]:
        world.repository.files[path] = b"evil"
    assert world.download("one") == 0
    assert world.download("two") == 1
    assert world.found == [b"good"]


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_what_went_back_is_refused(world: World, role: str) -> None:
    world.repository.publish("targets", "snapshot", "timestamp", again=True)
    assert world.refresh() == 0
    getattr(world.repository, role).version = 1
    world.repository.publish(role)
    for above in {"timestamp": (), "snapshot": ("timestamp",), "targets": ("snapshot", "timestamp")}[role]:
        world.repository.publish(above, again=True)
    assert world.refresh() == 1
    # What stands above is signed and newer, and stays: the snapshot that goes back does not.
    assert world.trusted == dict.fromkeys(ROLES, 2) | {"root": 1, "timestamp": 3 if role == "targets" else 2}


@pytest.mark.parametrize("role", ROLES)
def test_what_has_expired_is_refused_and_a_root_still_kept(world: World, role: str) -> None:
    assert world.refresh() == 0
    getattr(world.repository, role).expires = PAST
    world.repository.publish("root", "targets", "snapshot", "timestamp", again=True)
    assert world.refresh() == 1
    seen = {"root": 1, "timestamp": 2, "snapshot": 3, "targets": 4}[role]
    expected = {"root": 2, "timestamp": 1 + (seen > 2), "snapshot": 1 + (seen > 3), "targets": 1}
    assert world.trusted == expected


@pytest.mark.parametrize("role", ROLES)
def test_what_another_key_signed_is_refused(world: World, role: str) -> None:
    world.repository.signers[role] = [CryptoSigner.generate_ed25519()]
    world.repository.publish("root", "targets", "snapshot", "timestamp", again=True)
    assert world.refresh() == 1
    assert role not in world.trusted or world.trusted[role] == 1


def test_a_rotated_key_ends_what_a_thief_counted_up(world: World) -> None:
    world.repository.timestamp.version = 1000
    world.repository.publish("timestamp")
    assert world.refresh() == 0
    world.repository.timestamp.version = 2
    world.repository.publish("timestamp")
    assert world.refresh() == 1
    old = world.repository.signers["root"]
    world.repository.rotate("timestamp")
    assert world.repository.signers["root"] == old
    world.repository.publish("root", again=True)
    world.repository.publish("timestamp")
    assert world.refresh() == 0
    assert world.trusted["timestamp"] == 2


def test_names_without_versions_are_for_roots_that_say_so(tmp_path: Path, world: World) -> None:
    plain = Repository(consistent=False)
    plain.add("t", b"plain")
    plain.publish("targets", "snapshot", "timestamp", again=True)
    world.repository.files.clear()
    world.repository.files.update(plain.files)
    other = World(plain, world.url, tmp_path / "other")
    assert other.init() == 0
    assert other.download("t") == 0
    assert other.found == [b"plain"]


def test_delegated_roles_are_searched_and_verified(world: World) -> None:
    repository = world.repository
    signer = CryptoSigner.generate_ed25519()
    below = Targets(version=1, expires=LATER)
    repository.add("deep/x", b"x", below)
    role = DelegatedRole("../odd role?", [signer.public_key.keyid], 1, False, paths=["deep/*"])
    repository.targets.delegations = Delegations({signer.public_key.keyid: signer.public_key}, {role.name: role})
    repository.signers[role.name] = [signer]
    repository.snapshot.meta[f"{role.name}.json"] = MetaFile(version=1)
    repository.serve(role.name, below)
    repository.files["metadata/1...%2Fodd%20role%3F.json"] = repository.files.pop(f"metadata/1.{role.name}.json")
    repository.publish("targets", "snapshot", "timestamp", again=True)
    assert world.download("deep/x") == 0
    assert world.found == [b"x"]
    assert sorted(path.name for path in (world.folder / "trusted").iterdir())[0] == "..%2Fodd%20role%3F.json"
    assert world.download("deep/y") == 1
    repository.signers[role.name] = [CryptoSigner.generate_ed25519()]
    repository.add("deep/y", b"y", below)
    below.version = 2
    repository.serve(role.name, below)
    repository.files["metadata/2...%2Fodd%20role%3F.json"] = repository.files.pop(f"metadata/2.{role.name}.json")
    repository.snapshot.meta[f"{role.name}.json"] = MetaFile(version=2)
    repository.publish("snapshot", "timestamp", again=True)
    assert world.download("deep/y") == 1


def test_a_root_that_is_none_makes_no_request(world: World) -> None:
    (world.folder / "first.json").write_bytes(b'{"signed":{},"signatures":[]}')
    assert world.init() == 1
    (world.folder / "trusted" / "root.json").write_bytes(b"{}")
    assert world.refresh() == 1
    assert world.repository.asked == []
