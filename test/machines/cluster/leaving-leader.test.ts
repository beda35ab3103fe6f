/**
 * Hazards: what no replica may have lower than its primary is changed, and the number of members with it.
 *
 * Values rise, and the primary starts with more than one that is to go, which follows it still: that one stops. Found by random edits.
 *
 * Parameters that no replica may have lower than its primary fall, and the number of members with them, while one that is to
 * go leads. Nothing starts who is to go anew, and who stays waits for it to have less: for ever. Found by random edits.
 */
import { describe, expect, it } from 'vitest';
import type { Plan } from '#machines/cluster/plan.ts';
import { rolloutStep } from '#machines/cluster/tables/rollout.ts';
import {
  all,
  asIs,
  dcs,
  failoverObject,
  gone,
  patroni,
  remembering,
  replicas,
  swapped,
  type Change,
} from './changes.ts';
import { calm, factsOf, plan } from './worlds.ts';

const stated = {
  postgresql: { parameters: { max_connections: '50' } },
  ['postgres-operator']: { parameters: 'max_connections' },
};
const lower: Plan = {
  ...plan,
  dynamic: { postgresql: { parameters: { max_connections: '50' } } },
  parameters: { max_connections: { value: '50', effective: '50', needsRestart: true, replicasFirst: true } },
};
const verified = { 'shop-0': { uid: 'Pod-shop-0', settings: { max_connections: '100' } } };

/** shop-1 leads, and only shop-0 stays, which has to start anew with less. */
const leaving = all(
  replicas(1),
  dcs('shop', { leader: 'shop-1' }),
  swapped,
  dcs('shop-config', { config: stated }),
  remembering({ configuring: true, verified: verified as never }),
  patroni('shop-0', { pendingRestart: true }),
);

describe('values that fall while the primary is to go', () => {
  it.each<readonly [string, Change, string, object, string]>([
    [
      'are for who stays once it leads',
      asIs,
      'switching',
      { type: 'switchover', leader: 'shop-1', candidate: 'shop-0' },
      'shop-1 is to go with what it has; shop-0 streams from shop-1 and is least behind',
    ],
    [
      'wait for the hand-over that is asked for',
      all(failoverObject, dcs('shop-failover', { failover: { leader: 'shop-1', candidate: 'shop-0' } as never })),
      'switching',
      { type: 'none' },
      'shop-1 is asked to hand over to shop-0',
    ],
    [
      'are heard of first where the primary stays too',
      replicas(2),
      'configuring',
      { type: 'verify', members: ['shop-1'] },
      'shop-1: whether the new parameters are in force',
    ],
  ])('%s', (_, change, stage, act, because) => {
    const facts = all(leaving, change)(factsOf(calm));
    expect(rolloutStep({ facts, plan: lower })).toMatchObject({ stage, act, because });
  });
});

const higher: Plan = {
  ...plan,
  dynamic: { postgresql: { parameters: { max_connections: '200' } } },
  parameters: { max_connections: { value: '200', effective: '200', needsRestart: true, replicasFirst: true } },
};

/** shop-0 leads, stays, and has to start anew with more; shop-1 is to go. */
const rising = all(
  replicas(1),
  dcs('shop-config', {
    config: {
      postgresql: { parameters: { max_connections: '200' } },
      ['postgres-operator']: { parameters: 'max_connections' },
    },
  }),
  remembering({ configuring: true, verified: verified as never }),
  patroni('shop-0', { pendingRestart: true }),
);

describe('values that rise while a replica is to go', () => {
  const starts = { type: 'restart', member: 'shop-0', started: null };

  it.each<readonly [string, Change, object, string]>([
    [
      'are not for the primary as long as that one follows it',
      asIs,
      { type: 'none' },
      'shop-0 waits for shop-1 to go, which cannot follow it with less',
    ],
    [
      'are for the primary once that one does not run',
      patroni('shop-1', { state: 'stopped' }),
      starts,
      'PostgreSQL on shop-0 has to start anew for parameters to take effect',
    ],
    [
      'are for the primary once that one is gone',
      gone('Pod/shop-1'),
      starts,
      'PostgreSQL on shop-0 has to start anew for parameters to take effect',
    ],
  ])('%s', (_, change, act, because) => {
    const facts = all(rising, change)(factsOf(calm));
    expect(rolloutStep({ facts, plan: higher })).toMatchObject({ stage: 'restarting', act, because });
  });
});
