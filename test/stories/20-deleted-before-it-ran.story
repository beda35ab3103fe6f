# A cluster is deleted before it ever ran, and made again: what it left is taken over.
apply test/stories/two.yaml
pass 2s
delete
wait gone
see Secret shop-credentials metadata.annotations
apply test/stories/two.yaml
wait Running
show
