/** Owns: the metadata every object of a cluster bears, and the input all builders share. */
import { annotations, labels, labelValues } from '#machines/shared/names.ts';
import type { DcsMode } from '#machines/cluster/observations.ts';
import type { Json } from '#machines/cluster/plan.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';

/** What a builder may look at: the accepted spec and what was resolved for it. */
export interface BuildInput {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly spec: PostgresClusterSpec;
  readonly dcs: DcsMode;
  readonly image: string;
  readonly imagePullPolicy: string;
  /** Parameters the cluster was made with. */
  readonly bootstrapParameters: Readonly<Record<string, string>>;
  /** Size in the StatefulSet's claim template, which cannot be changed; the claims grow by themselves. */
  readonly claimSize: string;
  /** Members the StatefulSet shall have now: the spec's number, or a step towards it. */
  readonly members: number;
  /** Which credentials pods are to run with; null for those that the cluster was made with. */
  readonly credentials: string | null;
  /** The last spec that was true of every member, while another one is accepted; null otherwise. */
  readonly rolledOut: PostgresClusterSpec | null;
  /** The image that was chosen for it, where the accepted one names another; null otherwise. */
  readonly chosenImage: string | null;
  /** The PostgresCluster is on its way out: from then on nothing gets an owner reference, or collection would take it. */
  readonly deleting: boolean;
}

type JsonObject = { readonly [key: string]: Json };

/**
 * Labels on pods, and on everything Patroni makes: one constant for template, environment and selectors, or replicas
 * would never find their leader. The scope label is the cluster's name.
 */
export const patroniLabels = {
  [labels.managedBy]: labelValues.managedBy,
  [labels.name]: labelValues.name,
  [labels.component]: labelValues.database,
} as const;

/** Labels of the members' pods, and the selector that finds exactly them. */
export function memberLabels(cluster: string): Readonly<Record<string, string>> {
  return { ...patroniLabels, [labels.cluster]: cluster };
}

/** Labels of an object that is ours but no member: without the component that makes a pod a member. */
export function objectLabels(input: BuildInput): Readonly<Record<string, string>> {
  return {
    [labels.managedBy]: labelValues.managedBy,
    [labels.name]: labelValues.name,
    [labels.cluster]: input.name,
    [labels.clusterUid]: input.uid,
  };
}

/**
 * Labels of the StatefulSet's claim template: without the uid, for the template is immutable and a namesake that adopts
 * the StatefulSet has another one. The claims the operator makes itself bear it.
 */
export function claimTemplateLabels(input: BuildInput): Readonly<Record<string, string>> {
  const { [labels.clusterUid]: _uid, ...rest } = objectLabels(input);
  return rest;
}

/** Labels of Services behind Patroni's Endpoints: the Endpoints get theirs, so Patroni's must be among them. */
export function dcsLabels(input: BuildInput): Readonly<Record<string, string>> {
  return { ...memberLabels(input.name), [labels.clusterUid]: input.uid };
}

export interface MetadataOptions {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  /** Only for leaves whose loss hurts nobody: automatic garbage collection may take them. */
  readonly owned?: boolean;
}

/** metadata in fixed key order, with the effect hole. */
export function metadata(input: BuildInput, options: MetadataOptions): JsonObject {
  return {
    name: options.name,
    namespace: input.namespace,
    labels: options.labels,
    annotations: { ...options.annotations, [annotations.effect]: { $effect: '' } },
    ...(options.finalizers === undefined ? {} : { finalizers: options.finalizers }),
    ...(options.owned === true && !input.deleting
      ? {
          ownerReferences: [
            {
              apiVersion: 'postgres.example.com/v1alpha1',
              kind: 'PostgresCluster',
              name: input.name,
              uid: input.uid,
              controller: true,
              blockOwnerDeletion: false,
            },
          ],
        }
      : {}),
  };
}
