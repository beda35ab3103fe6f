/**
 * Owns: who we are and whom we speak to: kubeconfig or service account, TLS, token. The only importer of the official
 * client in the operator; its request layer is not used (one agent per request, watches that end for good: `docs/libraries`).
 */
import { readFileSync, statSync } from 'node:fs';
import { KubeConfig } from '@kubernetes/client-node';
import { Refused } from '#src/errors.ts';

export interface ConnectionOptions {
  /** Path of a kubeconfig; null uses the pod's service account, or the default kubeconfig with an explicit context. */
  readonly kubeconfig: string | null;
  /** Context to use; null is only allowed with a kubeconfig path or inside a cluster: never somebody's current context by accident. */
  readonly context: string | null;
}

/** TLS material and address; `authorization` is asked for each request, since tokens are rotated. */
export interface Connection {
  readonly server: URL;
  readonly tls: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly rejectUnauthorized: boolean;
  };
  /** The Authorization header, or null; `fresh` reads the token file anew, after a 401. */
  readonly authorization: (fresh: boolean) => string | null;
  readonly config: KubeConfig;
}

const serviceAccountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

function decoded(data: string | undefined, file: string | undefined): string | undefined {
  if (data !== undefined && data !== '') return Buffer.from(data, 'base64').toString('utf8');
  return file === undefined || file === '' ? undefined : readFileSync(file, 'utf8');
}

/** Reads a token file again when it changes and whenever `fresh` is asked for. @returns the Authorization header; throws when the file is gone */
export function tokenFile(path: string): (fresh: boolean) => string {
  let known: { readonly token: string; readonly changedMs: number } | null = null;
  return (fresh) => {
    const changedMs = statSync(path).mtimeMs;
    if (fresh || known === null || known.changedMs !== changedMs) {
      known = { token: readFileSync(path, 'utf8').trim(), changedMs };
    }
    return `Bearer ${known.token}`;
  };
}

function loadConfig(options: ConnectionOptions): KubeConfig {
  const config = new KubeConfig();
  if (options.kubeconfig !== null) config.loadFromFile(options.kubeconfig);
  else if (options.context !== null) config.loadFromDefault();
  else config.loadFromCluster();
  if (options.context !== null) config.setCurrentContext(options.context);
  return config;
}

/** Loads where to connect and as whom. @throws Refused when no cluster or user can be found */
export function loadConnection(options: ConnectionOptions): Connection {
  const config = loadConfig(options);
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null || user === null) {
    throw new Refused('no cluster and user found', {
      operation: 'load',
      subject: options.kubeconfig ?? options.context ?? 'the service account',
      hint: 'give --kubeconfig and --context, or run inside a cluster',
    });
  }
  const ca = decoded(cluster.caData, cluster.caFile);
  const cert = decoded(user.certData, user.certFile);
  const key = decoded(user.keyData, user.keyFile);
  const inCluster = options.kubeconfig === null && options.context === null;
  const fromFile = inCluster ? tokenFile(serviceAccountToken) : null;
  const token = user.token;
  return {
    server: new URL(cluster.server),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      rejectUnauthorized: cluster.skipTLSVerify !== true,
    },
    authorization: (fresh) => fromFile?.(fresh) ?? (token === undefined || token === '' ? null : `Bearer ${token}`),
    config,
  };
}
