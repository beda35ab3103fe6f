# A replica starts with a password that PostgreSQL was never told: it runs, on the timeline of its leader, and follows nobody.
apply crds/samples/ha.yaml
wait Running
edit spec.paused true
pass 10s
edit Secret shop-credentials-inforce data.REPLICATION_PASSWORD bm9ib2R5LXdhcy10b2xk
remove Pod shop-0
pass 30m
show
see PostgresCluster shop status.conditions.ReplicasReady
why
