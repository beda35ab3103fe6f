/**
 * Owns: what would happen to a cluster as it stands: its present facts put into a simulated world, a fault done to it, many
 * times over with chance falling otherwise, and what was seen. The operator in that world is the real one.
 * The model: Patroni loops every 10 s with a time to live of 30 s, containers start within seconds, no load, no lag.
 */
import { phaseOf } from '#machines/cluster/chart.ts';
import { Refused } from '#src/errors.ts';
import { isChange } from './invariants/invariant.ts';
import { list, number, parsed, text } from './json.ts';
import { bringUp, openEmpty, phaseNow, type Present, type Stage } from './present.ts';
import { shown } from './words.ts';

/** What is simulated. */
export type Fault =
  | { readonly type: 'kill-pod'; readonly pod: string; readonly ms: number }
  | { readonly type: 'kill-node'; readonly node: string; readonly ms: number }
  | { readonly type: 'api-down'; readonly ms: number };

export interface SeenEvent {
  /** Since the fault began. */
  readonly atMs: number;
  readonly what: string;
}

/** One play. */
export interface Play {
  readonly seed: number;
  /** Milliseconds in which nobody took writes. */
  readonly gapMs: number;
  readonly events: readonly SeenEvent[];
  /** Containers that started again and pods that were replaced, by member. */
  readonly restarted: Readonly<Record<string, 'container' | 'pod'>>;
  /** Objects that the operator changed, created or deleted, beside its status and its Events. */
  readonly changed: readonly string[];
  readonly end: readonly string[];
  /** Whether it came back to the phase it was in, with somebody who takes writes, within 30 minutes after the fault. */
  readonly recovered: boolean;
}

export interface Simulated {
  readonly present: Present;
  readonly fault: Fault;
  readonly plays: readonly Play[];
  /** The play whose gap is in the middle. */
  readonly typical: Play;
  readonly gapMs: { readonly least: number; readonly most: number };
}

const afterMs = 1_800_000;

/** Pods that a fault takes. @throws Refused when there are none, naming those that could be meant */
function struck({ name, members }: Present, fault: Fault): readonly string[] {
  if (fault.type === 'api-down') return [];
  const found = members.filter((each) =>
    fault.type === 'kill-pod' ? each.name === fault.pod : each.node === fault.node,
  );
  if (found.length > 0) return found.map((each) => each.name);
  const [flag, wanted, there] =
    fault.type === 'kill-pod'
      ? ['--kill-pod', fault.pod, members.map((each) => each.name)]
      : ['--kill-node', fault.node, members.map((each) => each.node ?? 'no node')];
  throw new Refused(`no member of it is ${fault.type === 'kill-pod' ? 'called' : 'on'} ${wanted}`, {
    operation: 'simulate',
    subject: `${flag} on ${name}`,
    hint: `there are ${[...new Set(there)].join(', ')}`,
  });
}

function begin({ world, present }: Stage, fault: Fault): void {
  const keys = struck(present, fault).map((name) => `${present.namespace}/${name}`);
  if (fault.type === 'api-down') world.happen({ type: 'api-down', atMs: 0, ms: fault.ms });
  else if (fault.type === 'kill-node') world.kubelets.loseNode(keys, fault.ms);
  else for (const pod of keys) world.happen({ type: 'kill-member', atMs: 0, pod, ms: fault.ms });
}

type Incarnation = Readonly<Record<string, { readonly uid: string; readonly restarts: number }>>;

function incarnations({ world, present }: Stage): Incarnation {
  return Object.fromEntries(
    world.user.list('Pod', present.namespace).map((pod) => [
      text(pod, 'metadata', 'name'),
      {
        uid: text(pod, 'metadata', 'uid'),
        restarts: number(list(pod, 'status', 'containerStatuses')[0], 0, 'restartCount'),
      },
    ]),
  );
}

function restartedBetween(before: Incarnation, after: Incarnation): Play['restarted'] {
  return Object.fromEntries(
    Object.entries(after).flatMap(([name, now]): [string, 'container' | 'pod'][] => {
      const then = before[name];
      if (then === undefined || then.uid !== now.uid) return [[name, 'pod']];
      return now.restarts > then.restarts ? [[name, 'container']] : [];
    }),
  );
}

/** Time without a writer, from now on. @returns how to read it */
function watchWriters({ world }: Stage, log: (what: string) => void): () => number {
  const { schedule, kubelets } = world;
  const writer = (): string =>
    [...kubelets.members()].find(([, member]) => member.isWritable())?.[0].replace(/^[^/]*\//, '') ?? '';
  let [last, sinceMs, gapMs] = [writer(), schedule.elapsedMs(), 0];
  kubelets.onRole(() => {
    const now = writer();
    if (now === last) return;
    if (last === '') gapMs += schedule.elapsedMs() - sinceMs;
    log(now === '' ? `${last} takes no more writes` : `${now} takes writes`);
    [last, sinceMs] = [now, schedule.elapsedMs()];
  });
  return () => gapMs + (last === '' ? schedule.elapsedMs() - sinceMs : 0);
}

/** One play's share of chance. */
interface Take {
  readonly seed: number;
  /** Where in Patroni's loop the fault falls. */
  readonly offsetMs: number;
}

const loopMs = 10_000;
const quietPath = /\/(status|events|leases)\b/;

async function played(
  present: Present,
  fault: Fault,
  options: SimulateOptions,
  { seed, offsetMs }: Take,
): Promise<Play> {
  const events: SeenEvent[] = [];
  const changed = new Set<string>();
  let beganMs = Infinity;
  const log = (what: string): void => {
    const atMs = world.schedule.elapsedMs() - beganMs;
    if (atMs >= 0) events.push({ atMs, what });
  };
  const world = openEmpty(present, {
    seed,
    scratch: options.scratch,
    events: {
      onLeaving: (_sender, request) => {
        if (world.schedule.elapsedMs() >= beganMs && isChange(request) && !quietPath.test(request.path))
          changed.add(`${request.method} ${request.path}`);
      },
      onFatal: (_seat, because) => log(`the operator ended: ${because}`),
      log: (line) => {
        const entry = parsed(line.slice(line.indexOf('{')));
        if (text(entry, 'msg') === 'moved')
          log(`operator: ${phaseOf(text(entry, 'from'))} → ${phaseOf(text(entry, 'to'))}, ${text(entry, 'signal')}`);
      },
    },
  });
  const stage: Stage = { world, present };
  try {
    await bringUp(stage);
    await world.schedule.run(offsetMs);
    const [before, phase] = [incarnations(stage), phaseNow(stage)];
    beganMs = world.schedule.elapsedMs();
    const gapMs = watchWriters(stage, log);
    begin(stage, fault);
    await world.schedule.run(fault.ms);
    const ended = await world.schedule.run(afterMs, () => hasWriter(stage) && phaseNow(stage) === phase);
    return {
      seed,
      gapMs: gapMs(),
      events,
      restarted: restartedBetween(before, incarnations(stage)),
      changed: [...changed],
      end: shown({ world, namespace: present.namespace }),
      recovered: ended === 'over',
    };
  } finally {
    world.close();
  }
}

function hasWriter({ world }: Stage): boolean {
  return [...world.kubelets.members().values()].some((member) => member.isWritable());
}

export interface SimulateOptions {
  /** Folder for the journals of the worlds. */
  readonly scratch: string;
  /** How often it is played, each time with another seed. */
  readonly plays: number;
}

/**
 * Plays a fault on a cluster as it stands.
 * @throws Refused when no member is struck, or the model cannot bring the cluster up as it is
 */
export async function simulate(present: Present, fault: Fault, options: SimulateOptions): Promise<Simulated> {
  struck(present, fault);
  const plays: Play[] = [];
  for (let index = 0; index < options.plays; index += 1) {
    const offsetMs = Math.floor((index * loopMs) / options.plays);
    plays.push(await played(present, fault, options, { seed: index + 1, offsetMs }));
  }
  const sorted = plays.toSorted((one, other) => one.gapMs - other.gapMs);
  const [typical, first, last] = [sorted[sorted.length >> 1], sorted[0], sorted.at(-1)];
  if (typical === undefined || first === undefined || last === undefined) throw new Error('there is no play');
  return { present, fault, plays, typical, gapMs: { least: first.gapMs, most: last.gapMs } };
}
