/**
 * Owns: `make sandbox`: flags, prompt and scripts of a sandbox. Exit codes: 0 it ended as asked; 1 a step of a script could
 * not be done; 64 wrong usage.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { makeScratch } from '../scratch.ts';
import { readScript, type Script } from '../story.ts';
import { StoryRefused } from '../words.ts';
import { exportsOf, openSandbox, type Sandbox } from './sandbox.ts';

interface Flags {
  readonly script?: string;
  readonly stay: boolean;
  readonly speed: string;
  readonly seed?: string;
  readonly operators?: string;
  readonly port: string;
  readonly apiPort: string;
  readonly folder: string;
}

const program = new Command('sandbox')
  .description('A simulated Kubernetes with the operator in it, for kubectl, pgc and you.')
  .option('--script <file>', 'do these lines, then end; - reads them from standard input')
  .option('--stay', 'after a script, stay until interrupted', false)
  .option('--speed <factor>', 'virtual seconds for each real one', '1')
  .option('--seed <number>', 'what chance begins with; as the script says, or 1')
  .option('--operators <number>', 'operator processes that compete for the Lease; as the script says, or 1')
  .option('--port <number>', 'port of the API server on loopback; 0 takes any', '0')
  .option('--api-port <number>', 'port of the operator’s journal API; 0 takes any', '0')
  .option('--folder <path>', 'where the kubeconfig is written', '.cache/sandbox')
  .exitOverride();

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const repository = new URL('../../../', import.meta.url);

/** Runs kubectl or pgc with the surroundings of this world. @returns when it has ended */
function runProgram({ kubeconfig, journalUrl }: Sandbox, line: string): Promise<void> {
  const [name = '', ...args] = line.split(/\s+/);
  const [command, rest] =
    name === 'pgc' ? [process.execPath, [new URL('src/cli/main.ts', repository).pathname, ...args]] : [name, args];
  return new Promise((resolve) => {
    const child = spawn(command, rest, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, KUBECONFIG: kubeconfig, PGC_API: journalUrl },
    });
    child.once('error', (error) => {
      print(`${name} cannot be run: ${error.message}`);
      resolve();
    });
    child.once('exit', () => resolve());
  });
}

/** Does one line: a word of the sandbox, or kubectl or pgc with its arguments. */
async function done(sandbox: Sandbox, line: string): Promise<void> {
  if (/^(kubectl|pgc)\b/.test(line)) await runProgram(sandbox, line);
  else await sandbox.tell(line);
}

function introduction(sandbox: Sandbox): readonly string[] {
  return [
    'A simulated Kubernetes, Patroni and PostgreSQL, with the real operator in it. Nothing leaves this machine.',
    'In another shell:',
    `  ${exportsOf(sandbox)}`,
    '  kubectl apply -f crds/samples/ha.yaml; kubectl get postgresclusters,pods; npm run -s pgc -- why shop',
    "Here: 'help' lists the words; kubectl and pgc work too.",
    '  apply crds/samples/ha.yaml',
    '  wait Running',
    '  kill leader for 1m',
    '',
  ];
}

/** What is to be done; null when somebody sits at the prompt. @throws StoryRefused when it cannot be read */
function scriptOf({ script: path }: Flags): Script | null {
  if (path === undefined && process.stdin.isTTY) return null;
  try {
    return readScript(readFileSync(path === undefined || path === '-' ? 0 : path, 'utf8'));
  } catch (error) {
    throw new StoryRefused(`the script cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function follow(sandbox: Sandbox, { steps }: Script): Promise<void> {
  for (const line of steps) {
    print(`> ${line}`);
    await done(sandbox, line);
  }
}

async function prompt(sandbox: Sandbox): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: 'sandbox> ' });
  lines.on('SIGINT', () => lines.close());
  lines.prompt();
  for await (const line of lines) {
    const step = line.trim();
    if (step === 'exit' || step === 'quit') break;
    try {
      if (step !== '' && !step.startsWith('#')) await done(sandbox, step);
    } catch (error) {
      if (!(error instanceof StoryRefused)) throw error;
      print(error.message);
    }
    lines.prompt();
  }
  lines.close();
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

async function live(sandbox: Sandbox, script: Script | null, stay: boolean): Promise<void> {
  if (script === null) return Promise.race([prompt(sandbox), interrupted()]);
  await follow(sandbox, script);
  return stay ? interrupted() : undefined;
}

function numberOf(flag: string, value: string): number {
  const number = Number(value);
  if (value === '' || !Number.isFinite(number) || number < 0) throw new StoryRefused(`--${flag} ${value} is no number`);
  return number;
}

async function main(): Promise<number> {
  const flags = program.parse().opts<Flags>();
  const { folder: scratch, remove } = makeScratch();
  try {
    const script = scriptOf(flags);
    const sandbox = await openSandbox({
      scratch,
      folder: flags.folder,
      root: pathToFileURL(`${process.cwd()}/`),
      seed: numberOf('seed', flags.seed ?? String(script?.seed ?? 1)),
      operators: numberOf('operators', flags.operators ?? String(script?.operators ?? 1)),
      speed: numberOf('speed', flags.speed),
      kubePort: numberOf('port', flags.port),
      journalPort: numberOf('api-port', flags.apiPort),
      beginsMs: Date.now(),
      realMs: () => performance.now(),
      print,
    });
    try {
      introduction(sandbox).forEach(print);
      await live(sandbox, script, flags.stay);
    } finally {
      await sandbox.close();
    }
    return 0;
  } catch (error) {
    if (!(error instanceof StoryRefused)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  } finally {
    remove();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('commander.'))
      process.exit('exitCode' in error && error.exitCode === 0 ? 0 : 64);
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
