"""What one message costs in memory, without HTTP and database, beside the floor of the same run.

`inbound(sbd)` and `outbound(sbd)` return {"floor_ms", "cpu_ms", "ratio"}: medians of CPU time over
batches in which the floor and the work alternate.
"""

import gc
import statistics
import time
from collections.abc import Callable

from as4 import pack
from as4.compression import gzip_compress, inflate
from as4.receipt import build_receipt
from as4.signal import Receipt, check_receipt, read_signal
from as4.unpack import MessageReader, check_addressee, check_business_header
from tests.bench import floor
from tests.support.messages import (
    CONTENT_KEY,
    IV,
    NONCE,
    RANDOM_KEY,
    a_business_envelope,
    a_user_message,
    check_signer,
    find_key,
    key_pair,
)
from tests.support.pki import NOW, RECEIVER, leaf
from ubl.sbdh import read_envelope

BATCHES = 11
BATCH_SECONDS = 0.15
_UBL = "urn:oasis:names:specification:ubl:schema:xsd"
_START = f"""<Invoice xmlns="{_UBL}:Invoice-2" xmlns:cac="{_UBL}:CommonAggregateComponents-2"
 xmlns:cbc="{_UBL}:CommonBasicComponents-2"><cbc:ID>1</cbc:ID>""".encode()
_LINE = """<cac:InvoiceLine>
  <cbc:ID>{0}</cbc:ID>
  <cbc:Note>Ordered under frame contract, line {0}</cbc:Note>
  <cbc:InvoicedQuantity unitCode="C62">{1}</cbc:InvoicedQuantity>
  <cbc:LineExtensionAmount currencyID="EUR">{2}.00</cbc:LineExtensionAmount>
  <cac:Item>
    <cbc:Description>Description of item {3} as ordered</cbc:Description>
    <cbc:Name>Item {2}</cbc:Name>
    <cac:SellersItemIdentification><cbc:ID>SI-{3}</cbc:ID></cac:SellersItemIdentification>
    <cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>21.0</cbc:Percent>
      <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory>
  </cac:Item>
  <cac:Price><cbc:PriceAmount currencyID="EUR">{1}.00</cbc:PriceAmount></cac:Price>
</cac:InvoiceLine>
"""


def an_envelope_of(size: int) -> bytes:
    """Return a business envelope of about *size* bytes, made of invoice lines."""
    pieces = [_START]
    length, number = len(_START), 0
    while length < size - 1800:
        number += 1
        odd = number * 104729 % 99991
        line = _LINE.format(number, odd % 17, odd, odd * 7 % 10007).encode()
        pieces.append(line)
        length += len(line)
    return a_business_envelope(b"".join(pieces) + b"</Invoice>")


def inbound(sbd: bytes, *, batches: int = BATCHES) -> dict[str, float]:
    """Measure: wire bytes in, verified, decrypted, inflated, compared, receipt signed."""
    return measure(inbound_work(sbd), floor.inbound(sbd), batches=batches)


def inbound_work(sbd: bytes) -> Callable[[], None]:
    """Return the work of receiving one message that carries *sbd*."""
    checked = {leaf("sender").certificate_der: check_signer(leaf("sender").certificate_der)}
    receiver = key_pair("receiver")
    sealed = _seal(gzip_compress(sbd))

    def work() -> None:
        reader = MessageReader(sealed.content_type, keep=True)
        reader.feed(sealed.body)
        reader.open_envelope(anchors_check=lambda der, _now: checked[der], now=NOW)
        reader.open_attachment(find_key, RANDOM_KEY)
        received = reader.close()
        assert received.payload is not None
        header = read_envelope(inflate(received.payload), whole=False).header
        assert header is not None
        check_addressee(received.user_message, (RECEIVER,))
        check_business_header(received.user_message, header)
        build_receipt(received, message_id="r@red.example", now=NOW, signer=receiver, nonce=NONCE)

    return work


def outbound(sbd: bytes, *, batches: int = BATCHES) -> dict[str, float]:
    """Measure: gzip, sign, encrypt, and the check of the receipt that comes back."""
    sealed = _seal(gzip_compress(sbd))
    receiver = key_pair("receiver")
    reader = MessageReader(sealed.content_type, keep=True)
    reader.feed(sealed.body)
    opened = reader.open_envelope(anchors_check=check_signer, now=NOW)
    soap = build_receipt(opened, message_id="r@red.example", now=NOW, signer=receiver, nonce=NONCE)
    checked = {receiver.certificate.der: receiver.certificate}

    def work() -> None:
        made = _seal(gzip_compress(sbd))
        receipt = read_signal(soap, check_signer=lambda der, _now: checked[der], now=NOW)
        assert isinstance(receipt, Receipt)
        check_receipt(receipt, made.references, message_id=made.message_id, to_party=RECEIVER)

    return measure(work, floor.outbound(sbd), batches=batches)


def measure(
    work: Callable[[], None],
    bare: Callable[[], None],
    *,
    batches: int = BATCHES,
    batch_seconds: float = BATCH_SECONDS,
) -> dict[str, float]:
    """Return the medians of *work* and of *bare*, in CPU milliseconds, and their ratio.

    The ratio is the median of the ratios of neighbouring batches: a busy machine disturbs both.
    """
    work(), bare()
    rows = []
    gc.collect()
    gc.freeze()  # as the gateway does once it is ready
    for _ in range(batches):
        bare_ms = _batch(bare, batch_seconds)
        rows.append((bare_ms, _batch(work, batch_seconds)))
    return {
        "floor_ms": round(statistics.median(row[0] for row in rows), 3),
        "cpu_ms": round(statistics.median(row[1] for row in rows), 3),
        "ratio": round(statistics.median(row[1] / row[0] for row in rows), 2),
    }


def _batch(work: Callable[[], None], seconds: float) -> float:
    start, count = time.process_time(), 0
    while (spent := time.process_time() - start) < seconds:
        for _ in range(10):
            work()
        count += 10
    return spent / count * 1000


def _seal(payload_gz: bytes) -> pack.SealedMessage:
    return pack.seal(
        a_user_message(),
        payload_gz,
        signer=key_pair("sender"),
        recipient=_recipient(),
        content_key=CONTENT_KEY,
        iv=IV,
        nonce=NONCE,
    )


def _recipient():
    return key_pair("receiver").certificate


if __name__ == "__main__":
    for size in (8_000, 100_000):
        sbd = an_envelope_of(size)
        print(f"{size:7d} inbound  {inbound(sbd)}", flush=True)
        print(f"{size:7d} outbound {outbound(sbd)}", flush=True)
