# The leader's container dies for two minutes: a replica takes over, the operator watches and tells.
apply crds/samples/three-members.yaml
wait Running
pass 1m
show
kill leader for 2m
wait Recovering
show
wait Degraded
show
wait Running
show
