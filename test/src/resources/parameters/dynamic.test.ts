/** What Patroni's configuration has to state of a spec's parameters, and what the operator states by itself. */
import { describe, expect, it } from 'vitest';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { dynamicParameters, removedParameters, statedParameters } from '#src/resources/parameters/dynamic.ts';
import { workOf } from '#src/resources/work.ts';

const spec: PostgresClusterSpec = { version: '17', replicas: 3, storage: { size: '1Gi' } };
const required = { synchronous: { mode: 'Required', count: 1 } } as const;

describe('a replica that confirms commits and whose node dies', () => {
  it('is given up within seconds, unless the spec says otherwise', () => {
    expect(statedParameters({ ...required })).toEqual({ wal_sender_timeout: '15s' });
    expect(statedParameters({ ...required, postgresqlParams: { WAL_sender_timeout: '1min', jit: 'off' } })).toEqual({
      jit: 'off',
      wal_sender_timeout: '1min',
    });
  });

  it('is so without a start of anything, and no longer than replicas confirm', () => {
    const stated = { effective: '15000', needsRestart: false, replicasFirst: false, value: '15s' };
    expect(dynamicParameters({ ...spec, ...required })).toEqual({ wal_sender_timeout: stated });
    expect(statedParameters(spec)).toEqual({});
    expect(removedParameters({ ...spec, ...required }, spec)).toEqual({ wal_sender_timeout: stated });
    const other = { ...spec, ...required, synchronous: { mode: 'Preferred' } } as const;
    expect(removedParameters({ ...spec, ...required }, other)).toEqual({});
  });
});

describe('a parameter of an extension that takes effect only with a start', () => {
  const before: PostgresClusterSpec = { ...spec, postgresqlParams: { 'pg_stat_statements.max': '5000' } };

  it('costs one, and nobody can tell by itself whether it is in force', () => {
    const after = { ...before, postgresqlParams: { 'pg_stat_statements.max': '10000' } };
    expect(workOf(before, after)).toEqual([{ field: 'spec.postgresqlParams', work: 'restart' }]);
    expect(dynamicParameters(after)['pg_stat_statements.max']).toMatchObject({ needsRestart: true, effective: null });
  });

  it('is not every parameter of an extension', () => {
    const after = { ...before, postgresqlParams: { ...before.postgresqlParams, 'pg_stat_statements.track': 'all' } };
    expect(workOf(before, after)).toEqual([{ field: 'spec.postgresqlParams', work: 'reload' }]);
  });
});
