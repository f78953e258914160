"""Which mirrors readers are told of: liars go at once, the dead after a day, and nobody because our network is down."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mirror import config as configuration
from mirror.archive.state import TargetRow
from mirror.audit import Audited, State
from mirror.config import Config, MirrorsConfig
from mirror.listing import decide, listed
from mirror.watching import settle, stamp

NOON = datetime.fromisoformat("2031-04-02T12:00:00+00:00")


def config(*names: str, **rules: Any) -> Config:
    text = '[publication]\nname = "P"\norigin = "p.example"\n'
    for name in names:
        text += f'[target.{name}]\nurl = "/srv/{name}"\npublic = "https://{name}.example/"\n'
    made = configuration.parse(text, Path("t.toml"))
    return replace(made, listing=MirrorsConfig(**({"keep_at_least": 1} | rules)))


class Rows:
    """What is known of the mirrors, as looks and decisions write it down."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.now = NOON
        self.rows = {name: TargetRow(name=name) for name in config.targets}

    def look(self, hours: float = 1, **states: State) -> set[str]:
        """So much later all are looked at, those not named are good, and an edition may be signed: who is listed."""
        self.now += timedelta(hours=hours)
        for name, row in self.rows.items():
            found = Audited(target=name, state=states.get(name, "ok"), detail="")
            # `replace` can't be typed for fields given by name.
            self.rows[name] = replace(row, **settle(row, found, self.now))  # type: ignore[arg-type]
        return self.decide()

    def decide(self) -> set[str]:
        for one in decide(self.config, self.rows, self.now):
            row = self.rows[one.name]
            since = row.listed_since if row.listed is one.listed else stamp(self.now)
            self.rows[one.name] = replace(row, listed=one.listed, listed_since=since, listed_why=one.why)
        return {one.name for one in self.rows.values() if one.listed}

    def why(self, name: str) -> str:
        return self.rows[name].listed_why or ""


def test_a_new_mirror_is_listed_before_it_was_ever_looked_at() -> None:
    rows = Rows(config("a", "b"))
    assert rows.decide() == {"a", "b"}


def test_a_dead_mirror_is_dropped_after_a_day_and_returns_when_it_is_good_again_for_an_hour() -> None:
    rows = Rows(config("a", "b", "c"))
    rows.look()
    assert rows.look(1, a="dead") == {"a", "b", "c"}
    assert rows.look(23, a="dead") == {"a", "b", "c"}
    assert rows.look(1.5, a="dead") == {"b", "c"}
    assert "dead since 2031-04-02T14:00:00Z" in rows.why("a")
    assert rows.look(48, a="stale") == {"b", "c"}
    assert rows.look(1) == {"b", "c"}
    assert "comes back" in rows.why("a")
    assert rows.look(0.5) == {"b", "c"}
    assert rows.look(0.6) == {"a", "b", "c"}


def test_one_look_after_a_long_silence_drops_nobody() -> None:
    rows = Rows(config("a", "b"))
    rows.look()
    assert rows.look(100, a="dead") == {"a", "b"}


def test_one_that_comes_and_goes_is_neither_dropped_nor_returned() -> None:
    rows = Rows(config("a", "b"))
    rows.look()
    for _ in range(100):
        assert rows.look(1, a="dead") == {"a", "b"}
        rows.look(1)
    rows.look(1, a="dead")
    rows.look(25, a="dead")
    assert rows.look(25, a="dead") == {"b"}
    for _ in range(100):
        assert rows.look(0.9) == {"b"}
        assert rows.look(0.9, a="blocked") == {"b"}


@pytest.mark.parametrize("state", ["tampered", "forked"])
def test_a_liar_is_dropped_at_once_even_the_last_one(state: State) -> None:
    rows = Rows(config("a", "b", keep_at_least=2))
    rows.look()
    assert rows.look(0.1, a=state) == {"b"}
    assert rows.look(0.1, a=state, b=state) == set()
    rows.look(0.1)
    assert rows.look(1.1) == {"a", "b"}


@pytest.mark.parametrize("state", ["slow", "filling", "ahead"])
def test_what_readers_can_use_stays(state: State) -> None:
    rows = Rows(config("a", "b"))
    for _ in range(5):
        assert rows.look(24, a=state) == {"a", "b"}


def test_when_nobody_can_be_read_nobody_is_dropped() -> None:
    rows = Rows(config("a", "b", "c"))
    rows.look()
    for _ in range(5):
        assert rows.look(24, a="dead", b="blocked", c="dead") == {"a", "b", "c"}
    assert "network" in rows.why("a")


def test_so_many_stay_however_dead_they_look_and_they_are_those_that_were_good_last() -> None:
    rows = Rows(config("a", "b", "c", "d", keep_at_least=2))
    rows.look()
    rows.look(1, a="dead")
    rows.look(1, a="dead", b="dead")
    rows.look(1, a="dead", b="dead", c="dead")
    for _ in range(4):
        found = rows.look(24, a="dead", b="dead", c="dead")
    assert found == {"c", "d"}
    assert "one of the last 2" in rows.why("c")


def test_the_operator_overrules() -> None:
    made = config("a", "b", "c")
    targets = {
        "a": replace(made.targets["a"], listed="always"),
        "b": replace(made.targets["b"], listed="never"),
        "c": made.targets["c"],
    }
    rows = Rows(replace(made, targets=targets))
    rows.look()
    assert rows.look(1, a="tampered") == {"a", "c"}
    assert rows.why("b") == 'listed = "never"'


def test_one_that_undoes_every_repair_does_not_come_back_by_itself() -> None:
    rows = Rows(config("a", "b"))
    rows.look()
    rows.rows["a"] = replace(rows.rows["a"], relapses=3)
    assert rows.look(1) == {"b"}
    for _ in range(10):
        assert rows.look(24) == {"b"}
    assert "wrong again each time" in rows.why("a")


def test_the_list_changes_once_an_hour_but_for_liars() -> None:
    rows = Rows(config("a", "b", "c", "d"))
    rows.look()
    rows.look(1, a="dead")
    rows.look(0.5, a="dead", b="dead")
    assert rows.look(23.6, a="dead", b="dead") == {"b", "c", "d"}
    assert rows.look(0.5, a="dead", b="dead") == {"b", "c", "d"}
    assert "once an hour" in rows.why("b")
    assert rows.look(0.1, a="dead", b="dead", c="tampered") == {"b", "d"}
    assert rows.look(1.1, a="dead", b="dead", c="tampered") == {"d"}


def test_the_list_is_in_the_configurations_order_and_has_no_private_or_paused_target() -> None:
    made = config("z", "a", "m")
    targets = {**made.targets, "m": replace(made.targets["m"], paused=True)}
    targets["private"] = replace(made.targets["a"], name="private", url="/srv/p", public=None)
    shown = listed(replace(made, targets=targets), [], NOON)
    assert [one.url for one in shown] == ["https://z.example/", "https://a.example/"]
    down = TargetRow(name="z", state="tampered", state_since="2031-04-01T00:00:00Z")
    assert [one.url for one in listed(replace(made, targets=targets), [down], NOON)] == ["https://a.example/"]
