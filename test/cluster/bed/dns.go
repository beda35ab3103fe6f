package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"
)

// coredns serves the cluster's names. Names outside it are answered NXDOMAIN by the template plugin, which therefore
// stands after kubernetes; without it they would be SERVFAIL, which clients take for a passing fault.
func coredns() {
	dnsserver.Directives = []string{"reload", "errors", "health", "ready", "cache", "kubernetes", "template", "loop"}
	coremain.Run()
}
