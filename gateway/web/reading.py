"""The OpenAPI document arranged for a reader: operations by subject, shapes field by field."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from markupsafe import Markup, escape

from gateway.web.help import catalogue

__all__ = ["arrange", "inline"]

_CODE: Final = re.compile(r"`([^`]+)`|\*([a-z0-9_]+)\*")
_SHAPE: Final = "#/components/schemas/"
_BOUNDS: Final = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {}"),
    ("maxItems", "at most {}"),
    ("pattern", "like {}"),
    ("default", "{} if left out"),
)
Json = Mapping[str, Any]


def arrange(document: Json) -> dict[str, Any]:
    """Return the values of the page that shows *document*, an OpenAPI document of ours."""
    operations = [
        _operation(method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    return {
        "info": document["info"],
        "about": [inline(part) for part in document["info"]["description"].split("\n\n")],
        "tags": [
            {
                "name": tag["name"],
                "says": tag["description"],
                "operations": [each for each in operations if each["tag"] == tag["name"]],
            }
            for tag in document["tags"]
        ],
        "shapes": [_shape(*each) for each in sorted(document["components"]["schemas"].items())],
    }


def inline(text: str) -> Markup:
    """Return *text* with what stands in back-quotes, and names of fields in stars, as code."""
    marked = _CODE.sub(lambda found: f"<code>{found[1] or found[2]}</code>", str(escape(text)))
    return Markup(marked)  # noqa: S704 - escaped before


def _operation(method: str, path: str, operation: Json) -> dict[str, Any]:
    names = [each["name"] for each in operation["parameters"]]
    return {
        "id": operation["operationId"],
        "tag": operation["tags"][0],
        "method": method.upper(),
        "path": path,
        "parts": path.removeprefix("/v1").strip("/").split("/"),
        "summary": inline(operation["summary"]),
        "says": inline(operation.get("description", "")),
        "keyed": operation.get("security") != [],
        "in_dossier": "Dossier" in names,
        "parameters": [_parameter(each) for each in operation["parameters"]],
        "bodies": _bodies(operation.get("requestBody", {})),
        "answers": [_answer(*each) for each in operation["responses"].items()],
    }


def _parameter(parameter: Json) -> dict[str, Any]:
    schema = parameter["schema"]
    truth = ["true", "false"] if schema.get("type") == "boolean" else []
    samples = schema.get("examples", [schema.get("default", "")])
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "required": parameter.get("required", False),
        "says": inline(parameter.get("description", "")),
        "type": _type(schema),
        "choices": schema.get("enum", truth),
        "sample": schema.get("format", samples[0]),
    }


def _bodies(described: Json) -> list[dict[str, Any]]:
    return [
        {
            "media": media,
            "type": _type(content["schema"]) if "json" in media else "",
            "example": _written(content.get("example", "")),
            "is_text": "contentMediaType" not in content["schema"],
        }
        for media, content in described.get("content", {}).items()
    ]


def _answer(status: str, answer: Json) -> dict[str, Any]:
    good = status.startswith("2")
    bodies = _bodies(answer)
    return {
        "status": status,
        "good": good,
        "bodies": bodies if good else [],
        "problems": [catalogue()[code] for code in answer.get("x-codes", ())],
        "headers": list(answer.get("headers", {})) if good else [],
        "example": next((each["example"] for each in bodies if each["example"]), ""),
    }


def _shape(name: str, schema: Json) -> dict[str, Any]:
    first, _, rest = schema.get("description", "").partition("\n")
    required = schema.get("required", ())
    return {
        "name": name,
        "first": inline(first),
        "rest": inline(" ".join(rest.split())),
        "type": _type(schema),
        "fields": [
            {
                "name": each,
                "required": each in required,
                "type": _type(value),
                "says": "",
                "place": "",
            }
            for each, value in schema.get("properties", {}).items()
        ],
    }


def _type(schema: Json) -> Markup:
    """Return in words what a value of *schema* is, with links to the shapes that it names."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_SHAPE)
        said = Markup('<a href="#shape-{0}"><code>{0}</code></a>').format(name)
    elif "anyOf" in schema:
        said = Markup(" or ").join(map(_type, schema["anyOf"]))
    elif "enum" in schema:
        said = Markup(" or ").join(Markup("<code>{}</code>").format(x) for x in schema["enum"])
    elif schema.get("type") == "array":
        said = Markup("list of {}").format(_type(schema.get("items", {})))
    else:
        said = Markup("{}").format(schema.get("format") or schema.get("type", "any JSON"))
        if "contentMediaType" in schema or "contentEncoding" in schema:
            said = escape(schema.get("contentEncoding", "bytes"))
    return Markup(", ").join((said, *_bounds(schema)))


def _bounds(schema: Json) -> Iterable[Markup]:
    for name, words in _BOUNDS:
        if name in schema and schema[name] is not None:
            value = schema[name] if isinstance(schema[name], str) else json.dumps(schema[name])
            yield escape(words).format(Markup("<code>{}</code>").format(value))


def _written(example: object) -> str:
    return (
        example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
    )
