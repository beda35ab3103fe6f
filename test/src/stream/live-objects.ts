/**
 * Owns: live objects as a real API server sends them, around a cluster `shop` in namespace `team-a`. Annotations of Patroni
 * as 3.0.2 (Debian 12) and 4.0.4 (Debian 13) write them. Every place where a secret could hide holds the canary.
 */

/** Must never be seen beyond the door. */
export const canary = 'c4n4ry-S3cret-value';

export type Live = { readonly [key: string]: unknown };

export const clusterUid = '11111111-aaaa-4bbb-8ccc-000000000001';

const clusterLabels = {
  'app.kubernetes.io/component': 'database',
  'app.kubernetes.io/managed-by': 'postgres-operator',
  'app.kubernetes.io/name': 'postgresql',
  'postgres.example.com/cluster': 'shop',
};

const lastApplied = { 'kubectl.kubernetes.io/last-applied-configuration': `{"stringData":{"password":"${canary}"}}` };

interface Identity {
  readonly name: string;
  readonly uid: string;
  readonly version?: string;
  readonly cluster?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly more?: Live;
}

/** Metadata of an object of the cluster. */
export function metadata(identity: Identity): Live {
  const {
    name,
    uid,
    version = '1000',
    cluster = 'shop',
    namespace = 'team-a',
    labels = {},
    annotations = {},
    more = {},
  } = identity;
  return {
    name,
    namespace,
    uid,
    resourceVersion: version,
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { ...clusterLabels, 'postgres.example.com/cluster': cluster, ...labels },
    annotations: { ...lastApplied, ...annotations },
    ...more,
  };
}

/** An entry of managedFields. */
export function managed(manager: string, operation: 'Apply' | 'Update', fieldsV1: Live, subresource?: string): Live {
  return {
    manager,
    operation,
    apiVersion: 'v1',
    time: '2026-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource === undefined ? {} : { subresource }),
  };
}

/** A member's report as Patroni 3.0.2 writes it. */
export function reportOf302(more: Live = {}): string {
  return JSON.stringify({
    conn_url: 'postgres://10.32.0.7:5432/postgres',
    api_url: 'http://10.32.0.7:8008/patroni',
    state: 'running',
    role: 'master',
    version: '3.0.2',
    xlog_location: 67_108_999,
    timeline: 1,
    ...more,
  });
}

/** A replica's report as Patroni 4.0.4 writes it. */
export function reportOf404(more: Live = {}): string {
  return JSON.stringify({
    conn_url: 'postgres://10.32.0.8:5432/postgres',
    api_url: 'http://10.32.0.8:8008/patroni',
    state: 'running',
    role: 'replica',
    version: '4.0.4',
    xlog_location: 83_886_080,
    replication_state: 'streaming',
    timeline: 2,
    pending_restart: true,
    pending_restart_reason: { shared_buffers: { old_value: '128MB', new_value: '256MB' } },
    tags: { nofailover: false },
    ...more,
  });
}

const environment = [
  { name: 'SCOPE', value: 'shop' },
  { name: 'PGPASSWORD_SUPERUSER', value: canary },
  {
    name: 'PGPASSWORD_STANDBY',
    valueFrom: { secretKeyRef: { name: 'shop-credentials-inforce', key: 'REPLICATION_PASSWORD' } },
  },
];

interface PodOptions {
  readonly ordinal: number;
  readonly report: string | null;
  readonly version?: string;
  readonly role?: string | null;
  readonly ready?: boolean;
  readonly uid?: string;
  readonly deleting?: boolean;
  readonly status?: Live;
}

/** A running member. */
export function aPod(options: PodOptions): Live {
  const {
    ordinal,
    report,
    version = '1000',
    role = 'master',
    ready = true,
    uid = `pod-${ordinal}`,
    deleting = false,
  } = options;
  const containers = [{ name: 'postgres', image: 'registry.local/spilo:test', env: environment, args: [canary] }];
  return {
    metadata: metadata({
      name: `shop-${ordinal}`,
      uid,
      version,
      labels: {
        'statefulset.kubernetes.io/pod-name': `shop-${ordinal}`,
        ...(role === null ? {} : { 'spilo-role': role }),
      },
      annotations: report === null ? {} : { status: report },
      more: {
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'StatefulSet',
            name: 'shop',
            uid: 'sts-1',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
        managedFields: [
          managed('kube-controller-manager', 'Update', { 'f:spec': { 'f:containers': {} } }),
          managed('kubelet', 'Update', { 'f:status': {} }, 'status'),
        ],
        ...(deleting ? { deletionTimestamp: '2026-01-01T01:00:00Z' } : {}),
      },
    }),
    spec: {
      nodeName: 'node-a',
      containers,
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: `data-shop-${ordinal}` } }],
    },
    status: {
      phase: 'Running',
      podIP: `10.32.0.${7 + ordinal}`,
      conditions: [
        { type: 'PodScheduled', status: 'True' },
        { type: 'Ready', status: ready ? 'True' : 'False', lastProbeTime: null },
      ],
      containerStatuses: [
        {
          name: 'postgres',
          image: 'registry.local/spilo:test',
          restartCount: 0,
          ready,
          state: { running: { startedAt: '2026-01-01T00:00:10Z' } },
          lastState: {},
        },
      ],
      ...options.status,
    },
  };
}

interface LeaderOptions {
  readonly leader?: string | null;
  readonly renewTime?: string;
  readonly optime?: string;
  readonly version?: string;
}

function leaderAnnotations({
  leader = 'shop-0',
  renewTime = '2026-01-01T00:00:20.123456+00:00',
  optime = '67108999',
}: LeaderOptions): Record<string, string> {
  return {
    ...(leader === null ? {} : { leader }),
    ttl: '30',
    renewTime,
    acquireTime: '2026-01-01T00:00:05.000000+00:00',
    transitions: '3',
    optime,
    slots: '{"shop_1":67108999}',
  };
}

/** The leader object of Endpoints mode. */
export function leaderEndpoints(options: LeaderOptions = {}): Live {
  return {
    metadata: metadata({
      name: 'shop',
      uid: 'ep-leader',
      version: options.version ?? '1000',
      annotations: leaderAnnotations(options),
    }),
    subsets: [
      {
        addresses: [{ ip: '10.32.0.7', nodeName: 'node-a', hostname: 'shop-0' }],
        ports: [{ name: 'postgresql', port: 5432 }],
      },
    ],
  };
}

/** The leader object of ConfigMaps mode. */
export function leaderConfigMap(options: LeaderOptions = {}): Live {
  return {
    metadata: metadata({
      name: 'shop-leader',
      uid: 'cm-leader',
      version: options.version ?? '1000',
      annotations: leaderAnnotations(options),
    }),
  };
}

/** A system identifier: beyond 2^53, so a number would lose its last digits. */
export const systemIdentifier = '7412345678901234567';

/** Patroni's configuration object. */
export function configEndpoints(pause = false): Live {
  const config = JSON.stringify({ ttl: 30, loop_wait: 10, ...(pause ? { pause: true } : {}) });
  return {
    metadata: metadata({
      name: 'shop-config',
      uid: 'ep-config',
      annotations: { config, initialize: systemIdentifier, history: '[[1,67108864,"no recovery target specified"]]' },
    }),
  };
}

/** The StatefulSet with what our apply owns, and one environment entry that somebody changed by hand when `image` is given. */
export function aStatefulSet(
  options: { readonly version?: string; readonly replicas?: number; readonly image?: string } = {},
): Live {
  const { version = '1000', replicas = 3, image } = options;
  const container = {
    'f:image': {},
    'f:env': {
      'k:{"name":"SCOPE"}': { '.': {}, 'f:name': {}, 'f:value': {} },
      'k:{"name":"PGPASSWORD_SUPERUSER"}': { '.': {}, 'f:name': {}, 'f:value': {} },
    },
  };
  const { 'f:image': _image, ...withoutImage } = container;
  const ours = image === undefined ? container : withoutImage;
  const template = { 'f:spec': { 'f:containers': { 'k:{"name":"postgres"}': ours } } };
  const hands =
    image === undefined
      ? []
      : [
          managed('kubectl-edit', 'Update', {
            'f:spec': {
              'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"postgres"}': { 'f:image': {} } } } },
            },
          }),
        ];
  return {
    metadata: metadata({
      name: 'shop',
      uid: 'sts-1',
      version,
      labels: { 'postgres.example.com/cluster-uid': clusterUid },
      annotations: { 'postgres.example.com/effect': `${clusterUid}-1-5-0`, 'postgres.example.com/dcs': 'Endpoints' },
      more: {
        generation: 2,
        managedFields: [
          managed('postgres-operator', 'Apply', {
            'f:metadata': {
              'f:labels': { 'f:postgres.example.com/cluster': {} },
              'f:annotations': { 'f:postgres.example.com/effect': {} },
            },
            'f:spec': { 'f:replicas': {}, 'f:template': template },
          }),
          ...hands,
        ],
      },
    }),
    spec: {
      replicas,
      template: {
        spec: { containers: [{ name: 'postgres', image: image ?? 'registry.local/spilo:test', env: environment }] },
      },
    },
    status: { replicas, readyReplicas: replicas, observedGeneration: 2 },
  };
}

/** The primary Service; `extraPort` is what somebody else added. */
export function aService(options: { readonly version?: string; readonly extraPort?: boolean } = {}): Live {
  const { version = '1000', extraPort = false } = options;
  const hands = extraPort
    ? [
        managed('kubectl-edit', 'Update', {
          'f:spec': { 'f:ports': { 'k:{"port":9999,"protocol":"TCP"}': { '.': {}, 'f:port': {} } } },
        }),
      ]
    : [];
  return {
    metadata: metadata({
      name: 'shop',
      uid: 'svc-1',
      version,
      more: {
        finalizers: ['postgres.example.com/dcs'],
        managedFields: [
          managed('postgres-operator', 'Apply', {
            'f:spec': { 'f:ports': { 'k:{"port":5432,"protocol":"TCP"}': { '.': {}, 'f:name': {}, 'f:port': {} } } },
          }),
          ...hands,
        ],
      },
    }),
    spec: {
      clusterIP: '10.96.0.20',
      ports: [
        { name: 'postgresql', port: 5432, protocol: 'TCP' },
        ...(extraPort ? [{ name: 'backdoor', port: 9999, protocol: 'TCP' }] : []),
      ],
    },
  };
}

/** A claim; Kubernetes keeps the spelling of a quantity it was given canonical, other writers may not. */
export function aClaim(requested = '10Gi', capacity: string | null = '10240Mi'): Live {
  return {
    metadata: metadata({ name: 'data-shop-0', uid: 'pvc-0' }),
    spec: { resources: { requests: { storage: requested } }, storageClassName: 'standard', volumeName: 'pv-1' },
    status: {
      phase: capacity === null ? 'Pending' : 'Bound',
      ...(capacity === null ? {} : { capacity: { storage: capacity } }),
    },
  };
}

/** A Secret that holds the canary wherever a Secret can hold one. */
export function aSecret(): Live {
  return {
    metadata: metadata({
      name: 'shop-credentials',
      uid: 'secret-1',
      more: {
        managedFields: [
          managed('postgres-operator', 'Apply', {
            'f:data': { 'f:POSTGRES_PASSWORD': {} },
            'f:metadata': { 'f:labels': { 'f:postgres.example.com/cluster': {} } },
          }),
        ],
      },
    }),
    type: 'Opaque',
    data: { REPLICATION_PASSWORD: Buffer.from(canary).toString('base64'), POSTGRES_PASSWORD: canary },
    stringData: { PGPASSWORD: canary },
  };
}

interface ClusterOptions {
  readonly uid?: string;
  readonly version?: string;
  readonly name?: string;
  readonly generation?: number;
  readonly spec?: Live;
  readonly status?: Live;
  readonly deleting?: boolean;
  readonly finalized?: boolean;
}

/** The PostgresCluster `shop`. */
export function aCluster(options: ClusterOptions = {}): Live {
  const {
    uid = clusterUid,
    version = '900',
    name = 'shop',
    generation = 1,
    deleting = false,
    finalized = deleting,
  } = options;
  return {
    apiVersion: 'postgres.example.com/v1alpha1',
    kind: 'PostgresCluster',
    metadata: {
      name,
      namespace: 'team-a',
      uid,
      resourceVersion: version,
      generation,
      annotations: { ...lastApplied, 'postgres.example.com/restart': 'token-1' },
      ...(deleting ? { deletionTimestamp: '2026-01-01T02:00:00Z' } : {}),
      ...(finalized ? { finalizers: ['postgres.example.com/finalizer'] } : {}),
    },
    spec: options.spec ?? {
      version: '17',
      storage: { size: '1Gi' },
      replicas: 3,
      postgresqlParams: { work_mem: '8MB' },
    },
    ...(options.status === undefined ? {} : { status: options.status }),
  };
}
