/** Owns: the operator's metrics and what each means; `docs/metrics.md` is held to this table by a test. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Makes all metrics in a registry of their own. */
export function makeMetrics(): ReturnType<typeof build> {
  return build(new Registry());
}

export type Metrics = ReturnType<typeof makeMetrics>;

function build(registry: Registry) {
  const registers = [registry];
  const counter = <Label extends string = never>(name: string, help: string, ...labelNames: Label[]): Counter<Label> =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <Label extends string = never>(name: string, help: string, ...labelNames: Label[]): Gauge<Label> =>
    new Gauge({ name, help, labelNames, registers });
  return {
    registry,
    observations: counter('postgres_operator_observations_total', 'Observations decided, by type', 'type'),
    repeated: counter(
      'postgres_operator_observations_repeated_total',
      'Observations that told nothing new, by kind',
      'kind',
    ),
    moves: counter('postgres_operator_moves_total', 'Arrows taken, by signal', 'signal'),
    effects: counter('postgres_operator_effects_total', 'Intents that ended, by type and outcome', 'intent', 'outcome'),
    commitSeconds: new Histogram({
      name: 'postgres_operator_journal_commit_seconds',
      help: 'Duration of journal commits',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5],
      registers,
    }),
    journalWritable: gauge('postgres_operator_journal_writable', '1 while the journal can be written'),
    journalGaps: counter('postgres_operator_journal_gaps_total', 'Starts that found the journal damaged or missing'),
    watchTroubles: counter(
      'postgres_operator_watch_troubles_total',
      'Watches that had to be opened again, by source',
      'source',
    ),
    undecodable: counter(
      'postgres_operator_undecodable_objects_total',
      'Objects that could not be read, by kind',
      'kind',
    ),
    actorTroubles: counter(
      'postgres_operator_actor_troubles_total',
      'Observations or clusters that could not be decided, by type',
      'type',
    ),
    leaseHeld: gauge('postgres_operator_lease_held', '1 while this process may act'),
    epoch: gauge('postgres_operator_epoch', 'Term of this process as leader'),
    clusters: gauge('postgres_operator_clusters', 'Clusters, by phase', 'phase'),
    editWars: gauge(
      'postgres_operator_edit_wars',
      'Objects that are not put right for a while, because somebody undoes it each time',
    ),
  } as const;
}
