"""A mirror as an onion service, end to end: our nginx, our lines of torrc, a Tor network of its own, a reader."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path

import pytest

from mirror.setups import make
from mirror.targets import Check, open_target
from tests.servers import free_port
from tests.servers.tornet import tornet
from tests.servers.webs import web
from tests.targets.suite import no_secrets


def test_a_mirror_is_read_through_tor(exhaustive: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not exhaustive:
        pytest.skip("eight Tors and a minute; --all runs it")
    port = free_port()
    site = make("nginx", root="/ROOT", public=f"http://127.0.0.1:{port}/").replace("/ROOT", "@ROOT@")
    with (
        web("nginx", site, port=port) as served,
        tempfile.TemporaryDirectory(prefix="tor-", ignore_cleanup_errors=True) as folder,
        tornet(Path(folder), behind=port) as net,
    ):
        monkeypatch.setattr("mirror.targets._public.TOR", (net.socks,))
        target = open_target("t", str(served.root), {}, no_secrets)
        checks: list[Check] = []
        end = time.monotonic() + 120
        with contextlib.closing(target):
            while time.monotonic() < end:  # until the network knows the address
                checks = list(target.probe(f"http://{net.onion}/"))
                if checks[-1].name == "speed":
                    break
                time.sleep(2)
        assert [(check.name, check.detail) for check in checks if not check.ok] == []
        assert checks[-1].name == "speed"
        assert "public TLS" not in {check.name for check in checks}
