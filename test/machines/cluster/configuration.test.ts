/** Patroni's dynamic configuration: what is written next, what must wait, and when a member follows. */
import { describe, expect, it } from 'vitest';
import type { JsonRecord, Plan } from '#machines/cluster/plan.ts';
import {
  bootKey,
  follows,
  hasReplayed,
  isDecrease,
  isUnset,
  markKey,
  nextConfiguration,
  parametersOf,
  positionKey,
  statedNames,
  withoutUnwanted,
  type Standing,
} from '#machines/cluster/tables/configuration.ts';
import { plan } from './worlds.ts';

const calm: Standing = { restartsPending: false, synchrony: { mode: 'Off', count: 1 }, streaming: 1 };

/** A configuration as Patroni keeps it. */
function config(parameters: JsonRecord, ours: readonly string[], more: JsonRecord = {}): JsonRecord {
  return { ...more, postgresql: { parameters }, [markKey]: { parameters: ours.join(',') } };
}

/** A plan that states these. */
function stating(parameters: Readonly<Record<string, string>>, more: JsonRecord = {}): Plan {
  const stated = Object.entries(parameters).map(([name, value]) => [
    name,
    { value, effective: value, needsRestart: true },
  ]);
  return { ...plan, dynamic: { ...more, postgresql: { parameters } }, parameters: Object.fromEntries(stated) };
}

describe('what neither spec says, while nobody writes', () => {
  const before = { work_mem: '4MB', max_connections: '100' };
  const wanted = stating({ max_connections: '200', shared_buffers: '1GB' });

  it('is taken back, and nothing else is told', () => {
    const found = config({ huge_pages: 'on', work_mem: '4MB', max_connections: '100' }, ['huge_pages', 'work_mem']);
    const left = config({ work_mem: '4MB', max_connections: '100' }, ['max_connections', 'shared_buffers', 'work_mem']);
    expect(withoutUnwanted(found, wanted, before)).toEqual(left);
  });

  it('is as the plan has it, where it states another value', () => {
    const found = config({ shared_buffers: '900GB' }, ['shared_buffers']);
    expect(parametersOf(withoutUnwanted(found, wanted, before) ?? {})).toEqual({ shared_buffers: '1GB' });
  });

  it.each<readonly [string, JsonRecord]>([
    ['one of the two says it', config({ work_mem: '4MB', max_connections: '200' }, ['work_mem', 'max_connections'])],
    ['it is not ours', config({ huge_pages: 'on' }, [])],
  ])('is nothing where %s', (_, found) => expect(withoutUnwanted(found, wanted, before)).toBeNull());
});

describe('the configuration to write next', () => {
  it.each<readonly [string, JsonRecord, Plan, Partial<Standing>, JsonRecord | null]>([
    [
      'is none where it says so already',
      config({ work_mem: '4MB' }, ['work_mem']),
      stating({ work_mem: '4MB' }),
      {},
      null,
    ],
    [
      'is none where a number says the same as a text',
      config({ max_connections: 200 }, ['max_connections']),
      stating({ max_connections: '200' }),
      {},
      null,
    ],
    [
      'is none whatever the order of its keys',
      { [markKey]: { parameters: 'a.b,a.c' }, postgresql: { parameters: { 'a.c': '1', 'a.b': '2' } } },
      stating({ 'a.b': '2', 'a.c': '1' }),
      {},
      null,
    ],
    [
      'keeps what is not ours',
      config({ theirs: 'x' }, [], { ttl: 30, loop_wait: 10 }),
      stating({ work_mem: '4MB' }, { ttl: 40 }),
      {},
      config({ theirs: 'x', work_mem: '4MB' }, ['work_mem'], { ttl: 40, loop_wait: 10 }),
    ],
    [
      'takes away what we stated and state no more',
      config({ theirs: 'x', work_mem: '4MB' }, ['work_mem']),
      stating({}),
      {},
      config({ theirs: 'x' }, []),
    ],
    [
      'raises at once',
      config({ max_connections: '100' }, ['max_connections']),
      stating({ max_connections: '200' }),
      { restartsPending: true },
      config({ max_connections: '200' }, ['max_connections']),
    ],
    [
      'lowers when nobody has to start anew',
      config({ max_connections: '200' }, ['max_connections']),
      stating({ max_connections: '150' }),
      {},
      config({ max_connections: '150' }, ['max_connections']),
    ],
    [
      'does not lower while somebody has',
      config({ max_connections: '200' }, ['max_connections']),
      stating({ max_connections: '150' }),
      { restartsPending: true },
      null,
    ],
    [
      'raises first and lowers later',
      config({ max_connections: '200', max_wal_senders: '10' }, ['max_connections', 'max_wal_senders']),
      stating({ max_connections: '150', max_wal_senders: '20' }),
      {},
      config({ max_connections: '200', max_wal_senders: '20' }, ['max_connections', 'max_wal_senders']),
    ],
    [
      'holds what is taken back, as ours, while another rises',
      config({ max_connections: '200' }, ['max_connections']),
      stating({ max_worker_processes: '16' }),
      {},
      config({ max_connections: '200', max_worker_processes: '16' }, ['max_connections', 'max_worker_processes']),
    ],
    [
      'asks for confirmed commits once as many stream',
      config({}, []),
      stating({}),
      { synchrony: { mode: 'Required', count: 1 } },
      config({}, [], { synchronous_mode: true, synchronous_mode_strict: true, synchronous_node_count: 1 }),
    ],
    [
      'does not ask for them while too few do',
      config({}, []),
      stating({}),
      { synchrony: { mode: 'Required', count: 2 } },
      null,
    ],
    [
      'prefers them at any time',
      config({}, []),
      stating({}),
      { synchrony: { mode: 'Preferred', count: 2 }, streaming: 0 },
      config({}, [], { synchronous_mode: true, synchronous_mode_strict: false, synchronous_node_count: 2 }),
    ],
  ])('%s', (_, found, wanted, standing, expected) => {
    const next = nextConfiguration(found, wanted, { ...calm, ...standing });
    expect(next).toEqual(expected);
    // Members have to start anew with it first.
    const then = { ...calm, ...standing, restartsPending: true };
    if (next !== null) expect(nextConfiguration(next, wanted, then)).toBeNull();
  });
});

describe('parameters of a configuration', () => {
  it('are texts, whatever Patroni keeps; what is no value is none', () => {
    const found = config({ one: 1, two: true, three: 'x', four: null, five: { a: 1 } }, ['one', '', 'two']);
    expect(parametersOf(found)).toEqual({ one: '1', two: 'true', three: 'x' });
    expect(statedNames(found)).toEqual(['one', 'two']);
  });

  it.each<JsonRecord>([{}, { postgresql: 'x', [markKey]: 'x' }, { postgresql: {}, [markKey]: { parameters: 7 } }])(
    'are none in %j',
    (found) => {
      expect(parametersOf(found)).toEqual({});
      expect(statedNames(found)).toEqual([]);
    },
  );
});

describe('a member', () => {
  it.each([
    ['100', '100', true],
    ['100', '100.0', true],
    ['99', '100', false],
    ['', '0', false],
    ['0', '', false],
    ['on', 'on', true],
    ['on', 'off', false],
    [undefined, '100', false],
    [undefined, null, true],
    ['anything', null, true],
  ])('with %j where %j is wanted follows: %s', (setting, effective, expected) => {
    expect(follows(setting, { value: 'x', effective, needsRestart: false, replicasFirst: false })).toBe(expected);
  });

  it.each([
    [{ max_connections: '100' }, 'max_connections', true],
    [{ max_connections: '200' }, 'max_connections', false],
    [{ work_mem: '4MB', [bootKey('work_mem')]: '4MB' }, 'work_mem', true],
    [{ work_mem: '8MB', [bootKey('work_mem')]: '4MB' }, 'work_mem', false],
    [{ work_mem: '4MB' }, 'work_mem', false],
    [{}, 'work_mem', false],
  ] as const)('with %j has %s unset: %s', (settings, name, expected) => expect(isUnset(settings, name)).toBe(expected));

  it.each([
    [{ max_connections: '200' }, {}, true],
    [{ max_connections: '100' }, {}, false],
    [{ max_connections: '200' }, { max_connections: '200' }, false],
    [{ max_connections: '200' }, { max_connections: '150' }, true],
    [{ work_mem: '8' }, { work_mem: '4' }, false],
    [{}, {}, false],
  ] as const)('that runs with %j where %j is stated must lower: %s', (settings, stated, expected) =>
    expect(isDecrease(settings, stated)).toBe(expected),
  );

  it.each([
    ['100', '100', true],
    ['101', '100', true],
    ['99', '100', false],
    [undefined, '100', false],
    ['100', undefined, false],
  ])('that replayed up to %s of %s has heard all: %s', (replica, primary, expected) => {
    const at = (position: string | undefined): Readonly<Record<string, string>> =>
      position === undefined ? {} : { [positionKey]: position };
    expect(hasReplayed(at(replica), at(primary))).toBe(expected);
  });
});
