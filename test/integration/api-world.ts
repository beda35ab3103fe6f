/** Owns: an API server with our CRD, for one test file, and short ways to ask it what it accepts. */
import { apiVersion, fieldManagers } from '#machines/shared/names.ts';
import { deadlines } from '#src/kube/deadlines.ts';
import { connect, type Kube } from '#src/kube/api.ts';
import type { Answer } from '#src/kube/request.ts';
import { startControlPlane } from '#test/cluster/control-plane.ts';
import { run } from '#test/cluster/shell.ts';

const root = new URL('../../', import.meta.url).pathname;

export type Json = { readonly [key: string]: unknown };

export interface ApiWorld {
  readonly kube: Kube;
  /** Output of kubectl as administrator. @throws with its error output */
  readonly kubectl: (args: readonly string[], input?: string) => Promise<string>;
  /** Folder of this control plane; it goes with it. */
  readonly dir: string;
  readonly kubeconfig: string;
  readonly auditLog: string;
  readonly stop: () => Promise<void>;
}

/** A control plane with the CRD established. */
export async function startApiWorld(): Promise<ApiWorld> {
  const plane = await startControlPlane();
  const kubectl: ApiWorld['kubectl'] = (args, input) =>
    run(
      plane.bed,
      ['kubectl', '--kubeconfig', plane.kubeconfig, '--cache-dir', `${plane.dir}/cache`, ...args],
      input === undefined ? {} : { input },
    );
  // The one who asks here is no leader with a Lease to lose: a busy API server is waited for.
  const kube = connect({ kubeconfig: plane.kubeconfig, context: null }, () => Date.now(), {
    ...deadlines,
    readMs: 60_000,
    sendMs: 60_000,
  });
  const stop = async (): Promise<void> => {
    await kube.close();
    await plane.stop();
  };
  try {
    await kubectl(['apply', '--server-side', '-f', `${root}crds/postgrescluster.yaml`]);
    await kubectl([
      'wait',
      '--for=condition=Established',
      'crd/postgresclusters.postgres.example.com',
      '--timeout=60s',
    ]);
    const { dir, kubeconfig, auditLog } = plane;
    return { kube, kubectl, dir, kubeconfig, auditLog, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A whole manifest around a spec. */
export function cluster(name: string, spec: Json): Json {
  return { apiVersion, kind: 'PostgresCluster', metadata: { name }, spec };
}

export interface Clusters {
  /** Creates for real. */
  readonly create: (manifest: Json) => Promise<Answer>;
  /** Creates as a dry run: admission and defaults, and nothing is kept. */
  readonly consider: (manifest: Json) => Promise<Answer>;
  /** JSON merge patch of the spec; null takes a field out. */
  readonly edit: (name: string, spec: Json) => Promise<Answer>;
  /** Deletes; what is left of it goes when its finalizers are off. */
  readonly remove: (name: string) => Promise<Answer>;
  /** JSON merge patch of the whole status; null removes it. */
  readonly report: (name: string, status: Json | null) => Promise<Answer>;
  /** Forced server-side apply of the whole status, as the operator writes it. */
  readonly applyStatus: (name: string, status: Json) => Promise<Answer>;
}

/** Short ways to write clusters in one namespace; unknown fields are refused. */
export function clustersOf(kube: Kube, namespace = 'default'): Clusters {
  const collection = `/apis/postgres.example.com/v1alpha1/namespaces/${namespace}/postgresclusters`;
  const strict = { fieldValidation: 'Strict' };
  const patch = (path: string, body: Json): Promise<Answer> =>
    kube.send({
      method: 'PATCH',
      path: `${collection}/${path}`,
      query: strict,
      contentType: 'application/merge-patch+json',
      body: JSON.stringify(body),
      auditId: null,
    });
  const post = (manifest: Json, query: Readonly<Record<string, string>>): Promise<Answer> =>
    kube.send({
      method: 'POST',
      path: collection,
      query: { ...strict, ...query },
      contentType: 'application/json',
      body: JSON.stringify(manifest),
      auditId: null,
    });
  return {
    create: (manifest) => post(manifest, {}),
    consider: (manifest) => post(manifest, { dryRun: 'All' }),
    remove: (name) =>
      kube.send({
        method: 'DELETE',
        path: `${collection}/${name}`,
        query: {},
        contentType: null,
        body: null,
        auditId: null,
      }),
    edit: (name, spec) => patch(name, { spec }),
    report: (name, status) => patch(`${name}/status`, { status }),
    applyStatus: (name, status) =>
      kube.send({
        method: 'PATCH',
        path: `${collection}/${name}/status`,
        query: { fieldManager: fieldManagers.status, force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: JSON.stringify({ apiVersion, kind: 'PostgresCluster', metadata: { name }, status }),
        auditId: null,
      }),
  };
}

/** The object of an answer that said yes. @throws with what the server said instead */
export function accepted(answer: Answer): Json {
  if (answer.type === 'ok') return answer.body as Json;
  throw new Error(answer.type === 'refused' ? answer.message : answer.because);
}

/** The words of an answer that said no. @throws when it said yes, or nothing */
export function refusal(answer: Answer): string {
  if (answer.type === 'refused' && answer.status === 422) return answer.message;
  throw new Error(`not refused as invalid: ${JSON.stringify(answer)}`);
}
