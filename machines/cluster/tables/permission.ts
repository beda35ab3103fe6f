/**
 * Owns: whether an edit that takes a procedure may begin now, and what it would cost. An edit that may not is not accepted: the
 * cluster stays true to the spec before it, and status says what is waited for.
 *
 *   asked in this order            else held by
 *   mode is not Observe            Observe
 *   spec.paused is not set         Paused
 *   class <= maxDisruption,        PendingApproval
 *     or the generation is approved
 *   class <= Reload, no window     Window, until one opens
 *     is named, or one is open
 *   class <= Reload, no limit is   Turn, until the fleet grants one (`turns.ts`)
 *     set, or it is its turn
 *
 * I1. Going back to what was true before is never held: a rollout that failed is taken back by itself.
 * I2. A rollout that has begun goes on to its end, whatever closes meanwhile: half of it is worse.
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { isObject } from '../../shared/json.ts';
import { annotations, ordinalOf } from '../../shared/names.ts';
import type { Facts, HeldEdit } from '../facts.ts';
import { clusterName } from '../knowledge.ts';
import { leaderOf } from '../members.ts';
import type { Due } from './credentials.ts';
import { hasBegun, turnOfGeneration, turnRefusal } from './turns.ts';

/** What users notice, the least first. */
export const disruptionClasses = ['None', 'Reload', 'ReplicaRestart', 'Switchover', 'Outage'] as const;

export type DisruptionClass = (typeof disruptionClasses)[number];

/** What an edit makes necessary, field by field. */
export type Work = 'nothing' | 'reload' | 'restart' | 'replace';

export interface FieldWork {
  /** Such as `spec.image`. */
  readonly field: string;
  readonly work: Work;
}

/** When windows are open, as of a moment. */
export interface Windows {
  readonly isOpen: boolean;
  /** When one opens next, in milliseconds since 1970; null when none ever does. */
  readonly opensAt: number | null;
}

/** What `src/resources` says about an edit; pure in what it is given. */
export interface EditJudge {
  readonly work: (before: PostgresClusterSpec, wanted: PostgresClusterSpec) => readonly FieldWork[];
  readonly windows: (spec: PostgresClusterSpec, at: number) => Windows;
}

/** Place of a class among all; more is worse. */
export function rank(disruption: DisruptionClass): number {
  return disruptionClasses.indexOf(disruption);
}

/** The spec that says how the cluster is to be treated: the newest, or the accepted one while the newest cannot be read. */
export function controllingSpec({ world, memory }: Facts): PostgresClusterSpec | null {
  const seen = world.cluster?.seen;
  if (seen === undefined) return null;
  return seen.misfits === undefined ? seen.spec : (memory.accepted?.spec ?? seen.spec);
}

export function isPaused(facts: Facts): boolean {
  return controllingSpec(facts)?.paused === true;
}

/** Nothing is written but status. */
export function isObserving(facts: Facts): boolean {
  return controllingSpec(facts)?.mode === 'Observe';
}

/** Nothing planned is begun or gone on with. */
export function isHeldBack(facts: Facts): boolean {
  return isPaused(facts) || isObserving(facts);
}

function disruptionOf(work: Work, isAlone: boolean): DisruptionClass {
  switch (work) {
    case 'nothing':
      return 'None';
    case 'reload':
      return 'Reload';
    // The primary is out for as long as a start or a switchover takes; who is alone, for as long as a start takes.
    case 'restart':
    case 'replace':
      return isAlone ? 'Outage' : 'Switchover';
  }
}

function scalingOf(facts: Facts, members: number, wanted: number): DisruptionClass {
  if (wanted >= members) return 'None';
  const leader = leaderOf(facts).name ?? '';
  return ordinalOf(clusterName(facts), leader) >= wanted ? 'Switchover' : 'ReplicaRestart';
}

export interface Cost {
  readonly disruption: DisruptionClass;
  /** Fields that cause it. */
  readonly fields: readonly string[];
}

/** What one changed field costs. */
export interface FieldCost {
  readonly field: string;
  readonly disruption: DisruptionClass;
}

/** What going from one spec to the other costs, at most, for each field that takes a procedure. */
export function fieldCosts(
  facts: Facts,
  before: PostgresClusterSpec,
  wanted: PostgresClusterSpec,
  judge: Pick<EditJudge, 'work'>,
): readonly FieldCost[] {
  const members = before.replicas ?? 1;
  // Members that go are gone before the one that is left is made anew.
  const isAlone = Math.min(members, wanted.replicas ?? 1) === 1;
  return judge.work(before, wanted).map(({ field, work }) => ({
    field,
    disruption:
      field === 'spec.replicas' ? scalingOf(facts, members, wanted.replicas ?? 1) : disruptionOf(work, isAlone),
  }));
}

/** What going from one spec to the other costs, at most. */
export function costOf(
  facts: Facts,
  before: PostgresClusterSpec,
  wanted: PostgresClusterSpec,
  judge: Pick<EditJudge, 'work'>,
): Cost {
  const each = fieldCosts(facts, before, wanted, judge);
  const most = Math.max(0, ...each.map(({ disruption }) => rank(disruption)));
  const disruption = disruptionClasses[most] ?? 'Outage';
  return { disruption, fields: each.filter((one) => one.disruption === disruption).map(({ field }) => field) };
}

const free: Cost = { disruption: 'None', fields: [] };

/** What of two costs is higher. */
export function higher(one: Cost, other: Cost): Cost {
  return rank(other.disruption) > rank(one.disruption) ? other : one;
}

export interface Edit {
  /**
   * Specs from which members may have to go: the accepted one, and the one that is true of every member; none where that was
   * permitted already.
   */
  readonly from: readonly PostgresClusterSpec[];
  readonly to: PostgresClusterSpec;
}

/** What is to begin, and what it costs. */
interface Beginning {
  /** By this name the fleet is asked. */
  readonly turn: string;
  /** Such as `generation 7`. */
  readonly subject: string;
  readonly disruption: DisruptionClass;
  /** What takes that. */
  readonly causes: string;
  /** Value of the annotation that approves it. */
  readonly approval: string;
  /** The verb that does the same, with `, or `; empty when there is none. */
  readonly verb: string;
  /** The same text for the same change of another cluster; null where no two are the same. */
  readonly change: string | null;
}

function held(facts: Facts, spec: PostgresClusterSpec, what: Beginning, judge: EditJudge, at: number): HeldEdit | null {
  const seen = facts.world.cluster?.seen;
  if (seen === undefined) return null;
  const by = (holder: HeldEdit['by'], because: string, until: number | null = null): HeldEdit => ({
    generation: seen.generation,
    by: holder,
    message: `${what.subject} is held: ${because}`,
    until,
  });
  if (isObserving(facts)) return by('Observe', 'mode is Observe, and nothing is changed');
  if (isPaused(facts)) return by('Paused', 'spec.paused is set');
  const { disruption, approval } = what;
  const words = `${disruption} for ${what.causes}`;
  const { maxDisruption } = spec;
  const isApproved = seen.annotations[annotations.approve] === approval;
  if (maxDisruption !== undefined && rank(disruption) > rank(maxDisruption) && !isApproved)
    return by(
      'PendingApproval',
      `it takes ${words}, and maxDisruption is ${maxDisruption}; approve it with ${what.verb}annotation ${annotations.approve}=${approval}`,
    );
  if (rank(disruption) <= rank('Reload')) return null;
  const hasWindows = (spec.maintenanceWindows ?? []).length > 0;
  const { isOpen, opensAt } = hasWindows ? judge.windows(spec, at) : { isOpen: true, opensAt: null };
  const opens = opensAt === null ? 'no window ever opens' : `a window opens at ${new Date(opensAt).toISOString()}`;
  if (!isOpen) return by('Window', `it takes ${words}; ${opens}`, opensAt);
  if (facts.world.config?.maxDisruptions === undefined || hasBegun(facts)) return null;
  const turn = { subject: what.turn, change: what.change, isApproved };
  const because = turnRefusal(facts.memory, what.turn) ?? 'its turn has not come';
  const isStopped = facts.memory.turn?.state === 'stopped' && facts.memory.turn.subject === what.turn;
  const next = isStopped
    ? `; put it right there, or begin all the same with annotation ${annotations.approve}=${approval}`
    : '';
  return { ...by('Turn', `it takes ${words}; ${because}${next}`), turn };
}

/** What differs between two values below `path`, as `path=value`, the value as it is now. */
function leaves(path: string, was: unknown, is: unknown): readonly string[] {
  if (JSON.stringify(was) === JSON.stringify(is)) return [];
  if (!isObject(was) || !isObject(is)) return [`${path}=${JSON.stringify(is) ?? 'unset'}`];
  const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort();
  return keys.flatMap((key) => leaves(`${path}.${key}`, was[key], is[key]));
}

/** What fields become, as one text: edits of two clusters that say the same are the same change. */
function changeOf(before: PostgresClusterSpec, to: PostgresClusterSpec, fields: readonly string[]): string {
  const valueIn = (spec: PostgresClusterSpec, field: string): unknown =>
    Object.entries(spec).find(([key]) => `spec.${key}` === field)?.[1];
  return fields.flatMap((field) => leaves(field, valueIn(before, field), valueIn(to, field))).join(' ');
}

/** Why an edit is held; null when it may begin. */
export function heldEdit(facts: Facts, { from, to }: Edit, judge: EditJudge, at: number): HeldEdit | null {
  const { generation = 0, name = '' } = facts.world.cluster?.seen ?? {};
  const { disruption, fields } = from.map((each) => costOf(facts, each, to, judge)).reduce(higher, free);
  const subject = turnOfGeneration(generation);
  const approval = { approval: String(generation), verb: `pgc approve ${name}, or ` };
  const [before = to] = from;
  const turn = { turn: subject, change: changeOf(before, to, fields) };
  return held(facts, to, { subject, disruption, causes: fields.join(', '), ...approval, ...turn }, judge, at);
}

/** Why what Secrets say is held; null when it may be put in force. */
export function heldRotation(facts: Facts, due: Due, judge: EditJudge, at: number): HeldEdit | null {
  const spec = controllingSpec(facts);
  if (spec === null) return null;
  const isAlone = (spec.replicas ?? 1) === 1;
  const disruption = disruptionOf(due.restarts ? 'replace' : 'reload', isAlone);
  const name = `credentials-${due.mark}`;
  const approval = { approval: name, verb: '', turn: name, change: null };
  return held(facts, spec, { subject: due.because, disruption, causes: 'new passwords', ...approval }, judge, at);
}
