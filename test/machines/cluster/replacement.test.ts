/** A member that is lost for good: what is asked before anything of it goes, in which order, and when it is over. */
import { describe, expect, it } from 'vitest';
import { conditionsOf } from '#machines/cluster/conditions.ts';
import type { ActiveRequest, Facts } from '#machines/cluster/facts.ts';
import { learn } from '#machines/cluster/learn.ts';
import type { Intent } from '#machines/cluster/intents.ts';
import type { ObjectProjection } from '#machines/cluster/observations.ts';
import { waitingRequest, withRequests } from '#machines/cluster/tables/requests.ts';
import { wants } from '#machines/cluster/wants.ts';
import { oneShotAnnotation } from '#machines/shared/names.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

/** Two members; shop-0 leads, shop-1 is not ready unless the choice says so. */
function lost(choice: Partial<Choice> = {}): Facts {
  const base = factsOf({ ...calm, ready: 1, ...choice });
  const pod = base.world.objects['Pod/shop-1'];
  if (pod === undefined) return base;
  const detail = { type: 'PersistentVolumeClaim', phase: 'Bound', requested: '1Gi', capacity: '1Gi' } as const;
  const claim = { ...pod.object, kind: 'PersistentVolumeClaim', name: 'data-shop-1', uid: 'claim-1' } as const;
  return withObject(base, { ...claim, detail: { ...detail, storageClass: null } });
}

function withObject(facts: Facts, object: ObjectProjection): Facts {
  const objects = { ...facts.world.objects, [`${object.kind}/${object.name}`]: { object, since: 0, changed: [] } };
  return { ...facts, world: { ...facts.world, objects } };
}

function changed(facts: Facts, key: string, change: Partial<ObjectProjection>): Facts {
  const fact = facts.world.objects[key];
  if (fact === undefined) throw new Error(`there is no ${key}`);
  return withObject(facts, { ...fact.object, ...change });
}

function without(facts: Facts, key: string): Facts {
  const objects = Object.fromEntries(Object.entries(facts.world.objects).filter(([each]) => each !== key));
  return { ...facts, world: { ...facts.world, objects } };
}

function asked(facts: Facts, token = 'a shop-1'): Facts {
  const { cluster } = facts.world;
  if (cluster === null) throw new Error('no cluster');
  const seen = { ...cluster.seen, annotations: { [oneShotAnnotation('replace')]: token } };
  return withRequests({ ...facts, world: { ...facts.world, cluster: { ...cluster, seen } } });
}

function acknowledged(facts: Facts): Facts {
  const published = { textHash: '', urgentHash: '', at: 0, handled: facts.memory.handled };
  return { ...facts, memory: { ...facts.memory, published } };
}

/** Taken, acknowledged, and who leads was read. */
function confirmed(facts: Facts): Facts {
  const { memory } = acknowledged(facts);
  const request = memory.request as ActiveRequest;
  const known = { claim: null, pod: null, ...request.lost, confirmed: true };
  return { ...facts, memory: { ...memory, request: { ...request, lost: known } } };
}

const wished = (facts: Facts): readonly Intent[] => wants({ state: 'Alive.Updating.rebuilding', facts, plan });
const sent = (facts: Facts): readonly string[] => wished(facts).map(({ type, target }) => `${type} ${target.name}`);

function refused(facts: Facts): string {
  const { status, reason } = conditionsOf({ state: 'Alive.Degraded', facts, plan, specProblems: [] }).RequestRefused;
  return `${status} ${reason}`;
}

const claimGoes = (facts: Facts): Facts => changed(facts, 'PersistentVolumeClaim/data-shop-1', { deleting: true });
const podGoes = (facts: Facts): Facts => changed(facts, 'Pod/shop-1', { deleting: true });
const passed = (facts: Facts, timer: string): Facts => ({ ...facts, memory: { ...facts.memory, expired: [timer] } });
const expired = (facts: Facts): Facts => passed(facts, 'gone/shop-1');
const renewed = (facts: Facts): Facts => passed(facts, 'renewed/shop-1');

describe('a replacement', () => {
  it.each([
    ['a shop-9', {}, 'NoSuchMember'],
    ['a', {}, 'NoMember'],
    ['a shop-0', {}, 'TargetLeads'],
    ['a shop-1', { ready: 2 }, 'StillStreams'],
    ['a shop-1', { bootstrapped: false }, 'NotCreated'],
  ] as const)('"%s" with %o is refused as %s', (token, choice, reason) => {
    const facts = asked(lost(choice), token);
    expect(refused(facts)).toBe(`True ${reason}`);
    expect(facts.memory.request).toBeNull();
    expect(sent(acknowledged(facts))).toEqual([]);
  });

  it('of the only member is refused although nobody writes: it would wait for ever', () => {
    const base = lost({ leader: 'none' });
    const accepted = base.memory.accepted;
    if (accepted === null) throw new Error('nothing is accepted');
    const alone = { ...accepted, spec: { ...accepted.spec, replicas: 1 } };
    const facts = asked({ ...base, memory: { ...base.memory, accepted: alone } }, 'a shop-0');
    expect(refused(facts)).toBe('True NoCopy');
  });

  it('waits while nobody writes, since nobody could be copied', () => {
    const facts = asked(lost({ leader: 'none' }));
    expect(facts.memory.request).toBeNull();
    expect(waitingRequest(facts)).toMatch(/^replace "a shop-1" waits: nobody writes/);
  });

  it('goes step by step: its token, the leader’s sign of life, who leads, the claim, the pod, and the pod by force when its node does not answer', () => {
    const taken = asked(lost());
    expect(sent(taken)).toEqual([]);
    expect(sent(acknowledged(taken))).toEqual([]);
    expect(sent(renewed(acknowledged(taken)))).toEqual(['ReadObject shop']);
    const known = confirmed(taken);
    expect(wished(known)).toMatchObject([{ type: 'DeleteObject', target: { name: 'data-shop-1' }, uid: 'claim-1' }]);
    expect(wished(claimGoes(known))).toMatchObject([
      { type: 'DeleteObject', target: { kind: 'Pod', name: 'shop-1' }, uid: 'Pod-shop-1', graceSeconds: 30 },
    ]);
    const ending = podGoes(claimGoes(known));
    expect(sent(ending)).toEqual([]);
    expect(wished(expired(ending))).toMatchObject([{ type: 'DeleteObject', uid: 'Pod-shop-1', graceSeconds: 0 }]);
  });

  it('names who leads by an answer of the API server, and asks again once nobody is known to write', () => {
    const taken = acknowledged(asked(lost()));
    const target = { kind: 'Endpoints', name: 'shop' } as const;
    const open = { seq: 9, ordinal: 0, type: 'ReadObject', target, uid: null, textHash: null, since: 0, handled: null };
    const waiting = { ...taken, memory: { ...taken.memory, open: { 'Read/Endpoints/shop': open } } } as Facts;
    const object = taken.world.objects['Endpoints/shop']?.object ?? null;
    const outcome = { type: 'read', object } as const;
    const read = { type: 'OutcomeArrived', seq: 9, ordinal: 0, intent: 'ReadObject', target, outcome } as const;
    const told = withRequests(learn(waiting, read, 1000));
    expect(sent(told)).toEqual(['DeleteObject data-shop-1']);
    const silent = { ...told, world: { ...told.world, leaderSilentSince: 1000 } };
    expect(withRequests(silent).memory.request?.lost?.confirmed).toBe(false);
  });

  it('is given up when the member leads or streams by now, and nothing has gone', () => {
    const taken = confirmed(asked(lost()));
    const back = { ...taken, world: lost({ ready: 2 }).world };
    expect(withRequests(back).memory.request).toBeNull();
    expect(withRequests(claimGoes(back)).memory.request).not.toBeNull();
    const leader = taken.world.objects['Endpoints/shop'];
    if (leader?.object.detail.type !== 'Endpoints') throw new Error('there is no leader object');
    const detail = { ...leader.object.detail, dcs: { ...leader.object.detail.dcs, leader: 'shop-1' } };
    const leads = changed(claimGoes(taken), 'Endpoints/shop', { detail });
    expect(withRequests(leads).memory.request).toBeNull();
  });

  it('leaves alone what was made since, and is over when Patroni reports from it', () => {
    const known = claimGoes(confirmed(asked(lost())));
    const gone = without(without(known, 'Pod/shop-1'), 'PersistentVolumeClaim/data-shop-1');
    expect(sent(gone)).toEqual([]);
    expect(withRequests(gone).memory.request).not.toBeNull();
    const made = lost().world.objects;
    const pod = made['Pod/shop-1']?.object;
    const claim = made['PersistentVolumeClaim/data-shop-1']?.object;
    if (pod?.detail.type !== 'Pod' || claim === undefined) throw new Error('there is nothing of shop-1');
    const silent = { ...pod, uid: 'pod-2', detail: { ...pod.detail, patroni: null } };
    const starting = withObject(withObject(gone, { ...claim, uid: 'claim-2' }), silent);
    expect(sent(starting)).toEqual([]);
    expect(withRequests(starting).memory.request).not.toBeNull();
    expect(withRequests(withObject(starting, { ...pod, uid: 'pod-2' })).memory.request).toBeNull();
  });

  it('takes a pod with it that was made on the lost volume meanwhile', () => {
    const known = claimGoes(confirmed(asked(lost())));
    expect(sent(changed(known, 'Pod/shop-1', { uid: 'pod-2' }))).toEqual(['DeleteObject shop-1']);
  });

  it('is not done by an operator that finds its token handled and has lost its journal', () => {
    const facts = asked(lost());
    const found = withRequests({ ...facts, memory: { ...facts.memory, request: null } });
    expect(found.memory.request).toBeNull();
    expect(sent(acknowledged(found))).toEqual([]);
  });

  it('does nothing while Patroni is paused by hand', () => {
    const known = confirmed(asked(lost()));
    const config = known.world.objects['Endpoints/shop-config'];
    if (config?.object.detail.type !== 'Endpoints') throw new Error('there is no configuration');
    const detail = { ...config.object.detail, dcs: { ...config.object.detail.dcs, paused: true } };
    expect(sent(changed(known, 'Endpoints/shop-config', { detail }))).toEqual([]);
  });
});
