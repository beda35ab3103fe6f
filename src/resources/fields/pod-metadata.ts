/**
 * Owns: spec.podMetadata: what is wrong with it, and what of a member's pod it becomes. A mark on the pod says which keys
 * were put there on the spec's behalf, so that those that leave it can be taken off again.
 */
import type { PodMetadata, Problem } from '#machines/cluster/plan.ts';
import { apiGroup, labels } from '#machines/shared/names.ts';
import { sha256 } from '#src/decision/hash.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { isLabelValue, isQualifiedName, labelValueRule, problem, qualifiedRule } from './grammar.ts';
import { annotationProblems } from './service.ts';

/** Patroni's report stands in the first one. */
const reservedAnnotations: ReadonlySet<string> = new Set(['status']);
const reservedLabels: ReadonlySet<string> = new Set([
  labels.name,
  labels.component,
  labels.managedBy,
  labels.role,
  'controller-revision-hash',
]);
const reservedPrefixes = [`${apiGroup}/`, 'statefulset.kubernetes.io/', 'apps.kubernetes.io/', 'kubernetes.io/'];

function isReserved(key: string): boolean {
  return reservedLabels.has(key) || reservedPrefixes.some((prefix) => key.startsWith(prefix));
}

/** Faults of spec.podMetadata. */
export function podMetadataProblems({ podMetadata }: PostgresClusterSpec): readonly Problem[] {
  const wanted = Object.entries(podMetadata?.labels ?? {});
  return [
    ...wanted.flatMap(([key, value]) => {
      const path = `spec.podMetadata.labels.${key.slice(0, 120)}`;
      if (!isQualifiedName(key)) return [problem(path, value, qualifiedRule)];
      if (isReserved(key))
        return [problem(path, value, 'belongs to the operator, Patroni or Kubernetes; choose another name')];
      return isLabelValue(value) ? [] : [problem(path, value, labelValueRule)];
    }),
    ...annotationProblems('spec.podMetadata.annotations', podMetadata?.annotations ?? {}, reservedAnnotations),
  ];
}

function sorted(map: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(map).sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** What pods shall bear beside what the operator and Patroni put there; the mark is null where that is nothing. */
export function podMetadata(spec: PostgresClusterSpec): PodMetadata {
  const wanted = { labels: sorted(spec.podMetadata?.labels), annotations: sorted(spec.podMetadata?.annotations) };
  const keys = { labels: Object.keys(wanted.labels), annotations: Object.keys(wanted.annotations) };
  if (keys.labels.length + keys.annotations.length === 0) return { ...wanted, mark: null };
  return { ...wanted, mark: JSON.stringify({ hash: sha256(JSON.stringify(wanted)).slice(0, 16), ...keys }) };
}
