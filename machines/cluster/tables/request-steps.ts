/** Owns: the step that what was asked for once is at, and who is waited for meanwhile (`requests.ts` says when it is over). */
import { failoverObject, ordinalOf, podName, type OneShot } from '../../shared/names.ts';
import type { ActiveRequest, Facts } from '../facts.ts';
import { clusterName } from '../knowledge.ts';
import { dcsOf, runs, type Member } from '../members.ts';
import { credentialsStep } from './credentials.ts';
import { replacementStep } from './replacement.ts';
import { notRunning, wordsOfRequest } from './requests.ts';
import { act, wait, type RolloutStage, type RolloutStep, type Scene } from './step.ts';
import { successor } from './succession.ts';
import { hindrance } from './synchrony.ts';

const stages: Readonly<Record<OneShot, RolloutStage>> = {
  reload: 'configuring',
  restart: 'restarting',
  switchover: 'switching',
  reinit: 'rebuilding',
  replace: 'rebuilding',
  'rotate-credentials': 'configuring',
};

function due(scene: Scene, request: ActiveRequest): readonly Member[] {
  const cluster = clusterName(scene.facts);
  const rank = ({ name }: Member): number => (name === scene.leader ? Infinity : ordinalOf(cluster, name));
  return scene.members
    .filter(({ name }) => request.members.includes(name) && !request.done.includes(name))
    .toSorted((one, other) => rank(one) - rank(other));
}

function restartStep(scene: Scene, request: ActiveRequest, words: string): RolloutStep {
  const all = due(scene, request);
  const unasked = all.filter((member) => request.started[member.name] === undefined).map(({ name }) => name);
  const [next] = all;
  if (next === undefined) return wait('restarting', `${words} is done`);
  if (unasked.length > 0)
    return act('restarting', { type: 'verify', members: unasked }, `${words}: since when ${unasked.join(', ')} runs`);
  const { name } = next;
  const other = request.member === null ? hindrance(scene, name) : null;
  if (other !== null) return wait('restarting', `${name} waits for ${other.because}`, other.awaited);
  if (!runs(next)) return wait('restarting', `${name} is ${next.state}`, name);
  const isTold = scene.facts.memory.timers[`await/Restart/${name}`] !== undefined;
  if (isTold) return act('restarting', { type: 'verify', members: [name] }, `${name} is to start anew`, name);
  const started = request.started[name] ?? null;
  return act('restarting', { type: 'restart', member: name, started }, `${words} is due at ${name}`, name);
}

function rebuildStep(scene: Scene, request: ActiveRequest, words: string): RolloutStep {
  const name = request.member ?? podName(clusterName(scene.facts), 0);
  const started = request.started[name];
  const member = scene.members.find((each) => each.name === name);
  if (member === undefined || request.done.includes(name))
    return wait('rebuilding', `${name} has to stream: ${member?.trouble ?? 'it is not seen'}`, name);
  if (started === undefined)
    return act('rebuilding', { type: 'verify', members: [name] }, `${words}: since when ${name} runs`, name);
  const isTold = scene.facts.memory.timers[`await/Reinitialize/${name}`] !== undefined;
  const isCopying = !runs(member) && (started !== notRunning || member.state === 'creating replica');
  if (isCopying) return wait('rebuilding', `${name} is ${member.state}`, name);
  if (isTold) return act('rebuilding', { type: 'verify', members: [name] }, `${name} is to copy its data anew`, name);
  return act('rebuilding', { type: 'reinitialize', member: name, started }, `${words} is due at ${name}`, name);
}

function switchStep({ facts, leader }: Scene, request: ActiveRequest, words: string): RolloutStep {
  const asked = dcsOf(facts, failoverObject(clusterName(facts)))?.failover ?? null;
  if (asked !== null) return wait('switching', `${leader} is asked to hand over to ${asked.candidate ?? 'anybody'}`);
  const answer = successor(facts, { template: null, below: Infinity, member: request.member });
  const candidate = answer.values['candidate'];
  if (answer.answer !== 'yes' || typeof candidate !== 'string') return wait('switching', answer.because);
  return act('switching', { type: 'switchover', leader, candidate }, `${words}: ${answer.because}`, candidate);
}

/** The API server has said that it knows the token; what nobody asked for has none. */
function isAcknowledged({ memory }: Facts): boolean {
  const { request } = memory;
  return request === null || request.unasked === true || memory.published?.handled[request.kind] === request.token;
}

/** The step that passwords are at before members start anew; null when nothing is to be done about them. */
export function rotationStep(scene: Scene): RolloutStep | null {
  return isAcknowledged(scene.facts) ? credentialsStep(scene) : null;
}

/** The step that the replacement of a lost member is at; null when none is asked for. */
export function lostStep(scene: Scene): RolloutStep | null {
  return scene.facts.memory.request?.lost === undefined ? null : requestStep(scene);
}

/** The step that what was asked for once is at; null when nothing is asked for. */
export function requestStep(scene: Scene): RolloutStep | null {
  const { request } = scene.facts.memory;
  if (request === null) return null;
  const { kind } = request;
  const words = wordsOfRequest(request);
  if (!isAcknowledged(scene.facts)) return wait(stages[kind], `${words} has to stand in status.handled first`);
  switch (kind) {
    case 'reload': {
      const members = due(scene, request).map(({ name }) => name);
      return act('configuring', { type: 'reload', members }, `${words} is due at ${members.join(', ')}`);
    }
    case 'restart':
      return restartStep(scene, request, words);
    case 'switchover':
      return switchStep(scene, request, words);
    case 'reinit':
      return rebuildStep(scene, request, words);
    case 'replace':
      return replacementStep(scene.facts, request, words);
    case 'rotate-credentials':
      return wait('replacing', `${words}: every member has to run with it, and stream`);
  }
}
