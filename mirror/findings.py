"""What a look at a mirror, an article or a file found: a `Verdict`, and the problems in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import schemas
from mirror.errors import DoNotTrust, TamizdatError, TwoHistories, Unpinned
from mirror.known import Newest
from mirror.read import ReadError
from signing.checkpoint import Checkpoint
from signing.errors import FrozenLog, SigningError, Unwitnessed, VerifyError
from signing.trust import TrustView
from signing.verify import Check

# What to do about a problem, by its state; the worst comes first.
ADVICE = {
    "forked": "keep the evidence, believe neither history, and show it to the publisher and to other readers",
    "untrusted": "compare the fingerprint with the publisher's, on a channel you trust; then try another mirror",
    "tampered": "read it from another mirror, and tell the publisher which one this was",
    "unexpected": "read it from another mirror, and tell the publisher which one this was",
    "outdated": "ask another mirror: the proofs were made anew when that log was closed",
    "unwitnessed": "come back later or ask another mirror; if it stays like this, ask the publisher",
    "contradictory": "tell the publisher: whoever holds its keys published two different editions under one number",
    "missing": "take it from another mirror",
    "withdrawn": "nothing is wrong with this mirror: the publisher took the article back, and no mirror should have it",
    "unreadable": "something else than the mirror may have answered: try another mirror, or another network",
    "unreachable": "try another mirror",
    "unpinned": "ask somebody you trust for the publication's fingerprint and give it: --trust sha256:…",
}
STALE = "another mirror may have a newer one: compare with --mirror https://…; what is here is real, but may be old"
# What to do about an article that is authentic, by what is known of it since.
SINCE = {
    "superseded": "look for the later version before you pass this one on",
    "withdrawn": "don't pass it on: it was taken back, and somebody may be in danger by it",
    "unknown": "to learn whether it was revised or withdrawn since, compare with a mirror: --mirror https://…",
}

Stored = bytes  # a Verdict has a field of that name
Fresh = Literal["fresh", "stale", "unknown"]
Current = Literal["current", "superseded", "withdrawn", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One file that isn't what it should be. `state`:

    tampered     not as signed
    forked       validly signed, and contradicts something else that is
    contradictory  two editions of one number, both signed: the publisher contradicts itself
    missing      signed for, and not here
    withdrawn    not here any more, since the publisher took it back
    unexpected   here, and nothing signed names it
    outdated     proved by a checkpoint that no longer counts, since its log was closed: another mirror has the new one
    unwitnessed  signed by the log, not yet by enough witnesses
    unreadable   something else than the file came
    unreachable  nothing came, or too slowly
    untrusted    signed by somebody else
    unpinned     nobody to compare with
    unproven     evidence that proves nothing
    """

    path: str
    state: str
    detail: str


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What was found, of `what`. `authentic` is false whenever anything that was looked at is not as signed."""

    what: str
    authentic: bool = False
    fresh: Fresh = "unknown"
    current: Current = "unknown"
    is_mirror: bool = False
    log: Checkpoint | None = None
    logs: list[dict[str, Any]] = field(default_factory=list)  # every log that was read whole: origin, size, root, …
    article: dict[str, Any] | None = None
    age_seconds: int | None = None  # of the newest edition here
    checks: list[Check] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    publication: str | None = None
    fingerprint: str | None = None
    signer: str | None = None
    witnesses: tuple[str, ...] = ()  # names of those that cosigned
    digest: str | None = None
    here: Newest | None = None  # the newest edition here
    newest: Newest | None = None  # the newest edition known anywhere
    behind: dict[str, int] = field(default_factory=dict)  # what is known elsewhere is newer by so many editions, …
    withdrawal: dict[str, str] | None = None  # when, and why if that was said
    elsewhere: list[dict[str, Any]] = field(default_factory=list)  # what the mirrors compared with have
    files: int = 0
    bytes: int = 0
    evidence: str | None = None
    # For who goes on with what was verified; not part of the report.
    parts: list[dict[str, Any]] = field(default_factory=list)  # the documents of a long article's further parts
    kept: dict[str, Stored] = field(default_factory=dict)  # trust files, front and checkpoint, by path

    @property
    def status(self) -> int:
        if self.evidence:
            return TwoHistories.status
        if self.authentic and (not self.is_mirror or self.fresh == "fresh"):
            return 0
        # A mirror that can't be reached told no lie.
        silent = self.problems and all(problem.state == "unreachable" for problem in self.problems)
        return TamizdatError.status if silent else DoNotTrust.status

    @property
    def advice(self) -> str | None:
        """What to do about it; None when there is nothing to do."""
        states = {problem.state for problem in self.problems}
        worst = next((words for state, words in ADVICE.items() if state in states), None)
        if worst or not self.authentic:
            return worst
        if self.is_mirror:
            return STALE if self.fresh != "fresh" else None
        return SINCE.get(self.current)

    def add(self, n: int, name: str, ok: bool, detail: str) -> None:
        self.checks.append(Check(n, name, ok, detail))

    def wrong(self, path: str, state: str, detail: str) -> None:
        self.problems.append(Problem(path=path, state=state, detail=detail))

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "authentic": self.authentic,
            "fresh": self.fresh,
            "current": self.current,
            "log": self.log
            and {"origin": self.log.origin, "size": self.log.size, "root": self.log.root.hex()},
            "logs": self.logs,
            "article": self.article,
            "age_seconds": self.age_seconds,
            "checks": [{"n": c.n, "name": c.name, "ok": c.ok, "detail": c.detail} for c in self.checks],
            "problems": [{"path": p.path, "state": p.state, "detail": p.detail} for p in self.problems],
            "notes": self.notes,
            "advice": self.advice,
            "publication": self.publication,
            "fingerprint": self.fingerprint,
            "signer": self.signer,
            "witnesses": list(self.witnesses),
            "digest": self.digest,
            "here": self.here and self.here.as_json(),
            "newest": self.newest and self.newest.as_json(),
            "behind": self.behind or None,
            "withdrawal": self.withdrawal,
            "elsewhere": self.elsewhere,
            "files": self.files,
            "bytes": self.bytes,
            "evidence": self.evidence,
            "status": self.status,
        }  # fmt: skip


class Gone(ReadError):
    """A file is not here because its publisher withdrew it."""


class TwoTrusts(DoNotTrust):
    """Two trust files of one role and version, both signed by those who may: `metadata`, with the trust files that
    vouch for the first of them."""

    def __init__(self, message: str, *, metadata: tuple[bytes, bytes], origin: str, view: TrustView) -> None:
        super().__init__(message, hint="ask the publisher: whoever holds the root keys signed both")
        self.metadata, self.origin, self.view = metadata, origin, view


@contextmanager
def refusals(verdict: Verdict) -> Iterator[None]:
    """Turn what verification raises into the verdict: a refusal is a result, not an accident."""
    try:
        yield
    except (SigningError, schemas.SchemaError) as error:
        if isinstance(error, VerifyError):
            verdict.checks.extend(error.checks)
        verdict.authentic = False
        if not verdict.problems:
            verdict.wrong("", state_of(error), str(error))
    except ReadError as error:
        verdict.authentic = False
        verdict.wrong(error.path, state_of(error), str(error))
    except LookupError as error:
        verdict.authentic = False
        verdict.wrong(str(error.args[0]).partition(" ")[0], "missing", str(error.args[0]))
    except DoNotTrust as error:
        verdict.authentic = False
        state = "unpinned" if isinstance(error, Unpinned) else "forked" if isinstance(error, TwoTrusts) else "untrusted"
        verdict.wrong("trust", state, str(error))
        if error.hint:
            verdict.notes.append(error.hint)


def state_of(error: Exception) -> str:
    """The state of a file about which this was raised."""
    if isinstance(error, Gone):
        return "withdrawn"
    if isinstance(error, ReadError):
        return "unreachable" if error.unreachable else "missing" if error.missing else "unreadable"
    if isinstance(error, LookupError):
        return "missing"
    cause: BaseException | None = error
    while isinstance(cause, VerifyError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, FrozenLog):
        return "outdated"
    return "unwitnessed" if isinstance(cause, Unwitnessed) else "tampered"
