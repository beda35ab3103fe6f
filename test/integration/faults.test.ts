/** What a watch tells through a proxy that fails in every way converges to what the API server holds. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Ports } from '#src/ports.ts';
import { connect, type Kube } from '#src/kube/api.ts';
import { systemPorts } from '#src/system-ports.ts';
import type { LiveObject, WatchItem } from '#src/watch/item.ts';
import type { Source } from '#src/watch/sources.ts';
import { watchSource } from '#src/watch/watch.ts';
import { startControlPlane, type ControlPlane } from '#test/cluster/control-plane.ts';
import { startFaultProxy, type FaultProxy, type ProxyFault } from '#test/support/fault-proxy.ts';

const collection = '/api/v1/namespaces/default/configmaps';
const selector = 'watched=yes';
/** Time runs so much faster for the watch: 70 s of silence are 3.5 s. */
const speed = 20;

let plane: ControlPlane;
let direct: Kube;
let proxy: FaultProxy;
let through: Kube;
let faulty = true;
let random = 20_261_124;

/** A fraction that is the same in each run. */
function chance(): number {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
  return random / 2 ** 32;
}

function faultNow(): ProxyFault {
  if (!faulty) return { type: 'none' };
  const draw = chance();
  if (draw < 0.2) return { type: 'cut', afterBytes: Math.floor(chance() * 6000) };
  if (draw < 0.35) return { type: 'silent', afterBytes: Math.floor(chance() * 6000) };
  if (draw < 0.5) return { type: 'delay', ms: Math.floor(chance() * 1000) };
  const statuses = [500, 503, 429, 410, 504, 401, 403] as const;
  if (draw < 0.75) return { type: 'answer', status: statuses[Math.floor(chance() * statuses.length)] ?? 500 };
  return { type: 'none' };
}

function fastPorts(): Ports {
  const { clock, ticks, ...others } = systemPorts();
  return {
    ...others,
    clock: { nowMs: clock.nowMs, monotonicMs: () => clock.monotonicMs() * speed },
    ticks: { ...ticks, after: (delayMs, run) => ticks.after(delayMs / speed, run) },
    chance: { ...others.chance, fraction: chance },
  };
}

beforeAll(async () => {
  plane = await startControlPlane();
  direct = connect({ kubeconfig: plane.kubeconfig, context: null }, () => Date.now());
  proxy = await startFaultProxy(plane, faultNow);
  const limits = { readMs: 1000, listMs: 1000, watchMs: 15_000, sendMs: 1000 };
  through = connect({ kubeconfig: proxy.kubeconfig, context: null }, () => Date.now(), limits);
});

afterAll(async () => {
  await through.close();
  await direct.close();
  await proxy.stop();
  await plane.stop();
});

interface Reader {
  readonly believed: () => readonly string[];
  readonly stop: () => void;
  readonly troubled: () => number;
}

interface Labelled extends LiveObject {
  readonly metadata: LiveObject['metadata'] & { readonly labels?: Readonly<Record<string, string>> };
}

const inShort = ({ metadata }: LiveObject): string => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`;

function read(labelled: boolean): Reader {
  const source: Source = {
    name: labelled ? 'labelled' : 'all',
    kind: 'ConfigMap',
    namespace: null,
    path: collection,
    query: labelled ? { labelSelector: selector } : {},
    labelled,
    pathOf: (_namespace, name) => `${collection}/${name}`,
  };
  const objects = new Map<string, Labelled>();
  let troubles = 0;
  const take = (item: WatchItem): void => {
    if (item.type === 'seen') objects.set(item.object.metadata.uid, item.object);
    if (item.type === 'gone') objects.delete(item.object.metadata.uid);
  };
  const subscription = watchSource(through, source, fastPorts(), () => (troubles += 1)).subscribe(take);
  return {
    believed: () =>
      [...objects.values()]
        .filter(({ metadata }) => !labelled || metadata.labels?.['watched'] === 'yes')
        .map(inShort)
        .toSorted(),
    stop: () => subscription.unsubscribe(),
    troubled: () => troubles,
  };
}

async function listed(query: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const answer = await direct.get(collection, query);
  if (answer.type !== 'ok') throw new Error(JSON.stringify(answer));
  return (answer.body as { readonly items: readonly LiveObject[] }).items.map(inShort).toSorted();
}

/** One change of one of forty objects: created, changed, labelled or not, deleted, created anew. */
async function change(): Promise<void> {
  const name = `c${Math.floor(chance() * 40)}`;
  const path = `${collection}/${name}`;
  const labels = { watched: chance() < 0.6 ? 'yes' : null };
  const data = { value: 'x'.repeat(Math.floor(chance() * 3000)) };
  const draw = chance();
  const body = JSON.stringify({ metadata: { name, labels }, data });
  const common = { query: {}, auditId: null };
  const patch = { ...common, method: 'PATCH', path, contentType: 'application/merge-patch+json', body } as const;
  const remove = { ...common, method: 'DELETE', path, contentType: null, body: null } as const;
  const create = {
    ...common,
    method: 'POST',
    namespace: null,
    path: collection,
    contentType: 'application/json',
    body: JSON.stringify({ metadata: { name, labels: { watched: 'yes' } }, data }),
  } as const;
  if (draw < 0.5) await direct.send(patch);
  if (draw > 0.7) await direct.send(remove);
  if (draw > 0.4) await direct.send(create);
}

it('objects told through a faulty proxy converge to what the API server lists, within and without a selector', async () => {
  const readers = [read(false), read(true)] as const;
  // Until there was enough of each fault, and both readers had trouble enough: on a slow machine that takes longer than five hundred changes.
  const isEnough = (): boolean =>
    Math.min(...Object.values(proxy.counts)) > 3 && readers.every((reader) => reader.troubled() > 10);
  for (let changes = 1; changes <= 500 || !isEnough(); changes += 1) {
    await change();
    if (changes % 100 === 0) proxy.cutAll();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  faulty = false;
  const [all, some] = [await listed({}), await listed({ labelSelector: selector })];
  await expect.poll(readers[0].believed, { timeout: 60_000, interval: 100 }).toEqual(all);
  await expect.poll(readers[1].believed, { timeout: 60_000, interval: 100 }).toEqual(some);
  expect(all.length).toBeGreaterThan(some.length);
  for (const reader of readers) reader.stop();
});
