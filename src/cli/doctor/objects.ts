/** Owns: objects of the API server as far as the doctor reads them. Its schemas vouch for the shapes. */

interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
}

export interface Cluster {
  readonly metadata: Metadata;
  readonly spec: {
    readonly replicas?: number;
    readonly dcs?: string;
    readonly storage?: { readonly storageClass?: string };
  };
  readonly status?: { readonly observedGeneration?: number; readonly phase?: string; readonly dcs?: string };
}

/** A part of a schema, as far as the names of fields go. */
export interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

export interface Definition {
  readonly spec: {
    readonly versions: readonly { readonly name: string; readonly schema?: { readonly openAPIV3Schema?: Schema } }[];
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface Lease {
  readonly metadata: Metadata;
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly renewTime?: string;
    readonly leaseDurationSeconds?: number;
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly image: string;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

export interface Pod {
  readonly metadata: Metadata;
  readonly spec?: { readonly nodeName?: string; readonly serviceAccountName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

export interface Node {
  readonly metadata: Metadata;
  readonly spec?: { readonly unschedulable?: boolean };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface StorageClass {
  readonly metadata: Metadata;
  readonly allowVolumeExpansion?: boolean;
}

export interface Claim {
  readonly metadata: Metadata;
  readonly spec?: { readonly storageClassName?: string };
  readonly status?: { readonly phase?: string };
}

/** What a budget counts. */
export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export interface Budget {
  readonly metadata: Metadata;
  readonly spec?: { readonly selector?: Selector };
  readonly status?: {
    readonly disruptionsAllowed?: number;
    readonly currentHealthy?: number;
    readonly desiredHealthy?: number;
    /** 0 until Kubernetes has counted for the first time. */
    readonly expectedPods?: number;
  };
}

export interface StatefulSet {
  readonly metadata: Metadata;
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
}

/** Whether a condition of this type is True. */
export function holds(conditions: readonly Condition[] | undefined, type: string): boolean {
  return conditions?.some((each) => each.type === type && each.status === 'True') === true;
}
