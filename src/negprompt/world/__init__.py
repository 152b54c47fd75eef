"""The instrument: a procedural picture world, what is true in it, and judges that read it back."""
