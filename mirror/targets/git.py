"""A branch of a git repository: GitHub, GitLab and Codeberg pages, or any repository one may push to.

    git+ssh://git@github.com/OWNER/REPO.git#BRANCH      (the branch: gh-pages, pages or main by default)
    git+https://gitlab.com/OWNER/REPO.git
    git+file:///srv/git/news.git

    token        https: a reference to an access token      user      https: whose (default: what the host wants)
    key          ssh: a reference to a private key          passphrase  a reference, for a key that has one
    host_key     ssh: `SHA256:…` or `ssh-ed25519 AAAA…`, several with commas; those of github.com, gitlab.com and
                 codeberg.org are known
    provider     github-pages, gitlab-pages, codeberg-pages or none; by the host's name, if not said
    folder       below which files go (GitLab: public)      domain    the pages' own name, where a file says it
    author, email   whom commits name (mirror, mirror@example.invalid)
    accept       a commit of somebody else's to go on from  squash_at history that is too much, in MB (0: never)
    ca           certificates to trust, a PEM file          proxy     for https: tor, or socks5h://HOST:PORT

`put` and `delete` stage, `commit` shows all of it at once: one commit on top of the branch's newest, one push.

*What is kept here.* A bare repository of the target's own: the trees of the branch's newest commit, and what is staged.
One `git fast-import` writes what is staged into packs; `flush` makes it end its pack and move a ref, so after a kill
nothing that was flushed is lost and nothing else is seen. A store that is lost is fetched again, the newest commit
alone and without contents (`--depth=1 --filter=blob:none`) where the server can do that. It is shallow for good, which
also makes a squashed commit cheap: git then compares with the old one and sends one object, not the site.

*History is linear.* Each push names the commit it expects to find (`--force-with-lease=BRANCH:COMMIT`), so nobody
else's commit is ever overwritten: a branch that somebody moved is a `conflict`, with that commit's name. When history
comes near what the host allows and squashing would help, the next commit has no parent; it replaces our own last one
and nothing else. The old one is not kept under another name: that would keep its bytes as well. A host that forbids
that (a protected branch) gets an ordinary commit.

*Large first pushes* go up in parts, on a branch of their own (`incoming-BRANCH`) that is deleted with the last push: a
connection that breaks costs one part, and no host builds its pages from half a site.

*Nothing of the operator's own set-up counts.* No system or user configuration, no hooks, one protocol, no prompts, no
redirects. Tokens and keys are in memory that this process owns, and git's helper and ssh read them through /proc:
they are in no argument, environment, configuration or file. Commits give nothing away but sizes, which anybody can
count.

What the server says and what becomes of it: `_git_errors.SAID`.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Final
from urllib.parse import SplitResult, unquote, urlsplit

from mirror.errors import TamizdatError
from mirror.targets import Caps, Check, Kind, Meta, Secret, TargetError, check_key, refuse_unknown
from mirror.targets._git import OTHER, PART, PUSHING, REMOTE, STAGED, STALL_SECONDS, Git, Import, Place, pipes
from mirror.targets._probe import Failed, Step, dns_step, files_steps, public_steps, tcp_step, tls_step, walk

SETTINGS: Final = (
    "token",
    "user",
    "key",
    "passphrase",
    "host_key",
    "provider",
    "folder",
    "domain",
    "author",
    "email",
    "accept",
    "squash_at",
    "ca",
    "proxy",
)

# Published by the hosts: docs.github.com "GitHub's SSH key fingerprints", docs.gitlab.com/user/gitlab_com "SSH
# known_hosts entries", docs.codeberg.org/security/ssh-fingerprint. Looked up 2026-11.
_GITHUB: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
_GITLAB: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf"
_CODEBERG: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB"
HOST_KEYS: Final[Mapping[str, str]] = {
    "github.com": _GITHUB,
    "ssh.github.com": _GITHUB,  # the same over port 443
    "gitlab.com": _GITLAB,
    "altssh.gitlab.com": _GITLAB,
    "codeberg.org": _CODEBERG,
}

_BRANCH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,99}")
_PATIENCE: Final = 5.0  # seconds, for what a killed run left running
_NEVER: Final = frozenset({".git", "git~1"})  # git itself refuses them in a path

_GITLAB_CI: Final = """\
# Hands the folder `public` to GitLab Pages as it is.
pages:
  stage: deploy
  variables: {GIT_DEPTH: "1"}
  script: ["true"]
  artifacts:
    paths: [public]
    expire_in: 1 week
  rules:
    - if: $CI_COMMIT_BRANCH == "@"
"""


class GitTarget:
    def __init__(
        self,
        *,
        name: str,
        place: Place,
        secret: Secret,
        state: Path | None = None,
        stall: float = STALL_SECONDS,
        part: int = PART,
    ) -> None:
        self.name = name
        self.place = place
        self.address = f"{place.url}#{place.branch}"
        self.caps = Caps(
            workers=4,
            headers=False,
            staged=True,
            settles=place.settles,
            max_object=place.max_object,
            max_files=place.max_files,
        )
        self._git = Git(name=name, place=place, secret=secret, state=state, stall=stall)
        self._part = part
        self._lock = threading.RLock()
        self._held: IO[bytes] | None = None  # the lock file, held while this process may write
        self._import: Import | None = None
        self._read: subprocess.Popen[bytes] | None = None
        self._attached = False
        self._head: str | None = None  # the branch's newest commit, when attached
        self._incoming: str | None = None
        self._moved = False  # the head is somebody else's
        self._sizes = [0, 0]  # bytes staged since the last push; those among them that replace nothing
        self._unsent = 0

    # --- the operations ---------------------------------------------------------------------------------------------

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        path = self._path(key)
        limit = self.place.max_object
        if limit is not None and len(data) > limit:
            message = f"{self.name}: {key} has {len(data)} bytes, {self.place.host} takes {limit}"
            raise TargetError(
                message, kind="too_large", hint="another kind of host, or a light target, for large files"
            )
        with self._lock:
            self._stage().modify(path, data)
            self._sizes[0] += len(data)
            self._sizes[1] += len(data)
            self._unsent += len(data)

    def flush(self) -> None:
        """What was put survives a kill and a power cut, and large amounts are sent ahead."""
        with self._lock:
            if self._import is not None and self._import.save() and self._unsent >= self._part:
                self._send_ahead()

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        paths = {self._path(key): data for key, data in pointers.items()}
        with self._lock:
            if not paths and self._import is None and self._git.ref(STAGED) is None:
                return
            stage = self._stage()
            self.flush()
            for path, data in paths.items():
                self._sizes[0] += len(data)
                self._sizes[1] += len(data) - (self._size(path) or 0)
                stage.modify(path, data)
            if self._git.ref(STAGED) or paths:
                for path, text in self.place.extras.items():
                    if self._git.info(f"{STAGED}:{path}") is None:
                        stage.modify(path, text.encode())
            stage.save()
            self._show()

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        path = self._path(key)
        with self._lock:
            view = self._view()
            if view is None:
                return None
            data = self._contents(f"{view}:{path}", cap, key)
            if data is None and (oid := self._oid(path)) is not None:
                self._git.fetch(oid)
                data = self._contents(oid, cap, key)
                if data is None:
                    raise self._error("corrupt", f"{key} is listed but cannot be had", "look at the repository")
            return data

    def list(self, prefix: str = "") -> Iterator[str]:
        with self._lock:
            view = self._view()
            found: list[str] = []
            if view is not None:
                folder = self.place.folder
                listed = self._git.local("ls-tree", "-r", "-z", "--name-only", view)
                for path in listed.decode("utf-8", "surrogateescape").split("\0"):
                    if path.startswith(folder) and path not in self.place.extras:
                        found.append(path[len(folder) :])
        return (key for key in sorted(found) if key and key.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        paths = [self._path(key) for key in keys]
        with self._lock:
            for path in paths:
                stage = self._stage()
                self._sizes[1] -= self._size(path) or 0
                stage.delete(path)

    def close(self) -> None:
        """Ends what runs, also in other threads. What was flushed stays for the next run."""
        if not self._lock.acquire(timeout=0.2):
            self._git.stop()
            self._lock.acquire()
        try:
            if self._import is not None:
                self._import.end()
                self._import = None
            self._end_reading()
            if self._held is not None:
                self._git.tidy()
                self._git.lock = None
                self._held.close()
                self._held = None
            self._attached = False
            self._git.end()
        finally:
            self._lock.release()

    # --- staging ----------------------------------------------------------------------------------------------------

    def _path(self, key: str) -> str:
        check_key(key)
        path = self.place.folder + key
        if any(part.lower() in _NEVER for part in path.split("/")) or path in self.place.extras:
            raise TargetError(
                f"refused the key {key!r}: git or the host needs that name", kind="unsupported", scope="object"
            )
        return path

    def _stage(self) -> Import:
        """The writer, on top of what is staged already, else of the branch's newest commit."""
        self._hold()
        self._attach()
        if self._moved:
            raise self._conflict()
        if self._import is None:
            base = self._git.ref(STAGED) or self._head
            self._import = Import(self._git, base)
        return self._import

    def _hold(self) -> None:
        if self._held is None:
            held = (self._git.open() / "lock").open("ab")
            # The programs started here share the lock: one that outlives a killed run keeps the next one out.
            until = time.monotonic() + _PATIENCE
            while True:
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > until:
                        held.close()
                        message = f"{self.name}: another run is pushing there"
                        raise TargetError(message, kind="conflict", scope="target", hint="let it end first") from None
                    time.sleep(0.05)
            self._held = held
            self._git.lock = held.fileno()
            self._git.sweep()

    def _send_ahead(self) -> None:
        """What is staged so far goes up on a branch of its own, so that the push that counts is a small one."""
        staged = self._git.ref(STAGED)
        if staged is None:
            return
        if self._head is None:
            # The first branch of a repository becomes its main one, which hosts don't let go of.
            extras = self._git.tree({path: text.encode() for path, text in self.place.extras.items()})
            self._push_head(self._git.commit(extras, None, message="begin"))
        name = f"refs/heads/incoming-{self.place.branch}"
        self._git.push((f"{staged}:{name}",), leases={name: self._incoming or ""})
        self._incoming, self._unsent = staged, 0

    def _show(self) -> None:
        """One commit with all that is staged, on top of the branch's newest; nothing when that has the same files."""
        tree = self._git.tree_of(STAGED)
        if tree is None or (self._head is not None and self._git.tree_of(self._head) == tree):
            return
        site, history = self._git.sizes(self._head)
        history, site = history + self._sizes[0], max(0, site + self._sizes[1])
        message = f"update\n\nsite {site}\nhistory {{}}\n"
        limit = self.place.squash_at
        shown = False
        if limit and self._head and history >= limit and site * 4 <= history * 3:
            try:
                self._push_head(self._git.commit(tree, None, message=message.format(site)))
                shown = True
            except TargetError as error:
                # A protected branch takes no other history: then it goes on growing, but the news get out.
                if error.kind != "forbidden":
                    raise
        if not shown:
            self._push_head(self._git.commit(tree, self._head, message=message.format(history)))
        self._sizes = [0, 0]

    def _push_head(self, commit: str) -> None:
        branch, incoming = f"refs/heads/{self.place.branch}", f"refs/heads/incoming-{self.place.branch}"
        self._git.set_ref(PUSHING, commit)
        wanted, leases = [f"{commit}:{branch}"], {branch: self._head or ""}
        if self._incoming is not None:
            wanted.append(f":{incoming}")
            leases[incoming] = self._incoming
        try:
            self._git.push(wanted, leases=leases)
        except TargetError as error:
            self._attached = False  # whether it arrived is for the server to say
            if error.kind == "conflict":
                self._attach()
                if self._moved:
                    raise self._conflict() from None
            raise
        self._git.set_ref(REMOTE, commit)
        self._git.now_shallow(commit)
        self._head, self._incoming, self._unsent = commit, None, 0

    # --- what is there ----------------------------------------------------------------------------------------------

    def _attach(self) -> None:
        """Finds out where the branch is, and has the trees of its newest commit here."""
        if self._attached:
            return
        git = self._git
        git.open()
        head, self._incoming = git.heads()
        known, pushing, staged = git.ref(REMOTE), git.ref(PUSHING), git.ref(STAGED)
        self._moved = False
        if head is None:
            if known is not None:
                # The branch is gone: nothing of what was staged on top of it is known to be anywhere.
                git.forget()
        elif head in (known, pushing) and git.info(head) is not None:
            git.set_ref(REMOTE, head)
        else:
            ours = (
                known in (None, head)
                or head == pushing
                or (self.place.accept is not None and head.startswith(self.place.accept))
            )
            git.fetch(f"+refs/heads/{self.place.branch}:{REMOTE if ours else OTHER}")
            head = git.ref(REMOTE if ours else OTHER)
            self._moved = not ours
            if ours and staged is not None and head is not None:
                git.replay(known, staged, head)
        self._head = head
        self._attached = True

    def _conflict(self) -> TargetError:
        self._attached = False  # it may be mended by the next time
        head = self._head or ""
        who = self._git.who(head) if head else ""
        return self._error(
            "conflict",
            f"somebody else moved the branch {self.place.branch}, to commit {head}{who}",
            f'look at it; may the mirror go on from there? then set accept = "{head[:12]}"; if not, put the branch '
            f"back to {(self._git.ref(REMOTE) or 'the commit before')[:12]} and take push rights away from others",
        )

    def _view(self) -> str | None:
        """What reads look into: what is staged, else the branch. Somebody else's commit when that is what is there."""
        if self._import is not None:
            self._import.save()
        self._attach()
        if self._moved:
            return self._head
        return self._git.ref(STAGED) or self._head

    def _oid(self, path: str) -> str | None:
        view = self._view()
        return self._git.resolve(f"{view}:{path}") if view else None

    def _size(self, path: str) -> int | None:
        """Of the file in the branch, when its bytes are here."""
        head = self._head
        return self._git.size(f"{head}:{path}") if head else None

    def _contents(self, name: str, cap: int | None, key: str) -> bytes | None:
        if self._read is None or self._read.poll() is not None:
            self._end_reading()
            self._read = self._git.start("cat-file", "--batch")
        stdin, stdout = pipes(self._read)
        try:
            stdin.write(name.encode() + b"\n")
            stdin.flush()
            said = stdout.readline()
            if said.rstrip().endswith((b" missing", b" ambiguous")):
                return None
            words = said.split()
            size = int(words[-1])
            data = b"" if cap is not None and size > cap else stdout.read(size)
            left = size - len(data) + 1
            while left > 0 and (part := stdout.read(min(left, 1 << 20))):
                left -= len(part)
        except (OSError, ValueError, IndexError):
            self._end_reading()
            raise self._error("transient", "reading the store here failed", "the next run goes on") from None
        if words[1] != b"blob":
            return None
        if cap is not None and size > cap:
            message = f"{self.name}: {key} has {size} bytes, at most {cap} were expected"
            raise TargetError(message, kind="too_large")
        if len(data) != size:
            raise self._error("transient", "reading the store here was cut short", "the next run goes on")
        return data

    def _end_reading(self) -> None:
        if self._read is not None:
            self._git.finish(self._read)
            self._read = None

    def _error(self, kind: Kind, message: str, hint: str) -> TargetError:
        return TargetError(f"{self.name}: {self.address}: {message}", kind=kind, scope="target", hint=hint)

    # --- the probe --------------------------------------------------------------------------------------------------

    def probe(self, public: str | None = None) -> Iterator[Check]:
        try:
            yield from walk(self, self._steps(public))
        finally:
            # What the walk deleted is only staged.
            with contextlib.suppress(TamizdatError):
                self.commit({})

    def _steps(self, public: str | None) -> Iterator[Step]:
        place = self.place

        def repository() -> str:
            self._attached = False
            with self._lock:
                self._attach()
            return "may be read" + ("" if self._head else ", and has no such branch yet")

        def branch() -> str:
            if self._moved:
                error = self._conflict()
                raise Failed(str(error), error.hint)
            return f"{place.branch} is at {self._head[:12]}" if self._head else f"{place.branch} will be made"

        def size() -> str:
            site, history = self._git.sizes(self._head)
            told = f"about {site / 2**20:,.0f} MiB of files, {history / 2**20:,.0f} MiB of history"
            if place.site_limit and site > place.site_limit * 0.9:
                fix = "make it a light target, or use another kind of host: tamizdat target providers"
                raise Failed(f"{told}; {place.host} allows {place.site_limit / 2**20:,.0f} MiB", fix)
            return told

        yield Step("configuration", lambda: f"{self.address} with {self._git.version()}")
        yield Step("secrets", self._git.secrets)
        if place.scheme != "file" and not place.proxy:
            yield dns_step(place.host, place.port)
            yield tcp_step(place.host, place.port)
            if place.scheme in ("https", "http") and not place.ca:
                yield tls_step(place.host, place.port, tls=place.scheme == "https")
        if place.scheme == "ssh":
            yield Step("host key", self._git.host_key)
        yield Step("repository", repository)
        yield Step("branch", branch)
        yield from files_steps(self)
        yield Step("size", size, required=False)
        if public:
            yield from public_steps(self, public)


# --- settings ------------------------------------------------------------------------------------------------------

_BRANCHES: Final = {"github-pages": "gh-pages", "gitlab-pages": "pages", "codeberg-pages": "pages"}
_USERS: Final = {"github-pages": "x-access-token", "gitlab-pages": "oauth2"}
_SETTLES: Final = {"github-pages": 600.0, "gitlab-pages": 600.0, "codeberg-pages": 180.0}  # seconds
TOR: Final = "socks5h://127.0.0.1:9050"
_LOOPBACK: Final = re.compile(r"127\.|localhost$|\[?::1\]?$")


def _wrong(name: str, message: str, hint: str) -> TargetError:
    return TargetError(f"{name}: {message}", kind="config", hint=hint)


def read_place(name: str, url: str, settings: Mapping[str, str]) -> Place:
    """The place these settings name; raises TargetError (`config`) for what cannot work."""
    from mirror import providers

    refuse_unknown(name, settings, SETTINGS)
    plain = url.removeprefix("git+").removeprefix("git:")
    parts = _address(name, url, plain)
    _check(name, settings)
    host = parts.hostname or ""
    chosen = settings.get("provider") or ""
    if not chosen:
        found = providers.by_host(plain)
        chosen = found.id if found and "git" in found.kinds else "none"
    limits = providers.Limits() if chosen == "none" else providers.named(chosen).limits
    branch = unquote(parts.fragment) or _BRANCHES.get(chosen, "main")
    if not _BRANCH.fullmatch(branch) or re.search(r"\.\.|//|[/.]$|\.lock$", branch):
        raise _wrong(name, f"{branch!r} is no branch", "for instance …repo.git#main")
    folder = settings.get("folder", "public" if chosen == "gitlab-pages" else "").strip("/")
    keys = tuple(key.strip() for key in settings.get("host_key", "").split(",") if key.strip())
    if settings.get("proxy") and parts.scheme not in ("https", "http"):
        raise _wrong(name, f"a proxy can't be used with {parts.scheme}", "write git+https:// with a token")
    if not keys and host in HOST_KEYS:
        keys = (HOST_KEYS[host],)
    squash = settings.get("squash_at")
    squash_at = (limits.bytes or 0) * 9 // 10 if squash is None else int(squash) * 10**6
    return Place(
        url=plain.partition("#")[0],
        scheme=parts.scheme,
        host=host,
        port=parts.port or {"ssh": 22, "https": 443, "http": 80, "file": 0}[parts.scheme],
        branch=branch,
        folder=f"{check_key(folder)}/" if folder else "",
        extras=_extras(chosen, branch, settings.get("domain")),
        user=settings.get("user") or parts.username or _USERS.get(chosen, "git"),
        token=settings.get("token"),
        key=settings.get("key"),
        passphrase=settings.get("passphrase"),
        host_keys=keys,
        author=settings.get("author") or "mirror",
        email=settings.get("email") or "mirror@example.invalid",
        accept=settings.get("accept"),
        squash_at=squash_at or None,
        site_limit=limits.bytes,
        settles=_SETTLES.get(chosen, 0.0),
        max_object=limits.object_bytes,
        max_files=limits.files,
        ca=settings.get("ca"),
        proxy=TOR if settings.get("proxy") == "tor" else settings.get("proxy"),
    )


def _address(name: str, url: str, plain: str) -> SplitResult:
    """The URL in its parts, which git can be given."""
    example = "write git+ssh://git@host/owner/repo.git, git+https://… or git+file:///…"
    try:
        parts = urlsplit(plain)
        _ = parts.port
    except ValueError:
        raise _wrong(name, f"{url!r} is no address", example) from None
    scheme, host = parts.scheme, parts.hostname or ""
    if scheme not in ("ssh", "https", "http", "file") or (scheme == "file") != (not host) or parts.query:
        raise _wrong(name, f"{url!r} is no git repository", example)
    # What begins with a dash would be an option to ssh or to git on the other side.
    if not parts.path.strip("/") or re.match(r"/?-", parts.path) or re.match("-", parts.netloc):
        raise _wrong(name, f"no repository in {url!r}", example)
    if host and not re.fullmatch(r"[A-Za-z0-9._:%][A-Za-z0-9._:%-]*", host):
        raise _wrong(name, f"{host!r} is no host's name", example)
    if parts.password:
        raise _wrong(name, "a password does not belong into the URL", "--set token=env:NAME")
    if scheme == "http" and not (_LOOPBACK.match(host) or host.endswith(".onion")):
        raise _wrong(name, "http sends the token in the clear", "write git+https://")
    return parts


_KEY: Final = r"(?:SHA256:[A-Za-z0-9+/]{43}|(?:ssh|ecdsa|sk)[a-z0-9@.-]+ [A-Za-z0-9+/]+=*)"
_FORMS: Final[Mapping[str, tuple[str, str]]] = {
    "domain": (r"[a-z0-9.-]{3,253}", "for instance news.example.org"),
    "host_key": (rf" *{_KEY}( *, *{_KEY})* *", "write SHA256:… or ssh-ed25519 AAAA…"),
    "accept": (r"[0-9a-f]{7,64}", "at least seven digits of a commit's name"),
    "proxy": (r"tor|(https?|socks5h?)://[^@\s]+", "tor, or socks5h://HOST:PORT, without a password"),
    "author": (r"[^<>\n\0]{1,100}", "a plain name"),
    "email": (r"[^<>\s\0]{1,100}", "a plain address"),
    "squash_at": (r"0|[1-9][0-9]{0,6}", "a number of megabytes, 0 for never"),
    "user": (r"[^\s\0]{1,100}", "a name without spaces"),
    "ca": (r"/[^\n\0]+", "the path of a PEM file, from / on"),
}


def _check(name: str, settings: Mapping[str, str]) -> None:
    for key, (form, hint) in _FORMS.items():
        if settings.get(key) and not re.fullmatch(form, settings[key]):
            raise _wrong(name, f"the setting {key} cannot be that", hint)


def _extras(provider: str, branch: str, domain: str | None) -> Mapping[str, str]:
    """The files that are the host's business."""
    if provider == "gitlab-pages":
        return {".gitlab-ci.yml": _GITLAB_CI.replace("@", branch)}
    found = {".nojekyll": ""}  # GitHub would leave out what begins with an underscore or a dot
    if domain and provider == "github-pages":
        found["CNAME"] = f"{domain}\n"
    if domain and provider == "codeberg-pages":
        found[".domains"] = f"{domain}\n"
    return found


def target(*, name: str, url: str, settings: Mapping[str, str], secret: Secret, state: Path | None = None) -> GitTarget:
    return GitTarget(name=name, place=read_place(name, url, settings), secret=secret, state=state)
