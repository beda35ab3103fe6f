# A StorageClass that there is not: the claims wait in silence, and only a Kubernetes Event says why. It is read once the silence
# has lasted for half a minute, and then everything that is late names it.
apply test/stories/no-such-class.yaml
pass 1m
show
see PostgresCluster shop status.conditions.StorageReady
wait Failed
show
delete
wait gone
