/** Owns: `pgc why`: the causal chain of an incident or a decision. */
import type { Command } from 'commander';
import { Refused } from '#src/errors.ts';
import { clusterOf, decided, print, verb } from '../command.ts';
import { whyLines } from '../why.ts';

/** Adds `why`. */
export function addWhy(program: Command): void {
  verb(
    program,
    'why <name>',
    'the causal chain of the last incident, or of the decision at a time',
    async (source, flags, [name = ''], own) => {
      const all = await decided(source, await clusterOf(source, flags, name));
      const at = typeof own['at'] === 'string' ? Date.parse(own['at']) : null;
      if (at !== null && Number.isNaN(at))
        throw new Refused(`${String(own['at'])} is no time`, {
          operation: 'read',
          subject: '--at',
          hint: 'write it as 2026-01-31T03:12:00Z',
        });
      for (const line of whyLines(all, at)) print(line);
      return 0;
    },
  ).option('--at <time>', 'the decision in force at this time, RFC 3339');
}
