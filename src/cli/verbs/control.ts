/**
 * Owns: verbs that tell a cluster what to do: `restart`, `reload`, `switchover`, `reinit` by an annotation with a token, `pause`
 * and `resume` by the spec. So each is journaled by the operator, which decides whether it is done.
 */
import type { Command } from 'commander';
import { oneShotAnnotation, type OneShot } from '#machines/shared/names.ts';
import { print } from '../command.ts';
import { liveVerb, secondsOf, waitFor, type Live, type Seen } from '../live.ts';

/** Until the operator has said whether it takes it, when nobody waits for more. */
const acknowledgedSeconds = 15;
const doneSeconds = '600';

function conditionOf({ status }: Seen, type: string): { readonly status: string; readonly message: string } | null {
  return status?.conditions?.find((each) => each.type === type) ?? null;
}

/** The refusal of this token; null when it is not refused. */
function refusalOf(seen: Seen, token: string): string | null {
  const refused = conditionOf(seen, 'RequestRefused');
  return refused?.status === 'True' && refused.message.includes(JSON.stringify(token)) ? refused.message : null;
}

type Said = 'taken' | 'done' | { readonly refused: string };

function said(seen: Seen, kind: OneShot, token: string): Said | null {
  if (seen.status?.handled?.[kind] !== token) return null;
  const refused = refusalOf(seen, token);
  if (refused !== null) return { refused };
  return seen.status.phase === 'Running' ? 'done' : 'taken';
}

async function ask(live: Live, kind: OneShot, token: string, own: Readonly<Record<string, unknown>>): Promise<number> {
  const before = await live.read();
  if (before.status?.handled?.[kind] === token) {
    print(`${kind} "${token}" was asked for before and is handled: ask with another --token`);
    return 1;
  }
  await live.patch({ metadata: { annotations: { [oneShotAnnotation(kind)]: token } } });
  const seconds =
    own['wait'] === undefined ? null : secondsOf('wait', own['wait'] === true ? doneSeconds : own['wait']);
  const answer = await waitFor(live, seconds ?? acknowledgedSeconds, (seen) => {
    const now = said(seen, kind, token);
    return now === 'taken' && seconds !== null ? null : now;
  });
  if (answer !== null && typeof answer === 'object') {
    print(answer.refused);
    return 1;
  }
  if (answer === 'done' || answer === 'taken') {
    print(`${kind} "${token}" is ${answer}${answer === 'taken' ? `: pgc why ${live.name} tells how it goes` : ''}`);
    return 0;
  }
  const { status } = await live.read();
  print(`${kind} "${token}" is asked for; ${status?.nextAction ?? status?.reason ?? 'no operator has answered yet'}`);
  return seconds === null ? 0 : 1;
}

/** Adds the verb of an annotation. @param member how its usage names a member */
function once(program: Command, kind: OneShot, member: string, does: string): void {
  liveVerb(program, `${kind} <name> ${member}`, does, (live, [, named], own) => {
    const token = typeof own['token'] === 'string' ? own['token'] : new Date().toISOString();
    return ask(live, kind, named === undefined ? token : `${token} ${named}`, own);
  })
    .option('--token <word>', 'what tells this request from others; the time unless given')
    .option('--wait [seconds]', `until it is done, at most so long (${doneSeconds})`);
}

async function setPaused(live: Live, paused: boolean, own: Readonly<Record<string, unknown>>): Promise<number> {
  const { metadata } = await live.patch({ spec: { paused } });
  const word = paused ? 'paused' : 'resumed';
  if (own['wait'] === undefined) {
    print(`${live.namespace}/${live.name} is to be ${word}`);
    return 0;
  }
  const seconds = secondsOf('wait', own['wait'] === true ? doneSeconds : own['wait']);
  const is = await waitFor(live, seconds, (seen) => {
    const condition = conditionOf(seen, 'Paused');
    const isRead = (seen.status?.observedGeneration ?? 0) >= metadata.generation;
    return isRead && condition?.status === (paused ? 'True' : 'False') ? condition.message : null;
  });
  print(is === null ? `${live.name} is not ${word} after ${seconds} s: does the operator run?` : `${word}: ${is}`);
  return is === null ? 1 : 0;
}

/** Adds `restart`, `reload`, `switchover`, `reinit`, `pause` and `resume`. */
export function addControl(program: Command): void {
  once(program, 'restart', '[member]', 'PostgreSQL starts anew on every member, replicas first, or on one');
  once(program, 'reload', '[member]', 'every member reads its configuration again, or one');
  once(program, 'switchover', '[member]', 'a replica takes over: the one that is least behind, or the one named');
  once(program, 'reinit', '<member>', 'a replica throws its data away and copies the leader’s');
  for (const [usage, paused, does] of [
    ['pause <name>', true, 'no planned change and no drift repair until it is resumed'],
    ['resume <name>', false, 'what was paused goes on'],
  ] as const)
    liveVerb(program, usage, does, (live, _args, own) => setPaused(live, paused, own)).option(
      '--wait [seconds]',
      `until the operator has read it, at most so long (${doneSeconds})`,
    );
}
