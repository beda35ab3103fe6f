/**
 * Owns: what answers from a journal cost (`make bench`): an incident of ten thousand records, its chain verified, every decision
 * made again, and asked by pgc as a process, start included. In seconds of processor, which other work on the machine changes
 * least, and as ratios of the same run: rows against a SHA-256 of 1 KB, processes against an empty Node. Of several runs the
 * cheapest counts. Not a gate.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildId } from '#src/build-id.ts';
import { sha256 } from '#src/decision/hash.ts';
import { programBundle } from '#src/dev/bundle.ts';
import { openForReading } from '#src/journal/database.ts';
import { makeReader } from '#src/journal/read.ts';
import { verifyJournal } from '#src/journal/verify.ts';
import { makeCore } from '#src/replay/core.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { screenOf } from '#src/sim/story.ts';

const root = new URL('../', import.meta.url);

/** Primaries that die, one after the other; each leaves more than twenty rows. */
const deaths = 430;
const records = 10_000;
const runs = 5;

/** The journal of the incident: made once for each build, since it takes a minute. */
async function incident(scratch: string): Promise<string> {
  const kept = new URL(`.cache/incidents/${buildId()}.db`, root).pathname;
  if (existsSync(kept)) return kept;
  const story = ['apply crds/samples/three-members.yaml', 'wait Running', 'pass 30s'];
  for (let death = 0; death < deaths; death += 1) story.push('kill leader for 1m', 'pass 2m');
  await screenOf(story.join('\n'), { scratch: join(scratch, 'world'), root, keep: scratch });
  mkdirSync(new URL('.cache/incidents/', root), { recursive: true });
  copyFileSync(join(scratch, 'operator-0.db'), kept);
  return kept;
}

/** Seconds of processor that the cheapest of several runs took. */
function cheapest(run: () => void): number {
  const all = Array.from({ length: runs }, () => {
    const started = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1_000_000;
  });
  return Math.min(...all);
}

/** What the shell says of its children: `0m1.234s 0m0.056s`, in its last line. */
const childTimes = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$/;

interface Cost {
  /** Seconds of processor. */
  readonly cpu: number;
  /** Seconds that somebody waits; on a busy machine more than its own. */
  readonly wall: number;
}

/** What a Node with these arguments takes from its start to its end, at its cheapest. */
function processCost(args: readonly string[]): Cost {
  const all = Array.from({ length: runs }, () => {
    const started = performance.now();
    const command = ['-c', '"$@" > /dev/null; times', 'sh', process.execPath, ...args];
    const said = execFileSync('/bin/sh', command, { encoding: 'utf8' });
    const wall = (performance.now() - started) / 1000;
    const [, ...parts] = (childTimes.exec(said) ?? []).map(Number);
    const [minutes = 0, seconds = Number.NaN, systemMinutes = 0, systemSeconds = 0] = parts;
    return { cpu: 60 * (minutes + systemMinutes) + seconds + systemSeconds, wall };
  });
  return { cpu: Math.min(...all.map(({ cpu }) => cpu)), wall: Math.min(...all.map(({ wall }) => wall)) };
}

function say(what: string, ...figures: readonly string[]): void {
  process.stdout.write(`${what.padEnd(34)}${figures.join(', ')}\n`);
}

async function main(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'replay-'));
  try {
    const path = await incident(scratch);
    const db = openForReading(path);
    const reader = makeReader(db);
    const [cluster] = reader.clusters();
    if (cluster === undefined || cluster.rows < records) throw new Error(`the incident has ${cluster?.rows ?? 0} rows`);
    const rows = reader.rows({ uid: cluster.uid, limit: records });
    const moving = rows.filter(({ body }) => !body.includes('"moves":[]')).length;
    const bytes = rows.reduce((sum, { body }) => sum + body.length, 0);
    say('incident', `${records} records of ${(bytes / records / 1024).toFixed(1)} KB, ${moving} with moves`);

    const kilobyte = 'x'.repeat(1024);
    const yardstick = cheapest(() => {
      for (let count = 0; count < 100_000; count += 1) sha256(kilobyte);
    });
    const each = (seconds: number, count: number): readonly string[] => [
      `${(count / seconds).toFixed(0)} rows/s`,
      `${((seconds / count) * (100_000 / yardstick)).toFixed(1)} yardsticks each`,
    ];
    say('yardstick, SHA-256 of 1 KB', `${(100_000 / yardstick).toFixed(0)}/s`);
    say(
      'chain and blobs verified',
      ...each(
        cheapest(() => void verifyJournal(db)),
        cluster.rows,
      ),
    );
    const core = makeCore();
    const blobs = new Map<string, string>();
    for (const { body } of rows)
      for (const [, hash = ''] of body.matchAll(/"\$blob":"([0-9a-f]{64})"/g)) blobs.set(hash, reader.blob(hash));
    const getBlob = (hash: string): string => blobs.get(hash) ?? '';
    const decide = (): void => {
      const { rows: decisions, verified } = verifyRows(core, { rows, getBlob, from: null });
      if (verified !== decisions) throw new Error(`${verified} of ${decisions} decisions are byte-identical`);
    };
    say('decided again and compared', ...each(cheapest(decide), records));
    reader.close();

    const program = join(scratch, 'pgc.cjs');
    await programBundle('src/cli/main.ts', program, buildId());
    const empty = processCost(['--eval', '0']);
    say('an empty Node', `${empty.cpu.toFixed(2)} s of processor`, `${empty.wall.toFixed(2)} s`);
    const file = ['--file', path];
    for (const verb of [
      ['--version'],
      ['why', cluster.name, ...file],
      ['timeline', cluster.name, ...file],
      ['replay', ...file],
    ]) {
      const { cpu, wall } = processCost([program, ...verb]);
      const ratio = `${(cpu / empty.cpu).toFixed(1)} empty Nodes`;
      say(`pgc ${verb[0] ?? ''}`, `${cpu.toFixed(2)} s of processor`, ratio, `${wall.toFixed(2)} s`);
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

await main();
