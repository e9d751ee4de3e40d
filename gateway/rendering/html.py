"""A view as a page: one HTML file without scripts, that needs nothing beside itself.

It reads on a phone and prints on paper.  What the document says is text in it: Jinja2 escapes
every value, and the page's policy forbids scripts, forms, frames and everything from elsewhere.
"""

import base64
from functools import cache, partial

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from gateway.rendering.media import SVG, image_type
from gateway.rendering.policy import FOLDER, read_style, stated_policy
from gateway.rendering.qr import draw
from gateway.rendering.view import NO_LAYOUT, Attachment, Layout, View
from gateway.rendering.wording import Wording

__all__ = ["render_html"]


def render_html(view: View, *, attachments_at: str = "", layout: Layout = NO_LAYOUT) -> str:
    """Return *view* as a page in *layout*; attachments are links if *attachments_at* is an address.

    The attachment of number 2 is at *attachments_at*, slash, 2.
    """
    return _template().render(
        view=view,
        layout=layout,
        policy=stated_policy(),
        style=Markup(read_style()),  # noqa: S704 - our own file
        word=Wording.of(view.language).word,
        logo=_data_address(layout.logo, image_type(layout.logo)) if layout.logo else "",
        draw=lambda text: _data_address(draw(text), SVG),
        own_pdfs=[each for each in view.attachments if each.own_pdf],
        name_of=partial(_name, attachments_at),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader(__package__, FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("document.html")


def _name(attachments_at: str, attachment: Attachment) -> Markup:
    """Return the name of *attachment*, as a link where there is an address to it."""
    name = Markup("<bdi>{}</bdi>").format(attachment.name)
    if not (attachments_at and attachment.number):
        return name
    link = Markup('<a href="{}/{}" download>{}</a>')
    return link.format(attachments_at, attachment.number, name)


def _data_address(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
