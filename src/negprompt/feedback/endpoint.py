"""An OpenAI-compatible endpoint that proposes edits: asked once, within a time, never trusted.

It is used only where it is configured.  The words, the prompt and the terms that act leave the
machine for it, the picture only with ``sees``; terms that only a policy's owner may see do not.
"""

import base64
import io
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from negprompt.errors import RequestError, shown
from negprompt.feedback.draft import Draft, Edit
from negprompt.feedback.rules import Reading

if TYPE_CHECKING:
    from PIL.Image import Image

URL: Final = "NEGPROMPT_LLM_URL"
MODEL: Final = "NEGPROMPT_LLM_MODEL"
KEY: Final = "NEGPROMPT_LLM_KEY"
SEES: Final = "NEGPROMPT_LLM_SEES_IMAGES"
SECONDS: Final = 30.0
SIDE: Final = 768
"""Larger pictures are sent at this size."""
_TERM: Final = re.compile(r"[^\W_][\w' -]*")
_TASK: Final = """\
Somebody looked at a generated picture and said what they think of it. Propose edits to the
negative prompt, which names what the picture should not show, one for each thing they ask for:
add a term; strengthen, weaken or remove one of the terms that act; protect a thing they praise;
positive: words that the prompt should gain; scale: lower the guidance scale; undo: take back the
last edits. A term is one to four plain words that name the flaw ("deformed hands", "watermark").
Weights are 1 for plain, 1.3 for strong words, 0.8 for mild ones. Propose nothing that they did not
ask for. content is true where they are happy with the picture and want no change."""


class EndpointError(Exception):
    """It gave nothing that can be used; the message says why."""


class _Proposed(BaseModel):
    model_config = ConfigDict(extra="ignore")

    action: Literal["add", "strengthen", "weaken", "remove", "protect", "positive", "scale", "undo"]
    term: Annotated[str, Field(max_length=60)] = ""
    weight: Annotated[float, Field(ge=0.3, le=1.5)] = 1.0
    reason: Annotated[str, Field(max_length=300)] = ""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    edits: Annotated[list[_Proposed], Field(max_length=8)]
    content: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where it is, which model is asked, and for how long.

    Raises RequestError ``llm-url-invalid``.
    """

    url: str
    """The API's base, such as http://localhost:8000/v1."""
    model: str
    key: str = ""
    sees: bool = False
    """Whether pictures are sent to it."""
    seconds: float = SECONDS

    def __post_init__(self) -> None:
        """Check the address."""
        if not re.match(r"https?://[^/\s]+", self.url):
            raise RequestError(
                f"{shown(self.url)} is not the address of an API",
                code="llm-url-invalid",
                cure=f"write {URL}=http://HOST:PORT/v1",
            )

    def propose(self, text: str, draft: Draft, image: "Image | None" = None) -> Reading:
        """Return what it proposes.

        Raises EndpointError where it does not answer in time, or says what is no list of edits.
        """
        picture = image if self.sees else None
        said = _in_time(lambda: self._asked(_messages(text, draft, picture)), self.seconds)
        try:
            answer = _Answer.model_validate_json(said)
        except ValidationError as error:
            raise EndpointError(f"{error.error_count()} things wrong in its answer") from error
        return Reading(tuple(_edit(one, draft) for one in answer.edits), (), answer.content)

    def _asked(self, messages: list[Any]) -> str:
        """Return the text of its answer."""
        try:
            import openai
        except ImportError as error:
            raise EndpointError(
                "the package openai is missing: pip install 'negprompt[llm]'"
            ) from error
        client = openai.OpenAI(
            base_url=self.url,
            api_key=self.key or "none",
            timeout=self.seconds,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(follow_redirects=False),
        )
        form: Any = {"name": "edits", "schema": _Answer.model_json_schema()}
        with client:
            made = client.chat.completions.create(
                model=self.model,
                messages=messages,
                temperature=0,
                response_format={"type": "json_schema", "json_schema": form},
            )
        return str(made.choices[0].message.content or "")


def configured(environment: Mapping[str, str] = os.environ) -> Endpoint | None:
    """Return the endpoint that the environment names, None where it names none.

    Raises RequestError ``llm-url-invalid`` and ``llm-model-missing``.
    """
    url = environment.get(URL, "")
    if not url:
        return None
    model = environment.get(MODEL, "")
    if not model:
        raise RequestError(
            f"{URL} is set and {MODEL} is not",
            code="llm-model-missing",
            cure=f"set {MODEL} to the name that the endpoint knows",
        )
    sees = environment.get(SEES, "") == "1"
    return Endpoint(url, model, environment.get(KEY, ""), sees)


def _messages(text: str, draft: Draft, image: "Image | None") -> list[Any]:
    terms = "\n".join(f"- {one.text} (weight {one.weight:g})" for one in draft.terms()) or "- none"
    told = f"Prompt: {draft.positive}\nTerms that act:\n{terms}\nThey said: {text}"
    content: Any = told
    if image is not None:
        picture = image.convert("RGB")
        picture.thumbnail((SIDE, SIDE))
        data = io.BytesIO()
        picture.save(data, "PNG")
        url = "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
        content = [
            {"type": "text", "text": told},
            {"type": "image_url", "image_url": {"url": url}},
        ]
    return [{"role": "system", "content": _TASK}, {"role": "user", "content": content}]


def _edit(one: _Proposed, draft: Draft) -> Edit:
    """Return a proposal as an edit of this draft: what stands there is strengthened, not added."""
    needs = one.action not in ("scale", "undo")
    if needs and not _TERM.fullmatch(one.term.strip()):
        raise EndpointError(f"{shown(one.term)} is no term")
    reason = one.reason or "proposed by the endpoint"
    if not needs:
        return Edit(one.action, "", reason, 0.75 if one.action == "scale" else None)
    term = one.term.strip().lower()
    held = draft.find(term)
    if one.action in ("protect", "positive"):
        return Edit(one.action, term, reason)
    if held is None and one.action in ("remove", "weaken"):
        raise EndpointError(f"no term says {shown(term)}, so nothing can be taken away")
    if held is None:
        return Edit("add", term, reason, one.weight)
    weight = None if one.action == "remove" else one.weight
    action = "strengthen" if one.action == "add" else one.action
    if action == "strengthen":
        weight = min(max(one.weight, held.weight + 0.2), max(1.5, held.weight))
    return Edit(action, held.text, reason, weight)


def _in_time(ask: Callable[[], str], seconds: float) -> str:
    """Return what ``ask`` returns; EndpointError where it fails, or takes longer than that in all.

    A client's own timeout is for each read, so an endpoint that sends a byte a second outlives it.
    """
    answers: Queue[str | Exception] = Queue()

    def work() -> None:
        try:
            answers.put(ask())
        except Exception as error:  # noqa: BLE001 - whatever went wrong there, the rules go on
            answers.put(error)

    Thread(target=work, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise EndpointError(f"no answer within {seconds:g} s") from None
    if isinstance(answer, Exception):
        raise EndpointError(
            " ".join(str(answer).split())[:200] or type(answer).__name__
        ) from answer
    return answer
