/** Owns: the operator's metrics and what each means; `docs/metrics.md` is held to this table by a test. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Makes all metrics in a registry of their own. */
export function makeMetrics(): ReturnType<typeof build> {
  return build(new Registry());
}

export type Metrics = ReturnType<typeof makeMetrics>;

function build(registry: Registry) {
  const registers = [registry];
  return {
    registry,
    observations: new Counter({
      name: 'postgres_operator_observations_total',
      help: 'Observations decided, by type',
      labelNames: ['type'],
      registers,
    }),
    repeated: new Counter({
      name: 'postgres_operator_observations_repeated_total',
      help: 'Observations that told nothing new, by kind',
      labelNames: ['kind'],
      registers,
    }),
    moves: new Counter({
      name: 'postgres_operator_moves_total',
      help: 'Arrows taken, by signal',
      labelNames: ['signal'],
      registers,
    }),
    effects: new Counter({
      name: 'postgres_operator_effects_total',
      help: 'Intents that ended, by type and outcome',
      labelNames: ['intent', 'outcome'],
      registers,
    }),
    commitSeconds: new Histogram({
      name: 'postgres_operator_journal_commit_seconds',
      help: 'Duration of journal commits',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5],
      registers,
    }),
    journalWritable: new Gauge({
      name: 'postgres_operator_journal_writable',
      help: '1 while the journal can be written',
      registers,
    }),
    journalGaps: new Counter({
      name: 'postgres_operator_journal_gaps_total',
      help: 'Starts that found the journal damaged or missing',
      registers,
    }),
    watchTroubles: new Counter({
      name: 'postgres_operator_watch_troubles_total',
      help: 'Watches that had to be opened again, by source',
      labelNames: ['source'],
      registers,
    }),
    undecodable: new Counter({
      name: 'postgres_operator_undecodable_objects_total',
      help: 'Objects that could not be read, by kind',
      labelNames: ['kind'],
      registers,
    }),
    actorTroubles: new Counter({
      name: 'postgres_operator_actor_troubles_total',
      help: 'Observations or clusters that could not be decided, by type',
      labelNames: ['type'],
      registers,
    }),
    leaseHeld: new Gauge({ name: 'postgres_operator_lease_held', help: '1 while this process may act', registers }),
    epoch: new Gauge({ name: 'postgres_operator_epoch', help: 'Term of this process as leader', registers }),
    clusters: new Gauge({
      name: 'postgres_operator_clusters',
      help: 'Clusters, by phase',
      labelNames: ['phase'],
      registers,
    }),
    editWars: new Gauge({
      name: 'postgres_operator_edit_wars',
      help: 'Objects that are not put right for a while, because somebody undoes it each time',
      registers,
    }),
  } as const;
}
