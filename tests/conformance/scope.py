"""Which suites are in scope, and why the others are not."""

from typing import Final

from tests.conformance.chunks import CHUNKS
from tests.conformance.compel import COMPEL
from tests.conformance.embedding import EMBEDDING
from tests.conformance.images import IMAGES
from tests.conformance.reading import READING
from tests.conformance.styling import STYLING
from tests.conformance.suites import Suite

SUITES: Final[dict[str, Suite]] = {
    **READING,
    **COMPEL,
    **CHUNKS,
    **EMBEDDING,
    **IMAGES,
    **STYLING,
}

_TEMPLATES: Final = "a language of templates; prompts are read once its choices are made"
_EDITOR: Final = "behaviour of an editor, not of a prompt"
_OWN: Final = "a dialect of one project that is not offered"

OUT_OF_SCOPE: Final[dict[str, str]] = {
    "comfyui_frontend_dynamic_prompt_tests": _TEMPLATES,
    "comfyui_prompt_control_tests": "an extension's schedules; those of A1111 are in scope",
    "dynamicprompts_parser_tests": _TEMPLATES,
    "fooocus_lora_prompt_tests": "how one tool sorts its networks; A1111's calls are in scope",
    "invokeai_adjust_attention_tests": _EDITOR,
    "invokeai_missing_wildcards_tests": _EDITOR,
    "invokeai_prompt_ast_tests": "another parser's tree of compel's language, itself in scope",
    "jimin_single_input_negation_tests": _OWN,
    "junte_go_prompt_parser_tests": _OWN,
    "misc_a1111_to_compel_conversion": "asserts weights that differ from A1111's own, see its note",
    "neutral_prompt_AND_PERP_tests": "an extension's operators; AND is in scope",
    "prompt_fusion_parser_tests": "an extension's superset of A1111's language",
    "sdnext_weighted_wildcard_tests": _TEMPLATES,
    "stablecanvas_a1111_ast_tests": "another parser's tree of A1111's language, itself in scope",
}
