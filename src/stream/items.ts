/**
 * Owns: the shapes that pass between the parts of this stage: what comes in, what lies in a mailbox, what an actor takes.
 */
import type {
  ClusterObservation,
  ObjectProjection,
  OperatorConfig,
  WatchedKind,
} from '#machines/cluster/observations.ts';

/** One thing that a source told: a list and a watch of one kind. */
export type SourceItem =
  /** The object as it is now; every list entry and every ADDED or MODIFIED. */
  | { readonly type: 'seen'; readonly source: string; readonly kind: SourceKind; readonly object: unknown }
  /** The object as it was last, before it left the source. */
  | { readonly type: 'gone'; readonly source: string; readonly kind: SourceKind; readonly object: unknown }
  /** The first list of this source is complete; all of it was told before. */
  | { readonly type: 'listed'; readonly source: string }
  | { readonly type: 'stale'; readonly source: string; readonly because: string }
  | { readonly type: 'fresh'; readonly source: string };

export type SourceKind = WatchedKind | 'PostgresCluster';

/** Whose mailbox: the uid is the address, namespace and name are for the journal and for humans. */
export interface ClusterName {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** An observation on its way to its actor. */
export interface Addressed {
  readonly cluster: ClusterName;
  /** Milliseconds since the epoch, stamped once, when it came to the door. */
  readonly at: number;
  /** seq of the row whose outcome or timer this is. */
  readonly causedBy: number | null;
  readonly observation: ClusterObservation;
}

/** What comes in beside the watches: outcomes and timers on the way back, and the operator's own settings. */
export type StreamInput =
  | SourceItem
  | {
      readonly type: 'feedback';
      readonly cluster: ClusterName;
      readonly causedBy: number | null;
      readonly observation: ClusterObservation;
    }
  | { readonly type: 'config'; readonly hash: string; readonly config: OperatorConfig };

/** An object as it was last seen, before it is compared with what its actor was last told. */
export interface Sight {
  readonly projection: ObjectProjection;
  /** The projection's text: equal text, nothing new. */
  readonly text: string;
  /**
   * Values of the fields we own, by field-set path, as JSON text: one flat string is far smaller than an object.
   * Null when they are not known: the sight comes from the journal, which does not hold them.
   */
  readonly owned: string | null;
  /** Present values, as JSON text, at paths that stopped being ours since the sight before: what somebody else wrote there. */
  readonly lost: Readonly<Record<string, string>>;
}

/** What lies in a mailbox. */
export interface Letter {
  readonly cluster: ClusterName;
  readonly at: number;
  readonly causedBy: number | null;
  /** What the letter is about; letters about one thing are never reordered. */
  readonly about: string;
  /**
   * `latest`: a newer letter about the same thing takes its place. `each`: every single one counts.
   * `barrier`: like `each`, and nothing overtakes it.
   */
  readonly keeping: 'latest' | 'each' | 'barrier';
  /** Failure signals go before everything else. */
  readonly lane: 'urgent' | 'ordinary';
  readonly content:
    | { readonly type: 'sight'; readonly sight: Sight }
    | { readonly type: 'observation'; readonly observation: ClusterObservation };
}

/** A live object that could not be read. It costs only itself; a human is told. */
export interface Undecodable {
  readonly kind: SourceKind;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly uid: string | null;
  readonly problems: readonly string[];
}

/** Where this stage tells what it leaves out; counters and log of the operator. */
export interface StreamReports {
  readonly undecodable: (object: Undecodable) => void;
  /** A PostgresCluster that could not be read can be read again, or is gone. */
  readonly decodable: (uid: string) => void;
  /** An observation that tells nothing new is counted instead of recorded; null when nobody was to be told of it. */
  readonly repeated: (kind: SourceKind, skipped: Addressed | null) => void;
}
