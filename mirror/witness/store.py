"""What a witness remembers, and how it decides: C2SP tlog-witness without its HTTP.

    DIR/witness.key     the private key (type 0x04), mode 0600, in the clear or under a passphrase
    DIR/logs.json       the logs it follows: {"v":1,"kind":"witness","logs":[{"origin":…,"key":…}]}
    DIR/heads/<hex>     per log, named by SHA-256 of its origin: the newest checkpoint it cosigned, with the log's
                        signature and its own
    DIR/conflicts/      pairs of checkpoints of one size that a log signed with different roots: evidence
    DIR/lock            held by the one process that may sign

A head is its own proof: whose it is, of what size and when follows from the note, and the witness's own signature in it
says that nobody else wrote it. It is durable before the cosignature leaves this module, so whatever a crash leaves, a
witness never cosigns two histories. Before it is durable nobody has the signature; afterwards the old size is refused.

One process holds the lock and one thread in it decides, one request after the other: there is no moment between
comparing the old size and storing the new one in which another request could come.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirror import durable
from mirror.errors import TamizdatError, UsageError
from signing import checkpoint as checkpoints
from signing import cosignature, note
from signing.checkpoint import Checkpoint
from signing.errors import BadProof, BadSignature, FormatError, SigningError, shown
from signing.keys import COSIGNATURE, ED25519, SignerKey, VerifierKey, is_name
from signing.merkle import EMPTY_ROOT, check_consistency
from signing.packing import from_base64, from_decimal

MAX_PROOF = 63
# 63 lines of base64, the old size, and a checkpoint: what a request can need at most.
MAX_BODY = checkpoints.MAX_BYTES + 64 * 46
MAX_LOGS = 10_000
MAX_CONFLICTS = 100
# A clock that is set back by a few seconds is no news; the time signed last is signed again.
CLOCK_SLACK = 30

TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a witness says to a request: HTTP status, body and its type."""

    status: int
    body: bytes
    kind: str = TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest checkpoint cosigned of one log: as a note with both signatures, and what it says."""

    data: bytes
    checkpoint: Checkpoint
    time: int


class _Refused(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Witness:
    """A witness's folder. Raises `UsageError` when it is none or its key does not open, `TamizdatError` when what is
    remembered is damaged."""

    def __init__(self, folder: Path, *, passphrase: str | None = None) -> None:
        self.folder = folder
        if not (folder / "logs.json").is_file():
            raise UsageError(
                f"{folder}: not a witness's folder", hint="tamizdat witness init DIR --name NAME makes one"
            )
        self._passphrase = passphrase
        self._signer: SignerKey | None = None
        self._heads: dict[str, Head | None] = {}
        self._logs: dict[str, VerifierKey] = {}
        self._logs_are: tuple[int, ...] = ()
        self._last = 0
        self._clock_was_wrong = False

    @staticmethod
    def create(folder: Path, name: str, *, passphrase: str | None = None) -> VerifierKey:
        """The public key of a new witness in `folder`, which must be empty or absent. Raises `UsageError`."""
        if not is_name(name):
            raise UsageError(f"{name!r} cannot name a witness", hint="a name of yours, such as witness.example.org/w1")
        key = cosignature.witness_key(name, secrets.token_bytes(32))
        text = key.text
        if passphrase is not None:
            from signing.keyfile import seal_key

            text = seal_key(text, passphrase, secrets.token_bytes(16), secrets.token_bytes(12))
        durable.make_folder(folder)
        if any(folder.iterdir()):
            raise UsageError(f"{folder}: not empty")
        durable.make_folder(folder / "heads")
        durable.write(folder / "witness.key", text.rstrip("\n").encode() + b"\n")
        durable.write(folder / "logs.json", _encode({}))
        return key.verifier

    # --- the folder ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def serving(self, now: int, *, clock_was_wrong: bool = False) -> Iterator[None]:
        """Holds the lock, with the key open and the clock compared with the newest time ever signed. Raises `Busy`,
        `UsageError`, `TamizdatError`. `clock_was_wrong` forgets that time: it came from a clock that ran ahead."""
        with durable.only_one(self.folder / "lock", "another process serves this witness"):
            self._signer = read_key(self.folder / "witness.key", self._passphrase)
            for origin in self.logs():
                head = self.head(origin)
                if head is not None:
                    self._last = max(self._last, head.time)
            self._clock_was_wrong = clock_was_wrong
            if clock_was_wrong:
                self._last = 0
            elif self._last > now + CLOCK_SLACK:
                raise TamizdatError(
                    f"{self.folder}: the clock says {now}, but this witness has signed at {self._last}",
                    hint="set the clock; if it was wrong when that was signed, start once with --clock-was-wrong",
                )
            yield

    @property
    def signer(self) -> SignerKey:
        if self._signer is None:
            self._signer = read_key(self.folder / "witness.key", self._passphrase)
        return self._signer

    def logs(self) -> dict[str, VerifierKey]:
        """The logs followed, keys by origin, as the file says now: whoever adds one need not restart the server."""
        path = self.folder / "logs.json"
        about = path.stat()
        stamp = (about.st_ino, about.st_mtime_ns, about.st_size)
        if stamp != self._logs_are:
            try:
                found = json.loads(path.read_bytes())
                logs = {str(one["origin"]): VerifierKey.parse(str(one["key"])) for one in found["logs"]}
            except (ValueError, KeyError, TypeError, RecursionError, SigningError) as error:
                raise TamizdatError(f"{path}: damaged ({error})") from error
            self._logs, self._logs_are = logs, stamp
        return self._logs

    def add_log(self, key: VerifierKey, origin: str | None = None) -> bool:
        """Follow this log from now on; whether that is new. Raises `UsageError`: a log that was followed with one key
        is never followed with another, since what was cosigned of it was that key's."""
        origin = origin or key.name
        if key.kind != ED25519:
            raise UsageError(f"{key.label} is not a log's key", hint="a log's key is of type 1")
        if key.name != origin:
            raise UsageError(f"a log's key is named as its origin: {key.label} is not, for {shown(origin)}")
        with self._editing():
            logs = dict(self.logs())
            if (known := logs.get(origin)) is not None:
                if known != key:
                    raise UsageError(
                        f"{shown(origin)} is followed with another key, {known.label}",
                        hint="a log that loses its key begins a new one, with a new origin",
                    )
                return False
            if len(logs) >= MAX_LOGS:
                raise UsageError(f"a witness follows at most {MAX_LOGS} logs")
            durable.write(self.folder / "logs.json", _encode({**logs, origin: key}))
        return True

    def remove_log(self, origin: str) -> None:
        """Follow this log no longer. What was cosigned stays remembered, for when it is added again. `UsageError` when
        it is not followed."""
        with self._editing():
            logs = dict(self.logs())
            if logs.pop(origin, None) is None:
                raise UsageError(f"{shown(origin)}: not followed", hint="tamizdat witness list DIR shows which are")
            durable.write(self.folder / "logs.json", _encode(logs))

    @contextlib.contextmanager
    def _editing(self) -> Iterator[None]:
        with durable.only_one(self.folder / "logs.lock", "somebody else changes the list of logs"):
            yield

    def head(self, origin: str) -> Head | None:
        """The newest checkpoint cosigned of this log, None when there is none yet. `TamizdatError` when it is damaged:
        a witness that has forgotten must not sign."""
        if origin not in self._heads:
            path = self._head_path(origin)
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                data = b""
            self._heads[origin] = self._opened(data, origin, path) if data else None
        return self._heads[origin]

    def _opened(self, data: bytes, origin: str, path: Path) -> Head:
        try:
            own = self.signer.verifier
            time = cosignature.cosigners(data, [own]).get(own)
            checkpoint = checkpoints.parse_text(note.parse(data).text)
            if time is None or checkpoint.origin != origin:
                raise BadSignature(f"not what {own.label} cosigned of {shown(origin)}")
        except SigningError as error:
            raise TamizdatError(
                f"{path}: {error}",
                hint="restore it from a backup of this moment, or begin a new witness with a new key",
            ) from error
        return Head(data=data, checkpoint=checkpoint, time=time)

    def _head_path(self, origin: str) -> Path:
        return self.folder / "heads" / hashlib.sha256(origin.encode()).hexdigest()

    # --- deciding -----------------------------------------------------------------------------------------------------

    def add_checkpoint(self, body: bytes, now: int) -> Answer:
        """The answer to `POST /add-checkpoint` with this body, at `now` (seconds since 1970). When it is a cosignature,
        it is durable already. Raises OSError when it could not be made so: then nothing was signed for anybody."""
        try:
            return self._decide(body, now)
        except _Refused as refused:
            return refused.answer

    def _decide(self, body: bytes, now: int) -> Answer:
        try:
            request = parse_request(body)
        except FormatError as error:
            raise _Refused(_no(400, str(error))) from None
        new = request.checkpoint
        key = self.logs().get(new.origin)
        if key is None:
            raise _Refused(_no(404, f"the log {shown(new.origin)} is not followed here"))
        try:
            checkpoints.open_checkpoint(request.note, key, new.origin)
        except SigningError as error:
            raise _Refused(_no(403, str(error))) from None
        if request.old > new.size:
            raise _Refused(_no(400, f"the old size {request.old} is larger than the checkpoint's, {new.size}"))
        head = self.head(new.origin)
        self._check_growth(request, head)
        last = max(self._last, head.time if head else 0)
        if last > now + CLOCK_SLACK and not self._clock_was_wrong:
            raise _Refused(_no(503, "this witness's clock went back"))
        time = now if last > now + CLOCK_SLACK else max(now, last)
        line = cosignature.sign(new.text, self.signer, time)
        self._keep(new, request.note, line, key, time)
        return Answer(status=200, body=line)

    def _check_growth(self, request: Request, head: Head | None) -> None:
        new = request.checkpoint
        known = head.checkpoint if head else Checkpoint(new.origin, 0, EMPTY_ROOT)
        conflict = Answer(status=409, body=b"%d\n" % known.size, kind=SIZE)
        if request.old != known.size:
            raise _Refused(conflict)
        if new.size == known.size and new.root != known.root:
            if head is not None:
                self._keep_conflict(head, request.note)
            raise _Refused(conflict)
        try:
            check_consistency(
                old_size=known.size, old_root=known.root, new_size=new.size, new_root=new.root, hashes=request.hashes
            )
        except BadProof as error:
            raise _Refused(_no(422, str(error))) from None

    def monitored(self, name: str) -> Answer:
        """The answer to `GET /<name>/checkpoint`, where `name` is the hex SHA-256 of a log's origin."""
        for origin in self.logs():
            if hashlib.sha256(origin.encode()).hexdigest() == name:
                head = self.head(origin)
                return _no(404, "nothing cosigned yet") if head is None else Answer(status=200, body=head.data)
        return _no(404, "no such log here")

    def _keep(self, new: Checkpoint, data: bytes, line: bytes, key: VerifierKey, time: int) -> None:
        """Only the log's signature and our own are kept: other lines are anybody's."""
        parsed = note.parse(data)
        ours = note.parse_line(line[:-1])
        of_log = next(one for one in parsed.lines if (one.name, one.key_id) == (key.name, key.id))
        whole = note.Note(text=parsed.text, lines=(of_log, ours)).encode()
        # Unknown until it is known to be on disk: if the write fails half way, the next request reads what is there.
        self._heads.pop(new.origin, None)
        durable.write(self._head_path(new.origin), whole, mode=0o644)
        self._heads[new.origin] = Head(data=whole, checkpoint=new, time=time)
        self._last = max(self._last, time)

    def _keep_conflict(self, head: Head, data: bytes) -> None:
        """Two checkpoints of one size, both signed by the log: nothing else is needed to convict it."""
        folder = self.folder / "conflicts"
        digest = hashlib.sha256(note.parse(data).text).hexdigest()
        path = folder / f"{hashlib.sha256(head.checkpoint.origin.encode()).hexdigest()[:16]}-{digest[:16]}"
        with contextlib.suppress(OSError):  # a kindness to the public, and no reason not to answer
            durable.make_folder(folder)
            if not path.exists() and sum(1 for _ in folder.iterdir()) < MAX_CONFLICTS:
                durable.write(path, head.data + b"\n" + data, mode=0o644)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The body of an add-checkpoint request, taken apart; no signature was looked at."""

    old: int
    hashes: tuple[bytes, ...]
    note: bytes
    checkpoint: Checkpoint


def parse_request(body: bytes) -> Request:
    """The parts of an add-checkpoint body. FormatError unless it is one of at most `MAX_BODY` bytes."""
    if len(body) > MAX_BODY:
        raise FormatError(f"a request has at most {MAX_BODY} bytes")
    head, gap, data = body.partition(b"\n\n")
    lines = head.split(b"\n")
    if not gap or not lines[0].startswith(b"old "):
        raise FormatError("a request is `old <size>`, proof lines, an empty line and a checkpoint")
    if len(lines) - 1 > MAX_PROOF:
        raise FormatError(f"a request has at most {MAX_PROOF} proof lines")
    hashes = tuple(from_base64(line) for line in lines[1:])
    if any(len(one) != 32 for one in hashes):
        raise FormatError("a proof line is the base64 of 32 bytes")
    checkpoint = checkpoints.parse_text(note.parse(data).text)
    return Request(old=from_decimal(lines[0].removeprefix(b"old ")), hashes=hashes, note=data, checkpoint=checkpoint)


def read_key(path: Path, passphrase: str | None) -> SignerKey:
    """The witness's private key in this file. `UsageError`; no message repeats what the file holds."""
    try:
        info = path.stat()
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or 'not a private key'}") from None
    if info.st_mode & 0o077:
        raise UsageError(f"{path}: other users can read this key", hint=f"chmod 600 {path}")
    try:
        if text.startswith("PRIVATE+KEY+"):
            key = SignerKey.parse(text.strip())
        elif passphrase is None:
            raise UsageError(f"{path}: needs a passphrase", hint="--passphrase env:NAME, file:PATH or cred:NAME")
        else:
            from signing.keyfile import open_key

            key = open_key(text, passphrase)
    except SigningError as error:
        raise UsageError(f"{path}: {error}") from None
    if key.kind != COSIGNATURE:
        raise UsageError(f"{path}: not a witness's key")
    return key


def _encode(logs: dict[str, VerifierKey]) -> bytes:
    listed = [{"origin": origin, "key": key.text} for origin, key in logs.items()]
    return json.dumps({"v": 1, "kind": "witness", "logs": listed}, indent=1).encode() + b"\n"


def _no(status: int, why: str) -> Answer:
    return Answer(status=status, body=f"{shown(why, 300)}\n".encode())
