"""The main text of web pages."""

from langue.pages.main_text import read_main_text

MENU = "<nav><ul><li><a href=/>Home</a><li><a href=/shop>Shop</a><li><a href=/basket>Basket</a></ul></nav>"
STORY = "".join(
    f"<p>The ferry number {n} leaves the old harbour every morning and is back by noon.</p>" for n in range(9)
)
PAGE = f"<title>Ferries</title><body>{MENU}<article><h1>Ferries</h1>{STORY}</article><footer>Imprint</footer>"


def test_menus_are_left_out_and_blocks_stand_apart(tmp_path):
    (tmp_path / "a.html").write_text(PAGE)
    (page,) = read_main_text(tmp_path / "a.html")
    assert page.known == {"title": "Ferries"}
    assert "Basket" not in page.text
    assert "Imprint" not in page.text
    assert page.text.count("\n\nThe ferry number ") == 9


def test_all_that_is_visible_stands_for_a_page_without_a_main_text(tmp_path):
    (tmp_path / "a.html").write_text("<b></b>")
    assert [page.text for page in read_main_text(tmp_path / "a.html")] == [""]
    (tmp_path / "a.html").write_text("<nav>Home</nav>")
    assert [page.text for page in read_main_text(tmp_path / "a.html")] == ["Home"]
