#!/bin/sh
# Installs or upgrades EggMoney on a server with systemd: run it as root in the unpacked folder.
set -eu
cd "$(dirname "$0")"
[ "$(id -u)" = 0 ] || { echo "install.sh: run this as root" >&2; exit 1; }
command -v systemctl >/dev/null || { echo "install.sh: there is no systemd here" >&2; exit 1; }
id eggmoney-svc >/dev/null 2>&1 || useradd --system --home-dir /var/lib/eggmoney --shell /usr/sbin/nologin eggmoney-svc
mkdir -p /opt/eggmoney/bin
# Beside and then renamed: the program that runs stays whole.
cp bin/eggmoney /opt/eggmoney/bin/.new && chmod 755 /opt/eggmoney/bin/.new
cp bin/eggmoney.version /opt/eggmoney/bin/eggmoney.version
mv /opt/eggmoney/bin/.new /opt/eggmoney/bin/eggmoney
[ -e /etc/systemd/system/eggmoney.service ] || cp eggmoney.service /etc/systemd/system/eggmoney.service
systemctl daemon-reload
systemctl enable eggmoney.service
systemctl restart eggmoney.service
echo "EggMoney $(cat bin/eggmoney.version) is installed. The set-up code: /var/lib/eggmoney/data/setup-code"
