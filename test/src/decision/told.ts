/** Owns: decisions as text for a golden file: everything a decision says, once; a status only where it differs. */
import type { ClusterObservation } from '#machines/cluster/observations.ts';
import type { Decision, EffectRequest, IntentRecord } from '#src/decision/record.ts';

type Fields = Readonly<Record<string, unknown>>;

function observed(observation: ClusterObservation): string {
  switch (observation.type) {
    case 'ClusterSeen': {
      const { generation, deleting, finalizers } = observation.cluster;
      return `ClusterSeen generation ${generation}${deleting ? ', deleting' : ''}, finalizers [${finalizers.join(', ')}]`;
    }
    case 'ObjectSeen': {
      const { kind, name, deleting } = observation.object;
      return `ObjectSeen ${kind}/${name}${deleting ? ', deleting' : ''}`;
    }
    case 'ObjectGone':
      return `ObjectGone ${observation.object.kind}/${observation.object.name}`;
    case 'OutcomeArrived': {
      const { intent, target, outcome } = observation;
      return `OutcomeArrived ${intent} ${target.kind}/${target.name}: ${outcome.type}`;
    }
    case 'TimerFired':
      return `TimerFired ${observation.id}`;
    case 'SourceWentStale':
    case 'SourceFresh':
      return `${observation.type} ${observation.source}`;
    default:
      return observation.type;
  }
}

/** Contents that the goldens of the builders show already. */
const elsewhere = new Set(['spec', 'data', 'stringData', 'rules', 'subjects', 'roleRef']);

function bodyLines(request: EffectRequest): readonly string[] {
  if (request.type !== 'api') return [JSON.stringify(request)];
  const { method, path, query, contentType, body, generated } = request;
  const parsed = body === null ? null : (JSON.parse(body) as Fields | readonly unknown[]);
  const shown =
    parsed === null || Array.isArray(parsed)
      ? parsed
      : Object.fromEntries(Object.entries(parsed).filter(([key]) => !elsewhere.has(key) && key !== 'status'));
  return [
    `${method} ${path} ${JSON.stringify(query)} ${contentType ?? 'no body'}`,
    ...(shown === null ? [] : [JSON.stringify(shown)]),
    ...(generated.length === 0 ? [] : [`generated ${JSON.stringify(generated)}`]),
  ];
}

function statusOf(request: EffectRequest): Fields {
  if (request.type === 'sql' || request.type === 'command' || request.body === null) return {};
  const { status } = JSON.parse(request.body) as { readonly status?: Fields };
  return Object.fromEntries(
    Object.entries(status ?? {}).flatMap(([field, value]): [string, unknown][] =>
      field === 'conditions' && Array.isArray(value)
        ? (value as readonly { readonly type: string }[]).map(({ type, ...rest }) => [`condition ${type}`, rest])
        : [[field, value]],
    ),
  );
}

/**
 * A teller remembers what it has told, so that requests and statuses are told once.
 * @param brief without requests and statuses at all
 */
export function aTeller(brief = false): (decision: Decision) => string {
  const requests = new Set<string>();
  let status: Fields = {};

  function intentLines(intent: IntentRecord): readonly string[] {
    const { type, target, because, request } = intent;
    const head = `  ${intent.ordinal} ${type} (${intent.class}) ${target.kind}/${target.name}: ${because}`;
    if (brief) return [head];
    const shape = `${type} ${target.kind}`;
    const lines = requests.has(shape) ? [] : bodyLines(request);
    requests.add(shape);
    if (type !== 'PublishStatus') return [head, ...lines.map((line) => `      ${line}`)];
    const now = statusOf(request);
    const news = Object.entries(now).filter(([key, value]) => JSON.stringify(status[key]) !== JSON.stringify(value));
    const gone = Object.keys(status).filter((key) => !(key in now));
    status = now;
    return [
      head,
      ...lines.map((line) => `      ${line}`),
      ...news.map(([key, value]) => `      ${key}: ${JSON.stringify(value)}`),
      ...gone.map((key) => `      ${key}: left out`),
    ];
  }

  return (decision) => {
    const { observation, moves, intents, timers, reads, to } = decision;
    const lines = [
      ...moves.flatMap(({ signal, from, to: next, answers }) => [
        `  ${from} → ${next} on ${signal}`,
        ...answers.map(
          ({ guard, answer, because, values }) => `      ${guard}? ${answer}: ${because} ${JSON.stringify(values)}`,
        ),
      ]),
      ...intents.flatMap(intentLines),
      ...reads.map((read) => `  read ${read.kind}/${read.name}: ${read.uid} at ${read.resourceVersion}`),
      ...timers.set.map(
        ({ id, delayMs, jitter, because }) => `  timer ${id} in ${delayMs} ms (jitter ${jitter}): ${because}`,
      ),
      ...timers.cleared.map((id) => `  timer ${id} is cleared`),
    ];
    return lines.length === 0 ? '' : [`${observed(observation)} [${to}]`, ...lines].join('\n');
  };
}
