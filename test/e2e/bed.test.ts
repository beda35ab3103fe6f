/** What the local cluster promises to the tests of storage: volumes on the node that was chosen, really full, growing or not. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { localCatalog } from '#test/cluster/images/build.ts';
import { environmentCluster, nodeNamed, nodesOf } from '#test/cluster/options.ts';
import { requireNodes } from './support/nodes.ts';
import { longer } from './support/selection.ts';
import { eventually, namespace, openWorld, type World } from './world.ts';

const where = 'e2e-bed';
let world: World;

const list = (...items: readonly unknown[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });

/** A claim of a class and a pod on a node that mounts it at /data and sleeps. */
async function podWithClaim(name: string, storageClass: string, node: string): Promise<void> {
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: where },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: storageClass,
      resources: { requests: { storage: '300Mi' } },
    },
  };
  const container = {
    name: 'sleep',
    image: localCatalog['17'],
    imagePullPolicy: 'Never',
    command: ['sleep', 'infinity'],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: where },
    spec: {
      nodeSelector: { 'kubernetes.io/hostname': node },
      terminationGracePeriodSeconds: 0,
      containers: [container],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: name } }],
    },
  };
  await world.apply(list(claim, pod));
}

const ready = (name: string): Promise<string> =>
  world.kubectl('--namespace', where, 'wait', '--for=condition=Ready', `pod/${name}`, '--timeout=120s');

function inside(pod: string, line: string): Promise<string> {
  return world.kubectl('--namespace', where, 'exec', pod, '--', 'sh', '-c', line);
}

function ask(name: string, size: string): Promise<string> {
  const patch = JSON.stringify({ spec: { resources: { requests: { storage: size } } } });
  return world.kubectl('--namespace', where, 'patch', 'pvc', name, '--type=merge', '-p', patch);
}

const field = (kind: string, name: string, path: string): Promise<string> =>
  world.kubectl('--namespace', where, 'get', kind, name, '--output', `jsonpath=${path}`);

function eventWith(name: string, words: string): Promise<boolean> {
  return eventually(`an Event about ${name} with ${JSON.stringify(words)}`, async () => {
    const about = ['--field-selector', `involvedObject.name=${name}`];
    return (
      await world.kubectl('--namespace', where, 'get', 'events', ...about, '--output', 'jsonpath={.items[*].message}')
    ).includes(words);
  });
}

beforeAll(async () => {
  world = await openWorld();
  requireNodes(world, 1);
  await namespace(world, where);
});

describe('a volume of the local cluster', () => {
  it('lies on the node of its pod, is full when it is full, and grows under the pod also then', async () => {
    const node = nodesOf(environmentCluster()).at(-1) ?? nodeNamed(environmentCluster(), 'node1');
    await podWithClaim('grows', 'local', node.name);
    await ready('grows');
    const volume = await field('pvc', 'grows', '{.spec.volumeName}');
    expect(existsSync(join(node.dir, 'volumes', `${volume}.img`))).toBe(true);
    const fill = 'dd if=/dev/zero of=/data/filler bs=1M 2>&1 || true';
    expect(await inside('grows', fill)).toContain('No space left on device');
    await ask('grows', '400Mi');
    await eventually(
      'the claim having grown',
      async () => (await field('pvc', 'grows', '{.status.capacity.storage}')) === '400Mi',
    );
    await inside('grows', 'dd if=/dev/zero of=/data/more bs=1M count=50');
    await world.kubectl('--namespace', where, 'delete', 'pod/grows', 'pvc/grows', '--timeout=60s');
    await eventually('its file being gone', () =>
      Promise.resolve(!existsSync(join(node.dir, 'volumes', `${volume}.img`))),
    );
  });

  longer('of a class that cannot grow is refused more, by the API server', async () => {
    await podWithClaim('fixed', 'local-fixed', 'node1');
    await ready('fixed');
    await expect(ask('fixed', '400Mi')).rejects.toThrow('must support resize');
  });

  longer('of a class that fails at growing says so, and keeps its size', async () => {
    await podWithClaim('stuck', 'local-stuck', 'node1');
    await ready('stuck');
    await ask('stuck', '400Mi');
    await eventWith('stuck', 'resize2fs');
    expect(await field('pvc', 'stuck', '{.status.capacity.storage}')).toBe('300Mi');
  });

  longer('of a class that gives none leaves its pod waiting, with the reason', async () => {
    await podWithClaim('refused', 'local-refusing', 'node1');
    await eventWith('refused', 'no space is left in the storage pool');
    expect(await field('pod', 'refused', '{.status.phase}')).toBe('Pending');
  });
});
