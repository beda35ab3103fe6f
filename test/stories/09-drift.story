# Somebody changes and deletes by hand what belongs to the operator: it comes back, and no member is touched.
apply crds/samples/two-members.yaml
wait Running
edit Service pg-two-repl spec.type NodePort
see Service pg-two-repl spec.type
remove PodDisruptionBudget pg-two-pdb
remove Service pg-two
pass 10s
see Service pg-two-repl spec.type
see PodDisruptionBudget pg-two-pdb spec.maxUnavailable
see Service pg-two spec.ports
show
