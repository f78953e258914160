"""asyncssh's server on loopback: an SFTP server with passwords, and without OpenSSH's extensions when told.

It runs in this process, in an event loop of its own. OpenSSH checks a password against the system's accounts, which a
test has no business with; and every OpenSSH can replace a file in one step, which others can't.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "pub", "correct horse battery"


@dataclass(slots=True)
class PythonSsh:
    port: int
    data: Path
    fingerprint: str
    passwords: list[str] = field(default_factory=list)

    def url(self) -> str:
        return f"sftp://{USER}@127.0.0.1:{self.port}{self.data}"


class _Login(asyncssh.SSHServer):
    server: PythonSsh

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self.server.passwords.append(password)
        return (username, password) == (USER, PASSWORD)


class _Plain(asyncssh.SFTPServer):
    """Version 3 as it was written: a rename onto a file that exists fails."""

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        if Path(newpath.decode()).exists():
            raise asyncssh.SFTPFailure("Failure")
        super().rename(oldpath, newpath)


@contextlib.contextmanager
def python_ssh(folder: Path, *, extensions: bool = True) -> Iterator[PythonSsh]:
    """The server, with a folder of its own for data. Without `extensions` it says that it has none."""
    from asyncssh import sftp

    data = folder / "data"
    data.mkdir(parents=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = PythonSsh(port=0, data=data, fingerprint=key.get_fingerprint("sha256"))
    login = type("Login", (_Login,), {"server": server})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[key], server_factory=login, sftp_factory=True if extensions else _Plain
        )

    kept = sftp.SFTPServerHandler._extensions
    if not extensions:
        sftp.SFTPServerHandler._extensions = []
    acceptor = call(listen())
    server.port = acceptor.get_port()
    try:
        yield server
    finally:
        sftp.SFTPServerHandler._extensions = kept

        async def end() -> None:
            acceptor.close()
            await acceptor.wait_closed()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
            await asyncio.sleep(0)

        call(end())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
