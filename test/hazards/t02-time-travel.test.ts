/**
 * T2: time travel. A view of the past is served to an operator that comes back, or to one that merely reconnects; a store
 * is put back to an older version of itself.
 * Hunts: K8SPSMDB-433, pravega/zookeeper-operator#314 (a pod and its volume deleted because of what was true once),
 * CloudNativePG 1.30 (a restore that read a stale cluster dropped committed transactions).
 * Switches: `test/mutants/t02-no-preconditions.patch`, `t02-told-for-ever.patch`.
 */
import { describe, expect, it } from 'vitest';
import type { Plan, PlanStep } from '#src/sim/plan.ts';
import { calm, judged, operator, planOf, slice, violated, type Happened } from './hazard.ts';

/** Everything that is watched; its Lease an operator reads as it is. */
const watched = [
  'postgresclusters',
  'pods',
  'endpoints',
  'configmaps',
  'statefulsets',
  'services',
  'secrets',
  'persistentvolumeclaims',
  'poddisruptionbudgets',
  'serviceaccounts',
  'roles',
  'rolebindings',
];

interface Pair {
  /** Seen again, in the midst of the first cluster's end. */
  readonly past: Happened;
  /** What is true by then: its namesake comes, or is there. */
  readonly present: Happened;
}

async function pairs(): Promise<readonly Pair[]> {
  const { story } = await calm('recreate');
  const created = story.filter(({ type, kind }) => type === 'ADDED' && kind === 'PostgresCluster');
  const deletion = story.find(({ kind, type }) => kind === 'StatefulSet' && type === 'DELETED');
  const second = created[1];
  if (second === undefined || deletion === undefined) throw new Error('recreate does not recreate');
  const last = story.findLast(({ kind }) => kind === 'PostgresCluster');
  const past = story.filter(({ version }) => version >= deletion.version - 2 && version < second.version);
  const present = story.filter(({ version }) => version >= second.version && version <= (last?.version ?? 0));
  return past.flatMap((one) => present.map((other): Pair => ({ past: one, present: other })));
}

function plan({ past, present }: Pair, death: 'kill' | 'amnesia' | null, resources: readonly string[]): Plan {
  const atMs = present.atMs + 1;
  const view: PlanStep = { type: 'stale-view', operator, atMs, ms: 60_000, version: past.version, resources };
  if (death === null) return planOf('recreate', [view]);
  return planOf('recreate', [view, { type: 'crash-at', operator, atMs, mode: death, ms: 0 }]);
}

describe('T2: a view of the past', () => {
  it.each([
    ['to an operator that starts, its Lease apart', 'kill', watched],
    ['to an operator that starts without its journal, its Lease apart', 'amnesia', watched],
    ['to an operator that starts, its Lease too', 'kill', []],
    ['to an operator that reconnects, its Lease apart', null, watched],
    ['to an operator that reconnects, its Lease too', null, []],
  ] as const)('%s: harms nobody, and is forgotten once it is over', async (_, death, resources) => {
    const plans = slice(await pairs(), death === 'amnesia' ? 4 : 2).map((pair) => plan(pair, death, resources));
    expect(await violated(plans)).toEqual([]);
  });

  it('an object that a picture lacked is told again when it is there after all, though it was told in an earlier life', async () => {
    const { story } = await calm('recreate');
    const past = story.find(
      ({ kind, name, type }) => kind === 'Service' && name === 'shop-sync' && type === 'MODIFIED',
    );
    const present = story.findLast(({ kind }) => kind === 'PostgresCluster');
    if (past === undefined || present === undefined) throw new Error('no such moment');
    expect(await judged(plan({ past, present }, 'kill', watched))).toEqual([]);
  });
});
