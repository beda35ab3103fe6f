/** Owns: a cluster's certificates and kubeconfigs, made by openssl for a month; only for tests. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './shell.ts';

export interface PkiOptions {
  readonly dir: string;
  /** Address clients reach the API server at. */
  readonly address: string;
  readonly port: number;
  readonly context: string;
  readonly apiService: string;
  /** Nodes with an identity of their own, whose kubeconfig has their name. */
  readonly nodes?: readonly { readonly name: string; readonly address: string }[];
}

interface Identity {
  readonly name: string;
  readonly subject: string;
  readonly names: string;
}

function identities({ address, apiService, nodes = [] }: PkiOptions): readonly Identity[] {
  const server = [
    'DNS:kubernetes',
    'DNS:kubernetes.default',
    'DNS:kubernetes.default.svc',
    'DNS:localhost',
    'IP:127.0.0.1',
    `IP:${apiService}`,
    `IP:${address}`,
  ];
  return [
    { name: 'apiserver', subject: '/CN=kube-apiserver', names: server.join(',') },
    { name: 'admin', subject: '/O=system:masters/CN=admin', names: 'DNS:admin' },
    { name: 'controllers', subject: '/CN=system:kube-controller-manager', names: 'DNS:controllers' },
    { name: 'scheduler', subject: '/CN=system:kube-scheduler', names: 'DNS:scheduler' },
    ...nodes.map((node) => ({
      name: node.name,
      subject: `/O=system:nodes/CN=system:node:${node.name}`,
      names: `DNS:${node.name},IP:${node.address}`,
    })),
    { name: 'proxy', subject: '/CN=system:kube-proxy', names: 'DNS:proxy' },
  ];
}

function kubeconfig(options: PkiOptions, name: string): string {
  const read = (file: string): string => readFileSync(join(options.dir, 'pki', file)).toString('base64');
  const cluster = {
    server: `https://${options.address}:${options.port}`,
    'certificate-authority-data': read('ca.crt'),
  };
  const user = { 'client-certificate-data': read(`${name}.crt`), 'client-key-data': read(`${name}.key`) };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: options.context, cluster }],
    users: [{ name, user }],
    contexts: [{ name: options.context, context: { cluster: options.context, user: name } }],
    'current-context': options.context,
  });
}

/** Path of an identity's kubeconfig. */
export function kubeconfigPath(dir: string, name: string): string {
  return join(dir, `${name}.kubeconfig`);
}

/** Made, and used in each handshake, at a twentieth of what RSA costs. */
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** Makes what is missing. */
export async function ensurePki(options: PkiOptions): Promise<void> {
  const folder = join(options.dir, 'pki');
  mkdirSync(folder, { recursive: true });
  const openssl = (args: readonly string[]): Promise<string> => run('openssl', args, { cwd: folder });
  if (!existsSync(join(folder, 'ca.crt'))) {
    await openssl([
      'req',
      '-x509',
      ...newKey,
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
      '-subj',
      '/CN=test-ca',
      // Python 3.13, and so Patroni on newer images, takes no authority that does not say what it is for.
      '-addext',
      'keyUsage=critical,keyCertSign,cRLSign',
      '-days',
      '30',
    ]);
    // Kubernetes reads the key of its tokens in this form alone.
    await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'sa.key']);
  }
  for (const { name, subject, names } of identities(options)) {
    if (!existsSync(join(folder, `${name}.crt`))) {
      await openssl(['req', ...newKey, '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject]);
      writeFileSync(
        join(folder, `${name}.ext`),
        `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n`,
      );
      await openssl([
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        'ca.crt',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
        '-days',
        '30',
        '-out',
        `${name}.crt`,
        '-extfile',
        `${name}.ext`,
      ]);
    }
    if (name !== 'apiserver')
      writeFileSync(kubeconfigPath(options.dir, name), kubeconfig(options, name), { mode: 0o600 });
  }
}
