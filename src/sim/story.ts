/**
 * Owns: stories: scripts of what happens to one cluster in a simulated world, and the screen that somebody who watches it
 * would see. One line is one step, in the words of `words.ts`. Three more may stand at the top:
 *
 *   seed N          what chance begins with
 *   operators N     how many processes compete for the Lease
 *   flags --FLAG …  flags of the operators
 */
import { parsed, text } from './json.ts';
import type { PlanStep } from './plan.ts';
import { namespace } from './acts.ts';
import { stopAll } from './ended.ts';
import { told, type Telling } from './words.ts';
import { openWorld, type World } from './world.ts';

export { StoryRefused } from './words.ts';

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Lines as they stand on a screen: the first with minutes and seconds since the beginning, the others below it. */
export function screenLines(world: World, what: readonly string[]): readonly string[] {
  return what.map((line, index) => `${index === 0 ? clock(world.schedule.elapsedMs()) : '     '}  ${line}`.trimEnd());
}

/** What a line of an operator's log says that somebody who watches would want to know; null for everything else. */
export function movedLine(line: string): string | null {
  const entry = parsed(line.slice(line.indexOf('{')));
  if (text(entry, 'msg') !== 'moved') return null;
  return `${text(entry, 'from')} → ${text(entry, 'to')}: ${text(entry, 'signal')}`;
}

export interface Script {
  /** Null when the script does not say. */
  readonly seed: number | null;
  readonly operators: number | null;
  readonly flags: readonly string[];
  readonly steps: readonly string[];
}

const isFlags = /^flags --/;

/** A script without comments and empty lines, its header apart from its steps. */
export function readScript(source: string): Script {
  const lines = source
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return {
    seed: header(lines, 'seed'),
    operators: header(lines, 'operators'),
    flags: lines.flatMap((line) => (isFlags.test(line) ? line.split(/\s+/).slice(1) : [])),
    steps: lines.filter((line) => !/^(seed|operators) \d+$/.test(line) && !isFlags.test(line)),
  };
}

function header(lines: readonly string[], name: string): number | null {
  const found = lines.map((line) => new RegExp(`^${name} (\\d+)$`).exec(line)?.[1]).find((each) => each !== undefined);
  return found === undefined ? null : Number(found);
}

export interface StoryOptions {
  /** Folder for journals while it is told. */
  readonly scratch: string;
  /** What paths of manifests begin from, with a slash at its end. */
  readonly root: URL;
  /** Folder that the operators' journals are copied to at the end, each named like its operator. */
  readonly keep?: string;
  /** Build that an operator says it is, in its nth life, from 1. */
  readonly buildOf?: (life: number) => string;
}

/** Tells a story. @returns the screen. @throws StoryRefused naming the step that could not be done */
export async function screenOf(story: string, { scratch, root, keep, buildOf }: StoryOptions): Promise<string> {
  const { seed, operators, flags, steps } = readScript(story);
  const none: readonly PlanStep[] = [];
  const nothing = (): void => undefined;
  const lines: string[] = [];
  const say = (what: readonly string[]): void => void lines.push(...screenLines(world, what));
  const world = openWorld({
    plan: { seed: seed ?? 1, scenario: 'story', steps: none },
    scratch,
    flags,
    buildOf,
    operators: Array.from({ length: operators ?? 1 }, (_, index) => `operator-${index}`),
    events: {
      onLeaving: nothing,
      onHandled: nothing,
      onDeath: nothing,
      onPassage: nothing,
      onFatal: (_seat, because) => say([`the operator ended: ${because}`]),
      log: (line) => {
        const move = movedLine(line);
        if (move !== null) say([move]);
      },
    },
  });
  const telling: Telling = { world, say, run: world.schedule.run, root, namespace };
  try {
    await world.schedule.run(3_000);
    for (const line of steps) {
      say([`> ${line}`]);
      await told(telling, line);
    }
    if (keep !== undefined) await stopAll(world, keep);
    return `${lines.join('\n')}\n`;
  } finally {
    world.close();
  }
}
