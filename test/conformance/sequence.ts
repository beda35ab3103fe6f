/**
 * Owns: a sequence of requests as a file: what is asked for, in which order, with references in place of what only the
 * server that answers can know: uids, versions, tokens.
 * Does not own: what the answers are compared by (`canonical.ts`).
 */
import { at, isJson, list, merged, text, type Json } from '#src/sim/json.ts';

/** A request below the sequence's namespace. */
export interface RequestStep {
  readonly type: 'request';
  readonly method: 'GET' | 'PATCH' | 'POST' | 'PUT' | 'DELETE';
  readonly kind: string;
  /** Null for the collection. */
  readonly name: string | null;
  readonly subresource: '' | 'status';
  readonly query: Readonly<Record<string, string>>;
  readonly contentType: string | null;
  readonly body: unknown;
}

/** Opens a watch that stays open to the end of the sequence. */
export interface WatchStep {
  readonly type: 'watch';
  readonly kind: string;
  readonly query: Readonly<Record<string, string>>;
}

export type Step = RequestStep | WatchStep;

/** What a failing run leaves, and `--replay` reads. */
export interface Sequence {
  /** Where it came from; for people. */
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** `ago` counts distinct versions, or former objects of the name, back from the newest that was answered. */
export const refer = {
  uid: (kind: string, name: string, ago = 0): string => `@{uid ${kind}/${name} ${ago}}`,
  version: (kind: string, name: string, ago = 0): string => `@{version ${kind}/${name} ${ago}}`,
  /** As a version to watch from: when nothing was answered of the name, that of the list. */
  since: (kind: string, name: string, ago = 0): string => `@{since ${kind}/${name} ${ago}}`,
  listVersion: (kind: string): string => `@{list ${kind} 0}`,
  token: (kind: string): string => `@{token ${kind} 0}`,
  /** As a body: the newest state that was answered of an object, with a merge patch put over it; of nothing, its head. */
  edited: (head: Json, change: Json): Json => ({ '@edited': head, change }),
};

/** Stands for what was never answered: an object nobody has, a version long gone. */
const unknownUid = (subject: string): string =>
  `00000000-0000-4000-8000-00000000000${subject.endsWith('b') ? 'b' : 'a'}`;
const unknownVersion = '7';

/** What one server has answered so far. */
export interface Memory {
  readonly learn: (kind: string, body: unknown) => void;
  readonly resolve: <T>(value: T) => T;
}

interface Seen {
  readonly uids: string[];
  readonly versions: string[];
  object: Json;
}

/** A memory of nothing; `@{namespace}` is the sequence's namespace. */
export function makeMemory(namespace: string): Memory {
  const seen = new Map<string, Seen>();
  const lists = new Map<string, { version: string; token: string }>();

  function note(kind: string, object: unknown): void {
    const [name, uid] = [text(object, 'metadata', 'name'), text(object, 'metadata', 'uid')];
    const version = text(object, 'metadata', 'resourceVersion');
    if (name === '' || uid === '' || version === '') return;
    const before = seen.get(`${kind}/${name}`) ?? { uids: [], versions: [], object: {} };
    if (before.uids.at(-1) !== uid) before.uids.push(uid);
    if (before.versions.at(-1) !== version) before.versions.push(version);
    before.object = at(object);
    seen.set(`${kind}/${name}`, before);
  }

  function one(what: string, subject: string, ago: number): string {
    const found = seen.get(subject);
    if (what === 'uid') return found?.uids.at(-1 - ago) ?? unknownUid(subject);
    if (what === 'version') return found?.versions.at(-1 - ago) ?? unknownVersion;
    if (what === 'list') return lists.get(subject)?.version ?? '';
    if (what === 'since') return found?.versions.at(-1 - ago) ?? one('list', subject.split('/')[0] ?? '', 0);
    return lists.get(subject)?.token ?? '';
  }

  function resolved(value: unknown): unknown {
    if (typeof value === 'string')
      return value
        .replaceAll('@{namespace}', namespace)
        .replaceAll(/@\{(\w+) (\S+) (\d+)\}/g, (_, what: string, subject: string, ago: string) =>
          one(what, subject, Number(ago)),
        );
    if (Array.isArray(value)) return value.map(resolved);
    if (!isJson(value)) return value;
    const edited = value['@edited'];
    if (edited !== undefined) {
      const known = seen.get(`${text(edited, 'kind')}/${text(edited, 'metadata', 'name')}`);
      return merged(known?.object ?? edited, resolved(value['change']));
    }
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolved(each)]));
  }

  return {
    learn: (kind, body) => {
      if (text(body, 'kind') !== `${kind}List`) return note(kind, body);
      const token = text(body, 'metadata', 'continue');
      lists.set(kind, { version: text(body, 'metadata', 'resourceVersion'), token });
      for (const item of list(body, 'items')) note(kind, item);
    },
    resolve: <T>(value: T): T => resolved(value) as T,
  };
}
