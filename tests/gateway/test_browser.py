"""The page of the API in a real browser: a call is tried, and nothing else is asked for."""

import json

import pytest

from tests.support.api import SENDER
from tests.support.browser import CHROMIUM, a_tab

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
TOLD = "document.querySelector('#{} [data-told]').textContent"


@pytest.fixture
async def tab(tmp_path):
    async with a_tab(tmp_path / "profile") as opened:
        yield opened


async def send(tab, operation):
    """Send what the form of *operation* says; return the status and what is shown of the body."""
    await tab.run(f"document.querySelector('#{operation} form').requestSubmit()")
    await tab.until(f"/^[0-9]+ .* bytes$/.test({TOLD.format(operation)})")
    status = (await tab.run(TOLD.format(operation))).split()[0]
    return int(status), await tab.run(
        f"document.querySelector('#{operation} [data-text]').textContent"
    )


async def fill(tab, selector, text):
    await tab.run(
        f"(() => {{ const field = document.querySelector({json.dumps(selector)});"
        f"field.value = {json.dumps(text)};"
        "field.dispatchEvent(new Event('input', {bubbles: true}));"
        "field.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


async def test_a_call_is_tried_with_a_key_that_stays_in_the_tab(api, client, tab):
    await client.register_participant(SENDER)
    await tab.open(f"{api.url}/docs")
    status, body = await send(tab, "list_participants")
    assert (status, json.loads(body)["code"]) == (401, "no-api-key")
    await fill(tab, "#key", api.key)
    status, body = await send(tab, "list_participants")
    assert (status, json.loads(body)["participants"][0]["participant"]) == (200, SENDER)
    stored = await tab.run("JSON.stringify([localStorage.length, document.cookie, location.href])")
    assert json.loads(stored) == [0, "", f"{api.url}/docs"]
    for media, number in (("application/xml", "2026-002"), ("application/json", "2026-001")):
        await fill(tab, "#submit_document-media", media)
        status, body = await send(tab, "submit_document")
        assert (status, json.loads(body)["number"]) == (202, number)


async def test_the_line_for_curl_says_the_same_and_shows_no_key(api, tab):
    await tab.open(f"{api.url}/docs")
    await fill(tab, "#key", api.key)
    await fill(tab, "#dossier", str(api.dossier))
    await fill(tab, "#create_dossier [data-body]", '{"name": "L\'Oiseau", "country": "BE"}')
    await fill(tab, "#show_document [data-name=id]", "a/b")
    line = await tab.run("document.querySelector('#create_dossier [data-curl]').textContent")
    assert "-X POST" in line
    assert '-H "Authorization: Bearer $GATEWAY_API_KEY"' in line
    assert '--data-binary \'{"name": "L\'\\\'\'Oiseau", "country": "BE"}\'' in line
    line = await tab.run("document.querySelector('#show_document [data-curl]').textContent")
    assert f"'{api.url}/v1/documents/a%2Fb'" in line
    assert f"dossier: {api.dossier}" in line
    assert api.key not in await tab.run("document.documentElement.outerHTML")


async def test_the_page_asks_for_nothing_from_elsewhere_and_breaks_no_policy(api, tab):
    await tab.open(f"{api.url}/docs#submit_document")
    assert await tab.run("document.getElementById('submit_document').open")
    assert {url.removeprefix(api.url) for url in tab.asked()} == {
        "/docs#submit_document", "/docs", "/docs/style.css", "/docs/try.js",
    } - {"/docs#submit_document"}  # fmt: skip
    assert tab.complaints() == []


async def test_it_fits_a_phone_and_is_used_without_a_mouse(api, tab):
    await tab.open(f"{api.url}/docs", width=390, height=844)
    await tab.run("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert await tab.run("document.documentElement.scrollWidth") <= 390
    await tab.run("document.querySelectorAll('details').forEach((each) => { each.open = false })")
    await tab.run("document.querySelector('#show_alive > summary').focus()")
    await tab.press("Enter", 13)
    assert await tab.run("document.getElementById('show_alive').open")
    await tab.run("document.querySelector('#show_alive button').focus()")
    await tab.press("Enter", 13)
    await tab.until(f"{TOLD.format('show_alive')}.startsWith('200')")
