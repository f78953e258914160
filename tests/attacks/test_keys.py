"""What can be done with stolen or coerced keys, and what readers see of it. As in `test_mirrors`, an honest mirror
beside raises no alarm."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mirror.history import Learning
from mirror.known import Memory
from mirror.read import FolderMirror, object_path, proof_path
from mirror.trusted import open_trust
from signing import authority, evidence
from signing.keys import SignerKey
from tests.attacks.conftest import Scene, files_of, instead
from tests.liar import Liar, honest
from tests.teller import Say, Told
from tests.world import World, article


def _proven(told: Told, say: Say, pin: str, *words: str) -> dict[str, Any]:
    """The evidence that a command left, which must convince a stranger who has only the pin and the file."""
    assert told.status == 5, told.said
    file = told.json["evidence"]
    alone = say("verify", file, "--trust", pin, "--no-memory")
    assert alone.status == 5
    assert "evidence:  PROVEN" in alone.out
    for word in words:
        assert word in alone.out
    document: dict[str, Any] = json.loads(Path(file).read_text())
    return document


# --- two histories ---------------------------------------------------------------------------------------------------


def test_two_mirrors_that_show_two_histories_are_caught_by_comparing_them(
    scene: Scene, good: Liar, say: Say, tmp_path: Path
) -> None:
    with Liar(scene.other.tree, honest) as other, Liar(scene.tree, honest) as twin:
        trust = ("--trust", scene.pin)
        assert say("verify", other.url, *trust, "--no-memory").status == 0, "alone, each is a history"
        assert say("verify", good.url, *trust, "--no-memory", "--mirror", twin.url).status == 0
        told = say("verify", good.url, *trust, "--mirror", other.url, "--json")
        assert told.json["authentic"] is False
        evidence = _proven(told, say, scene.pin, "signed two histories")
        assert (evidence["type"], len(set(evidence["checkpoints"]))) == ("fork", 2)
        assert say("get", good.url, other.url, *trust, "-o", "out").status == 5
        assert not Path("out/front").exists()
        shutil.rmtree(tmp_path / "memory")
        assert say("verify", good.url, *trust, "--mirror", twin.url).status == 0


def test_a_history_that_was_rewritten_is_evidence_to_who_saw_the_one_before(
    scene: Scene, good: Liar, say: Say, tmp_path: Path
) -> None:
    """Somebody makes the publisher take an article out of the log, with all keys at hand."""
    assert say("verify", good.url, "--trust", scene.pin).status == 0
    rewritten = scene.other.split(tmp_path / "rewritten")
    for number in range(20, 24):
        rewritten.add(article(number))
        rewritten.seal()
    with Liar(rewritten.tree, honest) as evil:
        told = say("verify", evil.url, "--json")
        assert any(problem["state"] == "forked" for problem in told.json["problems"])
        evidence = _proven(told, say, scene.pin, "does not continue it")
        assert evidence["prefix"]
        assert say("get", evil.url, "-o", "out").status == 5
        # What was seen is what goes on counting.
        assert say("verify", good.url).status == 0


def test_a_history_as_short_as_before_the_witnesses_is_not_fresh(scene: Scene, say: Say, tmp_path: Path) -> None:
    """Checkpoints older than the policy need no witnesses; whoever stole the keys can make so short a history today."""
    world = scene.copy(tmp_path)
    world.witnessed_by(3, 2)
    thief = World(tmp_path / "thief", origin="world.example", now=world.now)
    for role in ("publisher", "log"):
        name = f"{role}.key"
        shutil.copy(world.publication.config.keys.folder / name, thief.publication.config.keys.folder / name)
    thief.add(article(66))
    thief.seal()
    world.seal()
    stolen = {path: data for path, data in files_of(thief.tree).items() if not path.startswith("trust/")}
    _put(thief.tree, {**stolen, **{path: data for path, data in files_of(world.tree).items() if "trust/" in path}})
    with Liar(world.tree, honest) as mirror, Liar(thief.tree, honest) as evil:
        assert say("verify", mirror.url, "--trust", scene.pin, "--no-memory").status == 0
        told = say("verify", evil.url, "--trust", scene.pin, "--no-memory")
        assert told.status == 4
        assert "it is older than the witness policy, and too few witnesses saw it" in told.out


def test_noise_raises_no_alarm_of_two_histories(scene: Scene, good: Liar, say: Say) -> None:
    assert say("verify", good.url, "--trust", scene.pin).status == 0
    with Liar(scene.other.tree, honest) as other:
        evidence = _proven(say("verify", other.url, "--json"), say, scene.pin)
    theirs = files_of(scene.other.tree)["checkpoint"]
    unsigned = theirs[:-9] + b"AAAA" + theirs[-5:]
    with Liar(scene.tree, instead({"checkpoint": unsigned})) as evil:
        assert say("verify", evil.url).status == 4
    # Evidence that was doctored, or is of somebody else, proves nothing.
    Path("out").mkdir()
    file = Path("out/evidence.json")
    same = {**evidence, "checkpoints": [evidence["checkpoints"][0]] * 2}
    other_root = {**evidence, "checkpoints": [one.replace("\n8\n", "\n9\n") for one in evidence["checkpoints"]]}
    for changed in (same, other_root, {**evidence, "files": {}}, {"v": 1, "kind": "evidence"}):
        file.write_text(json.dumps(changed))
        told = say("verify", str(file), "--trust", scene.pin)
        assert (told.status, "proves nothing" in told.out) == (4, True)
    file.write_text(json.dumps(evidence))
    told = say("verify", str(file), "--trust", "sha256:" + "ab" * 32)
    assert (told.status, "proves nothing" in told.out) == (4, True)
    told = say("verify", str(file), "--no-memory")
    assert (told.status, "no trust root is pinned" in told.out) == (4, True)
    assert say("verify", str(file)).status == 5, "the pin of an earlier visit does as well"
    assert say("verify", good.url).status == 0


def test_a_history_that_too_few_witnesses_saw_is_not_believed(
    scene: Scene, good: Liar, say: Say, tmp_path: Path
) -> None:
    """With a quorum of witnesses, whoever holds the log's key can't even show a second history."""
    world = scene.copy(tmp_path)
    world.witnessed_by(3, 2)
    world.seal()
    private = world.split(tmp_path / "private")
    private.add(article(9))
    private.seal(cosigning=1)
    world.add(article(4))
    world.seal(cosigning=2)
    trust = ("--trust", scene.pin)
    with Liar(private.tree, honest) as evil, Liar(world.tree, honest) as mirror:
        told = say("verify", evil.url, *trust)
        assert told.status == 4
        assert "unwitnessed: front: check 10" in told.out
        assert "cosigned by witness0.example; the policy asks for" in told.out
        assert "what to do: come back later or ask another mirror" in told.out
        told = say("verify", mirror.url, *trust, "--json")
        assert (told.status, set(told.json["witnesses"])) == (0, {"witness0.example", "witness1.example"})
        assert "witnessed  by witness" in say("verify", mirror.url, *trust).out
        assert say("verify", f"{mirror.url}/{scene.article}", *trust).status == 0, "what is older needs no witness"


# --- forged articles -------------------------------------------------------------------------------------------------


def test_an_article_that_somebody_else_signed_is_refused(scene: Scene, good: Liar, say: Say, tmp_path: Path) -> None:
    stranger = World(tmp_path / "stranger", origin="world.example", now=datetime.now(UTC) - timedelta(hours=1))
    (forged,) = stranger.add(article(1, title="Forged"))
    stranger.seal()
    theirs = files_of(stranger.tree)
    trust = ("--trust", scene.pin)
    changed: dict[str, bytes | None] = {
        object_path(forged): theirs[object_path(forged)],
        proof_path(forged): theirs[proof_path(forged)],
    }
    with Liar(scene.tree, instead(changed)) as evil:
        told = say("verify", f"{evil.url}/{object_path(forged)}", *trust)
        assert (told.status, "check 5 publisher signature" in told.out) == (4, True)
        assert "Forged" not in told.out
    # The publisher's own signature is not enough: what isn't in the log was never published.
    world = scene.copy(tmp_path)
    (unlogged,) = world.add(article(66))
    world.seal()
    bundle = (world.tree / object_path(unlogged)).read_bytes()
    changed = {object_path(unlogged): bundle, proof_path(unlogged): scene.files[proof_path(scene.first)]}
    with Liar(scene.tree, instead(changed)) as evil:
        told = say("verify", f"{evil.url}/{object_path(unlogged)}", *trust)
        assert (told.status, "check 9 inclusion proof" in told.out) == (4, True)
    assert say("verify", good.url, *trust).status == 0


def _relogged(world: World, log: SignerKey, *, fetched: str) -> tuple[str, dict[str, bytes | None]]:
    """An article that a thief with these keys logs on a copy of the publication: its digest, and the mirror's files."""
    (digest,) = world.add(article(77, title="Backdated", fetched=fetched))
    world.seal()
    assert world.publication.key("log") == log
    files: dict[str, bytes | None] = dict(files_of(world.tree))
    return digest, files


def test_a_stolen_log_key_can_do_nothing_once_the_log_is_frozen(
    scene: Scene, good: Liar, say: Say, tmp_path: Path
) -> None:
    world = scene.copy(tmp_path)
    thief = world.split(tmp_path / "thief")
    world.begin_log("2032", earlier=False)
    world.add(article(5))
    world.seal()
    trust = ("--trust", scene.pin)
    digest, forged = _relogged(thief, thief.publication.key("log"), fetched="2031-04-01T08:00:00Z")
    trusted = {path: data for path, data in files_of(world.tree).items() if path.startswith("trust/")}
    with Liar(world.tree, honest) as mirror, Liar(thief.tree, honest) as evil:
        told = say("verify", mirror.url, *trust, "--json")
        assert told.status == 0
        assert [(one["closed"], one["path"]) for one in told.json["logs"]] == [(True, ""), (False, "log/2032")]
        # A backdated article in a checkpoint beyond the end of the log, which its key signed: that is evidence.
        told = say("verify", f"{evil.url}/{object_path(digest)}", "--json")
        assert "was frozen at 8 entries; this is a later checkpoint" in json.dumps(told.json)
        evidence = _proven(told, say, scene.pin, "this log ended at 8 entries")
        assert evidence["type"] == "freeze"
        told = say("verify", evil.url, "--json")
        assert told.status == 5
        assert say("verify", mirror.url).status == 0
        assert say("verify", f"{mirror.url}/{scene.article}").status == 0, "old articles verify by new proofs"
        # One that comes with the new trust files convicts itself before a first visitor.
        shutil.rmtree(tmp_path / "memory")
        with Liar(thief.tree, instead({**forged, **trusted})) as mixed:
            assert say("verify", f"{mixed.url}/{object_path(digest)}", *trust, "--json").status == 5
    # A mirror that only has not heard of it yet is outdated, which accuses nobody.
    shutil.rmtree(tmp_path / "memory")
    with Liar(world.tree, honest) as mirror, Liar(scene.yesterday, honest) as late:
        assert say("verify", mirror.url, *trust).status == 0
        told = say("verify", f"{late.url}/{scene.article}")
        assert told.status == 4
        assert "outdated: check 10" in told.out
        assert "what to do: ask another mirror: the proofs were made anew" in told.out
        assert "evidence" not in told.out


def test_a_publisher_key_that_was_revoked_signs_nothing_more(
    scene: Scene, good: Liar, say: Say, tmp_path: Path
) -> None:
    """The thief has publisher and log key; readers who have the new trust files believe neither date nor signature."""
    world = scene.copy(tmp_path)
    thief = world.split(tmp_path / "thief")
    new = SignerKey("world.example/publisher2", b"n" * 32)

    def revoke(document: dict[str, Any]) -> None:
        document["publishers"][0]["until"] = f"{world.now:%Y-%m-%dT%H:%M:%SZ}"
        document["publishers"].append({**document["publishers"][0], "key": new.verifier.text})
        del document["publishers"][1]["until"]

    world.retrust(revoke)
    trusted = {path: data for path, data in files_of(world.tree).items() if path.startswith("trust/")}
    later = (thief.now + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest, forged = _relogged(thief, thief.publication.key("log"), fetched=later)
    trust = ("--trust", scene.pin)
    with Liar(thief.tree, instead({**forged, **trusted})) as evil, Liar(world.tree, honest) as mirror:
        told = say("verify", f"{evil.url}/{object_path(digest)}", *trust)
        assert told.status == 4
        assert "check 5 publisher signature" in told.out
        assert f"until {world.now:%Y-%m-%dT%H:%M:%SZ}" in told.out
        told = say("verify", mirror.url, *trust)
        assert told.status == 0, told.out


# --- trust files -----------------------------------------------------------------------------------------------------


def _roots(world: World, folder: Path) -> tuple[SignerKey, ...]:
    """Three root keys, of which two are needed, are put in the place of the one; returns them."""
    keys = tuple(SignerKey(f"world.example/root{number}", bytes([50 + number]) * 32) for number in range(3))
    key = world.publication.key
    files = authority.rotate(
        lambda path: _file(world.tree, path),
        signers=[key("root")],
        root=keys,
        threshold=2,
        online=key("online"),
        now=world.now,
    )
    _put(world.tree, files)
    return keys


def _file(tree: Path, path: str) -> bytes | None:
    file = tree / path
    return file.read_bytes() if file.is_file() else None


def _put(tree: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(data)


def _with_key(text: bytes, key: SignerKey) -> bytes:
    """trust.json with another publisher's key."""
    document = json.loads(text)
    document["publishers"][0]["key"] = SignerKey("world.example/publisher", key.seed).verifier.text
    return json.dumps(document, separators=(",", ":")).encode()


THIEF = SignerKey("world.example/thief", b"t" * 32)


def test_a_trust_file_made_for_one_reader_is_refused(scene: Scene, good: Liar, say: Say) -> None:
    path = next(one for one in scene.files if one.endswith(".trust.json"))
    with Liar(scene.tree, instead({path: _with_key(scene.files[path], THIEF)})) as evil:
        told = say("verify", evil.url, "--trust", scene.pin)
        assert (told.status, "untrusted: trust" in told.out) == (4, True)
        assert say("get", evil.url, good.url, "--trust", scene.pin).status == 0
    assert say("verify", good.url, "--trust", scene.pin).status == 0


def test_two_trust_files_of_one_version_are_evidence_against_the_root_keys(
    scene: Scene, good: Liar, say: Say, tmp_path: Path
) -> None:
    """Whoever has enough root keys can make a private trust.json; two readers who compare can prove it."""
    public, private = scene.copy(tmp_path), scene.world.split(tmp_path / "private")
    public.retrust(lambda document: document.update(name="World"))
    private.retrust(lambda document: document.update(name="World of one's own"))
    for world in (public, private):
        world.seal()
    with Liar(public.tree, honest) as mirror, Liar(private.tree, honest) as evil:
        assert say("verify", mirror.url, "--trust", scene.pin).status == 0
        told = say("verify", evil.url, "--json")
        assert "two different targets files are both version 3" in told.out
        evidence = _proven(told, say, scene.pin, "signed two different files")
        assert evidence["type"] == "trust"
        assert say("verify", mirror.url).status == 0


def test_a_root_key_that_counted_alone_once_accuses_nobody_when_it_is_one_of_three(
    scene: Scene, say: Say, tmp_path: Path
) -> None:
    """What it signs by itself is no second statement of the publication's, as long as the newer root is known."""
    public = scene.copy(tmp_path)
    hidden = public.split(tmp_path / "hidden")
    key, second, third = public.publication.key, SignerKey("second", b"2" * 32), SignerKey("third", b"3" * 32)
    everybody = [key("root"), second, third]
    _put(
        public.tree,
        authority.rotate(
            lambda path: _file(public.tree, path),
            signers=[key("root")],
            root=everybody,
            threshold=2,
            online=key("online"),
            now=public.now,
        ),
    )
    for version in (3, 4):  # of trust.json: until both have targets of one version
        hidden.retrust(lambda document, name=f"Evil {version}": document.update(name=name))  # type: ignore[misc]
    _put(
        public.tree,
        authority.retarget(
            lambda path: _file(public.tree, path), [key("root"), second], key("online"), public.view().trust, public.now
        ),
    )
    assert public.view().versions["targets"] == hidden.view().versions["targets"] == 4
    path = "trust/4.targets.json"
    texts = [(tree / path).read_bytes() for tree in (public.tree, hidden.tree)]
    document = evidence.trust_document(
        texts, origin="world.example", files=hidden.view().files, time="2026-11-01T00:00:00Z", reason="made up"
    )
    made = tmp_path / "made.json"
    made.write_bytes(evidence.encode(document))
    with Liar(public.tree, honest) as mirror, Liar(hidden.tree, honest) as evil:
        say("verify", mirror.url, "--trust", scene.pin)
        told = say("verify", evil.url, "--json")
        assert (told.json["evidence"], told.status in (0, 4)) == (None, True)
        assert "Evil" not in told.json["publication"]
        told = say("verify", str(made))
        assert (told.status, "proves nothing" in told.out) == (4, True)
        # Who met the other one first follows the newer root, and accuses nobody either.
        shutil.rmtree(tmp_path / "memory")
        assert "Evil" in say("verify", evil.url, "--trust", scene.pin).out
        told = say("verify", mirror.url, "--json")
        assert (told.status, told.json["evidence"]) == (0, None)


def test_a_stolen_online_key_changes_nothing_that_readers_believe(
    scene: Scene, good: Liar, say: Say, tmp_path: Path
) -> None:
    world = scene.copy(tmp_path)
    key, tree = world.publication.key, world.tree
    old = key("online")
    # It can't sign targets …
    text = world.view().trust
    forged = authority.create(
        root=[old], threshold=1, online=THIEF, trust_document=_with_key(text, THIEF), now=world.now
    )
    mixed = {path: data for path, data in forged.items() if "root" not in path}
    with Liar(tree, instead({**mixed})) as evil:
        told = say("verify", evil.url, "--trust", scene.pin)
        assert (told.status, "untrusted: trust" in told.out) == (4, True)
    # … only keep yesterday alive, which the edition's own date gives away; and once it was rotated, not even that.
    new = SignerKey("world.example/online", b"o" * 32)
    files = authority.rotate(
        lambda path: _file(tree, path),
        signers=[key("root")],
        root=[key("root")],
        threshold=1,
        online=new,
        now=world.now,
    )
    stolen = tmp_path / "stolen"
    shutil.copytree(tree, stolen)
    _put(tree, files)
    with Liar(tree, honest) as mirror, Liar(stolen, honest) as evil:
        assert say("verify", mirror.url, "--trust", scene.pin).status == 0
        # The thief signs the longest life for the old files, and a version that nobody could overtake.
        forever = authority.refresh(lambda path: _file(stolen, path), old, world.now + timedelta(hours=1))
        _put(stolen, forever)
        told = say("verify", evil.url)
        assert (told.status, "this mirror's trust files are older" in told.out) == (4, True)
        with Liar(stolen, instead({"trust/2.root.json": files["trust/2.root.json"]})) as mixed_up:
            told = say("verify", mixed_up.url)
            assert (told.status, "untrusted: trust" in told.out) == (4, True)
        assert say("verify", mirror.url).status == 0


def test_root_keys_below_the_threshold_convince_nobody(scene: Scene, good: Liar, say: Say, tmp_path: Path) -> None:
    world = scene.copy(tmp_path)
    keys = _roots(world, tmp_path)
    trust = ("--trust", scene.pin)
    alone = authority.create(root=keys[:1], threshold=1, online=THIEF, trust_document=world.view().trust, now=world.now)
    root = json.loads(alone["trust/1.root.json"])
    for version in (2, 3):
        root["signed"]["version"] = version
        forged = json.dumps(root, separators=(",", ":")).encode()
        with Liar(world.tree, instead({f"trust/{version}.root.json": forged})) as evil:
            told = say("verify", evil.url, *trust, "--no-memory")
            assert told.status == 4
            assert "untrusted: trust" in told.out
    with Liar(world.tree, honest) as mirror:
        assert say("verify", mirror.url, *trust).status == 0


def test_a_chain_of_roots_that_does_not_hold_is_refused(scene: Scene, good: Liar, say: Say, tmp_path: Path) -> None:
    world = scene.copy(tmp_path)
    _roots(world, tmp_path)
    second = _file(world.tree, "trust/2.root.json")
    assert second is not None
    trust = ("--trust", scene.pin)
    chains: dict[str, dict[str, bytes | None]] = {
        "a root twice": {"trust/3.root.json": second},
        "a root skipped": {"trust/2.root.json": None, "trust/3.root.json": second},
        "no root at all": {"trust/1.root.json": None},
        "another first root": {"trust/1.root.json": second},
        "not a root": {"trust/3.root.json": b'{"signed":{},"signatures":[]}'},
    }
    for name, changed in chains.items():
        with Liar(world.tree, instead(changed)) as evil:
            told = say("verify", evil.url, *trust, "--no-memory")
            assert (told.status, "untrusted: trust" in told.out) == (4, True), name
    with Liar(world.tree, honest) as mirror:
        assert say("verify", mirror.url, *trust).status == 0


def test_a_thief_does_not_keep_readers_away_once_his_log_is_frozen(scene: Scene, say: Say, tmp_path: Path) -> None:
    """Who was shown the thief's history is told so once, with the evidence; then the root keys' word counts."""
    world = scene.copy(tmp_path)
    thief = world.split(tmp_path / "thief")
    for number in range(3):  # so that his edition has a higher number than any honest one for a while
        thief.add(article(50 + number))
        thief.seal()
    with Liar(thief.tree, honest) as evil:
        assert say("verify", evil.url, "--trust", scene.pin).status == 0
    world.begin_log("2031-b", earlier=False)
    world.seal()
    with Liar(world.tree, honest) as mirror:
        _proven(say("verify", mirror.url, "--json"), say, scene.pin, "ended at 8 entries")
        told = say("verify", mirror.url)
        assert (told.status, "fresh:     fresh" in told.out) == (0, True)
        assert say("get", mirror.url).status == 0


def test_a_slow_reader_does_not_undo_what_another_one_learnt(scene: Scene, tmp_path: Path) -> None:
    """Two readers with one memory: the one that began first ends last, with the older trust files."""
    world, memory = scene.copy(tmp_path), Memory(tmp_path / "known")
    early = open_trust(FolderMirror(scene.tree), pin=scene.pin, memory=memory, now=world.now)
    world.retrust(lambda document: document.update(name="World Today"))
    late = open_trust(FolderMirror(world.tree), pin=scene.pin, memory=memory, now=world.now)
    for trusted in (late, early):
        memory.update("world.example", Learning(trusted=trusted))
    known = memory.recall("world.example")
    assert known is not None
    assert "trust/3.targets.json" in known.trust


def test_a_new_log_with_another_key_than_was_announced_is_noted(
    scene: Scene, good: Liar, say: Say, tmp_path: Path
) -> None:
    for promised in (True, False):
        world = scene.world.split(tmp_path / f"{promised}")
        with Liar(world.tree, honest) as mirror:
            assert say("verify", mirror.url, "--trust", scene.pin).status == 0
            world.begin_log("2032", earlier=True, promised=promised)
            world.seal()
            told = say("verify", mirror.url)
            assert told.status == 0, "the root keys signed for it"
            assert ("is not the announced successor" in told.out) != promised
        shutil.rmtree(tmp_path / "memory")


def test_an_edition_dated_ahead_is_not_fresh(scene: Scene, good: Liar, say: Say, tmp_path: Path) -> None:
    """Or whoever stole the keys would own what is newest for years."""
    world = scene.copy(tmp_path)
    world.now = datetime.now(UTC) + timedelta(days=400)
    world.seal()
    with Liar(world.tree, honest) as evil:
        told = say("verify", evil.url, "--trust", scene.pin, "--no-memory")
        assert told.status == 4
        assert "authentic: yes" in told.out
        assert "dated in the future, or this clock is slow" in told.out
    assert say("verify", good.url, "--trust", scene.pin).status == 0


# --- withdrawal ------------------------------------------------------------------------------------------------------


def test_what_was_withdrawn_is_gone_and_readers_are_told(scene: Scene, good: Liar, say: Say, tmp_path: Path) -> None:
    world = scene.copy(tmp_path)
    trust = ("--trust", scene.pin)
    with Liar(world.tree, honest) as mirror:
        assert say("get", mirror.url, *trust, "-o", "out").status == 0
        assert (Path("out") / scene.article).exists()
        assert say("get", f"{mirror.url}/{scene.article}", *trust, "-o", "pack.tamizdat").status == 0
        world.withdraw(scene.first, "a source is in danger")
        for _ in range(3):
            world.add(article(int(world.now.timestamp()) % 100_000))
            world.seal()
        told = say("verify", mirror.url)
        assert told.status == 0, "that it is not here is as it should be"
        told = say("verify", f"{mirror.url}/{scene.article}")
        assert told.status == 4
        assert "authentic: unknown, it is not here any more" in told.out
        assert "what to do: nothing is wrong with this mirror" in told.out
        assert "current:   withdrawn on" in told.out
        assert "a source is in danger" in told.out
        # A pack from before is still authentic; who has been to a mirror since knows that it was taken back, and why.
        told = say("verify", "pack.tamizdat")
        assert (told.status, "current:   withdrawn on" in told.out) == (0, True)
        assert "a source is in danger" in told.out
        told = say("verify", "pack.tamizdat", *trust, "--no-memory")
        assert (told.status, "current:   current" in told.out) == (0, True), "which nobody else can know"
        told = say("verify", "pack.tamizdat", *trust, "--no-memory", "--mirror", mirror.url)
        assert (told.status, "current:   withdrawn on" in told.out) == (0, True)
        assert "a source is in danger" in told.out
        # A copy loses it, and everything that only it had.
        told = say("get", mirror.url, "-o", "out")
        assert told.status == 0
        assert "what was withdrawn since the last time was removed" in told.err
        kept = b"".join(path.read_bytes() for path in Path("out").rglob("*") if path.is_file())
        assert not (Path("out") / scene.article).exists()
        assert hashlib.sha256(b"1").digest() not in kept, "its picture"
        assert say("verify", "out").status == 0


def test_a_mirror_that_keeps_what_was_withdrawn_is_behind(scene: Scene, good: Liar, say: Say, tmp_path: Path) -> None:
    world = scene.copy(tmp_path)
    world.withdraw(scene.first)
    world.seal()
    trust = ("--trust", scene.pin)
    with Liar(world.tree, honest) as mirror:
        told = say("verify", good.url, *trust, "--mirror", mirror.url)
        assert (told.status, "fresh:     stale" in told.out) == (4, True)
        # One that has today's log and yesterday's text is told apart from one that lost it.
        with Liar(world.tree, instead({scene.article: scene.files[scene.article]})) as keeping:
            told = say("verify", keeping.url, *trust)
            assert (told.status, "withdrawn, and still here" in told.out) == (0, True)
            told = say("verify", f"{keeping.url}/{scene.article}", *trust)
            assert (told.status, "current:   withdrawn on" in told.out) == (0, True)
        with Liar(world.tree, instead({object_path(scene.second): None})) as losing:
            told = say("verify", losing.url, *trust)
            assert (told.status, f"missing: {object_path(scene.second)}" in told.out) == (4, True)
        assert say("verify", mirror.url, *trust).status == 0
