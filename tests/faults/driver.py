"""What `run` does after fetching, on a small publication: lock, add, seal, freshen trust, publish to a folder.

    python -m tests.faults.driver FOLDER          one run; exit status and messages as `tamizdat run` has them
    python -m tests.faults.driver FOLDER --make   the publication it starts from

The publication is made so that one run does all that a seal can do: tiles become full and their partial ones go, a
shelf of older articles is closed, an old edition and its pages are pruned, an article is superseded, one has a picture
and a part. Articles are made from numbers, so every run adds the same ones, and adding them again changes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from mirror.archive import Addition, Archive
from mirror.errors import TamizdatError
from tests.archive import newsroom

# 1 trust file, 244 articles and 9 editions: a run adds 3 and an edition, and so steps over 256. Of outlet 0 there are
# 223 = 6 x 32 + 31: with two more the seventh shelf is full.
ARTICLES = {0: 223, 1: 21}
SEALS = 9
OUTLETS = len(ARTICLES)


def make(folder: Path) -> None:
    """The publication, with a target that has everything."""
    (folder / "target").mkdir(parents=True)
    with newsroom.create(folder) as archive:
        with archive.locked():
            made = list(_before())
            first = len(made) - SEALS + 1
            archive.add_many(made[:first])
            for number, addition in enumerate([None, *made[first:]]):
                archive.add_many([addition] if addition else [])
                newsroom.seal(archive, newsroom.at(3600 + 60 * number), outlets=OUTLETS, render=newsroom.Pages())
            publish(archive, folder)
        assert archive.head().size == 254


def _before() -> Iterator[Addition]:
    for outlet, count in ARTICLES.items():
        for number in range(count):
            yield newsroom.addition(number, of=outlet, picture=b"a picture" if number == 5 else None)


def additions() -> tuple[Addition, ...]:
    """What every run adds."""
    later = newsroom.at(7200)
    return (
        newsroom.addition(223, fetched=later),
        newsroom.addition(224, fetched=later, picture=b"another picture" * 100, long=True),
        newsroom.addition(7, of=1, revision=2, fetched=later),
    )


def expected() -> set[str]:
    """The digests of all articles that there are after a run."""
    return {newsroom.digest(addition) for addition in (*_before(), *additions())}


def run(folder: Path) -> None:
    """One run; raises what `tamizdat run` would report."""
    with Archive(folder, reserve=0) as archive, archive.locked():
        # One by one and together: both ways there are to add.
        first, *others = additions()
        archive.add(first.article, first.stored, first.objects, first.content_key)
        archive.add_many(others)
        newsroom.seal(archive, newsroom.at(7200), outlets=OUTLETS, render=newsroom.Pages())
        archive.refresh_trust(newsroom.KEYS, newsroom.at(7200))
        publish(archive, folder)


def publish(archive: Archive, folder: Path) -> None:
    from mirror.config import TargetConfig
    from mirror.publish import publish as push
    from mirror.targets import open_target

    url = f"file:{folder / 'target'}"
    target = open_target("folder", url, {}, lambda reference: reference)
    try:
        push(archive, target, TargetConfig(name="folder", url=url, workers=1), now=newsroom.stamp(newsroom.at(7200)))
    finally:
        target.close()


def main(arguments: list[str]) -> int:
    """The exit status."""
    try:
        (make if "--make" in arguments else run)(Path(arguments[0]))
    except TamizdatError as error:
        print(f"tamizdat: error: {error}", file=sys.stderr)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
