/**
 * Owns: what is asked about passwords as complete requests. No value stands in them: which are made by chance and which are
 * copied, and from where, is said; what is copied is checked against the digests that were seen.
 */
import { annotations, objectNames } from '#machines/shared/names.ts';
import { objectKey, type Intent } from '#machines/cluster/intents.ts';
import { clusterName } from '#machines/cluster/knowledge.ts';
import type { DesiredObject, GeneratedKey } from '#machines/cluster/plan.ts';
import { applicationKey, memberKeys } from '#machines/cluster/tables/credentials.ts';
import { copied, password, superuserAlias } from '#src/resources/cluster/secrets.ts';
import type { SqlRequest } from './record.ts';
import { apply, desiredOf, lookUp, type RenderContext, type Rendered } from './requests.ts';

type WriteSecret = Extract<Intent, { type: 'WriteSecret' }>;

function namesOf(context: RenderContext): ReturnType<typeof objectNames> {
  return objectNames(clusterName(context.facts));
}

/** Every value of the Secret, and where it comes from. */
function valuesOf(context: RenderContext, { write }: WriteSecret, desired: DesiredObject): readonly GeneratedKey[] {
  const names = namesOf(context);
  switch (write.type) {
    case 'generate':
      return desired.generated.map((each) =>
        each.generator.type === 'copy' && each.generator.secret !== '' ? password(each.key) : each,
      );
    case 'enforce': {
      // A key that people took away is put back there later, from here.
      const from = (key: string, secret: string, of: string): GeneratedKey =>
        write.seen.values[key] === undefined ? copied(key, names.credentialsInForce) : copied(key, secret, of);
      return [
        ...memberKeys.map((key) => from(key, names.credentials, key)),
        from(applicationKey, names.applicationSecret, 'password'),
        superuserAlias,
      ];
    }
    case 'complete':
      return desired.generated;
  }
}

/** What pods that start from now on are told to run with. */
export function nextRevision({ facts }: RenderContext): string {
  return String(Number(facts.memory.credentials.revision ?? 0) + 1);
}

function marksOf(context: RenderContext, { target, write }: WriteSecret): Readonly<Record<string, string>> {
  const before = context.facts.world.objects[objectKey(target)]?.object.annotations ?? {};
  const token = write.type === 'generate' ? write.token : before[annotations.rotated];
  const isNew = write.type === 'enforce' && write.renews;
  const revision = isNew ? nextRevision(context) : context.facts.memory.credentials.revision;
  return {
    ...(token === undefined ? {} : { [annotations.rotated]: token }),
    ...(target.name !== namesOf(context).credentialsInForce || revision === null
      ? {}
      : { [annotations.credentials]: revision }),
  };
}

/** An apply of a Secret that is there, as it was read. */
export function writeSecret(context: RenderContext, intent: WriteSecret): Rendered | null {
  const [read, desired] = [lookUp(context, intent), desiredOf(context, intent.target)];
  if (read === null || desired === null) return null;
  const marks = { ...marksOf(context, intent), [annotations.effect]: { $effect: '' } };
  const preconditions = { annotations: marks, uid: read.uid, resourceVersion: read.resourceVersion };
  const rendered = apply(context, intent.target, preconditions, [read]);
  if (rendered === null || rendered.request.type !== 'api') return rendered;
  const { write } = intent;
  const copies = write.type === 'generate' ? {} : { copies: write.seen };
  return { ...rendered, request: { ...rendered.request, generated: valuesOf(context, intent, desired), ...copies } };
}

/** Roles and passwords are named; the executor reads them. */
export function setPasswords(
  context: RenderContext,
  intent: Extract<Intent, { type: 'SetPasswords' }>,
): Rendered | null {
  const read = lookUp(context, intent);
  const { credentials, applicationSecret } = namesOf(context);
  if (read === null) return null;
  const request: SqlRequest = {
    type: 'sql',
    namespace: context.facts.world.cluster?.seen.namespace ?? '',
    pod: intent.target.name,
    container: 'postgres',
    procedure: 'set-passwords',
    arguments: { owner: intent.owner, credentials, application: applicationSecret },
    secret: null,
  };
  return { request, reads: [read] };
}
