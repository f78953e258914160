"""Where a publication is pushed to: folders, object stores, and whatever a package adds.

A target is six blocking operations, run from a small pool of threads. It knows nothing about logs, articles or
journals: keys and bytes go in. One file in this folder is one kind of target, named like the scheme of its URL
(`s3.py` serves `s3://…`; what follows a plus sign is for that file: `webdav.py` serves `webdav+http://…` too), with one
function `target(*, name, url, settings, secret) -> Target`. Files whose name begins with `_` are helpers. Packages add
kinds through the entry point group `tamizdat.targets` (name: the scheme, value: such a function). A function that also
takes `state` is given a folder of this target's own that outlasts the run.
`tests/targets/suite.py` says what it means to be one.

    put      objects whose name will never mean anything else; again is harmless; readers see all of a file or none
    flush    returns when what was put survives a power cut
    commit   the few files that point at the others, one after the other in the order given
    get      bytes as the server has them, with the credentials for writing; None when there is no such file
    list     every key below a prefix; only repairs use it, a push never lists
    delete   keys; those that are not there are no error

Everything that goes wrong is a `TargetError`. Its `kind` says what it is:

    unreachable    no address, refused, no route           scope target
    tls            certificate, name or protocol           scope target
    auth           the server does not know these keys     scope target
    forbidden      it knows them and says no               scope target
    no_container   bucket or folder is not there           scope target
    config         the settings cannot work                scope target
    quota          disk full, or over what is allowed      scope target
    unsupported    this kind of target cannot do that      scope target
    rate_limited   too fast for the server                 scope object, retried
    transient      timeouts, 5xx, broken connections       scope object, retried
    too_large      this one file is too big                scope object
    conflict       somebody else writes the same key       scope object
    corrupt        what came back is not what went in      scope object

Scope `target` means that trying the next file would fail in the same way: a push stops at once.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import itertools
import pkgutil
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar, runtime_checkable

from mirror.errors import TamizdatError

Kind = Literal[
    "unreachable",
    "tls",
    "auth",
    "forbidden",
    "no_container",
    "config",
    "quota",
    "unsupported",
    "rate_limited",
    "transient",
    "too_large",
    "conflict",
    "corrupt",
]
Scope = Literal["target", "object"]

OF_ONE_OBJECT: Final = frozenset({"rate_limited", "transient", "too_large", "conflict", "corrupt"})
WORTH_RETRYING: Final = frozenset({"rate_limited", "transient"})

Secret = Callable[[str], str]
"""Gives the secret that a reference like `env:NAME` stands for; raises a TamizdatError when it cannot."""


_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class TargetError(TamizdatError):
    """One line saying what failed where; `hint` says what to do. A mistake in the settings exits with 2, the rest
    with 1. `retry_after` is in seconds, when the server named a time."""

    def __init__(
        self,
        message: str,
        *,
        kind: Kind,
        scope: Scope | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        # Servers' words are in it: one line, and nothing that a terminal would obey.
        super().__init__(" ".join(_CONTROL.sub(" ", message).split()), hint=hint)
        self.kind: Kind = kind
        self.scope: Scope = scope or ("object" if kind in OF_ONE_OBJECT else "target")
        self.retry_after = retry_after
        if kind == "config":
            self.status = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What a target can do. `workers` is how many threads may use it at once."""

    workers: int
    headers: bool  # content type and cache control are kept and served
    list: bool = True
    delete: bool = True
    retries: bool = False  # retries by itself, so it isn't wrapped in `Retrying`
    atomic: bool = True  # who reads while a pointer is replaced sees the old one or the new one, never half of one
    staged: bool = False  # nothing is to be seen before `commit`, then all of it at once; all pointers in one commit
    settles: float = 0.0  # seconds it may take until readers get what was committed: the host builds its pages first
    max_object: int | None = None  # bytes
    max_files: int | None = None  # the host's limit, where it has one
    batch: int = 0  # so many files are best flushed together, when each flush costs much


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One step of a probe. When it isn't ok, `fix` is the one line that says what to do. `required` False: the target
    works without it, but readers are served worse. `kind` is that of the TargetError that was met, if it was one."""

    name: str
    ok: bool
    detail: str
    fix: str | None = None
    required: bool = True
    kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    content_type: str
    cache_control: str


@runtime_checkable
class Target(Protocol):
    """See the module's text. Every operation may raise TargetError and nothing else."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str:
        """The URL without anything secret, for messages."""
        ...

    @property
    def caps(self) -> Caps: ...
    def probe(self, public: str | None = None) -> Iterator[Check]:
        """Real requests in a fixed order, ending after the first required check that fails. `public` is the address
        where readers find the same files. What the probe writes, it deletes."""
        ...

    def put(self, key: str, data: bytes, meta: Meta) -> None: ...
    def flush(self) -> None: ...
    def commit(self, pointers: Mapping[str, bytes]) -> None: ...
    def get(self, key: str, cap: int | None = None) -> bytes | None: ...
    def list(self, prefix: str = "") -> Iterator[str]: ...
    def delete(self, keys: Iterable[str]) -> None: ...
    def close(self) -> None: ...


# --- keys ----------------------------------------------------------------------------------------------------------

KEY_LIMIT: Final = 512  # bytes of UTF-8; S3 takes 1,024 including the prefix
_BAD: Final = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")


def check_key(key: str) -> str:
    """The key itself, when it names a file below the target's root on every kind of target. Raises TargetError
    (`unsupported`, scope object) for anything that could escape it, or that some server would quietly rename."""
    problem = None
    if not key or len(key.encode("utf-8", "replace")) > KEY_LIMIT:
        problem = f"it must have 1 to {KEY_LIMIT} bytes"
    elif _BAD.search(key):
        problem = "it holds a control character or a backslash"
    elif key != key.strip():
        problem = "it begins or ends with a space"
    elif any(segment in ("", ".", "..") for segment in key.split("/")):
        problem = "it has an empty, '.' or '..' segment"
    if problem:
        raise TargetError(f"refused the key {key!r}: {problem}", kind="unsupported", scope="object")
    return key


# --- what kind of file is it ---------------------------------------------------------------------------------------

# Thirty days, not a year: a withdrawn article shall leave the caches of others some day.
IMMUTABLE: Final = "public, max-age=2592000, immutable"
FOR_A_DAY: Final = "public, max-age=86400"  # proofs, rewritten once when a log is frozen
SHORT: Final = "public, max-age=300"  # pages for people; a pointer may not be served stale, these may
NEVER: Final = "no-cache"

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_MAGIC: Final = (
    (b"\x1f\x8b", "application/gzip"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"RIFF", "image/webp"),
    (b"GIF8", "image/gif"),
)


def meta_for(path: str, head: bytes = b"") -> Meta:
    """How a file of a publication is to be served. `head` is its first bytes: an object's name doesn't say whether it
    is a bundle or a picture. Never a Content-Encoding: what is stored is what is hashed, and a client that unpacked
    it on the way would see a forgery."""
    if path.startswith("o/"):
        kind = next((kind for magic, kind in _MAGIC if head.startswith(magic)), _BYTES)
        return Meta(content_type=kind, cache_control=IMMUTABLE)
    for test, kind, cache in _KINDS:
        if test(path):
            return Meta(content_type=kind, cache_control=cache)
    return Meta(content_type=_BYTES, cache_control=NEVER)


_KINDS: Final[tuple[tuple[Callable[[str], bool], str, str], ...]] = (
    (lambda path: path == "front", "application/gzip", NEVER),
    (lambda path: path.rpartition("/")[2] == "checkpoint", _TEXT, NEVER),
    (lambda path: path == "packs", "application/json", NEVER),
    (lambda path: path.startswith("pack/"), "application/zip", IMMUTABLE),
    (lambda path: path == "trust/timestamp.json", "application/json", NEVER),
    (lambda path: path.startswith("trust/"), "application/json", IMMUTABLE),
    (lambda path: path.startswith("tile/") or (path.startswith("log/") and "/tile/" in path), _BYTES, IMMUTABLE),
    (lambda path: path.startswith("proof/"), _TEXT, FOR_A_DAY),
    (lambda path: path == "feed.xml", "application/atom+xml; charset=utf-8", SHORT),
    (lambda path: path.endswith(".html"), "text/html; charset=utf-8", SHORT),
    (lambda path: path == "reader.html.minisig", _TEXT, SHORT),
)


# --- registry ------------------------------------------------------------------------------------------------------

ENTRY_POINTS: Final = "tamizdat.targets"
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]+):(.*)", re.DOTALL)


class Factory(Protocol):
    def __call__(self, *, name: str, url: str, settings: Mapping[str, str], secret: Secret) -> Target: ...


def built_in() -> tuple[str, ...]:
    """The schemes of this folder, sorted. Nothing is imported for that."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_")))


def added() -> dict[str, Any]:
    """Schemes that installed packages add, with their entry points, not loaded."""
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def scheme_of(url: str) -> str:
    """`s3` for `s3://…`; `file` for anything that has no scheme (a path)."""
    matched = _SCHEME.match(url)
    return matched[1] if matched else "file"


def kind_of(url: str) -> str:
    """The kind of target that serves this URL: its scheme up to a plus sign."""
    return scheme_of(url).partition("+")[0]


def open_target(
    name: str, url: str, settings: Mapping[str, str], secret: Secret, *, state: Path | None = None
) -> Target:
    """A target ready for use; no network is touched before the first operation. Raises TargetError (`config`) for an
    unknown kind or settings that cannot work. Only the module that serves the URL's scheme is imported.

    `state` is a folder that is this target's own from one run to the next (made by whoever first needs it; without one,
    a kind that needs it takes a temporary one). It is given to factories that have a parameter of that name."""
    scheme, kind = scheme_of(url), kind_of(url)
    factory: Factory
    if kind in built_in():
        factory = importlib.import_module(f"{__name__}.{kind}").target
    elif scheme in (others := added()):
        try:
            factory = others[scheme].load()
        except Exception as problem:
            message = f"{name}: the package that adds {scheme}: cannot be loaded: {problem!r}"
            raise TargetError(message, kind="config", hint="update or remove that package") from problem
    else:
        known = sorted({*built_in(), *others})
        close = difflib.get_close_matches(scheme, known, n=1)
        hint = f"did you mean {close[0]}: ?" if close else f"known kinds: {', '.join(known)}, or the path of a folder"
        raise TargetError(f"{name}: no target speaks {scheme}:", kind="config", hint=hint)
    more: dict[str, Any] = {"state": state} if _takes_state(factory) else {}
    made = factory(name=name, url=url, settings=settings, secret=secret, **more)
    return made if made.caps.retries else Retrying(made)


def _takes_state(factory: Factory) -> bool:
    try:
        return "state" in inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return False


def refuse_unknown(name: str, settings: Mapping[str, str], known: Sequence[str]) -> None:
    """Raises TargetError (`config`) naming the first setting this kind of target doesn't have."""
    for key in settings:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"settings are: {', '.join(known) or 'none'}"
            raise TargetError(f'{name}: unknown setting "{key}"', kind="config", hint=hint)


# --- retries: a target around a target -----------------------------------------------------------------------------

Result = TypeVar("Result")


class Retrying:
    """The same target, trying again what may work the next time: kinds `transient` and `rate_limited`.

    Full jitter, so that eight threads thrown out together don't come back together; a time the server names is
    honoured, up to `patience` in all for one operation. Libraries' own retries stay off: opendal's ignores Retry-After
    and blurs the difference between what is worth another try and what is not.
    """

    def __init__(
        self,
        inner: Target,
        *,
        attempts: int = 4,
        base: float = 0.5,
        longest: float = 8.0,
        patience: float = 60.0,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.inner = inner
        self.attempts = attempts
        """How often each operation is tried; may be changed at any time."""
        self._base, self._longest, self._patience = base, longest, patience
        self._closed = threading.Event()
        self._sleep, self._clock, self._jitter = sleep or self._closed.wait, clock, jitter

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def address(self) -> str:
        return self.inner.address

    @property
    def caps(self) -> Caps:
        return self.inner.caps

    def probe(self, public: str | None = None) -> Iterator[Check]:
        # Not retried: a probe shall show what a single request meets.
        return self.inner.probe(public)

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        self._again(lambda: self.inner.put(key, data, meta))

    def flush(self) -> None:
        self._again(self.inner.flush)

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        # One at a time: a retry must not begin again at a pointer that already stands.
        if self.caps.staged:
            self._again(lambda: self.inner.commit(pointers))
            return
        for key, data in pointers.items():
            # The default binds the loop's value; mypy has no type for such a lambda.
            self._again(lambda key=key, data=data: self.inner.commit({key: data}))  # type: ignore[misc]

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        return self._again(lambda: self.inner.get(key, cap))

    def list(self, prefix: str = "") -> Iterator[str]:
        yield from self._again(lambda: tuple(self.inner.list(prefix)))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            # The default binds the loop's value; mypy has no type for such a lambda.
            self._again(lambda key=key: self.inner.delete((key,)))  # type: ignore[misc]

    def close(self) -> None:
        """Also ends a pause before another try, which then isn't made."""
        self._closed.set()
        self.inner.close()

    def _again(self, action: Callable[[], Result]) -> Result:
        began = self._clock()
        for attempt in itertools.count(1):
            try:
                return action()
            except TargetError as error:
                if error.kind not in WORTH_RETRYING or attempt >= self.attempts or self._closed.is_set():
                    raise
                wait = self._jitter() * min(self._longest, self._base * 2**attempt)
                if error.retry_after is not None:
                    wait += error.retry_after
                if self._clock() - began + wait > self._patience:
                    raise
                self._sleep(wait)
                if self._closed.is_set():
                    raise
        raise AssertionError("unreachable")


def retrying(target: Target) -> Retrying | None:
    """The part of a target that tries again, if it has one. Wrappers name what they are around `inner`."""
    found: Any = target
    while found is not None and not isinstance(found, Retrying):
        found = getattr(found, "inner", None)
    return found
