"""Refusal codes and errors are one table, read in both directions."""

import pytest

from peertransfer.errors import RefusedError, SourceError, StoreError
from peertransfer.wire.codes import RefusalCode, code_of_error, code_of_number, error_of_code
from peertransfer.wire.v1 import exchange_pb2


@pytest.mark.parametrize("code", RefusalCode)
def test_a_code_becomes_an_error_and_the_same_code_again(code):
    error = error_of_code(code, peer="12D3peer")
    assert code_of_error(error) is code
    assert error.peer == "12D3peer"
    assert error.exit_code == 5


def test_every_code_has_an_error_of_its_own():
    assert len({type(error_of_code(code)) for code in RefusalCode}) == len(RefusalCode)


def test_a_file_that_changed_under_us_is_told_as_changed():
    assert code_of_error(SourceError("it changed")) is RefusalCode.CHANGED


def test_an_error_without_a_code_is_told_as_a_plain_refusal():
    assert code_of_error(StoreError("disk")) is RefusalCode.REFUSED


def test_a_number_from_the_future_is_a_plain_refusal():
    assert code_of_number(4) is RefusalCode.UNSUPPORTED
    assert code_of_number(99) is RefusalCode.REFUSED
    assert type(error_of_code(code_of_number(99))) is RefusedError


def test_codes_are_those_of_the_proto():
    declared = {name: number for name, number in exchange_pb2.RefusalCode.items() if number}
    assert declared == {f"REFUSAL_CODE_{code.name}": code.value for code in RefusalCode}
