"""What a witness's operator runs: `witness init`, `add-log`, `list`, `remove-log`, `serve`."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mirror.errors import UsageError
from mirror.output import Output, count, entries

if TYPE_CHECKING:
    from mirror.witness.store import Witness


def init(args: argparse.Namespace, out: Output) -> int:
    """Make a witness and say what its public key is."""
    from mirror.witness.store import Witness

    key = Witness.create(args.folder, args.name, passphrase=_passphrase(args.passphrase))
    out.say(f"{args.folder}: witness {args.name}")
    out.say()
    out.say("Give this key, and the address where the witness will be reached, to those whose logs it is to watch:")
    out.say(f"  {key.text}")
    out.say()
    out.say("Their line in witness.policy:")
    out.say(f"  witness NAME {key.text} https://ADDRESS")
    out.say()
    out.say("Do not restore this folder from an old backup: a witness that forgets can be made to sign two histories.")
    out.say("When it is lost, make a new one with a new key.")
    out.result({"folder": str(args.folder), "key": key.text})
    return 0


def add_log(args: argparse.Namespace, out: Output) -> int:
    """Follow a log."""
    from signing.errors import SigningError
    from signing.keys import VerifierKey

    try:
        key = VerifierKey.parse(args.key)
    except SigningError as error:
        raise UsageError(f"{error}", hint="a log's key is the text name+id+base64 from its trust.json") from None
    new = _open(args).add_log(key, args.origin)
    out.say(f"{key.name}: {'followed from now on' if new else 'is followed already'}")
    out.result({"origin": key.name, "key": key.text, "new": new})
    return 0


def remove_log(args: argparse.Namespace, out: Output) -> int:
    """Follow a log no longer."""
    _open(args).remove_log(args.origin)
    out.say(f"{args.origin}: not followed any more; what was cosigned stays remembered")
    out.result({"origin": args.origin})
    return 0


def list_logs(args: argparse.Namespace, out: Output) -> int:
    """The logs followed, and how far."""
    witness = _open(args)
    listed = []
    for origin, key in witness.logs().items():
        head = witness.head(origin)
        listed.append(
            {
                "origin": origin,
                "key": key.text,
                "size": head.checkpoint.size if head else None,
                "root": head.checkpoint.root.hex() if head else None,
                "time": head.time if head else None,
            }
        )
        when = f"{entries(head.checkpoint.size)}, cosigned at {_when(head.time)}" if head else "nothing cosigned yet"
        out.say(f"{origin}  {when}")
    if not listed:
        out.say("no logs yet: tamizdat witness add-log DIR KEY")
    out.result({"key": witness.signer.verifier.text, "logs": listed})
    return 0


def serve(args: argparse.Namespace, out: Output) -> int:
    """Answer requests until told to stop."""
    from mirror.witness.server import Server
    from mirror.witness.server import serve as run

    witness = _open(args)
    with witness.serving(int(time.time()), clock_was_wrong=args.clock_was_wrong):
        server = Server(witness, note=out.note, connections=args.connections)

        def ready(port: int) -> None:
            host = f"[{args.host}]" if ":" in args.host else args.host
            url = f"http://{host}:{port}"
            out.say(f"{url}  {witness.signer.verifier.name}, {count(len(witness.logs()), 'log')}  (Ctrl-C stops it)")
            out.result({"url": url, "key": witness.signer.verifier.text, "logs": len(witness.logs())})

        asyncio.run(run(server, args.host, args.port, ready=ready))
    return 0


def _open(args: argparse.Namespace) -> Witness:
    from mirror.witness.store import Witness

    return Witness(args.folder, passphrase=_passphrase(args.passphrase))


def _passphrase(reference: str | None) -> str | None:
    from mirror.secrets import resolve

    return None if reference is None else resolve(reference, folder=Path.cwd()).reveal()


def _when(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
