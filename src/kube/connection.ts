/**
 * Owns: who we are and whom we speak to: kubeconfig or service account, TLS, token. The only importer of the official
 * client in the operator; its request layer is not used (one agent per request, watches that end for good: `docs/libraries`).
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { KubeConfig } from '@kubernetes/client-node';
import { messageOf, Refused } from '#src/errors.ts';

export interface ConnectionOptions {
  /** Path of a kubeconfig, or several that are one; null uses the pod's service account, or the default kubeconfig with an explicit context. */
  readonly kubeconfig: string | readonly string[] | null;
  /** Context to use; null is only allowed with a kubeconfig path or inside a cluster: never somebody's current context by accident. */
  readonly context: string | null;
}

/** Who we are in TLS, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What a request is sent with. */
export interface Credentials {
  /** The Authorization header, or null. */
  readonly authorization: string | null;
  /** Of the credential plugin, in place of the one in `tls`; null where it gives none. */
  readonly certificate: Certificate | null;
}

/** TLS material and address; credentials are asked for each request, since they are rotated. */
export interface Connection {
  /** Its path stands before every path that is asked for: several clusters may be behind one address. */
  readonly server: URL;
  /** The only way there; null where there is a direct one. */
  readonly proxy: URL | null;
  /** As whom the user acts; null as himself. */
  readonly actsAs: string | null;
  readonly tls: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly rejectUnauthorized: boolean;
    /** What the server's certificate is to be for, where that is another name than the address has. */
    readonly servername?: string;
  };
  /** `fresh` reads the token file or asks the credential plugin anew, after a 401. */
  readonly credentials: (fresh: boolean) => Credentials | Promise<Credentials>;
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

function firstOfEach<T extends { readonly name: string }>(all: readonly T[]): T[] {
  return all.filter(({ name }, index) => all.findIndex((each) => each.name === name) === index);
}

/** Several files as one, as kubectl does it: of what has one name the first counts, and a file that is not there is left out. */
function loadFiles(paths: readonly string[]): KubeConfig {
  const found = paths.filter((path) => existsSync(path));
  if (found.length === 0)
    throw new Refused('there is no such file', {
      operation: 'read the kubeconfig',
      subject: paths.join(', '),
      hint: 'name another one with --kubeconfig or KUBECONFIG',
    });
  const each = found.map((path) => {
    const one = new KubeConfig();
    one.loadFromFile(path);
    return one;
  });
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: firstOfEach(each.flatMap((one) => one.clusters)),
    users: firstOfEach(each.flatMap((one) => one.users)),
    contexts: firstOfEach(each.flatMap((one) => one.contexts)),
    currentContext: each.map((one) => one.currentContext).find((name) => (name ?? '') !== '') ?? '',
  });
  return config;
}

function loadUsual(context: string | null): KubeConfig {
  if (context === null && process.env['KUBERNETES_SERVICE_HOST'] === undefined)
    throw new Refused('no kubeconfig is named, and this is no pod of a cluster', {
      operation: 'load',
      subject: 'the connection to Kubernetes',
      hint: 'name one with --kubeconfig or KUBECONFIG, or a context of your usual one with --context',
    });
  const config = new KubeConfig();
  if (context === null) config.loadFromCluster();
  else config.loadFromDefault();
  return config;
}

function loadConfig({ kubeconfig, context }: ConnectionOptions): KubeConfig {
  const config =
    kubeconfig === null ? loadUsual(context) : loadFiles(typeof kubeconfig === 'string' ? [kubeconfig] : kubeconfig);
  if (context !== null) config.setCurrentContext(context);
  return config;
}

type User = NonNullable<ReturnType<KubeConfig['getCurrentUser']>>;
type Cluster = NonNullable<ReturnType<KubeConfig['getCurrentCluster']>>;

/** Asks the credential plugin or provider that a kubeconfig names; the library keeps what it says until it ends. */
async function askProvider(config: KubeConfig, user: User): Promise<Credentials> {
  const filled: { headers?: Record<string, string>; cert?: unknown; key?: unknown } = {};
  const details = {
    operation: 'ask',
    subject: `the credential plugin of user ${user.name}`,
    hint: 'run it by hand: the kubeconfig has its command; then ask again',
  };
  try {
    await config.applyToHTTPSOptions(filled as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
  } catch (cause) {
    throw new Refused(messageOf(cause).trim(), { ...details, cause });
  }
  const authorization = filled.headers?.['Authorization'] ?? null;
  // The library fills in the kubeconfig's own certificate first, as bytes; what a plugin says is text.
  const { cert, key } = filled;
  const isCertificate = typeof cert === 'string' && typeof key === 'string';
  const certificate = isCertificate ? { cert, key } : null;
  if (authorization !== null || certificate !== null || user.certData !== undefined || user.certFile !== undefined)
    return { authorization, certificate };
  throw new Refused(
    typeof cert === 'string' ? 'it gives a certificate without its key' : 'it gives neither a token nor a certificate',
    details,
  );
}

/** What to expect of the server, and to show it. */
function tlsOf(cluster: Cluster, user: User): Connection['tls'] {
  const ca = decoded(cluster.caData, cluster.caFile);
  const cert = decoded(user.certData, user.certFile);
  const key = decoded(user.keyData, user.keyFile);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...((cluster.tlsServerName ?? '') === '' ? {} : { servername: cluster.tlsServerName }),
    rejectUnauthorized: cluster.skipTLSVerify !== true,
  };
}

/** Why a configuration leads nowhere, and what to do. */
function nowhere(config: KubeConfig, options: ConnectionOptions): Refused {
  const subject = [options.kubeconfig ?? options.context ?? 'the service account'].flat().join(', ');
  const current = config.getCurrentContext() ?? '';
  const names = config.contexts.map(({ name }) => name).join(', ');
  if (current !== '' && config.getContextObject(current) === null)
    return new Refused(`there is no context ${current}`, {
      operation: 'load',
      subject,
      hint: names === '' ? 'it has none: name another file with --kubeconfig' : `name one with --context: ${names}`,
    });
  return new Refused('no cluster and user found', {
    operation: 'load',
    subject,
    hint: 'give --kubeconfig and --context, or run inside a cluster',
  });
}

/** Loads where to connect and as whom. @throws Refused when no cluster or user can be found */
export function loadConnection(options: ConnectionOptions): Connection {
  const config = loadConfig(options);
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null || user === null) throw nowhere(config, options);
  const inCluster = options.kubeconfig === null && options.context === null;
  const fromFile = inCluster ? tokenFile(serviceAccountToken) : null;
  const isProvided = !inCluster && (user.exec ?? user.authProvider ?? null) !== null;
  const { token } = user;
  let asked = config;
  const provided = (fresh: boolean): Promise<Credentials> => {
    // Loaded anew, it has forgotten what the plugin said.
    if (fresh) asked = loadConfig(options);
    return askProvider(asked, user);
  };
  return {
    server: new URL(cluster.server),
    proxy: (cluster.proxyUrl ?? '') === '' ? null : new URL(cluster.proxyUrl ?? ''),
    actsAs: (user.impersonateUser ?? '') === '' ? null : (user.impersonateUser ?? null),
    tls: tlsOf(cluster, user),
    credentials: (fresh) => {
      if (isProvided) return provided(fresh);
      const own = token === undefined || token === '' ? null : `Bearer ${token}`;
      return { authorization: fromFile?.(fresh) ?? own, certificate: null };
    },
    config,
  };
}

/** The namespace that the context in use names, as kubectl takes it where none is given; `default` where it names none. */
export function contextNamespace(config: KubeConfig): string {
  const { namespace } = config.getContextObject(config.getCurrentContext()) ?? {};
  return namespace === undefined || namespace === '' ? 'default' : namespace;
}
