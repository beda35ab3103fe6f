# The same edit comes to three clusters: one goes first. It goes badly there, so the others are not touched until it is put right.
flags --max-disruptions 2
apply test/stories/fleet.yaml
wait Running one
wait Running two
wait Running three
pass 1m
edit PostgresCluster one spec.image registry/broken:1
edit PostgresCluster two spec.image registry/broken:1
edit PostgresCluster three spec.image registry/broken:1
pass 10s
show
see PostgresCluster one status.nextAction
see PostgresCluster two status.nextAction
see PostgresCluster three status.nextAction
pass 5m
show
see PostgresCluster two status.nextAction
edit PostgresCluster one spec.image registry/spilo:next
edit PostgresCluster two spec.image registry/spilo:next
edit PostgresCluster three spec.image registry/spilo:next
pass 30s
show
see PostgresCluster three status.nextAction
pass 10m
show
