/** Owns: the shape of a step on the way to what was asked: what is sent now, or who is waited for. */
import type { Facts } from '../facts.ts';
import type { SecretWrite } from '../intents.ts';
import type { Member } from '../members.ts';
import type { ObjectRef } from '../observations.ts';
import type { JsonRecord, Plan } from '../plan.ts';

export type RolloutStage = 'growing' | 'configuring' | 'restarting' | 'replacing' | 'switching' | 'rebuilding' | 'done';

/** What to send now; `none` while something is awaited. */
export type RolloutAct =
  | { readonly type: 'none' }
  | { readonly type: 'grow'; readonly claims: readonly string[] }
  | { readonly type: 'label'; readonly members: readonly string[] }
  | { readonly type: 'configure'; readonly config: JsonRecord }
  | { readonly type: 'verify'; readonly members: readonly string[] }
  /** With `started`: only while PostgreSQL there runs since then. */
  | { readonly type: 'restart'; readonly member: string; readonly started: string | null }
  | { readonly type: 'reload'; readonly members: readonly string[] }
  | { readonly type: 'reinitialize'; readonly member: string; readonly started: string }
  | { readonly type: 'replace'; readonly member: string }
  /** Who leads is read by name. */
  | { readonly type: 'confirm' }
  /** A claim, or a pod in so many seconds, that is lost for good. */
  | { readonly type: 'discard'; readonly target: ObjectRef; readonly uid: string; readonly graceSeconds: number | null }
  | { readonly type: 'passwords'; readonly leader: string; readonly owner: string }
  | { readonly type: 'secrets'; readonly writes: readonly NamedWrite[] }
  | { readonly type: 'switchover'; readonly leader: string; readonly candidate: string };

/** A Secret of this cluster, and what is written into it. */
export interface NamedWrite {
  readonly secret: string;
  readonly write: SecretWrite;
}

export interface RolloutStep {
  readonly stage: RolloutStage;
  readonly act: RolloutAct;
  /** One clause: what is done, or what is awaited. */
  readonly because: string;
  /** The member that is waited for; null when none is. */
  readonly awaited: string | null;
}

/** What a step is chosen from. */
export interface Scene {
  readonly facts: Facts;
  readonly plan: Plan;
  readonly members: readonly Member[];
  readonly leader: string;
}

/** Nothing is sent. */
export const none: RolloutAct = { type: 'none' };
/** The same before and after it was sent: a sentence follows from what is, not from what was just wished. */
export const told = 'Patroni has to be told';

/** A step that waits. */
export function wait(stage: RolloutStage, because: string, awaited: string | null = null): RolloutStep {
  return { stage, act: none, because, awaited };
}

/** A step that sends something. */
export function act(
  stage: RolloutStage,
  step: RolloutAct,
  because: string,
  awaited: string | null = null,
): RolloutStep {
  return { stage, act: step, because, awaited };
}
