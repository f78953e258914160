"""Settings every test shares."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tests.needs import IN_CI

# A shell's background job is deaf to Ctrl-C, and so would be the programs whose hearing is tested.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What takes longest begins first, or one worker would be at it when all else is done.
LONGEST = ("faults", "reader", "targets", "pages", "web", "signing", "withdraw", "catchup")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.parent.name, len(ranks)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also what is sampled by default (CI does most of it)")


@pytest.fixture(scope="session")
def exhaustive(request: pytest.FixtureRequest) -> bool:
    """Whether to try what takes many minutes to the last case. CI takes a part of it, with every change of the program
    another one (`tests.needs.chance`)."""
    return bool(request.config.getoption("--all")) or bool(os.environ.get("TAMIZDAT_TEST_ALL"))


@pytest.fixture(scope="session")
def everything(request: pytest.FixtureRequest) -> bool:
    """Whether to run all of what is otherwise sampled."""
    return bool(request.config.getoption("--all")) or IN_CI or bool(os.environ.get("TAMIZDAT_TEST_ALL"))
