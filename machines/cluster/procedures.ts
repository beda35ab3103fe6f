/**
 * Owns: the questions about procedures: is the spec rolled out, which step is next, has it failed. Each reads the step
 * tables (`tables/rollout.ts`, `tables/scaling.ts`) and answers with their words.
 */
import { electingTimer, silentTimer, stallTimer } from './backoff.ts';
import type { Failure } from './facts.ts';
import { no, unknown, whether, yes, type Answer } from '../shared/answer.ts';
import { databaseReady, ifKnown, isExpired, leaderWritable, membersReady } from './guards.ts';
import { objectKey } from './intents.ts';
import { clusterName } from './knowledge.ts';
import { desiredMembers, membersOf, type Member } from './members.ts';
import { objectAt } from './objects.ts';
import type { View } from './view.ts';
import { hopelessVolume, smallClaims } from './tables/volumes.ts';
import { beingMade } from './tables/warnings.ts';
import { isTelling, mendingStep, rolloutStep } from './tables/rollout.ts';
import { isPutBack } from './tables/taken-back.ts';
import type { RolloutStage } from './tables/step.ts';
import { scalingStep, type ScalingStage } from './tables/scaling.ts';
import { hindrance, synchronyDue } from './tables/synchrony.ts';

/** The accepted spec asks for another number of members than there are. */
export function replicaCountChanged({ facts }: View): Answer {
  const detail = objectAt(facts, `StatefulSet/${clusterName(facts)}`)?.object.detail;
  if (detail === undefined || detail.type !== 'StatefulSet') return unknown('the StatefulSet has not been seen');
  const accepted = facts.memory.accepted?.generation ?? 0;
  const rolledOut = facts.memory.rolledOutGeneration ?? accepted;
  const values = { desired: desiredMembers(facts), actual: detail.replicas };
  const { stage, because } = scalingStep(facts);
  if (accepted <= rolledOut || stage === 'done') return no('the number of members is rolled out', values);
  return yes(because, values);
}

/** The accepted spec is newer than the one that is true of every member, or a failed one has to be taken back. */
export function specChanged(view: View): Answer {
  const { state, facts } = view;
  const accepted = facts.memory.accepted?.generation ?? null;
  const base = state === 'Alive.Failed' ? facts.memory.failedGeneration : facts.memory.rolledOutGeneration;
  const values = { accepted, rolledOut: base };
  if (accepted === null || base === null) return no('nothing has been rolled out yet', values);
  if (accepted > base) return yes(`generation ${accepted} is not rolled out`, values);
  if (facts.memory.failedRollout === null || state === 'Alive.Failed' || leaderWritable(view).answer !== 'yes')
    return no(`generation ${base} is rolled out`, values);
  const step = rolloutStep(view);
  const back = step.stage !== 'done';
  return whether(
    back,
    back
      ? `taking generation ${facts.memory.failedRollout.generation} back: ${step.because}`
      : `generation ${base} is rolled out`,
    values,
  );
}

/** Nothing accepted is left to roll out, and there are as many members as wanted. */
function rolledOut(view: View): Answer {
  const phase = view.state.split('.')[1] ?? '';
  if (phase === 'Updating') {
    const { stage, because } = rolloutStep(view);
    if (stage !== 'done') return no(because, { stage });
  }
  if (phase === 'Creating' || view.facts.memory.rolledOutGeneration === null) {
    const { act, because } = rolloutStep(view);
    // The words are the same before it is sent and while it is on its way: nothing has been seen between the two.
    const isDue = act.type === 'configure' || act.type === 'label' || isTelling(view.facts);
    if (isDue) return no(because, { stage: 'configuring' });
    const due = synchronyDue(view.facts);
    if (due !== null) return no(due.because, { stage: 'configuring' });
  }
  // In Running Patroni's next choice is no news; on the way there it is awaited.
  const other = phase === 'Running' ? null : hindrance({ facts: view.facts, members: membersOf(view.facts) }, '');
  if (other !== null) return no(`waiting for ${other.because}`, {});
  const { stage, because } = scalingStep(view.facts);
  const isScaled = stage === 'done' || phase !== 'Scaling';
  const mending = isScaled && phase === 'Scaling' ? mendingStep(view, null) : null;
  return mending === null ? whether(isScaled, because, { stage }) : no(mending.because, { stage: mending.stage });
}

/** All members are ready, the leader writes, the database is there, and nothing accepted is left to roll out. */
export function allReplicasReady(view: View): Answer {
  const leader = leaderWritable(view);
  if (leader.answer !== 'yes') return leader;
  const database = databaseReady(view);
  if (database.answer !== 'yes') return database;
  const members = membersReady(view);
  if (members.answer !== 'yes') return members;
  const done = rolledOut(view);
  return done.answer === 'yes' ? members : done;
}

/** As allReplicasReady, and it has held. */
export function fullyRecovered(view: View): Answer {
  const ready = allReplicasReady(view);
  if (ready.answer !== 'yes') return ready;
  const held = isExpired(view.facts, 'hold');
  return whether(held, held ? `it held: ${ready.because}` : `it has to hold a moment: ${ready.because}`, ready.values);
}

function stage(view: View, wanted: RolloutStage): Answer {
  return ifKnown(view.facts, () => {
    const step = rolloutStep(view);
    return whether(step.stage === wanted, step.because, { stage: step.stage });
  });
}

export function growthDue(view: View): Answer {
  return stage(view, 'growing');
}

export function configurationDue(view: View): Answer {
  return stage(view, 'configuring');
}

export function restartDue(view: View): Answer {
  return stage(view, 'restarting');
}

export function replacementDue(view: View): Answer {
  return stage(view, 'replacing');
}

export function switchoverDue(view: View): Answer {
  return stage(view, 'switching');
}

export function rebuildDue(view: View): Answer {
  return stage(view, 'rebuilding');
}

/** Something was asked for once and is not done yet. */
export function requestDue({ facts }: View): Answer {
  return ifKnown(facts, () => {
    const { request } = facts.memory;
    const words =
      request === null ? 'nothing is asked for' : `${request.kind} ${JSON.stringify(request.token)} is asked for`;
    return whether(request !== null, words, { kind: request?.kind ?? null });
  });
}

function scaling(view: View, wanted: ScalingStage): Answer {
  return ifKnown(view.facts, () => {
    const step = scalingStep(view.facts);
    return whether(step.stage === wanted, step.because, { stage: step.stage });
  });
}

export function additionDue(view: View): Answer {
  return scaling(view, 'adding');
}

export function handOverDue(view: View): Answer {
  return scaling(view, 'handingOver');
}

export function removalDue(view: View): Answer {
  return scaling(view, 'removing');
}

/** Patroni's word for a PostgreSQL that does not start. */
const startFailed = 'start failed';

interface Stalled {
  readonly name: string;
  readonly trouble: string;
}

/**
 * The trouble that a member names, if it is one that will not pass by itself; null when it names none. One that is being started
 * once more names none: this time it may succeed.
 */
function stalled({ facts }: View, { name, ready, state, trouble }: Member): Stalled | null {
  const pod = objectAt(facts, `Pod/${name}`)?.object.detail;
  if (ready || trouble === null) return null;
  const { trouble: said = null, patroni = null } = pod?.type === 'Pod' ? pod : {};
  const named = said !== null && !said.startsWith('Unschedulable') && !beingMade.has(said);
  const refused = facts.memory.failures[`Restart/${name}`] !== undefined;
  const hasFailed = state === startFailed && patroni?.state === startFailed;
  return named || refused || hasFailed ? { name, trouble } : null;
}

/** The member that a step waits for names a trouble that will not pass by itself; null when none does. */
export function stalledMember(view: View): Stalled | null {
  const { awaited } = rolloutStep(view);
  const member = membersOf(view.facts).find(({ name }) => name === awaited);
  return member === undefined ? null : stalled(view, member);
}

/**
 * Nobody writes while a spec is rolled out. A member that says why it does not start speaks against the spec. Silence alone
 * does not: a node that is cut off is silent too. Only when it lasts does what was true before get its turn.
 */
function failedWithoutLeader(view: View, because: string, values: Answer['values']): Answer {
  const speaks = membersOf(view.facts)
    .map((member) => stalled(view, member))
    .find((each) => each !== null);
  const told = { ...values, member: speaks?.name ?? null, trouble: speaks?.trouble ?? null };
  if (speaks !== undefined) return yes(`nobody writes, and ${speaks.name} does not start: ${speaks.trouble}`, told);
  const isLong = isExpired(view.facts, silentTimer);
  return whether(
    isLong,
    isLong ? `nobody writes: ${because}` : `nobody writes, and no member says why: ${because}`,
    told,
  );
}

/** Is a spec on its way that there is a way back from? What was true before is on its way back itself. */
export function isRollingOut({ facts }: View): boolean {
  const { accepted, rolledOut: before } = facts.memory;
  return before !== null && accepted !== null && accepted.generation > before.generation && !isPutBack(facts);
}

/** A refusal that is meant: the same request was refused twice in a row, since whoever answers may have been mistaken once. */
function isMeant(failure: Failure | undefined): failure is Failure {
  return failure?.permanent === true && (failure.refusals ?? 0) > 1;
}

/** What the API server, or a volume's driver, says to what the spec would have; null when nobody refuses. */
function refusedChange(facts: View['facts']): string | null {
  const { failures } = facts.memory;
  const template = `StatefulSet/${clusterName(facts)}`;
  // Who has lost the journal asks what would change before it writes, and the question is refused already.
  const refused = [failures[template], failures[`Compare/${template}`]].find(
    (failure) => isMeant(failure) && failure.reason === 'Invalid',
  );
  if (refused !== undefined) return `refused: ${refused.message}`;
  const hopeless = hopelessVolume(facts);
  if (hopeless !== null)
    return `${hopeless.claim.name} cannot grow beyond ${hopeless.detail.capacity ?? 'nothing'}: ${hopeless.detail.resizing ?? ''}`;
  const claim = smallClaims(facts).find((each) => isMeant(failures[objectKey(each.claim)]));
  if (claim === undefined) return null;
  return `${claim.claim.name} cannot grow: ${failures[objectKey(claim.claim)]?.message ?? ''}`;
}

/** The spec cannot become true: a member made for it does not start. What was true before is put back. */
export function rolloutFailed(view: View): Answer {
  const { memory } = view.facts;
  const accepted = memory.accepted?.generation ?? null;
  const values = { accepted, rolledOut: memory.rolledOutGeneration };
  if (!isRollingOut(view)) return no('there is nothing to go back to', values);
  const refused = refusedChange(view.facts);
  if (refused !== null) return yes(refused, values);
  // Whoever names no trouble just now may have overcome it: then only the step's own deadline counts.
  const stalledNow = stalledMember(view);
  const counting = [electingTimer, silentTimer, ...(stalledNow === null ? [] : [stallTimer(stalledNow.name)])];
  const late = memory.expired.find((timer) => timer.startsWith('deadline/updating') || counting.includes(timer));
  if (late === undefined) return no('no member has been waited for too long', values);
  const leader = leaderWritable(view);
  if (leader.answer === 'no' && memory.takenWhileDown !== undefined)
    return no('nobody wrote when it was accepted either, so what was before is no way back', values);
  if (leader.answer === 'no') return failedWithoutLeader(view, leader.because, { ...values, timer: late });
  const { awaited, because } = rolloutStep(view);
  if (awaited === null) return no('no member is waited for', values);
  const trouble = membersOf(view.facts).find(({ name }) => name === awaited)?.trouble ?? null;
  const words = trouble === null ? `this took too long: ${because}` : `${awaited} does not become ready: ${trouble}`;
  // That it is not there speaks of its node as well as of the spec: only what keeps it from starting speaks against the spec.
  return yes(words, { ...values, timer: late, member: awaited, trouble: stalledNow?.trouble ?? null });
}
