/**
 * Owns: the Services. In Endpoints mode the one named after the cluster has no selector and bears all of Patroni's
 * labels: its Endpoints are the leader lock, and they get the Service's labels. In ConfigMaps mode role label and
 * readiness decide.
 */
import { dcsFinalizer, labels, labelValues, objectNames } from '#machines/shared/names.ts';
import type { Json } from '#machines/cluster/plan.ts';
import { exposure, serviceAnnotations } from '../fields/service.ts';
import { dcsLabels, memberLabels, metadata, objectLabels, type BuildInput } from '../metadata.ts';

/** Endpoints mode is hard-wired to a port of this name. */
const port = { name: 'postgresql', port: 5432, protocol: 'TCP', targetPort: 5432 } as const;

type Annotations = Readonly<Record<string, string>>;
type ServiceSpec = { readonly [key: string]: Json };

function service(input: BuildInput, name: string, spec: ServiceSpec, annotations: Annotations = {}): Json {
  const options = { name, labels: objectLabels(input), annotations };
  return { apiVersion: 'v1', kind: 'Service', metadata: metadata(input, options), spec };
}

/** A Service whose Endpoints Patroni fills with its own state. Deleting it by hand only marks it. */
function dcsService(input: BuildInput, name: string, spec: ServiceSpec, annotations: Annotations = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(input, { name, labels: dcsLabels(input), annotations, finalizers: [dcsFinalizer] }),
    spec,
  };
}

function routed(input: BuildInput, role: string): { readonly [key: string]: Json } {
  return {
    type: 'ClusterIP',
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ports: [port],
    selector: { ...memberLabels(input.name), [labels.role]: role },
  };
}

/** Reads and writes: always the leader. */
export function primaryService(input: BuildInput): Json {
  const annotations = serviceAnnotations(input.spec);
  if (input.dcs === 'ConfigMaps') {
    const spec = { ...routed(input, labelValues.leader), ...exposure(input.spec) };
    return service(input, input.name, spec, annotations);
  }
  const spec = { sessionAffinity: 'None', internalTrafficPolicy: 'Cluster', ports: [port] };
  return dcsService(input, input.name, { ...exposure(input.spec), ...spec }, annotations);
}

/** Reads: the replicas that are Ready. */
export function replicaService(input: BuildInput): Json {
  return service(input, objectNames(input.name).replicaService, routed(input, labelValues.replica));
}

/** Names for members, also for those that are not Ready: they have to find each other to become so. */
export function headlessService(input: BuildInput): Json {
  return service(input, objectNames(input.name).headlessService, {
    type: 'ClusterIP',
    clusterIP: 'None',
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    publishNotReadyAddresses: true,
    ports: [port],
    selector: memberLabels(input.name),
  });
}

/** The Services that keep Patroni's other Endpoints from being collected; Endpoints mode only. */
export function patroniServices(input: BuildInput): readonly { readonly name: string; readonly body: Json }[] {
  if (input.dcs === 'ConfigMaps') return [];
  return objectNames(input.name).dcsServices.map((name) => ({
    name,
    body: dcsService(input, name, {
      type: 'ClusterIP',
      clusterIP: 'None',
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
    }),
  }));
}
