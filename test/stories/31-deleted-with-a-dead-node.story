# A cluster is deleted while the node of a member is gone for good: nobody ends that pod. It is said which one, and where, and that it takes
# too long; once it is taken away by hand the deletion goes on.
apply test/stories/two.yaml
wait Running
kill node node-2 for good
wait Degraded
delete
pass 11m
show
see PostgresCluster shop status.conditions.Stuck
