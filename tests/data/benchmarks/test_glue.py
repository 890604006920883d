"""GLUE's files, a few lines each in the true layouts."""

import pytest

from langue.data.benchmarks import BENCHMARKS, find_benchmark, read_benchmark
from langue.errors import LangueError

MNLI = (
    "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse"
    "\tsentence1\tsentence2\t"
)
MRPC = "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n"

LAYOUTS = {
    "CoLA/train.tsv": "gj04\t1\t\tOur friends won't buy \"this analysis.\ngj04\t0\t*\tThem said\n",
    "CoLA/test.tsv": "index\tsentence\n0\tBill whistled past the house.\n",
    "SST-2/dev.tsv": "sentence\tlabel\nit 's charming\t1\nunflinchingly bleak\t0\n",
    "SST-2/test.tsv": "index\tsentence\n0\tuneasy mishmash\n1\tgood\n",
    "MRPC/train.tsv": MRPC + '1\t702876\t702977\tHe said "no.\tHe said no .\r\n0\t1\t2\ta\tb\r\n',
    "MRPC/test.tsv": "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1089874\t1089925\tPCCW 's\tCurrent\n",
    "STS-B/train.tsv": (
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
        "0\tmain-captions\tMSRvid\t2012test\t0001\tnone\tnone\tA plane.\tAn air plane.\t3.800\n"
    ),
    "QQP/train.tsv": (
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n133273\t213221\t213222\tHow?\tWhy?\t0\n"
        "12\t1\t2\tcut short\n7\t3\t4\tWho?\tWho is?\t1\n"
    ),
    "QQP/test.tsv": "id\tquestion1\tquestion2\n0\tWhere?\tWhence?\n",
    "MNLI/train.tsv": MNLI
    + "label1\tgold_label\n0\t31193\t31193n\tgovernment\t(\t(\t(R\t(R\tOne.\tTwo.\tneutral\tneutral\n",
    "MNLI/dev_matched.tsv": MNLI + "label1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label\n"
    "3\t1\t1e\tslate\t(\t(\t(\t(\tUm.\tYes.\tneutral\tneutral\tentailment\tneutral\tentailment\tentailment\n",
    "MNLI/test_mismatched.tsv": MNLI.rstrip("\t") + "\n5\t1\t1\tletters\t(\t(\t(\t(\tA.\tB.\n",
    "QNLI/dev.tsv": "index\tquestion\tsentence\tlabel\n4\tWhat?\tThat.\tentailment\n5\tWho?\tIt.\tnot_entailment\n",
    "RTE/dev.tsv": "index\tsentence1\tsentence2\tlabel\n9\tDana died.\tHe lives.\tnot_entailment\n",
    "WNLI/dev.tsv": "index\tsentence1\tsentence2\tlabel\n0\tThe drain is clogged.\tIt is.\t1\n1\tA.\tB.\t0\n",
    "diagnostic/diagnostic.tsv": "index\tsentence1\tsentence2\n0\tThe cat sat.\tThe cat did not.\n",
}

ROWS = {
    ("CoLA", "train"): [
        {"text": "Our friends won't buy \"this analysis.", "label": "acceptable", "index": 0},
        {"text": "Them said", "label": "unacceptable", "index": 1},
    ],
    ("CoLA", "test"): [{"text": "Bill whistled past the house.", "index": 0}],
    ("SST-2", "dev"): [
        {"text": "it 's charming", "label": "positive", "index": 0},
        {"text": "unflinchingly bleak", "label": "negative", "index": 1},
    ],
    ("SST-2", "test"): [{"text": "uneasy mishmash", "index": 0}, {"text": "good", "index": 1}],
    ("MRPC", "train"): [
        {"sentence1": 'He said "no.', "sentence2": "He said no .", "label": "equivalent", "index": 0},
        {"sentence1": "a", "sentence2": "b", "label": "not_equivalent", "index": 1},
    ],
    ("MRPC", "test"): [{"sentence1": "PCCW 's", "sentence2": "Current", "index": 0}],
    ("STS-B", "train"): [{"sentence1": "A plane.", "sentence2": "An air plane.", "label": 3.8, "index": 0}],
    ("QQP", "train"): [
        {"sentence1": "How?", "sentence2": "Why?", "label": "not_duplicate", "index": 133273},
        {"sentence1": "Who?", "sentence2": "Who is?", "label": "duplicate", "index": 7},
    ],
    ("QQP", "test"): [{"sentence1": "Where?", "sentence2": "Whence?", "index": 0}],
    ("MNLI", "train"): [{"sentence1": "One.", "sentence2": "Two.", "label": "neutral", "index": 0}],
    ("MNLI", "dev"): [{"sentence1": "Um.", "sentence2": "Yes.", "label": "entailment", "index": 3}],
    ("MNLI", "test_mismatched"): [{"sentence1": "A.", "sentence2": "B.", "index": 5}],
    ("QNLI", "dev"): [
        {"sentence1": "What?", "sentence2": "That.", "label": "entailment", "index": 4},
        {"sentence1": "Who?", "sentence2": "It.", "label": "not_entailment", "index": 5},
    ],
    ("RTE", "dev"): [{"sentence1": "Dana died.", "sentence2": "He lives.", "label": "not_entailment", "index": 9}],
    ("WNLI", "dev"): [
        {"sentence1": "The drain is clogged.", "sentence2": "It is.", "label": "entailment", "index": 0},
        {"sentence1": "A.", "sentence2": "B.", "label": "not_entailment", "index": 1},
    ],
    ("AX", "test"): [{"sentence1": "The cat sat.", "sentence2": "The cat did not.", "index": 0}],
}


@pytest.fixture
def glue(write, tmp_path):
    for name, content in LAYOUTS.items():
        write(f"glue_data/{name}", content)
    return tmp_path / "glue_data"


@pytest.mark.parametrize(("task", "split"), ROWS)
def test_every_layout_gives_its_rows(glue, task, split):
    assert read_benchmark(f"glue/{task}", glue, split) == ROWS[task, split]


def test_every_task_is_tried():
    assert {f"glue/{task}" for task, _ in ROWS} == {name for name in BENCHMARKS if name.startswith("glue/")}


def test_the_tasks_own_folder_will_do(glue):
    assert read_benchmark("glue/RTE", glue / "RTE", "dev") == ROWS["RTE", "dev"]
    assert read_benchmark("glue/AX", glue / "diagnostic", "test") == ROWS["AX", "test"]


def test_labels_may_be_class_numbers_and_columns_in_any_order(write, tmp_path):
    write("RTE/dev.tsv", "sentence1\tsentence2\tlabel\tidx\nA\tB\t1\t0\nC\tD\t0\t1\n")
    rows = read_benchmark("glue/RTE", tmp_path, "dev")
    assert [row["label"] for row in rows] == ["not_entailment", "entailment"]


def test_mrpc_from_its_makers_files(write, tmp_path):
    lines = ["1\t10\t11\ta\tb\r\n", "0\t12\t13\tc\td\r\n", "1\t14\t15\te\tf\r\n"]
    write("MRPC/msr_paraphrase_train.txt", MRPC + "".join(lines))
    write("MRPC/msr_paraphrase_test.txt", MRPC + "0\t16\t17\tg\th\r\n")
    read = {"train": ["a", "c", "e"], "test": ["g"]}
    for split, firsts in read.items():
        assert [row["sentence1"] for row in read_benchmark("glue/MRPC", tmp_path, split)] == firsts
    write("MRPC/dev_ids.tsv", "12\t13\n10\t15\n")
    read |= {"train": ["a", "e"], "dev": ["c"]}
    for split, firsts in read.items():
        assert [row["sentence1"] for row in read_benchmark("glue/MRPC", tmp_path, split)] == firsts
    (tmp_path / "MRPC/msr_paraphrase_train.txt").unlink()
    with pytest.raises(LangueError, match="which is not beside it"):
        read_benchmark("glue/MRPC", tmp_path, "dev")


def test_only_a_line_feed_ends_a_line(write, tmp_path):
    write("SST-2/dev.tsv", "sentence\tlabel\nnext\x85line\u2028and\rmore\t1\n\n")
    assert read_benchmark("glue/SST-2", tmp_path, "dev") == [
        {"text": "next\x85line\u2028and\rmore", "label": "positive", "index": 0}
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("SST-2", "sentence\tlabel\na\t1\nb\t1\tx\n", r"dev\.tsv, line 3: 3 columns where the file has 2"),
        ("SST-2", "sentence\tlabel\na\n", r"line 2: 1 columns where the file has 2"),
        ("SST-2", "sentence\tlabel\na\t2\n", r"line 2: the label '2' is unknown; known are negative, positive"),
        ("SST-2", "sentence\tlabel\na\tgood\n", "the label 'good' is unknown"),
        ("SST-2", "text\tlabel\na\t1\n", "line 2: there is no sentence; there are text, label"),
        ("SST-2", "sentence\ttag\na\t1\n", "line 2: there is no label, and only test files may lack it"),
        ("SST-2", "sentence\tlabel\n", r"dev\.tsv holds no rows"),
        ("SST-2", b"sentence\tlabel\n\xff\t1\n", "line 2: invalid UTF-8"),
        ("STS-B", "sentence1\tsentence2\tscore\na\tb\tmuch\n", "the label should be a number, got 'much'"),
        ("STS-B", "sentence1\tsentence2\tscore\na\tb\tnan\n", "the label should be a number, got 'nan'"),
    ],
)
def test_a_broken_file_is_a_sentence(write, tmp_path, name, content, said):
    write(f"{name}/dev.tsv", content)
    with pytest.raises(LangueError, match=said):
        read_benchmark(f"glue/{name}", tmp_path, "dev")


def test_what_is_not_there_is_a_sentence(glue, tmp_path):
    with pytest.raises(LangueError, match=r"there is no benchmark glue/cola; did you mean glue/CoLA?"):
        find_benchmark("glue/cola")
    with pytest.raises(LangueError, match=r"there is no benchmark imagenet; known: glue/CoLA, "):
        find_benchmark("imagenet")
    with pytest.raises(LangueError, match=r"there is no folder .*nowhere"):
        read_benchmark("glue/CoLA", tmp_path / "nowhere", "dev")
    with pytest.raises(
        LangueError, match=r"has its dev split in dev.tsv or dev_ids.tsv, which is neither in .* MRPC there"
    ):
        read_benchmark("glue/MRPC", glue, "dev")
    with pytest.raises(LangueError, match="glue/AX has no split 'train'; it has test"):
        read_benchmark("glue/AX", glue, "train")
