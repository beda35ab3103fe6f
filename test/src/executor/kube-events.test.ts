/** The last warning in a list of Kubernetes Events. */
import { expect, it } from 'vitest';
import { lastWarning } from '#src/executor/effects/kube-events.ts';

const event = (reason: string, when: object): object => ({ reason, message: `because of\n  ${reason}`, ...when });

it.each<[string, unknown, object]>([
  ['no list', null, {}],
  ['an empty list', { items: [] }, {}],
  [
    'the one that was seen last, not the one that stands last',
    {
      items: [
        event('FailedMount', { lastTimestamp: '2026-01-01T00:05:00Z' }),
        event('FailedScheduling', { lastTimestamp: '2026-01-01T00:01:00Z' }),
      ],
    },
    { reason: 'FailedMount', message: 'because of FailedMount' },
  ],
  [
    'one of the new kind, which has a series and no last time',
    {
      items: [
        event('FailedCreate', { lastTimestamp: null, series: { lastObservedTime: '2026-01-01T00:09:00.000000Z' } }),
        event('Unhealthy', { lastTimestamp: '2026-01-01T00:05:00Z' }),
        event('Old', { metadata: { creationTimestamp: '2025-01-01T00:00:00Z' } }),
      ],
    },
    { reason: 'FailedCreate', message: 'because of FailedCreate' },
  ],
  ['what has no words', { items: [{}, 7] }, { reason: 'Warning', message: '' }],
])('of %s', (_, list, expected) => expect(lastWarning(list)).toEqual(expected));

it('is shortened: a scheduler names every node', () =>
  expect(lastWarning({ items: [{ reason: 'x', message: 'y'.repeat(5000) }] })['message']?.length).toBe(200));
