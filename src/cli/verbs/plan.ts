/** Owns: `pgc plan`: what an edit would do, before it is made; and afterwards, whether that is what happened. */
import { Option, type Command } from 'commander';
import { disruptionClasses, type DisruptionClass } from '#machines/cluster/tables/permission.ts';
import type { OperatorConfig } from '#machines/cluster/observations.ts';
import { phaseOf } from '#machines/cluster/chart.ts';
import { leaderOf, membersOf } from '#machines/cluster/members.ts';
import { readConfig } from '#src/config.ts';
import { Refused } from '#src/errors.ts';
import { outcomeOfEdit } from '#src/export/edit.ts';
import { exceeds, type EditPlan, type WantedCluster } from '#src/export/edit-plan.ts';
import { comparisonLines, differencesOf, planLines } from '#src/export/edit-words.ts';
import type { ClusterSummary } from '#src/journal/read.ts';
import type { RecordRow } from '#src/journal/record.ts';
import { makeCore } from '#src/replay/core.ts';
import { decisionOf, type Core } from '#src/replay/redecide.ts';
import { standAt, type StoodAt } from '#src/replay/walk.ts';
import { clusterNamed, clusterOf, refuseEarlier } from '../cluster-of.ts';
import { momentOf, refuseBefore, replayable, tell, verb, type Flags, type Recorded } from '../command.ts';
import { readManifest, type ManifestFile } from '../manifest.ts';
import { Misused, wholeOf } from '../misused.ts';
import type { Source } from '../source.ts';

type Own = Readonly<Record<string, unknown>>;

function mostOf(own: Own): DisruptionClass | null {
  const given = own['max'];
  if (given === undefined) return null;
  const found = disruptionClasses.find((each) => each === given);
  if (found !== undefined) return found;
  throw new Misused(`${String(given)} is no class`, {
    operation: 'read',
    subject: '--max',
    hint: `the classes are ${disruptionClasses.join(', ')}`,
  });
}

/** The newest cluster that the manifest is of; null when the source knows none. @throws Refused when the source is of another one alone */
async function clusterIn(source: Source, flags: Flags, manifest: ManifestFile): Promise<ClusterSummary | null> {
  const all = await source.clusters();
  const usual = flags.file === undefined || flags.namespaceGiven ? flags.namespace : null;
  const namespace = manifest.namespace ?? usual;
  const newest = clusterNamed(source, all, { name: manifest.name, namespace, uid: flags.uid });
  if (newest !== null) return newest;
  if (!source.finished) return null;
  if (source.unreplayable !== null)
    throw new Refused(source.unreplayable, {
      operation: 'plan on',
      subject: source.describe,
      hint: 'use the journal or the whole export that it was made from',
    });
  const [only] = all;
  throw new Refused(`it is an export of ${only === undefined ? 'nothing' : `${only.namespace}/${only.name}`}`, {
    operation: 'plan',
    subject: `${manifest.name} on ${source.describe}`,
    hint: 'name the journal that it came from, or the operator itself, to plan another cluster',
  });
}

/** @throws Refused when the journal ends before what the file was made from */
function refuseStale({ generation, name }: ManifestFile, { standing, seq }: StoodAt): void {
  const seen = standing.snapshot.facts.world.cluster?.seen.generation ?? 0;
  if (generation === null || generation <= seen) return;
  throw new Refused(`the file is of generation ${generation}, and row ${seq} has seen ${seen} at most`, {
    operation: 'plan',
    subject: name,
    hint: 'the journal is older than the file: use a newer copy of it, or ask the operator itself',
  });
}

function settingsIn(stood: StoodAt | null): OperatorConfig {
  return stood?.standing.snapshot.facts.world.config ?? readConfig([], {}).operator;
}

function standsWords({ standing }: StoodAt): string {
  const { facts, state } = standing.snapshot;
  const { namespace = '', name = '' } = facts.world.cluster?.seen ?? {};
  const members = membersOf(facts);
  const leader = leaderOf(facts);
  const writes = leader.writable ? `${leader.name ?? ''} takes writes` : `nobody takes writes (${leader.because})`;
  const ready = members.filter((member) => member.ready).length;
  const down = members.filter((member) => !member.ready).map((member) => member.name);
  const phase = phaseOf(state);
  const rest =
    down.length > 0
      ? `; the plan has ${down.join(', ')} stay down`
      : phase === 'Running'
        ? ''
        : '; the plan begins when that is over';
  return `${namespace}/${name} as it stands: ${phase}, ${ready} of ${members.length} ready, ${writes}${rest}`;
}

interface Edit {
  /** Null for a creation. */
  readonly stood: StoodAt | null;
  readonly wanted: WantedCluster;
  readonly at: number;
  readonly settings: OperatorConfig;
}

/** Judges and plays an edit. */
async function planned(core: Core, { stood, wanted, at, settings }: Edit): Promise<EditPlan> {
  // A world is much to load for the verbs that need none.
  const [{ foresee, foreseeCreation }, { makeScratch }] = await Promise.all([
    import('#src/sim/foresee.ts'),
    import('#src/sim/scratch.ts'),
  ]);
  const scratch = makeScratch();
  try {
    const options = { scratch: scratch.folder, seed: 1 };
    return stood === null
      ? await foreseeCreation(core, { wanted, at, settings }, options)
      : await foresee(core, { stood, wanted, at, stands: standsWords(stood) }, options);
  } finally {
    scratch.remove();
  }
}

/** The plan of an edit that the API server refuses. */
function notAdmitted(manifest: ManifestFile, namespace: string, stood: StoodAt | null, because: string): EditPlan {
  return {
    namespace,
    name: manifest.name,
    generation: stood?.standing.snapshot.facts.world.cluster?.seen.generation ?? 0,
    seq: stood?.seq ?? null,
    at: stood?.at ?? 0,
    stands: stood === null ? `${namespace}/${manifest.name}` : standsWords(stood),
    fields: [],
    cost: { disruption: 'None', fields: [] },
    maxDisruption: null,
    refused: [`by the API server: ${because}`],
    hold: null,
    outcome: null,
    causes: [],
  };
}

function exitCode(plan: EditPlan, most: DisruptionClass | null): number {
  if (plan.refused.length > 0) return 4;
  if (exceeds(plan, most)) return 1;
  return plan.outcome === null || plan.outcome.end.type === 'rolled out' ? 0 : 4;
}

async function planOfFile(source: Source, flags: Flags, name: string | undefined, own: Own): Promise<number> {
  const manifest = readManifest(String(own['filename']), name);
  const most = mostOf(own);
  const core = makeCore();
  const cluster = await clusterIn(source, flags, manifest);
  const stood = cluster === null ? null : await stoodIn(core, source, cluster, own);
  if (stood !== null) refuseStale(manifest, stood);
  const namespace = cluster?.namespace ?? manifest.namespace ?? flags.namespace;
  const { admitted } = await import('#src/sim/foresee.ts');
  const answer = admitted(core, { ...manifest, namespace }, stood);
  // A running operator is asked now; of a file the time of its last row is what there is.
  const isLive = flags.file === undefined && own['at'] === undefined;
  const at = isLive ? Date.now() : (stood?.at ?? 0);
  const plan =
    answer.type === 'refused'
      ? notAdmitted(manifest, namespace, stood, answer.because)
      : await planned(core, { stood, wanted: answer.wanted, at, settings: settingsIn(stood) });
  tell(flags, { value: plan, lines: () => planLines(plan, { most }), items: plan.outcome?.effects ?? [] });
  return exitCode(plan, most);
}

/** How the cluster stands; null when it is gone. */
async function stoodIn(core: Core, source: Source, cluster: ClusterSummary, own: Own): Promise<StoodAt | null> {
  const untilMs = momentOf('at', own['at'], cluster.lastAt);
  await refuseBefore(source, cluster, untilMs);
  await refuseEarlier(source, cluster, untilMs);
  const { rows, getBlob, from } = await replayable(source, cluster, untilMs === null ? {} : { untilMs });
  const stood = standAt(core, { rows, getBlob, from });
  return stood?.standing.snapshot.facts.world.cluster === null ? null : stood;
}

interface SeenEdit {
  readonly row: RecordRow;
  readonly wanted: WantedCluster;
  readonly generation: number;
}

/** Rows in which another generation was seen than before. */
function editsIn({ rows, getBlob }: Recorded): readonly SeenEdit[] {
  const found: SeenEdit[] = [];
  let last: number | null = null;
  for (const row of rows) {
    if (row.type !== 'ClusterSeen') continue;
    const { observation } = decisionOf(row, getBlob);
    if (observation.type !== 'ClusterSeen') continue;
    const { generation, namespace, name, spec, annotations, deleting } = observation.cluster;
    if (!deleting && last !== null && generation !== last)
      found.push({ row, generation, wanted: { namespace, name, spec, annotations } });
    last = generation;
  }
  return found;
}

async function comparison(source: Source, flags: Flags, name: string | undefined, own: Own): Promise<number> {
  if (name === undefined)
    throw new Misused('no cluster is named', {
      operation: 'compare',
      subject: 'a plan',
      hint: 'pgc plan NAME --compare',
    });
  const cluster = await clusterOf(source, flags, name);
  const recorded = await replayable(source, cluster);
  const edits = editsIn(recorded);
  const given = own['generation'];
  const asked = given === undefined ? null : wholeOf('--generation', given, '--generation 7');
  const edit = asked === null ? edits.at(-1) : edits.findLast(({ generation }) => generation === asked);
  if (edit === undefined)
    throw new Refused(
      asked === null ? 'no edit of it is recorded' : `no edit to generation ${String(own['generation'])} is recorded`,
      {
        operation: 'compare with its plan',
        subject: `${cluster.namespace}/${cluster.name}`,
        hint: `its rows hold the edits to generation ${edits.map(({ generation }) => generation).join(', ') || 'none'}`,
      },
    );
  const core = makeCore();
  const { rows, getBlob, from } = recorded;
  const { seq: fromSeq, at } = edit.row;
  const stood = standAt(core, { rows: rows.filter(({ seq }) => seq < fromSeq), getBlob, from });
  const happened = outcomeOfEdit(core, { rows, getBlob, from, fromSeq });
  if (stood === null || happened === null)
    throw new Refused('how it stood before is not recorded', {
      operation: 'compare with its plan',
      subject: `${cluster.namespace}/${cluster.name}`,
      hint: 'rows before the edit were pruned or lost; an export that was made before may hold them',
    });
  const plan = {
    ...(await planned(core, { stood, wanted: edit.wanted, at, settings: settingsIn(stood) })),
    generation: edit.generation,
  };
  const differences = differencesOf(plan, happened);
  const value = { plan, happened, fromSeq, fromAt: at, differences };
  tell(flags, { value, lines: () => comparisonLines(value), items: differences });
  return differences.length === 0 ? 0 : 1;
}

/** Adds `plan`. */
export function addPlan(program: Command): void {
  verb(
    program,
    'plan [name]',
    'what applying a manifest would do: effects in order, restarts, its class; --compare: whether that is what happened',
    async (source, flags, [name], own) => {
      const isComparison = own['compare'] === true;
      if (isComparison !== (typeof own['filename'] === 'string'))
        return isComparison ? comparison(source, flags, name, own) : planOfFile(source, flags, name, own);
      throw new Misused(isComparison ? 'a file is not compared' : 'no manifest is named', {
        operation: 'plan',
        subject: name ?? 'an edit',
        hint: 'pgc plan -f FILE before, pgc plan NAME --compare afterwards',
      });
    },
  )
    .option('-f, --filename <manifest>', 'the PostgresCluster as it is to be; - for standard input')
    .addOption(new Option('--max <class>', 'exit code 1 above this class, whatever the spec says').conflicts('compare'))
    .addOption(
      new Option('--at <time>', 'on the cluster as it stood then: RFC 3339, or 15m before the last row').conflicts(
        'compare',
      ),
    )
    .option('--compare', 'the edit that was seen last beside its plan, made from the rows before it')
    .addOption(new Option('--generation <n>', 'with --compare: the edit to this generation').conflicts('filename'));
}
