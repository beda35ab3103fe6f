/** The traps of Spilo and Patroni on Kubernetes, by their number in docs/pitfalls.md where there is one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labels, labelValues, objectNames } from '#machines/shared/names.ts';
import type { DcsMode } from '#machines/cluster/observations.ts';
import type { Json } from '#machines/cluster/plan.ts';
import { desiredObjects } from '#src/resources/plan.ts';
import { at, containerOf, environmentOf, expanded, haSpec, inputOf, minimalSpec, objectsOf } from './wanted.ts';

const modes: readonly DcsMode[] = ['Endpoints', 'ConfigMaps'];
const password = 'S3cretOfLettersAndDigits';

function configurationOf(parameters: Readonly<Record<string, string>>): Json {
  const environment = environmentOf(inputOf({ ...minimalSpec, postgresqlParams: parameters }, 'Endpoints'));
  return JSON.parse(expanded(environment.get('SPILO_CONFIGURATION') ?? '', { RESTAPI_PASSWORD: password })) as Json;
}

describe.each(modes)('in %s mode', (dcs) => {
  const input = inputOf(haSpec, dcs);
  const objects = objectsOf(input);
  const environment = environmentOf(input);
  const patroniLabels = JSON.parse(environment.get('KUBERNETES_LABELS') ?? 'null') as Record<string, string>;
  const members = { ...patroniLabels, [environment.get('KUBERNETES_SCOPE_LABEL') ?? '']: environment.get('SCOPE') };

  it('passwords have the names Spilo reads, and come from the Secret in force (1)', () => {
    expect([...environment.keys()].filter((name) => name.startsWith('PATRONI_'))).toEqual([]);
    expect(environment.has('POSTGRES_PASSWORD')).toBe(false);
    const keys = {
      PGPASSWORD_SUPERUSER: 'POSTGRES_PASSWORD',
      PGPASSWORD_STANDBY: 'REPLICATION_PASSWORD',
      RESTAPI_PASSWORD: 'RESTAPI_PASSWORD',
    };
    for (const [name, key] of Object.entries(keys)) {
      const reference = { secretKeyRef: { name: 'shop-credentials-inforce', key } };
      expect(JSON.parse(environment.get(name) ?? 'null')).toEqual(reference);
      const generated = objects.get('Secret/shop-credentials-inforce')?.generated.map((each) => each.key);
      expect(generated).toContain(key);
    }
  });

  it('pods, selectors and what Patroni looks for bear the same labels (2)', () => {
    const sts = objects.get('StatefulSet/shop')?.body;
    expect(at(sts, 'spec', 'template', 'metadata', 'labels')).toEqual(members);
    expect(at(sts, 'spec', 'selector', 'matchLabels')).toEqual(members);
    expect(at(objects.get('Service/shop-headless')?.body, 'spec', 'selector')).toEqual(members);
    expect(at(objects.get('PodDisruptionBudget/shop-pdb')?.body, 'spec', 'selector', 'matchLabels')).toEqual(members);
    expect(at(objects.get('Service/shop-repl')?.body, 'spec', 'selector')).toEqual({
      ...members,
      [environment.get('KUBERNETES_ROLE_LABEL') ?? '']: labelValues.replica,
    });
  });

  it('only members and Services behind Patroni’s Endpoints bear the component that makes a member (3)', () => {
    const bearing = [...objects]
      .filter(([, object]) => at(object.body, 'metadata', 'labels', labels.component) !== null)
      .map(([key]) => key);
    expect(bearing).toEqual(
      dcs === 'ConfigMaps' ? [] : ['Service/shop', 'Service/shop-config', 'Service/shop-sync', 'Service/shop-failover'],
    );
  });

  it('a flag that is off is not there (4), and the API server is not bypassed (34)', () => {
    expect(environment.get('DCS_ENABLE_KUBERNETES_API')).toBe('true');
    expect(environment.get('KUBERNETES_USE_CONFIGMAPS')).toBe(dcs === 'ConfigMaps' ? 'true' : undefined);
    expect(environment.has('ALLOW_NOSSL')).toBe(false);
    expect(environment.get('KUBERNETES_BYPASS_API_SERVICE')).toBe('false');
  });

  it('the image’s paths stay as they are, and the volume is mounted above them (5)', () => {
    expect(['PGROOT', 'PGDATA', 'PGLOG'].filter((name) => environment.has(name))).toEqual([]);
    const mounts = at(containerOf(input), 'volumeMounts') as readonly Json[];
    expect(mounts).toContainEqual({ name: 'data', mountPath: '/home/postgres/pgdata' });
    expect(mounts).toContainEqual({ name: 'shm', mountPath: '/dev/shm' });
  });

  it('the Service of the leader key has no selector but all of Patroni’s labels, or a role to select (6)', () => {
    const primary = objects.get('Service/shop')?.body;
    expect(at(primary, 'spec', 'ports', 0, 'name')).toBe('postgresql');
    if (dcs === 'ConfigMaps') {
      expect(at(primary, 'spec', 'selector')).toEqual({ ...members, [labels.role]: labelValues.leader });
      expect(environment.get('KUBERNETES_LEADER_LABEL_VALUE')).toBe(labelValues.leader);
      return;
    }
    expect(at(primary, 'spec', 'selector')).toBeNull();
    for (const name of ['shop', ...objectNames('shop').dcsServices])
      expect(at(objects.get(`Service/${name}`)?.body, 'metadata', 'labels')).toMatchObject(members);
  });

  it('Services that hold Patroni’s state outlast a deletion by hand (7)', () => {
    const held = [...objects]
      .filter(([, object]) => at(object.body, 'metadata', 'finalizers') !== null)
      .map(([key]) => key);
    expect(held).toEqual(
      dcs === 'ConfigMaps' ? [] : ['Service/shop', 'Service/shop-config', 'Service/shop-sync', 'Service/shop-failover'],
    );
  });

  it('Patroni’s own objects are in no plan: nothing of ours is ever applied over them (23)', () => {
    const kept = [...objects.keys()].filter((key) => /^(Endpoints|ConfigMap)\//.test(key));
    expect(kept).toEqual(['ConfigMap/shop-patroni-config']);
    for (const [key, { body }] of objects) {
      const touched = Object.keys(at(body, 'metadata', 'annotations') ?? {});
      expect(
        touched.filter((annotation) => /^(leader|config|history|initialize|optime)$/.test(annotation)),
        key,
      ).toEqual([]);
    }
  });

  it('no variable begins a copy or an archive (24, 32)', () => {
    expect([...environment.keys()].filter((name) => /^(CLONE_|WAL|STANDBY_|USE_WAL|BACKUP_)/.test(name))).toEqual([]);
    expect(configurationOf({})).not.toHaveProperty('bootstrap.method');
    expect(configurationOf({})).not.toHaveProperty('postgresql.parameters.archive_command');
  });

  it('members have time to stop (19), no liveness probe (20), and Patroni outlives an API server that is away (21)', () => {
    const pod = at(objects.get('StatefulSet/shop')?.body, 'spec', 'template', 'spec');
    expect(at(pod, 'terminationGracePeriodSeconds')).toBe(300);
    expect(at(containerOf(input), 'livenessProbe')).toBeNull();
    expect(at(containerOf(input), 'startupProbe')).toBeNull();
    expect(at(containerOf(input), 'readinessProbe', 'httpGet', 'path')).toBe('/readiness');
    expect(at(configurationOf({}), 'bootstrap', 'dcs', 'failsafe_mode')).toBe(true);
  });

  it('members are replaced by us alone, all may start at once, and no volume goes (17)', () => {
    const spec = at(objects.get('StatefulSet/shop')?.body, 'spec');
    expect(at(spec, 'updateStrategy')).toEqual({ type: 'OnDelete' });
    expect(at(spec, 'podManagementPolicy')).toBe('Parallel');
    expect(at(spec, 'persistentVolumeClaimRetentionPolicy')).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' });
  });

  it('the application’s address asks for TLS, since pg_hba refuses everything else (25)', () => {
    const uri = objects.get('Secret/shop-app')?.generated.find((each) => each.key === 'uri')?.generator;
    expect(uri).toMatchObject({ type: 'uri' });
    expect(JSON.stringify(uri)).toContain('sslmode=require');
  });

  it('no name of two objects is the same, also beside a namesake with one of our endings (27)', () => {
    const keys = desiredObjects(input).map((object) => `${object.ref.kind}/${object.ref.name}`);
    const other = desiredObjects(inputOf(haSpec, dcs, { name: 'shop-app' })).map(
      (object) => `${object.ref.kind}/${object.ref.name}`,
    );
    expect(new Set([...keys, ...other]).size).toBe(keys.length + other.length);
    for (const key of keys) expect((key.split('/')[1] ?? '').length - 'shop'.length).toBeLessThanOrEqual(63 - 40);
  });

  it('the mode is kept on the StatefulSet (28), and Patroni may touch the kind of that mode alone', () => {
    expect(at(objects.get('StatefulSet/shop')?.body, 'metadata', 'annotations', 'postgres.example.com/dcs')).toBe(dcs);
    expect(at(objects.get('Role/shop-patroni')?.body, 'rules', 0, 'resources')).toEqual([
      dcs === 'Endpoints' ? 'endpoints' : 'configmaps',
    ]);
  });

  it('a RoleBinding waits for its Role, and the StatefulSet for all that its pods refer to', () => {
    expect(objects.get('RoleBinding/shop-patroni')?.after).toEqual(['Role/shop-patroni']);
    const after = objects.get('StatefulSet/shop')?.after ?? [];
    const before = [...objects.keys()].filter((key) => !/^(StatefulSet|PodDisruptionBudget)\//.test(key));
    expect([...after].sort()).toEqual(before.sort());
  });

  it('no password stands in any body', () => {
    const text = JSON.stringify(desiredObjects(input).map((object) => object.body));
    expect(text).not.toContain('"data":{"POSTGRES');
    expect(environment.get('SPILO_CONFIGURATION')).toContain('"password":"$(RESTAPI_PASSWORD)"');
    expect([...environment.keys()].indexOf('RESTAPI_PASSWORD')).toBeLessThan(
      [...environment.keys()].indexOf('SPILO_CONFIGURATION'),
    );
  });
});

describe('the uid of the cluster', () => {
  it('is on every object and never where a namesake that adopts could not change it', () => {
    for (const dcs of modes) {
      const first = objectsOf(inputOf(haSpec, dcs));
      const second = objectsOf(inputOf(haSpec, dcs, { uid: 'another' }));
      for (const [key, object] of first)
        expect(at(object.body, 'metadata', 'labels', labels.clusterUid), key).not.toBeNull();
      const spec = (objects: typeof first): Json => at(objects.get('StatefulSet/shop')?.body, 'spec');
      expect(spec(second)).toEqual(spec(first));
    }
  });
});

describe('owner references', () => {
  const owned = (deleting: boolean): readonly string[] =>
    desiredObjects(inputOf(haSpec, 'Endpoints', { deleting }))
      .filter((object) => at(object.body, 'metadata', 'ownerReferences') !== null)
      .map((object) => `${object.ref.kind}/${object.ref.name}`);

  it('are on leaves alone', () => {
    expect(owned(false)).toEqual(['ConfigMap/shop-patroni-config', 'PodDisruptionBudget/shop-pdb']);
  });

  it('are no more once the cluster is on its way out', () => {
    expect(owned(true)).toEqual([]);
    expect(desiredObjects(inputOf(haSpec, 'Endpoints', { deleting: true })).filter((object) => object.leaf)).toEqual(
      [],
    );
  });
});

describe('claims', () => {
  it('are made for each member, by the StatefulSet’s names and as its template says', () => {
    const objects = objectsOf(inputOf(haSpec, 'Endpoints'));
    const template = at(objects.get('StatefulSet/shop')?.body, 'spec', 'volumeClaimTemplates', 0);
    const prefix = String(at(template, 'metadata', 'name'));
    for (const ordinal of [0, 1, 2]) {
      const claim = objects.get(`PersistentVolumeClaim/${prefix}-shop-${ordinal}`)?.body;
      expect(at(claim, 'spec')).toEqual(at(template, 'spec'));
    }
    expect(objects.has('PersistentVolumeClaim/data-shop-3')).toBe(false);
  });
});

describe('a cluster of one member', () => {
  it('has no disruption budget, which would block every drain', () => {
    expect(objectsOf(inputOf(minimalSpec, 'Endpoints')).has('PodDisruptionBudget/shop-pdb')).toBe(false);
  });
});

describe('parameters in SPILO_CONFIGURATION', () => {
  it('go to where they take effect: what Spilo writes itself to the pod, all others to the DCS (11)', () => {
    const parameters = {
      max_connections: '200',
      Shared_Buffers: '1GB',
      work_mem: '8MB',
      'bg_mon.history_buckets': '10',
    };
    const configuration = configurationOf(parameters);
    expect(at(configuration, 'bootstrap', 'dcs', 'postgresql', 'parameters')).toEqual({
      max_connections: '200',
      work_mem: '8MB',
    });
    expect(at(configuration, 'postgresql', 'parameters')).toEqual({
      shared_buffers: '1GB',
      'bg_mon.history_buckets': '10',
    });
  });

  it('state no list, which would replace the image’s own (29)', () => {
    const lists: string[] = [];
    JSON.stringify(configurationOf(haSpec.postgresqlParams ?? {}), (key, value: unknown) => {
      if (Array.isArray(value)) lists.push(key);
      return value;
    });
    expect(lists).toEqual([]);
  });

  it('arrive as they were written, whatever they hold', () => {
    const text = fc.array(
      fc.oneof(
        fc.constantFrom(
          '$',
          '$$',
          '$(',
          '$(RESTAPI_PASSWORD)',
          ')',
          "'",
          '"',
          '\\',
          '\n',
          '\t',
          '{',
          '}',
          ' ',
          'é',
          '🐘',
        ),
        fc.string({ maxLength: 5 }),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(text, text, (dcsParts, localParts) => {
        const [inDcs, local] = [dcsParts.join(''), localParts.join('')];
        const configuration = configurationOf({ search_path: inDcs, 'extwlist.extensions': local });
        expect(at(configuration, 'bootstrap', 'dcs', 'postgresql', 'parameters', 'search_path')).toBe(inDcs);
        expect(at(configuration, 'postgresql', 'parameters', 'extwlist.extensions')).toBe(local);
        expect(at(configuration, 'restapi', 'authentication', 'password')).toBe(password);
      }),
      { numRuns: 500 },
    );
  });

  it('keep both dollars of a pair, of which Kubernetes would take one', () => {
    expect(at(configurationOf({ search_path: 'a$$b$c' }), 'bootstrap', 'dcs', 'postgresql', 'parameters')).toEqual({
      search_path: 'a$$b$c',
    });
  });
});
