"""Files of textual inversions: layouts, refusals, and that their vectors are what is encoded."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.tiny_models import tiny_sd, tiny_sdxl, tokenizer
from torch import Tensor

from negprompt.encoding.condition import condition
from negprompt.encoding.encoders import Encoders
from negprompt.encoding.inversion import expanded, of_state, read
from negprompt.encoding.types import Conditioning
from negprompt.errors import ModelError
from negprompt.language import parse
from negprompt.models.families import family_of
from negprompt.policy.plan import plan

SD = tiny_sd()
SDXL = tiny_sdxl()


def encoders(pipe: object) -> Encoders:
    return family_of(pipe).encoders(pipe)


def vectors(count: int, width: int = 16, seed: int = 0) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def folder(path: Path, **states: dict[str, Tensor]) -> Path:
    for name, state in states.items():
        (path / "deep").mkdir(exist_ok=True)
        save_file(state, path / "deep" / f"{name}.safetensors")
    return path


def conditioned(text: str, where: Path, pipe: object = SD, dialect: str = "a1111") -> Conditioning:
    return condition(plan("a cat", [text], dialect=dialect), encoders(pipe), embeddings=where)


def test_easy_negative_loads_all_its_vectors_and_is_never_split(tmp_path: Path) -> None:
    own = vectors(8)
    where = folder(tmp_path, EasyNegative={"emb_params": own})
    made = conditioned("cat " * 70 + "easynegative, dog", where)
    called = [t for t in made.negatives[0].tokens if t.vector is not None]
    assert [t.vector.index for t in called if t.vector] == list(range(8))
    assert {t.chunk for t in called} == {1}
    assert [n.code for n in made.notices] == ["embedding-read"]
    assert "8 vectors" in made.notices[0].text


def test_the_vectors_are_what_is_encoded(tmp_path: Path) -> None:
    """An inversion that holds the embeddings of two words is encoded as these words."""
    layer = SD.text_encoder.get_input_embeddings()
    ids = tokenizer()("red dog", add_special_tokens=False).input_ids
    where = folder(tmp_path, zz={"<anything>": layer.weight[ids].detach().clone()})
    made = conditioned("a zz house", where).negatives[0]
    assert torch.allclose(made.embeds, encoders(SD).encode(parse("a red dog house")).embeds)
    assert not layer._forward_hooks  # the model is left as it was


def test_weights_act_on_an_inversion(tmp_path: Path) -> None:
    where = folder(tmp_path, zz={"emb_params": vectors(3)})
    called = encoders(SD).with_inversions(where)
    plain = called.encode(parse("a zz"), "a1111-no-norm").embeds
    weighted = called.encode(parse("a (zz:1.5)"), "a1111-no-norm").embeds
    factor = torch.ones(1, 77, 1)
    factor[:, 2:5] = 1.5
    assert torch.allclose(weighted, plain * factor)


def test_comfy_calls_it_by_path_and_says_what_is_missing(tmp_path: Path) -> None:
    where = folder(tmp_path, EasyNegative={"emb_params": vectors(2)})
    for text in ("embedding:EasyNegative", "embedding:deep/EasyNegative"):
        made = conditioned(text, where, dialect="comfy")
        assert [t.vector.of for t in made.negatives[0].tokens if t.vector] == [2, 2]
    missing = conditioned("embedding:easynegative, x", where, dialect="comfy")
    assert [n.code for n in missing.notices] == ["embedding-missing"]


def test_sdxl_takes_each_tensor_of_a_pair(tmp_path: Path) -> None:
    pair = {"clip_l": vectors(2, 16), "clip_g": vectors(2, 8)}
    where = folder(tmp_path, zz=pair)
    made = conditioned("a zz", where, SDXL).negatives[0]
    plain = encoders(SDXL).encode(parse("a zz"))
    assert made.embeds.shape == plain.embeds.shape
    assert not torch.allclose(made.embeds[..., :16], plain.embeds[..., :16])
    assert not torch.allclose(made.embeds[..., 16:], plain.embeds[..., 16:])
    assert conditioned("a zz", where).negatives[0].tokens[1].vector is not None


def test_a_pickled_file_is_refused_only_where_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "badhandv4.pt").write_bytes(b"\x80\x04.")
    conditioned("blurry", tmp_path)
    with pytest.raises(ModelError) as caught:
        conditioned("(badhandv4:1.2)", tmp_path)
    assert caught.value.code == "embedding-pickled"
    assert "badhandv4.safetensors" in caught.value.cure
    save_file({"emb_params": vectors(6)}, tmp_path / "badhandv4.safetensors")
    assert len(conditioned("badhandv4", tmp_path).negatives[0].tokens) == 6


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({"emb_params": vectors(2, 24)}, "embedding-misfit"),
        ({"one": vectors(2), "two": vectors(2)}, "embedding-layout"),
        ({"emb_params": torch.zeros(2, 3, 4)}, "embedding-layout"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    tmp_path: Path, state: dict[str, Tensor], code: str
) -> None:
    with pytest.raises(ModelError) as caught:
        conditioned("zz", folder(tmp_path, zz=state))
    assert caught.value.code == code


def test_damaged_files_and_missing_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "zz.safetensors").write_bytes(b"no tensors")
    for path, code in ((tmp_path, "embedding-unreadable"), (tmp_path / "no", "embedding-folder")):
        with pytest.raises(ModelError) as caught:
            conditioned("zz", path)
        assert caught.value.code == code


@pytest.mark.parametrize(
    "state",
    [
        {"emb_params": vectors(3)},
        {"string_to_param.*": vectors(3)},
        {"*": vectors(3)},
        {"<cat>": vectors(3)},
        {"string_to_param": {"*": vectors(3)}, "name": "inside"},
    ],
)
def test_layouts(state: dict[str, Tensor]) -> None:
    made = of_state(state, "file")
    assert torch.equal(made.vectors[0], vectors(3))
    assert made.tokens == ("file", "file_1", "file_2")


def test_a_name_inside_counts_where_the_file_gives_none(tmp_path: Path) -> None:
    assert of_state({"<cat>": vectors(1)[0]}).tokens == ("<cat>",)
    assert of_state({"string_to_param": {"*": vectors(1)}, "name": "x"}).name == "x"
    with pytest.raises(ModelError) as caught:
        of_state(vectors(1))
    assert caught.value.code == "embedding-unnamed"
    save_file({"<cat>": vectors(1)}, tmp_path / "a.safetensors")
    assert read(tmp_path / "a.safetensors").name == "a"


def test_a_prompt_is_spelled_out_for_diffusers() -> None:
    cat, dog = of_state({"<cat>": vectors(2)}), of_state({"<cat>2": vectors(2)})
    text = "a <cat> and <cat>2"
    assert expanded(text, [cat, dog]) == "a <cat> <cat>_1 and <cat>2 <cat>2_1"
    assert expanded(text, []) == text
