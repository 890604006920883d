"""Reading a page the way a browser would, as far as these tests need it."""

import re
from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.html, self.tags, self.attributes, self.words = html, [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def values(self, name: str) -> list[str]:
        return [value for _, key, value in self.attributes if key == name]


def check_self_contained(page: Page) -> None:
    """The page asks for nothing from elsewhere, its inner references exist, its colours are the palette's."""
    addresses = page.values("src") + page.values("href") + page.values("xlink:href")
    assert all(not re.match(r"[a-z]+:|//", address) or address.startswith("data:image/png") for address in addresses)
    assert not re.search(r"@import|url\((?!#)", page.html)
    assert "link" not in page.tags
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]*)\)", page.html)) <= set(ids)
    assert {address[1:] for address in addresses if address.startswith("#")} <= set(ids)
    root, _, rest = page.html.partition("@media (prefers-color-scheme: dark)")
    used = set(re.findall(r"var\((--[a-z-]+)[),]", page.html)) - {"--weight"}
    assert used <= set(re.findall(r"(--[a-z-]+):", root))
    assert not re.findall(r"(?:fill|stroke): #\w+", rest)
