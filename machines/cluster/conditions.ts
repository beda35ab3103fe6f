/**
 * Owns: what the user reads: phase, conditions, and the one sentence that says what is being done or awaited. Pure
 * functions of a View; status, `pgc why`, log and page all take their words from here.
 */
import { dcsFinalizer } from '../shared/names.ts';
import { quantityBytes } from '../shared/quantity.ts';
import { phaseOf } from './chart.ts';
import type { Verdict, VerdictOf } from './condition-reasons.ts';
import type { ConditionMemory, Facts, Memory } from './facts.ts';
import {
  databaseReady,
  deletionRequested,
  finalizerHeld,
  leaderWritable,
  membersReady,
  objectsCleared,
  podsGone,
} from './guards.ts';
import { knownFacts } from './knowledge.ts';
import { allReplicasReady } from './procedures.ts';
import { claimNames, isPatroniPaused, membersOf, troubledMembers } from './members.ts';
import { isAnyMissed } from './missed.ts';
import { missingObjects, obstacles } from './objects.ts';
import { noAnswer, notShown } from './outcomes.ts';
import type { Plan, Problem } from './plan.ts';
import { objectsOf, recalled } from './recall.ts';
import { fullVolumesWords } from './room.ts';
import type { View } from './view.ts';
import { creationAllowed } from './tables/adoption.ts';
import { noKeyWords } from './tables/credentials.ts';
import { isObserving, isPaused } from './tables/permission.ts';
import { withReliefWords } from './tables/full-volume.ts';
import { standingRefusals } from './tables/requests.ts';
import { editWar, isOpen, loopsOf, openLoops } from './tables/loops.ts';
import { allWarnings, warningOf, warningWords } from './tables/warnings.ts';
import { commitsWait, confirmedBy } from './tables/synchrony.ts';
import { shownHold } from './tables/turns.ts';
import { changedAgain } from './undone.ts';

export const conditionTypes = [
  'Ready',
  'Progressing',
  'Degraded',
  'ConfigurationValid',
  'ReplicasReady',
  'WritesBlocked',
  'Paused',
  'PendingApproval',
  'PendingRestart',
  'RequestRefused',
  'StorageReady',
  'ReconcileFailing',
  'JournalIntact',
  'Stuck',
] as const;

export type ConditionType = (typeof conditionTypes)[number];

function verdict<Reason extends string>(status: Verdict['status'], reason: Reason, message: string): Verdict<Reason> {
  return { status, reason, message };
}

/** A problem as a sentence: field, value, rule. */
export function problemText(problem: Problem): string {
  return `${problem.field} is ${JSON.stringify(problem.value)}: ${problem.rule}`;
}

/** Problems of the newest spec: of creating it, or of going there from the accepted one. Given by the decision layer. */
export interface Assessed extends View {
  readonly specProblems: readonly Problem[];
}

function ready(view: View): VerdictOf<'Ready'> {
  const known = knownFacts(view.facts);
  if (known.answer !== 'yes') return verdict('Unknown', 'Unseen', known.because);
  const leader = leaderWritable(view);
  if (leader.answer !== 'yes') return verdict('False', 'NoWritableLeader', leader.because);
  const waits = commitsWait(view.facts);
  if (waits !== null) return verdict('False', 'NoSyncStandby', waits);
  const all = allReplicasReady(view);
  return verdict(
    all.answer === 'yes' ? 'True' : 'False',
    all.answer === 'yes' ? 'AllReplicasReady' : 'NotAllReady',
    all.because,
  );
}

function progressing(view: View): VerdictOf<'Progressing'> {
  const phase = phaseOf(view.state);
  const rests = phase === 'Running' || phase === 'Failed' || phase === 'Degraded';
  return verdict(rests ? 'False' : 'True', phase, sentence({ ...view, specProblems: [] }));
}

function degraded(view: View): VerdictOf<'Degraded'> {
  const phase = isAnyMissed(view.facts, view.state) ? 'Degraded' : phaseOf(view.state);
  const is = phase === 'Degraded' || phase === 'Recovering' || phase === 'Failed';
  return verdict(
    is ? 'True' : 'False',
    is ? phase : 'AsExpected',
    is ? membersReady(view).because : 'no member is missing that should be there',
  );
}

function configurationValid(view: Assessed): VerdictOf<'ConfigurationValid'> {
  const { specProblems } = view;
  const held = shownHold(view.facts.memory);
  if (specProblems.length === 0 && held !== null)
    return verdict('True', 'Held', `every field of the spec is valid; ${held.message}`);
  if (specProblems.length === 0) return verdict('True', 'Valid', 'every field of the spec is valid and takes effect');
  const failed = view.facts.memory.failedRollout !== null;
  return verdict('False', failed ? 'RolloutFailed' : 'InvalidSpec', specProblems.map(problemText).join('; '));
}

function replicasReady(view: View): VerdictOf<'ReplicasReady'> {
  const answer = membersReady(view);
  const status = answer.answer === 'yes' ? 'True' : answer.answer === 'no' ? 'False' : 'Unknown';
  return verdict(
    status,
    status === 'True' ? 'AllReady' : status === 'False' ? 'NotAllReady' : 'Unseen',
    answer.because,
  );
}

function writesBlocked(view: View): VerdictOf<'WritesBlocked'> {
  const leader = leaderWritable(view);
  if (leader.answer === 'unknown') return verdict('Unknown', 'Unseen', leader.because);
  if (leader.answer === 'no') return verdict('True', 'NoWritableLeader', leader.because);
  const waits = commitsWait(view.facts);
  if (waits !== null) return verdict('True', 'NoSyncStandby', waits);
  const confirmed = confirmedBy(view.facts);
  return verdict('False', 'LeaderWrites', confirmed === null ? leader.because : `${leader.because}; ${confirmed}`);
}

const pausedByHand =
  'Patroni is paused by hand: nobody takes over from a leader that fails, and nothing planned goes on, until patronictl resume';

function paused({ facts }: View): VerdictOf<'Paused'> {
  const byHand = isPatroniPaused(facts);
  if (isPaused(facts)) {
    const words = 'no planned change and no drift repair; failures, status and deletion go on';
    return verdict('True', 'PausedBySpec', byHand ? `${words}; ${pausedByHand}` : words);
  }
  return byHand
    ? verdict('True', 'PatroniPaused', pausedByHand)
    : verdict('False', 'NotPaused', 'spec.paused is not set');
}

function pendingRestart({ facts }: View): VerdictOf<'PendingRestart'> {
  const names = membersOf(facts)
    .filter((member) => member.pendingRestart)
    .map((member) => member.name);
  return names.length === 0
    ? verdict('False', 'NonePending', 'no member waits for a restart')
    : verdict('True', 'RestartPending', `a restart is pending on ${names.join(', ')}`);
}

function pendingApproval({ facts }: View): VerdictOf<'PendingApproval'> {
  const { held } = facts.memory;
  return held?.by === 'PendingApproval'
    ? verdict('True', 'AboveMaxDisruption', held.message)
    : verdict('False', 'NothingPending', 'no edit waits for an approval');
}

/** Of refusals whose annotation stands still. */
function requestRefused({ facts }: View): Verdict {
  const words = standingRefusals(facts);
  const [first] = words;
  return first === undefined
    ? verdict('False', 'NoneRefused', 'nothing that was asked for by an annotation was refused')
    : verdict('True', first.reason, words.map(({ message }) => message).join('; '));
}

function storageReady({ facts }: View): VerdictOf<'StorageReady'> {
  const asked = facts.memory.accepted?.spec.storage.size ?? null;
  const names = claimNames(facts);
  const claims = objectsOf(facts).flatMap(({ object }) =>
    object.detail.type === 'PersistentVolumeClaim' && (asked === null || names.has(object.name))
      ? [{ name: object.name, detail: object.detail }]
      : [],
  );
  const unbound = claims
    .filter((claim) => claim.detail.phase !== 'Bound')
    .map(({ name }) => {
      const warning = warningOf(facts, { kind: 'PersistentVolumeClaim', name });
      return warning === null ? name : `${name} (${warningWords(warning)})`;
    });
  if (claims.length === 0) return verdict('False', 'NoVolumes', 'no claim has been created yet');
  if (unbound.length > 0) return verdict('False', 'Unbound', `not bound: ${unbound.sort().join(', ')}`);
  const full = fullVolumesWords(facts);
  if (full !== '') return verdict('False', 'Full', full);
  const wanted = asked === null ? 0 : quantityBytes(asked);
  const small = claims
    .filter((claim) => quantityBytes(claim.detail.capacity ?? '0') < wanted)
    .map(({ name, detail }) => {
      const state = detail.resizing === undefined ? '' : ` (${detail.resizing})`;
      return `${name} has ${detail.capacity ?? 'nothing'}${state}`;
    });
  return small.length > 0
    ? verdict('False', 'TooSmall', `${small.sort().join(', ')}; ${asked ?? ''} is asked for`)
    : verdict('True', 'Bound', claims.length === 1 ? '1 volume is bound' : `${claims.length} volumes are bound`);
}

/** Being late, or asking in vain, is no trouble once: it is done again. Again and again it is one. */
const forgiven: ReadonlySet<string> = new Set([
  'Conflict',
  'IncarnationChanged',
  'AlreadyExists',
  changedAgain,
  noAnswer,
  notShown,
]);
const troubleInARow = 3;

function standing(memory: Memory): readonly string[] {
  return Object.entries(memory.failures)
    .filter(([key]) => !key.startsWith('Event/') && !isOpen(loopsOf(memory)[key]))
    .filter(([, { reason, count }]) => count >= (forgiven.has(reason) ? troubleInARow : 1))
    .map(([key, failure]) => `${key}: ${failure.message} (${failure.reason})`)
    .sort();
}

function heldServices(facts: Facts): readonly string[] {
  return objectsOf(facts)
    .filter(({ object }) => object.kind === 'Service' && object.deleting && object.finalizers.includes(dcsFinalizer))
    .map(
      ({ object }) =>
        `Service/${object.name} was deleted by hand; it holds Patroni's state and stays until a planned moment`,
    )
    .sort();
}

/** Somebody else's objects at names of a cluster that is made: as long as they are there nothing is changed. */
function inTheWay({ facts, plan }: View): readonly string[] {
  if (facts.memory.accepted === null) return [];
  return obstacles(facts, plan).map(
    ({ key, because }) => `${key} stands in the way: ${because}; nothing is changed until it is gone`,
  );
}

function reconcileFailing(view: View): VerdictOf<'ReconcileFailing'> {
  const { facts, state } = view;
  const isAlive = phaseOf(state) !== 'Deleting';
  const noKey = isAlive ? noKeyWords(facts) : null;
  const failing = [
    ...standing(facts.memory),
    ...(isAlive ? [...inTheWay(view), ...heldServices(facts)] : []),
    ...(noKey === null ? [] : [noKey]),
  ];
  const loops = openLoops(facts);
  const words = [...failing, ...loops].join('; ');
  if (failing.length > 0) return verdict('True', 'Failing', words);
  if (loops.length > 0) return verdict('True', editWar, words);
  return verdict('False', 'NoErrors', 'nothing the operator tries is failing');
}

/** A sentence, and what Kubernetes warns of if that says more. */
function withWarning(facts: Facts, words: string): string {
  const warnings = allWarnings(facts);
  return warnings === '' || words.includes(warnings) ? words : `${words}; ${warnings}`;
}

/** The same, and what is done about a leader that has no room. */
function withTrouble(facts: Facts, words: string): string {
  return withReliefWords(facts, withWarning(facts, words));
}

function stuck(view: View): VerdictOf<'Stuck'> {
  const { facts } = view;
  const late = facts.memory.expired.filter((id) => id.startsWith('deadline/'));
  if (late.length === 0) return verdict('False', 'NotStuck', 'no deadline has passed');
  if (phaseOf(view.state) === 'Deleting')
    return verdict('True', 'DeadlinePassed', `${late.join(', ')} has passed; ${deletingSentence(view)}`);
  const members = troubledMembers(membersOf(facts));
  // All may be well with them and a step in vain all the same: then it says what it waits for.
  const words = members === '' ? allReplicasReady(view).because : `waiting for ${members}`;
  return verdict('True', 'DeadlinePassed', withWarning(facts, `${late.join(', ')} has passed; ${words}`));
}

/** All conditions of a View, without times. */
export function conditionsOf({ facts, state, plan, specProblems }: Assessed): Readonly<Record<ConditionType, Verdict>> {
  return verdictsOn(facts, state, plan, specProblems);
}

const verdictsOn = recalled((facts, state: string, plan: Plan, specProblems: readonly Problem[]) => {
  const view = { facts, state, plan, specProblems };
  return {
    Ready: ready(view),
    Progressing: progressing(view),
    Degraded: degraded(view),
    ConfigurationValid: configurationValid(view),
    ReplicasReady: replicasReady(view),
    WritesBlocked: writesBlocked(view),
    Paused: paused(view),
    PendingApproval: pendingApproval(view),
    PendingRestart: pendingRestart(view),
    RequestRefused: requestRefused(view),
    StorageReady: storageReady(view),
    ReconcileFailing: reconcileFailing(view),
    JournalIntact: verdict('True', 'Recording', 'every decision is recorded before it takes effect'),
    Stuck: stuck(view),
  };
});

function isSame(before: ConditionMemory | undefined, now: Verdict, observedGeneration: number): boolean {
  return (
    before !== undefined &&
    before.status === now.status &&
    before.reason === now.reason &&
    before.message === now.message &&
    before.observedGeneration === observedGeneration
  );
}

/** Conditions with their times: `since` moves only when `status` changes. The same record while all say what they said. */
export function withConditions(
  memory: Memory,
  verdicts: Readonly<Record<string, Verdict>>,
  observedGeneration: number,
  at: number,
): Memory['conditions'] {
  const held = Object.keys(memory.conditions);
  const types = Object.entries(verdicts);
  const isStill = ([type, now]: readonly [string, Verdict], place: number): boolean =>
    held[place] === type && isSame(memory.conditions[type], now, observedGeneration);
  if (held.length === types.length && types.every(isStill)) return memory.conditions;
  return Object.fromEntries(
    types.map(([type, now]) => {
      const before = memory.conditions[type];
      if (before !== undefined && isSame(before, now, observedGeneration)) return [type, before];
      const since = before !== undefined && before.status === now.status ? before.since : at;
      return [type, { ...now, since, observedGeneration }];
    }),
  );
}

function pendingSentence(view: Assessed): string {
  const { facts, plan } = view;
  const problem = view.specProblems[0];
  if (problem !== undefined) return `nothing is created until the spec is valid: ${problemText(problem)}`;
  if (isObserving(facts)) return 'mode is Observe: nothing is created';
  const allowed = creationAllowed(facts, plan);
  if (allowed.answer !== 'yes') return `nothing is created: ${allowed.because}`;
  const held = finalizerHeld(view);
  if (held.answer !== 'yes') return `waiting for the finalizer: ${held.because}`;
  const missing = missingObjects(facts, plan).length;
  return missing === 0
    ? 'waiting for the StatefulSet to be seen'
    : `creating ${missing} of ${plan.objects.length} objects`;
}

function deletingSentence(view: View): string {
  switch (view.state) {
    case 'Deleting.stopping':
      return `stopping the members: ${podsGone(view).because}`;
    case 'Deleting.clearing':
      return `taking objects down in order: ${objectsCleared(view).because}`;
    case 'Deleting.stripping':
      return 'leaving the database alone: taking our marks off its objects';
    default:
      return 'releasing the finalizer';
  }
}

/** One sentence for a human: what is being done or awaited, on which object. */
export function sentence(view: Assessed): string {
  const known = knownFacts(view.facts);
  if (known.answer !== 'yes') return `the picture is not complete: ${known.because}`;
  const cluster = view.facts.world.cluster?.seen;
  const phase = phaseOf(view.state);
  if (cluster?.deleting !== true || phase === 'Deleting') return ownSentence(view);
  const words = `${deletionRequested(view).because}: to go on with the deletion set spec.deletionProtection to false`;
  // It is managed meanwhile, and what is being done or awaited is told too.
  return phase === 'Running' ? words : `${words}; ${ownSentence(view)}`;
}

/** The same, whatever is asked of the PostgresCluster as a whole. */
function ownSentence(view: Assessed): string {
  const phase = phaseOf(view.state);
  const waits = phase === 'Deleting' ? null : commitsWait(view.facts);
  if (waits !== null) return `writes wait: ${waits}`;
  switch (phase) {
    case 'Pending':
      return pendingSentence(view);
    case 'Creating': {
      const leader = leaderWritable(view);
      if (leader.answer !== 'yes') return withWarning(view.facts, `waiting for the first leader: ${leader.because}`);
      const members = membersReady(view);
      return members.answer === 'yes'
        ? `waiting for the application database: ${databaseReady(view).because}`
        : `waiting for the members: ${members.because}`;
    }
    case 'Running':
      return membersReady(view).because;
    case 'Updating':
    case 'Scaling':
    case 'Degraded': {
      const all = allReplicasReady(view);
      return all.answer === 'yes' ? `${all.because}; it has to hold a moment` : all.because;
    }
    case 'Recovering': {
      const leader = leaderWritable(view);
      return leader.answer === 'yes'
        ? `${leader.because}; it has to hold a moment`
        : withTrouble(view.facts, `waiting for a leader: ${leader.because}`);
    }
    case 'Failed':
      return withTrouble(view.facts, `${view.facts.memory.lastError ?? 'no leader writes'}; trying again`);
    case 'Deleting':
      return deletingSentence(view);
  }
}
