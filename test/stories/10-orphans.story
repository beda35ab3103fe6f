# The cluster's object is deleted without what it owns, then applied again: the pods never stopped.
apply crds/samples/two-members.yaml
wait Running
orphan
wait gone
show
pass 1m
show
apply crds/samples/two-members.yaml
wait Running
show
