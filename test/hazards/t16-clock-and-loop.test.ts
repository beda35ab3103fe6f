/**
 * T16: clock and loop. The wall clock jumps, the process stands still for half a minute, hundreds of timers are due at once.
 * Hunts: deadlines by a clock that jumps (client-go's own warning about skew), a Lease lost to a blocked event loop.
 * Switch: `test/mutants/t16-lease-by-the-wall.patch`.
 */
import { describe, expect, it } from 'vitest';
import { parsed, text } from '#src/sim/json.ts';
import type { Invariant } from '#src/sim/invariants/invariant.ts';
import type { PlanStep } from '#src/sim/plan.ts';
import { operator, planOf, violated } from './hazard.ts';
import { deposedChangesNothing } from './laws.ts';

const hour = 3_600_000;

function jump(atMs: number, byMs: number, who = operator): PlanStep {
  return { type: 'clock', operator: who, atMs, byMs };
}

/** Each setting of a timer fires once at most, and stamps never go back. */
const timersFireOnce: Invariant = {
  name: 'T16',
  says: 'each setting of a timer fires once, and time does not go back in a journal',
  watch: (world, tell) => ({
    atEnd: () => {
      for (const seat of world.operators) {
        const journal = seat.journal();
        for (const { uid } of journal?.reader.clusters() ?? []) {
          const fired = new Set<string>();
          let last = 0;
          for (const row of journal?.reader.rows({ uid }) ?? []) {
            if (row.at < last) tell(`row ${row.seq} is stamped before the row before it`);
            last = row.at;
            if (row.type !== 'TimerFired') continue;
            const id = text(parsed(row.body), 'observation', 'id');
            const key = `${id}, set by row ${row.causedBy ?? 0},`;
            if (fired.has(key)) tell(`${key} fired twice`);
            fired.add(key);
          }
        }
      }
    },
  }),
};

const cases: readonly (readonly [what: string, steps: readonly PlanStep[]])[] = [
  ['an hour forwards', [jump(5_000, hour)]],
  ['an hour back', [jump(5_000, -hour)]],
  ['there and back, as with summer time', [jump(2_000, hour), jump(15_000, -hour)]],
  ['back while it is down', [{ type: 'crash-at', operator, atMs: 6_000, mode: 'kill', ms: 0 }, jump(6_500, -hour)]],
  ['forwards while it is down', [{ type: 'crash-at', operator, atMs: 6_000, mode: 'kill', ms: 0 }, jump(6_500, hour)]],
];

describe('T16: clock and loop', () => {
  it.each(cases)('the wall clock jumps %s', async (_, steps) => {
    expect(await violated([planOf('lose-leader', steps)], { also: [timersFireOnce] })).toEqual([]);
  });

  it('the process stands still for half a minute, again and again', async () => {
    const steps = [1_050, 40_000, 80_000].map(
      (atMs) => ({ type: 'crash-at', operator, atMs, mode: 'pause', ms: 30_000 }) as const,
    );
    expect(await violated([planOf('lose-leader', steps)], { also: [timersFireOnce] })).toEqual([]);
  });

  it('a leader whose clock falls back while it stands still does not take itself for the leader', async () => {
    const steps = [1_030, 1_060, 14_000].map((atMs): readonly PlanStep[] => [
      { type: 'crash-at', operator, atMs, mode: 'pause', ms: 25_000 },
      jump(atMs + 10, -hour),
    ]);
    const plans = steps.map((each) => planOf('two-operators', each));
    expect(await violated(plans, { also: [deposedChangesNothing, timersFireOnce] })).toEqual([]);
  });

  it('a leader that cannot renew its Lease stops in time, though its clock falls back by an hour', async () => {
    const lost = { type: 'lost-request', silent: false } as const;
    const to = 'GET /apis/coordination.k8s.io/';
    const steps: readonly PlanStep[] = [
      { type: 'requests', operator, to, atMs: 2_000, ms: 60_000, fate: lost },
      jump(3_000, -hour),
    ];
    expect(await violated([planOf('two-operators', steps)], { also: [deposedChangesNothing] })).toEqual([]);
  });
});
