/** Owns: how the fake kubelet writes: apply, merge patch, strategic patch, create, delete. What is gone meanwhile is no trouble. */
import type { Kube, WireRequest } from '#src/kube/api.ts';
import type { Answer } from '#src/kube/request.ts';

export type Json = { readonly [key: string]: unknown };

export interface Writer {
  readonly apply: (path: string, object: Json) => Promise<Answer>;
  readonly merge: (path: string, patch: Json) => Promise<Answer>;
  readonly strategic: (path: string, patch: Json) => Promise<Answer>;
  readonly create: (path: string, object: Json) => Promise<Answer>;
  readonly remove: (path: string, uid: string) => Promise<Answer>;
  readonly get: (path: string) => Promise<Answer>;
}

/** @param onTrouble told what the API server refused for another reason than that the object is gone or there already */
export function writerOf(kube: Kube, onTrouble: (what: string) => void): Writer {
  async function send(
    request: Pick<WireRequest, 'method' | 'path' | 'contentType'> & { readonly body: Json },
    query: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const { method, path, contentType, body } = request;
    const answer = await kube.send({ method, path, query, contentType, body: JSON.stringify(body), auditId: null });
    if (answer.type === 'refused' && answer.status !== 404 && answer.status !== 409)
      onTrouble(`${method} ${path}: ${answer.message}`);
    return answer;
  }
  const patch =
    (contentType: string) =>
    (path: string, body: Json): Promise<Answer> =>
      send({ method: 'PATCH', path, contentType, body });
  return {
    apply: (path, body) =>
      send(
        { method: 'PATCH', path, contentType: 'application/apply-patch+yaml', body },
        { fieldManager: 'fake-kubelet', force: 'true' },
      ),
    merge: patch('application/merge-patch+json'),
    strategic: patch('application/strategic-merge-patch+json'),
    create: (path, body) => send({ method: 'POST', path, contentType: 'application/json', body }),
    remove: (path, uid) =>
      send({
        method: 'DELETE',
        path,
        contentType: 'application/json',
        body: { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid } },
      }),
    get: (path) => kube.get(path),
  };
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The record at a path of keys; empty where there is none. */
export function at(value: unknown, ...keys: readonly string[]): Json {
  let here: unknown = value;
  for (const key of keys) here = isRecord(here) ? here[key] : undefined;
  return isRecord(here) ? here : {};
}

/** The text at a path of keys; empty where there is none. */
export function text(value: unknown, ...keys: readonly string[]): string {
  const found = at(value, ...keys.slice(0, -1))[keys.at(-1) ?? ''];
  return typeof found === 'string' ? found : '';
}

/** The list at a path of keys; empty where there is none. */
export function list(value: unknown, ...keys: readonly string[]): readonly unknown[] {
  const found = at(value, ...keys.slice(0, -1))[keys.at(-1) ?? ''];
  return Array.isArray(found) ? found : [];
}
