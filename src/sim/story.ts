/**
 * Owns: stories: scripts of what happens to one cluster in a simulated world, and the screen that somebody who watches it
 * would see. One line is one step:
 *
 *   seed N                      what chance begins with; first, if at all
 *   apply FILE                  a manifest, path from the root of the repository
 *   delete                      the PostgresCluster
 *   remove KIND NAME            any object, by hand
 *   wait PHASE | wait gone      until the status says so
 *   pass DURATION               30s, 5m
 *   kill POD for DURATION       its container is down that long; `leader` is whoever takes writes
 *   cut POD for DURATION        its node does not reach the API server
 *   api down for DURATION       nor does the operator
 *   kill operator               SIGKILL; it is started again after two seconds
 *   show                        the cluster as its status tells it
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { at, list, number, parsed, text, type Json } from './json.ts';
import type { PlanStep } from './plan.ts';
import { namespace } from './scenarios.ts';
import { openWorld, type World } from './world.ts';

/** A step that stands in a story and cannot be done, with its line. */
export class StoryRefused extends Error {}

const waitMs = 1_800_000;

interface Telling {
  readonly world: World;
  readonly lines: string[];
  /** Repository's root, with a slash. */
  readonly root: URL;
}

function durationMs(word: string): number {
  const parts = /^(\d+)(s|m)$/.exec(word);
  if (parts === null) throw new StoryRefused(`${word} is no duration such as 30s or 5m`);
  return Number(parts[1]) * (parts[2] === 'm' ? 60_000 : 1_000);
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

function clusterOf({ user }: World): Json | null {
  return user.list('PostgresCluster', namespace)[0] ?? null;
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** The cluster as its status tells it. */
function shown(world: World): readonly string[] {
  const cluster = clusterOf(world);
  if (cluster === null) {
    const kept = world.user.list('PersistentVolumeClaim', namespace).map((claim) => text(claim, 'metadata', 'name'));
    return [`no cluster; volumes kept: ${kept.join(', ') || 'none'}`];
  }
  const status = at(cluster, 'status');
  const ready = `${number(status, 0, 'readyReplicas')} of ${number(cluster, 1, 'spec', 'replicas')} ready`;
  const primary = text(status, 'primaryPod') || 'nobody';
  const members = list(status, 'members').map((member) => [
    text(member, 'name'),
    text(member, 'role'),
    text(member, 'state'),
    `timeline ${String(at(member)['timeline'] ?? '?')}`,
  ]);
  return [
    `${text(cluster, 'metadata', 'name')}: ${text(status, 'phase') || 'new'}, ${ready}, ${primary} takes writes`,
    text(status, 'reason'),
    ...table(members).map((row) => `  ${row}`),
  ].filter((line) => line !== '');
}

function say({ world, lines }: Telling, what: readonly string[]): void {
  for (const [index, line] of what.entries())
    lines.push(`${index === 0 ? clock(world.schedule.elapsedMs()) : '     '}  ${line}`.trimEnd());
}

async function reached({ world }: Telling, phase: string): Promise<void> {
  const ended = await world.schedule.run(waitMs, () => {
    const cluster = clusterOf(world);
    return phase === 'gone' ? cluster === null : text(cluster, 'status', 'phase') === phase;
  });
  if (ended !== 'over') throw new StoryRefused(`${phase} was not reached in ${waitMs / 60_000} minutes`);
}

function apply({ world, root }: Telling, file: string): void {
  const manifest = at(parse(readFileSync(new URL(file, root), 'utf8')));
  const object = { ...manifest, metadata: { ...at(manifest, 'metadata'), namespace } };
  if (world.user.create(text(manifest, 'kind'), object) === null) throw new StoryRefused(`${file} was refused`);
}

function remove({ world }: Telling, kind: string, name: string): void {
  const object = name === '' ? clusterOf(world) : world.user.get(kind, namespace, name);
  if (object === null) throw new StoryRefused(`${kind} ${name} is not there`);
  world.user.remove(object);
}

/** `namespace/pod` of a member's name, or of the leader. */
function podOf({ kubelets }: World, name: string): string {
  if (name !== 'leader') return `${namespace}/${name}`;
  const [key] = [...kubelets.members()].find(([, member]) => member.isWritable()) ?? [];
  if (key === undefined) throw new StoryRefused('there is no leader');
  return key;
}

async function told(telling: Telling, line: string): Promise<void> {
  const { world } = telling;
  const [verb = '', one = '', two = '', three = '', four = ''] = line.split(/\s+/);
  say(telling, [`> ${line}`]);
  const atMs = 0;
  switch (verb) {
    case 'apply':
      return apply(telling, one);
    case 'delete':
      return remove(telling, 'PostgresCluster', '');
    case 'remove':
      return remove(telling, one, two);
    case 'wait':
      return reached(telling, one);
    case 'pass':
      return void (await world.schedule.run(durationMs(one)));
    case 'kill': {
      if (one !== 'operator')
        return world.happen({ type: 'kill-member', atMs, pod: podOf(world, one), ms: durationMs(three) });
      const [seat] = world.operators;
      seat?.kill();
      world.schedule.after(2_000, () => seat?.start(), true);
      return undefined;
    }
    case 'cut':
      return world.happen({ type: 'cut-member', atMs, pod: podOf(world, one), ms: durationMs(three) });
    case 'api':
      return world.happen({ type: 'api-down', atMs, ms: durationMs(four || three) });
    case 'show':
      return say(telling, shown(world));
    default:
      throw new StoryRefused(`${verb} is no step of a story`);
  }
}

function moved(line: string): string | null {
  const entry = parsed(line.slice(line.indexOf('{')));
  if (text(entry, 'msg') !== 'moved') return null;
  return `${text(entry, 'from')} → ${text(entry, 'to')}: ${text(entry, 'signal')}`;
}

/** Tells a story. @returns the screen. @throws StoryRefused naming the step that could not be done */
export async function screenOf(
  story: string,
  { scratch, root }: { readonly scratch: string; readonly root: URL },
): Promise<string> {
  const steps = story.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const seeded = /^seed (\d+)$/.exec(steps[0] ?? '');
  const none: readonly PlanStep[] = [];
  const nothing = (): void => undefined;
  const lines: string[] = [];
  const world = openWorld({
    plan: { seed: Number(seeded?.[1] ?? '1'), scenario: 'story', steps: none },
    scratch,
    operators: ['operator-0'],
    events: {
      onLeaving: nothing,
      onHandled: nothing,
      onDeath: nothing,
      onPassage: nothing,
      onFatal: (_seat, because) => say({ world, lines, root }, [`the operator ended: ${because}`]),
      log: (line) => {
        const move = moved(line);
        if (move !== null) say({ world, lines, root }, [move]);
      },
    },
  });
  try {
    await world.schedule.run(3_000);
    for (const line of seeded === null ? steps : steps.slice(1)) await told({ world, lines, root }, line.trim());
    return `${lines.join('\n')}\n`;
  } finally {
    world.close();
  }
}
