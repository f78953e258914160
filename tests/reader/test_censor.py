"""A censor on the line: the article is read wherever one mirror lives, and the state is right wherever none does.

Chromium plays all cases each time, Firefox those in which browsers differ, and the others with --all."""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.reader import cases
from tests.reader.browsers import Browser, ChromiumPage, Page
from tests.reader.cases import CASES, Outcome, Scene, Stage
from tests.reader.censor import Censor
from tests.reader.conftest import SHOTS
from tests.servers.certificates import Certificates

AT_ONCE = 6
Outcomes = dict[str, Outcome]


def _chosen(browser: str, everything: bool) -> list[str]:
    return [name for name, case in CASES.items() if case.everywhere or everything or browser == "chromium"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" not in metafunc.fixturenames:
        return
    everything = bool(metafunc.config.getoption("--all"))
    pairs = [(browser, name) for browser in ("chromium", "firefox") for name in _chosen(browser, everything)]
    metafunc.parametrize(("who", "name"), pairs)


@pytest.fixture(scope="module")
def played() -> dict[str, Outcomes]:
    """What came of the cases, by the browser's name."""
    return {}


@pytest.fixture
def outcomes(
    who: str, played: dict[str, Outcomes], scene: Scene, certificates: Certificates, request: pytest.FixtureRequest
) -> Outcomes:
    if who not in played:
        network: Censor = request.getfixturevalue("network")
        where: Path = request.getfixturevalue("tmp_path_factory").mktemp("readers")
        chosen = _chosen(who, bool(request.config.getoption("--all")))
        network.forget()
        played[who] = _play(request.getfixturevalue(who), (scene, network, certificates), where, chosen)
    return played[who]


def _play(playing: Browser, world: tuple[Scene, Censor, Certificates], where: Path, chosen: list[str]) -> Outcomes:
    """All cases, several at once: most of their time is spent waiting. Where a page can forget, it does: a new profile
    costs more than all else, unpacking the program for it included."""
    pages: queue.SimpleQueue[Page] = queue.SimpleQueue()

    def play(name: str) -> Outcome:
        shot = SHOTS / "censor" / f"{name}-{playing.name}.png"
        stage = Stage(*world, f"{name}-{playing.name}")
        if CASES[name].before or playing.name != "chromium":
            with playing.page() as page:
                return cases.run(name, page, stage, where, shot)
        page = pages.get()
        assert isinstance(page, ChromiumPage)
        page.forget()
        try:
            return cases.run(name, page, stage, where, shot)
        finally:
            pages.put(page)

    with ExitStack() as stack:
        if playing.name == "chromium":
            for _ in range(AT_ONCE):
                pages.put(stack.enter_context(playing.page()))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(chosen, pool.map(play, chosen), strict=True))


def test_whatever_a_censor_does_the_state_is_right_and_what_can_be_read_is_read(outcomes: Outcomes, name: str) -> None:
    case, outcome = CASES[name], outcomes[name]
    assert outcome.state in case.state, outcome.told
    assert outcome.read == case.reads, outcome.told
    assert outcome.problems == []
    assert outcome.strangers == []
    assert not outcome.forged
