/**
 * Owns: which cluster a command means: the context in KUBE_CONTEXT, else the local cluster. Never somebody's current
 * context by accident.
 */
import { existsSync } from 'node:fs';
import { ensurePrograms } from './binary.ts';
import { environmentCluster } from './options.ts';
import { kubeconfigPath } from './pki.ts';
import { contextName } from './up.ts';
import { tryRun } from './shell.ts';

export interface TargetCluster {
  readonly type: 'local' | 'context';
  /** Null means the user's default kubeconfig. */
  readonly kubeconfig: string | null;
  readonly context: string;
  /** Program and leading arguments of kubectl for this cluster. */
  readonly kubectl: readonly string[];
}

/** The cluster to work on. @throws saying what to do when there is none */
export async function targetCluster(): Promise<TargetCluster> {
  const context = process.env['KUBE_CONTEXT'] ?? '';
  if (context !== '') {
    const program =
      (await tryRun('kubectl', ['version', '--client'])) === null
        ? [(await ensurePrograms(() => undefined)).bed, 'kubectl']
        : ['kubectl'];
    return {
      type: 'context',
      kubeconfig: process.env['KUBECONFIG'] ?? null,
      context,
      kubectl: [...program, '--context', context],
    };
  }
  const options = environmentCluster();
  const kubeconfig = kubeconfigPath(options.dir, 'admin');
  if (!existsSync(kubeconfig))
    throw new Error("no local cluster is up: run 'make cluster-up', or name a context with KUBE_CONTEXT");
  const { bed } = await ensurePrograms(() => undefined);
  return {
    type: 'local',
    kubeconfig,
    context: contextName(options),
    kubectl: [bed, 'kubectl', '--kubeconfig', kubeconfig],
  };
}
