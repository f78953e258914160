"""Browsers as old as many phones': Chromium 80 (no Ed25519, no Trusted Types, no `inset`) and 92."""

from __future__ import annotations

import pytest

from mirror.cli import main
from tests.reader import acts, browsers
from tests.reader.browsers import PHONE
from tests.reader.conftest import Trial


@pytest.mark.parametrize("version", [80, 92])
def test_an_old_browser_finds_a_mirror_verifies_and_reads(version: int, trial: Trial) -> None:
    scene, censor, shots = trial.scene, trial.censor, trial.shots
    good = trial.mirror("old")
    bad = censor.host("bad.mirrors.test", scene.tree, lie=lambda _path, file: file and file[:-1] + b"!")
    file = trial.reader(bad, good)
    name = f"chromium{version}"
    with browsers.chromium(proxy=censor.url, binary=browsers.old_chromium(version), name=name) as old:
        assert f"Chrome/{version}." in old.version
        with old.visitor() as visitor:
            page = visitor.page()
            page.look(PHONE)
            page.open(file)
            assert acts.settled(page) == "verified"
            page.await_one(selector="main .list")
            page.shot(shots / f"front-{name}.png")
            acts.read(page, scene.short)
            page.shot(shots / f"article-{name}.png")
            acts.button(page, "pass")
            page.click("button", acts.says("pass.as_pack"))
            pack = page.downloaded()
            assert page.problems == []
            assert main(["verify", str(pack), "--trust", scene.press.pin, "--no-memory"]) == 0, pack.read_bytes()[:200]
            for host in (good, bad):
                host.treat(refused=True)
            page.open(file)
            assert acts.settled(page, "offline") == "offline"
            acts.read(page, scene.short)
            with old.page() as other:
                other.open(file)
                acts.settled(other, "empty")
                other.files("input[type=file]", pack)
                other.wait(f"document.body.innerText.includes({scene.short.text[:40]!r})", what="what was taken in")
                assert other.problems == []
