"""Which suites are in scope, and why the others are not."""

from typing import Final

from tests.conformance.chunks import CHUNKS
from tests.conformance.compel import COMPEL
from tests.conformance.embedding import EMBEDDING
from tests.conformance.reading import READING
from tests.conformance.suites import Suite

SUITES: Final[dict[str, Suite]] = {**READING, **COMPEL, **CHUNKS, **EMBEDDING}

_POLICY: Final = "styles and image metadata are read where policies and metadata are built"
_TEMPLATES: Final = "a language of templates; prompts are read once its choices are made"
_EDITOR: Final = "behaviour of an editor, not of a prompt"
_OWN: Final = "a dialect of one project that is not offered"

OUT_OF_SCOPE: Final[dict[str, str]] = {
    "a1111_infotext_versions_tests": _POLICY,
    "a1111_style_extract_docstring": _POLICY,
    "civitai_comfy_prompt_graph_tests": _POLICY,
    "civitai_infotext_tests": _POLICY,
    "civitai_usercomment_decode_tests": _POLICY,
    "comfyui_frontend_dynamic_prompt_tests": _TEMPLATES,
    "comfyui_prompt_control_tests": "an extension's schedules; those of A1111 are in scope",
    "dynamicprompts_parser_tests": _TEMPLATES,
    "fooocus_lora_prompt_tests": "how one tool sorts its networks; A1111's calls are in scope",
    "invokeai_adjust_attention_tests": _EDITOR,
    "invokeai_missing_wildcards_tests": _EDITOR,
    "invokeai_prompt_ast_tests": "another parser's tree of compel's language, itself in scope",
    "invokeai_style_preset_placeholder_tests": _POLICY,
    "jimin_single_input_negation_tests": _OWN,
    "junte_go_prompt_parser_tests": _OWN,
    "misc_a1111_to_compel_conversion": "asserts weights that differ from A1111's own, see its note",
    "neutral_prompt_AND_PERP_tests": "an extension's operators; AND is in scope",
    "prompt_fusion_parser_tests": "an extension's superset of A1111's language",
    "recorded_a1111_infotext": _POLICY,
    "recorded_a1111_infotext_quote": _POLICY,
    "recorded_a1111_styles": _POLICY,
    "sd_parsers_image_metadata_tests": _POLICY,
    "sdnext_weighted_wildcard_tests": _TEMPLATES,
    "stablecanvas_a1111_ast_tests": "another parser's tree of A1111's language, itself in scope",
}
