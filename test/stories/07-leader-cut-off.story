# The network cuts the leader off for two minutes. It stops taking writes before anybody else may begin; when it is back it follows.
apply crds/samples/three-members.yaml
wait Running
pass 10s
cut leader for 2m
wait Recovering
show
wait Degraded
show
wait Running
show
