#!/bin/sh
# Makes a Debian behave like OmniOS wherever a recipe touches it: prompts, root on the console, dladm, ipadm, route -p,
# no sudo, no netplan.
set -eu
here=$(dirname "$0")
for program in dladm ipadm route netstat; do install -m 755 "$here/$program" /usr/sbin/$program; done
install -m 755 "$here/network" /usr/lib/omnios-network
rm -f /etc/netplan/* /usr/sbin/netplan /usr/sbin/ifconfig /usr/sbin/ifup /usr/bin/python3
printf '\nOmniOS r151054 Version omnios-r151054 64-bit\n\nomnios console ' >/etc/issue
echo omnios >/etc/hostname
echo 'root:omnios!1' | chpasswd
printf 'hosts:      files\n' >/etc/nsswitch.conf
# A file, since something is put there at boot when there is nothing.
rm -f /etc/resolv.conf
touch /etc/resolv.conf
mkdir -p /etc/ssh/sshd_config.d /etc/inet /etc/systemd/system/console-getty.service.d
touch /etc/ipadm.book /etc/inet/static_routes
echo 'PermitRootLogin yes' >/etc/ssh/sshd_config.d/root.conf
cat >/etc/systemd/system/console-getty.service.d/omnios.conf <<'UNIT'
[Service]
ExecStart=
ExecStart=-/sbin/agetty --nohostname --nonewline -o '-p -- \\u' --noclear --keep-baud - 115200 $TERM
UNIT
cat >/etc/systemd/system/omnios-network.service <<'UNIT'
[Unit]
Before=ssh.service
[Service]
Type=oneshot
ExecStart=/usr/lib/omnios-network
UNIT
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sf ../omnios-network.service /etc/systemd/system/multi-user.target.wants/omnios-network.service
for unit in systemd-networkd.service systemd-networkd.socket systemd-resolved.service; do
    ln -sf /dev/null /etc/systemd/system/$unit
done
# Last: what this script itself is run with.
rm -f /usr/bin/sudo
