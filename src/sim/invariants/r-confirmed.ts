/**
 * R: once a spec that asks for synchronous replication as Required is rolled out, and as long as it is asked for, a row that is
 * acknowledged is on two members at least, and on whoever takes writes afterwards, whatever happened in between.
 */
import { at, number, text, type Json } from '../json.ts';
import { nameOf, namespaceOf, uidOf } from '../api/store.ts';
import type { Row } from '../patroni/data-directory.ts';
import type { World } from '../world.ts';
import type { Invariant, Tell } from './invariant.ts';

/** A client that writes a row so often, wherever rows are taken. */
const everyMs = 1_000;
/** Longest that a world at rest may take to acknowledge one: a choice of Patroni's, and a loop. */
const restMs = 30_000;

/** A cluster whose spec says Required. */
interface Promised {
  readonly uid: string;
  /** Generation in which it came to say so; what is rolled out from then on holds the promise. */
  readonly since: number;
  rolledOut: boolean;
  /** The newest row acknowledged since it holds; null before there is one. */
  newest: number | null;
  acknowledgedMs: number;
  /** Longest time without an acknowledged row since the first. */
  longestGapMs: number;
}

/** What became of the rows of each cluster that is promised them, by `namespace/name`. */
export type Rows = ReadonlyMap<string, Promised>;

function holds(log: Row | null, id: number): boolean {
  let row = log;
  while (row !== null && row.id > id) row = row.before;
  return row?.id === id;
}

function isRequired(cluster: Json): boolean {
  return (
    text(cluster, 'spec', 'synchronous', 'mode') === 'Required' && !('deletionTimestamp' in at(cluster, 'metadata'))
  );
}

/** A world has one client, whoever asks what became of its rows. */
const watched = new WeakMap<World, Rows>();

/** Writes rows into every cluster that asks for Required, and tells when one is lost, or on one member alone. */
export function watchRows(world: World, tell: Tell): Rows {
  const known = watched.get(world);
  if (known !== undefined) return known;
  const { schedule, kubelets, api } = world;
  const promised = new Map<string, Promised>();
  watched.set(world, promised);
  let next = 1;
  let isWriting = false;

  const membersOf = (key: string): readonly (readonly [string, Row | null, boolean])[] =>
    [...kubelets.members()]
      .filter(([pod]) => pod.replace(/-\d+$/, '') === key)
      .map(([pod, member]) => [pod, member.directory.log, member.isWritable()]);

  function acknowledged(key: string, promise: Promised, id: number): void {
    if (promised.get(key) !== promise || !promise.rolledOut) return;
    const now = schedule.elapsedMs();
    if (promise.newest !== null) promise.longestGapMs = Math.max(promise.longestGapMs, now - promise.acknowledgedMs);
    promise.acknowledgedMs = now;
    promise.newest = Math.max(id, promise.newest ?? 0);
    const copies = membersOf(key).filter(([, log]) => holds(log, id)).length;
    if (copies < 2) tell(`row ${id} of ${key} was acknowledged, and is on ${copies} member alone`);
  }

  function write(): void {
    for (const [key, promise] of promised) {
      const id = next;
      next += 1;
      const [, writer] =
        [...kubelets.members()].find(([pod, each]) => pod.replace(/-\d+$/, '') === key && each.isWritable()) ?? [];
      writer?.commit(id, () => acknowledged(key, promise, id));
    }
    isWriting = promised.size > 0;
    if (isWriting) schedule.after(everyMs, write);
  }

  api.store.onChange(({ kind, object, type }) => {
    if (kind.kind !== 'PostgresCluster') return;
    const key = `${namespaceOf(object)}/${nameOf(object)}`;
    const before = promised.get(key);
    if (type === 'DELETED' || !isRequired(object)) return void promised.delete(key);
    const since = before?.uid === uidOf(object) ? before.since : number(object, 1, 'metadata', 'generation');
    const rolledOut = number(object, 0, 'status', 'rolledOutGeneration') >= since;
    if (before?.uid === uidOf(object)) before.rolledOut = rolledOut;
    else promised.set(key, { uid: uidOf(object), since, rolledOut, newest: null, acknowledgedMs: 0, longestGapMs: 0 });
    if (isWriting) return;
    isWriting = true;
    schedule.after(everyMs, write);
  });
  kubelets.onRole(() => {
    for (const [key, { newest }] of promised)
      for (const [pod, log, isWritable] of membersOf(key))
        if (newest !== null && isWritable && !holds(log, newest))
          tell(`row ${newest} of ${key} was acknowledged, and ${pod} takes writes without it`);
  });
  return promised;
}

export const confirmed: Invariant = {
  name: 'R',
  says: 'with Required, no acknowledged row is on one member alone, and none is lost when another one takes over',
  watch: (world, tell) => {
    const rows = watchRows(world, tell);
    return {
      atEnd: () => {
        for (const [key, { rolledOut, newest, acknowledgedMs }] of rows) {
          const sinceMs = world.schedule.elapsedMs() - acknowledgedMs;
          if (rolledOut && (newest === null || sinceMs > restMs))
            tell(`${key} acknowledges no row in a world at rest, for ${sinceMs} ms`);
        }
      },
    };
  },
};
