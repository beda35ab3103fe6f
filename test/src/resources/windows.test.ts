/** Maintenance windows: which are valid, and when they are open, in any time zone. */
import { describe, expect, it } from 'vitest';
import { windowProblems, windowsAt } from '#src/resources/windows.ts';
import { minimalSpec } from './wanted.ts';

type Window = { readonly schedule: string; readonly duration: string; readonly timeZone?: string };

const open = (moment: string, ...maintenanceWindows: readonly Window[]): readonly [boolean, string | null] => {
  const { isOpen, opensAt } = windowsAt(
    { ...minimalSpec, maintenanceWindows: [...maintenanceWindows] },
    Date.parse(moment),
  );
  return [isOpen, opensAt === null ? null : new Date(opensAt).toISOString()];
};

describe('a window of 02:00 to 04:00 UTC', () => {
  const nightly = { schedule: '0 2 * * *', duration: '2h' };

  it.each([
    ['2026-11-27T01:59:59.999Z', false, '2026-11-27T02:00:00.000Z'],
    ['2026-11-27T02:00:00.000Z', true, '2026-11-28T02:00:00.000Z'],
    ['2026-11-27T03:59:59.999Z', true, '2026-11-28T02:00:00.000Z'],
    ['2026-11-27T04:00:00.000Z', false, '2026-11-28T02:00:00.000Z'],
  ])('at %s: open %s, next %s', (moment, isOpen, opensAt) => expect(open(moment, nightly)).toEqual([isOpen, opensAt]));

  it('is another hour where the clock is another one', () =>
    expect(open('2026-07-01T00:30:00Z', { ...nightly, timeZone: 'Europe/Berlin' })).toEqual([
      true,
      '2026-07-02T00:00:00.000Z',
    ]));

  it('beside another: one of them is enough, and the first to open is named', () =>
    expect(open('2026-11-27T05:30:00Z', nightly, { schedule: '0 5 * * *', duration: '1h' })).toEqual([
      true,
      '2026-11-28T02:00:00.000Z',
    ]));

  it('longer than its distance is always open', () =>
    expect(open('2026-11-27T13:07:00Z', { schedule: '0 * * * *', duration: '2h' })[0]).toBe(true));
});

it('no windows are never open, and none that cannot be read', () => {
  expect(open('2026-11-27T00:00:00Z')).toEqual([false, null]);
  expect(open('2026-11-27T00:00:00Z', { schedule: 'nonsense', duration: '2h' })).toEqual([false, null]);
});

it.each([
  [{ schedule: '0 3 * * SUN', duration: '90m', timeZone: 'Europe/Berlin' }, []],
  [{ schedule: '0 3 * *', duration: '2h' }, ['schedule']],
  [{ schedule: '0 0 3 * * *', duration: '2h' }, ['schedule']],
  [{ schedule: '61 3 * * *', duration: '2h' }, ['schedule']],
  [{ schedule: '', duration: '2 hours' }, ['schedule', 'duration']],
  [{ schedule: '0 3 * * *', duration: '0h' }, ['duration']],
  [{ schedule: '0 3 * * *', duration: '2h', timeZone: 'Middle/Earth' }, ['timeZone']],
  [{ schedule: '0 3 * * *', duration: '2h', timeZone: '' }, ['timeZone']],
])('%o has faults in %o', (window, fields) =>
  expect(windowProblems({ ...minimalSpec, maintenanceWindows: [window] }).map(({ field }) => field)).toEqual(
    fields.map((field) => `spec.maintenanceWindows[0].${field}`),
  ),
);
