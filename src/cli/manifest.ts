/** Owns: reading a PostgresCluster from a file of manifests, as it would be given to `kubectl apply`. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { isObject } from '#machines/shared/json.ts';
import { apiVersion } from '#machines/shared/names.ts';
import { Refused } from '#src/errors.ts';

type Json = Readonly<Record<string, unknown>>;

/** One PostgresCluster as it stands in a file. */
export interface ManifestFile {
  readonly name: string;
  /** Null when the file does not say. */
  readonly namespace: string | null;
  /** As a live object has it that was saved and edited; null when the file does not say. */
  readonly generation: number | null;
  readonly object: Json;
}

function refuse(path: string, because: string, hint: string): never {
  throw new Refused(because, { operation: 'read', subject: path, hint });
}

function textOf(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return refuse(path, `it cannot be read (${code})`, 'name the manifest with -f FILE, or - for standard input');
  }
}

function documentsOf(path: string): readonly Json[] {
  const documents = parseAllDocuments(textOf(path));
  const wrong = ('empty' in documents ? [] : documents).flatMap(({ errors }) => errors)[0];
  if (wrong !== undefined)
    refuse(path, `it is no YAML: ${wrong.message.split('\n')[0] ?? ''}`, 'mend it, then plan again');
  const found = ('empty' in documents ? [] : documents).map((each): unknown => each.toJS());
  return found.filter((each) => each !== null).map((each) => (isObject(each) ? each : {}));
}

function described(object: Json): string {
  return typeof object['kind'] === 'string' ? object['kind'] : 'something without a kind';
}

/**
 * The PostgresCluster of a file; the one called `wanted` when it holds several.
 * @param path of the file; `-` is standard input
 * @throws Refused saying what the file holds instead
 */
export function readManifest(path: string, wanted: string | undefined): ManifestFile {
  const all = documentsOf(path);
  const clusters = all
    .filter((each) => each['kind'] === 'PostgresCluster' && each['apiVersion'] === apiVersion)
    .map((object): ManifestFile => {
      const metadata = isObject(object['metadata']) ? object['metadata'] : {};
      const { name, namespace, generation } = metadata;
      if (typeof name !== 'string') return refuse(path, 'its PostgresCluster has no metadata.name', 'give it its name');
      return {
        name,
        namespace: typeof namespace === 'string' ? namespace : null,
        generation: typeof generation === 'number' ? generation : null,
        object,
      };
    });
  if (clusters.length === 0) {
    const held = all.map((each) => `${described(each)} of ${String(each['apiVersion'] ?? 'no apiVersion')}`).join(', ');
    return refuse(
      path,
      `it holds no PostgresCluster but ${held || 'nothing'}`,
      `a plan is made of a manifest of ${apiVersion}`,
    );
  }
  const named = clusters.filter(({ name }) => wanted === undefined || name === wanted);
  const [found] = named;
  if (found !== undefined && named.length === 1) return found;
  const names = clusters.map(({ name }) => name).join(', ');
  return found === undefined
    ? refuse(
        path,
        `it holds no PostgresCluster ${wanted ?? ''} but ${names}`,
        'name one of them, or leave the name out',
      )
    : refuse(path, `it holds several: ${names}`, 'name one: pgc plan NAME -f FILE');
}
