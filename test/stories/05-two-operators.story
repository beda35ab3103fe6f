# Two operators run; the one that leads dies for two minutes. The other waits until its Lease is over, then takes its place.
operators 2
apply crds/samples/two-members.yaml
wait Running
operators
kill operator for 2m
pass 10s
operators
pass 20s
operators
edit Service pg-two-repl spec.type NodePort
pass 10s
see Service pg-two-repl spec.type
pass 2m
operators
show
