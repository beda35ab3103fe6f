/** Owns: the real API server of a conformance run: alone with its etcd, so that nobody else writes; our CRD is established. */
import { readFileSync } from 'node:fs';
import { startControlPlane } from '#test/cluster/control-plane.ts';
import { run } from '#test/cluster/shell.ts';
import { realServer, type RealServer } from './sides.ts';

export interface ConformanceServer {
  readonly real: RealServer;
  readonly kubeconfig: string;
  readonly stop: () => Promise<void>;
}

/** Starts one, or uses the one that a kubeconfig names. */
export async function startConformanceServer(existing?: string): Promise<ConformanceServer> {
  if (existing !== undefined) {
    const real = realServer(existing);
    return { real, kubeconfig: existing, stop: real.close };
  }
  const plane = await startControlPlane(() => undefined, []);
  try {
    const definition = readFileSync(new URL('../../crds/postgrescluster.yaml', import.meta.url), 'utf8');
    const kubectl = (...args: readonly string[]): Promise<string> =>
      run(plane.bed, ['kubectl', '--kubeconfig', plane.kubeconfig, '--cache-dir', `${plane.dir}/cache`, ...args], {
        input: definition,
      });
    await kubectl('apply', '--server-side', '-f', '-');
    // What the simulated world has, too: a default class for claims that name none.
    await run(plane.bed, ['kubectl', '--kubeconfig', plane.kubeconfig, 'apply', '--server-side', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
        provisioner: 'example.com/none',
        allowVolumeExpansion: true,
      }),
    });
    await kubectl('wait', '--for=condition=Established', 'crd/postgresclusters.postgres.example.com', '--timeout=60s');
    const real = realServer(plane.kubeconfig);
    const stop = async (): Promise<void> => {
      await real.close();
      await plane.stop();
    };
    return { real, kubeconfig: plane.kubeconfig, stop };
  } catch (error) {
    await plane.stop();
    throw error;
  }
}
