/**
 * Owns: the one next step on the way from the spec that was true of every member to the one accepted. Asked anew on every
 * observation: a step waits for facts, so an operator that died in the middle goes on where the facts are.
 *
 *   order  stage        step
 *   0      rebuilding   a member that is lost for good is made anew: it would hold up everything else (`replacement.ts`)
 *   0      replacing    a pod that never came to run, once another template is offered: nothing else goes on without it
 *   0      growing      volumes are as large as the spec says, one after the other (`volumes.ts`)
 *   1      configuring  pods that run bear the labels and annotations of the spec; nothing starts anew for that
 *   1      configuring  passwords are in force before members start anew with them (`credentials.ts`)
 *   1      configuring  Patroni's dynamic configuration says what the spec says (increases before decreases)
 *   2      configuring  every member that runs is asked whether it follows
 *   2      configuring  as many replicas confirm commits as the spec asks, or none any more (`synchrony.ts`)
 *   3      restarting   members whose PostgreSQL must start anew, one at a time: replicas first, the first of them is the
 *                       canary; the primary first where a value shrinks that no replica may have lower; where one grows,
 *                       once who is to go has gone
 *   4      replacing    pods made from another template, one at a time: replicas, those in trouble before the healthy
 *   5      switching    a replica of the new template takes over, then the old primary's pod is one of the replicas; sooner
 *                       where the primary is to go and replicas have to have less than it
 *   6      any          what was asked for once (`requests.ts`); at once where it mends the one member that a step waits for
 *   7      done         nothing is left to do
 *
 * I1. No step begins while a member that ran before is not streaming again, or commits have to be confirmed and nobody does,
 *     or Patroni is paused by hand.
 * I2. The primary's pod is never replaced while somebody else could take over.
 */
import type { Answer } from '../../shared/answer.ts';
import { annotations, configObject, failoverObject, ordinalOf } from '../../shared/names.ts';
import { oncePer } from '../../shared/once.ts';
import { settlingTimer } from '../backoff.ts';
import type { Facts } from '../facts.ts';
import { clusterName } from '../knowledge.ts';
import { dcsOf, isPatroniPaused, leaderOf, leavingMembers, membersOf, podOf, runs, type Member } from '../members.ts';
import type { DynamicParameter, Plan } from '../plan.ts';
import { recalled } from '../recall.ts';
import {
  follows,
  hasReplayed,
  isDecrease,
  isIncrease,
  isUnset,
  nextConfiguration,
  parametersOf,
  patroniDefaults,
} from './configuration.ts';
import { lostStep, requestStep, rotationStep } from './request-steps.ts';
import { act, none, told, wait, type RolloutStep, type Scene } from './step.ts';
import { successor } from './succession.ts';
import { ableToConfirm, askedSynchrony, hindrance, synchronyDue } from './synchrony.ts';
import { growing } from './volumes.ts';
import { beingMade, warningOf } from './warnings.ts';

const settledText = oncePer((parameters: Readonly<Record<string, string>>) => {
  const lower = Object.entries(parameters).map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  return JSON.stringify(lower.sort(([one], [other]) => (one < other ? -1 : 1)));
});

const noParameters = {};

function settled(parameters: Readonly<Record<string, string>> | undefined): string {
  return settledText(parameters ?? noParameters);
}

/** Whether members must be asked: a configuration was written, or the parameters are not those that were rolled out. */
function mustVerify({ memory }: Facts): boolean {
  if (memory.configuring) return true;
  if (memory.accepted === null) return false;
  // Where no spec has been true yet, members run with what they were made with.
  const { accepted, rolledOut, bootstrapParameters } = memory;
  const before = rolledOut === null ? bootstrapParameters : (rolledOut.spec.postgresqlParams ?? noParameters);
  return before !== null && settled(accepted.spec.postgresqlParams) !== settled(before);
}

/** The member's own settings, as they were read in this life of its pod. */
function settingsOf(facts: Facts, member: string): Readonly<Record<string, string>> | null {
  const read = facts.memory.verified[member];
  return read !== undefined && read.uid === podOf(facts, member)?.object.uid ? read.settings : null;
}

/** Parameters that Patroni's configuration states. */
function statedIn(facts: Facts): Readonly<Record<string, string>> {
  return parametersOf(dcsOf(facts, configObject(clusterName(facts)))?.config ?? {});
}

function isUnreadable({ needsRestart, effective }: DynamicParameter): boolean {
  return needsRestart && effective === null;
}

/** What a member has to do yet: nothing, be asked, or start anew. */
function dueOf({ facts, plan }: Scene, member: Member): 'nothing' | 'question' | 'restart' {
  const settings = settingsOf(facts, member.name);
  if (settings === null) return 'question';
  const stated = statedIn(facts);
  const behind = Object.entries(plan.parameters).filter(
    ([name, parameter]) => stated[name] === parameter.value && !follows(settings[name], parameter),
  );
  // What left the spec may be set elsewhere, by the image for one: only a start is waited for, and not for ever. What
  // Patroni alone sets is certain, however late a member that is cut off hears of it.
  const settling = facts.memory.timers[settlingTimer] !== undefined;
  const left = Object.entries(plan.removed).filter(
    ([name, { needsRestart }]) => needsRestart && stated[name] === undefined && !isUnset(settings, name),
  );
  // What a member says of some does not tell whether they are in force: Patroni alone does, once it has noticed.
  const isUntold = settling && Object.values(plan.parameters).some(isUnreadable) && !member.pendingRestart;
  if (isUntold || behind.some(([, { needsRestart }]) => !needsRestart)) return 'question';
  const isAwaited = left.some(([name]) => settling || name in patroniDefaults);
  // Patroni has had the time to notice, and says nothing: what the member said may be older than its last start.
  const isContradicted = behind.length > 0 && !settling;
  if (!member.pendingRestart && (isAwaited || isContradicted)) return 'question';
  return behind.length > 0 || member.pendingRestart ? 'restart' : 'nothing';
}

/** Pods that run without what the spec asks of their metadata, or with what it asks no more. */
function labelling({ facts, plan, members }: Scene): RolloutStep | null {
  const { mark } = plan.podMetadata;
  const names = members
    .map(({ name }) => podOf(facts, name))
    .filter((pod) => pod !== null && !pod.object.deleting)
    .filter((pod) => (pod?.object.annotations[annotations.podMetadata] ?? null) !== mark)
    .map((pod) => pod?.object.name ?? '');
  if (names.length === 0) return null;
  const because = `${names.join(', ')} has to bear the labels and annotations of the spec`;
  return act('configuring', { type: 'label', members: names }, because);
}

/** It is not known to run with what was written: Patroni may not have noticed yet that a restart is pending. */
function lagsBehind(scene: Scene, member: Member): boolean {
  return scene.facts.memory.configuring && runs(member) && dueOf(scene, member) !== 'nothing';
}

/** Whether Patroni is being told a configuration. */
export const isTelling: (facts: Facts) => boolean = recalled(({ memory }) =>
  Object.values(memory.open).some(({ type }) => type === 'PatchPatroniConfig'),
);

function configuring(scene: Scene): RolloutStep | null {
  const { facts, plan, members } = scene;
  const object = configObject(clusterName(facts));
  const dcs = dcsOf(facts, object);
  if (isTelling(facts)) return wait('configuring', told);
  if (dcs === null || dcs.config === null) return wait('configuring', "Patroni's configuration has not been seen");
  if (isPatroniPaused(facts))
    return wait('configuring', 'Patroni is paused by hand; nothing goes on until it is resumed');
  const restartsPending = members.some((member) => member.pendingRestart || lagsBehind(scene, member));
  const synchrony = askedSynchrony(facts.memory.accepted?.spec ?? null);
  const next = nextConfiguration(dcs.config, plan, { restartsPending, synchrony, streaming: ableToConfirm(facts) });
  if (next !== null) return act('configuring', { type: 'configure', config: next }, told);
  if (!mustVerify(facts)) return null;
  const asked = members.filter((member) => runs(member) && dueOf(scene, member) === 'question').map(({ name }) => name);
  if (asked.length === 0) return null;
  return act(
    'configuring',
    { type: 'verify', members: asked },
    `${asked.join(', ')}: whether the new parameters are in force`,
    asked[0] ?? null,
  );
}

/** Waits until synchronous replication is as the spec asks. */
function synchronising({ facts }: Scene): RolloutStep | null {
  const due = synchronyDue(facts);
  return due === null ? null : wait('configuring', due.because, due.awaited);
}

function ordered(scene: Scene, members: readonly Member[], leaderFirst: boolean): readonly Member[] {
  const cluster = clusterName(scene.facts);
  const rank = (member: Member): number => ((member.name === scene.leader) === leaderFirst ? -1 : 1);
  return [...members].sort(
    (one, other) => rank(one) - rank(other) || ordinalOf(cluster, one.name) - ordinalOf(cluster, other.name),
  );
}

/**
 * A replica that starts before it has replayed that its primary has less keeps what it had, and has to start once more. Patroni's
 * report that it streams may be older than the primary's start, so both are asked how far they are.
 */
function mustHearFirst({ facts, leader }: Scene, { name }: Member): boolean {
  const replica = settingsOf(facts, name) ?? {};
  return (
    name !== leader && isDecrease(replica, statedIn(facts)) && !hasReplayed(replica, settingsOf(facts, leader) ?? {})
  );
}

/** No step asks who is to go to start anew: where others need that first, one of them has to lead. */
function isLeaderLeaving({ members, leader }: Scene): boolean {
  return !members.some(({ name }) => name === leader);
}

/** Nobody starts who is to go with more, so its primary may not have more either while it runs; null where none is in the way. */
function leavingWithLess({ facts, leader }: Scene): string | null {
  if (!isIncrease(settingsOf(facts, leader) ?? {}, statedIn(facts))) return null;
  return leavingMembers(facts).find((member) => runs(member))?.name ?? null;
}

function restarting(scene: Scene): RolloutStep | null {
  const { facts, members, leader } = scene;
  if (!mustVerify(facts)) return null;
  const due = members.filter((member) => runs(member) && dueOf(scene, member) === 'restart');
  const decrease = isDecrease(settingsOf(facts, leader) ?? {}, statedIn(facts));
  const [next] = ordered(scene, due, decrease);
  if (next === undefined) return null;
  const other = hindrance(scene, next.name);
  if (other !== null) return wait('restarting', `${next.name} waits for ${other.because}`, other.awaited);
  const leaving = next.name === leader ? leavingWithLess(scene) : null;
  if (leaving !== null)
    return wait('restarting', `${leader} waits for ${leaving} to go, which cannot follow it with less`, leaving);
  if (mustHearFirst(scene, next)) {
    if (isLeaderLeaving(scene))
      return beingAsked(scene) ?? handingOver(scene, successor(facts, anyone), `${leader} is to go with what it has`);
    const because = `${next.name} has to hear of the lower values from ${leader} first`;
    return act('restarting', { type: 'verify', members: [next.name] }, because, next.name);
  }
  if (!next.pendingRestart)
    return wait('restarting', `Patroni on ${next.name} has not noticed yet that a restart is due`, next.name);
  return act(
    'restarting',
    { type: 'restart', member: next.name, started: null },
    `PostgreSQL on ${next.name} has to start anew for parameters to take effect`,
    next.name,
  );
}

function isCurrent({ facts, plan }: Scene, member: Member): boolean {
  return podOf(facts, member.name)?.object.annotations[annotations.template] === plan.template;
}

/** A pod that goes now comes back with the new template. */
function offersTemplate({ facts, plan }: Scene): boolean {
  const detail = facts.world.objects[`StatefulSet/${clusterName(facts)}`]?.object.detail;
  return detail?.type === 'StatefulSet' && detail.template === plan.template && detail.current;
}

/** A pod that can only come to run as another one. */
interface Stuck {
  readonly name: string;
  readonly uid: string;
  readonly because: string;
}

/**
 * A member whose pod never came to run, and was made from another template than the one that is offered now; null when there is
 * none. Where no step waits for it, it is made anew by itself: nobody writes, the cluster was never complete, or its size changes.
 */
export function neverStarted({ facts, plan }: Pick<Scene, 'facts' | 'plan'>): Stuck | null {
  const scene = { facts, plan, members: membersOf(facts), leader: '' };
  if (isPatroniPaused(facts) || !offersTemplate(scene)) return null;
  const stuck = scene.members.find((member) => {
    const pod = podOf(facts, member.name);
    const isSilent = pod !== null && !pod.object.deleting && pod.detail.patroni === null && pod.detail.trouble !== null;
    return isSilent && !isCurrent(scene, member) && !mayBootstrap(facts, pod);
  });
  const uid = stuck === undefined ? undefined : podOf(facts, stuck.name)?.object.uid;
  if (stuck === undefined || uid === undefined) return null;
  return { name: stuck.name, uid, because: `${stuck.name} never came to run, and another template is offered by now` };
}

/** Words for a pod of which the scheduler has to speak first, or that is being made: it may come to run as it is. */
function mayStart(trouble: string): boolean {
  return beingMade.has(trouble) || trouble.startsWith('Unschedulable');
}

/**
 * A member that is down, and was made from another template than the one that is offered now: what it lacks may be what that one
 * gives. Who led last comes first, since nobody has more of the data. Null when there is none.
 */
export function downAsBefore({ facts, plan }: Pick<Scene, 'facts' | 'plan'>): Stuck | null {
  const scene = { facts, plan, members: membersOf(facts), leader: facts.memory.leader?.name ?? '' };
  if (isPatroniPaused(facts) || !offersTemplate(scene)) return null;
  const stuck = ordered(scene, scene.members, true).find((member) => {
    const pod = podOf(facts, member.name);
    if (pod === null || pod.object.deleting || isCurrent(scene, member)) return false;
    const { trouble, patroni } = pod.detail;
    return trouble === null ? patroni?.state === 'start failed' : !mayStart(trouble);
  });
  const uid = stuck === undefined ? undefined : podOf(facts, stuck.name)?.object.uid;
  if (stuck === undefined || uid === undefined) return null;
  return { name: stuck.name, uid, because: `${stuck.name} is down, and another template is offered by now` };
}

/**
 * Whoever makes the database anew says so in Patroni's configuration first. Killed within that, it leaves everybody waiting for it for ever: a
 * container that is being made may be there before its pod is told to go.
 */
function mayBootstrap(facts: Facts, { object, detail }: NonNullable<ReturnType<typeof podOf>>): boolean {
  const isBeingMade = beingMade.has(detail.trouble ?? '') && warningOf(facts, object) === null;
  return facts.memory.systemIdentifier === null && isBeingMade;
}

/** Everything after it waits for members that are ready, and this one can only come to run as another pod. */
function mending(scene: Scene): RolloutStep | null {
  const stuck = neverStarted(scene);
  if (stuck === null || stuck.name === scene.leader) return null;
  return act('replacing', { type: 'replace', member: stuck.name }, stuck.because, stuck.name);
}

function replacing(scene: Scene): RolloutStep | null {
  const { facts, members, leader } = scene;
  const exists = (member: Member): boolean => podOf(facts, member.name) !== null;
  const old = members.filter((member) => exists(member) && !isCurrent(scene, member));
  if (old.length === 0) return null;
  if (!offersTemplate(scene)) return wait('replacing', 'the StatefulSet has to bear the new template first');
  const fresh = members.find((member) => !member.ready && (!exists(member) || isCurrent(scene, member)));
  if (fresh !== undefined)
    return wait('replacing', `${fresh.name} has to stream before another goes: ${fresh.trouble ?? ''}`, fresh.name);
  const replicas = [...old].filter((member) => member.name !== leader).reverse();
  const next = replicas.find((member) => !member.ready) ?? replicas[0];
  if (next === undefined) return switching(scene);
  if (next.state === 'terminating') return wait('replacing', `${next.name} is on its way out`, next.name);
  const other = next.ready ? hindrance(scene, next.name) : null;
  if (other !== null) return wait('replacing', `${next.name} waits for ${other.because}`, other.awaited);
  return act('replacing', { type: 'replace', member: next.name }, `${next.name} runs another template`, next.name);
}

/** Whoever may take over. */
const anyone = { template: null, below: Infinity, member: null } as const;

/** The primary is asked to hand over already; null when it is not. */
function beingAsked({ facts, leader }: Scene): RolloutStep | null {
  const asked = dcsOf(facts, failoverObject(clusterName(facts)))?.failover ?? null;
  return asked === null
    ? null
    : wait('switching', `${leader} is asked to hand over to ${asked.candidate ?? 'anybody'}`);
}

/** The primary is asked to hand over to whom the answer names. */
function handingOver({ leader }: Scene, answer: Answer, why: string): RolloutStep {
  const candidate = answer.values['candidate'];
  if (answer.answer !== 'yes' || typeof candidate !== 'string') return wait('switching', answer.because);
  return act('switching', { type: 'switchover', leader, candidate }, `${why}; ${answer.because}`, candidate);
}

function switching(scene: Scene): RolloutStep {
  const { facts, plan, members, leader } = scene;
  const asked = beingAsked(scene);
  if (asked !== null) return asked;
  // Who is alone by the spec need not be yet: a member that is to go leads until the one that stays is made anew.
  const isAlone = members.length === 1;
  const answer = isAlone
    ? successor(facts, anyone, leavingMembers(facts))
    : successor(facts, { ...anyone, template: plan.template });
  if (isAlone && answer.answer !== 'yes')
    return act('replacing', { type: 'replace', member: leader }, `${leader} runs another template, alone`, leader);
  return handingOver(scene, answer, `${leader} runs another template`);
}

const stepOf = recalled(nextStep);

/** The next step of the rollout on these facts. Asks nothing while nobody writes: then another procedure is at work. */
export function rolloutStep({ facts, plan }: { readonly facts: Facts; readonly plan: Plan }): RolloutStep {
  return stepOf(facts, plan);
}

/**
 * The step that mends the one member that is waited for, when somebody asked for that; null when nobody did. `awaited` null: any.
 */
export function mendingStep(
  { facts, plan }: { readonly facts: Facts; readonly plan: Plan },
  awaited: string | null,
): RolloutStep | null {
  const { request } = facts.memory;
  const leader = leaderOf(facts);
  if (!leader.writable || leader.name === null) return null;
  const isOfOne = request?.kind === 'reinit' || request?.kind === 'replace';
  if (!isOfOne || (awaited !== null && request.member !== awaited)) return null;
  return requestStep({ facts, plan, members: membersOf(facts), leader: leader.name });
}

function nextStep(facts: Facts, plan: Plan): RolloutStep {
  const leader = leaderOf(facts);
  if (!leader.writable || leader.name === null) return wait('configuring', leader.because);
  const step = stepInTurn({ facts, plan, members: membersOf(facts), leader: leader.name });
  if (step.act.type !== 'none' || step.awaited === null) return step;
  return mendingStep({ facts, plan }, step.awaited) ?? step;
}

function stepInTurn(scene: Scene): RolloutStep {
  const { facts } = scene;
  return (
    lostStep(scene) ??
    mending(scene) ??
    growing(facts) ??
    labelling(scene) ??
    rotationStep(scene) ??
    configuring(scene) ??
    synchronising(scene) ??
    restarting(scene) ??
    replacing(scene) ??
    requestStep(scene) ?? { stage: 'done', act: none, because: 'every member runs what the spec says', awaited: null }
  );
}
