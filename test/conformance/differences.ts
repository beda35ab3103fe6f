/**
 * Owns: the list of differences between the model and a real API server that stand, each with its reason.
 * A difference that is not explained by exactly one entry fails the run; an entry that explains nothing in a long run is
 * reported, so that the list cannot outlive its reasons.
 */
import { at, isJson, stable, text } from '#src/sim/json.ts';
import type { Step } from './sequence.ts';

export interface Explanation {
  readonly name: string;
  readonly reason: string;
  /** An answer without what differs; both are equal after it, or this is not the explanation. */
  readonly hide: (answer: unknown) => unknown;
  /** Steps it can explain. */
  readonly applies: (step: Step) => boolean;
}

function withoutWords(answer: unknown): unknown {
  const body = at(answer, 'body');
  if (text(body, 'kind') !== 'Status') return answer;
  const { message: _message, details: _details, ...rest } = body;
  return { ...at(answer), body: rest };
}

/** Every listed difference. */
export const differences: readonly Explanation[] = [
  {
    name: 'words of a refusal as invalid',
    reason: 'the operator shows them and decides nothing by them; status code and reason must be the same',
    hide: (answer) => (at(answer)['status'] === 422 ? withoutWords(answer) : answer),
    applies: () => true,
  },
  {
    name: 'answer to a deletion that is only tried, of what has finalizers of the garbage collector alone',
    reason: 'a real server answers with an empty object of the kind; nobody here tries deletions',
    hide: (answer) => ({ status: at(answer)['status'] }),
    applies: (step) => step.type === 'request' && step.method === 'DELETE' && at(step.body)['dryRun'] !== undefined,
  },
];

/** What sequences do not ask for, since the model does not do it as a real server does, and nobody here needs it. */
export const notAsked: readonly { readonly what: string; readonly reason: string }[] = [
  { what: 'a Role without rules', reason: 'it is stored as null and compared as a list' },
  {
    what: 'an update that sends former managedFields back without their version',
    reason: 'it would put them back; who sends them sends the version, and then they are those of the object',
  },
  { what: 'a Pod bound by its Binding', reason: 'the simulated scheduler writes spec.nodeName itself, once' },
  {
    what: 'when the marks of a watch come',
    reason: 'no server promises it; what they look like and that a watch goes on from one is held by a test of its own',
  },
  { what: 'fields that a built-in kind does not have', reason: 'the model has schemas of custom resources alone' },
];

/** The listed difference that makes two answers one; null when there is none. */
export function explained(step: Step, model: unknown, real: unknown): Explanation | null {
  return (
    differences.find(
      ({ hide, applies }) =>
        applies(step) && isJson(model) === isJson(real) && stable(hide(model)) === stable(hide(real)),
    ) ?? null
  );
}

/** Names of listed differences that a run did not meet. */
export function unused(met: ReadonlyMap<string, number>): readonly string[] {
  return differences.map(({ name }) => name).filter((name) => !met.has(name));
}
