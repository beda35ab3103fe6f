/** Decisions of whole lives as text and back; requests as paths. */
import { describe, expect, it } from 'vitest';
import { decodeBody, decodeTold, encodeBody, inlineBytesMax, mentionedIn } from '#src/decision/codec.ts';
import type { Decision } from '#src/decision/record.ts';
import { effectKey } from '#src/decision/record.ts';
import { sha256 } from '#src/decision/hash.ts';
import { resourcePath } from '#src/decision/paths.ts';
import { lives } from './lives.ts';

function aStore(): {
  readonly put: (text: string) => string;
  readonly get: (hash: string) => string;
  readonly texts: Map<string, string>;
} {
  const texts = new Map<string, string>();
  return {
    texts,
    put: (text) => {
      const hash = sha256(text);
      texts.set(hash, text);
      return hash;
    },
    get: (hash) => texts.get(hash) ?? expect.fail(`${hash} was never stored`),
  };
}

/** Decisions of some lives, made when a test wants them. */
function decisionsOf(...names: readonly string[]): readonly Decision[] {
  return names.flatMap((name) => lives[name]?.().decisions ?? expect.fail(`there is no life called ${name}`));
}

describe('a decision as text', () => {
  it('is the same decision when read again, and the same text when written again', () => {
    const { put, get } = aStore();
    const some = decisionsOf(
      'created and running',
      'changed, added to and deleted by hand',
      'without its journal when all is well',
    );
    for (const decision of some) {
      const text = encodeBody(decision, put);
      const again = decodeBody(text, get);
      expect(again).toEqual(decision);
      expect(encodeBody(again, put)).toBe(text);
      const { observation, reads } = again;
      expect(decodeTold(text, get)).toEqual({ observation, reads });
    }
  });

  it.each([
    ['as a text', '},"reads":[],"moves":[{'],
    ['as a field', { deep: [{ reads: [1], moves: [2] }], reads: [], moves: [{ moves: [] }], more: '' }],
  ])('is told apart from what was decided where an observation holds the same words %s', (_, dcs) => {
    const observation = { type: 'SourceFresh', source: '', dcs } as unknown as Decision['observation'];
    const reads = [{ kind: 'Pod', name: '"moves":[', uid: ',"moves":[', resourceVersion: '1' }] as const;
    const rest = { moves: [], intents: [], timers: { set: [], cleared: [] }, to: 'Alive.Running' };
    const { put, get } = aStore();
    expect(decodeTold(encodeBody({ observation, reads, ...rest }, put), get)).toEqual({ observation, reads });
  });

  it('has its keys in one order', () => {
    const decisions = decisionsOf('created on config maps');
    const [first] = decisions;
    if (first === undefined) expect.fail('a life has decisions');
    const text = encodeBody(first, aStore().put);
    expect(Object.keys(JSON.parse(text) as object)).toEqual([
      'observation',
      'reads',
      'moves',
      'intents',
      'timers',
      'to',
    ]);
    const asked = decisions.find(({ intents }) => intents.length > 0);
    if (asked === undefined) expect.fail('a life has intents');
    const { intents } = JSON.parse(encodeBody(asked, aStore().put)) as { readonly intents: readonly object[] };
    expect(intents.map((intent) => Object.keys(intent))[0]).toEqual([
      'ordinal',
      'type',
      'class',
      'target',
      'because',
      'request',
    ]);
  });

  it('holds no body of a request, only what names it', () => {
    const { put, texts } = aStore();
    for (const decision of decisionsOf('created on config maps')) {
      const text = encodeBody(decision, put);
      for (const { request } of decision.intents) {
        if (request.type === 'sql' || request.type === 'command' || request.body === null) continue;
        expect(texts.get(sha256(request.body))).toBe(request.body);
        expect(text).toContain(`"body":{"$blob":"${sha256(request.body)}"}`);
      }
    }
  });

  it.each([
    ['as long as it may be inline', 0, false],
    ['one byte longer', 1, true],
  ])('an observation %s', (_, more, stored) => {
    const empty = { type: 'SourceFresh', source: '' } as const;
    const source = 'x'.repeat(inlineBytesMax - JSON.stringify(empty).length + more);
    const decision: Decision = {
      observation: { ...empty, source },
      reads: [],
      moves: [],
      intents: [],
      timers: { set: [], cleared: [] },
      to: 'Alive.Running',
    };
    const { put, get, texts } = aStore();
    const text = encodeBody(decision, put);
    expect(texts.size).toBe(stored ? 1 : 0);
    expect(text.includes('$blob')).toBe(stored);
    expect(decodeBody(text, get)).toEqual(decision);
  });
});

describe('the texts that a body mentions', () => {
  const [one, other] = [sha256('one'), sha256('other')];
  it.each([
    ['none', '{"observation":{"type":"Synced"}}', []],
    [
      'two, in order, and one of them twice',
      `{"a":{"$blob":"${other}"},"b":{"$blob":"${one}"},"c":{"$blob":"${other}"}}`,
      [other, one, other],
    ],
    ['none that is quoted', JSON.stringify({ message: `{"$blob":"${one}"}` }), []],
    [
      'none that is no hash',
      `{"$blob":"${one.toUpperCase()}","b":{"$blob":"${one}0"},"c":{"$blob":"$blob":"${other}"}`,
      [other],
    ],
    ['none that is cut', `{"$blob":"${one}`, []],
  ])('are %s', (_, body, hashes) => {
    expect(mentionedIn(body)).toEqual(hashes);
    expect([...body.matchAll(/"\$blob":"([0-9a-f]{64})"/g)].map(([, hash]) => hash)).toEqual(hashes);
  });
});

describe('the path of', () => {
  it.each([
    ['PostgresCluster', '/apis/postgres.example.com/v1alpha1/namespaces/market/postgresclusters'],
    ['StatefulSet', '/apis/apps/v1/namespaces/market/statefulsets'],
    ['Pod', '/api/v1/namespaces/market/pods'],
    ['Service', '/api/v1/namespaces/market/services'],
    ['Endpoints', '/api/v1/namespaces/market/endpoints'],
    ['ConfigMap', '/api/v1/namespaces/market/configmaps'],
    ['Secret', '/api/v1/namespaces/market/secrets'],
    ['PersistentVolumeClaim', '/api/v1/namespaces/market/persistentvolumeclaims'],
    ['PodDisruptionBudget', '/apis/policy/v1/namespaces/market/poddisruptionbudgets'],
    ['ServiceAccount', '/api/v1/namespaces/market/serviceaccounts'],
    ['Role', '/apis/rbac.authorization.k8s.io/v1/namespaces/market/roles'],
    ['RoleBinding', '/apis/rbac.authorization.k8s.io/v1/namespaces/market/rolebindings'],
    ['Event', '/api/v1/namespaces/market/events'],
  ] as const)('%s', (kind, path) => {
    expect(resourcePath(kind, 'market', null)).toBe(path);
    expect(resourcePath(kind, 'market', 'a/b')).toBe(`${path}/a%2Fb`);
  });
});

it('the key of an effect names cluster, epoch, row and place', () => {
  expect(effectKey('uid', { epoch: 2, seq: 31 }, 4)).toBe('uid-2-31-4');
});
