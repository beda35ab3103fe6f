/**
 * Owns: what an edit of a spec means before it is made: what each changed field costs, whether the operator would take it, hold
 * it or refuse it. Decided by the very machine on the very facts: the edit is shown to it as if it had been seen. Pure.
 * Does not own: what the operator then does (`edit.ts`, on the rows of a world in which it is played).
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { problemText } from '#machines/cluster/conditions.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import { isLeaving, knownFacts } from '#machines/cluster/knowledge.ts';
import type { ClusterProjection } from '#machines/cluster/observations.ts';
import {
  costOf,
  fieldCosts,
  higher,
  rank,
  type Cost,
  type DisruptionClass,
  type FieldWork,
} from '#machines/cluster/tables/permission.ts';
import { standingRefusals } from '#machines/cluster/tables/requests.ts';
import { Refused } from '#src/errors.ts';
import type { Core } from '#src/replay/redecide.ts';
import type { StoodAt } from '#src/replay/walk.ts';
import { shown } from '#src/resources/fields/grammar.ts';
import { changedFields } from '#src/resources/validation.ts';
import { workOf } from '#src/resources/work.ts';
import type { EditOutcome } from './edit.ts';
import { shownValue } from './spec-values.ts';

/** A field that says something else. */
export interface ChangedField {
  readonly field: string;
  readonly disruption: DisruptionClass;
  /** As text, shortened; null when it is left out. */
  readonly before: string | null;
  readonly after: string | null;
}

/** Why an edit does not begin at once. */
export interface Hold {
  readonly by: 'Observe' | 'Paused' | 'PendingApproval' | 'Window';
  readonly because: string;
  /** Milliseconds since 1970; null when somebody has to do something. */
  readonly until: number | null;
}

export interface Judged {
  readonly generation: number;
  readonly fields: readonly ChangedField[];
  /** What it costs at most, and which fields cause that. */
  readonly cost: Cost;
  readonly maxDisruption: DisruptionClass | null;
  /** What is not taken, in the words of condition ConfigurationValid, and of what was asked for once. */
  readonly refused: readonly string[];
  readonly hold: Hold | null;
}

/** A plan: the answer of `pgc plan`. */
export interface EditPlan extends Judged {
  readonly namespace: string;
  readonly name: string;
  /** The row on whose facts it stands; null for a cluster that does not exist yet. */
  readonly seq: number | null;
  readonly at: number;
  /** The cluster as it stands, in a sentence. */
  readonly stands: string;
  /** What happened in the model; null when nothing was played, since it is refused. */
  readonly outcome: EditOutcome | null;
  /** Fields that each effect of the outcome is for, in its order. */
  readonly causes: readonly (readonly string[])[];
}

/** What is wanted of a cluster. */
export interface WantedCluster {
  readonly namespace: string;
  readonly name: string;
  /** As the door lets it through, with the schema's defaults. */
  readonly spec: PostgresClusterSpec;
  /** Those under postgres.example.com/. */
  readonly annotations: Readonly<Record<string, string>>;
}

function sameText(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function valueText(value: unknown): string | null {
  const text = shown(value);
  return text === null ? null : String(text);
}

/** Specs from which members may have to go: as `settle.ts` asks. */
function basesOf({ memory }: Facts, accepted: PostgresClusterSpec): readonly PostgresClusterSpec[] {
  return [accepted, memory.rolledOut?.spec ?? accepted];
}

const judge = { work: workOf };

/** Every field that says something else, with what it costs. */
function fieldsOf(facts: Facts, wanted: PostgresClusterSpec): readonly ChangedField[] {
  const before = facts.memory.accepted?.spec;
  if (before === undefined) return [];
  const costs = new Map(fieldCosts(facts, before, wanted, judge).map(({ field, disruption }) => [field, disruption]));
  return changedFields(before, wanted).map((field) => ({
    field: `spec.${field}`,
    disruption: costs.get(`spec.${field}`) ?? 'None',
    before: valueText(shownValue(field, before[field])),
    after: valueText(shownValue(field, wanted[field])),
  }));
}

/** The cluster as it would be seen after the edit. */
function seenAfter(seen: ClusterProjection, { spec, annotations }: WantedCluster): ClusterProjection {
  const { misfits: _misfits, ...rest } = seen;
  const generation = sameText(seen.spec, spec) ? seen.generation : seen.generation + 1;
  return { ...rest, spec, annotations: { ...seen.annotations, ...annotations }, generation };
}

/**
 * What the operator would say to an edit now.
 * @param at the time of the edit, milliseconds since 1970: windows are asked then
 * @throws Refused where nothing can be said: the picture is not whole, or the cluster is being deleted
 */
export function judged(core: Core, { standing, seq }: StoodAt, wanted: WantedCluster, at: number): Judged {
  const { snapshot } = standing;
  const seen = snapshot.facts.world.cluster?.seen;
  const subject = `an edit of ${wanted.namespace}/${wanted.name}`;
  const known = knownFacts(snapshot.facts);
  if (seen === undefined || known.answer !== 'yes')
    throw new Refused(`the picture is not complete after row ${seq}: ${known.because}`, {
      operation: 'plan',
      subject,
      hint: 'wait until the operator sees everything again, or name a time before with --at',
    });
  if (isLeaving(snapshot.facts))
    throw new Refused('it is being deleted', { operation: 'plan', subject, hint: "'pgc why' tells how far it is" });
  const cluster = seenAfter(seen, wanted);
  const after = core.decide({
    snapshot,
    observation: { type: 'ClusterSeen', cluster },
    stamp: { epoch: 0, seq: seq + 1, at },
    versions: () => null,
  }).snapshot;
  const { facts } = after;
  // What was refused before the edit is no answer to it.
  const stood = new Set(standingRefusals(snapshot.facts).map(({ message }) => message));
  const { held } = facts.memory;
  const accepted = snapshot.facts.memory.accepted?.spec ?? wanted.spec;
  const costs = basesOf(snapshot.facts, accepted).map((from) => costOf(snapshot.facts, from, wanted.spec, judge));
  return {
    generation: cluster.generation,
    fields: fieldsOf(snapshot.facts, wanted.spec),
    cost: costs.reduce(higher),
    maxDisruption: wanted.spec.maxDisruption ?? null,
    refused: [
      ...core.assess(after).specProblems.map(problemText),
      ...standingRefusals(facts).flatMap(({ message }) => (stood.has(message) ? [] : [message])),
    ],
    // Whose turn it is then is not known: the world that it is tried in has no other cluster.
    hold: held === null || held.by === 'Turn' ? null : { by: held.by, because: held.message, until: held.until },
  };
}

/** The most that users notice: what is asked for by an annotation is held by nobody, and no part of what the edit costs. */
export function noticedAtMost({ cost, outcome }: Pick<EditPlan, 'cost' | 'outcome'>): DisruptionClass {
  const noticed = outcome?.disruption ?? 'None';
  return rank(noticed) > rank(cost.disruption) ? noticed : cost.disruption;
}

/** Whether more would happen than may happen unasked. @param limit instead of what the spec says */
export function exceeds(plan: EditPlan, limit: DisruptionClass | null): boolean {
  const { cost, maxDisruption, hold } = plan;
  if (limit !== null) return rank(noticedAtMost(plan)) > rank(limit);
  if (hold?.by === 'PendingApproval') return true;
  // Who holds it first says nothing of what is asked after.
  return hold !== null && maxDisruption !== null && rank(cost.disruption) > rank(maxDisruption);
}

/** Which fields an effect can be for: by its type, or by type and kind of its target. */
const causes: Readonly<Record<string, (each: FieldWork) => boolean>> = {
  GrowVolume: ({ field }) => field === 'spec.storage',
  LabelPod: ({ field }) => field === 'spec.podMetadata',
  PatchPatroniConfig: ({ field }) => ['spec.postgresqlParams', 'spec.patroni', 'spec.synchronous'].includes(field),
  RestartPostgres: ({ work }) => work === 'restart',
  'DeleteObject Pod': ({ work }) => work === 'replace',
  RequestSwitchover: ({ field, work }) => work === 'replace' || field === 'spec.replicas',
  'RepairObject Service': ({ field }) => field === 'spec.service' || field === 'spec.podMetadata',
  'RepairObject ConfigMap': ({ field }) => ['spec.postgresqlParams', 'spec.patroni', 'spec.pgHba'].includes(field),
  'RepairObject PodDisruptionBudget': ({ field }) => field === 'spec.replicas',
  'CreateObject PodDisruptionBudget': ({ field }) => field === 'spec.replicas',
  'DeleteObject PodDisruptionBudget': ({ field }) => field === 'spec.replicas',
  'CreateObject PersistentVolumeClaim': ({ field }) => field === 'spec.replicas',
  // It bears the accepted spec as a whole.
  RepairStatefulSet: () => true,
};

/** Fields that each effect is for. */
export function causesOfEffects(
  before: PostgresClusterSpec,
  wanted: PostgresClusterSpec,
  { effects }: EditOutcome,
): readonly (readonly string[])[] {
  const works = new Map(workOf(before, wanted).map(({ field, work }) => [field, work]));
  const changed = changedFields(before, wanted).map((field): FieldWork => ({
    field: `spec.${field}`,
    work: works.get(`spec.${field}`) ?? 'nothing',
  }));
  return effects.map(({ type, target }) => {
    const isCause = causes[`${type} ${target.split('/')[0] ?? ''}`] ?? causes[type];
    return isCause === undefined ? [] : changed.filter(isCause).map(({ field }) => field);
  });
}
