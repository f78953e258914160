"""Checks 1 to 10 on mirrors: what is right, and what is wrong in one way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signing import authority, checkpoint, cosignature, note
from signing.checkpoint import Checkpoint
from signing.entry import Entry, entry_of
from signing.keys import SignerKey
from signing.packing import digest_of, to_base64
from signing.proof import Proof
from signing.proof import parse as parse_proof
from tests.vectors import bytes_alone
from tests.vectors.book import Book, b64
from tests.vectors.publication import (
    FIRST,
    LOG,
    NEXT_LOG,
    ONLINE,
    POLICY,
    PUBLISHER,
    ROOTS,
    SECOND,
    SECOND_PUBLISHER,
    STRANGER,
    THIRD,
    WITNESSES,
    Log,
    Publication,
    article,
    bundle,
    key,
    log_key,
    one_line,
    publisher_key,
    salt,
    seconds,
    stored,
    trust_files,
    trust_json,
)

GOOD: Mapping[str, Any] = {"authentic": True, "check": None, "error": None, "evidence": None}
FRESH = {**GOOD, "fresh": "fresh", "current": "current", "seen": "first"}
MISSING = {"authentic": False, "check": None, "error": "missing"}
FRONT = {"what": "front"}
THIRD_PUBLISHER = key("example.org/publisher-3")


def failed(check: int) -> dict[str, Any]:
    return {"authentic": False, "check": check, "error": None, "evidence": None}


def o(digest: str) -> str:
    return f"o/{digest[:2]}/{digest[2:]}"


def proof(digest: str) -> str:
    return f"proof/{digest[:2]}/{digest[2:]}"


def ask(digest: str, **more: Any) -> dict[str, Any]:
    return {"what": "bundle", "digest": digest, **more}


def first_half(publication: Publication) -> None:
    """Two seals: an article that will be revised, a long one, one that will be withdrawn."""
    publication.add("story", article(1))
    blocks = [{"type": "paragraph", "content": ["The rest of it."]}]
    made = stored(one_line({"v": 1, "kind": "part", "blocks": blocks, "salt": salt("part")}))
    publication.digests["part"] = publication.put(made)
    publication.add("long", article(2, parts=[{"digest": digest_of(made), "size": len(made)}]))
    publication.seal(FIRST)
    publication.add("secret", article(3))
    publication.seal(SECOND)


def second_half(publication: Publication, **changes: Any) -> None:
    """The third seal: one article is revised, one withdrawn, one is already off the lists."""
    publication.withdraw("secret", article(3)["url"], THIRD)
    revised = article(1, revision=2, replaces=publication.digests["story"], fetched=THIRD)
    publication.add("story, revised", revised)
    publication.add("quiet", article(4))
    del publication.items[article(4)["url"]]
    publication.seal(THIRD, **changes)


def plain_mirrors(book: Book) -> tuple[Publication, Publication]:
    """The mirror before and after its third seal."""
    before = Publication(trust_files())
    first_half(before)
    book.mirror("earlier", "The mirror `plain` half an hour earlier: two seals.", before)
    plain = Publication(trust_files())
    first_half(plain)
    second_half(plain)
    book.mirrors["empty"] = ("Nothing at all.", {})
    book.mirror("plain", "One root key, no witnesses, one log, three seals.", plain)
    return before, plain


def write(book: Book, plain: Publication) -> None:
    good(book, plain)
    checks_1_to_4(book, plain)
    check_5(book)
    checks_6_and_7(book, plain)
    newer_kinds(book)
    checks_9_and_10(book, plain)
    witnesses(book)
    frozen(book, earlier=True)
    frozen(book, earlier=False)


def good(book: Book, plain: Publication) -> None:
    names = plain.digests
    url = article(1)["url"]
    revised = names["story, revised"]
    asked = book.asked
    asked("plain", "good-article", "The newest revision of an article.", ask(revised, url=url), FRESH)
    asked("plain", "good-article-by-digest", "Asked for by digest alone.", ask(revised), FRESH)
    asked("plain", "good-long-article", "An article with a further part.", ask(names["long"]), FRESH)
    edition = {**GOOD, "fresh": "fresh", "current": "unknown"}
    asked(
        "plain", "good-edition", "An older edition is a bundle too.", ask(names["edition 1"], kind="edition"), edition
    )
    asked("plain", "good-front", "The front page.", FRONT, FRESH)
    asked(
        "plain",
        "good-listed",
        "An article that the front page lists needs no proof of its own.",
        {"what": "listed", "digest": revised},
        {**GOOD, "fresh": "fresh", "current": "current"},
        change={proof(revised): None},
    )
    part = names["part"]
    size = len(plain.files[o(part)])
    of_part = {"what": "part", "digest": part, "size": size}
    asked("plain", "good-part", "The further part.", of_part, {"authentic": True, "check": None})
    wrong_size = {**of_part, "size": size + 1}
    asked("plain", "part-size", "The article says another size.", wrong_size, {"authentic": False, "check": 1})
    flipped = plain.files[o(part)][:-1] + b"\xff"
    asked(
        "plain",
        "part-one-byte",
        "One byte of the part is another.",
        of_part,
        {"authentic": False, "check": 2},
        change={o(part): flipped},
    )
    page = {**of_part, "kind": "page"}
    asked("plain", "part-no-page", "A part is no page of older articles.", page, {"authentic": False, "check": 6})
    asked(
        "plain",
        "good-not-listed",
        "No list has it any more; the log says that nothing came after it.",
        ask(names["quiet"]),
        FRESH,
    )
    asked(
        "plain",
        "superseded",
        "An earlier revision is as authentic as it was.",
        ask(names["story"]),
        {**FRESH, "current": "superseded"},
    )
    asked(
        "plain",
        "withdrawn",
        "A copy of a withdrawn article: authentic, and withdrawn.",
        ask(names["secret"]),
        {**FRESH, "current": "withdrawn"},
    )


def checks_1_to_4(book: Book, plain: Publication) -> None:
    names, files = plain.digests, plain.files
    digest = names["quiet"]
    data = files[o(digest)]

    def changed(name: str, about: str, path: str, data: bytes | None, expect: Mapping[str, Any]) -> None:
        book.asked("plain", name, about, ask(digest), expect, change={path: data})

    changed("missing-object", "The object is not there.", o(digest), None, MISSING)
    changed("missing-proof", "The proof is not there.", proof(digest), None, MISSING)
    changed("1-too-large", "The object is larger than 12,288 bytes.", o(digest), data + bytes(12_288), failed(1))
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    changed("2-one-byte", "One byte of the object is another.", o(digest), flipped, failed(2))
    other = files[o(names["story"])]
    changed("2-other-object", "Another article stands under this name.", o(digest), other, failed(2))
    made(book, plain, "3-no-gzip", "The object is the bare note.", note.sign("x\n", PUBLISHER), check=3)
    made(book, plain, "3-two-members", "Two gzip members.", data + data, check=3)
    made(book, plain, "3-bomb", "It unpacks to more than a megabyte.", bytes_alone.bomb(1_100_000), check=3)
    made(book, plain, "4-no-note", "The JSON without a signature.", stored(one_line(article(9))), check=4)
    line = note.sign("x\n", PUBLISHER)[3:]
    tab = b'{"a":\t1}\n'
    made(book, plain, "4-control-character", "A tab in the signed text.", stored(tab + b"\n" + line), check=4)


def made(book: Book, plain: Publication, name: str, about: str, data: bytes, *, check: int, **more: Any) -> None:
    """A case about an object that is not in the log; the proof beside it is another object's."""
    digest = digest_of(data)
    change = {o(digest): data, proof(digest): plain.files[proof(plain.digests["quiet"])]}
    book.asked("plain", name, about, ask(digest, **more), failed(check), change=change)


def check_5(book: Book) -> None:
    first, second, third = PUBLISHER, SECOND_PUBLISHER, THIRD_PUBLISHER
    publishers = [
        publisher_key(first.verifier, until="2027-03-01T09:15:00Z"),
        publisher_key(second.verifier, "other"),
        publisher_key(third.verifier, **{"from": "2027-03-01T09:15:00Z"}),
    ]
    keys = Publication(trust_files(publishers=publishers))
    keys.add("other outlet", article(1, outlet={"id": "other", "name": "Other"}), second)
    keys.add("both", article(2), first, third)
    keys.add("wrong outlet", article(3), second)
    keys.add("too late", article(4, fetched=THIRD), first)
    keys.add("too early", article(5), third)
    keys.add("last second", article(6, fetched="2027-03-01T09:15:00Z"), first)
    keys.add("stranger", article(7), STRANGER)
    keys.add("stranger too", article(8), first, STRANGER)
    for name in list(keys.items):
        del keys.items[name]
    keys.seal(SECOND)
    keys.serial += 1
    keys.add("edition by outlet key", keys.edition(SECOND), second)
    keys.seal(FIRST)
    book.mirror("keys", "Three publisher keys: one has ended, one is for one outlet, one has begun.", keys)

    def case(name: str, about: str, what: str, expect: Mapping[str, Any]) -> None:
        book.asked("keys", f"5-{name}", about, ask(keys.digests[what]), expect)

    case("good-for-its-outlet", "A key that counts for this outlet.", "other outlet", GOOD)
    case("good-by-one-of-two", "Two keys signed, one of them counts at that time.", "both", GOOD)
    case("good-in-the-last-second", "Fetched in the last second of its key.", "last second", GOOD)
    case("good-with-a-stranger", "A stranger signed as well.", "stranger too", GOOD)
    case("other-outlet", "The key counts for another outlet.", "wrong outlet", failed(5))
    case("too-late", "Fetched after the key had ended.", "too late", failed(5))
    case("too-early", "Fetched before the key began.", "too early", failed(5))
    case("stranger", "A key of the same name that nobody vouches for.", "stranger", failed(5))
    case("edition-by-outlet-key", "An edition needs a key for all outlets.", "edition by outlet key", failed(5))


def newer_kinds(book: Book) -> None:
    """What came to the format after the first articles were signed."""
    noted = Publication(trust_files())
    blocks = [
        {"type": "paragraph", "content": ["It is open again.", {"type": "note", "label": "1"}]},
        {
            "type": "footnotes",
            "items": [{"label": "1", "content": [{"type": "paragraph", "content": ["Since Monday."]}]}],
        },
    ]
    removed = {"noticed": SECOND, "answer": "410 Gone"}
    noted.add("noted", article(1, blocks=blocks, removed=removed))
    noted.seal(THIRD)
    book.mirror("noted", "One article with a footnote, whose page the outlet has removed.", noted)
    about = "A footnote, its mark, and that the outlet removed the page."
    book.asked("noted", "6-good-footnotes-and-removed", about, ask(noted.digests["noted"]), FRESH)


def checks_6_and_7(book: Book, plain: Publication) -> None:
    def signed(name: str, about: str, text: bytes, check: int = 6, **more: Any) -> None:
        made(book, plain, name, about, stored(note.sign(text, PUBLISHER)), check=check, **more)

    text = one_line(article(9))
    signed("6-name-twice", "The publisher signed JSON with a name twice.", text.replace(b'"v":1', b'"v":1,"v":1'))
    signed("6-fraction", "1.0 for 1.", text.replace(b'"v":1', b'"v":1.0'))
    signed("6-no-json", "A text that is no JSON.", b"hello\n")
    signed("6-list", "JSON, but not an object.", b"[]\n")
    signed("6-two-lines", "The document takes two lines.", text.replace(b",", b",\n", 1))
    signed("6-other-version", "Another version of the format.", text.replace(b'"v":1', b'"v":2'))
    signed("6-unknown-key", "A key that the schema does not have.", one_line(article(9, script="x")))
    without = {name: value for name, value in article(9).items() if name != "title"}
    signed("6-lacks-a-key", "A key is missing.", one_line(without))
    script = [{"type": "paragraph", "content": [{"type": "link", "url": "javascript:alert(1)", "content": ["x"]}]}]
    signed("6-script-address", "A link to a javascript: address.", one_line(article(9, blocks=script)))
    html = [{"type": "html", "content": "<script>"}]
    signed("6-html", "A block of HTML.", one_line(article(9, blocks=html)))
    picture = [{"type": "picture", "resource": 0}]
    signed("6-no-such-picture", "A picture that is not among the resources.", one_line(article(9, blocks=picture)))
    signed(
        "6-removed-without-answer",
        "A page that is gone, but not why.",
        one_line(article(9, removed={"noticed": SECOND})),
    )
    nameless = [{"type": "footnotes", "items": [{"content": [{"type": "paragraph", "content": ["x"]}]}]}]
    signed("6-footnote-without-label", "A footnote that no mark can name.", one_line(article(9, blocks=nameless)))
    signed("6-no-such-day", "A day that does not exist.", one_line(article(9, fetched="2027-02-30T00:00:00Z")))
    signed("6-control-character", "An escaped control character in the title.", one_line(article(9, title="a\u0007b")))
    signed(
        "6-address-with-a-newline",
        "An escaped line feed at the end of the address.",
        one_line(article(9, url="https://news.example/9\n")),
    )
    part = {"v": 1, "kind": "part", "blocks": [{"type": "rule"}], "salt": salt("x")}
    signed("6-other-kind", "A signed part is no article.", one_line(part))
    book.asked(
        "plain",
        "6-edition-for-article",
        "An article was asked for, an edition came.",
        ask(plain.digests["edition 1"], kind="article"),
        failed(6),
    )
    book.asked(
        "plain",
        "7-other-address",
        "Another address was asked for.",
        ask(plain.digests["quiet"], url=article(1)["url"]),
        failed(7),
    )
    book.asked(
        "plain",
        "7-address-in-another-spelling",
        "Addresses are compared as they stand.",
        ask(plain.digests["quiet"], url=article(4)["url"].upper()),
        failed(7),
    )
    foreign = plain.edition(THIRD, publication={"name": "Other", "origin": "other.example"})
    signed("7-other-publication", "An edition of another publication, signed by this one.", one_line(foreign), 7)


def checks_9_and_10(book: Book, plain: Publication) -> None:
    digest = plain.digests["quiet"]
    data = plain.files[proof(digest)]
    whole = parse_proof(data)
    head = plain.log.checkpoint()

    def case(name: str, about: str, proved: bytes, expect: Mapping[str, Any]) -> None:
        book.asked("plain", name, about, ask(digest), expect, change={proof(digest): proved})

    def with_checkpoint(signed: bytes, hashes: tuple[bytes, ...] = whole.hashes, index: int = whole.index) -> bytes:
        return Proof(index=index, hashes=hashes, checkpoint=signed).encode()

    made(book, plain, "9-never-logged", "A good bundle that is not in the log.", bundle(article(9)), check=9)
    other = plain.files[proof(plain.digests["story"])]
    case("9-proof-of-another", "The proof of another article.", other, failed(9))
    case("9-other-index", "The index is one less.", with_checkpoint(whole.checkpoint, index=whole.index - 1), failed(9))
    case("9-hash-missing", "A hash is missing.", with_checkpoint(whole.checkpoint, whole.hashes[:-1]), failed(9))
    more = (*whole.hashes, whole.hashes[0])
    case("9-hash-too-many", "A hash too many.", with_checkpoint(whole.checkpoint, more), failed(9))
    case("9-no-proof", "A web page instead of a proof.", b"<html>\n\n</html>\n", failed(9))
    case("9-cut-off", "The proof ends in the middle of its checkpoint.", data[:-20], failed(9))
    case("9-trailing-byte", "A byte after the end.", data + b"\n", failed(9))
    spelt = data.replace(b"index ", b"index 0")
    case("9-index-with-zero", "The index has a leading zero.", spelt, failed(9))
    spoilt = data.replace(whole.checkpoint, bytes_alone.spoilt(whole.checkpoint))
    case("9-base64-bits", "The log's signature in base64 that is not canonical.", spoilt, failed(9))
    extended = note.sign(head.text + b"extension\n", LOG)
    case("9-extension-line", "A checkpoint with an extension line.", with_checkpoint(extended), failed(9))
    resized = note.sign(Checkpoint(LOG.name, 17, head.root).text, LOG)
    case("9-other-size", "A signed checkpoint of 17 with this root.", with_checkpoint(resized), failed(9))

    extra = Proof(index=whole.index, hashes=whole.hashes, checkpoint=whole.checkpoint, extra=b"trust me").encode()
    case("10-good-extra", "An extra line, which says nothing.", extra, FRESH)
    further = note.SignatureLine(name="unknown.example/w", key_id=b"1234", signature=bytes(72)).encode()
    quantum = note.SignatureLine(name="pq.example/w", key_id=b"\x06abc", signature=bytes(2428)).encode()
    lines = with_checkpoint(whole.checkpoint + further + quantum)
    case("10-good-unknown-lines", "Lines of unknown witnesses, one as long as ML-DSA-44's.", lines, FRESH)
    by_publisher = note.sign(head.text, PUBLISHER)
    case("10-by-the-publisher", "The publisher's key signed the checkpoint.", with_checkpoint(by_publisher), failed(10))
    thief = SignerKey(LOG.name, STRANGER.seed)
    case("10-other-key", "Another key of the log's name.", with_checkpoint(note.sign(head.text, thief)), failed(10))
    stranger = checkpoint.sign(Checkpoint(STRANGER.name, head.size, head.root), STRANGER)
    case("10-other-log", "A checkpoint of a log that nobody vouches for.", with_checkpoint(stranger), failed(10))
    renamed = note.sign(Checkpoint("other.example/log", head.size, head.root).text, LOG)
    case("10-other-origin", "The log's key signed for another log.", with_checkpoint(renamed), failed(10))
    flipped = whole.checkpoint.replace(b"\n10\n", b"\n10\n")
    bad = note.parse(flipped)
    signature = bytes([bad.lines[0].signature[0] ^ 1]) + bad.lines[0].signature[1:]
    line = note.SignatureLine(name=LOG.name, key_id=LOG.verifier.id, signature=signature).encode()
    case(
        "10-bad-signature",
        "One bit of the signature is another.",
        with_checkpoint(head.text + b"\n" + line),
        failed(10),
    )
    both = with_checkpoint(whole.checkpoint + line)
    case("10-good-and-bad-signature", "The log's good line, and a bad one of the same key.", both, failed(10))

    front = plain.files["front"]
    for name, about, changed, check in (
        ("front-1-too-large", "A front file of more than 8,192 bytes.", front + bytes(8192), 1),
        ("front-3-no-gzip", "A web page instead of the front.", b"<html></html>", 3),
        ("front-4-other-version", "Another version of the front's format.", front_with(front, b"v1", b"v2"), 4),
        ("front-4-out-of-order", "Consistency lines out of order.", front_swapped(front), 4),
        ("front-9-no-proof", "No proof in it.", front_with(front, b"@v1", b"@v0"), 9),
    ):
        book.asked("plain", name, about, FRONT, failed(check), change={"front": changed})
    old = plain.digests["edition 2"]
    index = parse_proof(plain.files[proof(old)]).index
    proved = Proof(index=index, hashes=plain.log.tree.inclusion(index), checkpoint=whole.checkpoint).encode()
    files = {**plain.files, proof(old): proved}
    book.asked(
        "plain",
        "front-9-older-edition",
        "An older edition, proved against today's checkpoint: it is not the last entry.",
        FRONT,
        failed(9),
        change={"front": plain.front(old, files)},
    )
    listed = {"what": "listed", "digest": plain.digests["story, revised"]}
    story = plain.files[o(plain.digests["story"])]
    path = o(plain.digests["story, revised"])
    book.asked(
        "plain", "listed-1-other-size", "The older revision in its place.", listed, failed(1), change={path: story}
    )
    flipped = plain.files[path][:-1] + b"\xff"
    book.asked("plain", "listed-2-one-byte", "One byte is another.", listed, failed(2), change={path: flipped})

    ended = trust_files(logs=[log_key(LOG.verifier, until="2027-03-01T09:15:00Z")])
    closed = Publication(ended)
    closed.add("before", article(1))
    closed.add("after", article(2, fetched=THIRD))
    closed.seal(FIRST)
    book.mirror("ended", "A log that ended at 09:15 and took an entry after it.", closed)
    book.asked("ended", "10-before-the-end", "An entry of before the log's end.", ask(closed.digests["before"]), GOOD)
    book.asked(
        "ended", "10-after-the-end", "An entry of after the log's end.", ask(closed.digests["after"]), failed(10)
    )


def front_with(front: bytes, old: bytes, new: bytes) -> bytes:
    inside = unstored(front)
    assert old in inside
    return stored(inside.replace(old, new, 1))


def front_swapped(front: bytes) -> bytes:
    lines = unstored(front).split(b"\n")
    lines[2], lines[3] = lines[3], lines[2]
    return stored(b"\n".join(lines))


def unstored(data: bytes) -> bytes:
    """What one of our uncompressed members holds, when it is one block."""
    return data[15:-8]


def witnesses(book: Book) -> None:
    one, two, three = WITNESSES
    publication = Publication(trust_files(policy=POLICY), witnesses=WITNESSES)
    first_half(publication)
    second_half(publication)
    book.mirror("witnessed", "As `plain`, with a policy of two of three witnesses; all three sign.", publication)
    digest = publication.digests["quiet"]
    whole = parse_proof(publication.files[proof(digest)])
    head = publication.log.checkpoint()
    plain = checkpoint.sign(head, LOG)
    time = seconds(THIRD)
    names = [witness.name for witness in WITNESSES]

    def cosigned(*lines: bytes) -> bytes:
        return plain + b"".join(lines)

    def by(witness: SignerKey, at: int = time, text: bytes = head.text) -> bytes:
        return cosignature.sign(text, witness, at)

    def case(name: str, about: str, signed: bytes | None, expect: Mapping[str, Any], error: str = "") -> None:
        change = None
        if signed is not None:
            change = {proof(digest): Proof(index=whole.index, hashes=whole.hashes, checkpoint=signed).encode()}
        book.asked("witnessed", f"10-{name}", about, ask(digest), expect, change=change)
        alone: dict[str, Any] = {"ok": not error, "error": error or None}
        if not error:
            alone |= {"size": head.size, "root": head.root.hex(), "witnesses": expect["witnesses"]}
        asked = {"what": "checkpoint", "checkpoint": b64(signed or whole.checkpoint)}
        book.asked("witnessed", f"checkpoint-{name}", about, asked, alone)

    case("cosigned", "Cosigned by all three.", None, {**FRESH, "witnesses": names})
    case(
        "cosigned-by-two", "Two are enough.", cosigned(by(one), by(three)), {**GOOD, "witnesses": [names[0], names[2]]}
    )
    few = "unwitnessed"
    case("cosigned-by-one", "One is not.", cosigned(by(two)), failed(10), few)
    case("cosigned-by-none", "None did.", plain, failed(10), few)
    case(
        "cosigned-twice-by-one",
        "One witness at two times is one witness.",
        cosigned(by(one), by(one, time + 9)),
        failed(10),
        few,
    )
    stranger = cosignature.witness_key("witness4.example/w", bytes(range(32)))
    case(
        "cosigned-by-a-stranger",
        "One of the three, and one that the policy does not know.",
        cosigned(by(one), by(stranger)),
        failed(10),
        few,
    )
    as_note = note.SignatureLine(
        name=two.name,
        key_id=SignerKey(two.name, two.seed).verifier.id,
        signature=SignerKey(two.name, two.seed).sign(head.text),
    ).encode()
    case(
        "cosigned-as-a-note",
        "A witness's key that signed as if it were a log's.",
        cosigned(by(one), as_note),
        failed(10),
        few,
    )
    bad = "signature"
    case(
        "bad-cosignature",
        "Two good ones, and a wrong one of the third witness.",
        cosigned(by(one), by(two), by(three, text=Checkpoint(LOG.name, 9, head.root).text)),
        failed(10),
        bad,
    )
    late = note.parse(cosigned(by(two))).lines[1]
    moved = note.SignatureLine(name=late.name, key_id=late.key_id, signature=bytes(8) + late.signature[8:]).encode()
    case(
        "cosignature-of-another-time", "The time was changed after signing.", cosigned(by(one), moved), failed(10), bad
    )
    garbled = "\u2014 w ".encode() + b"\xff\n"
    case(
        "cosignature-not-utf-8",
        "A further line that is not UTF-8.",
        cosigned(by(one), by(two), garbled),
        failed(9),
        "format",
    )
    far = (2**63).to_bytes(8, "big")
    raw = SignerKey(two.name, two.seed).sign(b"cosignature/v1\ntime %d\n" % 2**63 + head.text)
    beyond = note.SignatureLine(name=two.name, key_id=two.verifier.id, signature=far + raw).encode()
    case("cosignature-beyond-time", "A time of 2^63 seconds.", cosigned(by(one), by(three), beyond), failed(10), bad)
    quantum = note.SignatureLine(name=one.name, key_id=b"\x06\x06\x06\x06", signature=bytes(2428)).encode()
    case(
        "cosigned-and-ml-dsa",
        "A line as a witness's ML-DSA-44 key would add it is passed over.",
        cosigned(by(one), quantum, by(two)),
        {**GOOD, "witnesses": names[:2]},
    )
    inside = unstored(publication.files["front"])
    start = inside.index(by(one, seconds(THIRD)))
    stripped = stored(inside[:start])
    book.asked(
        "witnessed",
        "front-10-unwitnessed",
        "A front without cosignatures.",
        FRONT,
        failed(10),
        change={"front": stripped},
    )
    after = {"what": "checkpoint", "checkpoint": b64(cosigned(by(one), by(two, time + 60)))}
    book.asked(
        "witnessed",
        "checkpoint-witnessed-when",
        "The newest of the times.",
        after,
        {"ok": True, "witnessed": time + 60, "witnesses": names[:2]},
    )

    logs = [log_key(LOG.verifier, unwitnessed=4)]
    grown = Publication(trust_files(policy=POLICY, logs=logs))
    grown.add("story", article(1))
    grown.add("other", article(2))
    grown.seal(FIRST)
    excused = grown.files["front"]
    grown.add("unwitnessed", article(3))
    grown.seal(SECOND)
    grown.witnesses = WITNESSES
    grown.add("later", article(4))
    grown.seal(THIRD)
    book.mirror("grown", "The policy came when the log had 4 entries; 6 were sealed without witnesses.", grown)
    book.asked(
        "grown",
        "10-older-than-the-policy",
        "A checkpoint of 4 needs no witness here.",
        ask(grown.digests["story"]),
        {**GOOD, "witnesses": []},
    )
    book.asked(
        "grown",
        "12-older-than-the-policy",
        "An edition that no witness saw, excused by its size alone, is never fresh: a thief can sign such a one today.",
        FRONT,
        {**GOOD, "witnesses": [], "fresh": "stale"},
        change={"front": excused},
    )
    book.asked(
        "grown", "10-younger-than-the-policy", "A checkpoint of 6 does.", ask(grown.digests["unwitnessed"]), failed(10)
    )
    book.asked(
        "grown", "10-with-the-policy", "The next has them.", ask(grown.digests["later"]), {**GOOD, "witnesses": names}
    )


def frozen(book: Book, *, earlier: bool) -> None:
    publication = Publication(trust_files())
    first_half(publication)
    second_half(publication)
    old = publication.log
    end = old.checkpoint()
    kept = dict(publication.files)
    ended = {"frozen": {"size": end.size, "root": end.root.hex(), "earlier": earlier}}
    logs = [log_key(LOG.verifier, **ended), log_key(NEXT_LOG.verifier, path="log/2028", **{"from": THIRD})]
    publication.files |= authority.retarget(
        publication.files.get, ROOTS[:1], ONLINE, trust_json(logs=logs, time=THIRD), THIRD
    )
    final = publication.files["checkpoint"]
    publication.files["log/2027/checkpoint"] = final
    if not earlier:
        for digest in publication.digests.values():
            path = proof(digest)
            if path in publication.files:
                index = parse_proof(publication.files[path]).index
                again = Proof(index=index, hashes=old.tree.inclusion(index), checkpoint=final)
                publication.files[path] = again.encode()
    publication.log = Log(NEXT_LOG, "log/2028")
    newest = max(path for path in publication.files if path.endswith("targets.json"))
    assert newest == "trust/2.targets.json"
    listed = next(data for path, data in publication.files.items() if path.endswith(".trust.json") and path not in kept)
    publication.trust = {"digest": digest_of(listed), "size": len(listed)}
    publication.log.tree.append(Entry(kind="trust", **publication.trust, time=THIRD).encode())
    third = article(2, revision=2, replaces=publication.digests["long"], fetched="2027-03-01T09:40:00Z")
    publication.add("long, revised", third)
    publication.seal("2027-03-01T09:45:00Z")
    name = "year" if earlier else "stolen"
    about = (
        "Its first log ended in good order; a second one follows."
        if earlier
        else "The key of its first log was stolen: all proofs are of the checkpoint at which it was frozen."
    )
    book.mirror(name, about, publication)

    names = publication.digests
    first = names["long"]
    old_proof = kept[proof(first)]

    def case(what: str, about: str, digest: str, expect: Mapping[str, Any], proved: bytes | None = None) -> None:
        change = None if proved is None else {proof(digest): proved}
        book.asked(name, f"10-{name}-{what}", about, ask(digest), expect, change=change)

    case("new-log", "An article in the new log.", names["long, revised"], FRESH)
    case("superseded", "Superseded in the log that followed.", first, {**FRESH, "current": "superseded"})
    case("at-the-end", "An article proved by the last checkpoint.", names["quiet"], FRESH)
    book.asked(name, f"front-{name}", "The front page is of the new log.", FRONT, FRESH)
    if earlier:
        book.asked(
            name,
            "10-year-earlier-checkpoint",
            "A proof by an earlier checkpoint of the log goes on counting.",
            ask(names["edition 1"]),
            GOOD,
        )
    else:
        case(
            "earlier-checkpoint",
            "The proof of before the theft: anybody can make such a one now.",
            first,
            failed(10),
            old_proof,
        )
    forged = article(7)
    data = bundle(forged)
    digest = digest_of(data)

    def forgery(size: int, what: str, about: str, expect: Mapping[str, Any], *, tiles: bool = True) -> None:
        log = Log(LOG)
        for number in range(size - 1):
            log.tree.append(b"invented %d" % number)
        index = log.tree.append(entry_of(forged, digest, len(data)).encode())
        proved = Proof(index=index, hashes=log.tree.inclusion(index), checkpoint=log.signed()).encode()
        gone = {} if tiles else {path: None for path in publication.files if path.startswith("tile/")}
        change: dict[str, bytes | None] = {o(digest): data, proof(digest): proved, **gone}
        book.asked(name, f"10-{name}-{what}", about, ask(digest), expect, change=change)

    caught = {**failed(10), "evidence": "freeze"}
    forgery(12, "later-checkpoint", "A checkpoint after the end, signed with the old key: evidence.", caught)
    forgery(end.size, "other-root", "Another checkpoint of the last size, signed with the old key: evidence.", caught)
    about = "An earlier checkpoint of another history, signed with the old key; the tiles show it."
    forgery(5, "backdated", about, {**(failed(10) if not earlier else {"authentic": False}), "evidence": "freeze"})
    forgery(
        5,
        "backdated-without-tiles",
        "The same where the tiles are missing: no evidence.",
        GOOD if earlier else failed(10),
        tiles=False,
    )
    edition = publication.edition("2027-03-01T09:30:00Z")
    data = bundle(edition)
    log = Log(LOG)
    for number in range(11):
        log.tree.append(b"invented %d" % number)
    index = log.tree.append(entry_of(edition, digest_of(data), len(data)).encode())
    proved = Proof(index=index, hashes=log.tree.inclusion(index), checkpoint=log.signed()).encode()
    book.asked(
        name,
        f"front-10-{name}-later",
        "A front page whose log's key signed it after the end: evidence.",
        FRONT,
        caught,
        change={"front": stored(b"tamizdat front v1\nedition %s\n\n%s" % (to_base64(data), proved))},
    )
    remembered = {**FRESH, "seen": "first"}
    for what, size, expect in (
        ("later", 12, {"authentic": False, "evidence": "freeze"}),
        ("other-root", end.size, {"authentic": False, "evidence": "freeze"}),
        ("earlier", 6, {"authentic": False, "evidence": "freeze"}),
        ("the-end", 0, remembered),
    ):
        other = Log(LOG)
        for number in range(size):
            other.tree.append(b"another history %d" % number)
        book.asked(
            name,
            f"11-{name}-seen-{what}",
            "What was seen of the closed log is compared with its end.",
            FRONT,
            expect,
            checkpoints={LOG.name: other.signed() if size else final},
        )
    asked = {"what": "checkpoint", "checkpoint": b64(parse_proof(old_proof).checkpoint)}
    expect = {"ok": True, "size": 4} if earlier else {"ok": False, "error": "frozen"}
    book.asked(name, f"checkpoint-{name}-earlier", "An earlier checkpoint alone.", asked, expect)
    asked = {"what": "checkpoint", "checkpoint": b64(final)}
    book.asked(name, f"checkpoint-{name}-last", "The last checkpoint alone.", asked, {"ok": True, "size": end.size})
    book.asked(
        name,
        f"12-{name}-closed-log",
        "The last front of the closed log is authentic, and there is a newer log.",
        FRONT,
        {**GOOD, "fresh": "stale"},
        change={"front": kept["front"], "checkpoint": final},
    )
    if not earlier:
        under_a_policy(book, logs, final, old_proof)


def under_a_policy(book: Book, logs: list[dict[str, Any]], final: bytes, old_proof: bytes) -> None:
    """The end of a log needs no witnesses: the root keys themselves say where it is."""
    orderly = [{**logs[0], "frozen": {**logs[0]["frozen"], "earlier": True}}, logs[1]]
    made = trust_files(logs=orderly, policy=POLICY)
    empty = Publication(made)
    for name, about, signed, expect in (
        ("end-needs-no-witness", "The last checkpoint, without a witness.", final, {"ok": True, "witnesses": []}),
        (
            "before-the-end-needs-witnesses",
            "An earlier one, without a witness.",
            parse_proof(old_proof).checkpoint,
            {"ok": False, "error": "unwitnessed"},
        ),
    ):
        asked = {"what": "checkpoint", "checkpoint": b64(signed)}
        book.asked("empty", f"checkpoint-{name}", about, asked, expect, change=made, pin=empty.pin)
