"""What a censor, or bad luck, does to a reader's mirrors: each case with the state that must be shown, and whether the
article must be read. `run` plays one; the trials check all of them, the benchmark takes their time and bytes."""

from __future__ import annotations

import gzip
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.reader import acts
from tests.reader.browsers import BrowserError, Page
from tests.reader.censor import CUT, MODEM, Answer, Censor, Host, Line, folder
from tests.reader.press import Made, Press
from tests.reader.waiting import PATIENCE
from tests.servers.certificates import Certificates

BLOCKED = (
    b"<!DOCTYPE html><html><head><title>Access denied</title></head><body><h1>Verified</h1><p>This resource is blocked "
    b"by order of the authorities. Unverified words of somebody else.</p></body></html>"
)
FORGED = b"Unverified words of somebody else"


class Scene:
    """A publication today, its tree one edition ago, and another history since then signed by the same keys. The
    article that everybody reads is `short`; `long` comes in several parts, `told` only in the other history."""

    def __init__(self, where: Path) -> None:
        self.where = where
        self.press = press = Press(where / "publication")
        press.mirrors = ()
        press.print_samples()
        press.seal()
        self.yesterday = where / "yesterday"
        shutil.copytree(press.tree, self.yesterday)
        self.other = press.split(where / "other")
        self.other.print_note(100, "Something else happened")
        self.other.seal()
        press.print_note(99, "The newest of all")
        press.seal()
        self.tree = press.tree
        self.short = next(one for one in press.made if one.language == "en" and "tide" in one.title.lower())
        self.long = next(one for one in press.made if self.parts(one))
        self.newest = press.made[-1]
        objects = [file for file in press.tree.glob("o/*/*") if file.read_bytes()[8:12] == b"WEBP"]
        self.pictures = {str(file.relative_to(press.tree)) for file in objects}

    def parts(self, made: Made) -> int:
        """How many further parts it comes in."""
        stored = (self.tree / "o" / made.digest[:2] / made.digest[2:]).read_bytes()
        return len(json.loads(gzip.decompress(stored).split(b"\n")[0])["parts"])


@dataclass(slots=True)
class Stage:
    """What a case arranges its mirrors with."""

    scene: Scene
    censor: Censor
    certificates: Certificates
    name: str
    hosts: list[Host] = field(default_factory=list)

    def mirror(
        self, tree: Path | None = None, *, tls: bool = False, certificate: Path | None = None, **treated: Any
    ) -> Host:
        """One more mirror, asked in no order: the reader shuffles. `tree` is today's when left out."""
        if certificate is None and tls:
            certificate = self.certificates.good
        name = f"{self.name}-{len(self.hosts)}.mirrors.test"
        host = self.censor.host(name, tree or self.scene.tree, certificate=certificate, **treated)
        self.hosts.append(host)
        return host

    def page(self, body: bytes = BLOCKED, *, status: int = 200, cors: bool = True, **headers: str) -> Host:
        extra = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        answer = Answer(body=body, status=status, cors=cors, headers=(("Content-Type", "text/html"), *extra))
        return self.mirror(lie=lambda _path, _file: answer)

    def flipped(self, *beginnings: str) -> Host:
        """A mirror that changes one byte in the middle of files whose paths begin like this."""

        def lie(path: str, file: bytes | None) -> bytes | None:
            if file is None or not path.startswith(beginnings):
                return file
            at = len(file) // 2
            return file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]

        return self.mirror(lie=lie)

    def modem(self, **more: Any) -> Host:
        return self.mirror(line=Line(*MODEM), **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`arrange` makes the mirrors of the first visit; `then`, when there is one, changes the world for a second,
    which is the one that counts. `state` are the states that may be shown, `reads` whether the article's text must
    come."""

    arrange: Callable[[Stage], object]
    state: tuple[str, ...]
    reads: bool
    then: Callable[[Stage], object] | None = None
    which: str = "short"
    before: str = ""
    everywhere: bool = False  # in every browser, each time; the others only when all is asked for
    budget: float | None = None
    seconds: float = PATIENCE


def _ten(stage: Stage) -> None:
    stage.mirror(stalled=True)
    stage.mirror(refused=True)
    stage.page()
    stage.page(status=403)
    stage.page(b"", status=302, Location="http://elsewhere.mirrors.test/")
    stage.flipped("front")
    stage.flipped("o/")
    stage.mirror(cut=600)
    stage.mirror(certificate=stage.certificates.wrong_name)
    stage.mirror()


def _dead(stage: Stage) -> None:
    stage.mirror(stalled=True)
    stage.mirror(refused=True)


def _kill(stage: Stage) -> None:
    for host in stage.hosts:
        host.treat(refused=True)


def _serve(tree: str) -> Callable[[Stage], None]:
    def change(stage: Stage) -> None:
        place = stage.scene.yesterday if tree == "yesterday" else stage.scene.other.tree
        for host in stage.hosts:
            host.files = folder(place)

    return change


def _tamper(stage: Stage) -> None:
    for host in stage.hosts:
        host.treat(lie=lambda _path, file: None if file is None else file[:-9] + bytes(9))


VERIFIED = ("verified",)
CASES: dict[str, Case] = {
    "one-good": Case(arrange=lambda stage: stage.mirror(), state=VERIFIED, reads=True),
    "one-https": Case(arrange=lambda stage: stage.mirror(tls=True), state=VERIFIED, reads=True),
    "cut-frozen": Case(arrange=lambda stage: stage.mirror(cut=CUT), state=VERIFIED, reads=True, which="long"),
    "cut-torn": Case(
        everywhere=True,
        arrange=lambda stage: stage.mirror(cut=CUT, torn=True),
        state=VERIFIED,
        reads=True,
        which="long",
    ),
    "cut-https": Case(arrange=lambda stage: stage.mirror(cut=CUT, tls=True), state=VERIFIED, reads=True),
    "cut-early": Case(
        arrange=lambda stage: stage.mirror(cut=10_000, torn=True),
        state=VERIFIED,
        reads=True,
        which="long",
    ),
    "modem": Case(arrange=lambda stage: stage.modem(), state=VERIFIED, reads=True, budget=4.5),
    "modem-https": Case(arrange=lambda stage: stage.modem(tls=True), state=VERIFIED, reads=True, budget=7),
    "modem-cut": Case(arrange=lambda stage: stage.modem(cut=CUT), state=VERIFIED, reads=True),
    "stalled-and-good": Case(
        arrange=lambda stage: (stage.mirror(stalled=True), stage.mirror()), state=VERIFIED, reads=True
    ),
    "reset-and-good": Case(
        arrange=lambda stage: (stage.mirror(refused=True), stage.mirror()), state=VERIFIED, reads=True
    ),
    "block-page-and-good": Case(arrange=lambda stage: (stage.page(), stage.mirror()), state=VERIFIED, reads=True),
    "statuses-and-good": Case(
        arrange=lambda stage: (stage.page(status=451), stage.page(status=503), stage.page(status=404), stage.mirror()),
        state=VERIFIED,
        reads=True,
    ),
    "redirect-and-good": Case(
        arrange=lambda stage: (stage.page(b"", status=302, Location="http://elsewhere.mirrors.test/"), stage.mirror()),
        state=VERIFIED,
        reads=True,
    ),
    "no-cors-and-good": Case(
        everywhere=True, arrange=lambda stage: (stage.page(cors=False), stage.mirror()), state=VERIFIED, reads=True
    ),
    "tampered-front-and-good": Case(
        arrange=lambda stage: (stage.flipped("front"), stage.mirror()), state=VERIFIED, reads=True
    ),
    "tampered-articles-and-good": Case(
        arrange=lambda stage: (stage.flipped("o/"), stage.mirror()), state=VERIFIED, reads=True
    ),
    "endless-and-good": Case(
        arrange=lambda stage: (stage.mirror(lie=lambda _path, _file: bytes(3_000_000)), stage.mirror()),
        state=VERIFIED,
        reads=True,
    ),
    "drip-and-good": Case(arrange=lambda stage: (stage.mirror(drip=200), stage.mirror()), state=VERIFIED, reads=True),
    "wrong-server-and-good": Case(
        everywhere=True,
        arrange=lambda stage: (
            stage.mirror(certificate=stage.certificates.wrong_name),
            stage.mirror(certificate=stage.certificates.self_signed),
            stage.mirror(tls=True),
        ),
        state=VERIFIED,
        reads=True,
    ),
    "yesterday-and-good": Case(
        arrange=lambda stage: (stage.mirror(stage.scene.yesterday), stage.mirror()),
        state=VERIFIED,
        reads=True,
    ),
    "one-of-ten": Case(everywhere=True, arrange=_ten, state=VERIFIED, reads=True),
    "nothing-answers": Case(arrange=_dead, state=("empty",), reads=False),
    "block-pages": Case(arrange=lambda stage: (stage.page(), stage.page()), state=("broken",), reads=False),
    "all-tampered": Case(arrange=lambda stage: stage.flipped("front", "o/"), state=("broken",), reads=False),
    "articles-tampered": Case(arrange=lambda stage: stage.flipped("o/"), state=VERIFIED, reads=False),
    "gone-later": Case(
        everywhere=True, arrange=lambda stage: stage.mirror(), then=_kill, state=("offline",), reads=True
    ),
    "tampered-later": Case(arrange=lambda stage: stage.mirror(), then=_tamper, state=("offline",), reads=True),
    "rollback": Case(
        arrange=lambda stage: stage.mirror(), then=_serve("yesterday"), state=("lagging",), reads=True, which="newest"
    ),
    "fork": Case(arrange=lambda stage: stage.mirror(), then=_serve("other"), state=("fork",), reads=False),
    "clock-of-long-ago": Case(
        arrange=lambda stage: stage.mirror(),
        before="const real = Date; const then = () => real.UTC(2001, 0, 1) + (performance.now() | 0);"
        "window.Date = class extends real { constructor(...given) { super(...(given.length ? given : [then()])); } };"
        "window.Date.now = then;",
        state=("unknown-clock",),
        reads=True,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`first` and `article` are seconds until the state and the text stood there; None: never. `bytes` came from
    mirrors."""

    state: str | None
    read: bool
    first: float | None
    article: float | None
    bytes: int
    requests: int
    problems: list[str]
    strangers: list[str]
    told: str
    forged: bool


def run(name: str, page: Page, stage: Stage, where: Path, shot: Path | None = None) -> Outcome:
    """Plays the case called `name` for somebody who was never here. Files go to `where`, a picture of the front page
    to `shot`."""
    case = CASES[name]
    case.arrange(stage)
    file = where / f"{stage.name}.html"
    stage.scene.press.reader(file, mirrors=tuple(host.url for host in stage.hosts))
    made: Made = getattr(stage.scene, case.which)
    if case.before:
        page.before(case.before)
    if case.then is not None:
        page.open(file)
        acts.settled(page, "verified", seconds=case.seconds)
        acts.go(page, made)
        acts.arrived(page, made, case.seconds)
        page.evaluate("(() => { location.hash = ''; })()")
        case.then(stage)
    return _visit(page, case, stage, made, (file, shot))


def _visit(page: Page, case: Case, stage: Stage, made: Made, files: tuple[Path, Path | None]) -> Outcome:
    file, shot = files
    for host in stage.hosts:
        host.down = 0
        host.asked.clear()
    begun = time.monotonic()
    first = article = None
    page.open(file)
    state = told = None
    try:
        state = acts.settled(page, *case.state, seconds=case.seconds)
        first = time.monotonic() - begun
    except BrowserError as error:
        told = str(error)
        state = acts.state(page)
    if shot is not None:
        page.shot(shot)
    acts.go(page, made)
    try:
        if case.reads:
            acts.arrived(page, made, case.seconds)
            article = time.monotonic() - begun
        else:
            acts.refused(page, seconds=case.seconds)
    except BrowserError as error:
        told = f"{told or ''} {error}"
    text = page.text()
    return Outcome(
        state=state, read=made.text in text, first=first, article=article,
        bytes=sum(host.down for host in stage.hosts), requests=sum(len(host.asked) for host in stage.hosts),
        problems=list(page.problems), strangers=list(stage.censor.strangers), told=told or page.told(),
        forged=FORGED.decode() in text,
    )  # fmt: skip
