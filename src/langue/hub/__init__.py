"""Other people's formats, in and out: what is read is checked against the file's size first, and nothing is executed."""
