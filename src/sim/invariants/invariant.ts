/**
 * Owns: what an invariant is: something that watches a world from outside and says when it is broken. One file each; each
 * knows the world only by its API server, its members, and what leaves and enters the operators.
 */
import type { CrashPoint } from '#src/ports.ts';
import type { Journal } from '#src/journal/journal.ts';
import type { Skipped } from '#src/operator/options.ts';
import type { Handled } from '../network.ts';
import type { ApiRequest } from '../api/server.ts';
import type { World } from '../world.ts';

export interface Leaving {
  readonly sender: string;
  readonly request: ApiRequest;
  readonly auditId: string | null;
  readonly journal: Journal | null;
}

/** Hands its finding to whoever runs the world; the run goes on. */
export type Tell = (because: string) => void;

export interface Watcher {
  readonly onLeaving?: (leaving: Leaving) => void;
  readonly onHandled?: (handled: Handled) => void;
  readonly onSkipped?: (sender: string, skipped: Skipped) => void;
  readonly onPassage?: (sender: string, point: CrashPoint) => void;
  /** `unfinished`: what was being committed does not count. */
  readonly onDeath?: (sender: string, journal: Journal | null, unfinished: boolean) => void;
  /** After the world has come to rest, with the journals still open. */
  readonly atEnd?: () => void;
}

export interface Invariant {
  readonly name: string;
  /** What always holds. */
  readonly says: string;
  readonly watch: (world: World, tell: Tell) => Watcher;
}

/** Changes other than leadership's own, trials, and the key of digests. */
export function isChange({ method, path, query }: ApiRequest): boolean {
  return method !== 'GET' && !('dryRun' in query) && !/\/leases|\/postgres-operator-journal-key$/.test(path);
}
