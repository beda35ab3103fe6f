/** Owns: reaching the operator's loopback API in its pod: a port-forward over the Kubernetes API, open while pgc runs. */
import { isObject } from '#machines/shared/json.ts';
import { createServer } from 'node:net';
import { PortForward } from '@kubernetes/client-node';
import { Refused } from '#src/errors.ts';
import { connect } from '#src/kube/api.ts';
import { apiSource, type Source } from './source.ts';

const apiPort = 8081;

export interface ForwardOptions {
  readonly kubeconfig: string | null;
  readonly context: string | null;
  readonly namespace: string;
}

function podName(body: unknown): string | null {
  const items = isObject(body) && Array.isArray(body['items']) ? body['items'] : [];
  for (const item of items) {
    const metadata = isObject(item) && isObject(item['metadata']) ? item['metadata'] : {};
    if (typeof metadata['name'] === 'string' && metadata['deletionTimestamp'] === undefined) return metadata['name'];
  }
  return null;
}

/** The running operator as a source. @throws Refused when there is no operator or no access */
export async function forwardedSource(options: ForwardOptions): Promise<Source> {
  const kube = connect(
    { kubeconfig: options.kubeconfig ?? process.env['KUBECONFIG'] ?? null, context: options.context },
    Date.now,
  );
  const answer = await kube.get(`/api/v1/namespaces/${options.namespace}/pods`, {
    labelSelector: 'app.kubernetes.io/name=postgres-operator',
  });
  const pod = answer.type === 'ok' ? podName(answer.body) : null;
  if (pod === null) {
    await kube.close();
    const because =
      answer.type === 'refused' ? answer.message : answer.type === 'ok' ? 'no pod of it is there' : answer.because;
    throw new Refused(because, {
      operation: 'reach',
      subject: `the operator in ${options.namespace}`,
      hint: 'name its namespace with --operator-namespace, or read a file with --file',
    });
  }
  const forward = new PortForward(kube.connection.config);
  const server = createServer((socket) => {
    forward
      .portForward(options.namespace, pod, [apiPort], socket, null, socket)
      .catch((error: unknown) => socket.destroy(error instanceof Error ? error : undefined));
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  return apiSource(`http://127.0.0.1:${port}`, async () => {
    server.close();
    await kube.close();
  });
}
