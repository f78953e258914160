"""The whole drill: two of three, a rotation, a lost share, a stolen machine, a log that ends and one that begins."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mirror import config as configuration
from mirror import config_edit, keys
from mirror.commands import keys as commands
from mirror.publication import Publication
from signing import authority
from signing.keys import SignerKey
from tests.keys.conftest import typed
from tests.keys.sandbox import Sandbox

ARTICLE = "https://lantern.example/1"


@pytest.fixture(autouse=True)
def _people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_typed", typed)
    monkeypatch.setattr(commands, "_confirm", lambda question: None)


class Reader:
    """Somebody with a pin and, from the first look on, a memory of their own."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox, self.memory = sandbox, sandbox.folder / "readers" / name
        self.memory.mkdir(parents=True)

    def looks(self, what: Path, *words: object) -> int:
        """The exit status of reading `what`."""
        everybody = self.sandbox.folder / "memory"
        if everybody.exists():
            shutil.rmtree(everybody)
        shutil.copytree(self.memory, everybody)
        self.said = self.sandbox("verify", what, "--json", "--trust", self.sandbox.environ["FINGERPRINT"], *words)
        shutil.rmtree(self.memory)
        shutil.copytree(everybody, self.memory)
        return self.said.status

    def like(self, name: str) -> Reader:
        """Another one, who remembers the same."""
        other = Reader(self.sandbox, name)
        shutil.rmtree(other.memory)
        shutil.copytree(self.memory, other.memory)
        return other


def has_it_signed(sandbox: Sandbox, request: str, *shares: str) -> None:
    """Request on the courier stick, signed by these shares where they are, installed."""
    courier = sandbox.stick("courier")
    signatures = [courier / f"{request}-{share}.sig" for share in shares]
    for share, signature in zip(shares, signatures, strict=True):
        key = sandbox.stick(f"usb-{share}") / f"share-{share}.key"
        sandbox.ok("key", "sign", courier / request, "--key", key, "-o", signature)
    # One of two is not enough, whichever it is.
    for one in signatures:
        sandbox.refused(1, "key", "install", courier / request, one)
    sandbox.ok("key", "install", courier / request, *signatures)
    sandbox.ok("run")


def test_the_whole_drill(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "all")
    sandbox.make()
    sandbox.split_root()
    sandbox.ok("run")
    courier = sandbox.stick("courier")
    assert all(keys.is_sealed(sandbox.stick(f"usb-{one}") / f"share-{one}.key") for one in "abc")

    sleeper = Reader(sandbox, "sleeper")
    assert sleeper.looks(sandbox.mirror(1)) == 0
    kept = tmp_path / "kept.tamizdat"
    page = next(sandbox.mirror(1).glob("a/*.html"))
    sandbox.ok("get", page, "-o", kept, "--trust", sandbox.environ["FINGERPRINT"], "--no-memory")

    # Somebody copies the machine, passphrase and all. What he does with it comes below.
    thief = sandbox.copy_to(tmp_path / "thief")

    # The online key is changed; share C is lost and replaced; the log is frozen and the next one begun with the key
    # that readers were promised, and articles have another publisher key.
    sandbox.ok("key", "rotate", "online", "-o", courier / "online.json")
    has_it_signed(sandbox, "online.json", "a", "b")
    shutil.rmtree(sandbox.stick("usb-c"))
    share = sandbox.stick("usb-d") / "share-d.key"
    sandbox.ok("key", "add", "root", "--name", "share-d", "-o", share, "--passphrase", "prompt")
    sandbox.ok("key", "rotate", "root", "--remove", "share-c", "--add", f"{share}.pub", "-o", courier / "share.json")
    has_it_signed(sandbox, "share.json", "a", "b")
    sandbox.article(2)
    sandbox.ok("run")
    successor = sandbox.stick("usb-a") / "log-successor.key"
    sandbox.ok(
        *("key", "request", "--freeze", "stolen", "--successor", successor, "--rotate", "publisher"),
        *("-o", courier / "freeze.json"),
    )
    sandbox.article(3)
    sandbox.ok("run")
    assert sandbox("status", "--json").json["log"]["pending"] == 1  # while the request travels nothing is sealed
    has_it_signed(sandbox, "freeze.json", "b", "d")
    sandbox.article(4)
    sandbox.ok("run")
    logs = trust_of(sandbox.publication)["logs"]
    assert [("frozen" in log, log.get("path", "")) for log in logs] == [
        (True, ""),
        (False, f"log/{datetime.now(UTC):%Y}-2"),
    ]

    # Who slept through all of it: by the old pin alone, by memory, on either mirror, an article of before by its file.
    for mirror in (1, 2):
        newcomer = Reader(sandbox, f"newcomer{mirror}")
        assert newcomer.looks(sandbox.mirror(mirror)) == 0, newcomer.said
        assert sleeper.like(f"woken{mirror}").looks(sandbox.mirror(mirror)) == 0
    assert sleeper.like("with a page").looks(next(sandbox.mirror(2).glob("a/*.html"))) == 0
    assert newcomer.said.json["fresh"] == "fresh"
    awake = sleeper.like("awake")
    assert awake.looks(sandbox.mirror(2)) == 0
    # What was passed on by hand before the freeze is asked for anew, and then good again.
    assert awake.like("with a pack").looks(kept, "--mirror", sandbox.mirror(1)) == 4
    renewed = tmp_path / "renewed.tamizdat"
    sandbox.ok("get", sandbox.mirror(1) / page.relative_to(sandbox.mirror(1)), "-o", renewed)
    assert awake.like("with a new pack").looks(renewed) == 0

    # The thief convinces nobody: neither who has seen the change, nor who has only the pin and one honest mirror.
    honest = sandbox.mirror(2)
    copied = tmp_path / "an honest copy"
    shutil.copytree(honest, copied)
    assert Reader(sandbox, "newcomer, an honest copy").looks(copied, "--mirror", honest) == 0
    for name, (lie, knows_all_roots) in lies(thief, sandbox).items():
        # A mirror that hides the new roots is the old machine, as far as its only reader can tell; one look at any
        # other mirror ends that. The other lies deceive nobody, also not alone.
        beside = () if knows_all_roots else ("--mirror", honest)
        for who, words in (
            (awake.like(f"awake, {name}"), ()),
            (Reader(sandbox, f"newcomer, {name}"), beside),
            (sleeper.like(f"sleeper, {name}"), beside),
        ):
            assert who.looks(lie, *words) in (4, 5), (name, who.memory.name, who.said.out[:2000])
            assert who.said.json["authentic"] is not True or who.said.json["fresh"] != "fresh", (name, who.said.out)


def trust_of(publication: Publication) -> dict[str, Any]:
    from mirror.changes import document_of, own_view

    return document_of(own_view(publication, datetime.now(UTC)).trust)


def lies(thief: Sandbox, honest: Sandbox) -> dict[str, tuple[Path, bool]]:
    """Mirrors (or a page) that somebody with all keys of the old machine can make, by name, and whether they serve the
    new roots."""
    with thief.environment():
        online = thief.publication.key("online")
    true = honest.mirror(2)

    # He goes on with the publication as it was: new entries, new editions, new timestamps, all properly signed.
    config = thief.home / configuration.FILE_NAME
    for number in (1, 2):
        config_edit.remove_target(config, f"mirror-{number}")
    own = thief.folder / "lie"
    own.mkdir()
    config_edit.add_target(config, name="lie", url=str(own))
    begun = trust_of(thief.publication)["publishers"][0]["from"]
    for number in (666, 667):
        thief.article(number, time=begun)
        thief.ok("run")
    made: dict[str, Path] = {"goes on with the old log": own}

    def variant(name: str, base: Path) -> Path:
        made[name] = thief.folder / name.replace(" ", "-")
        shutil.copytree(base, made[name])
        return made[name]

    # The same under the honest trust files: they are public.
    under = variant("old log under the new trust files", own)
    shutil.copytree(true / "trust", under / "trust", dirs_exist_ok=True)

    # The honest mirror, its log replaced by his fork of it.
    fork = variant("fork in an honest mirror", true)
    for name in ("front", "checkpoint"):
        shutil.copy(own / name, fork / name)
    for folder in ("tile", "o", "proof"):
        shutil.copytree(own / folder, fork / folder, dirs_exist_ok=True)

    # The closed log's last checkpoint replaced by his larger one.
    larger = variant("a later end of the frozen log", true)
    closed = next((larger / "log").glob("*/checkpoint"))
    ends = sorted(one for one in (larger / "log").glob("*/checkpoint") if b"-2\n" not in one.read_bytes()[:60])
    shutil.copy(own / "checkpoint", (ends or [closed])[0])

    # A timestamp and snapshot by the old online key over the honest targets, of a version nobody can follow.
    forward = variant("old online key, fast-forwarded", true)
    for path, data in forged(forward, online, version=2**31).items():
        (forward / path).write_bytes(data)

    # The old root, fast-forwarded, all later roots hidden.
    hidden = variant("hidden roots, fast-forwarded", own)
    for path, data in forged(hidden, online, version=2**31).items():
        (hidden / path).write_bytes(data)

    # An article of his in the honest mirror, with a proof by the old log's key and a date before the theft.
    article = variant("a backdated article", true)
    forgery = next(path for path in pages(own) if not (true / path).exists())
    for folder in ("o", "proof"):
        shutil.copytree(own / folder, article / folder, dirs_exist_ok=True)
    shutil.copy(own / forgery, article / forgery)
    made["a backdated article"] = article / forgery
    hiding = {"goes on with the old log", "hidden roots, fast-forwarded"}
    return {name: (path, name not in hiding) for name, path in made.items()}


def pages(mirror: Path) -> Iterator[Path]:
    return (path.relative_to(mirror) for path in mirror.glob("a/*.html"))


def forged(mirror: Path, online: SignerKey, *, version: int) -> dict[str, bytes]:
    """Snapshot and timestamp over the newest targets of a mirror, signed by this key whether it may or not."""
    newest = max(int(path.name.split(".")[0]) for path in (mirror / "trust").glob("*.targets.json"))
    targets = (mirror / f"trust/{newest}.targets.json").read_bytes()
    make: Callable[..., bytes] = authority._make_snapshot
    snapshot = make(version, newest, targets, online, datetime.now(UTC))
    timestamp = authority._make_timestamp(version, version, snapshot, online, datetime.now(UTC))
    assert json.loads(timestamp)["signed"]["version"] == version
    return {f"trust/{version}.snapshot.json": snapshot, "trust/timestamp.json": timestamp}
