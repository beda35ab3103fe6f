/** Owns: what the journal API answers to each question. Called by: `http.ts`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Actors } from '#src/actor/actor.ts';
import { sha256 } from '#src/decision/hash.ts';
import type { Journal } from '#src/journal/journal.ts';
import type { ClusterIdentity } from '#src/journal/record.ts';
import type { KeepPolicy } from '#src/journal/retention.ts';
import { questionOf, type Question } from './api-routes.ts';
import type { Inspector } from './inspect.ts';
import { messagesOf } from './inspect-feed.ts';
import { exportAnswer, rowsAnswer, stream } from './journal-stream.ts';
import { answerRetention } from './retention-api.ts';

/** What the answers are made from. */
export interface JournalApiPorts {
  /** The journal of the present term; null while this process does not lead. */
  readonly journal: () => Journal | null;
  readonly actors: () => Actors | null;
  readonly build: string;
  /** How long rows are kept. */
  readonly keep: KeepPolicy;
}

/** A request to this API. */
export interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** The path's parts, decoded; the first is empty. */
  readonly parts: readonly string[];
}

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(value)}\n`);
}

type Reading = Omit<JournalApiPorts, 'journal'> & { readonly journal: Journal; readonly inspector: Inspector };
type Answered = void | Promise<void>;

function sendClusters({ journal, actors, build }: Reading, response: ServerResponse): void {
  const alive = (actors()?.clusters() ?? []).map((cluster) => ({
    ...cluster,
    state: actors()?.snapshotOf(cluster.uid)?.state ?? null,
  }));
  json(response, 200, { build, clusters: journal.reader.clusters(), alive });
}

function sendBlob({ journal }: Reading, hash: string, response: ServerResponse): void {
  const bytes = journal.reader.findBlob(hash);
  if (bytes !== null) return json(response, 200, { hash, bytes });
  return json(response, 404, {
    error: `blob ${hash} is not in this journal`,
    hint: "rows mention blobs by their SHA-256; if a row mentions this one, 'pgc journal verify' tells what is lost",
  });
}

/** The cluster that a path and perhaps a uid mean; null when there is none. */
function clusterMeant(
  { journal, actors }: Reading,
  [namespace, name]: Question['values'],
  uid: string | undefined,
): ClusterIdentity | null {
  const found = journal.reader.heads().filter((cluster) => cluster.namespace === namespace && cluster.name === name);
  if (uid !== undefined) return found.find((cluster) => cluster.uid === uid) ?? null;
  const alive = new Set((actors()?.clusters() ?? []).map((cluster) => cluster.uid));
  return found.find((cluster) => alive.has(cluster.uid)) ?? found.at(-1) ?? null;
}

function sendRows({ journal }: Reading, uid: string, query: Question['query'], response: ServerResponse): Answered {
  const fields = { afterSeq: 'after', untilSeq: 'until', fromMs: 'from', untilMs: 'to', limit: 'limit' } as const;
  const given = Object.entries(fields).flatMap(([field, name]) => {
    const text = query[name];
    return text === undefined ? [] : [[field, Number(text)]];
  });
  return stream(response, rowsAnswer(journal.reader, { uid, ...Object.fromEntries(given) }));
}

/** A report on the whole journal. Between two steps everybody else has a turn; who is gone is not read for any more. */
async function sendVerified({ journal }: Reading, response: ServerResponse): Promise<void> {
  const steps = journal.verifyInSteps();
  for (let step = steps.next(); !response.destroyed; step = steps.next()) {
    if (step.done === true) return json(response, 200, step.value);
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Whatever it is reading ends with it.
  steps.return({ clusters: [], rows: 0, blobs: 0, ticks: 0, damage: [] });
}

function answerAboutCluster(reading: Reading, { route, values, query }: Question, response: ServerResponse): Answered {
  const { journal, inspector, actors, build } = reading;
  const cluster = clusterMeant(reading, values, query.uid);
  if (cluster === null) {
    const which = query.uid === undefined ? '' : ` of uid ${query.uid}`;
    const error = `${values.join('/')}${which} is not known here`;
    return json(response, 404, { error, hint: 'GET /api/clusters lists what is' });
  }
  const { uid, namespace, name } = cluster;
  if (route === 'rows') return sendRows(reading, uid, query, response);
  if (route === 'export')
    return stream(response, exportAnswer(journal.reader, { cluster: { uid, namespace, name }, build, sha256 }));
  if (route !== 'ticket') return json(response, 200, { uid, snapshot: actors()?.snapshotOf(uid) ?? null });
  const ticket = inspector.ticket(() => messagesOf(journal.reader, cluster));
  return json(response, 200, { ticket, path: `/inspect?ticket=${ticket}` });
}

function answer(reading: Reading, question: Question, { request, response }: Asked): Answered {
  const { route, values } = question;
  const [first = ''] = values;
  if (route === 'clusters') return sendClusters(reading, response);
  if (route === 'verify') return sendVerified(reading, response);
  if (route === 'blob') return sendBlob(reading, first, response);
  if (route === 'prune' || route === 'holds' || route === 'hold' || route === 'release')
    return answerRetention(reading.journal, request, { route, id: first, keep: reading.keep }).then(
      ({ status, body }) => json(response, status, body),
    );
  return answerAboutCluster(reading, question, response);
}

/** Answers a request to this API. */
export function journalApi(given: JournalApiPorts, inspector: Inspector): (asked: Asked) => Answered {
  return (asked) => {
    const { request, response, url, parts } = asked;
    const question = questionOf(request.method ?? 'GET', parts, url.searchParams);
    if ('refused' in question) {
      const { status, ...words } = question.refused;
      return json(response, status, words);
    }
    const journal = given.journal();
    if (journal === null)
      return json(response, 503, {
        error: 'this operator does not lead, so no journal is open here',
        hint: 'ask the holder of the Lease: kubectl get lease',
      });
    return answer({ ...given, journal, inspector }, question, asked);
  };
}
