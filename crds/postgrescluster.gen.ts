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
     * Size per member, a quantity such as 10Gi. May grow, never shrink; grown on running members, without a restart.
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
    /**
     * What each member is scheduled with.
     */
    readonly requests?: {
      /**
       * Processor cores.
       */
      readonly cpu?: string;
      /**
       * Memory.
       */
      readonly memory?: string;
    };
    /**
     * What each member may use at most; never below the requests.
     */
    readonly limits?: {
      /**
       * Processor cores.
       */
      readonly cpu?: string;
      /**
       * Memory. Above it the member is killed and started again.
       */
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
    /**
     * How long base backups are kept; for ever when unset.
     */
    readonly retention?: {
      /**
       * Base backups to keep; older ones are deleted together with their WAL.
       */
      readonly count?: number;
      /**
       * Such as 7d.
       */
      readonly maxAge?: string;
    };
    /**
     * Where base backups and WAL are kept.
     */
    readonly destination: {
      /**
       * Kind of store. Each needs the fields that its rule names.
       */
      readonly type: 'S3' | 'GCS' | 'Azure';
      /**
       * Bucket; S3 and GCS.
       */
      readonly bucket?: string;
      /**
       * Region of the bucket; S3.
       */
      readonly region?: string;
      /**
       * URL of an S3-compatible store instead of AWS; S3.
       */
      readonly endpoint?: string;
      /**
       * Blob container; Azure.
       */
      readonly container?: string;
      /**
       * Storage account; Azure.
       */
      readonly storageAccount?: string;
      /**
       * Secret, in the namespace of the cluster, with the credentials of the store.
       */
      readonly credentialsSecret?: string;
    };
  };
  /**
   * A connection pooler before the primary.
   */
  readonly pgbouncer?: {
    /**
     * Whether the pooler runs.
     */
    readonly enabled?: boolean;
    /**
     * When a server connection goes back to the pool.
     */
    readonly poolMode?: 'session' | 'transaction' | 'statement';
    /**
     * Client connections that each pooler accepts.
     */
    readonly maxClientConn?: number;
    /**
     * Server connections for each pair of user and database.
     */
    readonly defaultPoolSize?: number;
  };
  /**
   * Certificates for client connections. Without Secrets the operator issues and renews from its own CA.
   */
  readonly tls?: {
    /**
     * Whether clients get certificates they can verify.
     */
    readonly enabled?: boolean;
    /**
     * Secret with tls.crt and tls.key.
     */
    readonly certSecret?: string;
    /**
     * Secret with ca.crt, for clients to verify the certificate with.
     */
    readonly caSecret?: string;
  };
  /**
   * A PostgreSQL exporter.
   */
  readonly metrics?: {
    /**
     * Whether each member has an exporter.
     */
    readonly enabled?: boolean;
    /**
     * Port on which the exporter answers.
     */
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
    /**
     * Time zone of the schedule, a name such as Europe/Berlin.
     */
    readonly timeZone?: string;
  }[];
  /**
   * Synchronous replication. Switched on and off without a restart. Only a replica that confirms commits takes over.
   */
  readonly synchronous?: {
    /**
     * Preferred lets writes go on while no replica streams; Required makes them wait.
     */
    readonly mode?: 'Off' | 'Preferred' | 'Required';
    /**
     * Replicas that confirm each commit; fewer while fewer stream, but none only where Preferred. Where Required, below spec.replicas.
     */
    readonly count?: number;
  };
  /**
   * Start from an archive, optionally at a point in time.
   */
  readonly restore?: {
    /**
     * Name under which the archived cluster wrote its backups.
     */
    readonly cluster?: string;
    /**
     * RFC 3339 with a time zone.
     */
    readonly targetTime?: string;
    /**
     * Where the archive lies; fields as in spec.backup.destination.
     */
    readonly destination?: {
      readonly [k: string]: unknown;
    };
  };
  /**
   * Start as a copy of a running cluster.
   */
  readonly clone?: {
    /**
     * Name of the cluster to copy.
     */
    readonly cluster: string;
    /**
     * Its namespace; this one when unset.
     */
    readonly namespace?: string;
  };
  /**
   * Where members run.
   */
  readonly placement?: {
    /**
     * Affinity of the members, as in a pod. Members keep off each other's nodes where they can, unless podAntiAffinity is given.
     */
    readonly affinity?: {
      readonly [k: string]: unknown;
    };
    /**
     * Tolerations of the members, as in a pod.
     */
    readonly tolerations?: {
      readonly [k: string]: unknown;
    }[];
    /**
     * Labels that a node must have.
     */
    readonly nodeSelector?: {
      readonly [k: string]: string;
    };
    /**
     * How members spread, as in a pod; over zones where they can, when unset. A constraint without labelSelector is about the members.
     */
    readonly topologySpreadConstraints?: {
      readonly [k: string]: unknown;
    }[];
    /**
     * PriorityClass of the members.
     */
    readonly priorityClassName?: string;
  };
  /**
   * How the primary Service is reached.
   */
  readonly service?: {
    /**
     * Type of the primary Service.
     */
    readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
    /**
     * Annotations of the primary Service, for a cloud's load balancer.
     */
    readonly annotations?: {
      readonly [k: string]: string;
    };
    /**
     * Addresses (CIDR) that may reach a load balancer.
     */
    readonly loadBalancerSourceRanges?: string[];
  };
  /**
   * Labels and annotations for the members' pods, patched on live pods.
   */
  readonly podMetadata?: {
    /**
     * Labels added to the pods.
     */
    readonly labels?: {
      readonly [k: string]: string;
    };
    /**
     * Annotations added to the pods.
     */
    readonly annotations?: {
      readonly [k: string]: string;
    };
  };
  /**
   * Where PostgreSQL's log can be read.
   */
  readonly logs?: {
    /**
     * A container beside the database, postgres-log, prints it as CSV as it is written (false), for whatever collects the logs of containers.
     */
    readonly stdout?: boolean;
  };
  /**
   * Additional environment of the database container. Passwords belong into a Secret that valueFrom names.
   */
  readonly env?: {
    /**
     * Name of the variable.
     */
    readonly name: string;
    /**
     * Its value.
     */
    readonly value?: string;
    /**
     * Where its value comes from, as in a pod.
     */
    readonly valueFrom?: {
      readonly [k: string]: unknown;
    };
  }[];
  /**
   * The application's database and its owner. Fixed at creation.
   */
  readonly database?: {
    /**
     * Name of the database.
     */
    readonly name?: string;
    /**
     * Role that owns it; its password is in Secret NAME-app.
     */
    readonly owner?: string;
    /**
     * Locale of the database, such as en_US.UTF-8; the image's default when unset.
     */
    readonly locale?: string;
    /**
     * Encoding of the database; UTF8 when unset.
     */
    readonly encoding?: string;
  };
  /**
   * Lines for pg_hba.conf, after those that Patroni and the members need for each other and before the image's own.
   */
  readonly pgHba?: string[];
  /**
   * Patroni's timing, in seconds, and its limits. Changed on running members without a restart.
   */
  readonly patroni?: {
    /**
     * Seconds after which a silent leader has lost its lock.
     */
    readonly ttl?: number;
    /**
     * Seconds between two looks of a member; with twice retryTimeout it must not exceed ttl.
     */
    readonly loopWait?: number;
    /**
     * Seconds for which a failing request is tried again.
     */
    readonly retryTimeout?: number;
    /**
     * Whether a primary that sees all members goes on while the API server is away.
     */
    readonly failsafeMode?: boolean;
    /**
     * Bytes that a replica may lag behind and still be promoted.
     */
    readonly maximumLag?: number;
  };
}
/**
 * What is. Written by the operator alone.
 */
export interface PostgresClusterStatus {
  /**
   * Where the cluster is in its life.
   */
  readonly phase?:
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
  /**
   * Members that exist.
   */
  readonly replicas?: number;
  /**
   * Pod of the member that takes writes; absent while there is none.
   */
  readonly primaryPod?: string;
  /**
   * Pods of the replicas that can be read from.
   */
  readonly replicaPods?: string[];
  /**
   * When the last base backup ended well.
   */
  readonly lastBackup?: string;
  /**
   * The generation that was read.
   */
  readonly observedGeneration?: number;
  /**
   * The generation that is true of every member.
   */
  readonly rolledOutGeneration?: number;
  /**
   * Attempts in a row that failed.
   */
  readonly retryCount?: number;
  /**
   * What failed last.
   */
  readonly lastError?: string;
  /**
   * When it did.
   */
  readonly lastErrorTime?: string;
  /**
   * Members before the last change of spec.replicas.
   */
  readonly previousReplicas?: number;
  /**
   * PostgreSQL's system identifier, once a leader has been writable.
   */
  readonly systemIdentifier?: string;
  /**
   * Where Patroni keeps its state; resolved once.
   */
  readonly dcs?: 'Endpoints' | 'ConfigMaps';
  /**
   * The image of the members; resolved once.
   */
  readonly image?: string;
  /**
   * The smaller of what the volumes have and what was asked for.
   */
  readonly volumeSize?: string;
  /**
   * Label selector of the members, for the scale subresource.
   */
  readonly selector?: string;
  /**
   * What was done once and is not done again, such as one-shot requests and the application database, each with its token.
   */
  readonly handled?: {
    readonly [k: string]: string;
  };
  /**
   * Each member as it was last seen.
   */
  readonly members?: {
    /**
     * Pod of the member.
     */
    readonly name: string;
    /**
     * Its role, as Patroni reports it.
     */
    readonly role?: string;
    /**
     * Its state, as Patroni reports it.
     */
    readonly state?: string;
    /**
     * PostgreSQL timeline it is on.
     */
    readonly timeline?: number;
    /**
     * Bytes it is behind the leader.
     */
    readonly lagBytes?: number;
    /**
     * Whether a parameter waits for its restart.
     */
    readonly pendingRestart?: boolean;
    /**
     * Size of its volume, while that is less than was asked for.
     */
    readonly volumeSize?: string;
  }[];
  /**
   * What is true of the cluster, each with its reason.
   */
  readonly conditions?: {
    /**
     * What the condition is about.
     */
    readonly type: string;
    /**
     * Whether it holds; Unknown when that cannot be told.
     */
    readonly status: 'True' | 'False' | 'Unknown';
    /**
     * Why, in one word.
     */
    readonly reason: string;
    /**
     * Why, in a sentence.
     */
    readonly message: string;
    /**
     * When its status changed last.
     */
    readonly lastTransitionTime: string;
    /**
     * Generation of the spec it speaks of.
     */
    readonly observedGeneration?: number;
  }[];
  /**
   * Where the journal stood; a later status never names an earlier place.
   */
  readonly journal: {
    /**
     * Term of the operator that wrote this status.
     */
    readonly epoch: number;
    /**
     * Number of the last durable record of this cluster.
     */
    readonly seq: number;
    /**
     * Hash of that record, over all before it.
     */
    readonly head: string;
  };
}
