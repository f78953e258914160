"""What it costs to trust one article, met for the first time: bytes, requests, time; next to TUF hash bins.

    python benchmarks/bench_trust.py        TAMIZDAT_BENCH_TRUST=quick for small sizes

Logs of 10³, 10⁵ and 10⁶ entries are really built, in seals of 1,000; 10⁹ is computed: a proof grows by one line of 45
bytes for each doubling, nothing else grows but digits; and a front file has a cap, which it meets by listing less. The
article is a made-up one that weighs what real ones do, the edition has as many of them as fit, three witnesses have
cosigned. Everything is verified from the fingerprint alone, in memory: what is counted is bodies, without headers of
HTTP.

    cold        trust files + `front` + the article        as a reader who opens a mirror for the first time
    by proof    trust files + the article + its proof      as one who was given a link or a pack

Next to it, python-tuf's own client against a repository that lists the same 10⁵ articles as targets, in 2^8, 2^10 and
2^14 hash bins (PEP 458 has 2^14): also from the pinned root, also with the article, as little as such a client can
fetch. It then knows what the repository says today, but nothing about yesterday.
"""

from __future__ import annotations

import copy
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from _articles import article, outlets
from _common import commas, show

import schemas
from mirror import pack
from signing import authority, checkpoint, cosignature, note, packing
from signing.checkpoint import Checkpoint
from signing.entry import Entry, entry_of
from signing.front import MAX_BYTES, Front
from signing.keys import SignerKey
from signing.merkle import EMPTY_ROOT, check_inclusion, leaf_hash
from signing.proof import Proof
from signing.proof import parse as parse_proof
from signing.roles import Trust
from signing.tiles import Tree
from signing.trust import fingerprint, walk
from signing.verify import PIECE, verify_bundle, verify_front, verify_listed

QUICK = os.environ.get("TAMIZDAT_BENCH_TRUST") == "quick"
SIZES = (1_000, 10_000) if QUICK else (1_000, 100_000, 1_000_000)
COMPUTED = 1_000_000_000
ARTICLES = 2_000 if QUICK else 100_000
BITS = (4, 6) if QUICK else (8, 10, 14)
SEAL = 1_000
NOW = datetime(2027, 3, 1, 8, 0, 0, tzinfo=UTC)
TIME = "2027-03-01T08:00:00Z"
ORIGIN = "bench.example"


def key(name: str, number: int) -> SignerKey:
    return SignerKey(f"{ORIGIN}/{name}", bytes([number]) * 32)


LOG, PUBLISHER, ONLINE = key("log/2027", 1), key("publisher", 2), key("online", 3)
ROOTS = [key(f"root{number}", number) for number in (4, 5, 6)]
WITNESSES = [cosignature.witness_key(f"witness{number}.example/w", bytes([number]) * 32) for number in (7, 8, 9)]


# --- what is served --------------------------------------------------------------------------------------------------


def trust_files() -> dict[str, bytes]:
    """A publication's trust files: 2 of 3 root keys, three witnesses of which two are needed."""
    document = {
        "v": 1,
        "kind": "trust",
        "origin": ORIGIN,
        "name": "Bench",
        "time": TIME,
        "logs": [{"origin": LOG.name, "key": LOG.verifier.text, "from": "2027-01-01T00:00:00Z"}],
        "publishers": [{"key": PUBLISHER.verifier.text, "outlets": ["*"], "from": "2020-01-01T00:00:00Z"}],
        "root": {"version": 1, "digest": "0" * 64},
    }
    lines = [f"witness w{number} {one.verifier.text}" for number, one in enumerate(WITNESSES)]
    policy = "\n".join([*lines, "group all 2 w0 w1 w2", "quorum all", ""]).encode()
    return authority.create(
        root=ROOTS,
        threshold=2,
        online=ONLINE,
        trust_document=packing_line(document),
        now=NOW,
        targets={"witness.policy": policy},
    )


def packing_line(document: object) -> bytes:
    import json

    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def an_article() -> tuple[bytes, dict[str, Any]]:
    """One whole article of the usual weight: its bundle, and the document in it."""
    outlet = outlets(1)[0]
    sizes = []
    for number in range(4_900, 4_931):
        whole, _ = article(number, outlet, NOW)
        split, parts = pack.split(whole, lambda: "ab" * 16)
        if not parts:
            document = pack.to_document(split)
            sizes.append((packing.gzip_bytes(note.sign(packing_line(document), PUBLISHER)), document))
    return sorted(sizes, key=lambda one: len(one[0]))[len(sizes) // 2]


def an_edition(
    stored: bytes, document: dict[str, Any], index: int, listed: int
) -> tuple[bytes, dict[str, Any], dict[str, Any]]:
    """An edition with so many articles, that one first: its bundle, its document, the article's item."""
    outlet = outlets(1)[0]

    def item(of: dict[str, Any], digest: str, size: int, at: int) -> dict[str, Any]:
        names = ("title", "lead", "published", "fetched", "language", "direction", "url")
        return {name: of[name][:200] for name in names if name in of} | {
            "digest": digest,
            "size": size,
            "index": at,
            "revision": 1,
        }

    first = item(document, packing.digest_of(stored), len(stored), index)
    items = [first]
    for number in range(4_800, 4_799 + listed):
        other = pack.to_document(article(number, outlet, NOW)[0])
        items.append(item(other, packing.digest_of(b"%d" % number), 4_000, max(0, index - number)))
    made = {
        "v": 1,
        "kind": "edition",
        "publication": {"name": "Bench", "origin": ORIGIN},
        "serial": 1000,
        "time": TIME,
        "next": "2027-03-02T08:00:00Z",
        "outlets": [
            {
                "id": outlet.id,
                "name": outlet.name,
                "url": outlet.url,
                "language": "ru",
                "direction": "ltr",
                "articles": items,
            }
        ],
        "mirrors": [],
        "withdrawals": [],
        "trust": {"digest": "0" * 64, "size": 500},
        "generator": "tamizdat/bench",
    }
    return packing.gzip_bytes(note.sign(packing_line(made), PUBLISHER)), made, first


class Built:
    """A log of `size` entries: the article after a third of them, the edition that lists it at the end."""

    def __init__(self, size: int, stored: bytes, document: dict[str, Any]) -> None:
        self.stored = stored
        self.seconds = 0.0
        files: dict[str, bytes] = {}
        roots: dict[int, bytes] = {0: EMPTY_ROOT}
        at = 0
        self.index = size // 3
        own = entry_of(document, packing.digest_of(stored), len(stored)).encode()
        entries = _entries(size - 1, self.index, own)
        while at < size - 1:
            some = [entry for _, entry in zip(range(min(SEAL, size - 1 - at)), entries, strict=False)]
            start = perf_counter()
            tree = Tree.load(at, roots[at], files.__getitem__)
            for entry in some:
                tree.append(entry)
            files.update(tree.files())
            at = tree.size
            roots[at] = tree.root
            checkpoint.sign(Checkpoint(LOG.name, at, roots[at]), LOG)
            self.seconds += perf_counter() - start
            # Full tiles of entries are on the mirror, and nothing here needs them: a gigabyte less.
            for path in [path for path in files if path.startswith("tile/entries/") and ".p/" not in path]:
                del files[path]
        old = sorted(roots)[-8:]
        tree = Tree.load(at, roots[at], files.__getitem__)
        for listed in range(24, 0, -1):  # as many as a front file takes
            whole = self._front(tree, document, listed, [one for one in old if one])
            if len(whole) <= MAX_BYTES:
                self.front = whole
                break
        self.listed = listed
        self.proof = Proof(index=self.index, hashes=self._hashes, checkpoint=self.checkpoint).encode()

    def _front(self, before: Tree, document: dict[str, Any], listed: int, old: list[int]) -> bytes:
        tree = copy.deepcopy(before)
        edition, listing, self.item = an_edition(self.stored, document, self.index, listed)
        index = tree.append(entry_of(listing, packing.digest_of(edition), len(edition)).encode())
        signed = checkpoint.sign(Checkpoint(LOG.name, tree.size, tree.root), LOG)
        text = note.parse(signed).text
        lines = [cosignature.sign(text, one, int(NOW.timestamp())) for one in WITNESSES]
        self.checkpoint = cosignature.attach(signed, lines)
        self._hashes = tree.inclusion(self.index)
        proof = Proof(index=index, hashes=tree.inclusion(index), checkpoint=self.checkpoint).encode()
        return Front(
            edition=edition, proof=proof, consistency=tuple((one, tree.consistency(one)) for one in old)
        ).encode()


def _entries(count: int, place: int, own: bytes) -> Iterator[bytes]:
    for number in range(count):
        digest = packing.digest_of(b"%d" % number)
        other = Entry(kind="article", outlet="sample", url_digest=digest, digest=digest, size=3000, time=TIME)
        yield own if number == place else other.encode()


# --- what readers do -------------------------------------------------------------------------------------------------


class Served:
    """Files that are asked for, and what they weigh."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.bytes, self.requests = files, 0, 0

    def get(self, path: str, cap: int = 0) -> bytes | None:
        self.requests += 1
        data = self.files.get(path)
        self.bytes += len(data or b"")
        return data

    def need(self, path: str) -> bytes:
        data = self.get(path)
        assert data is not None, path
        return data


def _forget() -> None:
    """As a process that has verified nothing yet."""
    checkpoint.open_checkpoint.cache_clear()
    cosignature._cosigners.cache_clear()


def _trusted(served: Served, pin: str) -> Trust:
    view = walk(served.get, pin=pin, now=NOW)
    document = packing.parse_json(view.trust)
    schemas.check("trust", document)
    return Trust.from_document(document, policy=view.policy)


def cold(served: Served, pin: str, item: dict[str, Any]) -> None:
    trusted = _trusted(served, pin)
    edition, _, _ = verify_front(served.need("front"), trust=trusted, schema=schemas.check)
    verify_listed(served.need("bundle"), item=item, edition=edition, trust=trusted, schema=schemas.check)


def by_proof(served: Served, pin: str, item: dict[str, Any]) -> None:
    trusted = _trusted(served, pin)
    stored, proof = served.need("bundle"), served.need("proof")
    verify_bundle(stored, digest=item["digest"], proof=proof, trust=trusted, schema=schemas.check, cap=PIECE)


def _read(reader: Callable[..., None], files: dict[str, bytes], pin: str, item: dict[str, Any]) -> None:
    reader(Served(files), pin, item)


def timed(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds, the median of so many rounds."""
    found = []
    for _ in range(rounds):
        _forget()
        start = perf_counter()
        work()
        found.append(perf_counter() - start)
    return sorted(found)[rounds // 2] * 1e3


def steps(built: Built, trusted: Trust, rounds: int) -> list[tuple[str, float]]:
    """The numbered checks of a bundle by its proof, each alone."""
    stored, digest = built.stored, built.item["digest"]
    text = packing.gunzip(stored, 1 << 20)
    parsed = note.parse(text)
    document = packing.parse_json(parsed.text)
    assert isinstance(document, dict)
    publisher = PUBLISHER.verifier
    entry = entry_of(document, digest, len(stored)).encode()
    proof = parse_proof(built.proof)
    tree = checkpoint.parse_text(note.parse(proof.checkpoint).text)
    witnesses = [one.verifier for one in WITNESSES]

    def inclusion() -> None:
        again = parse_proof(built.proof)
        check_inclusion(leaf=leaf_hash(entry), index=again.index, size=tree.size, root=tree.root, hashes=again.hashes)

    work: dict[str, Callable[[], object]] = {
        "2 SHA-256": lambda: packing.digest_of(stored),
        "3 gunzip": lambda: packing.gunzip(stored, 1 << 20),
        "4 note": lambda: note.parse(text),
        "5 publisher's signature": lambda: publisher.verifies(parsed.text, parsed.lines[0].signature),
        "6 strict JSON": lambda: packing.parse_json(parsed.text),
        "6 schema": lambda: schemas.check("bundle", document),
        "8 entry rebuilt": lambda: entry_of(document, digest, len(stored)).encode(),
        "9 proof read, inclusion": inclusion,
        "10 log's signature": lambda: checkpoint.open_checkpoint(built.checkpoint, LOG.verifier, LOG.name),
        "10 three cosignatures": lambda: cosignature.cosigners(built.checkpoint, witnesses),
    }
    return [(name, timed(call, rounds)) for name, call in work.items()]


# --- hash bins -------------------------------------------------------------------------------------------------------


def bins(bits: int, stored: bytes, digest: str) -> tuple[int, int, float]:
    """Bytes, requests and milliseconds of python-tuf's client for one article out of `ARTICLES` in 2^bits bins."""
    from securesystemslib.signer import CryptoSigner
    from tuf.api.exceptions import DownloadHTTPError
    from tuf.api.metadata import (
        Delegations,
        Metadata,
        MetaFile,
        Root,
        Snapshot,
        SuccinctRoles,
        TargetFile,
        Targets,
        Timestamp,
    )
    from tuf.api.serialization.json import JSONSerializer
    from tuf.ngclient import Updater
    from tuf.ngclient.fetcher import FetcherInterface

    signers = {role: CryptoSigner.generate_ed25519() for role in ("root", "timestamp", "snapshot", "targets", "bin")}
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    compact = JSONSerializer(compact=True)

    def signed(what: Any, role: str) -> bytes:
        metadata = Metadata(what)
        metadata.sign(signers[role])
        return metadata.to_bytes(compact)

    root = Root(version=1, expires=later, consistent_snapshot=True)
    for role in ("root", "timestamp", "snapshot", "targets"):
        root.add_key(signers[role].public_key, role)
    public = signers["bin"].public_key
    roles = SuccinctRoles([public.keyid], 1, bits, "bin")
    targets = Targets(version=1, expires=later, delegations=Delegations({public.keyid: public}, succinct_roles=roles))
    made = {name: Targets(version=1, expires=later) for name in roles.get_roles()}
    for number in range(ARTICLES - 1):
        other = packing.digest_of(b"%d" % number)
        made[roles.get_role_for_target(other)].targets[other] = TargetFile(3000, {"sha256": other}, other)
    made[roles.get_role_for_target(digest)].targets[digest] = TargetFile(len(stored), {"sha256": digest}, digest)
    snapshot = Snapshot(version=1, expires=later)
    snapshot.meta["targets.json"] = MetaFile(version=1)
    snapshot.meta |= {f"{name}.json": MetaFile(version=1) for name in made}
    files = {f"1.{name}.json": signed(one, "bin") for name, one in made.items()}
    files["1.root.json"] = signed(root, "root")
    files["1.targets.json"] = signed(targets, "targets")
    files["1.snapshot.json"] = signed(snapshot, "snapshot")
    files["timestamp.json"] = signed(
        Timestamp(version=1, expires=later, snapshot_meta=MetaFile(version=1)), "timestamp"
    )
    files[f"{digest}.{digest}"] = stored
    served = Served(files)

    class FromMemory(FetcherInterface):
        def _fetch(self, url: str) -> Iterator[bytes]:
            data = served.get(url.removeprefix("https://bins.example/"))
            if data is None:
                raise DownloadHTTPError("not found", 404)
            yield data

    found = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            served.bytes, served.requests = len(files["1.root.json"]), 1  # ours is fetched and counted, too
            start = perf_counter()
            client = Updater(
                folder,
                "https://bins.example/",
                folder,
                "https://bins.example/",
                fetcher=FromMemory(),
                bootstrap=files["1.root.json"],
            )
            info = client.get_targetinfo(digest)
            assert info is not None
            assert Path(client.download_target(info)).read_bytes() == stored
            found.append(perf_counter() - start)
    return served.bytes, served.requests, sorted(found)[2] * 1e3


# --- tables ----------------------------------------------------------------------------------------------------------


def main() -> None:
    """Print the tables."""
    rounds = 20 if QUICK else 101
    stored, document = an_article()
    files = trust_files()
    pin = fingerprint(files["trust/1.root.json"])
    rows = [["entries", "proof", "hashes", "cold bytes", "requests", "by proof", "requests", "ms cold", "ms by proof"]]
    counted: dict[int, tuple[int, int, float, float]] = {}
    speed = 0.0
    for size in SIZES:
        built = Built(size, stored, document)
        speed = (size - 1) / built.seconds
        every = {**files, "front": built.front, "bundle": stored, "proof": built.proof}
        weighed = []
        for reader in (cold, by_proof):
            served = Served(every)
            reader(served, pin, built.item)
            once = timed(partial(_read, reader, every, pin, built.item), rounds)
            weighed.append((served.bytes, served.requests, once))
        (first, first_requests, first_ms), (second, second_requests, second_ms) = weighed
        hashes = len(parse_proof(built.proof).hashes)
        counted[size] = (first, second, first_ms, second_ms)
        rows.append(
            [
                commas(size),
                commas(len(built.proof)),
                str(hashes),
                commas(first),
                str(first_requests),
                commas(second),
                str(second_requests),
                f"{first_ms:.1f}",
                f"{second_ms:.1f}",
            ]
        )
    last = SIZES[-1]
    # At worst: every level up to the root has a sibling. Two more numbers, size and index, have more digits.
    more = 45 * ((COMPUTED - 1).bit_length() - hashes) + 2 * (len(str(COMPUTED)) - len(str(last)))
    rows.append(
        [
            f"{commas(COMPUTED)} (computed)",
            commas(len(built.proof) + more),
            str((COMPUTED - 1).bit_length()),
            f"at most {commas(counted[last][0] - len(built.front) + MAX_BYTES)}",
            rows[-1][4],
            commas(counted[last][1] + more),
            rows[-1][6],
            "",
            "",
        ]
    )
    print(f"\none article of {commas(len(stored))} bytes, trusted from the fingerprint alone; of them trust files:")
    walked = Served(files)
    trusted = _trusted(walked, pin)
    print(f"{commas(walked.bytes)} bytes in {walked.requests} requests (one of them answered by: there is none)\n")
    show(rows)

    print(f"\nverify time by step, in the log of {commas(last)}, ms")
    split = [*steps(built, trusted, rounds), ("trust files", timed(lambda: _trusted(Served(files), pin), rounds))]
    whole = sum(time for _, time in split)
    show([["step", "ms", "%"], *([name, f"{time:.3f}", f"{100 * time / whole:.0f}"] for name, time in split)])

    print(f"\nappended: {commas(speed)} entries a second, {SEAL} a seal, tiles and a signed checkpoint each\n")

    size = min(SIZES, key=lambda one: abs(one - ARTICLES))
    ours = counted[size]
    rows = [[f"{commas(ARTICLES)} articles", "bytes cold", "requests", "ms", "times ours"]]
    rows.append(["this log, by proof", commas(ours[1]), str(second_requests), f"{ours[3]:.1f}", "1.0"])
    for bits in BITS:
        weight, requests, milliseconds = bins(bits, stored, packing.digest_of(stored))
        ratio = f"{weight / ours[1]:.1f}"
        rows.append([f"TUF, 2^{bits} bins", commas(weight), str(requests), f"{milliseconds:.1f}", ratio])
    show(rows)


if __name__ == "__main__":
    sys.exit(main())
