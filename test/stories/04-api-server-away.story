# The API server is away for three minutes, and a member dies meanwhile: what the operator missed it finds.
apply crds/samples/two-members.yaml
wait Running
pass 30s
api down for 3m
kill pg-two-1 for 5m
pass 4m
show
wait Running
show
