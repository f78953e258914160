"""The whole way by the commands that people type: witness, policy, seal, mirror, reader, monitor."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mirror.cli import main
from tests.witness.servers import process


def test_a_friends_witness_is_asked_by_seal_demanded_by_verify_and_watched_by_monitor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("TAMIZDAT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)

    def said(*words: str, status: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        got = main([*words, "--json"])
        shown = capsys.readouterr()
        assert got == status, (words, shown.out, shown.err)
        found: dict[str, Any] = json.loads(shown.out)
        return found

    pin = said("init", "publication", "--name", "Friends", "--origin", "friends.example")["fingerprint"]
    config = ("--config", str(tmp_path / "publication/tamizdat.toml"))
    trust = json.loads(next(Path("publication/archive/trust/targets").glob("*.trust.json")).read_bytes())
    key = said("witness", "init", "w1", "--name", "witness.example.org/w1")["key"]
    assert said("witness", "add-log", "w1", trust["logs"][-1]["key"])["new"] is True

    with process(tmp_path / "w1") as (_running, url):
        Path("policy").write_text(f"witness friend {key} {url}\nquorum friend\n")
        said("key", "policy", "policy", *config)
        said("seal", "--force", *config)
        state = said("status", *config)
        assert state["witnesses"]["cosigned"] == ["friend"]
        tree = "publication/archive"
        assert "witness.example.org/w1" in json.dumps(said("verify", tree, "--trust", pin)["checks"])
        assert said("monitor", tree, "--trust", pin)["findings"] == []
        assert said("witness", "list", "w1")["logs"][0]["size"] == state["log"]["size"]

    # The friend's machine is off: nothing new is shown, and everybody is told why.
    shutil.copytree(tree, "before")
    said("seal", "--force", *config, status=3)
    assert "waits for witnesses" in "\n".join(said("status", *config, status=3)["warnings"])
    assert Path(tree, "checkpoint").read_bytes() == Path("before", "checkpoint").read_bytes()
    (finding,) = said("monitor", "before", tree, "--trust", pin, status=3)["findings"]
    assert finding["key"] == "witness friend"
