/**
 * Owns: asking a member's container how much room its volume has left. Changes nothing. A container that cannot say is no
 * failure of ours: what it said instead is told, and it is asked again later.
 */
import type { Outcome } from '#machines/cluster/observations.ts';
import type { CommandRequest } from '#src/decision/record.ts';
import type { RunInPod } from '#src/kube/exec.ts';

/** Where Spilo mounts the volume. */
const mount = '/home/postgres/pgdata';
/** Free for who is not root, and in all; needs no room itself. */
const command = ['df', '-B1', '--output=avail,size', mount];
/** A question may outlast the Lease; a command on a busy node takes long to begin. */
const timeoutMs = 20_000;
const wordsMax = 200;

function couldNotSay(words: string): Outcome {
  return { type: 'done', result: { trouble: words.replaceAll(/\s+/g, ' ').trim().slice(0, wordsMax) } };
}

/** Gives done, with `free` and `total` in bytes, or with `trouble` when the container could not say. */
export async function measureVolume(request: CommandRequest, runInPod: RunInPod): Promise<Outcome> {
  const { namespace, pod, container } = request;
  try {
    const ended = await runInPod({ namespace, pod, container, command, input: '', timeoutMs });
    const [, free, total] = /^\s*(\d+)\s+(\d+)\s*$/m.exec(ended.output) ?? [];
    if (ended.exitCode === 0 && free !== undefined && total !== undefined)
      return { type: 'done', result: { free, total } };
    return couldNotSay(`df in ${pod} ended with code ${ended.exitCode ?? 'unknown'}: ${ended.errors}`);
  } catch (error) {
    return couldNotSay(`exec in ${pod}: ${error instanceof Error ? error.message : 'no answer'}`);
  }
}
