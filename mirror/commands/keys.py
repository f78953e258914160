"""`tamizdat key`: what keys there are, new ones, and changing who may sign."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirror import keys
from mirror.errors import TamizdatError, UsageError
from mirror.keys import Ask
from mirror.output import Output, entries, one_line
from mirror.publication import Publication
from mirror.secrets import Secret

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.ceremony import Request
    from mirror.changes import Follow, Installed, Wanted
    from mirror.publishing import TargetReport
    from mirror.run import RunReport
    from signing.keys import SignerKey, VerifierKey
    from signing.trust import TrustView

_FINGERPRINT = re.compile("sha256:[0-9a-f]{64}", re.ASCII)


# --- looking ----------------------------------------------------------------------------------------------------------


def listed(args: argparse.Namespace, out: Output) -> int:
    """The keys of the publication, or those in the files given."""
    if args.files:
        return _list_files(args.files, out)
    from mirror import changes
    from signing import authority

    publication = Publication.open(args.config)
    now = datetime.now(UTC)
    publication.archive().close()  # which finishes an installation that was interrupted
    view = changes.own_view(publication, now)
    facts = authority.root_facts(view.files[f"trust/{view.root_version}.root.json"])
    document = changes.document_of(view.trust)
    files = keys.files_in(publication.config.keys.folder)
    here = {authority.key_id(one.key) for one in files if one.key is not None}
    uses = _uses(document, facts)
    retired = changes.retired_roots(publication)
    rows: list[dict[str, Any]] = []
    for one in files:
        used, until = _use_of(one.key, uses, document, view, retired) if one.key else ("", None)
        rows.append(
            {
                "role": one.role,
                "file": str(one.path),
                "key": one.key.text if one.key else None,
                "id": authority.key_id(one.key) if one.key else None,
                "encrypted": one.sealed,
                "used": "waits for an installation" if one.waiting else used,
                "valid_until": until,
                "problem": one.problem,
            }
        )
    roots = [{"id": key.id, "name": key.name, "here": key.id in here} for key in facts.keys]
    count = sum(key.id in here for key in facts.keys)
    expires = {role: view.expires[role] for role in ("root", "targets", "snapshot", "timestamp")}
    for row in rows:
        out.say(f"{row['role']:14} {row['file']}{'' if row['encrypted'] else '  (not encrypted)'}")
        out.say(f"{'':14} {row['problem'] or row['key']}")
        if row["used"]:
            until = f", until {row['valid_until']}" if row["valid_until"] else ""
            out.say(f"{'':14} {row['used']}{until}")
    out.say()
    out.say(f"root {facts.version}, valid until {expires['root']}: {facts.threshold} of {len(roots)} keys must sign")
    for key in facts.keys:
        out.say(f"  {key.label}{'  here' if key.id in here else ''}")
    enough = "enough to change anything at once" if count >= facts.threshold else "the others sign by request"
    out.say(f"{count} of them here, {enough}")
    out.say(f"readers pin: {publication.fingerprint()}")
    out.result(
        {
            "keys": rows,
            "root": {"version": facts.version, "threshold": facts.threshold, "keys": roots, "here": count},
            "expires": expires,
            "fingerprint": publication.fingerprint(),
        }
    )
    return 0


def _use_of(
    key: VerifierKey,
    uses: dict[bytes, tuple[str, str | None]],
    document: dict[str, Any],
    view: TrustView,
    retired: frozenset[bytes],
) -> tuple[str, str | None]:
    from mirror.changes import is_minisign, is_promised

    if key.public in uses:
        return uses[key.public]
    if is_promised(key, document):
        return "promised in trust.json as the next log's key", None
    if is_minisign(key, view):
        return "target minisign.pub", None
    if key.public in retired:
        return "was a root key, and has no say any more: it can be destroyed", None
    return "nothing yet", None


def _uses(document: dict[str, Any], facts: Any) -> dict[bytes, tuple[str, str | None]]:
    """What each public key is trusted for, and until when."""
    from signing.keys import VerifierKey

    uses: dict[bytes, tuple[str, str | None]] = {
        facts.online.public: (f"online key of root {facts.version}", f"{facts.expires:%Y-%m-%dT%H:%M:%SZ}")
    }
    for key in facts.keys:
        uses[key.public] = (f"root key of root {facts.version}", f"{facts.expires:%Y-%m-%dT%H:%M:%SZ}")
    for one in document["publishers"]:
        uses[VerifierKey.parse(one["key"]).public] = (f"publisher for {', '.join(one['outlets'])}", one.get("until"))
    for log in document["logs"]:
        what = f"log {log['origin']}" + (f", frozen at {log['frozen']['size']}" if "frozen" in log else "")
        uses[VerifierKey.parse(log["key"]).public] = (what, log.get("until"))
    return uses


def _list_files(paths: list[Path], out: Output) -> int:
    """Keys on a stick: which, and what they signed for before. Needs no publication."""
    from mirror import ceremony
    from signing import authority

    rows = []
    for path in paths:
        key, sealed, seen = keys.read_public(path), keys.is_sealed(path), ceremony.recall(path)
        rows.append(
            {
                "file": str(path),
                "key": key.text,
                "id": authority.key_id(key),
                "encrypted": sealed,
                "fingerprint": seen.fingerprint if seen else None,
                "root": seen.version if seen else None,
            }
        )
        out.say(f"{path}{'' if sealed else '  (not encrypted)'}")
        out.say(f"  {key.text}")
        out.say(f"  as a root key: {authority.key_id(key)[:12]}")
        if seen:
            out.say(f"  has signed for {seen.fingerprint}, root {seen.version}")
    out.result({"keys": rows})
    return 0


# --- making -----------------------------------------------------------------------------------------------------------


def add(args: argparse.Namespace, out: Output) -> int:
    """A new key in a file, and its public line beside it. Works anywhere; changes nothing by itself."""
    import secrets as chance

    from signing import authority
    from signing.errors import SigningError
    from signing.keys import SignerKey

    try:
        key = SignerKey(args.name, chance.token_bytes(32))
    except SigningError as error:
        raise UsageError(f"--name: {error}") from None
    if args.output.exists() or args.output.with_name(args.output.name + ".pub").exists():
        raise UsageError(f"{args.output}: is there already; a key is never overwritten", hint="choose another name")
    secret = None
    if args.passphrase is not None:
        secret = keys.new_passphrase(args.passphrase, folder=Path(), what=str(args.output))
        _weak(secret, out)
    _parent(args.output)
    keys.write_key(args.output, key, secret)
    public = args.output.with_name(args.output.name + ".pub")
    keys.replace_private(public, key.verifier.text.encode() + b"\n")
    out.say(
        f"{args.output}: a new key{'' if secret else ', not under a passphrase (--passphrase prompt asks for one)'}"
    )
    out.say(f"{public}: its public half, which is no secret:")
    out.say(key.verifier.text)
    if args.role == "root":
        out.say("the publication takes it in with: tamizdat key rotate root --add " + public.name)
    else:
        out.say(f"the publication takes it in with: tamizdat key request --add-publisher {public.name} --outlet ID")
    out.result(
        {
            "file": str(args.output),
            "public": str(public),
            "key": key.verifier.text,
            "id": authority.key_id(key),
            "encrypted": secret is not None,
        }
    )
    return 0


def encrypt(args: argparse.Namespace, out: Output) -> int:
    """Put keys under a passphrase, or under another one."""
    from mirror import config_edit

    if args.files:
        publication, paths, folder = None, list(args.files), Path()
        one = paths[0].name if len(paths) == 1 else "the keys"
        old = keys.passphrase(args.old, folder=folder, what=f"{one} as before")
    else:
        publication = Publication.open(args.config)
        paths = [one.path for one in keys.files_in(publication.config.keys.folder)]
        folder = Path()
        if not paths:
            raise UsageError(f"{publication.config.keys.folder}: no keys there")
        old = publication.passphrase() if args.old is None else keys.passphrase(args.old, folder=folder, what="old")
    if args.old is None and any(keys.is_sealed(path) for path in paths):
        for path in paths:  # asked for now, before the new one is
            if keys.is_sealed(path) and not _opens(path, args.passphrase):
                keys.read_key(path, old)
                break
    new = keys.new_passphrase(args.passphrase, folder=folder, what="these keys")
    _weak(new, out)
    changed = keys.encrypt(paths, old, new)
    for path in changed:
        out.say(f"{path}: is under the new passphrase")
    if publication is not None:
        reference = args.passphrase
        if reference.startswith("file:"):
            reference = f"file:{Path(reference.removeprefix('file:')).absolute()}"
        config_edit.set_passphrase(publication.config.path, reference)
        out.say(f"{publication.config.path}: [keys] passphrase says where it is")
        out.say("Copies of these files made before can still be opened without it: destroy them.")
    out.result({"changed": [str(path) for path in changed]})
    return 0


def _opens(path: Path, reference: str) -> bool:
    """Whether this passphrase opens the key already: an interrupted call left it so."""
    if reference == keys.PROMPT:
        return False
    try:
        keys.read_key(path, keys.passphrase(reference, folder=Path(), what=str(path)))
    except UsageError:
        return False
    return True


def _weak(secret: Secret, out: Output) -> None:
    if len(secret.reveal()) < keys.SHORT:
        out.note(f"a passphrase of fewer than {keys.SHORT} characters can be guessed; take five words or more")


# --- changing, at once or by request ----------------------------------------------------------------------------------


def rotate(args: argparse.Namespace, out: Output) -> int:
    """Another key in a role, at once where enough root keys are at hand."""
    if args.role == "log":
        raise UsageError(
            "a log's key is its name: a new key is a new log",
            hint="tamizdat key freeze --reason lost, stolen or year",
        )
    return _change(args, out, _wanted(args, rotate=frozenset({args.role})))


def freeze(args: argparse.Namespace, out: Output) -> int:
    """End the log for good and begin the next one."""
    return _change(args, out, _wanted(args, freeze=args.reason))


def policy(args: argparse.Namespace, out: Output) -> int:
    """Which witnesses readers shall ask for from now on."""
    return _change(args, out, _wanted(args, policy=_read(args.file, 65_536)))


def renew(args: argparse.Namespace, out: Output) -> int:
    """Root and targets for another year."""
    return _change(args, out, _wanted(args, renew=True))


def request(args: argparse.Namespace, out: Output) -> int:
    """Any changes together, in one file for root keys elsewhere."""
    publishers = []
    if args.add_publisher:
        if not args.outlet:
            raise UsageError("--add-publisher needs --outlet ID: for which outlets the key counts")
        publishers = [(_public(one), tuple(args.outlet)) for one in args.add_publisher]
    wanted = _wanted(
        args,
        rotate=frozenset(args.rotate),
        freeze=args.freeze,
        policy=_read(args.policy, 65_536) if args.policy else None,
        renew=args.renew,
        mirrors=args.mirrors,
        reader=args.reader,
        add_publishers=tuple(publishers),
        end_publishers=tuple(args.end_publisher),
    )
    if not wanted:
        raise UsageError("what shall change? see `tamizdat key request --help`")
    return _change(args, out, wanted)


def _wanted(args: argparse.Namespace, **more: Any) -> Wanted:
    from mirror.changes import Wanted

    return Wanted(
        add_roots=tuple(_public(one) for one in getattr(args, "add", [])),
        remove_roots=tuple(getattr(args, "remove", [])),
        threshold=getattr(args, "threshold", None),
        fresh=getattr(args, "fresh", False),
        **more,
    )


def _successor(args: argparse.Namespace) -> SignerKey | None:
    path: Path | None = getattr(args, "successor", None)
    if path is None:
        return None
    if not path.exists():
        raise UsageError(f"{path}: no such file", hint="is the stick there?")
    return keys.read_key(path, _ask(args, path))


def _change(args: argparse.Namespace, out: Output, wanted: Wanted) -> int:
    from mirror import ceremony, changes
    from signing import authority

    publication = Publication.open(args.config)
    now = datetime.now(UTC)
    elsewhere: Path | None = args.output
    with changes.at_work(publication, out, freeze=wanted.freeze, as_is=args.as_is) as archive:
        grace = changes.GRACE if elsewhere is not None else timedelta(0)
        # Only now: when the stick is not there, or the passphrase wrong, sealing has stopped all the same.
        with changes.stopped(wanted.freeze):
            wanted = replace(wanted, successor=_successor(args))
        prepared = changes.prepare(publication, archive, wanted, now=now, grace=grace)
        for note in prepared.notes:
            out.note(note)
        if elsewhere is not None:
            return _write_request(elsewhere, prepared, publication, out)
        asks = [*getattr(args, "root", [])]
        signers = changes.at_hand(publication, prepared.request, asks, _ask(args, None) if args.passphrase else None)
        signatures = [ceremony.sign(prepared.request, key) for key in signers if _has_say(prepared.request, key)]
        lacking = authority.lacking(
            prepared.request.proposal, [ceremony.open_signature(one, prepared.request) for one in signatures]
        )
        with changes.stopped(wanted.freeze):
            if lacking:
                raise TamizdatError(
                    changes.missing_line(prepared.request, lacking),
                    hint="give their files with --root FILE, or say -o REQUEST.json and have it signed where they are",
                )
        installed = changes.install(publication, archive, prepared.data, signatures, now=now)
        spread = _spread(installed, publication, archive, out, publish=not args.no_publish)
    return _say_installed(installed, publication, spread, out)


def _has_say(request: Request, key: SignerKey | VerifierKey) -> bool:
    from signing import authority

    id = authority.key_id(key)
    return request.before.root.key(id) is not None or request.after.root.key(id) is not None


def _write_request(file: Path, prepared: Any, publication: Publication, out: Output) -> int:
    from mirror import ceremony, changes
    from signing import authority

    request = prepared.request
    _write(file, prepared.data)
    out.say(f"{file}: what the root keys shall sign:")
    for line in ceremony.explain(request):
        out.say(f"  {line}")
    if request.freezes is not None:
        out.say("nothing is sealed until it is installed; mirrors go on showing what they have")
    out.say(f"{changes.missing_line(request, authority.lacking(request.proposal, []))}; each where its key is:")
    out.say(f"  tamizdat key sign {file.name} --key FILE -o NAME.sig")
    out.say("then, here:")
    out.say(f"  tamizdat key install {file.name} NAME.sig…")
    follow = changes.to_follow(request)
    if follow is not None:
        out.say()
        _say_follow(follow, out)
        out.say("best before the installation: until enough of them have done it readers see nothing new")
    out.result(
        {
            "request": str(file),
            "digest": request.digest,
            "changes": list(ceremony.explain(request)),
            "follow": _as_json(follow),
        }
    )
    return 0


def sign(args: argparse.Namespace, out: Output) -> int:
    """Say what a request would change, and sign it with one root key. Needs no publication and no network."""
    from mirror import ceremony

    now = datetime.now(UTC)
    request = ceremony.open_request(_read(args.request, ceremony.LARGEST), now)
    seen = ceremony.recall(args.key)
    out.say(f"a request for {one_line(request.before.trust.name)} ({request.origin}), made {request.time}")
    out.say(f"readers pin: {request.fingerprint}")
    out.say()
    out.say("what would change:")
    for line in ceremony.explain(request):
        out.say(f"  {line}")
    out.say()
    out.say("what would hold afterwards:")
    for line in ceremony.outcome(request):
        out.say(f"  {line}")
    out.say()
    if seen is not None:
        ceremony.check_seen(request, seen)
    if args.trust is not None:
        pin = _pin(args.trust)
        if pin != request.fingerprint:
            raise ceremony.BadRequest(f"this request is of another publication: {request.fingerprint}, not {pin}")
    elif seen is None:
        if args.yes:
            raise UsageError(
                "this key signs for the first time here: say for which publication",
                hint="--trust sha256:… is the fingerprint that readers pin; take it from the website or the card",
            )
        _confirm("Is that the fingerprint that readers pin? Compare it with the card, not with this file.")
    public = keys.read_public(args.key)
    if not _has_say(request, public):  # before its passphrase is asked for
        raise UsageError(
            f"{public.label} is not a root key, neither now nor after this change",
            hint="is this the right stick? `tamizdat key list FILE` says whose it is",
        )
    key = keys.read_key(args.key, _ask_for(args, args.key))
    signature = ceremony.sign(request, key)
    if not args.yes:
        _confirm(f"Sign this with {key.verifier.label}?")
    _write(args.output, signature)
    try:
        ceremony.remember(args.key, request)
    except OSError as error:
        out.note(f"{ceremony.seen_path(args.key)}: {error.strerror}; compare the fingerprint the next time as well")
    out.say(f"{args.output}: signed; take it back to the publication:")
    out.say(f"  tamizdat key install {args.request.name} {args.output.name} …")
    out.result(
        {
            "signature": str(args.output),
            "request": request.digest,
            "fingerprint": request.fingerprint,
            "key": key.verifier.text,
            "changes": list(ceremony.explain(request)),
            "afterwards": list(ceremony.outcome(request)),
        }
    )
    return 0


def install(args: argparse.Namespace, out: Output) -> int:
    """Make a signed request true: trust files, keys and log, all or nothing."""
    from mirror import ceremony, changes

    publication = Publication.open(args.config)
    data = _read(args.request, ceremony.LARGEST)
    signatures = [_read(path, ceremony.LARGEST_SIGNATURE) for path in args.signatures]
    with changes.at_work(publication, out, as_is=args.as_is) as archive:
        installed = changes.install(publication, archive, data, signatures, now=datetime.now(UTC))
        spread = _spread(installed, publication, archive, out, publish=not args.no_publish)
    return _say_installed(installed, publication, spread, out)


def _spread(
    installed: Installed, publication: Publication, archive: Archive, out: Output, *, publish: bool
) -> RunReport | None:
    """What became of the first seal of a log that was just begun: until it is on the mirrors, they are stale. None when
    no log was begun, or nothing shall be published. What fails is in the report: the change itself is installed."""
    from mirror.run import RunReport, publish_all, seal

    if installed.log is None or not publish:
        return None
    report = RunReport()
    try:
        report.sealed = seal(publication, archive, out)
        report.uncosigned = archive.uncosigned() is not None
        report.targets = publish_all(publication, archive, out)
    except TamizdatError as error:
        out.note(f"the change is installed, but: {error}")
        report.problem = str(error)
    return report


def _say_installed(installed: Installed, publication: Publication, spread: RunReport | None, out: Output) -> int:
    out.say("done:")
    for line in installed.changes:
        out.say(f"  {line}")
    for role in installed.keys:
        out.say(f"new key in use: {publication.key_path(role)}")
    if "log-successor" in installed.keys:
        out.say(f"move off this computer: {publication.key_path('log-successor')}")
    if installed.keys:
        out.say(f"back up {publication.config.keys.folder} again")
    if spread is None:
        out.say("mirrors learn it with the next run: tamizdat run")
    else:
        _say_spread(spread, out)
    if installed.follow is not None and (spread is None or spread.uncosigned or not spread.sealed):
        _say_follow(installed.follow, out)
    out.result(
        {
            "changes": list(installed.changes),
            "keys": list(installed.keys),
            "log": installed.log,
            "follow": _as_json(installed.follow),
            "published": spread and spread.as_json(),
        }
    )
    return 0 if spread is None else spread.status


def _say_spread(spread: RunReport, out: Output) -> None:
    for one in spread.sealed:
        out.say(f"sealed: edition {one.serial}, log of {entries(one.size)}")
    what = "has the new trust files" if spread.uncosigned else "has it"
    for target in spread.targets:
        out.say(f"target {target.name}: {what if target.ok else 'NOT YET: ' + one_line(_problem(target))}")
    if spread.uncosigned:
        out.say("the new log's first seal waits for witnesses; mirrors show what they had")
    if spread.status:
        out.say("`tamizdat run` goes on from here")
    elif not spread.targets:
        out.say("no mirror was told: there is no target")


def _problem(target: TargetReport) -> str:
    return str(target.as_json()["problem"])


def _say_follow(follow: Follow, out: Output) -> None:
    """What each witness's operator has to do, ready to be sent to them."""
    from mirror.cosign import follow_line

    out.say(f"send to whoever runs {', '.join(follow.names)}; the log must be followed there, which is, once:")
    out.say(f"  {follow_line(follow.key)}")


def _as_json(follow: Follow | None) -> dict[str, Any] | None:
    return None if follow is None else {"witnesses": list(follow.names), "key": follow.key}


def cancel(args: argparse.Namespace, out: Output) -> int:
    """Give up a change that was prepared: sealing goes on, keys made for it are removed."""
    from mirror import changes

    publication = Publication.open(args.config)
    with publication.archive() as archive, archive.locked(wait=changes.WAIT):
        removed = changes.cancel(publication, archive)
    out.say("cancelled; sealing goes on")
    for path in removed:
        out.say(f"removed: {path}")
    out.result({"removed": [str(path) for path in removed]})
    return 0


# --- inside -----------------------------------------------------------------------------------------------------------


def _ask(args: argparse.Namespace, path: Path | None) -> Ask:
    """The passphrase of keys that come from elsewhere."""
    return keys.passphrase(args.passphrase, folder=Path(), what=str(path) if path else "the root keys")


def _ask_for(args: argparse.Namespace, path: Path) -> Ask:
    """The same; a key that lies among the publication's own is under their passphrase."""
    if args.passphrase is None:
        with contextlib.suppress(TamizdatError, OSError):  # no publication here, as it should be for a key on a stick
            publication = Publication.open(args.config)
            if path.absolute().parent.samefile(publication.config.keys.folder):
                return publication.passphrase()
    return _ask(args, path)


def _public(given: str) -> VerifierKey:
    """A public key: its line, or the file that holds it."""
    from signing.errors import SigningError
    from signing.keys import VerifierKey

    path = Path(given)
    text = _read(path, 4096).decode("ascii", "replace") if path.is_file() else given
    if text.startswith(("PRIVATE+KEY+", "tamizdat key ")):
        raise UsageError(f"{given}: is a private key; the public half stands in the file beside it, {path.name}.pub")
    try:
        return VerifierKey.parse(text.strip())
    except SigningError as error:
        raise UsageError(f"{given}: no such file, and not a public key: {error}") from None


def _pin(given: str) -> str:
    if _FINGERPRINT.fullmatch(given):
        return given
    path = Path(given)
    if not path.is_file():
        raise UsageError("--trust: is sha256: with 64 hex digits, or a root file")
    return f"sha256:{hashlib.sha256(_read(path, 1_000_000)).hexdigest()}"


def _read(path: Path, cap: int) -> bytes:
    try:
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
        with path.open("rb") as file:
            data = file.read(cap + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    if len(data) > cap:
        raise UsageError(f"{path}: larger than {cap} bytes")
    return data


def _parent(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: no such folder", hint="is the stick there?")


def _write(path: Path, data: bytes) -> None:
    _parent(path)
    try:
        keys.replace_private(path, data)
    except OSError as error:
        raise TamizdatError(f"{path}: {error.strerror or error}") from None


def _confirm(question: str) -> None:
    """Return when somebody says yes. Raises `UsageError` otherwise."""
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError("nobody is there to say yes", hint="--yes says it beforehand")
    sys.stderr.write(f"{question} [yes/no] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise UsageError("nothing was signed")
