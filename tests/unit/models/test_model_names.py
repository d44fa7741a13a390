"""What the name of a model stands for, as Ollama reads it."""

from __future__ import annotations

import pytest

from verify import model_names


@pytest.mark.parametrize(
    ("text", "short", "manifest"),
    [
        ("llama3.2", "llama3.2:latest", "manifests/registry.ollama.ai/library/llama3.2/latest"),
        ("llama3.2:1b", "llama3.2:1b", "manifests/registry.ollama.ai/library/llama3.2/1b"),
        ("library/gemma:2b", "gemma:2b", "manifests/registry.ollama.ai/library/gemma/2b"),
        ("ada/careful", "ada/careful:latest", "manifests/registry.ollama.ai/ada/careful/latest"),
        ("hf.co/ada/Model-GGUF:Q4_K_M", "hf.co/ada/Model-GGUF:Q4_K_M", "manifests/hf.co/ada/Model-GGUF/Q4_K_M"),
        ("models.lan:5000/lab/m:1", "models.lan:5000/lab/m:1", "manifests/models.lan:5000/lab/m/1"),
        ("registry.ollama.ai/library/m", "m:latest", "manifests/registry.ollama.ai/library/m/latest"),
    ],
)
def test_a_name_has_its_defaults_and_its_place(text: str, short: str, manifest: str) -> None:
    name = model_names.parse(text)
    assert (name.short, name.manifest) == (short, manifest)
    assert model_names.full(text) == short
    assert model_names.of_manifest(manifest.removeprefix("manifests/")) == short


@pytest.mark.parametrize(
    "text",
    [
        "",
        "two words",
        "../../etc/passwd",
        "a/../b",
        ":1b",
        "m:",
        "https://x/y/m",
        "m@sha256:ab",
        "a/b/c/d",
        "-m",
        "m:-t",
        "m\n",
    ],
)
def test_what_is_no_name_leads_nowhere(text: str) -> None:
    with pytest.raises(ValueError, match="is no name of a model"):
        model_names.parse(text)
    assert model_names.full(text) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Mistral", "mistral:latest"),
        ("HF.co/Ada/m", "hf.co/ada/M:latest"),
        ("b", "b:latest"),
        ("B", "B:latest"),
        ("c", None),
    ],
)
def test_a_name_in_another_case_is_that_of_the_model_that_is_there(text: str, found: str | None) -> None:
    assert model_names.among(text, ["mistral:latest", "hf.co/ada/M:latest", "b:latest", "B:latest"]) == found
