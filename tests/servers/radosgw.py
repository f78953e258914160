"""Ceph's object gateway: the S3 server of the tests that refuses what a real one refuses.

Debian: `apt-get install --no-install-recommends ceph-mon ceph-mgr ceph-osd radosgw ceph-common`. One monitor, one
manager and one OSD that keeps its data in memory, all on 127.0.0.1, all below one folder; about 20 seconds to start.

What is easily missed:
- `auth_* = none` sends radosgw into a loop on error -13: everything uses cephx, with keys made here;
- the monitor's map needs both of its addresses (v2 and v1), or the other daemons don't find it;
- manager and OSD folders must exist, and the OSD must be registered (`osd new`) before its mkfs;
- the gateway listens before its pools exist: the first write takes seconds, so it is made while setting up;
- log files, sockets and pid files go to /var by default, where a test has no business.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.servers import S3Server, free_port, listening, running, wait_for

PROGRAMS = ("ceph-mon", "ceph-mgr", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "ceph-authtool", "monmaptool")

CONF = """[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{v2}/0,v1:127.0.0.1:{v1}/0]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = {folder}/keyring
run_dir = {folder}
admin_socket =
pid_file =
log_to_file = false
log_to_stderr = true
err_to_stderr = true
mon_cluster_log_to_file = false
crash_dir = {folder}
mon_data = {folder}/mon
mgr_data = {folder}/mgr
osd_data = {folder}/osd
mon_allow_pool_size_one = true
mon_allow_pool_delete = true
mon_max_pg_per_osd = 1000
mon_data_avail_warn = 2
mon_data_avail_crit = 1
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mgr_initial_modules =
rgw_dns_name =
rgw_enable_usage_log = false
rgw_thread_pool_size = 32
rgw_gc_max_objs = 8
"""


def installed() -> bool:
    """Whether every program this needs is there."""
    return all(shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin") for name in PROGRAMS)


@contextlib.contextmanager
def radosgw(folder: Path) -> Iterator[S3Server]:
    """A gateway with one user and one bucket, which anybody may read and any page may fetch (CORS)."""
    folder.mkdir(parents=True, exist_ok=True)
    conf, log = folder / "ceph.conf", folder / "log"
    v1, v2, http = free_port(), free_port(), free_port()
    fsid = str(uuid.uuid4())
    conf.write_text(CONF.format(folder=folder, fsid=fsid, v1=v1, v2=v2))
    keyring = folder / "keyring"

    def call(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def ceph(*words: str) -> str:
        return call("ceph", "-c", str(conf), "--connect-timeout", "20", *words)

    caps = ("--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *", "--cap", "mds", "allow *")
    call("ceph-authtool", str(keyring), "--create-keyring", "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    call("ceph-authtool", str(keyring), "--gen-key", "-n", "client.admin", *caps)
    for name in ("mgr.x", "osd.0", "client.rgw"):
        call("ceph-authtool", str(keyring), "--gen-key", "-n", name, *caps[:9])
    monmap = folder / "monmap"
    address = f"[v2:127.0.0.1:{v2}/0,v1:127.0.0.1:{v1}/0]"
    call("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, str(monmap))
    call("ceph-mon", "-c", str(conf), "-i", "a", "--mkfs", "--monmap", str(monmap), "--keyring", str(keyring))
    for name in ("mgr", "osd"):
        (folder / name).mkdir()

    with contextlib.ExitStack() as stack:
        stack.enter_context(running(["ceph-mon", "-c", str(conf), "-i", "a", "-f"], log=log))
        wait_for(lambda: listening(v2), seconds=30, what="ceph-mon", log=log)
        ceph("auth", "import", "-i", str(keyring))
        stack.enter_context(running(["ceph-mgr", "-c", str(conf), "-i", "x", "-f"], log=log))
        osd_id = str(uuid.uuid4())
        ceph("osd", "new", osd_id, "0")
        call("ceph-osd", "-c", str(conf), "-i", "0", "--mkfs", "--osd-uuid", osd_id)
        stack.enter_context(running(["ceph-osd", "-c", str(conf), "-i", "0", "-f"], log=log))
        wait_for(lambda: "1 up" in ceph("osd", "stat"), seconds=60, what="ceph-osd", log=log)
        frontend = f"beast endpoint=127.0.0.1:{http}"
        gateway = ["radosgw", "-c", str(conf), "-n", "client.rgw", f"--rgw_frontends={frontend}", "-f"]
        stack.enter_context(running(gateway, log=log))
        wait_for(lambda: listening(http), seconds=120, what="radosgw", log=log)
        admin = ["radosgw-admin", "-c", str(conf), "-n", "client.rgw"]
        user = ["--uid=test", "--access-key=test", "--secret-key=testtest", "--display-name=test"]
        call(*admin, "user", "create", *user, "--caps=user-policy=*")
        endpoint = f"http://127.0.0.1:{http}"
        yield S3Server(
            name="radosgw",
            endpoint=endpoint,
            bucket="news",
            public_url=f"{endpoint}/news",
            admin=lambda *words: call(*admin, *words),
        )
