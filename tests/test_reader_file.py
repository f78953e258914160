"""reader.html: made, signed by root keys, shown on mirrors, found out where it was changed."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mirror import ceremony, changes, reader
from mirror.cli import main
from mirror.known import Memory
from mirror.output import Output
from mirror.publication import Publication, create
from mirror.read import FolderMirror
from mirror.reader import issue
from mirror.run import seal
from mirror.sweep import check_mirror
from signing.errors import FormatError
from signing.trust import walk
from tests.needs import program

NOW = datetime(2027, 3, 1, 8, 15, tzinfo=UTC)
PIN = "sha256:" + "0" * 64


def data(**others: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": "Example", "origin": "example.org", "pin": PIN, "made": "2027-03-01T08:15:00Z"}
    return reader.publication_data(**{**facts, "trust": {"trust/1.root.json": b"{}\n"}, "mirrors": (), **others})


class Elements(html.parser.HTMLParser):
    """What stands in each script element with an ID, and in all others."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: str | None = None
        self.texts: dict[str, str] = {}
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.scripts += 1
            self.inside = dict(attrs).get("id") or "boot"

    def handle_endtag(self, tag: str) -> None:
        self.inside = None

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[self.inside] = self.texts.get(self.inside, "") + data


def elements(page: bytes) -> Elements:
    found = Elements()
    found.feed(page.decode())
    return found


# --- the bytes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["</script><script>alert(1)</script>", "<!--<script>", "a\u2028b\u2029c", "&lt;&#60;", "Новости", '"\\']
)
def test_no_name_gets_out_of_the_element_that_it_stands_in(name: str) -> None:
    page = reader.page(data(name=name))
    found = elements(page)
    assert json.loads(found.texts["publication"])["name"] == name
    assert found.scripts == elements(reader.page(data())).scripts == 4
    assert not set("<>&\u2028\u2029") & set(found.texts["publication"])
    assert reader.parts(page) == (reader.template(), data(name=name))


def test_the_same_data_gives_the_same_bytes_and_the_state_is_empty() -> None:
    assert reader.page(data()) == reader.page(data())
    assert "state" not in elements(reader.page(data())).texts


def test_a_reader_of_fewer_languages_is_the_same_program() -> None:
    whole, some = reader.template(), reader.template(["ru", "zh"])
    assert len(some) < len(whole)
    (program_of_all, *words), (program_of_some, *kept) = (
        elements(text.encode()).texts["code"].split("\n") for text in (whole, some)
    )
    assert program_of_all == program_of_some
    assert kept == [line for line in words if line[:2] in ("ru", "zh")]
    # So the hashes in its policy are the same, and so is the script that unpacks it.
    policy = 'http-equiv="Content-Security-Policy" content="'
    assert whole.partition(policy)[2].partition('"')[0] == some.partition(policy)[2].partition('"')[0]
    assert elements(whole.encode()).texts["boot"] == elements(some.encode()).texts["boot"]
    assert 'lang="ru"' in some
    assert 'lang="uk"' not in some
    with pytest.raises(FormatError, match="no words in xx; it has en, "):
        reader.template(["xx"])


def test_it_speaks_eight_languages() -> None:
    assert sorted(reader.languages()) == ["ar", "be", "en", "es", "fa", "ru", "uk", "zh"]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What whoever audits a reader sees, by file name."""
    folder = tmp_path_factory.mktemp("unpacked")
    (folder / "reader.html").write_bytes(reader.page(data(), ["ru"]))
    tool = Path(reader.__file__).with_name("unpack.mjs")
    command = [program("node"), str(tool), str(folder / "reader.html"), str(folder)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    texts = {line.split(" ")[0]: (folder / line.split(" ")[0]).read_text() for line in said.splitlines()}
    for line in said.splitlines():
        name, size, digest = line.split(" ")
        assert (int(size), digest) == (len(texts[name].encode()), source(texts[name]))
    return texts


def source(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def test_what_is_packed_is_shown_to_whoever_wants_to_see_it(unpacked: dict[str, str]) -> None:
    assert set(unpacked) == {"program.js", "words.ru.js"}
    english = json.loads(unpacked["program.js"].rpartition(";tamizdat.reader.words=")[2])
    russian = json.loads(unpacked["words.ru.js"].removeprefix("tamizdat.ru="))
    assert len(russian) == len(english) + 1  # and what English has no word for
    assert isinstance(russian[-1], dict)


def test_the_policy_names_exactly_what_is_packed(unpacked: dict[str, str]) -> None:
    text = reader.template()
    policy = text.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    rules = {rule.split(" ")[0]: rule.split(" ")[1:] for rule in policy.split("; ")}
    boot = elements(text.encode()).texts["boot"]
    scripts = rules["script-src"]
    assert scripts[:2] == [f"'{source(boot)}'", f"'{source(unpacked['program.js'])}'"]
    assert f"'{source(unpacked['words.ru.js'])}'" in scripts
    assert len(set(scripts)) == 2 + len(reader.languages()) - 1
    program, _words = unpacked["program.js"].split(";tamizdat.reader.words=")
    styles = json.loads(program.partition(";tamizdat.reader.styles=")[2])
    assert rules["style-src"] == [f"'{source(styles)}'"]
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    assert (rules["require-trusted-types-for"], rules["trusted-types"]) == (["'script'"], ["tamizdat"])
    assert rules["connect-src"] == ["https:", "http:"]
    assert rules["img-src"] == ["blob:", "data:"]


def test_what_this_tool_never_makes_is_not_taken_apart() -> None:
    for bad in (b"", b"<html>", b"\xff", reader.page(data()).replace(b'{"v"', b"{v", 1)):
        with pytest.raises(FormatError):
            issue.describe(bad)


# --- signed -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    return create(tmp_path / "pub", name="Example", origin="example.org", now=NOW).publication


def with_mirror(publication: Publication, name: str) -> Publication:
    from mirror import config_edit

    config_edit.add_target(publication.config.path, name=name, url=f"/tmp/{name}", public=f"https://{name}.example/")
    return Publication.open(publication.folder)


def sealed(publication: Publication, now: datetime) -> None:
    with publication.archive() as archive, archive.locked(now):
        seal(publication, archive, Output(), force=True, now=now)


def listed(publication: Publication, now: datetime = NOW) -> bytes:
    """The reader that somebody who pinned the first root comes to."""
    view = walk(FolderMirror(publication.tree).get, pin=publication.fingerprint(), now=now)
    target = view.targets[reader.NAME]
    found = (publication.tree / target.path(reader.NAME)).read_bytes()
    assert (len(found), hashlib.sha256(found).hexdigest()) == (target.size, target.digest)
    return found


def mirrors_in(page: bytes) -> list[str]:
    found: list[str] = issue.describe(page)["mirrors"]
    return found


def test_a_new_publication_has_a_reader_that_its_first_trust_files_are_in(publication: Publication) -> None:
    _program, found = reader.parts(listed(publication))
    assert (found["pin"], found["origin"]) == (publication.fingerprint(), "example.org")
    files = {path: text.encode() for path, text in found["trust"].items()}
    view = walk(lambda path, _cap: files.get(path), pin=found["pin"], now=NOW)
    assert view.versions["targets"] == 1
    assert reader.NAME not in view.targets  # no circle
    assert issue.outdated(publication) is None


def test_with_the_root_key_at_hand_a_new_mirror_is_in_the_next_reader(publication: Publication) -> None:
    sealed(publication, NOW)
    first = listed(publication)
    publication = with_mirror(publication, "one")
    assert issue.outdated(publication) == "the mirrors changed"
    sealed(publication, NOW + timedelta(hours=1))
    second = listed(publication)
    assert (mirrors_in(first), mirrors_in(second)) == ([], ["https://one.example/"])
    assert (publication.tree / reader.NAME).read_bytes() == second
    # The one before is on no mirror any more: nothing leads to it.
    assert len(list((publication.tree / "trust" / "targets").glob("*.reader.html"))) == 1
    sealed(publication, NOW + timedelta(hours=2))
    assert listed(publication) == second


def test_minisign_takes_the_signature_beside_it(publication: Publication) -> None:
    sealed(publication, NOW)
    key = next((publication.tree / "trust" / "targets").glob("*.minisign.pub"))
    done = subprocess.run(
        [program("minisign"), "-Vm", publication.tree / reader.NAME, "-p", key], check=True, capture_output=True
    )
    assert b"file:reader.html origin:example.org" in done.stdout


def test_without_the_root_key_it_waits_for_a_ceremony_and_goes_along_with_it(publication: Publication) -> None:
    sealed(publication, NOW)
    first = listed(publication)
    stick = publication.folder.parent / "stick"
    stick.mkdir()
    shutil.move(publication.key_path("root"), stick / "root.key")
    publication = with_mirror(publication, "one")
    later = NOW + timedelta(hours=1)
    sealed(publication, later)
    assert listed(publication) == first
    with publication.archive() as archive:
        (line,) = (one for one in changes.reminders(publication, archive, later) if "reader.html" in one)
    assert "the mirrors changed" in line
    assert "key request --reader" in line

    # Another key is rotated: the reader goes along. Who signs is told what it is.
    with publication.archive() as archive, archive.locked(later):
        wanted = changes.Wanted(rotate=frozenset({"online"}))
        prepared = changes.prepare(publication, archive, wanted, now=later)
        words = " ".join(ceremony.explain(prepared.request))
        assert "file reader.html: " in words
        assert "the one of the tool here" in words
        assert "NOT" not in words
        (key,) = changes.at_hand(publication, prepared.request, [stick / "root.key"], None)
        signature = ceremony.sign(prepared.request, key)
        changes.install(publication, archive, prepared.data, [signature], now=later)
    sealed(publication, later + timedelta(minutes=1))
    second = listed(publication, later)
    assert mirrors_in(second) == ["https://one.example/"]

    # The old reader comes to it from its own pin and trust files alone, through the new root.
    old = reader.parts(first)[1]
    assert sum(path.endswith(".root.json") for path in old["trust"]) == 1
    view = walk(FolderMirror(publication.tree).get, pin=old["pin"], now=later)
    assert view.root_version == 2
    assert view.targets[reader.NAME].digest == hashlib.sha256(second).hexdigest()
    # It has what was in force before it was signed. Nobody is sent to the drawer for that alone.
    assert issue.outdated(publication) == "it was made before the newest change of keys"
    assert issue.outdated(publication, useless=True) is None


def test_a_request_with_another_program_says_so_to_who_signs(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = with_mirror(publication, "one")
    changed = reader.template().replace("</html>", "<!-- mine --></html>")
    with publication.archive() as archive, archive.locked(NOW):
        with monkeypatch.context() as patched:
            patched.setattr(reader, "template", lambda languages=None: changed)
            prepared = changes.prepare(publication, archive, changes.Wanted(reader=True), now=NOW)
        words = " ".join(ceremony.explain(prepared.request))
    assert "NOT the one of the tool here" in words


def test_a_request_with_another_publications_reader_is_not_to_be_signed(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = with_mirror(publication, "one")
    with publication.archive() as archive, archive.locked(NOW):
        monkeypatch.setattr(issue, "make", lambda publication, now: reader.page(data()))
        prepared = changes.prepare(publication, archive, changes.Wanted(reader=True), now=NOW)
    with pytest.raises(ceremony.BadRequest, match=r"reader\.html is of example\.org and pins sha256:000"):
        ceremony.explain(prepared.request)


def test_a_tool_of_an_older_version_leaves_a_newer_reader_alone(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "template", lambda languages=None: "<html></html>")
    assert issue.outdated(publication) == "this tool has a newer one"
    monkeypatch.setattr(issue, "__version__", "0.0.9")
    assert issue.outdated(publication) is None


# --- on mirrors -------------------------------------------------------------------------------------------------------


def verdict(publication: Publication, folder: Path, now: datetime) -> Any:
    return check_mirror(FolderMirror(folder), pin=publication.fingerprint(), memory=Memory(None), now=now)


def test_verifying_a_mirror_covers_the_reader_that_people_take_from_it(publication: Publication) -> None:
    later = NOW + timedelta(days=2)
    sealed(publication, NOW)
    sealed(publication, later)
    copy = publication.folder.parent / "mirror"
    shutil.copytree(publication.tree, copy)
    assert verdict(publication, copy, later).problems == []
    page = copy / reader.NAME
    page.write_bytes(page.read_bytes() + b"<!-- mine -->")
    (problem,) = verdict(publication, copy, later).problems
    assert (problem.path, problem.state) == (reader.NAME, "tampered")
    page.unlink()  # a light mirror has none
    assert verdict(publication, copy, later).problems == []
    target = next((copy / "trust" / "targets").glob("*.reader.html"))
    target.write_bytes(b"<html>")
    assert [one.state for one in verdict(publication, copy, later).problems] == ["tampered"]


def test_while_a_new_reader_spreads_the_one_before_it_is_no_forgery(publication: Publication) -> None:
    sealed(publication, NOW)
    before = (publication.tree / reader.NAME).read_bytes()
    publication = with_mirror(publication, "one")
    later = NOW + timedelta(days=9)
    sealed(publication, later)
    (publication.tree / reader.NAME).write_bytes(before)
    found = verdict(publication, publication.tree, later)
    assert found.problems == []
    assert any("so don't use it" in note for note in found.notes)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_writes_the_signed_file_and_says_what_to_tell(
    publication: Publication, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed(publication, NOW)
    config = ["--config", str(publication.folder)]
    file = tmp_path / "out.html"
    assert main(["reader", "-o", str(file), "--qr", str(tmp_path / "code.svg"), *config]) == 0
    said = capsys.readouterr().out
    assert file.read_bytes() == listed(publication)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert digest in said.replace(" ", "")
    assert file.with_name("out.html.minisig").is_file()
    assert (tmp_path / "code.svg").read_bytes().startswith(b"<?xml")
    assert main(["reader", "--json", *config]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["sha256"], facts["listed"], facts["outdated"]) == (digest, True, None)
    assert main(["reader", "--languages", "ru", "-o", str(file), *config]) == 0
    assert hashlib.sha256(file.read_bytes()).hexdigest() != digest
    assert "not this one" in capsys.readouterr().err
    assert main(["reader", "--languages", "xx", "-o", str(file), *config]) == 2
    assert main(["reader", "--languages", "ru", *config]) == 2
    assert main(["reader", "-o", "/nowhere/x", *config]) == 2


# --- budgets ----------------------------------------------------------------------------------------------------------


def typical(publication: Publication, languages: list[str] | None) -> int:
    """Bytes of a reader with three mirrors and the trust files of a young publication."""
    for name in ("one", "two", "three"):
        publication = with_mirror(publication, name)
    return len(issue.make(publication, NOW, languages))


def test_with_all_its_languages_it_has_at_most_100_kb(publication: Publication) -> None:
    assert typical(publication, None) <= 102_400


def test_with_english_alone_it_has_at_most_64_kb(publication: Publication) -> None:
    assert typical(publication, ["en"]) <= 65_536
