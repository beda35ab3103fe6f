package main

// Volumes with a real size: each claim gets a sparse file with a loop device on it, handed out as a `local` volume on the
// block device, so that the kubelet formats, mounts, applies fsGroup and grows the file system. A full disk is a full disk.

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const provisionerName = "bed.local/volumes"

// store keeps the files of every node's volumes under root, a folder per node: what lies on a node is lost with it.
type store struct{ root, node string }

// nodeOf tells on which node a volume lies, by its node affinity.
func nodeOf(volume *core.PersistentVolume) string {
	return volume.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values[0]
}

func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, text)
	}
	return text, nil
}

func (s *store) folder(node string) string { return filepath.Join(s.root, node, "volumes") }

// path of what the kubelet mounts: a device file or a plain folder.
func (s *store) path(node, volume string) string { return filepath.Join(s.folder(node), volume) }

func (s *store) image(node, volume string) string { return s.path(node, volume) + ".img" }

// device gives the loop device of a file, attaching one when there is none.
func device(image string) (string, error) {
	attached, err := command("losetup", "--noheadings", "--output", "NAME", "--associated", image)
	if err != nil || attached != "" {
		return attached, err
	}
	return command("losetup", "--find", "--show", image)
}

// make creates what a volume lies on: a loop device of that size, or a plain folder without a limit.
func (s *store) make(node, volume string, size int64, plain bool) (string, error) {
	if err := os.MkdirAll(s.folder(node), 0o755); err != nil {
		return "", err
	}
	if plain {
		path := s.path(node, volume)
		return path, os.MkdirAll(path, 0o777)
	}
	file, err := os.OpenFile(s.image(node, volume), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		return "", err
	}
	loop, err := device(s.image(node, volume))
	if err != nil {
		return "", err
	}
	return s.alias(node, volume, loop)
}

// alias makes a device file of the volume's own for its loop device, among the node's files: a loop device is given to
// another volume once it is free, and a claim on a lost one must find nothing rather than that.
func (s *store) alias(node, volume, loop string) (string, error) {
	var status syscall.Stat_t
	if err := syscall.Stat(loop, &status); err != nil {
		return "", fmt.Errorf("%s: %w", loop, err)
	}
	path := s.path(node, volume)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return "", err
	}
	return path, syscall.Mknod(path, syscall.S_IFBLK|0o600, int(status.Rdev))
}

func (s *store) grow(volume *core.PersistentVolume, size resource.Quantity) error {
	image := s.image(nodeOf(volume), volume.Name)
	if err := os.Truncate(image, size.Value()); err != nil {
		if _, is := os.Stat(volume.Spec.Local.Path); is == nil && os.IsNotExist(err) {
			return nil // a plain folder has no limit
		}
		return err
	}
	loop, err := device(image)
	if err == nil {
		_, err = command("losetup", "--set-capacity", loop)
	}
	return err
}

// Provision makes a volume for a claim, on the node the scheduler has chosen for its pod. Class parameters: mode=dir, fsType, fail=TEXT (storage that refuses, for tests).
func (s *store) Provision(_ context.Context, o controller.ProvisionOptions) (*core.PersistentVolume, controller.ProvisioningState, error) {
	size := o.PVC.Spec.Resources.Requests[core.ResourceStorage]
	if refusal := o.StorageClass.Parameters["fail"]; refusal != "" {
		return nil, controller.ProvisioningFinished, fmt.Errorf("%s", refusal)
	}
	node := o.SelectedNodeName
	if node == "" {
		node = s.node // a class that binds at once: nobody has chosen
	}
	path, err := s.make(node, o.PVName, size.Value(), o.StorageClass.Parameters["mode"] == "dir")
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	// ext4 cannot be grown online without CAP_SYS_RESOURCE; xfs can, and its smallest volume is 300Mi.
	fsType := o.StorageClass.Parameters["fsType"]
	if fsType == "" {
		fsType = "xfs"
	}
	mode := core.PersistentVolumeFilesystem
	here := core.NodeSelectorRequirement{Key: core.LabelHostname, Operator: core.NodeSelectorOpIn, Values: []string{node}}
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: o.PVName},
		Spec: core.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *o.StorageClass.ReclaimPolicy,
			AccessModes:                   o.PVC.Spec.AccessModes,
			VolumeMode:                    &mode,
			Capacity:                      core.ResourceList{core.ResourceStorage: size},
			PersistentVolumeSource:        core.PersistentVolumeSource{Local: &core.LocalVolumeSource{Path: path, FSType: &fsType}},
			NodeAffinity: &core.VolumeNodeAffinity{Required: &core.NodeSelector{
				NodeSelectorTerms: []core.NodeSelectorTerm{{MatchExpressions: []core.NodeSelectorRequirement{here}}},
			}},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete detaches and removes what a volume lay on.
func (s *store) Delete(_ context.Context, volume *core.PersistentVolume) error {
	node := nodeOf(volume)
	image := s.image(node, volume.Name)
	if err := os.RemoveAll(s.path(node, volume.Name)); err != nil {
		return err
	}
	if _, err := os.Stat(image); err != nil {
		return nil // a plain folder, or lost with its node
	}
	attached, err := command("losetup", "--noheadings", "--output", "NAME", "--associated", image)
	if err != nil {
		return err
	}
	if attached != "" {
		if _, err := command("losetup", "--detach", attached); err != nil {
			return err
		}
	}
	return os.Remove(image)
}

func volumes() {
	config := flag.String("kubeconfig", "", "kubeconfig file")
	keep := &store{}
	flag.StringVar(&keep.root, "root", "", "folder of the nodes' folders")
	flag.StringVar(&keep.node, "node", "node1", "node of a volume for which none was chosen")
	flag.Parse()
	ctx := context.Background()
	rest, err := clientcmd.BuildConfigFromFlags("", *config)
	if err != nil {
		klog.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(rest)
	go resizeClaims(ctx, client, keep)
	controller.NewProvisionController(ctx, client, provisionerName, keep, controller.LeaderElection(false)).Run(ctx)
}
