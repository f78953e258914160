"""What a hostile page does to its parser costs that page, and nobody else."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable

import pytest

from mirror.errors import TamizdatError
from mirror.sandbox import Limits, Sandbox, SandboxError
from tests.needs import ROOT
from tests.net import jobs

BRIEF = Limits(cpu=1, memory=512 << 20, seconds=60.0)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    made = Sandbox(2)
    yield made
    made.close()


async def test_a_parser_that_loops_in_c_code_is_stopped_and_the_others_go_on(sandbox: Sandbox) -> None:
    looping = asyncio.create_task(sandbox.call_within(BRIEF, jobs.loop))
    found = [await sandbox.call(jobs.whoami, number) for number in range(20)]
    with pytest.raises(SandboxError, match="loop was stopped after 1 s of processor time"):
        await looping
    assert [number for number, _ in found] == list(range(20))
    assert len({child for _, child in found}) == 1  # nobody else's child was stopped with it


async def test_the_clock_stops_what_uses_no_processor(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="loop was stopped after 0 s"):
        await sandbox.call_within(Limits(seconds=0.3), jobs.loop)


async def test_a_parser_that_swells_is_stopped_at_512_mib(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="needed more than 512 MiB"):
        await sandbox.call(jobs.swell, 512 << 20)
    assert await sandbox.call(jobs.swell, 200 << 20) == 200 << 20
    assert await sandbox.call_within(Limits(memory=1 << 30), jobs.swell, 600 << 20) == 600 << 20


async def test_a_child_that_kept_much_memory_is_replaced(sandbox: Sandbox) -> None:
    first = await sandbox.call(jobs.keep, 1 << 20)
    assert await sandbox.call(jobs.keep, 300 << 20) == first
    assert (await sandbox.call(jobs.whoami, 0))[1] != first


@pytest.mark.parametrize(
    ("job", "kind", "message"),
    [
        (jobs.crash, SandboxError, "crash crashed or ran out of memory"),
        (jobs.stumble, SandboxError, r"stumble failed: KeyError: 'two\\nlines'"),
        (jobs.refuse, TamizdatError, "not a page"),
    ],
)
async def test_whatever_happens_is_one_line_and_the_next_page_is_parsed(
    sandbox: Sandbox, job: Callable[[], None], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message) as error:
        await sandbox.call(job)
    assert "\n" not in str(error.value)
    assert (await sandbox.call(jobs.whoami, 7))[0] == 7


async def test_the_limit_of_processor_time_is_for_each_page_anew(sandbox: Sandbox) -> None:
    one = Sandbox(1)
    try:
        children = {(await one.call_within(BRIEF, jobs.spin, 0.4))[1] for _ in range(4)}
    finally:
        one.close()
    assert len(children) == 1


def test_time_is_counted_by_the_clock_that_the_limit_is_held_against() -> None:
    # In a process of its own: at this limit it is ended. Short jobs with pauses are what that clock miscounts.
    code = """
import resource, time
from mirror.sandbox import _counted
end = time.process_time() + 1.5
while time.process_time() < end:
    sum(range(2000))
    time.sleep(0.0002)
now = _counted()
assert now >= time.process_time() - 0.1
resource.setrlimit(resource.RLIMIT_CPU, (int(now) + 2, resource.RLIM_INFINITY))
began = time.process_time()
while time.process_time() < began + 0.5:
    pass
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr


async def test_a_call_given_up_stops_its_child(sandbox: Sandbox) -> None:
    task = asyncio.create_task(sandbox.call(jobs.loop))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await sandbox.call(jobs.whoami, 1))[0] == 1
