/**
 * Owns: rows as messages of the XState inspector (protocol of @statelyai/inspect 0.7): the machine's definition, then each
 * observation and each transition once, in order, with the journal's times. Made from rows alone: nothing is attached to an
 * actor, and a journal that is a year old reads like a live one. Pure.
 */
import { chart } from '#machines/cluster/chart.ts';
import type { ClusterObservation } from '#machines/cluster/observations.ts';
import type { ClusterIdentity } from '#src/journal/record.ts';
import type { DecidedRow } from './decided.ts';
import { observationWords } from './words.ts';

/** Version of the protocol, as its own library states it. */
export const protocolVersion = '0.7.2';

/** One message; on the wire one JSON text frame. */
export interface StatelyMessage {
  readonly type: '@xstate.actor' | '@xstate.event' | '@xstate.snapshot';
  readonly _version: string;
  /** Decimal text, milliseconds since 1970: the row's stamp. */
  readonly createdAt: string;
  readonly id: string;
  readonly rootId: string;
  readonly sessionId: string;
  readonly [key: string]: unknown;
}

/** Who an observation comes from, as actors of a sequence diagram. */
const sources: Readonly<Record<ClusterObservation['type'], string>> = {
  ProcessStarted: 'operator',
  OperatorConfigSeen: 'operator',
  Synced: 'operator',
  ClusterSeen: 'user',
  ClusterGone: 'user',
  PublishedStatusSeen: 'watch',
  ObjectSeen: 'watch',
  ObjectGone: 'watch',
  SourceWentStale: 'watch',
  SourceFresh: 'watch',
  LeaderSilent: 'watch',
  LeaderHeard: 'watch',
  TurnTold: 'operator',
  TimerFired: 'timer',
  OutcomeArrived: 'api',
};

/** `Alive.Creating.joining` → `{ Alive: { Creating: 'joining' } }`. */
function valueOf(path: string): unknown {
  const [head = '', ...rest] = path.split('.');
  return rest.length === 0 ? head : { [head]: valueOf(rest.join('.')) };
}

function snapshotOf(path: string, context: object): object {
  return { status: 'active', value: valueOf(path), context, children: {}, historyValue: {}, tags: [] };
}

/** Makes messages of a cluster's rows, given in order, each once. */
export interface StatelyFeed {
  /** The actors: the cluster as it stood before its first row, and one for each kind of cause. */
  readonly actors: (first: { readonly at: number; readonly state: string }) => readonly StatelyMessage[];
  readonly row: (each: DecidedRow) => readonly StatelyMessage[];
}

/** Where a message stands: its time, its own id, and the actor whose it is; the cluster itself when none is named. */
interface Place {
  readonly at: number;
  readonly id: string;
  readonly sessionId?: string;
}

/** Makes a message of the actor `root` and of those below it. */
function messageOf(root: string, type: StatelyMessage['type'], place: Place, rest: object): StatelyMessage {
  return {
    type,
    _version: protocolVersion,
    createdAt: String(place.at),
    id: place.id,
    rootId: root,
    sessionId: place.sessionId ?? root,
    ...rest,
  };
}

/** An actor that only sends: it has neither arrows nor context. */
function sourceActor(root: string, name: string, at: number): StatelyMessage {
  return messageOf(
    root,
    '@xstate.actor',
    { at, id: name, sessionId: `${root}/${name}` },
    {
      name,
      parentId: root,
      definition: JSON.stringify({ id: name }),
      snapshot: { status: 'active', context: {}, children: {} },
    },
  );
}

/** What a row saw, then every move it made with the state after it; without a move, the state in which it stayed. */
function rowMessages(root: string, { row: { seq, at }, decision }: DecidedRow): readonly StatelyMessage[] {
  const { observation, moves, intents, to } = decision;
  const context = { row: seq, effects: intents.map(({ type, target }) => `${type} ${target.kind}/${target.name}`) };
  const seen = { type: observation.type, row: seq, saw: observationWords(observation) };
  const heard = (id: string, event: object, sourceId: string): StatelyMessage =>
    messageOf(root, '@xstate.event', { at, id }, { event, sourceId });
  const stands = (id: string, event: object, state: string): StatelyMessage =>
    messageOf(root, '@xstate.snapshot', { at, id }, { event, snapshot: snapshotOf(state, context) });
  const came = heard(`${seq}.e`, seen, `${root}/${sources[observation.type] ?? 'operator'}`);
  if (moves.length === 0) return [came, stands(`${seq}.n`, seen, to)];
  const moved = moves.flatMap(({ signal, to: target, answers }, index) => {
    const event = { type: signal, because: answers.at(-1)?.because ?? '', asked: answers };
    return [heard(`${seq}.${index}.e`, event, root), stands(`${seq}.${index}.n`, event, target)];
  });
  return [came, ...moved];
}

/** The feed of one cluster. */
export function statelyFeed(cluster: ClusterIdentity): StatelyFeed {
  const root = `${cluster.namespace}/${cluster.name}`;
  return {
    actors: ({ at, state }) => [
      messageOf(
        root,
        '@xstate.actor',
        { at, id: 'cluster' },
        {
          name: root,
          definition: JSON.stringify(chart.config),
          snapshot: snapshotOf(state, { cluster: cluster.uid }),
        },
      ),
      ...[...new Set(Object.values(sources))].map((name) => sourceActor(root, name, at)),
    ],
    row: (each) => rowMessages(root, each),
  };
}
