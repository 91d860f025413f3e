#!/usr/bin/env bash
# Installs spider-storage from this clone as a service of systemd; again to update it. As root.
set -euo pipefail
# shellcheck source=deploy/install/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
install_app storage spider-storage storage
