"""What the engine's tests serve is what its maker makes; the tests themselves are `*.test.mjs`."""

from __future__ import annotations

from tests.reader.engine_worlds import FILE, document


def test_the_worlds_of_the_engines_tests_are_those_that_are_made() -> None:
    assert FILE.read_text("utf-8") == document()
