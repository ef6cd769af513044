"""Over HTTP: the lists that were evaluated, and refusals that say what is wrong."""

import json
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference.data import random_sessions
from reference.trained import ITEMS, make_file
from tronrec.evaluation.ranking import rank_targets
from tronrec.serving.app import Service
from tronrec.serving.models import ModelStore
from tronrec.serving.settings import ServiceSettings

from .conftest import Client, serving, wait_until

IDS = make_file().item_ids.to_list()


def test_answers_are_the_lists_that_were_evaluated(client: Client):
    """Some hundred prefixes: the rank of what came next is the evaluation's."""
    file = make_file()
    packed = random_sessions(3, sessions=60, num_items=ITEMS, longest=15)
    ranks = iter(rank_targets(file.model, file.terms, packed, depth=20).ranks)
    for clicks in np.split(packed.items, packed.offsets[1:-1]):
        names = [IDS[number - 1] for number in clicks]
        for end in range(1, len(names)):
            listed = client.items(names[:end], k=20)
            assert [*listed, names[end]].index(names[end]) + 1 == next(ranks)
    assert next(ranks, None) is None


def test_options_choose_what_is_recommended(client: Client):
    session = IDS[3:6]
    best = client.items(session, k=10)
    assert client.items(session, k=3) == best[:3]
    without = client.items(session, k=9, exclude=best[:1])
    assert without == best[1:]
    assert not {*session} & {*client.items(session, exclude_seen=True)}
    assert client.items(session, allow=best[4:6]) == best[4:6]
    given = client.recommend(["gone", 7], k=2)
    assert given["fallback"] and given["unknown"] == ["gone", 7]
    assert len(given["recommendations"]) == 2


@pytest.mark.parametrize(
    ("body", "field", "value", "problem"),
    [
        (b"nope", "body", "nope", "Invalid JSON"),
        (b"", "body", "", "Invalid JSON"),
        (b"[" * 5000, "body", "[" * 80, "recursion limit"),
        (b'{"session": [' + b"9" * 5000 + b"]}", "body", None, "number out of range"),
        (b'{"session": ["\\ud800"]}', "body", None, "Invalid JSON"),
        ({"session": [True]}, "session.0", "True", "a whole number or text"),
        ({"session": [1.0]}, "session.0", "1.0", "a whole number or text"),
        ({"session": [float("nan")]}, "session.0", "nan", "a whole number or text"),
        ({"session": "sku-0100"}, "session", "sku-0100", "must be a valid array"),
        ({}, "session", "{}", "Field required"),
        ({"session": [], "k": 0}, "k", "0", "must be greater than or equal to 1"),
        ({"session": [], "k": 51}, "k", "51", "must be at most 50"),
        ({"session": [], "k": 10**30}, "k", str(10**30), "must be at most 50"),
        ({"session": [], "k": "5"}, "k", "5", "must be a valid integer"),
        ({"session": 101 * ["a"]}, "session", "101 items", "must be at most 100 items"),
        ({"session": [], "sesion": []}, "sesion", "[]", "not permitted"),
        ({"session": [], "exclude": None}, "exclude", "None", "must be a valid array"),
    ],
)
def test_a_refusal_names_field_value_and_limit(client, body, field, value, problem):
    status, problems = client.refused(body)
    assert status == 422
    assert value is None or problems[field]["value"] == value
    assert problem in problems[field]["problem"]


def test_a_large_body_is_refused_before_it_is_read(client: Client):
    status, problems = client.refused(b"x" * 20_001)
    assert status == 413
    assert problems["body"]["problem"] == "must be at most 20000 bytes"
    client.connection.close()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)
names = st.sampled_from(["session", "k", "exclude", "exclude_seen", "allow", "x"])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(names, json_values).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_sent_it_is_never_a_failure_of_the_service(client: Client, body):
    status, content, _ = client.ask("POST", "/recommend", body)
    assert status in {200, 422}
    json.loads(content)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/recommend", 405),
        ("POST", "/", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/items?query=%ff%00&query=2", 200),
        ("GET", "/items?query=" + 201 * "a", 422),
        ("GET", "/items?" + 41 * "item=a&", 422),
        ("GET", "/items?item=%F0%9F%98%80&item=", 200),
        ("GET", "/docs", 404),
        ("DELETE", "/model", 405),
    ],
)
def test_other_requests_have_their_status(client: Client, method, path, status):
    assert client.ask(method, path)[0] == status


def test_items_are_found_by_title_or_id(client: Client):
    assert [one["item"] for one in client.get("/items?query=SHOES")] == [
        "sku-0100",
        "sku-0101",
    ]
    [red] = client.get("/items?query=red")
    assert red["title"] == "Red shoes" and red["picture"].endswith("red.png")
    file = make_file()
    assert red["clicks"] == file.item_counts[0]
    assert red["trend"] == pytest.approx(file.terms.trend[1].exp().item())
    assert len(client.get("/items?query=sku-01")) == 20
    assert client.get("/items?query=.*") == []
    found = client.get("/items?item=sku-0101&item=sku-9999&item=sku-0100")
    assert {one["item"] for one in found} == {"sku-0100", "sku-0101"}


def test_the_service_tells_what_it_is(client: Client):
    assert client.get("/health") == {"status": "alive"}
    assert client.get("/ready")["status"] == "ready"
    card = client.get("/model")
    assert (card["system"], card["epoch"], card["items"]) == ("tron_xl", 1, ITEMS)
    client.recommend(IDS[:1])
    text = client.ask("GET", "/metrics")[1].decode()
    counted = re.search(r'requests_total\{path="/recommend",status="200"\} (\d+)', text)
    assert counted and int(counted[1]) > 0
    described = client.get("/openapi.json")["paths"]["/recommend"]["post"]
    body = described["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"].keys() >= {"session", "k", "exclude", "allow"}


def test_the_page_needs_nothing_from_elsewhere(client: Client):
    status, content, headers = client.ask("GET", "/")
    text = content.decode()
    assert status == 200 and "default-src 'none'" in headers["content-security-policy"]
    assert not re.search(r"(src|href)=[\"']?(https?:)?//|@import|url\(", text)


def test_a_request_has_an_id_and_one_line_in_the_log(client: Client, caplog):
    """Its line follows the answer, so those of earlier requests may come meanwhile."""
    caplog.set_level("INFO", "tronrec.serving.observing")

    def find_lines(name: str) -> list[dict]:
        lines = [r.facts for r in caplog.records if hasattr(r, "facts")]
        return [line for line in lines if line["request"] == name]

    for name in ("abc-1", "abc-2"):
        headers = client.ask("GET", "/health", **{"X-Request-ID": name})[2]
        assert headers["x-request-id"] == name
    wait_until(lambda: find_lines("abc-2"))
    [line] = find_lines("abc-1")
    assert line["status"] == 200 and line["ms"] > 0
    headers = client.ask("GET", "/health", **{"X-Request-ID": 'a"b\t'})[2]
    assert re.fullmatch("[0-9a-f]{16}", headers["x-request-id"])


def test_a_token_is_asked_for_where_there_is_one(model_path):
    service = Service(ModelStore(model_path, "cpu"), ServiceSettings(), "secret")
    with serving(service) as port:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            with Client(port, headers) as stranger:
                for path in ("/model", "/metrics", "/items?query="):
                    assert stranger.ask("GET", path)[0] == 401
                status, problems = stranger.refused({"session": []})
                assert status == 401 and "Authorization" in problems
                assert stranger.get("/ready")["status"] == "ready"
        with Client(port, {"Authorization": "Bearer secret"}) as friend:
            assert len(friend.items([])) == 20
