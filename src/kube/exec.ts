/** Owns: running a command in a container, with text on its standard input. Needs the verb create on pods/exec. */
import { PassThrough, Readable } from 'node:stream';
import { Exec, type KubeConfig } from '@kubernetes/client-node';

export interface ExecRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Never a secret: arguments are visible to everyone on the node. */
  readonly command: readonly string[];
  readonly input: string;
  readonly timeoutMs: number;
}

export interface ExecResult {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs commands in pods. */
export type RunInPod = (request: ExecRequest) => Promise<ExecResult>;

function collected(): { readonly stream: PassThrough; readonly text: () => string } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}

function exitCodeOf(status: {
  readonly status?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}): number | null {
  if (status.status === 'Success') return 0;
  const cause = status.details?.causes?.find((each) => each.reason === 'ExitCode');
  return cause?.message === undefined ? null : Number(cause.message);
}

/** Makes the runner over a connection. The promise fails when the API server refuses, or the time is up. */
export function makeRunInPod(config: KubeConfig): RunInPod {
  return ({ namespace, pod, container, command, input, timeoutMs }) =>
    new Promise((resolve, reject) => {
      const output = collected();
      const errors = collected();
      let close = (): void => undefined;
      let over = false;
      const timer = setTimeout(() => {
        over = true;
        close();
        reject(new Error(`${command[0] ?? 'a command'} in ${namespace}/${pod} gave no answer in ${timeoutMs} ms`));
      }, timeoutMs);
      new Exec(config)
        .exec(
          namespace,
          pod,
          container,
          [...command],
          output.stream,
          errors.stream,
          Readable.from([input]),
          false,
          (status) => {
            clearTimeout(timer);
            resolve({
              exitCode: exitCodeOf(status as Parameters<typeof exitCodeOf>[0]),
              output: output.text(),
              errors: errors.text(),
            });
          },
        )
        .then(
          (socket) => {
            close = () => socket.close();
            // A connection that came too late would stay open, with its command running.
            if (over) close();
          },
          (error: unknown) => {
            clearTimeout(timer);
            reject(error instanceof Error ? error : new Error(String(error)));
          },
        );
    });
}
