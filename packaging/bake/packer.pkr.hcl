# SPDX-License-Identifier: Apache-2.0
# An example for Packer: cordon in an image of Debian 12, from the package of `make deb`.
#
#   packer init packer.pkr.hcl && packer build -var package=cordon_0.1.0_amd64.deb packer.pkr.hcl
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.0"
    }
  }
}

variable "package" {
  type = string
}

variable "region" {
  type    = string
  default = "eu-west-1"
}

source "amazon-ebs" "debian" {
  ami_name      = "cordon-{{timestamp}}"
  instance_type = "t3.small"
  region        = var.region
  ssh_username  = "admin"
  source_ami_filter {
    filters     = { name = "debian-12-amd64-*", virtualization-type = "hvm" }
    owners      = ["136693071363"]
    most_recent = true
  }
  metadata_options {
    http_tokens = "required"
  }
}

build {
  sources = ["source.amazon-ebs.debian"]

  provisioner "file" {
    source      = var.package
    destination = "/tmp/cordon.deb"
  }

  # policy-rc.d: enabled, and not started while the image is being made.
  provisioner "shell" {
    inline = [
      "set -e",
      "printf '#!/bin/sh\\nexit 101\\n' | sudo tee /usr/sbin/policy-rc.d >/dev/null",
      "sudo chmod 755 /usr/sbin/policy-rc.d",
      "sudo apt-get update && sudo apt-get install -y --no-install-recommends /tmp/cordon.deb",
      "sudo rm -f /usr/sbin/policy-rc.d /tmp/cordon.deb",
      "systemctl is-enabled cordond",
      "! systemctl is-active --quiet cordond",
      "sudo sh -c 'test -z \"$(find /var/lib/cordon -mindepth 1)\"'",
      "sudo cloud-init clean --logs --machine-id",
    ]
  }
}
