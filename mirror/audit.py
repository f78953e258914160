"""Reads a mirror back as a reader would, and says what readers get there.

    ok          the newest edition, its log, trust and the articles looked at are all there and as signed
    slow        the same, but one file took more than `SLOW_SECONDS`
    filling     the same for the newest edition; older articles are still on their way there
    dead        no answer, or a server that is broken
    blocked     an answer, but not to readers: 401, 403, 451, a redirect to somewhere else, a page of a censor, of the
                provider or of whoever owns the domain now, a certificate or an address that can't be the host's
    stale       as signed, but older than what was published; or its trust has expired. Either our push did not get
                there, or it did and readers still see the old: then a cache is named, where the headers show one
    incomplete  something that the newest edition or the log promises is missing
    tampered    something isn't as signed; what came is kept as evidence
    ahead       as signed, and newer than this archive, which is an old copy: `tamizdat run` catches up
    forked      a checkpoint validly signed by our own log that contradicts ours; evidence is saved

Anonymous requests to the public address, by the way out that the configuration names; where a target has none, its own
`get` with the credentials for writing, and the result says so. `look` reads the front page, the trust files and the
log, and by the verifier of `signing` some articles that the edition names and some entries anywhere in the log.
`glance` is two requests: the pointers, byte for byte; what differs is looked at. `mirror.watching` decides what is to
be believed of it, `mirror.gradual` reads everything in time.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from mirror.answers import Answer, Observed, cache_words, is_cached, sorted_answer, sorted_failure
from mirror.errors import TamizdatError
from mirror.exhibits import exhibit
from mirror.expected import Expected
from mirror.read import Patience, ReadError, open_mirror
from mirror.targets import Target, TargetError

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.config import Config, TargetConfig
    from mirror.egress import Egress
    from signing.roles import Trust
    from signing.tiles import TileHashes
    from signing.verify import VerifiedBundle

_T = TypeVar("_T")
State = Literal["ok", "slow", "filling", "dead", "blocked", "stale", "incomplete", "tampered", "ahead", "forked"]
GOOD: Final = frozenset({"ok", "slow", "filling"})
PROVEN: Final = frozenset({"tampered", "ahead", "forked"})
"""States that one look proves: by a signature, or by bytes that were kept."""
SLOW_SECONDS: Final = 10.0
PICTURE: Final = 16 << 20  # bytes; no picture is larger
_PROOF: Final = 65_536 + 8192
_FRONT: Final = 8192
# Every mirror has these from its first push on: that they can't be had means more than that one file is missing.
POINTERS: Final = ("front", "checkpoint", "trust/timestamp.json")
FIRST: Final = "trust/1.root.json"
# A mirror that hangs must not hold a look, nor two hundred of them a run. By way of a proxy all takes longer.
PATIENCE: Final = Patience(connect=6.0, idle=8.0, total=20.0, look=60.0)
PROXIED: Final = Patience(connect=30.0, idle=20.0, total=60.0, look=150.0)


class Publication(Protocol):
    """What an audit needs of `mirror.publication.Publication`."""

    @property
    def folder(self) -> Path: ...
    @property
    def config(self) -> Config: ...
    def fingerprint(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A file that isn't there as it should be: "missing", "tampered", or, when it was withdrawn, still "left" there."""

    path: str
    problem: Literal["missing", "tampered", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What readers get. `articles` were read and verified; `anonymous` is False when it was read with credentials.
    `evidence` is the file that proves a fork, or shows what was tampered with. `serial` is the edition served, which is
    `lag_serial` editions and `lag_seconds` behind the newest. `damaged` files are wrong, `sound` ones were found to be
    right. `cached`: what is stale came from a cache, shortly after a push that worked. `settled` is what the mirror is
    held to be after this look; one lost look is no dead mirror."""

    target: str
    state: State
    detail: str
    articles: int = 0
    seconds: float = 0.0
    anonymous: bool = True
    evidence: str | None = None
    serial: int | None = None
    lag_serial: int | None = None
    lag_seconds: int | None = None
    damaged: tuple[Damage, ...] = ()
    sound: tuple[str, ...] = ()
    emptied: bool = False
    cached: bool = False
    settled: str | None = None

    @property
    def ok(self) -> bool:
        return self.state in GOOD


def audit(
    target: Target,
    config: TargetConfig,
    publication: Publication,
    archive: Archive,
    *,
    now: datetime,
    sample: int = 3,
    chance: random.Random | None = None,
) -> Audited:
    """What a reader finds at the target right now, also written down with the target's state. Nothing a mirror does
    is raised; `CorruptArchive` and the like are, since they are about this side."""
    from mirror.watching import note

    with contextlib.closing(opened(target, config, publication)) as mirror:
        found = look(mirror, target, config, publication, archive, now=now, sample=sample, chance=chance)
    return note(archive, config, found, now)


def look(
    mirror: Watched,
    target: Target | None,
    config: TargetConfig,
    publication: Publication,
    archive: Archive,
    *,
    now: datetime,
    sample: int = 3,
    chance: random.Random | None = None,
) -> Audited:
    """The same, not written down. `target`, where it is open, is asked too when readers get something old."""
    began = time.monotonic()
    one = _Look(mirror, target, config, publication, archive, now=now, sample=sample, chance=chance or _CHANCE)
    state, detail = one.judge()
    return one.found(state, detail, time.monotonic() - began)


def glance(
    mirror: Watched,
    target: Target | None,
    config: TargetConfig,
    publication: Publication,
    archive: Archive,
    *,
    now: datetime,
    chance: random.Random | None = None,
) -> Audited:
    """The same by two requests, when what they bring is what was published last. They are not conditional: an answer
    "not modified" would prove nothing, and both files are small."""
    began = time.monotonic()
    chance = chance or _CHANCE
    one = _Look(mirror, target, config, publication, archive, now=now, sample=1, chance=chance)
    state, detail = one.glance(chance.choice(POINTERS[1:]))
    return one.found(state, detail, time.monotonic() - began)


_CHANCE: Final = random.SystemRandom()


# --- the way there -------------------------------------------------------------------------------------------------


def way_to(config: TargetConfig, publication: Publication) -> Egress | None:
    """The way out to this mirror; None when it is the direct one, with what the environment says of proxies. Raises
    EgressError."""
    from mirror.egress import parse

    text = config.audit_egress or publication.config.audit.egress
    host = urlsplit(config.public or "").hostname or ""
    if text == "direct" and host.endswith(".onion"):
        text = "tor"
    if text == "direct":
        return None
    # Streams with a name of their own get a circuit of their own; the mirror can't tell that the same one looks again.
    way = parse(text, folder=publication.folder, isolation=(config.name, secrets.token_hex(8)))
    return way if way.proxied else None


def opened(target: Target | None, config: TargetConfig, publication: Publication) -> Watched:
    """The mirror as readers reach it; the target itself when they don't. Raises `ReadError`, EgressError."""
    public = config.public
    if public is None:
        if target is None:
            raise ReadError(f"{config.name} has no public address")
        return Watched(WithCredentials(target))
    if not re.match(r"https?://", public, re.IGNORECASE):
        return Watched(open_mirror(public))
    way = way_to(config, publication)
    return Watched(Observed(public, patience=PATIENCE if way is None else PROXIED, way=way), direct=way is None)


class WithCredentials:
    """The target itself as a mirror, for one that readers can't reach (yet)."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.name = target.address

    def close(self) -> None:
        self._target.close()

    def get(self, path: str, cap: int) -> bytes | None:
        try:
            return self._target.get(path, cap)
        except TargetError as error:
            raise ReadError(str(error), hint=error.hint, unreachable=True) from error


class _Mirror(Protocol):
    @property
    def name(self) -> str: ...
    def get(self, path: str, cap: int) -> bytes | None: ...
    def close(self) -> None: ...


class Watched:
    """A mirror of which it is known afterwards what took longest, what wasn't there and what the bytes were."""

    def __init__(self, inner: _Mirror, *, direct: bool = True) -> None:
        self.inner = inner
        self.name = inner.name
        self.direct = direct
        self.forget()

    def forget(self) -> None:
        self.slowest = (0.0, "")
        self.last = ""
        self.absent: list[str] = []
        self.got: dict[str, str] = {}  # SHA-256 by path

    def get(self, path: str, cap: int) -> bytes | None:
        began = time.monotonic()
        self.last = path
        data = self.inner.get(path, cap)
        self.slowest = max(self.slowest, (time.monotonic() - began, path))
        if data is None:
            self.absent.append(path)
        else:
            self.got[path] = hashlib.sha256(data).hexdigest()
        return data

    def fresh(self, path: str, cap: int) -> bytes | None:
        """The same, past caches, where that can be done."""
        if isinstance(self.inner, Observed):
            return self.inner.fresh(path, cap, f"look={secrets.token_hex(6)}")
        return self.inner.get(path, cap)

    def answer(self, path: str) -> Answer | None:
        return self.inner.answers.get(path) if isinstance(self.inner, Observed) else None

    def close(self) -> None:
        # A target that was opened by somebody else is closed by them.
        if not isinstance(self.inner, WithCredentials):
            self.inner.close()


# --- one look ------------------------------------------------------------------------------------------------------


class _Verdict(Exception):
    def __init__(self, state: State, detail: str) -> None:
        super().__init__(detail)
        self.state: State = state


class _Look:
    """One audit on its way."""

    def __init__(
        self,
        mirror: Watched,
        target: Target | None,
        config: TargetConfig,
        publication: Publication,
        archive: Archive,
        *,
        now: datetime,
        sample: int,
        chance: random.Random,
    ) -> None:
        self._mirror, self._target, self._config = mirror, target, config
        self._publication, self._archive = publication, archive
        self._now, self._sample, self._chance = now, sample, chance
        # What the tree shows, and what is known of the same log: more, while a seal waits for its cosignatures.
        self._head, self._known = archive.shown()
        self._expected = Expected(archive, config)
        self._serial: int | None = None
        self._lag: tuple[int, int] | None = None
        self._files: dict[str, bytes] = {}
        self._emptied = self._cached = False
        self._next: datetime | None = None  # when what is newer goes there: it was not due yet
        self.anonymous = config.public is not None
        self.articles = 0
        self.evidence: str | None = None
        mirror.forget()

    def found(self, state: State, detail: str, seconds: float) -> Audited:
        damaged = self._damaged(state)
        if state in GOOD and any(one.problem == "tampered" for one in damaged):
            state = "tampered"
            detail = f"{damaged[0].path} isn't what was pushed"
        if state in GOOD and self._expected.row.filling is not None:
            state = "filling"
        detail = " ".join(detail.split())[:700]
        return Audited(
            target=self._config.name,
            state=state,
            detail=detail + ("" if self.anonymous else " (read with the credentials for writing)"),
            articles=self.articles,
            seconds=seconds,
            anonymous=self.anonymous,
            evidence=self.evidence,
            serial=self._serial,
            lag_serial=None if self._lag is None else self._lag[0],
            lag_seconds=None if self._lag is None else self._lag[1],
            damaged=damaged,
            sound=tuple(self._sound),
            emptied=self._emptied,
            cached=self._cached,
        )

    def _damaged(self, state: State) -> tuple[Damage, ...]:
        """The files that were read and are not those that were pushed, by the journal. What is wrong about a mirror
        that is old, blocked or dead is not its files."""
        self._sound: list[str] = []
        if state not in ("ok", "slow", "filling", "incomplete", "tampered"):
            return ()
        wrong: list[Damage] = []
        due = self._expected.of([*self._mirror.got, *self._mirror.absent])
        for path, change in due.items():
            if path in self._mirror.got and self._mirror.got[path] == change.sha256:
                self._sound.append(path)
            elif path in self._mirror.got:
                # Pages and proofs are replaced; an old one from a cache is no forgery. `mirror.gradual` looks closer.
                if change.kind not in ("html", "proof") and (not change.mutable or state == "tampered"):
                    wrong.append(Damage(path=path, problem="tampered"))
            else:
                wrong.append(Damage(path=path, problem="missing"))
        return tuple(sorted(wrong, key=lambda one: (one.problem != "tampered", one.path)))

    def glance(self, second: str) -> tuple[State, str]:
        """See the function."""
        store = self._archive.store
        try:
            for path, cap in (("front", _FRONT), (second, 65_536)):
                if self._mirror.get(path, cap) != store.read(path):
                    self._mirror.forget()
                    return self.judge()
        except ReadError as error:
            return self._unreadable(error)  # asked once: two of them hold a round half as long
        self._behind(self._published()[0])
        return self._good()

    def judge(self) -> tuple[State, str]:
        """The state, and the words for it."""
        from signing.errors import SigningError

        try:
            self._look()
        except _Verdict as verdict:
            return verdict.state, str(verdict)
        except ReadError as error:
            return self._unreadable(error)
        except SigningError as error:
            return self._tampered(str(error))
        return self._good()

    def _good(self) -> tuple[State, str]:
        seconds, path = self._mirror.slowest
        if seconds > SLOW_SECONDS:
            return "slow", f"{path} took {seconds:.0f} s; {self._told()}"
        return "ok", self._told()

    def _told(self) -> str:
        told = f"edition {self._serial or 0}, log of {self._head.size}, {self.articles} articles read"
        return told if self._next is None else f"{told}; what is newer goes there at {self._next:%H:%M} UTC"

    def _look(self) -> None:
        from signing.errors import SigningError
        from signing.proof import parse
        from signing.verify import verify_front

        front_stored = self._need("front", _FRONT)
        self._first_sight()
        trust = self._trust()
        try:
            edition, front, checkpoint = verify_front(front_stored, trust=trust, schema=_schema)
        except SigningError as error:
            raise _Verdict(*self._tampered(str(error), "front")) from error

        document: Mapping[str, Any] = edition.document
        self._behind(int(document["serial"]), document["time"])
        self._compare(checkpoint, parse(front.proof).checkpoint)
        served = self._need("checkpoint", 65_536)
        self._compare(self._opened(served, trust), served)
        self._articles(edition, trust)
        if self._next is None:
            self._entries(trust)

    def _first_sight(self) -> None:
        """A page in the place of `front` is named by what it says, not by the signature that it lacks."""
        answer = self._mirror.answer("front")
        if answer is not None and answer.is_page and (named := sorted_answer(answer, pointer=True)):
            raise _Verdict(*named)

    def _published(self) -> tuple[int, str]:
        """Serial and time of the newest edition that mirrors can have."""
        waits = self._archive.uncosigned() is not None
        with self._archive.state.reading() as tx:
            editions = tx.editions()
        shown = editions[1:] if waits else editions
        return (shown[0].serial, shown[0].time) if shown else (0, "")

    def _behind(self, serial: int, made: str | None = None) -> None:
        """Notes which edition is served, and how far behind it is."""
        newest, when = self._published()
        self._serial = serial
        seconds = 0
        if made and when and serial < newest:
            seconds = int((datetime.fromisoformat(when) - datetime.fromisoformat(made)).total_seconds())
        self._lag = max(0, newest - serial), max(0, seconds)

    # --- what went wrong ----------------------------------------------------------------------------------------------

    def _unreadable(self, error: ReadError) -> tuple[State, str]:
        answer = self._mirror.answer(error.path or self._mirror.last)
        named = None
        if not error.unreachable or (answer is not None and answer.status != 200):
            named = sorted_answer(answer, pointer=self._is_pointer(error.path))
        if named is not None:
            return named
        if not isinstance(self._mirror.inner, Observed) or self._config.public is None:
            return self._tampered(str(error)) if " expected" in str(error) else ("dead", str(error))
        if " expected" in str(error):
            return self._tampered(str(error))  # an answer, but not this file
        return sorted_failure(error, self._config.public, direct=self._mirror.direct)

    @staticmethod
    def _is_pointer(path: str) -> bool:
        return path in POINTERS or path == FIRST

    def _tampered(self, detail: str, about: str | None = None) -> tuple[State, str]:
        """A file that isn't as signed: what it is, and where its bytes were kept. `about` is which, where that is
        known."""
        mirror = self._mirror
        due = self._expected.of(mirror.got)
        wrong = [path for path, change in due.items() if mirror.got[path] != change.sha256]
        path = about or (wrong[0] if wrong and mirror.last not in wrong else mirror.last)
        answer = mirror.answer(path)
        if answer is not None and (named := sorted_answer(answer, pointer=self._is_pointer(path))):
            return named
        change = due.get(path)
        if answer is None:
            with contextlib.suppress(ReadError):
                data = mirror.inner.get(path, PICTURE)
                answer = Answer(url=f"{mirror.name}/{path}", path=path, status=0, body=data or b"")
        if answer is not None:
            place = exhibit(
                self._publication.folder, self._config.name, answer,
                expected=change.sha256 if change else None, why=detail, now=self._now,
            )  # fmt: skip
            self.evidence = str(place) if place else None
        kept = f"; what came is in {self.evidence}" if self.evidence else ""
        return "tampered", (detail if path in detail else f"{path}: {detail}") + kept

    def _stale(self, path: str, detail: str) -> _Verdict:
        """Old, but signed. Whose fault that is: our push's, a cache's, or the host's."""
        row = self._expected.row
        change = self._expected.line(path)
        if change is None or change.seq > row.cursor:
            since = f"since {row.last_ok}" if row.last_ok else "so far"
            why = f": {row.last_error}" if row.last_error else ""
            return _Verdict("stale", f"{detail}; nothing newer could be pushed there {since}{why}")
        ours = self._archive.store.read(path)
        answer = self._mirror.answer(path)
        with contextlib.suppress(ReadError):
            if isinstance(self._mirror.inner, Observed) and self._mirror.fresh(path, 65_536) == ours:
                self._cached = True
                return _Verdict(
                    "stale",
                    f"{detail}; the push worked, but a cache in front still gives readers the old {path} "
                    f"({cache_words(answer) or 'no headers that say so'}): purge it, and let it keep front, checkpoint "
                    "and trust/timestamp.json for no time (Cache-Control: no-cache)",
                )
        told = f"; the push of {row.last_ok} worked" if row.last_ok else ""
        if self._target is not None and self.anonymous:
            with contextlib.suppress(TargetError):
                if self._target.get(path, 65_536) == ours:
                    self._cached = is_cached(answer)
                    words = f" ({cache_words(answer)})" if cache_words(answer) else ""
                    return _Verdict(
                        "stale",
                        f"{detail}{told}, and the host has the new {path}, but readers get the old one{words}: a cache "
                        "that can't be passed, or `public` leads to another place",
                    )
                told += "; the host has the old one again: somebody put it back, or it restored a copy"
        return _Verdict("stale", detail + told)

    def _need(self, path: str, cap: int) -> bytes:
        data = self._mirror.get(path, cap)
        if data is not None:
            return data
        answer = self._mirror.answer(path)
        if (named := sorted_answer(answer, pointer=path == "front")) and (path == "front" or named[0] != "dead"):
            raise _Verdict(*named)
        if path == "front" and self._all_gone():
            self._emptied = True
            raise _Verdict(
                "incomplete", "nothing is there any more: the place was emptied, or `public` leads to another one"
            )
        raise _Verdict("incomplete", f"{path} is missing")

    def _all_gone(self) -> bool:
        with contextlib.suppress(ReadError):
            return all(self._mirror.get(path, 1 << 20) is None for path in (*POINTERS[1:], FIRST))
        return False

    # --- which log, which edition -----------------------------------------------------------------------------------

    def _trust(self) -> Trust:
        """Whom a reader who pinned our root trusts after walking this mirror's trust files."""
        from mirror.errors import DoNotTrust
        from mirror.known import Memory
        from mirror.trusted import open_trust

        try:
            pin = self._publication.fingerprint()
            trusted = open_trust(self._mirror, pin=pin, memory=Memory(None), now=self._now)
        except DoNotTrust as error:
            # A reader asks for root after root until one isn't there: only the first has to be.
            missing = [
                path for path in self._mirror.absent if not re.fullmatch(r"trust/([2-9]|\d\d+)\.root\.json", path)
            ]
            if missing:
                raise _Verdict("incomplete", f"{missing[0]} is missing") from error
            raise _Verdict(*self._tampered(str(error))) from error
        if trusted.view.expired:
            expired = f"its trust files have expired: {', '.join(trusted.view.expired)}"
            raise self._stale("trust/timestamp.json", f"{expired} (every run signs them anew: is cron running?)")
        self._files = dict(trusted.view.files)
        return trusted.trust

    def _opened(self, data: bytes, trust: Trust) -> Any:
        from signing.checkpoint import open_checkpoint

        key = next((log.key for log in trust.logs if log.origin == self._head.origin), None)
        if key is None:
            raise _Verdict("stale", f"its trust files don't name the log {self._head.origin}")
        return open_checkpoint(data, key, self._head.origin)

    def _compare(self, checkpoint: Any, note: bytes) -> None:
        """Returns when the verified checkpoint is the one that was published last."""
        head = self._head
        if checkpoint.origin != head.origin:
            raise self._stale("front", f"serves the log {checkpoint.origin}, the newest is {head.origin}")
        if (checkpoint.size, checkpoint.root) == (head.size, head.root):
            return
        if checkpoint.size > self._known.size:
            self._ahead(checkpoint, note)
        if checkpoint.size and self._root(checkpoint.size) != checkpoint.root:
            self._fork(note, checkpoint, f"serves a checkpoint of {checkpoint.size} entries that isn't in this log")
        path = "front" if self._mirror.last != "checkpoint" else "checkpoint"
        detail = f"shows the log at {checkpoint.size} entries, {head.size} were published"
        if not self._is_held_back(detail):
            raise self._stale(path, detail)

    def _is_held_back(self, detail: str) -> bool:
        """Whether this is what was pushed last, and the next push isn't due. Older than that right after a push is a
        site that is still being built, or a cache."""
        from mirror.interval import due

        row = self._expected.row
        with self._archive.state.reading() as tx:
            then = due(tx, self._config, row, self._now)
            editions = {_object(one.digest): one.serial for one in tx.editions()}
        front = self._expected.line("front")
        if then is None or row.last_error is not None or front is None or front.seq <= row.cursor:
            return False
        if (self._serial or 0) < max((editions[path] for path in self._expected.of(editions)), default=0):
            self._cached = True
            raise _Verdict("stale", f"{detail}; what was pushed at {row.last_ok} does not show yet")
        self._next = then
        return True

    def _ahead(self, checkpoint: Any, note: bytes) -> None:
        """Raises the verdict on a checkpoint that is larger than all we know."""
        from signing.errors import SigningError
        from signing.merkle import range_hash

        known = self._known
        detail = f"serves a checkpoint of {checkpoint.size} entries, signed by our key; this archive has {known.size}"
        try:
            prefix = range_hash(0, known.size, self._theirs(checkpoint).read) if known.size else known.root
        except (SigningError, LookupError):
            raise _Verdict("ahead", f"{detail}; it lacks the tiles to tell whether it continues it") from None
        if prefix != known.root:
            self._fork(note, checkpoint, detail)
        raise _Verdict("ahead", f"{detail} and is an old copy")

    def _root(self, size: int) -> bytes:
        """The root of our log when it had so many entries."""
        from signing.merkle import range_hash

        if size == self._known.size:
            return self._known.root
        hashes = self._hashes()
        return self._own(lambda: range_hash(0, size, hashes.read))

    def _theirs(self, checkpoint: Any) -> TileHashes:
        from mirror.archive.plan import below
        from signing.tiles import MAX_TILE_BYTES, TileHashes

        def read(path: str) -> bytes:
            data = self._mirror.get(below(self._known.path, path), MAX_TILE_BYTES)
            if data is None:
                raise LookupError(path)
            return data

        return TileHashes(checkpoint.size, checkpoint.root, read)

    def _hashes(self) -> TileHashes:
        from mirror.archive.plan import below
        from signing.tiles import TileHashes

        def read(path: str) -> bytes:
            path = below(self._known.path, path)
            data = self._archive.store.read(path)
            if data is None:
                raise TamizdatError(f"archive/{path} is missing", hint="restore it from a backup or from a mirror")
            return data

        return TileHashes(self._known.size, self._known.root, read)

    def _own(self, asked: Callable[[], _T]) -> _T:
        """What our own tiles say. What is wrong with them is no mirror's doing: raises `CorruptArchive`."""
        from mirror.archive.errors import CorruptArchive
        from signing.errors import SigningError

        try:
            return asked()
        except SigningError as error:
            raise CorruptArchive(
                f"{self._archive.store.root}: the log's tiles do not fit its head of size {self._known.size}: {error}",
                hint="restore the archive folder from a mirror or a backup",
            ) from error

    def _fork(self, note: bytes, checkpoint: Any, detail: str) -> None:
        """Keeps both signed statements whole, in one file that others can check."""
        from mirror.catchup.forks import save_fork

        known = self._known
        theirs_is_newer = checkpoint.size > known.size
        pair = (known.checkpoint, note) if theirs_is_newer else (note, known.checkpoint)
        place = save_fork(
            self._publication.folder / "evidence",
            origin=known.origin,
            checkpoints=pair,
            old=min(checkpoint.size, known.size),
            hashes=self._theirs(checkpoint) if theirs_is_newer else self._hashes(),
            files=self._files,
            where=self._mirror.name,
            now=self._now,
        )
        self.evidence = str(place)
        raise _Verdict("forked", f"{detail}; see {place}")

    # --- articles ---------------------------------------------------------------------------------------------------

    def _articles(self, edition: VerifiedBundle, trust: Trust) -> None:
        """Some of those the edition lists, each by its edition and by its own proof, with their parts and a picture."""
        from signing.verify import PIECE, verify_bundle, verify_listed

        items = list(_items(edition.document))
        for item in self._chance.sample(items, min(self._sample, len(items))):
            digest = str(item["digest"])
            stored = self._need(_object(digest), PIECE)
            bundle = verify_listed(stored, item=item, edition=edition, trust=trust, schema=_schema)
            proof = self._need(f"proof/{digest[:2]}/{digest[2:]}", _PROOF)
            verify_bundle(stored, digest=digest, proof=proof, trust=trust, schema=_schema, cap=PIECE)
            self._belongings(bundle)
            self.articles += 1

    def _belongings(self, bundle: VerifiedBundle) -> None:
        from signing.verify import PIECE, verify_object, verify_part

        document: dict[str, Any] = bundle.document
        for part in document["parts"]:
            verify_part(self._need(_object(part["digest"]), PIECE), part["digest"], part["size"], schema=_schema)
        pictures = [one for one in document["resources"] if one["role"] != "evidence"]
        if pictures and not self._config.light:
            one = self._chance.choice(pictures)
            data = self._need(_object(one["digest"]), min(one["size"], PICTURE))
            verify_object(data, one["digest"], one["size"], PICTURE)

    def _entries(self, trust: Trust) -> None:
        """Some entries anywhere in the log: the same tile as ours, and the article if it is still published."""
        from mirror.archive.plan import below
        from signing.entry import parse
        from signing.tiles import Tile
        from signing.verify import PIECE, verify_bundle

        size = self._head.size
        hashes = self._hashes()
        for index in {self._chance.randrange(size) for _ in range(self._sample)} if size else ():
            number = index // 256
            path = below(self._head.path, Tile("entries", number, min(256, size - number * 256)).path)
            entry = parse(self._own(partial(hashes.entries, number))[index % 256])
            ours = self._archive.store.read(path)
            if ours is not None and self._need(path, len(ours)) != ours:
                raise _Verdict("tampered", f"{path} isn't what was pushed")
            place = _object(entry.digest)
            if entry.kind != "article" or place not in self._expected.of([place]):
                continue
            proof = self._need(f"proof/{entry.digest[:2]}/{entry.digest[2:]}", _PROOF)
            stored = self._need(place, PIECE)
            verify_bundle(stored, digest=entry.digest, proof=proof, trust=trust, schema=_schema, cap=PIECE)
            self.articles += 1


def _object(digest: str) -> str:
    return f"o/{digest[:2]}/{digest[2:]}"


def _items(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for outlet in document["outlets"]:
        yield from outlet["articles"]


def _schema(name: str, document: object) -> None:
    import schemas

    schemas.check(name, document)
