#!/usr/bin/env bash
# install.sh [PACKAGE...]
# Installs the mail servers and the keyring of the tests from the distribution's packages (Debian 12), and the further packages named.
# cyrus-imapd and courier-imap conflict with dovecot-imapd, so these two are only unpacked, into $CRMSYNC_SERVERS_DIR (target/servers).
# Radicale and Xandikos come from Debian, and in the versions of today from PyPI, into a virtual environment in the same folder.
# Finds what is there already and then does nothing. Needs root or sudo.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
DEST=${CRMSYNC_SERVERS_DIR:-$HERE/../../target/servers}
PACKAGES=(
  ca-certificates curl eatmydata openssl procps python3 python3-venv util-linux
  dovecot-core dovecot-imapd
  msmtp-mta cyrus-common cyrus-caldav cyrus-admin libsasl2-modules sasl2-bin
  courier-base courier-authlib courier-authlib-userdb courier-authdaemon
  radicale xandikos
  dbus-daemon gnome-keyring
  "$@"
)
UNPACKED=(cyrus-imapd courier-imap)

SUDO=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "install.sh: neither root nor sudo" >&2; exit 1; }
  SUDO=(sudo)
fi
apt() { "${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5 --no-install-recommends "$@"; }
# Who else holds the lists or the archives makes apt-get fail at once, whatever its time-out for dpkg; a mirror may be away for a moment.
patiently() {
  for _ in $(seq 1 8); do
    "$@" && return
    echo "install.sh: tried again in 15 s: $*" >&2
    sleep 15
  done
  "$@"
}

missing=()
for p in "${PACKAGES[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
done
mkdir -p "$DEST"
DEST=$(cd "$DEST" && pwd)
to_unpack=()
for p in "${UNPACKED[@]}"; do [ -e "$DEST/$p/.complete" ] || to_unpack+=("$p"); done
# Radicale and Xandikos of today beside Debian's: they answer differently.
DAV=(radicale==3.9.0 xandikos==0.4.10)
if [ ${#missing[@]} = 0 ] && [ ${#to_unpack[@]} = 0 ] && [ "$(cat "$DEST/dav/.complete" 2>/dev/null)" = "${DAV[*]}" ]; then
  echo "mail servers: everything is installed"
  exit 0
fi

echo "mail servers: reading the package lists"
patiently apt update
if [ ${#missing[@]} != 0 ]; then
  echo "mail servers: installing ${missing[*]}"
  # Nothing shall start by itself: the tests start their own, on their own ports.
  policy=/usr/sbin/policy-rc.d
  placed=
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${SUDO[@]}" tee $policy >/dev/null
    "${SUDO[@]}" chmod 755 $policy
    placed=yes
  fi
  remove_policy() { [ -z "$placed" ] || "${SUDO[@]}" rm -f "$policy"; }
  trap remove_policy EXIT
  patiently apt install "${missing[@]}" >"$DEST/apt.log" 2>&1 || { tail -n 30 "$DEST/apt.log" >&2; echo "install.sh: apt-get install failed" >&2; exit 1; }
fi
for p in ${to_unpack[@]+"${to_unpack[@]}"}; do
  echo "mail servers: unpacking $p into $DEST/$p"
  rm -rf "${DEST:?}/$p" "$DEST/download"
  mkdir -p "$DEST/download" "$DEST/$p"
  # As the current user: apt's own download user may not be allowed to write here.
  (cd "$DEST/download" && patiently apt-get -qq -o Acquire::Retries=5 -o APT::Sandbox::User="$(id -un)" download "$p")
  dpkg -x "$DEST/download/${p}"_*.deb "$DEST/$p"
  rm -rf "$DEST/download"
  touch "$DEST/$p/.complete"
done
if [ "$(cat "$DEST/dav/.complete" 2>/dev/null)" != "${DAV[*]}" ]; then
  echo "mail servers: installing ${DAV[*]} into $DEST/dav"
  python3 -m venv "$DEST/dav"
  "$DEST/dav/bin/pip" install --quiet --disable-pip-version-check "${DAV[@]}"
  echo "${DAV[*]}" >"$DEST/dav/.complete"
fi
echo "mail servers: installed"
