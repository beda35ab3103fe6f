/**
 * Owns: `node test/support/fault-switches.ts [word]`: takes each protection of the table away, one at a time, in a copy of
 * the sources, and demands that its test is red. The copy is removed at the end.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FaultRow } from './fault-row.ts';
import { faultGroups } from './fault-rows.ts';

const root = new URL('../../', import.meta.url).pathname;

function copied(): string {
  const dir = mkdtempSync(join(tmpdir(), 'switches-'));
  for (const name of [
    'package.json',
    'tsconfig.json',
    'tsconfig.base.json',
    'test/tsconfig.json',
    'machines',
    'src',
    'crds',
    'test/support',
    'test/src',
    'test/vitest.config.ts',
  ])
    cpSync(join(root, name), join(dir, name), { recursive: true });
  for (const name of ['pki.ts', 'shell.ts']) cpSync(join(root, 'test/cluster', name), join(dir, 'test/cluster', name));
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  return dir;
}

/** Runs one test of the copy. @returns whether it was green, and how many ran */
function tried(dir: string, [file, name]: FaultRow['test']): Promise<{ readonly ok: boolean; readonly ran: number }> {
  const pattern = `${name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}$`;
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const report = join(dir, 'report.json');
  rmSync(report, { force: true });
  const output = ['--reporter=json', `--outputFile=${report}`];
  const args = [vitest, 'run', '--config', 'test/vitest.config.ts', ...output, '-t', pattern, file];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: dir, stdio: 'ignore' });
    child.on('close', (code) => {
      const text = existsSync(report) ? readFileSync(report, 'utf8') : '';
      const count = (word: string): number => Number(new RegExp(`"num${word}Tests":(\\d+)`).exec(text)?.[1] ?? 0);
      resolve({ ok: code === 0, ran: count('Passed') + count('Failed') });
    });
  });
}

async function judged(dir: string, row: FaultRow): Promise<string> {
  const path = join(dir, row.off.file);
  const before = readFileSync(path, 'utf8');
  if (before.split(row.off.find).length !== 2) return 'BROKEN: the switch does not fit the source exactly once';
  writeFileSync(
    path,
    before.replace(row.off.find, () => row.off.replace),
  );
  const outcome = await tried(dir, row.test);
  writeFileSync(path, before);
  if (outcome.ran === 0) return 'BROKEN: no such test, or the switch does not load';
  return outcome.ok ? 'GREEN without its protection' : 'red';
}

const dir = copied();
let bad = 0;
try {
  const rows = faultGroups.flatMap((group) => group.rows).filter(({ fault }) => fault.includes(process.argv[2] ?? ''));
  for (const row of rows) {
    const verdict = await judged(dir, row);
    if (verdict !== 'red') bad += 1;
    process.stdout.write(`${verdict === 'red' ? 'red    ' : `FAILED  ${verdict}:`} ${row.fault}\n`);
  }
  process.stdout.write(`${rows.length - bad} of ${rows.length} protections, switched off, turn their test red\n`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.exitCode = bad === 0 ? 0 : 1;
