/**
 * T6: leaks and wrong ownership. The operator dies at any point of a deletion; objects of somebody else bear our labels.
 * Hunts: CloudNativePG 1.30 (a duplicate Database dropped the survivor's), cloudnative-pg#10846,
 * zalando/postgres-operator#1751 (orphaned Endpoints kept a namesake from being made).
 * Switches: `test/mutants/t06-foreign-objects-taken.patch`, `t06-strangers-never-asked-for.patch`.
 */
import { describe, expect, it } from 'vitest';
import { labels, labelValues } from '#machines/shared/names.ts';
import { nameOf } from '#src/sim/api/store.ts';
import type { Invariant } from '#src/sim/invariants/invariant.ts';
import type { PlanStep } from '#src/sim/plan.ts';
import { singleCrashes } from '#src/sim/exploration.ts';
import { calm, namespace, planOf, slice, violated, waitUntil } from './hazard.ts';
import { noResidue } from './laws.ts';

const foreign = { kind: 'ConfigMap', name: 'somebody-else' };

/** An object that bears our labels and says to whom it belongs: not to us. */
const planted: PlanStep = {
  type: 'meddle',
  atMs: 500,
  path: `/api/v1/namespaces/${namespace}/configmaps/${foreign.name}`,
  manager: 'somebody',
  how: 'apply',
  body: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: foreign.name,
      namespace,
      labels: {
        [labels.managedBy]: labelValues.managedBy,
        [labels.cluster]: 'shop',
        [labels.clusterUid]: '00000000-0000-4000-8000-000000000000',
        'somebody-else': 'true',
      },
    },
    data: { precious: 'yes' },
  },
};

const untouched: Invariant = {
  name: 'T6',
  says: 'what is somebody else’s is not touched',
  watch: (world, tell) => {
    world.api.store.onChange(({ type, kind, object }) => {
      const { name } = Object(object['metadata']) as { name?: unknown };
      if (kind.kind === foreign.kind && name === foreign.name && type !== 'ADDED') tell(`it was ${type}`);
    });
    return {
      atEnd: () => {
        if (world.user.get(foreign.kind, namespace, foreign.name) === null) tell('it is not there');
      },
    };
  },
};

describe('T6: what is left, and whose it is', () => {
  it('a deletion that was interrupted anywhere leaves exactly what is kept', async () => {
    const { run, story } = await calm('delete');
    const begins = story.find(({ kind, type }) => kind === 'StatefulSet' && type === 'DELETED');
    expect(begins).toBeDefined();
    const inDeletion = singleCrashes(run, 'kill').slice(-140);
    const amnesia = singleCrashes(run, 'amnesia').slice(-140);
    const plans = [...slice(inDeletion, 3), ...slice(amnesia, 3)];
    expect(await violated(plans, { also: [noResidue] })).toEqual([]);
  });

  it('an object of somebody else that bears our labels outlives the cluster untouched', async () => {
    const plan = planOf('delete', [planted]);
    expect(await violated([plan], { also: [untouched, noResidue], sameEnd: false })).toEqual([]);
  });
});

const secret = { kind: 'Secret', name: 'shop-app' };
const path = `/api/v1/namespaces/${namespace}/secrets/${secret.name}`;

/** Somebody's own Secret at the name of one of ours, without any label of ours: no watch shows it. */
function laid(atMs: number): PlanStep {
  const body = {
    apiVersion: 'v1',
    kind: secret.kind,
    metadata: { name: secret.name, namespace },
    data: { password: Buffer.from('somebody-elses-1').toString('base64') },
  };
  return { type: 'meddle', atMs, path, manager: 'somebody', how: 'apply', body };
}

function taken(atMs: number): PlanStep {
  return { type: 'meddle', atMs, path, manager: 'somebody', how: 'delete', body: {} };
}

const oursInTheEnd: Invariant = {
  name: 'T6',
  says: 'somebody else’s Secret is let be, and ours is made once it is gone',
  watch: (world, tell) => {
    world.api.store.onChange(({ type, kind, object }) => {
      const { name, labels: borne = {} } = Object(object['metadata']) as {
        readonly name?: unknown;
        readonly labels?: Readonly<Record<string, unknown>>;
      };
      const isLaid = kind.kind === secret.kind && name === secret.name && borne[labels.cluster] === undefined;
      if (isLaid && type === 'MODIFIED') tell('it was changed');
    });
    return {
      atEnd: () => {
        const { metadata } = (world.user.get(secret.kind, namespace, secret.name) ?? {}) as {
          readonly metadata?: { readonly labels?: Readonly<Record<string, unknown>> };
        };
        if (metadata?.labels?.[labels.cluster] !== 'shop') tell('ours is not there');
      },
    };
  },
};

describe('T6: somebody else’s object at one of our names, that goes again', () => {
  it.each([
    ['before the cluster is made', [laid(500), taken(200_000)]],
    ['while it runs', [taken(300_000), laid(300_000), taken(500_000)]],
  ])('%s is let be, and followed by ours within minutes', async (_, steps) => {
    const plan = planOf('create', [...steps, waitUntil(700_000)]);
    expect(await violated([plan], { also: [oursInTheEnd], sameEnd: false })).toEqual([]);
  });
});

describe('T6: volumes of members that were scaled away', () => {
  const at = (volumePolicy: string): PlanStep => ({
    type: 'meddle',
    atMs: 5_000,
    path: `/apis/postgres.example.com/v1alpha1/namespaces/${namespace}/postgresclusters/shop`,
    manager: 'somebody',
    how: 'merge',
    body: { spec: { volumePolicy } },
  });

  /** The claims that are there in the end. */
  const claims = (tell: (names: readonly string[]) => void): Invariant => ({
    name: 'claims',
    says: 'nothing',
    watch: (world) => ({ atEnd: () => tell(world.user.list('PersistentVolumeClaim', namespace).map(nameOf)) }),
  });

  it.each([
    ['Delete', ['data-shop-0']],
    ['Retain', ['data-shop-0', 'data-shop-1', 'data-shop-2']],
  ])('under %s these are left: %j', async (policy, names) => {
    let left: readonly string[] = [];
    const plan = planOf('scale', [at(policy), waitUntil(900_000)]);
    const also = [claims((each) => (left = each))];
    expect(await violated([plan], { also, sameEnd: false })).toEqual([]);
    expect([...left].sort()).toEqual(names);
  });

  it('an operator that dies anywhere takes none that is wanted, and all others', async () => {
    const crashes = singleCrashes((await calm('scale')).run, 'kill').slice(-60);
    const plans = slice(crashes, 4).map((plan) => ({
      ...plan,
      steps: [at('Delete'), ...plan.steps, waitUntil(900_000)],
    }));
    const left: (readonly string[])[] = [];
    expect(await violated(plans, { also: [claims((each) => left.push(each))], sameEnd: false })).toEqual([]);
    expect(left).toEqual(plans.map(() => ['data-shop-0']));
  });
});
