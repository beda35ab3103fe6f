/** A lost member: what of it is to go, the step that its replacement is at, word by word, and how it ends. */
import { describe, expect, it } from 'vitest';
import type { ActiveRequest, Facts, LostMember } from '#machines/cluster/facts.ts';
import type { ObjectProjection } from '#machines/cluster/observations.ts';
import {
  confirmedRequest,
  doubtedRequest,
  endingMember,
  goneTimer,
  lostMember,
  noCopy,
  renewedTimer,
  replacementEnd,
  replacementStep,
  streamsStill,
} from '#machines/cluster/tables/replacement.ts';
import type { RolloutAct } from '#machines/cluster/tables/step.ts';
import {
  all,
  asIs,
  changed,
  dcs,
  gone,
  objectOf,
  remembering,
  replicas,
  requestOf,
  withObject,
  type Change,
} from './changes.ts';
import { calm, factsOf, type Choice } from './worlds.ts';

const claimKey = 'PersistentVolumeClaim/data-shop-1';
const podKey = 'Pod/shop-1';

const claim: Change = (facts) => {
  const detail = { type: 'PersistentVolumeClaim', phase: 'Bound', requested: '1Gi', capacity: '1Gi' } as const;
  const base = objectOf(facts, 'StatefulSet/shop');
  const made = { ...base, kind: 'PersistentVolumeClaim', name: 'data-shop-1', uid: 'claim-1' } as const;
  return withObject({ ...made, detail: { ...detail, storageClass: null } })(facts);
};

function pod(change: (object: ObjectProjection) => Partial<ObjectProjection>): Change {
  return (facts) => changed(podKey, change(objectOf(facts, podKey)))(facts);
}

const silent = pod(({ detail }) => ({ detail: { ...detail, patroni: null } as never }));
const onNoNode = pod(({ detail }) => ({ detail: { ...detail, node: null } as never }));
const newPod = pod(() => ({ uid: 'pod-2' }));
const newClaim = changed(claimKey, { uid: 'claim-2' });
const podGoes = pod(() => ({ deleting: true }));
const claimGoes = changed(claimKey, { deleting: true });
const leads = dcs('shop', { leader: 'shop-1' });
const paused = dcs('shop-config', { paused: true });
const late = remembering({ expired: [goneTimer('shop-1')] });
const renewed = remembering({ expired: [renewedTimer('shop-1')] });

/** Two members, with a claim of the second, which is not ready unless the choice says so. */
function facts(change: Change = asIs, choice: Partial<Choice> = {}): Facts {
  return all(claim, change)(factsOf({ ...calm, ready: 1, ...choice }));
}

const lost: LostMember = { claim: 'claim-1', pod: 'Pod-shop-1', confirmed: true };
const asked = requestOf({ kind: 'replace', member: 'shop-1', members: ['shop-1'], lost });
const { lost: _lost, ...without } = asked;
const withoutClaim: ActiveRequest = { ...asked, lost: { ...lost, claim: null } };

describe('what of a member is to go', () => {
  it.each<readonly [string, Change, LostMember]>([
    ['is its claim and its pod', asIs, { ...lost, confirmed: false }],
    ['is its pod alone where it has no claim', gone(claimKey), { ...lost, claim: null, confirmed: false }],
    ['is its claim alone where it has no pod', gone(podKey), { ...lost, pod: null, confirmed: false }],
  ])('%s', (_, change, member) => expect(lostMember(facts(change), 'shop-1')).toEqual(member));

  it('is not what nobody has a copy of, or what streams', () => {
    expect(noCopy(facts(replicas(1)))).toBe('shop-0 is the only member: nobody else has its data');
    expect(noCopy(facts())).toBeNull();
    expect(streamsStill(facts(asIs, { ready: 2 }), 'shop-1')).toBe('shop-1 streams, so nothing of it is lost');
    expect(streamsStill(facts(), 'shop-1')).toBeNull();
  });
});

const leadsNow = {
  reason: 'TargetLeads',
  because: 'shop-1 leads by now',
  next: 'see whether it is lost at all',
};
const streamsNow = {
  reason: 'StillStreams',
  because: 'shop-1 streams, so nothing of it is lost',
  next: 'nothing has to be replaced',
};

describe('a replacement', () => {
  it.each<readonly [string, Change, Partial<Choice>, ActiveRequest, unknown]>([
    ['goes on while what was lost stands', asIs, {}, asked, 'open'],
    ['is over where nothing is lost', asIs, {}, without, 'done'],
    ['is over where it names no member', asIs, {}, { ...asked, member: null }, 'done'],
    ['is given up when the member leads', leads, {}, asked, leadsNow],
    ['is given up when the member streams', asIs, { ready: 2 }, asked, streamsNow],
    ['goes on when it streams while its claim goes', claimGoes, { ready: 2 }, asked, 'open'],
    ['goes on when it streams with another claim', newClaim, { ready: 2 }, asked, 'open'],
    ['is given up when a member without a claim streams', gone(claimKey), { ready: 2 }, withoutClaim, streamsNow],
    ['goes on while the pod of a member without a claim is gone', gone(claimKey, podKey), {}, withoutClaim, 'open'],
    ['goes on while there is no claim', all(newPod, gone(claimKey)), {}, asked, 'open'],
    ['goes on while there is no pod', all(newClaim, gone(podKey)), {}, asked, 'open'],
    ['goes on while the pod is the old one, on a new claim', newClaim, {}, asked, 'open'],
    ['goes on while the new claim goes', all(newClaim, newPod, claimGoes), {}, asked, 'open'],
    ['goes on while the new pod goes', all(newClaim, newPod, podGoes), {}, asked, 'open'],
    ['goes on while Patroni says nothing', all(newClaim, newPod, silent), {}, asked, 'open'],
    ['is over when Patroni reports from a new pod on a new claim', all(newClaim, newPod), {}, asked, 'done'],
  ])('%s', (_, change, choice, request, end) => expect(replacementEnd(facts(change, choice), request)).toEqual(end));
});

const none = { type: 'none' } as const;
const podOf = { type: 'discard', target: { kind: 'Pod', name: 'shop-1' }, uid: 'Pod-shop-1' } as const;
const unconfirmed: ActiveRequest = { ...asked, lost: { ...lost, confirmed: false } };

describe('the step of a replacement', () => {
  it.each<readonly [string, Change, ActiveRequest, RolloutAct, string, string | null]>([
    ['waits where nothing is lost', asIs, without, none, 'words', null],
    [
      'waits while Patroni is paused',
      paused,
      asked,
      none,
      'Patroni is paused by hand; nothing goes until it is resumed',
      null,
    ],
    [
      'waits for the leader to renew its key: one that died a moment ago holds it still',
      asIs,
      unconfirmed,
      none,
      'words: shop-0 has to renew the leader key first, and so show that it is there',
      'shop-1',
    ],
    [
      'reads who leads then',
      renewed,
      unconfirmed,
      { type: 'confirm' },
      'words: who leads has to be read first',
      'shop-1',
    ],
    [
      'gives the claim up',
      asIs,
      asked,
      {
        type: 'discard',
        target: { kind: 'PersistentVolumeClaim', name: 'data-shop-1' },
        uid: 'claim-1',
        graceSeconds: null,
      },
      'words: data-shop-1 is lost, a new one takes its place',
      'shop-1',
    ],
    [
      'ends the pod while the claim goes',
      claimGoes,
      asked,
      { ...podOf, graceSeconds: 30 },
      'words: its pod is lost with it',
      'shop-1',
    ],
    [
      'ends the pod where another claim stands',
      newClaim,
      asked,
      { ...podOf, graceSeconds: 30 },
      'words: its pod is lost with it',
      'shop-1',
    ],
    [
      'ends a later pod on the claim that goes',
      all(claimGoes, newPod),
      asked,
      { ...podOf, uid: 'pod-2', graceSeconds: 30 },
      'words: its pod is lost with it',
      'shop-1',
    ],
    [
      'waits for the node to end it',
      all(claimGoes, podGoes),
      asked,
      none,
      'shop-1 has to end; if its node does not end it, it is taken away',
      'shop-1',
    ],
    [
      'takes it away from a node that does not',
      all(claimGoes, podGoes, late),
      asked,
      { ...podOf, graceSeconds: 0 },
      'words: n does not end it',
      'shop-1',
    ],
    [
      'takes it away where it never had a node',
      all(claimGoes, onNoNode, podGoes, late),
      asked,
      { ...podOf, graceSeconds: 0 },
      'words: no node does not end it',
      'shop-1',
    ],
    [
      'waits for the new one, and says what that lacks',
      gone(claimKey, podKey),
      asked,
      none,
      'shop-1 has to be made anew: its pod is gone',
      'shop-1',
    ],
    [
      'leaves a new one on a new claim alone',
      all(newClaim, newPod, silent),
      asked,
      none,
      'shop-1 has to be made anew: Patroni does not report yet',
      'shop-1',
    ],
  ])('%s', (_, change, request, act, because, awaited) =>
    expect(replacementStep(facts(change), request, 'words')).toEqual({ stage: 'rebuilding', act, because, awaited }),
  );

  it('says of a new one that streams that it is there', () => {
    const { because } = replacementStep(facts(all(newClaim, newPod), { ready: 2 }), asked, 'words');
    expect(because).toBe('shop-1 has to be made anew: it is there');
  });
});

describe('a pod that was told to end', () => {
  it.each<readonly [string, Change, ActiveRequest | null, string | null]>([
    ['is watched while it does', podGoes, asked, 'shop-1'],
    ['is none before it was told', asIs, asked, null],
    ['is none once it is gone', gone(podKey), asked, null],
    ['is not watched where nothing is lost', podGoes, without, null],
    ['is not watched where nothing is asked for', podGoes, null, null],
    ['is not watched where it is a new one on a new claim', all(newClaim, newPod, podGoes), asked, null],
  ])('%s', (_, change, request, member) =>
    expect(endingMember(all(change, remembering({ request }))(facts()))).toBe(member),
  );
});

describe('who leads', () => {
  it('was read, for a request that loses something', () => {
    expect(confirmedRequest(unconfirmed)).toEqual(asked);
    expect(confirmedRequest(without)).toBe(without);
  });

  it.each<readonly [string, Partial<Choice>, ActiveRequest, ActiveRequest]>([
    ['need not be read anew while somebody writes', {}, asked, asked],
    ['has to be read anew once nobody does', { leader: 'silent' }, asked, unconfirmed],
    ['has to be read still', { leader: 'silent' }, unconfirmed, unconfirmed],
    ['is not asked where nothing is lost', { leader: 'silent' }, without, without],
  ])('%s', (_, choice, request, becomes) => expect(doubtedRequest(facts(asIs, choice), request)).toEqual(becomes));
});
