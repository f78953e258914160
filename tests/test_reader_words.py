"""What `verify` tells a person: a plain sentence in every state, what to do, and no word of alarm where nothing is
wrong."""

from __future__ import annotations

import pytest

from mirror.findings import ADVICE, Problem, Verdict
from mirror.known import Newest
from mirror.output import Output
from mirror.words import show
from signing.checkpoint import Checkpoint

NOW = Newest(serial=9, time="2031-04-02T08:00:00Z", next="2031-04-03T08:00:00Z")
NEXT = Newest(serial=11, time="2031-04-02T12:00:00Z", next="2031-04-03T12:00:00Z")
ALARM = ("NO:", "tamper", "forg", "contradict", "attack", "danger", "wrong", "evidence")
HOUR = 3600


def said(verdict: Verdict, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What is printed, by the word at the beginning of the line; what follows the reasons is under "rest"."""
    capsys.readouterr()
    show(verdict, Output())
    out = capsys.readouterr().out
    lines = [line.partition(":" if line.split(" ")[0].endswith(":") else " ") for line in out.splitlines()]
    found = {word: words.strip() for word, _, words in lines if word}
    return {**found, "all": out}


def mirror(**changes: object) -> Verdict:
    verdict = Verdict(what="https://m1.example", is_mirror=True, authentic=True, fresh="fresh", current="current")
    verdict.publication, verdict.fingerprint, verdict.signer = "Lantern", f"sha256:{'ab' * 32}", "lantern.example/p+1+x"
    verdict.log = Checkpoint(origin="lantern.example/log/2031", size=40, root=bytes(32))
    verdict.here = verdict.newest = NOW
    verdict.age_seconds = HOUR
    for name, value in changes.items():
        setattr(verdict, name, value)
    return verdict


def article(**changes: object) -> Verdict:
    about = {"title": "A bridge", "outlet": {"name": "Lantern"}, "url": "https://l.example/1", "fetched": "2031-04-02"}
    return mirror(is_mirror=False, article={**about, "revision": 1}, **changes)


def refused(*states: str, **changes: object) -> Verdict:
    problems = [Problem(path="front", state=state, detail="so it is") for state in states]
    return mirror(authentic=False, fresh="unknown", current="unknown", problems=problems, **changes)


CALM = {
    "fresh": (
        mirror(),
        "yes: every file is as Lantern signed it",
        "fresh, newest edition known is 60 min old (number 9)",
    ),
    "an article": (article(), "yes: Lantern signed exactly this", "fresh, newest edition known"),
    "witnessed": (mirror(witnesses=("w1.example",)), "yes: ", "fresh, "),
    "overdue": (
        mirror(fresh="stale", age_seconds=50 * HOUR),
        "yes: ",
        "stale, newest edition known is 2 days old (number 9); the next one was due on 2031-04-03T08:00:00Z",
    ),
    "behind another": (
        mirror(fresh="stale", newest=NEXT, behind={"editions": 2, "seconds": 4 * HOUR}),
        "yes: ",
        "stale, the newest edition here is 60 min old (number 9); newest known anywhere is number 11",
    ),
    "superseded": (article(current="superseded"), "yes: ", "fresh, "),
    "unknown since": (article(current="unknown", fresh="unknown", here=None, newest=None), "yes: ", "unknown: nothing"),
    "unpinned": (refused("unpinned"), "unknown, no trust root is pinned", "fresh"),
    "slow": (
        refused("unreachable", here=None, newest=None),
        "unknown, the mirror can't be reached or is too slow",
        "unk",
    ),
    "unwitnessed": (refused("unwitnessed"), "not confirmed: the publication signed it", ""),
    "old proof": (refused("outdated"), "unknown, the proof that came with it no longer counts", ""),
    "incomplete": (refused("missing", "unreachable"), "unknown, ", ""),
}


@pytest.mark.parametrize("state", CALM)
def test_where_nothing_is_wrong_nobody_is_frightened(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    verdict, authentic, fresh = CALM[state]
    told = said(verdict, capsys)
    assert told["authentic"].startswith(authentic)
    if fresh and verdict.authentic:
        assert told["fresh"].startswith(fresh)
    words = told["all"].replace("nothing it said was wrong", "").replace("no sign of a forgery", "")
    assert [word for word in ALARM if word in words] == []
    assert ("current" in told) == (not verdict.is_mirror)
    # There is something to do exactly when not everything is known to be well.
    well = verdict.authentic and verdict.fresh == "fresh" and verdict.current == "current"
    assert ("what to do: " in told["all"]) == (not well)


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (("tampered",), "NO: something here is not what the publication signed"),
        (("unwitnessed", "tampered"), "NO: something here is not what the publication signed"),
        (("forked", "missing"), "NO: somebody who holds the publication's keys signed two histories"),
        (("untrusted",), "NO: this can't be shown to come from the publication whose fingerprint you pinned"),
        (("contradictory",), "NO: the publication signed two different things"),
        (("unexpected",), "NO: "),
    ],
)
def test_what_is_wrong_is_said_first_and_in_a_sentence(
    states: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(refused(*states, evidence="/tmp/evidence.json" if "forked" in states else None), capsys)
    assert told["authentic"].startswith(words)
    worst = next(state for state in ADVICE if state in states)
    assert f"what to do: {ADVICE[worst]}" in told["all"]
    assert ("evidence of two histories: /tmp/evidence.json" in told["all"]) == ("forked" in states)


def test_a_withdrawal_is_told_with_its_reason_and_what_it_asks_of_a_reader(capsys: pytest.CaptureFixture[str]) -> None:
    when = {"time": "2031-04-02T09:00:00Z", "reason": "safety"}
    told = said(article(current="withdrawn", withdrawal=when), capsys)
    assert told["authentic"].startswith("yes: ")
    assert told["current"] == "withdrawn on 2031-04-02T09:00:00Z: safety"
    assert "what to do: don't pass it on" in told["all"]
    gone = refused("withdrawn", withdrawal=when)
    gone.is_mirror, gone.current = False, "withdrawn"
    told = said(gone, capsys)
    assert told["authentic"].startswith("unknown, it is not here any more")
    assert told["current"] == "withdrawn on 2031-04-02T09:00:00Z: safety"
    assert "what to do: nothing is wrong with this mirror" in told["all"]
    assert gone.status == 4


def test_why_an_edition_is_stale_is_said_where_that_is(capsys: pytest.CaptureFixture[str]) -> None:
    stale = mirror(fresh="stale")
    stale.add(
        12, "freshness", False, "edition 9 of …, next due by …; its log was closed, the newest is l.example/log/2032"
    )
    told = said(stale, capsys)
    assert told["fresh"].endswith("(number 9); its log was closed, the newest is l.example/log/2032")


def test_every_state_of_a_problem_has_a_word_and_something_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    for state in ADVICE:
        told = said(refused(state), capsys)
        assert len(told["authentic"]) > 20
        assert f"what to do: {ADVICE[state]}" in told["all"]
