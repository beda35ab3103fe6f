/**
 * Owns: the only shape in which a guard may reply. A boolean says *whether*; an Answer also says *why*, with the values
 * that were compared, so that `pgc why`, conditions and the page need no second opinion.
 */

/** A value a guard compared: small, printable, never a secret. */
export type ComparedValue = string | number | boolean | null;

/** A guard's reply. */
export interface Answer {
  /** `unknown` enables neither an arrow nor its opposite. */
  readonly answer: 'yes' | 'no' | 'unknown';
  /** One clause in plain words, lower case, no full stop: "2 of 3 members stream on timeline 4". */
  readonly because: string;
  /** What was compared, by name, in a fixed order. */
  readonly values: Readonly<Record<string, ComparedValue>>;
}

type Values = Readonly<Record<string, ComparedValue>>;

/** An affirmative answer. */
export function yes(because: string, values: Values = {}): Answer {
  return { answer: 'yes', because, values };
}

/** A negative answer. */
export function no(because: string, values: Values = {}): Answer {
  return { answer: 'no', because, values };
}

/** The facts do not allow an answer. */
export function unknown(because: string, values: Values = {}): Answer {
  return { answer: 'unknown', because, values };
}

/** Yes when `condition` holds, no otherwise, with the same words and values either way. */
export function whether(condition: boolean, because: string, values: Values = {}): Answer {
  return condition ? yes(because, values) : no(because, values);
}

/** The opposite arrow's answer: yes and no change places, unknown stays. */
export function opposite(answer: Answer): Answer {
  if (answer.answer === 'unknown') return answer;
  return { ...answer, answer: answer.answer === 'yes' ? 'no' : 'yes' };
}
