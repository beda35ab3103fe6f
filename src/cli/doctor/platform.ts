/** Owns: what the doctor looks at once for all clusters: Kubernetes, the definition, the operator, clocks, rights. Pure. */
import type { Asked, Examined, Right } from './examine.ts';
import { fine, some, trouble, unknown, warning, type Found } from './finding.ts';
import { holds, type Schema } from './objects.ts';

/** The oldest Kubernetes that is claimed, as minor of 1. */
const oldestMinor = 30;
/** Clocks that differ by less are not told apart from a busy machine. */
const clockToleranceMs = 2000;
const installHint = 'make install-crd, or kubectl apply --server-side -f crds/postgrescluster.yaml';

/** Judges an answer where there is one. */
export function known<T>(asked: Asked<T>, absent: Found, judge: (value: T) => Found): Found {
  if (asked.is === 'known') return judge(asked.value);
  return asked.is === 'absent' ? absent : unknown(asked.because);
}

function kubernetes({ version }: Examined): Found {
  return known(version, unknown('it does not tell its version'), ({ gitVersion }) => {
    const [, major, minor] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
    if (major === undefined || minor === undefined) return unknown(`its version is ${gitVersion}`);
    if (major === '1' && Number(minor) < oldestMinor)
      return warning(
        `it is ${gitVersion}, older than 1.${oldestMinor}`,
        'use a Kubernetes that the operator is tested on',
      );
    return fine(`it is ${gitVersion}`);
  });
}

/** Names of all fields of a schema, with what they are in. */
function fieldsOf(schema: Schema | undefined, path = ''): readonly string[] {
  const below = Object.entries(schema?.properties ?? {});
  return [
    ...below.flatMap(([name, each]) => [`${path}${name}`, ...fieldsOf(each, `${path}${name}.`)]),
    ...(schema?.items === undefined ? [] : fieldsOf(schema.items, path)),
  ];
}

/** @param ours the schema of this build */
function definition({ definition: seen }: Examined, ours: Schema): Found {
  const none = trouble('there is no definition of PostgresCluster', installHint);
  return known(seen, none, ({ spec, status }) => {
    if (!holds(status?.conditions, 'Established'))
      return trouble('the definition of PostgresCluster is not served', "'kubectl describe crd' says why");
    const served = new Set(spec.versions.flatMap(({ schema }) => fieldsOf(schema?.openAPIV3Schema)));
    const missing = fieldsOf(ours).filter((field) => !served.has(field));
    if (missing.length === 0) return fine('PostgresCluster is served with all fields of this build');
    return trouble(
      `PostgresCluster is served without ${some(missing)}: whatever is written there is dropped`,
      installHint,
    );
  });
}

function operator({ operatorPods, operatorNamespace: namespace }: Examined): Found {
  const look = `'kubectl -n ${namespace} get pods' and their logs say why; or name its namespace with --operator-namespace`;
  const none = trouble(`no pod of the operator is in ${namespace}: databases go on, nothing is decided`, look);
  return known(operatorPods, none, (pods) => {
    if (pods.length === 0) return none;
    const ready = pods.filter(({ status }) => holds(status?.conditions, 'Ready'));
    if (ready.length > 0) return fine(`${some(ready.map(({ metadata }) => metadata.name))} answers`);
    return trouble(`no pod of ${pods.length} is ready: ${some(pods.map(({ metadata }) => metadata.name))}`, look);
  });
}

function leadership({ lease, nowMs, operatorNamespace: namespace }: Examined): Found {
  const none = trouble(
    `there is no Lease of it in ${namespace}: nobody leads`,
    'wait until a pod of the operator is ready; or name the Lease with --lease-name',
  );
  return known(lease, none, ({ spec: { holderIdentity = '', renewTime = '', leaseDurationSeconds = 15 } = {} }) => {
    if (holderIdentity === '') return none;
    const ageMs = nowMs - Date.parse(renewTime);
    const age = `${Math.round(ageMs / 1000)} s`;
    if (ageMs > leaseDurationSeconds * 1000)
      return trouble(
        `the Lease of ${holderIdentity} has not been renewed for ${age}; it is good for ${leaseDurationSeconds} s`,
        'look whether its pod runs and reaches the API server; if it does, one of the clocks is wrong',
      );
    return fine(`${holderIdentity} leads`);
  });
}

/** Who renews a Lease writes the time of its own clock: nobody can have renewed it in the future. */
function clocks({ nodeLeases, lease, nodes, nowMs }: Examined): Found {
  return known(nodeLeases, unknown('no node tells its time'), (leases) => {
    const alive = new Set(
      nodes.is === 'known'
        ? nodes.value.filter(({ status }) => holds(status?.conditions, 'Ready')).map(({ metadata }) => metadata.name)
        : [],
    );
    const told = [...leases, ...(lease.is === 'known' ? [lease.value] : [])]
      .map(({ metadata: { name }, spec: { renewTime = '', leaseDurationSeconds = 40 } = {} }) => {
        const aheadMs = Date.parse(renewTime) - nowMs;
        return { name, aheadMs, isStale: -aheadMs > leaseDurationSeconds * 1000 };
      })
      // Whoever is not known to be alive may have stopped writing, and says nothing by an old time.
      .filter(({ name, isStale }) => !isStale || alive.has(name));
    const wrong = told.filter(({ aheadMs, isStale }) => isStale || aheadMs > clockToleranceMs);
    if (told.length === 0) return unknown('no node tells its time');
    if (wrong.length === 0) return fine(`the clocks of ${told.length} agree with that of this machine`);
    const words = wrong.map(({ name, aheadMs }) => {
      const seconds = Math.round(Math.abs(aheadMs) / 1000);
      return aheadMs > 0
        ? `${name} is ${seconds} s ahead of this machine`
        : `${name} is ${seconds} s behind this machine`;
    });
    return trouble(
      `${some(words)}: times in the journal and in windows are those of the operator's node`,
      'let NTP set the clocks of the nodes, and of this machine',
    );
  });
}

const rightWords = ({ verb, resource, subresource, group, namespace }: Right): string =>
  `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}${namespace === '' ? '' : ` in ${namespace}`}`;

function rights({ operatorRights, operatorNamespace }: Examined): Found {
  return known(operatorRights, unknown('it does not review access'), (all) => {
    const refused = all.filter(({ allowed }) => !allowed).map(rightWords);
    if (refused.length === 0) return fine(`the operator may do all ${all.length} things that it needs`);
    return trouble(
      `the operator may not ${some(refused)}`,
      `make install-rbac, or kubectl apply -n ${operatorNamespace} -f deploy/base/rbac.yaml`,
    );
  });
}

function ownRights({ ownRights: own }: Examined): Found {
  return known(own, unknown('it does not review access'), (all) => {
    const refused = all.filter(({ allowed }) => !allowed).map(rightWords);
    if (refused.length === 0) return fine('you may reach the operator: why, timeline and status answer');
    return warning(
      `you may not ${some(refused)}: why, timeline and status do not answer`,
      'ask for it; deploy/README.md has the role',
    );
  });
}

/** Each once, in this order. `ours` is the schema of this build. */
export const platformChecks: readonly {
  readonly check: string;
  readonly look: (seen: Examined, ours: Schema) => Found;
}[] = [
  { check: 'kubernetes', look: kubernetes },
  { check: 'definition', look: definition },
  { check: 'operator', look: operator },
  { check: 'leadership', look: leadership },
  { check: 'clocks', look: clocks },
  { check: 'rights', look: rights },
  { check: 'access', look: ownRights },
];
