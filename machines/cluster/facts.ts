/**
 * Owns: the machine's context, in two halves. `world` is the last known truth about things outside and can be learned
 * again from watches at any time. `memory` is what only we know: what was accepted, what is open, what was promised; it
 * is small and versioned, and beside the state path the only thing a migration touches.
 * Does not own: how an observation changes them (`learn.ts`).
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import type {
  ClusterProjection,
  DcsMode,
  ObjectProjection,
  ObjectRef,
  OperatorConfig,
  PublishedStatus,
  SecretDigest,
} from './observations.ts';
import type { Difference, IntentType } from './intents.ts';
import type { Problem } from './plan.ts';
import type { OneShot } from '../shared/names.ts';

/** An object and when its present projection was first seen (milliseconds, stamp of the row). */
export interface ObjectFact {
  readonly object: ObjectProjection;
  readonly since: number;
  /** What differed from the sight before; kept for the sentence that explains a repair. */
  readonly changed: readonly string[];
}

/** Whether the picture is whole. Anything but `known` lets no guard say yes or no. */
export type Knowledge =
  | { readonly type: 'known'; readonly since: number }
  | { readonly type: 'unknown'; readonly since: number; readonly because: string };

export interface World {
  readonly knowledge: Knowledge;
  /** Sources that went stale, sorted by name; empty when all are fresh. */
  readonly stale: readonly string[];
  readonly cluster: { readonly seen: ClusterProjection; readonly since: number } | null;
  readonly config: OperatorConfig | null;
  /** By `Kind/name`. */
  readonly objects: Readonly<Record<string, ObjectFact>>;
  /** Since when the leader object has been silent for longer than ttl; null while it is heard. */
  readonly leaderSilentSince: number | null;
}

/** The spec that was valid and permitted when it was taken, and is being held true. */
export interface AcceptedSpec {
  readonly generation: number;
  readonly spec: PostgresClusterSpec;
}

/** Parameters of a member, as pg_settings shows them. */
export interface VerifiedMember {
  /** uid of the pod that was asked. */
  readonly uid: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** Why a spec did not become true, and of which generation. */
export interface FailedRollout {
  readonly generation: number;
  readonly problem: Problem;
}

/** A rollout that was taken back while nothing spoke against its spec, and how often in a row that came of it. */
export interface SilentRollout {
  readonly generation: number;
  readonly tries: number;
}

/** What was asked for once and is being done. Nothing is done for it before the API server has acknowledged its token. */
export interface ActiveRequest {
  readonly kind: OneShot;
  /** The annotation's value, at most its first 256 characters. */
  readonly token: string;
  /** The member that it names; null when it names none. */
  readonly member: string | null;
  /** Who led when it was taken, and on which timeline: whoever leads otherwise has taken over since. */
  readonly leader: string;
  readonly timeline: number | null;
  /** Members that something is to be done at. */
  readonly members: readonly string[];
  /** When PostgreSQL on a member had started as it was asked first, by member; `none` where it did not run. */
  readonly started: Readonly<Record<string, string>>;
  /** Members at which it is done. */
  readonly done: readonly string[];
  /** It follows from what Secrets say; `token` is a sentence, and nobody has to acknowledge it. */
  readonly unasked?: true;
  /** What is to go of a member that is lost for good. */
  readonly lost?: LostMember;
}

/** A member's claim and pod as they were when their replacement was taken: uids, null where there was none. */
export interface LostMember {
  readonly claim: string | null;
  readonly pod: string | null;
  /** Who leads was read from the API server since, and is somebody else. */
  readonly confirmed: boolean;
}

/** What is known of the cluster's passwords; never a value. */
export interface CredentialsMemory {
  /** Which ones pods are to run with; null for those that the cluster was made with. */
  readonly revision: string | null;
  /** What the Secrets said when all of them agreed and nothing was under way; null before that was seen. */
  readonly settled: SecretDigest | null;
  /** What roles were told last, and by whom: on another leader or timeline it may be lost. */
  readonly set: (SecretDigest & { readonly leader: string; readonly timeline: number | null }) | null;
}

/** Why what was asked for once is not done. Its token is handled all the same: it is asked anew with another one. */
export interface RefusedRequest {
  readonly token: string;
  /** Machine word, e.g. `NoCandidate`. */
  readonly reason: string;
  /** What stands in the way, and what to do next. */
  readonly message: string;
}

/** An edit that is valid and may not begin yet. */
export interface HeldEdit {
  readonly generation: number;
  readonly by: 'Observe' | 'Paused' | 'PendingApproval' | 'Window' | 'Turn';
  /** What is waited for, as a sentence. */
  readonly message: string;
  /** When it is asked again by itself, in milliseconds since 1970; null when somebody has to do something. */
  readonly until: number | null;
  /** Of one that waits for its turn: what the fleet is asked. */
  readonly turn?: WaitingTurn;
}

/** What is to begin when its turn has come. */
export interface WaitingTurn {
  /** `generation 7`, or `credentials-` and what Secrets say. */
  readonly subject: string;
  /** The same text for the same change of any cluster; null where no two are the same. */
  readonly change: string | null;
  /** Somebody has said yes to it, however it went elsewhere. */
  readonly isApproved: boolean;
}

/** What the fleet said of a cluster's turn last, and what became of it (`tables/turns.ts`). */
export interface Turn {
  readonly subject: string;
  readonly change: string | null;
  readonly state: 'granted' | 'queued' | 'stopped' | 'went-well' | 'went-badly';
  /** One clause. */
  readonly because: string;
}

/** What the API server answered to our last apply: the fields our manager owns hash to this. */
export interface Expected {
  readonly uid: string;
  readonly ownedHash: string | null;
  /** Hash of the text that was applied; null when only the live object is known (after amnesia). */
  readonly renderHash: string | null;
  /** Foreign paths that stood there still when their removal had been answered: the server itself puts them there. */
  readonly tolerated?: readonly string[];
}

/** An intent without an outcome that ends it. */
export interface OpenIntent {
  readonly seq: number;
  readonly ordinal: number;
  readonly type: IntentType;
  readonly target: ObjectRef;
  /** uid the intent was meant for; null where it names none. */
  readonly uid: string | null;
  /** Text hash of what is being written, for applies and status. */
  readonly textHash: string | null;
  readonly since: number;
  /** Of a status: the tokens it tells; else null. */
  readonly handled: Memory['handled'] | null;
  /** What it puts right; absent where it is no repair. */
  readonly diff?: Difference;
}

/** The last that Kubernetes warned of at an object, in an Event. */
export interface Warning {
  readonly uid: string;
  /** Kubernetes' word: `FailedMount`. */
  readonly reason: string;
  readonly message: string;
}

/** The room on a member's volume, as its pod said last. */
export interface Room {
  /** uid of the pod that was asked. */
  readonly uid: string;
  /** How large its claim said the volume is: one that has grown since has more room. */
  readonly capacity: string | null;
  /** Bytes that PostgreSQL can still write, and all that there are; null where it could not say. */
  readonly bytes: { readonly free: number; readonly total: number } | null;
  /** Answers in a row that said the same of whether it is full. */
  readonly times: number;
}

/** A leader that keeps its key and cannot lead for want of room: its pod goes, once, so that another one can. */
export interface Relief {
  readonly member: string;
  /** uid of the pod that goes. */
  readonly uid: string;
}

/** An effect that is had again and again, because somebody else undoes it. */
export interface Loop {
  /** How often, by field. */
  readonly times: Readonly<Record<string, number>>;
  /** Who undoes it, as the API server names them, sorted; empty where it does not say. */
  readonly by: readonly string[];
  readonly since: number;
}

/** Failures of one target since its last success. */
export interface Failure {
  readonly count: number;
  /** Machine word, e.g. `Forbidden`. */
  readonly reason: string;
  readonly message: string;
  /** True: the API server will refuse the same request again; wait for a change or the long back-off. */
  readonly permanent: boolean;
  /** How often in a row it was refused for good; absent while it was not. */
  readonly refusals?: number;
  readonly since: number;
  /** Not again before timer `retry/<target key>` has fired. */
  readonly waiting: boolean;
  /** A precondition failed or the outcome is unknown: one read by name must tell what is there. */
  readonly needsRead: boolean;
}

export interface ArmedTimer {
  readonly dueAt: number;
  readonly because: string;
}

export interface ConditionMemory {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** Milliseconds of the row in which `status` last changed. */
  readonly since: number;
  readonly observedGeneration: number;
}

/** Bumped with every change of Memory's shape, together with a migration in `history.ts`. */
export const memoryVersion = 1;

export interface Memory {
  readonly version: typeof memoryVersion;
  readonly accepted: AcceptedSpec | null;
  /** Resolved once, never re-derived: two modes at once are split brain. */
  readonly dcs: DcsMode | null;
  readonly image: string | null;
  /** While a spec is rolled out that names an image and the one before did not: the image chosen for that one. */
  readonly chosenImage?: string;
  /** Absent unless the accepted spec was taken while nobody wrote, and nobody has since: what was true before is no way back. */
  readonly takenWhileDown?: { readonly generation: number };
  /** Set at the first writable leader; from then on the cluster is bootstrapped. */
  readonly systemIdentifier: string | null;
  readonly rolledOutGeneration: number | null;
  /** The last spec that was true of every member: where a rollout that fails goes back to. */
  readonly rolledOut: AcceptedSpec | null;
  /** The newest rollout that failed; its generation is not tried again, unless `silentRollout` has it too. */
  readonly failedRollout: FailedRollout | null;
  /** Absent unless the newest generation once ended in silence: then it may be nobody's fault, and is tried again. */
  readonly silentRollout?: SilentRollout;
  /** Parameters the cluster was made with: they stand in the pod template, and an edit of them must not make pods anew. */
  readonly bootstrapParameters: Readonly<Record<string, string>> | null;
  /** A configuration of Patroni's was written and not every member is known to follow it. */
  readonly configuring: boolean;
  /** A member's own settings as it was asked last, by pod name. */
  readonly verified: Readonly<Record<string, VerifiedMember>>;
  /** By `Kind/name`. */
  readonly expected: Readonly<Record<string, Expected>>;
  /** By target key. */
  readonly open: Readonly<Record<string, OpenIntent>>;
  /** By target key. */
  readonly failures: Readonly<Record<string, Failure>>;
  /** By target key; absent while nothing was put right for an hour (`tables/loops.ts`). */
  readonly loops?: Readonly<Record<string, Loop>>;
  /** By `Kind/name`, while the object is waited for and does not say itself what it misses; absent while there is none. */
  readonly warnings?: Readonly<Record<string, Warning>>;
  /** By member, while its PostgreSQL cannot do what it should; absent while nobody was asked (`room.ts`). */
  readonly rooms?: Readonly<Record<string, Room>>;
  /** By member, uid of a pod whose PostgreSQL could not be started and has not run since; absent while there is none. */
  readonly failedStarts?: Readonly<Record<string, string>>;
  /** Members that are away and that nobody expects to be, sorted; absent while there are none (`missed.ts`). */
  readonly missed?: readonly string[];
  /** Until somebody leads; absent while it is not called for (`tables/full-volume.ts`). */
  readonly relief?: Relief;
  readonly retryCount: number;
  readonly lastError: string | null;
  readonly lastErrorAt: number | null;
  readonly handled: Readonly<Record<string, string>>;
  /** Where the application's database was last known to be: on another timeline it may be lost; null when that is not known. */
  readonly database: { readonly timeline: number | null } | null;
  /** The newest edit while it may not begin. */
  readonly held: HeldEdit | null;
  /** One at a time; the others wait. */
  readonly request: ActiveRequest | null;
  /** By kind, until another of that kind is taken. */
  readonly refused: Readonly<Record<string, RefusedRequest>>;
  readonly credentials: CredentialsMemory;
  /** Absent while the fleet was not asked. */
  readonly turn?: Turn;
  readonly timers: Readonly<Record<string, ArmedTimer>>;
  /** Deadlines that have passed, by timer id, until the state that set them is left. */
  readonly expired: readonly string[];
  readonly conditions: Readonly<Record<string, ConditionMemory>>;
  readonly previousReplicas: number | null;
  /** Last leader that was writable, and since when there has been none. */
  readonly leader: { readonly name: string; readonly timeline: number | null } | null;
  readonly leaderLostAt: number | null;
  readonly stateSince: number;
  /** Generation that was in force when Failed was entered: Failed is left by SpecChanged only for a newer one. */
  readonly failedGeneration: number | null;
  /** What was last published: text hash and when; null before the first status write. */
  readonly published: {
    readonly textHash: string;
    readonly urgentHash: string;
    readonly at: number;
    /** Tokens that the API server has acknowledged. */
    readonly handled: Readonly<Record<string, string>>;
  } | null;
  /** What the API server held at first sight; dropped once learned from. */
  readonly found: PublishedStatus | null;
  /** Retained objects marked, or marks stripped, during a deletion: keys. */
  readonly marked: readonly string[];
  /** True when this cluster came up without its journal. */
  readonly amnesia: boolean;
  /** Kubernetes Events waiting to be sent, oldest first; bounded. */
  readonly events: readonly {
    readonly reason: string;
    readonly note: string;
    readonly severity: 'Normal' | 'Warning';
  }[];
}

export interface Facts {
  readonly world: World;
  readonly memory: Memory;
}

/** Everything an actor is: the chart's state as a path, and its facts. JSON-plain. */
export interface Snapshot {
  readonly machine: 'cluster';
  readonly state: string;
  readonly facts: Facts;
}
