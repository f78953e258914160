"""What can be wrong with bytes that claim to be signed.

    SigningError
    ├ FormatError      the bytes are not what their format says, or something is larger than its cap
    ├ BadKey           a key that cannot be used, or one used outside its role
    ├ BadSignature     a note without a good signature of a known key, or with a bad one
    ├ BadProof         a Merkle proof, a tile or a root that does not fit
    │ ├ MissingProof   nothing was offered that could be checked: ask for tiles
    │ └ FrozenLog      a checkpoint that no longer counts, because its log was closed at another one
    ├ Unwitnessed      a checkpoint with fewer cosignatures than the policy asks for
    ├ BadEvidence      a file that claims misbehaviour and proves none
    ├ Fork             two validly signed checkpoints that contradict each other; carries both
    ├ VerifyError      one of the numbered checks of `signing.verify` failed; carries all that ran
    └ TrustError       the trust files (`signing.trust`)

No parser or check in this package lets hostile bytes raise anything else. Messages are one line, and what they quote
of hostile text went through `shown`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signing.checkpoint import Checkpoint
    from signing.verify import Check


class SigningError(Exception):
    """The root of this package's errors."""


class FormatError(SigningError):
    """Bytes that do not follow their format, or are larger than allowed."""


class BadKey(SigningError):
    """A key text that does not parse, or a key used for what it is not for."""


class BadSignature(SigningError):
    """No known key signed this, or a known key's signature is wrong."""


class BadProof(SigningError):
    """Hashes that do not lead to the root they should lead to."""


class MissingProof(BadProof):
    """No consistency proof for the wanted sizes was offered. This says nothing against the log."""


class FrozenLog(BadProof):
    """The trust files say where this log ended, and that is not here."""


class Unwitnessed(SigningError):
    """A checkpoint that the log signed and too few witnesses: `have` are the names of those that did, `need` says in
    words what the policy asks for. This is not evidence of anything: witnesses may be slow, or a mirror left them out.
    """

    def __init__(self, detail: str, *, have: tuple[str, ...], need: str) -> None:
        super().__init__(detail)
        self.have, self.need = have, need


class BadEvidence(SigningError):
    """A document that would be evidence of misbehaviour if it proved any."""


class Fork(SigningError):
    """Two checkpoints of one log, both validly signed, that no single log can have.

    `known` is the one held before, `new` the one just seen. Both are evidence: keep them as they were served.
    """

    def __init__(self, known: Checkpoint, new: Checkpoint) -> None:
        super().__init__(
            f"{shown(new.origin)} shows two histories: size {known.size} root {known.root.hex()}, "
            f"and size {new.size} root {new.root.hex()}"
        )
        self.known, self.new = known, new


class VerifyError(SigningError):
    """Check number `check` failed. `checks` are all that ran, in order; the last one is the failed one."""

    def __init__(self, check: int, name: str, detail: str, checks: tuple[Check, ...] = ()) -> None:
        super().__init__(f"check {check} ({name}): {detail}")
        self.check, self.name, self.detail, self.checks = check, name, detail, checks


def shown(text: object, limit: int = 120) -> str:
    """`text` made safe to print on one line of a terminal: what is not printable is escaped, the rest cut at `limit`
    characters. Printable excludes line breaks, terminal controls and the marks that turn the writing direction."""
    whole = text if isinstance(text, str) else repr(text)
    cut = whole[:limit]
    # Nearly always there is nothing to escape, and every check made tells its details through here.
    safe = cut if cut.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)
    return safe if len(whole) <= limit else safe + "…"
