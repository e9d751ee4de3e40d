"""`docs/CLIENT.md` as a programmer follows it: its examples run here as they stand."""

import asyncio
import re
import textwrap
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.sandbox.hooks import HookReceiver, serve_hooks
from gateway.sandbox.integration import invoice_form
from gateway.sandbox.network import run_network
from tests.support.peer import an_invoice

pytestmark = pytest.mark.system

PAGE = Path(__file__).resolve().parents[2] / "docs/CLIENT.md"
BLOCKS = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(names):
    """The examples of the page as one function, which returns its variables."""
    source = "\n".join(BLOCKS.findall(PAGE.read_text()))
    head = f"async def follow({', '.join(names)}):\n"
    space = {}
    exec(head + textwrap.indent(source + "\nreturn locals()\n", "    "), space)
    return space["follow"]


async def test_the_examples_of_the_page_do_what_it_says(tmp_path, capsys):
    hooks, stored = HookReceiver(), []
    async with (
        run_network(tmp_path / "net", now=datetime.now(UTC)) as network,
        serve_hooks(hooks) as address,
        network.red.client() as red,
        AsyncExitStack() as stack,
    ):
        await network_sends_one_to_blue(network, red)
        invoice = an_invoice(number="PAGE-1")
        given = {
            "asyncio": asyncio,
            "datetime": datetime,
            "UTC": UTC,
            "stack": stack,
            "url": network.blue.api_url,
            "key": network.blue.api_key(),
            "invoice": invoice,
            "broken": invoice.replace(b"PAGE-1", b""),
            "hook_url": address,
            "store": lambda *what: stored.append(what),
        }
        found = await examples(given)(**given)
        await hooks.wait_for(1)
        (told,) = hooks.received
        assert found["is_genuine"](told.headers, told.body)
        assert not found["is_genuine"](told.headers, told.body + b" ")
        assert told.message.type == "webhook.test"
        assert [number for _, number, _ in stored] == ["TO-BLUE"]
        assert not (await found["client"].inbox()).documents
    said = capsys.readouterr().out
    assert "delivered" in said
    assert "BR-02" in said


async def network_sends_one_to_blue(network, red):
    """Wait until an invoice of red's is in blue's inbox."""
    for corner in (network.blue, network.red):
        await network.register(corner, corner.role.participant)
    sent = await red.send_document(
        invoice_form(
            "TO-BLUE",
            network.blue.role.participant.value,
            seller=network.red.role.participant.value,
            name=network.red.role.company,
        )
    )
    await red.wait_for(sent.id)
    async with network.blue.client() as blue:
        async with asyncio.timeout(60):
            while not (await blue.inbox()).documents:  # noqa: ASYNC110 - another process delivers
                await asyncio.sleep(0.1)
