/**
 * Owns: an edit of a cluster, played: what the API server says to it, then a world that stands as the cluster does, in which it
 * is made, and what the rows tell that the real operator writes there until it has come to its end.
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import type { OperatorConfig } from '#machines/cluster/observations.ts';
import { rank } from '#machines/cluster/tables/permission.ts';
import { apiVersion, oneShotAnnotation, oneShots } from '#machines/shared/names.ts';
import { mentioned } from '#src/cli/source.ts';
import { problemText } from '#machines/cluster/conditions.ts';
import { creationProblems } from '#src/resources/validation.ts';
import { statusOf } from '#src/decision/status.ts';
import { outcomeOfEdit, type EditOutcome } from '#src/export/edit.ts';
import { causesOfEffects, judged, type EditPlan, type Judged, type WantedCluster } from '#src/export/edit-plan.ts';
import type { Core } from '#src/replay/redecide.ts';
import type { StoodAt } from '#src/replay/walk.ts';
import { projectCluster } from '#src/stream/door/cluster.ts';
import { pathOf } from './api/places.ts';
import { makeApiServer, type ApiServer } from './api/server.ts';
import { misfitOf } from './api/schema.ts';
import { chanceOf } from './chance.ts';
import { at, number, text, type Json } from './json.ts';
import { bringUp, controls, openEmpty, phaseNow, presentOf, without, type Present, type Stage } from './present.ts';

/** What is to be applied: a PostgresCluster as it stands in a file. */
export interface Manifest {
  readonly namespace: string;
  readonly name: string;
  readonly object: Json;
}

/** The API server's word. */
export type Admitted =
  | { readonly type: 'admitted'; readonly wanted: WantedCluster }
  | { readonly type: 'refused'; readonly because: string };

function send(
  api: ApiServer,
  method: 'POST' | 'PUT' | 'PATCH',
  path: string,
  body: Json,
): ReturnType<ApiServer['handle']> {
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return api.handle({ method, path, query: {}, contentType, body: JSON.stringify(body), user: 'kubectl' });
}

/** The object as the API server has it now; null where there is none. */
function standing(api: ApiServer, collection: string, core: Core, stood: StoodAt | null): Json | null {
  const seen = stood?.standing.snapshot.facts.world.cluster?.seen;
  if (stood === null || seen === undefined) return null;
  const { namespace, name, annotations, spec } = seen;
  const kind = { apiVersion, kind: 'PostgresCluster' };
  const made = send(api, 'POST', collection, { ...kind, metadata: { namespace, name, annotations }, spec });
  if (made.status >= 300) return null;
  const volumeSize = text(statusOf(core.assess(stood.standing.snapshot)), 'volumeSize');
  if (volumeSize === '') return at(made.body);
  const status = { volumeSize, journal: { epoch: 1, seq: stood.seq, head: '' } };
  const told = send(api, 'PATCH', `${collection}/${name}/status`, { status });
  if (told.status >= 300) throw new Error(`the model refuses a status: ${text(told.body, 'message')}`);
  return at(told.body);
}

/** Asks the API server of a manifest, as `kubectl apply` would: unknown fields are refused, and what the file leaves out goes. */
export function admitted(core: Core, { namespace, name, object }: Manifest, stood: StoodAt | null): Admitted {
  const api = makeApiServer(() => stood?.at ?? 0, chanceOf(1));
  const kind = api.kinds.find((each) => each.kind === 'PostgresCluster');
  if (kind === undefined) throw new Error('the simulated API server serves no PostgresCluster');
  const collection = pathOf(kind, namespace, null);
  const { status: _status, ...given } = object;
  const misfit = kind.schema === null ? null : misfitOf(kind.schema, given);
  if (misfit !== null) return { type: 'refused', because: misfit.replace(/^\./, '') };
  const before = standing(api, collection, core, stood);
  const annotations = { ...at(before, 'metadata', 'annotations'), ...at(object, 'metadata', 'annotations') };
  const metadata = { ...at(before, 'metadata'), namespace, name, annotations };
  const body = { ...given, metadata };
  const reply = before === null ? send(api, 'POST', collection, body) : send(api, 'PUT', `${collection}/${name}`, body);
  if (reply.status >= 300) return { type: 'refused', because: text(reply.body, 'message') };
  const seen = projectCluster(reply.body);
  if (seen.type === 'undecodable') return { type: 'refused', because: 'it has no name' };
  return {
    type: 'admitted',
    wanted: { namespace, name, spec: seen.value.spec, annotations: seen.value.annotations },
  };
}

export interface PlayOptions {
  /** Folder for the journal of the world. */
  readonly scratch: string;
  /** What chance begins with. */
  readonly seed: number;
}

const seeMs = 5_000;
const calmMs = 30_000;
const memberMs = 600_000;
const leastMs = 3_600_000;

/** Waits until nothing has been going on for a while. @returns false when that takes too long */
async function cameToRest(stage: Stage, members: number): Promise<boolean> {
  const { world, present } = stage;
  const rests = (): boolean => {
    const cluster = world.user.get('PostgresCluster', present.namespace, present.name);
    const isSeen = number(cluster, 0, 'status', 'observedGeneration') === number(cluster, 1, 'metadata', 'generation');
    return isSeen && phaseNow(stage) === 'Running';
  };
  const endMs = world.schedule.elapsedMs() + leastMs + members * memberMs;
  await world.schedule.run(seeMs);
  while (world.schedule.elapsedMs() < endMs) {
    if ((await world.schedule.run(endMs - world.schedule.elapsedMs(), rests)) !== 'over') return false;
    if ((await world.schedule.run(calmMs, () => !rests())) === 'time') return true;
  }
  return false;
}

const nothingHappened: EditOutcome = {
  effects: [],
  members: [],
  switchovers: [],
  disruption: 'None',
  end: { type: 'rolled out' },
};

/** What the rows of the world's operator tell of the newest edit. */
function told(core: Core, { world, present }: Stage, afterSeq: number): EditOutcome {
  const reader = world.operators[0]?.journal()?.reader;
  const cluster = reader?.clusters().find(({ name }) => name === present.name);
  if (reader === undefined || cluster === undefined) throw new Error('the operator of the model does not lead');
  const rows = reader.rows({ uid: cluster.uid });
  const blobs = new Map(mentioned(rows).map((hash) => [hash, reader.blob(hash)]));
  const first = rows.find(({ seq, type }) => seq > afterSeq && type === 'ClusterSeen');
  const getBlob = (hash: string): string => blobs.get(hash) ?? '';
  // What says the same as the cluster does is not even seen.
  if (first === undefined) return nothingHappened;
  const outcome = outcomeOfEdit(core, { rows, getBlob, from: null, fromSeq: first.seq });
  if (outcome === null) throw new Error('the rows of the model do not replay');
  // Rows and times of the model say nothing to anybody.
  return { ...outcome, effects: outcome.effects.map(({ decided: _decided, ...effect }) => effect) };
}

function lastSeq({ world, present }: Stage): number {
  const clusters = world.operators[0]?.journal()?.reader.clusters() ?? [];
  return clusters.find(({ name }) => name === present.name)?.head.seq ?? 0;
}

/** Annotations that mean something in the model: what was handled already would be done a second time there. */
function newAnnotations(facts: Facts, annotations: WantedCluster['annotations']): WantedCluster['annotations'] {
  const asked = oneShots.flatMap((kind): [string, string][] => {
    const token = annotations[oneShotAnnotation(kind)];
    return token === undefined || facts.memory.handled[kind] === token ? [] : [[oneShotAnnotation(kind), token]];
  });
  return Object.fromEntries(asked);
}

/** Fields that hold the edit, or would: in the model it is permitted. */
function holding({ hold, cost, fields }: Judged): readonly (keyof PostgresClusterSpec)[] {
  // A change of these alone is seen as it is.
  if (hold === null && rank(cost.disruption) <= rank('Reload')) return [];
  if (fields.length === 0) return [];
  return hold?.by === 'Paused'
    ? ['paused', 'maxDisruption', 'maintenanceWindows']
    : hold?.by === 'Observe'
      ? [...controls]
      : ['maxDisruption', 'maintenanceWindows'];
}

/** Replaces what is there. */
function replace({ world, present }: Stage, spec: PostgresClusterSpec, annotations: Json): void {
  const { namespace, name } = present;
  const cluster = at(world.user.get('PostgresCluster', namespace, name));
  const metadata = at(cluster, 'metadata');
  const path = `/apis/postgres.example.com/v1alpha1/namespaces/${namespace}/postgresclusters/${name}`;
  const body = {
    ...cluster,
    metadata: { ...metadata, annotations: { ...at(metadata, 'annotations'), ...annotations } },
    spec,
  };
  const reply = send(world.api, 'PUT', path, body);
  if (reply.status >= 300) throw new Error(`the model refuses the edit: ${text(reply.body, 'message')}`);
}

/**
 * Plays an edit on a cluster as it stands. Whatever would hold it is taken away first: what is played is what happens once it
 * may begin.
 * @throws Refused when the model cannot bring the cluster up as it is
 */
async function playEdit(
  core: Core,
  facts: Facts,
  edit: { readonly wanted: WantedCluster; readonly judged: Judged },
  options: PlayOptions,
): Promise<EditOutcome> {
  const present = presentOf(facts, 'plan an edit of');
  const { wanted } = edit;
  const free = holding(edit.judged);
  const world = openEmpty(present, options);
  const stage: Stage = { world, present };
  try {
    await bringUp(stage);
    const treated = pickControls(facts);
    if (Object.keys(treated).length > 0) {
      replace(stage, without({ ...present.spec, ...treated }, free), {});
      await world.schedule.run(calmMs);
    }
    const before = lastSeq(stage);
    replace(stage, without(wanted.spec, free), newAnnotations(facts, wanted.annotations));
    await cameToRest(stage, Math.max(present.members.length, wanted.spec.replicas ?? 1));
    return withoutWhatStands(facts, told(core, stage, before));
  } finally {
    world.close();
  }
}

/** What the real cluster has and the model lacks is not made there: the budget of one that had several members once. */
function withoutWhatStands({ world }: Facts, outcome: EditOutcome): EditOutcome {
  const standing = new Set(
    Object.values(world.objects).flatMap(({ object: { kind, name, deleting } }) =>
      deleting ? [] : [`${kind}/${name}`],
    ),
  );
  const effects = outcome.effects.filter(({ type, target }) => type !== 'CreateObject' || !standing.has(target));
  return { ...outcome, effects };
}

/** How the cluster is to be treated now: as its newest spec says. */
function pickControls({ world }: Facts): Partial<PostgresClusterSpec> {
  const spec = world.cluster?.seen.spec;
  if (spec === undefined) return {};
  const entries = controls.flatMap((field) => (spec[field] === undefined ? [] : [[field, spec[field]]]));
  return Object.fromEntries(entries) as Partial<PostgresClusterSpec>;
}

/** Plays the creation of a cluster. */
async function playCreation(
  core: Core,
  wanted: WantedCluster,
  settings: OperatorConfig,
  options: PlayOptions,
): Promise<EditOutcome> {
  const { namespace, name, spec } = wanted;
  const dcs = settings.defaultDcs;
  const present: Present = { namespace, name, spec, dcs, leader: null, timeline: 1, members: [], settings };
  const world = openEmpty(present, options);
  const stage: Stage = { world, present };
  try {
    await world.schedule.run(3_000);
    const kind = { apiVersion, kind: 'PostgresCluster' };
    world.user.create('PostgresCluster', { ...kind, metadata: { namespace, name }, spec: without(spec, controls) });
    await cameToRest(stage, spec.replicas ?? 1);
    return told(core, stage, 0);
  } finally {
    world.close();
  }
}

/**
 * The plan of an edit: judged on the facts as they are, played in a world that stands so.
 * @param edit what is wanted, when, and how the cluster stands, in words
 * @throws Refused when the facts are not whole, or the model cannot bring the cluster up as it is
 */
export async function foresee(
  core: Core,
  edit: {
    readonly stood: StoodAt;
    readonly wanted: WantedCluster;
    readonly at: number;
    readonly stands: string;
  },
  options: PlayOptions,
): Promise<EditPlan> {
  const { stood, wanted, at: atMs, stands } = edit;
  const { facts } = stood.standing.snapshot;
  const verdict = judged(core, stood, wanted, atMs);
  const { namespace, name, spec } = wanted;
  const { accepted } = facts.memory;
  const outcome = verdict.refused.length > 0 ? null : await playEdit(core, facts, { wanted, judged: verdict }, options);
  const causes = outcome === null || accepted === null ? [] : causesOfEffects(accepted.spec, spec, outcome);
  return { namespace, name, seq: stood.seq, at: stood.at, stands, ...verdict, outcome, causes };
}

/** The plan of a creation: nothing stands yet, so that nothing is asked but whether the spec is valid. */
export async function foreseeCreation(
  core: Core,
  creation: { readonly wanted: WantedCluster; readonly at: number; readonly settings: OperatorConfig },
  options: PlayOptions,
): Promise<EditPlan> {
  const { wanted, settings } = creation;
  const { namespace, name, spec } = wanted;
  const refused = creationProblems(spec, settings).map(problemText);
  const outcome = refused.length > 0 ? null : await playCreation(core, wanted, settings, options);
  const because = 'mode is Observe, and nothing is created';
  return {
    namespace,
    name,
    generation: 1,
    seq: null,
    at: creation.at,
    stands: `${namespace}/${name} is to be created`,
    fields: [],
    cost: { disruption: 'None', fields: [] },
    maxDisruption: spec.maxDisruption ?? null,
    refused,
    hold: spec.mode === 'Observe' ? { by: 'Observe', because, until: null } : null,
    outcome,
    causes: [],
  };
}
