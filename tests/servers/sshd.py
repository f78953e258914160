"""OpenSSH's own server on loopback: the account that runs the tests logs in with a key made for the occasion.

Debian: `apt-get install openssh-server`. Everything is below one folder; nothing of /etc/ssh is read. As root the
account is root, which the configuration allows; anybody else can log in as themselves, since without PAM and with a key
sshd needs no password file.

What is easily missed:
- `/run/sshd` must exist when sshd runs as root (privilege separation), even in a test;
- `StrictModes no`: the folders of a test are below /tmp, which anybody may write to;
- a session is a process of its own: stopping the listener leaves them alive, and killing one is a lost connection;
- `HOME` and the shell come from the account, so programs that a test forbids are forbidden by `ForceCommand`.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.needs import program
from tests.servers import free_port, listening, running, wait_for

CONF = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
MaxSessions 100
LogLevel ERROR
Subsystem sftp {sftp}
{more}
"""


@dataclass(slots=True)
class Sshd:
    """Where a running server is, and what a test may do to it. `data` is a folder for the files of a mirror."""

    folder: Path
    port: int
    user: str = field(default_factory=getpass.getuser)
    process: subprocess.Popen[bytes] | None = None
    sftp: str = "internal-sftp"
    more: str = ""
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def key(self) -> Path:
        """The private key that is let in."""
        return self.folder / "key"

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.folder / "host.pub")

    def url(self, scheme: str = "sftp", path: str | Path = "") -> str:
        return f"{scheme}://{self.user}@127.0.0.1:{self.port}{path or self.data}"

    def settings(self, **changed: str) -> dict[str, str]:
        return {"key": f"file:{self.key}", "host_key": self.fingerprint, **changed}

    def start(self) -> None:
        conf = self.folder / "sshd_config"
        conf.write_text(CONF.format(port=self.port, folder=self.folder, sftp=self.sftp, more=self.more))
        log = self.folder / "log"
        self.process = self.stack.enter_context(running([program("sshd"), "-D", "-e", "-f", str(conf)], log=log))
        wait_for(lambda: listening(self.port), seconds=20, what="sshd", log=log)

    def stop(self) -> None:
        """The listener and every session end."""
        sessions = self.sessions()
        self.stack.close()
        for each in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)

    def sessions(self) -> list[int]:
        """The processes that serve connections, all of them."""
        assert self.process is not None
        return descendants(self.process.pid)

    def signal_sessions(self, number: signal.Signals) -> int:
        """Sends a signal to each session's processes; gives how many there were."""
        found = self.sessions()
        for each in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, number)
        return len(found)


def descendants(of: int) -> list[int]:
    """The processes below this one."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [of]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def keygen(place: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new pair of keys; the path of the private one."""
    with contextlib.suppress(FileNotFoundError):
        place.unlink()
    command = [program("ssh-keygen"), "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(place)]
    subprocess.run(command, check=True, timeout=60)
    return place


def fingerprint(public: Path) -> str:
    said = subprocess.run([program("ssh-keygen"), "-l", "-f", str(public)], check=True, capture_output=True, text=True)
    return said.stdout.split()[1]


@contextlib.contextmanager
def sshd(folder: Path, *, sftp: str = "internal-sftp", more: str = "", restrict: str = "") -> Iterator[Sshd]:
    """A server that lets one key in. `sftp` is its subsystem's command, `more` further lines of its configuration,
    `restrict` what stands before the key in authorized_keys (`command="…",restrict`)."""
    program("sshd")
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    keygen(folder / "host")
    keygen(folder / "key")
    (folder / "data").mkdir()
    public = (folder / "key.pub").read_text()
    (folder / "authorized").write_text(f"{restrict} {public}".lstrip())
    server = Sshd(folder=folder, port=free_port(), sftp=sftp, more=more)
    server.start()
    try:
        yield server
    finally:
        server.stop()
