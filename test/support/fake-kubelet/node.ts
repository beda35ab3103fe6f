/** Owns: the node object with its heartbeat, the storage class, and a volume for each claim. */
import type { Ports } from '#src/ports.ts';
import { at, text, type Writer } from './api.ts';

const name = 'fake';
const provisioner = 'fake.postgres.example.com';
const className = 'fake';

/** Registers the node, or renews it: room for thousands of pods. */
export async function registerNode(writer: Writer, ports: Ports): Promise<void> {
  const now = new Date(ports.clock.nowMs()).toISOString().replace(/\.\d+Z/, 'Z');
  const identity = { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'kubernetes.io/hostname': name } } };
  const room = { cpu: '100000', memory: '1000Ti', pods: '10000', 'ephemeral-storage': '1000Ti' };
  await writer.apply(`/api/v1/nodes/${name}`, identity);
  await writer.apply(`/api/v1/nodes/${name}/status`, {
    ...identity,
    status: {
      capacity: room,
      allocatable: room,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'fake',
          lastHeartbeatTime: now,
          lastTransitionTime: now,
        },
      ],
    },
  });
  await writer.apply(`/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}`, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'kube-node-lease' },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: now.replace('Z', '.000000Z') },
  });
}

/** The default class; its volumes are bound at once. */
export async function storageClass(writer: Writer): Promise<void> {
  await writer.apply(`/apis/storage.k8s.io/v1/storageclasses/${className}`, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: className, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner,
    volumeBindingMode: 'Immediate',
    reclaimPolicy: 'Delete',
    // Nobody here would make a volume larger: the API server refuses it, and the size is taken back with that reason.
    allowVolumeExpansion: false,
  });
}

/** Makes the volume a claim waits for; Kubernetes binds the two. */
export async function provision(writer: Writer, claim: unknown): Promise<void> {
  if (text(claim, 'status', 'phase') !== 'Pending' || text(claim, 'metadata', 'deletionTimestamp') !== '') return;
  // Claims of other classes wait for somebody else, for ever.
  if (text(claim, 'spec', 'storageClassName') !== className) return;
  const uid = text(claim, 'metadata', 'uid');
  await writer.create('/api/v1/persistentvolumes', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `pvc-${uid}`, annotations: { 'pv.kubernetes.io/provisioned-by': provisioner } },
    spec: {
      capacity: { storage: at(claim, 'spec', 'resources', 'requests')['storage'] },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: className,
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace: text(claim, 'metadata', 'namespace'),
        name: text(claim, 'metadata', 'name'),
        uid,
      },
      hostPath: { path: `/nowhere/${uid}` },
    },
  });
}
