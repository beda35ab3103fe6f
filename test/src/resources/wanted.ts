/** Owns: specs that several tests render, and reading what came out of them. */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import type { DcsMode } from '#machines/cluster/observations.ts';
import type { DesiredObject, Json } from '#machines/cluster/plan.ts';
import type { BuildInput } from '#src/resources/metadata.ts';
import { desiredObjects } from '#src/resources/plan.ts';

export const minimalSpec: PostgresClusterSpec = { version: '17', storage: { size: '1Gi' } };

export const haSpec: PostgresClusterSpec = {
  version: '15',
  replicas: 3,
  storage: { size: '10240Mi', storageClass: 'fast' },
  resources: { requests: { cpu: '500m', memory: '512Mi' }, limits: { cpu: '2000m', memory: '1024Mi' } },
  postgresqlParams: {
    max_connections: '200',
    shared_buffers: '128MB',
    log_line_prefix: `%t 'it''s' "$(HOSTNAME)" $$`,
    'pg_stat_statements.track': 'all',
  },
  database: { name: 'orders', owner: 'clerk' },
};

/** The input of all builders for a cluster called `shop`. */
export function inputOf(spec: PostgresClusterSpec, dcs: DcsMode, change: Partial<BuildInput> = {}): BuildInput {
  return {
    uid: '6f2d6a1e-0000-4000-8000-000000000001',
    namespace: 'market',
    name: 'shop',
    spec,
    dcs,
    image: `registry.example/spilo:${spec.version}`,
    imagePullPolicy: 'IfNotPresent',
    deleting: false,
    claimSize: spec.storage.size,
    members: spec.replicas ?? 1,
    rolledOut: null,
    chosenImage: null,
    credentials: null,
    bootstrapParameters: spec.postgresqlParams ?? {},
    ...change,
  };
}

/** The desired objects by `Kind/name`. */
export function objectsOf(input: BuildInput): ReadonlyMap<string, DesiredObject> {
  return new Map(desiredObjects(input).map((object) => [`${object.ref.kind}/${object.ref.name}`, object]));
}

/** What stands at a path of a JSON value; null when there is nothing. */
export function at(value: Json | undefined, ...path: readonly (string | number)[]): Json {
  let here: Json = value ?? null;
  for (const step of path) {
    const below: Json | undefined =
      typeof here !== 'object' || here === null
        ? undefined
        : Array.isArray(here)
          ? (here as readonly Json[])[Number(step)]
          : (here as { readonly [key: string]: Json })[step];
    here = below ?? null;
  }
  return here;
}

/** The database container of a cluster's pod template. */
export function containerOf(input: BuildInput): Json {
  return at(objectsOf(input).get(`StatefulSet/${input.name}`)?.body, 'spec', 'template', 'spec', 'containers', 0);
}

/** The container's environment in order; a value that comes from elsewhere is given as JSON text. */
export function environmentOf(input: BuildInput): ReadonlyMap<string, string> {
  const list = at(containerOf(input), 'env');
  return new Map(
    (Array.isArray(list) ? (list as readonly Json[]) : []).map((entry): [string, string] => {
      const value = at(entry, 'value');
      return [String(at(entry, 'name')), typeof value === 'string' ? value : JSON.stringify(at(entry, 'valueFrom'))];
    }),
  );
}

/** Environment values as the kubelet makes them: `$(NAME)` of an earlier variable is expanded, `$$` is one `$`. */
export function expanded(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(\$|\(([A-Za-z_][A-Za-z0-9_]*)\))/g, (whole, next: string, name: string | undefined) => {
    if (next === '$') return '$';
    return values[name ?? ''] ?? whole;
  });
}
