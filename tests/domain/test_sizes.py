"""Sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.sizes import LARGEST, Size


@pytest.mark.parametrize(
    ("text", "size"),
    [("512M", 512 * 2**20), ("30G", 30 * 2**30), ("1.5T", 3 * 2**39), ("8192", 8192), (8192, 8192), ("1k", 1024)],
)
def test_the_spellings_of_zfs_are_read(text, size):
    """A number with a suffix is that many powers of 1024."""
    assert Size.parse(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "1X", "G", "1e3", "٣G", "9" * 19 + "E", True, None, 1.5, "1 2", "0G"])
def test_what_is_no_size_is_refused_with_the_field(text):
    """Anything else is refused, and the refusal names the field."""
    with pytest.raises(Invalid) as caught:
        Size.parse(text, field="boot_volume.size")
    assert caught.value.field == "boot_volume.size"
    assert "boot_volume.size" in caught.value.message


@given(st.integers(1, LARGEST))
def test_writing_and_reading_give_the_same_size(number):
    """The text of a size is exact."""
    assert Size.parse(str(Size(number))) == number


@given(st.integers(1, LARGEST // 2), st.sampled_from([512, 8192, 131072]))
def test_rounding_up_reaches_the_next_block(number, block):
    """A volume is at least as large as asked, by less than one block."""
    rounded = Size(number).rounded_up(block)
    assert rounded % block == 0
    assert 0 <= rounded - number < block
