/** Owns: the search for secret values where none may be: raw bytes, so that WAL, freelist and half-written pages count too. */
import { existsSync, readFileSync } from 'node:fs';

/** Shortest value searched for: shorter ones are words that stand everywhere, such as a user's name. */
const lengthMin = 12;

/** Keys of an application's Secret that tell where and as whom, for configuration to read. */
const openKeys: ReadonlySet<string> = new Set(['host', 'port', 'dbname', 'user', 'username']);

export interface SecretValue {
  readonly secret: string;
  readonly key: string;
  readonly value: string;
}

/** A value as it would stand somewhere: as text, or, where it is none (the key of digests), as base64 and as hex. */
function spellings(encoded: string): readonly string[] {
  const bytes = Buffer.from(encoded, 'base64');
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? [text] : [encoded, bytes.toString('hex')];
}

/** Decoded values of a SecretList, as the API server gives it. */
export function secretValues(list: unknown): readonly SecretValue[] {
  const { items } = list as {
    readonly items: readonly {
      readonly metadata: { readonly name: string };
      readonly data?: Readonly<Record<string, string>>;
    }[];
  };
  return items.flatMap(({ metadata, data }) =>
    Object.entries(data ?? {})
      .flatMap(([key, value]) => spellings(value).map((each) => ({ secret: metadata.name, key, value: each })))
      .filter(({ key, value }) => value.length >= lengthMin && !openKeys.has(key)),
  );
}

/** Bytes of every file of a journal that exists: database with its freelist, WAL, shared memory, ballast. */
export function journalBytes(path: string): Buffer {
  const files = ['', '-wal', '-shm', '.ballast'].map((suffix) => path + suffix).filter((file) => existsSync(file));
  return Buffer.concat(files.map((file) => readFileSync(file)));
}

/** Places, as `secret/key in place`, where a value stands as text or as base64. */
export function leaks(values: readonly SecretValue[], places: Readonly<Record<string, Buffer>>): readonly string[] {
  return Object.entries(places).flatMap(([place, bytes]) =>
    values
      .filter(({ value }) => bytes.includes(value) || bytes.includes(Buffer.from(value).toString('base64')))
      .map(({ secret, key }) => `${secret}/${key} in ${place}`),
  );
}
