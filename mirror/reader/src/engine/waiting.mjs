// Who reads comes first: work that nobody waits for begins when nobody has read for a while.

// Milliseconds without reading before what belongs to the article is asked for, too.
export const SHORT = 1000;

export const pause = (me, ms) => new Promise((resolve) => me.setTimeout(resolve, ms));

/** `make`, for what somebody waits for. */
export const first = (me, make) => async (...asked) => {
  me.reading++;
  try {
    return await make(me, ...asked);
  } finally {
    me.reading--;
    me.last = me.clock.ms();
  }
};

/** Settles when nobody has read for so long. */
export async function quiet(me, ms) {
  // The clock may have been set back.
  while (me.reading || Math.abs(me.clock.ms() - me.last) < ms) await pause(me, 500);
}

/** Work that nobody waits for. */
export async function later(me, ms, make) {
  const at = me.wiped;
  try {
    await quiet(me, ms);
    if (at === me.wiped) await make();
  } catch (error) {
    me.reason = String(error && error.message);
  }
}
