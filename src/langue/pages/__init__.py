"""Pages: what web pages and PDF files say, read in a process of its own, which a hostile file may take down."""
