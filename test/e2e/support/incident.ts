/**
 * Owns: asking the operator about an incident that was staged on the real cluster: `why`, `why-not` and `timeline` have to
 * name what the table demands. RECORD=1 keeps the journal's rows since it began, and the questions, for the tests that need
 * no cluster.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { operatorNamespace } from '#test/cluster/deploy.ts';
import { leaks, secretValues } from '#test/support/canary.ts';
import { incidentNamed, unnamed, verbs, type Questions, type Verb } from '#test/support/incidents/table.ts';
import type { World } from '../world.ts';
import type { Subject } from './database.ts';

const folder = new URL('../../golden/incidents/', import.meta.url).pathname;
const records = process.env['RECORD'] === '1';

export interface Asked {
  /** Name in the table. */
  readonly incident: string;
  /** When it began, in milliseconds since 1970: rows from then on are told, and kept. */
  readonly since: number;
  /** The moment that is asked about; as it stands now unless given. */
  readonly at?: number;
}

const time = (ms: number): string => new Date(ms).toISOString();

function questionsOf(subject: Subject, { incident, since, at }: Asked): Questions {
  const { waitsFor, only } = incidentNamed(incident);
  const then = at === undefined ? [] : ['--at', time(at)];
  return {
    why: ['why', subject.name, ...then],
    'why-not': ['why-not', subject.name, waitsFor, ...then],
    timeline: [
      'timeline',
      subject.name,
      '--since',
      time(since),
      ...(at === undefined ? [] : ['--until', time(at)]),
      ...(only === undefined ? [] : ['--only', only.join()]),
    ],
  };
}

/** What pgc says beside the operator; that something is in the way is no failure of asking. */
async function answer(world: World, args: readonly string[]): Promise<string> {
  const program = `const { spawnSync } = require('node:child_process');
const { stdout, stderr } = spawnSync(process.execPath, ['/app/pgc.cjs', ...process.argv.slice(1)]);
process.stdout.write(stdout); process.stderr.write(stderr);`;
  const exec = [
    '--namespace',
    operatorNamespace,
    'exec',
    'deployment/postgres-operator',
    '--',
    '/node',
    '--eval',
    program,
  ];
  return world.kubectl(...exec, '--', ...args, '--api', 'http://127.0.0.1:8081');
}

async function record(world: World, subject: Subject, asked: Asked, questions: Questions): Promise<void> {
  const { incident, since } = asked;
  const rows = ['journal', 'export', subject.name, '--namespace', subject.namespace, '--since', time(since)];
  const text = await world.pgc(...rows);
  const values = secretValues(await world.json('get', 'secrets', '--all-namespaces'));
  expect(leaks(values, { [incident]: Buffer.from(text) }), 'secrets in the export').toEqual([]);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${incident}.ndjson.gz`, gzipSync(text, { level: 9 }));
  writeFileSync(`${folder}${incident}.json`, `${JSON.stringify(questions, null, 2)}\n`);
}

/**
 * Asks all three. With RECORD=1 keeps what is asked and what it is asked of instead: the answers are reviewed then.
 * @throws (by expect) when an answer does not name cause, object and next step
 */
export async function answered(world: World, subject: Subject, asked: Asked): Promise<void> {
  const questions = questionsOf(subject, asked);
  if (records) {
    await record(world, subject, asked, questions);
    return;
  }
  const told: [Verb, string][] = [];
  for (const verb of verbs)
    told.push([verb, await answer(world, [...questions[verb], '--namespace', subject.namespace])]);
  for (const [verb, text] of told)
    expect(unnamed(text, incidentNamed(asked.incident)), `${verb}:\n${text}`).toEqual([]);
}
