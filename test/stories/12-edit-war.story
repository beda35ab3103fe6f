# Another controller writes a field of the operator's back whenever it is put right: after five times it is left alone and told
# of, is tried again ten minutes later, and is over by itself once the other has gone.
apply crds/samples/two-members.yaml
wait Running
fight Service pg-two-repl spec.type NodePort for 5m
pass 2m
see Service pg-two-repl spec.type
see PostgresCluster pg-two status.conditions.ReconcileFailing
pass 9m
see Service pg-two-repl spec.type
pass 6m
see PostgresCluster pg-two status.conditions.ReconcileFailing
show
