"""Addresses that a webhook may be at: those of the public internet, and no others in whatever spelling."""

from __future__ import annotations

import pytest

from shared.rules.addresses import check_webhook_url, is_loopback, is_public

NOT_PUBLIC = {
    "private": ("10.0.0.1", "172.16.0.1", "192.168.1.1", "fd00::1"),
    "loopback": ("127.0.0.1", "127.255.255.254", "::1"),
    "link-local": ("169.254.169.254", "fe80::1", "fe80::1%eth0"),
    "CGNAT": ("100.64.0.1", "100.127.255.255"),
    "multicast": ("224.0.0.1", "239.1.1.1", "ff02::1", "ff0e::1"),
    "unspecified": ("0.0.0.0", "0.1.2.3", "::"),  # noqa: S104 - not bound to
    "broadcast and reserved": ("255.255.255.255", "240.0.0.1"),
    "documentation and tests": ("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1"),
    "platform": ("168.63.129.16",),
    "IPv4-mapped": ("::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:127.0.0.1"),
    "IPv4-compatible": ("::8.8.8.8", "::127.0.0.1"),
    "translated": ("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1"),
    "6to4": ("2002:7f00:1::", "2002:808:808::1"),
    "Teredo": ("2001:0:1:2:3:4:5:6",),
    "not an address": ("example.com", "", "1.2.3", "0x7f.1"),
}


@pytest.mark.parametrize(
    "address", [pytest.param(one, id=f"{kind} {one}") for kind in NOT_PUBLIC for one in NOT_PUBLIC[kind]]
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "20.50.2.1", "2606:4700:4700::1111", "2a01:111::1"])
def test_what_is_public_may_be_called(address: str) -> None:
    assert is_public(address)


def test_only_plain_loopback_is_loopback() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not any(is_loopback(one) for one in ("10.0.0.1", "localhost", "127.1", "8.8.8.8"))


@pytest.mark.parametrize(
    "url",
    ["https://app.example/sms", "https://app.example:8443/sms?a=b", "https://8.8.8.8/", "https://[2606:4700::1]/"],
)
def test_an_https_url_of_the_internet_is_taken(url: str) -> None:
    check_webhook_url(url, loopback=False)
    check_webhook_url(url, loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/", "ftp://app.example/", "https:///path", "app.example", "https://app.example:99999/",
        "https://user:canary@app.example/", "https://user@app.example/", "https://app.example/#part",
        "https://10.0.0.1/", "https://169.254.169.254/metadata", "https://[fe80::1]/", "https://[::ffff:8.8.8.8]/",
        "https://2130706434/", "https://0x7f000002/", "https://10.1/", "https://100.64.0.1./",
    ],
)  # fmt: skip
@pytest.mark.parametrize("loopback", [False, True])
def test_every_other_url_is_refused(url: str, loopback: bool) -> None:
    with pytest.raises(ValueError, match="it"):
        check_webhook_url(url, loopback=loopback)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:7072/", "https://[::1]/", "http://localhost:8080/sms", "https://localhost/"]
)
def test_this_machine_is_taken_only_where_that_is_allowed(url: str) -> None:
    check_webhook_url(url, loopback=True)
    with pytest.raises(ValueError, match="it"):
        check_webhook_url(url, loopback=False)
