/**
 * Owns: the words with which somebody makes things happen in a simulated world and looks at it: in stories, at the prompt
 * of the sandbox, in its scripts. One row of `words` is one of them.
 */
import { columns } from '#src/export/columns.ts';
import { durationMs } from '#machines/shared/duration.ts';
import { readFileSync } from 'node:fs';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { mentioned } from '#src/cli/source.ts';
import { decidedRows } from '#src/export/decided.ts';
import { whyLines, whyOf } from '#src/export/why.ts';
import type { Journal } from '#src/journal/journal.ts';
import type { ApiRequest } from './api/server.ts';
import { pathOf } from './api/places.ts';
import { nameOf, namespaceOf } from './api/store.ts';
import type { Kind } from './api/kinds.ts';
import { makeRival } from './controllers/rival.ts';
import { at, isJson, list, number, text, type Json } from './json.ts';
import type { Seat } from './operators.ts';
import type { Schedule } from './schedule.ts';
import type { World } from './world.ts';

/** A step that cannot be done. */
export class StoryRefused extends Error {}

export interface Telling {
  readonly world: World;
  /** Lines for whoever watches, the first with the time. */
  readonly say: (lines: readonly string[]) => void;
  /** Lets time pass, as `Schedule.run` does. */
  readonly run: Schedule['run'];
  /** What paths of manifests begin from, with a slash at its end. */
  readonly root: URL;
  /** Where objects live. */
  readonly namespace: string;
}

export interface Word {
  readonly usage: string;
  readonly does: string;
  /** @throws StoryRefused when it cannot be done */
  readonly run: (telling: Telling, args: readonly string[]) => Promise<void> | void;
}

const waitMs = 1_800_000;
const operatorRestartMs = 2_000;

/** Milliseconds of `30s`, `5m`, `2h`. @throws StoryRefused when it is none */
export function lengthMs(word: string): number {
  const ms = durationMs(word, 'smh');
  if (ms === null) throw new StoryRefused(`${word || 'nothing'} is no duration such as 30s, 5m or 2h`);
  return ms;
}

function kindOf({ world }: Telling, name: string): Kind {
  const wanted = name.toLowerCase();
  const kind = world.api.kinds.find((each) => each.kind.toLowerCase() === wanted || each.resource === wanted);
  if (kind === undefined)
    throw new StoryRefused(`${name} is no kind; there are ${world.api.kinds.map((each) => each.kind).join(', ')}`);
  return kind;
}

/** Sends a request as kubectl would; a refusal is told, for that is what somebody would see. */
function asked(telling: Telling, request: Omit<ApiRequest, 'user' | 'query'> & Partial<ApiRequest>): void {
  const { status, body } = telling.world.api.handle({ query: {}, user: 'kubectl', ...request });
  if (status >= 300) telling.say([`refused: ${text(body, 'message')}`]);
}

function clusterNamed({ world, namespace }: Telling, name = ''): Json | null {
  const all = world.user.list('PostgresCluster', namespace);
  return (name === '' ? all[0] : all.find((each) => nameOf(each) === name)) ?? null;
}

/** The object of this kind and name, or the one cluster when there is no kind. @throws StoryRefused when it is not there */
function objectOf(telling: Telling, kind: string, name: string): Json {
  const named = kind === '' ? 'PostgresCluster' : kindOf(telling, kind).kind;
  const object =
    named === 'PostgresCluster' ? clusterNamed(telling, name) : telling.world.user.get(named, telling.namespace, name);
  if (object === null) throw new StoryRefused(`${[named, name].filter((each) => each !== '').join(' ')} is not there`);
  return object;
}

function pathOfObject(telling: Telling, object: Json): string {
  return pathOf(kindOf(telling, text(object, 'kind')), namespaceOf(object), nameOf(object));
}

function apply(telling: Telling, file: string): void {
  const source = new URL(file, telling.root);
  let manifests: readonly unknown[];
  try {
    manifests = parseAllDocuments(readFileSync(source, 'utf8')).map((document): unknown => document.toJS());
  } catch (error) {
    throw new StoryRefused(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  for (const manifest of manifests.filter(isJson)) {
    const { namespace } = telling;
    const object = { ...manifest, metadata: { ...at(manifest, 'metadata'), namespace } };
    asked(telling, {
      method: 'PATCH',
      path: pathOf(kindOf(telling, text(manifest, 'kind')), namespace, nameOf(manifest)),
      query: { fieldManager: 'kubectl', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: JSON.stringify(object),
    });
  }
}

/** `edit FIELD VALUE` changes the cluster, `edit KIND NAME FIELD VALUE` anything. */
function edit(telling: Telling, args: readonly string[]): void {
  const [value = '', field = '', name = '', kind = ''] = args.toReversed();
  if (args.length !== 2 && args.length !== 4) throw new StoryRefused('edit takes FIELD VALUE or KIND NAME FIELD VALUE');
  const object = objectOf(telling, kind, name);
  asked(telling, {
    method: 'PATCH',
    path: pathOfObject(telling, object),
    contentType: 'application/merge-patch+json',
    body: JSON.stringify(fieldPatch(field, value)),
  });
}

/** A merge patch of one field. */
function fieldPatch(field: string, value: string): unknown {
  return field.split('.').reduceRight<unknown>((below, key) => ({ [key]: below }), parse(value));
}

/** `fight KIND NAME FIELD VALUE for DURATION`: what is another value is made this one. */
function fight(
  telling: Telling,
  [kind = '', name = '', field = '', value = '', , duration = '']: readonly string[],
): void {
  const forMs = lengthMs(duration);
  const path = field.split('.');
  const change = fieldPatch(field, value);
  const isSo = (object: Json): boolean => at(object, ...path.slice(0, -1))[path.at(-1) ?? ''] === parse(value);
  objectOf(telling, kind, name);
  const { leave } = makeRival(telling.world, 'another-controller', {
    kind: kindOf(telling, kind).kind,
    namespace: telling.namespace,
    name,
    wants: (object) => (isSo(object) || !isJson(change) ? null : change),
  });
  telling.world.schedule.after(forMs, leave);
}

function remove(telling: Telling, object: Json, options: Json = {}): void {
  const path = pathOfObject(telling, object);
  asked(telling, { method: 'DELETE', path, contentType: 'application/json', body: JSON.stringify(options) });
}

async function reached(telling: Telling, phase: string, name: string): Promise<void> {
  if (phase === '') throw new StoryRefused('wait for what? a phase, or gone');
  const ended = await telling.run(waitMs, () => {
    const cluster = clusterNamed(telling, name);
    return phase === 'gone' ? cluster === null : text(cluster, 'status', 'phase') === phase;
  });
  if (ended !== 'over') throw new StoryRefused(`${phase} was not reached in ${waitMs / 60_000} minutes`);
}

/** `namespace/pod` of a member's name, or of the leader. */
function podOf({ world, namespace }: Telling, name: string): string {
  const members = world.kubelets.members();
  if (name === 'leader') {
    const [key] = [...members].find(([, member]) => member.isWritable()) ?? [];
    if (key === undefined) throw new StoryRefused('there is no leader');
    return key;
  }
  const key = `${namespace}/${name}`;
  if (!members.has(key))
    throw new StoryRefused(
      `${name || 'nobody'} is no member that runs; there are ${[...members.keys()].map((each) => each.slice(each.indexOf('/') + 1)).join(', ') || 'none'}`,
    );
  return key;
}

function leading({ world }: Telling): Seat | undefined {
  return world.operators.find((seat) => seat.journal() !== null) ?? world.operators.find((seat) => seat.isAlive());
}

function killNode({ world }: Telling, node: string, ms: number): void {
  const pods = world.user.list('Pod', null);
  const there = pods.filter((pod) => text(pod, 'spec', 'nodeName') === node);
  if (there.length === 0) {
    const nodes = [...new Set(pods.map((pod) => text(pod, 'spec', 'nodeName')))].filter((each) => each !== '').sort();
    throw new StoryRefused(`nothing runs on ${node || 'no node'}; nodes with pods are ${nodes.join(', ') || 'none'}`);
  }
  world.kubelets.loseNode(
    there.map((pod) => `${namespaceOf(pod)}/${nameOf(pod)}`),
    ms,
  );
}

function kill(telling: Telling, [one = '', two = '', three = '', four = '']: readonly string[]): void {
  const { world } = telling;
  if (one === 'node') return killNode(telling, two, four === 'good' ? Infinity : lengthMs(four));
  if (one !== 'operator')
    return world.happen({ type: 'kill-member', atMs: 0, pod: podOf(telling, one), ms: lengthMs(three) });
  const seat = leading(telling);
  if (seat === undefined) throw new StoryRefused('no operator runs');
  const downMs = two === 'for' ? lengthMs(three) : operatorRestartMs;
  seat.kill();
  world.schedule.after(downMs, () => seat.start(), true);
  return undefined;
}

/** What of the spec does not take effect, and why. */
function refusedSpec(status: Json): readonly string[] {
  const valid = list(status, 'conditions').find((each) => text(each, 'type') === 'ConfigurationValid');
  return text(valid, 'status') === 'False' ? [text(valid, 'message')] : [];
}

/** A cluster as its status tells it. */
function clusterLines(cluster: Json): readonly string[] {
  const status = at(cluster, 'status');
  const ready = `${number(status, 0, 'readyReplicas')} of ${number(cluster, 1, 'spec', 'replicas')} ready`;
  const primary = text(status, 'primaryPod') || 'nobody';
  const members = list(status, 'members').map((member) => [
    text(member, 'name'),
    text(member, 'role'),
    text(member, 'state'),
    `timeline ${String(at(member)['timeline'] ?? '?')}`,
  ]);
  return [
    `${nameOf(cluster)}: ${text(status, 'phase') || 'new'}, ${ready}, ${primary} takes writes`,
    text(status, 'reason'),
    ...refusedSpec(status),
    ...columns(members).map((row) => `  ${row}`),
  ].filter((line) => line !== '');
}

/** What pgc would say, from the journal of the operator that leads. */
function why({ reader }: Journal, name: string): readonly string[] {
  const cluster = reader.clusters().findLast((each) => name === '' || each.name === name);
  if (cluster === undefined) throw new StoryRefused(`the journal knows no cluster ${name}`);
  const rows = reader.rows({ uid: cluster.uid });
  const all = decidedRows(rows, new Map(mentioned(rows).map((hash) => [hash, reader.blob(hash)])));
  return whyLines(whyOf({ all, clusterUid: cluster.uid }));
}

/** Operator processes: who is alive, and whose Lease it is. */
function operatorLines({ operators, user }: World): readonly string[] {
  const lease = user.list('Lease', null)[0];
  const holder = text(lease, 'spec', 'holderIdentity');
  const epoch = text(lease, 'metadata', 'annotations', 'postgres.example.com/epoch');
  return operators.map((seat) => {
    const state = !seat.isAlive() ? 'down' : seat.journal() !== null ? 'leads' : 'waits for the Lease';
    return `${seat.name} ${state}${holder.startsWith(seat.name) ? `; holds the Lease, epoch ${epoch}` : ''}`;
  });
}

/** Everything of this namespace as the statuses tell it. */
export function shown({ world, namespace }: Pick<Telling, 'world' | 'namespace'>): readonly string[] {
  const clusters = world.user.list('PostgresCluster', namespace);
  if (clusters.length > 0) return clusters.flatMap(clusterLines);
  const kept = world.user.list('PersistentVolumeClaim', namespace).map(nameOf);
  const running = world.user.list('Pod', namespace).map(nameOf);
  return [
    `no cluster; volumes kept: ${kept.join(', ') || 'none'}${running.length === 0 ? '' : `; pods that run: ${running.join(', ')}`}`,
  ];
}

/** What a step of a path leads to: a field, or the item of a list that has this type or name. */
function below(value: unknown, step: string): unknown {
  if (!Array.isArray(value)) return isJson(value) ? value[step] : undefined;
  return value.find((item: unknown) => isJson(item) && (item['type'] === step || item['name'] === step));
}

/** Every word, by its first. */
export const words: Readonly<Record<string, Word>> = {
  apply: {
    usage: 'apply FILE',
    does: 'a manifest, as kubectl apply --server-side does',
    run: (telling, [file = '']) => apply(telling, file),
  },
  edit: {
    usage: 'edit [KIND NAME] FIELD VALUE',
    does: 'one field, of the cluster or of any object, by hand: edit spec.replicas 3',
    run: edit,
  },
  fight: {
    usage: 'fight KIND NAME FIELD VALUE for DURATION',
    does: 'another controller writes this value back whenever it is another',
    run: fight,
  },
  delete: {
    usage: 'delete [NAME]',
    does: 'the PostgresCluster',
    run: (telling, [name = '']) => remove(telling, objectOf(telling, '', name)),
  },
  orphan: {
    usage: 'orphan [NAME]',
    does: 'deletes the PostgresCluster and nothing else, as kubectl delete --cascade=orphan does',
    run: (telling, [name = '']) => remove(telling, objectOf(telling, '', name), { propagationPolicy: 'Orphan' }),
  },
  remove: {
    usage: 'remove KIND NAME',
    does: 'any object, by hand',
    run: (telling, [kind = '', name = '']) => remove(telling, objectOf(telling, kind, name)),
  },
  wait: {
    usage: 'wait PHASE|gone [NAME]',
    does: 'until the status says so',
    run: (telling, [phase = '', name = '']) => reached(telling, phase, name),
  },
  pass: {
    usage: 'pass DURATION',
    does: 'lets time go by: 30s, 5m, 2h',
    run: async ({ run }, [duration = '']) => void (await run(lengthMs(duration))),
  },
  kill: {
    usage: 'kill POD|leader|node NODE for DURATION, kill node NODE for good, kill operator [for DURATION]',
    does: 'the container, the node or the operator is down that long (the operator 2 s)',
    run: kill,
  },
  cut: {
    usage: 'cut POD|leader for DURATION',
    does: 'its node reaches neither the API server nor the other members',
    run: (telling, [pod = '', , duration = '']) =>
      telling.world.happen({ type: 'cut-member', atMs: 0, pod: podOf(telling, pod), ms: lengthMs(duration) }),
  },
  fill: {
    usage: 'fill POD|leader [almost] for DURATION',
    does: 'the disk of its volume is full: PostgreSQL stops and cannot start; almost: it starts as a replica and cannot be promoted',
    run: (telling, [pod = '', ...rest]) => {
      const key = podOf(telling, pod);
      const ms = lengthMs(rest.at(-1) ?? '');
      const room = rest[0] === 'almost' ? 'little' : 'none';
      telling.world.schedule.after(ms, telling.world.kubelets.fill(key, room));
    },
  },
  recycle: {
    usage: 'recycle POD|leader',
    does: 'what it has of its WAL is recycled: who has not streamed it cannot follow any more',
    run: (telling, [pod = '']) => {
      const member = telling.world.kubelets.members().get(podOf(telling, pod));
      if (member === undefined) throw new StoryRefused(`no PostgreSQL runs in ${pod}`);
      member.directory.oldest = member.directory.position;
    },
  },
  api: {
    usage: 'api down for DURATION',
    does: 'the operators do not reach the API server',
    run: ({ world }, args) => world.happen({ type: 'api-down', atMs: 0, ms: lengthMs(args.at(-1) ?? '') }),
  },
  show: {
    usage: 'show',
    does: 'the clusters as their statuses tell them',
    run: (telling) => telling.say(shown(telling)),
  },
  see: {
    usage: 'see KIND NAME [FIELD]',
    does: 'an object, or one field of it, as YAML; of a list the item of that type or name',
    run: (telling, [kind = '', name = '', field = '']) => {
      const object = objectOf(telling, kind, name);
      const value = field === '' ? object : field.split('.').reduce<unknown>(below, object);
      telling.say(
        stringify(value ?? null)
          .trimEnd()
          .split('\n'),
      );
    },
  },
  operators: {
    usage: 'operators',
    does: 'the operator processes, and who holds the Lease',
    run: ({ world, say }) => say(operatorLines(world)),
  },
  why: {
    usage: 'why [NAME]',
    does: 'the last incident, as pgc why explains it',
    run: (telling, [name = '']) => {
      const journal = leading(telling)?.journal() ?? null;
      if (journal === null) throw new StoryRefused('no operator leads, so no journal is open');
      telling.say(why(journal, name));
    },
  },
};

/** Does one line. @throws StoryRefused naming what cannot be done */
export async function told(
  telling: Telling,
  line: string,
  table: Readonly<Record<string, Word>> = words,
): Promise<void> {
  const [first = '', ...args] = line.trim().split(/\s+/);
  const word = table[first];
  if (word === undefined)
    throw new StoryRefused(`${first} is no word that is known here; there are ${Object.keys(table).join(', ')}`);
  await word.run(telling, args);
}
