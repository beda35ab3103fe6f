/**
 * Owns: spec.placement: what is wrong with it, and what of a pod it becomes. Its parts are Kubernetes' own types, whose
 * shapes stand here as a table: what the API server would refuse of a template is told before anything is changed.
 */
import { isObject } from '#machines/shared/json.ts';
import type { Problem } from '#machines/cluster/plan.ts';
import type { Json } from '#machines/cluster/plan.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { memberLabels } from '../metadata.ts';
import {
  isHollow,
  isLabelValue,
  isQualifiedName,
  labelValueRule,
  problem,
  qualifiedRule,
  subdomainGrammar,
} from './grammar.ts';

/** What may stand at a place; an object knows all its fields. */
type Shape =
  | 'text'
  | 'whole'
  | 'name'
  | 'labels'
  | { readonly of: readonly string[] }
  | { readonly list: Shape; readonly least?: number }
  | { readonly fields: Readonly<Record<string, Shape>>; readonly needs?: readonly string[] };

const nodeOperators = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'];
const labelOperators = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

function expression(operators: readonly string[]): Shape {
  return {
    fields: { key: 'name', operator: { of: operators }, values: { list: 'text' } },
    needs: ['key', 'operator'],
  };
}

const nodeTerm: Shape = {
  fields: {
    matchExpressions: { list: expression(nodeOperators) },
    matchFields: { list: expression(nodeOperators) },
  },
};
const selector: Shape = {
  fields: { matchLabels: 'labels', matchExpressions: { list: expression(labelOperators) } },
};
const podTerm: Shape = {
  fields: {
    labelSelector: selector,
    topologyKey: 'name',
    namespaces: { list: 'text' },
    namespaceSelector: selector,
    matchLabelKeys: { list: 'name' },
    mismatchLabelKeys: { list: 'name' },
  },
  needs: ['topologyKey'],
};

function weighted(key: string, term: Shape): Shape {
  return { list: { fields: { weight: 'whole', [key]: term }, needs: ['weight', key] } };
}

const podAffinity: Shape = {
  fields: {
    requiredDuringSchedulingIgnoredDuringExecution: { list: podTerm },
    preferredDuringSchedulingIgnoredDuringExecution: weighted('podAffinityTerm', podTerm),
  },
};
const affinity: Shape = {
  fields: {
    nodeAffinity: {
      fields: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          fields: { nodeSelectorTerms: { list: nodeTerm, least: 1 } },
          needs: ['nodeSelectorTerms'],
        },
        preferredDuringSchedulingIgnoredDuringExecution: weighted('preference', nodeTerm),
      },
    },
    podAffinity,
    podAntiAffinity: podAffinity,
  },
};
const toleration: Shape = {
  fields: {
    key: 'name',
    operator: { of: ['Exists', 'Equal'] },
    value: 'text',
    effect: { of: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] },
    tolerationSeconds: 'whole',
  },
};
const spread: Shape = {
  fields: {
    maxSkew: 'whole',
    topologyKey: 'name',
    whenUnsatisfiable: { of: ['DoNotSchedule', 'ScheduleAnyway'] },
    labelSelector: selector,
    minDomains: 'whole',
    nodeAffinityPolicy: { of: ['Honor', 'Ignore'] },
    nodeTaintsPolicy: { of: ['Honor', 'Ignore'] },
    matchLabelKeys: { list: 'name' },
  },
  needs: ['maxSkew', 'topologyKey', 'whenUnsatisfiable'],
};

function labelProblems(path: string, value: unknown): readonly Problem[] {
  if (!isObject(value)) return [problem(path, value, 'must be a map of texts')];
  return Object.entries(value).flatMap(([key, each]) => {
    const here = `${path}.${key.slice(0, 120)}`;
    if (!isQualifiedName(key)) return [problem(here, key, qualifiedRule)];
    return typeof each === 'string' && isLabelValue(each) ? [] : [problem(here, each, labelValueRule)];
  });
}

function plainProblems(path: string, value: unknown, shape: 'text' | 'whole' | 'name'): readonly Problem[] {
  if (shape === 'text') return typeof value === 'string' ? [] : [problem(path, value, 'must be a text')];
  if (shape === 'whole') return Number.isInteger(value) ? [] : [problem(path, value, 'must be a whole number')];
  return typeof value === 'string' && isQualifiedName(value) ? [] : [problem(path, value, qualifiedRule)];
}

function shapeProblems(path: string, value: unknown, shape: Shape): readonly Problem[] {
  if (shape === 'labels') return labelProblems(path, value);
  if (typeof shape === 'string') return plainProblems(path, value, shape);
  if ('of' in shape)
    return typeof value === 'string' && shape.of.includes(value)
      ? []
      : [problem(path, value, `must be ${shape.of.join(', ')}`)];
  if ('list' in shape) {
    if (!Array.isArray(value)) return [problem(path, value, 'must be a list')];
    if (value.length < (shape.least ?? 0))
      return [problem(path, value, `must have at least ${shape.least ?? 0} items`)];
    return value.flatMap((each: unknown, index) => shapeProblems(`${path}[${index}]`, each, shape.list));
  }
  if (!isObject(value)) return [problem(path, value, 'must be an object')];
  const missing = (shape.needs ?? []).filter((key) => value[key] === undefined);
  const inside = Object.entries(value).flatMap(([key, each]) => {
    const below = shape.fields[key];
    return below === undefined
      ? [problem(`${path}.${key}`, each, `is no field of it; there are ${Object.keys(shape.fields).join(', ')}`)]
      : shapeProblems(`${path}.${key}`, each, below);
  });
  return [...missing.map((key) => problem(`${path}.${key}`, null, 'must be given')), ...inside];
}

type Toleration = Readonly<Record<string, unknown>>;

/** What no shape says of a toleration, in the API server's order. */
function tolerationProblems(path: string, each: Toleration): readonly Problem[] {
  const { key, operator, value, effect, tolerationSeconds } = each;
  if (key === undefined && operator !== 'Exists')
    return [problem(`${path}.operator`, operator, 'must be Exists where key is not given')];
  if (operator === 'Exists' && value !== undefined && value !== '')
    return [problem(`${path}.value`, value, 'must not be given where operator is Exists')];
  if (tolerationSeconds !== undefined && effect !== 'NoExecute')
    return [problem(`${path}.effect`, effect, 'must be NoExecute where tolerationSeconds is given')];
  return typeof value === 'string' && !isLabelValue(value) ? [problem(`${path}.value`, value, labelValueRule)] : [];
}

/** Places of constraints that Kubernetes takes for the same as one before. */
function twice(spreads: readonly Readonly<Record<string, unknown>>[]): readonly number[] {
  const keys = spreads.map(({ topologyKey, whenUnsatisfiable }) => JSON.stringify([topologyKey, whenUnsatisfiable]));
  return keys.flatMap((key, index) => (keys.indexOf(key) < index ? [index] : []));
}

/** Faults of spec.placement. */
export function placementProblems({ placement }: PostgresClusterSpec): readonly Problem[] {
  const { affinity: wanted, tolerations = [], nodeSelector, topologySpreadConstraints: spreads = [] } = placement ?? {};
  const priority = placement?.priorityClassName;
  const path = 'spec.placement';
  return [
    ...(wanted === undefined ? [] : shapeProblems(`${path}.affinity`, wanted, affinity)),
    ...tolerations.flatMap((each, index) => {
      const here = `${path}.tolerations[${index}]`;
      const misfits = shapeProblems(here, each, toleration);
      return misfits.length > 0 ? misfits : tolerationProblems(here, each);
    }),
    ...(nodeSelector === undefined ? [] : labelProblems(`${path}.nodeSelector`, nodeSelector)),
    ...spreads.flatMap((each, index) => shapeProblems(`${path}.topologySpreadConstraints[${index}]`, each, spread)),
    ...twice(spreads).map((index) =>
      problem(
        `${path}.topologySpreadConstraints[${index}]`,
        spreads[index],
        'stands there twice: its key and what it does are those of another',
      ),
    ),
    ...(priority === undefined || subdomainGrammar.test(priority)
      ? []
      : [problem(`${path}.priorityClassName`, priority, 'must be the name of a PriorityClass')]),
  ];
}

type JsonObject = { readonly [key: string]: Json };

function preferApart(cluster: string): JsonObject {
  return {
    preferredDuringSchedulingIgnoredDuringExecution: [
      {
        weight: 100,
        podAffinityTerm: {
          labelSelector: { matchLabels: memberLabels(cluster) },
          topologyKey: 'kubernetes.io/hostname',
        },
      },
    ],
  };
}

/**
 * What spec.placement says of a pod. Members keep apart unless the spec says how; a constraint without a selector is about
 * the members of this cluster.
 */
export function placed(cluster: string, { placement }: PostgresClusterSpec): JsonObject {
  const members = { matchLabels: memberLabels(cluster) };
  const wanted = placement?.topologySpreadConstraints ?? [];
  const zones: JsonObject = {
    maxSkew: 1,
    topologyKey: 'topology.kubernetes.io/zone',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: members,
  };
  const given = Object.entries(placement?.affinity ?? {}).filter(([, each]) => !isHollow(each));
  const stated = Object.fromEntries(given) as JsonObject;
  const spreads = wanted.map((each): JsonObject => ({ labelSelector: members, ...(each as JsonObject) }));
  const { tolerations = [], nodeSelector = {}, priorityClassName } = placement ?? {};
  return {
    // The spec was validated: its parts are JSON of Kubernetes' own types.
    affinity: { podAntiAffinity: preferApart(cluster), ...stated },
    topologySpreadConstraints: spreads.length === 0 ? [zones] : spreads,
    ...(Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }),
    ...(tolerations.length === 0 ? {} : { tolerations: tolerations as readonly Json[] }),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
  };
}
