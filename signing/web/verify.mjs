// The verifier of the mirror format in JavaScript: the twin of signing/verify.py, with the same numbered checks and the
// same verdicts, held against it by the tests. Plain modules for browsers (Chromium 80 and later) and Node: no document, no
// network, no clock; bytes and the time are arguments. Signatures by WebCrypto or, where it is absent, in JavaScript, so
// whatever verifies one is async.
//
//   import { compileSchemas, judge, openSession } from './verify.mjs';
//   const schema = compileSchemas([bundle, edition, part, page, trust]);     // schemas/*.schema.json, parsed
//   const { verdict, memory } = await judge({ read, pin, now, known, schema, ask: { what: 'front' } });
//   const session = await openSession({ read, pin, now, known, schema });    // for more than one question: session.mjs

export { MAX_BYTES as MAX_CHECKPOINT, openCheckpoint, parseCheckpoint } from './checkpoint.mjs';
export * from './checks.mjs';
export { cosigners } from './cosignature.mjs';
export { backend, forceFallback, verifySignature } from './crypto.mjs';
export { encodeEntry, entryOf, parseEntry } from './entry.mjs';
export * from './errors.mjs';
export { MAX_BYTES as MAX_EVIDENCE, evidenceOf, prove } from './evidence.mjs';
export { MAX_BYTES as MAX_FRONT, parseFront } from './front.mjs';
export { judge } from './judge.mjs';
export { frontOf, recall } from './known.mjs';
export { checkCurrent, laterEntries } from './later.mjs';
export { checkConsistency, checkInclusion, leafHash, nodeHash, rootOf } from './merkle.mjs';
export { openNote, parseKey, parseNote, verifies } from './note.mjs';
export { packedReader, parseIndex, parsePacks } from './packed.mjs';
export * from './packing.mjs';
export { parsePolicy } from './policy.mjs';
export { MAX_BYTES as MAX_PROOF, parseProof } from './proof.mjs';
export { compileSchemas, rulesOf } from './rules.mjs';
export { schemaOf } from './schema.mjs';
export { PICTURE, THUMBNAIL, openSession } from './session.mjs';
export { MAX_ENTRIES_BYTES, MAX_TILE_BYTES, tileHashes, tilePath } from './tiles.mjs';
export { fingerprint, walk } from './trust.mjs';
export { MAX_PACK, packReader } from './zip.mjs';
