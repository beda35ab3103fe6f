/**
 * Owns: what each actor was last told about each object, and with it the two rules of recording: a sight that equals the
 * last one told is counted, not told; one that differs says what differs.
 * Called by: the stage; `opened` at the moment a letter is taken out of its mailbox, so that what was coalesced on the
 * way never existed.
 *
 * I1. What was told stands for what the actor knows. Where the actor comes to know otherwise, by a picture or by an answer
 *     of its own, what was told is forgotten, and the next sight is told again.
 * I2. After a restart the facts of the actor stand for what was told, so an unchanged fleet records nothing again.
 */
import type { ClusterObservation, ObjectProjection, WatchedKind } from '#machines/cluster/observations.ts';
import { changesBetween } from './changes.ts';
import type { Digest } from './door/objects.ts';
import { ownedValues, projectObject } from './door/project.ts';
import { type Decoded, recordOf } from './door/reading.ts';
import { valueAt } from './fields.ts';
import type { Addressed, Letter, Sight, SourceKind, StreamReports } from './items.ts';

/** Values at the paths that were ours in any sight since the last one told, and are not any more. */
function lostValues(object: unknown, before: Sight, owned: Readonly<Record<string, string>>): Sight['lost'] {
  const old: unknown = before.owned === null ? {} : JSON.parse(before.owned);
  const paths = [...Object.keys(recordOf(old)), ...Object.keys(before.lost)];
  const entries = paths.flatMap((path): [string, string][] => {
    const value = owned[path] === undefined ? valueAt(object, path) : undefined;
    return value === undefined ? [] : [[path, value]];
  });
  return Object.fromEntries(entries);
}

/**
 * A sight of a live object.
 * @param before the sight that came last; the same one comes back when nothing that passes the door has changed
 * @param digest of this install's key; null leaves digests of Secrets out
 */
export function sightOf(
  kind: WatchedKind,
  object: unknown,
  before: Sight | null,
  digest: Digest | null = null,
): Decoded<Sight> {
  const projected = projectObject(kind, object, digest);
  if (projected.type === 'undecodable') return projected;
  const projection = projected.value;
  const text = JSON.stringify(projection);
  if (before !== null && before.text === text) return { type: 'decoded', value: before };
  const sameFields = before !== null && before.projection.ownedHash === projection.ownedHash;
  if (sameFields) return { type: 'decoded', value: { projection, text, owned: before.owned, lost: before.lost } };
  const owned = ownedValues(kind, recordOf(object));
  const lost = before === null || before.projection.uid !== projection.uid ? {} : lostValues(object, before, owned);
  return { type: 'decoded', value: { projection, text, owned: JSON.stringify(owned), lost } };
}

/** A sight that only its actor remembers: what it was told in an earlier life of the process. */
function remembered(projection: ObjectProjection): Sight {
  return { projection, text: JSON.stringify(projection), owned: null, lost: {} };
}

export interface Sights {
  /** The observation in a letter; null when it would tell its actor nothing new. */
  readonly opened: (letter: Letter) => Addressed | null;
  /** What an actor knows from its journal. Call it before the first letter of that cluster is opened. */
  readonly remember: (clusterUid: string, objects: Iterable<ObjectProjection>) => void;
  /** Whether the actor was told this very sight; not while it is still on its way to him. */
  readonly wasTold: (clusterUid: string, projection: ObjectProjection) => boolean;
}

function keyOf(kind: SourceKind, uid: string): string {
  return `${kind}/${uid}`;
}

/**
 * What actors were told.
 * @param repeated is called for every sight that was counted instead of told
 */
export function createSights(repeated: StreamReports['repeated']): Sights {
  const told = new Map<string, Map<string, Sight>>();

  function toldTo(clusterUid: string): Map<string, Sight> {
    const known = told.get(clusterUid) ?? new Map<string, Sight>();
    told.set(clusterUid, known);
    return known;
  }

  function seen(letter: Letter, sight: Sight): Addressed | null {
    const { kind, uid } = sight.projection;
    const known = toldTo(letter.cluster.uid);
    const before = known.get(keyOf(kind, uid));
    known.set(keyOf(kind, uid), sight);
    const isRepeated = before?.text === sight.text;
    const changed = before === undefined || isRepeated ? [] : changesBetween(before, sight);
    const { cluster, at, causedBy } = letter;
    const observation: ClusterObservation = { type: 'ObjectSeen', object: sight.projection, changed };
    const addressed = { cluster, at, causedBy, observation };
    if (!isRepeated) return addressed;
    repeated(kind, addressed);
    return null;
  }

  /** The actor drops what a whole picture lacks, whatever it was told before. */
  function pictured(clusterUid: string, listed: readonly { readonly kind: SourceKind; readonly uid: string }[]): void {
    const known = toldTo(clusterUid);
    const present = new Set(listed.map(({ kind, uid }) => keyOf(kind, uid)));
    for (const key of [...known.keys()]) if (!present.has(key)) known.delete(key);
  }

  return {
    opened: (letter) => {
      if (letter.content.type === 'sight') return seen(letter, letter.content.sight);
      const { observation } = letter.content;
      if (observation.type === 'Synced') pictured(letter.cluster.uid, observation.objects);
      if (observation.type === 'ClusterGone') told.delete(letter.cluster.uid);
      if (observation.type === 'ObjectGone') {
        const { kind } = observation.object;
        if (kind !== 'Event') told.get(letter.cluster.uid)?.delete(keyOf(kind, observation.uid));
      }
      const { cluster, at, causedBy } = letter;
      return { cluster, at, causedBy, observation };
    },
    wasTold: (clusterUid, projection) =>
      told.get(clusterUid)?.get(keyOf(projection.kind, projection.uid))?.projection === projection,
    remember: (clusterUid, objects) => {
      const known = toldTo(clusterUid);
      for (const projection of objects) known.set(keyOf(projection.kind, projection.uid), remembered(projection));
    },
  };
}
