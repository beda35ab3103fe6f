/**
 * What every verb of pgc ends with, as docs/cli.md says: 64 for a command line that means nothing whatever is read, before
 * anything is asked for; 2 for a source that cannot be used, or that does not hold what is asked for.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { coreBundle } from '#src/dev/bundle.ts';
import { openForWriting } from '#src/journal/database.ts';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { runPgc } from '#test/support/pgc-program.ts';

/** Of so many command lines of a verb one is run, another one for each verb; with ALL_LINES=1 all are. Each is a process. */
const every = process.env['ALL_LINES'] === undefined ? 5 : 1;

// Each is a process of its own.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let dir: string;
let server: Server;
/** Requests that an API server was sent, in words. */
const changes: string[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'exit-codes-'));
  await runPlan(quiet('create', 1), { scratch: dir, expected: null, keep: dir });
  copyFileSync(join(dir, 'operator-0.db'), join(dir, 'shop.db'));
  await runPgc(['journal', 'export', 'shop', '--file', 'shop.db', '--out', 'shop.ndjson'], dir);
  const spec = 'spec: { version: "17", replicas: 2, storage: { size: 10Gi } }';
  const kind = 'apiVersion: postgres.example.com/v1alpha1\nkind: PostgresCluster';
  writeFileSync(join(dir, 'shop.yaml'), `${kind}\nmetadata: { name: shop, namespace: team }\n${spec}\n`);
  // An API server that knows no cluster: whatever is changed there should not have been.
  server = createServer(({ method = '', url = '' }, response) => {
    if (method !== 'GET') changes.push(`${method} ${url}`);
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404, message: 'nothing' }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'one',
    clusters: [{ name: 'one', cluster: { server: url } }],
    users: [{ name: 'one', user: {} }],
    contexts: [{ name: 'one', context: { cluster: 'one', user: 'one' } }],
  };
  writeFileSync(join(dir, 'kubeconfig'), JSON.stringify(config));
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});

/** Command lines of a verb, without its name. */
interface Lines {
  readonly misused: readonly string[];
  readonly unusable: readonly string[];
}

const file = '--file shop.db';
const absent = '--file absent.db';

/** A verb that reads a source, asked about a cluster. */
function reading(...misused: readonly string[]): Lines {
  return {
    misused: [file, ...misused.map((each) => `shop ${each} ${file}`)],
    unusable: [`shop ${absent}`, `no ${file}`],
  };
}

/** A verb that goes to the API server, where there is no such cluster. */
function live(...misused: readonly string[]): Lines {
  return { misused: ['', ...misused], unusable: ['shop', 'shop -n elsewhere'] };
}

const once = ['shop --wait soon', 'shop --wait -1', 'shop --token=', 'shop --token shop-0 shop-1'];

const verbs: Readonly<Record<string, Lines>> = {
  status: { misused: [`shop more ${file}`, '--api localhost:1'], unusable: [absent, '--file .', `no ${file}`] },
  top: { misused: [`shop ${file}`, `-o mermaid ${file}`], unusable: [absent] },
  why: reading('--at yesterday', '--loud', 'more'),
  'why-not': {
    misused: [`shop ${file}`, `shop dancing ${file}`, `shop running --at 12 ${file}`],
    unusable: [`shop running ${absent}`, `shop StatefulSet/none ${file}`],
  },
  timeline: reading('--since 12', '--until x', '--only dances', '--since 10s --until 20s', '--until 10s --follow'),
  state: reading('--at yesterday', '-o xml'),
  'journal ls': reading('--limit many', '--limit -1'),
  'journal show': {
    misused: [`shop ${file}`, `shop last ${file}`, `shop 1.5 ${file}`],
    unusable: [`shop 1 ${absent}`, `shop 99999 ${file}`],
  },
  'journal verify': {
    misused: [`shop ${file}`, `--anchor head ${file}`, `--anchor u:x:1:head ${file}`, `--anchor u:1:1:a:b ${file}`],
    unusable: [absent, `--anchor u:9:9:head ${file}`],
  },
  'journal export': { ...reading('--since 12', '--out'), unusable: [`no ${file}`, `shop --out no/such/x ${file}`] },
  'journal import': {
    misused: ['shop.ndjson', '--out new.db'],
    unusable: ['absent.ndjson --out new.db', 'shop.yaml --out new.db'],
  },
  'journal prune': {
    misused: [
      `shop ${file}`,
      `--keep long ${file}`,
      `--keep 0d ${file}`,
      `--keep-bytes 1.5 ${file}`,
      `--keep-bytes some ${file}`,
    ],
    unusable: [`--dry-run ${absent}`, '--dry-run --file shop.ndjson'],
  },
  'journal hold': {
    misused: [
      `shop --because x ${file}`,
      `shop --from 1m ${file}`,
      `shop --from 12 --because x ${file}`,
      `shop --from 1m --because= ${file}`,
      `shop --from 1m --to 2m --because x ${file}`,
    ],
    unusable: [`shop --from 1m --because x ${absent}`, `no --from 1m --because x ${file}`],
  },
  'journal holds': { misused: [`shop ${file}`], unusable: [absent] },
  'journal release': { misused: [file, `abc ${file}`, `1.5 ${file}`], unusable: [`1 ${absent}`, `7 ${file}`] },
  replay: {
    misused: [
      `shop more ${file}`,
      `shop --until yesterday ${file}`,
      `shop --bisect (( ${file}`,
      `shop --bisect none.of.it ${file}`,
      `shop --until 5 --bisect seq>1 ${file}`,
      `shop --verify --until 5 ${file}`,
      `--allow order ${file}`,
      `--allow destructive --with x ${file}`,
    ],
    unusable: [absent, `no ${file}`, `--with shop.yaml ${file}`],
  },
  'compare-versions': { misused: ['', 'x --allow all'], unusable: ['absent.cjs shop.db', 'shop.yaml shop.db'] },
  postmortem: reading('more'),
  'incident to-test': {
    misused: ['', 'shop.ndjson --row last', 'shop.ndjson more'],
    unusable: ['absent.ndjson', 'shop.ndjson --row 999'],
  },
  inspect: reading('--inspector javascript:alert()', 'more'),
  simulate: {
    misused: [
      `shop ${file}`,
      `shop --kill-pod shop-0 --kill-node node-1 ${file}`,
      `shop --kill-pod shop-0 --for ever ${file}`,
      `shop --api-down long ${file}`,
      `shop --api-down 1m --for 1m ${file}`,
      `shop --kill-pod shop-0 --plays 0 ${file}`,
      `shop --kill-pod shop-0 --at 12 ${file}`,
    ],
    unusable: [`shop --kill-pod shop-0 ${absent}`, `shop --kill-pod shop-9 ${file}`],
  },
  plan: {
    misused: [
      `shop ${file}`,
      `--compare ${file}`,
      `-f shop.yaml --compare ${file}`,
      `-f shop.yaml --max Little ${file}`,
      `-f shop.yaml --at 12 ${file}`,
      `-f shop.yaml --generation 2 ${file}`,
      `shop --compare --generation new ${file}`,
      `shop --compare --max None ${file}`,
    ],
    unusable: [`-f shop.yaml ${absent}`, `-f absent.yaml ${file}`, `shop --compare ${file}`],
  },
  restart: live(...once),
  reload: live(...once),
  switchover: live(...once),
  'rotate-credentials': live('shop --wait soon', 'shop --token=', 'shop shop-1'),
  reinit: { misused: ['shop', 'shop shop-1 --wait soon'], unusable: ['shop shop-1'] },
  replace: { misused: ['shop', 'shop shop-1 --wait soon'], unusable: ['shop shop-1'] },
  pause: live('shop --wait soon', 'shop more'),
  resume: live('shop --wait soon', 'shop more'),
  approve: live('shop --wait soon', 'shop more', 'shop --generation new', 'shop --generation -1'),
  psql: live('shop more', 'shop -c'),
  logs: live('shop more', 'shop --tail all', 'shop --tail -1'),
  creds: live('shop more', 'shop -o xml', 'shop --key'),
  doctor: { misused: ['shop more', '-o xml', '--lease-name'], unusable: ['shop', 'shop -n elsewhere'] },
};

async function verbsOf(...above: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await runPgc([...above, '--help'], dir);
  const [, listed = ''] = stdout.toString().split('Commands:\n');
  const names = [...listed.matchAll(/^ {2}(\S+)/gm)].map((match) => match[1] ?? '').filter((name) => name !== 'help');
  return names.map((name) => [...above, name].join(' '));
}

it('every verb is in the table', async () => {
  const above = ['journal', 'incident'];
  const top = (await verbsOf()).filter((name) => !above.includes(name));
  const below = await Promise.all(above.map((name) => verbsOf(name)));
  expect([...top, ...below.flat()].toSorted()).toEqual(Object.keys(verbs).toSorted());
});

it.each(Object.entries(verbs))('%s', async (verb, lines) => {
  const turn = Object.keys(verbs).indexOf(verb);
  const some = (all: readonly string[]): readonly string[] =>
    all.filter((_, index) => index % every === turn % Math.min(every, all.length));
  const [misused, unusable] = [some(lines.misused), some(lines.unusable)];
  const ended = async (line: string): Promise<string> => {
    const args = `${verb} ${line}`.trim().split(' ');
    const { code, stdout, stderr } = await runPgc(args, dir, { KUBECONFIG: join(dir, 'kubeconfig'), PGC_API: '' });
    const isSaid = `${stdout.toString()}${stderr.toString()}`.trim() !== '';
    return `pgc ${args.join(' ')}: ${isSaid ? code : 'nothing is said'}`;
  };
  const all = [...misused.map((line) => [line, 64] as const), ...unusable.map((line) => [line, 2] as const)];
  const wrong = await Promise.all(misused.map(ended));
  // What is misspelt is found before anything is asked for.
  expect(changes).toEqual([]);
  const told = [...wrong, ...(await Promise.all(unusable.map(ended)))];
  changes.length = 0;
  expect(told).toEqual(all.map(([line, code]) => `pgc ${`${verb} ${line}`.trim()}: ${code}`));
  expect(misused.length > 0 && unusable.length > 0).toBe(true);
});

it('a release is not let through by a folder without journals, nor by a journal without rows', async () => {
  writeFileSync(join(dir, 'core.cjs'), await coreBundle());
  mkdirSync(join(dir, 'folder'));
  openForWriting(join(dir, 'rowless.db')).close();
  const ended = async (line: string): Promise<unknown> => (await runPgc(line.split(' '), dir)).code;
  expect(await ended('compare-versions core.cjs folder --api http://127.0.0.1:1')).toBe(2);
  expect(await ended('compare-versions core.cjs rowless.db')).toBe(1);
  expect(await ended('replay --with core.cjs --file rowless.db')).toBe(1);
  expect(await ended('compare-versions core.cjs shop.db')).toBe(0);
});

it('none of them has made anything', () => {
  expect(readdirSync(dir).filter((name) => name === 'new.db' || name === 'incidents')).toEqual([]);
});

it.each(['', 'journal', 'incident', 'explain', 'journal explain'])(
  'pgc %s, which is no verb, is wrong usage',
  async (line) => {
    expect((await runPgc(line === '' ? [] : line.split(' '), dir)).code).toBe(64);
  },
);

it.each(['--help', '--version', 'help', 'why --help', 'help journal'])('pgc %s is answered', async (line) => {
  expect((await runPgc(line.split(' '), dir)).code).toBe(0);
});
