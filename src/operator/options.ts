/** Owns: what an operator process is made of, handed in by whoever starts one. */
import type { Config } from '#src/config.ts';
import type { CheckPages } from '#src/journal/pages.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import type { Http } from '#src/kube/request.ts';
import type { Log } from '#src/log.ts';
import type { Snapshot } from '#machines/cluster/facts.ts';
import type { Versions } from '#src/decision/record.ts';
import type { Ports } from '#src/ports.ts';
import type { Addressed } from '#src/stream/items.ts';
import type { openHttp } from './http.ts';

/** An observation that was counted instead of decided, and what its actor stood at. */
export interface Skipped {
  readonly addressed: Addressed;
  readonly snapshot: Snapshot;
  readonly versions: Versions;
}

export interface OperatorOptions {
  readonly config: Config;
  readonly ports: Ports;
  readonly log: Log;
  /** codeHash of this build. */
  readonly build: string;
  /** Ends the process; called once, when going on would be wrong. */
  readonly onFatal: (because: string) => void;
  /** Runs commands in pods; the real one unless a test world has no containers. */
  readonly runInPod?: RunInPod;
  /** Opens a lane of HTTP to the API server; a real one unless the world is simulated. */
  readonly openLane?: () => Http;
  /** Serves health, metrics and the journal API; on real sockets unless the world is simulated. */
  readonly serve?: typeof openHttp;
  /** Checks the journal's pages at a start in a thread of its own; in this one unless given. */
  readonly checkPages?: CheckPages;
  /** Told of every observation that is skipped; the simulated world decides it all the same, to see that nothing follows. */
  readonly onSkipped?: (skipped: Skipped) => void;
}
