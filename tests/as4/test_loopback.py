"""What one side packs, the other side unpacks, receipts and believes."""

from as4.compression import inflate
from as4.receipt import build_receipt
from as4.signal import Receipt, check_receipt, read_signal
from tests.support.messages import (
    NONCE,
    NOW,
    RECEIVER,
    a_sealed_message,
    check_signer,
    key_pair,
    read,
)


def test_a_sealed_message_is_read_receipted_and_the_receipt_believed():
    sealed = a_sealed_message()
    received = read(sealed)
    assert received.payload == sealed.payload
    assert received.user_message.message_id == sealed.message_id
    assert inflate(received.payload)
    soap = build_receipt(
        received, message_id="r@red.example", now=NOW, signer=key_pair("receiver"), nonce=NONCE
    )
    receipt = read_signal(soap, check_signer=check_signer, now=NOW)
    assert isinstance(receipt, Receipt)
    assert receipt.authenticated
    check_receipt(receipt, sealed.references, message_id=sealed.message_id, to_party=RECEIVER)
