"""A yes/no question about each picture to an OpenAI-compatible vision endpoint.

Opt-in: it is used only where it is named, and pictures leave the machine for the address that was
given, and for no other: redirects are not followed.  The key is read from NEGPROMPT_VISION_KEY.
"""

import base64
import io
import json
import math
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from PIL.Image import Image

from negprompt.errors import ModelError, Notice, RequestError, shown
from negprompt.measure.probes.asking import Probe

KEY: Final = "NEGPROMPT_VISION_KEY"
QUESTION: Final = "Is this true of the picture: {}? Answer with one word, yes or no."
TRIES: Final = 3
SIDE: Final = 768
"""Larger pictures are sent at this size."""
SECONDS: Final = 120.0


def vision(model: str, url: str) -> Probe:
    """The probe ``vision:MODEL@URL``; the URL is the API's base, such as http://localhost:8000/v1.

    p is P(yes)/(P(yes) + P(no)) where the endpoint gives the probabilities of its first token, else
    1 or 0; it abstains where the answer is neither.

    Raises RequestError ``vision-url-invalid``; its answers raise ModelError ``vision-failed``.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise RequestError(
            f"{shown(url)} is not the address of an API",
            code="vision-url-invalid",
            cure="write vision:MODEL@http://HOST:PORT/v1",
        )
    endpoint = _Endpoint(model, url.rstrip("/") + "/chat/completions")
    notice = Notice("pictures-leave", f"pictures are sent to {parts.hostname}")
    return Probe(
        name=f"vision:{model}@{url}",
        ask=lambda images, term: [endpoint.answer(image, term) for image in images],
        notices=(notice,),
    )


class _Still(urllib.request.HTTPRedirectHandler):
    """Follows nothing: a redirect would send the pictures elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(slots=True)
class _Endpoint:
    model: str
    url: str
    probabilities: bool = True
    """Whether it is asked for those of its first token; some endpoints refuse."""

    def answer(self, image: Image, term: str) -> float | None:
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": 4,
            "temperature": 0,
            "messages": [{"role": "user", "content": _content(image, term)}],
        }
        if self.probabilities:
            try:
                return _read(self._post({**body, "logprobs": True, "top_logprobs": 5}))
            except _RefusedError:
                self.probabilities = False
        return _read(self._post(body))

    def _post(self, body: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(  # noqa: S310 - http or https, checked in vision()
            self.url, json.dumps(body).encode(), headers
        )
        opener = urllib.request.build_opener(_Still)
        reason: object = ""
        for attempt in range(TRIES):
            try:
                with opener.open(request, timeout=SECONDS) as response:
                    return json.loads(response.read(1 << 20))
            except urllib.error.HTTPError as error:
                if error.code in (400, 422) and "logprobs" in body:
                    raise _RefusedError from error
                reason = f"status {error.code}"
                if error.code != 429 and error.code < 500:
                    break
            except (OSError, ValueError) as error:
                reason = getattr(error, "reason", error)
            if attempt + 1 < TRIES:
                time.sleep(2.0**attempt)
        raise _failed(self.url, reason)


class _RefusedError(Exception):
    """The endpoint does not take a question that asks for probabilities."""


def _failed(url: str, reason: object) -> ModelError:
    return ModelError(
        f"the endpoint {shown(url)} gave no answer: {reason}",
        code="vision-failed",
        cure=f"check address, model and {KEY}",
    )


def _content(image: Image, term: str) -> list[dict[str, Any]]:
    picture = image.convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    picture.save(data, "PNG")
    url = "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
    return [
        {"type": "text", "text": QUESTION.format(term)},
        {"type": "image_url", "image_url": {"url": url}},
    ]


def _read(response: Any) -> float | None:
    """p(yes) of a response; None where it says neither. ModelError where it is no response."""
    try:
        choice = response["choices"][0]
        text = str(choice["message"]["content"] or "")
        tokens = (choice.get("logprobs") or {}).get("content") or []
        likely = [(t["token"], t["logprob"]) for t in (tokens[0]["top_logprobs"] if tokens else [])]
    except (KeyError, IndexError, TypeError) as error:
        raise _failed("", f"{shown(response)} is no chat completion") from error
    mass = {"yes": 0.0, "no": 0.0}
    for token, logarithm in likely:
        if (word := _word(token)) in mass:
            mass[word] += math.exp(min(0.0, float(logarithm)))
    if sum(mass.values()) > 0:
        return mass["yes"] / sum(mass.values())
    return {"yes": 1.0, "no": 0.0}.get(_word(text.split(maxsplit=1)[0] if text.split() else ""))


def _word(token: str) -> str:
    return "".join(c for c in token.lower() if c.isalpha())
