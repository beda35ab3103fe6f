/**
 * S: an observation that equals the last one told is counted instead of decided. Decided all the same, it must change
 * nothing: no move, no intent, no timer, and the same snapshot.
 */
import type { ClusterObservation } from '#machines/cluster/observations.ts';
import type { Snapshot } from '#machines/cluster/facts.ts';
import type { Skipped } from '#src/operator/options.ts';
import { makeCore } from '#src/replay/core.ts';
import { same } from '../json.ts';
import type { Invariant } from './invariant.ts';

const core = makeCore();

/** What an actor knows of the thing that a skipped observation is about; null when it knows nothing of it. */
function known({ facts }: Snapshot, observation: ClusterObservation): unknown {
  if (observation.type === 'ClusterSeen') return facts.world.cluster?.seen ?? null;
  if (observation.type !== 'ObjectSeen') return null;
  return facts.world.objects[`${observation.object.kind}/${observation.object.name}`]?.object ?? null;
}

/** What the skipped observation says. */
function says(observation: ClusterObservation): unknown {
  if (observation.type === 'ClusterSeen') return observation.cluster;
  return observation.type === 'ObjectSeen' ? observation.object : null;
}

export const skippedIsIdentity: Invariant = {
  name: 'S',
  says: 'what is not decided would have changed nothing',
  watch: (world, tell) => {
    /** Things whose sight was judged before by an actor that knew exactly the same. */
    const judged = new WeakMap<Snapshot, Set<string>>();
    const judge = (sender: string, { addressed, snapshot, versions }: Skipped): void => {
      const { observation } = addressed;
      // The same sight is on its way already, or an answer of our own has told more than the watch has.
      if (!same(known(snapshot, observation), says(observation))) return;
      const about = judged.get(snapshot) ?? new Set<string>();
      judged.set(snapshot, about);
      const thing = observation.type === 'ObjectSeen' ? `${observation.object.kind}/${observation.object.name}` : '';
      if (about.has(thing)) return;
      about.add(thing);
      const stamp = { epoch: 1, seq: Number.MAX_SAFE_INTEGER, at: world.schedule.nowMs() };
      const next = core.decide({ snapshot, observation, stamp, versions });
      const { moves, intents, timers } = next.decision;
      const what = [
        ...moves.map(({ signal }) => `move ${signal}`),
        ...intents.map(({ type, target }) => `intent ${type} ${target.kind}/${target.name}`),
        ...timers.set.map(({ id }) => `timer ${id} set`),
        ...timers.cleared.map((id) => `timer ${id} cleared`),
        ...(same(next.snapshot, snapshot) ? [] : ['another snapshot']),
      ];
      if (what.length > 0) tell(`${sender} skipped ${observation.type}, of which follows: ${what.join(', ')}`);
    };
    return { onSkipped: judge };
  },
};
