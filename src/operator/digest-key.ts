/**
 * Owns: the key of the digests that journals hold of Secrets, and digests made with it. A digest tells "the same value" from
 * "another" and gives no value away: whoever has a journal or an export has not the key, so short values cannot be guessed.
 * The key is one Secret per install, in the operator's namespace, made once and never written over. Making it is the one
 * change of a Secret without an intent: it belongs to no cluster, so no cluster's journal can hold one (field manager
 * `postgres-operator-journal-key`). Lost, it is made anew with another id; digests of two keys are never compared.
 * Called by: term, before anything is watched, and again while there is none; a term has one key, or none yet.
 */
import { createHash, createHmac } from 'node:crypto';
import { BehaviorSubject } from 'rxjs';
import { fieldManagers, journalKeySecret, objectNames } from '#machines/shared/names.ts';
import { applicationKey, memberKeys, uriPassword } from '#machines/cluster/tables/credentials.ts';
import { resourcePath } from '#src/decision/paths.ts';
import { Transient } from '#src/errors.ts';
import type { WireRequest } from '#src/kube/api.ts';
import type { Answer } from '#src/kube/request.ts';
import type { Chance, Ticks } from '#src/ports.ts';
import type { Digest } from '#src/stream/door/objects.ts';
import { recordOf } from '#src/stream/door/reading.ts';

/** What the names of a cluster's Secrets end in. */
const ends = objectNames('');
const keyBytes = 32;
const dataKey = 'key';

export interface DigestKeyPorts {
  readonly get: (path: string) => Promise<Answer>;
  readonly send: (request: WireRequest) => Promise<Answer>;
  readonly chance: Chance;
  readonly mayAct: () => boolean;
  /** Where the key's Secret is: the operator's own namespace. */
  readonly namespace: string;
  /** Told when a key was made: by a first start, or because the last one was lost. */
  readonly made: (keyId: string) => void;
  /** Told when there is no key; Secrets bear no digests until it is asked for again. */
  readonly trouble: (because: string) => void;
}

/** First 8 hex digits of the SHA-256 of the key. */
function idOf(key: Uint8Array): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 8);
}

/**
 * Where a value stands, as far as its digest tells: a password that people read stands where the one in force does, so that
 * the two can be compared. By the end of the Secret's name.
 */
const places: readonly { readonly end: string; readonly keys: Readonly<Record<string, string>> | null }[] = [
  { end: ends.credentialsInForce, keys: null },
  { end: ends.credentials, keys: { PGPASSWORD: 'POSTGRES_PASSWORD' } },
  { end: ends.applicationSecret, keys: { password: applicationKey, [uriPassword]: applicationKey } },
];

function placeOf(name: string, key: string): readonly [string, string] {
  const found = places.find(({ end }) => name.endsWith(end));
  if (found === undefined || found.keys === null) return [name, key];
  const isAlias = key in found.keys || (memberKeys as readonly string[]).includes(key);
  return isAlias
    ? [`${name.slice(0, -found.end.length)}${ends.credentialsInForce}`, found.keys[key] ?? key]
    : [name, key];
}

/** The password that a uri bears, in base64 as the API server gives values; null when it bears none. */
function passwordIn(uri: string): string | null {
  try {
    const { password } = new URL(Buffer.from(uri, 'base64').toString('utf8'));
    return password === '' ? null : Buffer.from(decodeURIComponent(password), 'utf8').toString('base64');
  } catch {
    return null;
  }
}

function withUriPassword(data: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const password = data['uri'] === undefined ? null : passwordIn(data['uri']);
  return password === null ? data : { ...data, [uriPassword]: password };
}

/**
 * The digest under one key. Where a value stands is part of it: the same password in two places does not show, but for one
 * that people read and the one in force. Of a `uri` there is also a digest of the password in it. @param key 32 bytes
 */
export function digestWith(key: Uint8Array): Digest {
  const keyId = idOf(key);
  return ({ namespace, name }, data) => {
    const values = Object.entries(withUriPassword(data))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([each, value]) => {
        const text = JSON.stringify([namespace, ...placeOf(name, each), value]);
        return [each, createHmac('sha256', key).update(text).digest('hex').slice(0, 32)];
      });
    return { keyId, values: Object.fromEntries(values) };
  };
}

function keyIn(secret: unknown): Uint8Array | null {
  const bytes = Buffer.from(String(recordOf(recordOf(secret)['data'])[dataKey] ?? ''), 'base64');
  return bytes.length === keyBytes ? bytes : null;
}

function creation(namespace: string, path: string, key: Uint8Array): WireRequest {
  // A resourceVersion that no object has: made when there is none, refused with 409 when there is.
  const metadata = { name: journalKeySecret, namespace, resourceVersion: '1' };
  const data = { [dataKey]: Buffer.from(key).toString('base64') };
  return {
    method: 'PATCH',
    path,
    query: { fieldManager: fieldManagers.journalKey },
    contentType: 'application/apply-patch+yaml',
    body: JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data }),
    auditId: null,
  };
}

/** An answer that says something about the key; whatever may be different in a moment is thrown. */
function settled(answer: Answer, path: string): Answer {
  if (answer.type === 'ok' || (answer.type === 'refused' && answer.status < 500 && answer.status !== 429))
    return answer;
  throw new Transient(answer.type === 'refused' ? `${answer.status} ${answer.message}` : answer.because, {
    operation: 'read or make the key of digests',
    subject: path,
    hint: 'it is asked for again',
  });
}

/**
 * Reads the key of this install; makes it when there is none and this process may act.
 * @returns why, when there is no key to be had, which is told too: the operator works without digests meanwhile
 * @throws Transient when the API server did not answer; ask again
 */
export async function readDigestKey(ports: DigestKeyPorts): Promise<DigestKey> {
  const { namespace } = ports;
  const path = resourcePath('Secret', namespace, journalKeySecret);

  // People read the clause, and exports that bear no names of the install.
  function none(because: string): DigestKey {
    ports.trouble(`Secret ${namespace}/${journalKeySecret} ${because}`);
    return { type: 'none', because: `Secret ${journalKeySecret} of the operator's namespace ${because}` };
  }

  function taken(answer: Answer, isMade: boolean): DigestKey {
    if (answer.type !== 'ok')
      return none(
        `cannot be read: ${answer.type === 'refused' ? `${answer.status} ${answer.reason}` : answer.because}`,
      );
    const key = keyIn(answer.body);
    if (key === null) return none(`has no key '${dataKey}' of ${keyBytes} bytes; delete it, and a new one is made`);
    if (isMade) ports.made(idOf(key));
    return { type: 'key', digest: digestWith(key) };
  }

  const found = settled(await ports.get(path), path);
  if (found.type !== 'refused' || found.status !== 404 || !ports.mayAct()) return taken(found, false);
  const made = settled(await ports.send(creation(namespace, path, ports.chance.bytes(keyBytes))), path);
  // Somebody was first: theirs it is.
  const isTheirs = made.type === 'refused' && made.status === 409;
  return isTheirs ? taken(settled(await ports.get(path), path), false) : taken(made, true);
}

/** Digests under the key of this install, or why there are none yet. */
export type DigestKey =
  | { readonly type: 'key'; readonly digest: Digest }
  | { readonly type: 'none'; readonly because: string };

const askAgainMsMin = 5_000;
const askAgainMsMax = 60_000;

export interface HeldKey {
  readonly now: BehaviorSubject<DigestKey>;
  readonly stop: () => void;
}

/**
 * Asks for the key again as long as there is none: who may not read it now may be allowed to in a moment.
 * @param ask throws when nobody answered
 */
export function holdDigestKey(first: DigestKey, ask: () => Promise<DigestKey>, ticks: Ticks): HeldKey {
  const now = new BehaviorSubject(first);
  let [delayMs, isStopped] = [askAgainMsMin, false];
  let tick: ReturnType<Ticks['after']> | null = null;

  async function again(): Promise<void> {
    const next = await ask().catch(() => now.value);
    if (isStopped) return;
    if (JSON.stringify(next) !== JSON.stringify(now.value) || next.type === 'key') now.next(next);
    if (next.type === 'none') later();
  }

  function later(): void {
    tick = ticks.after(delayMs, () => void again());
    delayMs = Math.min(askAgainMsMax, delayMs * 2);
  }

  if (first.type === 'none') later();
  return {
    now,
    stop: () => {
      isStopped = true;
      tick?.cancel();
    },
  };
}
