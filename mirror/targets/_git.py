"""git's plumbing for one target: a bare repository of its own, a writer into it, and the way to the server.

Knows nothing of keys or pointers; `git.py` does.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from mirror.errors import TamizdatError
from mirror.targets import Kind, Secret, TargetError
from mirror.targets._git_errors import explain

OLDEST: Final = (2, 31)  # GIT_CONFIG_COUNT
STALL_SECONDS: Final = 120.0  # without a sign of life; git reports progress all the while it sends
PART: Final = 32 * 2**20  # bytes of staged files that go up at once
LARGEST_FETCH: Final = 4 * 2**30  # bytes; a server that sends more is not believed
LARGEST_ANSWER: Final = 256 * 2**20  # bytes of one command's output: a listing of two million files
MOST_PACKS: Final = 48
MOST_BYTES: Final = 512 * 2**20  # of the store; more than this is thrown away and fetched again without contents
TOLD: Final = 20_000  # bytes of what git says that are looked at

STAGED: Final = "refs/tamizdat/staged"
REMOTE: Final = "refs/tamizdat/remote"  # the branch's newest commit, as far as we know
PUSHING: Final = "refs/tamizdat/pushing"  # what a push tried to make it
OTHER: Final = "refs/tamizdat/other"  # somebody else's
_HOST_KEY: Final = re.compile(r"(?:ssh|ecdsa|sk)[a-z0-9@.-]{1,60} [A-Za-z0-9+/]{20,2000}={0,2}")
_OID: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the URL and the settings say, checked; nothing secret in it but references."""

    url: str  # for git
    scheme: str  # ssh, https, http or file
    host: str
    port: int
    branch: str
    folder: str = ""  # with a slash at its end, or empty
    extras: Mapping[str, str]  # files that are the host's business: path -> text
    user: str = ""
    token: str | None = None
    key: str | None = None
    passphrase: str | None = None
    host_keys: tuple[str, ...] = ()
    author: str = "mirror"
    email: str = "mirror@example.invalid"
    accept: str | None = None
    squash_at: int | None = None  # bytes
    site_limit: int | None = None  # bytes
    settles: float = 0.0
    max_object: int | None = None
    max_files: int | None = None
    ca: str | None = None
    proxy: str | None = None


class Import:
    """`git fast-import`: files and deletions in, one commit on `refs/tamizdat/staged` for each `save`.

    Fed without `done` at the end, so that a broken pipe never passes for a finished commit."""

    def __init__(self, git: Git, base: str | None) -> None:
        self._git, self._base = git, base
        self._process = git.start(
            "-c",
            "fastimport.unpackLimit=0",  # packs, which are synced, instead of loose files, which are not
            "fast-import",
            "--quiet",
            "--force",
            "--date-format=raw",
        )
        self._open = False
        self._count = 0
        self._write(b"feature done\n")

    def modify(self, path: str, data: bytes) -> None:
        self._begin()
        self._write(b"M 100644 inline %s\ndata %d\n" % (_quoted(path), len(data)), data, b"\n")

    def delete(self, path: str) -> None:
        self._begin()
        self._write(b"D %s\n" % _quoted(path))

    def save(self) -> bool:
        """Ends the commit; returns when it is on the disk. False: there was none."""
        if not self._open:
            return False
        self._open = False
        self._count += 1
        token = b"progress saved %d\n" % self._count
        self._write(b"\ncheckpoint\n", token, flush=True)
        for line in pipes(self._process)[1]:
            if line == token:
                return True
        raise self._failed()

    def end(self) -> None:
        """What was not saved is forgotten."""
        if not self._open and self._process.poll() is None:
            with contextlib.suppress(TargetError):
                self._write(b"done\n", flush=True)
        self._git.finish(self._process)

    def _begin(self) -> None:
        if not self._open:
            self._write(b"commit %s\ncommitter x <x> 0 +0000\ndata 0\n" % STAGED.encode())
            if self._base is not None:
                self._write(b"from %s\n" % self._base.encode())
                self._base = None
            self._open = True

    def _write(self, *parts: bytes, flush: bool = False) -> None:
        stdin, _ = pipes(self._process)
        try:
            for part in parts:
                stdin.write(part)
            if flush:
                stdin.flush()
        except (OSError, ValueError):
            raise self._failed() from None

    def _failed(self) -> TargetError:
        said = self._git.finish(self._process)
        return explain(said or "fast-import ended", what=f"{self._git.name}: {self._git.folder}", here=True)


def _quoted(path: str) -> bytes:
    return b'"' + path.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


class Git:
    """Runs git in a repository of the target's own, knowing nothing of the account's configuration."""

    def __init__(self, *, name: str, place: Place, secret: Secret, state: Path | None, stall: float) -> None:
        self.name, self.place = name, place
        self._secret, self._state, self._stall = secret, state, stall
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._folder: Path | None = None
        self._ask: subprocess.Popen[bytes] | None = None
        self._asking = threading.Lock()
        self.lock: int | None = None  # a descriptor that what is started here keeps open
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._guard = threading.Lock()
        self._files: list[int] = []  # memory with secrets in it, by descriptor
        self._ready: dict[str, str] | None = None
        self._said: dict[int, IO[bytes]] = {}

    @property
    def folder(self) -> Path:
        return self._folder or Path("(nowhere)")

    # --- the store --------------------------------------------------------------------------------------------------

    def open(self) -> Path:
        """The store's folder, made if need be."""
        if self._folder is not None:
            return self._folder
        self.version()
        if self._state is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="tamizdat-git-", ignore_cleanup_errors=True)
            above = Path(self._temporary.name)
        else:
            above = self._state
        # Another address under the same name is another store.
        which = hashlib.sha256(f"{self.place.url}#{self.place.branch}#{self.place.folder}".encode()).hexdigest()[:12]
        folder = above / f"git-{which}"
        try:
            for each in (folder, folder / "home"):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (folder / "repo" / "HEAD").exists():
                fresh = Path(tempfile.mkdtemp(prefix="new-", dir=folder))
                self._folder = folder
                self._run(("init", "--quiet", "--bare", "--template=", str(fresh)), git_dir=False)
                os.rename(fresh, folder / "repo") if not (folder / "repo").exists() else shutil.rmtree(fresh)
        except OSError as error:
            self._folder = None
            message = f"{self.name}: {folder}: {error.strerror or error}"
            kind: Kind = "quota" if error.errno == 28 else "config"
            raise TargetError(message, kind=kind, hint="that folder must be writable, with room in it") from error
        except TargetError:
            self._folder = None
            raise
        self._folder = folder
        return folder

    @property
    def _repo(self) -> Path:
        return self.open() / "repo"

    def sweep(self) -> None:
        """Removes what a killed run left half-made. Only with the lock held."""
        for pattern in ("repo/fast_import_crash_*", "repo/objects/pack/tmp_*", "repo/*.lock", "repo/refs/**/*.lock"):
            for left in self.open().glob(pattern):
                with contextlib.suppress(OSError):
                    left.unlink()
        for left in self.open().glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)

    def tidy(self) -> None:
        """A store that has grown is thrown away when all of it is in the branch: the next run fetches the trees."""
        if self._folder is None or not (self._repo / "objects" / "pack").is_dir():
            return
        packs = list((self._repo / "objects" / "pack").glob("*.pack"))
        if len(packs) <= MOST_PACKS and sum(pack.stat().st_size for pack in packs) <= MOST_BYTES:
            return
        self._stopped = False
        with contextlib.suppress(TargetError, OSError):
            staged, remote = self.tree_of(STAGED), self.tree_of(REMOTE)
            if remote is not None and staged in (None, remote):
                self._quiet()
                if (self._folder / "whole").exists():
                    self._run(("repack", "-a", "-d", "-q"))  # this server can't leave contents out
                else:
                    # A name of its own first: a kill in the middle leaves no store, not half of one.
                    gone = self._folder / f"new-{os.getpid()}"
                    os.rename(self._repo, gone)
                    shutil.rmtree(gone, ignore_errors=True)

    def end(self) -> None:
        self._quiet()
        for each in self._files:
            os.close(each)
        self._files, self._ready, self._stopped = [], None, False
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary, self._folder = None, None

    def _quiet(self) -> None:
        if self._ask is not None:
            self.finish(self._ask)
            self._ask = None

    # --- plumbing ---------------------------------------------------------------------------------------------------

    def local(self, *args: str, data: bytes = b"") -> bytes:
        return self._run(args, data=data)

    def version(self) -> str:
        """git's version in words; raises TargetError when there is none or it is too old."""
        program = shutil.which("git")
        hint = "apt-get install git"
        if program is None:
            raise TargetError(f"{self.name}: the program git is missing", kind="config", hint=hint)
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
        found = re.match(r"git version (\d+)\.(\d+)", said)
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            message = f"{self.name}: {said.strip()[:60] or program} is too old; {OLDEST[0]}.{OLDEST[1]} is needed"
            raise TargetError(message, kind="config", hint=hint)
        return f"git {found[1]}.{found[2]}"

    def ref(self, name: str) -> str | None:
        """The commit a ref of ours names. Read as the file it is: this happens at every look at what is there."""
        if self._folder is None:
            self.open()
        try:
            text = (self._repo / name).read_text().strip()
        except OSError:
            return None
        return text if _OID.fullmatch(text) else None

    def set_ref(self, name: str, commit: str) -> None:
        """On the disk when this returns: after a power cut it tells our own commit from somebody else's."""
        place = self._repo / name
        if self.ref(name) == commit:
            return
        fresh = place.with_name(f"{place.name}.new")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("w") as file:
                file.write(f"{commit}\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, place)
        except OSError as error:
            raise explain(str(error), what=f"{self.name}: {self.folder}", here=True) from error

    def forget(self) -> None:
        """Nothing is known of the branch any more, nor staged for it."""
        for name in (STAGED, REMOTE, PUSHING, OTHER):
            self.local("update-ref", "-d", name)
        (self._repo / "shallow").unlink(missing_ok=True)

    def info(self, name: str) -> tuple[str, int] | None:
        """Id and size of an object that is here, by any of its names; None for one that isn't."""
        with self._asking:
            if self._ask is None or self._ask.poll() is not None:
                self._ask = self.start("cat-file", "--batch-check=%(objectname) %(objectsize)")
            stdin, stdout = pipes(self._ask)
            try:
                stdin.write(name.encode() + b"\n")
                stdin.flush()
                found = re.fullmatch(rb"([0-9a-f]{40,64}) (\d{1,15})\n", stdout.readline(4096))
            except (OSError, ValueError):
                self._ask = None
                return None
        return (found[1].decode(), int(found[2])) if found else None

    def resolve(self, name: str) -> str | None:
        try:
            return self.local("rev-parse", "--quiet", "--verify", "--end-of-options", name).decode().strip() or None
        except TargetError:
            return None

    def tree_of(self, commit: str) -> str | None:
        found = self.info(f"{commit}^{{tree}}")
        return found[0] if found else None

    def size(self, name: str) -> int | None:
        found = self.info(name)
        return found[1] if found else None

    def sizes(self, commit: str | None) -> tuple[int, int]:
        """Bytes of files and of history, as our own last commit says; 0 for somebody else's."""
        if commit is None:
            return 0, 0
        try:
            text = self.local("cat-file", "commit", commit)[:TOLD].decode("utf-8", "replace")
        except TargetError:
            return 0, 0
        found = re.search(r"\n\nupdate\n\nsite (\d{1,15})\nhistory (\d{1,15})\n", text)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def who(self, commit: str) -> str:
        """` by NAME <EMAIL> of DATE`, cut short; empty when it can't be told."""
        try:
            text = self.local("show", "--no-patch", "--no-notes", "--format=%an <%ae> of %aI", commit, "--")
        except TargetError:
            return ""
        told = re.sub(r"[^\x20-\x7e]", "?", text.decode("utf-8", "replace").strip())
        return f" by {told[:120]}" if told else ""

    def tree(self, files: Mapping[str, bytes]) -> str:
        """A tree of files in its root, without folders."""
        lines = []
        for path, data in sorted(files.items()):
            oid = self.local("hash-object", "-w", "--stdin", data=data).decode().strip()
            lines.append(f"100644 blob {oid}\t{path}\0")
        return self.local("mktree", "-z", data="".join(lines).encode()).decode().strip()

    def commit(self, tree: str, parent: str | None, *, message: str) -> str:
        parents = () if parent is None else ("-p", parent)
        return self.local("commit-tree", tree, *parents, data=message.encode()).decode().strip()

    def now_shallow(self, commit: str) -> None:
        """History ends here at this commit; git takes the file's word for that (gitrepository-layout, "shallow")."""
        place = self._repo / "shallow"
        fresh = place.with_name("shallow.new")
        fresh.write_text(f"{commit}\n")
        os.replace(fresh, place)

    def replay(self, base: str | None, staged: str, head: str) -> None:
        """What was staged on top of `base` is staged on top of `head`."""
        empty = self.tree({})
        raw = self.local("diff-tree", "-r", "-z", "--raw", "--no-renames", base or empty, staged, "--")
        words = iter(raw.split(b"\0"))
        lines = [b"commit %s\ncommitter x <x> 0 +0000\ndata 0\nfrom %s\n" % (STAGED.encode(), head.encode())]
        for about in words:
            if not about:
                break
            _, mode, _, oid, _ = about.lstrip(b":").split(b" ")
            path = _quoted(next(words).decode("utf-8", "surrogateescape"))
            lines.append(b"D %s\n" % path if mode == b"000000" else b"M %s %s %s\n" % (mode, oid, path))
        lines.append(b"\ndone\n")
        self.local("fast-import", "--quiet", "--force", "--done", "--date-format=raw", data=b"".join(lines))

    # --- the other side ---------------------------------------------------------------------------------------------

    def heads(self) -> tuple[str | None, str | None]:
        """Where the branch is, and the one that parts go up on; None for what isn't there."""
        names = [f"refs/heads/{self.place.branch}", f"refs/heads/incoming-{self.place.branch}"]
        said = self._run(("ls-remote", "--quiet", "--refs", self.place.url, *names), network=True)
        found: dict[str, str] = {}
        for line in said[:TOLD].decode("utf-8", "replace").splitlines():
            oid, _, name = line.partition("\t")
            if _OID.fullmatch(oid) and name in names:
                found[name] = oid
        return found.get(names[0]), found.get(names[1])

    def fetch(self, what: str) -> None:
        """A commit with its trees (a refspec), or one file (its id)."""
        try:
            self._fetch(what)
        except TargetError as error:
            # A server that only speaks the first protocol (sshd without AcceptEnv GIT_PROTOCOL) gives whole commits.
            if "unadvertised object" not in str(error):
                raise
            self._fetch(f"+refs/heads/{self.place.branch}:{OTHER}", "--refetch")

    def _fetch(self, what: str, *whole: str) -> None:
        one = _OID.fullmatch(what)
        least = () if one else ("--depth=1", *whole) if whole else ("--depth=1", "--filter=blob:none")
        # Told which commits are here, the server would not send what is in them.
        haves = ("-c", "fetch.negotiationAlgorithm=noop") if one else ()
        url = self.place.url
        self._run(
            (
                "-c",
                "fetch.fsckObjects=true",
                "-c",
                "fetch.unpackLimit=1",
                *haves,
                "fetch",
                "--progress",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                *least,
                url,
                what,
            ),
            network=True,
            largest=LARGEST_FETCH,
        )
        # git noted that this server lends what is missing. A push would then ask it for old contents to compare with.
        with contextlib.suppress(TargetError):
            self.local("config", "--remove-section", f"remote.{url}")
        if "filtering not recognized" in self._progressed:
            (self.open() / "whole").touch()

    def push(self, refs: Sequence[str], *, leases: Mapping[str, str]) -> None:
        """Raises TargetError; a ref that isn't where the lease says is a `conflict`. That a branch for parts could not
        be deleted is no error."""
        held = [f"--force-with-lease={name}:{oid}" for name, oid in leases.items()]
        args = ("push", "--porcelain", "--progress", "--no-verify", "--no-signed", *held, self.place.url, *refs)
        try:
            self._run(args, network=True)
        except _Rejected as rejected:
            main = refs[0].partition(":")[2]
            reason = rejected.reasons.get(main)
            if reason is None and main in rejected.done:
                return
            raise explain(f"{rejected.said}\n! {reason or ''}", what=self._what()) from None

    def _what(self) -> str:
        return f"{self.name}: {self.place.url}#{self.place.branch}"

    # --- secrets and the way there ----------------------------------------------------------------------------------

    def secrets(self) -> str:
        place = self.place
        for each in (place.token, place.key, place.passphrase):
            if each:
                self._reveal(each)
        if place.scheme == "file":
            return "none needed"
        if place.scheme == "ssh":
            return "the key is there" if place.key else "none set: ssh-agent's keys are used"
        return "the token is there" if place.token else "none set: only a server that asks for none takes files"

    def host_key(self) -> str:
        found = " ".join(_fingerprint(line.split()[-1]) for line in self._known_hosts().splitlines())
        return f"only {found} is accepted"

    def _reveal(self, value: str) -> str:
        if not re.match(r"(env|file|cred):", value):
            return value
        try:
            return self._secret(value)
        except TamizdatError as error:
            raise TargetError(f"{self.name}: {error}", kind="config", hint=error.hint) from error

    def _memory(self, text: str) -> str:
        """A path under which this account's processes, and no file system, have the text."""
        handle = os.memfd_create("tamizdat", os.MFD_CLOEXEC)
        self._files.append(handle)
        os.fchmod(handle, 0o600)
        os.write(handle, text.encode())
        return f"/proc/{os.getpid()}/fd/{handle}"

    def _way(self) -> dict[str, str]:
        """What the environment of a git that talks to the server has besides."""
        if self._ready is not None:
            return self._ready
        place = self.place
        more: dict[str, str] = {}
        config: dict[str, str] = {}
        if place.scheme == "ssh":
            more["GIT_SSH_COMMAND"], more["GIT_SSH_VARIANT"] = self._ssh(), "ssh"
            if not place.key and "SSH_AUTH_SOCK" in os.environ:
                more["SSH_AUTH_SOCK"] = os.environ["SSH_AUTH_SOCK"]
        elif place.scheme in ("https", "http"):
            config["http.followRedirects"] = "false"
            config["http.lowSpeedLimit"], config["http.lowSpeedTime"] = "1", str(int(self._stall))
            config["http.userAgent"] = "git/mirror"
            if place.ca:
                config["http.sslCAInfo"] = place.ca
            if place.proxy:
                config["http.proxy"] = place.proxy
            if place.token:
                text = f"username={place.user}\npassword={self._reveal(place.token)}\n"
                said = self._memory(text)
                port = f":{place.port}" if place.port not in (80, 443) else ""
                key = f"credential.{place.scheme}://{place.host}{port}.helper"
                config[key] = f'!f() {{ test "$1" = get && cat {said}; }}; f'
        for number, (name, value) in enumerate(config.items()):
            more[f"GIT_CONFIG_KEY_{number}"], more[f"GIT_CONFIG_VALUE_{number}"] = name, value
        more["GIT_CONFIG_COUNT"] = str(len(config))
        more["GIT_ALLOW_PROTOCOL"] = place.scheme
        self._ready = more
        return more

    def _ssh(self) -> str:
        place = self.place
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": self._memory(self._known_hosts()),
            "GlobalKnownHostsFile": "/dev/null",
            "PreferredAuthentications": "publickey",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "4",
            "ControlMaster": "no",
            "ClearAllForwardings": "yes",
            "ForwardAgent": "no",
            "UpdateHostKeys": "no",
            "LogLevel": "ERROR",
        }
        words = ["ssh", "-F", "none"]
        if place.key:
            options |= {"IdentitiesOnly": "yes", "IdentityAgent": "none"}
            words += ["-i", self._memory(self._private_key(place.key))]
        for name, value in options.items():
            words += ["-o", f"{name}={value}"]
        return shlex.join(words)

    def _private_key(self, reference: str) -> str:
        # A bare path is taken for file:, as for the other kinds over SSH.
        text = self._reveal(f"file:{reference}" if reference.startswith("/") else reference).strip() + "\n"
        passphrase = self.place.passphrase
        if passphrase is None:
            return text
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

        try:
            key = serialization.load_ssh_private_key(text.encode(), self._reveal(passphrase).encode())
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            message = f"{self.name}: the key cannot be opened with that passphrase ({error})"
            raise TargetError(message, kind="config", hint="ssh-keygen -y -f KEY tries it") from None
        openssh = serialization.PrivateFormat.OpenSSH
        none = serialization.NoEncryption()
        return key.private_bytes(serialization.Encoding.PEM, openssh, none).decode()

    def _known_hosts(self) -> str:
        """Lines for ssh: only keys that were pinned, or whose fingerprints were."""
        place = self.place
        host = place.host if place.port == 22 else f"[{place.host}]:{place.port}"
        lines = [f"{host} {key}" for key in place.host_keys if not key.startswith("SHA256:")]
        pinned = [key for key in place.host_keys if key.startswith("SHA256:")]
        if pinned:
            lines += [f"{host} {key}" for key in self._remembered() if _fingerprint(key.split()[1]) in pinned]
        if not lines:
            shown = self._scan()
            good = [key for key in shown if _fingerprint(key.split()[1]) in pinned]
            lines = [f"{host} {key}" for key in good]
            if good:
                (self.open() / "host_keys").write_text("".join(f"{key}\n" for key in good))
            if not lines:
                # First the one that handbooks and ssh-keygen's examples show.
                shown.sort(key=lambda key: not key.startswith("ssh-ed25519 "))
                prints = [_fingerprint(key.split()[1]) for key in shown]
                if pinned:
                    message = f"{place.host} shows another host key than the one pinned: {' '.join(prints)}"
                    hint = "somebody may be in between; if the host published the new one: --set host_key=SHA256:…"
                    raise TargetError(f"{self.name}: {message}", kind="tls", hint=hint)
                first = next(iter(prints), "SHA256:…")
                message = (
                    f"{self.name}: no host key is pinned for {place.host}, which shows {' '.join(prints) or 'none'}"
                )
                hint = f"compare with what its operator publishes, then: --set host_key={first}"
                raise TargetError(message, kind="tls", hint=hint)
        return "".join(f"{line}\n" for line in lines)

    def _remembered(self) -> list[str]:
        """Host keys seen before. Each is checked against what is pinned, so the file needs no trust."""
        try:
            text = (self.open() / "host_keys").read_text()
        except (OSError, UnicodeDecodeError):
            return []
        return [line for line in text.splitlines() if _HOST_KEY.fullmatch(line)]

    def _scan(self) -> list[str]:
        place = self.place
        program = shutil.which("ssh-keyscan")
        if program is None:
            hint = "apt-get install openssh-client"
            raise TargetError(f"{self.name}: the program ssh-keyscan is missing", kind="config", hint=hint)
        try:
            done = subprocess.run(
                [program, "-T", "10", "-p", str(place.port), "--", place.host],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=40,
            )
        except subprocess.TimeoutExpired:
            done = subprocess.CompletedProcess((), 1, b"", b"")
        found = []
        for line in done.stdout[:TOLD].decode("ascii", "replace").splitlines():
            key = line.strip().partition(" ")[2]
            if _HOST_KEY.fullmatch(key):
                found.append(key)
        if not found:
            message = f"{self.name}: {place.host}:{place.port} shows no SSH host key"
            raise TargetError(message, kind="unreachable", hint="is the host's name right, and the port?")
        return found

    # --- processes --------------------------------------------------------------------------------------------------

    def _environment(self, *, network: bool, git_dir: bool = True) -> dict[str, str]:
        home = str(self.open() / "home") if git_dir else str(self.folder / "home")
        now = f"{int(time.time())} +0000"
        place = self.place
        found = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": home,
            "XDG_CONFIG_HOME": home,
            "LC_ALL": "C",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_AUTHOR_NAME": place.author,
            "GIT_AUTHOR_EMAIL": place.email,
            "GIT_AUTHOR_DATE": now,
            "GIT_COMMITTER_NAME": place.author,
            "GIT_COMMITTER_EMAIL": place.email,
            "GIT_COMMITTER_DATE": now,
        }
        return found | (self._way() if network else {})

    def _command(self, args: Sequence[str], *, git_dir: bool) -> list[str]:
        where = [f"--git-dir={self._repo}"] if git_dir else []
        return [
            "git",
            *where,
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "gc.auto=0",
            "-c",
            "maintenance.auto=false",
            "-c",
            "core.compression=1",  # nearly all of it is compressed already
            "-c",
            "core.bigFileThreshold=1",  # no search for deltas between such files
            "-c",
            "pack.threads=1",
            *args,
        ]

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """A process of this repository with pipes on both ends."""
        said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `finish`
        process = self._spawn(self._command(args, git_dir=True), said, self._environment(network=False))
        self._said[process.pid] = said
        return process

    def _spawn(
        self, command: Sequence[str], stderr: IO[bytes] | int, env: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        with self._guard:
            if self._stopped:
                raise TargetError(f"{self.name}: stopped", kind="transient", hint="the next run goes on")
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=dict(env),
                    cwd="/",
                    start_new_session=True,
                    pass_fds=() if self.lock is None else (self.lock,),
                )
            except OSError as error:
                hint = "apt-get install git"
                raise TargetError(f"{self.name}: git cannot be started ({error})", kind="config", hint=hint) from error
            self._running.add(process)
        return process

    def stop(self) -> None:
        """Everything that runs ends now; nothing new begins until `end`."""
        with self._guard:
            self._stopped = True
            for process in self._running:
                _kill(process)

    def finish(self, process: subprocess.Popen[bytes]) -> str:
        """Ends a process made by `start`; gives what it complained about."""
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
        with self._guard:
            self._running.discard(process)
        said = self._said.pop(process.pid, None)
        if said is None:
            return ""
        with said:
            said.seek(0)
            return said.read(TOLD).decode("utf-8", "replace")

    def _run(
        self,
        args: Sequence[str],
        *,
        data: bytes = b"",
        network: bool = False,
        git_dir: bool = True,
        largest: int | None = None,
    ) -> bytes:
        """What the command writes. Raises TargetError for what it complains about, and when nothing at all comes for
        too long."""
        command = self._command(args, git_dir=git_dir)
        if largest is not None:
            command = ["/bin/sh", "-c", 'ulimit -f "$0"; exec "$@"', str(largest // 512), *command]
        process = self._spawn(command, subprocess.PIPE, self._environment(network=network, git_dir=git_dir))
        try:
            out, said, stalled = self._talk(process, data)
            if not stalled:
                # Its pipes are closed; killed now, it would not be able to say that all went well.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(self._stall)
        finally:
            _kill(process)
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError, ValueError):
                        pipe.close()
            with self._guard:
                self._running.discard(process)
        self._progressed = said
        if stalled:
            message = f"{self._what()}: no answer for {self._stall:.0f} s"
            raise TargetError(message, kind="transient", hint="the next run goes on; is the host slow or down?")
        if self._stopped:
            raise TargetError(f"{self.name}: stopped", kind="transient", hint="the next run goes on")
        if process.returncode:
            if args[0] == "push" and (reasons := _refusals(out)) is not None:
                raise _Rejected(said, *reasons)
            raise explain(said, what=self._what() if network else f"{self.name}: {self.folder}", here=not network)
        return out

    def _talk(self, process: subprocess.Popen[bytes], data: bytes) -> tuple[bytes, str, bool]:
        """Feeds the process and hears it out: its output, its complaints, and whether it fell silent."""
        stdin, stdout = pipes(process)
        out, said = bytearray(), bytearray()
        feeder = threading.Thread(target=_feed, args=(stdin, data), daemon=True)
        feeder.start()
        with selectors.DefaultSelector() as ready:
            for pipe in (stdout, process.stderr):
                if pipe is not None:
                    ready.register(pipe, selectors.EVENT_READ)
            while ready.get_map():
                events = ready.select(self._stall)
                if not events:
                    return bytes(out), said.decode("utf-8", "replace"), True
                for key, _ in events:
                    part = os.read(key.fd, 65536)
                    if not part:
                        ready.unregister(key.fileobj)
                    elif key.fileobj is stdout:
                        out += part
                    else:
                        # The end says why; progress before it is thousands of lines.
                        said = (said + part)[-TOLD:]
                if len(out) > LARGEST_ANSWER:
                    raise TargetError(f"{self._what()}: an endless answer", kind="corrupt", scope="target")
        return bytes(out), said.decode("utf-8", "replace"), False


def _feed(pipe: IO[bytes], data: bytes) -> None:
    """Writes all of it and closes; ends as well when nobody reads any more."""
    with contextlib.suppress(OSError, ValueError), pipe:
        pipe.write(data)


def pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """Its standard input and output."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("started without pipes")
    return process.stdin, process.stdout


class _Rejected(Exception):
    """A push that the server answered ref by ref."""

    def __init__(self, said: str, reasons: Mapping[str, str], done: frozenset[str]) -> None:
        super().__init__(said)
        self.said, self.reasons, self.done = said, reasons, done


def _refusals(out: bytes) -> tuple[dict[str, str], frozenset[str]] | None:
    """`--porcelain`: a line per ref, `<flag> TAB <from>:<to> TAB <summary> (<reason>)` (git-push, OUTPUT)."""
    reasons, done = {}, set()
    for line in out[:TOLD].decode("utf-8", "replace").splitlines():
        parts = line.split("\t")
        if len(parts) == 3:
            name = parts[1].rpartition(":")[2]
            if parts[0] == "!":
                reasons[name] = parts[2]
            else:
                done.add(name)
    return (reasons, frozenset(done)) if reasons else None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The process and what it started: it leads a session of its own."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _fingerprint(key: str) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(key)).digest()).decode().rstrip("=")
