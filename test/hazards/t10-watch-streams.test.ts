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
import { calm, operator, planOf, slice, violated, waitUntil } from './hazard.ts';

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

  it('the last word of a member, lost in an unreadable line, is heard all the same', async () => {
    const count = (await calm('create')).run.lines[operator]?.['statefulsets'] ?? 0;
    const lost = [
      { type: 'line', operator, resource: 'statefulsets', nth: count - 1, fate: { type: 'garbled' } },
      { type: 'line', operator, resource: 'pods', nth: 9, fate: { type: 'garbled' } },
    ] as const;
    expect(await violated([planOf('create', lost)])).toEqual([]);
  });

  it('a last word that never came is heard within ten minutes', async () => {
    const count = (await calm('vandal')).run.lines[operator]?.['poddisruptionbudgets'] ?? 0;
    const lost = {
      type: 'line',
      operator,
      resource: 'poddisruptionbudgets',
      nth: count - 1,
      fate: { type: 'dropped' },
    } as const;
    expect(await violated([planOf('vandal', [lost, waitUntil(900_000)])])).toEqual([]);
  });
});
