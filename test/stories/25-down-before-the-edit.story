# An only member is down: killed for want of memory, again and again. Who gives it more is not told that it was no use: its pod is made
# anew, though nobody leads meanwhile.
apply crds/samples/single.yaml
wait Running
kill leader for 2h
wait Recovering
pass 5m
edit spec.resources.limits.memory 3Gi
pass 5m
show
see PostgresCluster pg-one status.conditions.ConfigurationValid
see StatefulSet pg-one spec.template.spec.containers.postgres.resources
