# Somebody takes all labels off what is ours, or another tool claims it: no watch shows that any more. The labels are put back, nothing else waits
# for that, and a deletion meanwhile finds what it has to stop.
apply test/stories/two.yaml
wait Running
edit StatefulSet shop metadata.labels null
edit Service shop-repl metadata.labels null
edit PersistentVolumeClaim data-shop-1 metadata.labels null
edit Secret shop-credentials-inforce metadata.labels {"app.kubernetes.io/managed-by":"Helm"}
pass 1m
see StatefulSet shop metadata.labels
see Service shop-repl metadata.labels
see PersistentVolumeClaim data-shop-1 metadata.labels
see Secret shop-credentials-inforce metadata.labels
edit spec.replicas 3
wait Scaling
wait Running
edit spec.paused true
edit StatefulSet shop metadata.labels null
pass 1m
delete
wait gone
show
