/** A leader that goes because somebody asked it to, told from one that is lost meanwhile. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import { isLossPlanned } from '#machines/cluster/tables/planned-loss.ts';
import { changed, objectOf, remembering, withObject } from './changes.ts';
import { calm, factsOf } from './worlds.ts';

const led = remembering({ leader: { name: 'shop-0', timeline: 1 } })(factsOf(calm));
const timer = { dueAt: 1, because: 'told' };

function told(key: string): Facts {
  return remembering({ timers: { [`await/${key}`]: timer } })(led);
}

function sent(key: string, type: 'RestartPostgres' | 'RequestSwitchover' | 'DeleteObject'): Facts {
  const target = { kind: 'Pod', name: 'shop-0' } as const;
  const intent = { seq: 1, ordinal: 0, type, target, uid: null, textHash: null, since: 0, handled: null };
  return remembering({ open: { [key]: intent } })(led);
}

function alone(facts: Facts): Facts {
  const { accepted } = facts.memory;
  if (accepted === null) throw new Error('no spec');
  return remembering({ accepted: { ...accepted, spec: { ...accepted.spec, replicas: 1 } } })(facts);
}

const going = changed('Pod/shop-0', { deleting: true });

describe('the loss of shop-0', () => {
  it.each<readonly [string, Facts, string]>([
    ['it was told to hand over', told('Switchover/shop-failover'), 'Alive.Updating.switching'],
    [
      'it is being told to hand over',
      sent('Switchover/shop-failover', 'RequestSwitchover'),
      'Alive.Scaling.handingOver',
    ],
    ['it was told to start anew', told('Restart/shop-0'), 'Alive.Updating.restarting'],
    ['it starts anew', sent('Restart/shop-0', 'RestartPostgres'), 'Alive.Updating.restarting'],
    [
      'it is the only member, and its pod is being deleted',
      alone(sent('Pod/shop-0', 'DeleteObject')),
      'Alive.Updating.replacing',
    ],
    ['it is the only member, and its pod goes', alone(going(led)), 'Alive.Updating.replacing'],
  ])('is planned: %s', (_, facts, state) => expect(isLossPlanned(facts, state)).toBe(true));

  it.each<readonly [string, Facts, string]>([
    ['nothing was asked for', led, 'Alive.Running'],
    ['nothing was asked of it yet', led, 'Alive.Updating.switching'],
    ['another member starts anew', sent('Restart/shop-1', 'RestartPostgres'), 'Alive.Updating.restarting'],
    ['its pod goes, and there are others', going(led), 'Alive.Updating.replacing'],
    ['somebody deleted the pod of the only member', alone(going(led)), 'Alive.Running'],
    ['nobody led', remembering({ leader: null })(going(led)), 'Alive.Updating.restarting'],
  ])('is not: %s', (_, facts, state) => expect(isLossPlanned(facts, state)).toBe(false));

  it('is planned by who asked Patroni itself', () => {
    const config = objectOf(led, 'Endpoints/shop-config');
    if (config.detail.type !== 'Endpoints' || config.detail.dcs === null) throw new Error('no state of Patroni');
    const dcs = { ...config.detail.dcs, failover: { leader: 'shop-0', candidate: null } };
    const facts = withObject({ ...config, name: 'shop-failover', detail: { ...config.detail, dcs } })(led);
    expect(isLossPlanned(facts, 'Alive.Running')).toBe(true);
  });
});
