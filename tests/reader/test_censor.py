"""A censor on the line: the article is read wherever one mirror lives, and the state is right wherever none does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.reader import cases
from tests.reader.browsers import Browser
from tests.reader.cases import CASES, Outcome, Scene, Stage
from tests.reader.censor import Censor
from tests.reader.conftest import SHOTS
from tests.servers.certificates import Certificates

Outcomes = dict[str, Outcome]


@pytest.fixture(scope="module")
def outcomes(
    browser: Browser,
    scene: Scene,
    network: Censor,
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Outcomes:
    """All cases, several at once: most of their time is spent waiting."""
    network.forget()
    where = tmp_path_factory.mktemp("readers")

    def play(name: str) -> Outcome:
        shot = SHOTS / "censor" / f"{name}-{browser.name}.png"
        return cases.run(name, browser, Stage(scene, network, certificates, f"{name}-{browser.name}"), where, shot)

    chosen = [name for name, case in CASES.items() if case.everywhere or browser.name == "chromium"]
    with ThreadPoolExecutor(6) as pool:
        return dict(zip(chosen, pool.map(play, chosen), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_whatever_a_censor_does_the_state_is_right_and_what_can_be_read_is_read(outcomes: Outcomes, name: str) -> None:
    if name not in outcomes:
        pytest.skip("tried in another browser")
    case, outcome = CASES[name], outcomes[name]
    assert outcome.state in case.state, outcome.told
    assert outcome.read == case.reads, outcome.told
    assert outcome.problems == []
    assert outcome.strangers == []
    assert not outcome.forged
