"""The conformance vectors: Python agrees with them, and they are what `make.py` writes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from signing.errors import FormatError
from signing.trust import ROLES
from signing.verify import Check
from tests.vectors import make
from tests.vectors.run import ASKS, HERE, mirror_of, run

CASES = sorted((HERE / "cases").glob("*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_must_come_out_comes_out(path: Path) -> None:
    case: dict[str, Any] = json.loads(path.read_text())
    found = run(case, mirror_of(case))
    assert {name: found.get(name, "nothing") for name in case["expect"]} == case["expect"], case["about"]


def test_writing_them_again_gives_the_same_bytes(tmp_path: Path) -> None:
    make.write(tmp_path)

    def files(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for name in ("mirrors", "cases")
            for path in (folder / name).iterdir()
        }

    made, kept = files(tmp_path), files(HERE)
    assert sorted(made) == sorted(kept)
    assert [name for name in made if made[name] != kept[name]] == []


def test_there_are_cases_of_every_kind_and_they_are_small() -> None:
    cases = [json.loads(path.read_text()) for path in CASES]
    assert {case["ask"]["what"] for case in cases} == set(ASKS)
    assert all(case["about"] and case["expect"] for case in cases)
    assert sum(path.stat().st_size for path in HERE.rglob("*.json")) < 1_500_000


def _lenient_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError:
        raise FormatError("not base64") from None


def _fresh(*_positional: object, **_named: object) -> tuple[Check, str]:
    return Check(12, "", True, ""), "fresh"


@pytest.mark.parametrize(
    ("target", "broken", "cases"),
    [
        ("signing.keys.VerifierKey.verifies", lambda *_: True, "note-text-changed"),
        ("signing.note.from_base64", _lenient_base64, "note-base64-bits"),
        ("signing.packing._unique", dict, "json-same-name-twice"),
        ("signing.packing._check_tree", lambda _: None, "json-too-deep"),
        ("signing.roles.PublisherKey.problem", lambda *_: None, "5-other-outlet"),
        ("schemas.check_twice", lambda *_: None, "6-unknown-key"),
        ("signing.verify.check_inclusion", lambda **_: None, "9-never-logged"),
        ("signing.roles.LogKey.counts", lambda *_: None, "10-year-later-checkpoint"),
        ("signing.policy.Policy.satisfied", lambda *_: True, "10-cosigned-by-one"),
        ("signing.verify.check_consistency", lambda **_: None, "11-fork-smaller"),
        ("tests.vectors.run.check_fresh", _fresh, "12-overdue"),
        ("signing.verify.later_entries", lambda *_: (), "superseded"),
        ("signing.evidence._contradicts", lambda *_: None, "evidence-no-fork-one-history"),
        ("signing.evidence.ACCUSING", ROLES, "evidence-trust-timestamp"),
        ("tests.vectors.run.unwitnessed", lambda *_: None, "12-older-than-the-policy"),
        ("tests.vectors.run.newest", lambda seen, *_: seen, "trust-both-revoked-now"),
        ("signing.evidence.check_consistency", lambda **_: None, "evidence-no-fork-invented-proof"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_verifier_that_leaves_out_a_check_is_caught(
    target: str, broken: Any, cases: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = HERE / "cases" / f"{cases}.json"
    case = json.loads(path.read_text())
    monkeypatch.setattr(target, broken)
    found = run(case, mirror_of(case))
    assert {name: found.get(name) for name in case["expect"]} != case["expect"]
