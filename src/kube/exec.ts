/** Owns: running a command in a container, with text or bytes on its standard input. Needs the verb create on pods/exec. */
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { KubeConfig } from '@kubernetes/client-node';
import { isObject } from '#machines/shared/json.ts';
import { messageOf } from '#src/errors.ts';
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

/** A command whose bytes are not to be touched, however many. */
export interface PipeRequest extends Omit<ExecRequest, 'input'> {
  readonly input: Uint8Array;
  /** Told of what it prints, as it comes. */
  readonly output: (bytes: Uint8Array) => void;
  readonly errors: (bytes: Uint8Array) => void;
}

/** Runs commands in pods. */
export type RunInPod = (request: ExecRequest) => Promise<ExecResult>;

interface Status {
  readonly status?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}

/** The exit code that a Status of Kubernetes tells; null where it tells of another end. An Error for what is no Status: nobody else hears it. */
function exitCodeOf(text: string): number | null | Error {
  try {
    const status: unknown = JSON.parse(text);
    if (!isObject(status)) throw new Error('it is no object');
    const { status: is, details } = status as Status;
    if (is === 'Success') return 0;
    const code = details?.causes?.find((each) => each.reason === 'ExitCode')?.message;
    return code === undefined ? null : Number(code);
  } catch (cause) {
    return new Error(`how it ended cannot be read: ${messageOf(cause)}`);
  }
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

async function open(config: KubeConfig, request: Omit<ExecRequest, 'input'>): Promise<WebSocket> {
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

/** Runs one command on a connection that is being made; `end` is called with its exit code, or why there is none: the first counts. */
function converse(
  socket: WebSocket,
  { input, output, errors }: Pick<PipeRequest, 'input' | 'output' | 'errors'>,
  end: (result: number | null | Error) => void,
): void {
  socket.on('open', () => {
    for (let from = 0; from < input.length; from += messageBytes)
      socket.send(frame(channel.input, input.subarray(from, from + messageBytes)));
    socket.send(frame(channel.close, Buffer.of(channel.input)));
  });
  socket.on('message', (data: Buffer) => {
    const content = data.subarray(1);
    if (data[0] === channel.output) output(content);
    if (data[0] === channel.errors) errors(content);
    if (data[0] !== channel.status) return;
    end(exitCodeOf(content.toString('utf8')));
  });
  socket.on('unexpected-response', (_, response) => void refusalOf(response).then(end));
  socket.on('error', end);
  socket.on('close', () => end(new Error('the connection was lost')));
}

/**
 * Makes what runs a command over a connection, and gives its exit code. The promise fails when the API server refuses, the
 * connection breaks, or the time is up; the connection is closed in each case. A command gets its input only while there is time
 * for it to end.
 */
export function makePipeToPod(config: KubeConfig): (request: PipeRequest) => Promise<number | null> {
  return async (request) => {
    const { namespace, pod, command, timeoutMs, connectMs = timeoutMs } = request;
    const where = `${command[0] ?? 'a command'} in ${namespace}/${pod}`;
    const socket = await open(config, request);
    return new Promise<number | null>((resolve, reject) => {
      const end = (result: number | null | Error): void => {
        for (const timer of timers) clearTimeout(timer);
        socket.terminate();
        if (result instanceof Error) reject(new Error(`${where}: ${result.message}`));
        else resolve(result);
      };
      const connecting = setTimeout(() => end(new Error(`not begun in ${connectMs} ms`)), connectMs);
      const timers = [connecting, setTimeout(() => end(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)];
      socket.on('open', () => clearTimeout(connecting));
      converse(socket, request, end);
    });
  };
}

/** Makes the runner over a connection, for what is text and little. Fails as `makePipeToPod` does. */
export function makeRunInPod(config: KubeConfig): RunInPod {
  const pipe = makePipeToPod(config);
  return async (request) => {
    const texts: Record<'output' | 'errors', Uint8Array[]> = { output: [], errors: [] };
    const textOf = (chunks: readonly Uint8Array[]): string => Buffer.concat(chunks).toString('utf8');
    const exitCode = await pipe({
      ...request,
      input: Buffer.from(request.input),
      output: (bytes) => void texts.output.push(bytes),
      errors: (bytes) => void texts.errors.push(bytes),
    });
    return { exitCode, output: textOf(texts.output), errors: textOf(texts.errors) };
  };
}
