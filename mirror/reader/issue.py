"""A publication's own reader.html: whether it is as it should be, the next one, and where mirrors show it.

Root keys sign it, as a target of the trust files, along with whatever else they sign (`mirror.changes`). It should be
another one when

    there is none         of publications that are older than the reader
    the program           of the tool here is another, and not of an older version
    the mirrors           are other ones
    who may sign          is not what it has: roots, trust.json, witness policy. It has what was in force before it was
                          signed, so after a change of keys it is always one behind, until they sign the next time

Nothing here checks a signature: the files are the publication's own.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mirror import __version__, reader
from mirror.errors import TamizdatError
from mirror.publication import Publication, timestamp
from signing import authority
from signing.errors import FormatError, SigningError
from signing.trust import POLICY, TARGET

if TYPE_CHECKING:
    from mirror.archive import Archive

SIGNATURE: Final = reader.NAME + ".minisig"
# Of the trust files, what says who may sign; the others are about versions and dates.
_WHO: Final = re.compile(rf"trust/([1-9][0-9]*\.root\.json|targets/[0-9a-f]{{64}}\.({TARGET}|{POLICY}))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The reader that the trust files list: `data` are its bytes, None when the archive lacks them."""

    size: int
    digest: str
    data: bytes | None

    @property
    def path(self) -> str:
        return f"trust/targets/{self.digest}.{reader.NAME}"


def listed(publication: Publication) -> Listed | None:
    """What the newest targets metadata lists; None when it lists none. Raises `TamizdatError`."""
    found = _targets(publication).get(reader.NAME)
    if found is None:
        return None
    size, digest = found
    made = Listed(size=size, digest=digest, data=None)
    try:
        data = (publication.tree / made.path).read_bytes()
    except OSError:
        return made
    whole = len(data) == size and hashlib.sha256(data).hexdigest() == digest
    return Listed(size=size, digest=digest, data=data if whole else None)


def make(publication: Publication, now: datetime, languages: list[str] | None = None) -> bytes:
    """The reader as it would be signed now: with the trust files in force. Raises `TamizdatError`."""
    from mirror.changes import own_view

    config = publication.config
    data = reader.publication_data(
        name=config.publication.name,
        origin=config.publication.origin,
        pin=publication.fingerprint(),
        made=timestamp(now),
        trust=own_view(publication, now).files,
        mirrors=mirrors(publication),
    )
    return reader.page(data, languages)


def mirrors(publication: Publication) -> list[str]:
    """Addresses of all mirrors that are meant for readers. One that fails today stays: the file is read for years, and
    what lives is found out by trying."""
    config = publication.config
    never = {target.public for target in config.targets.values() if target.listed == "never"}
    return [one.url for one in config.mirrors if one.url not in never]


def outdated(publication: Publication, *, useless: bool = False) -> str | None:
    """Why it should be another one, in a few words; None while it shouldn't. With `useless` only what is worth fetching
    root keys from a drawer for: there is none, this tool has a newer one, or no mirror that it names is one any more.
    Raises `TamizdatError`."""
    found = listed(publication)
    if found is None:
        return "the trust files list none yet"
    if found.data is None:
        return f"{publication.tree / found.path} is missing or damaged"
    try:
        program, data = reader.parts(found.data)
        version = str(data["reader"]["version"])
        who = {str(path): str(text) for path, text in data["trust"].items() if _WHO.fullmatch(str(path))}
        told, name = list(data["mirrors"]), data["name"]
    except (SigningError, LookupError, TypeError, AttributeError):
        return "it is not one that this tool makes"
    now = mirrors(publication)
    changed = told != now if not useless else bool(now) and not set(told) & set(now)
    reasons = {
        "this tool has a newer one": program != reader.template() and _order(version) <= _order(__version__),
        "the mirrors changed": changed,
        "the publication's name changed": not useless and name != publication.config.publication.name,
        "it was made before the newest change of keys": not useless and who != _who(publication),
    }
    return next((why for why, holds in reasons.items() if holds), None)


def show(publication: Publication, archive: Archive) -> int:
    """How many files changed beside the front page, in an archive that is locked: there stands the reader that the
    trust files list, and a minisign signature where that key is here. A convenience; nobody trusts it for being there.
    """
    found = listed(publication)
    if found is None or found.data is None:
        return archive.show({reader.NAME: None, SIGNATURE: None})
    signature = archive.store.read(SIGNATURE)
    key = _minisign(publication)
    if key is not None and not _is_signed(found.data, signature, key.verifier):
        from signing import minisign

        made = datetime.fromisoformat(reader.parts(found.data)[1]["made"])
        origin = publication.config.publication.origin
        trusted = minisign.comment(timestamp=int(made.timestamp()), file=reader.NAME, origin=origin)
        signature = minisign.sign(found.data, key, trusted)
    elif key is None and archive.store.read(reader.NAME) != found.data:
        signature = None  # it is of another file
    return archive.show({reader.NAME: found.data, SIGNATURE: signature})


def _minisign(publication: Publication) -> Any:
    """The minisign key, if it is here and the one that readers are told of."""
    from signing import minisign

    path = publication.key_path("minisign")
    named = _targets(publication).get("minisign.pub")
    if not path.exists() or named is None:
        return None
    if named[1] != hashlib.sha256(minisign.public_text(publication.public("minisign"))).hexdigest():
        return None
    return publication.key("minisign")


def _is_signed(data: bytes, signature: bytes | None, key: Any) -> bool:
    from signing import minisign

    try:
        minisign.verify(data, signature or b"", minisign.PublicKey.of(key))
    except SigningError:
        return False
    return True


def _targets(publication: Publication) -> dict[str, tuple[int, str]]:
    """Size and digest of each target that the newest metadata lists."""
    return dict(authority.targets_facts(_newest(publication, "targets")[1]).targets)


def root_in_force(publication: Publication) -> bytes:
    """The newest root file. Raises `TamizdatError`."""
    return _newest(publication, "root")[1]


def _newest(publication: Publication, role: str) -> tuple[int, bytes]:
    folder = publication.tree / "trust"
    numbers = [path.name.split(".")[0] for path in folder.glob(f"*.{role}.json")]
    newest = max((int(one) for one in numbers if one.isdecimal()), default=0)
    try:
        return newest, (folder / f"{newest}.{role}.json").read_bytes()
    except OSError as error:
        raise TamizdatError(
            f"{error.filename}: {error.strerror}", hint="restore archive/trust from a mirror or a backup"
        ) from error


def _who(publication: Publication) -> dict[str, str]:
    """The files that say who may sign, by path."""
    newest, _root = _newest(publication, "root")
    paths = [f"trust/{number}.root.json" for number in range(1, newest + 1)]
    listed = _targets(publication)
    paths += [f"trust/targets/{listed[name][1]}.{name}" for name in (TARGET, POLICY) if name in listed]
    found = {}
    for path in paths:
        try:
            found[path] = (publication.tree / path).read_text("utf-8")
        except (OSError, ValueError):
            found[path] = ""  # the next seal says what is wrong with the archive
    return found


def _order(version: str) -> tuple[int, ...]:
    """What versions are compared by; what is none counts as the oldest."""
    numbers = re.fullmatch(r"([0-9]{1,6})\.([0-9]{1,6})(?:\.([0-9]{1,6}))?.*", version)
    return tuple(int(one or 0) for one in numbers.groups()) if numbers else ()


def describe(page: bytes) -> dict[str, Any]:
    """What a reader's file says of itself: origin, pin, made, mirrors, version, and whether its program is that of the
    tool here. FormatError for what this tool never makes."""
    program, data = reader.parts(page)
    try:
        facts = {name: data[name] for name in ("origin", "pin", "made", "name")}
        facts["mirrors"] = [str(url) for url in data["mirrors"]]
        facts["version"] = str(data["reader"]["version"])
    except (LookupError, TypeError) as error:
        raise FormatError(f"not a reader of this tool: {error}") from None
    if not all(isinstance(facts[name], str) for name in ("origin", "pin", "made", "name")):
        raise FormatError("not a reader of this tool")
    return {**facts, "same_program": program == reader.template()}
