# A cluster of three members comes to life, and goes; its volumes stay.
apply crds/samples/ha.yaml
wait Running
show
delete
wait gone
show
