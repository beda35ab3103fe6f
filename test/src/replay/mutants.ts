/**
 * Owns: changes of the deciding core, each by wrapping one exported function or value, so that they survive edits inside it;
 * and what `compare-versions` must say of each. Refactorings beside them, of which it must say nothing.
 */
import { readFileSync } from 'node:fs';
import type { Plugin } from 'esbuild';
import { openCoreBundling } from '#src/dev/bundle.ts';
import type { DifferenceClass } from '#src/replay/differences.ts';

const root = new URL('../../../', import.meta.url).pathname;

export interface Mutant {
  readonly change: string;
  readonly file: string;
  /** Exported function or value. */
  readonly symbol: string;
  /** Source text of a function that takes the original and gives what stands in its place. */
  readonly wrap: string;
  /** The gravest class that is to be reported. */
  readonly expected: DifferenceClass;
}

const guards = 'machines/cluster/guards.ts';
const procedures = 'machines/cluster/procedures.ts';
const never = (why: string): string => `(guard) => (view) => ({ ...guard(view), answer: 'no', because: '${why}' })`;

function silenced(symbol: string): Mutant {
  return {
    change: `${symbol} never says yes`,
    file: guards,
    symbol,
    wrap: never('a mutant says so'),
    expected: 'missing',
  };
}

/** A builder whose body is changed by `change`, JavaScript over `body`. */
function rendered(what: string, place: readonly [file: string, symbol: string], change: string): Mutant {
  return {
    change: what,
    file: `src/resources/cluster/${place[0]}.ts`,
    symbol: place[1],
    wrap: `(build) => (...given) => { const body = build(...given); return ${change}; }`,
    expected: 'target',
  };
}

/** An intent whose complete request is changed, JavaScript over `request`. */
function requested(what: string, when: string, change: string, expected: DifferenceClass): Mutant {
  return {
    change: what,
    file: 'src/decision/render.ts',
    symbol: 'render',
    wrap: `(render) => (context, intent) => {
      const all = render(context, intent);
      if (all === null || !(${when})) return all;
      const { request } = all;
      return { ...all, request: ${change} };
    }`,
    expected,
  };
}

function told(what: string, change: string, expected: DifferenceClass): Mutant {
  return {
    change: what,
    file: 'src/decision/status.ts',
    symbol: 'statusOf',
    wrap: `(statusOf) => (view) => { const status = statusOf(view); return ${change}; }`,
    expected,
  };
}

function wished(what: string, change: string, expected: DifferenceClass): Mutant {
  return {
    change: what,
    file: 'machines/cluster/wants.ts',
    symbol: 'wants',
    wrap: `(wants) => (view) => { const all = wants(view); return ${change}; }`,
    expected,
  };
}

function deaf(type: string, expected: DifferenceClass = 'missing'): Mutant {
  return {
    change: `${type} is not learned`,
    file: 'machines/cluster/learn.ts',
    symbol: 'learn',
    wrap: `(learn) => (facts, observation, at) => observation.type === '${type}' ? facts : learn(facts, observation, at)`,
    expected,
  };
}

function constant(symbol: string, value: string, expected: DifferenceClass): Mutant {
  return {
    change: `${symbol} is ${value}`,
    file: 'machines/cluster/backoff.ts',
    symbol,
    wrap: `() => ${value}`,
    expected,
  };
}

const withPart = (path: string, value: string): string =>
  `(${JSON.stringify(path.split('.'))}).reduceRight((made, key, index, keys) => {
    const at = keys.slice(0, index).reduce((each, name) => each?.[name], body);
    return Array.isArray(at) ? at.with(Number(key), made) : { ...at, [key]: made };
  }, ${value})`;

export const mutants: readonly Mutant[] = [
  ...[
    'primaryLost',
    'primaryElected',
    'replicasDegraded',
    'recoveryCompleted',
    'resourcesApplied',
    'deletionRequested',
    'podsGone',
    'objectsCleared',
  ].map(silenced),
  { ...silenced('fullyRecovered'), file: procedures },
  { ...silenced('allReplicasReady'), file: procedures, expected: 'target' },
  {
    change: 'every cluster counts as deleted',
    file: guards,
    symbol: 'deletionRequested',
    wrap: "() => () => ({ answer: 'yes', because: 'a mutant says so', values: {} })",
    expected: 'destructive',
  },
  {
    change: 'every deletion counts as one that keeps the database',
    file: guards,
    symbol: 'orphanRequested',
    wrap: '(guard) => (view) => view.facts.world.cluster?.seen.deleting ? { answer: "yes", because: "a mutant", values: {} } : guard(view)',
    expected: 'destructive',
  },
  {
    change: 'the pods are not waited for',
    file: guards,
    symbol: 'podsGone',
    wrap: "() => () => ({ answer: 'yes', because: 'a mutant says so', values: {} })",
    expected: 'destructive',
  },
  {
    change: 'members are called ready in other words',
    file: guards,
    symbol: 'membersReady',
    wrap: '(guard) => (view) => { const said = guard(view); return { ...said, because: `well: ${said.because}` }; }',
    expected: 'extra',
  },
  {
    change: 'a guard compares one value more',
    file: procedures,
    symbol: 'fullyRecovered',
    wrap: '(guard) => (view) => { const said = guard(view); return { ...said, values: { ...said.values, more: 1 } }; }',
    expected: 'cosmetic',
  },
  {
    change: 'the leader is told in other words',
    file: 'machines/cluster/members.ts',
    symbol: 'leaderOf',
    wrap: '(leaderOf) => (facts) => { const said = leaderOf(facts); return { ...said, because: `well: ${said.because}` }; }',
    expected: 'extra',
  },
  {
    change: 'a leader that does not renew its key still counts',
    file: 'machines/cluster/members.ts',
    symbol: 'leaderOf',
    wrap: '(leaderOf) => (facts) => leaderOf({ ...facts, world: { ...facts.world, leaderSilentSince: null } })',
    expected: 'missing',
  },
  {
    change: 'members need a start time, which no row holds',
    file: guards,
    symbol: 'membersReady',
    wrap: `(guard) => (view) => Object.values(view.facts.world.objects).every(({ object }) => object.kind !== 'Pod' || object.detail.startedAt)
      ? guard(view) : { answer: 'no', because: 'not started', values: {} }`,
    expected: 'unanswerable',
  },
  {
    change: 'a status is written over a version that nobody looked up',
    file: 'src/decision/render.ts',
    symbol: 'render',
    wrap: `(render) => (context, intent) => intent.type === 'PublishStatus' && context.versions('PostgresCluster', intent.target.name) === null
      ? null : render(context, intent)`,
    expected: 'unanswerable',
  },
  deaf('LeaderSilent'),
  deaf('Synced'),
  deaf('OutcomeArrived', 'destructive'),
  deaf('ObjectSeen', 'target'),
  deaf('TimerFired'),
  deaf('ObjectGone'),
  deaf('OperatorConfigSeen', 'target'),
  wished('nothing is told in Kubernetes Events', "all.filter(({ type }) => type !== 'EmitEvent')", 'missing'),
  wished('no database is made', "all.filter(({ type }) => type !== 'CreateDatabase')", 'missing'),
  wished(
    'drift is left alone',
    "all.filter(({ type }) => type !== 'RepairObject' && type !== 'RemoveForeignFields')",
    'missing',
  ),
  wished('what is kept is not marked', "all.filter(({ type }) => type !== 'MarkRetained')", 'missing'),
  wished('everything is wished the other way round', 'all.toReversed()', 'order'),
  wished(
    'wishes say why in other words',
    'all.map((each) => ({ ...each, because: `because ${each.because}` }))',
    'cosmetic',
  ),
  wished(
    'the database goes to another pod',
    "all.map((each) => each.type === 'CreateDatabase' ? { ...each, target: { ...each.target, name: `${each.target.name}0` } } : each)",
    'target',
  ),
  wished(
    'a pod is deleted while another is not ready',
    `all.concat(Object.values(view.facts.world.objects).filter(({ object }) => object.kind === 'Pod' && !object.detail.ready)
      .map(({ object }) => ({ type: 'DeleteObject', target: { kind: 'Pod', name: object.name }, uid: object.uid, because: 'a mutant' })))`,
    'destructive',
  ),
  {
    change: 'everything is deleted at once',
    file: 'machines/cluster/tables/deletion.ts',
    symbol: 'deletionStep',
    wrap: '() => (facts) => Object.values(facts.world.objects).map(({ object }) => object)',
    expected: 'destructive',
  },
  rendered('one replica more', ['statefulset', 'statefulSet'], withPart('spec.replicas', 'body.spec.replicas + 1')),
  rendered(
    'pods run as root',
    ['statefulset', 'statefulSet'],
    withPart('spec.template.spec.securityContext', '{ runAsUser: 0 }'),
  ),
  rendered(
    'another update strategy',
    ['statefulset', 'statefulSet'],
    withPart('spec.updateStrategy', "{ type: 'RollingUpdate' }"),
  ),
  rendered('claims of another size', ['statefulset', 'claim'], withPart('spec.resources.requests.storage', "'1Mi'")),
  rendered('no disruption is allowed', ['statefulset', 'disruptionBudget'], withPart('spec.minAvailable', '99')),
  rendered('the primary Service leads anywhere', ['services', 'primaryService'], withPart('spec.selector', '{}')),
  rendered(
    'the replica Service is open to all',
    ['services', 'replicaService'],
    withPart('spec.type', "'LoadBalancer'"),
  ),
  rendered(
    'pods may do anything',
    ['access', 'role'],
    withPart('rules', "[{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]"),
  ),
  rendered('pods have another account', ['access', 'roleBinding'], withPart('subjects', '[]')),
  rendered('Patroni is told something else', ['patroni', 'patroniConfigMap'], withPart('data', '{}')),
  rendered(
    'passwords are short',
    ['secrets', 'credentialsInForce'],
    '({ ...body, generated: body.generated.map((each) => ({ ...each, generator: { ...each.generator, length: 4 } })) })',
  ),
  requested('a delete names no uid', "intent.type === 'DeleteObject'", "({ ...request, body: '{}' })", 'destructive'),
  requested(
    'a delete waits for its dependents',
    "intent.type === 'DeleteObject'",
    "({ ...request, body: request.body.replace('Background', 'Foreground') })",
    'destructive',
  ),
  requested(
    'creations may overwrite',
    "intent.type === 'CreateObject'",
    `({ ...request, body: request.body.replace('"resourceVersion":"1"', '"resourceVersion":""') })`,
    'target',
  ),
  requested(
    'another field manager',
    "intent.type === 'CreateObject'",
    "({ ...request, query: { ...request.query, fieldManager: 'nobody' } })",
    'target',
  ),
  requested('status is not forced', "intent.type === 'PublishStatus'", '({ ...request, query: {} })', 'target'),
  requested(
    'another procedure of SQL',
    "intent.type === 'CreateDatabase'",
    "({ ...request, arguments: { ...request.arguments, owner: 'postgres' } })",
    'target',
  ),
  requested(
    'Kubernetes Events in other words',
    "intent.type === 'EmitEvent'",
    "({ ...request, body: JSON.stringify({ ...JSON.parse(request.body), message: 'something happened' }) })",
    'cosmetic',
  ),
  told('the status tells why in other words', '({ ...status, reason: `well: ${status.reason}` })', 'extra'),
  told('the status tells another phase', "({ ...status, phase: 'Running' })", 'target'),
  told('the status counts one member more', '({ ...status, readyReplicas: status.readyReplicas + 1 })', 'target'),
  told('the status names no member', '({ ...status, members: [] })', 'target'),
  {
    change: 'severity is never a warning',
    file: 'src/decision/decide.ts',
    symbol: 'severityOf',
    wrap: "() => () => 'Normal'",
    expected: 'target',
  },
  constant('statusIntervalMs', '20_000', 'target'),
  constant('holdMs', '1', 'target'),
  constant('recoverDeadlineMs', '1_000', 'target'),
  constant('sightMs', '99_000', 'target'),
  {
    change: 'no timer is armed',
    file: 'machines/cluster/deadlines.ts',
    symbol: 'withTimers',
    wrap: '() => (view) => view.facts',
    expected: 'missing',
  },
  {
    change: 'objects are made in another order',
    file: 'src/resources/plan.ts',
    symbol: 'desiredObjects',
    wrap: '(objects) => (input) => objects(input).toReversed()',
    expected: 'order',
  },
  {
    change: 'deciding throws on a silent leader',
    file: 'machines/cluster/learn.ts',
    symbol: 'learn',
    wrap: `(learn) => (facts, observation, at) => { if (observation.type === 'LeaderSilent') throw new Error('a mutant'); return learn(facts, observation, at); }`,
    expected: 'missing',
  },
];

/** Changes of the code that change no decision. */
export const refactorings: readonly Omit<Mutant, 'expected'>[] = [
  {
    change: 'a guard through another function',
    file: guards,
    symbol: 'membersReady',
    wrap: '(guard) => { const inner = (view) => guard(view); return (view) => inner({ ...view }); }',
  },
  {
    change: 'wishes copied',
    file: 'machines/cluster/wants.ts',
    symbol: 'wants',
    wrap: '(wants) => (view) => [...wants({ ...view })]',
  },
  {
    change: 'builders without a memory',
    file: 'src/resources/plan.ts',
    symbol: 'makeBuilders',
    wrap: '(make) => () => ({ ...make(), plan: (facts) => make().plan(facts) })',
  },
  {
    change: 'facts learned on a copy',
    file: 'machines/cluster/learn.ts',
    symbol: 'learn',
    wrap: '(learn) => (facts, observation, at) => learn({ ...facts }, { ...observation }, at)',
  },
  {
    change: 'an answer with its parts in another order',
    file: 'machines/cluster/members.ts',
    symbol: 'leaderOf',
    wrap: '(leaderOf) => (facts) => Object.fromEntries(Object.entries(leaderOf(facts)).toReversed())',
  },
];

/** The text of a file with the mutant planted. @throws when the symbol is not exported there any more */
function planted({ file, symbol, wrap }: Omit<Mutant, 'expected'>): string {
  const text = readFileSync(`${root}${file}`, 'utf8');
  const found = new RegExp(`^export (function|const) ${symbol}\\b`, 'm').exec(text);
  if (found === null) throw new Error(`${file} does not export ${symbol} any more: let the mutant wrap something else`);
  const before = text.slice(0, found.index);
  const after = text.slice(found.index + found[0].length);
  return `${before}${found[1]} ${symbol}__original${after}\nexport const ${symbol} = (${wrap})(${symbol}__original);\n`;
}

/** Makes bundles of the core with a mutant in it, one after the other; what is not changed is read once. */
export async function openMutation(): Promise<{
  readonly mutated: (mutant: Omit<Mutant, 'expected'>) => Promise<string>;
  readonly close: () => Promise<void>;
}> {
  let mutant: Omit<Mutant, 'expected'> | null = null;
  const plugin: Plugin = {
    name: 'mutant',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\/(machines|src)\/.*\.ts$/ }, ({ path }) =>
        mutant !== null && path === `${root}${mutant.file}` ? { loader: 'ts', contents: planted(mutant) } : undefined,
      );
    },
  };
  const bundling = await openCoreBundling([plugin]);
  return {
    mutated: (each) => {
      mutant = each;
      return bundling.make();
    },
    close: bundling.close,
  };
}
