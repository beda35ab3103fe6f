/**
 * The operator killed with SIGKILL at random moments of creating and deleting; moments are passages of the crash points, so
 * they lie as dense as the work itself. KILLS and SEED as environment for the long run; 200 otherwise.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openForReading } from '#src/journal/database.ts';
import { makeReader, type JournalReader } from '#src/journal/read.ts';
import { verifyJournal } from '#src/journal/verify.ts';
import { waitFor } from '#test/cluster/shell.ts';
import { orphans } from '#test/support/audit-join.ts';
import { bundledProcess } from '#test/support/bundled-process.ts';
import { seeded } from '#test/support/seeded.ts';
import { accepted, cluster, clustersOf } from './api-world.ts';
import { answered, joinWorld, phases, replayAll, startLineWorld, type LineWorld } from './line-world.ts';

const kills = Number(process.env['KILLS'] ?? '200');
const seed = Number(process.env['SEED'] ?? '1');
/** Passages between two deaths: fewer than one creation takes, more than one commit takes. */
const momentMax = 90;

let world: LineWorld;
let journal: string;
let program: string;
let acks: string;
let last: ChildProcess | null = null;
const wanted = new Set<string>();

function start(moment: number): ChildProcess {
  const child = spawn(
    process.execPath,
    [program, world.kubeconfig, world.api.kubeconfig, journal, String(moment), acks],
    {
      stdio: ['ignore', process.env['LINE_LOG'] === undefined ? 'ignore' : 'inherit', 'inherit'],
      // Ten thousand starts need not compile the same text ten thousand times.
      env: { ...process.env, NODE_COMPILE_CACHE: `${world.api.dir}/compiled` },
    },
  );
  last = child;
  return child;
}

/** Resolves with what ended the process; when there is nothing left to die in, it is killed from here. */
function death(child: ChildProcess): Promise<'itself' | 'idle'> {
  return new Promise((resolve, reject) => {
    let idle = false;
    const timer = setInterval(() => {
      isSettled().then((is) => {
        idle = is;
        if (is) child.kill('SIGKILL');
      }, reject);
    }, 5000);
    child.once('exit', (code, signal) => {
      clearInterval(timer);
      if (signal === 'SIGKILL') resolve(idle ? 'idle' : 'itself');
      else reject(new Error(`the operator ended with code ${code ?? 'none'}, not by SIGKILL`));
    });
  });
}

async function isSettled(): Promise<boolean> {
  const now = await phases(world.api);
  return now.size === wanted.size && [...wanted].every((name) => now.get(name) === 'Running');
}

/** Creates the next cluster, or deletes the oldest, so that every life of the operator has work. */
async function change(round: number, random: () => number): Promise<void> {
  const api = clustersOf(world.api.kube);
  const oldest = [...wanted][0];
  if (wanted.size >= 3 && oldest !== undefined) {
    wanted.delete(oldest);
    accepted(await api.remove(oldest));
    return;
  }
  const name = `k${round}`;
  wanted.add(name);
  const dcs = random() < 0.5 ? 'Endpoints' : 'ConfigMaps';
  const volumePolicy = random() < 0.5 ? 'Retain' : 'Delete';
  const spec = { version: '17', replicas: 1 + Math.floor(random() * 2), dcs, volumePolicy, storage: { size: '1Gi' } };
  accepted(await api.create(cluster(name, spec)));
}

function openReader(): JournalReader {
  return makeReader(openForReading(journal));
}

beforeAll(async () => {
  world = await startLineWorld('kill');
  program = await bundledProcess('test/integration/operator-process.ts', world.api.dir);
  journal = `${world.api.dir}/journal.db`;
  acks = `${world.api.dir}/acks`;
});

afterAll(async () => {
  last?.kill('SIGKILL');
  await world.stop();
});

describe(`${kills} times kill -9 (seed ${seed})`, () => {
  it('every cluster converges afterwards', { timeout: 60_000 + kills * 11_000 }, async () => {
    const random = seeded(seed);
    let deaths = 0;
    for (let round = 0; round < kills; round += 1) {
      if (round % 3 === 0) await change(round, random);
      if ((await death(start(1 + Math.floor(random() * momentMax)))) === 'itself') deaths += 1;
    }
    expect(deaths).toBeGreaterThan(kills * 0.9);
    start(0);
    await waitFor('all wanted clusters Running and the others gone', isSettled, 120_000);
    await answered(world.api);
  });

  it('no acknowledged record is lost, and the journal was never quarantined', () => {
    const reader = openReader();
    const lines = new Set(
      readFileSync(acks, 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    );
    expect(lines.size).toBeGreaterThan(kills);
    const lost = [...lines].filter((line) => {
      const [uid = '', seq = '', hash = ''] = line.split(' ');
      return reader.row(uid, Number(seq))?.hash !== hash;
    });
    const gaps = reader.clusters().flatMap(({ uid, name }) => reader.gaps(uid).map(({ seq }) => `${name} ${seq}`));
    reader.close();
    expect(lost).toEqual([]);
    // Nobody else led: a gap would say that rows are missing which are there.
    expect(gaps).toEqual([]);
    expect(readdirSync(world.api.dir).filter((file) => file.includes('quarantined'))).toEqual([]);
    const db = openForReading(journal);
    expect(verifyJournal(db).damage).toEqual([]);
    db.close();
  });

  it('no effect without its intent, and none twice', () => {
    const join = joinWorld(world.api);
    expect(join.changes).toBeGreaterThan(kills / 4);
    expect(orphans(join)).toEqual([]);
    expect(world.kubelet.troubles).toEqual([]);
  });

  it('replay gives the same bytes for every decision', { timeout: 60_000 + kills * 2000 }, () => {
    const reader = openReader();
    const { rows, verified } = replayAll(reader);
    reader.close();
    expect(rows).toBeGreaterThan(kills);
    expect(verified).toBe(rows);
  });
});
