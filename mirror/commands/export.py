"""`tamizdat export`: an article as one file to pass on, with a signature that needs no tool of ours."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from mirror.export import export as write
from mirror.export import sign_file
from mirror.output import Output, one_line
from mirror.publication import Publication


def export(args: argparse.Namespace, out: Output) -> int:
    """Write the article and its signature, and say how a stranger checks them."""
    publication = Publication.open(args.config)
    made = write(
        publication,
        args.article,
        form=args.format,
        output=args.output,
        sign=not args.unsigned,
        now=datetime.now(UTC),
    )
    out.say(one_line(f"{made.file}: {made.title}"))
    result = {"file": str(made.file), "signature": None, "digest": made.digest, "title": made.title}
    if made.signature is not None:
        from signing.minisign import PublicKey

        line = PublicKey.of(publication.public("minisign")).line
        out.say(f"{made.signature}: check it with: minisign -Vm {made.file.name} -P {line}")
        result |= {"signature": str(made.signature), "minisign": line}
    out.result(result)
    return 0


def minisign(args: argparse.Namespace, out: Output) -> int:
    """Sign files as packs are signed."""
    from signing.minisign import PublicKey

    publication = Publication.open(args.config)
    line = PublicKey.of(publication.public("minisign")).line
    signatures = [sign_file(publication, file, now=datetime.now(UTC)) for file in args.files]
    for file, signature in zip(args.files, signatures, strict=True):
        out.say(f"{signature}: check it with: minisign -Vm {file.name} -P {line}")
    out.result({"signatures": [str(signature) for signature in signatures], "minisign": line})
    return 0
