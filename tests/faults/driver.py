"""What `run` does after fetching, on a small publication: lock, add, seal, publish to a folder, audit. And `init`.

    python -m tests.faults.driver FOLDER          one run; exit status and messages as `tamizdat run` has them
    python -m tests.faults.driver FOLDER --make   the publication it starts from
    python -m tests.faults.driver FOLDER --init   a new publication, as `tamizdat init` makes it
    python -m tests.faults.driver FOLDER --step NAME NUMBER     see tests/faults/steps.py

Everything but adding the articles is done by `mirror.run` and `mirror.publication`, with the clock stopped. The
publication is made so that one run does all that a seal can do: tiles become full and their partial ones go, a shelf of
older articles is closed, an old edition and its pages are pruned, an article is superseded, one has a picture and a
part. Articles are made from numbers, so every run adds the same ones, and adding them again changes nothing.
"""

from __future__ import annotations

import functools
import shutil
import sys
from pathlib import Path

from mirror import config as configuration
from mirror import config_edit
from mirror import publication as publications
from mirror.archive import Addition
from mirror.errors import TamizdatError
from mirror.output import Output
from mirror.publication import Publication
from mirror.run import RunReport, publish_all, seal
from tests.archive import newsroom

# 1 trust file, 244 articles and 9 editions: a run adds 3 and an edition, and so steps over 256. Of outlet 0 there are
# 223 = 6 x 32 + 31: with two more the seventh shelf is full.
ARTICLES = {0: 223, 1: 21}
SEALS = 9
SIZE = 1 + sum(ARTICLES.values()) + SEALS
NOW = newsroom.at(7200)

OUT = Output(progress=False)


def make(folder: Path) -> None:
    """The publication, as yet without a target."""
    newsroom.create(folder).close()
    keys = folder / "keys"
    keys.mkdir(mode=0o700)
    for role in publications.ROLES:
        publications.write_key(keys / f"{role}.key", newsroom.key(role))
    _write_config(folder)
    publication = Publication.open(folder)
    with publication.archive() as archive, archive.locked():
        made = list(_before())
        first = len(made) - SEALS + 1
        for number, some in enumerate([made[:first], *([one] for one in made[first:])]):
            archive.add_many(some)
            seal(publication, archive, OUT, now=newsroom.at(3600 + 10 * number))
        assert archive.head().size == SIZE


def place(made: Path, folder: Path) -> None:
    """A copy of what `make` made, with a target that has everything. Targets are known by their path."""
    shutil.copytree(made, folder)
    (folder / "target").mkdir()
    _write_config(folder, target=folder / "target")
    publication = Publication.open(folder)
    with publication.archive() as archive, archive.locked():
        reports = publish_all(publication, archive, OUT, now=newsroom.at(7000))
        assert [report.as_json()["audit"] for report in reports] == ["ok"]


def _write_config(folder: Path, *, target: Path | None = None) -> None:
    path = folder / configuration.FILE_NAME
    if not path.exists():
        text = config_edit.default_text(newsroom.PUBLICATION.name, newsroom.PUBLICATION.origin)
        path.write_text(text.replace('# reserve = "512MiB"', "reserve = 0"))
        for number in ARTICLES:
            outlet = newsroom.outlet(number)
            config_edit.add_outlet(path, id=outlet.id, name=outlet.name, url=outlet.url, language=outlet.language)
    if target is not None:
        config_edit.add_target(path, name="folder", url=str(target))
        # strace counts calls by thread: with one thread that pushes, each call has the same number every time.
        path.write_text(path.read_text().replace("\n[publish]\n", "\n[publish]\nworkers = 1\n") + "workers = 1\n")


@functools.cache
def _before() -> tuple[Addition, ...]:
    return tuple(
        newsroom.addition(number, of=outlet, picture=b"a picture" if number == 5 else None)
        for outlet, count in ARTICLES.items()
        for number in range(count)
    )


@functools.cache
def additions() -> tuple[Addition, ...]:
    """What every run adds."""
    count = ARTICLES[0]
    return (
        newsroom.addition(count, fetched=NOW),
        newsroom.addition(count + 1, fetched=NOW, picture=b"another picture" * 100, long=True),
        newsroom.addition(7, of=1, revision=2, fetched=NOW),
    )


def expected() -> set[str]:
    """The digests of all articles that there are after a run."""
    return {newsroom.digest(addition) for addition in (*_before(), *additions())}


def run(folder: Path) -> int:
    """One run; returns its exit status, raises what `tamizdat run` would report."""
    publication = Publication.open(folder)
    report = RunReport()
    with publication.archive() as archive, archive.locked():
        # One by one and together: both ways there are to add.
        first, *others = additions()
        archive.add(first.article, first.stored, first.objects, first.content_key)
        archive.add_many(others)
        report.sealed = seal(publication, archive, OUT, now=NOW)
        report.targets = publish_all(publication, archive, OUT, now=NOW)
    for target in report.targets:
        if target.problem is None and not target.ok:  # a problem is said already
            OUT.note(str(target.as_json()["problem"]))
    return report.status


def init(folder: Path) -> int:
    """One `tamizdat init`."""
    publications.create(folder, name=newsroom.PUBLICATION.name, origin=newsroom.ORIGIN, now=newsroom.START)
    return 0


def main(arguments: list[str]) -> int:
    """The exit status."""
    folder = Path(arguments[0])
    try:
        if "--make" in arguments:
            make(folder)
            return 0
        if "--step" in arguments:
            from tests.faults import steps

            return steps.step(folder, arguments[-2], int(arguments[-1]))
        return init(folder) if "--init" in arguments else run(folder)
    except TamizdatError as error:
        OUT.error(error)
        return error.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
