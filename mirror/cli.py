"""The command `tamizdat`: arguments in, one call, exit status out.

Nothing heavy is imported before a command is known, so `--help` and shell completion answer at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from mirror import __version__
from mirror.errors import TamizdatError, UsageError
from mirror.output import Output, prepare

DEBUG = "TAMIZDAT_DEBUG"
Command = Callable[[argparse.Namespace, Output], int]

STATUS = """exit status:
  0 good · 1 failed · 2 usage or configuration · 3 partly done (the rest is published)
  4 do not trust · 5 evidence of two histories, saved · 75 busy (another run holds the lock)"""


class _Parser(argparse.ArgumentParser):
    """Usage errors are errors like any other: one line, status 2, JSON where that was asked for."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}", hint=f"{self.prog} --help shows what it takes")


def _lazy(module: str, name: str) -> Command:
    def call(args: argparse.Namespace, out: Output) -> int:
        from importlib import import_module

        command: Command = getattr(import_module(f"mirror.commands.{module}"), name)
        return command(args, out)

    return call


def parser() -> argparse.ArgumentParser:  # noqa: PLR0915 - one statement an option, in one place
    """The whole command line."""
    common = _Parser(add_help=False, allow_abbrev=False)
    group = common.add_argument_group("common options")
    group.add_argument("--config", metavar="FILE", type=Path, help="default ./tamizdat.toml, then $TAMIZDAT_CONFIG")
    group.add_argument("--json", action="store_true", help="one JSON object (or one per line) on stdout, nothing else")
    group.add_argument("--quiet", action="store_true", help="only results and errors")
    group.add_argument("--no-progress", action="store_true", help="no progress bars")

    top = _Parser(
        prog="tamizdat",
        description="Signed, logged snapshots of news articles, on mirrors that nobody needs to trust.",
        epilog=f"{STATUS}\n\nexample:\n  tamizdat demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"tamizdat {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)

    def add(
        where: argparse._SubParsersAction[_Parser], name: str, summary: str, run: Command | None, example: str
    ) -> argparse.ArgumentParser:
        made = where.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            parents=[common],
            epilog=f"{STATUS}\n\nexample:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if run is not None:
            made.set_defaults(run=run)
        return made

    p = add(
        commands,
        "init",
        "make a new publication: configuration, keys, empty log, trust root",
        _lazy("operator", "init"),
        'tamizdat init mirror --name "Example News" --origin news.example.org',
    )
    p.add_argument("folder", metavar="DIR", type=Path)
    p.add_argument("--name", type=_text, required=True, help="what readers see")
    p.add_argument("--origin", help="a name that is yours for good, such as a domain; made up when left out")
    p.add_argument("--passphrase", metavar="REF", help="puts the keys under one: env:NAME file:/path cred:NAME prompt")

    p = add(commands, "outlet", "add, list, test and remove the news sites to take articles from", None,
            "tamizdat outlet add https://www.example.org/")  # fmt: skip
    outlet = p.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
    p = add(outlet, "add", "find a site's best sources, say why, show three articles, write the configuration",
            _lazy("outlets", "add"), "tamizdat outlet add https://www.example.org/ --id example")  # fmt: skip
    p.add_argument("url", metavar="URL", help="of the site, a feed or a section; or the id of a preset")
    p.add_argument("--id", help="short name, used in the configuration and the log")
    p.add_argument("--name", type=_text, help="what readers see; found out when left out")
    p.add_argument("--allow-private", action="store_true", help="this outlet may be on this machine or network")
    p = add(outlet, "presets", "the outlets that can be added by a short name", _lazy("outlets", "presets"),
            "tamizdat outlet presets")  # fmt: skip
    p = add(outlet, "list", "list the outlets", _lazy("outlets", "list_all"), "tamizdat outlet list")
    p = add(outlet, "test", "what each source of an outlet gives, and its newest articles as they would be published",
            _lazy("outlets", "test"), "tamizdat outlet test example")  # fmt: skip
    p.add_argument("id", metavar="ID")
    p = add(outlet, "remove", "stop taking articles from an outlet (what is published stays)",
            _lazy("outlets", "remove"), "tamizdat outlet remove example")  # fmt: skip
    p.add_argument("id", metavar="ID")

    p = add(commands, "target", "add, list, probe, pause and remove the places to push to; what to set up there", None,
            "tamizdat target add usb /media/usb/mirror")  # fmt: skip
    target = p.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
    p = add(target, "add", "probe a place for real, say what is wrong and how to mend it, write the configuration",
            _lazy("targets", "target_add"),
            "tamizdat target add s3 s3://bucket/news --public https://bucket.example.com/news "
            "--set endpoint=https://s3.example.com --set access_key=env:KEY "
            "--set secret_key=file:/etc/tamizdat/secret")  # fmt: skip
    p.add_argument("name", metavar="NAME", nargs="?", help="short, for lists and messages; asked for when left out")
    p.add_argument("url", metavar="URL", nargs="?",
                   help="a folder, s3://bucket/prefix, sftp://user@host/path, …, or what the host's console shows; "
                   "asked for when left out")  # fmt: skip
    p.add_argument("--public", metavar="URL", help="where readers reach it")
    p.add_argument("--light", action="store_true", help="no pages and no evidence there")
    p.add_argument(
        "--packs", action="store_true", help="many files in a few, for hosts that are slow with or limit them"
    )
    p.add_argument("--set", metavar="K=V", action="append", default=[], help="a setting; secrets as env: file: cred:")
    p.add_argument("--no-probe", action="store_true", help="write the configuration without trying it")
    p = add(target, "list", "list the targets", _lazy("targets", "target_list"), "tamizdat target list")
    p = add(
        target,
        "probe",
        "try a target again, step by step",
        _lazy("targets", "target_probe"),
        "tamizdat target probe usb",
    )
    p.add_argument("name", metavar="NAME")
    p = add(target, "remove", "stop pushing to a target (what is there stays)", _lazy("targets", "target_remove"),
            "tamizdat target remove usb")  # fmt: skip
    p.add_argument("name", metavar="NAME")
    p = add(
        target,
        "pause",
        "skip a target until it is resumed",
        _lazy("targets", "target_pause"),
        "tamizdat target pause usb",
    )
    p.add_argument("name", metavar="NAME")
    p.add_argument("--resume", action="store_true", help="push to it again")
    p = add(target, "policy", "print the least that a bucket's host must allow, ready to paste",
            _lazy("targets", "target_policy"), "tamizdat target policy s3://bucket/news")  # fmt: skip
    p.add_argument("target", metavar="NAME|URL", help="a target, or the address of one to come")
    p.add_argument("--public", metavar="URL", help="where readers will reach it")
    p.add_argument("--set", metavar="K=V", action="append", default=[], help="a setting, such as account=…")
    p = add(target, "setup", "print a web server's configuration for a target's folder and public address",
            _lazy("targets", "target_setup"), "tamizdat target setup first --for nginx")  # fmt: skip
    p.add_argument("name", metavar="NAME", nargs="?", help="a target; without, say --root and --public")
    p.add_argument("--for", dest="kind", metavar="SERVER", required=True,
                   choices=("nginx", "apache", "caddy", "lighttpd", "nginx-onion", "tor"),
                   help="nginx, apache, caddy, lighttpd, nginx-onion or tor")  # fmt: skip
    p.add_argument("--root", metavar="FOLDER", help="the folder on the web server's machine, when it is another one")
    p.add_argument("--public", metavar="URL", help="where readers reach it, when that isn't in the configuration")
    p = add(target, "providers", "what is known of hosts: endpoints, limits, prices, what mends what",
            _lazy("targets", "target_providers"), "tamizdat target providers r2")  # fmt: skip
    p.add_argument("id", metavar="ID", nargs="?", help="one of them, with all that is known")

    p = add(
        commands,
        "run",
        "fetch, bundle, seal, publish and audit: what cron calls",
        _lazy("operator", "run"),
        "tamizdat run",
    )
    p.add_argument("--outlet", metavar="ID", action="append", default=[], help="only this outlet, and all of it now")
    p.add_argument("--no-publish", action="store_true", help="stop after sealing")
    p.add_argument("--dry-run", action="store_true", help="show what would be new; nothing is stored or pushed")
    p.add_argument("--wait-lock", metavar="SECONDS", type=float, default=0.0, help="wait for another run to end")
    p = add(
        commands, "fetch", "only fetch: bundles wait for the next seal", _lazy("operator", "fetch"), "tamizdat fetch"
    )
    p.add_argument("--outlet", metavar="ID", action="append", default=[])
    p = add(
        commands,
        "seal",
        "only seal: log what was fetched and sign a new edition",
        _lazy("operator", "seal"),
        "tamizdat seal",
    )
    p.add_argument("--force", action="store_true", help="a new edition even when nothing is new")
    p = add(commands, "publish", "only push to the targets", _lazy("operator", "publish"), "tamizdat publish usb")
    p.add_argument("targets", metavar="TARGET", nargs="*")
    p = add(commands, "audit", "only read the mirrors back as a reader would", _lazy("audit", "audit"),
            "tamizdat audit --full bucket")  # fmt: skip
    p.add_argument("mirrors", metavar="MIRROR", nargs="*", help="a target's name or an address; all when left out")
    p.add_argument("--full", action="store_true", help="every file of it, not a sample (an address: always)")
    p.add_argument("--repair", action="store_true", help="send again what is missing or damaged, then look once more")

    p = add(commands, "add", "snapshot given pages outside any feed", _lazy("operator", "add"),
            "tamizdat add https://www.example.org/2027/03/01/article")  # fmt: skip
    p.add_argument("pages", metavar="URL|FILE", nargs="+")
    p.add_argument("--url", help="the address a given FILE was saved from")
    p.add_argument("--outlet", metavar="ID", help="whose article it is, when the address does not tell")
    p = add(commands, "backfill", "take an outlet's older articles, as far as its sources lead back",
            _lazy("backfill", "backfill"), "tamizdat backfill example --since 2024-01-01")  # fmt: skip
    p.add_argument("outlet", metavar="OUTLET")
    p.add_argument("--since", metavar="DATE", help="nothing published before, as far as its sources tell")
    p.add_argument("--until", metavar="DATE", help="nothing published after")
    p.add_argument("--limit", metavar="N", type=_many, help="stop after so many articles; the same again goes on")
    p.add_argument("--later", action="store_true", help="leave it to runs (backfill = N in the configuration)")
    p.add_argument("--dry-run", action="store_true", help="only count the pages that would be asked for")
    p.add_argument("--status", action="store_true", help="only say how far it is")
    p.add_argument("--stop", action="store_true", help="give it up; what it took stays")
    p = add(commands, "import", "take articles out of web archives that others made: WARC and WACZ files",
            _lazy("imports", "take_over"), "tamizdat import old-site.wacz --outlet example")  # fmt: skip
    p.add_argument("files", metavar="FILE", nargs="+", type=Path)
    p.add_argument("--outlet", metavar="ID", help="only this outlet's pages; all outlets' when left out")
    p.add_argument("--all-captures", action="store_true", help="every capture of a page, oldest first, not the newest")
    p.add_argument("--offline", action="store_true", help="pictures from the archive only")
    p.add_argument("--dry-run", action="store_true", help="show what would be new; nothing is stored")
    p = add(commands, "withdraw", "take an article back: from the archive and from every mirror that obeys",
            _lazy("withdraw", "withdraw"), "tamizdat withdraw https://www.example.org/a --reason safety")  # fmt: skip
    p.add_argument("article", metavar="ARTICLE", help="the digest of its bundle, its address, or the path of its page")
    p.add_argument("--reason", type=_text, help="what readers are told, up to 100 characters")
    p.add_argument("--yes", action="store_true", help="do not ask")
    p.add_argument("--no-publish", action="store_true", help="stop after sealing; mirrors keep it until `publish`")
    p = add(commands, "held", "pages that were held back: list, show, release or drop them", _lazy("held", "held_list"),
            "tamizdat held release --outlet example --reason shrunk")  # fmt: skip
    _which(p, default=None)
    p.add_argument("--limit", metavar="N", type=_count, default=20, help="pages that a list names (default 20)")
    held = p.add_subparsers(dest="action", metavar="ACTION", parser_class=_Parser)
    p = add(held, "list", "what is held back, by outlet and reason; with a filter, the pages (the default)",
            _lazy("held", "held_list"), "tamizdat held list --outlet example")  # fmt: skip
    _which(p)
    p.add_argument("--limit", metavar="N", type=_count, default=argparse.SUPPRESS, help="pages to name")
    p = add(held, "show", "why a page is held back, and what would be published of it",
            _lazy("held", "held_show"), "tamizdat held show https://www.example.org/2027/03/01/article")  # fmt: skip
    p.add_argument("url", metavar="URL")
    p = add(held, "release", "take pages as they are: they are published with the next run",
            _lazy("held", "held_release"), "tamizdat held release --outlet example --reason shrunk")  # fmt: skip
    p.add_argument("pages", metavar="URL", nargs="*")
    _which(p)
    p = add(held, "drop", "forget pages as they are: these bytes are not shown again",
            _lazy("held", "held_drop"), "tamizdat held drop --reason challenge")  # fmt: skip
    p.add_argument("pages", metavar="URL", nargs="*")
    _which(p)
    p = add(commands, "preview", "show what would be published; nothing is stored", _lazy("operator", "preview"),
            "tamizdat preview https://www.example.org/2027/03/01/article")  # fmt: skip
    p.add_argument("pages", metavar="URL|FILE", nargs="*")
    p.add_argument("--url", help="the address a given FILE was saved from")
    p.add_argument("--urls", metavar="FILE.tsv", type=Path, help="lines of FILE<tab>URL")
    p.add_argument("--allow-private", action="store_true", help="addresses on this machine or network too")
    p.add_argument("--keep", metavar="SEL", action="append", default=[], help="try a rule: the article is in there")
    p.add_argument("--drop", metavar="SEL", action="append", default=[], help="try a rule: that is no part of it")
    p.add_argument("--html", metavar="FILE", type=Path, help="page and article side by side, as a page for a browser")
    p.add_argument("--open", action="store_true", help="show that page once, on this machine, and end")

    p = add(commands, "status", "outlets, log and targets: last success, age, backlog, errors",
            _lazy("operator", "status"), "tamizdat status")  # fmt: skip
    p.add_argument("--html", metavar="FILE", type=Path, help="also write it as a page")
    p.add_argument("--all", action="store_true", help="a line for every mirror, however many there are")
    p = add(commands, "doctor", "check installation, clock, keys, disk, configuration, archive and targets",
            _lazy("operator", "doctor"), "tamizdat doctor")  # fmt: skip
    p.add_argument("--offline", action="store_true", help="do not contact targets")

    p = add(commands, "verify", "check a mirror, an article, a saved page, a pack, a bundle, a folder or evidence",
            _lazy("reader", "verify"), "tamizdat verify https://mirror.example --trust sha256:…")  # fmt: skip
    p.add_argument("what", metavar="WHAT")
    p.add_argument("--trust", metavar="T", help="a root file or sha256:… fingerprint; remembered after first use")
    p.add_argument(
        "--mirror",
        metavar="URL",
        action="append",
        default=[],
        help="a mirror to compare with, and where to look up the proof of a saved page or bundle; may be repeated",
    )
    p.add_argument("--url", help="the article's address, when it must be exactly this one")
    p.add_argument("--no-memory", action="store_true", help="remember nothing, know nothing from earlier visits")
    p = add(commands, "changes", "what changed in an article since the revision before, verified",
            _lazy("changes", "show"), "tamizdat changes https://mirror.example/a/0123456789ab.html")  # fmt: skip
    p.add_argument("article", metavar="ARTICLE", help="its page or bundle on a mirror, a file, a digest, its address")
    p.add_argument("other", metavar="EARLIER", nargs="?", help="compare with this one instead of the revision before")
    p.add_argument("--all", action="store_true", help="every revision, back to the first")
    p.add_argument("--mirror", metavar="URL", help="where to look up a digest, a bundle or an outlet's address")
    p.add_argument("--trust", metavar="T", help="a root file or sha256:… fingerprint; remembered after first use")
    p.add_argument("--no-memory", action="store_true", help="remember nothing, know nothing from earlier visits")
    p = add(commands, "get", "download, verified: the front page, an article as a file, or everything",
            _lazy("reader", "get"), "tamizdat get https://mirror.example -o copy/")  # fmt: skip
    p.add_argument("mirrors", metavar="MIRROR", nargs="+", help="addresses; the next is tried when one fails")
    p.add_argument(
        "-o", "--output", metavar="DIR|FILE", type=Path,
        help="a folder for everything; FILE.tamizdat or FILE.html for an article"
    )  # fmt: skip
    p.add_argument("--trust", metavar="T", help="a root file or sha256:… fingerprint; remembered after first use")
    p.add_argument("--no-memory", action="store_true", help="remember nothing, know nothing from earlier visits")

    p = add(commands, "export", "an article of the own archive as one file to pass on, signed for minisign as well",
            _lazy("export", "export"), "tamizdat export https://news.example/story -o story.tamizdat")  # fmt: skip
    p.add_argument("article", metavar="ARTICLE", help="address at the outlet, path of its page, or digest")
    p.add_argument(
        "--format", metavar="F", default="pack",
        help="pack (.tamizdat), html (a page that anybody can read, the pack inside), "
        "warc (.warc.gz: the page as it was fetched)"
    )  # fmt: skip
    p.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: named by the digest, in this folder")
    p.add_argument("--unsigned", action="store_true", help="no minisign signature beside it")

    p = add(commands, "reader", "reader.html, the one file to give to readers: write it, and its SHA-256 to tell them",
            _lazy("onefile", "show"), "tamizdat reader -o reader.html")  # fmt: skip
    p.add_argument("-o", "--output", metavar="FILE", type=Path, help="write it, as signed, and its .minisig")
    p.add_argument("--languages", metavar="L,L", help="a smaller one, not the signed one: these languages and English")
    p.add_argument("--qr", metavar="FILE", type=Path, help="the SHA-256 as a QR code, .svg or .png")

    p = add(commands, "witness", "cosign the logs of others, so that none can show two histories", None,
            "tamizdat witness init w1 --name witness.example.org/w1")  # fmt: skip
    witness = p.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
    for name, summary, call, example in (
        ("init", "make a witness: a key and an empty memory", "init", "init w1 --name witness.example.org/w1"),
        ("add-log", "follow a log", "add_log", "add-log w1 news.example.org/log/2027+0123abcd+AQ…"),
        ("list", "list the logs followed", "list_logs", "list w1"),
        ("remove-log", "follow a log no longer", "remove_log", "remove-log w1 news.example.org/log/2027"),
        ("serve", "answer requests for cosignatures", "serve", "serve w1 --port 8100"),
    ):
        p = add(witness, name, summary, _lazy("witness", call), f"tamizdat witness {example}")
        p.add_argument("folder", metavar="DIR", type=Path)
        p.add_argument("--passphrase", metavar="REF", help="of the key: env:NAME, file:PATH or cred:NAME")
        if name == "init":
            p.add_argument("--name", required=True, help="a name that is yours for good; part of the key")
        elif name == "add-log":
            p.add_argument("key", metavar="KEY", help="the log's public key, name+id+base64")
            p.add_argument("--origin", help="refuse unless this is the log's origin")
        elif name == "remove-log":
            p.add_argument("origin", metavar="ORIGIN")
        elif name == "serve":
            p.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1; a web server in front speaks TLS")
            p.add_argument("--port", metavar="P", type=_port, default=8100, help="0 takes any that is free")
            p.add_argument("--connections", metavar="N", type=_count, default=64, help="open at once (default 64)")
            p.add_argument("--clock-was-wrong", action="store_true", help="sign although the clock went back")
    mirrors = add(
        commands, "mirrors", "where readers find it, how independent those places are, what tells people of them", None,
        "tamizdat mirrors list",
    ).add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)  # fmt: skip
    add(mirrors, "list", "each mirror's network, country and host, and what they have in common",
        _lazy("mirrors", "show"), "tamizdat mirrors list")  # fmt: skip
    p = add(mirrors, "check", "look again where they are (DNS)", _lazy("mirrors", "check"), "tamizdat mirrors check")
    p.add_argument("--registrar", action="store_true", help="ask the registries whose names they are, over rdap.org")
    p = add(mirrors, "txt", "DNS records to paste", _lazy("mirrors", "txt"), "tamizdat mirrors txt news.example.org")
    p.add_argument("domain", metavar="DOMAIN", nargs="?", help="the publication's origin when left out")
    p = add(mirrors, "qr", "a QR code of a mirror's address, for a screen or paper", _lazy("mirrors", "qr"),
            "tamizdat mirrors qr web -o code.svg")  # fmt: skip
    p.add_argument("name", metavar="NAME", nargs="?", help="a target's name; the first mirror when left out")
    p.add_argument("--pin", action="store_true", help="of the fingerprint that readers pin; never put it beside DNS")
    p.add_argument("-o", "--output", metavar="FILE", type=Path, help=".svg or .png; to the terminal when left out")
    p = add(
        mirrors, "json", "mirrors.json, as root keys sign it", _lazy("mirrors", "json_file"), "tamizdat mirrors json"
    )
    p.add_argument("-o", "--output", metavar="FILE", type=Path)
    p = add(
        mirrors, "refresh", "get a newer table of networks", _lazy("mirrors", "refresh"), "tamizdat mirrors refresh"
    )
    p.add_argument("--from", dest="source", metavar="FILE|URL", help="a list you have, instead of iptoasn.com's")

    p = add(commands, "monitor", "follow a publication's mirrors and log; keep evidence of any second history",
            _lazy("monitor", "monitor"),
            "tamizdat monitor https://one.example https://two.example --trust sha256:…")  # fmt: skip
    p.add_argument("mirrors", metavar="MIRROR", nargs="*", help="addresses or folders, all of one publication")
    p.add_argument("--trust", metavar="T", help="a root file or sha256:… fingerprint; remembered after first use")
    p.add_argument("--witness", metavar="POLICY", type=Path, help="witnesses to ask besides those of the trust files")
    p.add_argument("--state", metavar="DIR", type=Path, help="what was seen so far, and the evidence")
    p.add_argument("--hook", metavar="COMMAND", help="run when something changes, with JSON on its stdin; no shell")
    p.add_argument("--every", metavar="SECONDS", type=float, help="go on for ever, with this pause")
    p.add_argument("--acknowledge", action="store_true", help="the alarms raised so far are known and dealt with")

    key = add(
        commands, "key", "list, make, rotate and encrypt keys; end a log; have root keys sign over USB", None,
        "tamizdat key list",
    ).add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)  # fmt: skip
    from mirror.commands.keyline import add_key_commands

    add_key_commands(key, add, _lazy)

    p = add(
        commands,
        "serve",
        "serve the archive on loopback, as a mirror would",
        _lazy("operator", "serve"),
        "tamizdat serve --port 8000",
    )
    p.add_argument("--port", metavar="P", type=_port, default=8000, help="0 takes any that is free")
    p = add(commands, "demo", "sample outlet, publication, two mirrors, and a tampered one that is caught",
            _lazy("demo", "demo"), "tamizdat demo")  # fmt: skip
    p.add_argument("folder", metavar="DIR", nargs="?", type=Path, help="kept afterwards; a temporary one when left out")
    p.add_argument("--serve", action="store_true", help="keep the mirrors up until Ctrl-C (the default on a terminal)")
    return top


def _which(parser: argparse.ArgumentParser, default: object = argparse.SUPPRESS) -> None:
    """Options that choose among the pages held back. A subcommand leaves alone what stood before it."""
    parser.add_argument("--outlet", metavar="ID", default=default, help="of this outlet")
    parser.add_argument("--reason", metavar="STATE", default=default, help="held for this reason: challenge, shrunk, …")


def _text(given: str) -> str:
    """What was typed, also where the locale knows nothing but ASCII."""
    try:
        return os.fsencode(given).decode("utf-8")
    except UnicodeError:
        raise argparse.ArgumentTypeError("is not UTF-8 text") from None


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _many(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 10_000_000:
        raise argparse.ArgumentTypeError("is a number from 1")
    return int(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 10_000:
        raise argparse.ArgumentTypeError("is a number from 1 to 10000")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    out = Output(as_json="--json" in words, quiet="--quiet" in words, progress="--no-progress" not in words)
    _settle()
    try:
        status = _run(words, out)
        _flush()
    except BrokenPipeError:
        # Whoever read us has gone (`| head`). Point stdout at nothing, so that the exit is quiet.
        _to_nowhere(1)
        return 1
    return status


def _run(words: list[str], out: Output) -> int:
    try:
        args = parser().parse_args(words)
        return int(args.run(args, out))
    except SystemExit as end:  # --help and --version
        return int(end.code or 0)
    except BrokenPipeError:
        raise
    except TamizdatError as error:
        failure = error
    except KeyboardInterrupt:
        failure = TamizdatError("stopped; nothing is lost, the next run continues")
        failure.status = 130
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        failure = TamizdatError(f"{where}{error.strerror or error}")
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        failure = TamizdatError(
            f"a mistake in this tool: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})",
            hint=f"please report it, with what {DEBUG}=1 shows",
        )
    out.error(failure)
    return failure.status


def _settle() -> None:
    """Make the process fit to run: three open streams that take any character, nothing made that others may write to,
    and an end by SIGTERM that is as clean as one by Ctrl-C."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _to_nowhere(number)  # or else the next file opened, a database perhaps, would be somebody's stderr
    prepare()
    os.umask(os.umask(0o022) | 0o022)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _to_nowhere(number: int) -> None:
    """Make this file descriptor lead to nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != number:
        os.dup2(nothing, number)
        os.close(nothing)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def entry() -> NoReturn:
    """The command. Ends the process, also when a thread still waits for some server."""
    status = main()
    if "mirror.publishing" in sys.modules:
        from mirror.publishing import leave

        leave(status)
    sys.exit(status)


if __name__ == "__main__":
    entry()
