# Edits that cannot be: some are refused by the API server, some by the operator. The cluster stays as it is.
apply crds/samples/two-members.yaml
wait Running
edit spec.replicas two
edit spec.version "16"
edit spec.storage.size 1Gi
edit spec.postgresqlParams.port "5433"
pass 5s
show
edit spec.postgresqlParams.port null
pass 5s
show
