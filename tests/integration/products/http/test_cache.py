"""Readers and writers at once, on functions that cache in their own process."""

from tests.integration.products.http.caller import Caller
from tests.integration.products.http.load import Load, running


def test_nobody_reads_an_older_version_after_a_newer_one(seller: Caller) -> None:
    load = Load(seller)
    with running(load):
        load.go_on()
