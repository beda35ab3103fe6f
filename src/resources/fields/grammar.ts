/** Owns: grammars of Kubernetes names that several fields of a spec must keep, and how a value is shown in a problem. */
import type { Problem } from '#machines/cluster/plan.ts';
import type { ComparedValue } from '#machines/shared/answer.ts';

/** A value as a condition shows it: never an object. */
export function shown(value: unknown): ComparedValue {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value === null || value === undefined) return null;
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}

/** True for lists and objects that hold nothing at any depth: they say nothing, as if they were left out. */
export function isHollow(value: unknown): boolean {
  if (value === undefined) return true;
  return typeof value === 'object' && value !== null && Object.values(value).every(isHollow);
}

/** One problem, its value shown and shortened. */
export function problem(field: string, value: unknown, rule: string): Problem {
  const short = typeof value === 'string' && value.length > 120 ? `${value.slice(0, 117)}…` : value;
  return { field, value: shown(short), rule };
}

/** As Kubernetes names most objects. */
export const subdomainGrammar = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const nameGrammar = /^(?=.{1,63}$)[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const labelValueGrammar = /^(?=.{0,63}$)(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

/** A key of labels and annotations: `name` or `prefix.example/name`. */
export function isQualifiedName(text: string): boolean {
  const parts = text.split('/');
  const [prefix, name] = parts.length === 1 ? [null, parts[0]] : parts;
  if (parts.length > 2 || name === undefined || !nameGrammar.test(name)) return false;
  return prefix === null || prefix === undefined || subdomainGrammar.test(prefix);
}

export function isLabelValue(text: string): boolean {
  return labelValueGrammar.test(text);
}

export const qualifiedRule =
  'must be a name of at most 63 letters, digits, -, _ and ., after an optional DNS prefix and /';
export const labelValueRule =
  'must be at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit';
