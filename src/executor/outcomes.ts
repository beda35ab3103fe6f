/** Owns: answers of the API server as outcomes. What a status code means is decided here and nowhere else after it. */
import type { Outcome } from '#machines/cluster/observations.ts';
import type { Answer } from '#src/kube/request.ts';

/** Refusals that pass by themselves. */
const transientReasons: ReadonlySet<string> = new Set([
  'TooManyRequests',
  'ServerTimeout',
  'Timeout',
  'InternalError',
  'ServiceUnavailable',
]);

/** A server that asks for more is asked again all the same, as by watches: a proxy may ask for a year, or for a date that is none. */
const askedMostMs = 300_000;

function isIncarnation(message: string): boolean {
  return /metadata\.uid|field is immutable/.test(message) && message.includes('uid');
}

/** All that an API server says of a JSON patch that does not fit: a test of it failed, or what it takes away is not there. */
const patchDoesNotFit = 'the server rejected our request due to an error in our request';

/** How a request that was refused, lost or not sent has ended. `quiet` drops the server's words, which may quote a value. */
export function failedOutcome(answer: Exclude<Answer, { type: 'ok' }>, quiet: boolean): Outcome {
  switch (answer.type) {
    case 'unknown':
      return { type: 'unknown', reason: answer.because };
    case 'not-sent':
      return {
        type: 'transient',
        reason: 'NotSent',
        message: `the API server could not be reached: ${answer.because}`,
        retryAfterMs: null,
      };
    case 'refused': {
      const { status, reason, retryAfterMs } = answer;
      const message = quiet ? `the API server answered ${reason}` : answer.message.slice(0, 1000);
      if (status === 404) return { type: 'absent' };
      if (status === 409) return { type: 'conflict', reason, message };
      if (status === 422 && isIncarnation(answer.message))
        return { type: 'conflict', reason: 'IncarnationChanged', message };
      if (status === 422 && answer.message === patchDoesNotFit)
        return { type: 'conflict', reason: 'PatchDoesNotFit', message: 'it is no longer as it was seen' };
      if (status === 429 || status >= 500 || transientReasons.has(reason))
        return {
          type: 'transient',
          reason,
          message,
          retryAfterMs: retryAfterMs === null ? null : Math.min(retryAfterMs, askedMostMs),
        };
      return { type: 'refused', reason, message };
    }
  }
}
