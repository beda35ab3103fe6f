/**
 * Owns: etcd, API server, controller manager and scheduler: for a node, as daemons in its network namespace; for tests, as
 * children on loopback that end with the test. The audit log holds every change with its Audit-ID; bodies but for Secrets.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensurePrograms } from './binary.ts';
import { ensurePki, kubeconfigPath } from './pki.ts';
import { reservePorts } from './ports.ts';
import { lastLines, startChild, waitFor } from './shell.ts';

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

function auditPolicyPath(dir: string): string {
  return join(dir, 'audit-policy.json');
}

/** Path of the audit log of a control plane in `dir`. */
export function auditLogPath(dir: string): string {
  return join(dir, 'audit.log');
}

type Command = readonly string[];

function pkiFile(dir: string, file: string): string {
  return join(dir, 'pki', file);
}

/** How a part of the control plane presents itself to the API server, and asks it about others. */
function clientFlags(dir: string, name: string): Command {
  return ['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
    (flag) => `--${flag}=${kubeconfigPath(dir, name)}`,
  );
}

/** Nothing of a test is throttled by its clients. */
const unthrottled: Command = ['--kube-api-qps=500', '--kube-api-burst=1000'];

function etcdUrl({ etcd }: Ports): string {
  return `http://127.0.0.1:${etcd}`;
}

function etcdCommand({ dir, bed, ports }: ControlPlaneOptions): Command {
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return [
    bed,
    'etcd',
    `--data-dir=${join(dir, 'etcd')}`,
    `--listen-client-urls=${etcdUrl(ports)}`,
    `--advertise-client-urls=${etcdUrl(ports)}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

function apiServerCommand({ dir, bed, address, ports, services }: ControlPlaneOptions): Command {
  return [
    bed,
    'kube-apiserver',
    `--etcd-servers=${etcdUrl(ports)}`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    `--secure-port=${ports.api}`,
    `--service-cluster-ip-range=${services}`,
    `--tls-cert-file=${pkiFile(dir, 'apiserver.crt')}`,
    `--tls-private-key-file=${pkiFile(dir, 'apiserver.key')}`,
    `--client-ca-file=${pkiFile(dir, 'ca.crt')}`,
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${pkiFile(dir, 'sa.key')}`,
    `--service-account-key-file=${pkiFile(dir, 'sa.key')}`,
    `--kubelet-client-certificate=${pkiFile(dir, 'admin.crt')}`,
    `--kubelet-client-key=${pkiFile(dir, 'admin.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--profiling=false',
    `--audit-policy-file=${auditPolicyPath(dir)}`,
    `--audit-log-path=${auditLogPath(dir)}`,
    '--audit-log-maxsize=2000',
  ];
}

function controllersCommand({ dir, bed, ports, nodeGraceSeconds = 50 }: ControlPlaneOptions): Command {
  return [
    bed,
    'kube-controller-manager',
    ...clientFlags(dir, 'controllers'),
    `--service-account-private-key-file=${pkiFile(dir, 'sa.key')}`,
    `--root-ca-file=${pkiFile(dir, 'ca.crt')}`,
    '--use-service-account-credentials=true',
    '--leader-elect=false',
    // Nodes have their pod addresses from their own configuration.
    '--allocate-node-cidrs=false',
    `--node-monitor-grace-period=${nodeGraceSeconds}s`,
    `--cluster-signing-cert-file=${pkiFile(dir, 'ca.crt')}`,
    `--cluster-signing-key-file=${pkiFile(dir, 'ca.key')}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${ports.controllers}`,
    ...unthrottled,
  ];
}

function schedulerCommand({ dir, bed, ports }: ControlPlaneOptions): Command {
  return [
    bed,
    'kube-scheduler',
    ...clientFlags(dir, 'scheduler'),
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    `--secure-port=${ports.scheduler}`,
    ...unthrottled,
  ];
}

/** The commands of a control plane, in the order of their start. Writes the audit policy that they name. */
export function controlPlaneCommands(
  options: ControlPlaneOptions,
): Readonly<Record<'etcd' | 'apiserver' | 'controllers' | 'scheduler', Command>> {
  mkdirSync(options.dir, { recursive: true });
  writeFileSync(auditPolicyPath(options.dir), JSON.stringify(auditPolicy));
  return {
    etcd: etcdCommand(options),
    apiserver: apiServerCommand(options),
    controllers: controllersCommand(options),
    scheduler: schedulerCommand(options),
  };
}

/** True once the API server says that it is ready. */
export function isApiReady(dir: string, address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const read = (file: string): Buffer => readFileSync(pkiFile(dir, file));
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

/** What each program in `dir` said last. */
function lastWords(dir: string, names: readonly string[]): string {
  return names.map((name) => `${name}:\n${lastLines(dir, name, 8)}`).join('\n');
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Waits for the API server of `dir`. @throws with what it and etcd said last, at once when either of them has ended */
async function untilApiReady(
  dir: string,
  address: string,
  port: number,
  started: Readonly<Record<string, ChildProcess>>,
): Promise<void> {
  try {
    await waitFor(
      'the API server being ready',
      async () => {
        const ended = Object.entries(started).find(([, child]) => hasEnded(child));
        if (ended !== undefined) throw new Error(`${ended[0]} ended before the API server was ready`);
        return await isApiReady(dir, address, port);
      },
      60_000,
    );
  } catch (error) {
    const said = lastWords(dir, Object.keys(started));
    throw new Error(`${error instanceof Error ? error.message : String(error)}; ${said}`, { cause: error });
  }
}

function stopped(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (hasEnded(child)) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
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
  const { ports: block, release } = await reservePorts();
  const [api = 0, etcd = 0, etcdPeer = 0, controllers = 0, scheduler = 0] = block;
  const address = '127.0.0.1';
  const ports = { api, etcd, etcdPeer, controllers, scheduler };
  await ensurePki({ dir, address, port: api, context: 'test', apiService: '10.96.0.1' });
  const commands = controlPlaneCommands({ dir, bed, address, ports, services: '10.96.0.0/16' });
  const children: ChildProcess[] = [];
  const start = (name: Component): ChildProcess => {
    const child = startChild(dir, name, commands[name]);
    children.push(child);
    return child;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(stopped));
    await release();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await untilApiReady(dir, address, api, { etcd: start('etcd'), apiserver: start('apiserver') });
  } catch (error) {
    await stop();
    throw error;
  }
  for (const name of components) start(name);
  return { dir, bed, kubeconfig: kubeconfigPath(dir, 'admin'), auditLog: auditLogPath(dir), stop };
}
