/**
 * Owns: what the journal API says and takes about pruning: what would go, and holds. The only requests of it that change
 * something; a page of another origin can send none of them, since they bear JSON and no Origin.
 */
import type { IncomingMessage } from 'node:http';
import type { Journal } from '#src/journal/journal.ts';
import { isMoment, type KeepPolicy } from '#src/journal/retention.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const bodyBytesMax = 65_536;

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  let text = '';
  // A letter may come in two pieces.
  request.setEncoding('utf8');
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > bodyBytesMax) return {};
  }
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

/** Whether a request that is no GET is one of these; whether it is one that is answered is asked later. */
export function mayChange({ method, headers, url = '' }: IncomingMessage): boolean {
  if (!/^\/api\/holds(\/\d+)?(\?|$)/.test(url)) return false;
  return method === 'DELETE' || (method === 'POST' && headers['content-type'] === 'application/json');
}

function refused(error: string, hint: string): Answer {
  return { status: 400, body: { error, hint } };
}

async function newHold({ pruner }: Journal, request: IncomingMessage): Promise<Answer> {
  const { uid, fromMs, untilMs, because } = await bodyOf(request);
  if (typeof uid !== 'string' || typeof because !== 'string' || because === '')
    return refused('a hold needs uid, fromMs, untilMs not before it, and because', "use 'pgc journal hold'");
  if (!isMoment(fromMs) || !isMoment(untilMs))
    return refused('no date can name fromMs or untilMs', 'milliseconds since 1970, as whole numbers');
  if (fromMs > untilMs) return refused('a hold needs fromMs, and untilMs not before it', "use 'pgc journal hold'");
  const id = pruner.hold(uid, { fromMs, untilMs, because });
  return id === null
    ? { status: 404, body: { error: `${uid} is not known here`, hint: 'GET /api/clusters lists what is' } }
    : { status: 200, body: { id } };
}

/** Answers about `/api/prune` and `/api/holds`. */
export async function answerRetention(
  journal: Journal,
  request: IncomingMessage,
  asked: { readonly route: 'prune' | 'holds' | 'hold' | 'release'; readonly id: string; readonly keep: KeepPolicy },
): Promise<Answer> {
  const { route, id, keep } = asked;
  if (route === 'prune') return { status: 200, body: journal.pruner.plan(keep, journal.ageNowMs()) };
  if (route === 'hold') return newHold(journal, request);
  if (route === 'release') return { status: 200, body: { released: journal.pruner.release(Number(id)) } };
  return { status: 200, body: journal.pruner.holds() };
}
