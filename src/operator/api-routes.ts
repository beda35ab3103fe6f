/**
 * Owns: the paths of the journal API, with their methods and parameters: what a request asks for, or why it asks for nothing.
 * `docs/journal-api.md` is held to this table by a test. Does not own: the answers (`journal-api.ts`).
 *
 * I1. What is not understood is refused by its name, and never left out: an answer about all rows is a wrong one to somebody who
 *     misspelt where they were to begin.
 */
import { isMoment } from '#src/journal/retention.ts';

interface Parameter {
  readonly meaning: string;
  /** What its value is, for a refusal. */
  readonly form: string;
  readonly example: string;
  readonly isWell: (text: string) => boolean;
}

function isWhole(text: string): boolean {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text));
}

function isTime(text: string): boolean {
  return /^-?\d+$/.test(text) && isMoment(Number(text));
}

const rowNumber = { form: 'number of a row', example: '100', isWell: isWhole };
const time = { form: 'time in milliseconds since 1970', example: '1767225600000', isWell: isTime };

/** Parameters of a query, by name. */
export const parameters = {
  uid: {
    meaning: 'which cluster of that name, where it was deleted and made again; the newest unless given',
    form: 'uid of a cluster',
    example: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
    isWell: (text) => text !== '',
  },
  after: { meaning: 'only rows after this one', ...rowNumber },
  until: { meaning: 'only rows up to this one', ...rowNumber },
  from: { meaning: 'only rows from then on, in milliseconds since 1970', ...time },
  to: { meaning: 'only rows up to then, in milliseconds since 1970', ...time },
  limit: { meaning: 'at most so many rows, the first ones', form: 'number of rows', example: '100', isWell: isWhole },
} as const satisfies Readonly<Record<string, Parameter>>;

export type ParameterName = keyof typeof parameters;

interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** A part in capitals stands for whatever is there. */
  readonly path: string;
  readonly query: readonly ParameterName[];
  readonly answer: string;
}

const cluster = '/api/clusters/NAMESPACE/NAME';

/** Every path that is answered. */
export const routes = {
  clusters: {
    method: 'GET',
    path: '/api/clusters',
    query: [],
    answer: 'clusters that the journal holds with their heads, those that live with their states, and the build',
  },
  cluster: { method: 'GET', path: cluster, query: ['uid'], answer: 'its uid, and what its live actor knows' },
  rows: {
    method: 'GET',
    path: `${cluster}/rows`,
    query: ['uid', 'after', 'until', 'from', 'to', 'limit'],
    answer: 'its rows in order, as one JSON object; one that breaks off says why in `error`',
  },
  export: { method: 'GET', path: `${cluster}/export`, query: ['uid'], answer: 'an export of all its rows, NDJSON' },
  ticket: {
    method: 'GET',
    path: `${cluster}/ticket`,
    query: ['uid'],
    answer: 'a path of the inspector’s WebSocket, for one reader, once',
  },
  blob: { method: 'GET', path: '/api/blobs/HASH', query: [], answer: 'a text that rows mention by its SHA-256' },
  verify: { method: 'GET', path: '/api/verify', query: [], answer: 'a proof of every hash and link of the journal' },
  prune: { method: 'GET', path: '/api/prune', query: [], answer: 'what would be pruned now' },
  holds: { method: 'GET', path: '/api/holds', query: [], answer: 'what is kept from being pruned, and what for' },
  hold: {
    method: 'POST',
    path: '/api/holds',
    query: [],
    answer: 'holds the rows of JSON `{"uid", "fromMs", "untilMs", "because"}`, and gives the number of the hold',
  },
  release: { method: 'DELETE', path: '/api/holds/ID', query: [], answer: 'ends a hold; whether there was one' },
} as const satisfies Readonly<Record<string, Route>>;

export type RouteName = keyof typeof routes;

/** What a request asks for. */
export interface Question {
  readonly route: RouteName;
  /** What stands in the path where its table has capitals, in order. */
  readonly values: readonly string[];
  readonly query: Readonly<Partial<Record<ParameterName, string>>>;
}

export interface Refusal {
  readonly status: 400 | 404 | 405;
  readonly error: string;
  readonly hint: string;
}

function isVariable(part: string): boolean {
  return /^[A-Z]+$/.test(part);
}

/** What stands for the variables of a path; null when it is another path. */
function valuesOf(path: string, parts: readonly string[]): readonly string[] | null {
  const wanted = path.split('/');
  const fits =
    wanted.length === parts.length &&
    wanted.every((part, index) => (isVariable(part) ? parts[index] !== '' : part === parts[index]));
  return fits ? parts.filter((_, index) => isVariable(wanted[index] ?? '')) : null;
}

/** What is wrong with a query; null when nothing is. */
function objectionTo(search: URLSearchParams, known: readonly ParameterName[]): Refusal | null {
  const bad = (error: string, hint: string): Refusal => ({ status: 400, error, hint });
  const there = known.length === 0 ? 'this path takes no parameters' : `this path takes ${known.join(', ')}`;
  for (const [given, value] of search) {
    const name = known.find((each) => each === given);
    if (name === undefined) return bad(`${given}=${value} is asked for, and there is no such parameter`, there);
    const { isWell, form, example } = parameters[name];
    if (search.getAll(name).length > 1) return bad(`${name} is given more than once`, 'give it once');
    if (!isWell(value)) return bad(`${name}=${value} is no ${form}`, `write it as ${name}=${example}, or leave it out`);
  }
  return null;
}

/**
 * What a request asks for.
 * @param parts of its path, decoded; the first is empty
 */
export function questionOf(
  method: string,
  parts: readonly string[],
  search: URLSearchParams,
): Question | { readonly refused: Refusal } {
  const all = Object.entries(routes) as readonly (readonly [RouteName, Route])[];
  const found = all.flatMap(([route, { path, ...rest }]) => {
    const values = valuesOf(path, parts);
    return values === null ? [] : [{ route, values, ...rest }];
  });
  const paths = [...new Set(all.map(([, { path }]) => path))];
  if (found.length === 0)
    return { refused: { status: 404, error: `there is no ${parts.join('/')}`, hint: `there are ${paths.join(', ')}` } };
  const one = found.find((each) => each.method === method);
  if (one === undefined) {
    const methods = found.map((each) => each.method).join(' and ');
    return {
      refused: { status: 405, error: `${method} is not answered at ${parts.join('/')}`, hint: `it takes ${methods}` },
    };
  }
  const refused = objectionTo(search, one.query);
  return refused === null ? { route: one.route, values: one.values, query: Object.fromEntries(search) } : { refused };
}
