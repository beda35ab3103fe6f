/**
 * T9: a read that failed is taken for "there is nothing".
 * Hunts: zalando/postgres-operator#2031 (a Secret that could not be read in time: its variables dropped, a rollout),
 * CloudNativePG 1.30 (a password cleared because its Secret could not be read).
 * Switch: `test/mutants/t09-failed-list-is-empty.patch`.
 */
import { describe, expect, it } from 'vitest';
import type { Fate } from '#src/sim/fate.ts';
import { namespace, operator, planOf, slice, violated, waitUntil } from './hazard.ts';
import { noPodGoes, nothingFollows, secretsMadeOnce } from './laws.ts';

const collections = [
  '/api/v1/secrets',
  '/api/v1/pods',
  '/api/v1/services',
  '/api/v1/persistentvolumeclaims',
  '/api/v1/configmaps',
  '/apis/apps/v1/statefulsets',
  '/apis/postgres.example.com/v1alpha1/postgresclusters',
] as const;

const fates: readonly (readonly [what: string, fate: Fate])[] = [
  ['500', { type: 'replaced', status: 500, reason: 'InternalError', retryAfterMs: null }],
  ['403', { type: 'replaced', status: 403, reason: 'Forbidden', retryAfterMs: null }],
  ['404', { type: 'replaced', status: 404, reason: 'NotFound', retryAfterMs: null }],
  ['no answer', { type: 'lost-request', silent: true }],
];

const trial = { also: [noPodGoes, secretsMadeOnce] };
const blind = { also: [...trial.also, nothingFollows(39_000, 155_000)] };

describe('T9: what could not be read', () => {
  it.each(fates)(
    'each list failing with %s for two minutes, at a start and in the midst: nothing follows from it',
    async (_, fate) => {
      const plans = slice(collections, 4).map((path) => {
        const failing = { type: 'requests', operator, to: `GET ${path}`, atMs: 39_000, ms: 120_000, fate } as const;
        return planOf('create', [
          failing,
          { type: 'compact', atMs: 39_500 },
          { type: 'crash-at', operator, atMs: 40_000, mode: 'kill', ms: 0 },
          { type: 'watches-end', atMs: 90_000 },
        ]);
      });
      expect(await violated(plans, blind)).toEqual([]);
    },
  );

  it('a Secret that cannot be read by name is neither made anew nor changed', async () => {
    const fate: Fate = { type: 'lost-request', silent: true };
    const to = `GET /api/v1/namespaces/${namespace}/secrets/`;
    expect(
      await violated([planOf('create', [{ type: 'requests', operator, to, atMs: 900, ms: 90_000, fate }])], trial),
    ).toEqual([]);
  });
});

it.each(['rotate', 'rotate-by-hand', 'lose-secrets'])(
  'T9: the key of digests is refused at the start of a term, and asked for again: %s',
  async (scenario) => {
    const to = 'GET /api/v1/namespaces/operators/secrets/postgres-operator-journal-key';
    const fate = { type: 'replaced', status: 403, reason: 'Forbidden', retryAfterMs: null } as const;
    const plan = planOf(scenario, [{ type: 'requests', operator, to, atMs: 0, ms: 5_000, fate }, waitUntil(3_600_000)]);
    expect(await violated([plan], { sameEnd: false })).toEqual([]);
  },
);
