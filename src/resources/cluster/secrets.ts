/**
 * Owns: the three Secrets. Their values are generated in the executor and never exist in a decision: bodies bear no data,
 * only `generated` says which keys there are to be. All passwords are made in the Secret in force; the two that people read
 * begin as copies of it, and are made anew as copies of it.
 */
import { annotations, objectNames } from '#machines/shared/names.ts';
import type { GeneratedKey, Json } from '#machines/cluster/plan.ts';
import { applicationKey, memberKeys } from '#machines/cluster/tables/credentials.ts';
import { metadata, objectLabels, type BuildInput } from '../metadata.ts';

function secret(input: BuildInput, name: string, marks: Readonly<Record<string, string>> = {}): Json {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata(input, { name, labels: objectLabels(input), annotations: marks }),
    type: 'Opaque',
  };
}

const passwordLength = 32;

/** A value made by chance. */
export function password(key: string): GeneratedKey {
  return { key, generator: { type: 'password', length: passwordLength } };
}

/** A value of the Secret called `from`, or of the same Secret when that is empty. */
export function copied(key: string, from: string, of: string = key): GeneratedKey {
  return { key, generator: { type: 'copy', secret: from, key: of } };
}

/** For whoever reads a password without knowing whose it is. */
export const superuserAlias = copied('PGPASSWORD', '', 'POSTGRES_PASSWORD');

/** What pods reference; changed only after ALTER ROLE. */
export function credentialsInForce(input: BuildInput): {
  readonly body: Json;
  readonly generated: readonly GeneratedKey[];
} {
  const { credentials: revision } = input;
  const marks = revision === null ? {} : { [annotations.credentials]: revision };
  return {
    body: secret(input, objectNames(input.name).credentialsInForce, marks),
    generated: [...[...memberKeys, applicationKey].map(password), superuserAlias],
  };
}

/** What people read: a copy of the one in force. */
export function credentials(input: BuildInput): { readonly body: Json; readonly generated: readonly GeneratedKey[] } {
  const names = objectNames(input.name);
  return {
    body: secret(input, names.credentials),
    generated: [...memberKeys.map((key) => copied(key, names.credentialsInForce)), superuserAlias],
  };
}

/** What the application uses: parts and a uri. */
export function application(
  input: BuildInput,
  database: { readonly name: string; readonly owner: string },
): { readonly body: Json; readonly generated: readonly GeneratedKey[] } {
  const host = `${input.name}.${input.namespace}.svc`;
  const literal = (key: string, value: string): GeneratedKey => ({ key, generator: { type: 'literal', value } });
  return {
    body: secret(input, objectNames(input.name).applicationSecret),
    generated: [
      literal('username', database.owner),
      copied('password', objectNames(input.name).credentialsInForce, applicationKey),
      literal('dbname', database.name),
      literal('host', host),
      literal('port', '5432'),
      {
        key: 'uri',
        generator: {
          type: 'uri',
          template: 'postgresql://{{username}}:{{password}}@{{host}}:{{port}}/{{dbname}}?sslmode=require',
        },
      },
    ],
  };
}
