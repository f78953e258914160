"""A Tor network of its own on loopback: three authorities, three relays, one onion service, one client.

Nothing of it knows the real network: `TestingTorNetwork 1` and authorities made here. It needs half a minute until the
first consensus, and some 450 MB. Debian's package `tor` has all of it.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.needs import program
from tests.servers import free_port, listening, running, wait_for

COMMON = """TestingTorNetwork 1
DataDirectory {folder}
RunAsDaemon 0
Log notice file {folder}/log
Address 127.0.0.1
ShutdownWaitLength 0
DisableDebuggerAttachment 0
CookieAuthentication 0
TestingDirConnectionMaxStall 30 seconds
AssumeReachable 1
PathsNeededToBuildCircuits 0.25
{authorities}
"""
RELAY = """Nickname {name}
ORPort 127.0.0.1:{port} IPv4Only
ExitRelay 0
SocksPort 0
ContactInfo none
"""
AUTHORITY = """AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
DirPort 127.0.0.1:{directory} IPv4Only
TestingV3AuthInitialVotingInterval 20
TestingV3AuthInitialVoteDelay 4
TestingV3AuthInitialDistDelay 4
V3AuthVotingInterval 20
V3AuthVoteDelay 4
V3AuthDistDelay 4
TestingDirAuthVoteGuard *
TestingDirAuthVoteHSDir *
TestingMinExitFlagThreshold 0
TestingAuthDirTimeToLearnReachability 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TorNet:
    socks: int  # the client's port
    onion: str  # the service's address, without a scheme


@contextlib.contextmanager
def tornet(folder: Path, *, behind: int) -> Iterator[TorNet]:
    """Ready when the service's address answers. What it is asked goes to the loopback port `behind`."""
    tor, gencert = program("tor"), program("tor-gencert")
    names = [f"auth{n}" for n in range(3)] + [f"relay{n}" for n in range(3)] + ["service", "client"]
    ports = {name: free_port() for name in names}
    directories = {name: free_port() for name in names if name.startswith("auth")}
    lines = []
    for name in names:
        keys = folder / name / "keys"
        keys.mkdir(parents=True, mode=0o700)
        (folder / name).chmod(0o700)
        if name not in directories:
            continue
        command = [gencert, "--create-identity-key", "--passphrase-fd", "0", "-m", "3"]
        command += ["-i", f"{keys}/authority_identity_key", "-s", f"{keys}/authority_signing_key"]
        command += ["-c", f"{keys}/authority_certificate", "-a", f"127.0.0.1:{directories[name]}"]
        subprocess.run(command, input=b"passphrase\n", check=True, capture_output=True, timeout=60)
        identity = re.search(
            r"^fingerprint ([0-9A-F]{40})$", (keys / "authority_certificate").read_text(), re.MULTILINE
        )
        own = subprocess.run(
            [tor, "--list-fingerprint", "--ignore-missing-torrc", "-f", "/nowhere", "--defaults-torrc", "/nowhere",
             "--DataDirectory", str(folder / name), "--Nickname", name, "--ORPort", f"127.0.0.1:{ports[name]}",
             "--DirAuthority", "x 127.0.0.1:1 " + "f" * 40, "--quiet"],
            check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        relay = re.search(rf"{name} ((?:[0-9A-F]{{4}} ?){{10}})", own.stdout)
        assert identity is not None
        assert relay is not None, own.stdout
        lines.append(
            f"DirAuthority {name} orport={ports[name]} v3ident={identity[1]} 127.0.0.1:{directories[name]} "
            f"{relay[1].replace(' ', '')}"
        )
    hidden = folder / "service" / "hidden"
    hidden.mkdir(mode=0o700)
    with contextlib.ExitStack() as stack:
        for name in names:
            text = COMMON.format(folder=folder / name, authorities="\n".join(lines))
            if name == "client":
                text += f"SocksPort 127.0.0.1:{ports[name]}\n"
            elif name == "service":
                text += f"SocksPort 0\nHiddenServiceDir {hidden}\nHiddenServicePort 80 127.0.0.1:{behind}\n"
            else:
                text += RELAY.format(name=name, port=ports[name])
            if name in directories:
                text += AUTHORITY.format(directory=directories[name])
            conf = folder / f"{name}.torrc"
            conf.write_text(text)
            stack.enter_context(
                running([tor, "-f", str(conf), "--defaults-torrc", "/nowhere"], log=folder / f"{name}.out")
            )
        client, service = folder / "client" / "log", folder / "service" / "log"
        wait_for(lambda: listening(ports["client"]), seconds=60, what="tor", log=folder / "client.out")
        for log in (client, service):
            wait_for(lambda log=log: "Bootstrapped 100%" in log.read_text(), seconds=180, what="tor", log=log)
        yield TorNet(socks=ports["client"], onion=(hidden / "hostname").read_text().strip())
