/** How much room a member's volume has, as df in its container says, the real one among others. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import type { Outcome } from '#machines/cluster/observations.ts';
import type { CommandRequest } from '#src/decision/record.ts';
import { measureVolume } from '#src/executor/effects/volume.ts';
import type { ExecRequest, ExecResult } from '#src/kube/exec.ts';

const place = { namespace: 'n', pod: 'shop-0', container: 'postgres' } as const;
const request: CommandRequest = { type: 'command', ...place, procedure: 'measure-volume' };

async function said(answer: (asked: ExecRequest) => ExecResult): Promise<Outcome> {
  return measureVolume(request, async (asked) => answer(asked));
}

it('is told in bytes, by the real df', async () => {
  const outcome = await said(({ command }) => {
    const [df = '', ...args] = command.map((word) => word.replace('/home/postgres/pgdata', '/'));
    return { exitCode: 0, output: execFileSync(df, args, { encoding: 'utf8' }), errors: '' };
  });
  expect(outcome.type).toBe('done');
  const { free, total } = outcome.type === 'done' ? outcome.result : {};
  expect(Number(total)).toBeGreaterThan(Number(free));
  expect(Number(free)).toBeGreaterThanOrEqual(0);
});

it('is zero where nothing fits', async () =>
  expect(await said(() => ({ exitCode: 0, output: '    Avail 1B-blocks\n        0 314572800\n', errors: '' }))).toEqual(
    {
      type: 'done',
      result: { free: '0', total: '314572800' },
    },
  ));

it.each<[string, () => ExecResult, string]>([
  [
    'df fails',
    () => ({ exitCode: 1, output: '', errors: 'df: /home/postgres/pgdata:\n No such file or directory\n' }),
    'df in shop-0 ended with code 1: df: /home/postgres/pgdata: No such file or directory',
  ],
  [
    'nobody answers',
    () => {
      throw new Error('df in n/shop-0: the connection was lost');
    },
    'exec in shop-0: df in n/shop-0: the connection was lost',
  ],
])('is not told where %s, and that is no failure', async (_, answer, trouble) =>
  expect(await said(answer)).toEqual({ type: 'done', result: { trouble } }),
);
