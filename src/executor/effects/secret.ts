/**
 * Owns: class C, generated content. Values are made here and nowhere else, sent in a create-only apply, and forgotten.
 * Recovery: a Secret that exists is taken as it is; nothing is ever generated over it. Never on a retry: a 409 says that
 * it exists.
 */
import type { GeneratedKey } from '#machines/cluster/plan.ts';
import type { Answer } from '#src/kube/request.ts';
import type { Chance } from '#src/ports.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Letters and digits, each equally likely: bytes beyond the last whole multiple of the alphabet are thrown away. */
export function generatePassword(length: number, chance: Chance): string {
  const limit = 256 - (256 % alphabet.length);
  let text = '';
  while (text.length < length) {
    for (const byte of chance.bytes(length)) {
      if (byte < limit && text.length < length) text += alphabet[byte % alphabet.length];
    }
  }
  return text;
}

/** Reads keys of another Secret of the namespace, decoded. */
export type ReadSecret = (
  name: string,
) => Promise<
  { readonly type: 'read'; readonly data: Readonly<Record<string, string>> } | Exclude<Answer, { type: 'ok' }>
>;

function expand(template: string, values: ReadonlyMap<string, string>): string {
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, key: string) => encodeURIComponent(values.get(key) ?? ''));
}

/** Values for all keys, or the answer that kept a copied one from being read. */
export async function generateValues(
  keys: readonly GeneratedKey[],
  read: ReadSecret,
  chance: Chance,
): Promise<
  { readonly type: 'values'; readonly values: ReadonlyMap<string, string> } | Exclude<Answer, { type: 'ok' }>
> {
  const values = new Map<string, string>();
  const others = new Map<string, Readonly<Record<string, string>>>();
  for (const { key, generator } of keys) {
    if (generator.type === 'password') values.set(key, generatePassword(generator.length, chance));
    if (generator.type === 'literal') values.set(key, generator.value);
    if (generator.type !== 'copy' || generator.secret === '') continue;
    if (!others.has(generator.secret)) {
      const answer = await read(generator.secret);
      if (answer.type !== 'read') return answer;
      others.set(generator.secret, answer.data);
    }
    const value = others.get(generator.secret)?.[generator.key];
    if (value === undefined)
      return { type: 'not-sent', because: `Secret ${generator.secret} has no key ${generator.key} to copy` };
    values.set(key, value);
  }
  for (const { key, generator } of keys) {
    if (generator.type === 'copy' && generator.secret === '') values.set(key, values.get(generator.key) ?? '');
    if (generator.type === 'uri') values.set(key, expand(generator.template, values));
  }
  return { type: 'values', values };
}

/** The body with its values as `data`. */
export function withData(body: string, values: ReadonlyMap<string, string>): string {
  const object = JSON.parse(body) as Record<string, unknown>;
  const data = Object.fromEntries(
    [...values].map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')]),
  );
  return JSON.stringify({ ...object, data });
}
