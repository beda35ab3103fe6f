/** What is under way, what has begun, what the fleet's answer changes, and what becomes of a turn: each by its own question. */
import { describe, expect, it } from 'vitest';
import type { AcceptedSpec, Facts, HeldEdit, Memory, Turn } from '#machines/cluster/facts.ts';
import {
  hasBegun,
  isAskingTurn,
  isUnderWay,
  shownHold,
  turnRefusal,
  turnTold,
  withTurn,
} from '#machines/cluster/tables/turns.ts';
import { rolloutAgainTimer } from '#machines/cluster/backoff.ts';
import { annotations } from '#machines/shared/names.ts';
import { requestOf } from './changes.ts';
import { calm, factsOf } from './worlds.ts';

const base = factsOf(calm);
const { accepted } = base.memory;
if (accepted === null) throw new Error('nothing is accepted');
const generation = (of: number): AcceptedSpec => ({ ...accepted, generation: of });

function knowing(change: Partial<Memory>, facts: Facts = base): Facts {
  return { ...facts, memory: { ...facts.memory, ...change } };
}

const rotation = requestOf({ kind: 'rotate-credentials', token: 'now' });

describe('under way', () => {
  it.each<readonly [string, Partial<Memory>, boolean]>([
    ['is nothing while the spec is true of every member', {}, false],
    ['is nothing before there is a spec', { accepted: null }, false],
    ['is nothing while the first members are made', { accepted: generation(2), rolledOutGeneration: null }, false],
    ['is a spec that is newer than what every member runs', { accepted: generation(2) }, true],
    ['are passwords that somebody edited', { request: { ...rotation, unasked: true } }, true],
    ['is not what somebody asked for by a token', { request: rotation }, false],
  ])('%s', (_, memory, is) => expect(isUnderWay(knowing(memory).memory)).toBe(is));
});

const turn: Turn = { subject: 'generation 2', change: 'a', state: 'granted', because: 'the fleet says so' };

/** The StatefulSet names the spec of before beside the new one. */
function half(facts: Facts): Facts {
  const fact = facts.world.objects['StatefulSet/shop'];
  if (fact === undefined) throw new Error('no StatefulSet');
  const marks = { ...fact.object.annotations, [annotations.rolledOutSpec]: '{}' };
  const objects = {
    ...facts.world.objects,
    'StatefulSet/shop': { ...fact, object: { ...fact.object, annotations: marks } },
  };
  return { ...facts, world: { ...facts.world, objects } };
}

function unmade(facts: Facts): Facts {
  const { 'StatefulSet/shop': _set, ...objects } = facts.world.objects;
  return { ...facts, world: { ...facts.world, objects } };
}

const unlisted = (facts: Facts): Facts => ({ ...facts, world: { ...facts.world, cluster: null } });
const lostJournal = { amnesia: true };

describe('a change has begun', () => {
  it.each<readonly [string, Facts, boolean]>([
    ['when its turn was granted', knowing({ turn }), true],
    ['not while it waits for its turn', knowing({ turn: { ...turn, state: 'queued' } }), false],
    ['not when nobody was asked', base, false],
    ['for whoever lost the journal, when the StatefulSet names two specs', half(knowing(lostJournal)), true],
    ['not when it names one', knowing(lostJournal), false],
    ['not when there is no StatefulSet', unmade(knowing(lostJournal)), false],
    ['not when there is no cluster any more', unlisted(half(knowing(lostJournal))), false],
    ['not by the StatefulSet for whoever has the journal', half(base), false],
  ])('%s', (_, facts, begun) => expect(hasBegun(facts)).toBe(begun));
});

const held: HeldEdit = {
  generation: 2,
  by: 'Turn',
  message: 'it is held',
  until: null,
  turn: { subject: 'generation 2', change: 'a', isApproved: false },
};
const { turn: _waiting, ...ofWindow } = held;

describe('what waits for its turn', () => {
  it.each<readonly [string, Partial<Memory>, string | null, boolean]>([
    ['has not been answered', { held }, null, true],
    ['is told to wait', { held, turn: { ...turn, state: 'queued' } }, 'the fleet says so', false],
    ['is told that it went badly elsewhere', { held, turn: { ...turn, state: 'stopped' } }, 'the fleet says so', false],
    [
      'was answered for another edit',
      { held, turn: { ...turn, state: 'queued', subject: 'generation 1' } },
      null,
      true,
    ],
    ['was granted, and is held all the same', { held, turn }, null, true],
    ['waits for something else', { held: { ...ofWindow, by: 'Window' } }, null, false],
    ['is nothing', {}, null, false],
  ])('%s', (_, memory, because, asking) => {
    const facts = knowing(memory);
    expect(turnRefusal(facts.memory, 'generation 2')).toBe(because);
    expect(isAskingTurn(facts.memory)).toBe(asking);
    expect(shownHold(facts.memory)).toEqual(asking ? null : facts.memory.held);
  });

  it.each<readonly [string, Partial<Memory>, string, Turn | undefined]>([
    ['takes the answer to it', { held }, 'generation 2', { ...turn, state: 'queued' }],
    ['takes none to another edit', { held }, 'generation 3', undefined],
    ['takes none when it is nothing', {}, 'generation 2', undefined],
  ])('%s', (_, memory, subject, told) => {
    const answer = { type: 'TurnTold', subject, answer: 'queued', because: 'the fleet says so' } as const;
    expect(turnTold(knowing(memory), answer).memory.turn).toEqual(told);
  });
});

const rule = 'could not be rolled out';
const failedAt = (of: number): Partial<Memory> => ({
  failedRollout: { generation: of, problem: { field: 'spec.image', value: 'x', rule } },
});
const failed = failedAt(2);
const badly: Turn = { ...turn, state: 'went-badly', because: `spec.image ${rule}` };
const well: Turn = { ...turn, state: 'went-well', because: 'it is rolled out' };
const queued: Turn = { ...turn, state: 'queued' };
const ofPasswords: Turn = { ...turn, subject: 'credentials-aaaaaa', change: null };
const rolled = { accepted: generation(2), rolledOutGeneration: 2 };
const dueAgain = { silentRollout: { generation: 2, tries: 1 }, expired: [rolloutAgainTimer] };

/** The spec that is written down is of this generation. */
function written(of: number, memory: Partial<Memory>): Facts {
  const facts = knowing(memory);
  const { cluster } = facts.world;
  if (cluster === null) throw new Error('no cluster');
  const seen = { ...cluster.seen, generation: of };
  return { ...facts, world: { ...facts.world, cluster: { ...cluster, seen } } };
}

describe('a turn', () => {
  it.each<readonly [string, Facts, Turn | undefined]>([
    ['that nobody asked for is none', base, undefined],
    ['goes on while it is under way', knowing({ turn, accepted: generation(2) }), turn],
    ['went well when every member runs it', knowing({ turn, ...rolled }), well],
    [
      'went well when a later one is run by then',
      knowing({ turn, accepted: generation(3), rolledOutGeneration: 3 }),
      well,
    ],
    [
      'went well by the whole number of its generation',
      knowing({ turn: { ...turn, subject: 'generation 12' }, accepted: generation(12), rolledOutGeneration: 12 }),
      { ...well, subject: 'generation 12' },
    ],
    ['is given back when nothing became of it', knowing({ turn }), undefined],
    ['is given back when nothing was ever run', knowing({ turn, rolledOutGeneration: null }), undefined],
    ['went badly when it was taken back', knowing({ turn, ...failed }), badly],
    [
      'went badly when a later edit of it was taken back',
      knowing({ turn, ...failedAt(3) }),
      {
        ...badly,
      },
    ],
    ['went well although an earlier one had been taken back', knowing({ turn, ...rolled, ...failedAt(1) }), well],
    ['of passwords is no example', knowing({ turn: ofPasswords }), undefined],
    ['of passwords is none for the worse either', knowing({ turn: ofPasswords, ...failed }), undefined],
    [
      'of passwords goes on while they are made anew',
      knowing({ turn: ofPasswords, request: { ...rotation, unasked: true } }),
      ofPasswords,
    ],
    ['is queued while it is waited for', knowing({ turn: queued, held }), queued],
    [
      'is stopped while it is waited for',
      knowing({ turn: { ...turn, state: 'stopped' }, held }),
      { ...turn, state: 'stopped' },
    ],
    [
      'is not queued when another edit waits',
      knowing({ turn: { ...queued, subject: 'generation 1' }, held }),
      undefined,
    ],
    ['is not queued when nothing waits', knowing({ turn: queued }), undefined],
    ['stays a bad example while the spec that failed stands', written(2, { turn: badly, ...failed }), badly],
    ['is none once the spec is edited', written(3, { turn: badly, ...failed }), undefined],
    ['is none once nothing counts as failed', written(2, { turn: badly }), undefined],
    ['is none once it is to be tried again', written(2, { turn: badly, ...failed, ...dueAgain }), undefined],
    ['is none once the cluster has gone', unlisted(knowing({ turn: badly, ...failed })), undefined],
    ['stays a good example', knowing({ turn: well }), well],
  ])('%s', (_, facts, becomes) => expect(withTurn(facts).memory.turn).toEqual(becomes));

  it.each<readonly [string, Facts]>([
    ['goes on', knowing({ turn, accepted: generation(2) })],
    ['is waited for', knowing({ turn: queued, held })],
    ['went well', knowing({ turn: well })],
    ['was never asked for', base],
  ])('that %s changes nothing', (_, facts) => expect(withTurn(facts)).toBe(facts));
});
