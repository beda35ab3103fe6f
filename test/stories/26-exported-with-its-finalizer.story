# A PostgresCluster is made from what was exported of one (kubectl get -o yaml, a backup), with the operator's finalizer in it: whoever put
# it there, it goes once its deletion is done.
apply test/stories/exported.yaml
wait Running
see PostgresCluster shop metadata.finalizers
delete
wait gone
show
