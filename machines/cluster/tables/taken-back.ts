/**
 * Owns: what is remembered of a rollout that was taken back, and when it is tried again.
 *
 *   what was seen meanwhile                  the edit                      again
 *   a member, the API server or a volume     is named in the condition     when the spec is edited
 *   says what is wrong with it
 *   nobody wrote, or something was waited    is named too, but may have    once the cluster has run for 10 minutes;
 *   for, and nothing said why                no part in it: a node that     then 40, 160 … minutes, at most a day
 *                                            is cut off looks the same
 *
 * I1. What is tried again is permitted again first: windows, approvals and turns hold for it as for any edit.
 * Does not own: whether a rollout has failed (`procedures.ts`).
 */
import type { Answer } from '../../shared/answer.ts';
import { sortedKeys } from '../../shared/json.ts';
import { rolloutAgainMs, rolloutAgainTimer } from '../backoff.ts';
import type { AcceptedSpec, Facts, FailedRollout, Memory, SilentRollout } from '../facts.ts';
import { blamed, failedRolloutToken } from './blame.ts';
import { keptKeys, withOccasional } from '../world.ts';

/** The token in status: the generation, and after a slash how often it ended in silence where it did. */
function tokenOf({ generation }: FailedRollout, silent: SilentRollout | undefined): string {
  return silent === undefined ? String(generation) : `${generation}/${silent.tries}`;
}

/** What the token in status says, which outlasts the journal; null where nothing has failed. */
export function toldByToken({ handled }: Memory): { readonly generation: number; readonly silent: number } | null {
  const [, generation, tries] = /^(\d+)(?:\/(\d+))?$/.exec(handled[failedRolloutToken] ?? '') ?? [];
  return generation === undefined ? null : { generation: Number(generation), silent: Number(tries ?? '0') };
}

/** Nothing that was seen speaks against the spec. @param answer of guard `rolloutFailed` */
function isSilent(answer: Answer | undefined): boolean {
  return answer !== undefined && answer.values['timer'] !== undefined && answer.values['trouble'] === null;
}

function minutes(ms: number): string {
  return `${Math.round(ms / 60_000)} minutes`;
}

/** What came of this generation in silence so far; undefined when nothing did. */
function silentOf({ silentRollout }: Memory, generation: number | undefined): SilentRollout | undefined {
  return silentRollout?.generation === generation ? silentRollout : undefined;
}

/**
 * Memory of a rollout that is given up: of what, why, and whether it is tried again.
 * @param tried what was being rolled out
 * @param before what it goes back to
 * @param answer by which it was given up
 */
export function givenUp(memory: Memory, tried: AcceptedSpec, before: AcceptedSpec, answer: Answer | undefined): Memory {
  const { generation } = tried;
  const was = silentOf(memory, generation)?.tries ?? 0;
  const silent = isSilent(answer) ? { generation, tries: was + 1 } : undefined;
  const because = answer?.because ?? 'a member does not become ready';
  const again =
    silent === undefined
      ? ''
      : `; nothing says that the spec is at fault, so it is tried again once the cluster has run for ${minutes(rolloutAgainMs(silent.tries))}`;
  const failedRollout = { generation, problem: blamed(before.spec, tried.spec, because + again) };
  const handled = { ...memory.handled, [failedRolloutToken]: tokenOf(failedRollout, silent) };
  return { ...withOccasional(memory, 'silentRollout', silent), failedRollout, handled };
}

/** Memory of a rollout that failed, by its token in status: why it did was in the journal that is lost. */
export function rememberedByToken(memory: Memory, before: AcceptedSpec, tried: AcceptedSpec): Memory {
  const told = toldByToken(memory);
  const { generation } = tried;
  const problem = blamed(before.spec, tried.spec, 'the journal that told why is lost');
  const silent = told !== null && told.silent > 0 ? { generation, tries: told.silent } : undefined;
  return { ...withOccasional(memory, 'silentRollout', silent), failedRollout: { generation, problem } };
}

/** What has been waited for, which speaks against the spec it was waited for with. */
function isOfOneSpec(timer: string): boolean {
  return /^(stall|deadline\/updating)\//.test(timer);
}

/**
 * Memory of a spec that is going to be rolled out: nothing has failed any more, and nothing has been waited for; how often it failed
 * in silence is counted on.
 */
export function beginning(memory: Memory, generation: number): Memory {
  const { [failedRolloutToken]: _told, ...handled } = memory.handled;
  const timers = keptKeys(memory.timers, (id) => !isOfOneSpec(id));
  const expired = memory.expired.filter((id) => !isOfOneSpec(id));
  const counted = withOccasional(memory, 'silentRollout', silentOf(memory, generation));
  return { ...counted, failedRollout: null, handled, timers, expired };
}

/** How long the cluster has to run before what ended in silence is tried again; null where nothing is. */
export function rolloutAgainAfterMs({ memory, world }: Facts): number | null {
  const silent = silentOf(memory, world.cluster?.seen.generation);
  return memory.failedRollout === null || silent === undefined ? null : rolloutAgainMs(silent.tries);
}

/** The spec that was true before is asked for again, by an edit: there is nothing else to go back to. */
export function isPutBack({ memory }: Facts): boolean {
  const { accepted, rolledOut: before } = memory;
  if (accepted === null || before === null || accepted.generation <= before.generation) return false;
  return JSON.stringify(sortedKeys(accepted.spec)) === JSON.stringify(sortedKeys(before.spec));
}

/** It has run for that long. */
export function isRolloutAgainDue(facts: Facts): boolean {
  return facts.memory.expired.includes(rolloutAgainTimer) && rolloutAgainAfterMs(facts) !== null;
}
