/** Owns: a session in a container at this terminal: keys go there as they are pressed, what is written there appears here. */
import { Exec, type KubeConfig, type V1Status } from '@kubernetes/client-node';
import { Refused } from '#src/errors.ts';

export interface Session {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
}

function exitCodeOf({ status, details }: V1Status): number {
  const code = details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  return status === 'Success' ? 0 : Number(code ?? 1);
}

function lost({ namespace, pod }: Session): Refused {
  return new Refused('the connection was lost', {
    operation: 'sit before a command in',
    subject: `Pod ${namespace}/${pod}`,
    hint: 'what was not committed is rolled back: look, and begin again',
  });
}

/** A session at this terminal. @returns the exit code of the command @throws Refused when the connection is lost before its end */
export async function sitBefore(config: KubeConfig, session: Session): Promise<number> {
  const { namespace, pod, container, command } = session;
  const exec = new Exec(config);
  process.stdin.setRawMode(true);
  try {
    return await new Promise<number>((resolve, reject) => {
      const end = (status: V1Status): void => resolve(exitCodeOf(status));
      exec
        .exec(namespace, pod, container, [...command], process.stdout, process.stderr, process.stdin, true, end)
        // Who has ended has said with what code before.
        .then((socket) => socket.on('close', () => reject(lost(session))))
        .catch(reject);
    });
  } finally {
    process.stdin.setRawMode(false);
    process.stdin.pause();
  }
}
