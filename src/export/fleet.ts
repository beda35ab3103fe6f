/** Owns: the fleet at a glance: a line for each cluster, the troubled first. From rows alone, whatever build wrote them. Pure. */
import { columns } from './columns.ts';
import { phaseOf, phases } from '#machines/cluster/chart.ts';
import { gone, toldStatus, type DecidedRow } from './decided.ts';
import type { Sealed } from './sealed.ts';
import { durationWords } from './time.ts';
import { troublesOf } from './troubles.ts';

/** A cluster in one line. */
export interface FleetLine {
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
  /** How long it has been in this phase at its last row. */
  readonly inPhaseMs: number | null;
  readonly readyReplicas: number;
  readonly primaryPod: string | null;
  readonly troubles: number;
  /** What is being done or awaited, or why nothing is known. */
  readonly reason: string;
  readonly rows: number;
  readonly lastAt: number;
}

/**
 * @param all decided rows of the cluster, at least those since it came into its phase
 * @param sealed how it stood before them, where older ones were pruned
 */
export function fleetLine(
  cluster: { readonly namespace: string; readonly name: string; readonly rows: number; readonly lastAt: number },
  all: readonly DecidedRow[],
  sealed: Sealed | null = null,
): FleetLine {
  const { namespace, name, rows, lastAt } = cluster;
  const last = all.at(-1);
  const status = toldStatus(all) ?? sealed?.status ?? null;
  const state = last?.decision.to ?? sealed?.state;
  const phase = state === undefined ? 'Unknown' : status?.phase === gone ? gone : phaseOf(state);
  const entered = all.findLast(({ decision }) =>
    decision.moves.some((move) => phaseOf(move.from) !== phaseOf(move.to)),
  );
  return {
    namespace,
    name,
    phase,
    inPhaseMs: entered === undefined ? null : lastAt - entered.row.at,
    readyReplicas: status?.readyReplicas ?? 0,
    primaryPod: status?.primaryPod ?? null,
    troubles: phase === gone ? 0 : troublesOf(all).length,
    reason: status?.reason ?? 'no status has been published yet',
    rows,
    lastAt,
  };
}

/** Phases in which somebody may have to do something come first. */
const urgency: Readonly<Record<string, number>> = { Failed: 0, Recovering: 1, Degraded: 2, Unknown: 3, [gone]: 6 };

function rank({ phase }: FleetLine): number {
  return urgency[phase] ?? (phase === 'Running' ? 5 : 4);
}

/** Most urgent first, then by name. */
export function fleetOrder(lines: readonly FleetLine[]): readonly FleetLine[] {
  return lines.toSorted(
    (left, right) =>
      rank(left) - rank(right) || (`${left.namespace}/${left.name}` < `${right.namespace}/${right.name}` ? -1 : 1),
  );
}

/** The fleet as a table, with a line that counts phases. */
export function fleetLines(lines: readonly FleetLine[]): readonly string[] {
  const counts = [...phases, 'Unknown', gone]
    .map((phase) => ({ phase, count: lines.filter((line) => line.phase === phase).length }))
    .filter(({ count }) => count > 0)
    .map(({ phase, count }) => `${count} ${phase}`);
  const rows = fleetOrder(lines).map((line) => [
    `${line.namespace}/${line.name}`,
    line.phase,
    line.inPhaseMs === null ? '-' : durationWords(line.inPhaseMs),
    String(line.readyReplicas),
    line.primaryPod ?? '-',
    String(line.troubles),
    line.reason,
  ]);
  const head = ['CLUSTER', 'PHASE', 'FOR', 'READY', 'PRIMARY', 'TROUBLES', 'NOW'];
  return [
    `${lines.length} ${lines.length === 1 ? 'cluster' : 'clusters'}: ${counts.join(', ') || 'none'}`,
    ...columns([head, ...rows]),
  ];
}
