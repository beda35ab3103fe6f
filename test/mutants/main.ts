/**
 * Owns: `npm run mutants [-- WORDS] [--sample N --at I]`: puts one planted bug after the other into a copy of the sources,
 * runs what should find it, and says what did. WORDS take the mutants whose name or bug contains them; a sample takes N of
 * them, beginning at the I-th. Exit code 1 when one was not found, or does not fit the sources any more.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mutants, type Mutant } from './patches.ts';

const root = new URL('../../', import.meta.url).pathname;

function copied(): string {
  const dir = mkdtempSync(join(tmpdir(), 'mutants-'));
  for (const name of [
    'package.json',
    'tsconfig.json',
    'tsconfig.base.json',
    'machines',
    'src',
    'crds',
    'test/tsconfig.json',
    'test/vitest.config.ts',
    'test/support/longest-first.ts',
    'test/hazards',
    'test/machines',
  ])
    cpSync(join(root, name), join(dir, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  return dir;
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function run(dir: string, command: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: dir,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString('utf8') }));
  });
}

function searched(dir: string, { run: how }: Mutant): Promise<Ended> {
  const [what, ...words] = how.split(' ');
  if (what === 'sim')
    return run(dir, process.execPath, ['src/sim/main.ts', ...words, '--first', '--out', join(dir, 'out')]);
  const [file = '', ...name] = words;
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const only = name.length === 0 ? [] : ['-t', name.join(' ')];
  const bail = ['--bail', '1', '--reporter', 'verbose'];
  return run(dir, process.execPath, [
    vitest,
    'run',
    '--config',
    'test/vitest.config.ts',
    ...bail,
    ...only,
    file.includes('/') ? `test/${file}.test.ts` : `test/hazards/${file}.test.ts`,
  ]);
}

/** What named the bug; null when nothing did. */
function finder({ code, output }: Ended): string | null {
  if (code === 0 || /No test files found|Cannot find module|SyntaxError|Transform failed/.test(output)) return null;
  const calm = /fails without faults: \[\{"invariant":"(\w+)"|without faults: \[\{"invariant":"(\w+)"/.exec(output);
  if (calm !== null) return `${calm[1] ?? calm[2] ?? ''}, without any fault`;
  const law = /^ {2}(\w+) at \d+ ms/m.exec(output)?.[1] ?? /"?invariant"?: ["'](\w+)["']/.exec(output)?.[1];
  if (law !== undefined) return law;
  const failed = /AssertionError: (.+)/.exec(output)?.[1];
  return failed === undefined ? null : `a count (${failed.slice(0, 60)})`;
}

async function judged(dir: string, mutant: Mutant): Promise<{ readonly found: boolean; readonly words: string }> {
  const planted = await run(dir, 'git', ['apply', '-C1', mutant.path]);
  if (planted.code !== 0) return { found: false, words: `DOES NOT FIT: ${planted.output.trim().split('\n')[0] ?? ''}` };
  const ended = await searched(dir, mutant);
  await run(dir, 'git', ['apply', '-C1', '-R', mutant.path]);
  const by = finder(ended);
  if (by !== null) return { found: true, words: by };
  return { found: false, words: `NOT FOUND: ${ended.output.split('\n').slice(-6).join(' ').slice(0, 400)}` };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { sample: { type: 'string' }, at: { type: 'string', default: '0' } },
});

function chosen(): readonly Mutant[] {
  const named = mutants().filter(({ name, bug }) => positionals.every((word) => `${name} ${bug}`.includes(word)));
  const count = Number(values.sample ?? named.length);
  const from = Number(values.at) * count;
  return Array.from(
    { length: Math.min(count, named.length) },
    (_, index) => named[(from + index) % named.length],
  ).flatMap((each) => (each === undefined ? [] : [each]));
}

const dir = copied();
let missed = 0;
try {
  const all = chosen();
  for (const mutant of all) {
    const { found, words } = await judged(dir, mutant);
    if (!found) missed += 1;
    process.stdout.write(
      `${found ? 'caught' : 'MISSED'}  ${mutant.name.padEnd(34)} ${mutant.kind.padEnd(4)} by ${words}\n`,
    );
  }
  process.stdout.write(`${all.length - missed} of ${all.length} planted bugs were caught\n`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.exitCode = missed === 0 ? 0 : 1;
