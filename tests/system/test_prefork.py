"""Two processes on the same ports, on the whole network: both work, and one may die."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest

from gateway.sandbox.network import run_network
from gateway.sandbox.pki import issue_access_point, read_identity
from gateway.store.embedded import EmbeddedPostgres
from tests.support.corners import family_of, find_by_message
from tests.support.gateways import gateways_below, until
from tests.support.peer import Peer, an_invoice, post, tls_session

pytestmark = pytest.mark.system

CONNECTIONS = 24
"""Enough that the kernel gives each of two processes some: all go to one in 1 of 8 million."""


def workers(corner):
    """The processes that serve, below the one that supervises."""
    return {child.pid for child in gateways_below(corner.process.pid)}


def connections_of(pid, url):
    """How many connections to *url* the process *pid* holds."""
    port = urlsplit(url).port
    return sum(
        each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port
        for each in psutil.Process(pid).net_connections("tcp")
    )


async def a_session(stack, network, peer, number):
    """A connection of its own on which a message was receipted; it stays open."""
    session = await stack.enter_async_context(tls_session(network.pki.tls_ca, connections=1))
    await check_post(session, network, peer, number)
    return session


async def check_post(session, network, peer, number):
    sealed = peer.seal(number)
    peer.check(sealed.message, await post(session, network.red.as4_url, sealed.message))


async def ask(url):
    async with aiohttp.ClientSession() as session, session.get(f"{url}/health/ready") as answer:
        return answer.status


async def test_both_processes_work_and_one_that_is_killed_is_replaced(tmp_path):
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(
            run_network(tmp_path / "net", now=datetime.now(UTC), extra={"processes": 2})
        )
        red = network.red
        identity = await asyncio.to_thread(
            issue_access_point, network.pki, "PBE000003", now=datetime.now(UTC)
        )
        peer = Peer.of(network.pki, identity, read_identity(red.folder, "as4"))
        first = workers(red)
        assert len(first) == 2
        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS):
                group.create_task(a_session(stack, network, peer, f"PRE-{number}"))
        held = {pid: connections_of(pid, red.public_url) for pid in first}
        assert all(held.values()), held
        assert sum(held.values()) == CONNECTIONS

        victim = min(first)
        os.kill(victim, signal.SIGKILL)
        await check_it_goes_on(network)
        await until(lambda: len(workers(red) - {victim}) == 2)
        assert [await ask(red.api_url) for _ in range(CONNECTIONS)] == [200] * CONNECTIONS
        family = family_of(red.process.pid)
        await red.stop()
        assert red.process.returncode == 0
        _, alive = psutil.wait_procs(family, timeout=30)
        assert alive == []
        assert EmbeddedPostgres(red.folder / "data").postmaster() is None


async def check_it_goes_on(network):
    """With one process of the receiver just killed, documents still arrive, each once."""
    async with network.blue.client() as blue, network.red.client() as red:
        sent = [await blue.send_document(an_invoice(number=f"GO-{n}")) for n in range(5)]
        for document in sent:
            ended = await blue.wait_for(document.id)
            assert ended.status == "delivered", await blue.timeline(document.id)
            received = await find_by_message(red, ended.message_id)
            assert received.status == "delivered"
