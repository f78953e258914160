// Takes away what Chromium 80 does not have. To be imported first, so that whatever is tested runs without it.

const LATER = [
  [Object, ['hasOwn', 'groupBy']],
  [Promise, ['any', 'withResolvers', 'try']],
  [Array, ['fromAsync']],
  [Array.prototype, ['at', 'findLast', 'findLastIndex', 'toReversed', 'toSorted', 'toSpliced', 'with', 'group', 'groupToMap']],
  [Object.getPrototypeOf(Uint8Array.prototype), ['at', 'findLast', 'findLastIndex', 'toReversed', 'toSorted', 'with']],
  [Uint8Array, ['fromBase64', 'fromHex']],
  [Uint8Array.prototype, ['toBase64', 'toHex', 'setFromBase64', 'setFromHex']],
  [String.prototype, ['at', 'replaceAll', 'isWellFormed', 'toWellFormed']],
  [ArrayBuffer.prototype, ['resize', 'transfer', 'transferToFixedLength', 'detached', 'resizable', 'maxByteLength']],
  [Set.prototype, ['union', 'intersection', 'difference', 'symmetricDifference', 'isSubsetOf', 'isSupersetOf', 'isDisjointFrom']],
  [Map, ['groupBy']],
  [AbortSignal, ['timeout', 'any']],
  [globalThis, ['structuredClone', 'AggregateError', 'WeakRef', 'FinalizationRegistry', 'Iterator', 'DecompressionStream', 'CompressionStream']],
];

for (const [owner, names] of LATER) for (const name of names) delete owner[name];

/** Whether any of it is there. */
export const isLater = () => LATER.some(([owner, names]) => names.some((name) => name in owner));
