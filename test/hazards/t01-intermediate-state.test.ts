/**
 * T1: intermediate state. The operator dies in the midst of a sequence, at any of the points where it could.
 * Hunts: rabbitmq/cluster-operator#782 (volume growth half done), zalando/postgres-operator#3051 (died between marking and
 * re-creating pods: deadlock), CloudNativePG 1.30 (object created, status lost: AlreadyExists for ever).
 * Switches: `test/mutants/t01-open-intents-forgotten.patch`, `t01-timers-not-armed.patch`.
 * Every crash point, and every second one inside a recovery: `npm run sim -- --crashes NAME`.
 */
import { describe, expect, it } from 'vitest';
import { singleCrashes } from '#src/sim/exploration.ts';
import { calm, slice, violated } from './hazard.ts';
import { patient } from './laws.ts';

describe('T1: an operator dies in the midst of it', () => {
  it.each(['create', 'delete'])(
    '%s: what was begun is finished, and nothing is tried in vain again and again',
    async (scenario) => {
      const { run } = await calm(scenario);
      expect(await violated(slice(singleCrashes(run, 'kill'), 4), { also: [patient(3)] })).toEqual([]);
    },
  );
});
