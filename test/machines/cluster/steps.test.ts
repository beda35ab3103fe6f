/** The one next step on the way to what the spec says, or to what was asked for once: what is sent, to whom, and why, word by word. */
import { describe, expect, it } from 'vitest';
import type { Plan } from '#machines/cluster/plan.ts';
import { markKey } from '#machines/cluster/tables/configuration.ts';
import { rolloutStep } from '#machines/cluster/tables/rollout.ts';
import type { RolloutAct, RolloutStage } from '#machines/cluster/tables/step.ts';
import {
  all,
  asIs,
  changed,
  dcs,
  failoverObject,
  gone,
  patroni,
  remembering,
  replicas,
  type Change,
} from './changes.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

const alone = replicas(1);

const failover = (candidate: string | null): Change =>
  all(failoverObject, dcs('shop-failover', { failover: { leader: 'shop-0', candidate } as never }));

const none = { type: 'none' } as const;

describe('the next step to what the spec says', () => {
  it.each<readonly [string, Partial<Choice>, Change, RolloutStage, RolloutAct, string, string | null]>([
    ['all is well', {}, asIs, 'done', none, 'every member runs what the spec says', null],
    ['nobody writes', { leader: 'none' }, asIs, 'configuring', none, 'no member holds the leader key', null],
    [
      'Patroni is being told',
      {},
      remembering({ open: { x: { type: 'PatchPatroniConfig' } as never } }),
      'configuring',
      none,
      'Patroni has to be told',
      null,
    ],
    [
      "Patroni's configuration is not seen",
      {},
      dcs('shop-config', { config: null }),
      'configuring',
      none,
      "Patroni's configuration has not been seen",
      null,
    ],
    [
      'Patroni is paused',
      { template: 'replica-old' },
      dcs('shop-config', { paused: true }),
      'configuring',
      none,
      'Patroni is paused by hand; nothing goes on until it is resumed',
      null,
    ],
    [
      'members are to be asked',
      {},
      remembering({ configuring: true }),
      'configuring',
      { type: 'verify', members: ['shop-0', 'shop-1'] },
      'shop-0, shop-1: whether the new parameters are in force',
      'shop-0',
    ],
    [
      'one of them does not run',
      {},
      all(remembering({ configuring: true }), patroni('shop-1', { state: 'starting' })),
      'configuring',
      { type: 'verify', members: ['shop-0'] },
      'shop-0: whether the new parameters are in force',
      'shop-0',
    ],
    [
      'a replica is of another template',
      { template: 'replica-old' },
      asIs,
      'replacing',
      { type: 'replace', member: 'shop-1' },
      'shop-1 runs another template',
      'shop-1',
    ],
    [
      'it is in trouble too',
      { template: 'replica-old', ready: 1 },
      asIs,
      'replacing',
      { type: 'replace', member: 'shop-1' },
      'shop-1 runs another template',
      'shop-1',
    ],
    [
      'it goes already',
      { template: 'replica-old' },
      changed('Pod/shop-1', { deleting: true }),
      'replacing',
      none,
      'shop-1 is on its way out',
      'shop-1',
    ],
    [
      'its template is not offered yet',
      { template: 'replica-old' },
      changed('StatefulSet/shop', {
        detail: { type: 'StatefulSet', replicas: 2, template: 'old', current: true },
      }),
      'replacing',
      none,
      'the StatefulSet has to bear the new template first',
      null,
    ],
    [
      'its template is offered, and its controller has not heard',
      { template: 'replica-old' },
      changed('StatefulSet/shop', {
        detail: { type: 'StatefulSet', replicas: 2, template: 'new', current: false },
      }),
      'replacing',
      none,
      'the StatefulSet has to bear the new template first',
      null,
    ],
    [
      'the primary is, and its replica is fit',
      { template: 'leader-old' },
      asIs,
      'switching',
      { type: 'switchover', leader: 'shop-0', candidate: 'shop-1' },
      'shop-0 runs another template; shop-1 streams from shop-0 and is least behind',
      'shop-1',
    ],
    [
      'the primary is, and its replica is not fit',
      { template: 'leader-old', ready: 1 },
      asIs,
      'replacing',
      none,
      'shop-1 has to stream before another goes: its pod is not Ready',
      'shop-1',
    ],
    [
      'the primary was asked to hand over',
      { template: 'leader-old' },
      failover('shop-1'),
      'switching',
      none,
      'shop-0 is asked to hand over to shop-1',
      null,
    ],
    [
      'the primary was asked to hand over to whomever',
      { template: 'leader-old' },
      failover(null),
      'switching',
      none,
      'shop-0 is asked to hand over to anybody',
      null,
    ],
    [
      'the primary is, alone by the spec, and another one is there still',
      { template: 'leader-old' },
      alone,
      'switching',
      { type: 'switchover', leader: 'shop-0', candidate: 'shop-1' },
      'shop-0 runs another template; shop-1 streams from shop-0 and is least behind',
      'shop-1',
    ],
    [
      'the primary is, alone by the spec, and the other one is not fit',
      { template: 'leader-old', ready: 1 },
      alone,
      'replacing',
      { type: 'replace', member: 'shop-0' },
      'shop-0 runs another template, alone',
      'shop-0',
    ],
    [
      'the primary is, alone',
      { template: 'leader-old' },
      all(alone, gone('Pod/shop-1')),
      'replacing',
      { type: 'replace', member: 'shop-0' },
      'shop-0 runs another template, alone',
      'shop-0',
    ],
    [
      'commits are confirmed by nobody',
      { synchrony: 'unconfirmed' },
      asIs,
      'configuring',
      none,
      'Patroni has to choose who confirms commits: no replica confirms commits',
      'shop-1',
    ],
  ])('when %s', (_, choice, change, stage, act, because, awaited) => {
    const facts = change(factsOf({ ...calm, ...choice }));
    expect(rolloutStep({ facts, plan })).toEqual({ stage, act, because, awaited });
  });

  it('puts labels onto every pod that stays', () => {
    const labelled: Plan = { ...plan, podMetadata: { labels: { a: 'b' }, annotations: {}, mark: 'm' } };
    const because = (names: string): string => `${names} has to bear the labels and annotations of the spec`;
    expect(rolloutStep({ facts: factsOf(calm), plan: labelled })).toMatchObject({
      stage: 'configuring',
      act: { type: 'label', members: ['shop-0', 'shop-1'] },
      because: because('shop-0, shop-1'),
    });
    const one = changed('Pod/shop-1', { deleting: true })(factsOf(calm));
    expect(rolloutStep({ facts: one, plan: labelled })).toMatchObject({
      act: { type: 'label', members: ['shop-0'] },
      because: because('shop-0'),
    });
  });
});

/** A parameter of a plan: as many connections as that, stated and written already. */
function connections(value: string): { readonly plan: Plan; readonly written: Change } {
  const parameters = { max_connections: value };
  const stated = { value, effective: value, needsRestart: true, replicasFirst: true };
  return {
    plan: { ...plan, dynamic: { postgresql: { parameters } }, parameters: { max_connections: stated } },
    written: all(
      dcs('shop-config', { config: { postgresql: { parameters }, [markKey]: { parameters: 'max_connections' } } }),
      remembering({ configuring: true }),
    ),
  };
}

/** What both members said that they run with. */
function said(primary: string, replica: string): Change {
  const verified = Object.fromEntries(
    [
      ['shop-0', primary],
      ['shop-1', replica],
    ].map(([name = '', value = '']) => [name, { uid: `Pod-${name}`, settings: { max_connections: value } }]),
  );
  return remembering({ verified });
}

const pending = (...names: readonly string[]): Change =>
  all(...names.map((name) => patroni(name, { pendingRestart: true })));
const settling = remembering({ timers: { 'await/settled': { dueAt: 1, because: '' } } });

describe('the next restart for parameters', () => {
  const starts = (name: string): readonly [RolloutAct, string] => [
    { type: 'restart', member: name, started: null },
    `PostgreSQL on ${name} has to start anew for parameters to take effect`,
  ];

  it.each<readonly [string, string, Change, RolloutAct, string]>([
    [
      'is at the replica where a value rises',
      '200',
      all(said('100', '100'), pending('shop-0', 'shop-1')),
      ...starts('shop-1'),
    ],
    [
      'is at the primary where it falls',
      '50',
      all(said('100', '100'), pending('shop-0', 'shop-1')),
      ...starts('shop-0'),
    ],
    [
      'is at the primary once the replica has it',
      '200',
      all(said('100', '200'), pending('shop-0')),
      ...starts('shop-0'),
    ],
    [
      'waits until Patroni has noticed',
      '200',
      all(said('100', '100'), settling),
      none,
      'Patroni on shop-1 has not noticed yet that a restart is due',
    ],
    [
      'is a question first where Patroni says nothing of one',
      '200',
      said('100', '100'),
      { type: 'verify', members: ['shop-0', 'shop-1'] },
      'shop-0, shop-1: whether the new parameters are in force',
    ],
    ['is none where all have it', '200', said('200', '200'), none, 'every member runs what the spec says'],
    [
      'asks a member of another life once more',
      '200',
      remembering({ verified: { 'shop-0': { uid: 'another', settings: { max_connections: '200' } } } }),
      { type: 'verify', members: ['shop-0', 'shop-1'] },
      'shop-0, shop-1: whether the new parameters are in force',
    ],
  ])('%s', (_, value, change, act, because) => {
    const { plan: wanted, written } = connections(value);
    const step = rolloutStep({ facts: all(written, change)(factsOf(calm)), plan: wanted });
    expect({ act: step.act, because: step.because }).toEqual({ act, because });
  });
});

describe('the next step of what was asked for once', () => {
  it.each<readonly [string, Partial<Choice>, Change, RolloutStage, RolloutAct, string]>([
    [
      'that is not acknowledged',
      { request: 'reload' },
      remembering({ published: null }),
      'configuring',
      none,
      'reload "once" has to stand in status.handled first',
    ],
    [
      'reload',
      { request: 'reload' },
      asIs,
      'configuring',
      { type: 'reload', members: ['shop-1', 'shop-0'] },
      'reload "once" is due at shop-1, shop-0',
    ],
    [
      'restart',
      { request: 'restart' },
      asIs,
      'restarting',
      { type: 'restart', member: 'shop-1', started: '1' },
      'restart "once" is due at shop-1',
    ],
    [
      'restart that was told',
      { request: 'restart' },
      remembering({ timers: { 'await/Restart/shop-1': { dueAt: 1, because: '' } } }),
      'restarting',
      { type: 'verify', members: ['shop-1'] },
      'shop-1 is to start anew',
    ],
    [
      'restart of a member that does not run',
      { request: 'restart' },
      patroni('shop-1', { state: 'stopped' }),
      'restarting',
      none,
      'shop-1 is stopped',
    ],
    [
      'switchover',
      { request: 'switchover' },
      asIs,
      'switching',
      { type: 'switchover', leader: 'shop-0', candidate: 'shop-1' },
      'switchover "once": shop-1 streams from shop-0 and is least behind',
    ],
    [
      'switchover that was told',
      { request: 'switchover' },
      failover('shop-1'),
      'switching',
      none,
      'shop-0 is asked to hand over to shop-1',
    ],
    [
      'switchover to nobody',
      { request: 'switchover', ready: 1 },
      asIs,
      'switching',
      none,
      'nobody can take over: shop-1: its pod is not Ready',
    ],
    [
      'reinit',
      { request: 'reinit' },
      asIs,
      'rebuilding',
      { type: 'reinitialize', member: 'shop-1', started: '1' },
      'reinit "once" is due at shop-1',
    ],
    [
      'reinit that was told',
      { request: 'reinit' },
      remembering({ timers: { 'await/Reinitialize/shop-1': { dueAt: 1, because: '' } } }),
      'rebuilding',
      { type: 'verify', members: ['shop-1'] },
      'shop-1 is to copy its data anew',
    ],
    [
      'reinit that copies',
      { request: 'reinit' },
      patroni('shop-1', { state: 'creating replica' }),
      'rebuilding',
      none,
      'shop-1 is creating replica',
    ],
  ])('%s', (_, choice, change, stage, act, because) => {
    const step = rolloutStep({ facts: change(factsOf({ ...calm, ...choice })), plan });
    expect({ stage: step.stage, act: step.act, because: step.because }).toEqual({ stage, act, because });
  });
});
