"""Asking witnesses: `cosign` for a log's newest checkpoint, `newest_cosigned` for a monitor, `newest_from` for one.

All witnesses of a policy that have an address are asked at once, each in a thread of its own, and what has not come by
the deadline is not waited for. Nothing a witness says is believed: only a line that is a good signature of the key that
the policy has for it counts; all else is ignored and reported. Answers are capped, and no redirect is followed.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mirror.output import entries, in_a_sentence
from mirror.read import ReadError, reason
from signing import checkpoint as checkpoints
from signing import cosignature, note
from signing.errors import SigningError, shown
from signing.packing import from_decimal, to_base64
from signing.policy import Policy, Witness

if TYPE_CHECKING:
    from mirror.web import Clock, Session

DEADLINE = 30.0  # seconds for all witnesses together
IDLE = 10.0
# Once there are enough cosignatures, the others have this long to come; none is needed.
GRACE = 3.0
# A few signature lines; one of ML-DSA-44 alone has 3.3 KB.
MAX_ANSWER = 32_768
# What a witness's clock may be ahead of ours, in seconds. Behind is its own affair: it only looks staler.
AHEAD = 3600
SIZE = "text/x.tlog.size"

Consistency = Callable[[int], Sequence[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What became of asking one witness: its cosignature `lines` (each verified, with its LF), or the `problem`, which
    goes on after the witness's name. `size` is what it has cosigned of this log, where it said so; `follows` is False
    when it said that it does not follow this log."""

    witness: Witness
    lines: tuple[bytes, ...] = ()
    problem: str | None = None
    size: int | None = None
    follows: bool = True

    @property
    def line(self) -> str:
        """The problem as a sentence."""
        return f"witness {shown(self.witness.name)} {self.problem}"


_Job = Callable[[Witness, float], Reply]  # asks a witness until then, by the monotonic clock


def cosign(
    checkpoint: bytes,
    policy: Policy,
    consistency: Consistency,
    *,
    deadline: float = DEADLINE,
    report: Callable[[str], None] = lambda _text: None,
) -> list[bytes]:
    """The lines, all verified, that the policy's witnesses sign under this checkpoint within `deadline` seconds.
    `consistency(old)` is the proof from the log's size `old` to this checkpoint; it is called from one thread at a
    time. `report` gets a line about each witness that gave none."""
    lines: list[bytes] = []
    for reply in ask(checkpoint, policy, consistency, deadline=deadline):
        lines.extend(reply.lines)
        if reply.problem:
            report(reply.line)
    return lines


def ask(
    checkpoint: bytes, policy: Policy, consistency: Consistency, *, deadline: float = DEADLINE
) -> tuple[Reply, ...]:
    """A reply for each witness of the policy that has an address, in the order of the policy."""
    one_at_a_time = threading.Lock()

    def proof(old: int) -> Sequence[bytes]:
        with one_at_a_time:
            return consistency(old)

    def job(witness: Witness, until: float) -> Reply:
        with _Asking(witness, until) as asking:
            return _cosigned(asking, checkpoint, proof)

    def enough(replies: Sequence[Reply]) -> bool:
        return policy.required and policy.satisfied([one.witness.key for one in replies if one.lines])

    return _all(policy, job, deadline, enough)


def newest_cosigned(
    policy: Policy,
    origin: str,
    *,
    deadline: float = DEADLINE,
    report: Callable[[Reply], None] = lambda _reply: None,
) -> list[tuple[Witness, bytes]]:
    """The newest checkpoint of this log that each witness says it cosigned, by its monitoring address. That the witness
    signed it is verified; that the log did is for the caller to see. `report` gets each reply with a problem."""

    found = []
    for reply in _all(policy, partial(_newest, origin), deadline):
        if reply.problem:
            report(reply)
        found += [(reply.witness, data) for data in reply.lines]
    return found


def newest_from(witness: Witness, origin: str, *, deadline: float = DEADLINE) -> Reply:
    """The same of one witness: its reply has the checkpoint as its only line, or none."""
    return _tried(partial(_newest, origin), witness, time.monotonic() + deadline)


def _tried(job: _Job, witness: Witness, until: float) -> Reply:
    try:
        return job(witness, until)
    except Exception as error:  # whatever it is, the other witnesses' answers must not be lost with it
        return Reply(witness=witness, problem=f"could not be asked: {type(error).__name__} ({_said(error)})")


def _all(
    policy: Policy,
    job: _Job,
    deadline: float,
    enough: Callable[[Sequence[Reply]], bool] = lambda _replies: False,
) -> tuple[Reply, ...]:
    asked = [witness for witness in policy.witnesses if witness.url is not None]
    until = time.monotonic() + deadline
    done: SimpleQueue[tuple[int, Reply]] = SimpleQueue()

    def work(place: int, witness: Witness) -> None:
        done.put((place, _tried(job, witness, until)))

    # Daemons: a name server that hangs must hold neither the run nor the end of the process.
    for place, witness in enumerate(asked):
        threading.Thread(target=work, args=(place, witness), name="witness", daemon=True).start()
    replies = [Reply(witness=witness, problem="does not answer (no answer in time)") for witness in asked]
    last = until + 0.5  # who ends by the deadline says so himself
    for _ in asked:
        try:
            place, reply = done.get(timeout=max(last - time.monotonic(), 0.0))
        except Empty:
            break
        replies[place] = reply
        if enough(replies):
            last = min(last, time.monotonic() + GRACE)
    return tuple(replies)


class _Asking:
    """One witness, over one connection that ends at `until` (of `time.monotonic`)."""

    def __init__(self, witness: Witness, until: float) -> None:
        self.witness = witness
        self._until = until
        self._opened: tuple[Session, Clock] | None = None

    def __enter__(self) -> _Asking:
        return self

    def __exit__(self, *_: object) -> None:
        if self._opened is not None:
            self._opened[0].close()

    def send(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer. Raises `ReadError`."""
        from mirror.web import FAILURES, Clock, Session

        base = usable(self.witness.url or "")
        url = f"{base}/{path}"
        if self._opened is None:
            clock = Clock(IDLE)
            self._opened = Session(clock, base), clock
        session, clock = self._opened
        try:
            clock.start(max(self._until - time.monotonic(), 0.001))
            timeout = min(IDLE, clock.left())
            answer = session.request(
                method, url, data=body, stream=True, timeout=(timeout, timeout), allow_redirects=False
            )
            with answer:
                parts: list[bytes] = []
                size = 0
                while chunk := answer.raw.read(min(1 << 14, MAX_ANSWER + 1 - size), decode_content=False):
                    parts.append(chunk)
                    size += len(chunk)
                    if size > MAX_ANSWER:
                        raise ReadError(f"answers with more than {MAX_ANSWER} bytes")
                    clock.left()
                return answer.status_code, answer.headers.get("Content-Type", ""), b"".join(parts)
        except FAILURES as error:
            raise ReadError(f"does not answer ({_said(error)})", unreachable=True) from error


def _said(error: BaseException) -> str:
    """A short line for an exception of a network library."""
    return in_a_sentence(shown(reason(error)))


def usable(address: str) -> str:
    """A witness's address without its last slashes. `ReadError` unless it is an http(s) one, without a password."""
    try:
        parts = urlsplit(address)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and parts.port != 0
    except ValueError:
        fine = False
    if not fine or re.search(r"[?#\s]", address):
        raise ReadError(f"can't be asked: {shown(address)} is not a witness's address")
    return address.rstrip("/")


def _cosigned(asking: _Asking, checkpoint: bytes, consistency: Consistency) -> Reply:
    """The two requests at most: with a guess, and with the old size that the witness names."""
    witness = asking.witness
    size = checkpoints.parse_text(note.parse(checkpoint).text).size
    old, said, problem = 0, None, ""
    try:
        for _ in range(2):
            lines = b"".join(to_base64(one) + b"\n" for one in consistency(old))
            status, kind, body = asking.send("POST", "add-checkpoint", b"old %d\n%s\n%s" % (old, lines, checkpoint))
            if status == 200:
                good, wrong = _lines_in(body, witness, checkpoint)
                return Reply(witness=witness, lines=good, problem=wrong, size=size if good else said)
            if status != 409 or kind.partition(";")[0].strip().lower() != SIZE:
                return _refused(witness, status, body)
            said = from_decimal(body.removesuffix(b"\n"))
            if said > size or said == old:
                break
            old = said
        if said is not None and said > size:
            problem = f"has cosigned {entries(said)} of this log, which is more than the {size} offered"
        elif said == size:
            problem = f"has cosigned another history of {entries(size)}"
        else:
            problem = "changes its mind about what it has cosigned"
    except ReadError as error:
        problem = str(error)
    except SigningError as error:
        problem = f"answers what can't be read: {error}"
    return Reply(witness=witness, problem=problem, size=said)


def _refused(witness: Witness, status: int, body: bytes) -> Reply:
    if status == 404:
        return Reply(witness=witness, problem="does not follow this log (status 404)", follows=False)
    words = shown(" ".join(body.decode("utf-8", "replace").split()))
    return Reply(witness=witness, problem=f"refuses: status {status}{f' ({words})' if words else ''}")


def _lines_in(body: bytes, witness: Witness, checkpoint: bytes) -> tuple[tuple[bytes, ...], str | None]:
    """The witness's good lines in an answer; and what is wrong when there are none. Lines of other keys, or of kinds
    that we don't know, say nothing against it."""
    text = note.parse(checkpoint).text
    problem = "answers without a line of the key that the policy has for it"
    good: list[bytes] = []
    for line in body.split(b"\n")[: note.MAX_SIGNATURES]:
        if not line:
            continue
        try:
            found = cosignature.cosigners(text + b"\n" + line + b"\n", [witness.key])
        except SigningError as error:
            problem = f"answers with a bad line: {error}"
            continue
        if (at := found.get(witness.key)) is None:
            continue
        if at > time.time() + AHEAD:
            problem = f"has a clock that runs ahead: it signed at {at}"
            continue
        good.append(line + b"\n")
    return tuple(good), None if good else problem


def _newest(origin: str, witness: Witness, until: float) -> Reply:
    name = hashlib.sha256(origin.encode()).hexdigest()
    problem = ""
    try:
        with _Asking(witness, until) as asking:
            status, _kind, body = asking.send("GET", f"{name}/checkpoint")
        if status == 404:
            return Reply(witness=witness, follows=False)
        if status != 200:
            problem = f"refuses: status {status}"
        elif witness.key not in cosignature.cosigners(body, [witness.key]):
            problem = "serves a checkpoint that it has not cosigned"
        else:
            checkpoint = checkpoints.parse_text(note.parse(body).text)
            if checkpoint.origin == origin:
                return Reply(witness=witness, lines=(body,), size=checkpoint.size)
            problem = f"serves a checkpoint of {shown(checkpoint.origin)}"
    except ReadError as error:
        problem = str(error)
    except SigningError as error:
        problem = f"answers what can't be read: {error}"
    return Reply(witness=witness, problem=problem)
