/**
 * Owns: spec.logs: the container that prints PostgreSQL's log. Spilo lets PostgreSQL write CSV files, one for each day of the week,
 * onto the volume; nothing of them reaches what a container prints, where collectors of logs look.
 */
import type { Json } from '#machines/cluster/plan.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';

/** Name of the container. */
export const logContainer = 'postgres-log';

/**
 * Prints what comes into the newest file; from its beginning when it is begun while this runs. Told to end it goes on until
 * PostgreSQL has, for the last lines are those that tell why: whoever is process 1 hears no signal that it does not ask for.
 */
const script = `cd "$PGDATA/.." || exit 1
ending=; trap 'ending=1' TERM
shown=; from=0; reader=
while [ -z "$ending" ] || [ -e "$PGDATA/postmaster.pid" ]; do
  newest=$(ls -t pg_log/*.csv 2>/dev/null | head -n 1)
  if [ -n "$newest" ] && [ "$newest" != "$shown" ]; then
    [ -z "$reader" ] || { sleep 1; kill "$reader"; }
    tail -n "$from" -F "$newest" 2>/dev/null &
    reader=$!; shown=$newest
  fi
  from=+1
  sleep 1
done
sleep 1
[ -z "$reader" ] || kill "$reader"
`;

/** The container, or none where nobody asked for it. It reads the volume and nothing else. */
export function logContainers(
  { logs }: PostgresClusterSpec,
  from: { readonly image: string; readonly imagePullPolicy: string },
): readonly Json[] {
  if (logs?.stdout !== true) return [];
  return [
    {
      name: logContainer,
      image: from.image,
      imagePullPolicy: from.imagePullPolicy,
      command: ['bash', '-c', script],
      resources: { requests: { cpu: '5m', memory: '16Mi' }, limits: { memory: '64Mi' } },
      securityContext: {
        allowPrivilegeEscalation: false,
        privileged: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ['ALL'] },
      },
      volumeMounts: [{ name: 'data', mountPath: '/home/postgres/pgdata', readOnly: true }],
    },
  ];
}
