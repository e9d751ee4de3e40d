"""Envelopes of a shape that was seen before, read without parsing them once more.

An access point writes all its envelopes alike: from one message to the next, some thirty values
change, and not one tag.  `Familiars` keeps the shapes of envelopes whose signature held, each with
what the parser, the models and the canonicalisation made of it; a further envelope of that shape
is read by its values alone.  Whatever does not fit is left to the parser, which also has the words
for what is wrong: a reading from here says the same as one from there, or there is none.

Nothing is taken for true because it is familiar: certificate, signature and digests are checked
for each message, over the canonical bytes that its own values make.  [EXC-C14N §3]
A shape is kept only if the parser reads the same out of a second text made with it.
"""

from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from lxml import etree

from as4 import wssec, xmldsig
from as4.algorithms import AlgorithmSuite
from as4.contentmodel import decode_base64, local_name
from as4.envelope import Envelope, Ids, index_ids, open_envelope, parse_root
from as4.errors import As4Error, Unreadable
from as4.namespaces import EBMS, qname
from as4.pmode import PMode
from as4.wssec import EncryptedKey
from as4.xmldsig import Reference
from ubl.shape import Shape

# LIMIT: shapes that are kept; each peer's software has one or two.
SHAPES_MAX: Final = 16
# LIMIT: a longer envelope is not learned; peers send 10 KB.
ENVELOPE_BYTES_MAX: Final = 32 << 10
# LIMIT: of the envelopes of no known shape, one in so many is learned, which costs as much as
# reading it five times.
LEARNED_EVERY: Final = 32
# LIMIT: texts of certificates remembered, which make half of an envelope.
CERTIFICATES_MAX: Final = 64

_TIMESTAMP: Final = f".//{qname(EBMS, 'Timestamp')}"

Values = dict[str, str]
"""Values as they stand in the text, by what they are called here."""

Content = TypeVar("Content")


class Kind(Protocol[Content]):
    """How to read what eb:Messaging holds: by the parser, and by the values of a known shape."""

    def parse(self, envelope: Envelope, pmode: PMode) -> tuple[Content, str | None]:
        """Return the content of *envelope*, and the cid: URL of its attachment if it has one.

        Raises As4Error, and ValueError for what shall not be learned.
        """

    def plain_values(self, content: Content) -> Values:
        """Return the texts of *content* that change from one envelope to the next."""

    def acknowledged(self, content: Content) -> tuple[Reference, ...]:
        """Return the references that *content* repeats, none if it is no receipt."""

    def fill(
        self, content: Content, values: Values, repeated: tuple[Reference, ...], pmode: PMode
    ) -> Content:
        """Return *content* with other *values* and references; raise As4Error if one is bad."""


class Covered(NamedTuple):
    """An element that the signature covers: its name, canonical form and signed digest."""

    name: str
    form: bytes
    digest: bytes


class Reading(NamedTuple, Generic[Content]):
    """What an envelope says; of its signature, all that is needed to verify it."""

    content: Content
    signer: bytes
    references: tuple[Reference, ...]
    attachment_digest: bytes | None
    encrypted_key: EncryptedKey | None
    signed_info: bytes
    signature_value: bytes
    suite: AlgorithmSuite
    covered: tuple[Covered, ...]

    def verify(self, public_key: object) -> None:
        """Raise FailedAuthentication unless the signature and the digests hold.  [XMLDSIG §3.2]"""
        xmldsig.check_value(self.signed_info, self.signature_value, public_key, self.suite)
        for name, form, digest in self.covered:
            xmldsig.check_digest(form, digest, name=name)


class Familiars(Generic[Content]):
    """The shapes of the envelopes of one *kind* that were seen, the last used first."""

    def __init__(self, kind: Kind[Content]) -> None:
        self._kind = kind
        self._known: tuple[_Familiar[Content], ...] = ()
        self._missed = 0

    def read(self, soap: bytes, pmode: PMode) -> Reading[Content] | None:
        """Return the reading of *soap* under *pmode*, nothing verified; None if it is not known."""
        if len(soap) > ENVELOPE_BYTES_MAX or not soap.isascii():
            return None
        text = soap.decode()
        known = self._known
        for familiar in known:
            found = familiar.read(text, pmode)
            if found is not None:
                if familiar is not known[0]:
                    self._known = (familiar, *(each for each in known if each is not familiar))
                return found
        return None

    def learn(self, soap: bytes, pmode: PMode) -> None:
        """Keep the shape of *soap*, which was not known, and whose signature holds."""
        self._missed += 1
        if len(soap) > ENVELOPE_BYTES_MAX or self._missed % LEARNED_EVERY != 1:
            return
        try:
            familiar = _Familiar(soap, self._kind, pmode)
        except (ValueError, LookupError, As4Error, Unreadable):
            return
        self._known = (familiar, *self._known[: SHAPES_MAX - 1])


class _Familiar(Generic[Content]):
    """One shape, and how a reading follows from the values in it."""

    def __init__(self, soap: bytes, kind: Kind[Content], pmode: PMode) -> None:
        """Learn the shape of *soap*; raises ValueError if it cannot be told by its values."""
        self._kind, self._pmode = kind, pmode
        parsed = _parse(soap, kind, pmode)
        first = self._first = parsed.reading
        repeated = kind.acknowledged(first.content)
        encoded = _encoded_values(first, repeated)
        texts = {"timestamp": parsed.timestamp, **kind.plain_values(first.content), **encoded}
        self._ids = [f"id{number}" for number in range(len(parsed.ids))]
        attributes = dict(zip(self._ids, parsed.ids, strict=True))
        if parsed.href is not None:
            attributes["href"] = parsed.href
        self._sources = [
            _Source("#" if each.uri.startswith("#") else "", f"uri{n}", f"digest{n}", each)
            for n, each in enumerate((*first.references, *repeated))
        ]
        for source in self._sources:
            attributes[source.uri] = source.first.uri.removeprefix(source.sign)
        self._shape = Shape(soap.decode("ascii"), texts, attributes, bulk=encoded)
        self._signed_info = _shape_of(first.signed_info, texts, attributes)
        self._forms = [_shape_of(each.form, texts, attributes) for each in first.covered]
        if not self._shape.complete:
            raise ValueError("not all values stand for themselves in the text")
        firsts = self._shape.firsts.items()
        self._check(soap, {name: _probe(same, attributes, encoded) for name, same in firsts})

    def read(self, text: str, pmode: PMode) -> Reading[Content] | None:
        """Return the reading of *text* if it is of this shape, and its values are sound."""
        if pmode is not self._pmode:
            return None
        values = self._shape.read(text)
        if values is None or len({values[name] for name in self._ids}) < len(self._ids):
            return None
        try:
            return self._fill(values)
        except (ValueError, As4Error):
            return None

    def _check(self, soap: bytes, probe: Values) -> None:
        """Raise ValueError unless the parser reads the same, here and with other values."""
        other = self._shape.fill(probe)
        parsed = _parse(other.encode(), self._kind, self._pmode)
        found = self.read(soap.decode(), self._pmode), self.read(other, self._pmode)
        if found != (self._first, parsed.reading):
            raise ValueError("the parser reads something else")
        if list(parsed.ids) != [probe[name] for name in self._ids]:
            raise ValueError("the parser finds other ids")

    def _fill(self, values: Values) -> Reading[Content]:
        first = self._first
        every = [source.read(values) for source in self._sources]
        references = tuple(every[: len(first.references)])
        repeated = tuple(every[len(first.references) :])
        local = [each.digest_value for each in references if each.uri.startswith("#")]
        forms = zip(first.covered, self._forms, local, strict=True)
        remote = [each.digest_value for each in references if not each.uri.startswith("#")]
        return Reading(
            content=self._kind.fill(first.content, values, repeated, self._pmode),
            signer=_decode_certificate(values["signer"]),
            references=references,
            attachment_digest=remote[0] if remote else None,
            encrypted_key=_fill_key(first.encrypted_key, values, first.suite),
            signed_info=self._signed_info.fill(values).encode(),
            signature_value=decode_base64(values["value"]),
            suite=first.suite,
            covered=tuple(
                [
                    Covered(known.name, form.fill(values).encode(), digest)
                    for known, form, digest in forms
                ]
            ),
        )


class _Source(NamedTuple):
    """Where a reference has its URI, behind a *sign*, and its digest from, and how it began."""

    sign: str
    uri: str
    digest: str
    first: Reference

    def read(self, values: Values) -> Reference:
        sign, uri, digest, (_, transforms, digest_method, _) = self
        value = decode_base64(values[digest])
        return Reference(sign + values[uri], transforms, digest_method, value)


class _Parsed(NamedTuple, Generic[Content]):
    """A reading by the parser, and what else stands in the envelope, as written."""

    reading: Reading[Content]
    ids: Ids
    href: str | None
    timestamp: str


def _parse(soap: bytes, kind: Kind[Content], pmode: PMode) -> _Parsed[Content]:
    """Read *soap* by the parser; raises As4Error, and ValueError for what shall not be learned."""
    root = parse_root(soap)
    envelope = open_envelope(root)
    content, href = kind.parse(envelope, pmode)
    ids = index_ids(root)
    security = wssec.parse_security(envelope, ids, pmode.suite, href=href)
    signature = security.signature
    digest = wssec.check_coverage(signature, envelope, ids, href=href)
    local = [each for each in signature.references if each.uri.startswith("#")]
    reading = Reading(
        content=content,
        signer=security.signer,
        references=signature.references,
        attachment_digest=digest,
        encrypted_key=security.encrypted_key,
        signed_info=xmldsig.canonicalize(signature.signed_info, signature.prefixes),
        signature_value=signature.value,
        suite=signature.suite,
        covered=tuple([_cover(each, ids[each.uri[1:]]) for each in local]),
    )
    return _Parsed(reading, ids, href, root.findtext(_TIMESTAMP) or "")


def _cover(reference: Reference, element: etree._Element) -> Covered:
    form = xmldsig.canonicalize(element, reference.transforms[0].prefixes)
    return Covered(local_name(element), form, reference.digest_value)


def _encoded_values(reading: Reading[Content], repeated: tuple[Reference, ...]) -> Values:
    """Return the values that stand in base64."""
    values = {"signer": reading.signer, "value": reading.signature_value}
    if reading.encrypted_key is not None:
        values["recipient"], values["key"], parameters = reading.encrypted_key
        values |= {f"parameter{n}": each for n, each in enumerate(parameters) if each}
    for number, each in enumerate((*reading.references, *repeated)):
        values[f"digest{number}"] = each.digest_value
    return {name: b64encode(value).decode() for name, value in values.items()}


def _fill_key(
    first: EncryptedKey | None, values: Values, suite: AlgorithmSuite
) -> EncryptedKey | None:
    """Return a key like *first*, in which the same parameters are empty, with other *values*."""
    if first is None:
        return None
    parameters = tuple(
        [
            decode_base64(values[f"parameter{n}"]) if each else each
            for n, each in enumerate(first.parameters)
        ]
    )
    suite.content_key.check(parameters)
    recipient = _decode_certificate(values["recipient"])
    return EncryptedKey(recipient, decode_base64(values["key"]), parameters)


_decode_certificate = lru_cache(CERTIFICATES_MAX)(decode_base64)


def _shape_of(form: bytes, texts: Mapping[str, str], attributes: Mapping[str, str]) -> Shape:
    return Shape(form.decode("ascii"), texts, attributes)


def _probe(name: str, attributes: Mapping[str, str], encoded: Mapping[str, str]) -> str:
    """Return a value for *name* that no envelope has."""
    if name in encoded:
        return b64encode(f"the probe of {name}".encode()).decode()
    if name == "timestamp":
        return "2001-02-03T04:05:06.789Z"
    return f"cid:{name}" if attributes.get(name, "").startswith("cid:") else f"probe.{name}"
