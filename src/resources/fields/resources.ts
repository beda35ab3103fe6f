/**
 * Owns: spec.resources: what is wrong with it, what of the database container it becomes, and in which spelling two of them are
 * compared: `1024Mi` for `1Gi` starts nothing anew.
 */
import { isObject } from '#machines/shared/json.ts';
import type { Json, Problem } from '#machines/cluster/plan.ts';
import { plainQuantity, quantityBytes } from '#machines/shared/quantity.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { isHollow } from './grammar.ts';

/** Faults of spec.resources. */
export function resourceProblems(spec: PostgresClusterSpec): readonly Problem[] {
  const { requests, limits } = spec.resources ?? {};
  return (['cpu', 'memory'] as const).flatMap((name): Problem[] => {
    const request = requests?.[name];
    const limit = limits?.[name];
    const wrong = [request, limit].filter(
      (value): value is string => value !== undefined && !(quantityBytes(value) > 0),
    );
    if (wrong[0] !== undefined)
      return [{ field: `spec.resources.${name}`, value: wrong[0], rule: 'must be a quantity greater than 0' }];
    if (request === undefined || limit === undefined || quantityBytes(limit) >= quantityBytes(request)) return [];
    return [{ field: `spec.resources.limits.${name}`, value: limit, rule: `must not be below the request ${request}` }];
  });
}

/** Resources of the database container. A list that holds nothing is left out, as one that is not given. */
export function containerResources({ resources }: PostgresClusterSpec): { readonly [key: string]: Json } {
  const list = (each: { readonly cpu?: string; readonly memory?: string }): { readonly [key: string]: Json } => ({
    ...(each.cpu === undefined ? {} : { cpu: each.cpu }),
    ...(each.memory === undefined ? {} : { memory: each.memory }),
  });
  const { requests, limits } = resources ?? {};
  return {
    ...(requests === undefined || isHollow(requests) ? {} : { requests: list(requests) }),
    ...(limits === undefined || isHollow(limits) ? {} : { limits: list(limits) }),
  };
}

/** A value of spec.resources with its quantities in one spelling, and without what holds nothing. */
export function plainResources(value: unknown): unknown {
  if (typeof value === 'string') return plainQuantity(value);
  if (!isObject(value)) return value;
  const parts = Object.entries(value).filter(([, each]) => !isHollow(each));
  return Object.fromEntries(parts.map(([key, each]) => [key, plainResources(each)]));
}
