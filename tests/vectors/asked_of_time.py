"""Checks 11 to 13: what is old, what is another history, what is no longer the newest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signing import authority
from signing.keys import SignerKey
from signing.packing import digest_of
from signing.proof import Proof
from signing.proof import parse as parse_proof
from tests.vectors.asked_of_mirrors import (
    FRESH,
    FRONT,
    GOOD,
    ask,
    failed,
    first_half,
    o,
    proof,
    second_half,
    stored,
    unstored,
)
from tests.vectors.book import Book
from tests.vectors.publication import (
    DUE,
    LOG,
    ONLINE,
    ROOTS,
    SECOND,
    SECOND_PUBLISHER,
    THIRD,
    Log,
    Publication,
    article,
    bundle,
    key,
    publisher_key,
    trust_files,
    trust_json,
)

FORK = {"authentic": False, "check": None, "error": None, "evidence": "fork"}
TILES = ("tile/0/000.p/10", "tile/entries/000.p/10")


def write(book: Book, before: Publication, plain: Publication) -> None:
    seen_before(book, before, plain)
    two_histories(book, plain)
    freshness(book, plain)
    current(book, before, plain)
    trust_behind(book, plain)


def note_at(publication: Publication, name: str) -> bytes:
    """The checkpoint that the proof of this object ends in."""
    return parse_proof(publication.files[proof(publication.digests[name])]).checkpoint


def without_lines(front: bytes) -> bytes:
    """The front without its consistency lines."""
    lines = unstored(front).split(b"\n")
    return stored(b"\n".join(line for line in lines if not line.startswith(b"consistency ")))


def seen_before(book: Book, before: Publication, plain: Publication) -> None:
    four, six, ten = (note_at(plain, name) for name in ("story", "secret", "quiet"))
    front = plain.files["front"]

    def case(
        name: str,
        about: str,
        remembered: bytes,
        expect: Mapping[str, Any],
        mirror: str = "plain",
        **change: bytes | None,
    ) -> None:
        paths = {path.replace("__", "/").replace("_p_", ".p/"): data for path, data in change.items()}
        book.asked(mirror, f"11-{name}", about, FRONT, expect, change=paths, checkpoints={LOG.name: remembered})

    newer = {**FRESH, "seen": "newer"}
    case("newer", "Size 6 was seen before; a line in the front proves that 10 continues it.", six, newer)
    case("newer-than-the-first", "Size 4 was seen before.", four, newer)
    case("same", "The same checkpoint was seen before.", ten, {**FRESH, "seen": "same"})
    case(
        "older",
        "Size 10 was seen before, here is 6: rolled back.",
        ten,
        {**GOOD, "seen": "older", "fresh": "stale"},
        "earlier",
    )
    bare = without_lines(front)
    case("newer-by-tiles", "No line in the front, but the tiles prove it.", six, newer, front=bare)
    lines = unstored(front).split(b"\n")
    wrong = lines[2].split(b" ")
    hashes = [wrong[2][:-2] + (b"A=" if wrong[2][-2:] != b"A=" else b"E="), *wrong[3:]]
    lines[2] = b" ".join([*wrong[:2], *hashes])
    spoilt = stored(b"\n".join(lines))
    case("wrong-line", "A wrong line is no evidence; the tiles decide.", four, newer, front=spoilt)
    no_tiles = {path: None for path in plain.files if path.startswith("tile/")}
    unknown = {**GOOD, "seen": "unknown", "fresh": "unknown"}
    asked = book.asked
    asked(
        "plain",
        "11-no-tiles",
        "Neither a line nor tiles: nothing is known.",
        FRONT,
        unknown,
        change={"front": bare, **no_tiles},
        checkpoints={LOG.name: six},
    )
    asked(
        "plain",
        "11-wrong-line-no-tiles",
        "A wrong line and no tiles.",
        FRONT,
        unknown,
        change={"front": spoilt, **no_tiles},
        checkpoints={LOG.name: four},
    )
    path = TILES[0]
    flipped = bytes([plain.files[path][0] ^ 1]) + plain.files[path][1:]
    asked(
        "plain",
        "11-wrong-tiles",
        "No line, and tiles that do not lead to the signed root.",
        FRONT,
        unknown,
        change={"front": bare, path: flipped},
        checkpoints={LOG.name: six},
    )
    other = Publication(trust_files())
    other.log = Log(LOG)


def second_history(size: int) -> Log:
    """The same key's log with other entries."""
    log = Log(LOG)
    for number in range(size):
        log.tree.append(b"another history %d" % number)
    return log


def two_histories(book: Book, plain: Publication) -> None:
    front = plain.files["front"]
    asked = book.asked
    asked(
        "plain",
        "11-fork-same-size",
        "Size 10 with another root was seen before, signed by the same key.",
        FRONT,
        FORK,
        checkpoints={LOG.name: second_history(10).signed()},
    )
    six = second_history(6).signed()
    asked(
        "plain",
        "11-fork-smaller",
        "A size 6 was seen before that is not the beginning of this log.",
        FRONT,
        FORK,
        checkpoints={LOG.name: six},
    )
    no_tiles = {path: None for path in plain.files if path.startswith("tile/")}
    asked(
        "plain",
        "11-fork-without-tiles",
        "The same without tiles: the line cannot be told from a wrong one.",
        FRONT,
        {**GOOD, "seen": "unknown", "fresh": "unknown"},
        change=no_tiles,
        checkpoints={LOG.name: six},
    )
    asked(
        "plain",
        "11-larger-fork",
        "A larger log of other entries was seen before: no more than older, here.",
        FRONT,
        {**GOOD, "seen": "older", "fresh": "stale"},
        checkpoints={LOG.name: second_history(12).signed()},
    )

    # An article that only the second history has.
    private = article(9)
    data = bundle(private)
    digest = digest_of(data)
    for size, name, about in ((8, "smaller", "of 8"), (10, "same-size", "of 10")):
        log = second_history(size - 1)
        from signing.entry import entry_of

        index = log.tree.append(entry_of(private, digest, len(data)).encode())
        proved = Proof(index=index, hashes=log.tree.inclusion(index), checkpoint=log.signed()).encode()
        change = {o(digest): data, proof(digest): proved}
        asked(
            "plain",
            f"fork-article-{name}",
            f"An article proved by a second history, {about}.",
            ask(digest),
            FORK,
            change=change,
        )
    small = second_history(7)
    index = small.tree.append(entry_of(private, digest, len(data)).encode())
    proved = Proof(index=index, hashes=small.tree.inclusion(index), checkpoint=small.signed()).encode()
    asked(
        "plain",
        "fork-article-without-tiles",
        "Without tiles it cannot be shown, and counts as what is signed.",
        ask(digest),
        {**GOOD, "fresh": "fresh"},
        change={o(digest): data, proof(digest): proved, **no_tiles, "front": without_lines(front)},
    )


def freshness(book: Book, plain: Publication) -> None:
    asked = book.asked
    asked("plain", "12-due-now", "At the second at which the next edition is due.", FRONT, FRESH, now=DUE)
    asked("plain", "12-overdue", "A second later.", FRONT, {**GOOD, "fresh": "stale"}, now="2027-03-01T15:30:01Z")
    quiet = ask(plain.digests["quiet"])
    asked(
        "plain",
        "12-overdue-article",
        "An article stays authentic when nobody publishes any more.",
        quiet,
        {**GOOD, "fresh": "stale", "current": "current"},
        now="2027-03-08T00:00:00Z",
    )
    expired = "2027-03-15T08:00:00Z"
    asked(
        "plain", "12-expired-trust", "The timestamp has expired, too.", quiet, {**GOOD, "fresh": "stale"}, now=expired
    )
    asked(
        "plain",
        "12-years-later",
        "Everything has expired; the article is what it was.",
        quiet,
        {**GOOD, "fresh": "stale"},
        now="2037-01-01T00:00:00Z",
    )
    asked(
        "plain",
        "12-slow-clock",
        "The clock is half an hour slow.",
        FRONT,
        {**GOOD, "fresh": "fresh"},
        now="2027-03-01T09:00:00Z",
    )
    asked(
        "plain",
        "12-slow-clock-by-an-hour",
        "The clock is an hour slow: still believed.",
        FRONT,
        {**GOOD, "fresh": "fresh"},
        now="2027-03-01T08:30:00Z",
    )
    asked(
        "plain",
        "12-from-the-future",
        "The edition is dated more than an hour ahead: not believed to be fresh.",
        FRONT,
        {**GOOD, "fresh": "unknown"},
        now="2027-03-01T08:29:59Z",
    )
    long_expired = Publication(trust_files())
    long_expired.serial = 4
    long_expired.add("story", article(1))
    long_expired.seal(THIRD, next="2027-06-01T00:00:00Z")
    book.mirror("patient", "Its next edition is due in three months only.", long_expired)
    asked(
        "patient",
        "12-expired-timestamp",
        "No edition is due, but the timestamp has expired: frozen trust files.",
        FRONT,
        {**GOOD, "fresh": "stale"},
        now=expired,
    )
    asked(
        "patient",
        "12-last-second-of-the-timestamp",
        "One second before.",
        FRONT,
        {**GOOD, "fresh": "fresh"},
        now="2027-03-15T07:59:59Z",
    )


def current(book: Book, before: Publication, plain: Publication) -> None:
    asked = book.asked
    quiet, story = ask(plain.digests["quiet"]), ask(plain.digests["story"])
    nothing = {**GOOD, "fresh": "unknown", "current": "unknown", "seen": None}
    asked("plain", "13-no-front", "No front: nothing is known of newer ones.", quiet, nothing, change={"front": None})
    asked(
        "plain",
        "13-bad-front",
        "A front that fails its checks says nothing.",
        quiet,
        nothing,
        change={"front": b"<html></html>"},
    )
    old = {"front": before.files["front"], "checkpoint": before.files["checkpoint"]}
    asked(
        "plain",
        "13-older-edition",
        "The edition is older than the article.",
        quiet,
        {**GOOD, "current": "unknown"},
        change=old,
    )
    asked(
        "plain",
        "13-superseded-unknown-to-the-edition",
        "The edition at hand still lists the earlier revision.",
        story,
        {**GOOD, "current": "current"},
        change=old,
    )
    no_entries = {path: None for path in plain.files if path.startswith("tile/entries/")}
    asked(
        "plain",
        "13-no-entries",
        "Not listed, and the log cannot be read.",
        story,
        {**GOOD, "current": "unknown"},
        change=no_entries,
    )
    path = TILES[1]
    other = plain.files[path].replace(b"sample", b"simple", 1)
    asked(
        "plain",
        "13-wrong-entries",
        "Not listed, and the entries are not those of the signed root.",
        story,
        {**GOOD, "current": "unknown"},
        change={path: other},
    )
    silent = Publication(trust_files())
    first_half(silent)
    second_half(silent, withdrawals=[])
    book.mirror("silent", "As `plain`, but the edition does not list the withdrawal: there were newer ones.", silent)
    asked(
        "silent",
        "13-withdrawn-by-the-log",
        "The log has the withdrawal, whatever the edition lists.",
        ask(silent.digests["secret"]),
        {**GOOD, "current": "withdrawn"},
    )
    gone = Publication(trust_files())
    first_half(gone)
    gone.add("secret, revised", article(3, revision=2, replaces=gone.digests["secret"], fetched=SECOND))
    gone.withdraw("secret, revised", article(3)["url"], THIRD)
    gone.seal(THIRD)
    book.mirror("gone", "An article was revised, and then withdrawn.", gone)
    asked(
        "gone",
        "13-revised-then-withdrawn",
        "Withdrawn counts more than superseded.",
        ask(gone.digests["secret"]),
        {**GOOD, "current": "withdrawn"},
    )


def trust_behind(book: Book, plain: Publication) -> None:
    def retargeted(name: str) -> dict[str, bytes]:
        made = authority.retarget(plain.files.get, ROOTS[:1], ONLINE, trust_json(name=name, time=SECOND), SECOND)
        return {path: data for path, data in plain.files.items() if path.startswith("trust/")} | made

    newer, other = retargeted("Renamed"), retargeted("Renamed otherwise")
    asked = book.asked
    asked(
        "plain",
        "12-trust-behind",
        "Newer trust files were seen before: what is here is stale.",
        FRONT,
        {**GOOD, "fresh": "stale"},
        trust=newer,
    )
    own = {path: data for path, data in plain.files.items() if path.startswith("trust/")}
    asked("plain", "12-trust-the-same", "The same trust files were seen before.", FRONT, FRESH, trust=own)
    change = {path: data for path, data in newer.items() if own.get(path) != data}
    newest_of_both(book, plain, newer)
    asked("plain", "12-trust-newer", "Older trust files were seen before.", FRONT, FRESH, change=change, trust=own)
    asked(
        "plain",
        "trust-two-of-one-version",
        "Another trust.json of the same version was seen before.",
        FRONT,
        {"authentic": False, "error": "trust", "evidence": "trust"},
        change=change,
        trust=other,
    )


def newest_of_both(book: Book, plain: Publication, renamed: Mapping[str, bytes]) -> None:
    """The mirror's trust files and those remembered count together: one has the newer root, the other newer targets."""
    own = {path: data for path, data in plain.files.items() if path.startswith("trust/")}

    def retargeted(**changes: Any) -> dict[str, bytes]:
        """Two steps on: a rotated root comes with targets of version 2."""
        made = authority.retarget(renamed.get, ROOTS[:1], ONLINE, trust_json(time=THIRD, **changes), THIRD)
        return {**renamed, **made}

    def rotated(online: SignerKey) -> dict[str, bytes]:
        made = authority.rotate(own.get, signers=ROOTS[:1], root=ROOTS[:1], threshold=1, online=online, now=SECOND)
        return {**own, **made}

    named = retargeted(name="Renamed twice")
    publishers = [publisher_key(SECOND_PUBLISHER.verifier, **{"from": "2027-01-01T00:00:00Z"})]
    revoked = retargeted(publishers=publishers)
    rooted, elsewhere = rotated(ONLINE), rotated(key("example.org/online-2"))

    def case(
        name: str, about: str, served: Mapping[str, bytes], seen: Mapping[str, bytes], expect: Mapping[str, Any]
    ) -> None:
        change = {path: data for path, data in served.items() if own.get(path) != data}
        book.asked("plain", f"trust-both-{name}", about, FRONT, expect, change=change, trust=seen)

    made = authority.rotate(own.get, signers=ROOTS[:1], root=ROOTS, threshold=2, online=ONLINE, now=SECOND)
    about = "Other targets were seen, by a key that counted alone then and is one of three now: it accuses nobody."
    case("counted-alone-once", about, {**own, **made}, renamed, FRESH)
    stale = {**GOOD, "fresh": "stale"}
    case("older-targets", "A newer root under older targets than were seen.", rooted, named, stale)
    case("older-root", "An older root under newer targets than were seen.", named, rooted, stale)
    case(
        "revoked-before",
        "Nor does a newer root bring back a publisher's key that was seen to be revoked.",
        rooted,
        revoked,
        failed(5),
    )
    case(
        "revoked-now",
        "The mirror's newer targets revoke the publisher's key, whatever newer root was seen.",
        revoked,
        rooted,
        failed(5),
    )
    case(
        "other-online-key",
        "A root with another online key: what the old one said of newer targets is gone.",
        elsewhere,
        revoked,
        FRESH,
    )
