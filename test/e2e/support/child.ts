/** Owns: a Node process of a test that speaks by messages, in this network or in a node's; it ends with the test. */
import { spawn, type ChildProcess } from 'node:child_process';

export interface Child<To, From> {
  readonly send: (message: To) => void;
  readonly onMessage: (listener: (message: From) => void) => void;
  /** Resolves when the process has ended; rejects when it ended by itself and not well. */
  readonly ended: Promise<void>;
}

/**
 * Starts `program`, a file beside this one. Secrets go to it by message, never by argument.
 * @param prefix command that runs it somewhere else, such as `nsenter …`; empty to run it here
 */
export function startChild<To extends object, From>(program: string, prefix: readonly string[] = []): Child<To, From> {
  const path = new URL(program, import.meta.url).pathname;
  const [command, ...args] = [...prefix, process.execPath, path];
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${code === null ? `signal ${signal ?? '?'}` : `code ${code}`}`));
    });
  });
  // Whoever stops it awaits this; one that breaks meanwhile is not an unhandled rejection but found there.
  ended.catch(() => undefined);
  return {
    send: (message) => void child.send(message),
    onMessage: (listener) => void child.on('message', (message) => listener(message as From)),
    ended,
  };
}
