"""What denoises: families of models, how one is loaded, and an exact denoiser to test against."""
