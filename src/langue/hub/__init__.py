"""Other people's formats, in and out: what is read is checked first, and nothing is executed."""
