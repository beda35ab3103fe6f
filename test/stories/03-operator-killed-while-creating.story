# The operator dies three times while a cluster is made. Nothing is made twice, nothing is missing.
apply crds/samples/two-members.yaml
wait Pending
kill operator
wait Creating
kill operator
pass 5s
kill operator
wait Running
show
