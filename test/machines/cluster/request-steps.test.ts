/** What was asked for once, at each of its steps: who is asked, who is told, who is waited for, and when nothing is left. */
import { describe, expect, it } from 'vitest';
import type { ActiveRequest, Facts } from '#machines/cluster/facts.ts';
import { lostStep, requestStep, rotationStep } from '#machines/cluster/tables/request-steps.ts';
import { leaderOf, membersOf } from '#machines/cluster/members.ts';
import type { Scene } from '#machines/cluster/tables/step.ts';
import { all, asIs, dcs, failoverObject, gone, patroni, remembering, requestOf, type Change } from './changes.ts';
import { asked as rotation, holding, told, unasked } from './secrets.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

function sceneOf(facts: Facts): Scene {
  return { facts, plan, members: membersOf(facts), leader: leaderOf(facts).name ?? '' };
}

function said(step: ReturnType<typeof requestStep>): string | null {
  if (step === null) return null;
  const { type, ...act } = step.act;
  return `${step.stage} ${type} ${JSON.stringify(act)}: ${step.because} [${step.awaited ?? 'nobody'}]`;
}

const both = { 'shop-0': '1', 'shop-1': '1' };
const base = requestOf({ kind: 'restart', members: ['shop-0', 'shop-1'], started: both });

/** A request that the API server has acknowledged. */
function asking(change: Partial<ActiveRequest>): Change {
  const request = { ...base, ...change };
  const published = { textHash: '', urgentHash: '', at: 0, handled: { [request.kind]: request.token } };
  return remembering({ request, published });
}

const state = (name: string, of: string): Change => patroni(name, { state: of });

const handingOver = (candidate: string | null): Change =>
  all(failoverObject, dcs('shop-failover', { failover: { leader: 'shop-0', candidate } as never }));

const timer = (id: string): Change => remembering({ timers: { [id]: { dueAt: 1, because: '' } } });
const reinit = { kind: 'reinit', member: 'shop-1', members: ['shop-1'] } as const;
const notReady = 'its pod is not Ready';

describe('the step of a request', () => {
  it.each<readonly [string, string | null, Change, Partial<Choice>]>([
    ['that nobody asks', null, asIs, {}],
    [
      'that the API server has not acknowledged',
      'restarting none {}: restart "once" has to stand in status.handled first [nobody]',
      all(
        asking({}),
        remembering({ published: { textHash: '', urgentHash: '', at: 0, handled: { restart: 'before' } } }),
      ),
      {},
    ],
    [
      'that is done everywhere',
      'restarting none {}: restart "once" is done [nobody]',
      asking({ done: ['shop-0', 'shop-1'] }),
      {},
    ],
    [
      'of members that were not asked since when they run',
      'restarting verify {"members":["shop-1","shop-0"]}: restart "once": since when shop-1, shop-0 runs [nobody]',
      asking({ started: {} }),
      {},
    ],
    [
      'of one that was not',
      'restarting verify {"members":["shop-0"]}: restart "once": since when shop-0 runs [nobody]',
      asking({ started: { 'shop-1': '1' } }),
      {},
    ],
    [
      'at the replica first',
      'restarting restart {"member":"shop-1","started":"1"}: restart "once" is due at shop-1 [shop-1]',
      asking({}),
      {},
    ],
    [
      'at the leader last',
      'restarting restart {"member":"shop-0","started":"1"}: restart "once" is due at shop-0 [shop-0]',
      asking({ done: ['shop-1'] }),
      {},
    ],
    [
      'that waits for a replica to stream again',
      `restarting none {}: shop-0 waits for shop-1: ${notReady} [shop-1]`,
      asking({ done: ['shop-1'] }),
      { ready: 1 },
    ],
    [
      'of one member, which waits for nobody',
      'restarting restart {"member":"shop-0","started":"1"}: restart "once" is due at shop-0 [shop-0]',
      asking({ member: 'shop-0', members: ['shop-0'] }),
      { ready: 1 },
    ],
    [
      'of a member that does not run',
      'restarting none {}: shop-1 is stopped [shop-1]',
      all(asking({}), state('shop-1', 'stopped')),
      {},
    ],
    [
      'of a member that was told',
      'restarting verify {"members":["shop-1"]}: shop-1 is to start anew [shop-1]',
      all(asking({}), timer('await/Restart/shop-1')),
      {},
    ],
    [
      'that copies a replica anew',
      'rebuilding reinitialize {"member":"shop-1","started":"1"}: reinit "once" is due at shop-1 [shop-1]',
      asking(reinit),
      {},
    ],
    [
      'that copies one that was not asked since when it runs',
      'rebuilding verify {"members":["shop-1"]}: reinit "once": since when shop-1 runs [shop-1]',
      asking({ ...reinit, started: {} }),
      {},
    ],
    [
      'that copies one that stopped since',
      'rebuilding none {}: shop-1 is stopped [shop-1]',
      all(asking(reinit), state('shop-1', 'stopped')),
      {},
    ],
    [
      'that copies one that did not run when it was asked',
      'rebuilding reinitialize {"member":"shop-1","started":"none"}: reinit "once" is due at shop-1 [shop-1]',
      all(asking({ ...reinit, started: { 'shop-1': 'none' } }), state('shop-1', 'start failed')),
      {},
    ],
    [
      'that copies one that copies by now',
      'rebuilding none {}: shop-1 is creating replica [shop-1]',
      all(asking({ ...reinit, started: { 'shop-1': 'none' } }), state('shop-1', 'creating replica')),
      {},
    ],
    [
      'that copies one that was told',
      'rebuilding verify {"members":["shop-1"]}: shop-1 is to copy its data anew [shop-1]',
      all(asking(reinit), timer('await/Reinitialize/shop-1')),
      {},
    ],
    [
      'that has copied, and does not stream yet',
      `rebuilding none {}: shop-1 has to stream: ${notReady} [shop-1]`,
      asking({ ...reinit, done: ['shop-1'] }),
      { ready: 1 },
    ],
    [
      'that copies one that is none of the members any more',
      'rebuilding none {}: shop-9 has to stream: it is not seen [shop-9]',
      asking({ ...reinit, member: 'shop-9' }),
      {},
    ],
    [
      'that hands over',
      'switching switchover {"leader":"shop-0","candidate":"shop-1"}: switchover "once": shop-1 streams from shop-0 and is least behind [shop-1]',
      asking({ kind: 'switchover' }),
      {},
    ],
    [
      'that was told to hand over to somebody',
      'switching none {}: shop-0 is asked to hand over to shop-1 [nobody]',
      all(asking({ kind: 'switchover' }), handingOver('shop-1')),
      {},
    ],
    [
      'that was told to hand over to whomever',
      'switching none {}: shop-0 is asked to hand over to anybody [nobody]',
      all(asking({ kind: 'switchover' }), handingOver(null)),
      {},
    ],
    [
      'that hands over where nobody is fit',
      'switching none {}: nobody can take over: shop-1: its pod is gone [nobody]',
      all(asking({ kind: 'switchover' }), gone('Pod/shop-1')),
      {},
    ],
    [
      'that reloads whoever was not told yet',
      'configuring reload {"members":["shop-0"]}: reload "once" is due at shop-0 [nobody]',
      asking({ kind: 'reload', done: ['shop-1'] }),
      {},
    ],
    [
      'that makes passwords anew',
      'replacing none {}: rotate-credentials "once": every member has to run with it, and stream [nobody]',
      asking({ kind: 'rotate-credentials' }),
      {},
    ],
  ])('%s', (_, words, change, choice) =>
    expect(said(requestStep(sceneOf(change(factsOf({ ...calm, ...choice })))))).toBe(words),
  );

  it.each<readonly [string, string | null, ActiveRequest]>([
    ['first makes new values for a token', 'configuring secrets', { ...rotation, token: 'once' }],
    ['does nothing before the token is acknowledged', null, { ...rotation, token: 'another' }],
    ['has nothing left to do for what nobody asked, once all say the same', null, unasked],
  ])('for passwords %s', (_, step, request) => {
    const acknowledged = asking({ kind: 'rotate-credentials' });
    const facts = all(acknowledged, remembering({ request }))(told(holding()));
    const found = rotationStep(sceneOf(facts));
    expect(found === null ? null : `${found.stage} ${found.act.type}`).toBe(step);
  });

  it.each<readonly [string, Change, boolean]>([
    [
      'comes before all else',
      asking({ kind: 'replace', member: 'shop-1', lost: { claim: null, pod: null, confirmed: true } }),
      true,
    ],
    ['is none of another request', asking({}), false],
    ['is none where nothing is asked for', asIs, false],
  ])('for a lost member %s', (_, change, is) => expect(lostStep(sceneOf(change(factsOf(calm)))) !== null).toBe(is));
});
