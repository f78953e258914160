"""The command line itself: help, usage errors, JSON, terminals of every kind, interrupts, and what nobody may see."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mirror import config as configuration
from mirror.cli import main, parser
from mirror.errors import TamizdatError, UsageError
from mirror.output import Output, one_line, printable
from mirror.targets import Check
from tests.needs import ROOT
from tests.outlet import Outlet

STORY = "<p>" + "The council met on Tuesday and talked about the bridge over the river for three hours. " * 12 + "</p>"


def _commands(of: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and sub-command, by walking the parser."""
    yield words
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _commands(inner, (*words, name))


COMMANDS = list(_commands(parser()))


@pytest.fixture
def publication(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "memory"))
    monkeypatch.setenv("TAMIZDAT_DEBUG", "1")
    folder = tmp_path / "publication"
    assert main(["init", str(folder), "--name", "Test", "--origin", "test.example"]) == 0
    config = folder / "tamizdat.toml"
    config.write_text(config.read_text().replace('# per_host_delay = "1s"', "per_host_delay = 0"))
    monkeypatch.chdir(folder)
    capsys.readouterr()
    return folder


@pytest.fixture
def site() -> Iterator[Outlet]:
    with Outlet() as outlet:
        page = (
            f'<html lang="en"><head><title>Bridge</title></head><body><article><h1>Bridge talks</h1>{STORY}</article>'
        )
        outlet.page("/bridge", page)
        outlet.feed("/bridge", title="River News")
        outlet.page("/", '<title>R</title><link rel="alternate" type="application/rss+xml" href="/feed.xml">')
        yield outlet


def tool(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The tool as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "mirror.cli", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
        **options,
    )


# --- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_ends_with_exit_statuses_and_an_example_that_parses(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    shown = capsys.readouterr().out
    statuses, example = shown.rstrip().split("\n\n")[-2:]
    assert statuses.startswith("exit status:")
    for status in ("0 good", "1 failed", "2 usage", "3 partly", "4 do not trust", "5 evidence", "75 busy"):
        assert status in statuses
    head, *lines = example.splitlines()
    assert head == "example:"
    assert lines
    for line in lines:
        name, *rest = shlex.split(line)
        assert name == "tamizdat"
        parser().parse_args(rest)
        assert tuple(rest[: len(words)]) == words


def test_the_commands_of_the_plan_are_all_there() -> None:
    found = {words[0] for words in COMMANDS if words}
    assert found >= {"init", "outlet", "target", "run", "add", "preview", "fetch", "seal", "publish", "audit", "status"}
    assert found >= {"verify", "get", "doctor", "serve", "demo"}
    assert {words[1] for words in COMMANDS if words[:1] == ("outlet",) and len(words) == 2} == {
        "add",
        "list",
        "presets",
        "test",
        "remove",
    }
    for words in COMMANDS:
        common = ["--config", "x.toml", "--json", "--quiet", "--no-progress"]
        if words and words not in (("outlet",), ("target",)):
            with pytest.raises(UsageError) as caught:
                parser().parse_args([*words, *common, "--no-such-option"])
            assert "--json" not in str(caught.value)


def _told_to_type() -> list[str]:
    """Every command in the README's code blocks."""
    text = (ROOT / "README.md").read_text()
    found = []
    for block in re.findall(r"(?:^    .*\n|^\s*\n)+", text, re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.match(r"    (?:.*&& )?(tamizdat .*)", line)
            if command:
                # What follows three spaces is a remark in the README's margin.
                found.append(re.split(r" {3,}(?! *-)", re.sub(r" {2,}(?=--)", " ", command[1]))[0])
    return found


def test_what_the_readme_says_to_type_parses_and_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _told_to_type()
    assert len(lines) >= 12
    main(["--help"])
    shown = capsys.readouterr().out
    for line in lines:
        _, *words = shlex.split(line)
        parser().parse_args(words)
        assert re.search(rf"^    {words[0]}\b", shown, re.MULTILINE), line
    for command in re.findall(r"`tamizdat ([a-z]+(?: [a-z]+)?)`", (ROOT / "README.md").read_text()):
        names = tuple(command.split())
        assert names in COMMANDS or names[:1] in COMMANDS


def test_help_and_version_start_without_anything_heavy() -> None:
    code = (
        "import sys; from mirror.cli import main; main(['run', '--help']);"
        "print(sorted({'sqlalchemy', 'aiohttp', 'requests', 'tuf', 'trafilatura', 'jsonschema', 'PIL', 'lxml'}"
        " & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.strip() == "[]"


# --- usage errors and JSON ------------------------------------------------------------------------------------------

WRONG = [
    [], ["nothing"], ["run", "--what"], ["init"], ["init", "x"], ["outlet"], ["outlet", "add"], ["outlet", "fly"],
    ["target", "add", "x"], ["serve", "--port", "many"], ["serve", "--port", "99999"], ["serve", "--port", "-1"],
    ["run", "--wait-lock", "long"], ["verify"], ["get"], ["run", "--js"], ["preview"], ["add"],
    ["outlet", "test", "nobody"], ["outlet", "remove", "nobody"], ["target", "probe", "nobody"], ["publish", "nobody"],
    ["target", "remove", "nobody"], ["target", "pause", "nobody"], ["run", "--outlet", "nobody"],
    ["target", "add", "a", "file:///x", "--set", "novalue"], ["verify", "x", "--trust", "sha256:12"],
    ["verify", "x", "--trust", "/nothing/here"], ["run", "--config", "/nothing/here.toml"],
    ["outlet", "add", "ftp://example.org/"], ["add", "/no/such/file"], ["add", "https://nobody.example/x"],
    ["preview", "/etc/hostname"], ["preview", "--urls", "/nothing.tsv"], ["init", "new", "--name", ""],
    ["init", "new", "--name", "X", "--origin", "Not A Domain"], ["init", ".", "--name", "X"],
]  # fmt: skip


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_usage_error_is_one_line_with_status_2(
    publication: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    before = sorted(publication.rglob("*"))
    config = (publication / "tamizdat.toml").read_bytes()
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    first, *rest = told.err.splitlines()
    assert first.startswith("tamizdat: error: ")
    assert len(first) > 20
    assert all(line.startswith("tamizdat: hint: ") for line in rest)
    assert len(rest) <= 1
    assert main([*words, "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert (document["status"], document["error"]) == (2, first.removeprefix("tamizdat: error: ")) or words in (
        [],
        ["run", "--js"],
    )
    assert sorted(publication.rglob("*")) == before
    assert (publication / "tamizdat.toml").read_bytes() == config


def test_json_is_one_document_and_nothing_else_whatever_happens(
    publication: Path, site: Outlet, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def one(*words: str, status: int = 0) -> Any:
        assert main([*words, "--json"]) == status, capsys.readouterr().err
        out = capsys.readouterr().out
        assert out.endswith("\n")
        (line,) = out.splitlines()
        return json.loads(line)

    assert one("outlet", "list")["outlets"] == []
    assert one("audit")["state"] == "none"
    assert one("outlet", "add", f"{site.url}/", "--id", "river", "--allow-private")["samples"][0]["state"] == "ok"
    assert one("outlet", "test", "river")["id"] == "river"
    assert one("target", "add", "one", str(tmp_path / "one"))["added"] is True
    # A probe that fails says so in the same document.
    failed = one("target", "add", "two", str(tmp_path / "no" / "such"), status=1)
    assert (failed["status"], failed.get("added", False)) == (1, False)
    assert one("run")["outlets"][0]["new"] == 1
    pin = one("status")["fingerprint"]
    for words in (["fetch"], ["seal"], ["publish"], ["target", "list"], ["target", "probe", "one"], ["audit"]):
        one(*words)
    one("doctor", "--offline")
    assert one("verify", str(tmp_path / "one"), "--trust", pin)["authentic"] is True
    assert one("get", str(tmp_path / "one"), "--trust", pin)["kind"] == "edition"
    assert one("get", str(tmp_path / "one"), "--trust", pin, "-o", str(tmp_path / "copy"))["files"] > 5
    # An outlet whose sources name nothing is told in one document, too.
    site.feed()
    assert one("outlet", "test", "river", status=3)["samples"][0]["state"] == "error"
    assert one("target", "pause", "one")["paused"] is True
    assert one("target", "remove", "one")["removed"] == "one"
    assert one("outlet", "remove", "river")["removed"] == "river"
    lines = [site.url + "/bridge", site.url + "/gone"]
    assert main(["preview", *lines, "--json", "--allow-private"]) == 3
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [document["source"] for document in documents] == lines


def test_a_mistake_in_the_tool_is_one_line_too(
    publication: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a\nsurprise")

    monkeypatch.setattr("mirror.status.gather", broken)
    monkeypatch.delenv("TAMIZDAT_DEBUG")
    assert main(["status", "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["status"] == 1
    assert told.err.startswith("tamizdat: error: a mistake in this tool: RuntimeError: a surprise (")
    assert "Traceback" not in told.err


# --- configuration, keys, folders -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["nonsense", "[publication]\nname = 3\n", "[publication\n", "\0", "x = 1\n" * 9, '[outlets."A B"]\n']
)
def test_a_bad_configuration_is_named_by_file_and_line(
    publication: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (publication / "tamizdat.toml").write_text(text)
    for command in (["run"], ["status"], ["outlet", "list"], ["preview", "https://example.org/"]):
        assert main(command) == 2
        assert re.match(r"tamizdat: error: \S*tamizdat\.toml", capsys.readouterr().err)
    assert main(["doctor", "--offline"]) == 1


def test_doctor_says_which_outlet_cannot_be_asked_as_it_is_set(
    publication: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (publication / "tamizdat.toml").open("a") as file:
        for key, line in (
            ("river", 'headers = { X-Mirror = "env:RIVER_MIRROR" }'),
            ("delta", 'headers = { Host = "other.example" }'),
            ("brook", 'egress = "tor"'),
        ):
            file.write(f'\n[outlet.{key}]\nname = "{key}"\nurl = "https://{key}.example/"\n{line}\n')
            file.write(f'feeds = ["https://{key}.example/feed"]\n')

    def told() -> dict[str, str]:
        capsys.readouterr()
        main(["doctor", "--offline", "--json"])
        checks = json.loads(capsys.readouterr().out)["checks"]
        return {one["name"]: f"{one['state']} {one['detail']}" for one in checks if one["name"].startswith("outlet")}

    assert told() == {
        "outlet river": "bad env:RIVER_MIRROR: $RIVER_MIRROR is not set or empty",
        "outlet delta": "bad outlet delta: headers: 'Host' is not a header that can be set",
        "outlet brook": "ok way out: tor",
    }
    monkeypatch.setenv("RIVER_MIRROR", "hush")
    assert told()["outlet river"] == "ok way out: direct, headers"


def test_keys_that_are_missing_open_to_others_or_none_stop_a_run(
    publication: Path, site: Outlet, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["outlet", "add", f"{site.url}/", "--id", "river", "--allow-private"])
    key = publication / "keys" / "publisher.key"
    kept = key.read_text()

    def refused() -> str:
        capsys.readouterr()
        assert main(["run"]) == 2
        told = capsys.readouterr()
        assert "PRIVATE" not in told.out + told.err
        assert kept.strip()[-30:] not in told.out + told.err
        assert str(key) in told.err
        return told.err

    key.chmod(0o644)
    assert "other users" in refused()
    assert main(["doctor", "--offline"]) == 1
    key.chmod(0o600)
    key.write_text(kept[:40])
    assert "not a private key" in refused()
    key.unlink()
    assert "no such key" in refused()
    key.mkdir()
    refused()
    key.rmdir()
    key.touch(0o600)
    key.write_text(kept)
    assert main(["run", "--quiet"]) == 0


def test_everything_init_makes_is_closed_to_others_even_with_no_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert main(["init", str(tmp_path / "new"), "--name", "X", "--quiet"]) == 0
    finally:
        os.umask(before)
    for path in [tmp_path / "new", *(tmp_path / "new").rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o022 == 0, f"{path} may be written to by others"
        name = path.relative_to(tmp_path / "new").as_posix()
        if name.startswith(("keys", "tamizdat.toml")) or name == "state":
            assert mode & 0o077 == 0, f"{path} may be read by others"
    assert sorted(one.name for one in (tmp_path / "new" / "keys").iterdir()) == [
        "log-successor.key",
        "log.key",
        "minisign.key",
        "online.key",
        "publisher.key",
        "root.key",
    ]


def test_init_in_a_folder_that_is_not_empty_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "mine.txt"):
        assert main(["init", str(folder), "--name", "X"]) == 2
        assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]
    assert main(["init", str(tmp_path / "mine.txt" / "deeper"), "--name", "X"]) in (1, 2)
    assert "Traceback" not in capsys.readouterr().err


def test_an_interrupted_init_can_be_typed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mirror.archive import Archive

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Archive, "create", interrupted)
        assert main(["init", str(tmp_path / "new"), "--name", "X"]) == 130
    assert main(["status", "--config", str(tmp_path / "new")]) == 2, "half a publication is none"
    assert main(["init", str(tmp_path / "new"), "--name", "X", "--quiet"]) == 0
    assert main(["status", "--config", str(tmp_path / "new"), "--quiet"]) == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    try:
        assert main(["init", str(tmp_path / "new"), "--name", "X"]) == 1
    finally:
        tmp_path.chmod(0o700)
    assert capsys.readouterr().err.startswith(f"tamizdat: error: {tmp_path}")


def test_a_place_where_nothing_can_be_made_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "/proc/nothing/here", "--name", "X"]) in (1, 2)
    assert main(["get", "/proc", "-o", "/proc/nothing", "--trust", "sha256:" + "a" * 64]) in (1, 4)
    for line in capsys.readouterr().err.splitlines():
        assert line.startswith("tamizdat: ")


# --- what fails leaves the configuration alone ----------------------------------------------------------------------


def test_a_target_whose_probe_fails_leaves_no_trace(
    publication: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = publication / "tamizdat.toml"
    config.write_text(config.read_text() + "\n# mine   \n")
    before, about = config.read_bytes(), config.stat()

    def failing(self: object, public: str | None = None) -> Iterator[Check]:
        yield Check(name="write", ok=True, detail="fine", fix="")
        yield Check(name="read", ok=False, detail="it is gone", fix="mend it")

    monkeypatch.setattr("mirror.targets.file.FileTarget.probe", failing)
    assert main(["target", "add", "one", str(tmp_path / "one"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["added"], document["hint"], len(document["checks"])) == (False, "mend it", 2)
    assert config.read_bytes() == before
    assert config.stat().st_mode == about.st_mode
    assert not (tmp_path / "one").exists()

    def interrupted(self: object, public: str | None = None) -> Iterator[Check]:
        yield Check(name="write", ok=True, detail="fine", fix="")
        raise KeyboardInterrupt

    monkeypatch.setattr("mirror.targets.file.FileTarget.probe", interrupted)
    assert main(["target", "add", "one", str(tmp_path / "one"), "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["status"] == 130
    assert config.read_bytes() == before
    for words in (["two", "gopher://x/"], ["two", "s3://bucket/x", "--set", "secret_key=plain-secret-text"]):
        assert main(["target", "add", *words]) != 0
        told = capsys.readouterr()
        assert "plain-secret-text" not in told.out + told.err
        assert config.read_bytes() == before


def test_an_outlet_that_cannot_be_added_leaves_no_trace(
    publication: Path, site: Outlet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = publication / "tamizdat.toml"
    before = config.read_bytes()
    assert main(["outlet", "add", f"{site.url}/"]) != 0, "an address of this machine needs --allow-private"
    assert main(["outlet", "add", f"{site.url}/", "--id", "NOT AN ID", "--allow-private"]) == 2

    async def broken(*_: object, **__: object) -> None:
        raise TamizdatError("the line was cut")

    monkeypatch.setattr("mirror.commands.outlets._samples", broken)
    assert main(["outlet", "add", f"{site.url}/", "--id", "river", "--allow-private"]) == 1
    assert config.read_bytes() == before
    site.files = {"/": (b"<title>nothing here</title>", "text/html")}
    assert main(["outlet", "add", f"{site.url}/", "--id", "river", "--allow-private"]) == 1
    assert config.read_bytes() == before
    assert "Traceback" not in capsys.readouterr().err


def test_a_site_is_added_twice_only_when_a_name_says_so(
    publication: Path, site: Outlet, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ["outlet", "add", f"{site.url}/", "--allow-private"]
    assert main([*again, "--id", "river"]) == 0
    capsys.readouterr()
    assert main(again) == 2
    assert "outlet 'river' takes" in capsys.readouterr().err
    assert main([*again, "--id", "stream"]) == 0


def test_a_status_page_that_cannot_be_written_is_said_by_its_name(
    publication: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--html", "/no/such/folder/status.html"]) == 2
    assert "--html /no/such/folder/status.html: " in capsys.readouterr().err


def test_comments_survive_what_is_added_and_removed(publication: Path, site: Outlet, tmp_path: Path) -> None:
    config = publication / "tamizdat.toml"
    config.write_text(config.read_text() + "\n# my own remark\n")
    before = configuration.load(config)
    assert main(["outlet", "add", f"{site.url}/", "--id", "river", "--allow-private", "--quiet"]) == 0
    assert main(["target", "add", "one", str(tmp_path / "one"), "--quiet"]) == 0
    assert main(["outlet", "remove", "river", "--quiet"]) == 0
    assert main(["target", "remove", "one", "--quiet"]) == 0
    assert "# my own remark" in config.read_text()
    after = configuration.load(config)
    assert (after.outlets, after.targets) == (before.outlets, before.targets)


def test_a_target_is_not_removed_while_a_run_is_at_work(
    publication: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mirror.publication import Publication

    assert main(["target", "add", "one", str(tmp_path / "one"), "--quiet"]) == 0
    before = (publication / "tamizdat.toml").read_bytes()
    with Publication.open(None).archive() as archive, archive.locked():
        for words in (["target", "remove", "one"], ["run"], ["seal"], ["publish"]):
            assert main(words) == 75
    assert (publication / "tamizdat.toml").read_bytes() == before
    assert capsys.readouterr().err.count("error:") == 4


# --- terminals, pipes, signals --------------------------------------------------------------------------------------


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0"}


def test_a_terminal_that_is_not_utf8_gets_escapes_and_json_stays_json(tmp_path: Path) -> None:
    done = tool("--help", env=ASCII)
    assert (done.returncode, done.stderr) == (0, "")
    done = tool("init", str(tmp_path / "new"), "--name", "Новости ©", "--json", env=ASCII)
    assert json.loads(done.stdout)["name"] == "Новости ©"
    assert done.returncode == 0
    done = tool("init", str(tmp_path / "other"), "--name", os.fsdecode(b"\xff\xfe"), env=ASCII)
    assert (done.returncode, done.stdout) == (2, "")
    done = tool("status", "--config", str(tmp_path / "new"), env=ASCII)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    done = tool("verify", "no-such-Ж", "--json", env=ASCII)
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["status"] == 1


CLOSED = [">&-", "2>&-", ">&- 2>&- <&-", "| true", "2>/dev/full >/dev/full"]
SAYING = ["--help", "status --json", "status", "verify nothing --json", "doctor --offline"]


@pytest.mark.parametrize(("words", "how"), [(words, how) for words in SAYING for how in CLOSED])
def test_whoever_has_gone_or_was_never_there_causes_no_traceback(publication: Path, words: str, how: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m mirror.cli {words} {how}"
    done = subprocess.run(
        ["/bin/bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert sorted(one.name for one in publication.iterdir()) == ["archive", "keys", "state", "tamizdat.toml"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_says_one_line_and_the_next_one_works(
    publication: Path, site: Outlet, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["outlet", "add", f"{site.url}/", "--id", "river", "--allow-private", "--quiet"]) == 0
    # A site that never answers, once it was asked.
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        config = publication / "tamizdat.toml"
        honest = config.read_text()
        config.write_text(honest.replace(f"{site.url}/feed.xml", f"http://127.0.0.1:{port}/feed.xml"))
        process = subprocess.Popen(
            [sys.executable, "-m", "mirror.cli", "run", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            silent.settimeout(60)
            connection, _ = silent.accept()
            time.sleep(0.2)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            connection.close()
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 130
    assert err.splitlines() == ["tamizdat: error: stopped; nothing is lost, the next run continues"]
    assert json.loads(out)["status"] == 130
    config.write_text(honest)
    assert main(["run", "--quiet"]) == 0


# --- what others wrote ----------------------------------------------------------------------------------------------

EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2066\u2028\r\nauthentic: yes"


def test_escape_sequences_of_others_never_reach_a_terminal(
    capsys: pytest.CaptureFixture[str], publication: Path
) -> None:
    raw = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
    out = Output()
    out.say(one_line(EVIL))
    out.note(EVIL)
    out.error(TamizdatError(EVIL, hint=EVIL))
    Output(as_json=True).result({EVIL: EVIL})
    told = capsys.readouterr()
    assert not raw.search(told.out + told.err)
    assert "authentic: yes" not in (told.out + told.err).splitlines()
    assert json.loads(told.out.splitlines()[-1]) == {EVIL: EVIL}
    for words in (["verify", EVIL], ["get", EVIL], ["preview", EVIL], ["outlet", "test", EVIL], [EVIL]):
        assert main(words) != 0
        told = capsys.readouterr()
        assert not raw.search(told.out + told.err)
        assert "authentic: yes" not in told.err.splitlines()
    assert printable("سلام\u200cدنیا\u200f") == "سلام\u200cدنیا\u200f", "marks that text needs are left alone"


def test_a_title_from_an_outlet_cannot_write_to_the_terminal(
    publication: Path, site: Outlet, capsys: pytest.CaptureFixture[str]
) -> None:
    site.page("/bridge", f"<html><title>x</title><body><article><h1>Bridge \x9b2J \u202etalks</h1>{STORY}</article>")
    capsys.readouterr()
    main(["preview", f"{site.url}/bridge", "--allow-private"])
    told = capsys.readouterr()
    assert "Bridge" in told.out
    assert "\x1b" not in told.out + told.err
    assert "\u202e" not in told.out


def test_no_secret_is_ever_seen(
    publication: Path, site: Outlet, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_SECRET", "very-secret-value")
    monkeypatch.setenv("S3_KEY", "AKIAVERYSECRET")
    keys = [file.read_text().strip() for file in (publication / "keys").iterdir()]
    secrets = ["very-secret-value", "AKIAVERYSECRET", *keys, *(key[-20:] for key in keys)]
    target = ["target", "add", "s3", "s3://bucket/news", "--no-probe", "--set", "endpoint=http://127.0.0.1:1"]
    target += ["--set", "region=x", "--set", "access_key=env:S3_KEY", "--set", "secret_key=env:S3_SECRET"]
    everything = [
        target, ["target", "list"], ["target", "list", "--json"], ["target", "probe", "s3"],
        ["outlet", "add", f"{site.url}/", "--id", "river", "--allow-private"], ["run"], ["run", "--json"], ["status"],
        ["status", "--json"], ["doctor"], ["doctor", "--json"], ["audit"],
    ]  # fmt: skip
    for words in everything:
        main(words)
        told = capsys.readouterr()
        for secret in secrets:
            assert secret not in told.out + told.err, words
    for path in publication.rglob("*"):
        if path.is_file() and path.parent.name != "keys":
            data = path.read_bytes()
            for secret in secrets:
                assert secret.encode() not in data, path
