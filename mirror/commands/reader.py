"""What readers and auditors run: `verify` and `get`."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import schemas
from mirror import config as configuration
from mirror.errors import DoNotTrust, TamizdatError, UsageError
from mirror.output import Output
from mirror.read import (
    FolderMirror,
    Memory,
    Mirror,
    PackMirror,
    ReadError,
    WebMirror,
    need,
    object_path,
    open_mirror,
    proof_path,
    write_pack,
)
from mirror.verdict import PICTURE, PIECE, PROOF, Verdict, check_article, check_mirror, open_trust
from signing import checkpoint as checkpoints
from signing import front as fronts
from signing.errors import SigningError
from signing.packing import parse_json
from signing.verify import verify_front, verify_object

_OBJECT = re.compile(r"(.*?)/?\b(?:o|proof)/([0-9a-f]{2})/([0-9a-f]{62})\Z")
_PAGE = re.compile(r"(.*?)/?\b(a/[0-9a-f]{12}\.html)\Z")
_IN_PAGE = re.compile(rb'<meta name="tamizdat:bundle" content="([0-9a-f]{64})"')
PAGE_BYTES = 4 << 20

ROOT_BYTES = 512_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was asked about: a whole mirror (`digest` and `stored` None), or one bundle and where its proof is."""

    mirror: Mirror
    digest: str | None = None
    stored: bytes | None = None
    page: bytes | None = None


def verify(args: argparse.Namespace, out: Output) -> int:
    """Print the three verdicts on something, with reasons; the status says whether to trust it."""
    memory = Memory(None) if args.no_memory else Memory.default()
    pin = _pin(args.trust) or _own_pin(args.what, args.config)
    now = datetime.now(UTC)
    subject = find(args.what, mirror=args.mirror)
    if subject.digest is None and subject.stored is None:
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
        )
        if subject.page is not None and bundle is not None:
            _compare_page(subject.page, bundle, subject.mirror, verdict)
    _print(verdict, out)
    out.result(verdict.as_json())
    return verdict.status


def find(what: str, *, mirror: str | None = None) -> Subject:
    """What `what` names. Raises `ReadError` and `UsageError`."""
    web = bool(re.match(r"https?://", what, re.IGNORECASE))
    path = urlsplit(what).path if web or what.startswith("file:") else what
    local = Path(unquote(path) if what.startswith("file:") else what).expanduser()
    asked = _OBJECT.match(what) or None
    if asked and (web or not local.is_dir()):
        base = mirror or asked[1] or "."
        return Subject(mirror=open_mirror(base), digest=asked[2] + asked[3])
    page = _PAGE.match(what)
    if page and web:
        opened = open_mirror(page[1])
        data = need(opened, page[2], PAGE_BYTES)
        return Subject(mirror=open_mirror(mirror) if mirror else opened, digest=_named_in(data, what), page=data)
    if web or local.is_dir():
        return Subject(mirror=open_mirror(what))
    if not local.is_file():
        raise ReadError(f"{what}: no such file or folder, and not an http(s) address")
    return _find_in_file(local, what, mirror)


def _find_in_file(file: Path, what: str, mirror: str | None) -> Subject:
    try:
        with file.open("rb") as opened:
            data = opened.read(PAGE_BYTES)
    except OSError as error:
        raise ReadError(f"{file}: {error.strerror or error}") from error
    if data[:2] == b"PK":
        pack = PackMirror(file)
        try:
            about = parse_json(need(pack, "pack.json", 1024))
        except SigningError as error:
            raise ReadError(f"{file}: pack.json: {error}") from error
        digest = about.get("digest") if isinstance(about, dict) and about.get("kind") == "pack" else None
        if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ReadError(f"{file}: pack.json does not say which article this is")
        return Subject(mirror=pack, digest=digest)
    above = file.resolve().parent
    if data[:2] == b"\x1f\x8b":
        return Subject(mirror=open_mirror(mirror or str(above)), stored=data[: PIECE + 1])
    if b"<html" in data[:4096].lower():
        # A saved page: inside a mirror's folder its bundle is next door, elsewhere --mirror says where to ask.
        beside = above.parent if (above.parent / "o").is_dir() else None
        where = mirror or (str(beside) if beside else None)
        digest = _named_in(data, what)
        if where is None:
            raise UsageError(
                f"{what}: a page proves nothing by itself; its bundle is sha256:{digest}",
                hint="say where to look it up: --mirror https://…",
            )
        return Subject(mirror=open_mirror(where), digest=digest, page=data)
    raise UsageError(f"{what}: not a mirror, a pack, a bundle or a page of this tool")


def _named_in(page: bytes, what: str) -> str:
    match = _IN_PAGE.search(page)
    if match is None:
        raise ReadError(f"{what}: not a page of this tool: it does not name its bundle")
    return match[1].decode()


def _compare_page(page: bytes, bundle: Any, mirror: Mirror, verdict: Verdict) -> None:
    """A page is never trusted; but it can be compared with what the verified bundle renders to."""
    from mirror.render import Pages
    from signing.verify import verify_part

    document: dict[str, Any] = bundle.document
    parts = [
        verify_part(need(mirror, object_path(one["digest"]), PIECE), one["digest"], one["size"], schema=schemas.check)
        for one in document["parts"]
    ]
    _path, expected = Pages(verdict.publication or "").article(
        document, parts, digest=bundle.digest, index=bundle.index
    )
    if _essence(page) == _essence(expected):
        verdict.notes.append("the page shows exactly what the signed bundle says")
    else:
        verdict.authentic = False
        verdict.wrong(
            "",
            "tampered",
            "the page is not what this version renders from its signed bundle; don't rely on it, read the bundle",
        )


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
    return data


def _own_pin(what: str, config: Path | None) -> str | None:
    """Inside a publication's own folder its own root is the default; the same for a look at its archive folder."""
    from mirror.publication import Publication

    for given in (config, Path(what), Path(what).parent):
        if given is not None and (given / configuration.FILE_NAME).is_file():
            return Publication.open(given).fingerprint()
    try:
        found = configuration.find(config)
    except UsageError:
        return None
    return Publication.open(found).fingerprint() if found.is_file() else None


# --- words ----------------------------------------------------------------------------------------------------------


def _print(verdict: Verdict, out: Output) -> None:
    say = out.say
    if verdict.article:
        say(f"{verdict.article['title']}")
        say(f"  {verdict.article['outlet']['name']} · {verdict.article['url']}")
        say(f"  fetched {verdict.article['fetched']} · revision {verdict.article['revision']}")
    say(f"authentic: {'yes' if verdict.authentic else 'NO'}")
    say(f"fresh:     {_fresh_words(verdict)}")
    say(f"current:   {verdict.current}")
    if verdict.signer and verdict.authentic:
        say(f"signed by  {verdict.signer.split('+')[0]} for {verdict.publication}, pinned {verdict.fingerprint}")
    if verdict.log:
        say(f"log        {verdict.log.origin}, {verdict.log.size} entries")
    if verdict.is_mirror:
        say(f"read       {verdict.files} files, {verdict.bytes:,} bytes")
    for check in verdict.checks:
        if not check.ok:
            say(f"  check {check.n} {check.name}: {check.detail}")
    shown = verdict.problems[:20]
    for problem in shown:
        say(f"  {problem.state}: {problem.path + ': ' if problem.path else ''}{problem.detail}")
    if len(verdict.problems) > len(shown):
        say(f"  … and {len(verdict.problems) - len(shown)} more (--json has all)")
    for note in verdict.notes:
        say(f"  note: {note}")
    if verdict.evidence:
        say(f"  evidence of two histories: {verdict.evidence}; show it to the publisher")


def _fresh_words(verdict: Verdict) -> str:
    if verdict.age_seconds is None or verdict.newest is None:
        return verdict.fresh
    return (
        f"{verdict.fresh}, newest edition known is {span(verdict.age_seconds)} old (number {verdict.newest['serial']})"
    )


def span(seconds: int) -> str:
    """A length of time in words: 45 s, 12 min, 5 h, 3 days."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


# --- get ------------------------------------------------------------------------------------------------------------


def get(args: argparse.Namespace, out: Output) -> int:
    """Download, verifying everything; the next mirror is tried when one fails."""
    memory = Memory(None) if args.no_memory else Memory.default()
    pin = _pin(args.trust)
    failures: list[str] = []
    error: TamizdatError | None = None
    for address in args.mirrors:
        try:
            return _get(address, args.output, pin or _own_pin(address, args.config), memory, out)
        except (ReadError, DoNotTrust) as problem:
            error = problem
            failures.append(str(problem))
            if address != args.mirrors[-1]:
                out.note(f"{problem}; trying the next mirror")
    if len(failures) > 1:
        raise TamizdatError(f"no mirror of {len(failures)} could be used; the last: {failures[-1]}")
    assert error is not None
    raise error


def _get(address: str, output: Path | None, pin: str | bytes | None, memory: Memory, out: Output) -> int:
    now = datetime.now(UTC)
    subject = find(address)
    if subject.digest is not None:
        return _get_article(subject, output, pin, memory, now, out)
    if output is None:
        return _get_front(subject.mirror, pin, memory, now, out)
    return _get_everything(subject.mirror, output, pin, memory, now, out)


def _get_front(mirror: Mirror, pin: str | bytes | None, memory: Memory, now: datetime, out: Output) -> int:
    """The front page, from one verified file."""
    trusted = open_trust(mirror, pin=pin, memory=memory, now=now)
    try:
        edition, _front, _head = verify_front(
            need(mirror, "front", fronts.MAX_BYTES), trust=trusted.trust, schema=schemas.check
        )
    except SigningError as error:
        raise DoNotTrust(f"{mirror.name}: front: {error}") from error
    document: dict[str, Any] = edition.document
    out.say(f"{document['publication']['name']}, edition {document['serial']} of {document['time']}")
    for outlet in document["outlets"]:
        out.say()
        out.say(outlet["name"])
        for item in outlet["articles"]:
            out.say(f"  {item.get('published', item['fetched'])[:10]}  {item['title']}")
            out.say(f"              {object_path(item['digest'])}")
    out.result(document)
    return 0


def _get_article(
    subject: Subject, output: Path | None, pin: str | bytes | None, memory: Memory, now: datetime, out: Output
) -> int:
    """One article as a pack that verifies with no network."""
    mirror = subject.mirror
    assert subject.digest is not None
    verdict, bundle = check_article(mirror, digest=subject.digest, pin=pin, memory=memory, now=now, what=mirror.name)
    if bundle is None:
        first = verdict.problems[0].detail if verdict.problems else "not authentic"
        raise DoNotTrust(f"{mirror.name}: {object_path(subject.digest)}: {first}")
    document: dict[str, Any] = bundle.document
    files = {"pack.json": f'{{"v":1,"kind":"pack","digest":"{bundle.digest}"}}'.encode()}
    trusted = open_trust(mirror, pin=verdict.fingerprint, memory=Memory(None), now=now)
    files.update(trusted.view.files)
    recorder = _Recorder(mirror, files)
    for path, cap in (("front", fronts.MAX_BYTES), ("checkpoint", checkpoints.MAX_BYTES)):
        recorder.get(path, cap)
    recorder.get(object_path(bundle.digest), PIECE)
    recorder.get(proof_path(bundle.digest), PROOF)
    for part in document["parts"]:
        recorder.get(object_path(part["digest"]), PIECE)
    for resource in document["resources"]:
        data = mirror.get(object_path(resource["digest"]), PICTURE)
        if data is not None:
            files[object_path(resource["digest"])] = verify_object(data, resource["digest"], resource["size"], PICTURE)
    file = output or Path(f"{bundle.digest[:12]}.tamizdat")
    if file.is_dir():
        file = file / f"{bundle.digest[:12]}.tamizdat"
    write_pack(file, files)
    out.say(f"{file}: {document['title']} ({len(files)} files, verified)")
    out.result({"file": str(file), "digest": bundle.digest, "files": len(files)})
    return 0


class _Recorder:
    """A mirror that keeps what it gave."""

    def __init__(self, mirror: Mirror, files: dict[str, bytes]) -> None:
        self.name = mirror.name
        self._mirror = mirror
        self._files = files

    def get(self, path: str, cap: int) -> bytes | None:
        data = self._mirror.get(path, cap)
        if data is not None:
            self._files[path] = data
        return data


def _get_everything(
    mirror: Mirror, output: Path, pin: str | bytes | None, memory: Memory, now: datetime, out: Output
) -> int:
    """The whole archive into a folder: verified while it comes, moved into place at the end of each file.

    What is already there with the right bytes is not fetched again, so a download that was cut continues."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"-o {output}: is a file; everything needs a folder")
    if isinstance(mirror, FolderMirror) and mirror.folder.resolve() == output.resolve():
        raise UsageError(f"-o {output}: is the mirror itself")
    copy = _Copying(mirror, output)
    with out.bar("get", unit="entry") as bar:
        verdict = check_mirror(copy, pin=pin, memory=memory, now=now, bar=bar)
    if not verdict.authentic:
        bad = [problem for problem in verdict.problems if problem.state != "missing"]
        for problem in bad:
            copy.forget(problem.path)
        _print(verdict, out)
        out.result(verdict.as_json())
        return verdict.status
    copy.finish()
    out.say(f"{output}: {verdict.files} files, {verdict.bytes:,} bytes, all verified ({copy.reused} were here already)")
    out.result({"folder": str(output), "files": verdict.files, "bytes": verdict.bytes, "reused": copy.reused})
    return 0


class _Copying:
    """A mirror whose files are kept in a folder as they come. Pointers are written last, by `finish`."""

    POINTERS = ("trust/timestamp.json", "checkpoint", "front")

    def __init__(self, mirror: Mirror, folder: Path) -> None:
        self.name = mirror.name
        self._mirror = mirror
        self._folder = folder
        self._have = FolderMirror(folder)
        self._pointers: dict[str, bytes] = {}
        self.reused = 0

    def get(self, path: str, cap: int) -> bytes | None:
        if path in self.POINTERS:
            if path not in self._pointers:
                data = self._mirror.get(path, cap)
                if data is None:
                    return None
                self._pointers[path] = data
            return self._pointers[path]
        if (self._folder / path).is_file():
            # Immutable: what is here was verified before, and is verified again now.
            data = self._have.get(path, cap)
            if data is not None and (not path.startswith("o/") or _is_named(data, path)):
                self.reused += 1
                return data
        data = self._mirror.get(path, cap)
        if data is not None:
            self._write(path, data)
        return data

    def forget(self, path: str) -> None:
        if path and (self._folder / path).is_file():
            (self._folder / path).unlink()

    def finish(self) -> None:
        for path in self.POINTERS:
            if path in self._pointers:
                self._write(path, self._pointers[path])

    def _write(self, path: str, data: bytes) -> None:
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.part")
        temporary.write_bytes(data)
        temporary.replace(file)


def _is_named(data: bytes, path: str) -> bool:
    import hashlib

    return hashlib.sha256(data).hexdigest() == path[2:].replace("/", "")


__all__ = ["WebMirror", "find", "get", "span", "verify"]
