"""The loop: pictures to symbols to bytes and back. The only package that knows all the others."""
