/**
 * Owns: a PostgresCluster on its API server, as verbs need it that change something or look into its pods: read, patched by
 * merge, waited for. With the rights of whoever runs pgc; the operator's port is not used.
 */
import type { Command } from 'commander';
import { Refused } from '#src/errors.ts';
import type { ConnectedKube } from '#src/kube/api.ts';
import { deadlines } from '#src/kube/deadlines.ts';
import type { Answer } from '#src/kube/request.ts';
import { kubeconfigOf } from './kubeconfig.ts';
import { Misused } from './misused.ts';
import { resourcePath } from '#src/decision/paths.ts';

/** Flags of every verb that goes to the API server. */
export interface LiveFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  /** That of the context, unless it is given. */
  readonly namespace?: string;
}

type Json = Readonly<Record<string, unknown>>;

/** A PostgresCluster as far as verbs read it. */
export interface Seen {
  readonly metadata: { readonly generation: number; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: Json & {
    readonly paused?: boolean;
    readonly database?: { readonly name?: string };
    readonly logs?: { readonly stdout?: boolean };
  };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly nextAction?: string;
    readonly primaryPod?: string;
    readonly observedGeneration?: number;
    readonly rolledOutGeneration?: number;
    readonly handled?: Readonly<Record<string, string>>;
    readonly members?: readonly { readonly name: string; readonly role: string }[];
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
}

export interface Live {
  readonly kube: ConnectedKube;
  readonly namespace: string;
  readonly name: string;
  /** @throws Refused when it cannot be read */
  readonly read: () => Promise<Seen>;
  /** As `read`, for who looks again in a moment: null when there was no answer just now. */
  readonly look: () => Promise<Seen | null>;
  /** Merge patch. @throws Refused with the API server's words */
  readonly patch: (change: Json) => Promise<Seen>;
  /** A Secret's values, decoded. @throws Refused when it cannot be read */
  readonly secret: (name: string) => Promise<Readonly<Record<string, string>>>;
}

function wordsOf(answer: Exclude<Answer, { readonly type: 'ok' }>): string {
  return answer.type === 'refused' ? answer.message : answer.because;
}

/** Whether another answer may come in a moment: the API server is away, is being started, or has too much to do. */
function isPassing(answer: Answer): boolean {
  if (answer.type === 'refused') return answer.status === 429 || answer.status >= 500;
  return answer.type !== 'ok';
}

function bodyOf(answer: Answer, operation: string, subject: string): unknown {
  if (answer.type === 'ok') return answer.body;
  const isAbsent = answer.type === 'refused' && answer.status === 404;
  throw new Refused(wordsOf(answer), {
    operation,
    subject,
    hint: isAbsent ? 'name its namespace with -n' : 'name the cluster with --kubeconfig and --context',
  });
}

async function open(flags: LiveFlags, name: string): Promise<Live> {
  const where = { kubeconfig: kubeconfigOf(flags.kubeconfig), context: flags.context ?? null };
  // Loaded when it is needed: it brings a whole client of Kubernetes with it.
  const { connect } = await import('#src/kube/api.ts');
  const { contextNamespace } = await import('#src/kube/connection.ts');
  // What is followed is followed until somebody ends it.
  const kube = connect(where, Date.now, { ...deadlines, watchMs: 2 ** 31 - 1 });
  const namespace = flags.namespace ?? contextNamespace(kube.connection.config);
  const path = resourcePath('PostgresCluster', namespace, name);
  const subject = `PostgresCluster ${namespace}/${name}`;
  return {
    kube,
    namespace,
    name,
    // The schema of the API server vouches for the shape.
    read: async () => bodyOf(await kube.get(path), 'read', subject) as Seen,
    look: async () => {
      const answer = await kube.get(path);
      return isPassing(answer) ? null : (bodyOf(answer, 'read', subject) as Seen);
    },
    patch: async (change) => {
      const contentType = 'application/merge-patch+json';
      const body = JSON.stringify(change);
      const request = {
        method: 'PATCH',
        path,
        query: { fieldManager: 'pgc' },
        contentType,
        body,
        auditId: null,
      } as const;
      return bodyOf(await kube.send(request), 'change', subject) as Seen;
    },
    secret: async (secret) => {
      const answer = await kube.get(resourcePath('Secret', namespace, secret));
      const { data = {} } = bodyOf(answer, 'read', `Secret ${namespace}/${secret}`) as { readonly data?: Json };
      const decoded = Object.entries(data).map(([key, value]) => [
        key,
        Buffer.from(String(value), 'base64').toString('utf8'),
      ]);
      return Object.fromEntries(decoded) as Record<string, string>;
    },
  };
}

/** Adds a verb that goes to the API server; `run` gives the exit code, and the connection is closed after it. */
export function liveVerb(
  parent: Command,
  usage: string,
  description: string,
  run: (live: Live, args: readonly string[], own: Readonly<Record<string, unknown>>) => Promise<number>,
): Command {
  return parent
    .command(usage)
    .description(description)
    .option('--kubeconfig <path>', 'kubeconfig of the cluster; or KUBECONFIG')
    .option('--context <name>', 'context in it')
    .option('-n, --namespace <name>', 'namespace of the cluster; that of the context unless given')
    .action(async (...given: unknown[]) => {
      const own = given.at(-2) as Readonly<Record<string, unknown>>;
      const args = given.slice(0, -2).filter((each): each is string => typeof each === 'string');
      const live = await open(own as unknown as LiveFlags, args[0] ?? '');
      try {
        process.exitCode = await run(live, args, own);
      } finally {
        await live.kube.close();
      }
    });
}

const pollMs = 300;

/** Reads it again and again until `check` gives something; null when the time is up. */
export async function waitFor<T>(live: Live, seconds: number, check: (seen: Seen) => T | null): Promise<T | null> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const seen = await live.look();
    const found = seen === null ? null : check(seen);
    if (found !== null) return found;
    if (performance.now() > end) return null;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** A number of seconds that a flag names. @throws Misused when it is none */
export function secondsOf(flag: string, given: unknown): number {
  const seconds = Number(given);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new Misused(`${String(given)} is no number of seconds`, {
    operation: 'read',
    subject: `--${flag}`,
    hint: `write it as --${flag} 300`,
  });
}

/** The member that a verb works on: the one named, or the primary. @throws Refused when there is none */
export function memberOf({ namespace, name }: Live, { status }: Seen, named: unknown): string {
  const members = (status?.members ?? []).map((member) => member.name);
  if (typeof named === 'string' && members.includes(named)) return named;
  const primary = status?.primaryPod;
  if (named === undefined && primary !== undefined) return primary;
  throw new Refused(typeof named === 'string' ? `there is no member ${named}` : 'nobody takes writes', {
    operation: 'find a member of',
    subject: `PostgresCluster ${namespace}/${name}`,
    hint: `name one with --member: ${members.join(', ') || 'there is none yet'}`,
  });
}
