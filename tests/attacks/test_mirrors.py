"""What a mirror, or whoever sits on the line to it, can do without any key. It is told apart from honest mirrors every
time: the next command in each test looks at one, and finds nothing wrong."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirror.read import object_path, proof_path
from signing import checkpoint as checkpoints
from signing import front as fronts
from signing import proof as proofs
from signing.merkle import inclusion_proof
from signing.note import parse as parse_note
from signing.packing import gzip_bytes
from signing.tiles import TileHashes
from tests.attacks.conftest import Scene, always, files_of, instead
from tests.liar import Liar, Lie, answer, honest
from tests.teller import Say
from tests.world import World, article


def _flipped(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1 :]


# --- tampered, wrong, mixed ------------------------------------------------------------------------------------------


def test_a_pack_that_was_changed_is_refused(scene: Scene, good: Liar, say: Say) -> None:
    trust = ("--trust", scene.pin)
    assert say("get", f"{good.url}/{scene.article}", *trust, "-o", "pack.tamizdat").status == 0
    assert say("verify", "pack.tamizdat", *trust).status == 0
    pack = Path("pack.tamizdat").read_bytes()
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(pack)) as old, zipfile.ZipFile(made, "w") as new:
        for one in old.infolist():
            data = old.read(one)
            new.writestr(one.filename, _flipped(data) if one.filename == scene.article else data)
    Path("pack.tamizdat").write_bytes(made.getvalue())
    told = say("verify", "pack.tamizdat", *trust)
    assert told.status == 4
    assert "authentic: NO" in told.out
    assert f"check 2 SHA-256 of the stored bytes: expected {scene.first}, found" in told.out


def test_another_article_than_the_one_asked_for_is_refused(scene: Scene, good: Liar, say: Say) -> None:
    trust = ("--trust", scene.pin)
    with Liar(scene.tree, instead({scene.article: scene.files[object_path(scene.second)]})) as evil:
        told = say("verify", f"{evil.url}/{scene.article}", *trust)
        assert told.status == 4
        assert f"check 2 SHA-256 of the stored bytes: expected {scene.first}, found {scene.second}" in told.out
        assert say("get", f"{evil.url}/{scene.article}", *trust, "-o", "pack.tamizdat").status == 4
        assert not Path("pack.tamizdat").exists()
    with Liar(scene.tree, instead({proof_path(scene.first): scene.files[proof_path(scene.second)]})) as evil:
        told = say("verify", f"{evil.url}/{scene.article}", *trust)
        assert (told.status, "check 9 inclusion proof" in told.out) == (4, True)
    # An address that looks like the one asked for is another address.
    told = say("verify", f"{good.url}/{scene.article}", *trust, "--url", "https://lantern.exarnple/1")
    assert told.status == 4
    assert (
        "check 7 URL or id asked for: expected https://lantern.exarnple/1, found https://lantern.example/1" in told.out
    )
    assert say("verify", f"{good.url}/{scene.article}", *trust, "--url", "https://lantern.example/1").status == 0


def test_files_of_different_days_cannot_be_mixed(scene: Scene, good: Liar, say: Say, tmp_path: Path) -> None:
    old, trust = files_of(scene.yesterday), ("--trust", scene.pin)
    world = scene.copy(tmp_path)
    world.retrust(lambda document: document.update(name="World Today"))
    world.seal()
    new = files_of(world.tree)
    mixtures: dict[str, tuple[dict[str, bytes | None], str]] = {
        "yesterday's timestamp over today's trust.json": (
            {"trust/timestamp.json": old["trust/timestamp.json"], "trust/2.snapshot.json": None},
            "trust metadata",
        ),
        "yesterday's snapshot under today's name": (
            {"trust/3.snapshot.json": old["trust/2.snapshot.json"]},
            "trust/3.snapshot.json",
        ),
        "yesterday's targets under today's name": (
            {"trust/3.targets.json": old["trust/2.targets.json"]},
            "trust/3.targets.json",
        ),
        "yesterday's checkpoint under today's front": (
            {"checkpoint": old["checkpoint"]},
            "checkpoint: size",
        ),
        "yesterday's tiles under today's checkpoint": (
            {
                path: old[next(one for one in old if one.startswith("tile/0/"))]
                for path in new
                if path.startswith("tile/0/")
            },
            "tile/0/",
        ),
    }
    for name, (changed, message) in mixtures.items():
        with Liar(world.tree, instead(changed)) as evil:
            told = say("verify", evil.url, *trust, "--no-memory")
            assert told.status == 4, name
            assert message in told.out, name
    with Liar(world.tree, honest) as mirror:
        assert say("verify", mirror.url, *trust).status == 0


def test_swapped_tiles_are_named(scene: Scene, good: Liar, say: Say) -> None:
    tiles = sorted(path for path in scene.files if path.startswith("tile/entries/"))
    first, second = tiles[-2:]
    with Liar(scene.tree, instead({second: scene.files[first]})) as evil:
        told = say("verify", evil.url, "--trust", scene.pin)
        assert told.status == 4
        assert f"tampered: {second}" in told.out
        assert "what to do: read it from another mirror" in told.out
    assert say("verify", good.url, "--trust", scene.pin).status == 0


# --- old -------------------------------------------------------------------------------------------------------------


def test_a_mirror_cannot_roll_back_a_reader_who_was_here_before(scene: Scene, good: Liar, say: Say) -> None:
    assert say("verify", good.url, "--trust", scene.pin).status == 0
    with Liar(scene.yesterday, honest) as evil:
        told = say("verify", evil.url)
        assert told.status == 4
        assert "authentic: yes" in told.out, "old is not forged"
        assert "fresh:     stale, the newest edition here is" in told.out
        assert "newest known anywhere is number 4" in told.out
        assert "check 11 newest checkpoint seen: size 5 is older than 8, seen before" in told.out
        told = say("get", evil.url)
        assert told.status == 0
        assert "not fresh: stale" in told.err, "who wants yesterday's news gets it, and is told"
    assert say("verify", good.url).status == 0


def test_a_mirror_that_is_behind_another_one_is_stale_for_a_first_visitor_too(
    scene: Scene, good: Liar, say: Say
) -> None:
    trust = ("--trust", scene.pin, "--no-memory")
    with Liar(scene.yesterday, honest) as frozen:
        assert say("verify", frozen.url, *trust).status == 0, "nothing shows that there is more"
        told = say("verify", frozen.url, *trust, "--mirror", good.url, "--json")
        assert told.status == 4
        assert (told.json["authentic"], told.json["fresh"]) == (True, "stale")
        assert (told.json["here"]["serial"], told.json["newest"]["serial"]) == (2, 4)
        assert told.json["behind"]["editions"] == 2
        assert told.json["behind"]["entries"] > 0
        assert told.json["behind"]["seconds"] >= 3600
        told = say("verify", frozen.url, *trust, "--mirror", good.url)
        assert "2 editions" not in told.out
        assert "newest known anywhere is number 4" in told.out
        assert f"compared with {good.url}: fresh, edition 4" in told.out
        assert "what to do: another mirror may have a newer one" in told.out
        told = say("verify", good.url, *trust, "--mirror", frozen.url)
        assert told.status == 0
        assert f"compared with {frozen.url}: stale, edition 2" in told.out
        # `get` takes the newest, whatever stands first.
        told = say("get", frozen.url, good.url, *trust)
        assert (told.status, "edition 4" in told.out) == (0, True)


def test_a_mirror_that_is_pushed_to_while_it_is_read_raises_no_alarm(scene: Scene, say: Say, tmp_path: Path) -> None:
    """Old trust files are walked, then comes what only the new ones vouch for; or the old ones are gone half way."""
    world = scene.copy(tmp_path)
    world.begin_log("2031-b", earlier=True)
    world.seal()
    new, trust = files_of(world.tree), ("--trust", scene.pin, "--no-memory")
    for turn in ("trust/2.snapshot.json", "front"):
        for command in ("verify", "get"):
            pushed = False

            def lie(path: str, _file: bytes | None, turn: str = turn) -> Iterator[bytes]:
                nonlocal pushed
                pushed = pushed or path == turn
                yield from honest(path, (new if pushed else scene.files).get(path))

            with Liar(scene.tree, lie) as mirror:
                told = say(command, mirror.url, *trust)
                assert (told.status, pushed) == (0, True), (turn, command, told.said)


def test_an_older_edition_cannot_pass_for_the_newest_under_todays_checkpoint(scene: Scene, say: Say) -> None:
    """Proofs are nobody's word: whoever has the tiles can prove any edition against the newest checkpoint."""
    old = fronts.parse((scene.yesterday / "front").read_bytes())
    new = fronts.parse(scene.files["front"])
    newest = proofs.parse(new.proof).checkpoint
    head = checkpoints.parse_text(parse_note(newest).text)
    index = proofs.parse(old.proof).index
    hashes = TileHashes(head.size, head.root, lambda path: scene.files[path])
    proof = proofs.Proof(index=index, hashes=inclusion_proof(head.size, index, hashes.read), checkpoint=newest)
    front = fronts.Front(edition=old.edition, proof=proof.encode(), consistency=new.consistency).encode()
    with Liar(scene.tree, instead({"front": front})) as evil:
        for command in ("verify", "get"):
            told = say(command, evil.url, "--trust", scene.pin, "--no-memory")
            assert told.status == 4
            assert f"the edition is entry {index}, the newest one is the last entry, {head.size - 1}" in told.said
        told = say("verify", f"{evil.url}/{scene.article}", "--trust", scene.pin, "--no-memory")
        assert (told.status, "fresh:     unknown" in told.out) == (0, True)


def test_a_mirror_that_stands_still_is_stale_when_the_next_edition_is_due(
    tmp_path: Path, good: Liar, scene: Scene, say: Say
) -> None:
    for days, words in ((3, "next due by"), (20, "expired: timestamp")):
        world = World(
            tmp_path / f"{days}", now=datetime.now(UTC) - timedelta(days=days, hours=1), origin=f"of{days}.example"
        )
        world.add(article(1))
        world.seal()
        with Liar(world.tree, honest) as frozen:
            told = say("verify", frozen.url, "--trust", world.pin)
            assert told.status == 4
            assert "authentic: yes" in told.out
            assert f"fresh:     stale, newest edition known is {days} days old" in told.out
            assert words in told.out
            # A wrong date never makes a true article look forged.
            told = say("verify", f"{frozen.url}/{object_path(world.add(article(1))[0])}")
            assert (told.status, "stale" in told.out) == (0, True)
    assert say("verify", good.url, "--trust", scene.pin).status == 0


# --- endless, slow, odd ----------------------------------------------------------------------------------------------


BOMB = gzip_bytes(b"\0" * (64 << 20))


def _endless(_path: str, _file: bytes | None) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    for _ in range(4000):
        yield b"\0" * 65536


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        pytest.param(_endless, "bytes expected", id="a body without end"),
        pytest.param(always(b"\0" * (9 << 20)), "bytes where at most", id="a length without measure"),
    ],
)
def test_data_without_end_is_cut_off(scene: Scene, good: Liar, say: Say, lie: Lie, message: str) -> None:
    with Liar(scene.tree, lie) as evil:
        told = say("verify", evil.url, "--trust", scene.pin)
        assert (told.status, message in told.out) == (4, True), told.out
        assert told.seconds < 5
        told = say("get", evil.url, good.url, "--trust", scene.pin)
        assert (told.status, "edition 4" in told.out) == (0, True)
    assert say("verify", good.url, "--trust", scene.pin).status == 0


def test_a_bomb_does_not_go_off(scene: Scene, good: Liar, say: Say) -> None:
    for path, message in (("front", "check 3 gunzip within the cap"), (scene.article, "check 2 SHA-256")):
        with Liar(scene.tree, instead({path: BOMB[:8000]})) as evil:
            what = evil.url if path == "front" else f"{evil.url}/{path}"
            told = say("verify", what, "--trust", scene.pin)
            assert (told.status, message in told.out) == (4, True), told.out
    assert say("verify", good.url, "--trust", scene.pin).status == 0


def test_a_mirror_that_gives_every_file_in_the_last_moment_is_given_up(scene: Scene, good: Liar, say: Say) -> None:
    trust = ("--trust", scene.pin)
    with Liar(scene.tree, _in_pieces) as slow:
        told = say("verify", slow.url, *trust)
        assert told.status == 1, "slow is no lie"
        assert "too slow, for all that it gives" in told.out
        alone = told.seconds
        # Beside an honest one it delays nobody for longer than a glance.
        told = say("get", slow.url, good.url, *trust)
        assert (told.status, "edition 4" in told.out) == (0, True)
        assert told.seconds < alone
        told = say("verify", good.url, *trust, "--mirror", slow.url)
        assert told.status == 0
        assert f"compared with {slow.url}: unreachable" in told.out


def _in_pieces(path: str, file: bytes | None) -> Iterator[bytes]:
    """In pieces, so that no silence is long."""
    whole = b"".join(honest(path, file))
    for part in range(3):
        yield whole[part * len(whole) // 3 : (part + 1) * len(whole) // 3]
        time.sleep(0.4)


def test_a_redirect_to_another_host_is_not_followed(scene: Scene, good: Liar, say: Say) -> None:
    with Liar(scene.tree, honest) as other:

        def lie(path: str, _file: bytes | None) -> Iterator[bytes]:
            yield answer(b"", f"Location: {other.url}/{path}", status="302 Found")

        with Liar(scene.tree, lie) as evil:
            told = say("verify", evil.url, "--trust", scene.pin)
            assert told.status == 4
            assert "redirects to another host" in told.out
            assert "what to do: something else than the mirror may have answered" in told.out
            assert other.asked == [], "nobody else learns what is read"
    assert say("verify", good.url, "--trust", scene.pin).status == 0


@pytest.mark.parametrize("how", ["404", "403", "410", "a page", "500", "dropped"])
def test_hosts_that_say_oddly_that_there_is_no_newer_root(scene: Scene, good: Liar, say: Say, how: str) -> None:
    def lie(path: str, file: bytes | None) -> Iterator[bytes]:
        if path != "trust/2.root.json":
            yield from honest(path, file)
        elif how == "a page":
            yield answer(b"<!DOCTYPE html><title>Not found</title>")
        elif how != "dropped":
            yield answer(b"no", status=f"{how} What")

    with Liar(scene.tree, lie) as odd:
        told = say("verify", odd.url, "--trust", scene.pin)
        assert told.status == (1 if how in ("500", "dropped") else 0)
        assert ("authentic: yes" in told.out) == (told.status == 0)
        assert say("get", odd.url, good.url, "--trust", scene.pin, "--no-memory").status == 0


# --- pages -----------------------------------------------------------------------------------------------------------


def test_hostile_pages_on_a_mirror_convince_nobody_and_alarm_nobody(scene: Scene, good: Liar, say: Say) -> None:
    page = next(path for path in scene.files if path.startswith("a/"))
    hostile = b"<!DOCTYPE html><h1>VERIFIED</h1><script>alert('authentic: yes')</script>"
    with Liar(scene.tree, instead({"index.html": hostile, "reader.html": hostile, page: hostile})) as evil:
        assert say("verify", evil.url, "--trust", scene.pin).status == 0, "pages are nobody's word"
        told = say("verify", f"{evil.url}/{page}", "--trust", scene.pin)
        assert told.status == 1
        assert "not a page of this tool" in told.err


def test_a_page_that_draws_verified_is_compared_with_its_bundle(scene: Scene, good: Liar, say: Say) -> None:
    page = next(path for path in scene.files if path.startswith("a/") and b"Article 1" in scene.files[path])
    hostile = scene.files[page].replace(b"The end.", b"VERIFIED. The end.")
    assert hostile != scene.files[page]
    with Liar(scene.tree, instead({page: hostile})) as evil:
        told = say("verify", f"{evil.url}/{page}", "--trust", scene.pin)
        assert told.status == 4
        assert "the page is not what this version renders from its signed bundle" in told.out
    assert say("verify", f"{good.url}/{page}", "--trust", scene.pin).status == 0
