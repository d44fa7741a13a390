"""Secrets that a site gives: what is known of them without them."""

from __future__ import annotations

import json

import pytest

from control import given_secrets
from control.wishes import problems

GOOD = {"jupyter": {"token": "planted+value/with=signs&more"}, "anythingllm": {"SIG_KEY": "planted" * 6}}


def test_of_a_value_only_its_kind_is_known() -> None:
    assert given_secrets.shape(GOOD) == {
        "jupyter": {"token": {"characters": 29, "plain": False}},
        "anythingllm": {"SIG_KEY": {"characters": 32, "plain": True}},
    }
    assert "planted" not in json.dumps(given_secrets.shape(GOOD))
    assert given_secrets.usable(GOOD) == GOOD


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (12345678901234567, "is no text"),
        (None, "is empty"),
        ("", "is empty"),
        ("planted value of words", "a blank"),
        ("planted-välue-of-words", "outside of ASCII"),
        ("planted-value\nof-lines", "a line break"),
        ({"a": "planted"}, "is no text"),
    ],
)
def test_what_is_wrong_with_a_value_is_said_without_it(value: object, said: str) -> None:
    shape = given_secrets.shape({"jupyter": {"token": value}})
    assert said in shape["jupyter"]["token"]
    assert "planted" not in json.dumps(shape)
    assert given_secrets.usable({"jupyter": {"token": value}}) == {"jupyter": {}}


@pytest.mark.parametrize("wrong", ["planted-in-the-wrong-place", ["planted"], 5])
def test_what_is_no_mapping_is_wrong_without_being_shown(wrong: object) -> None:
    (problem,) = problems({"services_secrets": given_secrets.shape(wrong)}, "site.yml")
    assert problem.kind == "type"
    assert "must be dict" in problem.seen
    # As it stands in a file, too: that is looked at before anything is rendered.
    (written,) = problems({"services_secrets": wrong}, "site.yml")
    assert "planted" not in problem.seen + written.seen
    assert given_secrets.usable(wrong) == {}
    assert given_secrets.shape({"jupyter": wrong}) == {"jupyter": {"": "is no mapping of names to values"}}
