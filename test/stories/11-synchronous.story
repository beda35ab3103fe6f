# Commits have to be confirmed. Who confirms takes over from the leader; while nobody can, writes wait, and status says so.
apply crds/samples/three-members.yaml
wait Running
edit spec.synchronous {"mode":"Required"}
wait Updating
wait Running
show
edit spec.replicas 1
kill leader for 1m
wait Recovering
wait Running
show
kill pg-three-0 for 2m
kill pg-three-2 for 2m
wait Degraded
pass 30s
show
wait Running
show
