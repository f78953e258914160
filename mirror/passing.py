"""What is passed from hand to hand of an article that was verified: the files of its pack, the page that holds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mirror import shared_page
from mirror.read import object_path, pack_bytes, proof_path
from signing import proof as proofs

if TYPE_CHECKING:
    from mirror.findings import Verdict
    from signing.verify import VerifiedBundle

_MINISIGN = b"untrusted comment: "


def pack_files(
    bundle: VerifiedBundle, verdict: Verdict, files: Mapping[str, bytes], *, signature: bytes | None = None
) -> dict[str, bytes]:
    """The files of a pack (DESIGN.md, 2.10): the article, its parts, pictures and proof, the trust files, the front
    page. `files` are those it was verified with, by path. Not what it was made from: a pack is small.

    `signature` is a minisign signature of the bundle's stored bytes. It travels in the proof's `extra` line, so that it
    stays with the article wherever it is passed on to, and stands beside as `article.minisig` for people with minisign.
    Without one, that of the proof is kept."""
    document: dict[str, Any] = bundle.document
    shown = [one for one in document["resources"] if one["role"] != "evidence"]
    names = [object_path(bundle.digest), *(object_path(one["digest"]) for one in (*document["parts"], *shown))]
    proof = proofs.parse(files[proof_path(bundle.digest)])
    if signature is not None:
        proof = replace(proof, extra=signature)
    made = {
        "pack.json": f'{{"v":1,"kind":"pack","digest":"{bundle.digest}"}}'.encode(),
        **verdict.kept,
        proof_path(bundle.digest): proof.encode(),
        **{name: files[name] for name in names if name in files},
    }
    if proof.extra is not None and proof.extra.startswith(_MINISIGN):
        made[shared_page.SIGNATURE] = proof.extra
    return made


def page(bundle: VerifiedBundle, verdict: Verdict, files: Mapping[str, bytes], *, signed: bool = False) -> bytes:
    """The page of an article, with the pack of these files inside. `signed` says that it will be signed as a whole.
    FormatError when it would be too large."""
    return _page(
        bundle,
        verdict,
        pack=pack_bytes(files),
        picture=lambda digest: files.get(object_path(digest)),
        by_hand="page" if signed else "bundle" if shared_page.SIGNATURE in files else None,
    )


def shows(data: bytes, bundle: VerifiedBundle, verdict: Verdict, picture: Callable[[str], bytes | None]) -> bool:
    """Whether a page is byte for byte what this version makes of its article, a signature at the end apart. Those that
    a reader or another version made are not, and nothing is wrong with that."""
    pack = shared_page.extract(data)
    before, signature = shared_page.signed_part(data) or (data, b"")
    # The comment at the end must not end early: what follows would be shown.
    return b">" not in signature and any(
        before == _page(bundle, verdict, pack=pack, picture=picture, by_hand=by_hand)
        for by_hand in (("page",) if signature else ("bundle", None))
    )


def _page(
    bundle: VerifiedBundle,
    verdict: Verdict,
    *,
    pack: bytes,
    picture: Callable[[str], bytes | None],
    by_hand: str | None,
) -> bytes:
    return shared_page.page(
        bundle.document,
        verdict.parts,
        digest=bundle.digest,
        publication=verdict.publication or "",
        pack=pack,
        picture=picture,
        by_hand=by_hand,
    )
