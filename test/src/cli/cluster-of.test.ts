/** Which cluster pgc answers for, where a file knows several: of one name in two namespaces, and one that was deleted and made again. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { makeReader } from '#src/journal/read.ts';
import { openForReading } from '#src/journal/database.ts';
import { manualTicks, opened } from '#test/src/journal/journals.ts';
import { journalsFolder, releases } from '#test/support/golden-journals.ts';
import { runPgc } from '#test/support/pgc-program.ts';

// Each is a process of its own.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let dir: string;
/** uids of the clusters that were made one after the other. */
let first = '';
let second = '';

/** @returns what pgc said and its exit code, as one text */
async function pgc(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runPgc(args, dir);
  return `${stdout.toString()}${stderr.toString()}exit ${code}`;
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'cluster-of-'));
  const ticks = manualTicks();
  const { journal } = opened(join(dir, 'two.db'), ticks);
  for (const namespace of ['prod', 'test'])
    journal.writer.append({
      cluster: { uid: `uid-${namespace}`, namespace, name: 'shop' },
      epoch: 1,
      at: namespace === 'prod' ? 1_767_225_600_000 : 1_767_225_601_000,
      kind: 'gap',
      type: 'Gap',
      typeVersion: 1,
      maskVersion: 1,
      causedBy: null,
      body: '{}',
    });
  ticks.run();
  journal.close();
  const packed = readFileSync(join(journalsFolder, releases().at(-1) ?? '', 'recreated.db.gz'));
  writeFileSync(join(dir, 'recreated.db'), gunzipSync(packed));
  const reader = makeReader(openForReading(join(dir, 'recreated.db')));
  [first = '', second = ''] = reader
    .clusters()
    .toSorted((one, other) => one.lastAt - other.lastAt)
    .map(({ uid }) => uid);
  reader.close();
});

afterAll(() => rmSync(dir, { recursive: true }));

it('a file with one name in two namespaces: -n says which, and without it none is taken for the other', async () => {
  const hold = ['journal', 'hold', 'shop', '--from', '0s', '--because', 'x', '--file', 'two.db'];
  expect(await pgc(...hold)).toMatch(/shop may be any of prod\/shop, test\/shop\n.* -n\nexit 2$/);
  expect(await pgc(...hold, '-n', 'elsewhere')).toMatch(/there is no cluster elsewhere\/shop\n/);
  expect(await pgc(...hold, '-n', 'prod')).toMatch(/exit 0$/);
  expect(await pgc('journal', 'holds', '--file', 'two.db')).toMatch(/^hold 1 {2}prod\/shop .*\nexit 0$/);
});

it('where no cluster is named, -n leaves those of other namespaces out, and a uid is of none', async () => {
  const two = ['--file', 'two.db'];
  for (const verb of [['status'], ['top'], ['replay', '-o', 'json']]) {
    const told = await pgc(...verb, '-n', 'prod', ...two);
    expect(told, verb.join(' ')).toContain('prod/shop');
    expect(told, verb.join(' ')).not.toContain('test/shop');
  }
  for (const verb of ['status', 'replay'])
    expect(await pgc(verb, '--uid', 'uid-prod', ...two)).toMatch(/none is named\n.*\nexit 64$/);
  expect(await pgc('journal', 'prune', '-n', 'prod', '--keep', '1d', ...two)).toMatch(/leave -n away\nexit 64$/);
});

it('a plan of a manifest without a namespace asks for one too', async () => {
  const kind = { apiVersion: 'postgres.example.com/v1alpha1', kind: 'PostgresCluster' };
  const spec = { version: '17', replicas: 2, storage: { size: '1Gi' } };
  writeFileSync(join(dir, 'shop.yaml'), JSON.stringify({ ...kind, metadata: { name: 'shop' }, spec }));
  expect(await pgc('plan', '-f', 'shop.yaml', '--file', 'two.db')).toMatch(/shop may be any of prod\/shop, test\/shop/);
});

it('status tells clusters of one name apart, and every verb that takes a name reaches the earlier one by its uid', async () => {
  const status = await pgc('status', '--file', 'recreated.db');
  expect(status).toMatch(new RegExp(`/shop  Gone .*--uid ${first}`));
  expect(status).toMatch(new RegExp(`/shop  Running .*--uid ${second}`));
  expect(await pgc('status', 'shop', '--file', 'recreated.db')).toContain(`--uid ${first}`);
  for (const verb of [['why'], ['timeline'], ['state'], ['journal', 'ls'], ['journal', 'export'], ['replay']]) {
    const [one, other] = [first, second].map((uid) => pgc(...verb, 'shop', '--uid', uid, '--file', 'recreated.db'));
    expect(await one, verb.join(' ')).toMatch(/exit 0$/);
    expect(await one, verb.join(' ')).not.toBe(await other);
  }
  expect(await pgc('why', 'shop', '--uid', 'nobody', '--file', 'recreated.db')).toMatch(
    new RegExp(`no cluster shop has the uid nobody\n.*${first}.*\nexit 2$`),
  );
});

it('a moment of the earlier cluster is not told as one of nothing: the refusal names its uid', async () => {
  const at = '2026-01-01T00:00:15Z';
  for (const asked of [
    ['why', 'shop', '--at', at],
    ['state', 'shop', '--at', at],
    ['why-not', 'shop', 'running', '--at', at],
    ['replay', 'shop', '--until', at],
    ['timeline', 'shop', '--until', at],
    ['journal', 'hold', 'shop', '--from', at, '--to', at, '--because', 'x'],
  ]) {
    expect(await pgc(...asked, '--file', 'recreated.db'), asked.join(' ')).toMatch(
      new RegExp(`is another one, that was deleted\nask again with --uid ${first};.*\nexit 2$`),
    );
  }
  expect(await pgc('why', 'shop', '--at', at, '--uid', first, '--file', 'recreated.db')).toMatch(/exit 0$/);
});

it('what is asked for since a moment of the earlier cluster is not told as all that there was: its uid is named', async () => {
  for (const asked of [
    ['timeline', 'shop'],
    ['journal', 'export', 'shop', '--out', 'since.ndjson'],
  ]) {
    const since = async (moment: string, ...more: readonly string[]): Promise<string> =>
      pgc(...asked, '--since', moment, ...more, '--file', 'recreated.db');
    expect(await since('2026-01-01T00:00:15Z'), asked.join(' ')).toMatch(
      new RegExp(
        `these are the rows of ${second}; an earlier cluster .*\nask for them with --uid: ${first} .*\nexit 0$`,
      ),
    );
    expect(await since('0s'), asked.join(' ')).not.toContain('these are the rows');
    for (const uid of [first, second])
      expect(await since('2026-01-01T00:00:15Z', '--uid', uid), asked.join(' ')).not.toContain('these are the rows');
  }
});
