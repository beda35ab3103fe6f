/** Which crashes are tried of the places that a run passed. */
import { describe, expect, it } from 'vitest';
import { cuts } from '#src/sim/disk.ts';
import {
  classesOf,
  doublesEach,
  doublesOf,
  pairableOf,
  pairedFates,
  pairsOf,
  singlesOf,
  type Place,
} from '#src/sim/enumeration.ts';
import { quiet } from '#src/sim/plan.ts';
import { nothing, summed } from '#src/sim/share.ts';

const calm = quiet('create', 1);

function place(passage: number, over: Partial<Place> = {}): Place {
  return { operator: 'operator-0', passage, point: 'before-send', key: `k${passage}`, requests: passage, ...over };
}

describe('enumeration', () => {
  it('tries a crash once where it leaves the same behind, at the first of such places', () => {
    const places = [place(1, { key: 'a' }), place(2, { key: 'b' }), place(3, { key: 'a' })];
    expect(classesOf(places).map(({ passage }) => passage)).toEqual([1, 2]);
  });

  it('does not try again what a scenario that began alike had', () => {
    const seen = new Set<string>();
    const [first, second] = [
      [place(1), place(2)],
      [place(1), place(3)],
    ].map((places) => singlesOf(calm, places, seen));
    expect(new Set(first?.map((each) => each.place.passage))).toEqual(new Set([1, 2]));
    expect(new Set(second?.map((each) => each.place.passage))).toEqual(new Set([3]));
  });

  it('tries every class as kill, amnesia and pause, and ends of commits in every mode, each cut in turn', () => {
    const plain = singlesOf(calm, [place(1)]);
    expect(plain.map(({ mode }) => mode).sort()).toEqual(['amnesia', 'kill', 'pause']);
    const commits = Array.from({ length: cuts.length }, (_, passage) => place(passage, { point: 'after-commit' }));
    const torn = singlesOf(calm, commits).flatMap(({ plan }) => plan.steps);
    expect(torn.flatMap((step) => ('cut' in step ? [step.cut] : [])).sort()).toEqual(cuts.map((_, cut) => cut));
    expect(singlesOf(calm, commits).length).toBe(cuts.length * 6);
  });

  it('follows a crash into its recovery, the nearest classes first, in the same mode', () => {
    const [single] = singlesOf(calm, [place(5)]).filter(({ mode }) => mode === 'amnesia');
    if (single === undefined) throw new Error('there is no loss of the journal to follow');
    const doubles = doublesOf(
      single,
      Array.from({ length: 50 }, (_, index) => place(6 + index)),
    );
    expect(doubles.length).toBe(doublesEach);
    expect(doubles[0]?.steps).toMatchObject([
      { passage: 5, mode: 'amnesia' },
      { passage: 6, mode: 'amnesia' },
    ]);
  });

  it('pairs a kill with every fault of the next request and of the next change, once for each kind of change', () => {
    const change = (nth: number, what: string) => ({ operator: 'operator-0', nth, what });
    const record = { places: [], changes: [change(3, 'PATCH services'), change(9, 'PATCH secrets')] };
    const singles = singlesOf(calm, [place(1), place(2), place(7)]);
    const pairable = pairableOf(singles, record);
    expect(pairable.map((each) => each.place.passage)).toEqual([1, 7]);
    const [first] = pairable;
    if (first === undefined) throw new Error('there is nothing to pair');
    const targets = pairsOf(first, record).map(({ steps }) => steps[1]);
    expect(targets.length).toBe(2 * pairedFates.length);
    expect(new Set(targets.map((step) => (step?.type === 'request' ? step.nth : -1)))).toEqual(new Set([1, 3]));
  });

  it('adds tallies up', () => {
    const one = { ...nothing, doubles: 2, virtualMs: 5 };
    expect(summed(one, one)).toEqual({ ...nothing, doubles: 4, virtualMs: 10 });
  });
});
