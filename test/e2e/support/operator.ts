/** Owns: the operator as tests treat it: killed without grace, sent away for a while, and waited for. */
import { operatorNamespace } from '#test/cluster/deploy.ts';
import type { World } from '../world.ts';

const place = ['--namespace', operatorNamespace] as const;
const pods = ['--selector', 'app.kubernetes.io/name=postgres-operator'] as const;

/** Ends its process at once; the Deployment makes another one. */
export async function killOperator(world: World): Promise<void> {
  await world.kubectl(...place, 'delete', 'pod', ...pods, '--grace-period=0', '--force');
}

/** Waits until an operator is there. */
export async function operatorReady(world: World): Promise<void> {
  await world.kubectl(...place, 'rollout', 'status', 'deployment/postgres-operator', '--timeout=180s');
}

/** Has something done while no operator is there, and waits until one is again. */
export async function whileOperatorRests(world: World, what: () => Promise<unknown>): Promise<void> {
  const scale = (replicas: number): Promise<string> =>
    world.kubectl(...place, 'scale', 'deployment/postgres-operator', `--replicas=${replicas}`);
  await scale(0);
  await world.kubectl(...place, 'wait', '--for=delete', 'pod', ...pods, '--timeout=120s');
  await what();
  await scale(1);
  await operatorReady(world);
}
