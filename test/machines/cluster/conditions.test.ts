/** What people read of a cluster: every condition and the one sentence, word by word, for each kind of trouble. */
import { describe, expect, it } from 'vitest';
import {
  conditionsOf,
  problemText,
  sentence,
  withConditions,
  type ConditionType,
} from '#machines/cluster/conditions.ts';
import type { ConditionMemory, Facts, Memory } from '#machines/cluster/facts.ts';
import type { ObjectProjection } from '#machines/cluster/observations.ts';
import type { Problem } from '#machines/cluster/plan.ts';
import { dcsFinalizer, finalizer, labels } from '#machines/shared/names.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

const missing = '1 of 2 members are ready; not ready: shop-1 (its pod is not Ready)';
const nobody = 'no member holds the leader key';
const leads = 'shop-0 leads on timeline 1';
const problem: Problem = { field: 'spec.version', value: '12', rule: 'is not supported' };

function told(
  type: ConditionType,
  facts: Facts,
  state = 'Alive.Running',
  specProblems: readonly Problem[] = [],
): string {
  const { status, reason, message } = conditionsOf({ facts, state, plan, specProblems })[type];
  return `${status} ${reason}: ${message}`;
}

function said(facts: Facts, state: string, specProblems: readonly Problem[] = []): string {
  return sentence({ facts, state, plan, specProblems });
}

function remembering(memory: Partial<Memory>, choice: Partial<Choice> = {}): Facts {
  const facts = factsOf({ ...calm, ...choice });
  return { ...facts, memory: { ...facts.memory, ...memory } };
}

function withObjects(...objects: readonly Partial<ObjectProjection>[]): Facts {
  const facts = factsOf(calm);
  const base = facts.world.objects['StatefulSet/shop']?.object;
  if (base === undefined) throw new Error('no StatefulSet');
  const more = objects.map((each) => {
    const object = { ...base, ...each } as ObjectProjection;
    return [`${object.kind}/${object.name}`, { object, since: 0, changed: [] }] as const;
  });
  return { ...facts, world: { ...facts.world, objects: { ...facts.world.objects, ...Object.fromEntries(more) } } };
}

function claim(ordinal: number, detail: object): Partial<ObjectProjection> {
  return {
    kind: 'PersistentVolumeClaim',
    name: `data-shop-${ordinal}`,
    uid: `claim-${ordinal}`,
    detail: { type: 'PersistentVolumeClaim', ...detail } as ObjectProjection['detail'],
  };
}

const bound = { phase: 'Bound', capacity: '1Gi' };

describe('a condition says', () => {
  it.each<readonly [ConditionType, Partial<Choice>, string, string]>([
    ['Ready', {}, 'Alive.Running', `True AllReplicasReady: 2 of 2 members are ready`],
    ['Ready', { ready: 1 }, 'Alive.Degraded', `False NotAllReady: ${missing}`],
    ['Ready', { leader: 'none' }, 'Alive.Running', `False NoWritableLeader: ${nobody}`],
    ['Ready', { known: false }, 'Alive.Running', 'Unknown Unseen: not listed yet'],
    ['Progressing', {}, 'Alive.Running', 'False Running: 2 of 2 members are ready'],
    ['Progressing', { ready: 1 }, 'Alive.Degraded', `False Degraded: ${missing}`],
    ['Progressing', { leader: 'none' }, 'Alive.Failed', 'False Failed: no leader writes; trying again'],
    [
      'Progressing',
      { leader: 'none' },
      'Alive.Recovering.electing',
      `True Recovering: waiting for a leader: ${nobody}`,
    ],
    ['Degraded', {}, 'Alive.Running', 'False AsExpected: no member is missing that should be there'],
    ['Degraded', { ready: 1 }, 'Alive.Degraded', `True Degraded: ${missing}`],
    ['Degraded', { ready: 1 }, 'Alive.Recovering.electing', `True Recovering: ${missing}`],
    ['Degraded', { ready: 1 }, 'Alive.Failed', `True Failed: ${missing}`],
    ['ConfigurationValid', {}, 'Alive.Running', 'True Valid: every field of the spec is valid and takes effect'],
    ['ReplicasReady', {}, 'Alive.Running', 'True AllReady: 2 of 2 members are ready'],
    ['ReplicasReady', { ready: 1 }, 'Alive.Running', `False NotAllReady: ${missing}`],
    ['ReplicasReady', { known: false }, 'Alive.Running', 'Unknown Unseen: not listed yet'],
    ['WritesBlocked', {}, 'Alive.Running', `False LeaderWrites: ${leads}`],
    ['WritesBlocked', { leader: 'none' }, 'Alive.Running', `True NoWritableLeader: ${nobody}`],
    ['WritesBlocked', { known: false }, 'Alive.Running', 'Unknown Unseen: not listed yet'],
    [
      'WritesBlocked',
      { synchrony: 'confirmed' },
      'Alive.Running',
      `False LeaderWrites: ${leads}; shop-1 confirms commits`,
    ],
    ['Paused', {}, 'Alive.Running', 'False NotPaused: spec.paused is not set'],
    ['PendingRestart', {}, 'Alive.Running', 'False NonePending: no member waits for a restart'],
    ['PendingApproval', {}, 'Alive.Running', 'False NothingPending: no edit waits for an approval'],
    [
      'RequestRefused',
      {},
      'Alive.Running',
      'False NoneRefused: nothing that was asked for by an annotation was refused',
    ],
    ['StorageReady', {}, 'Alive.Running', 'False NoVolumes: no claim has been created yet'],
    ['ReconcileFailing', {}, 'Alive.Running', 'False NoErrors: nothing the operator tries is failing'],
    ['ReconcileFailing', { refused: true }, 'Alive.Running', 'True Failing: StatefulSet/shop: no (Forbidden)'],
    ['JournalIntact', {}, 'Alive.Running', 'True Recording: every decision is recorded before it takes effect'],
    ['Stuck', {}, 'Alive.Running', 'False NotStuck: no deadline has passed'],
  ])('%s with %o in %s', (type, choice, state, words) =>
    expect(told(type, factsOf({ ...calm, ...choice }), state)).toBe(words),
  );

  it('ConfigurationValid names every problem, and whether it is one of a rollout', () => {
    const words = 'spec.version is "12": is not supported';
    const problems = [problem, { ...problem, value: null }];
    expect(problemText(problem)).toBe(words);
    expect(told('ConfigurationValid', factsOf(calm), 'Alive.Running', problems)).toBe(
      `False InvalidSpec: ${words}; spec.version is null: is not supported`,
    );
    const failed = remembering({ failedRollout: {} as Memory['failedRollout'] });
    expect(told('ConfigurationValid', failed, 'Alive.Running', [problem])).toBe(`False RolloutFailed: ${words}`);
  });

  it('Stuck names the deadlines that have passed, and who is waited for', () => {
    const expired = ['hold', 'deadline/scaling', 'deadline/updating/replacing/shop-1'];
    const passed = 'deadline/scaling, deadline/updating/replacing/shop-1 has passed;';
    expect(told('Stuck', remembering({ expired }, { ready: 1 }))).toBe(
      `True DeadlinePassed: ${passed} waiting for shop-1 (its pod is not Ready)`,
    );
  });

  it('Stuck names the step that is in vain, where nothing is wrong with any member', () => {
    const late = remembering({ expired: ['deadline/updating/configuring'], configuring: true });
    expect(told('Stuck', late, 'Alive.Updating.configuring')).toBe(
      'True DeadlinePassed: deadline/updating/configuring has passed; shop-0, shop-1: whether the new parameters are in force',
    );
  });

  it('PendingRestart names the members', () => {
    const facts = factsOf(calm);
    const fact = facts.world.objects['Pod/shop-1'];
    if (fact?.object.detail.type !== 'Pod' || fact.object.detail.patroni === null) throw new Error('no pod');
    const patroni = { ...fact.object.detail.patroni, pendingRestart: true };
    const object = { ...fact.object, detail: { ...fact.object.detail, patroni } };
    const objects = { ...facts.world.objects, 'Pod/shop-1': { ...fact, object } };
    expect(told('PendingRestart', { ...facts, world: { ...facts.world, objects } })).toBe(
      'True RestartPending: a restart is pending on shop-1',
    );
  });

  it.each<readonly [string, readonly Partial<ObjectProjection>[]]>([
    ['True Bound: 1 volume is bound', [claim(0, bound)]],
    ['True Bound: 2 volumes are bound', [claim(0, bound), claim(1, bound)]],
    [
      'True Bound: 2 volumes are bound',
      [claim(0, bound), claim(1, bound), claim(2, { phase: 'Lost', capacity: null })],
    ],
    [
      'False Unbound: not bound: data-shop-0, data-shop-1',
      [claim(1, { phase: 'Pending', capacity: null }), claim(0, { phase: 'Pending', capacity: null })],
    ],
    [
      'False TooSmall: data-shop-0 has nothing, data-shop-1 has 512Mi (it is resized); 1Gi is asked for',
      [claim(1, { ...bound, capacity: '512Mi', resizing: 'it is resized' }), claim(0, { ...bound, capacity: null })],
    ],
  ])('StorageReady is %s', (words, claims) => expect(told('StorageReady', withObjects(...claims))).toBe(words));

  it.each([
    ['Conflict', 1, 'False NoErrors: nothing the operator tries is failing'],
    ['Conflict', 2, 'False NoErrors: nothing the operator tries is failing'],
    ['Conflict', 3, 'True Failing: Service/shop: words (Conflict)'],
    ['NoAnswer', 2, 'False NoErrors: nothing the operator tries is failing'],
    ['NotShown', 2, 'False NoErrors: nothing the operator tries is failing'],
    ['AlreadyExists', 2, 'False NoErrors: nothing the operator tries is failing'],
    ['IncarnationChanged', 2, 'False NoErrors: nothing the operator tries is failing'],
    ['ChangedAgain', 2, 'False NoErrors: nothing the operator tries is failing'],
    ['Forbidden', 1, 'True Failing: Service/shop: words (Forbidden)'],
  ] as const)('ReconcileFailing of %s, %i in a row', (reason, count, words) => {
    const failure = { count, reason, message: 'words', permanent: false, since: 0, waiting: true, needsRead: false };
    expect(told('ReconcileFailing', remembering({ failures: { 'Service/shop': failure } }))).toBe(words);
    const ofEvents = remembering({ failures: { 'Event/shop': failure } });
    expect(told('ReconcileFailing', ofEvents)).toBe('False NoErrors: nothing the operator tries is failing');
  });

  it('ReconcileFailing of a Service that was deleted by hand, until the cluster goes', () => {
    const held = withObjects({
      kind: 'Service',
      name: 'shop-config',
      deleting: true,
      finalizers: [dcsFinalizer],
      labels: { [labels.clusterUid]: 'u-1' },
    });
    const words = "Service/shop-config was deleted by hand; it holds Patroni's state and stays until a planned moment";
    expect(told('ReconcileFailing', held)).toBe(`True Failing: ${words}`);
    expect(told('ReconcileFailing', held, 'Deleting.clearing')).toBe(
      'False NoErrors: nothing the operator tries is failing',
    );
  });
});

describe('the sentence', () => {
  it.each<readonly [string, Partial<Choice>, string]>([
    ['Alive.Running', { known: false }, 'the picture is not complete: not listed yet'],
    [
      'Alive.Running',
      { deleting: 'protected' },
      'it is protected from deletion: to go on with the deletion set spec.deletionProtection to false',
    ],
    ['Alive.Creating.bootstrapping', { leader: 'none' }, `waiting for the first leader: ${nobody}`],
    ['Alive.Creating.joining', { ready: 1 }, `waiting for the members: ${missing}`],
    [
      'Alive.Creating.joining',
      { database: false },
      'waiting for the application database: the application database has not been made yet',
    ],
    ['Alive.Running', {}, '2 of 2 members are ready'],
    ['Alive.Degraded', { ready: 1 }, missing],
    ['Alive.Degraded', {}, '2 of 2 members are ready; it has to hold a moment'],
    ['Alive.Recovering.electing', { leader: 'none' }, `waiting for a leader: ${nobody}`],
    ['Alive.Recovering.rejoining', {}, `${leads}; it has to hold a moment`],
    ['Alive.Failed', { leader: 'none' }, 'no leader writes; trying again'],
    [
      'Deleting.stopping',
      { deleting: 'background' },
      'stopping the members: 3 still there: StatefulSet/shop, Pod/shop-0, Pod/shop-1',
    ],
    ['Deleting.stripping', { deleting: 'orphan' }, 'leaving the database alone: taking our marks off its objects'],
    ['Deleting.releasing', { deleting: 'background' }, 'releasing the finalizer'],
    ['Alive.Running', { synchrony: 'unconfirmed', ready: 1 }, 'writes wait: '],
  ])('in %s with %o', (state, choice, words) => {
    const text = said(factsOf({ ...calm, ...choice }), state);
    if (words.endsWith(': ')) expect(text.startsWith(words)).toBe(true);
    else expect(text).toBe(words);
  });

  it('of a cluster that is not created says what holds it up', () => {
    const facts = factsOf({ ...calm, statefulSet: false });
    expect(said(facts, 'Alive.Pending', [problem])).toBe(
      'nothing is created until the spec is valid: spec.version is "12": is not supported',
    );
    const { cluster } = facts.world;
    if (cluster === null) throw new Error('no cluster');
    const seen = (change: object): Facts => ({
      ...facts,
      world: { ...facts.world, cluster: { ...cluster, seen: { ...cluster.seen, ...change } } },
    });
    const observed = seen({ spec: { ...cluster.seen.spec, mode: 'Observe' } });
    expect(said(observed, 'Alive.Pending')).toBe('mode is Observe: nothing is created');
    expect(said(seen({ finalizers: [] }), 'Alive.Pending')).toBe(
      'waiting for the finalizer: our finalizer is not on it yet',
    );
    expect(said(seen({ finalizers: [finalizer] }), 'Alive.Pending')).toBe('waiting for the StatefulSet to be seen');
  });

  it('of one that failed is its last error', () => {
    const facts = remembering({ lastError: 'the deadline has passed' }, { leader: 'none' });
    expect(said(facts, 'Alive.Failed')).toBe('the deadline has passed; trying again');
  });
});

describe('conditions in memory', () => {
  const verdict = { status: 'True', reason: 'Fine', message: 'it is' } as const;
  const { memory } = factsOf(calm);
  const held = (conditions: Readonly<Record<string, ConditionMemory>>): Memory => ({ ...memory, conditions });
  const before = held({ Ready: { ...verdict, since: 5, observedGeneration: 1 } });

  it('are the same record while all say what they said', () => {
    expect(withConditions(before, { Ready: verdict }, 1, 9)).toBe(before.conditions);
  });

  it.each<readonly [string, Partial<typeof verdict>, number, number]>([
    ['another message', { message: 'it still is' } as never, 1, 5],
    ['another reason', { reason: 'Better' } as never, 1, 5],
    ['another generation', {}, 2, 5],
    ['another status', { status: 'False' } as never, 1, 9],
  ])('with %s begin anew only with the status', (_, change, generation, since) => {
    const now = { ...verdict, ...change };
    expect(withConditions(before, { Ready: now }, generation, 9)).toEqual({
      Ready: { ...now, since, observedGeneration: generation },
    });
  });

  it('come and go with their types', () => {
    const both = withConditions(before, { Ready: verdict, Stuck: verdict }, 1, 9);
    expect(both).toEqual({ ...before.conditions, Stuck: { ...verdict, since: 9, observedGeneration: 1 } });
    expect(both['Ready']).toBe(before.conditions['Ready']);
    expect(withConditions(held(both), { Ready: verdict }, 1, 9)).toEqual(before.conditions);
  });
});
