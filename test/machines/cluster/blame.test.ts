/** Which field is named when a rollout fails: of those that changed the one that the trouble speaks of. */
import { describe, expect, it } from 'vitest';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { blamed } from '#machines/cluster/tables/blame.ts';

const before: PostgresClusterSpec = { version: '17', replicas: 2, storage: { size: '1Gi' } };
const everything: Partial<PostgresClusterSpec> = {
  storage: { size: '2Gi' },
  image: 'registry.example/spilo:18',
  resources: { requests: { cpu: '1' } },
  placement: { priorityClassName: 'high' },
  postgresqlParams: { work_mem: '4MB' },
  env: [{ name: 'A', value: 'b' }],
  pgHba: ['local all all trust'],
  synchronous: { mode: 'Required' },
  patroni: { ttl: 40 },
  podMetadata: { labels: { a: 'b' } },
};

describe('of all fields', () => {
  it.each([
    ['data-shop-1 cannot grow', 'spec.storage.size', '2Gi'],
    ['data-shop-1 grows and is not there yet', 'spec.storage.size', '2Gi'],
    ['ImagePullBackOff', 'spec.image', 'registry.example/spilo:18'],
    ['Unschedulable', 'spec.resources', '{"requests":{"cpu":"1"}}'],
    ['OOMKilled', 'spec.resources', '{"requests":{"cpu":"1"}}'],
    ['no node fits its affinity', 'spec.placement', '{"priorityClassName":"high"}'],
    ['Patroni says start failed', 'spec.postgresqlParams', '{"work_mem":"4MB"}'],
    ['CreateContainerConfigError', 'spec.env', '[{"name":"A","value":"b"}]'],
    ['nobody can confirm commits', 'spec.synchronous', '{"mode":"Required"}'],
    ['something else', 'spec.patroni', '{"ttl":40}'],
  ])('%s speaks of %s', (because, field, value) =>
    expect(blamed(before, { ...before, ...everything }, because)).toEqual({
      field,
      value,
      rule: `could not be rolled out and was taken back: ${because}`,
    }),
  );
});

describe('of what changed', () => {
  it.each<readonly [Partial<PostgresClusterSpec>, string, string, string | null]>([
    [{ pgHba: ['x'] }, 'Patroni says start failed', 'spec.pgHba', '["x"]'],
    [{ pgHba: ['x'] }, 'Unschedulable', 'spec.pgHba', '["x"]'],
    [{ podMetadata: { labels: { a: 'b' } } }, 'a label is none', 'spec.podMetadata', '{"labels":{"a":"b"}}'],
    [{ placement: { priorityClassName: 'high' } }, 'Unschedulable', 'spec.placement', '{"priorityClassName":"high"}'],
    [{ storage: { size: '2Gi' } }, 'something else', 'spec.storage.size', '2Gi'],
    [{ replicas: 3 }, 'something else', 'spec', null],
    [{}, 'something else', 'spec', null],
  ])('%o by %s it is %s', (change, because, field, value) => {
    const problem = blamed(before, { ...before, ...change }, because);
    expect(problem).toMatchObject({ field, value });
  });

  it('a value that was taken away is named as unset', () => {
    const { image: _gone, ...without } = { ...before, image: 'x' };
    expect(blamed({ ...before, image: 'x' }, without, 'image')).toMatchObject({ field: 'spec.image', value: 'unset' });
  });

  it('a long value is cut', () => {
    const pgHba = ['x'.repeat(200)];
    const { value } = blamed(before, { ...before, pgHba }, 'start failed');
    expect(value).toBe(`["${'x'.repeat(115)}…`);
    const short = ['x'.repeat(116)];
    expect(blamed(before, { ...before, pgHba: short }, 'start failed').value).toBe(`["${'x'.repeat(116)}"]`);
  });
});
