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

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const provisionerName = "bed.local/volumes"

// store keeps the files of one node's volumes under root.
type store struct{ root, node string }

func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, text)
	}
	return text, nil
}

func (s *store) image(volume string) string { return filepath.Join(s.root, volume+".img") }

// device gives the loop device of a volume, attaching one when there is none.
func (s *store) device(volume string) (string, error) {
	attached, err := command("losetup", "--noheadings", "--output", "NAME", "--associated", s.image(volume))
	if err != nil || attached != "" {
		return attached, err
	}
	return command("losetup", "--find", "--show", s.image(volume))
}

// make creates what a volume lies on: a loop device of that size, or a plain folder without a limit.
func (s *store) make(volume string, size int64, plain bool) (string, error) {
	if plain {
		path := filepath.Join(s.root, volume)
		return path, os.MkdirAll(path, 0o777)
	}
	file, err := os.OpenFile(s.image(volume), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		return "", err
	}
	return s.device(volume)
}

func (s *store) grow(volume *core.PersistentVolume, size resource.Quantity) error {
	if !strings.HasPrefix(volume.Spec.Local.Path, "/dev/") {
		return nil
	}
	if err := os.Truncate(s.image(volume.Name), size.Value()); err != nil {
		return err
	}
	_, err := command("losetup", "--set-capacity", volume.Spec.Local.Path)
	return err
}

// Provision makes a volume for a claim. Class parameters: mode=dir, fsType, fail=TEXT (storage that refuses, for tests).
func (s *store) Provision(_ context.Context, o controller.ProvisionOptions) (*core.PersistentVolume, controller.ProvisioningState, error) {
	size := o.PVC.Spec.Resources.Requests[core.ResourceStorage]
	if refusal := o.StorageClass.Parameters["fail"]; refusal != "" {
		return nil, controller.ProvisioningFinished, fmt.Errorf("%s", refusal)
	}
	path, err := s.make(o.PVName, size.Value(), o.StorageClass.Parameters["mode"] == "dir")
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	// ext4 cannot be grown online without CAP_SYS_RESOURCE; xfs can, and its smallest volume is 300Mi.
	fsType := o.StorageClass.Parameters["fsType"]
	if fsType == "" {
		fsType = "xfs"
	}
	mode := core.PersistentVolumeFilesystem
	here := core.NodeSelectorRequirement{Key: core.LabelHostname, Operator: core.NodeSelectorOpIn, Values: []string{s.node}}
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
	if _, err := os.Stat(s.image(volume.Name)); err != nil {
		return os.RemoveAll(filepath.Join(s.root, volume.Name))
	}
	attached, err := command("losetup", "--noheadings", "--output", "NAME", "--associated", s.image(volume.Name))
	if err != nil {
		return err
	}
	if attached != "" {
		if _, err := command("losetup", "--detach", attached); err != nil {
			return err
		}
	}
	return os.Remove(s.image(volume.Name))
}

func volumes() {
	config := flag.String("kubeconfig", "", "kubeconfig file")
	keep := &store{}
	flag.StringVar(&keep.root, "root", "", "folder of the volumes")
	flag.StringVar(&keep.node, "node", "node1", "name of the node they lie on")
	flag.Parse()
	ctx := context.Background()
	rest, err := clientcmd.BuildConfigFromFlags("", *config)
	if err == nil {
		err = os.MkdirAll(keep.root, 0o755)
	}
	if err != nil {
		klog.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(rest)
	go resizeClaims(ctx, client, keep)
	controller.NewProvisionController(ctx, client, provisionerName, keep, controller.LeaderElection(false)).Run(ctx)
}
