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

/** The feed of one cluster. */
export function statelyFeed(cluster: ClusterIdentity): StatelyFeed {
  const root = `${cluster.namespace}/${cluster.name}`;
  const message = (
    type: StatelyMessage['type'],
    place: { readonly at: number; readonly id: string; readonly sessionId?: string },
    rest: object,
  ): StatelyMessage => ({
    type,
    _version: protocolVersion,
    createdAt: String(place.at),
    id: place.id,
    rootId: root,
    sessionId: place.sessionId ?? root,
    ...rest,
  });
  return {
    actors: ({ at, state }) => [
      message(
        '@xstate.actor',
        { at, id: 'cluster' },
        {
          name: root,
          definition: JSON.stringify(chart.config),
          snapshot: snapshotOf(state, { cluster: cluster.uid }),
        },
      ),
      ...[...new Set(Object.values(sources))].map((name) =>
        message(
          '@xstate.actor',
          { at, id: name, sessionId: `${root}/${name}` },
          {
            name,
            parentId: root,
            definition: JSON.stringify({ id: name }),
            snapshot: { status: 'active', context: {}, children: {} },
          },
        ),
      ),
    ],
    row: ({ row, decision }) => {
      const { seq, at } = row;
      const { observation, moves, intents, to } = decision;
      const seen = { type: observation.type, row: seq, saw: observationWords(observation) };
      const effects = intents.map(({ type, target }) => `${type} ${target.kind}/${target.name}`);
      return [
        message(
          '@xstate.event',
          { at, id: `${seq}.e` },
          {
            event: seen,
            sourceId: `${root}/${sources[observation.type] ?? 'operator'}`,
          },
        ),
        ...moves.flatMap(({ signal, to: target, answers }, index) => {
          const event = { type: signal, because: answers.at(-1)?.because ?? '', asked: answers };
          return [
            message('@xstate.event', { at, id: `${seq}.${index}.e` }, { event, sourceId: root }),
            message(
              '@xstate.snapshot',
              { at, id: `${seq}.${index}.n` },
              {
                event,
                snapshot: snapshotOf(target, { row: seq, effects }),
              },
            ),
          ];
        }),
        ...(moves.length > 0
          ? []
          : [
              message(
                '@xstate.snapshot',
                { at, id: `${seq}.n` },
                { event: seen, snapshot: snapshotOf(to, { row: seq, effects }) },
              ),
            ]),
      ];
    },
  };
}
