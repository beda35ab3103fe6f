/** The sandbox as its users meet it: over HTTP, with the official client, pgc, and the words of its prompt. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, CustomObjectsApi, KubeConfig, Watch } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiSource } from '#src/cli/source.ts';
import { makeScratch, type Scratch } from '#src/sim/scratch.ts';
import { openSandbox, type Sandbox } from '#src/sim/sandbox/sandbox.ts';
import { StoryRefused } from '#src/sim/words.ts';

const root = new URL('../../../../', import.meta.url);
const ours = { group: 'postgres.example.com', version: 'v1alpha1', namespace: 'default', plural: 'postgresclusters' };
const kind = { apiVersion: 'postgres.example.com/v1alpha1', kind: 'PostgresCluster' };

let scratch: Scratch;
let folder: string;
let sandbox: Sandbox;
let config: KubeConfig;
const screen: string[] = [];

beforeAll(async () => {
  scratch = makeScratch();
  folder = mkdtempSync(join(tmpdir(), 'sandbox-'));
  sandbox = await openSandbox({
    scratch: scratch.folder,
    folder,
    root,
    seed: 1,
    operators: 1,
    speed: 0,
    kubePort: 0,
    journalPort: 0,
    beginsMs: Date.UTC(2026, 0, 1),
    realMs: () => performance.now(),
    print: (line) => void screen.push(line),
  });
  config = new KubeConfig();
  config.loadFromFile(sandbox.kubeconfig);
});

afterAll(async () => {
  await sandbox.close();
  scratch.remove();
  rmSync(folder, { recursive: true });
});

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function ask(path: string, headers: Readonly<Record<string, string>> = {}, body?: string): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const sent = request(new URL(path, sandbox.kubeUrl), { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode: status = 0, headers: answered } = response;
        resolve({ status, headers: answered, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/** Does lines with time going by fast; then it stands still again, so that nothing changes under what is looked at. */
async function tell(...lines: readonly string[]): Promise<void> {
  sandbox.pace.setSpeed(1000);
  for (const line of lines) await sandbox.tell(line);
  sandbox.pace.setSpeed(0);
}

function pgc(...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const program = [new URL('src/cli/main.ts', root).pathname, ...args];
    const env = { ...process.env, PGC_API: sandbox.journalUrl };
    execFile(process.execPath, program, { env }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(new Error(stdout, { cause: error })),
    );
  });
}

/** Watches until a PostgresCluster of this name is in a phase; `gone` is its deletion. */
function phase(name: string, wanted: string): Promise<void> {
  return new Promise((resolve, reject) => {
    new Watch(config)
      .watch(
        '/apis/postgres.example.com/v1alpha1/namespaces/default/postgresclusters',
        { fieldSelector: `metadata.name=${name}` },
        (type: string, object: { readonly status?: { readonly phase?: string } }) => {
          if (wanted === 'gone' ? type === 'DELETED' : object.status?.phase === wanted) resolve();
        },
        reject,
      )
      .catch(reject);
  });
}

describe('the official client', () => {
  it('creates a cluster, watches it come to life, lists its pods, deletes it', async () => {
    const api = config.makeApiClient(CustomObjectsApi);
    const body = {
      ...kind,
      metadata: { name: 'books' },
      spec: { version: '17', replicas: 2, storage: { size: '1Gi' } },
    };
    sandbox.pace.setSpeed(100);
    await api.createNamespacedCustomObject({ ...ours, body });
    await phase('books', 'Running');
    const pods = await config
      .makeApiClient(CoreV1Api)
      .listNamespacedPod({ namespace: 'default', labelSelector: 'postgres.example.com/cluster in (books)' });
    expect(pods.items.map((pod) => pod.metadata?.name)).toEqual(['books-0', 'books-1']);
    await expect(api.createNamespacedCustomObject({ ...ours, body })).rejects.toThrow('already exists');
    await api.deleteNamespacedCustomObject({ ...ours, name: 'books' });
    await phase('books', 'gone');
    sandbox.pace.setSpeed(0);
  });
});

describe('the prompt', () => {
  it('applies, kills, waits and shows', async () => {
    await tell('apply crds/samples/two-members.yaml', 'wait Running', 'kill leader for 1m');
    // Whether the key runs out before the replica takes it is chance; that a member is missing is not.
    await tell('wait Degraded', 'wait Running', 'show');
    expect(screen.some((line) => line.includes('pg-two: Running, 2 of 2 ready'))).toBe(true);
  });

  it('is of the world whose operator pgc reads', async () => {
    expect(await pgc('status', 'pg-two')).toMatch(/phase +Running/);
    const snapshot = await apiSource(sandbox.journalUrl).snapshot('default', 'pg-two');
    expect(snapshot?.state).toBe('Alive.Running');
  });

  it('starts an operator that was killed again, and its journal answers as before', async () => {
    const source = apiSource(sandbox.journalUrl);
    const before = (await source.clusters()).find(({ name }) => name === 'pg-two');
    await sandbox.tell('kill operator for 30s');
    await expect(source.clusters()).rejects.toThrow('does not lead');
    await tell('pass 2m');
    const after = (await source.clusters()).find(({ name }) => name === 'pg-two');
    expect(after?.uid).toBe(before?.uid);
    expect(after?.rows).toBeGreaterThan(before?.rows ?? Infinity);
    expect((await source.verify([])).damage).toEqual([]);
  });

  it.each([
    ['dance', 'dance is no word that is known here'],
    ['kill nobody for 1m', 'nobody is no member that runs'],
    ['kill leader for ever', 'ever is no duration'],
    ['speed fast', 'fast is no speed'],
    ['apply absent.yaml', 'absent.yaml cannot be read'],
    ['see Sofa one', 'Sofa is no kind'],
  ])('says why %j cannot be done, and lives on', async (line, because) => {
    await expect(sandbox.tell(line)).rejects.toThrow(StoryRefused);
    await expect(sandbox.tell(line)).rejects.toThrow(because);
  });
});

describe('what a server of its kind says', () => {
  const path = '/apis/postgres.example.com/v1alpha1/namespaces/default/postgresclusters';
  const json = { 'content-type': 'application/json' };
  const misspelt = JSON.stringify({
    ...kind,
    metadata: { name: 'typo' },
    spec: { version: '17', replicsa: 2, storage: { size: '1Gi' } },
  });

  it('refuses a field its schema does not know when asked to be strict, and warns of it otherwise', async () => {
    const strict = await ask(`${path}?fieldValidation=Strict`, json, misspelt);
    expect([strict.status, strict.body]).toEqual([400, expect.stringContaining('unknown field \\"spec.replicsa\\"')]);
    const warned = await ask(`${path}?dryRun=All`, json, misspelt);
    expect([warned.status, warned.headers['warning']]).toEqual([201, '299 - "unknown field \\"spec.replicsa\\""']);
  });

  it.each([
    ['a page of another origin', { origin: 'https://example.org' }],
    ['another name than loopback’s', { host: 'sandbox.example.org' }],
  ])('answers nothing to %s', async (_, headers) => {
    expect((await ask('/api', headers)).status).toBe(403);
  });

  it('says what it does not model', async () => {
    const { status, body } = await ask('/api/v1/namespaces/default/pods/pg-two-0/log');
    expect([status, body]).toEqual([405, expect.stringContaining('no containers')]);
  });

  it('gives the rows of a table with the columns of the CRD', async () => {
    const { body } = await ask(path, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' });
    const table = JSON.parse(body) as { columnDefinitions: { name: string }[]; rows: { cells: unknown[] }[] };
    expect(table.columnDefinitions.map(({ name }) => name)).toContain('Phase');
    expect(table.rows[0]?.cells.slice(0, 5)).toEqual(['pg-two', '17', 2, 'Running', 2]);
  });

  it('writes a kubeconfig that only its owner reads', () => {
    expect(JSON.parse(readFileSync(sandbox.kubeconfig, 'utf8'))).toMatchObject({ 'current-context': 'sandbox' });
  });
});
