/**
 * Owns: what an actor needs from the stages around it, as narrow as it needs it. The operator's door wires them.
 */
import type { ObjectProjection } from '#machines/cluster/observations.ts';
import type { Snapshot } from '#machines/cluster/facts.ts';
import type { GetBlob, PutBlob } from '#src/decision/codec.ts';
import type { Decision, RowStamp, Versions } from '#src/decision/record.ts';
import type { Chance, Clock, Ticks } from '#src/ports.ts';
import type { Core, JournalRow } from '#src/replay/redecide.ts';
import type { ClusterName, StreamInput } from '#src/stream/items.ts';

/** A row to be appended; it becomes durable with everything else of this turn of the event loop. */
export interface NewRow {
  readonly cluster: ClusterName;
  readonly epoch: number;
  readonly at: number;
  readonly kind: 'observation' | 'synced' | 'config' | 'process' | 'machine-upgrade' | 'base';
  readonly type: string;
  readonly typeVersion: number;
  readonly maskVersion: number;
  readonly causedBy: number | null;
  readonly body: string;
  /** Runs once the row is durable, in the order of rows. */
  readonly onDurable: () => void;
}

/** What the journal holds of a cluster. */
export interface JournaledCluster {
  /** The newest snapshot that was cached; null when there is none. */
  readonly snapshot: { readonly seq: number; readonly build: string; readonly bytes: string } | null;
  /** Rows with seq greater than `afterSeq`, in seq order. */
  readonly rows: (afterSeq: number) => Iterable<JournalRow>;
  readonly getBlob: GetBlob;
}

/** The journal as an actor sees it. */
export interface Journal {
  /** seq that the next row of this cluster will get. */
  readonly nextSeq: (clusterUid: string) => number;
  readonly append: (row: NewRow) => { readonly seq: number };
  readonly blob: PutBlob;
  /** Caches a snapshot together with the rows of this turn, never ahead of them. */
  readonly saveSnapshot: (clusterUid: string, seq: number, bytes: string) => void;
  readonly hydrate: (clusterUid: string) => JournaledCluster;
}

/** A decision that has become durable: the executor may act on it. */
export interface DurableDecision {
  readonly cluster: ClusterName;
  readonly stamp: RowStamp;
  readonly decision: Decision;
  /** Everything the actor knows after it. */
  readonly snapshot: Snapshot;
}

/** What happened to a cluster that a human must hear of; counted and logged by the operator. */
export type ActorTrouble =
  /** An observation could not be decided; the actor goes on as if it had not come. */
  | {
      readonly type: 'observation-parked';
      readonly cluster: ClusterName;
      readonly observation: string;
      readonly cause: unknown;
    }
  /** An actor could not be brought back to life; its cluster is left alone until the next start. */
  | { readonly type: 'cluster-parked'; readonly cluster: ClusterName; readonly cause: unknown }
  /** Deciding recorded rows again gave other bytes: another build, or a bug. The actor stands where this build sees it. */
  | { readonly type: 'hydration-diverged'; readonly cluster: ClusterName; readonly seq: number };

export interface ActorPorts {
  readonly core: Core;
  readonly journal: Journal;
  /** Newest uid and resourceVersion by kind and name. */
  readonly versions: (clusterUid: string) => Versions;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly ticks: Ticks;
  readonly build: string;
  /** This process's term as leader. */
  readonly epoch: number;
  readonly maskVersion: number;
  /** Tells the stream what an actor knows already from its journal. */
  readonly remember: (clusterUid: string, objects: Iterable<ObjectProjection>) => void;
  /** The only way back: timers that fire. Must not call the actors before it returns. */
  readonly back: (input: Extract<StreamInput, { readonly type: 'feedback' }>) => void;
  readonly trouble: (trouble: ActorTrouble) => void;
}
