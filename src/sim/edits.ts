/**
 * Owns: random edits of a spec, as steps of a plan: what people write next, and when. Each is a merge patch of the
 * PostgresCluster by kubectl, so that a plan file says it in full and a shrunk plan has only those that it takes.
 * Does not own: what comes of them (`acts-edits.ts`).
 */
import type { SimChance } from './chance.ts';
import { name, namespace } from './acts.ts';
import type { Json } from './json.ts';
import type { PlanStep } from './plan.ts';

export const nextImage = 'registry/spilo:next';
/** Of which no container ever runs. */
export const brokenImage = 'registry/broken:1';

/** What can be true of a cluster; null takes a field out. */
const good: readonly Json[] = [
  { image: nextImage },
  { image: null },
  ...[1, 2, 3, 4].map((replicas) => ({ replicas })),
  { postgresqlParams: { max_connections: '200' } },
  { postgresqlParams: { max_connections: '50', max_worker_processes: '12' } },
  { postgresqlParams: { work_mem: '8MB' } },
  { postgresqlParams: { shared_buffers: '64MB' } },
  { postgresqlParams: null },
  { synchronous: { mode: 'Required' } },
  { synchronous: { mode: 'Preferred' } },
  { synchronous: null },
  { env: [{ name: 'TEAM', value: 'blue' }] },
  { env: null },
  { podMetadata: { labels: { team: 'blue' } } },
  { podMetadata: null },
  { patroni: { ttl: 60, loopWait: 5 } },
  { patroni: null },
  { pgHba: ['hostssl orders clerk 10.0.0.0/8 scram-sha-256'] },
  { pgHba: null },
  { storage: { size: '20Gi' } },
];

/** What no member starts with, and what the API server will not take. */
const bad: readonly Json[] = [
  { image: brokenImage },
  { postgresqlParams: { huge_pages: 'on' } },
  { env: [{ name: 'MOON', valueFrom: { fieldRef: { fieldPath: 'metadata.moon' } } }] },
];

/** What keeps edits from beginning, or lets them. */
const holds: readonly Json[] = [{ paused: true }, { paused: null }, { mode: 'Observe' }, { mode: 'Manage' }];

const requests = ['restart', 'reload', 'switchover', 'reinit', 'rotate-credentials'] as const;

/** Parameters that they state. */
export const parametersEdited = ['max_connections', 'max_worker_processes', 'shared_buffers', 'work_mem'] as const;

/** From one to the next: at once, within a step, within a rollout, once all is over. Milliseconds. */
const pauses = [0, 200, 1_000, 3_000, 8_000, 15_000, 30_000, 60_000, 100_000, 200_000] as const;

const path = `/apis/postgres.example.com/v1alpha1/namespaces/${namespace}/postgresclusters/${name}`;
const credentials = `/api/v1/namespaces/${namespace}/secrets/${name}-credentials`;

function written(atMs: number, body: Json, to = path): PlanStep {
  return { type: 'meddle', atMs, path: to, manager: 'kubectl', how: 'merge', body };
}

function specOf(chance: SimChance): Json {
  const one = (): Json => chance.oneOf(chance.fraction() < 0.15 ? bad : chance.fraction() < 0.15 ? holds : good);
  return chance.fraction() < 0.25 ? { ...one(), ...one() } : one();
}

function editAt(chance: SimChance, atMs: number): PlanStep {
  const kind = chance.between(0, 19);
  if (kind < 16) return written(atMs, { spec: specOf(chance) });
  if (kind === 16) {
    const chosen = Buffer.from(`chosen-at-${atMs}`).toString('base64');
    return written(atMs, { data: { POSTGRES_PASSWORD: chosen } }, credentials);
  }
  const asked = chance.oneOf(requests);
  const member = chance.oneOf(['', ` ${name}-0`, ` ${name}-1`]);
  return written(atMs, {
    metadata: { annotations: { [`postgres.example.com/${asked}`]: `at-${atMs}${asked === 'reload' ? '' : member}` } },
  });
}

/** Two to six edits, one after the other, the first of them often before the cluster is made. */
export function editsOf(chance: SimChance): readonly PlanStep[] {
  let atMs = chance.between(1_500, 60_000);
  return Array.from({ length: chance.between(2, 6) }, () => {
    const step = editAt(chance, atMs);
    atMs += chance.oneOf(pauses);
    return step;
  });
}
