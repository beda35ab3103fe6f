# A database that was left running when its PostgresCluster was deleted: a namesake that it cannot follow does not take it over, nor one
# that has no passwords for it.
apply test/stories/two.yaml
wait Running
orphan
wait gone
apply test/stories/other-version.yaml
pass 1m
show
see PostgresCluster shop status.conditions.ConfigurationValid
delete
wait gone
apply test/stories/two.yaml
wait Running
show
orphan
wait gone
remove Secret shop-credentials
remove Secret shop-credentials-inforce
pass 1s
apply test/stories/two.yaml
pass 1m
show
