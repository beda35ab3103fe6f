/**
 * Owns: `node test/src/sim/planted-bugs.ts [word]`: plants one bug after the other into a copy of the sources, and demands
 * that the simulator finds it. Each says how it is looked for and what is expected to find it.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface PlantedBug {
  readonly bug: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Arguments of the simulator. */
  readonly search: string;
}

const bugs: readonly PlantedBug[] = [
  {
    bug: 'a decision is acted on before it is durable',
    file: 'src/actor/actor.ts',
    find: 'onDurable: () => durable({ cluster, stamp, decision, snapshot }),',
    replace: 'onDurable: (durable({ cluster, stamp, decision, snapshot }), () => undefined),',
    search: '--seed 1 --count 1 --scenario create',
  },
  {
    bug: 'intents that were open when the process died are never closed',
    file: 'src/actor/hydrate.ts',
    find: 'return Object.values(open)\n',
    replace: 'return Object.values(open).slice(0, 0)\n',
    search: '--crashes delete --every 40',
  },
  {
    bug: 'timers are not armed again after a restart',
    file: 'src/actor/actor.ts',
    find: '  rearm(ports, actor);\n',
    replace: '',
    search: '--crashes delete --every 25',
  },
  {
    bug: 'a Secret is applied over the one that is there',
    file: 'src/decision/render.ts',
    find: "const rendered = apply(context, ref, { resourceVersion: '1' }, []);",
    replace: 'const rendered = apply(context, ref, {}, []);',
    search: '--faults create --late',
  },
  {
    bug: 'volumes go whatever the policy says',
    file: 'machines/cluster/tables/deletion.ts',
    find: "return kept && facts.world.cluster?.seen.spec.volumePolicy !== 'Delete';",
    replace: 'return kept && false;',
    search: '--seed 1 --count 1 --scenario delete',
  },
  {
    bug: 'a cluster is called ready without its members',
    file: 'machines/cluster/guards.ts',
    find: 'if (ready === desired) return yes(',
    replace: 'if (ready > 0) return yes(',
    search: '--seed 1 --count 20 --scenario create',
  },
  {
    bug: 'a deletion that the watch tells is not heard',
    file: 'src/watch/watch.ts',
    find: "else if (type === 'DELETED') await deleted(live);",
    replace: "else if (type === 'DELETED') {}",
    search: '--seed 1 --count 1 --scenario vandal',
  },
  {
    bug: 'what is gone from a list is not told',
    file: 'src/watch/watch.ts',
    find: '        const now = found.get(key);\n        if (now !== undefined) continue;',
    replace: '        const now = found.get(key);\n        if (now !== undefined || state.listed) continue;',
    search: '--seed 300 --count 200 --scenario vandal',
  },
  {
    bug: 'what passes by itself is taken for a refusal',
    file: 'machines/cluster/outcomes.ts',
    find: '{ ...again, ...outcome, notBeforeMs: outcome.retryAfterMs ?? 0 }',
    replace: '{ ...again, ...outcome, notBeforeMs: 1e15 }',
    search: '--faults delete --every 31',
  },
  {
    bug: 'secrets pass the door with their values',
    file: 'src/stream/door/objects.ts',
    find: 'const keys = new Set([',
    replace: "const keys = new Set([...Object.values(recordOf(object['data'])).map(String), ",
    search: '--seed 1 --count 1 --scenario create',
  },
  {
    bug: 'the journal loses a commit',
    file: 'src/journal/writer.ts',
    find: '    const tick = db.transaction(write).immediate();',
    replace: '    const tick = operator.seq === 40 ? null : db.transaction(write).immediate();',
    search: '--seed 1 --count 1 --scenario create',
  },
  {
    bug: 'the rows after a snapshot are forgotten at a restart',
    file: 'src/actor/hydrate.ts',
    find: "if (content !== 'decision') continue;",
    replace: "if (content !== 'decision' || cached !== null) continue;",
    search: '--crashes delete --every 25',
  },
];

const root = new URL('../../../', import.meta.url).pathname;

function copied(): string {
  const dir = mkdtempSync(join(tmpdir(), 'planted-'));
  for (const name of ['package.json', 'machines', 'src', 'crds'])
    cpSync(join(root, name), join(dir, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  return dir;
}

function searched(dir: string, search: string): Promise<string> {
  return new Promise((resolve) => {
    const args = ['src/sim/main.ts', ...search.split(' '), '--first', '--out', join(dir, 'out')];
    const child = spawn(process.execPath, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });
}

/** What named the bug; null when nothing did. */
function finder(output: string): string | null {
  const calm = /fails without faults: \[\{"invariant":"(\w+)"/.exec(output)?.[1];
  return calm ?? /^ {2}(G\d|C|J|F|decide|end) at /m.exec(output)?.[1] ?? null;
}

async function judged(dir: string, planted: PlantedBug): Promise<string> {
  const path = join(dir, planted.file);
  const before = readFileSync(path, 'utf8');
  if (before.split(planted.find).length !== 2) return 'BROKEN: it does not fit the source exactly once';
  writeFileSync(
    path,
    before.replace(planted.find, () => planted.replace),
  );
  const output = await searched(dir, planted.search);
  writeFileSync(path, before);
  return finder(output) ?? `NOT FOUND: ${output.split('\n').slice(-3).join(' ').slice(0, 300)}`;
}

const dir = copied();
let missed = 0;
try {
  for (const planted of bugs.filter(({ bug }) => bug.includes(process.argv[2] ?? ''))) {
    const verdict = await judged(dir, planted);
    const found = /^(G\d|C|J|F|decide|end)$/.test(verdict);
    if (!found) missed += 1;
    process.stdout.write(`${found ? verdict.padEnd(7) : verdict} ${planted.bug}\n`);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.exitCode = missed === 0 ? 0 : 1;
