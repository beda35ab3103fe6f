/**
 * Owns: the types in which `src/resources` tells the machine what a spec means: what is wrong with it, and which objects
 * it asks for, completely rendered. Computed by the decision layer from facts, memoised, never stored.
 */
import type { ComparedValue } from '../shared/answer.ts';
import type { Json, JsonRecord } from '../shared/json.ts';
import type { DcsMode, ObjectRef, WatchedKind } from './observations.ts';

export type { Json, JsonRecord };

/** A fault in the spec, for condition ConfigurationValid. */
export interface Problem {
  /** Path in the manifest: `spec.postgresqlParams.work_mem`. */
  readonly field: string;
  /** The value as given, shortened, never a secret. */
  readonly value: ComparedValue;
  /** The rule it breaks, as a clause: `must be an integer from 64 to 2147483647 kB`. */
  readonly rule: string;
}

/** A parameter of the spec that Patroni keeps in its dynamic configuration. */
export interface DynamicParameter {
  /** Exactly as the spec gives it. */
  readonly value: string;
  /** As pg_settings shows it, in the setting's own unit; null when only PostgreSQL could tell. */
  readonly effective: string | null;
  /** Takes effect only when PostgreSQL starts. */
  readonly needsRestart: boolean;
  /** Must never be lower on a replica than on the primary. */
  readonly replicasFirst: boolean;
}

/** Labels and annotations that a spec asks of the members' pods. */
export interface PodMetadata {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Text of the annotation that says so on the pod: a hash, and the keys; null when nothing is asked. */
  readonly mark: string | null;
}

/** One value that the executor generates when it creates a Secret. */
export interface GeneratedKey {
  readonly key: string;
  readonly generator:
    /** Random text of letters and digits. */
    | { readonly type: 'password'; readonly length: number }
    /** A fixed, public text. */
    | { readonly type: 'literal'; readonly value: string }
    /** The value of another key of this Secret or of another one of this cluster. */
    | { readonly type: 'copy'; readonly secret: string; readonly key: string }
    /** Text with `{{key}}` references to other keys of this Secret, percent-encoded for a URI. */
    | { readonly type: 'uri'; readonly template: string };
}

/** An object as the spec wants it. */
export interface DesiredObject {
  readonly ref: ObjectRef & { readonly kind: WatchedKind };
  readonly apiVersion: string;
  /** Plural, as in the URL. */
  readonly resource: string;
  /** Complete body in fixed key order, with holes. */
  readonly body: Json;
  /** Hash of the body's text with holes left open: equal text, equal hash. */
  readonly renderHash: string;
  /** B: create-only apply. C: a Secret with generated values, never rewritten. */
  readonly creation: 'B' | 'C';
  readonly generated: readonly GeneratedKey[];
  /** `full`: any drift of owned or foreign fields is repaired. `none`: Secrets and claims, whose content is not ours to restore. */
  readonly repair: 'full' | 'none';
  /** A change of it may restart or stop members. */
  readonly disruptive: boolean;
  /** Carries a controller owner reference, so automatic garbage collection may take it. */
  readonly leaf: boolean;
  /** Keys (`Kind/name`) of objects that must exist before this one is created. */
  readonly after: readonly string[];
  /** Step of the deletion order, lower first; see `tables/deletion.ts`. */
  readonly deletion:
    | 'statefulset'
    | 'disruption-budget'
    | 'service'
    | 'dcs'
    | 'access'
    | 'configuration'
    | 'claim'
    | 'secret';
}

/** What the accepted spec means on these facts. */
export interface Plan {
  readonly problems: readonly Problem[];
  readonly image: string | null;
  readonly dcs: DcsMode;
  /** Empty when there are problems that forbid creation. */
  readonly objects: readonly DesiredObject[];
  readonly database: { readonly name: string; readonly owner: string };
  /** Hash of the pod specification, as pods made from it bear it. */
  readonly template: string;
  /** What its metadata bears, on pods that run too. */
  readonly podMetadata: PodMetadata;
  /** What Patroni's dynamic configuration shall say, as far as it is ours to say. */
  readonly dynamic: JsonRecord;
  /** Parameters among it, by name in lower case. */
  readonly parameters: Readonly<Record<string, DynamicParameter>>;
  /** Parameters of the spec rolled out last that are not among them any more. */
  readonly removed: Readonly<Record<string, DynamicParameter>>;
}
