# A member that was taken away comes back when the leader no longer has the WAL that it lacks: it cannot follow, and copies it all anew.
apply crds/samples/three-members.yaml
wait Running
edit spec.replicas 2
pass 1m
kill leader for 30s
pass 2m
recycle leader
pass 20s
edit spec.replicas 3
pass 3m
show
why
edit metadata.annotations {"postgres.example.com/reinit":"pg-three-2"}
pass 2m
show
