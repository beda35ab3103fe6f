/**
 * Owns: where a world stands, as a text that is equal for two worlds which go on in the same way: what the API server holds,
 * what every actor knows, what is on its way, who runs. Left out is what differs between any two runs and decides nothing:
 * uids, versions, times, positions in the log, addresses, the sequence of what has happened.
 * Two uses: crashes at equal places are tried once (`enumeration.ts`), and a world that stands where one without faults came
 * to rest has come to rest (`run.ts`).
 */
import { isJson } from './json.ts';
import type { World } from './world.ts';

/** Keys of objects and of facts that are left out. */
const fleeting: ReadonlySet<string> = new Set([
  // of objects
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'managedFields',
  'generation',
  'clusterIP',
  'clusterIPs',
  'podIP',
  'podIPs',
  'ip',
  'startTime',
  'startedAt',
  'finishedAt',
  'lastTransitionTime',
  'optime',
  'renewTime',
  'acquireTime',
  'history',
  'data',
  'journal',
  'postgres.example.com/effect',
  'postgres.example.com/cluster-uid',
  'postgres.example.com/system-identifier',
  // of facts
  'since',
  'at',
  'dueAt',
  'seq',
  'ordinal',
  'because',
  'changed',
  'effect',
  'ownedHash',
  'renderHash',
  'textHash',
  'urgentHash',
  'systemIdentifier',
  'positionBytes',
  'lagBytes',
  'stateSince',
  'message',
  'lastError',
  'lastErrorAt',
  'lastErrorTime',
  'retryCount',
  'amnesia',
  'digest',
]);

/** Kinds that bear witness to what happened, not to what is. */
const told: ReadonlySet<string> = new Set(['Event', 'Lease']);

/** Texts of objects that never change, by object. */
const texts = new WeakMap<object, string>();

/** Texts of which only their being there counts: a member's report on its pod, and the name that a bootstrap gave. */
function isOwnWords(key: string, value: unknown): boolean {
  return (
    typeof value === 'string' && ((key === 'status' && value.startsWith('{')) || (key === 'initialize' && value !== ''))
  );
}

function fresh(value: object): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isJson(value)) return JSON.stringify(value);
  const parts = Object.keys(value)
    .filter((key) => !fleeting.has(key))
    .sort()
    .map((key) => `${key}:${isOwnWords(key, value[key]) ? 'told' : canonical(value[key])}`);
  return `{${parts.join(',')}}`;
}

function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = fresh(value);
  texts.set(value, text);
  return text;
}

function objects({ api }: World): readonly string[] {
  return api.kinds
    .filter(({ kind }) => !told.has(kind))
    .flatMap((kind) => api.store.list(kind, null).map(({ object }) => canonical(object)));
}

/** What the processes know and have under way, whichever of them. */
function processes({ operators }: World): readonly string[] {
  return operators
    .map((seat) => {
      const actors = seat.actors();
      const known = (actors?.clusters() ?? []).map(({ uid }) => canonical(actors?.snapshotOf(uid)));
      return [String(seat.isAlive()), ...known.sort(), ...seat.underway()].join('\n');
    })
    .sort();
}

function members({ kubelets }: World): readonly string[] {
  return [...kubelets.members()]
    .map(([key, member]) => `${key} ${member.isUp()} ${member.isWritable()} ${member.directory.databases.size}`)
    .sort();
}

/** Whether nothing is under way but watches. */
export function isIdle({ operators }: World): boolean {
  return operators.every((seat) => seat.underway().every((each) => each.startsWith('WATCH')));
}

/**
 * What a crash now would leave: everything but the memories of processes. Of what is on its way only changes count, for an
 * answer to a read finds nobody; of the Lease only who holds it, which the terms in the journals say.
 */
export function leftBehind(world: World): string {
  const processes = world.operators.flatMap((seat) => {
    const heads = seat.journal()?.reader.heads() ?? [];
    const durable = heads.map(({ epoch, seq }) => `${epoch} ${seq}`).sort();
    const changes = seat.underway().filter((each) => !/^(GET|WATCH)|leases/.test(each));
    return [seat.name, String(seat.isAlive()), ...durable, ...changes];
  });
  return [...objects(world), ...processes, ...members(world)].join('\n');
}

/**
 * A text with each digest, and each token that a user asked with, as the place at which it stands first: what was generated
 * or chosen by the time differs from run to run, and only which of it is the same decides anything.
 */
export function nameless(text: string): string {
  const places = new Map<string, number>();
  return text.replace(/"(?:[0-9a-f]{8,64}(?=")|at-\d+)/g, (token) => {
    const place = places.get(token) ?? places.size;
    places.set(token, place);
    return `"#${place}`;
  });
}

/** Where a world stands, now. */
export function standingOf(world: World): string {
  return nameless([...objects(world), ...processes(world), ...members(world)].join('\n'));
}
