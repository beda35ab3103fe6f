/** What people read of trouble: commits that wait, holds, pauses, refusals, volumes, what stands in the way, and edit wars. */
import { describe, expect, it } from 'vitest';
import { conditionsOf, sentence, type ConditionType } from '#machines/cluster/conditions.ts';
import type { Facts, HeldEdit, Loop, Memory } from '#machines/cluster/facts.ts';
import type { Plan } from '#machines/cluster/plan.ts';
import { finalizer, labels, oneShotAnnotation } from '#machines/shared/names.ts';
import {
  all,
  asIs,
  changed,
  dcs,
  desired,
  objectOf,
  remembering,
  volumes,
  withObject,
  type Change,
} from './changes.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

const running = 'Alive.Running';

function facts(change: Change, choice: Partial<Choice> = {}): Facts {
  return change(factsOf({ ...calm, ...choice }));
}

function told(type: ConditionType, now: Facts, state = running, of: Plan = plan): string {
  const { status, reason, message } = conditionsOf({ facts: now, state, plan: of, specProblems: [] })[type];
  return `${status} ${reason}: ${message}`;
}

const cluster =
  (change: object): Change =>
  (now) => {
    if (now.world.cluster === null) throw new Error('no cluster');
    const seen = { ...now.world.cluster.seen, ...change };
    return { ...now, world: { ...now.world, cluster: { ...now.world.cluster, seen } } };
  };

const pausedBySpec: Change = (now) => cluster({ spec: { ...now.world.cluster?.seen.spec, paused: true } })(now);
const byHand = dcs('shop-config', { paused: true });
const held: HeldEdit = { generation: 2, by: 'Window', message: 'generation 2 is held until night', until: 7 };
const refusal = (token: string, reason: string): Memory['refused'][string] => ({
  token,
  reason,
  message: `${reason} is why`,
});
const asking = (tokens: Readonly<Record<string, string>>): Change => cluster({ annotations: tokens });
const restart = oneShotAnnotation('restart');
const reload = oneShotAnnotation('reload');
const twice = { reload: refusal('b', 'Paused'), restart: refusal('a', 'NotRunning') };

/** What Kubernetes warned of at these objects. */
function warned(...keys: readonly string[]): Change {
  return (now) => {
    const warnings = Object.fromEntries(
      keys.map((key) => [key, { uid: objectOf(now, key).uid, reason: 'Failed', message: 'no such disk' }]),
    );
    return remembering({ warnings })(now);
  };
}

function claim(ordinal: number, change: object): Change {
  const key = `PersistentVolumeClaim/data-shop-${ordinal}`;
  return (now) => changed(key, { detail: { ...objectOf(now, key).detail, ...change } as never })(now);
}

const loop: Loop = { times: { 'spec.type': 5 }, by: ['kubectl'], since: 0 };
const war =
  'Service/shop: kubectl changes spec.type whenever it is put right, 5 times so far; it is left as it is, and tried again ever more seldom; make kubectl leave it alone, or say it in spec.service; after any edit of the spec it is tried at once';
const failure = {
  count: 9,
  reason: 'Forbidden',
  message: 'no',
  permanent: true,
  since: 0,
  waiting: true,
  needsRead: false,
};
const wishing: Plan = { ...plan, objects: [desired('Service', 'shop'), desired('Service', 'shop-repl')] };
const theirs: Change = (now) =>
  withObject({
    ...objectOf(now, 'StatefulSet/shop'),
    kind: 'Service',
    name: 'shop',
    labels: { [labels.cluster]: 'other' },
    detail: { type: 'Service' } as never,
  })(now);
const inTheWay = 'Service/shop stands in the way: it belongs to cluster other; nothing is changed until it is gone';
const wait = 'spec.synchronous is Required and';
const back = 'a replica has to come back; not ready: shop-1 (its pod is not Ready)';
const byHandWords =
  'Patroni is paused by hand: nobody takes over from a leader that fails, and nothing planned goes on, until patronictl resume';
const pausedWords = 'no planned change and no drift repair; failures, status and deletion go on';
const full = remembering({
  rooms: { 'shop-1': { uid: 'Pod-shop-1', capacity: '1Gi', bytes: { free: 0, total: 2 ** 30 }, times: 2 } },
});
const noErrors = 'False NoErrors: nothing the operator tries is failing';

describe('a condition says', () => {
  it.each<readonly [ConditionType, string, Change, Partial<Choice>]>([
    ['Ready', `False NoSyncStandby: ${wait} no replica streams; ${back}`, asIs, { synchrony: 'unconfirmed', ready: 1 }],
    [
      'Ready',
      `False NoSyncStandby: ${wait} shop-1 does not stream; ${back}`,
      asIs,
      { synchrony: 'confirmed', ready: 1 },
    ],
    [
      'WritesBlocked',
      `True NoSyncStandby: ${wait} shop-1 does not stream; ${back}`,
      asIs,
      { synchrony: 'confirmed', ready: 1 },
    ],
    [
      'WritesBlocked',
      'False LeaderWrites: shop-0 leads on timeline 1; no replica confirms commits',
      asIs,
      { synchrony: 'unconfirmed' },
    ],
    [
      'ConfigurationValid',
      'True Held: every field of the spec is valid; generation 2 is held until night',
      remembering({ held }),
      {},
    ],
    ['Paused', `True PausedBySpec: ${pausedWords}`, pausedBySpec, {}],
    ['Paused', `True PausedBySpec: ${pausedWords}; ${byHandWords}`, all(pausedBySpec, byHand), {}],
    ['Paused', `True PatroniPaused: ${byHandWords}`, byHand, {}],
    [
      'PendingApproval',
      'True AboveMaxDisruption: generation 2 costs too much',
      remembering({ held: { ...held, by: 'PendingApproval', message: 'generation 2 costs too much' } }),
      {},
    ],
    ['PendingApproval', 'False NothingPending: no edit waits for an approval', remembering({ held }), {}],
    [
      'RequestRefused',
      'True NotRunning: NotRunning is why',
      all(remembering({ refused: twice }), asking({ [restart]: 'a' })),
      {},
    ],
    [
      'RequestRefused',
      'True Paused: Paused is why; NotRunning is why',
      all(remembering({ refused: twice }), asking({ [restart]: 'a', [reload]: 'b' })),
      {},
    ],
    [
      'RequestRefused',
      'False NoneRefused: nothing that was asked for by an annotation was refused',
      all(remembering({ refused: twice }), asking({ [restart]: 'another' })),
      {},
    ],
    [
      'StorageReady',
      'False Unbound: not bound: data-shop-0, data-shop-1 (Failed: no such disk)',
      all(
        volumes('1Gi'),
        claim(0, { phase: 'Pending' }),
        claim(1, { phase: 'Pending' }),
        warned('PersistentVolumeClaim/data-shop-1'),
      ),
      {},
    ],
    ['StorageReady', 'False Full: volume of shop-1: 0 B of 1 GiB free', all(volumes('1Gi'), full), {}],
    [
      'StorageReady',
      'False TooSmall: data-shop-1 has 512Mi; 1Gi is asked for',
      all(volumes('1Gi'), claim(1, { capacity: '512Mi' })),
      {},
    ],
    ['StorageReady', 'True Bound: 2 volumes are bound', volumes('2Gi'), {}],
    ['StorageReady', 'True Bound: 2 volumes are bound', all(volumes('1Gi'), remembering({ accepted: null })), {}],
    ['ReconcileFailing', `True EditWar: ${war}`, remembering({ loops: { 'Service/shop': loop } }), {}],
    [
      'ReconcileFailing',
      noErrors,
      remembering({ loops: { 'Service/shop': { ...loop, times: { 'spec.type': 4 } } } }),
      {},
    ],
    [
      'ReconcileFailing',
      `True Failing: Pod/shop-0: no (Forbidden); Secret/x: no (Forbidden); ${war}`,
      remembering({
        loops: { 'Service/shop': loop },
        failures: { 'Secret/x': failure, 'Service/shop': failure, 'Pod/shop-0': failure },
      }),
      {},
    ],
    [
      'Stuck',
      'True DeadlinePassed: deadline/creating has passed; waiting for shop-1 (its pod is not Ready); Kubernetes warns of Pod/shop-1 (Failed: no such disk)',
      all(remembering({ expired: ['deadline/creating'] }), warned('Pod/shop-1')),
      { ready: 1 },
    ],
  ])('%s: %s', (type, words, change, choice) => expect(told(type, facts(change, choice))).toBe(words));

  it.each<readonly [string, string, Change]>([
    [`True Failing: ${inTheWay}`, running, theirs],
    [noErrors, 'Deleting.clearing', theirs],
    [noErrors, running, all(theirs, remembering({ accepted: null }))],
    [noErrors, running, asIs],
  ])('ReconcileFailing of what stands in the way: %s in %s', (words, state, change) =>
    expect(told('ReconcileFailing', facts(change), state, wishing)).toBe(words),
  );

  it.each<readonly [string, string]>([
    ['Alive.Pending', 'True'],
    ['Alive.Creating.joining', 'True'],
    ['Alive.Running', 'False'],
    ['Alive.Updating.replacing', 'True'],
    ['Alive.Scaling.adding', 'True'],
    ['Alive.Degraded', 'False'],
    ['Alive.Recovering.electing', 'True'],
    ['Alive.Failed', 'False'],
    ['Deleting.stopping', 'True'],
  ])('Progressing in %s is %s', (state, status) => {
    const { Progressing: progressing } = conditionsOf({ facts: facts(asIs), state, plan, specProblems: [] });
    expect(progressing.status).toBe(status);
  });
});

const unmade: Change = (now) => all(cluster({ finalizers: [finalizer] }))(now);
const missing = '1 of 2 members are ready; not ready: shop-1 (its pod is not Ready)';
const ready = '2 of 2 members are ready; it has to hold a moment';
const nobody = 'no member holds the leader key';

describe('the sentence', () => {
  it.each<readonly [string, string, Change, Partial<Choice>, Plan]>([
    ['creating 2 of 2 objects', 'Alive.Pending', unmade, {}, wishing],
    [
      'nothing is created: Service/shop stands in the way: it belongs to cluster other',
      'Alive.Pending',
      all(unmade, theirs),
      {},
      wishing,
    ],
    [
      `waiting for the first leader: ${nobody}; Kubernetes warns of Pod/shop-1 (Failed: no such disk)`,
      'Alive.Creating.bootstrapping',
      warned('Pod/shop-1'),
      { leader: 'none' },
      plan,
    ],
    [
      `waiting for a leader: ${nobody}; Kubernetes warns of Pod/shop-0 and 1 more (Failed: no such disk)`,
      'Alive.Recovering.electing',
      warned('Pod/shop-0', 'Pod/shop-1'),
      { leader: 'none' },
      plan,
    ],
    [
      'no leader writes; trying again; Kubernetes warns of Pod/shop-1 (Failed: no such disk)',
      'Alive.Failed',
      warned('Pod/shop-1'),
      { leader: 'none' },
      plan,
    ],
    [
      'Kubernetes warns of Pod/shop-1 (Failed: no such disk); trying again',
      'Alive.Failed',
      all(warned('Pod/shop-1'), remembering({ lastError: 'Kubernetes warns of Pod/shop-1 (Failed: no such disk)' })),
      { leader: 'none' },
      plan,
    ],
    [ready, 'Alive.Updating.replacing', asIs, {}, plan],
    [ready, 'Alive.Scaling.adding', asIs, {}, plan],
    [missing, 'Alive.Scaling.adding', asIs, { ready: 1 }, plan],
    [
      `writes wait: ${wait} shop-1 does not stream; ${back}`,
      'Alive.Degraded',
      asIs,
      { synchrony: 'confirmed', ready: 1 },
      plan,
    ],
    ['releasing the finalizer', 'Deleting.releasing', asIs, { synchrony: 'confirmed', ready: 1 }, plan],
  ])('is "%s" in %s', (words, state, change, choice, of) =>
    expect(sentence({ facts: facts(change, choice), state, plan: of, specProblems: [] })).toBe(words),
  );

  it('of a cluster that goes names what is taken down', () => {
    const now = facts(asIs, { deleting: 'background' });
    const words = sentence({ facts: now, state: 'Deleting.clearing', plan, specProblems: [] });
    expect(words).toBe(
      'taking objects down in order: Endpoints/shop has to go, Endpoints/shop-config has to go, StatefulSet/shop has to go',
    );
  });
});
