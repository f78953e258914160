"""Cosignatures and consistency proofs, judged by Go."""

from __future__ import annotations

import http.client
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from signing.packing import to_base64
from tests.needs import ROOT, missing, program
from tests.witness.servers import LOG, Log, monitored, witness

GOPATH = Path("/usr/share/gocode")


def test_go_agrees_with_what_a_witness_signs_and_what_it_is_shown(tmp_path: Path) -> None:
    go = program("go")
    if not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        missing("Debian package golang-golang-x-mod-dev")
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GOPATH), "GOFLAGS": ""}
    if "HOME" not in environment:
        environment["GOCACHE"] = str(tmp_path / "cache")
    judge = tmp_path / "judge"
    subprocess.run([go, "build", "-o", str(judge), str(ROOT / "tests/witness/judge.go")], check=True, env=environment)
    log = Log()
    with witness(tmp_path / "w", LOG.verifier) as running:
        path = urlsplit(monitored(running.url, LOG.name)).path

        def asked(method: str, path: str, body: bytes | None = None) -> bytes:
            connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=20)
            connection.request(method, path, body)
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            assert answer.status == 200, data
            return data

        def judged(old: Path, new: Path, proof: Path, key: str = LOG.verifier.text) -> int:
            words = [str(judge), key, running.key.text, str(old), str(new), str(proof)]
            return subprocess.run(words, check=False, capture_output=True).returncode

        files: list[Path] = []
        previous = 0
        for size in (1, 2, 3, 7, 8, 100):
            asked("POST", "/add-checkpoint", log.request(previous, size))
            files.append(tmp_path / f"{size}")
            files[-1].write_bytes(asked("GET", path))
            proof = tmp_path / f"{size}.proof"
            proof.write_bytes(b"\n".join(map(to_base64, log.proof(previous, size) if previous else [])))
            if previous:
                assert judged(files[-2], files[-1], proof) == 0, size
            previous = size
        # The judge can say no.
        data = files[-1].read_bytes()
        files[-1].write_bytes(data[:-12] + (b"A" if data[-12:-11] != b"A" else b"B") + data[-11:])
        assert judged(files[-2], files[-1], proof) == 1
        files[-1].write_bytes(data)
        proof.write_bytes(b"")
        assert judged(files[-2], files[-1], proof) == 1
