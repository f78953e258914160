"""Git repositories: as a folder, over SSH, over HTTP with a token; and who else pushes there."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mirror.targets import Target, TargetError, open_target
from mirror.targets.git import GitTarget, read_place
from tests.needs import program
from tests.servers import free_port, wait_for
from tests.servers.certificates import make_certificates
from tests.servers.git import GitWeb, Repository, bare, git_web
from tests.servers.sshd import Sshd, fingerprint, keygen, sshd
from tests.servers.web import web_server
from tests.targets.suite import PLAIN, TargetSuite, no_secrets

FRESH = itertools.count(1)


def secrets(reference: str) -> str:
    kind, _, rest = reference.partition(":")
    return Path(rest).read_text() if kind == "file" else {"TOKEN": "good-token", "WRONG": "secret-wrong-one"}[rest]


MADE: list[Target] = []


@pytest.fixture(autouse=True)
def _all_closed() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().close()


def pages(url: str, state: Path | None = None, **settings: str) -> Target:
    MADE.append(made := open_target("pages", url, settings, secrets, state=state))
    return made


def plain(url: str, state: Path | None = None, *, stall: float = 20, part: int = 2**25, **settings: str) -> GitTarget:
    """Without retries, and with patience that tests have."""
    place = read_place("pages", url, settings)
    MADE.append(made := GitTarget(name="pages", place=place, secret=secrets, state=state, stall=stall, part=part))
    return made


@pytest.fixture
def news(tmp_path: Path) -> Repository:
    return bare(tmp_path / "news.git")


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitWeb]:
    with git_web(tmp_path_factory.mktemp("web")) as web:
        yield web


@pytest.fixture
def hosted(web: GitWeb) -> Iterator[tuple[Repository, str]]:
    """A repository behind the web server, and its URL."""
    name = f"{next(FRESH)}.git"
    web.answer = lambda path: None
    yield bare(web.root / name), f"git+{web.url}/{name}"
    web.answer = lambda path: None


class TestGitFolder(TargetSuite, scheme="git"):
    @pytest.fixture
    def again(self, tmp_path: Path, news: Repository) -> Callable[[], Target]:
        return lambda: pages(f"git+file://{news.path}", tmp_path / "state")


@pytest.mark.parametrize("way", ["ssh", "http"])
def test_over_a_network_it_is_the_same(way: str, ssh: Sshd, hosted: tuple[Repository, str], tmp_path: Path) -> None:
    news, url = hosted
    settings = {"token": "env:TOKEN"}
    if way == "ssh":
        url, settings = ssh.url("git+ssh", news.path), ssh.settings()
    target = pages(url, tmp_path / "state", **settings)
    files = {f"o/{number:02}": os.urandom(60_000) for number in range(30)}  # more than git sends in one request
    with ThreadPoolExecutor(target.caps.workers) as pool:
        list(pool.map(lambda item: target.put(*item, PLAIN), files.items()))
    target.commit({"front": b"1"})
    target.close()
    other = pages(url, tmp_path / "elsewhere", **settings)
    assert {key: other.get(key, cap=60_000) for key in ("o/00", "o/29")} == {
        key: files[key] for key in ("o/00", "o/29")
    }
    assert list(other.list("o/")) == sorted(files)
    other.delete(["o/00"])
    other.commit({"front": b"2"})
    if way == "http":
        assert [check.name for check in other.probe() if not check.ok] == []
    assert len(news.files()) == 31
    assert news.text("front") == "2"


# --- history -------------------------------------------------------------------------------------------------------


def test_a_push_is_one_commit_on_top_of_the_last_and_says_nothing_about_itself(
    news: Repository, tmp_path: Path
) -> None:
    for number in range(3):
        target = pages(f"git+file://{news.path}", tmp_path / "state")
        target.put(f"o/{number}", b"secret headline", PLAIN)
        target.flush()
        assert len(news.commits()) == number if number else news.head() == ""
        target.commit({"front": b"%d" % number})
        target.close()
    assert news.files() == [".nojekyll", "front", "o/0", "o/1", "o/2"]
    who = news.git("log", "--format=%an %ae %cn %ce %aI", "main").splitlines()
    assert {line.rpartition(" ")[0] for line in who} == {" ".join(["mirror", "mirror@example.invalid"] * 2)}
    assert all(line.endswith(("Z", "+00:00")) for line in who)
    words = {line.split()[0] for line in news.git("log", "--format=%B", "main").splitlines() if line}
    assert words == {"update", "site", "history"}


def test_nothing_new_is_no_commit(news: Repository, tmp_path: Path) -> None:
    target = pages(f"git+file://{news.path}", tmp_path / "state")
    target.put("o/1", b"1", PLAIN)
    target.commit({"front": b"1"})
    before = news.head()
    target.put("o/1", b"1", PLAIN)
    target.commit({"front": b"1"})
    target.commit({})
    target.close()
    assert news.head() == before


def test_what_stands_in_the_branch_already_stays(news: Repository, tmp_path: Path) -> None:
    theirs = news.commit(name="README.md", text="made on the host's page")
    target = pages(f"git+file://{news.path}", tmp_path / "state")
    target.commit({"front": b"1"})
    target.close()
    assert news.commits()[1:] == [theirs]
    assert news.files() == [".nojekyll", "README.md", "front"]


def test_a_branch_that_somebody_moved_is_left_alone_and_the_commit_is_named(news: Repository, tmp_path: Path) -> None:
    url, state = f"git+file://{news.path}", tmp_path / "state"
    target = pages(url, state)
    target.commit({"front": b"1"})
    ours = news.head()
    for onto in (ours, ""):  # on top of ours, and in place of it
        theirs = news.commit(onto=onto, text=f"text {onto}")
        with pytest.raises(TargetError, match=f"moved the branch main, to commit {theirs} by Mallory") as caught:
            target.commit({"front": b"2"})
        assert (caught.value.kind, caught.value.scope) == ("conflict", "target")
        assert theirs[:12] in str(caught.value.hint)
        assert ours[:12] in str(caught.value.hint)
        assert news.head() == theirs
    target.close()
    again = pages(url, state)
    assert again.get("front") is None  # what is there, not what should be
    check = next(check for check in again.probe() if not check.ok)
    assert (check.name, theirs in check.detail) == ("branch", True)
    again.close()
    accepting = pages(url, state, accept=theirs[:12])
    accepting.commit({"front": b"3"})
    accepting.close()
    assert news.commits()[1:] == [theirs]
    assert news.files() == [".nojekyll", "foreign.txt", "front"]


def test_what_was_staged_before_somebodys_commit_is_not_lost_when_it_is_accepted(
    news: Repository, tmp_path: Path
) -> None:
    url, state = f"git+file://{news.path}", tmp_path / "state"
    target = pages(url, state)
    target.put("o/old", b"1", PLAIN)
    target.commit({"front": b"1"})
    target.put("o/new", b"2", PLAIN)
    target.delete(["o/old"])
    target.flush()
    target.close()
    theirs = news.commit(onto="")
    accepting = pages(url, state, accept=theirs)
    accepting.commit({"front": b"2"})
    accepting.close()
    assert news.files() == [".nojekyll", "foreign.txt", "front", "o/new"]


def test_two_that_push_at_once_never_overwrite_each_other(news: Repository, tmp_path: Path) -> None:
    url = f"git+file://{news.path}"
    first, second = pages(url, tmp_path / "a"), pages(url, tmp_path / "b")
    first.commit({"front": b"1"})
    second.put("o/1", b"1", PLAIN)
    first.commit({"front": b"2"})
    with pytest.raises(TargetError, match="somebody else moved the branch") as caught:
        second.commit({"front": b"3"})
    assert caught.value.kind == "conflict"
    assert news.text("front") == "2"
    assert len(news.commits()) == 2
    first.close()
    second.close()


def test_one_store_is_for_one_run(news: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirror.targets.git._PATIENCE", 0.2)
    first, second = (pages(f"git+file://{news.path}", tmp_path / "state") for _ in range(2))
    first.put("o/1", b"1", PLAIN)
    with pytest.raises(TargetError, match="another run") as caught:
        second.put("o/2", b"2", PLAIN)
    assert caught.value.kind == "conflict"
    first.close()
    second.put("o/2", b"2", PLAIN)
    second.close()


def test_a_branch_that_was_deleted_is_begun_anew(news: Repository, tmp_path: Path) -> None:
    target = pages(f"git+file://{news.path}", tmp_path / "state")
    target.put("o/1", b"1", PLAIN)
    target.commit({"front": b"1"})
    target.close()
    news.git("update-ref", "-d", "refs/heads/main")
    again = pages(f"git+file://{news.path}", tmp_path / "state")
    assert again.get("o/1") is None
    again.put("o/1", b"1", PLAIN)
    again.commit({"front": b"1"})
    again.close()
    assert news.files() == [".nojekyll", "front", "o/1"]


def test_near_the_hosts_limit_history_is_squashed_and_nothing_is_sent_again(news: Repository, tmp_path: Path) -> None:
    url, state = f"git+file://{news.path}", tmp_path / "state"
    target = pages(url, state, squash_at="1")
    target.put("o/1", os.urandom(400_000), PLAIN)
    target.commit({"front": os.urandom(100_000)})
    lengths = []
    for _ in range(5):
        before = news.size()
        target.commit({"front": os.urandom(150_000)})
        lengths.append(len(news.commits()))
        assert news.size() - before < 200_000
    target.close()
    assert lengths == [2, 3, 4, 1, 2]
    assert news.files() == [".nojekyll", "front", "o/1"]


def test_where_squashing_is_forbidden_the_news_get_out_all_the_same(news: Repository, tmp_path: Path) -> None:
    news.git("config", "receive.denyNonFastForwards", "true")
    target = pages(f"git+file://{news.path}", tmp_path / "state", squash_at="1")
    for number in range(4):
        target.commit({"front": os.urandom(500_000)})
        assert len(news.commits()) == number + 1
    target.close()


def test_another_runs_commit_is_not_squashed_away(news: Repository, tmp_path: Path) -> None:
    target = pages(f"git+file://{news.path}", tmp_path / "state", squash_at="1")
    target.commit({"front": os.urandom(900_000)})
    theirs = news.commit()
    with pytest.raises(TargetError) as caught:
        target.commit({"front": os.urandom(900_000)})
    assert caught.value.kind == "conflict"
    assert news.head() == theirs
    target.close()


# --- what is kept here ---------------------------------------------------------------------------------------------


def test_a_lost_store_is_had_again_without_the_contents(news: Repository, tmp_path: Path) -> None:
    url, state = f"git+file://{news.path}", tmp_path / "state"
    target = pages(url, state)
    for number in range(20):
        target.put(f"o/{number}", os.urandom(100_000), PLAIN)
    target.commit({"front": b"1"})
    target.close()
    shutil.rmtree(state)
    again = pages(url, state)
    again.put("o/new", b"new", PLAIN)
    again.commit({"front": b"2"})
    kept = sum(file.stat().st_size for file in state.rglob("*") if file.is_file())
    assert kept < 100_000
    assert again.get("o/7") == news_bytes(news, "o/7")
    assert len(list(again.list("o/"))) == 21
    again.close()
    assert len(news.commits()) == 2


def news_bytes(news: Repository, name: str) -> bytes:
    command = [program("git"), f"--git-dir={news.path}", "cat-file", "blob", f"main:{name}"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_a_server_that_cannot_leave_contents_out_sends_them_and_that_works_too(tmp_path: Path) -> None:
    old = bare(tmp_path / "old.git", partial=False)
    url = f"git+file://{old.path}"
    for number in range(2):
        target = pages(url, tmp_path / f"state{number}")
        target.put(f"o/{number}", b"%d" % number, PLAIN)
        target.commit({"front": b"%d" % number})
        assert target.get("o/0") == b"0"
        target.close()
    assert old.files() == [".nojekyll", "front", "o/0", "o/1"]


def test_a_store_that_has_grown_is_thrown_away_when_all_of_it_is_there(
    news: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirror.targets._git.MOST_PACKS", 2)
    url, state = f"git+file://{news.path}", tmp_path / "state"
    for number in range(4):
        target = pages(url, state)
        target.put(f"o/{number}", os.urandom(50_000), PLAIN)
        target.flush()
        target.commit({"front": b"%d" % number})
        target.close()
        assert len(list(state.glob("*/repo/objects/pack/*.pack"))) <= 3
    assert len(news.files()) == 6


KILLED = """
import os, sys
from mirror.targets import open_target, meta_for
target = open_target("t", sys.argv[1], {}, None, state=__import__("pathlib").Path(sys.argv[2]))
for batch in range(1000):
    for n in range(40):
        target.put(f"o/{batch}/{n}", os.urandom(3000), meta_for("o/"))
    target.flush()
    print(batch, flush=True)
"""


def test_after_a_kill_what_was_flushed_is_there_and_nothing_else_was_seen(news: Repository, tmp_path: Path) -> None:
    url, state = f"git+file://{news.path}", tmp_path / "state"
    command = [sys.executable, "-c", KILLED, url, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        flushed = int(next(itertools.islice(process.stdout, 3, None)))
        process.send_signal(signal.SIGKILL)
    assert news.head() == ""
    target = pages(url, state)
    target.commit({"front": b"1"})
    target.close()
    whole = {f"o/{batch}/{n}" for batch in range(flushed + 1) for n in range(40)}
    assert whole <= set(news.files())
    news.git("fsck", "--strict")
    assert not list(state.glob("*/repo/fast_import_crash*"))
    assert not list(state.glob("*/repo/objects/pack/tmp_*"))


def test_a_push_whose_answer_was_lost_is_known_to_have_arrived(news: Repository, tmp_path: Path) -> None:
    url, state = f"git+file://{news.path}", tmp_path / "state"
    target = pages(url, state)
    target.commit({"front": b"1"})
    place = next(state.glob("git-*/repo/refs/tamizdat/remote"))
    before = place.read_text()
    target.commit({"front": b"2"})
    target.close()
    place.write_text(before)  # as if it had been killed between the push and its note
    again = pages(url, state)
    again.commit({"front": b"3"})
    again.close()
    assert len(news.commits()) == 3


def test_much_at_once_goes_up_in_parts_that_no_reader_sees(news: Repository, tmp_path: Path) -> None:
    target = plain(f"git+file://{news.path}", tmp_path / "state", part=300_000)
    for number in range(4):
        target.put(f"o/{number}", os.urandom(200_000), PLAIN)
        target.flush()
    assert news.files() == [".nojekyll"]
    assert len(news.files("incoming-main")) == 4
    before = news.size()
    target.close()
    again = plain(f"git+file://{news.path}", tmp_path / "state", part=300_000)
    again.commit({"front": b"1"})
    again.close()
    assert news.size() - before < 10_000
    assert len(news.files()) == 6
    assert news.head("incoming-main") == ""


def test_the_stores_disk_being_full_is_said_to_be_here(news: Repository, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk of one megabyte")
    tiny = tmp_path / "tiny"
    tiny.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tiny)], check=False).returncode:
        pytest.skip("no right to mount here")
    try:
        target = plain(f"git+file://{news.path}", tiny)

        def fill() -> None:
            for number in range(100):
                target.put(f"o/{number}", os.urandom(100_000), PLAIN)
                target.flush()

        with pytest.raises(TargetError, match="this machine's disk is full") as caught:
            fill()
        assert (caught.value.kind, caught.value.scope) == ("quota", "target")
        target.close()
    finally:
        subprocess.run(["umount", str(tiny)], check=True)


# --- what hosts refuse ---------------------------------------------------------------------------------------------

REFUSALS = [
    ("error: GH001: Large files detected.", "too_large", "file of that size"),
    ("error: File o/1 is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB", "too_large", "of that size"),
    ("error: GH006: Protected branch update failed for refs/heads/main.", "forbidden", "GH006"),
    ("GitLab: You are not allowed to push code to protected branches.", "forbidden", "protected"),
    ("GitLab: repository has exceeded its size limit by 3 MB.", "quota", "size limit"),
    ("Forgejo: Quota exceeded", "quota", "over what the host allows"),
    ("no pushes on Sundays", "forbidden", "no pushes on Sundays"),
    ("fatal: write error: No space left on device", "quota", "server's disk"),
]


@pytest.mark.parametrize(("said", "kind", "told"), REFUSALS)
def test_what_a_hosts_hook_says_decides_what_it_is(
    news: Repository, tmp_path: Path, said: str, kind: str, told: str
) -> None:
    news.hook(f'echo "{said}" >&2\nexit 1')
    target = plain(f"git+file://{news.path}", tmp_path / "state")
    with contextlib.closing(target), pytest.raises(TargetError, match=told) as caught:
        target.commit({"front": b"1"})
    assert (caught.value.kind, caught.value.scope) == (kind, "target")
    assert caught.value.hint
    (news.path / "hooks" / "pre-receive").unlink()
    with contextlib.closing(plain(f"git+file://{news.path}", tmp_path / "state")) as again:
        again.commit({"front": b"1"})
    assert news.text("front") == "1"


def test_a_file_larger_than_the_host_takes_is_refused_here(tmp_path: Path) -> None:
    place = read_place("pages", "git+https://github.com/owner/repo.git", {})
    assert place.max_object == 100 * 2**20
    target = GitTarget(name="pages", place=place, secret=no_secrets, state=tmp_path)
    with pytest.raises(TargetError, match=r"github\.com takes") as caught:
        target.put("o/1", bytes(100 * 2**20 + 1), PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("too_large", "object")


def test_a_repository_that_is_not_there_is_not_made(tmp_path: Path, ssh: Sshd, web: GitWeb) -> None:
    away = tmp_path / "away.git"
    for url, settings in (
        (f"git+file://{away}", {}),
        (ssh.url("git+ssh", away), ssh.settings()),
        (f"git+{web.url}/away.git", {"token": "env:TOKEN"}),
    ):
        target = plain(url, tmp_path / "state", **settings)
        with pytest.raises(TargetError, match="no such repository") as caught:
            target.put("front", b"1", PLAIN)
        assert caught.value.kind == "no_container"
        check = list(target.probe())[-1]
        assert (check.name, check.ok) == ("repository", False)
        target.close()
    assert not away.exists()
    assert not (web.root / "away.git").exists()


def test_names_that_git_or_the_host_needs_are_refused(news: Repository, tmp_path: Path) -> None:
    target = plain(f"git+file://{news.path}", tmp_path / "state")
    for key in (".git/config", "a/.GIT/x", "git~1", ".nojekyll"):
        with pytest.raises(TargetError, match="needs that name") as caught:
            target.put(key, b"x", PLAIN)
        assert caught.value.scope == "object"
    target.close()


# --- over SSH ------------------------------------------------------------------------------------------------------


def test_a_key_that_the_server_does_not_know_is_said_to_be_unknown(news: Repository, tmp_path: Path, ssh: Sshd) -> None:
    stranger = keygen(tmp_path / "stranger")
    target = plain(ssh.url("git+ssh", news.path), tmp_path / "s", **ssh.settings(key=f"file:{stranger}"))
    with pytest.raises(TargetError, match="doesn't know this SSH key") as caught:
        target.put("front", b"1", PLAIN)
    assert caught.value.kind == "auth"
    assert "deploy key" in str(caught.value.hint)
    target.close()


def test_another_host_key_than_the_pinned_one_ends_it(news: Repository, tmp_path: Path, ssh: Sshd) -> None:
    other = keygen(tmp_path / "other")
    url = ssh.url("git+ssh", news.path)
    whole = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    for pinned in (fingerprint(tmp_path / "other.pub"), whole):
        target = plain(url, tmp_path / "s", **ssh.settings(host_key=pinned))
        with pytest.raises(TargetError, match="another host key") as caught:
            target.put("front", b"1", PLAIN)
        assert caught.value.kind == "tls"
        target.close()
    unpinned = plain(url, tmp_path / "s", key=f"file:{other}")
    with pytest.raises(TargetError, match="no host key is pinned") as caught:
        unpinned.put("front", b"1", PLAIN)
    assert caught.value.kind == "tls"
    assert ssh.fingerprint in str(caught.value.hint)
    unpinned.close()


def test_a_host_that_builds_its_pages_first_is_waited_for(news: Repository, tmp_path: Path) -> None:
    pages_folder = tmp_path / "pages"
    pages_folder.mkdir()
    # A session of its own, as a host's builder is not part of the push.
    build = f"setsid sh -c 'sleep 0.7; git archive pages | tar -x -C {pages_folder}' >/dev/null 2>&1 &"
    news.hook(build, "post-receive")
    target = plain(f"git+file://{news.path}", tmp_path / "s", provider="codeberg-pages")
    target.caps = dataclasses.replace(target.caps, settles=20.0)
    with web_server(pages_folder) as web:
        checks = {check.name: check for check in target.probe(web.url)}
        assert checks["anonymous read"].ok
        assert "built its pages" in checks["caching"].detail


def test_a_whole_host_key_is_as_good_as_its_fingerprint(news: Repository, tmp_path: Path, ssh: Sshd) -> None:
    whole = " ".join((ssh.folder / "host.pub").read_text().split()[:2])
    target = plain(ssh.url("git+ssh", news.path), tmp_path / "s", **ssh.settings(host_key=whole))
    target.commit({"front": b"1"})
    assert "only SHA256:" in next(check.detail for check in target.probe() if check.name == "host key")
    target.close()
    assert news.text("front") == "1"


def test_nobody_there_is_unreachable(tmp_path: Path) -> None:
    for url, settings in (
        (f"git+ssh://git@127.0.0.1:{free_port()}/x.git", {"host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"}),
        (f"git+http://127.0.0.1:{free_port()}/x.git", {}),
    ):
        target = plain(url, tmp_path / "s", **settings)
        with pytest.raises(TargetError, match="can't be reached") as caught:
            target.put("front", b"1", PLAIN)
        assert (caught.value.kind, caught.value.scope) == ("unreachable", "target")
        assert list(target.probe())[-1].name == "TCP"
        target.close()


def test_a_server_that_dies_in_the_middle_is_worth_another_try(news: Repository, tmp_path: Path, ssh: Sshd) -> None:
    arrived = tmp_path / "arrived"
    news.hook(f"touch {arrived}; sleep 30")
    target = plain(ssh.url("git+ssh", news.path), tmp_path / "s", **ssh.settings())
    target.put("o/1", b"1", PLAIN)
    target.flush()

    def cut() -> None:
        wait_for(arrived.exists, seconds=20, what="the hook")
        ssh.signal_sessions(signal.SIGKILL)

    cutter = threading.Thread(target=cut)
    cutter.start()
    with pytest.raises(TargetError, match="connection broke") as caught:
        target.commit({"front": b"1"})
    cutter.join()
    assert (caught.value.kind, caught.value.scope) == ("transient", "object")
    (news.path / "hooks" / "pre-receive").unlink()
    target.commit({"front": b"1"})
    target.close()
    assert news.files() == [".nojekyll", "front", "o/1"]


def test_a_server_that_hangs_is_left_and_close_ends_it_at_once(news: Repository, tmp_path: Path) -> None:
    news.hook("sleep 60")
    target = plain(f"git+file://{news.path}", tmp_path / "s", stall=0.5)
    with pytest.raises(TargetError, match="no answer for") as caught:
        target.commit({"front": b"1"})
    assert caught.value.kind == "transient"
    target.close()
    arrived = tmp_path / "arrived"
    news.hook(f"touch {arrived}; sleep 60")
    patient = plain(f"git+file://{news.path}", tmp_path / "s", stall=60)

    def close_once_it_hangs() -> None:
        wait_for(arrived.exists, seconds=20, what="the hook")
        patient.close()

    closing = threading.Thread(target=close_once_it_hangs)
    closing.start()
    with pytest.raises(TargetError, match="stopped"):
        patient.commit({"front": b"1"})
    closing.join()
    assert news.head() == ""


# --- over HTTP -----------------------------------------------------------------------------------------------------


def test_a_wrong_token_is_told_from_missing_rights(web: GitWeb, hosted: tuple[Repository, str], tmp_path: Path) -> None:
    _, url = hosted
    for settings in ({"token": "env:WRONG"}, {}):
        target = plain(url, tmp_path / "s", **settings)
        with pytest.raises(TargetError, match="doesn't accept the token") as caught:
            target.put("front", b"1", PLAIN)
        assert caught.value.kind == "auth"
        assert "secret-wrong-one" not in f"{caught.value} {caught.value.hint}"
        target.close()
    target = plain(url, tmp_path / "s", token="env:TOKEN")
    target.put("front", b"1", PLAIN)
    web.answer = lambda path: (403, "read only") if path.endswith(("git-receive-pack",)) else None
    with pytest.raises(TargetError, match="may not push") as caught:
        target.commit({"front": b"1"})
    assert caught.value.kind == "forbidden"
    target.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (413, "too_large"),
        (429, "rate_limited"),
        (500, "transient"),
        (503, "transient"),
        (507, "quota"),
        (301, "config"),
    ],
)
def test_a_status_that_says_no_is_understood(
    web: GitWeb, hosted: tuple[Repository, str], tmp_path: Path, status: int, kind: str
) -> None:
    _, url = hosted
    target = plain(url, tmp_path / "s", token="env:TOKEN")
    target.put("o/1", b"1", PLAIN)
    target.flush()
    web.location = "http://127.0.0.1:1"
    web.answer = lambda path: (status, "no") if "receive-pack" in path else None
    with pytest.raises(TargetError) as caught:
        target.commit({"front": b"1"})
    assert caught.value.kind == kind
    web.answer = lambda path: None
    target.commit({"front": b"1"})
    target.close()


def test_a_certificate_that_is_not_good_is_refused(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls")
    news = bare(tmp_path / "root" / "news.git")
    with git_web(tmp_path / "root", certificate=(made.good, made.good)) as web:
        url = f"git+{web.url}/news.git"
        target = plain(url, tmp_path / "s", token="env:TOKEN")
        with pytest.raises(TargetError, match="no safe connection") as caught:
            target.put("front", b"1", PLAIN)
        assert caught.value.kind == "tls"
        target.close()
        trusting = plain(url, tmp_path / "s", token="env:TOKEN", ca=str(made.ca))
        trusting.commit({"front": b"1"})
        trusting.close()
    assert news.text("front") == "1"


def test_no_secret_is_in_any_argument_or_file_and_nothing_of_the_accounts_git_counts(
    web: GitWeb, hosted: tuple[Repository, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    news, url = hosted
    home = tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    (home / "hooks" / "pre-push").write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked; exit 1\n")
    (home / "hooks" / "pre-push").chmod(0o755)
    config = (
        f'[core]\n hooksPath = {home}/hooks\n[url "file:///nowhere/"]\n insteadOf = {web.url}\n[user]\n name = Me\n'
    )
    (home / ".gitconfig").write_text(config)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Real Name")
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    seen: list[str] = []
    web.answer = lambda path: seen.extend(everything_of_git()) or None  # type: ignore[func-returns-value]
    target = plain(url, tmp_path / "state", token="env:TOKEN")
    target.put("o/1", os.urandom(2_000_000), PLAIN)
    target.commit({"front": b"1"})
    target.close()
    assert any("git-remote-http" in text for text in seen)
    assert not any("good-token" in text for text in seen)
    kept = [file.read_bytes() for file in (tmp_path / "state").rglob("*") if file.is_file()]
    assert kept
    assert not any(b"good-token" in data for data in kept)
    assert not (tmp_path / "hooked").exists()
    assert set(news.git("log", "--format=%an", "main").split()) == {"mirror"}


def everything_of_git() -> list[str]:
    """Arguments and environment of every git that runs here, as any program of this account can see them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "cmdline").read_bytes() + b"\n" + (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"git-remote-http" in text or b"cat /proc/" in text:
                found.append(text.decode("utf-8", "replace"))
    return found


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "settings", "told"),
    [
        ("git+ssh://", {}, "no git repository"),
        ("git+ssh://host", {}, "no repository"),
        ("git+ssh://-oProxyCommand=x/r.git", {}, "no repository"),
        ("git+ssh://host/-x", {}, "no repository"),
        ("git+ext::sh -c x", {}, "no git repository"),
        ("git+https://me:pw@host/r.git", {}, "password does not belong"),
        ("git+http://host/r.git", {}, "in the clear"),
        ("git+file://host/r.git", {}, "no git repository"),
        ("git+https://host/r.git#../x", {}, "no branch"),
        ("git+https://host/r.git#a..b", {}, "no branch"),
        ("git+https://host/r.git#x.lock", {}, "no branch"),
        ("git+https://host/r.git", {"squash_at": "many"}, "squash_at"),
        ("git+https://host/r.git", {"accept": "HEAD"}, "accept"),
        ("git+https://host/r.git", {"proxy": "socks5h://me:pw@host"}, "proxy"),
        ("git+ssh://host/r.git", {"proxy": "tor"}, "proxy can't be used"),
        ("git+https://host/r.git", {"email": "a>b"}, "email"),
        ("git+https://host/r.git", {"domain": "a b"}, "domain"),
        ("git+https://host/r.git", {"tokn": "env:X"}, "unknown setting"),
        ("git+ssh://host/r.git", {"host_key": "trust me"}, "host_key"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_runs(
    url: str, settings: dict[str, str], told: str
) -> None:
    with pytest.raises(TargetError, match=told) as caught:
        open_target("pages", url, settings, no_secrets)
    assert caught.value.kind == "config"
    assert "pw" not in str(caught.value).replace(url, "")


def test_each_host_gets_its_branch_its_folder_and_its_own_files() -> None:
    def place(url: str, **settings: str) -> tuple[str, str, list[str], str]:
        found = read_place("pages", url, settings)
        return found.branch, found.folder, list(found.extras), found.user

    assert place("git+https://github.com/o/r.git", domain="n.example") == (
        "gh-pages",
        "",
        [".nojekyll", "CNAME"],
        "x-access-token",
    )
    assert place("git+https://gitlab.com/o/r.git") == ("pages", "public/", [".gitlab-ci.yml"], "oauth2")
    assert place("git+ssh://git@codeberg.org/o/r.git", domain="n.example") == (
        "pages",
        "",
        [".nojekyll", ".domains"],
        "git",
    )
    assert place("git+https://git.example/o/r.git#web", folder="docs") == ("web", "docs/", [".nojekyll"], "git")
    assert place("git+https://git.example/o/r.git", provider="gitlab-pages")[1] == "public/"
    for host in ("github.com", "gitlab.com", "codeberg.org"):
        assert read_place("pages", f"git+ssh://git@{host}/o/r.git", {}).host_keys


def test_gitlabs_pages_are_a_folder_that_its_own_build_hands_over(news: Repository, tmp_path: Path) -> None:
    target = pages(f"git+file://{news.path}", tmp_path / "state", provider="gitlab-pages")
    target.put("o/1", b"1", PLAIN)
    target.commit({"index.html": b"<title>"})
    assert list(target.list()) == ["index.html", "o/1"]
    assert target.get("index.html") == b"<title>"
    target.close()
    assert news.files("pages") == [".gitlab-ci.yml", "public/index.html", "public/o/1"]
    assert '$CI_COMMIT_BRANCH == "pages"' in news.text(".gitlab-ci.yml", "pages")
