"""What encoder and decoder share, and decoding: symbols to pixels, records to pictures, streams to video."""
