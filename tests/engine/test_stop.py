"""Stop strings, whatever pieces the text comes in."""

from hypothesis import given
from hypothesis import strategies as st

from langue.engine import StopStrings


@given(st.text("abc", max_size=30), st.lists(st.text("abc", min_size=1, max_size=4), max_size=3), st.data())
def test_a_text_ends_before_its_first_stop_string_however_it_is_cut(text, stops, data):
    places = [text.find(stop) for stop in stops if stop in text]
    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    shown, watcher, rest = "", StopStrings(stops), text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        shown += watcher.push(rest[:size])
        rest = rest[size:]
        for place in places:
            assert len(shown) <= max(place, min(ends))
    shown += watcher.flush()
    assert watcher.stopped == bool(places)
    if not places:
        assert shown == text
    else:
        assert text.startswith(shown)
        assert not any(stop in shown for stop in stops)


def test_what_begins_a_stop_string_is_held_back_until_it_is_none():
    watcher = StopStrings(["\n\nUser:"])
    assert watcher.push("Hello\n") == "Hello"
    assert watcher.push("\nUs") == ""
    assert watcher.push("e it") == "\n\nUse it"
    assert watcher.push("!\n\nUser: x") == "!"
    assert watcher.stopped
    assert watcher.push("more") == watcher.flush() == ""
