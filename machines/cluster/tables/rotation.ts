/**
 * Owns: what Secrets say as a wish: an edit of the Secret that people read, a Secret that was made anew, pods that run with
 * passwords of before. Nobody asked by a token, so it waits for what any edit waits for (`permission.ts`), and is given up
 * until the Secrets say something else once it failed.
 */
import type { Facts, HeldEdit } from '../facts.ts';
import { isLeaving, knownFacts } from '../knowledge.ts';
import { leaderOf, membersOf, troubledMembers } from '../members.ts';
import { oldPods, rotationDue, withSettled, type Due } from './credentials.ts';
import { heldRotation, type EditJudge } from './permission.ts';
import { delay } from './requests.ts';

/** Everybody starts anew one after the other, so all have to be there; but whoever lags behind is waited for by nobody. */
function missing(facts: Facts, due: Due): HeldEdit['message'] | null {
  const troubled = membersOf(facts).some(({ ready }) => !ready);
  return due.restarts && troubled && oldPods(facts).length === 0
    ? `not ready: ${troubledMembers(membersOf(facts))}`
    : null;
}

/** What Secrets say and is not in force yet; null when all agree, when it was given up, or while it is under way. */
function dueNow(facts: Facts): Due | null {
  const { memory, world } = facts;
  if (memory.request !== null || world.cluster === null || isLeaving(facts)) return null;
  const due = rotationDue(facts);
  return due === null || memory.refused['rotate-credentials']?.token === due.mark ? null : due;
}

/** What Secrets say and why that waits, as a sentence; null when nothing of it waits. */
export function waitingRotation(facts: Facts): string | null {
  const due = dueNow(facts);
  const because = due === null ? null : (delay(facts, 'rotate-credentials', due.mark) ?? missing(facts, due));
  return due === null || because === null ? null : `${due.because}; that waits: ${because}`;
}

/** An edit is held already: both are named, and each is asked for what it needs. */
function both(edit: HeldEdit | null, rotation: HeldEdit): HeldEdit {
  if (edit === null) return rotation;
  const moments = [edit.until, rotation.until].filter((until) => until !== null);
  const turn = edit.turn ?? rotation.turn;
  return {
    ...edit,
    message: `${edit.message}; ${rotation.message}`,
    until: moments.length === 0 ? null : Math.min(...moments),
    ...(turn === undefined ? {} : { turn }),
  };
}

/** Facts with what Secrets say taken up, or held. */
export function withRotation(before: Facts, judge: EditJudge, at: number): Facts {
  if (knownFacts(before).answer !== 'yes') return before;
  const facts = withSettled(before);
  const due = dueNow(facts);
  if (due === null || delay(facts, 'rotate-credentials', due.mark) !== null || missing(facts, due) !== null)
    return facts;
  const held = heldRotation(facts, due, judge, at);
  const { memory } = facts;
  if (held !== null) return { ...facts, memory: { ...memory, held: both(memory.held, held) } };
  const { name, timeline } = leaderOf(facts);
  const members = membersOf(facts).map((member) => member.name);
  const nobody = { member: null, leader: name ?? '', timeline, members, started: {}, done: [] };
  return {
    ...facts,
    memory: { ...memory, request: { kind: 'rotate-credentials', token: due.because, ...nobody, unasked: true } },
  };
}
