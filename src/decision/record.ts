/**
 * Owns: the shape of a decision as it stands in a journal row's `body`, and of a request as the executor gets it.
 * Released shapes live for ever: fields are only added, with a new type_version and an upcaster in `history.ts`.
 */
import type { Answer } from '#machines/shared/answer.ts';
import type { EffectClass, IntentType } from '#machines/cluster/intents.ts';
import type { ClusterObservation, ObjectRef, SecretDigest, WatchedKind } from '#machines/cluster/observations.ts';
import type { GeneratedKey } from '#machines/cluster/plan.ts';

/** uid and resourceVersion that were looked up for a request; replay answers from here. */
export interface Read {
  readonly kind: WatchedKind | 'PostgresCluster';
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Looks up the newest uid and resourceVersion of an object of this cluster; null when the cache has none. */
export type Versions = (kind: Read['kind'], name: string) => Omit<Read, 'kind' | 'name'> | null;

/** A guard that was asked, and what it said. */
export interface Asked extends Answer {
  readonly guard: string;
}

/** One arrow taken. */
export interface Move {
  readonly signal: string;
  readonly from: string;
  readonly to: string;
  /** Every signal asked before and including this one, in order of precedence. */
  readonly answers: readonly Asked[];
}

/** A request to the API server, complete but for its holes. */
export interface ApiRequest {
  readonly type: 'api';
  readonly method: 'PATCH' | 'POST' | 'DELETE' | 'GET';
  /** Absolute path on the API server, without query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly contentType: string | null;
  /** Body text with holes left open; the journal stores it as a blob. */
  readonly body: string | null;
  /** Secret values that the executor generates for `$secret` holes. */
  readonly generated: readonly GeneratedKey[];
  /** Values that are copied must have these digests, or nothing is sent; absent where none are expected. */
  readonly copies?: SecretDigest;
}

/** Statements through the local socket of a member's database container. */
export interface SqlRequest {
  readonly type: 'sql';
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Named procedure that the executor knows; its arguments are data, never a secret. */
  readonly procedure: 'ensure-application-database' | 'read-settings' | 'set-passwords';
  readonly arguments: Readonly<Record<string, string>>;
  /** Secret whose key holds the owner's password; null for a procedure that needs none. */
  readonly secret: { readonly name: string; readonly key: string } | null;
}

/** A request to Patroni's REST API, sent from within the member's own container, which knows the password. */
export interface PatroniRequest {
  readonly type: 'patroni';
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly method: 'POST';
  /** Such as `/restart`. */
  readonly path: string;
  /** JSON text. */
  readonly body: string;
  /** Only while PostgreSQL there runs since then, `none`: while it does not run; null: in any case. */
  readonly started: string | null;
}

/** A question to the operating system of a member's container; changes nothing. */
export interface CommandRequest {
  readonly type: 'command';
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Named procedure that the executor knows. */
  readonly procedure: 'measure-volume';
}

export type EffectRequest = ApiRequest | SqlRequest | PatroniRequest | CommandRequest;

/** An intent with its complete request. */
export interface IntentRecord {
  readonly ordinal: number;
  readonly type: IntentType;
  readonly class: EffectClass;
  readonly target: ObjectRef;
  readonly because: string;
  readonly request: EffectRequest;
}

export interface TimerSet {
  readonly id: string;
  readonly delayMs: number;
  /** `at` of the row plus delayMs. */
  readonly dueAt: number;
  /** Fraction of delayMs by which the firing may be late, drawn outside the decision. */
  readonly jitter: number;
  readonly because: string;
}

/** What one observation led to; the serialised form is the row's body. */
export interface Decision {
  readonly observation: ClusterObservation;
  readonly reads: readonly Read[];
  readonly moves: readonly Move[];
  readonly intents: readonly IntentRecord[];
  readonly timers: { readonly set: readonly TimerSet[]; readonly cleared: readonly string[] };
  /** State path after the fixpoint. */
  readonly to: string;
}

/** Coordinates of the row being decided: given by the actor, recorded as columns. */
export interface RowStamp {
  readonly epoch: number;
  readonly seq: number;
  /** Milliseconds since the Unix epoch, stamped once at the door. */
  readonly at: number;
}

/** `<cluster uid>-<epoch>-<seq>-<ordinal>`: Audit-ID of the request and value of the effect annotation. */
export function effectKey(clusterUid: string, stamp: Pick<RowStamp, 'epoch' | 'seq'>, ordinal: number): string {
  return `${clusterUid}-${stamp.epoch}-${stamp.seq}-${ordinal}`;
}
