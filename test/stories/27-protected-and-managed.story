# A protected cluster that was deleted is managed until it is let go: it is edited, and told to switch over, like any other.
apply test/stories/protected.yaml
wait Running
delete
pass 10s
edit spec.replicas 3
pass 5s
show
wait Running
edit metadata.annotations {"postgres.example.com/switchover":"now"}
pass 1m
show
see PostgresCluster shop status.handled.switchover
edit spec.deletionProtection false
wait gone
show
