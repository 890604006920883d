"""The training task of `answer`: any model learns to find the answers of questions in texts."""

from __future__ import annotations

from typing import Any

from langue.data.examples import Examples
from langue.data.labelled import Labelled
from langue.errors import LangueError
from langue.models import Model
from langue.models.heads import at_positions
from langue.tasks.answer.data import check, encoded_windows
from langue.tasks.answer.objective import Extract
from langue.tasks.answer.predict import Answer
from langue.tasks.answer.settings import AnswerRecipe
from langue.tasks.card_words import CardWords
from langue.tasks.table_training import TableTraining
from langue.tasks.training_task import with_vocabulary
from langue.text import Tokenizer
from langue.training import Deciding

METRICS = ("f1", "exact_match")


class AnswerTraining(TableTraining[AnswerRecipe]):
    """Two scores for each position: the first of an answer, and the last."""

    words = CardWords(
        purpose="to find answers in a text",
        pipeline="question-answering",
        command='langue answer {name} --question "Who came?" --context "Anna came first."',
        call='print(model.answer("Who came?", "Anna came first."))',
        limits="The model points at a piece of the text it is given. It says what stands there, not what is true.",
    )
    judges = "position"
    columns = ("question", "context", "answers")

    @classmethod
    def complete(cls, recipe: AnswerRecipe, tokenizer: Tokenizer) -> AnswerRecipe:
        recipe = with_vocabulary(recipe, tokenizer)
        if recipe.answer.metric not in METRICS:
            raise LangueError(f"answer.metric: {recipe.answer.metric!r} is none of {', '.join(METRICS)}")
        if recipe.model.form == "seq2seq":
            raise LangueError("task: answer wants model.form: encoder or decoder")
        if recipe.data.benchmark is not None:
            recipe = recipe.replace(answer=_of_benchmark(recipe))
        head = at_positions(recipe.model.classifier, 2)
        return recipe.replace(model={"classifier": head})

    def learn(self, rows: list[Labelled]) -> Examples:
        return Examples(encoded_windows(self.tokenizer, rows, self.recipe.answer, self.recipe.model.context))

    def check(self, row: Labelled) -> None:
        check(row)

    def objective(self) -> Extract:
        return Extract(self.recipe.training.label_smoothing)

    @property
    def deciding(self) -> Deciding:
        return Deciding(self.recipe.answer.metric, higher=True)

    def measure(self, model: Model, rows: list[Labelled]) -> tuple[dict[str, float], list[Any]]:
        task = Answer(model, self.tokenizer, self.recipe.answer)
        return task.evaluate(rows, self.recipe.training.precision)


def _of_benchmark(recipe: AnswerRecipe) -> Any:
    from langue.data.benchmarks import find_benchmark

    assert recipe.data.benchmark is not None
    benchmark = find_benchmark(recipe.data.benchmark)
    if benchmark.kind != "answer":
        raise LangueError(f"{benchmark.name} asks for no answers from a text; set task: classify")
    return recipe.answer.replace(no_answer=benchmark.name == "squad/2.0")
