/** Kubernetes Events of whole runs: a leader that goes because somebody asked is news, one that is lost is a warning. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sourceOfFile } from '#src/cli/source.ts';
import { decidedRows } from '#src/export/decided.ts';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'planned-'))));
afterEach(() => rmSync(dir, { recursive: true }));

/** Events of a run, as type, reason and message. */
async function eventsOf(scenario: string): Promise<readonly string[]> {
  await runPlan(quiet(scenario, 1), { scratch: dir, expected: null, keep: dir });
  const source = sourceOfFile(join(dir, 'operator-0.db'));
  const [cluster] = await source.clusters();
  const rows = await source.rows({ uid: cluster?.uid ?? '' });
  const all = decidedRows(rows, await source.blobs(rows));
  await source.close();
  return all.flatMap(({ decision }) =>
    decision.intents.flatMap(({ type, request }) => {
      if (type !== 'EmitEvent' || request.type !== 'api') return [];
      const event = JSON.parse(request.body ?? '{}') as Readonly<Record<'type' | 'reason' | 'message', string>>;
      return [`${event.type} ${event.reason}: ${event.message}`];
    }),
  );
}

it.each(['switchover', 'restart', 'parameters', 'roll-image', 'roll-image-alone', 'rotate', 'rotate-alone'])(
  '%s: the leader goes, and nobody is warned',
  async (scenario) => {
    const events = await eventsOf(scenario);
    expect(events.filter((each) => each.startsWith('Warning'))).toEqual([]);
    expect(events.filter((each) => each.includes('PrimaryLost'))).toContainEqual(
      expect.stringMatching(/^Normal PrimaryLost: Updating → Recovering: .*; as planned$/),
    );
  },
);

it('lose-leader: who loses a leader unasked is warned, and of the member that is missing afterwards', async () => {
  const warnings = (await eventsOf('lose-leader')).filter((each) => each.startsWith('Warning'));
  expect(warnings).toEqual([
    expect.stringContaining('ReplicasDegraded: Running → Degraded'),
    expect.stringMatching(/PrimaryLost: Degraded → Recovering: (?!.*as planned)/),
    expect.stringContaining('RecoveryCompleted: Recovering → Degraded'),
  ]);
});
