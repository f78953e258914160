"""Reads a mirror back as a reader would, and says what readers get there.

    ok          the newest edition, its log, trust and the articles looked at are all there and as signed
    slow        the same, but one file took more than `SLOW_SECONDS`
    dead        no answer
    blocked     an answer, but not to readers: 401, 403, 451, a redirect to somewhere else
    stale       as signed, but older than what was pushed; or its trust has expired
    incomplete  something that the newest edition or the log promises is missing
    tampered    something isn't as signed
    ahead       as signed, and newer than this archive, which is an old copy: `tamizdat run` catches up
    forked      a checkpoint validly signed by our own log that contradicts ours; evidence is saved

Anonymous requests to the public address; where a target has none, its own `get` with the credentials for writing, and
the result says so. Besides what the front page names, a few entries anywhere in the log are looked at, so that in time
all of a mirror is.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from mirror.errors import TamizdatError
from mirror.read import Mirror, ReadError, open_mirror
from mirror.targets import Target, TargetError

if TYPE_CHECKING:
    from mirror.archive import Archive, LogState
    from mirror.config import TargetConfig
    from signing.roles import Trust
    from signing.tiles import TileHashes
    from signing.verify import VerifiedBundle

State = Literal["ok", "slow", "dead", "blocked", "stale", "incomplete", "tampered", "ahead", "forked"]
SLOW_SECONDS: Final = 10.0
PICTURE: Final = 16 << 20  # bytes; no picture is larger
_PROOF: Final = 65_536 + 8192


class Publication(Protocol):
    """What an audit needs of `mirror.publication.Publication`."""

    @property
    def folder(self) -> Path: ...
    def fingerprint(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What readers get. `articles` were read and verified; `anonymous` is False when it was read with credentials.
    `evidence` is the file that proves a fork."""

    target: str
    state: State
    detail: str
    articles: int = 0
    seconds: float = 0.0
    anonymous: bool = True
    evidence: str | None = None

    @property
    def ok(self) -> bool:
        return self.state in ("ok", "slow")


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
    began = time.monotonic()
    head, known = archive.shown()
    look = _Look(
        target, config, publication, archive, head=head, known=known, now=now, sample=sample, chance=chance or _CHANCE
    )
    state, detail = look.judge()
    found = Audited(
        target=config.name,
        state=state,
        detail=" ".join(detail.split())[:500] + ("" if look.anonymous else " (read with the credentials for writing)"),
        articles=look.articles,
        seconds=time.monotonic() - began,
        anonymous=look.anonymous,
        evidence=look.evidence,
    )
    with archive.state.writing() as tx:
        when = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        tx.change_target(config.name, last_audit=when, audit_result=found.state, audit_detail=found.detail)
    return found


_CHANCE: Final = random.SystemRandom()


class _Verdict(Exception):
    def __init__(self, state: State, detail: str) -> None:
        super().__init__(detail)
        self.state: State = state


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
            raise ReadError(str(error), hint=error.hint) from error


class _Timed:
    """A mirror of which it is known afterwards what took longest and what wasn't there."""

    def __init__(self, inner: Mirror) -> None:
        self._inner = inner
        self.name = inner.name
        self.slowest = (0.0, "")
        self.absent: list[str] = []

    def get(self, path: str, cap: int) -> bytes | None:
        began = time.monotonic()
        data = self._inner.get(path, cap)
        self.slowest = max(self.slowest, (time.monotonic() - began, path))
        if data is None:
            self.absent.append(path)
        return data


class _Look:
    """One audit on its way."""

    def __init__(
        self,
        target: Target,
        config: TargetConfig,
        publication: Publication,
        archive: Archive,
        *,
        head: LogState,
        known: LogState,
        now: datetime,
        sample: int,
        chance: random.Random,
    ) -> None:
        self._target, self._config, self._publication, self._archive = target, config, publication, archive
        # What the tree shows, and what is known of the same log: more, while a seal waits for its cosignatures.
        self._head, self._known, self._now, self._sample, self._chance = head, known, now, sample, chance
        self._serial = 0
        self._files: dict[str, bytes] = {}
        self.anonymous = config.public is not None
        self.articles = 0
        self.evidence: str | None = None
        self._mirror: _Timed

    def judge(self) -> tuple[State, str]:
        from signing.errors import SigningError

        try:
            inner = open_mirror(self._config.public) if self._config.public else WithCredentials(self._target)
            self._mirror = _Timed(inner)
            self._look()
        except _Verdict as verdict:
            return verdict.state, str(verdict)
        except ReadError as error:
            return _unreadable(str(error)), str(error)
        except SigningError as error:
            return "tampered", str(error)
        seconds, path = self._mirror.slowest
        if seconds > SLOW_SECONDS:
            return "slow", f"{path} took {seconds:.0f} s; {self._told()}"
        return "ok", self._told()

    def _told(self) -> str:
        return f"edition {self._serial}, log of {self._head.size}, {self.articles} articles read"

    def _look(self) -> None:
        from signing.verify import verify_front

        front_stored = self._need("front", 8192)
        trust = self._trust()
        edition, front, checkpoint = verify_front(front_stored, trust=trust, schema=_schema)
        from signing.proof import parse

        self._serial = int(edition.document["serial"])  # type: ignore[call-overload]  # the schema says it is a number
        self._compare(checkpoint, parse(front.proof).checkpoint)
        served = self._need("checkpoint", 65_536)
        self._compare(self._opened(served, trust), served)
        self._articles(edition, trust)
        self._entries(trust)

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
            raise _Verdict("tampered", str(error)) from error
        if trusted.view.expired:
            raise _Verdict("stale", f"its trust files have expired: {', '.join(trusted.view.expired)}")
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
            raise _Verdict("stale", f"serves the log {checkpoint.origin}, the newest is {head.origin}")
        if (checkpoint.size, checkpoint.root) == (head.size, head.root):
            return
        if checkpoint.size > self._known.size:
            self._ahead(checkpoint, note)
        if checkpoint.size and self._root(checkpoint.size) != checkpoint.root:
            self._fork(note, checkpoint, f"serves a checkpoint of {checkpoint.size} entries that isn't in this log")
        raise _Verdict("stale", f"shows the log at {checkpoint.size} entries, {head.size} were pushed")

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

        return self._known.root if size == self._known.size else range_hash(0, size, self._hashes().read)

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

    def _fork(self, note: bytes, checkpoint: Any, detail: str) -> None:
        """Keeps both signed statements whole, in one file that others can check."""
        from mirror.catchup import save_fork

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
            ours = self._archive.store.read(path)
            if ours is None or self._need(path, len(ours)) != ours:
                raise _Verdict("tampered", f"{path} isn't what was pushed")
            entry = parse(hashes.entries(number)[index % 256])
            place = _object(entry.digest)
            with self._archive.state.reading() as tx:
                offered = entry.kind == "article" and place in tx.offered([place])
            if not offered:
                continue
            proof = self._need(f"proof/{entry.digest[:2]}/{entry.digest[2:]}", _PROOF)
            stored = self._need(place, PIECE)
            verify_bundle(stored, digest=entry.digest, proof=proof, trust=trust, schema=_schema, cap=PIECE)
            self.articles += 1

    def _need(self, path: str, cap: int) -> bytes:
        data = self._mirror.get(path, cap)
        if data is None:
            # Mirrors say 403 for "no such file" too; only for the front page, which is there, it can't mean that.
            if path == "front" and self._config.public and (status := _status(self._config.public, path)) in _REFUSED:
                raise _Verdict("blocked", f"{self._config.public}: readers get status {status}")
            raise _Verdict("incomplete", f"{path} is missing")
        return data


_REFUSED: Final = (401, 403, 407, 451)


def _status(public: str, path: str) -> int:
    import requests

    try:
        with requests.get(public.rstrip("/") + "/" + path, stream=True, timeout=10, allow_redirects=False) as answer:
            return answer.status_code
    except (requests.RequestException, OSError):
        return 0


def _unreadable(message: str) -> State:
    """`mirror.read` says why in words; this is the one place that sorts them."""
    if "redirects to another host" in message or any(f"status {code}" in message for code in (*_REFUSED, 429)):
        return "blocked"
    if "expected" in message or "Content-Encoding" in message:
        return "tampered"  # an answer, but not this file
    return "dead"


def _object(digest: str) -> str:
    return f"o/{digest[:2]}/{digest[2:]}"


def _items(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for outlet in document["outlets"]:
        yield from outlet["articles"]


def _schema(name: str, document: object) -> None:
    import schemas

    schemas.check(name, document)
