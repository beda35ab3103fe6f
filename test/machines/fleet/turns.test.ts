/** Whose turn it is: at most so many clusters at a time, one goes first, and what goes badly somewhere begins nowhere else. */
import { describe, expect, it } from 'vitest';
import { turns, type FleetMember } from '#machines/fleet/turns.ts';

function member(name: string, change: Partial<FleetMember> = {}): FleetMember {
  return { uid: name, name, isKnown: true, isAtWork: false, waiting: null, told: null, turn: null, ...change };
}

const asks = (change: string | null, isApproved = false): Partial<FleetMember> => ({
  waiting: { subject: 'generation 2', change, isApproved },
});
const goes = (how: 'on' | 'well' | 'badly', change = 'image=2'): Partial<FleetMember> => ({
  isAtWork: how === 'on',
  turn: { change, goes: how, because: 'it says so' },
});
const told = (fleet: readonly FleetMember[], most = 2): readonly string[] =>
  turns(fleet, most).map(({ uid, answer }) => `${uid} ${answer}`);

describe('turns', () => {
  it('one cluster tries a change first; the others go as many at a time as may once it went well', () => {
    const all = ['a', 'b', 'c', 'd'].map((name) => member(name, asks('image=2')));
    expect(told(all)).toEqual(['a granted', 'b queued', 'c queued', 'd queued']);
    const [, ...others] = all;
    expect(told([member('a', goes('on')), ...others])).toEqual(['b queued', 'c queued', 'd queued']);
    expect(told([member('a', goes('well')), ...others])).toEqual(['b granted', 'c granted', 'd queued']);
  });

  it('different changes do not wait for one another, but for room', () => {
    const fleet = ['1', '2', '3'].map((value) => member(value, asks(`image=${value}`)));
    expect(told(fleet)).toEqual(['1 granted', '2 granted', '3 queued']);
    expect(told([member('busy', { isAtWork: true }), ...fleet])).toEqual(['1 granted', '2 queued', '3 queued']);
  });

  it('passwords are nobody’s example', () => {
    expect(told(['a', 'b'].map((name) => member(name, asks(null))))).toEqual(['a granted', 'b granted']);
  });

  it('what went badly begins nowhere else, says where, and may be approved', () => {
    const bad = member('a', goes('badly'));
    expect(turns([bad, member('b', asks('image=2'))], 2)).toMatchObject([
      { answer: 'stopped', because: 'the same change does not go well on a: it says so' },
    ]);
    expect(told([bad, member('b', asks('image=3'))])).toEqual(['b granted']);
    expect(told([bad, member('b', asks('image=2', true))])).toEqual(['b granted']);
  });

  it('an approval makes no room', () => {
    const busy = ['x', 'y'].map((name) => member(name, { isAtWork: true }));
    expect(told([...busy, member('b', asks('image=2', true))])).toEqual(['b queued']);
  });

  it('nobody’s turn comes while the picture of any cluster is not whole', () => {
    expect(told([member('a', { isKnown: false }), member('b', asks('image=2'))])).toEqual([]);
  });

  it('nobody is told twice', () => {
    const [first] = turns(
      [member('x', { isAtWork: true }), member('y', { isAtWork: true }), member('b', asks(null))],
      2,
    );
    if (first === undefined) throw new Error('b was told nothing');
    const { answer, because } = first;
    const waiting = member('b', { ...asks(null), told: { answer, because } });
    expect(told([member('x', { isAtWork: true }), member('y', { isAtWork: true }), waiting])).toEqual([]);
  });
});
