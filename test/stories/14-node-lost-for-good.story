# A node is gone for good, with the only copy of a member's volume: the member is made anew elsewhere, when it is asked for.
apply crds/samples/three-members.yaml
wait Running
pass 1m
show
kill node node-3 for good
wait Degraded
pass 7m
show
edit metadata.annotations {"postgres.example.com/replace":"pg-three-1"}
pass 10s
show
edit metadata.annotations {"postgres.example.com/replace":"pg-three-2"}
pass 20s
show
wait Running
show
