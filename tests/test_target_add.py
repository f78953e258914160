"""`target add` on a terminal: what is asked, what is kept where, and what is left when it fails."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pty
import select
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from mirror import config as configuration
from mirror import config_edit, limits, providers
from mirror.cli import main
from mirror.commands.asking import QUESTIONS, Asker, Wanted
from mirror.config import TargetConfig
from mirror.errors import TamizdatError, UsageError
from mirror.output import Output
from mirror.providers import Limits, Provider
from mirror.publication import Publication
from mirror.targets import open_target
from mirror.targets._probe import Failed, good_for
from mirror.targets._public import _unanswered
from tests.needs import ROOT
from tests.servers.wsgidav import wsgidav


@pytest.fixture
def publication(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Publication:
    assert main(["init", str(tmp_path / "p"), "--name", "X", "--quiet"]) == 0
    capsys.readouterr()
    return Publication.open(tmp_path / "p")


def asker(publication: Publication, *answers: str) -> Asker:
    """Somebody who types these lines, secrets and all; and then nothing more."""
    left = iter(answers)

    def read(prompt: str) -> str:
        print(prompt)
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    return Asker(publication, Output(), read, read)


def test_a_bucket_is_added_from_its_page_in_the_console(publication: Publication) -> None:
    account = "0123456789abcdef0123456789abcdef"
    console = f"https://dash.cloudflare.com/{account}/r2/default/buckets/news/settings"
    answers = (console, "", "THEID", "THE-SECRET", "https://news.example.org")
    wanted = asker(publication, *answers).target(None, None, None, Wanted(name="", url=""))
    assert (wanted.url, wanted.name, wanted.public) == ("s3://news", "news", "https://news.example.org")
    assert wanted.settings["endpoint"] == f"https://{account}.r2.cloudflarestorage.com"
    assert wanted.settings["secret_key"] == "file:secrets/news.secret_key"
    assert "THE-SECRET" not in wanted.line()
    for name, secret in (("news.access_key", "THEID"), ("news.secret_key", "THE-SECRET")):
        path = publication.folder / "secrets" / name
        assert path.read_text() == f"{secret}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((publication.folder / "secrets").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("answers", "url", "settings", "public"),
    [
        (("git@github.com:o/r.git", "", "", ""), "git+ssh://git@github.com/o/r.git", {}, "https://o.github.io/r/"),
        (("nonsense!", "user@host:/srv", "box", "/k", "", "-"), "sftp://user@host/srv", {"key": "/k"}, None),
        (("https://cloud.example/remote.php/dav/files/me/M", "", "env:PW", ""),
         "webdav://cloud.example/remote.php/dav/files/me/M", {"user": "me", "password": "env:PW"}, None),
        (("https://acc.blob.core.windows.net/con", "", "", "env:K", ""), "azblob://con",
         {"account": "acc", "account_key": "env:K"}, "https://acc.blob.core.windows.net/con"),
        (("gs://news", "", "cred:g", ""), "gcs://news", {"credentials": "cred:g"}, "https://storage.googleapis.com/news"),
        (("http://127.0.0.1:1/x", "z", "p", "", "", "-"), "put+http://127.0.0.1:1/x", {}, None),
        (("http://127.0.0.1:1/", "s", "news", "", "env:I", "env:S", ""), "s3://news",
         {"endpoint": "http://127.0.0.1:1", "access_key": "env:I", "secret_key": "env:S"}, "http://127.0.0.1:1/news"),
        (("s3://news", "", "b2", "eu-central-003", "env:I", "env:S", "-"), "s3://news",
         {"provider": "b2", "region": "eu-central-003", "access_key": "env:I", "secret_key": "env:S"}, None),
    ],
)  # fmt: skip
def test_each_kind_is_asked_for_what_it_needs(
    publication: Publication, answers: tuple[str, ...], url: str, settings: dict[str, str], public: str | None
) -> None:
    wanted = asker(publication, *answers).target(None, None, None, Wanted(name="", url=""))
    assert (wanted.url, wanted.settings, wanted.public) == (url, settings, public)
    assert not (publication.folder / "secrets").exists()


def test_every_question_is_about_a_setting_that_its_kind_has() -> None:
    from mirror.targets import TargetError, built_in, open_target

    asked = 0
    for scheme, questions in QUESTIONS.items():
        kind = scheme.partition("+")[0]
        if kind not in built_in():
            continue
        for one in questions:
            with pytest.raises(TargetError) as caught:  # noqa: PT012 - with or without a place to go to
                open_target("t", f"{scheme}://x", {one.setting: "env:X", "no-such": "x"}, lambda _: "x")
                raise TargetError("taken", kind="config")
            assert f'"{one.setting}"' not in str(caught.value) or "unknown" not in str(caught.value)
            asked += 1
    assert asked


def test_whoever_stops_typing_leaves_nothing_behind(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    before = publication.config.path.read_bytes()
    console = "https://news.s3.eu-west-3.amazonaws.com"
    monkeypatch.setattr("mirror.commands.targets.can_ask", lambda out: True)
    monkeypatch.setattr(
        "mirror.commands.targets.Asker", lambda found, out: asker(found, console, "aws", "THEID", "SECRET")
    )
    assert main(["target", "add", "--config", str(publication.folder)]) == 2
    assert publication.config.path.read_bytes() == before
    assert not (publication.folder / "secrets").exists()


def test_where_nobody_can_be_asked_the_whole_command_is_named(
    publication: Publication, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["first"], ["/srv/x"]):
        assert main(["target", "add", *words, "--json", "--config", str(publication.folder)]) == 2
        told = json.loads(capsys.readouterr().out)
        assert "tamizdat target add NAME URL" in told["hint"]
    assert main(["target", "add", "x", "ftp://u:hidden@h/x", "--config", str(publication.folder)]) == 2
    told = capsys.readouterr()
    assert "hidden" not in told.out + told.err
    assert "--set password=env:NAME" in told.err


def test_after_mending_it_is_tried_again_and_a_secret_lasts_only_if_it_works(
    publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "usb" / "mirror"

    def mend(prompt: str) -> str:
        print(prompt)
        if "Mended" in prompt:
            place.parent.mkdir(exist_ok=True)
        return next(answers)

    monkeypatch.setattr("mirror.commands.targets.can_ask", lambda out: True)
    monkeypatch.setattr("mirror.commands.targets.Asker", lambda found, out: Asker(found, out, mend, mend))
    answers = iter([str(place), "stick", "", "y"])
    assert main(["target", "add", "--config", str(publication.folder)]) == 0
    assert configuration.load(publication.config.path).targets["stick"].url == str(place)
    told = capsys.readouterr().out
    assert "mount the disk" in told
    assert f"the same in one line: tamizdat target add stick {place}" in told
    answers = iter([str(tmp_path / "no" / "where"), "lost", "", "n"])
    assert main(["target", "add", "--config", str(publication.folder)]) == 1
    assert "lost" not in configuration.load(publication.config.path).targets


def typing(monkeypatch: pytest.MonkeyPatch, *answers: tuple[str, str]) -> list[str]:
    """Somebody who answers each question that has these words in it; returns what was asked."""
    left, asked = list(answers), []

    def read(prompt: str) -> str:
        asked.append(prompt)
        if not left:
            raise EOFError
        words, answer = left.pop(0)
        assert words in prompt, (words, prompt)
        return answer

    monkeypatch.setattr("mirror.commands.targets.can_ask", lambda out: True)
    monkeypatch.setattr("mirror.commands.targets.Asker", lambda found, out: Asker(found, out, read, read))
    return asked


def test_what_cannot_work_is_asked_again_and_what_was_said_before_is_kept(
    publication: Publication, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["target", "add", "--no-probe", "--set", "region=eu", "--set", "regoin=x", "--config"]
    asked = typing(
        monkeypatch,
        ("address (empty: stop)", "https://cdn.example/remote.php/dav/files/me/M"), ("short name", "cloud"),
        ("password", "WRONG"), ("public address", "https://news.example.org"),
        ("Answer again?", ""),
        ("address [webdav://cdn.example/", ""), ("short name for it, in lists and messages [cloud]", "cloud2"),
        ("region (-: none) [eu]", "-"), ("regoin (-: none) [x]", "-"), ("user name", ""), ("password", "RIGHT"),
        ("public address (- for none yet) [https://news.example.org]", ""),
    )  # fmt: skip
    assert main([*words, str(publication.folder)]) == 0
    told = capsys.readouterr()
    assert "unknown" in told.out
    target = configuration.load(publication.config.path).targets["cloud2"]
    assert target.url == "webdav://cdn.example/remote.php/dav/files/me/M"
    assert target.public == "https://news.example.org"
    assert target.settings == {"user": "me", "password": "file:secrets/cloud2.password"}
    # The secret that was typed first is left nowhere.
    assert [path.name for path in (publication.folder / "secrets").iterdir()] == ["cloud2.password"]
    assert (publication.folder / "secrets" / "cloud2.password").read_text() == "RIGHT\n"
    assert not any(secret in text for secret in ("WRONG", "RIGHT") for text in (told.out, told.err, *asked))


def test_a_secret_that_stood_in_the_command_is_stored_and_never_repeated(
    publication: Publication, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["target", "add", "webdav://me@cdn.example/M", "--no-probe", "--set", "password=HIDDEN"]
    asked = typing(
        monkeypatch,
        ("short name", "cloud"), ("public address", "-"), ("Answer again?", "y"), ("address [", ""),
        ("short name", ""), ("password", ""), ("public address", "-"),
    )  # fmt: skip
    assert main([*words, "--config", str(publication.folder)]) == 0
    told = capsys.readouterr()
    assert not any("HIDDEN" in text for text in (told.out, told.err, *asked))
    settings = configuration.load(publication.config.path).targets["cloud"].settings
    assert settings == {"password": "file:secrets/cloud.password"}
    assert (publication.folder / "secrets" / "cloud.password").read_text() == "HIDDEN\n"


def test_another_kind_of_place_is_asked_for_what_it_needs_and_keeps_nothing_of_the_first(
    publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = publication.config.path.read_bytes()
    words = ["target", "add", "--no-probe", "--set", "nonsense=1", "--config", str(publication.folder)]
    first = (("address", "s3://news"), ("short name", "news"), ("which host", "aws"), ("region", "eu-west-3"),
             ("access key id", "env:I"), ("secret access key", "THE-SECRET"), ("public address", "-"))  # fmt: skip
    again = (("Answer again?", "y"), ("address [s3://news]", str(tmp_path / "place")), ("short name", ""))
    typing(monkeypatch, *first, *again, ("public address", "-"))
    assert main(words) == 0
    target = configuration.load(publication.config.path).targets["news"]
    assert (target.url, target.settings) == (str(tmp_path / "place"), {})
    assert not (publication.folder / "secrets").exists()
    # Whoever doesn't want to, or stops in the middle, leaves nothing behind.
    publication.config.path.write_bytes(before)
    for rest in ((("Answer again?", "n"),), again[:2]):
        typing(monkeypatch, *first, *rest)
        assert main(words) == 2
        assert publication.config.path.read_bytes() == before
        assert not (publication.folder / "secrets").exists()


@pytest.mark.parametrize("wanted", ["y", "n"])
def test_the_folder_at_the_host_is_made_when_somebody_says_so(
    publication: Publication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: str
) -> None:
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    with wsgidav() as server:
        monkeypatch.setattr("mirror.commands.targets.can_ask", lambda out: True)
        monkeypatch.setattr("mirror.commands.targets.Asker", lambda found, out: asker(found, wanted))
        place = f"webdav+http://{server.user}@127.0.0.1:{server.port}/made-{wanted}"
        words = ["target", "add", "dav", place, "--packs", "--set", f"password=file:{tmp_path / 'password'}"]
        (tmp_path / "password").write_text(server.password)
        assert main([*words, "--config", str(publication.folder)]) == (0 if wanted == "y" else 1)
        assert (server.folder / f"made-{wanted}").is_dir() == (wanted == "y")
    assert ("dav" in configuration.load(publication.config.path).targets) == (wanted == "y")


class Shown:
    """As much of a TLS connection as its certificate's dates."""

    def __init__(self, lasts: float, left: float) -> None:
        self.ends, self.begins = time.time() + left, time.time() + left - lasts

    def version(self) -> str:
        return "TLSv1.3"

    def getpeercert(self) -> dict[str, str]:
        return {
            word: time.strftime("%b %d %H:%M:%S %Y GMT", time.gmtime(at))
            for word, at in (("notBefore", self.begins), ("notAfter", self.ends))
        }


@pytest.mark.parametrize(
    ("lasts", "left", "told"),
    [
        (90, 60, "good for 60 days"),
        (90, 10, None),
        (6, 3.7, "good for 4 days"),
        (6, 1.2, None),
        (0.5, 0.4, "good for 10 hours"),
        (0.5, 0.1, None),
        (90, -1, None),
    ],
)
def test_a_certificate_ends_too_soon_by_how_long_it_was_made_for(lasts: float, left: float, told: str | None) -> None:
    shown = Shown(lasts * 86400, left * 86400)
    if told is not None:
        assert told in good_for(shown)  # type: ignore[arg-type]
    else:
        with pytest.raises(Failed, match="the certificate ends in"):
            good_for(shown)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["http://mirror.example/", f"http://{'a' * 56}.onion/"])
def test_an_onion_that_does_not_answer_is_perhaps_too_new_and_no_firewall(address: str) -> None:
    found = _unanswered(address, TimeoutError("timed out"))
    assert ("takes a minute to be known" in str(found.fix)) == ("onion" in address)
    assert ("firewall" in str(found.fix)) != ("onion" in address)


def test_where_a_key_lies_is_written_with_the_word_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x")
    with contextlib.chdir(tmp_path), pytest.raises(TamizdatError) as caught:
        open_target("x", "sftp://u@h/x", {"key": "key"}, lambda _: "")
    assert "--set key=file:key" in str(caught.value.hint)
    asked: list[str] = []

    def nothing(reference: str) -> str:
        asked.append(reference)
        return ""

    with contextlib.closing(open_target("x", "sftp://u@h/x", {"key": "secrets/key"}, nothing)) as target:
        assert [check.ok for check in itertools.islice(target.probe(), 2)] == [True, False]
    assert asked == ["file:secrets/key"]


def test_a_name_that_is_no_target_is_not_called_a_dead_mirror(
    publication: Publication, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "frist", "--config", str(publication.folder)]) == 2
    assert "no target 'frist'" in capsys.readouterr().err


def test_a_setting_that_a_probe_asks_for_is_offered_but_a_fingerprint_never_taken_on_trust(
    publication: Publication, capsys: pytest.CaptureFixture[str]
) -> None:
    print_ = "SHA256:" + "a" * 43
    error = TamizdatError("unknown host key", hint=f"confirm it, then: --set host_key={print_}")
    wanted = Wanted(name="x", url="sftp://u@h/x")
    assert not asker(publication, "", "n").again(error, wanted)
    assert wanted.settings == {}
    assert asker(publication, "y").again(error, wanted)
    assert wanted.settings == {"host_key": print_}
    assert "server's owner tell you" in capsys.readouterr().out


@pytest.fixture
def terminal(publication: Publication) -> Iterator[Callable[[list[tuple[str, str]]], tuple[int, str]]]:
    """Types at a real terminal: waits for each text, answers it; gives exit status and all that was shown."""
    started: list[subprocess.Popen[bytes]] = []

    def typing(script: list[tuple[str, str]]) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "mirror.cli", "target", "add", "--config", str(publication.folder)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"}
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        started.append(process)
        os.close(theirs)
        shown, end, at = "", time.monotonic() + 60, 0
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    shown += os.read(ours, 4096).decode("utf-8", "replace")
                except OSError:
                    break
            if script and script[0][0] in shown[at:]:
                at = len(shown)
                os.write(ours, f"{script.pop(0)[1]}\n".encode())
        os.close(ours)
        return process.wait(20), shown

    yield typing
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_at_a_real_terminal_a_secret_is_never_shown(
    terminal: Callable[[list[tuple[str, str]]], tuple[int, str]], publication: Publication
) -> None:
    status, shown = terminal(
        [
            ("address", "https://news.s3.eu-west-3.amazonaws.com"),
            ("short name", "bucket"),
            ("access key id", "AKIDEXAMPLE"),
            ("secret access key", "VERY-SECRET-KEY"),
            ("public address", "\x04"),
        ]
    )
    assert status == 2
    assert "not shown" in shown
    assert "VERY-SECRET-KEY" not in shown
    assert "AKIDEXAMPLE" not in shown
    assert not (publication.folder / "secrets").exists()
    assert "Traceback" not in shown


# --- what hosts allow -------------------------------------------------------------------------------------------------


def host(**allowed: Any) -> Provider:
    return Provider(id="small", name="Small Host", kinds=("put",), hosts=(r"small\.example",), limits=Limits(**allowed))


@pytest.mark.parametrize(
    ("allowed", "target", "told"),
    [
        ({"files": 1000}, {}, ["(900 files) nears what Small Host allows (1,000); packs"]),
        ({"files": 800}, {}, ["is over"]),
        ({"files": 1000}, {"packs": True}, []),
        ({"files": 10_000}, {}, []),
        ({"bytes": 5_000_000}, {}, ["(4,500,000 bytes) nears what Small Host allows (5,000,000); a light target"]),
        ({"bytes": 5_000_000}, {"light": True}, ["(5,000,000)"]),
        ({"object_bytes": 50_000}, {}, ["(70,000 bytes in one file) is over"]),
        ({"files": 900, "bytes": 4_500_000}, {}, ["nears", "nears"]),
    ],
)
def test_an_archive_that_comes_near_what_a_host_allows_is_told_of(
    allowed: dict[str, int], target: dict[str, bool], told: list[str]
) -> None:
    given = TargetConfig(name="t", url="put://small.example/x", **target)  # type: ignore[arg-type]
    lines = limits.lines(given, host(**allowed), files=900, size=4_500_000, largest=70_000)
    assert len(lines) == len(told)
    assert all(words in line for words, line in zip(told, lines, strict=True))


def test_the_host_is_known_by_what_is_said_or_by_an_address() -> None:
    r2 = "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com"
    for target in (
        TargetConfig(name="t", url="s3://b", settings={"provider": "r2"}),
        TargetConfig(name="t", url="s3://b", settings={"endpoint": r2}),
    ):
        found = limits.provider_of(target)
        assert found is not None
        assert found.id == "r2"
    assert limits.provider_of(TargetConfig(name="t", url="/srv/x")) is None


def test_providers_are_listed_and_one_is_shown_whole(
    publication: Publication, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["target", "providers", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["providers"]
    assert [one["id"] for one in found] == [one.id for one in providers.known().values() if one.kinds]
    assert main(["target", "providers", "r2"]) == 0
    assert "r2.cloudflarestorage.com" in capsys.readouterr().out
    assert main(["target", "providers", "digitalocean"]) == 0  # of which a delay is known, and no limit
    assert "(s3): news shows after up to 60 s\n" in capsys.readouterr().out
    assert main(["target", "providers", "no-such"]) == 2


def test_what_is_said_of_hosts_is_well_formed() -> None:
    import re

    for one in providers.known().values():
        for pattern in (*one.hosts, *one.public_hosts, *([one.server] if one.server else [])):
            re.compile(pattern)
        assert set(one.mends) <= set(providers.EVERYTHING), one.id
        assert all("\n" not in text for text in one.mends.values()), one.id
        assert all(each in (one.endpoint or "") for each in (f"{{{need}}}" for need in one.needs)), one.id
        assert all(one.sources), one.id
    assert set(providers.EVERYTHING) == set(get_args(providers.CheckName))


def test_a_policy_is_printed_for_a_bucket_that_is_not_added_yet(
    publication: Publication, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["target", "policy", "https://news.s3.eu-west-3.amazonaws.com/x"]) == 0
    told = capsys.readouterr().out
    assert "s3:PutObject" in told
    assert "arn:aws:s3:::news" in told
    assert main(["target", "policy", "/srv/x"]) == 2
    with pytest.raises(UsageError):
        providers.named("no-such")


def test_setup_takes_folder_and_address_from_the_target(
    publication: Publication, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--config", str(publication.folder)]
    add = ["target", "add", "web", str(tmp_path / "www"), "--public", "https://m.example/", "--no-probe", "--quiet"]
    assert main([*add, *words]) == 0
    capsys.readouterr()
    assert main(["target", "setup", "web", "--for", "nginx", *words]) == 0
    told = capsys.readouterr().out
    assert f"root {tmp_path}/www;" in told
    assert "server_name m.example;" in told
    assert main(["target", "setup", "--for", "caddy", "--root", "/srv/a;b"]) == 2


def test_status_says_when_an_archive_comes_near_what_a_host_allows(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import UTC, datetime

    from mirror.status import gather

    known = {**providers.known(), "small": host(files=1_000_000)}
    monkeypatch.setattr("mirror.providers.known", lambda: known)
    path = publication.config.path
    config_edit.add_target(path, name="small", url="put://small.example/x", settings={"password": "env:X"})
    for files, told in ((3, ([], 0)), (900_000, (["nears"], 0)), (2_000_000, (["is over"], 3))):
        monkeypatch.setattr("mirror.archive.state.Tx.offered_totals", lambda self, files=files: (files, 1, 1))
        report = gather(Publication.open(path), now=datetime.now(UTC))
        found = [line for line in (*report.advice, *report.warnings) if "Small Host" in line]
        assert len(found) == len(told[0])
        assert all(words in line for words, line in zip(told[0], found, strict=True))
        assert report.status == told[1]


def test_what_an_archive_offers_is_counted(publication: Publication) -> None:
    with publication.archive() as archive, archive.state.reading() as tx:
        offered = [change for change in tx.changes(0, None) if change.op == "put"]
        totals = tx.offered_totals()
    assert totals == (len(offered), sum(one.size for one in offered), max(one.size for one in offered))
    assert totals[0] > 3
