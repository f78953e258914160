"""What readers and auditors run: `verify` and `get`."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mirror import config as configuration
from mirror import passing, shared_page
from mirror.copying import Copying, Keeping
from mirror.errors import DoNotTrust, TamizdatError, TwoHistories, UsageError
from mirror.findings import Verdict
from mirror.known import Memory
from mirror.output import Output, one_line
from mirror.read import (
    FolderMirror,
    Mirror,
    PackMirror,
    ReadError,
    WebMirror,
    close,
    need,
    object_path,
    open_mirror,
    write_file,
    write_pack,
)
from mirror.sweep import Sweep, check_mirror
from mirror.verdict import PICTURE, PIECE, check_article, check_front
from mirror.words import current_words, fresh_words, show, show_evidence
from signing.errors import SigningError
from signing.packing import parse_json
from signing.verify import VerifiedBundle

if TYPE_CHECKING:
    from mirror.publication import Publication
    from mirror.render import Documents

_OBJECT = re.compile(r"(.*?)/?\b(?:o|proof)/([0-9a-f]{2})/([0-9a-f]{62})\Z")
_PAGE = re.compile(r"(.*?)/?\b(a/[0-9a-f]{12}\.html)(?:#.*)?\Z")
_IN_PAGE = re.compile(rb'<meta name="tamizdat:bundle" content="([0-9a-f]{64})"')
PAGE_BYTES = 4 << 20

ROOT_BYTES = 512_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was asked about: a whole mirror (`digest` and `stored` None), or one bundle and where its proof is. `page`
    is a page that names the bundle, `passed` one that has a pack inside, which `mirror` then is."""

    mirror: Mirror
    digest: str | None = None
    stored: bytes | None = None
    page: bytes | None = None
    passed: bytes | None = None


def verify(args: argparse.Namespace, out: Output) -> int:
    """Print the three verdicts on something, with reasons; the status says whether to trust it."""
    pin, memory = pin_and_memory(args)
    now = datetime.now(UTC)
    if (evidence := _evidence(args.what)) is not None:
        verdict = _judge_evidence(evidence, args.what, pin, memory, now)
        show_evidence(verdict, out)
        out.result(verdict.as_json())
        return verdict.status
    with contextlib.ExitStack() as opened:
        subject = opened.enter_context(_found(args.what, mirror=args.mirror[0] if args.mirror else None))
        others = _others(args, subject)
        looks: list[Verdict] = []
        if others:
            memory = memory.held()
            looks = _look_at(others, pin=pin, memory=memory, now=now)
        beside = _newest_of(looks, opened)
        if subject.digest is None and subject.stored is None:
            if args.url is not None:
                raise UsageError(f"--url goes with one article; {args.what} is a whole mirror")
            with out.bar("verify", unit="entry") as bar:
                verdict = check_mirror(subject.mirror, pin=pin, memory=memory, now=now, bar=bar)
        else:
            verdict, bundle = check_article(
                subject.mirror,
                digest=subject.digest,
                stored=subject.stored,
                url=args.url,
                pin=pin,
                memory=memory,
                now=now,
                what=args.what,
                beside=beside,
                evidence=True,
            )
            if subject.page is not None and bundle is not None:
                asked = _Asked(pin=pin, memory=memory, now=now, out=out)
                _compare_page(subject.page, bundle, verdict, _earlier(subject.mirror, bundle, asked))
            if subject.passed is not None:
                _tell_of_page(subject, args.what, bundle, verdict)
    _add_looks(verdict, looks)
    show(verdict, out)
    out.result(verdict.as_json())
    return verdict.status


def _others(args: argparse.Namespace, subject: Subject) -> list[str]:
    """The mirrors to compare with: all that were given, apart from the one that is looked at."""
    return [address for address in args.mirror if address.rstrip("/") != subject.mirror.name]


def _look_at(addresses: list[str], *, pin: str | bytes | None, memory: Memory, now: datetime) -> list[Verdict]:
    from mirror.gather import gather

    with contextlib.ExitStack() as opened:
        mirrors = [opened.enter_context(contextlib.closing(open_mirror(address))) for address in addresses]
        return gather(mirrors, pin=pin, memory=memory, now=now)


def _newest_of(looks: list[Verdict], opened: contextlib.ExitStack) -> Mirror | None:
    """The mirror with the newest edition of those compared with; it is closed with `opened`."""
    good = [look for look in looks if look.authentic and look.here is not None]
    if not good:
        return None
    newest = max(good, key=lambda look: look.here.serial if look.here is not None else 0)
    return opened.enter_context(contextlib.closing(open_mirror(newest.what)))


def _add_looks(verdict: Verdict, looks: list[Verdict]) -> None:
    """What the mirrors compared with say, into the verdict. What is wrong with them is no fault of the one at hand;
    what they contradict each other with is everybody's concern."""
    from mirror.gather import as_line, compare

    compare([verdict, *looks])
    for look in looks:
        verdict.elsewhere.append(as_line(look))
        if look.evidence and verdict.evidence is None:
            verdict.evidence, verdict.authentic = look.evidence, False
            verdict.wrong("", "forked", f"{look.what}: {look.problems[0].detail}")


# --- evidence -------------------------------------------------------------------------------------------------------


def _evidence(what: str) -> bytes | None:
    """The bytes of this file if it claims to be evidence of misbehaviour."""
    from signing.evidence import MAX_BYTES

    file = Path(os.path.expanduser(unquote(what.removeprefix("file://"))))
    try:
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError):
        return None
    return data if data.lstrip()[:1] == b"{" and b'"evidence"' in data[:4096] else None


def _judge_evidence(data: bytes, what: str, pin: str | bytes | None, memory: Memory, now: datetime) -> Verdict:
    """Status 5 when the file proves to who holds this pin that somebody contradicted himself, 4 otherwise."""
    from signing.evidence import parse, prove

    verdict = Verdict(what=what)
    try:
        document = parse(data)
        origin = str(document.get("origin", ""))
        known = memory.recall(origin.rpartition("/log/")[0] or origin)
        if pin is None:
            if known is None:
                verdict.wrong("", "unpinned", "nothing can be proved without a trust root")
                verdict.notes.append("get the publication's fingerprint from a channel you trust, then give --trust")
                return verdict
            pin = known.root()
        roots = known.trust if known is not None and pin in (known.pin, known.root()) else {}
        newer = {path: text.encode() for path, text in roots.items() if path.endswith(".root.json")}
        found = prove(document, pin=pin, now=now, roots=newer)
    except SigningError as error:
        verdict.wrong("", "unproven", f"proves nothing: {error}")
        return verdict
    verdict.evidence = what
    verdict.wrong("", "forked", found.text)
    return verdict


# --- what is meant --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _found(what: str, *, mirror: str | None = None) -> Iterator[Subject]:
    """What `what` names; what is open for it is closed at the end."""
    subject = find(what, mirror=mirror)
    try:
        yield subject
    finally:
        close(subject.mirror)


def find(what: str, *, mirror: str | None = None) -> Subject:
    """What `what` names. Raises `ReadError` and `UsageError`."""
    web = bool(re.match(r"https?://", what, re.IGNORECASE))
    local = Path(unquote(what.removeprefix("file://").removeprefix("file:")) if what.startswith("file:") else what)
    local = Path(os.path.expanduser(local))  # which leaves ~nobody as it is; Path's own raises
    asked = _OBJECT.match(what)
    if asked and (web or not local.is_dir()):
        # The folder or address that the object's path starts from; "/o/…" starts from the root folder.
        base = mirror or asked[1] or ("/" if what.startswith("/") else ".")
        return Subject(mirror=open_mirror(base), digest=asked[2] + asked[3])
    page = _PAGE.match(what)
    if page and web:
        opened = open_mirror(page[1])
        data = need(opened, page[2], PAGE_BYTES)
        if mirror:
            opened.close()
        return Subject(mirror=open_mirror(mirror) if mirror else opened, digest=named_in(data, what), page=data)
    if web or local.is_dir():
        return Subject(mirror=open_mirror(what))
    if not local.is_file():
        raise ReadError(f"{what}: no such file or folder, and not an http(s) address")
    return _find_in_file(local, what, mirror)


def _find_in_file(file: Path, what: str, mirror: str | None) -> Subject:
    try:
        with file.open("rb") as opened:
            data = opened.read(shared_page.MAX_BYTES + 1)
    except OSError as error:
        raise ReadError(f"{file}: {error.strerror or error}") from error
    if data[:2] == b"PK":
        return _find_in_pack(PackMirror(file))
    if data[:1] != b"\x1f" and shared_page.is_shared(data):
        try:
            packed = shared_page.extract(data)
        except SigningError as error:
            raise ReadError(f"{file}: {error}") from error
        return replace(_find_in_pack(PackMirror(file, packed)), passed=data)
    above = file.resolve().parent
    if data[:2] == b"\x1f\x8b":
        return Subject(mirror=open_mirror(mirror or str(above)), stored=data[: PIECE + 1])
    if b"<html" in data[:4096].lower():
        if len(data) > PAGE_BYTES:
            raise ReadError(f"{file}: larger than any page of this tool")
        # A saved page: inside a mirror's folder its bundle is next door, elsewhere --mirror says where to ask.
        beside = above.parent if (above.parent / "o").is_dir() else None
        where = mirror or (str(beside) if beside else None)
        digest = named_in(data, what)
        if where is None:
            raise UsageError(
                f"{what}: a page proves nothing by itself; its bundle is sha256:{digest}",
                hint="say where to look it up: --mirror https://…",
            )
        return Subject(mirror=open_mirror(where), digest=digest, page=data)
    raise UsageError(f"{what}: not a mirror, a pack, a bundle or a page of this tool")


def _find_in_pack(pack: PackMirror) -> Subject:
    try:
        return Subject(mirror=pack, digest=_packed(pack))
    except BaseException:
        pack.close()
        raise


def _packed(pack: PackMirror) -> str:
    """The digest of the article that a pack is about."""
    try:
        about = parse_json(need(pack, "pack.json", 1024))
    except SigningError as error:
        raise ReadError(f"{pack.name}: pack.json: {error}") from error
    digest = about.get("digest") if isinstance(about, dict) and about.get("kind") == "pack" else None
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ReadError(f"{pack.name}: pack.json does not say which article this is")
    return digest


def named_in(page: bytes, what: str) -> str:
    match = _IN_PAGE.search(page)
    if match is None:
        raise ReadError(f"{what}: not a page of this tool: it does not name its bundle")
    return match[1].decode()


def _earlier(mirror: Mirror, bundle: VerifiedBundle, asked: _Asked) -> Documents | None:
    """The documents of the revision that this one replaces, verified as well; None when there is none here."""
    document: dict[str, Any] = bundle.document
    if "replaces" not in document:
        return None
    what = f"{mirror.name}: {object_path(document['replaces'])}"
    verdict, before = check_article(
        mirror, digest=document["replaces"], pin=asked.pin, memory=asked.memory, now=asked.now, what=what
    )
    if before is None or before.kind != "article":
        return None
    earlier: dict[str, Any] = before.document
    return (earlier, verdict.parts) if len(verdict.parts) == len(earlier["parts"]) else None


def _compare_page(page: bytes, bundle: VerifiedBundle, verdict: Verdict, before: Documents | None) -> None:
    """A page is never trusted; but it can be compared with what the verified bundle renders to. It also says what
    changed since the revision before, which is `before`."""
    from mirror.render import Pages

    document: dict[str, Any] = bundle.document
    if bundle.kind != "article" or len(verdict.parts) != len(document["parts"]):
        verdict.authentic = False
        verdict.wrong("", "tampered", "the page does not name an article that is all here; don't rely on it")
        return
    pages = Pages(verdict.publication or "")
    _path, expected = pages.article(document, verdict.parts, digest=bundle.digest, index=bundle.index, before=before)
    if "replaces" in document and before is None and _essence(page) != _essence(expected):
        verdict.authentic = False
        verdict.wrong(
            object_path(document["replaces"]),
            "missing",
            "the earlier revision that the page compares itself with is not here, so the page can't be checked; read "
            "the bundle",
        )
        return
    if _essence(page) == _essence(expected):
        verdict.notes.append("the page shows exactly what the signed bundle says")
    else:
        verdict.authentic = False
        verdict.wrong(
            "",
            "tampered",
            "the page is not what this version renders from its signed bundle (nor are pages of other versions); don't "
            "rely on it, read the bundle",
        )


def _tell_of_page(subject: Subject, what: str, bundle: VerifiedBundle | None, verdict: Verdict) -> None:
    """What was judged is the pack inside a page that was passed on; whoever made the page may show anything in it."""

    def picture(digest: str) -> bytes | None:
        return subject.mirror.get(object_path(digest), PICTURE)

    if bundle is None or bundle.kind != "article":
        verdict.notes.append("this is about the article packed in the file, not about what the page shows")
    elif not verdict.problems and passing.shows(subject.passed or b"", bundle, verdict, picture):
        verdict.notes.append("the page shows exactly what the signed article in it says")
    else:
        again = f"to read what is signed: tamizdat get {what} -o signed.html"
        verdict.notes.append(f"this is about the article packed in the file; the page may show anything; {again}")


# The one thing that may differ between renderings of a bundle: which mirror's address stands in the command to run.
_COMMAND = re.compile(rb'<code class="run" dir="ltr">tamizdat verify [A-Za-z0-9:/.\[\]_~%-]{0,300}</code>')


def _essence(page: bytes) -> bytes:
    return _COMMAND.sub(b"<code></code>", page)


# --- pins -----------------------------------------------------------------------------------------------------------


def _pin(given: str | None) -> str | bytes | None:
    """The trust root given on the command line: a fingerprint or a root file's bytes."""
    if given is None:
        return None
    if re.fullmatch(r"sha256:[0-9a-fA-F]{64}", given.strip()):
        return given.strip().lower()
    if given.startswith("sha256:"):
        raise UsageError(f"--trust {given}: a fingerprint is sha256: and 64 hex digits")
    try:
        with Path(given).open("rb") as file:
            data = file.read(ROOT_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"--trust {given}: {error.strerror or error}", hint="give a root file or sha256:… fingerprint"
        ) from error
    if len(data) > ROOT_BYTES:
        raise UsageError(f"--trust {given}: larger than any root file")
    try:
        version = json.loads(data)["signed"]["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"--trust {given}: not a root file", hint="give a root file or sha256:… fingerprint") from None
    # The first root is the one that a fingerprint names; a later one is where to start from itself.
    return f"sha256:{hashlib.sha256(data).hexdigest()}" if version == 1 else data


def pin_and_memory(args: argparse.Namespace) -> tuple[str | bytes | None, Memory]:
    """The trust root to start from, and what is known from before. Only a root that was given by hand is remembered:
    a folder that somebody is in must not decide who is believed from then on."""
    given = _pin(args.trust)
    memory = Memory(None) if args.no_memory else Memory.default(learn=given is not None)
    return (given if given is not None else _own_pin(args.config)), memory


def _own_pin(config: Path | None) -> str | None:
    """Inside a publication's own folder its own root is the default. Never for a folder merely looked at: whoever made
    it chose its root."""
    publication = own_publication(config)
    return publication.fingerprint() if publication is not None else None


def own_publication(config: Path | None) -> Publication | None:
    """The publication whose folder one is in, or that was named."""
    from mirror.publication import Publication

    try:
        found = configuration.find(config)
    except UsageError:
        return None
    return Publication.open(found) if found.is_file() else None


# --- get ------------------------------------------------------------------------------------------------------------


def get(args: argparse.Namespace, out: Output) -> int:
    """Download, verifying everything, from the mirror that has the newest; the next one is tried when one fails."""
    pin, memory = pin_and_memory(args)
    asked = _Asked(pin=pin, memory=memory, now=datetime.now(UTC), out=out)
    failures: list[TamizdatError] = []
    addresses = list(args.mirrors)
    if len(addresses) > 1:
        asked = replace(asked, memory=memory.held())
        addresses = _newest_first(addresses, asked)
    for number, address in enumerate(addresses, 1):
        try:
            with _found(address) as subject:
                _get(subject, args.output, asked)
            return 0
        except (ReadError, DoNotTrust, TwoHistories) as problem:
            failures.append(problem)
            if number < len(addresses):
                out.note(f"{problem}; trying the next mirror")
    # The worst is what is reported: that one mirror was down must not hide that another one lied.
    raise max(failures, key=lambda one: one.status)


def _newest_first(addresses: list[str], asked: _Asked) -> list[str]:
    """The addresses, those first whose front page is the newest, those last that don't have one that can be used."""
    from mirror.gather import gather

    with contextlib.ExitStack() as opened:
        mirrors: dict[str, Mirror] = {}
        for address in addresses:
            # What can't even be opened is said when its turn comes.
            with contextlib.suppress(ReadError, UsageError):
                mirrors[address] = opened.enter_context(_found(address)).mirror
        looks = gather(list(mirrors.values()), pin=asked.pin, memory=asked.memory, now=asked.now)
    for look in looks:
        if look.evidence:
            raise refuse(look)
    serials = {
        address: look.here.serial if look.authentic and look.here else -1
        for address, look in zip(mirrors, looks, strict=True)
    }
    return sorted(addresses, key=lambda address: -serials.get(address, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Whom to believe, and whom to tell."""

    pin: str | bytes | None
    memory: Memory
    now: datetime
    out: Output


def _get(subject: Subject, output: Path | None, asked: _Asked) -> None:
    if subject.digest is not None:
        _get_article(subject.mirror, subject.digest, output, asked)
    elif subject.stored is not None:
        raise UsageError("that is one bundle, and it is here already", hint="give a mirror, or an article on one")
    elif output is None:
        _get_front(subject.mirror, asked)
    else:
        _get_everything(subject.mirror, output, asked)


def refuse(verdict: Verdict) -> TamizdatError:
    """The verdict as the error that it is."""
    first = verdict.problems[0] if verdict.problems else None
    detail = f"{first.path + ': ' if first.path else ''}{first.detail}" if first else "not authentic"
    many = len(verdict.problems)
    text = f"{verdict.what}: {detail}" + (f" (and {many - 1} more)" if many > 1 else "")
    hint = verdict.notes[0] if verdict.notes else verdict.advice
    if verdict.evidence:
        return TwoHistories(text, hint=f"the evidence is in {verdict.evidence}; show it to the publisher")
    if verdict.status == DoNotTrust.status:
        return DoNotTrust(text, hint=hint)
    return ReadError(text, unreachable=True, hint=hint)


def _warn(verdict: Verdict, out: Output) -> None:
    """What is true of something authentic and should be known all the same."""
    if verdict.fresh != "fresh":
        out.note(f"not fresh: {fresh_words(verdict)}")
    if verdict.current in ("superseded", "withdrawn"):
        out.note(f"this article was {current_words(verdict)}")
    for note in verdict.notes:
        out.note(one_line(note))


def _get_front(mirror: Mirror, asked: _Asked) -> None:
    """The front page, from one verified file."""
    verdict, edition = check_front(mirror, pin=asked.pin, memory=asked.memory, now=asked.now)
    if edition is None:
        raise refuse(verdict)
    out = asked.out
    _warn(verdict, out)
    document: dict[str, Any] = edition.document
    out.say(one_line(f"{document['publication']['name']}, edition {document['serial']} of {document['time']}"))
    for outlet in document["outlets"]:
        out.say()
        out.say(one_line(outlet["name"]))
        for item in outlet["articles"]:
            out.say(one_line(f"  {item.get('published', item['fetched'])[:10]}  {item['title']}"))
            out.say(f"              {object_path(item['digest'])}")
    out.result(document)


def _get_article(mirror: Mirror, digest: str, output: Path | None, asked: _Asked) -> None:
    """One article as a pack that verifies with no network: the very bytes that were verified, none asked for again."""
    keeping = Keeping(mirror)
    what = f"{mirror.name}: {object_path(digest)}"
    verdict, bundle = check_article(
        keeping, digest=digest, pin=asked.pin, memory=asked.memory, now=asked.now, what=what
    )
    if bundle is None or verdict.problems:
        raise refuse(verdict)
    if bundle.kind != "article":
        raise UsageError(f"{what}: is an {bundle.kind}, not an article")
    document: dict[str, Any] = bundle.document
    files = passing.pack_files(bundle, verdict, keeping.files)
    file = output or Path(f"{bundle.digest[:12]}.tamizdat")
    if file.is_dir():
        file = file / f"{bundle.digest[:12]}.tamizdat"
    if file.suffix == ".html":
        try:
            write_file(file, passing.page(bundle, verdict, files))
        except SigningError as error:
            raise UsageError(f"-o {file}: {error}", hint="a pack has no such limit: -o FILE.tamizdat") from error
    else:
        write_pack(file, files)
    _warn(verdict, asked.out)
    asked.out.say(one_line(f"{file}: {document['title']} ({len(files)} files, verified)"))
    asked.out.result({"file": str(file), "digest": bundle.digest, "files": len(files)})


def _get_everything(mirror: Mirror, output: Path, asked: _Asked) -> None:
    """The whole archive into a folder, once all of it was verified.

    Until then what came is kept in `.part` inside the folder; a download that was cut continues there. What was
    withdrawn since the folder was filled leaves it."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"-o {output}: is a file; everything needs a folder")
    if isinstance(mirror, FolderMirror) and mirror.folder.resolve() == output.resolve():
        raise UsageError(f"-o {output}: is the mirror itself")
    output.mkdir(parents=True, exist_ok=True)
    copy = Copying(mirror, output, reuse=True)
    sweep = _sweep(copy, asked)
    if sweep.verdict.status == DoNotTrust.status and not sweep.verdict.authentic and copy.believed:
        # Perhaps what was here already is to blame: leftovers of another mirror. Once more, with the mirror's own.
        copy.drop_unproved()
        copy = Copying(mirror, output, reuse=False)
        sweep = _sweep(copy, asked)
    withdrawn = sweep.verdict.authentic and copy.drop_withdrawn(sweep.withdrawals)
    if withdrawn:
        # What is named today, without them: everything is here already but the answer that they are gone.
        copy = Copying(mirror, output, reuse=True)
        sweep = _sweep(copy, asked)
    verdict = sweep.verdict
    if not verdict.authentic:
        if verdict.status != TamizdatError.status:
            copy.drop_unproved()
        raise refuse(verdict)
    copy.finish()
    if withdrawn:
        copy.drop_unnamed(sweep.seen)
        asked.out.note(f"{output}: what was withdrawn since the last time was removed")
    _warn(verdict, asked.out)
    asked.out.say(
        f"{output}: {verdict.files} files, {verdict.bytes:,} bytes, all verified ({copy.reused} were here already)"
    )
    asked.out.result({"folder": str(output), "files": verdict.files, "bytes": verdict.bytes, "reused": copy.reused})


def _sweep(copy: Copying, asked: _Asked) -> Sweep:
    sweep = Sweep(copy)
    with asked.out.bar("get", unit="entry") as bar:
        check_mirror(copy, pin=asked.pin, memory=asked.memory, now=asked.now, bar=bar, sweep=sweep)
    return sweep


__all__ = ["WebMirror", "find", "get", "verify"]
