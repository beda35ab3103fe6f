# An edit meets a node that has died: it waits, is taken back, and is tried again once the node is back and the cluster has run.
apply crds/samples/ha.yaml
wait Running
kill node node-3 for 30m
pass 90s
edit spec.image ghcr.io/zalando/spilo-17:4.0-p4
pass 12m
see PostgresCluster shop status.conditions.ConfigurationValid
pass 48m
show
see PostgresCluster shop status.conditions.ConfigurationValid
see StatefulSet shop spec.template.spec.containers.postgres.image
