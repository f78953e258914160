"""An article as one file to pass on, and minisign signatures of files. The operator's side; `tamizdat get` is the
reader's.

A format is a function in `FORMATS`. What it is given was verified as a reader would, from the pinned root, so that what
is passed on never says less than what is on the mirrors.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mirror.errors import UsageError
from mirror.publication import Publication
from mirror.read import write_file

if TYPE_CHECKING:
    from mirror.findings import Verdict
    from signing.keys import SignerKey
    from signing.verify import VerifiedBundle

SUFFIX: Final = ".minisig"


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """What a format writes: a verified article, and the files of the mirror tree that it was verified with. `sign`
    makes a minisign signature of bytes that will have this name; None when none is wanted."""

    bundle: VerifiedBundle
    verdict: Verdict
    files: Mapping[str, bytes]
    sign: Callable[[bytes, str], bytes] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written. `signature` is None when none was wanted."""

    file: Path
    signature: Path | None
    digest: str
    title: str


def export(
    publication: Publication, what: str, *, form: str = "pack", output: Path | None, sign: bool = True, now: datetime
) -> Exported:
    """Writes the article `what` (digest of a revision, address at the outlet, or path of its page) in the format
    `form`, and beside it a minisign signature.

    Raises `UsageError` for an unknown article or format, one that waits for the next seal, or a missing minisign key,
    and `DoNotTrust` when the archive does not verify.
    """
    if form not in FORMATS:
        raise UsageError(f"unknown format {form!r}", hint=f"there are: {', '.join(sorted(FORMATS))}")
    key = _signer(publication) if sign else None  # before anything is written
    suffix, write = FORMATS[form]
    article = _verified(publication, what, now)
    if key is not None:
        index = article.bundle.index
        article = replace(
            article, sign=lambda data, name: _signature(publication, key, data, name, index=index, now=now)
        )
    file = _file(output, article.bundle.digest, suffix)
    write(article, file)
    document: dict[str, Any] = article.bundle.document
    signature = sign_file(publication, file, index=article.bundle.index, now=now) if sign else None
    return Exported(file=file, signature=signature, digest=article.bundle.digest, title=document["title"])


def sign_file(publication: Publication, file: Path, *, index: int | None = None, now: datetime) -> Path:
    """Signs any file - a pack, a release, the reader's page - with the publication's minisign key: the path of the
    signature, which is the file's with `.minisig` after it. `index` is an article's place in the log. Raises
    `UsageError` when there is no key or the trust files name another one, `TamizdatError` when a file cannot be read or
    written."""
    key = _signer(publication)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from None
    signature = file.with_name(file.name + SUFFIX)
    write_file(signature, _signature(publication, key, data, file.name, index=index, now=now))
    return signature


def _signature(
    publication: Publication, key: SignerKey, data: bytes, name: str, *, index: int | None, now: datetime
) -> bytes:
    from signing import minisign

    origin = publication.config.publication.origin
    trusted = minisign.comment(timestamp=int(now.timestamp()), file=name, origin=origin, index=index)
    return minisign.sign(data, key, trusted)


def _signer(publication: Publication) -> SignerKey:
    """The minisign key, if it is the one that readers are told of."""
    from mirror.read import FolderMirror
    from signing import minisign
    from signing.trust import walk

    if not publication.key_path("minisign").exists():
        raise UsageError(
            f"{publication.key_path('minisign')}: there is no minisign key",
            hint="make one: tamizdat key rotate minisign",
        )
    key = publication.key("minisign")
    anchor = (publication.tree / "trust" / "1.root.json").read_bytes()
    now = datetime.fromisoformat("2000-01-01T00:00:00+00:00")  # dates are not the question here
    named = walk(FolderMirror(publication.tree).get, pin=anchor, now=now).targets.get("minisign.pub")
    if named is None:
        raise UsageError(
            "the trust files name no minisign key, so nobody could check the signature",
            hint="let root keys name it: tamizdat key rotate minisign; or leave the signature out: --unsigned",
        )
    if named.digest != hashlib.sha256(minisign.public_text(key)).hexdigest():
        raise UsageError(
            f"{publication.key_path('minisign')}: is not the key that the trust files name",
            hint="finish the change of keys: tamizdat key install",
        )
    return key


def _verified(publication: Publication, what: str, now: datetime) -> Article:
    """The article, verified from the archive's own files as a reader would."""
    from mirror.copying import Keeping
    from mirror.errors import DoNotTrust
    from mirror.known import Memory
    from mirror.read import FolderMirror
    from mirror.verdict import check_article

    with contextlib.closing(publication.archive()) as archive:
        found = archive.find(what)
    row = next((one for one in found.revisions if one.digest == what.strip()), found.revisions[-1])
    if row.idx is None:
        raise UsageError(f"{what}: is not in the log yet", hint="tamizdat seal")
    keeping = Keeping(FolderMirror(publication.tree))
    verdict, bundle = check_article(
        keeping,
        digest=row.digest,
        pin=publication.fingerprint(),
        memory=Memory(None),
        now=now,
        what=what,
        evidence=True,
    )
    if bundle is None or verdict.problems:
        first = verdict.problems[0].detail if verdict.problems else "not authentic"
        raise DoNotTrust(f"{what}: the archive does not verify: {first}", hint="tamizdat doctor")
    return Article(bundle=bundle, verdict=verdict, files={**keeping.files, **verdict.kept})


# --- formats ---------------------------------------------------------------------------------------------------------


def _pack(article: Article, file: Path) -> None:
    """A `.tamizdat` pack (DESIGN.md, 2.10)."""
    from mirror.read import write_pack

    write_pack(file, _pack_files(article))


def _page(article: Article, file: Path) -> None:
    """One page with the pack inside (`mirror.shared_page`)."""
    from mirror import passing, shared_page
    from signing.errors import FormatError

    try:
        made = passing.page(article.bundle, article.verdict, _pack_files(article), signed=article.sign is not None)
    except FormatError as error:
        raise UsageError(str(error), hint="pass on a pack instead: --format pack") from error
    if article.sign is not None:
        made = shared_page.with_signature(made, article.sign(made, file.name))
    write_file(file, made)


def _pack_files(article: Article) -> dict[str, bytes]:
    from mirror.passing import pack_files
    from mirror.read import object_path

    path = object_path(article.bundle.digest)
    signature = article.sign(article.files[path], path) if article.sign is not None else None
    return pack_files(article.bundle, article.verdict, article.files, signature=signature)


def _warc(article: Article, file: Path) -> None:
    """What the article was made from, as it was fetched: the WARC file beside it."""
    from mirror.read import object_path

    document: dict[str, Any] = article.bundle.document
    kept = [one for one in document["resources"] if one["role"] == "evidence"]
    found = [article.files[path] for one in kept if (path := object_path(one["digest"])) in article.files]
    if not found:
        raise UsageError(
            "nothing of how this revision was fetched was kept",
            hint="evidence = true in the outlet's table keeps it from now on",
        )
    write_file(file, b"".join(found))  # WARC files may be joined


Format = Callable[[Article, Path], None]
FORMATS: Final[Mapping[str, tuple[str, Format]]] = {
    "pack": (".tamizdat", _pack),
    "html": (".html", _page),
    "warc": (".warc.gz", _warc),
}
"""By name: what the file's name ends in, and what writes it."""


def _file(output: Path | None, digest: str, suffix: str) -> Path:
    if output is None:
        return Path(f"{digest[:12]}{suffix}")
    if output.is_dir():
        return output / f"{digest[:12]}{suffix}"
    return output if output.name.endswith(suffix) else output.with_name(output.name + suffix)
