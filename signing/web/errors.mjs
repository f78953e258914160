// What can be wrong with bytes that claim to be signed: the tree of signing/errors.py.
//
//   SigningError
//   ├ FormatError      the bytes are not what their format says, or something is larger than its cap
//   ├ BadKey           a key that cannot be used, or one used outside its role
//   ├ BadSignature     a note without a good signature of a known key, or with a bad one
//   ├ BadProof         a Merkle proof, a tile or a root that does not fit
//   │ ├ MissingProof   nothing was offered that could be checked
//   │ └ FrozenLog      a checkpoint that a frozen log's key signed and that no longer counts
//   ├ Unwitnessed      a checkpoint with fewer witnesses than the policy asks for
//   ├ Fork             two validly signed checkpoints that contradict each other; carries both
//   ├ BadEvidence      a file that was offered as evidence and proves nothing
//   ├ VerifyError      one of the numbered checks failed; carries all that ran
//   └ TrustError       the trust files
//
// Hostile bytes raise nothing else. `kind` is the name, which a minifier leaves alone.

export class SigningError extends Error {
  get kind() {
    return 'SigningError';
  }
}

const named = (kind, above) =>
  class extends above {
    get kind() {
      return kind;
    }
  };

export const FormatError = named('FormatError', SigningError);
export const BadKey = named('BadKey', SigningError);
export const BadSignature = named('BadSignature', SigningError);
export const BadProof = named('BadProof', SigningError);
export const MissingProof = named('MissingProof', BadProof);
export const FrozenLog = named('FrozenLog', BadProof);
export const Unwitnessed = named('Unwitnessed', SigningError);
export const BadEvidence = named('BadEvidence', SigningError);
export const TrustError = named('TrustError', SigningError);

export class Fork extends named('Fork', SigningError) {
  constructor(known, seen) {
    super(`${shown(seen.origin)} shows two histories: size ${known.size} and size ${seen.size}`);
    this.known = known;
    this.seen = seen;
  }
}

export class VerifyError extends named('VerifyError', SigningError) {
  constructor(check, name, detail, checks) {
    super(`check ${check} (${name}): ${detail}`);
    this.check = check;
    this.checks = checks;
    this.detail = detail;
  }
}

/** `text` made safe to show on one line: controls, line breaks and marks that turn the writing direction are escaped. */
export function shown(text, limit = 120) {
  // What came out of JSON has no prototype, and no text form.
  const whole = typeof text === 'object' && text ? (Array.isArray(text) ? 'a list' : 'an object') : String(text);
  const safe = Array.from(whole.slice(0, limit), (c) =>
    /[\p{C}\p{Zl}\p{Zp}]/u.test(c) ? `\\u${c.codePointAt(0).toString(16).padStart(4, '0')}` : c,
  ).join('');
  return whole.length <= limit ? safe : `${safe}…`;
}

/** Thrown by `read` functions for what could not be read, as opposed to what is not there (null). Says nothing against
 * anybody's signatures. */
export class Unread extends Error {}
