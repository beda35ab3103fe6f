import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  watchedKinds,
  type ObjectProjection,
  type PodDetail,
  type WatchedKind,
} from '#machines/cluster/observations.ts';
import { changesBetween } from '#src/stream/changes.ts';
import { canonicalQuantity } from '#src/stream/door/objects.ts';
import { projectObject } from '#src/stream/door/project.ts';
import { sightOf } from '#src/stream/sights.ts';
import {
  aClaim,
  aPod,
  aSecret,
  aService,
  aStatefulSet,
  canary,
  configEndpoints,
  leaderConfigMap,
  leaderEndpoints,
  type Live,
  metadata,
  reportOf302,
  reportOf404,
  systemIdentifier,
} from './live-objects.ts';

function projected(kind: WatchedKind, object: unknown): ObjectProjection {
  const decoded = projectObject(kind, object);
  if (decoded.type === 'undecodable') throw new Error(decoded.problems.join(', '));
  return decoded.value;
}

function podDetail(object: unknown): PodDetail {
  const { detail } = projected('Pod', object);
  if (detail.type !== 'Pod') throw new Error('not a pod');
  return detail;
}

describe('a pod at the door', () => {
  it('reads the report of Patroni 3.0.2', () => {
    const detail = podDetail(aPod({ ordinal: 0, report: reportOf302() }));
    expect(detail).toEqual({
      type: 'Pod',
      phase: 'Running',
      ready: true,
      node: 'node-a',
      ip: '10.32.0.7',
      role: 'master',
      patroni: {
        state: 'running',
        role: 'master',
        timeline: 1,
        positionBytes: 67_108_864,
        pendingRestart: false,
        version: '3.0.2',
      },
      trouble: null,
      restarts: 0,
      lastExit: null,
    });
  });

  it('reads the report of Patroni 4.0.4, where streaming stands apart', () => {
    const { patroni } = podDetail(aPod({ ordinal: 1, report: reportOf404(), role: 'replica' }));
    expect(patroni).toEqual({
      state: 'streaming',
      role: 'replica',
      timeline: 2,
      positionBytes: 83_886_080,
      pendingRestart: true,
      version: '4.0.4',
    });
  });

  it('does not call a replica streaming that reads from an archive', () => {
    const { patroni } = podDetail(
      aPod({ ordinal: 1, report: reportOf404({ replication_state: 'in archive recovery' }) }),
    );
    expect(patroni?.state).toBe('in archive recovery');
  });

  it.each(['{"state": "run', 'null', '[]', '"running"', '{}', '{"state":"running"}', '{"state":7,"role":"master"}'])(
    'loses only the report when it is %s',
    (report) => {
      const detail = podDetail(aPod({ ordinal: 0, report }));
      expect(detail.patroni).toBeNull();
      expect(detail.ready).toBe(true);
    },
  );

  it('is the same text for positions within one WAL segment', () => {
    const texts = [67_108_864, 70_000_000, 83_886_079].map((position) =>
      JSON.stringify(projected('Pod', aPod({ ordinal: 0, report: reportOf302({ xlog_location: position }) }))),
    );
    expect(new Set(texts).size).toBe(1);
  });

  it('has no role while Patroni has taken the label away', () => {
    expect(podDetail(aPod({ ordinal: 0, report: null, role: null })).role).toBeNull();
  });

  it.each([
    [
      'an image that cannot be pulled, one word for both of the kubelet’s',
      { waiting: { reason: 'ErrImagePull', message: 'x' } },
      'ImagePullBackOff (registry.local/spilo:test)',
    ],
    ['a crash loop', { waiting: { reason: 'CrashLoopBackOff' } }, 'CrashLoopBackOff'],
    ['an end', { terminated: { reason: 'OOMKilled', exitCode: 137 } }, 'terminated: OOMKilled (137)'],
  ])('says why it does not run: %s', (_, state, expected) => {
    const containerStatuses = [
      {
        name: 'postgres',
        image: 'registry.local/spilo:test',
        restartCount: 4,
        state,
        lastState: { terminated: { reason: 'Error', exitCode: 1 } },
      },
    ];
    const detail = podDetail(aPod({ ordinal: 0, report: null, status: { containerStatuses } }));
    expect(detail.trouble).toBe(expected);
    expect(detail.restarts).toBe(4);
  });

  it('says what the scheduler says, shortened', () => {
    const conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'Unschedulable',
        message: `0/3 nodes are available: ${'x'.repeat(500)}`,
      },
    ];
    const { trouble } = podDetail(
      aPod({ ordinal: 0, report: null, status: { phase: 'Pending', conditions, containerStatuses: [] } }),
    );
    expect(trouble).toMatch(/^Unschedulable: 0\/3 nodes are available: x+$/);
    expect(trouble?.length).toBe(200);
  });
});

const noKeys = { config: null, failover: null, syncStandbys: null };

describe('Patroni’s objects at the door', () => {
  it('are silent while only the heartbeat changes', () => {
    const first = JSON.stringify(projected('Endpoints', leaderEndpoints()));
    const later = JSON.stringify(
      projected(
        'Endpoints',
        leaderEndpoints({ version: '1007', renewTime: '2026-01-01T00:00:30.1+00:00', optime: '68157440' }),
      ),
    );
    expect(later).toBe(first);
  });

  it('name the holder of the key alike in both modes', () => {
    const dcs = { leader: 'shop-0', ttlSeconds: 30, systemIdentifier: null, paused: false, ...noKeys };
    expect(projected('Endpoints', leaderEndpoints()).detail).toEqual({ type: 'Endpoints', dcs });
    expect(projected('ConfigMap', leaderConfigMap()).detail).toEqual({ type: 'ConfigMap', dcs });
    expect(projected('ConfigMap', leaderConfigMap({ leader: null })).detail).toMatchObject({ dcs: { leader: null } });
  });

  it('keep every digit of the system identifier', () => {
    expect(String(Number(systemIdentifier))).not.toBe(systemIdentifier);
    expect(projected('Endpoints', configEndpoints()).detail).toMatchObject({ dcs: { systemIdentifier } });
  });

  it('pass the configuration with keys in order, unless a key in it looks like a secret', () => {
    const seen = (config: string): unknown => {
      const annotations = { config };
      return projected('Endpoints', { metadata: metadata({ name: 'shop-config', uid: 'x', annotations }) }).detail;
    };
    expect(seen('{"ttl":30,"loop_wait":10}')).toMatchObject({ dcs: { config: { loop_wait: 10, ttl: 30 } } });
    expect(JSON.stringify(seen('{"b":1,"a":{"d":1,"c":2}}'))).toContain('{"a":{"c":2,"d":1},"b":1}');
    const secret = seen('{"standby_cluster":{"host":"h","primary_password":"hunter2"}}');
    expect(secret).toMatchObject({ dcs: { config: null } });
    expect(JSON.stringify(secret)).not.toContain('hunter2');
  });

  it('tell a switchover that was asked for, and who confirms commits', () => {
    const seen = (annotations: Record<string, string>): unknown =>
      projected('ConfigMap', { metadata: metadata({ name: 'shop-failover', uid: 'x', annotations }) }).detail;
    expect(seen({ leader: 'shop-0', member: 'shop-1' })).toMatchObject({
      dcs: { failover: { leader: 'shop-0', candidate: 'shop-1' } },
    });
    expect(seen({ leader: '', member: '' })).toMatchObject({ dcs: { failover: null } });
    expect(seen({ leader: 'shop-0', sync_standby: 'shop-2,shop-1' })).toMatchObject({
      dcs: { syncStandbys: ['shop-1', 'shop-2'] },
    });
  });

  it('name whom the leader has written down for failsafe mode, without their addresses', () => {
    const seen = (annotations: Record<string, string>): string =>
      JSON.stringify(projected('Endpoints', { metadata: metadata({ name: 'shop', uid: 'x', annotations }) }).detail);
    const failsafe = '{"shop-1":"http://198.18.0.9:8008/patroni","shop-0":"http://198.18.0.8:8008/patroni"}';
    expect(seen({ leader: 'shop-0', failsafe })).toContain('"failsafe":["shop-0","shop-1"]');
    expect(seen({ leader: 'shop-0', failsafe })).not.toContain('198.18');
    expect(seen({ leader: 'shop-0', failsafe: '{"shop-0":' })).not.toContain('failsafe');
    expect(seen({ leader: 'shop-0' })).not.toContain('failsafe');
  });

  it('say when Patroni is paused, and survive a damaged configuration', () => {
    expect(projected('Endpoints', configEndpoints(true)).detail).toMatchObject({ dcs: { paused: true } });
    const damaged = {
      metadata: metadata({
        name: 'shop-config',
        uid: 'x',
        annotations: { config: '{"pause": tr', initialize: 'never a number', ttl: '-3' },
      }),
    };
    expect(projected('Endpoints', damaged).detail).toEqual({
      type: 'Endpoints',
      dcs: { leader: null, ttlSeconds: null, systemIdentifier: null, paused: false, ...noKeys },
    });
  });
});

describe('other objects at the door', () => {
  it('give one text for one amount of storage', () => {
    expect(['10Gi', '10240Mi', '10737418240'].map(canonicalQuantity)).toEqual(['10Gi', '10Gi', '10Gi']);
    expect(['1500M', '1.5G', '0', '1e3', '-5Gi', 'plenty'].map(canonicalQuantity)).toEqual([
      '1500M',
      '1500M',
      '0',
      '1k',
      '-5Gi',
      'plenty',
    ]);
    expect(projected('PersistentVolumeClaim', aClaim()).detail).toEqual({
      type: 'PersistentVolumeClaim',
      phase: 'Bound',
      requested: '10Gi',
      capacity: '10Gi',
      storageClass: 'standard',
    });
  });

  it('show of a Secret the names of its keys', () => {
    expect(projected('Secret', aSecret()).detail).toEqual({
      type: 'Secret',
      keys: ['PGPASSWORD', 'POSTGRES_PASSWORD', 'REPLICATION_PASSWORD'],
    });
  });

  it('keep metadata that matters, and the effect key in its own field', () => {
    const seen = projected('StatefulSet', aStatefulSet());
    expect(seen.annotations).toEqual({ 'postgres.example.com/dcs': 'Endpoints' });
    expect(seen.effect).toMatch(/-1-5-0$/);
    expect(seen.detail).toMatchObject({ type: 'StatefulSet', replicas: 3 });
    const made = {
      metadata: metadata({ name: 'shop', uid: 's', more: { generation: 7 } }),
      spec: { replicas: 2, template: { metadata: { annotations: { 'postgres.example.com/template': 'abc' } } } },
      status: { observedGeneration: 6 },
    };
    expect(projected('StatefulSet', made).detail).toMatchObject({ template: 'abc', current: false });
    const worked = { ...made, status: { observedGeneration: 7 } };
    expect(projected('StatefulSet', worked).detail).toMatchObject({ template: 'abc', current: true });
    expect(seen.ownedHash).toMatch(/^[0-9a-f]{64}$/);
    const template = { spec: { resources: { requests: { storage: '10240Mi' } } } };
    const claiming = { ...made, spec: { ...made.spec, volumeClaimTemplates: [template] } };
    expect(projected('StatefulSet', claiming).detail).toMatchObject({ claimSize: '10240Mi' });
    expect(projected('Service', aService()).finalizers).toEqual(['postgres.example.com/dcs']);
  });

  it('tell where the growth of a volume stands, and nothing once it is over', () => {
    const status = (rest: Live): Live => ({
      ...aClaim(),
      status: { phase: 'Bound', capacity: { storage: '10Gi' }, ...rest },
    });
    const pending = { conditions: [{ type: 'FileSystemResizePending', status: 'True' }] };
    const hopeless = { ...pending, allocatedResourceStatuses: { storage: 'ControllerResizeInfeasible' } };
    const resizing = (rest: Live): unknown => projected('PersistentVolumeClaim', status(rest)).detail;
    expect(resizing(pending)).toMatchObject({ resizing: 'FileSystemResizePending' });
    expect(resizing(hopeless)).toMatchObject({ resizing: 'ControllerResizeInfeasible' });
    expect(resizing({})).not.toHaveProperty('resizing');
  });

  it('know a value of ours changed by hand from a value that is another', () => {
    const hash = (object: Live): string | null => projected('StatefulSet', object).ownedHash;
    expect(hash(aStatefulSet({ version: '1001' }))).toBe(hash(aStatefulSet()));
    expect(hash(aStatefulSet({ replicas: 2 }))).not.toBe(hash(aStatefulSet()));
    expect(projected('Service', aService({ extraPort: true })).foreign).toEqual([
      { path: '/spec/ports/1', manager: 'kubectl-edit' },
    ]);
  });

  it('ask nobody who owns a pod', () => {
    expect(projected('Pod', aPod({ ordinal: 0, report: reportOf302() }))).toMatchObject({
      ownedHash: null,
      foreign: [],
    });
  });

  it('say which part of their identity is missing', () => {
    expect(projectObject('Pod', { metadata: { name: 'x', namespace: 'y' } })).toEqual({
      type: 'undecodable',
      problems: ['metadata.uid is missing', 'metadata.resourceVersion is missing'],
    });
    expect(projectObject('Pod', null).type).toBe('undecodable');
  });

  it('do not depend on the order in which the server wrote the keys', () => {
    const reversed = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(reversed)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .toReversed()
                .map(([key, each]) => [key, reversed(each)]),
            )
          : value;
    for (const [kind, object] of everyKind()) {
      expect(JSON.stringify(projected(kind, reversed(object)))).toBe(JSON.stringify(projected(kind, object)));
    }
  });
});

function everyKind(): readonly (readonly [WatchedKind, Live])[] {
  return [
    ['Pod', aPod({ ordinal: 0, report: reportOf302() })],
    ['Pod', aPod({ ordinal: 1, report: reportOf404() })],
    ['Endpoints', leaderEndpoints()],
    ['Endpoints', configEndpoints()],
    ['ConfigMap', leaderConfigMap()],
    ['StatefulSet', aStatefulSet()],
    ['Service', aService()],
    ['PersistentVolumeClaim', aClaim()],
    ['Secret', aSecret()],
    ...(['PodDisruptionBudget', 'ServiceAccount', 'Role', 'RoleBinding'] as const).map(
      (kind) => [kind, { metadata: metadata({ name: `shop-${kind.toLowerCase()}`, uid: kind }) }] as const,
    ),
  ];
}

function sight(kind: WatchedKind, object: unknown, before: unknown = null): string {
  const first = before === null ? null : sightOf(kind, before, null);
  const now = sightOf(kind, object, first?.type === 'decoded' ? first.value : null);
  if (now.type !== 'decoded') return '';
  const words = first?.type === 'decoded' ? changesBetween(first.value, now.value) : [];
  return now.value.text + words.join('\n');
}

describe('no secret passes the door', () => {
  it('of any kind, from any field', () => {
    const encoded = Buffer.from(canary).toString('base64');
    for (const [kind, object] of everyKind()) {
      const text = JSON.stringify(projected(kind, object));
      expect(text, kind).not.toContain(canary);
      expect(text, kind).not.toContain(encoded);
    }
    expect(new Set(everyKind().map(([kind]) => kind))).toEqual(new Set(watchedKinds));
  });

  it('neither in a projection nor in the words of a change, whatever the value is', () => {
    // No shorter than any text of ours that could stand there by chance.
    const secrets = fc.string({ minLength: 12, maxLength: 40 }).map((text) => `§${text}§`);
    fc.assert(
      fc.property(secrets, secrets, fc.constantFrom('data', 'stringData'), (first, second, field) => {
        const holds = (value: string): Live => ({
          ...aSecret(),
          [field]: { password: value, [`key-${field}`]: value },
        });
        const env = (value: string): Live => {
          const text = JSON.stringify(aStatefulSet()).replaceAll(JSON.stringify(canary), () => JSON.stringify(value));
          const parsed: Live = JSON.parse(text);
          return parsed;
        };
        const told = sight('Secret', holds(second), holds(first)) + sight('StatefulSet', env(second), env(first));
        for (const value of [first, second]) {
          expect(told).not.toContain(value);
          expect(told).not.toContain(JSON.stringify(value).slice(1, -1));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('but a changed environment is told without its value', () => {
    const text = JSON.stringify(aStatefulSet()).replaceAll(canary, 'another');
    const changed = sight('StatefulSet', JSON.parse(text), aStatefulSet());
    expect(changed).toContain(
      'spec.template.spec.containers[name=postgres].env[name=PGPASSWORD_SUPERUSER].value: (hidden) → (hidden)',
    );
  });
});

describe('the words of a change', () => {
  it('name the path, the old and the new value', () => {
    expect(sight('StatefulSet', aStatefulSet({ replicas: 2 }), aStatefulSet())).toContain('spec.replicas: 3 → 2');
  });

  it('show what somebody else wrote over a field of ours', () => {
    const told = sight('StatefulSet', aStatefulSet({ image: 'evil/image:1' }), aStatefulSet());
    expect(told).toContain(
      'spec.template.spec.containers[name=postgres].image: "registry.local/spilo:test" → "evil/image:1"',
    );
  });

  it('show what somebody else added', () => {
    expect(sight('Service', aService({ extraPort: true }), aService())).toContain(
      '/spec/ports/1: now held by kubectl-edit',
    );
  });

  it('show what Patroni reports', () => {
    const before = aPod({ ordinal: 0, report: reportOf302() });
    const after = aPod({ ordinal: 0, report: reportOf302({ role: 'replica', timeline: 2 }), ready: false });
    const told = sight('Pod', after, before);
    expect(told).toContain('ready: true → false\npatroni.role: master → replica\npatroni.timeline: 1 → 2');
  });
});
