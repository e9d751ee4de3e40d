"""Documents that are as nearly all are, read in one go along their tags.

A document is orderly if it is plain (`ubl.plain`), its elements stand in the order of the schema,
and the model holds all of it.  Then reading it is one walk through the binding: for each group
there is a function that asks, part after part, whether the next tag is the one of that part.
These functions are generated from the table, in the words of `_Script`; of an address::

    def read_3(text, tags, lifted):
        if text and not text.isspace(): raise NotPlain
        line_1 = line_2 = city = post_code = subdivision = line_3 = country = None
        tag, text = next(tags)
        if tag == 'cbc:StreetName':
            line_1 = text
            tag, text = next(tags)
            if tag != '/cbc:StreetName' or text and not text.isspace(): raise NotPlain
            tag, text = next(tags)
        ...
        if tag != '/cac:PostalAddress' or text and not text.isspace(): raise NotPlain
        return make_3(line_1, line_2, line_3, city, post_code, subdivision, country)

Whatever is not expected, a repeated element or a wrong value, too, is left to `ubl.reader`, which
reads the tree and says what is wrong with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Final

from lxml import etree

from ubl.binding import CREDIT_NOTE, INVOICE, RESPONSE, Fixed, Group, Leaf, Need, Part, Wrapper
from ubl.binding.forms import CODE, TEXT, Form
from ubl.binding.parts import ADVICE, Located
from ubl.frozen import defaults_of, maker_of
from ubl.invoice import Invoice
from ubl.plain import NotPlain, Tags, cut_tags, read_attributes
from ubl.response import ApplicationResponse

__all__ = ["read_orderly"]

# LIMIT: bytes of a document that is read by its tags: 5,000 lines.  For so long they take up to
# twenty times as much memory, which is about as much as its tree.
ORDERLY_BYTES_MAX: Final = 4 << 20

_SPACE: Final = " \t\r\n"
# The names that the script itself uses; no field may have one.
_WORDS: Final = frozenset({"tag", "text", "tags", "lifted", "found", "values"})
_BLANK_NEXT: Final = "if text and not text.isspace(): raise NotPlain"


def read_orderly(root: etree._Element, data: bytes) -> Invoice | ApplicationResponse | None:
    """Return the document *data* whose tree has this *root*, or None if it is not orderly."""
    read = _readers().get(root.tag)
    if read is None or len(data) > ORDERLY_BYTES_MAX or not ADVICE.issuperset(root.keys()):
        return None
    name = etree.QName(root).localname
    try:
        text, tags = cut_tags(data, f"{root.prefix}:{name}" if root.prefix else name, root.nsmap)
        document: Invoice | ApplicationResponse = read(text, tags, {})
    except (NotPlain, StopIteration, ValueError):
        return None
    return document


@cache
def _readers() -> Mapping[object, Callable[[str, Tags, dict[str, Any]], Any]]:
    """Return what reads a document, by the name of its root."""
    script = _Script()
    names = {group.tag: script.write_group(group, is_root=True) for group in _ROOTS}
    exec("\n".join(script.source), script.space)  # noqa: S102 - of the binding, which is our own
    return {tag: script.space[name] for tag, name in names.items()}


_ROOTS: Final = (INVOICE, CREDIT_NOTE, RESPONSE)


class _Script:
    """The source of all functions, and the *space* of names that they run in."""

    def __init__(self) -> None:
        self.source: list[str] = []
        self.space: dict[str, Any] = {
            "NotPlain": NotPlain,
            "Located": Located,
            "refuse": _refuse,
            "SPACE": _SPACE,
        }
        self._written: dict[int, str] = {}

    def write_group(self, group: Group, *, is_root: bool = False) -> str:
        """Write the function that reads *group*, unless it is there, and return its name."""
        if id(group) not in self._written:
            body = _Body(self, group)
            self._written[id(group)] = name = f"read_{len(self._written)}"
            body.write(is_root=is_root)
            self.source += [f"def {name}(text, tags, lifted):", *body.lines]
        return self._written[id(group)]

    def keep(self, value: object) -> str:
        """Return a name for *value*."""
        name = f"kept_{len(self.space)}"
        self.space[name] = value
        return name


class _Body:
    """The body of the function that reads one group: *text* is what follows its start tag."""

    def __init__(self, script: _Script, group: Group) -> None:
        self.lines: list[str] = []
        self._script = script
        self._group = group
        self._singles: list[str] = []
        self._manies: list[str] = []
        self._needs: list[str] = []

    def write(self, *, is_root: bool) -> None:
        """Write all of it."""
        group = self._group
        self._survey(group.parts)
        assert _WORDS.isdisjoint(self._singles + self._manies)
        self._put(1, _BLANK_NEXT)
        self._put(1, " = ".join([*self._singles, "None"]))
        for name in self._manies:
            self._put(1, f"{name} = []")
        self._put(1, "tag, text = next(tags)")
        for part in group.parts:
            self._write_part(part, 1)
        # The name that a root is written with varies, but a tag that ends is the root's.
        unlike = "not tag.startswith('/')" if is_root else f"tag != '/{group.tag}'"
        self._put(1, f"if {unlike} or text and not text.isspace(): raise NotPlain")
        for name in self._needs:
            self._put(1, f"if {name} is None: raise NotPlain")
        if group.type is Located or group.assemble is not None:
            self._write_assembly(is_root=is_root)
        else:
            self._write_making()

    def _survey(self, parts: tuple[Part, ...]) -> None:
        """Note the names of all values."""
        for part in parts:
            match part:
                case Wrapper():
                    self._survey(part.parts)
                case Leaf(lifted=True) | Fixed():
                    pass
                case Leaf() | Group():
                    (self._manies if part.many else self._singles).append(part.name)
                    if part.need is not Need.NONE:
                        self._needs.append(part.name)
            if isinstance(part, Leaf):
                self._singles += part.attributes.values()

    def _write_part(self, part: Part, level: int) -> None:
        match part:
            case Leaf():
                self._write_leaf(part, level)
            case Fixed():
                self._write_fixed(part, level)
            case Wrapper():
                self._put(level, f"{'while' if part.each else 'if'} tag == '{part.tag}':")
                self._put(level + 1, _BLANK_NEXT)
                self._put(level + 1, "tag, text = next(tags)")
                self._put(level + 1, f"if tag == '/{part.tag}': raise NotPlain")
                for inner in part.parts:
                    self._write_part(inner, level + 1)
                self._write_end(part.tag, level + 1)
            case Group():
                name = self._script.write_group(part)
                self._put(level, f"{'while' if part.many else 'if'} tag == '{part.tag}':")
                self._write_value(part, f"{name}(text, tags, lifted)", level + 1)
                self._put(level + 1, "tag, text = next(tags)")

    def _write_leaf(self, leaf: Leaf, level: int) -> None:
        word = "while" if leaf.many else "if"
        if leaf.form.attributes or leaf.attributes:
            # Another name may start like this one; then it is refused.
            self._put(level, f"{word} tag.startswith('{leaf.tag}'):")
            value = self._read_with_attributes(leaf)
        else:
            self._put(level, f"{word} tag == '{leaf.tag}':")
            value = self._read_bare(leaf.form)
        for attribute, field in leaf.attributes.items():
            self._put(level + 1, f"{field} = {self._script.keep(read_attributes)}")
            self._put(level + 1, f"{field} = {field}(tag, '{leaf.tag}').get('{attribute}')")
        self._write_value(leaf, value, level + 1)
        self._put(level + 1, "tag, text = next(tags)")
        self._write_end(leaf.tag, level + 1)

    def _read_bare(self, form: Form) -> str:
        """Return the expression of a value that has no attributes."""
        if form is TEXT:
            return "text"
        if form is CODE:
            return "text.strip(SPACE)"
        if form.quick is not None:
            return f"{self._script.keep(form.quick)}(text)"
        return f"{self._script.keep(_read_entirely)}({self._script.keep(form)}, text, {{}})"

    def _read_with_attributes(self, leaf: Leaf) -> str:
        """Return the expression of a value that has attributes, or may have them."""
        form, keep = leaf.form, self._script.keep
        read = f"{keep(_read_tag(leaf))}(tag, text)"
        if form.made is None:
            return read
        # Nearly always there is the one attribute.  Anything but letters and digits might be the
        # end of its value and another attribute.
        before, after = len(leaf.tag), f' {form.asked}="'
        start = before + len(after)
        return (
            f"{keep(maker_of(form.made))}({keep(form.quick)}(text), found) "
            f"if (found := tag[{start}:-1]).isalnum() and tag[{before}:{start}] == {after!r} "
            f"else {read}"
        )

    def _write_value(self, part: Leaf | Group, value: str, level: int) -> None:
        if isinstance(part, Leaf) and part.lifted:
            self._put(level, f"if '{part.name}' in lifted: raise NotPlain")
            self._put(level, f"lifted['{part.name}'] = {value}")
        elif part.many:
            self._put(level, f"{part.name}.append({value})")
        else:
            self._put(level, f"{part.name} = {value}")

    def _write_fixed(self, fixed: Fixed, level: int) -> None:
        if fixed.decisive:
            self._put(level, f"if tag != '{fixed.tag}': raise NotPlain")
        self._put(level, f"if tag == '{fixed.tag}':")
        self._put(level + 1, f"if text not in {fixed.texts!r}: raise NotPlain")
        self._put(level + 1, "tag, text = next(tags)")
        self._write_end(fixed.tag, level + 1)

    def _write_end(self, tag: str, level: int) -> None:
        self._put(level, f"if tag != '/{tag}' or text and not text.isspace(): raise NotPlain")
        self._put(level, "tag, text = next(tags)")

    def _write_assembly(self, *, is_root: bool) -> None:
        """Write how the values become those of the type, or are left to what is around."""
        group, script = self._group, self._script
        self._put(1, "values = Located()")
        for name in self._singles:
            self._put(1, f"if {name} is not None: values['{name}'] = {name}")
        for name in self._manies:
            self._put(1, f"if {name}: values['{name}'] = tuple({name})")
        if group.assemble is None:
            self._put(1, "values.element = None")
            self._put(1, "return values")
            return
        if is_root:
            self._put(1, "values |= lifted")
        self._put(1, f"{script.keep(group.assemble)}(values, refuse)")
        assert isinstance(group.type, type)
        make, defaults = script.keep(maker_of(group.type)), script.keep(defaults_of(group.type))
        self._put(1, f"return {make}(**({defaults} | values))")

    def _write_making(self) -> None:
        assert isinstance(self._group.type, type)
        values = [
            f"tuple({field.name})" if field.name in self._manies else field.name
            for field in fields(self._group.type)
        ]
        made: type = self._group.type
        make = self._script.keep(maker_of(made))
        self._put(1, f"return {make}({', '.join(values)})")

    def _put(self, level: int, line: str) -> None:
        self.lines.append(" " * level + line)


def _read_tag(leaf: Leaf) -> Callable[[str, str], Any]:
    """Return what reads the value of an element that has attributes, from start tag and text."""
    form, name = leaf.form, leaf.tag
    known = form.attributes.union(leaf.attributes)

    def read(tag: str, text: str) -> Any:
        attributes = read_attributes(tag, name)
        if not known.issuperset(attributes):
            raise NotPlain
        return _read_entirely(form, text, attributes)

    return read


def _read_entirely(form: Form, text: str, attributes: Mapping[str, str]) -> Any:
    """Return the value of *text* and *attributes*, if it says all of it."""
    try:
        value = form.read(text, attributes)
    except KeyError:
        raise NotPlain from None
    if form.exact and form.write(value)[0] != text.strip(_SPACE):
        raise NotPlain
    return value


def _refuse(*_place: object) -> None:
    """Say that the model cannot hold something."""
    raise NotPlain
