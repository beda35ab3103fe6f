/**
 * Owns: what runs in pods that run nothing: psql, for whoever asks who leads or what a parameter is, or tells a role its password; and Patroni's REST
 * API, which takes everything. All is read from the scope's own objects, so any process can answer.
 */
import type { Kube } from '#src/kube/api.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import { makeParameters } from '#src/sim/patroni/parameters.ts';
import { writerOf, type Writer } from './api.ts';
import { readDynamic, readScope, settingsOf, type ScopeSettings } from './scope.ts';

/** The answer to one command in a pod of a scope. Parameters are in force the moment they are stated. */
export async function answered(
  writer: Writer,
  settings: ScopeSettings,
  leader: string | null,
  request: Parameters<RunInPod>[0],
): Promise<{ exitCode: number; output: string; errors: string }> {
  const said = (output: string): { exitCode: number; output: string; errors: string } => ({
    exitCode: 0,
    output,
    errors: '',
  });
  if (request.command[0] === 'python3') return said('accepted\n');
  const onPrimary = (text: string): ReturnType<typeof said> =>
    said(leader === request.pod ? `primary\n${text}` : 'standby\n');
  const named = [...request.input.matchAll(/'([a-z_.]+)'/g)].map((found) => found[1] ?? '');
  // No role has a password that anybody knows: whoever asks has to tell it.
  if (request.input.includes("SELECT 'role '")) return onPrimary(named.map((role) => `role ${role} \n`).join(''));
  if (request.input.includes("SELECT 'told'")) return onPrimary('told\n');
  if (!request.input.includes('FROM pg_settings'))
    return said(leader === request.pod ? `done ${settings.major}0004\n` : 'standby\n');
  const parameters = makeParameters(String(settings.major));
  parameters.start(await readDynamic(writer, settings), new Map());
  return said(parameters.shown([...new Set(named)]));
}

/** Answers as `startFakeKubelet` does, from the API server alone. */
export function psqlOverApi(kube: Kube): RunInPod {
  const writer = writerOf(kube, () => undefined);
  return async (request) => {
    const answer = await kube.get(`/api/v1/namespaces/${request.namespace}/pods/${request.pod}`);
    const settings = answer.type === 'ok' ? settingsOf(answer.body) : null;
    if (settings === null) throw new Error(`pod ${request.pod} is not there`);
    const { leader } = await readScope(writer, settings);
    return answered(writer, settings, leader, request);
  };
}
