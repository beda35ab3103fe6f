/**
 * Owns: Patroni's configuration as Spilo takes it (SPILO_CONFIGURATION, JSON): what goes to the DCS once at bootstrap,
 * what is local to each pod, and the REST API's authentication.
 */
import { objectNames } from '#machines/shared/names.ts';
import type { Json, JsonRecord } from '#machines/cluster/plan.ts';
import { markKey } from '#machines/cluster/tables/configuration.ts';
import { metadata, objectLabels, type BuildInput } from '../metadata.ts';
import { patroniTiming } from '../fields/patroni.ts';
import { pgHbaLines } from '../fields/pg-hba.ts';
import { statedParameters } from '../parameters/dynamic.ts';
import { splitParameters } from '../parameters/split.ts';

/** Patroni's user for unsafe REST calls. */
export const restUser = 'patroni';

/**
 * What Patroni's dynamic configuration says on our behalf: at bootstrap as a whole, later merged into what is there.
 * Which parameters are ours stands beside them.
 */
export function dynamicConfiguration(input: BuildInput): JsonRecord {
  const parameters = statedParameters(input.spec);
  return {
    ...patroniTiming(input.spec),
    postgresql: { use_pg_rewind: true, use_slots: true, parameters },
    [markKey]: { parameters: Object.keys(parameters).join(',') },
  };
}

/** What every cluster begins with: later changes go to Patroni's own object, so that none of them makes a pod anew. */
function bootstrapConfiguration(input: BuildInput): JsonRecord {
  const { version, storage } = input.spec;
  return dynamicConfiguration({ ...input, spec: { version, storage, postgresqlParams: input.bootstrapParameters } });
}

/** The configuration, with `password` in place of the REST API's. */
export function patroniConfiguration(input: BuildInput, password: string): JsonRecord {
  const { local } = splitParameters(input.spec.postgresqlParams ?? {});
  const lines = pgHbaLines(input.spec);
  return {
    bootstrap: { dcs: bootstrapConfiguration(input) },
    postgresql: { parameters: local, ...(lines === null ? {} : { pg_hba: lines }) },
    restapi: { authentication: { username: restUser, password } },
  };
}

/** Stands where the password goes until everything else is escaped; no parameter may hold a NUL. */
const marker = '\u0000password\u0000';

/**
 * The environment value. The password arrives by expansion of a variable that comes from the Secret; Kubernetes makes one
 * `$` of two wherever they stand, not only before a parenthesis, so every other `$` is doubled.
 */
export function spiloConfiguration(input: BuildInput): string {
  return JSON.stringify(patroniConfiguration(input, marker))
    .replaceAll('$', () => '$$')
    .replace(JSON.stringify(marker), () => '"$(RESTAPI_PASSWORD)"');
}

/** The rendered configuration for people to read; pods do not mount it. */
export function patroniConfigMap(input: BuildInput): Json {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(input, {
      name: objectNames(input.name).patroniConfig,
      labels: objectLabels(input),
      owned: true,
    }),
    data: { 'patroni.json': JSON.stringify(patroniConfiguration(input, '(in Secret)'), null, 2) },
  };
}
