"""Plan → Conditioning: tokens, chunks, weights, text encoders. Tensors begin here."""
