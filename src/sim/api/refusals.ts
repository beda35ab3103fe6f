/** Owns: how the API server says no, and that a deletion is done. */
import type { Json } from '../json.ts';
import type { Kind } from './kinds.ts';

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
  readonly details: Json | null;
  constructor(status: number, reason: string, message: string, details: Json | null = null) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.details = details;
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
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: status };
  return { status, retryAfterMs, body: { ...body, ...(reason === '' ? {} : { reason }), ...details } };
}

/** A refusal as it is answered. */
export function replyOf({ status, reason, message, details }: Refusal): Reply {
  const reply = statusReply(status, reason, message);
  return details === null ? reply : { ...reply, body: { ...reply.body, details } };
}

function groupOf({ apiVersion }: Kind): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

/** `statefulsets.apps`. */
function qualified(kind: Kind): string {
  return groupOf(kind) === '' ? kind.resource : `${kind.resource}.${groupOf(kind)}`;
}

/** `StatefulSet.apps`. */
function qualifiedKind(kind: Kind): string {
  return groupOf(kind) === '' ? kind.kind : `${kind.kind}.${groupOf(kind)}`;
}

function detailsOf(kind: Kind, name: string, what: string): Json {
  return { name, ...(groupOf(kind) === '' ? {} : { group: groupOf(kind) }), kind: what };
}

export function notFound(kind: Kind, name: string): Refusal {
  return new Refusal(404, 'NotFound', `${qualified(kind)} "${name}" not found`, detailsOf(kind, name, kind.resource));
}

/** @param leaving whether the one that is there is being deleted */
export function alreadyExists(kind: Kind, name: string, leaving: boolean): Refusal {
  const message = `${leaving ? 'object is being deleted: ' : ''}${qualified(kind)} "${name}" already exists`;
  return new Refusal(409, 'AlreadyExists', message, detailsOf(kind, name, kind.resource));
}

function cannot(kind: Kind, name: string, because: string): Refusal {
  const message = `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${because}`;
  return new Refusal(409, 'Conflict', message, detailsOf(kind, name, kind.resource));
}

export function modified(kind: Kind, name: string): Refusal {
  return cannot(
    kind,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );
}

/** A deletion's precondition that does not hold; its words name the kind where all others name the resource. */
export function unmet(
  kind: Kind,
  name: string,
  [what, wanted, found]: readonly ['UID' | 'ResourceVersion', string, string],
): Refusal {
  const happened = what === 'UID' ? 'deleted and then recreated' : 'modified';
  const because = `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). The object might have been ${happened}`;
  const message = `Operation cannot be fulfilled on ${qualifiedKind(kind)} "${name}": ${because}`;
  return new Refusal(409, 'Conflict', message, detailsOf(kind, name, kind.kind));
}

/** A version was asked for, and the deletion first wrote the object itself: then the server finds its own write in the way. */
export function overtaken(kind: Kind, name: string, version: string): Refusal {
  const because = `StorageError: invalid object, Code: 4, AdditionalErrorMsg: Precondition failed: ResourceVersion in precondition: , ResourceVersion in object meta: ${version}`;
  return cannot(kind, name, because);
}

export function noneOfUid(kind: Kind, name: string, uid: string): Refusal {
  const because = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
  return cannot(kind, name, because);
}

export function invalid(kind: Kind, name: string, because: string): Refusal {
  const message = `${qualifiedKind(kind)} "${name}" is invalid: ${because}`;
  return new Refusal(422, 'Invalid', message, detailsOf(kind, name, kind.kind));
}

/** What an admission plugin will not have. */
export function forbidden(kind: Kind, name: string, because: string): Refusal {
  const message = `${qualified(kind)} "${name}" is forbidden: ${because}`;
  return new Refusal(403, 'Forbidden', message, detailsOf(kind, name, kind.resource));
}

/** The answer to a deletion that left nothing. */
export function deleted(kind: Kind, name: string, uid: string): Json {
  const details = { ...detailsOf(kind, name, kind.resource), uid };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}
