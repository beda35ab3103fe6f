# A member is lost for good, and there are to be fewer members: nobody goes while one that stays is missing, and that one is made anew when
# it is asked for, not after the scaling that waits for it.
apply test/stories/three.yaml
wait Running
kill node node-2 for good
wait Degraded
pass 7m
edit spec.replicas 2
pass 30s
show
edit metadata.annotations {"postgres.example.com/replace":"shop-1"}
wait Running
show
