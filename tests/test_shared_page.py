"""Pages that are passed from hand to hand: written, checked, and offered by somebody who wants to fool people."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror import shared_page
from mirror.cli import main
from mirror.errors import UsageError
from mirror.export import export
from mirror.model import Code, Link, Paragraph, Picture
from mirror.read import PackMirror, pack_bytes
from signing import minisign
from signing.errors import FormatError
from signing.keys import SignerKey
from signing.packing import digest_of
from tests.needs import ROOT, program
from tests.world import World, article, picture

BEGIN, END = shared_page.BEGIN.encode(), shared_page.END.encode()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("pages") / "world")
    first, first_data = picture(1)
    words = ("Lines that look like ours:", "\n".join((shared_page.BEGIN, "UEsDBA==", shared_page.END, "</script>")))
    blocks = (Paragraph(content=(words[0], Link(url="https://lantern.example/x", content=("x",)))), Code(text=words[1]))
    made.add(
        article(1, resources=(first,), blocks=(*blocks, Picture(resource=0))),
        article(2, words=9000),
        article(3, language="fa", direction="rtl", title="چراغ‌ها"),
        article(4, language="de"),
        objects={first.digest: first_data},
    )
    made.seal()
    return made


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def passed_on(world: World, folder: Path, number: int, *, sign: bool = True) -> Path:
    return export(
        world.publication, article(number).url, form="html", output=folder / f"{number}.html", sign=sign, now=world.now
    ).file


def verified(file: Path, pin: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    status = main(["verify", str(file), "--trust", pin, "--json"])
    return status, json.loads(capsys.readouterr().out or "{}")


# --- a page that is as it should be ----------------------------------------------------------------------------------


def test_a_page_verifies_like_the_pack_inside(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2, 3, 4):
        for sign in (True, False):
            file = passed_on(world, tmp_path, number, sign=sign)
            status, verdict = verified(file, world.pin, capsys)
            assert (status, verdict["authentic"]) == (0, True)
            assert verdict["article"]["url"] == article(number).url
            assert verdict["notes"] == ["the page shows exactly what the signed article in it says"]


def test_a_page_needs_no_script_loads_nothing_and_says_how_to_check_it(world: World, tmp_path: Path) -> None:
    data = passed_on(world, tmp_path, 1).read_text()
    assert re.findall(r"<script[^>]*>", data) == ['<script type="text/plain" id="pack">']
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in data
    assert not re.search(r'(?:src|srcset|background)="(?!data:image/webp;base64,)|@import|url\(', data)
    assert set(re.findall(r'href="([^"]*)"', data)) == {
        "data:,", "#check", "https://lantern.example/x", "https://lantern.example/1"
    }  # fmt: skip
    assert "How to check this page" in data
    assert len(shared_page.extract(data.encode())) > 1000


KEPT = (
    *("minisign", "openssl", "tamizdat", "reader.html", "signed.html", "article.html", "docs/checking.md", "KEY", "RW"),
    *("Signature and comment signature verified", "SHA-256"),
)


@pytest.mark.parametrize("code", ["en", "ru", "be", "uk", "fa", "ar", "zh", "es"])
def test_how_to_check_is_said_in_every_language_of_the_reader(code: str) -> None:
    texts = json.loads((ROOT / f"mirror/pages/shared/{code}.json").read_text("utf-8"))
    english = json.loads((ROOT / "mirror/pages/shared/en.json").read_text("utf-8"))
    assert texts.keys() == english.keys()
    for key, text in texts.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", english[key])), key
        for kept in KEPT:
            assert (kept in text) == (kept in english[key]), (key, kept)


def test_a_language_we_have_no_words_for_gets_english_ones_marked_as_such(world: World, tmp_path: Path) -> None:
    data = passed_on(world, tmp_path, 4).read_text()
    assert '<html lang="de" dir="ltr">' in data
    assert '<footer id="check" class="ui" lang="en" dir="ltr">' in data
    persian = passed_on(world, tmp_path, 3).read_text()
    assert '<footer id="check" class="ui">' in persian
    assert "چگونه این صفحه را بررسی کنیم" in persian


def test_what_was_signed_is_read_from_a_page_that_is_made_anew(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = passed_on(world, tmp_path, 1)
    lie = re.sub(
        rb"<article>.*</article>", b"<article><h1>The war is over</h1></article>", file.read_bytes(), flags=re.S
    )
    file.write_bytes(lie)
    status, verdict = verified(file, world.pin, capsys)
    assert (status, verdict["article"]["title"]) == (0, "Article 1")
    (note,) = verdict["notes"]
    assert "the page may show anything" in note
    again = tmp_path / "signed.html"
    assert main(["get", str(file), "-o", str(again), "--trust", world.pin]) == 0
    capsys.readouterr()
    assert b"The war is over" not in again.read_bytes()
    assert verified(again, world.pin, capsys)[1]["notes"] == [
        "the page shows exactly what the signed article in it says"
    ]


def test_a_page_becomes_a_pack_and_a_page_again_without_losing_anything(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = passed_on(world, tmp_path, 1)
    pack = tmp_path / "1.tamizdat"
    for made, source in (
        (pack, page),
        (tmp_path / "again.html", pack),
        (tmp_path / "again.tamizdat", tmp_path / "again.html"),
    ):
        assert main(["get", str(source), "-o", str(made), "--trust", world.pin]) == 0
    capsys.readouterr()
    inside = shared_page.extract(page.read_bytes())
    assert pack.read_bytes() == inside == (tmp_path / "again.tamizdat").read_bytes()
    assert b"article.minisig" in inside


def test_a_pack_is_the_same_bytes_whoever_writes_it() -> None:
    files = {"trust/1.root.json": b"{}", "pack.json": b'{"v":1}', "front": bytes([0, 255, 10])}
    made = pack_bytes(files)
    assert made == pack_bytes(dict(reversed(files.items())))
    # tests/reader/share.test.mjs says the same of the reader's.
    assert f"'{digest_of(made)}'" in (ROOT / "tests/reader/share.test.mjs").read_text()


# --- a stranger with no tool -----------------------------------------------------------------------------------------


def public_key(world: World) -> str:
    view = world.view()
    path = view.targets["minisign.pub"].path("minisign.pub")
    return minisign.PublicKey.parse((world.tree / path).read_bytes()).line


def told(file: Path, place: int) -> str:
    """The commands in this page's boxes, as somebody copies them from it."""
    boxes = re.findall(r'<code class="run" dir="ltr">(.*?)</code>', file.read_text())
    return unescape(boxes[place].replace("<br>", "\n"))


def runs(commands: str, page: Path, folder: Path, key: str) -> subprocess.CompletedProcess[str]:
    """What they come to in an empty folder, for somebody who has minisign and what every system has."""
    for name in ("sh", "sed", "base64", "unzip", "gunzip", "minisign"):
        program(name)
    folder.mkdir()
    shutil.copy(page, folder / "article.html")
    return subprocess.run(
        [program("sh"), "-c", re.sub(r"\bKEY\b", key, commands)],
        cwd=folder, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


GOOD = "Signature and comment signature verified"


def test_a_stranger_checks_a_page_by_what_it_says_alone(world: World, tmp_path: Path) -> None:
    page = passed_on(world, tmp_path, 1)
    done = runs(told(page, 1), page, tmp_path / "good", public_key(world))
    assert GOOD in done.stdout, done
    assert "origin:world.example" in done.stdout
    changed = tmp_path / "changed.html"
    for before, after in ((b"The Lantern", b"The Lamtern"), (b"Article 1", b"Article 2"), (END, b"A" + END)):
        changed.write_bytes(page.read_bytes().replace(before, after, 1))
        done = runs(told(page, 1), changed, tmp_path / f"bad{after[:12]!r}", public_key(world))
        assert GOOD not in done.stdout
        assert done.returncode
    other = minisign.PublicKey.of(SignerKey("world.example/minisign", b"x" * 32)).line
    assert GOOD not in runs(told(page, 1), page, tmp_path / "other key", other).stdout


def test_a_stranger_checks_a_page_that_a_reader_made(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "again.html"
    assert main(["get", str(passed_on(world, tmp_path, 1)), "-o", str(page), "--trust", world.pin]) == 0
    capsys.readouterr()
    done = runs(told(page, 1), page, tmp_path / "good", public_key(world))
    assert GOOD in done.stdout, done
    assert '"title":"Article 1"' in done.stdout
    other = shared_page.extract(passed_on(world, tmp_path, 2).read_bytes())
    swapped = tmp_path / "swapped.html"
    swapped.write_bytes(_with_pack(page.read_bytes(), other))
    done = runs(told(page, 1), swapped, tmp_path / "swapped", public_key(world))
    assert GOOD not in done.stdout
    assert '"title"' not in done.stdout


def test_a_page_without_a_signature_says_that_checking_by_hand_takes_longer(world: World, tmp_path: Path) -> None:
    page = passed_on(world, tmp_path, 1, sign=False).read_text()
    assert "No minisign signature came along" in page
    assert "minisign -V" not in page
    assert shared_page.signed_part(page.encode()) is None


def handbook(name: str) -> str:
    """The commands below this mark in docs/checking.md."""
    text = (ROOT / "docs/checking.md").read_text("utf-8")
    found = re.search(rf"<!-- {name} -->\n```sh\n(.*?)```", text, flags=re.DOTALL)
    assert found, name
    return found[1]


def test_the_handbook_says_what_the_page_says(world: World, tmp_path: Path) -> None:
    assert handbook("page") == told(passed_on(world, tmp_path, 1), 1) + "\n"


def test_the_handbook_checks_a_page_that_a_reader_made(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "again.html"
    assert main(["get", str(passed_on(world, tmp_path, 2)), "-o", str(page), "--trust", world.pin]) == 0
    capsys.readouterr()
    done = runs(handbook("bundle") + handbook("digests"), page, tmp_path / "bundle", public_key(world))
    assert GOOD in done.stdout, done
    named = re.findall(r"^([0-9a-f]{64})  o/(..)/(.{62})$", done.stdout, flags=re.MULTILINE)
    assert len(named) > 1  # a long article has further parts
    assert all(digest == first + rest for digest, first, rest in named)


def test_the_handbook_checks_a_page_from_the_fingerprint_alone(world: World, tmp_path: Path) -> None:
    for name in ("openssl", "basenc"):
        program(name)
    page = passed_on(world, tmp_path, 3, sign=False)
    unpacking = "".join(handbook("bundle").splitlines(keepends=True)[:3])
    commands = f"set -e\n{unpacking}{handbook('fingerprint')}".replace("FINGERPRINT", world.pin.removeprefix("sha256:"))
    done = runs(commands, page, tmp_path / "good", "")
    assert done.returncode == 0, done
    assert done.stdout.count("Signature Verified Successfully") == 2
    assert "چراغ‌ها" in done.stdout
    lines = commands.splitlines()
    for at, change in (
        ("sha256sum -c", "sed -i s/./x/400 trust/1.root.json"),
        ("signed root.pem", "sed -i s/length/lengtg/ list"),
        ('echo "$KEYS', "sed -i s/World/Worle/ trust/targets/*"),
        ("signed publisher.pem", "sed -i s/Lantern/Lamtern/ text"),
    ):
        place = next(number for number, line in enumerate(lines) if at in line)
        spoilt = "\n".join([*lines[:place], change, *lines[place:]])
        done = runs(spoilt, page, tmp_path / str(place), "")
        assert done.returncode, change
        assert '"title"' not in done.stdout


# --- a page that somebody made to fool people ------------------------------------------------------------------------


def _with_pack(page: bytes, pack: bytes) -> bytes:
    before, _, rest = page.partition(BEGIN + b"\n")
    return before + BEGIN + b"\n" + base64.b64encode(pack) + b"\n" + END + rest.partition(END)[2]


def test_another_article_than_the_page_shows_is_called_by_its_own_name(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown, packed = passed_on(world, tmp_path, 1), passed_on(world, tmp_path, 3)
    mixed = tmp_path / "mixed.html"
    mixed.write_bytes(_with_pack(shown.read_bytes(), shared_page.extract(packed.read_bytes())))
    status, verdict = verified(mixed, world.pin, capsys)
    assert (status, verdict["article"]["title"]) == (0, "چراغ‌ها")
    assert "the page may show anything" in verdict["notes"][0]


def test_whatever_is_added_to_a_page_is_noticed(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = passed_on(world, tmp_path, 1).read_bytes()
    signature = page.rindex(b"<!-- minisign\n")
    changes = {
        "a script": page.replace(b"</footer>", b"</footer><script>alert(1)</script>"),
        "after the pack": page.replace(b"</script></body>", b"</script><b>more</b></body>"),
        "after the end": page + b"<b>more</b>",
        "in the comment at the end": page[:signature] + b"<!-- minisign\n--><b>more</b>\n-->\n",
        "before the beginning": b"<b>more</b>" + page,
        "a style": page.replace(b"</head>", b"<style>article{display:none}</style></head>"),
    }
    for what, data in changes.items():
        file = tmp_path / "changed.html"
        file.write_bytes(data)
        status, verdict = verified(file, world.pin, capsys)
        assert (status, verdict["authentic"]) == (0, True), what
        assert "the page may show anything" in verdict["notes"][0], what


def hostile(page: bytes) -> Iterator[tuple[str, bytes, str]]:
    """Pages that nobody should have to guess about, and what is said of them."""
    block = page[page.index(BEGIN) : page.index(END) + len(END)]
    yield "twice", page.replace(b"</body>", b"\n" + block + b"\n</body>"), "two packs"
    yield "before it", page.replace(b"<main", b"\n" + block + b"\n<main"), "two packs"
    yield "two begins", page.replace(BEGIN, BEGIN + b"\n" + BEGIN), "two packs"
    yield "two ends", page.replace(END, END + b"\n" + END), "two packs"
    yield "cut off", page[: page.index(END) - 9], "cut off"
    yield "end first", b"<html>\n%s\n%s\nAAAA\n" % (END, BEGIN), "ends before it begins"
    yield "markup in it", page.replace(BEGIN, BEGIN + b"\n<b>"), "not base64"
    yield "blank in it", page.replace(BEGIN, BEGIN + b"\n "), "not base64"
    yield "not canonical", b"<html>\n%s\nQR==\n%s\n" % (BEGIN, END), "canonical form"
    yield "no zip", b"<html>\n%s\nAAAA\n%s\n" % (BEGIN, END), "not a pack"
    yield "nothing", b"<html>\n%s\n%s\n" % (BEGIN, END), "not a pack"
    yield "a zip without pack.json", _with_pack(page, pack_bytes({"front": b""})), "pack.json is missing"
    yield "too large", page + b" " * shared_page.MAX_BYTES, "at most 33554432 bytes"


def test_a_page_that_leaves_room_for_doubt_is_refused_with_one_clear_line(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = passed_on(world, tmp_path, 1).read_bytes()
    file = tmp_path / "hostile.html"
    for what, data, words in hostile(page):
        file.write_bytes(data)
        assert main(["verify", str(file), "--trust", world.pin]) in (1, 2), what
        said = capsys.readouterr().err
        assert words in said, (what, said)
        assert said.count("\n") <= 2, said


def test_line_ends_that_mail_changed_do_no_harm(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = passed_on(world, tmp_path, 1)
    page.write_bytes(page.read_bytes().replace(b"\n", b"\r\n"))
    assert verified(page, world.pin, capsys)[0] == 0


def test_a_cr_alone_ends_no_line_here_nor_in_the_reader() -> None:
    page = b"<p>\r%s\nQUJD\n%s\r</p>\n%s\rx\n%s\r\nAAAA\r\n%s\r\n<p>" % (BEGIN, END, BEGIN, BEGIN, END)
    assert shared_page.extract(page) == bytes(3)
    with pytest.raises(FormatError, match="no pack"):
        shared_page.extract(b"<p>\n%s\rAAAA\r%s\r" % (BEGIN, END))


def test_a_page_that_a_browser_saved_still_holds_its_pack(world: World, tmp_path: Path) -> None:
    page = passed_on(world, tmp_path, 1).read_bytes()
    # It writes the page anew from what it sees, so that nothing stays written as it was in the source.
    saved = b"<!-- saved from url=(0014)about:internet -->\n" + page.replace(b"&#45;", b"-").replace(
        b"doctype", b"DOCTYPE"
    )
    assert shared_page.extract(saved) == shared_page.extract(page)


def test_a_flipped_byte_in_the_pack_is_noticed_or_changes_nothing(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], everything: bool
) -> None:
    page = passed_on(world, tmp_path, 3).read_bytes()
    start, end = page.index(BEGIN), page.index(END)
    good = shared_page.extract(page)
    file = tmp_path / "flipped.html"
    for at in range(start + 40, end, 97 if everything else 1409):
        file.write_bytes(page[:at] + bytes([page[at] ^ 1]) + page[at + 1 :])
        with contextlib.suppress(FormatError):
            assert shared_page.extract(file.read_bytes()) != good or page[at : at + 1] in b"\r\n"
        status = main(["verify", str(file), "--trust", world.pin])
        said = capsys.readouterr()
        # What a signature covers is refused; a date in a list of contents says nothing of the article.
        assert status in (1, 4) or "authentic: yes" in said.out


@given(st.binary(max_size=400), st.binary(max_size=200), st.binary(max_size=200))
def test_what_was_put_in_comes_out_whatever_stands_around_it(pack: bytes, before: bytes, after: bytes) -> None:
    page = b"%s\n%s\n%s\n%s\n%s" % (before, BEGIN, base64.b64encode(pack), END, after)
    assert shared_page.is_shared(page)
    assert shared_page.extract(page) == pack


@given(st.binary(max_size=300))
def test_taking_a_pack_out_never_fails_otherwise_than_in_words(data: bytes) -> None:
    for page in (data, BEGIN + data + END, b"\n%s\n%s\n%s\n" % (BEGIN, data, END)):
        with contextlib.suppress(FormatError):
            shared_page.extract(page)


def test_an_article_too_large_for_a_page_is_passed_on_as_a_pack(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_page, "MAX_PACK", 4000)
    with pytest.raises(UsageError, match="larger") as caught:
        passed_on(world, tmp_path, 1)
    assert "--format pack" in (caught.value.hint or "")
    assert not list(tmp_path.iterdir())


def test_pictures_beyond_the_room_are_described_and_still_in_the_pack(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_page, "MAX_SHOWN", 10)
    file = passed_on(world, tmp_path, 1)
    assert b"data:image" not in file.read_bytes()
    with contextlib.closing(PackMirror(file, shared_page.extract(file.read_bytes()))) as pack:
        digest = picture(1)[0].digest
        assert pack.get(f"o/{digest[:2]}/{digest[2:]}", 1000) == picture(1)[1]
