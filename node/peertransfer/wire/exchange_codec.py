"""The codec of the exchange protocol in one place: decoder and encoders.

It holds nothing of its own. Spec: docs/protocol.md.
"""

from __future__ import annotations

from peertransfer.wire.exchange_decoder import decode_frame
from peertransfer.wire.exchange_encoder import (
    encode_blocks,
    encode_catalogue,
    encode_grant,
    encode_have,
    encode_hello,
    encode_manifest_blocks,
    encode_openings,
    encode_refusal,
    encode_request,
    encode_want,
)

__all__ = [
    "decode_frame",
    "encode_blocks",
    "encode_catalogue",
    "encode_grant",
    "encode_have",
    "encode_hello",
    "encode_manifest_blocks",
    "encode_openings",
    "encode_refusal",
    "encode_request",
    "encode_want",
]
