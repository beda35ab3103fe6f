/** `make undeploy` and `make uninstall`: whoever cannot see whether there are clusters must not take away what they need. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { undeployOperator } from '../cluster/deploy.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'undeploy-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Undeploys with a kubectl that answers like this when it is asked for clusters. @returns what it was told to delete, and why not */
async function undeployed(answer: string, code: number): Promise<{ readonly deleted: string; readonly said: string }> {
  const [program, notes, words] = [join(folder, 'kubectl'), join(folder, 'deleted'), join(folder, 'words')];
  writeFileSync(notes, '');
  writeFileSync(words, answer);
  const says = code === 0 ? `cat '${words}'` : `cat '${words}' >&2; exit ${code}`;
  writeFileSync(program, `case "$1" in get) ${says};; *) echo "$1" >> '${notes}';; esac\n`);
  const target = { type: 'context', kubeconfig: null, context: 'scripted', kubectl: ['sh', program] } as const;
  const said = await undeployOperator(target).then(() => '', String);
  return { deleted: readFileSync(notes, 'utf8'), said };
}

it('nothing is deleted while there are clusters, nor while nobody says whether there are', async () => {
  const there = await undeployed('postgrescluster.postgres.example.com/shop', 0);
  expect([there.deleted, there.said.includes('there are still clusters')]).toEqual(['', true]);
  for (const trouble of [
    'Unable to connect to the server: net/http: TLS handshake timeout',
    'error: You must be logged in',
  ])
    expect((await undeployed(trouble, 1)).deleted).toBe('');
});

it('a cluster without them, and one without the CRD, are left', async () => {
  expect((await undeployed('', 0)).deleted).toBe('delete\n');
  const message = 'error: the server doesn\'t have a resource type "postgresclusters"';
  expect((await undeployed(message, 1)).deleted).toBe('delete\n');
});
