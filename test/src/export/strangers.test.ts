/**
 * Hazard: an export for strangers tells whose it is. In a simulated world users write `acme` wherever they can write something; it
 * is looked for in every redacted export of that journal, whole, a part, and of what is left after a prune.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { annotate, clusterOf, condition, create, edit, isRunning, name, namespace, type Act } from '#src/sim/acts.ts';
import { list, text } from '#src/sim/json.ts';
import { actedJournal } from '#test/support/acted-journal.ts';
import { runPgc } from '#test/support/pgc-program.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let dir: string;

function env(...variables: readonly (readonly [string, string])[]): {
  readonly env: readonly { readonly name: string; readonly value: string }[];
} {
  return { env: variables.map(([variable, value]) => ({ name: variable, value })) };
}

/** Somebody labels what is ours, and adds to what it selects; only the latter is put right. */
const byHand: Act = {
  what: 'edits by hand',
  act: ({ user }) => {
    const set = user.get('StatefulSet', namespace, name);
    const service = user.get('Service', namespace, `${name}-repl`);
    if (set === null || service === null) throw new Error('there is no cluster');
    user.patch(set, { metadata: { labels: { 'acme.example/team': 'acmevalue' } } });
    user.patch(service, { spec: { selector: { acmekey: 'acmepods' }, externalName: 'db.acme.example' } });
  },
  until: (world) =>
    text(world.user.get('Service', namespace, `${name}-repl`), 'spec', 'selector', 'acmekey') === '' &&
    isRunning(world),
};

const restart: Act = {
  what: 'a restart, with a token that tells who asked',
  act: (world) => {
    const cluster = clusterOf(world);
    if (cluster !== null) annotate(world, cluster, 'restart', 'acmejane acme-"ticket"-7');
  },
  until: (world) => text(clusterOf(world), 'status', 'handled', 'restart') !== '' && isRunning(world),
};

/** Parameters that are refused with their values, a key in our Secret, and Patroni’s configuration. */
const refused: Act = {
  what: 'what is refused, and put beside what is ours',
  act: (world) => {
    const { user } = world;
    const secret = user.get('Secret', namespace, `${name}-app`);
    const config = user.get('Endpoints', namespace, `${name}-config`);
    const cluster = clusterOf(world);
    if (secret === null || config === null || cluster === null) throw new Error('there is no cluster');
    user.patch(secret, { data: { 'acme-key': 'eA==' } });
    const told = { ...(JSON.parse(text(config, 'metadata', 'annotations', 'config')) as object), acmekey: 'acmetop' };
    user.patch(config, {
      metadata: { annotations: { config: JSON.stringify({ ...told, tags: { acmetag: 1 }, slots: { acmeslot: {} } }) } },
    });
    user.patch(cluster, {
      spec: { postgresqlParams: { 'acme.tenant': 'hunter4', primary_conninfo: 'host=acmehost password=hunter5' } },
    });
  },
  until: (world) => condition(world, 'ConfigurationValid') === 'False InvalidSpec',
};

const acts: readonly Act[] = [
  create({
    ...env(['ACME_TOKEN', 'acme"hunter2'], ['ACME_OLD', 'acmeold']),
    image: 'registry.acme.example/pg/spilo17:1',
    database: { name: 'acmebilling', owner: 'acmeowner' },
    postgresqlParams: { application_name: 'acmename' },
    podMetadata: { labels: { 'acme.example/cost': 'acmecentre' } },
  }),
  byHand,
  refused,
  edit('what is not refused', { postgresqlParams: { 'acme.tenant': null, primary_conninfo: null } }, () => true),
  restart,
  edit('other variables', env(['ACME_TOKEN', 'acme-hunter3'], ['ACME_NEW', 'acmenew']), ({ user }) =>
    user
      .list('Pod', namespace)
      .every((pod) =>
        list(list(pod, 'spec', 'containers')[0], 'env').some((each) => text(each, 'name') === 'ACME_NEW'),
      ),
  ),
];

async function pgc(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runPgc(args, dir);
  expect(`${code} ${stderr.toString()}`).toBe('0 ');
  return stdout.toString();
}

/** Every place where a text says whose it is, with what is around it. */
function tellsOf(text: string): readonly string[] {
  return [...text.matchAll(/.{0,60}(?:acme|hunter|jane|ticket).{0,60}/gi)].map(([found]) => found);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strangers-'));
  await actedJournal({ acts, operators: ['operator-0'], scratch: dir, out: join(dir, 'whole.db') });
  copyFileSync(join(dir, 'whole.db'), join(dir, 'pruned.db'));
  await pgc('journal', 'prune', '--keep', '1d', '--file', 'pruned.db');
  await pgc('journal', 'export', name, '--file', 'whole.db', '--since', '70s', '--out', 'part.ndjson');
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('a redacted export tells of nobody', () => {
  it.each<readonly [string, readonly string[]]>([
    ['whole', ['--file', 'whole.db']],
    ['since later than the rows that introduce its names', ['--file', 'whole.db', '--since', '40s']],
    ['of a pruned journal, whose names stand in a base row', ['--file', 'pruned.db']],
    ['of a part, whose names stand in its standing', ['--file', 'part.ndjson']],
  ])('%s', async (what, args) => {
    const exported = await pgc('journal', 'export', name, ...args);
    expect(tellsOf(exported).length, 'the canary sings').toBeGreaterThan(3);
    const out = `${what.split(' ')[0]}-redacted.ndjson`;
    await pgc('journal', 'export', name, ...args, '--redact', '--out', out);
    expect(tellsOf(readFileSync(join(dir, out), 'utf8'))).toEqual([]);
  });
});

describe('and still tells what happened', () => {
  // Its base row holds nothing any more: what was before it is not known, which is no damage.
  it.each([
    ['why', 'cluster-1'],
    ['timeline', 'cluster-1'],
    ['top'],
    ['postmortem', 'cluster-1'],
    ['journal', 'ls', 'cluster-1'],
  ])('%s, of a pruned journal', async (...args) => {
    await pgc('journal', 'export', name, '--file', 'pruned.db', '--redact', '--out', 'read.ndjson');
    expect((await pgc(...args, '--file', 'read.ndjson')).length).toBeGreaterThan(20);
  });

  it('postmortem says that it cannot be decided again, and not that nothing was', async () => {
    await pgc('journal', 'export', name, '--file', 'whole.db', '--redact', '--out', 'report.ndjson');
    const report = await pgc('postmortem', 'cluster-1', '--file', 'report.ndjson');
    expect(report).toContain('It is a redacted export: readable, not replayable.');
  });

  it('by whom with a token that was replaced, and where somebody edited what', async () => {
    await pgc('journal', 'export', name, '--file', 'whole.db', '--redact', '--out', 'told.ndjson');
    const told = await pgc('timeline', 'cluster-1', '--file', 'told.ndjson');
    expect(told).toMatch(/restart "token-\d+ token-\d+" is due at cluster-1-\d/);
    expect(told).toMatch(/StatefulSet cluster-1 changed: labels\.\(redacted\): \(absent\) → \(redacted\)/);
    expect(told).toMatch(
      /Service\/cluster-1-repl was changed by hand: .*selector\.\(redacted\): \(absent\) → \(redacted\)/,
    );
  });
});
