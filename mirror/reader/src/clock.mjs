// The time, as far as it can be known: this device's clock, and the newest time that a verified statement names. The clock
// of a phone may be years off, so it never decides what is true, only how old something is said to be.

// As check 12: so far a clock may be slow before it is called so.
const SLACK = 3600;

const seconds = (time) => Date.parse(time) / 1000;

/** `now` gives milliseconds since 1970; `made` is a time that has certainly passed: when this file was made. */
export function createClock({ now, made = null }) {
  let floor = Number.isFinite(seconds(made)) ? seconds(made) : 0;
  const here = () => Math.floor(now() / 1000);
  return {
    ms: now,
    /** This device's time as text. */
    text: () => new Date(here() * 1000).toISOString().replace('.000', ''),
    /** A verified statement names this time: it has passed. */
    saw(time) {
      if (seconds(time) > floor) floor = seconds(time);
    },
    /** Whether this clock is behind what is known to have passed. */
    get slow() {
      return here() < floor - SLACK;
    },
    /** How many seconds ago that was, not below 0; null when this clock can't say. */
    age: (time) => (here() < floor - SLACK ? null : Math.max(0, here() - seconds(time))),
    passed: (time) => here() > seconds(time),
  };
}
