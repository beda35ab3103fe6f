/** `pgc simulate` begins with what is so now: who leads, on which timeline, and who is down already. */
import { afterAll, describe, expect, it } from 'vitest';
import { simulatedLines } from '#src/cli/verbs/simulate.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import type { Present } from '#src/sim/present.ts';
import { simulate, type Fault, type Simulated } from '#src/sim/simulate.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

const member = (name: string, node: string, ready = true): Present['members'][number] => ({ name, node, ready });

const whole: Present = {
  namespace: 'team',
  name: 'shop',
  spec: { version: '17', storage: { size: '1Gi' } },
  dcs: 'Endpoints',
  leader: 'shop-2',
  timeline: 7,
  members: [member('shop-0', 'left'), member('shop-1', 'right'), member('shop-2', 'right')],
};

function play(present: Present, fault: Fault, plays = 1): Promise<Simulated> {
  return simulate(present, fault, { scratch, plays });
}

describe('a fault on a cluster as it stands', () => {
  it('makes a replica take over when the leader is down for longer than its key lives', async () => {
    const told = await play(whole, { type: 'kill-pod', pod: 'shop-2', ms: 120_000 }, 2);
    const { typical } = told;
    expect(typical.recovered).toBe(true);
    expect(typical.gapMs).toBeGreaterThan(20_000);
    expect(typical.gapMs).toBeLessThan(45_000);
    expect(typical.restarted).toEqual({ 'shop-2': 'container' });
    expect(typical.changed).toEqual([]);
    expect(typical.events.map(({ what }) => what)).toContain('shop-2 takes no more writes');
    expect(typical.end.join('\n')).toMatch(/shop-2 +replica +\w+ +timeline 8/);
    expect(told.plays[0]?.events).not.toEqual(told.plays[1]?.events);
    expect(simulatedLines(told).join('\n')).toMatch(/No writes for \d+\.\d s \(\d+\.\d s to \d+\.\d s in 2 plays\)/);
  }, 120_000);

  it('has nobody to take over while the other member is down already', async () => {
    const present = { ...whole, leader: 'shop-0', members: [member('shop-0', 'a'), member('shop-1', 'b', false)] };
    const { typical } = await play(present, { type: 'kill-pod', pod: 'shop-0', ms: 300_000 });
    expect(typical.gapMs).toBeGreaterThan(299_000);
    expect(typical.end.join('\n')).toContain('shop: Degraded, 1 of 2 ready, shop-0 takes writes');
  }, 120_000);

  it('takes every member of a node, as the facts say who is where', async () => {
    const { typical } = await play(whole, { type: 'kill-node', node: 'right', ms: 600_000 });
    expect(typical.restarted).toEqual({ 'shop-1': 'pod', 'shop-2': 'pod' });
    expect(typical.end.join('\n')).toContain('3 of 3 ready, shop-0 takes writes');
  }, 120_000);

  it('refuses a member that is not there, naming those that are', async () => {
    await expect(play(whole, { type: 'kill-pod', pod: 'shop-9', ms: 1 })).rejects.toMatchObject({
      hint: 'there are shop-0, shop-1, shop-2',
    });
  });
});
