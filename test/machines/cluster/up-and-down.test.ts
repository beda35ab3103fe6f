/**
 * A replica stops because the primary came to have more than it: five parameters in which a standby must not be below its
 * primary, some of which rise in an edit while others fall. Named by whether they were stated before, and are afterwards:
 * what is not stated is at Patroni's own value.
 */
import { describe, expect, it } from 'vitest';
import type { JsonRecord, Plan } from '#machines/cluster/plan.ts';
import { isDecrease, nextConfiguration, parametersOf } from '#machines/cluster/tables/configuration.ts';
import { plan } from './worlds.ts';

type Values = Readonly<Record<string, string>>;

const synchrony = { mode: 'Off', count: 1 } as const;

function planOf(values: Values): Plan {
  const parameters = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      { value, effective: value, needsRestart: true, replicasFirst: true },
    ]),
  );
  return { ...plan, parameters, dynamic: { postgresql: { parameters: values } } };
}

function configOf(values: Values, others: Values = {}): JsonRecord {
  const names = Object.keys(values).sort().join(',');
  return { 'postgres-operator': { parameters: names }, postgresql: { parameters: { ...others, ...values } } };
}

/** All that is written until the wanted stands, each after what was written before is in force everywhere. */
function written(found: JsonRecord, wanted: Values): readonly Values[] {
  const all: Values[] = [];
  let config = found;
  for (;;) {
    const next = nextConfiguration(config, planOf(wanted), { restartsPending: false, synchrony, streaming: 2 });
    if (next === null) return all;
    all.push(parametersOf(next));
    config = next;
  }
}

describe('what falls waits for what rises', () => {
  it.each<{
    readonly what: string;
    readonly found: Values;
    readonly wanted: Values;
    readonly steps: readonly Values[];
  }>([
    {
      what: 'both stated before',
      found: { max_connections: '137', max_worker_processes: '8' },
      wanted: { max_connections: '120', max_worker_processes: '12' },
      steps: [
        { max_connections: '137', max_worker_processes: '12' },
        { max_connections: '120', max_worker_processes: '12' },
      ],
    },
    {
      what: 'which was not stated before',
      found: { max_connections: '137' },
      wanted: { max_connections: '120', max_worker_processes: '12' },
      steps: [
        { max_connections: '137', max_worker_processes: '12' },
        { max_connections: '120', max_worker_processes: '12' },
      ],
    },
    {
      what: 'and was not stated itself',
      found: {},
      wanted: { max_connections: '151', max_worker_processes: '5' },
      steps: [{ max_connections: '151' }, { max_connections: '151', max_worker_processes: '5' }],
    },
    {
      what: 'because it leaves the spec',
      found: { max_connections: '137' },
      wanted: { max_worker_processes: '12' },
      steps: [{ max_connections: '137', max_worker_processes: '12' }, { max_worker_processes: '12' }],
    },
    {
      what: 'which leaves the spec',
      found: { max_connections: '50', max_worker_processes: '12' },
      wanted: { max_worker_processes: '9' },
      steps: [{ max_worker_processes: '12' }, { max_worker_processes: '9' }],
    },
    {
      what: 'and nothing falls',
      found: { max_connections: '137' },
      wanted: { max_connections: '140', max_worker_processes: '12' },
      steps: [{ max_connections: '140', max_worker_processes: '12' }],
    },
    {
      what: 'and nothing rises',
      found: { max_connections: '137', max_worker_processes: '12' },
      wanted: { max_connections: '120' },
      steps: [{ max_connections: '120' }],
    },
  ])('$what', ({ found, wanted, steps }) => {
    expect(written(configOf(found), wanted)).toEqual(steps);
  });

  it('and stays ours until it is taken back', () => {
    const standing = { restartsPending: false, synchrony, streaming: 2 };
    const first = nextConfiguration(configOf({ max_connections: '137' }), planOf({ max_wal_senders: '20' }), standing);
    expect(first).toMatchObject({ 'postgres-operator': { parameters: 'max_connections,max_wal_senders' } });
    const second = nextConfiguration(first ?? {}, planOf({ max_wal_senders: '20' }), standing);
    expect(second).toMatchObject({ 'postgres-operator': { parameters: 'max_wal_senders' } });
  });

  it('and for members that do not run with what was written yet', () => {
    const standing = { restartsPending: true, synchrony, streaming: 2 };
    const found = configOf({ max_connections: '137' });
    expect(nextConfiguration(found, planOf({ max_connections: '120' }), standing)).toBeNull();
    expect(nextConfiguration(found, planOf({}), standing)).toBeNull();
  });

  it('and what is stated by somebody else stays as it is', () => {
    const found = configOf({ max_connections: '137' }, { max_wal_senders: '30' });
    const next = nextConfiguration(found, planOf({ max_connections: '120' }), {
      restartsPending: false,
      synchrony,
      streaming: 2,
    });
    expect(parametersOf(next ?? {})).toEqual({ max_connections: '120', max_wal_senders: '30' });
  });
});

describe('the primary starts anew first', () => {
  it('where it has more than the configuration says, and not where a value is still to fall', () => {
    expect(isDecrease({ max_connections: '137' }, { max_connections: '120' })).toBe(true);
    expect(isDecrease({ max_connections: '137' }, {})).toBe(true);
    expect(isDecrease({ max_connections: '137', max_worker_processes: '8' }, { max_connections: '137' })).toBe(false);
    expect(
      isDecrease(
        { max_connections: '137', max_worker_processes: '8' },
        { max_connections: '137', max_worker_processes: '12' },
      ),
    ).toBe(false);
  });
});
