import { describe, expect, it } from 'vitest';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { acceptedSpecText, parseAcceptedSpec } from '#src/resources/accepted.ts';
import { support, type SpecField } from '#src/resources/support.ts';
import { creationProblems, editProblems, needsRollout } from '#src/resources/validation.ts';
import { haSpec, minimalSpec } from './wanted.ts';

const config = {
  images: { '15': 'spilo-15', '17': 'spilo-17' },
  imagePullPolicy: 'IfNotPresent',
  defaultDcs: 'Endpoints',
  createDeadlineSeconds: 600,
} as const;

const creation = (change: Partial<PostgresClusterSpec>): readonly string[] =>
  creationProblems({ ...minimalSpec, ...change }, config).map((each) => each.field);
const edit = (change: Partial<PostgresClusterSpec>, from: PostgresClusterSpec = minimalSpec): readonly string[] =>
  editProblems(from, { ...from, ...change }, config).map((each) => each.field);

/** A use of each field that is not built yet. */
const uses: Partial<PostgresClusterSpec> = {
  backup: { schedule: '0 1 * * *', destination: { type: 'GCS', bucket: 'b', credentialsSecret: 's' } },
  restore: { cluster: 'other' },
  clone: { cluster: 'other' },
  pgbouncer: { enabled: true },
  tls: { enabled: true },
  metrics: { enabled: true },
};

/** The same fields, saying no more than their defaults. */
const idle: Partial<PostgresClusterSpec> = {
  synchronous: { mode: 'Off', count: 1 },
  placement: { tolerations: [], nodeSelector: {} },
  service: { type: 'ClusterIP', annotations: {} },
  podMetadata: { labels: {}, annotations: {} },
  env: [],
  pgHba: [],
  patroni: { ttl: 30, loopWait: 10, retryTimeout: 10, failsafeMode: true, maximumLag: 33_554_432 },
  pgbouncer: { enabled: false, poolMode: 'transaction', maxClientConn: 100, defaultPoolSize: 20 },
  tls: { enabled: false },
  metrics: { enabled: false, port: 9187 },
};

describe('what takes effect when', () => {
  it('is a table that only shrinks: whoever builds a field takes it out here', () => {
    const fields = Object.keys(support) as SpecField[];
    expect(fields.filter((field) => support[field].creation === 'refused').sort()).toEqual(Object.keys(uses).sort());
    expect(fields.filter((field) => support[field].edit === 'live').sort()).toEqual([
      'deletionProtection',
      'maintenanceWindows',
      'maxDisruption',
      'mode',
      'paused',
      'service',
      'volumePolicy',
    ]);
  });

  it.each(Object.entries(uses))('%s in use is refused by name, and never ignored', (field, value) => {
    expect(creation({ [field]: value })).toEqual([`spec.${field}`]);
    expect(edit({ [field]: value })).toEqual([`spec.${field}`]);
  });

  it.each(Object.entries(idle))('%s at its default is no use', (field, value) => {
    expect(creation({ [field]: value })).toEqual([]);
    expect(edit({ [field]: value })).toEqual([]);
  });
});

describe('synchronous replication that is required', () => {
  const three: PostgresClusterSpec = { ...minimalSpec, replicas: 3, synchronous: { mode: 'Required', count: 2 } };

  it.each([1, 2])('is refused on %d members, of which two replicas could never confirm', (replicas) => {
    expect(creation({ ...three, replicas })).toEqual(['spec.synchronous.count']);
    expect(edit({ replicas }, three)).toEqual(['spec.synchronous.count']);
  });

  it('is taken where one replica more stays than has to confirm, and left with the members it needs', () => {
    expect(creation(three)).toEqual([]);
    expect(edit({ replicas: 2, synchronous: { mode: 'Required', count: 1 } }, three)).toEqual([]);
    expect(edit({ replicas: 1, synchronous: { mode: 'Off' } }, three)).toEqual([]);
  });

  it.each(['off', 'local', 'OFF'])('is refused beside synchronous_commit = %s, whichever came first', (commit) => {
    const postgresqlParams = { Synchronous_Commit: commit };
    expect(creation({ ...three, postgresqlParams })).toEqual(['spec.synchronous.mode']);
    expect(edit({ postgresqlParams }, three)).toEqual(['spec.synchronous.mode']);
    expect(edit({ synchronous: { mode: 'Required' } }, { ...minimalSpec, replicas: 3, postgresqlParams })).toEqual([
      'spec.synchronous.mode',
    ]);
    expect(creation({ ...three, postgresqlParams: { synchronous_commit: 'remote_apply' } })).toEqual([]);
  });

  it('but preferred asks for no number of members', () => {
    expect(creation({ replicas: 1, synchronous: { mode: 'Preferred', count: 9 } })).toEqual([]);
  });
});

describe('an edit that is wrong though it says nothing', () => {
  it.each<[string, Partial<PostgresClusterSpec>, string]>([
    ['a toleration of nothing', { placement: { tolerations: [{}] } }, 'spec.placement.tolerations[0].operator'],
    ['an unknown part', { placement: { affinity: { a: { b: { c: [] } } } } }, 'spec.placement.affinity.a'],
  ])('%s is named on a new cluster and on one that runs', (_, change, field) => {
    expect(creation(change)).toEqual([field]);
    expect(edit(change)).toEqual([field]);
  });
});

describe('a new cluster', () => {
  it('is accepted as minimal and as highly available', () => {
    expect(creationProblems(minimalSpec, config)).toEqual([]);
    expect(creationProblems(haSpec, config)).toEqual([]);
  });

  it.each<[string, Partial<PostgresClusterSpec>, readonly string[]]>([
    ['a size below nothing', { storage: { size: '-5Gi' } }, ['spec.storage.size']],
    ['a size that is no quantity', { storage: { size: 'big' } }, ['spec.storage.size']],
    ['no member', { replicas: 0 }, ['spec.replicas']],
    ['too many members', { replicas: 101 }, ['spec.replicas']],
    [
      'a limit below its request',
      { resources: { requests: { memory: '2Gi' }, limits: { memory: '1024Mi' } } },
      ['spec.resources.limits.memory'],
    ],
    ['a version without an image', { version: '18' }, ['spec.version']],
    ['a database PostgreSQL brings itself', { database: { name: 'template1' } }, ['spec.database.name']],
    ['an owner whose password is the superuser’s', { database: { owner: 'postgres' } }, ['spec.database.owner']],
    ['an owner that replicates', { database: { owner: 'standby' } }, ['spec.database.owner']],
    ['a name that needs quoting', { database: { name: 'my db' } }, ['spec.database.name']],
    ['a locale, which nothing passes on yet', { database: { locale: 'de_DE.UTF-8' } }, ['spec.database.locale']],
    ['an encoding other than UTF8', { database: { encoding: 'LATIN1' } }, ['spec.database.encoding']],
    ['a parameter nobody knows', { postgresqlParams: { work_memm: '1MB' } }, ['spec.postgresqlParams.work_memm']],
  ])('is refused for %s, by field', (_, change, fields) => expect(creation(change)).toEqual(fields));

  it('may name an image for a version that has none', () => {
    expect(creation({ version: '18', image: 'mine' })).toEqual([]);
  });

  it('is told every fault at once, each with value and rule', () => {
    const problems = creationProblems({ version: '18', storage: { size: '0' }, replicas: 0 }, config);
    expect(problems.map((each) => [each.field, each.value])).toEqual([
      ['spec.version', '18'],
      ['spec.replicas', 0],
      ['spec.storage.size', '0'],
    ]);
    for (const { rule } of problems) expect(rule.length).toBeGreaterThan(10);
  });
});

describe('an edit of a running cluster', () => {
  it('is taken when it takes effect at once', () => {
    expect(edit({ paused: true, deletionProtection: true, volumePolicy: 'Delete' })).toEqual([]);
  });

  it.each<[SpecField, Partial<PostgresClusterSpec>]>([
    ['replicas', { replicas: 5 }],
    ['resources', { resources: { limits: { cpu: '1' } } }],
    ['postgresqlParams', { postgresqlParams: { work_mem: '8MB' } }],
    ['image', { image: 'other' }],
    ['storage', { storage: { size: '2Gi' } }],
    ['placement', { placement: { priorityClassName: 'high' } }],
    ['podMetadata', { podMetadata: { labels: { team: 'blue' } } }],
    ['env', { env: [{ name: 'X', value: 'y' }] }],
    ['pgHba', { pgHba: ['local all all peer'] }],
    ['patroni', { patroni: { ttl: 60 } }],
    ['synchronous', { synchronous: { mode: 'Preferred', count: 1 } }],
  ])('of %s is taken, and takes a procedure', (_field, change) => {
    const wanted = { ...minimalSpec, ...change };
    expect(editProblems(minimalSpec, wanted, config)).toEqual([]);
    expect(needsRollout(minimalSpec, wanted)).toBe(true);
    expect(needsRollout(wanted, wanted)).toBe(false);
  });

  it('of what is chosen at creation is refused by name, with the value that stays', () => {
    expect(editProblems(minimalSpec, { ...minimalSpec, dcs: 'ConfigMaps' }, config)).toMatchObject([
      { field: 'spec.dcs', rule: expect.stringContaining('the cluster stays as it is') },
    ]);
  });

  it('of the volumes may not shrink them, nor move them to another class', () => {
    const sized = (size: string): PostgresClusterSpec => ({ ...minimalSpec, storage: { size } });
    const refused = editProblems(sized('2Gi'), sized('1Gi'), config);
    expect(refused).toEqual([
      { field: 'spec.storage.size', value: '1Gi', rule: 'must not be below 2Gi: volumes cannot shrink' },
    ]);
    const moved = editProblems(sized('2Gi'), { ...minimalSpec, storage: { size: '2Gi', storageClass: 'x' } }, config);
    expect(moved.map(({ field }) => field)).toEqual(['spec.storage.storageClass']);
    expect(editProblems(sized('2048Mi'), sized('2Gi'), config)).toEqual([]);
  });

  it('that takes back a growth which has not come true is taken', () => {
    const sized = (size: string): PostgresClusterSpec => ({ ...minimalSpec, storage: { size } });
    expect(editProblems(sized('9Gi'), sized('1Gi'), config, sized('1Gi'))).toEqual([]);
    expect(editProblems(sized('9Gi'), sized('1Gi'), config, sized('2Gi'))).toHaveLength(1);
  });

  it('that says the same in other words is none', () => {
    expect(edit({ replicas: 1, paused: false, resources: {}, postgresqlParams: {}, database: {} })).toEqual([]);
    const reordered = { requests: { memory: '512Mi', cpu: '500m' }, limits: { memory: '1024Mi', cpu: '2000m' } };
    expect(edit({ resources: reordered }, haSpec)).toEqual([]);
  });

  it('with a fault is told the fault, once', () => {
    expect(edit({ postgresqlParams: { work_memm: '1MB' } })).toEqual(['spec.postgresqlParams.work_memm']);
  });

  it('is not held up by faults of what did not change', () => {
    expect(editProblems(minimalSpec, { ...minimalSpec, paused: true }, { ...config, images: {} })).toEqual([]);
  });
});

describe('the accepted spec on the StatefulSet', () => {
  it('is one text for one meaning, and comes back as it was', () => {
    const text = acceptedSpecText(haSpec);
    expect(acceptedSpecText({ ...haSpec, version: '15' })).toBe(text);
    expect(
      acceptedSpecText(Object.fromEntries(Object.entries(haSpec).reverse()) as unknown as PostgresClusterSpec),
    ).toBe(text);
    expect(parseAcceptedSpec(text)).toEqual(haSpec);
  });

  it('that somebody damaged is none', () => {
    for (const text of ['', '{', '[]', 'null', '{"version":"15"}']) expect(parseAcceptedSpec(text)).toBeNull();
  });
});

describe('names that Kubernetes or the kubelet would refuse later', () => {
  it.each([' ', 'a b', ':17', 'line\nbreak', '-x'])('image %j', (image) =>
    expect(creation({ image })).toEqual(['spec.image']),
  );

  it.each(['Upper', ' ', 'a_b', '-x', 'a..b', '../etc'])('storage class %j', (storageClass) =>
    expect(creation({ storage: { size: '1Gi', storageClass } })).toEqual(['spec.storage.storageClass']),
  );

  it('but none that they take', () => {
    expect(creation({ image: 'registry.example:5000/team/spilo-17:4.0-p2@sha256:0a' })).toEqual([]);
    expect(creation({ storage: { size: '1Gi', storageClass: 'fast.ssd-1' } })).toEqual([]);
  });
});
