"""Private keys on a disk: read, written, put under a passphrase, and listed.

    DIR/keys/publisher.key       signs bundles                                     every run
    DIR/keys/log.key             signs checkpoints                                 every run
    DIR/keys/online.key          signs timestamp and snapshot                      every run
    DIR/keys/minisign.key        signs packs for people with minisign              every run
    DIR/keys/root.key            the first root key; belongs on a stick in a drawer
    DIR/keys/log-successor.key   the next log's key; its hash is in trust.json; belongs beside the root key
    DIR/keys/<role>.key.next     made for a change that is not installed yet (`mirror.changes`)

What a file holds is `signing.keyfile`'s. A passphrase comes by reference (`env:`, `file:`, `cred:` as in
`mirror.secrets`, or `prompt`), or from the terminal when a key asks for one and no reference was given. It is never an
argument: every process on a machine can read the others' arguments.
"""

from __future__ import annotations

import contextlib
import os
import secrets as chance
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mirror.errors import TamizdatError, UsageError
from mirror.secrets import Secret, is_reference, resolve
from signing import keyfile
from signing.errors import SigningError
from signing.keys import SignerKey, VerifierKey

PROMPT = "prompt"
NEXT = ".next"
SHORT = 12
"""Characters: a passphrase below this is worth a warning. Scrypt makes a guess slow, not a short word long."""

Ask = Callable[[], Secret]


# --- passphrases ------------------------------------------------------------------------------------------------------

_typed_before: dict[tuple[Path, str], Secret] = {}


def passphrase(reference: str | None, *, folder: Path, what: str) -> Ask:
    """Where the passphrase of `what` comes from: called when a key turns out to need it, and asked for once a process.

    What it returns raises `UsageError` when the reference leads nowhere, or nobody is there to be asked.
    """
    if reference is not None and reference != PROMPT and not is_reference(reference):
        # Not repeated: most likely it is the passphrase itself.
        raise UsageError("a passphrase is given by reference: env:NAME, file:/path, cred:NAME or prompt")

    def ask() -> Secret:
        if reference is not None and reference != PROMPT:
            return resolve(reference, folder=folder)
        # By what it is for, too: one share's passphrase is not another's.
        if (folder, what) not in _typed_before:
            _typed_before[folder, what] = Secret(_typed(f"Passphrase of {what}: ", what))
        return _typed_before[folder, what]

    return ask


def new_passphrase(reference: str, *, folder: Path, what: str) -> Secret:
    """A passphrase to be, typed twice when it is typed. Raises `UsageError`."""
    if reference != PROMPT:
        return passphrase(reference, folder=folder, what=what)()
    first = _typed(f"New passphrase for {what}: ", what)
    if _typed("The same once more: ", what) != first:
        raise UsageError("the two are not the same; nothing was changed")
    return Secret(first)


def forget_passphrases() -> None:
    """Ask again from now on: after a wrong one was typed, or the passphrase was changed."""
    _typed_before.clear()


def _typed(prompt: str, what: str) -> str:
    import getpass

    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        raise UsageError(
            f"{what}: needs a passphrase, and there is no terminal to ask for it",
            hint="say where it is with --passphrase file:/path; for the publication's own keys, with "
            'passphrase = "file:/path" below [keys] in tamizdat.toml',
        ) from None
    try:
        given = getpass.getpass(prompt)
    except EOFError:
        given = ""
    if not given:
        raise UsageError(f"{what}: no passphrase given")
    return given


# --- files ------------------------------------------------------------------------------------------------------------


def read_key(path: Path, ask: Ask | None = None) -> SignerKey:
    """The private key in this file. No message ever repeats what the file holds.

    `ask` gives the passphrase when the key is under one. Raises `UsageError`, also for a wrong passphrase.
    """
    text = read_text(path)
    if keyfile.is_sealed(text):
        ask = ask or passphrase(None, folder=path.parent, what=str(path))
        given = ask().reveal()
    else:
        given = ""
    try:
        return keyfile.open_key(text, given)
    except keyfile.WrongPassphrase:
        forget_passphrases()
        raise UsageError(
            f"{path}: wrong passphrase (or the file was changed)", hint="try again; nothing was changed"
        ) from None
    except SigningError:
        raise UsageError(f"{path}: not a private key of this tool") from None


def read_public(path: Path) -> VerifierKey:
    """The public half of the key in this file, without a passphrase. Raises `UsageError`."""
    try:
        return keyfile.public_half(read_text(path))
    except SigningError:
        raise UsageError(f"{path}: not a private key of this tool") from None


def is_sealed(path: Path) -> bool:
    """Whether the key in this file is under a passphrase. Raises `UsageError`."""
    return keyfile.is_sealed(read_text(path))


def read_text(path: Path) -> str:
    """What stands in a key file that nobody else can read. Raises `UsageError`."""
    try:
        # Not blocking: a pipe must not hang a run.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            info = os.fstat(file.fileno())
            data = file.read(keyfile.LARGEST + 1)
        text = data.decode("ascii")
    except FileNotFoundError:
        raise UsageError(
            f"{path}: no such key",
            hint="is the stick there? Else restore it from a backup; without one, deploy/runbooks says what to do",
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or 'can not be read'}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a private key of this tool") from None
    if info.st_mode & 0o077 and _has_modes(path):
        raise UsageError(f"{path}: other users can read this key", hint=f"chmod 600 {path}")
    if len(data) > keyfile.LARGEST:
        raise UsageError(f"{path}: not a private key of this tool")
    return text


def _has_modes(path: Path) -> bool:
    """Whether a mode means anything there: on a FAT stick every file shows the same, and chmod does nothing."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
        where = path.resolve()
    except OSError:
        return True
    best, kind = "", ""
    for line in mounts:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].encode().decode("unicode_escape")
        if len(point) >= len(best) and (str(where) == point or str(where).startswith(point.rstrip("/") + "/")):
            best, kind = point, fields[2]
    return kind not in ("vfat", "msdos", "exfat", "fuseblk")


def write_key(path: Path, key: SignerKey, secret: Secret | None = None, *, salt: bytes | None = None) -> None:
    """Write a private key durably, readable by its owner alone; never over another. `secret` is its passphrase; a
    `salt` that other keys under the same passphrase use saves the time to stretch it again."""
    _new_file(path, _text(key, secret, salt).encode())


def replace_key(path: Path, key: SignerKey, secret: Secret | None, *, salt: bytes | None = None) -> None:
    """The same in the place of the file that is there: at any moment one of the two is whole."""
    replace_private(path, _text(key, secret, salt).encode())


def _text(key: SignerKey, secret: Secret | None, salt: bytes | None) -> str:
    if secret is None:
        return key.text + "\n"
    return keyfile.seal_key(
        key.text, secret.reveal(), salt or chance.token_bytes(keyfile.SALT), chance.token_bytes(keyfile.NONCE)
    )


def _new_file(path: Path, data: bytes) -> None:
    """Under its name only when it is whole: half a key, left by a crash, would stop every command after it."""
    taken = UsageError(f"{path}: is there already; a key is never overwritten", hint="choose another name")
    if path.exists() or path.is_symlink():
        raise taken
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise taken from None
        except OSError:  # sticks have no links
            os.rename(temporary, path)
        else:
            os.unlink(temporary)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(path.parent)


def replace_private(path: Path, data: bytes) -> None:
    """Put `data` at `path`, readable by its owner alone, durably and at once."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(path.parent)


def remove(path: Path) -> None:
    """Remove a file durably; one that is not there is removed already."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
        _sync(path.parent)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some sticks cannot
            os.fsync(fd)
    finally:
        os.close(fd)


# --- a folder of keys -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A key file as it lies there. `role` is its name without `.key`; `waiting` is one made for a change that is not
    installed; `key` is None when the file is unreadable, and `problem` says why."""

    path: Path
    role: str
    waiting: bool
    key: VerifierKey | None
    sealed: bool
    problem: str | None = None


def files_in(folder: Path) -> tuple[KeyFile, ...]:
    """The key files of a folder, by name; none when there is no folder."""
    found = []
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return ()
    for path in paths:
        name = path.name.removesuffix(NEXT)
        if not name.endswith(".key") or not path.is_file():
            continue
        key, sealed, problem = None, False, None
        try:
            key, sealed = read_public(path), is_sealed(path)
        except TamizdatError as error:
            problem = str(error)
        found.append(
            KeyFile(
                path=path,
                role=name.removesuffix(".key"),
                waiting=path.name.endswith(NEXT),
                key=key,
                sealed=sealed,
                problem=problem,
            )
        )
    return tuple(found)


def common_salt(folder: Path) -> bytes | None:
    """The salt of a sealed key in this folder, for another under the same passphrase."""
    for one in files_in(folder):
        if one.sealed:
            return keyfile.salt_of(read_text(one.path))
    return None


def encrypt(paths: Iterable[Path], old: Ask | None, new: Secret) -> list[Path]:
    """Put these keys under the passphrase `new`; returns those that were not under it already.

    Every file is replaced at once and whole. Interrupted in between, some are under the new passphrase: the next call
    finds them so and goes on. Raises `UsageError` before anything is changed when one of them can't be opened.
    """
    waiting: list[tuple[Path, SignerKey]] = []
    for path in paths:
        text = read_text(path)
        if keyfile.is_sealed(text):
            try:
                keyfile.open_key(text, new.reveal())
                continue
            except SigningError:
                pass
        waiting.append((path, read_key(path, old)))
    salt = chance.token_bytes(keyfile.SALT)
    for path, key in waiting:
        replace_key(path, key, new, salt=salt)
    forget_passphrases()
    return [path for path, _ in waiting]
