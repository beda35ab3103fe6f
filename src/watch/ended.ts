/** Owns: how a list or a stream of changes ends, and what each end asks for: to go on, to list again, to wait. */
import { isObject } from '#machines/shared/json.ts';
import type { Answer } from '#src/kube/request.ts';

/** A stream that ended sooner than this counts as a failure, and a second list at once has to wait this long. */
export const tooSoonMs = 5_000;

export type Ended =
  /** In order: go on from the last version. */
  | { readonly type: 'resume' }
  /** What we hold may be wrong: list again. `atOnce` where the server is well and only the place in its history is lost. */
  | {
      readonly type: 'relist';
      readonly because: string;
      readonly retryAfterMs: number | null;
      readonly atOnce: boolean;
    }
  | { readonly type: 'failed'; readonly because: string; readonly retryAfterMs: number | null };

type NotOk = Exclude<Answer, { type: 'ok' }>;

/** A failure that the server says nothing of. */
export function failed(because: string): Ended {
  return { type: 'failed', because, retryAfterMs: null };
}

/** Something in a stream that cannot be true or cannot be read: what was told so far may lack an event. */
export function poisoned(because: string): Ended {
  return { type: 'relist', because, retryAfterMs: null, atOnce: true };
}

/** Why a request had no success, in words for a human, and how long the server asks to be spared. */
export function describe(answer: NotOk): { readonly because: string; readonly retryAfterMs: number | null } {
  if (answer.type === 'refused')
    return { because: `${answer.status} ${answer.reason}: ${answer.message}`, retryAfterMs: answer.retryAfterMs };
  return { because: answer.because, retryAfterMs: null };
}

/** Why a list has no next page: a continue token that has expired asks for a list from its first page. */
export function notListed(answer: NotOk): Ended {
  const { because, retryAfterMs } = describe(answer);
  const expired = answer.type === 'refused' && answer.status === 410;
  return expired ? { type: 'relist', because, retryAfterMs, atOnce: false } : { type: 'failed', because, retryAfterMs };
}

/** Why a watch did not open, and what that asks for: a version that the server does not know asks for a list. */
export function notOpened(answer: NotOk): Ended {
  const { because, retryAfterMs } = describe(answer);
  const status = answer.type === 'refused' ? answer.status : null;
  if (status === 410) return { type: 'relist', because, retryAfterMs, atOnce: true };
  if (status === 504 || status === 400) return { type: 'relist', because, retryAfterMs, atOnce: false };
  return { type: 'failed', because, retryAfterMs };
}

/**
 * What an orderly end asks for. A half line before it is no loss: the version has not moved.
 * @param tooLong it ended because a line had no end
 * @param livedMs since it was asked for
 */
export function ofItself(tooLong: boolean, livedMs: number): Ended {
  if (tooLong) return { type: 'relist', because: 'a line without an end', retryAfterMs: null, atOnce: false };
  return livedMs < tooSoonMs ? failed(`the stream ended after ${Math.round(livedMs)} ms`) : { type: 'resume' };
}

/** What an ERROR event asks for. @param status a Status of Kubernetes, as it stood in the event */
export function inStreamError(status: unknown): Ended {
  const body = isObject(status) ? status : {};
  const details = isObject(body['details']) ? body['details'] : {};
  const seconds = details['retryAfterSeconds'];
  const retryAfterMs = typeof seconds === 'number' ? seconds * 1000 : null;
  const because = `${String(body['code'] ?? '')} ${String(body['message'] ?? 'an error in the stream')}`;
  return { type: 'relist', because, retryAfterMs, atOnce: body['code'] === 410 };
}
