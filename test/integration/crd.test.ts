import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  accepted,
  cluster,
  clustersOf,
  refusal,
  startApiWorld,
  type ApiWorld,
  type Clusters,
  type Json,
} from './api-world.ts';

let world: ApiWorld;
let clusters: Clusters;

beforeAll(async () => {
  world = await startApiWorld();
  clusters = clustersOf(world.kube);
});

afterAll(() => world.stop());

const least = { version: '17', storage: { size: '1Gi' } };
const journal = (epoch: number, seq: number): Json => ({ journal: { epoch, seq, head: `h${seq}` } });

async function considered(spec: Json): Promise<Json> {
  const object = accepted(await clusters.consider(cluster('considered', { ...least, ...spec })));
  return object['spec'] as Json;
}

async function refused(spec: Json): Promise<string> {
  return refusal(await clusters.consider(cluster('considered', { ...least, ...spec })));
}

describe('what a user writes', () => {
  it('may be as little as a version and a size, and is told the defaults', async () => {
    expect(await considered({})).toEqual({
      ...least,
      replicas: 1,
      paused: false,
      mode: 'Manage',
      deletionProtection: false,
      volumePolicy: 'Retain',
    });
  });

  it('leaves dcs and maxDisruption unset when it does not say them: no schema decides those', async () => {
    const spec = await considered({});
    expect([spec['dcs'], spec['maxDisruption'], spec['database']]).toEqual([undefined, undefined, undefined]);
  });

  it('gets the defaults of the parts it names', async () => {
    const spec = await considered({ pgbouncer: {}, tls: {}, metrics: {}, database: {}, synchronous: {} });
    expect(spec).toMatchObject({
      pgbouncer: { enabled: false, poolMode: 'transaction', maxClientConn: 100, defaultPoolSize: 20 },
      tls: { enabled: false },
      metrics: { enabled: false, port: 9187 },
      database: { name: 'app', owner: 'app' },
      synchronous: { mode: 'Off', count: 1 },
    });
  });

  it('is accepted with every field of the Rust operator, in its spelling', async () => {
    const rust = {
      replicas: 3,
      storage: { storageClass: 'fast-ssd', size: '100Gi' },
      resources: { requests: { cpu: '1', memory: '2Gi' }, limits: { cpu: '4', memory: '8Gi' } },
      postgresqlParams: { max_connections: '1000', shared_buffers: '2GB' },
      pgbouncer: { enabled: true, poolMode: 'session', maxClientConn: 500, defaultPoolSize: 40 },
      tls: { enabled: true, certSecret: 'shop-tls', caSecret: 'shop-ca' },
      metrics: { enabled: true, port: 9188 },
    };
    const backup = { schedule: '0 2 * * *', retention: { count: 7, maxAge: '30d' } };
    const destinations = [
      { type: 'S3', bucket: 'b', region: 'us-east-1', endpoint: 'https://s3.example.com', credentialsSecret: 's' },
      { type: 'GCS', bucket: 'b', credentialsSecret: 's' },
      { type: 'Azure', container: 'c', storageAccount: 'a', credentialsSecret: 's' },
    ];
    for (const destination of destinations) {
      const spec = { ...rust, backup: { ...backup, destination } };
      expect(await considered(spec)).toMatchObject(spec);
    }
  });

  it.each(readdirSync(new URL('../../crds/samples', import.meta.url)).filter((name) => name.endsWith('.yaml')))(
    'may be the sample %s',
    async (name) => {
      const text = readFileSync(new URL(`../../crds/samples/${name}`, import.meta.url), 'utf8');
      expect(accepted(await clusters.consider(parse(text) as Json))).toHaveProperty('spec.version');
    },
  );
});

describe('a refusal', () => {
  it.each([
    ['a size below zero', { storage: { size: '-5Gi' } }, 'must be greater than 0'],
    ['a size of nothing', { storage: { size: '0' } }, 'must be greater than 0'],
    ['a size that is no quantity', { storage: { size: 'big' } }, 'must be a quantity such as 10Gi'],
    ['no member', { replicas: 0 }, 'spec.replicas: Invalid value: 0'],
    ['too many members', { replicas: 101 }, 'spec.replicas: Invalid value: 101'],
    ['a version that is not built', { version: '14' }, 'supported values: "15", "16", "17", "18"'],
    ['a version as a number', { version: 17 }, 'must be of type string'],
    [
      'a memory limit below the request',
      { resources: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } } },
      'limits.memory must not be below requests.memory',
    ],
    [
      'a processor limit below the request, in other units',
      { resources: { requests: { cpu: '1' }, limits: { cpu: '900m' } } },
      'limits.cpu must not be below requests.cpu',
    ],
    ['a request that is no quantity', { resources: { requests: { cpu: 'two' } } }, 'must be a quantity'],
    ['an unknown dcs', { dcs: 'Etcd' }, 'supported values: "Endpoints", "ConfigMaps"'],
    [
      'the superuser as owner',
      { database: { owner: 'postgres' } },
      'which PostgreSQL, Patroni and the image keep for themselves',
    ],
    [
      'a system role as owner',
      { database: { owner: 'pg_monitor' } },
      'which PostgreSQL, Patroni and the image keep for themselves',
    ],
    ['a database of PostgreSQL itself', { database: { name: 'template1' } }, 'which PostgreSQL keeps for itself'],
    [
      'an S3 store without its region',
      { backup: { schedule: '0 2 * * *', destination: { type: 'S3', bucket: 'b', credentialsSecret: 's' } } },
      'S3 needs region',
    ],
    [
      'an Azure store with a bucket',
      { backup: { schedule: '0 2 * * *', destination: { type: 'Azure', bucket: 'b', credentialsSecret: 's' } } },
      'Azure needs container, storageAccount and credentialsSecret',
    ],
  ])('says what is wrong with %s', async (_what, spec, words) => {
    expect(await refused(spec)).toContain(words);
  });

  it('does not come for a limit that is the request in other units', async () => {
    const resources = { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1000m', memory: '1024Mi' } };
    expect(await considered({ resources })).toMatchObject({ resources });
  });

  it('names a field that does not exist, instead of dropping it', async () => {
    const answer = await clusters.consider(cluster('considered', { ...least, storge: {} }));
    expect(answer).toMatchObject({ type: 'refused', message: expect.stringContaining('unknown field "spec.storge"') });
  });
});

describe('names', () => {
  const named = (name: string): ReturnType<Clusters['consider']> => clusters.consider(cluster(name, least));

  it.each(['a', 'shop', 'shop-2', 'a'.repeat(40), 'config', 'repl-2', 'my-pooler-x'])('%s is legal', async (name) => {
    expect(accepted(await named(name))).toHaveProperty('metadata.name', name);
  });

  it.each([
    ['1db', 'DNS-1035'],
    ['my.db', 'DNS-1035'],
    ['a'.repeat(41), 'at most 40 characters'],
  ])('%s is refused', async (name, words) => {
    expect(refusal(await named(name))).toContain(words);
  });

  it.each(
    ['config', 'sync', 'failover', 'leader', 'repl', 'headless', 'patroni', 'credentials', 'pdb', 'pooler'].map(
      (ending) => `shop-${ending}`,
    ),
  )('%s is refused, since it names an object of shop', async (name) => {
    expect(refusal(await named(name))).toContain('must not end in -config');
  });
});

describe('an edit', () => {
  const wide = {
    ...least,
    dcs: 'Endpoints',
    database: { name: 'orders', owner: 'shop' },
    storage: { size: '1Gi', storageClass: 'fast' },
  };

  beforeAll(async () => {
    accepted(await clusters.create(cluster('wide', wide)));
    accepted(await clusters.create(cluster('narrow', least)));
  });

  it.each([
    ['another dcs', 'wide', { dcs: 'ConfigMaps' }, 'spec.dcs is immutable'],
    ['no dcs any more', 'wide', { dcs: null }, 'spec.dcs is immutable'],
    ['a dcs at last', 'narrow', { dcs: 'Endpoints' }, 'spec.dcs is immutable'],
    ['another class', 'wide', { storage: { storageClass: 'slow' } }, 'spec.storage.storageClass is immutable'],
    ['no class any more', 'wide', { storage: { storageClass: null } }, 'spec.storage.storageClass is immutable'],
    ['a class at last', 'narrow', { storage: { storageClass: 'fast' } }, 'spec.storage.storageClass is immutable'],
    ['another database', 'wide', { database: { name: 'other' } }, 'spec.database is immutable'],
    ['no database any more', 'wide', { database: null }, 'spec.database is immutable'],
    ['a database at last', 'narrow', { database: { name: 'other' } }, 'spec.database is immutable'],
    ['a newer major', 'narrow', { version: '18' }, 'major upgrades are not supported yet'],
    ['an older major', 'narrow', { version: '16' }, 'downgrades never will be'],
  ])('to %s is refused', async (_what, name, spec, words) => {
    expect(refusal(await clusters.edit(name, spec))).toContain(words);
  });

  it.each([
    ['more members', { replicas: 3 }],
    ['a bigger volume', { storage: { size: '2Gi' } }],
    ['other parameters', { postgresqlParams: { work_mem: '8MB' } }],
    ['a pause', { paused: true }],
  ])('to %s is accepted', async (_what, spec) => {
    expect(accepted(await clusters.edit('narrow', spec))).toMatchObject({ spec });
  });
});

describe('the size of the volumes', () => {
  it('may be asked down again while no volume is known', async () => {
    accepted(await clusters.create(cluster('volumes-new', { ...least, storage: { size: '5Gi' } })));
    expect(accepted(await clusters.edit('volumes-new', { storage: { size: '1Gi' } }))).toHaveProperty(
      'spec.storage.size',
      '1Gi',
    );
  });

  it('lets a growth that failed be taken back, to what the volumes have and not further', async () => {
    accepted(await clusters.create(cluster('volumes-failed', { ...least, storage: { size: '5Gi' } })));
    accepted(await clusters.report('volumes-failed', { ...journal(1, 1), volumeSize: '5Gi' }));
    accepted(await clusters.edit('volumes-failed', { storage: { size: '5000Gi' } }));
    accepted(await clusters.report('volumes-failed', { ...journal(1, 2), volumeSize: '5Gi' }));
    expect(refusal(await clusters.edit('volumes-failed', { storage: { size: '4Gi' } }))).toContain(
      'volumes cannot shrink',
    );
    expect(accepted(await clusters.edit('volumes-failed', { storage: { size: '5Gi' } }))).toHaveProperty(
      'spec.storage.size',
      '5Gi',
    );
  });

  it('keeps a growth that succeeded', async () => {
    accepted(await clusters.create(cluster('volumes-grown', least)));
    accepted(await clusters.edit('volumes-grown', { storage: { size: '2Gi' } }));
    accepted(await clusters.report('volumes-grown', { ...journal(1, 1), volumeSize: '2Gi' }));
    expect(refusal(await clusters.edit('volumes-grown', { storage: { size: '1Gi' } }))).toContain('status.volumeSize');
  });

  it('compares amounts, not texts', async () => {
    accepted(await clusters.create(cluster('volumes-units', least)));
    accepted(await clusters.report('volumes-units', { ...journal(1, 1), volumeSize: '1Gi' }));
    expect(accepted(await clusters.edit('volumes-units', { storage: { size: '1024Mi' } }))).toHaveProperty(
      'spec.storage.size',
      '1024Mi',
    );
    refusal(await clusters.edit('volumes-units', { storage: { size: '1G' } }));
  });
});

describe('the status', () => {
  const back = 'status.journal must not go back';

  beforeAll(async () => {
    accepted(await clusters.create(cluster('fenced', least)));
    accepted(await clusters.report('fenced', { ...journal(3, 10), phase: 'Running' }));
  });

  it.each([
    ['an earlier term, whatever its number', 2, 99],
    ['an earlier record of the same term', 3, 9],
  ])('is refused from %s', async (_what, epoch, seq) => {
    expect(refusal(await clusters.report('fenced', { ...journal(epoch, seq), phase: 'Failed' }))).toContain(back);
  });

  it('cannot be walked around by leaving out the journal, or the status', async () => {
    expect(refusal(await clusters.report('fenced', { journal: null }))).toContain('status.journal: Required value');
    expect(refusal(await clusters.report('fenced', null))).toContain('status must not be removed');
  });

  it('is accepted again from the same record, from a later one, and from a later term that begins anew', async () => {
    for (const [epoch, seq] of [
      [3, 10],
      [3, 11],
      [4, 0],
    ] as const) {
      accepted(await clusters.report('fenced', journal(epoch, seq)));
    }
  });

  it('is fenced for the operator’s own kind of write too: a forced apply', async () => {
    accepted(await clusters.create(cluster('applied', least)));
    accepted(await clusters.applyStatus('applied', { ...journal(3, 10), phase: 'Running' }));
    expect(refusal(await clusters.applyStatus('applied', { ...journal(2, 11), phase: 'Failed' }))).toContain(back);
    expect(refusal(await clusters.applyStatus('applied', { phase: 'Failed' }))).toContain(
      'status.journal: Required value',
    );
    expect(accepted(await clusters.applyStatus('applied', journal(4, 1)))).toHaveProperty('status', journal(4, 1));
  });

  it('is needed with a journal from the first write on', async () => {
    accepted(await clusters.create(cluster('first', least)));
    expect(refusal(await clusters.report('first', { phase: 'Pending' }))).toContain('status.journal: Required value');
  });

  it('knows the nine phases and no other', async () => {
    accepted(await clusters.create(cluster('phases', least)));
    const phases = [
      'Pending',
      'Creating',
      'Running',
      'Updating',
      'Scaling',
      'Degraded',
      'Recovering',
      'Failed',
      'Deleting',
    ];
    for (const phase of phases) accepted(await clusters.report('phases', { ...journal(1, 1), phase }));
    expect(refusal(await clusters.report('phases', { ...journal(1, 1), phase: 'Fine' }))).toContain(
      'Unsupported value',
    );
  });

  it('is not touched by who writes the spec', async () => {
    const object = accepted(await clusters.create({ ...cluster('separate', least), status: journal(9, 9) }));
    expect(object['status']).toBeUndefined();
  });
});

describe('people and tools', () => {
  beforeAll(async () => {
    accepted(await clusters.create(cluster('shown', { ...least, replicas: 2 })));
    const status = {
      phase: 'Running',
      readyReplicas: 2,
      replicas: 2,
      primaryPod: 'shown-0',
      reason: 'all is well',
      selector: 'postgres.example.com/cluster=shown',
    };
    accepted(await clusters.report('shown', { ...journal(1, 1), ...status }));
  });

  it('see the columns of the product', async () => {
    const [head = '', row = ''] = (await world.kubectl(['get', 'pgc', 'shown'])).split('\n');
    expect(head.split(/\s+/)).toEqual(['NAME', 'VERSION', 'REPLICAS', 'PHASE', 'READY', 'AGE']);
    expect(row.split(/\s+/).slice(0, 5)).toEqual(['shown', '17', '2', 'Running', '2']);
  });

  it('see primary and reason when they ask for more', async () => {
    const text = await world.kubectl(['get', 'pgc', 'shown', '--output', 'wide']);
    expect(text).toMatch(/PRIMARY +REASON/);
    expect(text).toMatch(/shown-0 +all is well/);
  });

  it('scale through the subresource, within the limits', async () => {
    await world.kubectl(['scale', 'pgc', 'shown', '--replicas', '4']);
    const scale = JSON.parse(
      await world.kubectl(['get', 'pgc', 'shown', '--subresource', 'scale', '--output', 'json']),
    ) as Json;
    expect(scale).toMatchObject({
      spec: { replicas: 4 },
      status: { replicas: 2, selector: 'postgres.example.com/cluster=shown' },
    });
    await expect(world.kubectl(['scale', 'pgc', 'shown', '--replicas', '0'])).rejects.toThrow(
      'should be greater than or equal to 1',
    );
  });

  it('are told by kubectl explain what a field is for', async () => {
    expect(await world.kubectl(['explain', 'pgc.spec.storage.size'])).toContain('May grow, never shrink');
  });
});
