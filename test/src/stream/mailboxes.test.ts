import fc from 'fast-check';
import { BehaviorSubject, NEVER, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { ClusterObservation } from '#machines/cluster/observations.ts';
import type { Letter } from '#src/stream/items.ts';
import { createPostOffice, mailboxes, turnMs } from '#src/stream/mailboxes.ts';
import { virtualTime } from './virtual-time.ts';

interface Sketch {
  readonly cluster?: string;
  readonly about?: string;
  readonly keeping?: Letter['keeping'];
  readonly lane?: Letter['lane'];
  /** Tells letters apart in a test. */
  readonly mark: number;
}

function letter({ cluster = 'shop', about = 'Pod/1', keeping = 'latest', lane = 'ordinary', mark }: Sketch): Letter {
  const observation: ClusterObservation = { type: 'LeaderSilent', silentMs: mark };
  return {
    cluster: { uid: cluster, namespace: 'team-a', name: cluster },
    at: 0,
    causedBy: null,
    about,
    keeping,
    lane,
    content: { type: 'observation', observation },
  };
}

function markOf({ content }: Letter): number {
  if (content.type !== 'observation' || content.observation.type !== 'LeaderSilent')
    throw new Error('not a letter of this test');
  return content.observation.silentMs;
}

function drained(letters: readonly Letter[]): readonly Letter[] {
  const office = createPostOffice();
  for (const each of letters) office.put(each);
  const taken: Letter[] = [];
  for (let next = office.take(); next !== undefined; next = office.take()) taken.push(next);
  expect(office.isEmpty()).toBe(true);
  return taken;
}

function marks(sketches: readonly Sketch[]): readonly number[] {
  return drained(sketches.map(letter)).map(markOf);
}

describe('a mailbox', () => {
  it('keeps the place and the newest letter about one thing', () => {
    expect(marks([{ mark: 1 }, { about: 'Pod/2', mark: 2 }, { mark: 3 }])).toEqual([3, 2]);
  });

  it('keeps every outcome, timer and deletion', () => {
    const keeping = 'each';
    expect(marks([1, 2, 3].map((mark) => ({ keeping, mark, about: 'Timer/retry' })))).toEqual([1, 2, 3]);
  });

  it('does not let a sight after a deletion replace the sight before it', () => {
    const gone: Sketch = { keeping: 'each', mark: 2 };
    expect(marks([{ mark: 1 }, gone, { mark: 3 }, { mark: 4 }])).toEqual([1, 2, 4]);
  });

  it('serves failure signals first, with what was waiting about the same thing before them', () => {
    const letters: Sketch[] = [
      { about: 'Pod/1', mark: 1 },
      { about: 'Pod/2', mark: 2 },
      { about: 'Pod/2', keeping: 'each', lane: 'urgent', mark: 3 },
    ];
    expect(marks(letters)).toEqual([2, 3, 1]);
  });

  it('lets nothing overtake a barrier', () => {
    const letters: Sketch[] = [
      { mark: 1 },
      { about: 'Synced', keeping: 'barrier', mark: 2 },
      { about: 'Pod/2', keeping: 'each', lane: 'urgent', mark: 3 },
      { about: 'Pod/2', keeping: 'each', lane: 'ordinary', mark: 4 },
    ];
    expect(marks(letters)).toEqual([1, 2, 3, 4]);
  });

  it('is bounded by what it is about, not by how often it is told', () => {
    const office = createPostOffice();
    for (let mark = 0; mark < 10_000; mark += 1) office.put(letter({ about: `Pod/${mark % 7}`, mark }));
    const taken: number[] = [];
    for (let next = office.take(); next !== undefined; next = office.take()) taken.push(markOf(next));
    expect(taken.toSorted()).toEqual([9993, 9994, 9995, 9996, 9997, 9998, 9999]);
  });
});

describe('the round', () => {
  it('gives a quiet cluster its turn beside a flood', () => {
    const flood = Array.from({ length: 1000 }, (_, mark): Sketch => ({
      cluster: 'noisy',
      about: `Outcome/${mark}`,
      keeping: 'each',
      mark,
    }));
    const taken = drained([...flood.map(letter), letter({ cluster: 'quiet', mark: 5000 })]);
    expect(taken.map(markOf).indexOf(5000)).toBe(1);
  });

  it('gives a flood of failures precedence, but not everything', () => {
    const failures = Array.from({ length: 100 }, (_, mark): Sketch => ({
      cluster: 'failing',
      about: `Pod/${mark}`,
      keeping: 'each',
      lane: 'urgent',
      mark,
    }));
    const taken = drained([...failures.map(letter), letter({ cluster: 'quiet', mark: 5000 })]).map(markOf);
    expect(taken.indexOf(5000)).toBeGreaterThan(3);
    expect(taken.indexOf(5000)).toBeLessThan(10);
  });

  it('keeps the order about one thing and loses nothing that must be kept, whatever comes', () => {
    const sketch = fc.record({
      cluster: fc.constantFrom('a', 'b', 'c'),
      about: fc.constantFrom('Pod/1', 'Pod/2', 'Timer/x'),
      keeping: fc.constantFrom<Letter['keeping']>('latest', 'each', 'barrier'),
      lane: fc.constantFrom<Letter['lane']>('urgent', 'ordinary'),
      take: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(sketch, { maxLength: 60 }), (steps) => {
        const office = createPostOffice();
        const taken: Letter[] = [];
        const takeOne = (): boolean => {
          const next = office.take();
          if (next !== undefined) taken.push(next);
          return next !== undefined;
        };
        const put = steps.map((step, mark) => letter({ ...step, mark }));
        put.forEach((each, index) => {
          office.put(each);
          if (steps[index]?.take === true) takeOne();
        });
        while (takeOne());
        const thingOf = ({ cluster, about }: Letter): string => `${cluster.uid} ${about}`;
        for (const thing of new Set(taken.map(thingOf))) {
          const order = taken.filter((each) => thingOf(each) === thing).map(markOf);
          expect(order, thing).toEqual(order.toSorted((left, right) => left - right));
          const newest = put.findLast((each) => thingOf(each) === thing);
          expect(order.at(-1), `newest of ${thing}`).toBe(newest === undefined ? undefined : markOf(newest));
        }
        const kept = put.filter(({ keeping }) => keeping !== 'latest').map(markOf);
        expect(taken.map(markOf)).toEqual(expect.arrayContaining(kept));
        for (const barrier of taken.filter(({ keeping }) => keeping === 'barrier')) {
          const inBox = taken.filter(({ cluster }) => cluster.uid === barrier.cluster.uid).map(markOf);
          const place = inBox.indexOf(markOf(barrier));
          expect(
            inBox.slice(0, place).every((mark) => mark < markOf(barrier)),
            'a letter overtook a barrier',
          ).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('turns', () => {
  it('end after their time, and the event loop has its say before the next', () => {
    const time = virtualTime();
    const source = new Subject<Letter>();
    const seen: number[] = [];
    source.pipe(mailboxes({ ...time, writable: NEVER })).subscribe((each) => {
      time.spend(3);
      seen.push(markOf(each));
    });
    for (let mark = 0; mark < 6; mark += 1) source.next(letter({ about: `Outcome/${mark}`, keeping: 'each', mark }));
    expect(seen).toEqual([]);
    expect(time.turn()).toBe(true);
    expect(seen).toEqual([0, 1, 2]);
    expect(turnMs).toBe(8);
    time.settle();
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('hand on in order when every letter is answered at once', () => {
    const time = virtualTime();
    const source = new Subject<Letter>();
    const seen: number[] = [];
    source.pipe(mailboxes({ ...time, writable: NEVER })).subscribe((each) => {
      const mark = markOf(each);
      if (mark < 6) source.next(letter({ about: `Outcome/${mark + 1}`, keeping: 'each', mark: mark + 1 }));
      seen.push(mark);
    });
    source.next(letter({ about: 'Outcome/1', keeping: 'each', mark: 1 }));
    time.settle();
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('wait while the journal cannot be written, coalescing meanwhile', () => {
    const time = virtualTime();
    const source = new Subject<Letter>();
    const writable = new BehaviorSubject(false);
    const seen: number[] = [];
    source.pipe(mailboxes({ ...time, writable })).subscribe((each) => seen.push(markOf(each)));
    source.next(letter({ mark: 1 }));
    source.next(letter({ mark: 2 }));
    expect(time.settle()).toBe(0);
    writable.next(true);
    time.settle();
    expect(seen).toEqual([2]);
  });

  it('stop in the middle when the journal stops taking rows', () => {
    const time = virtualTime();
    const source = new Subject<Letter>();
    const writable = new BehaviorSubject(true);
    const seen: number[] = [];
    source.pipe(mailboxes({ ...time, writable })).subscribe((each) => {
      seen.push(markOf(each));
      writable.next(markOf(each) !== 1);
    });
    for (const mark of [0, 1, 2]) source.next(letter({ about: `Outcome/${mark}`, keeping: 'each', mark }));
    time.settle();
    expect(seen).toEqual([0, 1]);
  });

  it('hand on what still waits before they complete', () => {
    const time = virtualTime();
    const source = new Subject<Letter>();
    const seen: (number | string)[] = [];
    source
      .pipe(mailboxes({ ...time, writable: NEVER }))
      .subscribe({ next: (each) => seen.push(markOf(each)), complete: () => seen.push('complete') });
    source.next(letter({ mark: 1 }));
    source.complete();
    time.settle();
    expect(seen).toEqual([1, 'complete']);
  });

  it('leave nothing running when nobody listens any more', () => {
    const time = virtualTime();
    const source = new Subject<Letter>();
    const subscription = source
      .pipe(mailboxes({ ...time, writable: NEVER }))
      .subscribe(() => subscription.unsubscribe());
    for (const mark of [0, 1, 2]) source.next(letter({ about: `Outcome/${mark}`, keeping: 'each', mark }));
    expect(time.settle()).toBe(1);
    expect(source.observed).toBe(false);
  });
});
