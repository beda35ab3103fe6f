/* Generated from crds/postgrescluster.yaml by `npm run gen`. Do not edit. */

export interface PostgresCluster {
  readonly spec: PostgresClusterSpec;
  readonly status?: PostgresClusterStatus;
}
/**
 * What is wanted.
 */
export interface PostgresClusterSpec {
  /**
   * PostgreSQL major version. Chooses the image from the operator's catalog.
   */
  readonly version: '15' | '16' | '17' | '18';
  /**
   * Members in total, the primary included.
   */
  readonly replicas?: number;
  /**
   * The volume of each member.
   */
  readonly storage: {
    /**
     * Size per member, a quantity such as 10Gi. May grow, never shrink.
     */
    readonly size: string;
    /**
     * StorageClass of the volumes. The cluster's default when unset. Immutable.
     */
    readonly storageClass?: string;
  };
  /**
   * Resources of the database container.
   */
  readonly resources?: {
    readonly requests?: {
      readonly cpu?: string;
      readonly memory?: string;
    };
    readonly limits?: {
      readonly cpu?: string;
      readonly memory?: string;
    };
  };
  /**
   * PostgreSQL parameters by name. Values are passed on exactly as written.
   */
  readonly postgresqlParams?: {
    readonly [k: string]: string;
  };
  /**
   * Base backups and WAL archiving.
   */
  readonly backup?: {
    /**
     * Cron expression.
     */
    readonly schedule: string;
    readonly retention?: {
      readonly count?: number;
      /**
       * Such as 7d.
       */
      readonly maxAge?: string;
    };
    readonly destination: {
      readonly type: 'S3' | 'GCS' | 'Azure';
      readonly bucket?: string;
      readonly region?: string;
      readonly endpoint?: string;
      readonly container?: string;
      readonly storageAccount?: string;
      readonly credentialsSecret?: string;
    };
  };
  /**
   * A connection pooler before the primary.
   */
  readonly pgbouncer?: {
    readonly enabled?: boolean;
    readonly poolMode?: 'session' | 'transaction' | 'statement';
    readonly maxClientConn?: number;
    readonly defaultPoolSize?: number;
  };
  /**
   * Certificates for client connections. Without Secrets the operator issues and renews from its own CA.
   */
  readonly tls?: {
    readonly enabled?: boolean;
    readonly certSecret?: string;
    readonly caSecret?: string;
  };
  /**
   * A PostgreSQL exporter.
   */
  readonly metrics?: {
    readonly enabled?: boolean;
    readonly port?: number;
  };
  /**
   * A Spilo-compatible image instead of the catalog's.
   */
  readonly image?: string;
  /**
   * Where Patroni keeps its state. The operator's default decides once when unset. Immutable.
   */
  readonly dcs?: 'Endpoints' | 'ConfigMaps';
  /**
   * No planned change and no drift repair; failures, status and deletion go on.
   */
  readonly paused?: boolean;
  /**
   * Observe: decide and journal, change nothing.
   */
  readonly mode?: 'Manage' | 'Observe';
  /**
   * A deleted cluster stays managed until this is taken back.
   */
  readonly deletionProtection?: boolean;
  /**
   * What becomes of volumes and Secrets on deletion and scale-down.
   */
  readonly volumePolicy?: 'Retain' | 'Delete';
  /**
   * Planned work above this waits for approval. No limit when unset.
   */
  readonly maxDisruption?: 'None' | 'Reload' | 'ReplicaRestart' | 'Switchover' | 'Outage';
  /**
   * When planned disruptions may happen.
   */
  readonly maintenanceWindows?: {
    /**
     * Cron expression of its start.
     */
    readonly schedule: string;
    /**
     * Such as 2h.
     */
    readonly duration: string;
    readonly timeZone?: string;
  }[];
  /**
   * Synchronous replication.
   */
  readonly synchronous?: {
    readonly mode?: 'Off' | 'Preferred' | 'Required';
    readonly count?: number;
  };
  /**
   * Start from an archive, optionally at a point in time.
   */
  readonly restore?: {
    readonly cluster?: string;
    /**
     * RFC 3339 with a time zone.
     */
    readonly targetTime?: string;
    readonly destination?: {
      readonly [k: string]: unknown;
    };
  };
  /**
   * Start as a copy of a running cluster.
   */
  readonly clone?: {
    readonly cluster: string;
    readonly namespace?: string;
  };
  /**
   * Where members run.
   */
  readonly placement?: {
    readonly affinity?: {
      readonly [k: string]: unknown;
    };
    readonly tolerations?: {
      readonly [k: string]: unknown;
    }[];
    readonly nodeSelector?: {
      readonly [k: string]: string;
    };
    readonly topologySpreadConstraints?: {
      readonly [k: string]: unknown;
    }[];
    readonly priorityClassName?: string;
  };
  /**
   * How the primary Service is reached.
   */
  readonly service?: {
    readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
    readonly annotations?: {
      readonly [k: string]: string;
    };
    readonly loadBalancerSourceRanges?: string[];
  };
  /**
   * Labels and annotations for the members' pods, patched on live pods.
   */
  readonly podMetadata?: {
    readonly labels?: {
      readonly [k: string]: string;
    };
    readonly annotations?: {
      readonly [k: string]: string;
    };
  };
  /**
   * Additional environment of the database container.
   */
  readonly env?: {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: {
      readonly [k: string]: unknown;
    };
  }[];
  /**
   * The application's database and its owner. Fixed at creation.
   */
  readonly database?: {
    readonly name?: string;
    readonly owner?: string;
    readonly locale?: string;
    readonly encoding?: string;
  };
  /**
   * Lines for pg_hba.conf before the operator's own.
   */
  readonly pgHba?: string[];
  /**
   * Patroni's timing, in seconds, and its limits.
   */
  readonly patroni?: {
    readonly ttl?: number;
    readonly loopWait?: number;
    readonly retryTimeout?: number;
    readonly failsafeMode?: boolean;
    /**
     * Bytes.
     */
    readonly maximumLag?: number;
  };
}
/**
 * What is. Written by the operator alone.
 */
export interface PostgresClusterStatus {
  phase?:
    'Pending' | 'Creating' | 'Running' | 'Updating' | 'Scaling' | 'Degraded' | 'Recovering' | 'Failed' | 'Deleting';
  /**
   * One sentence on what is being done or awaited.
   */
  readonly reason?: string;
  /**
   * What happens next, and when.
   */
  readonly nextAction?: string;
  /**
   * Members that are Ready and stream on the leader's timeline.
   */
  readonly readyReplicas?: number;
  readonly replicas?: number;
  readonly primaryPod?: string;
  readonly replicaPods?: string[];
  readonly lastBackup?: string;
  /**
   * The generation that was read.
   */
  readonly observedGeneration?: number;
  /**
   * The generation that is true of every member.
   */
  readonly rolledOutGeneration?: number;
  readonly retryCount?: number;
  readonly lastError?: string;
  readonly lastErrorTime?: string;
  readonly previousReplicas?: number;
  /**
   * PostgreSQL's system identifier, once a leader has been writable.
   */
  readonly systemIdentifier?: string;
  readonly dcs?: 'Endpoints' | 'ConfigMaps';
  readonly image?: string;
  /**
   * The smaller of what the volumes have and what was asked for.
   */
  readonly volumeSize?: string;
  readonly selector?: string;
  /**
   * One-shot requests that were served.
   */
  readonly handled?: {
    readonly [k: string]: string;
  };
  readonly members?: {
    readonly name: string;
    readonly role?: string;
    readonly state?: string;
    readonly timeline?: number;
    readonly lagBytes?: number;
    readonly pendingRestart?: boolean;
  }[];
  readonly conditions?: {
    readonly type: string;
    readonly status: 'True' | 'False' | 'Unknown';
    readonly reason: string;
    readonly message: string;
    readonly lastTransitionTime: string;
    readonly observedGeneration?: number;
  }[];
  /**
   * Where the journal stood; a later status never names an earlier place.
   */
  readonly journal: {
    readonly epoch: number;
    readonly seq: number;
    readonly head: string;
  };
}
