/**
 * Owns: what became of one edit of a cluster, from its rows: which effects it had, in which order, what became of the members,
 * who handed over to whom, what users noticed, and how it ended. The rows may be those of a real operator or of one in a
 * simulated world: a plan is compared with what happened by asking this of both. Pure.
 */
import { problemText, sentence, type Assessed } from '#machines/cluster/conditions.ts';
import { driftOf } from '#machines/cluster/objects.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import { leaderOf } from '#machines/cluster/members.ts';
import type { Outcome } from '#machines/cluster/observations.ts';
import { isHeldBack, rank, type DisruptionClass } from '#machines/cluster/tables/permission.ts';
import { shownHold } from '#machines/cluster/tables/turns.ts';
import type { Decision, IntentRecord } from '#src/decision/record.ts';
import { contentOf, decisionOf, type Core } from '#src/replay/redecide.ts';
import { walk, type WalkInput } from '#src/replay/walk.ts';
import type { RecordRow } from '#src/journal/record.ts';

/** An effect that was not in vain. */
export interface EditEffect {
  /** Where it was decided: the row, and when. Of a plan there is none. */
  readonly decided?: { readonly seq: number; readonly at: number };
  readonly type: string;
  /** `Kind/name`. */
  readonly target: string;
  readonly because: string;
}

/** What became of a member. */
export type Fate = 'added' | 'removed' | 'pod made anew' | 'PostgreSQL started anew' | 'copied anew';

/** How an edit ended, or stands. */
export type EditEnd =
  /** It is true of every member. */
  | { readonly type: 'rolled out' }
  /** It was begun, could not become true, and what was true before was put back. */
  | { readonly type: 'taken back'; readonly because: string }
  /** It is not taken. */
  | { readonly type: 'refused'; readonly because: string }
  /** It may not begin yet. */
  | { readonly type: 'held'; readonly because: string }
  | { readonly type: 'under way'; readonly because: string };

export interface EditOutcome {
  readonly effects: readonly EditEffect[];
  readonly members: readonly { readonly member: string; readonly fate: Fate }[];
  readonly switchovers: readonly { readonly from: string; readonly to: string }[];
  /** What users noticed. */
  readonly disruption: DisruptionClass;
  readonly end: EditEnd;
}

/** Which rows are meant. */
export interface EditRows extends WalkInput<RecordRow> {
  /** The row in which the edit was seen. */
  readonly fromSeq: number;
}

/** Effects that change nothing, or tell only. */
const quiet: ReadonlySet<string> = new Set(['R', 'F']);

/** Endings of an effect that did nothing: it is sent again, or is not needed any more. */
const vain: ReadonlySet<Outcome['type']> = new Set(['conflict', 'transient', 'withheld', 'absent']);

interface Sent {
  readonly effect: EditEffect;
  readonly ordinal: number;
  ended: Outcome['type'] | null;
}

function effectOf(row: RecordRow, { type, target, because }: IntentRecord): EditEffect {
  return { decided: { seq: row.seq, at: row.at }, type, target: `${target.kind}/${target.name}`, because };
}

function podUids(facts: Facts | null): ReadonlyMap<string, string> {
  const pods = Object.values(facts?.world.objects ?? {}).flatMap(({ object }): [string, string][] =>
    object.kind === 'Pod' && !object.deleting ? [[object.name, object.uid]] : [],
  );
  return new Map(pods);
}

function writer(facts: Facts | null): string | null {
  if (facts === null) return null;
  const { name, writable } = leaderOf(facts);
  return writable ? name : null;
}

/** What is gathered on the way. */
interface Account {
  readonly sent: Sent[];
  /** By member; the gravest that happened to it. */
  readonly fates: Map<string, Fate>;
  readonly switchovers: { readonly from: string; readonly to: string }[];
  readonly first: ReadonlyMap<string, string>;
  readonly alone: boolean;
  writer: string | null;
  most: DisruptionClass;
}

function notice(account: Account, disruption: DisruptionClass): void {
  const worse = disruption === 'Switchover' && account.alone ? 'Outage' : disruption;
  if (rank(worse) > rank(account.most)) account.most = worse;
}

const restarting: Readonly<Record<string, Fate>> = {
  RestartPostgres: 'PostgreSQL started anew',
  ReinitializeMember: 'copied anew',
};
const reloading: ReadonlySet<string> = new Set(['PatchPatroniConfig', 'ReloadPostgres']);

function heard(account: Account, { observation }: Decision): void {
  if (observation.type !== 'OutcomeArrived') return;
  const { seq, ordinal, outcome, target, intent } = observation;
  const found = account.sent.find((each) => each.effect.decided?.seq === seq && each.ordinal === ordinal);
  if (found === undefined) return;
  found.ended = outcome.type;
  if (vain.has(outcome.type) || outcome.type === 'refused') return;
  if (reloading.has(intent)) notice(account, 'Reload');
  const fate = restarting[intent];
  if (fate === undefined) return;
  if (!account.fates.has(target.name)) account.fates.set(target.name, fate);
  notice(account, target.name === account.writer ? 'Switchover' : 'ReplicaRestart');
}

function watched(account: Account, facts: Facts): void {
  const now = podUids(facts);
  for (const [name, uid] of now) {
    const before = account.first.get(name);
    if (before === undefined) account.fates.set(name, 'added');
    else if (before !== uid) account.fates.set(name, 'pod made anew');
  }
  for (const name of account.first.keys()) {
    if (now.has(name)) {
      if (account.fates.get(name) === 'removed') account.fates.delete(name);
      continue;
    }
    account.fates.set(name, 'removed');
    notice(account, name === account.writer ? 'Switchover' : 'ReplicaRestart');
  }
  const writes = writer(facts);
  if (writes === null || writes === account.writer) return;
  if (account.writer !== null) {
    account.switchovers.push({ from: account.writer, to: writes });
    notice(account, 'Switchover');
  }
  account.writer = writes;
}

const statusKeys = /^(Status$|Event\/)/;

/** Nothing that was sent is without an answer but what only tells, and objects are as the spec wants them. */
function isQuiet({ facts, plan }: Assessed): boolean {
  const { memory } = facts;
  if (memory.request !== null || !Object.keys(memory.open).every((key) => statusKeys.test(key))) return false;
  return isHeldBack(facts) || plan.objects.every((desired) => driftOf(facts, desired).type === 'none');
}

function endOf(core: Core, facts: Facts, state: string): { readonly end: EditEnd; readonly isFinal: boolean } {
  const { memory, world } = facts;
  const generation = world.cluster?.seen.generation ?? 0;
  const view = core.assess({ machine: 'cluster', state, facts });
  const isFinal = state === 'Alive.Running' && isQuiet(view);
  const { failedRollout, accepted, rolledOutGeneration } = memory;
  const held = shownHold(memory);
  if (failedRollout !== null && failedRollout.generation === generation)
    return { end: { type: 'taken back', because: problemText(failedRollout.problem) }, isFinal };
  const [problem] = view.specProblems;
  if (problem !== undefined)
    return { end: { type: 'refused', because: view.specProblems.map(problemText).join('; ') }, isFinal };
  if (held !== null) return { end: { type: 'held', because: held.message }, isFinal: false };
  if (isFinal && accepted?.generation === generation && rolledOutGeneration === generation)
    return { end: { type: 'rolled out' }, isFinal: true };
  return { end: { type: 'under way', because: sentence(view) }, isFinal: false };
}

/** The next edit: what follows is no longer of this one. */
function isAnotherEdit({ observation }: Decision, before: Facts | null): boolean {
  if (observation.type !== 'ClusterSeen') return false;
  return observation.cluster.generation !== (before?.world.cluster?.seen.generation ?? observation.cluster.generation);
}

/** Effects that count: those in vain left out, and those of which nobody knows, where they were sent again. */
function counted(sent: readonly Sent[]): readonly EditEffect[] {
  return sent
    .filter(({ effect, ended }, index) => {
      if (ended === null) return true;
      if (vain.has(ended)) return false;
      const again = (each: Sent): boolean => each.effect.type === effect.type && each.effect.target === effect.target;
      return ended !== 'unknown' || !sent.slice(index + 1).some(again);
    })
    .map(({ effect }) => effect);
}

/**
 * What became of an edit, as far as the rows tell.
 * @returns null when the row is not among them
 */
export function outcomeOfEdit(core: Core, { fromSeq, ...input }: EditRows): EditOutcome | null {
  let account: Account | null = null;
  let end: EditEnd | null = null;
  for (const { row, before, after } of walk(core, input)) {
    if (row.seq < fromSeq) continue;
    const facts = after?.snapshot.facts ?? null;
    if (facts === null || after === null || contentOf(row.kind) !== 'decision') continue;
    const was = before?.snapshot.facts ?? null;
    account ??= {
      sent: [],
      fates: new Map(),
      switchovers: [],
      first: podUids(was),
      alone: (was?.memory.accepted?.spec.replicas ?? 0) === 1,
      writer: writer(was),
      most: 'None',
    };
    const decision = decisionOf(row, input.getBlob);
    if (row.seq > fromSeq && isAnotherEdit(decision, was)) break;
    heard(account, decision);
    for (const intent of decision.intents)
      if (!quiet.has(intent.class))
        account.sent.push({ effect: effectOf(row, intent), ordinal: intent.ordinal, ended: null });
    watched(account, facts);
    const stands = endOf(core, facts, after.snapshot.state);
    end = stands.end;
    if (stands.isFinal) break;
  }
  if (account === null || end === null) return null;
  const { fates, switchovers, most } = account;
  const members = [...fates].map(([member, fate]) => ({ member, fate }));
  return { effects: counted(account.sent), members, switchovers, disruption: most, end };
}
