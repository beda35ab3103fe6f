/** Owns: `pgc simulate`: what would happen to a cluster as it stands, played in the model. */
import type { Command } from 'commander';
import { durationMs } from '#machines/shared/duration.ts';
import { durationWords } from '#src/export/time.ts';
import type { Present } from '#src/sim/present.ts';
import type { Fault, Play, Simulated } from '#src/sim/simulate.ts';
import { tell, verb } from '../command.ts';
import { Misused } from '../misused.ts';
import { stoodAt } from './state.ts';

const mostPlays = 200;

function durationOf(flag: string, given: string): number {
  const ms = durationMs(given, 'smh');
  if (ms !== null) return ms;
  throw new Misused(`${given} is no duration`, {
    operation: 'read',
    subject: `--${flag}`,
    hint: 'write it as 30s or 5m',
  });
}

type Own = Readonly<Record<string, unknown>>;

/** The one fault that the flags name. @throws Misused when they name none, or several */
function faultOf(own: Own): Fault {
  const named = ['killPod', 'killNode', 'apiDown'].filter((each) => typeof own[each] === 'string');
  if (named.length !== 1)
    throw new Misused(named.length === 0 ? 'no fault is named' : 'more than one fault is named', {
      operation: 'simulate',
      subject: 'the cluster',
      hint: 'name one of --kill-pod POD, --kill-node NODE, --api-down DURATION',
    });
  const given = (flag: string): string => {
    const value = own[flag];
    return typeof value === 'string' ? value : '';
  };
  const lasts = (otherwise: string): number =>
    durationOf('for', typeof own['for'] === 'string' ? own['for'] : otherwise);
  if (named[0] === 'killPod') return { type: 'kill-pod', pod: given('killPod'), ms: lasts('10s') };
  if (named[0] === 'killNode') return { type: 'kill-node', node: given('killNode'), ms: lasts('10m') };
  if (own['for'] !== undefined)
    throw new Misused('--api-down says itself how long', {
      operation: 'read',
      subject: '--for',
      hint: 'leave --for away',
    });
  return { type: 'api-down', ms: durationOf('api-down', given('apiDown')) };
}

function playsOf(own: Own): number {
  const plays = Number(own['plays']);
  if (Number.isInteger(plays) && plays > 0 && plays <= mostPlays) return plays;
  throw new Misused(`${String(own['plays'])} is no number of plays`, {
    operation: 'read',
    subject: '--plays',
    hint: `from 1 to ${mostPlays}`,
  });
}

function presentWords({ namespace, name, members, leader, timeline }: Present): string {
  const ready = members.filter((member) => member.ready).length;
  const writes = leader === null ? 'nobody takes writes' : `${leader} takes writes on timeline ${timeline}`;
  return `${namespace}/${name} as it stands: ${ready} of ${members.length} ready, ${writes}`;
}

function faultWords(fault: Fault): string {
  const lasts = durationWords(fault.ms);
  if (fault.type === 'kill-pod') return `the container of ${fault.pod} is killed and down for ${lasts}`;
  if (fault.type === 'kill-node') return `node ${fault.node} is gone for ${lasts}, with all that runs on it`;
  return `the operator does not reach the API server for ${lasts}; PostgreSQL goes on, since Patroni’s failsafe mode is on`;
}

function gapWords({ plays, typical, gapMs }: Simulated): string {
  if (gapMs.most === 0) return 'Writes go on throughout.';
  const range =
    plays.length === 1
      ? ''
      : ` (${durationWords(gapMs.least)} to ${durationWords(gapMs.most)} in ${plays.length} plays)`;
  return `No writes for ${durationWords(typical.gapMs)}${range}.`;
}

function restartWords({ restarted, changed }: Play): readonly string[] {
  const words = { container: 'its container starts again', pod: 'its pod is replaced' } as const;
  const each = Object.entries(restarted).map(([member, what]) => `${member}: ${words[what]}`);
  return [
    each.length === 0 ? 'Nothing is started again.' : `Started again: ${each.join('; ')}.`,
    changed.length === 0
      ? 'The operator restarts nothing, deletes nothing and changes no object; it tells what it sees.'
      : `The operator changes: ${changed.join(', ')}.`,
  ];
}

/** The answer as lines. */
export function simulatedLines(told: Simulated): readonly string[] {
  const { typical, plays, present, fault } = told;
  const stuck = plays.filter((play) => !play.recovered);
  return [
    presentWords(present),
    `The fault: ${faultWords(fault)}.`,
    '',
    ...typical.events.map(({ atMs, what }) => `${(atMs / 1000).toFixed(1).padStart(8)} s  ${what}`),
    ...(typical.events.length === 0 ? ['  nothing that the operator or a client would notice'] : []),
    '',
    gapWords(told),
    ...restartWords(typical),
    'In the end:',
    ...typical.end.map((line) => `  ${line}`),
    ...(stuck.length === 0
      ? []
      : [`In ${stuck.length} of ${plays.length} plays it did not come back within 30 minutes.`]),
    '',
    'This is the model: Patroni’s loop of 10 s and time to live of 30 s, containers that start within seconds, no load, no lag.',
  ];
}

/** Adds `simulate`. */
export function addSimulate(program: Command): void {
  verb(
    program,
    'simulate <name>',
    'what would happen to it as it stands, played in the model',
    async (source, flags, [name = ''], own) => {
      const [fault, plays] = [faultOf(own), playsOf(own)];
      const { standing } = await stoodAt(source, flags, { name, at: own['at'] });
      // A world is much to load for the verbs that need none.
      const [{ presentOf }, { simulate }, { makeScratch }] = await Promise.all([
        import('#src/sim/present.ts'),
        import('#src/sim/simulate.ts'),
        import('#src/sim/scratch.ts'),
      ]);
      const scratch = makeScratch();
      try {
        const told = await simulate(presentOf(standing.snapshot.facts, 'simulate'), fault, {
          scratch: scratch.folder,
          plays,
        });
        tell(flags, { value: told, lines: () => simulatedLines(told), items: told.plays });
        return told.plays.every((play) => play.recovered) ? 0 : 1;
      } finally {
        scratch.remove();
      }
    },
  )
    .option('--kill-pod <pod>', 'its container dies')
    .option('--kill-node <node>', 'the node is gone, with the members on it')
    .option('--api-down <duration>', 'the operator does not reach the API server: 30s, 5m')
    .option('--for <duration>', 'how long it is down; 10s for a pod and 10m for a node when it is left out')
    .option('--plays <n>', 'how often it is played, each time with other chance', '5')
    .option('--at <time>', 'the cluster as it stood then: RFC 3339, or 15m before the last row');
}
