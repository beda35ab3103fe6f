/**
 * What pgc answers about incidents that were recorded on a real cluster, word for word: `test/golden/incidents`. Each answer
 * names cause, object and next step, by the same table that the live cluster was held to. UPDATE_GOLDEN=1 writes the answers.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { incidents, unnamed, verbs, type Questions, type Verb } from '#test/support/incidents/table.ts';
import { runPgc } from '#test/support/pgc-program.ts';

const golden = new URL('../../golden/incidents/', import.meta.url).pathname;
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'incidents-'));
  for (const { name } of incidents)
    writeFileSync(join(dir, `${name}.ndjson`), gunzipSync(readFileSync(`${golden}${name}.ndjson.gz`)));
});

afterAll(() => rmSync(dir, { recursive: true }));

/** The answer, without its last lines on who answered: they are of the build, not of the incident. */
async function ask(name: string, verb: Verb): Promise<string> {
  const questions = JSON.parse(readFileSync(`${golden}${name}.json`, 'utf8')) as Questions;
  const args = [...questions[verb], '--file', `${name}.ndjson`];
  const { code, stdout, stderr } = await runPgc(args, dir);
  const answer = stdout
    .toString()
    .replace(/^ *asked {5}by build [\s\S]*/m, '')
    .replaceAll(/build [0-9a-f]{16}/g, 'build BUILD');
  return `$ pgc ${args.join(' ')}\n${answer}${stderr.toString()}exit ${code}\n`;
}

describe.each(incidents)('$name', (incident) => {
  it.each(verbs)('%s names cause, object and next step, in the words that were reviewed', async (verb) => {
    const answer = await ask(incident.name, verb);
    const file = `${golden}${incident.name}.${verb}.txt`;
    if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(file, answer);
    expect(answer).toBe(
      existsSync(file) ? readFileSync(file, 'utf8') : 'no golden yet: review and write it with UPDATE_GOLDEN=1',
    );
    expect(unnamed(answer, incident)).toEqual([]);
  });
});

it('nothing is recorded that no test reads', () => {
  const known = incidents.flatMap(({ name }) => [
    `${name}.ndjson.gz`,
    `${name}.json`,
    ...verbs.map((verb) => `${name}.${verb}.txt`),
  ]);
  expect(readdirSync(golden).toSorted()).toEqual(known.toSorted());
});
