/**
 * Owns: the shapes that the fields of a PostgresCluster's spec must have to be read at all. Limits, names and combinations
 * are judged later and end in condition ConfigurationValid; this is only for what no code could touch safely, such as a
 * text where a map should be, which an API server with another schema may let in.
 */
import { isObject } from '#machines/shared/json.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import type { Misfit } from '#machines/cluster/observations.ts';

/** `open` is any JSON object: Kubernetes types that are passed on as they are. */
export type Shape =
  | 'text'
  | 'number'
  | 'flag'
  | 'open'
  | { readonly type: 'map'; readonly of: Shape }
  | { readonly type: 'list'; readonly of: Shape }
  | { readonly type: 'object'; readonly needs: readonly string[]; readonly fields: Readonly<Record<string, Shape>> };

function map(of: Shape): Shape {
  return { type: 'map', of };
}

function list(of: Shape): Shape {
  return { type: 'list', of };
}

function object(fields: Readonly<Record<string, Shape>>, needs: readonly string[] = []): Shape {
  return { type: 'object', needs, fields };
}

const amounts = object({ cpu: 'text', memory: 'text' });

/** One row per field; a field the schema gains without a row here does not compile. */
export const specShapes: { readonly [Field in keyof Required<PostgresClusterSpec>]: Shape } = {
  version: 'text',
  replicas: 'number',
  storage: object({ size: 'text', storageClass: 'text' }, ['size']),
  resources: object({ requests: amounts, limits: amounts }),
  postgresqlParams: map('text'),
  backup: object(
    {
      schedule: 'text',
      retention: object({ count: 'number', maxAge: 'text' }),
      destination: object({ type: 'text' }, ['type']),
    },
    ['schedule', 'destination'],
  ),
  pgbouncer: object({ enabled: 'flag', poolMode: 'text', maxClientConn: 'number', defaultPoolSize: 'number' }),
  tls: object({ enabled: 'flag', certSecret: 'text', caSecret: 'text' }),
  metrics: object({ enabled: 'flag', port: 'number' }),
  image: 'text',
  dcs: 'text',
  paused: 'flag',
  mode: 'text',
  deletionProtection: 'flag',
  volumePolicy: 'text',
  maxDisruption: 'text',
  maintenanceWindows: list(object({ schedule: 'text', duration: 'text', timeZone: 'text' }, ['schedule', 'duration'])),
  synchronous: object({ mode: 'text', count: 'number' }),
  restore: object({ cluster: 'text', targetTime: 'text', destination: 'open' }),
  clone: object({ cluster: 'text', namespace: 'text' }, ['cluster']),
  placement: object({
    affinity: 'open',
    tolerations: list('open'),
    nodeSelector: map('text'),
    topologySpreadConstraints: list('open'),
    priorityClassName: 'text',
  }),
  service: object({ type: 'text', annotations: map('text'), loadBalancerSourceRanges: list('text') }),
  podMetadata: object({ labels: map('text'), annotations: map('text') }),
  logs: object({ stdout: 'flag' }),
  env: list(object({ name: 'text', value: 'text', valueFrom: 'open' }, ['name'])),
  database: object({ name: 'text', owner: 'text', locale: 'text', encoding: 'text' }),
  pgHba: list('text'),
  patroni: object({
    ttl: 'number',
    loopWait: 'number',
    retryTimeout: 'number',
    failsafeMode: 'flag',
    maximumLag: 'number',
  }),
};

const words = { text: 'a text', number: 'a number', flag: 'true or false', open: 'an object' } as const;

/** What a value is, without the value: it may be anything, in a place where nobody expected it. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'string' ? 'a text' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function wrong(path: string, value: unknown, expected: string): readonly Misfit[] {
  return [{ field: path, value: kindOf(value), rule: `must be ${expected}` }];
}

function fits(value: unknown, shape: keyof typeof words): boolean {
  switch (shape) {
    case 'text':
      return typeof value === 'string';
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'flag':
      return typeof value === 'boolean';
    case 'open':
      return isObject(value);
  }
}

/**
 * What keeps `value` from having `shape`: the path, what kind of thing stands there, what must; empty when it fits.
 * A field that is absent fits unless it is needed; a field without a shape is not looked at.
 */
export function misfits(value: unknown, shape: Shape, path: string): readonly Misfit[] {
  if (typeof shape === 'string') return fits(value, shape) ? [] : wrong(path, value, words[shape]);
  switch (shape.type) {
    case 'list':
      if (!Array.isArray(value)) return wrong(path, value, 'a list');
      return value.flatMap((each: unknown, index) => misfits(each, shape.of, `${path}[${index}]`));
    case 'map':
      if (!isObject(value)) return wrong(path, value, 'a map');
      return Object.entries(value).flatMap(([key, each]) => misfits(each, shape.of, `${path}.${key}`));
    case 'object': {
      if (!isObject(value)) return wrong(path, value, 'an object');
      const missing = shape.needs
        .filter((key) => value[key] === undefined)
        .map((key) => ({ field: `${path}.${key}`, value: null, rule: 'must be given' }));
      const inside = Object.entries(shape.fields).flatMap(([key, of]) =>
        value[key] === undefined ? [] : misfits(value[key], of, `${path}.${key}`),
      );
      return [...missing, ...inside];
    }
  }
}
