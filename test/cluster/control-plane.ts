/**
 * Owns: etcd, API server, controller manager and scheduler: for a node, as daemons in its network namespace; for tests, as
 * children on loopback that end with the test. The audit log holds every change with its Audit-ID; bodies but for Secrets.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensurePrograms } from './binary.ts';
import { ensurePki, kubeconfigPath } from './pki.ts';
import { startChild, waitFor } from './shell.ts';

export interface Ports {
  readonly api: number;
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly controllers: number;
  readonly scheduler: number;
}

export interface ControlPlaneOptions {
  readonly dir: string;
  readonly bed: string;
  readonly address: string;
  readonly ports: Ports;
  readonly services: string;
  /** How long a node may be silent before it counts as lost; Kubernetes' own default when it is not said. */
  readonly nodeGraceSeconds?: number;
}

const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'None', verbs: ['list', 'watch'] },
    { level: 'None', verbs: ['get'], resources: [{ group: 'coordination.k8s.io', resources: ['leases'] }] },
    // What the operator asks for by name: its watches should have told it already.
    { level: 'Metadata', verbs: ['get'], userGroups: ['system:serviceaccounts:postgres-operator-system'] },
    { level: 'None', verbs: ['get'] },
    {
      level: 'Metadata',
      resources: [
        { group: '', resources: ['secrets', 'serviceaccounts/token'] },
        { group: 'coordination.k8s.io', resources: ['leases'] },
      ],
    },
    { level: 'RequestResponse', verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'] },
  ],
};

/** Path of the audit log of a control plane in `dir`. */
export function auditLogPath(dir: string): string {
  return join(dir, 'audit.log');
}

/** The commands of a control plane, in the order of their start. */
export function controlPlaneCommands({
  dir,
  bed,
  address,
  ports,
  services,
  nodeGraceSeconds = 50,
}: ControlPlaneOptions): Readonly<Record<'etcd' | 'apiserver' | 'controllers' | 'scheduler', readonly string[]>> {
  const pki = (file: string): string => join(dir, 'pki', file);
  const etcd = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'audit-policy.json'), JSON.stringify(auditPolicy));
  const client = (name: string): readonly string[] =>
    ['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
      (flag) => `--${flag}=${kubeconfigPath(dir, name)}`,
    );
  return {
    etcd: [
      bed,
      'etcd',
      `--data-dir=${join(dir, 'etcd')}`,
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
    apiserver: [
      bed,
      'kube-apiserver',
      `--etcd-servers=${etcd}`,
      `--bind-address=${address}`,
      `--advertise-address=${address}`,
      `--secure-port=${ports.api}`,
      `--service-cluster-ip-range=${services}`,
      `--tls-cert-file=${pki('apiserver.crt')}`,
      `--tls-private-key-file=${pki('apiserver.key')}`,
      `--client-ca-file=${pki('ca.crt')}`,
      '--authorization-mode=Node,RBAC',
      '--allow-privileged=true',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${pki('sa.key')}`,
      `--service-account-key-file=${pki('sa.key')}`,
      `--kubelet-client-certificate=${pki('admin.crt')}`,
      `--kubelet-client-key=${pki('admin.key')}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--profiling=false',
      `--audit-policy-file=${join(dir, 'audit-policy.json')}`,
      `--audit-log-path=${auditLogPath(dir)}`,
      '--audit-log-maxsize=2000',
    ],
    controllers: [
      bed,
      'kube-controller-manager',
      ...client('controllers'),
      `--service-account-private-key-file=${pki('sa.key')}`,
      `--root-ca-file=${pki('ca.crt')}`,
      '--use-service-account-credentials=true',
      '--leader-elect=false',
      // Nodes have their pod addresses from their own configuration.
      '--allocate-node-cidrs=false',
      `--node-monitor-grace-period=${nodeGraceSeconds}s`,
      `--cluster-signing-cert-file=${pki('ca.crt')}`,
      `--cluster-signing-key-file=${pki('ca.key')}`,
      `--bind-address=127.0.0.1`,
      `--secure-port=${ports.controllers}`,
      '--kube-api-qps=500',
      '--kube-api-burst=1000',
    ],
    scheduler: [
      bed,
      'kube-scheduler',
      ...client('scheduler'),
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
      `--secure-port=${ports.scheduler}`,
      '--kube-api-qps=500',
      '--kube-api-burst=1000',
    ],
  };
}

/** True once the API server says that it is ready. */
export function isApiReady(dir: string, address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const read = (file: string): Buffer => readFileSync(join(dir, 'pki', file));
    const probe = request(
      {
        host: address,
        port,
        path: '/readyz',
        ca: read('ca.crt'),
        cert: read('admin.crt'),
        key: read('admin.key'),
        timeout: 2000,
      },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    probe.on('error', () => resolve(false));
    probe.on('timeout', () => probe.destroy());
    probe.end();
  });
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<{ readonly port: number; readonly close: () => Promise<void> }>((resolve, reject) => {
          const server = createServer().once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            const port = typeof address === 'object' && address !== null ? address.port : 0;
            resolve({ port, close: () => new Promise((done) => server.close(() => done())) });
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => server.close()));
  return servers.map((server) => server.port);
}

export interface ControlPlane {
  readonly dir: string;
  readonly kubeconfig: string;
  readonly bed: string;
  readonly auditLog: string;
  readonly stop: () => Promise<void>;
}

/** What a control plane consists of. */
export type Component = keyof ReturnType<typeof controlPlaneCommands>;

/**
 * A control plane for one test file: no root, loopback, about five seconds. It ends with `stop` or with the process.
 * @param components beside etcd and the API server, which there always are
 */
export async function startControlPlane(
  log: (line: string) => void = () => undefined,
  components: readonly Component[] = ['controllers', 'scheduler'],
): Promise<ControlPlane> {
  const { bed } = await ensurePrograms(log);
  const dir = mkdtempSync(join(tmpdir(), 'pgo-'));
  const [api = 0, etcd = 0, etcdPeer = 0, controllers = 0, scheduler = 0] = await freePorts(5);
  const address = '127.0.0.1';
  const ports = { api, etcd, etcdPeer, controllers, scheduler };
  await ensurePki({ dir, address, port: api, context: 'test', apiService: '10.96.0.1' });
  const commands = controlPlaneCommands({ dir, bed, address, ports, services: '10.96.0.0/16' });
  const children = [startChild(dir, 'etcd', commands.etcd), startChild(dir, 'apiserver', commands.apiserver)];
  await waitFor('the API server being ready', () => isApiReady(dir, address, api), 60_000);
  for (const name of components) children.push(startChild(dir, name, commands[name]));
  return {
    dir,
    bed,
    kubeconfig: kubeconfigPath(dir, 'admin'),
    auditLog: auditLogPath(dir),
    stop: async () => {
      await Promise.all(
        children.map(
          (child) =>
            new Promise<void>((resolve) => {
              if (child.exitCode !== null || child.signalCode !== null) return resolve();
              child.once('exit', () => resolve());
              child.kill('SIGKILL');
            }),
        ),
      );
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
