/** The line, end to end on real Kubernetes, Patroni and PostgreSQL: creation, failure, drift, restart. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { TimelineEntry } from '#src/export/timeline.ts';
import { operatorNamespace } from '#test/cluster/deploy.ts';
import { keepRunning } from '#test/support/running-journals.ts';
import { drifts } from './support/drift.ts';
import {
  auditMark,
  eventually,
  manifest,
  namespace,
  objectsOf,
  openWorld,
  operatorWrites,
  phase,
  phasesSeen,
  psql,
  restartOperator,
  shell,
  statusOf,
  type World,
} from './world.ts';

const where = 'e2e-line';
const cells = [
  { name: 'p15e', version: '15', dcs: 'Endpoints' },
  { name: 'p15c', version: '15', dcs: 'ConfigMaps' },
  { name: 'p17e', version: '17', dcs: 'Endpoints' },
  { name: 'p17c', version: '17', dcs: 'ConfigMaps' },
] as const;
const ha = [
  { name: 'ha17', version: '17', dcs: 'Endpoints' },
  { name: 'ha15', version: '15', dcs: 'ConfigMaps' },
] as const;

let world: World;

/** Chain and replay of everything journaled so far. */
async function proof(when: string): Promise<void> {
  const replay = await world.pgc('replay');
  expect(replay, when).toMatch(/^(\d+) of \1 decisions/m);
  expect(replay, when).not.toMatch(/^0 of 0/m);
  expect(await world.pgc('journal', 'verify'), when).toContain('are as they were written');
}

beforeAll(async () => {
  world = await openWorld();
  await namespace(world, where);
  for (const { name, version, dcs } of cells)
    await world.apply(manifest({ namespace: where, name, spec: { version, dcs } }));
  for (const { name, version, dcs } of ha)
    await world.apply(
      manifest({
        namespace: where,
        name,
        spec: {
          version,
          dcs,
          replicas: 3,
          postgresqlParams: { work_mem: '8MB', max_connections: '123', log_line_prefix: 'it\'s $(HOME) \\ "q" ' },
        },
      }),
    );
});

describe('creation', () => {
  it.each([...cells, ...ha])(
    '$name (PostgreSQL $version, $dcs) reaches Running and never passes Failed, Degraded or Recovering',
    async ({ name, version }) => {
      const status = await phase(world, where, name, 'Running');
      expect(await psql(world, where, status.primaryPod, 'SHOW server_version_num')).toMatch(new RegExp(`^${version}`));
      const states = await phasesSeen(world, where, name);
      expect(states.filter((state) => /Failed|Degraded|Recovering/.test(state))).toEqual([]);
    },
  );

  it.each(cells)('$name refuses the public default passwords of the image', async ({ name }) => {
    for (const [user, password] of [
      ['postgres', 'zalando'],
      ['standby', 'standby'],
    ]) {
      const answer = await shell(
        world,
        where,
        `${name}-0`,
        `PGPASSWORD=${password} psql "host=${name}-0.${name}-headless user=${user} dbname=postgres sslmode=require" -c "SELECT 1" 2>&1`,
      );
      expect(answer).toContain('password authentication failed');
    }
  });

  it.each(ha)('$name got its parameters exactly as written', async ({ name }) => {
    const { primaryPod } = await statusOf(world, where, name);
    expect(await psql(world, where, primaryPod, 'SHOW work_mem')).toBe('8MB');
    expect(await psql(world, where, primaryPod, 'SHOW max_connections')).toBe('123');
    expect(
      await psql(
        world,
        where,
        primaryPod,
        "SELECT encode(convert_to(current_setting('log_line_prefix'), 'UTF8'), 'hex')",
      ),
    ).toBe(Buffer.from('it\'s $(HOME) \\ "q" ').toString('hex'));
  });

  it.each(ha)(
    '$name takes a row as the application user through the primary Service and shows it through the replicas',
    async ({ name }) => {
      const line = (service: string, sql: string): string =>
        `PGPASSWORD="$P" psql "host=${service}.${where}.svc user=app dbname=app sslmode=require" -XAtqc "${sql}"`;
      const secret = await world.kubectl(
        '--namespace',
        where,
        'get',
        'secret',
        `${name}-app`,
        '--output',
        'jsonpath={.data.password}',
      );
      const run = (sql: string): Promise<string> =>
        shell(world, where, `${name}-0`, `P=$(echo ${secret} | base64 -d); ${sql}`);
      expect(await run(line(name, 'CREATE TABLE IF NOT EXISTS t (v int); INSERT INTO t VALUES (42)'))).toBe('exit 0');
      await eventually('the row on a replica', async () =>
        (await run(line(`${name}-repl`, 'SELECT v FROM t'))).startsWith('42'),
      );
    },
  );
});

describe('failure', () => {
  it('a deleted pod comes back with its data', async () => {
    await psql(world, where, 'p17e-0', 'CREATE TABLE kept (v int); INSERT INTO kept VALUES (7)');
    await world.kubectl('--namespace', where, 'delete', 'pod', 'p17e-0', '--timeout=120s');
    await phase(world, where, 'p17e', 'Running');
    expect(await psql(world, where, 'p17e-0', 'SELECT v FROM kept')).toBe('7');
  });

  it('a cluster with one member gone is Degraded, and the member is named', async () => {
    const { primaryPod } = await statusOf(world, where, 'ha17');
    const replica = ['ha17-0', 'ha17-1', 'ha17-2'].find((pod) => pod !== primaryPod) ?? '';
    await world.kubectl('--namespace', where, 'delete', 'pod', replica, '--wait=false');
    const degraded = await phase(world, where, 'ha17', 'Degraded', 60_000);
    expect(degraded.reason).toContain(replica);
    await phase(world, where, 'ha17', 'Running');
  });

  it('a cluster whose members are all gone is not Running', async () => {
    await world.kubectl(
      '--namespace',
      where,
      'delete',
      'pod',
      '--selector',
      'postgres.example.com/cluster=ha15',
      '--wait=false',
    );
    await phase(world, where, 'ha15', 'Recovering', 60_000);
    await phase(world, where, 'ha15', 'Running');
  });
});

describe('drift', () => {
  it.each(drifts)(
    '$what is put back, and the journal says what differed',
    async ({ cluster, object, change, seen, restored, differs }) => {
      const told = async (): Promise<Readonly<Record<'effect' | 'outcome', readonly string[]>>> => {
        const asked = ['--namespace', where, '--only', 'effect,outcome', '--output', 'ndjson'];
        const lines = (await world.pgc('timeline', cluster, ...asked)).split('\n').filter((line) => line !== '');
        const entries = lines.map((line) => JSON.parse(line) as TimelineEntry);
        const of = (kind: TimelineEntry['kind']): readonly string[] =>
          entries.filter((each) => each.kind === kind && each.text.includes(`${object}:`)).map(({ text }) => text);
        return { effect: of('effect'), outcome: of('outcome') };
      };
      // A repair that met a newer object than it was meant for changed nothing, and is sent again.
      const repairs = async (): Promise<number> => {
        const { effect, outcome } = await told();
        const refused = outcome.filter((text) => text.includes('it is no longer as it was seen'));
        return effect.filter((text) => text.includes(differs)).length - refused.length;
      };
      const before = await repairs();
      await world.kubectl('--namespace', where, ...change);
      await eventually(
        'the repair',
        async () => {
          const path = ['--output', `jsonpath=${seen}`];
          return (await world.kubectl('--namespace', where, 'get', object, ...path)).trim() === restored;
        },
        30_000,
      );
      // A second one, if any, would follow the answer to the first.
      await eventually(
        'an answer to everything that was sent to it',
        async () => {
          const { effect, outcome } = await told();
          return outcome.length >= effect.length;
        },
        30_000,
      );
      expect(await repairs()).toBe(before + 1);
    },
  );

  it.each([
    'statefulset/p17c',
    'service/p17c-repl',
    'service/p17c-headless',
    'configmap/p17c-patroni-config',
    'role/p17c-patroni',
    'rolebinding/p17c-patroni',
    'serviceaccount/p17c-patroni',
    'poddisruptionbudget/ha15-pdb',
    'secret/p17c-credentials',
  ])('%s comes back when it is deleted by hand', async (object) => {
    const uid = await world.kubectl('--namespace', where, 'get', object, '--output', 'jsonpath={.metadata.uid}');
    await world.kubectl('--namespace', where, 'delete', object, '--wait=false');
    await eventually(
      'another object of that name',
      async () => {
        const now = await world.kubectl(
          '--namespace',
          where,
          'get',
          object,
          '--output',
          'jsonpath={.metadata.uid}',
          '--ignore-not-found',
        );
        return now !== '' && now !== uid;
      },
      60_000,
    );
    await phase(world, where, 'p17c', 'Running');
  });

  it('a member is let in again by the ServiceAccount that was made anew, once its pod is another one', async () => {
    // The token in a running pod is of the account that is gone: Patroni is refused until kubelet gives it another.
    await world.kubectl('--namespace', where, 'delete', 'pod', 'p17c-0', '--timeout=120s');
    await eventually('its leader key being renewed by the new pod', async () => {
      const of = async (object: string, path: string): Promise<number> =>
        Date.parse(await world.kubectl('--namespace', where, 'get', object, '--output', `jsonpath=${path}`));
      const started = await of('pod/p17c-0', '{.status.startTime}');
      return (await of('configmap/p17c-leader', '{.metadata.annotations.renewTime}')) > started;
    });
    await phase(world, where, 'p17c', 'Running');
  });

  it('a deleted DCS Service is only marked: the lock survives, and a condition names it', async () => {
    await world.kubectl('--namespace', where, 'delete', 'service', 'p15e-config', '--wait=false');
    await eventually(
      'the condition',
      async () => {
        const { conditions } = await statusOf(world, where, 'p15e');
        return conditions.some(
          ({ type, status, message }) =>
            type === 'ReconcileFailing' && status === 'True' && message.includes('p15e-config'),
        );
      },
      30_000,
    );
    expect((await statusOf(world, where, 'p15e')).phase).toBe('Running');
  });

  it('foreign objects with our labels are left alone', async () => {
    await world.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          name: 'foreign',
          namespace: where,
          labels: { 'app.kubernetes.io/managed-by': 'postgres-operator', 'postgres.example.com/cluster': 'p17c' },
        },
        data: { a: 'b' },
      }),
    );
    await world.kubectl('--namespace', where, 'label', 'service', 'p17c-repl', 'touch=1');
    await eventually(
      'the operator having seen it',
      async () =>
        (await world.pgc('journal', 'ls', 'p17c', '--namespace', where, '--limit', '50')).includes('ConfigMap foreign'),
      30_000,
    );
    expect(
      await world.kubectl('--namespace', where, 'get', 'configmap', 'foreign', '--output', 'jsonpath={.data.a}'),
    ).toBe('b');
  });
});

describe('restart', () => {
  it('writes nothing over converged clusters', async () => {
    for (const { name } of [...cells, ...ha]) await phase(world, where, name, 'Running');
    const mark = auditMark();
    await restartOperator(world);
    await eventually(
      'all clusters having an actor',
      async () => ((await world.pgc('status')).match(/e2e-line\//g)?.length ?? 0) >= 6,
    );
    await eventually('the last of them being synced', async () =>
      (await world.pgc('status', 'p17c', '--namespace', where)).includes('phase     Running'),
    );
    expect(operatorWrites(mark)).toEqual([]);
  });
});

describe('amnesia', () => {
  it('without its journal the operator writes nothing, finds the same phases, and records the gap', async () => {
    const ns = ['--namespace', operatorNamespace];
    const claim = (await world.json(...ns, 'get', 'pvc', 'postgres-operator-journal')) as {
      readonly spec: { readonly accessModes: readonly string[]; readonly resources: unknown };
    };
    await proof('before');
    const kept = auditMark();
    await keepRunning(world.target, 'e2e-before-amnesia');
    await world.kubectl(...ns, 'scale', 'deployment/postgres-operator', '--replicas=0');
    await world.kubectl(
      ...ns,
      'wait',
      '--for=delete',
      'pod',
      '--selector',
      'app.kubernetes.io/name=postgres-operator',
      '--timeout=60s',
    );
    // What was kept is all there was.
    expect(operatorWrites(kept)).toEqual([]);
    await world.kubectl(...ns, 'delete', 'pvc', 'postgres-operator-journal', '--timeout=60s');
    const { accessModes, resources } = claim.spec;
    await world.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'postgres-operator-journal', namespace: operatorNamespace },
        spec: { accessModes, resources },
      }),
    );
    const mark = auditMark();
    await world.kubectl(...ns, 'scale', 'deployment/postgres-operator', '--replicas=1');
    await world.kubectl(...ns, 'rollout', 'status', 'deployment/postgres-operator', '--timeout=120s');
    for (const { name } of [...cells, ...ha]) {
      await eventually(`${name} being known again`, async () =>
        (await world.pgc('status', name, '--namespace', where)).includes('phase     Running'),
      );
    }
    await eventually(
      'all comparisons having ended',
      async () => !(await world.pgc('status', 'ha17', '--namespace', where)).includes('CompareObject'),
    );
    // Each primary is asked once whether the application's database came along with its timeline: nothing else is sent.
    const sent = operatorWrites(mark);
    const asked = sent.filter((line) => line.includes(' pods/exec '));
    expect(sent.filter((line) => !asked.includes(line))).toEqual([]);
    const pods = asked.map((line) => line.split(' ')[2]);
    expect(pods).toEqual([...new Set(pods)]);
    const log = await world.kubectl(...ns, 'logs', 'deployment/postgres-operator', '--tail=-1');
    expect(log.match(/journal does not hold the latest of this cluster/g)?.length ?? 0).toBeGreaterThanOrEqual(6);
    for (const { name } of [...cells, ...ha]) expect((await statusOf(world, where, name)).phase).toBe('Running');
  });
});

describe('proof', () => {
  it('every journaled decision is byte-identical when it is made again, and the journal is as it was written', () =>
    proof('after'));

  it('no secret value is in exports, status, Events or logs', async () => {
    const exported = await Promise.all(
      [...cells, ...ha].map(({ name }) => world.pgc('journal', 'export', name, '--namespace', where)),
    );
    const log = await world.kubectl(
      '--namespace',
      'postgres-operator-system',
      'logs',
      'deployment/postgres-operator',
      '--tail=-1',
    );
    const seen = [
      ...exported,
      log,
      await world.kubectl('--namespace', where, 'get', 'postgresclusters,events,configmaps', '--output', 'yaml'),
    ].join('\n');
    const secrets = (await world.json('--namespace', where, 'get', 'secrets')) as {
      readonly items: readonly { readonly data?: Readonly<Record<string, string>> }[];
    };
    const values = secrets.items.flatMap((secret) =>
      Object.entries(secret.data ?? {})
        .filter(([key]) => /password|uri/i.test(key))
        .map(([, value]) => value),
    );
    expect(values.length).toBeGreaterThan(20);
    for (const value of values) {
      const plain = Buffer.from(value, 'base64').toString('utf8');
      expect(seen.includes(plain) || seen.includes(value) || seen.includes(Buffer.from(plain).toString('hex'))).toBe(
        false,
      );
    }
  });
});

describe('objects', () => {
  it('the objects of a cluster are the documented ones', async () => {
    const names = (await objectsOf(world, where, 'p17e')).filter(
      (name) => !name.startsWith('endpoints/') && !name.includes('revision'),
    );
    expect(names).toEqual(
      [
        'configmap/p17e-patroni-config',
        'persistentvolumeclaim/data-p17e-0',
        'pod/p17e-0',
        'role.rbac.authorization.k8s.io/p17e-patroni',
        'rolebinding.rbac.authorization.k8s.io/p17e-patroni',
        'secret/p17e-app',
        'secret/p17e-credentials',
        'secret/p17e-credentials-inforce',
        'service/p17e',
        'service/p17e-config',
        'service/p17e-failover',
        'service/p17e-headless',
        'service/p17e-repl',
        'service/p17e-sync',
        'serviceaccount/p17e-patroni',
        'statefulset.apps/p17e',
      ].sort(),
    );
  });
});
