"""Addresses have one spelling inside, and mistyped ones are noticed."""

from __future__ import annotations

import pytest

from ztdx_spot.addresses import checked_address, checksum_address, lower_case_address
from ztdx_spot.errors import AddressError, ChecksumError

# The examples of EIP-55.
CHECKSUMMED = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("address", CHECKSUMMED)
def test_a_right_checksum_and_uniform_case_are_accepted(address: str) -> None:
    assert checksum_address(address.lower()) == address
    for spelling in (address, address.lower(), "0x" + address[2:].upper(), address.upper()):
        assert checked_address(spelling) == address.lower()


@pytest.mark.parametrize("address", CHECKSUMMED[2:])
def test_a_wrong_checksum_is_refused(address: str) -> None:
    with pytest.raises(ChecksumError):
        checked_address("0x" + address[2:].swapcase())


@pytest.mark.parametrize(
    "text",
    ["", "0x", "0x" + "a" * 39, "0x" + "a" * 41, "a" * 42, "0x" + "g" * 40, "0x" + "\u0661" * 40],
)
def test_anything_else_is_no_address(text: str) -> None:
    for read in (checked_address, lower_case_address):
        with pytest.raises(AddressError, match="expected 0x and 40 hex digits"):
            read(text)
