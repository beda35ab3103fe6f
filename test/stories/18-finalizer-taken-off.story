# A tool writes the whole PostgresCluster over, as kubectl replace does, and takes the operator's finalizer off with it: it comes
# back, so that deletion stays protected. A tool that does so again and again is answered ever more slowly, and told of.
apply test/stories/protected.yaml
wait Running
edit metadata.finalizers []
pass 10s
see PostgresCluster shop metadata.finalizers
fight PostgresCluster shop metadata.finalizers [] for 10m
pass 12m
see PostgresCluster shop status.conditions.ReconcileFailing
delete
pass 10m
show
see PostgresCluster shop metadata.finalizers
