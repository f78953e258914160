"""Changing who may sign, at the publication: what is wanted becomes a request; a signed request becomes the truth.

    with at_work(publication, …) as archive:        locked; sealing has stopped, if the log shall be frozen; caught up
    prepare(publication, archive, wanted, now=…)    the request; new private keys lie in DIR/keys/<role>.key.next
    …                                               root keys sign it, here or elsewhere (`mirror.ceremony`)
    install(publication, archive, request, …)       trust files, keys and log change, all or nothing
    cancel(publication, archive)                    or none of it happens

Installing ends in four steps: all that will change is written to DIR/state/ceremony.json, durably; the archive takes
the trust files (and begins the new log); each `.key.next` becomes `.key`; the file is removed. Killed at any point
after the first, whoever opens the publication next does the rest again, which changes nothing where it was done.

While a log is to be frozen nothing is sealed: what the root keys sign says where the log ends.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import os
import re
import secrets as chance
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import schemas
from mirror import ceremony, keys
from mirror.ceremony import Request
from mirror.errors import TamizdatError, UsageError
from mirror.keys import NEXT, Ask
from mirror.output import Output
from mirror.publication import Publication, as_json, timestamp
from mirror.secrets import Secret
from signing import authority
from signing.authority import Change, RootKey
from signing.errors import SigningError, shown
from signing.keys import SignerKey, VerifierKey
from signing.packing import parse_json

if TYPE_CHECKING:
    from mirror.archive import Archive
    from signing.policy import Policy
    from signing.trust import TrustView

Reason = Literal["lost", "stolen", "year"]
REASONS: tuple[Reason, ...] = ("lost", "stolen", "year")
ROTATABLE = ("online", "publisher", "log", "root", "minisign")

GRACE = timedelta(days=14)
"""How long the old publisher key still counts when root keys sign elsewhere: until the request is installed, articles
are signed with it."""

WAIT = 60.0
"""Seconds for a run that is at work to end."""

_RECORD = "ceremony.json"
_STAMP = "trust/timestamp.json"
_LOG_YEAR = re.compile(r"/log/([0-9]{4})(?:-[0-9]+)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What shall be different. Root keys and publishers to go are named by name or the beginning of their ID."""

    rotate: frozenset[str] = frozenset()
    add_roots: tuple[VerifierKey, ...] = ()
    remove_roots: tuple[str, ...] = ()
    threshold: int | None = None
    add_publishers: tuple[tuple[VerifierKey, tuple[str, ...]], ...] = ()
    end_publishers: tuple[str, ...] = ()
    freeze: Reason | None = None
    successor: SignerKey | None = field(default=None, repr=False)
    fresh: bool = False
    """Begin the new log with a key nobody was promised."""
    policy: bytes | None = None
    renew: bool = False
    mirrors: bool = False
    """Sign the list of mirrors as it is now, also when nothing else changes. It goes along with everything else."""
    reader: bool = False
    """The same for reader.html."""

    def __bool__(self) -> bool:
        return self != Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A request as it travels, and as it reads; `notes` are worth a line each."""

    data: bytes = field(repr=False)
    request: Request
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What an installation changed: lines for people, the keys now in use that were not, and the new log's origin."""

    changes: tuple[str, ...]
    keys: tuple[str, ...]
    log: str | None
    follow: Follow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """What witnesses have to do: those with these `names` must follow the log with this `key` before it is cosigned."""

    names: tuple[str, ...]
    key: str


# --- before -----------------------------------------------------------------------------------------------------------


@contextmanager
def at_work(
    publication: Publication,
    out: Output,
    *,
    freeze: Reason | None = None,
    as_is: bool = False,
    now: datetime | None = None,
) -> Iterator[Archive]:
    """The archive, locked for a change of keys, and as new as what mirrors have of it (`mirror.catchup`): a log frozen
    in an old copy would end before what readers have seen. `as_is` asks no mirror: for one that a thief went on with.

    With `freeze` the log is closed before anything else: whatever goes wrong then, nothing more is sealed.
    """
    from mirror.mend import mend
    from mirror.run import newest

    with publication.archive() as archive:
        if freeze is not None:
            mended = None if as_is else lambda problem: mend(publication, archive, out, problem)
            with archive.locked(wait=WAIT, mend=mended):
                archive.close_log(freeze)
        if as_is:
            with archive.locked(wait=WAIT):
                settle(publication, archive)
                yield archive
            return
        # A key that is lost, or no longer trusted, may be why the keys change.
        with newest(publication, archive, out, wait=WAIT, own_keys=False, now=now):
            yield archive


def prepare(
    publication: Publication, archive: Archive, wanted: Wanted, *, now: datetime, grace: timedelta = timedelta(0)
) -> Prepared:
    """The request for what is wanted, in an archive that is locked, and closed when its log shall be frozen. Raises
    `UsageError`, `TamizdatError`."""
    _check_clock(archive, now)
    with stopped(wanted.freeze):
        try:
            return _Preparation(publication, archive, wanted, now, grace).run()
        except (SigningError, schemas.SchemaError) as error:
            raise TamizdatError(f"this change can't be made: {error}") from error


@contextmanager
def stopped(freeze: Reason | None) -> Iterator[None]:
    """Whoever made a mistake while the log is closed is told that it is."""
    try:
        yield
    except TamizdatError as error:
        if freeze:
            said = "sealing has stopped; give the command again, or go on as before with `tamizdat key cancel`"
            error.hint = f"{error.hint}{' ' if error.hint.endswith('?') else '; '}{said}" if error.hint else said
        raise


def _check_clock(archive: Archive, now: datetime) -> None:
    """Raise `ClockWrong` when the clock went back: what is signed for a year would have expired already."""
    from mirror.archive import ClockWrong
    from mirror.archive.plan import CLOCK_SLACK

    sealed = archive.head().time
    if now < datetime.fromisoformat(sealed) - CLOCK_SLACK:
        raise ClockWrong(
            f"the clock says {timestamp(now)}, but the last seal was at {sealed}",
            hint="set the clock; nothing was signed",
        )


def _urls(mirrors: bytes) -> list[str]:
    return [one["url"] for one in json.loads(mirrors)["mirrors"]]


class _Preparation:
    """One request in the making."""

    def __init__(
        self, publication: Publication, archive: Archive, wanted: Wanted, now: datetime, grace: timedelta
    ) -> None:
        self.publication, self.archive, self.wanted, self.now, self.grace = publication, archive, wanted, now, grace
        self.origin = publication.config.publication.origin
        self.view = own_view(publication, now)
        self.document: dict[str, Any] = copy.deepcopy(document_of(self.view.trust))
        self.targets: dict[str, bytes | None] = {}
        self.notes: list[str] = []
        self._secret: Secret | None = None
        self._knows_secret = False

    def run(self) -> Prepared:
        wanted = self.wanted
        before = as_json(self.document)
        roots = self._roots()
        online = self._new_key("online", f"{self.origin}/online").verifier if "online" in wanted.rotate else None
        if "publisher" in wanted.rotate:
            self._rotate_publisher()
        self._publishers()
        if "minisign" in wanted.rotate:
            from signing import minisign

            made = self._new_key("minisign", f"{self.origin}/minisign")
            self.targets["minisign.pub"] = minisign.public_text(made)
        if wanted.policy is not None:
            self._policy(wanted.policy)
        if wanted.freeze:
            self._freeze(wanted.freeze)
        if as_json(self.document) != before:
            self.document["time"] = timestamp(self.now)
            self.document["root"] = {"version": self.view.root_version, "digest": self.view.root_digest}
            schemas.check_twice("trust", self.document)
            self.targets["trust.json"] = as_json(self.document).encode()
        self._mirrors()
        self._reader()
        proposal = authority.propose(
            self._read,
            Change(root=roots, threshold=wanted.threshold, online=online, renew=wanted.renew, targets=self.targets),
            self.now,
        )
        files = {"trust.json": self.view.trust}
        if self.view.policy is not None:
            files["witness.policy"] = self.view.policy
        chain = [self.view.files[f"trust/{number}.root.json"] for number in range(1, self.view.root_version + 1)]
        data = ceremony.write_request(
            proposal,
            origin=self.origin,
            roots=chain,
            files=files,
            checkpoint=self.archive.head().checkpoint,
            time=timestamp(self.now),
        )
        return Prepared(data=data, request=ceremony.open_request(data, self.now), notes=tuple(self.notes))

    def _read(self, path: str) -> bytes | None:
        return self.archive.store.read(path)

    def _mirrors(self) -> None:
        """`mirrors.json`, when it would be another than the one that is signed."""
        from mirror import discovery
        from mirror.listing import listed

        config = self.publication.config
        with self.archive.state.reading() as tx:
            mirrors = listed(config, tx.targets(), self.now)
        if not mirrors:
            if self.wanted.mirrors:
                raise UsageError("no target has an address for readers", hint="tamizdat target add NAME URL --public …")
            return
        info = self.view.targets.get(discovery.NAME)
        stored = self._read(info.path(discovery.NAME)) if info else None
        made = discovery.mirrors_json(mirrors, name=config.publication.name, origin=self.origin, now=self.now)
        if stored is None or _urls(stored) != _urls(made):
            self.targets[discovery.NAME] = made
        elif self.wanted == Wanted(mirrors=True):
            raise UsageError("the signed list has these mirrors already", hint="nothing is left to do")

    def _reader(self) -> None:
        """`reader.html`, when it should be another than the one that is signed."""
        from mirror import reader
        from mirror.reader import issue

        if issue.outdated(self.publication) is not None:
            self.targets[reader.NAME] = issue.make(self.publication, self.now)
        elif self.wanted in (Wanted(reader=True), Wanted(reader=True, mirrors=True)) and not self.targets:
            raise UsageError(f"the signed {reader.NAME} is as it should be", hint="nothing is left to do")

    # Keys

    def _new_key(self, role: str, name: str, seed: bytes | None = None) -> SignerKey:
        """The key of this role from the installation on; one that waits from an earlier request is taken again."""
        path = next_path(self.publication, role)
        if path.exists():
            waiting = keys.read_key(path, self.publication.passphrase())
            if waiting.name == name and (seed is None or waiting.seed == seed):
                self.notes.append(f"{path}: was made for an earlier request, and is used again")
                return waiting
            if seed is None:
                raise UsageError(f"{path}: was made for another change", hint="`tamizdat key cancel` removes it")
            keys.remove(path)
        made = SignerKey(name, seed or chance.token_bytes(32))
        keys.write_key(path, made, self._passphrase(), salt=keys.common_salt(path.parent))
        return made

    def _passphrase(self) -> Secret | None:
        """What new keys are put under: that of the other keys here, None when they lie in the clear."""
        if not self._knows_secret:
            self._secret, self._knows_secret = secret_of(self.publication), True
        return self._secret

    # Root keys

    def _roots(self) -> tuple[VerifierKey, ...] | None:
        wanted = self.wanted
        facts = authority.root_facts(self.view.files[f"trust/{self.view.root_version}.root.json"])
        if not (wanted.add_roots or wanted.remove_roots or "root" in wanted.rotate):
            return None
        kept = list(facts.keys)
        for word in wanted.remove_roots:
            kept.remove(_the_one(word, tuple(kept), "root key"))
        added = list(wanted.add_roots)
        if "root" in wanted.rotate and not (added or wanted.remove_roots):
            if len(facts.keys) > 1:
                raise UsageError(
                    "which root key shall go? there are " + ", ".join(key.label for key in facts.keys),
                    hint="say --remove NAME, and --add FILE.pub for the one that takes its place",
                )
            added = [self._new_key("root", facts.keys[0].name or f"{self.origin}/root").verifier]
            kept = []
        for key in added:
            if any(one.id == authority.key_id(key) for one in kept):
                raise UsageError(f"{key.label} is a root key already")
        return (*(VerifierKey(one.name or f"key-{one.id[:12]}", one.public) for one in kept), *added)

    # Publishers

    def _rotate_publisher(self) -> None:
        path = self.publication.key_path("publisher")
        mine = keys.read_public(path).text if path.exists() else None
        entries = [one for one in self.document["publishers"] if "until" not in one and "*" in one["outlets"]]
        old = [one for one in entries if one["key"] == mine] or entries
        made = self._new_key("publisher", f"{self.origin}/publisher")
        if len(old) > 1:
            raise UsageError(
                "publisher.key is not here, and there is more than one publisher for all outlets: "
                + ", ".join(VerifierKey.parse(one["key"]).label for one in old),
                hint="say which shall go with --end-publisher",
            )
        for one in old:
            one["until"] = timestamp(self.now + self.grace)
        self._add_publisher(made.verifier, ("*",))

    def _publishers(self) -> None:
        for word in self.wanted.end_publishers:
            found = [
                one
                for one in self.document["publishers"]
                if "until" not in one and word in _names(VerifierKey.parse(one["key"]))
            ]
            if len(found) != 1:
                raise UsageError(f"{shown(word)}: {len(found)} publishers have this name or ID")
            found[0]["until"] = timestamp(self.now + self.grace)
        for key, outlets in self.wanted.add_publishers:
            unknown = set(outlets) - set(self.publication.config.outlets) - {"*"}
            if unknown:
                raise UsageError(f"there is no outlet {sorted(unknown)[0]!r}")
            self._add_publisher(key, outlets)

    def _add_publisher(self, key: VerifierKey, outlets: tuple[str, ...]) -> None:
        if any(one["key"] == key.text for one in self.document["publishers"]):
            raise UsageError(f"{key.label} is a publisher already")
        self.document["publishers"].append({"key": key.text, "outlets": list(outlets), "from": timestamp(self.now)})

    # Witnesses

    def _policy(self, data: bytes) -> None:
        from signing.policy import Policy

        try:
            Policy.parse(data)
        except SigningError as error:
            raise UsageError(f"this is no witness policy: {error}") from None
        if data == self.view.policy:
            raise UsageError("this witness policy is in force already")
        self.targets["witness.policy"] = data
        # What was sealed before has other cosignatures, or none.
        for log in self.document["logs"]:
            log["unwitnessed"] = log["frozen"]["size"] if "frozen" in log else self.archive.head().size
        if not self.wanted.freeze and self.grace:
            self.archive.close_log("policy")
            self.notes.append("nothing is sealed until this is installed: the request says where witnessing begins")

    # Logs

    def _freeze(self, reason: Reason) -> None:
        head = self.archive.head()
        old = self.document["logs"][-1]
        if head.size == 0 or head.origin != old["origin"]:
            raise UsageError(f"log {head.origin} has no entries yet: there is nothing to freeze")
        origin = self._next_origin(reason)
        made = self._new_key("log", origin, self._successor(reason).seed)
        after = self._new_key("log-successor", f"{self.origin}/log-successor")
        old["frozen"] = {"size": head.size, "root": head.root.hex(), "earlier": reason == "year"}
        if self.archive.uncosigned() is not None:
            # The root keys' word that it ends there takes the place of the witnesses who did not come to say so.
            old["unwitnessed"] = head.size
        self.document["logs"].append(
            {
                "origin": origin,
                "key": made.verifier.text,
                "from": timestamp(self.now),
                "path": f"log/{origin.rsplit('/', 1)[1]}",
            }
        )
        self.document["successors"] = {"log": _commitment(after.verifier)}

    def _next_origin(self, reason: Reason) -> str:
        taken = {log["origin"] for log in self.document["logs"]}
        year = self.now.year
        if reason == "year":
            found = _LOG_YEAR.search(self.document["logs"][-1]["origin"])
            year = max(year, int(found[1]) + 1) if found else year
        origin, count = f"{self.origin}/log/{year}", 2
        while origin in taken:
            origin, count = f"{self.origin}/log/{year}-{count}", count + 1
        return origin

    def _successor(self, reason: Reason) -> SignerKey:
        """The key of the new log: the promised one, unless another is asked for or none was promised."""
        promised = self.document.get("successors", {}).get("log")
        given = self.wanted.successor
        if self.wanted.fresh or (promised is None and given is None):
            waiting = next_path(self.publication, "log")
            if waiting.exists():
                return keys.read_key(waiting, self.publication.passphrase())
            return SignerKey(f"{self.origin}/log-successor", chance.token_bytes(32))
        path = self.publication.key_path("log-successor")
        if given is None and path.exists() and reason != "stolen":
            given = keys.read_key(path, self.publication.passphrase())
        if given is None:
            why = "the one on this computer may be stolen as well" if path.exists() else f"{path} is not here"
            raise UsageError(
                f"the new log's key is needed: {why}",
                hint="--successor FILE gives the copy kept elsewhere; --fresh begins with a key nobody was promised, "
                "and readers are told that it is not",
            )
        if promised is not None and _commitment(given.verifier) != promised:
            raise UsageError(
                f"{given.verifier.label} is not the successor that readers were promised (SHA-256 {promised[:16]}…)",
                hint="give the right file; or --fresh without --successor",
            )
        return given


def own_view(publication: Publication, now: datetime) -> TrustView:
    """What the publication's own trust files say. Raises `TamizdatError`."""
    from mirror.read import FolderMirror
    from signing.trust import walk

    try:
        return walk(FolderMirror(publication.tree).get, pin=publication.fingerprint(), now=now)
    except SigningError as error:
        raise TamizdatError(
            f"{publication.tree}/trust: {error}", hint="restore archive/trust from a mirror or a backup"
        ) from error


def document_of(trust: bytes) -> dict[str, Any]:
    """trust.json of our own, parsed."""
    document = parse_json(trust)
    if not isinstance(document, dict):
        raise TamizdatError("trust.json holds no document")
    return document


def is_promised(key: VerifierKey, document: Mapping[str, Any]) -> bool:
    """Whether trust.json promises that the next log has this key."""
    promised: object = document.get("successors", {}).get("log")
    return promised == _commitment(key)


def is_minisign(key: VerifierKey, view: TrustView) -> bool:
    """Whether the target minisign.pub is this key's."""
    info = view.targets.get("minisign.pub")
    return info is not None and (info.size, info.digest) == _minisign_entry(key)


def retired_roots(publication: Publication) -> frozenset[bytes]:
    """The public keys that an earlier root had and the newest has not."""
    numbers = sorted(
        int(path.name.split(".")[0])
        for path in (publication.tree / "trust").glob("*.root.json")
        if path.name.split(".")[0].isdecimal()
    )
    found: list[set[bytes]] = []
    for number in numbers:
        data = (publication.tree / "trust" / f"{number}.root.json").read_bytes()
        found.append({key.public for key in authority.root_facts(data).keys})
    return frozenset(set().union(*found) - found[-1]) if found else frozenset()


def next_path(publication: Publication, role: str) -> Path:
    """Where the key of this role waits for an installation."""
    path = publication.key_path(role)
    return path.with_name(path.name + NEXT)


def secret_of(publication: Publication) -> Secret | None:
    """The passphrase of the keys here, which was tried on one of them; None when they lie in the clear. So a new key
    can't be put under a mistyped one. Where there is no key at all, the one that will be. Raises `UsageError`."""
    config = publication.config.keys
    there = keys.files_in(config.folder)
    sealed = [one.path for one in there if one.sealed]
    ask = publication.passphrase()
    if sealed:
        keys.read_key(sealed[0], ask)
        return ask()
    if there and config.passphrase == keys.PROMPT:
        return None
    return keys.new_passphrase(config.passphrase, folder=publication.folder, what=f"the keys in {config.folder}")


def _commitment(key: VerifierKey) -> str:
    return hashlib.sha256(key.public).hexdigest()


def _names(key: VerifierKey) -> set[str]:
    return {key.name, key.label, key.id.hex(), key.text}


def _the_one(word: str, among: Sequence[RootKey], what: str) -> RootKey:
    found = [key for key in among if key.name == word or (len(word) >= 6 and key.id.startswith(word.lower()))]
    if not found:
        found = [key for key in among if key.name and key.name.rsplit("/", 1)[-1] == word]
    if len(found) != 1:
        raise UsageError(
            f"{shown(word)}: {len(found) or 'no'} {what}{'s have' if len(found) > 1 else ' has'} this name or ID",
            hint="there are " + ", ".join(key.label for key in among),
        )
    return found[0]


# --- signing at once --------------------------------------------------------------------------------------------------


def at_hand(publication: Publication, request: Request, files: Sequence[Path], ask: Ask | None) -> list[SignerKey]:
    """The root keys that can sign here: those in `files`, and those in the keys folder. `ask` gives the passphrase of
    `files`. Raises `UsageError`."""
    wanted = {key.id for key in (*request.before.root.keys, *request.after.root.keys)}
    found: dict[str, SignerKey] = {}
    for path in files:
        key = keys.read_key(path, ask or keys.passphrase(None, folder=path.parent, what=str(path)))
        found[authority.key_id(key)] = key
    for one in keys.files_in(publication.config.keys.folder):
        if one.key is not None and authority.key_id(one.key) in wanted - found.keys():
            found[authority.key_id(one.key)] = keys.read_key(one.path, publication.passphrase())
    return list(found.values())


# --- after ------------------------------------------------------------------------------------------------------------


def install(
    publication: Publication, archive: Archive, data: bytes, signatures: Sequence[bytes], *, now: datetime
) -> Installed:
    """Make the request in `data` true, in an archive that is locked. Raises `BadRequest` when it or a signature is not
    what it should be, `TamizdatError` when signatures are missing, keys are, or the archive moved on."""
    _check_clock(archive, now)
    request = ceremony.open_request(data, now)
    pin = publication.fingerprint()
    if request.fingerprint != pin:
        raise ceremony.BadRequest(f"this request is of another publication: {request.fingerprint}, not {pin}")
    given = [ceremony.open_signature(one, request) for one in signatures]
    head = archive.head()
    _check_still_fits(publication, archive, request, now)
    lacking = authority.lacking(request.proposal, given)
    if lacking:
        raise TamizdatError(missing_line(request, lacking), hint="`tamizdat key sign` makes one, wherever that key is")
    promote = _waiting_keys(publication, request)
    online = keys.read_key(
        next_path(publication, "online") if "online" in promote else publication.key_path("online"),
        publication.passphrase(),
    )
    try:
        files = authority.assemble(archive.store.read, request.proposal, given, online, now)
    except SigningError as error:
        raise TamizdatError(str(error), hint="make a new request: tamizdat key request") from error
    begun = request.after.trust.current if request.freezes else None
    frozen = request.freezes.frozen if request.freezes else None
    record = {
        "v": 1,
        "files": {path: base64.b64encode(one).decode() for path, one in files.items()},
        "trust": base64.b64encode(request.after.data).decode(),
        "log": None
        if begun is None or frozen is None
        else {"origin": begun.origin, "path": begun.path, "reissue": not frozen.earlier, "from": head.origin},
        "keys": list(promote),
        "time": timestamp(now),
    }
    keys.replace_private(publication.folder / "state" / _RECORD, json.dumps(record).encode())
    _finish(publication, archive, record)
    return Installed(
        changes=ceremony.explain(request),
        keys=tuple(promote),
        log=begun.origin if begun is not None else None,
        follow=to_follow(request),
    )


def to_follow(request: Request) -> Follow | None:
    """Which witnesses must be told of a log because of this change: all, of a new one; new ones, of the one there is.
    None when nobody must."""
    policy = _policy_in(request.after.policy)
    if policy is None:
        return None
    before = _policy_in(request.before.policy)
    told = set() if request.freezes is not None or before is None else {one.key for one in before.witnesses}
    names = tuple(shown(one.name) for one in policy.witnesses if one.key not in told)
    return Follow(names=names, key=request.after.trust.current.key.text) if names else None


def _policy_in(data: bytes | None) -> Policy | None:
    from signing.policy import Policy

    return None if data is None else Policy.parse(data)


def missing_line(request: Request, lacking: authority.Lacking) -> str:
    """Which signatures are missing, in a line."""
    before, after = request.before.root, request.after.root
    sides = [(lacking.new, lacking.of_new, after, "")]
    if before.keys != after.keys or before.threshold != after.threshold:
        sides = [
            (lacking.old, lacking.of_old, before, " for the root in force"),
            (lacking.new, lacking.of_new, after, " for the root to be"),
        ]
    return "; ".join(
        f"{many} more of {', '.join(key.label for key in left)} must sign ({root.threshold} of {len(root.keys)}{which})"
        for many, left, root, which in sides
        if many
    )


def _check_still_fits(publication: Publication, archive: Archive, request: Request, now: datetime) -> None:
    """Raise `TamizdatError` when the archive is no longer what the request was made for."""
    head = archive.head()
    view = own_view(publication, now)
    again = "make a new request: tamizdat key request"
    after = request.after
    facts = authority.root_facts(view.files[f"trust/{view.root_version}.root.json"])
    if (view.trust, view.policy, view.versions["targets"]) == (after.data, after.policy, after.targets.version) and (
        (facts.version, facts.keys, facts.online) == (after.root.version, after.root.keys, after.root.online)
    ):
        raise UsageError("this request is installed already", hint="nothing is left to do but `tamizdat run`")
    if view.root_version != request.before.root.version or view.root_digest != request.roots[-1]:
        raise TamizdatError(
            f"the archive moved on: its root is version {view.root_version}, the request was made for "
            f"{request.before.root.version}",
            hint=again,
        )
    if view.versions["targets"] != request.before.targets.version:
        raise TamizdatError(
            f"the archive moved on: its targets are version {view.versions['targets']}, the request was made for "
            f"{request.before.targets.version}",
            hint=again,
        )
    freezes = request.freezes
    if freezes is not None and freezes.frozen is not None:
        if (head.origin, head.size, head.root) != (freezes.origin, freezes.frozen.size, freezes.frozen.root):
            raise TamizdatError(
                f"the log went on: it has {head.size} entries, the request freezes it at {freezes.frozen.size}",
                hint=again,
            )
    elif request.before.policy != request.after.policy and head.size > request.after.trust.current.unwitnessed:
        raise TamizdatError(
            f"the log went on: it has {head.size} entries, the request lets the first "
            f"{request.after.trust.current.unwitnessed} go without witnesses",
            hint=again,
        )
    before = {one.key: one.valid_until for one in request.before.trust.publishers}
    for one in request.after.trust.publishers:
        until = one.valid_until
        if before.get(one.key, until) != until and until is not None and until < timestamp(now):
            raise TamizdatError(
                f"the request is too old: it ends {one.key.label} at {until}, and articles were signed with it since",
                hint=again,
            )


def _waiting_keys(publication: Publication, request: Request) -> list[str]:
    """The roles whose key changes with this request, each with its new key at hand. Raises `UsageError`."""
    before, after = request.before, request.after
    roles: dict[str, bytes] = {}
    if before.root.online.id != after.root.online.id:
        roles["online"] = after.root.online.public
    if before.trust.current.key != after.trust.current.key:
        roles["log"] = after.trust.current.key.public
    found = []
    for role, public in roles.items():
        path = next_path(publication, role)
        if not path.exists():
            raise UsageError(
                f"{path}: is not here: the request was made on another computer, or cancelled",
                hint="make a new request: tamizdat key request",
            )
        if keys.read_public(path).public != public:
            raise UsageError(f"{path}: is not the key that the request is about", hint="make a new request")
        found.append(role)
    publishers = {one.key.public for one in after.trust.publishers if one.valid_until is None}
    roots = {key.public for key in after.root.keys}
    promised = after.trust.successors.get("log")
    targets = after.targets.targets
    for role in ("publisher", "root", "log-successor", "minisign"):
        path = next_path(publication, role)
        if not path.exists():
            continue
        key = keys.read_public(path)
        named = {
            "publisher": key.public in publishers,
            "root": key.public in roots,
            "log-successor": _commitment(key) == promised,
            "minisign": "minisign.pub" in targets and targets["minisign.pub"] == _minisign_entry(key),
        }
        if named[role]:
            found.append(role)
    return found


def _minisign_entry(key: VerifierKey) -> tuple[int, str]:
    from signing import minisign

    data = minisign.public_text(key)
    return len(data), hashlib.sha256(data).hexdigest()


def settle(publication: Publication, archive: Archive) -> bool:
    """Finish an installation that was interrupted, in an archive that is locked; whether there was one. Raises
    `TamizdatError`."""
    path = publication.folder / "state" / _RECORD
    try:
        record = json.loads(path.read_bytes())
        meant = _timestamp_version(base64.b64decode(record["files"][_STAMP]))
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError) as error:
        raise TamizdatError(
            f"{path}: an interrupted change of keys can't be finished: this is not what this tool wrote",
            hint="restore state, archive and keys from one backup",
        ) from error
    if meant < _timestamp_version(archive.store.read(_STAMP) or b"{}"):
        # From an old backup of the state: what it was about to install is installed, or was replaced.
        keys.remove(path)
        return False
    _finish(publication, archive, record)
    return True


def _timestamp_version(data: bytes) -> int:
    """Of a timestamp of our own; 0 when it isn't one."""
    try:
        return int(json.loads(data)["signed"]["version"])
    except (ValueError, KeyError, TypeError):
        return 0


def is_unsettled(publication: Publication) -> bool:
    """Whether an installation was interrupted."""
    return (publication.folder / "state" / _RECORD).exists()


def _finish(publication: Publication, archive: Archive, record: Mapping[str, Any]) -> None:
    files = {path: base64.b64decode(data) for path, data in record["files"].items()}
    document = base64.b64decode(record["trust"])
    log = record["log"]
    now = datetime.strptime(record["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    if log is None:
        archive.replace_trust(files, document)
        archive.cancel_closing()
    elif archive.head().origin == log["from"]:
        archive.begin_log(
            origin=log["origin"],
            path=log["path"],
            trust_files=files,
            trust_document=document,
            reissue=log["reissue"],
            now=now,
        )
    for role in record["keys"]:
        _promote(publication, role)
    folder = os.open(publication.config.keys.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    keys.remove(publication.folder / "state" / _RECORD)


def _promote(publication: Publication, role: str) -> None:
    """The waiting key of this role is the key of this role."""
    waiting = next_path(publication, role)
    if waiting.exists():
        os.replace(waiting, publication.key_path(role))


def cancel(publication: Publication, archive: Archive) -> list[Path]:
    """Give up what was prepared, in an archive that is locked: sealing goes on, waiting keys are removed. Returns
    those. A request that was made can't be installed any more when it needed one. What was begun to be installed is
    finished first."""
    settle(publication, archive)
    archive.cancel_closing()
    waiting = [one.path for one in keys.files_in(publication.config.keys.folder) if one.waiting]
    for path in waiting:
        keys.remove(path)
    return waiting


def keep_reader(publication: Publication, archive: Archive, now: datetime) -> str | None:
    """Why reader.html was made and signed anew, in an archive that is locked: when it should be another one, and enough
    root keys lie here. None when it is as it was; also while a change of keys is under way: a request that somebody is
    about to sign would be for an archive that moved on. Raises `TamizdatError`."""
    from mirror.reader import issue

    if archive.closing() or not _root_is_here(publication) or (why := issue.outdated(publication)) is None:
        return None
    prepared = prepare(publication, archive, Wanted(reader=True), now=now)
    signatures = [ceremony.sign(prepared.request, key) for key in at_hand(publication, prepared.request, [], None)]
    install(publication, archive, prepared.data, signatures, now=now)
    return why


def _root_is_here(publication: Publication) -> bool:
    """Whether as many root keys lie among the others as must sign, and no key waits for a change."""
    from mirror.reader import issue

    found = keys.files_in(publication.config.keys.folder)
    here = {authority.key_id(one.key) for one in found if one.key is not None and not one.waiting}
    root = authority.root_facts(issue.root_in_force(publication))
    return len(here & {key.id for key in root.keys}) >= root.threshold and not any(one.waiting for one in found)


# --- reminders --------------------------------------------------------------------------------------------------------


def reminders(publication: Publication, archive: Archive, now: datetime) -> tuple[str, ...]:
    """What somebody should do about keys soon, a line each: witnesses that don't follow the log, the year's end, a
    ceremony left unfinished, root or targets past the half of their life. Reads a few small files; needs no key and
    checks no signature."""
    from mirror.cosign import follow_line, unfollowed

    lines: list[str] = []
    origin = archive.head().origin
    if (missing := unfollowed(archive)) is not None:
        names, key = missing
        lines.append(
            f"log {origin} is not cosigned: {', '.join(names)} {'do' if len(names) > 1 else 'does'} not follow it; "
            f"whoever runs {'each of them' if len(names) > 1 else 'it'} must give there: {follow_line(key)}"
        )
    from mirror import reader
    from mirror.reader import issue

    lines += due(publication, archive, now)
    why = issue.outdated(publication, useless=True)
    if why is not None and not _root_is_here(publication):  # else the next run does it
        lines.append(
            f"{reader.NAME} should be signed anew: {why}; it goes along with whatever root keys sign next, or now: "
            "tamizdat key request --reader"
        )
    return tuple(lines)


def due(publication: Publication, archive: Archive, now: datetime) -> tuple[str, ...]:
    """The same without the witnesses, of whom `run` tells while it asks them."""
    lines: list[str] = []
    origin = archive.head().origin
    if archive.closing():
        lines.append(
            "nothing is sealed: a change of keys is under way; end it with `tamizdat key install`, or `… key cancel`"
        )
    elif found := _LOG_YEAR.search(origin):
        year = int(found[1])
        if year < now.year:
            lines.append(f"log {origin} is of a past year; begin a new one: tamizdat key freeze --reason year")
        elif year == now.year and now.month == 12:
            lines.append(
                f"log {origin} ends with the year: plan to meet with the root keys around New Year "
                "(tamizdat key freeze --reason year)"
            )
    for role, expires, half in _expiries(publication):
        left = (expires - now).days
        if expires <= now:
            lines.append(f"{role} expired on {expires:%Y-%m-%d}: readers are warned; now: tamizdat key renew")
        elif expires - now < half:
            lines.append(f"{role} expires on {expires:%Y-%m-%d}, in {left} days: tamizdat key renew")
    return tuple(lines)


def _expiries(publication: Publication) -> list[tuple[str, datetime, timedelta]]:
    """When the newest root and targets expire, and half their life."""
    found = []
    for role in ("root", "targets"):
        numbers = [
            int(path.name.split(".")[0])
            for path in (publication.tree / "trust").glob(f"*.{role}.json")
            if path.name.split(".")[0].isdecimal()
        ]
        if not numbers:
            continue
        try:
            text = (publication.tree / "trust" / f"{max(numbers)}.{role}.json").read_bytes()
            expires = datetime.fromisoformat(json.loads(text)["signed"]["expires"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # `doctor` says what is wrong with it
        found.append((role, expires, authority.LIFETIME[role] / 2))
    return found
