"""What receiving does with good messages, duplicates and outages: over HTTP, on a real database."""

import asyncio
import logging
import time
from dataclasses import replace

from as4.compression import gzip_compress
from as4.signal import check_receipt
from gateway.exchange.inbound import printable
from gateway.exchange.served import SECONDS_MAX
from gateway.store.messages import InboundRow
from tests.support.attacks import paid
from tests.support.messages import (
    DOCUMENT_TYPE,
    INVOICE,
    PROCESS,
    a_business_envelope,
    a_ping,
    a_sealed_message,
    a_user_message,
    swap,
)
from tests.support.pki import RECEIVER
from tests.support.reception import LIMITS, FixedClock, a_receiver, serve_participant
from ubl.identifiers import DocumentTypeId, ParticipantId

COMPRESSION = '<eb:Property name="CompressionType">application/gzip</eb:Property>'
OTHER_INVOICE = INVOICE.replace(b"<ID>1</ID>", b"<ID>2</ID>")


def a_message(message_id="1@blue.example", *, document=INVOICE, instance="instance-1", **changes):
    payload = gzip_compress(a_business_envelope(document, instance_identifier=instance))
    return a_sealed_message(a_user_message(message_id=message_id, **changes), payload=payload)


async def test_a_message_is_stored_as_it_came_when_its_receipt_arrives(database, tmp_path):
    sealed = a_message()
    async with a_receiver(database, tmp_path) as receiver:
        answer = await receiver.post(sealed)
        [row] = await receiver.rows("SELECT * FROM messages")
    assert answer.headers["Content-Type"] == "application/soap+xml; charset=UTF-8"
    assert row["wire"] == sealed.body
    assert row["receipt"] == answer.body
    assert (row["sending_ap"], row["receiving_ap"]) == ("PBE000001", RECEIVER)
    check_receipt(answer.signal, sealed.references, message_id=sealed.message_id, to_party=RECEIVER)


async def test_a_chunked_message_is_a_message(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(a_message(), chunked=True)).verdict == "receipt"


async def test_an_uncompressed_payload_is_accepted(database, tmp_path):
    sealed = a_sealed_message(payload=a_business_envelope(), messaging=swap(COMPRESSION, ""))
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(sealed)).verdict == "receipt"
        await receiver.deliver()
        assert await statuses(receiver) == ["delivered"]


async def test_a_payload_over_the_bound_is_refused_compressed_or_not(database, tmp_path):
    envelope = a_business_envelope(INVOICE.replace(b"</ID>", b"1" * 9000 + b"</ID>"))
    plain = a_sealed_message(payload=envelope, messaging=swap(COMPRESSION, ""))
    packed = a_sealed_message(payload=gzip_compress(envelope))
    async with a_receiver(
        database, tmp_path, limits=replace(LIMITS, envelope_bytes_max=9000)
    ) as receiver:
        assert (await receiver.post(plain)).verdict == "EBMS:0303"
        assert (await receiver.post(packed)).verdict == "EBMS:0303"
        assert await receiver.count() == (0, 0)


async def test_a_duplicate_gets_a_receipt_for_its_own_references_and_is_not_stored(
    database, tmp_path
):
    """[EBBPSIG §4] [PEPPOL-AS4 §2.6]"""
    first = a_message()
    again = a_sealed_message(
        a_user_message(message_id="1@blue.example"), payload=first.payload, nonce="f" * 32
    )
    assert first.references != again.references
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(first)).verdict == "receipt"
        answer = await receiver.post(again)
        assert await receiver.count() == (1, 1)
    check_receipt(answer.signal, again.references, message_id=again.message_id, to_party=RECEIVER)


async def test_two_copies_in_flight_are_stored_once_and_both_acknowledged(database, tmp_path):
    sealed = a_message()
    async with a_receiver(database, tmp_path) as receiver:
        async with asyncio.TaskGroup() as group:
            posts = [group.create_task(receiver.post(sealed)) for _ in range(6)]
        assert {post.result().verdict for post in posts} == {"receipt"}
        assert await receiver.count() == (1, 1)


async def test_another_attachment_under_a_known_message_id_is_refused(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(a_message())
        answer = await receiver.post(a_message(document=OTHER_INVOICE, instance="instance-2"))
        assert answer.verdict == "EBMS:0004"
        assert answer.signal.ref_to_message_id == "1@blue.example"
        assert await receiver.count() == (1, 1)


async def test_the_same_message_id_of_another_access_point_is_another_message(database, tmp_path):
    theirs = a_sealed_message(
        a_user_message(message_id="1@blue.example", from_party="PBE000003"), signer="third"
    )
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(a_message())).verdict == "receipt"
        assert (await receiver.post(theirs)).verdict == "receipt"
        assert await receiver.count() == (2, 2)


async def test_a_refused_message_is_not_remembered(database, tmp_path):
    payload = gzip_compress(a_business_envelope(country_c1="BE"))
    spoiled = a_sealed_message(payload=payload.replace(payload[-4:], b"\0\0\0\0"))
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(spoiled)).verdict == "EBMS:0303"
        assert (await receiver.post(a_sealed_message())).verdict == "receipt"


async def test_the_same_document_under_a_new_message_id_is_acknowledged_only(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(a_message("1@blue.example"))
        answer = await receiver.post(a_message("2@blue.example"))
        assert answer.verdict == "receipt"
        assert answer.signal.ref_to_message_id == "2@blue.example"
        messages, documents = await receiver.count()
        assert (messages, documents) == (2, 1)


async def test_a_repeated_documents_message_id_is_known_from_then_on(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(a_message("1@blue.example"))
        await receiver.post(a_message("2@blue.example"))
        assert (await receiver.post(a_message("2@blue.example"))).verdict == "receipt"
        other = a_message("2@blue.example", document=OTHER_INVOICE, instance="instance-2")
        assert (await receiver.post(other)).verdict == "EBMS:0004"


async def test_another_document_in_a_known_envelope_is_delivered_and_flagged(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(a_message("1@blue.example"))
        answer = await receiver.post(a_message("2@blue.example", document=OTHER_INVOICE))
        assert answer.verdict == "receipt"
        assert await receiver.count() == (2, 2)
        async with receiver.db.transaction(receiver.dossier_id) as tx:
            rows = await tx.connection.fetch("SELECT flags FROM documents")
        assert sorted(row["flags"] for row in rows) == [[], ["instance-reused"]]
        again = await receiver.post(a_message("3@blue.example", document=OTHER_INVOICE))
        assert again.verdict == "receipt"
        assert await receiver.count() == (3, 2)


async def test_copies_of_one_document_in_flight_under_new_message_ids_are_delivered_once(
    database, tmp_path
):
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(a_message("0@blue.example"))
        async with asyncio.TaskGroup() as group:
            posts = [
                group.create_task(
                    receiver.post(a_message(f"{number}@blue.example", document=OTHER_INVOICE))
                )
                for number in range(1, 5)
            ]
        assert {post.result().verdict for post in posts} == {"receipt"}
        _, documents = await receiver.count()
        assert documents == 2


async def test_a_ping_is_acknowledged_and_leaves_nothing(database, tmp_path):
    service = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/service"
    with_payload = a_sealed_message(
        a_user_message(action=service.replace("/service", "/test")),
        payload=gzip_compress(b"whatever"),
        messaging=lambda text: text.replace(
            f'<eb:Service type="cenbii-procid-ubl">{PROCESS.value}<', f"<eb:Service>{service}<"
        ),
    )
    async with a_receiver(database, tmp_path) as receiver:
        for sealed in (a_ping(), with_payload):
            answer = await receiver.post(sealed)
            assert answer.verdict == "receipt"
            check_receipt(
                answer.signal, sealed.references, message_id=sealed.message_id, to_party=RECEIVER
            )
        assert await receiver.count() == (0, 0)
        assert receiver.files() == []


async def test_a_ping_for_another_access_point_is_refused(database, tmp_path):
    async with a_receiver(database, tmp_path, seat_id="PBE000009") as receiver:
        assert (await receiver.post(a_ping())).verdict == "EBMS:0004"


async def test_whom_we_serve_is_compared_without_case_and_by_wildcard(database, tmp_path):
    """[PEPPOL-ID §5]"""
    participant = ParticipantId.parse("iso6523-actorid-upis::9915:ABC123")
    base = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice"
    published = DocumentTypeId.parse(
        f"peppol-doctype-wildcard::{base}##urn:peppol:pint:billing-1*::2.1"
    )
    concrete = DocumentTypeId.parse(
        f"peppol-doctype-wildcard::{base}##urn:peppol:pint:billing-1@jp-1::2.1"
    )
    receiver_id = ParticipantId.parse("iso6523-actorid-upis::9915:abc123")
    payload = gzip_compress(a_business_envelope(receiver=receiver_id, document_type=concrete))
    sealed = a_sealed_message(
        a_user_message(action=concrete.uri, final_recipient=receiver_id), payload=payload
    )
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(sealed)).verdict == "EBMS:0004 PEPPOL:NOT_SERVICED"
        await serve_participant(database, participant=participant, services=[(published, PROCESS)])
        assert (await receiver.post(sealed)).verdict == "receipt"


async def test_a_participant_registered_just_now_receives_at_once(database, tmp_path):
    """[PEPPOL-AS4 §2.7]"""
    participant = ParticipantId.parse("iso6523-actorid-upis::0208:0428759497")
    payload = gzip_compress(a_business_envelope(receiver=participant))
    sealed = a_sealed_message(a_user_message(final_recipient=participant), payload=payload)
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(sealed)).verdict == "EBMS:0004 PEPPOL:NOT_SERVICED"
        await serve_participant(
            database, participant=participant, services=[(DOCUMENT_TYPE, PROCESS)]
        )
        assert (await receiver.post(sealed)).verdict == "receipt"


async def test_a_document_type_added_just_now_is_received_at_once(database, tmp_path):
    other = DocumentTypeId.parse(DOCUMENT_TYPE.uri.replace("billing:3.0", "billing:9.9"))
    payload = gzip_compress(a_business_envelope(document_type=other, instance_identifier="i-2"))
    sealed = a_sealed_message(
        a_user_message(action=other.uri, message_id="2@blue.example"), payload=payload
    )
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(a_message())).verdict == "receipt"
        assert (await receiver.post(sealed)).verdict == "EBMS:0004 PEPPOL:NOT_SERVICED"
        await serve_participant(database, services=[(DOCUMENT_TYPE, PROCESS), (other, PROCESS)])
        assert (await receiver.post(sealed)).verdict == "receipt"


async def test_a_participant_that_was_removed_stops_receiving_after_seconds(
    database, tmp_path, monkeypatch
):
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(a_message())).verdict == "receipt"
        await serve_participant(database, services=[])
        monkeypatch.setattr(receiver.clock, "monotonic", lambda: time.monotonic() + SECONDS_MAX)
        again = a_message("2@blue.example", instance="i-2")
        assert (await receiver.post(again)).verdict == "EBMS:0004 PEPPOL:NOT_SERVICED"


async def test_wrong_check_digits_in_a_message_are_no_obstacle(database, tmp_path):
    sender = ParticipantId.parse("iso6523-actorid-upis::0208:0000000001")
    payload = gzip_compress(a_business_envelope(sender=sender))
    sealed = a_sealed_message(a_user_message(original_sender=sender), payload=payload)
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(sealed)).verdict == "receipt"


async def test_a_certificate_without_key_usage_is_accepted_and_flagged(database, tmp_path):
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(a_sealed_message(signer="no-key-usage"))).verdict == "receipt"
        async with receiver.db.transaction(receiver.dossier_id) as tx:
            flags = await tx.connection.fetchval("SELECT flags FROM documents")
    assert flags == ["certificate-warning"]


async def test_without_storage_there_is_503_and_no_receipt_and_then_it_works_again(
    database, tmp_path
):
    async with a_receiver(database, tmp_path) as receiver:
        assert (await receiver.post(a_message("1@blue.example"))).verdict == "receipt"
        await alter(database, "RENAME TO messages_away")
        answer = await receiver.post(a_message("2@blue.example", instance="instance-2"))
        assert answer.verdict == "503"
        assert int(answer.headers["Retry-After"]) > 0
        assert b"Envelope" not in answer.body
        await alter(database, "RENAME TO messages", table="messages_away")
        assert (
            await receiver.post(a_message("2@blue.example", instance="instance-2"))
        ).verdict == ("receipt")
        assert await receiver.count() == (2, 2)


async def test_one_line_is_logged_for_each_message(database, tmp_path, caplog):
    caplog.set_level(logging.INFO, "gateway.exchange.inbound")
    async with a_receiver(database, tmp_path) as receiver:
        await receiver.post(a_message())
        await receiver.post(a_message(to_party="PBE000009"))
    first, second = caplog.records
    assert (first.message_id, first.sending_ap) == ("1@blue.example", "PBE000001")
    assert first.verdict == "stored"
    assert second.verdict == "EBMS:0004"
    assert "PBE000009" in second.why
    assert first.ms >= 0
    text = repr([vars(record) for record in caplog.records])
    assert "0208:" not in text
    assert "<Invoice" not in text


async def test_the_log_names_the_broken_rule_and_quotes_nothing_of_the_envelope(
    database, tmp_path, caplog
):
    caplog.set_level(logging.INFO, "gateway.exchange.inbound")
    envelope = gzip_compress(a_business_envelope().replace(b">BE<", b">Confidential<"))
    async with a_receiver(database, tmp_path) as receiver:
        answer = await receiver.post(paid(envelope)())
    assert answer.verdict == "EBMS:0004"
    [record] = caplog.records
    assert record.why == "bad-country"
    assert "Confidential" not in repr(vars(record))


async def test_the_log_tells_failed_decryptions_apart_and_the_answer_does_not(
    database, tmp_path, caplog
):
    caplog.set_level(logging.INFO, "gateway.exchange.inbound")
    broken = [
        a_sealed_message(attachment=lambda data: data[:-1] + bytes([data[-1] ^ 1])),
        a_sealed_message(
            attachment=lambda _: b"too short",
        ),
    ]
    async with a_receiver(database, tmp_path) as receiver:
        bodies = [(await receiver.post(sealed)).signal.errors for sealed in broken]
    assert bodies[0] == bodies[1]
    assert all(record.verdict == "EBMS:0102" for record in caplog.records)
    reasons = {record.why for record in caplog.records}
    assert len(reasons) == 2


def test_a_peers_text_cannot_start_a_line_of_the_log():
    assert "\n" not in printable('x\n{"level": "info"}')
    assert len(printable("é" * 10_000)) <= 10_000
    assert printable("1@blue.example") == "1@blue.example"


def test_a_row_does_not_show_its_contents():
    fields = InboundRow.__dataclass_fields__
    assert not any(fields[name].repr for name in ("wire", "content_key", "receipt"))


async def test_the_timestamp_may_be_an_hour_ahead_and_as_old_as_the_memory(database, tmp_path):
    clock = FixedClock()
    limit = clock.instant
    async with a_receiver(database, tmp_path, clock=clock) as receiver:
        memory = receiver.inbound.limits.duplicate_memory
        assert memory.days >= 90
        for number, (moved, verdict) in enumerate(
            [
                (3599, "receipt"),
                (3601, "EBMS:0003"),
                (-memory.total_seconds() + 1, "receipt"),
                (-memory.total_seconds() - 1, "EBMS:0003"),
            ]
        ):
            timestamp = type(limit).fromtimestamp(limit.timestamp() + moved, limit.tzinfo)
            sealed = a_message(
                f"{number}@blue.example", instance=f"i-{number}", timestamp=timestamp
            )
            assert (await receiver.post(sealed)).verdict == verdict, moved


async def statuses(receiver):
    rows = await receiver.rows("SELECT status FROM documents ORDER BY id")
    return [row["status"] for row in rows]


async def alter(database, change, table="messages"):
    """Change *table* as the owner of the database."""
    import asyncpg

    connection = await asyncpg.connect(database.dsn)
    try:
        await connection.execute(f"ALTER TABLE {table} {change}")
    finally:
        await connection.close()
