"""What the template `debian-12` is made of: packages, files, and what is done at the end."""

from __future__ import annotations

from hashlib import blake2b

NAME, SUITE, COMPONENT = "debian-12", "bookworm", "main"
USER, PASSWORD = "startcloud", "STARTcloud24@!"
ROOT_LABEL = "labroot"
SIZE = 8 << 30  # bytes of the disk; what is not written takes no room
KERNEL_WORDS = (
    f"root=LABEL={ROOT_LABEL} rootflags=noatime rw console=tty0 console=ttyS0,115200 net.ifnames=0 mitigations=off "
    "audit=0 quiet"
)
PACKAGES = (
    "ansible-core", "ca-certificates", "cloud-guest-utils", "cloud-init", "dbus", "ifupdown", "initramfs-tools",
    "iproute2", "iputils-ping", "kmod", "less", "libpam-systemd", "linux-image-amd64", "lz4", "net-tools", "netplan.io",
    "openssh-server", "procps", "python3", "python3-apt", "rsync", "sudo", "systemd-resolved", "systemd-sysv", "udev",
)  # fmt: skip
_MODULES = "/lib/modules/*/kernel"
# What no virtual machine here has, and what nobody reads in one: half of the size, half of the time.
LEFT_OUT = (
    "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", f"{_MODULES}/sound/*",
    *(f"{_MODULES}/drivers/{name}/*" for name in (
        "bluetooth", "comedi", "gpu", "hwmon", "iio", "infiniband", "isdn", "media", "mmc", "mtd",
        "net/can", "net/wireless", "net/wwan", "platform", "staging", "target", "video", "watchdog",
    )),
    *(f"{_MODULES}/drivers/net/ethernet/{name}/*" for name in (
        "broadcom", "chelsio", "cisco", "emulex", "huawei", "marvell", "mellanox", "microchip", "netronome", "qlogic",
        "sfc", "intel/i40e", "intel/ice", "intel/ixgbe",
    )),
    *(f"{_MODULES}/drivers/scsi/{name}/*" for name in (
        "aacraid", "aic7xxx", "be2iscsi", "bfa", "bnx2fc", "bnx2i", "csiostor", "cxgbi", "fnic", "isci", "lpfc",
        "megaraid", "mpi3mr", "mpt3sas", "pm8001", "qedf", "qedi", "qla2xxx", "qla4xxx", "smartpqi",
    )),
    *(f"{_MODULES}/fs/{name}/*" for name in ("ceph", "gfs2", "ocfs2", "f2fs", "jfs", "nfsd", "reiserfs", "smb")),
    *(f"{_MODULES}/net/{name}/*" for name in ("bluetooth", "mac80211", "wireless", "can", "nfc")),
)  # fmt: skip
_ASLEEP = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "systemd-networkd-wait-online.service",
    "systemd-pstore.service", "modprobe@drm.service",
)  # fmt: skip
_INITRD_MODULES = ("virtio_blk", "virtio_pci", "virtio_scsi", "nvme", "ahci", "ata_piix", "sd_mod", "ext4")
# path -> text; all of these are there before the packages, whose own files they are not
FILES = {
    "/etc/cloud/cloud.cfg.d/50-lab.cfg": (
        "datasource_list: [NoCloud, ConfigDrive, None]\n"
        "ssh_pwauth: true\n"
        "ssh_genkeytypes: [ed25519, ecdsa]\n"
        # As in Debian's own cloud images: sudo looks for the name that the guest was given.
        "apt_preserve_sources_list: true\nmanage_etc_hosts: true\n"
        "locale: false\n"  # there are no others to choose from
        f"system_info:\n  default_user:\n    name: {USER}\n    lock_passwd: false\n    gecos: {USER}\n"
        '    groups: [sudo]\n    sudo: ["ALL=(ALL) NOPASSWD:ALL"]\n    shell: /bin/bash\n'
        # ifupdown is there for those who want it, and cloud-init would take it before netplan.
        "  network:\n    renderers: [netplan, networkd]\n    activators: [netplan, networkd]\n"
    ),
    # Without a seed there is nothing for it to do, and it takes its time to find that out.
    "/etc/cloud/ds-identify.cfg": "policy: search,found=all,maybe=none,notfound=disabled\n",
    "/etc/fstab": "# The root file system is mounted by the kernel's words.\n",
    "/etc/hostname": "debian\n",
    "/etc/hosts": "127.0.0.1 localhost\n127.0.1.1 debian\n::1 localhost ip6-localhost ip6-loopback\n",
    "/etc/initramfs-tools/conf.d/lab": "MODULES=list\nCOMPRESS=lz4\nFSTYPE=ext4\nRESUME=none\n",
    "/etc/initramfs-tools/hooks/lab": (
        '#!/bin/sh\n[ "$1" != prereqs ] || exit 0\n. /usr/share/initramfs-tools/hook-functions\n'
        f"manual_add_modules {' '.join(_INITRD_MODULES)}\n"
    ),
    "/etc/modprobe.d/lab.conf": "".join(
        f"blacklist {module}\n" for module in ("kvm_amd", "kvm_intel", "pcspkr", "floppy", "psmouse", "parport_pc")
    ),
    # The last one of all, so that whatever else names a card comes first.
    "/etc/netplan/90-lab.yaml": (
        "network:\n  version: 2\n  ethernets:\n    zz-any:\n"
        '      match: {name: "e*"}\n      dhcp4: true\n      dhcp-identifier: mac\n      optional: true\n'
    ),
    "/etc/repart.d/50-root.conf": "[Partition]\nType=root\n",
    f"/etc/sudoers.d/{USER}": f"{USER} ALL=(ALL) NOPASSWD:ALL\n",
    "/etc/systemd/system/lab-grow.service": (
        "[Unit]\nDescription=Let the root file system be as large as its disk\nConditionVirtualization=!container\n"
        "DefaultDependencies=no\nAfter=systemd-repart.service\nBefore=shutdown.target\nConflicts=shutdown.target\n"
        "[Service]\nType=oneshot\nExecStart=/lib/systemd/systemd-growfs /\n[Install]\nWantedBy=multi-user.target\n"
    ),
    # Keys of its own for each machine; one kind is made fast, even where the processor is emulated.
    "/etc/systemd/system/lab-keys.service": (
        "[Unit]\nDescription=Give this machine a host key\nConditionPathExists=!/etc/ssh/ssh_host_ed25519_key\n"
        "After=cloud-init.service\nBefore=ssh.service\n"
        "[Service]\nType=oneshot\nExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key\n"
        "[Install]\nRequiredBy=ssh.service\n"
    ),
    "/etc/systemd/system.conf.d/lab.conf": "[Manager]\nDefaultTimeoutStopSec=20s\n",
}
PRIVATE = (f"/etc/sudoers.d/{USER}", "/etc/netplan/90-lab.yaml")  # for nobody but root to read
PROGRAMS = ("/etc/initramfs-tools/hooks/lab",)
# Run by sh in the root.
FINISH = f"""set -eu
useradd --create-home --shell /bin/bash --groups sudo {USER}
echo '{USER}:{PASSWORD}' | chpasswd
systemctl enable systemd-networkd systemd-resolved ssh lab-grow lab-keys
systemctl mask {" ".join(_ASLEEP)}
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /etc/apt/apt.conf.d/99mmdebstrap
rm -rf /var/lib/apt/lists/* /var/log/*.log /var/log/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id
"""


def digest() -> str:
    """Return a short text that changes with anything that the template is made of."""
    whole = (SUITE, SIZE, KERNEL_WORDS, PACKAGES, LEFT_OUT, sorted(FILES.items()), FINISH)
    return blake2b(repr(whole).encode(), digest_size=8).hexdigest()
