"""What host this is."""

import os
from pathlib import Path

from zoneweaver.host import release
from zoneweaver.host.run import Host


def test_an_omnios_host_is_recognised(tmp_path: Path) -> None:
    """The release is the one of /etc/release, the name the one of /etc/nodename."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/release").write_text("  OmniOS v11 r151054l\n  Copyright (c) 2012-2025 OmniOS\n")
    (tmp_path / "etc/nodename").write_text("bhyve-1\n")
    facts = release.read(Host(root=tmp_path, scratch=tmp_path))
    assert (facts.hostname, facts.name, facts.release) == ("bhyve-1", "OmniOS", "r151054l")


def test_any_other_host_is_what_its_kernel_says(tmp_path: Path) -> None:
    """Without those files the kernel is asked."""
    facts = release.read(Host(root=tmp_path, scratch=tmp_path))
    assert (facts.hostname, facts.name, facts.release) == (os.uname().nodename, os.uname().sysname, os.uname().release)
