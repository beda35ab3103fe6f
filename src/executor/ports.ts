/** Owns: what the executor needs from outside, as narrow as it needs it. */
import type { ForeignPath, ObjectProjection, WatchedKind } from '#machines/cluster/observations.ts';
import type { Answer } from '#src/kube/request.ts';
import type { WireRequest } from '#src/kube/api.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import type { Chance, CrashPoints } from '#src/ports.ts';
import type { Digest } from '#src/stream/door/objects.ts';

export interface ExecutorPorts {
  readonly send: (request: WireRequest) => Promise<Answer>;
  readonly get: (path: string, query?: Readonly<Record<string, string>>) => Promise<Answer>;
  readonly runInPod: RunInPod;
  /** The door's projection, used on what the API server answers. */
  readonly project: (kind: WatchedKind, object: unknown) => ObjectProjection | null;
  readonly ownership: (
    kind: WatchedKind,
    object: unknown,
  ) => { readonly ownedHash: string | null; readonly foreign: readonly ForeignPath[] };
  /** True while this process holds the Lease and its renewal is not overdue. */
  readonly mayAct: () => boolean;
  /** The term in force. */
  readonly epoch: () => number;
  /** Digests of Secrets under this install's key; null while there is none. */
  readonly digest: () => Digest | null;
  /** Durable head of a cluster's chain, for the anchor in status. */
  readonly head: (clusterUid: string) => { readonly epoch: number; readonly seq: number; readonly head: string } | null;
  readonly chance: Chance;
  readonly crash: CrashPoints;
}
