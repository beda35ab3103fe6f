/**
 * What pgc says about a journal, word for word: `test/golden/cli/*.txt`, each with its command and exit code. The journal is
 * that of a simulated fail-over, so every time and hash is the same each time. UPDATE_GOLDEN=1 writes.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { coreBundle } from '#src/dev/bundle.ts';
import { openForWriting } from '#src/journal/database.ts';
import { runPlan } from '#src/sim/run.ts';
import { quiet } from '#src/sim/plan.ts';
import { runPgc } from '#test/support/pgc-program.ts';
import { sealedJournal } from './sealed-journal.ts';
import { mutants, openMutation } from '../replay/mutants.ts';

// Each is a process of its own.
vi.setConfig({ testTimeout: 60_000 });

const root = new URL('../../../', import.meta.url).pathname;
const golden = join(root, 'test/golden/cli');
let dir: string;

const shop = `apiVersion: postgres.example.com/v1alpha1
kind: PostgresCluster
metadata: { name: shop, namespace: team }
spec:
  version: "17"
  replicas: 2
  storage: { size: 10Gi }
  database: { name: orders, owner: clerk }
`;
const image = `  image: registry/spilo:next
`;

/** What is planned, by the name of its file. */
const manifests: Readonly<Record<string, string>> = {
  same: shop,
  edit: `${shop}${image}  service: { type: NodePort }
  postgresqlParams: { work_mem: 8MB }
`,
  guarded: `${shop}${image}  maxDisruption: Reload
`,
  parameter: `${shop}  postgresqlParams: { wrok_mem: 8MB }
`,
  start: `${shop}  postgresqlParams: { huge_pages: "on" }
`,
  smaller: shop.replace('10Gi', '5Gi'),
  misspelt: shop.replace('replicas', 'replcas'),
  later: shop.replace('namespace: team', 'namespace: team, generation: 9'),
  other: shop.replace('name: shop', 'name: till'),
  pair: `${shop}---
${shop.replace('name: shop', 'name: till')}`,
  deployment: `apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
`,
  broken: 'spec: [',
};

/** Runs pgc in the test's folder. @returns both outputs and the exit code, with the folder and the build masked */
async function pgc(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runPgc(args, dir);
  const text = `${stdout.toString()}${stderr.length === 0 ? '' : `--- error output\n${stderr.toString()}`}`;
  const masked = text
    .replaceAll(dir, '.')
    .replaceAll(/\b[0-9a-f]{64}\b/g, (hash) => `${hash.slice(0, 4)}…`)
    .replaceAll(/build (?:[0-9a-f]{16}|simulated)/g, 'build BUILD')
    .replaceAll(/(Build )`[0-9a-f]{16}`/g, '$1`BUILD`')
    .replaceAll(/("build": ?)"[0-9a-f]{16}"/g, '$1"BUILD"')
    .replaceAll(/(head \d+\.\d+ )[0-9a-f]{12}/g, '$1HASH');
  return `$ pgc ${args.join(' ')}\n${masked}exit ${code}\n`;
}

function compare(name: string, text: string): void {
  const file = join(golden, `${name}.txt`);
  if (process.env['UPDATE_GOLDEN'] !== undefined) {
    mkdirSync(golden, { recursive: true });
    writeFileSync(file, text);
  }
  expect(text).toBe(
    existsSync(file) ? readFileSync(file, 'utf8') : 'no golden yet: review and write it with UPDATE_GOLDEN=1',
  );
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'pgc-'));
  writeFileSync(join(dir, 'core.cjs'), await coreBundle());
  const mutation = await openMutation();
  for (const [name, change] of [
    ['hasty', 'the pods are not waited for'],
    ['wordy', 'a guard compares one value more'],
    ['slow', 'holdMs is 1'],
  ] as const) {
    const mutant = mutants.find((each) => each.change === change);
    if (mutant === undefined) throw new Error(`there is no mutant of which ${change}`);
    writeFileSync(join(dir, `${name}.cjs`), await mutation.mutated(mutant));
  }
  await mutation.close();
  mkdirSync(join(dir, 'deleted'));
  await runPlan(quiet('delete', 1), { scratch: dir, expected: null, keep: join(dir, 'deleted') });
  const { violations } = await runPlan(quiet('lose-leader', 1), { scratch: dir, expected: null, keep: dir });
  expect(violations).toEqual([]);
  await sealedJournal(dir, join(dir, 'sealed.db'));
  for (const copy of ['pruned.db', 'goes.db', 'held.db'])
    writeFileSync(join(dir, copy), readFileSync(join(dir, 'sealed.db')));
  await pgc(['journal', 'prune', '--keep', '1d', '--file', 'pruned.db']);
  await pgc(['journal', 'export', 'shop', '--file', 'pruned.db', '--out', 'pruned.ndjson']);
  writeFileSync(join(dir, 'notes.txt'), 'no journal of anybody\n');
  writeFileSync(join(dir, 'cut.db'), readFileSync(join(dir, 'operator-0.db')));
  truncateSync(join(dir, 'cut.db'), 100_000);
  const whole = readFileSync(join(dir, 'operator-0.db'));
  /** The file with one number of SQLite's header changed. */
  const headed = (place: number, value: number): Buffer => {
    const changed = Buffer.from(whole);
    changed.writeUInt32BE(value, place);
    return changed;
  };
  writeFileSync(join(dir, 'newer.db'), headed(60, 9));
  writeFileSync(join(dir, 'foreign.db'), headed(68, 42));
  const tampered = whole
    .toString('latin1')
    .replace('"type":"LeaderSilent","silentMs":3', '"type":"LeaderSilent","silentMs":9');
  writeFileSync(join(dir, 'tampered.db'), tampered, 'latin1');
  await pgc(['journal', 'export', 'shop', '--file', 'operator-0.db', '--out', 'shop.ndjson']);
  const exports = ['journal', 'export', 'shop', '--file', 'operator-0.db'];
  await pgc([...exports, '--since', '50s', '--out', 'part.ndjson']);
  await pgc([...exports, '--redact', '--out', 'redacted.ndjson']);
  mkdirSync(join(dir, 'edited'));
  await runPlan(quiet('approval', 1), { scratch: dir, expected: null, keep: join(dir, 'edited') });
  for (const [file, text] of Object.entries(manifests)) writeFileSync(join(dir, `${file}.yaml`), text);
  const lines = readFileSync(join(dir, 'shop.ndjson'), 'utf8').split('\n');
  writeFileSync(join(dir, 'cut.ndjson'), lines.slice(0, 20).join('\n'));
}, 120_000);

afterAll(() => rmSync(dir, { recursive: true }));

describe('pgc', () => {
  const file = ['--file', 'operator-0.db'];
  it.each([
    ['status', ['status', ...file]],
    ['status-ndjson', ['status', '-o', 'ndjson', ...file]],
    ['status-pruned', ['status', '--file', 'pruned.db']],
    ['status-redacted', ['status', '--file', 'redacted.ndjson']],
    ['status-of-one', ['status', 'shop', ...file]],
    ['status-of-none', ['status', 'nobody', ...file]],
    ['top', ['top', ...file]],
    ['top-ndjson', ['top', '-o', 'ndjson', ...file]],
    ['why', ['why', 'shop', ...file]],
    ['why-at', ['why', 'shop', '--at', '2026-01-01T00:01:00Z', ...file]],
    ['why-json', ['why', 'shop', '--at', '20s', '-o', 'json', ...file]],
    ['why-before-anything', ['why', 'shop', '--at', '2025-01-01T00:00:00Z', ...file]],
    ['why-not-running', ['why-not', 'shop', 'running', '--at', '2026-01-01T00:00:55Z', ...file]],
    ['why-not-failover', ['why-not', 'shop', 'failover', ...file]],
    ['why-not-rollout-json', ['why-not', 'shop', 'rollout', '-o', 'json', ...file]],
    ['why-not-object', ['why-not', 'shop', 'StatefulSet/shop', '--at', '2026-01-01T00:00:01.02Z', ...file]],
    ['why-not-reached', ['why-not', 'shop', 'Running', ...file]],
    ['why-not-nonsense', ['why-not', 'shop', 'dancing', ...file]],
    ['timeline', ['timeline', 'shop', '--since', '80s', ...file]],
    ['timeline-only', ['timeline', 'shop', '--only', 'moved,patroni', ...file]],
    ['timeline-ndjson', ['timeline', 'shop', '--since', '11s', '-o', 'ndjson', ...file]],
    ['timeline-only-nonsense', ['timeline', 'shop', '--only', 'dances', ...file]],
    [
      'timeline-until',
      ['timeline', 'shop', '--since', '2026-01-01T00:00:45Z', '--until', '2026-01-01T00:00:55Z', ...file],
    ],
    ['timeline-until-before-since', ['timeline', 'shop', '--since', '10s', '--until', '20s', ...file]],
    ['timeline-until-and-follow', ['timeline', 'shop', '--until', '10s', '--follow', ...file]],
    ['timeline-follow-an-export', ['timeline', 'shop', '--follow', '--file', 'shop.ndjson']],
    ['state', ['state', 'shop', ...file]],
    ['state-at', ['state', 'shop', '--at', '2026-01-01T00:00:55Z', ...file]],
    ['state-json', ['state', 'shop', '-o', 'json', ...file]],
    ['state-mermaid', ['state', 'shop', '--at', '2026-01-01T00:00:55Z', '-o', 'mermaid', ...file]],
    ['state-before-anything', ['state', 'shop', '--at', '2025-01-01T00:00:00Z', ...file]],
    ['no-such-format', ['why', 'shop', '-o', 'mermaid', ...file]],
    ['why-at-no-time', ['why', 'shop', '--at', 'yesterday', ...file]],
    ['journal-ls', ['journal', 'ls', 'shop', '--limit', '12', ...file]],
    ['journal-show', ['journal', 'show', 'shop', '76', ...file]],
    ['journal-show-absent', ['journal', 'show', 'shop', '99999', ...file]],
    ['journal-verify', ['journal', 'verify', ...file]],
    ['journal-verify-anchor-lost', ['journal', 'verify', '--anchor', 'u:9:9:head', ...file]],
    ['journal-verify-damaged', ['journal', 'verify', '--file', 'cut.db']],
    ['replay', ['replay', ...file]],
    ['replay-json', ['replay', 'shop', '-o', 'json', ...file]],
    ['replay-until', ['replay', 'shop', '--until', '76', ...file]],
    ['replay-until-a-time', ['replay', 'shop', '--until', '2026-01-01T00:00:05Z', '-o', 'table', ...file]],
    ['replay-bisect', ['replay', 'shop', '--bisect', "phase === 'Recovering'", ...file]],
    ['replay-bisect-never', ['replay', 'shop', '--bisect', 'memory.retryCount > 3', ...file]],
    ['replay-bisect-nonsense', ['replay', 'shop', '--bisect', 'phase ==== 1', ...file]],
    ['replay-with-itself', ['replay', '--with', 'core.cjs', ...file]],
    ['replay-with-words', ['replay', '--with', 'wordy.cjs', ...file]],
    ['replay-with-another-time', ['replay', 'shop', '--with', 'slow.cjs', ...file]],
    ['replay-with-no-build', ['replay', '--with', 'notes.txt', ...file]],
    ['compare-versions', ['compare-versions', 'hasty.cjs', 'deleted', 'operator-0.db']],
    ['compare-versions-allowed', ['compare-versions', 'slow.cjs', 'operator-0.db', '--allow', 'target']],
    ['compare-versions-not-allowed', ['compare-versions', 'slow.cjs', 'operator-0.db', '--allow', 'destructive']],
    ['replay-of-an-export', ['replay', '--file', 'shop.ndjson']],
    ['export-cut', ['replay', '--file', 'cut.ndjson']],
    ['export-cut-verify', ['journal', 'verify', '--file', 'cut.ndjson']],
    ['import', ['journal', 'import', 'shop.ndjson', '--out', 'again.db']],
    ['import-cut', ['journal', 'import', 'cut.ndjson', '--out', 'cut-again.db']],
    ['postmortem', ['postmortem', 'shop', ...file]],
    ['postmortem-of-an-export', ['postmortem', 'shop', '--out', 'report.md', '--file', 'shop.ndjson']],
    ['part-replay', ['replay', '--file', 'part.ndjson']],
    ['part-state', ['state', 'shop', '--file', 'part.ndjson']],
    ['part-verify', ['journal', 'verify', '--file', 'part.ndjson']],
    ['part-import', ['journal', 'import', 'part.ndjson', '--out', 'part.db']],
    ['export-since-the-future', ['journal', 'export', 'shop', '--since', '2027-01-01T00:00:00Z', ...file]],
    ['redacted-why', ['why', 'cluster-1', '--at', '20s', '--file', 'redacted.ndjson']],
    ['redacted-top', ['top', '--file', 'redacted.ndjson']],
    ['redacted-verify', ['journal', 'verify', '--file', 'redacted.ndjson']],
    ['redacted-replay', ['replay', '--file', 'redacted.ndjson']],
    ['redacted-import', ['journal', 'import', 'redacted.ndjson', '--out', 'redacted.db']],
    ['incident-to-test', ['incident', 'to-test', 'shop.ndjson', '--row', '76', '--out', 'incidents']],
    ['incident-to-test-no-row', ['incident', 'to-test', 'shop.ndjson', '--row', '999', '--out', 'incidents']],
    ['incident-to-test-redacted', ['incident', 'to-test', 'redacted.ndjson', '--out', 'incidents']],
    ['simulate-no-fault', ['simulate', 'shop', ...file]],
    ['simulate-no-such-node', ['simulate', 'shop', '--kill-node', 'node-9', ...file]],
    ['plan', ['plan', '-f', 'edit.yaml', ...file]],
    ['plan-json', ['plan', '-f', 'guarded.yaml', '-o', 'json', ...file]],
    ['plan-ndjson', ['plan', '-f', 'edit.yaml', '-o', 'ndjson', ...file]],
    ['plan-of-an-export', ['plan', '-f', 'edit.yaml', '--file', 'shop.ndjson']],
    ['plan-at', ['plan', '-f', 'edit.yaml', '--at', '2026-01-01T00:01:00Z', ...file]],
    ['plan-above-max-disruption', ['plan', '-f', 'guarded.yaml', ...file]],
    ['plan-above-max', ['plan', '-f', 'edit.yaml', '--max', 'Reload', ...file]],
    ['plan-max-nonsense', ['plan', '-f', 'edit.yaml', '--max', 'Little', ...file]],
    ['plan-of-nothing', ['plan', '-f', 'same.yaml', ...file]],
    ['plan-refused', ['plan', '-f', 'parameter.yaml', ...file]],
    ['plan-taken-back', ['plan', '-f', 'start.yaml', ...file]],
    ['plan-not-admitted', ['plan', '-f', 'smaller.yaml', ...file]],
    ['plan-misspelt', ['plan', '-f', 'misspelt.yaml', ...file]],
    ['plan-of-a-creation', ['plan', 'till', '-f', 'pair.yaml', ...file]],
    ['plan-before-it-stood', ['plan', '-f', 'edit.yaml', '--at', '2026-01-01T00:00:01Z', ...file]],
    ['plan-stale', ['plan', '-f', 'later.yaml', ...file]],
    ['plan-of-several', ['plan', '-f', 'pair.yaml', ...file]],
    ['plan-of-none-of-several', ['plan', 'bank', '-f', 'pair.yaml', ...file]],
    ['plan-of-another-cluster', ['plan', '-f', 'other.yaml', '--file', 'shop.ndjson']],
    ['plan-of-a-deployment', ['plan', '-f', 'deployment.yaml', ...file]],
    ['plan-of-no-yaml', ['plan', '-f', 'broken.yaml', ...file]],
    ['plan-of-no-file', ['plan', '-f', 'absent.yaml', ...file]],
    ['plan-without-a-manifest', ['plan', 'shop', ...file]],
    ['plan-redacted', ['plan', '-f', 'edit.yaml', '--file', 'redacted.ndjson']],
    ['plan-newer', ['plan', '-f', 'edit.yaml', '--file', 'newer.db']],
    ['plan-compare', ['plan', 'shop', '--compare', '--file', 'edited/operator-0.db']],
    ['plan-compare-json', ['plan', 'shop', '--compare', '-o', 'json', '--file', 'edited/operator-0.db']],
    ['plan-compare-no-edit', ['plan', 'shop', '--compare', ...file]],
    [
      'plan-compare-no-generation',
      ['plan', 'shop', '--compare', '--generation', '9', '--file', 'edited/operator-0.db'],
    ],
    ['prune-dry-run', ['journal', 'prune', '--dry-run', '--keep', '1d', '--file', 'sealed.db']],
    ['prune-no-bounds', ['journal', 'prune', '--dry-run', '--keep', '0', '--keep-bytes', '0', '--file', 'sealed.db']],
    ['prune', ['journal', 'prune', '--keep', '1d', '--file', 'goes.db']],
    ['hold', ['journal', 'hold', 'shop', '--from', '2026-01-01T00:00:10Z', '--because', 'case 7', '--file', 'held.db']],
    ['hold-then-prune', ['journal', 'prune', '--dry-run', '--keep', '1d', '--file', 'held.db']],
    ['release', ['journal', 'release', '1', '--file', 'held.db']],
    ['pruned-verify', ['journal', 'verify', '--file', 'pruned.db']],
    ['pruned-replay', ['replay', '--file', 'pruned.db']],
    ['pruned-replay-until', ['replay', 'shop', '--until', '3', '--file', 'pruned.db']],
    ['pruned-why', ['why', 'shop', '--file', 'pruned.db']],
    ['pruned-why-at', ['why', 'shop', '--at', '2026-01-01T00:00:05Z', '--file', 'pruned.db']],
    ['pruned-timeline', ['timeline', 'shop', '--only', 'journal,moved', '--file', 'pruned.db']],
    ['pruned-ls', ['journal', 'ls', 'shop', '--file', 'pruned.db']],
    ['pruned-show', ['journal', 'show', 'shop', '5', '--file', 'pruned.db']],
    ['pruned-top', ['top', '--file', 'pruned.db']],
    ['newer-file', ['why', 'shop', '--file', 'newer.db']],
    ['newer-file-verify', ['journal', 'verify', '--file', 'newer.db']],
    ['foreign-database', ['replay', '--file', 'foreign.db']],
    ['tampered-file', ['journal', 'verify', '--file', 'tampered.db']],
    ['no-such-cluster', ['why', 'nobody', ...file]],
    ['no-such-file', ['why', 'shop', '--file', 'absent.db']],
    ['foreign-file', ['why', 'shop', '--file', 'notes.txt']],
    ['no-such-verb', ['explain', 'shop']],
    ['no-such-flag', ['why', 'shop', '--loud', ...file]],
  ])('%s', async (name, args) => compare(name, await pgc(args)));

  it.each(['plan', 'plan-compare'])('docs/cli.md shows %s as it is said', (name) => {
    const said = readFileSync(join(golden, `${name}.txt`), 'utf8').replace(/exit \d+\n$/, '');
    const page = join(root, 'docs/cli.md');
    const text = readFileSync(page, 'utf8');
    // The block that begins with this command.
    const start = text.indexOf(`${said.split('\n')[0] ?? ''}\n`);
    const end = text.indexOf('```', start);
    expect(start).toBeGreaterThan(0);
    if (process.env['UPDATE_GOLDEN'] !== undefined)
      writeFileSync(page, `${text.slice(0, start)}${said}${text.slice(end)}`);
    expect(readFileSync(page, 'utf8')).toContain(`\`\`\`\n${said}\`\`\``);
  });

  it('a pruned export is read in another language, and a prune does not touch a file that is in use', async () => {
    const reader = join(root, 'docs/journal-reader.py');
    for (const name of ['pruned.db', 'pruned.ndjson']) {
      const { status, stdout } = spawnSync('python3', [reader, join(dir, name)], { encoding: 'utf8' });
      expect(`${status} ${stdout}`).toMatch(/^0 team\/shop: \d+ rows, head [0-9a-f]{64}\n$/);
    }
    const db = openForWriting(join(dir, 'sealed.db'));
    expect(await pgc(['journal', 'prune', '--keep', '1d', '--file', 'sealed.db'])).toMatch(/is in use\n.*\nexit 2/);
    db.close();
  });

  it('leaves files alone that it cannot use', async () => {
    for (const name of ['newer.db', 'foreign.db', 'tampered.db', 'cut.db']) {
      const before = readFileSync(join(dir, name));
      await pgc(['journal', 'verify', '--file', name]);
      expect(readFileSync(join(dir, name)).equals(before), name).toBe(true);
    }
  }, 60_000);
});
