"""Stage 3: where on the schedule the denoiser is taught."""

import torch

from negprompt.world.train.loop import DEVICE
from negprompt.world.train.unet import scheduler, timesteps


def test_every_second_timestep_is_uniform_and_the_others_gather_where_picture_and_noise_mix() -> (
    None
):
    alphas = scheduler().alphas_cumprod.to(DEVICE)
    torch.manual_seed(0)
    t = timesteps(8000, alphas).cpu()
    assert int(t.min()) >= 0
    assert int(t.max()) < len(alphas)
    uniform, middle = t[::2].float(), t[1::2].float()
    quartiles = torch.tensor([0.25, 0.5, 0.75])
    assert torch.allclose(uniform.quantile(quartiles), 1000 * quartiles, atol=30)
    # half of the pictures below an even mix, half above: the median of a logit-normal is 1/2
    even = int(torch.searchsorted(-alphas.cpu(), torch.tensor(-0.5)))
    assert abs(float((middle < even).float().mean()) - 0.5) < 0.03
    assert float(middle.std()) < 0.8 * float(uniform.std())
