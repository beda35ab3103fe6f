/**
 * Owns: verbs that tell a cluster what to do: `restart`, `reload`, `switchover`, `reinit`, `replace` by an annotation with a token, `approve`
 * by one that names a generation, `pause` and `resume` by the spec. So each is journaled by the operator, which decides
 * whether it is done.
 */
import type { Command } from 'commander';
import { annotations, oneShotAnnotation, oneShots, ordinalOf, type OneShot } from '#machines/shared/names.ts';
import { print } from '../command.ts';
import { liveVerb, secondsOf, waitFor, type Live, type Seen } from '../live.ts';
import { Misused, wholeOf } from '../misused.ts';

/** Until the operator has said whether it takes it, when nobody waits for more. */
const acknowledgedSeconds = 15;
const doneSeconds = '600';

/** What `--wait` says, in seconds; null when nobody waits. @throws Misused when it is no number */
function waitSeconds(own: Readonly<Record<string, unknown>>): number | null {
  const given = own['wait'];
  return given === undefined ? null : secondsOf('wait', given === true ? doneSeconds : given);
}

type Condition = NonNullable<NonNullable<Seen['status']>['conditions']>[number];

function conditionOf({ status }: Seen, type: string): Condition | null {
  return status?.conditions?.find((each) => each.type === type) ?? null;
}

/** Between two refusals in one message. */
const nextRefusal = new RegExp(`; (?=(?:${oneShots.join('|')}) ")`);

/** The refusal of this request; null when it is not refused. The condition also tells those of others, which may have the same token. */
function refusalOf(seen: Seen, kind: OneShot, token: string): string | null {
  const refused = conditionOf(seen, 'RequestRefused');
  if (refused?.status !== 'True') return null;
  const begins = `${kind} ${JSON.stringify(token)} `;
  return refused.message.split(nextRefusal).find((each) => each.startsWith(begins)) ?? null;
}

type Said = 'taken' | 'done' | { readonly refused: string };

function said(seen: Seen, kind: OneShot, token: string): Said | null {
  if (seen.status?.handled?.[kind] !== token) return null;
  const refused = refusalOf(seen, kind, token);
  if (refused !== null) return { refused };
  return seen.status.phase === 'Running' ? 'done' : 'taken';
}

async function ask(live: Live, kind: OneShot, token: string, own: Readonly<Record<string, unknown>>): Promise<number> {
  const seconds = waitSeconds(own);
  const before = await live.read();
  if (before.status?.handled?.[kind] === token) {
    print(`${kind} "${token}" was asked for before and is handled: ask with another --token`);
    return 1;
  }
  await live.patch({ metadata: { annotations: { [oneShotAnnotation(kind)]: token } } });
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

/** Longest value that the operator reads; it cuts off what is more, and with it the member. */
const valueLengthMax = 256;

/** Refuses a member that is none: the operator would take the word for a part of the token, and the request for one to all. */
async function refuseNoMember(live: Live, kind: OneShot, named: string): Promise<void> {
  if (ordinalOf(live.name, named) >= 0) return;
  const members = ((await live.read()).status?.members ?? []).map(({ name }) => name).join(', ');
  const whole = kind === 'reinit' || kind === 'replace' ? '' : '; without a name it is asked of the whole cluster';
  throw new Misused(`${named} is not the name of a member`, {
    operation: `${kind} a member of`,
    subject: `PostgresCluster ${live.namespace}/${live.name}`,
    hint: `name one of ${members === '' ? 'its members, when there are any' : members}${whole}`,
  });
}

/** The annotation's value. @throws Misused when the operator would read it as something else */
function valueOf(live: Live, token: string, named: string | undefined): string {
  const value = named === undefined ? token : `${token} ${named}`;
  const wrong = (because: string, hint: string): Misused =>
    new Misused(because, { operation: 'read', subject: '--token', hint });
  if (token.trim() === '') throw wrong('it is empty', 'write a word that no earlier request had, or leave it out');
  if (value.length > valueLengthMax)
    throw wrong(
      `with the member it has ${value.length} characters`,
      `the operator reads ${valueLengthMax} at most: write a shorter one`,
    );
  const other = token.split(/\s+/).find((word) => word !== named && ordinalOf(live.name, word) >= 0);
  if (named !== undefined && other !== undefined)
    throw wrong(`it names ${other}, and ${named} is meant`, 'leave the name of the other member out of it');
  return value;
}

/** Adds the verb of an annotation. @param member how its usage names a member */
function once(program: Command, kind: OneShot, member: string, does: string): void {
  liveVerb(program, `${kind} <name> ${member}`.trim(), does, async (live, [, named], own) => {
    const token = typeof own['token'] === 'string' ? own['token'] : new Date().toISOString();
    const value = valueOf(live, token, named);
    if (named !== undefined) await refuseNoMember(live, kind, named);
    return ask(live, kind, value, own);
  })
    .option('--token <word>', 'what tells this request from others; the time unless given')
    .option('--wait [seconds]', `until it is done, at most so long (${doneSeconds})`);
}

async function setPaused(live: Live, paused: boolean, own: Readonly<Record<string, unknown>>): Promise<number> {
  const seconds = waitSeconds(own);
  const { metadata } = await live.patch({ spec: { paused } });
  const word = paused ? 'paused' : 'resumed';
  if (seconds === null) {
    print(`${live.namespace}/${live.name} is to be ${word}`);
    return 0;
  }
  const is = await waitFor(live, seconds, (seen) => {
    const condition = conditionOf(seen, 'Paused');
    const isRead = (seen.status?.observedGeneration ?? 0) >= metadata.generation;
    return isRead && condition?.status === (paused ? 'True' : 'False') ? condition.message : null;
  });
  print(is === null ? `${live.name} is not ${word} after ${seconds} s: does the operator run?` : `${word}: ${is}`);
  return is === null ? 1 : 0;
}

/** What stands in the way of saying yes to this generation; null when it waits for that. */
function notPending(seen: Seen, generation: number, name: string): string | null {
  if (seen.metadata.generation !== generation)
    return `generation ${generation} is not the newest, which is ${seen.metadata.generation}: look at that one first`;
  if ((seen.status?.observedGeneration ?? 0) < generation)
    return `the operator has not read generation ${generation} after ${acknowledgedSeconds} s: does it run?`;
  return conditionOf(seen, 'PendingApproval')?.status === 'True' ? null : `no edit of ${name} waits for an approval`;
}

/** How an approved generation ended; null while it has not. */
function endOf(seen: Seen, generation: number): string | null {
  if (seen.metadata.generation > generation) return `it was followed by generation ${seen.metadata.generation}`;
  const { phase, rolledOutGeneration = 0 } = seen.status ?? {};
  if (phase === 'Running' && rolledOutGeneration >= generation) return '';
  const valid = conditionOf(seen, 'ConfigurationValid');
  return valid?.reason === 'RolloutFailed' ? valid.message : null;
}

async function rolledOut(live: Live, generation: number, seconds: number): Promise<number> {
  const end = await waitFor(live, seconds, (seen) => endOf(seen, generation));
  const { status } = end === null ? await live.read() : {};
  const words = end ?? status?.nextAction ?? status?.reason ?? 'no operator has answered yet';
  const how = end === null ? `not rolled out after ${seconds} s` : end === '' ? 'rolled out' : 'not rolled out';
  print(`generation ${generation} is ${how}${words === '' ? '' : `: ${words}`}`);
  return end === '' ? 0 : 1;
}

/** Says yes to one generation, the newest: an edit that comes meanwhile waits again. */
async function approve(live: Live, own: Readonly<Record<string, unknown>>): Promise<number> {
  const wait = waitSeconds(own);
  const given = own['generation'];
  const asked = given === undefined ? null : wholeOf('--generation', given, 'that of metadata.generation, such as 7');
  const newest = (await live.read()).metadata.generation;
  const generation = asked ?? newest;
  await waitFor(live, acknowledgedSeconds, ({ status }) => (status?.observedGeneration ?? 0) >= newest || null);
  const seen = await live.read();
  const obstacle = notPending(seen, generation, live.name);
  if (obstacle !== null) {
    print(obstacle);
    return 1;
  }
  print(conditionOf(seen, 'PendingApproval')?.message ?? '');
  await live.patch({ metadata: { annotations: { [annotations.approve]: String(generation) } } });
  const taken = await waitFor(live, acknowledgedSeconds, (now) =>
    conditionOf(now, 'PendingApproval')?.status === 'False' ? now : null,
  );
  const next = taken?.status?.nextAction;
  print(
    taken === null
      ? `generation ${generation} is approved; no operator has answered yet`
      : `generation ${generation} is approved${next === undefined ? `: pgc why ${live.name} tells how it goes` : `; ${next}`}`,
  );
  return wait === null ? 0 : rolledOut(live, generation, wait);
}

/** Adds `restart`, `reload`, `switchover`, `reinit`, `replace`, `approve`, `pause` and `resume`. */
export function addControl(program: Command): void {
  once(program, 'restart', '[member]', 'PostgreSQL starts anew on every member, replicas first, or on one');
  once(program, 'reload', '[member]', 'every member reads its configuration again, or one');
  once(program, 'switchover', '[member]', 'a replica takes over: the one that is least behind, or the one named');
  once(program, 'rotate-credentials', '', 'new passwords for superuser, replication, REST API and application');
  once(program, 'reinit', '<member>', 'a replica throws its data away and copies the leader’s');
  once(program, 'replace', '<member>', 'a replica whose node or volume is lost for good is made anew, its volume too');
  for (const [usage, paused, does] of [
    ['pause <name>', true, 'no planned change and no drift repair until it is resumed'],
    ['resume <name>', false, 'what was paused goes on'],
  ] as const)
    liveVerb(program, usage, does, (live, _args, own) => setPaused(live, paused, own)).option(
      '--wait [seconds]',
      `until the operator has read it, at most so long (${doneSeconds})`,
    );
  liveVerb(
    program,
    'approve <name>',
    'what its newest edit costs may happen, above spec.maxDisruption',
    (live, _, own) => approve(live, own),
  )
    .option('--generation <number>', 'only if this is the newest one still')
    .option('--wait [seconds]', `until it is rolled out, at most so long (${doneSeconds})`);
}
