/**
 * Hazard: a member is asked for its settings, its PostgreSQL starts anew, and the answer to the request for that is lost.
 * What it said before is no longer true, and an operator that goes on believing it waits for ever. Nor is an answer true that
 * comes when the pod that gave it is gone; nor that a member has no settings at all, which is what one says that is starting.
 */
import { describe, expect, it } from 'vitest';
import type { Facts, Memory } from '#machines/cluster/facts.ts';
import { learn } from '#machines/cluster/learn.ts';
import type { Outcome, PatroniMember } from '#machines/cluster/observations.ts';
import { calm, factsOf } from './worlds.ts';

const name = 'shop-1';

function askedBefore(pendingRestart: boolean): Facts {
  const facts = factsOf({ ...calm, generation: 'newer' });
  const verified = { [name]: { uid: `Pod-${name}`, settings: { max_connections: '100' } } };
  return reported({ ...facts, memory: { ...facts.memory, verified } }, { pendingRestart });
}

function reported(facts: Facts, change: Partial<PatroniMember>): Facts {
  const object = facts.world.objects[`Pod/${name}`]?.object;
  if (object?.detail.type !== 'Pod' || object.detail.patroni === null) throw new Error(`no report of ${name}`);
  const detail = { ...object.detail, patroni: { ...object.detail.patroni, ...change } };
  return learn(facts, { type: 'ObjectSeen', object: { ...object, detail }, changed: [] }, 1000);
}

describe('what a member said of its settings', () => {
  it('holds while the same PostgreSQL runs', () =>
    expect(reported(askedBefore(true), { positionBytes: 4096 }).memory.verified).toHaveProperty(name));

  it.each(['restarting', 'starting', 'stopped', 'start failed', 'crashed'])('is forgotten when it is %s', (state) =>
    expect(reported(askedBefore(true), { state }).memory.verified).toEqual({}),
  );

  it('is forgotten at the first sight of another pod, though the one before it was seen to go', () => {
    const facts = askedBefore(true);
    const object = facts.world.objects[`Pod/${name}`]?.object;
    if (object?.detail.type !== 'Pod') throw new Error(`no pod of ${name}`);
    const gone = learn(facts, { type: 'ObjectGone', object: { kind: 'Pod', name }, uid: object.uid }, 1000);
    const another = { ...object, uid: 'another', detail: { ...object.detail, patroni: null } };
    const seen = learn(gone, { type: 'ObjectSeen', object: another, changed: [] }, 1000);
    expect(seen.memory.verified).toEqual({});
  });

  it('is forgotten when a restart was due and is no more, whoever did it and whatever was seen of it', () =>
    expect(reported(askedBefore(true), { pendingRestart: false }).memory.verified).toEqual({}));

  const said: Outcome = { type: 'done', result: { max_connections: '100' } };
  const nothing: Outcome = { type: 'done', result: {} };

  it.each<[string, Partial<PatroniMember>, string, Outcome, boolean]>([
    ['is kept when it still runs', {}, `Pod-${name}`, said, true],
    ['is not kept when another pod has its name by then', {}, 'Pod-before', said, false],
    ['is not kept when it has ended by then', { state: 'stopped' }, `Pod-${name}`, said, false],
    // Asked while it started; seen to run before the answer came.
    ['is not kept when it is nothing', {}, `Pod-${name}`, nothing, false],
  ])('%s', (_, change, uid, outcome, isKept) => {
    const facts = reported(askedBefore(false), change);
    const target = { kind: 'Pod', name } as const;
    const intent = {
      seq: 7,
      ordinal: 0,
      type: 'VerifyParameters',
      target,
      uid,
      textHash: null,
      since: 0,
      handled: null,
    };
    const open: Memory['open'] = { [`Verify/${name}`]: { ...intent, type: 'VerifyParameters' } };
    const asked = { ...facts, memory: { ...facts.memory, open, verified: {} } };
    const arrived = {
      type: 'OutcomeArrived',
      seq: 7,
      ordinal: 0,
      intent: 'VerifyParameters',
      target,
      outcome,
    } as const;
    expect(name in learn(asked, arrived, 1000).memory.verified).toBe(isKept);
  });

  it('is not forgotten when a restart becomes due', () =>
    expect(reported(askedBefore(false), { pendingRestart: true }).memory.verified).toHaveProperty(name));
});
