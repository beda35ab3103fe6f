/** Owns: how the API server says no. */
import type { Json } from '../json.ts';

/** What a request was answered with. */
export interface Reply {
  readonly status: number;
  readonly body: Json;
  readonly retryAfterMs: number | null;
}

/** Thrown inside the server, answered to the client. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** A `Status` object as the body of a refusal. */
export function statusReply(
  status: number,
  reason: string,
  message: string,
  retryAfterMs: number | null = null,
): Reply {
  const details = retryAfterMs === null ? {} : { details: { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) } };
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code: status };
  return { status, retryAfterMs, body: { ...body, ...details } };
}

export function notFound(resource: string, name: string): Refusal {
  return new Refusal(404, 'NotFound', `${resource} "${name}" not found`);
}

export function modified(resource: string, name: string): Refusal {
  return new Refusal(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${resource} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
  );
}

export function otherUid(resource: string, name: string, uids: readonly [wanted: string, found: string]): Refusal {
  return new Refusal(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${resource} "${name}": Precondition failed: UID in precondition: ${uids[0]}, UID in object meta: ${uids[1]}`,
  );
}

export function invalid(kind: string, name: string, because: string): Refusal {
  return new Refusal(422, 'Invalid', `${kind} "${name}" is invalid: ${because}`);
}
