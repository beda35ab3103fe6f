/**
 * Owns: the verb delete: preconditions, grace, finalizers of the ways to delete; and what is answered.
 * A deletion that has to wait writes the object with its deletionTimestamp; so does that of a Pod in any case, and only then
 * takes it away, so that a watch is told of both.
 */
import { at, list, number, parsed, put, same, text, type Json } from '../json.ts';
import { leave, type Draft } from './commit.ts';
import { timeOf, type ApiRequest, type Server } from './context.ts';
import type { Kind } from './kinds.ts';
import { deleted, notFound, overtaken, unmet } from './refusals.ts';
import { uidOf, type Entry } from './store.ts';

/** Finalizers through which the garbage collector does its part. */
const collected: ReadonlySet<unknown> = new Set(['orphan', 'foregroundDeletion']);
const finalizerOf: Readonly<Record<string, string>> = { Orphan: 'orphan', Foreground: 'foregroundDeletion' };

/** Finalizers with the one that the way of deleting asks for; no way asked for leaves them. */
function finalizersFor(kind: Kind, options: unknown, object: Json): readonly unknown[] {
  const before = list(object, 'metadata', 'finalizers');
  const policy = text(options, 'propagationPolicy');
  if (policy === '' || !kind.collects) return before;
  const wanted = finalizerOf[policy];
  const others = before.filter((each) => !collected.has(each));
  const after = wanted === undefined ? others : [...others, wanted];
  return same([...after].map(String).sort(), [...before].map(String).sort()) ? before : after;
}

function checkPreconditions(place: Draft['place'], options: unknown, live: Entry): void {
  const { kind, name } = place;
  const [uid, version] = [text(options, 'preconditions', 'uid'), text(options, 'preconditions', 'resourceVersion')];
  const [liveUid, liveVersion] = [uidOf(live.object), text(live.object, 'metadata', 'resourceVersion')];
  if (uid !== '' && uid !== liveUid) throw unmet(kind, name, ['UID', uid, liveUid]);
  if (version !== '' && version !== liveVersion) throw unmet(kind, name, ['ResourceVersion', version, liveVersion]);
}

/** Seconds that a Pod is given to end. */
function graceOf(options: unknown, object: Json): number {
  const ended = ['Failed', 'Succeeded'].includes(text(object, 'status', 'phase'));
  if (text(object, 'spec', 'nodeName') === '' || ended) return 0;
  const usual = number(object, 30, 'spec', 'terminationGracePeriodSeconds');
  const asked = number(options, usual, 'gracePeriodSeconds');
  return asked < 0 ? 1 : asked;
}

/** What the deletion does to metadata, or `pending`: it goes on as it was begun. */
function marks(server: Server, kind: Kind, options: unknown, object: Json): Json | 'pending' | null {
  const before = at(object, 'metadata');
  const running = before['deletionTimestamp'] !== undefined;
  if (!kind.graceful) return null;
  const left = number(before, 0, 'deletionGracePeriodSeconds');
  if (running && left === 0) return null;
  const grace = running ? number(options, left, 'gracePeriodSeconds') : graceOf(options, object);
  if (running && grace >= left) return 'pending';
  const deletionTimestamp = timeOf(server, grace * 1000);
  return { deletionTimestamp, deletionGracePeriodSeconds: grace, ...(running ? {} : nextGeneration(before)) };
}

function nextGeneration(metadata: Json): Json {
  const generation = number(metadata, 0, 'generation');
  return generation > 0 ? { generation: generation + 1 } : {};
}

/** The deletion of what cannot go yet. */
function waiting(server: Server, object: Json): Json {
  const before = at(object, 'metadata');
  const begun = before['deletionTimestamp'];
  return {
    deletionTimestamp: begun ?? timeOf(server),
    deletionGracePeriodSeconds: 0,
    ...(begun === undefined ? nextGeneration(before) : {}),
  };
}

/** Deletes, or begins to. @returns what is answered */
export function removed(server: Server, request: ApiRequest, place: Draft['place'], live: Entry | null): Json {
  const { kind, name } = place;
  if (live === null) throw notFound(kind, name);
  // Options in a body make those of the query count for nothing.
  const options = parsed(request.body) ?? request.query;
  checkPreconditions(place, options, live);
  const dryRun = at(options)['dryRun'] !== undefined;
  const write = (object: Json): Json => (dryRun ? object : server.store.put({ ...live, object, unsettled: false }));
  const gone = (object: Json): Json => {
    const last = dryRun ? object : leave(server, { ...live, object });
    return kind.returnsDeleted ? last : deleted(kind, name, uidOf(last));
  };
  const mark = marks(server, kind, options, live.object);
  if (mark === 'pending') return live.object;
  const finalizers = finalizersFor(kind, options, live.object);
  const held = finalizers.length > 0;
  if (mark === null && !held) {
    const version = text(options, 'preconditions', 'resourceVersion');
    // Found on the real one: with finalizers that this very request takes away, a version is never the right one.
    if (version !== '' && list(live.object, 'metadata', 'finalizers').length > 0) throw overtaken(kind, name, version);
    return gone(live.object);
  }
  const metadata = { ...(mark ?? waiting(server, live.object)), finalizers: held ? finalizers : undefined };
  const object = put(live.object, ['metadata'], metadata);
  const written = same(object, live.object) ? live.object : write(object);
  if (held || number(metadata, 0, 'deletionGracePeriodSeconds') > 0) return written;
  return gone(written);
}
