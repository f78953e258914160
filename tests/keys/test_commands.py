"""`tamizdat key …` as an operator meets it: what works at once, what is refused in one line, what a crash leaves."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mirror import changes, keys
from mirror.archive import Archive, ClockWrong, DiskFull
from mirror.changes import reminders
from mirror.errors import TamizdatError
from mirror.witness.store import Witness
from signing import proof as proofs
from signing.keys import SignerKey
from signing.roles import Trust
from signing.verify import check_checkpoint
from tests.keys.sandbox import Sandbox
from tests.witness.servers import witness


def findings(sandbox: Sandbox) -> dict[str, tuple[str, str]]:
    """What `doctor` says, by name."""
    rows = sandbox("doctor", "--offline", "--json").json["checks"]
    return {row["name"]: (row["state"], row["detail"]) for row in rows}


# --- with one root key ------------------------------------------------------------------------------------------------


def test_with_one_root_key_at_hand_everything_is_one_command(single: Sandbox) -> None:
    before = {path.name: path.read_bytes() for path in (single.home / "keys").glob("*.key")}
    for role in ("online", "publisher", "minisign", "root"):
        single.ok("key", "rotate", role)
    single.ok("key", "freeze", "--reason", "lost")
    single.ok("key", "renew")
    after = {path.name: path.read_bytes() for path in (single.home / "keys").glob("*.key")}
    assert before.keys() == after.keys()
    assert not any(before[name] == after[name] for name in before)
    assert not list((single.home / "keys").glob("*.next"))
    single.article(2)
    single.ok("run")
    assert single.read(1, "--trust", single.environ["FINGERPRINT"]).status == 0


def test_a_list_of_keys_needs_no_passphrase(single: Sandbox) -> None:
    del single.environ["KEYS_PASSPHRASE"]
    said = single.ok("key", "list", "--json").json
    assert {row["role"] for row in said["keys"]} == {
        "publisher", "log", "online", "root", "log-successor", "minisign",
    }  # fmt: skip
    assert all(row["encrypted"] for row in said["keys"])
    assert said["root"]["here"] == said["root"]["threshold"] == 1
    assert "PRIVATE" not in single.ok("key", "list").out


@pytest.mark.parametrize("words", [("run",), ("key", "rotate", "online"), ("key", "renew")])
def test_a_wrong_passphrase_is_one_line_and_changes_nothing(words: tuple[str, ...], single: Sandbox) -> None:
    single.article(2)
    trust = sorted(path.name for path in (single.publication.tree / "trust").iterdir())
    single.environ["KEYS_PASSPHRASE"] = "a guess of somebody else's"
    said = single.refused(2, *words)
    assert "wrong passphrase" in said
    assert "a guess of" not in said
    assert sorted(path.name for path in (single.publication.tree / "trust").iterdir()) == trust


def test_a_missing_passphrase_says_where_it_was_looked_for(single: Sandbox) -> None:
    del single.environ["KEYS_PASSPHRASE"]
    # Nothing waits; signing the timestamp again needs a key all the same.
    assert "KEYS_PASSPHRASE" in single.refused(2, "run")


def test_the_passphrase_can_be_changed_and_the_configuration_follows(single: Sandbox) -> None:
    single.environ["OTHER"] = "a ladder leans on the almond tree"
    single.ok("key", "encrypt", "--passphrase", "env:OTHER")
    del single.environ["KEYS_PASSPHRASE"]
    single.ok("run")
    assert single.publication.config.keys.passphrase == "env:OTHER"
    # Once more is no mistake.
    single.ok("key", "encrypt", "--passphrase", "env:OTHER")


def test_a_passphrase_is_never_an_argument(single: Sandbox) -> None:
    said = single.refused(2, "key", "encrypt", "--passphrase", "hunter2 hunter2")
    assert "hunter2" not in said


# --- two of three -----------------------------------------------------------------------------------------------------


def test_too_few_root_keys_name_those_that_are_missing(split: Sandbox) -> None:
    said = split.refused(1, "key", "rotate", "online", "--root", split.stick("usb-a") / "share-a.key")
    assert "1 more of share-b" in said
    assert "share-c" in said
    assert "-o REQUEST" in said


def test_two_shares_at_hand_are_enough_at_once(split: Sandbox) -> None:
    shares = [("--root", split.stick(f"usb-{one}") / f"share-{one}.key") for one in "ac"]
    split.ok("key", "rotate", "online", *shares[0], *shares[1])
    split.ok("run")
    assert split.read(1, "--trust", split.environ["FINGERPRINT"]).status == 0


def signed(split: Sandbox, *words: object) -> tuple[object, ...]:
    """What `key install` takes after a request made with these words and two signatures."""
    courier = split.stick("courier")
    request = courier / f"request-{len(list(courier.iterdir()))}.json"
    split.ok("key", *words, "-o", request)
    files = [request]
    for one in "ab":
        files.append(request.with_suffix(f".{one}"))
        split.ok("key", "sign", request, "--key", split.stick(f"usb-{one}") / f"share-{one}.key", "-o", files[-1])
    return tuple(files)


def test_a_request_is_void_when_the_archive_moved_on(split: Sandbox) -> None:
    first, second = signed(split, "renew"), signed(split, "rotate", "online")
    split.ok("key", "install", *second)
    assert "the archive moved on: its root is version 3" in split.refused(1, "key", "install", *first)
    assert "is installed already" in split.refused(2, "key", "install", *second)


def test_a_request_whose_keys_were_cancelled_is_void(split: Sandbox) -> None:
    files = signed(split, "rotate", "online")
    split.ok("key", "cancel")
    assert "online.key.next: is not here" in split.refused(2, "key", "install", *files)
    split.ok("key", "rotate", "online", "-o", split.stick("courier") / "again.json")
    assert "is not the key that the request is about" in split.refused(2, "key", "install", *files)


def test_while_a_log_is_to_be_frozen_nothing_is_sealed_and_cancelling_ends_that(split: Sandbox) -> None:
    size = split.publication.archive().head().size
    successor = split.stick("usb-a") / "log-successor.key"
    split.ok("key", "freeze", "--reason", "stolen", "--successor", successor, "-o", split.stick("courier") / "f.json")
    split.article(2)
    split.ok("run")
    archive = split.publication.archive()
    assert (archive.closing(), archive.head().size) == (True, size)
    assert any("key install" in line for line in reminders(split.publication, archive, datetime.now(UTC)))
    split.ok("key", "cancel")
    split.ok("run")
    assert archive.head().size > size
    archive.close()


def test_a_freeze_for_theft_stops_sealing_even_when_the_successor_is_not_at_hand(split: Sandbox) -> None:
    said = split.refused(2, "key", "freeze", "--reason", "stolen", "-o", split.stick("courier") / "f.json")
    assert "--successor FILE" in said
    assert "sealing has stopped" in said
    with split.publication.archive() as archive:
        assert archive.closing()


def test_another_key_than_the_promised_one_is_not_taken_for_it(split: Sandbox) -> None:
    other = split.stick("usb-b") / "share-b.key"
    said = split.refused(2, "key", "freeze", "--reason", "lost", "--successor", other, "-o", split.folder / "f.json")
    assert "not the successor" in said
    split.ok("key", "freeze", "--reason", "lost", "--fresh", "-o", split.folder / "f.json")
    shown = split.ok(
        *("key", "sign", split.folder / "f.json", "--key", split.stick("usb-a") / "share-a.key"),
        *("-o", split.folder / "a.sig"),
    ).out
    assert "NOT the announced successor" in shown


def test_a_freeze_whose_log_went_on_is_refused(split: Sandbox) -> None:
    successor = split.stick("usb-a") / "log-successor.key"
    files = signed(split, "freeze", "--reason", "stolen", "--successor", successor)
    waiting = {path: path.read_bytes() for path in (split.home / "keys").glob("*.next")}
    split.ok("key", "cancel")
    split.article(2)
    split.ok("run")
    for path, data in waiting.items():
        keys.replace_private(path, data)
    assert "the log went on" in split.refused(1, "key", "install", *files)


def test_a_log_is_not_frozen_before_what_mirrors_have(split: Sandbox) -> None:
    backup = split.stick("backup") / "publication"
    shutil.copytree(split.home, backup)
    split.article(2)
    split.ok("run")
    size = split.publication.archive().head().size
    successor = split.stick("usb-a") / "log-successor.key"
    words = ("key", "freeze", "--reason", "stolen", "--successor", successor, "-o", split.stick("courier") / "f.json")

    def restored(*more: str) -> int:
        shutil.rmtree(split.home)
        shutil.copytree(backup, split.home)
        split.ok(*words, *more)
        with split.publication.archive() as archive:
            assert archive.closing()
            return archive.head().size

    assert restored() == size
    # For mirrors that the thief went on with, once the passwords of the targets are changed.
    assert restored("--as-is") < size


def test_a_log_ends_once_a_year_and_old_proofs_stay_good(split: Sandbox) -> None:
    proof = next((split.mirror(1) / "proof").glob("*/*"))
    before = proof.read_bytes()
    successor = split.stick("usb-a") / "log-successor.key"
    split.ok("key", "install", *signed(split, "freeze", "--reason", "year", "--successor", successor))
    split.ok("run")
    assert proof.read_bytes() == before
    now = datetime.now(UTC)
    log = split.publication.archive().head()
    assert (log.origin, log.path) == (f"world.example/log/{now.year + 1}", f"log/{now.year + 1}")
    assert split.read(1, "--trust", split.fingerprint).status == 0


def test_an_outlet_has_a_key_for_itself_alone(split: Sandbox) -> None:
    split.ok("key", "add", "publisher", "--name", "lantern.example/desk", "-o", split.folder / "desk.key")
    public = split.folder / "desk.key.pub"
    assert "--outlet" in split.refused(2, "key", "request", "--add-publisher", public, "-o", split.folder / "r.json")
    words = ("request", "--add-publisher", public, "--outlet", "nobody")
    assert "no outlet 'nobody'" in split.refused(2, "key", *words, "-o", split.folder / "r.json")
    assert "private key" in split.refused(
        2, "key", "request", "--add-publisher", split.folder / "desk.key", "--outlet", "lantern", "-o", "r.json"
    )
    split.ok("key", "install", *signed(split, "request", "--add-publisher", public, "--outlet", "lantern"))
    document = changes.document_of(changes.own_view(split.publication, datetime.now(UTC)).trust)
    assert document["publishers"][-1]["outlets"] == ["lantern"]


def test_a_request_for_nothing_is_refused(split: Sandbox) -> None:
    assert "what shall change?" in split.refused(2, "key", "request", "-o", "r.json")
    assert "freeze" in split.refused(2, "key", "rotate", "log")
    assert "no root key has this name" in split.refused(2, "key", "rotate", "root", "--remove", "x", "-o", "r.json")
    assert "which root key shall go?" in split.refused(2, "key", "rotate", "root", "-o", "r.json")
    assert "threshold" in split.refused(
        1, "key", "rotate", "root", "--remove", "share-a", "--threshold", "3", "-o", "r"
    )


def test_a_request_of_another_publication_is_refused(split: Sandbox, single: Sandbox) -> None:
    files = signed(split, "renew")
    shutil.copytree(split.stick("courier"), single.stick("courier"), dirs_exist_ok=True)
    other = Sandbox(single.folder / "other")
    other.make()
    other.split_root()
    assert "another publication" in other.refused(4, "key", "install", *files)


def a_policy(split: Sandbox) -> Path:
    from signing.cosignature import witness_key

    witness = witness_key("witness.example/w1", b"w" * 32).verifier.text
    file = split.folder / "witness.policy"
    file.write_text(f"witness w1 {witness}\nquorum w1\n")
    return file


def test_witnesses_are_asked_for_from_the_present_size_on(split: Sandbox) -> None:
    (split.folder / "not.policy").write_text("witness w1\n")
    assert "no witness policy" in split.refused(2, "key", "policy", split.folder / "not.policy", "-o", "r.json")
    with split.publication.archive() as archive:
        size = archive.head().size
        files = signed(split, "policy", a_policy(split))
        assert archive.closing()
        split.ok("key", "install", *files)
        assert not archive.closing()
    view = changes.own_view(split.publication, datetime.now(UTC))
    assert view.policy == a_policy(split).read_bytes()
    assert changes.document_of(view.trust)["logs"][-1]["unwitnessed"] == size
    shown = split.ok("key", "list").out
    assert "2 of 3 keys must sign" in shown
    assert "in force already" in split.refused(2, "key", "policy", a_policy(split), "-o", "r.json")


# --- a new log, and those who have to be told of it -------------------------------------------------------------------


def frozen(split: Sandbox, *words: object) -> tuple[object, ...]:
    """Request and signatures for a new log in good order."""
    return signed(
        split, "freeze", "--reason", "year", "--successor", split.stick("usb-a") / "log-successor.key", *words
    )


def origin_shown(split: Sandbox, mirror: int) -> str:
    """The log that a mirror's checkpoint is of."""
    return (split.mirror(mirror) / "checkpoint").read_text().partition("\n")[0]


def test_a_new_log_is_on_the_mirrors_when_the_installation_ends(split: Sandbox) -> None:
    before = origin_shown(split, 1)
    said = split.ok("key", "install", *frozen(split)).out
    log = split.publication.archive().head()
    assert log.size > 0
    assert "target mirror-1: has it" in said
    assert before != log.origin == origin_shown(split, 1) == origin_shown(split, 2)
    assert split.read(1, "--trust", split.fingerprint).json["fresh"] == "fresh"
    split.article(2)
    split.ok("run")


def test_a_new_log_can_be_kept_back_until_the_next_run(split: Sandbox) -> None:
    before = origin_shown(split, 1)
    assert "tamizdat run" in split.ok("key", "install", *frozen(split), "--no-publish").out
    assert split.publication.archive().head().size == 0
    assert origin_shown(split, 1) == before
    split.ok("run")
    assert origin_shown(split, 1) != before


def test_with_one_key_at_hand_a_new_log_is_published_at_once_as_well(single: Sandbox) -> None:
    single.ok("key", "freeze", "--reason", "year")
    assert origin_shown(single, 1) == single.publication.archive().head().origin


def test_a_mirror_that_is_away_does_not_undo_the_change(split: Sandbox) -> None:
    files = frozen(split)
    before = split.publication.archive().head().origin
    split.mirror(2).rename(split.folder / "away")
    said = split("key", "install", *files, "--as-is")
    assert said.status == 3, said
    assert "target mirror-1: has it" in said.out
    assert "target mirror-2: NOT YET" in said.out
    assert split.publication.archive().head().origin == origin_shown(split, 1) != before
    (split.folder / "away").rename(split.mirror(2))
    split.ok("run")
    assert origin_shown(split, 2) == origin_shown(split, 1)


def test_sealing_that_fails_does_not_undo_the_change(split: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    files = frozen(split)

    def full(*_: object, **__: object) -> None:
        raise TamizdatError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "seal", full)
        said = split("key", "install", *files)
    assert said.status == 3, said
    assert "the change is installed, but: no space left" in said.err
    assert split.publication.archive().head().size == 0
    assert not changes.is_unsettled(split.publication)
    split.ok("run")
    assert origin_shown(split, 1) == split.publication.archive().head().origin


def test_a_new_policy_asks_no_witness_for_logs_that_were_closed(split: Sandbox) -> None:
    split.ok("key", "install", *frozen(split))
    closed = split.publication.archive().logs()[0]
    split.article(2)
    split.ok("run")
    size = split.publication.archive().head().size
    split.ok("key", "install", *signed(split, "policy", a_policy(split)))
    view = changes.own_view(split.publication, datetime.now(UTC))
    logs = changes.document_of(view.trust)["logs"]
    assert [log["unwitnessed"] for log in logs] == [closed.size, size]
    trust = Trust.from_document(changes.document_of(view.trust), view.policy)
    # The last checkpoint of the closed log, and an earlier one as proofs of then have it.
    assert check_checkpoint(closed.checkpoint, trust).checkpoint.size == closed.size
    earlier = {proofs.parse(file.read_bytes()).checkpoint for file in (split.publication.tree / "proof").glob("*/*")}
    assert len(earlier) > 1
    for checkpoint in earlier:
        check_checkpoint(checkpoint, trust)
    # Nobody cosigns: mirrors learn the policy, and what they have stays authentic (though no longer fresh).
    assert split("run").status == 3
    assert split.read(1, "--trust", split.fingerprint).json["authentic"] is True


def test_witnesses_are_told_what_to_do_for_a_new_log(split: Sandbox) -> None:
    folder = split.folder / "w1"
    key = split.publication.public("log")
    with witness(folder, key) as running:
        (split.folder / "policy").write_text(f"{running.line('w1')}quorum w1\n")
        told = split.ok("key", "policy", split.folder / "policy", "-o", split.stick("courier") / "x.json").out
        assert f"  tamizdat witness add-log DIR {key.text}\n" in told
        split.ok("key", "install", *signed(split, "policy", split.folder / "policy"))
        split.ok("run")
        # Beforehand: the request says which key it will be.
        files = frozen(split, "--json")
        request = split.ok(
            "key", "freeze", "--reason", "year", "--successor", split.stick("usb-a") / "log-successor.key",
            "-o", split.stick("courier") / "again.json", "--json",
        ).json  # fmt: skip
        line = f"tamizdat witness add-log DIR {request['follow']['key']}"
        assert request["follow"]["witnesses"] == ["w1"]
        said = split("key", "install", *files)
        assert said.status == 3, said
        assert f"  {line}\n" in said.out
        assert split.publication.public("log").text == request["follow"]["key"]
        # As long as it is so, everybody who looks is told.
        assert any(line in warning for warning in split("status", "--json").json["warnings"])
        assert line in findings(split)["ceremony"][1]
        again = split("run")
        assert again.status == 3
        assert line in again.err
        assert split.read(1, "--trust", split.fingerprint).json["authentic"] is True
        Witness(folder).add_log(split.publication.public("log"))
        split.ok("run")
        assert not any("add-log" in warning for warning in split("status", "--json").json["warnings"])
        assert origin_shown(split, 1) == split.publication.archive().head().origin
        assert split.read(1, "--trust", split.fingerprint).status == 0


def test_a_witness_that_follows_the_new_log_before_it_begins_cosigns_at_once(split: Sandbox) -> None:
    with witness(split.folder / "w1", split.publication.public("log")) as running:
        (split.folder / "policy").write_text(f"{running.line('w1')}quorum w1\n")
        split.ok("key", "install", *signed(split, "policy", split.folder / "policy"))
        files = frozen(split)
        waiting = keys.read_public(changes.next_path(split.publication, "log"))
        assert Witness(split.folder / "w1").add_log(waiting)
        said = split.ok("key", "install", *files).out
        assert "add-log" not in said
        assert origin_shown(split, 2) == waiting.name


def test_sealing_stops_even_when_the_successor_is_not_at_hand(split: Sandbox) -> None:
    gone = split.stick("usb-a") / "not-here.key"
    said = split.refused(2, "key", "freeze", "--reason", "stolen", "--successor", gone, "-o", "f.json")
    assert "is the stick there? sealing has stopped" in said
    assert split.publication.archive().closing()
    split.article(2)
    size = split.publication.archive().head().size
    split.ok("run")
    assert split.publication.archive().head().size == size
    split.ok("key", "cancel")
    split.ok("run")
    assert split.publication.archive().head().size > size


def test_too_few_keys_for_a_freeze_leave_the_log_closed_and_say_so(split: Sandbox) -> None:
    said = split.refused(
        1, "key", "freeze", "--reason", "year", "--successor", split.stick("usb-a") / "log-successor.key"
    )
    assert "2 more of share-" in said
    assert "sealing has stopped" in said
    assert split.publication.archive().closing()


def test_the_wrong_stick_is_refused_before_its_passphrase_is_asked_for(
    split: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    split.ok("key", "renew", "-o", "renew.json")
    monkeypatch.setattr(keys, "_typed", lambda prompt, what: pytest.fail(f"asked: {prompt}"))
    wrong = split.stick("usb-a") / "log-successor.key"
    assert "right stick" in split.refused(2, "key", "sign", "renew.json", "--key", wrong, "-o", "x.sig")


# --- what keys are for ------------------------------------------------------------------------------------------------


def uses(sandbox: Sandbox) -> dict[str, str]:
    return {row["role"]: row["used"] for row in sandbox.ok("key", "list", "--json").json["keys"]}


def test_a_new_publication_lists_what_each_key_is_for(single: Sandbox) -> None:
    used = uses(single)
    assert used["log-successor"] == "promised in trust.json as the next log's key"
    assert used["minisign"] == "target minisign.pub"
    assert used["root"].startswith("root key of root 1")
    assert "nothing yet" not in used.values()
    # When another is promised, this one is nothing.
    successor = single.home / "keys/log-successor.key"
    keys.replace_key(successor, SignerKey("world.example/log-successor", b"s" * 32), None)
    assert uses(single)["log-successor"] == "nothing yet"


def test_a_retired_root_key_is_useless_and_not_dangerous(split: Sandbox, single: Sandbox) -> None:
    assert findings(single)["key root"][0] == "warn"
    shutil.copy(single.home / "keys/root.key", split.home / "keys/root.key")
    assert uses(split)["root"] == "was a root key, and has no say any more: it can be destroyed"
    state, detail = findings(split)["key root"]
    assert state == "ok"
    assert "useless" in detail


def test_a_run_reminds_without_failing(split: Sandbox) -> None:
    split.ok("key", "freeze", "--reason", "year", "--successor", split.stick("usb-a") / "log-successor.key", "-o", "f")
    said = split.ok("run")
    assert "a change of keys is under way" in said.err


def test_a_key_of_the_publication_is_opened_with_its_own_passphrase(single: Sandbox) -> None:
    """Not asked for: the configuration says where it is."""
    single.ok("key", "renew", "-o", "renew.json")
    single.ok("key", "sign", "renew.json", "--key", "keys/root.key", "--trust", single.fingerprint, "-o", "root.sig")
    single.ok("key", "install", "renew.json", "root.sig")


# --- crashes ----------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


def at(function: str, holder: object, *, after: int = 0) -> Callable[[pytest.MonkeyPatch], None]:
    """Ends the process at the call of `function` after so many."""

    def arrange(patch: pytest.MonkeyPatch) -> None:
        real, left = getattr(holder, function), [after]

        def stop(*args: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return real(*args, **more)

        patch.setattr(holder, function, stop)

    return arrange


KILLED = {
    "before anything": at("replace_private", keys),
    "before the trust files": at("replace_trust", Archive),
    "before the new log": at("begin_log", Archive),
    "among the trust files": at("_write_trust", Archive),
    "after the trust files": at("cancel_closing", Archive),
    "among the keys": at("_promote", changes),
    "after the first key": at("_promote", changes, after=1),
    "at the very end": at("remove", keys),
}


@pytest.mark.parametrize("place", KILLED)
@pytest.mark.parametrize("freeze", [False, True])
def test_an_installation_that_was_killed_is_finished_by_the_next_command(
    place: str, freeze: bool, split: Sandbox, monkeypatch: pytest.MonkeyPatch, everything: bool
) -> None:
    if not everything and freeze == (place in ("before the trust files", "after the trust files")):
        pytest.skip("sampled")
    words: tuple[object, ...] = ("request", "--rotate", "online", "--rotate", "publisher")
    if freeze:
        words = (*words, "--freeze", "lost", "--successor", split.stick("usb-a") / "log-successor.key")
    files = signed(split, *words)
    with monkeypatch.context() as patch:
        KILLED[place](patch)
        try:
            status = split("key", "install", *files).status
        except Killed:
            status = -9
    # Where the killed step is not part of this change, the change was made.
    assert status in (0, -9)
    split.article(5)
    split.ok("run")
    with split.publication.archive() as archive:
        unfinished = bool(list((split.home / "keys").glob("*.next"))) or archive.closing()
    if unfinished:
        assert place == "before anything"
        split.ok("key", "install", *files)
        split.ok("run")
    assert not changes.is_unsettled(split.publication)
    assert len(changes.document_of(changes.own_view(split.publication, datetime.now(UTC)).trust)["publishers"]) == 2
    for mirror in (1, 2):
        assert split.read(mirror, "--trust", split.fingerprint, "--no-memory").status == 0


def test_while_an_installation_can_not_be_finished_it_can_be_looked_at_and_nothing_is_signed(
    single: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise DiskFull("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "replace_trust", full)
        single.refused(1, "key", "rotate", "online")
        for words in (("status",), ("key", "list"), ("doctor",)):
            single.ok(*words)
        for words in (("run",), ("key", "cancel")):
            assert "no space left" in single.refused(1, *words)
        assert changes.is_unsettled(single.publication)
    single.ok("run")
    assert not changes.is_unsettled(single.publication)
    assert single.read(1, "--trust", single.fingerprint, "--no-memory").status == 0


def test_an_old_record_of_an_installation_is_not_installed_again(
    single: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(changes, "_promote", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            single("key", "rotate", "minisign")
    record = single.home / "state/ceremony.json"
    old = record.read_bytes()
    single.ok("run")
    single.ok("key", "rotate", "publisher")
    before = {path: path.read_bytes() for path in (single.home / "archive/trust").rglob("*") if path.is_file()}
    record.write_bytes(old)
    single.ok("key", "list")
    assert not record.exists()
    assert before == {path: path.read_bytes() for path in (single.home / "archive/trust").rglob("*") if path.is_file()}


def test_with_a_clock_that_went_back_no_key_is_changed(single: Sandbox) -> None:
    publication = single.publication
    with single.environment(), publication.archive() as archive, archive.locked():
        before = datetime.now(UTC) - timedelta(days=400)
        with pytest.raises(ClockWrong, match="the clock says"):
            changes.prepare(publication, archive, changes.Wanted(renew=True), now=before)
        prepared = changes.prepare(publication, archive, changes.Wanted(renew=True), now=datetime.now(UTC))
        with pytest.raises(ClockWrong, match="the clock says"):
            changes.install(publication, archive, prepared.data, [], now=before)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"files":{}}'])
def test_a_damaged_record_of_an_installation_is_one_line(data: bytes, single: Sandbox) -> None:
    (single.home / "state/ceremony.json").write_bytes(data)
    assert "can't be finished" in single.refused(1, "run")
    single.ok("status")


# --- what doctor and status say ---------------------------------------------------------------------------------------


def test_doctor_says_what_an_operator_forgets(single: Sandbox, split: Sandbox) -> None:
    found = findings(single)
    assert found["key root"][0] == "warn"
    assert found["key log-successor"][0] == "warn"
    assert found["root"][0] == "warn"
    assert "1 of 1" in found["root"][1]
    assert found["keys encrypted"][0] == "ok"
    found = findings(split)
    assert found["key root"] == ("ok", "not on this computer, as it should be")
    assert found["root"][0] == found["successor"][0] == "ok"
    split.environ["KEYS_PASSPHRASE"] = "wrong"
    assert findings(split)["keys encrypted"][0] == "bad"
    (split.home / "keys/online.key").unlink()
    assert findings(split)["key online"][0] == "bad"


def test_doctor_warns_of_keys_in_the_clear(single: Sandbox) -> None:
    path = single.home / "keys/online.key"
    with single.environment():
        key = single.publication.key("online")
    keys.replace_key(path, key, None)
    assert findings(single)["keys encrypted"] == ("warn", "not under a passphrase: online.key")


def test_the_years_end_and_half_a_life_are_reminded_of(split: Sandbox) -> None:
    with split.publication.archive() as archive:
        year = datetime.now(UTC).year

        def said(now: datetime) -> str:
            return "\n".join(reminders(split.publication, archive, now))

        assert said(datetime.now(UTC)) == "" or datetime.now(UTC).month == 12
        assert "ends with the year" in said(datetime(year, 12, 3, tzinfo=UTC))
        assert "of a past year" in said(datetime(year + 1, 1, 2, tzinfo=UTC))
        half = datetime.now(UTC) + timedelta(days=200)
        assert "root expires on" in said(half)
        assert "targets expires on" in said(half)
        assert "root expired on" in said(datetime.now(UTC) + timedelta(days=400))
