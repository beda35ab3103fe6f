/**
 * Owns: the StatefulSet. Its first pod template already holds what later features need, so that none of them has to roll
 * every cluster: authentication of Patroni's REST API, failsafe mode, a certificate mount point, memory for /dev/shm.
 */
import { annotations, labels, labelValues, objectNames } from '#machines/shared/names.ts';
import type { Json } from '#machines/cluster/plan.ts';
import { sha256 } from '#src/decision/hash.ts';
import {
  claimTemplateLabels,
  memberLabels,
  metadata,
  objectLabels,
  patroniLabels,
  type BuildInput,
} from '../metadata.ts';
import { acceptedSpecText, parametersText } from '../accepted.ts';
import { variables } from '../fields/env.ts';
import { placed } from '../fields/placement.ts';
import { logContainers } from '../fields/logs.ts';
import { podMetadata } from '../fields/pod-metadata.ts';
import { containerResources, plainResources } from '../fields/resources.ts';
import { spiloConfiguration } from './patroni.ts';

/** Bumped when a build renders another pod template for the same spec: such a change must not roll a fleet at once. */
export const renderVersion = '1';

const restPort = 8008;
const postgresPort = 5432;
/** A clean stop writes a checkpoint; killed earlier, the member needs crash recovery and the lock waits for its ttl. */
const stopSeconds = 300;
/** Spilo's own user and group. */
const postgresUser = 101;
const postgresGroup = 103;

function secretValue(name: string, secret: string, key: string): Json {
  return { name, valueFrom: { secretKeyRef: { name: secret, key } } };
}

function fieldValue(name: string, fieldPath: string): Json {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
}

/** Spilo's environment. A flag is "non-empty = true": what is off is left out. */
function environment(input: BuildInput): readonly Json[] {
  const inForce = objectNames(input.name).credentialsInForce;
  const value = (name: string, text: string): Json => ({ name, value: text });
  return [
    value('SCOPE', input.name),
    value('PGVERSION', input.spec.version),
    fieldValue('POD_IP', 'status.podIP'),
    fieldValue('POD_NAMESPACE', 'metadata.namespace'),
    value('DCS_ENABLE_KUBERNETES_API', 'true'),
    ...(input.dcs === 'ConfigMaps' ? [value('KUBERNETES_USE_CONFIGMAPS', 'true')] : []),
    value('KUBERNETES_SCOPE_LABEL', labels.cluster),
    value('KUBERNETES_LABELS', JSON.stringify(patroniLabels)),
    value('KUBERNETES_ROLE_LABEL', labels.role),
    value('KUBERNETES_LEADER_LABEL_VALUE', labelValues.leader),
    value('KUBERNETES_STANDBY_LEADER_LABEL_VALUE', labelValues.leader),
    // The default needs a ClusterRole for every cluster.
    value('KUBERNETES_BYPASS_API_SERVICE', 'false'),
    // Otherwise Spilo asks a cloud's metadata address at every start.
    value('SPILO_PROVIDER', 'local'),
    value('PGUSER_SUPERUSER', 'postgres'),
    secretValue('PGPASSWORD_SUPERUSER', inForce, 'POSTGRES_PASSWORD'),
    value('PGUSER_STANDBY', 'standby'),
    secretValue('PGPASSWORD_STANDBY', inForce, 'REPLICATION_PASSWORD'),
    // Stands before the value that expands it.
    secretValue('RESTAPI_PASSWORD', inForce, 'RESTAPI_PASSWORD'),
    value('SPILO_CONFIGURATION', spiloConfiguration(input)),
    ...variables(input.spec),
  ];
}

function container(input: BuildInput): Json {
  return {
    name: 'postgres',
    image: input.image,
    imagePullPolicy: input.imagePullPolicy,
    ports: [
      { name: 'postgresql', containerPort: postgresPort, protocol: 'TCP' },
      { name: 'patroni', containerPort: restPort, protocol: 'TCP' },
    ],
    env: environment(input),
    resources: containerResources(input.spec),
    // No liveness probe: it would kill bootstraps, restores and crash recovery that take long.
    readinessProbe: {
      httpGet: { path: '/readiness', port: restPort, scheme: 'HTTP' },
      initialDelaySeconds: 2,
      periodSeconds: 5,
      timeoutSeconds: 5,
      successThreshold: 1,
      failureThreshold: 3,
    },
    securityContext: {
      // Spilo's cron (base backups, certificate reload) changes its user.
      allowPrivilegeEscalation: true,
      privileged: false,
      readOnlyRootFilesystem: false,
      runAsNonRoot: true,
    },
    volumeMounts: [
      { name: 'data', mountPath: '/home/postgres/pgdata' },
      { name: 'shm', mountPath: '/dev/shm' },
      { name: 'certificates', mountPath: '/certificates', readOnly: true },
    ],
  };
}

function podSpec(input: BuildInput): Json {
  return {
    serviceAccountName: objectNames(input.name).access,
    automountServiceAccountToken: true,
    // A variable per Service of the namespace; Spilo takes every KUBERNETES_* it finds as Patroni's configuration.
    enableServiceLinks: false,
    terminationGracePeriodSeconds: stopSeconds,
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {
      runAsUser: postgresUser,
      runAsGroup: postgresGroup,
      fsGroup: postgresGroup,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...placed(input.name, input.spec),
    containers: [container(input), ...logContainers(input.spec, input)],
    volumes: [
      // 64 MB, the runtime's default, breaks parallel queries.
      { name: 'shm', emptyDir: { medium: 'Memory' } },
      // Filled once TLS is asked for; there from the start, so that asking for it rolls nothing.
      { name: 'certificates', secret: { secretName: `${input.name}-certificates`, optional: true, defaultMode: 416 } },
    ],
  };
}

/** Spec of a member's claim; in the template with the size it was made with, in the claims the operator makes itself with the present one. */
function claimSpec(input: BuildInput, size: string): { readonly [key: string]: Json } {
  const { storageClass } = input.spec.storage;
  return {
    accessModes: ['ReadWriteOnce'],
    ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
    volumeMode: 'Filesystem',
    resources: { requests: { storage: size } },
  };
}

/**
 * Hash of the pod specification and of what it refers to: pods that bear another one were made from another template. A quantity
 * that is only spelled otherwise makes none.
 */
export function templateHash(input: BuildInput): string {
  const { resources } = input.spec;
  // The spec was validated: plain resources are of the same shape.
  const plain = plainResources(resources) as typeof resources;
  const spec = podSpec(plain === undefined ? input : { ...input, spec: { ...input.spec, resources: plain } });
  return sha256(JSON.stringify(spec) + (input.credentials ?? '')).slice(0, 16);
}

/** Passwords are read when a container starts: other ones are another template. */
function credentialsMark({ credentials }: BuildInput): Readonly<Record<string, string>> {
  return credentials === null ? {} : { [annotations.credentials]: credentials };
}

/** Metadata of a member's pod: what finds it, what it was made from, and what the spec adds. */
function podMetadataOf(input: BuildInput): Json {
  const asked = podMetadata(input.spec);
  return {
    labels: { ...asked.labels, ...memberLabels(input.name) },
    annotations: {
      ...asked.annotations,
      [annotations.template]: templateHash(input),
      ...credentialsMark(input),
      ...(asked.mark === null ? {} : { [annotations.podMetadata]: asked.mark }),
    },
  };
}

/** The StatefulSet of a cluster. */
export function statefulSet(input: BuildInput): Json {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadata(input, {
      name: objectNames(input.name).statefulSet,
      labels: objectLabels(input),
      annotations: {
        [annotations.acceptedSpec]: acceptedSpecText(input.spec),
        [annotations.renderVersion]: renderVersion,
        [annotations.dcs]: input.dcs,
        [annotations.image]: input.image,
        ...credentialsMark(input),
        [annotations.bootstrapParameters]: parametersText(input.bootstrapParameters),
        ...(input.rolledOut === null ? {} : { [annotations.rolledOutSpec]: acceptedSpecText(input.rolledOut) }),
        ...(input.chosenImage === null ? {} : { [annotations.chosenImage]: input.chosenImage }),
      },
    }),
    spec: {
      replicas: input.members,
      serviceName: objectNames(input.name).headlessService,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      revisionHistoryLimit: 10,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      selector: { matchLabels: memberLabels(input.name) },
      template: {
        metadata: podMetadataOf(input),
        spec: podSpec(input),
      },
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'data', labels: claimTemplateLabels(input) },
          spec: claimSpec(input, input.claimSize),
        },
      ],
    },
  };
}

/** The claim of one member, made before the StatefulSet needs it. */
export function claim(input: BuildInput, name: string): Json {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: metadata(input, { name, labels: objectLabels(input) }),
    spec: claimSpec(input, input.spec.storage.size),
  };
}

/** At most one member may be evicted at a time; one that is broken anyway may always go. None for a single member. */
export function disruptionBudget(input: BuildInput): Json {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata(input, {
      name: objectNames(input.name).disruptionBudget,
      labels: objectLabels(input),
      owned: true,
    }),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: memberLabels(input.name) },
    },
  };
}
