/** The verbs of pgc that tell a cluster what to do, as processes against the sandbox: a real operator in a simulated world. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { list, number, text, type Json } from '#src/sim/json.ts';
import { isPhase, openSandbox, type Sandbox } from '#src/sim/sandbox/sandbox.ts';
import { makeScratch, type Scratch } from '#src/sim/scratch.ts';
import { runPgc } from '#test/support/pgc-program.ts';

// Each is a process of its own.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const root = new URL('../../../', import.meta.url);
let scratch: Scratch;
let folder: string;
let sandbox: Sandbox;

/** Runs pgc. @returns what it said and its exit code, as one text */
async function pgc(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runPgc(args, folder, { KUBECONFIG: sandbox.kubeconfig });
  return `${stdout.toString()}${stderr.toString()}exit ${code}`;
}

const cluster = (): unknown => sandbox.world.user.get('PostgresCluster', 'default', 'shop');
const leader = (): string => text(cluster(), 'status', 'primaryPod');
const startTimes = (): string =>
  [...sandbox.world.kubelets.members()].map(([key, member]) => `${key} ${member.startedAt()}`).join(', ');

beforeAll(async () => {
  scratch = makeScratch();
  folder = mkdtempSync(join(tmpdir(), 'control-'));
  sandbox = await openSandbox({
    scratch: scratch.folder,
    folder,
    root,
    seed: 1,
    operators: 1,
    // A deadline of ten minutes must be longer than any pause of a busy machine.
    speed: 200,
    kubePort: 0,
    journalPort: 0,
    beginsMs: Date.UTC(2026, 0, 1),
    realMs: () => performance.now(),
    print: () => undefined,
  });
  const spec = { version: '17', replicas: 2, storage: { size: '1Gi' } };
  const kind = { apiVersion: 'postgres.example.com/v1alpha1', kind: 'PostgresCluster' };
  await sandbox.pace.enter(() =>
    sandbox.world.user.create('PostgresCluster', { ...kind, metadata: { name: 'shop', namespace: 'default' }, spec }),
  );
  await vi.waitUntil(() => isPhase(sandbox.world, 'shop', 'Running'), { timeout: 50_000 });
});

afterAll(async () => {
  await sandbox.close();
  scratch.remove();
  rmSync(folder, { recursive: true });
});

it('restart starts every member anew, and the same token is not taken twice', async () => {
  const before = startTimes();
  expect(await pgc('restart', 'shop', '--token', 'one', '--wait')).toBe('restart "one" is done\nexit 0');
  expect(startTimes()).not.toBe(before);
  const after = startTimes();
  expect(await pgc('restart', 'shop', '--token', 'one', '--wait')).toMatch(/was asked for before.*\nexit 1$/);
  expect(startTimes()).toBe(after);
});

it('switchover makes the member that is named the leader', async () => {
  const next = leader() === 'shop-0' ? 'shop-1' : 'shop-0';
  expect(await pgc('switchover', 'shop', next, '--token', 'one', '--wait')).toContain('is done\nexit 0');
  expect(leader()).toBe(next);
});

it('what is refused is told in the operator’s words, with exit code 1', async () => {
  expect(await pgc('switchover', 'shop', 'shop-9', '--token', 'nobody')).toBe(
    'switchover "nobody shop-9" is not done: shop-9 is none of the 2 members; name one of status.members, then ask with another token\nexit 1',
  );
  expect(await pgc('reinit', 'shop', leader(), '--token', 'leader')).toMatch(/ leads; .*\nexit 1$/);
});

const asked = (kind: string): string => text(cluster(), 'metadata', 'annotations', `postgres.example.com/${kind}`);

it('a word that is the name of no member is not taken for a request to all of them', async () => {
  const before = [startTimes(), asked('restart'), asked('switchover')];
  for (const verb of ['restart', 'switchover'])
    for (const word of ['shop1', 'shop-1x'])
      expect(await pgc(verb, 'shop', word, '--token', 'typo')).toBe(
        `${verb} a member of PostgresCluster default/shop: ${word} is not the name of a member\nname one of shop-0, shop-1; without a name it is asked of the whole cluster\nexit 64`,
      );
  expect([startTimes(), asked('restart'), asked('switchover')]).toEqual(before);
});

it('a token that the operator would cut off, not see, or read as another member is not written', async () => {
  const before = asked('reload');
  expect(await pgc('reload', 'shop', 'shop-1', '--token', 'x'.repeat(250))).toMatch(
    / 257 characters\n.*256.*\nexit 64$/,
  );
  expect(await pgc('reload', 'shop', '--token', ' ')).toMatch(/--token: it is empty\n.*\nexit 64$/);
  expect(await pgc('reload', 'shop', 'shop-1', '--token', 'for shop-0')).toMatch(
    /names shop-0, and shop-1 is meant\n.*\nexit 64$/,
  );
  expect(asked('reload')).toBe(before);
});

it('a refusal of something else is not told as its own, though the token is the same', async () => {
  expect(await pgc('switchover', 'shop', leader(), '--token', 'twice')).toMatch(/^switchover "twice .*\nexit 1$/);
  const refused = await pgc('reinit', 'shop', leader(), '--token', 'twice');
  expect(refused).toMatch(/^reinit "twice .* leads; .*\nexit 1$/);
  expect(refused).not.toContain('switchover');
  expect(await pgc('restart', 'shop', leader(), '--token', 'twice', '--wait')).toContain('is done\nexit 0');
});

it('what may not be run in a pod, or read of it, is told with the right that it takes', async () => {
  expect(await pgc('psql', 'shop', '-c', 'select 1')).toMatch(/has no containers.*\n.*pods\/exec.*\nexit 2$/);
  expect(await pgc('logs', 'shop')).toMatch(/has no containers.*\n.*pods\/log.*\nexit 2$/);
});

it('reload and reinit are done', async () => {
  expect(await pgc('reload', 'shop', '--wait')).toContain('is done\nexit 0');
  const replica = leader() === 'shop-0' ? 'shop-1' : 'shop-0';
  expect(await pgc('reinit', 'shop', replica, '--wait')).toContain('is done\nexit 0');
});

it('pause and resume are changes of the spec, and what is asked for in between is refused', async () => {
  expect(await pgc('pause', 'shop', '--wait')).toMatch(/^paused: .*\nexit 0$/);
  expect(await pgc('restart', 'shop', '--token', 'paused')).toMatch(/spec\.paused is set; .*\nexit 1$/);
  expect(await pgc('resume', 'shop', '--wait')).toMatch(/^resumed: .*\nexit 0$/);
  expect(list(cluster(), 'status', 'conditions').some((each) => text(each, 'type') === 'Paused')).toBe(true);
});

it('approve says yes to the newest edit that waits for it, to no other, and to none when none waits', async () => {
  expect(await pgc('approve', 'shop')).toBe('no edit of shop waits for an approval\nexit 1');
  const edit = (spec: object): Promise<unknown> =>
    sandbox.pace.enter(() => sandbox.world.user.patch(cluster() as Json, { spec }));
  await edit({ maxDisruption: 'Reload', postgresqlParams: { max_connections: '150' } });
  const generation = number(cluster(), 0, 'metadata', 'generation');
  expect(await pgc('approve', 'shop', '--generation', String(generation - 1))).toMatch(
    / is not the newest, .*\nexit 1$/,
  );
  expect(text(cluster(), 'metadata', 'annotations', 'postgres.example.com/approve')).toBe('');
  expect(await pgc('approve', 'shop', '--generation', String(generation), '--wait')).toBe(
    [
      `generation ${generation} is held: it takes Switchover for spec.postgresqlParams, and maxDisruption is Reload; approve it with pgc approve shop, or annotation postgres.example.com/approve=${generation}`,
      `generation ${generation} is approved: pgc why shop tells how it goes`,
      `generation ${generation} is rolled out`,
      'exit 0',
    ].join('\n'),
  );
  expect(number(cluster(), 0, 'status', 'rolledOutGeneration')).toBe(generation);
});

it('creds gives the application’s credentials on standard output', async () => {
  expect(await pgc('creds', 'shop', '--key', 'username')).toBe('app\nexit 0');
  expect(await pgc('creds', 'shop', '--key', 'uri')).toMatch(/^postgres.*shop.*\nexit 0$/);
  expect(await pgc('creds', 'shop', '--key', 'nothing')).toMatch(/has no key nothing\nit has .*username.*\nexit 2$/);
});

it('a cluster that is not there is told with what to do', async () => {
  expect(await pgc('restart', 'shop', '-n', 'elsewhere')).toMatch(/not found\nname its namespace with -n\nexit 2$/);
});

it('doctor looks at it as at any other, and at an operator that is no pod here', async () => {
  const said = await pgc('doctor', 'shop', '--operator-namespace', 'operators');
  for (const check of ['kubernetes', 'definition']) expect(said).toMatch(new RegExp(`^ok +${check} `, 'm'));
  for (const check of ['followed', 'admission', 'mode', 'images', 'spread'])
    expect(said).toMatch(new RegExp(`^ok +${check} +default/shop `, 'm'));
  expect(said).toMatch(/^trouble +operator .*no pod of the operator is in operators/m);
  // It is another year there.
  expect(said).toMatch(/^trouble +leadership .*has not been renewed for \d+ s/m);
  expect(said).toMatch(/\n2 trouble, .*\nexit 1$/);
});
