/**
 * Owns: paths in the notation of managed fields: `f:spec/f:ports/k:{"port":5432}/f:name`. Finding the value at one in a
 * live object, and spelling one for a human: `spec.ports[port=5432].name`.
 */
import { isObject } from '#machines/shared/json.ts';
import { type JsonRecord, parsedRecord } from './door/reading.ts';

function steps(path: string): readonly string[] {
  return path.split(/\/(?=[fkvi]:)/);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function bears(item: unknown, keys: JsonRecord): boolean {
  return isObject(item) && Object.entries(keys).every(([key, value]) => item[key] === value);
}

function below(live: unknown, step: string): unknown {
  const rest = step.slice(2);
  if (step.startsWith('f:')) return isObject(live) ? live[rest] : undefined;
  if (!Array.isArray(live)) return undefined;
  if (step.startsWith('i:')) return live[Number(rest)];
  if (step.startsWith('v:')) return live.find((item) => item === parsed(rest));
  const keys = parsedRecord(rest);
  return keys === null ? undefined : live.find((item) => bears(item, keys));
}

/** JSON text of the value at `path` in a live object; undefined when nothing is there. */
export function valueAt(object: unknown, path: string): string | undefined {
  const value = steps(path).reduce<unknown>((live, step) => below(live, step), object);
  return value === undefined ? undefined : JSON.stringify(value);
}

function spelledStep(step: string): string {
  const rest = step.slice(2);
  if (step.startsWith('f:')) return /^[\w-]+$/.test(rest) ? `.${rest}` : `[${rest}]`;
  if (!step.startsWith('k:')) return `[${rest}]`;
  const keys = Object.entries(parsedRecord(rest) ?? {}).map(([key, value]) => `${key}=${String(value)}`);
  return `[${keys.join(',')}]`;
}

/** The path as a human writes it. */
export function spelled(path: string): string {
  return steps(path).map(spelledStep).join('').replace(/^\./, '');
}

/** True for whatever stands inside an environment: it may be a password that somebody put there by hand. */
export function insideEnvironment(path: string): boolean {
  return steps(path).includes('f:env');
}
