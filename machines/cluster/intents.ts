/**
 * Owns: the union of everything the machine may wish, and of each wish its effect class. An intent is data: the decision
 * layer renders its complete request before the journal sees it. A new type without class, renderer, executor and
 * recovery rule does not compile (mapped types over IntentType).
 *
 * Classes (`docs/architecture.md`): A1 declarative, benign; A2 declarative, disruptive (uid and resourceVersion as
 * preconditions); B first creation; C generated content; D destructive; E foreign, not idempotent; F status and
 * Kubernetes Events; R a read, which changes nothing.
 */
import type { ObjectRef, SecretDigest } from './observations.ts';
import type { JsonRecord } from './plan.ts';

export type EffectClass = 'A1' | 'A2' | 'B' | 'C' | 'D' | 'E' | 'F' | 'R';

/** Effect class of each intent type. */
export const effectClasses = {
  AddFinalizer: 'A1',
  ReleaseFinalizer: 'A1',
  CreateObject: 'B',
  CreateSecret: 'C',
  RepairObject: 'A1',
  RepairStatefulSet: 'A2',
  RemoveForeignFields: 'A2',
  AdoptObject: 'A2',
  MarkRetained: 'A2',
  StripMarks: 'A2',
  ReleaseObject: 'A2',
  DeleteObject: 'D',
  CompareObject: 'R',
  ReadObject: 'R',
  ReadEvents: 'R',
  CreateDatabase: 'E',
  PatchPatroniConfig: 'A2',
  RequestSwitchover: 'A2',
  RestartPostgres: 'E',
  ReloadPostgres: 'E',
  ReinitializeMember: 'E',
  VerifyParameters: 'R',
  MeasureVolume: 'R',
  LabelPod: 'A2',
  GrowVolume: 'A2',
  SetPasswords: 'E',
  WriteSecret: 'A2',
  PublishStatus: 'F',
  EmitEvent: 'F',
} as const satisfies Record<string, EffectClass>;

export type IntentType = keyof typeof effectClasses;

/** What somebody else changed, and who. Field paths as a human writes them. */
export interface Difference {
  readonly fields: readonly string[];
  /** Field managers, where the API server names them. */
  readonly by: readonly string[];
}

/** An effect that puts right what somebody changed says what; left out where nobody did. */
interface PutsRight {
  readonly diff?: Difference;
}

interface Wish<T extends IntentType> {
  readonly type: T;
  readonly target: ObjectRef;
  /** One clause for a human: why this is wished now. */
  readonly because: string;
}

/** Preconditions: the target's uid as it was seen. The resourceVersion is looked up by the decision and recorded. */
interface OnExisting {
  readonly uid: string;
}

export type Intent =
  /** Our finalizer on the PostgresCluster, added without touching anyone else's. */
  | (Wish<'AddFinalizer'> & OnExisting)
  | (Wish<'ReleaseFinalizer'> & OnExisting)
  /** Create-only apply of a rendered object. */
  | Wish<'CreateObject'>
  /** Create-only apply of a Secret whose values are generated in the executor. */
  | Wish<'CreateSecret'>
  /** Forced apply of the rendered object over drift. */
  | (Wish<'RepairObject'> & OnExisting & PutsRight)
  | (Wish<'RepairStatefulSet'> & OnExisting & PutsRight)
  /** JSON patch that removes what foreign managers added to fields we state. */
  | (Wish<'RemoveForeignFields'> & OnExisting & PutsRight & { readonly paths: readonly string[] })
  /** Takes a retained object over: its uid mark becomes ours. */
  | (Wish<'AdoptObject'> & OnExisting)
  /** Labels a claim or Secret as retained, with system identifier and major. */
  | (Wish<'MarkRetained'> & OnExisting)
  /** Removes our finalizer and uid mark, so that the object can live on without us. */
  | (Wish<'StripMarks'> & OnExisting)
  /** Removes only our finalizer from an object that is on its way out. */
  | (Wish<'ReleaseObject'> & OnExisting)
  /** With `graceSeconds`: a pod that ends within that; with none left it is taken away whether its node answers or not. */
  | (Wish<'DeleteObject'> & OnExisting & { readonly graceSeconds?: number })
  /** Dry-run apply: learns what our manager would own, when the expected hash is not known. */
  | (Wish<'CompareObject'> & OnExisting)
  /** One GET by name, after an unknown outcome. */
  | Wish<'ReadObject'>
  /** What Kubernetes warned of last at this object. */
  | (Wish<'ReadEvents'> & OnExisting)
  /** Application role and database, through the local socket of the primary. */
  | (Wish<'CreateDatabase'> & { readonly database: string; readonly owner: string })
  /** Patroni's dynamic configuration, written whole onto its object as it was read. */
  | (Wish<'PatchPatroniConfig'> & OnExisting & PutsRight & { readonly config: JsonRecord })
  /** Asks Patroni, through its own object, to hand the leader key over; uid null while there is no such object. */
  | (Wish<'RequestSwitchover'> & { readonly uid: string | null; readonly leader: string; readonly candidate: string })
  /** PostgreSQL in a member starts anew, by Patroni: if a restart is pending, or, with `started`, if it runs since then. */
  | (Wish<'RestartPostgres'> & OnExisting & { readonly started: string | null })
  /** A member reads its configuration again. */
  | (Wish<'ReloadPostgres'> & OnExisting)
  /** A replica throws its data away and copies the leader's, if its PostgreSQL runs since `started`, or runs not. */
  | (Wish<'ReinitializeMember'> & OnExisting & { readonly started: string })
  /** Asks a member which values these parameters have. */
  | (Wish<'VerifyParameters'> & OnExisting & { readonly names: readonly string[] })
  /** Asks a member how much room its volume has left. */
  | (Wish<'MeasureVolume'> & OnExisting)
  /** A claim asks for a larger volume. */
  | (Wish<'GrowVolume'> & OnExisting & { readonly size: string })
  /** Labels and annotations of the spec onto a pod that runs; those that left the spec come off. */
  | (Wish<'LabelPod'> & OnExisting & PutsRight)
  /** Roles are told what the Secrets say that people read, through the local socket of the primary. */
  | (Wish<'SetPasswords'> & OnExisting & { readonly owner: string })
  /** Values of a Secret of this cluster, made or copied in the executor. */
  | (Wish<'WriteSecret'> & OnExisting & { readonly write: SecretWrite })
  | Wish<'PublishStatus'>
  | (Wish<'EmitEvent'> & { readonly reason: string; readonly note: string; readonly severity: 'Normal' | 'Warning' });

/** What is written into a Secret. Values that are copied must still be those that were seen, or nothing is written. */
export type SecretWrite =
  /** New values; the token that asked for them is left on the Secret. */
  | { readonly type: 'generate'; readonly token: string }
  /** Into the Secret in force, once roles were told; `renews`: pods have to start anew to follow. */
  | { readonly type: 'enforce'; readonly renews: boolean; readonly seen: SecretDigest }
  /** Into a Secret that people read: what is missing, and what follows from its passwords. */
  | { readonly type: 'complete'; readonly seen: SecretDigest };

/** Identity of a target: at most one open intent stands for each. Status and Events have places of their own. */
export function targetKey(intent: Pick<Intent, 'type' | 'target'>): string {
  if (intent.type === 'PublishStatus') return 'Status';
  if (intent.type === 'EmitEvent') return `Event/${intent.target.name}`;
  if (intent.type === 'CreateDatabase') return `Database/${intent.target.name}`;
  if (intent.type === 'RequestSwitchover') return `Switchover/${intent.target.name}`;
  if (intent.type === 'RestartPostgres') return `Restart/${intent.target.name}`;
  if (intent.type === 'ReloadPostgres') return `Reload/${intent.target.name}`;
  if (intent.type === 'SetPasswords') return `Passwords/${intent.target.name}`;
  if (intent.type === 'ReinitializeMember') return `Reinitialize/${intent.target.name}`;
  if (intent.type === 'LabelPod') return `Labels/${intent.target.name}`;
  if (intent.type === 'VerifyParameters') return `Verify/${intent.target.name}`;
  if (intent.type === 'MeasureVolume') return `Room/${intent.target.name}`;
  if (intent.type === 'ReadObject') return `Read/${objectKey(intent.target)}`;
  if (intent.type === 'ReadEvents') return `Events/${objectKey(intent.target)}`;
  if (intent.type === 'CompareObject') return `Compare/${objectKey(intent.target)}`;
  return objectKey(intent.target);
}

/** Key of an object in `world.objects` and `memory.expected`: `Kind/name`. */
export function objectKey(ref: ObjectRef): string {
  return `${ref.kind}/${ref.name}`;
}
