/** kubectl itself, as the test cluster builds it from its Go module, against the simulated API server of the sandbox. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeScratch, type Scratch } from '#src/sim/scratch.ts';
import { openSandbox, type Sandbox } from '#src/sim/sandbox/sandbox.ts';
import { ensurePrograms } from '#test/cluster/binary.ts';

const root = new URL('../../', import.meta.url);
let scratch: Scratch;
let folder: string;
let sandbox: Sandbox;
let bed: string;

beforeAll(async () => {
  bed = (await ensurePrograms(() => undefined)).bed;
  scratch = makeScratch();
  folder = mkdtempSync(join(tmpdir(), 'sandbox-'));
  sandbox = await openSandbox({
    scratch: scratch.folder,
    folder,
    root,
    seed: 1,
    operators: 1,
    speed: 100,
    kubePort: 0,
    journalPort: 0,
    beginsMs: Date.now(),
    realMs: () => performance.now(),
    print: () => undefined,
  });
});

afterAll(async () => {
  await sandbox.close();
  scratch.remove();
  rmSync(folder, { recursive: true });
});

/** @returns both outputs; an exit code that is not 0 is no error here, for what kubectl says is what is tested */
function kubectl(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, KUBECONFIG: sandbox.kubeconfig, HOME: folder };
  return new Promise((resolve) => {
    execFile(bed, ['kubectl', ...args], { env, cwd: root }, (_error, stdout, stderr) => resolve(`${stdout}${stderr}`));
  });
}

const cluster = 'postgrescluster/pg-two';
const file = ['-f', 'crds/samples/two-members.yaml'];

describe('kubectl', () => {
  it('applies on the server’s side and on its own, waits, and prints tables', async () => {
    expect(await kubectl('apply', '--server-side', ...file)).toContain('serverside-applied');
    expect(await kubectl('apply', ...file)).toContain('configured');
    expect(await kubectl('apply', ...file)).toContain('unchanged');
    expect(await kubectl('wait', '--for=jsonpath={.status.phase}=Running', cluster, '--timeout=60s')).toContain('met');
    sandbox.pace.setSpeed(1);
    expect(await kubectl('get', 'pgc', 'pg-two')).toMatch(
      /^NAME +VERSION +REPLICAS +PHASE +READY +AGE\npg-two +17 +2 +Running +2 /,
    );
    expect(await kubectl('get', 'all')).toMatch(/pod\/pg-two-0 +1\/1 +Running/);
    expect(await kubectl('get', 'pods', '-A', '-l', 'app.kubernetes.io/component in (database)')).toContain('pg-two-1');
    expect(await kubectl('describe', cluster)).toContain('AllReplicasReady');
    expect(await kubectl('explain', 'pgc.spec.storage')).toContain('May grow, never shrink');
    expect(await kubectl('api-resources')).toMatch(/postgresclusters +pgc/);
  });

  it('edits what is there in every way of patching', async () => {
    expect(await kubectl('label', 'service', 'pg-two-repl', 'team=shop')).toContain('labeled');
    const ports = JSON.stringify({ spec: { ports: [{ port: 5432, targetPort: 6000 }] } });
    expect(await kubectl('patch', 'service', 'pg-two-repl', '-p', ports)).toContain('patched');
    expect(await kubectl('scale', cluster, '--replicas=3')).toContain('scaled');
    expect(await kubectl('get', cluster, '-o', 'jsonpath={.spec.replicas}')).toBe('3');
    expect(await kubectl('apply', '--dry-run=server', ...file)).toContain('server dry run');
  });

  it('is told what is wrong, in words it prints', async () => {
    const typo = JSON.stringify({ spec: { replicsa: 3 } });
    expect(await kubectl('patch', cluster, '--type=merge', '-p', typo)).toContain('unknown field');
    expect(await kubectl('logs', 'pg-two-0')).toContain('no containers');
    expect(await kubectl('get', 'pods', 'nobody')).toContain('NotFound');
  });

  it('deletes and waits until it is gone', async () => {
    sandbox.pace.setSpeed(100);
    expect(await kubectl('delete', cluster, '--timeout=60s')).toContain('deleted');
    expect(await kubectl('get', 'pods')).toContain('No resources found');
    expect(await kubectl('get', 'pvc', '-o', 'name')).toContain('data-pg-two-0');
  });
});
