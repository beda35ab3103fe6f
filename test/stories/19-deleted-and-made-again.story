# The same name again and again, with fewer members the second time, so that one volume is kept by the first cluster and the others by
# the second: they are of one database.
apply test/stories/three.yaml
wait Running
delete
wait gone
apply test/stories/two.yaml
wait Running
delete
wait gone
apply test/stories/three.yaml
wait Running
show
