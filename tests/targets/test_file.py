"""Folders: whole files for a web server to read, whatever happens in between."""

from __future__ import annotations

import dataclasses
import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from mirror.targets import Meta, Target, TargetError, open_target
from mirror.targets._probe import public_steps, walk
from mirror.targets.file import TEMPORARY, FileTarget, file_system
from tests.servers.web import web_server
from tests.targets.suite import PLAIN, TargetSuite, no_secrets


def folder(path: Path | str) -> Target:
    return open_target("disk", str(path), {}, no_secrets)


class TestFolder(TargetSuite, scheme="file"):
    @pytest.fixture
    def again(self, tmp_path: Path) -> Callable[[], Target]:
        return lambda: folder(tmp_path)


@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}", "file://localhost{}"])
def test_a_folder_is_named_by_path_or_url(tmp_path: Path, form: str) -> None:
    (tmp_path / "a b").mkdir()
    where = form.format(tmp_path / ("a b" if form == "{}" else "a%20b"))
    folder(where).put("front", b"1", PLAIN)
    assert (tmp_path / "a b" / "front").read_bytes() == b"1"


@pytest.mark.parametrize("url", ["file:", "file://otherhost/srv", "relative/path"])
def test_what_names_no_folder_here_is_refused(url: str) -> None:
    with pytest.raises(TargetError) as caught:
        folder(url).get("front")
    assert caught.value.kind == "config"
    assert caught.value.hint


def test_a_folder_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    target = folder(tmp_path / "unmounted")
    with pytest.raises(TargetError, match="does not exist") as caught:
        target.put("front", b"1", PLAIN)
    assert caught.value.kind == "no_container"
    assert "mkdir -p" in str(caught.value.hint)
    assert not (tmp_path / "unmounted").exists()
    checks = list(target.probe())
    assert [(check.name, check.ok) for check in checks] == [("configuration", True), ("folder exists", False)]


def test_a_web_server_may_read_what_is_written_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        folder(tmp_path).put("o/ab/cd", b"1", PLAIN)
        folder(tmp_path).commit({"front": b"1"})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "o/ab/cd").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "front").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "o/ab").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / TEMPORARY).stat().st_mode) == 0o700


def test_a_link_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "secret").write_bytes(b"private")
    (root / "o").symlink_to(outside)
    (root / "front").symlink_to(outside / "secret")
    target = folder(root)
    for act in (
        lambda: target.put("o/new", b"x", PLAIN),
        lambda: target.get("o/secret"),
        lambda: target.delete(["o/secret"]),
        lambda: target.get("front"),
    ):
        with pytest.raises(TargetError) as caught:
            act()
        assert caught.value.kind == "config"
    target.commit({"front": b"ours"})
    assert (root / "front").read_bytes() == b"ours"
    assert not (root / "front").is_symlink()
    assert sorted(each.name for each in outside.iterdir()) == ["secret"]
    assert (outside / "secret").read_bytes() == b"private"


def test_a_folder_in_the_way_of_a_file_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "front").mkdir()
    with pytest.raises(TargetError) as caught:
        folder(tmp_path).commit({"front": b"1"})
    assert caught.value.kind == "conflict"
    assert list((tmp_path / TEMPORARY).iterdir()) == []


def test_what_a_killed_push_left_behind_is_not_served_and_goes_away(tmp_path: Path) -> None:
    code = """
import sys, os
from mirror.targets import open_target, meta_for
target = open_target("t", sys.argv[1], {}, None)
print("up", flush=True)
while True:
    for n in range(50):
        target.put(f"o/aa/{n}", os.urandom(100_000), meta_for("o/"))
"""
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    for _ in range(100):
        if (tmp_path / "o/aa/20").exists():
            break
        threading.Event().wait(0.05)
    process.kill()
    process.wait()
    process.stdout.close()
    target = folder(tmp_path)
    for key in target.list():
        assert key.startswith("o/aa/")
        assert (tmp_path / key).stat().st_size == 100_000
    target.put("front", b"1", PLAIN)
    target.close()
    assert not (tmp_path / TEMPORARY).exists()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk of one megabyte")
    place = tmp_path / "tiny"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no right to mount here ({done.stderr.decode().strip()})")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_keeps_what_was_there_and_says_so(tiny: Path) -> None:
    target = folder(tiny)
    target.commit({"front": b"old"})

    def fill() -> None:
        for number in range(20):
            target.put(f"o/aa/{number}", bytes(100_000), PLAIN)

    with pytest.raises(TargetError, match="No space left") as caught:
        fill()
    assert (caught.value.kind, caught.value.scope) == ("quota", "target")
    with pytest.raises(TargetError):
        target.commit({"front": bytes(200_000)})
    assert target.get("front") == b"old"
    assert list((tiny / TEMPORARY).iterdir()) == []
    checks = {check.name: check for check in target.probe()}
    assert not checks["space"].ok
    target.delete([f"o/aa/{number}" for number in range(20)])
    target.commit({"front": b"new"})
    assert target.get("front") == b"new"


def test_a_folder_without_write_access_says_so(tmp_path: Path) -> None:
    code = """
import os, sys
import mirror.targets.file
from mirror.targets import open_target, meta_for, TargetError
os.setuid(65534)  # after the imports: that account may not read this interpreter's library
try:
    open_target("t", sys.argv[1], {}, None).put("front", b"1", meta_for("front"))
except TargetError as error:
    print(error.kind, "|", error, "|", error.hint)
"""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    place = Path("/tmp") / f"tamizdat-test-{os.getpid()}"
    place.mkdir(mode=0o755)
    try:
        done = subprocess.run([sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=False)
    finally:
        place.rmdir()
    assert done.stdout.startswith("forbidden | t: "), done.stderr
    assert "chown" in done.stdout


def test_the_folder_of_a_disk_that_is_not_mounted_is_not_filled(tiny: Path) -> None:
    settings = {"mount": str(tiny)}
    (tiny / "mirror").mkdir()
    open_target("t", str(tiny / "mirror"), settings, no_secrets).commit({"front": b"1"})
    subprocess.run(["umount", str(tiny)], check=True)
    try:
        (tiny / "mirror").mkdir()
        target = open_target("t", str(tiny / "mirror"), settings, no_secrets)
        for act in (lambda: target.put("o/x", b"1", PLAIN), lambda: target.get("front"), lambda: list(target.list())):
            with pytest.raises(TargetError, match="nothing is mounted on") as caught:
                act()
            assert (caught.value.kind, caught.value.scope) == ("no_container", "target")
        assert list((tiny / "mirror").iterdir()) == []
        assert [(check.name, check.ok) for check in target.probe()][-1] == ("folder exists", False)
        (tiny / "mirror").rmdir()
    finally:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tiny)], check=True)
    assert file_system(str(tiny / "mirror")) == (str(tiny), "tmpfs")
    with pytest.raises(TargetError, match="is not on"):
        open_target("t", str(tiny.parent), settings, no_secrets)


@pytest.mark.parametrize(
    ("number", "kind", "told"),
    [
        (errno.EIO, "transient", "unplugged"),
        (errno.ENODEV, "no_container", "plug it in"),
        (errno.ENOTCONN, "no_container", "mount it again"),
        (errno.EFBIG, "too_large", "4 GiB"),
        (errno.EINVAL, "unsupported", "names"),
        (errno.EROFS, "forbidden", "remount,rw"),
        (errno.EDQUOT, "quota", "quota"),
    ],
)
def test_what_disks_say_has_a_kind_and_a_remedy(
    number: int, kind: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(TargetError) as caught:
        folder(tmp_path).put("o/ab/cd", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == (kind, "target")
    assert told in str(caught.value.hint)
    assert list((tmp_path / TEMPORARY).iterdir()) == []


def test_a_disk_that_cannot_sync_folders_is_used_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def only_files(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(handle)

    monkeypatch.setattr("os.fsync", only_files)
    target = folder(tmp_path)
    target.put("o/ab/cd", b"1", PLAIN)
    target.flush()
    target.commit({"front": b"2"})
    assert (target.get("o/ab/cd"), target.get("front")) == (b"1", b"2")


# --- the probe, as a reader -----------------------------------------------------------------------------------------


def checks_of(target: Target, public: str) -> dict[str, str]:
    """Name of each check that failed, with its fix."""
    found = {check.name: str(check.fix) for check in target.probe(public) if not check.ok}
    found.pop("space", None)
    found.pop("readable by others", None)
    return found


def test_a_good_web_server_passes_every_check(tmp_path: Path) -> None:
    with web_server(tmp_path) as web:
        assert checks_of(folder(tmp_path), web.url) == {}
    assert list(folder(tmp_path).list()) == []


def test_what_is_wrong_with_a_web_server_is_named_with_its_remedy(tmp_path: Path) -> None:
    with web_server(tmp_path) as web:
        web.cors, web.ranges, web.pages_for_missing, web.cache_control = False, False, True, "max-age=3600"
        found = checks_of(folder(tmp_path), web.url)
    assert set(found) == {"CORS", "ranges", "missing file in public", "caching"}
    assert "Access-Control-Allow-Origin" in found["CORS"]
    assert "no-cache" in found["caching"]


def test_a_server_that_labels_files_as_compressed_is_found(tmp_path: Path) -> None:
    with web_server(tmp_path) as web:
        web.content_encoding = "gzip"
        assert set(checks_of(folder(tmp_path), web.url)) == {"anonymous read"}


def test_an_address_that_leads_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with web_server(tmp_path / "other") as web:
        found = checks_of(folder(tmp_path), web.url)
    assert set(found) == {"anonymous read"}
    assert "the very folder" in found["anonymous read"]
    assert set(checks_of(folder(tmp_path), web.url)) == {"anonymous read"}  # it is gone now
    assert set(checks_of(folder(tmp_path), "ftp://x")) == {"public files"}
    assert list(folder(tmp_path).list()) == []


class _Pages(FileTarget):
    """What is pushed is to be seen a little later, as at a host that builds pages."""

    caps = dataclasses.replace(FileTarget.caps, staged=True, settles=1.0)

    def __init__(self, root: Path, late: float) -> None:
        super().__init__(name="pages", root=root)
        self.waiting: dict[str, bytes] = {}
        self.late = late
        if late:
            self.caps = dataclasses.replace(self.caps, settles=30.0)  # a busy machine needs longer than that host
        self.timers: list[threading.Timer] = []

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        self.waiting[key] = data

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        built = {**self.waiting, **pointers}
        self.waiting = {}
        if self.late:
            self.timers.append(threading.Timer(self.late, lambda: FileTarget.commit(self, built)))
            self.timers[-1].start()


@pytest.mark.parametrize(("late", "found"), [(0.3, None), (0, "anonymous read")])
def test_pages_that_are_built_first_are_waited_for(
    late: float, found: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirror.targets._public.PAUSE", 0.1)
    with web_server(tmp_path) as web:
        checks = list(walk(pages := _Pages(tmp_path, late), public_steps(pages, web.url)))
    for timer in pages.timers:
        timer.join()
    bad = [check for check in checks if not check.ok]
    assert ([check.name for check in bad] or [None])[0] == found
    if found:
        assert "status 404 for a file pushed 1 s ago" in bad[0].detail


def test_a_host_that_keeps_everything_for_a_while_is_known_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mirror import providers
    from mirror.providers import Limits, Provider

    kept = Provider(id="kept", name="Kept", kinds=("file",), limits=Limits(pointer_seconds=600))
    monkeypatch.setattr("mirror.providers.known", lambda: {"kept": kept})
    with web_server(tmp_path) as web:
        for seconds, ok in ((600, True), (601, False)):
            web.cache_control = f"max-age={seconds}"
            steps = public_steps(folder(tmp_path), web.url, "kept")
            assert {check.name: check.ok for check in walk(folder(tmp_path), steps)}["caching"] is ok
    assert providers.named("kept") is kept
