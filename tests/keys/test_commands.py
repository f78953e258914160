"""`tamizdat key …` as an operator meets it: what works at once, what is refused in one line, what a crash leaves."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mirror import changes, keys
from mirror.archive import Archive
from mirror.changes import reminders
from tests.keys.sandbox import Sandbox


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
    assert "the archive moved on" in split.refused(1, "key", "install", *second)


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
    "before anything": at("replace_private", changes.keys),
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
