/** Incidents of the control plane, staged on the real cluster: what the journal answers about each of them. */
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { operatorNamespace } from '#test/cluster/deploy.ts';
import { addressesOf, environmentCluster } from '#test/cluster/options.ts';
import { condition, edit, rolledOut } from './support/changes.ts';
import type { Subject } from './support/database.ts';
import { answered } from './support/incident.ts';
import { apiServer } from './support/nodes.ts';
import { patroniState } from './support/patroni.ts';
import { allStreaming, createShop, primaryPod, settingOfEnvironment } from './support/shop.ts';
import { eventually, openWorld, phase, statusOf, type World } from './world.ts';

const where = 'e2e-incidents-control';
const operator = ['--namespace', operatorNamespace] as const;
let world: World;
let shop: Subject;

beforeAll(async () => {
  world = await openWorld();
  shop = await createShop(world, where, settingOfEnvironment(), { replicas: 2, storage: { size: '300Mi' } });
  await allStreaming(world, shop, 1);
});

afterAll(async () => {
  await apiServer('start');
});

/** What the operator may do, as it stands in its ClusterRole. */
interface Rule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

async function withRules(change: (rules: readonly Rule[]) => readonly Rule[]): Promise<() => Promise<void>> {
  const role = ['clusterrole', 'postgres-operator'] as const;
  const { rules } = (await world.json('get', ...role)) as { readonly rules: readonly Rule[] };
  const set = async (to: readonly Rule[]): Promise<void> => {
    await world.kubectl('patch', ...role, '--type=merge', '--patch', JSON.stringify({ rules: to }));
  };
  await set(change(rules));
  return () => set(rules);
}

/** A webhook that takes a connection and never answers: every request that it is asked about waits. */
async function silentWebhook(name: string): Promise<() => Promise<void>> {
  const server = createServer((socket) => void socket.on('error', () => undefined));
  const { host } = addressesOf(environmentCluster());
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['configmaps'] };
  const webhook = {
    name: 'silent.incidents.example.com',
    clientConfig: { url: `https://${host}:${port}/` },
    rules: [rule],
    objectSelector: { matchLabels: { incident: name } },
    failurePolicy: 'Ignore',
    timeoutSeconds: 30,
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
  const meta = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration' };
  await world.apply(JSON.stringify({ ...meta, metadata: { name }, webhooks: [webhook] }));
  return async () => {
    await world.kubectl('delete', 'validatingwebhookconfiguration', name);
    server.close();
  };
}

/**
 * The API server has one seat for what the operator changes at StatefulSets, and that one is taken, again and again, by
 * requests that a webhook keeps waiting: it answers 429 to the operator. @returns how to end it
 */
async function throttled(): Promise<() => Promise<void>> {
  const name = 'incident-throttling';
  const flow = { apiVersion: 'flowcontrol.apiserver.k8s.io/v1' };
  const serviceAccount = { name: 'postgres-operator', namespace: operatorNamespace };
  const resourceRules = [
    { verbs: ['patch'], apiGroups: ['apps', ''], resources: ['statefulsets', 'configmaps'], namespaces: [where] },
  ];
  const limited = { nominalConcurrencyShares: 0, lendablePercent: 0, borrowingLimitPercent: 0 };
  const rules = [{ subjects: [{ kind: 'ServiceAccount', serviceAccount }], resourceRules }];
  await world.apply(
    JSON.stringify({
      ...flow,
      kind: 'PriorityLevelConfiguration',
      metadata: { name },
      spec: { type: 'Limited', limited: { ...limited, limitResponse: { type: 'Reject' } } },
    }),
  );
  await world.apply(
    JSON.stringify({
      ...flow,
      kind: 'FlowSchema',
      metadata: { name },
      spec: { matchingPrecedence: 3, priorityLevelConfiguration: { name }, rules },
    }),
  );
  const label = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: where, labels: { incident: name } },
  };
  await world.apply(JSON.stringify(label));
  const endWebhook = await silentWebhook(name);
  let goesOn = true;
  const patch = ['--namespace', where, 'patch', 'configmap', name, '--type=merge', '--patch', '{"data":{"a":"b"}}'];
  const as = `--as=system:serviceaccount:${operatorNamespace}:${serviceAccount.name}`;
  const holder = async (): Promise<void> => {
    // Whoever finds the seat taken is refused as the operator is, and tries again.
    while (goesOn) await world.kubectl(...patch, as).catch(() => undefined);
  };
  const holders = Promise.all([holder(), holder()]);
  return async () => {
    goesOn = false;
    await endWebhook();
    await world.kubectl('delete', 'flowschema,prioritylevelconfiguration', name);
    await holders;
    await world.kubectl('--namespace', where, 'delete', 'configmap', name);
  };
}

describe('an incident of the control plane is explained', () => {
  it('throttling: the API server has no room for what the operator sends', async () => {
    const since = Date.now();
    const end = await throttled();
    try {
      await edit(world, shop, { postgresqlParams: { work_mem: '7MB' } });
      await eventually(
        'it being a trouble',
        async () => (await condition(world, shop, 'ReconcileFailing'))?.status === 'True',
      );
      await answered(world, shop, { incident: 'throttling', since });
    } finally {
      await end();
    }
    await rolledOut(world, shop);
  });

  it('operator crash: it is killed while it rolls an edit out', async () => {
    const since = Date.now();
    await edit(world, shop, { podMetadata: { labels: { team: 'blue' } }, env: [{ name: 'TEAM', value: 'blue' }] });
    await phase(world, where, shop.name, 'Updating');
    const selector = ['--selector', 'app.kubernetes.io/name=postgres-operator'];
    await world.kubectl(...operator, 'delete', 'pod', ...selector, '--grace-period=0', '--force');
    await world.kubectl(...operator, 'rollout', 'status', 'deployment/postgres-operator', '--timeout=180s');
    await rolledOut(world, shop);
    await answered(world, shop, { incident: 'operator-crash', since });
    await allStreaming(world, shop, 1);
  });

  it('lost watch: somebody took a right from the operator, and it sees no pods any more', async () => {
    const since = Date.now();
    const unseen = (rule: Rule): Rule =>
      rule.resources.includes('pods')
        ? { ...rule, verbs: rule.verbs.filter((verb) => verb !== 'watch' && verb !== 'list') }
        : rule;
    const giveBack = await withRules((rules) => rules.map(unseen));
    // A watch that is open lives on without the right.
    await apiServer('kill');
    await apiServer('start');
    try {
      await eventually('the operator saying so', async () =>
        (await statusOf(world, where, shop.name)).reason.includes('the picture is not complete'),
      );
      await answered(world, shop, { incident: 'lost-watch', since });
    } finally {
      await giveBack();
    }
    await phase(world, where, shop.name, 'Running');
    await eventually('pods being heard again', async () =>
      (await statusOf(world, where, shop.name)).reason.includes('2 of 2'),
    );
  });

  it('API cut: the API server is away for longer than the operator trusts what it saw last', async () => {
    const primary = await primaryPod(world, shop);
    const since = Date.now();
    await apiServer('kill');
    await eventually('a long time without it', async () => {
      const state = await patroniState(primary);
      return state !== null && state.dcsLastSeen !== null && Date.now() / 1000 - state.dcsLastSeen > 90;
    });
    const at = Date.now();
    await apiServer('start');
    await world.kubectl(...operator, 'rollout', 'status', 'deployment/postgres-operator', '--timeout=180s');
    await phase(world, where, shop.name, 'Running');
    await answered(world, shop, { incident: 'api-cut', since, at });
  });
});
