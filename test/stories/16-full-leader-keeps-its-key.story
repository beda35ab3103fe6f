# The disk of the leader is almost full: PostgreSQL starts as a replica there, keeps the leader key and cannot be promoted.
apply crds/samples/three-members.yaml
wait Running
pass 10s
fill leader almost for 10m
wait Recovering
pass 15s
show
wait Degraded
show
why
wait Running
show
