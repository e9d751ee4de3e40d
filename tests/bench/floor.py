"""The floor: the bare RSA, AES, SHA and gzip work that one message costs, with nothing around it.

Every implementation must do this much; the bench states our cost as a ratio to it, measured in
the same run, so that the figure holds on any machine.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from hashlib import sha256
from multiprocessing.connection import Connection
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from isal import isal_zlib

from as4.compression import gzip_compress
from tests.support.messages import key_pair

SAMPLE_MESSAGES = 4
WAIT_SECONDS = 0.03

_PKCS1 = padding.PKCS1v15()
_SHA256 = hashes.SHA256()
_OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
_SIGNED_INFO = os.urandom(1200)
_MESSAGING = os.urandom(2000)
_BODY = os.urandom(200)


class FloorSampler:
    """Measures the floor of receiving *sbd* in a process of its own, for as long as it is open.

    It works a tenth of the time, beside whatever else the machine does.  *ms* is the median of
    its samples, in CPU milliseconds.
    """

    def __init__(self, sbd: bytes) -> None:
        self._sbd = sbd
        self.ms = 0.0

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_sample, args=(theirs, self._sbd))
        self._process.start()
        self._pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send(None)
        self.ms = self._pipe.recv()
        self._process.join()


def _sample(pipe: Connection, sbd: bytes) -> None:
    work = inbound(sbd)
    for _ in range(50):
        work()
    pipe.send(None)
    costs = []
    while not pipe.poll(WAIT_SECONDS) or not costs:
        start = time.process_time()
        for _ in range(SAMPLE_MESSAGES):
            work()
        costs.append((time.process_time() - start) / SAMPLE_MESSAGES * 1e3)
    pipe.send(statistics.median(costs))


def inbound(sbd: bytes) -> Callable[[], None]:
    """Return the work of receiving *sbd* and signing its receipt.

    Verify, digests of Messaging, Body and attachment, OAEP, AES-GCM, gunzip; digests and
    signature of the receipt.
    """
    sender, receiver = key_pair("sender"), key_pair("receiver")
    compressed = gzip_compress(sbd)
    key, iv = os.urandom(16), os.urandom(12)
    encrypted = AESGCM(key).encrypt(iv, compressed, None)
    wrapped = receiver.certificate.public_key.encrypt(key, _OAEP)
    signature = sender.key.sign(_SIGNED_INFO, _PKCS1, _SHA256)
    public_key, private_key = sender.certificate.public_key, receiver.key

    def work() -> None:
        public_key.verify(signature, _SIGNED_INFO, _PKCS1, _SHA256)
        sha256(_MESSAGING).digest()
        sha256(_BODY).digest()
        content_key = private_key.decrypt(wrapped, _OAEP)
        plain = AESGCM(content_key).decrypt(iv, encrypted, None)
        sha256(plain).digest()
        isal_zlib.decompress(plain, 31)
        sha256(_MESSAGING).digest()
        sha256(_BODY).digest()
        private_key.sign(_SIGNED_INFO, _PKCS1, _SHA256)

    return work


def outbound(sbd: bytes) -> Callable[[], None]:
    """Return the work of sealing *sbd* and checking the receipt that comes back."""
    sender, receiver = key_pair("sender"), key_pair("receiver")
    key, iv = os.urandom(16), os.urandom(12)
    signature = receiver.key.sign(_SIGNED_INFO, _PKCS1, _SHA256)
    private_key, public_key = sender.key, receiver.certificate.public_key

    def work() -> None:
        compressed = isal_zlib.compress(sbd, 1, 31)
        sha256(compressed).digest()
        sha256(_MESSAGING).digest()
        sha256(_BODY).digest()
        private_key.sign(_SIGNED_INFO, _PKCS1, _SHA256)
        public_key.encrypt(key, _OAEP)
        AESGCM(key).encrypt(iv, compressed, None)
        sha256(_MESSAGING).digest()
        sha256(_BODY).digest()
        public_key.verify(signature, _SIGNED_INFO, _PKCS1, _SHA256)

    return work
