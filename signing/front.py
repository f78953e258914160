"""The file `front`: the newest edition with its proof, all that a reader on a bad line asks for first.

It is stored like every object (gzip as in `signing.packing`), has at most 8192 bytes, and unpacks to

    tamizdat front v1
    edition <base64 of the edition's bundle, as stored>
    consistency <old size> <base64 hash> <base64 hash> …
    …
    <empty line>
    <the edition's tlog-proof, verbatim>

There are none or more `consistency` lines, at most 16, by growing size: each proves that the log of `old size` is the
beginning of the log in the proof's checkpoint, so a reader who was here a few editions ago needs no tiles. Nothing in
this wrapping is signed. A wrong consistency line proves nothing against the log, it is merely useless. For example:

    tamizdat front v1
    edition H4sIAAAAAAAC/01Q3U7CMBS+5ylIbx2s7baOLfFCCEhEUQwTwXixrR1Uxjbajt+Q+BA+oU9iB5qYc27O+fL9nHMEG+AjAyx5RoEPGOWK5xkwQFFGKY/D8+QfQRaumMa7u3BVpEzjueBznlWUy6qZizk4GUAywcNUa2IDKH4mYYjdBrQaEI2h50Ooe1YplCplSgL/7Qh4ZS7/tEOheJyyC0T5nElVGVlWizgeihCJMcLQIw6OMEusBFIrwcixGSReZDHiUgIJhhFBSUiQS51IVyUs+UEHwi3HAKXQIcFCqUL6ppmxrWz+XmJWec2wIVUu9pqkP8N2wLfh6V1Xrfb9+VX/d7R5/pRcMFHfv+wm/e7d883mfjwfDtTV6gm/Ftxdr7u9iWgHy/LBsYNeSe0gvh0h5Dx2lkE7STv9Ph3k6UzG0+lHEXnDgynyDjVp28JwYMfbkX1d+wGkoUk2qgEAAA==
    consistency 7 MGg9zaD1EjHQCN0LbTfwjNyA510tfq6WJPTur7nBHYg= EMwJ/RT2SYemch0x73g+s8aUcpqu76IzG9q9x+c9TJQ= Gtw7wjpb84Cjd35NsHu/LQ0NnE2u+NXDb7i+/t6IY5s= IKmM7t9gU1u0LOHq+ptpSZgL4fL4ItRxMqiVM5UfIAc= afYeCNQPjBb9qfNx3v+g1u3kdpCG/qwlQ87T7EGBuXE= XyeQqhEFFyVS4TSSiY2t3l9uGinEriMTyJUKWK5PGYw= VaEJjN5+fzNeqTuBKYf/wyGl7AfNg9pYwIiHDgaUbII=
    consistency 40 BWO5VuLJyJpT7MCiplCvpS5VTTuh53yAnhZ1NQlzUvQ= VjbYlwGBlPpgUbSK4jHYQrVY3+VxBKtp1xKUYpL/SH4= dHwr8fua9lxPcO77QYbVNEESqDirZ37l+rgoYRyfRP0=

    c2sp.org/tlog-proof@v1
    index 41
    BwvVb5Lb8axZxWlCs8EEfYojM/coWbXYa5/LNh2qs/A=
    BWO5VuLJyJpT7MCiplCvpS5VTTuh53yAnhZ1NQlzUvQ=
    dHwr8fua9lxPcO77QYbVNEESqDirZ37l+rgoYRyfRP0=

    example.org/log/2027
    42
    VQojsPf/LMFETBs8dpfGdghtoQPjLhqay9k83WR5dqo=

    — example.org/log/2027 pobn/ybH9QUpondh/btSoFLJR43hg5etikO16PRU0kZ0CZomAT1e3O6fkfb7mS6ARFspWwNMWVziHoJBx6GWhZKrCAM=
"""  # noqa: E501

from __future__ import annotations

import itertools
from dataclasses import dataclass

from signing.errors import FormatError
from signing.merkle import MAX_HASHES, MAX_SIZE
from signing.packing import from_base64, from_decimal, gunzip, gzip_bytes, to_base64

MAX_BYTES = 8192
MAX_UNPACKED = 65_536
MAX_CONSISTENCY = 16

_FIRST = b"tamizdat front v1"

Consistency = tuple[tuple[int, tuple[bytes, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The parts of a front file, not verified: the edition as stored, its proof's bytes, and consistency proofs by old
    size (kept in growing order). FormatError when it cannot exist."""

    edition: bytes
    proof: bytes
    consistency: Consistency = ()

    def __post_init__(self) -> None:
        in_order = tuple(sorted((size, tuple(hashes)) for size, hashes in self.consistency))
        object.__setattr__(self, "consistency", in_order)
        sizes = [size for size, _ in in_order]
        if len(sizes) > MAX_CONSISTENCY or len(set(sizes)) != len(sizes):
            raise FormatError(f"a front file has at most {MAX_CONSISTENCY} consistency proofs, from different sizes")
        for size, hashes in in_order:
            if not 1 <= size <= MAX_SIZE or not 1 <= len(hashes) <= MAX_HASHES or any(len(one) != 32 for one in hashes):
                raise FormatError(f"a consistency proof from {size} with {len(hashes)} hashes is none")
        if not self.edition or not self.proof:
            raise FormatError("a front file has an edition and a proof")

    def encode(self) -> bytes:
        """The file as stored. Whoever composes the edition sees to it that this has at most `MAX_BYTES`."""
        lines = [
            b"consistency %d %s\n" % (size, b" ".join(map(to_base64, hashes))) for size, hashes in self.consistency
        ]
        head = b"%s\nedition %s\n" % (_FIRST, to_base64(self.edition))
        return gzip_bytes(head + b"".join(lines) + b"\n" + self.proof)


def parse(stored: bytes) -> Front:
    """The parts of a front file as stored. FormatError unless it is one of at most `MAX_BYTES`."""
    if len(stored) > MAX_BYTES:
        raise FormatError(f"a front file has at most {MAX_BYTES} bytes, not {len(stored)}")
    head, gap, proof = gunzip(stored, MAX_UNPACKED).partition(b"\n\n")
    lines = head.split(b"\n")
    if not gap or len(lines) < 2 or lines[0] != _FIRST or not lines[1].startswith(b"edition "):
        raise FormatError(f"a front file begins with `{_FIRST.decode()}` and an edition, and a proof follows")
    if len(lines) - 2 > MAX_CONSISTENCY:
        raise FormatError(f"a front file has at most {MAX_CONSISTENCY} consistency proofs")
    consistency = tuple(_consistency(line) for line in lines[2:])
    if any(before[0] >= after[0] for before, after in itertools.pairwise(consistency)):
        raise FormatError("consistency proofs stand by growing size")
    edition = from_base64(lines[1].removeprefix(b"edition "))
    return Front(edition=edition, proof=proof, consistency=consistency)


def _consistency(line: bytes) -> tuple[int, tuple[bytes, ...]]:
    word, *rest = line.split(b" ")
    if word != b"consistency" or not 2 <= len(rest) <= MAX_HASHES + 1:
        raise FormatError("after the edition come consistency proofs and an empty line")
    return from_decimal(rest[0]), tuple(from_base64(one) for one in rest[1:])
