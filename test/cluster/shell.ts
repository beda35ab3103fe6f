/** Owns: running programs: to their end with their output, or in the background with a pid file. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Programs of Kubernetes collect garbage at eight times what is in use: a third less time, where memory is plenty. */
const programEnvironment = { ...process.env, GOGC: '800' };

/** Output of a program. @throws with its error output when it fails */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      [...args],
      { cwd: options.cwd, env: options.env ?? process.env, maxBuffer: 256 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${command} ${args.join(' ')}: ${stderr.trim() || stdout.trim() || error.message}`));
      },
    );
    // A program that ends without reading its input is no fault of ours.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

/** As run, but a failure gives null. */
export async function tryRun(command: string, args: readonly string[]): Promise<string | null> {
  try {
    return await run(command, args);
  } catch {
    return null;
  }
}

/** Clock ticks since boot at which a process started: with the pid, its identity. Null when there is no such process. */
export function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function pidFile(dir: string, name: string): string {
  return join(dir, 'pids', name);
}

/** Starts a program that outlives us; its output goes to `log/NAME.log`. */
export function startDaemon(dir: string, name: string, command: readonly string[]): void {
  mkdirSync(join(dir, 'pids'), { recursive: true });
  mkdirSync(join(dir, 'log'), { recursive: true });
  const log = openSync(join(dir, 'log', `${name}.log`), 'a');
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: dir,
    detached: true,
    stdio: ['ignore', log, log],
    env: programEnvironment,
  });
  child.on('error', () => undefined);
  child.unref();
  closeSync(log);
  if (child.pid !== undefined) writeFileSync(pidFile(dir, name), `${child.pid} ${startTime(child.pid) ?? ''}\n`);
}

/** Starts a program that ends with us, whatever becomes of us. */
export function startChild(dir: string, name: string, command: readonly string[]): ChildProcess {
  mkdirSync(join(dir, 'log'), { recursive: true });
  const log = openSync(join(dir, 'log', `${name}.log`), 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
    cwd: dir,
    stdio: ['ignore', log, log],
    env: programEnvironment,
  });
  closeSync(log);
  return child;
}

/** The last lines that a program started under this name wrote; empty when it has written nothing. */
export function lastLines(dir: string, name: string, count: number): string {
  const log = join(dir, 'log', `${name}.log`);
  return existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').slice(-count).join('\n') : '';
}

/** True while the program started under this name is the one that runs. */
export function isRunning(dir: string, name: string): boolean {
  if (!existsSync(pidFile(dir, name))) return false;
  const [pid = '', since = ''] = readFileSync(pidFile(dir, name), 'utf8').trim().split(' ');
  return since !== '' && startTime(Number(pid)) === since;
}

/** Ends a program that we started, by pid, and waits until it is gone. */
export async function stopDaemon(dir: string, name: string): Promise<void> {
  const [pid = ''] = existsSync(pidFile(dir, name)) ? readFileSync(pidFile(dir, name), 'utf8').trim().split(' ') : [];
  for (let tries = 0; isRunning(dir, name) && tries < 100; tries += 1) {
    try {
      process.kill(Number(pid), tries < 50 ? 'SIGTERM' : 'SIGKILL');
    } catch {
      break;
    }
    await pause(100);
  }
  rmSync(pidFile(dir, name), { force: true });
}

/** Kills a program that we started, at once, and waits until it is gone. */
export async function killDaemon(dir: string, name: string): Promise<void> {
  const [pid = ''] = existsSync(pidFile(dir, name)) ? readFileSync(pidFile(dir, name), 'utf8').trim().split(' ') : [];
  await waitFor(
    `${name} being dead`,
    () => {
      if (!isRunning(dir, name)) return true;
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It has ended already.
      }
      return false;
    },
    30_000,
  );
  rmSync(pidFile(dir, name), { force: true });
}

/** Waits until `check` is true, looking every so many milliseconds. @throws naming what was waited for */
export async function waitFor(
  what: string,
  check: () => Promise<boolean> | boolean,
  timeoutMs: number,
  everyMs = 100,
): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > until) throw new Error(`${what} did not happen in ${Math.round(timeoutMs / 1000)} s`);
    await pause(everyMs);
  }
}

/** Prints a step with the seconds since the start. */
export function stepLog(): (line: string) => void {
  const start = performance.now();
  return (line) => process.stdout.write(`${((performance.now() - start) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
}

/**
 * Lets a program end as its work does: with the exit code that it gives, 0 when it gives none; when it fails, with its error
 * on standard error and code 1.
 */
export async function endAs(work: Promise<number | void>): Promise<void> {
  try {
    process.exitCode = (await work) ?? 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
