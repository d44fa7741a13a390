"""Language models: whether they exist, fit and come; presets made of them."""

from __future__ import annotations

from control.catalogue.entry import Entry, notes, stopping, warnings
from control.exitcodes import ExitCode

ENTRIES: tuple[Entry, ...] = (
    *stopping(
        ExitCode.BAD_INPUT,
        (
            "GH-MODEL-UNKNOWN",
            "A model that the registry does not have",
            "it cannot be fetched, and what is to use it would have nothing to answer with",
            "[did you mean {near}? ]check the name and the tag; Ollama's library lists both: https://ollama.com/library",
        ),
        (
            "GH-MODEL-ABSENT",
            "A model that no host has",
            "there is nothing to remove under this name",
            "[did you mean {near}? ]`./gpuhost models.list` shows what there is",
        ),
        (
            "GH-MODEL-UNNAMED",
            "No model was named",
            "which ones are meant is yours to say",
            "name one or more, such as llama3.2:1b",
        ),
    ),
    *stopping(
        ExitCode.STEP_FAILED,
        (
            "GH-MODEL-FAILED",
            "A model could not be fetched",
            "apps that use it have nothing to answer with; what came of it is kept",
            "check that the host reaches the model's registry, then run again: it goes on where it was cut off",
        ),
        (
            "GH-MODEL-FILE",
            "A model's file cannot be loaded",
            "the service that loads it cannot start",
            "correct services_llamacpp_model, or make the file readable; `./gpuhost models.list` shows what Ollama keeps",
        ),
        (
            "GH-MODEL-SERVER",
            "Ollama does not answer",
            "models are fetched and presets made by it",
            "`./gpuhost services` shows its state; `./gpuhost up` brings it",
        ),
        (
            "GH-PRESET-FAILED",
            "A preset could not be made",
            "whoever asks for it by its name gets an error",
            "correct it in services_model_presets by what Ollama said, then run again",
        ),
        (
            "GH-PRESET-TAKEN",
            "A preset has the name of a model that somebody else made",
            "a user's model is never overwritten",
            "call the preset otherwise in services_model_presets, or remove that model: `./gpuhost models.remove NAME:TAG`",
        ),
    ),
    *stopping(
        ExitCode.INTEGRITY,
        (
            "GH-MODEL-DIGEST",
            "What came of a model is not what its digest says",
            "it was changed on the way or at its source, and was thrown away",
            "run again; if it stays so, tell whoever runs the registry or the proxy before it, and take the model elsewhere",
        ),
    ),
    *warnings(
        (
            "GH-MODEL-MEMORY",
            "A model is larger than the memory",
            "it will not load, or only while everything else is thrown out of memory, and answer very slowly",
            "take a smaller one or a smaller quantisation, or set a smaller context",
        ),
        (
            "GH-MODEL-UNSIZED",
            "Nobody could say how large a model is",
            "neither disk nor memory could be compared with it, and fetching it may fail for the same reason",
            "let the host reach the registry that the message names, directly or through its proxy",
        ),
        (
            "GH-MODEL-CACHE",
            "The site's model cache was of no use",
            "what is missing comes from the registry, once for each host",
            "mend what the message names; the others have to reach the cache at services_model_cache_address and its port",
        ),
        (
            "GH-MODEL-REMOTE",
            "A model that is computed elsewhere",
            "prompts and answers leave the host, and its GPU has nothing to do",
            "take the model without `cloud` in its tag, unless that is what you want",
        ),
    ),
    *notes(
        (
            "GH-MODEL-PARTLY",
            "A model does not fit the GPU as a whole",
            "the rest is computed by the processors, which makes it several times slower",
            "nothing to do, or a smaller model, quantisation or context",
        ),
        (
            "GH-MODEL-THEIRS",
            "A model that gpuhost did not bring",
            "what somebody else made or fetched goes only by its whole name",
            "if it is to go: `./gpuhost models.remove {name}`",
        ),
        (
            "GH-MODEL-WANTED",
            "A model that the site still wants",
            "the next `up` fetches it again",
            "take it out of services_models, and out of services_model_presets, if it is to stay away",
        ),
        (
            "GH-PRESET-KEPT",
            "A preset had been replaced by hand",
            "the one of the site is back; what somebody made of it is kept under another name",
            "remove it when nobody misses it, or put its settings into services_model_presets",
        ),
    ),
)
