"""What one message costs in memory, without HTTP and database, beside the floor of the same run.

The floor and the work alternate in short batches, and the kinds of work in rounds, so that each is
measured all through the run.  What else a machine does only ever adds to both, and not alike; so
what counts is the quietest tenth of the pairs of batches, and the ratio of the medians stands
beside it.
"""

import itertools
import statistics
from collections.abc import Callable

from as4 import pack, unpack
from as4.compression import gzip_compress, inflate
from as4.receipt import build_receipt
from as4.signal import Receipt, check_receipt, read_signal
from as4.unpack import MessageReader, check_addressee, check_business_header
from gateway.app import settle_memory
from tests.bench import floor
from tests.bench.process import batch_ms
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

ROUNDS = 12
PAIRS = 25
BATCH_SECONDS = 0.015
QUIET = 0.1
DISTINCT = 300
"""More than any memory of values that were seen before holds."""

Work = Callable[[], None]
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


def inbound_work(sbd: bytes) -> Work:
    """Return the work of receiving one message that carries *sbd*, each time another one."""
    checked = {leaf("sender").certificate_der: check_signer(leaf("sender").certificate_der)}
    receiver = key_pair("receiver")
    messages = itertools.cycle([_seal(number, gzip_compress(sbd)) for number in range(DISTINCT)])

    def work() -> None:
        sealed = next(messages)
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


def stranger_work(sbd: bytes) -> Work:
    """Return the work of receiving a message as no peer has written one before.

    All messages of a peer are of one shape, so this is the cost of its first one alone.
    """
    work, familiars = inbound_work(sbd), unpack._FAMILIARS

    def work_anew() -> None:
        familiars._known, familiars._missed = (), 1
        work()

    return work_anew


def outbound_work(sbd: bytes) -> Work:
    """Return the work of sealing *sbd* (gzip, sign, encrypt) and checking its receipt."""
    receiver = key_pair("receiver")
    checked = {receiver.certificate.der: receiver.certificate}
    receipts = itertools.cycle([_receipt(number, sbd) for number in range(DISTINCT)])
    numbers = itertools.cycle(range(DISTINCT))

    def work() -> None:
        made = _seal(next(numbers), gzip_compress(sbd))
        soap = next(receipts)
        receipt = read_signal(soap, check_signer=lambda der, _now: checked[der], now=NOW)
        assert isinstance(receipt, Receipt)
        check_receipt(receipt, made.references, message_id=made.message_id, to_party=RECEIVER)

    return work


def _receipt(number: int, sbd: bytes) -> bytes:
    """Return the receipt for the message of this *number*."""
    sealed = _seal(number, gzip_compress(sbd))
    reader = MessageReader(sealed.content_type, keep=True)
    reader.feed(sealed.body)
    opened = reader.open_envelope(anchors_check=check_signer, now=NOW)
    return build_receipt(
        opened,
        message_id=f"r-{number}@red.example",
        now=NOW,
        signer=key_pair("receiver"),
        nonce=f"{number:032x}",
    )


def measure(sizes: dict[str, int], rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Return {"inbound_memory_*", "outbound_*": {"floor_ms", "cpu_ms", "ratio", "ratio_median"}}.

    "inbound_first_*" is the first message of a peer that writes as nobody did before.

    *sizes* are those of the business envelopes, in bytes, by label.
    """
    kinds: dict[str, tuple[Work, Work]] = {}
    for label, size in sizes.items():
        sbd = an_envelope_of(size)
        kinds[f"inbound_memory_{label}"] = floor.inbound(sbd), inbound_work(sbd)
        kinds[f"inbound_first_{label}"] = floor.inbound(sbd), stranger_work(sbd)
        kinds[f"outbound_{label}"] = floor.outbound(sbd), outbound_work(sbd)
    for bare, work in kinds.values():
        bare(), work()
    settle_memory()  # as the gateway does once it is ready
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, (bare, work) in kinds.items():
            pairs[name] += [
                (batch_ms(bare, BATCH_SECONDS), batch_ms(work, BATCH_SECONDS)) for _ in range(PAIRS)
            ]
    return {name: _sum_up(found) for name, found in pairs.items()}


def _sum_up(pairs: list[tuple[float, float]]) -> dict[str, float]:
    calm = sorted(pairs, key=sum)[: max(1, int(len(pairs) * QUIET))]
    bare_ms, work_ms = (statistics.median(column) for column in zip(*calm, strict=True))
    floors, works = zip(*pairs, strict=True)
    return {
        "floor_ms": round(bare_ms, 3),
        "cpu_ms": round(work_ms, 3),
        "ratio": round(work_ms / bare_ms, 2),
        "ratio_median": round(statistics.median(works) / statistics.median(floors), 2),
    }


def _seal(number: int, payload_gz: bytes) -> pack.SealedMessage:
    """Return a message with *payload_gz*, of which only its *number* has such identifiers."""
    return pack.seal(
        a_user_message(message_id=f"0c4a1d4e-{number:04x}-4000-8000-000000000001@blue.example"),
        payload_gz,
        signer=key_pair("sender"),
        recipient=_recipient(),
        content_key=CONTENT_KEY,
        iv=IV,
        nonce=f"{number:032x}",
    )


def _recipient():
    return key_pair("receiver").certificate
