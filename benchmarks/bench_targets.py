"""Pushing to S3, SFTP and WebDAV, next to rclone, rsync, obstore and asyncssh: same servers, same run.

    python benchmarks/bench_targets.py [--files 5000] [--large 500] [--news 50] [--rounds 3] [--kinds s3,sftp,webdav]
                                       [--s3 radosgw|rclone|moto] [--dav apache|nginx] [--rtt 0] [--only NAMES]

A first push of many files of 8 KB and some of 150 KB, then one of a few new files. Ours is `mirror.publish.publish`
with all it does: the journal, every file compared with its hash, objects before pointers, its place written down.
Everybody is a process of its own. For each: seconds (of the whole process; of ours also those of the push alone, since
a run that pushes is there anyway), files a second, CPU seconds of it and its children, memory of the largest of them,
requests. Requests are counted in a round of their own, in which nothing is timed, and at whose end names and sizes of
what every contender left are compared with what there was to push. Contenders take turns, another one first each round.

    rclone sync            as it comes
    rclone sync, tuned     with flags of ours for that kind of server: no pacing, no needless looks, 16 or 32 transfers
    rclone copy, blind     told which files are new, asking the server nothing before or after: no check that anything
                           arrived, no deletes, and the list must come from somewhere

To SFTP and WebDAV a first push of rclone's without flags takes minutes (a command at the server for each file; 10 ms of
sleep before each request), so there the tuned one makes it. Servers: Ceph's gateway (else `rclone serve s3`), OpenSSH,
Apache. With `--rtt` everybody goes through a proxy that delays both ways,
together so many milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import importlib.util
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._common import commas
from mirror.archive.files import Store
from mirror.archive.plan import put
from mirror.archive.state import State

SMALL, LARGE = 8192, 150_000  # bytes
HERE: Final = Path(__file__).resolve()
WIDE: Final = 32  # transfers at once of whoever can be told


class Tree:
    """Files and their journal, as a seal leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "state" / "tmp").mkdir(parents=True, exist_ok=True)
        (folder / "archive").mkdir(exist_ok=True)
        self.store = Store(folder / "archive", folder / "state" / "tmp", reserve=0)
        self.state = State.create(folder / "state" / "state.sqlite")
        self._chance = random.Random(1)
        self._serial = 0

    def write(self, small: int, large: int) -> list[str]:
        """So many objects, and the pointers anew; the paths of all of them, in the order of the journal."""
        self._serial += 1
        made: dict[str, bytes] = {}
        sizes = [SMALL] * small + [LARGE] * large
        self._chance.shuffle(sizes)
        for size in sizes:
            data = self._chance.randbytes(size)
            digest = hashlib.sha256(data).hexdigest()
            made[f"o/{digest[:2]}/{digest[2:]}"] = data
        for name in ("trust/timestamp.json", "checkpoint", "front"):
            made[name] = self._chance.randbytes(500 + self._serial)  # tools that compare sizes shall notice
        made["trust/1.root.json"] = b"{}"
        self.store.write_many(made, replace=True)
        kinds = {"o": "bundle", "trust": "trust"}
        lines = [put(path, data, kinds.get(path.partition("/")[0], path), 0) for path, data in made.items()]
        lines.sort(key=lambda line: line.rank)
        with self.state.writing() as tx:
            tx.record(lines)
        return [line.path for line in lines]


@dataclass(slots=True, kw_only=True)
class Place:
    """A server's folder that belongs to one contender in one round, and how it is reached."""

    kind: str
    name: str
    port: int
    folder: Path | None = None  # on disk, where there is one
    more: dict[str, str] = field(default_factory=dict)  # of a kind: bucket, user, key …


# --- those who push -------------------------------------------------------------------------------------------------

Command = tuple[list[str], dict[str, str]]
"""Arguments, and what is added to the environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`names` is a file with the paths to push, one a line; `first`: nothing is there yet."""

    tree: Tree
    place: Place
    names: Path
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    name: str
    command: Callable[[Job], Command]
    ours: bool = False
    sync: bool = False  # `rclone sync`, which an increment is held against
    fill: Callable[[Job], Command] | None = None  # makes the first push instead, which isn't shown then


def worker(job: Job, how: str, **more: str) -> Command:
    told = {
        "tree": str(job.tree.folder),
        "place": {"kind": job.place.kind, "name": job.place.name, "port": job.place.port, "more": job.place.more},
        "names": str(job.names),
        **more,
    }
    return [sys.executable, "-P", str(HERE), "--work", how, json.dumps(told)], {"K": job.place.more.get("secret", "")}


def ours(scheme: str) -> Callable[[Job], Command]:
    return lambda job: worker(job, "ours", scheme=scheme)


def rclone(what: str, *flags: str, listed: Sequence[str] | None = None) -> Callable[[Job], Command]:
    """`listed`: further flags of an increment, which is told what is new."""

    def command(job: Job) -> Command:
        from tests.servers.s3 import rclone_program

        env, root = rclone_remote(job.place)
        line = [rclone_program(), what, str(job.tree.store.root), f"t:{root}", "--config", os.devnull, *flags]
        if listed is not None and not job.first:
            line += ["--files-from-raw", str(job.names), *listed]
        return line, env

    return command


def rclone_remote(place: Place) -> tuple[dict[str, str], str]:
    more = place.more
    if place.kind == "s3":
        options = {"type": "s3", "provider": "Other", "force_path_style": "true", "region": "us-east-1"}
        options |= {"endpoint": f"http://127.0.0.1:{place.port}"}
        options |= {"access_key_id": more["access_key"], "secret_access_key": more["secret"]}
        root = f"{more['bucket']}/{place.name}"
    elif place.kind == "sftp":
        options = {"type": "sftp", "host": "127.0.0.1", "port": str(place.port), "user": more["user"]}
        options |= {"key_file": more["key"], "known_hosts_file": more["known_hosts"]}
        root = more["path"]
    else:
        from tests.servers.s3 import rclone_program

        said = subprocess.run([rclone_program(), "obscure", more["secret"]], check=True, capture_output=True, text=True)
        options = {"type": "webdav", "vendor": "other", "user": more["user"], "pass": said.stdout.strip()}
        options |= {"url": f"http://127.0.0.1:{place.port}/{place.name}"}
        root = ""
    return {f"RCLONE_CONFIG_T_{name.upper()}": value for name, value in options.items()}, root


def rsync(job: Job) -> Command:
    more = job.place.more
    shell = f"ssh -F none -p {job.place.port} -i {more['key']} -o UserKnownHostsFile={more['known_hosts']}"
    there = f"{more['user']}@127.0.0.1:{more['path']}/"
    return ["rsync", "-a", "-e", shell, f"{job.tree.store.root}/", there], {}


_BLIND = ("--no-traverse", "--no-check-dest")
_WIDE = ("--transfers", str(WIDE), "--checkers", str(WIDE))
_S3 = (*_WIDE, "--s3-no-check-bucket")
_SFTP = ("--transfers", "16", "--checkers", "16", "--sftp-disable-hashcheck")  # sshd's MaxSessions and MaxStartups
_DAV = (*_WIDE, "--webdav-pacer-min-sleep", "0")

CONTENDERS: Final[dict[str, tuple[Contender, ...]]] = {
    "s3": (
        Contender(name="tamizdat", command=ours("s3"), ours=True),
        Contender(name="obstore alone", command=lambda job: worker(job, "obstore")),
        Contender(
            name="rclone copy, blind",
            command=rclone("copy", *_S3, *_BLIND, "--s3-no-head", listed=()),
        ),
        Contender(
            name="rclone sync, tuned",
            command=rclone("sync", *_S3, "--s3-no-head", "--fast-list", "--update", "--use-server-modtime"),
            sync=True,
        ),
        Contender(name="rclone sync", command=rclone("sync"), sync=True),
    ),
    "sftp": (
        Contender(name="tamizdat sftp", command=ours("sftp"), ours=True),
        Contender(name="tamizdat rsync", command=ours("rsync"), ours=True),
        Contender(name="rsync -a", command=rsync),
        Contender(name="asyncssh alone", command=lambda job: worker(job, "asyncssh")),
        Contender(name="rclone copy, blind", command=rclone("copy", *_SFTP, *_BLIND, listed=())),
        Contender(name="rclone sync, tuned", command=rclone("sync", *_SFTP), sync=True),
        Contender(name="rclone sync", command=rclone("sync"), sync=True, fill=rclone("sync", *_SFTP)),
    ),
    "webdav": (
        Contender(name="tamizdat", command=ours("webdav"), ours=True),
        Contender(name="rclone copy, blind", command=rclone("copy", *_DAV, *_BLIND, listed=())),
        Contender(name="rclone sync, tuned", command=rclone("sync", *_DAV), sync=True),
        Contender(name="rclone sync", command=rclone("sync"), sync=True, fill=rclone("sync", *_DAV)),
    ),
}


def work(how: str, told: dict[str, Any]) -> None:
    """In a process of its own: what it did, as JSON on standard output."""
    place = Place(**told["place"])
    keys = Path(told["names"]).read_text().split("\n")[:-1]
    tree = Path(told["tree"])
    act = {"ours": lambda: push_ours(tree, place, told["scheme"])}.get(how)
    if act is None:
        act = {
            "obstore": lambda: push_obstore(tree, place, keys),
            "asyncssh": lambda: push_asyncssh(tree, place, keys),
        }[how]
    print(json.dumps({"push": act()}))


def push_ours(folder: Path, place: Place, scheme: str) -> float:
    from mirror.config import TargetConfig
    from mirror.publish import publish
    from mirror.targets import open_target

    more = place.more
    if scheme == "s3":
        url = f"s3://{more['bucket']}/{place.name}"
        settings = {"endpoint": f"http://127.0.0.1:{place.port}", "region": "us-east-1"}
        settings |= {"access_key": more["access_key"], "secret_key": "env:K"}
    elif scheme == "webdav":
        url = f"webdav+http://127.0.0.1:{place.port}/{place.name}"
        settings = {"user": more["user"], "password": "env:K"}
    else:
        url = f"{scheme}://{more['user']}@127.0.0.1:{place.port}{more['path']}"
        settings = {"key": f"file:{more['key']}", "host_key": more["host_key"]}
    tree = Tree(folder)
    began = time.perf_counter()

    def reveal(reference: str) -> str:
        kind, _, name = reference.partition(":")
        return os.environ[name] if kind == "env" else Path(name).read_text()

    target = open_target(place.name, url, settings, reveal, state=folder / f"state-{place.name}")
    done = publish(tree, target, TargetConfig(name=place.name, url=url, settings=settings), now="2030-01-01T00:00:00Z")
    target.close()
    if not done.puts or done.pointers != 3:
        raise SystemExit(f"pushed {done}")
    return time.perf_counter() - began


def push_obstore(folder: Path, place: Place, keys: Sequence[str]) -> float:
    """Its blocking put from threads; files are read, nothing is compared, nothing is known of the order."""
    from concurrent.futures import ThreadPoolExecutor

    from obstore.store import S3Store

    began = time.perf_counter()
    store = S3Store(
        place.more["bucket"],
        prefix=place.name,
        endpoint=f"http://127.0.0.1:{place.port}",
        access_key_id=place.more["access_key"],
        secret_access_key=os.environ["K"],
        region="us-east-1",
        client_options={"allow_http": True},
    )
    with ThreadPoolExecutor(WIDE) as pool:
        for _ in pool.map(lambda key: store.put(key, (folder / "archive" / key).read_bytes()), keys):
            pass
    return time.perf_counter() - began


def push_asyncssh(folder: Path, place: Place, keys: Sequence[str]) -> float:
    """64 files at a time over one connection: a temporary name, then `posix_rename`."""
    import asyncssh

    more = place.more

    async def run() -> None:
        login = asyncssh.connect(
            "127.0.0.1", place.port, username=more["user"], client_keys=[more["key"]], known_hosts=more["known_hosts"]
        )
        async with login as connection, connection.start_sftp_client() as sftp:
            there = Path(more["path"])
            for above in sorted({parent for key in keys for parent in Path(key).parents} - {Path()}):
                with contextlib.suppress(asyncssh.SFTPError):
                    await sftp.mkdir(str(there / above))
            some = asyncio.Semaphore(64)

            async def one(number: int, key: str) -> None:
                async with some:
                    temporary = str(there / f".{number}")
                    async with sftp.open(temporary, "wb") as file:
                        await file.write((folder / "archive" / key).read_bytes())
                    await sftp.posix_rename(temporary, str(there / key))

            await asyncio.gather(*(one(number, key) for number, key in enumerate(keys)))

    began = time.perf_counter()
    asyncio.run(run())
    return time.perf_counter() - began


# --- measuring one --------------------------------------------------------------------------------------------------

# Between us and a contender, so that what it leaves behind in the background is its own and is waited for.
_WATCH = """
import ctypes, json, os, resource, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
said = process.communicate()[0]
took = time.perf_counter() - began
try:
    while True:
        os.wait()
except ChildProcessError:
    pass
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"code": process.returncode, "seconds": took, "cpu": used.ru_utime + used.ru_stime,
                  "peak": used.ru_maxrss / 1024, "said": said.decode()}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    seconds: float
    push: float  # of ours without the start of the process
    cpu: float
    peak: float  # MB


def measured(command: Command) -> Measured:
    arguments, more = command
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")} | more
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", _WATCH, *arguments], env=env, capture_output=True, text=True, check=False
    )
    told = json.loads(done.stdout or '{"code": -1}')
    if told["code"]:
        raise SystemExit(f"{arguments}: exit {told['code']}: {done.stderr[-2000:]}")
    push = json.loads(told["said"])["push"] if told["said"].startswith("{") else told["seconds"]
    return Measured(seconds=told["seconds"], push=push, cpu=told["cpu"], peak=told["peak"])


class Proxy:
    """Passes bytes on, later by half a round trip each way, and counts the HTTP requests among them. In a thread: while
    a contender runs, there is nothing else to do here."""

    _REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE|OPTIONS|PROPFIND|MKCOL|MOVE|COPY) (/[!-~]*) HTTP/1\.1\r\n")

    def __init__(self, port: int, rtt: float) -> None:
        self.counted: Counter[str] = Counter()
        self._to, self._delay = port, rtt / 2
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._met, "127.0.0.1", 0), self._loop)
        self._server = starting.result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _met(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection("127.0.0.1", self._to)
        with contextlib.suppress(OSError):
            await asyncio.gather(self._pass(near, forth, count=True), self._pass(far, back, count=False))
        for each in (back, forth):
            each.close()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, count: bool) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def leave() -> None:
            while True:
                due, data = await waiting.get()
                if due > self._loop.time():
                    await asyncio.sleep(due - self._loop.time())
                if not data:
                    if sink.can_write_eof():
                        sink.write_eof()
                    return
                sink.write(data)
                await sink.drain()

        leaving = asyncio.ensure_future(leave())
        rest = b""
        data = b"-"
        while data:
            data = await source.read(1 << 17)
            waiting.put_nowait((self._loop.time() + self._delay, data))
            if count:
                rest += data
                end = 0
                for found in self._REQUEST.finditer(rest):
                    self.counted[_called(found[1].decode(), found[2])] += 1
                    end = found.end()
                rest = rest[max(end, len(rest) - 2048) :]
        await leaving

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)


def _called(method: str, path: bytes) -> str:
    return "LIST" if method == "GET" and b"prefix=" in path else method


# What counts SFTP's requests: a program between sshd and its subsystem.
_COUNT_SFTP = r"""
import json, os, subprocess, sys, threading
from collections import Counter
NAMES = {1: "init", 3: "open", 4: "close", 5: "read", 6: "write", 7: "stat", 8: "stat", 9: "setstat", 10: "setstat",
         11: "opendir", 12: "readdir", 13: "remove", 14: "mkdir", 15: "rmdir", 16: "realpath", 17: "stat", 18: "rename"}
counted = Counter()
process = subprocess.Popen([sys.argv[2]], stdin=subprocess.PIPE)
buffer = bytearray()
while data := os.read(0, 1 << 17):
    buffer += data
    at = 0
    while len(buffer) - at >= 5 and len(buffer) - at >= 4 + (size := int.from_bytes(buffer[at:at + 4], "big")):
        name = NAMES.get(buffer[at + 4], "other")
        if buffer[at + 4] == 200:
            length = int.from_bytes(buffer[at + 9:at + 13], "big")
            name = buffer[at + 13:at + 13 + length].decode().partition("@")[0]
        counted[name.replace("posix-rename", "rename")] += 1
        at += 4 + size
    del buffer[:at]
    process.stdin.write(data)
    process.stdin.flush()
process.stdin.close()
process.wait()
with open(sys.argv[1], "a") as out:
    out.write(json.dumps(counted) + "\n")
"""
_SFTP_SERVER: Final = "/usr/lib/openssh/sftp-server"


# --- servers --------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Server:
    """`place` gives an empty folder there, `there` what is in it, `remove` takes it away again."""

    name: str
    port: int
    place: Callable[[str], Place]
    there: Callable[[Place], dict[str, int]]
    remove: Callable[[Place], None]
    counts: Callable[[], Counter[str]] | None = None  # of requests since it was last asked


def _on_disk(place: Place) -> dict[str, int]:
    assert place.folder is not None
    return {
        file.relative_to(place.folder).as_posix(): file.stat().st_size
        for file in place.folder.rglob("*")
        if file.is_file()
    }


def _off_disk(place: Place) -> None:
    assert place.folder is not None
    shutil.rmtree(place.folder)


@contextlib.contextmanager
def s3(name: str | None) -> Iterator[Server]:
    from tests.servers.radosgw import installed
    from tests.servers.s3 import client, s3_server

    with s3_server(name or ("radosgw" if installed() else "rclone")) as server:
        more = {"bucket": server.bucket, "access_key": server.access_key, "secret": server.secret_key}
        port = int(server.endpoint.rpartition(":")[2])

        def pages(place: Place) -> Iterator[list[dict[str, Any]]]:
            with contextlib.closing(client(server)) as there:
                for page in there.get_paginator("list_objects_v2").paginate(
                    Bucket=server.bucket, Prefix=f"{place.name}/"
                ):
                    yield page.get("Contents", [])

        def listed(place: Place) -> dict[str, int]:
            return {one["Key"][len(place.name) + 1 :]: one["Size"] for page in pages(place) for one in page}

        def remove(place: Place) -> None:
            with contextlib.closing(client(server)) as there:
                for page in pages(place):
                    keys = [{"Key": one["Key"]} for one in page]
                    if keys:
                        there.delete_objects(Bucket=server.bucket, Delete={"Objects": keys, "Quiet": True})

        yield Server(
            name=server.name,
            port=port,
            place=lambda called: Place(kind="s3", name=called, port=port, more=more),
            there=listed,
            remove=remove,
        )


@contextlib.contextmanager
def webdav(name: str | None) -> Iterator[Server]:
    from tests.servers.apache import apache
    from tests.servers.certificates import make_certificates
    from tests.servers.nginx_dav import nginx_dav

    with tempfile.TemporaryDirectory() as folder:
        made = make_certificates(Path(folder))
        with nginx_dav(made.good) if name == "nginx" else apache(made.good, made.expired) as server:

            def place(called: str) -> Place:
                here = server.folder / called
                here.mkdir()
                here.chmod(0o777)
                more = {"user": server.user, "secret": server.password}
                return Place(kind="webdav", name=called, port=server.port, folder=here, more=more)

            yield Server(name=server.name, port=server.port, place=place, there=_on_disk, remove=_off_disk)


@contextlib.contextmanager
def sftp(*, counting: bool) -> Iterator[Server]:
    from tests.servers.sshd import sshd

    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / "sshd"
        noted, forced = Path(above) / "noted", ""
        if counting:
            script, program = Path(above) / "forced", Path(above) / "count.py"
            program.write_text(_COUNT_SFTP)
            counter = f"{sys.executable} -S -E {program} {noted} {_SFTP_SERVER}"
            script.write_text(
                "#!/bin/sh\n"
                f'case "$SSH_ORIGINAL_COMMAND" in *sftp*) exec {counter};; esac\n'
                f"echo '{{\"command\": 1}}' >>{noted}\n"
                'exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
            )
            script.chmod(0o755)
            forced = f"ForceCommand {script}"
        with sshd(folder, sftp=_SFTP_SERVER if counting else "internal-sftp", more=forced) as server:
            known = Path(above) / "known_hosts"

            def place(called: str) -> Place:
                here = server.data / called
                here.mkdir()
                more = {"user": server.user, "key": str(server.key), "host_key": server.fingerprint, "path": str(here)}
                more["known_hosts"] = str(known)
                return Place(kind="sftp", name=called, port=server.port, folder=here, more=more)

            def counts() -> Counter[str]:
                time.sleep(0.5)  # those that count write when their connection has ended
                found: Counter[str] = Counter()
                if noted.exists():
                    for line in noted.read_text().split("\n")[:-1]:
                        found.update(json.loads(line))
                    noted.unlink()
                return found

            known.write_text(f"[127.0.0.1]:{server.port} {(folder / 'host.pub').read_text()}")
            yield Server(
                name="OpenSSH",
                port=server.port,
                place=place,
                there=_on_disk,
                remove=_off_disk,
                counts=counts if counting else None,
            )


# --- rounds ---------------------------------------------------------------------------------------------------------

STEPS: Final = ("first", "news")
Round = dict[tuple[str, str], tuple[Measured, Counter[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    small: int
    large: int
    news: int
    rounds: int
    rtt: float


def one_round(server: Server, contenders: Sequence[Contender], number: int, terms: Terms, *, count: bool) -> Round:
    found: Round = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        tree = Tree(Path(folder) / "tree")
        stack.callback(tree.state._engine.dispose)
        proxy = Proxy(server.port, terms.rtt) if terms.rtt or (count and server.counts is None) else None
        if proxy:
            stack.callback(proxy.close)
        names = Path(folder) / "names"
        turn = number % len(contenders)
        order = [*contenders[turn:], *contenders[:turn]]
        places = {one.name: server.place(f"{number}-{re.sub('[^a-z]+', '-', one.name)}") for one in order}
        for step, small, large in ((STEPS[0], terms.small, terms.large), (STEPS[1], terms.news, 0)):
            names.write_text("".join(f"{path}\n" for path in tree.write(small, large)))
            for one in order:
                place = places[one.name]
                if proxy:
                    place.port = proxy.port
                    known = place.more.get("known_hosts")
                    if known:
                        key = Path(known).read_text().partition(" ")[2]
                        Path(known).write_text(f"[127.0.0.1]:{proxy.port} {key}")
                    proxy.counted.clear()
                job = Job(tree=tree, place=place, names=names, first=step == STEPS[0])
                print(f"  {number} {step} {one.name} …", file=sys.stderr, end="", flush=True)
                took = measured((one.fill or one.command)(job) if job.first else one.command(job))
                print(f" {took.seconds:.2f} s", file=sys.stderr)
                counted = server.counts() if count and server.counts else Counter(proxy.counted if proxy else ())
                found[step, one.name] = took, counted
        if count:
            wanted = {path: tree.store.path(path).stat().st_size for path in tree.store.walk()}
            for name, place in places.items():
                there = {key: size for key, size in server.there(place).items() if not key.startswith(".")}
                if there != wanted:
                    raise SystemExit(f"{name}: {len(there)} files arrived, {len(wanted)} were to")
        for place in places.values():
            server.remove(place)
    return found


@contextlib.contextmanager
def served(kind: str, args: argparse.Namespace, *, counting: bool) -> Iterator[Server]:
    with s3(args.s3) if kind == "s3" else webdav(args.dav) if kind == "webdav" else sftp(counting=counting) as server:
        yield server


def middle(rounds: Sequence[Round], step: str, name: str, what: str) -> float:
    found: float = statistics.median(getattr(each[step, name][0], what) for each in rounds if (step, name) in each)
    return found


def _counts(counted: Counter[str]) -> str:
    told = ", ".join(f"{commas(number)} {what}" for what, number in counted.most_common(4))
    return told + (" …" if len(counted) > 4 else "")


def table(
    kind: str, server: str, terms: Terms, contenders: Sequence[Contender], *, rounds: Sequence[Round], counted: Round
) -> None:
    """What is to be pasted."""
    many = {STEPS[0]: terms.small + terms.large + 4, STEPS[1]: terms.news + 3}
    print(f"\n**{kind}** ({server}{f', {terms.rtt * 1000:.0f} ms' if terms.rtt else ''}), median of {len(rounds)}:\n")
    print("| | first push, s | files/s | CPU s | peak MB | requests | news, s | CPU s | requests |")
    print("|---|---|---|---|---|---|---|---|---|")
    for one in contenders:
        cells = []
        for step in STEPS:
            if step == STEPS[0] and one.fill:
                cells += ["–"] * 5
                continue
            times = [each[step, one.name][0].seconds for each in rounds if (step, one.name) in each]
            took = statistics.median(times)
            cpu = middle(rounds, step, one.name, "cpu")
            asked = counted[step, one.name][1] if (step, one.name) in counted else Counter()
            digits = 1 if step == STEPS[0] else 2
            seconds = f"{took:.{digits}f}"
            if one.ours and step == STEPS[1]:
                seconds = f"{middle(rounds, step, one.name, 'push'):.2f} ({seconds} with Python's start)"
            if len(times) > 1 and step == STEPS[0]:
                seconds += f" ({min(times):.1f} to {max(times):.1f})"
            cells.append(seconds)
            if step == STEPS[0]:
                cells += [commas(many[step] / took), f"{cpu:.1f}", f"{middle(rounds, step, one.name, 'peak'):.0f}"]
            else:
                cells.append(f"{cpu:.2f}")
            cells.append(f"{commas(asked.total())}: {_counts(asked)}" if asked else "")
        print(f"| {one.name} | {' | '.join(cells)} |")
    print()
    for mine in (one for one in contenders if one.ours):
        others = [one for one in contenders if not one.ours and one.fill is None]
        if others:
            best = min(others, key=lambda one: middle(rounds, STEPS[0], one.name, "seconds"))
            ratios = [each[STEPS[0], best.name][0].seconds / each[STEPS[0], mine.name][0].seconds for each in rounds]
            print(
                f"{mine.name}: first push at {statistics.median(ratios):.2f} of the pace of the fastest other, "
                f"{best.name} (each round: {', '.join(f'{ratio:.2f}' for ratio in ratios)})"
            )
        for other in (one for one in contenders if one.sync):
            told = [
                f"{middle(rounds, STEPS[1], other.name, 'seconds') / middle(rounds, STEPS[1], mine.name, what):.1f}"
                for what in ("push", "seconds")
            ]
            print(f"{mine.name}: news {told[0]} times as fast as {other.name} ({told[1]} with Python's start)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in (("files", 5000), ("large", 500), ("news", 50), ("rounds", 3), ("rtt", 0)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--kinds", default="s3,sftp,webdav")
    parser.add_argument("--only", default="", help="contenders whose name has one of these words, besides ours")
    parser.add_argument("--s3", choices=("radosgw", "rclone", "moto"))
    parser.add_argument("--dav", choices=("apache", "nginx"))
    parser.add_argument("--no-count", action="store_true", help="don't count requests")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.work[0], json.loads(args.work[1]))
        return
    terms = Terms(small=args.files, large=args.large, news=args.news, rounds=args.rounds, rtt=args.rtt / 1000)
    print(
        f"{commas(args.files)} files of {SMALL} bytes and {commas(args.large)} of {LARGE}, then {args.news} new ones; "
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    )
    for kind in args.kinds.split(","):
        contenders = [
            one
            for one in CONTENDERS[kind]
            if (one.ours or not args.only or any(word in one.name for word in args.only.split(",")))
            and (one.name != "obstore alone" or importlib.util.find_spec("obstore"))
        ]
        rounds: list[Round] = []
        counted: Round = {}
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(served(kind, args, counting=False))
            for number in range(terms.rounds):
                rounds.append(one_round(server, contenders, number, terms, count=False))
            if not args.no_count:
                if kind == "sftp":
                    stack.close()
                with served(kind, args, counting=True) if kind == "sftp" else contextlib.nullcontext(server) as other:
                    counted = one_round(other, contenders, terms.rounds, terms, count=True)
        called = {"s3": "S3", "sftp": "SFTP", "webdav": "WebDAV"}[kind]
        table(called, server.name, terms, contenders, rounds=rounds, counted=counted)


if __name__ == "__main__":
    main()
