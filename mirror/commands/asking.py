"""Questions on a terminal: what `target add` wants to know when it was not told everything.

Plain lines, so that it works over ssh and in any terminal. Every question says what an empty answer means. Secrets are
read without an echo and go to `secrets/NAME.SETTING` (mode 600) in the publication's folder; the configuration names
that file. When what was said can't work, it is asked again, and what was said before is what an empty answer means.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from mirror import config_checks, pasted, providers
from mirror.errors import TamizdatError, UsageError
from mirror.output import Output
from mirror.pasted import Pasted, Unclear
from mirror.secrets import LARGEST, is_reference
from mirror.targets import kind_of

if TYPE_CHECKING:
    from mirror.publication import Publication

SECRETS: Final = "secrets"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`setting` gets the answer. A secret is not shown; `file`: the answer is the path of a file with the secret."""

    setting: str
    text: str
    secret: bool = False
    file: bool = False
    needed: bool = False
    unless: tuple[str, ...] = ()  # not asked when one of these is known already


_LOGIN: Final = (
    Question(setting="user", text="user name (empty: none)"),
    Question(setting="password", text="password (Nextcloud: an app password, Settings → Security)", secret=True),
)
_SSH: Final = (
    Question(setting="key", text="private key's file (empty: the keys in ~/.ssh and those an agent holds)"),
    Question(setting="passphrase", text="its passphrase (empty: it has none)", secret=True),
)
QUESTIONS: Final[Mapping[str, tuple[Question, ...]]] = {
    "s3": (
        Question(setting="access_key", text="access key id", secret=True, needed=True),
        Question(setting="secret_key", text="secret access key", secret=True, needed=True),
    ),
    "gcs": (
        Question(
            setting="credentials", text="the service account's key, the JSON file's path", secret=True, file=True,
            needed=True,
        ),
    ),
    "azblob": (
        Question(setting="account", text="name of the storage account", needed=True),
        Question(setting="sas", text="shared access signature, sv=…&sig=… (empty: the account's key)", secret=True),
        Question(setting="account_key", text="account key", secret=True, needed=True, unless=("sas",)),
    ),
    "sftp": _SSH,
    "rsync": _SSH,
    "webdav": _LOGIN,
    "put": _LOGIN,
    "ftps": (Question(setting="password", text="password", secret=True, needed=True),),
    "git+https": (Question(setting="token", text="access token that may write to this repository", secret=True),),
    "git+ssh": (
        Question(setting="key", text="private key's file, a deploy key with write access (empty: the keys in ~/.ssh)"),
        Question(setting="passphrase", text="its passphrase (empty: it has none)", secret=True),
    ),
}  # fmt: skip
PASSWORDS: Final[Mapping[str, str]] = {"azblob": "sas", "git": "token"}  # where a pasted password goes, if elsewhere


@dataclass(slots=True, kw_only=True)
class Wanted:
    """What is to be written into the configuration. `files` are secrets that were stored for it."""

    name: str
    url: str
    public: str | None = None
    light: bool = False
    packs: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def line(self) -> str:
        """The same as one command."""
        from shlex import quote as shell

        words = ["tamizdat", "target", "add", self.name, shell(self.url)]
        words += ["--public", shell(self.public)] if self.public else []
        words += ["--light"] if self.light else []
        words += ["--packs"] if self.packs else []
        for key, value in self.settings.items():
            words += ["--set", shell(f"{key}={value}")]
        return " ".join(words)


def can_ask(out: Output) -> bool:
    """Whether there is somebody to ask."""
    return not out.as_json and sys.stdin is not None and sys.stdin.isatty()


@dataclass(slots=True)
class Asker:
    """Asks one thing after the other. The two ways to read a line are arguments, for tests."""

    publication: Publication
    out: Output
    read: Callable[[str], str] = input
    read_secret: Callable[[str], str] = getpass.getpass

    def line(self, text: str, default: str = "") -> str:
        shown = f"{text} [{default}]: " if default else f"{text}: "
        try:
            return self.read(shown).strip() or default
        except EOFError:
            raise UsageError("nothing more was typed; nothing is changed") from None

    def yes(self, text: str, *, default: bool = False) -> bool:
        answer = self.line(f"{text} ({'Y/n' if default else 'y/N'})").lower()
        return default if not answer else answer in ("y", "yes", "j", "ja", "д", "да", "o", "oui", "s", "si", "sí")

    def choose(self, text: str, choices: Mapping[str, str]) -> str:
        for key, what in choices.items():
            self.out.say(f"  {key}  {what}")
        while (answer := self.line(text).lower()) not in choices:
            self.out.say(f"  one of {', '.join(choices)}")
        return answer

    # --- the questions ----------------------------------------------------------------------------------------------

    def target(self, name: str | None, url: str | None, public: str | None, wanted: Wanted) -> Wanted:
        """Everything about a target; what is known already is not asked. Secrets are stored on the way; whoever fails
        later removes `wanted.files`."""
        place = self._place(url)
        self.out.say(f"  that is {place.told}: {place.url}")
        wanted.url = place.url
        wanted.settings = {**place.settings, **wanted.settings}
        wanted.name = name or self._name(place)
        self._host(wanted)
        self._settings(wanted, place.password)
        wanted.public = public or self._public(place, wanted)
        return wanted

    def _anew(self, wanted: Wanted) -> None:
        """All of it once more; what was said is what an empty answer means, and "-" takes a setting back."""
        place = self._place(None, wanted.url)
        if place.url != wanted.url:
            self.out.say(f"  that is {place.told}: {place.url}")
        if kind_of(place.url) != kind_of(wanted.url):
            wanted.settings.clear()
        wanted.url = place.url
        wanted.settings.update(place.settings)
        wanted.name = self._name(place, wanted.name)
        self._others(wanted)
        self._host(wanted)
        self._settings(wanted, place.password, anew=True)
        wanted.public = self._public(place, wanted)

    def _place(self, url: str | None, before: str = "") -> Pasted:
        if url is None and not before:
            self.out.say("Where shall files go? Paste what you have: a folder (/srv/mirror, a mounted stick),")
            self.out.say("a bucket's address or its page in the provider's console, user@server:/path,")
            self.out.say("git@github.com:owner/repo.git, a WebDAV or Nextcloud address, an rclone remote (name:path).")
        while True:
            given = url if url is not None else self.line("address" if before else "address (empty: stop)", before)
            url = None
            if given == before != "":
                return Pasted(url=before, told="as before")
            if not given:
                raise UsageError("nothing is changed")
            try:
                return pasted.recognise(given)
            except Unclear:
                return self._unclear(given)
            except UsageError as error:
                self.out.say(f"  {error}")
                self.out.say(f"  → {error.hint}")

    def _unclear(self, given: str) -> Pasted:
        parts = urlsplit(given if "://" in given else f"https://{given}")
        host = parts.netloc.rpartition("@")[2]
        plain = "" if parts.scheme.lower() == "https" else "+http"
        guess = look(f"{parts.scheme}://{host}{parts.path}")
        self.out.say(f"  What is at {host}?{f' It answers like {guess}.' if guess else ''}")
        choice = self.choose(
            "which",
            {
                "s": "an S3 server (MinIO, Garage, Ceph …)",
                "d": "a WebDAV folder",
                "p": "a server that takes HTTP PUT",
                "r": "only what readers see; files get there another way",
            },
        )
        if choice == "s":
            bucket = parts.path.strip("/") or self.line("bucket, with a folder in it if you like (news/mirror)")
            return Pasted(url=f"s3://{bucket}", told="an S3 server", settings={"endpoint": f"{parts.scheme}://{host}"})
        if choice == "r":
            self.out.say("  Then: how do files get there? (Its own address is asked for later.)")
            return self._place(None)
        kind = "webdav" if choice == "d" else "put"
        return Pasted(
            url=f"{kind}{plain}://{host}{parts.path.rstrip('/')}", told="WebDAV" if choice == "d" else "HTTP PUT"
        )

    def _name(self, place: Pasted, before: str = "") -> str:
        taken = self.publication.config.targets
        parts = urlsplit(place.url)
        host = parts.hostname or place.url.rstrip("/").rpartition("/")[2]
        public = urlsplit(place.public or "").hostname or ""
        base = re.sub(r"[^a-z0-9]+", "-", (public or host).lower()).strip("-")[:24].strip("-") or kind_of(place.url)
        free = next(each for each in (base, *(f"{base}-{n}" for n in range(2, 1000))) if each not in taken)
        while True:
            name = self.line("short name for it, in lists and messages", before or free).lower()
            if name in taken:
                self.out.say(f"  there is a target {name!r} already")
            elif not _NAME.fullmatch(name):
                self.out.say("  letters a to z, digits and dashes")
            else:
                return name

    def _host(self, wanted: Wanted) -> None:
        """S3 alone: which of the many."""
        if kind_of(wanted.url) != "s3" or {"endpoint", "provider"} & wanted.settings.keys():
            return
        known = {one.id: one for one in providers.known().values() if "s3" in one.kinds and one.endpoint}
        self.out.say(f"  hosts known: {', '.join(known)}")
        while True:
            given = self.line("which host, or its endpoint (https://…)", "aws" if "aws" in known else "")
            if given in known:
                wanted.settings["provider"] = given
                for need in known[given].needs:
                    if need not in wanted.settings:
                        wanted.settings[need] = self.line(f"{need}, as the host's console shows it")
                return
            if re.match(r"https?://[^/]+/?$", given):
                wanted.settings["endpoint"] = given.rstrip("/")
                return
            self.out.say("  one of these, or an address that begins with https://")

    def _others(self, wanted: Wanted) -> None:
        """The settings that no question is about."""
        asked = {one.setting for one in _questions(wanted.url)}
        for setting, value in [pair for pair in wanted.settings.items() if pair[0] not in asked]:
            one = Question(setting=setting, text=setting, secret=config_checks.is_for_secret(setting))
            wanted.settings[setting] = self._answer(wanted, one, value)
            if not wanted.settings[setting]:
                del wanted.settings[setting]

    def _settings(self, wanted: Wanted, password: str | None, *, anew: bool = False) -> None:
        settings = wanted.settings
        before = dict(settings) if anew else {}
        if anew:
            for one in _questions(wanted.url):
                settings.pop(one.setting, None)
        if password is not None:
            setting = PASSWORDS.get(kind_of(wanted.url), "password")
            wanted.settings[setting] = self._store(wanted, setting, password)
            self.out.say(f"  the password in it is kept in {wanted.files[-1]}, not in the configuration")
        for one in _questions(wanted.url):
            if one.setting in wanted.settings or any(each in wanted.settings for each in one.unless):
                continue
            if one.setting == "passphrase" and "key" not in wanted.settings:
                continue
            if one.setting == "user" and urlsplit(wanted.url).username:
                continue
            if one.setting == "password" and not (wanted.settings.get("user") or urlsplit(wanted.url).username):
                continue
            answer = self._answer(wanted, one, before.get(one.setting, ""))
            if answer:
                wanted.settings[one.setting] = answer

    def _answer(self, wanted: Wanted, one: Question, before: str = "") -> str:
        text = f"{one.text} (-: none)" if before and not one.needed else one.text
        while True:
            if one.secret and not one.file:
                try:
                    shown = "not shown; empty: as before" if before else "not shown"
                    answer = self.read_secret(f"{text} ({shown}): ").strip() or before
                except EOFError:
                    raise UsageError("nothing more was typed; nothing is changed") from None
            else:
                answer = self.line(text, before if not one.secret or is_reference(before) else "")
            if before and answer == before and (not one.secret or is_reference(before)):
                return before
            if before and answer == "-" and not one.needed:
                return ""
            if not answer and not one.needed:
                return ""
            if answer and (not one.secret or is_reference(answer)):
                return os.path.expanduser(answer) if one.setting == "key" else answer
            if answer and one.file:
                secret = self._file(Path(answer).expanduser())
                if secret:
                    return self._store(wanted, one.setting, secret)
            elif answer:
                return self._store(wanted, one.setting, answer)
            self.out.say("  it doesn't work without (Ctrl-C stops; nothing is changed then)")

    def _file(self, path: Path) -> str | None:
        try:
            with path.open("rb") as file:
                return file.read(LARGEST + 1).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.out.say(f"  {path}: {getattr(error, 'strerror', None) or 'not a text'}")
            return None

    def _store(self, wanted: Wanted, setting: str, secret: str) -> str:
        path = store(self.publication.folder, wanted.name, setting, secret)
        wanted.files.append(path)
        return f"file:{SECRETS}/{path.name}"

    def _public(self, place: Pasted, wanted: Wanted) -> str | None:
        suggested = wanted.public or place.public or public_of(wanted) or ""
        self.out.say("  Where do readers reach the same files? An address without it is not listed for them.")
        while True:
            given = self.line(
                "public address (- for none yet)" if suggested else "public address (empty: none yet)", suggested
            )
            if given in ("", "-"):
                return None
            if re.match(r"https?://[^\s/]+", given):
                return given
            self.out.say("  it begins with https:// (or http:// for an onion)")

    def again(self, error: TamizdatError, wanted: Wanted) -> bool:
        """After a try that failed: whether to try once more, perhaps with a setting that the probe asked for, or with
        other answers where these can't work."""
        self.out.say()
        self.out.say(f"  {error}")
        if error.hint:
            self.out.say(f"  → {error.hint}")
        offered = re.search(r"--set ([a-z_]+)=(\S+)", error.hint or "")
        if offered and not offered[2].startswith(("…", "env:", "file:", "cred:")):
            value = offered[2].strip("'\"`,.;)")
            about = "Did the server's owner tell you this very fingerprint" if offered[1] == "host_key" else "Set"
            if self.yes(f"{about}: {offered[1]}={value}?"):
                wanted.settings[offered[1]] = value
                return True
        if error.status != UsageError.status:
            return self.yes("Mended? Try again", default=True)
        if not self.yes("Answer again? What you said is kept", default=True):
            return False
        self._anew(wanted)
        return True


def _questions(url: str) -> tuple[Question, ...]:
    return QUESTIONS.get(url.partition(":")[0]) or QUESTIONS.get(kind_of(url), ())


def store(folder: Path, name: str, setting: str, secret: str) -> Path:
    """The file that holds the secret from now on: `secrets/NAME.SETTING`, for this account alone."""
    inside = folder / SECRETS
    inside.mkdir(mode=0o700, exist_ok=True)
    path = inside / f"{name}.{setting}"
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path


@contextlib.contextmanager
def kept_if_done(wanted: Wanted) -> Iterator[None]:
    """Stored secrets go when what they were for fails, and those that another answer took the place of."""
    used: set[str] = set()
    try:
        yield
        used.update(wanted.settings.values())
    finally:
        for path in wanted.files:
            if f"file:{SECRETS}/{path.name}" not in used:
                with contextlib.suppress(OSError):
                    path.unlink()
                    path.parent.rmdir()


def public_of(wanted: Wanted) -> str | None:
    """Where the files of an object store are found without a name of one's own, as far as that is known."""
    bucket, _, prefix = wanted.url.partition("://")[2].partition("/")
    tail = f"/{quote(prefix.strip('/'))}" if prefix.strip("/") else ""
    kind, endpoint = kind_of(wanted.url), wanted.settings.get("endpoint", "")
    if kind == "gcs":
        return f"https://storage.googleapis.com/{bucket}{tail}"
    if kind == "azblob" and (account := wanted.settings.get("account")):
        return f"https://{account}.blob.core.windows.net/{bucket}{tail}"
    if kind != "s3" or "r2.cloudflarestorage.com" in endpoint or wanted.settings.get("provider") == "r2":
        return None  # R2 has an address for readers only once one is given to it
    provider = providers.known().get(wanted.settings.get("provider", "")) or providers.by_host(endpoint)
    if provider is not None and provider.id == "aws":
        region = wanted.settings.get("region")
        return f"https://{bucket}.s3.{region}.amazonaws.com{tail}" if region else None
    return f"{endpoint}/{bucket}{tail}" if endpoint else None


def look(url: str) -> str | None:
    """What kind of server answers like that, asked once without credentials; None when it can't be told."""
    from mirror.targets._probe import Failed
    from mirror.targets._public import ask

    try:
        answer = ask(url, "OPTIONS")
        if answer.get("DAV"):
            return "WebDAV"
        if "PUT" in answer.get("Allow").upper():
            return "HTTP PUT"
        answer = ask(url)
    except Failed:
        return None
    if b"<Error>" in answer.body[:2000] and b"<Code>" in answer.body[:2000]:
        return "an S3 server"
    return "WebDAV" if answer.get("DAV") else None
