"""`tamizdat demo`: the whole job once, for real, on the built-in sample outlet.

Everything happens on loopback: an outlet with banners and trackers is served, a publication is made, its articles go to
two mirrors, both are verified as a reader would; then a third mirror, a copy with one changed word, is caught.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mirror import config_edit
from mirror.errors import DoNotTrust, TamizdatError, UsageError
from mirror.findings import Verdict
from mirror.known import Memory
from mirror.output import Output
from mirror.publication import Publication, create
from mirror.read import FolderMirror, open_mirror
from mirror.serve import Served
from mirror.sweep import check_mirror


def demo(args: argparse.Namespace, out: Output) -> int:
    """Run the demonstration; 0 only when both mirrors verify and the tampered one is caught."""
    from mirror import sample

    # Absolute: it is shown as an address, at the end.
    folder = (args.folder or Path(tempfile.mkdtemp(prefix="tamizdat-demo-"))).absolute()
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder}: is not empty", hint="give another folder, or none")
    keep_serving = args.serve or (sys.stdin.isatty() and sys.stdout.isatty() and not out.as_json)
    with contextlib.ExitStack() as stack:
        outlet = stack.enter_context(sample.serve())
        out.say(f"1. An outlet with banners, trackers and consent walls is up: {outlet.url}")
        made = create(folder / "publication", name="Tamizdat demo", origin="demo.invalid", now=datetime.now(UTC))
        publication = made.publication
        out.say(f"2. A publication was made in {publication.folder}")
        out.say(f"   its readers pin {made.fingerprint}")
        mirrors = {}
        for name in ("mirror-one", "mirror-two"):
            (folder / name).mkdir(parents=True)
            mirrors[name] = stack.enter_context(Served(folder / name))
        publication = asyncio.run(_configure(publication, outlet.url, folder, mirrors))
        report = _run(publication, out)
        articles = sum(one.new for one in report.outlets)
        out.say(
            f"3. `run` took {articles} articles in four languages, signed and logged them, and pushed them to "
            f"{len(mirrors)} mirrors; nobody called the outlet's trackers"
        )
        trackers = outlet.tracker_hits
        verdicts = {name: _verify(served.url, made.fingerprint) for name, served in mirrors.items()}
        out.say("4. Both mirrors, read back byte by byte as a reader would:")
        for name, verdict in verdicts.items():
            out.say(f"   {name} {verdict.what}: {_words(verdict)}")
        changed = _tamper(folder / "mirror-two", folder / "mirror-three")
        third = stack.enter_context(Served(folder / "mirror-three"))
        caught = _verify(third.url, made.fingerprint)
        named = any(problem.path == changed for problem in caught.problems)
        out.say(f"5. A third mirror changed one byte of {changed}:")
        out.say(f"   mirror-three {third.url}: {_words(caught)}")
        for problem in caught.problems[:3]:
            out.say(f"   {problem.state}: {problem.path}: {problem.detail}")
        good = articles > 0 and report.status == 0 and all(one.status == 0 for one in verdicts.values())
        good = good and caught.status == DoNotTrust.status and named and not trackers
        page = folder / "mirror-one" / "index.html"
        out.say()
        out.say("Two verified mirrors, and one liar caught." if good else "Something went wrong; see above.")
        if keep_serving and good:
            out.say(f"Open {mirrors['mirror-one'].url}/index.html  (Ctrl-C ends the demo)")
        else:
            out.say(f"Open {page.as_uri()}")
        reader = folder / "mirror-one" / "reader.html"
        tool = "tamizdat" if shutil.which("tamizdat") else sys.argv[0]
        up = "" if keep_serving else f"; it asks the mirrors, which `{tool} demo --serve` keeps up"
        out.say(f"Or the reader, a file that checks all of this by itself: {reader.as_uri()}{up}")
        out.say(f"Check it yourself: {tool} verify {folder / 'mirror-one'} --trust {made.fingerprint}")
        out.result(
            {
                "folder": str(folder),
                "fingerprint": made.fingerprint,
                "articles": articles,
                "mirrors": [one.as_json() for one in verdicts.values()],
                "tampered": caught.as_json(),
                "changed": changed,
                "open": page.as_uri(),
                "reader": reader.as_uri(),
                "ok": good,
            }
        )
        if keep_serving and good:
            with contextlib.suppress(KeyboardInterrupt):
                mirrors["mirror-one"].wait()
        return 0 if good else TamizdatError.status


async def _configure(publication: Publication, outlet: str, folder: Path, mirrors: dict[str, Served]) -> Publication:
    """What `outlet add` and `target add` do: four language editions by their own feeds, two folders."""
    from mirror.net import Client
    from mirror.sources import discover

    path = publication.config.path
    async with Client.from_config(publication.config.fetch) as client:
        for language in ("en", "ru", "fa", "zh"):
            found = await discover(client, f"{outlet}/{language}/", allow_private=True)
            feed = found.feeds[0]
            config_edit.add_outlet(
                path,
                id=f"lantern-{language}",
                name=feed.title or language,
                url=found.site,
                feeds=[feed.url],
                language=language,
                allow_private=True,
            )
    for name, served in mirrors.items():
        config_edit.add_target(path, name=name, url=str((folder / name).absolute()), public=served.url)
    return Publication.open(path)


def _run(publication: Publication, out: Output) -> Any:
    from mirror.run import run

    return asyncio.run(run(publication, out))


def _verify(address: str, fingerprint: str) -> Verdict:
    return check_mirror(open_mirror(address), pin=fingerprint, memory=Memory(None), now=datetime.now(UTC))


def _words(verdict: Verdict) -> str:
    state = "authentic" if verdict.authentic else "NOT authentic"
    return f"{state}, {verdict.fresh}; {verdict.files} files, {verdict.bytes:,} bytes checked"


def _tamper(honest: Path, liar: Path) -> str:
    """Copy a mirror and flip one bit in the middle of an article; returns its path."""
    from signing.packing import gunzip

    shutil.copytree(honest, liar)
    for path in FolderMirror(liar).walk():
        file = liar / path
        data = bytearray(file.read_bytes())
        if path.startswith("o/") and data[:2] == b"\x1f\x8b" and b'"kind":"article"' in gunzip(bytes(data), 1 << 20):
            data[len(data) // 2] ^= 1
            file.write_bytes(data)
            return path
    raise TamizdatError(f"{honest}: no article there to tamper with")
