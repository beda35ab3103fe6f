/** Owns: the step that a procedure is at, as wishes. One step is one wish, but for questions, which change nothing. */
import { configObject, failoverObject, leaderObject } from '../shared/names.ts';
import { electingTimer } from './backoff.ts';
import { phaseOf } from './chart.ts';
import type { Facts } from './facts.ts';
import type { Difference, Intent } from './intents.ts';
import { isObject } from '../shared/json.ts';
import { clusterName } from './knowledge.ts';
import { dcsOf, isPatroniPaused, leaderOf, podOf } from './members.ts';
import type { ObjectRef } from './observations.ts';
import type { JsonRecord } from './plan.ts';
import { nextConfiguration, replicasFirst, withoutUnwanted } from './tables/configuration.ts';
import { relieving } from './tables/full-volume.ts';
import { downAsBefore, mendingStep, neverStarted, rolloutStep } from './tables/rollout.ts';
import { isPutBack } from './tables/taken-back.ts';
import { smallClaims } from './tables/volumes.ts';
import { scalingStep } from './tables/scaling.ts';
import { ableToConfirm, askedSynchrony, withSynchrony } from './tables/synchrony.ts';
import type { RolloutStep } from './tables/step.ts';
import type { View } from './view.ts';

function dcsRef(facts: Facts, nameOf: (cluster: string) => string): ObjectRef {
  return {
    kind: facts.memory.dcs === 'ConfigMaps' ? 'ConfigMap' : 'Endpoints',
    name: nameOf(clusterName(facts)),
  };
}

function uidOf(facts: Facts, ref: ObjectRef): string | null {
  return facts.world.objects[`${ref.kind}/${ref.name}`]?.object.uid ?? null;
}

function switchover(facts: Facts, leader: string, candidate: string, because: string): Intent {
  const target = dcsRef(facts, failoverObject);
  return { type: 'RequestSwitchover', target, uid: uidOf(facts, target), leader, candidate, because };
}

interface OnPod {
  readonly target: ObjectRef;
  readonly uid: string;
}

/** A wish for each of these members that has a pod. */
function onPods(facts: Facts, members: readonly string[], wish: (pod: OnPod) => Intent): readonly Intent[] {
  return members.flatMap((member) => {
    const pod = podOf(facts, member);
    return pod === null ? [] : [wish({ target: { kind: 'Pod', name: member }, uid: pod.object.uid })];
  });
}

function grow(facts: Facts, name: string, because: string): readonly Intent[] {
  const target = { kind: 'PersistentVolumeClaim', name } as const;
  const uid = uidOf(facts, target);
  const size = facts.memory.accepted?.spec.storage.size ?? null;
  return uid === null || size === null ? [] : [{ type: 'GrowVolume', target, uid, size, because }];
}

/** What is had although the spec is true of every member puts right what somebody did. */
function putsRight({ memory }: Facts, fields: () => readonly string[]): { readonly diff?: Difference } {
  const isTrue = memory.accepted !== null && memory.accepted.generation === memory.rolledOutGeneration;
  return isTrue ? { diff: { fields: fields(), by: [] } } : {};
}

/** Paths at which two configurations differ. */
function changedKeys(found: JsonRecord, wanted: JsonRecord, above = ''): readonly string[] {
  return [...new Set([...Object.keys(found), ...Object.keys(wanted)])].sort().flatMap((key) => {
    const [was, is] = [found[key], wanted[key]];
    if (JSON.stringify(was) === JSON.stringify(is)) return [];
    return isObject(was) && isObject(is) ? changedKeys(was, is, `${above}${key}.`) : [`${above}${key}`];
  });
}

/** Patroni is told a configuration, made of the one that stands; nothing while none is seen, or none is due. */
function telling(facts: Facts, next: (found: JsonRecord) => JsonRecord | null, because: string): readonly Intent[] {
  const target = dcsRef(facts, configObject);
  const uid = uidOf(facts, target);
  const found = dcsOf(facts, target.name)?.config ?? null;
  const config = found === null ? null : next(found);
  if (uid === null || found === null || config === null) return [];
  const diff = putsRight(facts, () => changedKeys(found, config));
  return [{ type: 'PatchPatroniConfig', target, uid, config, because, ...diff }];
}

/** Nobody writes, and full disks may be why: they all grow at once, without waiting for a leader. */
function growingAll({ facts }: View): readonly Intent[] {
  const because = 'nobody writes, and the spec asks for a larger volume';
  return smallClaims(facts).flatMap(({ claim }) => grow(facts, claim.name, because));
}

function stepWants({ facts, plan }: View, step: RolloutStep): readonly Intent[] {
  const { act, because } = step;
  switch (act.type) {
    case 'none':
      return [];
    case 'grow':
      return act.claims.flatMap((name) => grow(facts, name, because));
    case 'label':
      return onPods(facts, act.members, (pod) => {
        const diff = putsRight(facts, () => ['labels and annotations of the spec']);
        return { type: 'LabelPod', ...pod, because, ...diff };
      });
    case 'configure':
      return telling(facts, () => act.config, because);
    case 'verify': {
      const asked = [...replicasFirst, ...Object.keys(plan.parameters), ...Object.keys(plan.removed)];
      const names = [...new Set(asked)].sort();
      return onPods(facts, act.members, (pod) => ({ type: 'VerifyParameters', ...pod, names, because }));
    }
    case 'restart':
      return onPods(facts, [act.member], (pod) => ({ type: 'RestartPostgres', ...pod, started: act.started, because }));
    case 'reload':
      return onPods(facts, act.members, (pod) => ({ type: 'ReloadPostgres', ...pod, because }));
    case 'reinitialize': {
      const { started } = act;
      return onPods(facts, [act.member], (pod) => ({ type: 'ReinitializeMember', ...pod, started, because }));
    }
    case 'replace':
      return onPods(facts, [act.member], (pod) => ({ type: 'DeleteObject', ...pod, because }));
    case 'confirm': {
      const target = dcsRef(facts, (cluster) => leaderObject(cluster, facts.memory.dcs ?? 'Endpoints'));
      return [{ type: 'ReadObject', target, because }];
    }
    case 'discard': {
      const { target, uid, graceSeconds } = act;
      return [{ type: 'DeleteObject', target, uid, because, ...(graceSeconds === null ? {} : { graceSeconds }) }];
    }
    case 'passwords': {
      const { owner } = act;
      return onPods(facts, [act.leader], (pod) => ({ type: 'SetPasswords', ...pod, owner, because }));
    }
    case 'secrets':
      return act.writes.flatMap(({ secret, write }): readonly Intent[] => {
        const target = { kind: 'Secret', name: secret } as const;
        const uid = uidOf(facts, target);
        return uid === null ? [] : [{ type: 'WriteSecret', target, uid, write, because }];
      });
    case 'switchover':
      return [switchover(facts, act.leader, act.candidate, because)];
  }
}

/** Parameters of the spec that was true of every member, or of the one that they were made from, by name in lower case. */
function parametersBefore({ facts: { memory }, plan }: View): Readonly<Record<string, string>> | null {
  const before =
    memory.rolledOut === null ? memory.bootstrapParameters : (memory.rolledOut.spec.postgresqlParams ?? {});
  if (before === null) return null;
  const named = Object.entries(before);
  const removed = Object.entries(plan.removed).map(([name, { value }]): [string, string] => [name, value]);
  return Object.fromEntries([
    ...removed,
    ...named.map(([name, value]): [string, string] => [name.toLowerCase(), value]),
  ]);
}

/** Nobody wrote when the spec was accepted, nor since: it is brought into force without a leader, or never. */
function isDownForLong({ memory }: Facts): boolean {
  return memory.takenWhileDown !== undefined && memory.expired.includes(electingTimer);
}

/** Why Patroni is told all that the accepted spec says although nobody writes; null where that waits for a leader. */
function leaderlessReason(facts: Facts): string | null {
  if (isDownForLong(facts)) return 'nobody wrote when the spec was accepted either';
  return facts.memory.failedRollout !== null || isPutBack(facts) ? 'the spec that failed is taken back' : null;
}

/** Nobody writes, and what Patroni was told may be why: it is told what was true before, without waiting for a leader. */
function takingBack(view: View): readonly Intent[] {
  const { facts, plan } = view;
  if (isPatroniPaused(facts)) return [];
  const reason = leaderlessReason(facts);
  if (reason === null) {
    const before = parametersBefore(view);
    const because = 'nobody writes, and Patroni states what no spec asks for any more';
    return before === null ? [] : telling(facts, (found) => withoutUnwanted(found, plan, before), because);
  }
  const synchrony = askedSynchrony(facts.memory.accepted?.spec ?? null);
  const standing = { restartsPending: false, synchrony, streaming: ableToConfirm(facts) };
  return telling(facts, (found) => nextConfiguration(found, plan, standing), reason);
}

/** Members go only when as few may be left: what the spec asks of synchronous replication is told before the rest of it. */
function loosening(facts: Facts): readonly Intent[] {
  const { isHeld, because } = scalingStep(facts);
  if (!isHeld) return [];
  const wanted = askedSynchrony(facts.memory.accepted?.spec ?? null);
  return telling(
    facts,
    (found) => {
      const config = withSynchrony(found, wanted);
      return config === found ? null : config;
    },
    because,
  );
}

/** No step waits for it, and a pod that never came to run is made anew from the template that is right by now. */
function startingAnew(view: View): readonly Intent[] {
  const { facts, state } = view;
  const isAwaited =
    phaseOf(state) !== 'Scaling' && leaderOf(facts).writable && facts.memory.rolledOutGeneration !== null;
  const stuck = isAwaited ? null : (neverStarted(view) ?? (isDownForLong(facts) ? downAsBefore(view) : null));
  if (stuck === null) return [];
  const { name, uid, because } = stuck;
  return [{ type: 'DeleteObject', target: { kind: 'Pod', name }, uid, because }];
}

/** What is put right wherever nothing else is under way, and costs nobody anything. */
const always: ReadonlySet<RolloutStep['act']['type']> = new Set(['grow', 'label', 'configure']);

/** What the procedure of the present phase wishes; nothing in phases without one. */
export function procedureWants(view: View): readonly Intent[] {
  const phase = phaseOf(view.state);
  if (phase === 'Updating') return [...stepWants(view, rolloutStep(view)), ...startingAnew(view)];
  // Patroni's configuration drifts like any object, and is put back where nothing else is under way; a new cluster begins
  // with the one that all begin with.
  if (phase === 'Running' || phase === 'Degraded' || phase === 'Creating') {
    const step = rolloutStep(view);
    return always.has(step.act.type) ? stepWants(view, step) : startingAnew(view);
  }
  if (phase === 'Recovering' || phase === 'Failed')
    return [...growingAll(view), ...takingBack(view), ...startingAnew(view), ...relieving(view.facts)];
  if (phase !== 'Scaling') return [];
  const { handOver, because } = scalingStep(view.facts);
  if (handOver !== null) return [switchover(view.facts, handOver.leader, handOver.candidate, because)];
  // Nobody goes while a member that stays is lost, so who was asked to mend that one waits for nothing.
  const mending = mendingStep(view, null);
  return [...loosening(view.facts), ...startingAnew(view), ...(mending === null ? [] : stepWants(view, mending))];
}
