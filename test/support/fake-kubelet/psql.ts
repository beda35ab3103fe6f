/** Owns: psql for an operator in another process than the kubelet: who leads is read from the scope's leader object. */
import type { Kube } from '#src/kube/api.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import { writerOf } from './api.ts';
import { readScope, settingsOf } from './scope.ts';

/** Answers as `fakePsql` does, from the API server alone. */
export function psqlOverApi(kube: Kube): RunInPod {
  const writer = writerOf(kube, () => undefined);
  return async ({ namespace, pod }) => {
    const answer = await kube.get(`/api/v1/namespaces/${namespace}/pods/${pod}`);
    const settings = answer.type === 'ok' ? settingsOf(answer.body) : null;
    if (settings === null) throw new Error(`pod ${pod} is not there`);
    const { leader } = await readScope(writer, settings);
    return { exitCode: 0, output: leader === pod ? `done ${settings.major}0004\n` : 'standby\n', errors: '' };
  };
}
