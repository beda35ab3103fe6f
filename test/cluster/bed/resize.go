package main

// Growing a claim, in the order of states a storage driver shows: the file and its device grow, the volume's capacity is
// raised, the claim is marked for the node; the kubelet then grows the file system and writes status.capacity.

import (
	"context"
	"encoding/json"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

type object = map[string]any

func merge(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

func markForNode(ctx context.Context, client kubernetes.Interface, claim *core.PersistentVolumeClaim, size string) error {
	pending := object{
		"type": "FileSystemResizePending", "status": "True",
		"lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
		"message":            "the node has to grow the file system",
	}
	status := object{
		"allocatedResources":        object{"storage": size},
		"allocatedResourceStatuses": object{"storage": "NodeResizePending"},
		"conditions":                []object{pending},
	}
	_, err := client.CoreV1().PersistentVolumeClaims(claim.Namespace).Patch(ctx, claim.Name, types.MergePatchType, merge(object{"status": status}), meta.PatchOptions{}, "status")
	return err
}

func resizeClaim(ctx context.Context, client kubernetes.Interface, keep *store, namespace, name string) error {
	claim, err := client.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, meta.GetOptions{})
	if err != nil || claim.Status.Phase != core.ClaimBound {
		return nil
	}
	volume, err := client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, meta.GetOptions{})
	if err != nil {
		return err
	}
	wanted, has := claim.Spec.Resources.Requests[core.ResourceStorage], claim.Status.Capacity[core.ResourceStorage]
	if volume.Annotations["pv.kubernetes.io/provisioned-by"] != provisionerName || wanted.Cmp(has) <= 0 {
		return nil
	}
	if capacity := volume.Spec.Capacity[core.ResourceStorage]; capacity.Cmp(wanted) < 0 {
		if err := keep.grow(volume, wanted); err != nil {
			return err
		}
		raised := object{"spec": object{"capacity": object{"storage": wanted.String()}}}
		if _, err := client.CoreV1().PersistentVolumes().Patch(ctx, volume.Name, types.MergePatchType, merge(raised), meta.PatchOptions{}); err != nil {
			return err
		}
	}
	if claim.Status.AllocatedResourceStatuses[core.ResourceStorage] != "" {
		return nil // already with the kubelet
	}
	return markForNode(ctx, client, claim, wanted.String())
}

func resizeClaims(ctx context.Context, client kubernetes.Interface, keep *store) {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	add := func(seen any) {
		if key, err := cache.MetaNamespaceKeyFunc(seen); err == nil {
			queue.Add(key)
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	handler := cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, now any) { add(now) }}
	if _, err := factory.Core().V1().PersistentVolumeClaims().Informer().AddEventHandler(handler); err != nil {
		klog.Fatal(err)
	}
	factory.Start(ctx.Done())
	for {
		key, ended := queue.Get()
		if ended {
			return
		}
		namespace, name, _ := cache.SplitMetaNamespaceKey(key)
		if err := resizeClaim(ctx, client, keep, namespace, name); err != nil {
			klog.ErrorS(err, "claim could not be grown", "claim", key)
			queue.AddRateLimited(key)
		} else {
			queue.Forget(key)
		}
		queue.Done(key)
	}
}
