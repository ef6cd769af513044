"""Under load: a new model, a damaged one, too many requests, and SIGTERM."""

import json
import shutil
import signal
import threading
import time
from collections import Counter
from http.client import HTTPException

import pytest

from reference.trained import make_file
from tronrec.errors import UserError
from tronrec.serving.app import Service
from tronrec.serving.models import ModelStore
from tronrec.serving.settings import ServiceSettings

from .conftest import Client, serving, wait_until

SESSION = make_file().item_ids.to_list()[:4]


class Load(threading.Thread):
    """A client that asks on and on, and notes what it gets."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.client, self.answers = Client(port), Counter()
        self.refused = self.wrong = 0
        self.stopped = threading.Event()
        self.start()

    def run(self) -> None:
        body = {"session": SESSION, "k": 5}
        while not self.stopped.is_set():
            try:
                status, content, _ = self.client.ask("POST", "/recommend", body)
            except (ConnectionError, HTTPException):
                self.refused += 1
                return
            if status == 200:
                given = json.loads(content)["recommendations"]
                self.answers[tuple(one["item"] for one in given)] += 1
            elif status == 503:
                self.refused += 1
            else:
                self.wrong += 1

    def stop(self) -> Counter:
        self.stopped.set()
        self.join()
        self.client.connection.close()
        return self.answers


def first_five(model) -> tuple[str, ...]:
    return tuple(one for one in model.recommend([SESSION], k=5)["item"])


def test_a_new_model_takes_over_and_a_damaged_one_does_not(tmp_path):
    path = tmp_path / "model.safetensors"
    make_file(0).checkpoint().save(path)
    store = ModelStore(path, "cpu")
    settings = ServiceSettings(watch_seconds=0.05)
    with serving(Service(store, settings)) as port:
        loads = [Load(port) for _ in range(4)]
        old = first_five(store.current.model)
        damaged = tmp_path / "damaged"
        damaged.write_bytes(path.read_bytes()[:-100])
        damaged.replace(path)  # in one move: half of a file would be refused, too
        wait_until(lambda: store.refused == 1)
        broken = make_file(2)
        broken.model.encoder.norm.weight.data[:] = float("nan")
        broken.checkpoint().save(path)
        wait_until(lambda: store.refused == 2)
        path.unlink()
        time.sleep(0.2)
        make_file(1).checkpoint().save(path)
        wait_until(lambda: store.loaded == 2)
        new = first_five(store.current.model)
        time.sleep(0.5)
        answers = sum((load.stop() for load in loads), Counter())
        assert {*answers} == {old, new} and old != new
        assert not any(load.refused or load.wrong for load in loads)
        with Client(port) as client:
            text = client.ask("GET", "/metrics")[1].decode()
        assert "models_loaded 2.0" in text and "models_refused 2.0" in text


def test_too_many_requests_are_refused_in_time(model_path):
    store = ModelStore(model_path, "cpu")
    answer = store.answer

    def slowly(requests):
        time.sleep(0.05)
        return answer(requests)

    store.answer = slowly
    settings = ServiceSettings(waiting=2, batch=1)
    with serving(Service(store, settings)) as port:
        loads = [Load(port) for _ in range(12)]
        status = 200
        with Client(port) as client:
            while status == 200:
                status, _, headers = client.ask("POST", "/recommend", {"session": []})
        assert (status, headers["retry-after"]) == (503, "1")
        time.sleep(1)
        answers = sum((load.stop() for load in loads), Counter())
        assert len(answers) == 1 and sum(load.refused for load in loads) > 10
        assert not any(load.wrong for load in loads)


def test_sigterm_finishes_what_is_under_way(start, model_path):
    process, port = start(f"--model={model_path}")
    loads = [Load(port) for _ in range(4)]
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=60)
    answers = sum((load.stop() for load in loads), Counter())
    lines = [json.loads(line) for line in printed.splitlines()]
    answered = [one for one in lines if one.get("path") == "/recommend"]
    assert {one["status"] for one in answered} == {200}
    assert len(answered) == sum(answers.values()) > 0
    assert process.returncode in {0, -signal.SIGTERM}


def test_what_cannot_be_served_is_refused_in_a_line(python, tmp_path, model_path):
    def fail(*options: str) -> str:
        done = python("-m", "tronrec", "serve", *options)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        return done.stderr

    assert "no such file; the train_*" in fail(f"--model={tmp_path / 'no'}")
    damaged = tmp_path / "damaged"
    shutil.copy(model_path, damaged)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert "not a readable tronrec checkpoint" in fail(f"--model={damaged}")
    with pytest.raises(UserError, match="not finite"):
        broken = make_file(2)
        broken.model.item_embeddings.data[3] = float("inf")
        broken.checkpoint().save(damaged)
        ModelStore(damaged, "cpu")
    assert "waiting = 0: Input" in fail(f"--model={model_path}", "--waiting=0")
    assert "no readable table" in fail(f"--model={model_path}", "--items=nowhere.csv")
