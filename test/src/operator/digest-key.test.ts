/** The key of digests and digests of Secrets: what they tell, what they give away (nothing), and that a loss breaks nothing. */
import { describe, expect, it } from 'vitest';
import type { WireRequest } from '#src/kube/api.ts';
import type { Answer } from '#src/kube/request.ts';
import {
  digestWith,
  holdDigestKey,
  readDigestKey,
  type DigestKey,
  type DigestKeyPorts,
} from '#src/operator/digest-key.ts';
import type { Digest } from '#src/stream/door/objects.ts';

const path = '/api/v1/namespaces/home/secrets/postgres-operator-journal-key';
const at = { namespace: 'shop', name: 'shop-app' };
const content = { password: 'c2VjcmV0', username: 'YXBw' };

function refused(status: number, reason: string): Answer {
  return { type: 'refused', status, reason, message: reason, retryAfterMs: null, body: null };
}

/** An API server with room for one Secret. */
function server(): {
  readonly sent: WireRequest[];
  readonly troubles: string[];
  readonly made: string[];
  readonly put: (secret: unknown) => void;
  readonly start: (seed: number, over?: Partial<DigestKeyPorts>) => Promise<Digest | null>;
} {
  let secret: unknown = null;
  const [sent, troubles, made]: [WireRequest[], string[], string[]] = [[], [], []];
  return {
    sent,
    troubles,
    made,
    put: (next) => {
      secret = next;
    },
    start: async (seed, over = {}) => {
      const key = await readDigestKey({
        get: async (asked) => {
          expect(asked).toBe(path);
          return secret === null ? refused(404, 'NotFound') : { type: 'ok', body: secret };
        },
        send: async (request) => {
          sent.push(request);
          if (secret !== null) return refused(409, 'AlreadyExists');
          secret = JSON.parse(request.body ?? '{}');
          return { type: 'ok', body: secret };
        },
        chance: {
          fraction: () => 0.5,
          bytes: (length) => Uint8Array.from({ length }, (_, index) => (index * 37 + seed) % 256),
        },
        mayAct: () => true,
        namespace: 'home',
        made: (keyId) => made.push(keyId),
        trouble: (because) => troubles.push(because),
        ...over,
      });
      return key.type === 'key' ? key.digest : null;
    },
  };
}

describe('digests of Secrets', () => {
  it('the same value gives the same digest over a restart, another value another', async () => {
    const { start, sent, made } = server();
    const first = await start(1);
    const second = await start(2);
    expect(sent).toHaveLength(1);
    expect(made).toEqual([first?.(at, {}).keyId]);
    expect(second?.(at, content)).toEqual(first?.(at, content));
    const shuffled = second?.(at, { username: 'YXBw', password: 'c2VjcmV0' });
    expect(JSON.stringify(shuffled)).toBe(JSON.stringify(first?.(at, content)));
    const other = second?.(at, { ...content, password: 'b3RoZXI=' });
    expect(other?.values['password']).not.toBe(shuffled?.values['password']);
    expect(other?.values['username']).toBe(shuffled?.values['username']);
  });

  it('one password in two places is not seen to be one', () => {
    const digest = digestWith(Buffer.alloc(32, 7));
    const { values } = digest(at, { a: 'c2VjcmV0', b: 'c2VjcmV0' });
    expect(values['a']).not.toBe(values['b']);
    expect(digest({ ...at, name: 'other' }, { a: 'c2VjcmV0' }).values['a']).not.toBe(values['a']);
    expect(digest({ ...at, namespace: 'other' }, { a: 'c2VjcmV0' }).values['a']).not.toBe(values['a']);
  });

  it('a password that people read is seen to be the one in force, or not: the same key of the same cluster alone', () => {
    const digest = digestWith(Buffer.alloc(32, 7));
    const base64 = (value: string): string => Buffer.from(value, 'utf8').toString('base64');
    const of = (name: string, data: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
      digest({ namespace: 'shop', name }, data).values;
    const inForce = of('a-credentials-inforce', {
      POSTGRES_PASSWORD: base64('x-1'),
      APPLICATION_PASSWORD: base64('y/2'),
    });
    const people = of('a-credentials', { POSTGRES_PASSWORD: base64('x-1'), PGPASSWORD: base64('x-1') });
    const uri = base64('postgresql://clerk:y%2F2@a.shop.svc:5432/orders');
    const application = of('a-app', { password: base64('y/2'), uri });
    expect(people['POSTGRES_PASSWORD']).toBe(inForce['POSTGRES_PASSWORD']);
    expect(people['PGPASSWORD']).toBe(inForce['POSTGRES_PASSWORD']);
    expect(application['password']).toBe(inForce['APPLICATION_PASSWORD']);
    expect(application['uri/password']).toBe(inForce['APPLICATION_PASSWORD']);
    expect(application['uri']).not.toBe(inForce['APPLICATION_PASSWORD']);
    const values = { POSTGRES_PASSWORD: base64('x-1'), REPLICATION_PASSWORD: base64('x-1') };
    expect(of('a-credentials', values)['REPLICATION_PASSWORD']).not.toBe(inForce['POSTGRES_PASSWORD']);
    expect(of('b-credentials', values)['POSTGRES_PASSWORD']).not.toBe(inForce['POSTGRES_PASSWORD']);
    expect(Object.keys(of('a-app', { uri: base64('no uri') }))).toEqual(['uri']);
  });

  it('are 16 bytes under an id of 4, and need the key', async () => {
    const { start, sent } = server();
    const digest = (await start(1))?.(at, content);
    expect(digest?.keyId).toMatch(/^[0-9a-f]{8}$/);
    expect(digest?.values['password']).toMatch(/^[0-9a-f]{32}$/);
    const key = (JSON.parse(sent[0]?.body ?? '{}') as { readonly data: { readonly key: string } }).data.key;
    const bytes = Buffer.from(key, 'base64');
    expect(bytes).toHaveLength(32);
    expect(JSON.stringify(digest)).not.toContain(bytes.toString('hex').slice(0, 8));
    expect(digestWith(Buffer.alloc(32, 7))(at, content).values).not.toEqual(digest?.values);
  });

  it('HMAC key lost: another is made with another id, and it is said', async () => {
    const { start, put, sent, made } = server();
    const before = (await start(1))?.(at, content);
    put(null);
    const after = (await start(2))?.(at, content);
    expect(sent).toHaveLength(2);
    expect(after?.keyId).not.toBe(before?.keyId);
    expect(made).toEqual([before?.keyId, after?.keyId]);
  });

  it('the key is only ever created, never written over; who is second takes the key of the first', async () => {
    const { start, put, sent, made } = server();
    let isFirstLook = true;
    const theirs = { data: { key: Buffer.alloc(32, 7).toString('base64') } };
    const ours = await start(1, {
      get: async () => {
        if (!isFirstLook) return { type: 'ok', body: theirs };
        isFirstLook = false;
        put(theirs);
        return refused(404, 'NotFound');
      },
    });
    expect(sent.map(({ method, query, body }) => [method, query, body?.includes('"resourceVersion":"1"')])).toEqual([
      ['PATCH', { fieldManager: 'postgres-operator-journal-key' }, true],
    ]);
    expect(made).toEqual([]);
    expect(ours?.(at, content)).toEqual(digestWith(Buffer.alloc(32, 7))(at, content));
  });

  it.each([
    ['a key that is too short', { data: { key: 'c2hvcnQ=' } }],
    ['no key at all', {}],
  ])('%s: said, left alone, and no digest', async (_, secret) => {
    const { start, put, sent, troubles } = server();
    put(secret);
    expect(await start(1)).toBeNull();
    expect(sent).toEqual([]);
    expect(troubles).toEqual([
      "Secret home/postgres-operator-journal-key has no key 'key' of 32 bytes; delete it, and a new one is made",
    ]);
  });

  it('a refusal is told, and there are no digests; what may pass is thrown, to be asked again', async () => {
    const { start, troubles, sent } = server();
    expect(await start(1, { get: async () => refused(403, 'Forbidden') })).toBeNull();
    expect(troubles).toEqual(['Secret home/postgres-operator-journal-key cannot be read: 403 Forbidden']);
    const away: Answer = { type: 'unknown', because: 'reset' };
    await expect(start(1, { get: async () => away })).rejects.toThrow('reset');
    await expect(start(1, { send: async () => refused(503, 'ServiceUnavailable') })).rejects.toThrow('503');
    expect(sent).toEqual([]);
  });

  it('nothing is made without the Lease', async () => {
    const { start, sent } = server();
    expect(await start(1, { mayAct: () => false })).toBeNull();
    expect(sent).toEqual([]);
  });
});

describe('a key that there is not', () => {
  const none: DigestKey = { type: 'none', because: '403' };
  const key: DigestKey = { type: 'key', digest: digestWith(Buffer.alloc(32, 7)) };

  /** Holds what there is; `pass` lets the next wait go by, and tells how long it was. */
  function holding(first: DigestKey, answers: (DigestKey | Error)[]) {
    const waits: { readonly ms: number; readonly run: () => void }[] = [];
    const ask = async (): Promise<DigestKey> => {
      const next = answers.shift();
      if (next === undefined || next instanceof Error) throw next ?? new Error('not to be asked');
      return next;
    };
    const after = (ms: number, run: () => void): { cancel: () => void } => {
      const wait = { ms, run };
      waits.push(wait);
      return { cancel: () => void waits.splice(waits.indexOf(wait), 1) };
    };
    const held = holdDigestKey(first, ask, { after, soon: (run) => after(0, run) });
    const told: DigestKey[] = [];
    held.now.subscribe((each) => told.push(each));
    const pass = async (): Promise<number | null> => {
      const wait = waits.shift();
      wait?.run();
      await new Promise(setImmediate);
      return wait?.ms ?? null;
    };
    return { told, pass, stop: held.stop };
  }

  it('is asked for again, after 5 s at first and each minute then, until it is there', async () => {
    const other: DigestKey = { type: 'none', because: '404' };
    const { told, pass } = holding(none, [none, other, new Error('reset'), other, other, key]);
    const waits: (number | null)[] = [];
    for (let count = 0; count < 7; count += 1) waits.push(await pass());
    expect(waits).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000, null]);
    expect(told).toEqual([none, other, key]);
  });

  it('is not asked for when it is there, nor once the term is over', async () => {
    expect(await holding(key, []).pass()).toBeNull();
    const { told, pass, stop } = holding(none, [key]);
    stop();
    expect(await pass()).toBeNull();
    expect(told).toEqual([none]);
  });
});
