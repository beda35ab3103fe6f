/**
 * Owns: `make bench`: what the pure heart costs, as ratios against a yardstick of the same machine in the same run (one
 * SHA-256 of a 1 KB row), since absolute times on a shared machine say little. Not a gate.
 */
import { sha256 } from '#src/decision/hash.ts';
import { makeCore } from '#src/replay/core.ts';
import { calm, factsOf } from '#test/machines/cluster/worlds.ts';
import type { ClusterObservation } from '#machines/cluster/observations.ts';

function perSecond(run: () => void): number {
  for (let warm = 0; warm < 500; warm += 1) run();
  const started = performance.now();
  let count = 0;
  while (performance.now() - started < 2000) {
    for (let step = 0; step < 50; step += 1) run();
    count += 50;
  }
  return (count * 1000) / (performance.now() - started);
}

const core = makeCore();
const facts = factsOf(calm);
const pod = facts.world.objects['Pod/shop-1']?.object;
if (pod === undefined || pod.detail.type !== 'Pod') throw new Error('the world of the bench has no pod shop-1');
const detail = pod.detail;
const sights: readonly ClusterObservation[] = [true, false].map((ready) => ({
  type: 'ObjectSeen',
  object: { ...pod, detail: { ...detail, ready } },
  changed: [],
}));
let snapshot = { machine: 'cluster', state: 'Alive.Running', facts } as const satisfies Parameters<
  typeof core.decide
>[0]['snapshot'] as Parameters<typeof core.decide>[0]['snapshot'];
let seq = 0;
const row = 'x'.repeat(1024);
const yardstick = perSecond(() => void sha256(row));
const decisions = perSecond(() => {
  const observation = sights[seq % 2];
  if (observation === undefined) return;
  seq += 1;
  const decided = core.decide({ snapshot, observation, stamp: { epoch: 1, seq, at: seq }, versions: () => null });
  core.encodeBody(decided.decision, sha256);
  ({ snapshot } = decided);
});
process.stdout.write(`yardstick, SHA-256 of 1 KB      ${yardstick.toFixed(0)}/s\n`);
process.stdout.write(
  `decisions with a move, encoded  ${decisions.toFixed(0)}/s, ${(yardstick / decisions).toFixed(1)} yardsticks each\n`,
);
