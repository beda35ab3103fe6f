/**
 * Owns: passwords, in the only safe order. What people read (and edit) is one Secret, what pods start with another one, and
 * roles follow in between: a password is in force when PostgreSQL takes it.
 *
 *   order  step
 *   0      new values stand in the Secrets that people read, if that was asked for by a token (else somebody edited them)
 *   1      roles are told what these say, on the leader of this timeline
 *   2      the Secret in force says the same; pods that run with other values bear another mark, and are replaced (`rollout.ts`)
 *   3      what follows from a password (`uri`, `PGPASSWORD`) and what is missing is put right
 *   4      once all pods are new, roles are asked again where somebody else leads by then
 *   later  who leads on another timeline is told them again: a failover may have left behind that they were told
 *
 * I1. The Secret in force never says what no role was told.
 * I2. New values are made once for a token: it is left on the Secret that bears them, with their write.
 * I3. Nothing is compared but digests under one key; without such a key nothing is rotated, and a Secret in force that was lost
 *     is not made again with new passwords: nobody could see that roles have to be told.
 */
import { annotations, objectNames } from '../../shared/names.ts';
import type { ActiveRequest, Facts } from '../facts.ts';
import { clusterName } from '../knowledge.ts';
import { leaderOf, membersOf, podOf } from '../members.ts';
import { objectAt, ownershipOf } from '../objects.ts';
import type { SecretDigest } from '../observations.ts';
import { recalled } from '../recall.ts';
import { act, wait, type RolloutStep, type Scene } from './step.ts';

/** Passwords that pods start with: another value takes effect with the next start of a container. */
export const memberKeys = ['POSTGRES_PASSWORD', 'REPLICATION_PASSWORD', 'RESTAPI_PASSWORD'] as const;
/** The application's, in the Secret in force. */
export const applicationKey = 'APPLICATION_PASSWORD';
/** Under this key the digest of a Secret tells which password its `uri` bears. */
export const uriPassword = 'uri/password';

/** Roles of the cluster, by the key of their password in the Secret in force. @param owner of the application's database */
export function rolesOf(owner: string): Readonly<Record<string, string>> {
  return { POSTGRES_PASSWORD: 'postgres', REPLICATION_PASSWORD: 'standby', [applicationKey]: owner };
}

interface Secrets {
  readonly keyId: string;
  /** What people read, by key of the Secret in force; a key that is missing there is missing here. */
  readonly published: SecretDigest['values'];
  readonly inForce: SecretDigest['values'];
  /** Secrets that people read and that lack a password, or contradict themselves. */
  readonly incomplete: readonly string[];
}

function namesOf(facts: Facts): ReturnType<typeof objectNames> {
  return objectNames(clusterName(facts));
}

function digestOf(facts: Facts, secret: string): SecretDigest | string {
  const object = objectAt(facts, `Secret/${secret}`)?.object;
  if (object === undefined || object.deleting) return `Secret ${secret} is not there`;
  const ownership = ownershipOf(facts, object);
  if (ownership.type !== 'ours')
    return `Secret ${secret} is not ours${ownership.type === 'foreign' ? `: ${ownership.because}` : ''}`;
  const digest = object.detail.type === 'Secret' ? object.detail.digest : undefined;
  return digest ?? 'there is no key for digests of Secrets, so their values cannot be compared';
}

/** Why there is no key for digests of Secrets, and what follows; null while there is one. */
export function noKeyWords({ world }: Facts): string | null {
  const because = world.config?.noDigestKey;
  return because === undefined
    ? null
    : `there is no key for digests of Secrets (${because}): passwords are not rotated, edits of Secrets are not followed, and lost passwords are not made anew; it is asked for again every minute`;
}

/** Whether the Secret called `name` has to wait for the key: its values would be new ones, which roles were not told. */
export function waitsForKey(facts: Facts, name: string): boolean {
  const { credentials, credentialsInForce } = namesOf(facts);
  if (name !== credentialsInForce || noKeyWords(facts) === null || facts.memory.systemIdentifier === null) return false;
  const detail = objectAt(facts, `Secret/${credentials}`)?.object.detail;
  const keys = detail?.type === 'Secret' ? detail.keys : [];
  // What is there for people is copied.
  return !memberKeys.every((key) => keys.includes(key));
}

/** What the three Secrets say; a clause when that is not known. */
const secretsOf = recalled((facts): Secrets | string => {
  const names = namesOf(facts);
  const [inForce, people, application] = [
    digestOf(facts, names.credentialsInForce),
    digestOf(facts, names.credentials),
    digestOf(facts, names.applicationSecret),
  ];
  if (typeof inForce === 'string') return inForce;
  if (typeof people === 'string') return people;
  if (typeof application === 'string') return application;
  if (people.keyId !== inForce.keyId || application.keyId !== inForce.keyId)
    return 'digests of Secrets are of different keys';
  const of = (key: string): string | undefined =>
    key === applicationKey ? application.values['password'] : people.values[key];
  const keys = [...memberKeys, applicationKey];
  const published = Object.fromEntries(
    keys.flatMap((key) => {
      const value = of(key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
  const lacks = memberKeys.some((key) => people.values[key] === undefined);
  const isPeopleWhole = !lacks && people.values['PGPASSWORD'] === people.values['POSTGRES_PASSWORD'];
  const password = application.values['password'];
  const isApplicationWhole = password !== undefined && application.values[uriPassword] === password;
  return {
    keyId: inForce.keyId,
    published,
    inForce: inForce.values,
    incomplete: [
      ...(isPeopleWhole ? [] : [names.credentials]),
      ...(isApplicationWhole ? [] : [names.applicationSecret]),
    ],
  };
});

/** Keys whose published value is not the one in force. */
function differing({ published, inForce }: Secrets): readonly string[] {
  return Object.keys(published).filter((key) => published[key] !== inForce[key]);
}

/** The same list each time: what rests on it stands while it is empty. */
const none: readonly string[] = [];

/** Pods that were made for other credentials than those in force. */
export const oldPods: (facts: Facts) => readonly string[] = recalled((facts) => {
  const { revision } = facts.memory.credentials;
  const old = membersOf(facts)
    .filter(({ name }) => {
      const pod = podOf(facts, name);
      return pod !== null && (pod.object.annotations[annotations.credentials] ?? null) !== revision;
    })
    .map(({ name }) => name);
  return old.length === 0 ? none : old;
});

/** Whether roles are known to have been told what the Secrets say, by who leads now. */
function isSet(facts: Facts, { keyId, published }: Secrets): boolean {
  const { set } = facts.memory.credentials;
  const { name, timeline } = leaderOf(facts);
  if (set === null || set.keyId !== keyId || set.leader !== name || set.timeline !== timeline) return false;
  return Object.keys(rolesOf('')).every((key) => published[key] === undefined || set.values[key] === published[key]);
}

/**
 * Who leads on a timeline on which roles may be without what they were told last: a failover leaves behind what had not been
 * replicated. Null while that is not so, or a rotation that is under way tells them anyhow.
 */
export function untoldLeader(facts: Facts): string | null {
  const { request, credentials } = facts.memory;
  const { name, timeline, writable } = leaderOf(facts);
  if (request !== null || credentials.set === null || !writable || credentials.set.timeline === timeline) return null;
  const secrets = secretsOf(facts);
  return typeof secrets === 'string' || differing(secrets).length > 0 ? null : name;
}

/** Whether members have to start anew for what is published; not when it is what they run with. */
function renews({ memory }: Facts, { keyId, published, inForce }: Secrets): boolean {
  const { settled } = memory.credentials;
  const before = settled !== null && settled.keyId === keyId ? settled.values : inForce;
  return memberKeys.some((key) => published[key] !== undefined && published[key] !== before[key]);
}

/** What has to be done about passwords by itself. */
export interface Due {
  /** One sentence: what was seen. */
  readonly because: string;
  /** What tells this from another: parts of digests. */
  readonly mark: string;
  /** Every member has to start anew. */
  readonly restarts: boolean;
}

const markDigits = 6;

/** What Secrets and pods ask for without a token; null when all agree, or when they cannot be compared. */
export const rotationDue: (facts: Facts) => Due | null = recalled((facts) => {
  const secrets = secretsOf(facts);
  if (typeof secrets === 'string' || facts.memory.systemIdentifier === null) return null;
  const names = namesOf(facts);
  const edited = [
    ...new Set(differing(secrets).map((key) => (key === applicationKey ? names.applicationSecret : names.credentials))),
    ...secrets.incomplete,
  ];
  const old = oldPods(facts);
  if (edited.length === 0 && old.length === 0) return null;
  const { revision } = facts.memory.credentials;
  const digits = Object.values(secrets.published).map((digest) => digest.slice(0, markDigits));
  const because =
    edited.length > 0
      ? `Secret ${[...new Set(edited)].join(' and ')} says what is not in force`
      : `${old.join(', ')} ${old.length === 1 ? 'runs' : 'run'} with passwords that are not in force any more`;
  return {
    because,
    mark: [...digits, ...(revision === null || old.length === 0 ? [] : [revision])].join('-'),
    restarts: old.length > 0 || renews(facts, secrets),
  };
});

/** Why a rotation has to wait, as a clause; null when nothing keeps it. */
export function rotationWaits(facts: Facts): string | null {
  const secrets = secretsOf(facts);
  return typeof secrets === 'string' ? secrets : null;
}

/** What all Secrets agree on and is not noted yet; null when that is nothing, or something is under way. */
const newlySettled = recalled(({ world, memory }): SecretDigest | null => {
  if (memory.request !== null || memory.systemIdentifier === null) return null;
  const secrets = secretsOf({ world, memory });
  if (typeof secrets === 'string' || differing(secrets).length > 0) return null;
  const { settled } = memory.credentials;
  const now = { keyId: secrets.keyId, values: secrets.published };
  return JSON.stringify(settled) === JSON.stringify(now) ? null : now;
});

/** Facts with what all Secrets agree on, as long as nothing is under way. */
export function withSettled(facts: Facts): Facts {
  const { memory } = facts;
  const now = newlySettled(facts);
  if (now === null) return facts;
  return { ...facts, memory: { ...memory, credentials: { ...memory.credentials, settled: now } } };
}

/** Secrets that people read and that do not bear the values made for this token yet. */
function unmade(facts: Facts, token: string): readonly string[] {
  const names = namesOf(facts);
  return [names.credentials, names.applicationSecret].filter(
    (secret) => objectAt(facts, `Secret/${secret}`)?.object.annotations[annotations.rotated] !== token,
  );
}

/** Values that were asked for are not made yet. */
function isUnmade(facts: Facts, request: ActiveRequest): boolean {
  return request.unasked !== true && unmade(facts, request.token).length > 0;
}

/** The next step before pods are replaced; null when the Secrets, and who leads, say all the same. */
export function credentialsStep(scene: Scene): RolloutStep | null {
  const { facts, leader, plan } = scene;
  const { request } = facts.memory;
  if (request?.kind !== 'rotate-credentials') return null;
  const secrets = secretsOf(facts);
  if (typeof secrets === 'string') return wait('configuring', secrets);
  const seen = { keyId: secrets.keyId, values: secrets.published };
  const words = request.unasked === true ? request.token : `rotate-credentials ${JSON.stringify(request.token)}`;
  if (isUnmade(facts, request)) {
    const { token } = request;
    const writes = unmade(facts, token).map((secret) => ({ secret, write: { type: 'generate', token } as const }));
    return act('configuring', { type: 'secrets', writes }, `${words}: new passwords`);
  }
  const { owner } = plan.database;
  if (!isSet(facts, secrets))
    return act('configuring', { type: 'passwords', leader, owner }, `${words}: roles have to be told`, leader);
  if (differing(secrets).length > 0) {
    const write = { type: 'enforce', renews: renews(facts, secrets), seen } as const;
    const writes = [{ secret: namesOf(facts).credentialsInForce, write }];
    return act(
      'configuring',
      { type: 'secrets', writes },
      `${words}: roles were told, what they were told is in force`,
    );
  }
  if (secrets.incomplete.length === 0) return null;
  const writes = secrets.incomplete.map((secret) => ({ secret, write: { type: 'complete', seen } as const }));
  return act('configuring', { type: 'secrets', writes }, `${words}: what follows from passwords`);
}

/** Everybody runs with what is in force, and who leads was told so. */
export function isRotated(facts: Facts, request: ActiveRequest): boolean {
  const secrets = secretsOf(facts);
  if (typeof secrets === 'string' || isUnmade(facts, request)) return false;
  const agree = differing(secrets).length === 0 && secrets.incomplete.length === 0 && isSet(facts, secrets);
  const members = membersOf(facts);
  return agree && oldPods(facts).length === 0 && members.every(({ ready }) => ready);
}

/**
 * What PostgreSQL or the executor has against a password, as a clause; null when nothing. That the API server would not have the
 * command run says nothing of the password: it is tried again.
 */
export function refusedPassword({ memory }: Facts): string | null {
  const refused = Object.entries(memory.failures).find(
    ([key, { reason }]) => key.startsWith('Passwords/') && reason === 'PasswordRefused',
  );
  return refused?.[1].message ?? null;
}
