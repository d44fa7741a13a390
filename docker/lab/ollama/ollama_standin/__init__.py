"""gpuhost's lab stand-in for Ollama: the HTTP API of its docs/api.md, computed by llama.cpp on the CPU.

Written from Ollama's documentation; it is not Ollama and holds none of its code.
"""

NAME = "ollama"
HEADER = "X-Gpuhost-Stand-In"
VERSION = "0.0.0-gpuhost-lab"  # a version that no release of Ollama can have
NOTICE = (
    "this is gpuhost's lab stand-in for Ollama, not Ollama: text is computed by llama.cpp on the CPU "
    "with a tiny model, nothing runs on a GPU"
)
