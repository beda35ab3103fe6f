/** Parts of the sandbox that are plain functions, and its pace on a clock that the test moves. */
import { describe, expect, it } from 'vitest';
import { selects } from '#src/sim/api/places.ts';
import { makeSchedule } from '#src/sim/schedule.ts';
import { unknownFields } from '#src/sim/sandbox/openapi.ts';
import { makePace } from '#src/sim/sandbox/pace.ts';
import { strategicMerged } from '#src/sim/sandbox/strategic.ts';
import { shortDuration } from '#src/sim/sandbox/table.ts';

describe('pace', () => {
  it('runs virtual time at its factor, whole milliseconds only, and stands still at 0', async () => {
    let realMs = 0;
    const schedule = makeSchedule();
    const seen: number[] = [];
    const beat = (): void => {
      seen.push(schedule.elapsedMs());
      schedule.after(100, beat);
    };
    schedule.after(0, beat);
    const pace = makePace(schedule, () => realMs, 10);
    const passed = pace.run(1_000);
    realMs = 100.07;
    expect(await passed).toBe('time');
    expect(schedule.elapsedMs()).toBe(1_000);
    expect(seen).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
    pace.setSpeed(0);
    realMs += 10_000;
    expect(await pace.enter(() => schedule.elapsedMs())).toBe(1_000);
    await pace.stop();
  });

  it('lets whoever waits go on in the moment that it was waited for', async () => {
    let realMs = 0;
    const schedule = makeSchedule();
    let done = false;
    schedule.after(5, () => {
      done = true;
    });
    schedule.after(6, () => undefined);
    const pace = makePace(schedule, () => realMs, 1);
    const over = pace.run(1_000, () => done).then((ended) => [ended, schedule.elapsedMs()]);
    realMs = 50;
    expect(await over).toEqual(['over', 5]);
    await expect(pace.enter(() => JSON.parse('{'))).rejects.toThrow(SyntaxError);
    await pace.stop();
  });
});

describe('a strategic merge patch', () => {
  const live = {
    spec: {
      ports: [
        { port: 1, name: 'a' },
        { port: 2, name: 'b' },
      ],
      selector: { app: 'x', tier: 'y' },
    },
    metadata: { finalizers: ['one', 'two'] },
  };
  it.each([
    [
      'changes an item by its key',
      { spec: { ports: [{ port: 2, name: 'c' }] } },
      {
        spec: {
          ports: [
            { port: 1, name: 'a' },
            { port: 2, name: 'c' },
          ],
        },
      },
    ],
    [
      'takes an item out',
      { spec: { ports: [{ port: 1, $patch: 'delete' }] } },
      { spec: { ports: [{ port: 2, name: 'b' }] } },
    ],
    ['ignores the order', { spec: { '$setElementOrder/ports': [{ port: 2 }, { port: 1 }] } }, { spec: live.spec }],
    ['replaces a map', { spec: { selector: { $patch: 'replace', app: 'z' } } }, { spec: { selector: { app: 'z' } } }],
    ['removes a field', { spec: { selector: { tier: null } } }, { spec: { selector: { app: 'x' } } }],
    ['joins a set', { metadata: { finalizers: ['three'] } }, { metadata: { finalizers: ['one', 'two', 'three'] } }],
    [
      'takes out of a set',
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['one'] } },
      { metadata: { finalizers: ['two'] } },
    ],
  ])('%s', (_, patch, expected) => {
    expect(strategicMerged(live, patch)).toMatchObject(expected);
    if ('spec' in expected && 'selector' in expected.spec)
      expect((strategicMerged(live, patch) as typeof live).spec.selector).toEqual(expected.spec.selector);
  });
});

describe('selectors', () => {
  const pod = { metadata: { name: 'one', labels: { app: 'shop', tier: 'db' } } };
  it.each([
    ['app=shop,tier=db', true],
    ['app==shop', true],
    ['app!=shop', false],
    ['other!=x', true],
    ['app in (a, shop),tier', true],
    ['app notin (shop)', false],
    ['!app', false],
    ['!other', true],
    ['other', false],
    ['app=', false],
  ])('%s', (labelSelector, expected) => expect(selects({ labelSelector }, pod)).toBe(expected));

  it('go by fields too', () => {
    expect(selects({ fieldSelector: 'metadata.name=one' }, pod)).toBe(true);
    expect(selects({ fieldSelector: 'metadata.name!=one' }, pod)).toBe(false);
  });
});

it.each([
  [0, '0s'],
  [119_000, '119s'],
  [200_000, '3m20s'],
  [1_500_000, '25m'],
  [27_000_000, '7h30m'],
  [43_200_000, '12h'],
  [172_800_000 + 3_600_000, '2d1h'],
])('%i ms are %s', (ms, words) => expect(shortDuration(ms)).toBe(words));

it('fields that a schema does not know have paths', () => {
  const schema = { properties: { spec: { properties: { items: { items: { properties: { a: {} } } } } } } };
  expect(unknownFields(schema, { kind: 'X', spec: { items: [{ a: 1 }, { b: 1 }], c: 1 }, d: 1 })).toEqual([
    'spec.items[1].b',
    'spec.c',
    'd',
  ]);
});
