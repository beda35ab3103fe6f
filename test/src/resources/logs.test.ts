/** The container that prints PostgreSQL's log: there when it is asked for, and its script, run as it is. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logContainer } from '#src/resources/fields/logs.ts';
import { at, haSpec, inputOf, objectsOf } from './wanted.ts';

function containers(stdout: boolean): unknown {
  const set = objectsOf(inputOf({ ...haSpec, logs: { stdout } }, 'Endpoints')).get('StatefulSet/shop');
  return at(set?.body, 'spec', 'template', 'spec', 'containers');
}

function command(): readonly string[] {
  const [, printing] = containers(true) as readonly { readonly command: readonly string[] }[];
  return printing?.command ?? [];
}

describe('the container', () => {
  it('is there only where it is asked for, reads the volume, and may do nothing else', () => {
    expect(containers(false)).toHaveLength(1);
    expect(containers(true)).toMatchObject([
      { name: 'postgres' },
      {
        name: logContainer,
        image: 'registry.example/spilo:15',
        securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
        volumeMounts: [{ name: 'data', readOnly: true }],
      },
    ]);
    expect(Object.keys((containers(true) as readonly object[])[1] ?? {}).sort()).toEqual([
      'command',
      'image',
      'imagePullPolicy',
      'name',
      'resources',
      'securityContext',
      'volumeMounts',
    ]);
  });
});

describe('what it runs', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'pg-log-'));
    mkdirSync(join(root, 'data'));
    mkdirSync(join(root, 'pg_log'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('prints what is written from now on, goes on in the next file, and ends after PostgreSQL', async () => {
    const [monday, tuesday, lock] = ['pg_log/postgresql-1.csv', 'pg_log/postgresql-2.csv', 'data/postmaster.pid'].map(
      (each) => join(root, each),
    ) as [string, string, string];
    writeFileSync(monday, 'of last week\n');
    writeFileSync(lock, '1\n');
    const [file = '', ...args] = command();
    const child = spawn(file, args, { env: { ...process.env, PGDATA: join(root, 'data') } });
    let printed = '';
    const until = async (text: string, write: () => void): Promise<void> => {
      // What is written before it has begun to read is not told: it is written until it is.
      for (let tries = 0; !printed.includes(text); tries += 1) {
        if (tries % 50 === 0) write();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk;
    });
    await until('on monday', () => appendFileSync(monday, 'on monday\n'));
    await until('first on tuesday', () => writeFileSync(tuesday, 'first on tuesday\n'));
    child.kill('SIGTERM');
    await until('the last word', () => appendFileSync(tuesday, 'the last word\n'));
    expect(child.exitCode).toBeNull();
    rmSync(lock);
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    expect(printed).not.toContain('of last week');
  });
});
