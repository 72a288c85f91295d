"""What of a request is sealed before anything keeps it."""

from __future__ import annotations

import pytest

from zoneweaver.domain.secret import MASK, Secret, masked
from zoneweaver.services.zones import sealed


@pytest.mark.parametrize(
    "secret",
    [
        {"password": "s3cret"},
        {"passwd": "s3cret"},
        {"passphrase": "s3cret"},
        {"ansible_become_pass": "s3cret"},
        {"api_key": "s3cret"},
        {"secret": {"value": "s3cret", "list": ["s3cret"]}},
        {"Passwords": ["s3cret"]},
    ],
)
def test_whatever_is_called_a_secret_is_sealed_with_all_below_it(secret: dict[str, object]) -> None:
    """Provisioning is anybody's JSON: what its names call secret is not shown, however deep."""
    body = sealed({"provisioning": {"provisioners": [{"extra_vars": secret}]}})
    assert "s3cret" not in str(masked(body))
    assert MASK in str(masked(body))


def test_a_number_can_be_a_password() -> None:
    """It is kept as text, so that it can be sealed."""
    assert sealed({"provisioning": {"credentials": {"password": 12345}}}) == {
        "provisioning": {"credentials": {"password": Secret("12345")}}
    }


def test_what_is_no_secret_stays_as_it_is() -> None:
    """Names, paths and switches can be read again."""
    body = {"provisioning": {"credentials": {"username": "u", "ssh_key_path": "/k"}, "ssh_password_auth": True}}
    assert sealed(body) == body
