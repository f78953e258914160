"""Pushing to an object store, next to `rclone sync` against the same server in the same run.

    python benchmarks/bench_s3.py [--files 2000] [--size 8192] [--news 20] [--rounds 3] [--delay 0]

Prints seconds, files a second and requests for a first push and for a push with some news, for both, and their ratio
(below 1: quicker than rclone). The server is Ceph's radosgw when it is installed, else `rclone serve s3`. Requests are
counted by a proxy in rounds of their own, because the proxy slows both down; with `--delay` (milliseconds a
request) that proxy stands in for a distant server, and the timed rounds go through it too.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mirror.archive.files import Store
from mirror.archive.plan import put
from mirror.archive.state import State
from mirror.config import TargetConfig
from mirror.publish import publish
from mirror.targets import open_target
from tests.servers import S3Server
from tests.servers.radosgw import installed
from tests.servers.s3 import rclone_program, s3_server


class Tree:
    """Files and their journal, as a seal leaves them."""

    def __init__(self, folder: Path) -> None:
        (folder / "state" / "tmp").mkdir(parents=True)
        (folder / "archive").mkdir()
        self.store = Store(folder / "archive", folder / "state" / "tmp", reserve=0)
        self.state = State.create(folder / "state" / "state.sqlite")
        self._chance = random.Random(1)

    def write(self, files: int, size: int) -> None:
        """So many objects, and the pointers anew."""
        made: dict[str, bytes] = {}
        for _ in range(files):
            data = self._chance.randbytes(size)
            digest = hashlib.sha256(data).hexdigest()
            made[f"o/{digest[:2]}/{digest[2:]}"] = data
        for name in ("trust/timestamp.json", "checkpoint", "front"):
            made[name] = self._chance.randbytes(500)
        made["trust/1.root.json"] = b"{}"
        self.store.write_many(made, replace=True)
        kinds = {"o": "bundle", "trust": "trust"}
        lines = [put(path, data, kinds.get(path.partition("/")[0], path), 0) for path, data in made.items()]
        with self.state.writing() as tx:
            tx.record(sorted(lines, key=lambda line: line.rank))


def push_ours(tree: Tree, server: S3Server, endpoint: str, prefix: str) -> float:
    url = f"s3://{server.bucket}/{prefix}"
    settings = {"endpoint": endpoint, "region": server.region, "access_key": server.access_key, "secret_key": "env:K"}
    target = open_target(prefix, url, settings, lambda reference: server.secret_key)
    began = time.perf_counter()
    publish(tree, target, TargetConfig(name=prefix, url=url, settings=settings), now="2030-01-01T00:00:00Z")
    took = time.perf_counter() - began
    target.close()
    return took


def push_rclone(tree: Tree, server: S3Server, endpoint: str, prefix: str, *more: str) -> float:
    """`rclone sync` with as many transfers as we have threads, listing in one go."""
    remote = f":s3,provider=Other,force_path_style=true,endpoint='{endpoint}':{server.bucket}/{prefix}"
    keys = ["--s3-access-key-id", server.access_key, "--s3-secret-access-key", server.secret_key]
    flags = ["--transfers", "16", "--checkers", "16", "--fast-list", "--s3-no-check-bucket", "--config", os.devnull]
    command = [rclone_program(), "sync", str(tree.store.root), remote, *keys, *flags, *more]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def push_rclone_checksum(tree: Tree, server: S3Server, endpoint: str, prefix: str) -> float:
    """The same comparing checksums, which saves it a request a file but reads every file here."""
    return push_rclone(tree, server, endpoint, prefix, "--checksum")


PUSHES = {"ours": push_ours, "rclone": push_rclone, "rclone --checksum": push_rclone_checksum}


@contextlib.contextmanager
def counting(endpoint: str, delay: float) -> Iterator[tuple[str, Path]]:
    """A proxy in a process of its own, and the file in which it notes each request's method."""
    with tempfile.TemporaryDirectory() as folder:
        noted, ready = Path(folder) / "noted", Path(folder) / "ready"
        code = f"""
import sys, time, threading
sys.path.insert(0, {str(Path(__file__).resolve().parent.parent)!r})
from pathlib import Path
from tests.servers.faulty import faulty
with faulty({endpoint!r}) as proxy, open({str(noted)!r}, "a", buffering=1) as out:
    def plan(method, path, before):
        out.write(method + (" list" if "list-type" in path else "") + "\\n")
        time.sleep({delay})
        return None
    proxy.plan = plan
    Path({str(ready)!r}).write_text(proxy.url)
    threading.Event().wait()
"""
        process = subprocess.Popen([sys.executable, "-c", code])
        try:
            while not ready.exists() or not ready.read_text():
                time.sleep(0.05)
            yield ready.read_text(), noted
        finally:
            process.kill()
            process.wait()


def one_round(
    server: S3Server, endpoint: str, number: int, noted: Path | None, *, files: int, size: int, news: int
) -> dict[tuple[str, str], tuple[float, dict[str, int]]]:
    """Seconds and counted requests by step and contender, on fresh prefixes of the same bucket."""
    found: dict[tuple[str, str], tuple[float, dict[str, int]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree(Path(folder) / "tree")
        for step, many in (("first", files), ("news", news)):
            tree.write(many, size)
            # Another goes first each round: nobody shall always find the caches warm.
            turn = number % len(PUSHES)
            for name in [*PUSHES][turn:] + [*PUSHES][:turn]:
                if noted:
                    noted.write_text("")
                took = PUSHES[name](tree, server, endpoint, f"{number}-{name.replace(' ', '')}")
                counted = Counter(noted.read_text().split("\n")[:-1]) if noted else {}
                found[step, name] = took, dict(counted)
        tree.state.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in (("files", 2000), ("size", 8192), ("news", 20), ("rounds", 3), ("delay", 0)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--server", choices=("radosgw", "rclone", "moto"))
    args = parser.parse_args()
    sizes = {"files": args.files, "size": args.size, "news": args.news}
    with s3_server(args.server or ("radosgw" if installed() else "rclone")) as server:
        print(f"{server.name}: {args.files} files of {args.size} bytes, then {args.news} more; {args.rounds} rounds")
        rounds = []
        with contextlib.ExitStack() as stack:
            endpoint = server.endpoint
            if args.delay:
                endpoint = stack.enter_context(counting(server.endpoint, args.delay / 1000))[0]
            for number in range(args.rounds):
                rounds.append(one_round(server, endpoint, number, None, **sizes))
        with counting(server.endpoint, 0) as (endpoint, noted):
            counted = one_round(server, endpoint, args.rounds, noted, **sizes)
    for step, many in (("first", args.files + 4), ("news", args.news + 3)):
        for name in PUSHES:
            times = [each[step, name][0] for each in rounds]
            middle = statistics.median(times)
            spread = f"{min(times):.2f}-{max(times):.2f}"
            requests = json.dumps(counted[step, name][1])
            print(f"{step:6} {name:18} {middle:6.2f} s ({spread}) {many / middle:6.0f} files/s   {requests}")
        for name in [*PUSHES][1:]:
            ratios = [each[step, "ours"][0] / each[step, name][0] for each in rounds]
            told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"{step:6} ours/{name}: {statistics.median(ratios):.2f} (each round: {told})")


if __name__ == "__main__":
    main()
