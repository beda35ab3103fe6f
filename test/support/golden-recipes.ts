/**
 * Owns: which journals a release leaves behind, and how each is made: from a simulated life whose every byte follows from its
 * seed, by the very operator and the very pgc of the release. Called by: `npm run release:journals`.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { databaseSource } from '#src/cli/source.ts';
import { quiet, type PlanStep } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { screenOf } from '#src/sim/story.ts';
import { sealedJournal } from '#test/src/cli/sealed-journal.ts';

const root = new URL('../../', import.meta.url);
const operator = 'operator-0';

/** What makes a journal. */
export interface Workshop {
  /** Empty; its own for each recipe. */
  readonly folder: string;
  /** Name of the build that is released. */
  readonly build: string;
}

export interface Recipe {
  /** Name of the file, and what kind of file it is: an export, or a journal. */
  readonly file: `${string}.ndjson` | `${string}.db`;
  /** What happens in it. */
  readonly shows: string;
  /** Lives the life. @returns path of the journal that it left */
  readonly live: (workshop: Workshop) => Promise<string>;
  /** Flags of `pgc journal export`, where it is an export. */
  readonly flags?: readonly string[];
}

/** A scenario, with what goes wrong in it. @throws when the run broke a law: that is nothing to keep as an example */
function scenario(name: string, steps: readonly PlanStep[] = []): Recipe['live'] {
  return async ({ folder, build }) => {
    const options = { scratch: join(folder, 'scratch'), expected: null, keep: folder, buildOf: () => build };
    const { violations } = await runPlan({ ...quiet(name, 1), steps }, options);
    const [first] = violations;
    if (first !== undefined) throw new Error(`${name} breaks ${first.invariant}: ${first.because}`);
    return join(folder, `${operator}.db`);
  };
}

/** A story, one step a line. */
function story(lines: readonly string[], first?: string): Recipe['live'] {
  return async ({ folder, build }) => {
    const buildOf = (life: number): string => (life === 1 && first !== undefined ? first : build);
    await screenOf(lines.join('\n'), { scratch: join(folder, 'scratch'), root, keep: folder, buildOf });
    return join(folder, `${operator}.db`);
  };
}

/** A journal of which the older half was pruned, up to the base row that it begins with now. */
async function pruned({ folder, build }: Workshop): Promise<string> {
  const path = join(folder, 'pruned.db');
  mkdirSync(join(folder, 'scratch'));
  await sealedJournal(join(folder, 'scratch'), path, build);
  const { rows } = await databaseSource(path).retention.prune({ ageMs: 0, bytes: Infinity });
  if (rows === 0) throw new Error('no row went');
  return path;
}

const death: PlanStep = { type: 'crash', operator, passage: 60, mode: 'kill', ms: 0 };
const loss: PlanStep = { type: 'crash-at', operator, atMs: 20_000, mode: 'amnesia', ms: 0 };
const failover = scenario('lose-leader');

/** Every journal of a release. New ones are added freely: a release that is out keeps those that it has. */
export const recipes: readonly Recipe[] = [
  { file: 'creation.ndjson', shows: 'a cluster of two members is made', live: scenario('create') },
  {
    file: 'creation-config-maps.ndjson',
    shows: 'a cluster is made whose Patroni keeps its state in ConfigMaps',
    live: scenario('create-config-maps'),
  },
  { file: 'failover.ndjson', shows: 'the primary dies, a replica takes over', live: failover },
  { file: 'rolling-update.ndjson', shows: 'three members get another image', live: scenario('roll-image') },
  { file: 'bad-image.ndjson', shows: 'an image that is not there is taken back', live: scenario('bad-image') },
  { file: 'parameters.ndjson', shows: 'parameters, reloaded and with a restart', live: scenario('parameters') },
  { file: 'scaling.ndjson', shows: 'one member becomes three, and one again', live: scenario('scale') },
  { file: 'volumes.ndjson', shows: 'volumes grow', live: scenario('grow-volumes') },
  { file: 'drift.ndjson', shows: 'a Service that somebody edited is mended', live: scenario('drift') },
  {
    file: 'switchover.ndjson',
    shows: 'a switchover that was asked for, and one to nobody',
    live: scenario('switchover'),
  },
  { file: 'restart.ndjson', shows: 'a restart that was asked for', live: scenario('restart') },
  { file: 'reinit.ndjson', shows: 'a replica copies the leader’s data anew', live: scenario('reinit') },
  { file: 'approval.ndjson', shows: 'an edit waits for an approval', live: scenario('approval') },
  { file: 'window.ndjson', shows: 'an edit waits for its maintenance window', live: scenario('window') },
  { file: 'observe.ndjson', shows: 'mode Observe, in which nothing is changed', live: scenario('observe') },
  { file: 'synchronous.ndjson', shows: 'commits are confirmed by replicas, then not', live: scenario('synchronous') },
  { file: 'rotation.ndjson', shows: 'passwords are changed', live: scenario('rotate') },
  { file: 'secrets-lost.ndjson', shows: 'Secrets are deleted by hand', live: scenario('lose-secrets') },
  { file: 'deletion.ndjson', shows: 'a cluster is deleted', live: scenario('delete') },
  {
    file: 'paused.ndjson',
    shows: 'an edit waits until the cluster is resumed',
    live: story([
      'apply crds/samples/two-members.yaml',
      'wait Running',
      'edit spec.paused true',
      'pass 10s',
      'edit spec.replicas 3',
      'remove Service pg-two-repl',
      'pass 1m',
      'edit spec.paused false',
      'wait Scaling',
      'wait Running',
      'pass 30s',
    ]),
  },
  {
    file: 'operator-killed.ndjson',
    shows: 'the operator dies in the midst of creating: answers are lost',
    live: scenario('create', [death]),
  },
  {
    file: 'journal-lost.ndjson',
    shows: 'the operator’s volume is lost: the journal begins anew with a gap',
    live: scenario('lose-leader', [loss]),
  },
  {
    file: 'api-away.ndjson',
    shows: 'the API server is away while a member dies',
    live: story([
      'apply crds/samples/two-members.yaml',
      'wait Running',
      'pass 30s',
      'api down for 3m',
      'kill pg-two-1 for 5m',
      'pass 4m',
      'wait Running',
      'pass 30s',
    ]),
  },
  {
    file: 'upgraded.ndjson',
    shows: 'another build takes the cluster over, and goes on',
    live: story(
      [
        'apply crds/samples/two-members.yaml',
        'wait Running',
        'pass 30s',
        'kill operator',
        'pass 30s',
        'kill leader for 1m',
        'wait Recovering',
        'wait Running',
        'pass 30s',
      ],
      'unreleased',
    ),
  },
  {
    file: 'failover-part.ndjson',
    shows: 'the last minute of a fail-over, with how the cluster stood before',
    live: failover,
    flags: ['--since', '1m'],
  },
  {
    file: 'failover-redacted.ndjson',
    shows: 'a fail-over without names, addresses and texts of users',
    live: failover,
    flags: ['--redact'],
  },
  { file: 'recreated.db', shows: 'a cluster is deleted and made again: two chains', live: scenario('recreate') },
  { file: 'pruned.db', shows: 'older rows were pruned: the chain begins with a base row', live: pruned },
];

/**
 * Makes the file of a recipe.
 * @param program the bundled pgc of the build
 * @param out path of the file
 */
export async function make(recipe: Recipe, workshop: Workshop, program: string, out: string): Promise<void> {
  const path = await recipe.live(workshop);
  if (recipe.file.endsWith('.db')) return copyFileSync(path, out);
  const source = databaseSource(path);
  const [cluster, ...others] = await source.clusters();
  await source.close();
  if (cluster === undefined || others.length > 0) throw new Error(`${recipe.file}: an export is of one cluster`);
  const verb = ['journal', 'export', cluster.name, '--file', path, '--out', out, ...(recipe.flags ?? [])];
  execFileSync(process.execPath, [program, ...verb], { stdio: ['ignore', 'ignore', 'inherit'] });
  return undefined;
}
