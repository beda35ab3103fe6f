/**
 * Owns: stream, actors, the core of this build and a journal in memory, put together as the operator does, with an
 * executor that the test writes.
 */
import { BehaviorSubject, merge, Subject, type Subscription } from 'rxjs';
import { type Actors, createActors } from '#src/actor/actor.ts';
import type { ActorTrouble, DurableDecision } from '#src/actor/ports.ts';
import type { IntentRecord } from '#src/decision/record.ts';
import type { Outcome, OperatorConfig } from '#machines/cluster/observations.ts';
import { makeCore } from '#src/replay/core.ts';
import type { Core } from '#src/replay/redecide.ts';
import type { SourceKind, StreamInput } from '#src/stream/items.ts';
import { createStream, type Stream } from '#src/stream/stream.ts';
import { virtualTime, type VirtualTime } from '../stream/virtual-time.ts';
import { memoryJournal, type MemoryJournal } from './memory-journal.ts';

export const config: OperatorConfig = {
  images: { '17': 'spilo:17' },
  imagePullPolicy: 'Never',
  defaultDcs: 'Endpoints',
  createDeadlineSeconds: 600,
};

export interface Line {
  readonly time: VirtualTime;
  readonly journal: MemoryJournal;
  readonly actors: Actors;
  readonly decisions: DurableDecision[];
  readonly troubles: ActorTrouble[];
  /** Told, taken and committed, until nothing moves any more. */
  readonly tell: (...inputs: readonly StreamInput[]) => void;
  /** Told and taken, not committed. */
  readonly tellUncommitted: (...inputs: readonly StreamInput[]) => void;
  readonly settle: () => void;
  readonly stop: () => void;
}

export interface LineOptions {
  /** Name of the build that runs. */
  readonly build?: string;
  readonly time?: VirtualTime;
  readonly journal?: MemoryJournal;
  readonly core?: Core;
  readonly epoch?: number;
  /** What an intent ends in, answered before the executor's caller has even returned; null: no answer. */
  readonly answer?: (intent: IntentRecord, decision: DurableDecision) => Outcome | null;
  readonly fraction?: number;
}

/** An item of a source named like its kind. */
export function seen(kind: SourceKind, object: unknown): StreamInput {
  return { type: 'seen', source: kind, kind, object };
}

export function gone(kind: SourceKind, object: unknown): StreamInput {
  return { type: 'gone', source: kind, kind, object };
}

export const settings: StreamInput = { type: 'config', hash: 'h1', config };
export const listed: StreamInput = { type: 'listed', source: 'all' };

/** An answer that says yes to everything, and that what is asked for is not there. */
export function obliging(intent: IntentRecord): Outcome {
  if (intent.type === 'DeleteObject') return { type: 'deleted' };
  if (intent.type === 'ReadObject') return { type: 'read', object: null };
  if (intent.type === 'CreateDatabase') return { type: 'done', result: { database: 'app/app' } };
  return { type: 'applied', uid: `uid-${intent.target.kind}-${intent.target.name}`, ownedHash: 'hash', foreign: [] };
}

function streamIn(time: VirtualTime): Stream {
  return createStream({
    ...time,
    sources: [{ name: 'all', namespace: null }],
    expected: [],
    writable: new BehaviorSubject(true),
    readVersion: () => new Promise(() => undefined),
    digest: () => null,
    reports: { undecodable: () => undefined, decodable: () => undefined, repeated: () => undefined },
  });
}

/** How an intent of a decision ended, as it comes back to the stream. */
function feedback({ cluster, stamp }: DurableDecision, intent: IntentRecord, outcome: Outcome): StreamInput {
  const { ordinal, type, target } = intent;
  return {
    type: 'feedback',
    cluster,
    causedBy: stamp.seq,
    observation: { type: 'OutcomeArrived', seq: stamp.seq, ordinal, intent: type, target, outcome },
  };
}

/** A line that has been told nothing yet. */
export function aLine(options: LineOptions = {}): Line {
  const {
    time = virtualTime(),
    journal = memoryJournal(),
    core = makeCore(),
    epoch = 1,
    build = 'test-build',
    answer = () => null,
    fraction = 0,
  } = options;
  const told = new Subject<StreamInput>();
  const back = new Subject<StreamInput>();
  const troubles: ActorTrouble[] = [];
  const decisions: DurableDecision[] = [];
  const stream = streamIn(time);
  const actors = createActors({
    ...time,
    core,
    journal,
    versions: stream.versions,
    chance: { fraction: () => fraction, bytes: (length) => new Uint8Array(length) },
    build,
    epoch,
    maskVersion: 1,
    remember: stream.remember,
    back: (input) => back.next(input),
    trouble: (trouble) => troubles.push(trouble),
  });

  function execute(decision: DurableDecision): void {
    decisions.push(decision);
    for (const intent of decision.decision.intents) {
      const outcome = answer(intent, decision);
      if (outcome !== null) back.next(feedback(decision, intent, outcome));
    }
  }

  const running: Subscription = merge(told, back).pipe(stream.observations, actors.decisions).subscribe(execute);
  function settle(): void {
    do time.settle();
    while (journal.commit() > 0);
  }
  return {
    time,
    journal,
    actors,
    decisions,
    troubles,
    tell: (...inputs) => {
      for (const input of inputs) told.next(input);
      settle();
    },
    tellUncommitted: (...inputs) => {
      for (const input of inputs) told.next(input);
      time.settle();
    },
    settle,
    stop: () => running.unsubscribe(),
  };
}
