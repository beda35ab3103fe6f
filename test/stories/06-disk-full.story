# The disk of the leader is full for three minutes: PostgreSQL cannot start there, Patroni gives the key to a replica.
apply crds/samples/three-members.yaml
wait Running
pass 10s
fill leader for 3m
wait Recovering
show
wait Degraded
show
wait Running
pass 1s
show
why
