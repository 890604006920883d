"""The page, in a real browser: it shows what the routes answer, as text, to keyboards and pointers, on any screen."""

from __future__ import annotations

import json
import math
import re
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright
from served import indexed, listener, rewriter, serving, sound, writer

from langue.serve.page import page_and_policy
from langue.tasks.summarize.predict import Summarize
from langue.tasks.translate.predict import Translate

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium to look at the page with; install one: apt-get install chromium"
)

TEMPLATE = """\
{%- for message in messages -%}{{ message.role }}: {{ message.content }}
{% endfor -%}{%- if add_generation_prompt -%}assistant: {%- endif -%}"""
KEY = "a key that opens this server"
TABS = ("chat", "complete", "translate", "summarize", "transcribe", "search", "attention")


def chatting(context: int = 256):
    task = writer(kind="byte-bpe", context=context)
    task.tokenizer.chat_templates = {"default": TEMPLATE}
    return task


def endless():
    """A writer that never ends by itself."""
    task = chatting(4096)
    task.tokenizer.ends = ()
    return task


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    tasks = {
        "tiny": chatting(),
        "endless": endless(),
        "letters": writer(),
        "translator": rewriter(Translate),
        "polyglot": rewriter(Translate, ("de", "fr")),
        "teller": rewriter(Summarize),
        "ear": listener(),
    }
    with serving(tasks) as server:
        indexed(server, tmp_path_factory.mktemp("page") / "index")
        yield server


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Opens pages, and looks that none of them asks anybody else for anything, or has failed."""
    requests, faults, contexts = [], [], []

    def open_page(server, tab="", **options):
        contexts.append(browser.new_context(**{"viewport": {"width": 1000, "height": 800}, **options}))
        contexts[-1].on("request", lambda request: requests.append(request.url))
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto(f"{server.url}/#{tab}")
        page.wait_for_selector("[role=tab], .key")
        open_page.origins.add(server.url)
        return page

    open_page.origins, open_page.expected = set(), ()
    yield open_page
    for context in contexts:
        context.close()
    strange = [url for url in requests if not url.startswith((*open_page.origins, "data:", "blob:"))]
    assert not strange
    assert not [fault for fault in faults if not any(words in fault for words in open_page.expected)]


LONG = re.compile(".{20}", re.DOTALL)
"""A text that is under way."""


def until(page, condition):
    """Let the page go on until something holds, for ten seconds at most."""
    for _ in range(500):
        if condition():
            return
        page.wait_for_timeout(20)
    raise AssertionError("it did not come")


def panel(page, tab):
    return page.locator(f"#panel-{tab}")


def fill(page, **values):
    """Fill settings of the panel that is shown."""
    page.locator("[role=tabpanel]:not([hidden]) summary", has_text="Settings").click()
    for name, value in values.items():
        page.locator(f"[role=tabpanel]:not([hidden]) [name={name}]").fill(value)


def copied(page, press):
    """The text that a press of a button copies."""
    page.evaluate("navigator.clipboard.writeText = async text => { window.copied = text; }")
    press.click()
    return page.evaluate("window.copied")


def chat(page, text="the old king"):
    area = page.get_by_label("Message")
    area.fill(text)
    area.press("Enter")


def test_an_answer_is_that_of_the_route(served, opened):
    page = opened(served, "chat")
    fill(page, seed="5", temperature="0.9", max_tokens="40", system="red")
    chat(page)
    messages = [{"role": "system", "content": "red"}, {"role": "user", "content": "the old king"}]
    create = served.client().chat.completions.create
    options = {"model": "tiny", "seed": 5, "temperature": 0.9, "max_tokens": 40}
    first = create(messages=messages, **options).choices[0].message.content
    assert copied(page, page.get_by_text("Copy", exact=True).last) == first
    chat(page, "a boat")
    messages += [{"role": "assistant", "content": first}, {"role": "user", "content": "a boat"}]
    second = create(messages=messages, **options).choices[0].message.content
    expect(page.locator(".assistant:not(.working)")).to_have_count(2)
    assert copied(page, page.get_by_text("Copy", exact=True).last) == second
    page.locator(".retry:visible").click()
    expect(page.locator(".assistant:not(.working)")).to_have_count(2)
    assert copied(page, page.get_by_text("Copy", exact=True).last) == second


def test_stop_stops(served, opened):
    page = opened(served, "chat")
    page.locator("#model").select_option("endless")
    chat(page)
    expect(page.locator(".said")).to_have_text(LONG)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.locator(".under")).to_contain_text("stopped")
    text = page.locator(".said").inner_text()
    until(page, lambda: "langue_running_rows 0" in served.http.get("/metrics").text)
    assert page.locator(".said").inner_text() == text


def events(*texts, end="data: [DONE]\n\n"):
    """A stream of a chat as the route writes it."""
    choices = [[{"index": 0, "delta": {"content": text}, "finish_reason": None}] for text in texts]
    return "".join(f"data: {json.dumps({'choices': choice, 'seed': 1})}\n\n" for choice in choices) + end


BLOCKS, PARTS = {"h3", "p", "ul", "li", "blockquote", "pre", "table", "tr", "th", "td"}, {"code", "strong"}
OURS = BLOCKS | PARTS | {"div", "span", "button"}
HOSTILE = "<script>window.bad = 1</script> <img src=x onerror='window.bad = 2'> **<b>bold</b>** [a](javascript:bad)\n"


def test_what_a_model_writes_is_text(served, opened):
    page = opened(served, "chat")
    code = "```html\n<iframe srcdoc='<script>parent.bad = 3</script>'></iframe>\n```\n"
    blocks = "- <a href='javascript:bad'>x</a>\n> <style>* { display: none }</style>\n\n"
    table = "| <u>a | b |\n|---|:-:|\n| <s>c | d |\n\n"
    text = f"# <svg onload='bad = 4'>\n{HOSTILE}{blocks}{table}{code}"
    answer = {"content_type": "text/event-stream", "body": events(*re.findall(r"(?s).{1,7}", text))}
    page.route("**/v1/chat/completions", lambda route: route.fulfill(**answer))
    chat(page, HOSTILE)
    expect(page.locator(".retry")).to_be_visible()
    for part in (
        "<script>window.bad = 1</script>",
        "<img src=x onerror='window.bad = 2'>",
        "<b>bold</b>",
        "<svg onload",
    ):
        assert part in page.locator(".said").inner_text()
    assert page.locator(".user").inner_text().endswith(HOSTILE.strip())
    inside = page.eval_on_selector_all(".talk *", "all => all.map(element => element.localName)")
    assert set(inside) <= OURS
    assert set(inside) >= BLOCKS | PARTS
    assert page.evaluate("window.bad") is None
    assert copied(page, page.get_by_text("Copy", exact=True)) == text


def test_a_keyboard_is_enough(served, opened):
    page = opened(served)
    page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    press = page.keyboard.press
    press("Tab")
    press("Tab")
    assert page.evaluate("document.activeElement.id") == "tab-chat"
    keys = {"ArrowRight": "complete", "End": "attention", "ArrowLeft": "search", "Home": "chat"}
    for key, tab in keys.items():
        press(key)
        assert page.evaluate("document.activeElement.id") == f"tab-{tab}"
        assert panel(page, tab).is_visible()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "Message"
    page.keyboard.type("the old")
    press("Shift+Enter")
    page.keyboard.type("king")
    assert page.locator(".user").count() == 0
    press("Enter")
    expect(page.locator(".assistant:not(.working)")).to_have_count(1)
    assert page.locator(".user").inner_text().endswith("the old\nking")
    page.locator("#model").select_option("endless")
    page.get_by_label("Message").focus()
    page.keyboard.type("sea")
    press("Enter")
    expect(page.locator(".said").nth(1)).to_have_text(LONG)
    press("Escape")
    expect(panel(page, "chat").locator(".under").last).to_contain_text("stopped")


def test_a_short_context_has_room_for_what_is_asked_by_default(served, opened):
    page = opened(served, "complete")
    page.locator("#model").select_option("letters")
    fill(page, seed="3", temperature="1")
    page.get_by_label("Beginning").fill("the old ")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".under")).to_contain_text("seed 3")
    context = served.client().models.retrieve("letters").context
    assert page.locator("[name=max_tokens]").input_value() == str(context // 4)
    page.get_by_role("button", name="Go on from here").click()
    expect(page.locator(".under")).to_contain_text("seed 3")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_tokens_show_how_likely_they_were(served, opened):
    page = opened(served, "complete")
    page.locator("#model").select_option("letters")
    fill(page, seed="3", max_tokens="12", temperature="1")
    page.get_by_label("Beginning").fill("the old ")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".under")).to_contain_text("as long as was allowed")
    options = {"model": "letters", "seed": 3, "max_tokens": 12, "temperature": 1, "logprobs": 5}
    answer = served.client().completions.create(prompt="the old ", **options).choices[0]
    assert page.locator(".tokens .token").all_text_contents() == answer.logprobs.tokens
    place = 4
    chance = math.exp(answer.logprobs.token_logprobs[place])
    doubt = page.locator(".token").nth(place).evaluate("element => element.style.getPropertyValue('--doubt')")
    assert float(doubt) == pytest.approx(1 - chance, abs=1e-3)
    page.locator(".token").nth(place).hover()
    names = {name.replace(" ", "·").replace("\n", "↵") for name in answer.logprobs.top_logprobs[place]}
    assert names <= set(page.locator(".chances code").all_inner_texts())
    assert page.locator(".chances .chosen").count() == 1
    assert len(set(page.locator(".token").evaluate_all("all => all.map(e => getComputedStyle(e).backgroundColor)"))) > 3
    first = page.locator(".chances button").first
    token = first.locator("code").inner_text().replace("·", " ").replace("↵", "\n")
    first.press("Enter")
    assert page.evaluate("document.activeElement.className") == "main"
    expect(page.get_by_label("Beginning")).to_have_value("the old " + "".join(answer.logprobs.tokens[:place]) + token)


def test_tokens_that_come_together_are_gone_on_from_one_by_one(served, opened):
    page = opened(served, "complete")
    page.locator("#model").select_option("letters")
    likely = [{"t": -0.1}, {"h": -0.1}, {"e": -0.1}]
    logprobs = {"tokens": ["o", "l", "d"], "token_logprobs": [-2.0, -2.0, -2.0], "top_logprobs": likely}
    choice = {"index": 0, "text": "old", "logprobs": logprobs, "finish_reason": "length"}
    body = f"data: {json.dumps({'choices': [choice], 'seed': 3})}\n\ndata: [DONE]\n\n"
    together = {"content_type": "text/event-stream", "body": body}
    page.route("**/v1/completions", lambda route: route.fulfill(**together), times=1)
    page.get_by_label("Beginning").fill("the ")
    page.get_by_role("button", name="Go on").click()
    page.locator(".token").nth(2).hover()
    page.locator(".chances button").first.press("Enter")
    expect(page.get_by_label("Beginning")).to_have_value("the ole")


@pytest.mark.parametrize(("tab", "model"), [("translate", "translator"), ("summarize", "teller")])
def test_a_written_token_shows_where_it_looked(served, opened, tab, model):
    page = opened(served, tab)
    fill(page, max_tokens="8", beams="2")
    area = panel(page, tab).locator("textarea")
    area.fill("the old king")
    area.press("Enter")
    body = {"model": model, "input": "the old king", "alignment": True, "beams": 2, "max_tokens": 8}
    [entry] = served.post(f"/v1/{tab}", body).json()["data"]
    row = panel(page, tab).locator(".token")
    expect(row).to_have_count(len(entry["alignment"]["tokens"]))
    assert panel(page, tab).locator(".said").inner_text() == entry["text"]
    row.nth(0).focus()
    page.keyboard.press("ArrowRight")
    shown = panel(page, tab).locator(".tokens").last.locator("span")
    weights = shown.evaluate_all("all => all.map(element => Number(element.style.getPropertyValue('--weight')))")
    assert [weight**2 for weight in weights] == pytest.approx(entry["alignment"]["weights"][1], abs=2e-3)


def test_a_recording_is_written_down_in_segments_that_play(served, opened):
    page = opened(served, "transcribe")
    file = {"name": "a.wav", "mimeType": "audio/wav", "buffer": sound()}
    page.locator("input[type=file]").set_input_files([file])
    expect(page.locator(".segments button")).not_to_have_count(0)
    expected = served.client().audio.transcriptions.create(
        model="ear", file=("a.wav", sound()), response_format="verbose_json"
    )
    texts = [" ".join(text.split()) for text in page.locator(".segments span").all_inner_texts()]
    assert texts == [" ".join(segment.text.split()) for segment in expected.segments]
    page.locator(".segments button").first.click()
    until(page, lambda: page.evaluate("document.querySelector('audio').currentTime > 0"))
    assert page.evaluate("document.querySelector('audio').duration") == pytest.approx(1.0, abs=0.01)


TONE = """() => {
    navigator.mediaDevices.getUserMedia = async () => {
        const context = new AudioContext(), tone = new OscillatorNode(context);
        const end = context.createMediaStreamDestination();
        tone.connect(end); tone.start();
        return end.stream;
    };
    const send = window.fetch;
    window.fetch = (path, options) => {
        if (options.body instanceof FormData) window.sent = options.body.get("file");
        return send(path, options);
    };
}"""
"""A microphone that hears a tone, and a look at what is uploaded."""


def test_a_microphone_is_heard(served, browser, opened):
    page = opened(served, "transcribe", permissions=["microphone"])
    page.evaluate(TONE)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator(".recording")).to_have_text("Stop 0:01")
    page.locator(".recording").click()
    expect(page.locator(".segments li")).not_to_have_count(0)
    head = page.evaluate("window.sent.arrayBuffer().then(b => [...new Uint8Array(b.slice(0, 44))])")
    assert bytes(head[:4]) + bytes(head[8:12]) == b"RIFFWAVE"
    assert int.from_bytes(bytes(head[24:28]), "little") == 16_000


def test_passages_are_those_of_the_index(served, opened):
    page = opened(served, "search")
    page.get_by_label("Query").fill("red boat")
    page.get_by_label("Query").press("Enter")
    hits = served.service.indices["kings"].index.search("red boat", 10)
    expect(page.locator(".hits > li")).to_have_count(len(hits))
    assert page.locator(".hits b").all_inner_texts() == [hit.document for hit in hits]
    assert page.locator(".hits mark").all_inner_texts()[:2] == ["red", "boat"]


def test_heads_show_what_tokens_look_at(served, opened):
    page = opened(served, "attention")
    page.locator("#model").select_option("letters")
    page.get_by_label("Text").fill("the sea")
    page.get_by_role("button", name="Look").click()
    expect(page.locator(".head")).to_have_count(3)
    tokens, maps = served.task("letters").attention("the sea")
    assert page.locator(".token").all_inner_texts() == [token.replace(" ", "·") for token in tokens]
    page.locator(".head").nth(2).click()
    page.locator(".token").nth(5).focus()
    weights = page.locator(".token").evaluate_all("all => all.map(e => Number(e.style.getPropertyValue('--weight')))")
    assert [weight**2 for weight in weights] == pytest.approx(maps[-1][1][5].tolist(), abs=2e-3)


def test_a_translator_is_told_the_language_and_shows_how_it_looks(served, opened):
    page = opened(served, "translate")
    expect(page.get_by_label("Language")).to_be_hidden()
    page.locator("#model").select_option("polyglot")
    page.get_by_label("Language").select_option("fr")
    page.get_by_label("Text to translate").fill("red stars and days")
    page.get_by_role("button", name="Translate").click()
    body = {"model": "polyglot", "input": "red stars and days", "target_language": "fr"}
    text = served.post("/v1/translate", body).json()["data"][0]["text"]
    expect(panel(page, "translate").locator(".said")).to_have_text(text)
    page.locator("#tab-attention").click()
    page.locator("#model").select_option("polyglot")
    place = panel(page, "attention")
    place.get_by_label("Language").select_option("fr")
    place.get_by_label("Text", exact=True).fill("red stars and days")
    place.get_by_role("button", name="Look").click()
    expect(place.locator(".token")).not_to_have_count(0)
    expect(place.get_by_label("What is written about it")).to_have_value(text)
    assert place.locator(".tokens").last.locator("span").all_inner_texts()[:3] == ["<fr>", "r", "e"]


def show_everything(page):
    """Fill every tab with what it shows."""
    long = "unbreakable" * 8
    for tab in TABS:
        page.locator(f"#tab-{tab}").click()
        place = panel(page, tab)
        if tab == "chat":
            chat(page, f"{long} the old king")
            expect(page.locator(".assistant:not(.working)")).to_have_count(1)
        elif tab == "transcribe":
            place.locator("input[type=file]").set_input_files(
                [{"name": "a.wav", "mimeType": "audio/wav", "buffer": sound()}]
            )
            expect(place.locator(".segments li")).not_to_have_count(0)
        elif tab == "search":
            place.get_by_label("Query").fill("red boat")
            place.get_by_label("Query").press("Enter")
            expect(place.locator(".hits li")).not_to_have_count(0)
        else:
            place.locator("textarea").first.fill("the old king saw a red boat" if tab != "complete" else f"{long} the")
            place.locator("button.main").click()
            expect(place.locator(".token")).not_to_have_count(0)
            place.locator(".token").last.click()
        expect(place.locator("button.main")).not_to_have_text("Stop")
        yield tab


WIDE = """() => [...document.querySelectorAll("main *")]
    .filter(element => element.checkVisibility() && !element.closest(".away, pre"))
    .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
    .map(element => element.outerHTML.slice(0, 90))"""


def test_nothing_is_wider_than_a_phone(served, opened):
    page = opened(served, viewport={"width": 360, "height": 740}, has_touch=True)
    for tab in show_everything(page):
        for summary in panel(page, tab).locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab
        assert not page.evaluate(WIDE), tab


CONTRASTS = """() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const over = (colour, below) => {
        canvas.fillStyle = below; canvas.fillRect(0, 0, 1, 1);
        canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
        return `rgb(${r}, ${g}, ${b})`;
    };
    const light = colour => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const ground = element => element
        ? over(getComputedStyle(element).backgroundColor, ground(element.parentElement)) : "rgb(255, 255, 255)";
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), low = [];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
        if (element.closest("script, style, .away, option, button:disabled")) continue;
        const below = ground(element), both = [light(over(getComputedStyle(element).color, below)), light(below)];
        const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
        if (ratio < 4.5) low.push(`${ratio.toFixed(2)} ${element.className} ${walker.currentNode.data.slice(0, 30)}`);
    }
    return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_by_day_and_by_night(served, opened, scheme):
    page = opened(served, color_scheme=scheme)
    grounds = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert grounds == {"light": "rgb(251, 250, 246)", "dark": "rgb(20, 22, 26)"}[scheme]
    for tab in show_everything(page):
        assert not page.evaluate(CONTRASTS), tab


@pytest.fixture(scope="module")
def guarded():
    with serving({"tiny": chatting()}, keys=(KEY,)) as server:
        yield server


def test_a_key_is_asked_for_and_a_wrong_one_is_said(guarded, opened):
    opened.expected = ("401",)
    page = opened(guarded)
    page.get_by_label("Key").fill("another key than that")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The server does not know this key; check it and enter it again.")
    assert page.evaluate("sessionStorage.length") == 0
    page.get_by_label("Key").fill(KEY)
    page.keyboard.press("Enter")
    chat(page)
    expect(page.locator(".assistant:not(.working)")).to_have_count(1)
    page.reload()
    expect(page.get_by_label("Message")).to_be_visible()
    page.get_by_text("Forget key").click()
    expect(page.get_by_label("Key")).to_be_visible()


def test_an_error_is_shown_in_the_server_s_words(served, opened):
    opened.expected = ("400",)
    page = opened(served, "chat")
    fill(page, max_tokens="9999")
    chat(page)
    words = "max_tokens is 9,999, and behind a prompt of"
    expect(page.get_by_role("alert")).to_contain_text(words[0].upper() + words[1:])
    page.locator("[name=max_tokens]:visible").fill("5")
    page.get_by_text("Try again").click()
    expect(page.locator(".assistant:not(.working)")).to_have_count(1)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_busy_server_is_waited_for(served, opened):
    opened.expected = ("429",)
    page = opened(served, "chat")
    busy = {"status": 429, "headers": {"Retry-After": "1"}, "json": {"error": {"message": "too many requests wait"}}}
    page.route("**/v1/chat/completions", lambda route: route.fulfill(**busy), times=1)
    chat(page)
    expect(page.get_by_role("status")).to_contain_text("trying again in 1 s")
    expect(page.locator(".assistant:not(.working)")).to_have_count(1)
    expect(page.locator("#status")).to_be_empty()


def test_a_connection_that_breaks_is_said_and_what_came_stays(served, opened):
    opened.expected = ("ERR_FAILED",)
    page = opened(served, "chat")
    cut = {"content_type": "text/event-stream", "body": events("the old", " king", end="")}
    page.route("**/v1/chat/completions", lambda route: route.fulfill(**cut), times=1)
    chat(page)
    expect(page.get_by_role("alert")).to_contain_text("The connection broke before the answer was whole")
    assert page.locator(".said").inner_text() == "the old king"
    page.get_by_role("alert").get_by_text("Try again").click()
    expect(page.locator(".under")).to_contain_text("seed")
    page.route("**/v1/chat/completions", lambda route: route.abort())
    chat(page, "again")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")


def test_the_policy_allows_the_page_s_own_script_alone(served):
    answer = served.http.get("/")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not re.search(r"<(?:link|img|script|iframe)[^>]+(?:src|href)=[\"'](?!data:)", page_and_policy()[0])
    assert "innerHTML" not in answer.text
