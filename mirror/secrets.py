"""Secrets by reference: the configuration names where a secret is, never the secret itself.

    env:NAME          the environment variable NAME
    file:PATH         a file; PATH absolute, or relative to the configuration's folder
    cred:NAME         a systemd credential: the file NAME in $CREDENTIALS_DIRECTORY (LoadCredential= in the unit)

A file is refused when group or others may touch it: a password every local account can read is not a secret. One
newline at the end is trimmed, since editors and `echo` add it. What comes back is a `Secret`, which shows itself only
to code that says `reveal()`: it cannot end in a log, a traceback, an f-string or a pickle by accident.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from mirror.errors import UsageError

LARGEST = 64 * 1024  # bytes: a key file with a certificate chain is a tenth of it; anything larger is the wrong file
_REFERENCE = re.compile(r"(env|file|cred):(.+)", re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIAL = re.compile(r"(?!\.\.?$)[A-Za-z0-9._-]{1,255}")


class SecretError(UsageError):
    """A reference that leads nowhere, or to something readable by others. Never carries the secret."""


class Secret:
    """A string that does not show itself: `reveal()` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written to disk or sent to another process")


def is_reference(value: str) -> bool:
    """Whether this is `env:…`, `file:…` or `cred:…` (it may still lead nowhere)."""
    return _REFERENCE.fullmatch(value) is not None


def resolve(reference: str, *, folder: Path, environ: Mapping[str, str] = os.environ) -> Secret:
    """The secret this reference names; raises SecretError. `folder` is where relative `file:` paths start."""
    match = _REFERENCE.fullmatch(reference)
    if not match:
        # The text is not repeated: most likely it is the secret.
        raise SecretError("a secret must be a reference: env:NAME, file:/path or cred:NAME")
    kind, rest = match.groups()
    if kind == "env":
        return Secret(_from_environment(rest, environ))
    if kind == "file":
        return Secret(_from_file(folder / rest, shared_is_fine=False))
    if not _CREDENTIAL.fullmatch(rest):
        raise SecretError(f"cred:{rest}: a credential is named by letters, digits, dot, dash and underscore")
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if not credentials:
        raise SecretError(
            f"cred:{rest}: $CREDENTIALS_DIRECTORY is not set",
            hint=f"credentials exist inside a systemd service that has LoadCredential={rest}:/path",
        )
    # The service manager grants access by an access control list, which shows as group-readable in the mode.
    return Secret(_from_file(Path(credentials) / rest, shared_is_fine=True))


def resolver(folder: Path, environ: Mapping[str, str] = os.environ) -> Callable[[str], str]:
    """What targets are given: a reference in, the plain secret out, at the moment it is needed."""
    return lambda reference: resolve(reference, folder=folder, environ=environ).reveal()


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    if not _VARIABLE.fullmatch(name):
        raise SecretError("env: needs the name of an environment variable, such as env:S3_SECRET_KEY")
    value = environ.get(name, "")
    if not value:
        raise SecretError(f"env:{name}: ${name} is not set or empty")
    return value


def _from_file(path: Path, *, shared_is_fine: bool) -> str:
    try:
        # O_NONBLOCK: a pipe without a writer must not hang the run; it is refused below as not a regular file.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise SecretError(f"file:{path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        about = os.fstat(handle)  # of the file opened, not of whatever stands at the path a moment later
        if not stat.S_ISREG(about.st_mode):
            raise SecretError(f"file:{path}: not a regular file")
        if not shared_is_fine and about.st_mode & 0o077:
            raise SecretError(
                f"file:{path}: mode {stat.S_IMODE(about.st_mode):04o} lets other accounts at it",
                hint=f"chmod 600 {path}",
            )
        if about.st_uid not in (0, os.geteuid()):
            raise SecretError(f"file:{path}: belongs to another account (uid {about.st_uid})", hint=f"chown it: {path}")
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(LARGEST + 1)
    finally:
        os.close(handle)
    if len(data) > LARGEST:
        raise SecretError(f"file:{path}: larger than {LARGEST} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError(f"file:{path}: not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or "\0" in text:
        raise SecretError(f"file:{path}: {'holds a zero byte' if text else 'empty'}")
    return text
