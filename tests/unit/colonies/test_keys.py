"""Keys and signatures are those of the Go tools."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import CRYPTO

from pollinator_magic.colonies.keys import PrivateKey, recover_identity
from pollinator_magic.errors import InvalidKey

VALID = CRYPTO["valid"]
SECRET = "3834475e0a6b08594ad3476c641f31920bcef2536f4676baab63cee36b6f2faa"


def test_all_27_recorded_keys_are_tried():
    assert len(VALID) == 27


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector["private_key"][-8:])
def test_identities_and_signatures_are_those_of_the_go_tools(vector):
    key = PrivateKey.from_hex(vector["private_key"])
    signed = vector["go_signed"]

    assert key.identity == vector["id"] == signed["server_recovered_id"]
    assert key.sign(signed["message"]) == signed["signature"]
    assert key.sign(vector["coincurve_signed"]["message"]) == vector["coincurve_signed"]["signature"]
    assert recover_identity(signed["message"], signed["signature"]) == vector["id"]


@pytest.mark.parametrize("vector", CRYPTO["hash_vectors"], ids=lambda vector: repr(vector["text"]))
def test_the_hash_is_nist_sha3(vector):
    assert hashlib.sha3_256(vector["text"].encode()).hexdigest() == vector["sha3_256"]


@pytest.mark.parametrize("vector", CRYPTO["private_key_edge_cases"], ids=lambda vector: vector["case"])
def test_exactly_the_keys_that_the_go_tool_accepts_are_accepted(vector):
    if vector["accepted"]:
        assert PrivateKey.from_hex(vector["private_key"]).identity == vector["id"]
    else:
        with pytest.raises(InvalidKey):
            PrivateKey.from_hex(vector["private_key"])


@pytest.mark.parametrize("vector", CRYPTO["signature_edge_cases"], ids=lambda vector: vector["case"])
def test_exactly_the_signatures_that_the_server_accepts_recover_their_signer(vector):
    try:
        recovered = recover_identity(vector["message"], vector["signature"])
    except ValueError:
        recovered = None

    assert (recovered == vector["id"]) == (vector["http_status"] == 200)


def test_whitespace_around_a_key_is_not_part_of_it():
    assert PrivateKey.from_hex(f" {SECRET}\n") == PrivateKey.from_hex(SECRET.upper())


@given(st.text(max_size=63) | st.text(min_size=65, max_size=80, alphabet="0123456789abcdef"))
def test_text_that_is_no_key_is_refused_without_being_quoted(text):
    with pytest.raises(InvalidKey) as caught:
        PrivateKey.from_hex(text)

    assert len(text.strip()) < 12 or text.strip() not in str(caught.value)


@given(st.text(alphabet="0123456789abcdef", min_size=130, max_size=130), st.text(max_size=20))
def test_any_signature_recovers_some_identity_or_is_refused(signature, payload):
    with contextlib.suppress(ValueError):
        assert len(recover_identity(payload, signature)) == 64


def test_new_keys_are_different_and_can_be_kept():
    first, second = PrivateKey.generate(), PrivateKey.generate()

    assert first.identity != second.identity
    assert PrivateKey.from_hex(first.reveal()) == first


def test_a_key_does_not_leave_by_repr_pickle_copy_or_traceback():
    key = PrivateKey.from_hex(SECRET)

    assert SECRET not in repr(key)
    assert key.identity in repr(key)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(key)
    with pytest.raises(UnicodeEncodeError) as caught:
        key.sign("päyload")
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert key.identity in shown
    assert SECRET not in shown


def test_a_mistyped_key_is_not_quoted_in_the_error():
    with pytest.raises(InvalidKey, match="63 characters") as caught:
        PrivateKey.from_hex(SECRET[:-1])

    assert SECRET[:12] not in str(caught.value)
