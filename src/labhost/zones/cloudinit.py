"""The cloud-init files of a zone, made anew at each boot: `ROOT/cloud-init/` and the disk `ROOT/cloud-init.iso`."""

from __future__ import annotations

import os

from labhost.zones.bhyve import FALSE, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World
    from labhost.zones.document import Config


def text_of(world: World, value: str) -> str:
    """Return an attribute that is either the text itself or the path of a file with it."""
    if value.startswith("/"):
        try:
            with open(world.host(value), encoding="utf-8", errors="surrogateescape") as file:
                return file.read().rstrip("\n")
        except OSError:
            return value
    return value


def _scalar(text: str) -> str:
    """Return a YAML scalar for any text."""
    from labhost.jsontext import dumps

    return dumps(text)


def padded(mac: str) -> str:
    """Return a MAC with two digits in each part, as guests write it."""
    return ":".join(part.zfill(2) for part in mac.lower().split(":"))


def meta_data(config: Config, instance: str) -> str:
    """Return the meta-data: the zone's uuid and name."""
    return f"instance-id: {instance}\nlocal-hostname: {config.get('name')}\n"


def user_data(world: World, config: Config) -> str:
    """Return the user-data: the file the attribute names, or one made of password and sshkey."""
    given = config.attr("cloud-init")
    if given.startswith("/"):
        with open(world.host(given), encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    lines = ["#cloud-config", f"hostname: {config.get('name')}", "disable_root: false"]
    password, key = config.attr("password"), config.attr("sshkey")
    if password:
        lines += [f"password: {_scalar(text_of(world, password))}", "chpasswd:", "  expire: false", "ssh_pwauth: true"]
    if key:
        text = _scalar(text_of(world, key))
        lines += ["ssh_authorized_keys:", f"- {text}"]
        lines += ["users:", "- default", "- name: root", "  ssh_authorized_keys:", f"  - {text}"]
    return "\n".join(lines) + "\n"


def network_config(world: World, config: Config) -> str:
    """Return the network-config (version 2); empty unless some net has an allowed-address."""
    nets = [net for net in config.of("net") if net.get("allowed-address")]
    if not nets:
        return ""
    found = world.read("links").get("links", {})
    lines = ["version: 2", "ethernets:"]
    first = True
    for net in nets:
        name = net.get("physical")
        if name not in found:
            continue
        lines += [f"  {name}:", "    match:", f"      macaddress: {_scalar(padded(found[name].get('mac', '')))}"]
        lines += [f"    set-name: {name}", "    addresses:", f"    - {net.get('allowed-address')}"]
        if net.get("defrouter"):
            lines += ["    routes:", "    - to: 0.0.0.0/0", f"      via: {net.get('defrouter')}"]
        if first:
            domain, resolvers = config.attr("dns-domain"), config.attr("resolvers")
            if domain or resolvers:
                lines.append("    nameservers:")
            if domain:
                lines += ["      search:", f"      - {domain}"]
            if resolvers:
                lines += ["      addresses:", *(f"      - {each.strip()}" for each in resolvers.split(","))]
        first = False
    return "\n".join(lines) + "\n"


def build(world: World, config: Config, zone_path: str) -> None:
    """Make the files of a zone that is about to boot; takes away those of an earlier boot."""
    folder = world.host(f"{zone_path}/root/cloud-init")
    image = f"{folder}.iso"
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            os.unlink(f"{folder}/{name}")
        os.rmdir(folder)
    if os.path.exists(image):
        os.unlink(image)
    wanted = config.attr("cloud-init", "off") or "off"
    if wanted.lower() in FALSE or wanted.startswith("http"):
        return
    files = {
        "meta-data": meta_data(config, identity(world, config, zone_path)),
        "user-data": user_data(world, config),
        "network-config": network_config(world, config),
    }
    os.makedirs(folder, exist_ok=True)
    contents = {}
    for name, text in files.items():
        if text:
            contents[name] = text.encode("utf-8", "surrogateescape")
            with open(f"{folder}/{name}", "wb") as file:
                file.write(contents[name])
    from labhost.zones.iso import image as make

    with open(image, "wb") as file:
        file.write(make("CIDATA", contents))
