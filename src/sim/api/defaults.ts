/** Owns: what the API server writes into built-in objects by itself. Nobody owns these fields, and no drift can be in them. */
import { at, list, put, text, type Json } from '../json.ts';

function podSpec(spec: Json): Json {
  const containers = list(spec, 'containers').map((container) => ({
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    resources: {},
    ...at(container),
    env: list(container, 'env').map((each) => {
      const field = at(each, 'valueFrom', 'fieldRef');
      return 'fieldPath' in field ? put(at(each), ['valueFrom', 'fieldRef'], { apiVersion: 'v1', ...field }) : each;
    }),
  }));
  return {
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    ...spec,
    containers,
  };
}

function statefulSet(object: Json): Json {
  const spec = at(object, 'spec');
  const claims = list(spec, 'volumeClaimTemplates').map((claim) => ({
    ...at(claim),
    spec: { volumeMode: 'Filesystem', ...at(claim, 'spec') },
    status: { phase: 'Pending' },
  }));
  return {
    ...object,
    spec: {
      podManagementPolicy: 'OrderedReady',
      revisionHistoryLimit: 10,
      replicas: 1,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
      template: put(at(spec, 'template'), [], { spec: podSpec(at(spec, 'template', 'spec')) }),
      ...(claims.length === 0 ? {} : { volumeClaimTemplates: claims }),
    },
  };
}

function service(object: Json, address: string): Json {
  const spec = at(object, 'spec');
  const ip = text(spec, 'clusterIP') || address;
  return {
    ...object,
    spec: {
      sessionAffinity: 'None',
      type: 'ClusterIP',
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ...spec,
      ...('ports' in spec
        ? { ports: list(spec, 'ports').map((port) => ({ protocol: 'TCP', targetPort: at(port)['port'], ...at(port) })) }
        : {}),
      clusterIP: ip,
      clusterIPs: [ip],
    },
    status: { loadBalancer: {}, ...at(object, 'status') },
  };
}

function claim(object: Json): Json {
  return {
    ...object,
    spec: { volumeMode: 'Filesystem', storageClassName: 'standard', ...at(object, 'spec') },
    status: { phase: 'Pending', ...at(object, 'status') },
  };
}

/** The object with its defaults; `address` is a cluster IP that is free. */
export function withDefaults(kind: string, object: Json, address: string): Json {
  switch (kind) {
    case 'StatefulSet':
      return statefulSet(object);
    case 'Service':
      return service(object, address);
    case 'PersistentVolumeClaim':
      return claim(object);
    case 'Secret':
      return { type: 'Opaque', ...object };
    case 'Pod':
      return {
        ...object,
        spec: podSpec(at(object, 'spec')),
        status: { phase: 'Pending', qosClass: 'Burstable', ...at(object, 'status') },
      };
    case 'Namespace':
      return { ...object, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } };
    default:
      return object;
  }
}
