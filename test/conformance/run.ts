/** Owns: one sequence on both servers, and where their answers first part. */
import { objectOf } from './bodies.ts';
import { at, list, stable, text, type Json } from '#src/sim/json.ts';
import { makeCanonical } from './canonical.ts';
import { explained, type Explanation } from './differences.ts';
import { makeMemory, type RequestStep, type Sequence, type Step, type WatchStep } from './sequence.ts';
import type { Side, Watching } from './sides.ts';

/** What one server made of a sequence, in canonical form. */
export interface Story {
  readonly replies: readonly Json[];
  /** Of each watch step, in order. */
  readonly watches: readonly (readonly Json[])[];
}

export interface Difference {
  /** The step whose answer differs; a watch's events are told at its step. */
  readonly at: number;
  readonly step: Step;
  readonly model: unknown;
  readonly real: unknown;
}

export interface Verdict {
  readonly requests: number;
  readonly events: number;
  readonly difference: Difference | null;
  /** How often each listed difference was met. */
  readonly explanations: ReadonlyMap<string, number>;
}

const markAnnotation = 'example.com/end';

/** Makes a change that every selector of the watch takes, and waits until it was told: then all before it was told too. @returns all up to it */
async function drain(side: Side, watch: Watching, { kind, query }: WatchStep, index: number): Promise<readonly Json[]> {
  const mark = String(index);
  const name = /metadata\.name=(.+)/.exec(query['fieldSelector'] ?? '')?.[1] ?? 'end';
  const labels = Object.fromEntries(
    (query['labelSelector'] ?? '')
      .split(',')
      .filter(Boolean)
      .map((term) => term.split('=')),
  );
  const metadata = { labels, annotations: { [markAnnotation]: mark } };
  const base = { type: 'request', kind, subresource: '', query: { fieldManager: 'end' } } as const;
  const patch: RequestStep = {
    ...base,
    method: 'PATCH',
    name,
    contentType: 'application/merge-patch+json',
    body: { metadata },
  };
  const wanted = objectOf(kind, name, []);
  const whole = { ...wanted, metadata: { ...at(wanted, 'metadata'), ...metadata } };
  const { status } = await side.send(patch);
  if (status === 404) {
    const body = makeMemory(side.namespace).resolve(whole);
    const made = await side.send({ ...base, method: 'POST', name: null, contentType: 'application/json', body });
    if (made.status >= 300) throw new Error(`the end of a watch of ${kind} could not be marked: ${stable(made.body)}`);
  } else if (status >= 300) throw new Error(`the end of a watch of ${kind} could not be marked: ${status}`);
  const isMark = (event: Json): boolean =>
    text(event, 'object', 'metadata', 'annotations', markAnnotation) === mark && text(event, 'type') !== 'DELETED';
  await watch.until(() => watch.isOver() || watch.events.some(isMark));
  const end = watch.events.findIndex(isMark);
  return end < 0 ? watch.events : watch.events.slice(0, end + 1);
}

function isTrial({ query, body }: RequestStep): boolean {
  return 'dryRun' in query || at(body)['dryRun'] !== undefined;
}

/** Sends a sequence to a server. */
export async function play(side: Side, sequence: Sequence): Promise<Story> {
  const memory = makeMemory(side.namespace);
  const canonical = makeCanonical();
  const replies: Json[] = [];
  const open: { readonly watch: Watching; readonly step: WatchStep }[] = [];
  try {
    for (const step of sequence.steps) {
      if (step.type === 'watch') {
        const wanted = { ...step, query: memory.resolve(step.query) };
        const watch = await side.watch(wanted);
        open.push({ watch, step: wanted });
        replies.push(watch.refusal === null ? { status: 200 } : canonical.reply(watch.refusal));
        continue;
      }
      const reply = await side.send(memory.resolve(step));
      // Nobody goes on from what was only tried.
      if (!isTrial(step)) memory.learn(step.kind, reply.body);
      replies.push(canonical.reply(reply));
    }
    const watches: (readonly Json[])[] = [];
    for (const [index, { watch, step }] of open.entries()) {
      const events = watch.refusal === null ? await drain(side, watch, step, index) : [];
      watches.push(events.filter((event) => text(event, 'type') !== 'BOOKMARK').map(canonical.event));
    }
    return { replies, watches };
  } finally {
    side.end();
  }
}

/** The first answer in which two stories part and no listed difference says why. */
export function compare(sequence: Sequence, model: Story, real: Story): Verdict {
  const explanations = new Map<string, number>();
  const note = (found: Explanation): void => void explanations.set(found.name, (explanations.get(found.name) ?? 0) + 1);
  let difference: Difference | null = null;
  let watchIndex = 0;
  for (const [at, step] of sequence.steps.entries()) {
    const pairs: [unknown, unknown][] = [[model.replies[at], real.replies[at]]];
    if (step.type === 'watch') {
      const [here, there] = [list(model, 'watches')[watchIndex], list(real, 'watches')[watchIndex]];
      watchIndex += 1;
      pairs.push([here, there]);
    }
    for (const [here, there] of pairs) {
      if (stable(here) === stable(there) || difference !== null) continue;
      const why = explained(step, here, there);
      if (why === null) difference = { at, step, model: here, real: there };
      else note(why);
    }
  }
  const events = real.watches.reduce((sum, each) => sum + each.length, 0);
  return { requests: sequence.steps.length, events, difference, explanations };
}

/** Both servers' word on a sequence. */
export async function judge(sequence: Sequence, sides: readonly [model: Side, real: Side]): Promise<Verdict> {
  const [model, real] = sides;
  return compare(sequence, await play(model, sequence), await play(real, sequence));
}

/** The smallest sequence that leaving out steps leads to, from big bites to small, for as long as the answers part. */
export async function shrunk(failing: Sequence, parts: (sequence: Sequence) => Promise<boolean>): Promise<Sequence> {
  let best = failing;
  for (let bite = Math.ceil(best.steps.length / 2); bite >= 1; bite = bite === 1 ? 0 : Math.ceil(bite / 2)) {
    for (let start = 0; start < best.steps.length;) {
      const from = start;
      const smaller = { ...best, steps: best.steps.filter((_, index) => index < from || index >= from + bite) };
      if (smaller.steps.length > 0 && (await parts(smaller))) best = smaller;
      else start += bite;
    }
  }
  return best;
}

/** Where two answers differ, one line each, at most `most`. */
export function parted(model: unknown, real: unknown, most = 12): readonly string[] {
  const lines: string[] = [];
  const walk = (here: unknown, there: unknown, path: string): void => {
    if (lines.length >= most || stable(here) === stable(there)) return;
    const [keys, others] = [here, there].map((each) =>
      typeof each === 'object' && each !== null ? Object.keys(each) : null,
    );
    if (keys === null || keys === undefined || others === null || others === undefined) {
      lines.push(`${path}: model ${JSON.stringify(here)}, real ${JSON.stringify(there)}`);
      return;
    }
    for (const key of new Set([...keys, ...others]))
      walk(
        at({ here }, 'here')[key] ?? list({ here }, 'here')[Number(key)],
        at({ there }, 'there')[key] ?? list({ there }, 'there')[Number(key)],
        `${path}/${key}`,
      );
  };
  const [here, there] = [at(model, 'body'), at(real, 'body')];
  if (text(here, 'kind') !== text(there, 'kind')) {
    const said = (body: Json): string =>
      text(body, 'message') || `${text(body, 'kind')} ${text(body, 'metadata', 'name')}`;
    return [`status: model ${at(model)['status']} ${said(here)}, real ${at(real)['status']} ${said(there)}`];
  }
  walk(model, real, '');
  return lines;
}
