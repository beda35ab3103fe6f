/** Requests about passwords: which values are made, which are copied and from where, and which marks say so. No value stands in them. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import type { Intent, SecretWrite } from '#machines/cluster/intents.ts';
import type { ObjectProjection } from '#machines/cluster/observations.ts';
import type { DesiredObject, GeneratedKey, Json } from '#machines/cluster/plan.ts';
import { annotations } from '#machines/shared/names.ts';
import { render } from '#src/decision/render.ts';
import { setPasswords, writeSecret } from '#src/decision/render-secrets.ts';
import type { RenderContext } from '#src/decision/requests.ts';
import { copied, password, superuserAlias } from '#src/resources/cluster/secrets.ts';
import { calm, factsOf, plan } from '../../machines/cluster/worlds.ts';

const because = 'it is a test';
const inForce = 'shop-credentials-inforce';
const people = 'shop-credentials';
const application = 'shop-app';
const keys = ['POSTGRES_PASSWORD', 'REPLICATION_PASSWORD', 'RESTAPI_PASSWORD'] as const;
const read = { uid: 'the-secret', resourceVersion: '7' };
const uri: GeneratedKey = { key: 'uri', generator: { type: 'uri', template: 'postgresql://{{password}}' } };

function secret(name: string, generated: readonly GeneratedKey[]): DesiredObject {
  const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'default' } };
  return { ref: { kind: 'Secret', name }, body, generated } as unknown as DesiredObject;
}

const objects = [
  secret(inForce, [...keys.map(password), password('APPLICATION_PASSWORD'), superuserAlias]),
  secret(people, [...keys.map((key) => copied(key, inForce)), superuserAlias]),
  secret(application, [copied('password', inForce, 'APPLICATION_PASSWORD'), uri]),
];

/** Facts with Secrets that hold these keys, and marks. */
function holding(
  held: Readonly<Record<string, readonly string[]>>,
  marks: Readonly<Record<string, string>> = {},
): Facts {
  const facts = factsOf(calm);
  const base = facts.world.objects['StatefulSet/shop']?.object;
  if (base === undefined) throw new Error('no StatefulSet');
  const secrets = Object.entries(held).map(([name, present]) => {
    const digest = { keyId: 'k', values: Object.fromEntries(present.map((key) => [key, `digest of ${key}`])) };
    const detail = { type: 'Secret', keys: present, digest } as const;
    const object: ObjectProjection = { ...base, kind: 'Secret', name, uid: read.uid, annotations: marks, detail };
    return [`Secret/${name}`, { object, since: 0, changed: [] }] as const;
  });
  const world = { ...facts.world, objects: { ...facts.world.objects, ...Object.fromEntries(secrets) } };
  const settled = { keyId: 'k', values: Object.fromEntries(keys.map((key) => [key, `digest of ${key}`])) };
  return { world, memory: { ...facts.memory, credentials: { ...facts.memory.credentials, settled } as never } };
}

function context(facts: Facts): RenderContext {
  return { facts, plan: { ...plan, objects }, versions: () => read, status: null, at: 0, suffix: '' };
}

function marksIn(body: string | null): Json {
  const { metadata } = JSON.parse(body ?? '{}') as { readonly metadata?: { readonly annotations?: Json } };
  return metadata?.annotations ?? {};
}

const all = { [inForce]: keys, [people]: keys, [application]: ['password', 'uri'] };
const seen = { keyId: 'k', values: Object.fromEntries(keys.map((key) => [key, 'd'])) };

interface Row {
  readonly what: string;
  readonly name: string;
  readonly write: SecretWrite;
  readonly facts: Facts;
  readonly generated: readonly GeneratedKey[];
  readonly marks: Readonly<Record<string, string>>;
}

function revised(revision: string | null, marks: Readonly<Record<string, string>> = {}): Facts {
  const facts = holding(all, marks);
  return { ...facts, memory: { ...facts.memory, credentials: { ...facts.memory.credentials, revision } } };
}

const applied = (from: string): readonly GeneratedKey[] => [
  ...keys.map((key) => copied(key, from)),
  copied('APPLICATION_PASSWORD', inForce),
  superuserAlias,
];

describe('a Secret that is written', () => {
  it.each<Row>([
    {
      what: 'what people read gets new values for a token, which stays on it',
      name: people,
      write: { type: 'generate', token: 'once' },
      facts: revised('3'),
      generated: [...keys.map(password), superuserAlias],
      marks: { [annotations.rotated]: 'once' },
    },
    {
      what: 'the application’s gets a new password, and its uri follows',
      name: application,
      write: { type: 'generate', token: 'once' },
      facts: revised(null),
      generated: [password('password'), uri],
      marks: { [annotations.rotated]: 'once' },
    },
    {
      what: 'the one in force takes what people read, and bears the next revision',
      name: inForce,
      write: { type: 'enforce', renews: true, seen },
      facts: revised('3'),
      generated: applied(people),
      marks: { [annotations.credentials]: '4' },
    },
    {
      what: 'the first revision is one',
      name: inForce,
      write: { type: 'enforce', renews: true, seen },
      facts: revised(null),
      generated: applied(people),
      marks: { [annotations.credentials]: '1' },
    },
    {
      what: 'the same revision where nobody has to start anew, and the mark of a token stays',
      name: inForce,
      write: { type: 'enforce', renews: false, seen },
      facts: revised('3', { [annotations.rotated]: 'before' }),
      generated: applied(people),
      marks: { [annotations.rotated]: 'before', [annotations.credentials]: '3' },
    },
    {
      what: 'none where there never was one',
      name: inForce,
      write: { type: 'enforce', renews: false, seen },
      facts: revised(null),
      generated: applied(people),
      marks: {},
    },
    {
      what: 'a key that people took away stays as it is in force',
      name: inForce,
      write: { type: 'enforce', renews: false, seen: { keyId: 'k', values: { APPLICATION_PASSWORD: 'd' } } },
      facts: revised(null),
      generated: [
        ...keys.map((key) => copied(key, inForce)),
        copied('APPLICATION_PASSWORD', application, 'password'),
        superuserAlias,
      ],
      marks: {},
    },
    {
      what: 'what follows from a password is put right',
      name: application,
      write: { type: 'complete', seen },
      facts: revised('3'),
      generated: [copied('password', inForce, 'APPLICATION_PASSWORD'), uri],
      marks: {},
    },
  ])('$what', ({ name, write, facts, generated, marks }) => {
    const target = { kind: 'Secret', name } as const;
    const rendered = writeSecret(context(facts), { type: 'WriteSecret', target, uid: read.uid, write, because });
    if (rendered?.request.type !== 'api') throw new Error('it goes to the API server');
    expect(rendered.reads).toEqual([{ ...target, ...read }]);
    expect(rendered.request.generated).toEqual(generated);
    expect(rendered.request.copies).toEqual(write.type === 'generate' ? undefined : write.seen);
    expect(marksIn(rendered.request.body)).toEqual({ ...marks, [annotations.effect]: { $effect: '' } });
    expect(JSON.parse(rendered.request.body ?? '')).toMatchObject({ metadata: read });
  });

  it('waits while it is not known, or is none of the plan', () => {
    const write = { type: 'generate', token: 'once' } as const;
    const intent = {
      type: 'WriteSecret',
      target: { kind: 'Secret', name: people },
      uid: read.uid,
      write,
      because,
    } as const;
    expect(writeSecret({ ...context(factsOf(calm)), versions: () => null }, intent)).toBeNull();
    expect(writeSecret({ ...context(factsOf(calm)), plan }, intent)).toBeNull();
  });
});

describe('the Secret in force, made anew', () => {
  const intent: Intent = { type: 'CreateSecret', target: { kind: 'Secret', name: inForce }, because };

  function made(facts: Facts): { readonly generated: readonly GeneratedKey[]; readonly marks: Json } {
    const rendered = render(context(facts), intent);
    if (rendered?.request.type !== 'api') throw new Error('it goes to the API server');
    return { generated: rendered.request.generated, marks: marksIn(rendered.request.body) };
  }

  it('takes what people read, and nobody has to start anew', () =>
    expect(made(holding({ [people]: keys, [application]: ['password'] }))).toEqual({
      generated: [
        ...keys.map((key) => copied(key, people)),
        copied('APPLICATION_PASSWORD', application, 'password'),
        superuserAlias,
      ],
      marks: {},
    }));

  it('has new values for what nobody reads any more, and everybody starts anew', () =>
    expect(made(holding({ [people]: keys.slice(1) }))).toEqual({
      generated: [
        password(keys[0]),
        ...keys.slice(1).map((key) => copied(key, people)),
        password('APPLICATION_PASSWORD'),
        superuserAlias,
      ],
      marks: { [annotations.credentials]: '1' },
    }));

  it('of a cluster that was never made has new values, and nobody has to start anew', () => {
    const facts = factsOf({ ...calm, bootstrapped: false });
    expect(made(facts)).toEqual({ generated: objects[0]?.generated, marks: {} });
  });

  it('takes an edit that no role was told of, and everybody starts anew', () => {
    const facts = holding({ [people]: keys, [application]: ['password'] });
    const settled = { keyId: 'k', values: { ...seen.values, POSTGRES_PASSWORD: 'another' } };
    const credentials = { ...facts.memory.credentials, settled } as never;
    expect(made({ ...facts, memory: { ...facts.memory, credentials } }).marks).toEqual({
      [annotations.credentials]: '1',
    });
  });
});

describe('roles', () => {
  it('are told by the Secrets’ names, on a pod as it was read', () => {
    const intent = {
      type: 'SetPasswords',
      target: { kind: 'Pod', name: 'shop-0' },
      uid: read.uid,
      owner: 'clerk',
      because,
    } as const;
    expect(setPasswords(context(factsOf(calm)), intent)).toEqual({
      request: {
        type: 'sql',
        namespace: 'default',
        pod: 'shop-0',
        container: 'postgres',
        procedure: 'set-passwords',
        arguments: { owner: 'clerk', credentials: people, application },
        secret: null,
      },
      reads: [{ kind: 'Pod', name: 'shop-0', ...read }],
    });
    expect(setPasswords({ ...context(factsOf(calm)), versions: () => null }, intent)).toBeNull();
  });
});
