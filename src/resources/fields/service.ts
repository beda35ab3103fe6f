/** Owns: spec.service: what is wrong with it, and what of the primary Service it becomes. */
import type { Problem } from '#machines/cluster/plan.ts';
import type { Json } from '#machines/cluster/plan.ts';
import { apiGroup } from '#machines/shared/names.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { isQualifiedName, problem, qualifiedRule } from './grammar.ts';
import { isCidr } from './pg-hba.ts';

/** Longest value of an annotation that a condition and a journal row can bear. */
export const annotationValueMax = 4096;

/** Faults of annotations that a user asks for; `reserved` are keys that belong to somebody else. */
export function annotationProblems(
  path: string,
  wanted: Readonly<Record<string, string>>,
  reserved: ReadonlySet<string> = new Set(),
): readonly Problem[] {
  return Object.entries(wanted).flatMap(([key, value]) => {
    const here = `${path}.${key.slice(0, 120)}`;
    if (!isQualifiedName(key)) return [problem(here, value, qualifiedRule)];
    if (key.startsWith(`${apiGroup}/`) || reserved.has(key))
      return [problem(here, value, 'belongs to the operator, Patroni or Kubernetes; choose another name')];
    if (value.length > annotationValueMax)
      return [problem(here, value, `must be at most ${annotationValueMax} characters`)];
    return [];
  });
}

/** Faults of spec.service. */
export function serviceProblems({ service }: PostgresClusterSpec): readonly Problem[] {
  const ranges = service?.loadBalancerSourceRanges ?? [];
  const path = 'spec.service.loadBalancerSourceRanges';
  return [
    ...annotationProblems('spec.service.annotations', service?.annotations ?? {}),
    ...ranges.flatMap((range, index) =>
      isCidr(range.trim()) ? [] : [problem(`${path}[${index}]`, range, 'must be a CIDR, such as 10.0.0.0/8')],
    ),
    ...(ranges.length > 0 && service?.type !== 'LoadBalancer'
      ? [problem(path, ranges, 'may only be given where spec.service.type is LoadBalancer')]
      : []),
  ];
}

/** Annotations of the primary Service. */
export function serviceAnnotations({ service }: PostgresClusterSpec): Readonly<Record<string, string>> {
  return service?.annotations ?? {};
}

/** What the primary Service's spec says of how it is reached. */
export function exposure({ service }: PostgresClusterSpec): { readonly [key: string]: Json } {
  const { type = 'ClusterIP', loadBalancerSourceRanges: ranges = [] } = service ?? {};
  return {
    type,
    ...(type === 'ClusterIP' ? {} : { externalTrafficPolicy: 'Cluster' }),
    ...(ranges.length === 0 ? {} : { loadBalancerSourceRanges: ranges.map((range) => range.trim()) }),
  };
}
