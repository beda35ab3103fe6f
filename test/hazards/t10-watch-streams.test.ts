/**
 * T10: watch streams that fail. Every fate of an event, on every resource. One by one against a scripted server:
 * `docs/faults.md`.
 * Hunts: kubernetes-client/javascript#596, #958, #2127, #2432 (silent stalls), kubernetes#117008 (a cache that stands still
 * without an error), kopf's half-open streams.
 * Switches: `test/mutants/t10-unreadable-line-skipped.patch`, `t10-never-listed-again.patch`.
 */
import { describe, expect, it } from 'vitest';
import type { LineFate } from '#src/sim/lines.ts';
import type { Plan } from '#src/sim/plan.ts';
import { calm, namespace, operator, planOf, slice, violated } from './hazard.ts';
import { counting } from './laws.ts';

const fates: readonly LineFate[] = [
  { type: 'dropped' },
  { type: 'twice' },
  { type: 'late', ms: 3_000 },
  { type: 'frozen' },
  { type: 'garbled' },
  { type: 'reset' },
  { type: 'ended' },
  { type: 'error', status: 410, reason: 'Expired', retryAfterMs: null },
  { type: 'error', status: 429, reason: 'TooManyRequests', retryAfterMs: 20_000 },
  { type: 'error', status: 500, reason: 'InternalError', retryAfterMs: null },
];

/** Each event of each resource in a run without faults, with one fate. */
async function plans(scenario: string, fate: LineFate): Promise<readonly Plan[]> {
  const lines = Object.entries((await calm(scenario)).run.lines[operator] ?? {});
  return lines.flatMap(([resource, count]) =>
    Array.from({ length: count }, (_, nth) => planOf(scenario, [{ type: 'line', operator, resource, nth, fate }])),
  );
}

describe('T10: a watch that fails', () => {
  it.each(fates.map((fate) => [JSON.stringify(fate), fate] as const))(
    'with %s: no final state is lost',
    async (_, fate) => {
      expect(await violated(slice(await plans('delete', fate), 2))).toEqual([]);
    },
  );

  /** The event by which somebody's edit of a Service is told, and when it was made. */
  async function edit(): Promise<{ readonly nth: number; readonly atMs: number }> {
    const { run, story } = await calm('drift');
    const changes = story.filter(({ kind, name }) => kind === 'Service' && name === 'shop-repl');
    return { nth: (run.lines[operator]?.['services'] ?? 0) - 2, atMs: changes.at(-2)?.atMs ?? 0 };
  }

  it('an edit whose line cannot be read is put right at once', async () => {
    const { nth, atMs } = await edit();
    let times: readonly number[] = [];
    const repair = `PATCH /api/v1/namespaces/${namespace}/services/shop-repl`;
    const also = [counting(repair, atMs, atMs + 30_000, (each) => (times = each))];
    const fate: LineFate = { type: 'garbled' };
    const plan = planOf('drift', [{ type: 'line', operator, resource: 'services', nth, fate }]);
    expect(await violated([plan], { also })).toEqual([]);
    expect(times.length).toBeGreaterThan(0);
  });

  it('an edit whose line never comes is put right within ten minutes', async () => {
    const { nth } = await edit();
    const fate: LineFate = { type: 'dropped' };
    expect(await violated([planOf('drift', [{ type: 'line', operator, resource: 'services', nth, fate }])])).toEqual(
      [],
    );
  });
});
