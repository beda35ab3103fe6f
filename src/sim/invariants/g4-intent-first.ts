/**
 * G4: every change that leaves an operator has a durable intent of the same method, path, query and body. Judged in the
 * moment of leaving, against what another connection reads from the journal's file.
 */
import { at, list, parsed, same, text, type Json } from '../json.ts';
import { isChange, type Invariant, type Leaving } from './invariant.ts';

const effectId = /^(.+)-(\d+)-(\d+)-(\d+)$/;

/** The intent an Audit-ID names; a text says why there is none. */
function intentOf({ auditId, journal }: Leaving): Json | string {
  const parts = effectId.exec(auditId ?? '');
  if (parts === null) return 'it bears no effect key';
  if (journal === null) return 'no journal is open';
  const [, uid = '', epoch = '', seq = '', ordinal = ''] = parts;
  const row = journal.reader.row(uid, Number(seq));
  if (row === null) return `row ${seq} is not durable`;
  if (row.epoch !== Number(epoch)) return `row ${seq} is of term ${row.epoch}, not ${epoch}`;
  const intent = list(parsed(row.body), 'intents').find((each) => at(each)['ordinal'] === Number(ordinal));
  return intent === undefined ? `row ${seq} has no intent ${ordinal}` : at(intent);
}

/** A body with what the executor filled in taken out again. */
function template(body: unknown): unknown {
  if (Array.isArray(body)) return body.map(template);
  if (typeof body !== 'object' || body === null) return body;
  const { data: _data, ...rest } = at(body);
  const shown = text(rest, 'kind') === 'Secret' ? rest : at(body);
  return Object.fromEntries(
    Object.entries(shown).map(([key, value]) => {
      if (key === 'postgres.example.com/effect' && value !== null) return [key, { $effect: '' }];
      if (key === 'journal' && 'seq' in at(value)) return [key, { $anchor: '' }];
      return [key, template(value)];
    }),
  );
}

function differs(leaving: Leaving, intent: Json): string | null {
  const { request, journal } = leaving;
  const recorded = at(intent, 'request');
  for (const field of ['method', 'path'] as const)
    if (recorded[field] !== request[field]) return `its ${field} is ${String(recorded[field])} in the journal`;
  if (!same(recorded['query'], request.query)) return 'its query is another one in the journal';
  const hash = text(recorded, 'body', '$blob');
  if (hash === '') return request.body === null ? null : 'it has no body in the journal';
  const stated = parsed(journal?.reader.blob(hash) ?? null);
  return same(template(stated), template(parsed(request.body))) ? null : 'its body is another one in the journal';
}

export const g4: Invariant = {
  name: 'G4',
  says: 'every change on the wire has an earlier durable intent of equal content',
  watch: (_world, tell) => ({
    onLeaving: (leaving) => {
      const { request, sender } = leaving;
      if (!isChange(request)) return;
      const intent = intentOf(leaving);
      const because = typeof intent === 'string' ? intent : differs(leaving, intent);
      if (because !== null) tell(`${sender} sent ${request.method} ${request.path}, but ${because}`);
    },
  }),
};
