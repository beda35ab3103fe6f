/**
 * Owns: `npm run conformance`: random sequences against the model and a real API server, side by side.
 * `--seed 1 --count 1000` chooses them, `--kinds ConfigMap,Pod` narrows them, `--replay FILE` repeats what a failing run
 * left in `.run/conformance`. `--kubeconfig FILE` asks a server that is there already, instead of one made for the run.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { differences, notAsked, unused } from './differences.ts';
import { sequenceOf } from './generate.ts';
import { judge, parted, shrunk, type Verdict } from './run.ts';
import type { Sequence } from './sequence.ts';
import { modelSide, type RealServer } from './sides.ts';
import { startConformanceServer } from './server.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1000' },
    kinds: { type: 'string', default: '' },
    replay: { type: 'string' },
    kubeconfig: { type: 'string' },
    failures: { type: 'string', default: '5' },
  },
});

const folder = '.run/conformance';
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const run = Date.now().toString(36);
let namespaces = 0;

async function judged(real: RealServer, sequence: Sequence): Promise<Verdict> {
  namespaces += 1;
  const namespace = `conformance-${run}-${namespaces}`;
  return judge(sequence, [modelSide(namespace), await real.side(namespace)]);
}

interface Failing {
  readonly sequence: Sequence;
  readonly verdict: Verdict;
}

async function report(real: RealServer, { sequence: failing, verdict }: Failing): Promise<void> {
  const smallest = await shrunk(failing, async (each) => (await judged(real, each)).difference !== null);
  const again = (await judged(real, smallest)).difference;
  const difference = again ?? verdict.difference;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${failing.seed}.json`);
  writeFileSync(file, `${JSON.stringify(smallest, null, 1)}\n`);
  say(`seed ${failing.seed}: the answers part; repeat with npm run conformance -- --replay ${file}`);
  for (const step of smallest.steps) say(`  ${JSON.stringify(step)}`);
  if (again === null) say('  not again in the same sequence: it is a matter of time');
  say(`  at step ${difference?.at ?? '?'}`);
  for (const line of parted(difference?.model, difference?.real)) say(`    ${line}`);
}

async function main(): Promise<void> {
  const server = await startConformanceServer(values.kubeconfig);
  try {
    const [first, count] = [Number(values.seed), Number(values.count)];
    const kinds = values.kinds.split(',').filter(Boolean);
    const sequences =
      values.replay === undefined
        ? Array.from({ length: count }, (_, index) => sequenceOf(first + index, kinds))
        : [JSON.parse(readFileSync(values.replay, 'utf8')) as Sequence];
    const met = new Map<string, number>();
    const failing: Failing[] = [];
    let [requests, events] = [0, 0];
    for (const sequence of sequences) {
      const verdict = await judged(server.real, sequence);
      requests += verdict.requests;
      events += verdict.events;
      for (const [name, times] of verdict.explanations) met.set(name, (met.get(name) ?? 0) + times);
      if (verdict.difference !== null) failing.push({ sequence, verdict });
    }
    for (const each of failing.slice(0, Number(values.failures))) await report(server.real, each);
    say(`${sequences.length} sequences, ${requests} requests, ${events} events of watches`);
    for (const { name, reason } of differences) say(`  ${met.get(name) ?? 0} × ${name}: ${reason}`);
    for (const { what, reason } of notAsked) say(`  not asked for: ${what}: ${reason}`);
    for (const name of unused(met)) say(`  not met in this run: ${name}`);
    say(
      `${failing.length} sequences with unexplained differences${failing.length > 0 ? `: ${failing.map(({ sequence }) => sequence.seed).join(' ')}` : ''}`,
    );
    process.exitCode = failing.length === 0 ? 0 : 1;
  } finally {
    await server.stop();
  }
}

await main();
