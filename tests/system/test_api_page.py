"""`docs/API.md` as a software house follows it: its calls are made here as they stand.

A request is an `http` block, its answer the `json` block behind it: `…` stands for anything,
`$name` for what is kept for later. What says `until` is asked again until its answer is there.
"""

import asyncio
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from gateway.exchange.rehearsal import RECIPIENTS
from gateway.sandbox.hooks import HookReceiver, serve_hooks
from gateway.sandbox.integration import COMPANY, invoice_form
from gateway.sandbox.network import run_network

pytestmark = pytest.mark.system

PAGE = Path(__file__).resolve().parents[2] / "docs/API.md"
SECONDS_MAX = 60
BLOCK = re.compile(
    r"^```(http|json) ?([^\n]*)\n(.*?)^```$|^<!-- (here .*?) -->$", re.MULTILINE | re.DOTALL
)
ANYTHING = "…"


def calls():
    """Yield each request with its kind, status and answer (None: whatever it is); or a remark."""
    found = [match.groups() for match in BLOCK.finditer(PAGE.read_text())]
    for number, (language, words, body, remark) in enumerate(found):
        if remark:
            yield remark, None, None, None
        elif language == "http":
            following = found[number + 1] if number + 1 < len(found) else (None,)
            answer = following if following[0] == "json" else None
            yield body, words, int(answer[1]) if answer else 200, answer and json.loads(answer[2])


@dataclass
class Reader:
    """Who follows the page: the gateway's address and key, and what answers gave."""

    url: str
    known: dict = field(default_factory=dict)

    def fill(self, text):
        return re.sub(r"\$([a-z_]+)", lambda found: self.known[found[1]], text)

    async def ask(self, request):
        head, _, body = self.fill(request).partition("\n\n")
        first, *lines = head.strip().splitlines()
        method, path = first.split()
        headers = {"Authorization": f"Bearer {self.known['first_key']}"}
        headers |= dict(line.split(": ", 1) for line in lines)
        if body:
            headers["Content-Type"] = "application/json"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, headers=headers, data=body or None) as answer,
        ):
            raw = await answer.read()
            return answer.status, json.loads(raw) if "json" in answer.content_type else raw

    def fits(self, wanted, found):
        """Whether *found* has all that is *wanted*; what `$names` stand for is kept."""
        if wanted == ANYTHING:
            return found is not None
        if isinstance(wanted, dict):
            return isinstance(found, dict) and all(
                name in found and self.fits(value, found[name]) for name, value in wanted.items()
            )
        if isinstance(wanted, list):
            if ANYTHING in wanted and isinstance(found, list):
                # The last ones are those that are written out.
                told = [each for each in wanted if each != ANYTHING]
                return len(found) >= len(wanted) and all(
                    map(self.fits, told, found[len(found) - len(told) :])
                )
            return (
                isinstance(found, list)
                and len(wanted) == len(found)
                and all(map(self.fits, wanted, found))
            )
        if isinstance(wanted, str) and wanted.startswith("$"):
            return self.known.setdefault(wanted[1:], found) == found
        return wanted == found

    async def follow(self, request, kind, status, wanted):
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                found_status, found = await self.ask(request)
                good = found_status == status and (wanted is None or self.fits(wanted, found))
                if good or kind != "until":
                    assert good, f"{request}\n{found_status} {found}"
                    return
                await asyncio.sleep(0.1)


async def test_the_calls_of_the_page_are_answered_as_it_says(tmp_path):
    hooks = HookReceiver()
    async with (
        run_network(tmp_path / "net", now=datetime.now(UTC)) as network,
        serve_hooks(hooks) as address,
        network.red.client() as red,
    ):
        reader = Reader(network.blue.api_url)
        reader.known |= {"first_key": network.blue.api_key(), "hooks": address}
        network.locator.register(COMPANY, network.blue.smp_url)
        made = 0
        for request, kind, status, wanted in calls():
            if request == f"here red sends an invoice to {COMPANY.value}":
                who = network.red.role
                form = invoice_form(
                    "R-17", COMPANY.value, seller=who.participant.value, name=who.company
                )
                await red.send_document(form)
                continue
            assert not request.startswith("here ")
            await reader.follow(request, kind, status, wanted)
            hooks.secret = reader.known.get("secret", "")
            made += 1
        assert made >= 14
        async with asyncio.timeout(SECONDS_MAX):
            while not any(each.message.type == "webhook.test" for each in hooks.genuine):
                await hooks.wait_for(len(hooks.received) + 1)


def test_the_page_lists_each_recipient_for_tests():
    listed = re.findall(r"^\| `(0208:0077[0-9]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert listed == list(RECIPIENTS)
