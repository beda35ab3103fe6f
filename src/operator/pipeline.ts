/**
 * Owns: the line, as one sentence: watch → stream → actor → decision → journal → executor, and status as one of the
 * effects. Holds the one Subject of the program: outcomes and timers, the only way back.
 */
import { merge, Subject, tap, type Observable, type Subscription } from 'rxjs';
import { createActors, type Actors } from '#src/actor/actor.ts';
import type { ActorPorts, DurableDecision } from '#src/actor/ports.ts';
import { makeExecutor, type Ended, type Executor } from '#src/executor/executor.ts';
import type { ExecutorPorts } from '#src/executor/ports.ts';
import type { StreamInput } from '#src/stream/items.ts';
import { makeFleet, type Fleet } from './fleet.ts';
import { createStream, type Stream, type StreamPorts } from '#src/stream/stream.ts';

export interface PipelinePorts {
  /** Everything that is watched, and the operator's settings. */
  readonly sources: Observable<StreamInput>;
  readonly stream: StreamPorts;
  readonly actor: Omit<ActorPorts, 'versions' | 'remember' | 'back'>;
  readonly executor: ExecutorPorts;
  /** So many clusters may be disrupted at a time on purpose; null for no limit. */
  readonly maxDisruptions: number | null;
  readonly nowMs: () => number;
  readonly onDecision: (decision: DurableDecision) => void;
  readonly onEnded: (ended: Ended) => void;
  /** The line ended by an error: nothing more will be decided. */
  readonly onFatal: (error: unknown) => void;
}

export interface Pipeline {
  readonly actors: Actors;
  readonly executor: Executor;
  readonly versions: Stream['versions'];
  readonly subscription: Subscription;
}

/** The way back of one outcome. */
function feedback({ cluster, stamp, intent, outcome }: Ended): StreamInput {
  const { ordinal, type, target } = intent;
  const observation = { type: 'OutcomeArrived', seq: stamp.seq, ordinal, intent: type, target, outcome } as const;
  return { type: 'feedback', cluster, causedBy: stamp.seq, observation };
}

/** Tells clusters of their turn, where there is a limit. */
function pacing(ports: PipelinePorts): Fleet | null {
  const { maxDisruptions } = ports;
  return maxDisruptions === null ? null : makeFleet(maxDisruptions, ports.stream.expected);
}

/** Puts the line together and sets it in motion. */
export function startPipeline(ports: PipelinePorts): Pipeline {
  const back$ = new Subject<StreamInput>(); // the only way back
  const stream = createStream(ports.stream); // watch → stream
  const fleet = pacing(ports); // what spans clusters comes back as what one of them is told
  const tell = (told: readonly StreamInput[] = []): void => told.forEach((each) => back$.next(each));
  const actors = createActors({
    ...ports.actor,
    trouble: (trouble) => {
      if (trouble.type === 'cluster-parked') tell(fleet?.parked(trouble.cluster.uid));
      ports.actor.trouble(trouble);
    },
    versions: stream.versions,
    remember: stream.remember,
    back: (input) => back$.next(input),
  }); // actor, decision, journal
  const executor = makeExecutor(ports.executor, ports.nowMs, (ended) => {
    ports.onEnded(ended);
    back$.next(feedback(ended));
  });
  const subscription = merge(ports.sources, back$)
    .pipe(
      stream.observations,
      actors.decisions, // leaves here only after its commit
      tap(ports.onDecision),
      tap((decision) => tell(fleet?.decided(decision))),
    )
    .subscribe({
      next: ({ cluster, stamp, decision }) => {
        for (const intent of decision.intents) executor.execute({ cluster, stamp, intent });
      },
      error: ports.onFatal,
    });
  return { actors, executor, versions: stream.versions, subscription };
}
