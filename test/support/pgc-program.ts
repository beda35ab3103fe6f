/**
 * Owns: pgc as tests run it: the program as it is released, and processes of it. It is made once for each process of tests, and
 * lies in a folder named after what is in it, so that Node keeps compiled what it has compiled in an earlier start.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { buildId } from '#src/build-id.ts';
import { programBundle } from '#src/dev/bundle.ts';

const programs = new URL('../../.cache/programs/', import.meta.url).pathname;
const dayMs = 24 * 60 * 60 * 1000;

/** Takes away what no run of the last day has used; other processes of tests may do so too. */
function tidyUp(): void {
  for (const name of readdirSync(programs)) {
    const found = statSync(join(programs, name), { throwIfNoEntry: false });
    if (found !== undefined && found.mtimeMs < Date.now() - dayMs)
      rmSync(join(programs, name), { recursive: true, force: true });
  }
}

async function made(): Promise<string> {
  const unfinished = join(programs, `unfinished-${process.pid}`);
  mkdirSync(unfinished, { recursive: true });
  await programBundle('src/cli/main.ts', join(unfinished, 'pgc.cjs'), buildId());
  const hash = createHash('sha256')
    .update(readFileSync(join(unfinished, 'pgc.cjs')))
    .digest('hex');
  const folder = join(programs, hash.slice(0, 16));
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    // The same program is there already, of an earlier run or of a process beside this one.
    rmSync(unfinished, { recursive: true });
    if (!existsSync(folder)) throw error;
    utimesSync(folder, new Date(), new Date());
  }
  tidyUp();
  return folder;
}

let once: Promise<string> | null = null;

/** @returns path of pgc as one file that Node runs */
export async function pgcProgram(): Promise<string> {
  once ??= made();
  return join(await once, 'pgc.cjs');
}

/** How a process of pgc ended. */
export interface Ended {
  readonly code: number | string;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Runs pgc with these arguments in a folder. @param env beside the environment of the tests */
export async function runPgc(
  args: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const program = await pgcProgram();
  const options = {
    cwd: folder,
    env: { ...process.env, NODE_COMPILE_CACHE: join(program, '../compiled'), ...env },
    encoding: 'buffer' as const,
    maxBuffer: 64 * 1024 * 1024,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? 'none'), stdout, stderr }),
    );
  });
}
