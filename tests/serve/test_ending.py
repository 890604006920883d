"""`langue serve` as a process: its first words, and its end after a signal."""

from __future__ import annotations

import json
import signal
import subprocess

import httpx2
import openai
from served import writer

from langue.models import save_model
from ready_python import ready_python


def test_after_sigterm_what_is_under_way_is_answered_and_nothing_new(tmp_path):
    task = writer(context=2048)
    folder = tmp_path / "kings"
    save_model(task.model, folder)
    task.tokenizer.save(folder)
    command = [*ready_python(), "-m", "langue", "serve", str(folder), f"again={folder}", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            ready = json.loads(process.stdout.readline())
            assert ready["event"] == "ready"
            assert list(ready["routes"]) == ["kings", "again"]
            url = ready["address"]
            client = openai.OpenAI(base_url=f"{url}/v1", api_key="a", max_retries=0)
            options = {"max_tokens": 1500, "min_tokens": 1500, "seed": 1, "stop": "zzz", "temperature": 1.3}
            served = {**options, "extra_body": {"min_tokens": options["min_tokens"]}}
            del served["min_tokens"]
            expected = client.completions.create(model="again", prompt="the ", **served).choices[0].text
            assert expected == task.generate("the ", **options)
            stream = client.completions.create(model="kings", prompt="the ", stream=True, **served)
            text = next(iter(stream)).choices[0].text
            process.send_signal(signal.SIGTERM)
            while httpx2.get(f"{url}/health").status_code == 200:
                pass
            refused = httpx2.post(f"{url}/v1/completions", json={"model": "kings", "prompt": "a"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
            text += "".join(choice.text for chunk in stream for choice in chunk.choices)
            assert text == expected
            output, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    events = [json.loads(line)["event"] for line in output.splitlines()]
    assert events[-1] == "ended"
    assert events.count("request") >= 4
    assert "Traceback" not in output + errors
