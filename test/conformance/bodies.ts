/** Owns: what random objects are made of: for each kind the least that is accepted, and pieces that may be put over it. */
import { merged, type Json } from '#src/sim/json.ts';
import { kindOf } from './sides.ts';
import { refer } from './sequence.ts';

interface Recipe {
  /** The least that the API server takes. */
  readonly least: Json;
  /** Pieces, most of them valid. */
  readonly pieces: readonly Json[];
  /** Pieces of a status; none for kinds without one. */
  readonly status?: readonly Json[];
}

const labels = { app: 'a' };

/** What may stand in any object's metadata. */
export const metadataPieces: readonly Json[] = [
  { metadata: { labels: { app: 'a' } } },
  { metadata: { labels: { app: 'a', tier: 'x' } } },
  { metadata: { labels: { app: 'b', tier: 'y' } } },
  { metadata: { labels: { tier: 'x' } } },
  { metadata: { annotations: { note: 'one' } } },
  { metadata: { annotations: { note: 'two', other: 'there' } } },
  { metadata: { finalizers: ['example.com/hold'] } },
  { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } },
  { metadata: { ownerReferences: [owner('a', true)] } },
  { metadata: { ownerReferences: [owner('a', false), owner('b', false)] } },
];

function owner(name: string, controller: boolean): Json {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name,
    uid: refer.uid('ConfigMap', name),
    ...(controller ? { controller: true, blockOwnerDeletion: false } : {}),
  };
}

function container(more: Json = {}): Json {
  return { name: 'postgres', image: 'registry.example/spilo:17', ...more };
}

const quietPod: Json = { automountServiceAccountToken: false, containers: [container()] };

const set: Recipe = {
  least: {
    spec: {
      selector: { matchLabels: labels },
      serviceName: 'members',
      template: { metadata: { labels }, spec: { containers: [container()] } },
    },
  },
  pieces: [
    { spec: { replicas: 3 } },
    { spec: { replicas: 0 } },
    { spec: { podManagementPolicy: 'Parallel', updateStrategy: { type: 'OnDelete' } } },
    { spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' } } },
    { spec: { serviceName: 'others' } },
    { spec: { selector: { matchLabels: { app: 'b' } } } },
    { spec: { revisionHistoryLimit: 10 } },
    { spec: { minReadySeconds: 5 } },
    { spec: { template: { metadata: { labels, annotations: { seen: 'yes' } } } } },
    { spec: { template: { spec: { containers: [container({ image: 'registry.example/spilo:16' })] } } } },
    {
      spec: {
        template: {
          spec: {
            containers: [
              container({
                env: [
                  { name: 'SCOPE', value: 'shop' },
                  { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
                ],
                ports: [{ containerPort: 5432 }, { name: 'patroni', containerPort: 8008, protocol: 'TCP' }],
              }),
            ],
          },
        },
      },
    },
    {
      spec: {
        template: {
          spec: {
            containers: [
              container({
                env: [
                  { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'a', key: 'password' } } },
                  { name: 'SCOPE', value: 'other' },
                ],
                readinessProbe: { httpGet: { path: '/readiness', port: 8008 }, periodSeconds: 5 },
                volumeMounts: [{ name: 'data', mountPath: '/data' }],
                securityContext: { runAsNonRoot: true },
                resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: '2Gi' } },
              }),
            ],
            volumes: [{ name: 'data', emptyDir: { medium: 'Memory' } }],
          },
        },
      },
    },
    {
      spec: {
        template: {
          spec: {
            terminationGracePeriodSeconds: 300,
            securityContext: { fsGroup: 103 },
            serviceAccountName: 'patroni',
            volumes: [{ name: 'certificates', secret: { secretName: 'a', optional: true } }],
            topologySpreadConstraints: [
              {
                maxSkew: 1,
                topologyKey: 'topology.kubernetes.io/zone',
                whenUnsatisfiable: 'ScheduleAnyway',
                labelSelector: { matchLabels: labels },
              },
            ],
          },
        },
      },
    },
    {
      spec: {
        volumeClaimTemplates: [
          {
            metadata: { name: 'data', labels },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        ],
      },
    },
  ],
  status: [
    { status: { replicas: 1, readyReplicas: 1 } },
    { status: { replicas: 3, readyReplicas: 2, observedGeneration: 1, currentRevision: 'r1' } },
  ],
};

const pod: Recipe = {
  least: { spec: quietPod },
  pieces: [
    { spec: { ...quietPod, containers: [container({ image: 'registry.example/spilo:16' })] } },
    { spec: { ...quietPod, terminationGracePeriodSeconds: 0 } },
    { spec: { ...quietPod, hostname: 'a', subdomain: 'members' } },
    { spec: { ...quietPod, restartPolicy: 'Never' } },
    {
      spec: {
        ...quietPod,
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'a' } }],
        containers: [container({ volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
      },
    },
  ],
  status: [
    { status: { phase: 'Running', podIP: '10.244.0.9', podIPs: [{ ip: '10.244.0.9' }] } },
    { status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }] } },
    {
      status: {
        phase: 'Running',
        conditions: [
          { type: 'Ready', status: 'False', lastTransitionTime: '2026-01-01T00:00:00Z' },
          { type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
        ],
        containerStatuses: [
          {
            name: 'postgres',
            image: 'registry.example/spilo:17',
            imageID: '',
            ready: true,
            restartCount: 0,
            state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
          },
        ],
      },
    },
  ],
};

const postgres = { name: 'postgresql', port: 5432 };

const service: Recipe = {
  least: { spec: { ports: [postgres] } },
  pieces: [
    { spec: { selector: { app: 'a' } } },
    { spec: { selector: { app: 'b', role: 'replica' } } },
    { spec: { ports: [postgres, { name: 'patroni', port: 8008, targetPort: 8009, protocol: 'TCP' }] } },
    { spec: { ports: [{ ...postgres, targetPort: 'postgresql' }] } },
    { spec: { ports: [{ name: 'other', port: 5433 }] } },
    { spec: { clusterIP: 'None' } },
    { spec: { type: 'ClusterIP', sessionAffinity: 'None', internalTrafficPolicy: 'Cluster' } },
    { spec: { publishNotReadyAddresses: true } },
  ],
  status: [
    {
      status: {
        conditions: [
          { type: 'Seen', status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
        ],
      },
    },
  ],
};

const claim: Recipe = {
  least: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
  pieces: [
    { spec: { resources: { requests: { storage: '2Gi' } } } },
    { spec: { storageClassName: 'standard' } },
    { spec: { volumeMode: 'Filesystem' } },
    { spec: { accessModes: ['ReadWriteMany'] } },
  ],
  status: [
    { status: { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } } },
    { status: { conditions: [{ type: 'Resizing', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }] } },
  ],
};

const postgresCluster: Recipe = {
  least: { spec: { version: '17', storage: { size: '10Gi' } } },
  pieces: [
    { spec: { replicas: 3 } },
    { spec: { replicas: 0 } },
    { spec: { version: '16' } },
    { spec: { version: '9' } },
    { spec: { storage: { size: '20Gi' } } },
    { spec: { storage: { size: 'much' } } },
    { spec: { storage: { size: '10Gi', storageClass: 'fast' } } },
    { spec: { dcs: 'ConfigMaps' } },
    { spec: { postgresqlParams: { work_mem: '16MB' } } },
    { spec: { postgresqlParams: { work_mem: '32MB', shared_buffers: '1GB' } } },
    { spec: { postgresqlParams: { work_mem: 5 } } },
    { spec: { paused: true, mode: 'Observe' } },
    { spec: { mode: 'Perhaps' } },
    { spec: { database: { name: 'orders', owner: 'shop' } } },
    { spec: { database: { name: 'orders', owner: 'pg_shop' } } },
    { spec: { volumePolicy: 'Delete', deletionProtection: true } },
    { spec: { resources: { requests: { cpu: '2', memory: '1Gi' }, limits: { cpu: '1' } } } },
    { spec: { resources: { requests: { memory: '2Gi' }, limits: { memory: '4Gi' } } } },
    { spec: { maintenanceWindows: [{ schedule: '0 3 * * 0', duration: '2h' }] } },
    { spec: { maintenanceWindows: [{ schedule: '0 3 * * 0' }] } },
    { spec: { synchronous: { mode: 'Preferred' } } },
    { spec: { pgbouncer: { enabled: true } } },
    { spec: { backup: { schedule: '@daily', destination: { type: 'S3', bucket: 'b', credentialsSecret: 's' } } } },
    { spec: { unheardOf: true } },
    { spec: { image: 'not an image' } },
  ],
  status: [
    { status: { phase: 'Running', journal: { epoch: 1, seq: 5 } } },
    { status: { phase: 'Running', journal: { epoch: 1, seq: 9 }, readyReplicas: 3 } },
    { status: { phase: 'Creating', journal: { epoch: 2, seq: 1 } } },
    { status: { volumeSize: '10Gi', journal: { epoch: 1, seq: 5 } } },
    { status: { phase: 'Running' } },
    {
      status: {
        conditions: [
          { type: 'Ready', status: 'True', reason: 'R', message: 'm', lastTransitionTime: '2026-01-01T00:00:00Z' },
        ],
      },
    },
  ],
};

const recipes: Readonly<Record<string, Recipe>> = {
  ConfigMap: {
    least: {},
    pieces: [
      { data: { x: '1' } },
      { data: { x: '2' } },
      { data: { x: '1', y: '1' } },
      { data: { y: '2' } },
      { data: {} },
      { binaryData: { z: 'AAE=' } },
    ],
  },
  Secret: {
    least: {},
    pieces: [
      { data: { password: 'YQ==' } },
      { data: { password: 'Yg==', user: 'YQ==' } },
      { type: 'Opaque' },
      { type: 'example.com/other' },
      { stringData: { password: 'c' } },
      { immutable: true },
    ],
  },
  Endpoints: {
    least: {},
    pieces: [
      { subsets: [{ addresses: [{ ip: '10.244.0.1' }], ports: [{ name: 'postgresql', port: 5432 }] }] },
      {
        subsets: [
          {
            addresses: [{ ip: '10.244.0.2', hostname: 'a', targetRef: { kind: 'Pod', name: 'a' } }],
            ports: [{ name: 'postgresql', port: 5432, protocol: 'TCP' }],
          },
        ],
      },
      { metadata: { annotations: { leader: 'a-0', optime: '1' } } },
      { metadata: { annotations: { leader: 'a-1', optime: '2' } } },
    ],
  },
  ServiceAccount: {
    least: {},
    pieces: [{ automountServiceAccountToken: false }, { imagePullSecrets: [{ name: 'a' }] }],
  },
  // Without rules it is stored as null and compared as a list; nobody here writes such a Role.
  Role: {
    least: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
    pieces: [{ rules: [{ apiGroups: [''], resources: ['endpoints'], verbs: ['get', 'patch'] }] }],
  },
  RoleBinding: {
    least: {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
    },
    pieces: [{ roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'b' } }, { subjects: [] }],
  },
  PodDisruptionBudget: {
    least: { spec: { selector: { matchLabels: labels } } },
    pieces: [
      { spec: { minAvailable: 1 } },
      { spec: { maxUnavailable: 1 } },
      { spec: { maxUnavailable: '50%' } },
      { spec: { selector: { matchLabels: { app: 'b' } } } },
    ],
    status: [
      {
        status: { observedGeneration: 1, disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 1, expectedPods: 1 },
      },
    ],
  },
  Lease: {
    least: {},
    pieces: [
      { spec: { holderIdentity: 'one', leaseDurationSeconds: 15, leaseTransitions: 0 } },
      { spec: { holderIdentity: 'two', leaseDurationSeconds: 15, leaseTransitions: 1 } },
      { spec: { renewTime: '2026-01-01T00:00:00.000000Z' } },
      { spec: { leaseDurationSeconds: 0 } },
    ],
  },
  Event: {
    least: {
      involvedObject: { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: '@{namespace}' },
      reason: 'Seen',
      message: 'it was seen',
      type: 'Normal',
      source: { component: 'tester' },
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 1,
    },
    pieces: [{ type: 'Warning' }, { count: 2 }],
  },
  StatefulSet: set,
  Pod: pod,
  Service: service,
  PersistentVolumeClaim: claim,
  PostgresCluster: postgresCluster,
};

/** Names of the kinds that have recipes. */
export const recipeKinds: readonly string[] = Object.keys(recipes);

/** The recipe of a kind. @throws when there is none */
export function recipeOf(kind: string): Recipe {
  const recipe = recipes[kind];
  if (recipe === undefined) throw new Error(`no recipe for ${kind} in test/conformance/bodies.ts`);
  return recipe;
}

/** A whole object of a name: the least, with pieces over it. */
export function objectOf(kind: string, name: string, pieces: readonly Json[]): Json {
  const head = { apiVersion: kindOf(kind).apiVersion, kind, metadata: { name } };
  return pieces.reduce<Json>((object, piece) => merged(object, piece) as Json, { ...head, ...recipeOf(kind).least });
}
