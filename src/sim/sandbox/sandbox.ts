/**
 * Owns: the sandbox: a simulated world that somebody lives in. Operator, Kubernetes and PostgreSQL run as in the simulator;
 * its time is real time, kubectl and pgc reach it over loopback, and the words of stories make things happen.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { definition } from '../api/kinds.ts';
import { text } from '../json.ts';
import { movedLine, screenLines } from '../story.ts';
import { StoryRefused, told, words, type Telling, type Word } from '../words.ts';
import { openWorld, type World } from '../world.ts';
import { makeJournalServer } from './journal-server.ts';
import { openKubeServer } from './kube-server.ts';
import { makePace, type Pace } from './pace.ts';

export interface SandboxOptions {
  /** Folder for journals; removed by whoever made it. */
  readonly scratch: string;
  /** Folder for the kubeconfig. */
  readonly folder: string;
  /** What paths of manifests begin from, with a slash at its end. */
  readonly root: URL;
  readonly seed: number;
  /** Operator processes that compete for the Lease. */
  readonly operators: number;
  /** Virtual seconds for each real one. */
  readonly speed: number;
  /** Ports of the API server and of the journal API; 0 takes any. */
  readonly kubePort: number;
  readonly journalPort: number;
  readonly beginsMs: number;
  /** A clock that never goes back. */
  readonly realMs: () => number;
  /** Lines for whoever watches. */
  readonly print: (line: string) => void;
}

export interface Sandbox {
  readonly world: World;
  readonly pace: Pace;
  readonly kubeUrl: string;
  readonly journalUrl: string;
  /** Path of a kubeconfig whose only context is this world. */
  readonly kubeconfig: string;
  /** Does one line. @throws StoryRefused when it cannot be done */
  readonly tell: (line: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Where objects of the prompt live, and kubectl looks when it is not told otherwise. */
export const sandboxNamespace = 'default';
const fastest = 1_000;

function kubeconfigOf(server: string): string {
  const named = { cluster: 'sandbox', user: 'sandbox', namespace: sandboxNamespace };
  return `${JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      // Plain HTTP on loopback; the official clients of JavaScript want to be told that this is meant.
      clusters: [{ name: 'sandbox', cluster: { server, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'sandbox', user: {} }],
      contexts: [{ name: 'sandbox', context: named }],
      'current-context': 'sandbox',
    },
    null,
    2,
  )}\n`;
}

function setSpeed(pace: Pace, factor: string): void {
  const speed = Number(factor.replace(/x$/, ''));
  if (factor === '' || !Number.isFinite(speed) || speed < 0 || speed > fastest)
    throw new StoryRefused(
      `${factor || 'nothing'} is no speed: 1 is real time, 10 ten times faster, 0 stands still; at most ${fastest}`,
    );
  pace.setSpeed(speed);
}

function wordsOf(pace: Pace): Readonly<Record<string, Word>> {
  return {
    ...words,
    speed: {
      usage: 'speed FACTOR',
      does: 'virtual seconds for each real one: 1, 10, 0 to stand still',
      run: (_telling, [factor = '']) => setSpeed(pace, factor),
    },
    help: {
      usage: 'help',
      does: 'this list',
      run: ({ say }) => say(Object.values(wordsOf(pace)).map(({ usage, does }) => `${usage.padEnd(32)}  ${does}`)),
    },
  };
}

/** Opens a sandbox. @throws when a port is taken */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { print } = options;
  const nothing = (): void => undefined;
  const journals = makeJournalServer();
  const say = (lines: readonly string[]): void => screenLines(world, lines).forEach(print);
  const world = openWorld({
    plan: { seed: options.seed, scenario: 'sandbox', steps: [] },
    scratch: options.scratch,
    operators: Array.from({ length: options.operators }, (_, index) => `operator-${index}`),
    events: {
      onLeaving: nothing,
      onHandled: nothing,
      onDeath: nothing,
      onPassage: nothing,
      onFatal: (seat, because) => say([`${seat} ended: ${because.split('\n')[0] ?? ''}`]),
      log: (line) => {
        const move = movedLine(line);
        if (move !== null) say([move]);
      },
    },
    beginsMs: options.beginsMs,
    serve: journals.serve,
  });
  for (const name of [sandboxNamespace, 'operators']) world.user.create('Namespace', { metadata: { name } });
  const pace = makePace(world.schedule, options.realMs, options.speed);
  const kube = await openKubeServer({ world, pace, definition: definition() }, options.kubePort);
  const http = await journals.open(world, options.journalPort);
  mkdirSync(options.folder, { recursive: true });
  const kubeconfig = resolve(options.folder, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigOf(kube.url), { mode: 0o600 });
  const telling: Telling = { world, say, run: pace.run, root: options.root, namespace: sandboxNamespace };
  const table = wordsOf(pace);
  return {
    world,
    pace,
    kubeUrl: kube.url,
    journalUrl: `http://127.0.0.1:${http.apiPort}`,
    kubeconfig,
    // Within a step, as everything that happens; what a word waits for comes after it.
    tell: async (line) => await (await pace.enter(() => ({ done: told(telling, line, table) }))).done,
    close: async () => {
      await kube.close();
      await http.close();
      await pace.stop();
      for (const seat of world.operators) seat.kill();
      world.close();
    },
  };
}

/** What a user of the sandbox sets in a shell. */
export function exportsOf({ kubeconfig, journalUrl }: Sandbox): string {
  return `export KUBECONFIG=${kubeconfig} PGC_API=${journalUrl}`;
}

/** Whether a cluster's status says this phase. */
export function isPhase(world: World, name: string, phase: string): boolean {
  return text(world.user.get('PostgresCluster', sandboxNamespace, name), 'status', 'phase') === phase;
}
