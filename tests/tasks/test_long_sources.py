"""Sources that are too long: split between sentences whatever script they are in, and nothing lost."""

import pytest

from langue.account import TextAccount, accounting
from langue.data.pair_encoder import PairEncoder
from langue.tasks.rewriting.sources import read_sources
from langue.text import TokenizerSettings, train_tokenizer
from langue.text.sentences import joined

ROOM = 40

SENTENCES = {
    "English": ["The old king saw a boat. ", "Was it red? ", "Yes! ", "It came near; he waited: long. "],
    "lower case": ["the old king saw a boat. ", "was it red? ", "yes! "],
    "Chinese": ["老国王看见一条红色的船。", "它是红的吗？", "是的！", "他说：“来了。”", "船近了；他等着"],
    "Chinese with marks of others": ["老国王看见一条红色的船.", "它是红的吗?", "是的!"],
    "Japanese": ["王様は赤い船を見ました。", "本当ですか？", "「はい。」", "はい！", "ｿｳﾃﾞｽ｡", "船が来た．"],
    "Thai": ["กษัตริย์ชราเห็นเรือ ", "เรือลำนั้นสีแดง ", "เรือเข้ามาใกล้ ๚"],
    "Hindi": ["बूढ़े राजा ने एक नाव देखी।", "क्या वह लाल थी? ", "हाँ॥"],
    "Arabic": ["رأى الملك العجوز قاربا. ", "هل كان أحمر؟", "نعم! "],
    "Urdu": ["بوڑھے بادشاہ نے کشتی دیکھی۔", "کیا وہ لال تھی؟"],
    "Burmese": ["ဘုရင်ကြီးလှေကိုမြင်သည်။", "လှေသည်နီသည်။"],
    "Khmer": ["ស្តេចចាស់ឃើញទូក។", "ទូកពណ៌ក្រហម។"],
    "Tibetan": ["རྒྱལ་པོས་གྲུ་མཐོང་།", "གྲུ་དམར་པོ་ཡིན།"],
    "Armenian": ["Ծեր թագավորը նավ տեսավ։ ", "Նավը կարմիր էր։ "],
    "Amharic": ["ንጉሡ መርከብ አየ።", "መርከቡ ቀይ ነው።"],
    "lines": ["the old king\n", "saw a red boat\n"],
}


def bare(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("script", SENTENCES)
def test_a_long_text_is_split_between_sentences_of_any_script(script: str) -> None:
    sentences = SENTENCES[script] * 9
    text = "".join(sentences)
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), [text])
    sides = PairEncoder(tokenizer, tokenizer, {}, ROOM + 1, ROOM)
    account = TextAccount()
    with accounting(account):
        found = read_sources([text, sentences[0]], sides, (), "split")
    assert (account.split, account.cut.total(), found.empty) == (1, 0, 0)
    assert account.characters == len(text) + len(sentences[0])
    assert found.owners[-1] == 1
    pieces = [tokenizer.decode(ids) for ids in found.ids[:-1]]
    assert bare("".join(pieces)) == bare(text)
    assert all(2 < len(piece) <= ROOM for piece in pieces)
    ends = {0}
    for sentence in sentences:
        ends.add(max(ends) + len(bare(sentence)))
    place = 0
    for piece in pieces:
        place += len(bare(piece))
        inner = script in ("English", "Chinese") and piece[-1] in ";:；："
        assert place in ends or inner, piece


def test_what_has_no_pause_is_cut() -> None:
    tokenizer = train_tokenizer(TokenizerSettings(kind="char"), ["老国王看见船"])
    sides = PairEncoder(tokenizer, tokenizer, {}, ROOM + 1, ROOM)
    account = TextAccount()
    with accounting(account):
        found = read_sources(["老国王看见船" * 20], sides, (), "split")
    assert (account.split, account.cut.total(), len(found.ids)) == (0, 1, 1)


def test_a_piece_keeps_what_stands_between_its_sentences() -> None:
    tokenizer = train_tokenizer(TokenizerSettings(kind="byte"), [])
    sides = PairEncoder(tokenizer, tokenizer, {}, ROOM + 1, ROOM)
    found = read_sources(["One  two.\nThree.  Four five six seven eight. Nine."], sides, (), "split")
    assert [tokenizer.decode(ids) for ids in found.ids] == ["One  two.\nThree.", "Four five six seven eight. Nine."]


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["One.", "Two."], "One. Two."),
        (["一。", "二！", "three"], "一。二！three"),
        (["他说：“是。”", "「はい。」", "x"], "他说：“是。”「はい。」x"),
        (["안녕", "하세요."], "안녕 하세요."),
        (["राजा।", "नाव।"], "राजा। नाव।"),
        (["", "a", "", "b"], "a b"),
        ([], ""),
    ],
)
def test_what_was_written_of_pieces_is_joined_as_the_script_does(parts: list[str], text: str) -> None:
    assert joined(parts) == text
