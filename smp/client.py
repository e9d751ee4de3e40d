"""The look-up on the network: DNS over UDP and TCP, HTTP, and a memory of what was found.

The dialogue itself is `smp.lookup`; here its questions are answered.  The resolver and the getter
are arguments, so that whoever owns the sockets decides where they may go.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, Self

import aiohttp
import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver
from yarl import URL

from as4.certificates import Certificate
from smp.address import AddressRules
from smp.cache import Cache
from smp.dnsanswer import ALIASES_MAX, Alias, read_answer
from smp.endpoint import Endpoint, choose_endpoint
from smp.errors import BadSmpAddress, SmpError, SmpUnavailable, UntrustedSigner
from smp.lookup import Answer, DnsQuery, HttpAnswer, Network, Published, find_metadata
from smp.signature import CheckSigner, require_trusted
from smp.sml import Naptr
from ubl.identifiers import DocumentTypeId, ParticipantId, ProcessId

# LIMIT: an answer with every process and endpoint of a large publisher is some 100 KB.
ANSWER_BYTES_MAX: Final = 512 << 10
# LIMIT: what the memory of look-ups may hold, by number and by bytes of signed answers.
ENTRIES_MAX: Final = 5000
MEMORY_BYTES_MAX: Final = 32 << 20
# LIMIT: the size that passes every network unfragmented.
_UDP_BYTES_MAX: Final = 1232
_CHUNK_BYTES: Final = 16 << 10

CheckRevocation = Callable[[Certificate, datetime], Awaitable[None]]
"""Given a signer and now: return if it is not revoked, else raise UntrustedSigner or, when nobody
can tell, SmpUnavailable."""


class Resolver(Protocol):
    """Answers the one DNS question of a look-up."""

    async def naptr(self, name: str) -> Sequence[Naptr]:
        """Return the records of *name*, none when it does not exist; raises SmpUnavailable."""
        ...


class HttpGetter(Protocol):
    """Fetches one address of an SMP."""

    async def get(self, url: str) -> HttpAnswer:
        """Return the answer whatever its status, redirects unfollowed; raises SmpUnavailable.

        *url* is percent-encoded already and must be sent as it stands.
        """
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """An endpoint to send to, and the proof: the signed answer and everyone who signed."""

    endpoint: Endpoint
    signed_metadata: bytes
    smp_url: str
    signers: tuple[Certificate, ...]

    @property
    def signer(self) -> Certificate:
        """Who signed the answer that names the endpoint."""
        return self.signers[-1]


@dataclass(frozen=True, slots=True)
class _Outcome:
    result: Published | SmpError
    at: datetime


class SmpClient:
    """Finds endpoints; remembers what it found for *found_seconds*, refusals *absent_seconds*."""

    def __init__(  # noqa: PLR0913 - each is one decision of the composition root
        self,
        resolver: Resolver,
        getter: HttpGetter,
        *,
        zone: str,
        check_signer: CheckSigner,
        rules: AddressRules,
        check_revocation: CheckRevocation | None = None,
        found_seconds: float = 900,
        absent_seconds: float = 60,
    ) -> None:
        self._resolver = resolver
        self._getter = getter
        self._network = Network(zone=zone, rules=rules, check_signer=check_signer)
        self._check_revocation = check_revocation
        self._found_seconds = found_seconds
        self._absent_seconds = absent_seconds
        self._cache: Cache[_Key, _Outcome] = Cache(
            entries_max=ENTRIES_MAX, weight_max=MEMORY_BYTES_MAX
        )
        self._flights: dict[_Key, asyncio.Future[_Outcome | None]] = {}

    async def lookup(
        self,
        receiver: ParticipantId,
        document_type: DocumentTypeId,
        process: ProcessId,
        *,
        now: datetime,
        refresh: bool = False,
    ) -> Found:
        """Return where *receiver* takes *document_type* in *process* at *now*.

        *refresh* asks the network even when the answer is remembered, as after NOT_SERVICED.
        Raises the `SmpError` that names why there is no endpoint.
        """
        key = (receiver, document_type)
        outcome = None if refresh else self._recall(key, now)
        if outcome is not None:
            try:
                return self._choose(outcome, process, now)
            except SmpError:
                # A refusal is only remembered for a short while, whatever it was read from.
                if now < outcome.at + timedelta(seconds=self._absent_seconds):
                    raise
        return self._choose(await self._ask_once(key, now), process, now)

    def _recall(self, key: "_Key", now: datetime) -> _Outcome | None:
        """Return the remembered outcome if its signers are still good at *now*."""
        outcome = self._cache.find(key, now=now)
        if outcome is None or isinstance(outcome.result, SmpError):
            return outcome
        try:
            for signer in outcome.result.signers:
                require_trusted(signer.der, self._network.check_signer, now)
        except UntrustedSigner:
            self._cache.forget(key)
            return None
        return outcome

    def _choose(self, outcome: _Outcome, process: ProcessId, now: datetime) -> Found:
        result = outcome.result
        if isinstance(result, SmpError):
            # Anew each time: an exception that is raised again and again keeps every traceback.
            raise type(result)(result.detail)
        endpoint = choose_endpoint(result.metadata, process, rules=self._network.rules, now=now)
        return Found(endpoint, result.signed_metadata, result.smp_url, result.signers)

    async def _ask_once(self, key: "_Key", now: datetime) -> _Outcome:
        """Ask the network, or wait for whoever is asking the same already."""
        while (flight := self._flights.get(key)) is not None:
            # Shielded: one caller that gives up must not take the answer from the others.
            shared = await asyncio.shield(flight)
            if shared is not None:
                return shared
        flight = asyncio.get_running_loop().create_future()
        self._flights[key] = flight
        outcome = None
        try:
            outcome = await self._ask(key, now)
        finally:
            # Without an outcome (the caller was cancelled) the next in line asks.
            del self._flights[key]
            flight.set_result(outcome)
        return outcome

    async def _ask(self, key: "_Key", now: datetime) -> _Outcome:
        try:
            published = await self._converse(*key, now)
            if self._check_revocation is not None:
                for signer in published.signers:
                    await self._check_revocation(signer, now)
        except SmpError as exc:
            outcome = _Outcome(exc.with_traceback(None), now)
            if exc.permanent:
                self._cache.keep(key, outcome, now=now, seconds=self._absent_seconds)
            else:
                self._cache.forget(key)
            return outcome
        outcome = _Outcome(published, now)
        weight = len(published.signed_metadata)
        self._cache.keep(key, outcome, now=now, seconds=self._found_seconds, weight=weight)
        return outcome

    async def _converse(
        self, receiver: ParticipantId, document_type: DocumentTypeId, now: datetime
    ) -> Published:
        dialogue = find_metadata(receiver, document_type, self._network, now=now)
        question = next(dialogue)
        while True:
            answer: Answer
            if isinstance(question, DnsQuery):
                answer = await self._resolver.naptr(question.name)
            else:
                answer = await self._getter.get(question.url)
            try:
                question = dialogue.send(answer)
            except StopIteration as stop:
                published: Published = stop.value
                return published


_Key = tuple[ParticipantId, DocumentTypeId]


class SessionGetter:
    """Fetches over *session*, which must undo content codings by itself."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        timeout_seconds: float = 10,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> None:
        if not session.auto_decompress:
            raise ValueError("the session must undo gzip")
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._answer_bytes_max = answer_bytes_max

    async def get(self, url: str) -> HttpAnswer:
        """Return the answer at *url*; see `HttpGetter.get`."""
        try:
            # Without `encoded`, yarl decodes %3A and sends a colon.
            target = URL(url, encoded=True)
        except ValueError as exc:
            raise BadSmpAddress(f"{url}: {exc}") from exc
        try:
            async with self._session.get(
                target,
                allow_redirects=False,
                headers={"Accept": "application/xml, text/xml", "Accept-Encoding": "gzip"},
                timeout=self._timeout,
            ) as response:
                return HttpAnswer(response.status, await self._read(response))
        except TimeoutError as exc:
            raise SmpUnavailable(f"the SMP does not answer in time: {url}") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise SmpUnavailable(f"the SMP cannot be reached at {url}: {exc}") from exc

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > self._answer_bytes_max:
                limit = self._answer_bytes_max
                raise SmpUnavailable(f"the SMP's answer is over {limit} bytes: {response.url}")
        return bytes(body)


class DnsResolver:
    """Asks each of *nameservers* (address and port) in turn, all of them twice."""

    ROUNDS: Final = 2

    def __init__(self, nameservers: Sequence[tuple[str, int]], *, timeout_seconds: float) -> None:
        if not nameservers:
            raise ValueError("no name server to ask")
        self._nameservers = tuple(nameservers)
        self._timeout_seconds = timeout_seconds

    @classmethod
    def of_machine(cls, *, timeout_seconds: float, file: str = "/etc/resolv.conf") -> Self:
        """Ask the resolvers that this machine is configured with, in *file*.

        Raises `dns.resolver.NoResolverConfiguration` when there are none.
        """
        configured = dns.resolver.Resolver(filename=file)
        servers = [(str(host), configured.port) for host in configured.nameservers]
        return cls(servers, timeout_seconds=timeout_seconds)

    async def naptr(self, name: str) -> Sequence[Naptr]:
        """Return the NAPTR records of *name* or of what it is another name for."""
        asked = dns.name.from_text(name)
        for _ in range(ALIASES_MAX):
            answer = await self._ask(asked)
            if not isinstance(answer, Alias):
                return answer
            asked = answer.target
        raise SmpUnavailable(f"too many aliases behind {name}")

    async def _ask(self, name: dns.name.Name) -> tuple[Naptr, ...] | Alias:
        failures = []
        for host, port in self._nameservers * self.ROUNDS:
            try:
                return read_answer(await self._exchange(name, host, port), name)
            except SmpUnavailable as exc:
                failures.append(f"{host}: {exc}")
            except (dns.exception.DNSException, OSError, EOFError) as exc:
                failures.append(f"{host}: {type(exc).__name__} {exc}")
        raise SmpUnavailable(f"no DNS answer for {name}: {'; '.join(failures)}")

    async def _exchange(self, name: dns.name.Name, host: str, port: int) -> dns.message.Message:
        query = dns.message.make_query(
            name, dns.rdatatype.NAPTR, use_edns=0, payload=_UDP_BYTES_MAX
        )
        # Stray and mismatched datagrams are passed over: anybody can send those.
        response, _ = await dns.asyncquery.udp_with_fallback(
            query,
            host,
            timeout=self._timeout_seconds,
            port=port,
            ignore_unexpected=True,
            ignore_errors=True,
        )
        return response
