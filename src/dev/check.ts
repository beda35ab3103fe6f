/**
 * Owns: `npm run check`: types, lint, format, boundaries and tidiness, side by side; says which failed and how long each took.
 * With `--tests-follow` without the test of tidiness, which is one of those tests.
 */
import { spawn } from 'node:child_process';

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: number;
}

function run(name: string): Promise<Outcome> {
  const started = performance.now();
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const child = spawn('npm', ['run', '-s', name], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', (code) => {
      resolve({
        name,
        ok: code === 0,
        output: Buffer.concat(chunks).toString('utf8'),
        seconds: (performance.now() - started) / 1000,
      });
    });
  });
}

const isAlone = !process.argv.includes('--tests-follow');
const names = ['types', 'lint', 'format:check', 'boundaries', ...(isAlone ? ['test:tidy'] : [])];
const outcomes = await Promise.all(names.map(run));
for (const { name, ok, output, seconds } of outcomes) {
  process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)\n`);
  if (!ok)
    process.stdout.write(
      `${output
        .split('\n')
        .filter((line) => !line.startsWith('npm warn'))
        .join('\n')}\n`,
    );
}
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1;
