/**
 * Owns: `npm run conformance:steps -- FILE...`: reads exported journals of real clusters, the staged incidents among them, and adds
 * what their members did, step by step, to what the simulated members are held to (`steps.test.ts`).
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { stepsInExport, type Step } from './sights.ts';

const recorded = new URL('recorded/steps.json', import.meta.url);
const incidents = new URL('../golden/incidents/', import.meta.url);

function bytesOf(path: string | URL): Buffer {
  const bytes = readFileSync(path);
  return String(path).endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

const known = new Set(JSON.parse(readFileSync(recorded, 'utf8')) as readonly Step[]);
const before = known.size;
const staged = readdirSync(incidents).filter((name) => name.endsWith('.ndjson.gz'));
const files = [...process.argv.slice(2), ...staged.map((name) => new URL(name, incidents))];
for (const file of files) for (const step of stepsInExport(bytesOf(file), String(file))) known.add(step);
writeFileSync(recorded, `${JSON.stringify([...known].toSorted(), null, 1)}\n`);
process.stdout.write(`${files.length} journals: ${known.size} steps, ${known.size - before} of them new\n`);
