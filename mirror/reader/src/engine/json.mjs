// JSON that anybody can have written.

export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What this JSON says; null when it is none. */
export function parse(text) {
  try {
    return typeof text === 'string' ? JSON.parse(text) : null;
  } catch (_) {
    return null;
  }
}
