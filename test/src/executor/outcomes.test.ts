/** Hazard: an answer is taken at its word, and something waits for ever, or fails where it is told. */
import { expect, it } from 'vitest';
import { failedOutcome } from '#src/executor/outcomes.ts';

it.each([
  [7_000, 7_000],
  [86_400_000, 300_000],
  [1e300, 300_000],
  [null, null],
])('a server that asks to be spared for %d ms is asked again after %d at most', (asked, waits) => {
  const answer = { type: 'refused', status: 503, reason: 'ServiceUnavailable', message: 'later', body: {} } as const;
  expect(failedOutcome({ ...answer, retryAfterMs: asked }, false)).toMatchObject({
    type: 'transient',
    retryAfterMs: waits,
  });
});
