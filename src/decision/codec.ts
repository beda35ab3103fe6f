/**
 * Owns: a decision as the text of a journal row's `body`, and back. Keys are written in one fixed order, so that equal
 * decisions are equal bytes. Bodies of requests always, and observations above 1 KB, stand as blobs, stored once each.
 * Invariant: encode(decode(text)) = text for every text this build wrote.
 */
import type { Decision, EffectRequest, IntentRecord } from './record.ts';
import type { ClusterObservation } from '#machines/cluster/observations.ts';

/** Observations longer than this are stored as a blob: many rows repeat the same object. */
export const inlineBytesMax = 1024;

/** Stores a text once and gives its hash. */
export type PutBlob = (text: string) => string;

/** Gives the text of a stored blob. @throws when it is missing: the journal is damaged */
export type GetBlob = (hash: string) => string;

interface BlobReference {
  readonly $blob: string;
}

const mark = '"$blob":"';
/** Hex digits of a hash. */
const digits = 64;
const none: readonly string[] = [];

/** Hashes of the texts that a body mentions, in order; one that it mentions twice stands twice. */
export function mentionedIn(body: string): readonly string[] {
  let at = body.indexOf(mark);
  if (at < 0) return none;
  const found: string[] = [];
  for (; at >= 0; at = body.indexOf(mark, at + 1)) {
    const [start, end] = [at + mark.length, at + mark.length + digits];
    const hash = body.slice(start, end);
    if (/^[0-9a-f]{64}$/.test(hash) && body[end] === '"') found.push(hash);
  }
  return found;
}

function reference(text: string, put: PutBlob): BlobReference {
  return { $blob: put(text) };
}

function isReference(value: unknown): value is BlobReference {
  return typeof value === 'object' && value !== null && '$blob' in value && typeof value.$blob === 'string';
}

function encodeRequest(request: EffectRequest, put: PutBlob): unknown {
  if (request.type !== 'api' || request.body === null) return request;
  return { ...request, body: reference(request.body, put) };
}

function encodeIntent(intent: IntentRecord, put: PutBlob): unknown {
  return {
    ordinal: intent.ordinal,
    type: intent.type,
    class: intent.class,
    target: { kind: intent.target.kind, name: intent.target.name },
    because: intent.because,
    request: encodeRequest(intent.request, put),
  };
}

/** The body text of a decision. @param put stores long parts, in order of appearance */
export function encodeBody(decision: Decision, put: PutBlob): string {
  const observation = JSON.stringify(decision.observation);
  const seen = observation.length > inlineBytesMax ? JSON.stringify(reference(observation, put)) : observation;
  const { reads, moves, timers, to } = decision;
  const rest = { reads, moves, intents: decision.intents.map((intent) => encodeIntent(intent, put)), timers, to };
  // One text of an observation is made, not two: it is the longest part.
  return `{"observation":${seen},${JSON.stringify(rest).slice(1)}`;
}

/** What a row is decided again from. */
export type Told = Pick<Decision, 'observation' | 'reads'>;

/** Before this a body tells what was seen and looked up, behind it what was decided. */
const decided = ',"moves":[';

/**
 * What a body tells of what was seen and looked up; what was decided is not read, it is to be decided again. The mark may
 * stand within an observation too: then what is before it is no JSON, and the whole body is read.
 */
export function decodeTold(text: string, get: GetBlob): Told {
  const end = text.indexOf(decided);
  let told: Record<keyof Told, unknown>;
  try {
    told = JSON.parse(`${text.slice(0, end)}}`) as typeof told;
  } catch {
    told = JSON.parse(text) as typeof told;
  }
  return { observation: observationOf(told.observation, get), reads: told.reads as Told['reads'] };
}

function observationOf(value: unknown, get: GetBlob): ClusterObservation {
  return (isReference(value) ? JSON.parse(get(value.$blob)) : value) as ClusterObservation;
}

/** A decoded body. The casts stand at the border: the journal's chain vouches that we wrote these bytes. */
export function decodeBody(text: string, get: GetBlob): Decision {
  const body = JSON.parse(text) as Record<keyof Decision, unknown>;
  const intents = (body.intents as readonly (IntentRecord & { readonly request: { readonly body?: unknown } })[]).map(
    (intent) =>
      isReference(intent.request.body)
        ? { ...intent, request: { ...intent.request, body: get(intent.request.body.$blob) } }
        : intent,
  );
  return {
    observation: observationOf(body.observation, get),
    reads: body.reads as Decision['reads'],
    moves: body.moves as Decision['moves'],
    intents: intents as Decision['intents'],
    timers: body.timers as Decision['timers'],
    to: body.to as string,
  };
}
