# Volumes of an earlier cluster were deleted to begin anew, its Secrets were not: passwords fit any version.
apply test/stories/two.yaml
wait Running
delete
wait gone
remove PersistentVolumeClaim data-shop-0
remove PersistentVolumeClaim data-shop-1
apply test/stories/other-version.yaml
wait Running
show
