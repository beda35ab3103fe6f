/** Owns: running a command in a container, with text on its standard input. Needs the verb create on pods/exec. */
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { KubeConfig } from '@kubernetes/client-node';
import WebSocket, { type ClientOptions } from 'ws';

export interface ExecRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Never a secret: arguments are visible to everyone on the node. */
  readonly command: readonly string[];
  readonly input: string;
  /** Name of the request in the API server's audit log; the executor gives it. */
  readonly auditId?: string;
  /** Longest time until the command has its input; as long as all of it when it is not said. */
  readonly connectMs?: number;
  /** Longest time until its end is known. */
  readonly timeoutMs: number;
}

export interface ExecResult {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs commands in pods. */
export type RunInPod = (request: ExecRequest) => Promise<ExecResult>;

function exitCodeOf(status: {
  readonly status?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}): number | null {
  if (status.status === 'Success') return 0;
  const cause = status.details?.causes?.find((each) => each.reason === 'ExitCode');
  return cause?.message === undefined ? null : Number(cause.message);
}

/** Which stream a frame belongs to, in its first byte. */
const channel = { input: 0, output: 1, errors: 2, status: 3, close: 255 } as const;

/** The one version of the protocol in which the input can end while the output goes on; Kubernetes 1.30 and later. */
const protocol = 'v5.channel.k8s.io';

/** Bytes of input in one message: an API server closes the connection over one of more than 32 MiB. */
const messageBytes = 1024 * 1024;

function frame(stream: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(stream), content]);
}

async function open(config: KubeConfig, request: ExecRequest): Promise<WebSocket> {
  const { namespace, pod, container, command, auditId } = request;
  const options: ClientOptions = {};
  // Written for another client, but what it fills in are the same: certificates and the Authorization header.
  await config.applyToHTTPSOptions(options as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
  const query = new URLSearchParams({ container, stdin: 'true', stdout: 'true', stderr: 'true' });
  for (const word of command) query.append('command', word);
  const server = config.getCurrentCluster()?.server ?? '';
  const uri = `${server.replace(/^http/, 'ws')}/api/v1/namespaces/${namespace}/pods/${pod}/exec?${query.toString()}`;
  return new WebSocket(uri, protocol, {
    ...options,
    headers: { ...options.headers, ...(auditId === undefined ? {} : { 'audit-id': auditId }) },
  });
}

/** Why the API server makes no connection, in its own words where it has some. */
async function refusalOf(response: IncomingMessage): Promise<Error> {
  const status = `the API server answered ${response.statusCode}`;
  const body = await text(response).catch(() => '');
  try {
    const { message } = JSON.parse(body) as { readonly message?: unknown };
    return new Error(typeof message === 'string' ? `${status}: ${message}` : status);
  } catch {
    return new Error(status);
  }
}

/** Runs one command on a connection that is being made; `end` is called once, with the result or why there is none. */
function converse(socket: WebSocket, input: string, end: (result: ExecResult | Error) => void): void {
  const texts: Record<'output' | 'errors', Buffer[]> = { output: [], errors: [] };
  const textOf = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString('utf8');
  socket.on('open', () => {
    const bytes = Buffer.from(input);
    for (let from = 0; from < bytes.length; from += messageBytes)
      socket.send(frame(channel.input, bytes.subarray(from, from + messageBytes)));
    socket.send(frame(channel.close, Buffer.of(channel.input)));
  });
  socket.on('message', (data: Buffer) => {
    const content = data.subarray(1);
    if (data[0] === channel.output) texts.output.push(content);
    if (data[0] === channel.errors) texts.errors.push(content);
    if (data[0] !== channel.status) return;
    const exitCode = exitCodeOf(JSON.parse(content.toString('utf8')) as Parameters<typeof exitCodeOf>[0]);
    end({ exitCode, output: textOf(texts.output), errors: textOf(texts.errors) });
  });
  socket.on('unexpected-response', (_, response) => void refusalOf(response).then(end));
  socket.on('error', end);
  socket.on('close', () => end(new Error('the connection was lost')));
}

/**
 * Makes the runner over a connection. The promise fails when the API server refuses, the connection breaks, or the time is
 * up; the connection is closed in each case. A command gets its input only while there is time for it to end.
 */
export function makeRunInPod(config: KubeConfig): RunInPod {
  return async (request) => {
    const { namespace, pod, command, input, timeoutMs, connectMs = timeoutMs } = request;
    const where = `${command[0] ?? 'a command'} in ${namespace}/${pod}`;
    const socket = await open(config, request);
    return new Promise<ExecResult>((resolve, reject) => {
      const end = (result: ExecResult | Error): void => {
        for (const timer of timers) clearTimeout(timer);
        socket.terminate();
        if (result instanceof Error) reject(new Error(`${where}: ${result.message}`));
        else resolve(result);
      };
      const connecting = setTimeout(() => end(new Error(`not begun in ${connectMs} ms`)), connectMs);
      const timers = [connecting, setTimeout(() => end(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)];
      socket.on('open', () => clearTimeout(connecting));
      converse(socket, input, end);
    });
  };
}
