import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from smp.metadata import group_path, metadata_path
from smp.server import routes, split_path
from tests.support.metadata import PARTICIPANT, PINT_ANY, PINT_JP
from ubl.errors import BadIdentifier
from ubl.identifiers import INVOICE, DocumentTypeId, ParticipantId

SLASHED = DocumentTypeId("busdox-docid-qns", "urn:a/b::C##d/e%2Ff::2.1")


class Shelf:
    """A publisher with a fixed stock."""

    def __init__(self, *document_types):
        self.stock = {d: d.uri.encode() for d in document_types}

    async def find_group(self, participant):
        return b"<group/>" if participant == PARTICIPANT else None

    async def find_metadata(self, participant, document_type):
        return self.stock.get(document_type) if participant == PARTICIPANT else None


@pytest.fixture
async def client():
    app = web.Application()
    app.add_routes(routes(Shelf(INVOICE, PINT_ANY, SLASHED), prefix="/smp"))
    async with TestClient(TestServer(app)) as client:
        yield client


async def get(client, path, method="GET"):
    async with client.request(method, URL(path, encoded=True)) as response:
        return response.status, await response.read(), response.headers


async def test_group_is_served_as_it_stands(client):
    status, body, headers = await get(client, "/smp" + group_path(PARTICIPANT))
    assert (status, body) == (200, b"<group/>")
    assert headers["Content-Type"] == "text/xml; charset=utf-8"


@pytest.mark.parametrize("document_type", [INVOICE, PINT_ANY, SLASHED])
async def test_metadata_is_found_by_its_encoded_path(client, document_type):
    status, body, headers = await get(client, "/smp" + metadata_path(PARTICIPANT, document_type))
    assert (status, body) == (200, document_type.uri.encode())
    assert headers["Content-Type"] == "text/xml; charset=utf-8"


async def test_colons_and_star_may_stand_unescaped(client):
    path = metadata_path(PARTICIPANT, PINT_ANY)
    for escape, spelling in (("%3A", ":"), ("%3A", "%3a"), ("%2A", "*"), ("b", "%62")):
        assert (await get(client, "/smp" + path.replace(escape, spelling)))[0] == 200


async def test_participant_compares_without_case():
    app = web.Application()
    seen = []

    class Upper(Shelf):
        async def find_group(self, participant):
            seen.append(participant)
            return b""

    app.add_routes(routes(Upper()))
    async with TestClient(TestServer(app)) as client:
        await get(client, "/iso6523-actorid-upis%3A%3A0088%3AABC")
    assert seen == [ParticipantId.parse("0088:abc")]


async def test_document_type_compares_with_case(client):
    path = metadata_path(PARTICIPANT, INVOICE).replace("Invoice", "invoice")
    assert (await get(client, "/smp" + path))[0] == 404


async def test_star_is_literal(client):
    assert (await get(client, "/smp" + metadata_path(PARTICIPANT, PINT_JP)))[0] == 404


async def test_path_is_decoded_only_once(client):
    """[RFC3986 §2.4]"""
    path = metadata_path(PARTICIPANT, INVOICE).replace("%", "%25")
    assert (await get(client, "/smp" + path))[0] in (400, 404)
    twice = metadata_path(PARTICIPANT, SLASHED).replace("%252F", "%2F")
    assert (await get(client, "/smp" + twice))[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        group_path(ParticipantId.parse("0208:0000000097")),
        metadata_path(ParticipantId.parse("0208:0000000097"), INVOICE),
        metadata_path(PARTICIPANT, DocumentTypeId("busdox-docid-qns", "urn:x::Y##z::1")),
        "/",
        group_path(PARTICIPANT) + "/",
        group_path(PARTICIPANT) + "/services",
        group_path(PARTICIPANT) + "/other/" + "x%3A%3Ay",
        metadata_path(PARTICIPANT, INVOICE) + "/more",
        "/complete" + group_path(PARTICIPANT),
    ],
)
async def test_what_is_not_published_is_404(client, path):
    status, _, headers = await get(client, "/smp" + path)
    assert status == (400 if path == "/" else 404)
    assert headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    "path",
    [
        "/nonsense",
        "/0208%3A0987654394",
        "/other%3A%3A0208%3A1",
        "/iso6523-actorid-upis%3A%3A",
        "/iso6523-actorid-upis%3A%3A0208%3Aa%20b",
        "/iso6523-actorid-upis%3A%3A0208%3A%FF",
        "/iso6523-actorid-upis%3A%3A0208%3A%zz",
        "/iso6523-actorid-upis%3A%3A0208%3A" + "1" * 5000,
        group_path(PARTICIPANT) + "/services/noscheme",
        group_path(PARTICIPANT) + "/services/a%3A%3A%0A",
        "/nonsense/services/busdox-docid-qns%3A%3Aurn%3Ax",
    ],
)
async def test_malformed_identifier_is_400(client, path):
    assert (await get(client, "/smp" + path))[0] == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_405(client, method):
    status, _, headers = await get(client, "/smp" + group_path(PARTICIPANT), method)
    assert (status, headers["Allow"]) == (405, "GET,HEAD")


async def test_head_has_the_headers_of_get_and_no_body(client):
    path = "/smp" + metadata_path(PARTICIPANT, INVOICE)
    _, body, _ = await get(client, path)
    status, nothing, headers = await get(client, path, "HEAD")
    assert (status, nothing, headers["Content-Length"]) == (200, b"", str(len(body)))
    assert headers["Content-Type"] == "text/xml; charset=utf-8"


async def test_query_is_ignored(client):
    assert (await get(client, "/smp" + group_path(PARTICIPANT) + "?x=/y"))[0] == 200


async def test_nothing_outside_the_prefix_is_answered(client):
    assert (await get(client, group_path(PARTICIPANT)))[0] == 404


def test_segments_are_cut_before_they_are_decoded():
    assert split_path("/a%2Fb/services/c%23d%252Fe") == ["a/b", "services", "c#d%2Fe"]


@pytest.mark.parametrize("path", ["/a%", "/a%2", "/a%g0", "/" + "a" * 5000])
def test_path_that_cannot_be_decoded_is_an_error(path):
    with pytest.raises(BadIdentifier):
        split_path(path)
