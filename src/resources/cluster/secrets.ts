/**
 * Owns: the three Secrets. Their values are generated in the executor and never exist in a decision: bodies bear no data,
 * only `generated` says which keys there are to be.
 */
import { objectNames } from '#machines/shared/names.ts';
import type { GeneratedKey, Json } from '#machines/cluster/plan.ts';
import { metadata, objectLabels, type BuildInput } from '../metadata.ts';

function secret(input: BuildInput, name: string): Json {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata(input, { name, labels: objectLabels(input) }),
    type: 'Opaque',
  };
}

const passwordLength = 32;

/** Keys of superuser, replication and Patroni's REST API. */
const credentialKeys = ['POSTGRES_PASSWORD', 'REPLICATION_PASSWORD', 'RESTAPI_PASSWORD'] as const;

/** What pods reference; changed only after ALTER ROLE. */
export function credentialsInForce(input: BuildInput): {
  readonly body: Json;
  readonly generated: readonly GeneratedKey[];
} {
  const names = objectNames(input.name);
  const passwords = credentialKeys.map((key): GeneratedKey => ({
    key,
    generator: { type: 'password', length: passwordLength },
  }));
  return {
    body: secret(input, names.credentialsInForce),
    generated: [...passwords, { key: 'PGPASSWORD', generator: { type: 'copy', secret: '', key: 'POSTGRES_PASSWORD' } }],
  };
}

/** What people read: a copy of the one in force. */
export function credentials(input: BuildInput): { readonly body: Json; readonly generated: readonly GeneratedKey[] } {
  const names = objectNames(input.name);
  const keys = [...credentialKeys, 'PGPASSWORD'];
  return {
    body: secret(input, names.credentials),
    generated: keys.map((key): GeneratedKey => ({
      key,
      generator: { type: 'copy', secret: names.credentialsInForce, key },
    })),
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
      { key: 'password', generator: { type: 'password', length: passwordLength } },
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
