"""`tamizdat reader`: reader.html, the one file to give to readers, and what to tell them of it."""

from __future__ import annotations

import argparse
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mirror import reader
from mirror.errors import TamizdatError, UsageError
from mirror.output import Output
from mirror.publication import Publication
from mirror.reader import issue
from signing.errors import FormatError


def show(args: argparse.Namespace, out: Output) -> int:
    """Say what the signed reader is, and write it, or one of fewer languages, to a file."""
    publication = Publication.open(args.config)
    if args.languages is not None:
        return _smaller(publication, args, out)
    found = issue.listed(publication)
    if found is None:
        raise UsageError(
            f"the trust files list no {reader.NAME} yet",
            hint="tamizdat key request --reader -o request.json; where the root key is here, `tamizdat run` signs one",
        )
    if found.data is None:
        raise TamizdatError(
            f"{publication.tree / found.path} is missing or damaged",
            hint="take it from a mirror, or run `tamizdat run`",
        )
    facts = issue.describe(found.data)
    made = _describe(found.data, facts, out)
    public = [f"{url.rstrip('/')}/{reader.NAME}" for url in issue.mirrors(publication)]
    signature = publication.tree / issue.SIGNATURE
    if args.output is not None:
        files = _write(args.output, found.data, signature.read_bytes() if signature.is_file() else None)
        for file in files:
            out.say(f"wrote {file}")
    elif public:
        out.say(f"mirrors have it at {', '.join(public)}")
    out.say(
        "Tell the SHA-256 where you tell the fingerprint, on channels that are yours; not on the mirrors. To check:"
    )
    out.say(f"  sha256sum {args.output.name if args.output else reader.NAME}")
    why = issue.outdated(publication)
    if why is not None:
        out.note(f"{reader.NAME} should be signed anew: {why}; `tamizdat run` does it where the root key is")
    if args.qr is not None:
        _code(args.qr, made["sha256"], out)
    out.result({**made, "listed": True, "outdated": why, "file": args.output and str(args.output), "mirrors": public})
    return 0


def _smaller(publication: Publication, args: argparse.Namespace, out: Output) -> int:
    """A reader of fewer languages, which no trust files list."""
    wanted = [one.strip() for one in args.languages.split(",") if one.strip()]
    if args.output is None:
        raise UsageError("where to? -o FILE", hint="this is a file of its own: the signed one has all languages")
    try:
        data = issue.make(publication, datetime.now(UTC), wanted)
    except FormatError as error:
        raise UsageError(str(error)) from None
    made = _describe(data, issue.describe(data), out)
    _write(args.output, data, None)
    out.say(f"wrote {args.output}")
    out.note("the trust files list the reader of all languages, not this one; it works alike, and is offered that one")
    if args.qr is not None:
        _code(args.qr, made["sha256"], out)
    out.result({**made, "listed": False, "outdated": None, "file": str(args.output), "mirrors": []})
    return 0


def _describe(data: bytes, facts: dict[str, Any], out: Output) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    mirrors = len(facts["mirrors"])
    out.say(
        f"{reader.NAME}: {len(data):,} bytes, made {facts['made']} by version {facts['version']}, "
        f"knows {mirrors or 'no'} mirror{'' if mirrors == 1 else 's'}"
    )
    # In fours, to be read out and compared.
    out.say(f"SHA-256: {' '.join(digest[at : at + 4] for at in range(0, 64, 4))}")
    return {"size": len(data), "sha256": digest, **{name: facts[name] for name in ("made", "version", "origin", "pin")}}


def _write(file: Path, data: bytes, signature: bytes | None) -> list[Path]:
    """The files that were written: the reader, and beside it a minisign signature of it."""
    files = {file: data}
    if signature is not None:
        files[file.with_name(file.name + ".minisig")] = signature
    for path, content in files.items():
        try:
            path.write_bytes(content)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}") from error
    return list(files)


def _code(file: Path, digest: str, out: Output) -> None:
    from mirror.discovery import qr

    kind = file.suffix.lower().removeprefix(".")
    if kind not in ("svg", "png"):
        raise UsageError(f"{file}: a QR code is made as .svg or .png", hint="--qr code.svg")
    try:
        file.write_bytes(qr(digest, kind))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from error
    out.say(f"wrote {file}: the SHA-256, to print beside the fingerprint")
