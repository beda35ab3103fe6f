/**
 * Owns: the union of everything the PostgresCluster machine can be told. Each variant is past tense, JSON-plain, already
 * masked at the door (no secret, no managedFields, no resourceVersion, log positions quantised), and recorded verbatim.
 * Does not own: how they are learned (`learn.ts`) or produced (`src/stream`).
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import type { JsonRecord } from '../shared/json.ts';

/** Kinds of objects around a cluster that are watched, besides the PostgresCluster itself. */
export const watchedKinds = [
  'StatefulSet',
  'Pod',
  'Service',
  'Endpoints',
  'ConfigMap',
  'Secret',
  'PersistentVolumeClaim',
  'PodDisruptionBudget',
  'ServiceAccount',
  'Role',
  'RoleBinding',
] as const;

export type WatchedKind = (typeof watchedKinds)[number];

/** How Patroni keeps its state: annotations on Endpoints or on ConfigMaps. Never both. */
export type DcsMode = 'Endpoints' | 'ConfigMaps';

/** A field of a spec that has not the shape it must have: what kind of thing stands there (null: nothing), what must. */
export interface Misfit {
  readonly field: string;
  readonly value: string | null;
  readonly rule: string;
}

/** The PostgresCluster as the door lets it through: everything but status and managedFields. */
export interface ClusterProjection {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  /** True once metadata.deletionTimestamp is set. */
  readonly deleting: boolean;
  readonly finalizers: readonly string[];
  /** Only annotations under postgres.example.com/. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PostgresClusterSpec;
  /**
   * Fields whose shape no schema of ours allows; absent when there are none. `spec` then holds what could be read, and is
   * never accepted.
   */
  readonly misfits?: readonly Misfit[];
}

/** What our own status said when it was read, once, at first sight: the part of memory that lives in the API. */
export interface PublishedStatus {
  readonly phase: string | null;
  readonly observedGeneration: number | null;
  readonly rolledOutGeneration: number | null;
  readonly systemIdentifier: string | null;
  readonly dcs: DcsMode | null;
  readonly image: string | null;
  readonly volumeSize: string | null;
  readonly retryCount: number;
  readonly lastError: string | null;
  readonly lastErrorTime: string | null;
  readonly previousReplicas: number | null;
  readonly handled: Readonly<Record<string, string>>;
  readonly journal: { readonly epoch: number; readonly seq: number } | null;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
    readonly lastTransitionTime: string;
    readonly observedGeneration: number;
  }[];
  /** Text hash of the whole published status without journal, lag and times: lets a restart see that nothing changed. */
  readonly textHash: string;
}

/** An owner reference as seen. */
export interface OwnerSeen {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
}

/** A spec path that a field manager other than ours owns, outside the allow-list. */
export interface ForeignPath {
  /** JSON pointer into the live object, array indices resolved at the door. */
  readonly path: string;
  readonly manager: string;
}

/** What every watched object carries through the door. */
export interface ObjectProjection {
  readonly kind: WatchedKind;
  readonly name: string;
  readonly uid: string;
  readonly generation: number | null;
  readonly deleting: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Only annotations under postgres.example.com/, without the effect key. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
  readonly owners: readonly OwnerSeen[];
  /** Hash of the values of the fields that our apply manager owns; null when it owns none. */
  readonly ownedHash: string | null;
  readonly foreign: readonly ForeignPath[];
  /** Value of annotation postgres.example.com/effect: `<uid>-<epoch>-<seq>-<ordinal>` of the last effect that landed. */
  readonly effect: string | null;
  readonly detail: ObjectDetail;
}

export type ObjectDetail =
  | StatefulSetDetail
  | PodDetail
  | ServiceDetail
  | EndpointsDetail
  | ConfigMapDetail
  | SecretDetail
  | PersistentVolumeClaimDetail
  | OtherDetail;

export interface StatefulSetDetail {
  readonly type: 'StatefulSet';
  /** spec.replicas. */
  readonly replicas: number;
  /** Template hash that new pods will bear; null when the template names none. */
  readonly template: string | null;
  /** The controller works from this version of it already. */
  readonly current: boolean;
  /** Size in its claim template, as it was spelled; absent when it has none. */
  readonly claimSize?: string;
}

/** Patroni's own report, from the pod annotation `status`. */
export interface PatroniMember {
  /** As Patroni spells it: `running`, `streaming`, `starting`, `creating replica`, `stopped`, `start failed` … */
  readonly state: string;
  /** `master`, `primary`, `replica`, `standby_leader`, `demoted`, `uninitialized`. */
  readonly role: string;
  readonly timeline: number | null;
  /** WAL position in bytes, rounded down to 16 MiB. */
  readonly positionBytes: number | null;
  readonly pendingRestart: boolean;
  /** Patroni's version string, from `version`. */
  readonly version: string | null;
}

export interface PodDetail {
  readonly type: 'Pod';
  readonly phase: string;
  /** The Ready condition. */
  readonly ready: boolean;
  readonly node: string | null;
  readonly ip: string | null;
  /** Value of the role label `spilo-role`; null while Patroni has removed it. */
  readonly role: string | null;
  readonly patroni: PatroniMember | null;
  /** Why it does not run: waiting reason of the database container, or the scheduler's message; null when it runs. */
  readonly trouble: string | null;
  readonly restarts: number;
  /** How the database container ended last: `Error (137)`, `OOMKilled (137)`; null when it never did. */
  readonly lastExit: string | null;
}

export interface ServiceDetail {
  readonly type: 'Service';
  readonly selector: Readonly<Record<string, string>> | null;
}

/** Patroni's state as its objects' annotations carry it. */
export interface DcsSeen {
  /** Pod name of the lock's holder; null when the key is absent or empty. */
  readonly leader: string | null;
  readonly ttlSeconds: number | null;
  /** Annotation `initialize`: the PostgreSQL system identifier, decimal text (exceeds 2^53). */
  readonly systemIdentifier: string | null;
  readonly paused: boolean;
  /** Annotation `config`, keys sorted; null when there is none, or it holds what looks like a secret. */
  readonly config: JsonRecord | null;
  /** A switchover that was asked for and not yet carried out. */
  readonly failover: { readonly leader: string | null; readonly candidate: string | null } | null;
  /** Members that confirm commits; null when there is no such key. */
  readonly syncStandbys: readonly string[] | null;
  /** Annotation `failsafe`: members that the leader has written down as those that may follow it; absent outside failsafe mode. */
  readonly failsafe?: readonly string[];
}

export interface EndpointsDetail {
  readonly type: 'Endpoints';
  readonly dcs: DcsSeen;
}

export interface ConfigMapDetail {
  readonly type: 'ConfigMap';
  readonly dcs: DcsSeen;
}

export interface SecretDetail {
  readonly type: 'Secret';
  /** Names of the keys, sorted; never a value. */
  readonly keys: readonly string[];
  /** What the values are, without telling them; absent when the operator had no key for digests. */
  readonly digest?: SecretDigest;
}

/** Keyed digests of a Secret's values: those of one key can be compared, those of two never. */
export interface SecretDigest {
  /** First 8 hex digits of the SHA-256 of the key. */
  readonly keyId: string;
  /** By name of the key in `data`: HMAC-SHA256 of the value and where it stands, its first 16 bytes in hex. */
  readonly values: Readonly<Record<string, string>>;
}

export interface PersistentVolumeClaimDetail {
  readonly type: 'PersistentVolumeClaim';
  readonly phase: string;
  /** Canonical quantities. */
  readonly requested: string;
  readonly capacity: string | null;
  readonly storageClass: string | null;
  /** Where a growth stands, in Kubernetes' word: `FileSystemResizePending`, `ControllerResizeInfeasible`; absent while there is none. */
  readonly resizing?: string;
}

export interface OtherDetail {
  readonly type: 'Other';
}

/** Name of an object of this cluster; its namespace is the cluster's. */
export interface ObjectRef {
  readonly kind: WatchedKind | 'PostgresCluster' | 'Event';
  readonly name: string;
}

/** How an effect ended. A Kubernetes status code never passes; what it means does. */
export type Outcome =
  /** The API server took it; what our manager owns now. */
  | {
      readonly type: 'applied';
      readonly uid: string;
      readonly ownedHash: string | null;
      readonly foreign: readonly ForeignPath[];
    }
  | { readonly type: 'deleted' }
  /** The target is not there (or its uid is another one, for a delete). */
  | { readonly type: 'absent' }
  /** A precondition failed: other uid, other resourceVersion, or the name is taken. */
  | { readonly type: 'conflict'; readonly reason: string; readonly message: string }
  /** The API server understood and refused; asking again the same way is useless. */
  | { readonly type: 'refused'; readonly reason: string; readonly message: string }
  /** Not now: throttled or unavailable. */
  | {
      readonly type: 'transient';
      readonly reason: string;
      readonly message: string;
      readonly retryAfterMs: number | null;
    }
  /** Sent, and nobody knows. */
  | { readonly type: 'unknown'; readonly reason: string }
  /** Not sent: this process may not act (lease), or it is stopping. */
  | { readonly type: 'withheld'; readonly reason: string }
  /** A read: the object as it is, or null when there is none. */
  | { readonly type: 'read'; readonly object: ObjectProjection | null }
  /** A dry-run apply: what our manager would own afterwards. */
  | { readonly type: 'compared'; readonly uid: string; readonly ownedHash: string | null }
  /** A statement or command ran and said this. */
  | { readonly type: 'done'; readonly result: Readonly<Record<string, string>> };

/** The operator's settings that a decision may read. Recorded at first sight and on change. */
export interface OperatorConfig {
  /** PostgreSQL major → image reference. */
  readonly images: Readonly<Record<string, string>>;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** Used once per cluster, when spec.dcs is unset. */
  readonly defaultDcs: DcsMode;
  /** Creating without a leader for longer than this is an error. */
  readonly createDeadlineSeconds: number;
  /** So many clusters may be disrupted at a time on purpose; absent where there is no limit. */
  readonly maxDisruptions?: number;
  /** Why there is no key for digests of Secrets; absent while there is one. */
  readonly noDigestKey?: string;
}

export type ClusterObservation =
  | { readonly type: 'ProcessStarted'; readonly build: string; readonly epoch: number }
  | { readonly type: 'OperatorConfigSeen'; readonly hash: string; readonly config: OperatorConfig }
  | { readonly type: 'ClusterSeen'; readonly cluster: ClusterProjection }
  | { readonly type: 'ClusterGone'; readonly uid: string }
  | { readonly type: 'PublishedStatusSeen'; readonly status: PublishedStatus }
  | {
      readonly type: 'ObjectSeen';
      readonly object: ObjectProjection;
      /** What differs from the sight before, as `path: old → new`, at most 16, empty at first sight. */
      readonly changed: readonly string[];
    }
  | { readonly type: 'ObjectGone'; readonly object: ObjectRef; readonly uid: string }
  /** All kinds are listed; what was there. */
  | {
      readonly type: 'Synced';
      readonly objects: readonly {
        readonly kind: WatchedKind;
        readonly name: string;
        readonly uid: string;
        readonly hash: string;
      }[];
    }
  | { readonly type: 'SourceWentStale'; readonly source: string; readonly because: string }
  | { readonly type: 'SourceFresh'; readonly source: string }
  /** The leader object did not change for Patroni's ttl. */
  | { readonly type: 'LeaderSilent'; readonly silentMs: number }
  | { readonly type: 'LeaderHeard' }
  /** What the fleet says to a cluster of which something waits for its turn. */
  | {
      readonly type: 'TurnTold';
      readonly subject: string;
      readonly answer: 'granted' | 'queued' | 'stopped';
      readonly because: string;
    }
  | { readonly type: 'TimerFired'; readonly id: string; readonly dueAt: number }
  | {
      readonly type: 'OutcomeArrived';
      /** seq and ordinal of the intent; seq is also the row's caused_by. */
      readonly seq: number;
      readonly ordinal: number;
      readonly intent: string;
      readonly target: ObjectRef;
      readonly outcome: Outcome;
    };

export type ObservationType = ClusterObservation['type'];
