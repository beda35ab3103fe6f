/** Owns: reaching the operator's loopback API in its pod: a port-forward over the Kubernetes API, open while pgc runs. */
import { isObject } from '#machines/shared/json.ts';
import { createServer } from 'node:net';
import { PortForward } from '@kubernetes/client-node';
import { Refused } from '#src/errors.ts';
import { settings } from '#src/config.ts';
import { connect } from '#src/kube/api.ts';
import { operatorPodSelector } from './operator.ts';
import { apiSource, type Source } from './source.ts';

type Json = Readonly<Record<string, unknown>>;

/** Port of an address as the operator takes it; null when it is none, or is not stated there. */
function portIn(address: unknown): number | null {
  const [, port] = (typeof address === 'string' ? /:(\d+)$/.exec(address) : null) ?? [];
  return port === undefined ? null : Number(port);
}

/** What a container's settings say: a flag before a variable, as the operator reads them. */
function statedPort(container: Json): number | null {
  const { flag, env } = settings.apiAddress;
  const words = [container['command'], container['args']].flatMap((each) => (Array.isArray(each) ? each : []));
  const index = words.findLastIndex((word) => word === flag || String(word).startsWith(`${flag}=`));
  const given = words[index] === flag ? words[index + 1] : words[index];
  const variables = Array.isArray(container['env']) ? container['env'].filter(isObject) : [];
  return portIn(given) ?? portIn(variables.find(({ name }) => name === env)?.['value']);
}

/** Where the operator in a pod listens: as its manifest says, else where it does unless it is told otherwise. */
function portOf(pod: Json): number {
  const containers = objectAt(pod, 'spec')['containers'];
  const stated = (Array.isArray(containers) ? containers.filter(isObject) : []).map(statedPort);
  return stated.find((port) => port !== null) ?? portIn(settings.apiAddress.default) ?? 0;
}

export interface ForwardOptions {
  readonly kubeconfig: string | readonly string[] | null;
  readonly context: string | null;
  readonly namespace: string;
}

function objectAt(value: unknown, key: string): Json {
  const found = isObject(value) ? value[key] : null;
  return isObject(found) ? found : {};
}

function isReady(status: Json): boolean {
  const conditions = Array.isArray(status['conditions']) ? status['conditions'] : [];
  return conditions.some((each) => isObject(each) && each['type'] === 'Ready' && each['status'] === 'True');
}

/**
 * The operator's pod that answers, or why there is none: one that was evicted stays in the list. A pod that is ready leads;
 * one that is not may wait for its Lease, or have a full disk, and says so itself.
 */
function answeringPod(body: unknown): { readonly pod: string; readonly port: number } | { readonly because: string } {
  const items = isObject(body) && Array.isArray(body['items']) ? body['items'] : [];
  const all = items.map((item) => {
    const [metadata, status] = [objectAt(item, 'metadata'), objectAt(item, 'status')];
    const how = metadata['deletionTimestamp'] === undefined ? String(status['phase']) : 'being deleted';
    return { pod: String(metadata['name']), port: portOf(isObject(item) ? item : {}), how, ready: isReady(status) };
  });
  const running = all.filter(({ how }) => how === 'Running');
  const found = running.find(({ ready }) => ready) ?? running[0];
  if (found !== undefined) return { pod: found.pod, port: found.port };
  const words = all.map(({ pod, how }) => `${pod} is ${how}`).join(', ');
  return { because: all.length === 0 ? 'no pod of it is there' : `no pod of it runs: ${words}` };
}

/** The library fails with an event of its WebSocket, which is no Error. */
function wordsOf(error: unknown): string {
  return isObject(error) && typeof error['message'] === 'string' ? error['message'] : String(error);
}

/** The running operator as a source. @throws Refused when there is no operator or no access */
export async function forwardedSource(options: ForwardOptions): Promise<Source> {
  const kube = connect({ kubeconfig: options.kubeconfig, context: options.context }, Date.now);
  const answer = await kube.get(`/api/v1/namespaces/${options.namespace}/pods`, {
    labelSelector: operatorPodSelector,
  });
  const found =
    answer.type === 'ok'
      ? answeringPod(answer.body)
      : { because: answer.type === 'refused' ? answer.message : answer.because };
  if ('because' in found) {
    await kube.close();
    throw new Refused(found.because, {
      operation: 'reach',
      subject: `the operator in ${options.namespace}`,
      hint: 'name its namespace with --operator-namespace, or read a file with --file',
    });
  }
  const { pod, port: apiPort } = found;
  let broken: string | null = null;
  const forward = new PortForward(kube.connection.config);
  const server = createServer((socket) => {
    // Whoever asked through it is told by its request, which fails.
    socket.on('error', () => undefined);
    forward.portForward(options.namespace, pod, [apiPort], socket, null, socket).catch((error: unknown) => {
      broken = `the port-forward to pod ${options.namespace}/${pod} failed: ${wordsOf(error)}`;
      socket.destroy();
    });
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  return apiSource(
    `http://127.0.0.1:${port}`,
    async () => {
      server.close();
      await kube.close();
    },
    () => broken,
  );
}
