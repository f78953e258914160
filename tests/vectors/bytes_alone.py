"""Cases about bytes alone: notes, proofs, entries, gzip members, JSON, spellings, keys, policies, trees."""

from __future__ import annotations

import base64
import zlib
from typing import Any

from signing import cosignature, note
from signing.checkpoint import Checkpoint
from signing.entry import Entry
from signing.keys import SignerKey
from signing.merkle import EMPTY_ROOT, leaf_hash
from signing.packing import digest_of
from signing.proof import Proof
from signing.tiles import Tree
from tests.vectors.book import Book, b64
from tests.vectors.publication import LOG, POLICY, PUBLISHER, STRANGER, WITNESSES, gzipped, key, nothing, stored


def write(book: Book) -> None:
    notes(book)
    gzip_members(book)
    documents(book)
    spellings(book)
    keys(book)
    entries(book)
    proofs(book)
    policies(book)
    trees(book)


def notes(book: Book) -> None:
    text = b"If you think cryptography is the answer,\n\nthen you don't know what your problem is.\n"
    good = note.sign(text, PUBLISHER)
    known = [PUBLISHER.verifier.text]
    other = key("other.example/key")
    line = good[len(text) + 1 :]

    def case(name: str, about: str, data: bytes, /, *, by: list[str] | None = None, **expect: Any) -> None:
        book.bytes(f"note-{name}", about, "note", {"data": b64(data), "keys": known if by is None else by}, **expect)

    case("good", "A text with an empty line in it, signed by the known key.", good, signers=known)
    two = note.sign(text, PUBLISHER, other)
    case("stranger-too", "A further line of an unknown key is ignored.", two, signers=known)
    case(
        "two-known",
        "Two known keys signed; the order is that of the lines.",
        two,
        by=[other.verifier.text, *known],
        signers=[*known, other.verifier.text],
    )
    case("same-line-twice", "A key's line twice counts once.", good + line, signers=known)
    quantum = note.SignatureLine(name=PUBLISHER.name, key_id=b"\x06\x06\x06\x06", signature=bytes(2428)).encode()
    case("ml-dsa-line", "A line as an ML-DSA-44 key would add it: unknown, ignored.", good + quantum, signers=known)
    same_id = note.SignatureLine(name="elsewhere.example/x", key_id=PUBLISHER.verifier.id, signature=bytes(64)).encode()
    case(
        "same-id-other-name",
        "A key is name and ID: the same ID with another name is nobody's.",
        good + same_id,
        signers=known,
    )
    short = note.SignatureLine(name="elsewhere.example/x", key_id=b"1234", signature=b"x").encode()
    case(
        "unknown-one-byte-signature",
        "An unknown key's signature may have any length from one byte.",
        good + short,
        signers=known,
    )
    case("64-lines", "Sixty-four signature lines are the most.", text + b"\n" + same_id * 63 + line, signers=known)

    signed = "signature"
    case("wrong-key", "Signed by another key of the same name.", note.sign(text, STRANGER), error=signed)
    case("nobody-known", "The reader knows no key.", good, by=[], error=signed)
    case("text-changed", "One letter of the text is another.", good.replace(b"think", b"thing"), error=signed)
    bad = note.SignatureLine(name=PUBLISHER.name, key_id=PUBLISHER.verifier.id, signature=bytes(64)).encode()
    case(
        "bad-and-good-line",
        "A known key's bad line refuses the note though another line of it is good.",
        good + bad,
        error=signed,
    )
    cut = note.SignatureLine(name=PUBLISHER.name, key_id=PUBLISHER.verifier.id, signature=bytes(63)).encode()
    case("short-signature", "A known key's signature of 63 bytes.", text + b"\n" + cut, error=signed)
    malleable = note.parse(good).lines[0].signature
    order = 2**252 + 27742317777372353535851937790883648493
    higher = (int.from_bytes(malleable[32:], "little") + order).to_bytes(32, "little")
    twin = note.SignatureLine(
        name=PUBLISHER.name, key_id=PUBLISHER.verifier.id, signature=malleable[:32] + higher
    ).encode()
    case(
        "signature-above-the-order",
        "S is larger than the group's order (RFC 8032, 5.1.7): the same signature in other bytes.",
        text + b"\n" + twin,
        error=signed,
    )

    form = "format"
    case("no-last-line-feed", "The last line has no line feed.", good[:-1], error=form)
    case("no-empty-line", "No empty line between text and signatures.", text.replace(b"\n\n", b"\n") + line, error=form)
    case("no-signature", "Nothing follows the empty line.", text + b"\n", error=form)
    case("carriage-return", "A carriage return in the text.", note_with(b"text\r\n"), error=form)
    case("tab", "A tab in the text.", note_with(b"a\tb\n"), error=form)
    case("nul", "A zero byte in the text.", note_with(b"a\0b\n"), error=form)
    case("not-utf-8", "The text is Latin-1.", note_with("Grüße\n".encode("latin-1")), error=form)
    case("surrogate", "The text holds a UTF-8 coded surrogate.", note_with(b"\xed\xa0\x80\n"), error=form)
    case("hyphen", "A line begins with a hyphen instead of an em dash.", good.replace("— ".encode(), b"- "), error=form)
    garbled = "\u2014 w ".encode() + b"\xff\n"
    case("line-not-utf-8", "A signature line of an unknown key is not UTF-8.", good + garbled, error=form)
    named = "\u2014 w".encode() + b"\xff " + base64.b64encode(bytes(68)) + b"\n"
    case("name-not-utf-8", "The name of an unknown key is not UTF-8.", good + named, error=form)
    case("65-lines", "Sixty-five signature lines.", text + b"\n" + same_id * 64 + line, error=form)
    case("base64-bits", "The unused bits of the last base64 digit are not zero.", spoilt(good), error=form)
    case("base64-unpadded", "The base64 lacks its padding.", good.replace(b"=\n", b"\n"), error=form)
    case(
        "key-id-only",
        "A line of four bytes: a key ID and no signature.",
        text + b"\n\xe2\x80\x94 a.example " + base64.b64encode(b"1234") + b"\n",
        error=form,
    )
    case(
        "name-with-plus",
        "The name of an unknown key holds a plus.",
        good + b"\xe2\x80\x94 a+b " + base64.b64encode(bytes(68)) + b"\n",
        error=form,
    )
    case(
        "name-with-space",
        "The name of an unknown key holds U+00A0.",
        good + "— a\u00a0b ".encode() + base64.b64encode(bytes(68)) + b"\n",
        error=form,
    )


def note_with(text: bytes) -> bytes:
    """A note with a text that `note.sign` would refuse to sign."""
    signature = PUBLISHER.sign(text)
    line = note.SignatureLine(name=PUBLISHER.name, key_id=PUBLISHER.verifier.id, signature=signature)
    return text + b"\n" + line.encode()


def spoilt(data: bytes) -> bytes:
    """The note with the last base64 digit one higher: the same bytes to a careless decoder."""
    at = data.rindex(b"=\n") - 1
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return data[:at] + bytes([digits[digits.index(data[at]) + 1]]) + data[at + 1 :]


def gzip_members(book: Book) -> None:
    text = b"tamizdat\n"
    compressed = bytes.fromhex("2b49cccdac4a492ce10200")
    good = gzipped(compressed, text)

    def case(name: str, about: str, data: bytes, cap: int = 100, /, **expect: Any) -> None:
        book.bytes(f"gzip-{name}", about, "gzip", {"data": b64(data), "cap": cap}, **expect)

    case("good", "A member as we write it.", good, digest=digest_of(text))
    case("stored-block", "A member whose deflate block is stored.", stored(text), digest=digest_of(text))
    case("at-the-cap", "Nine bytes, and the cap is nine.", good, 9, digest=digest_of(text))
    case("empty", "A member that unpacks to nothing.", stored(b""), digest=digest_of(b""))
    case("above-the-cap", "Nine bytes, and the cap is eight.", good, 8, error="format")
    case("two-members", "A second member follows: gzip allows that, we don't.", good + good, error="format")
    case("bytes-after-the-end", "One byte follows.", good + b"\0", error="format")
    case("cut-off", "The trailer is cut off.", good[:-8], error="format")
    case("cut-in-the-middle", "Half of the deflate stream.", good[:15], error="format")
    case("wrong-checksum", "The CRC is another.", good[:-8] + bytes(4) + good[-4:], error="format")
    case("wrong-length", "The length in the trailer is another.", good[:-4] + b"\x08\0\0\0", error="format")
    case("with-a-time", "The header has a time.", good[:4] + b"\1" + good[5:], error="format")
    case(
        "with-a-name",
        "The header has a file name.",
        good[:3] + b"\x08" + good[4:10] + b"a\0" + good[10:],
        error="format",
    )
    case("other-system", "The header names an operating system.", good[:9] + b"\x03" + good[10:], error="format")
    case(
        "zlib",
        "A zlib stream instead of gzip.",
        b"\x78\xda" + compressed + zlib.adler32(text).to_bytes(4, "big"),
        error="format",
    )
    case("bomb", "Seven kilobytes that unpack to more than a megabyte.", bomb(1_200_000), 1 << 20, error="format")


def bomb(size: int) -> bytes:
    """A deflate stream of fixed codes, at 13 bits for 258 bytes: `size` bytes, rounded up, all the same."""
    bits = "110" + "10010001"  # last block, fixed codes; the literal 0x61
    rounds = -(-size // 258)
    bits += ("11000101" + "00000") * rounds + "0000000"
    bits += "0" * (-len(bits) % 8)
    body = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    return gzipped(body, b"a" * (1 + rounds * 258))


def documents(book: Book) -> None:
    def case(name: str, about: str, data: bytes, /, **expect: Any) -> None:
        book.bytes(f"json-{name}", about, "json", {"data": b64(data)}, **expect)

    case("good", "One line with every kind of value.", '{"a":[0,1,true,false,null,"é\\n😀",{}]}\n'.encode())
    case("no-line-feed", "The line feed at the end may be absent.", b'{"a":1}')
    case("spaces", "Spaces between the parts are allowed.", b'{ "a" : 1 }\n')
    case("largest-number", "2^53-1.", b'{"a":9007199254740991}')
    case("deepest", "Sixty-four levels.", b"[" * 64 + b"]" * 64)
    case("pair-of-surrogates", "A character above U+FFFF, written as two escapes.", b'{"a":"\\ud83d\\ude00"}')
    case("same-name-twice", "One object has a name twice.", b'{"a":1,"a":1}', error="format")
    case("same-name-escaped", "The same name twice, once with an escape.", b'{"a":1,"\\u0061":1}', error="format")
    case("number-too-large", "2^53.", b'{"a":9007199254740992}', error="format")
    case("negative", "A negative number.", b'{"a":-1}', error="format")
    case("minus-zero", "Minus zero.", b'{"a":-0}', error="format")
    case("fraction", "1.0 is not a whole number here.", b'{"a":1.0}', error="format")
    case("exponent", "Nor is 1e3.", b'{"a":1e3}', error="format")
    case("leading-zero", "A leading zero.", b'{"a":01}', error="format")
    case("nan", "NaN, which Python writes.", b'{"a":NaN}', error="format")
    case("infinity", "Infinity.", b'{"a":Infinity}', error="format")
    case("too-deep", "Sixty-five levels.", b"[" * 65 + b"]" * 65, error="format")
    case("far-too-deep", "Ten thousand levels.", b"[" * 10_000 + b"]" * 10_000, error="format")
    case("half-a-pair", "An escape that is half of a surrogate pair.", b'{"a":"\\ud83d"}', error="format")
    case("byte-order-mark", "A byte order mark.", b'\xef\xbb\xbf{"a":1}', error="format")
    case("two-lines", "A line feed inside.", b'{"a":\n1}', error="format")
    case("two-line-feeds", "Two line feeds at the end.", b'{"a":1}\n\n', error="format")
    case("tab", "A tab.", b'{"a":\t1}', error="format")
    case("not-utf-8", "Latin-1 in a text.", b'{"a":"\xe9"}', error="format")
    case("overlong", "The letter a, coded as two bytes.", b'{"\xc1\xa1":1}', error="format")
    case("comma-at-the-end", "A comma after the last value.", b'{"a":1,}', error="format")
    case("two-documents", "Two documents.", b'{"a":1}{"a":1}', error="format")
    case("empty", "Nothing.", b"", error="format")


def spellings(book: Book) -> None:
    def base(name: str, about: str, text: str, /, **expect: Any) -> None:
        book.bytes(f"base64-{name}", about, "base64", {"text": text}, **expect)

    base("good", "The text f, padded.", "Zg==", data="66")
    base("empty", "Nothing stands for nothing.", "", data="")
    base("bits", "Unused bits that are not zero.", "Zh==", error="format")
    base("unpadded", "No padding.", "Zg", error="format")
    base("url-alphabet", "The alphabet for URLs.", "-_-_", error="format")
    base("space", "A space at the end.", "Zg== ", error="format")
    base("line-feed", "A line feed at the end.", "Zg==\n", error="format")
    base("middle", "Padding in the middle.", "Zg==Zg==", error="format")

    def number(name: str, about: str, text: str, /, **expect: Any) -> None:
        book.bytes(f"number-{name}", about, "number", {"text": text}, **expect)

    number("zero", "Zero.", "0", number="0")
    number("largest", "2^63-1.", "9223372036854775807", number="9223372036854775807")
    number("too-large", "2^63.", "9223372036854775808", error="format")
    number("leading-zero", "A leading zero.", "01", error="format")
    number("plus", "A sign.", "+1", error="format")
    number("underscore", "An underscore, which Python takes.", "1_0", error="format")
    number("arabic", "Digits of another script.", "١", error="format")
    number("empty", "Nothing.", "", error="format")

    def time(name: str, about: str, text: str, /, **expect: Any) -> None:
        book.bytes(f"time-{name}", about, "time", {"text": text}, **expect)

    time("good", "The last second of a leap day.", "2028-02-29T23:59:59Z")
    time("no-such-day", "A day that does not exist.", "2027-02-29T00:00:00Z", error="format")
    time("hour-24", "The hour 24.", "2027-03-01T24:00:00Z", error="format")
    time("leap-second", "A leap second.", "2016-12-31T23:59:60Z", error="format")
    time("offset", "An offset instead of Z.", "2027-03-01T08:15:00+00:00", error="format")
    time("fraction", "Parts of a second.", "2027-03-01T08:15:00.0Z", error="format")
    time("lower-case", "Small letters.", "2027-03-01t08:15:00z", error="format")


def keys(book: Book) -> None:
    text = PUBLISHER.verifier.text
    public = PUBLISHER.verifier.public.hex()

    def case(name: str, about: str, given: str, /, **expect: Any) -> None:
        book.bytes(f"key-{name}", about, "key", {"text": given}, **expect)

    case("good", "A publisher's or log's key.", text, name=PUBLISHER.name, type=1, public=public)
    witness = WITNESSES[0].verifier
    case("witness", "A witness's key.", witness.text, name=witness.name, type=4, public=witness.public.hex())
    peter = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    case("of-go", "The key in the example of Go's sumdb/note.", peter, name="PeterNeumann")
    name, hex_id, digits = text.split("+", 2)
    head = f"{name}+{hex_id}"
    case(
        "other-id",
        "The key ID is not that of the key.",
        text.replace(PUBLISHER.verifier.id.hex(), "00000000"),
        error="key",
    )
    letters = PUBLISHER.verifier.id.hex().upper()
    case("upper-case-id", "The key ID in capitals.", text.replace(PUBLISHER.verifier.id.hex(), letters), error="key")
    case("no-name", "No name.", "+" + text.split("+", 1)[1], error="key")
    case("space", "A space in the name.", "a b" + text[len(PUBLISHER.name) :], error="key")
    case("short", "A byte is missing.", f"{head}+{b64(base64.b64decode(digits)[:-1])}", error="key")
    unknown = bytes([6]) + PUBLISHER.verifier.public
    case("unknown-type", "A type that is not known here.", f"{head}+{b64(unknown)}", error="key")
    case("not-base64", "Not base64.", f"{head}+{digits[:-1]}*", error="key")


def entries(book: Book) -> None:
    digest = digest_of(b"bundle")
    article = Entry(
        kind="article",
        outlet="sample",
        url_digest=digest_of(b"https://news.example/a/1"),
        digest=digest,
        size=240,
        time="2027-03-01T08:15:00Z",
    ).encode()
    edition = Entry(kind="edition", digest=digest, size=240, time="2027-03-01T08:15:00Z").encode()

    def case(name: str, about: str, data: bytes, /, **expect: Any) -> None:
        book.bytes(f"entry-{name}", about, "entry", {"data": b64(data)}, **expect)

    case("article", "An article's.", article, kind="article", leaf=leaf_hash(article).hex())
    case("edition", "An edition's.", edition, kind="edition", leaf=leaf_hash(edition).hex())
    withdrawal = article.replace(b"\narticle\n", b"\nwithdrawal\n")
    case("withdrawal", "A withdrawal's.", withdrawal, kind="withdrawal", leaf=leaf_hash(withdrawal).hex())
    case("other-version", "Another version.", article.replace(b"v1", b"v2"), error="format")
    case("other-kind", "An unknown kind.", article.replace(b"\narticle\n", b"\nadvert\n"), error="format")
    case(
        "article-without-outlet",
        "An article's without an outlet.",
        edition.replace(b"\nedition\n", b"\narticle\n"),
        error="format",
    )
    case(
        "edition-with-outlet",
        "An edition's with an outlet.",
        article.replace(b"\narticle\n", b"\nedition\n"),
        error="format",
    )
    case(
        "upper-case-digest",
        "A digest in capitals.",
        article.replace(digest.encode(), digest.upper().encode()),
        error="format",
    )
    case("size-zero", "No bytes.", article.replace(b" 240\n", b" 0\n"), error="format")
    case("leading-zero", "A leading zero.", article.replace(b" 240\n", b" 0240\n"), error="format")
    case("no-last-line-feed", "No line feed at the end.", article[:-1], error="format")
    case("further-line", "A seventh line.", article + b"more\n", error="format")
    case("too-long", "More than 300 bytes.", article.replace(b"sample", b"s" * 200), error="format")
    case("no-such-time", "A time that does not exist.", article.replace(b"03-01", b"02-30"), error="format")


def proofs(book: Book) -> None:
    tree = Tree.load(0, EMPTY_ROOT, nothing)
    for number in range(6):
        tree.append(b"entry %d" % number)
    checkpoint = note.sign(Checkpoint(LOG.name, tree.size, tree.root).text, LOG)
    hashes = tree.inclusion(3)
    good = Proof(index=3, hashes=hashes, checkpoint=checkpoint).encode()
    listed = [one.hex() for one in hashes]

    def case(name: str, about: str, data: bytes, /, **expect: Any) -> None:
        book.bytes(f"proof-{name}", about, "proof", {"data": b64(data)}, **expect)

    case("good", "A proof of entry 3 in a log of 6.", good, index=3, hashes=listed)
    extra = Proof(index=3, hashes=hashes, checkpoint=checkpoint, extra=b"hello").encode()
    case("extra", "With an extra line, which nobody authenticates.", extra, index=3, hashes=listed)
    case(
        "no-hashes",
        "No hashes: a log of one entry.",
        Proof(index=0, hashes=(), checkpoint=checkpoint).encode(),
        index=0,
        hashes=[],
    )
    case("other-version", "Another version.", good.replace(b"@v1", b"@v2"), error="format")
    case("leading-zero", "The index has a leading zero.", good.replace(b"index 3", b"index 03"), error="format")
    case("negative", "A negative index.", good.replace(b"index 3", b"index -3"), error="format")
    case("no-index", "No index.", good.replace(b"index 3\n", b""), error="format")
    case("no-checkpoint", "Nothing after the empty line.", good[: good.index(b"\n\n") + 2], error="format")
    case(
        "short-hash",
        "A hash of 31 bytes.",
        good.replace(base64.b64encode(hashes[0]), base64.b64encode(hashes[0][:31])),
        error="format",
    )
    case(
        "65-hashes",
        "More hashes than a log can need.",
        good.replace(base64.b64encode(hashes[0]) + b"\n", (base64.b64encode(hashes[0]) + b"\n") * 63),
        error="format",
    )
    case("carriage-returns", "Lines that end in CR LF.", good.replace(b"\n", b"\r\n"), error="format")


def policies(book: Book) -> None:
    one, two, three = (witness.verifier.text for witness in WITNESSES)

    def case(name: str, about: str, text: str | bytes, cosigned: list[str] | None = None, /, **expect: Any) -> None:
        data = text.encode() if isinstance(text, str) else text
        book.bytes(f"policy-{name}", about, "policy", {"data": b64(data), "cosigned": cosigned or []}, **expect)

    case("two-of-three-by-two", "Two of three, and two did.", POLICY, [one, three], satisfied=True)
    case("two-of-three-by-one", "Two of three, and one did.", POLICY, [two], satisfied=False)
    renamed = cosignature.witness_key("elsewhere.example/w", WITNESSES[0].seed).verifier.text
    case(
        "one-key-twice", "The same public key under two names is one witness.", POLICY, [one, renamed], satisfied=False
    )
    as_log = SignerKey(WITNESSES[1].name, WITNESSES[1].seed).verifier.text
    case("not-a-witness-key", "A key of type 1 is no witness.", POLICY, [one, as_log], satisfied=False)
    case("none", "No witness is needed.", "quorum none\n", satisfied=True)
    case("single", "One witness is the quorum.", f"witness a {one}\nquorum a\n", [one], satisfied=True)
    nested = (
        f"witness a {one} https://a.example/\nwitness b {two}\nwitness c {three}\n"
        "group few any a b\n \t# a comment\n\ngroup whole all few c\nquorum  whole\t\n"
    )
    case("nested", "Any of two, and the third as well.", nested, [two, three], satisfied=True)
    case("nested-not", "Any of two, but the third is missing.", nested, [one, two], satisfied=False)
    case("log-line", "A line for a log.", f"log {LOG.verifier.text} https://x.example\nquorum none\n", satisfied=True)
    case(
        "high-bytes",
        "Names are bytes; these are no UTF-8.",
        b"witness \xff " + one.encode() + b"\nquorum \xff\n",
        [one],
        satisfied=True,
    )
    form = "format"
    case("no-quorum", "No quorum line.", f"witness a {one}\n", error=form)
    case("two-quorums", "Two quorum lines.", "quorum none\nquorum none\n", error=form)
    case("not-defined", "A quorum that is defined below.", f"quorum a\nwitness a {one}\n", error=form)
    case("defined-twice", "One name for two witnesses.", f"witness a {one}\nwitness a {two}\nquorum a\n", error=form)
    case(
        "key-twice",
        "One public key for two witnesses.",
        f"witness a {one}\nwitness b {renamed}\nquorum a\n",
        error=form,
    )
    case(
        "member-twice",
        "One witness in two groups.",
        f"witness a {one}\ngroup g any a\ngroup h any a\nquorum g\n",
        error=form,
    )
    case("too-many-needed", "Two of one.", f"witness a {one}\ngroup g 2 a\nquorum g\n", error=form)
    case("none-needed", "None of one.", f"witness a {one}\ngroup g 0 a\nquorum g\n", error=form)
    case("none-as-name", "A witness named none.", f"witness none {one}\nquorum none\n", error=form)
    case("carriage-return", "Lines that end in CR LF.", "quorum none\r\n", error=form)
    case("no-last-line-feed", "No line feed at the end.", "quorum none", error=form)
    case("unknown-word", "A line of another kind.", "mirror x\nquorum none\n", error=form)
    case("log-key-as-witness", "A log's key as a witness.", f"witness a {LOG.verifier.text}\nquorum a\n", error="key")
    case("damaged-key", "A key with another ID.", f"witness a {one.replace('+', '+0', 1)}\nquorum a\n", error="key")


def trees(book: Book) -> None:
    tree = Tree.load(0, EMPTY_ROOT, nothing)
    roots = [tree.root]
    for number in range(13):
        tree.append(b"entry %d" % number)
        roots.append(tree.root)
    leaf = leaf_hash(b"entry 5").hex()
    hashes = [one.hex() for one in tree.inclusion(5)]
    whole: dict[str, Any] = {"leaf": leaf, "index": 5, "size": 13, "root": roots[13].hex(), "hashes": hashes}

    def included(name: str, about: str, changes: dict[str, Any], /, **expect: Any) -> None:
        book.bytes(f"inclusion-{name}", about, "inclusion", {**whole, **changes}, **expect)

    included("good", "Entry 5 of 13.", {})
    last = [one.hex() for one in tree.inclusion(12)]
    included(
        "last",
        "The last entry, whose proof is short.",
        {"leaf": leaf_hash(b"entry 12").hex(), "index": 12, "hashes": last},
    )
    single = leaf_hash(b"entry 0").hex()
    included("alone", "A log of one entry.", {"leaf": single, "index": 0, "size": 1, "root": single, "hashes": []})
    wrong = {"error": "proof"}
    included("other-index", "The hashes of entry 5, for entry 4.", {"index": 4}, **wrong)
    included("beyond", "Entry 13 of 13.", {"index": 13}, **wrong)
    included("other-size", "In a log of 17, where the way up is longer.", {"size": 17}, **wrong)
    included("too-short", "A hash is missing at the end.", {"hashes": hashes[:-1]}, **wrong)
    included("too-long", "A further hash at the end.", {"hashes": [*hashes, hashes[0]]}, **wrong)
    included("other-order", "Two hashes have changed places.", {"hashes": [hashes[1], hashes[0], *hashes[2:]]}, **wrong)
    included(
        "empty-log",
        "An entry in an empty log.",
        {"index": 0, "size": 0, "root": EMPTY_ROOT.hex(), "hashes": []},
        **wrong,
    )

    def consistent(name: str, about: str, old: int, hashes: list[str], /, *, new: int = 13, **more: Any) -> None:
        ask = {
            "old": {"size": old, "root": more.pop("old_root", roots[old].hex())},
            "new": {"size": new, "root": roots[new].hex()},
            "hashes": hashes,
        }
        book.bytes(f"consistency-{name}", about, "consistency", ask, **more)

    def between(old: int) -> list[str]:
        return [one.hex() for one in tree.consistency(old)]

    consistent("good", "From 6 to 13.", 6, between(6))
    consistent("power-of-two", "From 8 to 13: the old root itself begins the climb.", 8, between(8))
    consistent("same", "From 13 to 13: nothing to prove.", 13, [])
    consistent("from-nothing", "From the empty log.", 0, [])
    consistent("too-short", "A hash is missing.", 6, between(6)[:-1], **wrong)
    consistent("too-long", "A further hash.", 6, [*between(6), between(6)[0]], **wrong)
    consistent("empty", "No hashes.", 6, [], **wrong)
    consistent("same-with-hashes", "From 13 to 13, with hashes.", 13, between(6), **wrong)
    consistent("other-old-root", "From another tree of 6.", 6, between(6), old_root=roots[5].hex(), **wrong)
    consistent("same-size-other-root", "Two roots of 13.", 13, [], old_root=roots[12].hex(), **wrong)
    consistent(
        "from-nothing-with-a-root",
        "An empty log with a root that it cannot have.",
        0,
        [],
        old_root=roots[1].hex(),
        **wrong,
    )
    consistent("backwards", "From 13 to 6.", 13, between(6), new=6, **wrong)
