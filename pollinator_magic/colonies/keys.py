"""Identities and signatures of ColonyOS (protocol.md, section 3).

A private key is 64 hex characters on secp256k1. Its identity is the SHA3-256 of the *hex text* of the uncompressed
public key; a signature covers the base64 text of an envelope's payload.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field

from coincurve import PrivateKey as _Secp256k1Key
from coincurve import PublicKey as _Secp256k1PublicKey

from pollinator_magic.errors import InvalidKey
from pollinator_magic.hidden import Hidden

_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")
_SIGNATURE = re.compile(r"[0-9a-fA-F]{130}")
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@dataclass(frozen=True)
class PrivateKey:
    """A user's, executor's or owner's key. Its repr shows the identity, never the key."""

    _key: _Secp256k1Key = field(repr=False, compare=False)
    identity: str
    """64 hex characters by which a colony knows this key."""

    @classmethod
    def from_hex(cls, text: str) -> PrivateKey:
        """Read a key of 64 hex characters; raise InvalidKey for anything else.

        The message never quotes the text: a mistyped key is still most of a key.
        """
        text = Hidden(text.strip())
        if not _HEX_KEY.fullmatch(text):
            raise InvalidKey(
                f"A private key is 64 hexadecimal characters; this text has {len(text)} characters"
                f"{'' if len(text) != 64 else ', not all of them hexadecimal'}. Check COLONIES_PRVKEY."
            )
        try:
            key = _Secp256k1Key(bytes.fromhex(text))
        except ValueError:
            raise InvalidKey("This private key is outside the range of secp256k1. Check COLONIES_PRVKEY.") from None
        return cls(key, _identity_of(key.public_key))

    @classmethod
    def generate(cls) -> PrivateKey:
        """Return a new random key."""
        return cls.from_hex(_Secp256k1Key(secrets.token_bytes(32)).to_hex())

    def sign(self, payload: str) -> str:
        """Sign `payload`; return r, s, v as 130 hex characters (low s, v is 0 or 1)."""
        digest = hashlib.sha3_256(payload.encode("ascii")).digest()
        return self._key.sign_recoverable(digest, hasher=None).hex()

    def reveal(self) -> str:
        """Return the 64 hex characters of the key, for a key file with mode 0600 and nothing else."""
        return self._key.to_hex()

    def __hash__(self) -> int:
        return hash(self.identity)

    def __reduce__(self) -> str:
        raise TypeError("A private key is not pickled.")


def recover_identity(payload: str, signature: str) -> str:
    """Return the identity that signed `payload`.

    A wrong but well-formed signature recovers some other identity. Raises ValueError for a malformed one, or one with
    s in the upper half of the order (which the server refuses as well, protocol.md section 3).
    """
    if not _SIGNATURE.fullmatch(signature):
        raise ValueError("Invalid signature length")
    raw = bytearray.fromhex(signature)
    if int.from_bytes(raw[32:64], "big") > _HALF_ORDER:
        raise ValueError("Invalid signature: s is in the upper half of the order")
    if raw[64] >= 4:
        raw[64] -= 4  # the server accepts v + 4 too
    digest = hashlib.sha3_256(payload.encode()).digest()
    try:
        public = _Secp256k1PublicKey.from_signature_and_message(bytes(raw), digest, hasher=None)
    except Exception as error:
        raise ValueError("Invalid signature") from error
    return _identity_of(public)


def _identity_of(public: _Secp256k1PublicKey) -> str:
    return hashlib.sha3_256(public.format(compressed=False).hex().encode("ascii")).hexdigest()
