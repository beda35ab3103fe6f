/** Every way of deleting a cluster, what is kept, who may adopt it, and bad input that must cost nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, manifest, namespace, objectsOf, openWorld, phase, psql, statusOf, type World } from './world.ts';

const where = 'e2e-deletion';
/** Kubernetes takes minutes to take down a namespace with pods in it; it does so while the other deletions are looked at. */
const condemned = 'e2e-condemned';
let world: World;

async function create(name: string, spec: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await world.apply(manifest({ namespace: where, name, spec: { version: '17', ...spec } }));
}

function gone(name: string): Promise<boolean> {
  return eventually(
    `${name} being gone`,
    async () =>
      (await world.kubectl(
        '--namespace',
        where,
        'get',
        'postgrescluster',
        name,
        '--ignore-not-found',
        '--output',
        'name',
      )) === '',
  );
}

const kept = (name: string): readonly string[] => [
  `persistentvolumeclaim/data-${name}-0`,
  `secret/${name}-app`,
  `secret/${name}-credentials`,
  `secret/${name}-credentials-inforce`,
];

beforeAll(async () => {
  world = await openWorld();
  await namespace(world, where);
  await Promise.all(
    ['back', 'fore', 'orphan', 'wiped'].map((name) =>
      create(name, name === 'wiped' ? { volumePolicy: 'Delete' } : name === 'fore' ? { dcs: 'ConfigMaps' } : {}),
    ),
  );
  await namespace(world, condemned);
  for (const [name, dcs] of [
    ['last', 'Endpoints'],
    ['least', 'ConfigMaps'],
  ] as const)
    await world.apply(manifest({ namespace: condemned, name, spec: { version: '17', dcs } }));
  await Promise.all(['last', 'least'].map((name) => phase(world, condemned, name, 'Running')));
  await world.kubectl('delete', 'namespace', condemned, '--wait=false');
  await Promise.all(['back', 'fore', 'orphan', 'wiped'].map((name) => phase(world, where, name, 'Running')));
});

afterAll(async () => {
  // Without pods in it a namespace goes at once.
  await world.kubectl('--namespace', where, 'delete', 'postgrescluster', '--all', '--timeout=120s');
  await world.kubectl('delete', 'namespace', where, '--timeout=120s');
});

describe('deletion', () => {
  it('in the background leaves exactly the retained set, and a namesake adopts it with its data', async () => {
    await psql(world, where, 'back-0', 'CREATE TABLE kept (v int); INSERT INTO kept VALUES (11)');
    const before = await world.kubectl(
      '--namespace',
      where,
      'get',
      'secret',
      'back-app',
      '--output',
      'jsonpath={.data.password}',
    );
    await world.kubectl('--namespace', where, 'delete', 'postgrescluster', 'back', '--wait=false');
    await gone('back');
    expect(await objectsOf(world, where, 'back')).toEqual(kept('back'));
    await create('back');
    await phase(world, where, 'back', 'Running');
    expect(await psql(world, where, 'back-0', 'SELECT v FROM kept')).toBe('11');
    expect(
      await world.kubectl('--namespace', where, 'get', 'secret', 'back-app', '--output', 'jsonpath={.data.password}'),
    ).toBe(before);
  });

  it('in the foreground ends the same way, in ConfigMaps mode', async () => {
    await world.kubectl(
      '--namespace',
      where,
      'delete',
      'postgrescluster',
      'fore',
      '--cascade=foreground',
      '--wait=false',
    );
    await gone('fore');
    expect(await objectsOf(world, where, 'fore')).toEqual(kept('fore'));
  });

  it('of a namesake with another major waits with the reason instead of touching the volumes', async () => {
    await world.apply(manifest({ namespace: where, name: 'fore', spec: { version: '15' } }));
    const pending = await eventually('the reason', async () => {
      const status = await statusOf(world, where, 'fore');
      return status.reason.includes('PostgreSQL 17') ? status : null;
    });
    expect(pending.phase).toBe('Pending');
    expect(await objectsOf(world, where, 'fore')).toEqual(kept('fore'));
    await world.kubectl('--namespace', where, 'delete', 'postgrescluster', 'fore', '--timeout=60s');
  });

  it('with --cascade=orphan leaves the database running untouched, and a new PostgresCluster adopts it', async () => {
    const pod = ['--namespace', where, 'get', 'pod', 'orphan-0', '--output', 'jsonpath={.metadata.uid}'];
    const uid = await world.kubectl(...pod);
    await world.kubectl(
      '--namespace',
      where,
      'delete',
      'postgrescluster',
      'orphan',
      '--cascade=orphan',
      '--wait=false',
    );
    await gone('orphan');
    expect(await world.kubectl(...pod)).toBe(uid);
    expect(await psql(world, where, 'orphan-0', 'SELECT 1')).toBe('1');
    await create('orphan');
    await phase(world, where, 'orphan', 'Running');
    expect(await world.kubectl(...pod)).toBe(uid);
  });

  it('with volumePolicy Delete leaves nothing, and a namesake comes up empty', async () => {
    await psql(world, where, 'wiped-0', 'CREATE TABLE t (v int)');
    await world.kubectl('--namespace', where, 'delete', 'postgrescluster', 'wiped', '--wait=false');
    await gone('wiped');
    await eventually('everything being gone', async () => (await objectsOf(world, where, 'wiped')).length === 0);
    await create('wiped');
    await phase(world, where, 'wiped', 'Running');
    expect(await psql(world, where, 'wiped-0', "SELECT count(*) FROM pg_class WHERE relname = 't'")).toBe('0');
  });

  it('of a protected cluster keeps it managed, and says how to go on', async () => {
    await world.kubectl(
      '--namespace',
      where,
      'patch',
      'postgrescluster',
      'wiped',
      '--type=merge',
      '-p',
      '{"spec":{"deletionProtection":true}}',
    );
    await eventually(
      'the edit being accepted',
      async () =>
        (await world.kubectl(
          '--namespace',
          where,
          'get',
          'postgrescluster',
          'wiped',
          '--output',
          'jsonpath={.status.observedGeneration}',
        )) === '2',
    );
    await world.kubectl('--namespace', where, 'delete', 'postgrescluster', 'wiped', '--wait=false');
    const status = await eventually('the reason', async () => {
      const now = await statusOf(world, where, 'wiped');
      return now.reason.includes('deletionProtection') ? now : null;
    });
    expect(status.phase).toBe('Running');
    await world.kubectl(
      '--namespace',
      where,
      'patch',
      'postgrescluster',
      'wiped',
      '--type=merge',
      '-p',
      '{"spec":{"deletionProtection":false}}',
    );
    await gone('wiped');
  });
});

describe('bad input', () => {
  it.each([
    ['version 99', { version: '99' }, 'spec.version'],
    ['a storage of −5Gi', { version: '17', storage: { size: '-5Gi' } }, 'greater than 0'],
    ['a storage that is no quantity', { version: '17', storage: { size: 'much' } }, 'quantity'],
    ['no member', { version: '17', replicas: 0 }, 'replicas'],
  ])('%s is refused at admission', async (_, spec, words) => {
    await expect(world.apply(manifest({ namespace: where, name: 'bad', spec }))).rejects.toThrow(words);
  });

  it('an unknown parameter is named with field, value and rule, nothing is created, and mending it heals', async () => {
    await create('params', { postgresqlParams: { work_memm: '8MB' } });
    const status = await eventually('the condition', async () => {
      const now = await statusOf(world, where, 'params');
      return now.conditions.length > 0 ? now : null;
    });
    expect(status.phase).toBe('Pending');
    expect(status.conditions.find(({ type }) => type === 'ConfigurationValid')).toMatchObject({
      status: 'False',
      message: 'spec.postgresqlParams.work_memm is "8MB": is not a parameter of PostgreSQL 17',
    });
    expect(await objectsOf(world, where, 'params')).toEqual([]);
    await create('params', { postgresqlParams: { work_mem: '8MB' } });
    await world.kubectl(
      '--namespace',
      where,
      'patch',
      'postgrescluster',
      'params',
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/spec/postgresqlParams","value":{"work_mem":"8MB"}}]',
    );
    await phase(world, where, 'params', 'Running');
  });

  it('an edit that is not built leaves a running cluster as it is, and says so', async () => {
    const revision = [
      '--namespace',
      where,
      'get',
      'statefulset',
      'params',
      '--output',
      'jsonpath={.metadata.generation}',
    ];
    const before = await world.kubectl(...revision);
    await world.kubectl(
      '--namespace',
      where,
      'patch',
      'postgrescluster',
      'params',
      '--type=merge',
      '-p',
      '{"spec":{"metrics":{"enabled":true}}}',
    );
    await eventually('the condition', async () =>
      (await statusOf(world, where, 'params')).conditions.some(
        ({ type, status, message }) =>
          type === 'ConfigurationValid' && status === 'False' && message.includes('spec.metrics'),
      ),
    );
    expect((await statusOf(world, where, 'params')).phase).toBe('Running');
    expect(await world.kubectl(...revision)).toBe(before);
  });
});

describe('a namespace', () => {
  it('is gone with all its clusters', async () => {
    const left = (): Promise<string> =>
      world.kubectl('get', 'namespace', condemned, '--ignore-not-found', '--output', 'name');
    await eventually('the namespace being gone', async () => (await left()) === '', 300_000);
  });
});
