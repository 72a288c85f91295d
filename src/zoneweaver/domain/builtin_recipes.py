"""The agent's own recipes. None has a default address: what nobody gave is asked for, not guessed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from zoneweaver.domain.recipes import KeptRecipe, Recipe

_NAMESPACE: Final = uuid.UUID("6d1f6cc0-6ad2-5d0c-9f0e-4b9c3b7f5a10")

SAVED: Final = "zw-saved"
"""What the name of a file ends with that a recipe has set aside."""

_FIND_LINK: Final = {
    "type": "command",
    "value": (
        'for d in /sys/class/net/*; do [ "$(cat $d/address)" = \'{{nic_0_mac}}\' ] && echo "link=${d##*/}"; done; true'
    ),
    "match": r"/^link=(\S+)$/",
    "store": "link",
}

_PREFIX: Final = {"prefix": "24"}
"""What a network has whose size nobody told, as the provisioning network has."""

_DEBIAN_NETPLAN: Final = {
    "name": "debian-netplan",
    "description": "Debian and Ubuntu with netplan: a static address for the card with the zone's MAC",
    "os_family": "linux",
    "is_default": True,
    "boot_string": "login:",
    "variables": _PREFIX,
    "steps": [
        _FIND_LINK,
        {
            "type": "template",
            "dest": "/etc/netplan/60-zoneweaver.yaml",
            "mode": "0600",
            "as_root": True,
            "content": """\
# Written by zoneweaver's recipe debian-netplan.
network:
  version: 2
  ethernets:
    {{link}}:
      match:
        macaddress: "{{nic_0_mac}}"
      dhcp4: false
      addresses: ["{{nic_0_ip}}/{{nic_0_prefix}}"]
      routes:
        - to: default
          via: {{nic_0_gateway}}
      nameservers:
        addresses: [{{nic_0_dns}}]
""",
        },
        {
            # Other files about this card would have a say, too.
            "type": "command",
            "value": (
                'cd /etc/netplan && for f in *.yaml; do [ "$f" = 60-zoneweaver.yaml ] || '
                '! grep -qiE \'{{nic_0_mac}}|^ *{{link}}:\' "$f" || mv "$f" "$f.zw-saved"; done'
            ),
            "as_root": True,
        },
        {
            "type": "command",
            "value": (
                "cd /etc/netplan && { netplan generate || { rm -f 60-zoneweaver.yaml; for f in *.zw-saved; do "
                '[ ! -f "$f" ] || mv "$f" "${f%.zw-saved}"; done; false; }; }'
            ),
            "as_root": True,
            "timeout": 60,
        },
        {"type": "command", "value": "netplan apply", "as_root": True, "timeout": 120},
        {
            "type": "command",
            "value": (
                "n=xxxxxxxxxxxxxxxxxxxx; until ip -o addr show dev {{link}} | grep -F ' {{nic_0_ip}}/' || "
                '[ -z "$n" ]; do n=${n%x}; sleep 1; done'
            ),
            "match": "{{nic_0_ip}}/{{nic_0_prefix}}",
            "timeout": 90,
        },
    ],
}

_LINUX_IFCONFIG: Final = {
    "name": "linux-ifconfig",
    "description": "Linux with /etc/network/interfaces: a static address for the card with the zone's MAC",
    "os_family": "linux",
    "boot_string": "login:",
    "variables": _PREFIX,
    "steps": [
        _FIND_LINK,
        {
            # A stanza of this card in the main file would contradict ours: the file is set aside.
            "type": "command",
            "value": (
                "cd /etc/network && mkdir -p interfaces.d && { ! grep -qE '^ *iface +{{link}} ' interfaces || "
                "{ cp interfaces interfaces.zw-saved && printf 'auto lo\\niface lo inet loopback\\n' >interfaces; }; } "
                "&& { grep -q interfaces.d interfaces || echo 'source /etc/network/interfaces.d/*' >>interfaces; }"
            ),
            "as_root": True,
        },
        {
            "type": "template",
            "dest": "/etc/network/interfaces.d/{{link}}",
            "as_root": True,
            "content": """\
# Written by zoneweaver's recipe linux-ifconfig.
auto {{link}}
iface {{link}} inet static
  address {{nic_0_ip}}
  netmask {{nic_0_netmask}}
  gateway {{nic_0_gateway}}
  dns-nameservers {{nic_0_dns_spaced}}
""",
        },
        {
            # Without resolvconf nobody reads the last line of the file.
            "type": "command",
            "value": (
                "command -v resolvconf >/dev/null || { for s in {{nic_0_dns_spaced}}; do "
                'echo "nameserver $s"; done; } >/etc/resolv.conf'
            ),
            "as_root": True,
        },
        {"type": "command", "value": "ifdown {{link}}", "as_root": True, "check_exit_code": False, "timeout": 60},
        {"type": "command", "value": "ifup {{link}}", "as_root": True, "timeout": 120},
        {"type": "command", "value": "ifconfig {{link}}", "match": "/inet (?:addr:)?{{nic_0_ip}} /"},
    ],
}

_OMNIOS_DLADM: Final = {
    "name": "omnios-dladm",
    "description": "OmniOS and other illumos: a static address, a default route and name servers that stay",
    "os_family": "solaris",
    "is_default": True,
    "boot_string": "console login:",
    "variables": _PREFIX,
    "steps": [
        {
            "type": "command",
            "value": "dladm show-phys -m -o LINK,ADDRESS | awk '$2 == \"{{nic_0_mac_short}}\" {print $1}'",
            "as_root": True,
            "store": "link",
        },
        {
            "type": "command",
            "value": ("for a in $(ipadm show-addr -p -o ADDROBJ | grep '^{{link}}/'); do ipadm delete-addr $a; done"),
            "as_root": True,
        },
        {
            "type": "command",
            "value": "ipadm create-addr -T static -a {{nic_0_ip}}/{{nic_0_prefix}} {{link}}/v4",
            "as_root": True,
        },
        {
            "type": "command",
            "value": (
                "for g in $(netstat -rn -f inet | awk '$1 == \"default\" {print $2}'); do "
                "route -p delete default $g; done; route -p add default {{nic_0_gateway}}"
            ),
            "as_root": True,
        },
        {
            "type": "command",
            "value": (
                '{ for s in {{nic_0_dns_spaced}}; do echo "nameserver $s"; done; } >/etc/resolv.conf && '
                "sed 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf >/etc/nsswitch.zw && "
                "cat /etc/nsswitch.zw >/etc/nsswitch.conf && rm /etc/nsswitch.zw"
            ),
            "as_root": True,
        },
        {
            "type": "command",
            "value": (
                "n=xxxxxxxxxxxxxxxxxxxx; until ipadm show-addr -p -o STATE,ADDR {{link}}/v4 | grep '^ok:' || "
                '[ -z "$n" ]; do n=${n%x}; sleep 1; done'
            ),
            "match": "ok:{{nic_0_ip}}/{{nic_0_prefix}}",
            "timeout": 90,
        },
    ],
}

_WINDOWS_SAC: Final = {
    "name": "windows-sac",
    "description": "Windows Server behind its special administration console: a static address and a name server",
    "os_family": "windows",
    "is_default": True,
    "boot_string": "SAC>",
    "login_prompt": "Username:",
    "timeout_seconds": 600,
    "variables": _PREFIX,
    "steps": [
        {
            "type": "command",
            "value": "getmac /v /fo csv /nh",
            "match": '/"([^"]+)","[^"]*","{{nic_0_mac_dashed}}"/i',
            "store": "link",
            "timeout": 60,
        },
        {
            "type": "command",
            "value": (
                'netsh interface ip set address name="{{link}}" static {{nic_0_ip}} {{nic_0_netmask}} {{nic_0_gateway}}'
            ),
            "timeout": 60,
        },
        {
            "type": "command",
            "value": 'netsh interface ip set dns name="{{link}}" static {{nic_0_dns_first}}',
            "timeout": 60,
        },
        {"type": "delay", "seconds": 5},
        {"type": "command", "value": "ipconfig", "match": ": {{nic_0_ip}}"},
    ],
}

_CLOUD_INIT_WAIT: Final = {
    "name": "cloud-init-wait",
    "description": (
        "Cloud images: wait until cloud-init has finished, or ask a guest that has, where a password is known"
    ),
    "os_family": "linux",
    "timeout_seconds": 900,
    "steps": [
        {
            "type": "wait",
            "pattern": "/cloud-init.* finished at/i",
            "fail_pattern": "/cloud-init.* failed:|failed to start cloud-/i",
            "or_command": "cloud-init status --wait; [ $? -ne 1 ]",
            "timeout": 600,
        },
    ],
}


def recipe_id(name: str) -> str:
    """Return the id of one of the agent's own recipes: the same everywhere."""
    return str(uuid.uuid5(_NAMESPACE, name))


def _kept(body: Any) -> KeptRecipe:
    recipe = Recipe.from_json(body)
    return KeptRecipe(id=recipe_id(recipe.name), recipe=recipe, built_in=True)


BUILT_IN: Final[Mapping[str, KeptRecipe]] = {
    kept.id: kept
    for kept in map(_kept, (_CLOUD_INIT_WAIT, _DEBIAN_NETPLAN, _LINUX_IFCONFIG, _OMNIOS_DLADM, _WINDOWS_SAC))
}
"""By id."""
