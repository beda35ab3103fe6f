/**
 * Owns: loops: one effect again and again for the same reason, because somebody else undoes it each time. Which effects can
 * be undone, when that is a loop, how long the next one waits, when a loop is over, and what a human does.
 *
 *   times   the effect is had
 *   1       at once
 *   2 to 5  5, 10, 20, 40 s after the one before (`retryDelayMs`)
 *   more    the loop is open: 10 minutes after the one before, then 20, 40, 60
 *
 * What is not there at all costs more than what differs: it is made at once twice, and then 5, 10, 20 … 300 s after it went.
 *
 * A loop that is not open is forgotten an hour after its last effect. One that is open is over once the object has stood as it
 * should for 5 minutes, and is open again at once if it begins again within the hour. A new spec forgets all of them.
 */
import { retryDelayMs } from '../backoff.ts';
import type { Facts, Loop, Memory } from '../facts.ts';
import type { Difference, IntentType } from '../intents.ts';

/** So many times for one reason are a loop. */
export const loopAfter = 5;
/** An object that has stood so long as it should is not fought over any more. */
export const loopCalmMs = 300_000;
/** So long after the last time the next is another story. */
export const loopForgottenMs = 3_600_000;
const loopDelayMsMin = 600_000;
const loopDelayMsMax = 3_600_000;
/** Reasons that are counted for one object; whoever changes another field each time is met by the back-off alone. */
const reasonsMax = 16;

/** Condition reason, and reason of the Kubernetes Events. */
export const editWar = 'EditWar';
export const editWarOver = 'EditWarOver';

/**
 * What makes an effect one that somebody undid:
 * `repair`: the same text as the last time; `rolled-out`: had although the spec is true of every member already; `made-again`:
 * what was ours is gone, counted when it goes. Null: not had for what others do to an object, or had once for each asking.
 */
export const loopRules: Readonly<Record<IntentType, 'repair' | 'rolled-out' | 'made-again' | null>> = {
  AddFinalizer: 'made-again',
  ReleaseFinalizer: null,
  CreateObject: 'made-again',
  CreateSecret: 'made-again',
  RepairObject: 'repair',
  RepairStatefulSet: 'repair',
  RemoveForeignFields: 'repair',
  AdoptObject: null,
  MarkRetained: null,
  StripMarks: null,
  ReleaseObject: null,
  DeleteObject: null,
  CompareObject: null,
  ReadObject: null,
  ReadEvents: null,
  CreateDatabase: null,
  PatchPatroniConfig: 'rolled-out',
  RequestSwitchover: null,
  RestartPostgres: null,
  ReloadPostgres: null,
  ReinitializeMember: null,
  VerifyParameters: null,
  MeasureVolume: null,
  LabelPod: 'rolled-out',
  GrowVolume: null,
  SetPasswords: null,
  // Whoever edits a Secret that people read asks for a rotation: the next one is another asking.
  WriteSecret: null,
  PublishStatus: null,
  EmitEvent: null,
};

/** Objects that somebody fights over, by target key. */
export function loopsOf(memory: Memory): Readonly<Record<string, Loop>> {
  return memory.loops ?? {};
}

/** Timer for the end of a loop. */
export function loopTimer(key: string): string {
  return `loop/${key}`;
}

/** How often the effect was had for the reason it was had most. */
export function timesOf(loop: Loop): number {
  return Math.max(0, ...Object.values(loop.times));
}

export function isOpen(loop: Loop | undefined): loop is Loop {
  return loop !== undefined && timesOf(loop) >= loopAfter;
}

/** The loop with one more effect for this reason, and how often it was had for it. */
export function onceMore(
  before: Loop | undefined,
  { fields, by }: Difference,
  at: number,
): { readonly loop: Loop; readonly times: number } {
  const reasons = fields.length === 0 ? [''] : fields;
  const counted = Object.fromEntries(reasons.map((field) => [field, (before?.times[field] ?? 0) + 1]));
  const all = { ...before?.times, ...counted };
  const kept = Object.keys(all).length > reasonsMax ? counted : all;
  const managers = [...new Set([...(before?.by ?? []), ...by])].sort().slice(0, reasonsMax);
  return {
    loop: { times: kept, by: managers, since: before?.since ?? at },
    times: Math.max(...Object.values(counted)),
  };
}

/** Wait before the next, after so many for one reason. @param inARow failures of any reason, one after the other */
export function loopDelayMs(times: number, inARow: number, isMissing: boolean): number {
  if (isMissing) return times < 3 ? 0 : retryDelayMs(times - 2);
  if (times < loopAfter) return retryDelayMs(inARow);
  return Math.min(loopDelayMsMax, loopDelayMsMin * 2 ** Math.min(16, times - loopAfter));
}

/** An open loop that is over: one more time within the hour opens it again. */
export function closed(loop: Loop): Loop {
  const times = Object.fromEntries(
    Object.entries(loop.times).map(([field, count]) => [field, Math.min(count, loopAfter - 1)]),
  );
  return { ...loop, times };
}

/** What of the spec says what an object of this kind may have that is not ours. */
const fieldsOfSpec: Readonly<Record<string, string>> = {
  Service: 'spec.service',
  StatefulSet: 'spec.replicas, resources, placement, env or podMetadata',
  Pod: 'spec.podMetadata',
  Labels: 'spec.podMetadata',
  Endpoints: 'spec.postgresqlParams, patroni or synchronous',
  ConfigMap: 'spec.postgresqlParams, patroni or synchronous',
};

/** What is fought over, with whom, how often, and what a human does. @param key target key: `Service/shop` */
export function loopWords(key: string, loop: Loop): string {
  const most = timesOf(loop);
  const fields = Object.keys(loop.times).filter((field) => loop.times[field] === most && field !== '');
  const who = loop.by.length === 0 ? 'somebody' : loop.by.join(', ');
  const isDeleted = fields.includes(wholeObject);
  const what = isDeleted ? 'deletes it' : `changes ${fields.length === 0 ? 'what is ours of it' : fields.join(', ')}`;
  const [kind = ''] = key.split('/');
  const field = fieldsOfSpec[kind];
  const asked = field === undefined || isDeleted ? '' : `, or say it in ${field}`;
  const next = isDeleted
    ? 'it is made again every few minutes'
    : 'it is left as it is, and tried again ever more seldom';
  return `${key}: ${who} ${what} whenever it is put right, ${most} times so far; ${next}; make ${who} leave it alone${asked}; after any edit of the spec it is tried at once`;
}

/** Stands for a field where the object itself was taken away. */
export const wholeObject = '(the object)';

/** Open loops as sentences, by key. */
export function openLoops({ memory }: Facts): readonly string[] {
  return Object.entries(loopsOf(memory))
    .filter(([, loop]) => isOpen(loop))
    .map(([key, loop]) => loopWords(key, loop))
    .sort();
}
