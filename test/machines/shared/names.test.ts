/** Names that clusters in the field bear: a change orphans them, so it must be meant. */
import { expect, it } from 'vitest';
import * as names from '#machines/shared/names.ts';

it('are what running clusters bear', () => {
  const {
    objectNames,
    claimName,
    claimOrdinal,
    podName,
    leaderObject,
    configObject,
    failoverObject,
    syncObject,
    ordinalOf,
    oneShotAnnotation,
    ...constants
  } = names;
  expect(constants).toEqual({
    apiGroup: 'postgres.example.com',
    apiVersion: 'postgres.example.com/v1alpha1',
    oneShots: ['reload', 'restart', 'switchover', 'reinit', 'replace', 'rotate-credentials'],
    finalizer: 'postgres.example.com/finalizer',
    dcsFinalizer: 'postgres.example.com/dcs',
    fieldManagers: {
      objects: 'postgres-operator',
      finalizer: 'postgres-operator-finalizer',
      status: 'postgres-operator-status',
      journal: 'postgres-operator-journal',
      journalKey: 'postgres-operator-journal-key',
    },
    journalKeySecret: 'postgres-operator-journal-key',
    labels: {
      name: 'app.kubernetes.io/name',
      component: 'app.kubernetes.io/component',
      managedBy: 'app.kubernetes.io/managed-by',
      cluster: 'postgres.example.com/cluster',
      clusterUid: 'postgres.example.com/cluster-uid',
      retained: 'postgres.example.com/retained',
      role: 'spilo-role',
    },
    labelValues: {
      name: 'postgresql',
      managedBy: 'postgres-operator',
      database: 'database',
      leader: 'master',
      replica: 'replica',
    },
    annotations: {
      effect: 'postgres.example.com/effect',
      acceptedSpec: 'postgres.example.com/accepted-spec',
      renderVersion: 'postgres.example.com/render-version',
      rolledOutSpec: 'postgres.example.com/rolled-out-spec',
      chosenImage: 'postgres.example.com/chosen-image',
      bootstrapParameters: 'postgres.example.com/bootstrap-parameters',
      template: 'postgres.example.com/template',
      dcs: 'postgres.example.com/dcs',
      image: 'postgres.example.com/image',
      podMetadata: 'postgres.example.com/pod-metadata',
      systemIdentifier: 'postgres.example.com/system-identifier',
      major: 'postgres.example.com/major',
      approve: 'postgres.example.com/approve',
      credentials: 'postgres.example.com/credentials',
      rotated: 'postgres.example.com/rotated',
    },
  });
  expect(objectNames('shop')).toEqual({
    statefulSet: 'shop',
    primaryService: 'shop',
    replicaService: 'shop-repl',
    headlessService: 'shop-headless',
    dcsServices: ['shop-config', 'shop-sync', 'shop-failover'],
    applicationSecret: 'shop-app',
    credentials: 'shop-credentials',
    credentialsInForce: 'shop-credentials-inforce',
    access: 'shop-patroni',
    patroniConfig: 'shop-patroni-config',
    disruptionBudget: 'shop-pdb',
  });
  expect([claimName('shop', 2), podName('shop', 2)]).toEqual(['data-shop-2', 'shop-2']);
  expect([leaderObject('shop', 'Endpoints'), leaderObject('shop', 'ConfigMaps')]).toEqual(['shop', 'shop-leader']);
  expect(oneShotAnnotation('restart')).toBe('postgres.example.com/restart');
  expect([configObject('shop'), failoverObject('shop'), syncObject('shop')]).toEqual([
    'shop-config',
    'shop-failover',
    'shop-sync',
  ]);
  const others = ['shop', 'shop-', 'shop-x', 'shop-1x', 'other-1', 'shop-repl-1'];
  expect(['shop-0', 'shop-12', ...others].map((pod) => ordinalOf('shop', pod))).toEqual([
    0,
    12,
    ...others.map(() => -1),
  ]);
  expect(
    ['data-shop-12', 'data-shop-x', 'data-shop', 'pgdata-shop-1', 'data-shop-2-1'].map((name) =>
      claimOrdinal('shop', name),
    ),
  ).toEqual([12, -1, -1, -1, -1]);
});
