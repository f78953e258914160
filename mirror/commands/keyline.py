"""The arguments of `tamizdat key …`. Imports nothing heavy: it is read for every command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_key_commands(  # noqa: PLR0915 - one statement an option, in one place
    key: Any, add: Callable[..., argparse.ArgumentParser], lazy: Callable[[str, str], Any]
) -> None:
    """Enrols the actions below `key`; `add` and `lazy` are those of `mirror.cli`."""

    def action(name: str, summary: str, function: str, example: str) -> argparse.ArgumentParser:
        return add(key, name, summary, lazy("keys", function), example)

    p = action("list", "list the keys, what each is for and who of the root is here", "listed", "tamizdat key list")
    p.add_argument("files", metavar="FILE", nargs="*", type=Path, help="keys on a stick; needs no publication")

    p = action("add", "make a key: a share of the root, or an outlet's own publisher key", "add",
               "tamizdat key add root --name share-b -o /media/usb/share-b.key --passphrase prompt")  # fmt: skip
    p.add_argument("role", choices=("root", "publisher"))
    p.add_argument("--name", required=True, help="readers can see it: a share's name, not a person's")
    p.add_argument("-o", "--output", metavar="FILE", type=Path, required=True)
    _passphrase(p, "of the new key")

    p = action("rotate", "put another key in a role, at once or by a request", "rotate",
               "tamizdat key rotate online --root /media/usb/share-a.key --root /media/usb2/share-b.key")  # fmt: skip
    p.add_argument("role", choices=("online", "publisher", "log", "root", "minisign"))
    _roots(p)
    _signing(p)

    p = action("freeze", "end the log (its key is lost, stolen, or the year is over) and begin the next", "freeze",
               "tamizdat key freeze --reason stolen --successor /media/usb/log-successor.key "
               "-o freeze.json")  # fmt: skip
    p.add_argument("--reason", choices=("lost", "stolen", "year"), required=True)
    _successor(p)
    _signing(p)

    p = action("policy", "say which witnesses readers shall ask for", "policy", "tamizdat key policy witness.policy")
    p.add_argument("file", metavar="FILE", type=Path)
    _signing(p)

    p = add(key, "minisign", "sign files (releases, the reader's page) for people with minisign",
            lazy("export", "minisign"), "tamizdat key minisign reader.html")  # fmt: skip
    p.add_argument("files", metavar="FILE", nargs="+", type=Path)

    p = action("renew", "root and targets for another year", "renew", "tamizdat key renew -o renew.json")
    _signing(p)

    p = action("request", "write any changes into one file for root keys that are elsewhere", "request",
               "tamizdat key request --rotate online --rotate publisher --freeze stolen "
               "--successor /media/usb/log-successor.key -o request.json")  # fmt: skip
    p.add_argument("--rotate", metavar="ROLE", action="append", default=[],
                   choices=("online", "publisher", "root", "minisign"))  # fmt: skip
    _roots(p)
    p.add_argument("--add-publisher", metavar="FILE|KEY", action="append", default=[], help="an outlet's own key")
    p.add_argument("--outlet", metavar="ID", action="append", default=[], help="for which outlets it counts")
    p.add_argument("--end-publisher", metavar="NAME|ID", action="append", default=[])
    p.add_argument("--freeze", metavar="REASON", choices=("lost", "stolen", "year"))
    _successor(p)
    p.add_argument("--policy", metavar="FILE", type=Path)
    p.add_argument("--renew", action="store_true", help="another year, also when nothing else changes")
    p.add_argument("--mirrors", action="store_true", help="the list of mirrors, also when nothing else changes")
    p.add_argument("--reader", action="store_true", help="reader.html of this tool, also when nothing else changes")
    p.add_argument("-o", "--output", metavar="FILE", type=Path, required=True)
    _as_is(p)
    _passphrase(p, "of the successor's file")

    p = action("sign", "say what a request would change and sign it; needs no publication and no network", "sign",
               "tamizdat key sign request.json --key share-b.key -o share-b.sig")  # fmt: skip
    p.add_argument("request", metavar="REQUEST", type=Path)
    p.add_argument("--key", metavar="FILE", type=Path, required=True)
    p.add_argument("-o", "--output", metavar="SIG", type=Path, required=True)
    p.add_argument("--trust", metavar="T", help="the fingerprint that readers pin, or the first root file")
    p.add_argument("--yes", action="store_true", help="do not ask")
    _passphrase(p, "of the key")

    p = action("install", "make a signed request true", "install",
               "tamizdat key install request.json share-a.sig share-b.sig")  # fmt: skip
    p.add_argument("request", metavar="REQUEST", type=Path)
    p.add_argument("signatures", metavar="SIG", nargs="+", type=Path)
    _no_publish(p)
    _as_is(p)

    p = action("encrypt", "put keys under a passphrase, or under another one", "encrypt",
               "tamizdat key encrypt --passphrase prompt")  # fmt: skip
    p.add_argument("files", metavar="FILE", nargs="*", type=Path, help="the publication's when left out")
    p.add_argument("--passphrase", metavar="REF", default="prompt", help="the new one: env: file: cred: or prompt")
    p.add_argument("--old", metavar="REF", help="the one they are under; asked for when left out")

    action("cancel", "give up a change that was prepared; sealing goes on", "cancel", "tamizdat key cancel")


def _roots(p: argparse.ArgumentParser) -> None:
    p.add_argument("--add", metavar="FILE|KEY", action="append", default=[], help="a new root key: its public half")
    p.add_argument("--remove", metavar="NAME|ID", action="append", default=[], help="a root key that shall go")
    p.add_argument("--threshold", metavar="N", type=int, help="how many root keys must sign from then on")


def _successor(p: argparse.ArgumentParser) -> None:
    p.add_argument("--successor", metavar="FILE", type=Path, help="log-successor.key, from where it was kept")
    p.add_argument("--fresh", action="store_true", help="a key nobody was promised; readers are told so")


def _signing(p: argparse.ArgumentParser) -> None:
    p.add_argument("--root", metavar="FILE", type=Path, action="append", default=[], help="a root key that is at hand")
    p.add_argument(
        "-o", "--output", metavar="REQUEST", type=Path, help="only write the request, to be signed elsewhere"
    )
    _no_publish(p)
    _as_is(p)
    _passphrase(p, "of the --root and --successor files")


def _no_publish(p: argparse.ArgumentParser) -> None:
    p.add_argument("--no-publish", action="store_true", help="a new log is not sealed and published at once")


def _as_is(p: argparse.ArgumentParser) -> None:
    p.add_argument("--as-is", action="store_true", help="take the archive as it is here, whatever mirrors have")


def _passphrase(p: argparse.ArgumentParser, of: str) -> None:
    p.add_argument("--passphrase", metavar="REF", help=f"{of}: env:NAME file:/path cred:NAME prompt")
