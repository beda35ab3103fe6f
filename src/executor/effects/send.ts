/**
 * Owns: turning one intent's request into its outcome, by intent type. Classes and their recovery:
 *   A1, B  applied (create-only for B); unknown → one read by name
 *   A2     preconditions uid and resourceVersion; a 409 always means: decide again
 *   C      `secret.ts`; a Secret that is there is written with the preconditions of A2
 *   D      DELETE with preconditions; absent is success
 *   E      `sql.ts`, `passwords.ts`, `patroni.ts`
 *   F      the latest level; unknown → published again
 *   R      changes nothing
 * A type without a row does not compile.
 */
import { isObject } from '#machines/shared/json.ts';
import type { IntentType } from '#machines/cluster/intents.ts';
import type { Outcome, WatchedKind } from '#machines/cluster/observations.ts';
import { applicationKey } from '#machines/cluster/tables/credentials.ts';
import { watchedKinds } from '#machines/cluster/observations.ts';
import { resourcePath } from '#src/decision/paths.ts';
import type { ApiRequest, IntentRecord } from '#src/decision/record.ts';
import type { Answer } from '#src/kube/request.ts';
import { failedOutcome } from '../outcomes.ts';
import type { ExecutorPorts } from '../ports.ts';
import { filled, type Fillings } from '../holes.ts';
import { generateValues, withData, type ReadSecret } from './secret.ts';
import { askPatroni } from './patroni.ts';
import { lastWarning } from './kube-events.ts';
import { measureVolume } from './volume.ts';
import { setPasswords } from './passwords.ts';
import { ensureApplicationDatabase, readSettings } from './sql.ts';

/** One effect to be had: the intent and what fills its holes. */
export interface Effect {
  readonly namespace: string;
  readonly intent: IntentRecord;
  readonly fillings: Fillings;
}

type Send = (effect: Effect, ports: ExecutorPorts) => Promise<Outcome>;

const kinds: ReadonlySet<string> = new Set(watchedKinds);

function watchedKind(kind: string): WatchedKind | null {
  return kinds.has(kind) ? (kind as WatchedKind) : null;
}

function uidOf(body: unknown): string {
  const metadata = isObject(body) && isObject(body['metadata']) ? body['metadata'] : {};
  return typeof metadata['uid'] === 'string' ? metadata['uid'] : '';
}

function apiRequest(effect: Effect): ApiRequest {
  const { request, type } = effect.intent;
  if (request.type !== 'api')
    throw new Error(`intent ${type} bears no API request; the journal row cannot be of this build`);
  return request;
}

async function wire(effect: Effect, ports: ExecutorPorts, body: string | null): Promise<Answer> {
  const { method, path, query, contentType } = apiRequest(effect);
  if (method === 'GET') return ports.get(path);
  const answer = ports.send({ method, path, query, contentType, body, auditId: effect.fillings.effectKey });
  ports.crash.hit('sent-no-response');
  const ended = await answer;
  ports.crash.hit('response-before-append');
  return ended;
}

function applied(effect: Effect, answer: Answer, ports: ExecutorPorts, quiet: boolean): Outcome {
  if (answer.type !== 'ok') return failedOutcome(answer, quiet);
  const kind = watchedKind(effect.intent.target.kind);
  const ownership = kind === null ? { ownedHash: null, foreign: [] } : ports.ownership(kind, answer.body);
  return { type: 'applied', uid: uidOf(answer.body), ...ownership };
}

const apply: Send = async (effect, ports) => {
  const { body } = apiRequest(effect);
  const answer = await wire(effect, ports, body === null ? null : filled(body, effect.fillings));
  return applied(effect, answer, ports, false);
};

type SecretRead = Awaited<ReturnType<ReadSecret>>;

/** A Secret's values, decoded, or why they could not be read. */
async function secretNamed(ports: ExecutorPorts, namespace: string, name: string): Promise<SecretRead> {
  const answer = await ports.get(resourcePath('Secret', namespace, name));
  // That another object than the effect's is not there says nothing of the one that is.
  if (answer.type === 'refused' && answer.status === 404)
    return { type: 'not-sent', because: `there is no Secret ${name} to read` };
  if (answer.type !== 'ok') return answer;
  const data = isObject(answer.body) && isObject(answer.body['data']) ? answer.body['data'] : {};
  return {
    type: 'read',
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value), 'base64').toString('utf8')]),
    ),
  };
}

/** Whether values that were made are those whose digests were seen. */
function areCopies(effect: Effect, ports: ExecutorPorts, values: ReadonlyMap<string, string>): boolean {
  const { copies } = apiRequest(effect);
  if (copies === undefined) return true;
  const data = [...values].map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')]);
  const { namespace, intent } = effect;
  const made = ports.digest()?.({ namespace, name: intent.target.name }, Object.fromEntries(data));
  if (made?.keyId !== copies.keyId) return false;
  return Object.entries(made.values).every(([key, digest]) => {
    const seen = copies.values[key === 'password' ? applicationKey : key];
    return seen === undefined || seen === digest;
  });
}

/** Class C, and a Secret that is there: values are made or copied here; those that were copied must be those that were seen. */
const secret: Send = async (effect, ports) => {
  const { body, generated } = apiRequest(effect);
  const { namespace } = effect;
  const made = await generateValues(generated, (name) => secretNamed(ports, namespace, name), ports.chance);
  if (made.type !== 'values') return failedOutcome(made, true);
  if (!areCopies(effect, ports, made.values))
    return { type: 'conflict', reason: 'ValuesChanged', message: 'the values to copy are not those that were seen' };
  const answer = await wire(effect, ports, withData(filled(body ?? '{}', effect.fillings), made.values));
  return applied(effect, answer, ports, true);
};

const remove: Send = async (effect, ports) => {
  const answer = await wire(effect, ports, apiRequest(effect).body);
  return answer.type === 'ok' ? { type: 'deleted' } : failedOutcome(answer, false);
};

const read: Send = async (effect, ports) => {
  const answer = await ports.get(apiRequest(effect).path);
  if (answer.type === 'refused' && answer.status === 404) return { type: 'read', object: null };
  if (answer.type !== 'ok') return failedOutcome(answer, true);
  const kind = watchedKind(effect.intent.target.kind);
  return { type: 'read', object: kind === null ? null : ports.project(kind, answer.body) };
};

const warnings: Send = async (effect, ports) => {
  const { path, query } = apiRequest(effect);
  const answer = await ports.get(path, query);
  return answer.type === 'ok' ? { type: 'done', result: lastWarning(answer.body) } : failedOutcome(answer, false);
};

const compare: Send = async (effect, ports) => {
  const outcome = await apply(effect, ports);
  return outcome.type === 'applied' ? { type: 'compared', uid: outcome.uid, ownedHash: outcome.ownedHash } : outcome;
};

const database: Send = async (effect, ports) => {
  const { request } = effect.intent;
  if (request.type !== 'sql')
    throw new Error('intent CreateDatabase bears no SQL request; the journal row cannot be of this build');
  const { namespace, secret } = request;
  const answer = secret === null ? null : await ports.get(resourcePath('Secret', namespace, secret.name));
  const isThere = answer === null || answer.type === 'ok' || (answer.type === 'refused' && answer.status === 404);
  // A Secret that could not be read is not one without a password.
  if (!isThere) return failedOutcome(answer, true);
  const body = answer?.type === 'ok' ? answer.body : null;
  const data = isObject(body) && isObject(body['data']) ? body['data'] : {};
  const value = data[secret?.key ?? ''];
  const password = typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : null;
  return ensureApplicationDatabase(request, { runInPod: ports.runInPod, chance: ports.chance, password });
};

const patroni: Send = async (effect, ports) => {
  const { request } = effect.intent;
  if (request.type !== 'patroni')
    throw new Error(
      `intent ${effect.intent.type} bears no request to Patroni; the journal row cannot be of this build`,
    );
  return askPatroni(request, ports.runInPod);
};

const passwords: Send = async (effect, ports) => {
  const { request } = effect.intent;
  if (request.type !== 'sql')
    throw new Error('intent SetPasswords bears no SQL request; the journal row cannot be of this build');
  const { credentials = '', application = '' } = request.arguments;
  const [people, apps] = await Promise.all([
    secretNamed(ports, effect.namespace, credentials),
    secretNamed(ports, effect.namespace, application),
  ]);
  if (people.type !== 'read') return failedOutcome(people, true);
  if (apps.type !== 'read') return failedOutcome(apps, true);
  const { runInPod, chance } = ports;
  const digest = ports.digest();
  if (digest === null) return { type: 'withheld', reason: 'there is no key for digests of Secrets' };
  return setPasswords(request, { runInPod, chance, digest, credentials: people.data, application: apps.data });
};

const settings: Send = async (effect, ports) => {
  const { request } = effect.intent;
  if (request.type !== 'sql')
    throw new Error('intent VerifyParameters bears no SQL request; the journal row cannot be of this build');
  return readSettings(request, ports.runInPod);
};

const room: Send = async (effect, ports) => {
  const { request } = effect.intent;
  if (request.type !== 'command')
    throw new Error('intent MeasureVolume bears no command; the journal row cannot be of this build');
  return measureVolume(request, ports.runInPod);
};

/** How each intent is carried out. */
export const effects: Readonly<Record<IntentType, Send>> = {
  AddFinalizer: apply,
  ReleaseFinalizer: apply,
  CreateObject: apply,
  CreateSecret: secret,
  RepairObject: apply,
  RepairStatefulSet: apply,
  RemoveForeignFields: apply,
  AdoptObject: apply,
  MarkRetained: apply,
  StripMarks: apply,
  ReleaseObject: apply,
  DeleteObject: remove,
  CompareObject: compare,
  ReadObject: read,
  ReadEvents: warnings,
  CreateDatabase: database,
  PatchPatroniConfig: apply,
  RequestSwitchover: apply,
  RestartPostgres: patroni,
  ReloadPostgres: patroni,
  ReinitializeMember: patroni,
  VerifyParameters: settings,
  MeasureVolume: room,
  LabelPod: apply,
  GrowVolume: apply,
  SetPasswords: passwords,
  WriteSecret: secret,
  PublishStatus: apply,
  EmitEvent: apply,
};
