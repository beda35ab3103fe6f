# A member is dead, and its cluster Degraded; an edit does not make that untrue, however long it waits for the member.
apply crds/samples/two-members.yaml
wait Running
kill node node-2 for good
pass 90s
see PostgresCluster pg-two status.conditions.Degraded
edit spec.postgresqlParams.work_mem 64MB
pass 1m
see PostgresCluster pg-two status.conditions.Degraded
pass 75m
see PostgresCluster pg-two status.conditions.Degraded
show
