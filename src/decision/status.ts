/**
 * Owns: the status of a PostgresCluster as text, and the two hashes that decide when it is written: any change of a field
 * but lag, times and journal; and, at once, any change of phase or of a condition.
 */
import { isObject, sortedKeys } from '#machines/shared/json.ts';
import { fieldManagers, labels, oneShots } from '#machines/shared/names.ts';
import { phaseOf, type Phase } from '#machines/cluster/chart.ts';
import { conditionTypes, sentence, type Assessed, type ConditionType } from '#machines/cluster/conditions.ts';
import { claimNames, desiredMembers, leaderOf, membersOf } from '#machines/cluster/members.ts';
import { nextAction } from '#machines/cluster/next-action.ts';
import type { ConditionMemory, Facts } from '#machines/cluster/facts.ts';
import type { Json, Plan, Problem } from '#machines/cluster/plan.ts';
import { objectsOf, recalled } from '#machines/cluster/recall.ts';
import { roleOf } from '#machines/cluster/tables/synchrony.ts';
import { volumesOf } from '#machines/cluster/tables/volumes.ts';
import { oncePer, oncePerText } from '#machines/shared/once.ts';
import { quantityBytes } from '#machines/shared/quantity.ts';
import { sha256 } from './hash.ts';
import type { ApiRequest } from './record.ts';

type JsonObject = { readonly [key: string]: Json };

/** What a status says, in the CRD's field order. */
export type StatusText = JsonObject;

const rideAlong: ReadonlySet<string> = new Set(['journal', 'lastErrorTime']);
const rideAlongInItems: ReadonlySet<string> = new Set(['lagBytes', 'lastTransitionTime']);

/** Text of a value, its keys in order at every depth. Most values are words and numbers, which have none. */
function sortedText(value: Json): string {
  return JSON.stringify(typeof value === 'object' ? sortedKeys(value) : value);
}

/** Fields with their texts; those of a status and of its items have names, never numbers, so that this is their order in JSON. */
function fieldsText(object: JsonObject, keys: readonly string[], text: (key: string, value: Json) => string): string {
  const texts = keys.toSorted().map((key) => `${JSON.stringify(key)}:${text(key, object[key] ?? null)}`);
  return `{${texts.join(',')}}`;
}

function itemText(item: Json): string {
  if (!isObject(item)) return sortedText(item);
  const keys = Object.keys(item).filter((key) => !rideAlongInItems.has(key));
  return fieldsText(item, keys, (_, value) => sortedText(value));
}

/** A condition stands in many statuses, one after the other. */
const conditionText = oncePer(itemText as (item: JsonObject) => string);

function textOf(key: string, value: Json): string {
  if (!Array.isArray(value)) return sortedText(value);
  const items = value.map((item: Json) =>
    key === 'conditions' && isObject(item) ? conditionText(item) : itemText(item),
  );
  return `[${items.join(',')}]`;
}

function textWithoutRiders(status: JsonObject): string {
  const keys = Object.keys(status).filter((key) => !rideAlong.has(key) && status[key] !== null);
  return fieldsText(status, keys, textOf);
}

/**
 * Hash of what a status says, without what only rides along (journal, lag, times) and without absent fields. The door
 * uses the same function on the status it reads, so a restart can see that nothing has changed.
 */
export function statusTextHash(status: Json): string {
  return isObject(status) ? hashOfStatus(status) : sha256('{}');
}

/** Decisions that change nothing of what a status says have the very same one. */
const hashOfStatus = oncePer((status: JsonObject) => sha256(textWithoutRiders(status)));

function time(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

const conditionOf = oncePer((condition: ConditionMemory) =>
  oncePerText((type): JsonObject => ({
    type,
    status: condition.status,
    reason: condition.reason,
    message: condition.message.slice(0, 4096),
    observedGeneration: condition.observedGeneration,
    lastTransitionTime: time(condition.since),
  })),
);

function conditions(facts: Facts): Json {
  return conditionTypes.flatMap((type): Json[] => {
    const condition = facts.memory.conditions[type];
    return condition === undefined ? [] : [conditionOf(condition)(type)];
  });
}

/** The size of a member's volume while it is not what was asked for. */
function smallVolume(facts: Facts, name: string): JsonObject {
  const volume = volumesOf(facts).find(({ member }) => member.name === name);
  const capacity = volume === undefined || volume.grown ? null : volume.detail.capacity;
  return capacity === null ? {} : { volumeSize: capacity };
}

function members(facts: Facts): Json {
  return membersOf(facts).map((member) => ({
    name: member.name,
    role: roleOf(facts, member),
    state: member.state,
    ...(member.timeline === null ? {} : { timeline: member.timeline }),
    ...(member.lagBytes === null ? {} : { lagBytes: member.lagBytes }),
    pendingRestart: member.pendingRestart,
    ...smallVolume(facts, member.name),
  }));
}

/**
 * The smallest real volume of the members there are to be, but never more than was asked for, or the schema's rule would block status
 * for ever. The volume that a member left behind is not theirs, however small: by it they would seem to be smaller than they are.
 */
function volumeSize(facts: Facts): string | null {
  const asked = facts.world.cluster?.seen.spec.storage.size ?? null;
  const { accepted } = facts.memory;
  const names = claimNames(facts);
  const real = objectsOf(facts).flatMap(({ object }) => {
    const isTheirs = accepted === null || names.has(object.name);
    const { detail } = object;
    return detail.type === 'PersistentVolumeClaim' && isTheirs && detail.capacity !== null ? [detail.capacity] : [];
  });
  if (asked === null || real.length === 0) return null;
  const least = real.reduce((left, right) => (quantityBytes(right) < quantityBytes(left) ? right : left));
  return quantityBytes(least) < quantityBytes(asked) ? least : asked;
}

/** Optional fields, left out while they are not known: an absent field is never published as an empty one. */
function optional(fields: Readonly<Record<string, Json | null>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
}

/** The status of a View in the CRD's field order, with the `$anchor` hole for the journal's head. */
export function statusOf({ facts, state, plan, specProblems }: Assessed): StatusText {
  return statusOn(facts, state, plan, specProblems);
}

const statusOn = recalled((facts, state: string, plan: Plan, specProblems: readonly Problem[]): StatusText => {
  const view = { facts, state, plan, specProblems };
  const { memory } = facts;
  const cluster = facts.world.cluster?.seen;
  const all = membersOf(facts);
  const leader = leaderOf(facts);
  return {
    phase: phaseOf(view.state),
    reason: sentence(view).slice(0, 1024),
    ...optional({ nextAction: nextAction(view)?.slice(0, 1024) ?? null }),
    readyReplicas: all.filter((member) => member.ready).length,
    replicas: objectsOf(facts).filter(({ object }) => object.kind === 'Pod').length,
    ...optional({ primaryPod: leader.writable ? leader.name : null }),
    replicaPods: all.filter((member) => member.ready && member.role === 'replica').map((member) => member.name),
    observedGeneration: cluster?.generation ?? 0,
    ...optional({ rolledOutGeneration: memory.rolledOutGeneration }),
    conditions: conditions(facts),
    retryCount: memory.retryCount,
    ...optional({
      lastError: memory.lastError?.slice(0, 1024) ?? null,
      lastErrorTime: memory.lastErrorAt === null ? null : time(memory.lastErrorAt),
      previousReplicas: memory.previousReplicas,
      systemIdentifier: memory.systemIdentifier,
      dcs: memory.dcs,
      image: memory.image,
      volumeSize: volumeSize(facts),
    }),
    members: members(facts),
    handled: memory.handled,
    selector: `${labels.cluster}=${cluster?.name ?? ''},${labels.component}=database`,
    journal: { $anchor: '' },
  };
});

/** The status write: forced apply by the manager of status alone, with the uid as precondition. */
export function statusRequest(facts: Facts, status: JsonObject): ApiRequest {
  const cluster = facts.world.cluster?.seen;
  const name = cluster?.name ?? '';
  const namespace = cluster?.namespace ?? '';
  return {
    type: 'api',
    method: 'PATCH',
    path: `/apis/postgres.example.com/v1alpha1/namespaces/${namespace}/postgresclusters/${name}/status`,
    query: { fieldManager: fieldManagers.status, force: 'true' },
    contentType: 'application/apply-patch+yaml',
    body: JSON.stringify({
      apiVersion: 'postgres.example.com/v1alpha1',
      kind: 'PostgresCluster',
      metadata: { name, namespace, uid: cluster?.uid ?? '' },
      status,
    }),
    generated: [],
  };
}

/** Few words, and mostly the same. */
const wordsHash = oncePerText(sha256);

/** While a cluster is made, what every new cluster passes through is no news: its phase tells, and the rest rides along. */
const newsWhileMade: readonly ConditionType[] = ['ConfigurationValid', 'Paused', 'ReconcileFailing', 'Stuck'];

/**
 * What must be published at once when it changes: phase, every condition's status, that an edit was seen (tools wait for
 * observedGeneration), and the tokens of what was asked for once. Reasons and counts may wait.
 */
export function urgentHash({ facts, state }: Assessed): string {
  return urgentHashOn(facts, phaseOf(state));
}

const urgentHashOn = recalled((facts, phase: Phase): string => {
  const { memory, world } = facts;
  const generation = String(world.cluster?.seen.generation ?? 0);
  const isMade = phase !== 'Pending' && phase !== 'Creating';
  const parts = (isMade ? conditionTypes : newsWhileMade).map((type) => {
    const condition = memory.conditions[type];
    return condition === undefined ? type : `${type}=${condition.status}`;
  });
  const tokens = oneShots.flatMap((kind) =>
    memory.handled[kind] === undefined ? [] : [`${kind}=${memory.handled[kind]}`],
  );
  return wordsHash([phase, desiredMembers(facts), generation, ...parts, ...tokens].join('\n'));
});
