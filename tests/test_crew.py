"""Threads that many pushes share: turns for everybody, and no place is lost to those who hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from mirror.crew import FILLING, LOOKS, Crew, Cut


def eventually(what: Callable[[], bool], crew: Crew | None = None) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        if crew is not None:
            crew.watch()
        time.sleep(0.005)


def test_everything_begun_is_done_and_never_more_at_once_than_allowed() -> None:
    crew = Crew(6)
    lanes = [crew.lane(4) for _ in range(3)]
    lock, now, most, done = threading.Lock(), [0, 0, 0], [0, 0, 0, 0], [0]

    def work(number: int) -> None:
        with lock:
            now[number] += 1
            most[number], most[3] = max(most[number], now[number]), max(most[3], sum(now))
        time.sleep(0.001)
        with lock:
            now[number] -= 1
            done[0] += 1

    for _ in range(40):
        for number, lane in enumerate(lanes):
            lane.begin(lambda number=number: work(number))  # type: ignore[misc]
    for lane in lanes:
        lane.settle()
    crew.close()
    assert done == [120]
    assert max(most[:3]) <= 4
    assert most[3] <= 6


def test_a_lane_with_little_to_do_does_not_wait_for_one_with_much() -> None:
    crew = Crew(1)
    much, little = crew.lane(8), crew.lane(8)
    order: list[str] = []
    held = threading.Event()
    much.begin(held.wait)
    for _ in range(50):
        much.begin(lambda: order.append("much"))
    for _ in range(3):
        little.begin(lambda: order.append("little"))
    held.set()
    little.settle()
    much.settle()
    crew.close()
    assert order.index("little") <= 1
    assert [number for number, name in enumerate(order) if name == "little"][-1] <= 6


def test_pushes_go_before_looks_and_looks_before_filling() -> None:
    crew = Crew(1)
    lanes = {name: crew.lane(1, priority=rank) for name, rank in (("fill", FILLING), ("look", LOOKS), ("push", 0))}
    order: list[str] = []
    held = threading.Event()
    lanes["push"].begin(held.wait)
    for name, lane in lanes.items():
        for _ in range(2):
            lane.begin(lambda name=name: order.append(name))  # type: ignore[misc]
    held.set()
    for lane in lanes.values():
        lane.settle()
    crew.close()
    assert order == ["push", "push", "look", "look", "fill", "fill"]


def test_who_hangs_holds_no_place_that_others_need() -> None:
    crew = Crew(2, patience=0.01)
    hanging, good = crew.lane(8), crew.lane(2)
    released = threading.Event()
    for _ in range(8):
        hanging.begin(released.wait)
    done: list[int] = []
    good.begin(lambda: done.append(1))
    eventually(lambda: bool(done), crew)
    released.set()
    hanging.settle()
    crew.close()
    eventually(lambda: not [one for one in threading.enumerate() if one.name == "crew"])


def test_looks_that_hang_leave_room_for_other_looks() -> None:
    crew = Crew(8, patience=0.01)
    looks = crew.lane(2, elastic=True)
    released = threading.Event()
    waiting = [threading.Thread(target=looks.do, args=(released.wait,), daemon=True) for _ in range(4)]
    for one in waiting:
        one.start()
    found: list[str] = []
    other = threading.Thread(target=lambda: found.append(looks.do(lambda: "seen")), daemon=True)
    other.start()
    eventually(lambda: found == ["seen"], crew)
    released.set()
    for one in (*waiting, other):
        one.join(10)
        assert not one.is_alive()
    crew.close()


def test_what_an_action_returns_and_raises_comes_back() -> None:
    crew = Crew(2)
    lane = crew.lane(1)
    assert lane.do(lambda: 7) == 7
    with pytest.raises(KeyError):
        lane.do(lambda: {}["missing"])
    crew.close()


def test_a_lane_that_is_cut_lets_everybody_go_and_begins_nothing_more() -> None:
    crew = Crew(1)
    lane = crew.lane(1)
    released, begun = threading.Event(), threading.Event()
    ends: list[str] = []

    def hang() -> None:
        begun.set()
        released.wait()

    def wait_for_all() -> None:
        lane.begin(hang)
        lane.begin(lambda: ends.append("begun after the cut"))
        with pytest.raises(Cut):
            lane.settle()
        ends.append("let go")

    waiting = threading.Thread(target=wait_for_all, daemon=True)
    waiting.start()
    assert begun.wait(20)
    lane.cut()
    waiting.join(20)
    with pytest.raises(Cut):
        lane.begin(lambda: None)
    with pytest.raises(Cut):
        lane.do(lambda: None)
    released.set()
    crew.close()
    assert ends == ["let go"]


def test_what_only_waits_is_dropped_and_what_is_on_the_way_ends() -> None:
    crew = Crew(1)
    lane = crew.lane(1)
    begun, done = threading.Event(), []

    def slow() -> None:
        begun.set()
        eventually(lambda: not lane.waiting)  # until they are dropped: nobody else takes them
        done.append("the first")

    lane.begin(slow)
    for _ in range(5):
        lane.begin(lambda: done.append("another"))
    assert begun.wait(20)
    lane.drop()
    assert done == ["the first"]
    crew.close()
