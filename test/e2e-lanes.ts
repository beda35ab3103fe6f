/**
 * Owns: `make test-e2e` as a whole: every end-to-end file in every one of its settings, on several local clusters side by side
 * (LANES, 4 by default). A cluster with its operator is a lane: one file at a time, and nothing shared with another lane but the machine. So whatever
 * a file does to nodes, API server or operator, and whatever it counts of theirs, is its own. Logs are kept in `.run/e2e`.
 * Exit code 1 unless all of it is green.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { endAs } from './cluster/shell.ts';
import { e2eJobs, e2eProjects, type E2eJob } from './support/e2e-projects.ts';

const root = new URL('../', import.meta.url).pathname;
const logs = join(root, '.run/e2e');
const running = new Set<ChildProcess>();
const began = performance.now();

interface Lane {
  readonly name: string;
  readonly range: number;
}

const minutes = (since: number): string => ((performance.now() - since) / 60_000).toFixed(1);
const say = (text: string): void => void process.stdout.write(`${minutes(began).padStart(5)} min  ${text}\n`);

/** The lanes that LANES, CLUSTER_NAME and CLUSTER_RANGE mean. */
function lanes(): readonly Lane[] {
  const count = Number(process.env['LANES'] || '4');
  if (!Number.isInteger(count) || count < 1 || count > 9)
    throw new Error(`LANES is ${process.env['LANES']}: a whole number from 1 to 9`);
  const name = process.env['CLUSTER_NAME'] || 'lane';
  const range = Number(process.env['CLUSTER_RANGE'] || '100');
  return Array.from({ length: count }, (_, index) => ({ name: `${name}${index + 1}`, range: range + index }));
}

/** Runs a program on a lane with its output in a log. @returns whether it ended well */
async function runOn(lane: Lane, log: string, command: readonly string[]): Promise<boolean> {
  const file = openSync(log, 'a');
  const [program = '', ...args] = command;
  const env = { ...process.env, CLUSTER_NAME: lane.name, CLUSTER_RANGE: String(lane.range), CLUSTER_NODES: '3' };
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', file, file] });
  running.add(child);
  const code = await new Promise<number>((resolve) => {
    child.once('error', () => resolve(1));
    child.once('exit', (status) => resolve(status ?? 1));
  });
  running.delete(child);
  closeSync(file);
  return code === 0;
}

/** What a log says went wrong: names of tests that failed, and their errors. */
function failuresIn(log: string): string {
  const told = stripVTControlCharacters(readFileSync(log, 'utf8'))
    .split('\n')
    .filter((line) => /^\s*(FAIL|×|[A-Za-z]*Error:)/.test(line));
  return [...told.slice(0, 20), `all of it: ${log}`].map((line) => `           ${line.trim()}\n`).join('');
}

/** @returns whether the file is green */
async function work(lane: Lane, { project, file }: E2eJob): Promise<boolean> {
  const name = `${project} ${file.replace(/^test\/e2e\/(.*)\.test\.ts$/, '$1')}`;
  const log = join(logs, `${name.replaceAll(' ', '-')}.log`);
  const since = performance.now();
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const args = ['run', '--config', 'test/vitest.e2e.config.ts', '--project', project, file];
  const isGreen = await runOn(lane, log, [process.execPath, vitest, ...args]);
  say(
    `${isGreen ? 'ok    ' : 'FAILED'} ${name} on ${lane.name}: ${minutes(since)} min, load ${(loadavg()[0] ?? 0).toFixed(0)}`,
  );
  if (!isGreen) process.stdout.write(failuresIn(log));
  return isGreen;
}

/** Makes a lane: a cluster of three nodes with the operator in it. @returns whether it came to be */
async function open(lane: Lane): Promise<boolean> {
  const log = join(logs, `${lane.name}.log`);
  const isUp =
    (await runOn(lane, log, [process.execPath, 'test/cluster/cli.ts', 'up'])) &&
    (await runOn(lane, log, [process.execPath, 'test/cluster/deploy-cli.ts', 'deploy']));
  say(isUp ? `cluster ${lane.name} is up` : `FAILED cluster ${lane.name} did not come to be: ${log}`);
  return isUp;
}

async function main(): Promise<number> {
  rmSync(logs, { recursive: true, force: true });
  mkdirSync(logs, { recursive: true });
  const queue = [...e2eJobs(e2eProjects(process.env))];
  const all = queue.length;
  let [done, red] = [0, 0];
  const stop = (): void => {
    queue.length = 0;
    for (const child of running) child.kill('SIGTERM');
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const workAll = async (lane: Lane): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      if (!(await work(lane, job))) red += 1;
      done += 1;
    }
  };
  const wanted = lanes();
  const workers: Promise<void>[] = [];
  // One after the other, for they share what they build; who is up begins at once, and does the work of one that is not.
  for (const lane of wanted)
    if (await open(lane)) workers.push(workAll(lane));
    else red += 1;
  await Promise.all(workers);
  for (const lane of wanted)
    await runOn(lane, join(logs, `${lane.name}.log`), [process.execPath, 'test/cluster/cli.ts', 'down']);
  say(`${done} of ${all} files ran on ${workers.length} clusters, ${red} failed`);
  return red === 0 && done === all ? 0 : 1;
}

await endAs(main());
